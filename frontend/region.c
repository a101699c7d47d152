/* From the map of a loop to the IR of a region. See region.h. */
#include "frontend/region.h"

#include <stdlib.h>
#include <string.h>

#include "ir/cfg.h"
#include "loader/space.h"

/* Constant values of the context registers: those of `known`. */
struct context {
    uint8_t known;
    uint64_t val[REGION_CONTEXT];
};

/* A copy of a member: where its code begins in the IR. */
struct node {
    int leader;
    struct context ctx;
    uint32_t block;
};

enum { VARIANTS = 3 }; /* of a member, at most: then one without context serves */

struct region {
    struct ir_unit *u;
    struct region_map *map;
    struct tr tr;
    struct tr_flow flow;
    struct node nodes[REGION_BLOCKS];
    unsigned n, done;
};

/* --- nodes ----------------------------------------------------------------------------------------- */

static bool same_context(const struct context *a, const struct context *b)
{
    if (a->known != b->known)
        return false;
    for (unsigned c = 0; c < REGION_CONTEXT; c++)
        if ((a->known >> c & 1) && a->val[c] != b->val[c])
            return false;
    return true;
}

/* What is known here of the context registers that are live at leader `l`. */
static struct context context_for(const struct region *rg, const struct leader *l)
{
    struct context ctx = { 0 };

    for (unsigned c = 0; c < rg->map->guest->ncontext; c++) {
        ir_ref v = rg->tr.known[rg->map->guest->context[c]];

        if (!(l->live >> c & 1) || !v || !ir_is_const(rg->u, v))
            continue;
        ctx.known |= (uint8_t)(1u << c);
        ctx.val[c] = (uint64_t)ir_at(rg->u, v)->imm;
    }
    return ctx;
}

/* The copy of leader `leader` for what is known here, made if need be. NULL if there are too many. */
static struct node *node_for(struct region *rg, int leader)
{
    struct context ctx = context_for(rg, &rg->map->leaders[leader]);
    unsigned copies = 0;

    for (unsigned k = 0; k < rg->n; k++)
        copies += rg->nodes[k].leader == leader;
    if (copies >= VARIANTS)
        ctx.known = 0;
    for (unsigned k = 0; k < rg->n; k++)
        if (rg->nodes[k].leader == leader && same_context(&rg->nodes[k].ctx, &ctx))
            return &rg->nodes[k];
    if (rg->n == REGION_BLOCKS)
        return NULL;
    rg->nodes[rg->n] = (struct node){ leader, ctx, ir_block_new(rg->u) };
    return &rg->nodes[rg->n++];
}

/* Forgets what is known and starts on node `n`. */
static void begin_node(struct region *rg, const struct node *n)
{
    const struct guest *g = rg->map->guest;

    ir_block_use(rg->u, n->block);
    tr_forget(&rg->tr);
    for (unsigned c = 0; c < g->ncontext; c++)
        if (n->ctx.known >> c & 1)
            rg->tr.known[g->context[c]] = ir_const_val(rg->u, IR_I64, n->ctx.val[c]);
}

/* --- ways between them ------------------------------------------------------------------------------ */

static void exit_to(struct region *rg, gaddr target)
{
    tr_leave(&rg->tr, target, IR_JUMP_PLAIN);
}

static void jump_to(struct region *rg, const struct node *to)
{
    uint32_t edge = ir_edge_new(rg->u, NULL, 0);

    ir_emit(rg->u, IR_jmp, IR_VOID, (uint16_t)edge, IR_NONE, IR_NONE, IR_NONE, to->block);
}

static int member_at(const struct region *rg, gaddr pc)
{
    int k = region_leader(rg->map, pc);

    return k != REGION_NO_LEADER && rg->map->leaders[k].member ? k : REGION_NO_LEADER;
}

/* Goes on at `pc`: returns the leader whose code follows in this block, REGION_NO_LEADER if the block is over. */
static int go_on(struct region *rg, gaddr pc)
{
    int k = member_at(rg, pc);

    if (k == REGION_NO_LEADER) {
        exit_to(rg, pc);
        return k;
    }
    if (k != 0 && rg->map->leaders[k].npreds == 1 && rg->u->guest_insns < REGION_INSNS)
        return k;

    const struct node *to = node_for(rg, k);

    if (to)
        jump_to(rg, to);
    else
        exit_to(rg, pc);
    return REGION_NO_LEADER;
}

