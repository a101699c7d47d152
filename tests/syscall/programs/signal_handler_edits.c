/* A SIGSEGV handler that edits pc, registers, flags, FP and vector registers, rounding mode and exception flags and returns; what
 * a handler does with FP of its own is undone; a frame that makes no sense is a SIGSEGV.
 * build: -O2 dynamic; -O1 static
 * expect: below
 */
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

extern char fault[], resume[];
static char *guard;

#ifdef __riscv
enum { NFLAGS = 0 };

static void edit(ucontext_t *u)
{
    double f = 2.5;
    u->uc_mcontext.__gregs[0] = (uint64_t)resume;
    for (int i = 28; i < 32; i++)   /* t3 ... t6 */
        u->uc_mcontext.__gregs[i] = 1000u + (unsigned)i;
    for (int i = 0; i < 32; i++, f += 1)
        memcpy(&u->uc_mcontext.__fpregs.__d.__f[i], &f, 8);
    u->uc_mcontext.__fpregs.__d.__fcsr = 3 << 5 | 0x1f;   /* up, all flags */
}

static void check(void)
{
    uint64_t r[4], fcsr;
    double f[4];
    __asm__ volatile(".globl fault, resume\n"
                     "li t3, 1; li t4, 2; li t5, 3; li t6, 4\n"
                     "fault: lb t3, 0(%9); li t3, 9; li t4, 9\n"
                     "resume: mv %0, t3; mv %1, t4; mv %2, t5; mv %3, t6; fsd ft0, 0(%8); fsd fa0, 8(%8); fsd fs5, 16(%8); fsd ft11, 24(%8);"
                     "frcsr %4; fscsr zero"
                     : "=&r"(r[0]), "=&r"(r[1]), "=&r"(r[2]), "=&r"(r[3]), "=&r"(fcsr)
                     : "r"(0), "r"(0), "r"(0), "r"(f), "r"(guard)
                     : "t3", "t4", "t5", "t6", "memory", "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "ft8", "ft9", "ft10",
                       "ft11", "fs0", "fs1", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "fa0", "fa1",
                       "fa2", "fa3", "fa4", "fa5", "fa6", "fa7");
    printf("registers %d\n", r[0] == 1028 && r[1] == 1029 && r[2] == 1030 && r[3] == 1031);
    printf("FP registers %d\n", f[0] == 2.5 && f[1] == 12.5 && f[2] == 23.5 && f[3] == 33.5);
    printf("FP status %d\n", fcsr == (3 << 5 | 0x1f));
}

/* The kernel knows no extension record with this magic. */
static void corrupt(ucontext_t *u)
{
    memset((char *)&u->uc_mcontext.__fpregs + 516, 0xee, 8);
}
#else
static void edit(ucontext_t *u)
{
    struct fpsimd_context *fp = (void *)u->uc_mcontext.__reserved;
    u->uc_mcontext.pc = (uint64_t)resume;
    u->uc_mcontext.pstate = (u->uc_mcontext.pstate & ~0xf0000000ull) | 0x90000000;   /* N and V */
    for (int i = 9; i < 13; i++)
        u->uc_mcontext.regs[i] = 1000u + (unsigned)i;
    for (int i = 0; i < 32; i++) {
        double f[2] = { 2.5 + i, -i };
        memcpy(&fp->vregs[i], f, 16);
    }
    fp->fpcr = 1 << 22;   /* up */
    fp->fpsr = 0x1f | 1 << 27;
}

static void check(void)
{
    uint64_t r[4], nzcv, fpcr, fpsr;
    double f[6];
    __asm__ volatile(".globl fault, resume\n"
                     "mov x9, 1; mov x10, 2; mov x11, 3; mov x12, 4; cmp x9, x9\n"
                     "fault: ldrb w9, [%8]; mov x9, 9; mov x10, 9\n"
                     "resume: str q0, [%7]; str q10, [%7, 16]; str q31, [%7, 32]; mrs %4, nzcv; mrs %5, fpcr; mrs %6, fpsr;"
                     "msr fpcr, xzr; msr fpsr, xzr; mov %0, x9; mov %1, x10; mov %2, x11; mov %3, x12"
                     : "=&r"(r[0]), "=&r"(r[1]), "=&r"(r[2]), "=&r"(r[3]), "=&r"(nzcv), "=&r"(fpcr), "=&r"(fpsr)
                     : "r"(f), "r"(guard)
                     : "x9", "x10", "x11", "x12", "memory", "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",
                       "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
                       "v26", "v27", "v28", "v29", "v30", "v31");
    printf("registers %d\n", r[0] == 1009 && r[1] == 1010 && r[2] == 1011 && r[3] == 1012 && nzcv == 0x90000000);
    printf("FP registers %d\n", f[0] == 2.5 && f[1] == 0 && f[2] == 12.5 && f[3] == -10 && f[4] == 33.5 && f[5] == -31);
    printf("FP status %d\n", fpcr == 1 << 22 && fpsr == (0x1f | 1 << 27));
}

/* The list of records ends before the FP record. */
static void corrupt(ucontext_t *u)
{
    memset(u->uc_mcontext.__reserved, 0, 16);
}
#endif

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    if (info->si_addr == guard)
        edit(context);
}

static void on_signal(int number)
{
    volatile double x = number;
    fesetround(FE_TOWARDZERO);
    feraiseexcept(FE_ALL_EXCEPT);
    for (int i = 0; i < 20; i++)
        x = x * 1.5 + 0.1;
}

static void on_corrupt(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    corrupt(context);
}

static sigjmp_buf out;
static int corrupt_code = -1;
static void after_corrupt(int number, siginfo_t *info, void *context)
{
    (void)context;
    corrupt_code = number * 1000 + info->si_code;
    siglongjmp(out, 1);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(number, &action, NULL);
}

int main(void)
{
    guard = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    setvbuf(stdout, NULL, _IONBF, 0);
    handle(SIGSEGV, on_fault);
    check();

    signal(SIGUSR1, on_signal);
    fesetround(FE_DOWNWARD);
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    raise(SIGUSR1);
    printf("a handler's FP undone: %d %d\n", fegetround() == FE_DOWNWARD, fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO);
    fesetround(FE_TONEAREST);

    handle(SIGUSR2, on_corrupt);
    handle(SIGSEGV, after_corrupt);
    if (sigsetjmp(out, 1) == 0)
        raise(SIGUSR2);
    printf("corrupt frame: %d\n", corrupt_code == SIGSEGV * 1000 + SI_KERNEL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGUSR2);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    printf("and fatal: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    return 0;
}

/* output:
registers 1
FP registers 1
FP status 1
a handler's FP undone: 1 1
corrupt frame: 1
and fatal: 1
*/
