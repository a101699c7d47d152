#include "chroot/chroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/keep.h"
#include "loader/options.h"
#include "loader/probe.h"

enum { FAILURE = 125, MAX_BINDS = 32 };
#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct request {
    const char *dir, *binds[MAX_BINDS];
    int nbinds;
    bool no_mounts;
};

__attribute__((noreturn, format(printf, 2, 3)))
static void die(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("dragoman chroot: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(status);
}

static void usage(FILE *f)
{
    fputs("usage: dragoman chroot [OPTIONS] DIR [COMMAND [ARGUMENTS]]\n"
          "  --bind SOURCE[:TARGET]  show a file or folder of this system inside, too\n"
          "  --no-mounts             without /proc, /dev, /sys and /etc/resolv.conf\n"
          "Without COMMAND: a shell.\n", f);
}

/* --- ids ---------------------------------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Our name, from id(1): the C library's way to it loads libraries, which a static program can't. Empty if there is none. */
static const char *user_name(void)
{
    static char name[64];
    FILE *f = name[0] ? NULL : popen("id -un 2>/dev/null", "r");
    if (f && !fgets(name, sizeof name, f))
        name[0] = 0;
    if (f)
        pclose(f);
    name[strcspn(name, "\n")] = 0;
    return name;
}

/* The first range that `path` (/etc/subuid, /etc/subgid) gives to us. */
static bool subordinate(const char *path, unsigned *first, unsigned *count)
{
    char line[256], number[16];
    const char *name = user_name();
    FILE *f = fopen(path, "re");
    bool found = false;
    snprintf(number, sizeof number, "%u", geteuid());
    while (f && !found && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (!colon || sscanf(colon, ":%u:%u", first, count) != 2)
            continue;
        *colon = 0;
        found = strcmp(line, number) == 0 || (*name && strcmp(line, name) == 0);
    }
    if (f)
        fclose(f);
    return found;
}

/* newuidmap or newgidmap for process `pid`: 0 is the user himself, 1.. his range. */
static bool map_range(const char *tool, const char *file, pid_t pid, unsigned id)
{
    unsigned first, count;
    char command[160];
    if (!subordinate(file, &first, &count))
        return false;
    snprintf(command, sizeof command, "exec %s %d 0 %u 1 1 %u %u 2>/dev/null", tool, pid, id, first, count);
    return system(command) == 0;
}

/* A child that stays outside maps the ranges once the parent is in its namespace. */
static bool map_from_outside(uid_t uid, gid_t gid)
{
    int ready[2], status;
    pid_t parent = getpid();
    if (pipe2(ready, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ready[1]);
        bool told = read(ready[0], &byte, 1) == 1;
        _exit(told && map_range("newuidmap", "/etc/subuid", parent, uid) &&
                      map_range("newgidmap", "/etc/subgid", parent, gid) ? 0 : 1);
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        die(FAILURE, "no user namespace: %s", strerror(errno));
    bool told = child > 0 && write(ready[1], "", 1) == 1;
    close(ready[0]);
    close(ready[1]);
    return told && waitpid(child, &status, 0) == child && status == 0;
}

bool chroot_has_ids(void)
{
    unsigned first, count;
    return geteuid() == 0 || (subordinate("/etc/subuid", &first, &count) &&
                              subordinate("/etc/subgid", &first, &count) &&
                              system("command -v newuidmap newgidmap >/dev/null") == 0);
}

/* What is found by its path outside only: the translator itself, and the folder of kept translations, which depends on who
 * the user is. Returns the folder's descriptor, or -1. */
static int open_outside(void)
{
    static int kept = -2;
    if (kept == -2) {
        options.self_fd = OPTION_UNSET;     /* options_parse() comes later */
        options_self_fd();
        kept = keep_dir_find(getenv("DRAGOMAN_DISK_CACHE"));
    }
    return kept;
}

void chroot_become_root(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char text[64];
    open_outside();
    if (uid == 0) {
        if (unshare(CLONE_NEWNS) < 0)
            die(FAILURE, "no mount namespace: %s", strerror(errno));
        return;
    }
    if (map_from_outside(uid, gid))
        return;
    snprintf(text, sizeof text, "0 %u 1", uid);
    bool ok = write_text("/proc/self/uid_map", text) && write_text("/proc/self/setgroups", "deny");
    snprintf(text, sizeof text, "0 %u 1", gid);
    if (!ok || !write_text("/proc/self/gid_map", text))
        die(FAILURE, "cannot map user %u: %s", uid, strerror(errno));
}

/* --- the root ------------------------------------------------------------------------------------------------ */

/* Shows `source` at `target` below the root; makes the place for it if need be. */
static void bind(const char *root, const char *source, const char *target)
{
    char at[PATH_MAX];
    struct stat st;
    snprintf(at, sizeof at, "%s/%s", root, target);
    if (stat(source, &st) < 0)
        die(FAILURE, "%s: %s", source, strerror(errno));
    if (access(at, F_OK) < 0) {
        int fd = S_ISDIR(st.st_mode) ? mkdir(at, 0755) : open(at, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
            die(FAILURE, "%s: %s", at, strerror(errno));
        if (!S_ISDIR(st.st_mode))
            close(fd);
    }
    if (mount(source, at, NULL, MS_BIND | MS_REC, NULL) < 0)
        die(FAILURE, "cannot show %s at %s: %s", source, at, strerror(errno));
}

static void mount_all(const struct request *q)
{
    static const char *const usual[] = { "/proc", "/dev", "/sys", "/etc/resolv.conf" };
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die(FAILURE, "cannot make mounts private: %s", strerror(errno));
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !q->no_mounts; i++)
        if (access(usual[i], F_OK) == 0)
            bind(q->dir, usual[i], usual[i]);
    for (int i = 0; i < q->nbinds; i++) {
        char source[PATH_MAX];
        const char *colon = strchr(q->binds[i], ':');
        snprintf(source, sizeof source, "%.*s", (int)(colon ? colon - q->binds[i] : (int)strlen(q->binds[i])), q->binds[i]);
        bind(q->dir, source, colon ? colon + 1 : source);
    }
}

/* --- the command ----------------------------------------------------------------------------------------------- */

/* COMMAND's path inside: as it is with a slash, else the first along PATH. */
static const char *look_up(const char *command)
{
    static char path[PATH_MAX];
    if (strchr(command, '/'))
        return command;
    for (const char *p = getenv("PATH"); p; p = strchr(p, ':')) {
        p += *p == ':';
        snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(p, ":"), p, command);
        if (access(path, X_OK) == 0)
            return path;
    }
    die(127, "%s: not found", command);
}

/* A native program needs no translation. */
static void run_native(const char *path, char **argv)
{
    struct probe probe;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(errno == ENOENT ? 127 : 126, "%s: %s", path, strerror(errno));
    bool native = probe_fd(fd, &probe) == 0 && probe.kind == PROBE_NATIVE;
    close(fd);
    if (native) {
        execv(path, argv);
        die(126, "%s: %s", path, strerror(errno));
    }
}

static int parse(int argc, char **argv, struct request *q)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            exit(0);
        } else if (strcmp(argv[i], "--no-mounts") == 0) {
            q->no_mounts = true;
        } else if (strcmp(argv[i], "--bind") == 0 && i + 1 < argc && q->nbinds < MAX_BINDS) {
            q->binds[q->nbinds++] = argv[++i];
        } else {
            usage(stderr);
            exit(FAILURE);
        }
    }
    if (i == argc) {
        usage(stderr);
        exit(FAILURE);
    }
    q->dir = realpath(argv[i], NULL);
    if (!q->dir)
        die(FAILURE, "%s: %s", argv[i], strerror(errno));
    return i + 1;
}

