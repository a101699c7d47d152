/* New processes: clone's arguments, fork, and children that share memory (clone.h says which is which). */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <unistd.h>

#include "backend/run.h"
#include "debug/log.h"
#include "debug/perfmap.h"
#include "frontend/guest.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/clone.h"
#include "syscall/limits.h"
#include "syscall/seccomp.h"
#include "syscall/sys.h"

#define CLONE_CLEAR_SIGHAND_BIT 0x100000000ull
#define TID_FLAGS ((uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS))

enum { CHILD_STACK = 512 << 10 };

/* --- common ------------------------------------------------------------------------------------------ */

void clone_set_registers(struct cpu *cpu, const struct clone_request *request)
{
    const struct guest_linux *abi = linux_state.abi;
    if (request->stack)
        *cpu_slot(cpu, abi->sp_off) = request->stack + request->stack_size;
    if (request->flags & CLONE_SETTLS)
        *cpu_slot(cpu, abi->tls_off) = request->tls;
    *cpu_slot(cpu, abi->ret_off) = 0;
}

void clone_store_tids(const struct clone_request *request, uint32_t tid, bool parent)
{
    if (request->flags & CLONE_CHILD_SETTID)
        copy_to_guest(request->child_tid, &tid, 4);
    if (parent && (request->flags & CLONE_PARENT_SETTID))
        copy_to_guest(request->parent_tid, &tid, 4);
}

struct thread *clone_new_thread(const struct thread *creator, const struct clone_request *request)
{
    struct cpu *cpu = cpu_clone(creator->cpu);
    struct thread *t = cpu ? thread_new(cpu) : NULL;
    if (!t) {
        if (cpu)
            cpu_free(cpu);
        return NULL;
    }
    t->sighand = creator->sighand;
    t->limits = creator->limits;
    t->blocked = creator->blocked;
    seccomp_inherit(t, creator);
    if (!(request->flags & CLONE_VM) || (request->flags & CLONE_VFORK))
        t->altstack = creator->altstack;   /* kernel/fork.c: sas_ss_reset() otherwise */
    t->clear_tid = request->flags & CLONE_CHILD_CLEARTID ? request->child_tid : 0;
    clone_set_registers(cpu, request);
    return t;
}

/* --- fork -------------------------------------------------------------------------------------------- */

/* The host call that makes the copy. fork() where it can be used: it keeps libc's locks in order if other threads run. */
static int64_t host_fork(const struct thread *t, struct clone_request q)
{
    q.flags &= ~(TID_FLAGS | CLONE_PARENT_SETTID);
    if (!q.flags && q.exit_signal == SIGCHLD && !q.set_tid_size) {
        pid_t pid = fork();
        return pid < 0 ? -errno : pid;
    }
    q.flags &= ~CLONE_CLEAR_SIGHAND_BIT;
    q.stack = q.stack_size = q.tls = 0;
    q.child_tid = q.parent_tid = 0;
    return fork_with(&q, t->trace.on);
}

static void child_of_fork(struct thread *t, const struct clone_request *q)
{
    space_fork_child();
    cache_after_fork(t->cpu);
    log_fork_child();
    perfmap_fork_child();
    t->main = true;          /* nothing is left to return to */
    t->vfork_child = false;
    t->held = 0;             /* what was the parent's; what is sent to the child from now on counts */
    signal_block_all();
    t->robust_list = 0;
    host_raw2(__NR_set_robust_list, NULL, 24);
    thread_set_clear_tid(t, q->flags & CLONE_CHILD_CLEARTID ? q->child_tid : 0);
    pthread_mutex_init(&t->sighand->lock, NULL);
    limits_after_fork(t);
    clone_set_registers(t->cpu, q);
    t->tid = (uint32_t)host_raw1(__NR_gettid, 0);
    clone_store_tids(q, t->tid, false);
    if (q->flags & CLONE_CLEAR_SIGHAND_BIT)
        signal_clear_handlers(t);
    trace_after_fork(t, q);
}

static int64_t clone_fork(struct sys *s, const struct clone_request *q)
{
    struct thread *t = s->t;
    signal_block_all();
    if (t->pending) {   /* as the kernel: a signal comes before the fork */
        signal_apply_mask(t);
        return -SYS_RESTART;
    }
    pthread_mutex_lock(&t->sighand->lock);
    space_fork_prepare();
    cache_fork_prepare();
    signal_block_every();
    int64_t pid = host_fork(t, *q);
    if (pid == 0) {
        child_of_fork(t, q);
    } else {
        signal_block_all();
        cache_fork_parent();
        space_fork_parent();
        pthread_mutex_unlock(&t->sighand->lock);
        if (pid > 0 && (q->flags & CLONE_PARENT_SETTID))
            copy_to_guest(q->parent_tid, &(uint32_t){ (uint32_t)pid }, 4);
    }
    signal_apply_mask(t);
    return pid;
}

