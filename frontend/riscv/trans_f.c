/* Chapters F and D: floating point.
 *
 * All results that are NaN are the canonical NaN (IR_FP_CANON). An f32 in an f register is NaN-boxed; one that
 * isn't reads as the canonical NaN, except for moves and stores, which take the low 32 bits as they are (manual,
 * "NaN Boxing of Narrower Values").
 */
#include "frontend/riscv/trans.h"

enum { RM_DYN = 7, RM_LAST = 4 };

/* The IR's aux for an instruction's rm field, or false if that makes the instruction illegal. */
static bool rounding(struct riscv_ctx *ctx, int rm, uint16_t *aux)
{
    if (rm == RM_DYN) {
        if (ctx->u->mode == RISCV_MODE_BAD)
            return false;
        rm = ctx->u->mode == RISCV_MODE_RMM ? IR_RM_RMM : IR_RM_DYN;
    } else if (rm > RM_LAST) {
        return false;
    }
    *aux = (uint16_t)(rm | IR_FP_CANON);
    return true;
}

static ir_ref fget(struct riscv_ctx *ctx, int n, enum ir_type t)
{
    return t == IR_F32 ? fget32(ctx, n) : fget64(ctx, n);
}

static void fput(struct riscv_ctx *ctx, int n, enum ir_type t, ir_ref v)
{
    if (t == IR_F32)
        fput32(ctx, n, v);
    else
        fput64(ctx, n, v);
}

/* Defines trans_<name>_s and trans_<name>_d. */
#define S_AND_D(name, set, call)                                                                    \
    bool trans_##name##_s(struct riscv_ctx *ctx, const struct arg_##set *a)                          \
    {                                                                                               \
        const enum ir_type t = IR_F32;                                                              \
        return call;                                                                                \
    }                                                                                               \
    bool trans_##name##_d(struct riscv_ctx *ctx, const struct arg_##set *a)                          \
    {                                                                                               \
        const enum ir_type t = IR_F64;                                                              \
        return call;                                                                                \
    }

/* --- loads and stores */

static bool fload(struct riscv_ctx *ctx, const struct arg_i *a, enum ir_type t)
{
    fput(ctx, a->rd, t, ir_emit(ctx->u, IR_load, t, t, xget(ctx, a->rs1), IR_NONE, IR_NONE, a->imm));
    return true;
}

bool trans_fsd(struct riscv_ctx *ctx, const struct arg_s *a)
{
    ir_ref base = xget(ctx, a->rs1), v = fget64(ctx, a->rs2);

    ir_emit(ctx->u, IR_store, IR_VOID, IR_F64, base, IR_NONE, v, a->imm);
    return true;
}

/* The low half of the register, boxed or not. */
bool trans_fsw(struct riscv_ctx *ctx, const struct arg_s *a)
{
    ir_ref base = xget(ctx, a->rs1), v = fget64(ctx, a->rs2);
    const struct ir_insn *i = ir_at(ctx->u, v);
    enum ir_type t = IR_F32;

    if (i->op == IR_nanbox) {
        v = i->arg[0];
    } else {
        v = ir_op1(ctx->u, IR_bitcast, IR_I64, v);
        t = IR_I32;
    }
    ir_emit(ctx->u, IR_store, IR_VOID, t, base, IR_NONE, v, a->imm);
    return true;
}

bool trans_flw(struct riscv_ctx *ctx, const struct arg_i *a) { return fload(ctx, a, IR_F32); }
bool trans_fld(struct riscv_ctx *ctx, const struct arg_i *a) { return fload(ctx, a, IR_F64); }

/* --- arithmetic */

static bool arith2(struct riscv_ctx *ctx, const struct arg_rm3 *a, enum ir_type t, enum ir_op op)
{
    uint16_t aux;

    if (!rounding(ctx, a->rm, &aux))
        return false;

    ir_ref x = fget(ctx, a->rs1, t), y = fget(ctx, a->rs2, t);

    fput(ctx, a->rd, t, ir_emit(ctx->u, op, t, aux, x, y, IR_NONE, 0));
    return true;
}

S_AND_D(fadd, rm3, arith2(ctx, a, t, IR_fadd))
S_AND_D(fsub, rm3, arith2(ctx, a, t, IR_fsub))
S_AND_D(fmul, rm3, arith2(ctx, a, t, IR_fmul))
S_AND_D(fdiv, rm3, arith2(ctx, a, t, IR_fdiv))

static bool square_root(struct riscv_ctx *ctx, const struct arg_rm2 *a, enum ir_type t)
{
    uint16_t aux;

    if (!rounding(ctx, a->rm, &aux))
        return false;
    fput(ctx, a->rd, t,
         ir_emit(ctx->u, IR_fsqrt, t, aux, fget(ctx, a->rs1, t), IR_NONE, IR_NONE, 0));
    return true;
}

S_AND_D(fsqrt, rm2, square_root(ctx, a, t))

