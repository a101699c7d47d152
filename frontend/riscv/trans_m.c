/* Chapter M: multiplication and division. Division by zero does not trap: the quotient is -1, the remainder is
 * the dividend; MIN / -1 is MIN, remainder 0 (manual, table "Semantics for division by zero and division
 * overflow"). The IR's ops give all of that but the quotient -1. */
#include "frontend/riscv/trans.h"

bool trans_mul(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_mul); }
bool trans_mulh(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_mulhs); }
bool trans_mulhu(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_mulhu); }
bool trans_mulw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_mul); }
bool trans_rem(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_rems); }
bool trans_remu(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_remu); }
bool trans_remw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_rems); }
bool trans_remuw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_remu); }

/* Signed x times unsigned y: the unsigned product counts 2^64 * y too much where x is negative. */
bool trans_mulhsu(struct riscv_ctx *ctx, const struct arg_r *a)
{
    ir_ref x = xget(ctx, a->rs1), y = xget(ctx, a->rs2);
    ir_ref sign = op64(ctx, IR_sar, x, const64(ctx, 63));

    xput(ctx, a->rd, op64(ctx, IR_sub, op64(ctx, IR_mulhu, x, y), op64(ctx, IR_and, sign, y)));
    return true;
}

static ir_ref divide(struct riscv_ctx *ctx, enum ir_type t, enum ir_op op, ir_ref x, ir_ref y)
{
    ir_ref q = ir_op2(ctx->u, op, t, x, y);
    ir_ref zero = cmp(ctx, IR_cmpeq, y, ir_const_val(ctx->u, t, 0));

    return ir_emit(ctx->u, IR_select, t, 0, zero, ir_const_val(ctx->u, t, UINT64_MAX), q, 0);
}

bool trans_div(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput(ctx, a->rd, divide(ctx, IR_I64, IR_divs, xget(ctx, a->rs1), xget(ctx, a->rs2)));
    return true;
}

bool trans_divu(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput(ctx, a->rd, divide(ctx, IR_I64, IR_divu, xget(ctx, a->rs1), xget(ctx, a->rs2)));
    return true;
}

bool trans_divw(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput32(ctx, a->rd, divide(ctx, IR_I32, IR_divs, xget32(ctx, a->rs1), xget32(ctx, a->rs2)));
    return true;
}

bool trans_divuw(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput32(ctx, a->rd, divide(ctx, IR_I32, IR_divu, xget32(ctx, a->rs1), xget32(ctx, a->rs2)));
    return true;
}
