/* Peeling: a loop of one block gets its first iteration in front of it.
 *
 * A register that a loop writes before it reads it still has its value from outside in the first iteration, up to there, and
 * a signal handler may see that. So it is a parameter of the loop, passed round in memory for the sake of one
 * iteration. After peeling all iterations in the loop look alike: what each leaves behind, say the operands of its last
 * comparison as the flags, is known at its head, and pass `join` finds that such parameters are constants, copies
 * of others, or narrower values in a wide register. Value numbering finds what is invariant, since the first iteration
 * dominates the others.
 *
 * Runs before `regs`, where a copy of instructions is a copy of gets and puts, if only no other block names the values. */
#include <string.h>

#include "ir/cfg.h"
#include "ir/passes/pass.h"

enum { MOST_INSNS = 40 }; /* guest instructions of a loop that is worth its copy */

/** Does block `b` lead to itself, without parameters? */
static bool is_loop(const struct ir_unit *u, uint32_t b)
{
    uint32_t succ[2];
    unsigned n = ir_succs(u, b, succ);
    bool itself = false, args = u->blocks[b].nparams > 0;

    for (unsigned s = 0; s < n; s++) {
        itself |= succ[s] == b;
        args |= u->edges[ir_at(u, u->blocks[b].last)->aux + s].n > 0;
    }
    return itself && !args;
}

/** Is block `b` short, and does an iteration leave something in a register that is simpler than the register's type says? */
static bool worth_it(const struct ir_unit *u, uint32_t b)
{
    unsigned insns = 0;
    bool simple = false;

    for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next) {
        insns += ir_at(u, r)->op == IR_insn;
        if (ir_at(u, r)->op != IR_put)
            continue;
        switch (ir_at(u, ir_at(u, r)->arg[0])->op) {
        case IR_const: case IR_sext: case IR_zext: case IR_vzext: case IR_nanbox: case IR_bitcast:
            simple = true;
            break;
        default:
            break;
        }
    }
    return simple && insns <= MOST_INSNS;
}

/** Does another block name a value of block `b`? */
static bool named_elsewhere(const struct ir_unit *u, uint32_t b, uint8_t *inside)
{
    memset(inside, 0, u->ninsns);
    for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next)
        inside[r] = 1;
    for (uint32_t k = 0; k < u->nedge_args; k++)
        if (inside[u->edge_args[k]])
            return true;
    for (uint32_t k = 0; k < u->nblocks; k++)
        for (ir_ref r = u->blocks[k].first; r && k != b; r = ir_at(u, r)->next)
            for (unsigned a = 0; a < 3; a++)
                if (inside[ir_at(u, r)->arg[a]])
                    return true;
    return false;
}

/** Copies block `b`, without its end, to the end of the current block or, if there is one, to before insn `at`. Returns
 * what became of the condition at its end. */
static ir_ref copy_block(struct ir_unit *u, uint32_t b, ir_ref at)
{
    uint32_t n = u->ninsns;
    ir_ref *copies = ir_scratch(u, n * sizeof *copies), r;

    memset(copies, 0, n * sizeof *copies);
    for (r = u->blocks[b].first; r != u->blocks[b].last; r = ir_at(u, r)->next) {
        struct ir_insn i = *ir_at(u, r);

        for (unsigned k = 0; k < 3; k++)
            if (copies[i.arg[k]])
                i.arg[k] = copies[i.arg[k]];
        copies[r] = at ? ir_insert_before(u, at, i.op, i.type, i.aux, i.arg[0], i.arg[1], i.arg[2], i.imm)
                       : ir_emit(u, i.op, i.type, i.aux, i.arg[0], i.arg[1], i.arg[2], i.imm);
    }
    return copies[ir_at(u, r)->arg[0]] ? copies[ir_at(u, r)->arg[0]] : ir_at(u, r)->arg[0];
}

/** All ways into block `b` but its own lead to block `to` now. */
static void redirect(struct ir_unit *u, uint32_t b, uint32_t to)
{
    for (uint32_t k = 0; k < u->nblocks; k++) {
        struct ir_insn *t = ir_at(u, u->blocks[k].last);
        uint32_t yes = (uint32_t)t->imm & 0xffff, no = (uint32_t)(t->imm >> 16);

        if (k == b || k == to)
            continue;
        if (t->op == IR_jmp && t->imm == b)
            t->imm = to;
        else if (t->op == IR_br)
            t->imm = (yes == b ? to : yes) | (int64_t)(no == b ? to : no) << 16;
    }
}

static void peel(struct ir_unit *u, uint32_t b)
{
    const struct ir_insn *in = ir_at(u, u->blocks[0].first);
    uint32_t first;
    struct ir_insn end;
    ir_ref cond;

    if (u->nblocks == 2 && in->op == IR_jmp && ir_at(u, u->blocks[1].last)->op == IR_jmp) { /* nothing else: in front of it all */
        copy_block(u, b, u->blocks[0].last);
        return;
    }
    first = ir_block_new(u);
    ir_block_use(u, first);
    cond = copy_block(u, b, IR_NONE);
    end = *ir_at(u, u->blocks[b].last);
    end.aux = (uint16_t)ir_edge_new(u, NULL, 0);
    if (end.op == IR_br)
        ir_edge_new(u, NULL, 0);
    ir_emit(u, end.op, end.type, end.aux, cond, IR_NONE, IR_NONE, end.imm);
    redirect(u, b, first);
}

void pass_peel(struct ir_unit *u)
{
    uint32_t n = u->nblocks;

    if (u->regs_done)
        return;
    for (uint32_t b = 1; b < n; b++)
        if (is_loop(u, b) && worth_it(u, b) && !named_elsewhere(u, b, ir_scratch(u, u->ninsns)))
            peel(u, b);
    if (u->nblocks > n)
        ir_cfg_layout(u);
}
