/* RISC-V 64 Linux: numbers, registers of a system call, signal frames, /proc/cpuinfo.
 *
 * The signal frame is arch/riscv/kernel/signal.c's struct rt_sigframe, which is siginfo (128 bytes) and ucontext:
 *
 *   offset in ucontext   0 uc_flags, 8 uc_link, 16 uc_stack, 40 uc_sigmask (8, then room up to 168)
 *                      176 sc_regs: pc, x1 ... x31, 8 bytes each
 *                      432 sc_fpregs, 528 bytes: f0 ... f31, then fcsr (the D extension's form); its last 12
 *                          bytes are a reserved word and an extension header {magic, size}, zero here: no more records
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/riscv/linux.h"
#include "frontend/riscv/riscv.h"
#include "syscall/access.h"

struct riscv_fp { uint64_t f[32]; uint32_t fcsr; uint8_t unused[516 - 260]; uint32_t ext_magic, ext_size, pad; };

struct riscv_ucontext {
    uint64_t flags, link;
    stack_t stack;
    uint64_t sigmask;
    uint8_t unused[128];
    uint64_t pc, x[31];
    struct riscv_fp fp;
};

struct riscv_sigframe {
    siginfo_t info;
    struct riscv_ucontext uc;
};

_Static_assert(sizeof(siginfo_t) == 128, "asm-generic/siginfo.h");
_Static_assert(offsetof(struct riscv_ucontext, pc) == 176, "asm/ucontext.h");
_Static_assert(offsetof(struct riscv_ucontext, fp) == 432, "asm/sigcontext.h");
_Static_assert(offsetof(struct riscv_fp, ext_magic) == 516, "asm/sigcontext.h");
_Static_assert(sizeof(struct riscv_sigframe) == 1088, "arch/riscv/kernel/signal.c");

enum { X_RA = 1, X_SP = 2, X_A0 = 10, X_A1 = 11, X_A2 = 12 };

static bool frame_push(struct cpu *cpu, const struct sigframe *s)
{
    struct riscv_sigframe f = { .info = *s->info };
    gaddr at = (s->stack - sizeof f) & ~15ull;
    if (at < s->stack_limit || at > s->stack)
        return false;
    f.uc.stack = s->altstack;
    f.uc.sigmask = s->mask;
    f.uc.pc = cpu->pc;
    for (unsigned i = 1; i < 32; i++)
        f.uc.x[i - 1] = riscv_x(cpu, i);
    for (unsigned i = 0; i < 32; i++)
        f.uc.fp.f[i] = *riscv_f(cpu, i);
    f.uc.fp.fcsr = riscv_fcsr(cpu);
    if (!copy_to_guest(at, &f, sizeof f))
        return false;
    *riscv_slot(cpu, RISCV_REG_res_key) = RISCV_NO_RESERVATION;
    riscv_set_x(cpu, X_RA, s->restorer);
    riscv_set_x(cpu, X_SP, at);
    riscv_set_x(cpu, X_A0, (uint64_t)s->signo);
    riscv_set_x(cpu, X_A1, at + offsetof(struct riscv_sigframe, info));
    riscv_set_x(cpu, X_A2, at + offsetof(struct riscv_sigframe, uc));
    cpu->pc = s->handler & ~1ull;
    return true;
}

static bool frame_pop(struct cpu *cpu, struct sigframe *s)
{
    struct riscv_ucontext uc;
    gaddr at = riscv_x(cpu, X_SP) + offsetof(struct riscv_sigframe, uc);
    if (!copy_from_guest(&uc, at, sizeof uc))
        return false;
    if (uc.fp.ext_magic || uc.fp.ext_size)   /* records of extensions that we have not */
        return false;
    s->mask = uc.sigmask;
    s->altstack = uc.stack;
    cpu->pc = uc.pc & ~1ull;
    for (unsigned i = 1; i < 32; i++)
        riscv_set_x(cpu, i, uc.x[i - 1]);
    for (unsigned i = 0; i < 32; i++)
        *riscv_f(cpu, i) = uc.fp.f[i];
    riscv_set_fcsr(cpu, uc.fp.fcsr);
    *riscv_slot(cpu, RISCV_REG_res_key) = RISCV_NO_RESERVATION;
    return true;
}

