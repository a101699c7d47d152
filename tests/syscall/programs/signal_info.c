/* siginfo is complete: who sent, which timer, which value, which fault; children's states; descriptors' signals.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <time.h>
#include <unistd.h>

static siginfo_t seen;
static volatile int number_seen;
static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    seen = *info;
    number_seen = number;
}

static sigjmp_buf out;
static void note_jump(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    siglongjmp(out, 1);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
    sigaction(number, &action, NULL);
}

static void wait_for(int number)
{
    for (int i = 0; number_seen != number && i < 5000; i++)
        usleep(1000);
    if (number_seen != number)
        printf("signal %d never came\n", number);
    number_seen = 0;
}

static void sent(const char *how)
{
    number_seen = 0;
    printf("%s: signo %d errno %d code %d pid %d uid %d value %d\n", how, seen.si_signo, seen.si_errno, seen.si_code,
           seen.si_pid == getpid(), seen.si_uid == getuid(), seen.si_code == SI_QUEUE ? seen.si_value.sival_int : 0);
}

static void senders(void)
{
    handle(SIGUSR1, note, 0);
    kill(getpid(), SIGUSR1);
    sent("kill");
    raise(SIGUSR1);
    sent("raise");
    sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = -77 });
    sent("sigqueue");
    siginfo_t own = { .si_signo = SIGUSR1, .si_code = -60 };
    own.si_pid = getpid();
    own.si_uid = getuid();
    syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGUSR1, &own);
    sent("rt_tgsigqueueinfo");
    own.si_code = 5;
    long r = syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &own);
    printf("a lie: %ld %d\n", r, errno == EPERM);
}

static void timers(void)
{
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 123 };
    struct itimerspec when = { .it_value = { 0, 2000000 } };
    handle(SIGRTMIN + 3, note, 0);
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &when, NULL);
    wait_for(SIGRTMIN + 3);
    printf("timer: code %d value %d overrun %d\n", seen.si_code == SI_TIMER, seen.si_value.sival_int, seen.si_overrun);
    timer_delete(timer);
    event.sigev_notify = SIGEV_THREAD_ID;
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    printf("timer for a thread: %d\n", timer_create(CLOCK_MONOTONIC, &event, &timer));
    timer_settime(timer, 0, &when, NULL);
    wait_for(SIGRTMIN + 3);
    timer_delete(timer);
    struct itimerval real = { .it_value = { 0, 2000 } };
    handle(SIGALRM, note, 0);
    setitimer(ITIMER_REAL, &real, NULL);
    wait_for(SIGALRM);
    printf("itimer: code %d\n", seen.si_code);
    handle(SIGVTALRM, note, 0);
    setitimer(ITIMER_VIRTUAL, &real, NULL);
    while (number_seen != SIGVTALRM) {
    }
    printf("virtual itimer: code %d\n", seen.si_code);
}

static void children(void)
{
    handle(SIGCHLD, note, 0);
    number_seen = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(66);
    wait_for(SIGCHLD);
    printf("exited: code %d status %d pid %d\n", seen.si_code == CLD_EXITED, seen.si_status, seen.si_pid == pid);
    wait(NULL);
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    static const struct { int send, code; } steps[] = {
        { SIGSTOP, CLD_STOPPED }, { SIGCONT, CLD_CONTINUED }, { SIGKILL, CLD_KILLED },
    };
    for (int i = 0; i < 3; i++) {
        number_seen = 0;
        kill(pid, steps[i].send);
        wait_for(SIGCHLD);
        printf("child: code %d status %d pid %d\n", seen.si_code == steps[i].code, seen.si_status, seen.si_pid == pid);
    }
    siginfo_t info;
    printf("waitid: %d", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
    printf(" code %d status %d\n", info.si_code == CLD_KILLED, info.si_status);
    wait(NULL);
    handle(SIGCHLD, note, SA_NOCLDWAIT);
    pid = fork();
    if (pid == 0)
        _exit(0);
    wait_for(SIGCHLD);
    printf("SA_NOCLDWAIT: %d", wait(NULL));
    printf(" %d\n", errno == ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

static void faults(void)
{
    char *volatile page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, note_jump, SA_NODEFER);
    if (sigsetjmp(out, 1) == 0)
        *(volatile int *)(page + 20) = 1;
    printf("read-only: code %d at %d\n", seen.si_code == SEGV_ACCERR, seen.si_addr == page + 20);
    munmap(page, 4096);
    if (sigsetjmp(out, 1) == 0)
        (void)*(volatile int *)(page + 40);
    printf("unmapped: code %d at %d\n", seen.si_code == SEGV_MAPERR, seen.si_addr == page + 40);
    if (sigsetjmp(out, 1) == 0)
        (void)*(volatile int *)((char *)NULL + 24);
    printf("null: code %d at %d\n", seen.si_code == SEGV_MAPERR, (int)(intptr_t)seen.si_addr);
    FILE *f = tmpfile();
    if (ftruncate(fileno(f), 5000))
        return;
    page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    handle(SIGBUS, note_jump, SA_NODEFER);
    if (sigsetjmp(out, 1) == 0)
        page[2 * 4096 + 8] = 1;
    printf("behind the end: signal %d code %d at %d\n", seen.si_signo == SIGBUS, seen.si_code == BUS_ADRERR, seen.si_addr == page + 2 * 4096 + 8);
}

static void descriptors(void)
{
    int p[2];
    if (pipe(p))
        return;
    handle(SIGRTMIN + 5, note, 0);
    fcntl(p[0], F_SETSIG, SIGRTMIN + 5);
    fcntl(p[0], F_SETOWN, getpid());
    fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    printf("O_ASYNC kept: %d\n", fcntl(p[0], F_GETFL) == (O_ASYNC | O_NONBLOCK));
    number_seen = 0;
    if (write(p[1], "x", 1) != 1)
        return;
    wait_for(SIGRTMIN + 5);
    printf("SIGIO: code %d fd %d band %d\n", seen.si_code == POLL_IN, seen.si_fd == p[0], (seen.si_band & 1) != 0);
    handle(SIGPIPE, note, 0);
    close(p[0]);
    printf("write: %zd", write(p[1], "x", 1));
    printf(" %d\n", errno == EPIPE);
    wait_for(SIGPIPE);
    printf("SIGPIPE: code %d pid %d\n", seen.si_code, seen.si_pid == getpid());
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    senders();
    timers();
    children();
    faults();
    descriptors();
    return 0;
}
