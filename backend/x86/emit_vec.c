/* Vector ops: operands, results, the way to C, and the ops that connect vectors with scalars. See emit_vec.h. */
#include "backend/x86/emit_vec.h"

/* ------------------------------------------------------------------ instructions */

/* Plain SSE has no third operand: what `b` names must survive `a` being moved to `d`. */
static unsigned second_source(struct x86_emit *e, unsigned d, unsigned a, unsigned b)
{
    unsigned t;

    if (d != b || d == a)
        return b;
    t = vtemp(e);
    emit_move(e, t, b);
    return t;
}

void v3(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, unsigned b)
{
    if (host_features.avx) {
        x86_enc_vex(&e->b, op, xmm(d), xmm(a), xmm(b), 0);
        return;
    }
    b = second_source(e, d, a, b);
    emit_move(e, d, a);
    x86_enc_reg(&e->b, op, xmm(d), xmm(b), 0);
}

void v3i(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, unsigned b, unsigned imm)
{
    op |= X86_F_IMM(1);
    if (host_features.avx) {
        x86_enc_vex(&e->b, op, xmm(d), xmm(a), xmm(b), (int32_t)imm);
        return;
    }
    b = second_source(e, d, a, b);
    emit_move(e, d, a);
    x86_enc_reg(&e->b, op, xmm(d), xmm(b), (int32_t)imm);
}

void v2(struct x86_emit *e, uint32_t op, unsigned d, unsigned a)
{
    if (host_features.avx)
        x86_enc_vex(&e->b, op, xmm(d), 0, xmm(a), 0);
    else
        x86_enc_reg(&e->b, op, xmm(d), xmm(a), 0);
}

void v2i(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, unsigned imm)
{
    op |= X86_F_IMM(1);
    if (host_features.avx)
        x86_enc_vex(&e->b, op, xmm(d), 0, xmm(a), (int32_t)imm);
    else
        x86_enc_reg(&e->b, op, xmm(d), xmm(a), (int32_t)imm);
}

static void v3_pool(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, uint64_t lo, uint64_t hi, unsigned imm)
{
    if (host_features.avx) {
        x86_enc_vex_mem(&e->b, op, xmm(d), xmm(a), pool_mem(e, lo, hi), (int32_t)imm);
    } else {
        emit_move(e, d, a);
        x86_enc_mem(&e->b, op, xmm(d), pool_mem(e, lo, hi), (int32_t)imm);
    }
}

void v3k(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, uint64_t lo, uint64_t hi)
{
    v3_pool(e, op, d, a, lo, hi, 0);
    pool_fix(e);
}

void v3ki(struct x86_emit *e, uint32_t op, unsigned d, unsigned a, uint64_t lo, uint64_t hi, unsigned imm)
{
    v3_pool(e, op | X86_F_IMM(1), d, a, lo, hi, imm);
    pool_fix_imm(e, 1);
}

void vk(struct x86_emit *e, unsigned d, uint64_t lo, uint64_t hi)
{
    if (!lo && !hi) {
        vzero(e, d);
        return;
    }
    if (!~lo && !~hi) {
        vones(e, d);
        return;
    }
    x86_movaps_xm(&e->b, xmm(d), pool_mem(e, lo, hi));
    pool_fix(e);
}

void vshift(struct x86_emit *e, enum vec_shift kind, unsigned size, unsigned d, unsigned a, unsigned n)
{
    uint32_t op = (X86_OP(66, 0F, 70) + size) | X86_F_IMM(1);

    if (n > 255)
        n = 255;
    if (n == 0) {
        emit_move(e, d, a);
    } else if (host_features.avx) {
        x86_enc_vex(&e->b, op, kind, xmm(d), xmm(a), (int32_t)n);
    } else {
        emit_move(e, d, a);
        x86_enc_reg(&e->b, op, kind, xmm(d), (int32_t)n);
    }
}

static void shift_bytes(struct x86_emit *e, unsigned digit, unsigned d, unsigned a, unsigned n)
{
    uint32_t op = X86_OP(66, 0F, 73) | X86_F_IMM(1);

    if (host_features.avx) {
        x86_enc_vex(&e->b, op, digit, xmm(d), xmm(a), (int32_t)n);
    } else {
        emit_move(e, d, a);
        x86_enc_reg(&e->b, op, digit, xmm(d), (int32_t)n);
    }
}

