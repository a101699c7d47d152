#include "backend/x86/rt.h"

#include <math.h>
#include <string.h>
#include <xmmintrin.h>

#include "backend/x86/fz.h"
#include "frontend/guest.h"
#include "ir/softfp.h"
#include "ir/vec.h"

/* All arithmetic here goes through volatile so that the compiler neither folds nor moves it across MXCSR. */

enum { MX_RC = 0x6000, MX_FLAGS = 0x3f, MX_IE = 1, MX_DE = 2, MX_ZE = 4, MX_OE = 8, MX_UE = 16, MX_PE = 32,
       MX_DAZ = 0x40, MX_MASKS = 0x1f80, MX_FTZ = 0x8000 };

static uint32_t rc_bits(unsigned rm)
{
    /* MXCSR.RC: 0 nearest, 1 down, 2 up, 3 zero (SDM vol. 1, 10.2.3.1). */
    static const uint8_t rc[8] = { [IR_RM_RNE] = 0, [IR_RM_RTZ] = 3, [IR_RM_RDN] = 1, [IR_RM_RUP] = 2 };

    return (uint32_t)rc[rm & 7] << 13;
}

static void raise_flags(uint32_t flags)
{
    _mm_setcsr(_mm_getcsr() | flags);
}

/* Runs the statement under rounding mode `rm`, keeping the flags it raises. */
#define WITH_RM(rm, statement)                                                                     \
    do {                                                                                           \
        uint32_t old_ = _mm_getcsr();                                                              \
        if ((rm) != IR_RM_DYN)                                                                     \
            _mm_setcsr((old_ & ~(uint32_t)MX_RC) | rc_bits(rm));                                   \
        statement;                                                                                 \
        _mm_setcsr((_mm_getcsr() & ~(uint32_t)MX_RC) | (old_ & MX_RC));                            \
    } while (0)

#define FN(name) name##64
#define F double
#define U uint64_t
#define EXP_MASK 0x7ff0000000000000u
#define QUIET 0x0008000000000000u
#define SIGN 0x8000000000000000u
#define FMA fma
#define SQRT sqrt
#include "backend/x86/rt_fp.h"

#define FN(name) name##32
#define F float
#define U uint32_t
#define EXP_MASK 0x7f800000u
#define QUIET 0x00400000u
#define SIGN 0x80000000u
#define FMA fmaf
#define SQRT sqrtf
#include "backend/x86/rt_fp.h"

static double rt_fp64(struct cpu *cpu, uint64_t desc, double a, double b, double c)
{
    return arith64(desc, a, b, c);
}

static float rt_fp32(struct cpu *cpu, uint64_t desc, float a, float b, float c)
{
    return arith32(desc, a, b, c);
}

/* Ties away from zero, given the results towards zero and to nearest-even: they differ from it only where
 * nearest-even went to zero's side on an exact tie. */
static float rt_narrow(struct cpu *cpu, uint64_t desc, double a)
{
    unsigned rm = desc >> 8 & 0xff;
    volatile double va = a;
    volatile float r;

    if (rm != IR_RM_RMM) {
        WITH_RM(rm, r = (float)va);
    } else {
        volatile float zero, away;
        uint32_t saved;

        WITH_RM(IR_RM_RNE, r = (float)va);
        saved = _mm_getcsr();
        WITH_RM(IR_RM_RTZ, zero = (float)va);
        WITH_RM(signbit(a) ? IR_RM_RDN : IR_RM_RUP, away = (float)va);
        _mm_setcsr(saved);
        if (r == zero && zero != away && !isinf(away) && fabs(a) - fabs((double)zero) ==
                                                             fabs((double)away) - fabs(a))
            r = away;
    }
    if (isnan(r)) {
        uint32_t canon = 0x7fc00000;
        float f;

        memcpy(&f, &canon, 4);
        return f;
    }
    return r;
}

static double round_rm(double a, unsigned rm)
{
    volatile double va = a, r;

    if (rm == IR_RM_RMM)
        return round(a);
    WITH_RM(rm, r = nearbyint(va));
    return r;
}

