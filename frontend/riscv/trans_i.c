/* Chapters RV32I, RV64I, Zifencei, Zihintpause, Zihintntl: integers, jumps, loads and stores, fences. */
#include "frontend/riscv/trans.h"

/* --- constants and register-immediate */

bool trans_lui(struct riscv_ctx *ctx, const struct arg_u *a)
{
    xput(ctx, a->rd, const64(ctx, (uint64_t)a->imm));
    return true;
}

bool trans_auipc(struct riscv_ctx *ctx, const struct arg_u *a)
{
    xput(ctx, a->rd, ir_const_addr(ctx->u, ctx->tr->pc + (uint64_t)a->imm));
    return true;
}

bool trans_addi(struct riscv_ctx *ctx, const struct arg_i *a)
{
    if (a->rd)
        xput(ctx, a->rd, add_imm(ctx, xget(ctx, a->rs1), a->imm));
    return true;
}

bool trans_addiw(struct riscv_ctx *ctx, const struct arg_i *a)
{
    ir_ref v = xget32(ctx, a->rs1);

    if (ir_is_const(ctx->u, v))
        v = const32(ctx, (uint32_t)ir_at(ctx->u, v)->imm + (uint32_t)a->imm);
    else if (a->imm)
        v = op32(ctx, IR_add, v, const32(ctx, (uint32_t)a->imm));
    xput32(ctx, a->rd, v);
    return true;
}

static bool logic_imm(struct riscv_ctx *ctx, const struct arg_i *a, enum ir_op op)
{
    xput(ctx, a->rd, op64(ctx, op, xget(ctx, a->rs1), const64(ctx, (uint64_t)a->imm)));
    return true;
}

bool trans_xori(struct riscv_ctx *ctx, const struct arg_i *a) { return logic_imm(ctx, a, IR_xor); }
bool trans_ori(struct riscv_ctx *ctx, const struct arg_i *a) { return logic_imm(ctx, a, IR_or); }
bool trans_andi(struct riscv_ctx *ctx, const struct arg_i *a) { return logic_imm(ctx, a, IR_and); }

bool trans_slti(struct riscv_ctx *ctx, const struct arg_i *a)
{
    xput1(ctx, a->rd, cmp(ctx, IR_cmplts, xget(ctx, a->rs1), const64(ctx, (uint64_t)a->imm)));
    return true;
}

bool trans_sltiu(struct riscv_ctx *ctx, const struct arg_i *a)
{
    ir_ref x = xget(ctx, a->rs1);

    if (a->imm == 1) /* seqz */
        xput1(ctx, a->rd, cmp(ctx, IR_cmpeq, x, const64(ctx, 0)));
    else
        xput1(ctx, a->rd, cmp(ctx, IR_cmpltu, x, const64(ctx, (uint64_t)a->imm)));
    return true;
}

bool trans_slli(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri(ctx, a, IR_shl); }
bool trans_srli(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri(ctx, a, IR_shr); }
bool trans_srai(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri(ctx, a, IR_sar); }
bool trans_slliw(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri32(ctx, a, IR_shl); }
bool trans_srliw(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri32(ctx, a, IR_shr); }
bool trans_sraiw(struct riscv_ctx *ctx, const struct arg_shift *a) { return rri32(ctx, a, IR_sar); }

/* --- register-register; the IR's shifts take their amount modulo the width, as RISC-V does */

bool trans_add(struct riscv_ctx *ctx, const struct arg_r *a)
{
    if (a->rs1 == 0 || a->rs2 == 0) { /* c.mv */
        xput(ctx, a->rd, xget(ctx, a->rs1 | a->rs2));
        return true;
    }
    return rrr(ctx, a, IR_add);
}

bool trans_sub(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_sub); }
bool trans_xor(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_xor); }
bool trans_or(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_or); }
bool trans_and(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_and); }
bool trans_sll(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_shl); }
bool trans_srl(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_shr); }
bool trans_sra(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr(ctx, a, IR_sar); }
bool trans_addw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_add); }
bool trans_subw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_sub); }
bool trans_sllw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_shl); }
bool trans_srlw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_shr); }
bool trans_sraw(struct riscv_ctx *ctx, const struct arg_r *a) { return rrr32(ctx, a, IR_sar); }

