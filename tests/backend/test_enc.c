/*
 * Every instruction and operand form of the x86-64 encoder, against capstone's disassembly.
 *
 * enc_cases.h makes a struct form of each encoder function. Each is run with all sizes,
 * conditions, registers, memory modes and immediates in turn, and the disassembly of its bytes
 * must be the text that the operands spell. A row of enc.def without a form fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define x86_reg cs_x86_reg /* capstone has an enum of our name */
#include <capstone/capstone.h>
#undef x86_reg

#include "backend/x86/enc.h"

/* ---- Forms: made from the rows, collected by the linker ---- */

/** The operands of one case. */
struct args {
    unsigned size;
    enum x86_cc cc;
    enum x86_reg r[4];   /* register of operand k */
    struct x86_mem m;
    int64_t imm;
};

struct form {
    int line;             /* of the row in enc.def */
    const char *fn;       /* function name without x86_ */
    const char *mnemonic; /* its trailing cc stands for a condition */
    const char *operands;
    unsigned sizes;
    unsigned mem_size;
    void (*call)(struct x86_buf *b, const struct args *a);
};

#define FORM_ENTRY(fn, mnemonic, operands, sizes, m)                                               \
    static const struct form form_##fn = {__LINE__, #fn, mnemonic, operands, sizes, m, call_##fn}; \
    static const struct form *const entry_##fn                                                     \
        __attribute__((used, section("enc_forms"))) = &form_##fn;
#define FORM(fn, mnemonic, operands, sizes, m, ...)                                                \
    static void call_##fn(struct x86_buf *b, const struct args *a)                                 \
    {                                                                                              \
        x86_##fn(b, __VA_ARGS__);                                                                  \
    }                                                                                              \
    FORM_ENTRY(fn, mnemonic, operands, sizes, m)
#define FORM0(fn, mnemonic)                                                                        \
    static void call_##fn(struct x86_buf *b, const struct args *a)                                 \
    {                                                                                              \
        x86_##fn(b);                                                                               \
    }                                                                                              \
    FORM_ENTRY(fn, mnemonic, "", 0, 0)

#include "tests/backend/enc_cases.h"

extern const struct form *const __start_enc_forms[];
extern const struct form *const __stop_enc_forms[];

static const struct row {
    int line;
    const char *name;
} rows[] = {
#define X86_ROW(name, ...) {__LINE__, #name},
#include "backend/x86/enc.def"
};

#define N_ROWS (sizeof rows / sizeof *rows)
#define MAX_LINE 4096

/* ---- Expected text ---- */

