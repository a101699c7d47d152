/* The reference interpreter: what a unit means.
 *
 * Runs a unit, before or after any pass, against the guest registers in cpu->regs and memory behind a callback, until
 * it leaves. It is the oracle for the passes and for the emitter: it shares with the folder of constants the rows of eval.def, and nothing
 * with the backend. Floating point is computed in integers (ir/softfp.h); the rounding mode is read from cpu->mxcsr and
 * exceptions are accumulated there, x86's denormal flag excepted.
 *
 * When the unit leaves, cpu->regs and cpu->pc hold the guest state that the next thing sees: with
 * snapshots, what they say is written there.
 */
#pragma once

#include "ir/ir.h"

struct cpu;

enum interp_how {
    INTERP_EXIT,     /* go on at pc: exit, exit_if, exit_ind */
    INTERP_POLL,     /* a poll found cpu->poll set; go on at pc */
    INTERP_TRAP,     /* trap and info say why; at pc */
    INTERP_FAULT,    /* the memory access at `addr` failed; at pc */
    INTERP_MISALIGN, /* a misaligned `addr` with IR_MEM_ALIGNED; at pc */
    INTERP_LIMIT,    /* max_steps insns were run */
    INTERP_BAD,      /* the unit makes no sense (ir_verify() says why) */
};

struct interp_result {
    enum interp_how how;
    gaddr pc;              /* guest pc */
    gaddr addr;            /* of the failed access */
    enum ir_trap trap;
    int64_t info;          /* imm of the trap */
    enum ir_jump hint;     /* of the exit */
    ir_ref at;             /* insn that left */
};

struct interp_env {
    /** Copies `size` (1..16) bytes between guest address `a` and `buf`; false if the access faults. NULL: memory at
     * host(a), unchecked. amo and cas are one read and one write. */
    bool (*access)(void *ctx, gaddr a, unsigned size, bool write, void *buf);
    void *ctx;
    uint64_t max_steps;    /* 0: no limit */
};

/** Runs `u` on `cpu` (regs, mxcsr, poll, mode are used; pc is set). `env` may be NULL. Helpers are called for real, with the
 * guest's MXCSR. */
struct interp_result interp_run(const struct ir_unit *u, struct cpu *cpu, const struct interp_env *env);
