/* Floating point on scalar SSE. The host's result stands unless it is a NaN: then a stub puts the guest's
 * NaN in its place. Exceptions accumulate in MXCSR; a static rounding mode goes through rt.c. */
#include "backend/x86/emit_vec.h"

#define CANON64 0x7ff8000000000000u
#define CANON32 0x7fc00000u
#define SIGN64 0x8000000000000000u
#define SIGN32 0x80000000u
#define SMALLEST64 0x0010000000000000u
#define SMALLEST32 0x00800000u

static bool is64(const struct ir_insn *i)
{
    return i->type == IR_F64;
}

/* Calls of rt.c for insn `i`: arithmetic. */
static void arith_rt(struct x86_emit *e, const struct ir_insn *i, const uint8_t regs[3], unsigned n,
                     unsigned result)
{
    rt_arg_imm(e, 0, (int64_t)RT_DESC(i->op, IR_FP_RM(i->aux), i->op == IR_fma ? i->imm : 0, 0));
    for (unsigned k = 0; k < n; k++)
        rt_arg_fp(e, k, regs[k], i->type);
    rt_call(e, is64(i) ? RT_fp64 : RT_fp32);
    rt_result(e, result, i->type);
}

/* --- ops under Arm's rules, as lane 0 of a vector op */

static const uint8_t vec_op[IR_NOPS] = {
    [IR_fadd] = IR_vfadd, [IR_fsub] = IR_vfsub, [IR_fmul] = IR_vfmul, [IR_fdiv] = IR_vfdiv, [IR_fsqrt] = IR_vfsqrt,
    [IR_fma] = IR_vfma,
};

static void lane_rt(struct x86_emit *e, const struct ir_insn *i, const uint8_t *regs, unsigned n, unsigned result)
{
    unsigned lane = i->op == IR_fcvt ? (is64(i) ? IR_F32 : IR_F64) : i->type;
    unsigned op = i->op != IR_fcvt ? vec_op[i->op] : is64(i) ? IR_vfcvtl : IR_vfcvtn;

    rt_arg_imm(e, 0, RT_VEC_DESC(op, (unsigned)IR_V_ONE | lane | (unsigned)IR_V_FP(i->aux & 0xff)));
    rt_arg_imm(e, 1, i->op == IR_fma ? i->imm : 0);
    for (unsigned k = 0; k < n; k++)
        rt_arg_fp(e, k, regs[k], IR_F64);
    rt_call(e, RT_vec);
    x86_movq_xm(&e->b, xmm(result), CPU_MEM(e, rt_fp[3]));
}

/* Must the op be computed by Arm's rules in C? */
static bool lane_rt_wanted(const struct ir_insn *i)
{
    return (i->aux & IR_FP_ARM) && IR_FP_RM(i->aux) != IR_RM_DYN;
}

/* Can the result be rounded to a denormal number? Those of sums are exact. */
static bool may_be_tiny(const struct ir_insn *i)
{
    return i->op == IR_fmul || i->op == IR_fdiv || i->op == IR_fma || (i->op == IR_fcvt && !is64(i));
}

/* Is the default NaN all there is to a NaN result? Where denormals are flushed, one beside the NaN must be noted. */
static bool nan_is_default(const struct ir_insn *i)
{
    return i->aux & IR_FP_CANON && !(i->aux & IR_FP_FZ);
}

/* Must operands outlive the result, so that it can be computed again by Arm's rules? */
static bool keeps_operands(const struct ir_insn *i)
{
    return i->aux & IR_FP_ARM && (may_be_tiny(i) || !nan_is_default(i));
}

static void code_arm(struct x86_emit *e, const struct stub *s)
{
    lane_rt(e, s->insn, s->a, ir_ops[s->insn->op].nargs, s->d);
}

void emit_fp_rt(struct x86_emit *e, struct ir_insn *i)
{
    uint8_t regs[3] = { e->o[0].reg, e->o[1].reg };

    arith_rt(e, i, regs, 2, e->d);
}

/* ------------------------------------------------------------------ NaN results */

static void code_canonical(struct x86_emit *e, const struct stub *s)
{
    if (is64(s->insn))
        x86_movsd_xm(&e->b, xmm(s->d), pool_mem(e, CANON64, 0));
    else
        x86_movss_xm(&e->b, xmm(s->d), pool_mem(e, CANON32, 0));
    pool_fix(e);
}

