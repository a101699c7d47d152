/* Integer ops and comparisons. Operands and results are where ops.def's constraints put them. */
#include "backend/x86/emit.h"

/* ------------------------------------------------------------------ arithmetic and logic */

/* Brings operand 0 into the result's register. */
static void first_to_result(struct x86_emit *e)
{
    emit_move(e, e->d, e->o[0].reg);
}

/* to = from, an i8 or i16 whose upper bits are anything, extended to 32 bits. */
static void extend_narrow(struct x86_emit *e, enum x86_reg to, enum x86_reg from, unsigned type, bool sign)
{
    if (type == IR_I8)
        sign ? x86_movsx8_rr(&e->b, 4, to, from) : x86_movzx8_rr(&e->b, 4, to, from);
    else
        sign ? x86_movsx16_rr(&e->b, 4, to, from) : x86_movzx16_rr(&e->b, 4, to, from);
}

void emit_add(struct x86_emit *e, struct ir_insn *i)
{
    struct opnd a = e->o[0], b = e->o[1];
    unsigned size = op_size(i->type);
    enum x86_reg d = e->d;

    if (b.kind == OPND_IMM && d != gpr(a))
        x86_lea_rm(&e->b, size, d, x86_mem_b(gpr(a), b.imm));
    else if (b.kind == OPND_IMM)
        x86_add_ri(&e->b, size, d, b.imm);
    else if (b.kind == OPND_REG && d == gpr(a))
        x86_add_rr(&e->b, size, d, gpr(b));
    else if (b.kind == OPND_REG && d == gpr(b))
        x86_add_rr(&e->b, size, d, gpr(a));
    else if (b.kind == OPND_REG)
        x86_lea_rm(&e->b, size, d, x86_mem_bi(gpr(a), gpr(b), 1, 0));
    else {
        emit_move(e, d, a.reg);
        x86_add_rm(&e->b, size, d, cpu_mem(e, b.off));
    }
}

#define ALU(name)                                                                                  \
    static void alu_##name(struct x86_emit *e, unsigned size, struct opnd b)                       \
    {                                                                                              \
        if (b.kind == OPND_IMM)                                                                    \
            x86_##name##_ri(&e->b, size, (enum x86_reg)e->d, b.imm);                               \
        else if (b.kind == OPND_MEM)                                                               \
            x86_##name##_rm(&e->b, size, (enum x86_reg)e->d, cpu_mem(e, b.off));                   \
        else                                                                                       \
            x86_##name##_rr(&e->b, size, (enum x86_reg)e->d, gpr(b));                              \
    }
ALU(sub)
ALU(and)
ALU(or)
ALU(xor)
#undef ALU

void emit_alu(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type);
    struct opnd b = e->o[1];

    if (i->op == IR_and && b.kind == OPND_IMM && (b.imm == 0xff || b.imm == 0xffff)) {
        if (b.imm == 0xff)
            x86_movzx8_rr(&e->b, 4, e->d, gpr(e->o[0]));
        else
            x86_movzx16_rr(&e->b, 4, e->d, gpr(e->o[0]));
        return;
    }
    first_to_result(e);
    if (i->op == IR_xor && b.kind == OPND_IMM && b.imm == -1 && i->type != IR_I1) {
        x86_not_r(&e->b, size, e->d);
        return;
    }
    if (i->type == IR_I1 && b.kind == OPND_IMM)
        b.imm &= 1;
    switch (i->op) {
    case IR_sub: alu_sub(e, size, b); break;
    case IR_and: alu_and(e, size, b); break;
    case IR_or:  alu_or(e, size, b); break;
    default:     alu_xor(e, size, b); break;
    }
}

void emit_andn(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type);
    struct opnd a = e->o[0], b = e->o[1];

    if (b.kind == OPND_IMM) {
        first_to_result(e);
        x86_and_ri(&e->b, size, e->d, ~b.imm);
    } else if (host_features.bmi1) {
        x86_andn_rrr(&e->b, size, e->d, gpr(b), gpr(a)); /* dst = ~b & a */
    } else {
        unsigned t = ra_temp(&e->ra, RA_GPR, 1u << e->d);

        emit_move(e, t, b.reg);
        x86_not_r(&e->b, size, t);
        first_to_result(e);
        x86_and_rr(&e->b, size, e->d, t);
    }
}