/* dragoman's own words for a foreign command. The folder of kept translations is handed on as a descriptor: its path would
 * lead into the new root, and make a folder there. */
static int own_words(char *name, const char *path, char **command, int kept, char ***out)
{
    static char fd[12];
    size_t n = 0, count = 0;
    while (command[n])
        n++;
    char **words = calloc(n + 6, sizeof *words);   /* six of ours, less one, and the null pointer */
    if (!words)
        die(FAILURE, "out of memory");
    snprintf(fd, sizeof fd, "%d", kept);
    words[count++] = name;
    words[count++] = kept >= 0 ? "--disk-cache-fd" : "--disk-cache";
    words[count++] = kept >= 0 ? fd : "off";
    words[count++] = "-0";
    words[count++] = command[0];
    words[count++] = (char *)(uintptr_t)path;
    memcpy(words + count, command + 1, (n - 1) * sizeof *words);
    *out = words;
    return (int)(count + n - 1);
}

int chroot_enter(int argc, char **argv, char ***out)
{
    static char *shell[] = { "sh", NULL };
    struct request q = { .dir = NULL };
    int first = parse(argc, argv, &q);
    chroot_become_root();
    mount_all(&q);
    if (chroot(q.dir) < 0 || chdir("/") < 0)
        die(FAILURE, "%s: %s", q.dir, strerror(errno));
    setenv("PATH", USUAL_PATH, 1);
    char **command = first < argc ? argv + first : shell;
    const char *path = look_up(command[0]);
    run_native(path, command);
    return own_words(argv[0], path, command, open_outside(), out);
}
