/* The system call layer without translated code: the tables, every row that is passed on with bad arguments against the raw
 * host call, converted structs, signal frames, path rules. A cpu is filled by hand and linux_syscall() called.
 *
 * Argument: the guest, riscv64 or aarch64. What is of one guest's own (its frame's layout, its calls) is tested with that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/run.h"
#include "frontend/aarch64/aarch64.h"
#include "frontend/riscv/riscv.h"
#include "loader/exec_info.h"
#include "loader/hostfd.h"
#include "loader/options.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/linux.h"
#include "syscall/path.h"
#include "syscall/sys.h"

/* Where the guests' ABIs have what the tests look at: numbers of general registers. */
static const struct abi {
    const struct guest *guest;
    const char *machine;
    unsigned arg, number, sp;
    uint64_t (*get)(struct cpu *, unsigned);
    void (*set)(struct cpu *, unsigned, uint64_t);
} abis[2];

static const struct abi *own; /* the guest under test */
static struct cpu *cpu;
static char root[] = "/tmp/dragoman-syscall-XXXXXX";

static uint64_t rv64_get(struct cpu *c, unsigned n)
{
    return riscv_x(c, n);
}

static void rv64_set(struct cpu *c, unsigned n, uint64_t v)
{
    riscv_set_x(c, n, v);
}

static uint64_t a64_get(struct cpu *c, unsigned n)
{
    return *a64_x(c, n);
}

static void a64_set(struct cpu *c, unsigned n, uint64_t v)
{
    *a64_x(c, n) = v;
}

static const struct abi abis[2] = {
    { &riscv64_guest, "riscv64", 10, 17, 2, rv64_get, rv64_set },
    { &aarch64_guest, "aarch64", 0, 8, 31, a64_get, a64_set },
};

static bool is_riscv(void)
{
    return own == &abis[0];
}

/* Argument (and from 0 on result) `n` of a call or handler, the call's number, the stack pointer. */
static uint64_t arg(unsigned n)
{
    return own->get(cpu, own->arg + n);
}

static void set_number(uint64_t nr)
{
    own->set(cpu, own->number, nr);
}

static void set_sp(uint64_t v)
{
    own->set(cpu, own->sp, v);
}

static int number_of(enum call id)
{
    for (uint32_t nr = 0; nr < linux_state.abi->nnumbers; nr++)
        if (linux_state.abi->numbers[nr] == id)
            return (int)nr;
    return -1;
}

/* cmocka puts its own handlers for faults in place before each test. */
static void take_signals(void)
{
    signal_exec_failed(cpu->thread);
}

/* Makes a guest call; arguments as the guest's registers hold them. */
static int64_t guest_call(enum call id, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t args[6] = { a, b, c, d, e, f };
    for (unsigned i = 0; i < 6; i++)
        own->set(cpu, own->arg + i, args[i]);
    set_number((uint64_t)number_of(id));
    take_signals();
    linux_syscall(cpu);
    return (int64_t)arg(0);
}

#define P(p) ((uint64_t)(uintptr_t)(p))

/* Memory that guests can have: the test's own lies above their top. */
static void *guest_page(void)
{
    int64_t at = space_mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at > 0);
    return host((gaddr)at);
}

/* The top of a stack that has room for a few frames. */
static uint64_t guest_stack(void)
{
    enum { BYTES = 64 << 10 };
    int64_t at = space_mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at > 0);
    return (uint64_t)at + BYTES - 96;
}

static char *guest_text(void *page, const char *text)
{
    return strcpy(page, text);
}

/* --- tables ------------------------------------------------------------------------------------------ */

static const char *const flag_sets[] = {
#define BIT(set, name) #set,
#define VAL(set, name) #set,
#include "syscall/flags.def"
#undef BIT
#undef VAL
    "prctl", NULL
};

static const char *const structs[] = {
#define STRUCT(name, size, fn) #name,
#include "syscall/structs.def"
#undef STRUCT
    NULL
};

