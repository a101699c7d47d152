#include "tests/ir/random.h"

#include <stdlib.h>
#include <string.h>

#include "ir/vec.h"
#include "tests/ir/testguest.h"

/** How many percent of the vector ops that come up are taken. */
static unsigned vectors_percent(void)
{
    static int percent = -1;

    if (percent < 0)
        percent = getenv("RANDOM_VECTORS") ? atoi(getenv("RANDOM_VECTORS")) : 10;
    return (unsigned)percent;
}

enum { MAX_VALUES = 512, FEW_BLOCKS = 6, MAX_BLOCKS = 20 };

struct gen {
    struct ir_unit *u;
    uint64_t *state;
    ir_ref pool[MAX_VALUES];     /* values that may be named here */
    unsigned npool;
    unsigned nblocks;
    ir_ref param[MAX_BLOCKS];    /* each block's i64 parameter, or IR_NONE */
    gaddr pc;
    bool fz;                     /* its ops flush denormals (IR_FP_FZ) */
};

uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du;
}

static unsigned below(struct gen *g, unsigned n)
{
    return (unsigned)(random_next(g->state) >> 33) % n;
}

static bool chance(struct gen *g, unsigned percent)
{
    return below(g, 100) < percent;
}

static const uint64_t int_seeds[] = {
    0, 1, 2, 3, 7, 8, 16, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
    0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe,
    0xffffffff80000000, 0x12345678, 0xfffffffffffff800, 48, 56, 24,
};
static const uint64_t f64_seeds[] = {
    0, 0x8000000000000000, 0x3ff0000000000000, 0xbff8000000000000, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff8000000000000, 0x7ff4000000000001, 0xfff8000000000123, 1, 0x000fffffffffffff, 0x0010000000000000,
    0x7fefffffffffffff, 0x41dfffffffc00000, 0x43e0000000000000, 0xffffffff3f800000, 0xffffffff7fa00000,
    0x3fe0000000000000, 0x4004000000000000,
};
#define COUNT(a) (unsigned)(sizeof(a) / sizeof (a)[0])

static uint64_t random_bits(uint64_t *state, bool fp)
{
    uint64_t r = random_next(state);

    switch (r >> 61) {
    case 0: return random_next(state);
    case 1: return random_next(state) >> (r & 63);
    default: break;
    }
    return fp ? f64_seeds[(r & 0xffff) % COUNT(f64_seeds)] : int_seeds[(r & 0xffff) % COUNT(int_seeds)];
}

static ir_ref keep(struct gen *g, ir_ref r)
{
    if (g->npool < MAX_VALUES)
        g->pool[g->npool++] = r;
    return r;
}

static ir_ref constant(struct gen *g, enum ir_type t)
{
    bool fp = t == IR_F32 || t == IR_F64;
    uint64_t v = random_bits(g->state, fp);

    if (t == IR_F32 && v >> 32 != 0xffffffff) /* take the double's high word: it looks like a float */
        v = v >> 35 | v >> 63 << 31;
    if (t == IR_I64 && chance(g, 8))
        return ir_const_addr(g->u, v);
    return ir_const_val(g->u, t, v);
}

/** The newest value of type `t`, or any: what idioms are made of. */
static ir_ref pick_newest(struct gen *g, enum ir_type t);

/** A value of type `t`: one that is there, or a constant (v128: a register). */
static ir_ref pick(struct gen *g, enum ir_type t)
{
    if (!chance(g, 20))
        for (unsigned tries = 0; tries < 24 && g->npool; tries++) {
            unsigned window = chance(g, 60) && g->npool > 12 ? 12 : g->npool;
            ir_ref r = g->pool[g->npool - 1 - below(g, window)];
            if (ir_at(g->u, r)->type == t)
                return r;
        }
    if (t == IR_V128 && chance(g, 30))
        return ir_const_val(g->u, t, chance(g, 50) ? 0 : random_next(g->state));
    if (t == IR_V128)
        return keep(g, ir_emit(g->u, IR_get, t, TG_V0 + below(g, 2), 0, 0, 0, 0));
    return constant(g, t);
}

static ir_ref pick_newest(struct gen *g, enum ir_type t)
{
    for (unsigned k = g->npool, tries = 0; k && tries < 8; tries++)
        if (ir_at(g->u, g->pool[--k])->type == t)
            return g->pool[k];
    return pick(g, t);
}

