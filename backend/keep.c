#include "backend/keep.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/cache.h"
#include "backend/keep_file.h"
#include "loader/hostfd.h"
#include "loader/space.h"

enum { GROUPS = 1024, NEVER = 0, WORTH_IT = 32, PAGE = 4096 };
#define MAGIC 0x31637464676d7264u   /* "drmgdtc1" */

enum state {
    GONE,       /* group NEVER, and what was forgotten */
    WAITING,    /* the image's; not mapped yet */
    LIVE
};

/* A file's code at guest addresses [start, end); `off`: of `start` in the file. */
struct group {
    struct keep_file file;
    gaddr start, end;
    uint64_t off;
};

/* An image begins with this. Then come its parts, each from a new page on. */
struct header {
    uint64_t magic, bytes, sum;         /* sum: of the parts */
    struct keep_key key;
    uint64_t layout, area;              /* area: bytes of code that the cache has room for */
    uint64_t code, records;             /* bytes used */
    uint32_t units, nunits, mask, pages_mask, npages, ngroups;
};

/* Where the parts of an image are in memory. */
struct part { void *at; uint64_t size; int prot; };
enum { GROUP_PART, REGION_PART, INDEX_PART, CODE_PART, RECORD_PART, TABLE_PART, PAGE_PART, NPARTS };
enum { MAPPED = CODE_PART };            /* the parts from here on are mapped, those before copied */

static struct {
    bool on;
    int dir, image;                     /* the image is open until it is loaded; or -1 */
    bool sure;                          /* its contents need no check */
    uint64_t max_bytes;
    struct keep_key key;
    char name[40];
    struct header header;               /* of the image; magic 0: there is none */
    const uint8_t *end;                 /* atomic; units below are the image's */
    uint32_t units;                     /* how many these are */
    uint32_t ngroups;                   /* NEVER included */
    struct group groups[GROUPS];
    uint8_t states[GROUPS];             /* enum state; written under cache.lock, read without */
} keep = { .dir = -1, .image = -1, .ngroups = 1 };

