#include "syscall/memfile.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend/run.h"
#include "syscall/access.h"
#include "syscall/proc.h"
#include "syscall/sys.h"

#define HOST_TOP ((uint64_t)1 << 47)
#define NOWHERE ((uint64_t)1 << 62)

static bool written_ever;   /* such a file has been open for writing */

/* Whether a translated process has its translator there. */
static bool is_translators(uint64_t addr)
{
    return addr >= linux_state.task_size && addr < HOST_TOP;
}

/* The process whose memory descriptor `fd` is, by the number in its path; 0 if it is no such file. */
static pid_t owner(int fd)
{
    char link[40], path[PATH_MAX];
    struct statfs fs;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 4 || memcmp(path + n - 4, "/mem", 4) != 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return 0;
    path[n - 4] = 0;
    char *task = strstr(path, "/task/");
    if (task)
        *task = 0;
    const char *number = strrchr(path, '/');
    return number ? (pid_t)strtol(number + 1, NULL, 10) : 0;
}

/* Whether the process is translated: this one, a thread's number included, or another. */
static bool is_mine(pid_t pid)
{
    pid_t self = (pid_t)host_raw1(__NR_getpid, 0);
    return pid == self || host_raw3(__NR_tgkill, self, pid, 0) == 0;
}

static bool is_translated(pid_t pid)
{
    return pid > 0 && (is_mine(pid) || proc_translated(pid));
}

static void tell_written(pid_t pid, gaddr at, uint64_t len)
{
    if (is_mine(pid))
        cache_invalidate(at, len);
    else
        trace_memory_written(pid, at, len);
}

/* --- files ------------------------------------------------------------------------------------------ */

void memfile_opened(int fd, const char *name)
{
    if (strcmp(name, "mem") == 0 && owner(fd))
        written_ever = true;
}

/* `n` bytes were written to a file, at `at`, or before its position. */
static int64_t wrote(int fd, const uint64_t *at, int64_t n)
{
    pid_t pid = n > 0 && written_ever ? owner(fd) : 0;
    if (pid)
        tell_written(pid, at ? *at : (uint64_t)lseek(fd, 0, SEEK_CUR) - (uint64_t)n, (uint64_t)n);
    return n;
}

/* The offset of a pread or pwrite. */
static void hide_offset(struct sys *s)
{
    if (is_translators(s->a[3]) && is_translated(owner((int)s->a[0])))
        s->a[3] |= NOWHERE;
}

static int64_t at_offset(struct sys *s, long nr, bool write)
{
    gaddr at = s->a[3];
    hide_offset(s);
    int64_t r = sys_host(s, nr);
    bool positioned = (int64_t)at >= 0;   /* pwritev2's -1 is the file's own */
    return write ? wrote((int)s->a[0], positioned ? &at : NULL, r) : r;
}

int64_t sys_lseek(struct sys *s)
{
    int fd = (int)s->a[0];
    int64_t r = sys_host(s, __NR_lseek);
    uint64_t at = (uint64_t)r & ~NOWHERE;
    if (r < 0 || (!(r & (int64_t)NOWHERE) && !is_translators(at)) || !is_translated(owner(fd)))
        return r;
    uint64_t host_at = is_translators(at) ? at | NOWHERE : at;
    if (host_at != (uint64_t)r)
        host_raw3(__NR_lseek, fd, host_at, SEEK_SET);
    return (int64_t)at;
}

int64_t sys_write(struct sys *s)
{
    return wrote((int)s->a[0], NULL, sys_host(s, __NR_write));
}

int64_t sys_writev(struct sys *s)
{
    return wrote((int)s->a[0], NULL, sys_host(s, __NR_writev));
}

int64_t sys_pread64(struct sys *s)
{
    return at_offset(s, __NR_pread64, false);
}

int64_t sys_pwrite64(struct sys *s)
{
    return at_offset(s, __NR_pwrite64, true);
}

int64_t sys_preadv(struct sys *s)
{
    return at_offset(s, __NR_preadv, false);
}

int64_t sys_pwritev(struct sys *s)
{
    return at_offset(s, __NR_pwritev, true);
}

int64_t sys_preadv2(struct sys *s)
{
    return at_offset(s, __NR_preadv2, false);
}

int64_t sys_pwritev2(struct sys *s)
{
    return at_offset(s, __NR_pwritev2, true);
}

/* --- process_vm_readv, process_vm_writev -------------------------------------------------------------- */

static void tell_written_parts(pid_t pid, const struct iovec *v, uint64_t count, uint64_t written)
{
    for (uint64_t i = 0; i < count && written; i++) {
        uint64_t n = v[i].iov_len < written ? v[i].iov_len : written;
        if (n)
            tell_written(pid, (uintptr_t)v[i].iov_base, n);
        written -= n;
    }
}

static int64_t other_memory(struct sys *s, long nr, bool write)
{
    pid_t pid = (pid_t)s->a[0];
    uint64_t count = s->a[4];
    if (!count || count > UIO_MAXIOV || !is_translated(pid))
        return sys_host(s, nr);
    struct iovec *v = malloc(count * sizeof *v);
    if (!v)
        return -ENOMEM;
    if (copy_from_guest(v, s->a[3], count * sizeof *v)) {   /* else the kernel finds the EFAULT, in its order */
        for (uint64_t i = 0; i < count; i++)
            if (is_translators((uintptr_t)v[i].iov_base))
                v[i].iov_base = (void *)((uintptr_t)v[i].iov_base | NOWHERE);
        s->a[3] = (uintptr_t)v;
    }
    int64_t r = sys_host(s, nr);
    if (write && r > 0)
        tell_written_parts(pid, v, count, (uint64_t)r);
    free(v);
    return r;
}

int64_t sys_process_vm_readv(struct sys *s)
{
    return other_memory(s, __NR_process_vm_readv, false);
}

int64_t sys_process_vm_writev(struct sys *s)
{
    return other_memory(s, __NR_process_vm_writev, true);
}
