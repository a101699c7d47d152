/* The memory operand of a host instruction that faulted.
 *
 * A guest's wild address beyond the canonical ones (bits 63..47 not all equal) raises #GP on the
 * host, and the kernel then does not say which address it was (si_code SI_KERNEL, si_addr 0). The
 * guest's si_addr needs it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/** Computes the address that the instruction at `code` accesses, registers from `g`. Knows the
 * encodings that the emitter produces: legacy and VEX with a ModRM operand. False if there is none.
 * */
bool operand_address(const uint8_t *code, const greg_t *g, uint64_t *address);
