/* Data processing with an immediate. */
#include "frontend/aarch64/trans.h"

/* --- addresses */

bool a64_adr(struct aarch64_ctx *ctx, const struct arg_adr *a)
{
    if (a->rd != ZR)
        xput(ctx, a->rd, ir_const_addr(ctx->u, ctx->tr->pc + (uint64_t)a->imm));
    return true;
}

bool a64_adrp(struct aarch64_ctx *ctx, const struct arg_adr *a)
{
    if (a->rd != ZR)
        xput(ctx, a->rd, ir_const_addr(ctx->u, (ctx->tr->pc & ~0xfffull) + (uint64_t)a->imm));
    return true;
}

/* --- add, sub */

static ir_ref plus(struct aarch64_ctx *ctx, int sf, ir_ref x, uint64_t imm)
{
    if (sf)
        return add_imm(ctx, x, (int64_t)imm);
    if (ir_is_const(ctx->u, x))
        return const32(ctx, (uint32_t)ir_at(ctx->u, x)->imm + (uint32_t)imm);
    return (uint32_t)imm ? op32(ctx, IR_add, x, const32(ctx, (uint32_t)imm)) : x;
}

bool a64_add_imm(struct aarch64_ctx *ctx, const struct arg_rri *a)
{
    rput_sp(ctx, a->sf, a->rd, plus(ctx, a->sf, rget_sp(ctx, a->sf, a->rn), a->imm));
    return true;
}

bool a64_sub_imm(struct aarch64_ctx *ctx, const struct arg_rri *a)
{
    rput_sp(ctx, a->sf, a->rd, plus(ctx, a->sf, rget_sp(ctx, a->sf, a->rn), -a->imm));
    return true;
}

/* x - b with flags. Where the result overwrites x, the flags are kept as those of the result, which lives anyway. */
static bool sub_flags(struct aarch64_ctx *ctx, const struct arg_rri *a, uint64_t b)
{
    ir_ref x = rget_sp(ctx, a->sf, a->rn), y = constr(ctx, a->sf, b);

    if (a->rd == ZR) {
        a64_set_cc_sf(ctx, a->sf, A64_CC_SUB64, x, y);
        return true;
    }

    ir_ref r = zext64(ctx, opr(ctx, a->sf, IR_sub, x, y));

    if (a->rd == a->rn)
        a64_set_cc_sf(ctx, a->sf, A64_CC_SUBR64, r, y);
    else
        a64_set_cc_sf(ctx, a->sf, A64_CC_SUB64, x, y);
    xput(ctx, a->rd, r);
    return true;
}

bool a64_subs_imm(struct aarch64_ctx *ctx, const struct arg_rri *a)
{
    return sub_flags(ctx, a, a->imm);
}

/* Adding c > 0 sets the flags that subtracting -c does. */
bool a64_adds_imm(struct aarch64_ctx *ctx, const struct arg_rri *a)
{
    if (a->imm)
        return sub_flags(ctx, a, -a->imm);

    ir_ref x = rget_sp(ctx, a->sf, a->rn);

    a64_set_cc_sf(ctx, a->sf, A64_CC_ADD64, x, constr(ctx, a->sf, 0));
    rput(ctx, a->sf, a->rd, x);
    return true;
}

/* --- logic */

static bool logic(struct aarch64_ctx *ctx, const struct arg_rri *a, enum ir_op op)
{
    if (!a->imm) /* reserved */
        return false;

    ir_ref x = rget(ctx, a->sf, a->rn), imm = constr(ctx, a->sf, a->imm);

    if (a->rn == ZR && op != IR_and) /* mov */
        rput_sp(ctx, a->sf, a->rd, imm);
    else
        rput_sp(ctx, a->sf, a->rd, opr(ctx, a->sf, op, x, imm));
    return true;
}

bool a64_and_imm(struct aarch64_ctx *ctx, const struct arg_rri *a) { return logic(ctx, a, IR_and); }
bool a64_orr_imm(struct aarch64_ctx *ctx, const struct arg_rri *a) { return logic(ctx, a, IR_or); }
bool a64_eor_imm(struct aarch64_ctx *ctx, const struct arg_rri *a) { return logic(ctx, a, IR_xor); }

bool a64_ands_imm(struct aarch64_ctx *ctx, const struct arg_rri *a)
{
    if (!a->imm)
        return false;

    ir_ref r = zext64(ctx, opr(ctx, a->sf, IR_and, rget(ctx, a->sf, a->rn), constr(ctx, a->sf, a->imm)));

    a64_set_cc_sf(ctx, a->sf, A64_CC_LOGIC64, r, const64(ctx, 0));
    xput(ctx, a->rd, r);
    return true;
}

/* --- moves */

bool a64_movn(struct aarch64_ctx *ctx, const struct arg_movw *a)
{
    rput(ctx, a->sf, a->rd, constr(ctx, a->sf, ~((uint64_t)a->imm << a->shift)));
    return true;
}

bool a64_movz(struct aarch64_ctx *ctx, const struct arg_movw *a)
{
    rput(ctx, a->sf, a->rd, constr(ctx, a->sf, (uint64_t)a->imm << a->shift));
    return true;
}

bool a64_movk(struct aarch64_ctx *ctx, const struct arg_movw *a)
{
    ir_ref x = rget(ctx, a->sf, a->rd);
    uint64_t bits = (uint64_t)a->imm << a->shift, mask = 0xffffull << a->shift;

    if (ir_is_const(ctx->u, x)) {
        rput(ctx, a->sf, a->rd, constr(ctx, a->sf, ((uint64_t)ir_at(ctx->u, x)->imm & ~mask) | bits));
        return true;
    }
    x = opr(ctx, a->sf, IR_and, x, constr(ctx, a->sf, ~mask));
    rput(ctx, a->sf, a->rd, opr(ctx, a->sf, IR_or, x, constr(ctx, a->sf, bits)));
    return true;
}

