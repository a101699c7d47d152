#include "loader/space_private.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/keep.h"
#include "backend/lock.h"
#include "backend/run.h"

enum {
    PROT_RWX = PROT_READ | PROT_WRITE | PROT_EXEC,
    X86_MAP_32BIT = 0x40,          /* no such flag on other machines */
    FETCH_ENOUGH = 4 * SPACE_PAGE, /* more than a unit has in one piece */
    LOWEST = 0x10000,              /* vm.mmap_min_addr's usual value */
    CLAIMED = SPACE_VDSO | SPACE_SHM,   /* kind of a hole that space_claim_holes() holds */
};
/* Linux's arch_mmap_rnd() is larger; this is enough to find programs that count on an address. */
#define RANDOM_SPAN ((uint64_t)64 << 20)
/* Free space below the main stack (mmap_base() in mm/util.c: at least 128 MiB). */
#define STACK_GAP ((uint64_t)128 << 20)

struct space space = { .limits = { UINT64_MAX, UINT64_MAX, UINT64_MAX } };
uintptr_t gaddr_base;

static struct rw_lock lock;
static uint64_t random_state, layout_seed, layout_state;

void space_read_lock(void)
{
    rw_lock_read(&lock);
}

void space_read_unlock(void)
{
    rw_unlock_read(&lock);
}

static void note_change(void)
{
    __atomic_store_n(&space.changes, space.changes + 1, __ATOMIC_SEQ_CST);
}

void space_write_lock(void)
{
    rw_lock_write(&lock);
    note_change();
}

void space_write_unlock(void)
{
    note_change();
    rw_unlock_write(&lock);
}

void space_fork_prepare(void)
{
    space_write_lock();
}

void space_fork_parent(void)
{
    space_write_unlock();
}

void space_fork_child(void)
{
    rw_lock_reset(&lock);
    note_change();
    space.lock_future = 0;
}

/* --- the translator's own memory */

void *host_alloc(size_t size)
{
    static gaddr cursor = GUEST_TOP + ((gaddr)16 << 40);
    size = (size + SPACE_PAGE - 1) & ~(size_t)(SPACE_PAGE - 1);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if ((uintptr_t)p >= GUEST_TOP)
        return p;
    /* The legacy layout (unlimited stack size) maps bottom-up from a third of the address space. */
    munmap(p, size);
    for (int tries = 0; tries < 64; tries++) {
        gaddr at = __atomic_fetch_add(&cursor, size, __ATOMIC_RELAXED);
        p = mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != MAP_FAILED)
            return p;
    }
    return NULL;
}

void host_free(void *p, size_t size)
{
    munmap(p, (size + SPACE_PAGE - 1) & ~(size_t)(SPACE_PAGE - 1));
}

/* --- helpers */

static int host_prot(int prot)
{
    int p = prot & ~PROT_EXEC;
    return prot & PROT_EXEC ? p | PROT_READ : p;
}

bool space_inside(gaddr addr, uint64_t len)
{
    return in_bounds(addr, len);
}

/* Calls fn for each part of [start, end) that is mapped, in order, until it returns nonzero. */
static int64_t each_part(gaddr start, gaddr end,
                         int64_t (*fn)(const struct space_range *part, void *arg), void *arg)
{
    struct space_range r;
    while (start < end && ranges_next(&space.set, start, &r) && r.start < end) {
        gaddr next = r.end;
        if (r.start < start)
            r.start = start;
        if (r.end > end)
            r.end = end;
        int64_t result = fn(&r, arg);
        if (result)
            return result;
        start = next;
    }
    return 0;
}

static int64_t part_has_kind(const struct space_range *part, void *arg)
{
    return (part->kind & *(uint8_t *)arg) != 0;
}

static bool has_kind(gaddr start, gaddr end, uint8_t kind)
{
    return each_part(start, end, part_has_kind, &kind);
}