void emit_mul(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type);
    struct opnd b = e->o[1];

    if (b.kind == OPND_IMM) {
        x86_imul_rri(&e->b, size, e->d, gpr(e->o[0]), b.imm);
        return;
    }
    first_to_result(e);
    if (b.kind == OPND_MEM)
        x86_imul_rm(&e->b, size, e->d, cpu_mem(e, b.off));
    else
        x86_imul_rr(&e->b, size, e->d, gpr(b));
}

/* Operands of a type that has no instruction of its own for this: rax, and the other in a register, extended to 32 bits. */
static enum x86_reg extend_operands(struct x86_emit *e, unsigned type, bool sign)
{
    enum x86_reg b = gpr(e->o[1]), t;

    if (type >= IR_I32)
        return b;
    t = ra_temp(&e->ra, RA_GPR, 0);
    extend_narrow(e, RAX, RAX, type, sign);
    extend_narrow(e, t, b, type, sign);
    return t;
}

void emit_mulh(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type);
    enum x86_reg b = extend_operands(e, i->type, i->op == IR_mulhs);

    if (i->type < IR_I32) { /* the whole product fits */
        x86_imul_rr(&e->b, 4, RAX, b);
        x86_mov_rr(&e->b, 4, RDX, RAX);
        x86_shr_ri(&e->b, 4, RDX, ir_type_bits[i->type]);
    } else if (i->op == IR_mulhs) {
        x86_imul_r(&e->b, size, b);
    } else {
        x86_mul_r(&e->b, size, b);
    }
}

/* x86 faults where the IR has a value: divisor 0, and MIN / -1 (divisor -1 is done without dividing). */
void emit_div(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type);
    bool rem = i->op == IR_rems || i->op == IR_remu, sgn = i->op == IR_divs || i->op == IR_rems;
    enum x86_reg b = extend_operands(e, i->type, sgn);
    uint32_t zero, done[3], minus = 0;
    unsigned ndone = 0;

    x86_test_rr(&e->b, size, b, b);
    zero = x86_jcc_rel8_fwd(&e->b, X86_E);
    if (sgn) {
        x86_cmp_ri(&e->b, size, b, -1);
        minus = x86_jcc_rel8_fwd(&e->b, X86_E);
        if (size == 8)
            x86_cqo(&e->b);
        else
            x86_cdq(&e->b);
        x86_idiv_r(&e->b, size, b);
    } else {
        x86_xor_rr(&e->b, 4, RDX, RDX);
        x86_div_r(&e->b, size, b);
    }
    done[ndone++] = x86_jmp_rel8_fwd(&e->b);
    if (sgn) {
        x86_patch_rel8(&e->b, minus, (int32_t)x86_pos(&e->b));
        if (rem)
            x86_xor_rr(&e->b, 4, RDX, RDX);
        else
            x86_neg_r(&e->b, size, RAX);
        done[ndone++] = x86_jmp_rel8_fwd(&e->b);
    }
    x86_patch_rel8(&e->b, zero, (int32_t)x86_pos(&e->b));
    if (rem)
        x86_mov_rr(&e->b, 8, RDX, RAX);
    else
        x86_xor_rr(&e->b, 4, RAX, RAX);
    for (unsigned k = 0; k < ndone; k++)
        x86_patch_rel8(&e->b, done[k], (int32_t)x86_pos(&e->b));
}

/* ------------------------------------------------------------------ shifts and bits */

/* Right shifts and counts need the upper bits of narrow operands right. */
static void extend_result(struct x86_emit *e, unsigned type, bool sign)
{
    if (type < IR_I32)
        extend_narrow(e, e->d, e->d, type, sign);
}

static void shift_in_place(struct x86_emit *e, struct ir_insn *i, unsigned size)
{
    struct opnd n = e->o[1];

    first_to_result(e);
    extend_result(e, i->type, i->op == IR_sar);
    if (n.kind == OPND_IMM) {
        unsigned count = (unsigned)n.imm & (ir_type_bits[i->type] - 1u);

        if (count == 0) {
            if (i->type == IR_I32) /* live.c counts on the upper half */
                x86_mov_rr(&e->b, 4, e->d, e->d);
            return;
        }
        switch (i->op) {
        case IR_shl: x86_shl_ri(&e->b, size, e->d, count); break;
        case IR_shr: x86_shr_ri(&e->b, size, e->d, count); break;
        default:     x86_sar_ri(&e->b, size, e->d, count); break;
        }
        return;
    }
    if (i->type < IR_I32)
        x86_and_ri(&e->b, 4, RCX, ir_type_bits[i->type] - 1);
    switch (i->op) {
    case IR_shl: x86_shl_rc(&e->b, size, e->d); break;
    case IR_shr: x86_shr_rc(&e->b, size, e->d); break;
    default:     x86_sar_rc(&e->b, size, e->d); break;
    }
}

