/* The code cache and the run loop in one thread: registers, links, probes, regions, changed code, faults and traps. */
#include "tests/backend/cache_tests.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "frontend/translate.h"

/* --- registers -----------------------------------------------------------------------------------
 * */

/* All registers go in and come out, homes and slots alike; MXCSR is the guest's inside and C's
 * outside. */
static void test_registers(void)
{
    static const struct toy_insn code[] = {
        { TOY_ADD, 0, 1 }, { TOY_ADD, 10, 2 }, { TOY_ADD, 11, 3 }, { TOY_ADD, 15, -4 },
        { TOY_FADD, 0, 0 }, { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);
    double f[2] = { 1, 1e-30 };
    uint8_t vec[16];

    for (unsigned r = 0; r < 16; r++)
        *toy_reg(cpu, r) = 0x1111111111111111u * r;
    memset(vec, 0xa5, 16);
    memcpy(vec, &f[1], 8);
    memcpy(cpu->regs + toy_guest.regs[TOY_F0].off, &f[0], 8);
    memcpy(cpu->regs + toy_guest.regs[TOY_F1].off, vec, 16);
    cpu->mxcsr = 0x1f80 | 0x4000; /* round up */
    toy_run(cpu, code);
    for (unsigned r = 0; r < 16; r++) {
        uint64_t add = r == 0 ? 1 : r == 10 ? 2 : r == 11 ? 3 : r == 15 ? (uint64_t)-4 : 0;

        CHECK(*toy_reg(cpu, r) == 0x1111111111111111u * r + add);
    }
    memcpy(&f[0], cpu->regs + toy_guest.regs[TOY_F0].off, 8);
    CHECK(f[0] == 1 + 0x1p-52);
    CHECK(memcmp(vec, cpu->regs + toy_guest.regs[TOY_F1].off, 16) == 0);
    CHECK(cpu->mxcsr == (0x1f80 | 0x4000 | 0x20));      /* inexact accumulated */
    CHECK((__builtin_ia32_stmxcsr() & 0x6000) == 0);    /* C's rounding mode is untouched */
    CHECK(cpu->pc == toy_pc(code + 6));
}

/* A unit that the emitter refuses as too long is made shorter; the cache is not flushed for it. */
static void test_too_long(void)
{
    static const struct toy_insn code[] = {
        { TOY_ADD, 1, 1 }, { TOY_ADD, 1, 2 }, { TOY_ADD, 1, 4 }, { TOY_ADD, 1, 8 }, { TOY_ADD, 1, 16 },
        { TOY_ADD, 1, 32 }, { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    toy_longest = 2;
    toy_run(cpu, code);
    toy_longest = UINT32_MAX;
    CHECK(*toy_reg(cpu, 1) == 63);
    CHECK(cpu->pc == toy_pc(code + 7));
    CHECK(cache.stats.units >= 4);
    CHECK(cache.stats.retired == 0);
    CHECK(translate_limit == 128);
}

/* A unit that no segment has room for is made shorter, too. */
static void test_longer_than_a_segment(void)
{
    static const struct toy_insn code[] = {
        { TOY_ADD, 1, 1 }, { TOY_ADD, 1, 2 }, { TOY_ADD, 1, 4 }, { TOY_ADD, 1, 8 }, { TOY_ADD, 1, 16 },
        { TOY_ADD, 1, 32 }, { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    toy_bulk = 100 << 10;
    toy_run(cpu, code);
    CHECK(*toy_reg(cpu, 1) == 63);
    CHECK(cpu->pc == toy_pc(code + 7));
    CHECK(cache.stats.units >= 4);
}

/* --- links and probes ----------------------------------------------------------------------------
 * */

static const struct toy_insn loop_code[] = {
    /* 0 */ { TOY_ADD, 1, 1 },
    /* 1 */ { TOY_POLL, 0, 0 },
    /* 2 */ { TOY_DECNZ, 2, -2 },   /* to 0 */
    /* 3 */ { TOY_JMP, 0, 2 },      /* to 5 */
    /* 4 */ { TOY_ILL, 0, 0 },
    /* 5 */ { TOY_SYS, 0, 0 },
};

static void test_links(void)
{
    struct cpu *cpu = start(1 << 20);

    *toy_reg(cpu, 2) = 100000;
    toy_run(cpu, loop_code);
    CHECK(*toy_reg(cpu, 1) == 100000);
    CHECK(cache.stats.units == 2);
    CHECK(cache.stats.links == 2);
    CHECK(cache.stats.miss_direct <= 3);
}

static void test_probe(void)
{
    static struct toy_insn code[] = {
        { TOY_ADD, 1, 1 }, { TOY_DECNZ, 2, 2 }, { TOY_SYS, 0, 0 },
        /* 3 */ { TOY_JR, 3, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    *toy_reg(cpu, 2) = 100000;
    *toy_reg(cpu, 3) = toy_pc(code);
    toy_run(cpu, code);
    CHECK(*toy_reg(cpu, 1) == 100000);
    CHECK(cache.stats.miss_indirect <= 2);

    /* Another mode has units and probe entries of its own. */
    cpu->mode = 1;
    *toy_reg(cpu, 2) = 10;
    toy_run(cpu, code);
    CHECK(*toy_reg(cpu, 1) == 100010);
    CHECK(cache.stats.units == 4);
    CHECK(cache_find(toy_pc(code), 0) != cache_find(toy_pc(code), 1));
}

/* A chain of many indirect jumps outgrows the few entries at first: who comes again finds all, and none that was dropped. */
static void test_probe_grows(void)
{
    enum { FEW = 200, MANY = 600 };
    static struct toy_insn code[3 * MANY + 1];
    struct cpu *cpu = start(1 << 20);

    for (unsigned k = 0; k < MANY; k++) {
        code[3 * k] = (struct toy_insn){ TOY_ADD, 1, 1 };
        code[3 * k + 1] = (struct toy_insn){ TOY_ADD, 3, 3 * sizeof *code };
        code[3 * k + 2] = (struct toy_insn){ TOY_JR, 3, 0 };
    }
    code[3 * MANY] = (struct toy_insn){ TOY_SYS, 0, 0 };
    for (unsigned round = 0; round < 6; round++) {
        unsigned from = round < 2 ? MANY - FEW : 0;
        uint64_t before = cache.stats.miss_indirect;
        bool found = round == 1 || round == 4; /* what grew in round 2 is full again after round 3 */

        if (round == 5) {
            code[3 * 400].imm = 7;
            cache_invalidate(toy_pc(code + 3 * 400), sizeof *code);
        }
        *toy_reg(cpu, 1) = 0;
        *toy_reg(cpu, 3) = toy_pc(code + 3 * from);
        toy_run(cpu, code + 3 * from);
        CHECK(*toy_reg(cpu, 1) == MANY - from + (round == 5 ? 6 : 0));
        CHECK(cache.stats.miss_indirect - before <= (found ? 0 : MANY));
        CHECK(round != 0 || cache.stats.miss_indirect - before >= FEW - 1);
    }
}

/* A head that is found hot gets a region; who jumped to the unit there jumps to the region. Later ones come after twice as
 * many ticks each, and not without end. */
static void test_regions(void)
{
    static const struct toy_insn code[] = {
        /* 0 */ { TOY_ADD, 1, 1 }, { TOY_JMP, 0, 1 },
        /* 2 */ { TOY_ADD, 1, 10 }, { TOY_DECNZ, 2, -1 }, /* to 2 */
        /* 4 */ { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);
    struct unit *before = NULL;
    unsigned ticks = 0;

    for (unsigned made = 0; made < 4; made++, ticks = 0) {
        *toy_reg(cpu, 1) = 0;
        *toy_reg(cpu, 2) = 10;
        toy_run(cpu, code);
        CHECK(*toy_reg(cpu, 1) == 101);
        CHECK(cache_find(toy_pc(code), 0)->exits[0].to == cache_find(toy_pc(code + 2), 0));
        before = cache_find(toy_pc(code + 2), 0);
        cpu->pc = toy_pc(code + 2);
        for (; cache.stats.regions == made; ticks++) {
            CHECK(cache_find(cpu->pc, 0) == before && ticks < 100);
            for (unsigned round = 0; round <= 10; round++) {
                cpu->tick = -1;
                unit_heat(cpu);
                CHECK(round == 10 ? cpu->tick > 0 : cpu->tick == 0);
            }
        }
        CHECK(ticks == 3u << made);
        CHECK(before->dead && cache_find(cpu->pc, 0) != before && cache_find(cpu->pc, 0)->code != before->code);
    }
    for (; ticks < 1000; ticks++)
        unit_heat(cpu);
    CHECK(cache.stats.regions == 4);

    cpu->pc = toy_pc(code); /* a loop that is left at once is not hot */
    for (ticks = 0; ticks < 1000; ticks++) {
        cpu->pc = ticks % 5 ? toy_pc(code + 2) : toy_pc(code) - (1 << 20);
        unit_heat(cpu);
    }
    CHECK(cache.stats.regions == 4);
    cpu->pc = toy_pc(code);
    run_hot = 0; /* none at all */
    for (ticks = 0; ticks < 1000; ticks++)
        unit_heat(cpu);
    CHECK(cache.stats.regions == 4);
}

/* More units than the tables begin with; each is found by pc and by host address. */
static void test_many_units(void)
{
    enum { N = 20000 };
    struct toy_insn *code = calloc(2 * N + 1, sizeof *code);
    struct cpu *cpu = start(16 << 20);

    for (unsigned i = 0; i < N; i++) {
        code[2 * i] = (struct toy_insn){ TOY_ADD, 1, 1 };
        code[2 * i + 1] = (struct toy_insn){ TOY_JMP, 0, 1 };
    }
    code[2 * N] = (struct toy_insn){ TOY_SYS, 0, 0 };
    toy_run(cpu, code);
    CHECK(*toy_reg(cpu, 1) == N);
    CHECK(cache.stats.units == N + 1);
    CHECK(cache.stats.retired == 0);
    for (unsigned i = 0; i <= N; i++) {
        struct unit *u = cache_find(toy_pc(code + 2 * i), 0);

        CHECK(u && u->pc == toy_pc(code + 2 * i));
        CHECK(cache_unit_at(u->code) == u && cache_unit_at(u->code + u->size - 1) == u);
        if (u->nexits)
            CHECK(u->exits[0].to && exit_at(u->code + u->exits[0].off + 5) == u->exits);
    }
    CHECK(!cache_unit_at(cache.rx) && !cache_unit_at(cpu));
    cache_invalidate(0, UINT64_MAX);
    CHECK(!cache_find(toy_pc(code), 0) && cache.nunits == 0 && cache.npages == 0);
    toy_run(cpu, code);
    CHECK(*toy_reg(cpu, 1) == 2 * N);
}

/* --- changed code
 * ------------------------------------------------------------------------------------ */

static void test_invalidate(void)
{
    static struct toy_insn code[] = {
        /* 0 */ { TOY_ADD, 1, 1 }, { TOY_JMP, 0, 1 },
        /* 2 */ { TOY_ADD, 1, 10 }, { TOY_DECNZ, 2, -3 }, /* to 0 */
        /* 4 */ { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    for (unsigned round = 0; round < 3; round++) {
        *toy_reg(cpu, 2) = 10;
        *toy_reg(cpu, 1) = 0;
        toy_run(cpu, code);
        CHECK(*toy_reg(cpu, 1) == (round < 2 ? 110 : 1010));
        code[2].imm = 100;
        if (round == 1) {
            uint64_t dropped = cache.stats.dropped;

            cache_invalidate(toy_pc(code + 2), 1);
            CHECK(cache.stats.dropped > dropped);
            CHECK(!cache_find(toy_pc(code + 2), 0) && cache_find(toy_pc(code), 0));
            struct unit *u = cache_find(toy_pc(code), 0);
            CHECK(!u->exits[0].to);
        }
    }
}

/* A unit in the probe table is not jumped to any more either. */
static void test_invalidate_probed(void)
{
    static struct toy_insn code[] = {
        /* 0 */ { TOY_ADD, 1, 1 }, { TOY_DECNZ, 2, 2 }, { TOY_SYS, 0, 0 },
        /* 3 */ { TOY_JR, 3, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    *toy_reg(cpu, 3) = toy_pc(code);
    for (unsigned round = 0; round < 2; round++) {
        *toy_reg(cpu, 2) = 10;
        toy_run(cpu, code + 3);
        code[0].imm = 7;
        cache_invalidate(toy_pc(code), 4);
    }
    CHECK(*toy_reg(cpu, 1) == 10 + 70);
}

/* Many units that were reached through the probe table are dropped at once: no thread jumps to one of them any more, and what
 * else is in the table stays. */
static void test_invalidate_many_probed(void)
{
    enum { N = 300 };
    static struct toy_insn code[3 * N + 1], other[] = { { TOY_ADD, 1, 1 }, { TOY_DECNZ, 2, 2 }, { TOY_SYS, 0, 0 }, { TOY_JR, 4, 0 } };
    struct cpu *cpu = start(1 << 20);

    for (unsigned i = 0; i < N; i++) {
        code[3 * i] = (struct toy_insn){ TOY_ADD, 1, 1 };
        code[3 * i + 1] = (struct toy_insn){ TOY_ADD, 3, 3 * sizeof code[0] };
        code[3 * i + 2] = (struct toy_insn){ TOY_JR, 3, 0 };
    }
    code[3 * N] = (struct toy_insn){ TOY_SYS, 0, 0 };
    *toy_reg(cpu, 4) = toy_pc(other);
    for (unsigned round = 1; round <= 3; round++) {
        *toy_reg(cpu, 1) = 0;
        *toy_reg(cpu, 3) = toy_pc(code);
        toy_run(cpu, code);
        CHECK(*toy_reg(cpu, 1) == N * round);

        uint64_t misses = cache.stats.miss_indirect;

        *toy_reg(cpu, 2) = 10;
        toy_run(cpu, other + 3);
        CHECK(cache.stats.miss_indirect == misses + (round == 1));
        for (unsigned i = 0; i < N; i++)
            code[3 * i].imm = (int16_t)(round + 1);
        cache_invalidate(toy_pc(code), sizeof code);
    }
}

static void test_sync_code(void)
{
    static struct toy_insn code[] = {
        /* 0 */ { TOY_ADD, 1, 1 }, { TOY_JMP, 0, 1 },
        /* 2 */ { TOY_ADD, 1, 10 }, { TOY_SYS, 0, 1 },
        /* 4 */ { TOY_SYNC, 0, 0 }, { TOY_DECNZ, 2, -5 }, /* to 0 */
        /* 6 */ { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    *toy_reg(cpu, 2) = 5;
    toy_run(cpu, code);
    CHECK(*toy_reg(cpu, 1) == 55);
    CHECK(cache.stats.dropped == 0);
    code[2].imm = 20;
    *toy_reg(cpu, 2) = 2;
    toy_run(cpu, code);         /* first round: still the old code */
    CHECK(*toy_reg(cpu, 1) == 55 + 11 + 21);
    CHECK(cache.stats.dropped == 1);
}

/* What a guest announces is looked at, and nothing else; if memory is shared, its other addresses too. */
static void test_sync_range(void)
{
    static struct toy_insn code[] = { { TOY_ADD, 1, 1 }, { TOY_SYS, 0, 0 }, { TOY_ADD, 1, 1 }, { TOY_SYS, 0, 0 } };
    const uint64_t size = 2 * sizeof *code;
    struct cpu *cpu = start(1 << 20);

    toy_run(cpu, code);
    toy_run(cpu, code + 2);
    code[0].imm = code[2].imm = 5;
    CHECK(cache.stats.dropped == 0);
    cache_sync_range(toy_pc(code), size);
    CHECK(cache.stats.dropped == 1 && cache_find(toy_pc(code + 2), 0));
    toy_shared = true;
    cache_sync_range(toy_pc(code), size);
    CHECK(cache.stats.dropped == 2);
    toy_shared = false;

    toy_run(cpu, code);
    toy_run(cpu, code + 2);
    CHECK(*toy_reg(cpu, 1) == 12);
    code[0].imm = code[2].imm = 7;
    cpu_announce(cpu, toy_pc(code + 2), 1);
    cache_sync_announced(cpu);
    CHECK(cache.stats.dropped == 3 && cache_find(toy_pc(code), 0));
    code[2].imm = 8;
    toy_run(cpu, code + 2);
    code[2].imm = 9;
    cpu_announce(cpu, toy_pc(code + 2), 1);
    cpu_announce(cpu, toy_pc(code), 1);
    cache_sync_announced(cpu);
    CHECK(cache.stats.dropped == 5);
    toy_run(cpu, code);
    code[0].imm = 8;
    cache_sync_announced(cpu);
    CHECK(cache.stats.dropped == 6);
}

/* --- faults --------------------------------------------------------------------------------------
 * */

static int fault_signo, fault_code;
static gaddr fault_addr, fault_pc;

static void note_fault(struct cpu *cpu, int signo, int code, gaddr addr)
{
    fault_signo = signo;
    fault_code = code;
    fault_addr = addr;
    fault_pc = cpu->pc;
    cpu->pc += 4;
}

static void fault_with(const struct toy_insn *code)
{
    struct cpu *cpu = start(1 << 20);

    toy_fault = note_fault;
    toy_catch_faults();
    for (unsigned r = 0; r < 16; r++)
        *toy_reg(cpu, r) = 1000 + r;
    *toy_reg(cpu, 5) = 0x1000;
    *toy_reg(cpu, 12) = 0x2000;
    cpu->mxcsr = 0x1f80 | 0x4000;
    for (unsigned n = 0; n < 3; n++) {
        fault_signo = 0;
        toy_run(cpu, code);
        CHECK(fault_signo == SIGSEGV && fault_code == SEGV_MAPERR);
        CHECK(fault_addr == *toy_reg(cpu, code[2].reg));
        CHECK(fault_pc == toy_pc(code + 2));
        for (unsigned r = 0; r < 16; r++)
            CHECK(*toy_reg(cpu, r) == (r == 5 ? 0x1000 : r == 12 ? 0x2000 : 1000 + r) +
                                          (r == 1) * (n + 1) + (r == 14) * 2 * (n + 1));
        CHECK(cpu->mxcsr == (0x1f80 | 0x4000));
    }
}

/* The host does not say which non-canonical address it was. */
static void test_fault_noncanonical(void)
{
    static const struct toy_insn code[] = {
        { TOY_LOAD, 5, 0 }, { TOY_LOAD, 12, 0 }, { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    toy_fault = note_fault;
    toy_catch_faults();
    *toy_reg(cpu, 5) = 0x4141414141414141;
    *toy_reg(cpu, 12) = 0x800000000000;
    toy_run(cpu, code + 1);
    CHECK(fault_signo == SIGSEGV && fault_code == SEGV_MAPERR && fault_addr == 0x800000000000);
    toy_run(cpu, code);
    CHECK(fault_addr == 0x800000000000);
    *toy_reg(cpu, 12) = toy_pc(code);
    toy_run(cpu, code);
    CHECK(fault_signo == SIGSEGV && fault_code == SEGV_MAPERR && fault_addr == 0x4141414141414141);
}

static void test_fault(void)
{
    static const struct toy_insn code[] = {
        { TOY_ADD, 1, 1 }, { TOY_ADD, 14, 2 }, { TOY_LOAD, 5, 0 }, { TOY_SYS, 0, 0 },
    };
    fault_with(code);
}

static void test_fault_in_helper(void)
{
    static const struct toy_insn code[] = {
        { TOY_ADD, 1, 1 }, { TOY_ADD, 14, 2 }, { TOY_HELP, 12, 0 }, { TOY_SYS, 0, 0 },
    };
    fault_with(code);
}

static void test_traps(void)
{
    static const struct toy_insn code[] = {
        { TOY_ADD, 1, 1 }, { TOY_ILL, 0, 0 }, { TOY_SYS, 0, 0 },
    };
    struct cpu *cpu = start(1 << 20);

    toy_fault = note_fault;
    toy_run(cpu, code);
    CHECK(fault_signo == SIGILL && fault_code == ILL_ILLOPC && fault_pc == toy_pc(code + 1));
}

static void stop_at_fault(struct cpu *cpu, int signo, int code, gaddr addr)
{
    note_fault(cpu, signo, code, addr);
    toy_stop();
}

/* Code in a file that was truncated: the guest gets SIGBUS, the locks are free. */
static void test_fault_while_translating(void)
{
    int fd = memfd_create("code", 0);
    struct cpu *cpu = start(1 << 20);
    void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

    toy_catch_faults();
    toy_fault = stop_at_fault;
    for (unsigned n = 0; n < 3; n++) {
        toy_run(cpu, p);
        CHECK(fault_signo == SIGBUS && fault_code == BUS_ADRERR && fault_addr == toy_pc(p));
    }
    *toy_reg(cpu, 2) = 1000;
    toy_run(cpu, loop_code);
    CHECK(*toy_reg(cpu, 1) == 1000);
}

/* --- main ----------------------------------------------------------------------------------------
 * */

#define TESTS(X)                                                                                  \
    X(registers) X(too_long) X(longer_than_a_segment) X(links) X(probe) X(probe_grows) X(regions) X(many_units) \
    X(invalidate) X(invalidate_probed) X(invalidate_many_probed) X(sync_code) X(sync_range)        \
    X(fault) X(fault_noncanonical) X(fault_in_helper) X(traps) X(fault_while_translating)
CACHE_TESTS(TESTS)
