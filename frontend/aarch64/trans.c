#include "frontend/aarch64/trans.h"

/* --- general registers */

ir_ref xget_sp(struct aarch64_ctx *ctx, int n)
{
    return tr_get(ctx->tr, a64_xreg[n]);
}

ir_ref low32(struct aarch64_ctx *ctx, ir_ref v)
{
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_const && !i->aux)
        return const32(ctx, (uint32_t)i->imm);
    if ((i->op == IR_sext || i->op == IR_zext) && ir_at(ctx->u, i->arg[0])->type == IR_I32)
        return i->arg[0];
    return ir_op1(ctx->u, IR_trunc, IR_I32, v);
}

/* The low half of a row, truncated once a value. */
static ir_ref low_of_row(struct aarch64_ctx *ctx, unsigned row)
{
    ir_ref v = tr_get(ctx->tr, row), *narrow = &ctx->tr->narrow[row];
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_const || i->op == IR_sext || i->op == IR_zext)
        return low32(ctx, v);
    if (!*narrow)
        *narrow = ir_op1(ctx->u, IR_trunc, IR_I32, v);
    return *narrow;
}

ir_ref wget(struct aarch64_ctx *ctx, int n)
{
    return n == ZR ? const32(ctx, 0) : low_of_row(ctx, a64_xreg[n]);
}

ir_ref wget_sp(struct aarch64_ctx *ctx, int n)
{
    return low_of_row(ctx, a64_xreg[n]);
}

void xput_sp(struct aarch64_ctx *ctx, int n, ir_ref v)
{
    tr_put(ctx->tr, a64_xreg[n], v);
}

ir_ref zext64(struct aarch64_ctx *ctx, ir_ref v)
{
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->type == IR_I64)
        return v;
    if (i->op == IR_const)
        return const64(ctx, (uint64_t)i->imm);
    return ir_op1(ctx->u, IR_zext, IR_I64, v);
}

void wput(struct aarch64_ctx *ctx, int n, ir_ref v)
{
    if (n != ZR)
        xput(ctx, n, zext64(ctx, v));
}

void wput_sp(struct aarch64_ctx *ctx, int n, ir_ref v)
{
    xput_sp(ctx, n, zext64(ctx, v));
}

ir_ref rget(struct aarch64_ctx *ctx, int sf, int n)
{
    return sf ? xget(ctx, n) : wget(ctx, n);
}

ir_ref rget_sp(struct aarch64_ctx *ctx, int sf, int n)
{
    return sf ? xget_sp(ctx, n) : wget_sp(ctx, n);
}

void rput(struct aarch64_ctx *ctx, int sf, int n, ir_ref v)
{
    if (sf)
        xput(ctx, n, v);
    else
        wput(ctx, n, v);
}

void rput_sp(struct aarch64_ctx *ctx, int sf, int n, ir_ref v)
{
    if (sf)
        xput_sp(ctx, n, v);
    else
        wput_sp(ctx, n, v);
}

/* --- vector registers */

ir_ref vget(struct aarch64_ctx *ctx, int n)
{
    return tr_get(ctx->tr, a64_vreg[n]);
}

void vput(struct aarch64_ctx *ctx, int n, ir_ref v)
{
    tr_put(ctx->tr, a64_vreg[n], v);
}

ir_ref vget_low(struct aarch64_ctx *ctx, int n, enum ir_type t)
{
    ir_ref v = vget(ctx, n), *narrow = &ctx->tr->narrow[a64_vreg[n]];
    const struct ir_insn *i = ir_at(ctx->u, v);
    enum ir_type result = t == IR_I16 || t == IR_I8 ? IR_I32 : t;

    if (i->op == IR_vzext && ir_at(ctx->u, i->arg[0])->type == t)
        return i->arg[0];
    if (*narrow && ir_at(ctx->u, *narrow)->type == t)
        return *narrow;
    v = ir_emit(ctx->u, IR_vget, result, (uint16_t)t, v, IR_NONE, IR_NONE, 0);
    if (result == t)
        *narrow = v;
    return v;
}

void vput_low(struct aarch64_ctx *ctx, int n, ir_ref v)
{
    vput(ctx, n, ir_op1(ctx->u, IR_vzext, IR_V128, v));
}

unsigned fp_aux(struct aarch64_ctx *ctx, int esz)
{
    unsigned mode = ctx->u->mode, flush = esz == 1 ? A64_MODE_FZ16 : A64_MODE_FZ;

    return IR_RM_DYN | IR_FP_ARM | (mode & A64_MODE_DN ? IR_FP_DN : 0) | (mode & flush ? IR_FP_FZ : 0);
}

unsigned fp_aux_rm(struct aarch64_ctx *ctx, int esz, int rmode)
{
    static const uint8_t rm[6] = { IR_RM_RNE, IR_RM_RUP, IR_RM_RDN, IR_RM_RTZ, IR_RM_RMM, IR_RM_DYN };

    return (fp_aux(ctx, esz) & ~7u) | rm[rmode];
}

/* --- building */

ir_ref not1(struct aarch64_ctx *ctx, ir_ref c)
{
    return tr_negated(ctx->u, c);
}