void emit_shift(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type);
    struct opnd a = e->o[0], n = e->o[1];

    if (i->op == IR_shl && n.kind == OPND_IMM && e->d != a.reg && n.imm >= 1 && n.imm <= 3) {
        if (n.imm == 1)
            x86_lea_rm(&e->b, size, e->d, x86_mem_bi(gpr(a), gpr(a), 1, 0));
        else
            x86_lea_rm(&e->b, size, e->d, x86_mem_i(gpr(a), 1u << n.imm, 0));
    } else if (n.kind == OPND_REG && host_features.bmi2 && i->type >= IR_I32) {
        switch (i->op) {
        case IR_shl: x86_shlx_rrr(&e->b, size, e->d, gpr(a), gpr(n)); break;
        case IR_shr: x86_shrx_rrr(&e->b, size, e->d, gpr(a), gpr(n)); break;
        default:     x86_sarx_rrr(&e->b, size, e->d, gpr(a), gpr(n)); break;
        }
    } else {
        shift_in_place(e, i, size);
    }
}

void emit_rotr(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = i->type < IR_I32 ? type_bytes(i->type) : op_size(i->type);
    struct opnd n = e->o[1];

    if (n.kind == OPND_IMM && host_features.bmi2 && size >= 4) {
        x86_rorx_rri(&e->b, size, e->d, gpr(e->o[0]), (unsigned)n.imm & (size * 8 - 1));
        return;
    }
    first_to_result(e);
    if (n.kind == OPND_IMM) {
        unsigned count = (unsigned)n.imm & (size * 8 - 1);

        if (count)
            x86_ror_ri(&e->b, size, e->d, count);
        else if (i->type == IR_I32)
            x86_mov_rr(&e->b, 4, e->d, e->d);
    } else {
        x86_ror_rc(&e->b, size, e->d);
    }
}

void emit_clz(struct x86_emit *e, struct ir_insn *i)
{
    unsigned bits = ir_type_bits[i->type], size = op_size(i->type), wide = size * 8;
    enum x86_reg a = gpr(e->o[0]);

    if (bits < 32) {
        first_to_result(e);
        extend_result(e, i->type, false);
        a = e->d;
    }
    if (host_features.lzcnt) {
        x86_lzcnt_rr(&e->b, size, e->d, a);
    } else {
        /* bsr leaves its target alone for 0 on all CPUs in use, but no manual says so: branch. */
        uint32_t zero, done;

        x86_test_rr(&e->b, size, a, a);
        zero = x86_jcc_rel8_fwd(&e->b, X86_E);
        x86_bsr_rr(&e->b, size, e->d, a);
        x86_xor_ri(&e->b, 4, e->d, (int32_t)wide - 1);
        done = x86_jmp_rel8_fwd(&e->b);
        x86_patch_rel8(&e->b, zero, (int32_t)x86_pos(&e->b));
        x86_mov_ri(&e->b, 4, e->d, (int64_t)wide);
        x86_patch_rel8(&e->b, done, (int32_t)x86_pos(&e->b));
    }
    if (bits < 32)
        x86_sub_ri(&e->b, 4, e->d, (int32_t)(32 - bits));
}

void emit_ctz(struct x86_emit *e, struct ir_insn *i)
{
    unsigned bits = ir_type_bits[i->type], size = op_size(i->type);
    enum x86_reg a = gpr(e->o[0]);

    if (bits < 32) {
        first_to_result(e);
        x86_or_ri(&e->b, 4, e->d, 1 << bits);
        x86_bsf_rr(&e->b, 4, e->d, e->d);
        return;
    }
    if (host_features.bmi1) {
        x86_tzcnt_rr(&e->b, size, e->d, a);
    } else {
        uint32_t zero, done;

        x86_test_rr(&e->b, size, a, a);
        zero = x86_jcc_rel8_fwd(&e->b, X86_E);
        x86_bsf_rr(&e->b, size, e->d, a);
        done = x86_jmp_rel8_fwd(&e->b);
        x86_patch_rel8(&e->b, zero, (int32_t)x86_pos(&e->b));
        x86_mov_ri(&e->b, 4, e->d, (int64_t)bits);
        x86_patch_rel8(&e->b, done, (int32_t)x86_pos(&e->b));
    }
}

