#include "syscall/seccomp.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "backend/cache.h"
#include "debug/log.h"
#include "frontend/guest.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/cbpf.h"
#include "syscall/sys.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

/* One filter and those before it; or, without instructions, the bottom of strict mode. */
struct seccomp {
    const struct seccomp *older;
    uint32_t mode;               /* SECCOMP_MODE_* */
    uint32_t len;
    struct sock_filter prog[];
};

enum {
    CHAIN_MAX = 256 * 1024 / sizeof(struct sock_filter),   /* kernel/seccomp.c, MAX_INSNS_PER_PATH */
    CHAIN_PENALTY = 4,                                     /* instructions that each filter counts beside its own */
    KNOWN_FLAGS = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |
                  SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
    ERRNO_MAX = 4095,
};

static uint32_t mode_of(const struct seccomp *chain)
{
    return chain ? chain->mode : SECCOMP_MODE_DISABLED;
}

/* --- judging ------------------------------------------------------------------------------------------ */

/* What the chain says: the most severe action wins, of equal ones the newest filter's. */
static uint32_t run_chain(const struct seccomp *chain, const struct seccomp_data *data)
{
    uint32_t verdict = SECCOMP_RET_ALLOW;
    for (; chain; chain = chain->older) {
        uint32_t v = cbpf_run(chain->prog, data, sizeof *data);
        if ((int32_t)(v & SECCOMP_RET_ACTION_FULL) < (int32_t)(verdict & SECCOMP_RET_ACTION_FULL))
            verdict = v;
    }
    return verdict;
}

/* AUDIT_ARCH_*: the ELF machine, with bits for its class and byte order. */
static uint32_t audit_arch(void)
{
    const struct guest *guest = linux_state.guest;
    return guest->elf_machine | __AUDIT_ARCH_LE | (guest->elf_class == ELFCLASS64 ? __AUDIT_ARCH_64BIT : 0);
}

/* The kernel's do_exit(signo): the thread goes; a process whose last one it was is seen to die of the signal. */
static void count_thread(struct cpu *cpu, void *count)
{
    const struct thread *t = cpu->thread;
    *(unsigned *)count += t && !t->vfork_child && !__atomic_load_n(&t->ending, __ATOMIC_SEQ_CST);
}

_Noreturn static void end_thread(struct thread *t, int signo)
{
    unsigned threads = 0;
    cpus_each(count_thread, &threads);
    if (threads <= 1 || t->vfork_child)
        signal_die(t, signo);
    thread_exit(t, signo);
}

static void force_sigsys(struct cpu *cpu, struct thread *t, uint64_t nr, uint32_t reason)
{
    siginfo_t info = { .si_signo = SIGSYS, .si_code = SYS_SECCOMP, .si_errno = (int)reason };
    info.si_call_addr = host(cpu->pc);
    info.si_syscall = (int)nr;
    info.si_arch = audit_arch();
    signal_force(t, &info);
}

static int64_t act(struct cpu *cpu, struct thread *t, uint64_t nr, uint32_t verdict)
{
    uint32_t value = verdict & SECCOMP_RET_DATA;
    switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW: case SECCOMP_RET_LOG:
        return 0;
    case SECCOMP_RET_ERRNO:
        if (!value) {   /* success without a call; 0 would mean "make it" */
            *cpu_slot(cpu, linux_state.abi->ret_off) = 0;
            return -SYS_NO_RESULT;
        }
        return -(int64_t)(value < ERRNO_MAX ? value : ERRNO_MAX);
    case SECCOMP_RET_TRAP:
        force_sigsys(cpu, t, nr, value);
        return -SYS_NO_RESULT;
    case SECCOMP_RET_TRACE: case SECCOMP_RET_USER_NOTIF:   /* nobody asked to be told, nobody listens */
        return -ENOSYS;
    case SECCOMP_RET_KILL_THREAD:
        end_thread(t, SIGSYS);
    default:
        signal_die(t, SIGSYS);
    }
}

static bool strict_allows(uint64_t nr)
{
    const struct guest_linux *abi = linux_state.abi;
    enum call id = nr < abi->nnumbers ? abi->numbers[nr] : CALL_none;
    return id == CALL_read || id == CALL_write || id == CALL_exit || id == CALL_rt_sigreturn;
}

