/* The value of a pure op whose operands are known: for constant folding and the interpreter. */
#pragma once

#include "ir/ir.h"

/** Computes op `op` with result type `t` on operands of type `from` (operand 0's; all but select's have the same).
 * `v` holds zero-extended bits. Returns false if the op is not in eval.def or a type is wider than 64 bits. */
bool ir_eval(enum ir_op op, enum ir_type t, enum ir_type from, const uint64_t v[3], uint64_t *out);

/** `v`'s low `width` bits (1..64), sign-extended. */
static inline int64_t ir_sign_extend(uint64_t v, unsigned width)
{
    return (int64_t)(v << (64 - width)) >> (64 - width);
}

/** `v`'s low `width` bits (0..64). */
static inline uint64_t ir_low_bits(uint64_t v, unsigned width)
{
    return width >= 64 ? v : v & (((uint64_t)1 << width) - 1);
}
