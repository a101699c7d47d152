/* Barriers, system registers, cache maintenance, flag manipulation. */
#include "frontend/aarch64/trans.h"

/* --- barriers. crm bits 0 and 1: 1 loads before loads and stores, 2 stores before stores, 3 everything; 0, which is
 * reserved, is everything as well (and ssbb, pssbb). */

static void barrier(struct aarch64_ctx *ctx, unsigned order)
{
    ir_emit(ctx->u, IR_fence, IR_VOID, (uint16_t)order, IR_NONE, IR_NONE, IR_NONE, 0);
}

/* Code that was announced as changed (ic ivau) is looked after here: other threads are told by what comes after it. */
static void sync_code(struct aarch64_ctx *ctx)
{
    ir_ref announced = tr_get(ctx->tr, A64_REG_ic), zero = const64(ctx, 0);

    if (announced == zero)
        return;
    tr_put(ctx->tr, A64_REG_ic, zero);
    tr_trap_if(ctx->tr, cmp(ctx, IR_cmpne, announced, zero), IR_TRAP_SYNC_CODE, 0);
}

bool a64_dmb(struct aarch64_ctx *ctx, const struct arg_crm *a)
{
    static const uint8_t order[4] = { 0, IR_FENCE_RR | IR_FENCE_RW, IR_FENCE_WW, 0 };

    barrier(ctx, order[a->crm & 3]);
    return true;
}

bool a64_dsb(struct aarch64_ctx *ctx, const struct arg_crm *a)
{
    barrier(ctx, 0);
    sync_code(ctx);
    return true;
}

bool a64_isb(struct aarch64_ctx *ctx, const struct arg_crm *a)
{
    sync_code(ctx);
    return true;
}

bool a64_sb(struct aarch64_ctx *ctx, const struct arg_none *a)
{
    return true;
}

bool a64_clrex(struct aarch64_ctx *ctx, const struct arg_crm *a)
{
    tr_put(ctx->tr, A64_REG_ex_key, const64(ctx, A64_NO_MONITOR));
    return true;
}

/* --- caches: data caches are coherent with the host's, but an address that can't be read faults */

bool a64_dc_clean(struct aarch64_ctx *ctx, const struct arg_rt *a)
{
    ir_emit(ctx->u, IR_load, IR_I64, IR_I8, xget(ctx, a->rt), IR_NONE, IR_NONE, 0);
    return true;
}

bool a64_ic_ivau(struct aarch64_ctx *ctx, const struct arg_rt *a)
{
    call_helper(ctx, A64_HELPER_ic_ivau, IR_VOID, xget(ctx, a->rt), IR_NONE, IR_NONE);
    tr_put(ctx->tr, A64_REG_ic, const64(ctx, 1));
    return true;
}

bool a64_dc_zva(struct aarch64_ctx *ctx, const struct arg_rt *a)
{
    ir_ref base = op64(ctx, IR_and, xget(ctx, a->rt), const64(ctx, -(uint64_t)A64_ZVA_BYTES));
    ir_ref zero = const64(ctx, 0);

    for (int at = 0; at < A64_ZVA_BYTES; at += 8)
        ir_emit(ctx->u, IR_store, IR_VOID, IR_I64, base, IR_NONE, zero, at);
    return true;
}

/* --- flags */

static ir_ref bit(struct aarch64_ctx *ctx, ir_ref f, unsigned n)
{
    return op64(ctx, IR_and, op64(ctx, IR_shr, f, const64(ctx, n)), const64(ctx, 1));
}

static ir_ref put_bits(struct aarch64_ctx *ctx, ir_ref n, ir_ref z, ir_ref c, ir_ref v)
{
    const ir_ref in[] = { c, z, n };

    for (unsigned i = 0; i < 3; i++)
        v = op64(ctx, IR_or, v, op64(ctx, IR_shl, in[i], const64(ctx, i + 1)));
    return v;
}

bool a64_cfinv(struct aarch64_ctx *ctx, const struct arg_none *a)
{
    a64_put_flags(ctx, op64(ctx, IR_xor, a64_flags(ctx), const64(ctx, A64_C)));
    return true;
}

