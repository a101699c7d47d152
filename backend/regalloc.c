/* The allocator proper. See regalloc.h for the model. */
#include "backend/regalloc.h"

#include <string.h>

#include "ir/grow.h"

enum { LOOK_AHEAD = 32, KEEP_FREE = 3 };

void ra_init(struct ra *ra, const struct ra_target *target, void *ctx)
{
    memset(ra, 0, sizeof *ra);
    ra->target = target;
    ra->ctx = ctx;
    for (unsigned r = 0; r < GUEST_MAX_REGS; r++)
        if (target->home[r] != RA_NONE) {
            ra->guest_of[target->home[r]] = (uint8_t)r;
            ra->homes |= 1u << target->home[r];
            ra->homed[ra->nhomes++] = (uint8_t)r;
        }
}

/* The only writer of ra->in. */
static void set_in(struct ra *ra, unsigned reg, ir_ref v)
{
    uint32_t bit = 1u << reg;

    ra->in[reg] = v;
    if (!(ra->homes & bit))
        return;
    if (v == ra->entry_val[ra->guest_of[reg]])
        ra->displaced &= ~bit;
    else
        ra->displaced |= bit;
}

void ra_start(struct ra *ra, struct ir_unit *u)
{
    ra->u = u;
    ra->failed = false;
    ra->pinned = ra->temps = 0;
    ra->nwheres = 0;
    ra->slots_ready = false;
    memset(ra->in, 0, sizeof ra->in);
    ra_analyse(ra);
    ra->pos = 0;
    ra->block = 0;
    ra->displaced = ra->homes;
    for (uint32_t k = 0; k < ra->nhomes; k++) {
        ir_ref x = ra->entry_val[ra->homed[k]];
        unsigned h = ra->target->home[ra->homed[k]];

        if (!ra->v[x].end)
            continue;
        ra->v[x].reg = (uint8_t)h;
        ra->in[h] = x;
        ra->displaced &= ~(1u << h);
    }
}

/* ------------------------------------------------------------------ registers */

static enum ra_class class_of(unsigned reg)
{
    return reg < RA_XMM0 ? RA_GPR : RA_XMM;
}

/* Is what `reg` holds not needed any more: before the insn's operands are read, or (result) after? */
static bool vacant(const struct ra *ra, unsigned reg, bool result)
{
    ir_ref x = ra->in[reg];

    return !x || ra->v[x].end < ra->pos || (result && ra->v[x].end == ra->pos);
}

static void forget(struct ra *ra, unsigned reg)
{
    ir_ref x = ra->in[reg];

    if (x && ra->v[x].reg == reg)
        ra->v[x].reg = RA_NONE;
    set_in(ra, reg, 0);
}

static void put_in(struct ra *ra, ir_ref v, unsigned reg)
{
    forget(ra, reg);
    set_in(ra, reg, v);
    ra->v[v].reg = (uint8_t)reg;
}

static void save(struct ra *ra, ir_ref x)
{
    struct ra_val *v = &ra->v[x];

    if (v->in_mem || ra_is_const(ra, x))
        return;
    if (v->slot == RA_NO_SLOT)
        ra_new_slot(ra, x);
    ra->target->store(ra->ctx, v->slot, v->reg, v->bytes);
    v->in_mem = true;
}

/* How soon each register's value is used again: 0 not within the window, else larger is sooner. */
static void look_ahead(const struct ra *ra, uint8_t soon[RA_NREGS], ir_ref from)
{
    ir_ref ops[6];
    unsigned left = LOOK_AHEAD;

    memset(soon, 0, RA_NREGS);
    for (ir_ref r = from; r && left; r = ra->u->insns[r].next, left--)
        for (unsigned k = 0, n = ra_operands(ra, r, ops); k < n; k++) {
            uint8_t reg = ra->v[ops[k]].reg;

            if (reg != RA_NONE && !soon[reg])
                soon[reg] = (uint8_t)left;
        }
}

