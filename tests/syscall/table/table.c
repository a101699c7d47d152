/* System calls by table: the good ones of cases.def, and bad ones made of them by changing one argument at a time as its kind in
 * syscall.def suggests. Prints a line a call; run.py compares those of the native build with those of guests.
 *
 * Before each call a write to descriptor -1 names it, so that run.py finds the call's line in -strace's log.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/loop.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "syscall/host_nr.h"

#ifndef SYS_file_getattr
#define SYS_file_getattr __NR_file_getattr
#endif
#ifndef __NR_renameat
#define __NR_renameat 38   /* not one of riscv64's; it gets it nevertheless */
#endif
#ifdef __aarch64__
#define O_LARGEFILE_RAW 0400000
#else
#define O_LARGEFILE_RAW 0100000
#endif
#define P(x) ((uint64_t)(uintptr_t)(x))
#define raw(...) RAW_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define RAW_(nr, a, b, c, d, e, f, ...) syscall(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))

enum { PAGE = 4096 };

/* --- what the calls use ------------------------------------------------------------------------------- */

static char *buf, name[64];
static int file, dir, made, epfd, unbound, pipes[2], pipes2[2], sockets[2];
static uint64_t where;
static const uint64_t no_signals, usr1 = 1 << (SIGUSR1 - 1);
static struct timespec no_time[2], a_second = { 1, 0 }, an_hour[2] = { { 0, 0 }, { 3600, 0 } };
static const struct { const void *set; size_t size; } signals_pair = { &no_signals, 8 };
static struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 };
static struct flock lock = { .l_whence = SEEK_SET, .l_len = 5 };
static struct f_owner_ex owner = { .type = F_OWNER_PID };
static struct iovec iov_in[2], iov_out[2], iov_page[1];
static struct pollfd polled[2];
static struct sigevent sigev;
static stack_t altstack, old_altstack;
static struct sockaddr_un un;
static struct msghdr msg, zero_msg;
static struct mmsghdr *mmsgs;         /* one, at the end of the page */
static struct sembuf sem_up[1] = { { 0, 1, 0 } };
static const char *const no_words[] = { NULL };

static void fixtures(void)
{
    char *area = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buf = area + PAGE;
    mprotect(buf, PAGE, PROT_READ | PROT_WRITE);
    mkdir("folder", 0755);
    if (chdir("folder") < 0)
        exit(99);
    file = open("file", O_RDWR | O_CREAT, 0644);
    dir = open(".", O_RDONLY);
    if (write(file, "hello world", 11) != 11 || pipe(pipes) < 0 || write(pipes[1], "data", 4) != 4)
        exit(99);
    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    unbound = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    iov_in[0] = (struct iovec){ "ab", 2 };
    iov_in[1] = (struct iovec){ "cd", 2 };
    iov_out[0] = (struct iovec){ buf, 2 };
    iov_out[1] = (struct iovec){ buf + 100, 2 };
    iov_page[0] = (struct iovec){ buf, PAGE };
    polled[0] = (struct pollfd){ 0, POLLIN, 0 };
    polled[1] = (struct pollfd){ 800, POLLIN, 0 };
}

static void pty(void)
{
    file = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    struct winsize size = { 25, 80, 0, 0 };
    ioctl(file, TIOCSWINSZ, &size);
}

static void fiemap(void)
{
    fsync(file);
    struct fiemap *map = (void *)buf;
    map->fm_length = PAGE;
    map->fm_extent_count = 1;
}

static void iocb(void)
{
    struct iocb *cb = (void *)(buf + 128);
    *cb = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)file, .aio_buf = P(buf + 1024), .aio_nbytes = 5 };
    *(void **)(buf + 64) = cb;
}

static void epoll(void)
{
    epfd = epoll_create1(0);
}

static void epoll_add(void)
{
    epoll_ctl(epfd, EPOLL_CTL_ADD, pipes[0], &event);
}

static void own_mounts(void)
{
    unshare(CLONE_NEWNS);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static void own_ipc(void)
{
    unshare(CLONE_NEWIPC);
}

static void second_pipe(void)
{
    if (pipe(pipes2) < 0)
        exit(99);
}

static void child(int status)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(status);
    waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
}

static void on_signal(int signo)
{
}

static void pending(int signo)
{
    sigset_t set;
    signal(signo, on_signal);
    sigemptyset(&set);
    sigaddset(&set, signo);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(signo);
}

static void event_signal(int notify)
{
    sigev.sigev_notify = notify;
    sigev.sigev_signo = SIGUSR1;
    *((int *)&sigev + 4) = (int)raw(SYS_gettid);
}

static void a_timer(void)
{
    event_signal(SIGEV_NONE);
    raw(SYS_timer_create, CLOCK_MONOTONIC, &sigev, buf);
}

static void mq_name(void)
{
    sprintf(name, "dragoman-table-%d", getpid());
}

static void queue(void)
{
    long attr[8] = { 0, 4, 64 };
    own_ipc();
    mq_name();
    file = (int)raw(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, attr);
}

