/* Division by zero, overflowing division, high products and shift amounts beyond the width.
 * The guest runs its instructions, the native build computes what the RISC-V manual
 * (unprivileged ISA, chapter M) says about them.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <stdint.h>
#include <stdio.h>

#ifdef __riscv
#define OP(name, type, insn, model)                                         \
    static int64_t name(int64_t a, int64_t b)                               \
    {                                                                       \
        int64_t r;                                                          \
        __asm__ volatile(insn " %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));    \
        return r;                                                           \
    }
#else
#define OP(name, type, insn, model)                                         \
    static int64_t name(int64_t x, int64_t y)                               \
    {                                                                       \
        type a = (type)x, b = (type)y;                                      \
        (void)a, (void)b;                                                   \
        return (model);                                                     \
    }
#endif

#define MIN64 INT64_MIN
#define MIN32 INT32_MIN
OP(div64, int64_t, "div", b == 0 ? -1 : a == MIN64 && b == -1 ? a : a / b)
OP(divu64, uint64_t, "divu", (int64_t)(b == 0 ? ~0ull : a / b))
OP(rem64, int64_t, "rem", b == 0 ? a : a == MIN64 && b == -1 ? 0 : a % b)
OP(remu64, uint64_t, "remu", (int64_t)(b == 0 ? a : a % b))
OP(div32, int32_t, "divw", b == 0 ? -1 : a == MIN32 && b == -1 ? a : a / b)
OP(divu32, uint32_t, "divuw", (int32_t)(b == 0 ? ~0u : a / b))
OP(rem32, int32_t, "remw", b == 0 ? a : a == MIN32 && b == -1 ? 0 : a % b)
OP(remu32, uint32_t, "remuw", (int32_t)(b == 0 ? a : a % b))
OP(mulh, int64_t, "mulh", (int64_t)((__int128)a * b >> 64))
OP(mulhu, uint64_t, "mulhu", (int64_t)((unsigned __int128)a * b >> 64))
OP(mulhsu, int64_t, "mulhsu", (int64_t)((__int128)a * (__int128)(uint64_t)b >> 64))
OP(mulw, uint32_t, "mulw", (int32_t)(a * b))
OP(addw, uint32_t, "addw", (int32_t)(a + b))
OP(subw, uint32_t, "subw", (int32_t)(a - b))
OP(sll, uint64_t, "sll", (int64_t)(a << (b & 63)))
OP(srl, uint64_t, "srl", (int64_t)(a >> (b & 63)))
OP(sra, int64_t, "sra", a >> (b & 63))
OP(sllw, uint32_t, "sllw", (int32_t)(a << (b & 31)))
OP(srlw, uint32_t, "srlw", (int32_t)(a >> (b & 31)))
OP(sraw, int32_t, "sraw", a >> (b & 31))
OP(slt, int64_t, "slt", a < b)
OP(sltu, uint64_t, "sltu", a < b)

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