/** Sequences that compilers make of one meaning: pairs of shifts, rotations, bools taken apart, conditional zeros. */
static void gen_idiom(struct gen *g)
{
    static const uint8_t amounts[] = { 0, 1, 2, 3, 8, 16, 24, 29, 31, 32, 32, 32, 33, 48, 48, 56, 63 };
    static const enum ir_op shifts[] = { IR_shl, IR_shr, IR_sar }, either[] = { IR_or, IR_add, IR_xor };
    static const enum ir_op cmps[] = { IR_cmpeq, IR_cmpne, IR_cmplts, IR_cmples, IR_cmpltu, IR_cmpleu };
    struct ir_unit *u = g->u;
    enum ir_type t = chance(g, 60) ? IR_I64 : IR_I32;
    unsigned w = ir_type_bits[t];
    ir_ref x = pick_newest(g, t), n = ir_const_val(u, t, amounts[below(g, COUNT(amounts))] & (w - 1)), y, a, b;
    enum ir_op cmp = cmps[below(g, 6)];

    switch (below(g, 7)) {
    case 0:
        x = keep(g, ir_op2(u, shifts[below(g, 3)], t, x, n));
        if (chance(g, 50))
            n = ir_const_val(u, t, amounts[below(g, COUNT(amounts))] & (w - 1));
        keep(g, ir_op2(u, shifts[below(g, 3)], t, x, n));
        break;
    case 1:
        if (chance(g, 50)) {
            y = ir_const_val(u, t, w - (uint64_t)ir_at(u, n)->imm);
        } else {
            n = pick(g, t);
            y = ir_op2(u, IR_sub, t, ir_const_val(u, t, chance(g, 50) ? w : 0), n);
        }
        a = ir_op2(u, IR_shl, t, x, n);
        b = ir_op2(u, IR_shr, t, x, y);
        if (t == IR_I32 && chance(g, 50)) {
            enum ir_op e = chance(g, 50) ? IR_sext : IR_zext;
            a = ir_op1(u, e, t = IR_I64, a);
            b = ir_op1(u, e, t, b);
        }
        keep(g, ir_op2(u, either[below(g, 3)], t, a, b));
        break;
    case 2: /* addw */
        a = ir_op1(u, IR_trunc, IR_I32, pick_newest(g, IR_I64));
        b = ir_op1(u, IR_trunc, IR_I32, pick(g, IR_I64));
        keep(g, ir_op1(u, chance(g, 80) ? IR_sext : IR_zext, IR_I64, ir_op2(u, IR_add, IR_I32, a, b)));
        break;
    case 3: /* slt; xori 1; bnez */
        y = chance(g, 50) ? constant(g, t) : pick_newest(g, t);
        a = chance(g, 80) ? ir_op2(u, cmp, IR_I1, x, y) : ir_op2(u, cmp, IR_I1, y, x);
        a = keep(g, ir_op1(u, chance(g, 80) ? IR_zext : IR_sext, IR_I64, keep(g, a)));
        if (chance(g, 60))
            a = keep(g, ir_op2(u, IR_xor, IR_I64, a, ir_const_val(u, IR_I64, 1)));
        keep(g, ir_op2(u, chance(g, 50) ? IR_cmpeq : IR_cmpne, IR_I1, a, ir_const_val(u, IR_I64, below(g, 3) - 1)));
        break;
    case 4: /* czero.eqz, czero.nez, or */
        y = ir_const_val(u, t, 0);
        a = ir_op2(u, IR_cmpeq, IR_I1, x, y);
        b = ir_op2(u, chance(g, 70) ? IR_cmpne : IR_cmpeq, IR_I1, x, y);
        a = chance(g, 70) ? ir_emit(u, IR_select, t, 0, a, y, pick(g, t), 0) : ir_emit(u, IR_select, t, 0, a, pick(g, t), y, 0);
        b = chance(g, 70) ? ir_emit(u, IR_select, t, 0, b, y, pick(g, t), 0) : ir_emit(u, IR_select, t, 0, b, pick(g, t), y, 0);
        keep(g, ir_op2(u, either[below(g, 2)], t, a, b));
        break;
    case 5: /* masks made of bools */
        a = ir_op1(u, IR_zext, t, pick(g, IR_I1));
        a = chance(g, 50) ? ir_op2(u, IR_sub, t, ir_const_val(u, t, 0), a)
                          : ir_op2(u, IR_add, t, a, ir_const_val(u, t, UINT64_MAX));
        if (chance(g, 30))
            x = ir_op2(u, IR_xor, t, x, ir_const_val(u, t, UINT64_MAX));
        keep(g, ir_op2(u, IR_and, t, chance(g, 50) ? a : pick_newest(g, t), x));
        break;
    default: /* the same op twice with constants; comparisons of sums */
        a = keep(g, ir_op2(u, either[below(g, 3)], t, x, constant(g, t)));
        if (chance(g, 50))
            a = keep(g, ir_op2(u, either[below(g, 3)], t, a, constant(g, t)));
        if (chance(g, 40))
            a = keep(g, ir_op2(u, chance(g, 50) ? IR_sub : IR_and, t, a, constant(g, t)));
        keep(g, ir_op2(u, cmp, IR_I1, a, chance(g, 50) ? ir_const_val(u, t, 0) : constant(g, t)));
    }
}

