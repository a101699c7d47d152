/* Folding: vectors. What a frontend leaves that keeps scalars in vector registers. */
#include "ir/passes/fold.h"

static bool is_zero(struct fold *f, ir_ref r)
{
    const struct ir_insn *v = fold_at(f, r);

    return v->op == IR_const && v->imm == 0;
}

/** MixColumns after SubBytes and ShiftRows is one AES round on most hosts. */
ir_ref fold_aes_round(struct fold *f)
{
    struct ir_insn *i = fold_this(f);
    const struct ir_insn *sub = fold_at(f, i->arg[0]);

    if (sub->op != IR_vaessub || sub->aux != i->aux)
        return FOLD_NO;
    if (!is_zero(f, sub->arg[1]))
        return FOLD_NO;
    i->op = IR_vaesround;
    i->arg[0] = ir_val(f->u, sub->arg[0]);
    i->arg[1] = ir_val(f->u, sub->arg[1]);
    return FOLD_CHANGED;
}

/** The key that is added after a round. The round as it was vanishes if nobody else wants it. */
ir_ref fold_aes_key(struct fold *f)
{
    struct ir_insn *i = fold_this(f);

    if (i->aux & (IR_V_LOW | IR_V_ONE))
        return FOLD_NO;
    for (unsigned k = 0; k < 2; k++) {
        const struct ir_insn *r = fold_at(f, i->arg[k]);
        ir_ref key = ir_val(f->u, i->arg[!k]);

        if ((r->op != IR_vaessub && r->op != IR_vaesround) || !is_zero(f, r->arg[1]))
            continue;
        i->op = r->op;
        i->aux = r->aux;
        i->arg[0] = ir_val(f->u, r->arg[0]);
        i->arg[1] = key;
        return FOLD_CHANGED;
    }
    return FOLD_NO;
}

/** A lane of what was just made of scalars. */
ir_ref fold_get_of_scalar(struct fold *f)
{
    const struct ir_insn *i = fold_this(f), *v = fold_at(f, i->arg[0]);
    ir_ref x = IR_NONE;

    if (ir_type_bits[IR_V_LANE(i->aux)] != ir_type_bits[i->type])
        return FOLD_NO;
    if (v->op == IR_vzext && i->imm == 0)
        x = fold_arg(f, i->arg[0], 0);
    else if (v->op == IR_vpair && i->type == IR_I64)
        x = fold_arg(f, i->arg[0], i->imm != 0);
    return x && fold_at(f, x)->type == i->type ? x : FOLD_NO;
}

/** A 64-bit scalar in a vector has nothing above already. */
ir_ref fold_low_of_scalar(struct fold *f)
{
    const struct ir_insn *i = fold_this(f), *v = fold_at(f, i->arg[0]);

    if (!(i->aux & (IR_V_LOW | IR_V_ONE)))
        return i->arg[0];
    if (v->op != IR_vzext)
        return FOLD_NO;
    unsigned bits = i->aux & IR_V_LOW ? 64 : ir_type_bits[IR_V_LANE(i->aux)];
    return fold_bits(f, ir_val(f->u, v->arg[0])) <= bits ? i->arg[0] : FOLD_NO;
}
