/* The guest address space against the kernel: random sequences of memory calls are made twice, through loader/space.c
 * on a window of guest addresses and directly on a window of ours, and must give the same results and the same
 * protections. Then single rules that random calls would not reach. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/keep.h"
#include "backend/run.h"
#include "loader/ranges.h"
#include "loader/space.h"

enum { PAGES = 48, WINDOW = PAGES * SPACE_PAGE };

static gaddr forgot_start;
static uint64_t forgot_len;
static unsigned forgot;

/* The code cache's part, seen from here. */
void keep_mapped(gaddr start, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
}

void fault_absent(gaddr addr)
{
}

void cache_invalidate(gaddr start, uint64_t len)
{
    forgot_start = start;
    forgot_len = len;
    forgot++;
}

static uint64_t rng_state = 1;

static unsigned rnd(unsigned below)
{
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(rng_state >> 33) % below;
}

/* --- the interval set against an array */

static void ranges_follow_a_model(void **state)
{
    static struct ranges set = { .random = 12345 };
    static uint8_t model[PAGES + 1];
    for (int step = 0; step < 200000; step++) {   /* protections 0 to 2: PROT_WRITE is one */
        unsigned a = 1 + rnd(PAGES), n = 1 + rnd(PAGES + 1 - a > 6 ? 6 : PAGES + 1 - a);
        uint8_t prot = (uint8_t)rnd(3);
        assert_true(ranges_reserve(&set));
        if (rnd(3)) {
            ranges_put(&set, (gaddr)a * SPACE_PAGE, (gaddr)(a + n) * SPACE_PAGE, prot, 0);
            memset(model + a, prot + 1, n);
        } else {
            ranges_clear(&set, (gaddr)a * SPACE_PAGE, (gaddr)(a + n) * SPACE_PAGE);
            memset(model + a, 0, n);
        }
        uint64_t total = 0, data = 0;
        for (unsigned page = 1; page <= PAGES; page++) {
            total += model[page] ? SPACE_PAGE : 0;
            data += model[page] && ((model[page] - 1) & PROT_WRITE) ? SPACE_PAGE : 0;
        }
        assert_int_equal(set.total, total);
        assert_int_equal(set.data, data);
        unsigned page = 1 + rnd(PAGES);
        struct space_range r;
        bool in = ranges_next(&set, (gaddr)page * SPACE_PAGE, &r) && r.start <= page * SPACE_PAGE;
        assert_int_equal(in ? r.prot + 1 : 0, model[page]);
        if (in) {                               /* equal neighbours are one interval */
            unsigned first = page, last = page;
            while (first > 1 && model[first - 1] == model[page])
                first--;
            while (last < PAGES && model[last + 1] == model[page])
                last++;
            assert_int_equal(r.start, first * SPACE_PAGE);
            assert_int_equal(r.end, (last + 1) * SPACE_PAGE);
        }
        unsigned want = 1 + rnd(4), align = 1u << rnd(3), best = 0;
        for (unsigned at = 1; at + want <= PAGES + 1; at++)
            if (at % align == 0 && !memchr(model + at, 1, want) && !memchr(model + at, 2, want) &&
                !memchr(model + at, 3, want))
                best = at;
        assert_int_equal(ranges_find_down(&set, SPACE_PAGE, (PAGES + 1) * SPACE_PAGE, want * SPACE_PAGE,
                                          align * SPACE_PAGE), best * SPACE_PAGE);
    }
}

/* --- the same calls on both sides */

struct sides { char *native; gaddr guest; };

static int64_t native(void *result)
{
    return result == MAP_FAILED ? -errno : (int64_t)(uintptr_t)result;
}

/* Results that are addresses become distances from the window. */
static int64_t relative(int64_t result, uint64_t window)
{
    return result < 0 ? result : result - (int64_t)window;
}

static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC };

/* Protections of `count` pages from `at`, -1 where nothing is mapped. */
static void native_prots(const char *at, int *prot, unsigned count)
{
    char *line = NULL;
    size_t size = 0;
    uint64_t start, end, low = (uintptr_t)at;
    char perms[5];
    FILE *maps = fopen("/proc/self/maps", "r");
    for (unsigned i = 0; i < count; i++)
        prot[i] = -1;
    while (getline(&line, &size, maps) > 0)
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, perms) == 3)
            for (unsigned i = 0; i < count; i++)
                if (low + i * SPACE_PAGE >= start && low + i * SPACE_PAGE < end)
                    prot[i] = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
                              (perms[2] == 'x' ? PROT_EXEC : 0);
    free(line);
    fclose(maps);
}

