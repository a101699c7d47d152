/* IEEE 754 binary16, binary32 and binary64 arithmetic on bit patterns, in integers only.
 *
 * The reference for floating point in the IR: all five rounding modes, exception flags as accumulated by x86 and
 * RISC-V (tininess after rounding) or Arm (before), NaN rules of the IR. A finite value is taken apart into sign, integer
 * significand and exponent, computed with exactly or with a sticky bit, and rounded once by one function.
 */
#pragma once

#include "ir/ir.h"

/* How an operation rounds, and what it raised. */
struct softfp {
    enum ir_rm rm;      /* not IR_RM_DYN */
    bool canon;         /* NaN results are 0x7fc00000 or 0x7ff8000000000000 */
    bool arm;           /* NaNs as IR_FP_ARM has it */
    bool fz;            /* what is denormal before rounding becomes zero, see IR_FP_FZ; operands: softfp_flush() */
    bool ahp;           /* IR_F16 is the alternative half precision, in conversions */
    bool tiny_before;   /* underflow is detected before rounding */
    bool wrap;          /* softfp_to_fixed(): what does not fit is taken modulo 2^width, infinities and NaNs are 0 */
    bool quiet;         /* softfp_lt, softfp_le: quiet NaNs do not raise invalid */
    unsigned flags;     /* IR_FPX_* bits, accumulated */
};

/* `t` is IR_F16, IR_F32 or IR_F64; values are zero-extended bit patterns. */
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
bool softfp_unordered(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
/** From the other of the two formats f32 and f64 to `t`. */
uint64_t softfp_cvt(struct softfp *s, enum ir_type t, uint64_t a);
/** To an integer of `width` (32 or 64) bits, saturating. NaN gives the maximum if `nanmax`, else 0. */
uint64_t softfp_to_int(struct softfp *s, enum ir_type t, uint64_t a, unsigned width, bool is_signed,
                       bool nanmax);
/** From an integer of `width` bits. */
uint64_t softfp_from_int(struct softfp *s, enum ir_type t, uint64_t v, unsigned width, bool is_signed);

/** From `source` to `t`, any two formats. */
uint64_t softfp_cvt_from(struct softfp *s, enum ir_type t, enum ir_type source, uint64_t a);
/** As softfp_to_int() of a * 2^fbits, as softfp_from_int() times 2^-fbits; width 16, 32 or 64. */
uint64_t softfp_to_fixed(struct softfp *s, enum ir_type t, uint64_t a, unsigned width, bool is_signed, bool nanmax,
                         unsigned fbits);
uint64_t softfp_from_fixed(struct softfp *s, enum ir_type t, uint64_t v, unsigned width, bool is_signed, unsigned fbits);

/** `a`, or with s->fz a zero of its sign if it is denormal. */
uint64_t softfp_flush(struct softfp *s, enum ir_type t, uint64_t a);
/** Minimum (less) or maximum; a NaN operand gives a NaN, but with `number` a quiet one beside a number is ignored. */
uint64_t softfp_min_max(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, bool less, bool number);
/** Product; 0 times infinity is 2. */
uint64_t softfp_mulx(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b);
/** 2 - a*b, or (3 - a*b) / 2 (root), rounded once; 0 times infinity counts as 0. A propagated NaN a has its sign flipped. */
uint64_t softfp_step(struct softfp *s, enum ir_type t, uint64_t a, uint64_t b, bool root);
/** Arm's estimates of 1/a and 1/sqrt(a), with 8 bits of fraction; of fixed-point fractions too. */
uint64_t softfp_recpe(struct softfp *s, enum ir_type t, uint64_t a);
uint64_t softfp_rsqrte(struct softfp *s, enum ir_type t, uint64_t a);
uint32_t softfp_fixed_estimate(uint32_t a, bool root);
/** Arm's FRECPX. */
uint64_t softfp_recpx(struct softfp *s, enum ir_type t, uint64_t a);
/** Rounded to an integral value; `exact`: inexact is raised. `width` 32 or 64: what does not fit that signed integer is
 * its minimum, invalid raised; 0: no limit. */
uint64_t softfp_round_int(struct softfp *s, enum ir_type t, uint64_t a, bool exact, unsigned width);

/** How an op with the fields `fp` of IR_FP_* computes, under the dynamic rounding mode `dyn`. */
struct softfp softfp_of_aux(unsigned fp, enum ir_rm dyn);
