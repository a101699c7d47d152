/* Advanced SIMD floating point: three same, two-register, pairs, across lanes, complex numbers. By element:
 * trans_simd_elt.c. */
#include "frontend/aarch64/trans_simd.h"

unsigned simd_fp_aux(struct aarch64_ctx *ctx, int esz, int rmode)
{
    return IR_V_FP(fp_aux_rm(ctx, esz, rmode));
}

/** Everything but the op's own variants: rounding as FPCR says. */
static unsigned lanes_of(struct aarch64_ctx *ctx, const struct simd *s)
{
    return simd_fp_aux(ctx, s->esz, 5) | simd_flane(s->esz) | simd_part(s);
}

/* --- three same */

void simd_fmap(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref n = r->how & SWAP ? s->m : s->n, m = r->how & SWAP ? s->n : s->m;

    if (r->how & PAIRS) {
        unsigned lane = simd_lane(s->esz) | simd_part(s);
        ir_ref even = simd_op2(ctx, IR_vuzp1, lane, n, m);

        m = simd_op2(ctx, IR_vuzp2, lane, n, m);
        n = even;
    }
    if (r->how & ABS) {
        n = simd_op1(ctx, IR_vfabs, simd_flane(s->esz) | simd_part(s), n, 0);
        m = simd_op1(ctx, IR_vfabs, simd_flane(s->esz) | simd_part(s), m, 0);
    }
    vput(ctx, s->rd, simd_op2(ctx, r->op, lanes_of(ctx, s), n, m));
}

/* The row's aux is which operands are negated: imm of vfma. */
void simd_fma(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, ir_emit(ctx->u, r->op, IR_V128, (uint16_t)lanes_of(ctx, s), s->n, s->m, vget(ctx, s->rd), r->aux));
}

static void difference(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op2(ctx, r->op, lanes_of(ctx, s), s->n, s->m);

    vput(ctx, s->rd, simd_op1(ctx, IR_vfabs, simd_flane(s->esz) | simd_part(s), v, 0));
}

THREE(fadd_v,    simd_fmap, IR_vfadd)
THREE(fsub_v,    simd_fmap, IR_vfsub)
THREE(fmul_v,    simd_fmap, IR_vfmul)
THREE(fmulx_v,   simd_fmap, IR_vfmulx)
THREE(fdiv_v,    simd_fmap, IR_vfdiv)
THREE(fmla_v,    simd_fma, IR_vfma, 0)
THREE(fmls_v,    simd_fma, IR_vfma, 1)
THREE(fabd_v,    difference, IR_vfsub)
THREE(fmax_v,    simd_fmap, IR_vfmax)
THREE(fmin_v,    simd_fmap, IR_vfmin)
THREE(fmaxnm_v,  simd_fmap, IR_vfmaxnm)
THREE(fminnm_v,  simd_fmap, IR_vfminnm)
THREE(faddp_v,   simd_fmap, IR_vfadd, 0, PAIRS)
THREE(fmaxp_v,   simd_fmap, IR_vfmax, 0, PAIRS)
THREE(fminp_v,   simd_fmap, IR_vfmin, 0, PAIRS)
THREE(fmaxnmp_v, simd_fmap, IR_vfmaxnm, 0, PAIRS)
THREE(fminnmp_v, simd_fmap, IR_vfminnm, 0, PAIRS)
THREE(fcmeq_v,   simd_fmap, IR_vfcmpeq)
THREE(fcmge_v,   simd_fmap, IR_vfcmpge)
THREE(fcmgt_v,   simd_fmap, IR_vfcmpgt)
THREE(facge_v,   simd_fmap, IR_vfcmpge, 0, ABS)
THREE(facgt_v,   simd_fmap, IR_vfcmpgt, 0, ABS)
THREE(frecps_v,  simd_fmap, IR_vfrecps)
THREE(frsqrts_v, simd_fmap, IR_vfrsqrts)

/* --- two registers */

void simd_fmap1(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, simd_op1(ctx, r->op, lanes_of(ctx, s), s->n, 0));
}

/* Nothing but sign bits. */
static void sign(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    vput(ctx, s->rd, simd_op1(ctx, r->op, simd_flane(s->esz) | simd_part(s), s->n, 0));
}

static void with_zero(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    struct simd zero = *s;

    zero.m = simd_const(ctx, 0, 0);
    simd_fmap(ctx, &zero, r);
}

