/* clone3 with CLONE_THREAD and set_tid: the thread has that number, or the caller the kernel's reason why not.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 65536 };

/* clone3 whose thread stores its number at `done` and ends. */
static long start(struct clone_args *args, volatile int *done)
{
    static const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    args->flags = flags;
    args->stack = (uintptr_t)stack;
    args->stack_size = STACK - 64;   /* the thread's first frame may be read above */
    *done = 0;
#ifdef __riscv
    register long r __asm__("a0") = (long)args, size __asm__("a1") = sizeof *args, nr __asm__("a7") = SYS_clone3;
    __asm__ volatile("ecall\n bnez a0, 1f\n li a7, 178\n ecall\n sw a0, 0(%3)\n li a0, 0\n li a7, 93\n ecall\n1:"
                     : "+r"(r), "+r"(nr) : "r"(size), "r"(done) : "memory");
#elif defined __aarch64__
    register long r __asm__("x0") = (long)args, size __asm__("x1") = sizeof *args, nr __asm__("x8") = SYS_clone3;
    __asm__ volatile("svc 0\n cbnz x0, 1f\n mov x8, 178\n svc 0\n str w0, [%3]\n mov x0, 0\n mov x8, 93\n svc 0\n1:"
                     : "+r"(r), "+r"(nr) : "r"(size), "r"(done) : "memory");
#else
    long r = SYS_clone3;
    __asm__ volatile("syscall\n test %%rax, %%rax\n jnz 1f\n mov $186, %%eax\n syscall\n mov %%eax, (%%rbx)\n xor %%edi, %%edi\n"
                     "mov $60, %%eax\n syscall\n1:"
                     : "+a"(r) : "D"(args), "S"(sizeof *args), "b"(done) : "rcx", "r11", "memory");
#endif
    for (int i = 0; r > 0 && !*done && i < 5000; i++)
        usleep(1000);
    return r;
}

static volatile int done;

static void attempt(const char *what, const int *tids, unsigned long n)
{
    struct clone_args args = { .set_tid = (uintptr_t)tids, .set_tid_size = n };
    long r = start(&args, &done);
    if (r < 0)
        printf("%s: %ld\n", what, r);
    else
        printf("%s: has it %d, knows it %d\n", what, !tids || r == tids[0], done == r);
}

/* A number that is free: of a process that has ended. */
static int unused(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    return pid;
}

int main(void)
{
    int tid = getpid(), bad[] = { 0, -5, 1 << 30 };
    attempt("any", NULL, 0);
    attempt("size without numbers", NULL, 1);
    attempt("numbers without size", &tid, 0);
    attempt("too many", &tid, 33);
    attempt("nowhere", (const int *)16, 1);
    for (int i = 0; i < 3; i++)
        attempt("no such number", &bad[i], 1);
    attempt("this process's", &tid, 1);
    for (int i = 0; i < 5; i++) {
        tid = unused();
        attempt("a free one", &tid, 1);
    }
    if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 1;
    tid = unused();
    attempt("without privileges", &tid, 1);
    bad[0] = 0;
    attempt("a bad one without privileges", bad, 1);
    return 0;
}
