/* The reference interpreter. One function a kind of op, dispatched through a table; pure ops come from eval.def. */
#include "ir/interp.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu.h"
#include "frontend/guest.h"
#include "ir/eval.h"
#include "ir/softfp.h"
#include "ir/vec.h"

/* A value: scalars in lo, zero-extended. */
struct val { uint64_t lo, hi; };

struct interp {
    const struct ir_unit *u;
    struct cpu *cpu;
    const struct interp_env *env;
    struct val *v;               /* one an insn */
    ir_ref at;                   /* insn being run */
    ir_ref marker;               /* `insn` that it belongs to */
    uint32_t block;              /* where to go next, when `jumped` */
    bool jumped, left;
    struct interp_result res;
};

typedef void (*step_fn)(struct interp *s, const struct ir_insn *i);

static uint64_t arg(const struct interp *s, const struct ir_insn *i, unsigned k)
{
    return s->v[i->arg[k]].lo;
}

static enum ir_type arg_type(const struct interp *s, const struct ir_insn *i, unsigned k)
{
    return ir_at(s->u, i->arg[k])->type;
}

static void set(struct interp *s, const struct ir_insn *i, uint64_t lo)
{
    s->v[s->at] = (struct val){ ir_low_bits(lo, ir_type_bits[i->type]), 0 };
}

/* --- guest registers and leaving ----------------------------------------------------------------- */

static void write_reg(struct interp *s, unsigned reg, struct val v)
{
    const struct guest_reg *r = &s->u->guest->regs[reg];

    memcpy(s->cpu->regs + r->off, &v, r->type == IR_V128 ? 16 : 8);
}

static void leave(struct interp *s, enum interp_how how)
{
    const struct ir_insn *i = ir_at(s->u, s->at);
    struct val vals[GUEST_MAX_REGS];

    s->left = true;
    s->res.how = how;
    s->res.at = s->at;
    s->res.pc = i->snap ? s->u->snaps[i->snap].pc : ir_leave_pc(s->u, s->at, s->marker);
    if (i->op == IR_exit_ind)
        s->res.pc = arg(s, i, 0);
    s->cpu->pc = s->res.pc;
    if (!i->snap)
        return;
    const struct ir_snap *snap = &s->u->snaps[i->snap];
    const struct ir_snap_val *sv = s->u->snap_vals + snap->first;
    for (uint32_t k = 0; k < snap->n; k++)
        vals[k] = s->v[sv[k].val];
    for (uint32_t k = 0; k < snap->n; k++)
        write_reg(s, sv[k].reg, vals[k]);
}

static void step_insn(struct interp *s, const struct ir_insn *i)
{
    (void)i;
    s->marker = s->at;
}

static void step_none(struct interp *s, const struct ir_insn *i)
{
    (void)s, (void)i;
}

static void step_get(struct interp *s, const struct ir_insn *i)
{
    struct val v = { 0, 0 };

    memcpy(&v, s->cpu->regs + s->u->guest->regs[i->aux].off, i->type == IR_V128 ? 16 : 8);
    if (i->type != IR_V128)
        v.lo = ir_low_bits(v.lo, ir_type_bits[i->type]);
    s->v[s->at] = v;
}

static void step_put(struct interp *s, const struct ir_insn *i)
{
    write_reg(s, i->aux, s->v[i->arg[0]]);
}

static void step_exit(struct interp *s, const struct ir_insn *i)
{
    s->res.hint = IR_EXIT_JUMP(i->aux);
    leave(s, i->aux & IR_EXIT_POLL && s->cpu->poll ? INTERP_POLL : INTERP_EXIT);
}

static void step_exit_if(struct interp *s, const struct ir_insn *i)
{
    if (arg(s, i, 0))
        step_exit(s, i);
}

static void step_trap(struct interp *s, const struct ir_insn *i)
{
    if (i->op == IR_trap_if && !arg(s, i, 0))
        return;
    s->res.trap = i->aux;
    s->res.info = i->imm;
    leave(s, INTERP_TRAP);
}

static void step_poll(struct interp *s, const struct ir_insn *i)
{
    (void)i;
    if (s->cpu->poll)
        leave(s, INTERP_POLL);
}

