/* Advanced SIMD three same, three different (integers), their scalar forms, three-register extension. Saturating
 * instructions: trans_simd_sat.c; floating point: trans_simd_fp.c. */
#include "frontend/aarch64/trans_simd.h"

/* --- three same */

THREE(add_v,   simd_map, IR_vadd)
THREE(sub_v,   simd_map, IR_vsub)
THREE(mul_v,   simd_map, IR_vmul)
THREE(mla_v,   simd_map, IR_vmul, 0, 0, IR_vadd)
THREE(mls_v,   simd_map, IR_vmul, 0, 0, IR_vsub)
THREE(cmeq_v,  simd_map, IR_vcmpeq)
THREE(cmgt_v,  simd_map, IR_vcmpgt, 0, BY_U)
THREE(cmge_v,  simd_map, IR_vcmpge, 0, BY_U)
THREE(cmtst_v, simd_map, IR_vtst)
THREE(max_v,   simd_map, IR_vmax, 0, BY_U)
THREE(min_v,   simd_map, IR_vmin, 0, BY_U)
THREE(abd_v,   simd_map, IR_vabd, 0, BY_U)
THREE(aba_v,   simd_map, IR_vabd, 0, BY_U, IR_vadd)
THREE(hadd_v,  simd_map, IR_vhadd, 0, BY_U)
THREE(rhadd_v, simd_map, IR_vhadd, IR_V_RND, BY_U)
THREE(hsub_v,  simd_map, IR_vhsub, 0, BY_U)
THREE(shl_v,   simd_map, IR_vshlv, 0, BY_U)
THREE(rshl_v,  simd_map, IR_vshlv, IR_V_RND, BY_U)
THREE(addp_v,  simd_map, IR_vadd, 0, PAIRS)
THREE(maxp_v,  simd_map, IR_vmax, 0, PAIRS | BY_U)
THREE(minp_v,  simd_map, IR_vmin, 0, PAIRS | BY_U)

/* Polynomials over GF(2): the low bytes of the 16-bit products. */
static void pmul(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op2(ctx, r->op, IR_I8, s->n, s->m);

    if (s->q)
        v = simd_op2(ctx, IR_vuzp1, IR_I8, v, simd_op2(ctx, r->op, IR_I8 | IR_V_HI, s->n, s->m));
    else
        v = simd_op1(ctx, IR_vnarrow, IR_I16, v, 0);
    vput(ctx, s->rd, v);
}

THREE(pmul_v, pmul, IR_vpmull)

/* --- bitwise; no lanes */

static bool bitwise(struct aarch64_ctx *ctx, const struct arg_vlogic *a, enum ir_op op)
{
    unsigned part = IR_I64 | (a->q ? 0 : IR_V_LOW);
    ir_ref n = vget(ctx, a->rn);

    if (op == IR_vor && a->rn == a->rm) /* mov */
        vput(ctx, a->rd, a->q ? n : simd_op1(ctx, IR_vlow, part, n, 0));
    else if (op == IR_vxor && a->rn == a->rm)
        vput(ctx, a->rd, simd_const(ctx, 0, 0));
    else
        vput(ctx, a->rd, simd_op2(ctx, op, part, n, vget(ctx, a->rm)));
    return true;
}

static bool choose(struct aarch64_ctx *ctx, const struct arg_vlogic *a, int by, int ones, int zeros)
{
    vput(ctx, a->rd, simd_op3(ctx, IR_vbsel, IR_I64 | (a->q ? 0 : IR_V_LOW), vget(ctx, by), vget(ctx, ones),
                              vget(ctx, zeros)));
    return true;
}

bool a64_and_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return bitwise(ctx, a, IR_vand); }
bool a64_bic_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return bitwise(ctx, a, IR_vandn); }
bool a64_orr_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return bitwise(ctx, a, IR_vor); }
bool a64_orn_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return bitwise(ctx, a, IR_vorn); }
bool a64_eor_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return bitwise(ctx, a, IR_vxor); }
bool a64_bsl_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return choose(ctx, a, a->rd, a->rn, a->rm); }
bool a64_bit_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return choose(ctx, a, a->rm, a->rn, a->rd); }
bool a64_bif_v(struct aarch64_ctx *ctx, const struct arg_vlogic *a) { return choose(ctx, a, a->rm, a->rd, a->rn); }

/* --- three different: wide results */

