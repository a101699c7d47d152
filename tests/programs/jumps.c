/* setjmp and longjmp through many frames, sigsetjmp with the mask, computed goto.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static jmp_buf out;
static sigjmp_buf masked;

static int deep(int n, double keep)
{
    if (n == 0) {
        longjmp(out, (int)keep);
    }
    return deep(n - 1, keep + 1) + 1;
}

static long machine(const unsigned char *code, long n)
{
    static const void *labels[] = { &&add, &&twice, &&less, &&loop, &&end };
    long acc = 0;
    const unsigned char *pc = code;
    goto *labels[*pc];
add:
    acc += n;
    goto *labels[*++pc];
twice:
    acc = acc * 2 + 1;
    acc &= 0xfffffff;
    goto *labels[*++pc];
less:
    n--;
    goto *labels[*++pc];
loop:
    if (n) {
        pc = code;
        goto *labels[*pc];
    }
    goto *labels[*++pc];
end:
    return acc;
}

int main(void)
{
    for (volatile int i = 0; i < 5; i++) {
        int got = setjmp(out);
        if (got) {
            printf("back with %d\n", got);
        } else {
            deep(100 * (i + 1), i);
        }
    }
    for (volatile int i = 0; i < 20000; i++) {
        if (!_setjmp(out)) {
            deep(3, 4);
        }
    }
    sigset_t set, now;
    if (sigsetjmp(masked, 1) == 0) {
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        siglongjmp(masked, 9);
    }
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("blocked %d\n", sigismember(&now, SIGUSR1));
    printf("%ld\n", machine((const unsigned char[]){ 0, 1, 0, 2, 3, 4 }, 300000));
    return 0;
}
