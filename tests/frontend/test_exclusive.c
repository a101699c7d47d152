/* Which pairs of load-exclusive and store-exclusive become one atomic operation (frontend/exclusive.h), and that the loop around
 * them is gone then. What the instructions do is compared elsewhere: tests/syscall/programs/exclusive_loops.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "backend/run.h"
#include "frontend/aarch64/aarch64.h"
#include "frontend/riscv/riscv.h"
#include "frontend/translate.h"
#include "loader/space.h"

enum { CODE = 0x10000, MAX = 8 };

uintptr_t gaddr_base;
static uint32_t code[MAX];

/* Nothing here is the vdso. */
bool space_lookup(gaddr addr, struct space_range *out)
{
    return false;
}

bool space_unannounced(gaddr start, uint64_t len)
{
    return false;
}

const uint8_t *space_fetch(gaddr pc, size_t *avail)
{
    if (pc < CODE || pc >= CODE + sizeof code)
        return NULL;
    *avail = CODE + sizeof code - pc;
    return (const uint8_t *)code + (pc - CODE);
}

bool cache_has(gaddr pc, uint32_t mode)
{
    return false;
}

enum {
    A64_LDXR = 0x885f7c20,      /* ldxr w0, [x1] */
    A64_ADD = 0x11000402,       /* add w2, w0, #1 */
    A64_MUL = 0x1b047c02,       /* mul w2, w0, w4 */
    A64_STR = 0xb90000a4,       /* str w4, [x5] */
    A64_STXR = 0x88037c22,      /* stxr w3, w2, [x1] */
    A64_CBNZ = 0x35ffffa3,      /* cbnz w3, .-12 */
    A64_RET = 0xd65f03c0,
    RV_LR = 0x1005a52f,         /* lr.w a0, (a1) */
    RV_ADD = 0x00150613,        /* addi a2, a0, 1 */
    RV_MUL = 0x02e50633,        /* mul a2, a0, a4 */
    RV_SW = 0x00e7a023,         /* sw a4, 0(a5) */
    RV_SC = 0x18c5a6af,         /* sc.w a3, a2, (a1) */
    RV_BNEZ = 0xfe069ae3,       /* bnez a3, .-12 */
    RV_RET = 0x00008067,
};

static const struct row {
    const struct guest *guest;
    uint32_t code[MAX];
    bool fuses;
} rows[] = {
    { &aarch64_guest, { A64_LDXR, A64_ADD, A64_STXR, A64_CBNZ, A64_RET }, true },
    { &aarch64_guest, { A64_LDXR, A64_STXR, A64_RET }, true },              /* stores something else: an exchange */
    { &aarch64_guest, { A64_LDXR, A64_MUL, A64_STXR, A64_RET }, false },    /* there is no such operation */
    { &aarch64_guest, { A64_LDXR, A64_ADD, A64_STR, A64_STXR, A64_RET }, false },
    { &riscv64_guest, { RV_LR, RV_ADD, RV_SC, RV_BNEZ, RV_RET }, true },
    { &riscv64_guest, { RV_LR, RV_SC, RV_RET }, true },
    { &riscv64_guest, { RV_LR, RV_MUL, RV_SC, RV_RET }, false },
    { &riscv64_guest, { RV_LR, RV_ADD, RV_SW, RV_SC, RV_RET }, false },
};

static unsigned count(const struct ir_unit *u, enum ir_op op)
{
    unsigned n = 0;

    for (uint32_t b = 0; b < u->nblocks; b++)
        for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next)
            n += ir_at(u, r)->op == op;
    return n;
}

static void table(void **state)
{
    struct ir_unit *u = ir_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct cpu cpu;
        char err[200];

        memset(&cpu, 0, sizeof cpu);
        row->guest->start(&cpu, CODE, CODE);
        memcpy(code, row->code, sizeof code);
        translate_unit(u, row->guest, CODE, cpu.mode, false);
        if (!ir_verify(u, err, sizeof err))
            fail_msg("row %zu: %s", i, err);
        if (count(u, IR_amo) != row->fuses || count(u, IR_cas) == row->fuses)
            fail_msg("row %zu: %u atomic operations, %u compare-and-swaps", i, count(u, IR_amo), count(u, IR_cas));
        if (count(u, IR_exit_if) || count(u, IR_poll) || count(u, IR_exit_ind) != 1)
            fail_msg("row %zu: not straight up to the return", i);
    }
    ir_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
