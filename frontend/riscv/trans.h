/* What the trans_ functions write with: guest registers as values, and the shapes that many instructions share. */
#pragma once

#include "frontend/riscv/riscv.h"
#include "frontend/rv64_decode.h"
#include "frontend/translate.h"

/* What the decoder passes through. */
struct riscv_ctx {
    struct tr *tr;
    struct ir_unit *u;
};

/** x`n` as i64; the constant 0 for n = 0. */
ir_ref xget(struct riscv_ctx *ctx, int n);
/** The low 32 bits of x`n` as i32. */
ir_ref xget32(struct riscv_ctx *ctx, int n);
/** x`n` becomes `v` (i64); nothing for n = 0. */
void xput(struct riscv_ctx *ctx, int n, ir_ref v);
/** x`n` becomes the i32 `v`, sign-extended: what every *w instruction does. */
void xput32(struct riscv_ctx *ctx, int n, ir_ref v);
/** x`n` becomes the i1 `v`, 0 or 1. */
void xput1(struct riscv_ctx *ctx, int n, ir_ref v);

/** f`n`: the f64 in it. */
ir_ref fget64(struct riscv_ctx *ctx, int n);
/** f`n`: the f32 that is NaN-boxed in it. */
ir_ref fget32(struct riscv_ctx *ctx, int n);
void fput64(struct riscv_ctx *ctx, int n, ir_ref v);
void fput32(struct riscv_ctx *ctx, int n, ir_ref v);

/** Constants. */
static inline ir_ref const64(struct riscv_ctx *ctx, uint64_t v)
{
    return ir_const_val(ctx->u, IR_I64, v);
}

static inline ir_ref const32(struct riscv_ctx *ctx, uint32_t v)
{
    return ir_const_val(ctx->u, IR_I32, v);
}

/** i64 ops. */
static inline ir_ref op64(struct riscv_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I64, a, b);
}

/** i32 ops. */
static inline ir_ref op32(struct riscv_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I32, a, b);
}

/** Comparisons. */
static inline ir_ref cmp(struct riscv_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I1, a, b);
}

static inline ir_ref select64(struct riscv_ctx *ctx, ir_ref c, ir_ref a, ir_ref b)
{
    return ir_emit(ctx->u, IR_select, IR_I64, 0, c, a, b, 0);
}

/** a + imm; folds constants. */
ir_ref add_imm(struct riscv_ctx *ctx, ir_ref a, int64_t imm);

/** rd = op(rs1, rs2), 64 bits wide. */
static inline bool rrr(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_op op)
{
    xput(ctx, a->rd, op64(ctx, op, xget(ctx, a->rs1), xget(ctx, a->rs2)));
    return true;
}

/** rd = op(rs1, rs2), 32 bits wide. */
static inline bool rrr32(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_op op)
{
    xput32(ctx, a->rd, op32(ctx, op, xget32(ctx, a->rs1), xget32(ctx, a->rs2)));
    return true;
}

/** rd = op(rs1, shamt), 64 bits wide. */
static inline bool rri(struct riscv_ctx *ctx, const struct arg_shift *a, enum ir_op op)
{
    xput(ctx, a->rd, op64(ctx, op, xget(ctx, a->rs1), const64(ctx, (uint64_t)a->shamt)));
    return true;
}

/** rd = op(rs1, shamt), 32 bits wide. */
static inline bool rri32(struct riscv_ctx *ctx, const struct arg_shift *a, enum ir_op op)
{
    xput32(ctx, a->rd, op32(ctx, op, xget32(ctx, a->rs1), const32(ctx, (uint32_t)a->shamt)));
    return true;
}
