/* Code that changes while it is in use: data written beside it by other threads, read() and recvmsg() into its page, rewritten by
 * another thread while it is called, in two mappings of one memory with the flush given for either, replaced by mmap, munmap,
 * mremap, mprotect and by another process; jumps to where no code is.
 * build: -O2 dynamic; -O1 static
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "write_code.h"

typedef int function(void);
enum { PAGE = 4096, LENGTH = 8 };

static void flush(void *at, size_t n)
{
    __builtin___clear_cache(at, (char *)at + n);
}

/* What a thread does that is to run code which another has changed. */
static void synchronise(void)
{
#ifdef __aarch64__
    __asm__ volatile("isb" ::: "memory");
#elif defined __riscv
    __asm__ volatile("fence.i" ::: "memory");
#else
    unsigned a = 0, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d)::"memory");
#endif
}

static int call(void *at)
{
    return ((function *)at)();
}

static char *map(int prot, int flags, int fd)
{
    return mmap(NULL, 2 * PAGE, prot, flags, fd, 0);
}

static volatile int stop;
static char *shared_page;

static void *write_beside(void *arg)
{
    volatile long *word = (long *)(shared_page + 1024 + 512 * (long)arg);
    long n = 0;
    while (!stop)
        *word = ++n;
    return n == *word ? NULL : shared_page;
}

static void data_beside_code(void)
{
    pthread_t t[3];
    shared_page = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    write_return(shared_page, 7);
    flush(shared_page, LENGTH);
    for (long i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, write_beside, (void *)i);
    long sum = 0;
    for (int i = 0; i < 20000; i++) {
        if (i % 64 == 0) {
            write_return(shared_page + 64, i & 1023);
            flush(shared_page + 64, LENGTH);
            sum += call(shared_page + 64) != (i & 1023);
        }
        sum += call(shared_page) != 7;
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        sum += bad != NULL;
    }
    printf("data beside code: %ld\n", sum);
}

static void kernel_writes(void)
{
    char *page = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char code[LENGTH];
    int p[2], s[2], bad = 0;
    if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        return;
    for (int i = 0; i < 200; i++) {
        write_return(code, i);
        if (write(p[1], code, LENGTH) != LENGTH || read(p[0], page, LENGTH) != LENGTH)
            bad++;
        flush(page, LENGTH);
        bad += call(page) != i;
        write_return(code, i + 500);
        struct iovec v = { page + 32, LENGTH };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
        if (send(s[1], code, LENGTH, 0) != LENGTH || recvmsg(s[0], &m, 0) != LENGTH)
            bad++;
        flush(page + 32, LENGTH);
        bad += call(page + 32) != i + 500;
    }
    printf("written by the kernel: %d\n", bad);
}

static volatile int version;
static void *rewrite(void *arg)
{
    char *page = arg;
    for (int i = 1; i <= 1500; i++) {
        write_return(page, i);
        flush(page, LENGTH);
        version = i;
        if (i % 16 == 0)
            usleep(50);
    }
    version = 0x7fffffff;
    return NULL;
}

/* On hardware both instructions must change at once: only the first does. */
static void other_thread(void)
{
    char *page = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    pthread_t t;
    int old = 0, v;
    write_return(page, 0);
    flush(page, LENGTH);
    version = 0;
    pthread_create(&t, NULL, rewrite, page);
    while ((v = version) != 0x7fffffff) {
        synchronise();
        old += call(page) < v;
    }
    pthread_join(t, NULL);
    synchronise();
    printf("changed by another thread: old code %d, at last %d\n", old, call(page));
}

static void two_mappings(void)
{
    int fd = memfd_create("code", 0), bad[3] = { 0 };
    if (ftruncate(fd, 2 * PAGE))
        return;
    char *w = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd), *x = map(PROT_READ | PROT_EXEC, MAP_SHARED, fd);
    for (int i = 0; i < 300; i++) {
        write_return(w, i);
        flush(i % 2 ? x : w, LENGTH);
        bad[i % 2] += call(x) != i;
    }
    printf("two mappings: flush of the executable one %d, of the writable one %d\n", bad[1], bad[0]);
    pid_t pid = fork();
    if (pid == 0) {
        write_return(w + 128, 77);
        _exit(0);
    }
    write_return(w + 128, 66);
    flush(x + 128, LENGTH);
    waitpid(pid, NULL, 0);
    flush(x + 128, LENGTH);
    int r = call(x + 128);
    pid = fork();
    if (pid == 0) {
        write_return(w + 128, 78);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    flush(x + 128, LENGTH);
    printf("rewritten by another process: %d %d\n", r == 77 || r == 66, call(x + 128));
}

static sigjmp_buf out;
static volatile int code;
static void *volatile where;
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    code = number * 100 + info->si_code;
    where = info->si_addr;
    siglongjmp(out, 1);
}

static void try(const char *what, char *at)
{
    code = 0;
    where = NULL;
    if (sigsetjmp(out, 1) == 0)
        code = call(at);
    printf("%s: %d %d\n", what, code, where == at);
}

static void mappings(void)
{
    char *page = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    write_return(page, 1);
    write_return(page + PAGE, 2);
    flush(page, 2 * PAGE);
    printf("mapped: %d %d\n", call(page), call(page + PAGE));
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    try("not executable", page);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    try("executable again", page);
    char *fresh = mmap(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    write_return(fresh, 3);
    flush(fresh, LENGTH);
    try("replaced by mmap", page);
    char *moved = mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page + PAGE);
    try("moved away", page);
    try("moved here", moved);
    munmap(moved, PAGE);
    try("unmapped", moved);
    mmap(page, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    try("no permission", page);
    /* An instruction that begins on the last bytes of a page: the second half is not there. */
    page = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memset(page + PAGE, 0, PAGE);
    for (int round = 0; round < 3; round++) {
        write_return(page + PAGE - LENGTH, 40 + round);
        flush(page + PAGE - LENGTH, LENGTH);
        mprotect(page + PAGE, PAGE, round == 1 ? PROT_NONE : PROT_READ | PROT_WRITE | PROT_EXEC);
        try("last in the page", page + PAGE - LENGTH);
    }
    try("null", NULL);
    /* Code comes to where a jump has just failed. */
    munmap(page, PAGE);
    try("nothing here yet", page);
    char *again = mmap(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    write_return(again, 50);
    flush(again, LENGTH);
    try("mapped where nothing was", page);
    munmap(page + PAGE, PAGE);
    try("nothing there either", page + PAGE);
    try("moved to where nothing was", mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page + PAGE));
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
    setvbuf(stdout, NULL, _IONBF, 0);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    data_beside_code();
    kernel_writes();
    other_thread();
    two_mappings();
    mappings();
    return 0;
}
