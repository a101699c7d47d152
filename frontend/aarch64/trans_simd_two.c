/* Advanced SIMD two-register miscellaneous and across lanes (integers), shift by immediate, modified immediate.
 * Saturating instructions: trans_simd_sat.c; floating point: trans_simd_fp.c. */
#include "frontend/aarch64/trans_simd.h"

/* --- lane by lane */

TWO(abs_v,  simd_map1, IR_vabs)
TWO(neg_v,  simd_map1, IR_vneg)
TWO(cls_v,  simd_map1, IR_vcls)
TWO(clz_v,  simd_map1, IR_vclz)
TWO(cnt_v,  simd_map1, IR_vpopcnt)

/* Of bytes, whatever the size field says. */
static void bytes(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, simd_op1(ctx, r->op, IR_I8 | simd_part(s), s->n, 0));
}

TWO(not_v,  bytes, IR_vnot)
TWO(rbit_v, bytes, IR_vrbit)

static void reverse(struct aarch64_ctx *ctx, const struct simd *s, int group)
{
    vput(ctx, s->rd, simd_op1(ctx, IR_vrev, simd_lane(s->esz) | simd_part(s), s->n, group));
}

static void reverse64(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r) { reverse(ctx, s, 64); }
static void reverse32(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r) { reverse(ctx, s, 32); }
static void reverse16(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r) { reverse(ctx, s, 16); }

TWO(rev64_v, reverse64, IR_vrev)
TWO(rev32_v, reverse32, IR_vrev)
TWO(rev16_v, reverse16, IR_vrev)

static void with_zero(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    struct simd zero = *s;

    zero.m = simd_const(ctx, 0, 0);
    simd_map(ctx, &zero, r);
}

TWO(cmeq_zero, with_zero, IR_vcmpeq)
TWO(cmgt_zero, with_zero, IR_vcmpgt)
TWO(cmge_zero, with_zero, IR_vcmpge)
TWO(cmle_zero, with_zero, IR_vcmpge, 0, SWAP)
TWO(cmlt_zero, with_zero, IR_vcmpgt, 0, SWAP)

/* --- neighbours, widths */

static void neighbours(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op1(ctx, IR_vpaddl, simd_lane(s->esz) | simd_part(s) | simd_variant(s, r), s->n, 0);

    simd_join(ctx, s, r, simd_lane(s->esz + 1) | simd_part(s), v);
}

TWO(addlp_v, neighbours, IR_vpaddl, 0, BY_U)
TWO(adalp_v, neighbours, IR_vpaddl, 0, BY_U, IR_vadd)

static void narrow(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    simd_put_narrow(ctx, s, simd_op1(ctx, r->op, simd_lane(s->esz + 1), s->n, 0));
}

static void widen_shift(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op1(ctx, IR_vwiden, simd_lane(s->esz) | simd_half(s) | simd_variant(s, r), s->n, 0);

    vput(ctx, s->rd, s->imm ? simd_op1(ctx, IR_vshli, simd_lane(s->esz + 1), v, s->imm) : v);
}

static void widen_top(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    struct simd shifted = *s;

    shifted.imm = 8 << s->esz;
    widen_shift(ctx, &shifted, r);
}

TWO(xtn_v,  narrow, IR_vnarrow)
TWO(shll_v, widen_top, IR_vwiden, IR_V_UNS)

/* --- across lanes and the scalar pair */

static void across(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, simd_op1(ctx, r->op, simd_lane(s->esz) | simd_part(s) | simd_variant(s, r), s->n, 0));
}

/* The sum of sums of neighbours, which have room. */
static void across_long(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op1(ctx, IR_vpaddl, simd_lane(s->esz) | simd_part(s) | simd_variant(s, r), s->n, 0);

    vput(ctx, s->rd, simd_op1(ctx, r->op, simd_lane(s->esz + 1) | simd_part(s), v, 0));
}

static void pair_sum(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, simd_op1(ctx, r->op, IR_I64, s->n, 0));
}

TWO(addv,   across, IR_vaddv)
TWO(maxv,   across, IR_vmaxv, 0, BY_U)
TWO(minv,   across, IR_vminv, 0, BY_U)
TWO(addlv,  across_long, IR_vaddv, 0, BY_U)
TWO(addp_pair, pair_sum, IR_vaddv)

/* --- estimates of fixed-point numbers */

static void fixed_estimate(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, simd_op1(ctx, r->op, IR_I32 | simd_part(s), s->n, 0));
}

TWO(urecpe_v,  fixed_estimate, IR_vfrecpe)
TWO(ursqrte_v, fixed_estimate, IR_vfrsqrte)

/* --- shift by immediate */

SHIFT(shr_imm_v,  simd_map1, IR_vshri, 0, BY_U)
SHIFT(sra_imm_v,  simd_map1, IR_vshri, 0, BY_U, IR_vadd)
SHIFT(rshr_imm_v, simd_map1, IR_vshri, IR_V_RND, BY_U)
SHIFT(rsra_imm_v, simd_map1, IR_vshri, IR_V_RND, BY_U, IR_vadd)
SHIFT(sl_imm_v,   simd_map1, IR_vshli)
SHIFT(shll_imm_v, widen_shift, IR_vwiden, 0, BY_U)

/* The bits that the shift moved zeros into are rd's. */
static void insert(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s);
    int bits = 8 << s->esz;
    uint64_t ones = UINT64_MAX >> (64 - bits);
    uint64_t moved = r->op == IR_vshli ? ones << s->imm : s->imm == bits ? 0 : ones >> s->imm;
    ir_ref v = simd_op1(ctx, r->op, lane | r->aux, s->n, s->imm);

    vput(ctx, s->rd, simd_op3(ctx, IR_vbsel, lane, simd_splat(ctx, s->esz, moved), v, vget(ctx, s->rd)));
}

SHIFT(sri_imm_v, insert, IR_vshri, IR_V_UNS)
SHIFT(sli_imm_v, insert, IR_vshli)

static void shift_narrow(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz + 1);
    ir_ref v = simd_op1(ctx, r->op, lane | r->aux, s->n, s->imm);

    simd_put_narrow(ctx, s, simd_op1(ctx, IR_vnarrow, lane, v, 0));
}

SHIFT(shrn_imm_v,  shift_narrow, IR_vshri, IR_V_UNS)
SHIFT(rshrn_imm_v, shift_narrow, IR_vshri, IR_V_UNS | IR_V_RND)

/* --- modified immediate */

static ir_ref immediate(struct aarch64_ctx *ctx, const struct arg_vimm *a)
{
    return simd_const(ctx, a->imm, a->q ? a->imm : 0);
}

bool a64_movi(struct aarch64_ctx *ctx, const struct arg_vimm *a)
{
    vput(ctx, a->rd, immediate(ctx, a));
    return true;
}

bool a64_orr_imm_v(struct aarch64_ctx *ctx, const struct arg_vimm *a)
{
    vput(ctx, a->rd, simd_op2(ctx, IR_vor, IR_I64 | (a->q ? 0 : IR_V_LOW), vget(ctx, a->rd), immediate(ctx, a)));
    return true;
}

bool a64_bic_imm_v(struct aarch64_ctx *ctx, const struct arg_vimm *a)
{
    vput(ctx, a->rd, simd_op2(ctx, IR_vandn, IR_I64 | (a->q ? 0 : IR_V_LOW), vget(ctx, a->rd), immediate(ctx, a)));
    return true;
}