/* Saturating conversion; out of range and NaN raise invalid only, else inexact if it was (IEEE 754-2019 5.8). */
static uint64_t rt_to_int(struct cpu *cpu, uint64_t desc, double a)
{
    unsigned op = desc & 0xff, rm = desc >> 8 & 0xff, width = desc >> 32 & 0xff;
    bool uns = op == IR_fcvt_ui;
    uint32_t saved = _mm_getcsr();
    uint64_t max = uns ? (width == 64 ? UINT64_MAX : UINT32_MAX)
                       : (width == 64 ? INT64_MAX : INT32_MAX);
    uint64_t min = uns ? 0 : (width == 64 ? (uint64_t)INT64_MIN : (uint64_t)(int64_t)INT32_MIN);
    double limit = ldexp(1.0, (int)width - (uns ? 0 : 1)); /* first value too large */
    uint64_t result;
    uint32_t flags = 0;
    double r = isnan(a) ? a : round_rm(a, rm);

    if (isnan(a)) {
        result = desc >> 16 & IR_FP_NANMAX ? max : 0;
        flags = MX_IE;
    } else if (r >= limit) {
        result = max;
        flags = MX_IE;
    } else if (uns ? r < 0 : r < -limit) {
        result = min;
        flags = MX_IE;
    } else {
        result = uns ? (r >= 0x1p63 ? (uint64_t)(int64_t)(r - 0x1p63) + (1ull << 63)
                                    : (uint64_t)(int64_t)r)
                     : (uint64_t)(int64_t)r;
        if (r != a)
            flags = MX_PE;
    }
    _mm_setcsr(saved | flags);
    return result;
}

/* |v| as an exact sum of two doubles, so that the one rounding addition is all that rounds. */
#define FROM_INT(name, F, BITS)                                                                    \
    static F name(struct cpu *cpu, uint64_t desc, uint64_t v)                                      \
    {                                                                                              \
        unsigned op = desc & 0xff, rm = desc >> 8 & 0xff, width = desc >> 32 & 0xff;               \
        bool neg = false;                                                                          \
        if (width == 32)                                                                           \
            v = op == IR_fcvt_is ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v;                    \
        if (op == IR_fcvt_is && (int64_t)v < 0) {                                                  \
            neg = true;                                                                            \
            v = 0 - v;                                                                             \
        }                                                                                          \
        int drop = v ? 64 - (BITS) - __builtin_clzll(v) : 0; /* bits beyond the precision */       \
        if (drop > 0) {                                                                            \
            uint64_t rest = v & ((1ull << drop) - 1), half = 1ull << (drop - 1);                   \
            bool up;                                                                               \
            unsigned mode = rm == IR_RM_DYN ? dyn_rm() : rm;                                       \
            v >>= drop;                                                                            \
            switch (mode) {                                                                        \
            case IR_RM_RTZ: up = false; break;                                                     \
            case IR_RM_RDN: up = neg && rest; break;                                               \
            case IR_RM_RUP: up = !neg && rest; break;                                              \
            case IR_RM_RMM: up = rest >= half; break;                                              \
            default: up = rest > half || (rest == half && (v & 1)); break;                         \
            }                                                                                      \
            v += up;                                                                               \
            if (rest)                                                                              \
                raise_flags(MX_PE);                                                                \
        } else {                                                                                   \
            drop = 0;                                                                              \
        }                                                                                          \
        F r = (F)ldexp((double)v, drop); /* exact: v has at most BITS + 1 bits */                  \
        return neg ? -r : r;                                                                       \
    }

static unsigned dyn_rm(void)
{
    static const uint8_t rm[4] = { IR_RM_RNE, IR_RM_RDN, IR_RM_RUP, IR_RM_RTZ };

    return rm[_mm_getcsr() >> 13 & 3];
}

FROM_INT(rt_from_int64, double, 53)
FROM_INT(rt_from_int32, float, 24)

/* MXCSR's IE DE ZE OE UE PE (bits 0..5) and the IR's NV DZ OF UF NX (bits 4..0). */
static const struct { uint8_t mx, ir; } flag_map[] = {
    { MX_IE, IR_FPX_NV }, { MX_ZE, IR_FPX_DZ }, { MX_OE, IR_FPX_OF }, { MX_UE, IR_FPX_UF },
    { MX_PE, IR_FPX_NX },
};

static void rt_fprm_set(struct cpu *cpu, uint64_t rm)
{
    _mm_setcsr((_mm_getcsr() & ~(uint32_t)MX_RC) | rc_bits((unsigned)rm & 7));
}

/* --- ops whose meaning is in ir/: softfp, lane by lane */

