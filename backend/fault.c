#include "backend/fault.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "backend/cache.h"
#include "backend/snapshot.h"
#include "backend/x86/fz.h"
#include "backend/x86/operand.h"
#include "backend/x86/rt.h"

enum { EFLAGS_TF = 1 << 8, EFLAGS_DF = 1 << 10, EFLAGS_AC = 1 << 18, CALL_MAX = 16 };

/* --- guarded reads of guest memory --------------------------------------------------------------
 * */

struct guard {
    void *env[5];
    bool all;       /* SIGSEGV too */
    struct guest_fault fault;
};

static _Thread_local struct guard *volatile guard;

/* Where a guarded fault resumes. */
static _Noreturn __attribute__((noinline)) void guard_land(void)
{
    struct guard *g = guard;

    guard = NULL;
    __builtin_longjmp(g->env, 1);
}

static __attribute__((noinline)) bool try_guarded(void (*fn)(void *), void *arg, struct guest_fault *f, bool all)
{
    struct guard g = { .all = all };
    struct guard *volatile mine = &g;
    struct guest_fault *volatile out = f;

    if (__builtin_setjmp(g.env) != 0) {
        *out = mine->fault;
        return false;
    }
    guard = &g;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    fn(arg);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    guard = NULL;
    return true;
}

bool fault_try(void (*fn)(void *), void *arg, struct guest_fault *f)
{
    return try_guarded(fn, arg, f, false);
}

bool fault_try_all(void (*fn)(void *), void *arg, struct guest_fault *f)
{
    return try_guarded(fn, arg, f, true);
}

void fault_untry(void)
{
    guard = NULL;
}

__attribute__((noinline)) void fault_absent(gaddr addr)
{
    if (!guard)
        return;
    guard->fault = (struct guest_fault){ .addr = addr };
    guard_land();
}

/* --- the handler ---------------------------------------------------------------------------------
 * */

static void resume(greg_t *r, const void *pc, uint64_t sp)
{
    r[REG_RIP] = (greg_t)(uintptr_t)pc;
    r[REG_RSP] = (greg_t)sp;
    r[REG_EFL] &= ~(greg_t)(EFLAGS_TF | EFLAGS_DF | EFLAGS_AC);
}

/* The record whose instruction starts at `off`; with `call`, the call that returns to `off`. */
static const struct code_fault *find_record(const struct unit *u, uint32_t off, bool call)
{
    uint32_t lo = 0, hi = u->nfaults;

    while (lo < hi) { /* the first at or above off */
        uint32_t mid = lo + (hi - lo) / 2;

        if (u->faults[mid].off < off)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (call)
        return lo > 0 && off - u->faults[lo - 1].off < CALL_MAX ? &u->faults[lo - 1] : NULL;
    return lo < u->nfaults && u->faults[lo].off == off ? &u->faults[lo] : NULL;
}

/* The unit and record of a fault at rip, or in C called from generated code; in the latter case
 * *call is set and [cpu - 8] is the return address (backend/x86/rt.h). */
static const struct code_fault *find_site(struct cpu *cpu, const greg_t *r, struct unit **unit,
                                          bool *call)
{
    const uint8_t *rip = (const uint8_t *)(uintptr_t)r[REG_RIP];
    const uint8_t *rsp = (const uint8_t *)(uintptr_t)r[REG_RSP];

    *call = false;
    if (!cpu->epoch)
        return NULL;
    *unit = cache_unit_at(rip);
    if (!*unit && rsp < (const uint8_t *)cpu && rsp >= cpu_stack_low(cpu)) {
        memcpy(&rip, (const uint8_t *)cpu - sizeof rip, sizeof rip);
        *unit = cache_unit_at(rip - 1);
        *call = true;
    }
    if (!*unit)
        return NULL;
    return find_record(*unit, (uint32_t)(rip - (*unit)->code), *call);
}

static bool guarded(int signo, const siginfo_t *si, greg_t *r)
{
    struct guard *g = guard;

    if (!g || (signo != SIGBUS && !(signo == SIGSEGV && g->all)))
        return false;
    g->fault = (struct guest_fault){ signo, si->si_code, guest(si->si_addr) };
    resume(r, (const void *)guard_land, (((uint64_t)r[REG_RSP] - 256) & ~(uint64_t)15) - 8);
    return true;
}

/* #GP comes without an address. In a helper it stays unknown. */
static void note_fault(struct cpu *cpu, int signo, const siginfo_t *si, const greg_t *r, bool call)
{
    cpu->fault_signo = signo;
    cpu->fault_code = si->si_code;
    cpu->fault_addr = (uint64_t)(uintptr_t)si->si_addr;
    cpu->fault_write = r[REG_ERR] >> 1 & 1;   /* of a page fault: bit W/R of its error code */
    if (signo == SIGSEGV && si->si_code == SI_KERNEL) {
        cpu->fault_code = SEGV_MAPERR;
        if (!call)
            operand_address((const uint8_t *)(uintptr_t)r[REG_RIP], r, &cpu->fault_addr);
    }
}

/* Makes `uc` resume in the run loop with the state that the record says. */
static void leave_at(struct cpu *cpu, ucontext_t *uc, const struct unit *u, const struct code_fault *f, enum cpu_exit kind)
{
    snapshot_restore(cpu, u->snap_data, f->snap, u->pc, uc);
    cpu->mxcsr = uc->uc_mcontext.fpregs->mxcsr;
    cpu->exit_kind = kind;
    resume(uc->uc_mcontext.gregs, cache.thunks[THUNK_FAULT], (uint64_t)(uintptr_t)cpu);
}

/* An instruction that is interrupted has done nothing, or, if it makes several accesses, nothing that is not done again as it
 * would be after a fault. Of a C function that was called nobody knows how far it is. */
bool fault_signalled(void *ctx)
{
    ucontext_t *uc = ctx;
    struct cpu *cpu = cpu_self();
    struct unit *u;
    bool call;

    if (!cpu)
        return false;
    const struct code_fault *f = find_site(cpu, uc->uc_mcontext.gregs, &u, &call);

    if (!f || call)
        return false;
    leave_at(cpu, uc, u, f, CPU_EXIT_POLL);
    return true;
}

bool fault_in_code(int signo, const siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;
    greg_t *r = uc->uc_mcontext.gregs;
    struct cpu *cpu = cpu_self();
    struct unit *u;
    bool call;

    if (!cpu || si->si_code <= 0) /* sent by a process, not raised by the instruction */
        return false;
    if (guarded(signo, si, r))
        return true;
    if (signo == SIGFPE && cpu->epoch && cache_unit_at((const uint8_t *)(uintptr_t)r[REG_RIP]) && fz_trap(cpu, uc))
        return true;
    const struct code_fault *f = find_site(cpu, r, &u, &call);

    if (!f)
        return false;
    note_fault(cpu, signo, si, r, call);
    if (call)
        rt_saved_registers(cpu, uc);
    leave_at(cpu, uc, u, f, CPU_EXIT_FAULT);
    if (call)
        cpu->mxcsr = fz_mxcsr(cpu, uc->uc_mcontext.fpregs->mxcsr);
    return true;
}
