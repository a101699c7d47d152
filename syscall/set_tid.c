/* clone3's set_tid for a thread: the number that it is to have (kernel/pid.c, alloc_pid()).
 *
 * For a process the host's clone3 does it. A thread is made by libc, which has no such wish, so the kernel is told which number it gave
 * out last (pid_namespaces(7), ns_last_pid), as those did who restored processes before there was set_tid; it asks for the same capability.
 * Somebody else may be faster: clone_thread() looks, and tries again. A number in an outer namespace can't be chosen: EINVAL, as where there
 * is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

#include "syscall/access.h"
#include "syscall/clone.h"
#include "syscall/limits.h"
#include "syscall/sys.h"

#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif
enum { LEVELS = 32, PID_MAX = 4 << 20 };   /* MAX_PID_NS_LEVEL, PID_MAX_LIMIT */

int64_t set_tid_valid(const struct clone_request *q)
{
    return q->set_tid_size > LEVELS || !q->set_tid != !q->set_tid_size ? -EINVAL : 0;
}

static int32_t pid_max(void)
{
    int32_t max = PID_MAX;
    FILE *f = fopen("/proc/sys/kernel/pid_max", "re");
    if (f && fscanf(f, "%d", &max) != 1)
        max = PID_MAX;
    if (f)
        fclose(f);
    return max;
}

int64_t set_tid_chosen(const struct clone_request *q)
{
    int32_t tid;
    if (!copy_from_guest(&tid, q->set_tid, sizeof tid))
        return -EFAULT;
    if (q->set_tid_size > 1 || tid < 1 || tid >= pid_max())
        return -EINVAL;
    if (!limits_capable(CAP_CHECKPOINT_RESTORE) && !limits_capable(CAP_SYS_ADMIN))
        return -EPERM;
    return host_raw2(__NR_kill, tid, 0) == -ESRCH ? tid : -EEXIST;
}

bool set_tid_next(uint32_t tid)
{
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && dprintf(fd, "%u", tid - 1) > 0;
    if (fd >= 0)
        close(fd);
    return done;
}
