/* Peeling: a loop of one block gets its first iteration in front of it.
 *
 * A register that a loop writes before it reads it still has its value from outside in the first iteration, up to there, and
 * a signal handler may see that. So it is a parameter of the loop, passed round in memory for the sake of one
 * iteration. After peeling all iterations in the loop look alike: what each leaves behind, say the operands of its last
 * comparison as the flags, is known at its head, and pass `join` finds that such parameters are constants, copies
 * of others, or narrower values in a wide register. Value numbering finds what is invariant, since the first iteration
 * dominates the others.
 *
 * Runs before `regs`, where a copy of instructions is a copy of gets and puts. */
#include "ir/passes/pass.h"

enum { MOST_INSNS = 40 }; /* guest instructions of a loop that is worth its copy */

/** The block of a unit that consists of a loop and the jump into it (frontend/translate.c), 0 if it doesn't. */
static uint32_t only_loop(const struct ir_unit *u)
{
    const struct ir_insn *in = ir_at(u, u->blocks[0].first), *back = ir_at(u, u->blocks[1].last);

    return u->nblocks == 2 && in->op == IR_jmp && back->op == IR_jmp && back->imm == 1 ? 1 : 0;
}

/** Does an iteration leave something in a register that is simpler than the register's type says? */
static bool leaves_simple(const struct ir_unit *u, uint32_t b)
{
    for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next) {
        if (ir_at(u, r)->op != IR_put)
            continue;
        switch (ir_at(u, ir_at(u, r)->arg[0])->op) {
        case IR_const: case IR_sext: case IR_zext: case IR_vzext: case IR_nanbox: case IR_bitcast:
            return true;
        default:
            break;
        }
    }
    return false;
}

/** Copies block `b`, without its end, to before insn `at`. */
static void copy_block(struct ir_unit *u, uint32_t b, ir_ref at)
{
    ir_ref *copies = ir_scratch(u, u->ninsns * sizeof *copies);

    for (ir_ref r = u->blocks[b].first; r != u->blocks[b].last; r = ir_at(u, r)->next) {
        struct ir_insn i = *ir_at(u, r);

        for (unsigned k = 0; k < 3; k++)
            if (i.arg[k] && !ir_is_const(u, i.arg[k]))
                i.arg[k] = copies[i.arg[k]];
        copies[r] = ir_insert_before(u, at, i.op, i.type, i.aux, i.arg[0], i.arg[1], i.arg[2], i.imm);
    }
}

void pass_peel(struct ir_unit *u)
{
    uint32_t b;

    if (u->regs_done || u->guest_insns > MOST_INSNS || !(b = only_loop(u)) || !leaves_simple(u, b))
        return;
    copy_block(u, b, u->blocks[0].last);
}
