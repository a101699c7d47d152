/* Classic BPF: what is valid and what it computes, by table, and random programs against the host's own seccomp. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "syscall/cbpf.h"

#define S(code, k) { code, 0, 0, k }
#define J(code, k, jt, jf) { code, jt, jf, k }
#define LD_ABS (BPF_LD | BPF_W | BPF_ABS)
#define RET_A S(BPF_RET | BPF_A, 0)
#define RET_K(k) S(BPF_RET | BPF_K, k)

enum { INVALID = 0x7eadbeef, DATA = sizeof(struct seccomp_data) };

/* Programs over nr 5, args {7, 9, 0x1122334455667788, 0, 0, 0} and what they return. */
static const struct { const char *name; uint32_t want; struct sock_filter prog[8]; int len; } rows[] = {
    { "ret k", 42, { RET_K(42) }, 1 },
    { "ret a is 0 at first", 0, { RET_A }, 1 },
    { "no return", INVALID, { S(BPF_LD | BPF_IMM, 1) }, 1 },
    { "ret x", INVALID, { S(BPF_RET | BPF_X, 0) }, 1 },
    { "load nr", 5, { S(LD_ABS, 0), RET_A }, 2 },
    { "load low half", 0x55667788, { S(LD_ABS, 32), RET_A }, 2 },
    { "load high half", 0x11223344, { S(LD_ABS, 36), RET_A }, 2 },
    { "load last word", 0, { S(LD_ABS, 60), RET_A }, 2 },
    { "load beyond", INVALID, { S(LD_ABS, 64), RET_A }, 2 },
    { "load unaligned", INVALID, { S(LD_ABS, 2), RET_A }, 2 },
    { "load ancillary", INVALID, { S(LD_ABS, 0xfffff000), RET_A }, 2 },
    { "load a byte", INVALID, { S(BPF_LD | BPF_B | BPF_ABS, 0), RET_A }, 2 },
    { "load indirect", INVALID, { S(BPF_LD | BPF_W | BPF_IND, 0), RET_A }, 2 },
    { "length", DATA, { S(BPF_LD | BPF_W | BPF_LEN, 0), RET_A }, 2 },
    { "length in x", DATA, { S(BPF_LDX | BPF_W | BPF_LEN, 0), S(BPF_MISC | BPF_TXA, 0), RET_A }, 3 },
    { "add", 12, { S(LD_ABS, 0), S(BPF_ALU | BPF_ADD | BPF_K, 7), RET_A }, 3 },
    { "sub wraps", 0xfffffffe, { S(LD_ABS, 0), S(BPF_ALU | BPF_SUB | BPF_K, 7), RET_A }, 3 },
    { "mul", 0x80000000, { S(BPF_LD | BPF_IMM, 0x40000000), S(BPF_ALU | BPF_MUL | BPF_K, 6), RET_A }, 3 },
    { "div", 0x55555555, { S(BPF_LD | BPF_IMM, 0xffffffff), S(BPF_ALU | BPF_DIV | BPF_K, 3), RET_A }, 3 },
    { "div by 0", INVALID, { S(BPF_ALU | BPF_DIV | BPF_K, 0), RET_A }, 2 },
    { "div by x = 0", 0, { S(BPF_LD | BPF_IMM, 9), S(BPF_ALU | BPF_DIV | BPF_X, 0), RET_K(3) }, 3 },
    { "mod", INVALID, { S(BPF_ALU | BPF_MOD | BPF_K, 3), RET_A }, 2 },
    { "neg", 0xfffffffb, { S(LD_ABS, 0), S(BPF_ALU | BPF_NEG, 0), RET_A }, 3 },
    { "shift", 0x50, { S(LD_ABS, 0), S(BPF_ALU | BPF_LSH | BPF_K, 4), RET_A }, 3 },
    { "shift by 32", INVALID, { S(BPF_ALU | BPF_LSH | BPF_K, 32), RET_A }, 2 },
    { "shift by x", 2, { S(BPF_LDX | BPF_IMM, 1), S(LD_ABS, 0), S(BPF_ALU | BPF_RSH | BPF_X, 0), RET_A }, 4 },
    { "scratch", 5, { S(LD_ABS, 0), S(BPF_ST, 15), S(BPF_LD | BPF_IMM, 0), S(BPF_LD | BPF_MEM, 15), RET_A }, 5 },
    { "scratch 16", INVALID, { S(BPF_ST, 16), RET_A }, 2 },
    { "scratch unwritten", INVALID, { S(BPF_LD | BPF_MEM, 0), RET_A }, 2 },
    { "scratch written on one way", INVALID,
      { J(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), S(BPF_ST, 0), S(BPF_LD | BPF_MEM, 0), RET_A }, 4 },
    { "jump", 2, { S(BPF_JMP | BPF_JA, 1), RET_K(1), RET_K(2) }, 3 },
    { "jump out", INVALID, { S(BPF_JMP | BPF_JA, 2), RET_K(1), RET_K(2) }, 3 },
    { "jump back", INVALID, { S(BPF_JMP | BPF_JA, 0xffffffff), RET_K(1) }, 2 },
    { "jeq", 1, { S(LD_ABS, 0), J(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), RET_K(1), RET_K(2) }, 4 },
    { "jgt is unsigned", 1, { S(BPF_LD | BPF_IMM, 0x80000000), J(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 1), RET_K(1), RET_K(2) }, 4 },
    { "jge", 1, { S(LD_ABS, 0), J(BPF_JMP | BPF_JGE | BPF_K, 5, 0, 1), RET_K(1), RET_K(2) }, 4 },
    { "jset", 2, { S(LD_ABS, 0), J(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1), RET_K(1), RET_K(2) }, 4 },
    { "branch out", INVALID, { J(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 2), RET_K(1), RET_K(2) }, 3 },
    { "unknown code", INVALID, { S(0xffff, 0), RET_A }, 2 },
};

