/* An asynchronous signal in a loop without system calls: it arrives within a millisecond, and the frame's pc, registers, flags
 * and vector registers are those of one instruction boundary of the loop, as Go's preemption needs.
 * build: -O2 dynamic; -O1 static
 * expect: below
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

/* The loop counts i up; a is 3 i, b is ~i, c is i in floating point (twice in a vector), and in each step they change in this
 * order. So at each pc between the labels the four values tell which of them have been changed already. `stop` ends it. */
extern char loop_i[], loop_a[], loop_b[], loop_c[], loop_end[];
static volatile uint64_t stop, wrong, seen, outside;

#ifdef __riscv
static void loop(void)
{
    __asm__ volatile("li t0, 0; li t1, 0; li t2, -1; fmv.d.x ft0, zero; li t3, 1; fcvt.d.l ft1, t3\n"
                     ".globl loop_i, loop_a, loop_b, loop_c, loop_end\n"
                     "loop_i: addi t0, t0, 1\n"
                     "loop_a: addi t1, t1, 3\n"
                     "loop_b: addi t2, t2, -1\n"
                     "loop_c: fadd.d ft0, ft0, ft1\n"
                     "loop_end: ld t4, 0(%0); beqz t4, loop_i" ::"r"(&stop)
                     : "t0", "t1", "t2", "t3", "t4", "ft0", "ft1", "memory");
}

static void values(const ucontext_t *u, uint64_t *pc, uint64_t v[4])
{
    double c;
    memcpy(&c, &u->uc_mcontext.__fpregs.__d.__f[0], 8);
    *pc = u->uc_mcontext.__gregs[0];
    v[0] = u->uc_mcontext.__gregs[5];
    v[1] = u->uc_mcontext.__gregs[6];
    v[2] = u->uc_mcontext.__gregs[7];
    v[3] = (uint64_t)c;
}

static int flags_right(const ucontext_t *u, uint64_t pc, uint64_t i) { return u && pc && i; }
#else
static void loop(void)
{
    __asm__ volatile("mov x9, 0; mov x10, 0; mov x11, -1; movi v0.2d, 0; fmov v1.2d, 1.0; cmp x9, 1\n"
                     ".globl loop_i, loop_a, loop_b, loop_c, loop_end\n"
                     "loop_i: adds x9, x9, 1\n"
                     "loop_a: add x10, x10, 3\n"
                     "loop_b: subs x11, x11, 1\n"
                     "loop_c: fadd v0.2d, v0.2d, v1.2d\n"
                     "loop_end: ldr x12, [%0]; cbz x12, loop_i" ::"r"(&stop)
                     : "x9", "x10", "x11", "x12", "v0", "v1", "memory", "cc");
}

static void values(const ucontext_t *u, uint64_t *pc, uint64_t v[4])
{
    const struct fpsimd_context *fp = (const void *)u->uc_mcontext.__reserved;
    double c[2];
    memcpy(c, &fp->vregs[0], 16);
    *pc = u->uc_mcontext.pc;
    v[0] = u->uc_mcontext.regs[9];
    v[1] = u->uc_mcontext.regs[10];
    v[2] = u->uc_mcontext.regs[11];
    v[3] = fp->head.magic == FPSIMD_MAGIC && c[0] == c[1] ? (uint64_t)c[0] : ~0ull;
}

/* After adds: none. After subs of a negative number: N and C. */
static int flags_right(const ucontext_t *u, uint64_t pc, uint64_t i)
{
    unsigned nzcv = (unsigned)(u->uc_mcontext.pstate >> 28);
    return i < 2 || nzcv == (pc > (uint64_t)loop_i && pc <= (uint64_t)loop_b ? 0 : 10);
}
#endif

static void look(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    uint64_t pc, v[4];
    values(context, &pc, v);
    if (pc < (uint64_t)loop_i || pc > (uint64_t)loop_end + 8) {
        outside++;
        return;
    }
    uint64_t i = v[0], old = i - 1;
    uint64_t a = pc <= (uint64_t)loop_a && pc > (uint64_t)loop_i ? old : i;
    uint64_t b = pc <= (uint64_t)loop_b && pc > (uint64_t)loop_i ? old : i;
    uint64_t c = pc <= (uint64_t)loop_c && pc > (uint64_t)loop_i ? old : i;
    wrong += v[1] != 3 * a || v[2] != ~b || v[3] != c || !flags_right(context, pc, i);
    seen++;
    if (seen + outside >= 300)
        stop = 1;
}

static volatile int landed;
static void land(int number) { landed = number; }

static int late(void)
{
    int late = 0;
    signal(SIGALRM, land);
    for (int i = 0; i < 200; i++) {
        struct timespec a, b;
        struct itimerval once = { .it_value = { 0, 500 } };
        landed = 0;
        clock_gettime(CLOCK_MONOTONIC, &a);
        setitimer(ITIMER_REAL, &once, NULL);
        while (!landed) {
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        late += (b.tv_sec - a.tv_sec) * 1000000000l + b.tv_nsec - a.tv_nsec > 1500000;
    }
    return late;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = look, .sa_flags = SA_SIGINFO };
    struct itimerval timer = { { 0, 500 }, { 0, 500 } };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    loop();
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    printf("seen enough %d, wrong %d, outside few %d\n", seen > 250, (int)wrong, outside < 50);
    int worst = 200;   /* another process on the core may be late for us: the best of three */
    for (int i = 0; i < 3 && worst > 20; i++) {
        int n = late();
        worst = n < worst ? n : worst;
    }
    printf("mostly within a millisecond: %d\n", worst <= 100);
    return 0;
}

/* output:
seen enough 1, wrong 0, outside few 1
mostly within a millisecond: 1
*/
