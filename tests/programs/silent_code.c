/* Code that changes without an instruction cache flush, as some just-in-time compilers do: in a page, across
 * pages, in a loop that got hot, by another thread, beside a page where changes are announced; and a page that was unmapped.
 * build: -O1 static; -O2 dynamic
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef long function(long);

#ifdef __riscv
static uint32_t add(int n) { return 0x00050513u | (uint32_t)n << 20; }
enum { RET = 0x8067 };
#elif defined __aarch64__
static uint32_t add(int n) { return 0x91000000u | (uint32_t)n << 10; }
enum { RET = (int)0xd65f03c0 };
#else
/* A function of the same length: x + n. */
static void put(char *at, int n, int count)
{
    uint32_t sum = (uint32_t)(n * count);

    memcpy(at, "\x48\x8d\x87", 3);
    memcpy(at + 3, &sum, 4);
    memcpy(at + 7, "\xc3", 1);
}
#endif

#if defined __riscv || defined __aarch64__
/* A function that adds n so many times. */
static void put(char *at, int n, int count)
{
    uint32_t insn[2] = { add(n), RET };

    for (int i = 0; i < count; i++)
        memcpy(at + 4 * i, &insn[0], 4);
    memcpy(at + 4 * count, &insn[1], 4);
}
#endif

static char *pages(int n)
{
    return mmap(NULL, (size_t)n * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long call(char *at, long x)
{
    return ((function *)(void *)at)(x);
}

/* Calls what is at `at`, each time changed in between. */
static long rewritten(char *at, int count, int times)
{
    long wrong = 0;

    for (int i = 0; i < times; i++) {
        put(at, i & 511, count);
        wrong += call(at, i) != i + (long)(i & 511) * count;
    }
    return wrong;
}

/* Each version runs so often that its translation is improved. */
static long hot(char *at)
{
    long wrong = 0;

    for (int version = 0; version < 20; version++) {
        put(at, version, 3);
        for (int i = 0; i < 30000; i++)
            wrong += call(at, i) != i + 3 * version;
    }
    return wrong;
}

static void *writer(void *at)
{
    put(at, 99, 4);
    return NULL;
}

static long by_thread(char *at)
{
    pthread_t t;

    put(at, 1, 4);
    long first = call(at, 0);
    pthread_create(&t, NULL, writer, at);
    pthread_join(t, NULL);
    return (first != 4) + (call(at, 0) != 396);
}

int main(void)
{
    char *page = pages(3), *told = pages(1);

    printf("page %ld\n", rewritten(page + 64, 5, 2000));
    printf("across pages %ld\n", rewritten(page + 4096 - 8, 6, 2000));
    printf("hot %ld\n", hot(page + 8192));
    printf("thread %ld\n", by_thread(page + 256));
    put(told, 7, 2);
    __builtin___clear_cache(told, told + 64);
    printf("announced %ld, beside it %ld\n", call(told, 1), rewritten(page + 512, 4, 500));
    munmap(told, 4096);
    told = mmap(told, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("mapped anew %ld\n", rewritten(told, 4, 500));
    return 0;
}
