/* The code cache: memory for host code, the units in it, and who may still be running them.
 *
 * Memory. One area, so that all code is in reach of a rel32: the thunks first, then CACHE_SEGMENTS
 * segments of equal size, then records of units and the tables that find them. It lies at
 * CACHE_AREA whenever that is free: then all that the first segment's units consist of can be
 * written to a file and mapped by another process, pointers included (backend/keep.h). The code is
 * private anonymous memory, readable, writable and executable at once, because that is the only
 * kind that a fork copies (on write): a shared memfd would let a child and its parent write into
 * each other's code. Where the system refuses such a mapping (SELinux execmem, PaX), the code's part
 * is a memfd mapped twice, once writable, once executable (W^X), and the child of a fork starts with
 * an empty cache in a memfd of its own.
 *
 * Units. struct unit is the record of a translation: its code, its exits, what can fault in it,
 * which guest bytes it was made from. It lives in the arena of its segment and dies with it. Its
 * pointers lead to the area only. A unit is found
 *   - by (pc, mode): hash table, read without lock;
 *   - by host address: each segment lists its units in ascending address; binary search, no lock,
 *     for signal handlers;
 *   - by guest page: hash table of page_refs, under the lock, for invalidation.
 *
 * Life of a unit. Published: in all three. Dropped (`dead`): its bytes changed or its segment is to
 * be reused: it is no longer in the hash table nor under its pages, nobody links to it, its own
 * exits are unlinked so that whoever is inside comes out. It is still found by host address,
 * because threads may be inside. Gone: its segment was recycled.
 *
 * Epochs: why recycling is safe. cache.epoch counts retirements of segments (and other mass drops).
 * A thread that goes in stores the epoch in cpu->epoch, with a full fence, and then makes sure that
 * the epoch is still that one (cpu_enter_epoch()); it looks units up, follows links and probes,
 * reads unit records, only while cpu->epoch is nonzero; on the way out it stores 0. Retiring a
 * segment: drop its units (nothing published leads there), count the epoch up to E, full fence.
 * From then on a thread that is out finds nothing that leads into the segment when it goes in: the
 * hash table has nothing, links lead nowhere, and its own probe table it clears on entry because
 * cpu->probe_epoch is not E. A thread that went in before has epoch < E. So once every thread's
 * epoch is 0 or >= E nobody is inside and nobody can come: the memory is free. Whoever is inside is
 * kicked (poll flag, all-miss probe table, unlinked exits), so it comes out soon. The segment after
 * the active one is retired when the active one is taken, so that it has long drained when it is
 * needed; whoever needs it earlier waits outside the cache, holding no lock, and after some 20 ms interrupts
 * those inside by a signal: they may be waiting for a page (userfaultfd). What is remembered
 * about a unit after leaving (an exit that is to be linked) carries the segment's generation, and
 * is used under the lock only if that is still the same.
 *
 * Probe tables belong to their threads. Others only ever store CPU_PROBE_NONE into an entry's pc
 * (dropping one unit). The owner fills an entry inside an epoch and then looks at unit.dead again;
 * the dropper sets dead before it clears entries; both with a full fence between: one of them sees
 * the other.
 *
 * Locks. cache.lock guards all writing. Order: space's lock, cache.lock, the list of cpus. Nobody
 * waits for a thread to come out while holding any of them.
 *
 * Example. Thread A runs unit U, thread B calls munmap over U's source: space (write lock) calls
 * cache_invalidate(): U.dead = 1; U leaves the hash table; exits that jumped to U call
 * THUNK_EXIT_DIRECT again, so do U's own; A's probe entry for U.pc is wiped; A is kicked. A leaves
 * at U's next poll, probe or exit; the run loop finds U's exit by its host address, learns the
 * target pc, looks that up, does not link (U is dead), and goes on.
 */
#pragma once

#include <stdio.h>

#include "backend/backend.h"
#include "backend/cpu.h"
#include "backend/lock.h"

/* Above all that guests map and below all that Linux places by itself on x86-64. */
#define CACHE_AREA ((uintptr_t)GUEST_TOP + ((uintptr_t)1 << 40))

enum {
    CACHE_SEGMENTS = 4,
    CACHE_THUNK_BYTES = 4096,       /* at the start of the mapping */
    CACHE_INDEX_BLOCK = 4096,       /* units in a block of a segment's list */
    CACHE_INDEX_BLOCKS = 1024,
    CACHE_REGIONS = 4096,           /* counters of the invalidation filter */
    CACHE_REGION_SHIFT = 21,
    CACHE_MAX_HELPERS = 512,        /* rows of a helpers.def */
};

/* A direct exit. */
struct unit_exit {
    gaddr target;
    struct unit *from;
    struct unit *to;                            /* linked to this unit, or NULL */
    struct unit_exit *in_next, **in_pprev;      /* in to->incoming */
    uint32_t off;                               /* of its call or jmp, from the unit's code */
    uint8_t hint;                               /* enum ir_jump */
    bool backward;                              /* a loop's end */
};

