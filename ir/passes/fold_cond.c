/* Rules for comparisons, choices, and the ways out. */
#include "ir/passes/fold.h"

/* The comparison that is true when the other is false, with operands swapped where `swap` says so. */
static const struct { uint8_t op, swap; } inverse[IR_NOPS] = {
    [IR_cmpeq] = { IR_cmpne, 0 }, [IR_cmpne] = { IR_cmpeq, 0 },
    [IR_cmplts] = { IR_cmples, 1 }, [IR_cmples] = { IR_cmplts, 1 },
    [IR_cmpltu] = { IR_cmpleu, 1 }, [IR_cmpleu] = { IR_cmpltu, 1 },
};

ir_ref fold_inverse(struct fold *f, ir_ref c)
{
    const struct ir_insn *i = fold_at(f, c);
    uint64_t v;

    if (fold_const(f, c, &v))
        return ir_const_val(f->u, IR_I1, !v);
    if (i->op == IR_xor && fold_is(f, fold_arg(f, c, 1), 1))
        return fold_arg(f, c, 0);
    if (!inverse[i->op].op)
        return IR_NONE;
    unsigned swap = inverse[i->op].swap;
    return fold_new(f, inverse[i->op].op, IR_I1, fold_arg(f, c, swap), fold_arg(f, c, !swap));
}

int fold_relation(const struct fold *f, ir_ref a, ir_ref b)
{
    const struct ir_insn *i = fold_at(f, a), *j = fold_at(f, b);

    if (a == b)
        return 1;
    if (!inverse[i->op].op || !inverse[j->op].op)
        return 0;
    ir_ref a0 = fold_arg(f, a, 0), a1 = fold_arg(f, a, 1), b0 = fold_arg(f, b, 0), b1 = fold_arg(f, b, 1);
    if (i->op == j->op && a0 == b0 && a1 == b1)
        return 1;
    if (inverse[i->op].op == j->op && (inverse[i->op].swap ? a0 == b1 && a1 == b0 : a0 == b0 && a1 == b1))
        return -1;
    return 0;
}

/** xor of a compare with 1 (not): the inverse compare. */
ir_ref fold_xor_of_compare(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (i->type != IR_I1 || !fold_is(f, i->arg[1], 1) || !inverse[fold_at(f, i->arg[0])->op].op)
        return FOLD_NO;
    ir_ref c = i->arg[0];
    unsigned op = fold_at(f, c)->op, swap = inverse[op].swap;
    return fold_become(f, inverse[op].op, fold_arg(f, c, swap), fold_arg(f, c, !swap), IR_NONE);
}

/** xori of a slt with 1: zext(b) ^ 1 is zext(!b). */
ir_ref fold_xor_of_bool(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (i->type == IR_I1 || !fold_is(f, i->arg[1], 1) || fold_at(f, i->arg[0])->op != IR_zext)
        return FOLD_NO;
    ir_ref b = fold_arg(f, i->arg[0], 0);
    if (fold_at(f, b)->type != IR_I1 || !(b = fold_inverse(f, b)))
        return FOLD_NO;
    return fold_become(f, IR_zext, b, IR_NONE, IR_NONE);
}

/* --- comparisons ---------------------------------------------------------------------------------------- */

/** An extended i1 compared with 0 or with what it is when true. */
ir_ref fold_compare_bool(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    enum ir_op ext = fold_at(f, i->arg[0])->op;

    if (ext != IR_zext && ext != IR_sext)
        return FOLD_NO;
    ir_ref b = fold_arg(f, i->arg[0], 0);
    if (fold_at(f, b)->type != IR_I1)
        return FOLD_NO;
    bool zero = fold_is(f, i->arg[1], 0);
    if (!zero && !fold_is(f, i->arg[1], ext == IR_zext ? 1 : UINT64_MAX))
        return FOLD_NO;
    if (zero == (i->op == IR_cmpne))
        return b;
    ir_ref inv = fold_inverse(f, b);
    if (inv)
        return inv;
    return fold_become(f, IR_xor, b, ir_const_val(f->u, IR_I1, 1), IR_NONE);
}

/** x - y == 0, x ^ y == 0, x + c1 == c2. */
ir_ref fold_compare_difference(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0];
    enum ir_op op = i->op, inner = fold_at(f, a)->op;
    uint64_t c1, c2;

    if (!fold_const(f, i->arg[1], &c2))
        return FOLD_NO;
    if (c2 == 0 && (inner == IR_sub || inner == IR_xor))
        return fold_become(f, op, fold_arg(f, a, 0), fold_arg(f, a, 1), IR_NONE);
    if (!fold_op_const(f, a, IR_add, &c1))
        return FOLD_NO;
    ir_ref c = ir_const_val(f->u, fold_at(f, a)->type, c2 - c1);
    return fold_become(f, op, fold_arg(f, a, 0), c, IR_NONE);
}

/** seqz (x <u 1) and snez (0 <u x). */
ir_ref fold_compare_with_one(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0], b = i->arg[1];

    if (fold_is(f, b, 1))
        return fold_become(f, IR_cmpeq, a, ir_const_val(f->u, fold_at(f, a)->type, 0), IR_NONE);
    if (fold_is(f, a, 0))
        return fold_become(f, IR_cmpne, b, a, IR_NONE);
    return FOLD_NO;
}

/** x <=u 0, 1 <=u x. */
ir_ref fold_compare_with_zero(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0], b = i->arg[1];

    if (fold_is(f, b, 0))
        return fold_become(f, IR_cmpeq, a, b, IR_NONE);
    if (fold_is(f, a, 1))
        return fold_become(f, IR_cmpne, b, ir_const_val(f->u, fold_at(f, b)->type, 0), IR_NONE);
    return FOLD_NO;
}