static enum ir_type pick_type(struct gen *g, const char *types)
{
    static const enum ir_type ints[] = { IR_I64, IR_I64, IR_I64, IR_I32, IR_I32, IR_I16, IR_I8, IR_I1 };
    bool fp = !strcmp(types, "FP") || (!strcmp(types, "SCALAR") && chance(g, 25));

    if (!strcmp(types, "I1"))
        return IR_I1;
    if (!strcmp(types, "I32"))
        return IR_I32;
    if (fp)
        return chance(g, 50) ? IR_F32 : IR_F64;
    return ints[below(g, !strcmp(types, "ANYINT") ? 8 : 7)];
}

/** A type for operand 0 of ops whose signature leaves it open. */
static enum ir_type pick_source(struct gen *g, enum ir_op op, enum ir_type t)
{
    enum ir_type s;

    if (!strncmp(ir_ops[op].name, "fcmp", 4))
        return pick_type(g, "FP");
    switch (op) {
    case IR_crc32: return pick_type(g, "INT");
    case IR_sext: case IR_zext:
        do s = pick_type(g, "ANYINT"); while (ir_type_bits[s] >= ir_type_bits[t]);
        return s;
    case IR_trunc:
        do s = pick_type(g, "INT"); while (ir_type_bits[s] <= ir_type_bits[t]);
        return s;
    case IR_bitcast: return t == IR_I32 ? IR_F32 : t == IR_I64 ? (chance(g, 70) ? IR_F64 : IR_F32) : t == IR_F32 ? IR_I32 : IR_I64;
    case IR_fcvt: return t == IR_F32 ? IR_F64 : IR_F32;
    case IR_fcvt_is: case IR_fcvt_iu: return chance(g, 50) ? IR_I32 : IR_I64;
    case IR_nanbox: return IR_F32;
    case IR_nanunbox: return IR_F64;
    case IR_fcvt_si: case IR_fcvt_ui:
        return pick_type(g, "FP");
    default:
        return pick_type(g, "ANYINT");
    }
}

/** FP fields of aux: RISC-V's rule or Arm's. All ops of a unit flush or none does, but for those on halves. */
static uint16_t random_fp(struct gen *g, bool arm, bool half)
{
    static const uint8_t rms[] = { IR_RM_RNE, IR_RM_RTZ, IR_RM_RDN, IR_RM_RUP, IR_RM_RMM };
    uint16_t aux = chance(g, 60) ? (uint16_t)IR_RM_DYN : rms[below(g, COUNT(rms))];

    if (!arm && !g->fz)
        return aux | IR_FP_CANON;
    return (uint16_t)(aux | IR_FP_ARM | (chance(g, 15) ? IR_FP_CANON : 0) | ((half ? chance(g, 10) : g->fz) ? IR_FP_FZ : 0));
}

static int64_t vec_imm(struct gen *g, char kind, unsigned aux)
{
    enum ir_type lane = IR_V_LANE(aux);
    unsigned w = (unsigned)lane == IR_F16 ? 16 : lane == IR_VOID ? 8 : ir_type_bits[lane];

    switch (kind) {
    case 'w': return below(g, w + !(aux & IR_V_SAT));
    case 'l': return below(g, 128 / w);
    case 'm': return below(g, 128 / w) | below(g, 128 / w) << 8;
    case 'b': return below(g, aux & IR_V_LOW ? 8 : 16);
    case 'g': return w << (1 + below(g, w == 8 ? 3 : w == 16 ? 2 : 1));
    case 'f': return chance(g, 70) ? 0 : below(g, w + 1);
    case 'n': return below(g, 4);
    case '3': return below(g, 3);
    case 'r': return chance(g, 60) ? 0 : chance(g, 50) ? 32 : 64;
    case 'c': return lane == IR_F64 && chance(g, 30) ? 16 : 0;
    default:  return 0;
    }
}