/* A guest page that a unit was translated from. */
struct page_ref {
    uint64_t page;                              /* guest address / 4096 */
    struct unit *unit;
    struct page_ref *next, **pprev;             /* in its hash bucket */
};

struct unit {
    gaddr pc;
    uint32_t mode;
    uint32_t size;                              /* bytes of code */
    const uint8_t *code;                        /* executable alias */
    uint32_t seg;                               /* its segment's number */
    struct unit *hash_next;                     /* atomic */
    uint32_t dead;                              /* atomic */
    uint16_t group;                             /* of a unit that is kept on disk (keep.h) */
    uint32_t nexits, nfaults, npages, nextents;
    uint32_t guest_insns;
    uint8_t heat;                               /* how often a tick found this unit's head */
    uint8_t tries;                              /* regions made, or tried, at its pc */
    struct unit_exit *exits;
    struct unit_exit *incoming;                 /* exits that jump here */
    const struct code_fault *faults;            /* ascending off */
    const uint8_t *snap_data;
    struct page_ref *pages;
    const struct ir_extent *extents;            /* source bytes */
    uint64_t src_hash;                          /* of them, as they were translated */
    struct unit *drop_next;                     /* list of those being dropped */
};

struct arena_chunk { struct arena_chunk *next; size_t size; };
/* A segment's memory for records: the first segment's begins with the area's, all others' and what
 * does not fit is chunks. */
struct arena { struct arena_chunk *chunks; uint8_t *p, *end; };

enum segment_state { SEG_FREE, SEG_ACTIVE, SEG_LIVE, SEG_DRAINING };

struct segment {
    uint8_t *start, *end, *p;                   /* writable alias; code is [start, p) */
    enum segment_state state;
    uint64_t drained_at;                        /* free when all epochs are 0 or >= this */
    uint64_t gen;                               /* how often it was recycled */
    uint32_t nunits;                            /* atomic: entries of index that are valid */
    struct unit **index[CACHE_INDEX_BLOCKS];    /* units in ascending address */
    struct arena arena;
};

struct cache_stats {
    uint64_t units, guest_insns, guest_bytes, host_bytes, exits, faults, snap_bytes;
    uint64_t ns_translate, ns_passes, ns_emit;
    uint64_t regions, region_insns, regions_none, ns_regions;
    uint64_t miss_direct, miss_indirect, links, dropped, retired, waits;
    uint64_t first_runs, first_none, first_insns, ns_first;
};

struct cache {
    struct lock lock;
    bool dual;                                  /* two mappings of a memfd */
    const struct guest *guest;
    uint8_t *rw, *rx;                           /* of the code; equal unless dual */
    size_t size;                                /* of the code, thunks included */
    uint8_t *records, *records_end;             /* what the first segment's arena begins with */
    struct segment seg[CACHE_SEGMENTS];
    unsigned active;
    uint64_t epoch;                             /* atomic, from 1 */
    uint32_t waits;                             /* atomic: for the segment that is needed now */
    const uint8_t *thunks[NTHUNKS];
    const void *helpers[CACHE_MAX_HELPERS];     /* the guest's, as generated code calls them */
    struct unit **table;                        /* by (pc, mode): mask + 1 chains of table_max */
    uint32_t mask, table_max, nunits;
    struct page_ref **pages;                    /* by page; pages_mask + 1 buckets of pages_max */
    uint32_t pages_mask, pages_max, npages;
    uint32_t regions[CACHE_REGIONS];            /* page_refs by region, modulo */
    struct arena_chunk *free_chunks;
    bool stats_on;
    struct cache_stats stats;
};

extern struct cache cache;

/* A direct exit found by the run loop, to be linked once its target exists. */
struct pending_link {
    struct unit_exit *exit;                     /* NULL: nothing to link */
    struct segment *seg;
    uint64_t gen;
};

