/* The pipeline. */
#include "ir/passes/pass.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct pass_info passes[NPASSES] = {
#define PASS(name, fn, when, doc) { #name, fn, PASS_##when, doc },
#include "ir/passes/passes.def"
};

unsigned pass_mask_first(const struct ir_unit *u)
{
    unsigned mask = 0;

    for (enum pass p = 0; p < NPASSES; p++)
        if (passes[p].when == PASS_LOOPS && u->nblocks == 1)
            mask |= 1u << p;
    return mask;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t count_insns(const struct ir_unit *u)
{
    uint32_t n = 0;

    for (uint32_t b = 0; b < u->nblocks; b++)
        for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next)
            n++;
    return n;
}

static void run_counted(struct ir_unit *u, enum pass p)
{
    struct pass_stats *s = u->stats;

    s->pass[p].runs++;
    s->pass[p].insns_in += count_insns(u);
    uint64_t t = now_ns();
    passes[p].run(u);
    s->pass[p].ns += now_ns() - t;
}

/** Stops the program when a pass has left nonsense: a bug of ours, never the guest's. */
static void check(const struct ir_unit *u, const char *after)
{
#ifndef NDEBUG
    char err[256];

    if (ir_verify(u, err, sizeof err))
        return;
    fprintf(stderr, "dragoman: IR is wrong after %s: %s\n", after, err);
    ir_print(u, stderr);
    abort();
#else
    (void)u, (void)after;
#endif
}

void pass_run_all(struct ir_unit *u, unsigned disabled_mask)
{
    check(u, "the frontend");
    for (enum pass p = 0; p < NPASSES; p++) {
        if (p != PASS_regs && (disabled_mask >> p & 1))
            continue;
        if (u->stats)
            run_counted(u, p);
        else
            passes[p].run(u);
        check(u, passes[p].name);
    }
}

enum pass pass_by_name(const char *name)
{
    enum pass p = 0;

    while (p < NPASSES && strcmp(passes[p].name, name) != 0)
        p++;
    return p;
}

void pass_stats_print(const struct pass_stats *s, FILE *f)
{
    fprintf(f, "%-8s %10s %12s %10s %8s\n", "pass", "units", "insns", "us", "ns/insn");
    for (enum pass p = 0; p < NPASSES; p++)
        fprintf(f, "%-8s %10" PRIu64 " %12" PRIu64 " %10" PRIu64 " %8.1f\n", passes[p].name,
                s->pass[p].runs, s->pass[p].insns_in, s->pass[p].ns / 1000,
                s->pass[p].insns_in ? (double)s->pass[p].ns / (double)s->pass[p].insns_in : 0.0);
}