void emit_popcnt(struct x86_emit *e, struct ir_insn *i)
{
    enum x86_reg a = gpr(e->o[0]);

    if (i->type < IR_I32) {
        first_to_result(e);
        extend_result(e, i->type, false);
        a = e->d;
    }
    x86_popcnt_rr(&e->b, op_size(i->type), e->d, a);
}

void emit_bswap(struct x86_emit *e, struct ir_insn *i)
{
    first_to_result(e);
    if (i->type == IR_I16)
        x86_ror_ri(&e->b, 2, e->d, 8);
    else if (i->type != IR_I8)
        x86_bswap_r(&e->b, op_size(i->type), e->d);
}

/* ------------------------------------------------------------------ widths */

void emit_sext(struct x86_emit *e, struct ir_insn *i)
{
    unsigned size = op_size(i->type), from = arg_type(e, i, 0);
    struct opnd a = e->o[0];
    struct x86_mem m = a.kind == OPND_MEM ? cpu_mem(e, a.off) : x86_mem_abs(0);
    bool mem = a.kind == OPND_MEM;

    switch (from) {
    case IR_I1:
        if (mem)
            x86_mov_rm(&e->b, 8, e->d, m);
        else
            emit_move(e, e->d, a.reg);
        x86_neg_r(&e->b, size, e->d);
        break;
    case IR_I8:
        mem ? x86_movsx8_rm(&e->b, size, e->d, m) : x86_movsx8_rr(&e->b, size, e->d, gpr(a));
        break;
    case IR_I16:
        mem ? x86_movsx16_rm(&e->b, size, e->d, m) : x86_movsx16_rr(&e->b, size, e->d, gpr(a));
        break;
    default:
        mem ? x86_movsxd_rm(&e->b, 8, e->d, m) : x86_movsxd_rr(&e->b, 8, e->d, gpr(a));
    }
}

void emit_zext(struct x86_emit *e, struct ir_insn *i)
{
    unsigned from = arg_type(e, i, 0);
    struct opnd a = e->o[0];
    struct x86_mem m = a.kind == OPND_MEM ? cpu_mem(e, a.off) : x86_mem_abs(0);
    bool mem = a.kind == OPND_MEM;

    switch (from) {
    case IR_I8:
        mem ? x86_movzx8_rm(&e->b, 4, e->d, m) : x86_movzx8_rr(&e->b, 4, e->d, gpr(a));
        break;
    case IR_I16:
        mem ? x86_movzx16_rm(&e->b, 4, e->d, m) : x86_movzx16_rr(&e->b, 4, e->d, gpr(a));
        break;
    default:
        mem ? x86_mov_rm(&e->b, 4, e->d, m) : x86_mov_rr(&e->b, 4, e->d, gpr(a));
    }
}

/* Only to i1; wider truncations are aliases (live.c). */
void emit_trunc(struct x86_emit *e, struct ir_insn *i)
{
    (void)i;
    first_to_result(e);
    x86_and_ri(&e->b, 4, e->d, 1);
}

void emit_bitcast(struct x86_emit *e, struct ir_insn *i)
{
    struct opnd a = e->o[0];
    bool wide = ir_type_bits[arg_type(e, i, 0)] == 64, to_fp = e->d >= RA_XMM0;

    if (a.kind == OPND_MEM && to_fp)
        wide ? x86_movq_xm(&e->b, xmm(e->d), cpu_mem(e, a.off))
             : x86_movss_xm(&e->b, xmm(e->d), cpu_mem(e, a.off));
    else if (a.kind == OPND_MEM)
        x86_mov_rm(&e->b, wide ? 8 : 4, e->d, cpu_mem(e, a.off));
    else if (to_fp && a.reg < RA_XMM0)
        wide ? x86_movq_xr(&e->b, xmm(e->d), gpr(a)) : x86_movd_xr(&e->b, xmm(e->d), gpr(a));
    else if (!to_fp && a.reg >= RA_XMM0)
        wide ? x86_movq_rx(&e->b, e->d, xmm(a.reg)) : x86_movd_rx(&e->b, e->d, xmm(a.reg));
    else
        emit_move(e, e->d, a.reg);
}