/* --- children that share memory ---------------------------------------------------------------------- */

/* Lives until the child has left the shared memory. */
struct vm_child {
    struct thread *t;
    struct sighand own;          /* t's, unless it shares its creator's */
    struct limits limits;        /* t's */
    struct clone_request request;
    void *host_stack;
    uint32_t pid;                /* of the child as its creator sees it; written by the kernel */
    struct reply *reply;         /* without CLONE_VFORK, as the rest */
    struct thread *creator;
    bool libc_first;             /* signal_libc_threads() */
};

/* What the creator waits for. On its stack: gone as soon as `known` is set. */
struct reply { int64_t result; uint32_t known; };

static void send_reply(struct reply *reply, int64_t result)
{
    reply->result = result;   /* pid or -errno */
    __atomic_store_n(&reply->known, 1, __ATOMIC_RELEASE);
    host_raw3(__NR_futex, &reply->known, FUTEX_WAKE_PRIVATE, 1);
}

_Noreturn static void child_main(void *arg)
{
    struct vm_child *c = arg;
    struct thread *t = c->t;
    cpu_bind(t->cpu);        /* until here its thread-local storage was its creator's */
    signal_block_all();
    t->tid = (uint32_t)host_raw1(__NR_gettid, 0);
    clone_store_tids(&c->request, t->tid, false);
    if (c->request.flags & CLONE_PARENT_SETTID)   /* the memory is the parent's, too: there before the child runs */
        copy_to_guest(c->request.parent_tid, &c->pid, 4);
    thread_set_clear_tid(t, t->clear_tid);
    trace_add(t, c->creator, &c->request);
    if (!(c->request.flags & CLONE_VFORK))
        send_reply(c->reply, c->pid);
    if (c->request.flags & CLONE_CLEAR_SIGHAND_BIT)
        signal_clear_handlers(t);
    signal_apply_mask(t);
    run_loop(t->cpu);
}

static int child_of_clone(void *arg)
{
    child_main(arg);
}

/* Makes the host process; returns when it has left the memory or could not be made. */
static int64_t vm_clone(struct vm_child *c)
{
    struct clone_request q = c->request;
    q.flags &= ~(TID_FLAGS | CLONE_CLEAR_SIGHAND_BIT);
    q.flags |= CLONE_VFORK | CLONE_PARENT_SETTID;
    q.parent_tid = (uintptr_t)&c->pid;
    q.child_tid = q.tls = 0;
    q.stack = (uintptr_t)c->host_stack;
    q.stack_size = CHILD_STACK;
    int64_t r = host_clone3(&q, sizeof q, child_main, c);
    if (r == -ENOSYS && !(q.flags & CLONE_PIDFD)) {
        r = clone(child_of_clone, (char *)c->host_stack + CHILD_STACK,
                  (int)((uint32_t)q.flags | q.exit_signal), c, &c->pid);
        r = r < 0 ? -errno : r;
    }
    return r;
}

static struct vm_child *vm_child_new(struct sys *s, const struct clone_request *q)
{
    struct vm_child *c = host_alloc(sizeof *c);
    if (!c)
        return NULL;
    c->request = *q;
    c->host_stack = host_alloc(CHILD_STACK);
    c->t = c->host_stack ? clone_new_thread(s->t, q) : NULL;
    if (!c->t) {
        if (c->host_stack)
            host_free(c->host_stack, CHILD_STACK);
        host_free(c, sizeof *c);
        return NULL;
    }
    c->t->vfork_child = true;
    c->creator = s->t;
    c->limits = *s->t->limits;
    c->t->limits = &c->limits;
    if (!(q->flags & CLONE_SIGHAND)) {
        pthread_mutex_init(&c->own.lock, NULL);
        c->own.known = s->t->sighand->known;
        memcpy(c->own.act, s->t->sighand->act, sizeof c->own.act);
        c->t->sighand = &c->own;
    }
    return c;
}

static void vm_child_free(struct vm_child *c)
{
    exec_free(c->t);
    cpu_free(c->t->cpu);
    thread_free(c->t);
    host_free(c->host_stack, CHILD_STACK);
    host_free(c, sizeof *c);
}

