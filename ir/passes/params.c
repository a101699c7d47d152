/* Block parameters to which all edges pass the same value (or the parameter itself) are that value. Pass `regs` places
 * them wherever definitions meet, also where these are equal: a constant kind of flags, a register that an inner loop
 * leaves alone.
 *
 * Who names such a parameter names the value instead; pass `dce` takes the parameter out. The value dominates all
 * predecessors of the block, so the block too.
 */
#include <string.h>

#include "ir/cfg.h"
#include "ir/passes/pass.h"

struct params {
    struct ir_unit *u;
    ir_ref *is;      /* per insn: the value that a parameter turned out to be, or IR_NONE */
};

static ir_ref value(const struct params *p, ir_ref r)
{
    r = ir_val(p->u, r);
    while (p->is[r])
        r = ir_val(p->u, p->is[r]);
    return r;
}

/** What edge number `edge` passes to parameter number `k`. */
static ir_ref argument(const struct params *p, uint32_t edge, uint32_t k)
{
    return value(p, p->u->edge_args[p->u->edges[edge].first + k]);
}

/** The only value that parameter `r`, number `k` of block `b`, can have besides itself; IR_NONE if there are several. */
static ir_ref only_value(const struct params *p, const struct ir_cfg *g, uint32_t b, uint32_t k, ir_ref r)
{
    ir_ref only = IR_NONE;
    uint32_t succ[2];

    for (uint32_t e = g->pred_first[b]; e < g->pred_first[b + 1]; e++)
        for (unsigned s = ir_succs(p->u, g->preds[e], succ); s--; ) {
            if (succ[s] != b)
                continue;
            ir_ref v = argument(p, ir_at(p->u, p->u->blocks[g->preds[e]].last)->aux + s, k);
            if (v == r || v == only)
                continue;
            if (only)
                return IR_NONE;
            only = v;
        }
    return only;
}

static bool find(struct params *p, const struct ir_cfg *g)
{
    bool changed = false;

    for (uint32_t k = 1; k < g->n; k++) {
        uint32_t b = g->order[k], n = p->u->blocks[b].nparams;
        ir_ref r = p->u->blocks[b].first;
        for (uint32_t j = 0; j < n; j++, r = ir_at(p->u, r)->next) {
            if (p->is[r])
                continue;
            p->is[r] = only_value(p, g, b, j, r);
            changed |= p->is[r] != IR_NONE;
        }
    }
    return changed;
}

void pass_params(struct ir_unit *u)
{
    const struct ir_cfg *g = ir_cfg_build(u);
    struct params p = { .u = u, .is = ir_scratch(u, u->ninsns * sizeof(ir_ref)) };
    bool any = false;

    memset(p.is, 0, u->ninsns * sizeof(ir_ref));
    while (find(&p, g))
        any = true;
    if (!any)
        return;
    for (uint32_t k = 0; k < g->n; k++)
        for (ir_ref r = u->blocks[g->order[k]].first; r; r = ir_at(u, r)->next)
            for (unsigned a = 0; a < 3; a++)
                if (ir_at(u, r)->arg[a])
                    ir_at(u, r)->arg[a] = value(&p, ir_at(u, r)->arg[a]);
    for (uint32_t k = 0; k < u->nedge_args; k++)
        u->edge_args[k] = value(&p, u->edge_args[k]);
    for (uint32_t k = 0; k < u->nsnap_vals; k++)
        u->snap_vals[k].val = value(&p, u->snap_vals[k].val);
}
