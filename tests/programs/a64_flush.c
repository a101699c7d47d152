/* FPCR.FZ: results and FPSR of denormal operands and tiny results, after FPSR was cleared and after everything was raised;
 * with SIGFPE blocked and ignored; in signal handlers, threads and children.
 * build: -O2; -O1 static
 * guest: aarch64
 * expect: below
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FZ = 1 << 24, DN = 1 << 25, IOC = 1, DZC = 2, OFC = 4, UFC = 8, IXC = 16, IDC = 128 };

static void set_fpcr(uint64_t v) { __asm__ volatile("msr fpcr, %0" : : "r"(v) : "memory"); }
static void set_fpsr(uint64_t v) { __asm__ volatile("msr fpsr, %0" : : "r"(v) : "memory"); }

static uint64_t fpcr(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, fpcr" : "=r"(v) : : "memory");
    return v;
}

static uint64_t fpsr(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, fpsr" : "=r"(v) : : "memory");
    return v;
}

static double bits(uint64_t v)
{
    double d;
    memcpy(&d, &v, 8);
    return d;
}

static uint64_t of(double d)
{
    uint64_t v;
    memcpy(&v, &d, 8);
    return v;
}

#define SMALLEST 0x0010000000000000u
#define ONE 0x3ff0000000000000u
#define INF 0x7ff0000000000000u
#define NAN_ 0x7ff8000000000123u
#define MINUS 0x8000000000000000u

static void show(const char *what, double r)
{
    uint64_t raised = fpsr(), v = of(r);

    printf(" %s %016llx%s%s%s%s%s%s", what, (unsigned long long)v, raised & IOC ? " IO" : "", raised & DZC ? " DZ" : "",
           raised & OFC ? " OF" : "", raised & UFC ? " UF" : "", raised & IXC ? " IX" : "", raised & IDC ? " ID" : "");
}

/* Each instruction under two states of FPSR: nothing raised yet; inexact and denormal raised already. */
#define CASE(name, insn, x, y)                                                                            \
    printf("%-18s", name);                                                                                \
    for (int k = 0; k < 2; k++) {                                                                         \
        double r = 0, a = bits(x), b = bits(y);                                                           \
        set_fpsr(k ? IXC | IDC : 0);                                                                      \
        __asm__ volatile(insn : "+w"(r) : "w"(a), "w"(b) : "cc", "memory");                               \
        show(k ? "|" : "", r);                                                                            \
    }                                                                                                     \
    puts("");

static void scalar(void)
{
    CASE("add exact", "fadd %d0, %d1, %d2", ONE, ONE)
    CASE("add inexact", "fadd %d0, %d1, %d2", ONE, 0x3ca0000000000001)
    CASE("add denormal", "fadd %d0, %d1, %d2", 1, MINUS | 2)
    CASE("add NaN denormal", "fadd %d0, %d1, %d2", NAN_, 2)
    CASE("sub tiny", "fsub %d0, %d1, %d2", SMALLEST + 1, SMALLEST)
    CASE("mul tiny", "fmul %d0, %d1, %d2", MINUS | SMALLEST, 0x3fe8000000000000)
    CASE("mul exactly tiny", "fmul %d0, %d1, %d2", SMALLEST, 0x3fe0000000000000)
    CASE("mul from below", "fmul %d0, %d1, %d2", SMALLEST + 1, 0x3feffffffffffffe)
    CASE("mul smallest", "fmul %d0, %d1, %d2", SMALLEST, ONE)
    CASE("mul denormal inf", "fmul %d0, %d1, %d2", 5, INF)
    CASE("mulx denormal inf", "fmulx %d0, %d1, %d2", 5, INF)
    CASE("div 0", "fdiv %d0, %d1, %d2", ONE, 0)
    CASE("div denormal 0", "fdiv %d0, %d1, %d2", 5, 0)
    CASE("div by denormal", "fdiv %d0, %d1, %d2", ONE, 5)
    CASE("div tiny", "fdiv %d0, %d1, %d2", SMALLEST, 0x4008000000000000)
    CASE("sqrt denormal", "fsqrt %d0, %d1", MINUS | 5, 0)
    CASE("fma tiny", "fmadd %d0, %d1, %d2, %d1", SMALLEST, 0xbfe8000000000000)
    CASE("to single tiny", "fcvt %s0, %d1", 0x3800000000000000, 0)
    CASE("to single up", "fcvt %s0, %d1", 0x380fffffffffffff, 0)
    CASE("to half tiny", "fcvt %h0, %d1", 0x3f00000000000001, 0)
    CASE("to int denormal", "fcvtzs %d0, %d1", 5, 0)
    CASE("to int inexact", "fcvtzu %d0, %d1", 0x3ff8000000000000, 0)
    CASE("round denormal", "frintp %d0, %d1", 5, 0)
    CASE("min denormals", "fmin %d0, %d1, %d2", MINUS | 5, 7)
    CASE("compare", "fcmgt %d0, %d1, %d2", 5, 0)
    CASE("compare NaN", "fcmeq %d0, %d1, %d2", NAN_, 5)
    CASE("fcmp", "fcmp %d1, %d2; cset x9, eq; fmov %d0, x9", 5, MINUS)
    CASE("fcmp NaN", "fcmp %d1, %d2; cset x9, vs; fmov %d0, x9", 5, NAN_)
    CASE("from int", "scvtf %d0, %d1", 0x20000000000001, 0)
    CASE("abs, neg", "fabs %d0, %d1; fneg %d0, %d0", MINUS | 5, 0)
}

