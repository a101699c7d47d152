/* Files under /proc that would show the translator instead of the guest: made in memory when they are opened. */
#pragma once

#include <stdint.h>

enum { PROC_NOT_OURS = 1 << 30 };

/** If `path` is a file that must be made up, opens a copy with the O_* flags given and returns its descriptor or
 * -errno; else PROC_NOT_OURS. The rows are in proc.c. */
int64_t proc_open(const char *path, uint64_t flags);
