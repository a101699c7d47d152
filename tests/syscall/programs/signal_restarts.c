/* What a signal does to each kind of waiting call: restarted with SA_RESTART, EINTR without it or always, remainders of sleeps.
 * Each call runs three ways: handler without SA_RESTART, with it, and with the signal ignored.
 * build: -O2 dynamic; -O1 static
 * quick: no
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int handled;
static void note(int number) { handled += number == SIGUSR1; }

static int pipes[2], sockets[2], event, epoll_fd, queue, semaphores, word, sleeper_pid;
static struct timespec left;

/* Calls that would wait for ever, or for TIME_MS where they have a time. */
enum { TIME_MS = 2000 };

static long do_read(void) { char c; return read(pipes[0], &c, 1); }
static long do_recv(void) { char c; return recv(sockets[0], &c, 1, 0); }
static long do_recv_timeout(void)
{
    struct timeval tv = { TIME_MS / 1000, 0 }, none = { 0, 0 };
    char c;
    setsockopt(sockets[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    long r = recv(sockets[1], &c, 1, 0);
    int error = errno;
    setsockopt(sockets[1], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    errno = error;
    return r;
}
static long do_eventfd(void) { unsigned long v; return read(event, &v, 8); }
static long do_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL); }
static long do_futex_time(void)
{
    struct timespec ts = { TIME_MS / 1000, 0 };
    return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts);
}
static long do_nanosleep(void)
{
    struct timespec ts = { TIME_MS / 1000, 0 };
    left.tv_nsec = -1;
    return nanosleep(&ts, &left);
}
static long do_clock_absolute(void)
{
    struct timespec ts;
    left.tv_nsec = -1;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += TIME_MS / 1000;
    int r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &left);
    errno = r;
    return r ? -1 : 0;
}
static long do_poll(void) { struct pollfd p = { pipes[0], POLLIN, 0 }; return poll(&p, 1, TIME_MS); }
static long do_select(void)
{
    struct timeval tv = { TIME_MS / 1000, 0 };
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipes[0], &set);
    return select(pipes[0] + 1, &set, NULL, NULL, &tv);
}
static long do_epoll(void) { struct epoll_event e; return epoll_wait(epoll_fd, &e, 1, TIME_MS); }
static long do_sigtimedwait(void)
{
    sigset_t set;
    struct timespec ts = { TIME_MS / 1000, 0 };
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &ts);
}
static long do_pause(void) { return pause(); }
static long do_msgrcv(void) { char m[32]; return msgrcv(queue, m, 8, 0, 0); }
static long do_semop(void) { struct sembuf b = { 0, -1, 0 }; return semop(semaphores, &b, 1); }
static long do_semtimedop(void)
{
    struct sembuf b = { 0, -1, 0 };
    struct timespec ts = { TIME_MS / 1000, 0 };
    return semtimedop(semaphores, &b, 1, &ts);
}
static long do_wait(void)
{
    int status;
    return waitpid(sleeper_pid, &status, 0);
}
static long do_waitid(void)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)sleeper_pid, &info, WEXITED);
}
static char lock_name[] = "/tmp/restart-XXXXXX";
static long do_flock(void)
{
    int fd = open(lock_name, O_RDWR);
    long r = flock(fd, LOCK_EX);
    int error = errno;
    close(fd);
    errno = error;
    return r;
}
static long do_setlkw(void)
{
    int fd = open(lock_name, O_RDWR);
    struct flock l = { .l_type = F_WRLCK };
    long r = fcntl(fd, F_OFD_SETLKW, &l);
    int error = errno;
    close(fd);
    errno = error;
    return r;
}