/* If `cc` holds, goes out of line to `code`. `regs`: the operands. */
static void fix_if(struct x86_emit *e, struct ir_insn *i, enum x86_cc cc, const uint8_t *regs,
                   void (*code)(struct x86_emit *, const struct stub *))
{
    struct stub *s = stub_code(e, code);

    s->insn = i;
    s->d = (uint8_t)e->d;
    for (unsigned k = 0; k < ir_ops[i->op].nargs && k < sizeof s->a; k++)
        s->a[k] = regs[k];
    stub_jcc(e, s, cc);
    stub_back(e, s);
}

static void if_nan(struct x86_emit *e, struct ir_insn *i, const uint8_t *regs,
                   void (*code)(struct x86_emit *, const struct stub *))
{
    is64(i) ? x86_ucomisd_xx(&e->b, xmm(e->d), xmm(e->d)) : x86_ucomiss_xx(&e->b, xmm(e->d), xmm(e->d));
    fix_if(e, i, X86_P, regs, code);
}

void fp_test_smallest(struct x86_emit *e, bool wide, unsigned d, unsigned t)
{
    v3k(e, X86_OP(NP, 0F, 54), t, d, wide ? ~SIGN64 : ~SIGN32, 0);
    wide ? x86_ucomisd_xm(&e->b, xmm(t), pool_mem(e, SMALLEST64, 0)) : x86_ucomiss_xm(&e->b, xmm(t), pool_mem(e, SMALLEST32, 0));
    pool_fix(e);
}

/* Arm detects underflow before rounding, SSE after: what became the smallest normal number may have come from below. */
static void fix_arm(struct x86_emit *e, struct ir_insn *i, const uint8_t *regs)
{
    if (may_be_tiny(i)) {
        fp_test_smallest(e, is64(i), e->d, ra_temp(&e->ra, RA_XMM, 0));
        fix_if(e, i, X86_E, regs, code_arm);
    } else {
        if_nan(e, i, regs, nan_is_default(i) ? code_canonical : code_arm);
    }
}

void fp_touch(struct x86_emit *e, bool wide, unsigned a)
{
    wide ? x86_ucomisd_xx(&e->b, xmm(a), xmm(a)) : x86_ucomiss_xx(&e->b, xmm(a), xmm(a));
}

static void touch_if_fz(struct x86_emit *e, const struct ir_insn *i, bool wide, unsigned a)
{
    if (i->aux & IR_FP_FZ)
        fp_touch(e, wide, a);
}

static void fix_result(struct x86_emit *e, struct ir_insn *i, const uint8_t *regs)
{
    if (i->aux & IR_FP_ARM)
        fix_arm(e, i, regs);
    else if (i->aux & IR_FP_CANON)
        if_nan(e, i, regs, code_canonical);
}

/* ------------------------------------------------------------------ arithmetic */

/* d = a op b, b not being d: with AVX one instruction. */
static void fp2(struct x86_emit *e, const struct ir_insn *i, unsigned d, unsigned a, unsigned b)
{
    static const uint8_t opcodes[IR_NOPS] = { [IR_fadd] = 0x58, [IR_fmul] = 0x59, [IR_fsub] = 0x5c, [IR_fdiv] = 0x5e };

    v3(e, (is64(i) ? X86_OP(F2, 0F, 00) : X86_OP(F3, 0F, 00)) | opcodes[i->op], d, a, b);
}

void emit_fp2(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, b = e->o[1].reg;
    const uint8_t regs[3] = { (uint8_t)a, (uint8_t)b };
    bool rt = IR_FP_RM(i->aux) != IR_RM_DYN;

    if (lane_rt_wanted(i)) {
        e->d = ra_def(&e->ra, e->ra.cur, a, 0);
        lane_rt(e, i, regs, 2, e->d);
        return;
    }
    e->d = ra_def(&e->ra, e->ra.cur, a, keeps_operands(i) ? 1u << a | 1u << b
                                        : host_features.avx || rt || a == b ? 0 : 1u << b);
    if (rt) {
        arith_rt(e, i, regs, 2, e->d);
        return;
    }
    if (i->op == IR_fdiv)
        touch_if_fz(e, i, is64(i), a);
    /* What is above the result comes from the first operand. */
    if ((i->op == IR_fadd || i->op == IR_fmul) && !ra_clean(&e->ra, i->arg[0]) && ra_clean(&e->ra, i->arg[1]))
        fp2(e, i, e->d, b, a);
    else
        fp2(e, i, e->d, a, b);
    fix_result(e, i, regs);
}