/* Picks and empties the register whose value is best put away. */
static unsigned evict(struct ra *ra, enum ra_class cls, uint32_t avoid)
{
    uint8_t soon[RA_NREGS];
    unsigned best = RA_NONE, best_cost = ~0u;

    look_ahead(ra, soon, ra->cur);
    for (const uint8_t *p = ra->target->prefer[cls]; *p != RA_NONE; p++) {
        if ((ra->pinned | avoid) >> *p & 1)
            continue;

        ir_ref x = ra->in[*p];
        unsigned cost = soon[*p] * 4u;

        if (!ra->v[x].in_mem && !ra_is_const(ra, x))
            cost += 24;
        if (ra->v[x].needed)
            cost += 8;
        if (cost < best_cost) {
            best = *p;
            best_cost = cost;
        }
    }
    if (best == RA_NONE) {
        ra->failed = true;
        return *ra->target->prefer[cls];
    }
    save(ra, ra->in[best]);
    forget(ra, best);
    return best;
}

static unsigned pick(struct ra *ra, enum ra_class cls, uint32_t avoid, bool result)
{
    uint32_t no = avoid | ra->temps | (result ? 0 : ra->pinned);

    for (const uint8_t *p = ra->target->prefer[cls]; *p != RA_NONE; p++)
        if (!(no >> *p & 1) && vacant(ra, *p, result)) {
            forget(ra, *p);
            return *p;
        }
    return evict(ra, cls, avoid);
}

static bool can_have(const struct ra *ra, unsigned reg, uint32_t avoid, bool result)
{
    uint32_t no = avoid | ra->temps | (result ? 0 : ra->pinned);

    return reg != RA_NONE && !(no >> reg & 1) && vacant(ra, reg, result);
}

/* Brings `v` into `reg`, which is empty. */
static void fetch(struct ra *ra, ir_ref v, unsigned reg)
{
    const struct ra_val *x = &ra->v[v];

    if (x->reg != RA_NONE)
        ra->target->move(ra->ctx, reg, x->reg);
    else if (ra_is_const(ra, v))
        ra->target->constant(ra->ctx, reg, ir_at(ra->u, v));
    else
        ra->target->load(ra->ctx, reg, x->slot, x->bytes);
}

/* ------------------------------------------------------------------ operands and results */

unsigned ra_use(struct ra *ra, ir_ref v)
{
    struct ra_val *x = &ra->v[v];

    if (x->reg == RA_NONE) {
        unsigned reg = can_have(ra, x->hint, 0, false) && class_of(x->hint) == x->cls
                           ? x->hint : pick(ra, x->cls, 0, false);

        fetch(ra, v, reg);
        put_in(ra, v, reg);
    }
    ra->pinned |= 1u << x->reg;
    return x->reg;
}

void ra_take(struct ra *ra, unsigned reg)
{
    ir_ref x = ra->in[reg];

    if (!vacant(ra, reg, false)) {
        uint32_t was = ra->pinned;

        ra->pinned |= 1u << reg;
        unsigned to = pick(ra, class_of(reg), 0, false);
        ra->target->move(ra->ctx, to, reg);
        ra->pinned = was;
        put_in(ra, x, to);
        if (was >> reg & 1)
            ra->pinned |= 1u << to;
    }
    forget(ra, reg);
    ra->pinned |= 1u << reg;
    ra->temps |= 1u << reg;
}

/* Does the insn being emitted name `v` more than once, as operands or in its snapshot? */
static bool named_twice(const struct ra *ra, ir_ref v)
{
    const struct ir_insn *i = ir_at(ra->u, ra->cur);
    const struct ir_snap *s = &ra->u->snaps[i->snap];
    ir_ref ops[6];
    unsigned times = 0;
    uint8_t ext;

    for (unsigned k = 0, n = ra_operands(ra, ra->cur, ops); k < n; k++)
        times += ops[k] == v;
    for (uint32_t k = 0; i->snap && k < s->n; k++)
        times += ra_source(ra, ra->u->snap_vals[s->first + k].val, &ext) == v;
    return times > 1;
}

