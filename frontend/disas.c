/* Disassembly, the part that all guests share. */
#include "frontend/disas.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { OPERAND_COLUMN = 8 };

void disas_printf(struct disas_buf *out, const char *format, ...)
{
    if (out->at >= out->len)
        return;
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(out->text + out->at, out->len - out->at, format, ap);
    va_end(ap);
    if (n > 0)
        out->at += (size_t)n;
}

void disas_show_dec(struct disas_buf *out, int64_t value)
{
    disas_printf(out, "%" PRId64, value);
}

void disas_show_hex(struct disas_buf *out, int64_t value)
{
    disas_printf(out, "0x%" PRIx64, (uint64_t)value);
}

void disas_show_target(struct disas_buf *out, int64_t value)
{
    disas_show_hex(out, (int64_t)(out->pc + (uint64_t)value));
}

/* The mnemonic ends at the first blank; the operands begin at a column. */
static void pad(struct disas_buf *out)
{
    do {
        disas_printf(out, " ");
    } while (out->at < OPERAND_COLUMN && out->at < out->len);
}

int disas_print(struct disas_buf *out, const struct decode_row *row, disas_show *show, uint32_t insn,
                int width)
{
    if (!row) {
        disas_printf(out, "%s", width == 16 ? ".half" : ".word");
        pad(out);
        disas_printf(out, "0x%0*" PRIx32, width / 4, insn);
        return 0;
    }
    const uint8_t *operand = row->operands;
    int padded = 0;
    for (const char *p = row->text; *p; p++) {
        if (*p == ' ' && !padded++)
            pad(out);
        else if (*p == '%')
            show(out, *operand++, insn);
        else
            disas_printf(out, "%c", *p);
    }
    return row->insn;
}
