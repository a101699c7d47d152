/* F16 lanes with F16C: computed as F32, four at a time, and rounded again. For sums, products, quotients and roots that is as good
 * as rounding once: a single has more than twice the bits of a half and two (Figueroa, "When is double rounding innocuous?").
 * No single overflows or becomes tiny here, and what is inexact as a single is inexact as a half, so exceptions are the
 * half's. Results that are NaNs, or the smallest normal number, which may have been rounded up to (see
 * vec_emit.def), are computed again in C. The sum of a fused multiply-add is made exactly, as F64, and rounded to odd before it
 * becomes a half. */
#include "backend/x86/emit_vec.h"

enum { CMP_EQ = 0, CMP_LT = 1, CMP_LE = 2, ROUND_MXCSR = 4 };

#define HIGH_HALF 0xee           /* pshufd: the upper half in both */
#define ONES 0x3c003c003c003c00u

static bool has_code(const struct vec_op *v, bool any_rounding)
{
    unsigned fp = IR_V_FP_AUX(v->i->aux);

    return (unsigned)v->lane == IR_F16 && host_features.f16c && !(fp & IR_FP_FZ) &&
           (any_rounding || IR_FP_RM(fp) == IR_RM_DYN);
}

/* t = four lanes of `a` as F32: the lower, or the upper ones. ONE: the other three are 0, or 1 for divisors. */
static void widen4(struct vec_op *v, unsigned t, unsigned a, bool upper, bool divisor)
{
    struct x86_emit *e = v->e;

    if (upper) {
        v2i(e, X86_OP(66, 0F, 70), t, a, HIGH_HALF);
        a = t;
    } else if (v->i->aux & IR_V_ONE) {
        v3k(e, V_PAND, t, a, 0xffff, 0);
        if (divisor)
            v3k(e, V_POR, t, t, ONES & ~0xffffull, 0);
        a = t;
    }
    x86_vcvtph2ps_xx(&e->b, xmm(t), xmm(a));
}

static uint32_t opcode_of(enum ir_op op)
{
    switch (op) {
    case IR_vfadd: return X86_OP(NP, 0F, 58);
    case IR_vfsub: return X86_OP(NP, 0F, 5C);
    case IR_vfdiv: return X86_OP(NP, 0F, 5E);
    case IR_vfsqrt: return X86_OP(NP, 0F, 51);
    default: return X86_OP(NP, 0F, 59);
    }
}

/* Goes to C if a lane of d is a NaN or the smallest normal number, or if register `bad` (or RA_NONE) is not 0. t, s: temporaries. */
static void check(struct vec_op *v, unsigned bad, unsigned t, unsigned s)
{
    struct x86_emit *e = v->e;
    unsigned r = ra_temp(&e->ra, RA_GPR, 0);

    v3k(e, V_PAND, t, v->d, vsplat(1, 0x7fff), vsplat(1, 0x7fff));
    v3k(e, V_PCMPGT(1), s, t, vsplat(1, 0x7c00), vsplat(1, 0x7c00));
    v3k(e, V_PCMPEQ(1), t, t, vsplat(1, 0x0400), vsplat(1, 0x0400));
    v3(e, V_POR, t, t, s);
    if (bad != RA_NONE)
        v3(e, V_POR, t, t, bad);
    x86_pmovmskb_rx(&e->b, r, xmm(t));
    x86_test_rr(&e->b, 4, r, r);
    vec_stub_in_c(v, X86_NE);
}

void vec_half_check(struct vec_op *v)
{
    unsigned t = vtemp(v->e), s = vtemp(v->e);

    check(v, RA_NONE, t, s);
}

bool vec_half_arith(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool binary = ir_ops[v->i->op].nargs == 2, full = !(v->i->aux & (IR_V_ONE | IR_V_LOW));
    uint32_t op = opcode_of(v->i->op);
    unsigned t, s;

    if (!has_code(v, false))
        return false;
    t = vtemp(e);
    s = vtemp(e);
    for (int upper = 0; upper <= full; upper++) {
        widen4(v, t, v->a, upper, false);
        if (binary) {
            widen4(v, s, v->b, upper, v->i->op == IR_vfdiv);
            v3(e, op, t, t, s);
        } else {
            v2(e, op, t, t);
        }
        x86_vcvtps2ph_xxi(&e->b, upper ? xmm(t) : xmm(v->d), xmm(t), ROUND_MXCSR);
    }
    if (full)
        v3(e, V_PUNPCKLQDQ, v->d, v->d, t);
    else if (v->i->aux & IR_V_ONE) /* 0 - 0 may be -0 */
        v3k(e, V_PAND, v->d, v->d, 0xffff, 0);
    check(v, RA_NONE, t, s);
    return true;
}