/* Ends the current block with a branch; where two conditions are joined, each gets a branch of its own. */
static void branch_to(struct ir_unit *u, ir_ref cond, uint32_t yes, uint32_t no)
{
    const struct ir_insn *i = ir_at(u, cond);
    enum ir_op op = i->op;
    ir_ref x = i->arg[0], y = i->arg[1];

    if (op != IR_and && op != IR_or) {
        uint32_t edge = ir_edge_new(u, NULL, 0);

        ir_edge_new(u, NULL, 0);
        ir_emit(u, IR_br, IR_VOID, (uint16_t)edge, cond, IR_NONE, IR_NONE, yes | (int64_t)no << 16);
        return;
    }

    uint32_t second = ir_block_new(u);

    branch_to(u, x, op == IR_or ? yes : second, op == IR_or ? second : no);
    ir_block_use(u, second);
    branch_to(u, y, yes, no);
}

/* Forgets all values but constants. */
static void keep_constants(struct tr *tr)
{
    for (unsigned r = 0; r < tr->guest->nregs; r++)
        if (tr->known[r] && !ir_is_const(tr->u, tr->known[r]))
            tr->known[r] = IR_NONE;
    memset(tr->narrow, 0, sizeof tr->narrow);
}

/* A branch whose two ways are members: one of them may follow at once, in a block of its own. */
static int fork_to(struct region *rg, ir_ref cond, int taken, int past, gaddr past_pc)
{
    const struct leader *l = rg->map->leaders;
    struct ir_unit *u = rg->u;
    bool inherits = past != 0 && l[past].npreds == 1 && u->guest_insns < REGION_INSNS;
    const struct node *yes = node_for(rg, taken), *no = inherits ? NULL : node_for(rg, past);
    uint32_t to_no;

    if (!yes || (!inherits && !no)) {
        tr_exit_if(&rg->tr, cond, l[taken].pc);
        return go_on(rg, past_pc);
    }
    to_no = inherits ? ir_block_new(u) : no->block;

    bool self = yes->block == u->cur;

    branch_to(u, cond, yes->block, to_no);
    if (!inherits)
        return REGION_NO_LEADER;
    if (self) /* a loop's values stay inside, so that pass `peel` can copy it */
        keep_constants(&rg->tr);
    ir_block_use(u, to_no);
    return past;
}

static int branch(struct region *rg)
{
    gaddr taken = rg->flow.target, past = rg->tr.pc + rg->tr.len;
    int yes = member_at(rg, taken), no = member_at(rg, past);

    if (yes == REGION_NO_LEADER) {
        tr_exit_if(&rg->tr, rg->flow.cond, taken);
        return go_on(rg, past);
    }
    if (no == REGION_NO_LEADER) {
        tr_exit_if(&rg->tr, tr_negated(rg->u, rg->flow.cond), past);
        return go_on(rg, taken);
    }
    return fork_to(rg, rg->flow.cond, yes, no, past);
}

/* Translates the stretch of leader `k` into the current block; returns the leader that follows in it. */
static int stretch(struct region *rg, int k)
{
    gaddr pc = rg->map->leaders[k].pc;

    rg->flow.kind = TR_FLOW_OVER;
    rg->tr.done = false;
    rg->u->nextents = 0;
    do
        pc = tr_step(&rg->tr, pc);
    while (!rg->tr.done && region_leader(rg->map, pc) == REGION_NO_LEADER && pc < rg->map->leaders[k].end);
    if (!rg->tr.done)
        return go_on(rg, pc);
    if (rg->flow.kind == TR_FLOW_GOTO)
        return go_on(rg, rg->flow.target);
    return rg->flow.kind == TR_FLOW_BRANCH ? branch(rg) : REGION_NO_LEADER;
}

static void node(struct region *rg, const struct node *n)
{
    gaddr pc = rg->map->leaders[n->leader].pc;

    begin_node(rg, n);
    if (rg->u->guest_insns >= REGION_INSNS) { /* too much: another unit goes on here */
        ir_emit(rg->u, IR_insn, IR_VOID, 0, IR_NONE, IR_NONE, IR_NONE, (int64_t)pc);
        ir_emit(rg->u, IR_exit, IR_VOID, IR_EXIT_POLL, IR_NONE, IR_NONE, IR_NONE, (int64_t)pc);
        return;
    }
    for (int k = n->leader; k != REGION_NO_LEADER; )
        k = stretch(rg, k);
}

