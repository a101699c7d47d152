/* mlockall locks what the program has mapped, and what it maps later, and nothing else: VmLck, RLIMIT_MEMLOCK, MCL_ONFAULT, fork.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB (1l << 20)

static long locked(void)
{
    char line[200];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmLck: %ld", &kb) == 1)
            break;
    fclose(f);
    return kb * 1024;
}

/* What is mapped, but for the stack and the kernel's own. */
static long mapped(void)
{
    char line[1000];
    unsigned long start, end;
    long sum = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && !strstr(line, "[stack]") && !strstr(line, "[v"))
            sum += (long)(end - start);
    fclose(f);
    return sum;
}

static int result(int r)
{
    return r < 0 ? errno : 0;
}

static int all_locked(void)
{
    long beyond = locked() - mapped();
    return beyond >= 0 && beyond < MB;
}

static char *map(long size, int flags)
{
    return mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int resident(char *at)
{
    unsigned char there = 0;
    mincore(at, 1, &there);
    return there & 1;
}

static void current(void)
{
    char *before = map(2 * MB, 0), *none = mmap(NULL, MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("at first %ld, there %d\n", locked(), resident(before));
    printf("current %d", result(mlockall(MCL_CURRENT)));
    printf(": all %d, there %d, none %d\n", all_locked(), resident(before), none != MAP_FAILED);
    long n = locked();
    char *later = map(2 * MB, 0);
    printf("later: more %d, there %d\n", locked() > n, resident(later));
    munmap(before, 2 * MB);
    printf("unmapped: %ld\n", n - locked());
    printf("munlockall %d", result(munlockall()));
    printf(" %ld\n", locked());
}

static void future(void)
{
    printf("future %d %ld", result(mlockall(MCL_FUTURE)), locked());
    char *m = map(MB, 0);
    printf(" %ld there %d", locked(), resident(m));
    m = mremap(m, MB, 3 * MB, MREMAP_MAYMOVE);
    printf(" %ld there %d", locked(), resident(m + 2 * MB));
    char *brk = sbrk(MB);
    printf(", break %d there %d", locked() == 4 * MB || locked() == 4 * MB + 4096, resident(brk + MB / 2));
    long n = locked();
    int id = shmget(IPC_PRIVATE, MB, IPC_CREAT | 0600);
    char *shared = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    printf(", shared memory %ld there %d", locked() - n, resident(shared));
    shmdt(shared);
    fflush(stdout);
    if (fork() == 0) {
        printf(", child %ld", locked());
        map(MB, 0);
        printf(" %ld", locked());
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    printf(", both %d", result(mlockall(MCL_CURRENT | MCL_FUTURE)));
    n = locked();
    printf(", only current %d", result(mlockall(MCL_CURRENT)));
    map(MB, 0);
    printf(" %ld\n", locked() - n);
    munlockall();
}

static void on_fault(void)
{
    char *before = map(MB, 0);
    printf("on fault %d", result(mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)));
    printf(": all %d there %d", all_locked(), resident(before));
    long n = locked();
    char *later = map(MB, 0);
    printf(", later %ld there %d", locked() - n, resident(later));
    *later = 1;
    printf(" %d\n", resident(later));
    munlockall();
}

static void limits(void)
{
    static const struct { long limit; int flags; } tries[] = {
        { 0, MCL_CURRENT }, { 65536, MCL_CURRENT }, { 65536, MCL_CURRENT | MCL_FUTURE }, { 8 * MB, MCL_FUTURE },
        { 8 * MB, MCL_CURRENT | MCL_FUTURE },
    };
    if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return;
    prctl(PR_SET_DUMPABLE, 1);   /* or /proc/self is root's */
    struct rlimit limit;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        if (tries[i].limit > (long)limit.rlim_max && limit.rlim_max != RLIM_INFINITY)
            limit.rlim_max = (rlim_t)tries[i].limit;
        limit.rlim_cur = (rlim_t)tries[i].limit;
        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0)
            printf("setrlimit %d\n", errno);
        printf("limit %ld, flags %d: %d", tries[i].limit, tries[i].flags, result(mlockall(tries[i].flags)));
        char *m = map(16 * MB, 0);
        printf(" large %d", m == MAP_FAILED ? errno : 0);
        if (m != MAP_FAILED)
            munmap(m, 16 * MB);
        m = map(MB, 0);
        printf(" small %d\n", m == MAP_FAILED ? errno : 0);
        if (m != MAP_FAILED)
            munmap(m, MB);
        munlockall();
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("bad %d %d %d\n", result(mlockall(0)), result(mlockall(8)), result(mlockall(MCL_ONFAULT)));
    fflush(stdout);
    void (*const tests[])(void) = { current, future, on_fault, limits };
    for (int i = 0; i < 4; i++) {
        fflush(stdout);
        if (fork() == 0) {
            tests[i]();
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
    }
    return 0;
}
