/* exec from a thread that is not the first, while others run, wait and exit: the new program has the process's pid, one thread,
 * no handlers, and the parent sees its exit status. Twice in a row, and from vfork's children of threads: twenty after another,
 * and the first ones of a process at once.
 * build: -O2 dynamic; -O1 static
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char path[4096];

static void *busy(void *arg)
{
    volatile long n = 0;
    for (;;) {
        n++;
        if ((long)arg % 2)
            usleep(100);
    }
    return NULL;
}

static void *execute(void *arg)
{
    char pid[20];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    usleep(2000);
    execl(path, arg, "new", pid, NULL);
    _exit(99);
}

static void *spawn_in_thread(void *arg)
{
    char *argv[] = { path, "exit", NULL };
    for (int i = 0; i < 20; i++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, path, NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 12)
            __atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static pthread_barrier_t together;

static void *first_spawn(void *arg)
{
    char *argv[] = { path, "exit", NULL };
    pid_t pid;
    int status;
    pthread_barrier_wait(&together);
    if (posix_spawn(&pid, path, NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 12)
        *(int *)arg = 1;
    return NULL;
}

/* In a process of its own: its first children, of four threads. Exit status: how many went wrong. */
static void first_spawns(void)
{
    pthread_t t[4];
    int bad[4] = { 0 };
    pthread_barrier_init(&together, NULL, 4);
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, first_spawn, &bad[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    _exit(bad[0] + bad[1] + bad[2] + bad[3]);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1 && strcmp(argv[1], "exit") == 0)
        return 12;
    if (argc > 2) {
        int tasks = 0;
        DIR *d = opendir("/proc/self/task");
        while (readdir(d))
            tasks++;
        closedir(d);
        struct sigaction old;
        sigset_t mask;
        sigaction(SIGUSR1, NULL, &old);
        sigprocmask(SIG_BLOCK, NULL, &mask);
        printf("new: argv[0] %s, pid same %d, first thread %d, tasks %d, handler gone %d, mask kept %d\n", argv[0],
               atoi(argv[2]) == getpid(), getpid() == (pid_t)syscall(SYS_gettid), tasks - 2, old.sa_handler == SIG_DFL,
               sigismember(&mask, SIGUSR2));
        return 42;
    }
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        return 1;
    int bad = 0;
    for (int round = 0; round < 20; round++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            first_spawns();
        bad += waitpid(pid, &status, 0) != pid || status != 0;
    }
    printf("first spawns at once: %d\n", bad);
    for (int round = 0; round < 5; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t;
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR2);
            sigprocmask(SIG_BLOCK, &set, NULL);
            signal(SIGUSR1, (void (*)(int))(void *)busy);
            for (long i = 0; i < 4; i++)
                pthread_create(&t, NULL, busy, (void *)i);
            pthread_create(&t, NULL, execute, (void *)"another-name");
            pthread_join(t, NULL);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    pthread_t t[3];
    bad = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, spawn_in_thread, &bad);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    printf("spawns from threads: %d\n", bad);
    return 0;
}
