#include "frontend/aarch64/helpers.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <xmmintrin.h>

#include "frontend/aarch64/aarch64.h"

/* --- flags */

static unsigned flags_of(unsigned __int128 exact_u, __int128 exact_s, uint64_t r, unsigned width)
{
    uint64_t sign = r >> (width - 1) & 1;
    __int128 back = width == 64 ? (int64_t)r : (int32_t)(uint32_t)r;

    return (sign ? A64_N : 0) | (r == 0 ? A64_Z : 0) | (exact_u >> width & 1 ? A64_C : 0) |
           (back != exact_s ? A64_V : 0);
}

static unsigned sum_flags(uint64_t x, uint64_t y, unsigned carry, unsigned width)
{
    if (width == 64)
        return flags_of((unsigned __int128)x + y + carry, (__int128)(int64_t)x + (int64_t)y + (int)carry, x + y + carry, 64);
    x = (uint32_t)x;
    y = (uint32_t)y;
    return flags_of(x + y + carry, (int64_t)(int32_t)x + (int32_t)y + (int)carry, (uint32_t)(x + y + carry), 32);
}

static unsigned compare_flags(double x, double y)
{
    return isunordered(x, y) ? A64_C | A64_V : x == y ? A64_Z | A64_C : x < y ? A64_N : A64_C;
}

/* Without raising anything: the host's comparisons are the quiet ones of <math.h>, and signalling NaNs don't get there. */
static unsigned float_flags(uint64_t a, uint64_t b, bool wide)
{
    uint64_t inf = wide ? 0x7ffull << 52 : 0xffull << 23, abs = wide ? ~0ull >> 1 : ~0u >> 1;
    double x, y;
    float f;

    if ((a & abs) > inf || (b & abs) > inf)
        return A64_C | A64_V;
    if (wide) {
        memcpy(&x, &a, sizeof x);
        memcpy(&y, &b, sizeof y);
    } else {
        memcpy(&f, &a, sizeof f);
        x = (double)f;
        memcpy(&f, &b, sizeof f);
        y = (double)f;
    }
    return compare_flags(x, y);
}

static unsigned sign_zero(uint64_t a, unsigned width)
{
    a = width == 64 ? a : (uint32_t)a;
    return (a >> (width - 1) ? A64_N : 0) | (a ? 0 : A64_Z);
}

unsigned a64_nzcv_of(uint64_t op, uint64_t a, uint64_t b)
{
    unsigned width = op != A64_CC_NZCV && (op - A64_CC_SUB64) & 1 ? 32 : 64;

    switch (op) {
    case A64_CC_SUB64: case A64_CC_SUB32:      return sum_flags(a, ~b, 1, width);
    case A64_CC_SUBR64: case A64_CC_SUBR32:    return sum_flags(a + b, ~b, 1, width);
    case A64_CC_ADD64: case A64_CC_ADD32:      return sum_flags(a, b, 0, width);
    case A64_CC_ADDR64: case A64_CC_ADDR32:    return sum_flags(a - b, b, 0, width);
    case A64_CC_LOGIC64: case A64_CC_LOGIC32:  return sign_zero(a, width);
    case A64_CC_CV64: case A64_CC_CV32:        return sign_zero(a, width) | (b & 3);
    case A64_CC_FCMP64: case A64_CC_FCMPE64:
    case A64_CC_FCMP32: case A64_CC_FCMPE32:   return float_flags(a, b, width == 64);
    default:                                   return a & 15;
    }
}

uint64_t a64_helper_nzcv(struct cpu *cpu, uint64_t op, uint64_t a, uint64_t b)
{
    return a64_nzcv_of(op, a, b);
}

/* --- floating-point status */

static const struct { uint8_t fpx, fpsr; } fpsr_bits[] = {
    { IR_FPX_NV, 1 << 0 }, { IR_FPX_DZ, 1 << 1 }, { IR_FPX_OF, 1 << 2 }, { IR_FPX_UF, 1 << 3 },
    { IR_FPX_NX, 1 << 4 }, { IR_FPX_ID, 1 << 7 },
};

enum { NBITS = sizeof fpsr_bits / sizeof fpsr_bits[0] };

