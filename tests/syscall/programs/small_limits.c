/* RLIMIT_NOFILE: a program under a small limit starts, and has every number below the limit to itself; dup2 onto any number works.
 * build: -O2 dynamic; -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Duplicates of descriptor 0 until there is no room, then all closed again; and what dup2 says of each number. */
static void count(const char *name, int limit)
{
    int n = 0, taken = 0;
    for (int fd = 3; fd < limit; fd++)
        taken += fcntl(fd, F_GETFD) >= 0;
    while (dup(0) >= 0)
        n++;
    printf("limit %s: %d are open already, room for %d more, then errno %d\n", name, taken, n, errno);
    for (int fd = 3; fd < limit; fd++)
        close(fd);
    n = 0;
    for (int fd = 3; fd < limit; fd++)
        n += dup2(0, fd) == fd;
    printf("limit %s: dup2 onto %d numbers\n", name, n);
}

int main(int argc, char **argv)
{
    static const int limits[] = { 1024, 300, 64, 20, 8, 4 };
    struct rlimit old;
    if (argc > 1) {
        count(argv[1], atoi(argv[1]));
        return 0;
    }
    getrlimit(RLIMIT_NOFILE, &old);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        int status;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            char text[16];
            struct rlimit limit = { (rlim_t)limits[i], old.rlim_max };
            setrlimit(RLIMIT_NOFILE, &limit);
            snprintf(text, sizeof text, "%d", limits[i]);
            execl(argv[0], argv[0], text, NULL);
            perror("execl");
            _exit(3);
        }
        waitpid(pid, &status, 0);
        printf("status %x\n", status);
    }
    return 0;
}
