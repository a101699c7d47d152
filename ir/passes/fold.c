/* Folding: constants, identities, cheaper forms. The rules are rows of fold.def; this is what drives them.
 *
 * One walk in dominance order. An insn is tried until no rule applies; insns that a rule makes are walked over too,
 * so that their own rules get a chance. */
#include "ir/passes/fold.h"

#include "ir/cfg.h"

enum { MAX_RULES = 7, MAX_NEW = 16 /* insns that one rule makes, constants included */ };
enum outcome { NOTHING, X, ZERO, ONE, ONES };

enum side { ON_RIGHT, ON_LEFT, ON_SAME };

/* What an op gives (enum outcome) with a constant of a kind on a side. */
static const uint8_t identities[IR_NOPS][ON_SAME + 1][ONES + 1] = {
#define RIGHT(op, c, result) [IR_##op][ON_RIGHT][c] = result,
#define LEFT(op, c, result) [IR_##op][ON_LEFT][c] = result,
#define SAME(op, result) [IR_##op][ON_SAME][NOTHING] = result,
#define RULES(op, ...)
#include "ir/passes/fold.def"
};

#define RULE_REFS_1(a) fold_##a
#define RULE_REFS_2(a, ...) fold_##a, RULE_REFS_1(__VA_ARGS__)
#define RULE_REFS_3(a, ...) fold_##a, RULE_REFS_2(__VA_ARGS__)
#define RULE_REFS_4(a, ...) fold_##a, RULE_REFS_3(__VA_ARGS__)
#define RULE_REFS_5(a, ...) fold_##a, RULE_REFS_4(__VA_ARGS__)
#define RULE_REFS_6(a, ...) fold_##a, RULE_REFS_5(__VA_ARGS__)

static fold_rule *const rules[IR_NOPS][MAX_RULES] = {
#define RIGHT(op, c, result)
#define LEFT(op, c, result)
#define SAME(op, result)
#define RULES(op, ...) [IR_##op] = { RULE_EACH(RULE_REFS, __VA_ARGS__) },
#include "ir/passes/fold.def"
};

/* --- what rules use -------------------------------------------------------------------------------- */

ir_ref fold_new(struct fold *f, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b)
{
    ir_ref r = ir_insert_before(f->u, f->r, op, t, 0, a, b, IR_NONE, 0);

    if (!f->first_new)
        f->first_new = r;
    return r;
}

ir_ref fold_become(struct fold *f, enum ir_op op, ir_ref a, ir_ref b, ir_ref c)
{
    struct ir_insn *i = fold_this(f);

    i->op = op;
    i->aux = 0;
    i->arg[0] = a;
    i->arg[1] = b;
    i->arg[2] = c;
    return FOLD_CHANGED;
}

unsigned fold_value_bits(const struct fold *f, ir_ref r)
{
    const struct ir_insn *i = fold_at(f, r);
    unsigned w = ir_type_bits[i->type];
    uint64_t c;

    switch (i->op) {
    case IR_zext:
        return fold_bits(f, i->arg[0]);
    case IR_load:
        return i->aux & IR_MEM_SX ? w : ir_type_bits[IR_MEM_TYPE(i->aux)];
    case IR_vget: {
        unsigned lane = ir_type_bits[IR_V_LANE(i->aux)];
        return i->aux & IR_V_SX || lane > w ? w : lane;
    }
    case IR_const:
        return !fold_const(f, r, &c) ? w : c ? 64 - (unsigned)__builtin_clzll(c) : 0;
    case IR_and:
        return fold_op_const(f, r, IR_and, &c) && c ? 64 - (unsigned)__builtin_clzll(c) : w;
    case IR_shr:
        return fold_op_const(f, r, IR_shr, &c) ? w - (c & (w - 1)) : w;
    default:
        return w;
    }
}

unsigned fold_signed_bits(const struct fold *f, ir_ref r)
{
    const struct ir_insn *i = fold_at(f, r);
    unsigned w = ir_type_bits[i->type], n = fold_value_bits(f, r);
    uint64_t c;

    switch (i->op) {
    case IR_sext:
        return fold_bits(f, i->arg[0]);
    case IR_load:
        n = ir_type_bits[IR_MEM_TYPE(i->aux)] + !(i->aux & IR_MEM_SX);
        return n < w ? n : w;
    case IR_vget: {
        unsigned lane = ir_type_bits[IR_V_LANE(i->aux)];
        n = lane + !(i->aux & IR_V_SX);
        return n < w ? n : w;
    }
    case IR_sar:
        return fold_op_const(f, r, IR_sar, &c) ? w - (c & (w - 1)) : w;
    case IR_const:
        for (n = 1; fold_const(f, r, &c) && n < w; n++)
            if (ir_sign_extend(c, w) == ir_sign_extend(c, n))
                return n;
        return w;
    default:
        return n < w ? n + 1 : w;
    }
}

enum ir_type fold_int_type(unsigned bits)
{
    return bits == 8 ? IR_I8 : bits == 16 ? IR_I16 : bits == 32 ? IR_I32 : bits == 64 ? IR_I64 : IR_VOID;
}

