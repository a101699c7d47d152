/* Data processing with registers. */
#include "frontend/aarch64/trans.h"

/* --- operands */

static ir_ref shifted(struct aarch64_ctx *ctx, const struct arg_shifted *a)
{
    static const uint8_t ops[4] = { IR_shl, IR_shr, IR_sar, IR_rotr };
    ir_ref x = rget(ctx, a->sf, a->rm);

    if (a->amount == 0 || a->rm == ZR)
        return x;
    return opr(ctx, a->sf, ops[a->shift], x, constr(ctx, a->sf, (uint64_t)a->amount));
}

/* ExtendReg(): option 0..3 unsigned, 4..7 signed, of 8, 16, 32, 64 bits. */
static ir_ref extended(struct aarch64_ctx *ctx, const struct arg_extended *a)
{
    static const uint8_t types[4] = { IR_I8, IR_I16, IR_I32, IR_I64 };
    enum ir_type t = types[a->option & 3];
    ir_ref x;

    if (t == IR_I64 || (t == IR_I32 && !a->sf)) {
        x = rget(ctx, a->sf, a->rm);
    } else {
        x = wget(ctx, a->rm);
        if (t != IR_I32)
            x = ir_op1(ctx->u, IR_trunc, t, x);
        x = ir_op1(ctx->u, a->option & 4 ? IR_sext : IR_zext, rtype(a->sf), x);
    }
    return a->amount ? opr(ctx, a->sf, IR_shl, x, constr(ctx, a->sf, (uint64_t)a->amount)) : x;
}

/* --- logic */

static bool logic(struct aarch64_ctx *ctx, const struct arg_shifted *a, enum ir_op op, bool invert)
{
    ir_ref y = shifted(ctx, a), x = rget(ctx, a->sf, a->rn), r;

    if (op == IR_or && a->rn == ZR) /* mov, mvn */
        r = invert ? opr(ctx, a->sf, IR_xor, y, constr(ctx, a->sf, ~0ull)) : y;
    else if (op == IR_and && invert)
        r = opr(ctx, a->sf, IR_andn, x, y);
    else
        r = opr(ctx, a->sf, op, x, invert ? opr(ctx, a->sf, IR_xor, y, constr(ctx, a->sf, ~0ull)) : y);
    rput(ctx, a->sf, a->rd, r);
    return true;
}

bool a64_and_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic(ctx, a, IR_and, false); }
bool a64_bic_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic(ctx, a, IR_and, true); }
bool a64_orr_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic(ctx, a, IR_or, false); }
bool a64_orn_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic(ctx, a, IR_or, true); }
bool a64_eor_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic(ctx, a, IR_xor, false); }
bool a64_eon_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic(ctx, a, IR_xor, true); }

static bool logic_flags(struct aarch64_ctx *ctx, const struct arg_shifted *a, enum ir_op op)
{
    ir_ref y = shifted(ctx, a), x = rget(ctx, a->sf, a->rn);
    ir_ref r = op == IR_and && a->rn == a->rm && !a->amount ? x : opr(ctx, a->sf, op, x, y);

    if (a->rd != ZR)
        r = zext64(ctx, r);
    a64_set_cc_sf(ctx, a->sf, A64_CC_LOGIC64, r, const64(ctx, 0));
    xput(ctx, a->rd, r);
    return true;
}

bool a64_ands_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic_flags(ctx, a, IR_and); }
bool a64_bics_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a) { return logic_flags(ctx, a, IR_andn); }

/* --- add, sub */

static ir_ref sum(struct aarch64_ctx *ctx, int sf, enum ir_op op, ir_ref x, ir_ref y)
{
    const struct ir_insn *i = ir_at(ctx->u, y);

    return i->op == IR_const && i->imm == 0 ? x : opr(ctx, sf, op, x, y);
}

bool a64_add_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a)
{
    ir_ref y = shifted(ctx, a);

    rput(ctx, a->sf, a->rd, a->rn == ZR ? y : sum(ctx, a->sf, IR_add, rget(ctx, a->sf, a->rn), y));
    return true;
}

