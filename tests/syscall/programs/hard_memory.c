/* Memory calls where emulators break: mremap of what is not mapped, fixed addresses, hints, memory that grows down, the break,
 * shared memory segments.
 * build: -O2 dynamic; -O1 static; -O1 fixed
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static int error_of(void *p)
{
    return p == MAP_FAILED ? errno : 0;
}

static char *pages(size_t n)
{
    return mmap(NULL, n * PAGE, RW, ANON, -1, 0);
}

/* musl's stack probe asks for pages below the stack and goes on while the answer is ENOMEM. */
static void remap(void)
{
    char *p = pages(4), *q = pages(8);
    munmap(p + PAGE, PAGE);
    printf("mremap of a hole: %d\n", error_of(mremap(p + PAGE, PAGE, 2 * PAGE, 0)));
    printf("mremap into a hole's edge: %d\n", error_of(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE)));
    printf("mremap of nothing at all: %d\n", error_of(mremap((void *)(PAGE * 4), PAGE, 2 * PAGE, MREMAP_MAYMOVE)));
    printf("unaligned %d, to size 0 %d, flags %d\n", error_of(mremap(q + 1, PAGE, PAGE, 0)), error_of(mremap(q, PAGE, 0, 0)),
           error_of(mremap(q, PAGE, PAGE, 64)));
    printf("fixed onto itself: %d\n", error_of(mremap(q, 4 * PAGE, 4 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, q + PAGE)));
    strcpy(q, "moved");
    char *to = mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    printf("DONTUNMAP: elsewhere %d, \"%s\", left behind %d\n", to != q, to, q[0]);
    printf("grow beyond memory: %d\n", error_of(mremap(q, PAGE, (size_t)1 << 46, MREMAP_MAYMOVE)));
}

static void fixed(void)
{
    char *p = pages(4);
    printf("NOREPLACE onto a mapping: %d\n", error_of(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)));
    munmap(p + PAGE, PAGE);
    printf("NOREPLACE into a hole: %d\n", mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
    printf("NOREPLACE over the hole's edge: %d\n", error_of(mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)));
    printf("FIXED unaligned: %d\n", error_of(mmap(p + 7, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
    printf("a hint that is taken: %d\n", mmap(p, PAGE, RW, ANON, -1, 0) != p);
    char *q = pages(2);
    munmap(q, 2 * PAGE);
    printf("a hint that is free: %d\n", mmap(q, PAGE, RW, ANON, -1, 0) == q);
    printf("FIXED beyond user space: %d\n", error_of(mmap((void *)0x800000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
    printf("munmap beyond user space: %d\n", munmap((void *)0x800000000000, PAGE) ? errno : 0);
    printf("a hint beyond user space: %d\n", error_of(mmap((void *)0xffff800000000000, PAGE, RW, ANON, -1, 0)));
    printf("too much: %d, no size: %d\n", error_of(mmap(NULL, (size_t)1 << 48, RW, ANON | MAP_NORESERVE, -1, 0)),
           error_of(mmap(NULL, 0, RW, ANON, -1, 0)));
    printf("below the lowest: %d\n", mmap((void *)1, PAGE, RW, ANON, -1, 0) > (void *)(PAGE - 1));
}

/* Takes all addresses that a program can name, page by page at some distance: whoever else lives there must not suffer. */
static void everywhere(void)
{
    for (uint64_t at = 0x10000000000; at < 0x7fff00000000; at += 0x7777777000)
        munmap((void *)(uintptr_t)at, PAGE);
    int wrong = 0;
    for (uint64_t at = 0x500000000000; at < 0x7ffffffff000; at += 0x77777777000) {
        char *p = mmap((void *)(uintptr_t)at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != MAP_FAILED) {
            *p = 1;
            munmap(p, PAGE);
        } else {
            wrong += errno != ENOMEM && errno != EEXIST;
        }
    }
    printf("FIXED anywhere: %d wrong\n", wrong);
}

static sigjmp_buf out;

static void on_fault(int signo)
{
    siglongjmp(out, signo);
}

static void grows_down(void)
{
    char *area = pages(2048), *top = area + 1024 * PAGE;
    munmap(area, 2048 * PAGE);
    char *p = mmap(top - PAGE, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    printf("GROWSDOWN: %d", p == top - PAGE);
    signal(SIGSEGV, on_fault);
    int signo = sigsetjmp(out, 1);
    if (!signo)
        for (int i = 1; i <= 64; i++)
            top[-i * PAGE] = 1;
    printf(", it grew: %d\n", signo == 0);
    signal(SIGSEGV, SIG_DFL);
}

static void brk_edges(void)
{
    char *start = sbrk(0);
    printf("brk up %d", (long)syscall(SYS_brk, start + 10 * PAGE) == (long)(start + 10 * PAGE));
    printf(", back %d\n", (long)syscall(SYS_brk, start) == (long)start);
    printf("brk too far stays: %d\n", (long)syscall(SYS_brk, (char *)0x7fffffffe000) == (long)start);
    printf("brk of 0 stays: %d\n", (long)syscall(SYS_brk, 0) == (long)start);
    printf("below its start stays: %d\n", (long)syscall(SYS_brk, PAGE) == (long)start);
    struct rlimit limit;
    getrlimit(RLIMIT_DATA, &limit);
    printf("%d\n", sbrk(3 * PAGE) == start);
    start[3 * PAGE - 1] = 7;
    printf("unaligned: %d\n", (long)syscall(SYS_brk, start + 100) == (long)(start + 100));
    syscall(SYS_brk, start + 3 * PAGE);
    printf("cleared: %d\n", start[3 * PAGE - 1]);
}

static void segments(void)
{
    int id = shmget(IPC_PRIVATE, 5000, 0600);
    char *area = pages(64);
    munmap(area, 64 * PAGE);
    printf("shmat unaligned: %d\n", error_of(shmat(id, area + 100, 0)));
    printf("with SHM_RND: %d\n", shmat(id, area + 100, SHM_RND) == area);
    printf("onto a mapping: %d\n", error_of(shmat(id, area + PAGE, 0)));
    char *again = shmat(id, area + PAGE, SHM_REMAP);
    printf("with SHM_REMAP: %d\n", again == area + PAGE);
    strcpy(again, "shared");
    printf("both: %s\n", area);
    printf("read only: %d, ", error_of(shmat(id, NULL, SHM_RDONLY)));
    printf("shmdt unaligned %d", shmdt(area + 7) ? errno : 0);
    printf(", once %d", shmdt(again));
    printf(", twice %d\n", shmdt(again) ? errno : 0);
    shmctl(id, IPC_RMID, NULL);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    remap();
    fixed();
    everywhere();
    grows_down();
    brk_edges();
    segments();
    return 0;
}
