#include "frontend/riscv/helpers.h"

#include <time.h>

#include "frontend/riscv/riscv.h"
#include "frontend/vdso.h"

/* The class of a number whose exponent and fraction are given, as one bit of 0..9. */
static uint64_t class_bit(int negative, int exp_zero, int exp_ones, uint64_t fraction, int quiet)
{
    enum { NEG_INF, NEG_NORMAL, NEG_SUBNORMAL, NEG_ZERO, POS_ZERO, POS_SUBNORMAL, POS_NORMAL,
           POS_INF, SIGNALLING, QUIET };

    if (exp_ones && fraction)
        return 1u << (quiet ? QUIET : SIGNALLING);
    if (exp_ones)
        return 1u << (negative ? NEG_INF : POS_INF);
    if (!exp_zero)
        return 1u << (negative ? NEG_NORMAL : POS_NORMAL);
    if (fraction)
        return 1u << (negative ? NEG_SUBNORMAL : POS_SUBNORMAL);
    return 1u << (negative ? NEG_ZERO : POS_ZERO);
}

uint64_t riscv_helper_fclass_s(struct cpu *cpu, uint64_t bits)
{
    unsigned exp = bits >> 23 & 0xff;

    return class_bit(bits >> 31 & 1, exp == 0, exp == 0xff, bits & 0x7fffff, bits >> 22 & 1);
}

uint64_t riscv_helper_fclass_d(struct cpu *cpu, uint64_t bits)
{
    unsigned exp = bits >> 52 & 0x7ff;

    return class_bit(bits >> 63 & 1, exp == 0, exp == 0x7ff, bits & 0xfffffffffffffull, bits >> 51 & 1);
}

uint64_t riscv_helper_time(struct cpu *cpu)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * RISCV_TIMEBASE_HZ + (uint64_t)t.tv_nsec;
}

uint64_t riscv_helper_clock(struct cpu *cpu, uint64_t id)
{
    return (uint64_t)vdso_clock(id);
}

uint64_t riscv_helper_cycle(struct cpu *cpu)
{
    return __builtin_ia32_rdtsc();
}

const struct guest_helper riscv_helpers[RISCV_NHELPERS] = {
#define RISCV_HELPER(name, ret, nargs, arg, flags, doc) \
    [RISCV_HELPER_##name] = { #name, riscv_helper_##name, ret, nargs, { arg }, flags },
#include "frontend/riscv/helpers.def"
};
