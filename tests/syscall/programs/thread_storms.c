/* Threads in numbers: 1,000 at once, 10,000 short ones in sequence, stacks of 16 KB, exits and cancellations by the hundred, and
 * what the kernel does when one ends (CLONE_CHILD_CLEARTID, set_tid_address).
 * build: -O2 dynamic; -O1 static
 * quick: no
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 1000, IN_SEQUENCE = 10000, CANCELLED = 300 };

static pthread_attr_t small;
static pthread_barrier_t barrier;
static volatile long total;

static void *stand(void *arg)
{
    pthread_barrier_wait(&barrier);
    __atomic_add_fetch(&total, (long)arg, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&barrier);
    return arg;
}

static int task_count(void)
{
    char line[256];
    int n = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "Threads: %d", &n);
    if (f)
        fclose(f);
    return n;
}

static void at_once(void)
{
    static pthread_t threads[AT_ONCE];
    pthread_barrier_init(&barrier, NULL, AT_ONCE + 1);
    for (long i = 0; i < AT_ONCE; i++)
        if (pthread_create(&threads[i], &small, stand, (void *)i))
            printf("no thread %ld\n", i);
    pthread_barrier_wait(&barrier);
    printf("tasks while they stand: %d\n", task_count());
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], NULL);
    printf("at once: %ld\n", total);
}

static void *brief(void *arg)
{
    total++;
    return arg;
}

static void in_sequence(void)
{
    total = 0;
    for (int i = 0; i < IN_SEQUENCE; i++) {
        pthread_t t;
        if (pthread_create(&t, &small, brief, NULL) || pthread_join(t, NULL))
            printf("thread %d failed\n", i);
    }
    printf("in sequence: %ld\n", total);
}

static volatile int cleaned;
static void clean(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void *victim(void *arg)
{
    int p[2];
    char c;
    if (pipe(p))
        return NULL;
    pthread_cleanup_push(clean, NULL);
    switch ((long)arg % 4) {
    case 0:
        while (read(p[0], &c, 1) < 0) {
        }
        break;
    case 1:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (;;) {
        }
    case 2: {
        pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
        pthread_mutex_lock(&m);
        for (;;)
            pthread_cond_wait(&cond, &m);
    }
    default:
        for (;;)
            sleep(100);
    }
    pthread_cleanup_pop(0);
    return arg;
}

static void cancellations(void)
{
    int right = 0;
    for (long i = 0; i < CANCELLED; i += 4) {
        pthread_t t[4];
        for (long k = 0; k < 4; k++)
            pthread_create(&t[k], NULL, victim, (void *)(i + k));
        if (i % 8)
            sched_yield();
        for (long k = 0; k < 4; k++)
            pthread_cancel(t[k]);
        for (long k = 0; k < 4; k++) {
            void *result;
            pthread_join(t[k], &result);
            right += result == PTHREAD_CANCELED;
        }
    }
    printf("cancelled: %d, cleaned at least %d\n", right, cleaned > 0);
}

static void *setuids(void *arg)
{
    for (int i = 0; i < 200; i++)
        if (setresuid(getuid(), geteuid(), (uid_t)-1))
            *(int *)arg += 1;
    return NULL;
}

/* setuid changes all threads by a signal of libc's own. */
static void setxid(void)
{
    pthread_t t[4];
    int bad = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, setuids, &bad);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    printf("setuid in all threads: %d\n", bad);
}

static volatile int cell;
static int raw_thread(void *arg)
{
    cell = *(int *)arg;
    return 0;
}

static void clear_tid(void)
{
    static int tid_word = -1, value = 17;
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_SETTID |
                CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
    int parent = 0;
    pid_t tid = clone(raw_thread, stack + 65536, flags, &value, &parent, NULL, &tid_word);
    int was;
    while ((was = __atomic_load_n(&tid_word, __ATOMIC_ACQUIRE)) != 0)
        syscall(SYS_futex, &tid_word, FUTEX_WAIT, was, NULL, NULL, 0);
    printf("a raw thread: cell %d, parent's word %d\n", cell, parent == tid);
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *shared = 5;
    pid_t pid = fork();
    if (pid == 0) {
        syscall(SYS_set_tid_address, shared);
        syscall(SYS_exit, 0);
    }
    waitpid(pid, NULL, 0);
    /* The kernel clears it only where others share the memory map. */
    printf("set_tid_address: %d\n", *shared);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN > 16384 ? (size_t)PTHREAD_STACK_MIN : 16384);
    at_once();
    in_sequence();
    cancellations();
    setxid();
    clear_tid();
    /* Who waits for a thread's word is woken a moment before the kernel has forgotten the thread. */
    for (int ms = 0; ms < 20000 && task_count() > 1; ms++)
        usleep(1000);
    printf("tasks at the end: %d\n", task_count());
    return 0;
}
