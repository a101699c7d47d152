/* RISC-V decode tables: the tree of switches against a plain search through the rows, the decoder's
 * choice of trans_ function and its arguments, reserved encodings, the buffer of the disassembler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "frontend/riscv/disas.h"
#include "frontend/rv64_decode.h"

/* Arguments of any set. */
union args {
#define MEMBER(set) struct arg_##set set
    MEMBER(none); MEMBER(r); MEMBER(r2); MEMBER(i); MEMBER(s); MEMBER(b); MEMBER(u); MEMBER(j);
    MEMBER(shift); MEMBER(csr); MEMBER(csri); MEMBER(fence); MEMBER(lr); MEMBER(amo);
    MEMBER(rm2); MEMBER(rm3); MEMBER(rm4);
};

/* Instead of the real trans_ functions: remember what was called, with what. Arguments are copied
 * one by one because padding has no defined value. */
static int seen_insn;
static union args seen_args;
static bool answer = true;

#define KEEP(arg) to->arg = a->arg;
#define STUB(name, NAME, set)                                      \
    bool trans_##name(RV_CTX *ctx, const struct arg_##set *a)      \
    {                                                              \
        seen_insn = RV_##NAME;                                     \
        struct arg_##set *to = &seen_args.set;                     \
        (void)to;                                                  \
        RV_ARGS_##set(KEEP)                                        \
        return answer;                                             \
    }
RV_INSNS(STUB)

struct table {
    const char *name;
    const struct decode_row *rows;
    int count, width;
    int (*row)(uint32_t insn);
    bool (*decode)(RV_CTX *ctx, uint32_t insn);
};
static const struct table tables[] = {
    {"rv64", rv64_rows, RV64_ROW_COUNT, 32, rv64_row, rv64_decode},
    {"rvc", rvc_rows, RVC_ROW_COUNT, 16, rvc_row, rvc_decode},
};

/* splitmix64: the same words in every run. */
static uint64_t seed;
static uint32_t random_word(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(z >> 32);
}

static int search(const struct table *t, uint32_t word)
{
    for (int i = 0; i < t->count; i++) {
        if ((word & t->rows[i].mask) == t->rows[i].value)
            return t->rows[i].insn ? i : -1;
    }
    return -1;
}

/* Tree and search agree on word, and so do disassembler's tree and decoder's. */
static void check_word(const struct table *t, uint32_t word)
{
    int want = search(t, word);
    int got = t->row(word);
    seen_insn = RV_NONE;
    bool ok = t->decode(NULL, word);
    int insn = want < 0 ? RV_NONE : t->rows[want].insn;
    if (got != want || ok != (want >= 0) || seen_insn != insn)
        fail_msg("%s %#x: row %d, decoded %d, instruction %s; wanted row %d (%s)", t->name, word, got,
                 ok, riscv_insns[seen_insn].name, want, want < 0 ? "none" : t->rows[want].name);
}

static void test_tree(void **state)
{
    for (uint32_t word = 0; word < 0x10000; word++)
        check_word(&tables[1], word);
    for (int i = 0; i < 1000000; i++)
        check_word(&tables[0], random_word() | 3);
    for (int i = 0; i < tables[0].count; i++) {
        const struct decode_row *row = &tables[0].rows[i];
        for (int n = 0; n < 1000; n++)
            check_word(&tables[0], row->value | (random_word() & ~row->mask));
        for (int bit = 0; bit < 32; bit++)
            check_word(&tables[0], row->value ^ 1u << bit);
    }
}

