/* The allocator under stress: sizes from bytes to megabytes, reallocation, alignment, two threads.
 * build: -O2 dynamic; -O2 static
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *work(void *arg)
{
    enum { SLOTS = 300 };
    unsigned char *slot[SLOTS] = { 0 };
    size_t size[SLOTS] = { 0 };
    uint64_t x = (uint64_t)(uintptr_t)arg, sum = 0;
    for (int i = 0; i < 30000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsigned at = (unsigned)(x >> 40) % SLOTS;
        size_t want = (size_t)(x >> 33) % ((i & 255) == 0 ? 2000000 : 2000) + 1;
        for (size_t k = 0; slot[at] && k < size[at]; k += 499) {
            sum += slot[at][k];
        }
        if (i & 1) {
            slot[at] = realloc(slot[at], want);
        } else {
            free(slot[at]);
            slot[at] = i & 2 ? calloc(1, want) : malloc(want);
        }
        memset(slot[at], (int)i, want);
        size[at] = want;
    }
    for (int i = 0; i < SLOTS; i++) {
        free(slot[i]);
    }
    return (void *)(uintptr_t)sum;
}

int main(void)
{
    pthread_t thread;
    void *a, *b, *aligned;
    pthread_create(&thread, NULL, work, (void *)7);
    a = work((void *)99);
    pthread_join(thread, &b);
    printf("%lx %lx\n", (unsigned long)(uintptr_t)a, (unsigned long)(uintptr_t)b);
    for (size_t align = 16; align <= 65536; align *= 4) {
        if (posix_memalign(&aligned, align, 100)) {
            return 1;
        }
        printf("%d", (uintptr_t)aligned % align == 0);
        free(aligned);
    }
    char *huge = malloc(300u << 20);
    huge[0] = huge[(300u << 20) - 1] = 1;
    printf(" %d %d\n", huge[0] + huge[(300u << 20) - 1], calloc((size_t)1 << 40, 1u << 20) == NULL);
    free(huge);
    malloc_trim(0);
    return 0;
}
