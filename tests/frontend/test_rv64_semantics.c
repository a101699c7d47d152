/* What RISC-V instructions mean: translated, run by the IR's interpreter as the frontend built them and after the
 * passes, and compared with rv64_semantics.txt (operands and results; argv[1]) and with the manual (below). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/run.h"
#include "frontend/riscv/riscv.h"
#include "frontend/translate.h"
#include "ir/interp.h"
#include "ir/passes/pass.h"
#include "loader/space.h"

/* --- the world: code at CODE, memory at DATA, nothing else */

enum { CODE = 0x10000, DATA = 0x20000, DATA_SIZE = 256 };

uintptr_t gaddr_base;

static uint8_t code[256];
static size_t code_size;
static size_t code_split;         /* two mappings meet here, if not 0 */
static uint8_t data[DATA_SIZE];
static bool unannounced;          /* nobody has flushed an instruction cache */
static gaddr translated;          /* cache_has() says yes to this pc */

/* Nothing here is the vdso. */
bool space_lookup(gaddr addr, struct space_range *out)
{
    return false;
}

bool space_unannounced(gaddr start, uint64_t len)
{
    return unannounced;
}

const uint8_t *space_fetch(gaddr pc, size_t *avail)
{
    size_t at = pc - CODE;

    if (pc < CODE || at >= code_size)
        return NULL;
    *avail = (at < code_split ? code_split : code_size) - at;
    return code + at;
}

bool cache_has(gaddr pc, uint32_t mode)
{
    return pc == translated;
}

static bool look_at_code;         /* it can be read as data */

static bool access_data(void *ctx, gaddr a, unsigned size, bool write, void *buf)
{
    if (look_at_code && !write && a >= CODE && a + size <= CODE + sizeof code) {
        memcpy(buf, code + (a - CODE), size);
        return true;
    }
    if (a < DATA || a + size > DATA + DATA_SIZE)
        return false;
    if (write)
        memcpy(data + (a - DATA), buf, size);
    else
        memcpy(buf, data + (a - DATA), size);
    return true;
}

static const struct interp_env env = { .access = access_data, .max_steps = 10000 };
static struct cpu cpu;
static struct ir_unit *unit;

static void put_code(const uint32_t *words, size_t n)
{
    memcpy(code, words, 4 * n);
    code_size = 4 * n;
    code_split = 0;
    translated = 0;
}

static void reset(void)
{
    memset(&cpu, 0, sizeof cpu);
    riscv64_guest.start(&cpu, CODE, DATA + DATA_SIZE);
}

/* Builds the unit at pc; checks it; with the passes if `opt`. */
static void build(gaddr pc, bool opt)
{
    char err[200];

    translate_unit(unit, &riscv64_guest, pc, cpu.mode, false);
    if (!ir_verify(unit, err, sizeof err))
        fail_msg("the frontend's unit: %s", err);
    if (opt)
        pass_run_all(unit, 0);
    if (!ir_verify(unit, err, sizeof err))
        fail_msg("after the passes: %s", err);
}

/* Runs the code from CODE until it leaves its unit. */
static struct interp_result run(bool opt)
{
    build(CODE, opt);
    return interp_run(unit, &cpu, &env);
}

#define CODE_IS(...) put_code((const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)
#define BOTH for (int opt = 0; opt < 2; opt++)
#define X(n) riscv_x(&cpu, n)
#define SET(n, v) riscv_set_x(&cpu, n, v)
#define F(n) (*riscv_f(&cpu, n))

enum { RA = 1, SP = 2, T0 = 5, A0 = 10, A1 = 11, A2 = 12, A3 = 13, A4 = 14, A5 = 15 };

/* --- the table */

static const char *table_path;

static uint64_t *column(const char *name)
{
    if (name[0] == 'f')
        return riscv_f(&cpu, 10 + (unsigned)(name[2] - '0'));
    return riscv_slot(&cpu, riscv_xreg[10 + (unsigned)(name[1] - '0')]);
}

static void set_column(const char *name, uint64_t v)
{
    if (strcmp(name, "fcsr") == 0)
        riscv_set_fcsr(&cpu, (uint32_t)v);
    else
        *column(name) = v;
}

