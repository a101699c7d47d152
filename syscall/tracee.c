/* The traced side of trace.h. */
#include <linux/ptrace.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "backend/lock.h"
#include "backend/run.h"
#include "frontend/guest.h"
#include "loader/space.h"
#include "syscall/clone.h"
#include "syscall/linux.h"
#include "syscall/sys.h"
#include "syscall/trace.h"

static struct lock list_lock;
static struct trace_page *page;

/* --- the list ---------------------------------------------------------------------------------------- */

static void list(struct thread *t)
{
    struct trace *b = &t->trace;
    b->tid = t->tid;
    b->size = sizeof *b;
    b->machine = linux_state.guest->elf_machine;
    if (!page)
        return;
    lock_take(&list_lock);
    b->next = page->first;
    page->first = b;
    lock_give(&list_lock);
}

void trace_remove(struct thread *t)
{
    if (!page)
        return;
    lock_take(&list_lock);
    struct trace **p = &page->first;
    while (*p && *p != &t->trace)
        p = &(*p)->next;
    if (*p)
        *p = t->trace.next;
    lock_give(&list_lock);
}

/* --- stopping ---------------------------------------------------------------------------------------- */

static void publish(struct thread *t)
{
    struct trace *b = &t->trace;
    const struct abi_regset *set = linux_state.abi->regsets;
    for (int i = 0; i < REGSETS_MAX && set[i].note; i++)
        set[i].get(t->cpu, b->sets[i]);
    memset(b->dirty, 0, sizeof b->dirty);
    b->pc = t->cpu->pc;
    b->sp = *cpu_slot(t->cpu, linux_state.abi->sp_off);
}

/* What the tracer wrote while the thread stood still. */
static void drop_poked(struct trace *b)
{
    uint32_t n = __atomic_exchange_n(&b->npokes, 0, __ATOMIC_SEQ_CST);   /* first: more may be written meanwhile */
    if (n > TRACE_POKES)
        cache_invalidate(0, linux_state.task_size);
    else
        for (uint32_t i = 0; i < n; i++)
            cache_invalidate(b->pokes[i].at, b->pokes[i].len);
}

static void adopt(struct thread *t)
{
    struct trace *b = &t->trace;
    const struct abi_regset *set = linux_state.abi->regsets;
    for (int i = 0; i < REGSETS_MAX && set[i].note; i++)
        if (b->dirty[i])
            set[i].set(t->cpu, b->sets[i]);
    drop_poked(b);
    t->cpu->step = b->on && b->mode == TRACE_STEP;
}

/* Stops for the tracer; returns its signal. */
static int stop_here(struct thread *t, uint32_t status)
{
    struct trace *b = &t->trace;
    publish(t);
    b->status = status;
    b->answer = 0;
    __asm__ volatile("int3" : : "a"(TRACE_STOP_KEY), "D"(b) : "memory", "cc");
    b->status = 0;
    adopt(t);
    return (int)b->answer;
}

bool trace_abandoned(struct thread *t, const void *context)
{
    const ucontext_t *uc = context;
    if ((uint64_t)uc->uc_mcontext.gregs[REG_RAX] != TRACE_STOP_KEY ||
        (uint64_t)uc->uc_mcontext.gregs[REG_RDI] != (uintptr_t)&t->trace || !t->trace.status)
        return false;
    t->trace.on = 0;
    return true;
}

static int signal_stop(struct thread *t, uint32_t status, int signo, int code)
{
    t->trace.info = (siginfo_t){ .si_signo = signo, .si_code = code };
    t->trace.info.si_pid = (pid_t)t->tid;
    t->trace.call = TRACE_NO_CALL;
    return stop_here(t, status);
}

int trace_signal(struct thread *t, int signo, siginfo_t *info)
{
    t->trace.info = *info;
    t->trace.call = TRACE_NO_CALL;
    int answer = stop_here(t, (uint32_t)signo);
    if (answer == signo)
        *info = t->trace.info;
    else if (answer)
        *info = (siginfo_t){ .si_signo = answer, .si_code = SI_USER };
    return answer;
}

/* The call that the registers hold. */
static void note_call(struct thread *t, enum trace_call what)
{
    struct trace *b = &t->trace;
    const struct guest_linux *abi = linux_state.abi;
    b->call = what;
    b->nr = *cpu_slot(t->cpu, abi->nr_off);
    for (int i = 0; i < 6 && what != TRACE_EXIT; i++)
        b->args[i] = *cpu_slot(t->cpu, abi->arg_off[i]);
}

void trace_call(struct thread *t, bool exit, int64_t result)
{
    struct trace *b = &t->trace;
    if (b->mode != TRACE_CALLS) {
        publish(t);       /* for what the host reports of the call itself */
        return;
    }
    note_call(t, exit ? TRACE_EXIT : TRACE_ENTRY);
    b->result = result;
    b->message = exit ? PTRACE_EVENTMSG_SYSCALL_EXIT : PTRACE_EVENTMSG_SYSCALL_ENTRY;
    uint32_t status = SIGTRAP | (b->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0);
    b->info = (siginfo_t){ .si_signo = SIGTRAP, .si_code = (int)status };
    stop_here(t, status);
}

