/* What a program can learn about itself: auxv, limits, clocks, /proc, uname, environment.
 * Prints relations, not values, so that host and guest agree.
 * build: -O2 dynamic; -O0 static; -O2 fixed
 * args: one "two words" ""
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
extern char etext[], edata[], end[];
extern const ElfW(Ehdr) __ehdr_start;
static char zeroes[3 << 20];

static void clocks(void)
{
    static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                     CLOCK_THREAD_CPUTIME_ID, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW };
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct timespec a, b, resolution;
        int wrong = clock_gettime(ids[i], &a);
        for (volatile int k = 0; k < 1000; k++) {
        }
        wrong |= clock_gettime(ids[i], &b) | clock_getres(ids[i], &resolution);
        printf("clock %u: %d %d\n", i, wrong,
               b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
    }
    struct timeval now;
    gettimeofday(&now, NULL);
    printf("time %d\n", labs((long)(now.tv_sec - time(NULL))) < 2);
    struct timespec wait = { 0, 3000000 }, before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("slept %d\n", (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 3000000);
}

static void maps(const void *stack)
{
    static const char *const wanted[] = { "code", "data", "zeroes", "heap", "stack" };
    static int data = 1;
    void *heap = malloc(100);
    uintptr_t at[] = { (uintptr_t)maps, (uintptr_t)&data, (uintptr_t)zeroes, (uintptr_t)heap, (uintptr_t)stack };
    char line[512], found[5][5] = { "", "", "", "", "" };
    FILE *file = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, file)) {
        unsigned long from, to;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3) {
            for (int i = 0; i < 5; i++) {
                if (at[i] >= from && at[i] < to) {
                    strcpy(found[i], rights);
                }
            }
        }
    }
    fclose(file);
    for (int i = 0; i < 5; i++) {
        printf("%s %s\n", wanted[i], found[i]);
    }
}

int main(int argc, char **argv)
{
    int stack;
    printf("%d arguments", argc);
    for (int i = 1; i < argc; i++) {
        printf(" [%s]", argv[i]);
    }
    printf(" %d\n", argv[argc] == NULL);
    int variables = 0;
    for (char **e = environ; *e; e++) {
        variables += strncmp(*e, "LC_ALL=", 7) == 0;
    }
    printf("environment %d %s\n", variables, getenv("LC_ALL"));
    setenv("NEW", "value", 1);
    unsetenv("LC_ALL");
    printf("%s %d\n", getenv("NEW"), getenv("LC_ALL") == NULL);

    const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
    int varied = 0;
    for (int i = 1; i < 16; i++) {
        varied |= random[i] != random[0];
    }
    printf("auxv: page %ld entry %d random %d secure %ld uid %d clktck %ld execfn %d phdr %d\n",
           getauxval(AT_PAGESZ), getauxval(AT_ENTRY) != 0, varied, getauxval(AT_SECURE),
           getauxval(AT_UID) == getuid(), getauxval(AT_CLKTCK),
           strcmp((const char *)getauxval(AT_EXECFN), argv[0]) == 0,
           ((const ElfW(Phdr) *)getauxval(AT_PHDR))->p_type == PT_PHDR
               || ((const ElfW(Phdr) *)getauxval(AT_PHDR))->p_type != PT_NULL);
    printf("header %d, text before data %d\n", memcmp(&__ehdr_start, ELFMAG, 4) == 0, (uintptr_t)etext < (uintptr_t)edata && (uintptr_t)edata <= (uintptr_t)end);
    int clear = 1;
    for (size_t i = 0; i < sizeof zeroes; i++) {
        clear &= zeroes[i] == 0;
    }
    printf("bss %d\n", clear);

    struct rlimit limit = { 0 };
    printf("limits %d", getrlimit(RLIMIT_STACK, &limit));
    printf(" %d", limit.rlim_cur > 100000);
    limit.rlim_cur = 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit again = { 0 };
    getrlimit(RLIMIT_NOFILE, &again);
    printf(" %d %d\n", again.rlim_cur == 100, sysconf(_SC_OPEN_MAX) == 100);
    clocks();
    maps(&stack);

    char path[4096] = { 0 }, name[64] = { 0 };
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) {
        return 1;
    }
    struct stat by_link, by_name;
    printf("exe %d %d\n", strcmp(strrchr(path, '/'), strrchr(argv[0], '/')) == 0,
           stat("/proc/self/exe", &by_link) == 0 && stat(argv[0], &by_name) == 0 && by_link.st_ino == by_name.st_ino);
    FILE *file = fopen("/proc/self/cmdline", "r");
    size_t length = fread(path, 1, sizeof path, file);
    fclose(file);
    printf("cmdline %d\n", strcmp(path, argv[0]) == 0 && length == strlen(argv[0]) + 1 + 4 + 10 + 1);
    file = fopen("/proc/self/comm", "r");
    printf("comm %d\n", fgets(name, sizeof name, file) && strncmp(name, strrchr(argv[0], '/') + 1, 5) == 0);
    fclose(file);
    file = fopen("/proc/self/stat", "r");
    int pid = 0;
    printf("stat %d", fscanf(file, "%d", &pid));
    printf(" %d\n", pid == getpid());
    fclose(file);

    struct utsname uts;
    uname(&uts);
#ifdef __riscv
    printf("machine %d\n", strcmp(uts.machine, "riscv64") == 0);
#elif defined __aarch64__
    printf("machine %d\n", strcmp(uts.machine, "aarch64") == 0);
#else
    printf("machine %d\n", strcmp(uts.machine, "x86_64") == 0);
#endif
    struct sysinfo info;
    struct rusage usage;
    struct tms tms;
    cpu_set_t cpus;
    int affinity = sched_getaffinity(0, sizeof cpus, &cpus);
    printf("%d %d %d %d %d\n", sysinfo(&info), getrusage(RUSAGE_SELF, &usage), times(&tms) != (clock_t)-1,
           affinity, CPU_COUNT(&cpus) == sysconf(_SC_NPROCESSORS_ONLN));
    printf("random %zd\n", getrandom(path, 32, 0));
    printf("bad pointer %d", (int)write(1, (void *)8, 4));
    printf(" %d", errno == EFAULT);
    printf(" bad fd %d", close(777));
    printf(" %d\n", errno == EBADF);
    return 0;
}