/* What the filters say to the call that the registers hold. */
static uint32_t judge(struct cpu *cpu, const struct seccomp *chain)
{
    const struct guest_linux *abi = linux_state.abi;
    struct seccomp_data data = { .nr = (int)*cpu_slot(cpu, abi->nr_off), .arch = audit_arch(), .instruction_pointer = cpu->pc };
    for (int i = 0; i < 6; i++)
        data.args[i] = *cpu_slot(cpu, abi->arg_off[i]);
    uint32_t verdict = run_chain(chain, &data);
    if (log_on(LOG_STRACE) && (verdict & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ALLOW)
        log_printf("%d seccomp: system call %d gets %#x\n", (int)host_raw1(__NR_gettid, 0), data.nr, verdict);
    return verdict;
}

static bool is_for_tracer(uint32_t verdict)
{
    return (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE;
}

int64_t seccomp_judge(struct cpu *cpu, struct thread *t)
{
    const struct seccomp *chain = __atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE);
    const uint64_t *nr = cpu_slot(cpu, linux_state.abi->nr_off);
    if (t->trace.on && (t->trace.options & PTRACE_O_SUSPEND_SECCOMP))
        return 0;
    if (chain->mode == SECCOMP_MODE_STRICT) {
        if (!strict_allows(*nr))
            end_thread(t, SIGKILL);
        return 0;
    }
    uint32_t verdict = judge(cpu, chain);
    if (is_for_tracer(verdict) && trace_seccomp(t, verdict & SECCOMP_RET_DATA)) {
        if ((int)*nr < 0)
            return -SYS_NO_RESULT;   /* skipped, with what the tracer put into the registers */
        verdict = judge(cpu, chain);
        if (is_for_tracer(verdict))
            return 0;
    }
    return act(cpu, t, *nr, verdict);
}

/* --- installing --------------------------------------------------------------------------------------- */

/* Whether the thread may install filters: no_new_privs, or CAP_SYS_ADMIN in its user namespace. */
static bool may_install(void)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct caps[2] = { { 0 } };
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return true;
    return host_raw2(__NR_capget, &head, caps) == 0 &&
           (caps[CAP_SYS_ADMIN / 32].effective >> CAP_SYS_ADMIN % 32 & 1);
}

static struct seccomp *node_new(uint32_t mode, uint32_t len)
{
    struct seccomp *node = malloc(sizeof *node + len * sizeof *node->prog);
    if (node)
        *node = (struct seccomp){ .mode = mode, .len = len };
    return node;
}

static bool chain_has_room(const struct seccomp *chain, uint32_t len)
{
    uint64_t total = len;
    for (; chain; chain = chain->older)
        total += chain->len + CHAIN_PENALTY;
    return total <= CHAIN_MAX;
}

/* struct sock_fprog at `from` as a node without older ones. */
static int64_t read_filter(struct seccomp **out, gaddr from)
{
    struct { uint16_t len; gaddr filter; } fprog;
    if (!copy_from_guest(&fprog, from, sizeof fprog))
        return -EFAULT;
    if (!fprog.len || fprog.len > CBPF_MAX)
        return -EINVAL;
    if (!may_install())
        return -EACCES;
    struct seccomp *node = node_new(SECCOMP_MODE_FILTER, fprog.len);
    if (!node)
        return -ENOMEM;
    int64_t r = 0;
    if (!copy_from_guest(node->prog, fprog.filter, fprog.len * sizeof *node->prog))
        r = -EFAULT;
    else if (!cbpf_valid(node->prog, fprog.len, sizeof(struct seccomp_data)))
        r = -EINVAL;
    if (r < 0)
        free(node);
    else
        *out = node;
    return r;
}

/* A walk over the process's threads on behalf of one with TSYNC. */
struct sync { struct thread *self; const struct seccomp *mine, *chain; uint32_t conflicting; };

static bool is_ancestor(const struct seccomp *old, const struct seccomp *chain)
{
    while (chain && chain != old)
        chain = chain->older;
    return !old || chain;
}

static void find_conflict(struct cpu *cpu, void *arg)
{
    struct sync *sync = arg;
    struct thread *t = cpu->thread;
    if (t && t != sync->self && !t->vfork_child && !is_ancestor(t->seccomp, sync->mine))
        sync->conflicting = t->tid;
}

