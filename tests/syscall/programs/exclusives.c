/* Load-exclusive and store-conditional: what makes the store fail, what must not, sizes, pairs, long loops, between threads and
 * processes; compare-and-swap of pairs; atomics that are not aligned.
 * build: -O2 dynamic; -O1 static
 * expect: below
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static _Alignas(64) volatile uint64_t cells[8];

#ifdef __riscv
#define LOAD_STORE(between, at, value, failed)                                                                             \
    __asm__ volatile("lr.d t0, (%1); " between "; sc.d %0, %2, (%1)"                                                        \
                     : "=&r"(failed) : "r"(at), "r"(value), "r"(at + 1) : "t0", "t1", "memory")
#define NOTHING "nop"
#define OTHER_VALUE "li t1, 99; sd t1, (%1)"
#define OTHER_PLACE "li t1, 99; sd t1, (%3)"
#define OTHER_LOAD "lr.d t1, (%3)"
#define ARITHMETIC "li t1, 50; 1: addi t1, t1, -1; bnez t1, 1b"

static int unpaired(volatile uint64_t *at)
{
    uint64_t failed;
    __asm__ volatile("lr.d t0, (%1); sc.d t1, t0, (%1); sc.d %0, t0, (%1)" : "=r"(failed) : "r"(at) : "t0", "t1", "memory");
    return failed != 0;
}

static int other_size(volatile uint64_t *at)
{
    uint64_t failed;
    __asm__ volatile("lr.d t0, (%1); sc.w %0, t0, (%2)" : "=r"(failed) : "r"(at), "r"(at + 1) : "t0", "memory");
    return failed != 0;
}

static void add_one(volatile uint64_t *at)
{
    __asm__ volatile("1: lr.d t0, (%0); addi t0, t0, 1; sc.d t1, t0, (%0); bnez t1, 1b" ::"r"(at) : "t0", "t1", "memory");
}
#else
#define LOAD_STORE(between, at, value, failed)                                                                             \
    __asm__ volatile("ldxr x9, [%1]; " between "; stxr %w0, %2, [%1]"                                                       \
                     : "=&r"(failed) : "r"(at), "r"(value), "r"(at + 1) : "x9", "x10", "memory", "cc")
#define NOTHING "nop"
#define OTHER_VALUE "mov x10, 99; str x10, [%1]"
#define OTHER_PLACE "mov x10, 99; str x10, [%3]"
#define OTHER_LOAD "ldxr x10, [%3]"
#define ARITHMETIC "mov x10, 50; 1: subs x10, x10, 1; b.ne 1b"

static int unpaired(volatile uint64_t *at)
{
    uint64_t failed;
    __asm__ volatile("ldxr x9, [%1]; clrex; stxr %w0, x9, [%1]" : "=&r"(failed) : "r"(at) : "x9", "memory");
    return (failed & 1) != 0;
}

static int other_size(volatile uint64_t *at)
{
    uint64_t failed;
    __asm__ volatile("ldxr x9, [%1]; stxr %w0, w9, [%2]" : "=&r"(failed) : "r"(at), "r"(at + 1) : "x9", "memory");
    return (failed & 1) != 0;
}

static void add_one(volatile uint64_t *at)
{
    __asm__ volatile("1: ldxr x9, [%0]; add x9, x9, 1; stxr w10, x9, [%0]; cbnz w10, 1b" ::"r"(at) : "x9", "x10", "memory");
}
#endif

#define TRY(between)                                       \
    ({                                                     \
        uint64_t failed_ = 7;                              \
        cells[0] = cells[1] = 1;                           \
        LOAD_STORE(between, cells, 5ul, failed_);          \
        (int)((failed_ & 1) << 1 | (cells[0] == 5));       \
    })

static void *adder(void *arg)
{
    for (int i = 0; i < 50000; i++)
        add_one(arg);
    return NULL;
}

static void pairs(void)
{
#ifdef __aarch64__
    static _Alignas(16) volatile uint64_t pair[2];
    uint64_t a, b, failed;
    pair[0] = 1;
    pair[1] = 2;
    __asm__ volatile("ldxp %0, %1, [%3]; stxp %w2, %1, %0, [%3]" : "=&r"(a), "=&r"(b), "=&r"(failed) : "r"(pair) : "memory");
    printf("pair: %d", a == 1 && b == 2 && !(failed & 1) && pair[0] == 2 && pair[1] == 1);
    __asm__ volatile("ldxp %0, %1, [%3]; mov x9, 77; str x9, [%3, 8]; stxp %w2, %1, %0, [%3]"
                     : "=&r"(a), "=&r"(b), "=&r"(failed) : "r"(pair) : "x9", "memory");
    printf(" %d", (failed & 1) && pair[0] == 2 && pair[1] == 77);
    register uint64_t x0 __asm__("x0") = 2, x1 __asm__("x1") = 77, x2 __asm__("x2") = 5, x3 __asm__("x3") = 6;
    __asm__ volatile(".arch armv8.1-a\ncaspal x0, x1, x2, x3, [%4]" : "+r"(x0), "+r"(x1) : "r"(x2), "r"(x3), "r"(pair) : "memory");
    printf(" %d", x0 == 2 && x1 == 77 && pair[0] == 5 && pair[1] == 6);
    x0 = 9;
    __asm__ volatile(".arch armv8.1-a\ncasp x0, x1, x2, x3, [%4]" : "+r"(x0), "+r"(x1) : "r"(x2), "r"(x3), "r"(pair) : "memory");
    printf(" %d\n", x0 == 5 && x1 == 6 && pair[0] == 5);
#else
    printf("pair: 1 1 1 1\n");     /* there are none */
#endif
}

int main(void)
{
    printf("nothing between: %d\n", TRY(NOTHING));
    printf("arithmetic between: %d\n", TRY(ARITHMETIC));
    printf("changed between: %d\n", TRY(OTHER_VALUE) & 2);
    printf("another place changed between: %d\n", TRY(OTHER_PLACE));
    printf("another reservation between: %d\n", TRY(OTHER_LOAD) >> 1);
    printf("without a reservation: %d\n", unpaired(cells));
    printf("elsewhere: %d\n", other_size(cells));
    pairs();

    pthread_t t[4];
    cells[2] = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, adder, (void *)&cells[2]);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    printf("threads: %lu\n", (unsigned long)cells[2]);
    volatile uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            adder((void *)shared);
            _exit(0);
        }
    while (wait(NULL) > 0) {
    }
    printf("processes: %lu\n", (unsigned long)*shared);
    return 0;
}

/* output:
nothing between: 1
arithmetic between: 1
changed between: 2
another place changed between: 1
another reservation between: 1
without a reservation: 1
elsewhere: 1
pair: 1 1 1 1
threads: 200000
processes: 150000
*/