uint64_t a64_helper_fpsr_of_fpx(struct cpu *cpu, uint64_t fpx)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < NBITS; i++)
        if (fpx & fpsr_bits[i].fpx)
            v |= fpsr_bits[i].fpsr;
    return v;
}

uint64_t a64_helper_fpx_of_fpsr(struct cpu *cpu, uint64_t fpsr)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < NBITS; i++)
        if (fpsr & fpsr_bits[i].fpsr)
            v |= fpsr_bits[i].fpx;
    return v;
}

uint64_t a64_helper_counter(struct cpu *cpu)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * A64_COUNTER_HZ + (uint64_t)t.tv_nsec;
}

uint64_t a64_helper_jcvt(struct cpu *cpu, uint64_t bits)
{
    unsigned exp = bits >> 52 & 0x7ff;
    uint64_t fraction = (bits & 0xfffffffffffff) | 1ull << 52, whole = 0;
    bool lost = false, invalid = exp == 0x7ff;

    if (exp == 0 && bits << 1 && cpu->mode & A64_MODE_FZ) {
        cpu->fpx_more |= IR_FPX_ID;
        bits &= 1ull << 63;
    }
    if (exp < 1023) {
        lost = bits << 1 != 0;
    } else if (exp < 1023 + 52) {
        whole = fraction >> (1075 - exp);
        lost = fraction << (exp - 1011) != 0;
    } else if (exp < 1023 + 52 + 32) {
        whole = fraction << (exp - 1075);
    }
    /* Magnitudes from 2^63 on leave whole wrong, but they are invalid in any case; its low half is right. */
    if (exp >= 1023 + 32 || whole > (bits >> 63 ? 1ull << 31 : (1ull << 31) - 1))
        invalid = true;
    if (invalid)
        _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_INVALID);
    else if (lost)
        _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_INEXACT);
    if (exp == 0x7ff)
        whole = 0;
    if (bits >> 63)
        whole = -whole;
    return (uint32_t)whole | (uint64_t)(!invalid && !lost && bits != 1ull << 63) << 32;
}

/* --- 16-byte compare and swap */

static unsigned field(uint64_t insn, unsigned at)
{
    return insn >> at & 31;
}

static uint64_t x_or_zero(struct cpu *cpu, unsigned n)
{
    return n == 31 ? 0 : *a64_x(cpu, n);
}

static void set_x(struct cpu *cpu, unsigned n, uint64_t v)
{
    if (n != 31)
        *a64_x(cpu, n) = v;
}

/* cmpxchg16b: `old` becomes what was there. */
static bool swap16(uint64_t at, uint64_t old[2], const uint64_t new[2])
{
    bool done;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*(unsigned __int128 *)at), "+a"(old[0]), "+d"(old[1])
                     : "b"(new[0]), "c"(new[1])
                     : "memory");
    return done;
}

void a64_helper_casp(struct cpu *cpu, uint64_t insn)
{
    unsigned rs = field(insn, 16), rt = field(insn, 0);
    uint64_t old[2] = { x_or_zero(cpu, rs), x_or_zero(cpu, rs + 1) };
    uint64_t new[2] = { x_or_zero(cpu, rt), x_or_zero(cpu, rt + 1) };

    swap16(*a64_x(cpu, field(insn, 5)), old, new);
    set_x(cpu, rs, old[0]);
    set_x(cpu, rs + 1, old[1]);
}

void a64_helper_stxp(struct cpu *cpu, uint64_t insn)
{
    uint64_t at = *a64_x(cpu, field(insn, 5));
    uint64_t *key = a64_slot(cpu, A64_REG_ex_key);
    uint64_t old[2] = { *a64_slot(cpu, A64_REG_ex_lo), *a64_slot(cpu, A64_REG_ex_hi) };
    uint64_t new[2] = { x_or_zero(cpu, field(insn, 0)), x_or_zero(cpu, field(insn, 10)) };
    bool done = *key == (at | 4ull << 56) && swap16(at, old, new);

    *key = A64_NO_MONITOR;
    set_x(cpu, field(insn, 16), !done);
}

const struct guest_helper a64_helpers[A64_NHELPERS] = {
#define A64_HELPER(name, ret, nargs, a, b, c, flags, doc) \
    [A64_HELPER_##name] = { #name, a64_helper_##name, ret, nargs, { a, b, c }, flags },
#include "frontend/aarch64/helpers.def"
};