static int64_t part_is_code(const struct space_range *part, void *arg)
{
    return (part->prot & PROT_EXEC) && !(part->kind & SPACE_HOST);
}

/* The bytes in [start, end) may change or become inaccessible; the memory stays what it is. */
static void drop_code(gaddr start, gaddr end)
{
    if (each_part(start, end, part_is_code, NULL))
        cache_invalidate(start, end - start);
}

void space_forget_code(gaddr start, gaddr end)
{
    if (space.announced.root && ranges_reserve(&space.announced))
        ranges_clear(&space.announced, start, end);
    drop_code(start, end);
}

static int64_t part_unmap_host(const struct space_range *part, void *arg)
{
    if (!(part->kind & SPACE_HOST))
        munmap(host(part->start), part->end - part->start);
    return 0;
}

static int64_t part_is_foreign(const struct space_range *part, void *arg)
{
    return (part->kind & SPACE_HOST) ? 0 : 1;
}

void space_clear(gaddr start, gaddr end)
{
    if (!space.host_below) {
        ranges_clear(&space.set, start, end);
        return;
    }
    struct space_range r;
    while (start < end && ranges_next(&space.set, start, &r) && r.start < end) {
        gaddr from = r.start > start ? r.start : start, to = r.end < end ? r.end : end;
        if (part_is_foreign(&r, NULL) && ranges_reserve(&space.set))
            ranges_clear(&space.set, from, to);
        start = to;
    }
}

void space_note_growth(gaddr addr)
{
    struct space_range r;
    unsigned char resident;
    if (!ranges_next(&space.set, addr, &r) || r.start <= addr || !(r.kind & SPACE_GROWSDOWN))
        return;
    if (mincore(host(addr), SPACE_PAGE, &resident) == 0 && ranges_reserve(&space.set))
        ranges_put(&space.set, addr, r.start, r.prot, r.kind);
}

/* --- limits */

void space_set_limits(uint64_t as, uint64_t data, uint64_t data_max)
{
    space.limits.as = as;
    space.limits.data = data;
    space.limits.data_max = data_max;
}

bool space_may_expand(uint8_t prot, uint8_t kind, uint64_t more)
{
    uint64_t data = space.set.data + more;
    if (space.set.total + more > space.limits.as)
        return false;
    return !ranges_is_data(prot, kind) || data <= space.limits.data ||
           (space.limits.data == 0 && data <= space.limits.data_max);   /* as Valgrind sets it */
}

static int64_t add_length(const struct space_range *part, void *sum)
{
    *(uint64_t *)sum += part->kind & SPACE_HOST ? 0 : part->end - part->start;
    return 0;
}

/* Bytes that are mapped in [start, end). */
static uint64_t mapped_in(gaddr start, gaddr end)
{
    uint64_t sum = 0;
    each_part(start, end, add_length, &sum);
    return sum;
}

/* --- placing */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t space_random(uint64_t span, uint64_t align)
{
    return space.randomise ? next_random(&random_state) % span & ~(align - 1) : 0;
}

uint64_t space_random_layout(uint64_t span, uint64_t align)
{
    return space.randomise ? next_random(&layout_state) % span & ~(align - 1) : 0;
}

uint64_t space_layout(void)
{
    return layout_seed;
}

void space_secret(uint8_t bytes[16])
{
    if (!space.seeded && getrandom(bytes, 16, GRND_NONBLOCK) == 16)
        return;
    uint64_t words[2] = { next_random(&random_state), next_random(&random_state) };
    memcpy(bytes, words, sizeof words);
}

gaddr space_find_free(uint64_t len, uint64_t align, gaddr below)
{
    gaddr at = ranges_find_down(&space.set, LOWEST, below, len, align);
    return at ? at : ranges_find_down(&space.set, LOWEST, space.task_size, len, align);
}

gaddr space_find(uint64_t len, uint64_t align, gaddr hint)
{
    gaddr below = hint && in_bounds(hint, len) ? hint + len : space.mmap_base;
    space_read_lock();
    gaddr at = space_find_free(page_up(len), align > SPACE_PAGE ? align : SPACE_PAGE, below);
    space_read_unlock();
    return at;
}

