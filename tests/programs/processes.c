/* fork, pipes, waiting, exit codes and death by signal as a parent sees them.
 * build: -O2 dynamic; -O0 static
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *what, int status)
{
    printf("%s exited %d code %d signaled %d signal %d\n", what, WIFEXITED(status),
           WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status),
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void die(int how)
{
    static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGABRT, SIGPIPE, SIGALRM,
                                   SIGUSR1, SIGHUP, 40 };
    if (how < 12) {
        kill(getpid(), signals[how]);
    } else if (how == 12) {
        *(volatile int *)8 = 1;
    } else if (how == 13) {
        abort();
    } else if (how == 14) {
#ifdef __riscv
        __asm__ volatile(".half 0");
#elif defined __aarch64__
        __asm__ volatile(".inst 0");
#else
        __asm__ volatile("ud2");
#endif
    }
    _exit(how == 15 ? 255 : 99);
}

int main(void)
{
    int status, to[2], from[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < 17; i++) {
        pid_t child = fork();
        if (child == 0) {
            die(i);
        }
        waitpid(child, &status, 0);
        char name[16];
        snprintf(name, sizeof name, "child %d", i);
        report(name, status);
    }
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int private = 1;
    if (pipe(to) || pipe(from)) {
        return 1;
    }
    pid_t child = fork();
    if (child == 0) {
        char line[64];
        close(to[1]);
        close(from[0]);
        ssize_t n;
        while ((n = read(to[0], line, sizeof line)) > 0) {
            for (ssize_t i = 0; i < n; i++) {
                line[i] ^= 32;
            }
            if (write(from[1], line, (size_t)n) != n) {
                _exit(1);
            }
        }
        *shared = private = 77;
        _exit(3);
    }
    close(to[0]);
    close(from[1]);
    if (write(to[1], "HELLO child", 11) != 11) {
        return 1;
    }
    close(to[1]);
    char answer[64] = { 0 };
    ssize_t got = 0, n;
    while ((n = read(from[0], answer + got, sizeof answer - 1 - (size_t)got)) > 0) {
        got += n;
    }
    waitpid(child, &status, 0);
    printf("%s %d %d\n", answer, *shared, private);
    report("pipe", status);
    for (int i = 0; i < 20; i++) {
        if (fork() == 0) {
            _exit(i);
        }
    }
    int sum = 0, children = 0;
    while (wait(&status) > 0) {
        sum += WEXITSTATUS(status);
        children++;
    }
    printf("%d children, sum %d, ECHILD %d\n", children, sum, errno == ECHILD);
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(7);
    }
    waitpid(child, &status, WUNTRACED);
    printf("stopped %d\n", WIFSTOPPED(status));
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
    report("continued", status);
    return 0;
}