void vbytes_right(struct x86_emit *e, unsigned d, unsigned a, unsigned n)
{
    shift_bytes(e, 3, d, a, n);
}

void vbytes_left(struct x86_emit *e, unsigned d, unsigned a, unsigned n)
{
    shift_bytes(e, 7, d, a, n);
}

void vzero(struct x86_emit *e, unsigned d)
{
    x86_xorps_xx(&e->b, xmm(d), xmm(d));
}

void vones(struct x86_emit *e, unsigned d)
{
    x86_pcmpeqd_xx(&e->b, xmm(d), xmm(d));
}

/* ------------------------------------------------------------------ the driver */

static const struct { char kind; vec_fn *fn; } emitters[IR_NOPS] = {
#define VEC_EMIT(op, kind, fn) [IR_##op] = { kind, vec_##fn },
#include "backend/x86/vec_emit.def"
};

/* Zeroes what LOW or ONE leave out. */
static void cut(struct x86_emit *e, const struct ir_insn *i, unsigned w, unsigned d)
{
    if (i->aux & IR_V_LOW || (i->aux & IR_V_ONE && w == 64))
        x86_movq_xx(&e->b, xmm(d), xmm(d));
    else if (i->aux & IR_V_ONE && w == 32)
        v3i(e, X86_OP(66, 0F3A, 21), d, d, d, 0x0e); /* insertps: zero lanes 1 to 3 */
    else if (i->aux & IR_V_ONE)
        v3k(e, V_PAND, d, d, w == 8 ? 0xff : 0xffff, 0);
}

/* Width of the result's lanes. */
static unsigned result_width(const struct vec_op *v)
{
    switch (v->i->op) {
    case IR_vwiden: case IR_vmull: case IR_vpmull: case IR_vpaddl: case IR_vfcvtl:
        return v->w * 2 > 64 ? 64 : v->w * 2;
    case IR_vnarrow: return v->w / 2;
    case IR_vfcvtn: return v->i->imm ? 16 : v->w / 2;
    default: return v->w;
    }
}

static void in_c(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned regs[3] = { v->a, v->b, v->c };

    e->in_c++;
    rt_arg_imm(e, 0, RT_VEC_DESC(v->i->op, v->i->aux));
    rt_arg_imm(e, 1, v->i->imm);
    for (unsigned k = 0; k < ir_ops[v->i->op].nargs; k++)
        rt_arg_fp(e, k, regs[k], IR_V128);
    rt_call(e, RT_vec);
    x86_movaps_xm(&e->b, xmm(v->d), CPU_MEM(e, rt_fp[3]));
}

static struct vec_op vec_op_of(struct x86_emit *e, struct ir_insn *i)
{
    struct vec_op v = { .e = e, .i = i, .lane = IR_V_LANE(i->aux) };

    v.w = v.lane == IR_VOID ? 8 : (unsigned)v.lane == IR_F16 ? 16 : ir_type_bits[v.lane];
    v.size = (unsigned)__builtin_ctz(v.w / 8);
    return v;
}

void emit_vec(struct x86_emit *e, struct ir_insn *i)
{
    struct vec_op v = vec_op_of(e, i);
    unsigned *regs[3] = { &v.a, &v.b, &v.c };
    uint32_t all = 0, others = 0;
    char kind = emitters[i->op].kind;

    if (i->op == IR_vsha256rnds && host_features.sha) /* its instruction has an operand in xmm0 */
        ra_take(&e->ra, RA_XMM0);
    for (unsigned k = 0; k < ir_ops[i->op].nargs; k++) {
        *regs[k] = ra_use(&e->ra, ra_rep(&e->ra, i->arg[k]));
        all |= 1u << *regs[k];
        if (*regs[k] != v.a)
            others |= 1u << *regs[k];
    }
    v.d = e->d = ra_def(&e->ra, e->ra.cur, v.a, kind == 'd' ? others : kind != 's' ? all : host_features.avx ? 0 : others);
    if (!emitters[i->op].fn || !emitters[i->op].fn(&v))
        in_c(&v);
    else if (kind != 'p')
        cut(e, i, result_width(&v), v.d);
}