/* Something of the host's lies in [at, at+len) although the set knows nothing there. */
static void note_collision(gaddr at, uint64_t len)
{
    space.host_below = true;
    if (maps_note_host() && !ranges_is_free(&space.set, at, at + len))
        return;
    if (ranges_reserve(&space.set))
        ranges_put(&space.set, at, at + len, PROT_NONE, SPACE_HOST);
}

struct request {
    uint64_t len, align;
    int prot, flags, fd;
    uint64_t off;
};

/* Maps at `at`, which the set says is free. MAP_FAILED with errno EEXIST if it is not. */
static void *map_free(gaddr at, const struct request *rq)
{
    int flags = (rq->flags & ~MAP_FIXED) | MAP_FIXED_NOREPLACE;
    void *p = mmap(host(at), rq->len, host_prot(rq->prot), flags, rq->fd, (off_t)rq->off);
    if (p != MAP_FAILED && p != host(at)) {     /* a kernel before 4.17 takes the address as a hint */
        munmap(p, rq->len);
        errno = EEXIST;
        return MAP_FAILED;
    }
    return p;
}

bool space_claim_holes(gaddr at, uint64_t len)
{
    gaddr pos = at, end = at + len;
    while (pos < end) {
        struct space_range r;
        bool any = ranges_next(&space.set, pos, &r) && r.start < end;
        gaddr hole_end = any ? r.start : end;
        if (hole_end > pos) {
            struct request rq = { .len = hole_end - pos, .prot = PROT_NONE, .fd = -1,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };
            if (map_free(pos, &rq) == MAP_FAILED) {
                if (errno == EEXIST)
                    note_collision(pos, hole_end - pos);
                return false;
            }
            ranges_reserve(&space.set);
            ranges_put(&space.set, pos, hole_end, PROT_NONE, CLAIMED);
        }
        pos = any ? r.end : end;
    }
    return !has_kind(at, end, SPACE_HOST);
}

void space_release_claims(gaddr at, uint64_t len)
{
    gaddr end = at + len;
    struct space_range r;
    for (gaddr pos = at; space.host_below && ranges_next(&space.set, pos, &r) && r.start < end; pos = r.end) {
        if (r.kind == CLAIMED && ranges_reserve(&space.set)) {
            munmap(host(r.start), r.end - r.start);
            ranges_clear(&space.set, r.start, r.end);
        }
    }
}

/* --- mmap */

static uint8_t kind_of(int flags)
{
    int type = flags & MAP_TYPE;
    return (flags & MAP_ANONYMOUS ? 0 : SPACE_FILE) |
           (type == MAP_SHARED || type == MAP_SHARED_VALIDATE ? SPACE_SHARED : 0) |
           (flags & MAP_GROWSDOWN ? SPACE_GROWSDOWN : 0);
}

static int64_t map_fixed(gaddr addr, const struct request *rq)
{
    if (!in_bounds(addr, rq->len))
        return -ENOMEM;
    if (rq->flags & MAP_FIXED_NOREPLACE) {
        if (!ranges_is_free(&space.set, addr, addr + rq->len))
            return -EEXIST;
        return map_free(addr, rq) == MAP_FAILED ? -errno : (int64_t)addr;
    }
    int64_t result = -ENOMEM;
    if (!space.host_below || space_claim_holes(addr, rq->len)) {
        space_forget_code(addr, addr + rq->len);
        void *p = mmap(host(addr), rq->len, host_prot(rq->prot), rq->flags, rq->fd, (off_t)rq->off);
        result = p == MAP_FAILED ? -errno : (int64_t)addr;
    }
    if (result < 0)
        space_release_claims(addr, rq->len);
    return result;
}

