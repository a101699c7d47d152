/* mremap(2) over the guest's address space. */
#include "loader/space_private.h"

#include <errno.h>
#include <sys/mman.h>

struct remap {
    gaddr addr, new_addr;
    uint64_t old_len, new_len;
    int flags;
    struct space_range in;       /* the interval that holds addr */
};

/* Records the result of a move: the source's intervals are at `to` now (under its holes the target stays as it was);
 * growth is like its one interval. */
static void moved(const struct remap *m, gaddr to)
{
    struct space_range r;
    uint64_t kept = m->old_len < m->new_len ? m->old_len : m->new_len;
    gaddr end = m->addr + kept;
    for (gaddr at = m->addr; at < end && ranges_next(&space.set, at, &r) && r.start < end; at = r.end) {
        gaddr from = r.start > m->addr ? r.start : m->addr, until = r.end < end ? r.end : end;
        if (ranges_reserve(&space.set))
            ranges_put(&space.set, to + (from - m->addr), to + (until - m->addr), r.prot,
                       r.kind & ~SPACE_HEAP);
    }
    ranges_reserve(&space.set);
    if (m->new_len > m->old_len)
        ranges_put(&space.set, to + m->old_len, to + m->new_len, m->in.prot, m->in.kind & ~SPACE_HEAP);
    if (m->old_len && !(m->flags & MREMAP_DONTUNMAP))
        space_clear(m->addr, m->addr + m->old_len);
}

static int64_t remap_move(const struct remap *m, gaddr to)
{
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (m->flags & MREMAP_DONTUNMAP);
    if (!(m->flags & MREMAP_DONTUNMAP))
        space_forget_code(m->addr, m->addr + m->old_len);
    if (mremap(host(m->addr), m->old_len, m->new_len, flags, host(to)) == MAP_FAILED)
        return -errno;
    moved(m, to);
    return (int64_t)to;
}

static bool target_is_valid(const struct remap *m)
{
    return page_aligned(m->new_addr) && in_bounds(m->new_addr, m->new_len) &&
           (m->new_addr >= m->addr + m->old_len || m->addr >= m->new_addr + m->new_len);
}

static int64_t remap_fixed(const struct remap *m)
{
    int64_t result = -ENOMEM;
    if (!space.host_below || space_claim_holes(m->new_addr, m->new_len)) {
        space_forget_code(m->new_addr, m->new_addr + m->new_len);
        ranges_reserve(&space.set);
        result = remap_move(m, m->new_addr);
    }
    space_release_claims(m->new_addr, m->new_len);
    return result;
}

static int64_t remap_shrink(const struct remap *m)
{
    gaddr from = m->addr + m->new_len, to = m->addr + m->old_len;
    if (from < to) {
        space_forget_code(from, to);
        if (munmap(host(from), to - from) < 0)
            return -errno;
        space_clear(from, to);
    }
    return (int64_t)m->addr;
}

static int64_t remap_grow(const struct remap *m)
{
    gaddr old_end = m->addr + m->old_len, new_end = m->addr + m->new_len;
    if (m->old_len && !(m->flags & MREMAP_DONTUNMAP) && old_end == m->in.end && in_bounds(m->addr, m->new_len) &&
        ranges_is_free(&space.set, old_end, new_end) &&
        mremap(host(m->addr), m->old_len, m->new_len, 0) != MAP_FAILED) {
        ranges_put(&space.set, old_end, new_end, m->in.prot, m->in.kind);
        return (int64_t)m->addr;
    }
    if (!(m->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    gaddr to = space_find_free(m->new_len, SPACE_PAGE, space.mmap_base);
    return to ? remap_move(m, to) : -ENOMEM;
}

/* What the kernel counts as added: the growth, or the copy that leaves its source mapped. */
static bool result_fits(const struct remap *m)
{
    uint64_t more = m->flags & MREMAP_DONTUNMAP ? m->new_len : m->new_len > m->old_len ? m->new_len - m->old_len : 0;
    return !more || space_may_expand(m->in.prot, m->in.kind, more);
}

static int64_t remap_locked(struct remap *m)
{
    if ((m->flags & MREMAP_FIXED) && !target_is_valid(m))
        return -EINVAL;
    space_note_growth(m->addr);
    if (!ranges_next(&space.set, m->addr, &m->in) || m->in.start > m->addr ||
        (m->in.kind & SPACE_HOST))
        return -EFAULT;
    if (!result_fits(m))
        return -ENOMEM;
    uint64_t room = m->in.end - m->addr, kept = m->old_len < m->new_len ? m->old_len : m->new_len;
    bool whole = m->old_len <= room;
    /* What moves must be one mapping; unless its size stays: then the kernel (since 6.17) may take several. */
    if (m->flags & MREMAP_FIXED)
        return kept <= room || m->old_len == m->new_len ? remap_fixed(m) : -EFAULT;
    if (m->old_len >= m->new_len && !(m->flags & MREMAP_DONTUNMAP))
        return in_bounds(m->addr, m->old_len) ? remap_shrink(m) : -EINVAL;
    return whole ? remap_grow(m) : -EFAULT;
}

int64_t space_mremap(gaddr addr, uint64_t old_len, uint64_t new_len, int flags, gaddr new_addr)
{
    struct remap m = { .addr = addr, .new_addr = new_addr, .old_len = page_up(old_len),
                       .new_len = page_up(new_len), .flags = flags };
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && old_len != new_len)
        return -EINVAL;
    if (!page_aligned(addr) || m.new_len == 0)
        return -EINVAL;
    if (m.new_len > space.task_size)
        return -ENOMEM;
    space_write_lock();
    int64_t result = ranges_reserve(&space.set) ? remap_locked(&m) : -ENOMEM;
    space_write_unlock();
    return result;
}
