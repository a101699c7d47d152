/* The part of disassembly that is the same for all guests: a buffer to print to, the printers of
 * plain numbers, and the interpreter of a row's text. Nothing here is needed by a run without logs.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "frontend/decode.h"

/** Where a line goes; always terminated, cut when full. */
struct disas_buf {
    char *text;
    size_t len, at;
    uint64_t pc;                    /* address of the instruction */
};

/** Appends as printf does. */
void disas_printf(struct disas_buf *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void disas_show_dec(struct disas_buf *out, int64_t value);
void disas_show_hex(struct disas_buf *out, int64_t value);
/** The address value bytes from the instruction on. */
void disas_show_target(struct disas_buf *out, int64_t value);

/** Prints operand number `operand` of insn; made from the table. */
typedef void disas_show(struct disas_buf *out, unsigned operand, uint32_t insn);

/** Prints insn (width bits) by its row; returns row->insn. Without a row it prints the word as data
 * and returns 0. */
int disas_print(struct disas_buf *out, const struct decode_row *row, disas_show *show, uint32_t insn,
                int width);
