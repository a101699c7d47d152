#include "ir/grow.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void end(void)
{
    fputs("dragoman: out of memory while translating\n", stderr);
    _exit(127);
}

void (*grow_refused)(void) = end;

void grow_more(void *arr, uint32_t *cap, uint32_t need, size_t size)
{
    uint32_t n = need + need / 2 + 16;
    void *p = realloc(*(void **)arr, n * size);

    if (!p) {
        n = need;
        p = realloc(*(void **)arr, n * size);
    }
    if (!p)
        grow_refused();
    *(void **)arr = p;
    *cap = n;
}
