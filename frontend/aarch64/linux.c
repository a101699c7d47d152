/* AArch64 Linux: numbers, registers of a system call, signal frames, /proc/cpuinfo.
 *
 * The signal frame is arch/arm64/kernel/signal.c's struct rt_sigframe, siginfo (128 bytes) and ucontext, and above it a
 * frame record {x29, x30}, to which x29 points in the handler:
 *
 *   offset in ucontext   0 uc_flags, 8 uc_link, 16 uc_stack, 40 uc_sigmask (8, then room up to 168)
 *                      176 mcontext: fault_address, x0 ... x30, sp, pc, pstate, 8 bytes each
 *                      464 (16-aligned) records {magic, size}, 4096 bytes in all:
 *                          fpsimd: fpsr, fpcr, v0 ... v31; esr: what a fault's syndrome is; {0, 0} ends them
 */
#include <asm/unistd.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/aarch64/aarch64.h"
#include "frontend/aarch64/linux.h"
#include "syscall/access.h"

enum { FPSIMD_MAGIC = 0x46508001, ESR_MAGIC = 0x45535201, RESERVED = 4096 };

struct record { uint32_t magic, size; };
struct esr { struct record head; uint64_t esr; };
struct fpsimd { struct record head; uint32_t fpsr, fpcr; uint64_t v[32][2]; };

struct a64_ucontext {
    uint64_t flags, link;
    stack_t stack;
    uint64_t sigmask;
    uint8_t unused[128];
    uint64_t fault_address, x[31], sp, pc, pstate;
    uint64_t pad;
    uint8_t records[RESERVED];
};

struct a64_sigframe {
    siginfo_t info;
    struct a64_ucontext uc;
};

struct frame_record { uint64_t fp, lr; };

_Static_assert(sizeof(siginfo_t) == 128, "asm-generic/siginfo.h");
_Static_assert(offsetof(struct a64_ucontext, fault_address) == 176, "asm/ucontext.h");
_Static_assert(offsetof(struct a64_ucontext, records) == 464, "asm/sigcontext.h");
_Static_assert(sizeof(struct fpsimd) == 528, "asm/sigcontext.h");
_Static_assert(sizeof(struct a64_sigframe) == 4688, "arch/arm64/kernel/signal.c");

enum { X_FP = 29, X_LR = 30, X_SP = 31, PSTATE_FLAGS_SHIFT = 28 };

static bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGTRAP || signo == SIGFPE;
}

/* The syndrome that the kernel would have seen: arch/arm64/include/asm/esr.h. 0: none is told. */
static uint64_t syndrome(const struct cpu *cpu, const siginfo_t *info)
{
    enum { IL = 1 << 25, UNKNOWN = 0, FETCH_LOWER = 0x20, DATA_LOWER = 0x24, WNR = 1 << 6, TRANSLATION_3 = 7, PERMISSION_3 = 15,
           EXTERNAL = 16, ALIGNMENT = 33 };
    if (info->si_code <= 0 || info->si_code == SI_KERNEL)
        return 0;
    if (info->si_signo == SIGILL)
        return (uint64_t)UNKNOWN << 26 | IL;
    if (info->si_signo != SIGSEGV && info->si_signo != SIGBUS)
        return 0;
    uint64_t fsc = info->si_signo == SIGBUS ? (info->si_code == BUS_ADRALN ? ALIGNMENT : EXTERNAL)
                                            : (info->si_code == SEGV_ACCERR ? PERMISSION_3 : TRANSLATION_3);
    bool fetch = (uint64_t)(uintptr_t)info->si_addr == cpu->pc;
    return (uint64_t)(fetch ? FETCH_LOWER : DATA_LOWER) << 26 | IL | fsc | (!fetch && cpu->fault_write ? WNR : 0);
}

static void fill_context(struct cpu *cpu, struct a64_ucontext *uc, const struct sigframe *s)
{
    struct fpsimd fp = { .head = { FPSIMD_MAGIC, sizeof fp }, .fpsr = a64_fpsr(cpu), .fpcr = a64_fpcr(cpu) };

    uc->stack = s->altstack;
    uc->sigmask = s->mask;
    uc->fault_address = is_fault(s->signo) && s->info->si_code > 0 ? (uint64_t)s->info->si_addr : 0;
    for (unsigned i = 0; i < 31; i++)
        uc->x[i] = *a64_x(cpu, i);
    uc->sp = *a64_x(cpu, X_SP);
    uc->pc = cpu->pc;
    uc->pstate = (uint64_t)a64_nzcv(cpu) << PSTATE_FLAGS_SHIFT | *a64_slot(cpu, A64_REG_pstate);
    for (unsigned i = 0; i < 32; i++)
        memcpy(fp.v[i], a64_v(cpu, i), 16);
    memcpy(uc->records, &fp, sizeof fp);
    struct esr esr = { { ESR_MAGIC, sizeof esr }, syndrome(cpu, s->info) };
    if (esr.esr)
        memcpy(uc->records + sizeof fp, &esr, sizeof esr);
}

