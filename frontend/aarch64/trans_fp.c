/* Scalar floating point. A scalar is the low lane of a vector register; writing one zeroes the rest. The IR's scalars are single
 * and double precision; half precision is the low lane of vector ops (trans_fp16.c).
 */
#include "frontend/aarch64/trans_simd.h"

static ir_ref fget(struct aarch64_ctx *ctx, int esz, int n)
{
    return vget_low(ctx, n, ftype(esz));
}

static bool is_half(int esz)
{
    return ftype(esz) == IR_VOID;
}

/* The same for comparisons and conversions to integers: halves as singles, which they are exactly. */
static ir_ref operand(struct aarch64_ctx *ctx, int esz, int n)
{
    return is_half(esz) ? half_as_single(ctx, half_bits(ctx, n)) : fget(ctx, esz, n);
}

/* aux of a vector op on lane 0 alone. */
static unsigned lane0(struct aarch64_ctx *ctx, int esz, int rmode)
{
    return simd_fp_aux(ctx, esz, rmode) | simd_flane(esz) | IR_V_ONE;
}

/* --- moves */

bool a64_fmov_reg(struct aarch64_ctx *ctx, const struct arg_f2 *a)
{
    if (is_half(a->esz))
        half_put_bits(ctx, a->rd, half_bits(ctx, a->rn));
    else
        vput_low(ctx, a->rd, fget(ctx, a->esz, a->rn));
    return true;
}

bool a64_fmov_imm(struct aarch64_ctx *ctx, const struct arg_fimm *a)
{
    vput_low(ctx, a->rd, is_half(a->esz) ? const32(ctx, (uint32_t)a->imm) : ir_const_val(ctx->u, ftype(a->esz), a->imm));
    return true;
}

bool a64_fmov_to_gen(struct aarch64_ctx *ctx, const struct arg_fmov_gen *a)
{
    if (is_half(a->esz)) {
        wput(ctx, a->rd, half_bits(ctx, a->rn));
        return true;
    }

    ir_ref v = vget(ctx, a->rn);
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_vzext && ir_at(ctx->u, i->arg[0])->type == ftype(a->esz))
        v = ir_op1(ctx->u, IR_bitcast, rtype(a->esz == 3), i->arg[0]);
    else
        v = vget_low(ctx, a->rn, rtype(a->esz == 3));
    rput(ctx, a->esz == 3, a->rd, v);
    return true;
}

bool a64_fmov_from_gen(struct aarch64_ctx *ctx, const struct arg_fmov_gen *a)
{
    if (is_half(a->esz))
        half_put_bits(ctx, a->rd, wget(ctx, a->rn));
    else
        vput_low(ctx, a->rd, rget(ctx, a->esz == 3, a->rn));
    return true;
}

bool a64_fmov_top_to_gen(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    xput(ctx, a->rd, ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, vget(ctx, a->rn), IR_NONE, IR_NONE, 1));
    return true;
}

bool a64_fmov_top_from_gen(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    ir_ref x = xget(ctx, a->rn);

    vput(ctx, a->rd, ir_emit(ctx->u, IR_vset, IR_V128, IR_I64, vget(ctx, a->rd), x, IR_NONE, 1));
    return true;
}

/* --- arithmetic */

/* vop: op's form for lanes. */
static bool unary(struct aarch64_ctx *ctx, const struct arg_f2 *a, enum ir_op op, enum ir_op vop, unsigned aux)
{
    if (is_half(a->esz))
        half_op1(ctx, vop, IR_V_FP(aux), a->rd, a->rn);
    else
        vput_low(ctx, a->rd, ir_emit(ctx->u, op, ftype(a->esz), (uint16_t)aux, fget(ctx, a->esz, a->rn), IR_NONE, IR_NONE, 0));
    return true;
}

bool a64_fabs(struct aarch64_ctx *ctx, const struct arg_f2 *a) { return unary(ctx, a, IR_fabs, IR_vfabs, 0); }
bool a64_fneg(struct aarch64_ctx *ctx, const struct arg_f2 *a) { return unary(ctx, a, IR_fneg, IR_vfneg, 0); }
bool a64_fsqrt(struct aarch64_ctx *ctx, const struct arg_f2 *a) 
{
    return unary(ctx, a, IR_fsqrt, IR_vfsqrt, fp_aux(ctx, a->esz));
}

