/* System V shared memory in the guest's address space. */
#include "loader/space_private.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/shm.h>

enum { SHM_SEGMENTS = 256 };

/* shmdt() names only the address, so attached segments are remembered. */
static struct { gaddr start; uint64_t len; } segments[SHM_SEGMENTS];

static int segment_slot(gaddr start)
{
    for (int i = 0; i < SHM_SEGMENTS; i++)
        if (segments[i].start == start && (start == 0 || segments[i].len))
            return i;
    return -1;
}

static int64_t shmat_locked(int shmid, gaddr addr, int flags, uint64_t len)
{
    int slot = segment_slot(0);
    if (slot < 0 || !ranges_reserve(&space.set))
        return -ENOMEM;
    if (addr && (flags & SHM_RND))
        addr &= ~(uint64_t)(SPACE_PAGE - 1);
    if (!page_aligned(addr) || (!addr && (flags & SHM_REMAP)))
        return -EINVAL;
    if (!addr)
        addr = space_find_free(len, SPACE_PAGE, space.mmap_base);
    else if (!in_bounds(addr, len) ||
             (!(flags & SHM_REMAP) && !ranges_is_free(&space.set, addr, addr + len)))
        return -EINVAL;
    if (!addr || !space_may_expand(PROT_READ, SPACE_SHARED | SPACE_SHM, len))
        return -ENOMEM;
    if (space.host_below && (flags & SHM_REMAP) && !space_claim_holes(addr, len)) {
        space_release_claims(addr, len);
        return -EINVAL;
    }
    space_forget_code(addr, addr + len);
    if (shmat(shmid, host(addr), flags & ~(SHM_RND | SHM_EXEC)) == (void *)-1) {
        int error = errno;
        space_release_claims(addr, len);
        return -error;
    }
    if (space.lock_future)
        space_lock_new(addr, len);
    uint8_t prot = (uint8_t)(PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
                             (flags & SHM_EXEC ? PROT_EXEC : 0));
    ranges_put(&space.set, addr, addr + len, prot, SPACE_SHARED | SPACE_SHM);
    segments[slot].start = addr;
    segments[slot].len = len;
    return (int64_t)addr;
}

int64_t space_shmat(int shmid, gaddr addr, int flags)
{
    struct shmid_ds ds;
    if (shmctl(shmid, IPC_STAT, &ds) < 0)
        return -errno;
    space_write_lock();
    int64_t result = shmat_locked(shmid, addr, flags, page_up(ds.shm_segsz));
    space_write_unlock();
    return result;
}

int64_t space_shmdt(gaddr addr)
{
    space_write_lock();
    int slot = addr ? segment_slot(addr) : -1;
    int64_t result = -EINVAL;
    if (slot >= 0 && ranges_reserve(&space.set)) {
        gaddr end = addr + segments[slot].len;
        space_forget_code(addr, end);
        result = shmdt(host(addr)) < 0 ? -errno : 0;
        /* Parts may have been replaced by other mappings meanwhile: only what is still the segment's goes. */
        struct space_range r;
        for (gaddr at = addr; ranges_next(&space.set, at, &r) && r.start < end; at = r.end)
            if ((r.kind & SPACE_SHM) && ranges_reserve(&space.set))
                ranges_clear(&space.set, r.start > addr ? r.start : addr, r.end < end ? r.end : end);
        segments[slot].start = segments[slot].len = 0;
    }
    space_write_unlock();
    return result;
}
