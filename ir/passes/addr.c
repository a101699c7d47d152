/* Addresses: additions and shifts that only make an address move into the operands of the access, which x86
 * computes for nothing: base + (index << 0..3) + 32-bit displacement.
 *
 * "Only" does not count the snapshots of accesses that may fault, which are read when they do: a value that nothing
 * else needs is the backend's to keep, to recompute or to drop, and the access does not wait for it. A value that
 * other insns or ways out read stays as it is; to fold it would keep its operands alive beside it for no
 * gain. */
#include <string.h>

#include "ir/cfg.h"
#include "ir/passes/pass.h"

struct addr {
    struct ir_unit *u;
    uint8_t *other;    /* per insn: read by something else than addresses and snapshots of accesses */
};

/** The first operand of `i` that is not part of an address. */
static unsigned first_other_operand(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_load: case IR_store: return 2;
    case IR_amo: case IR_cas: return 1;
    default: return 0;
    }
}

static void mark_snap(struct addr *s, const struct ir_snap *snap)
{
    for (uint32_t k = 0; k < snap->n; k++)
        s->other[s->u->snap_vals[snap->first + k].val] = 1;
}

/** Against the order of execution, so that all users of a value are seen before it: an addition or shift that only
 * makes addresses passes that on to its operands. */
static void find_uses(struct addr *s, const struct ir_cfg *g)
{
    const struct ir_unit *u = s->u;

    memset(s->other, 0, u->ninsns);
    for (uint32_t k = 0; k < u->nedge_args; k++)
        s->other[u->edge_args[k]] = 1;
    for (uint32_t b = g->n; b--; )
        for (ir_ref r = u->blocks[g->order[b]].last; r; r = ir_at(u, r)->prev) {
            const struct ir_insn *i = ir_at(u, r);
            unsigned first = first_other_operand(i);
            if ((i->op == IR_add || i->op == IR_shl) && !s->other[r])
                continue;
            for (unsigned k = first; k < 3; k++)
                s->other[i->arg[k]] = 1;
            if (ir_ops[i->op].flags & IR_LEAVES)
                mark_snap(s, &u->snaps[i->snap]);
        }
}

/** The plain constant that `r` is, sign-extended from its type, in *v. */
static bool constant(const struct ir_unit *u, ir_ref r, int64_t *v)
{
    const struct ir_insn *i = ir_at(u, r);

    *v = i->type == IR_I32 ? (int32_t)i->imm : i->imm;
    return i->op == IR_const && !i->aux;
}

/** [x + c] as base. */
static bool fold_displacement(struct addr *s, struct ir_insn *i)
{
    const struct ir_insn *base = ir_at(s->u, i->arg[0]);
    int64_t c, sum;

    if (base->op != IR_add || s->other[i->arg[0]] || !constant(s->u, base->arg[1], &c))
        return false;
    if (__builtin_add_overflow(c, i->imm, &sum) || sum != (int32_t)sum)
        return false;
    i->arg[0] = base->arg[0];
    i->imm = sum;
    return true;
}

/** x << n with n at most `max`; as parts. */
static bool shifted(const struct ir_unit *u, ir_ref r, unsigned max, ir_ref *x, unsigned *n)
{
    const struct ir_insn *i = ir_at(u, r);
    int64_t c;

    if (i->op != IR_shl || !constant(u, i->arg[1], &c) || c < 0 || c > max)
        return false;
    *x = i->arg[0];
    *n = (unsigned)c;
    return true;
}

static void set_index(struct ir_insn *i, ir_ref base, ir_ref index, unsigned scale)
{
    i->arg[0] = base;
    i->arg[1] = index;
    i->aux = (uint16_t)((i->aux & ~(3u << IR_MEM_SCALE_SHIFT)) | scale << IR_MEM_SCALE_SHIFT);
}

/** [x + y] and [x + (y << n)] as base. */
static bool fold_sum(struct addr *s, struct ir_insn *i)
{
    const struct ir_insn *base = ir_at(s->u, i->arg[0]);
    ir_ref x;
    unsigned n;

    if (i->arg[1] || base->op != IR_add || s->other[i->arg[0]] || ir_is_const(s->u, base->arg[1]))
        return false;
    if (shifted(s->u, base->arg[1], 3, &x, &n))
        set_index(i, base->arg[0], x, n);
    else if (shifted(s->u, base->arg[0], 3, &x, &n))
        set_index(i, base->arg[1], x, n);
    else
        set_index(i, base->arg[0], base->arg[1], 0);
    return true;
}

/** A shift or a displacement in the index. */
static bool fold_index(struct addr *s, struct ir_insn *i)
{
    unsigned scale = IR_MEM_SCALE(i->aux), n;
    ir_ref x;
    int64_t c, sum;

    if (!i->arg[1])
        return false;
    if (shifted(s->u, i->arg[1], 3 - scale, &x, &n)) {
        set_index(i, i->arg[0], x, scale + n);
        return true;
    }
    const struct ir_insn *index = ir_at(s->u, i->arg[1]);
    if (index->op != IR_add || s->other[i->arg[1]] || !constant(s->u, index->arg[1], &c))
        return false;
    if (c != (int32_t)c || __builtin_add_overflow(c * (1 << scale), i->imm, &sum) || sum != (int32_t)sum)
        return false;
    i->arg[1] = index->arg[0];
    i->imm = sum;
    return true;
}

/** True if an access has an address that is computed in a way we look at. Most units have none. */
static bool any_candidate(const struct ir_unit *u)
{
    for (ir_ref r = 1; r < u->ninsns; r++) {
        const struct ir_insn *i = ir_at(u, r);
        if (!(ir_ops[i->op].flags & IR_FAULTS))
            continue;
        if (ir_at(u, i->arg[0])->op == IR_add || i->arg[1])
            return true;
    }
    return false;
}

void pass_addr(struct ir_unit *u)
{
    struct addr s = { .u = u };

    if (!any_candidate(u))
        return;
    s.other = ir_scratch(u, u->ninsns);
    find_uses(&s, ir_cfg_build(u));
    for (uint32_t b = 0; b < u->nblocks; b++)
        for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next) {
            struct ir_insn *i = ir_at(u, r);
            if (i->op == IR_load || i->op == IR_store) {
                while (fold_displacement(&s, i) || fold_sum(&s, i) || fold_index(&s, i))
                    ;
            } else if (i->op == IR_amo || i->op == IR_cas) {
                while (fold_displacement(&s, i))
                    ;
            }
        }
}
