/* SECCOMP_RET_TRACE: the tracer is told of a call, lets it be made, makes it another one, which is judged anew, or answers it.
 * build: -O2 dynamic; -O1 static
 */
#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/* Places in NT_PRSTATUS's registers. */
#ifdef __riscv
enum { RESULT = 10, NUMBER = 17 };
#elif defined __aarch64__
enum { RESULT = 0, NUMBER = -1 };   /* has a set of its own */
#else
enum { RESULT = 10, NUMBER = 15 };
#endif

static void set_register(pid_t pid, int which, long value)
{
    long regs[64] = { 0 };
    struct iovec v = { regs, sizeof regs };
    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v);
    regs[which] = value;
    if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v) < 0)
        printf("registers: %d\n", errno);
}

static void set_number(pid_t pid, int nr)
{
    if (NUMBER >= 0) {
        set_register(pid, NUMBER, nr);
        return;
    }
    struct iovec v = { &nr, sizeof nr };
    if (ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &v) < 0)
        printf("number: %d\n", errno);
}

static void install(int nr, unsigned action)
{
    struct sock_filter prog[] = {
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog fprog = { 4, prog };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) < 0)
        printf("filter: %d\n", errno);
}

static long call(long nr)
{
    long r = syscall(nr, 0, 0, 0);
    return r < 0 ? -errno : r;
}

static pid_t session;

static const char *plain(long r)
{
    static char text[8][24];
    static unsigned n;
    char *out = text[n++ % 8];
    snprintf(out, sizeof text[0], "%ld", r);
    return r == session ? "the session" : r == getpid() ? "itself" : out;
}

/* What is traced: each getsid() is one event. */
static void body(void)
{
    session = getsid(0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    install(SYS_getsid, SECCOMP_RET_TRACE | 0x1234);
    install(SYS_getpgid, SECCOMP_RET_ERRNO | 61);
    install(SYS_umask, SECCOMP_RET_TRACE | 0xffff);
    raise(SIGSTOP);
    printf("made: %s", plain(call(SYS_getsid)));
    printf(", another call: %s", plain(call(SYS_getsid)));
    printf(", answered: %s", plain(call(SYS_getsid)));
    printf(", an error: %s", plain(call(SYS_getsid)));
    printf(", a forbidden call: %s", plain(call(SYS_getsid)));
    printf(", one that is for the tracer, too: %d", call(SYS_getsid) >= 0);
    printf(", no such call: %s", plain(call(SYS_getsid)));
    umask(022);
    printf(", with stops at its end: %s\n", plain(call(SYS_getsid)));
    fflush(stdout);
    _exit(3);
}

static int next(pid_t pid, int request)
{
    int status = 0;
    ptrace(request, pid, NULL, NULL);
    waitpid(pid, &status, 0);
    return status;
}

static void show_event(pid_t pid, int status)
{
    struct {
        unsigned char op, pad[3];
        unsigned arch;
        unsigned long ip, sp, nr, args[6];
        unsigned data;
    } info;
    unsigned long message = 0;
    siginfo_t si;
    memset(&info, 0, sizeof info);
    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message);
    ptrace(0x420e /* PTRACE_GET_SYSCALL_INFO */, pid, sizeof info, &info);
    ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
    printf("event %x: message %lx, info %d %d %x, signal %d code %x\n", status >> 8, message, info.op,
           info.nr == SYS_getsid, info.data, si.si_signo, si.si_code);
}

static pid_t begin(unsigned long options)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        body();
    }
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, options | PTRACE_O_TRACESYSGOOD);
    return pid;
}

static void with_tracer(void)
{
    pid_t pid = begin(PTRACE_O_TRACESECCOMP);
    for (int i = 0;; i++) {
        int status = next(pid, PTRACE_CONT);
        if (!WIFSTOPPED(status)) {
            printf("exited with %d\n", WEXITSTATUS(status));
            return;
        }
        if (i == 0)
            show_event(pid, status);
        switch (i) {
        case 1:
            set_number(pid, SYS_getpid);
            break;
        case 2:
            set_number(pid, -1);
            set_register(pid, RESULT, 4321);
            break;
        case 3:
            set_number(pid, -1);
            set_register(pid, RESULT, -77);
            break;
        case 4:
            set_number(pid, SYS_getpgid);
            break;
        case 5:
            set_number(pid, SYS_umask);
            break;
        case 6:
            set_number(pid, 9999);
            break;
        case 7: {   /* umask, for which the message is another */
            unsigned long message = 0;
            ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message);
            printf("message %lx\n", message);
            break;
        }
        case 8:
            set_number(pid, -1);
            set_register(pid, RESULT, 5);
            status = next(pid, PTRACE_SYSCALL);
            printf("then %x", status >> 8);
            set_register(pid, RESULT, 6);
            printf(" and %x\n", next(pid, PTRACE_SYSCALL) >> 8);   /* the write */
            break;
        }
        fflush(stdout);
    }
}

/* Nobody asked: ENOSYS for all. */
static void without_option(void)
{
    pid_t pid = begin(0);
    int status = next(pid, PTRACE_CONT);
    printf("without the option: %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* Both kinds of stops: a call's begin, the filter's, the end. */
static void both(void)
{
    pid_t pid = begin(PTRACE_O_TRACESECCOMP);
    int seen = 0, order = 1, last = 0;
    for (;;) {
        int status = next(pid, PTRACE_SYSCALL);
        if (!WIFSTOPPED(status))
            break;
        int event = status >> 16;
        if (event)
            order &= last == 1;
        seen += event == PTRACE_EVENT_SECCOMP;
        last = event ? 2 : last == 1 || last == 2 ? 0 : 1;
        if (seen == 1 && last == 0)
            order &= WSTOPSIG(status) == (SIGTRAP | 0x80);
    }
    printf("both: events %d, in order %d\n", seen, order);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 0);
    with_tracer();
    without_option();
    both();
    return 0;
}
