/* Signals where emulators break: restarts, masks swapped during a wait, queues, all real-time numbers, alternate
 * stacks, endless loops, delivery order.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, last, last_value;
static char order[256];
static volatile unsigned ordered;

static void note(int number)
{
    count++;
    last = number;
}

static void note_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    last = number;
    last_value = info->si_value.sival_int;
    count++;
    if (ordered < sizeof order - 1)
        order[ordered++] = (char)('a' + info->si_value.sival_int);
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
    sigaction(number, &action, NULL);
}

static void after(long us)
{
    struct itimerval timer = { .it_value = { us / 1000000, us % 1000000 } };
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void restarts(void)
{
    int p[2];
    char c = 0;
    if (pipe(p))
        return;
    handle(SIGALRM, note, 0);
    after(20000);
    long n = read(p[0], &c, 1);
    printf("read without SA_RESTART: %ld %d count %d\n", n, errno == EINTR, count);
    handle(SIGALRM, note, SA_RESTART);
    if (fork() == 0) {
        usleep(400000);
        exit(write(p[1], "x", 1) != 1);
    }
    after(20000);
    n = read(p[0], &c, 1);
    printf("read with SA_RESTART: %ld %c count %d\n", n, c, count);
    wait(NULL);
    struct timespec want = { 8, 0 }, left = { 9, 9 };
    after(10000);
    n = nanosleep(&want, &left);
    printf("nanosleep: %ld %d, remainder plausible %d\n", n, errno == EINTR, left.tv_sec < 8 && (left.tv_sec > 0 || left.tv_nsec > 0));
    after(10000);
    n = poll(NULL, 0, 100);
    printf("poll: %ld %d\n", n, errno == EINTR);
    after(10000);
    struct timeval tv = { 1, 0 };
    n = select(0, NULL, NULL, NULL, &tv);
    printf("select: %ld %d\n", n, errno == EINTR);
    handle(SIGALRM, note, 0);
    after(10000);
    int word = 0;
    n = syscall(SYS_futex, &word, 0, 0, NULL);
    printf("futex without timeout: %ld %d\n", n, errno);
}

static void restart_futex(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    siginfo_t info;
    struct timespec ts = { 0, 10000000 };
    long n = sigtimedwait(&set, &info, &ts);
    printf("sigtimedwait empty: %ld %d\n", n, errno == EAGAIN);
    raise(SIGUSR1);
    n = sigtimedwait(&set, &info, &ts);
    printf("sigtimedwait: %d code %d\n", n == SIGUSR1, info.si_code);
    int fd = signalfd(-1, &set, 0);
    raise(SIGUSR1);
    struct signalfd_siginfo si = { 0 };
    n = read(fd, &si, sizeof si);
    printf("signalfd: %ld %u\n", n, si.ssi_signo);
    close(fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* A signal blocked outside and let in by the wait alone; the handler sees the wait's mask, the frame restores ours. */
static sigset_t seen_mask;
static void see_mask(int number)
{
    note(number);
    sigprocmask(SIG_BLOCK, NULL, &seen_mask);
}

