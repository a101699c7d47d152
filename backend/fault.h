/* Host faults: who was it, and how to go on (see fault_in_code() in backend/run.h).
 *
 * A fault in generated code, or in a C function that it called, is the guest's: the snapshot of the
 * instruction gives its registers, and the thread goes on in the run loop through THUNK_FAULT.
 *
 * A fault in C code that reads guest memory under fault_try() (decoding an instruction from a file
 * that was truncated, say) ends that call. Anything else is not ours to handle.
 */
#pragma once

#include "backend/run.h"

/* What happened to fault_try(). signo 0: fault_absent(). */
struct guest_fault { int signo, code; gaddr addr; };

/** Calls fn(arg). Returns true if it returned; false if it was cut short by a SIGBUS or fault_absent(), and fills *f.
 * (A SIGSEGV is ours: fn reads only what space_fetch() vouches for, under space's lock, and that is
 * always readable.) Locks and other state that fn had taken hold of are as they were at the fault:
 * fn must keep to reading guest memory and to state that its caller can throw away. Not nested. Whoever leaves fn by a
 * longjmp calls fault_untry() then. */
bool fault_try(void (*fn)(void *), void *arg, struct guest_fault *f);
/** The same for a fn that accesses any guest memory, without locks: a SIGSEGV ends it too. */
bool fault_try_all(void (*fn)(void *), void *arg, struct guest_fault *f);
void fault_untry(void);
