/* Load-exclusive, arithmetic, store-exclusive as one atomic operation.
 *
 * Both guests' frontends make a store-exclusive (store-conditional) a compare-and-swap with what the load read, and the guest
 * repeats the sequence when that fails. If between the two there is only arithmetic, an atomic operation at the store's
 * place means the same as a sequence whose load was late: it reads, computes and writes at once and never fails, so the loop goes
 * away too, and a value that went and came back is no question.
 *
 * Example: `1: ldxr w0, [x1]; add w2, w0, #1; stxr w3, w2, [x1]; cbnz w3, 1b`. At the store the unit has
 *
 *     %4 = load.i64 [%1] i32 aligned
 *     put x0, %4
 *     %5 = trunc.i32 %4
 *     %7 = add.i32 %5, 1
 *     %8 = zext.i64 %7
 *     put x2, %8
 *
 * and gets
 *
 *     %10 = amo.i64 [%1], 1 i32 add aligned     a fault here sees the registers as loaded
 *     put x0, %10
 *     %11 = trunc.i32 %10
 *     %12 = add.i32 %11, 1
 *     %13 = zext.i64 %12
 *     put x2, %13
 */
#pragma once

#include "frontend/translate.h"

/** Tries this for a store of `new` (i64) to `addr` by the instruction being translated, whose load-exclusive made
 * `loaded`, an `aux` load (IR_MEM_*; the atomic operation's too) with no offset. True: the store is done and will not fail; what guest registers
 * had of the loaded value, or computed from it, is put anew. False: nothing was emitted; the sequence has another form. */
bool tr_fuse_exclusive(struct tr *tr, ir_ref loaded, ir_ref addr, unsigned aux, ir_ref new);