static int64_t map_anywhere(gaddr hint, const struct request *rq)
{
    hint = page_up(hint);
    if (hint && hint < LOWEST)
        hint = LOWEST;
    for (int tries = 0; tries < 16; tries++) {
        bool wish = hint && hint % rq->align == 0 && in_bounds(hint, rq->len) &&
                    ranges_is_free(&space.set, hint, hint + rq->len);
        gaddr at = wish ? hint : space_find_free(rq->len, rq->align, space.mmap_base);
        if (!at)
            return -ENOMEM;
        if (map_free(at, rq) != MAP_FAILED)
            return (int64_t)at;
        if (errno == EPERM && wish)             /* vm.mmap_min_addr is above our guess */
            hint = 0;
        else if (errno != EEXIST)
            return -errno;
        else
            note_collision(at, rq->len);
    }
    return -ENOMEM;
}

#define HUGE_2M ((uint64_t)2 << 20)
#define HUGE_1G ((uint64_t)1 << 30)

/* Huge pages: the size is in the flags, or the default of 2 MiB. */
static uint64_t alignment_of(int flags)
{
    if (!(flags & MAP_HUGETLB))
        return SPACE_PAGE;
    unsigned log = (unsigned)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    return log ? (uint64_t)1 << log : HUGE_2M;
}

/* A file on hugetlbfs wants an address that its pages fit: sets that. False if `rq` is for no such file. */
static bool align_for_huge_file(struct request *rq)
{
    struct statfs fs;
    if ((rq->flags & MAP_ANONYMOUS) || fstatfs(rq->fd, &fs) < 0 || fs.f_type != HUGETLBFS_MAGIC)
        return false;
    rq->align = (uint64_t)fs.f_bsize;
    rq->len = (rq->len + rq->align - 1) & ~(rq->align - 1);
    return true;
}

