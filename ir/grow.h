/* Arrays that grow while a unit is translated.
 *
 * A guest may lower its own memory limits until nothing is left for its translation. That must not end in a crash of
 * ours: grow_refused() leaves the translation, and what had grown stays usable, for a smaller unit. An array's capacity
 * changes only together with its memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Does not return: called when memory is refused. Whoever translates sets it; at first it ends the process with 127. */
extern void (*grow_refused)(void);

/** Makes the array that pointer `arr` points to hold at least `need` elements of `size` bytes, at most doubling what is
 * needed. */
void grow_more(void *arr, uint32_t *cap, uint32_t need, size_t size);

static inline void grow(void *arr, uint32_t *cap, uint32_t need, size_t size)
{
    if (__builtin_expect(need > *cap, 0))
        grow_more(arr, cap, need, size);
}
