/* What generated decoders and their users share.
 *
 * frontend/decode.py turns a guest's tables (grammar: frontend/decode.md) into a decoder, which
 * calls a trans_ function for each instruction, and a disassembler, which holds the tables below
 * for logs and tests. The decoder doesn't refer to these tables.
 *
 * Example: 0x00150513 matches the row {"addi", 0x707f, 0x13, line, RV_ADDI, RV_EXT_I, "addi %,%,%", ...}
 * because (0x00150513 & 0x707f) == 0x13; it prints as "addi    a0,a0,1".
 */
#pragma once
#include <stdint.h>

/** One encoding: insn matches if (insn & mask) == value and no row above of its group does. Strings
 * are held inside so that the tables need no relocation at start-up. */
struct decode_row {
    char name[24];
    uint32_t mask, value;
    int line;                       /* in the table */
    uint16_t insn;                  /* the guest's enum; 0: reserved */
    uint16_t ext;                   /* the guest's enum of extensions */
    char text[64];                  /* what to print; each % is an operand */
    uint8_t operands[8];            /* their numbers, for the table's show function */
};

/** One instruction, whatever the number of its encodings. */
struct decode_insn {
    char name[24];
    uint16_t ext;
    uint32_t flags;
};

/** Bits pos … pos + len - 1 of insn. */
static inline uint32_t decode_bits(uint32_t insn, int pos, int len)
{
    return insn << (32 - pos - len) >> (32 - len);
}

/** The same as a signed number. */
static inline int32_t decode_sbits(uint32_t insn, int pos, int len)
{
    return (int32_t)(insn << (32 - pos - len)) >> (32 - len);
}