void emit_fsqrt(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg;

    e->d = ra_def(&e->ra, e->ra.cur, a, keeps_operands(i) && !lane_rt_wanted(i) ? 1u << a : 0);
    if (lane_rt_wanted(i)) {
        lane_rt(e, i, (const uint8_t[]){ (uint8_t)a }, 1, e->d);
        return;
    }
    if (IR_FP_RM(i->aux) != IR_RM_DYN) {
        arith_rt(e, i, (const uint8_t[3]){ (uint8_t)a }, 1, e->d);
        return;
    }
    touch_if_fz(e, i, is64(i), a);
    emit_move(e, e->d, a);
    is64(i) ? x86_sqrtsd_xx(&e->b, xmm(e->d), xmm(e->d)) : x86_sqrtss_xx(&e->b, xmm(e->d), xmm(e->d));
    fix_result(e, i, (const uint8_t[]){ (uint8_t)a });
}

/* The factors are still there, the addend is not; the NaN result stands for it. Raises invalid for 0 x inf + NaN. */
static void code_fma_nan(struct x86_emit *e, const struct stub *s)
{
    arith_rt(e, s->insn, (const uint8_t[3]){ s->a[0], s->a[1], s->d }, 3, s->d);
}

/* d = a * b + c, by a copy of one of them: what is above the result comes from it. */
static void fma3(struct x86_emit *e, const struct ir_insn *i, unsigned a, unsigned b, unsigned c)
{
    static const uint8_t negated[4] = { 0, 4, 2, 6 }; /* none, product, addend, both */
    uint32_t op = (X86_OP(66, 0F38, 00) | (is64(i) ? X86_F_W : 0)) + negated[i->imm & 3];
    unsigned clean = ra_clean(&e->ra, i->arg[0]) ? a : b, other = clean == a ? b : a;

    if (e->d != c && !ra_clean(&e->ra, i->arg[2]) && (clean == a || ra_clean(&e->ra, i->arg[1]))) {
        emit_move(e, e->d, clean);
        x86_enc_vex(&e->b, op + 0xa9, xmm(e->d), xmm(other), xmm(c), 0); /* 213 */
    } else {
        emit_move(e, e->d, c);
        x86_enc_vex(&e->b, op + 0xb9, xmm(e->d), xmm(a), xmm(b), 0); /* 231 */
    }
}

void emit_fma(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, b = e->o[1].reg, c = e->o[2].reg;
    const uint8_t regs[3] = { (uint8_t)a, (uint8_t)b, (uint8_t)c };
    uint32_t factors = (1u << a) | (1u << b);

    if (lane_rt_wanted(i) || (keeps_operands(i) && !host_features.fma)) {
        e->d = ra_def(&e->ra, e->ra.cur, c, 0);
        lane_rt(e, i, regs, 3, e->d);
        return;
    }
    if (!host_features.fma || IR_FP_RM(i->aux) != IR_RM_DYN) {
        e->d = ra_def(&e->ra, e->ra.cur, c, 0);
        arith_rt(e, i, regs, 3, e->d);
        return;
    }
    e->d = ra_def(&e->ra, e->ra.cur, c, factors | (keeps_operands(i) ? 1u << c : 0));
    fma3(e, i, a, b, c);
    if (i->aux & IR_FP_ARM)
        fix_arm(e, i, regs);
    else if (i->aux & IR_FP_CANON)
        if_nan(e, i, regs, code_fma_nan);
}

void emit_fp_sign(struct x86_emit *e, struct ir_insn *i)
{
    uint64_t sign = is64(i) ? SIGN64 : SIGN32;

    emit_move(e, e->d, e->o[0].reg);
    if (i->op == IR_fneg)
        x86_xorps_xm(&e->b, xmm(e->d), pool_mem(e, sign, 0));
    else
        x86_andps_xm(&e->b, xmm(e->d), pool_mem(e, ~sign, ~0ull));
    pool_fix(e);
}

