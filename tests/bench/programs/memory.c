/* Copying, filling and comparing memory with the library, and streaming sums over 64 MB.
 * class: memory */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8 << 20 };

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 40;
    char *a = malloc(SIZE), *b = malloc(SIZE);
    uint64_t *words = malloc(64u << 20), sum = 0;
    memset(words, 1, 64u << 20);
    for (int r = 0; r < rounds; r++) {
        memset(a, r, SIZE);
        memcpy(b, a, SIZE);
        memmove(b + 3, b, SIZE - 3);
        sum += (uint64_t)(memcmp(a, b, SIZE - 8) == 0);
        for (size_t n = 1; n < 3000; n += 7) {
            memcpy(b + n, a + n * 3, n);
            sum += strlen(strcpy(b, "a string of moderate length")) + (unsigned char)b[n];
        }
        for (size_t i = 0; i < (64u << 20) / 8 / 8; i++) {
            sum += words[i + (size_t)(r & 7) * 1000];
            words[i] = sum;
        }
    }
    printf("%llx\n", (unsigned long long)sum);
    return 0;
}
