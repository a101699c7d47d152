/* FEAT_FHM: products of halves added to singles, rounded once. A half is a single exactly, and the product of two as well. */
#include "frontend/aarch64/trans_simd.h"

/* Halves in the low 16 bits of 32-bit lanes as singles, without looking at NaNs, which the multiplication sees to: the exponent moves
 * by 112. The fraction of a denormal half, put below 2^-14, is that number more. */
static ir_ref singles(struct aarch64_ctx *ctx, ir_ref v)
{
    ir_ref magnitude = simd_op2(ctx, IR_vand, IR_I64, v, simd_splat(ctx, 2, 0x7fff));
    ir_ref sign = simd_op1(ctx, IR_vshli, IR_I32, simd_op2(ctx, IR_vand, IR_I64, v, simd_splat(ctx, 2, 0x8000)), 16);
    ir_ref special = simd_op2(ctx, IR_vcmpgt, IR_I32, magnitude, simd_splat(ctx, 2, 0x7bff));
    ir_ref normal = simd_op2(ctx, IR_vcmpgt, IR_I32, magnitude, simd_splat(ctx, 2, 0x3ff));
    ir_ref x = simd_op1(ctx, IR_vshli, IR_I32, magnitude, 13), moved = simd_op2(ctx, IR_vadd, IR_I32, x, simd_splat(ctx, 2, 112 << 23));

    if (ctx->u->mode & A64_MODE_FZ16) {
        x = simd_op2(ctx, IR_vand, IR_I64, moved, normal);
    } else {
        ir_ref least = simd_splat(ctx, 2, 113 << 23);

        x = simd_op2(ctx, IR_vor, IR_I64, simd_op2(ctx, IR_vandn, IR_I64, x, normal), least);
        x = simd_op2(ctx, IR_vfsub, IR_F32 | simd_fp_aux(ctx, 2, 5), x, least);
        x = simd_op1(ctx, IR_vfabs, IR_F32, x, 0); /* rounding down, 0 is -0 */
        x = simd_op3(ctx, IR_vbsel, IR_I64, normal, moved, x);
    }
    special = simd_op2(ctx, IR_vand, IR_I64, special, simd_splat(ctx, 2, 0x7f800000));
    return simd_op2(ctx, IR_vor, IR_I64, simd_op2(ctx, IR_vor, IR_I64, x, special), sign);
}

/* The halves of v that the instruction names, as singles: of its lower (64-bit forms: 32) bits or of those above them. */
static ir_ref half_of(struct aarch64_ctx *ctx, int q, ir_ref v, bool second)
{
    if (second)
        v = q ? simd_op1(ctx, IR_vdupl, IR_I64, v, 1) : simd_op1(ctx, IR_vdupl, IR_I32, v, 1);
    return singles(ctx, simd_op1(ctx, IR_vwiden, IR_I16 | IR_V_UNS, v, 0));
}

static bool multiply(struct aarch64_ctx *ctx, int q, int rd, ir_ref n, ir_ref m, bool negated)
{
    unsigned aux = IR_F32 | simd_fp_aux(ctx, 2, 5) | (q ? 0 : IR_V_LOW);

    vput(ctx, rd, ir_emit(ctx->u, IR_vfma, IR_V128, (uint16_t)aux, n, m, vget(ctx, rd), negated));
    return true;
}

static bool by_vector(struct aarch64_ctx *ctx, const struct arg_vfmlal *a, bool second, bool negated)
{
    return multiply(ctx, a->q, a->rd, half_of(ctx, a->q, vget(ctx, a->rn), second),
                    half_of(ctx, a->q, vget(ctx, a->rm), second), negated);
}

static bool by_element(struct aarch64_ctx *ctx, const struct arg_velt_q *a, bool second, bool negated)
{
    return multiply(ctx, a->q, a->rd, half_of(ctx, a->q, vget(ctx, a->rn), second),
                    half_of(ctx, a->q, simd_element(ctx, a->rm, 1, a->index), false), negated);
}

bool a64_fmlal_v(struct aarch64_ctx *ctx, const struct arg_vfmlal *a) { return by_vector(ctx, a, false, false); }
bool a64_fmlal2_v(struct aarch64_ctx *ctx, const struct arg_vfmlal *a) { return by_vector(ctx, a, true, false); }
bool a64_fmlsl_v(struct aarch64_ctx *ctx, const struct arg_vfmlal *a) { return by_vector(ctx, a, false, true); }
bool a64_fmlsl2_v(struct aarch64_ctx *ctx, const struct arg_vfmlal *a) { return by_vector(ctx, a, true, true); }
bool a64_fmlal_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a) { return by_element(ctx, a, false, false); }
bool a64_fmlal2_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a) { return by_element(ctx, a, true, false); }
bool a64_fmlsl_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a) { return by_element(ctx, a, false, true); }
bool a64_fmlsl2_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a) { return by_element(ctx, a, true, true); }
