/* Calls of C from the middle of a unit, and what the backend itself calls: what x86-64 has no exact
 * instruction for.
 *
 * Generated code stores the arguments into cpu->rt_int and cpu->rt_fp, the function's number into cpu->rt_index, and
 * calls cpu->rt_thunk, which preserves every register: to the allocator such a call is an instruction that
 * clobbers nothing. The result is in rt_int[0] or rt_fp[0]. C runs with the guest's MXCSR: what it raises
 * accumulates as the guest's flags.
 */
#pragma once

#include <ucontext.h>

#include "backend/cpu.h"
#include "ir/ir.h"

/* RT(name, doc): function rt_<name>. `desc` is RT_DESC(): everything that tells the operation. */
#define RT_TABLE(RT)                                                                               \
    RT(fp64, "an f64 arithmetic op with a static rounding mode, or one SSE has no exact form of")  \
    RT(fp32, "the same for f32")                                                                   \
    RT(narrow, "f64 to f32 with a static rounding mode")                                           \
    RT(to_int, "floating point (as f64) to integer, saturating")                                   \
    RT(from_int64, "integer to f64")                                                               \
    RT(from_int32, "integer to f32")                                                               \
    RT(fprm_set, "writes the rounding mode")                                                        \
    RT(vec, "a vector op that has no host code, or an FP one whose result wants Arm's rules: vectors " \
            "in rt_fp[0..2], the result in rt_fp[3]; int arguments RT_VEC_DESC(), imm")             \
    RT(fixed, "FP to or from integer with a scale or flushing; the value in rt_int[2], bits as result") \
    RT(fpflags_set, "writes the accumulated exceptions where denormals are flushed")                \
    RT(crc32, "CRC-32 step without CLMUL")

enum rt {
#define RT_ENUM(name, doc) RT_##name,
    RT_TABLE(RT_ENUM)
#undef RT_ENUM
    NRT
};

/** op: enum ir_op; rm: enum ir_rm; flags: the op's imm (fma) or aux NaN bits; width: 32 or 64, of an integer. */
#define RT_DESC(op, rm, flags, width) \
    ((uint64_t)(op) | (uint64_t)(rm) << 8 | (uint64_t)(flags) << 16 | (uint64_t)(width) << 32)

/** What RT_vec computes. */
#define RT_VEC_DESC(op, aux) ((int64_t)((op) | (uint32_t)(aux) << 8))
/** What RT_fixed computes: op, its aux, the result's and the operand's type, and the scale. */
#define RT_FP_DESC(op, aux, type, from, imm) \
    ((int64_t)((op) | (uint64_t)(aux) << 8 | (uint64_t)(type) << 24 | (uint64_t)(from) << 28 | (uint64_t)(imm) << 32))

/** Points `cpu` at the thunk and the table. */
void rt_init_cpu(struct cpu *cpu);

/** A host signal arrived while C ran on behalf of generated code: makes the registers in `uc` what they were at the
 * call of the thunk (rip: where it returns to; flags and MXCSR stay). Async-signal-safe. */
void rt_saved_registers(const struct cpu *cpu, ucontext_t *uc);
