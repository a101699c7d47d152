/* Disassembly of AArch64 for logs and tests: the guest descriptor's disas function.
 * Example: the word 0x91000420 prints, at any pc, as "add     x0, x1, #0x1", length 4.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "loader/gaddr.h"

/** Prints the instruction at `code` (`avail` readable bytes), whose address is `pc`, to `buf` of `len`
 * bytes, as `objdump -M no-aliases` does; an undefined one as .word. Returns its length in bytes, 4, or
 * 0 with nothing printed if `avail` is too short. */
int aarch64_disas(const uint8_t *code, size_t avail, gaddr pc, char *buf, size_t len);
