/* Load-exclusive, an operation, store-exclusive, back if it failed: every operation that can be one atomic instruction, and some
 * that can't, in every size. What is left in the registers; the sums of four threads; a page that can't be written, which the
 * handler sees at the store with the loaded value in its register.
 * build: -O2 dynamic; -O1 static
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct seen { uint64_t loaded, stored, twice, failed; };

#define C_LOOP(name, type, c_expr)                                                                                    \
    static struct seen name(volatile type *p, uint64_t v)                                                             \
    {                                                                                                                 \
        (void)v;                                                                                                      \
        type old = __atomic_load_n(p, __ATOMIC_RELAXED), new;                                                         \
        do                                                                                                            \
            new = (type)(c_expr);                                                                                     \
        while (!__atomic_compare_exchange_n(p, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));                     \
        return (struct seen){ old, new, 2 * (uint64_t)old, 0 };                                                       \
    }

/* NAME(p, v): *p = *p OP v. `twice` is computed from the loaded value between the two, and not stored. */
#if defined __aarch64__
#define LOOP(name, type, size, w, a64_op, rv_op, c_expr)                                                              \
    static struct seen name(volatile type *p, uint64_t v)                                                             \
    {                                                                                                                 \
        struct seen s;                                                                                                \
        __asm__ volatile("1: ldaxr" size " %" w "0, [%4]\n add %2, %0, %0\n" a64_op "\n stlxr" size " %w3, %" w "1, [%4]\n"    \
                         " cbnz %w3, 1b"                                                                              \
                         : "=&r"(s.loaded), "=&r"(s.stored), "=&r"(s.twice), "=&r"(s.failed)                            \
                         : "r"(p), "r"(v) : "memory");                                                                \
        return s;                                                                                                     \
    }
#elif defined __riscv
#define LOOP(name, type, size, w, a64_op, rv_op, c_expr)                                                              \
    static struct seen name(volatile type *p, uint64_t v)                                                             \
    {                                                                                                                 \
        struct seen s;                                                                                                \
        __asm__ volatile("1: lr." size ".aqrl %0, (%4)\n add %2, %0, %0\n" rv_op "\n sc." size ".rl %3, %1, (%4)\n"      \
                         " bnez %3, 1b"                                                                               \
                         : "=&r"(s.loaded), "=&r"(s.stored), "=&r"(s.twice), "=&r"(s.failed)                            \
                         : "r"(p), "r"(v) : "memory");                                                                \
        return s;                                                                                                     \
    }
#else
#define LOOP(name, type, size, w, a64_op, rv_op, c_expr) C_LOOP(name, type, c_expr)
#endif

