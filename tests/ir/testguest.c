#include "tests/ir/testguest.h"

#include "backend/cpu.h"

uintptr_t gaddr_base;

#define X(n) { "x" #n, IR_I64, 0, 8 * (n) }
#define F(n) { "f" #n, IR_F64, 0, 96 + 8 * (n) }

static const struct guest_reg regs[TG_NREGS] = {
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7),
    [TG_W0] = { "w0", IR_I32, 0, 64 }, [TG_W1] = { "w1", IR_I32, 0, 72 },
    [TG_F0] = F(0), F(1), F(2), F(3),
    [TG_V0] = { "v0", IR_V128, 0, 136 }, [TG_V1] = { "v1", IR_V128, 0, 152 },
};

static uint64_t mix(struct cpu *cpu, uint64_t a, uint64_t b)
{
    (void)cpu;
    return (a ^ b >> 7) * 0x9e3779b97f4a7c15u;
}

static double mixf(struct cpu *cpu, uint64_t b, double a)
{
    (void)cpu;
    union { double d; uint64_t u; } v = { .d = a };
    v.u ^= b << 3;
    return v.d;
}

static double round_sum(struct cpu *cpu, double a, double b)
{
    (void)cpu;
    volatile double x = a; /* computed here and now, in the caller's rounding mode */
    x = x + b;
    return x != x ? __builtin_nan("") : x;
}

static void note(struct cpu *cpu, uint64_t a, uint64_t imm)
{
    (void)cpu, (void)a, (void)imm;
}

static uint64_t state(struct cpu *cpu, uint64_t a, uint64_t imm)
{
    uint64_t *x0 = cpu_slot(cpu, 0), *x1 = cpu_slot(cpu, 8);

    *x0 += *x1 ^ a;
    *x1 = imm + *cpu_slot(cpu, 16);
    return *x0 - imm;
}

#define FN(f) ((union { void (*code)(void); const void *data; }){ .code = (void (*)(void))(f) }.data)

static struct guest_helper helpers[TG_NHELPERS] = {
    [TG_MIX] = { "mix", NULL, IR_I64, 2, { IR_I64, IR_I64 }, GUEST_HELPER_PURE },
    [TG_MIXF] = { "mixf", NULL, IR_F64, 2, { IR_I64, IR_F64 }, GUEST_HELPER_PURE },
    [TG_ROUND] = { "round", NULL, IR_F64, 2, { IR_F64, IR_F64 }, GUEST_HELPER_FPENV },
    [TG_NOTE] = { "note", NULL, IR_VOID, 1, { IR_I64 }, GUEST_HELPER_MEM | GUEST_HELPER_IMM },
    [TG_STATE] = { "state", NULL, IR_I64, 1, { IR_I64 }, GUEST_HELPER_STATE | GUEST_HELPER_IMM },
};

/* ISO C has no constant conversion from functions to data pointers. */
static void __attribute__((constructor)) fill_helpers(void)
{
    helpers[TG_MIX].fn = FN(mix);
    helpers[TG_MIXF].fn = FN(mixf);
    helpers[TG_ROUND].fn = FN(round_sum);
    helpers[TG_NOTE].fn = FN(note);
    helpers[TG_STATE].fn = FN(state);
}

const struct guest testguest = {
    .name = "test", .insn_align_log2 = 1, .regs = regs, .nregs = TG_NREGS,
    .helpers = helpers, .nhelpers = TG_NHELPERS,
};
