/* Links between units: a direct exit is `call THUNK_EXIT_DIRECT` or, linked, `jmp unit`. */
#include "backend/cache.h"

enum { CALL_REL32 = 0xe8, JMP_REL32 = 0xe9, EXIT_BYTES = 5 };

/* Writes opcode and displacement with one store: the instruction lies in one aligned 8-byte word
 * (backend.h), which other threads may be executing. */
static void patch(const struct unit_exit *e, uint8_t opcode, const uint8_t *target)
{
    const uint8_t *site = e->from->code + e->off;
    uint64_t *word = (uint64_t *)cache_writable((const uint8_t *)((uintptr_t)site & ~(uintptr_t)7));
    unsigned shift = 8 * ((uintptr_t)site & 7);
    uint32_t rel = (uint32_t)(target - (site + EXIT_BYTES));
    uint64_t mask = (uint64_t)0xffffffffff << shift;
    uint64_t bits = ((uint64_t)rel << 8 | opcode) << shift;

    __atomic_store_n(word, (*word & ~mask) | bits, __ATOMIC_RELEASE);
}

void link_exit(struct unit_exit *e, struct unit *to)
{
    e->to = to;
    e->in_next = to->incoming;
    e->in_pprev = &to->incoming;
    if (e->in_next)
        e->in_next->in_pprev = &e->in_next;
    to->incoming = e;
    patch(e, JMP_REL32, to->code);
    cache.stats.links++;
}

void unlink_exit(struct unit_exit *e)
{
    if (!e->to)
        return;
    *e->in_pprev = e->in_next;
    if (e->in_next)
        e->in_next->in_pprev = e->in_pprev;
    e->to = NULL;
    patch(e, CALL_REL32, cache.thunks[THUNK_EXIT_DIRECT]);
}

void unlink_unit(struct unit *u)
{
    while (u->incoming)
        unlink_exit(u->incoming);
    for (uint32_t i = 0; i < u->nexits; i++)
        unlink_exit(&u->exits[i]);
}

bool link_is_loop(const struct pending_link *l)
{
    const struct unit_exit *e = l->exit;

    return e && l->seg->gen == l->gen && e->backward;
}

void link_pending(const struct pending_link *l, struct unit *to)
{
    struct unit_exit *e = l->exit;

    if (!e || l->seg->gen != l->gen || e->from->dead || e->to || to->dead)
        return;
    if (e->target == to->pc && e->from->mode == to->mode)
        link_exit(e, to);
}

struct unit_exit *exit_at(const void *site)
{
    struct unit *u = cache_unit_at((const uint8_t *)site - 1);

    if (!u)
        return NULL;
    uint32_t off = (uint32_t)((const uint8_t *)site - u->code) - EXIT_BYTES;

    for (uint32_t i = 0; i < u->nexits; i++)
        if (u->exits[i].off == off)
            return &u->exits[i];
    return NULL;
}
