/* Calls and returns: Fibonacci, Ackermann, queens.
 * class: integer */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static unsigned fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

__attribute__((noinline)) static unsigned ackermann(unsigned m, unsigned n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

__attribute__((noinline)) static unsigned queens(unsigned all, unsigned columns, unsigned left, unsigned right)
{
    unsigned free_columns = all & ~(columns | left | right), count = columns == all;
    while (free_columns) {
        unsigned bit = free_columns & -free_columns;
        free_columns ^= bit;
        count += queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

int main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 37;
    printf("%u %u %u\n", fib(n), ackermann(3, n - 27), queens((1u << (n - 25)) - 1, 0, 0, 0));
    return 0;
}
