/* Files under /proc that would show the translator instead of the guest.
 *
 * Most of /proc/PID the kernel answers rightly, since proc_tell_kernel() has told it where the guest's arguments, environment,
 * auxiliary vector and segments are: cmdline, environ, auxv, stat, for all who ask, ps on the host included. What names
 * the translator's own mappings or limits is made in memory when it is opened (maps, smaps, limits), or answered here (exe). Another
 * process is a translated one if its executable is ours; its program is what AT_PHDR of its auxiliary vector lies in, and what it may execute is read from its memory.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "syscall/path.h"

struct exec_info;
struct thread;

enum { PROC_NOT_OURS = 1 << 30 };

/** If `path` is a file that must be made up for thread `t`, opens a copy with the O_* flags given and returns its descriptor or
 * -errno; else PROC_NOT_OURS. The rows are in proc.c. */
int64_t proc_open(const struct thread *t, const char *path, uint64_t flags);
/** Whether a file of that name in /proc may be one of ours. */
bool proc_knows(const char *name);
/** The program of process `pid` (0: this one) in `out`; false if that process is not a translated one. */
bool proc_exe(int pid, char out[PATH_MAX]);
/** Whether process `pid` is a translated one that is not this. */
bool proc_translated(int pid);
/** Whether a path names one of the translator's descriptors: not there, for the guest. */
bool proc_hidden(const struct proc_path *p);
/** Tells the kernel where the guest's arguments and so on are. With the first thread. */
void proc_tell_kernel(const struct exec_info *info);