/* --- bit fields: imms < immr moves the low imms + 1 bits up to bit width - immr, else bits immr to imms go down to 0 */

static ir_ref shift_by(struct aarch64_ctx *ctx, int sf, enum ir_op op, ir_ref x, int n)
{
    return n ? opr(ctx, sf, op, x, constr(ctx, sf, (uint64_t)n)) : x;
}

static ir_ref mask_low(struct aarch64_ctx *ctx, int sf, ir_ref x, int bits)
{
    return opr(ctx, sf, IR_and, x, constr(ctx, sf, (2ull << (bits - 1)) - 1));
}

/* The low 8, 16 or 32 bits of x extended. */
static ir_ref extended(struct aarch64_ctx *ctx, int sf, ir_ref x, int bits, enum ir_op op)
{
    enum ir_type t = bits == 8 ? IR_I8 : bits == 16 ? IR_I16 : IR_I32;
    ir_ref low = t == IR_I32 ? low32(ctx, x) : ir_op1(ctx->u, IR_trunc, t, x);

    return ir_op1(ctx->u, op, rtype(sf), low);
}

static bool is_extension(int sf, int bits)
{
    return bits == 8 || bits == 16 || (bits == 32 && sf);
}

bool a64_ubfm(struct aarch64_ctx *ctx, const struct arg_bitf *a)
{
    int width = a->sf ? 64 : 32, r = a->immr, s = a->imms;
    ir_ref x = rget(ctx, a->sf, a->rn);

    if (s >= r && s == width - 1)                        /* lsr */
        x = shift_by(ctx, a->sf, IR_shr, x, r);
    else if (s >= r && r == 0 && is_extension(a->sf, s + 1))
        x = extended(ctx, a->sf, x, s + 1, IR_zext);
    else if (s >= r)                                     /* ubfx */
        x = mask_low(ctx, a->sf, shift_by(ctx, a->sf, IR_shr, x, r), s - r + 1);
    else if (s + 1 == r)                                 /* lsl */
        x = shift_by(ctx, a->sf, IR_shl, x, width - r);
    else if (is_extension(a->sf, s + 1))                 /* ubfiz */
        x = shift_by(ctx, a->sf, IR_shl, extended(ctx, a->sf, x, s + 1, IR_zext), width - r);
    else
        x = shift_by(ctx, a->sf, IR_shl, mask_low(ctx, a->sf, x, s + 1), width - r);
    rput(ctx, a->sf, a->rd, x);
    return true;
}

bool a64_sbfm(struct aarch64_ctx *ctx, const struct arg_bitf *a)
{
    int width = a->sf ? 64 : 32, r = a->immr, s = a->imms;
    ir_ref x = rget(ctx, a->sf, a->rn);

    if (s >= r && s == width - 1) {                      /* asr */
        x = shift_by(ctx, a->sf, IR_sar, x, r);
    } else if (s >= r && r == 0 && is_extension(a->sf, s + 1)) {
        x = extended(ctx, a->sf, x, s + 1, IR_sext);
    } else if (s < r && is_extension(a->sf, s + 1)) {    /* sbfiz */
        x = shift_by(ctx, a->sf, IR_shl, extended(ctx, a->sf, x, s + 1, IR_sext), width - r);
    } else {
        int up = width - 1 - s;

        x = shift_by(ctx, a->sf, IR_shl, x, up);
        x = s >= r ? shift_by(ctx, a->sf, IR_sar, x, up + r)
                   : shift_by(ctx, a->sf, IR_shl, shift_by(ctx, a->sf, IR_sar, x, up), width - r);
    }
    rput(ctx, a->sf, a->rd, x);
    return true;
}

bool a64_bfm(struct aarch64_ctx *ctx, const struct arg_bitf *a)
{
    int width = a->sf ? 64 : 32, r = a->immr, s = a->imms;
    ir_ref x = rget(ctx, a->sf, a->rn), old = rget(ctx, a->sf, a->rd);
    int bits = s >= r ? s - r + 1 : s + 1, at = s >= r ? 0 : width - r;
    uint64_t mask = ((2ull << (bits - 1)) - 1) << at;

    if (bits == width) { /* a move */
        rput(ctx, a->sf, a->rd, x);
        return true;
    }
    x = s >= r ? shift_by(ctx, a->sf, IR_shr, x, r) : shift_by(ctx, a->sf, IR_shl, x, at);
    if (at + bits < width || s >= r)
        x = opr(ctx, a->sf, IR_and, x, constr(ctx, a->sf, mask));
    if (a->rn == ZR) /* bfc */
        x = IR_NONE;
    old = opr(ctx, a->sf, IR_and, old, constr(ctx, a->sf, ~mask));
    rput(ctx, a->sf, a->rd, x ? opr(ctx, a->sf, IR_or, old, x) : old);
    return true;
}

bool a64_extr(struct aarch64_ctx *ctx, const struct arg_extr *a)
{
    int width = a->sf ? 64 : 32;
    ir_ref high = rget(ctx, a->sf, a->rn), low = rget(ctx, a->sf, a->rm);

    if (a->lsb == 0)
        rput(ctx, a->sf, a->rd, low);
    else if (a->rn == a->rm) /* ror */
        rput(ctx, a->sf, a->rd, shift_by(ctx, a->sf, IR_rotr, low, a->lsb));
    else
        rput(ctx, a->sf, a->rd, opr(ctx, a->sf, IR_or, shift_by(ctx, a->sf, IR_shr, low, a->lsb),
                                    shift_by(ctx, a->sf, IR_shl, high, width - a->lsb)));
    return true;
}
