/* IEEE 754 arithmetic in integers. */
#include "ir/softfp.h"

#include "ir/eval.h"

typedef unsigned __int128 u128;

/* A format: width, bits of the fraction, exponent bias; Arm's alternative half precision has no infinities and NaNs. */
struct fmt { unsigned bits, frac; int bias; bool finite; };

static const struct fmt f16 = { 16, 10, 15, false }, f16_alt = { 16, 10, 15, true };
static const struct fmt f32 = { 32, 23, 127, false }, f64 = { 64, 52, 1023, false };

enum cls { ZERO, FINITE, INF, QNAN, SNAN };

/* A number taken apart: FINITE is (-1)^neg * sig * 2^exp, plus a bit less than one unit of sig if sticky. */
struct num {
    enum cls cls;
    bool neg, sticky;
    int exp;
    u128 sig;
};

static const struct fmt *fmt_of(enum ir_type t)
{
    return t == IR_F32 ? &f32 : (unsigned)t == IR_F16 ? &f16 : &f64;
}

static bool is_nan(const struct num *n)
{
    return n->cls >= QNAN;
}

static uint64_t pack(const struct fmt *f, bool neg, uint64_t e, uint64_t frac)
{
    return (uint64_t)neg << (f->bits - 1) | e << f->frac | frac;
}

static uint64_t max_exp(const struct fmt *f)
{
    return 2 * (uint64_t)f->bias + 1;
}

static uint64_t inf(const struct fmt *f, bool neg)
{
    return pack(f, neg, max_exp(f), 0);
}

static uint64_t quiet_bit(const struct fmt *f)
{
    return (uint64_t)1 << (f->frac - 1);
}

static uint64_t default_nan(const struct fmt *f)
{
    return pack(f, false, max_exp(f), quiet_bit(f));
}

static struct num unpack(const struct fmt *f, uint64_t v)
{
    struct num n = { .neg = v >> (f->bits - 1) & 1 };
    uint64_t frac = ir_low_bits(v, f->frac), e = v >> f->frac & max_exp(f);

    if (e == max_exp(f) && !f->finite) {
        n.cls = !frac ? INF : frac & quiet_bit(f) ? QNAN : SNAN;
    } else if (e == 0) {
        n.cls = frac ? FINITE : ZERO;
        n.sig = frac;
        n.exp = 1 - f->bias - (int)f->frac;
    } else {
        n.cls = FINITE;
        n.sig = frac | (uint64_t)1 << f->frac;
        n.exp = (int)e - f->bias - (int)f->frac;
    }
    return n;
}

/** Index of the highest one bit; v is not 0. */
static int msb(u128 v)
{
    uint64_t hi = (uint64_t)(v >> 64);

    return hi ? 127 - __builtin_clzll(hi) : 63 - __builtin_clzll((uint64_t)v);
}

/** Shifts `sig` right by `n` (>= 0), sets *sticky if ones are lost. */
static u128 shift_right(u128 sig, int n, bool *sticky)
{
    if (n <= 0)
        return sig;
    if (n > 127) {
        *sticky |= sig != 0;
        return 0;
    }
    *sticky |= (sig & (((u128)1 << n) - 1)) != 0;
    return sig >> n;
}

/** sig / 2^n rounded to an integer; *inexact says whether something was lost. */
static u128 round_shift(u128 sig, int n, bool sticky, bool neg, enum ir_rm rm, bool *inexact)
{
    bool half = false;

    if (n <= 0) {
        sig <<= -n;
    } else {
        sig = shift_right(sig, n - 1, &sticky);
        half = sig & 1;
        sig >>= 1;
    }
    *inexact = half || sticky;
    switch (rm) {
    case IR_RM_RTZ: return sig;
    case IR_RM_RDN: return sig + (neg && *inexact);
    case IR_RM_RUP: return sig + (!neg && *inexact);
    case IR_RM_RMM: return sig + half;
    case IR_RM_ODD: return sig | *inexact;
    default:        return sig + (half && (sticky || (sig & 1)));
    }
}

