#include "debug/core_place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "syscall/sys.h"

#ifndef FSCONFIG_CMD_CREATE
enum { FSCONFIG_CMD_CREATE = 6 };
#endif

/* --- the name ------------------------------------------------------------------------------------------- */

static bool read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    char *ok = f ? fgets(out, (int)size, f) : NULL;
    if (f)
        fclose(f);
    if (ok)
        out[strcspn(out, "\n")] = 0;
    return ok != NULL;
}

/* Slashes are not for file names: fs/coredump.c, cn_esc_printf(). */
static void print_escaped(FILE *f, const char *text)
{
    for (; *text; text++)
        fputc(*text == '/' ? '!' : *text, f);
}

/* One % of the pattern. */
static void print_field(FILE *f, char field, int signo, uint32_t tid)
{
    char text[64];
    struct utsname host;
    struct rlimit limit;
    const char *slash = strrchr(linux_state.exe, '/');
    switch (field) {
    case '%': fputc('%', f); break;
    case 'p': case 'P': fprintf(f, "%d", getpid()); break;
    case 'i': case 'I': fprintf(f, "%u", tid); break;
    case 'u': fprintf(f, "%u", getuid()); break;
    case 'g': fprintf(f, "%u", getgid()); break;
    case 'd': fprintf(f, "1"); break;
    case 's': fprintf(f, "%d", signo); break;
    case 't': fprintf(f, "%lld", (long long)time(NULL)); break;
    case 'h':
        uname(&host);
        print_escaped(f, host.nodename);
        break;
    case 'e':
        prctl(PR_GET_NAME, text);
        print_escaped(f, text);
        break;
    case 'f': print_escaped(f, slash ? slash + 1 : linux_state.exe); break;
    case 'E': print_escaped(f, linux_state.exe); break;
    case 'c':
        getrlimit(RLIMIT_CORE, &limit);
        fprintf(f, "%llu", (unsigned long long)limit.rlim_cur);
        break;
    }
}

bool core_name(char *out, size_t size, int signo, uint32_t tid)
{
    char pattern[256], uses_pid[8] = "0";
    bool has_pid = false;
    if (!read_line("/proc/sys/kernel/core_pattern", pattern, sizeof pattern) || !*pattern || *pattern == '|' || *pattern == '@')
        return false;
    read_line("/proc/sys/kernel/core_uses_pid", uses_pid, sizeof uses_pid);
    FILE *f = fmemopen(out, size, "w");
    if (!f)
        return false;
    for (const char *p = pattern; *p; p++) {
        if (*p != '%') {
            fputc(*p, f);
        } else if (*++p) {
            has_pid |= *p == 'p';
            print_field(f, *p, signo, tid);
        } else {
            break;
        }
    }
    if (!has_pid && *uses_pid == '1')
        fprintf(f, ".%d", getpid());
    return fclose(f) == 0 && *out;
}

int core_open(const char *name)
{
    struct stat st;
    int fd = open(name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE, 0600);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() || ftruncate(fd, 0) < 0) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

/* --- the kernel's own ----------------------------------------------------------------------------------- */

/* A descriptor of the root of a new tmpfs that is mounted nowhere. */
static int nameless_folder(void)
{
    int fs = (int)syscall(SYS_fsopen, "tmpfs", 1u /* FSOPEN_CLOEXEC */);
    if (fs < 0)
        return -1;
    int mount = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -1
                                                                                  : (int)syscall(SYS_fsmount, fs, 1u, 0u);
    close(fs);
    return mount;
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, text, strlen(text));
        close(fd);
    }
}

/* The ids for the maps, and what the child found. */
struct place { uid_t uid; gid_t gid; volatile int folder; };

/* Our ids must have a meaning there, or we could not make files. */
static int in_namespace(void *arg)
{
    struct place *p = arg;
    char map[40];
    snprintf(map, sizeof map, "0 %u 1", p->uid);
    write_text("/proc/self/uid_map", map);
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", p->gid);
    write_text("/proc/self/gid_map", map);
    p->folder = nameless_folder();
    return 0;
}

/* The same for a user without privileges: a child with namespaces of its own makes it, in our table of descriptors. */
static int nameless_folder_by_child(void)
{
    static _Alignas(16) char stack[64 << 10];
    struct place p = { .uid = geteuid(), .gid = getegid(), .folder = -1 };
    pid_t child = clone(in_namespace, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS,
                        &p);
    if (child > 0)
        waitpid(child, NULL, __WCLONE);
    return p.folder;
}

/* The folders that `name` is in, below the current one. */
static void make_folders(const char *name)
{
    char path[PATH_MAX];
    umask(0);
    for (const char *slash = strchr(name + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "./%.*s", (int)(slash - name), name);
        mkdir(path, 0700);
    }
}

/* A new folder that nobody sees becomes the current one, and the root if the kernel looks for an absolute name. */
static bool enter_nameless_folder(const char *name)
{
    int folder = nameless_folder();
    if (folder < 0)
        folder = nameless_folder_by_child();
    if (folder < 0 || fchdir(folder) < 0)
        return false;
    make_folders(name);
    return *name != '/' || chroot(".") == 0;
}

void core_divert(const char *name, bool own_memory)
{
    struct rlimit none = { 0, RLIM_INFINITY }, page = { 4096, RLIM_INFINITY }, now;
    if (getrlimit(RLIMIT_CORE, &now) == 0)
        none.rlim_max = page.rlim_max = now.rlim_max;
    if (getrlimit(RLIMIT_FSIZE, &now) == 0) {
        now.rlim_cur = now.rlim_max;
        setrlimit(RLIMIT_FSIZE, &now);
    }
    FILE *f = own_memory ? fopen("/proc/self/coredump_filter", "we") : NULL;
    if (f) {
        fputs("0", f);
        fclose(f);
    }
    setrlimit(RLIMIT_CORE, name && enter_nameless_folder(name) ? &page : &none);
}
