/* The builder, and what the interpreter does that units of text cannot show: faults, snapshots, ways out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ir/eval.h"
#include "ir/cfg.h"
#include "ir/grow.h"
#include "ir/passes/pass.h"
#include "tests/ir/random.h"
#include "tests/ir/testguest.h"

static struct ir_unit *u;
static struct machine m;

static int setup(void **state)
{
    (void)state;
    u = ir_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ir_free(u);
    return 0;
}

static void parse(const char *text)
{
    char err[256];

    if (!ir_parse(u, &testguest, text, err, sizeof err) || !ir_verify(u, err, sizeof err))
        fail_msg("%s", err);
    memset(&m, 0, sizeof m);
    m.cpu.mxcsr = 0x1f80;
}

static uint64_t *x(unsigned n)
{
    return cpu_slot(&m.cpu, testguest.regs[TG_X0 + n].off);
}

static void constants_are_interned(void **state)
{
    (void)state;
    ir_reset(u, &testguest, 0, 0);
    ir_ref first = ir_const_val(u, IR_I64, 0);
    for (uint64_t k = 0; k < 1000; k++) {
        ir_ref r = ir_const_val(u, IR_I64, k);
        assert_int_equal(ir_at(u, r)->imm, k);
        assert_int_equal(ir_const_val(u, IR_I64, k), r);
    }
    assert_int_equal(ir_const_val(u, IR_I64, 0), first);
    assert_int_not_equal(ir_const_val(u, IR_I32, 0), first);
    assert_int_not_equal(ir_const_addr(u, 0), first);
    assert_int_equal(ir_const_val(u, IR_I8, 0x1ff), ir_const_val(u, IR_I8, 0xff));
    ir_reset(u, &testguest, 0, 0);
    assert_int_equal(ir_const_val(u, IR_I64, 5), 1);
}

static void insns_are_linked(void **state)
{
    (void)state;
    ir_reset(u, &testguest, 0, 0);
    ir_ref a = ir_emit(u, IR_get, IR_I64, TG_X0, 0, 0, 0, 0);
    ir_ref end = ir_emit(u, IR_exit, IR_VOID, 0, 0, 0, 0, 0);
    ir_ref b = ir_insert_before(u, end, IR_add, IR_I64, 0, a, a, 0, 0);
    ir_ref c = ir_insert_before(u, a, IR_get, IR_I64, TG_X0 + 1, 0, 0, 0, 0);
    assert_int_equal(u->blocks[0].first, c);
    assert_int_equal(ir_at(u, c)->next, a);
    assert_int_equal(ir_at(u, a)->next, b);
    assert_int_equal(ir_at(u, b)->next, end);
    assert_int_equal(u->blocks[0].last, end);
    ir_forward(u, 0, b, a);
    assert_int_equal(ir_val(u, b), a);
    assert_int_equal(ir_at(u, a)->next, end);
    ir_remove(u, 0, c);
    assert_int_equal(u->blocks[0].first, a);
    assert_int_equal(ir_at(u, a)->prev, IR_NONE);
}

static void a_fault_restores_the_state(void **state)
{
    (void)state;
    parse("unit 0x1000\n"
          "block 0:\n"
          "  insn 0x1000, 4\n"
          "  %1 = get.i64 x1\n"
          "  %2 = add.i64 %1, 1\n"
          "  put x1, %2\n"
          "  insn 0x1004, 4\n"
          "  %3 = load.i64 [%1] i64\n"
          "  put x1, %3\n"
          "  exit 0x1008\n");
    for (unsigned after = 0; after < 2; after++) {
        *x(1) = RANDOM_MEM_BASE + RANDOM_MEM_BYTES - 7; /* its last byte is out */
        struct interp_result r = random_run(u, &m);
        assert_int_equal(r.how, INTERP_FAULT);
        assert_int_equal(r.pc, 0x1004);
        assert_int_equal(r.addr, RANDOM_MEM_BASE + RANDOM_MEM_BYTES - 7);
        assert_int_equal(*x(1), RANDOM_MEM_BASE + RANDOM_MEM_BYTES - 6);
        pass_run_all(u, 0);
    }
}

static void a_swap_in_a_snapshot_is_parallel(void **state)
{
    (void)state;
    parse("unit 0x1000\n"
          "block 0:\n"
          "  %1 = get.i64 x1\n"
          "  %2 = get.i64 x2\n"
          "  put x1, %2\n"
          "  put x2, %1\n"
          "  exit 0x1008\n");
    pass_run_all(u, 0);
    *x(1) = 11;
    *x(2) = 22;
    random_run(u, &m);
    assert_int_equal(*x(1), 22);
    assert_int_equal(*x(2), 11);
}