static uint64_t overflow(struct softfp *s, const struct fmt *f, bool neg)
{
    if (f->finite) {
        s->flags |= IR_FPX_NV;
        return pack(f, neg, 0, ir_low_bits(UINT64_MAX, f->bits - 1));
    }
    bool to_inf = s->rm == IR_RM_RNE || s->rm == IR_RM_RMM || s->rm == (neg ? IR_RM_RDN : IR_RM_RUP);

    s->flags |= IR_FPX_OF | IR_FPX_NX;
    return inf(f, neg) - !to_inf; /* one below infinity is the largest finite number */
}

/** Rounds a number to the format. */
static uint64_t round_pack(struct softfp *s, const struct fmt *f, const struct num *n)
{
    if (n->sig == 0 && !n->sticky)
        return pack(f, n->neg, 0, 0);
    int frac = (int)f->frac, emin = 1 - f->bias, top = n->exp + (n->sig ? msb(n->sig) : 0);
    int unit = (top > emin ? top : emin) - frac; /* exponent of the result's last place */
    bool inexact, ignored, tiny = top < emin;

    if (tiny && s->fz) {
        s->flags |= IR_FPX_UF;
        return pack(f, n->neg, 0, 0);
    }
    if (top == emin - 1 && !s->tiny_before) /* rounds up to the smallest normal number if the exponent had no limit? */
        tiny = round_shift(n->sig, top - frac - n->exp, n->sticky, n->neg, s->rm, &ignored) >> (frac + 1) == 0;
    u128 m = round_shift(n->sig, unit - n->exp, n->sticky, n->neg, s->rm, &inexact);
    if (m >> (frac + 1)) {
        m >>= 1;
        unit++;
    }
    bool normal = m >> frac != 0;
    if (normal && unit + frac > f->bias + f->finite)
        return overflow(s, f, n->neg);
    if (inexact)
        s->flags |= IR_FPX_NX | (tiny ? IR_FPX_UF : 0);
    return pack(f, n->neg, normal ? (uint64_t)(unit + frac + f->bias) : 0, ir_low_bits((uint64_t)m, f->frac));
}

/* --- NaNs ------------------------------------------------------------------------------------------- */

static uint64_t invalid(struct softfp *s, const struct fmt *f)
{
    s->flags |= IR_FPX_NV;
    return default_nan(f);
}

/** The NaN that an operation with at least one NaN operand gives: v[] are the operands' bits. */
static uint64_t nan_result(struct softfp *s, const struct fmt *f, const uint64_t *v, unsigned n)
{
    uint64_t first = 0, first_signalling = 0;

    for (unsigned k = n; k--; ) {
        struct num x = unpack(f, v[k]);
        if (x.cls == SNAN) {
            s->flags |= IR_FPX_NV;
            first_signalling = v[k] | quiet_bit(f);
        }
        if (is_nan(&x))
            first = v[k] | quiet_bit(f);
    }
    if (s->arm && first_signalling)
        first = first_signalling;
    return s->canon ? default_nan(f) : first;
}

/* --- arithmetic ------------------------------------------------------------------------------------------- */

/** Moves the highest one to bit 125, so that two such numbers add without overflow. */
static void normalise(struct num *n)
{
    int up = 125 - msb(n->sig);

    n->sig <<= up;
    n->exp -= up;
}

/** Sum of two finite or zero numbers. Significands hold at most 106 bits: 20 bits of room keep a sum exact where
 * leading bits cancel (then the exponents differ by one at most), elsewhere a sticky bit is enough. */
static struct num sum(struct softfp *s, struct num a, struct num b)
{
    struct num zero = { .neg = a.neg == b.neg ? a.neg : s->rm == IR_RM_RDN };

    if (!a.sig && !b.sig)
        return zero;
    if (!a.sig || !b.sig)
        return a.sig ? a : b;
    normalise(&a);
    normalise(&b);
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct num t = a;
        a = b;
        b = t;
    }
    b.sig = shift_right(b.sig, a.exp - b.exp, &a.sticky);
    if (a.neg == b.neg)
        a.sig += b.sig;
    else
        a.sig -= b.sig + a.sticky; /* what was shifted out is taken from one unit more */
    if (!a.sig && !a.sticky)
        return zero;
    return a;
}

static struct num product(const struct num *a, const struct num *b)
{
    return (struct num){ .cls = FINITE, .neg = a->neg ^ b->neg, .exp = a->exp + b->exp, .sig = a->sig * b->sig };
}

