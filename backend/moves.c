/* Moves that happen all at once, at edges and exits, and where an exit finds its values. See regalloc.h. */
#include "backend/regalloc.h"

#include "ir/grow.h"

void ra_move_add(struct ra *ra, struct ra_move m)
{
    grow(&ra->moves, &ra->cap_moves, ra->nmoves + 1, sizeof *ra->moves);
    ra->moves[ra->nmoves++] = m;
}

/* A memory source must be read before the stores if it goes to memory too or if a store overwrites it. */
static bool must_push(const struct ra *ra, const struct ra_move *m)
{
    if (m->src != RA_NONE || m->konst)
        return false;
    if (m->dst == RA_NONE)
        return true;
    for (uint32_t k = 0; k < ra->nmoves; k++)
        if (ra->moves[k].dst == RA_NONE && ra->moves[k].dst_off == m->src_off)
            return true;
    return false;
}

/* Register to register, all at once: first those whose target is no source, then cycles by swaps. */
static void parallel(struct ra *ra)
{
    uint8_t from[RA_NREGS], readers[RA_NREGS] = { 0 };
    uint32_t todo = 0;

    for (uint32_t k = 0; k < ra->nmoves; k++) {
        const struct ra_move *m = &ra->moves[k];

        if (m->dst == RA_NONE || m->src == RA_NONE || m->dst == m->src)
            continue;
        from[m->dst] = m->src;
        readers[m->src]++;
        todo |= 1u << m->dst;
    }
    while (todo) {
        bool moved = false;

        for (uint32_t t = todo; t; t &= t - 1) {
            unsigned d = (unsigned)__builtin_ctz(t);

            if (readers[d])
                continue;
            ra->target->move(ra->ctx, d, from[d]);
            readers[from[d]]--;
            todo &= ~(1u << d);
            moved = true;
        }
        if (moved || !todo)
            continue;
        /* Only cycles are left. After the swap d is right, and who wanted d's old value finds it in s. */
        unsigned d = (unsigned)__builtin_ctz(todo), s = from[d];

        ra->target->swap(ra->ctx, d, s);
        todo &= ~(1u << d);
        readers[s]--;
        for (uint32_t t = todo; t; t &= t - 1) {
            unsigned o = (unsigned)__builtin_ctz(t);

            if (from[o] == d) {
                from[o] = (uint8_t)s;
                readers[d]--;
                readers[s]++;
            }
        }
        if (todo >> s & 1 && from[s] == s) {
            todo &= ~(1u << s);
            readers[s]--;
        }
    }
}

void ra_moves_emit(struct ra *ra)
{
    const struct ra_target *t = ra->target;
    bool any_push = false;

    for (uint32_t k = 0; k < ra->nmoves; k++) {
        struct ra_move *m = &ra->moves[k];

        m->pushed = must_push(ra, m);
        if (m->pushed) {
            t->push(ra->ctx, m->src_off, m->bytes);
            any_push = true;
        }
    }
    for (uint32_t k = 0; k < ra->nmoves; k++) {
        const struct ra_move *m = &ra->moves[k];

        if (m->dst == RA_NONE && m->src != RA_NONE)
            t->store(ra->ctx, m->dst_off, m->src, m->bytes);
        else if (m->dst == RA_NONE && m->konst)
            t->store_const(ra->ctx, m->dst_off, ir_at(ra->u, m->konst), m->bytes);
    }
    parallel(ra);
    for (uint32_t k = 0; k < ra->nmoves; k++) {
        const struct ra_move *m = &ra->moves[k];

        if (m->dst == RA_NONE || m->src != RA_NONE || m->pushed)
            continue;
        if (m->konst)
            t->constant(ra->ctx, m->dst, ir_at(ra->u, m->konst));
        else
            t->load(ra->ctx, m->dst, m->src_off, m->bytes);
    }
    if (any_push)
        for (uint32_t k = ra->nmoves; k-- > 0;)
            if (ra->moves[k].pushed)
                t->pop(ra->ctx, ra->moves[k].dst, ra->moves[k].dst_off, ra->moves[k].bytes);
    ra->nmoves = 0;
}