void ra_use_in(struct ra *ra, ir_ref v, unsigned reg)
{
    struct ra_val *x = &ra->v[v];

    if (x->reg == reg && ra_dies(ra, v) && !named_twice(ra, v)) {
        forget(ra, reg);
        ra->pinned |= 1u << reg;
        ra->temps |= 1u << reg;
        return;
    }
    ra_take(ra, reg);
    fetch(ra, v, reg);
}

bool ra_use_mem(struct ra *ra, ir_ref v, int32_t *off)
{
    const struct ra_val *x = &ra->v[v];

    if (x->reg != RA_NONE || !x->in_mem)
        return false;
    if (!ra_dies(ra, v))
        for (const uint8_t *p = ra->target->prefer[x->cls]; *p != RA_NONE; p++)
            if (!(ra->pinned >> *p & 1) && vacant(ra, *p, false))
                return false;
    *off = x->slot;
    return true;
}

unsigned ra_temp(struct ra *ra, enum ra_class cls, uint32_t avoid)
{
    unsigned reg = pick(ra, cls, avoid, false);

    ra->pinned |= 1u << reg;
    ra->temps |= 1u << reg;
    return reg;
}

unsigned ra_def(struct ra *ra, ir_ref v, unsigned tie, uint32_t avoid)
{
    const struct ra_val *x = &ra->v[v];
    unsigned reg;

    if (can_have(ra, x->hint, avoid, true) && class_of(x->hint) == x->cls)
        reg = x->hint;
    else if (tie != RA_NONE && class_of(tie) == x->cls && can_have(ra, tie, avoid, true))
        reg = tie;
    else
        reg = pick(ra, x->cls, avoid, true);
    put_in(ra, v, reg);
    ra->pinned |= 1u << reg;
    return reg;
}

void ra_def_in(struct ra *ra, ir_ref v, unsigned reg)
{
    put_in(ra, v, reg);
    ra->temps &= ~(1u << reg);
}

/* ------------------------------------------------------------------ blocks */

/* Is `x` a parameter of block `b`? */
static bool is_param_of(const struct ra *ra, ir_ref x, uint32_t b)
{
    uint32_t pos = x < ra->u->ninsns ? ra->u->insns[x].tmp : 0;

    return pos >= ra->block_pos[b] && pos < ra->block_pos[b] + ra->u->blocks[b].nparams;
}

/* How many registers of class `cls` are free at a block's entry; *reg is one of them. */
static unsigned free_regs(const struct ra *ra, const struct ra_entry *e, unsigned cls, unsigned *reg)
{
    unsigned n = 0;

    for (const uint8_t *q = ra->target->prefer[cls]; *q != RA_NONE; q++)
        if (!e->in[*q]) {
            n++;
            *reg = *q;
        }
    return n;
}

/* Gives a parameter a place: its argument's register if that dies on the edge, else a free one while more than
 * `spare` are free, else memory. */
static void place_param(struct ra *ra, struct ra_entry *e, ir_ref p, ir_ref a, uint32_t start, unsigned spare)
{
    struct ra_val *pv = &ra->v[p], *av = &ra->v[a];
    unsigned reg = RA_NONE, nfree = free_regs(ra, e, pv->cls, &reg);

    if (pv->hint != RA_NONE && !e->in[pv->hint])
        reg = pv->hint;
    if (av->reg != RA_NONE && av->cls == pv->cls && !e->in[av->reg] && av->end < start)
        reg = av->reg;
    if (nfree > spare) {
        e->in[reg] = p;
        e->in_mem[reg] = false;
        pv->reg = (uint8_t)reg;
        return;
    }
    pv->reg = RA_NONE;
    if (pv->slot == RA_NO_SLOT)
        ra_new_slot(ra, p);
    pv->in_mem = true;
}