/* arch/riscv/kernel/ptrace.c: struct user_regs_struct (pc, x1 ... x31), struct __riscv_d_ext_state. */
struct riscv_regs { uint64_t pc, x[31]; };
struct riscv_fpregs { uint64_t f[32]; uint32_t fcsr, pad; };

static void regs_get(struct cpu *cpu, void *set)
{
    struct riscv_regs *r = set;
    r->pc = cpu->pc;
    for (unsigned i = 1; i < 32; i++)
        r->x[i - 1] = riscv_x(cpu, i);
}

static void regs_set(struct cpu *cpu, const void *set)
{
    const struct riscv_regs *r = set;
    cpu->pc = r->pc & ~1ull;
    for (unsigned i = 1; i < 32; i++)
        riscv_set_x(cpu, i, r->x[i - 1]);
}

static void fpregs_get(struct cpu *cpu, void *set)
{
    struct riscv_fpregs *r = set;
    for (unsigned i = 0; i < 32; i++)
        r->f[i] = *riscv_f(cpu, i);
    r->fcsr = riscv_fcsr(cpu);
    r->pad = 0;
}

static void fpregs_set(struct cpu *cpu, const void *set)
{
    const struct riscv_fpregs *r = set;
    for (unsigned i = 0; i < 32; i++)
        *riscv_f(cpu, i) = r->f[i];
    riscv_set_fcsr(cpu, r->fcsr);
}

static const struct abi_regset regsets[] = {
    { NT_PRSTATUS, sizeof(struct riscv_regs), 8, regs_get, regs_set },
    { NT_FPREGSET, sizeof(struct riscv_fpregs), 8, fpregs_get, fpregs_set },
    { 0 },
};

/* arch/riscv/kernel/cpu.c, c_show(). */
static char *cpuinfo(int ncpus)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    for (int i = 0; i < ncpus; i++)
        fprintf(f, "processor\t: %d\nhart\t\t: %d\nisa\t\t: %s\nmmu\t\t: sv48\nmvendorid\t: 0x0\n"
                   "marchid\t\t: 0x0\nmimpid\t\t: 0x0\n\n", i, i, riscv_isa_string);
    fclose(f);
    return text;
}

static const uint16_t numbers[] = {
#define NR(number, name) [number] = CALL_##name,
#include "syscall/numbers_generic64.def"
    NR(258, riscv_hwprobe)       /* arch/riscv/include/uapi/asm/unistd.h */
    NR(259, riscv_flush_icache)
#undef NR
};

static const uint8_t sigreturn_code[] = {
    0x93, 0x08, 0xb0, 0x08,      /* li a7, 139 */
    0x73, 0x00, 0x00, 0x00,      /* ecall */
};

#define SLOT(name) (RISCV_REG_##name * 8)

const struct guest_linux riscv64_linux = {
    .machine = "riscv64",
    .numbers = numbers,
    .nnumbers = sizeof numbers / sizeof *numbers,
    .nr_off = SLOT(a7),
    .arg_off = { SLOT(a0), SLOT(a1), SLOT(a2), SLOT(a3), SLOT(a4), SLOT(a5) },
    .ret_off = SLOT(a0),
    .sp_off = SLOT(sp),
    .tls_off = SLOT(tp),
    .fp_off = SLOT(s0),
    .ra_off = SLOT(ra),
    .frame_record = -16,
    .syscall_len = 4,
    .misaligned_pc = true,       /* arch/riscv/kernel/traps.c, do_trap_load_misaligned() */
    .sigreturn_code = sigreturn_code,
    .sigreturn_code_size = sizeof sigreturn_code,
    .frame_push = frame_push,
    .frame_pop = frame_pop,
    .regsets = regsets,
    .cpuinfo = cpuinfo,
    .hwprobe = riscv_hwprobe_value,
};
