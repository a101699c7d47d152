/* Guest threads as host threads: their records, how they start and how they end.
 *
 * A guest thread is a detached pthread, so that the translator's C code has the thread-local storage that libc wants. The kernel's
 * robust list is the guest's own (libc's is unused by us), so robust mutexes survive the death of the process; when a
 * single thread ends, its list and its clear_tid word are served here first, because whoever waits for that word may free the
 * memory that both are in, while the host thread has still a way to go. Threads that end in the host's exit itself, the first and
 * those of processes that share memory, leave the word to the kernel, which clears it only where somebody shares the memory map.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/keep.h"
#include "backend/run.h"
#include "frontend/guest.h"
#include "loader/options.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/clone.h"
#include "syscall/sys.h"

enum { ALTSTACK = 64 << 10, RECORD = (sizeof(struct thread) + 4095) & ~4095, HOST_STACK = 512 << 10, NUMBER_TRIES = 200 };

struct thread *thread_new(struct cpu *cpu)
{
    char *m = host_alloc(RECORD + ALTSTACK);
    if (!m)
        return NULL;
    struct thread *t = (struct thread *)m;
    t->host_altstack = m + RECORD;
    t->altstack.ss_flags = SS_DISABLE;
    t->cpu = cpu;
    cpu->thread = t;
    return t;
}

void thread_free(struct thread *t)
{
    trace_remove(t);
    host_free(t, RECORD + ALTSTACK);
}

void thread_enter(struct thread *t)
{
    stack_t ss = { .ss_sp = t->host_altstack, .ss_size = ALTSTACK };
    host_raw2(__NR_sigaltstack, &ss, NULL);
    cpu_bind(t->cpu);
    t->tid = (uint32_t)host_raw1(__NR_gettid, 0);
}

/* Whether the thread's end is the host's exit and nothing after it. */
static bool thread_is_kernels(const struct thread *t)
{
    return t->main || t->vfork_child;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void futex_wake(gaddr word, int count)
{
    host_raw3(__NR_futex, host(word), FUTEX_WAKE, count);
}

/* One mutex of a dying thread: kernel/futex/core.c, handle_futex_death(). */
static bool robust_release(gaddr word, uint32_t tid, bool pending)
{
    uint32_t old, was;
    if (!access_ok(word, 4) || (word & 3) || !copy_from_guest(&old, word, 4))
        return false;
    for (;;) {
        if (pending && !old) {
            futex_wake(word, 1);
            return true;
        }
        if ((old & FUTEX_TID_MASK) != tid)
            return true;
        if (host_cmpxchg(host(word), old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &was))
            return false;
        if (was == old)
            break;
        old = was;
    }
    if (old & FUTEX_WAITERS)
        futex_wake(word, 1);
    return true;
}

/* kernel/futex/core.c, exit_robust_list(). */
static void robust_walk(gaddr list)
{
    struct { gaddr next; int64_t offset; gaddr pending; } head;
    uint32_t tid = (uint32_t)host_raw1(__NR_gettid, 0);
    if (!list || !copy_from_guest(&head, list, sizeof head))
        return;
    gaddr entry = head.next & ~1ull;
    for (int i = 0; i < 2048 && entry != list; i++) {
        gaddr next;
        bool readable = copy_from_guest(&next, entry, 8);
        if (entry != (head.pending & ~1ull) && !robust_release(entry + head.offset, tid, false))
            return;
        if (!readable)
            return;
        entry = next & ~1ull;
    }
    if (head.pending & ~1ull)
        robust_release((head.pending & ~1ull) + head.offset, tid, true);
}

_Noreturn void thread_exit(struct thread *t, int status)
{
    signal_block_all();
    __atomic_store_n(&t->ending, true, __ATOMIC_SEQ_CST);   /* before anybody can have waited for it */
    robust_walk(t->robust_list);
    host_raw2(__NR_set_robust_list, NULL, 24);
    if (thread_is_kernels(t))
        for (;;)
            host_raw1(__NR_exit, status);
    uint32_t zero = 0;
    if (t->clear_tid && copy_to_guest(t->clear_tid, &zero, 4))
        futex_wake(t->clear_tid, 1);
    longjmp(t->end, 1);
}

_Noreturn void process_exit(struct thread *t, int status)
{
    if (options.stats && !t->vfork_child)
        run_stats_print();
    if (!t->vfork_child)
        keep_save();
    for (;;)
        host_raw1(__NR_exit_group, status);
}

int64_t sys_exit(struct sys *s)
{
    signal_block_all();
    if (s->t->pending) {   /* caught for the process: this thread must still serve it */
        signal_apply_mask(s->t);
        return -SYS_RESTART;
    }
    thread_exit(s->t, (int)s->a[0]);
}

int64_t sys_exit_group(struct sys *s)
{
    process_exit(s->t, (int)s->a[0]);
}

void thread_set_clear_tid(struct thread *t, gaddr word)
{
    t->clear_tid = word;
    if (thread_is_kernels(t))
        host_raw1(__NR_set_tid_address, host(word));
}

int64_t sys_set_tid_address(struct sys *s)
{
    thread_set_clear_tid(s->t, s->a[0]);
    return host_raw1(__NR_gettid, 0);
}

int64_t sys_set_robust_list(struct sys *s)
{
    int64_t r = sys_host(s, __NR_set_robust_list);
    if (r == 0)
        s->t->robust_list = s->a[0];
    return r;
}

/* --- the beginning ----------------------------------------------------------------------------------- */

/* What the creating thread and the new one tell each other. On the creator's stack. */
struct start {
    struct thread *t;
    const struct thread *creator;
    const struct clone_request *request;
    uint32_t tid;            /* a futex: 0 until the new thread runs */
    uint32_t wanted;         /* the tid that it must have, 0 for any: else it ends at once */
    bool libc_first;         /* signal_libc_threads() */
};

static void say_tid(struct start *start, uint32_t tid)
{
    __atomic_store_n(&start->tid, tid, __ATOMIC_RELEASE);
    host_raw3(__NR_futex, &start->tid, FUTEX_WAKE_PRIVATE, 1);
}

static void leave_altstack(void)
{
    stack_t none = { .ss_flags = SS_DISABLE };
    host_raw2(__NR_sigaltstack, &none, NULL);
}

static void *thread_main(void *arg)
{
    struct start *start = arg;
    struct thread *t = start->t;
    uint32_t tid = (uint32_t)host_raw1(__NR_gettid, 0);
    uint64_t unshared = ~start->request->flags & (CLONE_FS | CLONE_FILES);

    thread_enter(t);
    if (start->libc_first)
        signal_undo_libc(t);
    if (start->wanted && start->wanted != tid) {
        leave_altstack();
        say_tid(start, tid);
        return NULL;
    }
    trace_add(t, start->creator, start->request);
    if (unshared)
        host_raw1(__NR_unshare, unshared);
    clone_store_tids(start->request, tid, true);
    say_tid(start, tid);
    if (setjmp(t->end) == 0) {
        signal_apply_mask(t);
        run_loop(t->cpu);
    }
    leave_altstack();
    cpu_free(t->cpu);
    thread_free(t);
    return NULL;
}

/* Makes the host thread and waits until it runs: 0 or -errno. */
static int64_t make_thread(struct start *start, struct thread *creator)
{
    pthread_attr_t attr;
    pthread_t handle;
    start->tid = 0;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, HOST_STACK);
    start->libc_first = signal_libc_threads(creator);
    int error = pthread_create(&handle, &attr, thread_main, start);
    pthread_attr_destroy(&attr);
    while (!error && !__atomic_load_n(&start->tid, __ATOMIC_ACQUIRE))
        host_raw4(__NR_futex, &start->tid, FUTEX_WAIT_PRIVATE, 0, NULL);
    return -error;
}

/* The same until it has the number that it is to have. */
static int64_t make_numbered(struct start *start, struct thread *creator)
{
    int64_t r = 0;
    for (int tries = 0; tries < NUMBER_TRIES && r == 0; tries++) {
        r = set_tid_next(start->wanted) ? make_thread(start, creator) : -EPERM;
        if (start->tid == start->wanted)
            return 0;
    }
    return r ? r : -EEXIST;
}

int64_t clone_thread(struct sys *s, const struct clone_request *request)
{
    int64_t wanted = request->set_tid ? set_tid_chosen(request) : 0;
    struct thread *t = wanted < 0 ? NULL : clone_new_thread(s->t, request);
    if (!t)
        return wanted < 0 ? wanted : -EAGAIN;
    struct start start = { .t = t, .creator = s->t, .request = request, .wanted = (uint32_t)wanted };
    signal_block_all();
    int64_t r = wanted ? make_numbered(&start, s->t) : make_thread(&start, s->t);
    if (r < 0) {
        cpu_free(t->cpu);
        thread_free(t);
    }
    signal_apply_mask(s->t);
    return r < 0 ? r : start.tid;
}