/* Values made before the loop, named in it and only in memory: into registers while some are to spare. */
static void preload(struct ra *ra, struct ra_entry *e, uint32_t to)
{
    for (uint32_t k = 0; k < ra->nloop_uses; k++) {
        ir_ref x = ra->loop_uses[k];
        const struct ra_val *v = &ra->v[x];
        unsigned reg = RA_NONE;

        if (v->reg != RA_NONE || !v->in_mem || v->end < ra->block_pos[to] || is_param_of(ra, x, to) ||
            free_regs(ra, e, v->cls, &reg) <= KEEP_FREE)
            continue;
        e->in[reg] = x;
        e->in_mem[reg] = true;
    }
}

static void loop_use(struct ra *ra, ir_ref x)
{
    struct ra_val *v = &ra->v[x];

    if (v->loop == ra->loop_stamp || ra_is_const(ra, x))
        return;
    v->loop = ra->loop_stamp;
    grow(&ra->loop_uses, &ra->cap_loop_uses, ra->nloop_uses + 1, sizeof *ra->loop_uses);
    ra->loop_uses[ra->nloop_uses++] = x;
}

/* Marks what the loop at block `to` names, and finds the most values made inside that are live at once, by class; those that
 * only snapshots need don't count. */
static void loop_scan(struct ra *ra, uint32_t to, uint32_t most[2])
{
    const struct ir_unit *u = ra->u;
    uint32_t first = ra->block_pos[to], last = first, live[2] = { 0, 0 };
    ir_ref ops[6];

    for (uint32_t l = 0; l < ra->nloops; l++)
        if (ra->loops[l].first == first && ra->loops[l].last > last)
            last = ra->loops[l].last;
    grow(&ra->deaths, &ra->cap_deaths, last - first + 1, sizeof *ra->deaths);
    memset(ra->deaths, 0, (last - first + 1) * sizeof *ra->deaths);
    most[0] = most[1] = 0;
    ra->loop_stamp++;
    ra->nloop_uses = 0;
    for (uint32_t b = to; b < u->nblocks && ra->block_pos[b] <= last; b++)
        for (ir_ref r = u->blocks[b].first; r; r = u->insns[r].next) {
            const struct ra_val *v = &ra->v[r];
            uint32_t at = u->insns[r].tmp - first;

            for (unsigned c = 0; c < 2; c++)
                live[c] -= ra->deaths[at][c];
            if (ra->alias[r] != r || v->fused)
                continue;
            for (unsigned k = 0, n = ra_operands(ra, r, ops); k < n; k++)
                loop_use(ra, ops[k]);
            if (!v->needed || u->insns[r].op == IR_param || v->end > last)
                continue;
            ra->deaths[v->end - first][v->cls]++;
            if (++live[v->cls] > most[v->cls])
                most[v->cls] = live[v->cls];
        }
}

/* What a loop names comes first: other values wait in memory where there are too many, those first that only snapshots
 * need. Returns which classes are short of registers. */
static unsigned make_room(struct ra *ra, struct ra_entry *e, uint32_t to, const uint32_t most[2])
{
    int32_t room[2];
    unsigned any, is_short = 0;

    for (unsigned c = 0; c < 2; c++)
        room[c] = (int32_t)free_regs(ra, e, c, &any) - (int32_t)most[c] - 1;
    for (uint32_t k = 0; k < ra->nloop_uses; k++) {
        const struct ra_val *v = &ra->v[ra->loop_uses[k]];

        if (is_param_of(ra, ra->loop_uses[k], to) || (v->reg == RA_NONE && v->in_mem))
            room[v->cls]--;
    }
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned r = 0; r < RA_NREGS; r++) {
            ir_ref x = e->in[r];
            enum ra_class c = class_of(r);

            if (!x || room[c] >= 0 || (pass == 0 ? ra->v[x].needed : ra->v[x].loop == ra->loop_stamp))
                continue;
            save(ra, x);
            e->in[r] = 0;
            room[c]++;
        }
    for (unsigned c = 0; c < 2; c++)
        is_short |= room[c] < 0 ? 1u << c : 0;
    return is_short;
}

