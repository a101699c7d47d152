/* Narrowing: bits that nobody reads are not computed.
 *
 * A backward walk finds how many low bits of each value are read (snapshots read all of a register). Then, where 32 or fewer
 * are read: a sign extension becomes a zero extension, which x86 gets for nothing; 64-bit arithmetic on
 * extended 32-bit values becomes 32-bit arithmetic, whose result is zero-extended for those who still name it as 64
 * bits; and a `trunc` finds the narrow value behind the extension. */
#include <string.h>

#include "ir/cfg.h"
#include "ir/eval.h"
#include "ir/passes/pass.h"

struct narrow {
    struct ir_unit *u;
    uint8_t *need;      /* per insn: how many low bits are read; 255 is more than any scalar has */
    bool changed;
};

enum { ALL = 255 };

static inline void want(struct narrow *n, ir_ref r, unsigned bits)
{
    unsigned w = ir_type_bits[ir_at(n->u, r)->type];

    if (bits >= w)
        bits = ALL;
    if (bits > n->need[r]) {
        n->need[r] = (uint8_t)bits;
        n->changed = true;
    }
}

/** Position of the highest one in operand `k` if that is a constant, else `otherwise`. */
static unsigned const_bits(const struct ir_unit *u, ir_ref r, unsigned otherwise)
{
    const struct ir_insn *i = ir_at(u, r);

    if (i->op != IR_const || i->aux)
        return otherwise;
    return i->imm ? 64 - (unsigned)__builtin_clzll((uint64_t)i->imm) : 0;
}

static unsigned min_bits(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/** Passes on to the operands of `i` that `bits` low bits of it are read (more than none). */
static void want_operands(struct narrow *n, const struct ir_insn *i, unsigned bits)
{
    const struct ir_unit *u = n->u;
    const ir_ref *a = i->arg;
    unsigned amount;

    switch (i->op) {
    case IR_add: case IR_sub: case IR_mul: case IR_or: case IR_xor: case IR_andn:
        want(n, a[0], bits);
        want(n, a[1], bits);
        return;
    case IR_and:
        want(n, a[0], min_bits(bits, const_bits(u, a[1], ALL)));
        want(n, a[1], bits);
        return;
    case IR_shl:
        amount = ir_is_const(u, a[1]) ? ir_at(u, a[1])->imm & (ir_type_bits[i->type] - 1) : 0;
        want(n, a[0], bits == ALL ? ir_type_bits[i->type] - amount : bits > amount ? bits - amount : 0);
        want(n, a[1], ALL);
        return;
    case IR_shr:
        amount = ir_is_const(u, a[1]) ? ir_at(u, a[1])->imm & (ir_type_bits[i->type] - 1) : ALL;
        want(n, a[0], bits == ALL || amount == ALL ? ALL : bits + amount);
        want(n, a[1], ALL);
        return;
    case IR_sext: case IR_zext:
        want(n, a[0], bits);
        return;
    case IR_trunc:
        want(n, a[0], min_bits(bits, ir_type_bits[i->type]));
        return;
    case IR_select:
        want(n, a[0], ALL);
        want(n, a[1], bits);
        want(n, a[2], bits);
        return;
    case IR_store:
        want(n, a[0], ALL);
        if (a[1])
            want(n, a[1], ALL);
        want(n, a[2], ir_type_bits[IR_MEM_TYPE(i->aux)]);
        return;
    default:
        for (unsigned k = 0; k < 3; k++)
            if (a[k])
                want(n, a[k], ALL);
    }
}

static void want_edge(struct narrow *n, uint32_t e, uint32_t to)
{
    const struct ir_unit *u = n->u;
    ir_ref p = u->blocks[to].first;

    for (uint32_t k = 0; k < u->edges[e].n; k++, p = ir_at(u, p)->next)
        if (n->need[p])
            want(n, u->edge_args[u->edges[e].first + k], n->need[p]);
}

static void scan_block(struct narrow *n, uint32_t b)
{
    const struct ir_unit *u = n->u;
    uint32_t succ[2];
    unsigned ns = ir_succs(u, b, succ);

    for (unsigned k = 0; k < ns; k++)
        want_edge(n, ir_at(u, u->blocks[b].last)->aux + k, succ[k]);
    for (ir_ref r = u->blocks[b].last; r; r = ir_at(u, r)->prev) {
        const struct ir_insn *i = ir_at(u, r);
        if (n->need[r])
            want_operands(n, i, n->need[r]);
        else if (!(ir_ops[i->op].flags & IR_PURE))
            want_operands(n, i, ALL);
    }
}

/** True if `r` is a value extended from i32 or a constant; *ext says that it is not the latter. */
static bool is_narrow(const struct ir_unit *u, ir_ref r, bool *ext)
{
    const struct ir_insn *i = ir_at(u, r);

    if (i->op == IR_const)
        return !i->aux;
    if ((i->op != IR_sext && i->op != IR_zext) || ir_at(u, i->arg[0])->type != IR_I32)
        return false;
    *ext = true;
    return true;
}

static ir_ref narrow_operand(struct ir_unit *u, ir_ref r)
{
    const struct ir_insn *i = ir_at(u, r);

    return i->op == IR_const ? ir_const_val(u, IR_I32, (uint64_t)i->imm) : i->arg[0];
}

/** Ops whose low 32 bits depend on the low 32 bits of the operands only. */
static bool low_bits_only(const struct ir_unit *u, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_add: case IR_sub: case IR_mul: case IR_and: case IR_or: case IR_xor: case IR_andn:
        return true;
    case IR_shl:
        return ir_is_const(u, i->arg[1]) && (ir_at(u, i->arg[1])->imm & 63) < 32;
    default:
        return false;
    }
}

