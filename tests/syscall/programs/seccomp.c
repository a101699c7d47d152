/* seccomp is enforced on the guest's own call numbers: strict mode, filters and all their actions, stacks of them, inheritance by
 * threads, fork and exec, TSYNC, who may install.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__riscv)
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)

static const char *self;

static int install_flags(unsigned flags, int len, struct sock_filter *prog)
{
    struct sock_fprog fprog = { (unsigned short)len, prog };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog) < 0 ? -errno : 0;
}

/* `action` for call `nr` of this architecture, allow for the rest; kill where the architecture is wrong. */
static int deny_flags(unsigned flags, int nr, unsigned action)
{
    struct sock_filter prog[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        RETURN(action),
        RETURN(SECCOMP_RET_ALLOW),
    };
    return install_flags(flags, sizeof prog / sizeof *prog, prog);
}

static int deny(int nr, unsigned action)
{
    return deny_flags(0, nr, action);
}

static int call_with(long nr, long argument)
{
    long r = syscall(nr, argument, 2, 3);
    return r < 0 ? -errno : r > 100 ? 100 : (int)r;
}

static int call(long nr)
{
    return call_with(nr, 1);
}

/* Runs fn in a child: its exit status, or 1000 + the signal that ended it. */
static int in_child(void (*fn)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void strict(void)
{
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    if (write(1, "strict: may write\n", 18) == 18)
        syscall(SYS_exit, 7);
}

static void strict_breach(void)
{
    syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
    syscall(SYS_getpid);
}

static void errnos(void)
{
    printf("mode %d\n", prctl(PR_GET_SECCOMP));
    printf("install %d %d %d\n", deny(SYS_getppid, SECCOMP_RET_ERRNO | 77), deny(SYS_getpgid, SECCOMP_RET_ERRNO),
           deny(SYS_getsid, SECCOMP_RET_ERRNO | 0xffff));
    printf("mode %d\n", prctl(PR_GET_SECCOMP));
    printf("getppid %d, getpgid %d, getsid %d, gettid %d\n", call(SYS_getppid), call(SYS_getpgid), call(SYS_getsid),
           call(SYS_gettid) > 0);
    printf("number 5000: %d", call(5000));
    printf(" %d", deny(5000, SECCOMP_RET_ERRNO | 5));
    printf(" %d\n", call(5000));
    printf("trace %d", deny(SYS_umask, SECCOMP_RET_TRACE));
    printf(" %d, log %d", call(SYS_umask), deny(SYS_getuid, SECCOMP_RET_LOG));
    printf(" %d\n", call(SYS_getuid));
    printf("strict after filter %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0 ? errno : 0);
}

/* Filters that look at arguments and at each other's results. */
static void stacked(void)
{
    struct sock_filter by_argument[] = {
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_dup, 0, 4),
        LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 700, 0, 2),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 33), RETURN(SECCOMP_RET_ALLOW),
    };
    printf("arguments: %d", install_flags(0, 7, by_argument));
    printf(" %d %d\n", call_with(SYS_dup, 700), call_with(SYS_dup, 699));
    deny(SYS_getppid, SECCOMP_RET_ERRNO | 1);
    deny(SYS_getppid, SECCOMP_RET_ERRNO | 2);
    printf("of two errnos: %d\n", call(SYS_getppid));
    deny(SYS_getppid, SECCOMP_RET_ALLOW);
    printf("allow does not help: %d\n", call(SYS_getppid));
    deny(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
    call(SYS_getppid);
}

static void on_sigsys(int signo, siginfo_t *si, void *context)
{
    (void)context;
    uintptr_t at = (uintptr_t)si->si_call_addr, from = (uintptr_t)&syscall;
    printf("SIGSYS %d code %d errno %d call %d arch %d inside syscall() %d\n", signo == SIGSYS, si->si_code, si->si_errno,
           si->si_syscall == SYS_getppid, si->si_arch == ARCH, at > from && at < from + 256);
}

static void trap(void)
{
    struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
    sigaction(SIGSYS, &sa, NULL);
    deny(SYS_getppid, SECCOMP_RET_TRAP | 99);
    syscall(SYS_getppid, 12);
    puts("after the trap");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSYS);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fflush(stdout);
    syscall(SYS_getppid);
    puts("not reached: it was blocked");
}

