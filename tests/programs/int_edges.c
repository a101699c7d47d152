/* Division by zero, overflowing division, high products and shift amounts beyond the width.
 * The guest runs its instructions, the native build computes what the manuals say about them (RISC-V unprivileged ISA, chapter M;
 * DDI 0487, C6.2). They differ in the quotient of a division by zero, which is compared with the guest's own rule.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <stdint.h>
#include <stdio.h>

#if defined __riscv
#define BY_ZERO (-1)
#define INSN(rv, a64) __asm__ volatile(rv " %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b))
#elif defined __aarch64__
#define BY_ZERO 0
#define INSN(rv, a64) __asm__ volatile(a64 : "=&r"(r) : "r"(a), "r"(b) : "x9", "cc")
#endif

#ifdef INSN
#define OP(name, type, rv, a64, model)                                      \
    static int64_t name(int64_t a, int64_t b)                               \
    {                                                                       \
        int64_t r;                                                          \
        INSN(rv, a64);                                                      \
        return r;                                                           \
    }
#define DIVISION(name, type, rv, a64, model)                                \
    static int64_t name(int64_t a, int64_t b)                               \
    {                                                                       \
        int64_t r;                                                          \
        INSN(rv, a64);                                                      \
        return (type)b == 0 ? r == BY_ZERO : r;                             \
    }
#else
#define OP(name, type, rv, a64, model)                                      \
    static int64_t name(int64_t x, int64_t y)                               \
    {                                                                       \
        type a = (type)x, b = (type)y;                                      \
        (void)a, (void)b;                                                   \
        return (model);                                                     \
    }
#define DIVISION(name, type, rv, a64, model) OP(name, type, rv, a64, b == 0 ? 1 : (model))
#endif

#define MIN64 INT64_MIN
#define MIN32 INT32_MIN
#define SX "; sxtw %0, %w0"
DIVISION(div64, int64_t, "div", "sdiv %0, %1, %2", a == MIN64 && b == -1 ? a : a / b)
DIVISION(divu64, uint64_t, "divu", "udiv %0, %1, %2", (int64_t)(a / b))
DIVISION(div32, int32_t, "divw", "sdiv %w0, %w1, %w2" SX, a == MIN32 && b == -1 ? a : a / b)
DIVISION(divu32, uint32_t, "divuw", "udiv %w0, %w1, %w2" SX, (int32_t)(a / b))
OP(rem64, int64_t, "rem", "sdiv %0, %1, %2; msub %0, %0, %2, %1", b == 0 ? a : a == MIN64 && b == -1 ? 0 : a % b)
OP(remu64, uint64_t, "remu", "udiv %0, %1, %2; msub %0, %0, %2, %1", (int64_t)(b == 0 ? a : a % b))
OP(rem32, int32_t, "remw", "sdiv %w0, %w1, %w2; msub %w0, %w0, %w2, %w1" SX, b == 0 ? a : a == MIN32 && b == -1 ? 0 : a % b)
OP(remu32, uint32_t, "remuw", "udiv %w0, %w1, %w2; msub %w0, %w0, %w2, %w1" SX, (int32_t)(b == 0 ? a : a % b))
OP(mulh, int64_t, "mulh", "smulh %0, %1, %2", (int64_t)((__int128)a * b >> 64))
OP(mulhu, uint64_t, "mulhu", "umulh %0, %1, %2", (int64_t)((unsigned __int128)a * b >> 64))
OP(mulhsu, int64_t, "mulhsu", "umulh %0, %1, %2; and x9, %2, %1, asr 63; sub %0, %0, x9",
   (int64_t)((__int128)a * (__int128)(uint64_t)b >> 64))
OP(mulw, uint32_t, "mulw", "mul %w0, %w1, %w2" SX, (int32_t)(a * b))
OP(addw, uint32_t, "addw", "add %w0, %w1, %w2" SX, (int32_t)(a + b))
OP(subw, uint32_t, "subw", "sub %w0, %w1, %w2" SX, (int32_t)(a - b))
OP(sll, uint64_t, "sll", "lsl %0, %1, %2", (int64_t)(a << (b & 63)))
OP(srl, uint64_t, "srl", "lsr %0, %1, %2", (int64_t)(a >> (b & 63)))
OP(sra, int64_t, "sra", "asr %0, %1, %2", a >> (b & 63))
OP(sllw, uint32_t, "sllw", "lsl %w0, %w1, %w2" SX, (int32_t)(a << (b & 31)))
OP(srlw, uint32_t, "srlw", "lsr %w0, %w1, %w2" SX, (int32_t)(a >> (b & 31)))
OP(sraw, int32_t, "sraw", "asr %w0, %w1, %w2" SX, a >> (b & 31))
OP(slt, int64_t, "slt", "cmp %1, %2; cset %0, lt", a < b)
OP(sltu, uint64_t, "sltu", "cmp %1, %2; cset %0, lo", a < b)

#define ROW(name) { #name, name }
static const struct {
    const char *name;
    int64_t (*run)(int64_t, int64_t);
} ops[] = {
    ROW(div64), ROW(divu64), ROW(rem64), ROW(remu64), ROW(div32), ROW(divu32), ROW(rem32), ROW(remu32),
    ROW(mulh), ROW(mulhu), ROW(mulhsu), ROW(mulw), ROW(addw), ROW(subw), ROW(sll), ROW(srl), ROW(sra),
    ROW(sllw), ROW(srlw), ROW(sraw), ROW(slt), ROW(sltu),
};

static const int64_t values[] = {
    0, 1, -1, 2, -2, 7, -7, 31, 32, 63, 64, INT32_MAX, INT32_MIN, UINT32_MAX, 0x80000000, 0x100000000,
    0x8000000000, INT64_MAX, INT64_MIN, INT64_MIN + 1, 0x123456789abcdef0, -0x123456789abcdef0,
};

int main(void)
{
    const int n = sizeof values / sizeof *values;
    for (unsigned op = 0; op < sizeof ops / sizeof *ops; op++) {
        uint64_t sum = 0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                sum = sum * 31 + (uint64_t)ops[op].run(values[i], values[j]);
            }
        }
        printf("%-7s %016llx %llx\n", ops[op].name, (unsigned long long)sum,
               (unsigned long long)ops[op].run(values[20], values[5]));
    }
    return 0;
}
