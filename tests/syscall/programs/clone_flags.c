/* clone3's flags: namespaces, pid descriptors, chosen pids, cgroups, cleared handlers; unshare and setns.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(long pid)
{
    int status = -1;
    waitpid((pid_t)pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* A child made with these arguments runs fn: its exit status, or -errno of clone3. */
static int run(struct clone_args *args, int (*fn)(void))
{
    args->exit_signal = SIGCHLD;
    fflush(stdout);
    long pid = syscall(SYS_clone3, args, sizeof *args);
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(fn());
    return wait_for(pid);
}

static int one(void)
{
    return 1;
}

static int pid_one(void)
{
    return getpid() == 1 ? 10 : 11;
}

static int other_host_name(void)
{
    struct utsname u;
    if (sethostname("other", 5) < 0 || uname(&u) < 0)
        return 100 + errno;
    return strcmp(u.nodename, "other") == 0 ? 12 : 13;
}

static int root_inside(void)
{
    return (int)(getuid() & 127);   /* 65534 without a map */
}

static void namespaces(void)
{
    static const struct { const char *name; uint64_t flags; int (*fn)(void); } rows[] = {
        { "NEWUSER", CLONE_NEWUSER, root_inside }, { "NEWUSER|NEWPID", CLONE_NEWUSER | CLONE_NEWPID, pid_one },
        { "NEWUSER|NEWUTS", CLONE_NEWUSER | CLONE_NEWUTS, other_host_name },
        { "NEWUSER|NEWNS|NEWIPC|NEWNET|NEWCGROUP", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP, one },
        { "NEWUSER|NEWTIME", CLONE_NEWUSER | CLONE_NEWTIME, one }, { "NEWUSER|FS", CLONE_NEWUSER | CLONE_FS, one },
        { "NEWNS|FS", CLONE_NEWNS | CLONE_FS, one }, { "NEWUTS|VFORK", CLONE_NEWUTS | CLONE_VFORK, other_host_name },
        { "NEWPID|THREAD", CLONE_NEWPID | CLONE_THREAD, one },
        { "unknown", 1ull << 40, one },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct clone_args args = { .flags = rows[i].flags };
        printf("%s: %d\n", rows[i].name, run(&args, rows[i].fn));
    }
}

static void pid_descriptors(void)
{
    int fd = -1;
    struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD };
    fflush(stdout);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        for (;;)
            pause();
    siginfo_t si;
    printf("pidfd %d close-on-exec %d", fd > 2, fcntl(fd, F_GETFD));
    printf(", signal %ld", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    printf(", wait %d", waitid(3 /* P_PIDFD */, (id_t)fd, &si, WEXITED));
    printf(" code %d status %d pid %d\n", si.si_code, si.si_status, si.si_pid == pid);
    close(fd);
}

static int pid_is_77(void)
{
    return getpid() == 77 ? 14 : 15;
}

/* In a child, since unshare(CLONE_NEWPID) changes what forks of this process are. */
static void chosen_pid(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t wanted = 1;
        struct clone_args args = { .set_tid = (uintptr_t)&wanted, .set_tid_size = 1 };
        if (unshare(CLONE_NEWPID) < 0) {
            printf("unshare: %d\n", errno);
            exit(0);
        }
        printf("pid 1: %d\n", run(&args, pid_one));
        exit(0);
    }
    wait_for(pid);
    pid_t wanted[2] = { 77, 0 };
    struct clone_args args = { .flags = CLONE_NEWPID, .set_tid = (uintptr_t)wanted, .set_tid_size = 1 };
    printf("77 in a new namespace: %d\n", run(&args, pid_is_77));
    args = (struct clone_args){ .set_tid = (uintptr_t)wanted, .set_tid_size = 40 };
    printf("too many: %d\n", run(&args, one));
    args = (struct clone_args){ .set_tid = 8, .set_tid_size = 1 };
    printf("from nowhere: %d\n", run(&args, one));
}

static void nothing(int signo)
{
    (void)signo;
}

static int default_again(void)
{
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    int was = sa.sa_handler == SIG_DFL;
    sigaction(SIGUSR2, NULL, &sa);
    return 2 * was + (sa.sa_handler == SIG_IGN);
}

static void cleared_handlers(void)
{
    signal(SIGUSR1, nothing);
    signal(SIGUSR2, SIG_IGN);
    struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND };
    printf("CLEAR_SIGHAND: %d", run(&args, default_again));
    args.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM;
    printf(" %d\n", run(&args, default_again));
}

static void control_group(void)
{
    char path[] = "/sys/fs/cgroup/dragoman-test", line[256] = "";
    rmdir(path);
    if (mkdir(path, 0755) < 0) {
        printf("no control groups\n");
        return;
    }
    int fd = open(path, O_PATH | O_DIRECTORY);
    struct clone_args args = { .flags = CLONE_INTO_CGROUP, .cgroup = (uint64_t)fd, .exit_signal = SIGCHLD };
    fflush(stdout);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    int error = errno;
    if (pid == 0) {
        FILE *f = fopen("/proc/self/cgroup", "r");
        while (f && fgets(line, sizeof line, f))
            if (strstr(line, "dragoman-test"))
                _exit(16);
        _exit(17);
    }
    printf("INTO_CGROUP: %d\n", pid < 0 ? -error : wait_for(pid));
    rmdir(path);
    args.cgroup = 999;
    printf("into nothing: %d\n", run(&args, one));
}

/* A child that keeps a host name of its own alive, and a second that enters there. */
static void enter(void)
{
    int ready[2];
    char c;
    if (pipe(ready) < 0)
        return;
    fflush(stdout);
    pid_t keeper = fork();
    if (keeper == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWUTS) < 0 || sethostname("kept", 4) < 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &c, 1) == 1) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            struct utsname u;
            int fd = (int)syscall(SYS_pidfd_open, keeper, 0);
            printf("setns: %d", setns(fd, CLONE_NEWUSER | CLONE_NEWUTS) < 0 ? errno : 0);
            uname(&u);
            printf(" %s, again %d\n", strcmp(u.nodename, "kept") == 0 ? "kept" : "another", setns(fd, CLONE_NEWUSER) < 0 ? errno : 0);
            exit(0);
        }
        wait_for(pid);
    }
    kill(keeper, SIGKILL);
    wait_for(keeper);
}

int main(void)
{
    namespaces();
    pid_descriptors();
    chosen_pid();
    cleared_handlers();
    control_group();
    enter();
    return 0;
}
