/* qsort and bsearch with callbacks, a hand-written sort, and a hash of the order.
 * build: -O2 dynamic; -O0 fixed; -O3 static
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void shell_sort(int *v, int n)
{
    for (int gap = n / 2; gap; gap /= 2) {
        for (int i = gap; i < n; i++) {
            for (int j = i; j >= gap && v[j - gap] > v[j]; j -= gap) {
                int t = v[j];
                v[j] = v[j - gap];
                v[j - gap] = t;
            }
        }
    }
}

int main(void)
{
    enum { N = 20000 };
    static int a[N], b[N];
    unsigned x = 12345;
    for (int i = 0; i < N; i++) {
        x = x * 1103515245 + 12345;
        a[i] = b[i] = (int)x;
    }
    qsort(a, N, sizeof *a, by_value);
    shell_sort(b, N);
    unsigned long h = 0;
    for (int i = 0; i < N; i++) {
        h = h * 31 + (unsigned)a[i];
    }
    printf("%d %lx\n", memcmp(a, b, sizeof a), h);
    int *found = bsearch(&b[777], a, N, sizeof *a, by_value);
    printf("%ld\n", (long)(found - a));
    char *words[] = { "pear", "apple", "fig", "banana", "cherry", "date", "elder", "" };
    qsort(words, 8, sizeof *words, by_text);
    for (int i = 0; i < 8; i++) {
        printf("%s,", words[i]);
    }
    hcreate(100);
    for (int i = 0; i < 8; i++) {
        hsearch((ENTRY){ words[i], (void *)(long)i }, ENTER);
    }
    printf(" %ld\n", (long)hsearch((ENTRY){ (char *)"fig", NULL }, FIND)->data);
    return 0;
}