/* Whether the new mapping is within the guest's limits; what it replaces makes room. */
static bool mapping_fits(gaddr addr, const struct request *rq)
{
    bool replaces = (rq->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == MAP_FIXED && in_bounds(addr, rq->len);
    if (space_may_expand((uint8_t)rq->prot, kind_of(rq->flags), rq->len))
        return true;
    uint64_t room = replaces ? mapped_in(addr, addr + rq->len) : 0;
    return room && space_may_expand((uint8_t)rq->prot, kind_of(rq->flags), rq->len - room);
}

/* MCL_FUTURE and MCL_ONFAULT. */
static int64_t lock_mapped(gaddr at, uint64_t len)
{
    if (!(space.lock_future & MCL_ONFAULT) || space_lock_new(at, len))
        return (int64_t)at;
    munmap(host(at), len);
    if (ranges_reserve(&space.set))
        ranges_clear(&space.set, at, at + len);
    return -EAGAIN;
}

int64_t space_mmap(gaddr addr, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    struct request rq = { .align = alignment_of(flags), .prot = prot & PROT_RWX, .fd = fd,
                          .flags = flags & ~X86_MAP_32BIT, .off = off };
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (!page_aligned(off) || len == 0 || (fixed && !page_aligned(addr)))
        return -EINVAL;
    rq.len = page_up(len);
    if ((flags & MAP_HUGETLB) && rq.align != HUGE_2M && rq.align != HUGE_1G)
        return -EINVAL;                         /* no pages of that size */
    if (rq.align > SPACE_PAGE)
        rq.len = (rq.len + rq.align - 1) & ~(rq.align - 1);
    if (rq.len == 0 || rq.len > space.task_size)
        return -ENOMEM;

    space_write_lock();
    int64_t result = -ENOMEM;
    rq.flags |= space_lock_flag();
    if (ranges_reserve(&space.set) && mapping_fits(addr, &rq)) {
        result = fixed ? map_fixed(addr, &rq) : map_anywhere(addr, &rq);
        if (result == -EINVAL && !fixed && align_for_huge_file(&rq))
            result = map_anywhere(addr, &rq);
        if (result >= 0 && ranges_reserve(&space.set))
            ranges_put(&space.set, (gaddr)result, (gaddr)result + rq.len, rq.prot, kind_of(flags));
        if (result >= 0)
            result = lock_mapped((gaddr)result, rq.len);
        if (result >= 0)
            keep_mapped((gaddr)result, rq.len, rq.prot, flags, fd, off);
    }
    space_write_unlock();
    return result;
}

int64_t space_munmap(gaddr addr, uint64_t len)
{
    if (!page_aligned(addr) || len == 0 || !in_bounds(addr, len) || !in_bounds(addr, page_up(len)))
        return -EINVAL;
    gaddr end = addr + page_up(len);
    space_write_lock();
    int64_t result = 0;
    if (!ranges_reserve(&space.set)) {
        result = -ENOMEM;
    } else {
        space_forget_code(addr, end);
        if (space.host_below)
            each_part(addr, end, part_unmap_host, NULL);
        else if (munmap(host(addr), end - addr) < 0)
            result = -errno;
        if (result == 0)
            space_clear(addr, end);
    }
    space_write_unlock();
    return result;
}

/* --- mprotect */

struct protect { int prot; gaddr done; };

static int64_t part_protect(const struct space_range *part, void *arg)
{
    struct protect *p = arg;
    if (part->start > p->done || (part->kind & SPACE_HOST))
        return -ENOMEM;                         /* a hole */
    uint64_t len = part->end - part->start;
    if ((p->prot & PROT_WRITE) && !space_may_expand((uint8_t)p->prot, part->kind, len) &&
        space_may_expand(part->prot, part->kind, len))
        return -ENOMEM;                         /* it would become data */
    if (part->prot != p->prot &&                /* equal for the host or not: it may be sealed */
        mprotect(host(part->start), len, host_prot(p->prot)) < 0)
        return -errno;
    if (!ranges_reserve(&space.set))
        return -ENOMEM;
    ranges_put(&space.set, part->start, part->end, (uint8_t)p->prot, part->kind);
    p->done = part->end;
    return 0;
}

static int64_t protect_locked(gaddr addr, gaddr end, int prot, bool grows_down)
{
    struct space_range r;
    space_note_growth(addr);
    if (grows_down) {
        if (!ranges_next(&space.set, addr, &r) || r.start >= end)
            return -ENOMEM;
        if (!(r.kind & SPACE_GROWSDOWN))
            return -EINVAL;
        addr = r.start;
    }
    drop_code(addr, end);
    struct protect p = { .prot = prot, .done = addr };
    int64_t result = each_part(addr, end, part_protect, &p);
    return result ? result : p.done < end ? -ENOMEM : 0;
}

int64_t space_mprotect(gaddr addr, uint64_t len, int prot)
{
    int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (grows & PROT_GROWSUP) || !page_aligned(addr))
        return -EINVAL;
    if (len == 0)
        return 0;
    len = page_up(len);
    if (addr + len <= addr)
        return -ENOMEM;
    if (prot & ~(PROT_RWX | 8 /* PROT_SEM */))
        return -EINVAL;
    if (!in_bounds(addr, len))
        return -ENOMEM;
    space_write_lock();
    int64_t result = protect_locked(addr, addr + len, prot & PROT_RWX, grows);
    space_write_unlock();
    return result;
}

/* --- brk */

void space_set_brk(gaddr start)
{
    space.brk_start = space.brk = page_up(start);
}

