/* From the guest's system call instruction to a row of syscall.def and back. */
#include <errno.h>
#include <string.h>

#include "debug/log.h"
#include "frontend/guest.h"
#include "loader/hostfd.h"
#include "syscall/access.h"
#include "syscall/linux.h"
#include "syscall/path.h"
#include "syscall/seccomp.h"
#include "syscall/sys.h"

bool sys_fd_hidden(uint64_t fd)
{
    return (int)fd >= hostfd_lowest && hostfd_is_ours((int)fd);
}

int64_t sys_pass(struct sys *s)
{
    return sys_host(s, s->row->host_nr);
}

int64_t sys_denied(struct sys *s)
{
    return -s->row->denied;
}

/* --- what kinds demand ----------------------------------------------------------------------------- */

/* Whether path argument i is looked up without following a last symbolic link. */
static enum path_mode path_mode(const struct sys *s, int i)
{
    const struct sys_arg *arg = &s->row->args[i];
    switch (arg->kind) {
    case KIND_NEWPATH:
        return PATH_NEW;
    case KIND_LPATH:
        return PATH_NOFOLLOW;
    case KIND_PATHAT:
        return s->a[arg->param[0] - '0'] & 0x100 ? PATH_NOFOLLOW : PATH_FOLLOW; /* AT_SYMLINK_NOFOLLOW */
    case KIND_LPATHAT:
        return s->a[arg->param[0] - '0'] & 0x400 ? PATH_FOLLOW : PATH_NOFOLLOW; /* AT_SYMLINK_FOLLOW */
    default:
        return PATH_FOLLOW;
    }
}

static int64_t prepare_paths(struct sys *s, unsigned mask)
{
    for (int n = 0; mask; mask &= mask - 1, n++) {
        int i = __builtin_ctz(mask);
        char in[PATH_MAX];
        if (!s->a[i])
            continue;   /* NULL means the descriptor itself to some calls, EFAULT to the others */
        int64_t len = copy_str_from_guest(in, s->a[i], sizeof in);
        if (len < 0)
            return len;
        const char *out = path_translate(in, path_mode(s, i), s->t->path[n]);
        if (out != in)
            s->a[i] = (uintptr_t)out;
    }
    return 0;
}

/* What a pointer beyond the guest's top becomes: an address that the host's kernel takes from nobody. So the EFAULT comes, or does
 * not, when the kernel would find it. */
#define NO_USERS_ADDRESS ((uint64_t)1 << 63)

/* Checks and translates arguments by their kinds: 0 or -errno. */
static int64_t prepare(struct sys *s, enum call id)
{
    if (!sys_masks[id].any)
        return 0;
    for (unsigned mask = sys_masks[id].fds; mask; mask &= mask - 1)
        if (sys_fd_hidden(s->a[__builtin_ctz(mask)]))
            return -EBADF;
    for (unsigned mask = sys_masks[id].ptrs; mask; mask &= mask - 1)
        if (s->a[__builtin_ctz(mask)] >= linux_state.task_size)
            s->a[__builtin_ctz(mask)] |= NO_USERS_ADDRESS;
    for (unsigned mask = sys_masks[id].open; mask; mask &= mask - 1)
        s->a[__builtin_ctz(mask)] = sys_open_to_host(s->a[__builtin_ctz(mask)]);
    return sys_masks[id].paths ? prepare_paths(s, sys_masks[id].paths) : 0;
}

/* --- entry points ----------------------------------------------------------------------------------- */

static enum call lookup(uint64_t nr)
{
    const struct guest_linux *abi = linux_state.abi;
    return nr < abi->nnumbers ? abi->numbers[nr] : CALL_none;
}

enum { ERESTARTSYS = 512 };   /* linux/errno.h, the kernel's own */

static int64_t unknown_call(const struct cpu *cpu, uint64_t nr)
{
    if (log_on(LOG_UNIMP))
        log_printf("unknown system call %llu at %#llx\n", (unsigned long long)nr,
                   (unsigned long long)cpu->pc);
    return -ENOSYS;
}

