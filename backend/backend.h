/* From IR to host code.
 *
 * compile_unit() takes a unit after the passes, chooses host instructions and registers, and writes code and
 * metadata. It knows nothing of the code cache: it writes into a buffer that will be executed at another
 * address (W^X double mapping), so what it writes is position-independent. The caller (backend/cache.c)
 * owns the buffer, copies the metadata to where it keeps it, and publishes.
 *
 * Direct exits. Each is a 5-byte instruction that does not cross an 8-byte boundary, at first `call
 * exit_thunk` (E8 rel32; its return address names the exit). Linking replaces it, with one aligned 8-byte store, by
 * `jmp unit` (E9 rel32); unlinking puts the call back. All guest registers are at home at that point.
 *
 * Calls and jumps to thunks are emitted as `call/jmp [rip-relative to the cache's thunk area]`: the caller gives the distance, see
 * struct code_buf.
 */
#pragma once

#include "backend/cpu.h"
#include "ir/ir.h"

/* Code that the cache has one copy of (backend/x86/thunks.c); units reach them with rel32. */
enum thunk {
    THUNK_ENTER,        /* C: void enter(struct cpu *, const void *code); saves callee-saved, loads homes and MXCSR */
    THUNK_EXIT_DIRECT,  /* called by an unlinked direct exit: exit_kind MISS, exit_site = return address;
                           the run loop finds the target pc from the site */
    THUNK_EXIT_PC,      /* jumped to by an indirect jump that missed: cpu.pc already stored, exit_kind MISS, no site */
    THUNK_EXIT_POLL,    /* jumped to, cpu.pc already stored */
    THUNK_EXIT_TRAP,    /* jumped to, cpu.pc, cpu.trap, cpu.trap_info already stored */
    THUNK_FAULT,        /* where the fault handler resumes: all state is in the slots already, MXCSR was stored */
    NTHUNKS
};

struct code_buf {
    uint8_t *p;                       /* write position (writable alias); advances */
    uint8_t *end;                     /* compile_unit() never writes at or past it */
    intptr_t exec_delta;              /* executable address = write address + exec_delta */
    const uint8_t *thunks[NTHUNKS];   /* executable addresses, within +-2 GiB */
};

/* A direct exit of the unit. */
struct code_exit {
    uint32_t off;       /* of the 5-byte call/jmp from the start of the unit's code */
    uint8_t hint;       /* enum ir_jump */
    bool backward;      /* its target is a loop head: it polls */
    gaddr target;
};

/* A host instruction that can fault (an access, or the call of a helper that makes some) and its snapshot. */
struct code_fault {
    uint32_t off;       /* of the host instruction, from the start of the unit's code */
    uint32_t snap;      /* offset in compiled.snap_data */
};

/* A place that holds a guest address (3.11: translations must be relocatable). */
struct code_reloc {
    uint32_t off;       /* of a 64-bit little-endian field */
    gaddr value;
};

/* What compile_unit() returns: valid until its next call. Offsets count from code. */
struct compiled {
    uint8_t *code;                    /* start, in the writable alias, 16-aligned */
    uint32_t size;
    const struct code_exit *exits;    uint32_t nexits;
    const struct code_fault *faults;  uint32_t nfaults;   /* ascending off */
    const struct code_reloc *relocs;  uint32_t nrelocs;
    const uint8_t *snap_data;         uint32_t snap_size; /* backend/snapshot.h */
    uint32_t in_c;                    /* vector ops that are calls of C whatever their operands: docs/vector-ops.md */
    bool too_long;                    /* not compiled: its values don't fit into the spill area */
};

/** Emits `u` at buf->p (aligned up to 16 first). Returns false, with buf unchanged, if it does not fit: flush and try
 * again, or with out->too_long make it of fewer guest instructions. The unit must have been through pass `regs`.
 * One call at a time in the process. */
bool compile_unit(struct ir_unit *u, struct code_buf *buf, struct compiled *out);

/** Emits the thunks of `enum thunk` into buf and fills buf->thunks. `guest` fixes the homes. */
bool thunks_emit(const struct guest *guest, struct code_buf *buf);

/** True if the process's CPU is good enough (x86-64-v2); fills the feature switches the emitter uses
 * (AVX2, BMI2, LZCNT, FMA). Call once at start; mask 1: none of them, for tests. */
bool host_features_init(uint32_t mask);
/** The switches as a number: code made under one value must not run under another. */
uint64_t host_features_bits(void);