void emit_fcopysign(struct x86_emit *e, struct ir_insn *i)
{
    uint64_t sign = is64(i) ? SIGN64 : SIGN32;
    unsigned t = ra_temp(&e->ra, RA_XMM, 1u << e->d);

    x86_movaps_xm(&e->b, xmm(t), pool_mem(e, sign, 0));
    pool_fix(e);
    x86_movaps_xx(&e->b, xmm(e->d), xmm(t));
    x86_andnps_xx(&e->b, xmm(e->d), xmm(e->o[0].reg));
    x86_andps_xx(&e->b, xmm(t), xmm(e->o[1].reg));
    x86_orps_xx(&e->b, xmm(e->d), xmm(t));
}

/* ------------------------------------------------------------------ conversions */

void emit_fcvt(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg;
    const uint8_t regs[] = { (uint8_t)a };
    bool check_tiny = i->aux & IR_FP_ARM && may_be_tiny(i) && !lane_rt_wanted(i);

    e->d = ra_def(&e->ra, e->ra.cur, a, check_tiny ? 1u << a : 0);
    if (lane_rt_wanted(i)) {
        lane_rt(e, i, regs, 1, e->d);
        return;
    }
    if (!is64(i) && IR_FP_RM(i->aux) != IR_RM_DYN) {
        rt_arg_imm(e, 0, (int64_t)RT_DESC(i->op, IR_FP_RM(i->aux), 0, 0));
        rt_arg_fp(e, 0, a, IR_F64);
        rt_call(e, RT_narrow);
        rt_result(e, e->d, IR_F32);
        return;
    }
    if (ra_clean(&e->ra, i->arg[0])) { /* both lanes: nothing is merged, and a zero raises nothing */
        v2(e, is64(i) ? X86_OP(NP, 0F, 5A) : X86_OP(66, 0F, 5A), e->d, a);
    } else { /* they merge into their target: name the source for it, not some older value */
        emit_move(e, e->d, a);
        is64(i) ? x86_cvtss2sd_xx(&e->b, xmm(e->d), xmm(e->d)) : x86_cvtsd2ss_xx(&e->b, xmm(e->d), xmm(e->d));
    }
    if (check_tiny)
        fix_arm(e, i, regs);
    else if (i->aux & IR_FP_CANON) /* Arm's NaN is the host's */
        if_nan(e, i, regs, code_canonical);
}

/* The conversion in C, by softfp. */
static void convert_rt(struct x86_emit *e, const struct ir_insn *i, unsigned a, unsigned from, unsigned d)
{
    rt_arg_imm(e, 0, RT_FP_DESC(i->op, i->aux, i->type, from, i->imm));
    if (from < IR_F32)
        rt_arg_int(e, 2, a);
    else
        x86_movq_mx(&e->b, CPU_MEM(e, rt_int[2]), xmm(a));
    rt_call(e, RT_fixed);
    if (i->type >= IR_F32)
        x86_movq_xm(&e->b, xmm(d), CPU_MEM(e, rt_int));
    else
        rt_result(e, d, i->type);
}

/* Scaled conversions. */
static bool scaled_rt(struct x86_emit *e, const struct ir_insn *i)
{
    if (i->imm)
        convert_rt(e, i, e->o[0].reg, arg_type(e, i, 0), e->d);
    return i->imm != 0;
}

static void to_int_rt(struct x86_emit *e, const struct ir_insn *i, unsigned a, unsigned type, unsigned d)
{
    rt_arg_imm(e, 0, (int64_t)RT_DESC(i->op, IR_FP_RM(i->aux), i->aux & IR_FP_NANMAX, ir_type_bits[i->type]));
    if (type == IR_F32) {
        /* As f64, exactly; a signalling NaN raises invalid, which it must here anyway. */
        x86_cvtss2sd_xx(&e->b, xmm(a), xmm(a));
        rt_arg_fp(e, 0, a, IR_F64);
    } else {
        rt_arg_fp(e, 0, a, IR_F64);
    }
    rt_call(e, RT_to_int);
    rt_result(e, d, i->type);
}

/* The source may live on, so an f32 is widened in a copy on the way. */
static void to_int_rt_keep(struct x86_emit *e, const struct ir_insn *i, unsigned a, unsigned type, unsigned d)
{
    if (i->aux & (IR_FP_FZ | IR_FP_WRAP)) {
        convert_rt(e, i, a, type, d);
        return;
    }
    if (type == IR_F32)
        x86_movups_mx(&e->b, CPU_MEM(e, rt_fp[3]), xmm(a));
    to_int_rt(e, i, a, type, d);
    if (type == IR_F32)
        x86_movups_xm(&e->b, xmm(a), CPU_MEM(e, rt_fp[3]));
}