/* Without CLONE_VFORK: this thread is suspended in the guest's place. */
static void *stand_in(void *arg)
{
    struct vm_child *c = arg;
    thread_enter(c->t);
    if (c->libc_first)
        signal_undo_libc(c->creator);
    int64_t r = vm_clone(c);
    if (r < 0)
        send_reply(c->reply, r);
    stack_t none = { .ss_flags = SS_DISABLE };
    host_raw2(__NR_sigaltstack, &none, NULL);
    vm_child_free(c);
    return NULL;
}

static int64_t run_stand_in(struct vm_child *c)
{
    pthread_t handle;
    pthread_attr_t attr;
    struct reply reply = { .known = 0 };
    c->reply = &reply;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 128 << 10);
    c->libc_first = signal_libc_threads(c->creator);
    int error = pthread_create(&handle, &attr, stand_in, c);
    pthread_attr_destroy(&attr);
    if (error) {
        vm_child_free(c);
        return -error;
    }
    while (!__atomic_load_n(&reply.known, __ATOMIC_ACQUIRE))
        host_raw4(__NR_futex, &reply.known, FUTEX_WAIT_PRIVATE, 0, NULL);
    return reply.result;
}

static int64_t clone_vm(struct sys *s, const struct clone_request *q)
{
    struct thread *t = s->t;
    struct vm_child *c = vm_child_new(s, q);
    if (!c)
        return -ENOMEM;
    signal_block_all();
    if (t->pending) {
        vm_child_free(c);
        signal_apply_mask(t);
        return -SYS_RESTART;
    }
    signal_block_every();
    int64_t r;
    if (q->flags & CLONE_VFORK) {
        r = vm_clone(c);
        cpu_bind(t->cpu);   /* the child ran on this thread's storage */
        vm_child_free(c);
    } else {
        r = run_stand_in(c);
    }
    signal_apply_mask(t);
    return r;
}

/* --- the calls --------------------------------------------------------------------------------------- */

static int64_t clone_any(struct sys *s, const struct clone_request *q)
{
    uint64_t flags = q->flags;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && (!(flags & CLONE_VM) || (flags & CLONE_CLEAR_SIGHAND_BIT)))
        return -EINVAL;
    if (flags & CLONE_THREAD)
        return flags & (CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWPID) ? -EINVAL : clone_thread(s, q);
    return flags & CLONE_VM ? clone_vm(s, q) : clone_fork(s, q);
}

int64_t sys_clone(struct sys *s)
{
    struct clone_request q = {
        .flags = (uint32_t)s->a[0] & ~(uint32_t)CSIGNAL,
        .exit_signal = s->a[0] & CSIGNAL,
        .stack = s->a[1],
        .parent_tid = s->a[2], .pidfd = s->a[2],
        .tls = s->a[3],
        .child_tid = s->a[4],
    };
    q.flags &= ~(uint64_t)CLONE_DETACHED;   /* ignored since Linux 2.6.2; clone3 refuses it */
    if ((q.flags & CLONE_PIDFD) && (q.flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    if (!(q.flags & CLONE_PIDFD))
        q.pidfd = 0;
    if (q.flags & (CLONE_PARENT | CLONE_THREAD))   /* ignored; clone3 refuses it */
        q.exit_signal = 0;
    return clone_any(s, &q);
}

int64_t sys_clone3(struct sys *s)
{
    struct clone_request q = { .flags = 0 };
    uint64_t size = s->a[1], rest = 0;
    if (size > 4096)
        return -E2BIG;
    if (size < 64)   /* CLONE_ARGS_SIZE_VER0 */
        return -EINVAL;
    for (uint64_t at = sizeof q; at < size && !rest; at += 8)
        if (!copy_from_guest(&rest, s->a[0] + at, size - at < 8 ? size - at : 8))
            return -EFAULT;
    if (rest)
        return -E2BIG;
    if (!copy_from_guest(&q, s->a[0], size < sizeof q ? size : sizeof q))
        return -EFAULT;
    if (set_tid_valid(&q) < 0)
        return -EINVAL;
    if ((q.flags & CSIGNAL & ~(uint64_t)CLONE_NEWTIME) || (q.flags & CLONE_DETACHED) || q.exit_signal > NSIG_GUEST ||
        (!q.stack != !q.stack_size) || ((q.flags & (CLONE_THREAD | CLONE_PARENT)) && q.exit_signal))
        return -EINVAL;
    return clone_any(s, &q);
}
