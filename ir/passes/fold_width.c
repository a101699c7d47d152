/* Rules for widths, bit casts, boxes, and what is stored. */
#include "ir/passes/fold.h"

/** sext(sext), zext(zext), sext(zext): one extension. */
ir_ref fold_extend_of_extended(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    enum ir_op inner = fold_at(f, i->arg[0])->op;

    if (inner != IR_zext && !(inner == IR_sext && i->op == IR_sext))
        return FOLD_NO;
    return fold_become(f, inner, fold_arg(f, i->arg[0], 0), IR_NONE, IR_NONE);
}

/** sext(trunc(x)): x itself if it is sign-extended already. */
ir_ref fold_sext_of_trunc(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (fold_at(f, i->arg[0])->op != IR_trunc)
        return FOLD_NO;
    ir_ref x = fold_arg(f, i->arg[0], 0);
    if (fold_at(f, x)->type == i->type && fold_signed_bits(f, x) <= fold_bits(f, i->arg[0]))
        return x;
    return FOLD_NO;
}

ir_ref fold_zext_of_trunc(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (fold_at(f, i->arg[0])->op != IR_trunc)
        return FOLD_NO;
    ir_ref x = fold_arg(f, i->arg[0], 0);
    if (fold_at(f, x)->type == i->type && fold_value_bits(f, x) <= fold_bits(f, i->arg[0]))
        return x;
    return FOLD_NO;
}

/** trunc of an extension or of another trunc. */
ir_ref fold_trunc_of_wider(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    enum ir_op inner = fold_at(f, i->arg[0])->op;

    if (inner != IR_sext && inner != IR_zext && inner != IR_trunc)
        return FOLD_NO;
    ir_ref x = fold_arg(f, i->arg[0], 0);
    unsigned from = fold_bits(f, x), to = ir_type_bits[i->type];
    if (from == to)
        return x;
    return fold_become(f, from > to ? IR_trunc : inner, x, IR_NONE, IR_NONE);
}

/** trunc of a mask that leaves the low bits alone. */
ir_ref fold_trunc_of_mask(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);
    uint64_t c, low = ir_low_bits(UINT64_MAX, ir_type_bits[i->type]);

    if (!fold_op_const(f, i->arg[0], IR_and, &c) || (c & low) != low)
        return FOLD_NO;
    return fold_become(f, IR_trunc, fold_arg(f, i->arg[0], 0), IR_NONE, IR_NONE);
}

/** The low word of a boxed f32 (fmv.x.w of what an f32 op made). */
ir_ref fold_trunc_of_box(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (i->type != IR_I32 || fold_at(f, i->arg[0])->op != IR_bitcast)
        return FOLD_NO;
    ir_ref box = fold_arg(f, i->arg[0], 0);
    if (fold_at(f, box)->op != IR_nanbox)
        return FOLD_NO;
    return fold_become(f, IR_bitcast, fold_arg(f, box, 0), IR_NONE, IR_NONE);
}

ir_ref fold_bitcast_pair(struct fold *f)
{
    const struct ir_insn *i = fold_this(f);

    if (fold_at(f, i->arg[0])->op != IR_bitcast)
        return FOLD_NO;
    ir_ref x = fold_arg(f, i->arg[0], 0);
    return fold_at(f, x)->type == i->type ? x : FOLD_NO;
}

ir_ref fold_unbox_of_box(struct fold *f)
{
    ir_ref box = fold_this(f)->arg[0];

    return fold_at(f, box)->op == IR_nanbox ? fold_arg(f, box, 0) : FOLD_NO;
}

ir_ref fold_fneg_pair(struct fold *f)
{
    ir_ref x = fold_this(f)->arg[0];

    return fold_at(f, x)->op == IR_fneg ? fold_arg(f, x, 0) : FOLD_NO;
}

/** fabs(fneg(x)) is fabs(x), fabs(fabs(x)) too. */
ir_ref fold_fabs_of_sign(struct fold *f)
{
    ir_ref x = fold_this(f)->arg[0];

    if (fold_at(f, x)->op == IR_fabs)
        return x;
    if (fold_at(f, x)->op != IR_fneg)
        return FOLD_NO;
    return fold_become(f, IR_fabs, fold_arg(f, x, 0), IR_NONE, IR_NONE);
}

/** A store takes the low bits of any integer: what only changes higher bits is not needed. */
ir_ref fold_store_low_bits(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    enum ir_op op = fold_at(f, i->arg[2])->op;
    unsigned w = ir_type_bits[IR_MEM_TYPE(i->aux)];
    uint64_t c, low = ir_low_bits(UINT64_MAX, w);
    ir_ref x;

    if (op == IR_sext || op == IR_zext || op == IR_trunc)
        x = fold_arg(f, i->arg[2], 0);
    else if (fold_op_const(f, i->arg[2], IR_and, &c) && (c & low) == low)
        x = fold_arg(f, i->arg[2], 0);
    else
        return FOLD_NO;
    if (fold_bits(f, x) < w)
        return FOLD_NO;
    i->arg[2] = x;
    return FOLD_CHANGED;
}
