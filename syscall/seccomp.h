/* seccomp, enforced by dispatch on the guest's own calls: number, AUDIT_ARCH, arguments and pc are the guest's.
 *
 * The host's kernel knows nothing of it (its filters would see the translator's calls), but no_new_privs, without which only a
 * privileged task may install a filter, is the host's. A thread's filters are a chain from the newest to the oldest, shared with
 * the threads and processes that come from it. Nodes are never freed: another thread may be running them when
 * SECCOMP_FILTER_FLAG_TSYNC replaces its chain.
 *
 * A native program that the guest executes makes its calls without us, so there the guest's filters become the host's: they see
 * AUDIT_ARCH_X86_64 and that architecture's numbers, as on a kernel that runs both. dragoman executes itself with --native, which
 * installs them and executes the program, since a failing execve must leave the guest without filters of the host's. Each filter is
 * given a beginning that allows these last two calls, known by a random number in the register of an argument that they don't have. What
 * is translated below a native program is not told of the filters, and its translator is held to them.
 *
 * A thread without seccomp has a NULL pointer there: the one test that dispatch makes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct sys;
struct thread;
struct seccomp;

/** Judges the system call that the registers of a thread with seccomp hold. 0: make the call; a tracer may have made it another one
 * (SECCOMP_RET_TRACE). Otherwise what linux_syscall() takes for its result:
 * -errno, or -SYS_NO_RESULT after a SIGSYS has been forced. May end the thread or the process. */
int64_t seccomp_judge(struct cpu *cpu, struct thread *t);

/** Gives a new thread its creator's filters. */
void seccomp_inherit(struct thread *t, const struct thread *creator);

/** Sets *fd to a descriptor (memfd, close-on-exec) from which the next program's dragoman takes the calling thread's filters, -1 if
 * it has none. 0 or -errno. */
int64_t seccomp_save(const struct thread *t, int *fd);
/** Takes filters over from such a descriptor and closes it. False if it is none. */
bool seccomp_restore(struct thread *t, int fd);

/** Whether a native program can be held to the thread's filters: they must be a few instructions shorter than the kernel allows. */
bool seccomp_fits_native(const struct thread *t);
/** Executes native program `path`, open as `program` (-1: not), under the filters of descriptor `filters`: what --native does.
 * Ends the process with a message if that fails. */
_Noreturn void seccomp_exec_native(int filters, int program, const char *path, char **argv);

/** SECCOMP_MODE_* of a thread, and how many filters it has. */
unsigned seccomp_mode(const struct thread *t);
unsigned seccomp_filters(const struct thread *t);

/** PR_GET_SECCOMP, PR_SET_SECCOMP. */
int64_t prctl_get_seccomp(struct sys *s), prctl_set_seccomp(struct sys *s);
