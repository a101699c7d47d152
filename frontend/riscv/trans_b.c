/* Chapters B (Zba, Zbb, Zbs) and Zicond: bit manipulation, conditional zero. */
#include "frontend/riscv/trans.h"

/* --- Zba: addresses */

static ir_ref zext32(struct riscv_ctx *ctx, int n)
{
    ir_ref v = xget32(ctx, n);

    if (ir_is_const(ctx->u, v))
        return const64(ctx, (uint32_t)ir_at(ctx->u, v)->imm);
    return ir_op1(ctx->u, IR_zext, IR_I64, v);
}

static bool shift_add(struct riscv_ctx *ctx, const struct arg_r *a, unsigned by, ir_ref index)
{
    ir_ref scaled = by ? op64(ctx, IR_shl, index, const64(ctx, by)) : index;

    xput(ctx, a->rd, op64(ctx, IR_add, xget(ctx, a->rs2), scaled));
    return true;
}

bool trans_add_uw(struct riscv_ctx *ctx, const struct arg_r *a)
{
    if (a->rs2 == 0) { /* zext.w */
        xput(ctx, a->rd, zext32(ctx, a->rs1));
        return true;
    }
    return shift_add(ctx, a, 0, zext32(ctx, a->rs1));
}

#define SHIFT_ADD(by)                                                                               \
    bool trans_sh##by##add(struct riscv_ctx *ctx, const struct arg_r *a)                             \
    {                                                                                               \
        return shift_add(ctx, a, by, xget(ctx, a->rs1));                                            \
    }                                                                                               \
    bool trans_sh##by##add_uw(struct riscv_ctx *ctx, const struct arg_r *a)                          \
    {                                                                                               \
        return shift_add(ctx, a, by, zext32(ctx, a->rs1));                                          \
    }

SHIFT_ADD(1)
SHIFT_ADD(2)
SHIFT_ADD(3)

bool trans_slli_uw(struct riscv_ctx *ctx, const struct arg_shift *a)
{
    xput(ctx, a->rd, op64(ctx, IR_shl, zext32(ctx, a->rs1), const64(ctx, (uint64_t)a->shamt)));
    return true;
}

/* --- Zbb: logic, counts, minimum, maximum */

static ir_ref not64(struct riscv_ctx *ctx, ir_ref v)
{
    return op64(ctx, IR_xor, v, const64(ctx, UINT64_MAX));
}

bool trans_andn(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_andn); }

bool trans_orn(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput(ctx, a->rd, op64(ctx, IR_or, xget(ctx, a->rs1), not64(ctx, xget(ctx, a->rs2))));
    return true;
}

bool trans_xnor(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput(ctx, a->rd, not64(ctx, op64(ctx, IR_xor, xget(ctx, a->rs1), xget(ctx, a->rs2))));
    return true;
}

static bool unary(struct riscv_ctx *ctx, const struct arg_r2 *a, enum ir_op op)
{
    xput(ctx, a->rd, ir_op1(ctx->u, op, IR_I64, xget(ctx, a->rs1)));
    return true;
}

static bool unary32(struct riscv_ctx *ctx, const struct arg_r2 *a, enum ir_op op)
{
    xput32(ctx, a->rd, ir_op1(ctx->u, op, IR_I32, xget32(ctx, a->rs1)));
    return true;
}

bool trans_clz(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary(ctx, a, IR_clz); }
bool trans_ctz(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary(ctx, a, IR_ctz); }
bool trans_cpop(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary(ctx, a, IR_popcnt); }
bool trans_rev8(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary(ctx, a, IR_bswap); }
bool trans_clzw(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary32(ctx, a, IR_clz); }
bool trans_ctzw(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary32(ctx, a, IR_ctz); }
bool trans_cpopw(struct riscv_ctx *ctx, const struct arg_r2 *a) { return unary32(ctx, a, IR_popcnt); }

static bool extend(struct riscv_ctx *ctx, const struct arg_r2 *a, enum ir_op op, enum ir_type from)
{
    ir_ref low = ir_op1(ctx->u, IR_trunc, from, xget(ctx, a->rs1));

    xput(ctx, a->rd, ir_op1(ctx->u, op, IR_I64, low));
    return true;
}

bool trans_sext_b(struct riscv_ctx *ctx, const struct arg_r2 *a) { return extend(ctx, a, IR_sext, IR_I8); }
bool trans_sext_h(struct riscv_ctx *ctx, const struct arg_r2 *a) { return extend(ctx, a, IR_sext, IR_I16); }
bool trans_zext_h(struct riscv_ctx *ctx, const struct arg_r2 *a) { return extend(ctx, a, IR_zext, IR_I16); }

static bool choose(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_op less, bool want_less)
{
    ir_ref x = xget(ctx, a->rs1), y = xget(ctx, a->rs2);
    ir_ref c = cmp(ctx, less, x, y);

    xput(ctx, a->rd, want_less ? select64(ctx, c, x, y) : select64(ctx, c, y, x));
    return true;
}

