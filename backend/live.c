/* Liveness and what makes no code of its own: the walk before allocation. See regalloc.h. */
#include "backend/regalloc.h"

#include <string.h>

#include "ir/grow.h"

/* ------------------------------------------------------------------ capacity */

static void reserve(struct ra *ra)
{
    const struct ir_unit *u = ra->u;
    uint32_t values = u->ninsns + ra->nhomes;

    grow(&ra->v, &ra->cap_v, values, sizeof *ra->v);
    grow(&ra->alias, &ra->cap_alias, values, sizeof *ra->alias);
    grow(&ra->block_pos, &ra->cap_block_pos, u->nblocks + 1, sizeof *ra->block_pos);
    grow(&ra->entries, &ra->cap_entries, u->nblocks + 1, sizeof *ra->entries);
    for (uint32_t b = 0; b < u->nblocks; b++)
        ra->entries[b].fixed = false;
}

/* ------------------------------------------------------------------ aliases */

/* Ops of type i32 whose code is a 32-bit instruction, which clears the upper half of its register. */
static bool clears_upper(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_add: case IR_sub: case IR_mul: case IR_and: case IR_or: case IR_xor: case IR_andn:
    case IR_shl: case IR_shr: case IR_sar: case IR_rotr: case IR_clz: case IR_ctz: case IR_popcnt:
    case IR_bswap:
        return i->type == IR_I32;
    case IR_load:
        return i->type == IR_I32 || (i->type < IR_I32 && !(i->aux & IR_MEM_SX));
    default:
        return false;
    }
}

static bool is_fp(unsigned type)
{
    return type == IR_F32 || type == IR_F64;
}

/* Does insn `r` leave zeros above the float that it makes? Scalar instructions of SSE take what is above from an operand, and the
 * emitter lets that be a clean one where it has the choice (emit_fp.c). Parameters: as found so far, see number(). */
static bool makes_clean(const struct ra *ra, ir_ref r)
{
    const struct ir_insn *i = ir_at(ra->u, r);

    switch (i->op) {
    case IR_load: case IR_const:
        return true;
    case IR_bitcast:
        return !is_fp(ir_at(ra->u, i->arg[0])->type);
    case IR_fadd: case IR_fmul:
        return ra_clean(ra, i->arg[0]) || ra_clean(ra, i->arg[1]);
    case IR_fsub: case IR_fdiv: case IR_fsqrt: case IR_fneg: case IR_fabs: case IR_fcvt:
        return ra_clean(ra, i->arg[0]);
    case IR_fma:
        return ra_clean(ra, i->arg[2]) || ((i->aux & (IR_FP_ARM | IR_FP_CANON)) == IR_FP_ARM &&
                                           (ra_clean(ra, i->arg[0]) || ra_clean(ra, i->arg[1])));
    case IR_fcvt_is: case IR_fcvt_iu:
        return !i->imm;
    default:
        return false;
    }
}

/* The value whose register serves as this one's too, or the insn itself. Upper bits of values narrower
 * than 64 bits are anything; an i1 is 0 or 1 in the whole register. */
static ir_ref alias_of(const struct ra *ra, ir_ref r)
{
    const struct ir_insn *i = ir_at(ra->u, r);
    const struct ir_insn *src = ir_at(ra->u, i->arg[0]);

    switch (i->op) {
    case IR_copy:
        return ra->alias[i->arg[0]];
    case IR_trunc:
        return i->type == IR_I1 ? r : ra->alias[i->arg[0]];
    case IR_zext:
        if (src->type == IR_I1 || (ra->alias[i->arg[0]] == i->arg[0] && clears_upper(src)))
            return ra->alias[i->arg[0]];
        return r;
    case IR_vget:
        return is_fp(i->type) && i->imm == 0 ? ra->alias[i->arg[0]] : r;
    case IR_vzext:
        return is_fp(src->type) && ra_clean(ra, i->arg[0]) ? ra->alias[i->arg[0]] : r;
    default:
        return r;
    }
}