static void ways_out(void **state)
{
    (void)state;
    parse("unit 0x1000\n"
          "block 0:\n"
          "  insn 0x1000, 2\n"
          "  poll 0x1000\n"
          "  %1 = get.i64 x1\n"
          "  %2 = cmpeq.i1 %1, 1\n"
          "  exit_if %2, 0x2000\n"
          "  %3 = cmpeq.i1 %1, 2\n"
          "  trap_if %3, misalign 7\n"
          "  %4 = cmpeq.i1 %1, 3\n"
          "  br %4, 1(), 2()\n"
          "block 1:\n"
          "  exit_ind %1 ret\n"
          "block 2:\n"
          "  trap syscall 0\n");
    pass_run_all(u, 0);
    static const struct { uint64_t x1; enum interp_how how; gaddr pc; } cases[] = {
        { 1, INTERP_EXIT, 0x2000 }, { 2, INTERP_TRAP, 0x1000 }, { 3, INTERP_EXIT, 3 }, { 4, INTERP_TRAP, 0x1002 },
    };
    for (unsigned k = 0; k < 4; k++) {
        *x(1) = cases[k].x1;
        struct interp_result r = random_run(u, &m);
        assert_int_equal(r.how, cases[k].how);
        assert_int_equal(r.pc, cases[k].pc);
        assert_int_equal(m.cpu.pc, cases[k].pc);
    }
    m.cpu.poll = 1;
    assert_int_equal(random_run(u, &m).how, INTERP_POLL);
}

static void loops_end_at_the_limit(void **state)
{
    (void)state;
    parse("unit 0x1000\n"
          "block 0:\n"
          "  jmp 1()\n"
          "block 1:\n"
          "  jmp 1()\n");
    assert_int_equal(random_run(u, &m).how, INTERP_LIMIT);
}

static void amo_and_cas(void **state)
{
    (void)state;
    parse("unit 0x1000\n"
          "block 0:\n"
          "  %1 = get.i64 x1\n"
          "  %2 = amo.i64 [%1] i32 sx mins, -5\n"
          "  put x2, %2\n"
          "  %3 = cas.i64 [%1 + 8] i32 sx, 7, 9\n"
          "  put x3, %3\n"
          "  %4 = cas.i64 [%1 + 8] i32 sx, 7, 11\n"
          "  put x4, %4\n"
          "  %5 = amo.i64 [%1 + 2] i32 aligned swap, 0\n"
          "  exit 0x1008\n");
    *x(1) = RANDOM_MEM_BASE;
    m.mem[0] = 0x80;
    m.mem[8] = 7;
    struct interp_result r = random_run(u, &m);
    assert_int_equal(r.how, INTERP_MISALIGN);
    assert_int_equal(r.addr, RANDOM_MEM_BASE + 2);
    assert_int_equal(*x(2), 0x80);
    assert_memory_equal(m.mem, "\xfb\xff\xff\xff\0\0\0\0\x09\0\0\0", 12);
    assert_int_equal(*x(3), 7);
    assert_int_equal(*x(4), 9);
}

/** Rows of eval.def against what the manuals of RISC-V say of the hard cases. */
static void division_and_shifts(void **state)
{
    static const struct { enum ir_op op; enum ir_type t; uint64_t a, b, want; } cases[] = {
        { IR_divs, IR_I64, 1ull << 63, UINT64_MAX, 1ull << 63 }, { IR_divs, IR_I32, 0x80000000, 0xffffffff, 0x80000000 },
        { IR_divs, IR_I32, 5, 0, 0 }, { IR_rems, IR_I32, 5, 0, 5 }, { IR_rems, IR_I64, 1ull << 63, UINT64_MAX, 0 },
        { IR_divs, IR_I32, 0xfffffff9, 2, 0xfffffffd }, { IR_rems, IR_I32, 0xfffffff9, 2, 0xffffffff },
        { IR_remu, IR_I8, 0xf9, 0, 0xf9 }, { IR_divu, IR_I16, 0xffff, 0x10, 0xfff },
        { IR_mulhs, IR_I64, UINT64_MAX, UINT64_MAX, 0 }, { IR_mulhu, IR_I64, UINT64_MAX, UINT64_MAX, UINT64_MAX - 1 },
        { IR_mulhs, IR_I32, 0x80000000, 2, 0xffffffff }, { IR_mulhu, IR_I8, 0xff, 0xff, 0xfe },
        { IR_shl, IR_I32, 1, 33, 2 }, { IR_sar, IR_I16, 0x8000, 15, 0xffff }, { IR_shr, IR_I8, 0x80, 15, 1 },
        { IR_rotr, IR_I32, 1, 32, 1 }, { IR_rotr, IR_I8, 1, 1, 0x80 }, { IR_clz, IR_I16, 0, 0, 16 },
        { IR_clz, IR_I32, 1, 0, 31 }, { IR_ctz, IR_I8, 0, 0, 8 }, { IR_bswap, IR_I32, 0x11223344, 0, 0x44332211 },
        { IR_cmplts, IR_I8, 0x80, 1, 1 }, { IR_cmpltu, IR_I8, 0x80, 1, 0 }, { IR_popcnt, IR_I64, UINT64_MAX, 0, 64 },
    };
    (void)state;
    for (unsigned k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        uint64_t v[3] = { cases[k].a, cases[k].b, 0 }, got;
        bool cmp = ir_ops[cases[k].op].result == 'b';
        assert_true(ir_eval(cases[k].op, cmp ? IR_I1 : cases[k].t, cases[k].t, v, &got));
        if (got != cases[k].want)
            fail_msg("%s, case %u: %llx", ir_ops[cases[k].op].name, k, (unsigned long long)got);
    }
}

