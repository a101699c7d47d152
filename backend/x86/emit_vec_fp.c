/* Floating-point lanes. The host's results stand unless one is a NaN: then the whole op is done again in C, by the
 * guest's rule (RT_vec). Flushing (IR_FP_FZ): fz.h. Static rounding modes of arithmetic are C's altogether; F16 lanes:
 * emit_vec_half.c. */
#include "backend/x86/emit_vec.h"

enum { CMP_EQ = 0, CMP_LT = 1, CMP_LE = 2, CMP_UNORD = 3, CMP_NOT_LT = 5, CMP_EQ_OR_UNORD = 8 };

static unsigned fp_aux(const struct vec_op *v)
{
    return IR_V_FP_AUX(v->i->aux);
}

static bool wide(const struct vec_op *v)
{
    return v->lane == IR_F64;
}

/* One lane only, lanes being of the width `w64` says: F64 has no other under LOW. */
static bool single_of(const struct vec_op *v, bool w64)
{
    return v->i->aux & IR_V_ONE || (w64 && v->i->aux & IR_V_LOW);
}

static bool single(const struct vec_op *v)
{
    return single_of(v, wide(v));
}

/* Lanes and modes that SSE has. */
static bool on_host(const struct vec_op *v, bool any_rounding)
{
    return (v->lane == IR_F32 || v->lane == IR_F64) && (any_rounding || IR_FP_RM(fp_aux(v)) == IR_RM_DYN);
}

/* The forms of an instruction: by prefix none (ps), 66 (pd), F3 (ss), F2 (sd). */
static uint32_t fp_op(const struct vec_op *v, uint32_t opcode)
{
    unsigned prefix = single(v) ? (wide(v) ? X86_PP_F2 : X86_PP_F3) : wide(v) ? X86_PP_66 : X86_PP_NP;

    return prefix << 10 | X86_MAP_0F << 8 | opcode;
}

/* ------------------------------------------------------------------ operands and results */

/* A copy of operand `a` whose upper half raises nothing: zeros, or ones for divisors. */
static unsigned quiet_half(struct vec_op *v, unsigned a, bool divisor)
{
    struct x86_emit *e = v->e;
    unsigned t;

    if (!(v->i->aux & IR_V_LOW) || single(v))
        return a;
    t = vtemp(e);
    x86_movq_xx(&e->b, xmm(t), xmm(a));
    if (divisor)
        v3k(e, V_POR, t, t, 0, 0x3f8000003f800000);
    return t;
}

/* Where denormals are flushed: raises the exception for those in `a`, which what comes next would not notice (fz.h). */
static void touch(struct vec_op *v, unsigned a)
{
    if (!(fp_aux(v) & IR_FP_FZ))
        return;
    if (single(v))
        fp_touch(v->e, wide(v), a);
    else
        v3i(v->e, fp_op(v, 0xc2), vtemp(v->e), a, a, CMP_UNORD);
}

/* Zeroes what a scalar instruction took from its first operand. */
static void zero_rest(struct vec_op *v)
{
    struct x86_emit *e = v->e;

    if (wide(v) ? single(v) : v->i->aux & IR_V_LOW)
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    else if (single(v))
        v3i(e, X86_OP(66, 0F3A, 21), v->d, v->d, v->d, 0x0e);
}

static void code_in_c(struct x86_emit *e, const struct stub *s)
{
    const struct ir_insn *i = s->insn;

    rt_arg_imm(e, 0, RT_VEC_DESC(i->op, i->aux));
    rt_arg_imm(e, 1, i->imm);
    for (unsigned k = 0; k < ir_ops[i->op].nargs; k++)
        rt_arg_fp(e, k, s->a[k], IR_V128);
    rt_call(e, RT_vec);
    x86_movaps_xm(&e->b, xmm(s->d), CPU_MEM(e, rt_fp[3]));
}

static struct stub *stub_for(struct vec_op *v)
{
    struct stub *s = stub_code(v->e, code_in_c);

    s->insn = v->i;
    s->d = (uint8_t)v->d;
    s->a[0] = (uint8_t)v->a;
    s->a[1] = (uint8_t)v->b;
    s->a[2] = (uint8_t)v->c;
    return s;
}