/* Fresh values by type. */
#define FRESH(c, n) { .slot = RA_NO_SLOT, .reg = RA_NONE, .hint = RA_NONE, .cls = (c), .bytes = (n), .guest = RA_NONE }
static const struct ra_val fresh[IR_NTYPES] = {
    [IR_VOID] = FRESH(RA_GPR, 8), [IR_I1] = FRESH(RA_GPR, 8), [IR_I8] = FRESH(RA_GPR, 8),
    [IR_I16] = FRESH(RA_GPR, 8), [IR_I32] = FRESH(RA_GPR, 8), [IR_I64] = FRESH(RA_GPR, 8),
    [IR_F32] = FRESH(RA_XMM, 8), [IR_F64] = FRESH(RA_XMM, 8), [IR_V128] = FRESH(RA_XMM, 16),
};
#undef FRESH

static const bool may_extend[IR_NOPS] = {
    [IR_sext] = true, [IR_nanbox] = true, [IR_vzext] = true, [IR_bitcast] = true,
};

/* How insn `i` extends its operand, if that is what it does. */
static enum snap_ext extends(const struct ra *ra, const struct ir_insn *i)
{
    const struct ir_insn *a = ir_at(ra->u, i->arg[0]);

    switch (i->op) {
    case IR_sext:
        return i->type == IR_I64 && a->type == IR_I32 ? SNAP_SX32 : SNAP_PLAIN;
    case IR_nanbox:
        return SNAP_BOX32;
    case IR_vzext:
        return a->type == IR_F32 ? SNAP_ZX32 : a->type == IR_F64 ? SNAP_ZX64 : SNAP_PLAIN;
    case IR_bitcast:
        return i->type != IR_I64 ? SNAP_PLAIN : a->type == IR_F64 ? SNAP_BITS : a->type == IR_F32 ? SNAP_BITS32 : SNAP_PLAIN;
    default:
        return SNAP_PLAIN;
    }
}

/* ------------------------------------------------------------------ numbering */

/* A back edge to block `to` at position `last` closes a loop: all that lies between, in layout order. */
static void note_loop(struct ra *ra, uint32_t to, uint32_t last)
{
    grow(&ra->loops, &ra->cap_loops, ra->nloops + 1, sizeof *ra->loops);
    ra->loops[ra->nloops++] = (struct ra_loop){ ra->block_pos[to], last };
}

static void note_loops(struct ra *ra, const struct ir_insn *i, uint32_t b)
{
    uint32_t to[2] = { (uint32_t)i->imm & 0xffff, (uint32_t)(i->imm >> 16) & 0xffff };
    unsigned n = i->op == IR_jmp ? 1 : 2;

    for (unsigned k = 0; k < n; k++)
        if (to[k] <= b)
            note_loop(ra, to[k], i->tmp);
}

/* What every unit starts with. */
static void make_ghosts(struct ra *ra)
{
    for (uint32_t k = 0; k < ra->nhomes; k++) {
        ra->ghosts[k] = fresh[ra->u->guest->regs[ra->homed[k]].type];
        ra->ghosts[k].slot = ra_guest_slot(ra, ra->homed[k]);
    }
    ra->ghosts_made = true;
}

/* A register's value at entry: with a home it replaces the ghost; without, it is in its slot. */
static void note_get(struct ra *ra, ir_ref r, const struct ir_insn *i)
{
    ra->entry_val[i->aux] = r;
    ra->v[r].slot = ra_guest_slot(ra, i->aux);
    if (ra->target->home[i->aux] != RA_NONE)
        return;
    ra->v[r].in_mem = true;
    ra->unhomed[ra->nunhomed++] = (uint8_t)i->aux;
}

static void note_alias(struct ra *ra, ir_ref r)
{
    ir_ref rep = alias_of(ra, r);

    ra->alias[r] = rep;
    if (ra->v[rep].bytes < ra->v[r].bytes) /* a float that is a vector, too */
        ra->v[rep].bytes = ra->v[r].bytes;
}

/* Fresh values. Of an FP parameter clean is supposed, unless an edge has shown that it isn't. */
static void reset_values(struct ra *ra, bool again)
{
    const struct ir_unit *u = ra->u;
    const struct ir_insn *insns = u->insns;
    struct ra_val *v = ra->v;
    ir_ref *alias = ra->alias;
    uint32_t n = u->ninsns;
    bool params = u->nblocks > 1;

    for (uint32_t r = 0; r < n; r++) {
        bool clean = params && insns[r].op == IR_param && is_fp(insns[r].type) && (!again || v[r].clean);

        alias[r] = r;
        v[r] = fresh[insns[r].type];
        if (params && clean)
            v[r].clean = true;
    }
}

