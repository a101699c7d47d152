/* What Advanced SIMD instructions mean: translated, run by the IR's interpreter as the frontend built them and after the
 * passes, and compared with a64_simd.txt (argv[1]), whose operands are in a64_simd_case.h. */
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
#include "frontend/aarch64/aarch64.h"
#include "frontend/translate.h"
#include "ir/interp.h"
#include "ir/passes/pass.h"
#include "loader/space.h"
#include "tests/frontend/a64_simd_case.h"

/* --- the world: one instruction at CODE, a case's memory at DATA */

enum { CODE = 0x10000, DATA = 0x20000 };

uintptr_t gaddr_base;

static uint32_t code;
static struct simd_case now;

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
    return (const uint8_t *)&code + (pc - CODE);
}

bool cache_has(gaddr pc, uint32_t mode)
{
    return false;
}

static bool access_data(void *ctx, gaddr a, unsigned size, bool write, void *buf)
{
    if (a < DATA || a + size > DATA + CASE_MEM)
        return false;
    if (write)
        memcpy(now.mem + (a - DATA), buf, size);
    else
        memcpy(buf, now.mem + (a - DATA), size);
    return true;
}

static const struct interp_env env = { .access = access_data, .max_steps = 10000 };
static struct cpu cpu;
static struct ir_unit *unit;

/* --- cases */

/** Runs the instruction; its results as the table has them go to `got`. */
static void run_case(char style, bool opt, uint64_t got[4])
{
    char err[200];
    struct interp_result r;

    memset(&cpu, 0, sizeof cpu);
    aarch64_guest.start(&cpu, CODE, DATA);
    a64_set_fpcr(&cpu, now.fpcr);
    a64_set_fpsr(&cpu, 0);
    for (unsigned i = 0; i < 5; i++)
        memcpy(a64_v(&cpu, i), now.v[i], 16);
    *a64_x(&cpu, 0) = now.x0;
    *a64_x(&cpu, 1) = style == 'm' ? DATA : now.x1;
    *a64_x(&cpu, 2) = CASE_X2;

    translate_unit(unit, &aarch64_guest, CODE, cpu.mode, false);
    if (!ir_verify(unit, err, sizeof err))
        fail_msg("%08" PRIx32 ": the frontend's unit: %s", code, err);
    if (opt)
        pass_run_all(unit, 0);
    if (!ir_verify(unit, err, sizeof err))
        fail_msg("%08" PRIx32 ": after the passes: %s", code, err);
    r = interp_run(unit, &cpu, &env);
    if (r.how != INTERP_EXIT || r.pc != CODE + 4)
        print_error("%08" PRIx32 ": left by %d\n", code, (int)r.how);

    for (unsigned i = 0; i < 4; i++)
        memcpy(now.v[i], a64_v(&cpu, i), 16);
    got[0] = style == 'm' ? case_hash(now.v, 64) : now.v[0][0];
    got[1] = style == 'm' ? case_hash(now.mem, CASE_MEM) : now.v[0][1];
    got[2] = style == 'm' ? *a64_x(&cpu, 1) - DATA : *a64_x(&cpu, 0);
    got[3] = a64_fpsr(&cpu);
}

static const char *table_path;

static void table(void **state)
{
    FILE *f = fopen(table_path, "r");
    char line[256], style = 0, name[32] = "";
    unsigned cases = 0, n = 0, k = 0, wrong = 0;

    assert_non_null(f);
    translate_limit = 1;
    while (fgets(line, sizeof line, f)) {
        uint64_t want[4], got[4];

        if (line[0] == '=') {
            assert_int_equal(sscanf(line, "= %" SCNx32 " %c %u %31s", &code, &style, &n, name), 4);
            k = 0;
        } else if (line[0] != '#') {
            assert_int_equal(sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, want, want + 1, want + 2,
                                    want + 3), 4);
            for (int opt = 0; opt < 2; opt++) {
                now = case_of(code, k, style);
                run_case(style, opt, got);
                if (memcmp(got, want, sizeof got) != 0 && wrong++ < 20)
                    print_error("%08" PRIx32 " %s, passes %d, case %u: %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64
                                ", not %s", code, name, opt, k, got[0], got[1], got[2], got[3], line);
            }
            k++;
            cases++;
        }
    }
    fclose(f);
    assert_true(cases > 6000);
    assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table) };
    int failed;

    table_path = argv[1];
    unit = ir_new();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    ir_free(unit);
    return failed;
}