static ir_ref computed(struct aarch64_ctx *ctx, const struct arg_f3 *a, enum ir_op op)
{
    ir_ref x = fget(ctx, a->esz, a->rn), y = fget(ctx, a->esz, a->rm);

    return ir_emit(ctx->u, op, ftype(a->esz), (uint16_t)fp_aux(ctx, a->esz), x, y, IR_NONE, 0);
}

static bool binary(struct aarch64_ctx *ctx, const struct arg_f3 *a, enum ir_op op, enum ir_op vop)
{
    if (is_half(a->esz))
        half_op2(ctx, vop, a->rd, a->rn, a->rm);
    else
        vput_low(ctx, a->rd, computed(ctx, a, op));
    return true;
}

bool a64_fadd(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return binary(ctx, a, IR_fadd, IR_vfadd); }
bool a64_fsub(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return binary(ctx, a, IR_fsub, IR_vfsub); }
bool a64_fmul(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return binary(ctx, a, IR_fmul, IR_vfmul); }
bool a64_fdiv(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return binary(ctx, a, IR_fdiv, IR_vfdiv); }

bool a64_fnmul(struct aarch64_ctx *ctx, const struct arg_f3 *a)
{
    if (is_half(a->esz)) {
        half_op2(ctx, IR_vfmul, a->rd, a->rn, a->rm);
        half_op1(ctx, IR_vfneg, 0, a->rd, a->rd);
        return true;
    }
    vput_low(ctx, a->rd, ir_op1(ctx->u, IR_fneg, ftype(a->esz), computed(ctx, a, IR_fmul)));
    return true;
}

/* The scalar IR ops follow other rules for NaNs: lane 0 of the vector's. */
static bool min_max(struct aarch64_ctx *ctx, const struct arg_f3 *a, enum ir_op op)
{
    vput(ctx, a->rd, simd_op2(ctx, op, lane0(ctx, a->esz, 5), vget(ctx, a->rn), vget(ctx, a->rm)));
    return true;
}

bool a64_fmin(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return min_max(ctx, a, IR_vfmin); }
bool a64_fmax(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return min_max(ctx, a, IR_vfmax); }
bool a64_fminnm(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return min_max(ctx, a, IR_vfminnm); }
bool a64_fmaxnm(struct aarch64_ctx *ctx, const struct arg_f3 *a) { return min_max(ctx, a, IR_vfmaxnm); }

enum { NEG_PRODUCT = 1, NEG_ADDEND = 2 };

static bool fused(struct aarch64_ctx *ctx, const struct arg_f4 *a, int signs)
{
    if (is_half(a->esz)) {
        half_fma(ctx, a->rd, a->rn, a->rm, a->ra, signs);
        return true;
    }

    ir_ref x = fget(ctx, a->esz, a->rn), y = fget(ctx, a->esz, a->rm), z = fget(ctx, a->esz, a->ra);

    vput_low(ctx, a->rd, ir_emit(ctx->u, IR_fma, ftype(a->esz), (uint16_t)fp_aux(ctx, a->esz), x, y, z, signs));
    return true;
}

bool a64_fmadd(struct aarch64_ctx *ctx, const struct arg_f4 *a) { return fused(ctx, a, 0); }
bool a64_fmsub(struct aarch64_ctx *ctx, const struct arg_f4 *a) { return fused(ctx, a, NEG_PRODUCT); }
bool a64_fnmadd(struct aarch64_ctx *ctx, const struct arg_f4 *a) { return fused(ctx, a, NEG_PRODUCT | NEG_ADDEND); }
bool a64_fnmsub(struct aarch64_ctx *ctx, const struct arg_f4 *a) { return fused(ctx, a, NEG_ADDEND); }

/* --- rounding to integral values */

static bool round_to(struct aarch64_ctx *ctx, int esz, int rd, int rn, int rmode, bool exact, int bits)
{
    vput(ctx, rd, simd_op1(ctx, IR_vfrint, lane0(ctx, esz, rmode) | (exact ? IR_V_EXACT : 0), vget(ctx, rn), bits));
    return true;
}

bool a64_frint(struct aarch64_ctx *ctx, const struct arg_frint *a)
{
    return round_to(ctx, a->esz, a->rd, a->rn, a->rmode, a->exact, 0);
}

bool a64_frint_n(struct aarch64_ctx *ctx, const struct arg_frintn *a)
{
    return round_to(ctx, a->esz, a->rd, a->rn, a->rmode, true, a->bits);
}

/* --- conversions */

