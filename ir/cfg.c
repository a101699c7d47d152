/* Order, predecessors and dominators of a unit's blocks. */
#include "ir/cfg.h"

#include "ir/grow.h"

#include <stdlib.h>
#include <string.h>

/** Cuts the arrays for `n` blocks out of one piece of memory. Returns a work area of 2n words. */
static uint32_t *layout(struct ir_cfg *g, uint32_t n)
{
    uint32_t words = 3 * n + (n + 1) + 2 * n + 2 * n;

    grow(&g->mem, &g->cap, words, sizeof *g->mem);
    g->order = g->mem;
    g->pos = g->order + n;
    g->idom = g->pos + n;
    g->pred_first = g->idom + n;
    g->preds = g->pred_first + n + 1;
    return g->preds + 2 * n;
}

/** Fills order, pos and n by a depth-first walk with its own stack: `work` holds the path, and `next` how many
 * successors of each block on it were taken. */
static void walk(const struct ir_unit *u, struct ir_cfg *g, uint32_t *work)
{
    uint32_t nb = u->nblocks, depth = 1, left = nb;
    uint32_t *path = work, *next = work + nb;

    memset(g->pos, 0xff, nb * sizeof *g->pos);
    memset(next, 0, nb * sizeof *next);
    path[0] = 0;
    g->pos[0] = 0; /* visited; the true place follows */
    while (depth) {
        uint32_t b = path[depth - 1], succ[2];
        unsigned ns = ir_succs(u, b, succ);
        if (next[b] < ns) {
            uint32_t s = succ[ns - 1 - next[b]++];
            if (g->pos[s] == IR_NO_BLOCK) {
                g->pos[s] = 0;
                path[depth++] = s;
            }
        } else {
            g->order[--left] = b;
            depth--;
        }
    }
    g->n = nb - left;
    memmove(g->order, g->order + left, g->n * sizeof *g->order);
    for (uint32_t k = 0; k < g->n; k++)
        g->pos[g->order[k]] = k;
}

static void find_preds(struct ir_unit *u, struct ir_cfg *g)
{
    uint32_t succ[2];

    memset(g->pred_first, 0, (u->nblocks + 1) * sizeof *g->pred_first);
    for (uint32_t k = 0; k < g->n; k++)
        for (unsigned s = ir_succs(u, g->order[k], succ); s--; )
            g->pred_first[succ[s]]++;
    for (uint32_t b = 0, sum = 0; b <= u->nblocks; b++) {
        sum += b < u->nblocks ? g->pred_first[b] : 0;
        g->pred_first[b] = sum; /* its end; the filling below counts down to its start */
    }
    for (uint32_t k = g->n; k--; ) {
        uint32_t b = g->order[k];
        for (unsigned s = ir_succs(u, b, succ); s--; ) {
            g->preds[--g->pred_first[succ[s]]] = b;
            if (g->pos[succ[s]] <= k)
                u->blocks[succ[s]].loop_head = true;
        }
    }
}

/** Immediate dominators after Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
static void find_idoms(const struct ir_unit *u, struct ir_cfg *g)
{
    memset(g->idom, 0xff, u->nblocks * sizeof *g->idom);
    g->idom[0] = 0;
    for (bool changed = true; changed; ) {
        changed = false;
        for (uint32_t k = 1; k < g->n; k++) {
            uint32_t b = g->order[k], dom = IR_NO_BLOCK;
            for (uint32_t e = g->pred_first[b]; e < g->pred_first[b + 1]; e++) {
                uint32_t p = g->preds[e];
                if (g->idom[p] == IR_NO_BLOCK)
                    continue;
                if (dom == IR_NO_BLOCK) {
                    dom = p;
                    continue;
                }
                while (p != dom) {
                    while (g->pos[p] > g->pos[dom])
                        p = g->idom[p];
                    while (g->pos[dom] > g->pos[p])
                        dom = g->idom[dom];
                }
            }
            if (g->idom[b] != dom) {
                g->idom[b] = dom;
                changed = true;
            }
        }
    }
    g->idom[0] = IR_NO_BLOCK;
}

struct ir_cfg *ir_cfg_build(struct ir_unit *u)
{
    struct ir_cfg *g = u->cfg;

    if (!g) {
        g = calloc(1, sizeof *g);
        if (!g)
            grow_refused();
        u->cfg = g;
    }
    uint32_t *work = layout(g, u->nblocks);
    for (uint32_t b = 0; b < u->nblocks; b++)
        u->blocks[b].loop_head = false;
    if (u->nblocks == 1) {
        g->n = 1;
        g->order[0] = g->pos[0] = 0;
        g->idom[0] = IR_NO_BLOCK;
        g->pred_first[0] = g->pred_first[1] = 0;
        return g;
    }
    walk(u, g, work);
    find_preds(u, g);
    find_idoms(u, g);
    return g;
}

/** Jumps to block k lead to number[k] now. */
static void retarget(struct ir_unit *u, const uint32_t *number)
{
    for (uint32_t b = 0; b < u->nblocks; b++) {
        struct ir_insn *t = ir_at(u, u->blocks[b].last);
        if (t->op == IR_jmp)
            t->imm = number[t->imm];
        else if (t->op == IR_br)
            t->imm = number[t->imm & 0xffff] | (int64_t)number[t->imm >> 16] << 16;
    }
}