static void test_rows(void **state)
{
    struct seccomp_data data = { .nr = 5, .args = { 7, 9, 0x1122334455667788 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool valid = cbpf_valid(rows[i].prog, (size_t)rows[i].len, DATA);
        uint32_t got = valid ? cbpf_run(rows[i].prog, &data, DATA) : INVALID;
        if (got != rows[i].want)
            fail_msg("%s: %#x, expected %#x", rows[i].name, got, rows[i].want);
    }
    static struct sock_filter big[CBPF_MAX + 1];
    for (int i = 0; i <= CBPF_MAX; i++)
        big[i] = (struct sock_filter)RET_K(0);
    assert_true(cbpf_valid(big, CBPF_MAX, DATA));
    assert_false(cbpf_valid(big, CBPF_MAX + 1, DATA));
    assert_false(cbpf_valid(big, 0, DATA));
}

/* --- random programs ---------------------------------------------------------------------------------- */

enum { BODY = 24, TEST_NR = 5000, PROGRAMS = 400 };

static uint32_t seed = 1;

static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

/* Codes that are mostly valid; few values of k, so that some are. */
static struct sock_filter random_insn(int rest)
{
    static const uint16_t codes[] = {
        LD_ABS, LD_ABS, BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM, BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM, BPF_ST, BPF_ST, BPF_STX,
        BPF_LDX | BPF_W | BPF_LEN, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_ALU | BPF_NEG, BPF_JMP | BPF_JA,
        BPF_ALU | BPF_MOD | BPF_K,
    };
    uint16_t code = codes[rnd(sizeof codes / sizeof *codes - (rnd(8) != 0))];
    if (rnd(3) == 0)
        code = (uint16_t)(BPF_ALU | rnd(9) << 4 | rnd(2) << 3);
    if (rnd(5) == 0)
        code = (uint16_t)(BPF_JMP | (1 + rnd(4)) << 4 | rnd(2) << 3);
    struct sock_filter i = { code, (uint8_t)rnd(rest + 1), (uint8_t)rnd(rest + 1), rnd(4) ? rnd(32) : rnd(1 << 30) * 5 };
    if (code == LD_ABS)
        i.k = rnd(30) ? (rnd(12) + 4) * 4 : rnd(2) * 66;   /* not the pc: the two differ there */
    if (BPF_CLASS(code) == BPF_ST || BPF_CLASS(code) == BPF_STX || (code & 0xfe) == (BPF_LD | BPF_MEM))
        i.k = rnd(2);
    if (code == (BPF_JMP | BPF_JA))
        i.k = rnd(rest + 1);
    return i;
}

#define KILLED INT64_MIN

/* {valid, result of the test call} as the host's kernel says. */
struct outcome { int installs; int64_t result; };

static struct outcome on_host(struct sock_filter *prog, int len, const uint64_t *args)
{
    struct outcome out = { 0 };
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sock_fprog fprog = { (uint16_t)len, prog };
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        out.installs = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) == 0;
        if (out.installs) {
            int64_t r = syscall(TEST_NR, args[0], args[1], args[2], args[3], args[4], args[5]);
            out.result = r < 0 ? -errno : r;
        }
        if (write(pipes[1], &out, sizeof out) != sizeof out)
            _exit(1);
        _exit(0);
    }
    close(pipes[1]);
    int status;
    ssize_t n = read(pipes[0], &out, sizeof out);
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)   /* the filter returned 0: SECCOMP_RET_KILL_THREAD */
        return (struct outcome){ .installs = 1, .result = KILLED };
    assert_int_equal(n, sizeof out);
    return out;
}

static void test_random(void **state)
{
    int valid = 0;
    for (int n = 0; n < PROGRAMS; n++) {
        /* Other calls than the test call are allowed; what that one gets is an errno made of A. */
        struct sock_filter prog[BODY + 8] = { S(LD_ABS, 0), J(BPF_JMP | BPF_JEQ | BPF_K, TEST_NR, 1, 0), RET_K(SECCOMP_RET_ALLOW) };
        uint64_t args[6];
        int body = 1 + (int)rnd(BODY), len = 3;
        for (int i = 0; i < body; i++)
            prog[len++] = random_insn(body - 1 - i);
        prog[len++] = (struct sock_filter)S(BPF_ALU | BPF_AND | BPF_K, 0xfff);
        prog[len++] = (struct sock_filter)S(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
        prog[len++] = (struct sock_filter)RET_A;
        for (int i = 0; i < 6; i++)
            args[i] = (uint64_t)rnd(1 << 20) << rnd(45);
        struct outcome host = on_host(prog, len, args);
        bool ours = cbpf_valid(prog, (size_t)len, DATA);
        if (ours != host.installs)
            fail_msg("program %d: valid %d, the host says %d", n, ours, host.installs);
        if (!ours)
            continue;
        valid++;
        struct seccomp_data data = { .nr = TEST_NR, .arch = AUDIT_ARCH_X86_64 };
        memcpy(data.args, args, sizeof args);
        uint32_t verdict = cbpf_run(prog, &data, DATA);
        int64_t got = verdict ? -(int64_t)(verdict & SECCOMP_RET_DATA) : KILLED;
        if (got != host.result)
            fail_msg("program %d: %lld, the host says %lld", n, (long long)got, (long long)host.result);
    }
    assert_true(valid > PROGRAMS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_random) };
    return cmocka_run_group_tests_name("cbpf", tests, NULL, NULL);
}
