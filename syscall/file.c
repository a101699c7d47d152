/* Files and directories: opening, and the structs and flags that differ between the generic ABI and x86-64. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/hostfd.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/memfile.h"
#include "syscall/path.h"
#include "syscall/proc.h"
#include "syscall/sys.h"

/* --- open ------------------------------------------------------------------------------------------- */

uint64_t sys_open_to_host(uint64_t flags)
{
    uint64_t out = flags;
    const struct abi_bit *bits = linux_state.abi->open_bits;
    for (const struct abi_bit *b = bits; b && b->guest; b++)
        out &= ~(uint64_t)b->guest;
    for (const struct abi_bit *b = bits; b && b->guest; b++)
        if (flags & b->guest)
            out |= b->host;
    return out;
}

uint64_t sys_open_to_guest(uint64_t flags)
{
    uint64_t out = flags;
    const struct abi_bit *bits = linux_state.abi->open_bits;
    for (const struct abi_bit *b = bits; b && b->guest; b++)
        out &= ~(uint64_t)b->host;
    for (const struct abi_bit *b = bits; b && b->guest; b++)
        if (flags & b->host)
            out |= b->guest;
    return out;
}

/* Common to openat and openat2, flags being the host's: the path in s->a[1] becomes a host pointer, or the file is one of ours and *fd is
 * set. False: the call's result is in *fd. */
static bool open_path(struct sys *s, uint64_t flags, int64_t *fd)
{
    char in[PATH_MAX];
    if (sys_fd_hidden(s->a[0])) {
        *fd = -EBADF;
        return false;
    }
    int64_t len = copy_str_from_guest(in, s->a[1], sizeof in);
    if (len < 0) {
        *fd = len;
        return false;
    }
    char absolute[PATH_MAX];
    const char *name = path_proc_absolute((int)s->a[0], in, absolute);
    if (name[0] == '/' && name[1] == 'p') {
        *fd = proc_open(s->t, name, flags);
        if (*fd != PROC_NOT_OURS)
            return false;
    }
    enum path_mode mode = flags & O_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW;
    const char *out = path_translate(in, mode, s->t->path[0]);
    if (out != in)
        s->a[1] = (uintptr_t)out;
    return true;
}

/* Writing to a process's /proc/PID/mem may change its code. */
static int64_t opened(gaddr path, uint64_t flags, int64_t fd)
{
    char text[PATH_MAX];
    if (fd < 0 || (flags & O_ACCMODE) == O_RDONLY || copy_str_from_guest(text, path, sizeof text) < 0)
        return fd;
    const char *slash = strrchr(text, '/');
    memfile_opened((int)fd, slash ? slash + 1 : text);
    return fd;
}

int64_t sys_openat(struct sys *s)
{
    int64_t fd;
    gaddr path = s->a[1];
    return open_path(s, s->a[2], &fd) ? opened(path, s->a[2], sys_host(s, __NR_openat)) : fd;
}

