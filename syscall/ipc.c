/* System V semaphores: semid64_ds is the one IPC struct that x86-64 lays out in its own way (arch/x86/include/uapi/asm/sembuf.h
 * has a spare word after each time; include/uapi/asm-generic/sembuf.h has not). ipc64_perm is the same. */
#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "syscall/access.h"
#include "syscall/sys.h"

struct generic_semid { struct ipc_perm perm; int64_t otime, ctime; uint64_t nsems, unused[2]; };
struct host_semid { struct ipc_perm perm; int64_t otime; uint64_t u1; int64_t ctime; uint64_t u2, nsems, u3, u4; };
_Static_assert(sizeof(struct ipc_perm) == 48, "asm-generic/ipcbuf.h");

int64_t sys_semctl(struct sys *s)
{
    struct generic_semid g = { .otime = 0 };
    struct host_semid h = { .otime = 0 };
    gaddr arg = s->a[3];
    int cmd = (int)s->a[2];
    if (cmd == IPC_SET) {
        if (!copy_from_guest(&g, arg, sizeof g))
            return -EFAULT;
        h.perm = g.perm;
    } else if (cmd != IPC_STAT && cmd != SEM_STAT && cmd != SEM_STAT_ANY) {
        return sys_host(s, __NR_semctl);
    }
    s->a[3] = (uintptr_t)&h;
    int64_t r = sys_host(s, __NR_semctl);
    if (r < 0 || cmd == IPC_SET)
        return r;
    g = (struct generic_semid){ .perm = h.perm, .otime = h.otime, .ctime = h.ctime, .nsems = h.nsems };
    return copy_to_guest(arg, &g, sizeof g) ? r : -EFAULT;
}
