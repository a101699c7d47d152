/* Chapters Zicsr and Zicntr: control and status registers that user mode can see.
 *
 * fflags are the host's accumulated exceptions (fpflags); frm is a slot, and MXCSR where SSE has that mode; see riscv.h
 * for the modes of translation. A CSR that is not here, or a write to a counter, is illegal.
 */
#include "frontend/riscv/trans.h"

enum { CSR_FFLAGS = 1, CSR_FRM, CSR_FCSR, CSR_CYCLE = 0xc00, CSR_TIME, CSR_INSTRET };

enum csr_op { CSR_WRITE, CSR_SET, CSR_CLEAR };

struct csr_access {
    int csr, rd;
    enum csr_op op;
    bool writes;      /* csrrs and csrrc with x0 or 0 don't */
    ir_ref operand;   /* i64 */
};

static ir_ref read_flags(struct riscv_ctx *ctx)
{
    ir_ref f = ir_emit(ctx->u, IR_fpflags, IR_I32, 0, IR_NONE, IR_NONE, IR_NONE, 0);

    return ir_op1(ctx->u, IR_zext, IR_I64, f);
}

/* The low `bits` bits of `v`. */
static ir_ref low(struct riscv_ctx *ctx, ir_ref v, unsigned bits)
{
    uint64_t mask = (1ull << bits) - 1;

    if (ir_is_const(ctx->u, v))
        return const64(ctx, (uint64_t)ir_at(ctx->u, v)->imm & mask);
    return op64(ctx, IR_and, v, const64(ctx, mask));
}

static ir_ref trunc32(struct riscv_ctx *ctx, ir_ref v)
{
    if (ir_is_const(ctx->u, v))
        return const32(ctx, (uint32_t)ir_at(ctx->u, v)->imm);
    return ir_op1(ctx->u, IR_trunc, IR_I32, v);
}

static void write_flags(struct riscv_ctx *ctx, ir_ref v)
{
    ir_emit(ctx->u, IR_fpflags_set, IR_VOID, 0, trunc32(ctx, low(ctx, v, 5)), IR_NONE, IR_NONE, 0);
}

/* Compilers make a quiet comparison of a signalling one by reading the flags before it and writing them after it. What raises
 * flags between the two, as far as it is comparisons, raises them for NaNs only: then alone is there something to restore.
 * True if `v` is what fflags was and that is so. */
static bool restore_flags(struct riscv_ctx *ctx, ir_ref v)
{
    struct ir_unit *u = ctx->u;
    ir_ref flags = ir_at(u, v)->op == IR_zext ? ir_at(u, v)->arg[0] : v, compared[2], nan;
    unsigned n = 0;

    if (ir_at(u, flags)->op != IR_fpflags)
        return false;
    for (ir_ref r = u->blocks[u->cur].last; r != flags; r = ir_at(u, r)->prev) {
        const struct ir_insn *i = r ? ir_at(u, r) : NULL;

        if (i && i->op >= IR_fcmpeq && i->op <= IR_fcmpun && n < 2)
            compared[n++] = r;
        else if (!i || (!(ir_ops[i->op].flags & IR_PURE) && i->op != IR_put && i->op != IR_get && i->op != IR_insn))
            return false;
    }
    for (unsigned k = 0; k < n; k++) {
        const struct ir_insn *i = ir_at(u, compared[k]);
        ir_ref un = ir_emit(u, IR_fcmpun, IR_I1, i->aux & ~IR_FP_QUIET, i->arg[0], i->arg[1], IR_NONE, 0);

        nan = k ? ir_op2(u, IR_or, IR_I1, nan, un) : un;
    }
    if (n)
        ir_emit(u, IR_fpflags_set_if, IR_VOID, 0, nan, flags, IR_NONE, 0);
    return true;
}

/* frm becomes the low 3 bits of `v`; last thing that the instruction does. Leaves where that changes the mode. The
 * host's rounding mode is set only for frm that the host has: in the other modes nobody looks at it. */
static void write_frm(struct riscv_ctx *ctx, ir_ref v)
{
    struct tr *tr = ctx->tr;

    v = low(ctx, v, 3);
    tr_put(tr, RISCV_REG_frm, v);
    if (ir_is_const(ctx->u, v)) {
        enum riscv_mode mode = riscv_mode_of_frm((uint64_t)ir_at(ctx->u, v)->imm);

        if (mode == RISCV_MODE_NORMAL)
            ir_emit(ctx->u, IR_fprm_set, IR_VOID, 0, trunc32(ctx, v), IR_NONE, IR_NONE, 0);
        if (mode != ctx->u->mode)
            tr_trap(tr, IR_TRAP_MODE, mode);
        return;
    }

    ir_ref four = const64(ctx, 4);

    tr_trap_if(tr, cmp(ctx, IR_cmpeq, v, four), IR_TRAP_MODE, RISCV_MODE_RMM);
    tr_trap_if(tr, cmp(ctx, IR_cmpltu, four, v), IR_TRAP_MODE, RISCV_MODE_BAD);
    ir_emit(ctx->u, IR_fprm_set, IR_VOID, 0, trunc32(ctx, v), IR_NONE, IR_NONE, 0);
    if (ctx->u->mode != RISCV_MODE_NORMAL)
        tr_trap(tr, IR_TRAP_MODE, RISCV_MODE_NORMAL);
}

