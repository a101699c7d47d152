/* Messages that carry descriptors: not the translator's. Layouts are the host's (asm-generic's on both sides). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "syscall/access.h"
#include "syscall/sys.h"

enum { CONTROL_MAX = 4096, MESSAGES_MAX = 1024 };   /* SCM_MAX_FD descriptors fit; UIO_MAXIOV */

/* Whether one of the SCM_RIGHTS in `len` bytes of control messages is hidden. */
static bool has_hidden(const char *control, size_t len)
{
    struct cmsghdr head;
    for (size_t at = 0; at + sizeof head <= len; at += CMSG_ALIGN(head.cmsg_len)) {
        memcpy(&head, control + at, sizeof head);
        if (head.cmsg_len < sizeof head || head.cmsg_len > len - at)
            return false;   /* the kernel refuses it */
        if (head.cmsg_level != SOL_SOCKET || head.cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = sizeof head; i + 4 <= head.cmsg_len; i += 4) {
            int fd;
            memcpy(&fd, control + at + i, 4);
            if (sys_fd_hidden((uint64_t)fd))
                return true;
        }
    }
    return false;
}

static int64_t check_message(gaddr at)
{
    struct msghdr msg;
    char control[CONTROL_MAX];
    if (!copy_from_guest(&msg, at, sizeof msg) || !msg.msg_control || !msg.msg_controllen)
        return 0;           /* if it is bad, the kernel says so */
    size_t len = msg.msg_controllen < sizeof control ? msg.msg_controllen : sizeof control;
    if (!copy_from_guest(control, (gaddr)(uintptr_t)msg.msg_control, len))
        return 0;
    return has_hidden(control, len) ? -EBADF : 0;
}

int64_t sys_sendmsg(struct sys *s)
{
    int64_t r = check_message(s->a[1]);
    return r < 0 ? r : sys_host(s, __NR_sendmsg);
}

int64_t sys_sendmmsg(struct sys *s)
{
    for (uint64_t i = 0; i < (uint32_t)s->a[2] && i < MESSAGES_MAX; i++) {
        int64_t r = check_message(s->a[1] + i * sizeof(struct mmsghdr));
        if (r < 0)
            return r;
    }
    return sys_host(s, __NR_sendmmsg);
}