static uint64_t get_column(const char *name)
{
    return strcmp(name, "fcsr") == 0 ? riscv_fcsr(&cpu) : *column(name);
}

struct columns {
    char text[64], name[2][6][8];
    unsigned n[2];
};

/* "= HEX TEXT ; a1 a2 > a0" */
static void read_header(char *line, struct columns *c)
{
    char *save, *insn = strchr(line + 2, ' '), *cols = strstr(line, " ; ");
    unsigned side = 0;

    assert_non_null(cols);
    *cols = 0;
    snprintf(c->text, sizeof c->text, "%s", insn + 1);
    CODE_IS((uint32_t)strtoul(line + 2, NULL, 16));
    c->n[0] = c->n[1] = 0;
    for (char *w = strtok_r(cols + 3, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
        if (*w == '>')
            side = 1;
        else
            snprintf(c->name[side][c->n[side]++], 8, "%s", w);
    }
}

/* "OPERANDS > RESULTS": returns the number of wrong results. */
static unsigned run_case(const char *line, const struct columns *c, bool opt)
{
    const char *p = line;
    char *end;
    unsigned wrong = 0;

    reset();
    for (unsigned i = 0; i < c->n[0]; i++, p = end)
        set_column(c->name[0][i], strtoull(p, &end, 16));

    struct interp_result r = run(opt);

    if (r.how == INTERP_TRAP && r.trap == IR_TRAP_MODE)
        cpu.mode = (uint32_t)r.info;
    else if (r.how != INTERP_EXIT)
        wrong++;
    if (r.pc != CODE + 4 || cpu.mode != riscv_mode_of_frm(riscv_fcsr(&cpu) >> 5))
        wrong++;
    p = strchr(p, '>') + 1;
    for (unsigned i = 0; i < c->n[1]; i++, p = end) {
        uint64_t want = strtoull(p, &end, 16), got = get_column(c->name[1][i]);

        if (got == want)
            continue;
        wrong++;
        print_error("%s, passes %d: %.*s: %s is %" PRIx64 "\n", c->text, opt, (int)strcspn(line, "\n"),
                    line, c->name[1][i], got);
    }
    return wrong;
}

static void table(void **state)
{
    FILE *f = fopen(table_path, "r");
    char line[256];
    struct columns c;
    unsigned insns = 0, cases = 0, wrong = 0;

    assert_non_null(f);
    translate_limit = 1;
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '=') {
            read_header(line, &c);
            insns++;
        } else if (line[0] != '#') {
            BOTH wrong += run_case(line, &c, opt);
            cases++;
        }
    }
    fclose(f);
    translate_limit = 128;
    assert_true(insns > 200 && cases > 4000);
    assert_int_equal(wrong, 0);
}

/* --- constants and x0 */

static void constants(void **state)
{
    BOTH {
        reset();
        CODE_IS(0x12345537,    /* lui a0,0x12345 */
                0xffb5051b,    /* addiw a0,a0,-5 */
                0x800015b7,    /* lui a1,0x80001 */
                0xfffff617,    /* auipc a2,-1 */
                0x00160693,    /* addi a3,a2,1 */
                0x00500013,    /* addi x0,x0,5 */
                0x00000713);   /* addi a4,x0,0 */
        SET(A4, 7);
        run(opt);
        assert_int_equal(X(A0), 0x12344ffb);
        assert_int_equal(X(A1), 0xffffffff80001000);
        assert_int_equal(X(A2), CODE + 12 - 0x1000);
        assert_int_equal(X(A3), CODE + 13 - 0x1000);
        assert_int_equal(X(A4), 0);
    }
}

/* --- memory */

