/* What the trans functions write with: guest registers as values, and the shapes that many instructions share. */
#pragma once

#include "frontend/a64_decode.h"
#include "frontend/aarch64/aarch64.h"
#include "frontend/translate.h"

/* What the decoder passes through. */
struct aarch64_ctx {
    struct tr *tr;
    struct ir_unit *u;
};

enum { ZR = 31, SP = 31, LR = 30 };

/* --- building */

/** i64 or i32 by sf. */
static inline enum ir_type rtype(int sf)
{
    return sf ? IR_I64 : IR_I32;
}

static inline ir_ref const64(struct aarch64_ctx *ctx, uint64_t v)
{
    return ir_const_val(ctx->u, IR_I64, v);
}

static inline ir_ref const32(struct aarch64_ctx *ctx, uint32_t v)
{
    return ir_const_val(ctx->u, IR_I32, v);
}

static inline ir_ref const1(struct aarch64_ctx *ctx, bool v)
{
    return ir_const_val(ctx->u, IR_I1, v);
}

/** A constant of the type of sf. */
static inline ir_ref constr(struct aarch64_ctx *ctx, int sf, uint64_t v)
{
    return sf ? const64(ctx, v) : const32(ctx, (uint32_t)v);
}

static inline ir_ref op64(struct aarch64_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I64, a, b);
}

static inline ir_ref op32(struct aarch64_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I32, a, b);
}

static inline ir_ref op1(struct aarch64_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I1, a, b);
}

/** i64 or i32 by sf. */
static inline ir_ref opr(struct aarch64_ctx *ctx, int sf, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, rtype(sf), a, b);
}

static inline ir_ref cmp(struct aarch64_ctx *ctx, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(ctx->u, op, IR_I1, a, b);
}

static inline ir_ref select_of(struct aarch64_ctx *ctx, enum ir_type t, ir_ref c, ir_ref a, ir_ref b)
{
    return ir_emit(ctx->u, IR_select, t, 0, c, a, b, 0);
}

/* --- general registers. A W register is the low half; writing one zeroes the upper half. */

/** x`n` as i64; 31 is the constant 0. */
static inline ir_ref xget(struct aarch64_ctx *ctx, int n)
{
    return n == ZR ? const64(ctx, 0) : tr_get(ctx->tr, a64_xreg[n]);
}
/** The low 32 bits of x`n` as i32; 31 is 0. */
ir_ref wget(struct aarch64_ctx *ctx, int n);
/** x`n` becomes `v` (i64); nothing for 31. */
static inline void xput(struct aarch64_ctx *ctx, int n, ir_ref v)
{
    if (n != ZR)
        tr_put(ctx->tr, a64_xreg[n], v);
}
/** x`n` becomes the i32 `v`, zero-extended; nothing for 31. */
void wput(struct aarch64_ctx *ctx, int n, ir_ref v);
/** The same with 31 meaning sp. */
ir_ref xget_sp(struct aarch64_ctx *ctx, int n);
ir_ref wget_sp(struct aarch64_ctx *ctx, int n);
void xput_sp(struct aarch64_ctx *ctx, int n, ir_ref v);
void wput_sp(struct aarch64_ctx *ctx, int n, ir_ref v);
/** By sf: i64 or i32. */
ir_ref rget(struct aarch64_ctx *ctx, int sf, int n);
ir_ref rget_sp(struct aarch64_ctx *ctx, int sf, int n);
void rput(struct aarch64_ctx *ctx, int sf, int n, ir_ref v);
void rput_sp(struct aarch64_ctx *ctx, int sf, int n, ir_ref v);

/* --- vector registers (v`n`, v128). A scalar is the low lane; writing one zeroes the others. */

ir_ref vget(struct aarch64_ctx *ctx, int n);
void vput(struct aarch64_ctx *ctx, int n, ir_ref v);
/** The low lane as type t: F32, F64, or I16, I32, I64 for bits (I16 as i32). */
ir_ref vget_low(struct aarch64_ctx *ctx, int n, enum ir_type t);
/** v`n` becomes the integer or float `v`, zeros above. */
void vput_low(struct aarch64_ctx *ctx, int n, ir_ref v);

/** IR_F32 or IR_F64 for esz 2 or 3; IR_VOID for half precision. */
static inline enum ir_type ftype(int esz)
{
    return esz == 3 ? IR_F64 : esz == 2 ? IR_F32 : IR_VOID;
}

