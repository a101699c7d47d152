/* Deep recursion, large frames, alloca, nested functions on the stack, mutual recursion.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <alloca.h>
#include <stdio.h>
#include <string.h>

static int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static int ackermann(int m, int n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static int odd(unsigned n);

__attribute__((noinline)) static int even(unsigned n)
{
    return n == 0 ? 1 : odd(n - 1);
}

__attribute__((noinline)) static int odd(unsigned n)
{
    return n == 0 ? 0 : even(n - 1);
}

__attribute__((noinline)) static long deep(int n)
{
    volatile signed char frame[300];
    frame[n % 300] = (signed char)n;
    return n == 0 ? 0 : deep(n - 1) + frame[n % 300];
}

__attribute__((noinline)) static unsigned long spread(size_t n)
{
    unsigned char *block = alloca(n);
    memset(block, (int)n, n);
    unsigned char vla[n % 97 + 1];
    memset(vla, 3, sizeof vla);
    return block[n / 2] + vla[n % 97] + (n > 3000 ? spread(n / 2) : 0);
}

static int hanoi(int n, int from, int to, int via, unsigned *h)
{
    if (n == 0) {
        return 0;
    }
    int moves = hanoi(n - 1, from, via, to, h);
    *h = *h * 31 + (unsigned)(from * 4 + to);
    return moves + 1 + hanoi(n - 1, via, to, from, h);
}

int main(void)
{
    unsigned h = 0;
    int moves = hanoi(14, 0, 2, 1, &h);
    printf("%d %d %d %d\n", fib(24), ackermann(2, 300), even(30000), odd(7));
    printf("%ld %lu %d %u\n", deep(15000), spread(3000000), moves, h);
    return 0;
}