struct expected {
    const struct table *table;
    const char *row;
    uint32_t word;
    int insn;
    union args args;
    size_t size;
};
enum { TABLE_rv64, TABLE_rvc };
static const struct expected cases[] = {
#define CASE(table, row, word, INSN, set, ...) \
    {&tables[TABLE_##table], #row, word, RV_##INSN, {.set = {__VA_ARGS__}}, sizeof(struct arg_##set)},
#include "rv64_cases.def"
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void test_cases(void **state)
{
    for (int i = 0; i < CASES; i++) {
        const struct expected *c = &cases[i];
        memset(&seen_args, 0, sizeof(seen_args));
        seen_insn = RV_NONE;
        if (!c->table->decode(NULL, c->word) || seen_insn != c->insn)
            fail_msg("%s %#x: decoded as %s", c->row, c->word, riscv_insns[seen_insn].name);
        assert_string_equal(c->table->rows[c->table->row(c->word)].name, c->row);
        if (memcmp(&seen_args, &c->args, c->size))
            fail_msg("%s %#x: arguments differ", c->row, c->word);
        answer = false;
        bool refused = !c->table->decode(NULL, c->word);
        answer = true;
        if (!refused)
            fail_msg("%s %#x: accepted though its trans_ function refuses", c->row, c->word);
    }
}

static void test_every_row_has_a_case(void **state)
{
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < tables[t].count; i++) {
            int found = !tables[t].rows[i].insn;
            for (int n = 0; n < CASES; n++)
                found |= cases[n].table == &tables[t] && tables[t].row(cases[n].word) == i;
            if (!found)
                fail_msg("%s line %d: no case for %s", tables[t].name, tables[t].rows[i].line,
                         tables[t].rows[i].name);
        }
    }
}

/* Words that the manual reserves or that user mode may not execute. */
static void test_undefined(void **state)
{
    static const struct {
        uint32_t word;
        const char *what;
    } undefined[] = {
        {0x0000, "all zero"},
        {0x0004, "c.addi4spn, imm 0"},
        {0x8000, "quadrant 0, funct3 100"},
        {0x2001, "c.addiw, rd 0"},
        {0x6101, "c.addi16sp, imm 0"},
        {0x6081, "c.lui, imm 0"},
        {0x6001, "c.lui, rd 0, imm 0"},
        {0x9c41, "quadrant 1, 100 111 10"},
        {0x9c61, "quadrant 1, 100 111 11"},
        {0x4002, "c.lwsp, rd 0"},
        {0x6002, "c.ldsp, rd 0"},
        {0x8002, "c.jr, rs1 0"},
        {0x1015a52f, "lr.w, rs2 1"},
        {0x1015b52f, "lr.d, rs2 1"},
        {0x0205951b, "slliw, shamt bit 5"},
        {0x40b52533, "sub's funct7, slt's funct3"},
        {0x00004073, "system, funct3 100"},
        {0x10200073, "sret"},
        {0x30200073, "mret"},
        {0x10500073, "wfi"},
        {0x12000073, "sfence.vma"},
        {0x00007003, "load, funct3 111"},
        {0x00001067, "jalr, funct3 001"},
        {0x00002063, "branch, funct3 010"},
        {0x04000053 | 1 << 25 | 1 << 26, "fadd.q"},
        {0xffffffff, "all ones"},
        {0x0000001f, "longer than 32 bits"},
    };
    for (size_t i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        const struct table *t = &tables[(undefined[i].word & 3) != 3];
        if (t->decode(NULL, undefined[i].word))
            fail_msg("%#x decodes as %s: %s", undefined[i].word, riscv_insns[seen_insn].name,
                     undefined[i].what);
    }
}

static void test_info(void **state)
{
    assert_string_equal(riscv_insns[RV_FCVT_LU_D].name, "fcvt.lu.d");
    assert_int_equal(riscv_insns[RV_FCVT_LU_D].ext, RV_EXT_D);
    assert_string_equal(riscv_ext_names[RV_EXT_ZICOND], "Zicond");
    assert_int_equal(riscv_insns[RV_SC_W].flags, RV_F_LOAD | RV_F_STORE | RV_F_ATOMIC);
    assert_int_equal(riscv_insns[RV_ADD].flags, 0);
    assert_int_equal(rvc_rows[rvc_row(0x4505)].ext, RV_EXT_C);
}

static void test_disas_buffer(void **state)
{
    const uint8_t code[] = {0x53, 0xc5, 0x05, 0x02, 0x05, 0x45, 0xff, 0xff};
    const char *full = "fadd.d  fa0,fa1,ft0,rmm";
    char text[64];
    assert_int_equal(riscv_disas(code, sizeof(code), 0, text, sizeof(text)), 4);
    assert_string_equal(text, full);
    for (size_t len = 0; len <= strlen(full) + 1; len++) {
        memset(text, '#', sizeof(text));
        assert_int_equal(riscv_disas(code, sizeof(code), 0, text, len), 4);
        if (len) {
            assert_int_equal(strlen(text), len - 1);
            assert_memory_equal(text, full, len - 1);
        }
        assert_int_equal(text[len], '#');
    }
    assert_int_equal(riscv_disas(code, 3, 0, text, sizeof(text)), 0);
    assert_int_equal(riscv_disas(code, 1, 0, text, sizeof(text)), 0);
    assert_int_equal(riscv_disas(code + 4, 2, 0, text, sizeof(text)), 2);
    assert_string_equal(text, "c.li    a0,1");
    assert_int_equal(riscv_disas(code + 4, 4, 0, text, 0), 2);
    const uint8_t jump[] = {0xef, 0xf0, 0x1f, 0xff};
    riscv_disas(jump, 4, 0x10000, text, sizeof(text));
    assert_string_equal(text, "jal     ra,0xfff0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_row_has_a_case),
        cmocka_unit_test(test_undefined),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_disas_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