static void give_chain(struct cpu *cpu, void *arg)
{
    struct sync *sync = arg;
    if (cpu->thread && !cpu->thread->vfork_child)
        __atomic_store_n(&cpu->thread->seccomp, sync->chain, __ATOMIC_RELEASE);
}

static int64_t give(struct thread *t, const struct seccomp *chain)
{
    __atomic_store_n(&t->seccomp, chain, __ATOMIC_RELEASE);
    return 0;
}

/* TSYNC: 0, or the first thread that has filters which the caller has not, or -ESRCH. The lock keeps threads that are just being
 * created from missing it (seccomp_inherit()). */
static int64_t give_to_all(struct thread *t, const struct seccomp *chain, uint32_t flags)
{
    struct sync sync = { .self = t, .mine = t->seccomp, .chain = chain };
    space_write_lock();
    cpus_each(find_conflict, &sync);
    if (!sync.conflicting)
        cpus_each(give_chain, &sync);
    space_write_unlock();
    return sync.conflicting && (flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH) ? -ESRCH : (int64_t)sync.conflicting;
}

void seccomp_inherit(struct thread *t, const struct thread *creator)
{
    space_read_lock();
    t->seccomp = creator->seccomp;
    space_read_unlock();
}

static int64_t set_filter(struct sys *s, uint32_t flags, gaddr fprog)
{
    struct thread *t = s->t;
    struct seccomp *node = NULL;
    if (flags & ~(uint32_t)KNOWN_FLAGS)
        return -EINVAL;   /* SECCOMP_FILTER_FLAG_NEW_LISTENER too: as kernels before 5.0 */
    int64_t r = read_filter(&node, fprog);
    if (r < 0)
        return r;
    if (mode_of(t->seccomp) == SECCOMP_MODE_STRICT)
        r = -EINVAL;
    else if (!chain_has_room(t->seccomp, node->len))
        r = -ENOMEM;
    node->older = t->seccomp;
    if (r == 0)
        r = flags & SECCOMP_FILTER_FLAG_TSYNC ? give_to_all(t, node, flags) : give(t, node);
    if (r != 0)
        free(node);
    return r;
}

static int64_t set_strict(struct sys *s, uint64_t flags, gaddr arg)
{
    if (flags || arg || mode_of(s->t->seccomp) == SECCOMP_MODE_FILTER)
        return -EINVAL;
    struct seccomp *node = node_new(SECCOMP_MODE_STRICT, 0);
    if (!node)
        return -ENOMEM;
    s->t->seccomp = node;
    return 0;
}

static int64_t action_available(uint64_t flags, gaddr from)
{
    static const uint32_t known[] = {
        SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE,
        SECCOMP_RET_LOG, SECCOMP_RET_ALLOW,
    };
    uint32_t action;
    if (flags)
        return -EINVAL;
    if (!copy_from_guest(&action, from, sizeof action))
        return -EFAULT;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == action)
            return 0;
    return -EOPNOTSUPP;
}

int64_t sys_seccomp(struct sys *s)
{
    switch ((uint32_t)s->a[0]) {
    case SECCOMP_SET_MODE_STRICT:
        return set_strict(s, (uint32_t)s->a[1], s->a[2]);
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(s, (uint32_t)s->a[1], s->a[2]);
    case SECCOMP_GET_ACTION_AVAIL:
        return action_available((uint32_t)s->a[1], s->a[2]);
    default:   /* SECCOMP_GET_NOTIF_SIZES belongs to listeners */
        return -EINVAL;
    }
}

unsigned seccomp_mode(const struct thread *t)
{
    return mode_of(__atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE));
}

unsigned seccomp_filters(const struct thread *t)
{
    unsigned n = 0;
    for (const struct seccomp *node = __atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE); node; node = node->older)
        n += node->mode == SECCOMP_MODE_FILTER;
    return n;
}

int64_t prctl_get_seccomp(struct sys *s)
{
    return seccomp_mode(s->t);
}

int64_t prctl_set_seccomp(struct sys *s)
{
    if (s->a[1] == SECCOMP_MODE_STRICT)
        return set_strict(s, 0, 0);
    return s->a[1] == SECCOMP_MODE_FILTER ? set_filter(s, 0, s->a[2]) : -EINVAL;
}

/* --- across execve: a memfd of {length, instructions} from the oldest filter to the newest ---------------- */