/** Goes to block `to` with edge list `edge`: all values are read before any parameter is set. */
static void jump(struct interp *s, uint32_t to, uint32_t edge)
{
    const struct ir_edge *e = &s->u->edges[edge];
    const ir_ref *args = s->u->edge_args + e->first;
    struct val *tmp = malloc((e->n + 1) * sizeof *tmp);
    ir_ref p = s->u->blocks[to].first;

    if (!tmp) {
        leave(s, INTERP_BAD);
        return;
    }
    for (uint32_t k = 0; k < e->n; k++)
        tmp[k] = s->v[args[k]];
    for (uint32_t k = 0; k < e->n; k++, p = ir_at(s->u, p)->next)
        s->v[p] = tmp[k];
    free(tmp);
    s->block = to;
    s->jumped = true;
}

static void step_jmp(struct interp *s, const struct ir_insn *i)
{
    jump(s, (uint32_t)i->imm, i->aux);
}

static void step_br(struct interp *s, const struct ir_insn *i)
{
    if (arg(s, i, 0))
        jump(s, i->imm & 0xffff, i->aux);
    else
        jump(s, (uint32_t)(i->imm >> 16), i->aux + 1);
}

/* --- pure ops -------------------------------------------------------------------------------------- */

static void step_pure(struct interp *s, const struct ir_insn *i)
{
    uint64_t in[3], out;

    if (i->type == IR_V128) { /* copy is all there is */
        s->v[s->at] = s->v[i->arg[0]];
        return;
    }
    for (unsigned k = 0; k < 3; k++)
        in[k] = i->arg[k] ? arg(s, i, k) : 0;
    if (ir_eval(i->op, i->type, arg_type(s, i, 0), in, &out))
        s->v[s->at] = (struct val){ out, 0 };
    else
        leave(s, INTERP_BAD);
}

/* --- memory ------------------------------------------------------------------------------------------- */

static gaddr address(const struct interp *s, const struct ir_insn *i)
{
    gaddr a = arg(s, i, 0) + (uint64_t)i->imm;

    if (ir_ops[i->op].arg[1] == '?' && i->arg[1])
        a += arg(s, i, 1) << IR_MEM_SCALE(i->aux);
    return arg_type(s, i, 0) == IR_I32 ? (uint32_t)a : a;
}

static unsigned mem_bytes(const struct ir_insn *i)
{
    return ir_type_bits[IR_MEM_TYPE(i->aux)] / 8;
}

/** One access; on failure the unit is left. */
static bool access_mem(struct interp *s, const struct ir_insn *i, bool write, struct val *v)
{
    gaddr a = address(s, i);
    unsigned size = mem_bytes(i);

    s->res.addr = a;
    if ((i->aux & IR_MEM_ALIGNED) && a % size) {
        leave(s, INTERP_MISALIGN);
        return false;
    }
    if (s->env && s->env->access) {
        if (s->env->access(s->env->ctx, a, size, write, v))
            return true;
        leave(s, INTERP_FAULT);
        return false;
    }
    if (write)
        memcpy(host(a), v, size);
    else
        memcpy(v, host(a), size);
    return true;
}

/** What was read, extended to the insn's type. */
static void set_loaded(struct interp *s, const struct ir_insn *i, struct val v)
{
    unsigned width = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (width == 128)
        s->v[s->at] = v;
    else
        set(s, i, i->aux & IR_MEM_SX ? (uint64_t)ir_sign_extend(v.lo, width) : v.lo);
}

static void step_load(struct interp *s, const struct ir_insn *i)
{
    struct val v = { 0, 0 };

    if (access_mem(s, i, false, &v))
        set_loaded(s, i, v);
}

static void step_store(struct interp *s, const struct ir_insn *i)
{
    struct val v = s->v[i->arg[2]];

    access_mem(s, i, true, &v);
}

static uint64_t amo_result(enum ir_amo kind, uint64_t old, uint64_t x, unsigned width)
{
    int64_t so = ir_sign_extend(old, width), sx = ir_sign_extend(x, width);

    x = ir_low_bits(x, width);
    switch (kind) {
    case IR_AMO_SWAP: return x;
    case IR_AMO_ADD:  return old + x;
    case IR_AMO_AND:  return old & x;
    case IR_AMO_OR:   return old | x;
    case IR_AMO_XOR:  return old ^ x;
    case IR_AMO_MINS: return so < sx ? old : x;
    case IR_AMO_MAXS: return so > sx ? old : x;
    case IR_AMO_MINU: return old < x ? old : x;
    case IR_AMO_MAXU: return old > x ? old : x;
    case IR_AMO_ANDN: return old & ~x;
    }
    return old;
}

static void step_amo(struct interp *s, const struct ir_insn *i)
{
    struct val old = { 0, 0 };
    unsigned width = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (!access_mem(s, i, false, &old))
        return;
    struct val new = { amo_result(IR_AMO_KIND(i->aux), old.lo, arg(s, i, 1), width), 0 };
    if (access_mem(s, i, true, &new))
        set_loaded(s, i, old);
}