static void vectors(void)
{
    CASE("lanes", "mov %0.d[0], %1.d[0]; mov %0.d[1], %2.d[0]; fmul %0.2d, %0.2d, %0.2d; ext %0.16b, %0.16b, %0.16b, 8", ONE,
         0x1ff0000000000001)
    CASE("lanes of singles", "fadd %0.2s, %1.2s, %2.2s", 0x0000000100800001, 0x3f80000080800000)
    CASE("halves", ".arch_extension fp16; fmul %0.4h, %1.4h, %2.4h", 0x3c003c0104000001, 0x3c013c0138003c00)
}

/* The smallest normal number, halved. */
static uint64_t tiny(void)
{
    double r, a = bits(SMALLEST), b = 0.5;

    __asm__ volatile("fmul %d0, %d1, %d2" : "=w"(r) : "w"(a), "w"(b) : "memory");
    return of(r);
}

/* Flags that come and go: each clearing must be seen. */
static void again(void)
{
    unsigned wrong = 0;

    for (unsigned k = 0; k < 1000; k++) {
        volatile double a = bits(k & 1 ? SMALLEST : ONE), b = bits(k & 2 ? 0x3fe0000000000000 : 0x3fd5555555555555), r;
        unsigned want = k & 1 ? UFC : 0;

        set_fpsr(0);
        r = a * b;
        wrong += fpsr() != want || (k & 1 && of(r));
        r = a * bits(5);
        wrong += fpsr() != (want | IDC) || of(r);
        r = a + bits(0x3ca0000000000001);
        wrong += fpsr() != (want | IDC | IXC);
    }
    printf("again: %u wrong\n", wrong);
}

static volatile uint64_t seen, seen_fpsr;

static void handler(int signo)
{
    seen = tiny();
    seen_fpsr = fpsr();
    set_fpsr(0);
    (void)signo;
}

static void show_tiny(const char *who)
{
    uint64_t before = fpsr(), r;

    set_fpsr(0);
    r = tiny();
    printf("%s: fpcr %llx, fpsr %llx, then %016llx %llx\n", who, (unsigned long long)fpcr(), (unsigned long long)before,
           (unsigned long long)r, (unsigned long long)fpsr());
}

/* A handler runs with the program's FPCR and FPSR, and gives them back. */
static void in_handler(void)
{
    signal(SIGUSR1, handler);
    set_fpsr(0);
    raise(SIGUSR1);
    printf("handler: %016llx %llx\n", (unsigned long long)seen, (unsigned long long)seen_fpsr);
    show_tiny("after it");
}

