/* Conditions: from what set the flags (cc_op, cc_a, cc_b; see aarch64.h) to the comparison that a condition means.
 *
 * Within a unit cc_op is mostly a constant. A conditional comparison keeps it and selects among the operands if the flags
 * that it sets otherwise are the ones of some operands, too; if they aren't, cc_op is a select of two constants: then a
 * condition is the first arm's where the selecting condition holds and the other arm's elsewhere. What remains is asked
 * of a helper, once.
 */
#include "frontend/aarch64/trans.h"

enum { COND_EQ, COND_CS, COND_MI, COND_VS, COND_HI, COND_GE, COND_GT, COND_AL }; /* cond >> 1 */

/* What flags are computed from: cc_op is a constant, the operands have been cut to the width. */
struct source {
    enum a64_cc kind;        /* the 64-bit one of its pair */
    bool wide;               /* 64-bit */
    ir_ref a, b;
};

static bool is_const_of(struct aarch64_ctx *ctx, ir_ref v, uint64_t *out)
{
    const struct ir_insn *i = ir_at(ctx->u, v);

    *out = (uint64_t)i->imm;
    return i->op == IR_const && !i->aux;
}

static ir_ref zero_of(struct aarch64_ctx *ctx, const struct source *s)
{
    return constr(ctx, s->wide, 0);
}

/* The minuend of a difference, a summand of a sum. */
static ir_ref operand_of(struct aarch64_ctx *ctx, const struct source *s)
{
    enum ir_op made_by = s->kind == A64_CC_SUBR64 ? IR_sub : IR_add;
    const struct ir_insn *i = ir_at(ctx->u, s->a);

    if (s->kind == A64_CC_SUB64 || s->kind == A64_CC_ADD64)
        return s->a;
    if (i->op == made_by && i->arg[1] == s->b)
        return i->arg[0];
    return opr(ctx, s->wide, made_by == IR_sub ? IR_add : IR_sub, s->a, s->b);
}

static ir_ref result_of(struct aarch64_ctx *ctx, const struct source *s)
{
    switch (s->kind) {
    case A64_CC_SUB64: return opr(ctx, s->wide, IR_sub, s->a, s->b);
    case A64_CC_ADD64: return opr(ctx, s->wide, IR_add, s->a, s->b);
    default:           return s->a;
    }
}

static ir_ref bit_of(struct aarch64_ctx *ctx, ir_ref bits, unsigned mask)
{
    return cmp(ctx, IR_cmpne, op64(ctx, IR_and, bits, const64(ctx, mask)), const64(ctx, 0));
}

/* (x ^ result) & (y ^ result), for sums; for differences x - y, (x ^ y) & (x ^ result): the sign bit is V. */
static ir_ref overflow_word(struct aarch64_ctx *ctx, const struct source *s, bool sum)
{
    ir_ref x = operand_of(ctx, s), r = result_of(ctx, s);
    ir_ref p = opr(ctx, s->wide, IR_xor, sum ? s->b : x, sum ? r : s->b), q = opr(ctx, s->wide, IR_xor, x, r);

    return opr(ctx, s->wide, IR_and, p, q);
}

/* --- kinds */

static ir_ref cond_sub(struct aarch64_ctx *ctx, const struct source *s, int cond)
{
    ir_ref x, y = s->b;

    if (s->kind == A64_CC_SUBR64 && cond == COND_EQ)
        return cmp(ctx, IR_cmpeq, s->a, zero_of(ctx, s));
    if (cond == COND_MI)
        return cmp(ctx, IR_cmplts, result_of(ctx, s), zero_of(ctx, s));
    if (cond == COND_VS)
        return cmp(ctx, IR_cmplts, overflow_word(ctx, s, false), zero_of(ctx, s));
    x = operand_of(ctx, s);
    switch (cond) {
    case COND_EQ: return cmp(ctx, IR_cmpeq, x, y);
    case COND_CS: return cmp(ctx, IR_cmpleu, y, x);
    case COND_HI: return cmp(ctx, IR_cmpltu, y, x);
    case COND_GE: return cmp(ctx, IR_cmples, y, x);
    default:      return cmp(ctx, IR_cmplts, y, x);
    }
}

/* Signed "true sum < 0": N differs from V. */
static ir_ref sum_negative(struct aarch64_ctx *ctx, const struct source *s)
{
    ir_ref w = opr(ctx, s->wide, IR_xor, overflow_word(ctx, s, true), result_of(ctx, s));

    return cmp(ctx, IR_cmplts, w, zero_of(ctx, s));
}