bool a64_sub_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a)
{
    ir_ref y = shifted(ctx, a);

    rput(ctx, a->sf, a->rd, sum(ctx, a->sf, IR_sub, rget(ctx, a->sf, a->rn), y));
    return true;
}

bool a64_add_ext(struct aarch64_ctx *ctx, const struct arg_extended *a)
{
    ir_ref y = extended(ctx, a);

    rput_sp(ctx, a->sf, a->rd, opr(ctx, a->sf, IR_add, rget_sp(ctx, a->sf, a->rn), y));
    return true;
}

bool a64_sub_ext(struct aarch64_ctx *ctx, const struct arg_extended *a)
{
    ir_ref y = extended(ctx, a);

    rput_sp(ctx, a->sf, a->rd, opr(ctx, a->sf, IR_sub, rget_sp(ctx, a->sf, a->rn), y));
    return true;
}

/* x op y with flags. Where the result overwrites x, the flags are those of the result and y; where it overwrites y (and
 * not x), too, y is kept alive. */
static bool with_flags(struct aarch64_ctx *ctx, int sf, int rd, int rn, enum ir_op op, ir_ref x, ir_ref y)
{
    enum a64_cc kind = op == IR_sub ? A64_CC_SUB64 : A64_CC_ADD64;
    enum a64_cc kind_r = op == IR_sub ? A64_CC_SUBR64 : A64_CC_ADDR64;
    ir_ref r = rd == ZR ? IR_NONE : zext64(ctx, opr(ctx, sf, op, x, y));

    if (r && rd == rn)
        a64_set_cc_sf(ctx, sf, kind_r, r, y);
    else
        a64_set_cc_sf(ctx, sf, kind, x, y);
    if (r)
        xput(ctx, rd, r);
    return true;
}

bool a64_adds_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a)
{
    ir_ref y = shifted(ctx, a);

    return with_flags(ctx, a->sf, a->rd, a->rn, IR_add, rget(ctx, a->sf, a->rn), y);
}

bool a64_subs_shift(struct aarch64_ctx *ctx, const struct arg_shifted *a)
{
    ir_ref y = shifted(ctx, a);

    return with_flags(ctx, a->sf, a->rd, a->rn, IR_sub, rget(ctx, a->sf, a->rn), y);
}

bool a64_adds_ext(struct aarch64_ctx *ctx, const struct arg_extended *a)
{
    ir_ref y = extended(ctx, a);

    return with_flags(ctx, a->sf, a->rd, a->rn, IR_add, rget_sp(ctx, a->sf, a->rn), y);
}

bool a64_subs_ext(struct aarch64_ctx *ctx, const struct arg_extended *a)
{
    ir_ref y = extended(ctx, a);

    return with_flags(ctx, a->sf, a->rd, a->rn, IR_sub, rget_sp(ctx, a->sf, a->rn), y);
}

/* --- with carry: subtraction adds the complement */

struct carry_sum { ir_ref r, carry, overflow; };

static ir_ref complement(struct aarch64_ctx *ctx, int sf, ir_ref y)
{
    return opr(ctx, sf, IR_xor, y, constr(ctx, sf, ~0ull));
}

static ir_ref add_carry(struct aarch64_ctx *ctx, int sf, ir_ref x, ir_ref y)
{
    ir_ref c = ir_op1(ctx->u, IR_zext, rtype(sf), a64_flag(ctx, A64_C));

    return opr(ctx, sf, IR_add, opr(ctx, sf, IR_add, x, y), c);
}

bool a64_adc(struct aarch64_ctx *ctx, const struct arg_rrr *a)
{
    rput(ctx, a->sf, a->rd, add_carry(ctx, a->sf, rget(ctx, a->sf, a->rn), rget(ctx, a->sf, a->rm)));
    return true;
}

