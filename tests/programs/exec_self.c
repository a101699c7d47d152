/* Programs that start programs: exec of itself (a foreign program), of a script, of a native one; vfork,
 * posix_spawn, system and popen; errors of all of them.
 * build: -O2 dynamic; -O0 static
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char self[4096];

static int status_of(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

static int child_main(int argc, char **argv)
{
    printf("child of %d arguments:", argc);
    for (int i = 1; i < argc; i++) {
        printf(" [%s]", argv[i]);
    }
    printf(" GREETING=%s\n", getenv("GREETING") ? getenv("GREETING") : "(none)");
    return 40 + argc;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return child_main(argc, argv);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    printf("exe is argv[0]: %d\n", n > 0 && strcmp(strrchr(self, '/'), strrchr(argv[0], '/')) == 0);

    pid_t child = fork();
    if (child == 0) {
        execl(self, "renamed", "by fork", "and exec", NULL);
        _exit(1);
    }
    printf("fork+exec %d\n", status_of(child));

    child = vfork();
    if (child == 0) {
        execl(self, self, "by vfork", NULL);
        _exit(1);
    }
    printf("vfork+exec %d\n", status_of(child));

    child = vfork();
    if (child == 0) {
        execl("/no/such/program", "x", NULL);
        _exit(errno == ENOENT ? 12 : 13);
    }
    printf("vfork+ENOENT %d\n", status_of(child));

    char *const arguments[] = { self, "by spawn", NULL };
    char *const environment[] = { "GREETING=hello there", NULL };
    int error = posix_spawn(&child, self, NULL, NULL, arguments, environment);
    printf("spawn %d %d\n", error, status_of(child));
    error = posix_spawn(&child, "/no/such/program", NULL, NULL, arguments, environment);
    printf("spawn ENOENT %d\n", error == ENOENT);

    int script = open("./script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    dprintf(script, "#!%s from the script\n", self);
    close(script);
    char *const again[] = { "./script", "last", NULL };
    error = posix_spawn(&child, "./script", NULL, NULL, again, environ);
    printf("script %d %d\n", error, status_of(child));

    script = open("./not-executable", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    close(script);
    chmod("./not-executable", 0755);
    child = fork();
    if (child == 0) {
        execv("./not-executable", again);
        _exit(errno == ENOEXEC ? 14 : 15);
    }
    printf("ENOEXEC %d\n", status_of(child));

    char line[200];
    printf("system %d\n", WEXITSTATUS(system("echo through the shell; exit 5")));
    FILE *pipe = popen("echo from a native program; exit 6", "r");
    while (fgets(line, sizeof line, pipe)) {
        printf("popen: %s", line);
    }
    printf("pclose %d\n", WEXITSTATUS(pclose(pipe)));

    int fd = open(self, O_RDONLY | O_CLOEXEC);
    child = fork();
    if (child == 0) {
        fexecve(fd, (char *const[]){ "by-fd", "fexecve", NULL }, environ);
        _exit(1);
    }
    printf("fexecve %d\n", status_of(child));
    return 0;
}
