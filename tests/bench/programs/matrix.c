/* Integer matrices modulo a prime, and Collatz lengths: multiplication, remainder, dependent branches.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 64 };
static uint32_t a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 110;
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t j = 0; j < N; j++) {
            a[i][j] = i * 31 + j;
            b[i][j] = i ^ (j << 3);
        }
    }
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                uint64_t sum = 0;
                for (int k = 0; k < N; k++) {
                    sum += (uint64_t)a[i][k] * b[k][j];
                }
                c[i][j] = (uint32_t)(sum % 1000003);
            }
        }
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                a[i][j] = (c[j][i] + (uint32_t)r) % 10007;
            }
        }
    }
    uint64_t sum = 0;
    unsigned longest = 0;
    for (uint64_t start = 1; start < (uint64_t)rounds * 6000; start++) {
        unsigned length = 0;
        for (uint64_t n = start; n != 1; length++) {
            n = n & 1 ? 3 * n + 1 : n >> 1;
        }
        longest = length > longest ? length : longest;
        sum += length;
    }
    printf("%u %u %llu\n", a[3][7], longest, (unsigned long long)sum);
    return 0;
}