void vec_stub_in_c(struct vec_op *v, enum x86_cc cc)
{
    struct stub *s = stub_for(v);

    stub_jcc(v->e, s, cc);
    stub_back(v->e, s);
}

void vec_stub_instead(struct vec_op *v, uint32_t from)
{
    struct stub *s = stub_for(v);

    s->from[s->nfrom++] = from;
    stub_back(v->e, s);
}

/* Goes to C if a lane of d, of the width `w64` says, is a NaN. */
static void if_nan_of(struct vec_op *v, bool w64)
{
    struct x86_emit *e = v->e;
    unsigned t, r;

    if (single_of(v, w64)) {
        w64 ? x86_ucomisd_xx(&e->b, xmm(v->d), xmm(v->d)) : x86_ucomiss_xx(&e->b, xmm(v->d), xmm(v->d));
        vec_stub_in_c(v, X86_P);
        return;
    }
    t = vtemp(e);
    r = ra_temp(&e->ra, RA_GPR, 0);
    v3i(e, w64 ? X86_OP(66, 0F, C2) : X86_OP(NP, 0F, C2), t, v->d, v->d, CMP_UNORD);
    x86_movmskps_rx(&e->b, r, xmm(t));
    x86_test_rr(&e->b, 4, r, r);
    vec_stub_in_c(v, X86_NE);
}

static void if_nan(struct vec_op *v)
{
    if_nan_of(v, wide(v));
}

/* Flags: not equal if a lane of d, of the width `w64` says, is a NaN or a smallest normal number: that may have been rounded up
 * to, which is an underflow where that is detected before rounding. t, s, r: temporaries. */
static void test_nan_or_smallest(struct vec_op *v, bool w64, unsigned t, unsigned s, unsigned r)
{
    struct x86_emit *e = v->e;
    uint64_t abs = w64 ? INT64_MAX : 0x7fffffff7fffffff, smallest = w64 ? 1ull << 52 : 0x0080000000800000;
    uint32_t cmp = w64 ? X86_OP(66, 0F, C2) : X86_OP(NP, 0F, C2);

    v3k(e, X86_OP(NP, 0F, 54), t, v->d, abs, abs);
    if (host_features.avx) {
        v3ki(e, cmp, t, t, smallest, smallest, CMP_EQ_OR_UNORD);
    } else {
        v3i(e, cmp, s, t, t, CMP_UNORD);
        v3ki(e, cmp, t, t, smallest, smallest, CMP_EQ);
        v3(e, V_POR, t, t, s);
    }
    x86_movmskps_rx(&e->b, r, xmm(t));
    x86_test_rr(&e->b, 4, r, r);
}

/* Goes to C if a lane of d, of the width `w64` says, is a NaN or may have underflowed. */
static void if_nan_or_smallest(struct vec_op *v, bool w64)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    if (single_of(v, w64)) {
        fp_test_smallest(e, w64, v->d, t);
        vec_stub_in_c(v, X86_E);
    } else {
        unsigned s = host_features.avx ? t : vtemp(e), r = ra_temp(&e->ra, RA_GPR, 0);

        test_nan_or_smallest(v, w64, t, s, r);
        vec_stub_in_c(v, X86_NE);
    }
}

/* ------------------------------------------------------------------ arithmetic */

static uint32_t opcode_of(enum ir_op op)
{
    switch (op) {
    case IR_vfadd: return 0x58;
    case IR_vfsub: return 0x5c;
    case IR_vfdiv: return 0x5e;
    default: return 0x59;
    }
}

bool vec_farith(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool div = v->i->op == IR_vfdiv;
    unsigned a, b;

    if (!on_host(v, false))
        return vec_half_arith(v);
    a = quiet_half(v, v->a, false);
    b = quiet_half(v, v->b, div);
    if (div)
        touch(v, a);
    v3(e, fp_op(v, opcode_of(v->i->op)), v->d, a, b);
    zero_rest(v);
    if (v->i->op == IR_vfmul || div)
        if_nan_or_smallest(v, wide(v));
    else
        if_nan(v); /* tiny sums are exact */
    return true;
}