bool trans_slt(struct riscv_ctx *ctx, const struct arg_r *a)
{
    xput1(ctx, a->rd, cmp(ctx, IR_cmplts, xget(ctx, a->rs1), xget(ctx, a->rs2)));
    return true;
}

bool trans_sltu(struct riscv_ctx *ctx, const struct arg_r *a)
{
    if (a->rs1 == 0) /* snez */
        xput1(ctx, a->rd, cmp(ctx, IR_cmpne, xget(ctx, a->rs2), const64(ctx, 0)));
    else
        xput1(ctx, a->rd, cmp(ctx, IR_cmpltu, xget(ctx, a->rs1), xget(ctx, a->rs2)));
    return true;
}

bool trans_nop(struct riscv_ctx *ctx, const struct arg_none *a)
{
    return true;
}

/* --- jumps. x1 and x5 are link registers (manual, table "Return-address stack prediction hints"). */

static bool is_link(int reg)
{
    return reg == 1 || reg == 5;
}

static void put_link(struct riscv_ctx *ctx, int rd)
{
    if (rd)
        xput(ctx, rd, ir_const_addr(ctx->u, ctx->tr->pc + ctx->tr->len));
}

bool trans_jal(struct riscv_ctx *ctx, const struct arg_j *a)
{
    put_link(ctx, a->rd);
    tr_goto(ctx->tr, ctx->tr->pc + (uint64_t)a->imm, is_link(a->rd) ? IR_JUMP_CALL : IR_JUMP_PLAIN);
    return true;
}

bool trans_jalr(struct riscv_ctx *ctx, const struct arg_i *a)
{
    ir_ref to = add_imm(ctx, xget(ctx, a->rs1), a->imm);
    enum ir_jump hint = is_link(a->rd) ? IR_JUMP_CALL
                      : is_link(a->rs1) ? IR_JUMP_RET : IR_JUMP_PLAIN;

    if (ir_is_const(ctx->u, to))
        to = ir_const_addr(ctx->u, (uint64_t)ir_at(ctx->u, to)->imm & ~1ull);
    else
        to = op64(ctx, IR_and, to, const64(ctx, ~1ull));
    put_link(ctx, a->rd);
    tr_indirect(ctx->tr, to, hint);
    return true;
}

/* Whether x is an i1 made an i64. */
static bool is_flag(struct riscv_ctx *ctx, ir_ref x)
{
    const struct ir_insn *i = ir_at(ctx->u, x);

    return i->op == IR_zext && ir_at(ctx->u, i->arg[0])->type == IR_I1;
}

static bool branch(struct riscv_ctx *ctx, const struct arg_b *a, enum ir_op op, bool swap)
{
    gaddr taken = ctx->tr->pc + (uint64_t)a->imm;

    if (a->rs1 == a->rs2) { /* always or never */
        if (op == IR_cmpeq || op == IR_cmples || op == IR_cmpleu)
            tr_goto(ctx->tr, taken, IR_JUMP_PLAIN);
        return true;
    }

    ir_ref x = xget(ctx, a->rs1), y = xget(ctx, a->rs2);

    if (a->rs2 == 0 && op == IR_cmpne && is_flag(ctx, x)) { /* sltu t0,…; bnez t0,… */
        tr_branch(ctx->tr, ir_at(ctx->u, x)->arg[0], taken);
        return true;
    }
    if (a->rs2 == 0 && op == IR_cmpne && ir_is_const(ctx->u, x)) { /* after an sc that can't fail */
        tr_branch(ctx->tr, ir_const_val(ctx->u, IR_I1, ir_at(ctx->u, x)->imm != 0), taken);
        return true;
    }
    tr_branch(ctx->tr, swap ? cmp(ctx, op, y, x) : cmp(ctx, op, x, y), taken);
    return true;
}

