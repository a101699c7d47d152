/* Signals: from the host's handler to the guest's.
 *
 * The host kernel keeps everything that it can keep: pending signals, queues of real-time ones, masks across exec,
 * ignored signals, default actions. For this the guest's mask and dispositions are mirrored in the host's:
 *
 *   disposition of the guest   host's
 *   default, ignore            the same (death, stop and ignoring are the kernel's own doing)
 *   handler                    on_signal() below with the guest's SA_RESTART, SA_NOCLDSTOP, SA_NOCLDWAIT
 *
 * The five signals that faults raise are the exception (fault_signals): on_signal() always handles them and the host never
 * blocks them, because the translator needs them itself.
 *
 * on_signal() cannot enter a guest handler at once: the guest's registers are exact only between units. It notes the
 * signal in struct thread, blocks all others (so one place suffices, and later signals queue in the kernel, with
 * the kernel's rules), asks the run loop to look (run_kick()), and makes an interrupted host call that has not begun
 * return (host.h). signal_deliver() then builds the guest's frame and lets the host's mask follow the guest's again: what
 * waits in the kernel arrives immediately and nests, as it would natively.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "backend/run.h"
#include "debug/core.h"
#include "debug/log.h"
#include "frontend/guest.h"
#include "loader/options.h"
#include "syscall/access.h"
#include "syscall/linux.h"
#include "syscall/sys.h"

#define BIT(signo) (1ull << ((signo) - 1))
#define KERNEL_SA_RESTORER 0x04000000
#define FAULT_MASK (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP))
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))
#define SS_AUTODISARM_BIT (1u << 31)

static const int fault_signals[NFAULTS] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

/* The kernel's struct sigaction on x86-64. */
struct host_sigaction {
    void (*handler)(int, siginfo_t *, void *);
    uint64_t flags;
    const void *restorer;
    uint64_t mask;
};

static int fault_index(int signo)
{
    for (int i = 0; i < NFAULTS; i++)
        if (fault_signals[i] == signo)
            return i;
    return -1;
}

/* --- the host side ---------------------------------------------------------------------------------- */

static void host_mask(uint64_t mask)
{
    host_raw4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

void signal_block_all(void)
{
    host_mask(~FAULT_MASK);
}

void signal_block_every(void)
{
    host_mask(~0ull);
}

void signal_apply_mask(struct thread *t)
{
    if (!t->async_signo)   /* else all stay blocked until it is delivered */
        host_mask(t->blocked & ~FAULT_MASK);
}

/* A fault in our own code: say so, and die of it. */
static void internal_fault(int signo, const siginfo_t *si, ucontext_t *uc)
{
    static const char digits[] = "0123456789abcdef";
    char text[] = "dragoman: internal fault at 0x................, address 0x................\n";
    uint64_t pc = uc->uc_mcontext.gregs[REG_RIP], addr = (uintptr_t)si->si_addr;
    for (int i = 0; i < 16; i++) {
        text[30 + i] = digits[pc >> (60 - 4 * i) & 15];
        text[58 + i] = digits[addr >> (60 - 4 * i) & 15];
    }
    if (write(2, text, sizeof text - 1) < 0)
        _exit(127);
    struct host_sigaction dfl = { .flags = KERNEL_SA_RESTORER, .restorer = host_sigreturn };
    host_raw4(__NR_rt_sigaction, signo, &dfl, NULL, 8); /* the instruction faults again */
}

static void note_held(struct thread *t, int index, const siginfo_t *si)
{
    if (t->held >> index & 1)
        return;   /* standard signals don't queue */
    t->held |= 1u << index;
    t->held_info[index] = *si;
}

static void on_signal(int signo, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    siginfo_t carried;
    bool by_tracer = signo == SIGTRAP && trace_unpack(si, &carried);
    if (by_tracer) {
        si = &carried;
        signo = carried.si_signo;
    }
    int fault = fault_index(signo);
    if (fault >= 0 && si->si_code > 0 && !by_tracer) {   /* raised by an instruction, not sent */
        if (signo == SIGTRAP && cpu_self() && trace_abandoned(cpu_self()->thread, uc))
            return;
        if (!host_copy_fault(uc) && !fault_in_code(signo, si, uc))
            internal_fault(signo, si, uc);
        return;
    }
    struct cpu *cpu = cpu_self();
    if (!cpu)
        return;
    struct thread *t = cpu->thread;
    uint64_t all = ~FAULT_MASK;
    if (!signo) {
        t->trace.ask = TRACE_INTERRUPTED;
    } else if (by_tracer && signo == TRACE_LEAVE) {
        ;   /* only what follows */
    } else if (fault >= 0) {
        note_held(t, fault, si);
        if (t->blocked & BIT(signo))
            return;
    } else if (t->async_signo) {
        /* signal_apply_mask() had seen none, then one was caught, then it unblocked: back to the kernel's queue. */
        host_raw4(__NR_rt_tgsigqueueinfo, host_raw1(__NR_getpid, 0), host_raw1(__NR_gettid, 0), signo, si);
        memcpy(&uc->uc_sigmask, &all, sizeof all);
        return;
    } else {
        t->async_signo = signo;
        t->async = *si;
        memcpy(&uc->uc_sigmask, &all, sizeof all);
    }
    t->pending = 1;
    run_kick(cpu);
    host_call_abort(uc);
    if (cpu->awaits_page)
        host_copy_fault(uc);
    else if (!cpu->step)
        fault_signalled(uc);
}

static void install(int signo, uint64_t flags)
{
    struct host_sigaction sa = {
        .handler = on_signal,
        .flags = SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER |
                 (flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT)),
        .restorer = host_sigreturn,
        .mask = ~0ull,
    };
    host_raw4(__NR_rt_sigaction, signo, &sa, NULL, 8);
}