/* --- the whole -------------------------------------------------------------------------------------- */

/* Polls: at the entry, and where edges lead back. */
static void add_polls(struct ir_unit *u)
{
    uint32_t entry = (uint32_t)ir_at(u, u->blocks[0].last)->imm;

    for (uint32_t b = 1; b < u->nblocks; b++)
        if (u->blocks[b].loop_head || b == entry)
            ir_insert_before(u, u->blocks[b].first, IR_poll, IR_VOID, 0, IR_NONE, IR_NONE, IR_NONE,
                             ir_at(u, u->blocks[b].first)->imm);
}

static int by_pc(const void *a, const void *b)
{
    gaddr x = ((const struct ir_extent *)a)->pc, y = ((const struct ir_extent *)b)->pc;

    return x < y ? -1 : x > y;
}

/* Which bytes the members are made from; false if they are too scattered. */
static bool find_extents(const struct region_map *map, struct ir_unit *u)
{
    struct ir_extent all[REGION_LEADERS];
    uint32_t n = 0;

    for (unsigned k = 0; k < map->n; k++)
        if (map->leaders[k].member)
            all[n++] = (struct ir_extent){ map->leaders[k].pc, (uint32_t)(map->leaders[k].end - map->leaders[k].pc) };
    qsort(all, n, sizeof *all, by_pc);
    u->nextents = 0;
    u->guest_bytes = 0;
    for (uint32_t k = 0; k < n; k++) {
        struct ir_extent *e = u->nextents ? &u->extents[u->nextents - 1] : NULL;

        if (e && all[k].pc <= e->pc + e->len) {
            if (all[k].pc + all[k].len > e->pc + e->len)
                e->len = (uint32_t)(all[k].pc + all[k].len - e->pc);
            continue;
        }
        if (u->nextents == IR_MAX_EXTENTS)
            return false;
        u->extents[u->nextents++] = all[k];
    }
    for (uint32_t k = 0; k < u->nextents; k++)
        u->guest_bytes += u->extents[k].len;
    return true;
}

/* The hash of the extents' bytes as they are now. False if some can't be read. */
static bool hash_source(const struct ir_unit *u, uint64_t *hash)
{
    *hash = 0;
    for (uint32_t k = 0; k < u->nextents; k++)
        for (uint32_t done = 0, len = u->extents[k].len; done < len; ) {
            size_t avail;
            const uint8_t *code = space_fetch(u->extents[k].pc + done, &avail);

            if (!code || avail < 2)
                return false;
            for (; avail >= 2 && done < len; code += 2, avail -= 2, done += 2) {
                uint16_t half;

                memcpy(&half, code, sizeof half);
                *hash = ir_src_hash(*hash, half, sizeof half);
            }
        }
    return true;
}

static void build(struct region *rg)
{
    struct ir_unit *u = rg->u;

    ir_block_use(u, 0);
    jump_to(rg, node_for(rg, 0));
    while (rg->done < rg->n)
        node(rg, &rg->nodes[rg->done++]);
    ir_cfg_layout(u);
    add_polls(u);
}

bool translate_region(struct ir_unit *u, const struct guest *guest, gaddr head, uint32_t mode)
{
    static struct region_map map;     /* one translation at a time: the cache's lock */
    static struct region rg;
    struct ir_extent extents[IR_MAX_EXTENTS];
    uint32_t nextents, guest_bytes;
    uint64_t before, after;

    if (!region_scan(&map, u, guest, head, mode))
        return false;
    /* Bytes that change while they are decoded: there are no halves of a region. */
    if (!find_extents(&map, u) || !hash_source(u, &before))
        return false;

    bool unsure = translated_is_unsure(u);

    if (unsure && u->guest_bytes > REGION_CHECKED)
        return false;
    memcpy(extents, u->extents, sizeof extents);
    nextents = u->nextents;
    guest_bytes = u->guest_bytes;
    memset(&rg, 0, sizeof rg);
    rg.u = u;
    rg.map = &map;
    rg.tr = (struct tr){ .u = u, .guest = guest, .flow = &rg.flow };
    ir_reset(u, guest, head, mode);
    if (unsure)
        tr_check_source(&rg.tr, extents, nextents);
    build(&rg);
    memcpy(u->extents, extents, sizeof extents);
    u->nextents = nextents;
    u->guest_bytes = guest_bytes;
    u->src_hash = before;
    return hash_source(u, &after) && before == after;
}
