/* Advanced SIMD instructions that saturate, and how each tells FPSR.QC that it did. Their forms by element are in
 * trans_simd_elt.c. */
#include "frontend/aarch64/trans_simd.h"

/* --- sums: a saturated one is an end of the range, the wrapped one never is the same end */

void simd_sat(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned aux = simd_lane(s->esz) | simd_part(s) | simd_variant(s, r);
    ir_ref v = simd_op2(ctx, r->op, aux | IR_V_SAT, s->n, s->m);

    simd_qc(ctx, simd_xor(ctx, v, simd_op2(ctx, r->op, aux & ~(unsigned)IR_V_UNS, s->n, s->m)));
    vput(ctx, s->rd, v);
}

/* One operand. */
static void sat1(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned aux = simd_lane(s->esz) | simd_part(s);
    ir_ref v = simd_op1(ctx, r->op, aux | IR_V_SAT, s->n, 0);

    simd_qc(ctx, simd_xor(ctx, v, simd_op1(ctx, r->op, aux, s->n, 0)));
    vput(ctx, s->rd, v);
}

/* rd and n of different signedness. */
static void sat_mixed(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned aux = simd_lane(s->esz) | simd_part(s);
    ir_ref d = vget(ctx, s->rd), v = simd_op2(ctx, r->op, aux | r->aux, d, s->n);

    simd_qc(ctx, simd_xor(ctx, v, simd_op2(ctx, IR_vadd, aux, d, s->n)));
    vput(ctx, s->rd, v);
}

THREE(qadd_v,  simd_sat, IR_vadd, 0, BY_U)
THREE(qsub_v,  simd_sat, IR_vsub, 0, BY_U)
TWO(sqabs_v,   sat1, IR_vabs)
TWO(sqneg_v,   sat1, IR_vneg)
TWO(suqadd_v,  sat_mixed, IR_vqaddx)
TWO(usqadd_v,  sat_mixed, IR_vqaddx, IR_V_UNS)

/* --- shifts. The wrapped shift of a negative number may be the minimum by chance. But whether it is too big is the same as
 * whether ~n is (unless n is -1, whose wrapped shift is too big only if it is 0), and of what is not negative the saturated
 * shift is odd, the wrapped one even. */

static void sat_shift(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s), aux = lane | simd_variant(s, r);
    ir_ref v = simd_op2(ctx, IR_vshlv, aux | IR_V_SAT, s->n, s->m);

    simd_qc(ctx, simd_xor(ctx, v, simd_op2(ctx, IR_vshlv, aux, s->n, s->m)));
    if (!s->u) {
        ir_ref n = simd_xor(ctx, s->n, simd_op1(ctx, IR_vshri, lane, s->n, (8 << s->esz) - 1));

        simd_qc(ctx, simd_xor(ctx, simd_op2(ctx, IR_vshlv, aux | IR_V_SAT, n, s->m),
                              simd_op2(ctx, IR_vshlv, aux, n, s->m)));
    }
    vput(ctx, s->rd, v);
}

/* A shift by less than the width: shifted back it must be the operand. */
static void sat_shift_imm(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s), aux = simd_variant(s, r);
    ir_ref v = simd_op1(ctx, IR_vshli, lane | aux | IR_V_SAT, s->n, s->imm);
    ir_ref back = simd_op1(ctx, IR_vshri, lane | (aux ? IR_V_UNS : 0), v, s->imm);

    simd_qc(ctx, simd_op2(ctx, IR_vxor, lane, back, s->n));
    vput(ctx, s->rd, v);
}

THREE(qshl_v,  sat_shift, IR_vshlv, 0, BY_U)
THREE(qrshl_v, sat_shift, IR_vshlv, IR_V_RND, BY_U)
SHIFT(qshl_imm_v, sat_shift_imm, IR_vshli, 0, BY_U)
SHIFT(sqshlu_imm_v, sat_shift_imm, IR_vshli, IR_V_SU)

/* --- narrow results: widened again they must be the operand */

static void narrow_sat(struct aarch64_ctx *ctx, const struct simd *s, ir_ref wide, unsigned aux)
{
    unsigned lane = simd_lane(s->esz + 1), one = s->sc ? IR_V_ONE : 0;
    ir_ref v = simd_op1(ctx, IR_vnarrow, lane | one | IR_V_SAT | aux, wide, 0);
    ir_ref back = simd_op1(ctx, IR_vwiden, simd_lane(s->esz) | one | (aux ? IR_V_UNS : 0), v, 0);

    simd_qc(ctx, simd_op2(ctx, IR_vxor, lane | one, back, wide));
    simd_put_narrow(ctx, s, v);
}

