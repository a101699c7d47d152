/* A process's memory through /proc/PID/mem, process_vm_readv and process_vm_writev, its own and another's: what is mapped, what is read-only,
 * holes, what nobody mapped above the stack, and code that is written so.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "write_code.h"

enum { PAGE = 4096, LENGTH = 8 };
typedef int function(void);

static int call(volatile void *at)
{
    return ((function *)(uintptr_t)at)();
}

static long result(long r)
{
    return r < 0 ? -errno : r;
}

static char *map(size_t pages, int prot, int flags)
{
    return mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
}

/* Where a translator keeps its code, and the page before: nothing is there for a program. */
static const uint64_t nowhere[] = { 0x510000000000 - PAGE, 0x510000000000, 0x510000000000 - 4, 0x4ffffffffffc, 0x500000000000, 8 };

static int is_mapped(uint64_t at)
{
    unsigned long start, end;
    char line[1000];
    int found = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (f && fgets(line, sizeof line, f))
        found |= sscanf(line, "%lx-%lx", &start, &end) == 2 && at >= start && at < end;
    fclose(f);
    return found;
}

static void unmapped(const char *what, int fd)
{
    char bytes[16] = "xxxxxxxxxxxxxxx";
    struct iovec v[2] = { { bytes, 4 }, { bytes + 4, 4 } };
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        uint64_t at = nowhere[i];
        if (is_mapped(at))
            continue;
        printf("%s %zu:", what, i);
        printf(" %ld", result(pread(fd, bytes, 8, (off_t)at)));
        printf(" %ld", result(preadv(fd, v, 2, (off_t)at)));
        printf(" %ld", result(preadv2(fd, v, 2, (off_t)at, 0)));
        printf(" %ld", result(pwrite(fd, bytes, 8, (off_t)at)));
        printf(" %ld", result(pwritev(fd, v, 2, (off_t)at)));
        printf(" %ld", result(pwritev2(fd, v, 2, (off_t)at, 0)));
        printf(" none %ld", result(pread(fd, bytes, 0, (off_t)at)));
        printf(" seek %d", lseek(fd, (off_t)at, SEEK_SET) == (off_t)at);
        printf(" %ld", result(read(fd, bytes, 8)));
        printf(" %ld", result(readv(fd, v, 2)));
        printf(" %ld", result(preadv2(fd, v, 2, -1, 0)));
        printf(" %ld", result(write(fd, bytes, 8)));
        printf(" %ld", result(writev(fd, v, 2)));
        printf(" at %d", lseek(fd, 0, SEEK_CUR) == (off_t)at);
        printf(" on %d", lseek(fd, 4096, SEEK_CUR) == (off_t)at + 4096);
        printf(" end %ld\n", result(lseek(fd, 0, SEEK_END)));
    }
    static int number = 12345;
    int got = 0;
    printf("%s: seek away and back %d", what, lseek(fd, (off_t)nowhere[1], SEEK_SET) == (off_t)nowhere[1]);
    uint64_t there = (uintptr_t)&number;
    if (there > nowhere[1])   /* natively it may be above */
        printf(" %d", lseek(fd, (off_t)(there - nowhere[1]), SEEK_CUR) == (off_t)there);
    else
        printf(" %d", lseek(fd, -(off_t)(nowhere[1] - there), SEEK_CUR) == (off_t)there);
    printf(" %ld", result(read(fd, &got, sizeof got)));
    printf(" %d\n", got);
}

static void own_file(const char *path)
{
    static int word = 5;
    int value = 0, fd = open(path, O_RDWR);
    off_t at = (off_t)(uintptr_t)&word;
    printf("opened %d: read %ld", fd >= 0, result(pread(fd, &value, sizeof value, at)));
    printf(" %d", value);
    value = 7;
    printf(" write %ld", result(pwrite(fd, &value, sizeof value, at)));
    printf(" %d\n", *(volatile int *)&word);
    word = 5;
    char *m = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE), bytes[2 * PAGE];
    memset(m, 'm', 3 * PAGE);
    munmap(m + 2 * PAGE, PAGE);
    mprotect(m, PAGE, PROT_READ);
    printf("read-only: write %ld", result(pwrite(fd, "abc", 3, (off_t)(uintptr_t)m)));
    printf(" %.4s\n", m);
    mprotect(m, PAGE, PROT_NONE);
    printf("none: write %ld", result(pwrite(fd, "def", 3, (off_t)(uintptr_t)m)));
    printf(" read %ld", result(pread(fd, bytes, 4, (off_t)(uintptr_t)m)));
    printf(" %.4s\n", bytes);
    printf("before a hole: read %ld", result(pread(fd, bytes, sizeof bytes, (off_t)(uintptr_t)m + PAGE + 100)));
    printf(" write %ld", result(pwrite(fd, bytes, sizeof bytes, (off_t)(uintptr_t)m + PAGE + 100)));
    printf(" in it: read %ld", result(pread(fd, bytes, 1, (off_t)(uintptr_t)m + 2 * PAGE)));
    printf(" write %ld\n", result(pwrite(fd, bytes, 1, (off_t)(uintptr_t)m + 2 * PAGE)));
    char *s = map(1, PROT_READ, MAP_SHARED);
    printf("shared: write %ld", result(pwrite(fd, "ghi", 3, (off_t)(uintptr_t)s)));
    printf(" %d\n", s[0]);
    char *x = map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memcpy(x, "only executable", 16);
    mprotect(x, PAGE, PROT_EXEC);
    printf("executable: write %ld", result(pwrite(fd, "ONLY", 4, (off_t)(uintptr_t)x)));
    printf(" %.16s\n", x);
    unmapped("own", fd);
    close(fd);
    munmap(m, 2 * PAGE);
    munmap(s, PAGE);
    munmap(x, PAGE);
}