bool trans_min(struct riscv_ctx *ctx, const struct arg_r *a) { return choose(ctx, a, IR_cmplts, true); }
bool trans_minu(struct riscv_ctx *ctx, const struct arg_r *a) { return choose(ctx, a, IR_cmpltu, true); }
bool trans_max(struct riscv_ctx *ctx, const struct arg_r *a) { return choose(ctx, a, IR_cmplts, false); }
bool trans_maxu(struct riscv_ctx *ctx, const struct arg_r *a) { return choose(ctx, a, IR_cmpltu, false); }

/* A rotation to the left by n is one to the right by -n, modulo the width. */
bool trans_rol(struct riscv_ctx *ctx, const struct arg_r *a)
{
    ir_ref n = op64(ctx, IR_sub, const64(ctx, 0), xget(ctx, a->rs2));

    xput(ctx, a->rd, op64(ctx, IR_rotr, xget(ctx, a->rs1), n));
    return true;
}

bool trans_rolw(struct riscv_ctx *ctx, const struct arg_r *a)
{
    ir_ref n = op32(ctx, IR_sub, const32(ctx, 0), xget32(ctx, a->rs2));

    xput32(ctx, a->rd, op32(ctx, IR_rotr, xget32(ctx, a->rs1), n));
    return true;
}

bool trans_ror(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_rotr); }
bool trans_rorw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_rotr); }
bool trans_rori(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri(ctx, a, IR_rotr); }
bool trans_roriw(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri32(ctx, a, IR_rotr); }

/* Each byte: 0xff if it is not zero. Bit 7 of ((b & 0x7f) + 0x7f) | b says so; then times 0xff. */
bool trans_orc_b(struct riscv_ctx *ctx, const struct arg_r2 *a)
{
    ir_ref low7 = const64(ctx, 0x7f7f7f7f7f7f7f7full), x = xget(ctx, a->rs1);
    ir_ref sum = op64(ctx, IR_add, op64(ctx, IR_and, x, low7), low7);
    ir_ref some = op64(ctx, IR_shr, op64(ctx, IR_or, sum, x), const64(ctx, 7));
    ir_ref ones = op64(ctx, IR_and, some, const64(ctx, 0x0101010101010101ull));

    xput(ctx, a->rd, op64(ctx, IR_sub, op64(ctx, IR_shl, ones, const64(ctx, 8)), ones));
    return true;
}

/* --- Zbs: single bits */

static ir_ref bit(struct riscv_ctx *ctx, ir_ref n)
{
    if (ir_is_const(ctx->u, n))
        return const64(ctx, 1ull << (ir_at(ctx->u, n)->imm & 63));
    return op64(ctx, IR_shl, const64(ctx, 1), n);
}

static ir_ref extract(struct riscv_ctx *ctx, ir_ref x, ir_ref n)
{
    return op64(ctx, IR_and, op64(ctx, IR_shr, x, n), const64(ctx, 1));
}

#define SINGLE_BIT(name, op)                                                                        \
    bool trans_##name(struct riscv_ctx *ctx, const struct arg_r *a)                                  \
    {                                                                                               \
        ir_ref b = bit(ctx, xget(ctx, a->rs2));                                                     \
                                                                                                    \
        xput(ctx, a->rd, op64(ctx, op, xget(ctx, a->rs1), b));                                      \
        return true;                                                                                \
    }                                                                                               \
    bool trans_##name##i(struct riscv_ctx *ctx, const struct arg_shift *a)                           \
    {                                                                                               \
        ir_ref b = bit(ctx, const64(ctx, (uint64_t)a->shamt));                                      \
                                                                                                    \
        xput(ctx, a->rd, op64(ctx, op, xget(ctx, a->rs1), b));                                      \
        return true;                                                                                \
    }

SINGLE_BIT(bclr, IR_andn)
SINGLE_BIT(binv, IR_xor)
SINGLE_BIT(bset, IR_or)

bool trans_bext(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput(ctx, a->rd, extract(ctx, xget(ctx, a->rs1), xget(ctx, a->rs2)));
    return true;
}

bool trans_bexti(struct riscv_ctx *ctx, const struct arg_shift *a)
{
    xput(ctx, a->rd, extract(ctx, xget(ctx, a->rs1), const64(ctx, (uint64_t)a->shamt)));
    return true;
}

/* --- Zicond */

static bool conditional_zero(struct riscv_ctx *ctx, const struct arg_r *a, enum ir_op keep_if)
{
    ir_ref keep = cmp(ctx, keep_if, xget(ctx, a->rs2), const64(ctx, 0));

    xput(ctx, a->rd, select64(ctx, keep, xget(ctx, a->rs1), const64(ctx, 0)));
    return true;
}

bool trans_czero_eqz(struct riscv_ctx *ctx, const struct arg_r *a)
{
    return conditional_zero(ctx, a, IR_cmpne);
}

bool trans_czero_nez(struct riscv_ctx *ctx, const struct arg_r *a)
{
    return conditional_zero(ctx, a, IR_cmpeq);
}
