/* Processes and threads where emulators break: spawn, clone with shared memory, exec of everything, hidden descriptors, robust
 * mutexes, fork from threads.
 * build: -O2 dynamic; -O1 static
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *self;

static int status_of(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void spawn(void)
{
    pid_t pid;
    char *argv[] = { (char *)self, "exit", "7", NULL }, *none[] = { "nothing", NULL };
    int error = posix_spawn(&pid, self, NULL, NULL, argv, environ);
    printf("posix_spawn: %d exit %d\n", error, status_of(pid));
    printf("posix_spawn of nothing: %d\n", posix_spawn(&pid, "/nonexistent/program", NULL, NULL, none, environ) == ENOENT);
    printf("posix_spawn of a folder: %d\n", posix_spawn(&pid, "/tmp", NULL, NULL, none, environ) == EACCES);
    volatile int shared = 1;
    pid = vfork();
    if (pid == 0) {
        shared = 2;
        _exit(3);
    }
    printf("vfork: shared %d exit %d\n", shared, status_of(pid));
}

static volatile int cell;
static int child(void *arg)
{
    cell = (int)(intptr_t)arg;
    return 9;
}

static void shared_memory(void)
{
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid = clone(child, stack + 65536, CLONE_VM | SIGCHLD, (void *)5);
    int s = status_of(pid);
    printf("CLONE_VM: exit %d cell %d\n", s, cell);
    int pidfd = -1;
    pid = clone(child, stack + 65536, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, (void *)6, &pidfd);
    siginfo_t info = { 0 };
    int r = waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED);
    printf("CLONE_PIDFD: %d %d cell %d\n", r, info.si_status, cell);
    struct clone_args args = { .exit_signal = SIGCHLD };
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(11);
    printf("clone3: %d\n", status_of(pid));
    args.flags = CLONE_THREAD;
    printf("clone3 with bad flags: %ld", syscall(SYS_clone3, &args, sizeof args));
    printf(" %d\n", errno == EINVAL);
}

static int run(int (*start)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        start();
        _exit(errno == ENOENT ? 120 : errno == ENOEXEC ? 121 : errno == EACCES ? 122 : errno == ELOOP ? 123 : errno == E2BIG ? 124 : 125);
    }
    return status_of(pid);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    if (write(fd, text, strlen(text)) < 0)
        exit(1);
    fchmod(fd, mode);
    close(fd);
}

static char folder[] = "/tmp/hard-XXXXXX";

static int exec_memfd(void)
{
    int from = open(self, O_RDONLY), to = memfd_create("copy", MFD_CLOEXEC);
    char buffer[65536];
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
        if (write(to, buffer, (size_t)n) != n)
            return 1;
    char *argv[] = { "memfd", "exit", "21", NULL };
    return fexecve(to, argv, environ);
}

static int exec_o_path(void)
{
    int fd = open(self, O_PATH | O_CLOEXEC);
    char *argv[] = { "path", "exit", "22", NULL };
    return (int)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}

static int exec_closed_stdin(void)
{
    close(0);
    return execl(self, "closed", "exit", "23", NULL);
}

static int exec_script(void)
{
    return execl("./script", "script", "25", NULL);
}

static int exec_chain(void)
{
    return execl("./chain", "chain", "26", NULL);
}

static int exec_native(void)
{
    return execl("/proc/self/cwd/../../bin/true", "true", NULL);
}

static int exec_empty(void)
{
    char *none[] = { NULL };
    return execve(self, none, environ);
}

static int exec_text(void) { return execl("./text", "text", NULL); }
static int exec_unexecutable(void) { return execl("./closed", "closed", NULL); }
static int exec_nothing(void) { return execl("./nothing", "nothing", NULL); }
static int exec_loop(void) { return execl("./loop", "loop", NULL); }

static int exec_long(void)
{
    static char big[100000];
    memset(big, 'x', sizeof big - 1);
    return execl(self, "long", "lengths", big, big, big, NULL);
}

static int exec_too_long(void)
{
    static char big[200000];
    memset(big, 'x', sizeof big - 1);
    return execl(self, "long", "lengths", big, NULL);
}

static void execs(void)
{
    char text[4500];
    if (!mkdtemp(folder) || chdir(folder))
        exit(1);
    snprintf(text, sizeof text, "#!%s exit\n", self);
    write_file("script", text, 0755);
    snprintf(text, sizeof text, "#!%s/script\n", folder);
    write_file("chain", text, 0755);
    snprintf(text, sizeof text, "#!%s/loop\n", folder);
    write_file("loop", text, 0755);
    write_file("text", "just text\n", 0755);
    write_file("closed", "#!/bin/sh\n", 0644);
    printf("memfd %d O_PATH %d closed stdin %d\n", run(exec_memfd), run(exec_o_path), run(exec_closed_stdin));
    printf("script %d chain %d loop %d\n", run(exec_script), run(exec_chain), run(exec_loop));
    printf("native %d empty argv %d\n", run(exec_native), run(exec_empty));
    printf("text %d unexecutable %d nothing %d\n", run(exec_text), run(exec_unexecutable), run(exec_nothing));
    printf("long %d too long %d\n", run(exec_long), run(exec_too_long));
    if (chdir("/"))
        exit(1);
}

static void descriptors(void)
{
    int open_before = 0;
    for (int fd = 0; fd < 1024; fd++)
        open_before += fcntl(fd, F_GETFD) >= 0;
    DIR *dir = opendir("/proc/self/fd");
    int listed = 0;
    while (readdir(dir))
        listed++;
    closedir(dir);
    printf("listed as many as open: %d\n", listed - 2 == open_before + 1);
    for (int fd = 3; fd < 1100; fd++)
        close(fd);
    printf("close_range %d\n", close_range(3, ~0u, 0));
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, "exit", "31", NULL);
        _exit(1);
    }
    printf("exec after closing all: %d\n", status_of(pid));
}

static pthread_mutex_t *robust;
static void *die_with_lock(void *arg)
{
    pthread_mutex_lock(robust);
    return arg;
}

static void robust_mutexes(void)
{
    robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attr);
    pthread_t thread;
    pthread_create(&thread, NULL, die_with_lock, NULL);
    pthread_join(thread, NULL);
    printf("robust after a thread: %d\n", pthread_mutex_lock(robust) == EOWNERDEAD);
    pthread_mutex_consistent(robust);
    pthread_mutex_unlock(robust);
    for (int way = 0; way < 3; way++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_mutex_lock(robust);
            if (way == 0)
                _exit(0);
            if (way == 1)
                raise(SIGKILL);
            syscall(SYS_exit, 0);
        }
        status_of(pid);
        printf("robust after a process: %d\n", pthread_mutex_lock(robust) == EOWNERDEAD);
        pthread_mutex_consistent(robust);
        pthread_mutex_unlock(robust);
    }
}

static volatile int stop;
static void *busy(void *arg)
{
    volatile long n = 0;
    while (!stop) {
        n++;
        free(malloc((size_t)(n & 1023)));
    }
    return arg;
}

static void *none(void *arg)
{
    return arg;
}

static void fork_from_threads(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, busy, NULL);
    int good = 0;
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t;
            free(malloc(1000));
            if (pthread_create(&t, NULL, none, NULL) || pthread_join(t, NULL))
                _exit(1);
            _exit(5);
        }
        good += status_of(pid) == 5;
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("forks from threads: %d\n", good);
    for (int i = 0; i < 2000; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, none, NULL) || pthread_join(t, NULL))
            printf("thread %d failed\n", i);
    }
    printf("threads in sequence\n");
}

/* The first thread ends; another goes on and ends the process. */
static void *outlive(void *arg)
{
    usleep(20000);
    _exit((int)(intptr_t)arg);
}

static void last_thread(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, outlive, (void *)(intptr_t)44);
        syscall(SYS_exit, 3);
    }
    printf("outlived: %d\n", status_of(pid));
    pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, none, NULL);
        pthread_join(t, NULL);
        pthread_exit(NULL);
    }
    printf("pthread_exit of main: %d\n", status_of(pid));
}

int main(int argc, char **argv)
{
    static char path[4096];
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 1 && (!argv[0] || !argv[0][0]))
        return 24;
    if (argc > 2 && strcmp(argv[1], "exit") == 0)
        return atoi(argv[argc - 1]);
    if (argc > 2 && strcmp(argv[1], "lengths") == 0)
        return argc == 5 && strlen(argv[4]) == 99999 ? 27 : 1;
    if (!realpath("/proc/self/exe", path))
        return 1;
    self = path;
    spawn();
    shared_memory();
    execs();
    robust_mutexes();
    fork_from_threads();
    last_thread();
    descriptors();
    return 0;
}
