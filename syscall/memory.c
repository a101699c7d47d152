/* The guest's memory calls: loader/space.c does the work and knows the rules. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "backend/run.h"
#include "loader/space.h"
#include "syscall/sys.h"

int64_t sys_mmap(struct sys *s)
{
    int flags = (int)s->a[3];
    if (!(flags & MAP_ANONYMOUS) && sys_fd_hidden(s->a[4]))
        return -EBADF;
    if (!(flags & MAP_ANONYMOUS) && !s->a[1] && fcntl((int)s->a[4], F_GETFD) < 0)
        return -EBADF;   /* before the length's EINVAL */
    return space_mmap(s->a[0], s->a[1], (int)s->a[2], flags, (int)s->a[4], s->a[5]);
}

int64_t sys_munmap(struct sys *s)
{
    return space_munmap(s->a[0], s->a[1]);
}

int64_t sys_mprotect(struct sys *s)
{
    return space_mprotect(s->a[0], s->a[1], (int)s->a[2]);
}

int64_t sys_mremap(struct sys *s)
{
    return space_mremap(s->a[0], s->a[1], s->a[2], (int)s->a[3], s->a[4]);
}

int64_t sys_brk(struct sys *s)
{
    return space_brk(s->a[0]);
}

int64_t sys_madvise(struct sys *s)
{
    return space_madvise(s->a[0], s->a[1], (int)s->a[2]);
}

int64_t sys_shmat(struct sys *s)
{
    return space_shmat((int)s->a[0], s->a[1], (int)s->a[2]);
}

int64_t sys_shmdt(struct sys *s)
{
    return space_shmdt(s->a[0]);
}

/* Calls that only name a range: the host's own, kept out of the translator's part. What is unaligned or wraps around the kernel
 * refuses, or takes for nothing, before it looks at any memory. */
static int64_t range_call(struct sys *s, long nr)
{
    uint64_t mask = SPACE_PAGE - 1, start = s->a[0] & ~mask, end = (s->a[0] + s->a[1] + mask) & ~mask;
    bool touches = s->a[1] + mask >= mask && start < end;
    return !touches || space_inside(start, end - start) ? sys_host(s, nr) : -ENOMEM;
}

int64_t sys_msync(struct sys *s)
{
    return range_call(s, __NR_msync);
}

int64_t sys_mlock(struct sys *s)
{
    return range_call(s, __NR_mlock);
}

int64_t sys_userfaultfd(struct sys *s)
{
    int64_t fd = sys_host(s, __NR_userfaultfd);
    if (fd >= 0)
        space_lazy();
    return fd;
}

int64_t sys_mlock2(struct sys *s)
{
    return range_call(s, __NR_mlock2);
}

int64_t sys_mlockall(struct sys *s)
{
    return space_mlockall((int)s->a[0]);
}

int64_t sys_munlockall(struct sys *s)
{
    return space_munlockall();
}

int64_t sys_munlock(struct sys *s)
{
    return range_call(s, __NR_munlock);
}

int64_t sys_mincore(struct sys *s)
{
    return range_call(s, __NR_mincore);
}

int64_t sys_mbind(struct sys *s)
{
    return range_call(s, __NR_mbind);
}

int64_t sys_mseal(struct sys *s)
{
    if (s->a[2])
        return -EINVAL;
    return range_call(s, __NR_mseal);   /* what it forbids later fails in the host's calls */
}

int64_t sys_remap_file_pages(struct sys *s)
{
    int64_t r = range_call(s, __NR_remap_file_pages);   /* protection and kind of the mapping stay */
    if (r == 0)
        cache_invalidate(s->a[0] & ~(uint64_t)(SPACE_PAGE - 1), s->a[1]);
    return r;
}

int64_t sys_riscv_flush_icache(struct sys *s)
{
    if (s->a[2] & ~1ull)   /* SYS_RISCV_FLUSH_ICACHE_LOCAL is the only flag */
        return -EINVAL;
    if (s->a[0] < s->a[1])
        cache_sync_range(s->a[0], s->a[1] - s->a[0]);
    else
        cache_sync_code();
    return 0;
}
