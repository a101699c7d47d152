/* What a Java machine does: safepoint polls (threads read a page that another protects, and wait in the handler until
 * it is readable again), implicit null checks (SIGSEGV at a small address becomes a jump), and SIGSEGV storms in many threads.
 * build: -O2 dynamic; -O1 static
 * quick: no
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 4, SAFEPOINTS = 30, NULLS = 4000 };
static char *poll_page;
static volatile int stopped, running, released = 1, others;
static __thread sigjmp_buf *null_check;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    char *at = info->si_addr;
    if (at >= poll_page && at < poll_page + 4096) {
        pthread_mutex_lock(&lock);
        stopped++;
        pthread_cond_broadcast(&changed);
        while (!released)
            pthread_cond_wait(&changed, &lock);
        stopped--;
        pthread_mutex_unlock(&lock);
    } else if ((unsigned long)at < 4096 && null_check && info->si_code == SEGV_MAPERR) {
        siglongjmp(*null_check, 1 + (int)(unsigned long)at);
    } else {
        others++;
        _exit(9);
    }
}

static volatile long work[THREADS];
static void *mutator(void *arg)
{
    long *mine = (long *)&work[(long)arg];
    while (running) {
        (void)*(volatile char *)poll_page;
        ++*mine;
    }
    return NULL;
}

static void safepoints(void)
{
    pthread_t threads[THREADS];
    running = 1;
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, mutator, (void *)i);
    int still = 0;
    for (int n = 0; n < SAFEPOINTS; n++) {
        long before[THREADS];
        pthread_mutex_lock(&lock);
        released = 0;
        mprotect(poll_page, 4096, PROT_NONE);
        while (stopped < THREADS)
            pthread_cond_wait(&changed, &lock);
        for (int i = 0; i < THREADS; i++)
            before[i] = work[i];
        pthread_mutex_unlock(&lock);
        usleep(200);
        int same = 1;
        for (int i = 0; i < THREADS; i++)
            same &= before[i] == work[i];
        still += same;
        pthread_mutex_lock(&lock);
        mprotect(poll_page, 4096, PROT_READ);
        released = 1;
        pthread_cond_broadcast(&changed);
        while (stopped) {
            pthread_mutex_unlock(&lock);
            usleep(50);
            pthread_mutex_lock(&lock);
        }
        pthread_mutex_unlock(&lock);
    }
    running = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("safepoints: all stood still %d\n", still == SAFEPOINTS);
}

struct object { long header; int fields[20]; };
__attribute__((noinline)) static int field(struct object *volatile *o, int i)
{
    return (*o)->fields[i];
}

static void *null_storm(void *arg)
{
    sigjmp_buf env;
    struct object real = { .fields = { 1, 2, 3 } }, *volatile o = &real;
    volatile long sum = 0;
    null_check = &env;
    for (volatile int i = 0; i < NULLS; i++) {
        int way = sigsetjmp(env, 1);
        if (way == 0) {
            o = i % 2 ? &real : NULL;
            sum += field(&o, i % 16);
        } else {
            sum += 1000000 + way;
        }
    }
    null_check = NULL;
    *(long *)arg = sum;
    return NULL;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART };
    pthread_t threads[THREADS];
    long sums[THREADS];
    poll_page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, NULL);
    safepoints();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, null_storm, &sums[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("null checks: %ld %ld %ld %ld, others %d\n", sums[0], sums[1], sums[2], sums[3], others);
    return 0;
}
