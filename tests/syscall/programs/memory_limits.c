/* RLIMIT_AS and RLIMIT_DATA: what they allow and refuse, what getrlimit, prlimit and /proc show, and what children of all kinds get:
 * forked ones, programs that they execute, foreign and native. The translator's own memory does not count.
 *
 * build: -O2 dynamic; -O2 static
 * dual: no
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

static char *self;

static void show(const char *what, int ok)
{
    if (ok)
        printf("  %s: yes\n", what);
    else
        printf("  %s: errno %d\n", what, errno);
}

static void *map(size_t size, int prot, int flags)
{
    void *p = mmap(NULL, size, prot, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void set(int resource, rlim_t soft, rlim_t hard)
{
    show("setrlimit", setrlimit(resource, &(struct rlimit){ soft, hard }) == 0);
}

static void print_limits(void)
{
    struct rlimit l;
    char line[200];
    FILE *f = fopen("/proc/self/limits", "r");
    getrlimit(RLIMIT_AS, &l);
    printf("  AS %llx %llx", (unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
    prlimit(0, RLIMIT_DATA, NULL, &l);
    printf(" DATA %llx %llx\n", (unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "address") || strstr(line, "data size") || strstr(line, "Soft"))
            printf("  %s", line);
    if (f)
        fclose(f);
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
    printf("  status %x\n", status);
}

static void address_space(void)
{
    set(RLIMIT_AS, 256 * MB, 256 * MB);
    print_limits();
    char *a = map(200 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE), *below = a - 20 * MB;
    show("200 MB", a != NULL);
    show("100 MB more", map(100 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
    show("100 MB more, PROT_NONE", map(100 * MB, PROT_NONE, MAP_PRIVATE) != NULL);
    show("100 MB more, shared", map(100 * MB, PROT_READ, MAP_SHARED) != NULL);
    show("220 MB in its place", mmap(below, 220 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == below);
    show("300 MB in its place", mmap(a - 100 * MB, 300 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    show("remapped to 300", mremap(below, 220 * MB, 300 * MB, MREMAP_MAYMOVE) != MAP_FAILED);
    show("remapped to 180", mremap(below, 220 * MB, 180 * MB, MREMAP_MAYMOVE) == below);
    show("sbrk", sbrk(100 * MB) != (void *)-1);
    int id = shmget(IPC_PRIVATE, 100 * MB, IPC_CREAT | 0600);
    show("shmat", shmat(id, NULL, 0) != (void *)-1);
    show("unmapped", munmap(below, 180 * MB) == 0);
    show("shmat", shmat(id, NULL, 0) != (void *)-1);
    shmctl(id, IPC_RMID, NULL);
    show("sbrk", sbrk(30 * MB) != (void *)-1);
    show("malloc", malloc(200 * MB) != NULL);
    show("malloc", malloc(60 * MB) != NULL);
    set(RLIMIT_AS, 300 * MB, 200 * MB);
    set(RLIMIT_AS, 1 * MB, 256 * MB);
    show("a page", map(4096, PROT_READ, MAP_PRIVATE) != NULL);
    set(RLIMIT_AS, 256 * MB, 256 * MB);
    show("a page", map(4096, PROT_READ, MAP_PRIVATE) != NULL);
}

static void data(void)
{
    set(RLIMIT_DATA, 64 * MB, RLIM_INFINITY);
    print_limits();
    char *none = map(100 * MB, PROT_NONE, MAP_PRIVATE);
    show("100 MB", map(100 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
    show("100 MB read-only", map(100 * MB, PROT_READ, MAP_PRIVATE) != NULL);
    show("100 MB shared", map(100 * MB, PROT_READ | PROT_WRITE, MAP_SHARED) != NULL);
    show("100 MB made writable", mprotect(none, 100 * MB, PROT_READ | PROT_WRITE) == 0);
    show("30 MB made writable", mprotect(none, 30 * MB, PROT_READ | PROT_WRITE) == 0);
    show("50 MB made writable", mprotect(none, 50 * MB, PROT_READ | PROT_WRITE) == 0);
    show("sbrk", sbrk(50 * MB) != (void *)-1);
    show("sbrk", sbrk(10 * MB) != (void *)-1);
    set(RLIMIT_DATA, 0, RLIM_INFINITY);
    show("1 MB, soft limit 0", map(1 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
    set(RLIMIT_DATA, 4096, RLIM_INFINITY);
    show("1 MB, soft limit 4096", map(1 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
}

static void *lowers(void *arg)
{
    set(RLIMIT_AS, 400 * MB, 500 * MB);
    return arg;
}

static void programs(void)
{
    pthread_t t;
    int status;
    pthread_create(&t, NULL, lowers, NULL);
    pthread_join(t, NULL);
    set(RLIMIT_DATA, 50 * MB, 60 * MB);
    fflush(stdout);
    if (fork() == 0)
        execl(self, self, "again", NULL);
    wait(&status);
    printf("  status %x\n", status);
    fflush(stdout);
    if (fork() == 0)
        execl("/bin/sh", "sh", "-c", "echo '  native:' `ulimit -Sv` `ulimit -Hv` `ulimit -Sd` `ulimit -Hd`", NULL);
    wait(&status);
    printf("  status %x\n", status);
    fflush(stdout);
    show("exec of nothing", execl("/nonexistent", "nonexistent", NULL) == 0);
    print_limits();
}

static void vforked(void)
{
    int status;
    for (volatile int native = 0; native < 2; native++) {
        fflush(stdout);
        if (vfork() == 0) {
            struct rlimit small = { 90 * MB, 300 * MB };
            setrlimit(RLIMIT_AS, &small);
            if (native)
                execl("/bin/sh", "sh", "-c", "echo '  native:' `ulimit -Sv` `ulimit -Hv`", NULL);
            execl(self, self, "again", NULL);
            _exit(3);
        }
        wait(&status);
        printf("  status %x\n", status);
    }
    print_limits();
}

/* A vfork's child that forks: its child's limits are for its child's mappings. */
static void vforked_fork(void)
{
    int status = -1;
    if (vfork() == 0) {
        struct rlimit small = { 64 * MB, 300 * MB };
        setrlimit(RLIMIT_AS, &small);
        volatile pid_t pid = fork();
        if (pid == 0) {
            int bits = map(100 * MB, PROT_READ, MAP_PRIVATE) != NULL;
            small.rlim_cur = 250 * MB;
            setrlimit(RLIMIT_AS, &small);
            _exit(bits + 2 * (map(100 * MB, PROT_READ, MAP_PRIVATE) != NULL));
        }
        waitpid(pid, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    wait(&status);
    printf("  status %x\n", status);
    show("100 MB", map(100 * MB, PROT_READ, MAP_PRIVATE) != NULL);
}

static void nobody(void)
{
    if (getuid() == 0 && setuid(65534) < 0)
        perror("setuid");
    set(RLIMIT_AS, 100 * MB, 256 * MB);
    set(RLIMIT_AS, 256 * MB, 256 * MB);
    set(RLIMIT_AS, 256 * MB, 300 * MB);
    set(RLIMIT_AS, 256 * MB, RLIM_INFINITY);
    print_limits();
}

static int by_parent(void)
{
    struct rlimit old, limit = { 64 * MB, 64 * MB };
    int pipes[2], status;
    if (pipe(pipes) < 0)
        return 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(pipes[1]);
        show("waited", read(pipes[0], &c, 1) == 0);
        print_limits();
        show("100 MB", map(100 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
        fflush(stdout);
        _exit(0);
    }
    show("prlimit", prlimit(pid, RLIMIT_AS, &limit, &old) == 0);
    fflush(stdout);
    close(pipes[0]);
    close(pipes[1]);
    waitpid(pid, &status, 0);
    printf("  status %x\n", status);
    return 0;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1) {
        printf(" %s\n", argv[1]);
        print_limits();
        show("40 MB", map(40 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
        show("60 MB", map(60 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != NULL);
        show("300 MB", map(300 * MB, PROT_NONE, MAP_PRIVATE) != NULL);
        show("300 MB", map(300 * MB, PROT_NONE, MAP_PRIVATE) != NULL);
        return 0;
    }
    print_limits();
    in_child("address space", address_space);
    in_child("data", data);
    in_child("programs", programs);
    in_child("vfork", vforked);
    in_child("fork in vfork's child", vforked_fork);
    in_child("without privileges", nobody);
    printf("set by the parent\n");
    return by_parent();
}
