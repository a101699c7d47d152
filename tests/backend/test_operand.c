/* operand_address() against the encoder: every form of address, in every kind of instruction that
 * faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/x86/enc.h"
#include "backend/x86/operand.h"

static const uint8_t context[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static gregset_t regs;

static uint64_t value(unsigned r)
{
    return 0x4141414100000000u + 0x100000 * r;
}

static void expect(const struct x86_buf *b, uint64_t want)
{
    uint64_t got = 0;

    assert_false(b->overflow);
    assert_true(operand_address(b->base, regs, &got));
    assert_int_equal(got, want);
}

#define KINDS(X)                                                                     \
    X(x86_mov_rm(&b, 8, R9, m)) X(x86_mov_rm(&b, 4, RAX, m))                         \
    X(x86_mov_mr(&b, 2, m, RDX)) X(x86_mov_mr(&b, 1, m, RSI))                        \
    X(x86_mov_mi(&b, 4, m, 0x12345678)) X(x86_mov_mi(&b, 1, m, 1))                   \
    X(x86_add_rm(&b, 8, R15, m)) X(x86_cmp_mi(&b, 4, m, 5))                          \
    X(x86_lock_add_mr(&b, 4, m, R8)) X(x86_lock_cmpxchg_mr(&b, 8, m, RCX))           \
    X(x86_movups_xm(&b, XMM9, m)) X(x86_movsd_mx(&b, m, XMM1))                       \
    X(x86_vaddpd_xxm(&b, XMM1, XMM2, m)) X(x86_vmovups_xm(&b, XMM12, m))             \
    X(x86_movbe_rm(&b, 8, RAX, m)) X(x86_pinsrq_xmi(&b, XMM1, m, 1))

static void check_all(struct x86_mem m, uint64_t want)
{
    uint8_t code[32];
    struct x86_buf b;

#define CHECK_KIND(call)                      \
    b = x86_buf_init(code, sizeof code);      \
    call;                                     \
    expect(&b, want);
    KINDS(CHECK_KIND)
}

static void test_addresses(void **state)
{
    static const int32_t disps[] = { 0, 1, -8, 127, -128, 128, 0x123456, -0x7654321 };

    for (unsigned r = 0; r < 16; r++)
        regs[context[r]] = (greg_t)value(r);
    for (unsigned d = 0; d < sizeof disps / sizeof disps[0]; d++) {
        uint64_t disp = (uint64_t)(int64_t)disps[d];

        for (unsigned base = 0; base < 16; base++) {
            check_all(x86_mem_b(base, disps[d]), value(base) + disp);
            for (unsigned index = 0; index < 16; index++)
                if (index != RSP)
                    check_all(x86_mem_bi(base, index, 4, disps[d]),
                              value(base) + 4 * value(index) + disp);
        }
        check_all(x86_mem_i(R13, 8, disps[d]), 8 * value(R13) + disp);
        check_all(x86_mem_abs(disps[d]), disp);
    }
}

static void test_no_operand(void **state)
{
    uint8_t code[32];
    uint64_t a;
    struct x86_buf b = x86_buf_init(code, sizeof code);

    x86_add_rr(&b, 8, RAX, R9);
    assert_false(operand_address(code, regs, &a));
}

static void check_decoded(const struct x86_buf *b, unsigned map, unsigned opcode, unsigned reg, unsigned rm)
{
    struct operand_insn i;

    assert_false(b->overflow);
    operand_decode(b->base, &i);
    assert_int_equal(i.map, map);
    assert_int_equal(i.opcode, opcode);
    assert_int_equal(i.reg, reg);
    if (rm < 16)
        assert_int_equal(i.rm, rm);
    assert_int_equal(i.bytes, b->p - b->base);
}

#define DECODED(call, ...)                    \
    b = x86_buf_init(code, sizeof code);      \
    call;                                     \
    check_decoded(&b, __VA_ARGS__);

/* Floats' instructions as the emitter writes them: legacy and VEX, any register, memory, immediates. */
static void test_decode(void **state)
{
    enum { MEMORY = 16 };
    static const int32_t disps[] = { 0, 8, 0x1234 };
    uint8_t code[32];
    struct x86_buf b;

    for (enum x86_xmm r = 0; r < 16; r++)
        for (enum x86_xmm s = 0; s < 16; s++) {
            DECODED(x86_enc_reg(&b, X86_OP(F2, 0F, 59), r, s, 0), 1, 0x59, r, s)
            DECODED(x86_enc_vex(&b, X86_OP(66, 0F, 5E), r, 3, s, 0), 1, 0x5e, r, s)
            DECODED(x86_enc_vex(&b, X86_OP(66, 0F38, B8) | X86_F_W, r, 15, s, 0), 2, 0xb8, r, s)
            DECODED(x86_enc_vex(&b, X86_OP(F3, 0F, C2) | X86_F_IMM(1), r, 3, s, 3), 1, 0xc2, r, s)
            DECODED(x86_enc_reg(&b, X86_OP(66, 0F3A, 09) | X86_F_IMM(1), r, s, 3), 3, 0x09, r, s)
            DECODED(x86_vcvtps2ph_xxi(&b, s, r, 4), 3, 0x1d, r, s)
        }
    for (enum x86_reg r = 0; r < 16; r++)
        for (unsigned d = 0; d < sizeof disps / sizeof disps[0]; d++) {
            DECODED(x86_enc_mem(&b, X86_OP(NP, 0F, 58), XMM9, x86_mem_b(r, disps[d]), 0), 1, 0x58, XMM9, MEMORY)
            DECODED(x86_enc_vex_mem(&b, X86_OP(NP, 0F, 5C), XMM12, 3, x86_mem_bi(r, RAX, 4, disps[d]), 0), 1, 0x5c, XMM12, MEMORY)
        }
    DECODED(x86_enc_vex_mem(&b, X86_OP(NP, 0F, 5A), XMM1, 0, x86_mem_abs(0x1000), 0), 1, 0x5a, XMM1, MEMORY)
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_no_operand),
        cmocka_unit_test(test_decode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
