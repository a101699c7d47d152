/* Guest-register elimination: `get` and `put` become values, and every insn that can leave or fault gets a
 * snapshot of the registers that differ from their value at entry.
 *
 * One walk in dominance order carries the current value of each register. IR_NONE there means "as at entry"; the
 * `get` for it is made in block 0 only when somebody reads it. With several blocks, block parameters are
 * first placed where definitions meet: in the iterated dominance frontier of the blocks that put a register (so a
 * register that a loop does not change gets none), for all registers at once as bit sets.
 */
#include <string.h>

#include "frontend/guest.h"
#include "ir/cfg.h"
#include "ir/passes/pass.h"

enum { SET_WORDS = GUEST_MAX_REGS / 64 };

/* A set of guest registers. */
struct regset { uint64_t w[SET_WORDS]; };

static inline void set_add(struct regset *s, unsigned r)
{
    s->w[r / 64] |= (uint64_t)1 << (r % 64);
}

static inline void set_del(struct regset *s, unsigned r)
{
    s->w[r / 64] &= ~((uint64_t)1 << (r % 64));
}

/** Visits each register of set `s` as `r`. */
#define EACH_REG(r, s) \
    for (unsigned w_ = 0, r; w_ < SET_WORDS; w_++) \
        for (uint64_t m_ = (s).w[w_]; m_ && (r = w_ * 64 + (unsigned)__builtin_ctzll(m_), 1); m_ &= m_ - 1)

/* Registers at a point of the program. */
struct state {
    struct regset dirty;         /* differ from their value at entry */
    ir_ref val[GUEST_MAX_REGS];  /* their values, for the dirty ones */
    ir_ref marker;               /* `insn` that we are in */
};

/* What is kept of a block when there are several. */
struct block_state {
    struct regset puts, params;  /* registers put in it; registers that are its parameters */
    uint32_t first_param;        /* its parameters before this pass, then its params in ascending order */
    struct state out;            /* at its end */
};

struct regs {
    struct ir_unit *u;
    struct state now;
    ir_ref entry[GUEST_MAX_REGS]; /* the `get` in block 0, IR_NONE if not made yet */
    ir_ref last_entry;            /* the last of these gets, in list order */
    uint32_t snap_first, snap_n;  /* the last snapshot's values, good while !snap_stale */
    bool snap_stale;
    bool after_state;             /* a STATE helper was called: registers are in their slots */
    struct block_state *blocks;   /* NULL if there is one block */
};

/** The value of register `reg` at entry: a `get` at the head of block 0. `reuse` (may be IR_NONE) is an
 * unlinked `get` of it that can serve. */
static ir_ref entry_value(struct regs *s, unsigned reg, ir_ref reuse)
{
    struct ir_unit *u = s->u;

    if (s->entry[reg])
        return s->entry[reg];
    ir_ref at = s->last_entry ? ir_at(u, s->last_entry)->next : u->blocks[0].first;
    if (reuse)
        ir_link_before(u, 0, at, reuse);
    else
        reuse = ir_insert_before(u, at, IR_get, u->guest->regs[reg].type, reg, IR_NONE, IR_NONE, IR_NONE, 0);
    s->last_entry = reuse;
    return s->entry[reg] = reuse;
}

static ir_ref value_of(struct regs *s, const struct state *st, unsigned reg)
{
    return st->val[reg] ? st->val[reg] : entry_value(s, reg, IR_NONE);
}

static void on_get(struct regs *s, uint32_t b, ir_ref r)
{
    struct ir_unit *u = s->u;
    unsigned reg = ir_at(u, r)->aux;

    if (s->after_state) /* read from the slot, where it stands */
        return;
    if (s->now.val[reg]) {
        ir_forward(u, b, r, s->now.val[reg]);
    } else if (s->entry[reg]) {
        ir_forward(u, b, r, s->entry[reg]);
    } else {
        ir_unlink(u, b, r);
        entry_value(s, reg, r);
    }
}

static void on_put(struct regs *s, uint32_t b, ir_ref r)
{
    struct ir_insn *i = ir_at(s->u, r);
    unsigned reg = i->aux;
    ir_ref val = i->arg[0];

    if (s->after_state) /* written to the slot, where it stands */
        return;
    if (val == s->entry[reg]) {
        s->now.val[reg] = IR_NONE;
        set_del(&s->now.dirty, reg);
    } else {
        s->now.val[reg] = val;
        set_add(&s->now.dirty, reg);
    }
    s->snap_stale = true;
    ir_unlink(s->u, b, r);
    i->op = IR_nop;
    i->arg[0] = IR_NONE;
}

/** Gives insn `r` its snapshot; neighbours with the same state share the list of values. */
static void add_snap(struct regs *s, ir_ref r)
{
    struct ir_unit *u = s->u;
    gaddr pc = ir_leave_pc(u, r, s->now.marker);

    if (s->snap_stale) {
        struct ir_snap_val vals[GUEST_MAX_REGS];
        uint32_t n = 0;
        EACH_REG(reg, s->now.dirty)
            vals[n++] = (struct ir_snap_val){ reg, s->now.val[reg] };
        s->snap_first = u->nsnap_vals;
        s->snap_n = n;
        s->snap_stale = false;
        ir_at(u, r)->snap = ir_snap_new(u, pc, vals, n);
    } else {
        ir_at(u, r)->snap = ir_snap_share(u, pc, s->snap_first, s->snap_n);
    }
}

/** A helper that works on cpu->regs: everything is put home before it, nothing is known after it. */
static void on_state_call(struct regs *s, ir_ref r)
{
    EACH_REG(reg, s->now.dirty) {
        ir_insert_before(s->u, r, IR_put, IR_VOID, reg, s->now.val[reg], IR_NONE, IR_NONE, 0);
        s->now.val[reg] = IR_NONE;
    }
    s->now.dirty = (struct regset){ 0 };
    s->snap_stale = true;
    s->after_state = true;
}