/* 0 * inf would raise invalid: such lanes go to C before. All temporaries are taken before that jump, see vec_stub_instead(). */
bool vec_fmulx(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    uint64_t abs = wide(v) ? INT64_MAX : 0x7fffffff7fffffff, inf = wide(v) ? 0x7ff0000000000000 : 0x7f8000007f800000;
    uint64_t zero = fp_aux(v) & IR_FP_FZ ? inf : abs; /* denormals are zeros */
    unsigned t, s, r, z;

    if (!on_host(v, false) || single(v) || v->i->aux & IR_V_LOW)
        return false;
    t = vtemp(e);
    s = vtemp(e);
    z = vtemp(e);
    vzero(e, z);
    r = ra_temp(&e->ra, RA_GPR, 0);
    for (unsigned k = 0; k < 2; k++) { /* one operand infinite and the other 0, and the other way round */
        unsigned x = k ? v->b : v->a, y = k ? v->a : v->b, into = k ? s : v->d;

        v3k(e, V_PAND, into, x, abs, abs);
        v3k(e, V_PCMPEQ(wide(v) ? 3 : 2), into, into, inf, inf);
        v3k(e, V_PAND, t, y, zero, zero);
        v3(e, V_PCMPEQ(wide(v) ? 3 : 2), t, t, z);
        v3(e, V_PAND, into, into, t);
    }
    v3(e, V_POR, s, s, v->d);
    x86_movmskps_rx(&e->b, r, xmm(s));
    x86_test_rr(&e->b, 4, r, r);
    uint32_t special = x86_jcc_rel32_fwd(&e->b, X86_NE);
    v3(e, fp_op(v, 0x59), v->d, v->a, v->b);
    test_nan_or_smallest(v, wide(v), t, s, r);
    vec_stub_in_c(v, X86_NE);

    struct stub *stub = &e->stubs[e->nstubs - 1]; /* that of NaNs serves both */
    stub->from[stub->nfrom++] = special;
    return true;
}

bool vec_fsqrt(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    uint32_t op = fp_op(v, 0x51);
    unsigned a;

    if (!on_host(v, false))
        return vec_half_arith(v);
    a = quiet_half(v, v->a, false);
    touch(v, a);
    if (single(v))
        v3(e, op, v->d, a, a);
    else
        v2(e, op, v->d, a);
    zero_rest(v);
    if_nan(v);
    return true;
}

bool vec_fma(struct vec_op *v)
{
    static const uint8_t opcodes[4] = { 0xb8, 0xbc, 0xba, 0xbe }; /* 231: none, product, addend, both negated */
    struct x86_emit *e = v->e;
    uint32_t op = X86_PP_66 << 10 | X86_MAP_0F38 << 8 | (wide(v) ? X86_F_W : 0);
    unsigned a, b;

    if (!on_host(v, false) || !host_features.fma)
        return vec_half_fma(v);
    op |= opcodes[v->i->imm & 3] + (single(v) ? 1u : 0u);
    a = quiet_half(v, v->a, false);
    b = quiet_half(v, v->b, false);
    if (a == v->a)
        emit_move(e, v->d, v->c);
    else
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->c));
    x86_enc_vex(&e->b, op, xmm(v->d), xmm(a), xmm(b), 0);
    zero_rest(v);
    if_nan_or_smallest(v, wide(v));
    return true;
}

bool vec_fsign(struct vec_op *v)
{
    uint64_t sign = (unsigned)v->lane == IR_F16 ? vsplat(1, 0x8000) : wide(v) ? 1ull << 63 : vsplat(2, 1u << 31);

    if (v->i->op == IR_vfneg)
        v3k(v->e, V_PXOR, v->d, v->a, sign, sign);
    else
        v3k(v->e, V_PAND, v->d, v->a, ~sign, ~sign);
    return true;
}

/* ------------------------------------------------------------------ minima, comparisons */

/* The host gives the second operand if one is a NaN or both are zeros. Zeros: or (and) of both orders. NaNs raise invalid
 * on the host even if quiet: lanes are compared first, quietly, and NaNs go to C. */
