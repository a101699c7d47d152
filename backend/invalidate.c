/* Dropping translations: by guest range, by changed contents, and the page table that finds them.
 * */
#include <string.h>

#include "backend/cache.h"
#include "backend/keep.h"
#include "backend/run.h"
#include "loader/space.h"

enum { PAGE_SHIFT = 12, REGION_PAGES_SHIFT = CACHE_REGION_SHIFT - PAGE_SHIFT };

/* Units that are wiped from each thread's probe table one by one. If there are more, all tables are emptied, and then each
 * thread misses thousands of times until its own is full again. */
enum { WIPE_MAX = 1024 };

/* --- page table ----------------------------------------------------------------------------------
 * */

static uint32_t bucket(uint64_t page)
{
    return (uint32_t)((page * 0x9e3779b97f4a7c15u) >> 32) & cache.pages_mask;
}

static uint32_t *region(uint64_t page)
{
    return &cache.regions[(page >> REGION_PAGES_SHIFT) % CACHE_REGIONS];
}

static void ref_insert(struct page_ref *r)
{
    struct page_ref **head = &cache.pages[bucket(r->page)];

    r->next = *head;
    r->pprev = head;
    if (r->next)
        r->next->pprev = &r->next;
    *head = r;
}

/* Doubles the number of buckets, in place. */
static void pages_grow(void)
{
    uint32_t n = cache.pages_mask + 1;
    struct page_ref *all = NULL;

    if (n * 2 > cache.pages_max)
        return;
    for (uint32_t i = 0; i < n; i++) {
        for (struct page_ref *r = cache.pages[i], *next; r; r = next) {
            next = r->next;
            r->next = all;
            all = r;
        }
        cache.pages[i] = NULL;
    }
    cache.pages_mask = n * 2 - 1;
    for (struct page_ref *r = all, *next; r; r = next) {
        next = r->next;
        ref_insert(r);
    }
}

/* The last byte whose change concerns an extent: beyond its end when an instruction there may have
 * lacked its second half, which only happens at the end of a page. */
static gaddr last_byte(const struct ir_extent *e)
{
    gaddr last = e->pc + e->len - 1, reach = e->pc + e->len + 3;

    return e->len && last >> PAGE_SHIFT == reach >> PAGE_SHIFT ? last : reach;
}

static bool has_page(const struct unit *u, uint32_t n, uint64_t page)
{
    for (uint32_t i = 0; i < n; i++)
        if (u->pages[i].page == page)
            return true;
    return false;
}

void pages_add(struct unit *u)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < u->nextents; i++) {
        const struct ir_extent *e = &u->extents[i];

        for (uint64_t page = e->pc >> PAGE_SHIFT; page <= last_byte(e) >> PAGE_SHIFT; page++) {
            if (has_page(u, n, page))
                continue;
            u->pages[n] = (struct page_ref){ .page = page, .unit = u };
            ref_insert(&u->pages[n++]);
            ++*region(page);
        }
    }
    u->npages = n;
    cache.npages += n;
    if (cache.npages > cache.pages_mask * 2)
        pages_grow();
}

static void pages_remove(struct unit *u)
{
    for (uint32_t i = 0; i < u->npages; i++) {
        struct page_ref *r = &u->pages[i];

        *r->pprev = r->next;
        if (r->next)
            r->next->pprev = r->pprev;
        --*region(r->page);
    }
    cache.npages -= u->npages;
}

/* --- dropping ------------------------------------------------------------------------------------
 * */

void unit_unpublish(struct unit *u, struct unit **drop)
{
    __atomic_store_n(&u->dead, 1, __ATOMIC_SEQ_CST);
    cache_unhash(u);
    pages_remove(u);
    unlink_unit(u);
    u->drop_next = *drop;
    *drop = u;
    cache.stats.dropped++;
}

void units_dropped(struct unit *drop, bool mass)
{
    unsigned n = 0;

    for (struct unit *u = drop; u && n <= WIPE_MAX; u = u->drop_next)
        n++;
    if (!mass && n == 0)
        return;
    if (mass || n > WIPE_MAX) {
        __atomic_add_fetch(&cache.epoch, 1, __ATOMIC_SEQ_CST);
    } else {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        cpus_probe_wipe(drop);
    }
    cpus_kick_inside();
}

/* Which units to drop, and those that were. */
struct query {
    gaddr first, last;      /* that touch these bytes */
    bool changed_only;      /* and whose source is no longer what was translated; space's lock is held */
    struct unit *drop;
};

static bool unit_touches(const struct unit *u, gaddr first, gaddr last)
{
    for (uint32_t i = 0; i < u->nextents; i++) {
        const struct ir_extent *e = &u->extents[i];

        if (e->pc <= last && last_byte(e) >= first)
            return true;
    }
    return false;
}

