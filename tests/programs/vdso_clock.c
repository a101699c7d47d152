/* Clocks through the vdso: the kernel's answers, its errors, and the instruction behind them.
 *
 * build: -O2 dynamic; -O2 static
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static sigjmp_buf out;
static volatile int caught;

static void catch(int signo)
{
    caught = signo;
    siglongjmp(out, 1);
}

static long long ns(const struct timespec *t)
{
    return t->tv_sec * 1000000000ll + t->tv_nsec;
}

/* Whether the vdso's answer lies between two of the kernel's. */
static void between(int id)
{
    struct timespec a, b, c;
    int right = 0;

    for (int i = 0; i < 1000; i++) {
        syscall(SYS_clock_gettime, id, &a);
        if (clock_gettime(id, &b))
            break;
        syscall(SYS_clock_gettime, id, &c);
        right += ns(&a) <= ns(&b) && ns(&b) <= ns(&c) && b.tv_nsec >= 0 && b.tv_nsec < 1000000000;
    }
    printf("clock %d: %d\n", id, right);
}

static void undefined(void)
{
#if defined __riscv
    __asm__ volatile(".word 0x0005060b" : : : "a2");
#elif defined __aarch64__
    __asm__ volatile(".word 0x0000434b" : : : "x2");
#else
    __asm__ volatile("ud2");
#endif
}

int main(void)
{
    static const int known[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                 CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID,
                                 CLOCK_THREAD_CPUTIME_ID };
    struct timespec t;
    struct timeval v, w;

    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        between(known[i]);
    for (int id = 12; id < 40; id += 9)
        printf("clock %d: refused %d", id, clock_gettime(id, &t)), printf(", errno %d\n", errno);
    printf("clock -1: %d\n", clock_gettime(-1, &t));
    gettimeofday(&v, NULL);
    clock_gettime(CLOCK_REALTIME, &t);
    gettimeofday(&w, NULL);
    /* time() shows the coarse clock, which is a tick behind: around a second's end, the second before. */
    printf("time of day: %d %d %d\n", v.tv_sec <= t.tv_sec, t.tv_sec <= w.tv_sec,
           v.tv_usec >= 0 && v.tv_usec < 1000000 && time(NULL) >= v.tv_sec - 1);
    signal(SIGSEGV, catch);
    signal(SIGILL, catch);
    if (!sigsetjmp(out, 1))
        clock_gettime(CLOCK_MONOTONIC, (struct timespec *)16);
    printf("bad pointer: %d\n", caught == SIGSEGV);
    if (!sigsetjmp(out, 1))
        undefined();
    printf("elsewhere: %d\n", caught == SIGILL);
    return 0;
}
