/* A process that starts many others by posix_spawn does not grow: what an execve needed is given back although the child, which
 * shares the memory, never returns from it.
 * build: -O2 static
 */
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static long resident_pages(void)
{
    long pages = -1;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        return -1;
    fclose(f);
    return pages;
}

static int spawn(const char *path)
{
    char *argv[] = { (char *)path, "child", NULL };
    pid_t pid;
    int status;
    return posix_spawn(&pid, path, NULL, NULL, argv, environ) == 0 && waitpid(pid, &status, 0) == pid && status == 12 << 8;
}

int main(int argc, char **argv)
{
    char path[4096] = "";
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return 12;
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        return 1;
    int good = 0;
    for (int i = 0; i < 20; i++)
        good += spawn(path);
    long before = resident_pages();
    for (int i = 0; i < 150; i++)
        good += spawn(path);
    long grown = resident_pages() - before;
    printf("%d spawns, grown by less than 1 MB %d\n", good, before > 0 && grown < 256);
    return 0;
}
