/* What clone, clone3, fork and vfork ask for, in one form. Three ways lead from here:
 *
 *   CLONE_THREAD      a detached host thread (thread.c)
 *   CLONE_VM          a host process that shares memory (vfork, posix_spawn), with a struct cpu and a host stack of its own; it
 *                     runs on its creator's thread-local storage, so the creating host thread must be suspended meanwhile,
 *                     as CLONE_VFORK does. Without CLONE_VFORK a helper thread plays the creator (process.c)
 *   otherwise         fork (process.c, fork.c)
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/gaddr.h"

struct cpu;
struct sys;
struct thread;

/* The kernel's struct clone_args: the same layout, so clone3's bytes can be copied in. */
struct clone_request {
    uint64_t flags;
    gaddr pidfd, child_tid, parent_tid;
    uint64_t exit_signal;
    gaddr stack;
    uint64_t stack_size;
    gaddr tls;
    gaddr set_tid;
    uint64_t set_tid_size, cgroup;
};

/** A record and a cpu for the child: the creator's state with the requested stack and TLS, result register 0. NULL without
 * memory. Shares the creator's sighand. */
struct thread *clone_new_thread(const struct thread *creator, const struct clone_request *request);
/** Sets stack, TLS and result register for the child. */
void clone_set_registers(struct cpu *cpu, const struct clone_request *request);
/** Writes CLONE_CHILD_SETTID's and, if `parent` too, CLONE_PARENT_SETTID's words. */
void clone_store_tids(const struct clone_request *request, uint32_t tid, bool parent);

/** Whether clone3 takes q's set_tid at first sight: 0 or -EINVAL. */
int64_t set_tid_valid(const struct clone_request *q);
/** The number that a thread is to have by q's set_tid, which there is; -EFAULT, -EINVAL, -EPERM, or -EEXIST if it is in use. */
int64_t set_tid_chosen(const struct clone_request *q);
/** Makes `tid` the number that the kernel gives out next, if nobody is faster. False if it may not be done here. */
bool set_tid_next(uint32_t tid);

/** Starts a thread: its id, or -errno. */
int64_t clone_thread(struct sys *s, const struct clone_request *request);
/** fork() with the flags, exit signal and so on of `q`, which has no stack, TLS or numbers to be stored: 0 in the child, its id or
 * -errno in the parent. All signals are blocked, space's lock is held for writing. `bare`: without care for libc's locks. */
int64_t fork_with(const struct clone_request *q, bool bare);
