/* Floating point in integers against the host's SSE, bit by bit and flag by flag, on random and on awkward numbers;
 * what the host cannot do (ties away, saturation, the NaN rules) against tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <immintrin.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "ir/softfp.h"

enum { ROUNDS = 200000 };

static const enum ir_rm rms[4] = { IR_RM_RNE, IR_RM_RDN, IR_RM_RUP, IR_RM_RTZ }; /* by MXCSR.RC */

static uint64_t seed = 88172645463325252u;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

/** A number of format `t`, often one near an edge: few significant bits, extreme or like exponents. */
static uint64_t random_number(enum ir_type t)
{
    unsigned frac = t == IR_F32 ? 23 : 52, width = t == IR_F32 ? 32 : 64;
    uint64_t max = t == IR_F32 ? 255 : 2047, r = next(), m = next() & (((uint64_t)1 << frac) - 1), e;

    switch (r & 7) {
    case 0: e = 0; break;
    case 1: e = max; break;
    case 2: e = max - 1 - (r >> 8 & 1); break;
    case 3: e = 1 + (r >> 8 & 31); break;
    default: e = max / 2 - 32 + (r >> 8 & 63); break;
    }
    switch (r >> 16 & 3) {
    case 0: m = 0; break;
    case 1: m &= m << (r >> 20 & 31); break;
    case 2: m = (r >> 20 & 1) ? ((uint64_t)1 << frac) - 1 : 1; break;
    default: break;
    }
    return (r >> 60 & 1) << (width - 1) | e << frac | m;
}

static unsigned host_flags(void)
{
    unsigned m = _mm_getcsr();

    return (m & 0x20 ? IR_FPX_NX : 0) | (m & 0x10 ? IR_FPX_UF : 0) | (m & 8 ? IR_FPX_OF : 0) |
           (m & 4 ? IR_FPX_DZ : 0) | (m & 1 ? IR_FPX_NV : 0);
}

union f32u { float f; uint32_t u; };
union f64u { double f; uint64_t u; };

enum kind { ADD, SUB, MUL, DIV, SQRT, FMA, CVT, TO32, TO64, FROM32, FROM64, LT, EQ, NKINDS };

static uint64_t host_f64(enum kind k, uint64_t a, uint64_t b, uint64_t c)
{
    union f64u x = { .u = a }, y = { .u = b }, z = { .u = c }, r = { .u = 0 };
    __m128d v = _mm_set_sd(x.f), w = _mm_set_sd(y.f), s = v;
    union f32u n;

    switch (k) {
    case ADD: s = _mm_add_sd(v, w); break;
    case SUB: s = _mm_sub_sd(v, w); break;
    case MUL: s = _mm_mul_sd(v, w); break;
    case DIV: s = _mm_div_sd(v, w); break;
    case SQRT: s = _mm_sqrt_sd(v, v); break;
    case FMA: r.f = fma(x.f, y.f, z.f); return r.u;
    case CVT: n.f = _mm_cvtss_f32(_mm_cvtsd_ss(_mm_setzero_ps(), v)); return n.u;
    case TO32: return (uint32_t)_mm_cvtsd_si32(v);
    case TO64: return (uint64_t)_mm_cvtsd_si64(v);
    case FROM32: s = _mm_cvtsi32_sd(v, (int32_t)a); break;
    case FROM64: s = _mm_cvtsi64_sd(v, (int64_t)a); break;
    case LT: return (uint64_t)_mm_comigt_sd(w, v);
    case EQ: return (uint64_t)_mm_ucomieq_sd(v, w) && x.f == x.f && y.f == y.f;
    default: break;
    }
    r.f = _mm_cvtsd_f64(s);
    return r.u;
}

static uint64_t host_f32(enum kind k, uint64_t a, uint64_t b, uint64_t c)
{
    union f32u x = { .u = (uint32_t)a }, y = { .u = (uint32_t)b }, z = { .u = (uint32_t)c }, r = { .u = 0 };
    __m128 v = _mm_set_ss(x.f), w = _mm_set_ss(y.f), s = v;
    union f64u d;

    switch (k) {
    case ADD: s = _mm_add_ss(v, w); break;
    case SUB: s = _mm_sub_ss(v, w); break;
    case MUL: s = _mm_mul_ss(v, w); break;
    case DIV: s = _mm_div_ss(v, w); break;
    case SQRT: s = _mm_sqrt_ss(v); break;
    case FMA: r.f = fmaf(x.f, y.f, z.f); return r.u;
    case CVT: d.f = _mm_cvtsd_f64(_mm_cvtss_sd(_mm_setzero_pd(), v)); return d.u;
    case TO32: return (uint32_t)_mm_cvtss_si32(v);
    case TO64: return (uint64_t)_mm_cvtss_si64(v);
    case FROM32: s = _mm_cvtsi32_ss(v, (int32_t)a); break;
    case FROM64: s = _mm_cvtsi64_ss(v, (int64_t)a); break;
    case LT: return (uint64_t)_mm_comigt_ss(w, v);
    case EQ: return (uint64_t)_mm_ucomieq_ss(v, w) && x.f == x.f && y.f == y.f;
    default: break;
    }
    r.f = _mm_cvtss_f32(s);
    return r.u;
}