static void step_cas(struct interp *s, const struct ir_insn *i)
{
    struct val old = { 0, 0 }, new = s->v[i->arg[2]];
    unsigned width = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (!access_mem(s, i, false, &old))
        return;
    if (old.lo != ir_low_bits(arg(s, i, 1), width))
        new = old; /* an x86 cmpxchg writes in any case: read-only memory faults */
    if (access_mem(s, i, true, &new))
        set_loaded(s, i, old);
}

/* --- floating point ------------------------------------------------------------------------------------ */

/* MXCSR: bits 0..5 exceptions IE DE ZE OE UE PE, 13..14 rounding control. */
enum { MXCSR_RC_SHIFT = 13 };
static const uint8_t rm_of_rc[4] = { IR_RM_RNE, IR_RM_RDN, IR_RM_RUP, IR_RM_RTZ };
static const uint8_t rc_of_rm[8] = { [IR_RM_RTZ] = 3, [IR_RM_RDN] = 1, [IR_RM_RUP] = 2 };
static const struct { uint8_t fpx, mxcsr; } fp_bits[] = {
    { IR_FPX_NV, 0x01 }, { IR_FPX_DZ, 0x04 }, { IR_FPX_OF, 0x08 }, { IR_FPX_UF, 0x10 }, { IR_FPX_NX, 0x20 },
};
enum { NFP_BITS = sizeof fp_bits / sizeof fp_bits[0] };

static enum ir_rm dynamic_rm(const struct interp *s)
{
    enum ir_rm rm = rm_of_rc[s->cpu->mxcsr >> MXCSR_RC_SHIFT & 3];

    return rm;
}

static struct softfp fp_begin(const struct interp *s, const struct ir_insn *i)
{
    return softfp_of_aux(i->aux, dynamic_rm(s));
}

/** Operand `k`, flushed to zero if the op does that. */
static uint64_t fp_arg(const struct interp *s, const struct ir_insn *i, struct softfp *f, unsigned k)
{
    return softfp_flush(f, arg_type(s, i, k), arg(s, i, k));
}

static void raise_fpx(struct interp *s, unsigned flags)
{
    for (unsigned k = 0; k < NFP_BITS; k++)
        if (flags & fp_bits[k].fpx)
            s->cpu->mxcsr |= fp_bits[k].mxcsr;
    s->cpu->fpx_more |= flags & IR_FPX_ID;
}

static void fp_end(struct interp *s, const struct ir_insn *i, const struct softfp *f, uint64_t result)
{
    raise_fpx(s, f->flags);
    set(s, i, result);
}

static void step_arith(struct interp *s, const struct ir_insn *i)
{
    static uint64_t (*const fns[IR_NOPS])(struct softfp *, enum ir_type, uint64_t, uint64_t) = {
        [IR_fadd] = softfp_add, [IR_fsub] = softfp_sub, [IR_fmul] = softfp_mul, [IR_fdiv] = softfp_div,
        [IR_fmin] = softfp_min, [IR_fmax] = softfp_max,
    };
    struct softfp f = fp_begin(s, i);

    fp_end(s, i, &f, fns[i->op](&f, i->type, fp_arg(s, i, &f, 0), fp_arg(s, i, &f, 1)));
}

static void step_fcmp(struct interp *s, const struct ir_insn *i)
{
    static bool (*const fns[IR_NOPS])(struct softfp *, enum ir_type, uint64_t, uint64_t) = {
        [IR_fcmpeq] = softfp_eq, [IR_fcmplt] = softfp_lt, [IR_fcmple] = softfp_le, [IR_fcmpun] = softfp_unordered,
    };
    struct softfp f = fp_begin(s, i);

    fp_end(s, i, &f, fns[i->op](&f, arg_type(s, i, 0), fp_arg(s, i, &f, 0), fp_arg(s, i, &f, 1)));
}

static void step_fsqrt(struct interp *s, const struct ir_insn *i)
{
    struct softfp f = fp_begin(s, i);

    fp_end(s, i, &f, softfp_sqrt(&f, i->type, fp_arg(s, i, &f, 0)));
}

/** Flips the sign of `v` unless it is a NaN whose sign does not count. */
static uint64_t negated(enum ir_type t, uint64_t v, bool nan_too)
{
    unsigned w = ir_type_bits[t], frac = t == IR_F32 ? 23 : 52;
    bool nan = ir_low_bits(v, w - 1) > ir_low_bits(UINT64_MAX, w - 1 - frac) << frac;

    return nan && !nan_too ? v : v ^ (uint64_t)1 << (w - 1);
}

