/* mlockall: what it locks, now and later, and when it is refused. The translator's own memory does not count.
 *
 * build: -O2 dynamic; -O2 static
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static void show(const char *what, int result)
{
    printf("  %s: %s\n", what, result == 0 ? "yes" : strerror(errno));
}

static char *map(void)
{
    return mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* How many of a mapping's 256 pages are in memory. */
static int resident(char *p)
{
    unsigned char pages[MB / 4096];
    int n = 0;

    if (mincore(p, MB, pages) < 0)
        return -1;
    for (size_t i = 0; i < sizeof pages; i++)
        n += pages[i] & 1;
    return n;
}

/* VmLck of /proc/self/status, in KiB. */
static long locked(void)
{
    char line[200];
    long n = -1;
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmLck: %ld", &n);
    if (f)
        fclose(f);
    return n;
}

static void now_and_later(void)
{
    struct rusage use;
    char *before = map(), *none = mmap(NULL, MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    show("later", mlockall(MCL_FUTURE));
    printf("  of before %d, of after %d\n", resident(before), resident(map()));
    show("now", mlockall(MCL_CURRENT));
    printf("  of before %d, of after %d\n", resident(before), resident(map()));
    mprotect(none, MB, PROT_READ | PROT_WRITE);
    printf("  of what had no permission %d\n", resident(none));
    getrusage(RUSAGE_SELF, &use);
    printf("  locked more than 2 MB %d, 64 MB %d; has used 64 MB %d\n", locked() >= 2048, locked() > 65536, use.ru_maxrss > 65536);
    show("munlockall", munlockall());
    printf("  locked %ld\n", locked());
}

static void on_fault(void)
{
    char *before = map();

    show("on fault", mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
    char *after = map();
    printf("  of before %d, of after %d", resident(before), resident(after));
    after[0] = 1;
    printf(", touched %d\n", resident(after));
    show("munlockall", munlockall());
}

static void refused(void)
{
    show("nothing", mlockall(0));
    show("on fault alone", mlockall(MCL_ONFAULT));
    show("unknown", mlockall(MCL_CURRENT | 8));
}

/* Without privileges; 7 MB are more than the program has. */
static void limited(void)
{
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 7 * MB, 7 * MB });
    if (geteuid() == 0 && setuid(65534) < 0)
        perror("setuid");
    show("7 MB, now and later", mlockall(MCL_CURRENT | MCL_FUTURE));
    printf("  %s\n", mmap(NULL, 7 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? strerror(errno) : "mapped");
    munlockall();
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 65536, 7 * MB });
    show("64 KB, now", mlockall(MCL_CURRENT));
    show("64 KB, later", mlockall(MCL_FUTURE));
    munlockall();
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 });
    show("0, now", mlockall(MCL_CURRENT));
    show("0, later", mlockall(MCL_FUTURE));
}

static void in_child(const char *what, void (*f)(void))
{
    int status;

    printf("%s\n", what);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        f();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("  %d\n", status);
}

int main(void)
{
    in_child("now and later", now_and_later);
    in_child("on fault", on_fault);
    in_child("refused", refused);
    in_child("limited", limited);
    return 0;
}
