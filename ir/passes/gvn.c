/* Value numbering: a pure op that was computed before, where that dominates, is not computed again.
 *
 * FP ops (flag E) are merged too, but only inside a block and with nothing between that sets the rounding mode or
 * the exception flags. Loads never are (memory order, ir.h). */
#include <string.h>

#include "frontend/guest.h"
#include "ir/cfg.h"
#include "ir/passes/pass.h"

struct slot {
    ir_ref r;
    uint32_t block;
    uint32_t epoch;   /* of the FP environment, for FP ops */
};

struct gvn {
    struct ir_unit *u;
    const struct ir_cfg *g;
    struct slot *table;
    uint32_t mask;
    uint32_t b, epoch;
};

enum kind { KIND_OTHER, KIND_PURE, KIND_FP };

static enum kind kind_of(const struct ir_unit *u, const struct ir_insn *i)
{
    if (i->op == IR_call)
        return u->guest && u->guest->helpers[i->aux].flags == GUEST_HELPER_PURE ? KIND_PURE : KIND_OTHER;
    if (ir_ops[i->op].flags & IR_PURE)
        return KIND_PURE;
    return ir_ops[i->op].flags & IR_FPENV ? KIND_FP : KIND_OTHER;
}

static uint32_t hash(const struct ir_insn *i)
{
    uint64_t h = i->op | (uint64_t)i->type << 8 | (uint64_t)i->aux << 16;

    if (ir_ops[i->op].flags & IR_COMM)
        h ^= (uint64_t)(i->arg[0] + i->arg[1]) << 32;
    else
        h ^= ((uint64_t)i->arg[0] << 32) + ((uint64_t)i->arg[1] << 45);
    h = (h ^ (uint64_t)i->arg[2] << 7 ^ (uint64_t)i->imm << 20) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

static bool equal(const struct ir_insn *a, const struct ir_insn *b)
{
    if (a->op != b->op || a->type != b->type || a->aux != b->aux || a->imm != b->imm || a->arg[2] != b->arg[2])
        return false;
    if (a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1])
        return true;
    return (ir_ops[a->op].flags & IR_COMM) && a->arg[0] == b->arg[1] && a->arg[1] == b->arg[0];
}

/** Looks insn `r` up and enters it if it is new. Returns the earlier one or IR_NONE. */
static ir_ref look_up(struct gvn *v, ir_ref r, enum kind kind)
{
    const struct ir_insn *i = ir_at(v->u, r);
    uint32_t h = hash(i) & v->mask;

    for (; v->table[h].r; h = (h + 1) & v->mask) {
        struct slot *s = &v->table[h];
        if (!equal(ir_at(v->u, s->r), i))
            continue;
        if (kind == KIND_PURE ? s->block == v->b || ir_dominates(v->g, s->block, v->b) : s->epoch == v->epoch)
            return s->r;
        break; /* out of reach from here on: this one takes its place */
    }
    v->table[h] = (struct slot){ r, v->b, v->epoch };
    return IR_NONE;
}

void pass_gvn(struct ir_unit *u)
{
    struct gvn v = { .u = u, .g = ir_cfg_build(u), .mask = 63 };

    while (v.mask < 2 * u->ninsns)
        v.mask = 2 * v.mask + 1;
    v.table = ir_scratch(u, (v.mask + 1) * sizeof *v.table);
    memset(v.table, 0, (v.mask + 1) * sizeof *v.table);
    for (uint32_t k = 0; k < v.g->n; k++) {
        v.b = v.g->order[k];
        v.epoch++;
        for (ir_ref r = u->blocks[v.b].first, next; r; r = next) {
            pass_resolve_args(u, r);
            const struct ir_insn *i = ir_at(u, r);
            next = i->next;
            enum kind kind = kind_of(u, i);
            if (kind == KIND_OTHER) {
                v.epoch += i->op == IR_fpflags_set || i->op == IR_fpflags_set_if || i->op == IR_fprm_set ||
                           i->op == IR_call || i->op == IR_callv;
                continue;
            }
            ir_ref same = look_up(&v, r, kind);
            if (same)
                ir_forward(u, v.b, r, same);
        }
    }
    pass_resolve_rest(u);
}
