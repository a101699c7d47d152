#include "frontend/translate.h"

#include <string.h>

#include "backend/run.h"
#include "loader/space.h"

unsigned translate_limit = 128, translate_side_exits = 3;
bool translate_once;

enum { SHADOW_INSNS = 2, SHADOW_BYTES = 8, LOOP_EXITS = 12, SCATTER = 8 };

/* Emits an op that has a pc or payload in imm and nothing else. */
static ir_ref emit_imm(struct ir_unit *u, enum ir_op op, unsigned aux, ir_ref a, uint64_t imm)
{
    return ir_emit(u, op, IR_VOID, (uint16_t)aux, a, IR_NONE, IR_NONE, (int64_t)imm);
}

ir_ref tr_get(struct tr *tr, unsigned reg)
{
    if (tr->known[reg] == IR_NONE)
        tr->known[reg] = ir_emit(tr->u, IR_get, tr->guest->regs[reg].type, (uint16_t)reg, IR_NONE,
                                 IR_NONE, IR_NONE, 0);
    return tr->known[reg];
}

void tr_put(struct tr *tr, unsigned reg, ir_ref val)
{
    ir_emit(tr->u, IR_put, IR_VOID, (uint16_t)reg, val, IR_NONE, IR_NONE, 0);
    tr->known[reg] = val;
    tr->narrow[reg] = IR_NONE;
}

void tr_forget(struct tr *tr)
{
    memset(tr->known, 0, sizeof tr->known);
    memset(tr->narrow, 0, sizeof tr->narrow);
}

/* Control flow in the shadow of a branch (see shadow()): the trial has failed. */
static bool on_trial(struct tr *tr)
{
    tr->done |= tr->trial;
    return tr->trial;
}

void tr_leave(struct tr *tr, gaddr target, enum ir_jump hint)
{
    unsigned aux = hint | (target <= tr->pc ? IR_EXIT_POLL : 0);

    emit_imm(tr->u, IR_exit, aux, IR_NONE, target);
    tr->done = true;
}

/* Ends the unit with a jump to its own entry. All that was built so far is the loop's body: it becomes
 * block 1, and block 0 only leads there. */
static void close_loop(struct tr *tr)
{
    struct ir_unit *u = tr->u;
    uint32_t body = ir_block_new(u);
    uint32_t edge = ir_edge_new(u, NULL, 0);

    u->blocks[body].first = u->blocks[0].first;
    u->blocks[body].last = u->blocks[0].last;
    u->blocks[body].loop_head = true;
    u->blocks[0].first = u->blocks[0].last = IR_NONE;
    ir_block_use(u, 0);
    emit_imm(u, IR_jmp, edge, IR_NONE, body);

    edge = ir_edge_new(u, NULL, 0);
    ir_block_use(u, body);
    emit_imm(u, IR_poll, 0, IR_NONE, u->pc);
    emit_imm(u, IR_jmp, edge, IR_NONE, body);
    tr->done = true;
}

/* The end of a region's block. */
static void flow_ends(struct tr *tr, enum tr_flow_kind kind, ir_ref cond, gaddr target)
{
    *tr->flow = (struct tr_flow){ kind, cond, target };
    tr->done = true;
}

void tr_goto(struct tr *tr, gaddr target, enum ir_jump hint)
{
    if (on_trial(tr))
        return;
    if (hint == IR_JUMP_CALL)
        tr_leave(tr, target, hint);
    else if (tr->flow)
        flow_ends(tr, TR_FLOW_GOTO, IR_NONE, target);
    else if (target == tr->u->pc)
        close_loop(tr);
    else if (target > tr->pc && tr->u->nextents < SCATTER && tr->u->guest_insns + 1 < translate_limit &&
             !cache_has(target, tr->u->mode))
        tr->next = target; /* cannot be in this unit already: a unit only ever goes forward */
    else
        tr_leave(tr, target, hint);
}

ir_ref tr_negated(struct ir_unit *u, ir_ref c)
{
    const struct ir_insn *i = ir_at(u, c);
    ir_ref x = i->arg[0], y = i->arg[1];

    switch (i->op) {
    case IR_cmpeq:  return ir_op2(u, IR_cmpne, IR_I1, x, y);
    case IR_cmpne:  return ir_op2(u, IR_cmpeq, IR_I1, x, y);
    case IR_cmplts: return ir_op2(u, IR_cmples, IR_I1, y, x);
    case IR_cmples: return ir_op2(u, IR_cmplts, IR_I1, y, x);
    case IR_cmpltu: return ir_op2(u, IR_cmpleu, IR_I1, y, x);
    case IR_cmpleu: return ir_op2(u, IR_cmpltu, IR_I1, y, x);
    case IR_const:  return ir_const_val(u, IR_I1, !i->imm);
    case IR_and: case IR_or: {
        enum ir_op other = i->op == IR_and ? IR_or : IR_and;

        x = tr_negated(u, x); /* `i` moves */
        return ir_op2(u, other, IR_I1, x, tr_negated(u, y));
    }
    default:        return ir_op2(u, IR_xor, IR_I1, c, ir_const_val(u, IR_I1, 1));
    }
}

