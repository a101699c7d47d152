/* The tracing side of trace.h: ptrace's requests, and what wait reports. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/run.h"
#include "frontend/guest.h"
#include "syscall/access.h"
#include "syscall/proc.h"
#include "syscall/sys.h"
#include "syscall/trace.h"

/* A thread that this process traces. */
struct tracee {
    struct tracee *next;
    pid_t tid;
    uint64_t at;            /* its struct trace, in its memory; 0: not known */
    bool halted;            /* a stop was reported to the guest, and it has not been resumed */
    bool stopped;           /* that is one of its own, not one of the host's */
    bool fresh;             /* the host attached us; its first SIGSTOP is not the guest's */
    bool seized;            /* by PTRACE_SEIZE: exec is not told by a SIGTRAP */
    uint32_t options;
    struct trace copy;      /* as it was at the stop */
};

enum { START_MS = 10000 };   /* longer than a start takes on the busiest machine */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracee *tracees;

static struct tracee *find(pid_t tid)
{
    pthread_mutex_lock(&lock);
    struct tracee *t = tracees;
    while (t && t->tid != tid)
        t = t->next;
    pthread_mutex_unlock(&lock);
    return t;
}

static struct tracee *add(pid_t tid, bool fresh)
{
    struct tracee *t = find(tid);
    if (t)
        return t;
    t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->tid = tid;
    t->fresh = fresh;
    pthread_mutex_lock(&lock);
    t->next = tracees;
    tracees = t;
    pthread_mutex_unlock(&lock);
    return t;
}

static void forget(pid_t tid)
{
    pthread_mutex_lock(&lock);
    for (struct tracee **p = &tracees; *p; p = &(*p)->next)
        if ((*p)->tid == tid) {
            struct tracee *gone = *p;
            *p = gone->next;
            free(gone);
            break;
        }
    pthread_mutex_unlock(&lock);
}

/* --- the tracee's memory ------------------------------------------------------------------------------ */

