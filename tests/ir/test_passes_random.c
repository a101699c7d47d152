/* Random units mean the same before and after each pass. Arguments: first seed, number of units. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/passes/pass.h"
#include "tests/ir/random.h"
#include "tests/ir/testguest.h"

enum { STATES = 4 };

static bool same(const struct interp_result *a, const struct machine *ma, const struct interp_result *b,
                 const struct machine *mb)
{
    bool fault = a->how == INTERP_FAULT || a->how == INTERP_MISALIGN, trap = a->how == INTERP_TRAP;

    return a->how == b->how && a->pc == b->pc && (!fault || a->addr == b->addr) &&
           (!trap || (a->trap == b->trap && a->info == b->info)) &&
           ma->cpu.mxcsr == mb->cpu.mxcsr && !memcmp(ma->cpu.regs, mb->cpu.regs, sizeof ma->cpu.regs) &&
           !memcmp(ma->mem, mb->mem, sizeof ma->mem);
}

static void show(const struct interp_result *a, const struct machine *m)
{
    printf("how %d pc %" PRIx64 " addr %" PRIx64 " trap %d info %" PRIx64 " mxcsr %x at %%%u\n", a->how, a->pc,
           a->addr, a->trap, (uint64_t)a->info, m->cpu.mxcsr, a->at);
    for (unsigned r = 0; r < TG_NREGS; r++)
        printf(" %s=%" PRIx64, testguest.regs[r].name, *(const uint64_t *)(m->cpu.regs + testguest.regs[r].off));
    printf("\n");
}

static bool run_one(struct ir_unit *u, uint64_t seed, const struct machine *start, uint64_t *hows)
{
    static struct machine want_m[STATES], got_m;
    struct interp_result want[STATES];
    uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;
    char err[256];

    random_unit(u, &state);
    if (!ir_verify(u, err, sizeof err)) {
        printf("seed %" PRIu64 ": the generator made nonsense: %s\n", seed, err);
        ir_print(u, stdout);
        return false;
    }
    for (unsigned k = 0; k < STATES; k++) {
        want_m[k] = start[k];
        want[k] = random_run(u, &want_m[k]);
        hows[want[k].how]++;
    }
    for (enum pass p = 0; p < NPASSES; p++) {
        passes[p].run(u);
        if (!ir_verify(u, err, sizeof err)) {
            printf("seed %" PRIu64 ": wrong after %s: %s\n", seed, passes[p].name, err);
            ir_print(u, stdout);
            return false;
        }
        for (unsigned k = 0; k < STATES; k++) {
            got_m = start[k];
            struct interp_result got = random_run(u, &got_m);
            if (want[k].how == INTERP_LIMIT || same(&want[k], &want_m[k], &got, &got_m))
                continue;
            printf("seed %" PRIu64 ": differs after %s, state %u\n", seed, passes[p].name, k);
            show(&want[k], &want_m[k]);
            show(&got, &got_m);
            random_unit(u, &(uint64_t){ seed * 0x9e3779b97f4a7c15u | 1 });
            for (enum pass q = 0; q < p; q++)
                passes[q].run(u);
            ir_print(u, stdout);
            passes[p].run(u);
            ir_print(u, stdout);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct machine start[STATES];
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, n = argc > 2 ? strtoull(argv[2], NULL, 0) : 3000;
    uint64_t state = 88172645463325252u, hows[INTERP_BAD + 1] = { 0 };
    struct ir_unit *u = ir_new();

    for (unsigned k = 0; k < STATES; k++)
        random_machine(&start[k], &state);
    for (uint64_t seed = first; seed < first + n; seed++)
        if (!run_one(u, seed, start, hows))
            return 1;
    printf("%" PRIu64 " units: %" PRIu64 " exits, %" PRIu64 " polls, %" PRIu64 " traps, %" PRIu64 " faults, %"
           PRIu64 " misaligned, %" PRIu64 " over the limit\n", n, hows[INTERP_EXIT], hows[INTERP_POLL],
           hows[INTERP_TRAP], hows[INTERP_FAULT], hows[INTERP_MISALIGN], hows[INTERP_LIMIT]);
    ir_free(u);
    return hows[INTERP_BAD] || !hows[INTERP_EXIT] || !hows[INTERP_TRAP] || !hows[INTERP_FAULT];
}
