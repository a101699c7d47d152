/* Makes COUNT processes, four at a time, of every kind there is: forked ones, vfork's and posix_spawn's children that execute this program
 * again, and native ones. All do a bit of everything. Says "at N" now and then and waits for a line, so that somebody can look at
 * this process from outside; "done" comes when no child is left.
 *
 *     soak COUNT STEP        a line after each STEP children
 *     soak child N           one of the children
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 4, KINDS = 5, SIZE = 1 << 20 };

extern char **environ;
static char *self;
static volatile sig_atomic_t signals;

static void note(int number)
{
    signals += number;
}

static void *thread(void *arg)
{
    char *blocks[50];
    for (int i = 0; i < 50; i++) {
        blocks[i] = malloc((size_t)(i + 1) * 1000);
        memset(blocks[i], i, (size_t)(i + 1) * 1000);
    }
    for (int i = 0; i < 50; i++)
        free(blocks[i]);
    return arg;
}

/* A bit of everything. */
static int work(int n)
{
    char name[] = "soak-XXXXXX";
    pthread_t threads[2];
    int p[2], wrong = 0;
    for (int i = 0; i < 2; i++)
        wrong += pthread_create(&threads[i], NULL, thread, NULL) != 0;
    char *m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(m, n, SIZE);
    wrong += mprotect(m, SIZE / 2, PROT_READ | PROT_EXEC) != 0;
    int fd = mkstemp(name);
    wrong += fd < 0 || write(fd, m, 5000) != 5000 || unlink(name) != 0 || close(fd) != 0;
    wrong += munmap(m, SIZE) != 0;
    wrong += pipe(p) != 0 || write(p[1], "x", 1) != 1 || close(p[0]) != 0 || close(p[1]) != 0;
    FILE *f = fopen("/proc/self/maps", "r");
    wrong += !f || fgetc(f) < 0 || fclose(f) != 0;
    signal(SIGUSR1, note);
    raise(SIGUSR1);
    for (int i = 0; i < 2; i++)
        wrong += pthread_join(threads[i], NULL) != 0;
    return wrong;
}

static int forked(int n)
{
    return work(n) ? 99 : n % 50;
}

/* Starts child `n`; its exit status will be n % 50. */
static pid_t start(int n)
{
    char number[12];
    snprintf(number, sizeof number, "%d", n);
    char command[20];
    snprintf(command, sizeof command, "exit %d", n % 50);
    char *again[] = { self, "child", number, NULL }, *native[] = { "sh", "-c", command, NULL };
    pid_t pid = -1;
    switch (n % KINDS) {
    case 0:
        if ((pid = fork()) == 0)
            _exit(forked(n));
        return pid;
    case 1:
        if ((pid = vfork()) == 0) {
            execv(self, again);
            _exit(98);
        }
        return pid;
    case 2:
        if ((pid = fork()) == 0) {
            execv(self, again);
            _exit(98);
        }
        return pid;
    case 3:
        return posix_spawn(&pid, self, NULL, NULL, again, environ) ? -1 : pid;
    default:
        return posix_spawn(&pid, "/bin/sh", NULL, NULL, native, environ) ? -1 : pid;
    }
}

static int failures, expected[AT_ONCE];
static pid_t children[AT_ONCE];

static void wait_one(void)
{
    int status, slot = 0;
    pid_t pid = waitpid(-1, &status, 0);
    while (slot < AT_ONCE && children[slot] != pid)
        slot++;
    if (slot == AT_ONCE || !WIFEXITED(status) || WEXITSTATUS(status) != expected[slot]) {
        printf("child %d: status %#x\n", pid, status);
        failures++;
    }
    if (slot < AT_ONCE)
        children[slot] = 0;
}

static void stop_at(const char *what, int n)
{
    char line[16];
    printf("%s %d\n", what, n);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        exit(3);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 2 && strcmp(argv[1], "child") == 0)
        return forked(atoi(argv[2]));
    if (argc < 3)
        return 2;
    int count = atoi(argv[1]), step = atoi(argv[2]);
    for (int n = 0, alive = 0; n < count || alive; ) {
        if (n < count && alive < AT_ONCE) {
            int slot = 0;
            while (children[slot])
                slot++;
            expected[slot] = n % 50;
            children[slot] = start(n);
            if (children[slot] < 0) {
                perror("start");
                return 4;
            }
            alive++;
            failures += work(n) != 0;
            if (++n % step == 0) {
                for (; alive; alive--)
                    wait_one();
                stop_at("at", n);
            }
            continue;
        }
        wait_one();
        alive--;
    }
    printf("done, %d failures\n", failures);
    return failures != 0;
}
