/* Snapshots: how to get precise guest state inside a unit without write-back (DESIGN 3.4, after LuaJIT's).
 *
 * The emitter writes, for each host instruction that can fault, one record into compiled.snap_data:
 *
 *     struct snap_head { u64 pc; u16 n; u16 pad[3]; } then n times struct snap_loc.
 *
 * A record lists every guest register that is not in its slot of cpu->regs, those at home in host registers included when
 * `homes` says the emitter moved them; a guest register not listed and with a host home is in that home's host register;
 * one without home and not listed is in its slot.
 *
 * snapshot_restore() puts all of them into cpu->regs, from the host registers of a signal context, and sets
 * cpu->pc. It reads every source before it writes any slot (a spilled value may sit in another's slot).
 */
#pragma once

#include <ucontext.h>

#include "backend/backend.h"

enum snap_where {
    SNAP_GPR,     /* host general register `n` */
    SNAP_XMM,     /* low 64 (or 128 if the guest register is V128) bits of host xmm `n` */
    SNAP_SPILL,   /* 8 (or 16) bytes at cpu + val (spill area or a slot of regs) */
    SNAP_CONST,   /* val sign-extended */
    SNAP_CONST64, /* 64 bits: the next record's 8 bytes hold them */
    SNAP_BOX,     /* host xmm `n` holds an f32 that is NaN-boxed into the guest register */
    SNAP_SX32,    /* host general register `n`, low 32 bits sign-extended */
    SNAP_SLOT,    /* in its own slot though it has a home: nothing to do */
};

struct snap_loc {
    uint16_t reg;   /* guest register row */
    uint8_t where;  /* enum snap_where */
    uint8_t n;
    int32_t val;
};

struct snap_head {
    uint64_t pc;
    uint16_t n, pad[3];
};

/** Fills cpu->regs and cpu->pc from snapshot record `rec` and the interrupted host registers in `uc`
 * (a Linux x86-64 signal context with FP state). Async-signal-safe. */
void snapshot_restore(struct cpu *cpu, const uint8_t *rec, const ucontext_t *uc);