/* From the flags of fcmp to those of another format, in which unordered is like equal or less. */
bool a64_axflag(struct aarch64_ctx *ctx, const struct arg_none *a)
{
    ir_ref f = a64_flags(ctx), z = bit(ctx, f, 2), c = bit(ctx, f, 1), v = bit(ctx, f, 0), zero = const64(ctx, 0);

    a64_put_flags(ctx, put_bits(ctx, zero, op64(ctx, IR_or, z, v), op64(ctx, IR_andn, c, v), zero));
    return true;
}

bool a64_xaflag(struct aarch64_ctx *ctx, const struct arg_none *a)
{
    ir_ref f = a64_flags(ctx), z = bit(ctx, f, 2), c = bit(ctx, f, 1), one = const64(ctx, 1);
    ir_ref no_c = op64(ctx, IR_xor, c, one), no_z = op64(ctx, IR_xor, z, one);

    a64_put_flags(ctx, put_bits(ctx, op64(ctx, IR_and, no_c, no_z), op64(ctx, IR_and, z, c),
                                op64(ctx, IR_or, c, z), op64(ctx, IR_and, no_c, z)));
    return true;
}

/* DIT and SSBS, bits of PSTATE that only can be written and read: what is translated takes as long as the host does. */
static bool put_pstate(struct aarch64_ctx *ctx, uint64_t mask, ir_ref v)
{
    ir_ref rest = op64(ctx, IR_and, tr_get(ctx->tr, A64_REG_pstate), const64(ctx, ~mask));

    tr_put(ctx->tr, A64_REG_pstate, op64(ctx, IR_or, rest, op64(ctx, IR_and, v, const64(ctx, mask))));
    return true;
}

static bool get_pstate(struct aarch64_ctx *ctx, int rt, uint64_t mask)
{
    xput(ctx, rt, op64(ctx, IR_and, tr_get(ctx->tr, A64_REG_pstate), const64(ctx, mask)));
    return true;
}

bool a64_msr_ssbs(struct aarch64_ctx *ctx, const struct arg_crm *a)
{
    return put_pstate(ctx, A64_PSTATE_SSBS, const64(ctx, a->crm & 1 ? A64_PSTATE_SSBS : 0));
}

bool a64_msr_dit(struct aarch64_ctx *ctx, const struct arg_crm *a)
{
    return put_pstate(ctx, A64_PSTATE_DIT, const64(ctx, a->crm & 1 ? A64_PSTATE_DIT : 0));
}

/* --- system registers */

#define SYSREG(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

enum {
    NZCV = SYSREG(3, 3, 4, 2, 0), FPCR = SYSREG(3, 3, 4, 4, 0), FPSR = SYSREG(3, 3, 4, 4, 1),
    DIT = SYSREG(3, 3, 4, 2, 5), SSBS = SYSREG(3, 3, 4, 2, 6),
    TPIDR_EL0 = SYSREG(3, 3, 13, 0, 2), CNTVCT_EL0 = SYSREG(3, 3, 14, 0, 2),
};

static ir_ref call64(struct aarch64_ctx *ctx, enum a64_helper h, ir_ref x)
{
    return call_helper(ctx, h, IR_I64, x, IR_NONE, IR_NONE);
}

static ir_ref read_fpsr(struct aarch64_ctx *ctx)
{
    ir_ref fpx = ir_emit(ctx->u, IR_fpflags, IR_I32, 1, IR_NONE, IR_NONE, IR_NONE, 0);
    ir_ref qc = tr_get(ctx->tr, A64_REG_qc);
    ir_ref lo = ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, qc, IR_NONE, IR_NONE, 0);
    ir_ref hi = ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, qc, IR_NONE, IR_NONE, 1);
    ir_ref sat = cmp(ctx, IR_cmpne, op64(ctx, IR_or, lo, hi), const64(ctx, 0));

    sat = op64(ctx, IR_shl, ir_op1(ctx->u, IR_zext, IR_I64, sat), const64(ctx, 27));
    return op64(ctx, IR_or, call64(ctx, A64_HELPER_fpsr_of_fpx, ir_op1(ctx->u, IR_zext, IR_I64, fpx)), sat);
}

