/* Random bytes as guest code, for each guest: disassembled, translated, optimised, compiled and published, but not run. The IR is
 * verified between passes where assertions are on. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/cache.h"
#include "backend/run.h"
#include "frontend/guest.h"
#include "loader/space.h"
#include "syscall/linux.h"

enum { BYTES = 2 * SPACE_PAGE, ENTRIES = 4, HEATS = 64 };

static const struct guest *target_guest;
static struct cpu *cpu;
static uint8_t *code;

static void start(uint64_t first)
{
    const uint64_t seed = 1;
    host_features_init(false);
    space_init(GUEST_TOP, &seed, NULL);
    if (!cache_init(target_guest, 8 << 20) || !(cpu = cpu_new(target_guest)))
        exit(2);
    int64_t at = space_mmap(0, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at < 0)
        exit(2);
    code = host((gaddr)at);
}

static bool is_instruction(uint32_t word)
{
    char text[96];
    int n = target_guest->disas((const uint8_t *)&word, sizeof word, (gaddr)(uintptr_t)code, text, sizeof text);
    return n > 0 && text[0] != '.';
}

/* Mostly words that the table knows, since a unit ends at the first that it does not; one bit changed in some. */
static void fill(struct fuzz *f)
{
    for (unsigned i = 0; i < BYTES / 4; i++) {
        uint32_t word = (uint32_t)fuzz_next(f);
        for (unsigned tries = fuzz_below(f, 40) ? 60 : 0; tries && !is_instruction(word); tries--)
            word = (uint32_t)fuzz_next(f);
        if (fuzz_below(f, 16) == 0)
            word ^= 1u << fuzz_below(f, 32);
        memcpy(code + 4 * i, &word, 4);
    }
}

static void disassemble(void)
{
    char text[96];
    for (unsigned at = 0; at < BYTES;) {
        int n = target_guest->disas(code + at, BYTES - at, (gaddr)(uintptr_t)code + at, text, sizeof text);
        if (n <= 0)
            break;
        at += (unsigned)n;
    }
}

static void one(struct fuzz *f)
{
    const struct pending_link none = { .exit = NULL };
    gaddr base = (gaddr)(uintptr_t)code;
    fill(f);
    space_write_lock();
    cache_invalidate(base, BYTES);
    space_write_unlock();
    disassemble();
    for (unsigned i = 0; i < ENTRIES; i++) {
        /* The last instructions too: what follows is not mapped. */
        uint64_t at = fuzz_below(f, 8) ? fuzz_below(f, BYTES) : BYTES - 1 - fuzz_below(f, 16);
        cpu->pc = base + (at & ~(((uint64_t)1 << target_guest->insn_align_log2) - 1));
        unit_build(cpu, &none, false);
        for (unsigned k = 0; k < HEATS; k++)
            unit_heat(cpu);
    }
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (unsigned i = 0; (target_guest = guest_by_index(i)); i++) {
        const struct fuzz_target target = { .name = target_guest->name, .group = 200, .seconds = 300, .start = start, .one = one };
        failed |= fuzz_main(&target, argc, argv);
    }
    return failed;
}