static ir_ref cond_add(struct aarch64_ctx *ctx, const struct source *s, int cond)
{
    ir_ref r = result_of(ctx, s), zero = zero_of(ctx, s);

    switch (cond) {
    case COND_EQ: return cmp(ctx, IR_cmpeq, r, zero);
    case COND_CS: return cmp(ctx, IR_cmpltu, r, s->b);
    case COND_MI: return cmp(ctx, IR_cmplts, r, zero);
    case COND_VS: return cmp(ctx, IR_cmplts, overflow_word(ctx, s, true), zero);
    case COND_HI: return op1(ctx, IR_and, cmp(ctx, IR_cmpltu, r, s->b), cmp(ctx, IR_cmpne, r, zero));
    case COND_GE: return not1(ctx, sum_negative(ctx, s));
    default:      return op1(ctx, IR_and, not1(ctx, sum_negative(ctx, s)), cmp(ctx, IR_cmpne, r, zero));
    }
}

static ir_ref cond_logic(struct aarch64_ctx *ctx, const struct source *s, int cond)
{
    ir_ref zero = zero_of(ctx, s);

    switch (cond) {
    case COND_EQ: return cmp(ctx, IR_cmpeq, s->a, zero);
    case COND_MI: return cmp(ctx, IR_cmplts, s->a, zero);
    case COND_GE: return cmp(ctx, IR_cmples, zero, s->a);
    case COND_GT: return cmp(ctx, IR_cmplts, zero, s->a);
    default:      return const1(ctx, false); /* CS, VS, HI */
    }
}

/* C or V out of cc_b, as the instruction made it or bit by bit. */
static ir_ref carried(struct aarch64_ctx *ctx, ir_ref cv, unsigned flag)
{
    const struct ir_insn *i = ir_at(ctx->u, cv);

    if (i->op == IR_or) {
        const struct ir_insn *x = ir_at(ctx->u, i->arg[flag == A64_C ? 0 : 1]);

        if (flag == A64_C && x->op == IR_shl)
            x = ir_at(ctx->u, x->arg[0]);
        if (x->op == IR_zext && ir_at(ctx->u, x->arg[0])->type == IR_I1)
            return x->arg[0];
    }
    return bit_of(ctx, cv, flag);
}

static ir_ref cond_cv(struct aarch64_ctx *ctx, const struct source *s, int cond)
{
    ir_ref zero = zero_of(ctx, s), n = IR_NONE;

    switch (cond) {
    case COND_EQ: return cmp(ctx, IR_cmpeq, s->a, zero);
    case COND_CS: return carried(ctx, s->b, A64_C);
    case COND_MI: return cmp(ctx, IR_cmplts, s->a, zero);
    case COND_VS: return carried(ctx, s->b, A64_V);
    case COND_HI: return op1(ctx, IR_and, carried(ctx, s->b, A64_C), cmp(ctx, IR_cmpne, s->a, zero));
    default: break;
    }
    n = op1(ctx, IR_xor, cmp(ctx, IR_cmplts, s->a, zero), not1(ctx, carried(ctx, s->b, A64_V)));
    return cond == COND_GE ? n : op1(ctx, IR_and, n, cmp(ctx, IR_cmpne, s->a, zero));
}

static bool holds(unsigned f, int cond)
{
    bool n = f & A64_N, z = f & A64_Z, c = f & A64_C, v = f & A64_V;
    const bool truth[] = { z, c, n, v, c && !z, n == v, n == v && !z };

    return truth[cond];
}

static ir_ref cond_nzcv(struct aarch64_ctx *ctx, ir_ref f, int cond)
{
    uint64_t known;
    ir_ref x;

    if (is_const_of(ctx, f, &known))
        return const1(ctx, holds((unsigned)known, cond));
    switch (cond) {
    case COND_EQ: return bit_of(ctx, f, A64_Z);
    case COND_CS: return bit_of(ctx, f, A64_C);
    case COND_MI: return bit_of(ctx, f, A64_N);
    case COND_VS: return bit_of(ctx, f, A64_V);
    case COND_HI:
        return cmp(ctx, IR_cmpeq, op64(ctx, IR_and, f, const64(ctx, A64_C | A64_Z)), const64(ctx, A64_C));
    default: /* bit 0 of x: N != V; with Z or not */
        x = op64(ctx, IR_xor, f, op64(ctx, IR_shr, f, const64(ctx, 3)));
        x = op64(ctx, IR_and, x, const64(ctx, 1));
        if (cond == COND_GT)
            x = op64(ctx, IR_or, x, op64(ctx, IR_and, f, const64(ctx, A64_Z)));
        return cmp(ctx, IR_cmpeq, x, const64(ctx, 0));
    }
}