uint64_t softfp_add(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b);

    if (is_nan(&x) || is_nan(&y))
        return nan_result(s, f, (uint64_t[]){ a, b }, 2);
    if (x.cls == INF && y.cls == INF && x.neg != y.neg)
        return invalid(s, f);
    if (x.cls == INF || y.cls == INF)
        return x.cls == INF ? a : b;
    x = sum(s, x, y);
    return round_pack(s, f, &x);
}

uint64_t softfp_sub(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);
    struct num y = unpack(f, b);

    return softfp_add(s, t, a, is_nan(&y) ? b : b ^ (uint64_t)1 << (f->bits - 1));
}

uint64_t softfp_mul(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b);

    if (is_nan(&x) || is_nan(&y))
        return nan_result(s, f, (uint64_t[]){ a, b }, 2);
    if (x.cls == INF || y.cls == INF)
        return x.cls == ZERO || y.cls == ZERO ? invalid(s, f) : inf(f, x.neg ^ y.neg);
    x = product(&x, &y);
    return round_pack(s, f, &x);
}

uint64_t softfp_div(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b);
    bool neg = x.neg ^ y.neg;

    if (is_nan(&x) || is_nan(&y))
        return nan_result(s, f, (uint64_t[]){ a, b }, 2);
    if (x.cls == y.cls && x.cls != FINITE)
        return invalid(s, f);
    if (x.cls == INF || y.cls == INF || x.cls == ZERO)
        return x.cls == INF ? inf(f, neg) : pack(f, neg, 0, 0);
    if (y.cls == ZERO) {
        s->flags |= IR_FPX_DZ;
        return inf(f, neg);
    }
    normalise(&x); /* 126 bits by at most 53: at least 73 of quotient */
    struct num q = { .cls = FINITE, .neg = neg, .exp = x.exp - y.exp, .sig = x.sig / y.sig };
    q.sticky = x.sig % y.sig != 0;
    return round_pack(s, f, &q);
}

uint64_t softfp_sqrt(struct softfp *s, enum ir_type t, uint64_t a)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a);

    if (is_nan(&x))
        return nan_result(s, f, &a, 1);
    if (x.cls == ZERO)
        return a;
    if (x.neg)
        return invalid(s, f);
    if (x.cls == INF)
        return a;
    normalise(&x);
    if (x.exp & 1) {
        x.sig <<= 1;
        x.exp--;
    }
    u128 root = 0;
    for (u128 bit = (u128)1 << 63; bit; bit >>= 1)
        if ((root | bit) * (root | bit) <= x.sig)
            root |= bit;
    struct num r = { .cls = FINITE, .exp = x.exp / 2, .sig = root, .sticky = root * root != x.sig };
    return round_pack(s, f, &r);
}

uint64_t softfp_fma(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, uint64_t c)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b), z = unpack(f, c);
    bool bad = (x.cls == INF && y.cls == ZERO) || (x.cls == ZERO && y.cls == INF);

    if (bad)
        s->flags |= IR_FPX_NV;
    if (bad && s->arm && z.cls != SNAN)
        return default_nan(f);
    if (is_nan(&x) || is_nan(&y) || is_nan(&z))
        return s->arm ? nan_result(s, f, (uint64_t[]){ c, a, b }, 3) : nan_result(s, f, (uint64_t[]){ a, b, c }, 3);
    bool neg = x.neg ^ y.neg, p_inf = x.cls == INF || y.cls == INF;
    if (bad || (p_inf && z.cls == INF && z.neg != neg))
        return invalid(s, f);
    if (p_inf || z.cls == INF)
        return p_inf ? inf(f, neg) : c;
    x = product(&x, &y);
    x = sum(s, x, z);
    return round_pack(s, f, &x);
}

/* --- comparison ------------------------------------------------------------------------------------------ */

/** An integer that orders non-NaN numbers as their values do (both zeros alike). */
static int64_t order(const struct fmt *f, uint64_t v)
{
    int64_t magnitude = (int64_t)ir_low_bits(v, f->bits - 1);

    return v >> (f->bits - 1) ? -magnitude : magnitude;
}

/** True if a comparison has a NaN operand; raises invalid for signalling NaNs, and for all if `loud`. */
static bool unordered(struct softfp *s, const struct fmt *f, uint64_t a, uint64_t b, bool loud)
{
    struct num x = unpack(f, a), y = unpack(f, b);

    if (x.cls == SNAN || y.cls == SNAN || (loud && (is_nan(&x) || is_nan(&y))))
        s->flags |= IR_FPX_NV;
    return is_nan(&x) || is_nan(&y);
}