/* --- fused multiply-add */

enum { PRODUCT_NEGATED = 1, ADDEND_NEGATED = 2 };

/* Four lanes: ones in `bad` where p + c may have more than 53 bits: p has 22 and c 11, so their exponents differ by more than 30
 * then, and neither is 0. t, s, u: temporaries. */
static void mark_distant(struct x86_emit *e, unsigned bad, unsigned p, unsigned c, unsigned t, unsigned s, unsigned u)
{
    uint64_t exponent = vsplat(2, 0x7f800000), far = vsplat(2, 30u << 23);

    v3k(e, V_PAND, t, p, exponent, exponent);
    v3k(e, V_PAND, s, c, exponent, exponent);
    v3(e, X86_OP(66, 0F38, 39), u, t, s); /* pminsd */
    v3k(e, V_PCMPEQ(2), u, u, 0, 0);
    v3(e, V_PSUB(2), s, s, t);
    v2(e, X86_OP(66, 0F38, 1E), s, s); /* pabsd */
    v3k(e, V_PCMPGT(2), s, s, far, far);
    v3(e, V_PANDN, s, u, s);
    v3(e, V_POR, bad, bad, s);
}

/* d = the lower two lanes of p + c, as F32 rounded to odd. s: a temporary. */
static void add_to_odd(struct x86_emit *e, unsigned d, unsigned p, unsigned c, unsigned s)
{
    uint64_t lost = (1u << 29) - 1;

    v2(e, X86_OP(NP, 0F, 5A), d, p); /* cvtps2pd */
    v2(e, X86_OP(NP, 0F, 5A), s, c);
    v3(e, X86_OP(66, 0F, 58), d, d, s);
    v3k(e, V_PAND, s, d, lost, lost);
    v3k(e, V_PCMPEQ(3), s, s, 0, 0);
    v3k(e, V_PANDN, s, s, lost + 1, lost + 1);
    v3k(e, V_PAND, d, d, ~lost, ~lost);
    v3(e, V_POR, d, d, s);
    v2(e, X86_OP(66, 0F, 5A), d, d); /* cvtpd2ps */
}

static void negate4(struct x86_emit *e, unsigned d)
{
    v3k(e, X86_OP(NP, 0F, 57), d, d, vsplat(2, 1u << 31), vsplat(2, 1u << 31));
}

/* d = four lanes as halves, in the low half. t[0], t[1]: product and addend; t[5] gathers what goes to C. */
static void fma4(struct vec_op *v, unsigned d, const unsigned t[6], bool upper)
{
    struct x86_emit *e = v->e;

    widen4(v, t[0], v->a, upper, false);
    widen4(v, t[2], v->b, upper, false);
    widen4(v, t[1], v->c, upper, false);
    v3(e, X86_OP(NP, 0F, 59), t[0], t[0], t[2]);
    if (v->i->imm & PRODUCT_NEGATED)
        negate4(e, t[0]);
    if (v->i->imm & ADDEND_NEGATED)
        negate4(e, t[1]);
    mark_distant(e, t[5], t[0], t[1], t[2], t[3], t[4]);
    add_to_odd(e, t[4], t[0], t[1], t[2]);
    if (!(v->i->aux & IR_V_ONE)) {
        v2i(e, X86_OP(66, 0F, 70), t[0], t[0], HIGH_HALF);
        v2i(e, X86_OP(66, 0F, 70), t[1], t[1], HIGH_HALF);
        add_to_odd(e, t[3], t[0], t[1], t[2]);
        v3(e, V_PUNPCKLQDQ, t[4], t[4], t[3]);
    }
    x86_vcvtps2ph_xxi(&e->b, xmm(d), xmm(t[4]), ROUND_MXCSR);
}

bool vec_half_fma(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t[6];

    if (!has_code(v, false))
        return false;
    for (unsigned k = 0; k < 6; k++)
        t[k] = vtemp(e);
    vzero(e, t[5]);
    fma4(v, v->d, t, false);
    if (!(v->i->aux & (IR_V_ONE | IR_V_LOW))) {
        fma4(v, t[4], t, true);
        v3(e, V_PUNPCKLQDQ, v->d, v->d, t[4]);
    } else if (v->i->aux & IR_V_ONE) { /* -0 + 0 may be -0 */
        v3k(e, V_PAND, v->d, v->d, 0xffff, 0);
    }
    check(v, t[5], t[0], t[1]);
    return true;
}

