/* Rules for arithmetic, bits and shifts. */
#include "ir/passes/fold.h"

static bool is_addr(const struct fold *f, ir_ref r)
{
    return ir_is_const(f->u, r) && fold_at(f, r)->aux;
}

/** (x + c1) + c2, and so on for the other associative ops. */
ir_ref fold_const_chain(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    uint64_t c1, c2, c;

    if (!fold_const(f, i->arg[1], &c2) || !fold_op_const(f, i->arg[0], i->op, &c1))
        return FOLD_NO;
    if (!ir_eval(i->op, i->type, i->type, (uint64_t[]){ c1, c2, 0 }, &c))
        return FOLD_NO;
    ir_ref x = fold_arg(f, i->arg[0], 0);
    return fold_become(f, i->op, x, ir_const_val(f->u, i->type, c), IR_NONE);
}

/** auipc + addi: a guest address plus a constant stays a guest address. */
ir_ref fold_add_addr(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0], b = i->arg[1];
    uint64_t c;

    if (is_addr(f, b)) {
        a = i->arg[1];
        b = i->arg[0];
    }
    if (!is_addr(f, a) || !fold_const(f, b, &c))
        return FOLD_NO;
    return ir_const_addr(f->u, (uint64_t)fold_at(f, a)->imm + c);
}

ir_ref fold_sub_addr(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c;

    if (!is_addr(f, i->arg[0]) || !fold_const(f, i->arg[1], &c))
        return FOLD_NO;
    return ir_const_addr(f->u, (uint64_t)fold_at(f, i->arg[0])->imm - c);
}

/** x - c is x + -c. */
ir_ref fold_sub_const(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c;

    if (!fold_const(f, i->arg[1], &c))
        return FOLD_NO;
    return fold_become(f, IR_add, i->arg[0], ir_const_val(f->u, i->type, (uint64_t)0 - c), IR_NONE);
}

/** True if `r` is an i1 extended by `op`; that in *b. */
static bool extended_bool(const struct fold *f, ir_ref r, enum ir_op op, ir_ref *b)
{
    if (fold_at(f, r)->op != op)
        return false;
    *b = fold_arg(f, r, 0);
    return fold_at(f, *b)->type == IR_I1;
}

/** neg of a bool: 0 - zext(b) is sext(b). */
ir_ref fold_neg_of_bool(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref b;

    if (!fold_is(f, i->arg[0], 0) || !extended_bool(f, i->arg[1], IR_zext, &b))
        return FOLD_NO;
    return fold_become(f, IR_sext, b, IR_NONE, IR_NONE);
}

/** zext(b) - 1 is sext(!b). */
ir_ref fold_add_bool_minus_one(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref b;

    if (!fold_is(f, i->arg[1], UINT64_MAX) || !extended_bool(f, i->arg[0], IR_zext, &b))
        return FOLD_NO;
    b = fold_inverse(f, b);
    return b ? fold_become(f, IR_sext, b, IR_NONE, IR_NONE) : FOLD_NO;
}

/* --- multiplication, division --------------------------------------------------------------------------- */

/** Operand 1's binary logarithm as a constant of the insn's type, plus `add`; IR_NONE if it is no power of 2. */
static bool power_of_2(const struct fold *f, unsigned *log2)
{
    uint64_t c;

    if (!fold_const(f, fold_this(f)->arg[1], &c) || !c || (c & (c - 1)))
        return false;
    *log2 = (unsigned)__builtin_ctzll(c);
    return true;
}

ir_ref fold_mul_power_of_2(struct fold *f)
{
    unsigned n;

    if (!power_of_2(f, &n))
        return FOLD_NO;
    return fold_become(f, IR_shl, fold_this(f)->arg[0], ir_const_val(f->u, fold_this(f)->type, n), IR_NONE);
}

ir_ref fold_divu_power_of_2(struct fold *f)
{
    unsigned n;

    if (!power_of_2(f, &n))
        return FOLD_NO;
    return fold_become(f, IR_shr, fold_this(f)->arg[0], ir_const_val(f->u, fold_this(f)->type, n), IR_NONE);
}

ir_ref fold_remu_power_of_2(struct fold *f)
{
    unsigned n;

    if (!power_of_2(f, &n))
        return FOLD_NO;
    ir_ref mask = ir_const_val(f->u, fold_this(f)->type, ((uint64_t)1 << n) - 1);
    return fold_become(f, IR_and, fold_this(f)->arg[0], mask, IR_NONE);
}

/* --- bits ------------------------------------------------------------------------------------------------- */