bool a64_sbc(struct aarch64_ctx *ctx, const struct arg_rrr *a)
{
    ir_ref y = complement(ctx, a->sf, rget(ctx, a->sf, a->rm));

    rput(ctx, a->sf, a->rd, add_carry(ctx, a->sf, rget(ctx, a->sf, a->rn), y));
    return true;
}

/* A64_CC_CV: trans_cond.c finds C and V again in the shape that is made here. */
static bool carry_flags(struct aarch64_ctx *ctx, const struct arg_rrr *a, ir_ref y)
{
    int sf = a->sf;
    ir_ref x = rget(ctx, sf, a->rn), zero = constr(ctx, sf, 0);
    ir_ref c = ir_op1(ctx->u, IR_zext, rtype(sf), a64_flag(ctx, A64_C));
    ir_ref s = opr(ctx, sf, IR_add, x, y), r = opr(ctx, sf, IR_add, s, c);
    ir_ref carry = op1(ctx, IR_or, cmp(ctx, IR_cmpltu, s, x), cmp(ctx, IR_cmpltu, r, s));
    ir_ref sign = opr(ctx, sf, IR_and, opr(ctx, sf, IR_xor, x, r), opr(ctx, sf, IR_xor, y, r));
    ir_ref overflow = cmp(ctx, IR_cmplts, sign, zero);
    ir_ref cv = op64(ctx, IR_shl, ir_op1(ctx->u, IR_zext, IR_I64, carry), const64(ctx, 1));

    cv = op64(ctx, IR_or, cv, ir_op1(ctx->u, IR_zext, IR_I64, overflow));
    a64_set_cc(ctx, sf ? A64_CC_CV64 : A64_CC_CV32, zext64(ctx, r), cv);
    rput(ctx, sf, a->rd, r);
    return true;
}

bool a64_adcs(struct aarch64_ctx *ctx, const struct arg_rrr *a)
{
    return carry_flags(ctx, a, rget(ctx, a->sf, a->rm));
}

bool a64_sbcs(struct aarch64_ctx *ctx, const struct arg_rrr *a)
{
    return carry_flags(ctx, a, complement(ctx, a->sf, rget(ctx, a->sf, a->rm)));
}

/* --- flags alone (FlagM) */

bool a64_rmif(struct aarch64_ctx *ctx, const struct arg_rmif *a)
{
    ir_ref x = xget(ctx, a->rn), f = a64_flags(ctx);

    if (a->lsb)
        x = op64(ctx, IR_rotr, x, const64(ctx, (uint64_t)a->lsb));
    x = op64(ctx, IR_and, x, const64(ctx, (uint64_t)a->mask));
    f = op64(ctx, IR_and, f, const64(ctx, ~(uint64_t)a->mask & 15));
    a64_put_flags(ctx, op64(ctx, IR_or, f, x));
    return true;
}

/* N, Z from the low `bits` bits, V where bit `bits` differs from the one below; C stays. */
static bool setf(struct aarch64_ctx *ctx, int rn, unsigned bits)
{
    ir_ref x = xget(ctx, rn), f = op64(ctx, IR_and, a64_flags(ctx), const64(ctx, A64_C)), v;
    ir_ref low = op64(ctx, IR_and, x, const64(ctx, (1u << bits) - 1));
    ir_ref z = ir_op1(ctx->u, IR_zext, IR_I64, cmp(ctx, IR_cmpeq, low, const64(ctx, 0)));

    f = op64(ctx, IR_or, f, op64(ctx, IR_shl, z, const64(ctx, 2)));
    f = op64(ctx, IR_or, f, op64(ctx, IR_and, op64(ctx, IR_shr, x, const64(ctx, bits - 4)), const64(ctx, A64_N)));
    v = op64(ctx, IR_xor, x, op64(ctx, IR_shr, x, const64(ctx, 1)));
    v = op64(ctx, IR_and, op64(ctx, IR_shr, v, const64(ctx, bits - 1)), const64(ctx, A64_V));
    a64_put_flags(ctx, op64(ctx, IR_or, f, v));
    return true;
}

