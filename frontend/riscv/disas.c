/* RISC-V disassembly: how operands print. The texts themselves are in the tables; both follow
 * `objdump -d -M no-aliases`.
 */
#include "frontend/riscv/disas.h"
#include "frontend/disas.h"
#include "frontend/rv64_decode.h"

static const char x_names[32][5] = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static const char f_names[32][5] = {
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2",
    "fa3", "fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9",
    "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

/* The CSRs that user mode can see without V. */
static const struct {
    int number;
    char name[8];
} csr_names[] = {
    {0x001, "fflags"}, {0x002, "frm"}, {0x003, "fcsr"},
    {0xc00, "cycle"}, {0xc01, "time"}, {0xc02, "instret"},
};

void riscv_show_xreg(struct disas_buf *out, int64_t value)
{
    disas_printf(out, "%s", x_names[value & 31]);
}

void riscv_show_freg(struct disas_buf *out, int64_t value)
{
    disas_printf(out, "%s", f_names[value & 31]);
}

void riscv_show_csr(struct disas_buf *out, int64_t value)
{
    for (size_t i = 0; i < sizeof(csr_names) / sizeof(csr_names[0]); i++) {
        if (csr_names[i].number == value) {
            disas_printf(out, "%s", csr_names[i].name);
            return;
        }
    }
    if (value >= 0xc03 && value <= 0xc1f)
        disas_printf(out, "hpmcounter%d", (int)(value - 0xc00));
    else
        disas_show_hex(out, value);
}

/* The dynamic rounding mode is what assemblers take when none is written. */
void riscv_show_rm(struct disas_buf *out, int64_t value)
{
    static const char names[8][12] = {
        ",rne", ",rtz", ",rdn", ",rup", ",rmm", ",unknown", ",unknown", "",
    };
    disas_printf(out, "%s", names[value & 7]);
}

void riscv_show_order(struct disas_buf *out, int64_t value)
{
    static const char names[4][6] = {"", ".rl", ".aq", ".aqrl"};
    disas_printf(out, "%s", names[value & 3]);
}

/* Sets of a fence: device input, output, memory reads, writes. */
void riscv_show_fence(struct disas_buf *out, int64_t value)
{
    disas_printf(out, "%s%s%s%s%s", value & 8 ? "i" : "", value & 4 ? "o" : "",
                 value & 2 ? "r" : "", value & 1 ? "w" : "", value & 15 ? "" : "unknown");
}

/* lui and auipc are written with their upper 20 bits as they are in the instruction. */
void riscv_show_lui(struct disas_buf *out, int64_t value)
{
    disas_show_hex(out, value >> 12 & 0xfffff);
}

int riscv_disas(const uint8_t *code, size_t avail, gaddr pc, char *buf, size_t len)
{
    if (avail < 2)
        return 0;
    uint32_t insn = code[0] | (uint32_t)code[1] << 8;
    if ((insn & 3) != 3) {
        rvc_disas(insn, pc, buf, len);
        return 2;
    }
    if (avail < 4)
        return 0;
    rv64_disas(insn | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24, pc, buf, len);
    return 4;
}