/* Sets the host's disposition to default or ignore. */
static void install_plain(int signo, gaddr handler, uint64_t flags)
{
    struct host_sigaction sa = {
        .handler = (void (*)(int, siginfo_t *, void *))(uintptr_t)handler,
        .flags = KERNEL_SA_RESTORER | (flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT)),
        .restorer = host_sigreturn,
    };
    host_raw4(__NR_rt_sigaction, signo, &sa, NULL, 8);
}

/* Whether the default action of `signo` is ours to take, since it writes a core file. */
static bool dumps_core(int signo)
{
    return linux_state.dumps_core && core_signal(signo);
}

static void mirror(int signo, const struct guest_sigaction *act)
{
    if (fault_index(signo) >= 0 || act->handler > 1 || (act->handler == 0 && dumps_core(signo)))
        install(signo, act->flags);
    else
        install_plain(signo, act->handler, act->flags);
}

/* The disposition of `signo`; looked up in the host the first time. Only "ignore" is inherited. */
static struct guest_sigaction *action(struct sighand *hand, int signo)
{
    struct host_sigaction old;
    if (!(hand->known & BIT(signo))) {
        hand->known |= BIT(signo);
        if (host_raw4(__NR_rt_sigaction, signo, NULL, &old, 8) == 0 && (uintptr_t)old.handler == 1)
            hand->act[signo].handler = 1;
    }
    return &hand->act[signo];
}

void signal_core_limit(struct thread *t)
{
    bool now = core_allowed();
    if (now == linux_state.dumps_core)
        return;
    linux_state.dumps_core = now;
    pthread_mutex_lock(&t->sighand->lock);
    for (int signo = 1; signo <= NSIG_GUEST; signo++)
        if (core_signal(signo))
            mirror(signo, action(t->sighand, signo));
    pthread_mutex_unlock(&t->sighand->lock);
}

void signal_init(struct thread *t)
{
    for (int i = 0; i < NFAULTS; i++)
        action(t->sighand, fault_signals[i]);
    host_raw4(__NR_rt_sigprocmask, SIG_BLOCK, NULL, &t->blocked, 8);
    for (int i = 0; i < NFAULTS; i++)
        install(fault_signals[i], 0);
    signal_core_limit(t);
    signal_apply_mask(t);
}

void signal_before_exec(struct thread *t)
{
    for (int i = 0; i < NFAULTS; i++)
        if (t->sighand->act[fault_signals[i]].handler == 1)
            install_plain(fault_signals[i], 1, 0);
    host_mask(t->blocked);
}

