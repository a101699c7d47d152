/* IEEE 754 binary32 and binary64 arithmetic on bit patterns, in integers only.
 *
 * The reference for floating point in the IR: all five rounding modes, exception flags as accumulated by x86 and
 * RISC-V (tininess after rounding), NaN rules of the IR. A finite value is taken apart into sign, integer
 * significand and exponent, computed with exactly or with a sticky bit, and rounded once by one function.
 */
#pragma once

#include "ir/ir.h"

/* How an operation rounds, and what it raised. */
struct softfp {
    enum ir_rm rm;      /* not IR_RM_DYN */
    bool canon;         /* NaN results are 0x7fc00000 or 0x7ff8000000000000 */
    unsigned flags;     /* IR_FPX_* bits, accumulated */
};

/* `t` is IR_F32 or IR_F64; values are zero-extended bit patterns. */
uint64_t softfp_add(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
uint64_t softfp_sub(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
uint64_t softfp_mul(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
uint64_t softfp_div(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
uint64_t softfp_sqrt(struct softfp *s, enum ir_type t, uint64_t a);
/** a*b + c rounded once; infinity times zero is invalid even when c is a quiet NaN. */
uint64_t softfp_fma(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, uint64_t c);
uint64_t softfp_min(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
uint64_t softfp_max(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
bool softfp_eq(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
bool softfp_lt(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
bool softfp_le(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
/** From the other of the two formats to `t`. */
uint64_t softfp_cvt(struct softfp *s, enum ir_type t, uint64_t a);
/** To an integer of `width` (32 or 64) bits, saturating. NaN gives the maximum if `nanmax`, else 0. */
uint64_t softfp_to_int(struct softfp *s, enum ir_type t, uint64_t a, unsigned width, bool is_signed,
                       bool nanmax);
/** From an integer of `width` bits. */
uint64_t softfp_from_int(struct softfp *s, enum ir_type t, uint64_t v, unsigned width, bool is_signed);