/* ------------------------------------------------------------------ scalars to vectors and back */

/* The value of operand `k` if it is an integer constant that needs no relocation. */
static bool const_arg(const struct x86_emit *e, const struct ir_insn *i, unsigned k, uint64_t *value)
{
    const struct ir_insn *c = ir_at(e->u, ra_rep(&e->ra, i->arg[k]));

    if (ra_rep(&e->ra, i->arg[k]) >= e->u->ninsns || c->op != IR_const || c->aux)
        return false;
    *value = (uint64_t)c->imm;
    return true;
}

static unsigned use(struct x86_emit *e, const struct ir_insn *i, unsigned k)
{
    return ra_use(&e->ra, ra_rep(&e->ra, i->arg[k]));
}

void emit_vpair(struct x86_emit *e, struct ir_insn *i)
{
    uint64_t lo, hi;

    if (const_arg(e, i, 0, &lo) && const_arg(e, i, 1, &hi)) {
        e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, 0);
        vk(e, e->d, lo, hi);
        return;
    }

    unsigned a = use(e, i, 0), b = use(e, i, 1);

    e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, 0);
    x86_movq_xr(&e->b, xmm(e->d), a);
    if (a == b)
        v3(e, V_PUNPCKLQDQ, e->d, e->d, e->d);
    else
        x86_pinsrq_xri(&e->b, xmm(e->d), b, 1);
}

/* An integer's low bits, zero-extended, into vector register d. */
static void int_to_low(struct x86_emit *e, unsigned type, unsigned d, unsigned a)
{
    unsigned t;

    switch (type) {
    case IR_I64:
        x86_movq_xr(&e->b, xmm(d), a);
        break;
    case IR_I32:
        x86_movd_xr(&e->b, xmm(d), a);
        break;
    default:
        t = ra_temp(&e->ra, RA_GPR, 0);
        type == IR_I8 ? x86_movzx8_rr(&e->b, 4, t, a) : x86_movzx16_rr(&e->b, 4, t, a);
        x86_movd_xr(&e->b, xmm(d), t);
    }
}

void emit_vzext(struct x86_emit *e, struct ir_insn *i)
{
    unsigned type = arg_type(e, i, 0), a = use(e, i, 0);

    e->d = ra_def(&e->ra, e->ra.cur, a >= RA_XMM0 ? a : RA_NONE, 0);
    if (type == IR_F64)
        x86_movq_xx(&e->b, xmm(e->d), xmm(a));
    else if (type == IR_F32)
        v3i(e, X86_OP(66, 0F3A, 21), e->d, a, a, 0x0e);
    else
        int_to_low(e, type, e->d, a);
}

/* d = the lowest lane of a everywhere. */
static void broadcast(struct x86_emit *e, unsigned size, unsigned d, unsigned a)
{
    static const uint32_t avx2[] = { X86_OP(66, 0F38, 78), X86_OP(66, 0F38, 79), X86_OP(66, 0F38, 58),
                                     X86_OP(66, 0F38, 59) };

    if (host_features.avx2) {
        v2(e, avx2[size], d, a);
    } else if (size == 3) {
        v3(e, V_PUNPCKLQDQ, d, a, a);
    } else if (size == 2) {
        v2i(e, X86_OP(66, 0F, 70), d, a, 0);
    } else if (size == 1) {
        v2i(e, X86_OP(F2, 0F, 70), d, a, 0);
        v3(e, V_PUNPCKLQDQ, d, d, d);
    } else {
        v3k(e, V_PSHUFB, d, a, 0, 0);
    }
}

void emit_vdup(struct x86_emit *e, struct ir_insn *i)
{
    struct vec_op v = vec_op_of(e, i);
    unsigned type = arg_type(e, i, 0);
    uint64_t value;

    if (type < IR_F32 && const_arg(e, i, 0, &value)) {
        uint64_t lo = vsplat(v.size, v.w == 64 ? value : value & ((1ull << v.w) - 1));

        e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, 0);
        if (i->aux & IR_V_ONE)
            vk(e, e->d, v.w == 64 ? lo : lo & ((1ull << v.w) - 1), 0);
        else
            vk(e, e->d, lo, i->aux & IR_V_LOW ? 0 : lo);
        return;
    }

    unsigned a = use(e, i, 0);

    e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, a >= RA_XMM0 ? 1u << a : 0);
    if (a < RA_XMM0) {
        v.w == 64 ? x86_movq_xr(&e->b, xmm(e->d), a) : x86_movd_xr(&e->b, xmm(e->d), a);
        a = e->d;
    }
    broadcast(e, v.size, e->d, a);
    cut(e, i, v.w, e->d);
}

