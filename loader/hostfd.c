#include "loader/hostfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HIGH = HOSTFD_USUAL };   /* the usual soft limit: beyond it what a program can count, and the kernel's table stays small */

int hostfd_lowest = INT_MAX;
static int fds[HOSTFD_MAX];    /* number + 1; 0 is a free place */

/* A duplicate of `fd` at `lowest` or above. Beyond the soft limit, so that the guest has all numbers below it, if the hard one
 * allows or we may raise that: what is open stays open when the limit goes down again. */
static int move_up(int fd, int lowest, const struct rlimit *limit)
{
    struct rlimit more = { .rlim_cur = (rlim_t)lowest + HOSTFD_MAX, .rlim_max = limit->rlim_max };
    bool raise = more.rlim_cur > limit->rlim_cur;
    if (more.rlim_max < more.rlim_cur)
        more.rlim_max = more.rlim_cur;
    if (raise && setrlimit(RLIMIT_NOFILE, &more) < 0)
        return -1;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    if (raise)
        setrlimit(RLIMIT_NOFILE, limit);
    return high;
}

/* Moves `fd` out of the guest's way as far as the limits allow; -1 if it has to stay where it is. */
static int move_away(int fd)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    if (limit.rlim_cur > HIGH)
        return fd >= HIGH ? -1 : move_up(fd, HIGH, &limit);
    if (fd >= (int)limit.rlim_cur)
        return -1;
    int high = move_up(fd, (int)limit.rlim_cur, &limit);
    if (high < 0 && limit.rlim_cur > 2 * HOSTFD_MAX && fd < (int)limit.rlim_cur - HOSTFD_MAX)
        high = move_up(fd, (int)limit.rlim_cur - HOSTFD_MAX, &limit);
    return high;
}

int hostfd_keep(int fd)
{
    int high = move_away(fd);
    if (high >= 0)
        close(fd);
    else if (fcntl(high = fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    if (high < hostfd_lowest)
        hostfd_lowest = high;
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
