/* Native programs that are executed by a program with seccomp filters are held to them: by their own architecture's numbers.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)
#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { X86_UNAME = 63, X86_SYNC = 162 };   /* calls that nobody here but the native programs makes */

static int install(struct sock_filter *prog, size_t len)
{
    struct sock_fprog fprog = { (unsigned short)len, prog };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) < 0 ? -errno : 0;
}

/* `action` for call `nr` of x86-64. */
static int deny_native(unsigned nr, unsigned action)
{
    struct sock_filter prog[] = {
        LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), RETURN(action), RETURN(SECCOMP_RET_ALLOW),
    };
    return install(prog, COUNT(prog));
}

static void start(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void run(char *const argv[])
{
    fflush(stdout);
    execv(argv[0], argv);
    printf("execv: %d\n", errno);
}

static void status(void)
{
    start();
    printf("install %d", deny_native(9999, SECCOMP_RET_KILL_PROCESS));
    printf(" %d\n", deny_native(9998, SECCOMP_RET_ERRNO));
    run((char *[]){ "/bin/grep", "-E", "^(NoNewPrivs|Seccomp|Seccomp_filters):", "/proc/self/status", NULL });
}

static void arguments(void)
{
    start();
    deny_native(9999, SECCOMP_RET_KILL_PROCESS);
    setenv("WORD", "from the environment", 1);
    run((char *[]){ "/bin/sh", "-c", "echo \"$0,$1,$WORD\"; echo err >&2; exit 7", "zero", "o n e", NULL });
}

static void refused(void)
{
    start();
    deny_native(X86_UNAME, SECCOMP_RET_ERRNO | EPERM);
    run((char *[]){ "/bin/sh", "-c", "uname -m 2>/dev/null; echo $?", NULL });
}

static void killed(void)
{
    start();
    deny_native(X86_UNAME, SECCOMP_RET_ERRNO | EPERM);
    deny_native(X86_UNAME, SECCOMP_RET_KILL_PROCESS);
    deny_native(X86_SYNC, SECCOMP_RET_ERRNO | EPERM);
    run((char *[]){ "/bin/uname", NULL });
}

/* A filter that uses the accumulator before it has loaded anything: it is 0. */
static void accumulator(void)
{
    struct sock_filter prog[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS), RETURN(SECCOMP_RET_ALLOW),
    };
    start();
    printf("install %d\n", install(prog, COUNT(prog)));
    run((char *[]){ "/bin/echo", "not killed", NULL });
}

/* Knows this architecture alone, as most filters do. */
static void other_architectures(void)
{
#ifdef __x86_64__
    raise(SIGSYS);   /* what must come of it elsewhere */
#else
    struct sock_filter prog[] = {
        LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1), RETURN(SECCOMP_RET_KILL_PROCESS),
        RETURN(SECCOMP_RET_ALLOW),
    };
    start();
    install(prog, COUNT(prog));
    run((char *[]){ "/bin/echo", "not reached", NULL });
#endif
}

static void write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        printf("%s: %d\n", name, errno);
    close(fd);
}

static void other_files(void)
{
    write_file("text", "echo text\n");
    write_file("script", "#!/bin/sh\necho script $0 $1\n");
    start();
    deny_native(9999, SECCOMP_RET_KILL_PROCESS);
    run((char *[]){ "./text", NULL });
    run((char *[]){ "./not-there", NULL });
    run((char *[]){ "/", NULL });
    printf("wild %d\n", syscall(SYS_execve, "/bin/true", 8L, NULL) < 0 ? errno : 0);
    run((char *[]){ "./script", "word", NULL });
}

static void by_descriptor(void)
{
    int fd = open("/bin/echo", O_RDONLY | O_CLOEXEC);
    start();
    deny_native(9999, SECCOMP_RET_KILL_PROCESS);
    fexecve(fd, (char *[]){ "echo", "by descriptor", NULL }, environ);
    printf("fexecve: %d\n", errno);
}

static void children(void)
{
    pid_t pid;
    int how;
    start();
    deny_native(X86_UNAME, SECCOMP_RET_ERRNO | EPERM);
    printf("system %d\n", system("uname 2>/dev/null"));
    printf("posix_spawn %d", posix_spawn(&pid, "/bin/uname", NULL, NULL, (char *[]){ "uname", NULL }, (char *[]){ NULL }));
    waitpid(pid, &how, 0);
    printf(" %d\n", WEXITSTATUS(how));
    struct stat st;
    printf("descriptors that stay:");
    for (int fd = 3; fd < 20; fd++)
        if (fstat(fd, &st) == 0)
            printf(" %d", fd);
    printf("\n");
    run((char *[]){ "/bin/sh", "-c", "for f in 3 4 5 6 7 8 9; do test -e /dev/fd/$f && echo open $f; done; exit 3", NULL });
}

int main(void)
{
    static const struct { const char *name; void (*fn)(void); } tests[] = {
        { "status", status }, { "arguments", arguments }, { "refused", refused }, { "killed", killed }, { "accumulator", accumulator },
        { "other architectures", other_architectures }, { "other files", other_files }, { "by descriptor", by_descriptor },
        { "children", children },
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < COUNT(tests); i++) {
        int how;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            tests[i].fn();
            fflush(stdout);
            _exit(0);
        }
        waitpid(pid, &how, 0);
        printf("%s: exit %d, signal %d\n", tests[i].name, WIFEXITED(how) ? WEXITSTATUS(how) : -1, WIFSIGNALED(how) ? WTERMSIG(how) : 0);
    }
    return 0;
}