static void write_fpsr(struct aarch64_ctx *ctx, ir_ref v)
{
    ir_ref fpx = call64(ctx, A64_HELPER_fpx_of_fpsr, v);

    a64_flags(ctx); /* comparisons told again must not raise again what is cleared now */
    ir_emit(ctx->u, IR_fpflags_set, IR_VOID, fpflags_aux(ctx), low32(ctx, fpx), IR_NONE, IR_NONE, 0);
    v = op64(ctx, IR_and, v, const64(ctx, A64_FPSR_QC));
    tr_put(ctx->tr, A64_REG_qc, ir_op1(ctx->u, IR_vzext, IR_V128, v));
}

/* Leaves for another unit where the mode of translation changes. */
static void write_fpcr(struct aarch64_ctx *ctx, ir_ref v)
{
    unsigned mode = ctx->u->mode;
    uint64_t here;
    ir_ref rm, modes;

    v = op64(ctx, IR_and, v, const64(ctx, A64_FPCR_MASK));
    a64_flags(ctx);
    tr_put(ctx->tr, A64_REG_fpcr, v);
    /* RMode's nearest, up, down, zero are the IR's 0, 3, 2, 1. */
    rm = op64(ctx, IR_sub, const64(ctx, 4), op64(ctx, IR_shr, v, const64(ctx, A64_FPCR_RMODE_SHIFT)));
    rm = op64(ctx, IR_and, rm, const64(ctx, 3));
    ir_emit(ctx->u, IR_fprm_set, IR_VOID, 0, low32(ctx, rm), IR_NONE, IR_NONE, 0);
    modes = op64(ctx, IR_and, v, const64(ctx, A64_FPCR_MODES));
    here = (mode & A64_MODE_DN ? A64_FPCR_DN : 0) | (mode & A64_MODE_FZ ? A64_FPCR_FZ : 0) |
           (mode & A64_MODE_AHP ? A64_FPCR_AHP : 0) | (mode & A64_MODE_FZ16 ? A64_FPCR_FZ16 : 0);
    tr_trap_if(ctx->tr, cmp(ctx, IR_cmpne, modes, const64(ctx, here)), IR_TRAP_MODE, IR_MODE_ASK);
}

bool a64_mrs_reg(struct aarch64_ctx *ctx, const struct arg_sysreg *a)
{
    uint64_t value;

    switch (a->sysreg) {
    case NZCV:
        xput(ctx, a->rt, op64(ctx, IR_shl, a64_flags(ctx), const64(ctx, 28)));
        return true;
    case DIT:
        return get_pstate(ctx, a->rt, A64_PSTATE_DIT);
    case SSBS:
        return get_pstate(ctx, a->rt, A64_PSTATE_SSBS);
    case FPCR:
        xput(ctx, a->rt, tr_get(ctx->tr, A64_REG_fpcr));
        return true;
    case FPSR:
        xput(ctx, a->rt, read_fpsr(ctx));
        return true;
    case TPIDR_EL0:
        xput(ctx, a->rt, tr_get(ctx->tr, A64_REG_tpidr));
        return true;
    case CNTVCT_EL0:
        xput(ctx, a->rt, call_helper(ctx, A64_HELPER_counter, IR_I64, IR_NONE, IR_NONE, IR_NONE));
        return true;
    default:
        if (!a64_id_register((unsigned)a->sysreg, &value))
            return false;
        xput(ctx, a->rt, const64(ctx, value));
        return true;
    }
}

bool a64_msr_reg(struct aarch64_ctx *ctx, const struct arg_sysreg *a)
{
    ir_ref v = xget(ctx, a->rt);

    switch (a->sysreg) {
    case NZCV:
        v = op64(ctx, IR_and, op64(ctx, IR_shr, v, const64(ctx, 28)), const64(ctx, 15));
        a64_put_flags(ctx, v);
        return true;
    case DIT:
        return put_pstate(ctx, A64_PSTATE_DIT, v);
    case SSBS:
        return put_pstate(ctx, A64_PSTATE_SSBS, v);
    case FPCR:
        write_fpcr(ctx, v);
        return true;
    case FPSR:
        write_fpsr(ctx, v);
        return true;
    case TPIDR_EL0:
        tr_put(ctx->tr, A64_REG_tpidr, v);
        return true;
    default:
        return false;
    }
}
