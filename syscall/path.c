#include "syscall/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/hostfd.h"
#include "syscall/proc.h"
#include "syscall/sys.h"

/* Folders that always are the host's. */
static const char *const host_folders[] = {
    "/proc", "/dev", "/sys", "/run", "/tmp", "/var/tmp", "/home", "/root", "/mnt", "/media",
};

static size_t root_len;

void path_init(void)
{
    linux_state.root_fd = -1;
    if (!linux_state.root)
        return;
    root_len = strlen(linux_state.root);
    int fd = open(linux_state.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        linux_state.root_fd = hostfd_keep(fd);
    if (linux_state.root_fd < 0)
        linux_state.root = NULL;
}

void path_forget_root(void)
{
    linux_state.root = NULL;
}

/* Whether `path` is `folder` or something in it. */
static bool is_below(const char *path, const char *folder, size_t len)
{
    return strncmp(path, folder, len) == 0 && (path[len] == 0 || path[len] == '/');
}

static bool is_host_folder(const char *path)
{
    for (size_t i = 0; i < sizeof host_folders / sizeof *host_folders; i++)
        if (is_below(path, host_folders[i], strlen(host_folders[i])))
            return true;
    return false;
}

/* Older kernels have no openat2: the joined path, without care for absolute links. */
static const char *join(const char *path, enum path_mode mode, char out[PATH_MAX])
{
    struct stat st;
    if (snprintf(out, PATH_MAX, "%s%s", linux_state.root, path) >= PATH_MAX)
        return NULL;
    int flags = mode == PATH_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW;
    return fstatat(AT_FDCWD, out, &st, flags) == 0 ? out : NULL;
}

/* The real path of ROOT + path if that exists, else NULL. */
static const char *in_root(const char *path, enum path_mode mode, char out[PATH_MAX])
{
    static bool no_openat2;
    if (no_openat2)
        return join(path, mode, out);
    while (*path == '/')
        path++;
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC | (mode == PATH_FOLLOW ? 0 : O_NOFOLLOW),
        .resolve = RESOLVE_IN_ROOT,
    };
    int64_t fd = host_raw4(__NR_openat2, linux_state.root_fd, path, &how, sizeof how);
    if (fd == -ENOSYS || fd == -EPERM) {
        no_openat2 = true;
        return join(path - 1, mode, out);
    }
    if (fd < 0)
        return NULL;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    host_raw1(__NR_close, fd);
    if (n < 0)
        return join(path - 1, mode, out);
    out[n] = 0;
    return out;
}

/* A trailing slash demands a directory; the real path from the kernel has none. */
static const char *keep_slash(const char *in, char *out)
{
    size_t len = strlen(out);
    if (in[strlen(in) - 1] == '/' && len + 1 < PATH_MAX && out[len - 1] != '/') {
        out[len] = '/';
        out[len + 1] = 0;
    }
    return out;
}

/* /proc/PID/task/TID/NAME is /proc/PID/NAME as far as the names go that matter here. */
static const char *skip_task(const char *name)
{
    if (strncmp(name, "task/", 5) != 0)
        return name;
    const char *after = strchr(name + 5, '/');
    return after && after[1] ? after + 1 : name;
}

bool path_proc(const char *path, struct proc_path *out)
{
    static const char proc[] = "/proc/";
    if (strncmp(path, proc, sizeof proc - 1) != 0)
        return false;
    const char *who = path + sizeof proc - 1;
    const char *name = strchr(who, '/');
    if (!name)
        return false;
    size_t len = name - who;
    out->pid = 0;
    if (!(len == 4 && memcmp(who, "self", 4) == 0) && !(len == 11 && memcmp(who, "thread-self", 11) == 0)) {
        char *end;
        out->pid = (int)strtol(who, &end, 10);
        if (end != name || out->pid <= 0)
            return false;
        if (out->pid == (int)host_raw1(__NR_getpid, 0))
            out->pid = 0;
    }
    while (*name == '/')
        name++;
    out->name = skip_task(name);
    return true;
}

const char *path_proc_absolute(int dirfd, const char *in, char out[PATH_MAX])
{
    const char *slash = strrchr(in, '/');
    if (in[0] == '/' || !proc_knows(slash ? slash + 1 : in))
        return in;
    char link[40];
    snprintf(link, sizeof link, dirfd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dirfd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n < 5 || memcmp(out, "/proc", 5) != 0 || (n > 5 && out[5] != '/'))
        return in;
    return snprintf(out + n, PATH_MAX - (size_t)n, "/%s", in) < PATH_MAX - n ? out : in;
}

const char *path_translate(const char *in, enum path_mode mode, char out[PATH_MAX])
{
    if (in[0] != '/')
        return in;
    if (in[1] == 'p' && mode == PATH_FOLLOW) {
        struct proc_path p;
        if (path_proc(in, &p) && strcmp(p.name, "exe") == 0 && proc_exe(p.pid, out))
            return out;
    }
    if (!linux_state.root)
        return in;
    const char *path = in;
    if (is_below(in, linux_state.root, root_len))
        path = in + root_len;
    else if (is_host_folder(in))
        return in;
    if (path[strspn(path, "/")] == 0)
        return in;
    const char *found = in_root(path, mode, out);
    return found ? keep_slash(in, out) : in;
}