static void step_fma(struct interp *s, const struct ir_insn *i)
{
    struct softfp f = fp_begin(s, i);
    uint64_t a = fp_arg(s, i, &f, 0), b = fp_arg(s, i, &f, 1), c = fp_arg(s, i, &f, 2);

    if (i->imm & 1)
        a = negated(i->type, a, f.arm);
    if (i->imm & 2)
        c = negated(i->type, c, f.arm);
    fp_end(s, i, &f, softfp_fma(&f, i->type, a, b, c));
}

static void step_fcvt(struct interp *s, const struct ir_insn *i)
{
    struct softfp f = fp_begin(s, i);

    fp_end(s, i, &f, softfp_cvt(&f, i->type, fp_arg(s, i, &f, 0)));
}

static void step_fcvt_to_int(struct interp *s, const struct ir_insn *i)
{
    struct softfp f = fp_begin(s, i);

    fp_end(s, i, &f, softfp_to_fixed(&f, arg_type(s, i, 0), fp_arg(s, i, &f, 0), ir_type_bits[i->type],
                                     i->op == IR_fcvt_si, i->aux & IR_FP_NANMAX, (unsigned)i->imm));
}

static void step_fcvt_from_int(struct interp *s, const struct ir_insn *i)
{
    struct softfp f = fp_begin(s, i);

    fp_end(s, i, &f, softfp_from_fixed(&f, i->type, arg(s, i, 0), ir_type_bits[arg_type(s, i, 0)],
                                       i->op == IR_fcvt_is, (unsigned)i->imm));
}

static void step_fpflags(struct interp *s, const struct ir_insn *i)
{
    unsigned flags = 0;

    for (unsigned k = 0; k < NFP_BITS; k++)
        if (s->cpu->mxcsr & fp_bits[k].mxcsr)
            flags |= fp_bits[k].fpx;
    set(s, i, flags | (i->aux ? s->cpu->fpx_more : 0u));
}

static void set_fpflags(struct interp *s, uint64_t fpx)
{
    s->cpu->mxcsr &= ~0x3fu;
    for (unsigned k = 0; k < NFP_BITS; k++)
        if (fpx & fp_bits[k].fpx)
            s->cpu->mxcsr |= fp_bits[k].mxcsr;
}

static void step_fpflags_set(struct interp *s, const struct ir_insn *i)
{
    if (i->aux & IR_FPFLAGS_ID)
        s->cpu->fpx_more = arg(s, i, 0) & IR_FPX_ID;
    set_fpflags(s, arg(s, i, 0));
}

static void step_fpflags_set_if(struct interp *s, const struct ir_insn *i)
{
    if (arg(s, i, 0))
        set_fpflags(s, arg(s, i, 1));
}

static void step_fprm_set(struct interp *s, const struct ir_insn *i)
{
    s->cpu->mxcsr &= ~(3u << MXCSR_RC_SHIFT);
    s->cpu->mxcsr |= (uint32_t)rc_of_rm[arg(s, i, 0) & 7] << MXCSR_RC_SHIFT;
}

/* --- vectors ------------------------------------------------------------------------------------------- */

static void step_vec(struct interp *s, const struct ir_insn *i)
{
    struct vec in[3] = { { { 0, 0 } } }, r;
    unsigned fpx = 0;

    for (unsigned k = 0; k < 3 && i->arg[k]; k++)
        in[k] = (struct vec){ { s->v[i->arg[k]].lo, s->v[i->arg[k]].hi } };
    r = vec_eval(i->op, i->aux, i->imm, i->type, in, dynamic_rm(s), &fpx);
    raise_fpx(s, fpx);
    s->v[s->at] = (struct val){ r.q[0], r.q[1] };
}

static void step_crc32(struct interp *s, const struct ir_insn *i)
{
    set(s, i, vec_crc32((uint32_t)arg(s, i, 0), arg(s, i, 1), ir_type_bits[arg_type(s, i, 1)] / 8, i->imm));
}

/* --- helpers ------------------------------------------------------------------------------------------- */

union fp_arg { double d; uint64_t bits; };

/* In the SysV ABI integer and FP arguments are numbered apart, so one prototype serves all signatures. */
typedef uint64_t int_helper(struct cpu *, uint64_t, uint64_t, uint64_t, uint64_t, double, double, double);
typedef double fp_helper(struct cpu *, uint64_t, uint64_t, uint64_t, uint64_t, double, double, double);

