/* The builder: appends insns to blocks, interns constants, makes edges and snapshots. The unit's arrays only
 * ever grow and are kept across ir_reset(), so that translating costs no allocation per op. */
#include "ir/cfg.h"
#include "ir/grow.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_INSNS = 1024, FIRST_OTHER = 64, FIRST_HASH = 256 };

#define ROOM(u, arr, count, first) \
    do { \
        if (__builtin_expect((count) > (u)->cap_##arr, 0)) \
            grow(&(u)->arr, &(u)->cap_##arr, (count) < (first) ? (first) : (count), sizeof *(u)->arr); \
    } while (0)

struct ir_unit *ir_new(void)
{
    struct ir_unit *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    ir_reset(u, NULL, 0, 0);
    return u;
}

void ir_reset(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode)
{
    u->guest = guest;
    u->pc = pc;
    u->mode = mode;
    u->guest_insns = u->guest_bytes = 0;
    u->nextents = 0;
    u->src_hash = 0;
    u->regs_done = u->bare = false;
    u->nblocks = u->nedges = u->nedge_args = u->nsnap_vals = 0;

    ROOM(u, insns, 1, FIRST_INSNS);
    ROOM(u, snaps, 1, FIRST_OTHER);
    memset(&u->insns[0], 0, sizeof u->insns[0]);
    memset(&u->snaps[0], 0, sizeof u->snaps[0]);
    u->ninsns = u->nsnaps = 1;

    if (!u->const_hash) {
        uint32_t cap = 0;
        grow(&u->const_hash, &cap, FIRST_HASH, sizeof *u->const_hash);
        u->const_hash_mask = FIRST_HASH - 1;
    }
    memset(u->const_hash, 0, (u->const_hash_mask + 1) * sizeof *u->const_hash);
    u->nconsts = 0;
    u->cur = ir_block_new(u);
}

void ir_free(struct ir_unit *u)
{
    if (!u)
        return;
    free(u->insns);
    free(u->blocks);
    free(u->edges);
    free(u->edge_args);
    free(u->snaps);
    free(u->snap_vals);
    free(u->const_hash);
    free(u->scratch);
    ir_cfg_free(u->cfg);
    free(u);
}

void *ir_scratch(struct ir_unit *u, size_t bytes)
{
    if (bytes > u->cap_scratch) {
        size_t n = u->cap_scratch ? u->cap_scratch : 16384;
        while (n < bytes)
            n *= 2;
        free(u->scratch);
        u->cap_scratch = 0;
        u->scratch = malloc(n);
        if (!u->scratch)
            grow_refused();
        u->cap_scratch = n;
    }
    return u->scratch;
}

uint32_t ir_block_new(struct ir_unit *u)
{
    ROOM(u, blocks, u->nblocks + 1, FIRST_OTHER);
    u->blocks[u->nblocks] = (struct ir_block){ 0 };
    return u->nblocks++;
}

void ir_block_use(struct ir_unit *u, uint32_t b)
{
    u->cur = b;
}

void ir_reserve(struct ir_unit *u, uint32_t n)
{
    ROOM(u, insns, u->ninsns + n, FIRST_INSNS);
}

/** A new insn that stands in no block yet. */
static ir_ref insn_new(struct ir_unit *u, enum ir_op op, enum ir_type t, uint16_t aux, ir_ref a, ir_ref b,
                       ir_ref c, int64_t imm)
{
    ROOM(u, insns, u->ninsns + 1, FIRST_INSNS);
    ir_ref r = u->ninsns++;
    u->insns[r] = (struct ir_insn){ .op = op, .type = t, .aux = aux, .arg = { a, b, c }, .imm = imm };
    return r;
}

void ir_link_before(struct ir_unit *u, uint32_t blk, ir_ref at, ir_ref r)
{
    struct ir_block *b = &u->blocks[blk];
    ir_ref prev = at ? u->insns[at].prev : b->last;

    u->insns[r].prev = prev;
    u->insns[r].next = at;
    if (prev)
        u->insns[prev].next = r;
    else
        b->first = r;
    if (at)
        u->insns[at].prev = r;
    else
        b->last = r;
}

ir_ref ir_param(struct ir_unit *u, uint32_t b, enum ir_type t)
{
    struct ir_block *blk = &u->blocks[b];
    ir_ref at = blk->first;

    for (uint32_t i = 0; i < blk->nparams; i++)
        at = u->insns[at].next;
    ir_ref r = insn_new(u, IR_param, t, 0, IR_NONE, IR_NONE, IR_NONE, blk->nparams++);
    ir_link_before(u, b, at, r);
    return r;
}

uint32_t ir_edge_new(struct ir_unit *u, const ir_ref *vals, uint32_t n)
{
    ROOM(u, edges, u->nedges + 1, FIRST_OTHER);
    ROOM(u, edge_args, u->nedge_args + n, FIRST_OTHER);
    if (n)
        memcpy(u->edge_args + u->nedge_args, vals, n * sizeof *vals);
    u->edges[u->nedges] = (struct ir_edge){ u->nedge_args, n };
    u->nedge_args += n;
    return u->nedges++;
}

void ir_edge_arg(struct ir_unit *u, ir_ref val)
{
    ROOM(u, edge_args, u->nedge_args + 1, FIRST_OTHER);
    u->edge_args[u->nedge_args++] = val;
    u->edges[u->nedges - 1].n++;
}

static __attribute__((noinline, cold)) ir_ref emit_more(struct ir_unit *u, enum ir_op op, enum ir_type t, uint16_t aux, ir_ref a,
                                                        ir_ref b, ir_ref c, int64_t imm)
{
    ROOM(u, insns, u->ninsns + 1, FIRST_INSNS);
    return ir_emit(u, op, t, aux, a, b, c, imm);
}

/* Most of what is built is built here: field by field, and no call on the usual way. */
ir_ref ir_emit(struct ir_unit *u, enum ir_op op, enum ir_type t, uint16_t aux, ir_ref a, ir_ref b,
               ir_ref c, int64_t imm)
{
    if (__builtin_expect(u->ninsns == u->cap_insns, 0))
        return emit_more(u, op, t, aux, a, b, c, imm);

    ir_ref r = u->ninsns;
    struct ir_insn *i = &u->insns[r];
    struct ir_block *blk = &u->blocks[u->cur];
    ir_ref prev = blk->last;

    i->op = (uint8_t)op;
    i->type = (uint8_t)t;
    i->aux = aux;
    i->arg[0] = a;
    i->arg[1] = b;
    i->arg[2] = c;
    i->imm = imm;
    i->prev = prev;
    i->next = IR_NONE;
    i->snap = i->tmp = 0;
    u->ninsns = r + 1;
    blk->last = r;
    *(prev ? &u->insns[prev].next : &blk->first) = r;
    return r;
}

ir_ref ir_insert_before(struct ir_unit *u, ir_ref at, enum ir_op op, enum ir_type t, uint16_t aux,
                        ir_ref a, ir_ref b, ir_ref c, int64_t imm)
{
    ir_ref r = insn_new(u, op, t, aux, a, b, c, imm);
    uint32_t blk = 0;

    if (!u->insns[at].prev) /* only then does the block matter: its list begins anew */
        while (u->blocks[blk].first != at)
            blk++;
    ir_link_before(u, blk, at, r);
    return r;
}

void ir_remove(struct ir_unit *u, uint32_t b, ir_ref r)
{
    ir_unlink(u, b, r);
    u->insns[r] = (struct ir_insn){ .op = IR_nop };
}

void ir_forward(struct ir_unit *u, uint32_t b, ir_ref r, ir_ref val)
{
    ir_unlink(u, b, r);
    struct ir_insn *i = &u->insns[r];
    *i = (struct ir_insn){ .op = IR_copy, .type = i->type, .arg = { val } };
}

/* --- constants ------------------------------------------------------------------------------------ */

static uint32_t const_slot(const struct ir_unit *u, enum ir_type t, uint16_t aux, uint64_t v)
{
    uint64_t h = (v ^ ((uint64_t)t << 56) ^ ((uint64_t)aux << 60)) * 0x9e3779b97f4a7c15u;

    return (uint32_t)(h >> 40) & u->const_hash_mask;
}

static void const_rehash(struct ir_unit *u)
{
    uint32_t cap = 0;
    uint32_t n = 2 * (u->const_hash_mask + 1);

    grow(&u->const_hash, &cap, n, sizeof *u->const_hash);
    memset(u->const_hash, 0, n * sizeof *u->const_hash);
    u->const_hash_mask = n - 1;
    for (ir_ref r = 1; r < u->ninsns; r++) {
        const struct ir_insn *i = &u->insns[r];
        if (i->op != IR_const)
            continue;
        uint32_t s = const_slot(u, i->type, i->aux, i->imm);
        while (u->const_hash[s])
            s = (s + 1) & u->const_hash_mask;
        u->const_hash[s] = r;
    }
}

static ir_ref const_intern(struct ir_unit *u, enum ir_type t, uint16_t aux, uint64_t v)
{
    uint32_t s = const_slot(u, t, aux, v);

    for (ir_ref r; (r = u->const_hash[s]); s = (s + 1) & u->const_hash_mask) {
        const struct ir_insn *i = &u->insns[r];
        if ((uint64_t)i->imm == v && i->type == t && i->aux == aux)
            return r;
    }
    ir_ref r = insn_new(u, IR_const, t, aux, IR_NONE, IR_NONE, IR_NONE, v);
    u->const_hash[s] = r;
    if (++u->nconsts * 2 > u->const_hash_mask)
        const_rehash(u);
    return r;
}

ir_ref ir_const_val(struct ir_unit *u, enum ir_type t, uint64_t v)
{
    unsigned bits = ir_type_bits[t];

    return const_intern(u, t, 0, bits < 64 ? v & (((uint64_t)1 << bits) - 1) : v);
}

ir_ref ir_const_addr(struct ir_unit *u, gaddr a)
{
    return const_intern(u, IR_I64, 1, a);
}

/* --- snapshots ---------------------------------------------------------------------------------------- */

uint32_t ir_snap_new(struct ir_unit *u, gaddr pc, const struct ir_snap_val *vals, uint32_t n)
{
    ROOM(u, snap_vals, u->nsnap_vals + n, FIRST_OTHER);
    if (n)
        memcpy(u->snap_vals + u->nsnap_vals, vals, n * sizeof *vals);
    u->nsnap_vals += n;
    return ir_snap_share(u, pc, u->nsnap_vals - n, n);
}

uint32_t ir_snap_share(struct ir_unit *u, gaddr pc, uint32_t first, uint32_t n)
{
    ROOM(u, snaps, u->nsnaps + 1, FIRST_OTHER);
    u->snaps[u->nsnaps] = (struct ir_snap){ pc, first, n };
    return u->nsnaps++;
}

gaddr ir_leave_pc(const struct ir_unit *u, ir_ref r, ir_ref marker)
{
    const struct ir_insn *i = &u->insns[r];
    const struct ir_insn *m = &u->insns[marker];
    gaddr pc = marker ? (gaddr)m->imm : u->pc;

    switch (i->op) {
    case IR_exit: case IR_exit_if: case IR_poll:
        return i->imm;
    case IR_trap: case IR_trap_if:
        if (i->aux == IR_TRAP_SYSCALL || i->aux == IR_TRAP_SYNC_CODE || i->aux == IR_TRAP_MODE)
            return pc + (marker ? m->aux : 0);
        return pc;
    default:
        return pc;
    }
}
