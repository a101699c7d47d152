/* Checks a unit against the invariants that ir.h states. Slow and plain: one walk over all insns with a linear look
 * at everything they name. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/guest.h"
#include "ir/cfg.h"
#include "ir/vec.h"

struct check {
    const struct ir_unit *u;
    char *err;
    size_t err_len;
    uint32_t *block_of;  /* per insn: its block + 1, 0 if it is in none */
    uint32_t *place;     /* per insn: its place in its block */
    struct ir_cfg *g;
    bool after_state;    /* in this block a STATE helper was called */
};

#define FAIL(c, ...) return fail((c), __VA_ARGS__)

static bool fail(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct check *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (c->err_len)
        vsnprintf(c->err, c->err_len, fmt, ap);
    va_end(ap);
    return false;
}

#define T(t) (1u << IR_##t)
enum {
    TYPES_VOID = T(VOID), TYPES_I1 = T(I1), TYPES_I32 = T(I32), TYPES_I64 = T(I64),
    TYPES_INT = T(I8) | T(I16) | T(I32) | T(I64),
    TYPES_ANYINT = TYPES_INT | T(I1),
    TYPES_FP = T(F32) | T(F64),
    TYPES_SCALAR = TYPES_INT | TYPES_FP,
    TYPES_V128 = T(V128),
    TYPES_ALL = TYPES_ANYINT | TYPES_FP | TYPES_V128,
};

/* What each op's result type may be. */
static const uint16_t result_types[IR_NOPS] = {
#define IR_OP(n, s, t, f, d) [IR_##n] = TYPES_##t,
#include "ir/ir.def"
};

static unsigned bits(const struct check *c, ir_ref r)
{
    return ir_type_bits[ir_at(c->u, r)->type];
}

static bool is(const struct check *c, ir_ref r, unsigned types)
{
    return types >> ir_at(c->u, r)->type & 1;
}

/* --- types ------------------------------------------------------------------------------------------ */

static bool check_arg_type(struct check *c, ir_ref r, unsigned k)
{
    const struct ir_insn *i = ir_at(c->u, r);
    enum ir_type t = ir_at(c->u, i->arg[k])->type;
    bool ok;

    switch (ir_ops[i->op].arg[k]) {
    case 't': ok = t == i->type; break;
    case 'b': ok = t == IR_I1; break;
    case 'w': ok = t == IR_I32; break;
    case 'l': ok = t == IR_I64; break;
    case 's': ok = t == ir_at(c->u, i->arg[0])->type && t != IR_VOID; break;
    case 'A': case '?': ok = (t == IR_I64 || t == IR_I32) && t == ir_at(c->u, i->arg[0])->type; break;
    default:  ok = t != IR_VOID; break;
    }
    if (!ok)
        FAIL(c, "%%%u %s: operand %u is %s", r, ir_ops[i->op].name, k, ir_type_names[t]);
    return true;
}

/** Operands marked `x` whose type the doc of the row restricts. */
static bool check_x_types(struct check *c, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);
    ir_ref a = i->arg[0];
    unsigned w = ir_type_bits[i->type];
    bool ok = true;

    switch (i->op) {
    case IR_sext: case IR_zext: ok = is(c, a, TYPES_ANYINT) && bits(c, a) < w; break;
    case IR_trunc: ok = is(c, a, TYPES_INT) && bits(c, a) > w; break;
    case IR_bitcast: ok = is(c, a, TYPES_SCALAR) && !is(c, a, 1u << i->type) &&
                           (bits(c, a) == w || (i->type == IR_I64 && is(c, a, 1u << IR_F32))); break;
    case IR_cmpeq: case IR_cmpne: case IR_cmplts: case IR_cmples: case IR_cmpltu: case IR_cmpleu:
        ok = is(c, a, TYPES_ANYINT); break;
    case IR_crc32: ok = is(c, i->arg[1], TYPES_INT); break;
    case IR_fcmpeq: case IR_fcmplt: case IR_fcmple: case IR_fcmpun: ok = is(c, a, TYPES_FP); break;
    case IR_fcvt: ok = is(c, a, TYPES_FP) && bits(c, a) != w; break;
    case IR_fcvt_si: case IR_fcvt_ui: ok = is(c, a, TYPES_FP) && w >= 32; break;
    case IR_fcvt_is: case IR_fcvt_iu: ok = is(c, a, TYPES_I32 | TYPES_I64); break;
    case IR_nanbox: ok = is(c, a, T(F32)) && i->type == IR_F64; break;
    case IR_nanunbox: ok = is(c, a, T(F64)) && i->type == IR_F32; break;
    default: break;
    }
    if (!ok)
        FAIL(c, "%%%u %s.%s of %s", r, ir_ops[i->op].name, ir_type_names[i->type],
             ir_type_names[ir_at(c->u, a)->type]);
    return true;
}

