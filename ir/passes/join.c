/* Joining: block parameters that are simpler than they look.
 *
 * A parameter for which every edge passes the same constant is that constant. Two of a block for which every edge passes
 * the same values are one. And if every edge passes the result of the same widening op (or a constant that could be), the
 * narrow operand is passed instead and widened in the block, where mostly only snapshots read the wide value. */
#include <string.h>

#include "ir/cfg.h"
#include "ir/passes/pass.h"

struct join {
    struct ir_unit *u;
    uint32_t *edges;     /* numbers of the edge lists into the block at hand */
    uint32_t n;
};

static inline ir_ref *arg_of(const struct join *j, uint32_t e, uint32_t k)
{
    return &j->u->edge_args[j->u->edges[j->edges[e]].first + k];
}

/** Finds the edges into block `b`. */
static void find_edges(struct join *j, const struct ir_cfg *g, uint32_t b)
{
    uint32_t succ[2];

    j->n = 0;
    for (uint32_t k = 0; k < g->n; k++)
        for (unsigned s = 0, ns = ir_succs(j->u, g->order[k], succ); s < ns; s++)
            if (succ[s] == b)
                j->edges[j->n++] = ir_at(j->u, j->u->blocks[g->order[k]].last)->aux + s;
}

/** Takes parameter `p`, the k-th of block `b`, away: it is `val` now. */
static void replace(struct join *j, uint32_t b, ir_ref p, uint32_t k, ir_ref val)
{
    struct ir_unit *u = j->u;

    for (uint32_t e = 0; e < j->n; e++) {
        struct ir_edge *edge = &u->edges[j->edges[e]];
        memmove(arg_of(j, e, k), arg_of(j, e, k) + 1, (edge->n - k - 1) * sizeof(ir_ref));
        edge->n--;
    }
    for (ir_ref q = ir_at(u, p)->next; q && ir_at(u, q)->op == IR_param; q = ir_at(u, q)->next)
        ir_at(u, q)->imm--;
    ir_forward(u, b, p, val);
    u->blocks[b].nparams--;
}

/** The constant that every edge passes for the k-th parameter, or IR_NONE. */
static ir_ref same_constant(const struct join *j, uint32_t k)
{
    ir_ref first = *arg_of(j, 0, k);

    for (uint32_t e = 1; e < j->n; e++)
        if (*arg_of(j, e, k) != first)
            return IR_NONE;
    return ir_is_const(j->u, first) ? first : IR_NONE;
}

/** An earlier parameter of block `b` that is always equal to its k-th, `p`, or IR_NONE. */
static ir_ref same_param(const struct join *j, uint32_t b, ir_ref p, uint32_t k)
{
    const struct ir_unit *u = j->u;
    ir_ref q = u->blocks[b].first;

    for (uint32_t m = 0; m < k; m++, q = ir_at(u, q)->next) {
        uint32_t e = 0;

        while (e < j->n && *arg_of(j, e, m) == *arg_of(j, e, k))
            e++;
        if (e == j->n && ir_at(u, q)->type == ir_at(u, p)->type)
            return q;
    }
    return IR_NONE;
}

/** The narrow value behind `r` if insn `like` widens in the same way; IR_NONE if there is none. */
static ir_ref narrow_value(struct ir_unit *u, ir_ref r, const struct ir_insn *like)
{
    const struct ir_insn *i = ir_at(u, r);
    unsigned type = ir_at(u, like->arg[0])->type;

    if (i->op == like->op && i->aux == like->aux && ir_at(u, i->arg[0])->type == type)
        return i->arg[0];
    if (i->op != IR_const || i->aux || like->op == IR_nanbox)
        return IR_NONE;

    unsigned w = ir_type_bits[type];
    uint64_t low = (uint64_t)i->imm & (w < 64 ? (1ull << w) - 1 : ~0ull);
    uint64_t wide = like->op == IR_sext ? (uint64_t)((int64_t)(low << (64 - w)) >> (64 - w)) : low;

    return wide == (uint64_t)i->imm ? ir_const_val(u, type, low) : IR_NONE;
}

static bool widens(const struct ir_unit *u, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_sext:
        return i->type == IR_I64 && ir_at(u, i->arg[0])->type == IR_I32;
    case IR_vzext:
        return ir_at(u, i->arg[0])->type >= IR_F32;
    case IR_nanbox:
        return true;
    case IR_bitcast:
        return i->type == IR_I64 && ir_at(u, i->arg[0])->type >= IR_F32;
    default:
        return false;
    }
}

/** Makes the k-th parameter `p` narrow if all edges pass values widened alike. */
static void narrow_param(struct join *j, uint32_t b, ir_ref p, uint32_t k)
{
    struct ir_unit *u = j->u;
    struct ir_insn like = { 0 };

    for (uint32_t e = 0; e < j->n && !like.op; e++)
        if (widens(u, ir_at(u, *arg_of(j, e, k))))
            like = *ir_at(u, *arg_of(j, e, k));
    if (!like.op)
        return;
    for (uint32_t e = 0; e < j->n; e++)
        if (!narrow_value(u, *arg_of(j, e, k), &like))
            return;
    for (uint32_t e = 0; e < j->n; e++) {
        ir_ref val = narrow_value(u, *arg_of(j, e, k), &like); /* may move the lists */
        *arg_of(j, e, k) = val;
    }
    ir_ref after = ir_at(u, p)->next;
    while (ir_at(u, after)->op == IR_param)
        after = ir_at(u, after)->next;
    ir_ref narrow = ir_insert_before(u, p, IR_param, ir_at(u, like.arg[0])->type, 0, IR_NONE, IR_NONE, IR_NONE, k);
    ir_ref wide = ir_insert_before(u, after, like.op, like.type, like.aux, narrow, IR_NONE, IR_NONE, like.imm);
    if (u->blocks[b].first == p)
        u->blocks[b].first = narrow;
    ir_forward(u, b, p, wide);
}

static void join_block(struct join *j, uint32_t b)
{
    struct ir_unit *u = j->u;
    ir_ref p = u->blocks[b].first;

    for (uint32_t k = 0; k < u->blocks[b].nparams;) {
        ir_ref next = ir_at(u, p)->next, same = same_constant(j, k);

        if (!same)
            same = same_param(j, b, p, k);
        if (same)
            replace(j, b, p, k, same);
        else
            narrow_param(j, b, p, k++);
        p = next;
    }
}

void pass_join(struct ir_unit *u)
{
    const struct ir_cfg *g = ir_cfg_build(u);
    struct join j = { .u = u, .edges = ir_scratch(u, 2 * g->n * sizeof *j.edges) };

    for (uint32_t k = 1; k < g->n; k++) {
        find_edges(&j, g, g->order[k]);
        join_block(&j, g->order[k]);
    }
    for (uint32_t k = 0; k < g->n; k++)
        for (ir_ref r = u->blocks[g->order[k]].first; r; r = ir_at(u, r)->next)
            pass_resolve_args(u, r);
    pass_resolve_rest(u);
}
