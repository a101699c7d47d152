/* SIGILL and SIGTRAP from instructions, handlers that see the pc and go on behind it.
 * build: -O2 dynamic; -O0 static
 */
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

extern char bad_insn[], after_bad[], break_insn[], after_break[];
static volatile int hits, number_seen;
static void *volatile address;

#ifdef __riscv
#define PC(context) (context)->uc_mcontext.__gregs[REG_PC]
#define BAD ".half 0\n.half 0\n"
#define BREAK ".option push\n.option norvc\nebreak\n.option pop\n"
enum { TRAP_IS_AFTER = 0 };
#elif defined __aarch64__
#define PC(context) (context)->uc_mcontext.pc
#define BAD ".inst 0\n"
#define BREAK "brk 0\n"
enum { TRAP_IS_AFTER = 0 };
#else
#define PC(context) (context)->uc_mcontext.gregs[REG_RIP]
#define BAD "ud2\n"
#define BREAK "int3\n"
enum { TRAP_IS_AFTER = 1 };
#endif

static void handler(int number, siginfo_t *info, void *data)
{
    ucontext_t *context = data;
    hits++;
    number_seen = number;
    address = info->si_addr;
    unsigned long pc = (unsigned long)PC(context);
    if (number == SIGILL) {
        printf("ILL %d %d\n", pc == (unsigned long)bad_insn, info->si_addr == bad_insn);
        PC(context) = (__typeof__(PC(context)))(unsigned long)after_bad;
    } else {
        printf("TRAP %d\n", pc == (unsigned long)(TRAP_IS_AFTER ? after_break : break_insn));
        PC(context) = (__typeof__(PC(context)))(unsigned long)after_break;
    }
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    for (int i = 0; i < 3; i++) {
        __asm__ volatile(".globl bad_insn, after_bad\n"
                         "bad_insn: " BAD "after_bad:\n" ::: "memory");
        printf("after illegal, %d hits, signal %d\n", hits, number_seen);
        __asm__ volatile(".globl break_insn, after_break\n"
                         "break_insn: " BREAK "after_break:\n" ::: "memory");
        printf("after break, %d hits, signal %d\n", hits, number_seen);
    }
    return 0;
}