/* The signs are those of the product and of rs3; fnmadd is -(rs1*rs2) - rs3, not the negated sum. */
static bool fused(struct riscv_ctx *ctx, const struct arg_rm4 *a, enum ir_type t, bool neg_product,
                  bool neg_addend)
{
    uint16_t aux;

    if (!rounding(ctx, a->rm, &aux))
        return false;

    ir_ref x = fget(ctx, a->rs1, t), y = fget(ctx, a->rs2, t), z = fget(ctx, a->rs3, t);

    fput(ctx, a->rd, t, ir_emit(ctx->u, IR_fma, t, aux, x, y, z, neg_product | neg_addend << 1));
    return true;
}

S_AND_D(fmadd, rm4, fused(ctx, a, t, false, false))
S_AND_D(fmsub, rm4, fused(ctx, a, t, false, true))
S_AND_D(fnmsub, rm4, fused(ctx, a, t, true, false))
S_AND_D(fnmadd, rm4, fused(ctx, a, t, true, true))

static bool min_max(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_type t, enum ir_op op)
{
    ir_ref x = fget(ctx, a->rs1, t), y = fget(ctx, a->rs2, t);

    fput(ctx, a->rd, t, ir_emit(ctx->u, op, t, IR_FP_CANON, x, y, IR_NONE, 0));
    return true;
}

S_AND_D(fmin, r, min_max(ctx, a, t, IR_fmin))
S_AND_D(fmax, r, min_max(ctx, a, t, IR_fmax))

/* --- signs: never canonical, no flags */

static bool sign_copy(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_type t)
{
    ir_ref x = fget(ctx, a->rs1, t);

    if (a->rs1 != a->rs2) /* else fmv */
        x = ir_op2(ctx->u, IR_fcopysign, t, x, fget(ctx, a->rs2, t));
    fput(ctx, a->rd, t, x);
    return true;
}

static bool sign_not(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_type t)
{
    ir_ref x = fget(ctx, a->rs1, t), minus = ir_op1(ctx->u, IR_fneg, t, fget(ctx, a->rs2, t));

    fput(ctx, a->rd, t, a->rs1 == a->rs2 ? minus : ir_op2(ctx->u, IR_fcopysign, t, x, minus));
    return true;
}

static bool sign_xor(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_type t)
{
    enum ir_type i = t == IR_F32 ? IR_I32 : IR_I64;
    ir_ref x = fget(ctx, a->rs1, t);

    if (a->rs1 == a->rs2) {
        fput(ctx, a->rd, t, ir_op1(ctx->u, IR_fabs, t, x));
        return true;
    }

    ir_ref sign = ir_const_val(ctx->u, i, t == IR_F32 ? 1ull << 31 : 1ull << 63);
    ir_ref y = ir_op1(ctx->u, IR_bitcast, i, fget(ctx, a->rs2, t));
    ir_ref bits = ir_op2(ctx->u, IR_xor, i, ir_op1(ctx->u, IR_bitcast, i, x),
                         ir_op2(ctx->u, IR_and, i, y, sign));

    fput(ctx, a->rd, t, ir_op1(ctx->u, IR_bitcast, t, bits));
    return true;
}

S_AND_D(fsgnj, r, sign_copy(ctx, a, t))
S_AND_D(fsgnjn, r, sign_not(ctx, a, t))
S_AND_D(fsgnjx, r, sign_xor(ctx, a, t))

/* --- comparisons, classes */

static bool compare(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_type t, enum ir_op op)
{
    /* Even if rd is x0: the flags are an effect too. */
    ir_ref c = ir_op2(ctx->u, op, IR_I1, fget(ctx, a->rs1, t), fget(ctx, a->rs2, t));

    xput1(ctx, a->rd, c);
    return true;
}

S_AND_D(feq, r, compare(ctx, a, t, IR_fcmpeq))
S_AND_D(flt, r, compare(ctx, a, t, IR_fcmplt))
S_AND_D(fle, r, compare(ctx, a, t, IR_fcmple))

static bool classify(struct riscv_ctx *ctx, const struct arg_r2 *a, enum ir_type t)
{
    ir_ref bits;

    if (t == IR_F32) {
        bits = ir_op1(ctx->u, IR_bitcast, IR_I32, fget32(ctx, a->rs1));
        bits = ir_op1(ctx->u, IR_zext, IR_I64, bits);
    } else {
        bits = ir_op1(ctx->u, IR_bitcast, IR_I64, fget64(ctx, a->rs1));
    }
    xput(ctx, a->rd, ir_emit(ctx->u, IR_call, IR_I64,
                             t == IR_F32 ? RISCV_HELPER_fclass_s : RISCV_HELPER_fclass_d, bits,
                             IR_NONE, IR_NONE, 0));
    return true;
}

S_AND_D(fclass, r2, classify(ctx, a, t))

/* --- conversions between formats and to and from integers */