static void loads(void **state)
{
    static const struct { uint32_t insn; uint64_t want; } rows[] = {
        { 0x00458503, 0xfffffffffffffff4 },    /* lb a0,4(a1) */
        { 0x00459503, 0xffffffffffffa5f4 },    /* lh */
        { 0x0045a503, 0xffffffffc7b6a5f4 },    /* lw */
        { 0x0045b503, 0x0bfae9d8c7b6a5f4 },    /* ld */
        { 0x0045c503, 0xf4 },                  /* lbu */
        { 0x0045d503, 0xa5f4 },                /* lhu */
        { 0x0045e503, 0xc7b6a5f4 },            /* lwu */
        { 0xffc5b503, 0x0bfae9d8c7b6a5f4 },    /* ld a0,-4(a1), a1 8 higher */
    };
    uint64_t v = 0x0bfae9d8c7b6a5f4;

    for (unsigned i = 0; i < 8; i++) {
        BOTH {
            reset();
            memcpy(data + 4, &v, 8);
            CODE_IS(rows[i].insn);
            SET(A1, DATA + (i == 7 ? 8 : 0));
            assert_int_equal(run(opt).how, INTERP_TRAP); /* runs into the end of the code */
            assert_int_equal(X(A0), rows[i].want);
        }
    }
}

static void stores(void **state)
{
    static const struct { uint32_t insn; uint64_t want; } rows[] = {
        { 0x00a58423, 0x11111111111111f0 },    /* sb a0,8(a1) */
        { 0x00a59423, 0x111111111111def0 },    /* sh */
        { 0x00a5a423, 0x111111119abcdef0 },    /* sw */
        { 0x00a5b423, 0x123456789abcdef0 },    /* sd */
        { 0x0005b423, 0 },                     /* sd x0,8(a1) */
    };

    for (unsigned i = 0; i < 5; i++) {
        BOTH {
            uint64_t got;

            reset();
            memset(data, 0x11, sizeof data);
            CODE_IS(rows[i].insn);
            SET(A0, 0x123456789abcdef0);
            SET(A1, DATA);
            run(opt);
            memcpy(&got, data + 8, 8);
            assert_int_equal(got, rows[i].want);
        }
    }
}

/* The state at a fault is the one before the instruction, with all that came earlier. */
static void faults(void **state)
{
    BOTH {
        reset();
        CODE_IS(0x00150513,    /* addi a0,a0,1 */
                0x0005b583);   /* ld a1,0(a1) */
        SET(A1, 0x1234);

        struct interp_result r = run(opt);

        assert_int_equal(r.how, INTERP_FAULT);
        assert_int_equal(r.addr, 0x1234);
        assert_int_equal(cpu.pc, CODE + 4);
        assert_int_equal(X(A0), 1);
        assert_int_equal(X(A1), 0x1234);
    }
    BOTH { /* a load to x0 faults too */
        reset();
        CODE_IS(0x0005b003);   /* ld x0,0(a1) */
        assert_int_equal(run(opt).how, INTERP_FAULT);
    }
}

static void float_memory(void **state)
{
    uint64_t garbage = 0x0123456789abcdef, got;

    BOTH {
        reset();
        memset(data, 0, sizeof data);
        memcpy(data + 8, &garbage, 8);
        CODE_IS(0x0085a507,    /* flw fa0,8(a1) */
                0x0085b587,    /* fld fa1,8(a1) */
                0x00b5a827,    /* fsw fa1,16(a1): not boxed, low half as it is */
                0x00a5ac27,    /* fsw fa0,24(a1) */
                0x02a5b027);   /* fsd fa0,32(a1) */
        SET(A1, DATA);
        run(opt);
        assert_int_equal(F(10), 0xffffffff89abcdef);
        assert_int_equal(F(11), garbage);
        memcpy(&got, data + 16, 8);
        assert_int_equal(got, 0x89abcdef);
        memcpy(&got, data + 24, 8);
        assert_int_equal(got, 0x89abcdef);
        memcpy(&got, data + 32, 8);
        assert_int_equal(got, 0xffffffff89abcdef);
    }
}

/* --- atomics */

static uint64_t mem64(unsigned at)
{
    uint64_t v;

    memcpy(&v, data + at, 8);
    return v;
}

static void set_mem64(unsigned at, uint64_t v)
{
    memcpy(data + at, &v, 8);
}

