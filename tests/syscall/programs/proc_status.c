/* /proc/self/status tells of the guest's signals and seccomp: sets of each thread, of a child, before and after a filter.
 * build: -O2 dynamic; -O1 static
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *path)
{
    char line[200];
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "ShdPnd", 6) == 0 || strncmp(line, "Seccomp", 7) == 0 ||
            strncmp(line, "TracerPid", 9) == 0)
            fputs(strncmp(line, "SigQ", 4) ? line : "", stdout);
    if (f)
        fclose(f);
}

static void handler(int number)
{
    (void)number;
}

static void block(int first, int second)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    sigaddset(&set, second);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static pthread_barrier_t started;   /* pthread_create() blocks signals for a moment */

static void *thread(void *arg)
{
    char path[64];
    pthread_barrier_wait(&started);
    block(SIGILL, SIGWINCH);
    pthread_kill(pthread_self(), SIGILL);
    puts("thread-self");
    show("/proc/thread-self/status");
    snprintf(path, sizeof path, "/proc/self/task/%ld/status", syscall(SYS_gettid));
    puts("the thread by its number");
    show(path);
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", getpid(), getpid());
    puts("the first thread by its number");
    show(path);
    puts("the process");
    show("/proc/self/status");
    return arg;
}

int main(void)
{
    static const struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog fprog = { 1, (struct sock_filter *)allow };
    char name[64];
    pthread_t t;
    int status;

    puts("at first");
    show("/proc/self/status");
    signal(SIGSEGV, handler);
    signal(SIGFPE, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGUSR1, handler);
    signal(SIGRTMAX, handler);
    block(SIGBUS, SIGUSR2);
    raise(SIGBUS);
    kill(getpid(), SIGUSR2);
    puts("with handlers");
    show("/proc/self/status");
    pthread_barrier_init(&started, NULL, 2);
    pthread_create(&t, NULL, thread, NULL);
    pthread_barrier_wait(&started);
    pthread_join(t, NULL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int i = 0; i < 2; i++) {
        printf("filter %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog));
        snprintf(name, sizeof name, "/proc/%d/status", getpid());
        show(name);
    }
    fflush(stdout);
    if (fork() == 0) {
        puts("child");
        show("/proc/self/status");
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    printf("status %x\n", status);
    return 0;
}