/* What registers with a home hold at entry, as far as the unit does not `get` them. */
static void reset_ghosts(struct ra *ra)
{
    uint32_t n = ra->u->ninsns;

    if (!ra->ghosts_made)
        make_ghosts(ra);
    memcpy(&ra->v[n], ra->ghosts, ra->nhomes * sizeof *ra->ghosts);
    for (uint32_t k = 0; k < ra->nhomes; k++) {
        ra->alias[n + k] = n + k;
        ra->entry_val[ra->homed[k]] = n + k;
    }
    ra->nunhomed = 0;
}

/* Takes back what was supposed wrongly of a parameter; true if something was. */
static bool unclean_params(struct ra *ra)
{
    const struct ir_unit *u = ra->u;
    bool any = false;

    for (uint32_t b = 0; b < u->nblocks; b++) {
        const struct ir_insn *i = ir_at(u, u->blocks[b].last);

        for (unsigned k = 0; k < (i->op == IR_br ? 2u : i->op == IR_jmp ? 1u : 0u); k++) {
            const struct ir_edge *e = &u->edges[i->aux + k];
            ir_ref p = u->blocks[i->imm >> 16 * k & 0xffff].first;

            for (uint32_t a = 0; a < e->n; a++, p = u->insns[p].next)
                if (ra->v[p].clean && !ra_clean(ra, u->edge_args[e->first + a])) {
                    ra->v[p].clean = false;
                    any = true;
                }
        }
    }
    return any;
}

/* Ops at which numbering has more to do than to number: those that alias_of() knows, and four others. */
static const bool special[IR_NOPS] = {
    [IR_copy] = true, [IR_trunc] = true, [IR_zext] = true, [IR_vget] = true, [IR_vzext] = true,
    [IR_get] = true, [IR_put] = true, [IR_jmp] = true, [IR_br] = true,
};

static void number_special(struct ra *ra, ir_ref r, uint32_t b)
{
    const struct ir_insn *i = ir_at(ra->u, r);

    switch (i->op) {
    case IR_get:
        if (b == 0)
            note_get(ra, r, i);
        break;
    case IR_put:
        ra->slots_written = true;
        break;
    case IR_jmp: case IR_br:
        note_loops(ra, i, b);
        break;
    default:
        note_alias(ra, r);
    }
}

static void number(struct ra *ra, bool again)
{
    struct ir_unit *u = ra->u;
    uint32_t pos = 1;

    ra->nloops = 0;
    ra->slots_written = false;
    reset_values(ra, again);
    reset_ghosts(ra);
    for (uint32_t b = 0; b < u->nblocks; b++) {
        ra->block_pos[b] = pos;
        for (ir_ref r = u->blocks[b].first; r; r = u->insns[r].next) {
            struct ir_insn *i = ir_at(u, r);

            i->tmp = pos++;
            if (special[i->op])
                number_special(ra, r, b);
            if (is_fp(i->type) && i->op != IR_param)
                ra->v[r].clean = makes_clean(ra, r);
        }
    }
    ra->block_pos[u->nblocks] = pos;
}

/* ------------------------------------------------------------------ last uses */

/* The loops come in the order of their ends: one walk follows those that overlap, too. */
uint32_t ra_reach(const struct ra *ra, uint32_t def, uint32_t pos)
{
    for (const struct ra_loop *l = ra->loops; l < ra->loops + ra->nloops; l++)
        if (def < l->first && l->first <= pos && pos < l->last)
            pos = l->last;
    return pos;
}

static void note_use(struct ra *ra, ir_ref v, uint32_t pos)
{
    if (ra->nloops)
        pos = ra_reach(ra, v < ra->u->ninsns ? ra->u->insns[v].tmp : 0, pos);
    if (ra->v[v].end < pos)
        ra->v[v].end = pos;
}

/* May this comparison be made by its only user, so that it lives in the flags alone? One that touches the FP
 * environment only if nothing stands between. */