static bool peek(pid_t tid, void *to, uint64_t at, size_t size)
{
    struct iovec here = { to, size }, there = { (void *)(uintptr_t)at, size };
    return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

static bool read_page(pid_t pid, struct trace_page *page)
{
    return peek(pid, page, TRACE_PAGE, sizeof *page) && page->magic == TRACE_MAGIC;
}

const void *trace_space_of(pid_t pid)
{
    struct trace_page page;
    return read_page(pid, &page) ? page.space : NULL;
}

static bool poke(pid_t tid, uint64_t at, const void *from, size_t size)
{
    struct iovec here = { (void *)(uintptr_t)from, size }, there = { (void *)(uintptr_t)at, size };
    return process_vm_writev(tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

#define POKE_FIELD(t, field, value) \
    poke((t)->tid, (t)->at + offsetof(struct trace, field), &(__typeof__(((struct trace *)0)->field)){ value }, \
         sizeof ((struct trace *)0)->field)

static bool is_readable(const struct trace *b)
{
    return b->size == sizeof *b && b->machine == linux_state.guest->elf_machine;
}

/* Looks for the thread's struct trace. False if it is not a guest of ours: a native program, or not yet. */
static bool locate(struct tracee *t)
{
    struct trace_page page;
    struct { struct trace *next; uint32_t tid, size, machine; } head;
    t->at = 0;
    if (!read_page(t->tid, &page))
        return false;
    for (uint64_t at = (uintptr_t)page.first; at && peek(t->tid, &head, at, sizeof head); at = (uintptr_t)head.next)
        if (head.tid == (uint32_t)t->tid && head.size == sizeof(struct trace)) {
            t->at = at;
            return peek(t->tid, &t->copy, at, sizeof t->copy) && is_readable(&t->copy);
        }
    return false;
}

/* A program that the host runs by itself: its stops are those that the host tells of. */
static bool is_native(const struct tracee *t)
{
    struct trace_page page;
    return !read_page(t->tid, &page) && !proc_translated(t->tid);
}

static int64_t host_ptrace(long request, pid_t pid, uint64_t addr, const void *data)
{
    return host_raw4(__NR_ptrace, request, pid, addr, data);
}

static void let_go(const struct tracee *t, int signo)
{
    host_ptrace(PTRACE_CONT, t->tid, 0, (void *)(uintptr_t)signo);
}

/* --- what the host reports --------------------------------------------------------------------------- */

void trace_pack(siginfo_t *info, int signo)
{
    info->si_signo = SIGTRAP;
    info->si_errno = TRACE_CARRIED | signo;
}

/* Is the tracee at the breakpoint of a stop? */
static bool at_stop(struct tracee *t)
{
    struct user_regs_struct regs;
    if (host_ptrace(PTRACE_GETREGS, t->tid, 0, &regs) < 0 || regs.rax != TRACE_STOP_KEY)
        return false;
    t->at = regs.rdi;
    return peek(t->tid, &t->copy, t->at, sizeof t->copy) && is_readable(&t->copy);
}

static bool raised_by_instruction(const siginfo_t *info)
{
    int s = info->si_signo;
    return info->si_code > 0 && (s == SIGSEGV || s == SIGBUS || s == SIGFPE || s == SIGILL || s == SIGTRAP);
}

/* The host is about to deliver a signal to the tracee. */
static bool serve_signal(struct tracee *t, int *status)
{
    int signo = WSTOPSIG(*status);
    siginfo_t info;
    if (host_ptrace(PTRACE_GETSIGINFO, t->tid, 0, &info) < 0)
        return true;                        /* a group stop */
    if (signo == SIGTRAP && info.si_code == SI_KERNEL && at_stop(t)) {
        t->stopped = true;
        t->fresh = false;
        *status = 0x7f | (int)t->copy.status << 8;
        return true;
    }
    bool ours = !t->fresh && locate(t);
    if (!ours && is_native(t)) {
        t->fresh = false;
        return true;
    }
    if (t->fresh && signo == SIGSTOP)
        signo = 0;                          /* the host's way to tell of a new thread: it will tell so itself */
    else if (!ours && signo == SIGTRAP && info.si_code == SI_USER)
        signo = 0;                          /* exec: likewise */
    else if (ours && !raised_by_instruction(&info) && (info.si_errno & ~0xff) != TRACE_CARRIED &&
             t->copy.passing != (uint32_t)signo) {
        trace_pack(&info, signo);
        signo = host_ptrace(PTRACE_SETSIGINFO, t->tid, 0, &info) < 0 ? signo : SIGTRAP;
    }
    let_go(t, signo);
    return false;
}

/* The tracee has become a native program. Whether its tracer is told: of the event, or else of the SIGTRAP in its place. */
static bool native_program(struct tracee *t, int *status)
{
    t->at = 0;
    t->fresh = false;
    if (t->options & PTRACE_O_TRACEEXEC)
        return true;
    *status = 0x7f | SIGTRAP << 8;
    return !t->seized;
}

static bool serve_event(struct tracee *t, int event, int *status)
{
    unsigned long pid = 0;
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        if (host_ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &pid) == 0) {
            struct tracee *child = add((pid_t)pid, true);
            if (child) {
                child->options = t->options;
                child->seized = t->seized;
            }
        }
        return true;
    case PTRACE_EVENT_VFORK_DONE:
    case PTRACE_EVENT_EXIT:
        return true;
    case PTRACE_EVENT_STOP:
        if (WSTOPSIG(*status) != SIGTRAP || is_native(t))
            return true;                    /* a group stop */
        break;
    default:                                /* exec: a translated program tells so itself */
        if (is_native(t) && native_program(t, status))
            return true;
        break;
    }
    let_go(t, 0);
    return false;
}

bool trace_wait(pid_t pid, int *status)
{
    struct tracee *t = find(pid);
    siginfo_t info;
    if (!WIFSTOPPED(*status)) {
        if (t && (WIFEXITED(*status) || WIFSIGNALED(*status)))
            forget(pid);
        return true;
    }
    if (!t) {   /* it said PTRACE_TRACEME; or it is new, and its creator's event comes later */
        int64_t r = host_ptrace(PTRACE_GETSIGINFO, pid, 0, &info);
        t = r == -ESRCH ? NULL : add(pid, false);
        if (!t)
            return true;                    /* an ordinary child that stopped */
        t->fresh = !locate(t);
    }
    t->stopped = false;
    int event = *status >> 16;
    t->halted = event ? serve_event(t, event, status) : serve_signal(t, status);
    return t->halted;
}

int64_t sys_wait4(struct sys *s)
{
    gaddr where = s->a[1];
    for (;;) {
        int status = 0;
        s->a[1] = (uintptr_t)&status;
        int64_t pid = sys_host(s, __NR_wait4);
        s->a[1] = where;
        if (pid > 0 && (tracees || WIFSTOPPED(status)) && !trace_wait((pid_t)pid, &status))
            continue;
        return pid > 0 && where && !copy_to_guest(where, &status, sizeof status) ? -EFAULT : pid;
    }
}

/* The status word that wait4 would give, 0 for nothing of interest. */
static int status_of(const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_EXITED:
        return (info->si_status & 0xff) << 8;
    case CLD_KILLED:
    case CLD_DUMPED:
        return info->si_status & 0x7f;
    case CLD_TRAPPED:
    case CLD_STOPPED:
        return 0x7f | info->si_status << 8;
    default:
        return 0xffff;                      /* continued */
    }
}