void tr_exit_if(struct tr *tr, ir_ref cond, gaddr target)
{
    ir_ref x = ir_at(tr->u, cond)->arg[0], y = ir_at(tr->u, cond)->arg[1];

    if (ir_at(tr->u, cond)->op != IR_or) {
        emit_imm(tr->u, IR_exit_if, target <= tr->pc ? IR_EXIT_POLL : 0, cond, target);
        return;
    }
    tr_exit_if(tr, x, target);
    tr_exit_if(tr, y, target);
}

void tr_branch(struct tr *tr, ir_ref cond, gaddr taken)
{
    struct ir_unit *u = tr->u;
    gaddr past = tr->pc + tr->len;

    if (on_trial(tr))
        return;
    if (ir_is_const(u, cond)) {
        if (ir_at(u, cond)->imm)
            tr_goto(tr, taken, IR_JUMP_PLAIN);
    } else if (taken == u->pc && !tr->flow) {
        tr_exit_if(tr, tr_negated(u, cond), past);
        close_loop(tr);
    } else if (taken > past && taken - past <= SHADOW_BYTES && u->guest_insns + SHADOW_INSNS < translate_limit &&
               !translate_once) {
        tr->shadow_cond = cond; /* the driver tries to do without the branch */
        tr->shadow_end = taken;
    } else if (tr->flow) {
        flow_ends(tr, TR_FLOW_BRANCH, cond, taken);
    } else {
        bool backward = taken <= tr->pc;

        tr_exit_if(tr, cond, taken);
        /* After a loop's end comes colder code; after many branches, code that may never be reached (measured:
         * docs/design.md, "Limits of a first translation"). */
        if (backward || --tr->side_exits == 0)
            tr_leave(tr, past, IR_JUMP_PLAIN);
    }
}

void tr_indirect(struct tr *tr, ir_ref target, enum ir_jump hint)
{
    if (on_trial(tr))
        return;
    if (ir_is_const(tr->u, target)) {
        tr_goto(tr, (gaddr)ir_at(tr->u, target)->imm, hint);
        return;
    }
    emit_imm(tr->u, IR_exit_ind, hint, target, 0);
    tr->done = true;
}

void tr_trap(struct tr *tr, enum ir_trap kind, uint64_t info)
{
    if (on_trial(tr))
        return;
    emit_imm(tr->u, IR_trap, kind, IR_NONE, info);
    tr->done = true;
}

void tr_trap_if(struct tr *tr, ir_ref cond, enum ir_trap kind, uint64_t info)
{
    if (on_trial(tr))
        return;
    emit_imm(tr->u, IR_trap_if, kind, cond, info);
}

void tr_end(struct tr *tr)
{
    if (on_trial(tr))
        return;
    tr_leave(tr, tr->pc + tr->len, IR_JUMP_PLAIN);
}

bool tr_fetch_more(struct tr *tr, unsigned n)
{
    while (tr->len < n) {
        const uint8_t *p = tr->code + tr->len;
        gaddr at = tr->pc + tr->len;
        size_t avail = tr->avail > tr->len ? tr->avail - tr->len : 0;
        uint16_t half;

        if (avail == 0)
            p = space_fetch(at, &avail);
        if (!p || avail < sizeof half) {
            tr_trap(tr, IR_TRAP_FETCH, at);
            return false;
        }
        memcpy(&half, p, sizeof half);
        tr->bits |= (uint64_t)half << (8 * tr->len);
        tr->len += sizeof half;
    }
    return true;
}

/* Notes that the unit depends on the bytes of the instruction just translated; one that could not be fetched
 * leaves an extent without bytes, so that a mapping that comes to be there drops the unit. */
static void note_source(struct tr *tr)
{
    struct ir_unit *u = tr->u;
    struct ir_extent *e = u->nextents ? &u->extents[u->nextents - 1] : NULL;

    u->guest_insns += tr->len != 0;
    u->guest_bytes += tr->len;
    if (!tr->unhashed)
        u->src_hash = ir_src_hash(u->src_hash, tr->bits, tr->len);
    if (!e || e->pc + e->len != tr->pc) {
        e = &u->extents[u->nextents++];
        *e = (struct ir_extent){ .pc = tr->pc };
    }
    e->len += tr->len;
}

