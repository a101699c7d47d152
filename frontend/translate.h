/* The translation driver: builds one unit from guest code.
 *
 * translate_unit() fetches guest code and calls guest->translate_insn() until the unit ends. Which way the
 * unit goes is decided here, once for all guests: an instruction's code says what the control flow is
 * (tr_goto, tr_branch, tr_indirect, tr_trap) and the driver decides whether to follow, to leave by a side
 * exit, or to close the loop when the target is the unit's own entry.
 *
 * After any of tr_goto/tr_indirect/tr_trap the instruction is over; tr->done says whether the unit is too.
 */
#pragma once

#include "frontend/guest.h"

struct tr {
    struct ir_unit *u;
    const struct guest *guest;
    gaddr pc;            /* of the instruction being translated; translate_insn() leaves it unchanged, sets len */
    unsigned len;        /* length in bytes of the instruction being translated */
    const uint8_t *code; /* host pointer to it */
    size_t avail;        /* readable, executable bytes there (>= 1) */
    bool done;           /* the unit is over */
    gaddr next;          /* where the next instruction is (pc + len, or the target of a followed jump) */
};

/** Direct jump to `target`. hint: IR_JUMP_CALL if it is a call (link register already put). */
void tr_goto(struct tr *tr, gaddr target, enum ir_jump hint);
/** If `cond` (i1) go to `taken`, else to the next instruction. */
void tr_branch(struct tr *tr, ir_ref cond, gaddr taken);
/** Jump to the address in `target` (i64). */
void tr_indirect(struct tr *tr, ir_ref target, enum ir_jump hint);
/** Leave for the run loop: trap `kind` with payload `info`. The pc that the run loop sees is the
 * instruction's own, or the next one's for IR_TRAP_SYSCALL, SYNC_CODE and MODE. */
void tr_trap(struct tr *tr, enum ir_trap kind, uint64_t info);
/** The unit ends after this instruction (its effects invalidate assumptions); goes on at the next pc. */
void tr_end(struct tr *tr);

/** Builds the unit that starts at `pc` into `u` (reset here). The caller holds space's read lock, so that
 * mappings stay. An unreadable or non-executable pc gives a unit that traps with IR_TRAP_FETCH. Never fails. */
void translate_unit(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode);
