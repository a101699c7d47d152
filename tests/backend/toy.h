/* A toy guest for tests of the code cache and the run loop: everything around them is replaced.
 *
 * Its instructions are 4 bytes: op, register, signed 16-bit immediate; 16 integer registers, the
 * first 12 of them ranked for homes, and two FP registers with homes. A unit goes on to the first
 * instruction that always leaves. Jump distances are in instructions.
 */
#pragma once

#include <setjmp.h>

#include "backend/backend.h"
#include "backend/run.h"
#include "frontend/guest.h"

enum toy_op {
    TOY_ADD,     /* r += imm */
    TOY_JMP,     /* direct jump */
    TOY_DECNZ,   /* --r; if r != 0 direct jump */
    TOY_JR,      /* indirect jump to r */
    TOY_SYS,     /* system call imm, goes on behind */
    TOY_POLL,    /* poll, goes on at this instruction */
    TOY_LOAD,    /* x0 = 64 bits at [r]; may fault */
    TOY_HELP,    /* x0 = helper(r), in C; may fault */
    TOY_SYNC,    /* instruction cache flush */
    TOY_FADD,    /* f0 += f1 */
    TOY_ILL,     /* undefined */
};

struct toy_insn { uint8_t op, reg; int16_t imm; };

enum { TOY_F0 = 16, TOY_F1, TOY_NREGS };

extern const struct guest toy_guest;

/* Bytes of nops at the head of each unit: to fill the cache quickly. */
extern unsigned toy_pad;
/* The same in front of each instruction. */
extern unsigned toy_bulk;
/* All memory is a shared mapping that is executable. */
extern bool toy_shared;
/* Units of more instructions than that are refused as too long. */
extern unsigned toy_longest;

/* What the guest's system calls, faults and polls do. */
extern void (*toy_syscall)(struct cpu *cpu, unsigned number);
extern void (*toy_fault)(struct cpu *cpu, int signo, int code, gaddr addr);
extern void (*toy_poll)(struct cpu *cpu);

static inline uint64_t *toy_reg(struct cpu *cpu, unsigned r)
{
    return cpu_slot(cpu, 8 * r);
}

static inline gaddr toy_pc(const struct toy_insn *i)
{
    return (gaddr)(uintptr_t)i;
}

/** Runs from `start` until something calls toy_stop(). */
void toy_run(struct cpu *cpu, const struct toy_insn *start);
_Noreturn void toy_stop(void);
/** Installs the host signal handler that calls fault_in_code(), on an alternate stack for this
 * thread. */
void toy_catch_faults(void);