static bool brk_move(gaddr addr)
{
    gaddr old_end = page_up(space.brk), new_end = page_up(addr);
    if (!ranges_reserve(&space.set))
        return false;
    if (new_end < old_end) {
        space_forget_code(new_end, old_end);
        if (munmap(host(new_end), old_end - new_end) < 0)
            return false;                       /* sealed */
        ranges_clear(&space.set, new_end, old_end);
    } else if (new_end > old_end) {
        struct request rq = { .len = new_end - old_end, .prot = PROT_READ | PROT_WRITE, .fd = -1,
                              .flags = MAP_PRIVATE | MAP_ANONYMOUS | space_lock_flag() };
        if (!ranges_is_free(&space.set, old_end, new_end + SPACE_PAGE) ||
            !space_may_expand((uint8_t)rq.prot, SPACE_HEAP, new_end - old_end) ||
            map_free(old_end, &rq) == MAP_FAILED)
            return false;
        if (lock_mapped(old_end, rq.len) < 0)
            return false;
        ranges_put(&space.set, old_end, new_end, (uint8_t)rq.prot, SPACE_HEAP);
    }
    return true;
}

gaddr space_brk(gaddr addr)
{
    space_write_lock();
    if (addr >= space.brk_start && addr < space.task_size && brk_move(addr))
        space.brk = addr;
    gaddr now = space.brk;
    space_write_unlock();
    return now;
}

/* --- madvise */

static bool advice_changes_contents(int advice)
{
    return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE ||
           advice == 24 /* MADV_DONTNEED_LOCKED */;
}

int64_t space_madvise(gaddr addr, uint64_t len, int advice)
{
    if (!page_aligned(addr) || page_up(len) < len)
        return -EINVAL;
    if (!in_bounds(addr, page_up(len)))
        return -ENOMEM;
    bool locked = advice_changes_contents(advice);
    int64_t result = 0;
    if (locked) {
        space_write_lock();
        drop_code(addr, addr + page_up(len));
        if (space.host_below && has_kind(addr, addr + page_up(len), SPACE_HOST))
            result = -ENOMEM;
    }
    if (result == 0 && madvise(host(addr), len, advice) < 0)
        result = -errno;
    if (locked)
        space_write_unlock();
    return result;
}

/* --- start */

/* Whether the kernel chose to put us where guests map: by samples of each kind of mapping. */
static bool host_is_below(const void *fresh)
{
    uintptr_t samples[] = { (uintptr_t)&space, (uintptr_t)fresh, (uintptr_t)__builtin_frame_address(0),
                            (uintptr_t)sbrk(0), getauxval(AT_SYSINFO_EHDR) };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (samples[i] && samples[i] < space.task_size)
            return true;
    return false;
}

void space_init(gaddr task_size, const uint64_t *seed, const uint64_t *layout)
{
    space.task_size = task_size;
    space.randomise = !(personality(0xffffffff) & ADDR_NO_RANDOMIZE);
    space.seeded = seed;
    if (!seed)
        seed = (const void *)getauxval(AT_RANDOM);
    if (seed)
        memcpy(&random_state, seed, sizeof random_state);
    space.set.random = (uint32_t)random_state | 1;
    layout_seed = layout_state = layout ? *layout : next_random(&random_state);
    space.mmap_base = task_size - STACK_GAP - space_random_layout(RANDOM_SPAN, SPACE_PAGE);
    if (!ranges_reserve(&space.set))
        return;
    if (host_is_below(space.set.free)) {
        space.host_below = true;
        maps_note_host();
    }
}

int64_t space_map_stack(uint64_t size, bool exec)
{
    size = page_up(size);
    if (size > space.task_size / 2)
        return -ENOMEM;
    gaddr top = space.task_size - SPACE_PAGE - space_random(RANDOM_SPAN, SPACE_PAGE);
    struct request rq = { .len = size, .align = SPACE_PAGE, .fd = -1,
                          .prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0),
                          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK |
                                   MAP_GROWSDOWN };
    space_write_lock();
    int64_t at = ranges_reserve(&space.set) ? map_anywhere(top - size, &rq) : -ENOMEM;
    if (at >= 0) {
        /* A huge page for the first touch would cost more than most programs' whole start. */
        madvise(host((gaddr)at), size, MADV_NOHUGEPAGE);
        ranges_reserve(&space.set);
        ranges_put(&space.set, (gaddr)at, (gaddr)at + size, (uint8_t)rq.prot,
                   SPACE_STACK | SPACE_GROWSDOWN);
        /* The rest of the gap lets the kernel extend the stack when its limit is raised later. Where the stack
         * lies within its span does not count: mmap_base follows from the layout's seed alone. */
        uint64_t gap = size < STACK_GAP ? STACK_GAP - size : 2 * RANGES_GUARD;
        gaddr lowest = (gaddr)at - (top - (space.task_size - SPACE_PAGE - RANDOM_SPAN));
        if (lowest > gap + RANDOM_SPAN + LOWEST)
            space.mmap_base = lowest - gap - space_random_layout(RANDOM_SPAN, SPACE_PAGE);
        space.stack_top = (gaddr)at + size;
        at = (int64_t)space.stack_top;
    }
    space_write_unlock();
    return at;
}