void ir_cfg_prune(struct ir_unit *u)
{
    struct ir_cfg *g = ir_cfg_build(u);
    uint32_t n = 0;

    if (g->n == u->nblocks)
        return;
    uint32_t *number = ir_scratch(u, u->nblocks * sizeof *number);
    for (uint32_t b = 0; b < u->nblocks; b++)
        if (g->pos[b] != IR_NO_BLOCK) {
            number[b] = n;
            u->blocks[n++] = u->blocks[b];
        }
    u->nblocks = n;
    retarget(u, number);
    ir_cfg_build(u);
}

/** Counts in depth[] the natural loops that each block is in. `work` has room for 2n words. */
static void loop_depths(const struct ir_unit *u, const struct ir_cfg *g, uint32_t *depth, uint32_t *work)
{
    uint32_t nb = u->nblocks, *in = work, *todo = work + nb;

    memset(depth, 0, nb * sizeof *depth);
    memset(in, 0xff, nb * sizeof *in);
    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t head = g->order[k], n = 0;
        for (uint32_t e = g->pred_first[head]; e < g->pred_first[head + 1]; e++)
            if (in[g->preds[e]] != head && ir_dominates(g, head, g->preds[e])) {
                in[g->preds[e]] = head;
                todo[n++] = g->preds[e];
            }
        if (n && in[head] != head) { /* the head itself, whose predecessors are not followed */
            in[head] = head;
            depth[head]++;
        }
        while (n) {
            uint32_t b = todo[--n];
            depth[b]++;
            for (uint32_t e = g->pred_first[b]; b != head && e < g->pred_first[b + 1]; e++)
                if (in[g->preds[e]] != head) {
                    in[g->preds[e]] = head;
                    todo[n++] = g->preds[e];
                }
        }
    }
}

/** Reverse postorder into number[], of two ways the one that leaves more loops walked first: it comes last. `work`
 * has room for 2n words. All blocks are reachable. */
static void number_blocks(const struct ir_unit *u, const uint32_t *depth, uint32_t *number, uint32_t *work)
{
    uint32_t nb = u->nblocks, n = 1, left = nb, *path = work, *next = work + nb;

    memset(number, 0xff, nb * sizeof *number);
    memset(next, 0, nb * sizeof *next);
    path[0] = 0;
    number[0] = 0;
    while (n) {
        uint32_t b = path[n - 1], succ[2] = { 0 };
        unsigned ns = ir_succs(u, b, succ);
        if (next[b] == ns) {
            number[b] = --left;
            n--;
            continue;
        }
        unsigned first = ns == 2 && depth[succ[0]] > depth[succ[1]];
        uint32_t s = succ[ns == 2 ? first ^ next[b] : 0];
        next[b]++;
        if (number[s] == IR_NO_BLOCK) {
            number[s] = 0;
            path[n++] = s;
        }
    }
}

void ir_cfg_layout(struct ir_unit *u)
{
    ir_cfg_prune(u);

    uint32_t nb = u->nblocks;
    struct ir_block *blocks = ir_scratch(u, nb * (sizeof *blocks + 4 * sizeof(uint32_t)));
    uint32_t *depth = (uint32_t *)(blocks + nb), *number = depth + nb, *work = number + nb;

    loop_depths(u, u->cfg, depth, work);
    number_blocks(u, depth, number, work);
    memcpy(blocks, u->blocks, nb * sizeof *blocks);
    for (uint32_t b = 0; b < nb; b++)
        u->blocks[number[b]] = blocks[b];
    retarget(u, number);
    ir_cfg_build(u);
}

void ir_cfg_free(struct ir_cfg *g)
{
    if (g)
        free(g->mem);
    free(g);
}