bool vec_fminmax(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool max = v->i->op == IR_vfmax || v->i->op == IR_vfmaxnm;
    unsigned a, b, t, r;
    uint32_t op;

    if (!on_host(v, true))
        return vec_half_minmax(v);
    t = vtemp(e);
    r = ra_temp(&e->ra, RA_GPR, 0);
    a = quiet_half(v, v->a, false);
    b = quiet_half(v, v->b, false);
    if (single(v)) {
        wide(v) ? x86_ucomisd_xx(&e->b, xmm(a), xmm(b)) : x86_ucomiss_xx(&e->b, xmm(a), xmm(b));
    } else {
        v3i(e, fp_op(v, 0xc2), t, a, b, CMP_UNORD);
        x86_movmskps_rx(&e->b, r, xmm(t));
        x86_test_rr(&e->b, 4, r, r);
    }
    uint32_t nan = x86_jcc_rel32_fwd(&e->b, single(v) ? X86_P : X86_NE);
    op = fp_op(v, max ? 0x5f : 0x5d);
    v3(e, op, t, b, a);
    v3(e, op, v->d, a, b);
    v3(e, max ? V_PAND : V_POR, v->d, v->d, t);
    zero_rest(v);
    vec_stub_instead(v, nan);
    return true;
}

bool vec_fcmp(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned a, b;

    if (!on_host(v, true))
        return vec_half_cmp(v);
    a = quiet_half(v, v->a, false);
    b = quiet_half(v, v->b, false);
    touch(v, a);
    touch(v, b);
    switch (v->i->op) {
    case IR_vfcmpeq: v3i(e, fp_op(v, 0xc2), v->d, a, b, CMP_EQ); break;
    case IR_vfcmpgt: v3i(e, fp_op(v, 0xc2), v->d, b, a, CMP_LT); break;
    default: v3i(e, fp_op(v, 0xc2), v->d, b, a, CMP_LE);
    }
    zero_rest(v);
    return true;
}

/* ------------------------------------------------------------------ rounding, conversions */

/* Immediate of roundps and its like: 8 suppresses inexact, 4 takes MXCSR's mode. Ties away: no such mode. */
static bool round_imm(const struct vec_op *v, unsigned *imm)
{
    static const uint8_t modes[8] = { [IR_RM_RNE] = 0, [IR_RM_RDN] = 1, [IR_RM_RUP] = 2, [IR_RM_RTZ] = 3, [IR_RM_DYN] = 4 };
    unsigned rm = IR_FP_RM(fp_aux(v));

    *imm = modes[rm];
    return rm != IR_RM_RMM && rm != IR_RM_ODD;
}

/* A copy of the operand in which lanes that don't count are zeros. */
static unsigned counted(struct vec_op *v)
{
    unsigned t;

    if (!single(v))
        return quiet_half(v, v->a, false);
    t = vtemp(v->e);
    if (wide(v))
        x86_movq_xx(&v->e->b, xmm(t), xmm(v->a));
    else
        v3i(v->e, X86_OP(66, 0F3A, 21), t, v->a, v->a, 0x0e);
    return t;
}

/* Ties away from zero: what is left of the number after its fraction was cut off is exact, and if it is a half or more, 1 is added.
 * Infinities, NaNs and what is too large to have a fraction go to C before. */
static bool round_away(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool w = wide(v);
    uint64_t abs = w ? INT64_MAX : 0x7fffffff7fffffff, half = w ? 1022ull << 52 : vsplat(2, 126u << 23);
    uint64_t one = w ? 1023ull << 52 : vsplat(2, 127u << 23), last = w ? (1075ull << 52) - 1 : vsplat(2, (150u << 23) - 1);
    unsigned a, t, s, r;
    uint32_t large, ps = w ? X86_OP(66, 0F, 00) : X86_OP(NP, 0F, 00);

    if (v->i->imm || !on_host(v, true))
        return false;
    a = counted(v);
    t = vtemp(e);
    s = vtemp(e);
    r = ra_temp(&e->ra, RA_GPR, 0);
    touch(v, a);
    vk(e, s, last, last);
    v3k(e, V_PAND, t, a, abs, abs);
    v3(e, V_PCMPGT(w ? 3 : 2), t, t, s);
    x86_movmskps_rx(&e->b, r, xmm(t));
    x86_test_rr(&e->b, 4, r, r);
    large = x86_jcc_rel32_fwd(&e->b, X86_NE);
    v2i(e, w ? X86_OP(66, 0F3A, 09) : X86_OP(66, 0F3A, 08), v->d, a, 8 | 3);
    v3(e, ps | 0x5c, s, a, v->d);
    v3k(e, V_PAND, s, s, abs, abs);
    v3ki(e, ps | 0xc2, s, s, half, half, CMP_NOT_LT);
    v3k(e, V_PAND, s, s, one, one);
    v3k(e, V_PAND, t, a, ~abs, ~abs);
    v3(e, V_POR, s, s, t);
    v3(e, ps | 0x58, v->d, v->d, s);
    if (v->i->aux & IR_V_EXACT) /* for what it raises */
        v2i(e, w ? X86_OP(66, 0F3A, 09) : X86_OP(66, 0F3A, 08), t, a, 3);
    vec_stub_instead(v, large);
    return true;
}