static uint64_t pages_up(uint64_t bytes)
{
    return (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static void list_parts(struct part parts[NPARTS], const struct header *h)
{
    struct segment *s = &cache.seg[0];
    const int rw = PROT_READ | PROT_WRITE;

    parts[GROUP_PART] = (struct part){ keep.groups, h->ngroups * sizeof(struct group), rw };
    parts[REGION_PART] = (struct part){ cache.regions, sizeof cache.regions, rw };
    parts[INDEX_PART] = (struct part){ s->index, sizeof s->index, rw };
    parts[CODE_PART] = (struct part){ s->start, h->code, rw | PROT_EXEC };
    parts[RECORD_PART] = (struct part){ cache.records, h->records, rw };
    parts[TABLE_PART] = (struct part){ cache.table, (h->mask + 1ull) * sizeof *cache.table, rw };
    parts[PAGE_PART] = (struct part){ cache.pages, (h->pages_mask + 1ull) * sizeof *cache.pages, rw };
}

/* --- opening and loading -------------------------------------------------------------------------- */

void keep_open(int fd, const struct keep_how *how)
{
    if (!keep_key_init(&keep.key, how->salt) || !keep_file_identity(fd, &keep.key.program))
        return;
    keep.dir = keep_dir_open(how);
    if (keep.dir < 0)
        return;
    keep.on = true;
    keep.max_bytes = how->max_bytes;
    keep_name(keep.name, &keep.key);
    keep.image = keep_image_open(keep.dir, keep.name, &keep.sure);
    if (keep.image >= 0 && (pread(keep.image, &keep.header, sizeof keep.header, 0) != sizeof keep.header ||
                            keep.header.magic != MAGIC ||
                            memcmp(&keep.header.key, &keep.key, sizeof keep.key) != 0))
        keep.header.magic = 0;
}

const uint64_t *keep_layout(void)
{
    return keep.header.magic ? &keep.header.layout : NULL;
}

/* Does the image fit this process's cache, and is the file whole? */
static bool image_fits(const struct header *h)
{
    const struct segment *s = &cache.seg[0];
    struct part parts[NPARTS];
    uint64_t bytes = PAGE, room = (uint64_t)(s->end - s->start);

    if (h->area != cache.size || h->code > room || h->records > (uint64_t)(cache.records_end - cache.records) ||
        h->mask >= cache.table_max || h->pages_mask >= cache.pages_max || h->ngroups > GROUPS || !h->ngroups)
        return false;
    list_parts(parts, h);
    for (unsigned i = 0; i < NPARTS; i++)
        bytes += pages_up(parts[i].size);
    return bytes == h->bytes && lseek(keep.image, 0, SEEK_END) == (off_t)bytes;
}

/* Reads the whole file to compare its checksum. */
static bool sum_is_right(const struct header *h)
{
    size_t size = h->bytes - PAGE;
    const void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, keep.image, PAGE);

    if (p == MAP_FAILED)
        return false;
    bool right = keep_sum(0, p, size) == h->sum;

    munmap((void *)(uintptr_t)p, size);
    return right;
}

/* Brings a part from offset `off` of the file to its place. */
static bool bring(const struct part *part, uint64_t off, bool map)
{
    if (map && mmap(part->at, pages_up(part->size), part->prot, MAP_PRIVATE | MAP_FIXED, keep.image, (off_t)off) !=
                   MAP_FAILED)
        return true;
    return pread(keep.image, part->at, part->size, (off_t)off) == (ssize_t)part->size;
}

static bool bring_all(const struct header *h)
{
    struct part parts[NPARTS];
    uint64_t off = PAGE;

    list_parts(parts, h);
    for (unsigned i = 0; i < NPARTS; i++) {
        if (!bring(&parts[i], off, i >= MAPPED))
            return false;
        off += pages_up(parts[i].size);
    }
    return true;
}

/* A part that could not be read leaves the cache in disorder: everything is made empty again. */
static void forget_image(void)
{
    struct part parts[NPARTS];

    list_parts(parts, &keep.header);
    for (unsigned i = 0; i < NPARTS; i++)
        if (i < MAPPED)
            memset(parts[i].at, 0, parts[i].size);
        else
            mmap(parts[i].at, pages_up(parts[i].size), parts[i].prot,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* Takes over what is in memory now. */
static void adopt(const struct header *h)
{
    struct segment *s = &cache.seg[0];

    s->p = s->start + h->code;
    s->arena.p = cache.records + h->records;
    s->nunits = keep.units = h->units;
    cache.nunits = h->nunits;
    cache.mask = h->mask;
    cache.pages_mask = h->pages_mask;
    cache.npages = h->npages;
    keep.end = s->p;
}

static void match(const struct group *mapped);

void keep_load(void)
{
    const struct header *h = &keep.header;
    struct group here[GROUPS];
    uint32_t n = keep.ngroups - 1;

    if (cache.dual || cache.rw != (uint8_t *)CACHE_AREA)
        keep.on = false;
    if (keep.on && h->magic && image_fits(h) && (keep.sure || sum_is_right(h))) {
        memcpy(here, keep.groups + 1, n * sizeof *here); /* what the loader has mapped so far */
        if (bring_all(h)) {
            adopt(h);
            keep.ngroups = h->ngroups;
            memset(keep.states + 1, WAITING, h->ngroups - 1);
            for (uint32_t i = 0; i < n; i++)
                match(&here[i]);
        } else {
            forget_image();
            keep.on = false;
        }
    }
    if (keep.image >= 0)
        close(keep.image);
    keep.image = -1;
}

bool keep_usable(const struct unit *u)
{
    return u->code >= __atomic_load_n(&keep.end, __ATOMIC_RELAXED) || __atomic_load_n(&keep.states[u->group], __ATOMIC_ACQUIRE) == LIVE;
}

void keep_recycled(void)
{
    __atomic_store_n(&keep.end, NULL, __ATOMIC_RELAXED);
}

/* --- what is mapped ------------------------------------------------------------------------------- */

static void set_state(uint32_t group, enum state state)
{
    __atomic_store_n(&keep.states[group], (uint8_t)state, __ATOMIC_RELEASE);
}

static bool same_place(const struct group *a, const struct group *b)
{
    return a->start - a->off == b->start - b->off && memcmp(&a->file, &b->file, sizeof a->file) == 0;
}

static void add(const struct group *g)
{
    uint32_t i = 1;

    while (i < keep.ngroups && keep.states[i] != GONE)
        i++;
    if (i == GROUPS)
        return;
    if (i == keep.ngroups)
        keep.ngroups++;
    keep.groups[i] = *g;
    set_state(i, LIVE);
}

/* A mapping appeared: the waiting groups that it contains come alive; it is a new group if there is none. */
static void match(const struct group *mapped)
{
    bool known = false;

    for (uint32_t i = 1; i < keep.ngroups; i++) {
        struct group *g = &keep.groups[i];

        if (keep.states[i] != WAITING || !same_place(g, mapped) || g->start < mapped->start || g->end > mapped->end)
            continue;
        if (!known)
            *g = *mapped;
        known = true;
        set_state(i, LIVE);
    }
    if (!known)
        add(mapped);
}

void keep_mapped(gaddr start, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    struct group g = { .start = start, .end = start + len, .off = off };

    if (!keep.on || !(prot & PROT_EXEC) || (prot & PROT_WRITE) || (flags & MAP_ANONYMOUS) ||
        (flags & MAP_TYPE) != MAP_PRIVATE || !keep_file_identity(fd, &g.file))
        return;
    lock_take(&cache.lock);
    match(&g);
    lock_give(&cache.lock);
}

/* The group loses [start, last]; what lies behind that becomes a group of its own. */
static void cut(uint32_t i, gaddr start, gaddr last)
{
    struct group *g = &keep.groups[i], rest = *g;

    if (last < g->end - 1) {
        rest.off += last + 1 - g->start;
        rest.start = last + 1;
    }
    if (start > g->start) {
        g->end = start;
        if (last < rest.end - 1)
            add(&rest);
    } else if (last < rest.end - 1) {
        *g = rest;
    } else {
        set_state(i, GONE);
    }
}

void keep_forget(gaddr start, gaddr last)
{
    for (uint32_t i = 1; i < keep.ngroups; i++)
        if (keep.states[i] == LIVE && keep.groups[i].start <= last && keep.groups[i].end > start)
            cut(i, start & ~(gaddr)(PAGE - 1), last | (PAGE - 1));
}

/* --- saving --------------------------------------------------------------------------------------- */

static struct unit *nth(uint32_t i)
{
    return cache.seg[0].index[i / CACHE_INDEX_BLOCK][i % CACHE_INDEX_BLOCK];
}

/* The live group that all of the unit's source lies in. The bytes behind an extent count, since an instruction
 * that could not be fetched whole may have been looked for there. */
static uint32_t group_of(const struct unit *u)
{
    for (uint32_t i = 1; i < keep.ngroups; i++) {
        const struct group *g = &keep.groups[i];
        bool inside = keep.states[i] == LIVE;

        for (uint32_t k = 0; k < u->nextents && inside; k++)
            inside = u->extents[k].len && u->extents[k].pc >= g->start && u->extents[k].pc + u->extents[k].len + 4 <= g->end;
        if (inside)
            return i;
    }
    return NEVER;
}

/* Gives the units that this process made their groups; returns how many have one. */
static uint32_t group_units(void)
{
    uint32_t n = 0;

    for (uint32_t i = keep.units; i < cache.seg[0].nunits; i++) {
        struct unit *u = nth(i);

        u->group = u->dead ? NEVER : (uint16_t)group_of(u);
        n += u->group != NEVER;
    }
    return n;
}

/* In the next process units come alive group by group. */
static void unlink_across(void)
{
    for (uint32_t i = 0; i < cache.seg[0].nunits; i++) {
        struct unit *u = nth(i);

        for (uint32_t k = 0; k < u->nexits; k++)
            if (u->exits[k].to && (u->exits[k].to->group != u->group || u->group == NEVER))
                unlink_exit(&u->exits[k]);
    }
}

static bool write_all(int fd, const struct header *h, const struct part *parts)
{
    static const uint8_t zeros[PAGE];
    uint64_t off = 0;

    for (int i = -1; i < NPARTS; i++) {
        const void *at = i < 0 ? (const void *)h : parts[i].at;
        uint64_t size = i < 0 ? sizeof *h : parts[i].size, pad = pages_up(size) - size;
        struct iovec v[2] = { { (void *)(uintptr_t)at, size }, { (void *)(uintptr_t)zeros, pad } };

        if (pwritev(fd, v, 2, (off_t)off) != (ssize_t)(size + pad))
            return false;
        off += size + pad;
    }
    return true;
}

/* The sum of the parts as they are in the file, padding included. */
static uint64_t sum_parts(const struct part *parts)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < NPARTS; i++) {
        uint8_t tail[PAGE] = { 0 };
        uint64_t whole = parts[i].size & ~(uint64_t)(PAGE - 1), rest = parts[i].size - whole;

        sum = keep_sum(sum, parts[i].at, whole);
        memcpy(tail, (const uint8_t *)parts[i].at + whole, rest);
        sum = rest ? keep_sum(sum, tail, PAGE) : sum;
    }
    return sum;
}

static void save(void)
{
    const struct segment *s = &cache.seg[0];
    struct part parts[NPARTS];
    struct header h = {
        .magic = MAGIC, .bytes = PAGE, .key = keep.key, .layout = space_layout(), .area = cache.size,
        .code = (uint64_t)(s->p - s->start), .records = (uint64_t)(s->arena.p - cache.records), .units = s->nunits,
        .nunits = cache.nunits, .mask = cache.mask, .pages_mask = cache.pages_mask, .npages = cache.npages,
        .ngroups = keep.ngroups,
    };
    char temp[40];

    list_parts(parts, &h);
    for (unsigned i = 0; i < NPARTS; i++)
        h.bytes += pages_up(parts[i].size);
    for (uint32_t i = 1; i < keep.ngroups; i++)
        if (keep.states[i] == GONE)
            keep.groups[i] = (struct group){ 0 };   /* no file is like that */

    int fd = keep_image_create(keep.dir, temp, h.bytes);

    if (fd < 0)
        return;
    unlink_across();
    h.sum = sum_parts(parts);
    keep_image_done(keep.dir, fd, temp, keep.name, write_all(fd, &h, parts));
    keep_dir_trim(keep.dir, keep.max_bytes);
}

/* Whether the first segment is what an image can be: it was never emptied, all its records lie in the area. If there is more,
 * the first image of a program is what came first; a later run leaves it as it is. */
static bool can_be_image(void)
{
    const struct segment *s = &cache.seg[0];

    if (s->gen != 0 || s->state == SEG_DRAINING || s->arena.chunks || (cache.active != 0 && keep.units != 0))
        return false;
    if (cache.active != 0)
        cache_drop_others();
    return true;
}

bool keep_will_save(void)
{
    return keep.on;
}

void keep_save(void)
{
    if (!keep.on)
        return;
    space_read_lock();
    lock_take(&cache.lock);
    if (can_be_image() && cache.seg[0].nunits - keep.units >= WORTH_IT + cache.seg[0].nunits / 64 && group_units() >= WORTH_IT)
        save();
    keep.on = false;
    lock_give(&cache.lock);
    space_read_unlock();
}

void keep_after_fork(void)
{
    keep.on = false;
}

int keep_dir_fd(void)
{
    return keep.dir;
}

void keep_stats(FILE *f)
{
    fprintf(f, "kept units       %10u\n", keep.units);
}