TWO(fabs_v,    sign, IR_vfabs)
TWO(fneg_v,    sign, IR_vfneg)
TWO(fsqrt_v,   simd_fmap1, IR_vfsqrt)
TWO(frecpe_v,  simd_fmap1, IR_vfrecpe)
TWO(frsqrte_v, simd_fmap1, IR_vfrsqrte)
TWO(frecpx_v,  simd_fmap1, IR_vfrecpx)
TWO(fcmeq_zero, with_zero, IR_vfcmpeq)
TWO(fcmge_zero, with_zero, IR_vfcmpge)
TWO(fcmgt_zero, with_zero, IR_vfcmpgt)
TWO(fcmle_zero, with_zero, IR_vfcmpge, 0, SWAP)
TWO(fcmlt_zero, with_zero, IR_vfcmpgt, 0, SWAP)

/* --- between widths */

static unsigned half_format(struct aarch64_ctx *ctx)
{
    return ctx->u->mode & A64_MODE_AHP ? IR_V_FP(IR_FP_AHP) : 0;
}

static void narrow(struct aarch64_ctx *ctx, const struct simd *s, int rmode, int odd)
{
    unsigned fp = simd_fp_aux(ctx, s->esz + 1, rmode) | (s->esz == 1 ? half_format(ctx) : 0);

    if (odd)
        fp = (fp & ~IR_V_FP(7u)) | IR_V_FP(IR_RM_ODD);
    simd_put_narrow(ctx, s, simd_op1(ctx, IR_vfcvtn, simd_flane(s->esz + 1) | fp | simd_wide_part(s), s->n, 0));
}

static void fcvtn(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r) { narrow(ctx, s, 5, 0); }
static void fcvtxn(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r) { narrow(ctx, s, 5, 1); }

static void fcvtl(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned fp = simd_fp_aux(ctx, 2, 5) | (s->esz == 1 ? half_format(ctx) : 0);

    vput(ctx, s->rd, simd_op1(ctx, r->op, simd_flane(s->esz) | fp | simd_half(s), s->n, 0));
}

TWO(fcvtn_v,  fcvtn, IR_vfcvtn)
TWO(fcvtxn_v, fcvtxn, IR_vfcvtn)
TWO(fcvtl_v,  fcvtl, IR_vfcvtl)

/* --- to integral values and integers */

static bool round_to(struct aarch64_ctx *ctx, const struct arg_vfrintn *a, int rmode, bool exact, int bits)
{
    unsigned aux = simd_flane(a->esz) | simd_fp_aux(ctx, a->esz, rmode) | (a->q ? 0 : IR_V_LOW);

    vput(ctx, a->rd, simd_op1(ctx, IR_vfrint, aux | (exact ? IR_V_EXACT : 0), vget(ctx, a->rn), bits));
    return true;
}

bool a64_frint_v(struct aarch64_ctx *ctx, const struct arg_vfrint *a)
{
    const struct arg_vfrintn n = { .q = a->q, .esz = a->esz, .rd = a->rd, .rn = a->rn };

    return round_to(ctx, &n, a->rmode, a->exact, 0);
}

bool a64_frint_n_v(struct aarch64_ctx *ctx, const struct arg_vfrintn *a)
{
    return round_to(ctx, a, a->rmode, true, a->bits);
}

/* Ties away: as a64_fcvt_gen(). */
static bool convert(struct aarch64_ctx *ctx, const struct arg_vcvtf *a, enum ir_op op, int rmode)
{
    unsigned part = simd_flane(a->esz) | (a->sc ? IR_V_ONE : a->q ? 0 : IR_V_LOW);
    ir_ref n = vget(ctx, a->rn);

    if (op == IR_vfcvt_si && rmode == SIMD_AWAY && !a->fbits && a->esz >= 2) {
        n = simd_op1(ctx, IR_vfrint, part | simd_fp_aux(ctx, a->esz, rmode) | IR_V_EXACT, n, 0);
        rmode = SIMD_TO_ZERO;
    }
    vput(ctx, a->rd, simd_op1(ctx, op, part | simd_fp_aux(ctx, a->esz, rmode), n, a->fbits));
    return true;
}

bool a64_fcvt_int_v(struct aarch64_ctx *ctx, const struct arg_vfcvti *a)
{
    const struct arg_vcvtf c = { .q = a->q, .sc = a->sc, .esz = a->esz, .rd = a->rd, .rn = a->rn, .fbits = a->fbits };

    return convert(ctx, &c, a->u ? IR_vfcvt_ui : IR_vfcvt_si, a->rmode);
}

bool a64_cvtf_v(struct aarch64_ctx *ctx, const struct arg_vcvtf *a)
{
    return convert(ctx, a, a->u ? IR_vfcvt_iu : IR_vfcvt_is, 5);
}