static ir_ref float_of(struct aarch64_ctx *ctx, ir_ref bits, bool wide)
{
    const struct ir_insn *i = ir_at(ctx->u, bits);
    enum ir_type t = wide ? IR_F64 : IR_F32;

    if (i->op == IR_bitcast && ir_at(ctx->u, i->arg[0])->type == t)
        return i->arg[0];
    if (i->op == IR_const)
        return ir_const_val(ctx->u, t, (uint64_t)i->imm);
    return ir_op1(ctx->u, IR_bitcast, t, wide ? bits : low32(ctx, bits));
}

/* Less: N; equal: Z and C; greater: C; unordered: C and V. The comparison that set the flags has raised what there is to
 * raise: this one, of the same kind, raises nothing new. */
static ir_ref cond_fcmp(struct aarch64_ctx *ctx, const struct source *s, int cond)
{
    bool signals = s->kind == A64_CC_FCMPE64;
    unsigned aux = (signals ? 0 : IR_FP_QUIET) | (ctx->u->mode & A64_MODE_FZ ? IR_FP_FZ : 0);
    ir_ref x = float_of(ctx, s->a, s->wide), y = float_of(ctx, s->b, s->wide);

    switch (cond) {
    case COND_EQ: return ir_emit(ctx->u, IR_fcmpeq, IR_I1, aux & IR_FP_FZ, x, y, IR_NONE, 0);
    case COND_VS: return ir_emit(ctx->u, IR_fcmpun, IR_I1, aux & IR_FP_FZ, x, y, IR_NONE, 0);
    case COND_MI: return ir_emit(ctx->u, IR_fcmplt, IR_I1, (uint16_t)aux, x, y, IR_NONE, 0);
    case COND_CS: return not1(ctx, ir_emit(ctx->u, IR_fcmplt, IR_I1, (uint16_t)aux, x, y, IR_NONE, 0));
    case COND_HI: return not1(ctx, ir_emit(ctx->u, IR_fcmple, IR_I1, (uint16_t)aux, x, y, IR_NONE, 0));
    case COND_GE: return ir_emit(ctx->u, IR_fcmple, IR_I1, (uint16_t)aux, y, x, IR_NONE, 0);
    default:      return ir_emit(ctx->u, IR_fcmplt, IR_I1, (uint16_t)aux, y, x, IR_NONE, 0);
    }
}

/* --- sources */

/* The flags as the IR has them: three i64 values. */
struct cc { ir_ref op, a, b; };

static struct cc current(struct aarch64_ctx *ctx)
{
    return (struct cc){ tr_get(ctx->tr, A64_REG_cc_op), tr_get(ctx->tr, A64_REG_cc_a),
                        tr_get(ctx->tr, A64_REG_cc_b) };
}

static ir_ref arm(struct aarch64_ctx *ctx, ir_ref v, ir_ref c, int which)
{
    const struct ir_insn *i = ir_at(ctx->u, v);

    return i->op == IR_select && i->arg[0] == c ? i->arg[which] : v;
}

/* What selects between two ways to get the flags, or IR_NONE. Where only operands are selected they are compared as
 * they are. */
static ir_ref chooser(struct aarch64_ctx *ctx, struct cc s)
{
    const struct ir_insn *i = ir_at(ctx->u, s.op);

    return i->op == IR_select ? i->arg[0] : IR_NONE;
}

static bool is_float_kind(enum a64_cc kind)
{
    return kind >= A64_CC_FCMP64;
}

