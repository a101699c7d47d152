/* What vector ops compute: lane by lane, in plain C. The interpreter's and, for forms without host code, the
 * backend's. Which variants there are: vec.def.
 *
 * Example. vadd.v128 with aux IR_I8 | IR_V_SAT | IR_V_LOW: the low 8 bytes are saturated signed sums, the rest is 0.
 */
#pragma once

#include "ir/ir.h"

/* A vector, lane 0 in the low bits of q[0]; or a scalar operand, zero-extended in q[0]. */
struct vec { uint64_t q[2]; };

/* The variants an op has: from vec.def. */
struct vec_info {
    uint16_t lanes;   /* bit an enum ir_type (IR_F16 too); bit 0 (IR_VOID): no lane type */
    uint16_t bits;    /* aux bits that may be set besides lane and FP fields */
    char imm;
};

/** The variants of op `op`, which is one of IR_VEC_FIRST..IR_VEC_LAST. */
const struct vec_info *vec_info(enum ir_op op);
/** Whether aux and imm are a variant that the op has. */
bool vec_valid(enum ir_op op, unsigned aux, int64_t imm);

/** Computes op `op`. `t`: the result's type (of vget); `rm`: the rounding mode that IR_RM_DYN stands for; *fpx:
 * IR_FPX_* bits are added. The variant must be valid. */
struct vec vec_eval(enum ir_op op, unsigned aux, int64_t imm, enum ir_type t, const struct vec in[3], enum ir_rm rm,
                    unsigned *fpx);

/** One step of CRC-32 (or CRC-32C) over the `bytes` low bytes of `v`, bits reflected, without inversions. */
uint32_t vec_crc32(uint32_t crc, uint64_t v, unsigned bytes, bool castagnoli);

/* --- for the files that make up vec_eval() */

/** Lane `k` of `w` bits (8..64), zero-extended. */
uint64_t vec_lane(struct vec v, unsigned w, unsigned k);
/** Sets lane `k` to the low `w` bits of `x`. */
void vec_lane_set(struct vec *v, unsigned w, unsigned k, uint64_t x);
/** How many lanes of `w` bits of the result ONE and LOW leave. */
unsigned vec_part_lanes(unsigned aux, unsigned w);
/** Floating point (vec_fp.c) and AES, SHA (vec_crypto.c). */
struct vec vec_eval_fp(enum ir_op op, unsigned aux, int64_t imm, const struct vec in[3], enum ir_rm rm, unsigned *fpx);
struct vec vec_eval_crypto(enum ir_op op, unsigned aux, int64_t imm, const struct vec in[3]);
