/* The inside of this folder: one system call in progress, the rows, the records of threads and of the process.
 *
 * linux_syscall() (dispatch.c) fills a struct sys from the guest's registers, applies what the row's kinds demand, and
 * calls the row's function. A handler sys_<name>() takes its arguments from s->a[] and returns what the kernel would:
 * a value or -errno; or -SYS_RESTART, which it got from host_call() and hands on; or -SYS_NO_RESULT when registers
 * are already as they shall be (sigreturn). A handler that makes a host call which may block uses sys_host().
 *
 * Handlers that must do something to arguments first look like this one:
 *
 *     int64_t sys_chroot(struct sys *s)
 *     {
 *         int64_t r = sys_host(s, __NR_chroot);     // s->a[0] is already the translated path
 *         if (r == 0)
 *             path_forget_root();
 *         return r;
 *     }
 */
#pragma once

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/cpu.h"
#include "syscall/abi.h"
#include "syscall/host.h"
#include "syscall/host_nr.h"
#include "syscall/trace.h"

enum { NSIG_GUEST = 64, NFAULTS = 5 };

/* --- rows ------------------------------------------------------------------------------------------- */

enum kind {
    KIND_NONE,
#define KIND(name, flags, doc) KIND_##name,
#include "syscall/kinds.def"
#undef KIND
    NKINDS
};

enum { FDARG = 1, PTR = 2, PATHARG = 4, OPENARG = 8 };   /* properties of kinds */

struct sys_kind { const char *name; uint8_t flags; };
extern const struct sys_kind sys_kinds[NKINDS];

struct sys_arg { uint8_t kind; const char *param; };

/* How the row's call is answered: the macro that made it. */
enum sys_how { SYS_PASS, SYS_CONV, SYS_CALL, SYS_DENY };

enum sys_result { SYS_RES_DEC, SYS_RES_HEXA, SYS_RES_FDES, SYS_RES_OCT };

struct sys;
typedef int64_t sys_fn(struct sys *s);

struct sys_row {
    const char *name;
    sys_fn *fn;
    int16_t host_nr;     /* PASS: the host's number; -1 otherwise */
    int16_t denied;      /* DENY: the errno */
    const char *why;     /* DENY: the reason */
    uint8_t how;         /* enum sys_how */
    uint8_t result;      /* enum sys_result */
    struct sys_arg args[6];
};
extern const struct sys_row sys_rows[NCALLS];

/* What dispatch needs of a row's kinds, a bit an argument; computed by sys_rows_init(). */
struct sys_masks { uint8_t any, fds, ptrs, paths, open; };   /* any: some of the others */
extern struct sys_masks sys_masks[NCALLS];
void sys_rows_init(void);

/* Prototypes of all handlers. */
#define PASS(name, ...)
#define CONV(name, ...) sys_fn sys_##name;
#define CALL(name, ...) sys_fn sys_##name;
#define DENY(name, ...)
#include "syscall/syscall.def"
#undef PASS
#undef CONV
#undef CALL
#undef DENY

/* --- one call --------------------------------------------------------------------------------------- */

struct sys {
    struct cpu *cpu;
    struct thread *t;
    const struct sys_row *row;
    uint64_t a[6];           /* arguments; paths are replaced by host pointers to translated ones */
};

/** Host call `nr` with the guest's (possibly edited) arguments; see host_call(). */
static inline int64_t sys_host(struct sys *s, long nr);
/** The function of all PASS rows, and of all DENY rows. */
sys_fn sys_pass, sys_denied;
/** open(2)'s flags as the host has them, and back (abi.h's open_bits). */
uint64_t sys_open_to_host(uint64_t flags);
uint64_t sys_open_to_guest(uint64_t flags);
/** The descriptors the guest can't use: the translator's own. */
bool sys_fd_hidden(uint64_t fd);

/* --- process ---------------------------------------------------------------------------------------- */

struct guest_sigaction {
    gaddr handler;           /* or SIG_DFL 0, SIG_IGN 1 */
    uint64_t flags;
    gaddr restorer;
    uint64_t mask;
};

/* Dispositions, shared by the threads of a process. A child made with CLONE_VM but without CLONE_SIGHAND (vfork) has
 * its own although it shares all other memory. */
struct sighand {
    pthread_mutex_t lock;
    uint64_t known;          /* bit signo-1: act[signo] holds; else it is what the host has (inherited from exec) */
    struct guest_sigaction act[NSIG_GUEST + 1];
};

/* What the process is, fixed at start by linux_init() (init.c) from the loader's struct exec_info. */
struct linux_state {
    const struct guest *guest;
    const struct guest_linux *abi;
    gaddr task_size;         /* first address that the guest can't map */
    const char *exe;         /* absolute host path of the program */
    const char *root;        /* -L, absolute, no slash at the end; NULL without */
    int root_fd;             /* O_PATH on it, or -1 */
    const char *uname_release;
    gaddr sigreturn;         /* where handlers return to */
    gaddr arg_start, arg_end, env_start, env_end, auxv_start, auxv_end;
    bool dumps_core;         /* signals that dump core are caught even when their action is the default one: debug/core.h */
};
extern struct linux_state linux_state;

/* --- threads ---------------------------------------------------------------------------------------- */

