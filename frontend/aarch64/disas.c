/* AArch64 disassembly: how operands print. The texts themselves are in the tables; both follow
 * `objdump -d -M no-aliases`. A printer's value is a field that often joins several: on top what selects
 * the size (sf, Q, size, ftype), below it the register's number in 5 bits.
 */
#include "frontend/aarch64/disas.h"
#include "frontend/a64_decode.h"
#include "frontend/disas.h"

#define REG(value) ((int)((value) & 31))
#define SHOW(name) void aarch64_show_##name(struct disas_buf *out, int64_t value)

/* ---- general registers ---- */

static void general(struct disas_buf *out, int wide, int reg, int sp)
{
    if (reg < 31)
        disas_printf(out, "%c%d", wide ? 'x' : 'w', reg);
    else if (sp)
        disas_printf(out, "%s", wide ? "sp" : "wsp");
    else
        disas_printf(out, "%s", wide ? "xzr" : "wzr");
}

SHOW(x)     { general(out, 1, REG(value), 0); }
SHOW(w)     { general(out, 0, REG(value), 0); }
SHOW(xsp)   { general(out, 1, REG(value), 1); }
SHOW(r)     { general(out, (int)(value >> 5 & 1), REG(value), 0); }
SHOW(rsp)   { general(out, (int)(value >> 5 & 1), REG(value), 1); }
SHOW(rsz)   { general(out, (value >> 5 & 3) == 3, REG(value), 0); }

/* casp: a register of even number and the next one. */
SHOW(rpair)
{
    aarch64_show_r(out, value);
    disas_printf(out, ", ");
    aarch64_show_r(out, value + 1);
}

/* ---- numbers ---- */

SHOW(himm)  { disas_printf(out, "#0x%llx", (unsigned long long)value); }
SHOW(dimm)  { disas_printf(out, "#%d", (int)value); }
SHOW(creg)  { disas_printf(out, "C%d", (int)value); }
SHOW(page)  { disas_show_hex(out, (int64_t)((out->pc & ~0xfffull) + (uint64_t)value)); }
SHOW(rot)   { disas_printf(out, "%d", (int)value * 90); }
SHOW(bits)  { disas_printf(out, "%d", 8 << value); }

/* Parts that are left out when they are zero. */
SHOW(lsl)
{
    if (value)
        disas_printf(out, ", lsl #%d", (int)value);
}

SHOW(off)
{
    if (value)
        disas_printf(out, ", #%d", (int)value);
}

/* sf:N:immr:imms. */
SHOW(bitmask)
{
    uint64_t mask = (uint64_t)aarch64_field_bitmask(value & 0x1fff);
    aarch64_show_himm(out, (int64_t)(value >> 13 & 1 ? mask : mask & 0xffffffff));
}

/* An 8-bit floating-point immediate: a sign, an exponent of -3 … 4, 4 bits after the point. */
SHOW(fp8)
{
    int exponent = (int)((value >> 4 & 7) ^ 4) - 3;
    double number = (double)(16 + (value & 15)) / 16 * (exponent < 0 ? 1.0 / (1 << -exponent) : 1 << exponent);
    disas_printf(out, "#%.18e", value & 0x80 ? -number : number);
}

/* ---- conditions, shifts, addresses, hints ---- */

SHOW(cond)
{
    static const char names[16][3] = {
        "eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al", "nv",
    };
    disas_printf(out, "%s", names[value & 15]);
}

/* shift:imm6 after a register. */
SHOW(shift)
{
    static const char names[4][4] = {"lsl", "lsr", "asr", "ror"};
    if (value)
        disas_printf(out, ", %s #%d", names[value >> 6 & 3], (int)(value & 63));
}

static const char extend_names[8][5] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};

/* sf:S:option:Rm:imm3:Rn:Rd. With SP as an operand the plain extension is called lsl, or nothing. */
SHOW(extend)
{
    int sf = (int)(value >> 22 & 1), option = (int)(value >> 18 & 7), amount = (int)(value >> 10 & 7);
    int sp = REG(value >> 5) == 31 || (!(value >> 21 & 1) && REG(value) == 31);
    general(out, sf && (option & 3) == 3, REG(value >> 13), 0);
    if (!sp || option != 2 + sf)
        disas_printf(out, ", %s", extend_names[option]);
    else if (amount)
        disas_printf(out, ", lsl");
    if (amount)
        disas_printf(out, " #%d", amount);
}

/* The index register of an address, S:option:Rm, scaled by 1 << size. */
static void show_index(struct disas_buf *out, int64_t value, int size)
{
    int option = (int)(value >> 5 & 7), scaled = (int)(value >> 8 & 1);
    general(out, option & 1, REG(value), 0);
    if (option == 3 && !scaled)
        return;
    disas_printf(out, ", %s", option == 3 ? "lsl" : extend_names[option]);
    if (scaled)
        disas_printf(out, " #%d", size);
}