int64_t sys_waitid(struct sys *s)
{
    gaddr where = s->a[2];
    if (s->a[3] & WNOWAIT)
        return sys_host(s, __NR_waitid);
    for (;;) {
        siginfo_t info = { .si_signo = 0 };
        s->a[2] = (uintptr_t)&info;
        int64_t r = sys_host(s, __NR_waitid);
        s->a[2] = where;
        int status = status_of(&info);
        if (r == 0 && info.si_pid && (tracees || WIFSTOPPED(status)) && !trace_wait(info.si_pid, &status))
            continue;
        if (r == 0 && info.si_code == CLD_TRAPPED)
            info.si_status = status >> 8;
        return r == 0 && where && !copy_to_guest(where, &info, sizeof info) ? -EFAULT : r;
    }
}

/* --- requests ----------------------------------------------------------------------------------------- */

static int64_t trace_me(struct thread *t)
{
    int64_t r = host_ptrace(PTRACE_TRACEME, 0, 0, NULL);
    if (r == 0) {
        t->trace.on = 1;
        t->trace.seized = t->trace.options = 0;
        t->trace.mode = TRACE_RUN;
    }
    return r;
}

/* The host reports exec to us in any case, so that it can be told from other traps. */
static uint64_t host_options(uint64_t options)
{
    return (options | PTRACE_O_TRACEEXEC) & ~(uint64_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP);
}

/* Is the thread in its process's list? False also where that can't be known. */
static bool is_listed(pid_t tid)
{
    struct trace_page page;
    struct { struct trace *next; uint32_t tid; } head;
    errno = 0;
    if (!read_page(tid, &page))
        return false;
    uint64_t at = (uintptr_t)page.first;
    while (at && peek(tid, &head, at, sizeof head) && head.tid != (uint32_t)tid)
        at = (uintptr_t)head.next;
    return at != 0;
}

static bool is_stopped(pid_t tid)
{
    char path[32], line[512], *state = NULL;
    snprintf(path, sizeof path, "/proc/%d/stat", tid);
    FILE *f = fopen(path, "re");
    if (f && fgets(line, sizeof line, f))
        state = strrchr(line, ')');
    if (f)
        fclose(f);
    return !state || strchr("TtZX", state[2]);
}

/* The child of a fork, and a program after exec, has a while to go until it is in the list and can say when it stops: it is
 * given that, and attached to then. */
static void await_start(pid_t tid)
{
    for (int ms = 0; ms < START_MS && !is_listed(tid) && errno != EPERM && proc_translated(tid) && !is_stopped(tid); ms++)
        usleep(1000);
}

static int64_t attach(struct sys *s, bool seize)
{
    pid_t pid = (pid_t)s->a[1];
    uint64_t options = seize ? s->a[3] : 0;
    if (seize && (s->a[2] || (options & ~(uint64_t)PTRACE_O_MASK)))
        return -EIO;
    await_start(pid);
    int64_t r = seize ? host_ptrace(PTRACE_SEIZE, pid, 0, (void *)(uintptr_t)host_options(options))
                      : host_ptrace(PTRACE_ATTACH, pid, 0, NULL);
    struct tracee *t = r == 0 ? add(pid, false) : NULL;
    if (!t)
        return r == 0 ? -ENOMEM : r;
    t->options = (uint32_t)options;
    t->seized = seize;
    if (locate(t)) {
        POKE_FIELD(t, seized, seize);
        POKE_FIELD(t, options, (uint32_t)options);
        POKE_FIELD(t, mode, TRACE_RUN);
        POKE_FIELD(t, on, 1);
    }
    return 0;
}

static int64_t interrupt(struct tracee *t)
{
    struct trace_page page;
    siginfo_t info = { .si_code = SI_QUEUE };
    if (!t->at || !read_page(t->tid, &page))
        return host_ptrace(PTRACE_INTERRUPT, t->tid, 0, NULL);
    trace_pack(&info, 0);
    return host_raw4(__NR_rt_tgsigqueueinfo, page.pid, t->tid, SIGTRAP, &info);
}