/* In which order parameters get registers: what the loop names; what somebody names; for what only snapshots name memory
 * costs a store an iteration and no load. */
static unsigned param_turn(const struct ra *ra, ir_ref p, bool loop)
{
    const struct ra_val *v = &ra->v[p];

    return !v->needed ? 2 : loop && v->loop != ra->loop_stamp ? 1 : 0;
}

static void fix_entry(struct ra *ra, struct ra_entry *e, const struct ir_edge *edge, uint32_t to)
{
    const struct ir_unit *u = ra->u;
    uint32_t start = ra->block_pos[to], most[2];
    bool loop = u->blocks[to].loop_head;
    unsigned is_short = 0;

    memset(e, 0, sizeof *e);
    e->fixed = true;
    for (unsigned r = 0; r < RA_NREGS; r++)
        if (ra->in[r] && ra->v[ra->in[r]].end >= start) {
            e->in[r] = ra->in[r];
            e->in_mem[r] = ra->v[ra->in[r]].in_mem;
        }
    if (loop) {
        loop_scan(ra, to, most);
        is_short = make_room(ra, e, to, most);
    }
    for (unsigned turn = 0; turn < 3; turn++) {
        ir_ref p = u->blocks[to].first;

        for (uint32_t k = 0; k < edge->n; k++, p = u->insns[p].next) {
            unsigned cls = ra->v[p].cls, spare = turn < 2 ? KEEP_FREE : KEEP_FREE + 2;

            if (ra->v[p].end == 0 || param_turn(ra, p, loop) != turn)
                continue;
            if (turn && (is_short >> cls & 1))
                spare = RA_NREGS;
            else if (loop && turn == 0 && most[cls] + 1 < spare) /* what make_room() has seen to */
                spare = most[cls] + 1;
            place_param(ra, e, p, ra->alias[u->edge_args[edge->first + k]], start, spare);
        }
    }
    if (loop)
        preload(ra, e, to);
}

/* Values that reach block `to`'s parameters later would best be made where the parameter is. */
static void hint_args(struct ra *ra, uint32_t to)
{
    struct ir_unit *u = ra->u;

    for (uint32_t b = to; b < u->nblocks; b++) {
        const struct ir_insn *t = ir_at(u, u->blocks[b].last);

        for (unsigned k = 0; k < (t->op == IR_br ? 2u : t->op == IR_jmp ? 1u : 0u); k++) {
            const struct ir_edge *edge = &u->edges[t->aux + k];
            ir_ref p = u->blocks[to].first;

            if (((uint32_t)(t->imm >> (16 * k)) & 0xffff) != to)
                continue;
            for (uint32_t a = 0; a < edge->n; a++, p = u->insns[p].next)
                if (ra->v[p].reg != RA_NONE)
                    ra->v[ra->alias[u->edge_args[edge->first + a]]].hint = ra->v[p].reg;
        }
    }
}

static void edge_move(struct ra *ra, ir_ref src, unsigned dst, int32_t dst_off, uint8_t bytes)
{
    const struct ra_val *s = &ra->v[src];

    if (dst != RA_NONE ? s->reg == dst : s->in_mem && s->slot == dst_off)
        return;
    if (s->reg == RA_NONE && s->slot == RA_NO_SLOT && !ra_is_const(ra, src))
        return; /* live in layout order only: it has not been made on this path, nobody reads it there */
    ra_move_add(ra, (struct ra_move){ .dst = (uint8_t)dst, .dst_off = dst_off, .src = s->reg,
                                   .src_off = s->slot, .bytes = bytes,
                                   .konst = s->reg == RA_NONE && ra_is_const(ra, src) ? src : 0 });
}

/* Has `x` one value for all of block `to`: made before it, read in it or later? */
static bool lives_into(const struct ra *ra, ir_ref x, uint32_t to)
{
    uint32_t start = ra->block_pos[to], def = x < ra->u->ninsns ? ra->u->insns[x].tmp : 0;

    return def < start && ra->v[x].end >= start;
}

