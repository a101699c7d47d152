/* What garbage collectors and sanitizers do: a terabyte reserved without permission costs no memory and no time; parts of it are made
 * accessible, used, given back. clock_gettime and getcpu in numbers, which must not go back or fail.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TB (1ul << 40)

static long now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000l + ts.tv_nsec / 1000;
}

static long resident_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kb);
    if (f)
        fclose(f);
    return kb;
}

static void *clock_storm(void *arg)
{
    struct timespec last = { 0 }, ts;
    for (int i = 0; i < 100000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &ts);
        *(long *)arg += ts.tv_sec < last.tv_sec || (ts.tv_sec == last.tv_sec && ts.tv_nsec < last.tv_nsec);
        last = ts;
    }
    return NULL;
}

int main(void)
{
    long before = resident_kb(), start = now_us();
    char *base = mmap(NULL, TB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("reserved %d\n", base != MAP_FAILED);
    for (unsigned long i = 0; i < 200; i++) {
        char *part = base + i * (TB / 200 & -65536ul);
        if (mprotect(part, 65536, PROT_READ | PROT_WRITE))
            printf("mprotect %d\n", errno);
        memset(part, (int)i, 4096);
        if (i % 2) {
            madvise(part, 65536, MADV_DONTNEED);
            mprotect(part, 65536, PROT_NONE);
        }
    }
    long sum = 0;
    for (unsigned long i = 0; i < 200; i += 2)
        sum += (unsigned char)base[i * (TB / 200 & -65536ul)];
    printf("sum %ld\n", sum);
    munmap(base + TB / 4 + 4096, TB / 2);
    printf("little memory %d, little time %d\n", resident_kb() - before < 20000, now_us() - start < 2000000);
    munmap(base, TB);
    /* Go's arena hint, V8's cage of 8 GB with a guard of 32 GB around. */
    char *hint = mmap((void *)0xc000000000, 64ul << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("hint taken %d\n", hint == (char *)0xc000000000);
    char *cage = mmap(NULL, 72ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("cage %d\n", cage != MAP_FAILED);

    long back[3] = { 0 };
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, clock_storm, &back[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    printf("clock went back %ld\n", back[0] + back[1] + back[2]);
    int bad = 0;
    for (int i = 0; i < 10000; i++) {
        unsigned cpu = ~0u, node = ~0u;
        bad += syscall(SYS_getcpu, &cpu, &node, NULL) != 0 || cpu > 4096 || sched_getcpu() < 0;
    }
    printf("getcpu %d\n", bad);
    return 0;
}