static void code_to_int(struct x86_emit *e, const struct stub *s)
{
    to_int_rt_keep(e, s->insn, s->a[0], s->a[1], s->d);
}

static bool to_int_on_host(const struct ir_insn *i)
{
    return IR_FP_RM(i->aux) != IR_RM_RMM;
}

/* Of roundsd, for static modes. SUPPRESS: inexact is not raised. */
static const uint8_t round_imm[8] = { [IR_RM_RNE] = 0, [IR_RM_RDN] = 1, [IR_RM_RUP] = 2, [IR_RM_RTZ] = 3 };
enum { SUPPRESS = 8 };

static void round_to(struct x86_emit *e, bool wide, unsigned d, unsigned a, unsigned imm)
{
    v3i(e, wide ? X86_OP(66, 0F3A, 0B) : X86_OP(66, 0F3A, 0A), d, a, a, imm);
}

/* d = a converted as MXCSR rounds, to zero, or rounded otherwise first: into `t`, with `imm` of roundsd. */
static void convert_to_int(struct x86_emit *e, const struct ir_insn *i, bool wide, unsigned size, unsigned a, unsigned t, unsigned imm)
{
    enum ir_rm rm = IR_FP_RM(i->aux);

    if (rm != IR_RM_DYN && rm != IR_RM_RTZ) {
        round_to(e, wide, t, a, imm);
        a = t;
    }
    if (rm != IR_RM_DYN)
        wide ? x86_cvttsd2si_rx(&e->b, size, e->d, xmm(a)) : x86_cvttss2si_rx(&e->b, size, e->d, xmm(a));
    else
        wide ? x86_cvtsd2si_rx(&e->b, size, e->d, xmm(a)) : x86_cvtss2si_rx(&e->b, size, e->d, xmm(a));
}

/* If `cc` holds, the conversion is done again in C. */
static void to_int_in_c(struct x86_emit *e, struct ir_insn *i, enum x86_cc cc, struct stub *s)
{
    s->insn = i;
    s->d = (uint8_t)e->d;
    s->a[0] = (uint8_t)e->o[0].reg;
    s->a[1] = (uint8_t)arg_type(e, i, 0);
    stub_jcc(e, s, cc);
}

/* True, and done, if the host has no instruction for the conversion. */
static bool to_int_all_in_c(struct x86_emit *e, struct ir_insn *i, unsigned a, unsigned from)
{
    if (scaled_rt(e, i))
        return true;
    if (to_int_on_host(i))
        return false;
    to_int_rt_keep(e, i, a, from, e->d);
    return true;
}

/* What does not fit must not raise inexact. Only doubles may have fractions and be too large at the same time, for 32 bits: they are
 * rounded again when all else is known. */
void emit_fcvt_si(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, from = arg_type(e, i, 0), size = op_size(i->type), t = a, imm = round_imm[IR_FP_RM(i->aux)];
    bool rounds = IR_FP_RM(i->aux) != IR_RM_DYN && IR_FP_RM(i->aux) != IR_RM_RTZ, twice = rounds && from == IR_F64 && size == 4;
    struct stub *s;

    if (to_int_all_in_c(e, i, a, from))
        return;
    if (rounds)
        t = ra_temp(&e->ra, RA_XMM, 0);
    touch_if_fz(e, i, from == IR_F64, a);
    convert_to_int(e, i, from == IR_F64, size, a, t, imm | (twice ? SUPPRESS : 0));
    /* MIN is what the host gives for all it can't convert: MIN - 1 overflows. */
    x86_cmp_ri(&e->b, size, e->d, 1);
    s = stub_code(e, code_to_int);
    to_int_in_c(e, i, X86_O, s);
    if (twice)
        round_to(e, true, t, a, imm);
    stub_back(e, s);
}

/* What is not above the largest that surely fits is converted as a signed 64-bit number; others, and negative ones, whose bit
 * patterns are larger, go to C before they could raise anything. */
