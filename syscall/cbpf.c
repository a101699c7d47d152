#include "syscall/cbpf.h"

#include <string.h>

/* --- validation: net/core/filter.c bpf_check_classic(), check_load_and_stores(); kernel/seccomp.c seccomp_check_filter() --- */

/* The instructions a seccomp filter may have, and what their k must be. */
enum k_rule { K_ANY, K_DATA, K_NONZERO, K_SHIFT, K_WORD, K_JUMP, K_BRANCH };

static const struct { uint16_t code; uint8_t rule; } allowed[] = {
    { BPF_LD | BPF_W | BPF_ABS, K_DATA }, { BPF_LD | BPF_W | BPF_LEN, K_ANY }, { BPF_LDX | BPF_W | BPF_LEN, K_ANY },
    { BPF_LD | BPF_IMM, K_ANY }, { BPF_LDX | BPF_IMM, K_ANY },
    { BPF_LD | BPF_MEM, K_WORD }, { BPF_LDX | BPF_MEM, K_WORD }, { BPF_ST, K_WORD }, { BPF_STX, K_WORD },
    { BPF_RET | BPF_K, K_ANY }, { BPF_RET | BPF_A, K_ANY },
    { BPF_ALU | BPF_ADD | BPF_K, K_ANY }, { BPF_ALU | BPF_ADD | BPF_X, K_ANY },
    { BPF_ALU | BPF_SUB | BPF_K, K_ANY }, { BPF_ALU | BPF_SUB | BPF_X, K_ANY },
    { BPF_ALU | BPF_MUL | BPF_K, K_ANY }, { BPF_ALU | BPF_MUL | BPF_X, K_ANY },
    { BPF_ALU | BPF_DIV | BPF_K, K_NONZERO }, { BPF_ALU | BPF_DIV | BPF_X, K_ANY },
    { BPF_ALU | BPF_AND | BPF_K, K_ANY }, { BPF_ALU | BPF_AND | BPF_X, K_ANY },
    { BPF_ALU | BPF_OR | BPF_K, K_ANY }, { BPF_ALU | BPF_OR | BPF_X, K_ANY },
    { BPF_ALU | BPF_XOR | BPF_K, K_ANY }, { BPF_ALU | BPF_XOR | BPF_X, K_ANY },
    { BPF_ALU | BPF_LSH | BPF_K, K_SHIFT }, { BPF_ALU | BPF_LSH | BPF_X, K_ANY },
    { BPF_ALU | BPF_RSH | BPF_K, K_SHIFT }, { BPF_ALU | BPF_RSH | BPF_X, K_ANY },
    { BPF_ALU | BPF_NEG, K_ANY }, { BPF_MISC | BPF_TAX, K_ANY }, { BPF_MISC | BPF_TXA, K_ANY },
    { BPF_JMP | BPF_JA, K_JUMP },
    { BPF_JMP | BPF_JEQ | BPF_K, K_BRANCH }, { BPF_JMP | BPF_JEQ | BPF_X, K_BRANCH },
    { BPF_JMP | BPF_JGT | BPF_K, K_BRANCH }, { BPF_JMP | BPF_JGT | BPF_X, K_BRANCH },
    { BPF_JMP | BPF_JGE | BPF_K, K_BRANCH }, { BPF_JMP | BPF_JGE | BPF_X, K_BRANCH },
    { BPF_JMP | BPF_JSET | BPF_K, K_BRANCH }, { BPF_JMP | BPF_JSET | BPF_X, K_BRANCH },
};

/* `rest`: instructions after this one. */
static bool valid_insn(const struct sock_filter *i, size_t rest, uint32_t size)
{
    size_t n = 0;
    while (n < sizeof allowed / sizeof *allowed && allowed[n].code != i->code)
        n++;
    if (n == sizeof allowed / sizeof *allowed)
        return false;
    switch (allowed[n].rule) {
    case K_DATA:
        return i->k < size && !(i->k & 3);
    case K_NONZERO:
        return i->k != 0;
    case K_SHIFT:
        return i->k < 32;
    case K_WORD:
        return i->k < BPF_MEMWORDS;
    case K_JUMP:
        return i->k < rest;
    case K_BRANCH:
        return i->jt < rest && i->jf < rest;
    default:
        return true;
    }
}