static int native_prot(const char *at)
{
    int prot;
    native_prots(at, &prot, 1);
    return prot;
}

static int guest_prot(gaddr at)
{
    struct space_range r;
    space_read_lock();
    int prot = space_lookup(at, &r) ? r.prot : -1;
    space_read_unlock();
    return prot;
}

static void one_call(const struct sides *s)
{
    unsigned at = rnd(PAGES - 8), n = 1 + rnd(8), to = rnd(PAGES - 16), m = rnd(16);
    int prot = prots[rnd(4)];
    uint64_t a = (uint64_t)at * SPACE_PAGE - (rnd(40) == 0), len = (uint64_t)n * SPACE_PAGE - rnd(2);
    uint64_t b = (uint64_t)to * SPACE_PAGE, new_len = (uint64_t)m * SPACE_PAGE;
    unsigned what = rnd(8);
    int64_t want, got;
    if (what <= 2) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | (rnd(2) ? MAP_FIXED : MAP_FIXED_NOREPLACE);
        want = relative(native(mmap(s->native + a, len, prot, flags, -1, 0)), (uintptr_t)s->native);
        got = relative(space_mmap(s->guest + a, len, prot, flags, -1, 0), s->guest);
    } else if (what == 3) {
        want = munmap(s->native + a, len) < 0 ? -errno : 0;
        got = space_munmap(s->guest + a, len);
    } else if (what <= 5) {
        want = mprotect(s->native + a, len, prot) < 0 ? -errno : 0;
        got = space_mprotect(s->guest + a, len, prot);
    } else {
        int flags = what == 6 ? MREMAP_MAYMOVE | MREMAP_FIXED : 0;
        want = relative(native(mremap(s->native + a, len, new_len, flags, s->native + b)), (uintptr_t)s->native);
        got = relative(space_mremap(s->guest + a, len, new_len, flags, s->guest + b), s->guest);
    }
    if (want != got)
        print_error("call %u at %#" PRIx64 " len %#" PRIx64 " to %#" PRIx64 " len %#" PRIx64 "\n", what, a,
                    len, b, new_len);
    assert_int_equal(got, want);
}