static const char *const low_names[4][8] = {
    {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"},
    {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"},
    {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"},
    {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"},
};

static const char *const cc_names[16] = {
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
};

static unsigned log2_size(unsigned size)
{
    return (unsigned)__builtin_ctz(size);
}

static void put_reg(FILE *f, unsigned size, unsigned r)
{
    if (r < 8)
        fputs(low_names[log2_size(size)][r], f);
    else
        fprintf(f, "r%u%s", r, (const char *[]){"b", "w", "d", ""}[log2_size(size)]);
}

static void put_number(FILE *f, uint64_t v)
{
    fprintf(f, v > 9 ? "0x%llx" : "%llu", (unsigned long long)v);
}

static void put_mem(FILE *f, unsigned mem_size, const struct x86_mem *m, size_t len)
{
    static const char *const size_names[] = {"byte", "word", "dword", "qword", "xmmword", "ymmword"};
    if (mem_size)
        fprintf(f, "%s ptr ", size_names[log2_size(mem_size)]);
    if (m->seg)
        fputs(m->seg == X86_SEG_GS ? "gs:" : "fs:", f);
    fputc('[', f);
    const char *plus = "";
    unsigned addr = m->addr32 ? 4 : 8;
    int64_t disp = m->disp;
    if (m->rip) {
        fputs(m->addr32 ? "eip" : "rip", f);
        disp -= (int64_t)len;
        plus = " + ";
    }
    if (m->base >= 0) {
        put_reg(f, addr, (unsigned)m->base);
        plus = " + ";
    }
    if (m->index >= 0) {
        fputs(plus, f);
        put_reg(f, addr, (unsigned)m->index);
        if (m->scale > 1)
            fprintf(f, "*%u", m->scale);
        plus = " + ";
    }
    if (disp || !*plus) {
        fputs(*plus && disp < 0 ? " - " : plus, f);
        put_number(f, (uint64_t)(disp < 0 ? -disp : disp));
    }
    fputc(']', f);
}

static uint64_t cut(uint64_t v, unsigned size)
{
    return size == 8 ? v : v & ((1ull << size * 8) - 1);
}

static void put_operand(FILE *f, const struct form *form, const struct args *a, unsigned k,
                        size_t len)
{
    unsigned r = a->r[k];
    switch (form->operands[k]) {
    case 'r': put_reg(f, a->size, r); break;
    case 'R': put_reg(f, a->size == 8 && a->imm >= 0 ? 4 : a->size, r); break;
    case 'D': put_reg(f, a->size == 8 ? 8 : 4, r); break;
    case 'b': put_reg(f, 1, r); break;
    case 'w': put_reg(f, 2, r); break;
    case 'd': put_reg(f, 4, r); break;
    case 'q': put_reg(f, 8, r); break;
    case 'x': fprintf(f, "xmm%u", r); break;
    case 'y': fprintf(f, "ymm%u", r); break;
    case 'm': put_mem(f, form->mem_size ? form->mem_size : a->size, &a->m, len); break;
    case 'l': put_mem(f, 0, &a->m, len); break;
    case 'i': put_number(f, cut((uint64_t)a->imm, a->size)); break;
    case 'u':
    case 'n': put_number(f, (uint64_t)a->imm); break;
    case 'c': fputs("cl", f); break;
    default: fail_msg("%s: operand letter %c", form->fn, form->operands[k]);
    }
}

/** Comparisons have their predicate in the mnemonic: cmpps with imm 1 is cmpltps. */
static bool put_compare(FILE *f, const char *mnemonic, int64_t imm)
{
    static const char *const predicates[32] = {
        "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord",
        "eq_uq", "nge", "ngt", "false", "neq_oq", "ge", "gt", "true",
        "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s",
        "eq_us", "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq", "true_us",
    };
    size_t v = mnemonic[0] == 'v';
    if (strncmp(mnemonic + v, "cmp", 3) != 0 || strlen(mnemonic + v) != 5 || imm >= (v ? 32 : 8))
        return false;
    if (mnemonic[v + 3] != 'p' && mnemonic[v + 3] != 's')
        return false;
    fprintf(f, "%.*s%s%s", (int)(v + 3), mnemonic, predicates[imm], mnemonic + v + 3);
    return true;
}

/** The text that capstone should show of a case whose instruction has len bytes. */
static void expected_text(char *out, size_t n, const struct form *form, const struct args *a,
                          size_t len)
{
    FILE *f = fmemopen(out, n, "w");
    size_t mlen = strlen(form->mnemonic), n_ops = strlen(form->operands);
    if (mlen > 2 && strcmp(form->mnemonic + mlen - 2, "cc") == 0)
        fprintf(f, "%.*s%s", (int)mlen - 2, form->mnemonic, cc_names[a->cc]);
    else if (n_ops && form->operands[n_ops - 1] == 'u' && put_compare(f, form->mnemonic, a->imm))
        n_ops--;
    else
        fputs(form->mnemonic, f);
    for (unsigned k = 0; k < n_ops; k++) {
        fputs(k ? ", " : " ", f);
        put_operand(f, form, a, k, len);
    }
    fputc('\0', f);
    fclose(f);
}

/* ---- Disassembly ---- */

static csh capstone;
static cs_insn *insn;
static size_t n_cases;
static unsigned cases_of_line[MAX_LINE];
static const char *failed; /* the function that failed last */
static unsigned n_failed;  /* functions that failed */

static int open_capstone(void **state)
{
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &capstone) != CS_ERR_OK)
        return -1;
    insn = cs_malloc(capstone);
    return 0;
}

static int close_capstone(void **state)
{
    cs_free(insn, 1);
    return cs_close(&capstone) == CS_ERR_OK ? 0 : -1;
}

/** Longest text of an instruction: capstone's two parts and a space. */
#define TEXT_MAX 256

/** Disassembles the instruction at pos into out; returns its length, 0 if there is none. */
static size_t disassemble(const struct x86_buf *b, uint32_t pos, char out[TEXT_MAX])
{
    const uint8_t *code = b->base + pos;
    size_t left = (size_t)(b->p - code);
    uint64_t address = pos;
    if (!cs_disasm_iter(capstone, &code, &left, &address, insn))
        return 0;
    snprintf(out, TEXT_MAX, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "", insn->op_str);
    return insn->size;
}

/** Capstone shows some immediates as negative: rewrite one at the end as size bytes, unsigned. */
static void unsign_immediate(char *text, size_t n, unsigned size)
{
    char *end = strrchr(text, ' ');
    if (!end || end[1] != '-' || strchr(end, ']'))
        return;
    uint64_t v = cut((uint64_t)strtoll(end + 1, NULL, 0), size);
    snprintf(end, n - (size_t)(end - text), v > 9 ? " 0x%llx" : " %llu", (unsigned long long)v);
}

/** Says what is wrong with a function, once. */
static void report(const struct form *form, const struct x86_buf *b, const char *want,
                   const char *got)
{
    if (form->fn == failed)
        return;
    failed = form->fn;
    n_failed++;
    print_error("x86_%s (enc.def:%d): want \"%s\", got \"%s\", bytes", form->fn, form->line, want,
                got);
    for (const uint8_t *p = b->base; p < b->p; p++)
        print_error(" %02x", *p);
    print_error("%s\n", b->overflow ? ", overflow" : "");
}

static void run_case(const struct form *form, const struct args *a)
{
    uint8_t code[64];
    struct x86_buf b = x86_buf_init(code, sizeof code);
    memset(code, 0xCC, sizeof code);
    form->call(&b, a);

    size_t len = (size_t)(b.p - code);
    char want[TEXT_MAX], got[TEXT_MAX] = "";
    size_t got_len = disassemble(&b, 0, got);
    unsign_immediate(got, sizeof got, a->size);
    expected_text(want, sizeof want, form, a, len);
    if (b.overflow || got_len != len || strcmp(want, got) != 0)
        report(form, &b, want, got);
    cases_of_line[form->line]++;
    n_cases++;
}

/* ---- Operand values ---- */

static struct x86_mem modes[128];
static size_t n_modes;

static void add_mode(struct x86_mem m)
{
    modes[n_modes++] = m;
}

static void make_modes(void)
{
    static const int32_t disps[] = {0, 1, -128, 127, 128, -129, 0x12345678, INT32_MIN + 1};
    enum { N_DISPS = sizeof disps / sizeof *disps };
    n_modes = 0;
    for (unsigned r = 0; r < 16; r++) {
        bool special = (r & 7) == RSP || (r & 7) == RBP;
        for (unsigned d = 0; d < N_DISPS; d++)
            if (special || d == r % N_DISPS)
                add_mode(x86_mem_b(r, disps[d]));
    }
    for (unsigned r = 0; r < 16; r++) {
        if (r == RSP)
            continue;
        add_mode(x86_mem_bi((r * 5 + 4) & 15, r, 1u << (r & 3), disps[r % N_DISPS]));
        add_mode(x86_mem_i(r, 2u << r % 3, 0x40 + (int32_t)r));
    }
    add_mode(x86_mem_bi(RBP, RAX, 8, 0));
    add_mode(x86_mem_bi(R13, R15, 2, 0));
    add_mode(x86_mem_bi(RAX, RSP, 1, 0x20)); /* swapped by the constructor */
    modes[n_modes - 1] = (struct x86_mem){.base = RSP, .index = RAX, .scale = 1, .disp = 0x20};
    add_mode(x86_mem_abs(0x1234));
    add_mode(x86_mem_abs(0x7FFFFFF0));
    add_mode(x86_mem_rip(0x1000));
    add_mode(x86_mem_rip(-0x1000));
    add_mode(x86_mem_gs(x86_mem_b(R8, 0x10)));
    add_mode(x86_mem_gs(x86_mem_abs(0x28)));
    add_mode(x86_mem_addr32(x86_mem_bi(R9, RDI, 4, -4)));
    add_mode(x86_mem_gs(x86_mem_addr32(x86_mem_bi(RBX, R14, 1, 0x7FFF))));
    struct x86_mem fs = x86_mem_b(RDX, 0);
    fs.seg = X86_SEG_FS;
    add_mode(fs);
}

static const int32_t signed_imms[] = {
    0, 1, -1, 9, 10, 0x7F, 0x80, -0x80, -0x81, 0xFF, 0x7FFF, -0x8000, 0xFFFF, 0x12345678,
    INT32_MAX, INT32_MIN,
};

/* ---- Running a form ---- */

static void run_memory(const struct form *form, struct args a)
{
    for (size_t i = 0; i < n_modes; i++) {
        a.m = modes[i];
        run_case(form, &a);
    }
}

static void run_immediates(const struct form *form, struct args a, char letter)
{
    if (letter == 'i') {
        for (size_t i = 0; i < sizeof signed_imms / sizeof *signed_imms; i++) {
            a.imm = signed_imms[i];
            run_case(form, &a);
        }
    } else {
        for (a.imm = 0; a.imm < (letter == 'n' ? 8 * (int64_t)a.size : 256); a.imm++)
            run_case(form, &a);
    }
}

/** All values of every operand in turn, the others staying at those of a. */
static void run_operands(const struct form *form, struct args a)
{
    run_case(form, &a);
    for (unsigned k = 0; form->operands[k]; k++) {
        char letter = form->operands[k];
        struct args v = a;
        if (letter == 'm' || letter == 'l')
            run_memory(form, a);
        else if (letter == 'i' || letter == 'u' || letter == 'n')
            run_immediates(form, a, letter);
        else
            for (unsigned r = 0; r < 16 && letter != 'c'; r++) {
                v.r[k] = r;
                run_case(form, &v);
            }
    }
}

/** Where capstone 4 departs from the manuals: its mnemonic or memory size. */
static const struct {
    const char *fn, *mnemonic;
    unsigned mem_size;
} quirks[] = {
    {"comiss_xm", "comiss", 16},
    {"comisd_xm", "comisd", 16},
    {"vcomiss_xm", "vcomiss", 16},
    {"vcomisd_xm", "vcomisd", 16},
    {"vcvtpd2ps_xm", "vcvtpd2psx", 16},
    {"vcvtpd2dq_xm", "vcvtpd2dqx", 16},
    {"vcvttpd2dq_xm", "vcvttpd2dqx", 16},
};

static struct form with_quirks(struct form form)
{
    for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++)
        if (strcmp(form.fn, quirks[i].fn) == 0) {
            form.mnemonic = quirks[i].mnemonic;
            form.mem_size = quirks[i].mem_size;
        }
    return form;
}

static void run_form(const struct form *form)
{
    static const enum x86_reg defaults[3][4] = {
        {RCX, RDX, RSI, RBX}, {R9, R10, R13, R15}, {RAX, RAX, RAX, RAX},
    };
    size_t mlen = strlen(form->mnemonic);
    bool has_cc = mlen > 2 && strcmp(form->mnemonic + mlen - 2, "cc") == 0;
    for (unsigned size = 1; size <= 8; size *= 2) {
        if (form->sizes ? !(form->sizes & size) : size != 8)
            continue;
        for (unsigned cc = 0; cc < (has_cc ? 16 : 1); cc++)
            for (unsigned d = 0; d < 3; d++) {
                struct args a = {.size = size, .cc = cc, .m = x86_mem_b(RDI, 0x40), .imm = 3};
                memcpy(a.r, defaults[d], sizeof a.r);
                run_operands(form, a);
            }
    }
}

/* ---- The tests ---- */

static void test_every_form(void **state)
{
    make_modes();
    for (const struct form *const *f = __start_enc_forms; f < __stop_enc_forms; f++) {
        struct form form = with_quirks(**f);
        run_form(&form);
    }
    print_message("%zu rows, %zu functions, %zu cases\n", N_ROWS,
                  (size_t)(__stop_enc_forms - __start_enc_forms), n_cases);
    assert_int_equal(n_failed, 0);
}

static void test_every_row_has_cases(void **state)
{
    assert_true(N_ROWS > 400);
    for (size_t i = 0; i < N_ROWS; i++) {
        assert_true(rows[i].line < MAX_LINE);
        if (!cases_of_line[rows[i].line])
            fail_msg("enc.def:%d: %s has no case", rows[i].line, rows[i].name);
    }
}

/** The text of the instruction at pos. */
static const char *text_at(const struct x86_buf *b, uint32_t pos)
{
    static char text[TEXT_MAX];
    if (!disassemble(b, pos, text))
        return "none";
    return text;
}

static void test_mov_constants(void **state)
{
    static const struct {
        unsigned size;
        int64_t imm;
        unsigned len;
        const char *text;
    } cases[] = {
        {8, 0, 6, "mov r9d, 0"},
        {8, 0xFFFFFFFF, 6, "mov r9d, 0xffffffff"},
        {8, -1, 7, "mov r9, -1"},
        {8, INT32_MIN, 7, "mov r9, -0x80000000"},
        {8, 0x100000000, 10, "movabs r9, 0x100000000"},
        {8, (int64_t)INT32_MIN - 1, 10, "movabs r9, 0xffffffff7fffffff"},
        {8, INT64_MIN, 10, "movabs r9, 0x8000000000000000"},
        {4, -1, 6, "mov r9d, 0xffffffff"},
        {2, -2, 5, "mov r9w, 0xfffe"},
        {1, 0x1FF, 3, "mov r9b, 0xff"},
    };
    uint8_t code[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct x86_buf b = x86_buf_init(code, sizeof code);
        x86_mov_ri(&b, cases[i].size, R9, cases[i].imm);
        assert_int_equal(x86_pos(&b), cases[i].len);
        assert_string_equal(text_at(&b, 0), cases[i].text);
    }
    struct x86_buf b = x86_buf_init(code, sizeof code);
    x86_movabs_ri(&b, RDI, 0x123456789ABCDEF0);
    assert_string_equal(text_at(&b, 0), "movabs rdi, 0x123456789abcdef0");
    assert_int_equal(x86_pos(&b), 10);
}

/* One line a case: how long the shortest encoding is, and the call. */
#define LENGTH(n, call)                                                                            \
    do {                                                                                           \
        struct x86_buf b = x86_buf_init(code, sizeof code);                                        \
        call;                                                                                      \
        if (x86_pos(&b) != (n))                                                                    \
            fail_msg("%s: %u bytes, not %u", #call, x86_pos(&b), (unsigned)(n));                   \
    } while (0)

static void test_shortest(void **state)
{
    uint8_t code[32];
    LENGTH(2, x86_add_rr(&b, 4, RCX, RDX));
    LENGTH(2, x86_add_rr(&b, 1, RCX, RBX));
    LENGTH(3, x86_add_rr(&b, 1, RCX, RSI));
    LENGTH(3, x86_add_rr(&b, 8, R9, RDX));
    LENGTH(4, x86_add_ri(&b, 8, RAX, -128));
    LENGTH(6, x86_add_ri(&b, 8, RAX, 128));
    LENGTH(5, x86_add_ri(&b, 4, RAX, 0x1234));
    LENGTH(6, x86_add_ri(&b, 4, RCX, 0x1234));
    LENGTH(4, x86_add_ri(&b, 2, RCX, 0xFFFF));
    LENGTH(2, x86_add_ri(&b, 1, RAX, 200));
    LENGTH(2, x86_shl_ri(&b, 4, RCX, 1));
    LENGTH(3, x86_shl_ri(&b, 4, RCX, 2));
    LENGTH(3, x86_imul_rri(&b, 4, RCX, RDX, -3));
    LENGTH(6, x86_imul_rri(&b, 4, RCX, RDX, 300));
    LENGTH(2, x86_push_i(&b, -1));
    LENGTH(5, x86_push_i(&b, 128));
    LENGTH(1, x86_push_r(&b, RBP));
    LENGTH(2, x86_mov_rm(&b, 4, RAX, x86_mem_b(RCX, 0)));
    LENGTH(3, x86_mov_rm(&b, 4, RAX, x86_mem_b(RBP, 0)));
    LENGTH(3, x86_mov_rm(&b, 4, RAX, x86_mem_b(RSP, 0)));
    LENGTH(4, x86_mov_rm(&b, 4, RAX, x86_mem_b(R13, 0)));
    LENGTH(3, x86_mov_rm(&b, 4, RAX, x86_mem_b(RCX, 127)));
    LENGTH(6, x86_mov_rm(&b, 4, RAX, x86_mem_b(RCX, 128)));
    LENGTH(6, x86_mov_rm(&b, 4, RAX, x86_mem_rip(0)));
    LENGTH(4, x86_vaddps_xxx(&b, XMM9, XMM10, XMM1));
    LENGTH(5, x86_vaddps_xxx(&b, XMM1, XMM2, XMM9));
    LENGTH(4, x86_vaddps_yym(&b, XMM1, XMM2, x86_mem_b(RAX, 0)));
    LENGTH(5, x86_vpshufb_xxx(&b, XMM1, XMM2, XMM3));
    LENGTH(5, x86_vmovq_xr(&b, XMM1, RAX));
}

static void test_branches(void **state)
{
    uint8_t code[512];
    for (unsigned cc = 0; cc < 16; cc++) {
        struct x86_buf b = x86_buf_init(code, sizeof code);
        char want[32];
        x86_jcc(&b, cc, -126); /* the farthest back that rel8 reaches */
        assert_int_equal(x86_pos(&b), 2);
        x86_jcc(&b, cc, 0x10000);
        assert_int_equal(x86_pos(&b), 8);
        snprintf(want, sizeof want, "j%s 0xffffffffffffff82", cc_names[cc]);
        assert_string_equal(text_at(&b, 0), want);
        snprintf(want, sizeof want, "j%s 0x10000", cc_names[cc]);
        assert_string_equal(text_at(&b, 2), want);
        assert_int_equal(x86_cc_not(x86_cc_not(cc)), cc);
        assert_int_equal(x86_cc_not(cc) & 1, !(cc & 1));
    }
    struct x86_buf b = x86_buf_init(code, sizeof code);
    x86_jmp(&b, 129); /* the farthest on that rel8 reaches */
    x86_jmp(&b, 132); /* one too far */
    x86_call(&b, 0);
    assert_int_equal(x86_jmp_rel32(&b, 0x20), 13);
    assert_string_equal(text_at(&b, 0), "jmp 0x81");
    assert_string_equal(text_at(&b, 2), "jmp 0x84");
    assert_string_equal(text_at(&b, 7), "call 0");
    assert_string_equal(text_at(&b, 12), "jmp 0x20");
    assert_int_equal(x86_pos(&b), 17);
}

static void test_patches(void **state)
{
    uint8_t code[512];
    struct x86_buf b = x86_buf_init(code, sizeof code);
    uint32_t jcc = x86_jcc_rel32_fwd(&b, X86_BE);
    uint32_t jmp = x86_jmp_rel32_fwd(&b);
    uint32_t call = x86_call_rel32_fwd(&b);
    uint32_t jcc8 = x86_jcc_rel8_fwd(&b, X86_G);
    uint32_t jmp8 = x86_jmp_rel8_fwd(&b);
    x86_mov_rm(&b, 4, RAX, x86_mem_rip(0));
    x86_patch_rel32(&b, x86_pos(&b) - 4, 0x1000);
    x86_patch_rel32(&b, jcc, 0x100);
    x86_patch_rel32(&b, jmp, 0);
    x86_patch_rel32(&b, call, -0x100000);
    assert_true(x86_patch_rel8(&b, jcc8, 18 + 127));
    assert_false(x86_patch_rel8(&b, jcc8, 18 + 128));
    assert_true(x86_patch_rel8(&b, jmp8, 20 - 128));
    assert_false(x86_patch_rel8(&b, jmp8, 20 - 129));
    assert_string_equal(text_at(&b, 0), "jbe 0x100");
    assert_string_equal(text_at(&b, 6), "jmp 0");
    assert_string_equal(text_at(&b, 11), "call 0xfffffffffff00000");
    assert_string_equal(text_at(&b, 16), "jg 0x91");
    assert_string_equal(text_at(&b, 18), "jmp 0xffffffffffffff94");
    assert_string_equal(text_at(&b, 20), "mov eax, dword ptr [rip + 0xfe6]");
}

static void test_nops(void **state)
{
    uint8_t code[64];
    for (unsigned n = 0; n <= 30; n++) {
        struct x86_buf b = x86_buf_init(code, sizeof code);
        x86_nop(&b, n);
        assert_int_equal(x86_pos(&b), n);
        unsigned count = 0;
        for (uint32_t pos = 0; pos < n; count++) {
            assert_memory_equal(text_at(&b, pos), "nop", 3);
            pos += insn->size;
        }
        assert_int_equal(count, (n + 8) / 9);
    }
    for (unsigned at = 0; at < 16; at++) {
        struct x86_buf b = x86_buf_init(code, sizeof code);
        x86_nop(&b, at);
        x86_align(&b, 8, 1);
        assert_int_equal(x86_jmp_rel32_fwd(&b) % 8, 0);
        assert_true(x86_pos(&b) - 5 - at < 8);
    }
}

/** With less room than X86_ROOM no function may write or move, and all must flag it. */
static void test_overflow(void **state)
{
    uint8_t code[64];
    struct args a = {.size = 8, .r = {RCX, RDX, RSI, RBX}, .m = x86_mem_b(RDI, 0x40), .imm = 3};
    for (const struct form *const *f = __start_enc_forms; f < __stop_enc_forms; f++)
        for (size_t room = 0; room <= X86_ROOM; room++) {
            memset(code, 0xA5, sizeof code);
            struct x86_buf b = x86_buf_init(code, room);
            (*f)->call(&b, &a);
            assert_int_equal(b.overflow, room < X86_ROOM);
            assert_int_equal(b.p == code, room < X86_ROOM);
            for (size_t i = b.overflow ? 0 : room; i < sizeof code; i++)
                assert_int_equal(code[i], 0xA5);
        }
}

static void test_overflow_of_the_rest(void **state)
{
    uint8_t code[64];
    memset(code, 0xA5, sizeof code);
    struct x86_buf b = x86_buf_init(code, X86_ROOM - 1);
    x86_jcc(&b, X86_E, 0);
    x86_jmp(&b, 0x1000);
    x86_call(&b, 0);
    uint32_t far = x86_jcc_rel32_fwd(&b, X86_E);
    uint32_t near = x86_jmp_rel8_fwd(&b);
    x86_patch_rel32(&b, far, 0x40);
    x86_patch_rel8(&b, near, x86_pos(&b));
    x86_nop(&b, 3);
    x86_align(&b, 16, 1);
    x86_mov_ri(&b, 8, RAX, INT64_MAX);
    assert_true(b.overflow);
    assert_ptr_equal(b.p, code);
    for (size_t i = 0; i < sizeof code; i++)
        assert_int_equal(code[i], 0xA5);

    /* It sticks: nothing follows a dropped instruction. */
    b = x86_buf_init(code, sizeof code);
    for (unsigned i = 0; i < 100; i++)
        x86_movabs_ri(&b, RAX, i);
    assert_true(b.overflow);
    assert_int_equal(x86_pos(&b), 50);
    x86_ret(&b);
    assert_int_equal(x86_pos(&b), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_every_row_has_cases),
        cmocka_unit_test(test_mov_constants),
        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_nops),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_overflow_of_the_rest),
    };
    return cmocka_run_group_tests(tests, open_capstone, close_capstone);
}
