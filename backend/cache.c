#include "backend/cache.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "backend/keep.h"
#include "backend/run.h"
#include "backend/x86/homes.h"
#include "loader/space.h"
#include "syscall/linux.h"

struct cache cache;

enum {
    ARENA_CHUNK = 256 << 10,
    TABLE_FIRST = 1024,
    CACHE_MIN = 1 << 20,
    CACHE_MAX = 1 << 30,
    WAITS_MOST = 200, /* of threads for a segment to drain, until those inside are interrupted */
    RECORDS_PER_CODE = 4, /* bytes of records for a byte of code; about 3 in a compiler's run */
};

/* --- memory --------------------------------------------------------------------------------------
 * */

/* Maps `size` bytes of a fresh memfd over both aliases. */
static bool map_memfd(size_t size)
{
    int fd = memfd_create("dragoman-code", MFD_CLOEXEC);

    if (fd < 0)
        return false;
    bool ok = ftruncate(fd, (off_t)size) == 0 &&
              mmap(cache.rw, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
                  MAP_FAILED &&
              mmap(cache.rx, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) !=
                  MAP_FAILED;

    close(fd);
    return ok;
}

/* Memory for the whole area: at CACHE_AREA, or where host_alloc() has room. */
static uint8_t *map_area(size_t size)
{
    void *p = mmap((void *)CACHE_AREA, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

    if (p == (void *)CACHE_AREA)
        return p;
    if (p != MAP_FAILED) /* a kernel before 4.17 takes the address as a hint */
        munmap(p, size);
    return host_alloc(size);
}

static bool make_executable(void)
{
    cache.rx = cache.rw;
    if (!cache.dual && mprotect(cache.rw, cache.size, PROT_READ | PROT_WRITE | PROT_EXEC) == 0)
        return true;
    cache.dual = true;
    cache.rx = host_alloc(cache.size);
    return cache.rx && map_memfd(cache.size);
}

void *cache_alloc(struct segment *s, size_t size)
{
    struct arena *a = &s->arena;

    size = (size + 7) & ~(size_t)7;
    if (size > (size_t)(a->end - a->p)) {
        size_t want = size + sizeof(struct arena_chunk);
        struct arena_chunk *c = NULL;

        if (want <= ARENA_CHUNK) {
            want = ARENA_CHUNK;
            c = cache.free_chunks;
        }
        if (c) {
            cache.free_chunks = c->next;
        } else {
            want = (want + 4095) & ~(size_t)4095;
            c = host_alloc(want);
            if (!c)
                return NULL;
            c->size = want;
        }
        c->next = a->chunks;
        a->chunks = c;
        a->p = (uint8_t *)(c + 1);
        a->end = (uint8_t *)c + c->size;
    }
    void *r = a->p;

    a->p += size;
    return r;
}

static void arena_empty(struct segment *s)
{
    struct arena *a = &s->arena;

    while (a->chunks) {
        struct arena_chunk *c = a->chunks;

        a->chunks = c->next;
        if (c->size == ARENA_CHUNK) {
            c->next = cache.free_chunks;
            cache.free_chunks = c;
        } else {
            host_free(c, c->size);
        }
    }
    a->p = s == cache.seg ? cache.records : NULL;
    a->end = s == cache.seg ? cache.records_end : NULL;
}

/* Makes a segment empty. Nobody is inside, nothing leads there. */
static void segment_recycle(struct segment *s)
{
    arena_empty(s);
    memset(s->index, 0, sizeof s->index);
    s->nunits = 0;
    s->p = s->start;
    s->gen++;
    s->state = SEG_FREE;
    if (s == cache.seg)
        keep_recycled();
}

static bool emit_thunks(void)
{
    struct code_buf buf = {
        .p = cache.rw, .end = cache.rw + CACHE_THUNK_BYTES, .exec_delta = cache.rx - cache.rw,
    };

    if (!thunks_emit(cache.guest, &buf))
        return false;
    memcpy(cache.thunks, buf.thunks, sizeof cache.thunks);
    return true;
}

/* Lays the area out for `seg_size` bytes of code a segment. */
static bool lay_out(size_t seg_size)
{
    size_t table_max = TABLE_FIRST;

    cache.size = CACHE_THUNK_BYTES + seg_size * CACHE_SEGMENTS;
    while (table_max < cache.size / 64)
        table_max *= 2;
    size_t records = seg_size * RECORDS_PER_CODE, tables = 2 * table_max * sizeof(void *);

    cache.rw = map_area(cache.size + records + tables);
    if (!cache.rw || !make_executable())
        return false;
    cache.records = cache.rw + cache.size;
    cache.records_end = cache.records + records;
    cache.table = (struct unit **)cache.records_end;
    cache.pages = (struct page_ref **)(cache.table + table_max);
    cache.table_max = cache.pages_max = (uint32_t)table_max;
    cache.mask = cache.pages_mask = TABLE_FIRST - 1;
    for (unsigned i = 0; i < CACHE_SEGMENTS; i++) {
        struct segment *s = &cache.seg[i];

        s->start = s->p = cache.rw + CACHE_THUNK_BYTES + i * seg_size;
        s->end = s->start + seg_size;
    }
    arena_empty(&cache.seg[0]);
    cache.seg[0].state = SEG_ACTIVE;
    return true;
}

bool cache_init(const struct guest *guest, size_t bytes)
{
    if (bytes < CACHE_MIN)
        bytes = CACHE_MIN;
    if (bytes > CACHE_MAX)
        bytes = CACHE_MAX;
    cache.guest = guest;
    cache.epoch = 1;
    homes_init(guest);
    for (uint32_t i = 0; i < guest->nhelpers && i < CACHE_MAX_HELPERS; i++)
        cache.helpers[i] = guest->helpers[i].fn;
    if (!lay_out(bytes / CACHE_SEGMENTS & ~(size_t)4095))
        return false;
    if (!emit_thunks()) {
        errno = ENOMEM;
        return false;
    }
    return true;
}

struct code_buf cache_buf(void)
{
    struct segment *s = &cache.seg[cache.active];
    struct code_buf buf = { .p = s->p, .end = s->end, .exec_delta = cache.rx - cache.rw };

    memcpy(buf.thunks, cache.thunks, sizeof buf.thunks);
    return buf;
}

/* --- look-up -------------------------------------------------------------------------------------
 * */

static uint32_t hash(gaddr pc, uint32_t mode)
{
    return (uint32_t)(((pc ^ (uint64_t)mode << 48) * 0x9e3779b97f4a7c15u) >> 32);
}

struct unit *cache_find(gaddr pc, uint32_t mode)
{
    uint32_t mask = __atomic_load_n(&cache.mask, __ATOMIC_ACQUIRE);
    struct unit *u = __atomic_load_n(&cache.table[hash(pc, mode) & mask], __ATOMIC_ACQUIRE);

    while (u && (u->pc != pc || u->mode != mode || !keep_usable(u)))
        u = __atomic_load_n(&u->hash_next, __ATOMIC_ACQUIRE);
    return u;
}

bool cache_has(gaddr pc, uint32_t mode)
{
    return cache_find(pc, mode) != NULL;
}

/* Doubles the number of chains in use. Chains keep their order, so a reader always moves forward
 * along what was its chain; at worst it ends in the other half and misses. */
static void table_grow(void)
{
    uint32_t n = cache.mask + 1;

    if (n * 2 > cache.table_max)
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct unit *u = cache.table[i];
        struct unit **tail[2] = { &cache.table[i], &cache.table[i + n] };

        for (struct unit *next; u; u = next) {
            unsigned half = (hash(u->pc, u->mode) & n) != 0;

            next = u->hash_next;
            __atomic_store_n(tail[half], u, __ATOMIC_RELEASE);
            tail[half] = &u->hash_next;
        }
        __atomic_store_n(tail[0], NULL, __ATOMIC_RELEASE);
        __atomic_store_n(tail[1], NULL, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&cache.mask, n * 2 - 1, __ATOMIC_RELEASE);
}

static void table_add(struct unit *u)
{
    if (cache.nunits++ > cache.mask)
        table_grow();
    struct unit **chain = &cache.table[hash(u->pc, u->mode) & cache.mask];

    u->hash_next = *chain;
    __atomic_store_n(chain, u, __ATOMIC_RELEASE);
}

void cache_unhash(struct unit *u)
{
    struct unit **p = &cache.table[hash(u->pc, u->mode) & cache.mask];

    while (*p && *p != u)
        p = &(*p)->hash_next;
    if (*p) {
        __atomic_store_n(p, u->hash_next, __ATOMIC_RELEASE);
        cache.nunits--;
    }
}

bool cache_holds(const void *p)
{
    return (uintptr_t)p - (uintptr_t)cache.rx < cache.size;
}

static struct unit *indexed(const struct segment *s, uint32_t i)
{
    return s->index[i / CACHE_INDEX_BLOCK][i % CACHE_INDEX_BLOCK];
}

struct unit *cache_unit_at(const void *p)
{
    const uint8_t *at = p;
    size_t seg_size = (size_t)(cache.seg[0].end - cache.seg[0].start);

    if (!cache_holds(p) || at < cache.rx + CACHE_THUNK_BYTES)
        return NULL;
    struct segment *s = &cache.seg[(size_t)(at - cache.rx - CACHE_THUNK_BYTES) / seg_size];
    uint32_t lo = 0, hi = __atomic_load_n(&s->nunits, __ATOMIC_ACQUIRE);

    while (lo < hi) { /* the first that starts above p */
        uint32_t mid = lo + (hi - lo) / 2;

        if (indexed(s, mid)->code <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return NULL;
    struct unit *u = indexed(s, lo - 1);

    return at < u->code + u->size ? u : NULL;
}

/* --- publication ---------------------------------------------------------------------------------
 * */

static bool index_add(struct segment *s, struct unit *u)
{
    uint32_t n = s->nunits, block = n / CACHE_INDEX_BLOCK;

    if (block >= CACHE_INDEX_BLOCKS)
        return false;
    if (!s->index[block]) {
        s->index[block] = cache_alloc(s, CACHE_INDEX_BLOCK * sizeof(struct unit *));
        if (!s->index[block])
            return false;
    }
    s->index[block][n % CACHE_INDEX_BLOCK] = u;
    __atomic_store_n(&s->nunits, n + 1, __ATOMIC_RELEASE);
    return true;
}

/* How many page_refs the extents need, at most: an instruction may reach over the end by 4 bytes
 * when its second half could not be fetched. */
static uint32_t pages_needed(const struct ir_extent *e, uint32_t n)
{
    uint32_t pages = 0;

    for (uint32_t i = 0; i < n; i++)
        pages += (uint32_t)(((e[i].pc + e[i].len + 3) >> 12) - (e[i].pc >> 12)) + 1;
    return pages;
}

static void copy_exits(struct unit *u, const struct code_exit *from)
{
    for (uint32_t i = 0; i < u->nexits; i++)
        u->exits[i] = (struct unit_exit){
            .target = from[i].target, .from = u, .off = from[i].off, .hint = from[i].hint, .backward = from[i].backward,
        };
}

struct unit *cache_publish(const struct ir_unit *ir, const struct compiled *out)
{
    struct segment *s = &cache.seg[cache.active];
    struct ir_extent whole = { ir->pc, ir->guest_bytes };
    const struct ir_extent *ext = ir->nextents ? ir->extents : &whole;
    uint32_t next = ir->nextents ? ir->nextents : 1;
    uint32_t npages = pages_needed(ext, next);
    size_t exits = out->nexits * sizeof(struct unit_exit);
    size_t pages = npages * sizeof(struct page_ref), faults = out->nfaults * sizeof *out->faults;
    uint8_t *m = cache_alloc(s, sizeof(struct unit) + exits + pages + next * sizeof *ext + faults +
                                    out->snap_size);

    if (!m)
        return NULL;
    struct unit *u = (struct unit *)m;

    memset(u, 0, sizeof *u);
    m += sizeof *u;
    u->pc = ir->pc;
    u->mode = ir->mode;
    u->code = out->code + (cache.rx - cache.rw);
    u->size = out->size;
    u->seg = cache.active;
    u->guest_insns = ir->guest_insns;
    u->src_hash = ir->src_hash;
    u->nexits = out->nexits;
    u->nfaults = out->nfaults;
    u->npages = npages;
    u->nextents = next;
    u->exits = (struct unit_exit *)m;
    copy_exits(u, out->exits);
    m += exits;
    u->pages = (struct page_ref *)m;
    m += pages;
    u->extents = memcpy(m, ext, next * sizeof *ext);
    m += next * sizeof *ext;
    u->faults = faults ? memcpy(m, out->faults, faults) : NULL;
    m += faults;
    u->snap_data = out->snap_size ? memcpy(m, out->snap_data, out->snap_size) : NULL;

    if (!index_add(s, u))
        return NULL;
    s->p = out->code + out->size;
    pages_add(u);
    table_add(u);
    return u;
}

/* --- segments ------------------------------------------------------------------------------------
 * */

static void segment_retire(struct segment *s)
{
    struct unit *drop = NULL;

    for (uint32_t i = 0; i < s->nunits; i++) {
        struct unit *u = indexed(s, i);

        if (!u->dead)
            unit_unpublish(u, &drop);
    }
    s->state = SEG_DRAINING;
    units_dropped(drop, true);
    s->drained_at = cache.epoch;
    cache.stats.retired++;
}

void cache_drop_others(void)
{
    struct unit *drop = NULL;

    for (unsigned k = 1; k < CACHE_SEGMENTS; k++)
        for (uint32_t i = 0; i < cache.seg[k].nunits; i++)
            if (!indexed(&cache.seg[k], i)->dead)
                unit_unpublish(indexed(&cache.seg[k], i), &drop);
    units_dropped(drop, true);
}

bool cache_rotate(void)
{
    struct segment *old = &cache.seg[cache.active];
    unsigned next = (cache.active + 1) % CACHE_SEGMENTS;
    struct segment *s = &cache.seg[next], *ahead = &cache.seg[(next + 1) % CACHE_SEGMENTS];

    if (s->state == SEG_LIVE)
        segment_retire(s);
    if (s->state == SEG_DRAINING) {
        if (!cpus_drained(s->drained_at)) {
            cpus_kick_inside();
            return false;
        }
        segment_recycle(s);
    }
    cache.waits = 0;
    old->state = SEG_LIVE;
    s->state = SEG_ACTIVE;
    cache.active = next;
    if (ahead->state == SEG_LIVE)
        segment_retire(ahead);
    return true;
}

static void interrupt_inside(struct cpu *cpu, void *arg)
{
    uint64_t e = __atomic_load_n(&cpu->epoch, __ATOMIC_SEQ_CST);

    if (e != 0 && e < __atomic_load_n(&cache.epoch, __ATOMIC_SEQ_CST))
        linux_interrupt(cpu);
}

/* Who is inside was kicked and comes out at its next poll, unless it waits for a page, perhaps one that the caller is to supply. */
void cache_wait(void)
{
    const struct timespec t = { .tv_nsec = 50000 };

    cache_count(&cache.stats.waits);
    nanosleep(&t, NULL);
    if (__atomic_add_fetch(&cache.waits, 1, __ATOMIC_RELAXED) % WAITS_MOST == 0)
        cpus_each(interrupt_inside, NULL);
}

/* --- fork ----------------------------------------------------------------------------------------
 * */

void cache_fork_prepare(void)
{
    lock_take(&cache.lock);
    cpus_fork_prepare();
}

void cache_fork_parent(void)
{
    cpus_fork_parent();
    lock_give(&cache.lock);
}

/* Forgets everything at once; only when no other thread exists. */
static void cache_reset(void)
{
    memset(cache.table, 0, (cache.mask + 1) * sizeof *cache.table);
    memset(cache.pages, 0, (cache.pages_mask + 1) * sizeof *cache.pages);
    memset(cache.regions, 0, sizeof cache.regions);
    cache.nunits = cache.npages = 0;
    for (unsigned i = 0; i < CACHE_SEGMENTS; i++)
        segment_recycle(&cache.seg[i]);
    cache.active = 0;
    cache.seg[0].state = SEG_ACTIVE;
    __atomic_store_n(&cache.epoch, cache.epoch + 1, __ATOMIC_SEQ_CST);
}

void cache_after_fork(struct cpu *cpu)
{
    cpus_after_fork(cpu);
    keep_after_fork();
    if (cache.dual) {
        cache_reset();
        if (!map_memfd(cache.size) || !emit_thunks())
            _exit(127); /* no way on: the parent goes on writing into the shared mapping */
    }
    lock_reset(&cache.lock);
}