static ir_ref cond_known(struct aarch64_ctx *ctx, struct cc cc, int cond)
{
    enum a64_cc kind = (enum a64_cc)ir_at(ctx->u, cc.op)->imm;
    struct source s = { .kind = kind, .wide = true, .a = cc.a, .b = cc.b };

    if (kind == A64_CC_NZCV)
        return cond_nzcv(ctx, cc.a, cond);
    if ((kind - A64_CC_SUB64) & 1) { /* the second of a pair */
        s.kind = kind - 1;
        s.wide = false;
        if (!is_float_kind(s.kind))
            s.a = low32(ctx, cc.a);
        if (!is_float_kind(s.kind) && s.kind != A64_CC_CV64)
            s.b = low32(ctx, cc.b);
    }
    switch (s.kind) {
    case A64_CC_SUB64: case A64_CC_SUBR64: return cond_sub(ctx, &s, cond);
    case A64_CC_ADD64: case A64_CC_ADDR64: return cond_add(ctx, &s, cond);
    case A64_CC_LOGIC64:                   return cond_logic(ctx, &s, cond);
    case A64_CC_CV64:                      return cond_cv(ctx, &s, cond);
    default:                               return cond_fcmp(ctx, &s, cond);
    }
}

/* c ? x : y */
static ir_ref choose(struct aarch64_ctx *ctx, ir_ref c, ir_ref x, ir_ref y)
{
    uint64_t known;

    if (is_const_of(ctx, x, &known))
        return known ? op1(ctx, IR_or, c, y) : op1(ctx, IR_and, not1(ctx, c), y);
    if (is_const_of(ctx, y, &known))
        return known ? op1(ctx, IR_or, not1(ctx, c), x) : op1(ctx, IR_and, c, x);
    return op1(ctx, IR_or, op1(ctx, IR_and, c, x), op1(ctx, IR_and, not1(ctx, c), y));
}

enum { MAX_ARMS = 6 };   /* of conditional comparisons in a row: deeper ones are asked of the helper */

/* Whether the flags can be told from the IR; float comparisons only where they are certain to have been made. */
static bool can_tell(struct aarch64_ctx *ctx, struct cc cc, int depth)
{
    ir_ref c = chooser(ctx, cc);

    if (ir_is_const(ctx->u, cc.op))
        return depth == 0 || !is_float_kind((enum a64_cc)ir_at(ctx->u, cc.op)->imm);
    if (!c || depth == MAX_ARMS)
        return false;
    return can_tell(ctx, (struct cc){ arm(ctx, cc.op, c, 1), arm(ctx, cc.a, c, 1), arm(ctx, cc.b, c, 1) }, depth + 1) &&
           can_tell(ctx, (struct cc){ arm(ctx, cc.op, c, 2), arm(ctx, cc.a, c, 2), arm(ctx, cc.b, c, 2) }, depth + 1);
}

static ir_ref tell(struct aarch64_ctx *ctx, struct cc cc, int cond, int depth)
{
    ir_ref c = chooser(ctx, cc);

    if (!c)
        return cond_known(ctx, cc, cond);

    struct cc yes = { arm(ctx, cc.op, c, 1), arm(ctx, cc.a, c, 1), arm(ctx, cc.b, c, 1) };
    struct cc no = { arm(ctx, cc.op, c, 2), arm(ctx, cc.a, c, 2), arm(ctx, cc.b, c, 2) };
    ir_ref x = tell(ctx, yes, cond, depth + 1);

    return choose(ctx, c, x, tell(ctx, no, cond, depth + 1));
}

/* Makes the flags such that conditions can be told. */
static struct cc told(struct aarch64_ctx *ctx)
{
    struct cc cc = current(ctx);

    if (can_tell(ctx, cc, 0))
        return cc;
    a64_put_flags(ctx, call_helper(ctx, A64_HELPER_nzcv, IR_I64, cc.op, cc.a, cc.b));
    return current(ctx);
}

ir_ref a64_cond(struct aarch64_ctx *ctx, int cond)
{
    if (cond >> 1 == COND_AL)
        return const1(ctx, true);

    ir_ref c = tell(ctx, told(ctx), cond >> 1, 0);

    return cond & 1 ? not1(ctx, c) : c;
}

ir_ref a64_flag(struct aarch64_ctx *ctx, unsigned flag)
{
    int cond = flag == A64_N ? COND_MI : flag == A64_Z ? COND_EQ : flag == A64_C ? COND_CS : COND_VS;

    return tell(ctx, told(ctx), cond, 0);
}

ir_ref a64_flags(struct aarch64_ctx *ctx)
{
    struct cc cc = current(ctx);

    if (!ir_is_const(ctx->u, cc.op) || ir_at(ctx->u, cc.op)->imm != A64_CC_NZCV)
        a64_put_flags(ctx, call_helper(ctx, A64_HELPER_nzcv, IR_I64, cc.op, cc.a, cc.b));
    return tr_get(ctx->tr, A64_REG_cc_a);
}