static void amos(void **state)
{
    /* amo<op> a0,a2,(a1) on old, a2: what is in memory then, in all 64 bits; a0 is the old value, sign-extended */
    static const struct { uint32_t w; uint64_t old, a2, mem_w, mem_d; } rows[] = {
        { 0x08c5a52f, 0x80000001, 5, 5, 5 },                                     /* amoswap */
        { 0x00c5a52f, 0xffffffff, 1, 0, 0x100000000 },                           /* amoadd */
        { 0x20c5a52f, 0x800000ff, 0xf0, 0x8000000f, 0x8000000f },                /* amoxor */
        { 0x60c5a52f, 0x800000ff, 0xf0, 0xf0, 0xf0 },                            /* amoand */
        { 0x40c5a52f, 0x8000000f, 0xf0, 0x800000ff, 0x800000ff },                /* amoor */
        { 0x80c5a52f, 0x80000000, 1, 0x80000000, 1 },                            /* amomin */
        { 0xa0c5a52f, 0x80000000, 1, 1, 0x80000000 },                            /* amomax */
        { 0xc0c5a52f, 0x80000000, 0xffffffff00000001, 1, 0x80000000 },           /* amominu */
        { 0xe0c5a52f, 0x80000000, 0xffffffff00000001, 0x80000000, 0xffffffff00000001 }, /* amomaxu */
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        BOTH {
            for (int form = 0; form < 16; form++) { /* bits: .d, rd is zero, aq, rl */
                uint32_t d = form & 1, zero = form >> 1 & 1, order = (uint32_t)form >> 2;

                reset();
                set_mem64(8, rows[i].old);
                CODE_IS((rows[i].w & ~(zero * 0xf80)) | d << 12 | order << 25);
                SET(A1, DATA + 8);
                SET(A2, rows[i].a2);
                run(opt);
                assert_int_equal(X(A0), zero ? 0 : d ? rows[i].old : (uint64_t)(int32_t)rows[i].old);
                assert_int_equal(mem64(8), d ? rows[i].mem_d : rows[i].mem_w);
            }
        }
    }
}

enum { LR_W = 0x1005a52f, LR_D = 0x1005b52f, SC_W = 0x18c5a6af, SC_D = 0x18c5b6af };

/* lr a0,(a1) in one unit, sc a3,a2,(a1 + off) in it too, or in another after `meanwhile` was stored. */
static uint64_t lr_sc(uint32_t lr, uint32_t sc, int off, uint64_t meanwhile, bool apart, bool opt)
{
    reset();
    set_mem64(8, 0x80000000);
    set_mem64(16, 0x80000000);
    SET(A1, DATA + 8);
    SET(A2, 77);
    if (apart) {
        CODE_IS(lr, 0x00000073);
        run(opt);
        assert_int_equal(X(A0), lr == LR_D ? 0x80000000 : 0xffffffff80000000);
        set_mem64(8, meanwhile);
        SET(A1, DATA + 8 + (uint64_t)off);
        CODE_IS(sc);
        run(opt);
    } else {
        CODE_IS(lr, sc);
        run(opt);
    }
    return X(A3);
}

static void reservations(void **state)
{
    BOTH {
        for (int apart = 0; apart < 2; apart++) {
            assert_int_equal(lr_sc(LR_W, SC_W, 0, 0x80000000, apart, opt), 0);
            assert_int_equal(mem64(8), 77);
            assert_int_equal(lr_sc(LR_D, SC_D, 0, 0x80000000, apart, opt), 0);
            assert_int_equal(mem64(8), 77);
            assert_int_equal(lr_sc(LR_W, SC_D, 0, 0x80000000, apart, opt), 1);
            assert_int_equal(mem64(8), 0x80000000);
            assert_int_equal(lr_sc(LR_D, SC_W, 0, 0x80000000, apart, opt), 1);
            assert_int_equal(mem64(8), 0x80000000);
        }
        assert_int_equal(lr_sc(LR_D, SC_D, 0, 5, true, opt), 1);
        assert_int_equal(mem64(8), 5);
        assert_int_equal(lr_sc(LR_D, SC_D, 8, 0x80000000, true, opt), 1);
        assert_int_equal(mem64(16), 0x80000000);

        /* A second sc has no reservation. */
        lr_sc(LR_D, SC_D, 0, 0x80000000, true, opt);
        set_mem64(8, 0x80000000);
        CODE_IS(SC_D);
        run(opt);
        assert_int_equal(X(A3), 1);
        assert_int_equal(mem64(8), 0x80000000);
    }
}

