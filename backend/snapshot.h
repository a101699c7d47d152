/* Snapshots: how to get precise guest state inside a unit without write-back (DESIGN 3.4, after LuaJIT's).
 *
 * For each host instruction that can fault the emitter appends one record to compiled.snap_data: a struct
 * snap_head, then n times struct snap_loc.
 *
 * A record holds only what changed since the record before it: the state at record i is that of unit entry
 * (every register at home: in its home's host register, else in its slot) with the locations of records
 * 0..i laid over it in order. Restoring is rare, emitting is not, so the data is a log that restoring replays.
 *
 * pc is relative to the unit's guest pc, so that snapshot data can be moved with the guest code it belongs to.
 *
 * Example. `ld a1, 0(a0)` after `addi a0, a0, 8` whose result the allocator put into rcx: record {pc 4, n 1}
 * {reg a0, SNAP_GPR, n 1 (rcx)}. A following load with nothing moved is {pc 8, n 0}.
 */
#pragma once

#include <ucontext.h>

#include "backend/backend.h"

enum snap_where {
    SNAP_GPR,     /* host general register `n` */
    SNAP_XMM,     /* low 64 (or 128 if the guest register is V128) bits of host xmm `n`; of a general register too */
    SNAP_SPILL,   /* 8 (or 16) bytes at cpu + val (spill area or a slot of regs) */
    SNAP_CONST,   /* val sign-extended */
    SNAP_CONST64, /* 64 bits: the next snap_loc's 8 bytes hold them (counted in n) */
    SNAP_PCREL,   /* unit's guest pc + val */
};

/* What restoring does to the value that it finds. */
enum snap_ext {
    SNAP_PLAIN,
    SNAP_BITS,    /* nothing: a float's bits in a general register */
    SNAP_BITS32,  /* the low 32 bits, zeros above, likewise */
    SNAP_SX32,    /* the low 32 bits, sign-extended */
    SNAP_BOX32,   /* the low 32 bits below ones */
    SNAP_ZX32,    /* the low 32 bits, zeros above */
    SNAP_ZX64,    /* the low 64 bits, zeros above */
};

struct snap_loc {
    uint8_t reg;    /* guest register row */
    uint8_t ext;    /* enum snap_ext */
    uint8_t where;  /* enum snap_where */
    uint8_t n;
    int32_t val;
};

struct snap_head {
    int32_t pc; /* guest pc minus the unit pc */
    uint16_t n; /* snap_locs that follow */
    uint16_t pad;
};

/** Fills cpu->regs and cpu->pc with the state at the record at offset `rec` of `data`, the unit's snapshot data,
 * from the interrupted host registers in `uc` (a Linux x86-64 signal context with FP state). `unit_pc` is the
 * unit's guest pc. Every source is read before any slot is written. Async-signal-safe. */
void snapshot_restore(struct cpu *cpu, const uint8_t *data, uint32_t rec, gaddr unit_pc,
                      const ucontext_t *uc);
