/* Where in memory values wait: slots of guest registers, and spill slots. See regalloc.h. */
#include "backend/regalloc.h"

#include <string.h>

#include "ir/grow.h"

enum { FIRST_SPILL = offsetof(struct cpu, spill) };

static void span_add(struct ra *ra, uint32_t *slot, uint32_t first, uint32_t last)
{
    grow(&ra->spans, &ra->cap_spans, ra->nspans + 1, sizeof *ra->spans);
    ra->spans[ra->nspans] = (struct ra_span){ first, last, *slot };
    *slot = ra->nspans++;
}

static bool slot_free(const struct ra *ra, uint32_t slot, uint32_t first, uint32_t last)
{
    for (; slot; slot = ra->spans[slot].next)
        if (ra->spans[slot].first <= last && first <= ra->spans[slot].last)
            return false;
    return true;
}

/* Registers without home in set `todo` that snapshot `snap`, at position `pos`, does not list must be in their slots up to
 * there; they go from the set. */
static void keep_unlisted(struct ra *ra, const struct ir_snap *snap, uint32_t pos, uint64_t todo[GUEST_MAX_REGS / 64])
{
    uint64_t listed[GUEST_MAX_REGS / 64] = { 0 };

    for (uint32_t k = 0; k < snap->n; k++) {
        unsigned reg = ra->u->snap_vals[snap->first + k].reg;

        listed[reg / 64] |= (uint64_t)1 << reg % 64;
    }
    for (unsigned w = 0; w < GUEST_MAX_REGS / 64; w++) {
        for (uint64_t m = todo[w] & ~listed[w]; m; m &= m - 1)
            span_add(ra, &ra->guest_spans[w * 64 + (unsigned)__builtin_ctzll(m)], 0, ra_reach(ra, 0, pos));
        todo[w] &= listed[w];
    }
}

/* Notes until when each slot holds its register's value at entry. Most units never ask for a slot. */
static void slots_start(struct ra *ra)
{
    const struct ir_unit *u = ra->u;
    uint64_t todo[GUEST_MAX_REGS / 64] = { 0 };

    ra->slots_ready = true;
    ra->nspans = 1;
    memset(ra->guest_spans, 0, sizeof ra->guest_spans);
    memset(ra->spill_spans, 0, sizeof ra->spill_spans);
    memset(ra->spill_words, 0, sizeof ra->spill_words);
    for (uint32_t k = 0; k < ra->nhomes; k++)
        span_add(ra, &ra->guest_spans[ra->homed[k]], 0, ra->v[ra->entry_val[ra->homed[k]]].end);
    for (uint32_t k = 0; k < ra->nunhomed; k++)
        span_add(ra, &ra->guest_spans[ra->unhomed[k]], 0, ra->v[ra->entry_val[ra->unhomed[k]]].end);
    for (uint32_t k = 0; k < u->nsnap_vals; k++) {
        unsigned reg = u->snap_vals[k].reg;

        if (ra->target->home[reg] == RA_NONE)
            todo[reg / 64] |= (uint64_t)1 << reg % 64;
    }
    for (uint32_t b = u->nblocks; b-- > 0;) /* the last such snapshot is what counts */
        for (ir_ref r = u->blocks[b].last; r; r = u->insns[r].prev)
            if (u->insns[r].snap)
                keep_unlisted(ra, &u->snaps[u->insns[r].snap], u->insns[r].tmp, todo);
}

void ra_new_slot(struct ra *ra, ir_ref x)
{
    struct ra_val *v = &ra->v[x];
    unsigned words = v->bytes / 8;
    uint32_t def = x < ra->u->ninsns ? ra->u->insns[x].tmp : 0;

    if (!ra->slots_ready)
        slots_start(ra);
    if (v->guest != RA_NONE && v->bytes == ra_guest_bytes(ra, v->guest) && !ra->slots_written &&
        slot_free(ra, ra->guest_spans[v->guest], def, v->end)) {
        v->slot = ra_guest_slot(ra, v->guest);
        span_add(ra, &ra->guest_spans[v->guest], def, v->end);
        return;
    }
    for (unsigned k = 0; k + words <= CPU_SPILL_BYTES / 8; k += words) {
        bool fresh = !ra->spill_words[k] && !ra->spill_words[k + words - 1] && !(k && ra->spill_words[k - 1] == 2);

        if (!fresh && (ra->spill_words[k] != words || !slot_free(ra, ra->spill_spans[k], def, v->end)))
            continue;
        ra->spill_words[k] = (uint8_t)words;
        span_add(ra, &ra->spill_spans[k], def, v->end);
        v->slot = FIRST_SPILL + (int32_t)k * 8;
        return;
    }
    ra->failed = true;
    v->slot = FIRST_SPILL;
}