static bool write_chain(int fd, const struct seccomp *chain)
{
    if (!chain)
        return true;
    ssize_t size = chain->len * sizeof *chain->prog;
    return write_chain(fd, chain->older) && write(fd, &chain->len, sizeof chain->len) == sizeof chain->len &&
           write(fd, chain->prog, size) == size;
}

int64_t seccomp_save(const struct thread *t, int *fd)
{
    *fd = -1;
    if (!t->seccomp)
        return 0;
    *fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (*fd < 0)
        return -errno;
    if (write_chain(*fd, t->seccomp) && lseek(*fd, 0, SEEK_SET) == 0)
        return 0;
    close(*fd);
    *fd = -1;
    return -ENOMEM;
}

/* Reads such a descriptor to its end and closes it. */
static bool read_chain(const struct seccomp **chain, int fd)
{
    uint32_t len;
    ssize_t n;
    *chain = NULL;
    while ((n = read(fd, &len, sizeof len)) == sizeof len) {
        struct seccomp *node = len <= CBPF_MAX ? node_new(SECCOMP_MODE_FILTER, len) : NULL;
        ssize_t size = len * sizeof *node->prog;
        if (!node || read(fd, node->prog, size) != size ||
            !cbpf_valid(node->prog, len, sizeof(struct seccomp_data)))
            break;
        node->older = *chain;
        *chain = node;
    }
    close(fd);
    return n == 0 && *chain;
}

bool seccomp_restore(struct thread *t, int fd)
{
    return read_chain(&t->seccomp, fd);
}

/* --- native programs ------------------------------------------------------------------------------------ */

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IS(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)

enum { WAY_OUT = 9, UNUSED_ARG = offsetof(struct seccomp_data, args[5]) };

bool seccomp_fits_native(const struct thread *t)
{
    const struct seccomp *node = t->seccomp;
    while (node && node->len <= CBPF_MAX - WAY_OUT)
        node = node->older;
    return !node;
}

/* seccomp() and execveat() with the key in the register of an argument that neither has. */
static int64_t keyed_call(uint64_t key, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return host_raw(nr, a, b, c, d, e, key);
}

/* The chain as filters of the host's, the oldest first. Each begins with the two calls that we have still to make; the accumulator is
 * 0 again where the guest's instructions begin. */
static int64_t install(const struct seccomp *node, uint64_t key)
{
    static struct sock_filter prog[CBPF_MAX];
    const struct sock_filter way_out[WAY_OUT] = {
        LOAD(UNUSED_ARG), IS((uint32_t)key, 0, 6),
        LOAD(UNUSED_ARG + 4), IS((uint32_t)(key >> 32), 0, 4),
        LOAD(offsetof(struct seccomp_data, nr)), IS(__NR_seccomp, 1, 0), IS(__NR_execveat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_LD | BPF_IMM, 0),
    };
    int64_t r = node->older ? install(node->older, key) : 0;
    if (r < 0 || node->len > CBPF_MAX - WAY_OUT)
        return r < 0 ? r : -ENOMEM;
    memcpy(prog, way_out, sizeof way_out);
    memcpy(prog + WAY_OUT, node->prog, node->len * sizeof *prog);
    struct sock_fprog fprog = { (unsigned short)(node->len + WAY_OUT), prog };
    return keyed_call(key, __NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, (uintptr_t)&fprog, 0, 0);
}

_Noreturn void seccomp_exec_native(int filters, int program, const char *path, char **argv)
{
    const struct seccomp *chain;
    uint64_t key = 0;
    bool by_fd = program >= 0 && strncmp(path, "/dev/fd/", 8) == 0;
    int64_t r = -EBADF;
    if (read_chain(&chain, filters) && getrandom(&key, sizeof key, 0) == sizeof key) {
        if (!may_install())   /* it might when it installed them */
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (program >= 0)
            fcntl(program, F_SETFD, FD_CLOEXEC);
        r = install(chain, key);
        if (r == 0)
            r = keyed_call(key, __NR_execveat, (uint64_t)(by_fd ? program : AT_FDCWD), (uintptr_t)(by_fd ? "" : path), (uintptr_t)argv,
                           (uintptr_t)environ, by_fd ? AT_EMPTY_PATH : 0);
    }
    fprintf(stderr, "dragoman: %s under the guest's seccomp filters: %s\n", path, strerror((int)-r));
    _exit(r == -ENOENT ? 127 : 126);
}