static bool listed(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static void check_arg(const struct sys_row *row, int i, int count)
{
    const struct sys_arg *arg = &row->args[i];
    switch (arg->kind) {
    case KIND_FLAGS:
        if (!listed(flag_sets, arg->param))
            fail_msg("%s: no flag set %s", row->name, arg->param);
        break;
    case KIND_INSTRUCT: case KIND_OUTSTRUCT: case KIND_IOSTRUCT:
        if (!listed(structs, arg->param))
            fail_msg("%s: no struct %s", row->name, arg->param);
        break;
    case KIND_INBUF: case KIND_OUTBUF: case KIND_INIOV: case KIND_OUTIOV: case KIND_PATHAT: case KIND_LPATHAT:
        if (arg->param[1] || arg->param[0] < '0' || arg->param[0] >= '0' + count)
            fail_msg("%s: argument %d refers to %s", row->name, i, arg->param);
        break;
    default:
        assert_null(arg->param);
    }
}

static void test_rows(void **state)
{
    for (int id = 1; id < NCALLS; id++) {
        const struct sys_row *row = &sys_rows[id];
        int count = 0;
        assert_non_null(row->fn);
        while (count < 6 && row->args[count].kind)
            count++;
        for (int i = 0; i < count; i++)
            check_arg(row, i, count);
        if (number_of((enum call)id) < 0 && (is_riscv() || strncmp(row->name, "riscv_", 6) != 0))
            fail_msg("%s has no number", row->name);
    }
}

/* All numbers of the generic table up to the last of Linux 6.18 are taken but 244 to 259, the architectures', and those that 32-bit
 * guests alone have. */
static void test_numbers(void **state)
{
    const struct guest *guest;
    for (unsigned i = 0; (guest = guest_by_index(i)); i++) {
        const struct guest_linux *abi = guest->linux_abi;
        assert_int_equal(abi->nnumbers, 470);
        for (uint32_t nr = 0; nr < abi->nnumbers; nr++)
            if (!abi->numbers[nr] && !(nr >= 244 && nr <= 259) && !(nr >= 295 && nr <= 423))
                fail_msg("%s: no call has number %u", guest->name, nr);
    }
}

/* --- PASS rows with bad arguments --------------------------------------------------------------------- */

enum { BAD_INT, BAD_POINTER, NWAYS };

static uint64_t bad_value(int way)
{
    return way == BAD_INT ? UINT64_MAX : 8;
}

/* The call in a child of its own, so that it can do no harm: -errno, or 0 for success; 1 if it had to be stopped. */
static int in_child(int64_t (*call)(int, uint64_t), int id, uint64_t value)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(2);
        int64_t r = call(id, value);
        _exit(r < 0 ? (int)-r : 0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int64_t call_guest(int id, uint64_t v)
{
    return guest_call((enum call)id, v, v, v, v, v, v);
}

static int64_t call_host(int id, uint64_t v)
{
    return host_raw(sys_rows[id].host_nr, v, v, v, v, v, v);
}

static void test_bad_arguments(void **state)
{
    for (int id = 1; id < NCALLS; id++) {
        if (sys_rows[id].fn != sys_pass || id == CALL_msgget)   /* msgget(-1) makes a queue that stays */
            continue;
        for (int way = 0; way < NWAYS; way++) {
            /* Dispatch may find the bad path before the kernel would find another bad argument. */
            int want = in_child(call_host, id, bad_value(way)), got = in_child(call_guest, id, bad_value(way));
            bool early = got == EFAULT && want != 0 &&
                         sys_masks[id].paths;
            if (got != want && !early)
                fail_msg("%s(%#llx, ...): %d, the host says %d", sys_rows[id].name,
                         (unsigned long long)bad_value(way), got, want);
        }
    }
}

static void test_refusals(void **state)
{
    for (int id = 1; id < NCALLS; id++)
        if (sys_rows[id].fn == sys_denied)
            assert_int_equal(guest_call((enum call)id, 0, 0, 0, 0, 0, 0), -sys_rows[id].denied);
    set_number(5000);
    linux_syscall(cpu);
    assert_int_equal((int64_t)arg(0), -ENOSYS);
    set_number(245);
    linux_syscall(cpu);
    assert_int_equal((int64_t)arg(0), -ENOSYS);
}

/* --- structs and flags -------------------------------------------------------------------------------- */

static void test_stat(void **state)
{
    char *page = guest_page();
    struct stat want;
    char *path = guest_text(page, "/proc/version");
    uint64_t out = P(page) + 256;
    assert_int_equal(stat(path, &want), 0);
    assert_int_equal(guest_call(CALL_newfstatat, (uint64_t)AT_FDCWD, P(path), out, 0, 0, 0), 0);
    uint64_t ino;
    uint32_t mode, nlink;
    int64_t mtime;
    memcpy(&ino, host(out + 8), 8);
    memcpy(&mode, host(out + 16), 4);
    memcpy(&nlink, host(out + 20), 4);
    memcpy(&mtime, host(out + 88), 8);
    assert_int_equal(ino, want.st_ino);
    assert_int_equal(mode, want.st_mode);
    assert_int_equal(nlink, want.st_nlink);
    assert_int_equal(mtime, want.st_mtim.tv_sec);
    assert_int_equal(guest_call(CALL_fstat, 0, 8, 0, 0, 0, 0), -EFAULT);
    assert_int_equal(guest_call(CALL_fstat, 999, out, 0, 0, 0, 0), -EBADF);
    assert_int_equal(guest_call(CALL_newfstatat, (uint64_t)AT_FDCWD, 8, out, 0, 0, 0), -EFAULT);
}

static void test_epoll(void **state)
{
    struct { uint32_t events, pad; uint64_t data; } *e = guest_page();
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    int64_t fd = guest_call(CALL_epoll_create1, 0, 0, 0, 0, 0, 0);
    e->events = EPOLLIN;
    e->data = 0x1122334455667788;
    assert_int_equal(guest_call(CALL_epoll_ctl, (uint64_t)fd, EPOLL_CTL_ADD, (uint64_t)pipes[0], P(e), 0, 0), 0);
    assert_int_equal(guest_call(CALL_epoll_ctl, (uint64_t)fd, EPOLL_CTL_MOD, (uint64_t)pipes[0], 8, 0, 0), -EFAULT);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    memset(e, 0, 64);
    assert_int_equal(guest_call(CALL_epoll_pwait, (uint64_t)fd, P(e), 4, 0, 0, 8), 1);
    assert_int_equal(e->events, EPOLLIN);
    assert_int_equal(e->data, 0x1122334455667788);
    assert_int_equal(guest_call(CALL_epoll_pwait, (uint64_t)fd, 8, 4, 0, 0, 8), -EFAULT);
    assert_int_equal(guest_call(CALL_epoll_ctl, (uint64_t)fd, EPOLL_CTL_DEL, (uint64_t)pipes[0], UINT64_MAX, 0, 0), 0);
    close(pipes[0]);
    close(pipes[1]);
    close((int)fd);
}

static void test_uname(void **state)
{
    struct utsname *u = guest_page();
    assert_int_equal(guest_call(CALL_uname, P(u), 0, 0, 0, 0, 0), 0);
    assert_string_equal(u->machine, own->machine);
    assert_int_equal(guest_call(CALL_uname, 8, 0, 0, 0, 0, 0), -EFAULT);
}

static void test_prctl(void **state)
{
    char *page = guest_page();
    guest_text(page, "renamed");
    assert_int_equal(guest_call(CALL_prctl, PR_SET_NAME, P(page), 0, 0, 0, 0), 0);
    assert_int_equal(guest_call(CALL_prctl, PR_GET_NAME, P(page) + 64, 0, 0, 0, 0), 0);
    assert_string_equal(page + 64, "renamed");
    assert_int_equal(guest_call(CALL_prctl, 987654, 0, 0, 0, 0, 0), -EINVAL);
}

static void test_hwprobe(void **state)
{
    struct { int64_t key; uint64_t value; } *pair = guest_page();

    if (!is_riscv())
        return;
    pair[0].key = 3;
    pair[1].key = 12345;
    assert_int_equal(guest_call(CALL_riscv_hwprobe, P(pair), 2, 0, 0, 0, 0), 0);
    assert_int_equal(pair[0].value, 1);
    assert_int_equal(pair[1].key, -1);
    assert_int_equal(guest_call(CALL_riscv_hwprobe, 8, 1, 0, 0, 0, 0), -EFAULT);
    assert_int_equal(guest_call(CALL_riscv_hwprobe, P(pair), 1, 0, 0, 77, 0), -EINVAL);
}

/* --- the translator's own things ----------------------------------------------------------------------- */

static void test_hidden(void **state)
{
    int fd = hostfd_keep(open("/dev/null", O_RDONLY));
    assert_true(fd >= 0);
    assert_int_equal(guest_call(CALL_close, (uint64_t)fd, 0, 0, 0, 0, 0), -EBADF);
    assert_int_equal(guest_call(CALL_read, (uint64_t)fd, 0, 0, 0, 0, 0), -EBADF);
    assert_int_equal(guest_call(CALL_dup, (uint64_t)fd, 0, 0, 0, 0, 0), -EBADF);
    assert_int_equal(guest_call(CALL_dup3, 0, (uint64_t)fd, 0, 0, 0, 0), -EBADF);
    assert_int_equal(guest_call(CALL_fcntl, (uint64_t)fd, F_GETFD, 0, 0, 0, 0), -EBADF);
    int other = dup2(0, fd + 1);
    assert_int_equal(guest_call(CALL_close_range, (uint64_t)fd - 20, (uint64_t)fd + 20, 0, 0, 0, 0), 0);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(fcntl(other, F_GETFD), -1);
    hostfd_close(fd);
    /* Its memory: this test's own, above the guest's top. */
    static char mine[16];
    assert_int_equal(guest_call(CALL_getcwd, P(mine), PATH_MAX, 0, 0, 0, 0), -EFAULT);
    assert_int_equal(guest_call(CALL_munmap, P(mine) & ~4095ull, 4096, 0, 0, 0, 0), -EINVAL);
}

static void test_copies(void **state)
{
    char *page = guest_page(), text[64];
    gaddr end = P(page) + 4096;
    take_signals();
    space_munmap(end, 4096);
    memset(page, 'a', 4096);
    assert_true(copy_from_guest(text, end - 64, 64));
    assert_false(copy_from_guest(text, end - 63, 64));
    assert_false(copy_to_guest(end - 1, "ab", 2));
    assert_int_equal(copy_str_from_guest(text, end - 10, sizeof text), -EFAULT);
    page[4095] = 0;
    assert_int_equal(copy_str_from_guest(text, end - 10, sizeof text), 9);
    assert_int_equal(copy_str_from_guest(text, end - 100, sizeof text), -ENAMETOOLONG);
    assert_false(copy_from_guest(text, UINT64_MAX - 3, 64));
}

/* --- signals ------------------------------------------------------------------------------------------- */

static void set_handler(int signo, gaddr handler, uint64_t flags, uint64_t mask)
{
    uint64_t *act = guest_page();
    act[0] = handler;
    act[1] = flags;
    act[2] = mask;
    assert_int_equal(guest_call(CALL_rt_sigaction, (uint64_t)signo, P(act), P(act) + 64, 8, 0, 0), 0);
}

static void test_frame(void **state)
{
    char *stack = guest_page();
    uint64_t x[32] = { 0 }, f[32];
    if (!is_riscv())
        return;
    set_handler(SIGUSR1, 0x12340, SA_SIGINFO, 1ull << (SIGUSR2 - 1));
    for (unsigned i = 1; i < 32; i++)
        riscv_set_x(cpu, i, x[i] = 0x0111111111111111u * i);
    for (unsigned i = 0; i < 32; i++)
        *riscv_f(cpu, i) = f[i] = ~0ull / (i + 3);
    riscv_set_x(cpu, 2, x[2] = P(stack) + 4000);
    riscv_set_fcsr(cpu, 0x51);
    cpu->pc = 0x5554;
    raise(SIGUSR1);
    assert_int_equal(cpu->poll, 1);
    linux_poll(cpu);
    gaddr sp = riscv_x(cpu, 2);
    assert_int_equal(cpu->pc, 0x12340);
    assert_int_equal(riscv_x(cpu, 10), SIGUSR1);
    assert_int_equal(riscv_x(cpu, 11), sp);
    assert_int_equal(riscv_x(cpu, 12), sp + 128);
    assert_int_equal(riscv_x(cpu, 1), linux_state.sigreturn);
    assert_int_equal(sp % 16, 0);
    assert_int_equal(((siginfo_t *)host(sp))->si_signo, SIGUSR1);
    assert_int_equal(cpu->thread->blocked, 1ull << (SIGUSR1 - 1) | 1ull << (SIGUSR2 - 1));
    uint64_t *uc = host(sp + 128);
    assert_int_equal(uc[22], 0x5554);               /* sc_regs.pc */
    assert_int_equal(uc[22 + 31], x[31]);
    assert_int_equal(uc[54 + 5], f[5]);             /* sc_fpregs.d.f[5] */
    assert_int_equal((uint32_t)uc[54 + 32], 0x51);
    uc[22] = 0x7770;                                /* the handler edits pc, a4 and fa0 */
    uc[22 + 14] = 99;
    uc[54 + 10] = 1234;
    riscv_set_x(cpu, 20, 0);
    riscv_set_fcsr(cpu, 0);
    riscv_set_x(cpu, 17, 139);
    linux_syscall(cpu);
    assert_int_equal(cpu->pc, 0x7770);
    for (unsigned i = 1; i < 32; i++)
        assert_int_equal(riscv_x(cpu, i), i == 14 ? 99 : x[i]);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(*riscv_f(cpu, i), i == 10 ? 1234 : f[i]);
    assert_int_equal(riscv_fcsr(cpu), 0x51);
    assert_int_equal(cpu->thread->blocked, 0);
}

/* A signal that is there before the call: delivered first, and the call is made afterwards. */
static void test_before_call(void **state)
{
    set_handler(SIGUSR1, 0x12340, 0, 0);
    set_sp(guest_stack());
    raise(SIGUSR1);
    cpu->pc = 0x1004;
    set_number(172); /* getpid */
    linux_syscall(cpu);
    assert_int_equal(cpu->pc, 0x12340);
    set_number(139);
    linux_syscall(cpu);
    assert_int_equal(cpu->pc, 0x1000);
    assert_int_equal(own->get(cpu, own->number), 172);
}

/* The child: a guest's read of an empty pipe, which SIGUSR1 must end wherever in the host's code it arrives. */
_Noreturn static void reader(void)
{
    int pipes[2];
    char *page = guest_page();
    set_handler(SIGUSR1, 0x12340, 0, 0);
    set_sp(guest_stack());
    if (pipe(pipes) < 0)
        _exit(2);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    guest_call(CALL_read, (uint64_t)pipes[0], P(page), 1, 0, 0, 0);
    _exit(cpu->pc == 0x12340 ? 0 : 1);
}

/* Steps `pid` to the instruction number `wanted` of host_call(). False once that is past its syscall. */
static bool step_to(pid_t pid, int wanted)
{
    struct user_regs_struct regs;
    int status, inside = 0;
    for (;;) {
        assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
        bool here = regs.rip >= P(host_call) && regs.rip < P(host_call) + 64;
        if (here && inside++ == wanted)
            return true;
        if (here && (ptrace(PTRACE_PEEKTEXT, pid, (void *)regs.rip, NULL) & 0xffff) == 0x050f &&
            regs.rax == __NR_read)
            return false;
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
        waitpid(pid, &status, 0);
        assert_true(WIFSTOPPED(status));
    }
}

/* The child's wait status; if it has not ended after five seconds, it is killed. */
static int end_of(pid_t pid)
{
    int status = 0;
    for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++)
        usleep(10000);
    if (kill(pid, SIGKILL) == 0)
        waitpid(pid, &status, 0);
    return status;
}

/* No signal may be lost between the last look at the queue and the host's syscall instruction: one test an instruction. */
static void test_no_lost_signal(void **state)
{
    int swept = 0;
    for (bool more = true; more; swept++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            reader();
        waitpid(pid, &status, 0);
        assert_true(WIFSTOPPED(status));
        ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL);
        more = step_to(pid, swept);
        ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)SIGUSR1);
        status = end_of(pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("signal at instruction %d: status %#x", swept, status);
    }
    assert_true(swept > 8);
}

