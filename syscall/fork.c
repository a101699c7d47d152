/* fork with any of clone's flags.
 *
 * libc's fork() makes a child in which libc works although other threads were in the middle of malloc, stdio or pthread_create; a bare
 * clone() from a process with threads does not, and the translator's part of the child could find malloc locked for ever. But fork() has no
 * flags. So it is libc's fork() that runs here, and the one system call in it that makes the child is replaced on its way to the kernel:
 * system call user dispatch (Documentation/admin-guide/syscall-user-dispatch.rst, Linux 5.11) turns this thread's calls into SIGSYS,
 * and the handler makes them, clone with the caller's request. The kernel does not hand the dispatch on to the child.
 *
 * Where there is no such dispatch, or a tracer would be shown the SIGSYS first, the clone is a bare one.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "syscall/clone.h"
#include "syscall/sys.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
enum { DISPATCH_OFF, DISPATCH_ON, CODE_DISPATCH = 2 /* SYS_USER_DISPATCH */, RESTORER_BYTES = 8 /* host_sigreturn's */ };

/* The fork in progress: one at a time, since space's lock is held. The selector is read by the kernel. */
static struct clone_request request;
static volatile uint8_t selector;   /* 1: calls become SIGSYS */
static uint32_t forking;            /* the thread's number */
static siginfo_t stray;             /* a SIGSYS that somebody sent it meanwhile */

static int64_t bare_clone(struct clone_request *q)
{
    int64_t pid = host_raw2(__NR_clone3, q, sizeof *q);
    if (pid == -ENOSYS && !q->set_tid_size)   /* some containers refuse clone3 */
        pid = host_raw(__NR_clone, (uint32_t)q->flags | q->exit_signal, 0, q->pidfd, q->child_tid, 0, 0);
    return pid;
}

/* fork()'s own clone (flags, stack, parent_tid, child_tid, tls): libc keeps the child's number. */
static int64_t replaced_clone(const greg_t *regs)
{
    struct clone_request q = request;
    q.flags |= (uint64_t)regs[REG_RDI] & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID);
    q.child_tid = (uint64_t)regs[REG_R10];
    return bare_clone(&q);
}

/* rt_sigprocmask for the mask that the handler returns to. SIGSYS stays unblocked: the kernel would end us by a blocked one. */
static int64_t replaced_sigprocmask(ucontext_t *uc)
{
    const greg_t *regs = uc->uc_mcontext.gregs;
    uint64_t old, set = regs[REG_RSI] ? *(const uint64_t *)regs[REG_RSI] : 0;
    memcpy(&old, &uc->uc_sigmask, sizeof old);
    if (regs[REG_RDX])
        memcpy((void *)regs[REG_RDX], &old, sizeof old);
    if (!regs[REG_RSI])
        return 0;
    set = regs[REG_RDI] == SIG_BLOCK ? old | set : regs[REG_RDI] == SIG_UNBLOCK ? old & ~set : set;
    set &= ~(1ull << (SIGSYS - 1));
    memcpy(&uc->uc_sigmask, &set, sizeof set);
    return 0;
}

static void on_dispatch(int signo, siginfo_t *si, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (si->si_code != CODE_DISPATCH) {
        if ((uint32_t)host_raw1(__NR_gettid, 0) == forking)
            stray = *si;
        else   /* another thread's: comes back until this is over */
            host_raw4(__NR_rt_tgsigqueueinfo, host_raw1(__NR_getpid, 0), host_raw1(__NR_gettid, 0), signo, si);
        return;
    }
    selector = 0;
    if (si->si_syscall == __NR_clone) {
        regs[REG_RAX] = replaced_clone(regs);
        return;
    }
    if (si->si_syscall == __NR_rt_sigprocmask)
        regs[REG_RAX] = replaced_sigprocmask(context);
    else
        regs[REG_RAX] = host_raw(si->si_syscall, (uint64_t)regs[REG_RDI], (uint64_t)regs[REG_RSI], (uint64_t)regs[REG_RDX],
                                 (uint64_t)regs[REG_R10], (uint64_t)regs[REG_R8], (uint64_t)regs[REG_R9]);
    selector = 1;
}

static bool dispatch(int mode)
{
    uint64_t from = mode == DISPATCH_ON ? (uintptr_t)host_sigreturn : 0, len = mode == DISPATCH_ON ? RESTORER_BYTES : 0;
    return host_raw(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, (uint64_t)mode, from, len,
                    mode == DISPATCH_ON ? (uintptr_t)&selector : 0, 0) == 0;
}

int64_t fork_with(const struct clone_request *q, bool bare)
{
    struct signal_saved saved;
    request = *q;
    selector = 0;
    stray.si_signo = 0;
    forking = (uint32_t)host_raw1(__NR_gettid, 0);
    if (bare || !dispatch(DISPATCH_ON))
        return bare_clone(&request);
    signal_take(SIGSYS, on_dispatch, &saved);
    selector = 1;
    pid_t pid = fork();
    int error = errno;
    selector = 0;
    signal_give_back(SIGSYS, &saved);
    if (pid == 0)
        return 0;
    dispatch(DISPATCH_OFF);
    if (stray.si_signo)
        host_raw4(__NR_rt_tgsigqueueinfo, host_raw1(__NR_getpid, 0), forking, SIGSYS, &stray);
    return pid < 0 ? -error : pid;
}
