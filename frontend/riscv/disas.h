/* Disassembly of RISC-V for logs and tests: the guest descriptor's disas function.
 * Example: the bytes 05 45 print, at any pc, as "c.li    a0,1", length 2.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "loader/gaddr.h"

/** Prints the instruction at `code` (`avail` readable bytes), whose address is `pc`, to `buf` of `len`
 * bytes, as `objdump -M no-aliases` does; an undefined one as .word or .half. Returns its length in
 * bytes (2 or 4), or 0 with nothing printed if `avail` is too short. */
int riscv_disas(const uint8_t *code, size_t avail, gaddr pc, char *buf, size_t len);
