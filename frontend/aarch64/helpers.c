#include "frontend/aarch64/helpers.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <xmmintrin.h>

#include "backend/cpu.h"
#include "frontend/aarch64/aarch64.h"
#include "frontend/vdso.h"
#include "ir/softfp.h"

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
static unsigned float_flags(uint64_t a, uint64_t b, bool wide, bool flush)
{
    uint64_t inf = wide ? 0x7ffull << 52 : 0xffull << 23, abs = wide ? ~0ull >> 1 : ~0u >> 1;
    double x, y;
    float f;

    if (flush && !(a & inf))
        a = 0;
    if (flush && !(b & inf))
        b = 0;
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

unsigned a64_nzcv_of(uint32_t mode, uint64_t op, uint64_t a, uint64_t b)
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
    case A64_CC_FCMP32: case A64_CC_FCMPE32:   return float_flags(a, b, width == 64, mode & A64_MODE_FZ);
    default:                                   return a & 15;
    }
}

uint64_t a64_helper_nzcv(struct cpu *cpu, uint64_t op, uint64_t a, uint64_t b)
{
    return a64_nzcv_of(cpu->mode, op, a, b);
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

uint64_t a64_helper_clock(struct cpu *cpu, uint64_t id)
{
    return (uint64_t)vdso_clock(id);
}

void a64_helper_ic_ivau(struct cpu *cpu, uint64_t address)
{
    cpu_announce(cpu, address & -(uint64_t)A64_LINE_BYTES, A64_LINE_BYTES);
}

/* --- conversions */

uint64_t a64_helper_half_of_fixed(struct cpu *cpu, uint64_t v, uint64_t how)
{
    static const uint8_t rm[4] = { IR_RM_RNE, IR_RM_RDN, IR_RM_RUP, IR_RM_RTZ };
    unsigned mxcsr = _mm_getcsr(), width = how >> 25 & 1 ? 64 : 32;
    struct softfp f = softfp_of_aux(how & 0xffff, rm[mxcsr >> 13 & 3]);
    uint64_t r = softfp_from_fixed(&f, (enum ir_type)IR_F16, v, width, !(how >> 24 & 1), how >> 16 & 0xff);

    _mm_setcsr(mxcsr | (f.flags & IR_FPX_OF ? _MM_EXCEPT_OVERFLOW : 0) | (f.flags & IR_FPX_UF ? _MM_EXCEPT_UNDERFLOW : 0) |
               (f.flags & IR_FPX_NX ? _MM_EXCEPT_INEXACT : 0));
    return r;
}

/* --- SM4 */

uint64_t a64_helper_sm4_sub(struct cpu *cpu, uint64_t v)
{
    static const uint8_t box[256] = {
        0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
        0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
        0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
        0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
        0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
        0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
        0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
        0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
        0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
        0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
        0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
        0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
        0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
        0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
        0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
        0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
    };

    return box[v & 255] | (uint64_t)box[v >> 8 & 255] << 8 | (uint64_t)box[v >> 16 & 255] << 16 |
           (uint64_t)box[v >> 24 & 255] << 24;
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
