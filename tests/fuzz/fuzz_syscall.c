/* Random system calls with random arguments: pointers of all kinds (good, half mapped, beyond the guest's top, the translator's own),
 * descriptors, sizes that wrap. Handlers that convert must end with an errno at worst, and no call may write to the
 * translator's memory: a canary there is looked at after each.
 *
 * The calls are real, so a child is locked up first: no privileges, namespaces of its own, an empty root folder, small limits. Calls
 * that end the caller or wait without a limit are left out.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/run.h"
#include "frontend/guest.h"
#include "loader/exec_info.h"
#include "loader/options.h"
#include "loader/space.h"
#include "syscall/linux.h"
#include "syscall/sys.h"

enum { PAGES = 4, AREA = PAGES * SPACE_PAGE, CALLS = 8, CANARY = 4096, REPORT = 500, GROUP = 100 };

static struct cpu *cpu;
static uint8_t *area;                                      /* PAGES pages, the last one unmapped */
static uint8_t canary[CANARY] __attribute__((aligned(4096)));
static const char folder[] = "/tmp/dragoman-fuzz";

/* --- the prison ----------------------------------------------------------------------------------------- */

static void limit(int what, rlim_t value)
{
    setrlimit(what, &(struct rlimit){ value, value });
}

static void lock_up(void)
{
    mkdir(folder, 0755);
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        exit(FUZZ_SKIP);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (mount("none", folder, "tmpfs", 0, "size=4m,mode=777") < 0 || chroot(folder) < 0 || chdir("/") < 0)
        exit(FUZZ_SKIP);
    if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        exit(FUZZ_SKIP);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_FSIZE, 1 << 20);
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_NICE, 0);
    limit(RLIMIT_MEMLOCK, 1 << 20);
}

static void nothing(int signo)
{
}

/* So that what waits goes on. */
static void interrupt_often(void)
{
    struct sigaction sa = { .sa_handler = nothing };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM };
    const struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } };
    timer_t timer;
    sigaction(SIGVTALRM, &sa, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &often, NULL) < 0)
        exit(2);
}

