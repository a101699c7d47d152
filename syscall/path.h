/* Which file a guest's path names: -L and /proc/self.
 *
 * With -L ROOT the guest's file system is ROOT laid over the host's:
 *
 *   - An absolute path that names something which exists under ROOT means that: for opening (with or without
 *     O_CREAT), stat, access, exec, readlink, chdir, and so on. Absolute symbolic links met on the way stay inside
 *     ROOT (openat2's RESOLVE_IN_ROOT). Directories too: python3 lists /usr/lib/python3 to find its modules.
 *   - Everything else is the host's: paths that ROOT doesn't have, relative paths, and new files. So output goes where
 *     the user expects it, and ROOT changes only where a program changes a file that is already there.
 *   - Never looked for under ROOT: "/" itself, and /proc /dev /sys /run /tmp /var/tmp /home /root /mnt /media.
 *   - A path that already begins with ROOT is resolved inside ROOT the same way (its absolute links too).
 *
 * getcwd, /proc/self/exe and other results name the real files. chroot() ends the overlay.
 *
 * Example: with -L /srv/rv, stat("/usr/bin/awk") follows /srv/rv/usr/bin/awk -> /etc/alternatives/awk inside the root and
 * reports /srv/rv/usr/bin/mawk; open("/tmp/x", O_CREAT) is the host's /tmp/x.
 *
 * /proc/self (and /proc/<own pid>, /proc/thread-self) names files about the translator where the guest means itself:
 * "exe" becomes the guest's program here; the others are made by proc.c when they are opened.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/gaddr.h"

enum path_mode { PATH_FOLLOW, PATH_NOFOLLOW, PATH_NEW };

/** Opens the root folder. Before the guest starts. */
void path_init(void);
/** After chroot(): no overlay any more. */
void path_forget_root(void);
/** Translates path `in` (host memory) to the host path that it means, in `out`: `in` itself if nothing is to be
 * changed. Returns one of the two. */
const char *path_translate(const char *in, enum path_mode mode, char out[PATH_MAX]);
/** What a path below /proc names: a file of a process. */
struct proc_path {
    int pid;                /* 0: this process, by whatever name (self, thread-self, its number, task/TID in it) */
    const char *name;       /* "maps", "exe", "fd/3" */
};

/** If `path` is /proc/self/NAME or the like, or /proc/PID/NAME, fills *out. */
bool path_proc(const char *path, struct proc_path *out);
/** A path that is relative to a folder below /proc (descriptor `dirfd`, or AT_FDCWD), as an absolute one in `out`; else `in` itself.
 * Only for names that proc.c knows. */
const char *path_proc_absolute(int dirfd, const char *in, char out[PATH_MAX]);