bool vec_frint(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned imm, a;

    if (IR_FP_RM(fp_aux(v)) == IR_RM_RMM)
        return round_away(v);
    if (v->i->imm || !round_imm(v, &imm))
        return false;
    imm |= v->i->aux & IR_V_EXACT ? 0 : 8;
    if (!on_host(v, true))
        return vec_half_frint(v, imm);
    a = quiet_half(v, v->a, false);
    touch(v, a);
    if (single(v))
        v3i(e, wide(v) ? X86_OP(66, 0F3A, 0B) : X86_OP(66, 0F3A, 0A), v->d, a, a, imm);
    else
        v2i(e, wide(v) ? X86_OP(66, 0F3A, 09) : X86_OP(66, 0F3A, 08), v->d, a, imm);
    zero_rest(v);
    if_nan(v);
    return true;
}

/* --- 32-bit lanes. Those that don't count become zeros, which convert to zeros. */

static unsigned zero_others(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t;

    if (!(v->i->aux & IR_V_ONE))
        return quiet_half(v, v->a, false);
    t = vtemp(e);
    v3i(e, X86_OP(66, 0F3A, 21), t, v->a, v->a, 0x0e);
    return t;
}

/* Bit pattern of 2^n. */
static uint64_t power32(int n)
{
    return vsplat(2, (uint64_t)(127 + n) << 23);
}

/* Conversions to integers under a static mode round first: what fits and has a fraction raises inexact, what does not fit has
 * none. */
static bool rounds_first(const struct vec_op *v)
{
    return IR_FP_RM(fp_aux(v)) != IR_RM_DYN && IR_FP_RM(fp_aux(v)) != IR_RM_RTZ;
}

static void round_first(struct vec_op *v, unsigned d, unsigned a)
{
    unsigned imm;

    round_imm(v, &imm);
    if (single(v) && wide(v))
        v3i(v->e, X86_OP(66, 0F3A, 0B), d, a, a, imm);
    else
        v2i(v->e, wide(v) ? X86_OP(66, 0F3A, 09) : X86_OP(66, 0F3A, 08), d, a, imm);
}

/* To integers: d = a converted. */
static void convert32(struct vec_op *v, unsigned a)
{
    v2(v->e, IR_FP_RM(fp_aux(v)) != IR_RM_DYN ? X86_OP(F3, 0F, 5B) : X86_OP(66, 0F, 5B), v->d, a);
}

/* A jump if a lane's magnitude, or with `positive` the number itself, is not below 2^n: bit patterns are in order. */
static uint32_t jump_if_large(struct vec_op *v, unsigned a, int n, bool positive)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e), s = vtemp(e), r = ra_temp(&e->ra, RA_GPR, 0);
    uint64_t last = power32(n) - vsplat(2, 1);

    vk(e, t, last, last);
    if (positive) {
        v3(e, V_PCMPGT(2), t, a, t);
        v3(e, V_POR, t, t, a); /* or the sign */
    } else {
        v3k(e, V_PAND, s, a, 0x7fffffff7fffffff, 0x7fffffff7fffffff);
        v3(e, V_PCMPGT(2), t, s, t);
    }
    x86_movmskps_rx(&e->b, r, xmm(t));
    x86_test_rr(&e->b, 4, r, r);
    return x86_jcc_rel32_fwd(&e->b, X86_NE);
}

/* What does not fit goes to C: before, where it would overflow in being scaled, or be a large unsigned number. Else MIN, which the
 * host gives for it, tells. */
