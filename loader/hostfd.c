#include "loader/hostfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HIGH = 992 };   /* below the usual limit of 1024, and the kernel's table stays small */

static int fds[HOSTFD_MAX];    /* number + 1; 0 is a free place */

static int lowest_number(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > HIGH + HOSTFD_MAX)
        return HIGH;
    return limit.rlim_cur > 2 * HOSTFD_MAX ? (int)limit.rlim_cur - HOSTFD_MAX : 0;
}

int hostfd_keep(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, lowest_number());
    int error = errno;
    close(fd);
    errno = error;
    if (high < 0)
        return -1;
    for (int i = 0; i < HOSTFD_MAX; i++) {
        int empty = 0;
        if (__atomic_compare_exchange_n(&fds[i], &empty, high + 1, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return high;
    }
    close(high);
    errno = EMFILE;
    return -1;
}

void hostfd_close(int fd)
{
    for (int i = 0; i < HOSTFD_MAX; i++) {
        if (__atomic_load_n(&fds[i], __ATOMIC_ACQUIRE) == fd + 1) {
            close(fd);
            __atomic_store_n(&fds[i], 0, __ATOMIC_RELEASE);
        }
    }
}

bool hostfd_is_ours(int fd)
{
    for (int i = 0; fd >= 0 && i < HOSTFD_MAX; i++)
        if (__atomic_load_n(&fds[i], __ATOMIC_ACQUIRE) == fd + 1)
            return true;
    return false;
}

int hostfd_next(int from)
{
    int best = -1;
    for (int i = 0; i < HOSTFD_MAX; i++) {
        int fd = __atomic_load_n(&fds[i], __ATOMIC_ACQUIRE) - 1;
        if (fd >= from && fd >= 0 && (best < 0 || fd < best))
            best = fd;
    }
    return best;
}