void emit_fcvt_ui(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, from = arg_type(e, i, 0), t = a;
    struct stub *s;

    if (to_int_all_in_c(e, i, a, from))
        return;
    if (IR_FP_RM(i->aux) != IR_RM_DYN && IR_FP_RM(i->aux) != IR_RM_RTZ)
        t = ra_temp(&e->ra, RA_XMM, 0);
    touch_if_fz(e, i, from == IR_F64, a);
    if (from == IR_F64) {
        x86_movq_rx(&e->b, e->d, xmm(a));
        x86_cmp_rm(&e->b, 8, e->d, pool_mem(e, i->type == IR_I64 ? 0x43dfffffffffffff : 0x41efffffffe00000, 0));
        pool_fix(e);
    } else {
        x86_movd_rx(&e->b, e->d, xmm(a));
        x86_cmp_ri(&e->b, 4, e->d, i->type == IR_I64 ? 0x5effffff : 0x4f7fffff);
    }
    s = stub_code(e, code_to_int);
    to_int_in_c(e, i, X86_A, s);
    convert_to_int(e, i, from == IR_F64, 8, a, t, round_imm[IR_FP_RM(i->aux)]);
    stub_back(e, s);
}

static void from_int_rt(struct x86_emit *e, const struct ir_insn *i, unsigned a, unsigned width, unsigned d)
{
    rt_arg_imm(e, 0, (int64_t)RT_DESC(i->op, IR_FP_RM(i->aux), 0, width));
    rt_arg_int(e, 1, a);
    rt_call(e, is64(i) ? RT_from_int64 : RT_from_int32);
    rt_result(e, d, i->type);
}

/* Can the conversion round at all? */
static bool may_round(const struct ir_insn *i, unsigned width)
{
    return !is64(i) || width == 64;
}

static void from_int(struct x86_emit *e, struct ir_insn *i, unsigned a, unsigned size)
{
    x86_xorps_xx(&e->b, xmm(e->d), xmm(e->d)); /* the conversion merges: break the dependency */
    is64(i) ? x86_cvtsi2sd_xr(&e->b, size, xmm(e->d), a) : x86_cvtsi2ss_xr(&e->b, size, xmm(e->d), a);
}

void emit_fcvt_is(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, width = ir_type_bits[arg_type(e, i, 0)];

    if (scaled_rt(e, i))
        return;
    if (IR_FP_RM(i->aux) != IR_RM_DYN && may_round(i, width))
        from_int_rt(e, i, a, width, e->d);
    else
        from_int(e, i, a, width / 8);
}

static void code_from_uint(struct x86_emit *e, const struct stub *s)
{
    from_int_rt(e, s->insn, s->a[0], 64, s->d);
}

void emit_fcvt_iu(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, width = ir_type_bits[arg_type(e, i, 0)];
    struct stub *s;

    if (scaled_rt(e, i))
        return;
    if (IR_FP_RM(i->aux) != IR_RM_DYN && may_round(i, width)) {
        from_int_rt(e, i, a, width, e->d);
    } else if (width == 32) {
        unsigned t = ra_temp(&e->ra, RA_GPR, 0);

        x86_mov_rr(&e->b, 4, t, a);
        from_int(e, i, t, 8);
    } else {
        /* As signed it is right unless the top bit is set. */
        x86_test_rr(&e->b, 8, a, a);
        s = stub_code(e, code_from_uint);
        s->insn = i;
        s->d = (uint8_t)e->d;
        s->a[0] = (uint8_t)a;
        stub_jcc(e, s, X86_S);
        from_int(e, i, a, 8);
        stub_back(e, s);
    }
}

/* ------------------------------------------------------------------ NaN boxes */

void emit_nanbox(struct x86_emit *e, struct ir_insn *i)
{
    (void)i;
    emit_move(e, e->d, e->o[0].reg);
    x86_orps_xm(&e->b, xmm(e->d), pool_mem(e, BOX32, 0));
    pool_fix(e);
}

void emit_nanunbox(struct x86_emit *e, struct ir_insn *i)
{
    unsigned t = ra_temp(&e->ra, RA_GPR, 0);
    struct stub *s;

    x86_pextrd_rxi(&e->b, t, xmm(e->o[0].reg), 1);
    emit_move(e, e->d, e->o[0].reg);
    x86_cmp_ri(&e->b, 4, t, -1);
    s = stub_code(e, code_canonical);
    s->insn = i;
    s->d = (uint8_t)e->d;
    stub_jcc(e, s, X86_NE);
    stub_back(e, s);
}

/* ------------------------------------------------------------------ the environment */

/* MXCSR's flag bits that stand for an exception of the guest's: all but DE. */
enum { MX_GUEST_FLAGS = 0x3d, MX_FLAGS = 0x3f };

