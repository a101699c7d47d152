/* Clocks that the host's vdso answers without entering the kernel. */
#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "syscall/access.h"
#include "syscall/sys.h"

int64_t sys_clock_gettime(struct sys *s)
{
    struct timespec ts;
    if (clock_gettime((clockid_t)s->a[0], &ts) < 0)
        return -errno;
    return copy_to_guest(s->a[1], &ts, sizeof ts) ? 0 : -EFAULT;
}

int64_t sys_gettimeofday(struct sys *s)
{
    struct timeval tv;
    if (s->a[1])
        return sys_host(s, __NR_gettimeofday);
    gettimeofday(&tv, NULL);
    return !s->a[0] || copy_to_guest(s->a[0], &tv, sizeof tv) ? 0 : -EFAULT;
}