static void misaligned_atomics(void **state)
{
    static const uint32_t insns[] = { LR_W, LR_D, SC_W, SC_D, 0x00c5a52f, 0x00c5b52f, 0x08c5a02f, 0x08c5b02f };

    for (unsigned i = 0; i < sizeof insns / sizeof insns[0]; i++) {
        BOTH {
            reset();
            CODE_IS(insns[i]);
            SET(A1, DATA + 2);

            struct interp_result r = run(opt);

            assert_int_equal(r.how, INTERP_MISALIGN);
            assert_int_equal(r.pc, CODE);
            assert_int_equal(r.addr, DATA + 2);
        }
    }
}

/* --- control flow */

static void branches(void **state)
{
    /* b<cond> a0,a1,+16 */
    static const struct { uint32_t insn; uint64_t a0, a1; bool taken; } rows[] = {
        { 0x00b50863, 1, 1, true }, { 0x00b50863, 1, 2, false },              /* beq */
        { 0x00b51863, 1, 1, false }, { 0x00b51863, 1, 1ull << 63, true },     /* bne */
        { 0x00b54863, UINT64_MAX, 0, true }, { 0x00b54863, 0, 0, false },     /* blt */
        { 0x00b55863, UINT64_MAX, 0, false }, { 0x00b55863, 0, 0, true },     /* bge */
        { 0x00b56863, UINT64_MAX, 0, false }, { 0x00b56863, 0, 1, true },     /* bltu */
        { 0x00b57863, UINT64_MAX, 0, true }, { 0x00b57863, 0, 1, false },     /* bgeu */
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        BOTH {
            reset();
            CODE_IS(rows[i].insn, 0x00000073 /* ecall */);
            SET(A0, rows[i].a0);
            SET(A1, rows[i].a1);

            struct interp_result r = run(opt);

            assert_int_equal(r.how, rows[i].taken ? INTERP_EXIT : INTERP_TRAP);
            assert_int_equal(r.pc, rows[i].taken ? CODE + 16 : CODE + 8);
        }
    }
}

static void jumps(void **state)
{
    BOTH {
        reset();
        CODE_IS(0x0080006f,    /* j +8: followed */
                0x00000000,
                0x00150513,    /* addi a0,a0,1 */
                0x00050067);   /* jr a0 */
        SET(A0, 0x4442);

        struct interp_result r = run(opt);

        assert_int_equal(unit->nextents, 2);
        assert_int_equal(r.how, INTERP_EXIT);
        assert_int_equal(r.pc, 0x4442); /* bit 0 is cleared */
        assert_int_equal(r.hint, IR_JUMP_PLAIN);
    }
    BOTH { /* not followed when it has a unit */
        reset();
        CODE_IS(0x0080006f, 0, 0x00150513);
        translated = CODE + 8;

        struct interp_result r = run(opt);

        assert_int_equal(r.how, INTERP_EXIT);
        assert_int_equal(r.pc, CODE + 8);
        assert_int_equal(X(A0), 0);
    }
    BOTH { /* jal ra; the target is not part of the unit */
        reset();
        CODE_IS(0x008000ef, 0, 0);

        struct interp_result r = run(opt);

        assert_int_equal(r.pc, CODE + 8);
        assert_int_equal(r.hint, IR_JUMP_CALL);
        assert_int_equal(X(RA), CODE + 4);
    }
    BOTH { /* jalr ra,4(ra): the old ra is the base */
        reset();
        CODE_IS(0x004080e7);
        SET(RA, 0x5000);

        struct interp_result r = run(opt);

        assert_int_equal(r.pc, 0x5004);
        assert_int_equal(r.hint, IR_JUMP_CALL);
        assert_int_equal(X(RA), CODE + 4);
    }
    BOTH { /* ret */
        reset();
        CODE_IS(0x00008067);
        SET(RA, 0x5000);
        assert_int_equal(run(opt).hint, IR_JUMP_RET);
    }
    BOTH { /* c.jalr a0: the link is 2 further */
        reset();
        CODE_IS(0x00009502);
        SET(A0, 0x5000);
        assert_int_equal(run(opt).pc, 0x5000);
        assert_int_equal(X(RA), CODE + 2);
    }
    BOTH { /* auipc t0; jalr ra,8(t0): a direct call */
        reset();
        CODE_IS(0x00001297, 0x008280e7);

        struct interp_result r = run(opt);

        assert_int_equal(r.pc, CODE + 0x1008);
        assert_int_equal(ir_at(unit, r.at)->op, IR_exit);
    }
}

