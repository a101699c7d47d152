/* Chapter A: atomics.
 *
 * lr remembers the address and what it read; sc is a compare-and-swap with that value if the address is the
 * same. A value that went and came back (ABA) is not noticed. With only arithmetic between the two they become one atomic operation
 * (frontend/exclusive.h). A misaligned address is the guest's SIGBUS.
 *
 * aq and rl: sc and the amos are locked, so everything is ordered around them. An lr is a load: acquire on x86 as
 * it is; release (.aqrl) must stay behind earlier stores, which takes a fence. An amoswap that asks for no order and whose result
 * nobody gets is a store: compilers make relaxed and, behind a fence, release stores of atomics from it.
 */
#include "frontend/exclusive.h"
#include "frontend/riscv/trans.h"

/* res_key for this address: lr.w and sc.d don't go together, nor lr.d and sc.w. */
static ir_ref reservation_key(struct riscv_ctx *ctx, ir_ref addr, enum ir_type t)
{
    return add_imm(ctx, addr, t == IR_I32 ? 1 : 0);
}

static bool lr(struct riscv_ctx *ctx, const struct arg_lr *a, enum ir_type t)
{
    ir_ref addr = xget(ctx, a->rs1);

    if (a->rl)
        ir_emit(ctx->u, IR_fence, IR_VOID, IR_FENCE_RR | IR_FENCE_WR, IR_NONE, IR_NONE, IR_NONE, 0);

    ir_ref v = ir_emit(ctx->u, IR_load, IR_I64, (uint16_t)(t | IR_MEM_SX | IR_MEM_ALIGNED), addr,
                       IR_NONE, IR_NONE, 0);

    tr_put(ctx->tr, RISCV_REG_res_key, reservation_key(ctx, addr, t));
    tr_put(ctx->tr, RISCV_REG_res_val, v);
    xput(ctx, a->rd, v);
    return true;
}

/* True if the reservation is known to be for `addr` and type `t`, because the lr is in this unit. */
static bool same_key(struct riscv_ctx *ctx, ir_ref key, ir_ref addr, enum ir_type t)
{
    const struct ir_insn *k = ir_at(ctx->u, key);

    if (t == IR_I64)
        return key == addr;
    return k->op == IR_add && k->arg[0] == addr && k->arg[1] == const64(ctx, 1);
}

/* Without the reservation nothing must be stored: then the swap compares with what it would store. */
static bool sc(struct riscv_ctx *ctx, const struct arg_amo *a, enum ir_type t)
{
    ir_ref addr = xget(ctx, a->rs1), v = xget(ctx, a->rs2);
    ir_ref key = tr_get(ctx->tr, RISCV_REG_res_key), want = tr_get(ctx->tr, RISCV_REG_res_val);
    ir_ref reserved = IR_NONE, expect = want;
    unsigned aux = t | IR_MEM_SX | IR_MEM_ALIGNED;

    if (same_key(ctx, key, addr, t) && tr_fuse_exclusive(ctx->tr, want, addr, aux, v)) {
        tr_put(ctx->tr, RISCV_REG_res_key, const64(ctx, RISCV_NO_RESERVATION));
        xput(ctx, a->rd, const64(ctx, 0));
        return true;
    }
    if (!same_key(ctx, key, addr, t)) {
        reserved = cmp(ctx, IR_cmpeq, key, reservation_key(ctx, addr, t));
        expect = select64(ctx, reserved, want, v);
    }

    ir_ref old = ir_emit(ctx->u, IR_cas, IR_I64, (uint16_t)aux, addr, expect, v, 0);
    ir_ref failed = cmp(ctx, IR_cmpne, old, want);

    if (reserved) {
        ir_ref lost = ir_op2(ctx->u, IR_xor, IR_I1, reserved, ir_const_val(ctx->u, IR_I1, 1));

        failed = ir_op2(ctx->u, IR_or, IR_I1, failed, lost);
    }
    tr_put(ctx->tr, RISCV_REG_res_key, const64(ctx, RISCV_NO_RESERVATION));
    xput1(ctx, a->rd, failed);
    return true;
}

bool trans_lr_w(struct riscv_ctx *ctx, const struct arg_lr *a) { return lr(ctx, a, IR_I32); }
bool trans_lr_d(struct riscv_ctx *ctx, const struct arg_lr *a) { return lr(ctx, a, IR_I64); }
bool trans_sc_w(struct riscv_ctx *ctx, const struct arg_amo *a) { return sc(ctx, a, IR_I32); }
bool trans_sc_d(struct riscv_ctx *ctx, const struct arg_amo *a) { return sc(ctx, a, IR_I64); }

static bool amo(struct riscv_ctx *ctx, const struct arg_amo *a, enum ir_type t, enum ir_amo kind)
{
    unsigned aux = t | IR_MEM_SX | IR_MEM_ALIGNED | kind << IR_AMO_SHIFT;
    ir_ref addr = xget(ctx, a->rs1), v = xget(ctx, a->rs2);

    if (kind == IR_AMO_SWAP && a->rd == 0 && !a->aq && !a->rl) {
        ir_emit(ctx->u, IR_store, IR_VOID, (uint16_t)(t | IR_MEM_ALIGNED), addr, IR_NONE, v, 0);
        return true;
    }
    xput(ctx, a->rd, ir_emit(ctx->u, IR_amo, IR_I64, (uint16_t)aux, addr, v, IR_NONE, 0));
    return true;
}

#define AMO(name, kind)                                                                             \
    bool trans_##name##_w(struct riscv_ctx *ctx, const struct arg_amo *a)                            \
    {                                                                                               \
        return amo(ctx, a, IR_I32, kind);                                                           \
    }                                                                                               \
    bool trans_##name##_d(struct riscv_ctx *ctx, const struct arg_amo *a)                            \
    {                                                                                               \
        return amo(ctx, a, IR_I64, kind);                                                           \
    }

AMO(amoswap, IR_AMO_SWAP)
AMO(amoadd, IR_AMO_ADD)
AMO(amoxor, IR_AMO_XOR)
AMO(amoand, IR_AMO_AND)
AMO(amoor, IR_AMO_OR)
AMO(amomin, IR_AMO_MINS)
AMO(amomax, IR_AMO_MAXS)
AMO(amominu, IR_AMO_MINU)
AMO(amomaxu, IR_AMO_MAXU)