void signal_exec_failed(struct thread *t)
{
    for (int i = 0; i < NFAULTS; i++)
        install(fault_signals[i], 0);
    signal_apply_mask(t);
}

void signal_clear_handlers(struct thread *t)
{
    for (int signo = 1; signo <= NSIG_GUEST; signo++) {
        struct guest_sigaction *act = &t->sighand->act[signo];   /* unknown: none of the guest's */
        if (act->handler > 1) {
            *act = (struct guest_sigaction){ .handler = 0 };
            mirror(signo, act);
        }
    }
}

enum { LIBC_SETXID = 33 };   /* glibc, nptl/nptlP.h: SIGSETXID; SIGCANCEL is installed by pthread_cancel() only */

bool signal_libc_threads(struct thread *t)
{
    static bool begun;
    if (__atomic_exchange_n(&begun, true, __ATOMIC_SEQ_CST))
        return false;
    pthread_mutex_lock(&t->sighand->lock);
    action(t->sighand, LIBC_SETXID);
    pthread_mutex_unlock(&t->sighand->lock);
    return true;
}

void signal_undo_libc(struct thread *t)
{
    pthread_mutex_lock(&t->sighand->lock);
    mirror(LIBC_SETXID, &t->sighand->act[LIBC_SETXID]);
    pthread_mutex_unlock(&t->sighand->lock);
}

_Static_assert(sizeof(struct signal_saved) == sizeof(struct host_sigaction), "one holds the other");

void signal_take(int signo, void (*handler)(int, siginfo_t *, void *), struct signal_saved *saved)
{
    struct host_sigaction sa = { .handler = handler, .flags = SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER, .restorer = host_sigreturn,
                                 .mask = ~0ull };
    host_raw4(__NR_rt_sigaction, signo, &sa, saved, 8);
    host_mask(~BIT(signo));
}

void signal_give_back(int signo, const struct signal_saved *saved)
{
    signal_block_every();
    host_raw4(__NR_rt_sigaction, signo, saved, NULL, 8);
}

static void say_last_words(struct thread *t, const siginfo_t *info)
{
    int signo = info->si_signo;
    if (log_on(LOG_INT))
        log_printf("killed by signal %d at pc %#llx\n", signo, (unsigned long long)t->cpu->pc);
    if (log_on(LOG_CPU) && t->cpu->guest->dump) {
        FILE *f = log_begin();
        t->cpu->guest->dump(t->cpu, f);
        log_end(f);
    }
    if (options.crash_report)
        core_report(t, info);
    core_dump(t, info);
}

_Noreturn static void die_of(struct thread *t, const siginfo_t *info)
{
    int signo = info->si_signo;
    t->trace.passing = (uint32_t)signo;
    signal_block_all();
    say_last_words(t, info);
    for (;;) {
        install_plain(signo, 0, 0);
        host_mask(~BIT(signo));
        host_raw3(__NR_tgkill, host_raw1(__NR_getpid, 0), host_raw1(__NR_gettid, 0), signo);
        host_raw1(__NR_exit_group, 128 + signo);
    }
}

_Noreturn void signal_die(struct thread *t, int signo)
{
    die_of(t, &(siginfo_t){ .si_signo = signo, .si_code = SI_KERNEL });
}

/* --- delivery --------------------------------------------------------------------------------------- */

/* Whether the default action of `signo` is to do nothing. */
static bool ignored_by_default(int signo)
{
    return signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH || signo == SIGCONT;
}

/* Whether sp is on the alternate stack in use (arch-independent rule of sas_ss_flags()). */
static bool on_altstack(const struct thread *t, gaddr sp)
{
    gaddr base = (gaddr)(uintptr_t)t->altstack.ss_sp;
    return !(t->altstack.ss_flags & SS_AUTODISARM_BIT) && sp > base && sp - base <= t->altstack.ss_size;
}

