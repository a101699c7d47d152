/* Advanced SIMD: what the files trans_simd_*.c share.
 *
 * Nearly all instructions are rows: the name of the decode tables, the function that knows the shape of its kind
 * ("two operands, one lane type", "two narrow operands, a wide result"), the IR op and its variant. A row makes the
 * trans function; operands from registers, from a register's element and the scalar forms come together in struct simd.
 *
 * Example: `THREE(hadd_v, simd_map, IR_vhadd, 0, BY_U)` makes a64_hadd_v(), which for `uhadd v0.8b, v1.8b, v2.8b`
 * appends
 *
 *     %3 = vhadd.v128 %1, %2, i8 uns low
 *     put v0, %3
 *
 * Whatever a scalar or 64-bit form leaves out of a register becomes zero: IR_V_ONE, IR_V_LOW.
 *
 * Saturating instructions set FPSR.QC when their result is not the exact one. The register qc collects bits that differ: the
 * result is or'ed with what the exact operation would have given in the bits where these two can't agree by chance.
 */
#pragma once

#include "frontend/aarch64/trans.h"

/* An instruction's operands, whatever its encoding. */
struct simd {
    int q, sc, u, esz, rd; /* as in the decode tables; esz is of the narrow side where lanes change their width */
    ir_ref n, m;           /* m: IR_NONE if there is one operand */
    int imm;               /* of a shift: its amount; of a conversion: the fraction bits */
};

/* What a row says besides its function. */
struct simd_row {
    uint16_t op, aux;      /* the IR op and its fixed variants, without lane type */
    uint8_t how;           /* BY_U, ... */
    uint16_t then;         /* how the result joins the old rd (IR_vadd, IR_vsub), 0: replaces it */
};

enum {
    BY_U = 1,              /* IR_V_UNS is the instruction's u */
    SWAP = 2,              /* operands in the other order */
    PAIRS = 4,             /* operands are the even and the odd lanes of n:m */
    ABS = 8,               /* operands without their signs */
};

typedef void simd_fn(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r);

/* --- rows */

#define SIMD_ROW_OF(op, aux, how, then, ...) { op, aux, how, then } /* what is left out is 0 */
#define SIMD_ROW(insn, set, init, fn, ...)                                                                            \
    bool a64_##insn(struct aarch64_ctx *ctx, const struct arg_##set *a)                                              \
    {                                                                                                                 \
        static const struct simd_row row = SIMD_ROW_OF(__VA_ARGS__, 0, 0, 0, 0);                                                           \
        const struct simd s = init;                                                                                   \
                                                                                                                      \
        fn(ctx, &s, &row);                                                                                            \
        return true;                                                                                                  \
    }
#define SIMD_VVV { a->q, a->sc, a->u, a->esz, a->rd, vget(ctx, a->rn), vget(ctx, a->rm), 0 }
#define SIMD_VV { a->q, a->sc, a->u, a->esz, a->rd, vget(ctx, a->rn), IR_NONE, 0 }
#define SIMD_ELT { a->q, a->sc, a->u, a->esz, a->rd, vget(ctx, a->rn), simd_element(ctx, a->rm, a->esz, a->index), 0 }
#define SIMD_SHIFT { a->q, a->sc, a->u, a->esz, a->rd, vget(ctx, a->rn), IR_NONE, a->shift }

/* THREE(insn, fn, op, aux, how, then) */
#define THREE(insn, ...) SIMD_ROW(insn, vvv, SIMD_VVV, __VA_ARGS__)
#define TWO(insn, ...) SIMD_ROW(insn, vv, SIMD_VV, __VA_ARGS__)
#define ELEMENT(insn, ...) SIMD_ROW(insn, velt, SIMD_ELT, __VA_ARGS__)
#define SHIFT(insn, ...) SIMD_ROW(insn, vshift, SIMD_SHIFT, __VA_ARGS__)

/* --- aux */

/** Integer lanes of 1 << esz bytes, as aux. */
static inline unsigned simd_lane(int esz)
{
    return (unsigned)(IR_I8 + esz);
}

/** Floating-point lanes of 1 << esz bytes (1..3). */
static inline unsigned simd_flane(int esz)
{
    return esz == 1 ? (unsigned)IR_F16 : (unsigned)(IR_F32 + esz - 2);
}

/** What of the register the instruction computes: IR_V_ONE, IR_V_LOW or 0, everything. */
static inline unsigned simd_part(const struct simd *s)
{
    return s->sc ? IR_V_ONE : s->q ? 0 : IR_V_LOW;
}

