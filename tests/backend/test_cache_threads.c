/* The code cache and the run loop in several threads and processes: flushes, kicks, fork, the double mapping. */
#include "tests/backend/cache_tests.h"

#include <pthread.h>
#include <signal.h>

/* --- threads
 * --------------------------------------------------------------------------------------- */

enum { CHAIN = 400, LAPS = 300 };
static struct toy_insn chain[CHAIN * 4 + 4];

/* CHAIN pieces of 4 instructions; even ones go on directly, odd ones through x4, which steps along
 * with them. */
static void make_chain(void)
{
    for (unsigned i = 0; i < CHAIN; i++) {
        struct toy_insn *c = chain + 4 * i;

        c[0] = (struct toy_insn){ TOY_ADD, 1, 1 };
        c[1] = (struct toy_insn){ TOY_ADD, 4, 16 };
        c[2] = (struct toy_insn){ TOY_POLL, 0, 0 };
        c[3] = i % 2 ? (struct toy_insn){ TOY_JR, 4, 0 } : (struct toy_insn){ TOY_JMP, 0, 1 };
    }
    chain[4 * CHAIN] = (struct toy_insn){ TOY_SYS, 0, 0 };
}

static void *run_chain(void *arg)
{
    struct cpu *cpu = cpu_new(&toy_guest);
    unsigned *seed = arg;

    for (unsigned lap = 0; lap < LAPS; lap++) {
        unsigned from = (unsigned)rand_r(seed) % CHAIN & ~1u;

        *toy_reg(cpu, 1) = 0;
        *toy_reg(cpu, 4) = toy_pc(chain + 4 * from);
        toy_run(cpu, chain + 4 * from);
        CHECK(*toy_reg(cpu, 1) == CHAIN - from);
    }
    cpu_free(cpu);
    return NULL;
}