static int64_t run_row(struct sys *s, enum call id)
{
    if (log_on(LOG_STRACE))
        strace_enter(s);
    struct sys as_made = *s;
    int64_t r = prepare(s, id);
    if (r == 0)
        r = s->row->fn(s);
    if (log_on(LOG_STRACE) && r != -SYS_RESTART)
        strace_leave(&as_made, r);
    if (log_on(LOG_UNIMP) && r == -ENOSYS)
        log_printf("system call %s: not implemented\n", s->row->name);
    return r;
}

static int64_t make_call(struct cpu *cpu, struct thread *t, uint64_t nr)
{
    enum call id = lookup(nr);
    if (id == CALL_none)
        return unknown_call(cpu, nr);
    struct sys s = { .cpu = cpu, .t = t, .row = &sys_rows[id] };
    for (int i = 0; i < 6; i++)
        s.a[i] = *cpu_slot(cpu, linux_state.abi->arg_off[i]);
    return run_row(&s, id);
}

/* Begins a call of a traced thread. The tracer may make it another one, or none: then the result is what it put into the registers. */
static int64_t enter_traced(struct thread *t, const uint64_t *nr)
{
    int before = (int)*nr;
    trace_call(t, false, 0);
    return (int)*nr < 0 && before >= 0 ? -SYS_NO_RESULT : 0;
}

/* Ends a call of a traced thread: the tracer sees the result, then what interrupted it. A call that a signal interrupted
 * without a handler being entered is made again, as the kernel restarts it. */
static void end_traced(struct cpu *cpu, struct thread *t, int64_t r)
{
    const struct guest_linux *abi = linux_state.abi;
    uint64_t *ret = cpu_slot(cpu, abi->ret_off), before = *ret;
    uint32_t entered = t->entered;
    bool again = r == -SYS_RESTART, interrupted = r == -EINTR && t->pending;
    if (!again && r != -SYS_NO_RESULT)
        *ret = (uint64_t)r;
    trace_call(t, true, again || interrupted ? -ERESTARTSYS : (int64_t)*ret);
    if (again)
        cpu->pc -= abi->syscall_len;
    if (!interrupted)
        t->temp = false;
    if (t->pending)
        signal_deliver(t);
    if (interrupted && t->entered == entered) {
        *ret = before;
        cpu->pc -= abi->syscall_len;
    }
}

void linux_syscall(struct cpu *cpu)
{
    const struct guest_linux *abi = linux_state.abi;
    struct thread *t = cpu->thread;
    if (t->pending) {   /* it came before the instruction */
        cpu->pc -= abi->syscall_len;
        signal_deliver(t);
        return;
    }
    const uint64_t *nr = cpu_slot(cpu, abi->nr_off);
    int64_t r = __builtin_expect(t->trace.on, 0) ? enter_traced(t, nr) : 0;
    if (r == 0 && __builtin_expect(t->seccomp != NULL, 0))
        r = seccomp_judge(cpu, t);
    if (r == 0)
        r = make_call(cpu, t, *nr);
    if (__builtin_expect(t->trace.on, 0)) {
        end_traced(cpu, t, r);
        return;
    }
    if (r == -SYS_RESTART || (r == -EINTR && t->pending && signal_only_asked(t)))
        cpu->pc -= abi->syscall_len;
    else if (r != -SYS_NO_RESULT)
        *cpu_slot(cpu, abi->ret_off) = r;
    if (r != -EINTR || !t->pending)
        t->temp = false;
    if (t->pending)
        signal_deliver(t);
}

void linux_stepped(struct cpu *cpu)
{
    trace_stepped(cpu->thread);
}

bool linux_signal_waits(const struct cpu *cpu)
{
    return cpu->thread->async_signo != 0;
}

void linux_poll(struct cpu *cpu)
{
    __atomic_store_n(&cpu->poll, 0, __ATOMIC_SEQ_CST);
    if (cpu->thread->pending)
        signal_deliver(cpu->thread);
}
