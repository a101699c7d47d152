/* The state block of one guest thread, as generated code sees it.
 *
 * While generated code runs, rsp points at the thread's struct cpu: every field is one displacement away,
 * helpers are called on the stack that lies right below it. The first 128 bytes are reached with an 8-bit
 * displacement, so the hottest things come first: what every unit polls or probes, then the guest registers in the order
 * of the guest's regs.def (those that have no home in a host register should come first there).
 *
 * Homes. Between units every guest register is at home: the first ones by rank in a host register
 * (backend/x86/homes), the others in their slot of `regs`. While C code runs (run loop, syscalls, signal
 * delivery) ALL guest registers are in their slots: the entry and exit thunks load and store the homes.
 * So C code reads and writes guest registers through cpu->regs only. Slots are always written 64 bits wide.
 *
 * Precise state inside a unit is recovered from snapshots (backend/snapshot.h).
 */
#pragma once

#include <stdalign.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/gaddr.h"

enum { CPU_REG_BYTES = 1024, CPU_SPILL_BYTES = 1024 };

/* One entry of the per-thread table that indirect jumps probe: guest pc -> host address of a unit. An
 * entry never matches when pc is CPU_PROBE_NONE (an odd address no guest instruction has). */
struct cpu_probe { uint64_t pc; const void *code; };
enum { CPU_PROBE_BITS = 17, CPU_PROBE_LIST = 256, CPU_PROBE_ENTRIES = 1 << CPU_PROBE_BITS };
/* Entries in use at first: a short program's few targets would touch a page each of the whole table. */
enum { CPU_PROBE_FEW = 512 };
#define CPU_PROBE_NONE UINT64_MAX

enum { CPU_RT_HELPER = 1 << 16 };

/* Why generated code returned to the run loop. */
enum cpu_exit {
    CPU_EXIT_MISS,     /* go on at cpu.pc; cpu.exit_site is the direct exit that may be linked, or NULL */
    CPU_EXIT_POLL,     /* cpu.poll was set; go on at cpu.pc */
    CPU_EXIT_TRAP,     /* cpu.trap (enum ir_trap), cpu.trap_info; at cpu.pc */
    CPU_EXIT_FAULT,    /* host signal in generated code, state recovered; cpu.fault_* says which; at cpu.pc */
    CPU_EXIT_STEP,     /* one instruction was executed, and cpu.step is set; at cpu.pc */
};

struct cpu {
    /* --- reached by generated code with short displacements */
    uint32_t poll;                   /* nonzero: leave at the next poll (signal pending, flush, exit) */
    int32_t tick;                    /* counted down by backward exits; below 0: one leaves as at a poll (backend/build.c) */
    struct cpu_probe *probe;         /* the table to probe: probe_own, or the all-miss table to get a thread out */
    uint32_t mode;                   /* units are looked up by (pc, mode); guest-defined, 0 at start */
    uint32_t probe_mask;             /* pc & this, without the pc's always clear low bits, is an entry's number */
    alignas(8) uint8_t regs[CPU_REG_BYTES];     /* guest registers, at the offsets of guest->regs */
    alignas(16) uint8_t spill[CPU_SPILL_BYTES]; /* the allocator's */

    /* --- calls of C from generated code (backend/x86/rt.h) */
    const void *rt_thunk;            /* saves all registers, calls function rt_index with the arguments below */
    uint32_t rt_index;               /* of rt, or CPU_RT_HELPER + of helpers; first argument: this struct cpu */
    uint64_t rt_int[4];              /* its integer arguments after cpu, in order; rt_int[0]: integer result */
    alignas(16) uint64_t rt_fp[4][2];/* its FP arguments, in order; rt_fp[0]: FP result */
    const void *const *rt;           /* the backend's own runtime functions (enum rt) */
    const void *const *helpers;      /* the guest's helper functions */
    uint8_t fpx_of_mx[64];           /* IR_FPX_* bits of MXCSR's flags (bits 5..0) */
    uint8_t mx_of_fpx[32];           /* and the other way */
    uint32_t fpx_more;               /* accumulated IR_FPX_* bits that MXCSR has no flag for: IR_FPX_ID */
    uint32_t fz;                     /* 1: denormals are flushed (IR_FP_FZ), see backend/x86/fz.h */
    uint32_t fz_underflow;           /* MXCSR's underflow flag as it was when that exception was unmasked */

