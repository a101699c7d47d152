/* Alternate stacks: one a thread, nesting, overflow on the alternate stack itself, SS_AUTODISARM, lost by exec and in new threads, kept
 * over fork.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char stack_a[65536], stack_b[65536];
static volatile int depth, inside[8], flags_seen[8], set_inside[8];

static int is_in(const char *stack)
{
    char here;
    return &here > stack && &here < stack + 65536;
}

static void nest(int number)
{
    stack_t now;
    int d = depth++;
    sigaltstack(NULL, &now);
    inside[d] = is_in(stack_a) + 2 * is_in(stack_b);
    flags_seen[d] = now.ss_flags;
    stack_t other = { .ss_sp = stack_b, .ss_size = sizeof stack_b };
    set_inside[d] = sigaltstack(&other, NULL) ? errno : 0;
    if (d < 3)
        raise(number);
}

static void show(const char *what)
{
    printf("%s:", what);
    for (int i = 0; i < depth; i++)
        printf(" [%d %x %d]", inside[i], (unsigned)flags_seen[i], set_inside[i]);
    stack_t now;
    sigaltstack(NULL, &now);
    printf(" then flags %x sp %d\n", (unsigned)now.ss_flags, now.ss_sp == stack_a);
    depth = 0;
}

static void set(char *stack, int flags)
{
    stack_t s = { .ss_sp = stack, .ss_size = 65536, .ss_flags = flags };
    if (sigaltstack(&s, NULL))
        printf("sigaltstack: %s\n", strerror(errno));
}

static void *in_thread(void *arg)
{
    stack_t now;
    sigaltstack(NULL, &now);
    printf("in a thread: flags %x\n", (unsigned)now.ss_flags);
    set(stack_b, 0);
    raise(SIGUSR1);
    return arg;
}

__attribute__((noinline)) static int deep(int n)
{
    volatile char pad[1024];
    pad[0] = (char)n;
    return deep(n + 1) + pad[0];
}

static void overflow(int number)
{
    (void)number;
    deep(0);
}

static int status_of(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        stack_t now;
        struct sigaction usr1, usr2;
        sigaltstack(NULL, &now);
        sigaction(SIGUSR1, NULL, &usr1);
        sigaction(SIGUSR2, NULL, &usr2);
        printf("after exec: flags %x, handled one default %d, ignored one ignored %d\n", (unsigned)now.ss_flags,
               usr1.sa_handler == SIG_DFL, usr2.sa_handler == SIG_IGN);
        return 0;
    }
    struct sigaction action = { .sa_handler = nest, .sa_flags = SA_ONSTACK | SA_NODEFER };
    sigaction(SIGUSR1, &action, NULL);
    set(stack_a, 0);
    raise(SIGUSR1);
    show("nested");
    set(stack_a, (int)SS_AUTODISARM);
    raise(SIGUSR1);
    show("disarmed");
    set(stack_a, SS_ONSTACK);
    stack_t bad = { .ss_sp = stack_a, .ss_size = 65536, .ss_flags = 17 };
    printf("bad flags: %d", sigaltstack(&bad, NULL));
    printf(" %d\n", errno == EINVAL);
    pthread_t t;
    pthread_create(&t, NULL, in_thread, NULL);
    pthread_join(t, NULL);
    show("thread");
    pid_t pid = fork();
    if (pid == 0) {
        stack_t now;
        sigaltstack(NULL, &now);
        _exit(now.ss_sp == stack_a && now.ss_size == sizeof stack_a ? 5 : 6);
    }
    printf("after fork: %d\n", status_of(pid));

    /* A handler runs off the lower end of its stack: its own frame does not fit any more, which is fatal. */
    char *low = mmap(NULL, 65536 + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(low, 4096, PROT_NONE);
    pid = fork();
    if (pid == 0) {
        struct sigaction over = { .sa_handler = overflow, .sa_flags = SA_ONSTACK };
        set(low + 4096, 0);
        sigaction(SIGUSR1, &over, NULL);
        sigaction(SIGSEGV, &over, NULL);
        raise(SIGUSR1);
        _exit(0);
    }
    printf("overflow on the alternate stack: %d\n", status_of(pid));
    /* A stack that no frame fits into. */
    pid = fork();
    if (pid == 0) {
        char *bad_stack = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        set(bad_stack, 0);
        sigaction(SIGUSR1, &action, NULL);
        raise(SIGUSR1);
        _exit(0);
    }
    printf("alternate stack without permission: %d\n", status_of(pid));
    signal(SIGUSR2, SIG_IGN);
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
