/* What a guest's vdso can do that its instructions can't: read the host's clocks.
 *
 * The image holds one undefined instruction, guest_vdso.clock_insn (its registers are fixed: vdso_elf.py's users choose
 * them). Inside the vdso's mapping, and nowhere else, the frontend translates it to a call of its helper `clock`; everything around it,
 * the stores to the caller's memory included, is ordinary guest code.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tr;

/** True if the instruction being translated is `word` and lies in the guest's vdso. */
bool vdso_insn(const struct tr *tr, uint32_t word);
/** Nanoseconds that the host's clock `id` (clockid_t) shows; negative for clocks that a vdso does not know: then the
 * system call is to be made. */
int64_t vdso_clock(uint64_t id);
