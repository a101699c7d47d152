/* The translator's own file descriptors, kept out of the guest's way.
 *
 * The log, the perf map and the executable that children are started with are descriptors of this process, so the
 * guest could see, close or overwrite them. They get high numbers, are closed on exec, and are listed here: the
 * syscall layer treats a listed number as EBADF and leaves it out of close_range and /proc/self/fd.
 */
#pragma once

#include <stdbool.h>

enum { HOSTFD_MAX = 16, HOSTFD_USUAL = 1024 };   /* the usual numbers: HOSTFD_USUAL and up, where the limit allows */

/** No listed descriptor is lower. Grows downwards only. */
extern int hostfd_lowest;

/** Moves `fd` out of the guest's way, close-on-exec, and lists it: beyond the soft limit of descriptors if the hard one allows,
 * else just below it; where there is no room it stays. Returns the new number; -1 with errno if `fd` is none or the list is
 * full (it is closed then). */
int hostfd_keep(int fd);
/** Closes a listed descriptor and takes it off the list. */
void hostfd_close(int fd);
/** Whether `fd` is the translator's. Lock-free. */
bool hostfd_is_ours(int fd);
/** The lowest listed descriptor that is at least `from`, or -1: for walks over ranges (close_range). */
int hostfd_next(int from);