static void kill_process(void)
{
    signal(SIGSYS, SIG_IGN);
    deny(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
    syscall(SYS_getppid);
}

static void unknown_action(void)
{
    deny(SYS_getppid, 0x12340000);
    syscall(SYS_getppid);
}

static void *breach(void *arg)
{
    deny(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    syscall(SYS_getppid);
    *(int *)arg = 1;
    return NULL;
}

static void kill_thread(void)
{
    pthread_t thread;
    int reached = 0;
    pthread_create(&thread, NULL, breach, &reached);
    pthread_join(thread, NULL);
    printf("the thread went on: %d; this one may call: %d\n", reached, call(SYS_getppid) > 0);
    fflush(stdout);
    breach(&reached);
}

static void *last_breach(void *arg)
{
    pthread_join(*(pthread_t *)arg, NULL);
    deny(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    syscall(SYS_getppid);
    return NULL;
}

/* The first thread ends, then the other one is killed: the process's last. */
static void kill_last_thread(void)
{
    static pthread_t first, other;
    first = pthread_self();
    pthread_create(&other, NULL, last_breach, &first);
    pthread_exit(NULL);
}

static int pipes[2];

/* Waits until it is told, then says what getppid and getpgid give. */
static void *member(void *arg)
{
    char c;
    if (arg)
        deny(SYS_getpgid, SECCOMP_RET_ERRNO | 3);
    if (write(pipes[1], "r", 1) != 1 || read(((int *)pipes)[0], &c, 0) != 0)
        return NULL;
    while (call(SYS_getppid) != -55)
        usleep(1000);
    return (void *)(intptr_t)call(SYS_getpgid);
}

static void tsync(void)
{
    pthread_t thread;
    char c;
    void *result;
    if (pipe(pipes) < 0)
        return;
    deny(SYS_getpgid, SECCOMP_RET_ERRNO | 4);
    pthread_create(&thread, NULL, member, NULL);
    if (read(pipes[0], &c, 1) != 1)
        return;
    printf("tsync %d\n", deny_flags(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | 55));
    pthread_join(thread, &result);
    printf("the other thread: %d\n", (int)(intptr_t)result);
}

static void *other_filter(void *arg)
{
    deny(SYS_getpgid, SECCOMP_RET_ERRNO | 3);
    if (write(pipes[1], "r", 1) != 1)
        return arg;
    for (;;)
        pause();
}

static void tsync_refused(void)
{
    pthread_t thread;
    char c;
    struct sock_filter allow[] = { RETURN(SECCOMP_RET_ALLOW) };
    struct sock_fprog fprog = { 1, allow };
    if (pipe(pipes) < 0)
        return;
    pthread_create(&thread, NULL, other_filter, NULL);
    if (read(pipes[0], &c, 1) != 1)
        return;
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &fprog);
    printf("tsync names the thread: %d\n", r > 0 && r != getpid());
    printf("tsync with ESRCH: %d\n", install_flags(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, 1, allow));
    printf("mode %d\n", prctl(PR_GET_SECCOMP));
}

static void inherited(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    deny(SYS_getppid, SECCOMP_RET_ERRNO | 61);
    deny(SYS_getpgid, SECCOMP_RET_ERRNO | 62);
    pid_t pid = fork();
    if (pid == 0)
        _exit(-call(SYS_getppid));
    int status;
    waitpid(pid, &status, 0);
    printf("a child: %d\n", WEXITSTATUS(status));
    fflush(stdout);
    execl(self, self, "executed", NULL);
    printf("execl: %d\n", errno);
}

static void unprivileged(void)
{
    struct sock_filter allow[] = { RETURN(SECCOMP_RET_ALLOW) };
    if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return;
    printf("without privileges: %d\n", install_flags(0, 1, allow));
    printf("a bad filter: %d\n", install_flags(0, 0, allow));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("with no_new_privs: %d %d\n", install_flags(0, 1, allow), prctl(PR_SET_SECCOMP, 2, &(struct sock_fprog){ 1, allow }));
}

static void bad_arguments(void)
{
    struct sock_filter no_end[] = { LOAD(nr) };
    unsigned actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE, SECCOMP_RET_ALLOW, 5 };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("no end %d, flags %d, too long %d", install_flags(0, 1, no_end), install_flags(1 << 20, 1, no_end),
           install_flags(0, 4097, no_end));
    printf(", no program %d", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 8) < 0 ? errno : 0);
    printf(", no instructions %d", install_flags(0, 1, (struct sock_filter *)8));
    printf(", mode 3 %d", prctl(PR_SET_SECCOMP, 3, 0) < 0 ? errno : 0);
    printf(", operation 9 %d\nactions:", syscall(SYS_seccomp, 9, 0, 0) < 0 ? errno : 0);
    for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++)
        printf(" %d", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]) < 0 ? errno : 0);
    puts("");
    static struct sock_filter big[4096];
    for (int i = 0; i < 4096; i++)
        big[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    int error;   /* the kernel counts instructions of its own form: how many fit is no fact to compare */
    while ((error = install_flags(0, 4096, big)) == 0)
        ;
    printf("when there is no room left: %d\n", error);
}

int main(int argc, char **argv)
{
    self = argv[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        printf("a program: %d %d, mode %d\n", call(SYS_getppid), call(SYS_getpgid), prctl(PR_GET_SECCOMP));
        return 0;
    }
    static const struct { const char *name; void (*fn)(void); } tests[] = {
        { "strict", strict }, { "strict, breach", strict_breach }, { "errno", errnos }, { "stacked", stacked }, { "trap", trap },
        { "kill process", kill_process }, { "unknown action", unknown_action }, { "kill thread", kill_thread },
        { "kill last thread", kill_last_thread },
        { "tsync", tsync }, { "tsync refused", tsync_refused }, { "inherited", inherited }, { "unprivileged", unprivileged },
        { "bad arguments", bad_arguments },
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        printf("%s: ends with %d\n", tests[i].name, in_child(tests[i].fn));
    return 0;
}
