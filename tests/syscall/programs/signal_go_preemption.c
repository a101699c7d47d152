/* Go's asynchronous preemption: a thread sends SIGURG to others in tight loops; the handler makes the interrupted code call a
 * function, by pushing the pc and setting another, which saves all registers, works, and returns to where it was.
 * build: -O2 dynamic; -O1 static
 * expect: below
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { THREADS = 3, PREEMPTIONS = 100 };
static volatile int stop;
static volatile long preempted[THREADS + 1];
extern char loop_begin[], loop_end[], async_preempt[];
static __thread int me;

void preempt_work(void) { preempted[me]++; }

#ifdef __riscv
/* sp was moved down by 16: ra's old value is at 8(sp), the pc to return to in ra. */
__asm__(".globl async_preempt\n.type async_preempt, @function\nasync_preempt:\n"
        "addi sp, sp, -256; sd ra, 0(sp); sd t0, 8(sp); sd t1, 16(sp); sd t2, 24(sp); sd a0, 32(sp); sd a1, 40(sp); sd a2, 48(sp);"
        "sd a3, 56(sp); sd a4, 64(sp); sd a5, 72(sp); sd a6, 80(sp); sd a7, 88(sp); sd t3, 96(sp); sd t4, 104(sp); sd t5, 112(sp);"
        "fsd fa0, 128(sp); fsd fa1, 136(sp); call preempt_work; ld t0, 8(sp); ld t1, 16(sp); ld t2, 24(sp); ld a0, 32(sp); ld a1, 40(sp);"
        "ld a2, 48(sp); ld a3, 56(sp); ld a4, 64(sp); ld a5, 72(sp); ld a6, 80(sp); ld a7, 88(sp); ld t3, 96(sp); ld t4, 104(sp);"
        "ld t5, 112(sp); fld fa0, 128(sp); fld fa1, 136(sp); ld t6, 0(sp); ld ra, 264(sp); addi sp, sp, 272; jr t6\n");

static void inject(ucontext_t *u)
{
    unsigned long *r = (unsigned long *)u->uc_mcontext.__gregs;
    r[2] -= 16;
    ((unsigned long *)r[2])[1] = r[1];
    r[1] = r[0];
    r[0] = (unsigned long)async_preempt;
}

static uint64_t pc_of(const ucontext_t *u) { return u->uc_mcontext.__gregs[0]; }

/* t6 is the preempting function's, as the linker's register is Go's. */
__attribute__((noinline, noclone)) static uint64_t loop(volatile int *stopped)
{
    uint64_t a, b;
    __asm__ volatile("li %0, 0; li %1, 0\n"
                     ".globl loop_begin, loop_end\nloop_begin: 1: addi %0, %0, 1; slli t0, %0, 1; add %1, %1, t0; sub %1, %1, %0; lw t1, 0(%2); beqz t1, 1b\nloop_end:\n"
                     : "=&r"(a), "=&r"(b) : "r"(stopped) : "t0", "t1", "t6", "ra", "memory");
    return b - (uint64_t)((unsigned __int128)a * (a + 1) / 2);
}
#else
__asm__(".globl async_preempt\n.type async_preempt, %function\nasync_preempt:\n"
        "sub sp, sp, 256; stp x0, x1, [sp]; stp x2, x3, [sp, 16]; stp x4, x5, [sp, 32]; stp x6, x7, [sp, 48]; stp x8, x9, [sp, 64];"
        "stp x10, x11, [sp, 80]; stp x12, x13, [sp, 96]; stp x14, x15, [sp, 112]; stp x16, x17, [sp, 128]; stp x29, x30, [sp, 144];"
        "stp d0, d1, [sp, 160]; mrs x0, nzcv; str x0, [sp, 176]; bl preempt_work; ldr x0, [sp, 176]; msr nzcv, x0;"
        "ldp d0, d1, [sp, 160]; ldp x29, x30, [sp, 144]; ldp x16, x17, [sp, 128]; ldp x14, x15, [sp, 112]; ldp x12, x13, [sp, 96];"
        "ldp x10, x11, [sp, 80]; ldp x8, x9, [sp, 64]; ldp x6, x7, [sp, 48]; ldp x4, x5, [sp, 32]; ldp x2, x3, [sp, 16];"
        "ldp x0, x1, [sp]; mov x27, x30; ldr x30, [sp, 264]; add sp, sp, 272; br x27\n");

static void inject(ucontext_t *u)
{
    u->uc_mcontext.sp -= 16;
    ((uint64_t *)u->uc_mcontext.sp)[1] = u->uc_mcontext.regs[30];
    u->uc_mcontext.regs[30] = u->uc_mcontext.pc;
    u->uc_mcontext.pc = (uint64_t)async_preempt;
}

static uint64_t pc_of(const ucontext_t *u) { return u->uc_mcontext.pc; }

__attribute__((noinline, noclone)) static uint64_t loop(volatile int *stopped)
{
    uint64_t a, b;
    __asm__ volatile("mov %0, 0; mov %1, 0\n"
                     ".globl loop_begin, loop_end\nloop_begin: 1: add %0, %0, 1; lsl x9, %0, 1; adds %1, %1, x9; sub %1, %1, %0; ldr w10, [%2]; cbz w10, 1b\nloop_end:\n"
                     : "=&r"(a), "=&r"(b) : "r"(stopped) : "x9", "x10", "x27", "x30", "memory", "cc");
    return b - (uint64_t)((unsigned __int128)a * (a + 1) / 2);
}
#endif

static void on_urg(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    uint64_t pc = pc_of(context);
    if (pc >= (uint64_t)loop_begin && pc < (uint64_t)loop_end)
        inject(context);
}

static pid_t tids[THREADS + 1];
static uint64_t results[THREADS + 1];

static void *worker(void *arg)
{
    stack_t own = { .ss_sp = malloc(65536), .ss_size = 65536 };   /* a frame on the thread's stack would be in inject()'s way */
    sigaltstack(&own, NULL);
    me = (int)(intptr_t)arg;
    __atomic_store_n(&tids[me], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    results[me] = loop(&stop);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS + 1];
    struct sigaction action = { .sa_sigaction = on_urg, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
    sigaction(SIGURG, &action, NULL);
    for (intptr_t i = 1; i <= THREADS; i++)
        pthread_create(&threads[i], NULL, worker, (void *)i);
    for (int i = 1; i <= THREADS; i++)
        while (!__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE))
            usleep(100);
    usleep(1000);
    for (int n = 0, least = 0; n < 100000 && least < PREEMPTIONS; n++) {
        syscall(SYS_tgkill, getpid(), tids[1 + n % THREADS], SIGURG);
        usleep(n % 50);
        least = PREEMPTIONS;
        for (int i = 1; i <= THREADS; i++)
            least = preempted[i] < least ? (int)preempted[i] : least;
    }
    stop = 1;
    uint64_t wrong = 0;
    int enough = 1;
    for (int i = 1; i <= THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong |= results[i];
        enough &= preempted[i] >= PREEMPTIONS;
    }
    printf("wrong %d, preempted %d\n", wrong != 0, enough);
    return 0;
}

/* output:
wrong 0, preempted 1
*/