static bool float_to_int(struct riscv_ctx *ctx, const struct arg_rm2 *a, enum ir_type from,
                         enum ir_type to, enum ir_op op)
{
    uint16_t aux;

    if (!rounding(ctx, a->rm, &aux))
        return false;

    ir_ref v = ir_emit(ctx->u, op, to, aux | IR_FP_NANMAX, fget(ctx, a->rs1, from), IR_NONE, IR_NONE, 0);

    if (to == IR_I32) /* unsigned ones are sign-extended too */
        xput32(ctx, a->rd, v);
    else
        xput(ctx, a->rd, v);
    return true;
}

static bool int_to_float(struct riscv_ctx *ctx, const struct arg_rm2 *a, enum ir_type to,
                         enum ir_type from, enum ir_op op)
{
    uint16_t aux;

    if (!rounding(ctx, a->rm, &aux))
        return false;
    if (to == IR_F64 && from == IR_I32) /* exact: no need to switch the mode */
        aux = IR_RM_DYN | IR_FP_CANON;

    ir_ref x = from == IR_I32 ? xget32(ctx, a->rs1) : xget(ctx, a->rs1);

    fput(ctx, a->rd, to, ir_emit(ctx->u, op, to, aux, x, IR_NONE, IR_NONE, 0));
    return true;
}

S_AND_D(fcvt_w, rm2, float_to_int(ctx, a, t, IR_I32, IR_fcvt_si))
S_AND_D(fcvt_wu, rm2, float_to_int(ctx, a, t, IR_I32, IR_fcvt_ui))
S_AND_D(fcvt_l, rm2, float_to_int(ctx, a, t, IR_I64, IR_fcvt_si))
S_AND_D(fcvt_lu, rm2, float_to_int(ctx, a, t, IR_I64, IR_fcvt_ui))

/* Defines trans_fcvt_s_<name> and trans_fcvt_d_<name>. */
#define FROM_INT(name, from, op)                                                                    \
    bool trans_fcvt_s_##name(struct riscv_ctx *ctx, const struct arg_rm2 *a)                         \
    {                                                                                               \
        return int_to_float(ctx, a, IR_F32, from, op);                                              \
    }                                                                                               \
    bool trans_fcvt_d_##name(struct riscv_ctx *ctx, const struct arg_rm2 *a)                         \
    {                                                                                               \
        return int_to_float(ctx, a, IR_F64, from, op);                                              \
    }

FROM_INT(w, IR_I32, IR_fcvt_is)
FROM_INT(wu, IR_I32, IR_fcvt_iu)
FROM_INT(l, IR_I64, IR_fcvt_is)
FROM_INT(lu, IR_I64, IR_fcvt_iu)

static bool resize(struct riscv_ctx *ctx, const struct arg_rm2 *a, enum ir_type from, enum ir_type to)
{
    uint16_t aux;

    if (!rounding(ctx, a->rm, &aux))
        return false;
    if (to == IR_F64)
        aux = IR_RM_DYN | IR_FP_CANON; /* exact */
    fput(ctx, a->rd, to,
         ir_emit(ctx->u, IR_fcvt, to, aux, fget(ctx, a->rs1, from), IR_NONE, IR_NONE, 0));
    return true;
}

bool trans_fcvt_s_d(struct riscv_ctx *ctx, const struct arg_rm2 *a)
{
    return resize(ctx, a, IR_F64, IR_F32);
}

bool trans_fcvt_d_s(struct riscv_ctx *ctx, const struct arg_rm2 *a)
{
    return resize(ctx, a, IR_F32, IR_F64);
}

/* --- moves of bits */

bool trans_fmv_x_d(struct riscv_ctx *ctx, const struct arg_r2 *a)
{
    xput(ctx, a->rd, ir_op1(ctx->u, IR_bitcast, IR_I64, fget64(ctx, a->rs1)));
    return true;
}

bool trans_fmv_d_x(struct riscv_ctx *ctx, const struct arg_r2 *a)
{
    fput64(ctx, a->rd, ir_op1(ctx->u, IR_bitcast, IR_F64, xget(ctx, a->rs1)));
    return true;
}

/* The low half, boxed or not. */
bool trans_fmv_x_w(struct riscv_ctx *ctx, const struct arg_r2 *a)
{
    ir_ref v = fget64(ctx, a->rs1);
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_nanbox)
        v = ir_op1(ctx->u, IR_bitcast, IR_I32, i->arg[0]);
    else
        v = ir_op1(ctx->u, IR_trunc, IR_I32, ir_op1(ctx->u, IR_bitcast, IR_I64, v));
    xput32(ctx, a->rd, v);
    return true;
}

bool trans_fmv_w_x(struct riscv_ctx *ctx, const struct arg_r2 *a)
{
    fput32(ctx, a->rd, ir_op1(ctx->u, IR_bitcast, IR_F32, xget32(ctx, a->rs1)));
    return true;
}
