/* ptrace of one translated program by another: stops, memory, events, signals.
 *
 * build: -O2 dynamic; -O2 static
 */
#include <elf.h>
#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long word = 1;
static volatile int seen;

static void note(int signo)
{
    seen = signo;
}

static void resume(int request, pid_t pid, int signo)
{
    if (ptrace(request, pid, NULL, (void *)(long)signo) < 0)
        printf("request %d: errno %d\n", request, errno);
}

static int next(pid_t pid, const char *what)
{
    int status = 0;

    if (waitpid(pid, &status, __WALL) != pid)
        printf("%s: wait errno %d\n", what, errno);
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %d, event %d\n", what, WSTOPSIG(status), status >> 16);
    else if (WIFEXITED(status))
        printf("%s: exited with %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: killed by %d\n", what, WTERMSIG(status));
    fflush(stdout);
    return status;
}

static pid_t child(int (*body)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(body());
    }
    next(pid, "start");
    return pid;
}

/* --- memory and registers */

static int plain(void)
{
    return word == 42 ? 3 : 4;
}

static void memory(void)
{
    pid_t pid = child(plain);
    char set[1024], again[1024];
    struct iovec v = { set, sizeof set }, w = { again, sizeof again };

    printf("peek %ld\n", ptrace(PTRACE_PEEKDATA, pid, &word, NULL));
    printf("poke %ld\n", ptrace(PTRACE_POKEDATA, pid, &word, 42));
    printf("peek %ld\n", ptrace(PTRACE_PEEKDATA, pid, &word, NULL));
    errno = 0;
    ptrace(PTRACE_PEEKDATA, pid, (void *)8, NULL);
    printf("wild peek: errno %d\n", errno);
    printf("registers %ld\n", ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v));
    printf("fp registers %ld\n", ptrace(PTRACE_GETREGSET, pid, NT_FPREGSET, &w));
    printf("set %ld\n", ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v));
    printf("unknown set %ld\n", ptrace(PTRACE_GETREGSET, pid, 0x999, &v));
    resume(PTRACE_CONT, pid, 0);
    next(pid, "memory");
}

/* --- system calls */

static int calls(void)
{
    for (int i = 0; i < 3; i++)
        syscall(SYS_getppid);
    return 5;
}

static void call_stops(void)
{
    pid_t pid = child(calls);
    int status, stops = 0, entries = 0, exits = 0, getppids = 0;

    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
    for (;;) {
        struct { unsigned char op, pad[3]; unsigned arch; unsigned long ip, sp, nr_or_rval, args[6]; } info;

        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
            break;
        stops += WSTOPSIG(status) == (SIGTRAP | 0x80);
        memset(&info, 0, sizeof info);
        ptrace(0x420e /* PTRACE_GET_SYSCALL_INFO */, pid, sizeof info, &info);
        entries += info.op == 1;
        exits += info.op == 2;
        getppids += info.op == 2 && (pid_t)info.nr_or_rval == getpid();
    }
    /* Returning from raise() comes first; the last entry has no exit. */
    printf("calls: %s, getppid %d, exited with %d\n", stops && entries == exits + 1 - (exits > entries) ? "paired" : "not paired",
           getppids, WEXITSTATUS(status));
}

/* --- signals */

static int signals(void)
{
    signal(SIGUSR1, note);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR1);
    int first = seen;
    seen = 0;
    raise(SIGUSR1);
    int second = seen;
    raise(SIGUSR2);
    raise(SIGTERM);
    return first == SIGUSR1 && second == 0 ? 6 : 7;
}

static void signal_stops(void)
{
    pid_t pid = child(signals);
    siginfo_t info;

    resume(PTRACE_CONT, pid, 0);
    next(pid, "handled");
    printf("siginfo %ld", ptrace(PTRACE_GETSIGINFO, pid, NULL, &info));
    printf(": %d code %d from itself %d\n", info.si_signo, info.si_code, info.si_pid == pid);
    resume(PTRACE_CONT, pid, SIGUSR1);
    next(pid, "handled");
    resume(PTRACE_CONT, pid, 0);        /* suppressed */
    next(pid, "ignored");
    resume(PTRACE_CONT, pid, SIGUSR2);
    next(pid, "deadly");
    resume(PTRACE_CONT, pid, 0);        /* suppressed */
    next(pid, "end");
}

static int crash(void)
{
    volatile int *volatile nowhere = (volatile int *)16;

    *nowhere = 1;
    return 1;
}

static void fault(void)
{
    pid_t pid = child(crash);
    siginfo_t info;

    resume(PTRACE_CONT, pid, 0);
    next(pid, "fault");
    ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
    printf("address %p code %d\n", info.si_addr, info.si_code);
    resume(PTRACE_CONT, pid, SIGSEGV);
    next(pid, "fault");
}

/* --- children */

static int forks(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(8);
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status) + 1;
}

