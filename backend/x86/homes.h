/* Homes: which host register holds which guest register between units.
 *
 * A guest ranks its registers (struct guest_reg.home: 1 = hottest); this host offers a list of
 * integer and a list of FP registers. Rank n lives in the n-th register of the list; ranks past the
 * end, and rank 0, live in their slot of cpu->regs. Direct links between units are bare jumps
 * because both sides agree on this table.
 *
 * Never a home, so free at unit boundaries: rsp (it is the struct cpu), rax, rcx, rdx, r11 and
 * xmm0..xmm5. What an indirect exit or an exit thunk needs for itself comes from those.
 *
 * Order of the list: pointers are what hot guest registers hold, so registers that cost a byte more
 * as a base address (rbp, r13: always a displacement; r12: always a SIB byte) come last.
 *
 * Example: for RISC-V, whose regs.def gives sp rank 1 and a0 rank 2, homes_of(sp) is rbx,
 * homes_of(a0) is rsi, and homes.gpr_guest[3] (rbx) is the row of sp.
 */
#pragma once

#include <stdint.h>

#include "frontend/guest.h"

enum {
    HOME_NONE = 0xff,   /* no home; or, the other way round, host register that is no home */
    HOMES_GPR = 11,     /* host registers that are homes */
    HOMES_XMM = 10,
};

/* Host register numbers (hardware encoding) by rank - 1. */
extern const uint8_t homes_gpr_list[HOMES_GPR];
extern const uint8_t homes_xmm_list[HOMES_XMM];

struct homes {
    uint8_t of_guest[GUEST_MAX_REGS]; /* guest register row -> host register of its class */
    uint8_t gpr_guest[16];            /* host general register -> guest register row */
    uint8_t xmm_guest[16];            /* host xmm register -> the same */
    uint16_t gpr_mask, xmm_mask;      /* bit n: host register n is some guest register's home */
};

/* The process's only table: one guest architecture a process. */
extern struct homes homes;

/** Computes `homes` for `guest`. Before the thunks and the first unit are emitted. If two rows
 * claim one rank, the first gets the home. */
void homes_init(const struct guest *guest);

/** True if guest register row `r` is of the FP/vector class (its home, if any, is an xmm register).
 * */
static inline bool homes_is_fp(const struct guest *guest, unsigned r)
{
    uint8_t t = guest->regs[r].type;

    return t == IR_F32 || t == IR_F64 || t == IR_V128;
}

/** The host register (0..15; general or xmm by the row's class) that is home of guest register row
 * `r`, or HOME_NONE. */
static inline uint8_t homes_of(unsigned r)
{
    return homes.of_guest[r];
}