bool trace_seccomp(struct thread *t, uint16_t data)
{
    struct trace *b = &t->trace;
    uint32_t status = SIGTRAP | PTRACE_EVENT_SECCOMP << 8;
    if (!b->on || !(b->options & PTRACE_O_TRACESECCOMP))
        return false;
    note_call(t, TRACE_SECCOMP);
    b->message = data;
    b->info = (siginfo_t){ .si_signo = SIGTRAP, .si_code = (int)status };
    b->info.si_pid = (pid_t)t->tid;
    stop_here(t, status);
    return true;
}

void trace_stepped(struct thread *t)
{
    if (!t->trace.on) {
        t->cpu->step = false;
        return;
    }
    siginfo_t info = { .si_signo = SIGTRAP, .si_code = TRAP_TRACE };
    info.si_addr = host(t->cpu->pc);
    int signo = trace_signal(t, SIGTRAP, &info);
    if (signo)
        signal_deliver_now(t, signo, &info);
}

/* --- signals that are carried ------------------------------------------------------------------------ */

bool trace_unpack(const siginfo_t *si, siginfo_t *info)
{
    if ((si->si_errno & ~0xff) != TRACE_CARRIED)
        return false;
    *info = *si;
    info->si_signo = si->si_errno & 0xff;
    info->si_errno = 0;
    return true;
}

void linux_interrupt(const struct cpu *cpu)
{
    const struct thread *t = cpu->thread;
    siginfo_t info = { .si_code = SI_QUEUE };
    uint32_t pid = t->vfork_child ? t->tid : page ? page->pid : (uint32_t)host_raw1(__NR_getpid, 0);
    trace_pack(&info, TRACE_LEAVE);
    host_raw4(__NR_rt_tgsigqueueinfo, pid, t->tid, SIGTRAP, &info);
}

void trace_asked(struct thread *t)
{
    struct trace *b = &t->trace;
    bool attached = b->ask == TRACE_ATTACHED && !b->seized;
    b->ask = TRACE_NOTHING;
    if (page && __atomic_exchange_n(&page->written, 0, __ATOMIC_SEQ_CST))
        cache_invalidate(0, linux_state.task_size);
    if (!b->on)
        return;
    if (attached)
        signal_stop(t, SIGSTOP, SIGSTOP, SI_USER);
    else
        signal_stop(t, SIGTRAP | PTRACE_EVENT_STOP << 8, SIGTRAP, SIGTRAP | PTRACE_EVENT_STOP << 8);
}

/* --- begin and end ----------------------------------------------------------------------------------- */

/* kernel/fork.c, kernel_clone(): which event a clone is. */
static uint32_t clone_option(const struct clone_request *q)
{
    return q->flags & CLONE_VFORK ? PTRACE_O_TRACEVFORK
           : q->exit_signal != SIGCHLD ? PTRACE_O_TRACECLONE : PTRACE_O_TRACEFORK;
}

/* The host has attached the tracer to a new thread if it was to; the thread tells so where its state is exact. */
static void inherit(struct thread *t, const struct trace *from, const struct clone_request *q)
{
    struct trace *b = &t->trace;
    *b = (struct trace){ .on = from->on && (from->options & clone_option(q)), .seized = from->seized,
                         .options = from->options };
    if (!b->on)
        return;
    b->ask = TRACE_ATTACHED;
    t->pending = 1;
    t->cpu->poll = 1;
}

void trace_add(struct thread *t, const struct thread *creator, const struct clone_request *q)
{
    if (creator)
        inherit(t, &creator->trace, q);
    list(t);
}

void trace_after_fork(struct thread *t, const struct clone_request *q)
{
    struct trace from = t->trace;
    inherit(t, &from, q);
    t->cpu->step = false;
    lock_reset(&list_lock);
    if (page) {
        page->first = NULL;
        page->pid = (uint32_t)host_raw1(__NR_getpid, 0);
    }
    list(t);
    if (page && page->written) {
        t->trace.ask = t->trace.ask ? t->trace.ask : TRACE_INTERRUPTED;
        t->pending = 1;
        t->cpu->poll = 1;
    }
}

uint64_t trace_words(const struct thread *t)
{
    const struct trace *b = &t->trace;
    return b->on ? (uint64_t)b->options << 8 | b->seized << 4 | b->mode << 1 | 1 : 0;
}

void trace_init(struct thread *t, uint64_t how)
{
    void *p = mmap((void *)TRACE_PAGE, 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == (void *)TRACE_PAGE) {
        page = p;
        page->space = space_exported();
        page->pid = (uint32_t)host_raw1(__NR_getpid, 0);
    }
    t->trace.on = how & 1;
    t->trace.mode = how >> 1 & 7;
    t->trace.seized = how >> 4 & 1;
    t->trace.options = (uint32_t)(how >> 8);
    list(t);
    if (page)
        page->magic = TRACE_MAGIC;
}

void trace_exec_stop(struct thread *t)
{
    struct trace *b = &t->trace;
    if (!b->on)
        return;
    uint32_t mode = b->mode;
    if (b->options & PTRACE_O_TRACEEXEC) {
        b->message = t->tid;
        signal_stop(t, SIGTRAP | PTRACE_EVENT_EXEC << 8, SIGTRAP, SIGTRAP | PTRACE_EVENT_EXEC << 8);
    } else if (!b->seized) {
        int signo = signal_stop(t, SIGTRAP, SIGTRAP, SI_USER);
        if (signo)
            signal_deliver_now(t, signo, &b->info);
    }
    if (mode == TRACE_CALLS && b->mode == TRACE_CALLS)
        trace_call(t, true, 0);
}
