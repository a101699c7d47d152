/* Core files of the guest, in its own format, and the crash report.
 *
 * A guest that dies of a signal that dumps core gets what its own kernel would write: an ELF core file of its machine, named by
 * /proc/sys/kernel/core_pattern, limited by RLIMIT_CORE, with the memory that /proc/self/coredump_filter selects. The
 * host's kernel would dump the translator. But only the kernel sets the bit that tells the parent of the core. So after the
 * guest's file is written, the kernel is given a place where its own goes unseen: a nameless tmpfs as the current folder (as the
 * root, if the pattern is absolute), a limit of one page, no memory selected. Where there is no such place (no user namespaces
 * and no privilege, an absolute pattern and no privilege), the guest's core file is right and the bit is missing. A pattern that begins with | stays the kernel's
 * business: the program that it names gets the translator's memory.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

struct thread;

/** Whether the default action of `signo` is to dump core. */
bool core_signal(int signo);
/** Whether RLIMIT_CORE allows a core file. */
bool core_allowed(void);
/** Writes the core file of the calling thread's process, which is about to die of `info`'s signal; halts the other
 * threads for good. Afterwards the kernel's own core dump is harmless. Does nothing if no core is to be written. */
void core_dump(struct thread *t, const siginfo_t *info);
/** --crash-report: says on stderr what `t` dies of: registers, instruction, backtrace. */
void core_report(struct thread *t, const siginfo_t *info);