/* Makes `pc` the instruction to be translated. */
static void advance(struct tr *tr, gaddr pc)
{
    if (pc == tr->pc + tr->len && tr->avail > tr->len) {
        tr->code += tr->len;
        tr->avail -= tr->len;
    } else {
        tr->avail = 0;
        tr->code = space_fetch(pc, &tr->avail);
        if (!tr->code)
            tr->avail = 0;
    }
    tr->pc = pc;
    tr->len = 0;
    tr->bits = 0;
    tr->next = 0;
}

/* Translates the instruction at `pc`. */
static void one_insn(struct tr *tr, gaddr pc)
{
    advance(tr, pc);

    ir_ref mark = ir_emit(tr->u, IR_insn, IR_VOID, 0, IR_NONE, IR_NONE, IR_NONE, (int64_t)pc);

    tr->guest->translate_insn(tr);
    ir_at(tr->u, mark)->aux = (uint16_t)tr->len;
}

/* What note_source() has noted so far. */
struct source {
    uint32_t insns, bytes, nextents;
    uint64_t hash;
    struct ir_extent last;
};

static struct source source_of(const struct ir_unit *u)
{
    return (struct source){ u->guest_insns, u->guest_bytes, u->nextents, u->src_hash,
                            u->extents[u->nextents - 1] };
}

static void source_restore(struct ir_unit *u, const struct source *s)
{
    u->guest_insns = s->insns;
    u->guest_bytes = s->bytes;
    u->nextents = s->nextents;
    u->src_hash = s->hash;
    u->extents[u->nextents - 1] = s->last;
}

/* Takes back what was translated after insn `last`, when note_source() had noted `s`. */
static void take_back(struct ir_unit *u, ir_ref last, const struct source *s)
{
    while (u->blocks[u->cur].last != last)
        ir_remove(u, u->cur, u->blocks[u->cur].last);
    source_restore(u, s);
}

/* --- short forward branches ---------------------------------------------------------------------- */

/* Only values and integer registers written: then a skipped instruction is one whose results are not taken. */
static bool can_be_skipped(const struct ir_unit *u, ir_ref first)
{
    for (ir_ref r = first; r; r = u->insns[r].next) {
        const struct ir_insn *i = ir_at(u, r);

        if (i->op == IR_put ? u->insns[i->arg[0]].type != IR_I64
                            : !(ir_ops[i->op].flags & IR_PURE) && i->op != IR_get && i->op != IR_insn)
            return false;
    }
    return true;
}

/* Registers put from `first` on keep their old value if `cond`. */
static void put_unless(struct tr *tr, ir_ref cond, ir_ref first, const ir_ref *before)
{
    struct ir_unit *u = tr->u;

    for (ir_ref r = first; r; r = u->insns[r].next) {
        if (u->insns[r].op != IR_put)
            continue;

        unsigned reg = u->insns[r].aux;
        ir_ref val = u->insns[r].arg[0], old = before[reg];

        if (old == IR_NONE)
            old = ir_insert_before(u, r, IR_get, IR_I64, (uint16_t)reg, IR_NONE, IR_NONE, IR_NONE, 0);
        val = ir_insert_before(u, r, IR_select, IR_I64, 0, cond, old, val, 0);
        u->insns[r].arg[0] = val;
        tr->known[reg] = val;
        tr->narrow[reg] = IR_NONE;
    }
}

/* Translates instructions from `pc` up to `end`; false if that is not straight computing. */
static bool try_shadow(struct tr *tr, gaddr pc, gaddr end, ir_ref last)
{
    tr->trial = true;
    for (unsigned n = 0; n < SHADOW_INSNS && pc < end && !tr->done; n++) {
        one_insn(tr, pc);
        note_source(tr);
        pc += tr->len;
        tr->done |= tr->next != 0 || tr->len == 0;
    }
    tr->trial = false;
    return !tr->done && pc == end && can_be_skipped(tr->u, tr->u->insns[last].next);
}

/* A branch over an instruction or two, as compilers emit for a conditional move, whose shadow does nothing but
 * compute: that is done in any case and its results taken or not, without a branch to predict. If it
 * is not of that kind, everything is put back and the branch becomes a side exit. Returns where to go on. */