static uint64_t soft(struct softfp *s, enum kind k, enum ir_type t, uint64_t a, uint64_t b, uint64_t c)
{
    switch (k) {
    case ADD: return softfp_add(s, t, a, b);
    case SUB: return softfp_sub(s, t, a, b);
    case MUL: return softfp_mul(s, t, a, b);
    case DIV: return softfp_div(s, t, a, b);
    case SQRT: return softfp_sqrt(s, t, a);
    case FMA: return softfp_fma(s, t, a, b, c);
    case CVT: return softfp_cvt(s, t == IR_F32 ? IR_F64 : IR_F32, a);
    case TO32: return softfp_to_int(s, t, a, 32, true, false);
    case TO64: return softfp_to_int(s, t, a, 64, true, false);
    case FROM32: return softfp_from_int(s, t, (uint32_t)a, 32, true);
    case FROM64: return softfp_from_int(s, t, a, 64, true);
    case LT: return softfp_lt(s, t, a, b);
    case EQ: return softfp_eq(s, t, a, b);
    default: return 0;
    }
}

static bool nan_of(enum ir_type t, uint64_t v)
{
    return t == IR_F32 ? (v & 0x7fffffff) > 0x7f800000 : (v & 0x7fffffffffffffff) > 0x7ff0000000000000;
}

static void one_round(enum kind k, enum ir_type t)
{
    uint64_t a = random_number(t), b = random_number(t), c = random_number(t);
    unsigned rc = next() >> 62;
    struct softfp s = { .rm = rms[rc], .canon = true };

    if (k == FMA && nan_of(t, c))
        c = 0; /* infinity * 0 + NaN: the host does not say invalid */
    unsigned saved = _mm_getcsr();
    _mm_setcsr(0x1f80 | rc << 13);
    volatile uint64_t host = t == IR_F32 ? host_f32(k, a, b, c) : host_f64(k, a, b, c);
    unsigned hf = host_flags();
    _mm_setcsr(saved);
    uint64_t mine = soft(&s, k, t, a, b, c), want = host;

    enum ir_type rt = k == CVT ? (t == IR_F32 ? IR_F64 : IR_F32) : t;
    bool fp_result = k <= CVT || k == FROM32 || k == FROM64;
    if (fp_result && nan_of(rt, want))
        want = rt == IR_F32 ? 0x7fc00000 : 0x7ff8000000000000;
    if ((k == TO32 || k == TO64) && hf & IR_FPX_NV) /* the host does not saturate */
        want = mine;
    if (mine != want || s.flags != hf)
        fail_msg("op %d %s rc %u: %" PRIx64 " %" PRIx64 " %" PRIx64 ": %" PRIx64 " flags %x, host %" PRIx64
                 " flags %x", k, t == IR_F32 ? "f32" : "f64", rc, a, b, c, mine, s.flags, want, hf);
}

static void host_agrees(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ROUNDS; n++)
        for (enum kind k = 0; k < NKINDS; k++)
            one_round(k, n & 1 ? IR_F32 : IR_F64);
}

/** Ties away from zero, and what is near a tie. */
static void ties_away(void **state)
{
    static const struct { uint64_t a; int64_t want; } cases[] = {
        { 0x3fe0000000000000, 1 },  /* 0.5 */
        { 0xbfe0000000000000, -1 }, { 0x3fdfffffffffffff, 0 }, { 0x4004000000000000, 3 }, /* 2.5 */
        { 0xc004000000000000, -3 }, { 0x4003ffffffffffff, 2 }, { 0x3ff8000000000000, 2 },
    };
    (void)state;
    for (unsigned n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct softfp s = { .rm = IR_RM_RMM };
        assert_int_equal((int64_t)softfp_to_int(&s, IR_F64, cases[n].a, 64, true, true), cases[n].want);
        assert_int_equal(s.flags, IR_FPX_NX);
    }
    struct softfp s = { .rm = IR_RM_RMM };
    /* 1 + 2^-24 is half way between 1 and the next float */
    assert_int_equal(softfp_add(&s, IR_F32, 0x3f800000, 0x33800000), 0x3f800001);
    assert_int_equal(softfp_add(&s, IR_F32, 0xbf800000, 0xb3800000), 0xbf800001);
    assert_int_equal(softfp_mul(&s, IR_F32, 1, 0x3f000000), 1); /* half the smallest denormal */
    s.rm = IR_RM_RNE;
    assert_int_equal(softfp_add(&s, IR_F32, 0x3f800000, 0x33800000), 0x3f800000);
}