int64_t space_map_vdso(const void *image, size_t size)
{
    int64_t at = space_mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at < 0)
        return at;
    memcpy(host((gaddr)at), image, size);
    space_write_lock();
    if (mprotect(host((gaddr)at), size, PROT_READ) == 0 && ranges_reserve(&space.set))
        ranges_put(&space.set, (gaddr)at, (gaddr)at + page_up(size), PROT_READ | PROT_EXEC, SPACE_VDSO);
    space_write_unlock();
    return at;
}

/* --- questions */

bool space_lookup(gaddr addr, struct space_range *out)
{
    return ranges_next(&space.set, addr, out) && out->start <= addr && !(out->kind & SPACE_HOST);
}

bool space_next(gaddr addr, struct space_range *out)
{
    while (ranges_next(&space.set, addr, out)) {
        if (!(out->kind & SPACE_HOST))
            return true;
        addr = out->end;
    }
    return false;
}

void space_lazy(void)
{
    __atomic_store_n(&space.lazy, true, __ATOMIC_RELAXED);
}

bool space_is_lazy(void)
{
    return __atomic_load_n(&space.lazy, __ATOMIC_RELAXED);
}

/* space_fetch() of executable memory where a page may be waited for. */
static const uint8_t *fetch_lazily(gaddr pc, size_t *avail)
{
    gaddr page = pc & ~(gaddr)(SPACE_PAGE - 1);
    unsigned char resident = 0;
    if (mincore(host(page), SPACE_PAGE, &resident) < 0 || !(resident & 1)) {
        fault_absent(pc);
        return NULL;
    }
    *avail = page + SPACE_PAGE - pc;
    return host(pc);
}

const uint8_t *space_fetch(gaddr pc, size_t *avail)
{
    struct space_range r;
    if (!space_lookup(pc, &r) || !(r.prot & PROT_EXEC))
        return NULL;
    if (__builtin_expect(__atomic_load_n(&space.lazy, __ATOMIC_RELAXED), 0))
        return fetch_lazily(pc, avail);
    gaddr end = r.end;
    while (end - pc < FETCH_ENOUGH && space_lookup(end, &r) && (r.prot & PROT_EXEC))
        end = r.end;
    *avail = end - pc;
    return host(pc);
}

int space_fault_kind(gaddr addr)
{
    struct space_range r;
    space_read_lock();
    bool mapped = space_lookup(addr, &r);
    space_read_unlock();
    return mapped ? SEGV_ACCERR : SEGV_MAPERR;
}

bool space_accessible(gaddr addr, uint64_t len, int prot)
{
    if (!in_bounds(addr, len))
        return false;
    gaddr end = addr + len;
    struct space_range r;
    space_read_lock();
    while (addr < end && space_lookup(addr, &r) && (r.prot & prot) == prot)
        addr = r.end;
    space_read_unlock();
    return addr >= end;
}

void space_bounds(gaddr *stack_top, gaddr *brk_start, gaddr *brk_end)
{
    space_read_lock();
    *stack_top = space.stack_top;
    *brk_start = space.brk_start;
    *brk_end = space.brk;
    space_read_unlock();
}