/** The type of a scalar operand or result for lanes of type `lane`. */
static enum ir_type vec_scalar(struct gen *g, enum ir_type lane)
{
    if (lane >= IR_F32)
        return lane;
    return chance(g, 40) ? lane : chance(g, 50) && lane <= IR_I32 ? IR_I32 : IR_I64;
}

static unsigned vec_aux(struct gen *g, enum ir_op op)
{
    const struct vec_info *info = vec_info(op);
    unsigned aux;

    do aux = below(g, IR_F16 + 1); while (!(info->lanes >> aux & 1));
    for (unsigned bit = 0; bit < 16; bit++)
        if (info->bits >> bit & 1 && chance(g, (1u << bit & (IR_V_LOW | IR_V_ONE)) ? 20 : 50))
            aux |= 1u << bit;
    if (aux & IR_V_LOW)
        aux &= ~(unsigned)IR_V_ONE;
    if (aux & IR_V_SU)
        aux = (aux | (info->bits & IR_V_SAT)) & ~(unsigned)IR_V_UNS;
    if (ir_ops[op].flags & IR_FPENV)
        aux |= (unsigned)IR_V_FP(random_fp(g, true, (unsigned)IR_V_LANE(aux) == IR_F16));
    if (op == IR_vfcvtn && chance(g, 20))
        aux = (aux & ~(unsigned)IR_V_FP(7)) | (unsigned)IR_V_FP(IR_RM_ODD);
    if ((op == IR_vfcvtl || op == IR_vfcvtn) && chance(g, 25))
        aux |= (unsigned)IR_V_FP(IR_FP_AHP);
    return aux;
}

static void gen_vec(struct gen *g, enum ir_op op)
{
    unsigned aux = vec_aux(g, op);
    enum ir_type lane = IR_V_LANE(aux), t = op == IR_vget ? vec_scalar(g, lane) : IR_V128;
    int64_t imm = vec_imm(g, vec_info(op)->imm, aux);
    ir_ref arg[3] = { 0 };

    for (unsigned k = 0; k < ir_ops[op].nargs; k++)
        if (op == IR_vpair)
            arg[k] = pick(g, IR_I64);
        else if (op == IR_vzext)
            arg[k] = pick(g, pick_type(g, "SCALAR"));
        else if (op == IR_vdup || (op == IR_vset && k == 1))
            arg[k] = pick(g, vec_scalar(g, lane));
        else
            arg[k] = (chance(g, 40) ? pick_newest : pick)(g, IR_V128);
    if (vec_valid(op, aux, imm))
        keep(g, ir_emit(g->u, op, t, (uint16_t)aux, arg[0], arg[1], arg[2], imm));
}

/** Ops whose operands the signature describes. */

static void gen_value(struct gen *g, enum ir_op op)
{
    const struct ir_op_info *o = &ir_ops[op];
    bool scaled = op == IR_fcvt_si || op == IR_fcvt_ui || op == IR_fcvt_is || op == IR_fcvt_iu;
    int64_t imm = op == IR_fma ? below(g, 4) : op == IR_crc32 ? below(g, 2) : scaled && chance(g, 20) ? below(g, 65) : 0;
    enum ir_type t = pick_type(g, o->types), s;
    ir_ref arg[3] = { 0 };
    uint16_t aux = 0;

    if (op == IR_sext || op == IR_zext)
        t = chance(g, 60) ? IR_I64 : chance(g, 60) ? IR_I32 : IR_I16;
    if (op == IR_trunc && t == IR_I64)
        t = IR_I32;
    if (op == IR_bitcast || op == IR_fcvt_si || op == IR_fcvt_ui)
        t = chance(g, 50) ? IR_I32 : IR_I64;
    if (op == IR_bitcast && chance(g, 50))
        t = t == IR_I32 ? IR_F32 : IR_F64;
    if (op == IR_nanbox || op == IR_nanunbox)
        t = op == IR_nanbox ? IR_F64 : IR_F32;
    s = pick_source(g, op, t);
    for (unsigned k = 0; k < o->nargs; k++)
        arg[k] = (chance(g, 40) ? pick_newest : pick)(g, o->arg[k] == 't' ? t : o->arg[k] == 'b' ? IR_I1
                                                                      : o->arg[k] == 'w' ? IR_I32 : s);
    if (o->flags & IR_FPENV)
        aux = random_fp(g, chance(g, 40) && op != IR_fmin && op != IR_fmax, false);
    if ((op == IR_fcvt_si || op == IR_fcvt_ui) && chance(g, 50))
        aux |= IR_FP_NANMAX;
    if (op == IR_fcvt_si && t == IR_I32 && s == IR_F64 && chance(g, 30)) {
        aux = (uint16_t)((aux & ~(7u | IR_FP_NANMAX)) | IR_RM_RTZ | IR_FP_WRAP);
        imm = 0;
    }
    if ((op == IR_fcmplt || op == IR_fcmple) && chance(g, 50))
        aux |= IR_FP_QUIET;
    keep(g, ir_emit(g->u, op, t, aux, arg[0], arg[1], arg[2], imm));
}