/* --- comparisons, integral values */

bool vec_half_cmp(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool full = !(v->i->aux & (IR_V_ONE | IR_V_LOW)), equal = v->i->op == IR_vfcmpeq;
    unsigned imm = equal ? CMP_EQ : v->i->op == IR_vfcmpgt ? CMP_LT : CMP_LE, t, s;

    if (!has_code(v, true))
        return false;
    t = vtemp(e);
    s = vtemp(e);
    for (int upper = 0; upper <= full; upper++) {
        widen4(v, t, v->a, upper, false);
        widen4(v, s, v->b, upper, false);
        v3i(e, X86_OP(NP, 0F, C2), upper ? t : v->d, s, t, imm); /* b less than a */
    }
    if (!full)
        vzero(e, t);
    v3(e, X86_OP(66, 0F, 6B), v->d, v->d, t); /* packssdw */
    if (v->i->aux & IR_V_ONE)
        v3k(e, V_PAND, v->d, v->d, 0xffff, 0);
    return true;
}

bool vec_half_frint(struct vec_op *v, unsigned imm)
{
    struct x86_emit *e = v->e;
    bool full = !(v->i->aux & (IR_V_ONE | IR_V_LOW));
    unsigned t;

    if (!has_code(v, true))
        return false;
    t = vtemp(e);
    for (int upper = 0; upper <= full; upper++) {
        widen4(v, t, v->a, upper, false);
        v2i(e, X86_OP(66, 0F3A, 08), t, t, imm);
        x86_vcvtps2ph_xxi(&e->b, upper ? xmm(t) : xmm(v->d), xmm(t), ROUND_MXCSR);
    }
    if (full)
        v3(e, V_PUNPCKLQDQ, v->d, v->d, t);
    check(v, RA_NONE, t, vtemp(e));
    return true;
}

/* --- minima and maxima: of sign and magnitude, numbers compare as integers with the magnitude's bits flipped if negative; -0 is less
 * than +0 then. NaNs go to C. */

static void as_integer(struct x86_emit *e, unsigned d, unsigned a, unsigned t)
{
    vshift(e, VEC_SAR, 1, t, a, 15);
    vshift(e, VEC_SHR, 1, t, t, 1);
    v3(e, V_PXOR, d, a, t);
}

bool vec_half_minmax(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool max = v->i->op == IR_vfmax || v->i->op == IR_vfmaxnm;
    unsigned t, s, nan, r;

    if ((unsigned)v->lane != IR_F16 || IR_V_FP_AUX(v->i->aux) & IR_FP_FZ)
        return false;
    t = vtemp(e);
    s = vtemp(e);
    nan = vtemp(e);
    r = ra_temp(&e->ra, RA_GPR, 0);
    v3k(e, V_PAND, t, v->a, vsplat(1, 0x7fff), vsplat(1, 0x7fff));
    v3k(e, V_PAND, s, v->b, vsplat(1, 0x7fff), vsplat(1, 0x7fff));
    v3(e, X86_OP(66, 0F, EE), t, t, s); /* pmaxsw */
    v3k(e, V_PCMPGT(1), nan, t, vsplat(1, 0x7c00), vsplat(1, 0x7c00));
    as_integer(e, v->d, v->a, t);
    as_integer(e, s, v->b, t);
    v3(e, max ? X86_OP(66, 0F, EE) : X86_OP(66, 0F, EA), s, v->d, s);
    as_integer(e, v->d, s, t);
    if (v->i->aux & IR_V_ONE)
        v3k(e, V_PAND, v->d, v->d, 0xffff, 0);
    else if (v->i->aux & IR_V_LOW)
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    x86_pmovmskb_rx(&e->b, r, xmm(nan));
    x86_test_rr(&e->b, 4, r, r);
    vec_stub_in_c(v, X86_NE);
    return true;
}

/* --- to and from integers of 16 bits */

/* Signed: as 32 bits, what does not fit 16 goes to C, a NaN (MIN) too; halves as large as that have no fraction, so it has not raised
 * inexact. Unsigned: negative ones, infinities and NaNs go to C before. */