static gaddr shadow(struct tr *tr)
{
    struct ir_unit *u = tr->u;
    gaddr past = tr->pc + tr->len, end = tr->shadow_end;
    ir_ref cond = tr->shadow_cond, last = u->blocks[u->cur].last;
    struct tr before = *tr;
    struct source source = source_of(u);

    tr->shadow_cond = before.shadow_cond = IR_NONE;
    if (try_shadow(tr, past, end, last)) {
        put_unless(tr, cond, u->insns[last].next, before.known);
        return end;
    }
    take_back(u, last, &source);
    *tr = before;
    if (tr->flow)
        flow_ends(tr, TR_FLOW_BRANCH, cond, end);
    else
        tr_exit_if(tr, cond, end);
    return past;
}

gaddr tr_step(struct tr *tr, gaddr pc)
{
    one_insn(tr, pc);
    note_source(tr);
    return tr->shadow_cond ? shadow(tr) : tr->next ? tr->next : tr->pc + tr->len;
}

/* Where a unit ends after as many side exits as usual. */
struct usual_end { ir_ref last; gaddr pc, next; struct source source; };

/* A unit that was to close its loop, and did not, has no use for its further branches. */
static void end_as_usual(struct tr *tr, const struct usual_end *end)
{
    take_back(tr->u, end->last, &end->source);
    tr->pc = end->pc;
    tr_leave(tr, end->next, IR_JUMP_PLAIN);
}

/* --- code that changes without a word ------------------------------------------------------------ */

bool translated_is_unsure(const struct ir_unit *u)
{
    for (uint32_t k = 0; k < u->nextents; k++)
        if (space_unannounced(u->extents[k].pc, u->extents[k].len))
            return true;
    return false;
}

/* Compares `len` bytes of code, at most 8, at `at` with what they are now. */
static void check_bytes(struct tr *tr, gaddr at, unsigned len)
{
    static const uint8_t types[9] = { [2] = IR_I16, [4] = IR_I32, [8] = IR_I64 };
    size_t avail;
    const uint8_t *code = space_fetch(at, &avail);
    uint64_t now = 0;

    if (!code || avail < len)
        return;
    memcpy(&now, code, len);

    ir_ref v = ir_emit(tr->u, IR_load, IR_I64, types[len], ir_const_val(tr->u, IR_I64, at), IR_NONE, IR_NONE, 0);

    tr_trap_if(tr, ir_op2(tr->u, IR_cmpne, IR_I1, v, ir_const_val(tr->u, IR_I64, now)), IR_TRAP_FETCH, 0);
}

void tr_check_source(struct tr *tr, const struct ir_extent *e, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t at = 0, len; at < e[k].len; at += len) {
            uint32_t left = e[k].len - at;

            len = left >= 8 ? 8 : left >= 4 ? 4 : 2;
            check_bytes(tr, e[k].pc + at, len);
        }
}

/* --- the whole ----------------------------------------------------------------------------------- */

/* Builds the unit; with a check of the `n` stretches of code in `extents`. */
static void build_unit(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode, bool loop_head,
                       const struct ir_extent *extents, uint32_t n)
{
    struct usual_end end = { .last = IR_NONE };
    struct tr tr;

    memset(&tr, 0, offsetof(struct tr, known));
    memset(tr.known, 0, guest->nregs * sizeof tr.known[0]);
    memset(tr.narrow, 0, guest->nregs * sizeof tr.narrow[0]);
    tr.u = u;
    tr.guest = guest;
    tr.side_exits = loop_head ? LOOP_EXITS : translate_side_exits;
    tr.unhashed = translate_once;
    ir_reset(u, guest, pc, mode);
    tr_check_source(&tr, extents, n);
    while (!tr.done) {
        if (u->guest_insns >= translate_limit) {
            emit_imm(u, IR_exit, IR_JUMP_PLAIN, IR_NONE, pc);
            break;
        }
        pc = tr_step(&tr, pc);
        if (loop_head && !end.last && !tr.done && tr.side_exits + translate_side_exits <= LOOP_EXITS)
            end = (struct usual_end){ u->blocks[0].last, tr.pc, pc, source_of(u) };
    }
    if (end.last && u->nblocks == 1)
        end_as_usual(&tr, &end);
}

void translate_unit(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode, bool loop_head)
{
    struct ir_extent extents[IR_MAX_EXTENTS];
    uint64_t hash;

    build_unit(u, guest, pc, mode, loop_head, NULL, 0);
    if (translate_once || !translated_is_unsure(u))
        return;
    do {    /* the same code, or another thread is writing it just now */
        uint32_t n = u->nextents;

        hash = u->src_hash;
        memcpy(extents, u->extents, n * sizeof *extents);
        build_unit(u, guest, pc, mode, loop_head, extents, n);
    } while (u->src_hash != hash);
}