/* One wide operand. */
static void wide_narrow(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref m = simd_op1(ctx, IR_vwiden, simd_lane(s->esz) | simd_half(s) | (s->u ? IR_V_UNS : 0), s->m, 0);

    vput(ctx, s->rd, simd_op2(ctx, r->op, simd_lane(s->esz + 1), s->n, m));
}

/* The narrow lanes' difference is unsigned and fits. */
static void long_difference(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op2(ctx, r->op, simd_lane(s->esz) | simd_variant(s, r), s->n, s->m);

    v = simd_op1(ctx, IR_vwiden, simd_lane(s->esz) | simd_half(s) | IR_V_UNS, v, 0);
    simd_join(ctx, s, r, simd_lane(s->esz + 1), v);
}

THREE(addl_v, simd_widened, IR_vadd)
THREE(subl_v, simd_widened, IR_vsub)
THREE(addw_v, wide_narrow, IR_vadd)
THREE(subw_v, wide_narrow, IR_vsub)
THREE(abdl_v, long_difference, IR_vabd, 0, BY_U)
THREE(abal_v, long_difference, IR_vabd, 0, BY_U, IR_vadd)
THREE(mull_v, simd_long, IR_vmull, 0, BY_U)
THREE(mlal_v, simd_long, IR_vmull, 0, BY_U, IR_vadd)
THREE(mlsl_v, simd_long, IR_vmull, 0, BY_U, IR_vsub)
THREE(pmull_v, simd_long, IR_vpmull)

/* --- three different: the upper halves of wide results */

static void high_narrow(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz + 1);
    int bits = 8 << s->esz;
    ir_ref v = simd_op2(ctx, r->op, lane, s->n, s->m);

    if (r->aux & IR_V_RND)
        v = simd_op2(ctx, IR_vadd, lane, v, simd_splat(ctx, s->esz + 1, 1ull << (bits - 1)));
    v = simd_op1(ctx, IR_vshri, lane | IR_V_UNS, v, bits);
    simd_put_narrow(ctx, s, simd_op1(ctx, IR_vnarrow, lane, v, 0));
}

THREE(addhn_v,  high_narrow, IR_vadd)
THREE(raddhn_v, high_narrow, IR_vadd, IR_V_RND)
THREE(subhn_v,  high_narrow, IR_vsub)
THREE(rsubhn_v, high_narrow, IR_vsub, IR_V_RND)

/* --- products of bytes summed up */

void simd_dot(struct aarch64_ctx *ctx, int q, int rd, ir_ref n, ir_ref m, unsigned aux)
{
    vput(ctx, rd, simd_op3(ctx, IR_vdot, IR_I32 | aux | (q ? 0 : IR_V_LOW), vget(ctx, rd), n, m));
}

bool a64_dot_v(struct aarch64_ctx *ctx, const struct arg_vdot *a)
{
    simd_dot(ctx, a->q, a->rd, vget(ctx, a->rn), vget(ctx, a->rm), a->u ? IR_V_UNS : 0);
    return true;
}

bool a64_usdot_v(struct aarch64_ctx *ctx, const struct arg_vrrr *a)
{
    simd_dot(ctx, a->q, a->rd, vget(ctx, a->rn), vget(ctx, a->rm), IR_V_SU);
    return true;
}

/* n and m are matrices of 2 rows of 8 bytes, rd one of 2 by 2 words: row i of n by row j of m. Words 0 and 1 are a row. */
static bool matrix(struct aarch64_ctx *ctx, const struct arg_vmmla *a, unsigned aux)
{
    ir_ref d = vget(ctx, a->rd), n = vget(ctx, a->rn), m = vget(ctx, a->rm);

    d = simd_op3(ctx, IR_vdot, IR_I32 | aux, d, simd_op2(ctx, IR_vtrn1, IR_I32, n, n),
                 simd_op2(ctx, IR_vuzp1, IR_I32, m, m));
    d = simd_op3(ctx, IR_vdot, IR_I32 | aux, d, simd_op2(ctx, IR_vtrn2, IR_I32, n, n),
                 simd_op2(ctx, IR_vuzp2, IR_I32, m, m));
    vput(ctx, a->rd, d);
    return true;
}

bool a64_mmla(struct aarch64_ctx *ctx, const struct arg_vmmla *a) { return matrix(ctx, a, a->u ? IR_V_UNS : 0); }
bool a64_usmmla(struct aarch64_ctx *ctx, const struct arg_vmmla *a) { return matrix(ctx, a, IR_V_SU); }
