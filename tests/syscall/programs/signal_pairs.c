/* Two quick signals against sa_mask, signals for a process whose threads come and go, signals while a thread exits.
 * build: -O2 dynamic; -O1 static
 * quick: no
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int in_first, in_second, overlapped, firsts, seconds;

static void first(int number)
{
    (void)number;
    in_first = 1;
    overlapped += in_second;
    for (volatile int i = 0; i < 300; i++) {
    }
    overlapped += in_second;
    firsts++;
    in_first = 0;
}

static void second(int number)
{
    (void)number;
    in_second = 1;
    overlapped += in_first;
    for (volatile int i = 0; i < 300; i++) {
    }
    seconds++;
    in_second = 0;
}

static void *pair_sender(void *arg)
{
    pthread_t target = *(pthread_t *)arg;
    for (int i = 0; i < 500; i++) {
        int a = firsts, b = seconds;
        pthread_kill(target, SIGUSR1);
        pthread_kill(target, SIGUSR2);
        while (firsts == a || seconds == b)
            usleep(1);
    }
    return NULL;
}

static void pairs(void)
{
    struct sigaction action = { .sa_handler = first };
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    memset(&action, 0, sizeof action);
    action.sa_handler = second;
    sigaddset(&action.sa_mask, SIGUSR1);
    sigaction(SIGUSR2, &action, NULL);
    pthread_t self = pthread_self(), t;
    pthread_create(&t, NULL, pair_sender, &self);
    while (firsts < 500 || seconds < 500) {
    }
    pthread_join(t, NULL);
    printf("pairs: %d %d, overlapped %d\n", firsts, seconds, overlapped);
}

static volatile int received[64];
static volatile long received_sum;
static void count(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    __atomic_add_fetch(&received[info->si_value.sival_int & 63], 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&received_sum, 1, __ATOMIC_SEQ_CST);
}

static void *brief(void *arg)
{
    return arg;
}

/* The main thread blocks the signal, so only threads that end at once can take it: none may take it to its grave. */
static void *spawner(void *arg)
{
    for (int i = 0; i < 150; i++) {
        pthread_t t[4];
        for (int k = 0; k < 4; k++)
            pthread_create(&t[k], NULL, brief, NULL);
        for (int k = 0; k < 4; k++)
            pthread_join(t[k], NULL);
    }
    return arg;
}

static void for_the_process(void)
{
    struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGRTMIN + 1, &action, NULL);
    pthread_t t;
    pthread_create(&t, NULL, spawner, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 1000; i++) {
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i });
        if (i % 16 == 0)
            usleep(200);
    }
    pthread_join(t, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    printf("for the process: %ld\n", received_sum);
}

/* Signals for threads that are ending: ESRCH or delivered, never a crash, and never a handler on a freed stack. */
static void *ender(void *arg)
{
    __atomic_store_n((pid_t *)arg, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    return NULL;
}

static void while_ending(void)
{
    int sent = 0;
    for (int i = 0; i < 300; i++) {
        pid_t tid = 0;
        pthread_t t;
        pthread_create(&t, NULL, ender, &tid);
        while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE)) {
        }
        for (int k = 0; k < 20; k++)
            sent += syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0;
        pthread_join(t, NULL);
    }
    printf("while ending: some sent %d\n", sent > 0);
}

int main(void)
{
    pairs();
    for_the_process();
    while_ending();
    return 0;
}