/* ------------------------------------------------------------------ comparisons */

struct cond cond_prepare(struct x86_emit *e, ir_ref c)
{
    struct cond k = { .i = NULL };
    ir_ref v = ra_rep(&e->ra, c);

    if (!e->ra.v[v].fused) {
        k.a = opnd_get(e, v, false, false, 4);
        return k;
    }
    k.i = ir_at(e->u, v);

    ir_ref a = ra_rep(&e->ra, k.i->arg[0]), b = ra_rep(&e->ra, k.i->arg[1]);
    unsigned type = arg_type(e, k.i, 0);

    if (type == IR_F32 || type == IR_F64) {
        k.a = opnd_get(e, a, false, false, 8);
        k.b = opnd_get(e, b, false, false, 8);
    } else {
        k.a = opnd_get(e, a, false, false, 8);
        k.b = opnd_get(e, b, type >= IR_I32, true, op_size(type));
    }
    return k;
}

/* Flags by (u)comis of a and b. */
static void compare_floats(struct x86_emit *e, bool wide, bool signals, enum x86_xmm a, enum x86_xmm b)
{
    if (signals)
        wide ? x86_comisd_xx(&e->b, a, b) : x86_comiss_xx(&e->b, a, b);
    else
        wide ? x86_ucomisd_xx(&e->b, a, b) : x86_ucomiss_xx(&e->b, a, b);
}

/* A denormal beside a NaN goes unnoticed: looks at each, then compares again. */
static void code_unordered(struct x86_emit *e, const struct stub *s)
{
    bool wide = arg_type(e, s->insn, 0) == IR_F64;

    fp_touch(e, wide, s->a[0]);
    fp_touch(e, wide, s->a[1]);
    compare_floats(e, wide, s->d, xmm(s->a[0]), xmm(s->a[1]));
}

static enum x86_cc cond_emit_fp(struct x86_emit *e, const struct cond *c, unsigned *parity)
{
    enum ir_op op = c->i->op;
    bool wide = arg_type(e, c->i, 0) == IR_F64, swap = op != IR_fcmpeq && op != IR_fcmpun; /* b > a: false when unordered */
    bool signals = swap && !(c->i->aux & IR_FP_QUIET);
    unsigned a = swap ? c->b.reg : c->a.reg, b = swap ? c->a.reg : c->b.reg;

    compare_floats(e, wide, signals, xmm(a), xmm(b));
    if (c->i->aux & IR_FP_FZ) {
        struct stub *s = stub_code(e, code_unordered);

        s->insn = c->i;
        s->d = signals;
        s->a[0] = (uint8_t)a;
        s->a[1] = (uint8_t)b;
        stub_jcc(e, s, X86_P);
        stub_back(e, s);
    }
    switch (op) {
    case IR_fcmpeq:
        *parity = X86_NP;
        return X86_E;
    case IR_fcmpun: return X86_P;
    case IR_fcmplt: return X86_A;
    default: return X86_AE;
    }
}

static const uint8_t cc_of[IR_NOPS] = {
    [IR_cmpeq] = X86_E, [IR_cmpne] = X86_NE, [IR_cmplts] = X86_L, [IR_cmples] = X86_LE,
    [IR_cmpltu] = X86_B, [IR_cmpleu] = X86_BE,
};

enum x86_cc cond_emit(struct x86_emit *e, const struct cond *c, unsigned *parity)
{
    *parity = 0xff;
    if (!c->i) {
        x86_test_rr(&e->b, 4, gpr(c->a), gpr(c->a));
        return X86_NE;
    }

    unsigned type = arg_type(e, c->i, 0);

    if (type == IR_F32 || type == IR_F64)
        return cond_emit_fp(e, c, parity);

    unsigned size = type_bytes(type);

