/* What is different in Linux from one guest architecture to the next: one const struct a guest.
 *
 * Everything else in this folder is the same for all guests. A guest's instance lives in frontend/<guest>/linux.c: its
 * table of numbers, which registers carry a call, its signal frame, its answer to /proc/cpuinfo. Layouts that differ
 * from the host's are either common to all generic 64-bit ABIs (and then converted in file.c and so on without
 * asking) or a field here.
 *
 * Example: a RISC-V `ecall` with a7 = 64. linux_syscall() reads the slot at nr_off, numbers[64] is CALL_write, the
 * arguments come from the slots arg_off[0..5], the result goes to the slot at ret_off.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/gaddr.h"

struct cpu;
struct sys;

/* The rows of syscall.def. CALL_none: no such number. */
enum call {
    CALL_none,
#define PASS(name, ...) CALL_##name,
#define CONV(name, ...) CALL_##name,
#define CALL(name, ...) CALL_##name,
#define DENY(name, ...) CALL_##name,
#include "syscall/syscall.def"
#undef PASS
#undef CONV
#undef CALL
#undef DENY
    NCALLS
};

/* A signal about to be delivered, or the state a sigreturn restores. */
struct sigframe {
    int signo;
    const siginfo_t *info;
    gaddr handler;
    gaddr restorer;     /* where the handler returns to */
    gaddr stack;        /* top of the stack to build on: the guest's sp, or the alternate stack's end */
    gaddr stack_limit;  /* the frame must not begin below */
    uint64_t mask;      /* blocked signals to restore afterwards */
    stack_t altstack;   /* as sigaltstack() reports it */
};

/* One bit of open(2)'s flags where the guest's value differs from the host's. */
struct abi_bit { uint32_t guest, host; };

/* A set of registers as the kernel gives it to debuggers and puts it into core files: elf.h's NT_* types. */
struct abi_regset {
    uint32_t note;                   /* 0 ends the list; the first is NT_PRSTATUS, the second NT_FPREGSET */
    uint16_t size, slot;             /* bytes, at most REGSET_MAX; debuggers may ask for a multiple of `slot` */
    void (*get)(struct cpu *cpu, void *set);
    void (*set)(struct cpu *cpu, const void *set);
};
enum { REGSET_MAX = 528, REGSETS_MAX = 4 };

struct guest_linux {
    const char *machine;             /* uname -m */
    const uint16_t *numbers;         /* guest number -> enum call */
    uint32_t nnumbers;
    uint16_t nr_off, arg_off[6], ret_off;   /* register slots, offsets in cpu->regs */
    uint16_t sp_off, tls_off;
    uint16_t fp_off, ra_off;         /* frame pointer and return address, for backtraces; */
    int16_t frame_record;            /*   {caller's frame pointer, return address} is at fp + this */
    uint8_t syscall_len;             /* bytes of the system call instruction, for restarts */
    bool single_step;                /* the kernel has PTRACE_SINGLESTEP */
    bool sa_restorer;                /* struct sigaction has sa_restorer between flags and mask */
    bool misaligned_pc;              /* si_addr of a misaligned access is the pc, not the address */
    const struct abi_bit *open_bits; /* ended by {0, 0}; NULL: as on the host */
    const uint8_t *sigreturn_code;   /* instructions that make the rt_sigreturn call */
    size_t sigreturn_code_size;

    /** Writes the signal frame to the guest's stack and sets registers and pc to enter the handler. False if the stack
     * can't be written or does not suffice (nothing has changed then but guest memory). */
    bool (*frame_push)(struct cpu *cpu, const struct sigframe *f);
    /** Reads back the frame that sp points at: registers, pc, and f->mask and f->altstack. False if the frame can't be
     * read or makes no sense. */
    bool (*frame_pop)(struct cpu *cpu, struct sigframe *f);
    const struct abi_regset *regsets;
    /** The text of /proc/cpuinfo for `ncpus` CPUs, to be freed. */
    char *(*cpuinfo)(int ncpus);
    /** Answers riscv_hwprobe for one key: sets *value and returns true, false if the key is unknown. NULL for guests
     * without the call. */
    bool (*hwprobe)(int64_t key, uint64_t *value);
};
