/* Branches, exceptions, hints. */
#include "frontend/aarch64/trans.h"

static gaddr target(struct aarch64_ctx *ctx, int64_t offset)
{
    return ctx->tr->pc + (uint64_t)offset;
}

static void put_link(struct aarch64_ctx *ctx)
{
    xput(ctx, LR, ir_const_addr(ctx->u, ctx->tr->pc + ctx->tr->len));
}

/* --- direct */

bool a64_b(struct aarch64_ctx *ctx, const struct arg_b *a)
{
    tr_goto(ctx->tr, target(ctx, a->imm), IR_JUMP_PLAIN);
    return true;
}

bool a64_bl(struct aarch64_ctx *ctx, const struct arg_b *a)
{
    put_link(ctx);
    tr_goto(ctx->tr, target(ctx, a->imm), IR_JUMP_CALL);
    return true;
}

bool a64_b_cond(struct aarch64_ctx *ctx, const struct arg_bc *a)
{
    tr_branch(ctx->tr, a64_cond(ctx, a->cond), target(ctx, a->imm));
    return true;
}

/* x compared with 0; of a flag made a register (cset) the condition itself. A constant is what a store-exclusive that can't fail
 * says. */
static bool if_zero(struct aarch64_ctx *ctx, const struct arg_cb *a, enum ir_op op)
{
    ir_ref x = rget(ctx, a->sf, a->rt), c;
    const struct ir_insn *i = ir_at(ctx->u, x);

    if (i->op == IR_zext && ir_at(ctx->u, i->arg[0])->type == IR_I1)
        c = op == IR_cmpne ? i->arg[0] : not1(ctx, i->arg[0]);
    else if (i->op == IR_const)
        c = const1(ctx, (i->imm == 0) == (op == IR_cmpeq));
    else
        c = cmp(ctx, op, x, constr(ctx, a->sf, 0));
    tr_branch(ctx->tr, c, target(ctx, a->imm));
    return true;
}

bool a64_cbz(struct aarch64_ctx *ctx, const struct arg_cb *a) { return if_zero(ctx, a, IR_cmpeq); }
bool a64_cbnz(struct aarch64_ctx *ctx, const struct arg_cb *a) { return if_zero(ctx, a, IR_cmpne); }

static bool if_bit(struct aarch64_ctx *ctx, const struct arg_tb *a, enum ir_op op)
{
    int sf = a->bit >= 32;
    ir_ref x = rget(ctx, sf, a->rt), zero = constr(ctx, sf, 0), c;

    if (a->bit == 31 || a->bit == 63) /* the sign */
        c = op == IR_cmpne ? cmp(ctx, IR_cmplts, x, zero) : cmp(ctx, IR_cmples, zero, x);
    else
        c = cmp(ctx, op, opr(ctx, sf, IR_and, x, constr(ctx, sf, 1ull << a->bit)), zero);
    tr_branch(ctx->tr, c, target(ctx, a->imm));
    return true;
}

bool a64_tbz(struct aarch64_ctx *ctx, const struct arg_tb *a) { return if_bit(ctx, a, IR_cmpeq); }
bool a64_tbnz(struct aarch64_ctx *ctx, const struct arg_tb *a) { return if_bit(ctx, a, IR_cmpne); }

/* --- indirect */

bool a64_br(struct aarch64_ctx *ctx, const struct arg_br *a)
{
    tr_indirect(ctx->tr, xget(ctx, a->rn), IR_JUMP_PLAIN);
    return true;
}

bool a64_blr(struct aarch64_ctx *ctx, const struct arg_br *a)
{
    ir_ref to = xget(ctx, a->rn);

    put_link(ctx);
    tr_indirect(ctx->tr, to, IR_JUMP_CALL);
    return true;
}

bool a64_ret(struct aarch64_ctx *ctx, const struct arg_br *a)
{
    tr_indirect(ctx->tr, xget(ctx, a->rn), IR_JUMP_RET);
    return true;
}

/* --- exceptions */

bool a64_svc(struct aarch64_ctx *ctx, const struct arg_imm16 *a)
{
    tr_trap(ctx->tr, IR_TRAP_SYSCALL, 0);
    return true;
}

bool a64_brk(struct aarch64_ctx *ctx, const struct arg_imm16 *a)
{
    tr_trap(ctx->tr, IR_TRAP_BREAK, (uint64_t)a->imm);
    return true;
}

/* --- hints */

bool a64_nop(struct aarch64_ctx *ctx, const struct arg_none *a) { return true; }
bool a64_yield(struct aarch64_ctx *ctx, const struct arg_none *a) { return true; }
bool a64_wfe(struct aarch64_ctx *ctx, const struct arg_none *a) { return true; }
bool a64_wfi(struct aarch64_ctx *ctx, const struct arg_none *a) { return true; }

/* --- pointer authentication: HWCAP does not have it. Its encodings among the hints do nothing, the others are undefined. */

static bool is_hint(struct aarch64_ctx *ctx)
{
    return (ctx->tr->bits & 0xfffff01f) == 0xd503201f;
}

bool a64_pac(struct aarch64_ctx *ctx, const struct arg_pac *a) { return is_hint(ctx); }
bool a64_aut(struct aarch64_ctx *ctx, const struct arg_pac *a) { return is_hint(ctx); }
bool a64_xpac(struct aarch64_ctx *ctx, const struct arg_xpac *a) { return is_hint(ctx); }
bool a64_bra(struct aarch64_ctx *ctx, const struct arg_bra *a) { return false; }
bool a64_blra(struct aarch64_ctx *ctx, const struct arg_bra *a) { return false; }
bool a64_reta(struct aarch64_ctx *ctx, const struct arg_key *a) { return false; }
bool a64_ldra(struct aarch64_ctx *ctx, const struct arg_ldra *a) { return false; }
bool a64_pacga(struct aarch64_ctx *ctx, const struct arg_rrr64 *a) { return false; }