static inline void cache_count(uint64_t *counter)
{
    if (cache.stats_on)
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* --- cache.c */

/** The published unit for (pc, mode) or NULL; may miss one that is there while the table grows
 * (look again under the lock). Without the lock, call inside an epoch, and use the result only
 * there. */
struct unit *cache_find(gaddr pc, uint32_t mode);
/** The unit whose code holds host address `p` (executable alias), dead ones included, or NULL.
 * Async-signal-safe. Inside an epoch or under the lock. */
struct unit *cache_unit_at(const void *p);
/** True if host address `p` is in the cache, thunks included. */
bool cache_holds(const void *p);
/** Publishes compiled code; lock held. `out->code` lies at the active segment's write position.
 * Returns NULL if there is no memory for the record (as if the segment were full). */
struct unit *cache_publish(const struct ir_unit *u, const struct compiled *out);
/** Takes the unit out of the hash table; readers in its chain go on as before. Lock held. */
void cache_unhash(struct unit *u);
/** Makes another segment the active one; lock held. False if it has not drained yet: give all locks
 * back, cache_wait(), and start over. */
bool cache_rotate(void);
/** Drops the units of all segments but the first. Lock held. */
void cache_drop_others(void);
/** Waits a little for threads to come out. The caller is outside and holds no lock. */
void cache_wait(void);
/** A code buffer over what is left of the active segment; lock held. */
struct code_buf cache_buf(void);
/** Memory from the segment's arena, 8-aligned; NULL if there is none. Lock held. */
void *cache_alloc(struct segment *s, size_t size);
/** Writable alias of an executable address. */
static inline uint8_t *cache_writable(const uint8_t *p)
{
    return cache.rw + (p - cache.rx);
}

/* --- build.c */

/** Translates the unit at cpu->pc and cpu->mode and publishes it, then links `l` to it; if it is
 * there already only the latter. The caller is outside and holds no lock. May return without a unit
 * when it had to wait for memory and cpu->poll was set meanwhile, or after it raised a guest fault
 * for a pc that can't be read. `back`: a jump back led here, as one of `l` may have, too. */
void unit_build(struct cpu *cpu, const struct pending_link *l, bool back);
/** Runs the code at cpu->pc, and what comes after it, without making units of it as long as it is there for the first time
 * (backend/first.h). True: done, as first_run() says, *back too; false: *back is as it was. The caller is outside and holds no lock. */
bool unit_first_run(struct cpu *cpu, bool *back);
/** Backward exits between two looks at where a thread is (cpu->tick). */
int32_t unit_ticks(void);
/** A tick of `cpu` fell on a jump back to cpu->pc: makes a region of what is there if that is hot. The caller is outside and
 * holds no lock. */
void unit_heat(struct cpu *cpu);
/** A unit of at most `limit` instructions from cpu->pc on for one use, that is dead already. The caller is inside, and stays so
 * unless the result is NULL: then the guest got a fault, or there was no memory just now. */
struct unit *unit_build_short(struct cpu *cpu, unsigned limit);
/** Prints what each pass cost. */
void unit_build_stats(FILE *f);

/* --- invalidate.c: lock held */

/** Enters the unit's pages into the page table. */
void pages_add(struct unit *u);
/** Unpublishes a live unit (first half of dropping it) and puts it on the list `*drop`. */
void unit_unpublish(struct unit *u, struct unit **drop);
/** Ends a drop: wipes probe entries of all threads, or counts the epoch up if there are many or
 * `mass` is set, and kicks whoever is inside. */
void units_dropped(struct unit *drop, bool mass);

/* --- invalidate.c: without locks */

/** What a trap IR_TRAP_SYNC_CODE asks for: cache_sync_range() of what the thread announced, cache_sync_code() if nothing. */
void cache_sync_announced(struct cpu *cpu);

/* --- link.c: lock held */

/** Lets exit `e` jump to `to`. Both alive; `e` not linked. */
void link_exit(struct unit_exit *e, struct unit *to);
/** Lets it call the run loop again. */
void unlink_exit(struct unit_exit *e);
/** Unlinks all exits of `u` and all that jump to it. */
void unlink_unit(struct unit *u);
/** True if the exit goes back to a loop head: what is there is run again and again. Under cache.lock. */
bool link_is_loop(const struct pending_link *l);
/** Links the pending exit to `to` if it still is what it was. */
void link_pending(const struct pending_link *l, struct unit *to);
/** The direct exit whose call returns to `site`, or NULL. Inside an epoch or under the lock. */
struct unit_exit *exit_at(const void *site);

/* --- cpu.c */

/** Goes inside: afterwards units may be looked up and entered. Returns the epoch. */
uint64_t cpu_enter_epoch(struct cpu *cpu);
static inline void cpu_leave_epoch(struct cpu *cpu)
{
    cpu->in_code = 0;
    __atomic_store_n(&cpu->epoch, 0, __ATOMIC_RELEASE);
}
/** Makes the probe table right for this epoch and cpu->mode. Own thread, inside. */
void cpu_refresh_probe(struct cpu *cpu, uint64_t epoch);
/** Remembers unit `u` for indirect jumps. Own thread, inside. */
void cpu_probe_fill(struct cpu *cpu, struct unit *u);
/** Wipes the entries for the pcs of `drop` and those on its list, drop_next, in all threads' tables. */
void cpus_probe_wipe(const struct unit *drop);
/** Kicks all threads that are inside. */
void cpus_kick_inside(void);
/** True if every thread's epoch is 0 or at least `epoch`. */
bool cpus_drained(uint64_t epoch);
/** Around a fork: the list of threads stays as it is from prepare to parent. */
/** Calls fn(cpu, arg) for each guest thread's cpu, under the lock that guards the list of them: fn must not create or free any. */
void cpus_each(void (*fn)(struct cpu *cpu, void *arg), void *arg);
/** Whether `cpu`, the calling thread's, is the process's only one. */
bool cpus_only(const struct cpu *cpu);
void cpus_fork_prepare(void);
void cpus_fork_parent(void);
/** After fork: forgets all threads but `self` (may be NULL). */
void cpus_after_fork(struct cpu *self);
/** The bounds of the stack below `cpu`: [*lo, cpu). */
const uint8_t *cpu_stack_low(const struct cpu *cpu);