/* A fault handler is entered with the fault's address; blocked or default means death by that signal. */
static void test_fault(void **state)
{
    set_handler(SIGSEGV, 0x4440, SA_SIGINFO, 0);
    set_sp(guest_stack());
    cpu->pc = 0x88;
    linux_fault(cpu, SIGSEGV, SEGV_ACCERR, 0x123456);
    siginfo_t *si = host(arg(1));
    assert_int_equal(cpu->pc, 0x4440);
    assert_int_equal(si->si_code, SEGV_ACCERR);
    assert_int_equal((uint64_t)(uintptr_t)si->si_addr, 0x123456);
    for (int way = 0; way < 3; way++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit none = { 0, 0 };
            setrlimit(RLIMIT_CORE, &none);
            if (way == 0)
                set_handler(SIGSEGV, 0, 0, 0);      /* default; still blocked by its own handler otherwise */
            else if (way == 1)
                set_sp(64);            /* no stack */
            if (way == 1)
                cpu->thread->blocked = 0;
            linux_fault(cpu, SIGSEGV, SEGV_MAPERR, 0x10);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSEGV);
    }
    set_number(139);
    linux_syscall(cpu);
    set_handler(SIGSEGV, 0, 0, 0);
}

/* --- paths ---------------------------------------------------------------------------------------------- */