static bool to_int32(struct vec_op *v, bool is_signed)
{
    struct x86_emit *e = v->e;
    int scale = (int)v->i->imm;
    unsigned a = zero_others(v), t = vtemp(e), r;
    uint32_t large = 0;
    bool all_fit = is_signed && !scale; /* or are told by MIN */

    touch(v, a);
    r = all_fit ? ra_temp(&e->ra, RA_GPR, 0) : 0;
    if (!all_fit)
        large = jump_if_large(v, a, 31 - scale, !is_signed);
    if (scale) {
        v3k(e, X86_OP(NP, 0F, 59), t, a, power32(scale), power32(scale));
        a = t;
    }
    if (rounds_first(v)) {
        round_first(v, t, a);
        a = t;
    }
    convert32(v, a);
    if (!all_fit) {
        vec_stub_instead(v, large);
        return true;
    }
    v3k(e, V_PCMPEQ(2), t, v->d, vsplat(2, 1u << 31), vsplat(2, 1u << 31));
    x86_movmskps_rx(&e->b, r, xmm(t));
    x86_test_rr(&e->b, 4, r, r);
    vec_stub_in_c(v, X86_NE);
    return true;
}

/* Unsigned: those with bit 31 clear are signed numbers; others go to C. Scaling is exact: no number comes near the
 * smallest ones. */
static bool from_int32(struct vec_op *v, bool is_signed)
{
    struct x86_emit *e = v->e;
    unsigned a = zero_others(v), r;
    uint32_t large = 0;

    if (!is_signed) {
        r = ra_temp(&e->ra, RA_GPR, 0);
        x86_movmskps_rx(&e->b, r, xmm(a));
        x86_test_rr(&e->b, 4, r, r);
        large = x86_jcc_rel32_fwd(&e->b, X86_NE);
    }
    v2(e, X86_OP(NP, 0F, 5B), v->d, a);
    if (v->i->imm)
        v3k(e, X86_OP(NP, 0F, 59), v->d, v->d, power32(-(int)v->i->imm), power32(-(int)v->i->imm));
    if (!is_signed)
        vec_stub_instead(v, large);
    return true;
}

/* --- 64-bit lanes, through general registers */

static unsigned lanes64(const struct vec_op *v)
{
    return single(v) ? 1 : 2;
}

/* Unsigned: only numbers in 0 to 2^63 are converted here; the bit patterns of the others are not below 2^63's. */
static bool to_int64(struct vec_op *v, bool is_signed)
{
    struct x86_emit *e = v->e;
    bool truncates = IR_FP_RM(fp_aux(v)) != IR_RM_DYN;
    unsigned n = lanes64(v), a = v->a, r[2], t, limit;
    struct stub *s;
    uint32_t large[2];

    if (v->i->imm)
        return false;
    t = vtemp(e);
    limit = ra_temp(&e->ra, RA_GPR, 0);
    for (unsigned k = 0; k < n; k++)
        r[k] = ra_temp(&e->ra, RA_GPR, 0);
    touch(v, a);
    if (!is_signed)
        x86_mov_ri(&e->b, 8, limit, 0x43e0000000000000);
    for (unsigned k = 0; k < n && !is_signed; k++) {
        k ? x86_pextrq_rxi(&e->b, r[k], xmm(a), 1) : x86_movq_rx(&e->b, r[k], xmm(a));
        x86_cmp_rr(&e->b, 8, r[k], limit);
        large[k] = x86_jcc_rel32_fwd(&e->b, X86_AE);
    }
    if (rounds_first(v)) { /* d is nobody's yet */
        round_first(v, v->d, a);
        a = v->d;
    }
    if (n == 2)
        v3(e, V_PUNPCKHQDQ, t, a, a);
    for (unsigned k = 0; k < n; k++)
        truncates ? x86_cvttsd2si_rx(&e->b, 8, r[k], xmm(k ? t : a)) : x86_cvtsd2si_rx(&e->b, 8, r[k], xmm(k ? t : a));
    for (unsigned k = 0; k < n && is_signed; k++) {
        x86_cmp_ri(&e->b, 8, r[k], 1); /* MIN overflows */
        large[k] = x86_jcc_rel32_fwd(&e->b, X86_O);
    }
    x86_movq_xr(&e->b, xmm(v->d), r[0]);
    if (n == 2)
        x86_pinsrq_xri(&e->b, xmm(v->d), r[1], 1);
    s = stub_for(v);
    for (unsigned k = 0; k < n; k++)
        s->from[s->nfrom++] = large[k];
    stub_back(e, s);
    return true;
}

