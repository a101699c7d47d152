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

const char *path_proc_self(const char *path)
{
    static const char proc[] = "/proc/";
    if (strncmp(path, proc, sizeof proc - 1) != 0)
        return NULL;
    const char *who = path + sizeof proc - 1;
    const char *name = strchr(who, '/');
    if (!name)
        return NULL;
    size_t len = name - who;
    if (!(len == 4 && memcmp(who, "self", 4) == 0) &&
        !(len == 11 && memcmp(who, "thread-self", 11) == 0)) {
        char *end;
        long pid = strtol(who, &end, 10);
        if (end != name || pid != (long)host_raw1(__NR_getpid, 0))
            return NULL;
    }
    while (*name == '/')
        name++;
    if (strncmp(name, "task/", 5) == 0) {   /* /proc/self/task/TID/NAME */
        const char *after = strchr(name + 5, '/');
        if (after && after[1])
            return after + 1;
    }
    return name;
}

const char *path_translate(const char *in, enum path_mode mode, char out[PATH_MAX])
{
    if (in[0] != '/')
        return in;
    if (in[1] == 'p' && mode == PATH_FOLLOW) {
        const char *name = path_proc_self(in);
        if (name && strcmp(name, "exe") == 0)
            return linux_state.exe;
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
