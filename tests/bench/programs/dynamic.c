/* Dynamic programming: longest common subsequence, edit distance, knapsack.
 * class: integer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2000, ITEMS = 100, ROOM = 20000 };
static char a[N], b[N];
static int previous[N + 1], current[N + 1], best[ROOM + 1];

static int minimum(int x, int y)
{
    return x < y ? x : y;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 24;
    unsigned x = 99, sum = 0;
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) {
            x = x * 1103515245 + 12345;
            a[i] = (char)('a' + (x >> 16) % 7);
            b[i] = (char)('a' + (x >> 24) % 7);
        }
        memset(previous, 0, sizeof previous);
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                int skip = previous[j + 1] > current[j] ? previous[j + 1] : current[j];
                current[j + 1] = a[i] == b[j] ? previous[j] + 1 : skip;
            }
            memcpy(previous, current, sizeof previous);
        }
        sum = sum * 31 + (unsigned)previous[N];
        for (int j = 0; j <= N; j++) {
            previous[j] = j;
        }
        for (int i = 0; i < N; i++) {
            current[0] = i + 1;
            for (int j = 0; j < N; j++) {
                current[j + 1] = minimum(minimum(previous[j + 1], current[j]) + 1, previous[j] + (a[i] != b[j]));
            }
            memcpy(previous, current, sizeof previous);
        }
        sum = sum * 31 + (unsigned)previous[N];
        current[0] = 0;
        memset(best, 0, sizeof best);
        for (int i = 0; i < ITEMS; i++) {
            int weight = 50 + a[i] * 3 % 97, value = b[i] * 7 % 101;
            for (int room = ROOM; room >= weight; room--) {
                int with = best[room - weight] + value;
                best[room] = with > best[room] ? with : best[room];
            }
        }
        sum = sum * 31 + (unsigned)best[ROOM];
    }
    printf("%u\n", sum);
    return 0;
}
