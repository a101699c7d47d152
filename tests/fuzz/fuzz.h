/* What the fuzz targets share: a repeatable source of random numbers, and the loop.
 *
 * A target makes one random input from its seed, gives it to the code under test, and returns; the code has to survive, with
 * assertions on, whatever the input is. `target FIRST COUNT` runs the seeds FIRST … FIRST+COUNT-1, so that a seed that
 * a crash names can be run again alone. Groups of seeds run in a child each: what one leaves behind (mappings, descriptors)
 * does not grow, and a crash is reported with the seed it happened at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FUZZ_SKIP = 77 };   /* exit status of start(): not on this system; and so of the target, which Meson counts as skipped */

struct fuzz { uint64_t seed, state; };

/** The next random number, and one below n (n > 0). */
uint64_t fuzz_next(struct fuzz *f);
uint64_t fuzz_below(struct fuzz *f, uint64_t n);

struct fuzz_target {
    const char *name;
    unsigned group;                       /* seeds a child: those with the same quotient by this */
    unsigned seconds;                     /* a child that takes longer is stuck */
    void (*start)(uint64_t seed);         /* once a child, before its first seed; NULL for nothing */
    void (*one)(struct fuzz *f);
    bool (*death_is_fine)(int status);    /* whether a child may end like this (waitpid's status), NULL: never */
};

/** main() of a target: arguments FIRST COUNT. 0, or 1 after a crash, which it reports, or FUZZ_SKIP. A seed that ends its child is
 * followed by the next one in a new child, so all are run. */
int fuzz_main(const struct fuzz_target *target, int argc, char **argv);
