/* Guest memory. Every access is a host instruction that may fault: emit_mark_fault() stands before it. */
#include "backend/x86/emit.h"

#include <elf.h>
#include <stdlib.h>

void emit_mark_fault(struct x86_emit *e)
{
    GROW(e, faults);
    e->faults[e->nfaults++] = (struct code_fault){ x86_pos(&e->b), e->snap_rec };
}

/* 32-bit guests live in a window that gs points to; their addresses wrap around at 4 GiB. */
static struct x86_mem in_guest(const struct x86_emit *e, struct x86_mem m)
{
    return e->u->guest->elf_class == ELFCLASS32 ? x86_mem_gs(x86_mem_addr32(m)) : m;
}

static struct x86_mem operand_address(const struct x86_emit *e, const struct ir_insn *i)
{
    struct opnd base = e->o[0], index = e->o[1];

    if (index.kind == OPND_REG)
        return in_guest(e, x86_mem_bi(gpr(base), gpr(index), 1u << IR_MEM_SCALE(i->aux), (int32_t)i->imm));
    return in_guest(e, x86_mem_b(gpr(base), (int32_t)i->imm));
}

/* If the address `m` is no multiple of the access size the guest gets SIGBUS. */
static void check_alignment(struct x86_emit *e, const struct ir_insn *i, struct x86_mem m, enum x86_reg base,
                            unsigned bytes)
{
    struct stub *s;
    unsigned t = base;
    uint32_t first;

    if (!(i->aux & IR_MEM_ALIGNED) || bytes == 1)
        return;
    if (i->imm || ((i->op == IR_load || i->op == IR_store) && i->arg[1])) {
        t = ra_temp(&e->ra, RA_GPR, 0);
        x86_lea_rm(&e->b, 8, t, m);
    }
    first = ra_exit_list(&e->ra, i->snap);
    x86_test_ri(&e->b, 1, t, (int32_t)bytes - 1);
    s = stub_new(e, STUB_TRAP);
    s->first = first;
    s->n = e->ra.nwheres - first;
    s->trap = IR_TRAP_MISALIGN;
    s->info_reg = (uint8_t)t;
    s->pc = e->u->snaps[i->snap].pc;
    stub_jcc(e, s, X86_NE);
}

void emit_load_check(struct x86_emit *e, const struct ir_insn *i)
{
    if (i->aux & IR_MEM_ALIGNED)
        check_alignment(e, i, operand_address(e, i), gpr(e->o[0]), type_bytes(IR_MEM_TYPE(i->aux)));
}

void emit_load(struct x86_emit *e, struct ir_insn *i)
{
    struct x86_mem m = operand_address(e, i);
    unsigned size = op_size(i->type), mem = IR_MEM_TYPE(i->aux);
    bool sx = i->aux & IR_MEM_SX;

    emit_mark_fault(e);
    switch (mem) {
    case IR_I8:
        sx ? x86_movsx8_rm(&e->b, size, e->d, m) : x86_movzx8_rm(&e->b, 4, e->d, m);
        break;
    case IR_I16:
        sx ? x86_movsx16_rm(&e->b, size, e->d, m) : x86_movzx16_rm(&e->b, 4, e->d, m);
        break;
    case IR_I32:
        sx && size == 8 ? x86_movsxd_rm(&e->b, 8, e->d, m) : x86_mov_rm(&e->b, 4, e->d, m);
        break;
    case IR_I64:
        x86_mov_rm(&e->b, 8, e->d, m);
        break;
    case IR_F32:
        x86_movss_xm(&e->b, xmm(e->d), m);
        break;
    case IR_F64:
        x86_movsd_xm(&e->b, xmm(e->d), m);
        break;
    default:
        x86_movups_xm(&e->b, xmm(e->d), m);
    }
}

void emit_store(struct x86_emit *e, struct ir_insn *i)
{
    unsigned type = IR_MEM_TYPE(i->aux);
    bool fp = type >= IR_F32;
    struct opnd v = opnd_get(e, ra_rep(&e->ra, i->arg[2]), false, !fp, type_bytes(type));
    struct x86_mem m = operand_address(e, i);

    check_alignment(e, i, m, gpr(e->o[0]), type_bytes(type));
    e->snap_rec = snaplog_add(e, i->snap);
    emit_mark_fault(e);
    if (v.kind == OPND_IMM)
        x86_mov_mi(&e->b, type_bytes(type), m, v.imm);
    else if (v.reg < RA_XMM0)
        x86_mov_mr(&e->b, type_bytes(type), m, gpr(v));
    else if (type == IR_F32 || type == IR_I32)
        x86_movss_mx(&e->b, m, xmm(v.reg));
    else if (type == IR_F64 || type == IR_I64)
        x86_movsd_mx(&e->b, m, xmm(v.reg));
    else
        x86_movups_mx(&e->b, m, xmm(v.reg));
    if (i->aux & IR_MEM_SC)
        x86_mfence(&e->b);
}

void emit_fence(struct x86_emit *e, struct ir_insn *i)
{
    /* TSO keeps everything in order but a store before a later load (SDM vol. 3, 9.2.3.4). A locked
     * operation on the thread's own state orders those and is cheaper than mfence. */
    if (i->aux == 0 || (i->aux & IR_FENCE_WR))
        x86_lock_or_mi(&e->b, 4, CPU_MEM(e, rt_index), 0);
}