/* MXCSR into `reg`, through memory as it must. */
static void read_mxcsr(struct x86_emit *e, unsigned reg)
{
    x86_stmxcsr_m(&e->b, CPU_MEM(e, rt_int));
    x86_mov_rm(&e->b, 4, reg, CPU_MEM(e, rt_int));
}

void emit_fpflags(struct x86_emit *e, struct ir_insn *i)
{
    read_mxcsr(e, e->d);
    x86_and_ri(&e->b, 4, e->d, MX_FLAGS);
    x86_movzx8_rm(&e->b, 4, e->d, x86_mem_bi(RSP, e->d, 1, (int32_t)offsetof(struct cpu, fpx_of_mx) + e->bias));
    if (i->aux)
        x86_or_rm(&e->b, 4, e->d, CPU_MEM(e, fpx_more));
}

/* From IR_FPX_* bits in `t` to MXCSR's. */
static void mxcsr_flags(struct x86_emit *e, unsigned t)
{
    x86_and_ri(&e->b, 4, t, 31);
    x86_movzx8_rm(&e->b, 4, t, x86_mem_bi(RSP, t, 1, (int32_t)offsetof(struct cpu, mx_of_fpx) + e->bias));
}

/* a[0]: the flags MXCSR shall have; rt_int has it as it is. */
static void code_load_flags(struct x86_emit *e, const struct stub *s)
{
    x86_and_mi(&e->b, 4, CPU_MEM(e, rt_int), ~MX_FLAGS);
    x86_and_ri(&e->b, 4, s->a[0], MX_FLAGS);
    x86_or_mr(&e->b, 4, CPU_MEM(e, rt_int), s->a[0]);
    x86_ldmxcsr_m(&e->b, CPU_MEM(e, rt_int));
}

/* Compilers save the flags, compare, and restore them: mostly they have not changed, and ldmxcsr is slow. */
void emit_fpflags_set(struct x86_emit *e, struct ir_insn *i)
{
    unsigned t = ra_temp(&e->ra, RA_GPR, 0), old = ra_temp(&e->ra, RA_GPR, 0);
    struct stub *s;

    if (i->aux & IR_FPFLAGS_FZ) {
        rt_arg_int(e, 0, gpr(e->o[0]));
        rt_call(e, RT_fpflags_set);
        return;
    }
    x86_mov_rr(&e->b, 4, t, gpr(e->o[0]));
    if (i->aux) {
        x86_mov_rr(&e->b, 4, old, t);
        x86_and_ri(&e->b, 4, old, IR_FPX_ID);
        x86_mov_mr(&e->b, 4, CPU_MEM(e, fpx_more), old);
    }
    mxcsr_flags(e, t);
    read_mxcsr(e, old);
    x86_xor_rr(&e->b, 4, old, t);
    x86_test_ri(&e->b, 4, old, MX_GUEST_FLAGS);
    s = stub_code(e, code_load_flags);
    s->a[0] = (uint8_t)t;
    stub_jcc(e, s, X86_NE);
    stub_back(e, s);
}

/* a[0]: IR_FPX_* bits, a[1]: a register to use. */
static void code_restore_flags(struct x86_emit *e, const struct stub *s)
{
    struct stub load = { .a[0] = s->a[1] };

    x86_mov_rr(&e->b, 4, s->a[1], s->a[0]);
    mxcsr_flags(e, s->a[1]);
    x86_stmxcsr_m(&e->b, CPU_MEM(e, rt_int));
    code_load_flags(e, &load);
}

void emit_fpflags_set_if(struct x86_emit *e, struct ir_insn *i)
{
    struct cond c = cond_prepare(e, i->arg[0]);
    struct opnd flags = opnd_get(e, ra_rep(&e->ra, i->arg[1]), false, false, 4);
    unsigned t = ra_temp(&e->ra, RA_GPR, 0);
    struct stub *s = stub_code(e, code_restore_flags);

    s->a[0] = (uint8_t)gpr(flags);
    s->a[1] = (uint8_t)t;
    jump_if(e, &c, s);
    stub_back(e, s);
}

void emit_fprm_set(struct x86_emit *e, struct ir_insn *i)
{
    (void)i;
    rt_arg_int(e, 0, gpr(e->o[0]));
    rt_call(e, RT_fprm_set);
}