/* --- scalar pairs, across lanes: neighbours joined until one is left (Reduce() in the manual) */

static void pair(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref second = simd_op1(ctx, IR_vdupl, simd_lane(s->esz), s->n, 1);

    vput(ctx, s->rd, simd_op2(ctx, r->op, lanes_of(ctx, s), s->n, second));
}

TWO(faddp_pair,   pair, IR_vfadd)
TWO(fmaxp_pair,   pair, IR_vfmax)
TWO(fminp_pair,   pair, IR_vfmin)
TWO(fmaxnmp_pair, pair, IR_vfmaxnm)
TWO(fminnmp_pair, pair, IR_vfminnm)

static void across(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned aux = simd_flane(s->esz) | simd_fp_aux(ctx, s->esz, 5);
    ir_ref v = s->n;

    for (int lanes = (s->q ? 16 : 8) >> s->esz; lanes > 1; lanes /= 2) {
        unsigned half = simd_lane(s->esz) | (lanes << s->esz > 8 ? 0 : IR_V_LOW); /* raises nothing for lanes that aren't its */
        ir_ref even = simd_op2(ctx, IR_vuzp1, half, v, v), odd = simd_op2(ctx, IR_vuzp2, half, v, v);

        v = simd_op2(ctx, r->op, aux | (lanes == 2 ? IR_V_ONE : IR_V_LOW), even, odd);
    }
    vput(ctx, s->rd, v);
}

TWO(fmaxv,   across, IR_vfmax)
TWO(fminv,   across, IR_vfmin)
TWO(fmaxnmv, across, IR_vfmaxnm)
TWO(fminnmv, across, IR_vfminnm)

/* --- complex numbers: pairs of lanes, the real part first */

/** m with its parts exchanged. */
static ir_ref exchange(struct aarch64_ctx *ctx, int q, int esz, ir_ref m)
{
    if (esz == 3)
        return ir_emit(ctx->u, IR_vext, IR_V128, 0, m, m, IR_NONE, 8);
    return simd_op1(ctx, IR_vrev, simd_lane(esz) | (q ? 0 : IR_V_LOW), m, 16 << esz);
}

/** m with the signs of its real parts, its imaginary parts flipped. */
static ir_ref flip(struct aarch64_ctx *ctx, int esz, ir_ref m, bool real, bool imaginary)
{
    uint64_t sign_bit = 1ull << ((8 << esz) - 1), lo, hi;

    if (esz == 3) {
        lo = real ? sign_bit : 0;
        hi = imaginary ? sign_bit : 0;
    } else {
        lo = (real ? sign_bit : 0) | (imaginary ? sign_bit << (8 << esz) : 0);
        if (esz == 1)
            lo |= lo << 32;
        hi = lo;
    }
    return lo | hi ? simd_xor(ctx, m, simd_const(ctx, lo, hi)) : m;
}

/* Each product takes one part of n by both of m (or both turned): a full multiplication is two instructions. */
void simd_fcmla(struct aarch64_ctx *ctx, int q, int esz, int rd, ir_ref n, ir_ref m, int rot)
{
    unsigned low = q ? 0 : IR_V_LOW;

    n = simd_op2(ctx, rot & 1 ? IR_vtrn2 : IR_vtrn1, simd_lane(esz) | low, n, n);
    if (rot & 1)
        m = exchange(ctx, q, esz, m);
    m = flip(ctx, esz, m, rot == 1 || rot == 2, rot >= 2);
    vput(ctx, rd, simd_op3(ctx, IR_vfma, simd_flane(esz) | simd_fp_aux(ctx, esz, 5) | low, n, m, vget(ctx, rd)));
}

bool a64_fcmla_v(struct aarch64_ctx *ctx, const struct arg_vrot *a)
{
    simd_fcmla(ctx, a->q, a->esz, a->rd, vget(ctx, a->rn), vget(ctx, a->rm), a->rot);
    return true;
}

bool a64_fcadd_v(struct aarch64_ctx *ctx, const struct arg_vrot *a)
{
    ir_ref m = flip(ctx, a->esz, exchange(ctx, a->q, a->esz, vget(ctx, a->rm)), a->rot == 1, a->rot == 3);

    vput(ctx, a->rd, simd_op2(ctx, IR_vfadd, simd_flane(a->esz) | simd_fp_aux(ctx, a->esz, 5) | (a->q ? 0 : IR_V_LOW),
                              vget(ctx, a->rn), m));
    return true;
}