static int64_t resume(struct sys *s, struct tracee *t, enum trace_mode mode)
{
    bool detach = s->a[0] == PTRACE_DETACH;
    uint32_t signo = (uint32_t)s->a[3];
    if (signo > NSIG_GUEST)
        return -EIO;
    if (t->at) {
        POKE_FIELD(t, mode, mode);
        if (detach)
            POKE_FIELD(t, on, 0);
        if (t->stopped)
            POKE_FIELD(t, answer, signo);
    }
    /* The breakpoint's own SIGTRAP is suppressed; the tracee delivers the guest's signal. */
    int64_t r = host_ptrace(detach ? PTRACE_DETACH : PTRACE_CONT, t->tid, 0,
                            (void *)(uintptr_t)(t->stopped ? 0 : signo));
    if (r == 0)
        t->stopped = t->halted = false;
    if (r == 0 && detach)
        forget(t->tid);
    return r;
}

static int find_set(uint64_t note)
{
    const struct abi_regset *set = linux_state.abi->regsets;
    for (int i = 0; i < REGSETS_MAX && set[i].note; i++)
        if (set[i].note == note)
            return i;
    return -1;
}

static int64_t regset(struct sys *s, struct tracee *t, bool write)
{
    struct iovec v;
    int i = find_set(s->a[2]);
    uint8_t set[REGSET_MAX];
    if (!copy_from_guest(&v, s->a[3], sizeof v))
        return -EFAULT;
    if (i < 0 || v.iov_len % linux_state.abi->regsets[i].slot)
        return -EINVAL;
    if (!t->at)
        return -EIO;
    size_t size = linux_state.abi->regsets[i].size, n = v.iov_len < size ? v.iov_len : size;
    uint64_t at = t->at + offsetof(struct trace, sets) + (size_t)i * REGSET_MAX;
    if (!write) {
        if (!peek(t->tid, set, at, size))
            return -EIO;
        if (!copy_to_guest((uintptr_t)v.iov_base, set, n))
            return -EFAULT;
    } else {
        if (!copy_from_guest(set, (uintptr_t)v.iov_base, n))
            return -EFAULT;
        if (!poke(t->tid, at, set, n) ||
            !poke(t->tid, t->at + offsetof(struct trace, dirty) + (size_t)i, &(uint8_t){ 1 }, 1))
            return -EIO;
    }
    v.iov_len = n;
    return copy_to_guest(s->a[3], &v, sizeof v) ? 0 : -EFAULT;
}

/* The tracee drops translations of what was written when it goes on. */
static void note_poke(const struct tracee *t, gaddr at, uint64_t len)
{
    uint32_t n = 0;
    if (!t->at || !peek(t->tid, &n, t->at + offsetof(struct trace, npokes), sizeof n))
        return;
    if (n < TRACE_POKES)
        poke(t->tid, t->at + offsetof(struct trace, pokes) + n * sizeof t->copy.pokes[0], (uint64_t[]){ at, len }, 16);
    POKE_FIELD(t, npokes, n < TRACE_POKES ? n + 1 : TRACE_POKES + 1);
}

static int64_t poke_data(struct sys *s, const struct tracee *t)
{
    gaddr addr = s->a[2];
    if (addr >= linux_state.task_size)
        return -EIO;
    int64_t r = host_ptrace(PTRACE_POKEDATA, t->tid, addr, (void *)(uintptr_t)s->a[3]);
    if (r == 0)
        note_poke(t, addr, 8);
    return r;
}

/* A translated process that runs is told to drop everything, through any of its threads. Only the page is written to: threads
 * come and go, it stays. */
static void tell_running(pid_t pid)
{
    struct trace_page page;
    struct { struct trace *next; uint32_t tid; } head;
    siginfo_t info = { .si_code = SI_QUEUE };
    uint32_t one = 1;
    if (!read_page(pid, &page) || !poke(pid, TRACE_PAGE + offsetof(struct trace_page, written), &one, sizeof one) ||
        !read_page(pid, &page))   /* a fork's child's is its parent's until it looks at `written` itself */
        return;
    trace_pack(&info, 0);
    for (uint64_t at = (uintptr_t)page.first; at && peek(pid, &head, at, sizeof head); at = (uintptr_t)head.next)
        if (host_raw4(__NR_rt_tgsigqueueinfo, page.pid, head.tid, SIGTRAP, &info) == 0)
            return;
}

void trace_memory_written(pid_t pid, gaddr at, uint64_t len)
{
    const struct tracee *t = find(pid);
    if (t && t->halted)
        note_poke(t, at, len);
    else if (proc_translated(pid))
        tell_running(pid);
}

static int64_t set_options(struct tracee *t, uint64_t options)
{
    if (options & ~(uint64_t)PTRACE_O_MASK)
        return -EINVAL;
    int64_t r = host_ptrace(PTRACE_SETOPTIONS, t->tid, 0, (void *)(uintptr_t)host_options(options));
    if (r == 0) {
        t->options = (uint32_t)options;
        if (t->at)
            POKE_FIELD(t, options, (uint32_t)options);
    }
    return r;
}

