/* Loads and stores, of general and of vector registers. */
#include "frontend/aarch64/trans.h"

static const uint8_t int_types[4] = { IR_I8, IR_I16, IR_I32, IR_I64 };

/* Where an access goes: base + (index << scale) + imm. */
struct address {
    ir_ref base, index;
    unsigned scale;
    int64_t imm;
};

static ir_ref load(struct aarch64_ctx *ctx, const struct address *at, enum ir_type t, unsigned aux)
{
    return ir_emit(ctx->u, IR_load, t, (uint16_t)(aux | at->scale << IR_MEM_SCALE_SHIFT), at->base, at->index,
                   IR_NONE, at->imm);
}

static void store(struct aarch64_ctx *ctx, const struct address *at, ir_ref v, unsigned aux)
{
    ir_emit(ctx->u, IR_store, IR_VOID, (uint16_t)(aux | at->scale << IR_MEM_SCALE_SHIFT), at->base, at->index, v,
            at->imm);
}

/* --- one register, general or vector */

/* 2^sz bytes, extended as an instruction does: to 64 bits, or to 32 and then with zeros. */
static ir_ref load_x(struct aarch64_ctx *ctx, const struct address *at, int sz, int sx, int sf)
{
    if (!sx)
        return load(ctx, at, IR_I64, int_types[sz]);
    if (sf)
        return load(ctx, at, IR_I64, int_types[sz] | IR_MEM_SX);
    return zext64(ctx, load(ctx, at, IR_I32, int_types[sz] | IR_MEM_SX));
}

static void store_x(struct aarch64_ctx *ctx, const struct address *at, int sz, int rt)
{
    store(ctx, at, xget(ctx, rt), int_types[sz]);
}

/* sz 0 to 4: B to Q. What is loaded goes with put_v(). */
static ir_ref load_v(struct aarch64_ctx *ctx, const struct address *at, int sz)
{
    static const uint8_t types[5] = { IR_I8, IR_I16, IR_F32, IR_F64, IR_V128 };
    enum ir_type t = types[sz];

    return load(ctx, at, sz < 2 ? IR_I32 : t, t);
}

static void put_v(struct aarch64_ctx *ctx, int rt, ir_ref v)
{
    if (ir_at(ctx->u, v)->type == IR_V128)
        vput(ctx, rt, v);
    else
        vput_low(ctx, rt, v);
}

static void store_v(struct aarch64_ctx *ctx, const struct address *at, int sz, int rt)
{
    static const uint8_t types[5] = { IR_I8, IR_I16, IR_F32, IR_F64, IR_V128 };
    enum ir_type t = types[sz];

    store(ctx, at, sz == 4 ? vget(ctx, rt) : vget_low(ctx, rt, t), t);
}

/* --- base and immediate; write-back comes last */

static struct address at_imm(struct aarch64_ctx *ctx, int rn, int64_t imm, int post)
{
    return (struct address){ .base = xget_sp(ctx, rn), .imm = post ? 0 : imm };
}

static void write_back(struct aarch64_ctx *ctx, int rn, ir_ref base, int64_t imm, int w)
{
    if (w)
        xput_sp(ctx, rn, add_imm(ctx, base, imm));
}

bool a64_ldr_imm(struct aarch64_ctx *ctx, const struct arg_ldst *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post);
    ir_ref v = load_x(ctx, &at, a->sz, a->sx, a->sf);

    write_back(ctx, a->rn, at.base, a->imm, a->w);
    xput(ctx, a->rt, v);
    return true;
}

bool a64_str_imm(struct aarch64_ctx *ctx, const struct arg_ldst *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post);

    store_x(ctx, &at, a->sz, a->rt);
    write_back(ctx, a->rn, at.base, a->imm, a->w);
    return true;
}

bool a64_ldr_v_imm(struct aarch64_ctx *ctx, const struct arg_ldst_v *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post);
    ir_ref v = load_v(ctx, &at, a->sz);

    write_back(ctx, a->rn, at.base, a->imm, a->w);
    put_v(ctx, a->rt, v);
    return true;
}

bool a64_str_v_imm(struct aarch64_ctx *ctx, const struct arg_ldst_v *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post);

    store_v(ctx, &at, a->sz, a->rt);
    write_back(ctx, a->rn, at.base, a->imm, a->w);
    return true;
}

/* --- base and register: option 2 uxtw, 3 lsl, 6 sxtw, 7 sxtx; shifted by sz if s */