static void accumulate(struct cpu *cpu, unsigned fpx)
{
    uint32_t flags = 0;

    for (unsigned k = 0; k < sizeof flag_map / sizeof *flag_map; k++)
        if (fpx & flag_map[k].ir)
            flags |= flag_map[k].mx;
    if (flags)
        raise_flags(flags);
    cpu->fpx_more |= fpx & IR_FPX_ID;
}

static void rt_vec(struct cpu *cpu, uint64_t desc, int64_t imm)
{
    struct vec in[3], r;
    unsigned fpx = 0;

    memcpy(in, cpu->rt_fp, sizeof in);
    r = vec_eval(desc & 0xff, desc >> 8 & 0xffff, imm, IR_V128, in, dyn_rm(), &fpx);
    memcpy(cpu->rt_fp[3], &r, sizeof r);
    accumulate(cpu, fpx);
}

static uint64_t rt_fixed(struct cpu *cpu, uint64_t desc, uint64_t unused, uint64_t v)
{
    unsigned op = desc & 0xff, aux = desc >> 8 & 0xffff, fbits = desc >> 32 & 0xff;
    enum ir_type to = desc >> 24 & 15, from = desc >> 28 & 15;
    bool is_signed = op == IR_fcvt_si || op == IR_fcvt_is;
    struct softfp f = softfp_of_aux(aux, dyn_rm());
    uint64_t r;

    if (op == IR_fcvt_si || op == IR_fcvt_ui)
        r = softfp_to_fixed(&f, from, softfp_flush(&f, from, from == IR_F32 ? (uint32_t)v : v), ir_type_bits[to],
                            is_signed, aux & IR_FP_NANMAX, fbits);
    else
        r = softfp_from_fixed(&f, to, from == IR_I32 ? (uint32_t)v : v, ir_type_bits[from], is_signed, fbits);
    accumulate(cpu, f.flags);
    return r;
}

/* Where denormals are flushed, masks go by flags: rt_dispatch() sets them. */
static void rt_fpflags_set(struct cpu *cpu, uint64_t fpx)
{
    _mm_setcsr(_mm_getcsr() & ~(uint32_t)MX_FLAGS);
    cpu->fpx_more = 0;
    accumulate(cpu, (unsigned)fpx);
}

static uint64_t rt_crc32(struct cpu *cpu, uint64_t crc, uint64_t v, uint64_t bytes, uint64_t castagnoli)
{
    return vec_crc32((uint32_t)crc, v, (unsigned)bytes, castagnoli);
}

static const void *const rt_table[NRT] = {
#define RT_ROW(name, doc) (const void *)rt_##name,
    RT_TABLE(RT_ROW)
#undef RT_ROW
};

/* What the thunk pushes, from the lowest address up; it ends at the struct cpu. C preserves rbx, rbp, r12..r15 for the
 * thunk, but only rt_saved_registers() can find them when C is cut short by a fault. */
struct rt_frame {
    uint64_t xmm[16][2];
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax, ret;
};
_Static_assert(sizeof(struct rt_frame) == 384, "rt_thunk_asm");

void rt_saved_registers(const struct cpu *cpu, ucontext_t *uc)
{
    struct rt_frame f;
    greg_t *g = uc->uc_mcontext.gregs;

    memcpy(&f, (const uint8_t *)cpu - sizeof f, sizeof f);
    memcpy(uc->uc_mcontext.fpregs->_xmm, f.xmm, sizeof f.xmm);
#define REG(NAME, name) g[REG_##NAME] = (greg_t)f.name;
    REG(RAX, rax) REG(RCX, rcx) REG(RDX, rdx) REG(RBX, rbx) REG(RSI, rsi) REG(RDI, rdi) REG(RBP, rbp)
    REG(R8, r8) REG(R9, r9) REG(R10, r10) REG(R11, r11) REG(R12, r12) REG(R13, r13) REG(R14, r14)
    REG(R15, r15)
#undef REG
    g[REG_RIP] = (greg_t)f.ret;
    g[REG_RSP] = (greg_t)(uintptr_t)cpu;
}

/* Entered by call with rsp = cpu - 8. Offsets of struct cpu come in as constants. */
void rt_thunk_asm(void);