bool softfp_eq(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);

    return !unordered(s, f, a, b, false) && order(f, a) == order(f, b);
}

bool softfp_lt(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);

    return !unordered(s, f, a, b, !s->quiet) && order(f, a) < order(f, b);
}

bool softfp_le(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);

    return !unordered(s, f, a, b, !s->quiet) && order(f, a) <= order(f, b);
}

bool softfp_unordered(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    return unordered(s, fmt_of(t), a, b, false);
}

/** minimumNumber (want_less) or maximumNumber. */
static uint64_t min_max(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, bool want_less)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b);

    if (unordered(s, f, a, b, false)) {
        if (is_nan(&x) && is_nan(&y))
            return nan_result(s, f, (uint64_t[]){ a, b }, 2);
        return is_nan(&x) ? b : a;
    }
    bool less = order(f, a) != order(f, b) ? order(f, a) < order(f, b) : x.neg; /* -0 < +0 */
    return less == want_less ? a : b;
}

uint64_t softfp_min(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    return min_max(s, t, a, b, true);
}

uint64_t softfp_max(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    return min_max(s, t, a, b, false);
}

/* --- conversion ------------------------------------------------------------------------------------------ */

uint64_t softfp_cvt(struct softfp *s, enum ir_type t, uint64_t a)
{
    return softfp_cvt_from(s, t, t == IR_F32 ? IR_F64 : IR_F32, a);
}

static const struct fmt *half_or(const struct softfp *s, enum ir_type t)
{
    return (unsigned)t == IR_F16 && s->ahp ? &f16_alt : fmt_of(t);
}

uint64_t softfp_cvt_from(struct softfp *s, enum ir_type t, enum ir_type source, uint64_t a)
{
    const struct fmt *to = half_or(s, t), *from = half_or(s, source);
    struct num x = unpack(from, a);

    if (to->finite && (is_nan(&x) || x.cls == INF)) {
        s->flags |= IR_FPX_NV;
        return x.cls == INF ? pack(to, x.neg, 0, 0x7fff) : pack(to, x.neg, 0, 0);
    }
    if (is_nan(&x)) {
        uint64_t frac = ir_low_bits(nan_result(s, from, &a, 1), from->frac);
        frac = to->frac > from->frac ? frac << (to->frac - from->frac) : frac >> (from->frac - to->frac);
        return s->canon ? default_nan(to) : pack(to, x.neg, max_exp(to), frac);
    }
    if (x.cls == INF)
        return inf(to, x.neg);
    return round_pack(s, to, &x);
}

uint64_t softfp_to_int(struct softfp *s, enum ir_type t, uint64_t a, unsigned width, bool is_signed,
                       bool nanmax)
{
    return softfp_to_fixed(s, t, a, width, is_signed, nanmax, 0);
}

uint64_t softfp_to_fixed(struct softfp *s, enum ir_type t, uint64_t a, unsigned width, bool is_signed, bool nanmax,
                         unsigned fbits)
{
    struct num x = unpack(fmt_of(t), a);
    uint64_t max = ir_low_bits(UINT64_MAX, width - is_signed), min = is_signed ? max + 1 : 0;

    if (is_nan(&x)) {
        s->flags |= IR_FPX_NV;
        return nanmax ? max : 0;
    }
    x.exp += (int)fbits;
    u128 limit = x.neg ? min : max;
    bool inexact = false;
    u128 v = limit + 1; /* too large, unless proved otherwise */
    if (x.cls == ZERO)
        v = 0;
    else if (x.cls == FINITE && x.exp <= 64)
        v = round_shift(x.sig, -x.exp, false, x.neg, s->rm, &inexact);
    if (v > limit) {
        s->flags |= IR_FPX_NV;
        if (s->wrap)
            v = x.cls == FINITE && x.exp <= 64 ? v : 0;
        else
            v = limit;
        return ir_low_bits(x.neg && s->wrap ? (uint64_t)0 - (uint64_t)v : (uint64_t)v, width);
    }
    if (inexact)
        s->flags |= IR_FPX_NX;
    return ir_low_bits(x.neg ? (uint64_t)0 - (uint64_t)v : (uint64_t)v, width);
}

