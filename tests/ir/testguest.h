/* A guest for IR tests: a few registers of each type, helpers of each kind, no code. */
#pragma once

#include "frontend/guest.h"

enum {
    TG_X0, TG_X7 = 7,           /* i64; the random generator keeps x7 as fuel of loops */
    TG_W0, TG_W1,               /* i32 */
    TG_F0, TG_F3 = TG_F0 + 3,   /* f64 */
    TG_V0, TG_V1,               /* v128 */
    TG_NREGS
};

enum {
    TG_MIX,      /* i64 mix(i64, i64): pure */
    TG_MIXF,     /* f64 mixf(f64, i64): pure */
    TG_ROUND,    /* f64 round(f64, f64): an addition; FP environment */
    TG_NOTE,     /* void note(i64) imm: x0..: nothing; declared MEM */
    TG_STATE,    /* i64 state(i64) imm: changes x0, x1 in cpu->regs */
    TG_NHELPERS
};

extern const struct guest testguest;