__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl rt_thunk_asm\n"
    ".type rt_thunk_asm, @function\n"
    "rt_thunk_asm:\n"
    "  push %rax\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n"
    "  push %r8\n push %r9\n push %r10\n push %r11\n"
    "  push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "  sub $256, %rsp\n"
    "  movups %xmm0, (%rsp)\n movups %xmm1, 16(%rsp)\n movups %xmm2, 32(%rsp)\n"
    "  movups %xmm3, 48(%rsp)\n movups %xmm4, 64(%rsp)\n movups %xmm5, 80(%rsp)\n"
    "  movups %xmm6, 96(%rsp)\n movups %xmm7, 112(%rsp)\n movups %xmm8, 128(%rsp)\n"
    "  movups %xmm9, 144(%rsp)\n movups %xmm10, 160(%rsp)\n movups %xmm11, 176(%rsp)\n"
    "  movups %xmm12, 192(%rsp)\n movups %xmm13, 208(%rsp)\n movups %xmm14, 224(%rsp)\n"
    "  movups %xmm15, 240(%rsp)\n"
    "  lea 384(%rsp), %rdi\n"
    "  call rt_dispatch\n"
    "  movups (%rsp), %xmm0\n movups 16(%rsp), %xmm1\n movups 32(%rsp), %xmm2\n"
    "  movups 48(%rsp), %xmm3\n movups 64(%rsp), %xmm4\n movups 80(%rsp), %xmm5\n"
    "  movups 96(%rsp), %xmm6\n movups 112(%rsp), %xmm7\n movups 128(%rsp), %xmm8\n"
    "  movups 144(%rsp), %xmm9\n movups 160(%rsp), %xmm10\n movups 176(%rsp), %xmm11\n"
    "  movups 192(%rsp), %xmm12\n movups 208(%rsp), %xmm13\n movups 224(%rsp), %xmm14\n"
    "  movups 240(%rsp), %xmm15\n"
    "  add $256, %rsp\n"
    "  pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
    "  pop %r11\n pop %r10\n pop %r9\n pop %r8\n"
    "  pop %rdi\n pop %rsi\n pop %rdx\n pop %rcx\n pop %rax\n"
    "  ret\n"
    ".size rt_thunk_asm, . - rt_thunk_asm\n");

/* The SysV ABI assigns integer and FP arguments independently, so one signature calls all functions; and it
 * returns this struct in xmm0 and rax, so one result type reads whichever of the two the function set. */
struct rt_result { double fp; uint64_t i; };
typedef struct rt_result (*rt_any)(struct cpu *, uint64_t, uint64_t, uint64_t, uint64_t, double, double,
                                   double, double);

void rt_dispatch(struct cpu *cpu);
__attribute__((used)) void rt_dispatch(struct cpu *cpu)
{
    uint32_t n = cpu->rt_index;
    rt_any fn = (rt_any)(n >= CPU_RT_HELPER ? cpu->helpers[n - CPU_RT_HELPER] : cpu->rt[n]);
    double a[4];

    for (unsigned k = 0; k < 4; k++)
        memcpy(&a[k], cpu->rt_fp[k], 8);

    if (cpu->fz) /* C shall neither flush nor raise signals */
        _mm_setcsr((_mm_getcsr() | MX_MASKS) & ~(uint32_t)(MX_DAZ | MX_FTZ));

    struct rt_result r = fn(cpu, cpu->rt_int[0], cpu->rt_int[1], cpu->rt_int[2], cpu->rt_int[3],
                            a[0], a[1], a[2], a[3]);

    if (cpu->fz)
        _mm_setcsr(fz_mxcsr(cpu, _mm_getcsr()));
    cpu->rt_int[0] = r.i;
    memcpy(cpu->rt_fp[0], &r.fp, 8);
}

void rt_init_cpu(struct cpu *cpu)
{
    cpu->rt_thunk = (const void *)rt_thunk_asm;
    cpu->rt = rt_table;
    for (unsigned k = 0; k < sizeof flag_map / sizeof *flag_map; k++) {
        for (unsigned mx = 0; mx < sizeof cpu->fpx_of_mx; mx++)
            if (mx & flag_map[k].mx)
                cpu->fpx_of_mx[mx] |= flag_map[k].ir;
        for (unsigned fpx = 0; fpx < sizeof cpu->mx_of_fpx; fpx++)
            if (fpx & flag_map[k].ir)
                cpu->mx_of_fpx[fpx] |= flag_map[k].mx;
    }
}