static void *thread(void *arg)
{
    show_tiny("thread");
    return arg;
}

static void child(void)
{
    if (fork() == 0) {
        show_tiny("child");
        _exit(0);
    }
    wait(NULL);
}

int main(void)
{
    sigset_t set;
    pthread_t t;

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGFPE);
    set_fpcr(FZ);
    scalar();
    vectors();
    signal(SIGFPE, SIG_IGN);
    again();
    signal(SIGFPE, SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    again();
    in_handler();
    set_fpsr(IDC);
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    set_fpsr(IDC);
    child();
    set_fpcr(FZ | DN);
    CASE("DN: NaN, denormal", "fadd %d0, %d1, %d2", NAN_, 5)
    set_fpcr(0);
    CASE("without FZ", "fmul %d0, %d1, %d2", SMALLEST, 0x3fe8000000000001)
    CASE("denormal", "fadd %d0, %d1, %d2", 5, 6)
    return 0;
}

/* output:
add exact           4000000000000000 | 4000000000000000 IX ID
add inexact         3ff0000000000001 IX | 3ff0000000000001 IX ID
add denormal        0000000000000000 ID | 0000000000000000 IX ID
add NaN denormal    7ff8000000000123 ID | 7ff8000000000123 IX ID
sub tiny            0000000000000000 UF | 0000000000000000 UF IX ID
mul tiny            8000000000000000 UF | 8000000000000000 UF IX ID
mul exactly tiny    0000000000000000 UF | 0000000000000000 UF IX ID
mul from below      0000000000000000 UF | 0000000000000000 UF IX ID
mul smallest        0010000000000000 | 0010000000000000 IX ID
mul denormal inf    7ff8000000000000 IO ID | 7ff8000000000000 IO IX ID
mulx denormal inf   4000000000000000 ID | 4000000000000000 IX ID
div 0               7ff0000000000000 DZ | 7ff0000000000000 DZ IX ID
div denormal 0      7ff8000000000000 IO ID | 7ff8000000000000 IO IX ID
div by denormal     7ff0000000000000 DZ ID | 7ff0000000000000 DZ IX ID
div tiny            0000000000000000 UF | 0000000000000000 UF IX ID
sqrt denormal       8000000000000000 ID | 8000000000000000 IX ID
fma tiny            0000000000000000 UF | 0000000000000000 UF IX ID
to single tiny      0000000000000000 UF | 0000000000000000 UF IX ID
to single up        0000000000000000 UF | 0000000000000000 UF IX ID
to half tiny        0000000000000200 UF IX | 0000000000000200 UF IX ID
to int denormal     0000000000000000 ID | 0000000000000000 IX ID
to int inexact      0000000000000001 IX | 0000000000000001 IX ID
round denormal      0000000000000000 ID | 0000000000000000 IX ID
min denormals       8000000000000000 ID | 8000000000000000 IX ID
compare             0000000000000000 ID | 0000000000000000 IX ID
compare NaN         0000000000000000 ID | 0000000000000000 IX ID
fcmp                0000000000000001 ID | 0000000000000001 IX ID
fcmp NaN            0000000000000001 ID | 0000000000000001 IX ID
from int            4340000000000000 IX | 4340000000000000 IX ID
abs, neg            8000000000000005 | 8000000000000005 IX ID
lanes               0000000000000000 UF | 0000000000000000 UF IX ID
lanes of singles    3f80000000000000 UF ID | 3f80000000000000 UF IX ID
halves              3c013c0202000001 IX | 3c013c0202000001 IX ID
again: 0 wrong
again: 0 wrong
handler: 0000000000000000 8
after it: fpcr 1000000, fpsr 0, then 0000000000000000 8
thread: fpcr 1000000, fpsr 80, then 0000000000000000 8
child: fpcr 1000000, fpsr 80, then 0000000000000000 8
DN: NaN, denormal   7ff8000000000000 ID | 7ff8000000000000 IX ID
without FZ          000c000000000000 UF IX | 000c000000000000 UF IX ID
denormal            000000000000000b | 000000000000000b IX ID
*/