bool trans_beq(struct riscv_ctx *ctx, const struct arg_b *a) { return branch(ctx, a, IR_cmpeq, false); }
bool trans_bne(struct riscv_ctx *ctx, const struct arg_b *a) { return branch(ctx, a, IR_cmpne, false); }
bool trans_blt(struct riscv_ctx *ctx, const struct arg_b *a) { return branch(ctx, a, IR_cmplts, false); }
bool trans_bge(struct riscv_ctx *ctx, const struct arg_b *a) { return branch(ctx, a, IR_cmples, true); }
bool trans_bltu(struct riscv_ctx *ctx, const struct arg_b *a) { return branch(ctx, a, IR_cmpltu, false); }
bool trans_bgeu(struct riscv_ctx *ctx, const struct arg_b *a) { return branch(ctx, a, IR_cmpleu, true); }

/* --- memory */

static bool load(struct riscv_ctx *ctx, const struct arg_i *a, unsigned aux)
{
    xput(ctx, a->rd, ir_emit(ctx->u, IR_load, IR_I64, (uint16_t)aux, xget(ctx, a->rs1), IR_NONE,
                             IR_NONE, a->imm));
    return true;
}

bool trans_lb(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I8 | IR_MEM_SX); }
bool trans_lh(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I16 | IR_MEM_SX); }
bool trans_lw(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I32 | IR_MEM_SX); }
bool trans_ld(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I64); }
bool trans_lbu(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I8); }
bool trans_lhu(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I16); }
bool trans_lwu(struct riscv_ctx *ctx, const struct arg_i *a) { return load(ctx, a, IR_I32); }

static bool store(struct riscv_ctx *ctx, const struct arg_s *a, enum ir_type t)
{
    ir_ref base = xget(ctx, a->rs1), v = xget(ctx, a->rs2);

    ir_emit(ctx->u, IR_store, IR_VOID, t, base, IR_NONE, v, a->imm);
    return true;
}

bool trans_sb(struct riscv_ctx *ctx, const struct arg_s *a) { return store(ctx, a, IR_I8); }
bool trans_sh(struct riscv_ctx *ctx, const struct arg_s *a) { return store(ctx, a, IR_I16); }
bool trans_sw(struct riscv_ctx *ctx, const struct arg_s *a) { return store(ctx, a, IR_I32); }
bool trans_sd(struct riscv_ctx *ctx, const struct arg_s *a) { return store(ctx, a, IR_I64); }

/* --- fences: device input counts as a read, device output as a write */

bool trans_fence(struct riscv_ctx *ctx, const struct arg_fence *a)
{
    bool pr = a->pred & 0xa, pw = a->pred & 5, sr = a->succ & 0xa, sw = a->succ & 5;
    unsigned order = (pr && sr ? IR_FENCE_RR : 0) | (pr && sw ? IR_FENCE_RW : 0) |
                     (pw && sr ? IR_FENCE_WR : 0) | (pw && sw ? IR_FENCE_WW : 0);

    if (order)
        ir_emit(ctx->u, IR_fence, IR_VOID, (uint16_t)order, IR_NONE, IR_NONE, IR_NONE, 0);
    return true;
}

bool trans_fence_tso(struct riscv_ctx *ctx, const struct arg_none *a)
{
    ir_emit(ctx->u, IR_fence, IR_VOID, IR_FENCE_RR | IR_FENCE_RW | IR_FENCE_WW, IR_NONE, IR_NONE,
            IR_NONE, 0);
    return true;
}

bool trans_fence_i(struct riscv_ctx *ctx, const struct arg_none *a)
{
    tr_trap(ctx->tr, IR_TRAP_SYNC_CODE, 0);
    return true;
}

bool trans_pause(struct riscv_ctx *ctx, const struct arg_none *a)
{
    return true;
}

/* --- traps */

bool trans_ecall(struct riscv_ctx *ctx, const struct arg_none *a)
{
    tr_trap(ctx->tr, IR_TRAP_SYSCALL, 0);
    return true;
}

bool trans_ebreak(struct riscv_ctx *ctx, const struct arg_none *a)
{
    tr_trap(ctx->tr, IR_TRAP_BREAK, 0);
    return true;
}