static void reach(uint16_t *words, size_t at, uint16_t written)
{
    words[at] &= written;
}

/* Scratch words must be written on every way to where they are read. Jumps go forward, so one pass sees each instruction after
 * all that lead to it. As in the kernel, what follows a return counts as reached from it. */
static bool valid_memory(const struct sock_filter *prog, size_t len)
{
    uint16_t words[CBPF_MAX];      /* bit i: word i is written on all ways to here */
    memset(words, 0xff, sizeof words);
    words[0] = 0;
    for (size_t pc = 0; pc < len; pc++) {
        const struct sock_filter *i = &prog[pc];
        uint16_t written = words[pc];
        switch (BPF_CLASS(i->code)) {
        case BPF_ST: case BPF_STX:
            written |= (uint16_t)(1u << i->k);
            break;
        case BPF_LD: case BPF_LDX:
            if (BPF_MODE(i->code) == BPF_MEM && !(written >> i->k & 1))
                return false;
            break;
        case BPF_JMP:
            if (BPF_OP(i->code) == BPF_JA) {
                reach(words, pc + 1 + i->k, written);
            } else {
                reach(words, pc + 1 + i->jt, written);
                reach(words, pc + 1 + i->jf, written);
            }
            continue;
        }
        if (pc + 1 < len)
            reach(words, pc + 1, written);
    }
    return true;
}

bool cbpf_valid(const struct sock_filter *prog, size_t len, uint32_t size)
{
    if (len == 0 || len > CBPF_MAX || BPF_CLASS(prog[len - 1].code) != BPF_RET)
        return false;
    for (size_t pc = 0; pc < len; pc++)
        if (!valid_insn(&prog[pc], len - 1 - pc, size))
            return false;
    return valid_memory(prog, len);
}

/* --- execution ---------------------------------------------------------------------------------------- */

static uint32_t alu(uint16_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_ADD: return a + b;
    case BPF_SUB: return a - b;
    case BPF_MUL: return a * b;
    case BPF_DIV: return a / b;
    case BPF_AND: return a & b;
    case BPF_OR:  return a | b;
    case BPF_XOR: return a ^ b;
    case BPF_LSH: return a << (b & 31);
    case BPF_RSH: return a >> (b & 31);
    default:      return 0 - a;   /* BPF_NEG */
    }
}

static bool branch(uint16_t op, uint32_t a, uint32_t b)
{
    return op == BPF_JEQ ? a == b : op == BPF_JGT ? a > b : op == BPF_JGE ? a >= b : (a & b) != 0;
}

static uint32_t load(const struct sock_filter *i, const void *data, uint32_t size, const uint32_t *words)
{
    uint32_t value;
    switch (BPF_MODE(i->code)) {
    case BPF_IMM:
        return i->k;
    case BPF_MEM:
        return words[i->k];
    case BPF_LEN:
        return size;
    default:
        memcpy(&value, (const char *)data + i->k, 4);
        return value;
    }
}

uint32_t cbpf_run(const struct sock_filter *prog, const void *data, uint32_t size)
{
    uint32_t a = 0, x = 0, words[BPF_MEMWORDS];
    for (const struct sock_filter *i = prog;; i++) {
        uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            a = load(i, data, size, words);
            break;
        case BPF_LDX:
            x = load(i, data, size, words);
            break;
        case BPF_ST:
            words[i->k] = a;
            break;
        case BPF_STX:
            words[i->k] = x;
            break;
        case BPF_ALU:
            if (BPF_OP(i->code) == BPF_DIV && operand == 0)
                return 0;   /* as the kernel's translation to eBPF: the program ends with 0 */
            a = alu(BPF_OP(i->code), a, operand);
            break;
        case BPF_JMP:
            if (BPF_OP(i->code) == BPF_JA)
                i += i->k;
            else
                i += branch(BPF_OP(i->code), a, operand) ? i->jt : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        default:
            if (BPF_MISCOP(i->code) == BPF_TAX)
                x = a;
            else
                a = x;
        }
    }
}
