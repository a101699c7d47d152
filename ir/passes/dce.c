/* Dead code: insns that only make a value which nobody reads.
 *
 * Loads stay, they can fault; FP ops stay, they set flags. A helper may go if its row says that it is pure.
 * Liveness flows against the order of execution; only loops need more than one walk, through the values that back edges
 * pass to parameters.
 */
#include <string.h>

#include "frontend/guest.h"
#include "ir/cfg.h"
#include "ir/passes/pass.h"

struct dce {
    struct ir_unit *u;
    uint8_t *live;            /* per insn: its value is read */
    bool changed;
};

static inline void mark(struct dce *d, ir_ref r)
{
    if (!d->live[r]) {
        d->live[r] = 1;
        d->changed = true;
    }
}

/** Does a comparison of floats that comes next, but for pure insns, raise just what `i` does? */
static bool raised_again(const struct ir_unit *u, const struct ir_insn *i)
{
    const struct ir_insn *k = i;

    do
        k = ir_at(u, k->next);
    while (k->next && (ir_ops[k->op].flags & IR_PURE || k->op == IR_insn || k->op == IR_get));
    if (k->op < IR_fcmpeq || k->op > IR_fcmpun || (k->aux & IR_FP_FZ) != (i->aux & IR_FP_FZ))
        return false;

    bool quiet_i = i->op == IR_fcmpeq || i->op == IR_fcmpun || i->aux & IR_FP_QUIET;
    bool quiet_k = k->op == IR_fcmpeq || k->op == IR_fcmpun || k->aux & IR_FP_QUIET;
    ir_ref x = ir_val(u, i->arg[0]), y = ir_val(u, i->arg[1]), p = ir_val(u, k->arg[0]), q = ir_val(u, k->arg[1]);

    return quiet_i == quiet_k && ((x == p && y == q) || (x == q && y == p));
}

/** True if `i` must stay though nobody reads its value. */
static inline bool needed(const struct ir_unit *u, const struct ir_insn *i)
{
    unsigned flags = ir_ops[i->op].flags;

    if (flags & (IR_PURE | IR_FAULTS | IR_LEAVES))
        return !(flags & IR_PURE);
    if (i->op >= IR_fcmpeq && i->op <= IR_fcmpun)
        return !raised_again(u, i);
    if (i->op == IR_call)
        return !u->guest || u->guest->helpers[i->aux].flags != GUEST_HELPER_PURE;
    return i->op != IR_get && i->op != IR_nop && i->op != IR_param;
}

static inline void mark_operands(struct dce *d, const struct ir_insn *i)
{
    for (unsigned k = 0; k < 3; k++)
        if (i->arg[k])
            mark(d, i->arg[k]);
}

/** Marks what edge `e` passes to the live parameters of block `to`. */
static void mark_edge(struct dce *d, uint32_t e, uint32_t to)
{
    const struct ir_unit *u = d->u;
    ir_ref p = u->blocks[to].first;

    for (uint32_t k = 0; k < u->edges[e].n; k++, p = ir_at(u, p)->next)
        if (d->live[p])
            mark(d, u->edge_args[u->edges[e].first + k]);
}

static void mark_block(struct dce *d, uint32_t b)
{
    const struct ir_unit *u = d->u;
    uint32_t succ[2];
    unsigned n = ir_succs(u, b, succ);

    for (unsigned k = 0; k < n; k++)
        mark_edge(d, ir_at(u, u->blocks[b].last)->aux + k, succ[k]);
    for (ir_ref r = u->blocks[b].last; r; r = ir_at(u, r)->prev) {
        const struct ir_insn *i = ir_at(u, r);
        if (d->live[r] || needed(u, i))
            mark_operands(d, i);
    }
}

static void sweep_block(struct dce *d, uint32_t b)
{
    struct ir_unit *u = d->u;

    for (ir_ref r = u->blocks[b].first, next; r; r = next) {
        const struct ir_insn *i = ir_at(u, r);
        next = i->next;
        if (!d->live[r] && i->op != IR_param && !needed(u, i))
            ir_remove(u, b, r);
    }
}

/** The only block of a unit: all readers of a value are seen before it, so one walk does. */
static void clean_block(struct dce *d)
{
    struct ir_unit *u = d->u;

    for (ir_ref r = u->blocks[0].last, prev; r; r = prev) {
        const struct ir_insn *i = ir_at(u, r);
        prev = i->prev;
        if (d->live[r] || needed(u, i))
            d->live[i->arg[0]] = d->live[i->arg[1]] = d->live[i->arg[2]] = 1; /* and of no operand */
        else
            ir_remove(u, 0, r);
    }
}

/** Takes the values for dead parameters of block `to` out of edge list `e`. */
static void shrink_edge(struct dce *d, uint32_t e, uint32_t to)
{
    struct ir_unit *u = d->u;
    ir_ref *args = u->edge_args + u->edges[e].first, p = u->blocks[to].first;
    uint32_t n = 0;

    for (uint32_t k = 0; k < u->edges[e].n; k++, p = ir_at(u, p)->next)
        if (d->live[p])
            args[n++] = args[k];
    u->edges[e].n = n;
}

static void sweep_params(struct dce *d, const struct ir_cfg *g)
{
    struct ir_unit *u = d->u;
    uint32_t succ[2];

    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t b = g->order[k];
        for (unsigned s = ir_succs(u, b, succ); s--; )
            shrink_edge(d, ir_at(u, u->blocks[b].last)->aux + s, succ[s]);
    }
    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t b = g->order[k], n = u->blocks[b].nparams;
        ir_ref r = u->blocks[b].first;
        for (uint32_t kept = 0; n--; ) {
            ir_ref next = ir_at(u, r)->next;
            if (d->live[r]) {
                ir_at(u, r)->imm = kept++;
            } else {
                ir_remove(u, b, r);
                u->blocks[b].nparams--;
            }
            r = next;
        }
    }
}

void pass_dce(struct ir_unit *u)
{
    struct dce d = { .u = u };

    if (u->nblocks > 1)
        ir_cfg_prune(u);
    const struct ir_cfg *g = u->nblocks > 1 ? u->cfg : NULL;
    d.live = ir_scratch(u, u->ninsns);
    memset(d.live, 0, u->ninsns);
    for (uint32_t k = 0; k < u->nsnap_vals; k++) /* the few of snapshots whose insn has gone do no harm */
        d.live[u->snap_vals[k].val] = 1;
    if (!g) {
        clean_block(&d);
        return;
    }
    do {
        d.changed = false;
        for (uint32_t k = g->n; k--; )
            mark_block(&d, g->order[k]);
    } while (d.changed);
    for (uint32_t k = 0; k < g->n; k++)
        sweep_block(&d, g->order[k]);
    sweep_params(&d, g);
}
