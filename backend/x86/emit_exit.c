/* Leaving the unit, edges between its blocks, out-of-line code and calls of C. */
#include "backend/x86/emit.h"

#include <stdlib.h>

/* Free at unit boundaries (homes.h): what the exits themselves use. */
#define EXIT_PC RAX
#define EXIT_A RCX
#define EXIT_B RDX

/* ------------------------------------------------------------------ thunks and links */

/* Position of a thunk as the buffer counts, though it is reached at the executable address. */
static int32_t thunk_pos(const struct x86_emit *e, enum thunk t)
{
    return (int32_t)(e->cb->thunks[t] - (e->b.base + e->cb->exec_delta));
}

/* A direct exit: five bytes within one aligned eight, so that one store links them. */
static void direct_exit(struct x86_emit *e, gaddr target, unsigned hint, bool backward)
{
    unsigned at = x86_pos(&e->b) & 7;

    if (at > 3)
        x86_nop(&e->b, 8 - at);
    GROW(e, exits);
    e->exits[e->nexits++] = (struct code_exit){ .off = x86_pos(&e->b), .hint = (uint8_t)hint, .backward = backward, .target = target };
    x86_call_rel32(&e->b, thunk_pos(e, THUNK_EXIT_DIRECT));
}

static void store_pc(struct x86_emit *e, gaddr pc)
{
    emit_gaddr(e, EXIT_PC, pc);
    x86_mov_mr(&e->b, 8, CPU_MEM(e, pc), EXIT_PC);
}

/* ------------------------------------------------------------------ stubs */

struct stub *stub_new(struct x86_emit *e, enum stub_kind kind)
{
    GROW(e, stubs);
    e->stubs[e->nstubs] = (struct stub){ .kind = (uint8_t)kind, .info_reg = RA_NONE };
    return &e->stubs[e->nstubs++];
}

struct stub *stub_code(struct x86_emit *e, void (*code)(struct x86_emit *, const struct stub *))
{
    struct stub *s = stub_new(e, STUB_CODE);

    s->code = code;
    return s;
}

void stub_jcc(struct x86_emit *e, struct stub *s, enum x86_cc cc)
{
    s->from[s->nfrom++] = x86_jcc_rel32_fwd(&e->b, cc);
}

static struct stub *stub_exit(struct x86_emit *e, enum stub_kind kind, uint32_t first, gaddr pc)
{
    struct stub *s = stub_new(e, kind);

    s->first = first;
    s->n = e->ra.nwheres - first;
    s->pc = pc;
    return s;
}

/* A backward exit: out for the run loop if it is asked for, or if a loop's end finds that it is time to see what is hot. */
static void poll_and_count(struct x86_emit *e, struct stub *s, bool loop)
{
    x86_cmp_mi(&e->b, 4, CPU_MEM(e, poll), 0);
    stub_jcc(e, s, X86_NE);
    if (!loop)
        return;
    x86_sub_mi(&e->b, 4, CPU_MEM(e, tick), 1);
    stub_jcc(e, s, X86_S);
}

static void poll_out(struct x86_emit *e, gaddr pc)
{
    store_pc(e, pc);
    x86_jmp(&e->b, thunk_pos(e, THUNK_EXIT_POLL));
}

static void trap_out(struct x86_emit *e, gaddr pc, uint32_t trap)
{
    store_pc(e, pc);
    x86_mov_mi(&e->b, 4, CPU_MEM(e, trap), (int32_t)trap);
    x86_jmp(&e->b, thunk_pos(e, THUNK_EXIT_TRAP));
}

static void const_info(struct x86_emit *e, uint64_t info)
{
    x86_mov_ri(&e->b, 8, EXIT_PC, (int64_t)info);
    x86_mov_mr(&e->b, 8, CPU_MEM(e, trap_info), EXIT_PC);
}

static void stub_emit(struct x86_emit *e, const struct stub *s)
{
    for (unsigned k = 0; k < s->nfrom; k++)
        x86_patch_rel32(&e->b, s->from[k], (int32_t)x86_pos(&e->b));
    if (s->kind == STUB_CODE) {
        s->code(e, s);
        x86_jmp(&e->b, (int32_t)s->back);
        return;
    }
    if (s->info_reg != RA_NONE)
        x86_mov_mr(&e->b, 8, CPU_MEM(e, trap_info), s->info_reg);
    ra_exit_moves(&e->ra, s->first, s->n, RA_NONE, RA_NONE);
    switch (s->kind) {
    case STUB_TRAP:
        if (s->info_reg == RA_NONE)
            const_info(e, s->info);
        trap_out(e, s->pc, s->trap);
        break;
    case STUB_POLL:
        poll_out(e, s->pc);
        break;
    default:
        if (s->poll) {
            uint32_t asked, quiet;

            x86_cmp_mi(&e->b, 4, CPU_MEM(e, poll), 0);
            asked = x86_jcc_rel8_fwd(&e->b, X86_NE);
            x86_sub_mi(&e->b, 4, CPU_MEM(e, tick), 1);
            quiet = x86_jcc_rel8_fwd(&e->b, X86_NS);
            x86_patch_rel8(&e->b, asked, (int32_t)x86_pos(&e->b));
            poll_out(e, s->pc);
            x86_patch_rel8(&e->b, quiet, (int32_t)x86_pos(&e->b));
        }
        direct_exit(e, s->pc, s->hint, s->poll);
    }
}