/** A mask that only clears bits which are zero anyway. */
ir_ref fold_and_known_zeros(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c, all;

    if (!fold_const(f, i->arg[1], &c))
        return FOLD_NO;
    all = ir_low_bits(UINT64_MAX, fold_value_bits(f, i->arg[0]));
    return (c & all) == all ? i->arg[0] : FOLD_NO;
}

/** x & 0xffffffff: no 64-bit constant, a plain 32-bit move. */
ir_ref fold_and_low_word(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (i->type != IR_I64 || !fold_is(f, i->arg[1], 0xffffffff))
        return FOLD_NO;
    return fold_become(f, IR_zext, fold_narrowed(f, i->arg[0], IR_I32), IR_NONE, IR_NONE);
}

/** x & sext(b) is b ? x : 0. */
ir_ref fold_and_of_mask(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref b, x = i->arg[0], zero;

    if (!extended_bool(f, i->arg[1], IR_sext, &b)) {
        if (!extended_bool(f, x, IR_sext, &b))
            return FOLD_NO;
        x = i->arg[1];
    }
    zero = ir_const_val(f->u, i->type, 0);
    return fold_become(f, IR_select, b, x, zero);
}

/** x & (y ^ -1) is andn. */
ir_ref fold_and_of_not(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    for (unsigned k = 0; k < 2; k++) {
        ir_ref y = i->arg[k], x = i->arg[!k];
        if (fold_at(f, y)->op == IR_xor && fold_is(f, fold_arg(f, y, 1), UINT64_MAX) && i->type != IR_I1)
            return fold_become(f, IR_andn, x, fold_arg(f, y, 0), IR_NONE);
    }
    return FOLD_NO;
}

/** True if x and y are the halves of what may be a rotation. */
static bool shifted_both_ways(const struct fold *f, ir_ref x, ir_ref y)
{
    enum ir_op a = fold_at(f, x)->op, b = fold_at(f, y)->op;

    return ((a == IR_shl && b == IR_shr) || (a == IR_shr && b == IR_shl)) && fold_arg(f, x, 0) == fold_arg(f, y, 0);
}

/** and, or, xor of two values extended the same way: extend once, afterwards. Only for i1 and for the halves of a
 * rotation (slliw, srliw, or): elsewhere the extensions mostly live on in snapshots, and nothing is gained. */
ir_ref fold_bits_of_extended(struct fold *f)
{
    const struct ir_insn *i = fold_this(f), *a = fold_at(f, i->arg[0]), *b = fold_at(f, i->arg[1]);

    if ((a->op != IR_sext && a->op != IR_zext) || b->op != a->op)
        return FOLD_NO;
    ir_ref x = fold_arg(f, i->arg[0], 0), y = fold_arg(f, i->arg[1], 0);
    enum ir_type t = fold_at(f, x)->type;
    if (fold_at(f, y)->type != t || (t != IR_I1 && !shifted_both_ways(f, x, y)))
        return FOLD_NO;
    return fold_become(f, a->op, fold_new(f, i->op, t, x, y), IR_NONE, IR_NONE);
}

/** True if shift amounts `a` and `b` add up to the width `w` (modulo w). */
static bool complementary(const struct fold *f, ir_ref a, ir_ref b, unsigned w)
{
    uint64_t c, d;

    if (fold_const(f, a, &c) && fold_const(f, b, &d))
        return ((c + d) & (w - 1)) == 0;
    for (unsigned k = 0; k < 2; k++) {
        ir_ref x = k ? a : b, y = k ? b : a;
        if (fold_at(f, x)->op == IR_sub && fold_arg(f, x, 1) == y && fold_const(f, fold_arg(f, x, 0), &c) &&
            (c & (w - 1)) == 0)
            return true;
    }
    return false;
}

/** (x << n) | (x >> -n) is a rotation. With + or ^ instead of | only where the halves cannot overlap, that is
 * not for n = 0. */
static ir_ref rotation(struct fold *f, bool exclusive)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c;

    for (unsigned k = 0; k < 2; k++) {
        ir_ref l = i->arg[k], r = i->arg[!k];
        if (fold_at(f, l)->op != IR_shl || fold_at(f, r)->op != IR_shr || fold_arg(f, l, 0) != fold_arg(f, r, 0))
            continue;
        if (!complementary(f, fold_arg(f, l, 1), fold_arg(f, r, 1), ir_type_bits[i->type]))
            continue;
        if (exclusive && !(fold_const(f, fold_arg(f, r, 1), &c) && c & (ir_type_bits[i->type] - 1)))
            continue;
        return fold_become(f, IR_rotr, fold_arg(f, l, 0), fold_arg(f, r, 1), IR_NONE);
    }
    return FOLD_NO;
}

ir_ref fold_or_of_halves(struct fold *f)
{
    return rotation(f, fold_this(f)->op != IR_or);
}