ir_ref fold_narrowed(struct fold *f, ir_ref r, enum ir_type t)
{
    const struct ir_insn *i = fold_at(f, r);
    uint64_t c;

    if (fold_const(f, r, &c))
        return ir_const_val(f->u, t, c);
    if ((i->op == IR_sext || i->op == IR_zext) && fold_at(f, fold_arg(f, r, 0))->type == t)
        return fold_arg(f, r, 0);
    return fold_new(f, IR_trunc, t, r, IR_NONE);
}

/* --- the driver -------------------------------------------------------------------------------------- */

/** Which of the constants that identities know `r` is. */
static enum outcome kind_of(const struct fold *f, ir_ref r)
{
    uint64_t c;

    if (!fold_const(f, r, &c))
        return NOTHING;
    if (c <= 1)
        return c ? ONE : ZERO;
    return c == ir_low_bits(UINT64_MAX, fold_bits(f, r)) ? ONES : NOTHING;
}

static ir_ref result_of(struct fold *f, enum outcome o)
{
    const struct ir_insn *i = fold_this(f);

    switch (o) {
    case X:    return i->arg[0];
    case ZERO: return ir_const_val(f->u, i->type, 0);
    case ONE:  return ir_const_val(f->u, i->type, 1);
    case ONES: return ir_const_val(f->u, i->type, UINT64_MAX);
    default:   return FOLD_NO;
    }
}

static ir_ref fold_identity(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0], b = i->arg[1];
    enum outcome k;

    if (!b)
        return FOLD_NO;
    if (a == b)
        return result_of(f, identities[i->op][ON_SAME][NOTHING]);
    if ((k = kind_of(f, b)) != NOTHING)
        return result_of(f, identities[i->op][ON_RIGHT][k]);
    if ((k = kind_of(f, a)) != NOTHING)
        return result_of(f, identities[i->op][ON_LEFT][k]);
    return FOLD_NO;
}

/** The constant that a pure op of constants is. */
static ir_ref fold_constants(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t v[3] = { 0 }, out;

    for (unsigned k = 0; k < 3 && i->arg[k]; k++)
        if (!fold_const(f, i->arg[k], &v[k]))
            return FOLD_NO;
    if (!i->arg[0] || !ir_eval(i->op, i->type, fold_at(f, i->arg[0])->type, v, &out))
        return FOLD_NO;
    return ir_const_val(f->u, i->type, out);
}

static ir_ref fold_once(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    unsigned flags = ir_ops[i->op].flags;
    ir_ref v;

    if (flags & IR_PURE) {
        if ((flags & IR_COMM) && ir_is_const(f->u, i->arg[0]) && !ir_is_const(f->u, i->arg[1])) {
            ir_ref a = i->arg[0];
            i->arg[0] = i->arg[1];
            i->arg[1] = a;
        }
        if ((v = fold_constants(f)) || (v = fold_identity(f)))
            return v;
    }
    for (fold_rule *const *rule = rules[i->op]; *rule; rule++)
        if ((v = (*rule)(f)))
            return v;
    return FOLD_NO;
}

/** Removes what stands behind insn `r`, which ends its block now. */
static void cut_block(struct ir_unit *u, uint32_t b, ir_ref r)
{
    while (ir_at(u, r)->next)
        ir_remove(u, b, u->blocks[b].last);
}

/** Folds insn f->r; returns where to go on. */
static ir_ref fold_insn(struct fold *f)
{
    ir_ref r = f->r, v;

    f->first_new = IR_NONE;
    ir_reserve(f->u, MAX_NEW);
    v = fold_once(f);
    ir_ref next = fold_at(f, r)->next;
    if (v == FOLD_NO)
        return next;
    if (f->cut) {
        cut_block(f->u, f->b, r);
        f->cut = false;
        next = IR_NONE;
    }
    if (v != FOLD_CHANGED) {
        ir_forward(f->u, f->b, r, v);
        f->forwarded = true;
    } else if (fold_at(f, r)->op == IR_nop) {
        ir_remove(f->u, f->b, r);
    } else {
        next = r;
    }
    return f->first_new ? f->first_new : next;
}

void pass_fold(struct ir_unit *u)
{
    struct fold f = { .u = u };
    const struct ir_cfg *g = ir_cfg_build(u);
    uint32_t fuel = 8 * u->ninsns; /* no chain of rules is that long */

    for (uint32_t k = 0; k < g->n; k++) {
        f.b = g->order[k];
        for (ir_ref r = u->blocks[f.b].first; r; ) {
            unsigned op = ir_at(u, r)->op;
            if (f.forwarded)
                pass_resolve_args(u, r);
            f.r = r;
            if (!rules[op][0] && !(ir_ops[op].flags & IR_PURE))
                r = ir_at(u, r)->next;
            else
                r = fuel && fuel-- ? fold_insn(&f) : ir_at(u, r)->next;
        }
    }
    if (f.forwarded)
        pass_resolve_rest(u);
    if (u->nblocks > 1)
        ir_cfg_prune(u);
}
