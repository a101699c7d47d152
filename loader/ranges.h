/* A sorted set of disjoint intervals of addresses, each with a protection and a kind (struct space_range).
 *
 * A treap: a search tree by address that is a heap by a random priority, so its depth is logarithmic
 * whatever the order of operations. All changes are built from two: split a tree at an address (an interval that
 * straddles it becomes two), and merge two trees where all of one lies below the other. Each node knows the
 * bounds of its subtree and the widest hole inside it, so the search for free space skips what can't fit.
 *
 * Example: put [0,9) r--, then put [3,5) rw- : split at 3 and at 5 gives {[0,3)} {[3,5)} {[5,9)}; the middle is
 * dropped, the new one takes its place.
 *
 * Not synchronised; loader/space.c's lock protects it. Nodes come from the translator's memory, are reused, and never
 * go back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/space.h"

struct range_node;

struct ranges {
    struct range_node *root;
    struct range_node *free;
    uint32_t free_count;
    uint32_t random;         /* state of the priorities' generator */
    uint64_t total, data;    /* bytes that count as address space, and as data, for resource limits */
    uint64_t unsure;         /* bytes of ranges_is_unsure() */
};

/** Whether memory like this counts as data: private and writable, no stack (is_data_mapping() in mm/internal.h). */
bool ranges_is_data(uint8_t prot, uint8_t kind);

/** Whether there can be code that the guest writes: writable, executable, the guest's. */
static inline bool ranges_is_unsure(uint8_t prot, uint8_t kind)
{
    return (prot & 6) == 6 /* PROT_WRITE | PROT_EXEC */ && !(kind & SPACE_HOST);
}

/** Makes sure that the next change cannot run out of nodes. False if out of memory. Call before each
 * ranges_put() or ranges_clear() whose failure could not be undone. */
bool ranges_reserve(struct ranges *set);

/** Sets [start, end), start < end, to protection `prot` and kind `kind`, replacing what was there; joins equal
 * neighbours. Needs ranges_reserve(). */
void ranges_put(struct ranges *set, gaddr start, gaddr end, uint8_t prot, uint8_t kind);
/** Removes whatever lies in [start, end). Needs ranges_reserve(). */
void ranges_clear(struct ranges *set, gaddr start, gaddr end);

/** The first interval that ends above `addr`. */
bool ranges_next(const struct ranges *set, gaddr addr, struct space_range *out);
/** True if nothing lies in [start, end), counting the guard gap below SPACE_GROWSDOWN intervals. */
bool ranges_is_free(const struct ranges *set, gaddr start, gaddr end);
/** The highest multiple of `align` (power of 2) at which `len` bytes are free inside [lo, hi); 0 if none. */
gaddr ranges_find_down(const struct ranges *set, gaddr lo, gaddr hi, uint64_t len, uint64_t align);

/** A copy in order: `n` intervals in `r`, which is to be freed. */
struct ranges_list { struct space_range *r; size_t n, room; };
/** Reads `size` bytes of the memory that the set lies in. */
typedef bool ranges_peek(void *arg, void *to, const void *from, size_t size);
/** Lists a set that may lie in another process's memory and change meanwhile (then the list is wrong, or there is none). False without
 * memory, or if that makes no sense. */
bool ranges_list(struct ranges_list *list, const struct ranges *set, ranges_peek *peek, void *arg);

/** Guard gap below a stack: the kernel's stack_guard_gap of 256 pages. */
enum { RANGES_GUARD = 256 * SPACE_PAGE };