static stack_t report_altstack(const struct thread *t)
{
    stack_t ss = t->altstack;
    gaddr sp = *cpu_slot(t->cpu, linux_state.abi->sp_off);
    if (!ss.ss_size)
        ss.ss_flags = SS_DISABLE;
    else if (on_altstack(t, sp))
        ss.ss_flags |= SS_ONSTACK;
    return ss;
}

/* Builds the frame for a handler; false if the stack is bad. */
static bool enter_handler(struct thread *t, int signo, const siginfo_t *info,
                          const struct guest_sigaction *act, uint64_t restore_mask)
{
    struct cpu *cpu = t->cpu;
    gaddr sp = *cpu_slot(cpu, linux_state.abi->sp_off);
    struct sigframe f = {
        .signo = signo, .info = info, .handler = act->handler, .mask = restore_mask,
        .restorer = linux_state.abi->sa_restorer && (act->flags & KERNEL_SA_RESTORER)
                        ? act->restorer : linux_state.sigreturn,
        .stack = sp, .altstack = report_altstack(t),
    };
    gaddr base = (gaddr)(uintptr_t)t->altstack.ss_sp;
    if (on_altstack(t, sp)) {
        f.stack_limit = base;   /* a frame must not run off its lower end */
    } else if ((act->flags & SA_ONSTACK) && t->altstack.ss_size) {
        f.stack = base + t->altstack.ss_size;
        f.stack_limit = base;
    }
    bool ok = linux_state.abi->frame_push(cpu, &f);
    t->entered += ok;
    if (ok && (t->altstack.ss_flags & SS_AUTODISARM_BIT))
        t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
    return ok;
}

/* Stops as the default action of `signo` demands; the host does it. */
static void stop_process(struct thread *t, int signo)
{
    uint64_t mask = ~(BIT(signo) | FAULT_MASK);
    t->trace.passing = (uint32_t)signo;
    host_raw3(__NR_tgkill, host_raw1(__NR_getpid, 0), t->tid, signo);
    host_mask(mask);
    signal_block_all();
    t->trace.passing = 0;
}

