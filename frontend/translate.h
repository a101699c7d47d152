/* The translation driver: builds one unit from guest code.
 *
 * translate_unit() fetches guest code and calls guest->translate_insn() until the unit ends. Which way the
 * unit goes is decided here, once for all guests: an instruction's code says what the control flow is
 * (tr_goto, tr_branch, tr_indirect, tr_trap) and the driver decides whether to follow, to leave by a side
 * exit, or to close the loop when the target is the unit's own entry.
 *
 * After any of tr_goto/tr_indirect/tr_trap the instruction is over; tr->done says whether the unit is too.
 *
 * A unit only ever goes forward through guest code: it follows direct forward jumps to code that has no unit
 * yet, and ends at calls, backward jumps, indirect jumps, traps and the limit. Every loop polls: backward
 * direct exits carry IR_EXIT_POLL, a closed loop ends with `poll`.
 *
 * Example: for the loop `1: addi a0,a0,-1; bnez a0,1b` entered at 1 the unit is
 *
 *     block 0:
 *       jmp 1
 *     block 1:
 *       insn 0x10000, 2
 *       %2 = get.i64 a0
 *       %4 = add.i64 %2, -1
 *       put a0, %4
 *       insn 0x10002, 2
 *       %7 = cmpne.i1 %4, 0
 *       %9 = xor.i1 %7, 1
 *       exit_if %9, 0x10004
 *       poll 0x10000
 *       jmp 1
 *
 * Code that is writable and was never announced as changed (space_unannounced()) may change without a word. Its
 * unit begins with a comparison of all its bytes, and a trap IR_TRAP_FETCH where they differ:
 *
 *     %2 = load.i64 [0x10000] i32
 *     %4 = cmpne.i1 %2, 0xfd75557d
 *     trap_if %4, fetch
 */
#pragma once

#include <string.h>

#include "frontend/guest.h"

/* How a block of a region ends: by what it has emitted itself, or by a jump that the maker of the region
 * (frontend/region.c) turns into an edge or an exit. */
enum tr_flow_kind { TR_FLOW_OVER, TR_FLOW_GOTO, TR_FLOW_BRANCH };
struct tr_flow {
    enum tr_flow_kind kind;
    ir_ref cond;         /* TR_FLOW_BRANCH: to `target` if it holds, else past the branch */
    gaddr target;
};

struct tr {
    struct ir_unit *u;
    const struct guest *guest;
    gaddr pc;            /* of the instruction being translated; translate_insn() leaves it unchanged, fetches */
    unsigned len;        /* length in bytes of the instruction being translated, as far as fetched */
    uint64_t bits;       /* its bytes, little-endian; see tr_fetch() */
    const uint8_t *code; /* host pointer to it; for tr_fetch() only */
    size_t avail;        /* readable, executable bytes there, 0 if none */
    bool done;           /* the unit is over, or the block of a region */
    struct tr_flow *flow;/* a region is being made: direct jumps end the block and are noted here; else NULL */
    ir_ref shadow_cond;  /* a branch over an instruction or two awaits its shadow: the condition, and where it leads */
    gaddr shadow_end;
    unsigned side_exits; /* how many more forward branches may become side exits */
    bool trial;          /* the shadow is being translated: control flow is not emitted but ends the trial */
    gaddr next;          /* target of a followed jump; 0 while it is just pc + len */
    bool unhashed;       /* translate_once */
    /* --- only the rows that the guest has are set up */
    ir_ref known[GUEST_MAX_REGS];  /* each guest register's value here, IR_NONE if the unit has not seen it */
    ir_ref narrow[GUEST_MAX_REGS]; /* the low half of known[], in a form of the guest's choice, or IR_NONE */
};

/** The value of guest register `reg` (row of regs.def) at this point, in the row's type. */
ir_ref tr_get(struct tr *tr, unsigned reg);
/** Guest register `reg` becomes `val` (of the row's type). After the instruction's last op that can fault. */
void tr_put(struct tr *tr, unsigned reg, ir_ref val);
/** Registers were changed behind the IR's back (a helper with GUEST_HELPER_STATE). */
void tr_forget(struct tr *tr);