static void swapped_masks(void)
{
    sigset_t block, inside, now;
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigaddset(&block, SIGUSR2);
    sigprocmask(SIG_BLOCK, &block, NULL);
    sigfillset(&inside);
    sigdelset(&inside, SIGALRM);
    handle(SIGALRM, see_mask, SA_RESTART);
    for (int way = 0; way < 4; way++) {
        errno = 0;
        after(3000);
        long n = 0;
        if (way == 0) {
            n = sigsuspend(&inside);
        } else if (way == 1) {
            n = ppoll(NULL, 0, NULL, &inside);
        } else if (way == 2) {
            n = pselect(0, NULL, NULL, NULL, NULL, &inside);
        } else {
            int e = epoll_create1(0);
            struct epoll_event event;
            n = epoll_pwait(e, &event, 1, -1, &inside);
            int saved = errno;
            close(e);
            errno = saved;
        }
        int error = errno;
        sigprocmask(SIG_BLOCK, NULL, &now);
        printf("way %d: %ld %d; in handler USR1 %d USR2 %d ALRM %d; after USR1 %d USR2 %d ALRM %d\n", way, n,
               error == EINTR, sigismember(&seen_mask, SIGUSR1), sigismember(&seen_mask, SIGUSR2),
               sigismember(&seen_mask, SIGALRM), sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
               sigismember(&now, SIGALRM));
    }
    sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static void queues(void)
{
    struct sigaction action = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO };
    sigset_t set;
    sigemptyset(&set);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        sigaction(number, &action, NULL);
        sigaddset(&set, number);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigqueue(getpid(), SIGRTMIN + 5, (union sigval){ .sival_int = 0 });
    sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 1 });
    sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 2 });
    sigqueue(getpid(), SIGRTMAX, (union sigval){ .sival_int = 3 });
    sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 4 });
    ordered = 0;
    memset(order, 0, sizeof order);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("queued: %u delivered, %s\n", ordered, order);
    int got = 0;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        sigqueue(getpid(), number, (union sigval){ .sival_int = number & 15 });
        got += last == number && last_value == (number & 15);
    }
    printf("real-time signals: %d\n", got == SIGRTMAX - SIGRTMIN + 1);
    /* The two that libc keeps to itself, through the raw calls. */
    struct { void *handler; unsigned long flags, restorer, mask; } raw = { (void *)note, 0, 0, 0 };
#ifdef __x86_64__
    struct sigaction old;
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = note }, &old);
    (void)raw;
    got = 2;
#else
    got = 0;
    for (int number = 32; number <= 33; number++) {
        raw.restorer = 0; /* is the mask here */
        got += syscall(SYS_rt_sigaction, number, &raw, NULL, 8) == 0;
        syscall(SYS_tgkill, getpid(), getpid(), number);
        got -= last != number;
    }
#endif
    printf("libc's own: %d\n", got);
}

static char alternate[65536];
static sigjmp_buf out;
static volatile int on_alternate;

static void overflow_handler(int number, siginfo_t *info, void *context)
{
    char here;
    (void)info;
    (void)context;
    (void)number;
    on_alternate = &here > alternate && &here < alternate + sizeof alternate;
    siglongjmp(out, 1);
}

__attribute__((noinline)) static int deep(int n)
{
    volatile char pad[4096];
    pad[0] = (char)n;
    return deep(n + 1) + pad[0];
}

static void alternate_stack(void)
{
    stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate }, old;
    sigaltstack(&stack, NULL);
    struct sigaction action = { .sa_sigaction = overflow_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigaction(SIGSEGV, &action, NULL);
    for (volatile int i = 0; i < 3; i++) {
        on_alternate = -1;
        if (sigsetjmp(out, 1) == 0)
            deep(0);
        printf("overflow: on the alternate stack %d\n", on_alternate);
    }
    sigaltstack(NULL, &old);
    printf("alternate stack: %d flags %d size %zu\n", old.ss_sp == alternate, old.ss_flags, old.ss_size);
    stack.ss_size = 10;
    printf("too small: %d", sigaltstack(&stack, NULL));
    printf(" %d\n", errno == ENOMEM);
    handle(SIGSEGV, SIG_DFL, 0);
}

