/* Writing the snapshot log: backend/snapshot.h has the format. */
#include <stdlib.h>
#include <string.h>

#include "backend/x86/emit.h"

void snaplog_init(struct x86_emit *e)
{
    for (unsigned r = 0; r < GUEST_MAX_REGS; r++)
        e->last[r].where = 0xff; /* at its entry place */
}

void snaplog_reset(struct x86_emit *e)
{
    for (uint32_t k = 0; k < e->nmoved; k++)
        e->last[e->moved[k]].where = 0xff;
    e->nmoved = 0;
}

static void *append(struct x86_emit *e, size_t size)
{
    grow(&e->snap_data, &e->cap_snap, e->snap_size + (uint32_t)size, 1);
    e->snap_size += (uint32_t)size;
    return e->snap_data + e->snap_size - size;
}

static void append_loc(struct x86_emit *e, unsigned reg, const struct snap_state *s)
{
    struct snap_loc loc = { .reg = (uint8_t)reg, .ext = s->ext, .where = s->where, .n = s->n,
                            .val = (int32_t)s->val };

    memcpy(append(e, sizeof loc), &loc, sizeof loc);
    if (s->where == SNAP_CONST64)
        memcpy(append(e, 8), &s->val, 8);
}

static struct snap_state state_of(const struct x86_emit *e, const struct ra_where *w)
{
    const struct ir_insn *k = ir_at(e->u, w->val);

    if (w->reg != RA_NONE)
        return (struct snap_state){ w->reg < RA_XMM0 ? SNAP_GPR : SNAP_XMM, w->reg & 15, w->ext, 0 };
    if (!w->is_const)
        return (struct snap_state){ SNAP_SPILL, 0, w->ext, w->off };
    if ((k->aux & 1) && (int64_t)(k->imm - (int64_t)e->u->pc) == (int32_t)(k->imm - (int64_t)e->u->pc))
        return (struct snap_state){ SNAP_PCREL, 0, SNAP_PLAIN, k->imm - (int64_t)e->u->pc };
    if (k->imm == (int32_t)k->imm)
        return (struct snap_state){ SNAP_CONST, 0, SNAP_PLAIN, k->imm };
    return (struct snap_state){ SNAP_CONST64, 0, SNAP_PLAIN, k->imm };
}

static struct snap_state entry_place(const struct x86_emit *e, unsigned reg)
{
    uint8_t h = e->ra.target->home[reg];

    if (h == RA_NONE)
        return (struct snap_state){ SNAP_SPILL, 0, SNAP_PLAIN,
                                    (int64_t)offsetof(struct cpu, regs) + e->u->guest->regs[reg].off };
    return (struct snap_state){ h < RA_XMM0 ? SNAP_GPR : SNAP_XMM, h & 15, SNAP_PLAIN, 0 };
}

static bool same(const struct snap_state *a, const struct snap_state *b)
{
    return a->where == b->where && a->n == b->n && a->ext == b->ext && a->val == b->val;
}

static void append_home(struct x86_emit *e, unsigned reg)
{
    struct snap_state s = entry_place(e, reg);

    append_loc(e, reg, &s);
    e->last[reg].where = 0xff;
}

static uint32_t record_begin(struct x86_emit *e)
{
    uint32_t at = e->snap_size;

    append(e, sizeof(struct snap_head));
    return at;
}

/* Fills in the head of the record at `at`, which is complete. */
static void record_end(struct x86_emit *e, uint32_t at, uint32_t snap)
{
    struct snap_head head = { .pc = (int32_t)(e->u->snaps[snap].pc - e->u->pc) };

    head.n = (uint16_t)((e->snap_size - at - sizeof head) / sizeof(struct snap_loc));
    memcpy(e->snap_data + at, &head, sizeof head);
}

uint32_t snaplog_add_home(struct x86_emit *e, uint32_t snap)
{
    uint32_t at = record_begin(e);

    for (uint32_t k = 0; k < e->nmoved; k++)
        append_home(e, e->moved[k]);
    e->nmoved = 0;
    record_end(e, at, snap);
    return at;
}

uint32_t snaplog_add(struct x86_emit *e, uint32_t snap)
{
    uint32_t first = ra_exit_list(&e->ra, snap), at = record_begin(e), kept = 0;

    /* Registers the log has elsewhere that are back at their entry place. */
    for (uint32_t k = 0; k < e->nmoved; k++) {
        unsigned reg = e->moved[k];

        if (e->ra.listed[reg] == e->ra.stamp) {
            e->moved[kept++] = (uint8_t)reg;
            continue;
        }
        bool displaced = false;

        for (uint32_t w = first; w < e->ra.nwheres; w++)
            displaced |= e->ra.wheres[w].guest == reg;
        if (displaced) {
            e->moved[kept++] = (uint8_t)reg;
            continue;
        }
        append_home(e, reg);
    }
    e->nmoved = kept;
    for (uint32_t w = first; w < e->ra.nwheres; w++) {
        unsigned reg = e->ra.wheres[w].guest;
        struct snap_state s = state_of(e, &e->ra.wheres[w]);

        if (same(&s, &e->last[reg]))
            continue;
        if (e->last[reg].where == 0xff)
            e->moved[e->nmoved++] = (uint8_t)reg;
        append_loc(e, reg, &s);
        e->last[reg] = s;
    }
    record_end(e, at, snap);
    e->ra.nwheres = first;
    return at;
}