/** tr_fetch() where it is not simple. */
bool tr_fetch_more(struct tr *tr, unsigned n);
/** Makes tr->bits hold the first `n` (even, at most 8) bytes of the instruction, little-endian, and tr->len n. Bytes
 * fetched before are not read again (other threads may be changing them). If some are not executable it ends the
 * unit with a fetch fault at the first of these and returns false: then return at once. */
static inline bool tr_fetch(struct tr *tr, unsigned n)
{
    uint32_t word;
    uint16_t half;

    if (tr->len + 2 == n && tr->avail >= n) {
        memcpy(&half, tr->code + tr->len, sizeof half);
        tr->bits |= (uint64_t)half << 8 * tr->len;
    } else if (tr->len == 0 && n == 4 && tr->avail >= 4) {
        memcpy(&word, tr->code, sizeof word);
        tr->bits = word;
    } else {
        return tr_fetch_more(tr, n);
    }
    tr->len = n;
    return true;
}

/** Direct jump to `target`. hint: IR_JUMP_CALL if it is a call (link register already put). */
void tr_goto(struct tr *tr, gaddr target, enum ir_jump hint);
/** If `cond` (i1) go to `taken`, else to the next instruction. */
void tr_branch(struct tr *tr, ir_ref cond, gaddr taken);
/** Jump to the address in `target` (i64). */
void tr_indirect(struct tr *tr, ir_ref target, enum ir_jump hint);
/** Leave for the run loop: trap `kind` with payload `info`. The pc that the run loop sees is the
 * instruction's own, or the next one's for IR_TRAP_SYSCALL, SYNC_CODE and MODE. */
void tr_trap(struct tr *tr, enum ir_trap kind, uint64_t info);
/** The same if `cond` (i1) holds; the instruction goes on otherwise. */
void tr_trap_if(struct tr *tr, ir_ref cond, enum ir_trap kind, uint64_t info);
/** The unit ends after this instruction (its effects invalidate assumptions); goes on at the next pc. */
void tr_end(struct tr *tr);

/** Translates the instruction at `pc`, a branch together with what it jumps over if that becomes selects. Returns where
 * the unit goes on unless it is done. For who drives a translation. */
gaddr tr_step(struct tr *tr, gaddr pc);
/** Leaves for `target` by a direct exit, which ends the unit or the block. It polls if it leads backward. */
void tr_leave(struct tr *tr, gaddr target, enum ir_jump hint);
/** A side exit to `target` for the case that `cond` holds; for a disjunction two, since each is a comparison and a jump. It polls
 * if it leads backward. */
void tr_exit_if(struct tr *tr, ir_ref cond, gaddr target);
/** The opposite of condition `c` (i1): of a comparison of integers the opposite comparison, of these joined by and, or
 * what De Morgan says. */
ir_ref tr_negated(struct ir_unit *u, ir_ref c);

/** How many guest instructions a unit may have (at least 1). */
extern unsigned translate_limit;
/* How many forward branches may become side exits (at least 1), unless a loop is to be closed. */
extern unsigned translate_side_exits;
/* What is built is executed as it is and at once, up to any of its instructions (backend/first.h): it has no source hash, nor a check of
 * its source, and an instruction behind a branch is executed or not, instead of being computed in any case. */
extern bool translate_once;

/** A look at the `n` stretches of code in `e`, for a unit's begin: where they are no longer what they are now, the run loop makes the unit
 * anew. Space's read lock is held. */
void tr_check_source(struct tr *tr, const struct ir_extent *e, uint32_t n);
/** True if code that the unit was made from may change without a word (space_unannounced()). Space's read lock is held. */
bool translated_is_unsure(const struct ir_unit *u);
/** Builds the unit that starts at `pc` into `u` (reset here). The caller holds space's read lock, so that
 * mappings stay. `loop_head`: a jump back led here, so the unit may have more branches inside: it should close the
 * loop. An unreadable or non-executable pc gives a unit that traps with IR_TRAP_FETCH. Never fails. */
void translate_unit(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode,
                    bool loop_head);
