/* fork while other threads write code, run it, allocate, map and unmap: each child finds whole locks, runs the code that it
 * inherited, writes new code, starts a thread. 60 times; the argument is another number (10000 in a long run).
 * build: -O2 dynamic; -O1 static
 * quick: no
 */
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

#include "write_code.h"

typedef int function(void);
enum { THREADS = 3, FUNCTIONS = 64 };
static volatile int stop;

static void put(char *at, int value)
{
    write_return(at, value);
    __builtin___clear_cache(at, at + 8);
}

static char *code_page(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int run_all(char *page, int base)
{
    int wrong = 0;
    for (int i = 0; i < FUNCTIONS; i++)
        put(page + 8 * i, base + i);
    for (int i = 0; i < FUNCTIONS; i++)
        wrong += ((function *)(void *)(page + 8 * i))() != base + i;
    return wrong;
}

static void *busy(void *arg)
{
    long wrong = 0;
    for (int n = 0; !stop; n++) {
        char *page = code_page();
        free(malloc((size_t)(n & 4095)));
        wrong += run_all(page, n & 1023);
        munmap(page, 4096);
    }
    *(long *)arg = wrong;
    return NULL;
}

static void *inherited;

static void *in_child(void *arg)
{
    return (void *)(intptr_t)((function *)arg)();
}

/* With plain fork, and with clone flags that libc's fork does not know. */
static pid_t fork_somehow(int way)
{
    if (way % 4 != 3)
        return fork();
    return (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWUTS * (geteuid() == 0 && way % 8 == 7), 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
    int forks = argc > 1 ? atoi(argv[1]) : 60, good = 0;
    pthread_t threads[THREADS];
    long wrong[THREADS];
    char *page = code_page();
    put(page, 77);
    inherited = page;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, busy, &wrong[i]);
    for (int i = 0; i < forks; i++) {
        pid_t pid = fork_somehow(i);
        if (pid == 0) {
            pthread_t t;
            void *result;
            if (i % 4 == 3)      /* libc does not know of this fork */
                _exit(((function *)inherited)() + run_all(code_page(), 5));
            free(malloc(100000));
            if (run_all(code_page(), 5) || pthread_create(&t, NULL, in_child, inherited) || pthread_join(t, &result))
                _exit(1);
            _exit((int)(intptr_t)result);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 77;
    }
    stop = 1;
    long all = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        all += wrong[i];
    }
    printf("forks: %s, wrong code %ld\n", good == forks ? "all" : "some failed", all);
    return 0;
}