static void step_call(struct interp *s, const struct ir_insn *i)
{
    const struct guest_helper *h = &s->u->guest->helpers[i->aux];
    uint64_t in[4] = { 0 }, out;
    union fp_arg fp[3] = { 0 };
    unsigned nin = 0, nfp = 0;
    union { const void *data; int_helper *ints; fp_helper *fps; } fn = { h->fn };

    for (unsigned k = 0; k < h->nargs; k++)
        if (h->args[k] == IR_F32 || h->args[k] == IR_F64)
            fp[nfp++].bits = arg(s, i, k);
        else
            in[nin++] = arg(s, i, k);
    if (h->flags & GUEST_HELPER_IMM)
        in[nin] = (uint64_t)i->imm;

    unsigned saved = _mm_getcsr();
    _mm_setcsr((s->cpu->mxcsr | 0x1f80) & ~0x8040u); /* all masked, nothing flushed */
    if (h->ret == IR_F32 || h->ret == IR_F64) {
        union fp_arg r = { .d = fn.fps(s->cpu, in[0], in[1], in[2], in[3], fp[0].d, fp[1].d, fp[2].d) };
        out = r.bits;
    } else {
        out = fn.ints(s->cpu, in[0], in[1], in[2], in[3], fp[0].d, fp[1].d, fp[2].d);
    }
    if (h->flags & GUEST_HELPER_FPENV)
        s->cpu->mxcsr |= _mm_getcsr() & 0x3d;
    _mm_setcsr(saved);
    if (i->type != IR_VOID)
        set(s, i, out);
}

/* --- the loop ------------------------------------------------------------------------------------------ */

/* Ops that the rows of eval.def do not cover. */
static const step_fn steps[IR_NOPS] = {
    [IR_nop] = step_none, [IR_param] = step_none, [IR_fence] = step_none, [IR_insn] = step_insn,
    [IR_get] = step_get, [IR_put] = step_put,
    [IR_load] = step_load, [IR_store] = step_store, [IR_amo] = step_amo, [IR_cas] = step_cas,
    [IR_fadd] = step_arith, [IR_fsub] = step_arith, [IR_fmul] = step_arith, [IR_fdiv] = step_arith,
    [IR_fmin] = step_arith, [IR_fmax] = step_arith, [IR_fsqrt] = step_fsqrt, [IR_fma] = step_fma,
    [IR_fcmpeq] = step_fcmp, [IR_fcmplt] = step_fcmp, [IR_fcmple] = step_fcmp,
    [IR_fcvt] = step_fcvt, [IR_fcvt_si] = step_fcvt_to_int, [IR_fcvt_ui] = step_fcvt_to_int,
    [IR_fcvt_is] = step_fcvt_from_int, [IR_fcvt_iu] = step_fcvt_from_int,
    [IR_fpflags] = step_fpflags, [IR_fpflags_set] = step_fpflags_set, [IR_fpflags_set_if] = step_fpflags_set_if, [IR_fprm_set] = step_fprm_set,
    [IR_fcmpun] = step_fcmp, [IR_crc32] = step_crc32, [IR_VEC_FIRST ... IR_VEC_LAST] = step_vec,
    [IR_call] = step_call, [IR_callv] = step_call,
    [IR_exit] = step_exit, [IR_exit_ind] = step_exit, [IR_exit_if] = step_exit_if, [IR_poll] = step_poll,
    [IR_trap] = step_trap, [IR_trap_if] = step_trap, [IR_jmp] = step_jmp, [IR_br] = step_br,
};

struct interp_result interp_run(const struct ir_unit *u, struct cpu *cpu, const struct interp_env *env)
{
    struct interp s = { .u = u, .cpu = cpu, .env = env };
    uint64_t left = env && env->max_steps ? env->max_steps : UINT64_MAX;

    s.v = calloc(u->ninsns, sizeof *s.v);
    if (!s.v)
        return (struct interp_result){ .how = INTERP_BAD };
    for (ir_ref r = 1; r < u->ninsns; r++)
        if (ir_is_const(u, r))
            s.v[r].lo = (uint64_t)ir_at(u, r)->imm;
    s.at = u->blocks[0].first;
    while (!s.left) {
        const struct ir_insn *i = ir_at(u, s.at);
        if (!s.at || !left--) {
            leave(&s, s.at ? INTERP_LIMIT : INTERP_BAD);
            break;
        }
        s.jumped = false;
        (steps[i->op] ? steps[i->op] : step_pure)(&s, i);
        s.at = s.jumped ? u->blocks[s.block].first : i->next;
    }
    free(s.v);
    return s.res;
}