/** The same for wide results of narrow operands, which always fill the register unless scalar. */
static inline unsigned simd_wide_part(const struct simd *s)
{
    return s->sc ? IR_V_ONE : 0;
}

/** The half of the narrow operands that q names. */
static inline unsigned simd_half(const struct simd *s)
{
    return s->q ? IR_V_HI : 0;
}

/** The row's fixed variants and those of the instruction. */
static inline unsigned simd_variant(const struct simd *s, const struct simd_row *r)
{
    return r->aux | (r->how & BY_U && s->u ? IR_V_UNS : 0);
}

/* rmode of the decode tables, where it matters. */
enum { SIMD_TO_ZERO = 3, SIMD_AWAY = 4 };

/** IR_V_FP(...) as FPCR says for lanes of esz; rmode as for fp_aux_rm(). */
unsigned simd_fp_aux(struct aarch64_ctx *ctx, int esz, int rmode);

/* --- values */

static inline ir_ref simd_op1(struct aarch64_ctx *ctx, enum ir_op op, unsigned aux, ir_ref a, int64_t imm)
{
    return ir_emit(ctx->u, op, IR_V128, (uint16_t)aux, a, IR_NONE, IR_NONE, imm);
}

static inline ir_ref simd_op2(struct aarch64_ctx *ctx, enum ir_op op, unsigned aux, ir_ref a, ir_ref b)
{
    return ir_emit(ctx->u, op, IR_V128, (uint16_t)aux, a, b, IR_NONE, 0);
}

static inline ir_ref simd_op3(struct aarch64_ctx *ctx, enum ir_op op, unsigned aux, ir_ref a, ir_ref b, ir_ref c)
{
    return ir_emit(ctx->u, op, IR_V128, (uint16_t)aux, a, b, c, 0);
}

static inline ir_ref simd_xor(struct aarch64_ctx *ctx, ir_ref a, ir_ref b)
{
    return simd_op2(ctx, IR_vxor, IR_I64, a, b);
}

/** The constant with these halves. */
ir_ref simd_const(struct aarch64_ctx *ctx, uint64_t lo, uint64_t hi);
/** The constant with the low bits of v in each lane of 1 << esz bytes. */
ir_ref simd_splat(struct aarch64_ctx *ctx, int esz, uint64_t v);
/** All lanes: lane `index` of v`n`. */
ir_ref simd_element(struct aarch64_ctx *ctx, int n, int esz, int index);
/** Bits of `diff` set FPSR.QC. */
void simd_qc(struct aarch64_ctx *ctx, ir_ref diff);
/** Puts a result of narrow lanes (in the low half, zeros above) into rd, or for q into its upper half. */
void simd_put_narrow(struct aarch64_ctx *ctx, const struct simd *s, ir_ref v);
/** Puts v into rd, joined with the old value by the row's `then` in lanes of `lane_aux`. */
void simd_join(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r, unsigned lane_aux, ir_ref v);

/* --- shapes of integer instructions (trans_simd.c) */

/** rd = op(n, m): lanes of one width; PAIRS, SWAP, then. */
simd_fn simd_map;
/** rd = op(n), one operand. */
simd_fn simd_map1;
/** Wide result of op on the narrow lanes themselves (IR_vmull): rd joined. */
simd_fn simd_long;
/** rd = op(widened n, widened m). */
simd_fn simd_widened;

/* --- saturating shapes (trans_simd_sat.c) */

/** op with IR_V_SAT against op without. */
simd_fn simd_sat;
/** IR_vqdmulh: only of two minima the product doesn't fit. */
simd_fn simd_sat_mulh;
/** IR_vqrdmlah. */
simd_fn simd_sat_mlah;
/** Doubled wide product, joined by `then`, saturating each. */
simd_fn simd_sat_long;

/* --- shapes of floating-point instructions (trans_simd_fp.c) */

/** rd = op(n, m); PAIRS, ABS, SWAP. */
simd_fn simd_fmap;
/** rd = op(n), one operand. */
simd_fn simd_fmap1;
/** rd = rd + n * m; aux of the row: imm of IR_vfma. */
simd_fn simd_fma;
/** Complex multiplication by rot quarter turns; n and m as lanes of pairs. */
void simd_fcmla(struct aarch64_ctx *ctx, int q, int esz, int rd, ir_ref n, ir_ref m, int rot);

/* --- dot products (trans_simd_three.c): rd += four products of bytes a lane, IR_V_UNS or IR_V_SU in aux */
void simd_dot(struct aarch64_ctx *ctx, int q, int rd, ir_ref n, ir_ref m, unsigned aux);