bool a64_setf8(struct aarch64_ctx *ctx, const struct arg_rn *a) { return setf(ctx, a->rn, 8); }
bool a64_setf16(struct aarch64_ctx *ctx, const struct arg_rn *a) { return setf(ctx, a->rn, 16); }

/* --- conditional */

static bool ccmp(struct aarch64_ctx *ctx, int sf, int rn, ir_ref y, int cond, int nzcv, enum a64_cc op)
{
    ir_ref c = a64_cond(ctx, cond);

    a64_set_cc_if(ctx, c, sf, op, rget(ctx, sf, rn), y, (unsigned)nzcv);
    return true;
}

bool a64_ccmp_reg(struct aarch64_ctx *ctx, const struct arg_ccmp *a)
{
    return ccmp(ctx, a->sf, a->rn, rget(ctx, a->sf, a->rm), a->cond, a->nzcv, A64_CC_SUB64);
}

bool a64_ccmn_reg(struct aarch64_ctx *ctx, const struct arg_ccmp *a)
{
    return ccmp(ctx, a->sf, a->rn, rget(ctx, a->sf, a->rm), a->cond, a->nzcv, A64_CC_ADD64);
}

bool a64_ccmp_imm(struct aarch64_ctx *ctx, const struct arg_ccmpi *a)
{
    return ccmp(ctx, a->sf, a->rn, constr(ctx, a->sf, (uint64_t)a->imm), a->cond, a->nzcv, A64_CC_SUB64);
}

bool a64_ccmn_imm(struct aarch64_ctx *ctx, const struct arg_ccmpi *a)
{
    if (!a->imm)
        return ccmp(ctx, a->sf, a->rn, constr(ctx, a->sf, 0), a->cond, a->nzcv, A64_CC_ADD64);
    return ccmp(ctx, a->sf, a->rn, constr(ctx, a->sf, -(uint64_t)a->imm), a->cond, a->nzcv, A64_CC_SUB64);
}

bool a64_csel(struct aarch64_ctx *ctx, const struct arg_csel *a)
{
    ir_ref x = rget(ctx, a->sf, a->rn), y = rget(ctx, a->sf, a->rm);

    rput(ctx, a->sf, a->rd, select_of(ctx, rtype(a->sf), a64_cond(ctx, a->cond), x, y));
    return true;
}

/* The opposite condition; always and never are both always. */
static ir_ref otherwise(struct aarch64_ctx *ctx, int cond)
{
    return not1(ctx, a64_cond(ctx, cond));
}

bool a64_csinc(struct aarch64_ctx *ctx, const struct arg_csel *a)
{
    ir_ref x, y;

    if (a->rn == ZR && a->rm == ZR) { /* cset */
        rput(ctx, a->sf, a->rd, ir_op1(ctx->u, IR_zext, rtype(a->sf), otherwise(ctx, a->cond)));
        return true;
    }
    x = rget(ctx, a->sf, a->rn);
    y = opr(ctx, a->sf, IR_add, rget(ctx, a->sf, a->rm), constr(ctx, a->sf, 1));
    rput(ctx, a->sf, a->rd, select_of(ctx, rtype(a->sf), a64_cond(ctx, a->cond), x, y));
    return true;
}

bool a64_csinv(struct aarch64_ctx *ctx, const struct arg_csel *a)
{
    ir_ref x, y;

    if (a->rn == ZR && a->rm == ZR) { /* csetm */
        rput(ctx, a->sf, a->rd, ir_op1(ctx->u, IR_sext, rtype(a->sf), otherwise(ctx, a->cond)));
        return true;
    }
    x = rget(ctx, a->sf, a->rn);
    y = complement(ctx, a->sf, rget(ctx, a->sf, a->rm));
    rput(ctx, a->sf, a->rd, select_of(ctx, rtype(a->sf), a64_cond(ctx, a->cond), x, y));
    return true;
}

