/* fork with clone flags that libc's fork() does not have, while other threads open files under /proc for which a translator needs memory of its
 * own: the child opens one, too, and forks again. All from one pool of malloc's, so that its lock is often held.
 * build: -O2 dynamic; -O1 static
 * quick: no
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, TIMES = 30 };
static volatile int stop;
static volatile sig_atomic_t sent;

static int read_file(const char *name)
{
    char text[512];
    int fd = open(name, O_RDONLY), n = fd < 0 ? -1 : (int)read(fd, text, sizeof text);
    close(fd);
    return n > 0;
}

static void *busy(void *arg)
{
    while (!stop) {
        read_file("/proc/self/maps");
        read_file("/proc/self/status");
    }
    return arg;
}

static void note(int number)
{
    sent += number;
}

static long raw_clone(unsigned long flags, int *parent_tid, int *child_tid)
{
#ifdef __x86_64__
    return syscall(SYS_clone, flags, 0L, parent_tid, child_tid, 0L);
#else
    return syscall(SYS_clone, flags, 0L, parent_tid, 0L, child_tid);
#endif
}

/* libc does not know of this process, so system calls only. */
static void child(volatile int *tid)
{
    int ok = read_file("/proc/self/maps") + read_file("/proc/self/status") * 2;
    void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok += (p != MAP_FAILED && mprotect(p, 65536, PROT_READ | PROT_EXEC) == 0) * 4;
    ok += (*tid == syscall(SYS_gettid)) * 8;
    ok += (syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0 && sent == SIGUSR1) * 16;
    pid_t again = (pid_t)raw_clone(CLONE_FS | SIGCHLD, NULL, NULL);
    if (again == 0)
        syscall(SYS_exit_group, read_file("/proc/self/maps") ? 5 : 6);
    int status = 0;
    waitpid(again, &status, 0);
    ok += (status == 0x500) * 32;
    syscall(SYS_exit_group, ok);
}

static void many(const char *name, unsigned long flags)
{
    int right = 0, other = 0;
    for (int i = 0; i < TIMES; i++) {
        int parent_tid = 0, child_tid = 0, status = 0;
        long pid = raw_clone(flags | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, &parent_tid, &child_tid);
        if (pid == 0)
            child(&child_tid);
        if (pid < 0) {
            printf("%s: errno %d\n", name, errno);
            return;
        }
        if (parent_tid == pid && waitpid((pid_t)pid, &status, __WALL) == pid && status == 63 << 8)
            right++;
        else
            other = status;
    }
    printf("%s: %d of %d right, another status %#x\n", name, right, TIMES, other);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    if (argc == 1) {
        setenv("MALLOC_ARENA_MAX", "1", 1);
        execl(argv[0], argv[0], "again", NULL);
        return 1;
    }
    signal(SIGUSR1, note);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, busy, NULL);
    many("plain", SIGCHLD);
    many("CLONE_FS", CLONE_FS | SIGCHLD);
    many("CLONE_FILES", CLONE_FILES | SIGCHLD);
    many("no signal", 0);
    many("another signal", SIGCONT);
    many("bad", CLONE_SIGHAND | SIGCHLD);
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    signal(SIGSYS, note);
    raise(SIGSYS);
    printf("SIGSYS is the program's: %d\n", (int)sent == SIGSYS);
    return 0;
}