static bool check_mem(struct check *c, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);
    enum ir_type m = IR_MEM_TYPE(i->aux);

    if (!(i->op == IR_load || i->op == IR_store || i->op == IR_amo || i->op == IR_cas))
        return true;
    if (m == IR_VOID || m == IR_I1 || m >= IR_NTYPES)
        FAIL(c, "%%%u: no memory type", r);
    if (i->imm != (int32_t)i->imm)
        FAIL(c, "%%%u: displacement over 32 bits", r);
    enum ir_type t = i->op == IR_store ? ir_at(c->u, i->arg[2])->type : (enum ir_type)i->type;
    bool m_int = TYPES_INT >> m & 1, t_int = TYPES_INT >> t & 1;
    if (m_int != t_int || (m_int ? ir_type_bits[m] > ir_type_bits[t] : m != t))
        FAIL(c, "%%%u: %s memory as %s", r, ir_type_names[m], ir_type_names[t]);
    if (i->op == IR_amo || i->op == IR_cas)
        for (unsigned k = 1; k < 3 && i->arg[k]; k++)
            if (ir_at(c->u, i->arg[k])->type != t)
                FAIL(c, "%%%u: operand of another type", r);
    if (i->op == IR_amo && IR_AMO_KIND(i->aux) > IR_AMO_ANDN)
        FAIL(c, "%%%u: no such amo", r);
    return true;
}

/** Vector ops: the variant exists, scalar operands and results suit its lanes. */
static bool check_vec(struct check *c, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);
    enum ir_type lane = IR_V_LANE(i->aux), t = IR_VOID;

    if (i->op < IR_VEC_FIRST || i->op > IR_VEC_LAST)
        return true;
    if (!vec_valid(i->op, i->aux, i->imm))
        FAIL(c, "%%%u %s: no such variant: aux 0x%x imm %lld", r, ir_ops[i->op].name, i->aux, (long long)i->imm);
    if (i->op == IR_vzext) {
        if (!is(c, i->arg[0], TYPES_SCALAR))
            FAIL(c, "%%%u vzext of %s", r, ir_type_names[ir_at(c->u, i->arg[0])->type]);
        return true;
    }
    if (i->op == IR_vget) {
        if (!is(c, i->arg[0], TYPES_V128))
            FAIL(c, "%%%u vget of no vector", r);
        t = i->type;
    } else if (i->op == IR_vdup || i->op == IR_vset) {
        t = ir_at(c->u, i->arg[i->op == IR_vset])->type;
    } else {
        return true;
    }
    bool fp = TYPES_FP >> t & 1, fp_lane = TYPES_FP >> lane & 1;
    if (fp ? t != lane : !(TYPES_INT >> t & 1) || ir_type_bits[t] < ir_type_bits[lane] ||
                             (fp_lane && i->op != IR_vget))
        FAIL(c, "%%%u %s: %s for lanes of %s", r, ir_ops[i->op].name, ir_type_names[t], ir_type_names[lane]);
    return true;
}

static bool check_reg(struct check *c, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);
    const struct guest *g = c->u->guest;

    if (i->op != IR_get && i->op != IR_put)
        return true;
    enum ir_type t = i->op == IR_get ? (enum ir_type)i->type : (enum ir_type)ir_at(c->u, i->arg[0])->type;
    if (i->aux >= (g ? g->nregs : GUEST_MAX_REGS))
        FAIL(c, "%%%u: no guest register %u", r, i->aux);
    if (g && g->regs[i->aux].type != t)
        FAIL(c, "%%%u: %s is not %s", r, g->regs[i->aux].name, ir_type_names[t]);
    if (!c->u->regs_done || c->after_state)
        return true;
    if (i->op == IR_get) {
        if (c->block_of[r] != 1)
            FAIL(c, "%%%u: get outside block 0 after pass regs", r);
        return true;
    }
    ir_ref n = i->next; /* puts after pass regs: right before the call of a STATE helper */
    while (n && ir_at(c->u, n)->op == IR_put)
        n = ir_at(c->u, n)->next;
    unsigned op = n ? ir_at(c->u, n)->op : 0u;
    if (op != IR_call && op != IR_callv)
        FAIL(c, "%%%u: put after pass regs", r);
    return true;
}

static bool check_call(struct check *c, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);
    const struct guest *g = c->u->guest;

    if ((i->op != IR_call && i->op != IR_callv) || !g)
        return true;
    if (i->aux >= g->nhelpers)
        FAIL(c, "%%%u: no helper %u", r, i->aux);
    const struct guest_helper *h = &g->helpers[i->aux];
    if (h->ret != i->type)
        FAIL(c, "%%%u: %s returns %s", r, h->name, ir_type_names[h->ret]);
    for (unsigned k = 0; k < 3; k++) {
        enum ir_type t = i->arg[k] ? (enum ir_type)ir_at(c->u, i->arg[k])->type : IR_VOID;
        if (k < h->nargs ? t != h->args[k] : i->arg[k] != 0)
            FAIL(c, "%%%u: argument %u of %s", r, k, h->name);
    }
    return true;
}

