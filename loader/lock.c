/* mlockall(2) for the guest's mappings alone (mm/mlock.c): the host's would lock the translator's memory, too, and hold every
 * page that it maps later. */
#include "loader/space_private.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_STEP = 128 << 10 };   /* fs/exec.c, setup_arg_pages(): what the kernel maps of a stack at first */

static bool may_lock_all(void)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct caps[2] = { { 0 } };
    return syscall(SYS_capget, &head, caps) == 0 && (caps[CAP_IPC_LOCK / 32].effective >> CAP_IPC_LOCK % 32 & 1);
}

/* The main stack is mapped all at once, but the kernel would have mapped as much as was used: down to where no page is. */
static gaddr used_stack(const struct space_range *r)
{
    unsigned char resident[STACK_STEP / SPACE_PAGE];
    gaddr at = r->end;
    while (at - r->start >= STACK_STEP && mincore(host(at - STACK_STEP), STACK_STEP, resident) == 0) {
        bool any = false;
        for (size_t i = 0; i < sizeof resident; i++)
            any |= resident[i] & 1;
        if (!any)
            break;
        at -= STACK_STEP;
    }
    return at < r->end ? at : r->start;
}

static void lock_range(gaddr start, gaddr end, int flags)
{
    mlock2(host(start), end - start, flags & MCL_ONFAULT ? MLOCK_ONFAULT : 0);   /* no page for it: the kernel takes no notice */
}

static void lock_current(const struct ranges_list *list, int flags)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct space_range *r = &list->r[i];
        if (!(r->kind & (SPACE_HOST | SPACE_VDSO)))
            lock_range(r->kind & SPACE_STACK ? used_stack(r) : r->start, r->end, flags);
    }
}

static bool peek_here(void *arg, void *to, const void *from, size_t size)
{
    __builtin_memcpy(to, from, size);
    return true;
}

int64_t space_mlockall(int flags)
{
    struct rlimit limit;
    struct ranges_list list = { .n = 0 };
    int64_t result = 0;
    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    bool privileged = may_lock_all();
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || (!limit.rlim_cur && !privileged))
        return -EPERM;
    space_write_lock();
    if ((flags & MCL_CURRENT) && ((space.set.total > (limit.rlim_cur & ~(rlim_t)(SPACE_PAGE - 1)) && !privileged) ||
                                  !ranges_list(&list, &space.set, peek_here, NULL)))
        result = -ENOMEM;
    else
        space.lock_future = flags & MCL_FUTURE ? flags & (MCL_FUTURE | MCL_ONFAULT) : 0;
    space_write_unlock();
    if (result == 0)
        lock_current(&list, flags);   /* without the lock: it may wait for pages */
    free(list.r);
    return result;
}

int64_t space_munlockall(void)
{
    space_write_lock();
    space.lock_future = 0;
    int64_t result = munlockall() < 0 ? -errno : 0;
    space_write_unlock();
    return result;
}

bool space_lock_new(gaddr at, uint64_t len)
{
    return mlock2(host(at), len, space.lock_future & MCL_ONFAULT ? MLOCK_ONFAULT : 0) == 0 || errno != ENOMEM;
}
