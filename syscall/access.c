#include "syscall/access.h"

#include <errno.h>
#include <string.h>

#include "syscall/host.h"
#include "syscall/sys.h"

bool access_ok(gaddr addr, uint64_t len)
{
    return addr < linux_state.task_size && len <= linux_state.task_size - addr;
}

bool copy_from_guest(void *to, gaddr from, size_t len)
{
    return access_ok(from, len) && host_copy(to, host(from), len) == 0;
}

bool copy_to_guest(gaddr to, const void *from, size_t len)
{
    return access_ok(to, len) && host_copy(host(to), from, len) == 0;
}

int64_t copy_str_from_guest(char *to, gaddr from, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t chunk = 256 - ((from + done) & 255); /* never crosses a page that the string may end before */
        if (chunk > size - done)
            chunk = size - done;
        if (!copy_from_guest(to + done, from + done, chunk))
            return -EFAULT;
        char *end = memchr(to + done, 0, chunk);
        if (end)
            return end - to;
        done += chunk;
    }
    return -ENAMETOOLONG;
}