/* ------------------------------------------------------------------ atomics */

/* The old value, in `reg`, as the insn wants it. */
static void extend_old(struct x86_emit *e, const struct ir_insn *i, unsigned reg)
{
    bool sx = i->aux & IR_MEM_SX;

    switch (IR_MEM_TYPE(i->aux)) {
    case IR_I8:
        sx ? x86_movsx8_rr(&e->b, op_size(i->type), reg, reg) : x86_movzx8_rr(&e->b, 4, reg, reg);
        break;
    case IR_I16:
        sx ? x86_movsx16_rr(&e->b, op_size(i->type), reg, reg) : x86_movzx16_rr(&e->b, 4, reg, reg);
        break;
    case IR_I32:
        if (i->type == IR_I64)
            sx ? x86_movsxd_rr(&e->b, 8, reg, reg) : x86_mov_rr(&e->b, 4, reg, reg);
        break;
    default:
        break;
    }
}

/* new = old (rax) combined with the operand, in `t`. */
static void amo_combine(struct x86_emit *e, enum ir_amo kind, unsigned size, unsigned t, unsigned operand)
{
    unsigned wide = size < 4 ? 4 : size;
    enum x86_cc keep;

    switch (kind) {
    case IR_AMO_AND:
        x86_mov_rr(&e->b, 8, t, operand);
        x86_and_rr(&e->b, wide, t, RAX);
        return;
    case IR_AMO_OR:
        x86_mov_rr(&e->b, 8, t, operand);
        x86_or_rr(&e->b, wide, t, RAX);
        return;
    case IR_AMO_XOR:
        x86_mov_rr(&e->b, 8, t, operand);
        x86_xor_rr(&e->b, wide, t, RAX);
        return;
    case IR_AMO_ANDN:
        x86_mov_rr(&e->b, 8, t, operand);
        x86_not_r(&e->b, wide, t);
        x86_and_rr(&e->b, wide, t, RAX);
        return;
    case IR_AMO_MINS: keep = X86_LE; break;
    case IR_AMO_MAXS: keep = X86_GE; break;
    case IR_AMO_MINU: keep = X86_BE; break;
    default:          keep = X86_AE; break;
    }
    x86_mov_rr(&e->b, 8, t, operand);
    x86_cmp_rr(&e->b, size, RAX, operand);
    x86_cmovcc_rr(&e->b, wide, keep, t, RAX);
}

void emit_amo(struct x86_emit *e, struct ir_insn *i)
{
    enum ir_amo kind = IR_AMO_KIND(i->aux);
    unsigned size = type_bytes(IR_MEM_TYPE(i->aux)), result;
    bool loop = kind != IR_AMO_SWAP && kind != IR_AMO_ADD;
    struct opnd base, operand;
    struct x86_mem m;

    if (loop)
        ra_take(&e->ra, RAX);
    base = opnd_get(e, ra_rep(&e->ra, i->arg[0]), false, false, 8);
    operand = opnd_get(e, ra_rep(&e->ra, i->arg[1]), false, false, 8);
    m = in_guest(e, x86_mem_b(gpr(base), (int32_t)i->imm));
    check_alignment(e, i, m, gpr(base), size);

    unsigned t = ra_temp(&e->ra, RA_GPR, 0);

    e->snap_rec = snaplog_add(e, i->snap);
    if (loop) {
        uint32_t again;

        emit_mark_fault(e);
        x86_mov_rm(&e->b, size, RAX, m);
        again = x86_pos(&e->b);
        amo_combine(e, kind, size, t, operand.reg);
        emit_mark_fault(e);
        x86_lock_cmpxchg_mr(&e->b, size, m, t);
        x86_jcc(&e->b, X86_NE, (int32_t)again);
        result = RAX;
    } else {
        x86_mov_rr(&e->b, 8, t, operand.reg);
        emit_mark_fault(e);
        if (kind == IR_AMO_SWAP)
            x86_xchg_mr(&e->b, size, m, t);
        else
            x86_lock_xadd_mr(&e->b, size, m, t);
        result = t;
    }
    extend_old(e, i, result);
    ra_def_in(&e->ra, e->ra.cur, result);
}

void emit_cas(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = type_bytes(IR_MEM_TYPE(i->aux));
    struct opnd base, desired;
    struct x86_mem m;

    ra_use_in(&e->ra, ra_rep(&e->ra, i->arg[1]), RAX);
    base = opnd_get(e, ra_rep(&e->ra, i->arg[0]), false, false, 8);
    desired = opnd_get(e, ra_rep(&e->ra, i->arg[2]), false, false, 8);
    m = in_guest(e, x86_mem_b(gpr(base), (int32_t)i->imm));
    check_alignment(e, i, m, gpr(base), size);
    e->snap_rec = snaplog_add(e, i->snap);
    emit_mark_fault(e);
    x86_lock_cmpxchg_mr(&e->b, size, m, gpr(desired));
    extend_old(e, i, RAX);
    ra_def_in(&e->ra, e->ra.cur, RAX);
}