static const struct { const char *name; long (*call)(void); } calls[] = {
    { "read", do_read }, { "recv", do_recv }, { "recv with SO_RCVTIMEO", do_recv_timeout },
    { "read of an eventfd", do_eventfd }, { "futex", do_futex }, { "futex with a time", do_futex_time },
    { "nanosleep", do_nanosleep }, { "clock_nanosleep, absolute", do_clock_absolute }, { "poll", do_poll },
    { "select", do_select }, { "epoll_wait", do_epoll }, { "sigtimedwait", do_sigtimedwait },
    { "pause", do_pause }, { "msgrcv", do_msgrcv }, { "semop", do_semop }, { "semtimedop", do_semtimedop },
    { "waitpid", do_wait }, { "waitid", do_waitid }, { "flock", do_flock }, { "fcntl lock", do_setlkw },
};

enum { NCALLS = sizeof calls / sizeof *calls };

static char state_of(pid_t pid)
{
    char path[64], line[512], *end;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    end = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    return end ? end[2] : 0;
}

static struct { pid_t pid; int tell; } cases[NCALLS][3];

/* Makes the call in a child, which tells its result by a pipe. */
static void start(unsigned i, int way)
{
    struct sigaction action = { .sa_handler = way == 2 ? SIG_IGN : note, .sa_flags = way == 1 ? SA_RESTART : 0 };
    int tell[2];
    if (pipe(tell))
        return;
    cases[i][way].pid = fork();
    cases[i][way].tell = tell[0];
    if (cases[i][way].pid) {
        close(tell[1]);
        return;
    }
    sigaction(SIGUSR1, &action, NULL);
    sleeper_pid = fork();
    if (sleeper_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    errno = 0;
    left.tv_nsec = -2;
    long r = calls[i].call();
    int error = errno;
    kill(sleeper_pid, SIGKILL);
    char text[100];
    int n = snprintf(text, sizeof text, "%d %s, handled %d, rest %d", r < 0 ? -1 : r > 0, r < 0 ? strerrorname_np(error) : "-",
                     handled, left.tv_nsec < 0 ? (int)left.tv_nsec : left.tv_nsec > 0);
    _exit(write(tell[1], text, (size_t)n) != n);
}

/* Waits until the child sleeps in its call: three looks, one after another. */
static void wait_asleep(pid_t pid)
{
    struct timespec nap = { 0, 1000000 };
    for (int n = 0, sleeping = 0; n < 1000 && sleeping < 3; n++) {
        nanosleep(&nap, NULL);
        sleeping = state_of(pid) == 'S' ? sleeping + 1 : 0;
    }
}

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void finish(unsigned i, int way, long deadline)
{
    char text[128] = "";
    long wait = deadline - now_ms();
    struct pollfd p = { cases[i][way].tell, POLLIN, 0 };
    int got = poll(&p, 1, wait > 0 ? (int)wait : 0);
    ssize_t n = got > 0 ? read(p.fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = 0;
    printf("%s %d: %s\n", calls[i].name, way, got > 0 ? text : "goes on");
    kill(cases[i][way].pid, SIGKILL);
    waitpid(cases[i][way].pid, NULL, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    event = eventfd(0, 0);
    epoll_fd = epoll_create1(0);
    queue = msgget(IPC_PRIVATE, 0600);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    int lock = mkstemp(lock_name);
    struct flock l = { .l_type = F_WRLCK };
    if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || flock(lock, LOCK_EX) || fcntl(lock, F_OFD_SETLK, &l))
        return 1;
    for (unsigned i = 0; i < NCALLS; i++)
        for (int way = 0; way < 3; way++)
            start(i, way);
    for (unsigned i = 0; i < NCALLS; i++)
        for (int way = 0; way < 3; way++)
            wait_asleep(cases[i][way].pid);
    for (unsigned i = 0; i < NCALLS; i++)
        for (int way = 0; way < 3; way++)
            kill(cases[i][way].pid, SIGUSR1);
    long deadline = now_ms() + 2 * TIME_MS;
    for (unsigned i = 0; i < NCALLS; i++)
        for (int way = 0; way < 3; way++)
            finish(i, way, deadline);
    unlink(lock_name);
    msgctl(queue, IPC_RMID, NULL);
    semctl(semaphores, 0, IPC_RMID);
    return 0;
}