static void loops(void **state)
{
    BOTH { /* sum of 10..1: one unit, left once */
        reset();
        CODE_IS(0x00a585b3,    /* add a1,a1,a0 */
                0xfff50513,    /* addi a0,a0,-1 */
                0xfe051ce3,    /* bnez a0,.-8 */
                0x00000073);
        SET(A0, 10);

        struct interp_result r = run(opt);

        assert_int_equal(r.how, INTERP_EXIT);
        assert_int_equal(r.pc, CODE + 12);
        assert_int_equal(X(A1), 55);
        assert_int_equal(X(A0), 0);
    }
    BOTH { /* the same, polled: leaves at its start, after one round */
        reset();
        SET(A0, 10);
        cpu.poll = 1;

        struct interp_result r = run(opt);

        assert_int_equal(r.how, INTERP_POLL);
        assert_int_equal(r.pc, CODE);
        assert_int_equal(X(A0), 9);
        assert_int_equal(X(A1), 10);
    }
    BOTH { /* j . ends up in poll, too */
        reset();
        CODE_IS(0x0000006f);
        cpu.poll = 1;
        assert_int_equal(run(opt).how, INTERP_POLL);
        assert_int_equal(cpu.pc, CODE);
    }
    BOTH { /* a backward branch into the middle polls when taken */
        reset();
        CODE_IS(0x00150513, 0x00150513, 0xfe051ee3 /* bnez a0,.-4 */, 0x00000073);
        cpu.poll = 1;
        assert_int_equal(run(opt).how, INTERP_POLL);
        assert_int_equal(cpu.pc, CODE + 4);
        assert_int_equal(X(A0), 2);
    }
}

static void unannounced_code(void **state)
{
    enum { ADDI_1 = 0x00150513 };

    unannounced = true;
    BOTH {
        CODE_IS(ADDI_1, ADDI_1, 0x00000073);
        reset();
        build(CODE, opt);

        struct ir_extent source = unit->extents[0];

        assert_true(unit->nextents == 1 && source.pc == CODE && source.len == 12);
        for (unsigned changed = 0; changed <= 12; changed++) {
            reset();
            look_at_code = true;
            code[changed] ^= 1;             /* 12: none of it */

            struct interp_result r = interp_run(unit, &cpu, &env);

            code[changed] ^= 1;
            look_at_code = false;
            assert_int_equal(r.how, INTERP_TRAP);
            assert_int_equal(r.trap, changed < 12 ? IR_TRAP_FETCH : IR_TRAP_SYSCALL);
            assert_int_equal(r.pc, changed < 12 ? CODE : CODE + 12);
            assert_int_equal(X(A0), changed < 12 ? 0 : 2);
        }
    }
    unannounced = false;
}

static void limit(void **state)
{
    reset();
    for (unsigned i = 0; i < sizeof code; i += 2)
        memcpy(code + i, (const uint16_t[]){ 0x0505 /* c.addi a0,1 */ }, 2);
    code_size = sizeof code;
    code_split = 0;
    translate_limit = 100;
    BOTH {
        reset();

        struct interp_result r = run(opt);

        assert_int_equal(r.how, INTERP_EXIT);
        assert_int_equal(r.pc, CODE + 200);
        assert_int_equal(X(A0), 100);
        assert_int_equal(unit->guest_insns, 100);
        assert_int_equal(unit->guest_bytes, 200);
    }
    translate_limit = 128;
}

