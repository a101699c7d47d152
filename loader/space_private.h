/* What the files that make up the address space share: space.c (state, placing, most of Linux's calls), announce.c
 * (changes of code), remap.c (mremap), shm.c (System V shared memory), lock.c (mlockall), maps.c (/proc/PID/maps). */
#pragma once

#include <sys/mman.h>

#include "loader/ranges.h"

struct space {
    struct ranges set;
    struct ranges announced; /* where the guest has said that code changed */
    gaddr task_size;         /* first address above the guest's */
    gaddr mmap_base;         /* mappings without a wish go below this */
    gaddr stack_top;
    gaddr brk_start, brk;
    struct { uint64_t as, data, data_max; } limits;   /* space_set_limits() */
    bool randomise, seeded;
    bool lazy;               /* pages may have to wait for the guest (space_lazy()) */
    bool host_below;         /* the kernel placed mappings of ours below task_size */
    uint8_t lock_future;     /* MCL_FUTURE, and perhaps MCL_ONFAULT: new mappings are locked in memory */
    uint32_t changes;        /* odd while the lock is held for writing: for other processes, which read this */
};
extern struct space space;

/** Reads the kernel's list of our mappings and records those below the guest's top that the guest did not make
 * as SPACE_HOST. False if the list can't be read. Write lock held. */
bool maps_note_host(void);

static inline uint64_t page_up(uint64_t x)
{
    return (x + SPACE_PAGE - 1) & ~(uint64_t)(SPACE_PAGE - 1);
}

static inline bool page_aligned(uint64_t x)
{
    return x % SPACE_PAGE == 0;
}

static inline bool in_bounds(gaddr addr, uint64_t len)
{
    return addr <= space.task_size && len <= space.task_size - addr;
}

/* --- parts of the operations; write lock held */

/** Translations of what lies in [start, end) become wrong, since other memory or none will be there. Most changes touch no code. */
void space_forget_code(gaddr start, gaddr end);
/** Forgets the intervals of [start, end) but those of the translator. */
void space_clear(gaddr start, gaddr end);
/** The kernel extends MAP_GROWSDOWN mappings by itself. If `addr` lies in such an extension, records it. */
void space_note_growth(gaddr addr);
/** The highest multiple of `align` where `len` bytes are free, below `below` if possible; 0 if none. */
gaddr space_find_free(uint64_t len, uint64_t align, gaddr below);
/** With mappings of ours below: makes sure that [at, at+len) holds none, by claiming its holes. */
bool space_claim_holes(gaddr at, uint64_t len);
/** Gives back what space_claim_holes() took and nobody used. */
void space_release_claims(gaddr at, uint64_t len);
/** With MCL_FUTURE: MAP_LOCKED for a mapping about to be made; with MCL_ONFAULT, too, and for what no flag locks, afterwards
 * space_lock_new(), false if the limit forbids it. */
static inline int space_lock_flag(void)
{
    return space.lock_future == MCL_FUTURE ? MAP_LOCKED : 0;
}
bool space_lock_new(gaddr at, uint64_t len);
/** Whether `more` bytes of memory like this fit into the guest's limits: may_expand_vm() in mm/vma.c. */
bool space_may_expand(uint8_t prot, uint8_t kind, uint64_t more);