bool a64_csneg(struct aarch64_ctx *ctx, const struct arg_csel *a)
{
    ir_ref x = rget(ctx, a->sf, a->rn);
    ir_ref y = opr(ctx, a->sf, IR_sub, constr(ctx, a->sf, 0), rget(ctx, a->sf, a->rm));

    rput(ctx, a->sf, a->rd, select_of(ctx, rtype(a->sf), a64_cond(ctx, a->cond), x, y));
    return true;
}

/* --- multiply, divide */

static bool accumulate(struct aarch64_ctx *ctx, int sf, int rd, int ra, ir_ref product, bool minus)
{
    ir_ref r = product;

    if (ra != ZR)
        r = opr(ctx, sf, minus ? IR_sub : IR_add, rget(ctx, sf, ra), product);
    else if (minus)
        r = opr(ctx, sf, IR_sub, constr(ctx, sf, 0), product);
    rput(ctx, sf, rd, r);
    return true;
}

static ir_ref product(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return opr(ctx, a->sf, IR_mul, rget(ctx, a->sf, a->rn), rget(ctx, a->sf, a->rm));
}

static ir_ref long_product(struct aarch64_ctx *ctx, const struct arg_rrrr *a, enum ir_op extend)
{
    ir_ref x = ir_op1(ctx->u, extend, IR_I64, wget(ctx, a->rn));

    return op64(ctx, IR_mul, x, ir_op1(ctx->u, extend, IR_I64, wget(ctx, a->rm)));
}

bool a64_madd(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return accumulate(ctx, a->sf, a->rd, a->ra, product(ctx, a), false);
}

bool a64_msub(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return accumulate(ctx, a->sf, a->rd, a->ra, product(ctx, a), true);
}

bool a64_smaddl(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return accumulate(ctx, 1, a->rd, a->ra, long_product(ctx, a, IR_sext), false);
}

bool a64_smsubl(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return accumulate(ctx, 1, a->rd, a->ra, long_product(ctx, a, IR_sext), true);
}

bool a64_umaddl(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return accumulate(ctx, 1, a->rd, a->ra, long_product(ctx, a, IR_zext), false);
}

bool a64_umsubl(struct aarch64_ctx *ctx, const struct arg_rrrr *a)
{
    return accumulate(ctx, 1, a->rd, a->ra, long_product(ctx, a, IR_zext), true);
}

bool a64_smulh(struct aarch64_ctx *ctx, const struct arg_rrr64 *a)
{
    xput(ctx, a->rd, op64(ctx, IR_mulhs, xget(ctx, a->rn), xget(ctx, a->rm)));
    return true;
}

bool a64_umulh(struct aarch64_ctx *ctx, const struct arg_rrr64 *a)
{
    xput(ctx, a->rd, op64(ctx, IR_mulhu, xget(ctx, a->rn), xget(ctx, a->rm)));
    return true;
}

/* The IR's shifts take their amount modulo the width and its divisions give 0 for 0, as here. */
static bool rrr(struct aarch64_ctx *ctx, const struct arg_rrr *a, enum ir_op op)
{
    rput(ctx, a->sf, a->rd, opr(ctx, a->sf, op, rget(ctx, a->sf, a->rn), rget(ctx, a->sf, a->rm)));
    return true;
}

bool a64_udiv(struct aarch64_ctx *ctx, const struct arg_rrr *a) { return rrr(ctx, a, IR_divu); }
bool a64_sdiv(struct aarch64_ctx *ctx, const struct arg_rrr *a) { return rrr(ctx, a, IR_divs); }
bool a64_lslv(struct aarch64_ctx *ctx, const struct arg_rrr *a) { return rrr(ctx, a, IR_shl); }
bool a64_lsrv(struct aarch64_ctx *ctx, const struct arg_rrr *a) { return rrr(ctx, a, IR_shr); }
bool a64_asrv(struct aarch64_ctx *ctx, const struct arg_rrr *a) { return rrr(ctx, a, IR_sar); }
bool a64_rorv(struct aarch64_ctx *ctx, const struct arg_rrr *a) { return rrr(ctx, a, IR_rotr); }

