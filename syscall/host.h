/* System calls of the host, made so that no guest signal is lost or late.
 *
 * A guest signal caught by our handler waits in its thread until the guest state is exact (end of the system call, or a
 * poll in generated code). If it arrives after the last look at the queue but before the `syscall` instruction of a
 * blocking call, the call would sleep on it. host_call() therefore runs in a stub with known instruction addresses: it
 * looks at the thread's flag, then enters the kernel; the signal handler moves an interrupted stub that
 * is between its first instruction and the end of `syscall` to its way out. The kernel itself puts the pc back
 * on the `syscall` instruction when a call is to be restarted after a handler with SA_RESTART, so restarts take the
 * same way. Either way the result is -SYS_RESTART.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Internal results, beyond any errno (the kernel's end at 4095). */
enum {
    SYS_RESTART = 4200,   /* do the guest's system call again after delivering signals */
    SYS_NO_RESULT = 4201, /* registers are already as they shall be */
};

/** Makes host call `nr`; the kernel's result (-errno on failure), or -SYS_RESTART if `*pending` was or became nonzero before
 * it took effect. */
int64_t host_call(const volatile uint32_t *pending, long nr, uint64_t a, uint64_t b, uint64_t c,
                  uint64_t d, uint64_t e, uint64_t f);

/** For the signal handler: if `uc` was interrupted inside host_call() before the kernel began, makes it return
 * -SYS_RESTART. Async-signal-safe. */
void host_call_abort(void *uc);

/** For the SIGSEGV and SIGBUS handler: if `uc` was interrupted in one of the copies of access.h, makes the copy fail and returns
 * true. Async-signal-safe. */
bool host_copy_fault(void *uc);

/** Copies n bytes; the number not copied because of a fault. One side is guest memory. */
size_t host_copy(void *to, const void *from, size_t n);

/** Compare-and-exchange of a word of guest memory: 0 with what was there before in *was (it was stored if equal to `expected`),
 * or 1 after a fault. */
int host_cmpxchg(void *at, uint32_t expected, uint32_t desired, uint32_t *was);

/** A plain host call without the pending check: for calls that never block. -errno on failure. */
static inline int64_t host_raw(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                               uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    int64_t ret;
    __asm__ volatile("syscall" : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

/** host_raw() with fewer arguments. */
#define host_raw1(nr, a) host_raw(nr, (uint64_t)(a), 0, 0, 0, 0, 0)
#define host_raw2(nr, a, b) host_raw(nr, (uint64_t)(a), (uint64_t)(b), 0, 0, 0, 0)
#define host_raw3(nr, a, b, c) host_raw(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0, 0)
#define host_raw4(nr, a, b, c, d) \
    host_raw(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), 0, 0)

/** The frame end of a host signal handler, for raw rt_sigaction. */
extern const char host_sigreturn[];

/** clone3 with a stack of its own, CLONE_VM set: fn(arg) runs in the child and must not return. `args` is the kernel's struct
 * clone_args. In the parent the kernel's result. */
int64_t host_clone3(const void *args, size_t size, void (*fn)(void *), void *arg);