void stubs_emit(struct x86_emit *e)
{
    for (uint32_t k = 0; k < e->nstubs; k++) {
        struct stub s = e->stubs[k];

        stub_emit(e, &s);
    }
}

/* ------------------------------------------------------------------ side exits */

void jump_if(struct x86_emit *e, const struct cond *c, struct stub *s)
{
    unsigned parity;
    enum x86_cc cc = cond_emit(e, c, &parity);

    if (parity != 0xff) {
        uint32_t unordered = x86_jcc_rel8_fwd(&e->b, X86_P);

        stub_jcc(e, s, cc);
        x86_patch_rel8(&e->b, unordered, (int32_t)x86_pos(&e->b));
        return;
    }
    stub_jcc(e, s, cc);
}

void emit_exit_if(struct x86_emit *e, struct ir_insn *i)
{
    struct cond c = cond_prepare(e, i->arg[0]);
    uint32_t first = ra_exit_list(&e->ra, i->snap);
    struct stub *s = stub_exit(e, STUB_EXIT, first, (gaddr)i->imm);

    s->poll = (i->aux & IR_EXIT_POLL) != 0;
    jump_if(e, &c, s);
}

void emit_trap_if(struct x86_emit *e, struct ir_insn *i)
{
    struct cond c = cond_prepare(e, i->arg[0]);
    uint32_t first = ra_exit_list(&e->ra, i->snap);
    struct stub *s = stub_exit(e, STUB_TRAP, first, e->u->snaps[i->snap].pc);

    s->trap = i->aux;
    s->info = (uint64_t)i->imm;
    jump_if(e, &c, s);
}

void emit_poll(struct x86_emit *e, struct ir_insn *i)
{
    struct stub *s = stub_exit(e, STUB_POLL, ra_exit_list(&e->ra, i->snap), (gaddr)i->imm);

    x86_cmp_mi(&e->b, 4, CPU_MEM(e, poll), 0);
    stub_jcc(e, s, X86_NE);
}

/* ------------------------------------------------------------------ ends */

/* Brings everything home; `keep` (a value or none) into EXIT_PC. */
static void go_home(struct x86_emit *e, const struct ir_insn *i, ir_ref keep)
{
    unsigned from = keep ? ra_use(&e->ra, keep) : RA_NONE;
    uint32_t first = ra_exit_list(&e->ra, i->snap);

    ra_exit_moves(&e->ra, first, e->ra.nwheres - first, from, EXIT_PC);
    e->ra.nwheres = first;
}

void emit_exit(struct x86_emit *e, struct ir_insn *i)
{
    go_home(e, i, IR_NONE);
    bool polls = i->aux & IR_EXIT_POLL, loop = polls && IR_EXIT_JUMP(i->aux) != IR_JUMP_CALL;

    if (polls)
        poll_and_count(e, stub_exit(e, STUB_POLL, e->ra.nwheres, (gaddr)i->imm), loop);
    direct_exit(e, (gaddr)i->imm, IR_EXIT_JUMP(i->aux), loop);
}

/* The inline probe: entry (pc & mask) >> align of the thread's table, 16 bytes each. */
void emit_exit_ind(struct x86_emit *e, struct ir_insn *i)
{
    unsigned align = e->u->guest->insn_align_log2;
    unsigned scale = 16u >> align;
    struct x86_mem entry;
    uint32_t miss;

    go_home(e, i, ra_rep(&e->ra, i->arg[0]));
    x86_mov_rr(&e->b, 4, EXIT_A, EXIT_PC);
    x86_mov_rm(&e->b, 8, EXIT_B, CPU_MEM(e, probe));
    x86_and_rm(&e->b, 4, EXIT_A, CPU_MEM(e, probe_mask));
    if (scale > 8) { /* byte-aligned guests */
        x86_shl_ri(&e->b, 4, EXIT_A, 1);
        scale = 8;
    }
    entry = x86_mem_bi(EXIT_B, EXIT_A, scale, (int32_t)offsetof(struct cpu_probe, pc));
    x86_cmp_mr(&e->b, 8, entry, EXIT_PC);
    miss = x86_jcc_rel8_fwd(&e->b, X86_NE);
    entry.disp = (int32_t)offsetof(struct cpu_probe, code);
    x86_jmp_m(&e->b, entry);
    x86_patch_rel8(&e->b, miss, (int32_t)x86_pos(&e->b));
    x86_mov_mr(&e->b, 8, CPU_MEM(e, pc), EXIT_PC);
    x86_jmp(&e->b, thunk_pos(e, THUNK_EXIT_PC));
}