/** An address, mostly inside memory, in a form that pass `addr` likes. */
static ir_ref gen_base(struct gen *g, ir_ref *index, uint16_t *aux, int64_t *imm)
{
    struct ir_unit *u = g->u;
    ir_ref x = ir_op2(u, IR_and, IR_I64, pick(g, IR_I64), ir_const_val(u, IR_I64, 0x3f8));

    *index = IR_NONE;
    *imm = chance(g, 50) ? (int64_t)below(g, 64) * 8 : 0;
    if (chance(g, 2))
        return pick(g, IR_I64);
    if (chance(g, 30)) {
        *index = ir_op2(u, IR_and, IR_I64, pick(g, IR_I64), ir_const_val(u, IR_I64, 0x3f));
        *aux |= below(g, 4) << IR_MEM_SCALE_SHIFT;
    } else if (chance(g, 50)) {
        ir_ref y = ir_op2(u, IR_and, IR_I64, pick(g, IR_I64), ir_const_val(u, IR_I64, 0x3f));
        y = ir_op2(u, IR_shl, IR_I64, y, ir_const_val(u, IR_I64, below(g, 4)));
        x = chance(g, 50) ? ir_op2(u, IR_add, IR_I64, x, y) : ir_op2(u, IR_add, IR_I64, y, x);
    }
    return ir_op2(u, IR_add, IR_I64, x, ir_const_val(u, IR_I64, RANDOM_MEM_BASE));
}

static void gen_mem(struct gen *g, enum ir_op op)
{
    static const enum ir_type types[] = { IR_I8, IR_I16, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128 };
    bool atomic = op == IR_amo || op == IR_cas;
    enum ir_type m = types[atomic ? 2 + below(g, 2) : below(g, COUNT(types))], t = m;
    uint16_t aux = m;
    ir_ref index, base, a = IR_NONE, b = IR_NONE;
    int64_t imm;

    if (m <= IR_I64) {
        t = chance(g, 70) || m == IR_I64 ? IR_I64 : m == IR_I8 ? IR_I16 : IR_I32;
        aux |= chance(g, 50) ? IR_MEM_SX : 0;
    }
    base = gen_base(g, &index, &aux, &imm);
    if (chance(g, atomic ? 30 : 5))
        aux |= IR_MEM_ALIGNED;
    if (atomic) {
        aux = (uint16_t)(aux & ~(3u << IR_MEM_SCALE_SHIFT));
        if (op == IR_amo)
            aux |= below(g, IR_AMO_ANDN + 1) << IR_AMO_SHIFT;
        a = pick(g, t);
        b = op == IR_cas ? pick(g, t) : IR_NONE;
        keep(g, ir_emit(g->u, op, t, aux, base, a, b, imm));
    } else if (op == IR_store) {
        b = pick(g, t);
        ir_emit(g->u, op, IR_VOID, aux, base, index, b, imm);
    } else {
        keep(g, ir_emit(g->u, op, t, aux, base, index, IR_NONE, imm));
    }
}

static unsigned pick_reg(struct gen *g)
{
    unsigned r;

    do r = below(g, TG_NREGS); while (r == TG_X7);
    return chance(g, 60) ? below(g, 4) : r;
}

static void gen_call(struct gen *g)
{
    ir_ref x = pick(g, IR_I64), f = pick(g, IR_F64);

    switch (below(g, 4)) {
    case 0: keep(g, ir_emit(g->u, IR_call, IR_I64, TG_MIX, x, pick(g, IR_I64), 0, 0)); break;
    case 1: keep(g, ir_emit(g->u, IR_call, IR_F64, TG_MIXF, x, f, 0, 0)); break;
    case 2: keep(g, ir_emit(g->u, IR_call, IR_F64, TG_ROUND, f, pick(g, IR_F64), 0, 0)); break;
    default: ir_emit(g->u, IR_callv, IR_VOID, TG_NOTE, x, 0, 0, (int64_t)below(g, 100)); break;
    }
}