/** Every pure op that is not about vectors, constants or blocks has a row in eval.def. */
static void every_pure_op_has_a_value(void **state)
{
    (void)state;
    for (enum ir_op op = 0; op < IR_NOPS; op++) {
        uint64_t v[3] = { 1, 1, 1 }, got;
        if ((ir_ops[op].flags & IR_PURE) && op != IR_const && op != IR_crc32 &&
            (op < IR_VEC_FIRST || op > IR_VEC_LAST))
            assert_true(ir_eval(op, op == IR_nanbox ? IR_F64 : IR_I32, IR_I32, v, &got));
    }
}

/** What leaves a loop comes behind it, whichever way of the branch that is; unreachable blocks go. The markers number the
 * blocks in the order wanted: 2 and 4 begin an outer and an inner loop. */
static void layout_keeps_loops_together(void **state)
{
    (void)state;
    parse("unit 0x1000\n"
          "block 0:\n  insn 0x1, 2\n  %1 = get.i64 x1\n  %2 = cmpeq.i1 %1, 0\n  jmp 5()\n"
          "block 1:\n  insn 0x7, 2\n  exit 0x10\n"
          "block 2:\n  insn 0x5, 2\n  jmp 3()\n"
          "block 3:\n  insn 0x4, 2\n  br %2, 6(), 2()\n"
          "block 4:\n  insn 0x9, 2\n  exit 0x20\n"
          "block 5:\n  insn 0x2, 2\n  br %2, 1(), 7()\n"
          "block 6:\n  insn 0x6, 2\n  br %2, 5(), 1()\n"
          "block 7:\n  insn 0x3, 2\n  jmp 3()\n");
    ir_cfg_layout(u);
    assert_int_equal(u->nblocks, 7);
    for (uint32_t b = 0; b < u->nblocks; b++)
        assert_int_equal(ir_at(u, u->blocks[b].first)->imm, b + 1);
    for (uint32_t b = 0; b < u->nblocks; b++)
        assert_int_equal(u->blocks[b].loop_head, b == 1 || b == 3);
}

static jmp_buf refused;

static void refuse(void)
{
    longjmp(refused, 1);
}

static void refused_memory_leaves_the_array(void **state)
{
    uint32_t *array = NULL, cap = 0;

    (void)state;
    grow(&array, &cap, 10, sizeof *array);
    assert_true(cap >= 10);
    array[9] = 4711;
    grow_refused = refuse;
    if (setjmp(refused) == 0) {
        grow(&array, &cap, UINT32_MAX / 2, (size_t)1 << 40);
        fail();
    }
    assert_true(cap < 100);
    assert_int_equal(array[9], 4711);
    free(array);
}

static void passes_can_be_left_out(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 1u << NPASSES; mask++) {
        uint64_t seed = 4711;
        random_unit(u, &seed);
        pass_run_all(u, mask);
        assert_true(u->regs_done);
    }
    assert_int_equal(pass_by_name("dce"), PASS_dce);
    assert_int_equal(pass_by_name("none"), NPASSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_are_interned), cmocka_unit_test(insns_are_linked),
        cmocka_unit_test(a_fault_restores_the_state), cmocka_unit_test(a_swap_in_a_snapshot_is_parallel),
        cmocka_unit_test(ways_out), cmocka_unit_test(loops_end_at_the_limit), cmocka_unit_test(amo_and_cas),
        cmocka_unit_test(division_and_shifts), cmocka_unit_test(every_pure_op_has_a_value),
        cmocka_unit_test(layout_keeps_loops_together), cmocka_unit_test(passes_can_be_left_out),
        cmocka_unit_test(refused_memory_leaves_the_array),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