uint64_t softfp_from_int(struct softfp *s, enum ir_type t, uint64_t v, unsigned width, bool is_signed)
{
    return softfp_from_fixed(s, t, v, width, is_signed, 0);
}

uint64_t softfp_from_fixed(struct softfp *s, enum ir_type t, uint64_t v, unsigned width, bool is_signed, unsigned fbits)
{
    int64_t sv = ir_sign_extend(v, width);
    bool neg = is_signed && sv < 0;
    struct num n = { .cls = FINITE, .neg = neg, .exp = -(int)fbits, .sig = neg ? (uint64_t)0 - (uint64_t)sv : ir_low_bits(v, width) };

    return round_pack(s, fmt_of(t), &n);
}

/* --- what Arm has beyond IEEE 754's operations (Arm ARM, shared pseudocode: FPRecipEstimate and its like) ------------ */

uint64_t softfp_flush(struct softfp *s, enum ir_type t, uint64_t a)
{
    const struct fmt *f = fmt_of(t);

    if (!s->fz || !ir_low_bits(a, f->bits - 1) || ir_low_bits(a, f->bits - 1) >> f->frac)
        return a;
    if (f != &f16)
        s->flags |= IR_FPX_ID;
    return a & (uint64_t)1 << (f->bits - 1);
}

uint64_t softfp_min_max(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, bool less, bool number)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b);

    if (number && x.cls == QNAN && !is_nan(&y))
        return b;
    if (number && y.cls == QNAN && !is_nan(&x))
        return a;
    if (is_nan(&x) || is_nan(&y))
        return nan_result(s, f, (uint64_t[]){ a, b }, 2);
    return min_max(s, t, a, b, less);
}

/** 0 times infinity, in either order. */
static bool zero_times_inf(const struct num *x, const struct num *y)
{
    return (x->cls == ZERO && y->cls == INF) || (x->cls == INF && y->cls == ZERO);
}

uint64_t softfp_mulx(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a), y = unpack(f, b);

    if (zero_times_inf(&x, &y))
        return pack(f, x.neg ^ y.neg, (uint64_t)f->bias + 1, 0);
    return softfp_mul(s, t, a, b);
}

uint64_t softfp_step(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, bool root)
{
    const struct fmt *f = fmt_of(t);
    uint64_t na = a ^ (uint64_t)1 << (f->bits - 1);
    struct num x = unpack(f, na), y = unpack(f, b);
    struct num base = { .cls = FINITE, .sig = root ? 3 : 2 };

    if (is_nan(&x) || is_nan(&y))
        return nan_result(s, f, (uint64_t[]){ na, b }, 2);
    if (zero_times_inf(&x, &y)) /* 1.5 or 2 */
        return root ? pack(f, false, (uint64_t)f->bias, quiet_bit(f)) : pack(f, false, (uint64_t)f->bias + 1, 0);
    if (x.cls == INF || y.cls == INF)
        return inf(f, x.neg ^ y.neg);
    x = product(&x, &y);
    x = sum(s, x, base);
    x.exp -= root;
    return round_pack(s, f, &x);
}

static unsigned reciprocal(unsigned a)
{
    return ((1u << 19) / (a * 2 + 1) + 1) / 2;
}

static unsigned reciprocal_root(unsigned a)
{
    unsigned b = 512;

    a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
    while (a * (b + 1) * (b + 1) < 1u << 28)
        b++;
    return (b + 1) / 2;
}

uint32_t softfp_fixed_estimate(uint32_t a, bool root)
{
    if (root)
        return a >> 30 ? reciprocal_root(a >> 23) << 23 : UINT32_MAX;
    return a >> 31 ? reciprocal(a >> 23) << 23 : UINT32_MAX;
}

/** Exponent field and the fraction's top bits of a finite number other than 0, normalised: *e may be below 1. Returns
 * the fraction, its highest bit being bit 51. */
static uint64_t normalised_fraction(const struct fmt *f, uint64_t a, int *e)
{
    uint64_t frac = ir_low_bits(a, f->frac) << (52 - f->frac);

    *e = (int)(a >> f->frac & max_exp(f));
    if (*e == 0) {
        while (!(frac >> 51 & 1)) {
            frac <<= 1;
            --*e;
        }
        frac = ir_low_bits(frac << 1, 52);
    }
    return frac;
}