static void gen_marker(struct gen *g)
{
    g->pc += 4;
    ir_emit(g->u, IR_insn, IR_VOID, 4, 0, 0, 0, (int64_t)g->pc);
}

static void gen_get_put(struct gen *g)
{
    unsigned reg = pick_reg(g);
    enum ir_type t = testguest.regs[reg].type;

    if (chance(g, 50))
        keep(g, ir_emit(g->u, IR_get, t, reg, 0, 0, 0, 0));
    else
        ir_emit(g->u, IR_put, IR_VOID, reg, pick(g, t), 0, 0, 0);
}

static bool is_vec(enum ir_op op)
{
    return op >= IR_VEC_FIRST && op <= IR_VEC_LAST;
}

/** With RANDOM_INTEGERS no floating point, atomics or calls come up. */
static bool left_out(enum ir_op op)
{
    static int integers = -1;

    if (integers < 0)
        integers = getenv("RANDOM_INTEGERS") != NULL;
    return integers && (ir_ops[op].flags & IR_FPENV || op == IR_amo || op == IR_cas || op == IR_call || op == IR_callv ||
                        op == IR_fpflags || op == IR_fpflags_set || op == IR_fprm_set);
}

/** Any op, of the vector ones no more than are asked for: they are the most. */
static enum ir_op pick_op(struct gen *g)
{
    enum ir_op op;

    do
        op = below(g, IR_NOPS);
    while (left_out(op) || (is_vec(op) && !chance(g, vectors_percent())));
    return op;
}

/** One random insn that does not end the block. */
static void gen_step(struct gen *g)
{
    enum ir_op op = pick_op(g);
    const struct ir_op_info *o = &ir_ops[op];

    if (chance(g, 30)) {
        gen_get_put(g);
        return;
    }
    if (chance(g, 25)) {
        gen_idiom(g);
        return;
    }
    if (g->fz && (op == IR_fmin || op == IR_fmax)) /* no guest that flushes has them */
        return;
    if (is_vec(op)) {
        gen_vec(g, op);
        return;
    }
    switch (op) {
    case IR_const: case IR_copy: case IR_nop: case IR_param: break;
    case IR_insn: gen_marker(g); break;
    case IR_get: case IR_put: gen_get_put(g); break;
    case IR_load: case IR_store: case IR_amo: case IR_cas: gen_mem(g, op); break;
    case IR_fence: ir_emit(g->u, op, IR_VOID, below(g, 16), 0, 0, 0, 0); break;
    case IR_call: case IR_callv: gen_call(g); break;
    case IR_fpflags: keep(g, ir_emit(g->u, op, IR_I32, below(g, 2), 0, 0, 0, 0)); break;
    case IR_fprm_set: ir_emit(g->u, op, IR_VOID, 0, pick(g, IR_I32), 0, 0, 0); break;
    case IR_fpflags_set_if:
        if (!g->fz)
            ir_emit(g->u, op, IR_VOID, 0, pick(g, IR_I1), pick(g, IR_I32), 0, 0);
        break;
    case IR_fpflags_set: ir_emit(g->u, op, IR_VOID, g->fz ? IR_FPFLAGS_ID | IR_FPFLAGS_FZ : below(g, 2), pick(g, IR_I32), 0, 0, 0); break;
    case IR_exit_if:
        if (chance(g, 40))
            ir_emit(g->u, op, IR_VOID, 0, pick(g, IR_I1), 0, 0, 0x40000 + below(g, 64) * 4);
        break;
    case IR_trap_if:
        if (chance(g, 30))
            ir_emit(g->u, op, IR_VOID, below(g, IR_NTRAPS), pick(g, IR_I1), 0, 0, below(g, 1000));
        break;
    case IR_poll: ir_emit(g->u, op, IR_VOID, 0, 0, 0, 0, 0x50000); break;
    default:
        if (!(o->flags & IR_ENDS) && o->name[0] != 'v') /* vector ops have tests of their own */
            gen_value(g, op);
    }
}