bool vec_dupl(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned n = (unsigned)v->i->imm;

    if (n == 0) {
        broadcast(e, v->size, v->d, v->a);
    } else if (v->size == 3) {
        v3(e, V_PUNPCKHQDQ, v->d, v->a, v->a);
    } else if (v->size == 2) {
        v2i(e, X86_OP(66, 0F, 70), v->d, v->a, n * 0x55);
    } else {
        uint64_t k = v->size == 0 ? vsplat(0, n) : vsplat(1, 2 * n | (2 * n + 1) << 8);

        v3k(e, V_PSHUFB, v->d, v->a, k, k);
    }
    return true;
}

void emit_vset(struct x86_emit *e, struct ir_insn *i)
{
    struct vec_op v = vec_op_of(e, i);
    unsigned a = use(e, i, 0), b = use(e, i, 1), n = (unsigned)i->imm;

    e->d = ra_def(&e->ra, e->ra.cur, a, b >= RA_XMM0 && a != b ? 1u << b : 0);
    if (b >= RA_XMM0) {
        if (v.size == 2)
            v3i(e, X86_OP(66, 0F3A, 21), e->d, a, b, n << 4);
        else if (n == 0)
            v3i(e, X86_OP(66, 0F3A, 0E), e->d, a, b, 0x0f); /* pblendw: the low half */
        else
            v3(e, V_PUNPCKLQDQ, e->d, a, b);
        return;
    }
    emit_move(e, e->d, a);
    switch (v.size) {
    case 0: x86_pinsrb_xri(&e->b, xmm(e->d), b, (uint8_t)n); break;
    case 1: x86_pinsrw_xri(&e->b, xmm(e->d), b, (uint8_t)n); break;
    case 2: x86_pinsrd_xri(&e->b, xmm(e->d), b, (uint8_t)n); break;
    default: x86_pinsrq_xri(&e->b, xmm(e->d), b, (uint8_t)n);
    }
}

static void get_float(struct x86_emit *e, unsigned size, unsigned d, unsigned a, unsigned n)
{
    if (n == 0)
        emit_move(e, d, a);
    else if (size == 3)
        v3(e, V_PUNPCKHQDQ, d, a, a);
    else
        v2i(e, X86_OP(66, 0F, 70), d, a, n);
}

void emit_vget(struct x86_emit *e, struct ir_insn *i)
{
    struct vec_op v = vec_op_of(e, i);
    unsigned a = use(e, i, 0), n = (unsigned)i->imm, size = op_size(i->type);
    bool sx = i->aux & IR_V_SX;

    if (i->type >= IR_F32) {
        e->d = ra_def(&e->ra, e->ra.cur, a, 0);
        get_float(e, v.size, e->d, a, n);
        return;
    }
    e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, 0);
    switch (v.size) {
    case 0:
        x86_pextrb_rxi(&e->b, e->d, xmm(a), (uint8_t)n);
        if (sx && i->type != IR_I8)
            x86_movsx8_rr(&e->b, size, e->d, e->d);
        break;
    case 1:
        x86_pextrw_rxi(&e->b, e->d, xmm(a), (uint8_t)n);
        if (sx && i->type != IR_I16)
            x86_movsx16_rr(&e->b, size, e->d, e->d);
        break;
    case 2:
        n ? x86_pextrd_rxi(&e->b, e->d, xmm(a), (uint8_t)n) : x86_movd_rx(&e->b, e->d, xmm(a));
        if (sx && size == 8)
            x86_movsxd_rr(&e->b, 8, e->d, e->d);
        break;
    default:
        n ? x86_pextrq_rxi(&e->b, e->d, xmm(a), (uint8_t)n) : x86_movq_rx(&e->b, e->d, xmm(a));
    }
}