static uint64_t estimate_of(const struct fmt *f, bool neg, int e, unsigned estimate)
{
    uint64_t frac = (uint64_t)(estimate & 0xff) << 44;

    if (e <= 0) { /* denormal: the leading one moves into the fraction */
        frac = (frac >> 1 | (uint64_t)1 << 51) >> -e;
        e = 0;
    }
    return pack(f, neg, (uint64_t)e, frac >> (52 - f->frac));
}

uint64_t softfp_recpe(struct softfp *s, enum ir_type t, uint64_t a)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a);
    int e;

    if (is_nan(&x))
        return nan_result(s, f, &a, 1);
    if (x.cls == INF)
        return pack(f, x.neg, 0, 0);
    if (x.cls == ZERO) {
        s->flags |= IR_FPX_DZ;
        return inf(f, x.neg);
    }
    uint64_t frac = normalised_fraction(f, a, &e);
    if (e < -1)
        return overflow(s, f, x.neg);
    int result = 2 * f->bias - 1 - e;
    if (s->fz && result <= 0) {
        s->flags |= IR_FPX_UF;
        return pack(f, x.neg, 0, 0);
    }
    return estimate_of(f, x.neg, result, reciprocal(256 | (unsigned)(frac >> 44)));
}

uint64_t softfp_rsqrte(struct softfp *s, enum ir_type t, uint64_t a)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a);
    int e;

    if (is_nan(&x))
        return nan_result(s, f, &a, 1);
    if (x.cls == ZERO) {
        s->flags |= IR_FPX_DZ;
        return inf(f, x.neg);
    }
    if (x.neg)
        return invalid(s, f);
    if (x.cls == INF)
        return 0;
    uint64_t frac = normalised_fraction(f, a, &e);
    unsigned scaled = e & 1 ? 128 | (unsigned)(frac >> 45) : 256 | (unsigned)(frac >> 44);
    return estimate_of(f, false, (3 * f->bias - 1 - e) / 2, reciprocal_root(scaled));
}

uint64_t softfp_recpx(struct softfp *s, enum ir_type t, uint64_t a)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a);
    uint64_t e = a >> f->frac & max_exp(f);

    if (is_nan(&x))
        return nan_result(s, f, &a, 1);
    return pack(f, x.neg, e ? ~e & max_exp(f) : max_exp(f) - 1, 0);
}

uint64_t softfp_round_int(struct softfp *s, enum ir_type t, uint64_t a, bool exact, unsigned width)
{
    const struct fmt *f = fmt_of(t);
    struct num x = unpack(f, a);
    bool inexact = false;
    u128 limit = width ? (u128)1 << (width - 1) : 0, v = 0;

    if (width && (is_nan(&x) || x.cls == INF)) {
        v = limit + 2;
    } else if (is_nan(&x)) {
        return nan_result(s, f, &a, 1);
    } else if (x.cls != FINITE) {
        return a;
    } else if (x.exp < 0) {
        v = round_shift(x.sig, -x.exp, false, x.neg, s->rm, &inexact);
    } else if (width) {
        v = x.exp > 64 ? limit + 2 : x.sig << x.exp;
    } else {
        return a;
    }
    struct num r = { .cls = FINITE, .neg = x.neg, .sig = v };
    if (width && v > limit - !x.neg) {
        s->flags |= IR_FPX_NV;
        r = (struct num){ .cls = FINITE, .neg = true, .sig = limit };
    } else if (inexact && exact) {
        s->flags |= IR_FPX_NX;
    }
    struct softfp plain = { .rm = IR_RM_RNE };
    return round_pack(&plain, f, &r);
}

struct softfp softfp_of_aux(unsigned fp, enum ir_rm dyn)
{
    enum ir_rm rm = IR_FP_RM(fp);
    bool arm = fp & IR_FP_ARM;

    return (struct softfp){
        .rm = rm == IR_RM_DYN ? dyn : rm, .canon = fp & IR_FP_CANON, .arm = arm, .fz = fp & IR_FP_FZ,
        .ahp = fp & IR_FP_AHP, .tiny_before = arm,
        .quiet = fp & IR_FP_QUIET, .wrap = fp & IR_FP_WRAP,
    };
}