/* Between formats. Half precision: vector conversions of lane 0; FZ does not concern the half side. */
bool a64_fcvt(struct aarch64_ctx *ctx, const struct arg_fcvt *a)
{
    unsigned fp = fp_aux(ctx, 2) | (ctx->u->mode & A64_MODE_AHP ? IR_FP_AHP : 0);
    ir_ref v = vget(ctx, a->rn);

    if (!is_half(a->from) && !is_half(a->to)) {
        v = ir_emit(ctx->u, IR_fcvt, ftype(a->to), (uint16_t)fp_aux(ctx, 2), fget(ctx, a->from, a->rn), IR_NONE, IR_NONE, 0);
        vput_low(ctx, a->rd, v);
        return true;
    }
    if (is_half(a->from)) {
        v = ir_emit(ctx->u, IR_vfcvtl, IR_V128, (uint16_t)(IR_V_FP(fp) | IR_F16 | IR_V_ONE), v, IR_NONE, IR_NONE, 0);
        if (a->to == 3)
            v = ir_emit(ctx->u, IR_vfcvtl, IR_V128, (uint16_t)(IR_V_FP(fp & ~(unsigned)IR_FP_FZ) | IR_F32 | IR_V_ONE), v,
                        IR_NONE, IR_NONE, 0);
    } else {
        v = ir_emit(ctx->u, IR_vfcvtn, IR_V128, (uint16_t)(IR_V_FP(fp) | ftype(a->from) | IR_V_ONE), v, IR_NONE, IR_NONE,
                    a->from == 3 ? 16 : 0);
    }
    vput(ctx, a->rd, v);
    return true;
}

/* Ties away from zero are rounded first where that raises nothing else: signed numbers that don't fit have no fraction then. */
bool a64_fcvt_gen(struct aarch64_ctx *ctx, const struct arg_fcvti *a)
{
    int rmode = a->rmode;
    ir_ref x;

    if (rmode == SIMD_AWAY && !a->u && !a->fbits && (a->esz == 2 || (a->esz == 3 && a->sf))) {
        x = simd_op1(ctx, IR_vfrint, lane0(ctx, a->esz, rmode) | IR_V_EXACT, vget(ctx, a->rn), 0);
        x = ir_emit(ctx->u, IR_vget, ftype(a->esz), (uint16_t)simd_flane(a->esz), x, IR_NONE, IR_NONE, 0);
        rmode = SIMD_TO_ZERO;
    } else {
        x = operand(ctx, a->esz, a->rn);
    }
    rput(ctx, a->sf, a->rd, ir_emit(ctx->u, a->u ? IR_fcvt_ui : IR_fcvt_si, rtype(a->sf),
                                    (uint16_t)fp_aux_rm(ctx, a->esz, rmode), x, IR_NONE, IR_NONE, a->fbits));
    return true;
}

bool a64_cvtf_gen(struct aarch64_ctx *ctx, const struct arg_cvtf *a)
{
    ir_ref x = rget(ctx, a->sf, a->rn);

    if (is_half(a->esz)) {
        half_from_int(ctx, a->rd, a->sf, x, a->u, a->fbits);
        return true;
    }
    vput_low(ctx, a->rd, ir_emit(ctx->u, a->u ? IR_fcvt_iu : IR_fcvt_is, ftype(a->esz), (uint16_t)fp_aux(ctx, a->esz), x,
                                 IR_NONE, IR_NONE, a->fbits));
    return true;
}

/* Z: the result is the number itself, and not for -0. */
bool a64_fjcvtzs(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    ir_ref x = fget(ctx, 3, a->rn), r, back, zero;
    unsigned fz = fp_aux(ctx, 3) & IR_FP_FZ;

    r = ir_emit(ctx->u, IR_fcvt_si, IR_I32, (uint16_t)(fp_aux_rm(ctx, 3, 3) | IR_FP_WRAP), x, IR_NONE, IR_NONE, 0);
    back = ir_emit(ctx->u, IR_fcvt_is, IR_F64, (uint16_t)fp_aux(ctx, 3), r, IR_NONE, IR_NONE, 0);
    back = ir_emit(ctx->u, IR_fcmpeq, IR_I1, (uint16_t)fz, back, x, IR_NONE, 0);
    zero = op1(ctx, IR_and, cmp(ctx, IR_cmpeq, r, const32(ctx, 0)),
               cmp(ctx, IR_cmplts, ir_op1(ctx->u, IR_bitcast, IR_I64, x), const64(ctx, 0)));
    wput(ctx, a->rd, r);
    a64_put_flags(ctx, select_of(ctx, IR_I64, op1(ctx, IR_andn, back, zero), const64(ctx, A64_Z), const64(ctx, 0)));
    return true;
}