static void rewrite(struct narrow *n, uint32_t b, ir_ref r)
{
    struct ir_unit *u = n->u;
    struct ir_insn *i = ir_at(u, r);
    bool ext = false;

    if (i->op == IR_trunc) {
        const struct ir_insn *x = ir_at(u, i->arg[0]);
        if ((x->op == IR_sext || x->op == IR_zext) && ir_at(u, x->arg[0])->type == i->type)
            ir_forward(u, b, r, x->arg[0]);
        return;
    }
    if (n->need[r] > 32 || i->type != IR_I64)
        return;
    if (i->op == IR_sext) {
        if (n->need[r] <= ir_type_bits[ir_at(u, i->arg[0])->type])
            i->op = IR_zext;
        return;
    }
    if (!low_bits_only(u, i) || !is_narrow(u, i->arg[0], &ext) || !is_narrow(u, i->arg[1], &ext) || !ext)
        return;
    ir_ref x = narrow_operand(u, i->arg[0]), y = narrow_operand(u, i->arg[1]);
    x = ir_insert_before(u, r, i->op, IR_I32, 0, x, y, IR_NONE, 0);
    i->op = IR_zext;
    i->arg[0] = x;
    i->arg[1] = IR_NONE;
}

/** True if there is an extension to 64 bits at all: without one there is nothing to do. */
static bool any_candidate(const struct ir_unit *u)
{
    for (ir_ref r = 1; r < u->ninsns; r++) {
        const struct ir_insn *i = ir_at(u, r);
        if ((i->op == IR_sext || i->op == IR_zext) && i->type == IR_I64)
            return true;
    }
    return false;
}

void pass_narrow(struct ir_unit *u)
{
    struct narrow n = { .u = u };

    if (!any_candidate(u))
        return;
    const struct ir_cfg *g = ir_cfg_build(u);

    n.need = ir_scratch(u, u->ninsns);
    memset(n.need, 0, u->ninsns);
    for (uint32_t k = 0; k < u->nsnap_vals; k++)
        n.need[u->snap_vals[k].val] = ALL;
    do {
        n.changed = false;
        for (uint32_t k = g->n; k--; )
            scan_block(&n, g->order[k]);
    } while (n.changed && g->n > 1);
    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t b = g->order[k];
        for (ir_ref r = u->blocks[b].first, next; r; r = next) {
            pass_resolve_args(u, r);
            next = ir_at(u, r)->next;
            if (!(ir_ops[ir_at(u, r)->op].flags & IR_PURE))
                continue;
            ir_reserve(u, 4);
            rewrite(&n, b, r);
        }
    }
    pass_resolve_rest(u);
}
