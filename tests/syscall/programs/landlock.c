/* Landlock: what a program may no longer read or execute, itself and by the programs that it starts.
 * build: -O1 static
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(const char *path, const char *word)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, path, word, NULL);
        _exit(100 + errno);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void copy_to(const char *from, const char *to)
{
    char bytes[65536];
    ssize_t n;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
    while ((n = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)n) != n)
            exit(9);
    close(in);
    close(out);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("%s: reading /proc/version %d\n", argv[1], open("/proc/version", O_RDONLY) < 0 ? errno : 0);
        return 7;
    }
    mkdir("allowed", 0755);
    mkdir("forbidden", 0755);
    copy_to(argv[0], "allowed/program");
    copy_to(argv[0], "forbidden/program");
    printf("before: %d\n", start("allowed/program", "allowed"));
    printf("before: %d\n", start("forbidden/program", "forbidden"));
    struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0) {
        printf("no landlock\n");
        return 0;
    }
    struct landlock_path_beneath_attr beneath = { .allowed_access = attr.handled_access_fs, .parent_fd = open("allowed", O_PATH) };
    printf("rule %ld\n", syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0));
    beneath.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
    beneath.parent_fd = open("forbidden", O_PATH);
    printf("rule %ld\n", syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("restrict %ld\n", syscall(SYS_landlock_restrict_self, rules, 0));
    printf("reading: %d", open("/proc/version", O_RDONLY) < 0 ? errno : 0);
    printf(" %d\n", open("forbidden/program", O_RDONLY) < 0 ? errno : 0);
    printf("allowed: %d\n", start("allowed/program", "allowed"));
    printf("forbidden: %d\n", start("forbidden/program", "forbidden"));
    return 0;
}