static bool from_int64(struct vec_op *v, bool is_signed)
{
    struct x86_emit *e = v->e;
    unsigned n = lanes64(v), t = vtemp(e), r[2];
    uint64_t scale = (uint64_t)(1023 - v->i->imm) << 52;
    uint32_t large = 0;

    for (unsigned k = 0; k < n; k++)
        r[k] = ra_temp(&e->ra, RA_GPR, 0);
    x86_movq_rx(&e->b, r[0], xmm(v->a));
    if (n == 2)
        x86_pextrq_rxi(&e->b, r[1], xmm(v->a), 1);
    if (!is_signed) {
        x86_movmskpd_rx(&e->b, r[0], xmm(v->a));
        x86_test_ri(&e->b, 1, r[0], n == 2 ? 3 : 1);
        large = x86_jcc_rel32_fwd(&e->b, X86_NE);
        x86_movq_rx(&e->b, r[0], xmm(v->a));
    }
    vzero(e, v->d);
    x86_cvtsi2sd_xr(&e->b, 8, xmm(v->d), r[0]);
    if (n == 2) {
        vzero(e, t);
        x86_cvtsi2sd_xr(&e->b, 8, xmm(t), r[1]);
        v3(e, V_PUNPCKLQDQ, v->d, v->d, t);
    }
    if (v->i->imm)
        v3k(e, X86_OP(66, 0F, 59), v->d, v->d, scale, scale);
    if (!is_signed)
        vec_stub_instead(v, large);
    return true;
}

bool vec_fcvt_to_int(struct vec_op *v)
{
    bool is_signed = v->i->op == IR_vfcvt_si;
    unsigned imm;

    if ((unsigned)v->lane == IR_F16)
        return vec_half_to_int(v);
    if (!round_imm(v, &imm))
        return false;
    return wide(v) ? to_int64(v, is_signed) : to_int32(v, is_signed);
}

bool vec_fcvt_from_int(struct vec_op *v)
{
    bool is_signed = v->i->op == IR_vfcvt_is;

    if (!on_host(v, false))
        return vec_half_from_int(v);
    return wide(v) ? from_int64(v, is_signed) : from_int32(v, is_signed);
}

/* Sources must raise nothing in lanes that don't count. The host's NaNs are Arm's, but for default NaNs, which are C's. Halves are
 * not flushed. */
bool vec_fcvtl(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool half = (unsigned)v->lane == IR_F16, hi = v->i->aux & IR_V_HI;
    unsigned a = v->a;

    if (fp_aux(v) & IR_FP_AHP || (half && !host_features.f16c))
        return false;
    if (hi) {
        v2i(e, X86_OP(66, 0F, 70), v->d, a, 0xee);
        a = v->d;
    }
    if (v->i->aux & (IR_V_ONE | IR_V_LOW)) {
        v3k(e, V_PAND, v->d, a, half && v->i->aux & IR_V_ONE ? 0xffff : 0xffffffff, 0);
        a = v->d;
    }
    if (half)
        x86_vcvtph2ps_xx(&e->b, xmm(v->d), xmm(a));
    else
        v2(e, X86_OP(NP, 0F, 5A), v->d, a);
    if (fp_aux(v) & IR_FP_CANON)
        if_nan_of(v, !half);
    return true;
}

static bool to_half(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned a = v->a;

    if (!host_features.f16c)
        return false;
    if (v->i->aux & IR_V_ONE) {
        v3k(e, V_PAND, v->d, a, 0xffffffff, 0);
        a = v->d;
    }
    x86_vcvtps2ph_xxi(&e->b, xmm(v->d), xmm(a), 4); /* as MXCSR rounds */
    vec_half_check(v);
    return true;
}

bool vec_fcvtn(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned a = v->a;

    if (fp_aux(v) & IR_FP_AHP || IR_FP_RM(fp_aux(v)) != IR_RM_DYN || v->i->imm)
        return false;
    if (!wide(v))
        return to_half(v);
    if (v->i->aux & IR_V_ONE) {
        x86_movq_xx(&e->b, xmm(v->d), xmm(a));
        a = v->d;
    }
    v2(e, X86_OP(66, 0F, 5A), v->d, a);
    if_nan_or_smallest(v, false);
    return true;
}