SHOW(index)  { show_index(out, value, (int)(value >> 9 & 3)); }
SHOW(indexq) { show_index(out, value, 4); }

/* What is appended to mnemonics. */
SHOW(bh)    { disas_printf(out, "%s", value == 0 ? "b" : value == 1 ? "h" : ""); }
SHOW(bhw)   { disas_printf(out, "%s", value == 0 ? "b" : value == 1 ? "h" : "w"); }
SHOW(al)    { disas_printf(out, "%s%s", value & 2 ? "a" : "", value & 1 ? "l" : ""); }
SHOW(two)   { disas_printf(out, "%s", value ? "2" : ""); }
SHOW(bt)    { disas_printf(out, "%s", value ? "t" : "b"); }
SHOW(bti)   { disas_printf(out, "%s%s", value & 2 ? "j" : "", value & 1 ? "c" : ""); }

/* ret leaves x30 out. */
SHOW(ret)
{
    if (REG(value) == 30)
        return;
    disas_printf(out, " ");
    aarch64_show_x(out, value);
}

SHOW(clrex)
{
    if (value != 15)
        disas_printf(out, " #0x%x", (int)value);
}

SHOW(isb)   { aarch64_show_clrex(out, value); }

SHOW(barrier)
{
    static const char names[16][6] = {
        "", "oshld", "oshst", "osh", "", "nshld", "nshst", "nsh", "", "ishld", "ishst", "ish", "",
        "ld", "st", "sy",
    };
    if (names[value & 15][0])
        disas_printf(out, "%s", names[value & 15]);
    else
        disas_printf(out, "#0x%02x", (int)value);
}

SHOW(prfop)
{
    static const char kinds[3][4] = {"pld", "pli", "pst"};
    int kind = (int)(value >> 3 & 3), level = (int)(value >> 1 & 3);
    if (kind == 3 || level == 3)
        disas_printf(out, "#0x%02x", (int)value);
    else
        disas_printf(out, "%sl%d%s", kinds[kind], level + 1, value & 1 ? "strm" : "keep");
}

/* sys: register 31 is left out. */
SHOW(sysrt)
{
    if (REG(value) != 31)
        disas_printf(out, ", x%d", REG(value));
}

/* The registers of user mode by name, by op0<0>:op1:CRn:CRm:op2 below op0<1>. */
SHOW(sysreg)
{
    static const struct {
        uint16_t number;
        char name[14];
    } names[] = {
        {0xd801, "ctr_el0"}, {0xd807, "dczid_el0"}, {0xda10, "nzcv"}, {0xda15, "dit"}, {0xda16, "ssbs"},
        {0xda20, "fpcr"}, {0xda21, "fpsr"}, {0xd920, "rndr"}, {0xd921, "rndrrs"},
        {0xde82, "tpidr_el0"}, {0xde83, "tpidrro_el0"}, {0xdf00, "cntfrq_el0"},
        {0xdf01, "cntpct_el0"}, {0xdf02, "cntvct_el0"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].number == value) {
            disas_printf(out, "%s", names[i].name);
            return;
        }
    }
    disas_printf(out, "s%d_%d_c%d_c%d_%d", (int)(value >> 14), (int)(value >> 11 & 7),
                 (int)(value >> 7 & 15), (int)(value >> 3 & 15), (int)(value & 7));
}

/* ---- SIMD&FP registers ---- */

static void scalar(struct disas_buf *out, int64_t esz, int64_t reg)
{
    disas_printf(out, "%c%d", "bhsdq"[esz], REG(reg));
}

SHOW(b)     { scalar(out, 0, value); }
SHOW(h)     { scalar(out, 1, value); }
SHOW(s)     { scalar(out, 2, value); }
SHOW(d)     { scalar(out, 3, value); }
SHOW(q)     { scalar(out, 4, value); }
SHOW(bhsd)  { scalar(out, value >> 5 & 3, value); }
SHOW(bhsd1) { scalar(out, (value >> 5 & 3) + 1, value); }
SHOW(sd)    { scalar(out, (value >> 5 & 1) + 2, value); }
SHOW(fp)    { scalar(out, (value >> 5 & 3) == 3 ? 1 : (value >> 5 & 1) + 2, value); }
SHOW(bimmh) { scalar(out, aarch64_field_immh_esz(value >> 5 & 15), value); }
SHOW(bimmhw) { scalar(out, aarch64_field_immh_esz(value >> 5 & 15) + 1, value); }

/* A vector of 8 << q bytes. */
static void vector(struct disas_buf *out, int64_t q, int64_t esz, int64_t reg)
{
    disas_printf(out, "v%d.%d%c", REG(reg), 8 << (q & 1) >> esz, "bhsdq"[esz]);
}