/* --- traps */

static void expect_trap(enum ir_trap trap, gaddr pc, uint64_t info)
{
    BOTH {
        struct interp_result r = run(opt);

        assert_int_equal(r.how, INTERP_TRAP);
        assert_int_equal(r.trap, trap);
        assert_int_equal(r.pc, pc);
        assert_int_equal(r.info, info);
    }
}

static void traps(void **state)
{
    reset();
    CODE_IS(0x00000073);
    expect_trap(IR_TRAP_SYSCALL, CODE + 4, 0);
    CODE_IS(0x00100073);
    expect_trap(IR_TRAP_BREAK, CODE, 0);
    CODE_IS(0x00009002); /* c.ebreak */
    expect_trap(IR_TRAP_BREAK, CODE, 0);
    CODE_IS(0x0000100f);
    expect_trap(IR_TRAP_SYNC_CODE, CODE + 4, 0);
    CODE_IS(0x00000000);
    expect_trap(IR_TRAP_ILLEGAL, CODE, 0);
    CODE_IS(0xffffffff);
    expect_trap(IR_TRAP_ILLEGAL, CODE, 0xffffffff);
    CODE_IS(0x12359573); /* csrrw a0,0x123,a1 */
    expect_trap(IR_TRAP_ILLEGAL, CODE, 0x12359573);
    CODE_IS(0xc0151573); /* csrrw a0,time,a0: read-only */
    expect_trap(IR_TRAP_ILLEGAL, CODE, 0xc0151573);
    CODE_IS(0xc0156573); /* csrrsi a0,time,10 */
    expect_trap(IR_TRAP_ILLEGAL, CODE, 0xc0156573);
    CODE_IS(0x02c5d553); /* fadd.d with rm = 5 */
    expect_trap(IR_TRAP_ILLEGAL, CODE, 0x02c5d553);
    CODE_IS(0x00000073); /* nothing mapped */
    code_size = 0;
    expect_trap(IR_TRAP_FETCH, CODE, CODE);
}

/* An instruction that lies across the end of a mapping. */
static void straddling(void **state)
{
    reset();
    CODE_IS(0x0505 | 0x0513 << 16, 0x0015); /* c.addi a0,1; addi a0,a0,1 at +2 */
    code_size = 4;
    expect_trap(IR_TRAP_FETCH, CODE + 2, CODE + 4);

    CODE_IS(0x0505 | 0x0513 << 16, 0x0015, 0x00000073);
    code_split = 4; /* another mapping goes on */
    BOTH {
        reset();
        run(opt);
        assert_int_equal(X(A0), 2);
    }
}

/* --- rounding modes */

static void rounding_modes(void **state)
{
    enum { FADD_DYN = 0x02c5f553, FSRM_A1 = 0x00259073, FSRMI_4 = 0x00225073, FSRMI_1 = 0x0020d073 };

    CODE_IS(FADD_DYN);
    for (uint32_t frm = 5; frm < 8; frm++) {
        reset();
        riscv_set_fcsr(&cpu, frm << 5);
        expect_trap(IR_TRAP_ILLEGAL, CODE, FADD_DYN);
    }
    CODE_IS(0x02c58553); /* with rm = rne nobody minds */
    BOTH {
        reset();
        riscv_set_fcsr(&cpu, 5 << 5);
        assert_int_equal(run(opt).trap, IR_TRAP_FETCH);
    }
    for (uint64_t frm = 0; frm < 8; frm++) {
        BOTH {
            reset();
            CODE_IS(FSRM_A1, 0x00000073);
            SET(A1, frm);

            struct interp_result r = run(opt);

            assert_int_equal(riscv_fcsr(&cpu) >> 5, frm);
            assert_int_equal(r.trap, frm < 4 ? IR_TRAP_SYSCALL : IR_TRAP_MODE);
            assert_int_equal(r.info, frm < 4 ? 0 : frm == 4 ? RISCV_MODE_RMM : RISCV_MODE_BAD);
        }
    }
    reset();
    CODE_IS(FSRMI_4);
    expect_trap(IR_TRAP_MODE, CODE + 4, RISCV_MODE_RMM);
    cpu.mode = RISCV_MODE_RMM;
    CODE_IS(FSRMI_1);
    expect_trap(IR_TRAP_MODE, CODE + 4, RISCV_MODE_NORMAL);
    assert_int_equal(cpu.mxcsr >> 13 & 3, 3); /* towards zero */
}