static bool fuses(const struct ra *ra, ir_ref r)
{
    const struct ir_insn *i = ir_at(ra->u, r);
    const struct ra_val *v = &ra->v[r];

    if (i->type != IR_I1 || v->nuses != 1 ||
        !((i->op >= IR_cmpeq && i->op <= IR_cmpleu) || (i->op >= IR_fcmpeq && i->op <= IR_fcmpun)))
        return false;

    const struct ir_insn *user = ir_at(ra->u, v->user);

    if (user->tmp <= i->tmp || user->arg[0] != r)
        return false;
    for (uint32_t b = 0; b < ra->u->nblocks; b++)
        if (ra->block_pos[b] > i->tmp && ra->block_pos[b] <= user->tmp)
            return false;
    if (ir_ops[i->op].flags & IR_FPENV)
        for (ir_ref k = i->next; k != v->user; k = ir_at(ra->u, k)->next)
            if (!(ir_ops[ir_at(ra->u, k)->op].flags & IR_PURE) && ir_at(ra->u, k)->op != IR_insn)
                return false;
    return user->op == IR_exit_if || user->op == IR_trap_if || user->op == IR_fpflags_set_if || user->op == IR_br ||
           (user->op == IR_select && user->type != IR_F32 && user->type != IR_F64);
}

unsigned ra_operands(const struct ra *ra, ir_ref r, ir_ref out[6])
{
    const struct ir_insn *i = ir_at(ra->u, r);
    unsigned n = 0;

    for (unsigned k = 0; k < 3; k++) {
        if (!i->arg[k])
            continue;

        ir_ref a = ra->alias[i->arg[k]];

        if (ra->v[a].fused) {
            const struct ir_insn *c = ir_at(ra->u, a);

            out[n++] = ra->alias[c->arg[0]];
            out[n++] = ra->alias[c->arg[1]];
        } else {
            out[n++] = a;
        }
    }
    return n;
}

/* Who names a comparison, as far as fusing needs to know. Snapshots and edges hold registers' values, never an
 * i1: what widens one for them is a user of its own. */
static void count_use(struct ra *ra, ir_ref r, ir_ref user)
{
    struct ra_val *v = &ra->v[ra->alias[r]];

    v->named = true;
    if (ir_at(ra->u, r)->type != IR_I1)
        return;
    v->nuses++;
    v->user = user;
}

static void operand_use(struct ra *ra, ir_ref r, uint32_t pos)
{
    note_use(ra, r, pos);
    ra->v[r].needed = true;
}

static void operand_uses(struct ra *ra, const struct ir_insn *i, ir_ref r)
{
    const struct ir_insn *insns = ra->u->insns;
    const ir_ref *alias = ra->alias;
    struct ra_val *vals = ra->v;
    uint32_t pos = i->tmp;

    for (unsigned k = 0; k < 3; k++) { /* without asking whether there are so many: value 0 is nobody's */
        struct ra_val *v = &vals[alias[i->arg[k]]];

        v->named = v->needed = true;
        if (ra->nloops)
            note_use(ra, alias[i->arg[k]], pos);
        else
            v->end = v->end < pos ? pos : v->end;
        if (insns[i->arg[k]].type == IR_I1) {
            v->nuses++;
            v->user = r;
        }
    }
}

static void edge_uses(struct ra *ra, const struct ir_insn *i)
{
    const struct ir_unit *u = ra->u;

    for (unsigned k = 0; k < (i->op == IR_jmp ? 1u : 2u); k++) {
        const struct ir_edge *e = &u->edges[i->aux + k];

        for (uint32_t a = 0; a < e->n; a++) {
            ir_ref x = ra->alias[u->edge_args[e->first + a]];

            operand_use(ra, x, i->tmp);
            ra->v[x].named = true;
        }
    }
}

/* A backward walk's state. */
struct ends {
    uint32_t todo;             /* homes whose registers some later snapshot need not find as they were at entry */
    uint32_t first, n;         /* the values of the snapshot that was seen last, none: UINT32_MAX */
};

/* What a snapshot names. Of several registers that a value becomes, and several snapshots, the last one decides where it would
 * best be. A register with a home that a snapshot does not list must still be found as it was at entry. Outside of loops a
 * snapshot that shares its list with the next one has nothing new. */