    /* --- written by the exit thunks */
    uint64_t pc;                     /* guest pc, exact whenever C code runs */
    uint32_t exit_kind;              /* enum cpu_exit */
    uint32_t trap;                   /* enum ir_trap */
    uint64_t trap_info;              /* imm of the trap */
    const void *exit_site;           /* return address of the direct exit's call */
    uint32_t mxcsr;                  /* the guest's MXCSR while C code runs */
    uint32_t mxcsr_host;             /* what C runs with if the guest's has unusual control bits */
    uint64_t host_rsp;               /* C's stack pointer while generated code runs */

    /* --- for C code only */
    bool step;                       /* leave after each instruction (CPU_EXIT_STEP) */
    volatile bool awaits_page;       /* reads a byte of a page that may take its time: a signal ends that */
    uint8_t stray;                   /* units of a few instructions left to execute before a signal is delivered (run.c) */
    uint64_t stray_pc;               /* where the last poll found a signal */
    uint64_t stray_seed, stray_paid; /* random numbers; nanoseconds of CLOCK_MONOTONIC: straying is paid for up to here */
    int fault_signo, fault_code;     /* CPU_EXIT_FAULT: host signal number, si_code */
    uint64_t fault_addr;             /* si_addr */
    uint32_t fault_write;            /* 1: it was a store (or an atomic operation) */
    uint64_t announced, announced_end; /* range of changed code that is still to be looked at (cpu_announce()); end 0: none */
    uint32_t in_code;                /* 1 while generated code may run in this thread (read by others) */
    uint64_t hot_head;               /* a tick fell here: is this thread in a loop from here on? 0: no such question */
    uint32_t hot_left;               /* so many jumps back that stay in it will tell */
    struct cpu_probe *probe_own;     /* this thread's table, CPU_PROBE_ENTRIES entries or the first few */
    uint64_t epoch;                  /* 0: outside the code cache; else its epoch when this thread went in */
    uint64_t probe_epoch;            /* the epoch and the mode that probe_own's entries are good for */
    uint32_t probe_mode;
    uint32_t probe_fills;            /* how many entries were filled since it was empty; which, if not too many to note */
    uint32_t probe_filled[CPU_PROBE_LIST];
    const struct guest *guest;
    struct thread *thread;           /* the syscall layer's record of this guest thread */
    struct cpu *next, **pprev;       /* list of all threads' cpus, under the run loop's lock */
};

/** For helpers of guests that announce changed code first and have the cache synchronised later, by a trap
 * IR_TRAP_SYNC_CODE: [start, start+len) is added to what the next one of this thread sees to. A trap with nothing announced
 * sees to everything. */
static inline void cpu_announce(struct cpu *c, uint64_t start, uint64_t len)
{
    if (c->announced_end == 0 || start < c->announced)
        c->announced = start;
    if (start + len > c->announced_end)
        c->announced_end = start + len;
}

/** MXCSR for generated code of a thread, from `mxcsr`'s flags and rounding mode, cpu->fz and cpu->fpx_more. To be called when one of
 * these was changed by other means than generated code (backend/x86/fz.c). */
uint32_t fz_mxcsr(struct cpu *cpu, uint32_t mxcsr);

/** A 64-bit guest register slot at byte offset `off` of cpu->regs (see struct guest_reg). */
static inline uint64_t *cpu_slot(struct cpu *c, unsigned off)
{
    return (uint64_t *)(c->regs + off);
}
