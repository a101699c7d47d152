/* Advanced SIMD by element: the same as with three registers, the element in every lane of the third. */
#include "frontend/aarch64/trans_simd.h"

ELEMENT(mul_elt,  simd_map, IR_vmul)
ELEMENT(mla_elt,  simd_map, IR_vmul, 0, 0, IR_vadd)
ELEMENT(mls_elt,  simd_map, IR_vmul, 0, 0, IR_vsub)
ELEMENT(mull_elt, simd_long, IR_vmull, 0, BY_U)
ELEMENT(mlal_elt, simd_long, IR_vmull, 0, BY_U, IR_vadd)
ELEMENT(mlsl_elt, simd_long, IR_vmull, 0, BY_U, IR_vsub)

ELEMENT(sqdmulh_elt,  simd_sat_mulh, IR_vqdmulh)
ELEMENT(sqrdmulh_elt, simd_sat_mulh, IR_vqdmulh, IR_V_RND)
ELEMENT(sqrdmlah_elt, simd_sat_mlah, IR_vqrdmlah)
ELEMENT(sqrdmlsh_elt, simd_sat_mlah, IR_vqrdmlah, IR_V_NEG)
ELEMENT(sqdmull_elt,  simd_sat_long, IR_vmull)
ELEMENT(sqdmlal_elt,  simd_sat_long, IR_vmull, 0, 0, IR_vadd)
ELEMENT(sqdmlsl_elt,  simd_sat_long, IR_vmull, 0, 0, IR_vsub)

ELEMENT(fmul_elt,  simd_fmap, IR_vfmul)
ELEMENT(fmulx_elt, simd_fmap, IR_vfmulx)
ELEMENT(fmla_elt,  simd_fma, IR_vfma, 0)
ELEMENT(fmls_elt,  simd_fma, IR_vfma, 1)

/* --- groups of four bytes, pairs of a complex number's parts */

bool a64_dot_elt(struct aarch64_ctx *ctx, const struct arg_velt_dot *a)
{
    simd_dot(ctx, a->q, a->rd, vget(ctx, a->rn), simd_element(ctx, a->rm, 2, a->index), a->u ? IR_V_UNS : 0);
    return true;
}

bool a64_usdot_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a)
{
    simd_dot(ctx, a->q, a->rd, vget(ctx, a->rn), simd_element(ctx, a->rm, 2, a->index), IR_V_SU);
    return true;
}

bool a64_sudot_elt(struct aarch64_ctx *ctx, const struct arg_velt_q *a)
{
    simd_dot(ctx, a->q, a->rd, simd_element(ctx, a->rm, 2, a->index), vget(ctx, a->rn), IR_V_SU);
    return true;
}

bool a64_fcmla_elt(struct aarch64_ctx *ctx, const struct arg_velt_rot *a)
{
    simd_fcmla(ctx, a->q, a->esz, a->rd, vget(ctx, a->rn), simd_element(ctx, a->rm, a->esz + 1, a->index), a->rot);
    return true;
}