static char *before_hole;   /* a page */

static void vectors(const char *what, pid_t pid)
{
    char bytes[32], *m = before_hole;
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        if (is_mapped(nowhere[i]))
            continue;
        struct iovec here = { bytes, 32 }, there[2] = { { m, 8 }, { (void *)(uintptr_t)nowhere[i], 8 } };
        printf("%s %zu:", what, i);
        printf(" %ld", result(process_vm_readv(pid, &here, 1, there, 2, 0)));
        printf(" %ld", result(process_vm_writev(pid, &here, 1, there, 2, 0)));
        printf(" %ld", result(process_vm_readv(pid, &here, 1, there + 1, 1, 0)));
        printf(" %ld\n", result(process_vm_writev(pid, &here, 1, there + 1, 1, 0)));
    }
    struct iovec here = { bytes, 32 }, there = { m + PAGE - 8, 16 };
    printf("%s before a hole: %ld\n", what, result(process_vm_readv(pid, &here, 1, &there, 1, 0)));
    printf("%s errors: %ld", what, result(process_vm_readv(pid, &here, 1, (struct iovec *)8, 1, 0)));
    printf(" %ld", result(process_vm_readv(pid, &here, 1, &there, 1, 1)));
    printf(" %ld", result(process_vm_readv(pid, &here, 1, &there, 2000, 0)));
    printf(" %ld\n", result(process_vm_readv(pid, &here, 1, &there, 0, 0)));
}

/* --- code ------------------------------------------------------------------------------------------- */

static long write_code(int how, pid_t pid, int fd, char *at, int value)
{
    char code[LENGTH];
    write_return(code, value);
    struct iovec v[2] = { { code, 4 }, { code + 4, 4 } }, there = { at, LENGTH };
    if (how < 2)
        lseek(fd, (off_t)(uintptr_t)at, SEEK_SET);
    switch (how) {
    case 0: return write(fd, code, LENGTH);
    case 1: return writev(fd, v, 2);
    case 2: return pwrite(fd, code, LENGTH, (off_t)(uintptr_t)at);
    case 3: return pwritev(fd, v, 2, (off_t)(uintptr_t)at);
    case 4: return pwritev2(fd, v, 2, (off_t)(uintptr_t)at, 0);
    default: return process_vm_writev(pid, v, 2, &there, 1, 0);
    }
}

enum { WAYS = 6 };

static void own_code(void)
{
    char *page = map(1, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY), first = openat(dir, "mem", O_RDWR), fd = dup(first);
    close(first);
    write_return(page, 1);
    __builtin___clear_cache(page, page + LENGTH);
    printf("own code: %d", call(page));
    for (int how = 0; how < WAYS; how++) {
        mprotect(page, PAGE, PROT_READ | PROT_EXEC | (how == 5 ? PROT_WRITE : 0));
        call(page);
        printf(" %ld", result(write_code(how, getpid(), fd, page, 10 + how)));
        printf(" %d", call(page));
    }
    printf("\n");
    close(fd);
    close(dir);
    munmap(page, PAGE);
}

static volatile int *shared;   /* what the code returned, the rounds that it was called */

__attribute__((noreturn)) static void *call_for_ever(void *page)
{
    for (;;) {
        shared[0] = call(page);
        shared[1]++;
    }
}

/* A child, not traced, that calls the code all the time. Its other thread sleeps on meanwhile. */
static void childs_code(int threads)
{
    char *page = map(1, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE), path[40];
    write_return(page, 1);
    __builtin___clear_cache(page, page + LENGTH);
    shared[0] = shared[1] = 0;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        if (threads)
            pthread_create(&t, NULL, call_for_ever, page);
        else
            call_for_ever(page);
        pause();
        shared[2] = 1;   /* woken although no handler ran */
        for (;;)
            pause();
    }
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    while (!shared[1])
        usleep(100);
    printf("child's code:");
    for (int how = 0; how < WAYS; how++) {
        long r = result(write_code(how, pid, fd, page, 20 + how));
        for (int i = 0; i < 5000 && shared[0] != 20 + how; i++)
            usleep(1000);
        printf(" %ld %d", r, shared[0]);
    }
    printf(", woken %d\n", shared[2]);
    unmapped("child", fd);
    vectors("child", pid);
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    munmap(page, PAGE);
}

/* The child of a fork has its parent's file: the parent's memory. */
static void inherited(void)
{
    static volatile int word = 1;
    int fd = open("/proc/self/mem", O_RDWR), value = 3;
    lseek(fd, (off_t)nowhere[1], SEEK_SET);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        printf("inherited: %ld", result(read(fd, &value, sizeof value)));
        printf(" %ld\n", result(pwrite(fd, &value, sizeof value, (off_t)(uintptr_t)&word)));
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    printf("the parent's word %d\n", word);
    close(fd);
}

int main(void)
{
    char path[64];
    setvbuf(stdout, NULL, _IOLBF, 0);
    before_hole = mmap((void *)0x100000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared = (int *)map(1, PROT_READ | PROT_WRITE, MAP_SHARED);
    own_file("/proc/self/mem");
    snprintf(path, sizeof path, "/proc/%d/mem", getpid());
    own_file(path);
    own_file("/proc/thread-self/mem");
    snprintf(path, sizeof path, "/proc/self/task/%d/mem", getpid());
    own_file(path);
    vectors("own", getpid());
    own_code();
    childs_code(0);
    childs_code(1);
    inherited();
    return 0;
}
