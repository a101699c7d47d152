/* execve: guest programs, scripts and native programs, without binfmt_misc.
 *
 * A guest's program is run by a new dragoman: the translator executes itself through a descriptor that it keeps
 * (options_self_fd()), with the options that children inherit, the open program file, and the guest's argv. Strings are
 * not copied: the new argument vector points at the guest's own memory, so EFAULT and E2BIG are the kernel's. All that the
 * kernel would refuse before the point of no return is checked here, since afterwards nobody could report it.
 *
 * Example: execve("/usr/bin/ls", {"ls", "-l"}) under -L /srv/rv becomes
 *     execveat(self, "", {"dragoman", "-L", "/srv/rv", "--child", "--self-fd", "992", "--program-fd", "3",
 *                         "-0", "ls", "--", "/usr/bin/ls", "-l"}, envp, AT_EMPTY_PATH)
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/keep.h"
#include "loader/options.h"
#include "loader/probe.h"
#include "syscall/access.h"
#include "syscall/limits.h"
#include "syscall/path.h"
#include "syscall/seccomp.h"
#include "syscall/sys.h"

/* One execve in progress. */
struct exec {
    struct sys *s;
    char name[PATH_MAX + 32];    /* as the guest said it: AT_EXECFN, and what scripts get as their name */
    int fd;                      /* the file to run, or -1 */
    const char *host_path;       /* its path for the host */
    char path_buffer[PATH_MAX];
    bool closes_on_exec;         /* reached through a close-on-exec descriptor: scripts can't be read then */
    const char **argv;           /* of the file to run; strings are the guest's or belong to `words` */
    size_t argc, prepended;      /* words in argv before those of the guest */
    gaddr *envp;
    char traced[24], limits[LIMITS_WORD];        /* arguments of options */
    char words[PROBE_DEPTH + 1][3][PROBE_BYTES]; /* interpreter, argument of each script */
};

#define AT_EXECVE_CHECK_BIT 0x10000   /* linux/fcntl.h */

enum {
    ROOM = 3 * (PROBE_DEPTH + 1),   /* in front of argv, for scripts */
    MAX_WORDS = 1 << 24,            /* the kernel has room for fewer in any case */
};

/* A piece of memory for one execve, in a list of them. */
struct exec_block { struct exec_block *next; max_align_t bytes[]; };

/* Memory until exec_free(); NULL without. */
static void *exec_alloc(struct thread *t, size_t size)
{
    struct exec_block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->next = t->exec_memory;
    t->exec_memory = block;
    return block->bytes;
}

void exec_free(struct thread *t)
{
    while (t->exec_memory) {
        struct exec_block *block = t->exec_memory;
        t->exec_memory = block->next;
        free(block);
    }
}

/* Reads a vector of pointers into a new array with `room` free places before and one null pointer after. */
static int64_t read_vector(struct thread *t, gaddr addr, size_t room, gaddr **out, size_t *count)
{
    size_t n = 0;
    for (gaddr p; addr; n++) {
        if (!copy_from_guest(&p, addr + n * 8, 8))
            return -EFAULT;
        if (!p)
            break;
        if (n == MAX_WORDS)
            return -E2BIG;
    }
    gaddr *v = exec_alloc(t, (room + n + 1) * sizeof *v);
    if (!v)
        return -ENOMEM;
    if (n && !copy_from_guest(v + room, addr, n * 8))
        return -EFAULT;
    v[room + n] = 0;
    *out = v;
    *count = n;
    return 0;
}

/* --- finding the file --------------------------------------------------------------------------------- */

/* What the kernel would say of executing the file: permissions, security modules (Landlock), somebody writing to it.
 * -EINVAL from kernels before 6.14. */
static int64_t check_by_kernel(int fd)
{
    static const char *const argv[] = { "", NULL }, *const envp[] = { NULL };
    return host_raw(__NR_execveat, (uint64_t)fd, (uintptr_t)"", (uintptr_t)argv, (uintptr_t)envp, AT_EMPTY_PATH | AT_EXECVE_CHECK_BIT,
                    0);
}

