/* Passes over a unit, and the pipeline that runs them.
 *
 * A pass is a function of a unit in a file of its own, a row of passes.def. It touches each insn once or twice, does
 * not recurse and allocates nothing: what it needs besides the unit comes from ir_scratch(). It leaves a
 * unit that ir_verify() accepts; with NDEBUG unset the pipeline checks that after each.
 */
#pragma once

#include "ir/ir.h"

enum pass {
#define PASS(name, fn, when, doc) PASS_##name,
#include "ir/passes/passes.def"
    NPASSES
};

enum pass_when { PASS_ALWAYS, PASS_LOOPS };

struct pass_info {
    const char *name;
    void (*run)(struct ir_unit *u);
    enum pass_when when;
    const char *doc;
};

extern const struct pass_info passes[NPASSES];

/* What a pass has done so far in one thread: filled when ir_unit.stats points here. */
struct pass_stats {
    struct {
        uint64_t runs;        /* units it has seen */
        uint64_t ns;          /* time it took */
        uint64_t insns_in;    /* insns that were in blocks before it, all units together */
    } pass[NPASSES];
};

#define PASS(name, fn, when, doc) void fn(struct ir_unit *u);
#include "ir/passes/passes.def"

/** Runs the passes of passes.def in order, except those whose bit (1 << PASS_<name>) is set in `disabled_mask`
 * (`regs` runs always). Counts into u->stats if that is set. */
void pass_run_all(struct ir_unit *u, unsigned disabled_mask);
/** Which passes to leave out of a first translation of `u` (a disabled_mask): those that only pay in loops. */
unsigned pass_mask_first(const struct ir_unit *u);
/** The pass called `name`, NPASSES if none is. */
enum pass pass_by_name(const char *name);
/** Prints a table of what the passes cost. */
void pass_stats_print(const struct pass_stats *s, FILE *f);

/* --- for passes ------------------------------------------------------------------------------------------ */

/** Looks through copies in the operands of `r`. */
static inline void pass_resolve_args(struct ir_unit *u, ir_ref r)
{
    struct ir_insn *i = ir_at(u, r);

    for (unsigned k = 0; k < 3; k++) /* IR_NONE is no copy */
        i->arg[k] = ir_val(u, i->arg[k]);
}

/** Looks through copies in all edge lists and snapshots: the end of a pass that used ir_forward(). */
static inline void pass_resolve_rest(struct ir_unit *u)
{
    for (uint32_t k = 0; k < u->nedge_args; k++)
        u->edge_args[k] = ir_val(u, u->edge_args[k]);
    for (uint32_t k = 0; k < u->nsnap_vals; k++)
        u->snap_vals[k].val = ir_val(u, u->snap_vals[k].val);
}
