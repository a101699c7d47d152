/* The run loop and the code cache, as the other folders see them.
 *
 * run_loop() is the life of a guest thread: look the unit up, enter it, see why it came back, serve that, again.
 * The code cache is the process's only one. Look-up takes no lock; translation takes one; memory is reused
 * only when no thread can still be inside (each thread's cpu.in_code and an epoch tell).
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/cpu.h"

struct guest;

/** Reserves the code cache (`bytes` of code, at least 1 MiB; W^X by two mappings of one memfd where allowed) and
 * emits the thunks. Once, before the first cpu. Returns false with errno set if memory cannot be had. */
bool cache_init(const struct guest *guest, size_t bytes);

/** Makes the state block (and the stack below it, the probe table) of a new guest thread; NULL if out of memory.
 * Registers are zero. The calling thread need not be the one that runs it. */
struct cpu *cpu_new(const struct guest *guest);
/** A copy of `from`'s guest-visible state for a new thread or process (clone). */
struct cpu *cpu_clone(const struct cpu *from);
/** Frees it. The thread must be out of generated code for good, and not on the cpu's own stack. */
void cpu_free(struct cpu *cpu);
/** The calling host thread's cpu, NULL if it is none. Async-signal-safe. */
struct cpu *cpu_self(void);
/** Binds the calling host thread to `cpu` (done by run_loop() too). */
void cpu_bind(struct cpu *cpu);

/** Stops all other threads for good, as soon as their guest state is exact; returns when they are (or have had a second for it). For
 * a process that is about to die. Of two threads that call it only one returns. */
void cpus_halt(struct cpu *self);
/** Whether cpus_halt() was called in this process: waits for ever then. */
void cpus_halt_here(void);

/** Runs guest code from cpu->pc until the thread ends (linux_*() never return then). */
_Noreturn void run_loop(struct cpu *cpu);

/** True if a unit for (pc, mode) is published. A hint for the translator: it may be gone, or come, a moment later.
 * Called while translating (under the cache's lock or inside an epoch). */
bool cache_has(gaddr pc, uint32_t mode);

/** Forgets all translations of guest bytes [start, start+len): called with space's write lock held when
 * mappings change. Other threads may be
 * running that code: on return no thread will enter it anew; threads still inside leave at their next poll,
 * link or probe. */
void cache_invalidate(gaddr start, uint64_t len);
/** The guest says that code in [start, start+len) may have changed: forgets the translations there whose source bytes are no
 * longer what was translated, and, if the range has shared memory, such ones of all shared memory, which may be the
 * same under another address. */
void cache_sync_range(gaddr start, uint64_t len);
/** The same for all memory: an instruction-cache flush without a range (fence.i). */
void cache_sync_code(void);
/** Around a fork that copies memory (not CLONE_VM): the parent calls cache_fork_prepare() before, so that the child
 * gets a cache no thread was changing, and cache_fork_parent() after. Order: space's lock first. */
void cache_fork_prepare(void);
void cache_fork_parent(void);
/** In the child of such a fork: locks and thread list are put right; only `cpu` lives on. */
void cache_after_fork(struct cpu *cpu);
/** Asks `cpu`'s thread to leave generated code soon (sets poll, makes its probes miss). Async-signal-safe, from any thread. */
void run_kick(struct cpu *cpu);

/** For the host's SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP handler: if the fault is in generated code (or in a helper that it called),
 * restores the precise guest state, fills cpu->fault_*, makes `uc` resume in the run loop with
 * CPU_EXIT_FAULT, and returns true. Otherwise changes nothing and returns false. Async-signal-safe. */
bool fault_in_code(int signo, const siginfo_t *si, void *uc);

/** For the handler of a signal that was sent: if `uc` was interrupted before an instruction that can fault (perhaps it waits for its
 * page, for as long as another thread likes), restores the precise guest state, makes `uc` resume in the run loop as after
 * a poll, and returns true. Otherwise changes nothing and returns false. Async-signal-safe. */
bool fault_signalled(void *uc);

/** If this thread is translating, ends that: the page at `addr` has to be waited for, which is done without locks. Returns
 * if it is not. */
void fault_absent(gaddr addr);

/** Optimisation passes that are left out, bit 1 << PASS_<name> (ir/passes/pass.h). Set before the first translation. */
extern unsigned run_disabled_passes;
/** How many jumps back, some thousands, make a loop hot, so that it is translated as a region; 0: none is. Before the first
 * cpu. */
extern unsigned run_hot;

/** Code in [low, high) is run while the program starts and hardly ever after: its interpreter's. Set before the first
 * translation. */
extern gaddr run_start_low, run_start_high;

/** Switches the clocks of --stats on: before the first translation. */
void run_stats_enable(void);
/** Prints translation statistics (units, guest instructions and bytes, host bytes, ns per guest instruction,
 * flushes, misses) to the log: --stats. */
void run_stats_print(void);
