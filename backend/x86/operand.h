/* What a host instruction that faulted has for operands.
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

/* An instruction of a ModRM operand, with opcode maps 0F, 0F38, 0F3A. */
struct operand_insn {
    uint8_t map;      /* 1, 2, 3; 0: the one-byte map */
    uint8_t opcode;
    uint8_t reg, rm;  /* of ModRM with REX's or VEX's bits; rm: undefined if it is in memory */
    uint8_t bytes;    /* the whole length, if it is an instruction of floats: immediates of map 0F3A and of cmpps */
};

/** Takes the instruction at `code` apart; the same encodings. */
void operand_decode(const uint8_t *code, struct operand_insn *i);