/* ------------------------------------------------------------------ exits */

/* Room for `n` more entries. */
static void wheres_reserve(struct ra *ra, uint32_t n)
{
    grow(&ra->wheres, &ra->cap_wheres, ra->nwheres + n, sizeof *ra->wheres);
}

static inline void where_add(struct ra *ra, unsigned guest, ir_ref val, uint8_t ext)
{
    const struct ra_val *v = &ra->v[val];

    ra->wheres[ra->nwheres++] = (struct ra_where){
        .guest = (uint16_t)guest, .reg = v->reg, .ext = ext,
        .is_const = v->reg == RA_NONE && ra_is_const(ra, val),
        .off = v->slot, .val = val,
    };
}

uint32_t ra_exit_list(struct ra *ra, uint32_t snap)
{
    const struct ir_snap *s = &ra->u->snaps[snap];
    uint32_t first = ra->nwheres;

    ra->stamp++;
    wheres_reserve(ra, s->n + RA_NREGS);
    for (uint32_t k = 0; k < s->n; k++) {
        const struct ir_snap_val *sv = &ra->u->snap_vals[s->first + k];

        uint8_t ext;
        ir_ref x = ra_source(ra, sv->val, &ext);

        ra->listed[sv->reg] = ra->stamp;
        where_add(ra, sv->reg, x, ext);
    }
    for (uint32_t m = ra->displaced; m; m &= m - 1) {
        unsigned g = ra->guest_of[__builtin_ctz(m)];

        if (ra->listed[g] != ra->stamp)
            where_add(ra, g, ra->entry_val[g], SNAP_PLAIN);
    }
    return first;
}

/* Is what `w` names of the other class than its guest register's home? */
static bool crosses(const struct ra *ra, const struct ra_where *w)
{
    return (w->ext == SNAP_BITS || w->ext == SNAP_BITS32) && ra->target->home[w->guest] != RA_NONE;
}

/* What the moves have left to do: values to be extended, and those of the other class, which are in their slots. */
static void finish_moves(struct ra *ra, uint32_t first, uint32_t n)
{
    for (uint32_t k = first; k < first + n; k++) {
        const struct ra_where *w = &ra->wheres[k];
        uint8_t h = ra->target->home[w->guest];
        int32_t slot = ra_guest_slot(ra, w->guest);

        if (crosses(ra, w))
            ra->target->load(ra->ctx, h, slot, 8);
        if (w->ext)
            ra->target->extend(ra->ctx, h, slot, w->ext);
    }
}

void ra_exit_moves(struct ra *ra, uint32_t first, uint32_t n, unsigned keep_from, unsigned keep_reg)
{
    bool extend = false;

    ra->nmoves = 0;
    for (uint32_t k = first; k < first + n; k++) {
        const struct ra_where *w = &ra->wheres[k];
        uint8_t h = crosses(ra, w) ? RA_NONE : ra->target->home[w->guest];
        int32_t slot = ra_guest_slot(ra, w->guest);

        extend |= w->ext != SNAP_PLAIN;
        if (w->reg != RA_NONE ? w->reg == h : !w->is_const && h == RA_NONE && w->off == slot)
            continue;
        ra_move_add(ra, (struct ra_move){ .dst = h, .dst_off = slot, .src = w->reg, .src_off = w->off,
                                       .konst = w->is_const ? w->val : 0,
                                       .bytes = w->ext ? 8 : ra_guest_bytes(ra, w->guest) });
    }
    if (keep_from != RA_NONE && keep_from != keep_reg)
        ra_move_add(ra, (struct ra_move){ .dst = (uint8_t)keep_reg, .src = (uint8_t)keep_from, .bytes = 8 });
    ra_moves_emit(ra);
    if (extend)
        finish_moves(ra, first, n);
}