static void on_call(struct regs *s, ir_ref r)
{
    const struct guest *g = s->u->guest;
    unsigned flags = g->helpers[ir_at(s->u, r)->aux].flags;

    if (flags & (GUEST_HELPER_MEM | GUEST_HELPER_STATE))
        add_snap(s, r);
    if (flags & GUEST_HELPER_STATE)
        on_state_call(s, r);
}

static void do_block(struct regs *s, uint32_t b)
{
    struct ir_unit *u = s->u;

    s->snap_stale = true;
    for (ir_ref r = u->blocks[b].first, next; r; r = next) {
        struct ir_insn *i = ir_at(u, r);
        next = i->next;
        if (i->op == IR_insn) {
            s->now.marker = r;
            if (u->bare)
                ir_unlink(u, b, r);
            continue;
        }
        pass_resolve_args(u, r);
        switch (i->op) {
        case IR_get: on_get(s, b, r); break;
        case IR_put: on_put(s, b, r); break;
        case IR_call: case IR_callv: on_call(s, r); break;
        default:
            if (ir_ops[i->op].flags & (IR_FAULTS | IR_LEAVES))
                add_snap(s, r);
        }
    }
}

/* --- several blocks ------------------------------------------------------------------------------- */

static void find_puts(struct regs *s, const struct ir_cfg *g)
{
    for (uint32_t k = 0; k < g->n; k++) {
        struct block_state *bs = &s->blocks[g->order[k]];
        bs->puts = bs->params = (struct regset){ 0 };
        for (ir_ref r = s->u->blocks[g->order[k]].first; r; r = ir_at(s->u, r)->next)
            if (ir_at(s->u, r)->op == IR_put)
                set_add(&bs->puts, ir_at(s->u, r)->aux);
    }
}

/** Places parameters: block b needs one for a register that is put (or is a parameter) in a block between b's
 * immediate dominator and one of its predecessors, that predecessor included. */
static void find_params(struct regs *s, const struct ir_cfg *g)
{
    for (bool changed = true; changed; ) {
        changed = false;
        for (uint32_t k = 1; k < g->n; k++) {
            uint32_t b = g->order[k];
            struct regset need = s->blocks[b].params;
            for (uint32_t e = g->pred_first[b]; e < g->pred_first[b + 1]; e++)
                for (uint32_t p = g->preds[e]; p != g->idom[b]; p = g->idom[p])
                    for (unsigned w = 0; w < SET_WORDS; w++)
                        need.w[w] |= s->blocks[p].puts.w[w] | s->blocks[p].params.w[w];
            if (memcmp(&need, &s->blocks[b].params, sizeof need) != 0) {
                s->blocks[b].params = need;
                changed = true;
            }
        }
    }
}

/** The state at the start of block `b`: its immediate dominator's at its end, with b's parameters instead. */
static void enter_block(struct regs *s, const struct ir_cfg *g, uint32_t b)
{
    struct block_state *bs = &s->blocks[b];

    bs->first_param = s->u->blocks[b].nparams;
    if (b == 0)
        return;
    s->now = s->blocks[g->idom[b]].out;
    EACH_REG(reg, bs->params) {
        s->now.val[reg] = ir_param(s->u, b, s->u->guest->regs[reg].type);
        set_add(&s->now.dirty, reg);
    }
}

/** Edge list `edge` from block `from` with the values of `to`'s new parameters added; returns its number. */
static uint32_t extend_edge(struct regs *s, uint32_t edge, uint32_t from, uint32_t to)
{
    struct ir_unit *u = s->u;
    uint32_t first = u->nedge_args, n = u->edges[edge].n;
    uint32_t out = ir_edge_new(u, NULL, 0);

    for (uint32_t k = 0; k < n; k++) {
        ir_ref v = ir_val(u, u->edge_args[u->edges[edge].first + k]);
        ir_edge_arg(u, v);
    }
    EACH_REG(reg, s->blocks[to].params)
        ir_edge_arg(u, value_of(s, &s->blocks[from].out, reg));
    u->edges[out] = (struct ir_edge){ first, u->nedge_args - first };
    return out;
}

static void extend_edges(struct regs *s, uint32_t b)
{
    struct ir_unit *u = s->u;
    ir_ref last = u->blocks[b].last;
    uint32_t succ[2];
    unsigned n = ir_succs(u, b, succ);

    if (!n)
        return;
    uint32_t old = ir_at(u, last)->aux;
    uint32_t edge = extend_edge(s, old, b, succ[0]);
    if (n == 2)
        extend_edge(s, old + 1, b, succ[1]);
    ir_at(u, last)->aux = (uint16_t)edge;
}

static void do_blocks(struct regs *s)
{
    ir_cfg_prune(s->u);
    const struct ir_cfg *g = s->u->cfg;

    s->blocks = ir_scratch(s->u, s->u->nblocks * sizeof *s->blocks);
    find_puts(s, g);
    find_params(s, g);
    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t b = g->order[k];
        enter_block(s, g, b);
        do_block(s, b);
        s->blocks[b].out = s->now;
        s->after_state = false;
    }
    for (uint32_t k = 0; k < g->n; k++)
        extend_edges(s, g->order[k]);
}

void pass_regs(struct ir_unit *u)
{
    struct regs s;

    if (u->regs_done)
        return;
    memset(&s, 0, sizeof s);
    s.u = u;
    if (u->nblocks == 1)
        do_block(&s, 0);
    else
        do_blocks(&s);
    u->regs_done = true;
}