/* --- places ----------------------------------------------------------------------------------------------- */

/** True if value `v` may be read by insn `at` (0: by the end of block `b`). */
static bool reaches(const struct check *c, ir_ref v, uint32_t b, ir_ref at)
{
    if (ir_is_const(c->u, v))
        return true;
    if (!c->block_of[v])
        return false;
    uint32_t vb = c->block_of[v] - 1;
    if (vb == b)
        return !at || c->place[v] < c->place[at];
    return ir_dominates(c->g, vb, b);
}

static bool check_value(struct check *c, ir_ref v, uint32_t b, ir_ref at, const char *what)
{
    if (v == IR_NONE || v >= c->u->ninsns)
        FAIL(c, "%%%u: %s %u does not exist", at, what, v);
    if (!reaches(c, v, b, at))
        FAIL(c, "%%%u: %s %%%u is not defined there", at, what, v);
    return true;
}

static bool check_args(struct check *c, uint32_t b, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);
    const struct ir_op_info *o = &ir_ops[i->op];

    for (unsigned k = 0; k < 3; k++) {
        bool may_lack = k < o->nargs && (o->arg[k] == '?' || i->op == IR_call || i->op == IR_callv);
        if (k >= o->nargs ? i->arg[k] != IR_NONE : i->arg[k] == IR_NONE && !may_lack)
            FAIL(c, "%%%u %s: wrong number of operands", r, o->name);
        if (!i->arg[k])
            continue;
        if (!check_value(c, i->arg[k], b, r, "operand") || !check_arg_type(c, r, k))
            return false;
    }
    return true;
}

/** True if insn `i` must have a snapshot once pass `regs` has run. */
static bool wants_snap(const struct ir_unit *u, const struct ir_insn *i)
{
    if (i->op == IR_call || i->op == IR_callv)
        return u->guest && u->guest->helpers[i->aux].flags & (GUEST_HELPER_MEM | GUEST_HELPER_STATE);
    return ir_ops[i->op].flags & (IR_FAULTS | IR_LEAVES);
}

static bool check_snap(struct check *c, uint32_t b, ir_ref r)
{
    const struct ir_unit *u = c->u;
    const struct ir_insn *i = ir_at(u, r);

    if (i->snap >= u->nsnaps)
        FAIL(c, "%%%u: no snapshot %u", r, i->snap);
    if (u->regs_done && (i->snap != 0) != wants_snap(u, i))
        FAIL(c, "%%%u %s: %s snapshot", r, ir_ops[i->op].name, i->snap ? "has a" : "lacks its");
    if (!i->snap)
        return true;
    const struct ir_snap *s = &u->snaps[i->snap];
    if (s->first + s->n > u->nsnap_vals)
        FAIL(c, "%%%u: snapshot values out of range", r);
    for (uint32_t k = 0; k < s->n; k++) {
        const struct ir_snap_val *v = &u->snap_vals[s->first + k];
        if (!check_value(c, v->val, b, r, "snapshot value"))
            return false;
        if (v->reg >= (u->guest ? u->guest->nregs : GUEST_MAX_REGS) ||
            (u->guest && u->guest->regs[v->reg].type != ir_at(u, v->val)->type))
            FAIL(c, "%%%u: snapshot of register %u has %%%u", r, v->reg, v->val);
        if (k && u->snap_vals[s->first + k - 1].reg >= v->reg)
            FAIL(c, "%%%u: snapshot registers are not in ascending order", r);
    }
    return true;
}

/** What may follow the call of a STATE helper. */
static bool check_after_state(struct check *c, ir_ref r)
{
    const struct ir_unit *u = c->u;
    const struct ir_insn *i = ir_at(u, r);

    if (c->after_state && !(ir_ops[i->op].flags & IR_PURE) && i->op != IR_get && i->op != IR_put &&
        i->op != IR_insn && i->op != IR_exit && i->op != IR_exit_ind && i->op != IR_trap)
        FAIL(c, "%%%u: %s after the call of a STATE helper", r, ir_ops[i->op].name);
    if ((i->op == IR_call || i->op == IR_callv) && u->guest &&
        u->guest->helpers[i->aux].flags & GUEST_HELPER_STATE)
        c->after_state = true;
    return true;
}