    if (type == IR_I1)
        size = 4;
    if (c->b.kind == OPND_IMM && c->b.imm == 0)
        x86_test_rr(&e->b, size, gpr(c->a), gpr(c->a));
    else if (c->b.kind == OPND_IMM)
        x86_cmp_ri(&e->b, size, gpr(c->a), c->b.imm);
    else if (c->b.kind == OPND_MEM)
        x86_cmp_rm(&e->b, size, gpr(c->a), cpu_mem(e, c->b.off));
    else
        x86_cmp_rr(&e->b, size, gpr(c->a), gpr(c->b));
    if (type == IR_I1 && c->i->op == IR_cmplts) /* a signed 1 is -1 */
        return X86_A;
    if (type == IR_I1 && c->i->op == IR_cmples)
        return X86_AE;
    return (enum x86_cc)cc_of[c->i->op];
}

/* A comparison whose value is wanted in a register. */
void emit_cmp(struct x86_emit *e, struct ir_insn *i)
{
    ir_ref r = e->ra.cur;
    struct cond c;
    unsigned parity;
    uint32_t operands;

    e->ra.v[r].fused = true; /* let cond_prepare() look inside */
    c = cond_prepare(e, r);
    e->ra.v[r].fused = false;
    operands = (c.a.kind == OPND_REG ? 1u << c.a.reg : 0) | (c.b.kind == OPND_REG ? 1u << c.b.reg : 0);
    e->d = ra_def(&e->ra, r, RA_NONE, operands);
    x86_xor_rr(&e->b, 4, e->d, e->d); /* no movzx after, no dependency on the old value */

    enum x86_cc cc = cond_emit(e, &c, &parity);

    x86_setcc_r(&e->b, cc, e->d);
    if (parity != 0xff) {
        /* PF is set if unordered: then the answer is no. setcc did not touch the flags. */
        uint32_t ordered = x86_jcc_rel8_fwd(&e->b, X86_NP);

        x86_mov_ri(&e->b, 4, e->d, 0);
        x86_patch_rel8(&e->b, ordered, (int32_t)x86_pos(&e->b));
    }
}

static void select_by_jump(struct x86_emit *e, const struct cond *c, ir_ref yes, ir_ref no)
{
    struct opnd a = opnd_get(e, yes, false, false, 8), b = opnd_get(e, no, false, false, 8);
    unsigned parity;
    uint32_t avoid = (1u << a.reg) | (1u << b.reg) | (c->a.kind == OPND_REG ? 1u << c->a.reg : 0) |
                     (c->b.kind == OPND_REG ? 1u << c->b.reg : 0);
    uint32_t skip;

    e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, avoid);
    emit_move(e, e->d, a.reg);
    skip = (cond_emit(e, c, &parity), x86_jcc_rel8_fwd(&e->b, X86_NE));
    emit_move(e, e->d, b.reg);
    x86_patch_rel8(&e->b, skip, (int32_t)x86_pos(&e->b));
}

void emit_select(struct x86_emit *e, struct ir_insn *i)
{
    ir_ref yes = ra_rep(&e->ra, i->arg[1]), no = ra_rep(&e->ra, i->arg[2]);
    struct cond c = cond_prepare(e, i->arg[0]);
    unsigned parity, size = op_size(i->type);

    if (i->type == IR_F32 || i->type == IR_F64) {
        select_by_jump(e, &c, yes, no); /* its condition is never fused: NE of a test */
        return;
    }

    struct opnd a = opnd_get(e, yes, true, false, 8);
    struct opnd b = opnd_get(e, no, false, false, 8);

    /* Moves keep the flags, so the result may take a register of the comparison: it comes after. */
    e->d = ra_def(&e->ra, e->ra.cur, b.reg, a.kind == OPND_REG && a.reg != b.reg ? 1u << a.reg : 0);

    enum x86_cc cc = cond_emit(e, &c, &parity);

    emit_move(e, e->d, b.reg);
    if (parity != 0xff) {
        uint32_t unordered = x86_jcc_rel8_fwd(&e->b, X86_P);

        a.kind == OPND_MEM ? x86_cmovcc_rm(&e->b, size, cc, e->d, cpu_mem(e, a.off))
                           : x86_cmovcc_rr(&e->b, size, cc, e->d, gpr(a));
        x86_patch_rel8(&e->b, unordered, (int32_t)x86_pos(&e->b));
    } else if (a.kind == OPND_MEM) {
        x86_cmovcc_rm(&e->b, size, cc, e->d, cpu_mem(e, a.off));
    } else {
        x86_cmovcc_rr(&e->b, size, cc, e->d, gpr(a));
    }
}