/* A struct open_how of `size` bytes: later versions than ours must be zero where we know no field. */
static int64_t read_open_how(struct open_how *how, gaddr from, uint64_t size)
{
    if (size < sizeof *how)
        return -EINVAL;
    if (size > SPACE_PAGE)
        return -E2BIG;
    for (uint64_t at = sizeof *how; at < size; at++) {
        char byte;
        if (!copy_from_guest(&byte, from + at, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return copy_from_guest(how, from, sizeof *how) ? 0 : -EFAULT;
}

int64_t sys_openat2(struct sys *s)
{
    struct open_how how;
    int64_t fd, r = read_open_how(&how, s->a[2], s->a[3]);
    if (r < 0)
        return r;
    how.flags = sys_open_to_host(how.flags);
    s->a[2] = (uintptr_t)&how;
    s->a[3] = sizeof how;
    gaddr path = s->a[1];
    /* Relative to the descriptor in any case, or about links like /proc/self/exe, for which we would name the file. */
    if (how.resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS))
        return sys_host(s, __NR_openat2);
    return open_path(s, how.flags, &fd) ? opened(path, how.flags, sys_host(s, __NR_openat2)) : fd;
}

int64_t sys_readlinkat(struct sys *s)
{
    char in[PATH_MAX];
    int64_t len = copy_str_from_guest(in, s->a[1], sizeof in);
    if (len < 0)
        return len;
    char absolute[PATH_MAX], exe[PATH_MAX];
    struct proc_path p;
    bool in_proc = path_proc(path_proc_absolute((int)s->a[0], in, absolute), &p);
    if (in_proc && proc_hidden(&p))
        return -ENOENT;
    if (in_proc && strcmp(p.name, "exe") == 0 && proc_exe(p.pid, exe)) {
        size_t n = strlen(exe), size = s->a[3];
        if ((int64_t)size <= 0)
            return -EINVAL;
        n = n < size ? n : size;
        return copy_to_guest(s->a[2], exe, n) ? (int64_t)n : -EFAULT;
    }
    const char *out = path_translate(in, PATH_NOFOLLOW, s->t->path[0]);
    if (out != in)
        s->a[1] = (uintptr_t)out;
    return sys_host(s, __NR_readlinkat);
}

int64_t sys_chroot(struct sys *s)
{
    int64_t r = sys_host(s, __NR_chroot);
    if (r == 0)
        path_forget_root();
    return r;
}

/* --- stat ------------------------------------------------------------------------------------------- */

/* include/uapi/asm-generic/stat.h with 64-bit longs. */
struct generic_stat {
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev, pad1;
    int64_t size;
    int32_t blksize, pad2;
    int64_t blocks;
    int64_t atime;
    uint64_t atime_nsec;
    int64_t mtime;
    uint64_t mtime_nsec;
    int64_t ctime;
    uint64_t ctime_nsec;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct generic_stat) == 128, "asm-generic/stat.h");

static int64_t stat_out(gaddr to, const struct stat *st)
{
    struct generic_stat g = {
        .dev = st->st_dev, .ino = st->st_ino, .mode = st->st_mode, .nlink = st->st_nlink,
        .uid = st->st_uid, .gid = st->st_gid, .rdev = st->st_rdev, .size = st->st_size,
        .blksize = st->st_blksize, .blocks = st->st_blocks,
        .atime = st->st_atim.tv_sec, .atime_nsec = st->st_atim.tv_nsec,
        .mtime = st->st_mtim.tv_sec, .mtime_nsec = st->st_mtim.tv_nsec,
        .ctime = st->st_ctim.tv_sec, .ctime_nsec = st->st_ctim.tv_nsec,
    };
    return copy_to_guest(to, &g, sizeof g) ? 0 : -EFAULT;
}

int64_t sys_fstat(struct sys *s)
{
    struct stat st;
    int64_t r = host_raw2(__NR_fstat, s->a[0], &st);
    return r < 0 ? r : stat_out(s->a[1], &st);
}

int64_t sys_newfstatat(struct sys *s)
{
    struct stat st;
    int64_t r = host_raw4(__NR_newfstatat, s->a[0], s->a[1], &st, s->a[3]);
    return r < 0 ? r : stat_out(s->a[2], &st);
}

/* --- descriptors ------------------------------------------------------------------------------------ */

int64_t sys_close_range(struct sys *s)
{
    uint64_t first = (uint32_t)s->a[0], last = (uint32_t)s->a[1];
    if (first > last)
        return -EINVAL;
    while (first <= last) {   /* the pieces between the hidden ones */
        int hidden = first <= INT_MAX ? hostfd_next((int)first) : -1;
        uint64_t end = hidden >= 0 && (uint64_t)hidden <= last ? (uint64_t)hidden - 1 : last;
        if (hidden < 0 || (uint64_t)hidden > first) {
            int64_t r = host_raw3(__NR_close_range, first, end, s->a[2]);
            if (r < 0)
                return r;
        }
        if (hidden < 0 || (uint64_t)hidden > last)
            return 0;
        first = (uint64_t)hidden + 1;
    }
    return 0;
}

int64_t sys_fcntl(struct sys *s)
{
    int64_t r;
    switch ((int)s->a[1]) {
    case F_SETFL:
        s->a[2] = sys_open_to_host(s->a[2]);
        break;
    case F_GETFL:
        r = sys_host(s, __NR_fcntl);
        return r < 0 ? r : (int64_t)sys_open_to_guest(r);
    case 1027:   /* F_DUPFD_QUERY */
        if (sys_fd_hidden(s->a[2]))
            return -EBADF;
        break;
    case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
    case F_GETOWN_EX: case F_SETOWN_EX:
        if (!access_ok(s->a[2], 8))
            return -EFAULT;
        break;
    }
    return sys_host(s, __NR_fcntl);
}

/* Request numbers and structs are asm-generic's on both sides. Arguments are numbers or addresses, as the driver
 * likes; only an address in the translator's part of memory can be told to be wrong. */
int64_t sys_ioctl(struct sys *s)
{
    switch ((uint32_t)s->a[1]) {
    case FICLONE: case LOOP_SET_FD: case LOOP_CHANGE_FD:
        if (sys_fd_hidden(s->a[2]))
            return -EBADF;
        break;
    }
    if (s->a[2] >= linux_state.task_size && s->a[2] < 1ull << 47)
        return -EFAULT;
    int64_t r = sys_host(s, __NR_ioctl);
    if ((uint32_t)s->a[1] == USERFAULTFD_IOC_NEW && r >= 0)
        space_lazy();
    return r;
}

/* --- getdents64 ------------------------------------------------------------------------------------- */

struct dirent64 { uint64_t ino; int64_t off; uint16_t reclen; uint8_t type; char name[]; };

/* Whose descriptors a folder lists: 0 if it is no /proc/PID/fd, -1 of a process that is not translated. */
static int fd_folder_of(int fd)
{
    char link[40], path[64];
    struct proc_path p;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = 0;
    if (!path_proc(path, &p) || strncmp(p.name, "fd", 2) != 0)
        return 0;
    return !p.pid ? (int)host_raw1(__NR_getpid, 0) : proc_translated(p.pid) ? p.pid : -1;
}

/* The descriptor that a name stands for, if it may be one of a translator's; -1 if not. */
static int hidden_candidate(const char *name)
{
    char *end;
    if (*name < '1' || *name > '9')
        return -1;
    unsigned long fd = strtoul(name, &end, 10);
    bool usual = fd >= HOSTFD_USUAL && fd < HOSTFD_USUAL + HOSTFD_MAX;
    return *end == 0 && fd < INT_MAX && (usual || sys_fd_hidden(fd)) ? (int)fd : -1;
}

/* Another process's are known by their usual numbers only. */
static bool is_hidden(int folder_of, int fd)
{
    return folder_of == (int)host_raw1(__NR_getpid, 0) ? sys_fd_hidden((uint64_t)fd)
                                                       : fd >= HOSTFD_USUAL && fd < HOSTFD_USUAL + HOSTFD_MAX;
}

int64_t sys_getdents64(struct sys *s)
{
    int64_t n = sys_host(s, __NR_getdents64);
    int whose = 0;
    char entry[280];
    for (int64_t pos = 0; pos < n;) {
        uint16_t reclen;
        gaddr at = s->a[1] + pos;
        if (!copy_from_guest(&reclen, at + 16, 2) || reclen < 24)
            break;
        size_t len = reclen < sizeof entry ? reclen : sizeof entry;
        if (!copy_from_guest(entry, at, len))
            break;
        entry[len - 1] = 0;
        int fd = hidden_candidate(((struct dirent64 *)entry)->name);
        if (fd >= 0 && !whose && (whose = fd_folder_of((int)s->a[0])) <= 0)
            break;
        if (fd >= 0 && is_hidden(whose, fd)) {
            memmove(host(at), host(at + reclen), n - pos - reclen);
            n -= reclen;
        } else {
            pos += reclen;
        }
    }
    return n;
}