/* --- CRC */

static bool crc(struct aarch64_ctx *ctx, const struct arg_crc *a, int64_t polynomial)
{
    static const uint8_t types[4] = { IR_I8, IR_I16, IR_I32, IR_I64 };
    ir_ref data = a->sz == 3 ? xget(ctx, a->rm) : wget(ctx, a->rm);

    if (a->sz < 2)
        data = ir_op1(ctx->u, IR_trunc, types[a->sz], data);
    wput(ctx, a->rd, ir_emit(ctx->u, IR_crc32, IR_I32, 0, wget(ctx, a->rn), data, IR_NONE, polynomial));
    return true;
}

bool a64_crc32(struct aarch64_ctx *ctx, const struct arg_crc *a) { return crc(ctx, a, 0); }
bool a64_crc32c(struct aarch64_ctx *ctx, const struct arg_crc *a) { return crc(ctx, a, 1); }

/* --- one source */

/* Neighbouring groups of `n` bits exchanged; mask has the lower group of each pair. */
static ir_ref exchange(struct aarch64_ctx *ctx, int sf, ir_ref x, uint64_t mask, unsigned n)
{
    ir_ref m = constr(ctx, sf, mask), by = constr(ctx, sf, n);

    return opr(ctx, sf, IR_or, opr(ctx, sf, IR_and, opr(ctx, sf, IR_shr, x, by), m),
               opr(ctx, sf, IR_shl, opr(ctx, sf, IR_and, x, m), by));
}

bool a64_rbit(struct aarch64_ctx *ctx, const struct arg_rr *a)
{
    ir_ref x = ir_op1(ctx->u, IR_bswap, rtype(a->sf), rget(ctx, a->sf, a->rn));

    x = exchange(ctx, a->sf, x, 0x0f0f0f0f0f0f0f0f, 4);
    x = exchange(ctx, a->sf, x, 0x3333333333333333, 2);
    rput(ctx, a->sf, a->rd, exchange(ctx, a->sf, x, 0x5555555555555555, 1));
    return true;
}

bool a64_rev16(struct aarch64_ctx *ctx, const struct arg_rr *a)
{
    rput(ctx, a->sf, a->rd, exchange(ctx, a->sf, rget(ctx, a->sf, a->rn), 0x00ff00ff00ff00ff, 8));
    return true;
}

bool a64_rev(struct aarch64_ctx *ctx, const struct arg_rr *a)
{
    rput(ctx, a->sf, a->rd, ir_op1(ctx->u, IR_bswap, rtype(a->sf), rget(ctx, a->sf, a->rn)));
    return true;
}

bool a64_rev32(struct aarch64_ctx *ctx, const struct arg_rr *a)
{
    ir_ref x = ir_op1(ctx->u, IR_bswap, IR_I64, xget(ctx, a->rn));

    xput(ctx, a->rd, op64(ctx, IR_rotr, x, const64(ctx, 32)));
    return true;
}

bool a64_clz(struct aarch64_ctx *ctx, const struct arg_rr *a)
{
    rput(ctx, a->sf, a->rd, ir_op1(ctx->u, IR_clz, rtype(a->sf), rget(ctx, a->sf, a->rn)));
    return true;
}

/* The leading zeros of x ^ x << 1 with a one below: all bits equal gives width - 1. */
bool a64_cls(struct aarch64_ctx *ctx, const struct arg_rr *a)
{
    ir_ref x = rget(ctx, a->sf, a->rn), one = constr(ctx, a->sf, 1);

    x = opr(ctx, a->sf, IR_xor, x, opr(ctx, a->sf, IR_shl, x, one));
    rput(ctx, a->sf, a->rd, ir_op1(ctx->u, IR_clz, rtype(a->sf), opr(ctx, a->sf, IR_or, x, one)));
    return true;
}