/* May the unit's bytes have changed without a change of mapping? Private file mappings that are not
 * writable can't, as far as one process goes. */
static bool may_change(const struct unit *u)
{
    struct space_range r;

    for (uint32_t i = 0; i < u->npages; i++)
        if (!space_lookup(u->pages[i].page << PAGE_SHIFT, &r) || (r.prot & 2 /* PROT_WRITE */) ||
            (r.kind & SPACE_FILE) == 0 || (r.kind & SPACE_SHARED))
            return true;
    return false;
}

static bool unit_changed(const struct unit *u)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i < u->nextents; i++) {
        const struct ir_extent *e = &u->extents[i];
        size_t avail;
        const uint8_t *code = e->len ? space_fetch(e->pc, &avail) : NULL;

        if (e->len == 0)
            continue;
        if (!code || avail < e->len)
            return true;
        for (uint32_t k = 0; k < e->len; k += 2)
            h = ir_src_hash(h, (uint64_t)code[k] | (uint64_t)code[k + 1] << 8, 2);
    }
    return h != u->src_hash;
}

static bool is_meant(const struct query *q, const struct unit *u)
{
    return unit_touches(u, q->first, q->last) && (!q->changed_only || (may_change(u) && unit_changed(u)));
}

/* Drops the units meant that have a page of lo..hi in bucket `b`. */
static void drop_bucket(struct query *q, uint32_t b, uint64_t lo, uint64_t hi)
{
    struct page_ref *r = cache.pages[b];

    while (r) {
        if (r->page < lo || r->page > hi || !is_meant(q, r->unit)) {
            r = r->next;
            continue;
        }
        unit_unpublish(r->unit, &q->drop);
        r = cache.pages[b]; /* a unit may have had several refs in this bucket */
    }
}

/* Drops the units meant. */
static void drop_range(struct query *q)
{
    uint64_t lo = q->first >> PAGE_SHIFT, hi = q->last >> PAGE_SHIFT;

    if (!cache.pages) /* a program is being loaded whose segments overlap: there is no cache yet */
        return;
    if (hi - lo >= (uint64_t)CACHE_REGIONS << REGION_PAGES_SHIFT) {
        for (uint32_t b = 0; b <= cache.pages_mask; b++)
            drop_bucket(q, b, lo, hi);
        return;
    }
    for (uint64_t page = lo, next; page <= hi; page = next) {
        next = ((page >> REGION_PAGES_SHIFT) + 1) << REGION_PAGES_SHIFT;
        for (; *region(page) && page <= hi && page < next; page++)
            drop_bucket(q, bucket(page), page, page);
    }
}

static gaddr last_of(gaddr start, uint64_t len)
{
    return start + (len - 1) < start ? UINT64_MAX : start + (len - 1);
}

void cache_invalidate(gaddr start, uint64_t len)
{
    if (len == 0)
        return;
    struct query q = { .first = start, .last = last_of(start, len) };

    lock_take(&cache.lock);
    keep_forget(q.first, q.last);
    drop_range(&q);
    units_dropped(q.drop, false);
    lock_give(&cache.lock);
}

/* --- changed contents ----------------------------------------------------------------------------
 * */

/* Other addresses may show the same memory as [first, last]. */
static bool has_aliases(gaddr first, gaddr last)
{
    struct space_range r;

    for (gaddr at = first; space_next(at, &r) && r.start <= last; at = r.end)
        if (r.kind & SPACE_SHARED)
            return true;
    return false;
}

static void drop_in_shared(struct query *q)
{
    struct space_range r;

    for (gaddr at = 0; space_next(at, &r); at = r.end) {
        if (!(r.kind & SPACE_SHARED) || !(r.prot & 4 /* PROT_EXEC */))
            continue;
        q->first = r.start;
        q->last = r.end - 1;
        drop_range(q);
    }
}

void cache_sync_range(gaddr start, uint64_t len)
{
    if (len == 0)
        return;
    struct query q = { .first = start, .last = last_of(start, len), .changed_only = true };

    space_announce(start, len);
    space_read_lock();
    lock_take(&cache.lock);
    drop_range(&q);
    if (len != UINT64_MAX && has_aliases(q.first, q.last))
        drop_in_shared(&q);
    units_dropped(q.drop, false);
    lock_give(&cache.lock);
    space_read_unlock();
}

void cache_sync_code(void)
{
    cache_sync_range(0, UINT64_MAX);
}

void cache_sync_announced(struct cpu *cpu)
{
    if (cpu->announced_end == 0)
        cache_sync_code();
    else
        cache_sync_range(cpu->announced, cpu->announced_end - cpu->announced);
    cpu->announced_end = 0;
}
