/* BFloat16: the upper halves of singles. Dot products have an arithmetic of their own (DDI 0487, shared/functions/float/bfloat:
 * BFAdd, BFMul): rounded to odd, denormals are zeros, NaNs the default one, FPCR and FPSR not looked at. */
#include <math.h>
#include <string.h>
#include <xmmintrin.h>

#include "frontend/aarch64/helpers.h"
#include "ir/ir.h"

enum { PLAIN_MXCSR = 0x1f80 };

static float float_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, 4);
    return f;
}

static uint64_t bits_of(double d)
{
    uint64_t v;

    memcpy(&v, &d, 8);
    return v;
}

static double double_of(uint64_t bits)
{
    double d;

    memcpy(&d, &bits, 8);
    return d;
}

/** The bits of a single, denormals as zeros, as a double. */
static double flushed(uint32_t bits)
{
    return bits & 0x7f800000 ? (double)float_of(bits) : bits >> 31 ? -0.0 : 0.0;
}

/** To single: any bit that is lost makes the last one 1; too big is infinite, too small zero. */
static uint32_t to_odd(double d)
{
    uint64_t v = bits_of(d), sign = v >> 63 << 31;

    if (isnan(d))
        return 0x7fc00000;
    if (fabs(d) >= 0x1p128)
        return (uint32_t)(sign | 0x7f800000);
    if (fabs(d) < 0x1p-126)
        return (uint32_t)sign;
    return (uint32_t)(sign | ((v << 1 >> 30) - (896ull << 23)) | ((v & 0x1fffffff) != 0));
}

/** a + b to odd: 53 bits to odd first, from the sum to nearest and what that is off by. */
static uint32_t add_odd(double a, double b)
{
    double sum = a + b, part = sum - a, off = (a - (sum - part)) + (b - part);
    uint64_t v = bits_of(sum);

    if (isfinite(sum) && off != 0) {
        if ((off < 0) != (sum < 0))
            v--; /* towards zero */
        v |= 1;
    }
    return to_odd(double_of(v));
}

static uint32_t dot_add(uint32_t sum, uint32_t n, uint32_t m)
{
    uint32_t low = to_odd(flushed(n << 16) * flushed(m << 16));
    uint32_t high = to_odd(flushed(n & 0xffff0000) * flushed(m & 0xffff0000));

    return add_odd(flushed(sum), flushed(add_odd(flushed(low), flushed(high))));
}

uint64_t a64_helper_bfdot(struct cpu *cpu, uint64_t d, uint64_t n, uint64_t m)
{
    unsigned saved = _mm_getcsr();
    uint64_t low, high;

    _mm_setcsr(PLAIN_MXCSR);
    low = dot_add((uint32_t)d, (uint32_t)n, (uint32_t)m);
    high = dot_add((uint32_t)(d >> 32), (uint32_t)(n >> 32), (uint32_t)(m >> 32));
    _mm_setcsr(saved);
    return low | high << 32;
}

/** One number, rounded by MXCSR's mode `rc`; IR_FPX_* are added. */
static uint32_t to_bf16(uint32_t x, unsigned rc, unsigned fp, unsigned *fpx)
{
    uint32_t sign = x >> 31, top = x >> 16, lost = x & 0xffff;
    bool up;

    if ((x & 0x7fffffff) > 0x7f800000) {
        if (!(x & 0x400000))
            *fpx |= IR_FPX_NV;
        return fp & IR_FP_DN ? 0x7fc0 : top | 0x40;
    }
    if (!(x & 0x7f800000) && x & 0x7fffff && fp & IR_FP_FZ) {
        *fpx |= IR_FPX_ID;
        return sign << 15;
    }
    if (!lost)
        return top;
    *fpx |= IR_FPX_NX | (x & 0x7f800000 ? 0 : IR_FPX_UF);
    switch (rc) {
    case 0: up = lost > 0x8000 || (lost == 0x8000 && top & 1); break;
    case 1: up = sign; break;
    case 2: up = !sign; break;
    default: up = false;
    }
    top += up;
    if ((top & 0x7fff) == 0x7f80)
        *fpx |= IR_FPX_OF;
    return top;
}

uint64_t a64_helper_bfcvt(struct cpu *cpu, uint64_t v, uint64_t fp)
{
    unsigned rc = _mm_getcsr() >> 13 & 3, fpx = 0;
    uint64_t r = to_bf16((uint32_t)v, rc, (unsigned)fp, &fpx);

    r |= (uint64_t)to_bf16((uint32_t)(v >> 32), rc, (unsigned)fp, &fpx) << 16;
    return r | (uint64_t)fpx << 32;
}
