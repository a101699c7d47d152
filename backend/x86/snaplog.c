/* Writing the snapshot log: backend/snapshot.h has the format. */
#include <stdlib.h>
#include <string.h>

#include "backend/x86/emit.h"

/* A struct snap_loc without its register, as one number: places are compared all the time. */
#define AT_HOME UINT64_MAX
static inline uint64_t place(unsigned where, unsigned n, unsigned ext, int32_t val)
{
    return (uint64_t)ext << 8 | (uint64_t)where << 16 | (uint64_t)n << 24 | (uint64_t)(uint32_t)val << 32;
}
_Static_assert(offsetof(struct snap_loc, ext) == 1 && offsetof(struct snap_loc, where) == 2 &&
               offsetof(struct snap_loc, n) == 3 && offsetof(struct snap_loc, val) == 4, "place()");

void snaplog_init(struct x86_emit *e)
{
    for (unsigned r = 0; r < GUEST_MAX_REGS; r++)
        e->last[r] = AT_HOME;
}

void snaplog_reset(struct x86_emit *e)
{
    for (uint32_t k = 0; k < e->nmoved; k++)
        e->last[e->moved[k]] = AT_HOME;
    e->nmoved = 0;
}

static inline void append(struct x86_emit *e, uint64_t word)
{
    memcpy(e->snap_data + e->snap_size, &word, sizeof word);
    e->snap_size += sizeof word;
}

static uint64_t place_in(unsigned reg, uint8_t ext)
{
    return place(reg < RA_XMM0 ? SNAP_GPR : SNAP_XMM, reg & 15, ext, 0);
}

/* Where value `x` is that is in no register; of a constant of 64 bits *wide is that. */
static uint64_t place_elsewhere(const struct x86_emit *e, ir_ref x, uint8_t ext, int64_t *wide)
{
    const struct ir_insn *k = ir_at(e->u, x);
    int64_t off = k->imm - (int64_t)e->u->pc;

    if (x >= e->u->ninsns || k->op != IR_const)
        return place(SNAP_SPILL, 0, ext, e->ra.v[x].slot);
    if ((k->aux & 1) && off == (int32_t)off)
        return place(SNAP_PCREL, 0, SNAP_PLAIN, (int32_t)off);
    if (k->imm == (int32_t)k->imm)
        return place(SNAP_CONST, 0, SNAP_PLAIN, (int32_t)k->imm);
    *wide = k->imm;
    return place(SNAP_CONST64, 0, SNAP_PLAIN, (int32_t)k->imm);
}

static uint64_t entry_place(const struct x86_emit *e, unsigned reg)
{
    uint8_t h = e->ra.target->home[reg];

    return h != RA_NONE ? place_in(h, SNAP_PLAIN) : place(SNAP_SPILL, 0, SNAP_PLAIN, ra_guest_slot(&e->ra, reg));
}

static void append_home(struct x86_emit *e, unsigned reg)
{
    append(e, entry_place(e, reg) | reg);
    e->last[reg] = AT_HOME;
}

/* Begins a record of at most `n` registers. */
static uint32_t record_begin(struct x86_emit *e, uint32_t n)
{
    uint32_t at = e->snap_size;

    grow(&e->snap_data, &e->cap_snap, at + (uint32_t)sizeof(struct snap_head) + n * 16, 1);
    e->snap_size += sizeof(struct snap_head);
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
    uint32_t at = record_begin(e, e->nmoved);

    for (uint32_t k = 0; k < e->nmoved; k++)
        append_home(e, e->moved[k]);
    e->nmoved = 0;
    record_end(e, at, snap);
    return at;
}

/* Register `reg` is found in value `x`. */
static inline void note_place(struct x86_emit *e, unsigned reg, ir_ref x, uint8_t ext)
{
    uint8_t in = e->ra.v[x].reg;
    int64_t wide = 0;
    uint64_t p = in != RA_NONE ? place_in(in, ext) : place_elsewhere(e, x, ext, &wide);

    e->ra.listed[reg] = e->ra.stamp;
    if (p == e->last[reg] && wide == e->last_wide[reg])
        return;
    if (e->last[reg] == AT_HOME)
        e->moved[e->nmoved++] = (uint8_t)reg;
    append(e, p | reg);
    if (wide)
        append(e, (uint64_t)wide);
    e->last[reg] = p;
    e->last_wide[reg] = wide;
}

uint32_t snaplog_add(struct x86_emit *e, uint32_t snap)
{
    struct ra *ra = &e->ra;
    const struct ir_snap *s = &e->u->snaps[snap];
    const struct ir_snap_val *vals = &e->u->snap_vals[s->first];
    uint32_t at = record_begin(e, s->n + RA_NREGS + e->nmoved), kept = 0;

    ra->stamp++;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct ir_snap_val *sv = &vals[k];
        uint8_t ext;
        ir_ref x = ra_source(ra, sv->val, &ext);

        note_place(e, sv->reg, x, ext);
    }
    for (uint32_t m = ra->displaced; m; m &= m - 1) {
        unsigned g = ra->guest_of[__builtin_ctz(m)];

        if (ra->listed[g] != ra->stamp)
            note_place(e, g, ra->entry_val[g], SNAP_PLAIN);
    }
    /* What the log has elsewhere and is not elsewhere now is back at its entry place. */
    for (uint32_t k = 0; k < e->nmoved; k++) {
        unsigned reg = e->moved[k];

        if (ra->listed[reg] == ra->stamp)
            e->moved[kept++] = (uint8_t)reg;
        else
            append_home(e, reg);
    }
    e->nmoved = kept;
    record_end(e, at, snap);
    return at;
}
