/* BFloat16: dot products and conversion are calls, a widening multiplication is one of singles. */
#include "frontend/aarch64/trans_simd.h"

static ir_ref half_of(struct aarch64_ctx *ctx, ir_ref v, int half)
{
    return ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, v, IR_NONE, IR_NONE, half);
}

/* --- dot products of pairs */

static ir_ref dot(struct aarch64_ctx *ctx, int q, ir_ref d, ir_ref n, ir_ref m)
{
    ir_ref r[2] = { const64(ctx, 0), const64(ctx, 0) };

    for (int k = 0; k <= q; k++)
        r[k] = call_helper(ctx, A64_HELPER_bfdot, IR_I64, half_of(ctx, d, k), half_of(ctx, n, k), half_of(ctx, m, k));
    return simd_op2(ctx, IR_vpair, 0, r[0], r[1]);
}

bool a64_bfdot_v(struct aarch64_ctx *ctx, const struct arg_vrrr *a)
{
    vput(ctx, a->rd, dot(ctx, a->q, vget(ctx, a->rd), vget(ctx, a->rn), vget(ctx, a->rm)));
    return true;
}

bool a64_bfdot_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a)
{
    vput(ctx, a->rd, dot(ctx, a->q, vget(ctx, a->rd), vget(ctx, a->rn), simd_element(ctx, a->rm, 2, a->index)));
    return true;
}

/* Rows of n by rows of m, as mmla. */
bool a64_bfmmla(struct aarch64_ctx *ctx, const struct arg_vrrr *a)
{
    ir_ref d = vget(ctx, a->rd), n = vget(ctx, a->rn), m = vget(ctx, a->rm);

    d = dot(ctx, 1, d, simd_op2(ctx, IR_vtrn1, IR_I32, n, n), simd_op2(ctx, IR_vuzp1, IR_I32, m, m));
    d = dot(ctx, 1, d, simd_op2(ctx, IR_vtrn2, IR_I32, n, n), simd_op2(ctx, IR_vuzp2, IR_I32, m, m));
    vput(ctx, a->rd, d);
    return true;
}

/* --- even or odd elements, as singles */

static ir_ref singles(struct aarch64_ctx *ctx, ir_ref v, bool odd)
{
    if (odd)
        return simd_op2(ctx, IR_vand, IR_I64, v, simd_splat(ctx, 2, 0xffff0000));
    return simd_op1(ctx, IR_vshli, IR_I32, v, 16);
}

static bool multiply(struct aarch64_ctx *ctx, int rd, ir_ref n, ir_ref m)
{
    vput(ctx, rd, simd_op3(ctx, IR_vfma, IR_F32 | simd_fp_aux(ctx, 2, 5), n, m, vget(ctx, rd)));
    return true;
}

bool a64_bfmlal_v(struct aarch64_ctx *ctx, const struct arg_vrrr *a)
{
    return multiply(ctx, a->rd, singles(ctx, vget(ctx, a->rn), a->q), singles(ctx, vget(ctx, a->rm), a->q));
}

bool a64_bfmlal_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a)
{
    return multiply(ctx, a->rd, singles(ctx, vget(ctx, a->rn), a->q),
                    singles(ctx, simd_element(ctx, a->rm, 1, a->index), false));
}

/* --- from single */

/** Two singles to two halves of an i64's low word; exceptions are raised. */
static ir_ref convert(struct aarch64_ctx *ctx, ir_ref v)
{
    ir_ref r = call_helper(ctx, A64_HELPER_bfcvt, IR_I64, v, const64(ctx, fp_aux(ctx, 2)), IR_NONE);
    ir_ref fpx = ir_op1(ctx->u, IR_trunc, IR_I32, op64(ctx, IR_shr, r, const64(ctx, 32)));
    ir_ref old = ir_emit(ctx->u, IR_fpflags, IR_I32, 1, IR_NONE, IR_NONE, IR_NONE, 0);

    ir_emit(ctx->u, IR_fpflags_set, IR_VOID, fpflags_aux(ctx), op32(ctx, IR_or, old, fpx), IR_NONE, IR_NONE, 0);
    return op64(ctx, IR_and, r, const64(ctx, UINT32_MAX));
}

bool a64_bfcvt(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    vput_low(ctx, a->rd, convert(ctx, zext64(ctx, vget_low(ctx, a->rn, IR_I32))));
    return true;
}

bool a64_bfcvtn_v(struct aarch64_ctx *ctx, const struct arg_vq *a)
{
    const struct simd s = { .q = a->q, .rd = a->rd };
    ir_ref n = vget(ctx, a->rn), low = convert(ctx, half_of(ctx, n, 0)), high = convert(ctx, half_of(ctx, n, 1));

    high = op64(ctx, IR_shl, high, const64(ctx, 32));
    simd_put_narrow(ctx, &s, ir_op1(ctx->u, IR_vzext, IR_V128, op64(ctx, IR_or, low, high)));
    return true;
}