static void run_threads(unsigned n, void *(*other)(void *))
{
    pthread_t t[8], o;
    unsigned seed[8];

    for (unsigned i = 0; i < n; i++) {
        seed[i] = i + 1;
        CHECK(pthread_create(&t[i], NULL, run_chain, &seed[i]) == 0);
    }
    if (other)
        CHECK(pthread_create(&o, NULL, other, NULL) == 0);
    for (unsigned i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

/* 400 units of 4 KiB in 1 MiB: every lap flushes. */
static void test_flush_threads(void)
{
    start(1 << 20);
    make_chain();
    toy_pad = 4096;
    run_threads(4, NULL);
    CHECK(cache.stats.retired > 100);
}

static _Noreturn void *invalidate_forever(void *arg)
{
    unsigned seed = 99;

    for (;;) {
        unsigned at = (unsigned)rand_r(&seed) % CHAIN;

        cache_invalidate(toy_pc(chain + 4 * at), 16 * (1 + (uint64_t)rand_r(&seed) % 40));
        cache_sync_code();
        usleep(20);
    }
}

static void test_invalidate_threads(void)
{
    start(1 << 20);
    make_chain();
    toy_pad = 256;
    for (unsigned n = 0; n == 0 || cache.stats.dropped < 5000; n++)
        run_threads(4, n == 0 ? invalidate_forever : NULL);
}

/* Threads come and go: blocks are reused. */
static void *one_lap(void *arg)
{
    struct cpu *cpu = cpu_new(&toy_guest);

    *toy_reg(cpu, 4) = toy_pc(chain);
    toy_run(cpu, chain);
    CHECK(*toy_reg(cpu, 1) == CHAIN);
    cpu_free(cpu);
    return NULL;
}

static void test_thread_churn(void)
{
    start(1 << 20);
    make_chain();
    for (unsigned i = 0; i < 2000; i++) {
        pthread_t t;

        CHECK(pthread_create(&t, NULL, one_lap, NULL) == 0);
        pthread_join(t, NULL);
        if (i % 3 == 0)
            cache_invalidate(toy_pc(chain), 16 * (i % 30));
    }
}

/* --- kicks ---------------------------------------------------------------------------------------
 * */

static struct cpu *kicked;
static const struct toy_insn *forever;
static unsigned polls;

static void stop_poll(struct cpu *cpu)
{
    toy_stop();
}

static void *run_forever(void *arg)
{
    *toy_reg(kicked, 3) = toy_pc(forever);
    toy_run(kicked, forever);
    __atomic_store_n(&polls, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Until the thread just started runs generated code, however busy the machine is. */
static void wait_in_code(void)
{
    while (!__atomic_load_n(&kicked->in_code, __ATOMIC_SEQ_CST))
        usleep(100);
    usleep(1000);
}

static void kick_out_of(const struct toy_insn *code)
{
    pthread_t t;

    forever = code;
    polls = 0;
    CHECK(pthread_create(&t, NULL, run_forever, NULL) == 0);
    wait_in_code();
    run_kick(kicked);
    while (!__atomic_load_n(&polls, __ATOMIC_SEQ_CST))
        usleep(100); /* the alarm of in_child() ends a test that hangs */
    pthread_join(t, NULL);
    CHECK(kicked->in_code == 0 && kicked->epoch == 0);
}

static void test_kick(void)
{
    static const struct toy_insn direct[] = {
        { TOY_ADD, 1, 1 }, { TOY_POLL, 0, 0 }, { TOY_JMP, 0, -2 },
    };
    static const struct toy_insn jumping[] = { { TOY_ADD, 1, 1 }, { TOY_JR, 3, 0 } };

    kicked = start(1 << 20);
    toy_poll = stop_poll;
    for (unsigned i = 0; i < 10; i++) {
        kick_out_of(direct);
        kick_out_of(jumping);
    }
}

/* A dropped unit that jumps to itself, without a poll, lets go. */
static void test_drop_running(void)
{
    static struct toy_insn code[] = { { TOY_ADD, 1, 1 }, { TOY_JMP, 0, -1 } };
    pthread_t t;

    kicked = start(1 << 20);
    forever = code;
    CHECK(pthread_create(&t, NULL, run_forever, NULL) == 0);
    wait_in_code();
    CHECK(!polls);
    code[1] = (struct toy_insn){ TOY_SYS, 0, 0 };
    cache_invalidate(toy_pc(code), 4);
    while (!__atomic_load_n(&polls, __ATOMIC_SEQ_CST))
        usleep(100);
}

/* A SIGSEGV that a process sends is not the instruction's, even inside. */
static volatile bool sent;

static void on_sent(int signo, siginfo_t *si, void *uc)
{
    CHECK(!fault_in_code(signo, si, uc));
    sent = true;
    run_kick(kicked);
}

static void test_fault_sent(void)
{
    static const struct toy_insn code[] = { { TOY_POLL, 0, 0 }, { TOY_JMP, 0, -1 } };
    struct sigaction sa = { .sa_sigaction = on_sent, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    pthread_t t;

    kicked = start(1 << 20);
    toy_poll = stop_poll;
    toy_catch_faults();
    sigaction(SIGSEGV, &sa, NULL);
    forever = code;
    CHECK(pthread_create(&t, NULL, run_forever, NULL) == 0);
    wait_in_code();
    CHECK(pthread_kill(t, SIGSEGV) == 0);
    pthread_join(t, NULL);
    CHECK(sent);
}

/* --- fork ----------------------------------------------------------------------------------------
 * */

static struct toy_insn forked[] = {
    /* 0 */ { TOY_ADD, 1, 1 }, { TOY_JMP, 0, 1 },
    /* 2 */ { TOY_ADD, 1, 10 }, { TOY_DECNZ, 2, -3 }, /* to 0 */
    /* 4 */ { TOY_SYS, 0, 0 },
};

static uint64_t run_forked(struct cpu *cpu)
{
    *toy_reg(cpu, 1) = 0;
    *toy_reg(cpu, 2) = 10;
    toy_run(cpu, forked);
    return *toy_reg(cpu, 1);
}

static void change_forked(int16_t imm)
{
    forked[2].imm = imm;
    cache_invalidate(toy_pc(forked), sizeof forked);
}

/* Parent and child change the same code differently while other threads of the parent run. */
static void fork_with(bool dual)
{
    cache.dual = dual;
    struct cpu *cpu = start(1 << 20);
    int go[2], status;
    pthread_t t[2];
    unsigned seed[2] = { 1, 2 };

    make_chain();
    CHECK(pipe(go) == 0);
    CHECK(run_forked(cpu) == 110);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&t[i], NULL, run_chain, &seed[i]) == 0);
    for (int n = 0; n < 20; n++) {
        cache_fork_prepare();
        pid_t pid = fork();

        if (pid == 0) {
            char c;

            cache_after_fork(cpu);
            CHECK(read(go[0], &c, 1) == 1);
            CHECK(run_forked(cpu) == (n ? 10 + 10 * (100 + (uint64_t)n - 1) : 110));
            change_forked((int16_t)(1000 + n));
            for (unsigned i = 0; i < 100; i++)
                CHECK(run_forked(cpu) == 10 + 10 * (1000 + (uint64_t)n));
            run_chain(&seed[0]);
            _exit(0);
        }
        cache_fork_parent();
        change_forked((int16_t)(100 + n));
        CHECK(run_forked(cpu) == 10 + 10 * (100 + (uint64_t)n));
        CHECK(write(go[1], "x", 1) == 1);
        for (unsigned i = 0; i < 100; i++)
            CHECK(run_forked(cpu) == 10 + 10 * (100 + (uint64_t)n));
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    CHECK(cache.dual == dual);
}

static void test_fork(void)
{
    fork_with(false);
}

static void test_fork_dual(void)
{
    fork_with(true);
}

/* A process dies of a signal, which halts its threads, while one of them forks: the child lives. */
static void test_fork_while_halting(void)
{
    struct cpu *cpu = start(1 << 20), *dying = cpu_new(&toy_guest);
    int status;

    CHECK(run_forked(cpu) == 110);
    cpus_halt(dying);
    cache_fork_prepare();
    pid_t pid = fork();

    if (pid == 0) {
        alarm(10);
        cache_after_fork(cpu);
        CHECK(cpu->poll);
        CHECK(run_forked(cpu) == 110);
        CHECK(!cpu->poll);
        cpus_halt(cpu);
        _exit(0);
    }
    cache_fork_parent();
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
}

/* The double mapping does everything else, too. */
static void test_dual_flush(void)
{
    cache.dual = true;
    test_flush_threads();
    CHECK(cache.rw != cache.rx);
}

/* --- main ----------------------------------------------------------------------------------------
 * */

#define TESTS(X)                                                                                  \
    X(flush_threads) X(invalidate_threads) X(thread_churn) X(kick) X(drop_running) X(fault_sent)                 \
    X(fork) X(fork_dual) X(fork_while_halting) X(dual_flush)
CACHE_TESTS(TESTS)