/* --- setting */

void a64_set_cc(struct aarch64_ctx *ctx, enum a64_cc op, ir_ref a, ir_ref b)
{
    tr_put(ctx->tr, A64_REG_cc_op, const64(ctx, op));
    tr_put(ctx->tr, A64_REG_cc_a, a);
    tr_put(ctx->tr, A64_REG_cc_b, b);
}

/* An i64 with v in its low half: the register that v was cut from rather than another value. */
static ir_ref widened(struct aarch64_ctx *ctx, ir_ref v)
{
    const struct ir_insn *i = ir_at(ctx->u, v);

    if (i->op == IR_trunc && ir_at(ctx->u, i->arg[0])->type == IR_I64)
        return i->arg[0];
    return zext64(ctx, v);
}

void a64_set_cc_sf(struct aarch64_ctx *ctx, int sf, enum a64_cc op, ir_ref a, ir_ref b)
{
    a = widened(ctx, a);
    a64_set_cc(ctx, sf ? op : op + 1, a, widened(ctx, b));
}

void a64_put_flags(struct aarch64_ctx *ctx, ir_ref nzcv)
{
    a64_set_cc(ctx, A64_CC_NZCV, nzcv, const64(ctx, 0));
}

/* Operands whose difference or sum has the flags that are the index; -1 is all ones, MIN and MAX the signed limits.
 * V alone and Z without C don't come from a difference. */
enum { NO, K0, K1, K2, KM1, KMIN, KMAX };
static const uint8_t for_sub[16][2] = {
    [0] = { K0, KM1 }, [A64_C] = { K1, K0 }, [A64_Z | A64_C] = { K0, K0 }, [A64_N] = { K0, K1 },
    [A64_N | A64_C] = { KM1, K0 }, [A64_C | A64_V] = { KMIN, K1 }, [A64_N | A64_V] = { KMAX, KM1 },
};
static const uint8_t for_add[16][2] = {
    [0] = { K1, K0 }, [A64_C] = { KM1, K2 }, [A64_Z] = { K0, K0 }, [A64_Z | A64_C] = { K1, KM1 },
    [A64_N] = { KM1, K0 }, [A64_N | A64_C] = { KM1, KM1 }, [A64_N | A64_V] = { KMAX, K1 },
    [A64_Z | A64_C | A64_V] = { KMIN, KMIN }, [A64_C | A64_V] = { KMIN, KM1 },
};

static ir_ref special(struct aarch64_ctx *ctx, int sf, unsigned k)
{
    static const uint64_t of64[] = { 0, 0, 1, 2, ~0ull, 1ull << 63, ~0ull >> 1 };
    static const uint32_t of32[] = { 0, 0, 1, 2, ~0u, 1u << 31, ~0u >> 1 };

    return const64(ctx, sf ? of64[k] : of32[k]);
}

void a64_set_cc_if(struct aarch64_ctx *ctx, ir_ref c, int sf, enum a64_cc op, ir_ref a, ir_ref b, unsigned nzcv)
{
    const uint8_t *k = op == A64_CC_SUB64 ? for_sub[nzcv] : for_add[nzcv];
    ir_ref kind = const64(ctx, sf ? op : op + 1), else_a, else_b;

    if (ir_is_const(ctx->u, c)) {
        if (ir_at(ctx->u, c)->imm)
            a64_set_cc_sf(ctx, sf, op, a, b);
        else
            a64_put_flags(ctx, const64(ctx, nzcv));
        return;
    }
    a = widened(ctx, a);
    b = widened(ctx, b);
    if (k[0] == NO) {
        kind = select_of(ctx, IR_I64, c, kind, const64(ctx, A64_CC_NZCV));
        else_a = const64(ctx, nzcv);
        else_b = const64(ctx, 0);
    } else {
        else_a = special(ctx, sf, k[0]);
        else_b = special(ctx, sf, k[1]);
    }
    tr_put(ctx->tr, A64_REG_cc_op, kind);
    tr_put(ctx->tr, A64_REG_cc_a, select_of(ctx, IR_I64, c, a, else_a));
    tr_put(ctx->tr, A64_REG_cc_b, select_of(ctx, IR_I64, c, b, else_b));
}