static void saturation(void **state)
{
    static const struct { uint64_t a; unsigned width; bool sgn, nanmax; uint64_t want; unsigned flags; } cases[] = {
        { 0x41e0000000000000, 32, true, true, 0x7fffffff, IR_FPX_NV },          /* 2^31 */
        { 0xc1e0000000000000, 32, true, true, 0x80000000, 0 },
        { 0xc1e0000000200000, 32, true, true, 0x80000000, IR_FPX_NV },
        { 0x41dfffffffc00000, 32, true, true, 0x7fffffff, 0 },
        { 0x41dfffffffe00000, 32, true, true, 0x7fffffff, IR_FPX_NX },          /* 2^31 - 0.5, towards zero */
        { 0x7ff8000000000000, 32, true, true, 0x7fffffff, IR_FPX_NV },
        { 0xfff8000000000000, 32, true, false, 0, IR_FPX_NV },
        { 0x7ff8000000000000, 64, false, true, UINT64_MAX, IR_FPX_NV },
        { 0xbfe0000000000000, 64, false, true, 0, IR_FPX_NX },                  /* -0.5 */
        { 0xbff0000000000000, 64, false, true, 0, IR_FPX_NV },
        { 0x43f0000000000000, 64, false, true, UINT64_MAX, IR_FPX_NV },         /* 2^64 */
        { 0x43efffffffffffff, 64, false, true, 0xfffffffffffff800, 0 },
        { 0xfff0000000000000, 64, true, true, 0x8000000000000000, IR_FPX_NV },
        { 0x7ff0000000000000, 32, false, true, 0xffffffff, IR_FPX_NV },
    };
    (void)state;
    for (unsigned n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct softfp s = { .rm = IR_RM_RTZ };
        assert_int_equal(softfp_to_int(&s, IR_F64, cases[n].a, cases[n].width, cases[n].sgn, cases[n].nanmax),
                         cases[n].want);
        assert_int_equal(s.flags, cases[n].flags);
    }
}

/* JavaScript's ToInt32, as Arm's FJCVTZS has it. */
static void wrapping(void **state)
{
    static const struct { uint64_t a; uint32_t want; unsigned flags; } cases[] = {
        { 0x41e0000000000000, 0x80000000, IR_FPX_NV },  /* 2^31 */
        { 0xc1e0000000000000, 0x80000000, 0 },
        { 0xc1e0000000200000, 0x7fffffff, IR_FPX_NV },  /* -2^31 - 1 */
        { 0xc1e0000000100000, 0x80000000, IR_FPX_NX },  /* -2^31 - 0.5 */
        { 0x41f0000000180000, 1, IR_FPX_NV },           /* 2^32 + 1.5 */
        { 0xc1f0000000180000, UINT32_MAX, IR_FPX_NV },
        { 0x43f0000000000001, 0x1000, IR_FPX_NV },      /* 2^64 + 2^12 */
        { 0x4530000000000001, 0, IR_FPX_NV },           /* 2^84 + 2^32 */
        { 0xbfe0000000000000, 0, IR_FPX_NX },
        { 0x7ff0000000000000, 0, IR_FPX_NV },
        { 0x7ff8000000000000, 0, IR_FPX_NV },
    };
    (void)state;
    for (unsigned n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct softfp s = { .rm = IR_RM_RTZ, .wrap = true };
        assert_int_equal(softfp_to_int(&s, IR_F64, cases[n].a, 32, true, false), cases[n].want);
        assert_int_equal(s.flags, cases[n].flags);
    }
}

static void min_max_rules(void **state)
{
    const uint64_t qnan = 0x7fc00000, snan = 0x7f800001, one = 0x3f800000, pz = 0, nz = 0x80000000;
    struct softfp s = { .canon = true };

    (void)state;
    assert_int_equal(softfp_min(&s, IR_F32, pz, nz), nz);
    assert_int_equal(softfp_min(&s, IR_F32, nz, pz), nz);
    assert_int_equal(softfp_max(&s, IR_F32, nz, pz), pz);
    assert_int_equal(softfp_max(&s, IR_F32, pz, nz), pz);
    assert_int_equal(softfp_min(&s, IR_F32, qnan, one), one);
    assert_int_equal(softfp_max(&s, IR_F32, one, 0xffffffff), one);
    assert_int_equal(softfp_max(&s, IR_F32, 0xffffffff, qnan), qnan);
    assert_int_equal(s.flags, 0);
    assert_int_equal(softfp_min(&s, IR_F32, snan, one), one);
    assert_int_equal(s.flags, IR_FPX_NV);
}

static void fma_of_infinity_times_zero(void **state)
{
    struct softfp s = { .canon = true };

    (void)state;
    assert_int_equal(softfp_fma(&s, IR_F32, 0x7f800000, 0, 0x7fc00000), 0x7fc00000);
    assert_int_equal(s.flags, IR_FPX_NV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_agrees), cmocka_unit_test(ties_away), cmocka_unit_test(saturation), cmocka_unit_test(wrapping),
        cmocka_unit_test(min_max_rules), cmocka_unit_test(fma_of_infinity_times_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