/** True if `r` is `ext` of type `t` as far as its value goes: the extension itself, or known to look like one. */
static bool looks_extended(const struct fold *f, ir_ref r, enum ir_op ext, unsigned from)
{
    return (ext == IR_sext ? fold_signed_bits(f, r) : fold_value_bits(f, r)) <= from;
}

/** A comparison of two values extended the same way is one of the narrow values. Sign extension keeps the unsigned order
 * too; zero extension turns the signed order into the unsigned one. */
ir_ref fold_compare_extended(struct fold *f)
{
    static const uint8_t as_unsigned[IR_NOPS] = {
        [IR_cmpeq] = IR_cmpeq, [IR_cmpne] = IR_cmpne, [IR_cmplts] = IR_cmpltu,
        [IR_cmples] = IR_cmpleu, [IR_cmpltu] = IR_cmpltu, [IR_cmpleu] = IR_cmpleu,
    };
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0], b = i->arg[1];
    enum ir_op op = i->op;

    for (unsigned k = 0; k < 2; k++) {
        ir_ref x = i->arg[k];
        enum ir_op ext = fold_at(f, x)->op;
        if (ext != IR_sext && ext != IR_zext)
            continue;
        enum ir_type t = fold_at(f, fold_arg(f, x, 0))->type;
        if (t == IR_I1 || !looks_extended(f, i->arg[!k], ext, ir_type_bits[t]))
            continue;
        a = fold_narrowed(f, a, t);
        b = fold_narrowed(f, b, t);
        return fold_become(f, ext == IR_zext ? as_unsigned[op] : op, a, b, IR_NONE);
    }
    return FOLD_NO;
}

/* --- choice ---------------------------------------------------------------------------------------------- */

ir_ref fold_select_known(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c;

    if (i->arg[1] == i->arg[2])
        return i->arg[1];
    return fold_const(f, i->arg[0], &c) ? i->arg[c ? 1 : 2] : FOLD_NO;
}

ir_ref fold_select_of_not(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref c = i->arg[0];

    if (fold_at(f, c)->op != IR_xor || !fold_is(f, fold_arg(f, c, 1), 1))
        return FOLD_NO;
    return fold_become(f, IR_select, fold_arg(f, c, 0), i->arg[2], i->arg[1]);
}

/** b ? 1 : 0 and b ? -1 : 0, and the same upside down. */
ir_ref fold_select_bool(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref b = i->arg[0], yes = i->arg[1], no = i->arg[2];
    bool up = fold_is(f, no, 0), down = fold_is(f, yes, 0);
    ir_ref v = up ? yes : no;

    if (i->type > IR_I64 || !(up || down))
        return FOLD_NO;
    bool one = fold_is(f, v, 1), ones = fold_is(f, v, UINT64_MAX);
    if (!(one || ones) || (!up && !(b = fold_inverse(f, b))))
        return FOLD_NO;
    return fold_become(f, one ? IR_zext : IR_sext, b, IR_NONE, IR_NONE);
}

/** Zicond pairs: (c ? x : 0) | (c ? 0 : y) is c ? x : y. */
ir_ref fold_either_or(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    ir_ref a = i->arg[0], b = i->arg[1];

    if (fold_at(f, a)->op != IR_select || fold_at(f, b)->op != IR_select)
        return FOLD_NO;
    int rel = fold_relation(f, fold_arg(f, a, 0), fold_arg(f, b, 0));
    unsigned za = fold_is(f, fold_arg(f, a, 1), 0) ? 1 : fold_is(f, fold_arg(f, a, 2), 0) ? 2 : 0;
    unsigned zb = fold_is(f, fold_arg(f, b, 1), 0) ? 1 : fold_is(f, fold_arg(f, b, 2), 0) ? 2 : 0;
    if (!rel || !za || !zb || (za == zb) != (rel < 0))
        return FOLD_NO;
    ir_ref x = fold_arg(f, a, 3 - za), y = fold_arg(f, b, 3 - zb); /* what they choose where not 0 */
    return fold_become(f, IR_select, fold_arg(f, a, 0), za == 2 ? x : y, za == 2 ? y : x);
}

/* --- ways out -------------------------------------------------------------------------------------------- */

/** A guard whose condition is known: gone, or the end of the block. */
ir_ref fold_guard_known(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    uint64_t c;

    if (!fold_const(f, i->arg[0], &c))
        return FOLD_NO;
    i->arg[0] = IR_NONE;
    if (!c) {
        i->op = IR_nop;
        return FOLD_CHANGED;
    }
    i->op = i->op == IR_exit_if ? IR_exit : IR_trap;
    f->cut = true;
    return FOLD_CHANGED;
}

ir_ref fold_br_known(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    uint64_t c;

    if (!fold_const(f, i->arg[0], &c))
        return FOLD_NO;
    i->op = IR_jmp;
    i->arg[0] = IR_NONE;
    i->aux = (uint16_t)(i->aux + !c);
    i->imm = c ? i->imm & 0xffff : i->imm >> 16;
    return FOLD_CHANGED;
}

/** An indirect jump to a known address is a direct one. */
ir_ref fold_exit_known(struct fold *f)
{
    struct ir_insn *i = fold_this(f);

    if (!ir_is_const(f->u, i->arg[0]))
        return FOLD_NO;
    i->op = IR_exit;
    i->imm = fold_at(f, i->arg[0])->imm;
    i->arg[0] = IR_NONE;
    if (i->snap)
        f->u->snaps[i->snap].pc = (gaddr)i->imm;
    return FOLD_CHANGED;
}