static void gen_leave(struct gen *g)
{
    struct ir_unit *u = g->u;
    ir_ref x = pick(g, IR_I64);

    if (chance(g, 20)) {
        x = ir_emit(u, IR_call, IR_I64, TG_STATE, x, 0, 0, 77);
        if (chance(g, 50))
            ir_emit(u, IR_put, IR_VOID, TG_X0 + 3, x, 0, 0, 0);
        x = ir_emit(u, IR_get, IR_I64, TG_X0 + below(g, 3), 0, 0, 0, 0);
    }
    switch (below(g, 3)) {
    case 0: ir_emit(u, IR_exit, IR_VOID, below(g, 3), 0, 0, 0, 0x60000); break;
    case 1: ir_emit(u, IR_exit_ind, IR_VOID, below(g, 3), x, 0, 0, 0); break;
    default: ir_emit(u, IR_trap, IR_VOID, below(g, IR_NTRAPS), 0, 0, 0, 5); break;
    }
}

static uint32_t gen_edge(struct gen *g, unsigned to)
{
    ir_ref v = IR_NONE;

    if (g->param[to])
        v = pick(g, IR_I64);
    return ir_edge_new(g->u, &v, g->param[to] != IR_NONE);
}

/** Ends block `b` with jumps: forward at will, backward only while there is fuel in x7. */
static void gen_jump(struct gen *g, unsigned b)
{
    struct ir_unit *u = g->u;
    unsigned next = b + 1 + below(g, g->nblocks - b - 1), other;
    ir_ref cond;

    if (chance(g, 30)) {
        uint32_t e = gen_edge(g, next);
        ir_emit(u, IR_jmp, IR_VOID, (uint16_t)e, 0, 0, 0, next);
        return;
    }
    if (b && chance(g, 60)) {
        other = 1 + below(g, b);
        ir_ref fuel = ir_emit(u, IR_get, IR_I64, TG_X7, 0, 0, 0, 0);
        fuel = ir_op2(u, IR_sub, IR_I64, fuel, ir_const_val(u, IR_I64, 1));
        ir_emit(u, IR_put, IR_VOID, TG_X7, fuel, 0, 0, 0);
        cond = ir_op2(u, IR_cmplts, IR_I1, ir_const_val(u, IR_I64, 0), fuel);
    } else {
        other = b + 1 + below(g, g->nblocks - b - 1);
        cond = pick(g, IR_I1);
    }
    uint32_t e = gen_edge(g, other);
    gen_edge(g, next);
    ir_emit(u, IR_br, IR_VOID, (uint16_t)e, cond, 0, 0, other | next << 16);
}

/** A unit that is a loop of one block, in the form that the driver gives it. */
static void gen_loop(struct gen *g)
{
    struct ir_unit *u = g->u;

    ir_emit(u, IR_jmp, IR_VOID, (uint16_t)ir_edge_new(u, NULL, 0), 0, 0, 0, 1);
    ir_block_use(u, ir_block_new(u));
    gen_marker(g);
    for (unsigned n = 4 + below(g, 40); n; n--)
        gen_step(g);
    ir_ref fuel = ir_emit(u, IR_get, IR_I64, TG_X7, 0, 0, 0, 0);
    fuel = ir_op2(u, IR_sub, IR_I64, fuel, ir_const_val(u, IR_I64, 1));
    ir_emit(u, IR_put, IR_VOID, TG_X7, fuel, 0, 0, 0);
    ir_emit(u, IR_exit_if, IR_VOID, 0, ir_op2(u, IR_cmples, IR_I1, fuel, ir_const_val(u, IR_I64, 0)), 0, 0, 0x60000);
    ir_emit(u, IR_poll, IR_VOID, 0, 0, 0, 0, 0x1000);
    ir_emit(u, IR_jmp, IR_VOID, (uint16_t)ir_edge_new(u, NULL, 0), 0, 0, 0, 1);
}

void random_unit(struct ir_unit *u, uint64_t *state)
{
    struct gen g = { .u = u, .state = state, .pc = 0x1000 };

    g.fz = chance(&g, 15);
    ir_reset(u, &testguest, 0x1000, g.fz);
    if (chance(&g, 20)) {
        gen_loop(&g);
        return;
    }
    g.nblocks = chance(&g, 50) ? 1 : 2 + below(&g, (chance(&g, 70) ? FEW_BLOCKS : MAX_BLOCKS) - 1);
    for (unsigned b = 1; b < g.nblocks; b++) {
        ir_block_new(u);
        if (chance(&g, 40))
            g.param[b] = ir_param(u, b, IR_I64);
    }
    unsigned shared = 0;
    for (unsigned b = 0; b < g.nblocks; b++) {
        ir_block_use(u, b);
        if (b == 1)
            shared = g.npool;
        if (b)
            g.npool = shared; /* block 0 dominates all */
        if (g.param[b])
            keep(&g, g.param[b]);
        gen_marker(&g);
        for (unsigned n = 4 + below(&g, 40); n; n--)
            gen_step(&g);
        if (b + 1 == g.nblocks || (b && chance(&g, 15)))
            gen_leave(&g);
        else
            gen_jump(&g, b);
    }
}

