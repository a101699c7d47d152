/* ptrace between two translated processes.
 *
 * Tracer and tracee are each a dragoman, and the host's ptrace really holds between them: stops, waiting, who is whose
 * tracer, what happens when the tracer dies are the kernel's. But the host stops a process between any two host
 * instructions, with the translator's registers, and for signals that the guest never sees. So:
 *
 *   - A tracee stops for its tracer in one place, stop_here() in tracee.c, a breakpoint instruction, when its guest
 *     state is exact: before a signal is delivered, at a system call's begin and end, when asked to. It has published why and
 *     its registers, in the guest's layout, in its struct trace, and reads what the tracer changed when it goes on.
 *   - All other stops the host reports to the tracer first: ptrace.c serves them and waits on. A signal that arrived for
 *     the tracee is let through as a SIGTRAP that carries it (trace_pack()), so that the tracee's handler notes it
 *     whatever the guest's disposition is, and the guest's signal stop happens where the state is exact.
 *   - What the host reports of clone, vfork's end and exit, and group stops, happens inside a system call: it is handed on
 *     as it is; the registers were published when the call began.
 *
 * The tracer finds a tracee's struct trace through a page at the same address in every dragoman (TRACE_PAGE). Memory of the
 * tracee is the host's ptrace's business, guest addresses being host addresses; what was written is listed, and
 * the tracee drops translations of it.
 *
 * exec: the new dragoman is told by its command line (--traced) and stops by itself when its program is about to start; the
 * host's report of exec is served unseen.
 *
 * Example. strace resumes with PTRACE_SYSCALL: ptrace.c writes mode TRACE_CALLS into the tracee's struct trace and makes
 * the host continue it. The guest reaches `ecall`; linux_syscall() calls trace_call(), which publishes registers and
 * status SIGTRAP|0x80 and executes the breakpoint. The host stops the process and wakes strace's wait4: trace_wait()
 * recognises the breakpoint by its registers, reads struct trace, and hands strace its status.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/cache.h"
#include "syscall/abi.h"

struct thread;
struct clone_request;

#define TRACE_PAGE (CACHE_AREA - 4096)
#define TRACE_MAGIC 0x656361727467726dull
/** rax at the breakpoint of a stop; rdi is the struct trace. */
#define TRACE_STOP_KEY 0x6472616774726163ull
enum { TRACE_CARRIED = 0x647267 << 8, TRACE_POKES = 64, TRACE_LEAVE = 0xff /* in a signal's place: linux_interrupt() */ };

enum trace_mode { TRACE_RUN, TRACE_CALLS, TRACE_STEP };
enum trace_call { TRACE_NO_CALL, TRACE_ENTRY, TRACE_EXIT, TRACE_SECCOMP };
enum trace_ask { TRACE_NOTHING, TRACE_INTERRUPTED, TRACE_ATTACHED };

/* A thread's part, in struct thread. The first four fields never move in later versions. */
struct trace {
    struct trace *next;
    uint32_t tid;
    uint32_t size;                  /* sizeof(struct trace): another version's can't be read */
    uint32_t machine;               /* of the guest: EM_* */

    uint32_t on;                    /* a translated process traces this thread */
    uint32_t seized;                /* by PTRACE_SEIZE */
    uint32_t options;               /* PTRACE_O_* */
    uint32_t mode;                  /* enum trace_mode: until the next stop */
    uint32_t passing;               /* a signal that the thread sends itself and means */
    uint32_t ask;                   /* enum trace_ask: stop as soon as the state is exact */

    uint32_t status;                /* of the stop: bits 8 and up of what wait4 gives */
    uint32_t answer;                /* the tracer's signal to go on with, 0 for none */
    siginfo_t info;                 /* of the signal; may be changed */
    uint64_t message;               /* PTRACE_GETEVENTMSG */
    uint32_t call;                  /* enum trace_call */
    uint64_t nr, args[6];
    int64_t result;
    uint64_t pc, sp;
    uint32_t npokes;                /* more than TRACE_POKES: anything may have been written */
    struct { gaddr at; uint64_t len; } pokes[TRACE_POKES];
    uint8_t dirty[REGSETS_MAX];     /* set was changed */
    uint8_t sets[REGSETS_MAX][REGSET_MAX];
};

/* At TRACE_PAGE. */
struct trace_page {
    uint64_t magic;
    struct trace *first;
    uint32_t pid;
    const void *space;              /* space_exported() */
    uint32_t written;               /* somebody wrote into the process's memory: no translation is to be trusted */
};

/* --- tracee.c: in the traced process */

/** Maps the page; `how`: what trace_words() told the program before, 0 for nothing. Once, with the first thread. */
void trace_init(struct thread *t, uint64_t how);
/** Lists and unlists a thread; at the begin of its life it inherits tracing from `creator` as `q` says (NULL: not). */
void trace_add(struct thread *t, const struct thread *creator, const struct clone_request *q);
void trace_remove(struct thread *t);
/** In the child of a fork: the only thread. */
void trace_after_fork(struct thread *t, const struct clone_request *q);
/** The number for --traced, 0 if the thread is not traced. */
uint64_t trace_words(const struct thread *t);
/** The program that trace_words() was handed to is about to start. */
void trace_exec_stop(struct thread *t);
/** Signal `signo` is about to be delivered: the tracer may change it. Returns the signal to deliver, 0 for none. */
int trace_signal(struct thread *t, int signo, siginfo_t *info);
/** A system call begins (`exit` false) or ended. Registers may change. */
void trace_call(struct thread *t, bool exit, int64_t result);
/** A seccomp filter says SECCOMP_RET_TRACE with `data` to a system call. False if no tracer asked to be told. Registers may change. */
bool trace_seccomp(struct thread *t, uint16_t data);
/** Serves t->trace.ask. */
void trace_asked(struct thread *t);
/** A stop after one instruction. */
void trace_stepped(struct thread *t);
/** For the SIGTRAP handler: a carried signal is unpacked into *info, and true returned; its number may be 0 (a request to stop).
 * Async-signal-safe. */
bool trace_unpack(const siginfo_t *si, siginfo_t *info);
/** For the SIGTRAP handler: the tracer is gone, and the breakpoint of a stop had nobody to stop for. Goes on then. */
bool trace_abandoned(struct thread *t, const void *uc);

/* --- ptrace.c: in the tracer */

/** `len` bytes were written at `at` into the memory of process `pid`, which is not this: if it is translated, its translations of
 * what was written are wrong. */
void trace_memory_written(pid_t pid, gaddr at, uint64_t len);
/** Where the space_exported() of translated process `pid` is; NULL if that can't be known. */
const void *trace_space_of(pid_t pid);
/** Makes a SIGTRAP that carries *info (a signal with number `signo`, or 0: a request to stop). */
void trace_pack(siginfo_t *info, int signo);
/** wait4's status word, or waitid's si_status and si_code, of child `pid` that the host has just reported: what the guest
 * may see of it. False if it is to wait on: the stop was served. */
bool trace_wait(pid_t pid, int *status);