static bool frame_push(struct cpu *cpu, const struct sigframe *s)
{
    struct a64_sigframe f = { .info = *s->info };
    struct frame_record record = { *a64_x(cpu, X_FP), *a64_x(cpu, X_LR) };
    gaddr record_at = (s->stack & ~15ull) - sizeof record, at = record_at - sizeof f;

    if (at < s->stack_limit || at > s->stack)
        return false;
    fill_context(cpu, &f.uc, s);
    if (!copy_to_guest(at, &f, sizeof f) || !copy_to_guest(record_at, &record, sizeof record))
        return false;
    *a64_slot(cpu, A64_REG_ex_key) = A64_NO_MONITOR;
    *a64_x(cpu, 0) = (uint64_t)s->signo;
    *a64_x(cpu, 1) = at + offsetof(struct a64_sigframe, info);
    *a64_x(cpu, 2) = at + offsetof(struct a64_sigframe, uc);
    *a64_x(cpu, X_FP) = record_at;
    *a64_x(cpu, X_LR) = s->restorer;
    *a64_x(cpu, X_SP) = at;
    cpu->pc = s->handler;
    return true;
}

/* The FP record of a frame; records of other kinds are skipped. False if the list makes no sense or has none. */
static bool find_fpsimd(const struct a64_ucontext *uc, struct fpsimd *out)
{
    bool found = false;

    for (size_t at = 0; at + sizeof(struct record) <= RESERVED;) {
        struct record head;

        memcpy(&head, uc->records + at, sizeof head);
        if (head.magic == 0 && head.size == 0)
            return found;
        if (head.size < sizeof head || head.size % 16 || head.size > RESERVED - at)
            return false;
        if (head.magic == FPSIMD_MAGIC) {
            if (found || head.size != sizeof *out)
                return false;
            memcpy(out, uc->records + at, sizeof *out);
            found = true;
        }
        at += head.size;
    }
    return false;
}

static bool frame_pop(struct cpu *cpu, struct sigframe *s)
{
    struct a64_ucontext uc;
    struct fpsimd fp;
    gaddr at = *a64_x(cpu, X_SP) + offsetof(struct a64_sigframe, uc);

    if (*a64_x(cpu, X_SP) & 15 || !copy_from_guest(&uc, at, sizeof uc) || !find_fpsimd(&uc, &fp))
        return false;
    s->mask = uc.sigmask;
    s->altstack = uc.stack;
    for (unsigned i = 0; i < 31; i++)
        *a64_x(cpu, i) = uc.x[i];
    *a64_x(cpu, X_SP) = uc.sp;
    cpu->pc = uc.pc;
    a64_set_nzcv(cpu, (unsigned)(uc.pstate >> PSTATE_FLAGS_SHIFT));
    *a64_slot(cpu, A64_REG_pstate) = uc.pstate & A64_PSTATE_MASK;
    for (unsigned i = 0; i < 32; i++)
        memcpy(a64_v(cpu, i), fp.v[i], 16);
    a64_set_fpsr(cpu, fp.fpsr);
    a64_set_fpcr(cpu, fp.fpcr);
    *a64_slot(cpu, A64_REG_ex_key) = A64_NO_MONITOR;
    return true;
}

/* arch/arm64/kernel/ptrace.c: struct user_pt_regs, struct user_fpsimd_state. */
struct a64_regs { uint64_t x[31], sp, pc, pstate; };
struct a64_fpregs { uint64_t v[32][2]; uint32_t fpsr, fpcr, pad[2]; };

static void regs_get(struct cpu *cpu, void *set)
{
    struct a64_regs *r = set;

    for (unsigned i = 0; i < 31; i++)
        r->x[i] = *a64_x(cpu, i);
    r->sp = *a64_x(cpu, X_SP);
    r->pc = cpu->pc;
    r->pstate = (uint64_t)a64_nzcv(cpu) << PSTATE_FLAGS_SHIFT;
}

