/* userfaultfd: pages that another thread supplies when they are touched, by loads and stores, the kernel, a signal's frame, and
 * above all by executing them: the thread that supplies a page maps memory and runs new code meanwhile. A signal is handled by a
 * thread that waits for a page.
 * build: -O2 dynamic; -O1 static
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, CODE = 4, STACK = 8, PAGES = 16 };
static int fd;
static volatile int supplied, handled;
static char *area, *source;

#if defined __riscv
static const uint32_t code[] = { 0x02a00513, 0x00008067 };      /* li a0, 42; ret */
enum { HALF = 2 };                                              /* the first instruction lies in two pages */
#elif defined __aarch64__
static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };      /* mov w0, #42; ret */
enum { HALF = 4 };
#else
static const uint8_t code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };      /* mov eax, 42; ret */
enum { HALF = 2 };
#endif

/* Code that nobody has run yet, in memory that nobody had. */
static int fresh(void)
{
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(p, code, sizeof code);
    __builtin___clear_cache(p, p + sizeof code);
    int r = ((int (*)(void))p)();
    munmap(p, PAGE);
    return r;
}

static void *supply(void *unused)
{
    struct uffd_msg m;
    while (read(fd, &m, sizeof m) == (ssize_t)sizeof m) {
        uintptr_t at = m.arg.pagefault.address & -(uintptr_t)PAGE;
        struct uffdio_copy c = { .dst = at, .src = (uintptr_t)source + (at - (uintptr_t)area), .len = PAGE };
        if (fresh() != 42)
            puts("fresh code did something else");
        usleep(1000);
        supplied++;
        if (ioctl(fd, UFFDIO_COPY, &c) != 0)
            puts("UFFDIO_COPY failed");
    }
    return unused;
}

/* A userfaultfd for `at`, -1 if there is none. */
static int watch(char *at, int flags)
{
    struct uffdio_api api = { .api = UFFD_API };
    struct uffdio_register r = { .range = { (uintptr_t)at, PAGES * PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
    int new = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);
    return new >= 0 && ioctl(new, UFFDIO_API, &api) == 0 && ioctl(new, UFFDIO_REGISTER, &r) == 0 ? new : -1;
}

static int start(int flags)
{
    pthread_t thread;
    fd = watch(area, flags);
    return fd < 0 ? -1 : pthread_create(&thread, NULL, supply, NULL);
}

/* --- pages that nobody supplies but the handler of a signal to the thread that waits */

static char *lone_area, *volatile wanted;
static int lone;

static void supply_wanted(int number)
{
    uintptr_t at = (uintptr_t)wanted & -(uintptr_t)PAGE;
    struct uffdio_copy c = { .dst = at, .src = (uintptr_t)source + (at - (uintptr_t)lone_area), .len = PAGE };
    handled = ioctl(lone, UFFDIO_COPY, &c) == 0 ? number : -1;
}

static void *touch(void *kind)
{
    switch ((intptr_t)kind) {
    case 0:
        return (void *)(intptr_t)*(volatile char *)wanted;
    case 1:
        *(volatile char *)wanted = '!';
        return (void *)(intptr_t)wanted[1];
    default:
        return (void *)(intptr_t)((int (*)(void))(void *)wanted)();
    }
}

static void wait_signalled(int flags)
{
    static const int at[] = { 0, PAGE, CODE * PAGE };
    lone_area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    lone = watch(lone_area, flags);
    sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = supply_wanted }, NULL);
    for (intptr_t kind = 0; kind < 3; kind++) {
        pthread_t thread;
        void *result;
        handled = 0;
        wanted = lone_area + at[kind];
        pthread_create(&thread, NULL, touch, (void *)kind);
        usleep(20000);
        pthread_kill(thread, SIGUSR2);
        pthread_join(thread, &result);
        printf("signalled %d: %d, %d\n", (int)kind, handled == SIGUSR2, (int)(intptr_t)result);
    }
}

static void execute(const char *name, char *at)
{
    int before = supplied, r = ((int (*)(void))at)();
    printf("%s: %d, %d pages\n", name, r, supplied - before);
}

static void on_signal(int number)
{
    handled = number;
}

/* What the kernel touches: only with the privilege to hold it up. */
static void kernel_touches(void)
{
    stack_t stack = { .ss_sp = area + STACK * PAGE, .ss_size = 4 * PAGE };
    int p[2], before = supplied;
    ssize_t n = pipe(p) == 0 ? write(p[1], area + 2 * PAGE, 10) : -1;
    printf("write %zd, %d pages\n", n, supplied - before);
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_ONSTACK }, NULL);
    raise(SIGUSR1);
    printf("handled %d\n", handled == SIGUSR1);
}

int main(void)
{
    area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    source = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < PAGES; i++)
        memset(source + i * PAGE, 'a' + i, 16);
    memcpy(source + CODE * PAGE, code, sizeof code);
    memcpy(source + (CODE + 2) * PAGE - HALF, code, sizeof code);
    int all = start(0) == 0;
    if (!all && start(UFFD_USER_MODE_ONLY) != 0) {
        puts("no userfaultfd");
        return 0;
    }
    volatile char *touched = area;
    char loaded = touched[3];
    touched[PAGE + 5] = '!';
    printf("load %c, store %.8s, %d pages\n", loaded, area + PAGE, supplied);
    fflush(stdout);
    if (all)
        kernel_touches();
    execute("code", area + CODE * PAGE);
    execute("again", area + CODE * PAGE);
    execute("across", area + (CODE + 2) * PAGE - HALF);
    wait_signalled(all ? 0 : UFFD_USER_MODE_ONLY);
    source[CODE * PAGE + sizeof code] = 1;
    madvise(area + CODE * PAGE, PAGE, MADV_DONTNEED);
    execute("dropped", area + CODE * PAGE);
    return 0;
}
