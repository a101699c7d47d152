/* The shape of a unit's graph: order, predecessors, dominators.
 *
 * Built by one walk without recursion; kept in the unit, valid until a terminator or the list of blocks changes. Most
 * units have one block, for which all of this is a handful of stores.
 *
 * `order` is reverse postorder from block 0: a block's dominators come before it, and an edge to a block that is not
 * later in the order is a back edge (its target is a loop head).
 */
#pragma once

#include "ir/ir.h"

#define IR_NO_BLOCK UINT32_MAX

struct ir_cfg {
    uint32_t n;              /* reachable blocks */
    uint32_t *order;         /* the reachable blocks in reverse postorder */
    uint32_t *pos;           /* a block's place in `order`, IR_NO_BLOCK if unreachable */
    uint32_t *idom;          /* immediate dominator, IR_NO_BLOCK for block 0 and unreachable ones */
    uint32_t *pred_first;    /* preds[pred_first[b] .. pred_first[b+1]) are b's predecessors */
    uint32_t *preds;         /* one entry an edge: a block whose br has both ways here is there twice */
    uint32_t *mem;           /* all of the above */
    uint32_t cap;            /* words in mem */
};

/** Successors of block `b` into succ[0..1]; returns how many (0, 1, 2). */
static inline unsigned ir_succs(const struct ir_unit *u, uint32_t b, uint32_t succ[2])
{
    const struct ir_insn *t = ir_at(u, u->blocks[b].last);

    if (t->op == IR_jmp) {
        succ[0] = (uint32_t)t->imm;
        return 1;
    }
    if (t->op == IR_br) {
        succ[0] = t->imm & 0xffff;
        succ[1] = (uint32_t)(t->imm >> 16);
        return 2;
    }
    return 0;
}

/** Computes u->cfg and the blocks' loop_head. Every block's last insn must be a terminator and its targets exist. */
struct ir_cfg *ir_cfg_build(struct ir_unit *u);
/** Drops unreachable blocks and renumbers the rest in their old order; u->cfg is up to date afterwards. */
void ir_cfg_prune(struct ir_unit *u);
void ir_cfg_free(struct ir_cfg *g);
/** Drops unreachable blocks and renumbers the rest so that each comes after its dominators and natural loops are
 * contiguous, innermost ones too: what liveness in layout order wants. u->cfg is up to date afterwards. */
void ir_cfg_layout(struct ir_unit *u);

/** True if every way from the entry to block `b` leads through block `a` (both reachable). */
static inline bool ir_dominates(const struct ir_cfg *g, uint32_t a, uint32_t b)
{
    while (b != IR_NO_BLOCK && g->pos[b] > g->pos[a])
        b = g->idom[b];
    return a == b;
}