ir_ref fold_add_of_halves(struct fold *f)
{
    return rotation(f, true);
}

/* --- shifts ------------------------------------------------------------------------------------------------- */

/** Amounts count modulo the width: a mask that says so is not needed, a constant is reduced. */
ir_ref fold_shift_amount(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    unsigned w = ir_type_bits[i->type];
    uint64_t c;

    if (fold_const(f, i->arg[1], &c)) {
        if (c < w)
            return FOLD_NO;
        ir_ref n = ir_const_val(f->u, i->type, c & (w - 1));
        return fold_become(f, i->op, i->arg[0], n, IR_NONE);
    }
    if (!fold_op_const(f, i->arg[1], IR_and, &c) || (c & (w - 1)) != w - 1)
        return FOLD_NO;
    return fold_become(f, i->op, i->arg[0], fold_arg(f, i->arg[1], 0), IR_NONE);
}

/** The constant amounts of this shift and of the shift `op` that it works on. */
static bool shift_pair(const struct fold *f, enum ir_op op, unsigned *inner, unsigned *outer)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c1, c2;

    if (!fold_const(f, i->arg[1], &c2) || !fold_op_const(f, i->arg[0], op, &c1))
        return false;
    *inner = c1 & (ir_type_bits[i->type] - 1);
    *outer = (unsigned)c2;
    return true;
}

ir_ref fold_shift_chain(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    enum ir_type t = i->type;
    unsigned c1, c2, w = ir_type_bits[t];

    if (!shift_pair(f, i->op, &c1, &c2))
        return FOLD_NO;
    unsigned n = c1 + c2;
    if (n >= w) {
        if (i->op != IR_sar)
            return ir_const_val(f->u, t, 0);
        n = w - 1;
    }
    ir_ref x = fold_arg(f, i->arg[0], 0);
    return fold_become(f, i->op, x, ir_const_val(f->u, t, n), IR_NONE);
}

/** (x << c1) >> c2: the low bits of x, extended by `ext` and moved to their place. */
static ir_ref extract(struct fold *f, enum ir_op ext, unsigned c1, unsigned c2)
{
    enum ir_type t = fold_this(f)->type;
    unsigned w = ir_type_bits[t];
    enum ir_type low = fold_int_type(w - c1);
    ir_ref x = fold_arg(f, fold_this(f)->arg[0], 0);

    if (!c1 || low == IR_VOID || (c2 != c1 && low != IR_I32))
        return FOLD_NO;
    if (c2 > c1) {
        ir_ref part = fold_narrowed(f, x, low);
        ir_ref n = ir_const_val(f->u, low, c2 - c1);
        part = fold_new(f, ext == IR_sext ? IR_sar : IR_shr, low, part, n);
        return fold_become(f, ext, part, IR_NONE, IR_NONE);
    }
    x = fold_narrowed(f, x, low);
    if (c2 == c1)
        return fold_become(f, ext, x, IR_NONE, IR_NONE);
    x = fold_new(f, ext, t, x, IR_NONE);
    return fold_become(f, IR_shl, x, ir_const_val(f->u, t, c1 - c2), IR_NONE);
}

ir_ref fold_shr_of_shl(struct fold *f)
{
    unsigned c1, c2;

    if (!shift_pair(f, IR_shl, &c1, &c2))
        return FOLD_NO;
    ir_ref v = extract(f, IR_zext, c1, c2);
    const struct ir_insn *i = fold_this(f);
    unsigned left = ir_type_bits[i->type] - c1;
    if (v || c1 != c2 || left > 31) /* the mask must be a 32-bit immediate */
        return v;
    ir_ref mask = ir_const_val(f->u, i->type, ir_low_bits(UINT64_MAX, left));
    i = fold_this(f);
    return fold_become(f, IR_and, fold_arg(f, i->arg[0], 0), mask, IR_NONE);
}

ir_ref fold_sar_of_shl(struct fold *f)
{
    unsigned c1, c2;

    return shift_pair(f, IR_shl, &c1, &c2) ? extract(f, IR_sext, c1, c2) : FOLD_NO;
}

/** (x >> c) << c clears the low bits. */
ir_ref fold_shl_of_shr(struct fold *f)
{
    unsigned c1, c2;

    if ((!shift_pair(f, IR_shr, &c1, &c2) && !shift_pair(f, IR_sar, &c1, &c2)) || c1 != c2 || c1 > 31)
        return FOLD_NO;
    ir_ref mask = ir_const_val(f->u, fold_this(f)->type, UINT64_MAX << c1);
    return fold_become(f, IR_and, fold_arg(f, fold_this(f)->arg[0], 0), mask, IR_NONE);
}
