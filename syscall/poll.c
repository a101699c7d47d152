/* Waiting for descriptors: the calls that swap the signal mask while they wait, and epoll's struct, which is packed on
 * x86-64 alone. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "syscall/access.h"
#include "syscall/sys.h"

/* Notes the mask that the kernel is going to wait with: a signal that ends the wait is delivered under it. */
static int64_t temporary_mask(struct sys *s, gaddr set, uint64_t size)
{
    if (!set)
        return 0;
    if (size != 8)
        return -EINVAL;
    if (!copy_from_guest(&s->t->temp_mask, set, 8))
        return -EFAULT;
    s->t->temp = true;
    return 0;
}

int64_t sys_ppoll(struct sys *s)
{
    int64_t r = temporary_mask(s, s->a[3], s->a[4]);
    return r < 0 ? r : sys_host(s, __NR_ppoll);
}

/* The same of calls whose last argument names a struct of the set's address and size. */
static int64_t temporary_mask_pair(struct sys *s, gaddr pair)
{
    uint64_t sig[2];
    if (!pair)
        return 0;
    return copy_from_guest(sig, pair, sizeof sig) ? temporary_mask(s, sig[0], sig[1]) : -EFAULT;
}

int64_t sys_pselect6(struct sys *s)
{
    int64_t r = temporary_mask_pair(s, s->a[5]);
    return r < 0 ? r : sys_host(s, __NR_pselect6);
}

int64_t sys_io_pgetevents(struct sys *s)
{
    int64_t r = temporary_mask_pair(s, s->a[5]);
    return r < 0 ? r : sys_host(s, __NR_io_pgetevents);
}

/* struct epoll_event of the generic ABI; the host's has no padding. */
struct generic_epoll_event { uint32_t events, pad; uint64_t data; };

int64_t sys_epoll_ctl(struct sys *s)
{
    struct generic_epoll_event g;
    struct epoll_event h;
    if ((int)s->a[1] != EPOLL_CTL_DEL) {
        if (!copy_from_guest(&g, s->a[3], sizeof g))
            return -EFAULT;
        h.events = g.events;
        h.data.u64 = g.data;
        s->a[3] = (uintptr_t)&h;
    }
    return sys_host(s, __NR_epoll_ctl);
}

/* The host call `nr` with a buffer of ours at a[1]; at most 256 events at a time, which callers must expect. */
static int64_t epoll_wait_host(struct sys *s, long nr)
{
    struct epoll_event h[256];
    gaddr to = s->a[1];
    if ((int)s->a[2] > 256)
        s->a[2] = 256;
    s->a[1] = (uintptr_t)h;
    int64_t n = sys_host(s, nr);
    for (int64_t i = 0; i < n; i++) {
        struct generic_epoll_event g = { .events = h[i].events, .data = h[i].data.u64 };
        if (!copy_to_guest(to + i * sizeof g, &g, sizeof g))
            return -EFAULT;
    }
    return n;
}

int64_t sys_epoll_pwait(struct sys *s)
{
    int64_t r = temporary_mask(s, s->a[4], s->a[5]);
    return r < 0 ? r : epoll_wait_host(s, __NR_epoll_pwait);
}

int64_t sys_epoll_pwait2(struct sys *s)
{
    int64_t r = temporary_mask(s, s->a[4], s->a[5]);
    return r < 0 ? r : epoll_wait_host(s, __NR_epoll_pwait2);
}