struct thread {
    struct cpu *cpu;
    uint32_t tid;                 /* of the host, and so of the guest */
    struct sighand *sighand;
    struct limits *limits;        /* of the process: limits.h */
    volatile uint32_t pending;    /* nonzero: a caught signal waits here; written by the signal handler */
    int async_signo;              /* the one whose catching blocked all others, 0 for none */
    siginfo_t async;
    uint32_t held;                /* bit i: fault-type signal fault_signals[i] sent by someone waits */
    siginfo_t held_info[NFAULTS];
    uint64_t blocked;             /* the guest's mask, bit signo-1 */
    uint64_t temp_mask;           /* of a sigsuspend, ppoll … that a signal ended */
    bool temp;                    /* temp_mask counts for the next delivery */
    bool main;                    /* the process's first thread: its host stack is the kernel's */
    bool ending;                  /* on its way out: it counts no more */
    bool vfork_child;             /* runs in its parent's memory until exec or exit */
    stack_t altstack;
    gaddr clear_tid;              /* set_tid_address */
    gaddr robust_list;
    const struct seccomp *seccomp; /* seccomp.h; NULL without */
    struct trace trace;           /* by another translated process */
    struct exec_block *exec_memory; /* of an execve in progress */
    uint32_t entered;             /* how many signal handlers were entered */
    void *host_altstack;
    jmp_buf end;                  /* where a finished thread unwinds to */
    char path[2][PATH_MAX];       /* translated paths of the call in progress */
};

static inline int64_t sys_host(struct sys *s, long nr)
{
    return host_call(&s->t->pending, nr, s->a[0], s->a[1], s->a[2], s->a[3], s->a[4], s->a[5]);
}

/** A thread record for `cpu`; NULL without memory. */
struct thread *thread_new(struct cpu *cpu);
void thread_free(struct thread *t);
/** Gives the calling host thread its alternate signal stack (thread_new() made it) and binds it to t's cpu. */
void thread_enter(struct thread *t);
/** Ends the calling guest thread: robust list, clear_tid, then the host thread. */
_Noreturn void thread_exit(struct thread *t, int status);
/** set_tid_address() for `t`, which is the calling thread. */
void thread_set_clear_tid(struct thread *t, gaddr word);
/** Frees the memory of t's execve. A vfork's child whose execve succeeds does not come back to do so: for its creator. */
void exec_free(struct thread *t);
/** Ends the process as exit_group does. */
_Noreturn void process_exit(struct thread *t, int status);

/* --- signals ---------------------------------------------------------------------------------------- */

/** Reads dispositions and mask inherited from exec, installs the handlers for faults. */
void signal_init(struct thread *t);
/** Delivers what waits in t->pending: builds frames, or ends the process. */
void signal_deliver(struct thread *t);
/** Whether what waits in t->pending is none of the guest's signals, but something that the thread was asked to do. */
bool signal_only_asked(const struct thread *t);
/** Delivers one signal at once, whatever waits. */
void signal_deliver_now(struct thread *t, int signo, const siginfo_t *info);
/** Makes the host's mask follow t->blocked. */
void signal_apply_mask(struct thread *t);
/** Blocks everything that can be; signal_apply_mask() undoes it. Afterwards t->pending can't change. */
void signal_block_all(void);
/** Blocks those that faults raise, too, for moments in which nobody could tell whose a signal is and no guest memory is touched. */
void signal_block_every(void);
/** Dispositions and mask as the next program is to find them, right before execve; and back if that failed. */
void signal_before_exec(struct thread *t);
void signal_exec_failed(struct thread *t);
/** Sets all handled signals to default (CLONE_CLEAR_SIGHAND) in a child's own sighand. */
void signal_clear_handlers(struct thread *t);
/** libc's first pthread_create() installs a handler of its own for a signal that guests use: signal_libc_threads() says beforehand
 * whether the next one may be it, and the new thread then undoes it by signal_undo_libc(), while all signals are blocked. */
bool signal_libc_threads(struct thread *t);
void signal_undo_libc(struct thread *t);
/** Lends the host's signal `signo` to `handler`, unblocked while all others are blocked; and back, all blocked. */
struct signal_saved { uint64_t words[4]; };
void signal_take(int signo, void (*handler)(int, siginfo_t *, void *), struct signal_saved *saved);
void signal_give_back(int signo, const struct signal_saved *saved);
/** Forces a signal of the thread's own doing (fault, seccomp) on it: blocked or ignored means death by it. */
void signal_force(struct thread *t, const siginfo_t *info);
/** For /proc/PID/status: the signals that the guest ignores and catches, a bit signo-1 each. */
void signal_dispositions(const struct thread *t, uint64_t *ignored, uint64_t *caught);
/** Those that wait for a thread here instead of in the kernel. */
uint64_t signal_held(const struct thread *t);
/** Looks whether RLIMIT_CORE allows core files now: after it may have changed. */
void signal_core_limit(struct thread *t);
/** Ends the process by `signo`, as seen by the parent too. */
_Noreturn void signal_die(struct thread *t, int signo);

/* --- strace ----------------------------------------------------------------------------------------- */

/** Logs a call that may not return, before it is made. */
void strace_enter(const struct sys *s);
/** Logs a finished call; `r` is its result. */
void strace_leave(const struct sys *s, int64_t r);
/** Logs a signal delivery. */
void strace_signal(int signo, const siginfo_t *info);