SHOW(v_b)   { vector(out, value >> 5, 0, value); }
SHOW(v_h)   { vector(out, value >> 5, 1, value); }
SHOW(v_s)   { vector(out, value >> 5, 2, value); }
SHOW(v_d)   { vector(out, value >> 5, 3, value); }
SHOW(v16b)  { vector(out, 1, 0, value); }
SHOW(v8h)   { vector(out, 1, 1, value); }
SHOW(v4s)   { vector(out, 1, 2, value); }
SHOW(v2d)   { vector(out, 1, 3, value); }
SHOW(v)     { vector(out, value >> 7, value >> 5 & 3, value); }
SHOW(vwide) { vector(out, 1, (value >> 5 & 3) + 1, value); }
SHOW(vlong) { vector(out, value >> 7, (value >> 5 & 3) + 1, value); }
SHOW(vsd)   { vector(out, value >> 6, (value >> 5 & 1) + 2, value); }
SHOW(vnarrow) { vector(out, value >> 6, (value >> 5 & 1) + 1, value); }
SHOW(vfwide) { vector(out, 1, (value >> 5 & 1) + 2, value); }
SHOW(vpair) { vector(out, value >> 5, (value >> 5 & 1) + 2, value); }
SHOW(vimmh) { vector(out, value >> 9, aarch64_field_immh_esz(value >> 5 & 15), value); }
SHOW(vimmhw) { vector(out, 1, aarch64_field_immh_esz(value >> 5 & 15) + 1, value); }
SHOW(v2h)   { disas_printf(out, "v%d.2h", REG(value)); }
SHOW(vhlf)  { disas_printf(out, "v%d.%dh", REG(value), value >> 5 & 1 ? 4 : 2); }
SHOW(vd1)   { disas_printf(out, "v%d.d[1]", REG(value)); }

static void element(struct disas_buf *out, const char *type, int64_t reg, int64_t index)
{
    disas_printf(out, "v%d.%s[%d]", REG(reg), type, (int)index);
}

SHOW(elt_b) { element(out, "b", value, value >> 5); }
SHOW(elt_h) { element(out, "h", value, value >> 5); }
SHOW(elt_s) { element(out, "s", value, value >> 5); }
SHOW(elt_d) { element(out, "d", value, value >> 5); }
SHOW(elt_4b) { element(out, "4b", value, value >> 5); }
SHOW(elt_2h) { element(out, "2h", value, value >> 5); }
SHOW(elt_h4) { element(out, "h", value & 15, value >> 4); }

/* ---- lists of registers ---- */

/* More than two in a row are written as a range, unless they go on from v31 to v0. */
static void list(struct disas_buf *out, int count, int64_t reg, const char *type)
{
    int range = count > 2 && REG(reg) + count <= 32;
    for (int i = 0; i < count; i += range ? count - 1 : 1)
        disas_printf(out, "%sv%d.%s", !i ? "" : range ? "-" : ", ", REG(reg + i), type);
}

/* Q:size:Rt. */
static void full_list(struct disas_buf *out, int count, int64_t value)
{
    static const char types[8][4] = {"8b", "4h", "2s", "1d", "16b", "8h", "4s", "2d"};
    list(out, count, value, types[value >> 5 & 7]);
}

SHOW(list1) { full_list(out, 1, value); }
SHOW(list2) { full_list(out, 2, value); }
SHOW(list3) { full_list(out, 3, value); }
SHOW(list4) { full_list(out, 4, value); }
SHOW(repl)  { full_list(out, (int)(value >> 8 & 3) + 1, value); }
SHOW(tbl)   { list(out, (int)(value >> 5 & 3) + 1, value, "16b"); }
SHOW(lanes_b) { list(out, (int)(value >> 5 & 3) + 1, value, "b"); }
SHOW(lanes_h) { list(out, (int)(value >> 5 & 3) + 1, value, "h"); }
SHOW(lanes_s) { list(out, (int)(value >> 5 & 3) + 1, value, "s"); }
SHOW(lanes_d) { list(out, (int)(value >> 5 & 3) + 1, value, "d"); }

/* What a structure's address grows by: a register, or with number 31 the bytes that were accessed. */
static void post(struct disas_buf *out, int64_t reg, int bytes)
{
    if (REG(reg) == 31)
        disas_printf(out, "#%d", bytes);
    else
        aarch64_show_x(out, reg);
}

/* Q:opcode:Rm. */
SHOW(postm)
{
    static const uint8_t registers[16] = {[0] = 4, [2] = 4, [4] = 3, [6] = 3, [7] = 1, [8] = 2, [10] = 2};
    post(out, value, registers[value >> 5 & 15] * (8 << (value >> 9 & 1)));
}

/* selem - 1:opcode<2:1>:size:Rm. */
SHOW(posts)
{
    int kind = (int)(value >> 7 & 3), size = (int)(value >> 5 & 3);
    int esz = kind == 3 ? size : kind == 2 ? 2 + (size & 1) : kind;
    post(out, value, ((int)(value >> 9 & 3) + 1) << esz);
}

int aarch64_disas(const uint8_t *code, size_t avail, gaddr pc, char *buf, size_t len)
{
    if (avail < 4)
        return 0;
    a64_disas(code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24, pc,
              buf, len);
    return 4;
}
