/* A process's memory as others reach it: /proc/PID/mem, process_vm_readv, process_vm_writev.
 *
 * Guest addresses are host addresses, so the host's own calls serve. Two things they can't know:
 *
 *   - what lies from the guest's top on is the translator's, and for guests there is nothing. Such an address becomes one that no
 *     process has (bit 62), and the kernel answers as for any hole: EIO or EFAULT, a shorter result when the range begins before it.
 *     A file's position is kept in that form, too, so that read() and write(), inherited descriptors and those of other
 *     processes need no care;
 *   - translations of what was written are wrong. The process drops them: this one at once, a tracee when it goes on, another
 *     translated one when it gets a signal that says so.
 *
 * Where the kernel lays out memory from the bottom up (unlimited stack size), what the translator has below the guest's top is reached.
 */
#pragma once

#include <stdint.h>

/** Descriptor `fd` has been opened for writing, and may be a /proc/PID/mem: `name` is the last part of its path. */
void memfile_opened(int fd, const char *name);