static void events(void)
{
    pid_t pid = child(forks);
    unsigned long made = 0;

    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT);
    resume(PTRACE_CONT, pid, 0);
    next(pid, "fork");
    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &made);
    next((pid_t)made, "its child");
    resume(PTRACE_CONT, (pid_t)made, 0);
    resume(PTRACE_CONT, pid, 0);
    next((pid_t)made, "its child");
    resume(PTRACE_CONT, (pid_t)made, 0);
    next((pid_t)made, "its child");
    next(pid, "parent");
    resume(PTRACE_CONT, pid, SIGCHLD);
    next(pid, "parent");
    resume(PTRACE_CONT, pid, 0);
    next(pid, "parent");
}

static int executes(void)
{
    execl("/proc/self/exe", "ptrace", "again", NULL);
    return 1;
}

/* Under Landlock the translator has to execute itself in another way. */
static int executes_restricted(void)
{
    struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_REMOVE_DIR };
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_landlock_restrict_self, fd, 0);
    return executes();
}

static void execs(void)
{
    pid_t pid = child(executes_restricted);

    resume(PTRACE_CONT, pid, 0);
    next(pid, "exec, restricted");
    resume(PTRACE_CONT, pid, 0);
    next(pid, "exec, restricted");
    pid = child(executes);

    resume(PTRACE_CONT, pid, 0);
    next(pid, "exec");
    resume(PTRACE_CONT, pid, 0);
    next(pid, "exec");
    pid = child(executes);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXEC);
    resume(PTRACE_CONT, pid, 0);
    next(pid, "exec with its event");
    resume(PTRACE_CONT, pid, 0);
    next(pid, "exec with its event");
}

/* --- attaching to a process that is a moment old */

static void attach_early(int seize)
{
    int right = 0;

    word = 1;
    for (int i = 0; i < 10; i++) {
        int status = 0, stop = seize ? SIGTRAP | 128 << 8 : SIGSTOP;
        pid_t pid = fork();

        if (pid == 0)
            while (word == 1)
                ;
        if (pid == 0)
            _exit(9);
        ptrace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, pid, NULL, NULL);
        if (seize)
            ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
        int good = waitpid(pid, &status, 0) == pid && status == (0x7f | stop << 8);
        ptrace(PTRACE_POKEDATA, pid, &word, 2);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        right += good && waitpid(pid, &status, 0) == pid && status == 9 << 8;
    }
    printf("attached early: %d\n", right);
}

/* On one processor, where the child has not run yet. */
static void attach_at_once(void)
{
    cpu_set_t all, one;
    int cpu = 0;

    sched_getaffinity(0, sizeof all, &all);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    attach_early(0);
    attach_early(1);
    sched_setaffinity(0, sizeof all, &all);
}

/* --- attaching to a loop that makes no calls */

static void attach(void)
{
    word = 1;
    pid_t pid = fork();

    if (pid == 0)
        while (word == 1)
            ;
    if (pid == 0)
        _exit(9);
    usleep(20000);
    printf("attach %ld\n", ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    next(pid, "attached");
    printf("poke %ld\n", ptrace(PTRACE_POKEDATA, pid, &word, 2));
    printf("detach %ld\n", ptrace(PTRACE_DETACH, pid, NULL, NULL));
    next(pid, "detached");

    pid = fork();
    if (pid == 0)
        while (word == 1)
            ;
    if (pid == 0)
        _exit(10);
    usleep(20000);
    printf("seize %ld\n", ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    printf("interrupt %ld\n", ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
    next(pid, "interrupted");
    ptrace(PTRACE_POKEDATA, pid, &word, 2);
    resume(PTRACE_CONT, pid, 0);
    next(pid, "seized");
}

/* --- a program that is not translated */

static int sleeps(void)
{
    execl("/proc/self/cwd/../../../../../../../../bin/sleep", "sleep", "20", NULL);
    return 1;
}

static void native_attach(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(sleeps());
    usleep(100000);
    printf("attach %ld\n", ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    next(pid, "native, attached");
    resume(PTRACE_CONT, pid, 0);
    kill(pid, SIGUSR1);
    next(pid, "native, signalled");
    resume(PTRACE_DETACH, pid, 0);
    printf("seize %ld\n", ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    printf("interrupt %ld\n", ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
    next(pid, "native, interrupted");
    resume(PTRACE_DETACH, pid, 0);
    kill(pid, SIGTERM);
    next(pid, "native, detached");
}

static void native(void)
{
    pid_t pid = child(sleeps);

    resume(PTRACE_CONT, pid, 0);
    next(pid, "native exec");
    resume(PTRACE_CONT, pid, SIGTERM);
    next(pid, "native exec");
    pid = child(sleeps);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXEC);
    resume(PTRACE_CONT, pid, 0);
    next(pid, "native exec with its event");
    resume(PTRACE_CONT, pid, 0);
    kill(pid, SIGKILL);
    next(pid, "native exec with its event");
    native_attach();
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return strcmp(argv[1], "again") == 0 ? 11 : 12;
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(200);
    memory();
    call_stops();
    signal_stops();
    fault();
    events();
    execs();
    attach_at_once();
    attach();
    native();
    printf("nobody: %ld\n", ptrace(PTRACE_CONT, 1, NULL, NULL));
    return 0;
}