static void calls_agree_with_the_kernel(void **state)
{
    struct sides s;
    s.native = mmap(NULL, WINDOW + (2 << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s.guest = space_find(WINDOW + (2 << 20), SPACE_PAGE, 0);
    assert_true(s.guest > 0 && s.guest < GUEST_TOP);
    s.guest += 1 << 20;
    munmap(s.native, WINDOW + (2 << 20));
    s.native += 1 << 20;
    for (int step = 0; step < 20000; step++) {
        one_call(&s);
        if (step % 8 == 0) {
            int want[PAGES];
            native_prots(s.native, want, PAGES);
            for (unsigned page = 0; page < PAGES; page++)
                assert_int_equal(guest_prot(s.guest + page * SPACE_PAGE), want[page]);
        }
    }
    munmap(s.native, WINDOW);
    assert_int_equal(space_munmap(s.guest, WINDOW), 0);
}

/* --- single rules */

static gaddr map(uint64_t len, int prot)
{
    int64_t at = space_mmap(0, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at > 0 && (gaddr)at + len <= GUEST_TOP);
    return (gaddr)at;
}

static void guest_code_is_not_executable_here(void **state)
{
    gaddr at = map(SPACE_PAGE, PROT_READ | PROT_EXEC);
    assert_int_equal(native_prot(host(at)), PROT_READ);
    assert_int_equal(space_mprotect(at, SPACE_PAGE, PROT_EXEC), 0);
    assert_int_equal(native_prot(host(at)), PROT_READ);
    assert_int_equal(guest_prot(at), PROT_EXEC);
    assert_int_equal(space_munmap(at, SPACE_PAGE), 0);
}

static void changes_of_code_are_announced(void **state)
{
    gaddr at = map(4 * SPACE_PAGE, PROT_READ | PROT_WRITE);
    unsigned before = forgot;
    assert_int_equal(space_mprotect(at, 2 * SPACE_PAGE, PROT_READ | PROT_EXEC), 0);
    assert_int_equal(forgot, before);
    assert_int_equal(space_mprotect(at + SPACE_PAGE, 2 * SPACE_PAGE, PROT_READ), 0);
    assert_int_equal(forgot, before + 1);
    assert_true(forgot_start <= at + SPACE_PAGE && forgot_start + forgot_len >= at + 2 * SPACE_PAGE);
    assert_int_equal(space_madvise(at, 4 * SPACE_PAGE, MADV_DONTNEED), 0);
    assert_int_equal(forgot, before + 2);
    assert_int_equal(space_munmap(at, 4 * SPACE_PAGE), 0);
    assert_int_equal(forgot, before + 3);
    assert_int_equal(space_munmap(at, 4 * SPACE_PAGE), 0);
    assert_int_equal(forgot, before + 3);
}

static void fetch_sees_executable_memory_only(void **state)
{
    gaddr at = map(4 * SPACE_PAGE, PROT_READ);
    size_t avail;
    assert_int_equal(space_mprotect(at + SPACE_PAGE, SPACE_PAGE, PROT_READ | PROT_EXEC), 0);
    assert_int_equal(space_mprotect(at + 2 * SPACE_PAGE, SPACE_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    space_read_lock();
    assert_null(space_fetch(at, &avail));
    assert_ptr_equal(space_fetch(at + SPACE_PAGE + 2, &avail), host(at + SPACE_PAGE + 2));
    assert_int_equal(avail, 2 * SPACE_PAGE - 2);
    assert_null(space_fetch(at + 3 * SPACE_PAGE, &avail));
    space_read_unlock();
    assert_int_equal(space_fault_kind(at), SEGV_ACCERR);
    assert_true(space_accessible(at, 4 * SPACE_PAGE, PROT_READ));
    assert_false(space_accessible(at, 4 * SPACE_PAGE, PROT_WRITE));
    assert_false(space_accessible(at, 4 * SPACE_PAGE + 1, PROT_READ));
    assert_int_equal(space_munmap(at, 4 * SPACE_PAGE), 0);
    assert_int_equal(space_fault_kind(at), SEGV_MAPERR);
}

static void a_terabyte_costs_nothing(void **state)
{
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 100; i++) {
        int64_t at = space_mmap(0, (uint64_t)1 << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(at > 0);
        assert_int_equal(space_mprotect((gaddr)at + (1 << 20), SPACE_PAGE, PROT_READ | PROT_WRITE), 0);
        assert_int_equal(space_munmap((gaddr)at, (uint64_t)1 << 40), 0);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 100);
}

static void nothing_lies_above_the_top(void **state)
{
    int anon = MAP_PRIVATE | MAP_ANONYMOUS;
    uint64_t ours = (uint64_t)(uintptr_t)&forgot & ~(uint64_t)(SPACE_PAGE - 1);
    assert_int_equal(space_mmap(ours, SPACE_PAGE, PROT_READ, anon | MAP_FIXED, -1, 0), -ENOMEM);
    assert_int_equal(space_mmap(GUEST_TOP - SPACE_PAGE, 2 * SPACE_PAGE, PROT_READ, anon | MAP_FIXED, -1, 0), -ENOMEM);
    assert_int_equal(space_munmap(ours, SPACE_PAGE), -EINVAL);
    assert_int_equal(space_mprotect(ours, SPACE_PAGE, PROT_NONE), -ENOMEM);
    assert_int_equal(space_madvise(ours, SPACE_PAGE, MADV_DONTNEED), -ENOMEM);
    assert_int_equal(space_mremap(ours, SPACE_PAGE, SPACE_PAGE, 0, 0), -EFAULT);
    assert_int_equal(space_mmap(0, (uint64_t)1 << 47, PROT_NONE, anon | MAP_NORESERVE, -1, 0), -ENOMEM);
    assert_int_equal(space_mmap(0, UINT64_MAX, PROT_NONE, anon, -1, 0), -ENOMEM);
    assert_int_equal(space_mmap(0, 0, PROT_NONE, anon, -1, 0), -EINVAL);
    int64_t at = space_mmap(GUEST_TOP, SPACE_PAGE, PROT_READ, anon, -1, 0);    /* a hint only */
    assert_true(at > 0 && (gaddr)at < GUEST_TOP);
    assert_int_equal(space_munmap((gaddr)at, SPACE_PAGE), 0);
}

static void hints_are_taken_when_free(void **state)
{
    gaddr at = map(4 * SPACE_PAGE, PROT_READ);
    assert_int_equal(space_munmap(at + SPACE_PAGE, SPACE_PAGE), 0);
    int anon = MAP_PRIVATE | MAP_ANONYMOUS;
    assert_int_equal(space_mmap(at + SPACE_PAGE, SPACE_PAGE, PROT_READ, anon, -1, 0), at + SPACE_PAGE);
    int64_t other = space_mmap(at + SPACE_PAGE, SPACE_PAGE, PROT_READ, anon, -1, 0);
    assert_true(other > 0 && (gaddr)other != at + SPACE_PAGE);
    assert_int_equal(space_munmap((gaddr)other, SPACE_PAGE), 0);
    assert_int_equal(space_munmap(at, 4 * SPACE_PAGE), 0);
}

static void grown_mappings_move_and_keep_their_contents(void **state)
{
    gaddr at = map(2 * SPACE_PAGE, PROT_READ | PROT_WRITE);
    strcpy(host(at), "contents");
    assert_int_equal(space_mprotect(at + SPACE_PAGE, SPACE_PAGE, PROT_READ), 0);
    assert_int_equal(space_mremap(at, SPACE_PAGE, 4 * SPACE_PAGE, 0, 0), -ENOMEM);
    int64_t moved = space_mremap(at, SPACE_PAGE, 4 * SPACE_PAGE, MREMAP_MAYMOVE, 0);
    assert_true(moved > 0 && (gaddr)moved != at);
    assert_string_equal(host((gaddr)moved), "contents");
    assert_int_equal(space_fault_kind(at), SEGV_MAPERR);
    assert_int_equal(space_mremap(at, SPACE_PAGE, SPACE_PAGE, 0, 0), -EFAULT);
    assert_true(space_accessible((gaddr)moved, 4 * SPACE_PAGE, PROT_READ | PROT_WRITE));
    assert_int_equal(space_munmap((gaddr)moved, 4 * SPACE_PAGE), 0);
    assert_int_equal(space_munmap(at + SPACE_PAGE, SPACE_PAGE), 0);
}

static void the_break_moves_both_ways(void **state)
{
    gaddr start = space_find(1 << 20, SPACE_PAGE, GUEST_TOP / 2);
    space_set_brk(start);
    assert_int_equal(space_brk(0), start);
    assert_int_equal(space_brk(start + 5000), start + 5000);
    *(char *)host(start + 4999) = 1;
    assert_true(space_accessible(start, 2 * SPACE_PAGE, PROT_READ | PROT_WRITE));
    assert_int_equal(space_brk(start + 100), start + 100);
    assert_false(space_accessible(start + SPACE_PAGE, 1, PROT_READ));
    assert_int_equal(space_brk(start - 1), start + 100);
    assert_int_equal(space_brk(GUEST_TOP), start + 100);
    int64_t wall = space_mmap(start + 8 * SPACE_PAGE, SPACE_PAGE, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_true(wall > 0);
    assert_int_equal(space_brk(start + 9 * SPACE_PAGE), start + 100);
    assert_int_equal(space_brk(start), start);
    assert_int_equal(space_munmap((gaddr)wall, SPACE_PAGE), 0);
}

static void maps_show_what_the_guest_asked_for(void **state)
{
    gaddr at = map(3 * SPACE_PAGE, PROT_READ);
    char *text, *line, want[100];
    size_t size;
    assert_int_equal(space_mprotect(at + SPACE_PAGE, SPACE_PAGE, PROT_READ | PROT_EXEC), 0);
    FILE *f = open_memstream(&text, &size);
    space_print_maps(f);
    fclose(f);
    snprintf(want, sizeof want, "%08" PRIx64 "-%08" PRIx64 " r-xp 00000000 00:00 0 \n", at + SPACE_PAGE,
             at + 2 * SPACE_PAGE);
    assert_non_null(strstr(text, want));
    snprintf(want, sizeof want, "%08" PRIxPTR, (uintptr_t)&forgot & ~(uintptr_t)(SPACE_PAGE - 1));
    assert_null(strstr(text, want));
    assert_non_null(line = strstr(text, "[stack]"));
    while (line > text && line[-1] != '\n')
        line--;
    assert_int_equal(strstr(line, "[stack]") - line, 73);
    free(text);
    assert_int_equal(space_munmap(at, 3 * SPACE_PAGE), 0);
}

static void the_kernel_grows_stacks(void **state)
{
    gaddr low = space_find(1024 * SPACE_PAGE, SPACE_PAGE, 0), at = low + 1000 * SPACE_PAGE;
    assert_int_equal(space_mmap(at, 4 * SPACE_PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0), at);
    *(volatile char *)host(at - 2 * SPACE_PAGE) = 1;
    assert_int_equal(space_mprotect(at - 2 * SPACE_PAGE, 3 * SPACE_PAGE, PROT_READ), 0);
    assert_true(space_accessible(at - 2 * SPACE_PAGE, 3 * SPACE_PAGE, PROT_READ));
    assert_int_equal(space_munmap(low, 1024 * SPACE_PAGE), 0);
}

static void shared_memory_attaches_below_the_top(void **state)
{
    int id = shmget(IPC_PRIVATE, 3 * SPACE_PAGE, IPC_CREAT | 0600);
    if (id < 0)
        skip();
    int64_t at = space_shmat(id, 0, 0);
    shmctl(id, IPC_RMID, NULL);
    assert_true(at > 0 && (gaddr)at < GUEST_TOP);
    *(char *)host((gaddr)at) = 1;
    assert_int_equal(space_shmdt((gaddr)at + SPACE_PAGE), -EINVAL);
    assert_int_equal(space_shmdt((gaddr)at), 0);
    assert_int_equal(space_shmdt((gaddr)at), -EINVAL);
    assert_int_equal(space_fault_kind((gaddr)at), SEGV_MAPERR);
}

/* --- the lock */

static int inside, written;
static unsigned handed_over;

/* Reads again and again, and leaves only when the other one is inside, too, or cannot come in for a while. */
static void *overlapping(void *arg)
{
    const struct timespec ms = { .tv_nsec = 1000000 };
    while (!__atomic_load_n(&written, __ATOMIC_SEQ_CST) && __atomic_add_fetch(&handed_over, 1, __ATOMIC_SEQ_CST) < 2000) {
        space_read_lock();
        __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        for (int waited = 0; __atomic_load_n(&inside, __ATOMIC_SEQ_CST) < 2 && waited < 200; waited++)
            nanosleep(&ms, NULL);
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        nanosleep(&ms, NULL);
        space_read_unlock();
    }
    return NULL;
}

static void *writing(void *arg)
{
    space_write_lock();
    __atomic_store_n(&written, 1, __ATOMIC_SEQ_CST);
    space_write_unlock();
    return NULL;
}

/* Threads that always translate do not keep one from changing a mapping. */
static void readers_let_a_writer_in(void **state)
{
    pthread_t readers[2], writer;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, overlapping, NULL), 0);
    while (__atomic_load_n(&handed_over, __ATOMIC_SEQ_CST) < 4)
        usleep(1000);
    assert_int_equal(pthread_create(&writer, NULL, writing, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    pthread_join(writer, NULL);
    assert_true(handed_over < 2000);
}

static int start(void **state)
{
    space_init(GUEST_TOP, NULL, NULL);
    return space_map_stack(8 << 20, false) > 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_follow_a_model),
        cmocka_unit_test(calls_agree_with_the_kernel),
        cmocka_unit_test(guest_code_is_not_executable_here),
        cmocka_unit_test(changes_of_code_are_announced),
        cmocka_unit_test(fetch_sees_executable_memory_only),
        cmocka_unit_test(a_terabyte_costs_nothing),
        cmocka_unit_test(nothing_lies_above_the_top),
        cmocka_unit_test(hints_are_taken_when_free),
        cmocka_unit_test(grown_mappings_move_and_keep_their_contents),
        cmocka_unit_test(the_break_moves_both_ways),
        cmocka_unit_test(maps_show_what_the_guest_asked_for),
        cmocka_unit_test(the_kernel_grows_stacks),
        cmocka_unit_test(shared_memory_attaches_below_the_top),
        cmocka_unit_test(readers_let_a_writer_in),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