static void message(void)
{
    own_ipc();
    file = msgget(IPC_PRIVATE, 0600);
    *(long *)buf = 7;
    memcpy(buf + 8, "hi", 2);
    msgsnd(file, buf, 2, 0);
    memset(buf, 0, 16);
}

static void semaphores(void)
{
    own_ipc();
    file = semget(IPC_PRIVATE, 2, 0600);
}

static void segment(void)
{
    own_ipc();
    file = shmget(IPC_PRIVATE, PAGE, 0600);
}

static void address(const char *path)
{
    un.sun_family = AF_UNIX;
    strcpy(un.sun_path, path);
}

static void listener(void)
{
    address("sock");
    bind(unbound, (void *)&un, sizeof un);
    listen(unbound, 5);
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(other, (void *)&un, sizeof un) < 0)
        exit(99);
    *(int *)buf = 110;
}

static void message_of(struct iovec *iov)
{
    msg.msg_iov = iov;
    msg.msg_iovlen = 2;
}

static void mmsg(struct iovec *iov)
{
    mmsgs = (struct mmsghdr *)(buf + PAGE) - 1;
    mmsgs->msg_hdr.msg_iov = iov;
    mmsgs->msg_hdr.msg_iovlen = 2;
}

static union { struct cmsghdr head; char bytes[64]; } control;

static void rights(int fd)
{
    control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.head), &fd, 4);
    msg.msg_control = &control;
    msg.msg_controllen = CMSG_SPACE(4);
}

static void rights_seen(void)
{
    char text[8] = "";
    int fd = -1;
    memset(&control, 0, sizeof control);
    message_of(iov_out);
    if (recvmsg(sockets[1], &msg, 0) == 4)
        memcpy(&fd, CMSG_DATA(&control.head), 4);
    if (pread(fd, text, 5, 0) == 5)
        printf("%s", text);
}