static bool check_insn(struct check *c, uint32_t b, ir_ref r)
{
    const struct ir_insn *i = ir_at(c->u, r);

    if (i->op == IR_const || i->op == IR_copy || i->op == IR_nop)
        FAIL(c, "%%%u: %s in block %u", r, ir_ops[i->op].name, b);
    if (!(result_types[i->op] >> i->type & 1))
        FAIL(c, "%%%u: %s.%s", r, ir_ops[i->op].name, ir_type_names[i->type]);
    if (i->tmp)
        FAIL(c, "%%%u: scratch field left set", r);
    return check_args(c, b, r) && check_x_types(c, r) && check_mem(c, r) && check_vec(c, r) && check_call(c, r) &&
           check_reg(c, r) && check_snap(c, b, r) && check_after_state(c, r);
}

static bool check_edge(struct check *c, uint32_t from, uint32_t edge, uint32_t to)
{
    const struct ir_unit *u = c->u;
    ir_ref p = u->blocks[to].first;

    if (edge >= u->nedges)
        FAIL(c, "block %u: no edge list %u", from, edge);
    const struct ir_edge *e = &u->edges[edge];
    if (e->n != u->blocks[to].nparams)
        FAIL(c, "block %u passes %u values to block %u, which takes %u", from, e->n, to, u->blocks[to].nparams);
    for (uint32_t k = 0; k < e->n; k++, p = ir_at(u, p)->next) {
        ir_ref v = u->edge_args[e->first + k];
        if (!check_value(c, v, from, IR_NONE, "edge value"))
            return false;
        if (ir_at(u, v)->type != ir_at(u, p)->type)
            FAIL(c, "block %u passes %%%u for %%%u of another type", from, v, p);
    }
    return true;
}

/** Lists, parameters at the head, one terminator at the end. Fills block_of and place. */
static bool check_list(struct check *c, uint32_t b)
{
    const struct ir_unit *u = c->u;
    uint32_t n = 0;
    ir_ref prev = IR_NONE;

    for (ir_ref r = u->blocks[b].first; r; prev = r, r = ir_at(u, r)->next, n++) {
        if (r >= u->ninsns || c->block_of[r])
            FAIL(c, "block %u: list is broken at %u", b, r);
        const struct ir_insn *i = ir_at(u, r);
        c->block_of[r] = b + 1;
        c->place[r] = n;
        if (i->prev != prev)
            FAIL(c, "%%%u: wrong prev", r);
        if (i->op >= IR_NOPS || i->type >= IR_NTYPES)
            FAIL(c, "%%%u: no such op or type", r);
        if ((i->op == IR_param) != (n < u->blocks[b].nparams) || (i->op == IR_param && i->imm != n))
            FAIL(c, "%%%u: parameter out of place", r);
        if (!!(ir_ops[i->op].flags & IR_ENDS) != (i->next == IR_NONE))
            FAIL(c, "block %u does not end at its only terminator: %%%u %s", b, r, ir_ops[i->op].name);
    }
    if (!prev || u->blocks[b].last != prev)
        FAIL(c, "block %u: wrong last insn", b);
    const struct ir_insn *t = ir_at(u, prev);
    uint64_t to[2] = { t->imm, t->imm };
    if (t->op == IR_br) {
        to[0] &= 0xffff;
        to[1] >>= 16;
    }
    if (t->op == IR_jmp || t->op == IR_br)
        for (unsigned k = 0; k < 2; k++)
            if (to[k] == 0 || to[k] >= u->nblocks)
                FAIL(c, "block %u: jump to block %u", b, (unsigned)to[k]);
    return true;
}

static bool check_blocks(struct check *c)
{
    const struct ir_unit *u = c->u;
    uint32_t succ[2];

    if (u->blocks[0].nparams)
        FAIL(c, "block 0 has parameters");
    for (uint32_t b = 0; b < u->nblocks; b++)
        if (!check_list(c, b))
            return false;
    c->g = ir_cfg_build((struct ir_unit *)u); /* changes nothing of the unit's meaning */
    for (uint32_t k = 0; k < c->g->n; k++) {
        uint32_t b = c->g->order[k];
        c->after_state = false;
        for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next)
            if (!check_insn(c, b, r))
                return false;
        for (unsigned s = ir_succs(u, b, succ); s--; )
            if (!check_edge(c, b, ir_at(u, u->blocks[b].last)->aux + s, succ[s]))
                return false;
    }
    return true;
}

bool ir_verify(const struct ir_unit *u, char *err, size_t err_len)
{
    struct check c = { .u = u, .err = err, .err_len = err_len };

    c.block_of = calloc(u->ninsns, sizeof *c.block_of);
    c.place = calloc(u->ninsns, sizeof *c.place);
    bool ok = c.block_of && c.place ? check_blocks(&c) : fail(&c, "out of memory");
    free(c.block_of);
    free(c.place);
    return ok;
}