static int64_t call_info(struct sys *s, const struct tracee *t)
{
    const struct guest *guest = linux_state.guest;
    const struct trace *b = &t->copy;
    struct ptrace_syscall_info info = {
        .op = t->stopped ? (uint8_t)b->call : PTRACE_SYSCALL_INFO_NONE,
        .arch = guest->elf_machine | __AUDIT_ARCH_LE | (guest->elf_class == 2 ? __AUDIT_ARCH_64BIT : 0),
        .instruction_pointer = b->pc, .stack_pointer = b->sp,
    };
    _Static_assert((int)TRACE_ENTRY == PTRACE_SYSCALL_INFO_ENTRY && (int)TRACE_EXIT == PTRACE_SYSCALL_INFO_EXIT &&
                   (int)TRACE_SECCOMP == PTRACE_SYSCALL_INFO_SECCOMP, "");
    size_t size = offsetof(struct ptrace_syscall_info, entry);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        info.entry.nr = b->nr;
        memcpy(info.entry.args, b->args, sizeof b->args);
        size = offsetof(struct ptrace_syscall_info, entry.args) + sizeof b->args;
    } else if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
        info.seccomp.nr = b->nr;
        memcpy(info.seccomp.args, b->args, sizeof b->args);
        info.seccomp.ret_data = (uint32_t)b->message;
        size = offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof info.seccomp.ret_data;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        info.exit.rval = b->result;
        info.exit.is_error = b->result < 0 && b->result >= -4095;
        size = offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
    }
    size_t n = s->a[2] < size ? s->a[2] : size;
    return copy_to_guest(s->a[3], &info, n) ? (int64_t)size : -EFAULT;
}

static int64_t signal_info(struct sys *s, struct tracee *t, bool write)
{
    siginfo_t info;
    if (!t->stopped)
        return host_ptrace((long)s->a[0], t->tid, 0, (void *)(uintptr_t)s->a[3]);
    uint64_t at = t->at + offsetof(struct trace, info);
    if (write)
        return !copy_from_guest(&info, s->a[3], sizeof info) ? -EFAULT : poke(t->tid, at, &info, sizeof info) ? 0 : -EIO;
    return copy_to_guest(s->a[3], &t->copy.info, sizeof info) ? 0 : -EFAULT;
}

static int64_t event_message(struct sys *s, const struct tracee *t)
{
    if (!t->stopped)
        return host_ptrace(PTRACE_GETEVENTMSG, t->tid, 0, (void *)(uintptr_t)s->a[3]);
    return copy_to_guest(s->a[3], &t->copy.message, 8) ? 0 : -EFAULT;
}

int64_t sys_ptrace(struct sys *s)
{
    long request = (long)s->a[0];
    struct tracee *t = find((pid_t)s->a[1]);
    if (request == PTRACE_TRACEME)
        return trace_me(s->t);
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
        return attach(s, request == PTRACE_SEIZE);
    if (request == PTRACE_INTERRUPT && t)
        return interrupt(t);
    if (!t || !t->halted)   /* a child that said PTRACE_TRACEME is known from its first stop on */
        return -ESRCH;
    switch (request) {
    case PTRACE_CONT:
    case PTRACE_DETACH:
        return resume(s, t, TRACE_RUN);
    case PTRACE_SYSCALL:
        return resume(s, t, TRACE_CALLS);
    case PTRACE_SINGLESTEP:
        return linux_state.abi->single_step ? resume(s, t, TRACE_STEP) : -EIO;
    case PTRACE_LISTEN:
    case PTRACE_KILL:
        t->halted = false;
        return host_ptrace(request, t->tid, 0, NULL);
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return s->a[2] >= linux_state.task_size ? -EIO
                                                : host_ptrace(request, t->tid, s->a[2], (void *)(uintptr_t)s->a[3]);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke_data(s, t);
    case PTRACE_GETREGSET:
        return regset(s, t, false);
    case PTRACE_SETREGSET:
        return regset(s, t, true);
    case PTRACE_SETOPTIONS:
        return set_options(t, s->a[3]);
    case PTRACE_GETSIGINFO:
        return signal_info(s, t, false);
    case PTRACE_SETSIGINFO:
        return signal_info(s, t, true);
    case PTRACE_GETEVENTMSG:
        return event_message(s, t);
    case PTRACE_GET_SYSCALL_INFO:
        return call_info(s, t);
    default:
        return -EIO;
    }
}