static bool stops_by_default(int signo)
{
    return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/* Delivers one signal that is not blocked. `forced`: the kernel's force_sig(): ignoring does not help. */
static void deliver_one(struct thread *t, int signo, const siginfo_t *info, bool forced)
{
    struct sighand *hand = t->sighand;
    if (log_on(LOG_STRACE))
        strace_signal(signo, info);
    pthread_mutex_lock(&hand->lock);
    struct guest_sigaction act = hand->act[signo];
    if (act.handler > 1 && (act.flags & SA_RESETHAND)) {
        hand->act[signo].handler = 0;
        mirror(signo, &hand->act[signo]);
    }
    pthread_mutex_unlock(&hand->lock);

    if (act.handler == 1 && !forced)
        return;
    if (act.handler <= 1) {
        if (!forced && ignored_by_default(signo))
            return;
        if (!forced && stops_by_default(signo)) {     /* only here if a tracer let it through */
            stop_process(t, signo);
            return;
        }
        die_of(t, info);
    }
    uint64_t base = t->temp ? t->temp_mask : t->blocked;
    if (!enter_handler(t, signo, info, &act, t->blocked)) {
        if (signo == SIGSEGV)
            signal_die(t, SIGSEGV);
        siginfo_t segv = { .si_signo = SIGSEGV, .si_code = SI_KERNEL };
        linux_fault(t->cpu, SIGSEGV, segv.si_code, 0);
        return;
    }
    t->temp = false;
    t->blocked = (base | act.mask | (act.flags & SA_NODEFER ? 0 : BIT(signo))) & ~UNBLOCKABLE;
}

/* The next fault-type signal someone sent that is not blocked, -1 for none. */
static int next_held(const struct thread *t)
{
    for (int i = 0; i < NFAULTS; i++)
        if ((t->held >> i & 1) && !(t->blocked & BIT(fault_signals[i])))
            return i;
    return -1;
}

void signal_deliver_now(struct thread *t, int signo, const siginfo_t *info)
{
    deliver_one(t, signo, info, false);
    signal_apply_mask(t);
}

/* The same after a tracer, if there is one, has had its say. */
static void deliver_traced(struct thread *t, int signo, siginfo_t *info)
{
    if (t->trace.on)
        signo = trace_signal(t, signo, info);
    if (signo)
        deliver_one(t, signo, info, false);
}

void signal_deliver(struct thread *t)
{
    for (;;) {
        signal_block_all();
        t->pending = 0;
        int held = next_held(t);
        if (t->trace.ask) {
            trace_asked(t);
        } else if (held >= 0) {
            siginfo_t info = t->held_info[held];
            __atomic_fetch_and(&t->held, ~(1u << held), __ATOMIC_RELAXED);   /* on_signal() may set another bit meanwhile */
            deliver_traced(t, fault_signals[held], &info);
        } else if (t->async_signo) {
            siginfo_t info = t->async;
            int signo = t->async_signo;
            t->async_signo = 0;
            deliver_traced(t, signo, &info);
        }
        if (t->trace.ask || t->async_signo || next_held(t) >= 0)
            continue;
        t->temp = false;
        signal_apply_mask(t);   /* the next one may arrive right here */
        if (!t->pending)
            return;
    }
}

bool signal_only_asked(const struct thread *t)
{
    return t->trace.ask && !t->async_signo && next_held(t) < 0;
}

void signal_force(struct thread *t, const siginfo_t *raised)
{
    siginfo_t copy = *raised, *info = &copy;
    int signo = info->si_signo;
    if (t->trace.on)
        signo = trace_signal(t, signo, info);
    if (!signo)
        return;
    pthread_mutex_lock(&t->sighand->lock);
    gaddr handler = t->sighand->act[signo].handler;
    pthread_mutex_unlock(&t->sighand->lock);
    if ((t->blocked & BIT(signo)) || handler <= 1)
        die_of(t, info);
    t->temp = false;
    deliver_one(t, signo, info, true);
    signal_apply_mask(t);
}

void linux_fault(struct cpu *cpu, int signo, int code, gaddr addr)
{
    siginfo_t info = { .si_signo = signo, .si_code = code };
    if (code != SI_KERNEL)
        info.si_addr = host(addr);
    if (log_on(LOG_INT))
        log_printf("signal %d, code %d, address %#llx at pc %#llx\n", signo, code,
                   (unsigned long long)addr, (unsigned long long)cpu->pc);
    signal_force(cpu->thread, &info);
}

/* --- the calls -------------------------------------------------------------------------------------- */

/* struct sigaction as the guest has it: handler, flags, [restorer,] mask. */
static bool read_sigaction(struct guest_sigaction *act, gaddr addr)
{
    uint64_t v[4];
    bool restorer = linux_state.abi->sa_restorer;
    if (!copy_from_guest(v, addr, restorer ? 32 : 24))
        return false;
    *act = (struct guest_sigaction){ v[0], v[1], restorer ? v[2] : 0, restorer ? v[3] : v[2] };
    act->mask &= ~UNBLOCKABLE;
    return true;
}

static bool write_sigaction(gaddr addr, const struct guest_sigaction *act)
{
    if (linux_state.abi->sa_restorer)
        return copy_to_guest(addr, (uint64_t[]){ act->handler, act->flags, act->restorer, act->mask }, 32);
    return copy_to_guest(addr, (uint64_t[]){ act->handler, act->flags, act->mask }, 24);
}

int64_t sys_rt_sigaction(struct sys *s)
{
    int signo = (int)s->a[0];
    struct guest_sigaction act, old;
    if (s->a[3] != 8)
        return -EINVAL;
    if (s->a[1] && !read_sigaction(&act, s->a[1]))
        return -EFAULT;
    if (signo < 1 || signo > NSIG_GUEST || (s->a[1] && (BIT(signo) & UNBLOCKABLE)))
        return -EINVAL;
    struct sighand *hand = s->t->sighand;
    pthread_mutex_lock(&hand->lock);
    old = *action(hand, signo);
    if (s->a[1]) {
        hand->act[signo] = act;
        mirror(signo, &act);
    }
    pthread_mutex_unlock(&hand->lock);
    return s->a[2] && !write_sigaction(s->a[2], &old) ? -EFAULT : 0;
}

int64_t sys_rt_sigprocmask(struct sys *s)
{
    struct thread *t = s->t;
    uint64_t set, old = t->blocked, mask = old;
    if (s->a[3] != 8)
        return -EINVAL;
    if (s->a[1]) {
        if (!copy_from_guest(&set, s->a[1], 8))
            return -EFAULT;
        set &= ~UNBLOCKABLE;
        switch ((int)s->a[0]) {
        case SIG_BLOCK:   mask = old | set; break;
        case SIG_UNBLOCK: mask = old & ~set; break;
        case SIG_SETMASK: mask = set; break;
        default: return -EINVAL;
        }
    }
    if (mask != old) {
        t->blocked = mask;
        if (next_held(t) >= 0)
            t->pending = 1;
        signal_apply_mask(t);
    }
    return s->a[2] && !copy_to_guest(s->a[2], &old, 8) ? -EFAULT : 0;
}

uint64_t signal_held(const struct thread *t)
{
    uint64_t set = 0;
    for (int i = 0; i < NFAULTS; i++)
        if (t->held >> i & 1)
            set |= BIT(fault_signals[i]);
    return set;
}

void signal_dispositions(const struct thread *t, uint64_t *ignored, uint64_t *caught)
{
    struct sighand *hand = t->sighand;
    *ignored = *caught = 0;
    pthread_mutex_lock(&hand->lock);
    for (int signo = 1; signo <= NSIG_GUEST; signo++) {
        gaddr handler = action(hand, signo)->handler;
        *ignored |= handler == 1 ? BIT(signo) : 0;
        *caught |= handler > 1 ? BIT(signo) : 0;
    }
    pthread_mutex_unlock(&hand->lock);
}

int64_t sys_rt_sigpending(struct sys *s)
{
    uint64_t set = 0;
    if (s->a[1] > 8)
        return -EINVAL;
    int64_t r = host_raw2(__NR_rt_sigpending, &set, 8);
    if (r < 0)
        return r;
    set = (set | signal_held(s->t)) & s->t->blocked;
    return copy_to_guest(s->a[0], &set, s->a[1]) ? 0 : -EFAULT;
}

int64_t sys_rt_sigsuspend(struct sys *s)
{
    if (s->a[1] != 8)
        return -EINVAL;
    if (!copy_from_guest(&s->t->temp_mask, s->a[0], 8))
        return -EFAULT;
    s->t->temp_mask &= ~UNBLOCKABLE;
    s->t->temp = true;
    return sys_host(s, __NR_rt_sigsuspend);
}

static int64_t set_altstack(struct thread *t, const stack_t *ss)
{
    unsigned mode = (unsigned)ss->ss_flags & ~SS_AUTODISARM_BIT;
    if (on_altstack(t, *cpu_slot(t->cpu, linux_state.abi->sp_off)))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
        return 0;
    }
    if (ss->ss_size < 2048)   /* MINSIGSTKSZ of the generic ABI */
        return -ENOMEM;
    t->altstack = *ss;
    t->altstack.ss_flags &= SS_AUTODISARM_BIT;
    return 0;
}

int64_t sys_sigaltstack(struct sys *s)
{
    stack_t set, old = report_altstack(s->t);
    if (s->a[0]) {
        if (!copy_from_guest(&set, s->a[0], sizeof set))
            return -EFAULT;
        int64_t r = set_altstack(s->t, &set);
        if (r < 0)
            return r;
    }
    return s->a[1] && !copy_to_guest(s->a[1], &old, sizeof old) ? -EFAULT : 0;
}

int64_t sys_rt_sigreturn(struct sys *s)
{
    struct thread *t = s->t;
    struct sigframe f = { .signo = 0 };
    if (!linux_state.abi->frame_pop(s->cpu, &f)) {
        linux_fault(s->cpu, SIGSEGV, SI_KERNEL, 0);
        return -SYS_NO_RESULT;
    }
    t->blocked = f.mask & ~UNBLOCKABLE;
    set_altstack(t, &f.altstack);
    if (next_held(t) >= 0)
        t->pending = 1;
    signal_apply_mask(t);
    return -SYS_NO_RESULT;
}