#define OPS(n, type, size, w)                                                                                         \
    LOOP(add##n, type, size, w, "add %" w "1, %" w "0, %" w "5", "add %1, %0, %5", old + v)                              \
    LOOP(swapped##n, type, size, w, "add %" w "1, %" w "5, %" w "0", "add %1, %5, %0", old + v)                          \
    LOOP(sub##n, type, size, w, "sub %" w "1, %" w "0, %" w "5", "sub %1, %0, %5", old - v)                              \
    LOOP(from##n, type, size, w, "sub %" w "1, %" w "5, %" w "0", "sub %1, %5, %0", v - old)                             \
    LOOP(minus##n, type, size, w, "sub %" w "1, %" w "0, #7", "addi %1, %0, -7", old - 7)                                \
    LOOP(and##n, type, size, w, "and %" w "1, %" w "0, %" w "5", "and %1, %0, %5", old & v)                              \
    LOOP(or##n, type, size, w, "orr %" w "1, %" w "0, %" w "5", "or %1, %0, %5", old | v)                                \
    LOOP(xor##n, type, size, w, "eor %" w "1, %" w "0, %" w "5", "xor %1, %0, %5", old ^ v)                              \
    LOOP(andn##n, type, size, w, "bic %" w "1, %" w "0, %" w "5", "not %1, %5\n and %1, %0, %1", old & ~v)               \
    LOOP(exchange##n, type, size, w, "mov %1, %5", "mv %1, %5", v)                                                     \
    LOOP(notand##n, type, size, w, "and %" w "1, %" w "0, %" w "5\n mvn %" w "1, %" w "1", "and %1, %0, %5\n not %1, %1",   \
         ~(old & v))                                                                                                  \
    LOOP(self##n, type, size, w, "add %" w "1, %" w "0, %" w "0", "add %1, %0, %0", old + old)

typedef struct seen loop8(volatile uint8_t *, uint64_t);
typedef struct seen loop16(volatile uint16_t *, uint64_t);
typedef struct seen loop32(volatile uint32_t *, uint64_t);
typedef struct seen loop64(volatile uint64_t *, uint64_t);
#define ALL(n) add##n, swapped##n, sub##n, from##n, minus##n, and##n, or##n, xor##n, andn##n, exchange##n, notand##n, self##n

#ifdef __riscv
OPS(32, uint32_t, "w", "")
OPS(64, uint64_t, "d", "")
#else
OPS(32, uint32_t, "", "w")
OPS(64, uint64_t, "", "")
#endif
static loop32 *const loops32[] = { ALL(32) };
static loop64 *const loops64[] = { ALL(64) };
#ifdef __riscv   /* has no others */
#undef LOOP
#define LOOP(name, type, size, w, a64_op, rv_op, c_expr) C_LOOP(name, type, c_expr)
#endif
OPS(8, uint8_t, "b", "w")
OPS(16, uint16_t, "h", "w")
static loop8 *const loops8[] = { ALL(8) };
static loop16 *const loops16[] = { ALL(16) };
enum { N = sizeof loops32 / sizeof *loops32 };

static const uint64_t values[] = { 0, 1, 0x7f, 0x80, 0xff00ff00ff00ff00, 0x8000000080008080, 0x123456789abcdef0, UINT64_MAX };

static uint64_t hash;

static void mix(uint64_t v)
{
    hash = (hash ^ v) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 31;
}

/* The upper bits of registers that hold narrower values are not the same natively. */
static void note(struct seen s, uint64_t mask, uint64_t memory)
{
    mix(s.loaded & mask);
    mix(s.stored & mask);
    mix(s.twice & mask);
    mix(s.failed);
    mix(memory);
}

#define RUN(n)                                                                                                        \
    for (unsigned k = 0; k < N; k++) {                                                                                \
        hash = 0;                                                                                                     \
        for (unsigned i = 0; i < 8; i++)                                                                              \
            for (unsigned j = 0; j < 8; j++) {                                                                        \
                volatile uint##n##_t cell[3] = { 0x55, (uint##n##_t)values[i], 0x66 };                                 \
                struct seen s = loops##n[k](&cell[1], values[j]);                                                     \
                note(s, (uint##n##_t)-1, cell[1]);                                                                    \
                mix(cell[0] << 8 | cell[2]);                                                                          \
            }                                                                                                         \
        printf("%d bits, %u: %016llx\n", n, k, (unsigned long long)hash);                                              \
    }

/* --- threads */

enum { ROUNDS = 20000 };
static volatile uint32_t count32;
static volatile uint64_t count64, bits64;

static void *work(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        add32(&count32, 3);
        sub64(&count64, (uint64_t)-5);
        xor64(&bits64, 1ull << (uintptr_t)arg);
    }
    return NULL;
}

/* --- a page that can't be written */

static volatile uint64_t *page;
static int faults, right_address, loaded_seen;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    uint64_t *regs = NULL;
    (void)signo;
#if defined __aarch64__
    regs = (uint64_t *)uc->uc_mcontext.regs;
    enum { FIRST = 0, LAST = 30 };
#elif defined __riscv
    regs = (uint64_t *)uc->uc_mcontext.__gregs;
    enum { FIRST = 1, LAST = 31 };
#else
    enum { FIRST = 0, LAST = -1 };
    (void)uc;
    loaded_seen = 1;
#endif
    for (int i = FIRST; i <= LAST; i++)
        loaded_seen |= regs[i] == 0x1122334455667788;
    faults++;
    right_address = info->si_addr == page;
    mprotect((void *)page, 4096, PROT_READ | PROT_WRITE);
}

int main(void)
{
    RUN(32)
    RUN(64)
    RUN(8)
    RUN(16)
    pthread_t t[4];
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    printf("threads: %u %llu %llx\n", count32, (unsigned long long)count64, (unsigned long long)bits64);

    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 0x1122334455667788;
    mprotect((void *)page, 4096, PROT_READ);
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &action, NULL);
    struct seen s = add64(page, 1);
    printf("page: faults %d, address %d, register %d, %llx -> %llx\n", faults, right_address, loaded_seen,
           (unsigned long long)s.loaded, (unsigned long long)*page);
    return 0;
}
