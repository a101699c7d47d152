/* What the tests of the code cache share: each runs in a process of its own, with a fresh cache and a toy guest (toy.h); one that
 * crashes or hangs fails alone. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cache.h"
#include "tests/backend/toy.h"

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (!(cond)) {                                                         \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

static void in_child(void (*test)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(200);
        run_stats_enable();
        test();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void stop_at_zero(struct cpu *cpu, unsigned number)
{
    if (number == 0)
        toy_stop();
}

static struct cpu *start(size_t bytes)
{
    CHECK(cache_init(&toy_guest, bytes));
    toy_syscall = stop_at_zero;
    struct cpu *cpu = cpu_new(&toy_guest);
    CHECK(cpu);
    return cpu;
}

/* The tests of a file, TESTS(X) with a row X(name) for each test_<name>, and main(): with a test's name as argument that one alone, as
 * often as the second argument says. */
#define CACHE_TEST_IN_CHILD(name)               \
    static void wrap_##name(void **state)       \
    {                                           \
        in_child(test_##name);                  \
    }
#define CACHE_TEST_ROW(name) cmocka_unit_test(wrap_##name),

#define CACHE_TESTS(TESTS)                                                        \
    TESTS(CACHE_TEST_IN_CHILD)                                                    \
    static const struct CMUnitTest tests[] = { TESTS(CACHE_TEST_ROW) };           \
    int main(int argc, char **argv)                                               \
    {                                                                             \
        return run_cache_tests(tests, sizeof tests / sizeof *tests, argc, argv);  \
    }

static int run_cache_tests(const struct CMUnitTest *tests, size_t n, int argc, char **argv)
{
    if (argc < 2)
        return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        for (int k = argc > 2 ? atoi(argv[2]) : 1; k > 0 && strstr(tests[i].name, argv[1]); k--)
            if (_cmocka_run_group_tests(argv[1], &tests[i], 1, NULL, NULL) != 0)
                return 1;
    return 0;
}