/* Half a vector: numbers of a lane type, often edges of it. */
static uint64_t random_half(uint64_t *state)
{
    static const uint16_t f16[] = { 0, 0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00, 0x7d01, 0xfe23, 1, 0x3ff, 0x400,
                                    0x7bff, 0x3555, 0xc200, 0x0401 };
    static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x81, 3, 8, 0xf8, 16, 0xf0, 31, 33, 0xe0, 64, 0xc0 };
    uint64_t r = 0, kind = random_next(state) >> 61;

    for (unsigned k = 0; k < 8; k += kind == 1 ? 1 : kind == 2 ? 2 : 4) {
        uint64_t x = random_next(state) >> 20;
        r |= (kind == 1 ? bytes[x % COUNT(bytes)] : kind == 2 ? f16[x % COUNT(f16)]
                                                  : (random_bits(state, true) >> 35 | x >> 20 << 31) & 0xffffffff) << 8 * k;
    }
    return kind <= 2 && kind ? r : kind <= 4 ? r : random_bits(state, kind & 1);
}

void random_vector(uint64_t *state, uint64_t half[2])
{
    half[0] = random_half(state);
    half[1] = random_half(state);
}

void random_vec_variant(uint64_t *state, enum ir_op op, unsigned *aux, int64_t *imm)
{
    struct gen g = { .state = state };

    g.fz = chance(&g, 20);
    do {
        *aux = vec_aux(&g, op);
        *imm = vec_imm(&g, vec_info(op)->imm, *aux);
    } while (!vec_valid(op, *aux, *imm));
}

uint32_t random_mxcsr(uint64_t *state, uint32_t *fpx_more)
{
    uint64_t r = random_next(state);
    uint32_t flags = r & 1 ? 0 : r >> 1 & 0x3d; /* all but the denormals' */

    *fpx_more = r & 2 ? IR_FPX_ID : 0;
    return 0x1f80 | (uint32_t)(r >> 62) << 13 | flags;
}

void random_machine(struct machine *m, uint64_t *state)
{
    memset(m, 0, sizeof *m);
    for (unsigned r = 0; r < TG_NREGS; r++) {
        const struct guest_reg *reg = &testguest.regs[r];
        uint64_t v[2] = { random_bits(state, reg->type == IR_F64), random_next(state) };
        if (reg->type == IR_V128) {
            v[0] = random_half(state);
            v[1] = random_half(state);
        }
        if (reg->type == IR_I32)
            v[0] = (uint32_t)v[0];
        memcpy(m->cpu.regs + reg->off, v, reg->type == IR_V128 ? 16 : 8);
    }
    *cpu_slot(&m->cpu, testguest.regs[TG_X7].off) = 1 + (random_next(state) >> 40) % 5;
    for (unsigned k = 0; k < RANDOM_MEM_BYTES; k += 8) {
        uint64_t v = random_bits(state, k & 64);
        memcpy(m->mem + k, &v, 8);
    }
    m->cpu.guest = &testguest;
    m->cpu.mxcsr = random_mxcsr(state, &m->cpu.fpx_more);
    m->cpu.poll = random_next(state) >> 62 == 0;
}

static bool access_mem(void *ctx, gaddr a, unsigned size, bool write, void *buf)
{
    struct machine *m = ctx;

    if (a < RANDOM_MEM_BASE || a - RANDOM_MEM_BASE > RANDOM_MEM_BYTES - size)
        return false;
    if (write)
        memcpy(m->mem + (a - RANDOM_MEM_BASE), buf, size);
    else
        memcpy(buf, m->mem + (a - RANDOM_MEM_BASE), size);
    return true;
}

struct interp_result random_run(const struct ir_unit *u, struct machine *m)
{
    struct interp_env env = { .access = access_mem, .ctx = m, .max_steps = 20000 };

    return interp_run(u, &m->cpu, &env);
}
