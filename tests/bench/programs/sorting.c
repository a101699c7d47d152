/* Quicksort, heap sort, merge sort, radix sort and the library's qsort with a callback.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 200000 };
static uint32_t source[N], v[N], scratch[N];

static void quick(uint32_t *a, long low, long high)
{
    while (low < high) {
        uint32_t pivot = a[(low + high) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot) {
                i++;
            }
            while (a[j] > pivot) {
                j--;
            }
            if (i <= j) {
                uint32_t t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        quick(a, low, j);
        low = i;
    }
}

static void heap(uint32_t *a, size_t n)
{
    for (size_t start = n / 2, end = n; end > 1;) {
        uint32_t value;
        if (start > 0) {
            value = a[--start];
        } else {
            value = a[--end];
            a[end] = a[0];
        }
        size_t at = start;
        for (size_t child; (child = 2 * at + 1) < end; at = child) {
            child += child + 1 < end && a[child + 1] > a[child];
            if (value >= a[child]) {
                break;
            }
            a[at] = a[child];
        }
        a[at] = value;
    }
}

static void merge(uint32_t *a, uint32_t *to, size_t n)
{
    if (n < 2) {
        return;
    }
    size_t half = n / 2, i = 0, j = half;
    merge(a, to, half);
    merge(a + half, to, n - half);
    for (size_t k = 0; k < n; k++) {
        to[k] = j == n || (i < half && a[i] <= a[j]) ? a[i++] : a[j++];
    }
    memcpy(a, to, n * sizeof *a);
}

static void radix(uint32_t *a, uint32_t *to)
{
    for (int shift = 0; shift < 32; shift += 8) {
        size_t count[257] = { 0 };
        for (size_t i = 0; i < N; i++) {
            count[(a[i] >> shift & 255) + 1]++;
        }
        for (int i = 0; i < 256; i++) {
            count[i + 1] += count[i];
        }
        for (size_t i = 0; i < N; i++) {
            to[count[a[i] >> shift & 255]++] = a[i];
        }
        memcpy(a, to, N * sizeof *a);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 4;
    uint64_t sum = 0;
    uint32_t x = 2463534242;
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) {
            x ^= x << 13, x ^= x >> 17, x ^= x << 5;
            source[i] = x;
        }
        for (int kind = 0; kind < 5; kind++) {
            memcpy(v, source, sizeof v);
            switch (kind) {
            case 0: quick(v, 0, N - 1); break;
            case 1: heap(v, N); break;
            case 2: merge(v, scratch, N); break;
            case 3: radix(v, scratch); break;
            case 4: qsort(v, N, sizeof *v, compare); break;
            }
            for (int i = 1; i < N; i += 1000) {
                sum = sum * 31 + v[i] + (v[i - 1] > v[i]);
            }
        }
    }
    printf("%llx\n", (unsigned long long)sum);
    return 0;
}