/* On an edge to a block whose entry another edge has fixed: what is in no register there must be in memory. */
static void save_rest(struct ra *ra, const struct ra_entry *e, uint32_t to)
{
    for (unsigned r = 0; r < RA_NREGS; r++) {
        ir_ref x = ra->in[r];
        bool kept = false;

        if (!x || ra->v[x].in_mem || ra->v[x].reg != r || !lives_into(ra, x, to))
            continue;
        for (unsigned k = 0; k < RA_NREGS && !kept; k++)
            kept = e->in[k] == x;
        if (!kept)
            save(ra, x);
    }
}

void ra_edge(struct ra *ra, uint32_t edge_no, uint32_t to)
{
    const struct ir_unit *u = ra->u;
    const struct ir_edge *edge = &u->edges[edge_no];
    struct ra_entry *e = &ra->entries[to];
    bool first = !e->fixed;
    ir_ref p = u->blocks[to].first;

    if (first)
        fix_entry(ra, e, edge, to);
    else
        save_rest(ra, e, to);
    ra->nmoves = 0;
    for (unsigned r = 0; r < RA_NREGS; r++) {
        ir_ref x = e->in[r];

        if (!x || is_param_of(ra, x, to))
            continue;
        if (e->in_mem[r] && !ra->v[x].in_mem && ra->v[x].reg != RA_NONE)
            save(ra, x);
        edge_move(ra, x, r, 0, ra->v[x].bytes);
    }
    for (uint32_t k = 0; k < edge->n; k++, p = u->insns[p].next) {
        ir_ref a = ra->alias[u->edge_args[edge->first + k]];
        unsigned reg = RA_NONE;

        if (!ra->v[p].end)
            continue;
        for (unsigned r = 0; r < RA_NREGS; r++)
            if (e->in[r] == p)
                reg = r;
        edge_move(ra, a, reg, ra->v[p].slot, ra->v[p].bytes);
    }
    ra_moves_emit(ra);
    if (first)
        hint_args(ra, to);
}

void ra_block_begin(struct ra *ra, uint32_t b)
{
    const struct ra_entry *e = &ra->entries[b];

    ra->block = b;
    ra->pinned = ra->temps = 0;
    for (unsigned r = 0; r < RA_NREGS; r++)
        forget(ra, r);
    for (unsigned r = 0; r < RA_NREGS; r++) {
        ir_ref x = e->in[r];

        set_in(ra, r, x);
        if (!x)
            continue;
        ra->v[x].reg = (uint8_t)r;
        ra->v[x].in_mem = e->in_mem[r];
    }
    if (b < 2)
        return;
    /* What is in no register is in memory, whatever a block between here and there thought of it. */
    for (ir_ref x = 1; x < ra->u->ninsns; x++)
        if (ra->v[x].slot != RA_NO_SLOT && ra->v[x].reg == RA_NONE && lives_into(ra, x, b))
            ra->v[x].in_mem = true;
}

void ra_save(const struct ra *ra, struct ra_save *s)
{
    memcpy(s->in, ra->in, sizeof s->in);
    for (unsigned r = 0; r < RA_NREGS; r++)
        s->in_mem[r] = ra->in[r] && ra->v[ra->in[r]].in_mem;
}

void ra_restore(struct ra *ra, const struct ra_save *s)
{
    for (unsigned r = 0; r < RA_NREGS; r++)
        forget(ra, r);
    for (unsigned r = 0; r < RA_NREGS; r++) {
        set_in(ra, r, s->in[r]);
        if (!s->in[r])
            continue;
        ra->v[s->in[r]].reg = (uint8_t)r;
        ra->v[s->in[r]].in_mem = s->in_mem[r];
    }
}

void ra_all_home(struct ra *ra)
{
    for (unsigned g = 0; g < ra->u->guest->nregs; g++)
        if (ra->target->home[g] != RA_NONE)
            put_in(ra, ra->entry_val[g], ra->target->home[g]);
}