static void fcsr(void **state)
{
    reset();
    for (uint32_t v = 0; v < 256; v++) {
        riscv_set_fcsr(&cpu, v);
        assert_int_equal(riscv_fcsr(&cpu), v);
        assert_int_equal(cpu.mxcsr & 0x1f80, 0x1f80);
    }
}

static bool unit_has(enum ir_op op)
{
    for (ir_ref r = 1; r < unit->ninsns; r++)
        if (ir_at(unit, r)->op == op)
            return true;
    return false;
}

/* frflags a4; what may raise flags; fsflags a4. Only comparisons are known to raise none but for NaNs. */
static void restored_flags(void **state)
{
    enum { FRFLAGS_A4 = 0x00102773, FSFLAGS_A4 = 0x00171073, FLT_D = 0xa2b517d3, FLE_D = 0xa2b507d3, FEQ_D = 0xa2b527d3,
           FLT_S = 0xa0b517d3, FADD_D = 0x02b57653, ADDI_A4 = 0x00170713, NOP = 0x13 };
    static const uint64_t floats[] = { 0, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
                                       0xffffffff7f800001, 0xffffffff3f800000 };
    static const struct { uint32_t between[2]; bool known; unsigned add; } rows[] = {
        { { FLT_D, NOP }, true, 0 }, { { FLE_D, NOP }, true, 0 }, { { FEQ_D, NOP }, true, 0 }, { { FLT_S, NOP }, true, 0 },
        { { FLT_D, FLE_D }, true, 0 }, { { NOP, NOP }, true, 0 }, { { FADD_D, FLT_D }, false, 0 }, { { FLT_D, ADDI_A4 }, false, 1 },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CODE_IS(FRFLAGS_A4, rows[i].between[0], rows[i].between[1], FSFLAGS_A4);
        for (unsigned k = 0; k < 7 * 7 * 32; k++) {
            reset();
            riscv_set_fcsr(&cpu, k & 31);
            F(10) = floats[k / 32 % 7];
            F(11) = floats[k / 32 / 7];
            run(k & 1);
            assert_int_equal(riscv_fcsr(&cpu), ((k & 31) + rows[i].add) & 31);
            assert_int_equal(X(A4), (k & 31) + rows[i].add);
        }
        build(CODE, false);
        assert_int_equal(unit_has(IR_fpflags_set), !rows[i].known);
    }
}

static void counters(void **state)
{
    BOTH {
        reset();
        CODE_IS(0xc0102573,    /* rdtime a0 */
                0xc01025f3,    /* rdtime a1 */
                0xc0002673);   /* rdcycle a2 */
        run(opt);
        assert_true(X(A0) != 0 && X(A1) >= X(A0) && X(A2) != 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table), cmocka_unit_test(constants), cmocka_unit_test(loads),
        cmocka_unit_test(stores), cmocka_unit_test(faults), cmocka_unit_test(float_memory),
        cmocka_unit_test(amos), cmocka_unit_test(reservations), cmocka_unit_test(misaligned_atomics),
        cmocka_unit_test(branches), cmocka_unit_test(jumps), cmocka_unit_test(loops),
        cmocka_unit_test(unannounced_code), cmocka_unit_test(limit), cmocka_unit_test(traps), cmocka_unit_test(straddling),
        cmocka_unit_test(rounding_modes), cmocka_unit_test(fcsr), cmocka_unit_test(restored_flags),
        cmocka_unit_test(counters),
    };

    if (argc != 2)
        return 2;
    table_path = argv[1];
    unit = ir_new();

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    ir_free(unit);
    return failed;
}