/* What do_open_execat() checks. */
static int64_t check_file(int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EACCES;
    int64_t r = check_by_kernel(fd);
    if (r != -EINVAL)
        return r;
    r = host_raw4(__NR_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
    if (r == -ENOSYS)
        r = faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
    return r;
}

/* Opens `path` (host memory) from directory dirfd. 0 or -errno; e->fd stays -1 for a file that may be executed but not
 * read. */
static int64_t open_file(struct exec *e, int dirfd, const char *path, int flags)
{
    bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
    if (!*path)
        return -ENOENT;
    if (e->fd >= 0)
        close(e->fd);
    e->host_path = path_translate(path, follow ? PATH_FOLLOW : PATH_NOFOLLOW, e->path_buffer);
    if (e->host_path == path && path != e->path_buffer) {
        snprintf(e->path_buffer, sizeof e->path_buffer, "%s", path);
        e->host_path = e->path_buffer;
    }
    e->fd = openat(dirfd, e->host_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                                            (follow ? 0 : O_NOFOLLOW));
    if (e->fd < 0)
        return errno == EACCES && faccessat(dirfd, e->host_path, X_OK, AT_EACCESS) == 0 ? 0 : -errno;
    return check_file(e->fd, e->host_path);
}

/* execveat with AT_EMPTY_PATH: the descriptor itself, which may be O_PATH. */
static int64_t open_descriptor(struct exec *e, int fd)
{
    char link[40];
    int fd_flags = fcntl(fd, F_GETFD);
    if (fd_flags < 0)
        return -EBADF;
    e->closes_on_exec = fd_flags & FD_CLOEXEC;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    snprintf(e->path_buffer, sizeof e->path_buffer, "/dev/fd/%d", fd);
    e->host_path = e->path_buffer;
    e->fd = open(link, O_RDONLY | O_CLOEXEC);
    if (e->fd < 0 && errno == ENOENT)
        e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return e->fd < 0 ? -errno : check_file(e->fd, link);
}

static int64_t open_program(struct exec *e, int dirfd, gaddr path, int flags)
{
    char text[PATH_MAX];
    int64_t len = copy_str_from_guest(text, path, sizeof text);
    if (len < 0)
        return len;
    if (!len && (flags & AT_EMPTY_PATH)) {
        snprintf(e->name, sizeof e->name, "/dev/fd/%d", dirfd);
        return open_descriptor(e, dirfd);
    }
    if (text[0] == '/' || dirfd == AT_FDCWD)
        snprintf(e->name, sizeof e->name, "%s", text);
    else
        snprintf(e->name, sizeof e->name, "/dev/fd/%d/%s", dirfd, text);
    int64_t r = open_file(e, dirfd, text, flags);
    if (text[0] != '/' && dirfd != AT_FDCWD)
        e->host_path = e->name;   /* native programs are started by path */
    return r;
}

/* --- scripts ------------------------------------------------------------------------------------------ */

static void prepend(struct exec *e, const char *word)
{
    e->argv--;
    e->argv[0] = word;
    e->argc++;
}

/* "#!": argv becomes INTERPRETER, [ARGUMENT], NAME, rest; the interpreter is the file to run. */
static int64_t follow_script(struct exec *e, const struct probe *probe, int depth)
{
    char (*words)[PROBE_BYTES] = e->words[depth];
    if (e->closes_on_exec)
        return -ENOENT;
    if (e->argc) {        /* argv[0] goes */
        e->argv++;
        e->argc--;
    }
    strcpy(words[0], probe->interpreter);
    strcpy(words[1], probe->argument);
    prepend(e, depth ? e->words[depth - 1][0] : e->name);
    if (probe->has_argument)
        prepend(e, words[1]);
    prepend(e, words[0]);
    return open_file(e, AT_FDCWD, words[0], 0);
}

static int64_t follow_scripts(struct exec *e, struct probe *probe)
{
    for (int depth = 0;; depth++) {
        if (e->fd < 0) {
            probe->kind = PROBE_OTHER;
            return 0;
        }
        int64_t r = probe_fd(e->fd, probe);
        if (r < 0)
            return r == -EISDIR ? -EACCES : r;
        if (probe->kind != PROBE_SCRIPT)
            return 0;
        if (depth == PROBE_DEPTH)
            return -ELOOP;
        r = follow_script(e, probe, depth);
        if (r < 0)
            return r;
    }
}

/* --- running it --------------------------------------------------------------------------------------- */

/* Makes the host call. Returns only if it failed. */
static int64_t host_exec(struct exec *e, int fd, const char *path, const char *const *argv, int flags)
{
    struct thread *t = e->s->t;
    if (!t->vfork_child)
        keep_save();
    signal_before_exec(t);
    int64_t r = host_call(&t->pending, __NR_execveat, (uint64_t)fd, (uintptr_t)path, (uintptr_t)argv,
                          (uintptr_t)e->envp, (uint64_t)flags, 0);
    signal_exec_failed(t);
    return r;
}

/* The same for a program that the host runs by itself. */
static int64_t exec_native(struct exec *e)
{
    limits_before_native(e->s->t);
    int64_t r = host_exec(e, AT_FDCWD, e->host_path, e->argv, 0);
    limits_native_failed(e->s->t);
    return r;
}

/* A descriptor that the next dragoman is given: "--OPTION", "FD". */
struct handed { const char *option; int fd; char text[12]; };

enum { NHANDED = 4 };

/* Adds the words of those that there are, and lets them survive the call. */
static size_t hand_over(struct handed *handed, const char **argv, size_t n)
{
    for (struct handed *h = handed; h < handed + NHANDED; h++) {
        if (h->fd < 0)
            continue;
        snprintf(h->text, sizeof h->text, "%d", h->fd);
        fcntl(h->fd, F_SETFD, 0);
        argv[n++] = h->option;
        argv[n++] = h->text;
    }
    return n;
}

static void take_back(const struct handed *handed)
{
    for (const struct handed *h = handed; h < handed + NHANDED; h++)
        if (h->fd >= 0)
            fcntl(h->fd, F_SETFD, FD_CLOEXEC);
}

/* What the next dragoman is told: its own options, those of children, and the program with its arguments. */
static void write_words(struct exec *e, struct handed *handed, bool native, const char **argv)
{
    size_t n = 0, inherited;
    const char *const *first = options_child_argv(&inherited);
    while (n < inherited) {
        argv[n] = first[n];
        n++;
    }
    n = hand_over(handed, argv, n);
    if (native) {
        argv[n++] = "--native";
    } else if (e->s->t->trace.on) {
        snprintf(e->traced, sizeof e->traced, "%llu", (unsigned long long)trace_words(e->s->t));
        argv[n++] = "--traced";
        argv[n++] = e->traced;
    }
    if (!native && limits_word(e->s->t, e->limits)) {
        argv[n++] = "--limits";
        argv[n++] = e->limits;
    }
    argv[n++] = "-0";
    argv[n++] = e->argc ? e->argv[0] : "";
    argv[n++] = "--";
    argv[n++] = native ? e->host_path : e->name;
    for (size_t i = 1; i < e->argc; i++)
        argv[n++] = e->argv[i];
    argv[n] = NULL;
}

/* Through another dragoman: a guest's program; or a native one that is to be held to the guest's filters. */
static int64_t exec_through_self(struct exec *e, int self, bool native)
{
    size_t inherited;
    int filters;
    int64_t r = seccomp_save(e->s->t, &filters);
    if (r < 0)
        return r;
    struct handed handed[NHANDED] = {
        { "--self-fd", native ? -1 : self, "" }, { "--program-fd", e->fd, "" },
        { "--disk-cache-fd", native ? -1 : keep_dir_fd(), "" }, { "--seccomp-fd", filters, "" },
    };
    options_child_argv(&inherited);
    const char **argv = exec_alloc(e->s->t, (inherited + 2 * NHANDED + 8 + e->argc + 1) * sizeof *argv);
    r = -ENOMEM;
    if (argv) {
        write_words(e, handed, native, argv);
        r = host_exec(e, self, "", argv, AT_EMPTY_PATH);
        take_back(handed);
    }
    if (filters >= 0)
        close(filters);
    return r;
}

static int64_t exec_guest(struct exec *e)
{
    int self = options_self_fd();
    return self < 0 ? exec_native(e)   /* no way to ourselves: binfmt_misc may know one */
                    : exec_through_self(e, self, false);
}

/* Nobody can be told afterwards that the host does not know how to run a file. */
static int64_t exec_filtered(struct exec *e, enum probe_kind kind)
{
    int self = options_self_fd();
    if (kind != PROBE_NATIVE && e->fd >= 0)
        return -ENOEXEC;
    if (self < 0 || !seccomp_fits_native(e->s->t))
        return -EACCES;
    limits_before_native(e->s->t);
    int64_t r = exec_through_self(e, self, true);
    limits_native_failed(e->s->t);
    return r;
}

static int64_t run(struct exec *e)
{
    struct probe probe;
    int64_t r = follow_scripts(e, &probe);
    if (r < 0)
        return r;
    if (probe.kind == PROBE_GUEST)
        return exec_guest(e);
    return e->s->t->seccomp ? exec_filtered(e, probe.kind) : exec_native(e);   /* native, or the host knows better */
}

static int64_t exec(struct sys *s, int dirfd, gaddr path, gaddr argv, gaddr envp, int flags)
{
    gaddr *args = NULL, *env = NULL;
    size_t argc, envc;
    struct exec *e = exec_alloc(s->t, sizeof *e);
    if (!e)
        return -ENOMEM;
    e->s = s;
    e->fd = -1;
    e->closes_on_exec = false;
    int64_t r = flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -EINVAL : 0;
    if (r == 0)
        r = open_program(e, dirfd, path, flags);
    if (r == 0)
        r = read_vector(s->t, argv, ROOM, &args, &argc);
    if (r == 0)
        r = read_vector(s->t, envp, 0, &env, &envc);
    if (r == 0) {
        e->argv = (const char **)args + ROOM;
        e->argc = argc;
        e->envp = env;
        r = run(e);
    }
    if (e->fd >= 0)
        close(e->fd);
    exec_free(s->t);
    return r;
}

/* The guest's programs are looked at by check_file(); the translator itself has to be executable, too, whatever the rules say. */
int64_t sys_landlock_restrict_self(struct sys *s)
{
    options_self_in_memory();
    return sys_host(s, __NR_landlock_restrict_self);
}

int64_t sys_execve(struct sys *s)
{
    return exec(s, AT_FDCWD, s->a[0], s->a[1], s->a[2], 0);
}

int64_t sys_execveat(struct sys *s)
{
    return exec(s, (int)s->a[0], s->a[1], s->a[2], s->a[3], (int)s->a[4]);
}