static void flags(void)
{
    handle(SIGUSR1, note, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction old;
    sigaction(SIGUSR1, NULL, &old);
    printf("SA_RESETHAND: %d\n", old.sa_handler == SIG_DFL);
    sigset_t pending;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    handle(SIGUSR2, note, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    count = 0;
    raise(SIGUSR2);
    raise(SIGUSR2);
    sigpending(&pending);
    printf("pending %d count %d", sigismember(&pending, SIGUSR2), count);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf(" then %d\n", count);
    raise(SIGWINCH);
    handle(SIGSEGV, note, 0);
    count = 0;
    raise(SIGSEGV);
    kill(getpid(), SIGSEGV);
    printf("sent SIGSEGV: %d\n", count);
    handle(SIGSEGV, SIG_DFL, 0);
}

/* A signal in a loop without system calls. */
static void endless(void)
{
    handle(SIGALRM, note, 0);
    count = 0;
    int slow = 0;
    for (int i = 1; i <= 100; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        after(1000);
        while (count < i) {
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        slow += (b.tv_sec - a.tv_sec) * 1000000000l + b.tv_nsec - a.tv_nsec > 100000000;
    }
    printf("loops left by a signal: %d, slow %d\n", count, slow > 2);
}

/* Many signals against a thread that keeps entering blocking calls: none may be lost or delay a call. */
static volatile int stop;
static int wake_pipe[2];

static void pipe_byte(int number)
{
    int saved = errno;
    note(number);
    if (write(wake_pipe[1], "b", 1) != 1)
        stop = 2;
    errno = saved;
}

static void *sender(void *arg)
{
    pthread_t target = *(pthread_t *)arg;
    for (int i = 0; i < 3000; i++) {
        int before = count;
        pthread_kill(target, SIGUSR1);
        while (count == before && !stop) {
        }
    }
    stop = 1;
    pthread_kill(target, SIGUSR1);
    return NULL;
}

static void race(void)
{
    pthread_t self = pthread_self(), thread;
    if (pipe(wake_pipe))
        return;
    handle(SIGUSR1, pipe_byte, SA_RESTART);
    count = 0;
    pthread_create(&thread, NULL, sender, &self);
    char bytes[64];
    int reads = 0;
    while (!stop) {
        if (read(wake_pipe[0], bytes, 1) > 0)
            reads++;
    }
    pthread_join(thread, NULL);
    printf("race: all arrived %d, read at least %d\n", count == 3001, reads > 2990);
}

/* Queued signals against a thread that keeps changing its mask: each arrives exactly once. */
static volatile long sum;
static volatile int received;
static void add(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    __atomic_add_fetch(&sum, info->si_value.sival_int, __ATOMIC_RELAXED);     /* another of the four may come in between */
    __atomic_add_fetch(&received, 1, __ATOMIC_RELAXED);
}

static void *queuer(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        while (sigqueue(getpid(), SIGRTMIN + (i & 3), (union sigval){ .sival_int = i }) != 0)
            usleep(100);
        if ((i & 63) == 0)
            usleep(100);
    }
    stop = 1;
    return arg;
}

static void mask_storm(void)
{
    struct sigaction action = { .sa_sigaction = add, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigset_t set, all;
    pthread_t thread;
    sigemptyset(&set);
    sigfillset(&all);
    for (int i = 0; i < 4; i++)
        sigaddset(&set, SIGRTMIN + i);
    action.sa_mask = set;          /* add() interrupted by itself would lose a sum */
    for (int i = 0; i < 4; i++)
        sigaction(SIGRTMIN + i, &action, NULL);
    stop = 0;
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_create(&thread, NULL, queuer, NULL);
    pthread_sigmask(SIG_SETMASK, &(sigset_t){ 0 }, NULL);
    long inside = 0;
    while (!stop) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        int before = received;
        for (volatile int i = 0; i < 50; i++) {
        }
        inside += received != before;
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
    pthread_join(thread, NULL);
    printf("mask storm: %d received, sum %ld, while blocked %ld\n", received, sum, inside);
}

static void deaths(void)
{
    static const int numbers[] = { SIGTERM, SIGKILL, SIGABRT, SIGSEGV, SIGUSR1, SIGPIPE, SIGFPE, SIGILL, 40 };
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            handle(numbers[i], SIG_DFL, 0);
            raise(numbers[i]);
            _exit(1);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        printf("death %d: %d %d\n", numbers[i], WIFSIGNALED(status), WTERMSIG(status));
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    restarts();
    restart_futex();
    swapped_masks();
    queues();
    alternate_stack();
    flags();
    endless();
    race();
    mask_storm();
    deaths();
    return 0;
}
