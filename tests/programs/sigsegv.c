/* SIGSEGV handlers: reading si_addr and si_code, editing registers and the pc, jumping out, faults in
 * reads and writes, on pages without permission, and SIGBUS behind the end of a file.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf out;
static volatile int code;
static char *volatile address;
extern char fault_insn[], after_fault[];

#ifdef __riscv
#define FAULTING_LOAD(reg, from)                                                          \
    __asm__ volatile(".globl fault_insn, after_fault\nfault_insn: ld a0, 0(%1)\nafter_fault: mv %0, a0" \
                     : "=r"(reg) : "r"(from) : "a0", "memory")
#define PC(context) (context)->uc_mcontext.__gregs[REG_PC]
#define RESULT(context) (context)->uc_mcontext.__gregs[REG_A0]
#elif defined __aarch64__
#define FAULTING_LOAD(reg, from)                                                          \
    __asm__ volatile(".globl fault_insn, after_fault\nfault_insn: ldr x0, [%1]\nafter_fault: mov %0, x0" \
                     : "=r"(reg) : "r"(from) : "x0", "memory")
#define PC(context) (context)->uc_mcontext.pc
#define RESULT(context) (context)->uc_mcontext.regs[0]
#else
#define FAULTING_LOAD(reg, from)                                                          \
    __asm__ volatile(".globl fault_insn, after_fault\nfault_insn: mov (%1), %%rax\nafter_fault: mov %%rax, %0" \
                     : "=r"(reg) : "r"(from) : "rax", "memory")
#define PC(context) (context)->uc_mcontext.gregs[REG_RIP]
#define RESULT(context) (context)->uc_mcontext.gregs[REG_RAX]
#endif

static void step_over(int number, siginfo_t *info, void *data)
{
    ucontext_t *context = data;
    code = info->si_code + number * 100;
    address = info->si_addr;
    if ((unsigned long)PC(context) == (unsigned long)fault_insn) {
        PC(context) = (__typeof__(PC(context)))(unsigned long)after_fault;
        RESULT(context) = 4242;
    }
}

static void jump_out(int number, siginfo_t *info, void *data)
{
    (void)data;
    code = info->si_code + number * 100;
    address = info->si_addr;
    siglongjmp(out, 1);
}

static void unprotect(int number, siginfo_t *info, void *data)
{
    (void)data;
    code = info->si_code + number * 100;
    mprotect((void *)((unsigned long)info->si_addr & -4096ul), 4096, PROT_READ | PROT_WRITE);
}

static void install(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(number, &action, NULL);
}

__attribute__((noinline)) static long load(const long *from)
{
    long value;
    FAULTING_LOAD(value, from);
    return value;
}

int main(void)
{
    char *page = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);

    install(SIGSEGV, step_over);
    printf("%ld ", load((long *)(page + 4096 + 64)));
    printf("code %d offset %ld\n", code, (long)(address - page));
    long sum = 0;
    for (int i = 0; i < 300; i++) {
        sum += load((long *)(page + 4096 + 8 * i));
    }
    printf("%ld\n", sum);

    install(SIGSEGV, jump_out);
    static const int offsets[] = { 4096, 0, 4090, 8000 };
    for (volatile int i = 0; i < 4; i++) {
        volatile long kept = i * 1000;
        if (sigsetjmp(out, 1) == 0) {
            memset(page + offsets[i], 7, 64);
            puts("not reached");
        }
        printf("kept %ld code %d at %ld\n", kept, code, (long)(address - page));
    }
    if (sigsetjmp(out, 1) == 0) {
        ((void (*)(void))(page + 8192))();
    }
    printf("not executable: code %d at %ld\n", code, (long)(address - page));
    if (sigsetjmp(out, 1) == 0) {
        ((void (*)(void))(page + 4096))();
    }
    printf("not mapped: code %d at %ld\n", code, (long)(address - page));

    install(SIGSEGV, unprotect);
    *(volatile char *)(page + 8200) = 5;
    printf("unprotected: code %d value %d\n", code, page[8200]);

    FILE *file = tmpfile();
    fputs("short", file);
    fflush(file);
    char *mapped = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fileno(file), 0);
    install(SIGBUS, jump_out);
    if (sigsetjmp(out, 1) == 0) {
        printf("%c %d\n", mapped[0], mapped[5000]);
    }
    printf("bus: code %d at %ld\n", code, (long)(address - mapped));
    return 0;
}