static void narrow(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    narrow_sat(ctx, s, s->n, simd_variant(s, r));
}

/* The shift is signed unless the result is of unsigned operands. */
static void shift_narrow(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned to = (r->aux & IR_V_SU) | (r->how & BY_U && s->u ? IR_V_UNS : 0);
    unsigned aux = simd_lane(s->esz + 1) | (s->sc ? IR_V_ONE : 0) | (r->aux & IR_V_RND) | (to & IR_V_UNS);

    narrow_sat(ctx, s, simd_op1(ctx, IR_vshri, aux, s->n, s->imm), to);
}

TWO(sqxtun_v, narrow, IR_vnarrow, IR_V_SU)
TWO(qxtn_v,   narrow, IR_vnarrow, 0, BY_U)
SHIFT(sqshrun_imm_v,  shift_narrow, IR_vshri, IR_V_SU)
SHIFT(sqrshrun_imm_v, shift_narrow, IR_vshri, IR_V_SU | IR_V_RND)
SHIFT(qshrn_imm_v,    shift_narrow, IR_vshri, 0, BY_U)
SHIFT(qrshrn_imm_v,   shift_narrow, IR_vshri, IR_V_RND, BY_U)

/* --- products: only the square of the minimum, doubled, is too big */

/** Ones where both operands are the minimum. */
static ir_ref minima(struct aarch64_ctx *ctx, const struct simd *s)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s);
    ir_ref min = simd_splat(ctx, s->esz, 1ull << ((8 << s->esz) - 1));

    return simd_op2(ctx, IR_vand, IR_I64, simd_op2(ctx, IR_vcmpeq, lane, s->n, s->m),
                    simd_op2(ctx, IR_vcmpeq, lane, s->n, min));
}

void simd_sat_mulh(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    simd_qc(ctx, minima(ctx, s));
    vput(ctx, s->rd, simd_op2(ctx, IR_vqdmulh, simd_lane(s->esz) | simd_part(s) | r->aux, s->n, s->m));
}

/* The rounded product's high half is added to rd: (rd << w) has no part in the rounding. That half is taken from a sum with
 * 0, where it saturates only if it is of two minima and not subtracted: it is one less then. */
void simd_sat_mlah(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s);
    ir_ref d = vget(ctx, s->rd), v = simd_op3(ctx, IR_vqrdmlah, lane | r->aux, d, s->n, s->m);
    ir_ref high = simd_op3(ctx, IR_vqrdmlah, lane | r->aux, simd_const(ctx, 0, 0), s->n, s->m);

    if (!(r->aux & IR_V_NEG))
        high = simd_op2(ctx, IR_vsub, lane, high, minima(ctx, s));
    simd_qc(ctx, simd_xor(ctx, v, simd_op2(ctx, IR_vadd, lane, d, high)));
    vput(ctx, s->rd, v);
}

void simd_sat_long(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned one = s->sc ? IR_V_ONE : 0, lane = simd_lane(s->esz + 1) | one;
    ir_ref p = simd_op2(ctx, IR_vmull, simd_lane(s->esz) | simd_half(s) | one, s->n, s->m);
    ir_ref v = simd_op2(ctx, IR_vadd, lane | IR_V_SAT, p, p);

    simd_qc(ctx, simd_xor(ctx, v, simd_op2(ctx, IR_vadd, lane, p, p)));
    if (r->then) {
        ir_ref d = vget(ctx, s->rd), sum = simd_op2(ctx, r->then, lane | IR_V_SAT, d, v);

        simd_qc(ctx, simd_xor(ctx, sum, simd_op2(ctx, r->then, lane, d, v)));
        v = sum;
    }
    vput(ctx, s->rd, v);
}

THREE(sqdmulh_v,  simd_sat_mulh, IR_vqdmulh)
THREE(sqrdmulh_v, simd_sat_mulh, IR_vqdmulh, IR_V_RND)
THREE(sqrdmlah_v, simd_sat_mlah, IR_vqrdmlah)
THREE(sqrdmlsh_v, simd_sat_mlah, IR_vqrdmlah, IR_V_NEG)
THREE(sqdmull_v,  simd_sat_long, IR_vmull)
THREE(sqdmlal_v,  simd_sat_long, IR_vmull, 0, 0, IR_vadd)
THREE(sqdmlsl_v,  simd_sat_long, IR_vmull, 0, 0, IR_vsub)