void emit_trap(struct x86_emit *e, struct ir_insn *i)
{
    go_home(e, i, IR_NONE);
    const_info(e, (uint64_t)i->imm);
    trap_out(e, e->u->snaps[i->snap].pc, i->aux);
}

/* ------------------------------------------------------------------ edges */

/* The moves of an edge and the jump to its block, unless that follows. */
static void edge_emit(struct x86_emit *e, uint32_t edge, uint32_t to)
{
    ra_edge(&e->ra, edge, to);
    if (to <= e->ra.block)
        x86_jmp(&e->b, (int32_t)e->block_at[to]);
    else if (to != e->ra.block + 1)
        block_jump(e, to);
}

void emit_jmp(struct x86_emit *e, struct ir_insn *i)
{
    edge_emit(e, i->aux, (uint32_t)i->imm & 0xffff);
}

/* A conditional jump to a block. */
static void block_jcc(struct x86_emit *e, enum x86_cc cc, uint32_t to)
{
    uint32_t at = x86_jcc_rel32_fwd(&e->b, cc);

    if (to <= e->ra.block) {
        x86_patch_rel32(&e->b, at, (int32_t)e->block_at[to]);
        return;
    }
    GROW(e, jumps);
    e->jumps[e->njumps++] = (struct block_jump){ at, to };
}

/* Both edges may need moves. Those of the edge jumped to stand before a jump of its own; without any, the conditional
 * jump leads straight to the block. */
void emit_br(struct x86_emit *e, struct ir_insn *i)
{
    uint32_t yes = (uint32_t)i->imm & 0xffff, no = (uint32_t)(i->imm >> 16) & 0xffff;
    uint32_t edge_yes = i->aux, edge_no = i->aux + 1u;
    struct cond c = cond_prepare(e, i->arg[0]);
    unsigned parity;
    enum x86_cc cc = cond_emit(e, &c, &parity);
    uint32_t to_no, unordered = 0, moves;
    struct ra_save saved;
    uint8_t *here;

    ra_save(&e->ra, &saved);
    if (parity != 0xff) {
        unordered = x86_jcc_rel32_fwd(&e->b, X86_P);
    } else if (yes == e->ra.block + 1) { /* the way that follows comes last */
        uint32_t block = yes, edge = edge_yes;

        yes = no, no = block;
        edge_yes = edge_no, edge_no = edge;
        cc = x86_cc_not(cc);
    }
    here = e->b.p;
    to_no = x86_jcc_rel32_fwd(&e->b, x86_cc_not(cc));
    moves = x86_pos(&e->b);
    ra_edge(&e->ra, edge_yes, yes);
    if (x86_pos(&e->b) == moves && !e->b.overflow) {
        e->b.p = here;
        block_jcc(e, cc, yes);
    } else {
        if (yes <= e->ra.block)
            x86_jmp(&e->b, (int32_t)e->block_at[yes]);
        else
            block_jump(e, yes);
        x86_patch_rel32(&e->b, to_no, (int32_t)x86_pos(&e->b));
    }
    if (parity != 0xff)
        x86_patch_rel32(&e->b, unordered, (int32_t)x86_pos(&e->b));
    ra_restore(&e->ra, &saved);
    edge_emit(e, edge_no, no);
}

void block_jump(struct x86_emit *e, uint32_t to)
{
    GROW(e, jumps);
    e->jumps[e->njumps++] = (struct block_jump){ x86_jmp_rel32_fwd(&e->b), to };
}

void block_jumps_patch(struct x86_emit *e)
{
    for (uint32_t k = 0; k < e->njumps; k++)
        x86_patch_rel32(&e->b, e->jumps[k].rel32, (int32_t)e->block_at[e->jumps[k].to]);
}

/* ------------------------------------------------------------------ calls of C */

void rt_arg_int(struct x86_emit *e, unsigned k, enum x86_reg reg)
{
    x86_mov_mr(&e->b, 8, cpu_mem(e, (int32_t)(offsetof(struct cpu, rt_int) + 8 * k)), reg);
}