static struct address at_reg(struct aarch64_ctx *ctx, int rn, int rm, int option, unsigned shift)
{
    struct address at = { .base = xget_sp(ctx, rn), .scale = shift };

    if (rm == ZR)
        return (struct address){ .base = at.base };
    if (option & 1)
        at.index = xget(ctx, rm);
    else
        at.index = ir_op1(ctx->u, option & 4 ? IR_sext : IR_zext, IR_I64, wget(ctx, rm));
    if (shift > 3) {
        at.index = op64(ctx, IR_shl, at.index, const64(ctx, shift));
        at.scale = 0;
    }
    return at;
}

bool a64_ldr_reg(struct aarch64_ctx *ctx, const struct arg_ldst_r *a)
{
    struct address at = at_reg(ctx, a->rn, a->rm, a->option, a->s ? (unsigned)a->sz : 0);

    xput(ctx, a->rt, load_x(ctx, &at, a->sz, a->sx, a->sf));
    return true;
}

bool a64_str_reg(struct aarch64_ctx *ctx, const struct arg_ldst_r *a)
{
    struct address at = at_reg(ctx, a->rn, a->rm, a->option, a->s ? (unsigned)a->sz : 0);

    store_x(ctx, &at, a->sz, a->rt);
    return true;
}

bool a64_ldr_v_reg(struct aarch64_ctx *ctx, const struct arg_ldst_vr *a)
{
    struct address at = at_reg(ctx, a->rn, a->rm, a->option, a->s ? (unsigned)a->sz : 0);

    put_v(ctx, a->rt, load_v(ctx, &at, a->sz));
    return true;
}

bool a64_str_v_reg(struct aarch64_ctx *ctx, const struct arg_ldst_vr *a)
{
    struct address at = at_reg(ctx, a->rn, a->rm, a->option, a->s ? (unsigned)a->sz : 0);

    store_v(ctx, &at, a->sz, a->rt);
    return true;
}

/* --- literals */

static struct address at_literal(struct aarch64_ctx *ctx, int64_t imm)
{
    return (struct address){ .base = ir_const_addr(ctx->u, ctx->tr->pc + (uint64_t)imm) };
}

bool a64_ldr_lit(struct aarch64_ctx *ctx, const struct arg_lit *a)
{
    struct address at = at_literal(ctx, a->imm);

    xput(ctx, a->rt, load_x(ctx, &at, a->sz, a->sx, 1));
    return true;
}

bool a64_ldr_v_lit(struct aarch64_ctx *ctx, const struct arg_lit *a)
{
    struct address at = at_literal(ctx, a->imm);

    put_v(ctx, a->rt, load_v(ctx, &at, a->sz));
    return true;
}

bool a64_prfm(struct aarch64_ctx *ctx, const struct arg_none *a)
{
    return true;
}

/* --- pairs: both accesses before any register changes */

bool a64_ldp(struct aarch64_ctx *ctx, const struct arg_ldp *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post), second = at;

    second.imm += 1 << a->sz;

    ir_ref x = load_x(ctx, &at, a->sz, a->sx, 1), y = load_x(ctx, &second, a->sz, a->sx, 1);

    write_back(ctx, a->rn, at.base, a->imm, a->w);
    xput(ctx, a->rt, x);
    xput(ctx, a->rt2, y);
    return true;
}

bool a64_stp(struct aarch64_ctx *ctx, const struct arg_ldp *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post), second = at;

    second.imm += 1 << a->sz;
    store_x(ctx, &at, a->sz, a->rt);
    store_x(ctx, &second, a->sz, a->rt2);
    write_back(ctx, a->rn, at.base, a->imm, a->w);
    return true;
}

bool a64_ldp_v(struct aarch64_ctx *ctx, const struct arg_ldp_v *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post), second = at;

    second.imm += 1 << a->sz;

    ir_ref x = load_v(ctx, &at, a->sz), y = load_v(ctx, &second, a->sz);

    write_back(ctx, a->rn, at.base, a->imm, a->w);
    put_v(ctx, a->rt, x);
    put_v(ctx, a->rt2, y);
    return true;
}

bool a64_stp_v(struct aarch64_ctx *ctx, const struct arg_ldp_v *a)
{
    struct address at = at_imm(ctx, a->rn, a->imm, a->post), second = at;

    second.imm += 1 << a->sz;
    store_v(ctx, &at, a->sz, a->rt);
    store_v(ctx, &second, a->sz, a->rt2);
    write_back(ctx, a->rn, at.base, a->imm, a->w);
    return true;
}
