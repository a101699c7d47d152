/* Vector ops on SSE and AVX: what the emit_vec*.c files share.
 *
 * emit_vec.c brings the operands of a vector op into registers, gives the result one and calls the op's function of
 * its table; what has no function, or a variant that the function declines, is computed in C (RT_vec). Functions
 * write the whole result as if neither LOW nor ONE were there, but for those that the table says do it all themselves.
 *
 * Code is written with three-operand forms, v3(e, OP, d, a, b): one VEX instruction, or with plain SSE a move and an
 * instruction. OP is a descriptor (X86_OP of enc.h). The result's register `d` is none of the operands' unless the
 * table says 's' (simple): then the op must be one v3() or the like, which reads before it writes.
 *
 * Example. vmax.v128 %1, %2, i64 without AVX512: v3(e, PCMPGTQ, t, a, b) then a blend, t being a temporary.
 */
#pragma once

#include "backend/x86/emit.h"

struct vec_op {
    struct x86_emit *e;
    struct ir_insn *i;
    enum ir_type lane;
    unsigned size;           /* log2 of the lane's bytes */
    unsigned w;              /* lane's bits */
    unsigned d, a, b, c;     /* host registers */
};

/* Descriptors that more than one file uses. */
#define V_PAND X86_OP(66, 0F, DB)
#define V_PANDN X86_OP(66, 0F, DF)
#define V_POR X86_OP(66, 0F, EB)
#define V_PXOR X86_OP(66, 0F, EF)
#define V_PSHUFB X86_OP(66, 0F38, 00)
#define V_PUNPCKLQDQ X86_OP(66, 0F, 6C)
#define V_PUNPCKHQDQ X86_OP(66, 0F, 6D)
#define V_PCMPEQ(size) ((size) == 3 ? X86_OP(66, 0F38, 29) : X86_OP(66, 0F, 74) + (size))
#define V_PCMPGT(size) ((size) == 3 ? X86_OP(66, 0F38, 37) : X86_OP(66, 0F, 64) + (size))
#define V_PADD(size) ((size) == 3 ? X86_OP(66, 0F, D4) : X86_OP(66, 0F, FC) + (size))
#define V_PSUB(size) (X86_OP(66, 0F, F8) + (size))

/** d = a op b. */
void v3(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, unsigned b);
/** d = a op b with an immediate. */
void v3i(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, unsigned b, unsigned imm);
/** d = op a: instructions of one source. */
void v2(struct x86_emit *e, uint32_t op, unsigned d, unsigned a);
void v2i(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, unsigned imm);
/** d = a op constant, with an immediate. */
void v3ki(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, uint64_t lo, uint64_t hi, unsigned imm);
/** d = a op constant. */
void v3k(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, uint64_t lo, uint64_t hi);
/** d = op constant. */
void vk(struct x86_emit *e, unsigned d, uint64_t lo, uint64_t hi);
/** d = a shifted by n bits (0 <= n; too large gives 0 or signs): lanes of 2, 4, 8 bytes (size 1..3). */
enum vec_shift { VEC_SHR = 2, VEC_SAR = 4, VEC_SHL = 6 };
void vshift(struct x86_emit *e, enum vec_shift kind, unsigned size, unsigned d, unsigned a, unsigned n);
/** d = a shifted by n bytes as a whole; right or left. */
void vbytes_right(struct x86_emit *e, unsigned d, unsigned a, unsigned n);
void vbytes_left(struct x86_emit *e, unsigned d, unsigned a, unsigned n);
/** d = 0, d = ones. */
void vzero(struct x86_emit *e, unsigned d);
void vones(struct x86_emit *e, unsigned d);
/** A temporary vector register. */
static inline unsigned vtemp(struct x86_emit *e)
{
    return ra_temp(&e->ra, RA_XMM, 0);
}
/** The constant `lane` in all lanes of 1 << size bytes. */
static inline uint64_t vsplat(unsigned size, uint64_t lane)
{
    static const uint64_t ones[] = { 0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1 };

    return lane * ones[size];
}

/* --- integer lanes */

/** Is the op unsigned; has it a variant of IR_V_*? */
static inline bool vec_uns(const struct vec_op *v)
{
    return v->i->aux & IR_V_UNS;
}
static inline bool vec_has(const struct vec_op *v, unsigned bit)
{
    return v->i->aux & bit;
}
/** The sign bit of each lane of 1 << size bytes. */
static inline uint64_t vsign(unsigned size)
{
    return vsplat(size, 1ull << ((8u << size) - 1));
}
/** d = a shifted right by n bits, the sign in or zeros, lanes of any size (emit_vec_int.c). */
void vshift_right(struct x86_emit *e, bool sign, unsigned size, unsigned d, unsigned a, unsigned n);
/** d = the lower half's lanes of a, or the upper half's, extended to twice the width with zeros or signs (emit_vec_mul.c). */
void vextend(struct x86_emit *e, bool u, bool hi, unsigned size, unsigned d, unsigned a);

/* An op's function: false if it has no code for the variant, having emitted nothing. */
typedef bool vec_fn(struct vec_op *v);

/* --- F16 lanes (emit_vec_half.c): as a function of the table */
vec_fn vec_half_arith, vec_half_fma, vec_half_cmp, vec_half_minmax, vec_half_to_int, vec_half_from_int;
/** vfrint with the immediate of roundps. */
bool vec_half_frint(struct vec_op *v, unsigned imm);
/** Goes to C if a lane of the result is a NaN or the smallest normal number. */
void vec_half_check(struct vec_op *v);
/** The op in C if `cc` holds, instead of what comes before this (emit_vec_fp.c). */
void vec_stub_in_c(struct vec_op *v, enum x86_cc cc);

/** The op in C for those who jumped at `from`, instead of what came between there and here: where no
 * temporary may be taken, since what that spills must be spilled on both ways. */
void vec_stub_instead(struct vec_op *v, uint32_t from);

#define VEC_EMIT(op, kind, fn) vec_fn vec_##fn;
#include "backend/x86/vec_emit.def"