static void snapshot_uses(struct ra *ra, const struct ir_insn *i, struct ends *ends)
{
    const struct ir_unit *u = ra->u;
    const struct ir_snap *s = &u->snaps[i->snap];
    const struct ir_snap_val *vals = &u->snap_vals[s->first];
    const uint8_t *home = ra->target->home;
    const ir_ref *alias = ra->alias;
    uint32_t listed = 0, pos = i->tmp;
    bool loops = ra->nloops != 0;

    if (s->first == ends->first && s->n == ends->n && !loops)
        return;
    ends->first = s->first;
    ends->n = s->n;
    for (uint32_t k = s->n; k-- > 0;) {
        const struct ir_snap_val *sv = &vals[k];
        ir_ref x = alias[sv->val];
        struct ra_val *v = &ra->v[x];
        uint8_t h = home[sv->reg];
        bool homed = h != RA_NONE;
        bool hints = homed & (v->hint == RA_NONE) & ((h >= RA_XMM0) == (v->cls == RA_XMM));

        if (loops)
            note_use(ra, x, pos);
        else
            v->end = v->end < pos ? pos : v->end;
        v->guest = v->guest == RA_NONE ? (uint8_t)sv->reg : v->guest;
        v->hint = hints ? h : v->hint;
        listed |= (uint32_t)homed << (h & 31);
    }
    for (uint32_t m = ends->todo & ~listed; m; m &= m - 1)
        note_use(ra, ra->entry_val[ra->guest_of[__builtin_ctz(m)]], pos);
    ends->todo &= listed;
}

/* Only snapshots name `r`, and it extends another value: they name that instead. */
static bool becomes_lazy(struct ra *ra, ir_ref r)
{
    const struct ir_insn *i = ir_at(ra->u, r);
    struct ra_val *v = &ra->v[r], *of = &ra->v[ra->alias[i->arg[0]]];

    if (v->named || ir_is_const(ra->u, ra->alias[i->arg[0]]) || !(v->lazy = extends(ra, i)))
        return false;
    if (v->end)
        note_use(ra, ra->alias[i->arg[0]], v->end);
    if (of->hint == RA_NONE && of->cls == v->cls)
        of->hint = v->hint;
    v->end = 0;
    return true;
}

/* The comparison `r` is made by its only user, so its operands are needed there. */
static void becomes_fused(struct ra *ra, ir_ref r)
{
    const struct ir_insn *i = ir_at(ra->u, r);
    struct ra_val *v = &ra->v[r];
    uint32_t pos = ir_at(ra->u, v->user)->tmp;

    v->fused = true;
    v->needed = false;
    v->end = 0;
    operand_use(ra, ra->alias[i->arg[0]], pos);
    operand_use(ra, ra->alias[i->arg[1]], pos);
}

/* True if insn `r` makes no code of its own. */
static bool makes_no_code(struct ra *ra, ir_ref r, const struct ir_insn *i)
{
    bool none = ra->alias[r] != r || (may_extend[i->op] && becomes_lazy(ra, r));

    if (!none && !(i->type == IR_I1 && fuses(ra, r)))
        return false;
    for (unsigned k = 0; k < 3; k++)
        if (i->arg[k])
            count_use(ra, i->arg[k], r);
    if (!none)
        becomes_fused(ra, r);
    return true;
}

/* Against the order of the insns: who names a value is known when it is reached. */
static void find_ends(struct ra *ra)
{
    struct ir_unit *u = ra->u;
    struct ends ends = { ra->homes, UINT32_MAX, 0 };

    for (uint32_t b = u->nblocks; b-- > 0;)
        for (ir_ref r = u->blocks[b].last; r; r = u->insns[r].prev) {
            const struct ir_insn *i = ir_at(u, r);

            if (makes_no_code(ra, r, i))
                continue;
            operand_uses(ra, i, r);
            if (i->op == IR_jmp || i->op == IR_br)
                edge_uses(ra, i);
            if (i->snap)
                snapshot_uses(ra, i, &ends);
        }
}

void ra_analyse(struct ra *ra)
{
    reserve(ra);
    number(ra, false);
    while (ra->u->nblocks > 1 && unclean_params(ra))
        number(ra, true);
    find_ends(ra);
}
