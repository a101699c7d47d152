/* SIGBUS of misaligned exclusive, ordered and atomic accesses: si_addr is the address (arch/arm64/mm/fault.c,
 * do_alignment_fault()), that of a misaligned pc the pc. Plain accesses may be misaligned.
 * build: -O2 -march=armv8.4-a; -O0 -march=armv8.4-a static
 * guest: aarch64
 * expect: below
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

static sigjmp_buf out;
static siginfo_t seen;
static char memory[64] __attribute__((aligned(64)));

static void jump_out(int number, siginfo_t *info, void *data)
{
    (void)number;
    (void)data;
    seen = *info;
    siglongjmp(out, 1);
}

#define TRY(text, offset)                                                                                \
    do {                                                                                                 \
        if (sigsetjmp(out, 1) == 0) {                                                                    \
            __asm__ volatile("mov x10, %0\n" text "\n"                                                   \
                             :: "r"(memory + (offset))                                                   \
                             : "x0", "x1", "x2", "x3", "x4", "x10", "memory");                           \
            printf("%-24s fine\n", text);                                                                \
        } else {                                                                                         \
            printf("%-24s signal %d code %d at %ld\n", text, seen.si_signo, seen.si_code,                \
                   (long)((char *)seen.si_addr - memory));                                               \
        }                                                                                                \
    } while (0)

int main(void)
{
    struct sigaction action = { .sa_sigaction = jump_out, .sa_flags = SA_SIGINFO };

    sigaction(SIGBUS, &action, NULL);
    TRY("ldr x0, [x10]", 1);
    TRY("ldp q0, q1, [x10]", 3);
    TRY("ldxr x0, [x10]", 4);
    TRY("ldaxr w0, [x10]", 4);
    TRY("ldxrh w0, [x10]", 7);
    TRY("stxr w0, x1, [x10]", 12);
    TRY("ldxp x0, x1, [x10]", 8);
    TRY("ldxp w0, w1, [x10]", 4);
    TRY("stxp w0, x2, x3, [x10]", 24);
    TRY("ldar x0, [x10]", 1);
    TRY("ldarb w0, [x10]", 1);
    TRY("stlr w0, [x10]", 2);
    TRY("ldaprh w0, [x10]", 1);
    TRY("ldadd x0, x1, [x10]", 60);
    TRY("cas w0, w1, [x10]", 6);
    TRY("swpalh w0, w1, [x10]", 63);
    TRY("casp x0, x1, x2, x3, [x10]", 40);
    TRY("casp w0, w1, w2, w3, [x10]", 12);
    if (sigsetjmp(out, 1) == 0)
        ((void (*)(void))((uintptr_t)main + 2))();
    printf("pc: signal %d code %d at %ld\n", seen.si_signo, seen.si_code, (long)((uintptr_t)seen.si_addr - (uintptr_t)main));
    return 0;
}

/* output:
ldr x0, [x10]            fine
ldp q0, q1, [x10]        fine
ldxr x0, [x10]           signal 7 code 1 at 4
ldaxr w0, [x10]          fine
ldxrh w0, [x10]          signal 7 code 1 at 7
stxr w0, x1, [x10]       signal 7 code 1 at 12
ldxp x0, x1, [x10]       signal 7 code 1 at 8
ldxp w0, w1, [x10]       signal 7 code 1 at 4
stxp w0, x2, x3, [x10]   signal 7 code 1 at 24
ldar x0, [x10]           signal 7 code 1 at 1
ldarb w0, [x10]          fine
stlr w0, [x10]           signal 7 code 1 at 2
ldaprh w0, [x10]         signal 7 code 1 at 1
ldadd x0, x1, [x10]      signal 7 code 1 at 60
cas w0, w1, [x10]        signal 7 code 1 at 6
swpalh w0, w1, [x10]     signal 7 code 1 at 63
casp x0, x1, x2, x3, [x10] signal 7 code 1 at 40
casp w0, w1, w2, w3, [x10] signal 7 code 1 at 12
pc: signal 7 code 1 at 2
*/