static void start(uint64_t first)
{
    static struct exec_info info = { .path = "program", .exe = "/program" };
    const uint64_t seed = 1;
    info.guest = guest_by_index((unsigned)(first / GROUP % 2));
    options.self_fd = options.seccomp_fd = OPTION_UNSET;
    space_init(GUEST_TOP, &seed, NULL);
    if (!cache_init(info.guest, 1 << 20) || !(cpu = cpu_new(info.guest)))
        exit(2);
    linux_init(cpu, &info);
    int null = open("/dev/null", O_RDWR);
    if (dup2(1, REPORT) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || close(null) < 0)
        exit(2);
    lock_up();
    int64_t at = space_mmap(0, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    area = host((gaddr)at);
    space_munmap((gaddr)at + AREA - SPACE_PAGE, SPACE_PAGE);
    int fds[2];
    if (pipe2(fds, O_NONBLOCK) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0 || open("file", O_RDWR | O_CREAT, 0600) < 0)
        exit(2);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    interrupt_often();
}

/* --- arguments ------------------------------------------------------------------------------------------- */

static uint64_t guest_pointer(struct fuzz *f)
{
    uint64_t base = (uint64_t)(uintptr_t)area;
    switch (fuzz_below(f, 8)) {
    case 0:
        return base + (PAGES - 1) * SPACE_PAGE - fuzz_below(f, 64);   /* runs off the end */
    case 1:
        return fuzz_below(f, 4) ? 0 : fuzz_below(f, 4096);
    case 2:
        return GUEST_TOP - fuzz_below(f, 64);
    default:
        return base + (fuzz_below(f, (PAGES - 1) * SPACE_PAGE) & ~(fuzz_below(f, 2) ? 7ull : 0));
    }
}

static uint64_t bad_pointer(struct fuzz *f)
{
    switch (fuzz_below(f, 4)) {
    case 0:
        return (uint64_t)(uintptr_t)canary + fuzz_below(f, CANARY);
    case 1:
        return UINT64_MAX - fuzz_below(f, 4096);
    case 2:
        return GUEST_TOP + fuzz_below(f, 1 << 20);
    default:
        return fuzz_next(f);
    }
}

static uint64_t number(struct fuzz *f)
{
    switch (fuzz_below(f, 6)) {
    case 0:
        return fuzz_below(f, 12);                    /* descriptors, commands */
    case 1:
        return (uint64_t)1 << fuzz_below(f, 64);
    case 2:
        return ((uint64_t)1 << fuzz_below(f, 64)) - 1;
    case 3:
        return UINT64_MAX - fuzz_below(f, 4);
    case 4:
        return fuzz_below(f, 8192);
    default:
        return fuzz_below(f, 256);
    }
}

/* A number where the kind is none of an address: calls take some of these as addresses nevertheless, so the translator's own are
 * not among them. */
static uint64_t argument(struct fuzz *f, uint8_t kind)
{
    if (sys_kinds[kind].flags & PTR)
        return fuzz_below(f, 5) ? guest_pointer(f) : bad_pointer(f);
    if (sys_kinds[kind].flags & FDARG)
        return fuzz_below(f, 4) ? fuzz_below(f, 10) : fuzz_below(f, 2) ? (uint64_t)-100 : number(f);
    if (kind == KIND_ADDR)
        return fuzz_below(f, 3) ? guest_pointer(f) & ~4095ull : bad_pointer(f);
    return kind == KIND_HEX && fuzz_below(f, 3) ? guest_pointer(f) : number(f);
}

/* Memory that looks like structs of small numbers and pointers, and like file names. */
static void fill(struct fuzz *f)
{
    for (unsigned i = 0; i < (PAGES - 1) * SPACE_PAGE / 8; i += 1 + (unsigned)fuzz_below(f, 8)) {
        uint64_t value = fuzz_below(f, 3) ? number(f) : guest_pointer(f);
        host_copy(area + 8 * i, &value, 8);
    }
    for (unsigned i = 0; i < 8; i++)
        host_copy(area + fuzz_below(f, (PAGES - 1) * SPACE_PAGE - 16), fuzz_below(f, 2) ? "file" : "/proc/self/exe", 15);
}

/* Calls that end the process, replace it, copy it, or wait. */
static bool left_out(enum call id)
{
    static const enum call out[] = {
        CALL_exit, CALL_exit_group, CALL_execve, CALL_execveat, CALL_clone, CALL_clone3, CALL_rt_sigreturn, CALL_vhangup,
        CALL_kill, CALL_tkill, CALL_tgkill, CALL_rt_sigqueueinfo, CALL_rt_tgsigqueueinfo, CALL_pidfd_send_signal, CALL_setrlimit,
        CALL_prlimit64, CALL_seccomp, CALL_prctl, CALL_landlock_restrict_self, CALL_setitimer, CALL_timer_create, CALL_timer_delete, CALL_timer_settime,
        CALL_ptrace, CALL_rt_sigprocmask, CALL_rt_sigsuspend,
        CALL_rt_sigaction, CALL_mlockall, CALL_unshare, CALL_mq_notify, CALL_restart_syscall, CALL_capset, CALL_sigaltstack,
        CALL_fcntl /* F_SETOWN, F_SETSIG: signals from files */, CALL_io_setup, CALL_userfaultfd, CALL_close_range,
#ifdef __SANITIZE_ADDRESS__   /* its memory is where guests may map, and unmap */
        CALL_mmap, CALL_munmap, CALL_mremap, CALL_mprotect, CALL_madvise, CALL_shmat, CALL_shmdt, CALL_mseal, CALL_brk,
#endif
        CALL_sched_setscheduler, CALL_sched_setattr, CALL_munlockall, CALL_personality,
    };
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (out[i] == id)
            return true;
    return false;
}

static void one(struct fuzz *f)
{
    const struct guest_linux *abi = linux_state.abi;
    fill(f);
    for (unsigned n = 0; n < CALLS; n++) {
        uint32_t nr = (uint32_t)fuzz_below(f, abi->nnumbers);
        enum call id = abi->numbers[nr];
        if (!id || left_out(id))
            continue;
        for (int i = 0; i < 6; i++)
            *cpu_slot(cpu, abi->arg_off[i]) = argument(f, sys_rows[id].args[i].kind);
        *cpu_slot(cpu, abi->nr_off) = nr;
        memset(canary, 0x5a, CANARY);
        linux_syscall(cpu);
        for (unsigned i = 0; i < CANARY; i++)
            if (canary[i] != 0x5a) {
                dprintf(REPORT, "%s wrote to the translator's memory\n", sys_rows[id].name);
                abort();
            }
    }
}

/* A call that waits with all signals blocked. */
static bool death_is_fine(int status)
{
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv)
{
    const struct fuzz_target target = { .name = "system calls", .group = GROUP, .seconds = 10, .start = start, .one = one,
                                        .death_is_fine = death_is_fine };
    return fuzz_main(&target, argc, argv);
}