static ir_ref combine(struct riscv_ctx *ctx, const struct csr_access *a, ir_ref old)
{
    switch (a->op) {
    case CSR_SET:
        return op64(ctx, IR_or, old, a->operand);
    case CSR_CLEAR:
        return op64(ctx, IR_andn, old, a->operand);
    default:
        return a->operand;
    }
}

static ir_ref shifted(struct riscv_ctx *ctx, enum ir_op op, ir_ref v)
{
    if (ir_is_const(ctx->u, v)) {
        uint64_t c = (uint64_t)ir_at(ctx->u, v)->imm;

        return const64(ctx, op == IR_shl ? c << 5 : c >> 5);
    }
    return op64(ctx, op, v, const64(ctx, 5));
}

static void access_float(struct riscv_ctx *ctx, const struct csr_access *a)
{
    bool flags = a->csr != CSR_FRM, frm = a->csr != CSR_FFLAGS;
    ir_ref old = IR_NONE, new = IR_NONE;

    if (a->rd || a->op != CSR_WRITE) {
        ir_ref f = flags ? read_flags(ctx) : IR_NONE;
        ir_ref r = frm ? tr_get(ctx->tr, RISCV_REG_frm) : IR_NONE;

        old = !frm ? f : !flags ? r : op64(ctx, IR_or, shifted(ctx, IR_shl, r), f);
    }
    if (a->writes)
        new = combine(ctx, a, old);
    if (old)
        xput(ctx, a->rd, old);
    if (!a->writes)
        return;
    if (flags && !restore_flags(ctx, new))
        write_flags(ctx, new);
    if (frm)
        write_frm(ctx, flags ? shifted(ctx, IR_shr, new) : new);
}

static bool access_csr(struct riscv_ctx *ctx, const struct csr_access *a)
{
    switch (a->csr) {
    case CSR_FFLAGS: case CSR_FRM: case CSR_FCSR:
        access_float(ctx, a);
        return true;
    case CSR_CYCLE: case CSR_TIME: case CSR_INSTRET:
        if (a->writes)
            return false;
        xput(ctx, a->rd, ir_emit(ctx->u, IR_call, IR_I64,
                                 a->csr == CSR_TIME ? RISCV_HELPER_time : RISCV_HELPER_cycle, IR_NONE,
                                 IR_NONE, IR_NONE, 0));
        return true;
    default:
        return false;
    }
}

static bool with_reg(struct riscv_ctx *ctx, const struct arg_csr *a, enum csr_op op)
{
    return access_csr(ctx, &(struct csr_access){ .csr = a->csr, .rd = a->rd, .op = op,
                                                 .writes = op == CSR_WRITE || a->rs1 != 0,
                                                 .operand = xget(ctx, a->rs1) });
}

static bool with_imm(struct riscv_ctx *ctx, const struct arg_csri *a, enum csr_op op)
{
    return access_csr(ctx, &(struct csr_access){ .csr = a->csr, .rd = a->rd, .op = op,
                                                 .writes = op == CSR_WRITE || a->imm != 0,
                                                 .operand = const64(ctx, (uint64_t)a->imm) });
}

bool trans_csrrw(struct riscv_ctx *ctx, const struct arg_csr *a) { return with_reg(ctx, a, CSR_WRITE); }
bool trans_csrrs(struct riscv_ctx *ctx, const struct arg_csr *a) { return with_reg(ctx, a, CSR_SET); }
bool trans_csrrc(struct riscv_ctx *ctx, const struct arg_csr *a) { return with_reg(ctx, a, CSR_CLEAR); }
bool trans_csrrwi(struct riscv_ctx *ctx, const struct arg_csri *a) { return with_imm(ctx, a, CSR_WRITE); }
bool trans_csrrsi(struct riscv_ctx *ctx, const struct arg_csri *a) { return with_imm(ctx, a, CSR_SET); }
bool trans_csrrci(struct riscv_ctx *ctx, const struct arg_csri *a) { return with_imm(ctx, a, CSR_CLEAR); }
