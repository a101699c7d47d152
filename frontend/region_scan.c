/* The map of a region: which guest code the loop at a head consists of. See region.h. */
#include <string.h>

#include "backend/run.h"
#include "frontend/region.h"

static unsigned hash_of(gaddr pc)
{
    return (unsigned)((pc * 0x9e3779b97f4a7c15u) >> 40) & (REGION_HASH - 1);
}

int region_leader(const struct region_map *map, gaddr pc)
{
    unsigned h = hash_of(pc);

    while (map->hash[h] != REGION_NO_LEADER && map->leaders[map->hash[h]].pc != pc)
        h = (h + 1) & (REGION_HASH - 1);
    return map->hash[h];
}

/* The leader at `pc`, made if there is none and room for one. What lies before the head is not part of its loop: a jump
 * there is the end of a loop around this one. */
static int leader_at(struct region_map *map, gaddr pc)
{
    int k = region_leader(map, pc);
    unsigned h = hash_of(pc);

    if (k != REGION_NO_LEADER || map->n == REGION_LEADERS || map->insns >= REGION_INSNS ||
        (map->n && pc < map->leaders[0].pc))
        return k;
    while (map->hash[h] != REGION_NO_LEADER)
        h = (h + 1) & (REGION_HASH - 1);
    map->leaders[map->n] = (struct leader){ .pc = pc, .end = pc };
    map->hash[h] = (int16_t)map->n;
    return (int)map->n++;
}

static void add_succ(struct leader *l, int k)
{
    if (k != REGION_NO_LEADER)
        l->succ[l->nsucc++] = (int16_t)k;
}

/* What the block does with the context registers: a `get` stands for a read of what they are at its start. */
static void note_context(struct region_map *map, struct leader *l, const struct ir_unit *u)
{
    for (ir_ref r = u->blocks[0].first; r; r = ir_at(u, r)->next) {
        const struct ir_insn *i = ir_at(u, r);

        if (i->op != IR_get && i->op != IR_put)
            continue;
        for (unsigned c = 0; c < map->guest->ncontext; c++)
            if (map->guest->context[c] == i->aux)
                *(i->op == IR_get ? &l->reads : &l->writes) |= (uint8_t)(1u << c);
    }
}

/* Decodes the stretch at leader `k` and notes where it leads. */
static void scan(struct region_map *map, unsigned k, struct ir_unit *u)
{
    struct leader *l = &map->leaders[k];
    struct tr_flow flow = { .kind = TR_FLOW_OVER };
    struct tr tr = { .u = u, .guest = map->guest, .flow = &flow };
    gaddr pc = l->pc;

    ir_reset(u, map->guest, pc, map->mode);
    l->nsucc = l->reads = l->writes = 0;
    do
        pc = tr_step(&tr, pc);
    while (!tr.done && region_leader(map, pc) == REGION_NO_LEADER && u->guest_insns < translate_limit);
    map->insns += u->guest_insns;
    l->end = u->extents[0].pc + u->extents[0].len;
    note_context(map, l, u);
    if (!tr.done)
        add_succ(l, leader_at(map, pc));
    else if (flow.kind == TR_FLOW_GOTO)
        add_succ(l, leader_at(map, flow.target));
    else if (flow.kind == TR_FLOW_BRANCH) {
        if (cache_has(flow.target, map->mode))
            add_succ(l, leader_at(map, flow.target));
        add_succ(l, leader_at(map, tr.pc + tr.len));
    }
}

/* Those that found another leader inside them later end there. */
static void rescan(struct region_map *map, struct ir_unit *u)
{
    for (unsigned k = 0; k < map->n; k++)
        for (unsigned j = 0; j < map->n; j++)
            if (map->leaders[j].pc > map->leaders[k].pc && map->leaders[j].pc < map->leaders[k].end) {
                scan(map, k, u);
                break;
            }
}

static bool find_members(struct region_map *map)
{
    bool again = false;

    for (bool changed = true; changed; ) {
        changed = false;
        for (unsigned k = map->n; k-- > 0; ) {
            struct leader *l = &map->leaders[k];

            for (unsigned s = 0; s < l->nsucc && !l->member; s++)
                changed |= l->member = l->succ[s] == 0 || map->leaders[l->succ[s]].member;
        }
    }
    for (unsigned k = 0; k < map->n; k++)
        for (unsigned s = 0; s < map->leaders[k].nsucc && map->leaders[k].member; s++) {
            struct leader *to = &map->leaders[map->leaders[k].succ[s]];

            again |= map->leaders[k].succ[s] == 0;
            to->npreds += to->npreds < UINT8_MAX;
        }
    return again && map->leaders[0].member;
}

static void find_live(struct region_map *map)
{
    for (bool changed = true; changed; ) {
        changed = false;
        for (unsigned k = map->n; k-- > 0; ) {
            struct leader *l = &map->leaders[k];
            uint8_t live = 0;

            for (unsigned s = 0; s < l->nsucc; s++)
                live |= map->leaders[l->succ[s]].member ? map->leaders[l->succ[s]].live : 0;
            live = (uint8_t)(l->reads | (live & ~l->writes));
            changed |= live != l->live;
            l->live = live;
        }
    }
}

bool region_scan(struct region_map *map, struct ir_unit *u, const struct guest *guest, gaddr head, uint32_t mode)
{
    map->guest = guest;
    map->mode = mode;
    map->n = map->insns = 0;
    memset(map->hash, 0xff, sizeof map->hash);
    leader_at(map, head);
    for (unsigned k = 0; k < map->n; k++)
        scan(map, k, u);
    rescan(map, u);
    if (!find_members(map))
        return false;
    find_live(map);
    return true;
}
