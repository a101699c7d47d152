/* /proc/PID/maps of another process is what that process sees itself: protections, code among them; also while its threads map and unmap.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };
static char mine[400000], theirs[400000];

static size_t read_all(const char *path, char *to)
{
    int fd = open(path, O_RDONLY);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, to + n, sizeof mine - 1 - n)) > 0)
        n += (size_t)got;
    to[n] = 0;
    close(fd);
    return n;
}

static char *map(size_t pages, int prot, int flags)
{
    return mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static char *kinds[7];

static void map_kinds(void)
{
    kinds[0] = map(4, PROT_READ | PROT_EXEC, MAP_PRIVATE);
    kinds[1] = map(4, PROT_EXEC, MAP_SHARED);
    kinds[2] = map(4, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);
    kinds[3] = map(4, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
    kinds[4] = map(4, PROT_READ, MAP_SHARED);
    kinds[5] = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    mprotect(kinds[0] + PAGE, PAGE, PROT_READ);
    mprotect(kinds[5] + PAGE, 2 * PAGE, PROT_READ | PROT_EXEC);
    sbrk(PAGE);
    kinds[6] = (char *)sbrk(0) - 1;
}

/* The line of `text` that holds `at`. */
static void show_line(const char *what, const char *text, const char *at)
{
    unsigned long start, end;
    char perms[5], name[100];
    int found = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        name[0] = 0;
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s%*[ ]%99[^\n]", &start, &end, perms, name) >= 3 &&
            (unsigned long)at >= start && (unsigned long)at < end)
            found = printf("%s: %s %s\n", what, perms, name[0] == '[' ? name : "");
    }
    if (!found)
        printf("%s: not there\n", what);
}

static void *map_and_unmap(void *arg)
{
    for (;;) {
        char *m = map(20, PROT_READ | PROT_WRITE, MAP_PRIVATE);
        for (int i = 0; i < 20; i += 2)
            mprotect(m + i * PAGE, PAGE, PROT_READ | PROT_EXEC);
        munmap(m, 20 * PAGE);
    }
    return arg;
}

static int in_order(const char *text)
{
    unsigned long start, end, last = 0;
    int ok = 1;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (sscanf(line, "%lx-%lx", &start, &end) == 2) {
            ok &= start >= last && start < end;
            last = end;
        }
    return ok;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static const char *mostly(int of_fifty)
{
    return of_fifty >= 45 ? "mostly" : "seldom";
}

static void busy(void)
{
    char path[40];
    int ordered = 0, code = 0, stacks = 0;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        for (int i = 0; i < 2; i++)
            pthread_create(&t, NULL, map_and_unmap, NULL);
        for (;;)
            pause();
    }
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    for (int i = 0; i < 50; i++) {
        read_all(path, theirs);
        ordered += in_order(theirs);
        code += count(theirs, "r-xp") > 0;
        stacks += count(theirs, "[stack]") == 1;
    }
    /* The kernel's own list is made in pieces, and not always in order either. */
    printf("busy: in order %s, with code %s, with one stack %s\n", mostly(ordered), mostly(code), mostly(stacks));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    int to[2], from[2];
    char path[40], byte = 0, stack;
    static const char *const names[] = { "r-x", "--x shared", "---", "rwx", "r-- shared", "rw-" };
    setvbuf(stdout, NULL, _IONBF, 0);
    if (pipe(to) || pipe(from))
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        map_kinds();
        if (write(from[1], kinds, sizeof kinds) != sizeof kinds || read(to[0], &byte, 1) != 1)
            _exit(1);
        size_t n = read_all("/proc/self/maps", mine);
        if (write(from[1], &n, sizeof n) != sizeof n || write(from[1], mine, n) != (ssize_t)n)
            _exit(1);
        pause();
    }
    if (read(from[0], kinds, sizeof kinds) != sizeof kinds)
        return 1;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    read_all(path, theirs);
    for (int i = 0; i < 6; i++)
        show_line(names[i], theirs, kinds[i]);
    show_line("second page of the first", theirs, kinds[0] + PAGE);
    show_line("second page of the last", theirs, kinds[5] + PAGE);
    show_line("main", theirs, (char *)(unsigned long)main);
    show_line("stack", theirs, &stack);
    show_line("heap", theirs, kinds[6]);
    snprintf(path, sizeof path, "/proc/%d/task/%d/smaps", pid, pid);
    read_all(path, theirs);
    show_line("smaps: rwx", theirs, kinds[3]);
    printf("sizes %d\n", count(theirs, "\nSize:") == count(theirs, "\nRss:") && count(theirs, "\nSize:") > 10);
    size_t n = 0, got = 0;
    if (write(to[1], &byte, 1) != 1 || read(from[0], &n, sizeof n) != sizeof n)
        return 1;
    for (ssize_t r; got < n && (r = read(from[0], mine + got, n - got)) > 0; got += (size_t)r)
        ;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    read_all(path, theirs);
    printf("as it sees itself: %d\n", strcmp(mine, theirs) == 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    busy();
    return 0;
}