static void regs_set(struct cpu *cpu, const void *set)
{
    const struct a64_regs *r = set;

    for (unsigned i = 0; i < 31; i++)
        *a64_x(cpu, i) = r->x[i];
    *a64_x(cpu, X_SP) = r->sp;
    cpu->pc = r->pc;
    a64_set_nzcv(cpu, (unsigned)(r->pstate >> PSTATE_FLAGS_SHIFT));
}

static void fpregs_get(struct cpu *cpu, void *set)
{
    struct a64_fpregs *r = set;

    for (unsigned i = 0; i < 32; i++)
        memcpy(r->v[i], a64_v(cpu, i), 16);
    r->fpsr = a64_fpsr(cpu);
    r->fpcr = a64_fpcr(cpu);
    r->pad[0] = r->pad[1] = 0;
}

static void fpregs_set(struct cpu *cpu, const void *set)
{
    const struct a64_fpregs *r = set;

    for (unsigned i = 0; i < 32; i++)
        memcpy(a64_v(cpu, i), r->v[i], 16);
    a64_set_fpsr(cpu, r->fpsr);
    a64_set_fpcr(cpu, r->fpcr);
}

static void tls_get(struct cpu *cpu, void *set)
{
    memcpy(set, cpu_slot(cpu, A64_SLOT(A64_REG_tpidr)), 8);
}

static void tls_set(struct cpu *cpu, const void *set)
{
    memcpy(cpu_slot(cpu, A64_SLOT(A64_REG_tpidr)), set, 8);
}

static void call_get(struct cpu *cpu, void *set)
{
    memcpy(set, a64_x(cpu, 8), 4);
}

static void call_set(struct cpu *cpu, const void *set)
{
    int32_t nr;

    memcpy(&nr, set, sizeof nr);
    *a64_x(cpu, 8) = (uint64_t)(int64_t)nr;
}

static const struct abi_regset regsets[] = {
    { NT_PRSTATUS, sizeof(struct a64_regs), 8, regs_get, regs_set },
    { NT_FPREGSET, sizeof(struct a64_fpregs), 4, fpregs_get, fpregs_set },
    { NT_ARM_TLS, 8, 8, tls_get, tls_set },
    { NT_ARM_SYSTEM_CALL, 4, 4, call_get, call_set },
    { 0 },
};

/* arch/arm64/kernel/cpuinfo.c, c_show(). */
static char *cpuinfo(int ncpus)
{
    char *text = NULL, *features = a64_features();
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (f) {
        for (int i = 0; i < ncpus; i++)
            fprintf(f, "processor\t: %d\nBogoMIPS\t: 2000.00\nFeatures\t: %s\nCPU implementer\t: 0x00\n"
                       "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0x000\nCPU revision\t: 0\n\n",
                    i, features ? features : "");
        fclose(f);
    }
    free(features);
    return text;
}

static const uint16_t numbers[] = {
#define NR(number, name) [number] = CALL_##name,
#include "syscall/numbers_generic64.def"
#undef NR
};

/* arch/arm64/include/uapi/asm/fcntl.h against the host's. */
static const struct abi_bit open_bits[] = {
    { 040000, 0200000 },         /* O_DIRECTORY */
    { 0100000, 0400000 },        /* O_NOFOLLOW */
    { 0200000, 040000 },         /* O_DIRECT */
    { 0400000, 0100000 },        /* O_LARGEFILE */
    { 0, 0 },
};

static const uint8_t sigreturn_code[] = {
    0x68, 0x11, 0x80, 0xd2,      /* mov x8, 139 */
    0x01, 0x00, 0x00, 0xd4,      /* svc 0 */
};

#define SLOT(name) A64_SLOT(A64_REG_##name)

const struct guest_linux aarch64_linux = {
    .machine = "aarch64",
    .numbers = numbers,
    .nnumbers = sizeof numbers / sizeof *numbers,
    .nr_off = SLOT(x8),
    .arg_off = { SLOT(x0), SLOT(x1), SLOT(x2), SLOT(x3), SLOT(x4), SLOT(x5) },
    .ret_off = SLOT(x0),
    .sp_off = SLOT(sp),
    .tls_off = SLOT(tpidr),
    .fp_off = SLOT(x29),
    .ra_off = SLOT(x30),
    .frame_record = 0,
    .syscall_len = 4,
    .single_step = true,
    .sa_restorer = true,
    .open_bits = open_bits,
    .sigreturn_code = sigreturn_code,
    .sigreturn_code_size = sizeof sigreturn_code,
    .frame_push = frame_push,
    .frame_pop = frame_pop,
    .regsets = regsets,
    .cpuinfo = cpuinfo,
};