void rt_arg_imm(struct x86_emit *e, unsigned k, int64_t imm)
{
    int32_t off = (int32_t)(offsetof(struct cpu, rt_int) + 8 * k);

    if (imm == (int32_t)imm) {
        x86_mov_mi(&e->b, 8, cpu_mem(e, off), (int32_t)imm);
        return;
    }
    x86_mov_mi(&e->b, 4, cpu_mem(e, off), (int32_t)imm);
    x86_mov_mi(&e->b, 4, cpu_mem(e, off + 4), (int32_t)(imm >> 32));
}

void rt_arg_fp(struct x86_emit *e, unsigned k, unsigned reg, unsigned type)
{
    struct x86_mem m = cpu_mem(e, (int32_t)(offsetof(struct cpu, rt_fp) + 16 * k));

    if (type == IR_V128)
        x86_movaps_mx(&e->b, m, xmm(reg));
    else
        x86_movq_mx(&e->b, m, xmm(reg));
}

void rt_call(struct x86_emit *e, uint32_t index)
{
    x86_mov_mi(&e->b, 4, CPU_MEM(e, rt_index), (int32_t)index);
    x86_call_m(&e->b, CPU_MEM(e, rt_thunk));
}

void rt_result(struct x86_emit *e, unsigned reg, unsigned type)
{
    if (reg < RA_XMM0)
        x86_mov_rm(&e->b, type == IR_I64 ? 8 : 4, reg, CPU_MEM(e, rt_int));
    else if (type == IR_V128)
        x86_movaps_xm(&e->b, xmm(reg), CPU_MEM(e, rt_fp));
    else if (type == IR_F32)
        x86_movss_xm(&e->b, xmm(reg), CPU_MEM(e, rt_fp));
    else
        x86_movq_xm(&e->b, xmm(reg), CPU_MEM(e, rt_fp));
}

static void helper_args(struct x86_emit *e, const struct ir_insn *i, const struct guest_helper *h)
{
    unsigned ints = 0, fps = 0;

    for (unsigned k = 0; k < h->nargs; k++) {
        unsigned reg = ra_use(&e->ra, ra_rep(&e->ra, i->arg[k]));

        if (reg >= RA_XMM0) {
            rt_arg_fp(e, fps++, reg, h->args[k]);
            continue;
        }
        /* Upper bits of a narrow value are anything; C may look at 32. */
        rt_arg_int(e, ints++, reg);
    }
    if (h->flags & GUEST_HELPER_IMM)
        rt_arg_imm(e, ints, i->imm);
}

/* The call itself; of a helper that may fault on guest memory it is what faults (backend/fault.c). */
static void helper_call(struct x86_emit *e, const struct ir_insn *i, const struct guest_helper *h)
{
    x86_mov_mi(&e->b, 4, CPU_MEM(e, rt_index), (int32_t)(CPU_RT_HELPER + i->aux));
    if (h->flags & GUEST_HELPER_MEM)
        emit_mark_fault(e);
    x86_call_m(&e->b, CPU_MEM(e, rt_thunk));
}

/* All guest registers go to their slots, C may change any of them, those with homes come back. Only an exit
 * follows (ir.h). */
static void call_with_state(struct x86_emit *e, const struct ir_insn *i, const struct guest_helper *h)
{
    const struct guest *g = e->u->guest;

    go_home(e, i, IR_NONE);
    if (h->flags & GUEST_HELPER_MEM)
        e->snap_rec = snaplog_add_home(e, i->snap);
    for (unsigned r = 0; r < g->nregs; r++)
        if (e->ra.target->home[r] != RA_NONE)
            e->ra.target->store(e, (int32_t)offsetof(struct cpu, regs) + g->regs[r].off,
                                e->ra.target->home[r], g->regs[r].type == IR_V128 ? 16 : 8);
    helper_call(e, i, h);
    for (unsigned r = 0; r < g->nregs; r++)
        if (e->ra.target->home[r] != RA_NONE)
            e->ra.target->load(e, e->ra.target->home[r], (int32_t)offsetof(struct cpu, regs) + g->regs[r].off,
                               g->regs[r].type == IR_V128 ? 16 : 8);
    ra_all_home(&e->ra);
}

void emit_call(struct x86_emit *e, struct ir_insn *i)
{
    const struct guest_helper *h = &e->u->guest->helpers[i->aux];

    helper_args(e, i, h);
    if (h->flags & GUEST_HELPER_STATE) {
        call_with_state(e, i, h);
    } else {
        if (h->flags & GUEST_HELPER_MEM)
            e->snap_rec = snaplog_add(e, i->snap);
        helper_call(e, i, h);
    }
    if (h->ret != IR_VOID) {
        e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, 0);
        rt_result(e, e->d, h->ret);
    }
}
