/* Signals: masks, queues, real-time order, alternate stack, alarms in a pure loop, restarted and
 * interrupted calls, SIGFPE by kill, handlers that keep floating point state.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, last, stop, on_stack;
static char stack_memory[65536];
static sigjmp_buf out;
static int order[64], ordered;
static volatile double noise = 3;

static void plain(int number)
{
    count++;
    last = number;
    stop = 1;
    noise = noise * 1.7 + 1 / noise;
}

static void queued(int number, siginfo_t *info, void *context)
{
    (void)context;
    order[ordered++] = number * 100 + info->si_value.sival_int;
}

static void overflowed(int number)
{
    char here;
    on_stack = (uintptr_t)&here - (uintptr_t)stack_memory < sizeof stack_memory;
    last = number;
    siglongjmp(out, 1);
}

__attribute__((noinline)) static int endless(volatile char *below)
{
    volatile char frame[1000];
    frame[0] = *below;
    return endless(frame) + frame[0];
}

static void install(int number, int flags)
{
    struct sigaction action = { .sa_handler = plain, .sa_flags = flags };
    sigaction(number, &action, NULL);
}

static void alarm_after(int milliseconds)
{
    struct itimerval timer = { .it_value = { 0, milliseconds * 1000 } };
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Again and again, until alarm_after(0): the first may come before the call that it is to interrupt. */
static void alarms_every(int milliseconds)
{
    struct itimerval timer = { { 0, milliseconds * 1000 }, { 0, milliseconds * 1000 } };
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void *later(void *arg)
{
    int fd = *(int *)arg;
    usleep(150000);
    if (write(fd, "x", 1) != 1) {
        return NULL;
    }
    return arg;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    install(SIGFPE, 0);
    kill(getpid(), SIGFPE);
    printf("kill: %d %d\n", count, last == SIGFPE);

    install(SIGALRM, 0);
    stop = 0;
    alarm_after(20);
    unsigned long spins = 0;
    while (!stop) {
        spins++;
    }
    printf("alarm left the loop: %d\n", spins > 0 && last == SIGALRM);

    double x = 1;
    uint64_t h = 1;
    struct itimerval often = { { 0, 500 }, { 0, 500 } };
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 3000000; i++) {
        h = h * 6364136223846793005u + 1442695040888963407u;
        x = x * 0.999 + (double)(h >> 40);
    }
    memset(&often, 0, sizeof often);
    setitimer(ITIMER_REAL, &often, NULL);
    printf("%llx %.6f after %d\n", (unsigned long long)h, x, count > 3);

    sigset_t set, old, pending;
    sigemptyset(&set);
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        sigaddset(&set, i);
    }
    sigprocmask(SIG_BLOCK, &set, &old);
    struct sigaction action = { .sa_sigaction = queued, .sa_flags = SA_SIGINFO, .sa_mask = set };
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        sigaction(i, &action, NULL);
    }
    for (int i = 0; i < 3; i++) {
        sigqueue(getpid(), SIGRTMIN + 5, (union sigval){ .sival_int = i });
        sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 10 + i });
        sigqueue(getpid(), SIGRTMAX, (union sigval){ .sival_int = 20 + i });
    }
    sigpending(&pending);
    printf("pending %d %d\n", sigismember(&pending, SIGRTMIN + 5), sigismember(&pending, SIGRTMIN + 4));
    siginfo_t info;
    sigemptyset(&pending);
    sigaddset(&pending, SIGRTMAX);
    int got = sigwaitinfo(&pending, &info);
    printf("waited %d %d\n", got == SIGRTMAX, info.si_value.sival_int);
    sigprocmask(SIG_SETMASK, &old, NULL);
    for (int i = 0; i < ordered; i++) {
        printf("%d ", order[i] - 100 * (order[i] >= 100 * SIGRTMAX ? SIGRTMAX - 50 : SIGRTMIN));
    }
    printf("in order\n");

    stack_t alternate = { .ss_sp = stack_memory, .ss_size = sizeof stack_memory };
    sigaltstack(&alternate, NULL);
    struct sigaction on_alternate = { .sa_handler = overflowed, .sa_flags = SA_ONSTACK };
    sigaction(SIGSEGV, &on_alternate, NULL);
    char here = 0;
    if (sigsetjmp(out, 1) == 0) {
        return endless(&here);
    }
    printf("overflow: on its stack %d, signal %d\n", on_stack, last == SIGSEGV);
    if (sigsetjmp(out, 1) == 0) {
        return endless(&here);
    }
    printf("again: on its stack %d\n", on_stack);

    int pipes[2];
    pthread_t thread;
    char byte;
    if (pipe(pipes)) {
        return 1;
    }
    install(SIGALRM, 0);
    alarms_every(30);
    ssize_t n = read(pipes[0], &byte, 1);
    printf("read: %zd EINTR %d\n", n, errno == EINTR);
    alarm_after(0);
    install(SIGALRM, SA_RESTART);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, later, &pipes[1]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    int before = count;
    alarm_after(30);
    n = read(pipes[0], &byte, 1);
    printf("restarted read: %zd %c, %d signal\n", n, byte, count - before);
    pthread_join(thread, NULL);
    struct timespec wish = { 100, 0 }, rest = { 0, 0 };
    install(SIGALRM, 0);
    alarms_every(30);
    int result = nanosleep(&wish, &rest);
    printf("nanosleep: %d EINTR %d rest %d\n", result, errno == EINTR, rest.tv_sec > 20 && rest.tv_sec < 100);
    result = pause();
    printf("pause: %d %d\n", result, errno == EINTR);
    sigemptyset(&set);
    result = sigsuspend(&set);
    printf("sigsuspend: %d %d\n", result, errno == EINTR);
    alarm_after(0);

    struct sigaction once = { .sa_handler = plain, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };
    sigaction(SIGUSR1, &once, NULL);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &once);
    printf("reset: %d\n", once.sa_handler == SIG_DFL);
    signal(SIGCHLD, plain);
    last = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    while (waitpid(child, NULL, 0) < 0) {
    }
    printf("SIGCHLD %d\n", last == SIGCHLD);
    raise(SIGUSR2);
    return 0;
}
