/* Guest addresses.
 *
 * A `gaddr` is an address as the guest sees it. For 64-bit guests it equals the host address (identity
 * mapping, no base, no check: a wild guest pointer is a host fault that becomes the guest's). For 32-bit
 * guests it is an offset into a 4 GiB window. It is an integer type, so the compiler refuses to mix it
 * with pointers; host(g) and guest(p) are the only ways across.
 *
 * Everything the translator owns (its executable, heap, stacks, code cache) lies at or above GUEST_TOP
 * where the kernel lets it; loader/space.c guards what lies elsewhere.
 */
#pragma once

#include <stdint.h>

typedef uint64_t gaddr;

/** First address that guest mappings never get without asking for it: 80 TiB. Below it the guest's
 * mappings, above it the translator's own. A 64-bit guest's TASK_SIZE as it sees it. */
#define GUEST_TOP ((gaddr)0x500000000000)

/** Base of a 32-bit guest's window; 0 for 64-bit guests. Set once by loader/space.c before the guest
 * starts. */
extern uintptr_t gaddr_base;

/** The host pointer for guest address `g`. Makes no claim that anything is mapped there. */
static inline void *host(gaddr g)
{
    return (void *)(uintptr_t)(g + gaddr_base);
}

/** The guest address of host pointer `p`, which must point into guest memory. */
static inline gaddr guest(const void *p)
{
    return (gaddr)(uintptr_t)p - gaddr_base;
}