static void make_root(void)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cd %s && mkdir -p usr/bin etc/alternatives tmp proc home && echo mawk >usr/bin/mawk && "
             "ln -s /etc/alternatives/awk usr/bin/awk && ln -s /usr/bin/mawk etc/alternatives/awk && "
             "ln -s usr/bin bin && echo x >tmp/inside && ln -s /nowhere usr/dangling", root);
    assert_int_equal(system(command), 0);
}

static void test_paths(void **state)
{
    /* what the guest says, mode, what it means: "+" stands for the root, "=" for the same path */
    static const struct { const char *in; enum path_mode mode; const char *want; } rows[] = {
        { "/usr/bin/mawk", PATH_FOLLOW, "+/usr/bin/mawk" },
        { "/usr/bin/awk", PATH_FOLLOW, "+/usr/bin/mawk" },
        { "/usr/bin/awk", PATH_NOFOLLOW, "+/usr/bin/awk" },
        { "/bin/awk", PATH_FOLLOW, "+/usr/bin/mawk" },
        { "/bin/awk", PATH_NOFOLLOW, "+/usr/bin/awk" },
        { "//usr//bin/../bin/awk", PATH_FOLLOW, "+/usr/bin/mawk" },
        { "/usr/bin", PATH_FOLLOW, "+/usr/bin" },
        { "/usr/bin/", PATH_FOLLOW, "+/usr/bin/" },
        { "/usr/bin/nothing", PATH_FOLLOW, "=" },
        { "/usr/dangling", PATH_FOLLOW, "=" },
        { "/usr/dangling", PATH_NOFOLLOW, "+/usr/dangling" },
        { "/usr/bin/new", PATH_NEW, "=" },
        { "/usr/bin/mawk", PATH_NEW, "+/usr/bin/mawk" },
        { "/tmp/inside", PATH_FOLLOW, "=" },
        { "/proc/version", PATH_FOLLOW, "=" },
        { "/home", PATH_FOLLOW, "=" },
        { "/", PATH_FOLLOW, "=" },
        { "///", PATH_FOLLOW, "=" },
        { "usr/bin/mawk", PATH_FOLLOW, "=" },
        { "", PATH_FOLLOW, "=" },
        { "/proc/self/exe", PATH_FOLLOW, "/the/program" },
        { "/proc/thread-self/exe", PATH_FOLLOW, "/the/program" },
        { "/proc/1/exe", PATH_FOLLOW, "=" },
        { "/proc/self/exe", PATH_NOFOLLOW, "=" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[PATH_MAX], want[PATH_MAX];
        const char *got = path_translate(rows[i].in, rows[i].mode, out);
        if (rows[i].want[0] == '=')
            snprintf(want, sizeof want, "%s", rows[i].in);
        else
            snprintf(want, sizeof want, "%s%s", rows[i].want[0] == '+' ? root : "",
                     rows[i].want + (rows[i].want[0] == '+'));
        if (strcmp(got, want) != 0)
            fail_msg("%s: %s, expected %s", rows[i].in, got, want);
    }
    /* The root's own name in front: the same rules. */
    char in[PATH_MAX], out[PATH_MAX], want[PATH_MAX];
    snprintf(in, sizeof in, "%s/usr/bin/awk", root);
    snprintf(want, sizeof want, "%s/usr/bin/mawk", root);
    assert_string_equal(path_translate(in, PATH_FOLLOW, out), want);
}

static void test_proc(void **state)
{
    char *page = guest_page();
    char text[64];
    guest_text(page, "/proc/self/exe");
    assert_int_equal(guest_call(CALL_readlinkat, (uint64_t)AT_FDCWD, P(page), P(page) + 64, 100, 0, 0), 12);
    assert_memory_equal(page + 64, "/the/program", 12);
    guest_text(page, "/proc/cpuinfo");
    int64_t fd = guest_call(CALL_openat, (uint64_t)AT_FDCWD, P(page), O_RDONLY, 0, 0, 0);
    assert_true(fd >= 0);
    assert_int_equal(read((int)fd, text, 11), 11);
    assert_memory_equal(text, "processor\t:", 11);
    close((int)fd);
    assert_int_equal(guest_call(CALL_openat, (uint64_t)AT_FDCWD, P(page), O_RDWR, 0, 0, 0), -EACCES);
    assert_int_equal(guest_call(CALL_openat, (uint64_t)AT_FDCWD, 8, O_RDONLY, 0, 0, 0), -EFAULT);
}

/* --- */

static int setup(void **state)
{
    static struct exec_info info = { .path = "program", .exe = "/the/program", .prefix = root };
    info.guest = own->guest;
    if (!mkdtemp(root))
        return -1;
    make_root();
    options.self_fd = options.seccomp_fd = OPTION_UNSET;
    space_init(GUEST_TOP, NULL, NULL);
    cpu = cpu_new(own->guest);
    linux_init(cpu, &info);
    return 0;
}

static int teardown(void **state)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

int main(int argc, char **argv)
{
    own = &abis[argc > 1 && strcmp(argv[1], "aarch64") == 0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_numbers), cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stat), cmocka_unit_test(test_epoll), cmocka_unit_test(test_uname),
        cmocka_unit_test(test_prctl), cmocka_unit_test(test_hwprobe), cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_copies), cmocka_unit_test(test_frame), cmocka_unit_test(test_before_call),
        cmocka_unit_test(test_no_lost_signal), cmocka_unit_test(test_fault), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_proc),
    };
    return cmocka_run_group_tests_name("syscall", tests, setup, teardown);
}