/* --- comparisons */

static ir_ref compare(struct aarch64_ctx *ctx, enum ir_op op, ir_ref x, ir_ref y, int signals)
{
    unsigned aux = (ctx->u->mode & A64_MODE_FZ ? IR_FP_FZ : 0) |
                   (op != IR_fcmpeq && op != IR_fcmpun && !signals ? IR_FP_QUIET : 0);

    return ir_emit(ctx->u, op, IR_I1, (uint16_t)aux, x, y, IR_NONE, 0);
}

/* The bits of a float as cc_a and cc_b hold them. */
static ir_ref bits_of(struct aarch64_ctx *ctx, ir_ref x)
{
    const struct ir_insn *i = ir_at(ctx->u, x);

    if (i->op == IR_const)
        return const64(ctx, (uint64_t)i->imm);
    return ir_op1(ctx->u, IR_bitcast, IR_I64, x);
}

/* The flags of a comparison as A64_N | .... */
static ir_ref compared(struct aarch64_ctx *ctx, ir_ref x, ir_ref y, int signals)
{
    ir_ref less = compare(ctx, IR_fcmplt, x, y, signals), equal = compare(ctx, IR_fcmpeq, x, y, signals);
    ir_ref unordered = compare(ctx, IR_fcmpun, x, y, signals);
    ir_ref f = select_of(ctx, IR_I64, less, const64(ctx, A64_N), const64(ctx, A64_C));

    f = select_of(ctx, IR_I64, equal, const64(ctx, A64_Z | A64_C), f);
    return select_of(ctx, IR_I64, unordered, const64(ctx, A64_C | A64_V), f);
}

/* A comparison is made now, for the exceptions that it raises; conditions make the one that they want. */
static bool fcmp(struct aarch64_ctx *ctx, int esz, ir_ref x, ir_ref y, int signals)
{
    enum a64_cc kind = (signals ? A64_CC_FCMPE64 : A64_CC_FCMP64) + (esz == 3 ? 0 : 1);

    compare(ctx, signals ? IR_fcmplt : IR_fcmpeq, x, y, signals);
    a64_set_cc(ctx, kind, bits_of(ctx, x), bits_of(ctx, y));
    return true;
}

bool a64_fcmp(struct aarch64_ctx *ctx, const struct arg_fcmp *a)
{
    return fcmp(ctx, a->esz, operand(ctx, a->esz, a->rn), operand(ctx, a->esz, a->rm), a->e);
}

bool a64_fcmp_zero(struct aarch64_ctx *ctx, const struct arg_fcmpz *a)
{
    ir_ref zero = ir_const_val(ctx->u, is_half(a->esz) ? IR_F32 : ftype(a->esz), 0);

    return fcmp(ctx, a->esz, operand(ctx, a->esz, a->rn), zero, a->e);
}

/* Raises only if the condition holds: otherwise zeros are compared. */
static ir_ref operand_if(struct aarch64_ctx *ctx, ir_ref c, int esz, int n)
{
    enum ir_type t = ftype(esz);

    if (is_half(esz))
        return half_as_single(ctx, select_of(ctx, IR_I32, c, half_bits(ctx, n), const32(ctx, 0)));
    return select_of(ctx, t, c, fget(ctx, esz, n), ir_const_val(ctx->u, t, 0));
}

bool a64_fccmp(struct aarch64_ctx *ctx, const struct arg_fccmp *a)
{
    ir_ref c = a64_cond(ctx, a->cond);
    ir_ref f = compared(ctx, operand_if(ctx, c, a->esz, a->rn), operand_if(ctx, c, a->esz, a->rm), a->e);

    a64_put_flags(ctx, select_of(ctx, IR_I64, c, f, const64(ctx, (uint64_t)a->nzcv)));
    return true;
}

bool a64_fcsel(struct aarch64_ctx *ctx, const struct arg_fcsel *a)
{
    ir_ref c = a64_cond(ctx, a->cond);

    if (is_half(a->esz)) {
        half_put_bits(ctx, a->rd, select_of(ctx, IR_I32, c, half_bits(ctx, a->rn), half_bits(ctx, a->rm)));
        return true;
    }

    ir_ref x = fget(ctx, a->esz, a->rn), y = fget(ctx, a->esz, a->rm);

    vput_low(ctx, a->rd, select_of(ctx, ftype(a->esz), c, x, y));
    return true;
}
