/* Signals find a thread anywhere in its loop, not always at the same instruction: programs that let a handler act only at
 * certain instructions, as Go does to preempt, need that.
 * build: -O2 dynamic; -O1 static
 * libs: -pthread
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>

enum { PLACES = 8, ENOUGH = 3, MOST = 5000 };

static unsigned long places[PLACES];
static int nplaces, handled;
static volatile int stop, cells[4];

static unsigned long pc_of(const ucontext_t *context)
{
#if defined __riscv
    return context->uc_mcontext.__gregs[REG_PC];
#elif defined __aarch64__
    return context->uc_mcontext.pc;
#else
    return (unsigned long)context->uc_mcontext.gregs[REG_RIP];
#endif
}

static void note(int number, siginfo_t *info, void *context)
{
    unsigned long pc = pc_of(context);
    int i = 0;
    (void)number;
    (void)info;
    while (i < nplaces && places[i] != pc)
        i++;
    if (i == nplaces && nplaces < PLACES)
        __atomic_store_n(&nplaces, i + 1, __ATOMIC_RELEASE);
    if (i < PLACES)
        places[i] = pc;
    __atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

static void *loop(void *unused)
{
    unsigned x = 1;
    while (!stop) {
        x = x * 1664525 + 1013904223;
        cells[0] = (int)x;
        cells[1] = (int)(x >> 7);
        cells[2] = (int)(x ^ x >> 9);
    }
    return unused;
}

/* The same where the loop branches; a signal must not disturb what it computes. */
static void *checked(void *sum)
{
    unsigned x = 1;
    unsigned long s = 0;
    for (int i = 0; !stop || i < 1000; i++) {
        x = x * 1664525 + 1013904223;
        s += x & 1 ? x : ~x;
        cells[3] = (int)x;
        if (i == 999)
            *(unsigned long *)sum = s;
    }
    return sum;
}

static void send(const char *name, void *(*body)(void *), void *arg)
{
    pthread_t thread;
    stop = nplaces = handled = 0;
    pthread_create(&thread, NULL, body, arg);
    for (int sent = 0; sent < MOST && __atomic_load_n(&nplaces, __ATOMIC_ACQUIRE) < ENOUGH; sent++) {
        pthread_kill(thread, SIGURG);
        while (__atomic_load_n(&handled, __ATOMIC_ACQUIRE) <= sent)
            usleep(10);
    }
    stop = 1;
    pthread_join(thread, NULL);
    printf("%s: %s\n", name, nplaces >= ENOUGH ? "several places" : "always the same");
}

int main(void)
{
    unsigned long sum = 0;
    sigaction(SIGURG, &(struct sigaction){ .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART }, NULL);
    send("straight", loop, NULL);
    send("branches", checked, &sum);
    printf("%lu\n", sum);
    return 0;
}