/** IR_FP_* for an operation on floats of esz (1..3) as FPCR says, rounding mode included. */
unsigned fp_aux(struct aarch64_ctx *ctx, int esz);
/** The same with the rounding mode of a decode table's rmode: 0 to nearest even, 1 up, 2 down, 3 to zero, 4 ties away,
 * 5 FPCR's. */
unsigned fp_aux_rm(struct aarch64_ctx *ctx, int esz, int rmode);

/** aux of IR_fpflags_set. */
static inline uint16_t fpflags_aux(struct aarch64_ctx *ctx)
{
    return IR_FPFLAGS_ID | (ctx->u->mode & A64_MODE_FZ ? IR_FPFLAGS_FZ : 0);
}

/* --- half precision (trans_fp16.c): lane 0 of vector ops */

/** rd = op(rn), op(rn, rm), op(rn, rm, ra); an IR vector op with variants `aux`, imm. */
void half_op1(struct aarch64_ctx *ctx, enum ir_op op, unsigned aux, int rd, int rn);
void half_op2(struct aarch64_ctx *ctx, enum ir_op op, int rd, int rn, int rm);
void half_fma(struct aarch64_ctx *ctx, int rd, int rn, int rm, int ra, int signs);
/** The low 16 bits of v`n` as an i32. */
ir_ref half_bits(struct aarch64_ctx *ctx, int n);
/** v`n` becomes the half whose bits are the low ones of an i32, zeros above. */
void half_put_bits(struct aarch64_ctx *ctx, int n, ir_ref bits);
/** The f32 that a half (bits as an i32) is, flushed as FPCR.FZ16 says; of NaNs a quiet one. */
ir_ref half_as_single(struct aarch64_ctx *ctx, ir_ref bits);
/** rd = an integer (i64 or i32 by sf) as a half, times 2^-fbits, rounded once. */
void half_from_int(struct aarch64_ctx *ctx, int rd, int sf, ir_ref v, bool uns, int fbits);

/* --- conditions (trans_cond.c) */

/** Condition `cond` (0..15, the manual's "Condition codes") as an i1. */
ir_ref a64_cond(struct aarch64_ctx *ctx, int cond);
/** The flag A64_N, A64_Z, A64_C or A64_V as an i1. */
ir_ref a64_flag(struct aarch64_ctx *ctx, unsigned flag);
/** All flags as an i64 of A64_N | .... */
ir_ref a64_flags(struct aarch64_ctx *ctx);
/** Flags become those of `op` with operands a and b (i64). */
void a64_set_cc(struct aarch64_ctx *ctx, enum a64_cc op, ir_ref a, ir_ref b);
/** The same for operands of the width of sf, i64 or i32 (or an i64 whose low half counts); `op` is the 64-bit kind. */
void a64_set_cc_sf(struct aarch64_ctx *ctx, int sf, enum a64_cc op, ir_ref a, ir_ref b);
/** If c: flags as by a64_set_cc_sf() of kind SUB64 or ADD64, else the constant nzcv. */
void a64_set_cc_if(struct aarch64_ctx *ctx, ir_ref c, int sf, enum a64_cc op, ir_ref a, ir_ref b, unsigned nzcv);
/** Flags become the i64 `nzcv` (bits above 3 are 0). */
void a64_put_flags(struct aarch64_ctx *ctx, ir_ref nzcv);

/* --- building, folding what is known */

/** Not c (i1). */
ir_ref not1(struct aarch64_ctx *ctx, ir_ref c);
/** Zero-extended to i64, folding constants; the i64 itself. */
ir_ref zext64(struct aarch64_ctx *ctx, ir_ref v);
/** The low half of an i64 as i32: the i32 that was extended where that is known. */
ir_ref low32(struct aarch64_ctx *ctx, ir_ref v);
/** a + imm, an address or another i64; folds constants. */
static inline ir_ref add_imm(struct aarch64_ctx *ctx, ir_ref a, int64_t imm)
{
    const struct ir_insn *i = ir_at(ctx->u, a);

    if (imm == 0)
        return a;
    if (i->op == IR_const) {
        uint64_t v = (uint64_t)i->imm + (uint64_t)imm;

        return i->aux ? ir_const_addr(ctx->u, v) : const64(ctx, v);
    }
    return op64(ctx, IR_add, a, const64(ctx, (uint64_t)imm));
}

/** A call of a helper. */
static inline ir_ref call_helper(struct aarch64_ctx *ctx, enum a64_helper h, enum ir_type t, ir_ref a, ir_ref b, ir_ref c)
{
    return ir_emit(ctx->u, t == IR_VOID ? IR_callv : IR_call, t, (uint16_t)h, a, b, c, 0);
}