bool vec_half_to_int(struct vec_op *v)
{
    static const uint8_t modes[8] = { [IR_RM_RNE] = 0, [IR_RM_RDN] = 1, [IR_RM_RUP] = 2 };
    struct x86_emit *e = v->e;
    bool full = !(v->i->aux & (IR_V_ONE | IR_V_LOW)), is_signed = v->i->op == IR_vfcvt_si;
    enum ir_rm rm = IR_FP_RM(IR_V_FP_AUX(v->i->aux));
    uint32_t special = 0;
    unsigned t, s, r;

    if (!has_code(v, true) || rm == IR_RM_RMM || rm == IR_RM_ODD || v->i->imm)
        return false;
    t = vtemp(e);
    s = vtemp(e);
    r = ra_temp(&e->ra, RA_GPR, 0);
    if (!is_signed) {
        v3k(e, V_PCMPGT(1), t, v->a, vsplat(1, 0x7bff), vsplat(1, 0x7bff));
        v3(e, V_POR, t, t, v->a);
        x86_pmovmskb_rx(&e->b, r, xmm(t));
        x86_test_ri(&e->b, 4, r, v->i->aux & IR_V_ONE ? 0x2 : full ? 0xaaaa : 0xaa);
        special = x86_jcc_rel32_fwd(&e->b, X86_NE);
    }
    for (int upper = 0; upper <= full; upper++) {
        unsigned x = upper ? t : v->d;

        widen4(v, x, v->a, upper, false);
        if (rm != IR_RM_DYN && rm != IR_RM_RTZ)
            v2i(e, X86_OP(66, 0F3A, 08), x, x, modes[rm]);
        v2(e, rm != IR_RM_DYN ? X86_OP(F3, 0F, 5B) : X86_OP(66, 0F, 5B), x, x);
    }
    if (!full)
        vzero(e, t);
    if (!is_signed) {
        v3(e, X86_OP(66, 0F38, 2B), v->d, v->d, t); /* packusdw */
        vec_stub_instead(v, special);
        return true;
    }
    /* Those that fit are the sign extension of their low half. */
    vshift(e, VEC_SHL, 2, s, v->d, 16);
    vshift(e, VEC_SAR, 2, s, s, 16);
    v3(e, V_PCMPEQ(2), s, s, v->d);
    v3(e, X86_OP(66, 0F, 6B), v->d, v->d, t); /* packssdw */
    x86_movmskps_rx(&e->b, r, xmm(s));
    if (full) {
        unsigned q = ra_temp(&e->ra, RA_GPR, 0);

        vshift(e, VEC_SHL, 2, s, t, 16);
        vshift(e, VEC_SAR, 2, s, s, 16);
        v3(e, V_PCMPEQ(2), s, s, t);
        x86_movmskps_rx(&e->b, q, xmm(s));
        x86_and_rr(&e->b, 4, r, q);
    }
    x86_cmp_ri(&e->b, 4, r, 15);
    vec_stub_in_c(v, X86_NE);
    return true;
}

/* Exact as singles, times the scale as well. */
bool vec_half_from_int(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool full = !(v->i->aux & (IR_V_ONE | IR_V_LOW)), is_signed = v->i->op == IR_vfcvt_is;
    uint64_t scale = vsplat(2, (uint64_t)(127 - v->i->imm) << 23);
    unsigned t, s;

    if (!has_code(v, false))
        return false;
    t = vtemp(e);
    s = vtemp(e);
    for (int upper = 0; upper <= full; upper++) {
        unsigned a = v->a;

        if (upper) {
            v2i(e, X86_OP(66, 0F, 70), t, a, HIGH_HALF);
            a = t;
        } else if (v->i->aux & IR_V_ONE) {
            v3k(e, V_PAND, t, a, 0xffff, 0);
            a = t;
        }
        v2(e, is_signed ? X86_OP(66, 0F38, 23) : X86_OP(66, 0F38, 33), t, a); /* pmovsxwd, pmovzxwd */
        v2(e, X86_OP(NP, 0F, 5B), t, t);
        if (v->i->imm)
            v3k(e, X86_OP(NP, 0F, 59), t, t, scale, scale);
        x86_vcvtps2ph_xxi(&e->b, upper ? xmm(t) : xmm(v->d), xmm(t), ROUND_MXCSR);
    }
    if (full)
        v3(e, V_PUNPCKLQDQ, v->d, v->d, t);
    check(v, RA_NONE, t, s);
    return true;
}
