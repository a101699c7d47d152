/* Primes by sieve, and sums over them: simple loops over bytes.
 * class: integer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    enum { N = 200000 };
    static unsigned char composite[N];
    int rounds = argc > 1 ? atoi(argv[1]) : 420;
    unsigned long count = 0, sum = 0;
    for (int r = 0; r < rounds; r++) {
        memset(composite, 0, N);
        for (unsigned i = 2; i * i < N; i++) {
            if (!composite[i]) {
                for (unsigned j = i * i; j < N; j += i) {
                    composite[j] = 1;
                }
            }
        }
        for (unsigned i = 2 + (unsigned)r; i < N; i++) {
            if (!composite[i]) {
                count++;
                sum += i ^ (unsigned)r;
            }
        }
    }
    printf("%lu %lu\n", count, sum);
    return 0;
}