static void big_file(void)
{
    file = open("big", O_RDWR | O_CREAT, 0600);
    if (ftruncate(file, 2 * PAGE) < 0 || pwrite(file, "a", 1, 0) != 1 || pwrite(file, "b", 1, PAGE) != 1)
        exit(99);
    where = P(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
}

static void new_file(void)
{
    made = open("made", O_RDWR | O_CREAT, 0600);
}

static int fanotify(void)
{
    return fanotify_init(0, O_RDONLY);
}

/* A struct futex_waitv at buf + 64 that expects `value` in the word at buf. */
static void waitv(uint32_t value)
{
    *(uint64_t *)(buf + 64) = value;
    *(uint64_t *)(buf + 72) = P(buf);
    *(uint32_t *)(buf + 80) = 2;   /* FUTEX_32 */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    a_second = now;                /* absolute for futex_waitv: over already */
}

/* struct mnt_id_req for the root file system's mount. */
static void mount_request(void)
{
    struct statx st;
    statx(AT_FDCWD, "/", 0, 0x4000 /* STATX_MNT_ID_UNIQUE */, &st);
    *(uint32_t *)buf = 24;
    *(uint64_t *)(buf + 8) = st.stx_mnt_id;
    *(uint64_t *)(buf + 16) = 1;   /* STATMOUNT_SB_BASIC */
}

/* --- what calls have given ------------------------------------------------------------------------------ */

static void text(const char *bytes, int len)
{
    printf("\"%.*s\"", len, bytes);
}

static void fd_flags(long fd)
{
    int flags = fcntl((int)fd, F_GETFL);
    printf("[%d %#x%s]", fcntl((int)fd, F_GETFD), flags & (O_ACCMODE | O_NONBLOCK | O_APPEND), flags & O_DIRECT ? " direct" : "");
}

static void kind_of(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        printf("none");
    else
        printf("%o %ld", st.st_mode, (long)(S_ISREG(st.st_mode) ? st.st_size : 0));
}

static void stat_text(const struct stat *st)
{
    struct stat want;
    int error = fstat(file, &want);
    printf("%o %ld %ld %d", st->st_mode, (long)st->st_nlink, (long)st->st_size,
           error == 0 && (st->st_ino == want.st_ino) && st->st_mtim.tv_nsec == want.st_mtim.tv_nsec);
}

static void names(const char *entries, long len)
{
    int files = 0, dots = 0;
    for (long at = 0; at < len; at += *(unsigned short *)(entries + at + 16)) {
        files += strcmp(entries + at + 19, "file") == 0;
        dots += entries[at + 19] == '.';
    }
    printf("%d %d", files, dots);
}

static void epoll_event(const void *bytes)
{
    struct epoll_event e;
    memcpy(&e, bytes, sizeof e);
    printf("%x %lx", e.events, (long)e.data.u64);
}

static void epoll_seen(void)
{
    struct epoll_event e;
    if (epoll_wait(epfd, &e, 1, 0) == 1)
        epoll_event(&e);
}

/* --- rows ----------------------------------------------------------------------------------------------- */

enum { FDARG = 1, PTR = 2, PATHARG = 4, OPENARG = 8 };
enum kind {
    KIND_NONE,
#define KIND(name, flags, doc) KIND_##name,
#include "syscall/kinds.def"
#undef KIND
};
static const unsigned char kind_flags[] = {
    0,
#define KIND(name, flags, doc) flags,
#include "syscall/kinds.def"
#undef KIND
};

#define FD KIND_FD
#define DIRFD KIND_DIRFD
#define PATH KIND_PATH
#define LPATH KIND_LPATH
#define PATHAT(n) KIND_PATHAT
#define LPATHAT(n) KIND_LPATHAT
#define NEWPATH KIND_NEWPATH
#define STR KIND_STR
#define INBUF(n) KIND_INBUF
#define OUTBUF(n) KIND_OUTBUF
#define INSTRUCT(x) KIND_INSTRUCT
#define OUTSTRUCT(x) KIND_OUTSTRUCT
#define IOSTRUCT(x) KIND_IOSTRUCT
#define INIOV(n) KIND_INIOV
#define OUTIOV(n) KIND_OUTIOV
#define SIGSET KIND_SIGSET
#define SIGSETO KIND_SIGSETO
#define STRV KIND_STRV
#define MEM KIND_MEM
#define ADDR KIND_ADDR
#define LEN KIND_LEN
#define INT KIND_INT
#define UINT KIND_UINT
#define LONG KIND_LONG
#define HEX KIND_HEX
#define MODE KIND_MODE
#define DEV KIND_DEV
#define FLAGS(x) KIND_FLAGS
#define OPENF KIND_OPENF
#define SIG KIND_SIG

static const struct row { const char *name; unsigned char kinds[7]; } rows[] = {
#define PASS(name, result, ...) { #name, { __VA_ARGS__ } },
#define CONV PASS
#define CALL PASS
#define DENY(name, err, why, ...) { #name, { __VA_ARGS__ } },
#include "syscall/syscall.def"
#undef PASS
#undef CONV
#undef CALL
#undef DENY
};

/* One call of a case: as it stands (arg -1), or with one argument replaced. */
struct probe {
    const char *call, *label;
    int arg;
    uint64_t value;
    const char *what;
};

enum show { NUM, OK };

static const char *errno_name(int error)
{
    const char *text = strerrorname_np(error);
    return text ? text : "?";
}

/* Names the call for the log, makes it, prints the result. */
static long make(const struct probe *p, long nr, const uint64_t *good, enum show show)
{
    uint64_t a[6];
    char title[128];
    pid_t self = getpid();
    memcpy(a, good, sizeof a);
    if (p->arg >= 0)
        a[p->arg] = p->value;
    int len = snprintf(title, sizeof title, "%s %s %d %s", p->call, p->label, p->arg, p->what);
    printf("%s = ", title);
    fflush(stdout);
    raw(SYS_write, -1, title, len);
    long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (raw(SYS_getpid) != self)
        _exit(9);
    if (r < 0)
        printf("%s", errno_name(errno));
    else if (show == OK)
        printf("ok");
    else
        printf("%ld", r);
    return r;
}

#define ARGS(...) { __VA_ARGS__ }
#define T(call, label, show, setup, args, after) \
    static void case_##call##_##label(const struct probe *p) \
    { \
        setup; \
        const uint64_t a[6] = ARGS args; \
        long r = make(p, __NR_##call, a, show); \
        if (r >= 0 && p->arg < 0) { \
            printf(" "); \
            after; \
        } \
    }
#include "cases.def"
#undef T

static const struct test { const char *call, *label; void (*fn)(const struct probe *); } tests[] = {
#define T(call, label, ...) { #call, #label, case_##call##_##label },
#include "cases.def"
#undef T
};

/* Runs a case in a process and a folder of its own. */
static void run(const struct test *test, int arg, uint64_t value, const char *what)
{
    static unsigned number;
    struct probe probe = { test->call, *test->label ? test->label : "-", arg, value, what };
    char folder[32];
    int status;
    snprintf(folder, sizeof folder, "case%u", number++);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        umask(022);
        alarm(5);
        if (mkdir(folder, 0755) < 0 || chdir(folder) < 0)
            exit(98);
        fixtures();
        test->fn(&probe);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (status != 0)
        printf(" [%s %d]", WIFEXITED(status) ? "exits" : "dies of", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    printf("\n");
}

static const struct row *row_of(const char *call)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, call) == 0)
            return &rows[i];
    exit(97);
}

static void run_all(const struct test *test)
{
    const struct row *row = row_of(test->call);
    run(test, -1, 0, "good");
    for (int i = 0; row->kinds[i]; i++) {
        unsigned flags = kind_flags[row->kinds[i]];
        if (flags & FDARG)
            run(test, i, 900, "descriptor");
        if (flags & PATHARG)
            run(test, i, P("none/none"), "path");
        if (flags & PTR) {
            run(test, i, 8, "fault");
            run(test, i, 0, "null");
        } else if (!(flags & FDARG)) {
            run(test, i, UINT64_MAX, "ones");
        }
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (argc < 2 || strstr(tests[i].call, argv[1]))
            run_all(&tests[i]);
    return 0;
}
