#include "frontend/riscv/trans.h"

ir_ref xget(struct riscv_ctx *ctx, int n)
{
    return n ? tr_get(ctx->tr, riscv_xreg[n]) : const64(ctx, 0);
}

ir_ref xget32(struct riscv_ctx *ctx, int n)
{
    ir_ref v = xget(ctx, n), *narrow = n ? &ctx->tr->narrow[riscv_xreg[n]] : NULL;
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_const && !i->aux)
        return const32(ctx, (uint32_t)i->imm);
    if ((i->op == IR_sext || i->op == IR_zext) && ir_at(ctx->u, i->arg[0])->type == IR_I32)
        return i->arg[0];
    if (!*narrow)
        *narrow = ir_op1(ctx->u, IR_trunc, IR_I32, v);
    return *narrow;
}

void xput(struct riscv_ctx *ctx, int n, ir_ref v)
{
    if (n)
        tr_put(ctx->tr, riscv_xreg[n], v);
}

void xput32(struct riscv_ctx *ctx, int n, ir_ref v)
{
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_const)
        xput(ctx, n, const64(ctx, (uint64_t)(int32_t)i->imm));
    else if (n)
        xput(ctx, n, ir_op1(ctx->u, IR_sext, IR_I64, v));
}

void xput1(struct riscv_ctx *ctx, int n, ir_ref v)
{
    if (n)
        xput(ctx, n, ir_op1(ctx->u, IR_zext, IR_I64, v));
}

ir_ref fget64(struct riscv_ctx *ctx, int n)
{
    return tr_get(ctx->tr, riscv_freg[n]);
}

ir_ref fget32(struct riscv_ctx *ctx, int n)
{
    ir_ref v = fget64(ctx, n), *narrow = &ctx->tr->narrow[riscv_freg[n]];
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_nanbox)
        return i->arg[0];
    if (!*narrow)
        *narrow = ir_op1(ctx->u, IR_nanunbox, IR_F32, v);
    return *narrow;
}

void fput64(struct riscv_ctx *ctx, int n, ir_ref v)
{
    tr_put(ctx->tr, riscv_freg[n], v);
}

void fput32(struct riscv_ctx *ctx, int n, ir_ref v)
{
    tr_put(ctx->tr, riscv_freg[n], ir_op1(ctx->u, IR_nanbox, IR_F64, v));
}

ir_ref add_imm(struct riscv_ctx *ctx, ir_ref a, int64_t imm)
{
    const struct ir_insn *i = ir_at(ctx->u, a);

    if (imm == 0)
        return a;
    if (i->op == IR_const) {
        uint64_t v = (uint64_t)i->imm + (uint64_t)imm;

        return i->aux ? ir_const_addr(ctx->u, v) : const64(ctx, v);
    }
    return op64(ctx, IR_add, a, const64(ctx, (uint64_t)imm));
}
