/* Half precision scalars (FEAT_FP16): arithmetic is lane 0 of vector ops, comparisons and conversions to integers are made with
 * the single that a half is exactly. FPCR.FZ16 is FZ of these. */
#include "frontend/aarch64/trans_simd.h"

enum { SIGN = 0x8000, SMALLEST = 0x0400 };

static unsigned lane(struct aarch64_ctx *ctx)
{
    return simd_fp_aux(ctx, 1, 5) | simd_flane(1) | IR_V_ONE;
}

void half_op1(struct aarch64_ctx *ctx, enum ir_op op, unsigned aux, int rd, int rn)
{
    vput(ctx, rd, simd_op1(ctx, op, simd_flane(1) | IR_V_ONE | aux, vget(ctx, rn), 0));
}

void half_op2(struct aarch64_ctx *ctx, enum ir_op op, int rd, int rn, int rm)
{
    vput(ctx, rd, simd_op2(ctx, op, lane(ctx), vget(ctx, rn), vget(ctx, rm)));
}

void half_fma(struct aarch64_ctx *ctx, int rd, int rn, int rm, int ra, int signs)
{
    vput(ctx, rd, ir_emit(ctx->u, IR_vfma, IR_V128, (uint16_t)lane(ctx), vget(ctx, rn), vget(ctx, rm), vget(ctx, ra), signs));
}

ir_ref half_bits(struct aarch64_ctx *ctx, int n)
{
    return vget_low(ctx, n, IR_I16);
}

void half_put_bits(struct aarch64_ctx *ctx, int n, ir_ref bits)
{
    vput(ctx, n, ir_emit(ctx->u, IR_vdup, IR_V128, IR_I16 | IR_V_ONE, bits, IR_NONE, IR_NONE, 0));
}

ir_ref half_as_single(struct aarch64_ctx *ctx, ir_ref bits)
{
    unsigned fp = fp_aux(ctx, 1) & ~(unsigned)IR_FP_FZ;
    ir_ref v;

    if (ctx->u->mode & A64_MODE_FZ16) {
        ir_ref tiny = cmp(ctx, IR_cmpltu, op32(ctx, IR_and, bits, const32(ctx, SIGN - 1)), const32(ctx, SMALLEST));

        bits = select_of(ctx, IR_I32, tiny, op32(ctx, IR_and, bits, const32(ctx, SIGN)), bits);
    }
    v = simd_op1(ctx, IR_vfcvtl, IR_V_FP(fp) | IR_F16 | IR_V_ONE, ir_op1(ctx->u, IR_vzext, IR_V128, bits), 0);
    return ir_emit(ctx->u, IR_vget, IR_F32, IR_F32, v, IR_NONE, IR_NONE, 0);
}

/* Integers that a double does not hold exactly are too large for a half in any case. Scaled ones are a helper's: rounding twice
 * would show. */
void half_from_int(struct aarch64_ctx *ctx, int rd, int sf, ir_ref v, bool uns, int fbits)
{
    unsigned fp = fp_aux(ctx, 1);
    ir_ref d;

    if (fbits) {
        ir_ref what = const64(ctx, fp | (uint64_t)fbits << 16 | (uint64_t)uns << 24 | (uint64_t)sf << 25);

        d = call_helper(ctx, A64_HELPER_half_of_fixed, IR_I64, zext64(ctx, v), what, IR_NONE);
        vput_low(ctx, rd, d);
        return;
    }
    d = ir_emit(ctx->u, uns ? IR_fcvt_iu : IR_fcvt_is, IR_F64, (uint16_t)(fp & ~(unsigned)IR_FP_FZ), v, IR_NONE, IR_NONE, 0);
    d = ir_op1(ctx->u, IR_vzext, IR_V128, d);
    vput(ctx, rd, simd_op1(ctx, IR_vfcvtn, IR_V_FP(fp) | IR_F64 | IR_V_ONE, d, 16));
}
