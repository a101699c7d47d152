#include "syscall/proc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/exec_info.h"
#include "loader/options.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/limits.h"
#include "syscall/path.h"
#include "syscall/status.h"
#include "syscall/sys.h"

/* Which file is to be printed: of process `pid` (0: this one), `path` as the guest said it, for thread `t`. */
struct asked { int pid; const char *path; const struct thread *t; };

/* Copies guest memory [start, end) out: what the kernel finds through mm->arg_start and so on. */
static void print_memory(FILE *f, gaddr start, gaddr end)
{
    char buf[4096];
    while (start < end) {
        size_t n = end - start < sizeof buf ? end - start : sizeof buf;
        if (!copy_from_guest(buf, start, n))
            return;
        fwrite(buf, 1, n, f);
        start += n;
    }
}

static void print_cmdline(FILE *f, const struct asked *a)
{
    print_memory(f, linux_state.arg_start, linux_state.arg_end);
}

static void print_environ(FILE *f, const struct asked *a)
{
    print_memory(f, linux_state.env_start, linux_state.env_end);
}

static void print_auxv(FILE *f, const struct asked *a)
{
    print_memory(f, linux_state.auxv_start, linux_state.auxv_end);
}

/* The process's or a thread's: the kernel's line with the guest's addresses where it has the translator's (fields of proc(5), from
 * 1), where proc_tell_kernel() was refused. */
static void print_stat(FILE *f, const struct asked *a)
{
    char line[2048];
    gaddr stack, brk_start, brk_end;
    FILE *in = fopen(a->path, "re");
    if (!in)
        return;
    char *ok = fgets(line, sizeof line, in);
    fclose(in);
    char *rest = ok ? strrchr(line, ')') : NULL;   /* a name may have spaces and brackets */
    if (!rest)
        return;
    fwrite(line, 1, rest + 1 - line, f);
    space_bounds(&stack, &brk_start, &brk_end);
    int field = 3;
    char *state;
    for (char *word = strtok_r(rest + 1, " \n", &state); word; word = strtok_r(NULL, " \n", &state), field++) {
        if (field == 28)
            fprintf(f, " %llu", (unsigned long long)linux_state.arg_start - 8);
        else if (field == 29 || field == 30)
            fprintf(f, " 0");
        else if (field == 47)
            fprintf(f, " %llu", (unsigned long long)brk_start);
        else if (field == 48)
            fprintf(f, " %llu", (unsigned long long)linux_state.arg_start);
        else if (field == 49)
            fprintf(f, " %llu", (unsigned long long)linux_state.arg_end);
        else if (field == 50)
            fprintf(f, " %llu", (unsigned long long)linux_state.env_start);
        else if (field == 51)
            fprintf(f, " %llu", (unsigned long long)linux_state.env_end);
        else
            fprintf(f, " %s", word);
    }
    fprintf(f, "\n");
}

static void print_cpuinfo(FILE *f, const struct asked *a)
{
    char *text = linux_state.abi->cpuinfo((int)sysconf(_SC_NPROCESSORS_ONLN));
    if (text)
        fputs(text, f);
    free(text);
}

static void print_arch(FILE *f, const struct asked *a)
{
    fprintf(f, "%s\n", linux_state.abi->machine);
}

static FILE *open_of(int pid, const char *name)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

static void print_maps(FILE *f, const struct asked *a)
{
    if (a->pid)
        space_print_other(f, a->pid, trace_space_of(a->pid), false);
    else
        space_print_maps(f);
}

static void print_smaps(FILE *f, const struct asked *a)
{
    if (a->pid)
        space_print_other(f, a->pid, trace_space_of(a->pid), true);
    else
        space_print_smaps(f);
}

static void print_limits(FILE *f, const struct asked *a)
{
    limits_print(f, a->t);
}

static void print_status(FILE *f, const struct asked *a)
{
    status_print(f, a->path, a->t);
}

/* Files of /proc/PID, and of /proc itself. Whose: of each translated process; of this one; of this one where the kernel does
 * not know better. */
enum proc_whose { EVERY, MINE, UNTOLD };
struct proc_file { const char *name; void (*print)(FILE *f, const struct asked *a); enum proc_whose whose; };

static const struct proc_file process_files[] = {
    { "maps", print_maps, EVERY },
    { "smaps", print_smaps, EVERY },
    { "cmdline", print_cmdline, UNTOLD },
    { "environ", print_environ, UNTOLD },
    { "auxv", print_auxv, UNTOLD },
    { "stat", print_stat, UNTOLD },
    { "limits", print_limits, MINE },
    { "status", print_status, MINE },
    { NULL, NULL, MINE },
};

static const struct proc_file system_files[] = {
    { "/proc/cpuinfo", print_cpuinfo, MINE },
    { "/proc/sys/kernel/arch", print_arch, MINE },
    { NULL, NULL, MINE },
};

static const struct proc_file *find(const struct proc_file *files, const char *name)
{
    for (; files->name; files++)
        if (strcmp(files->name, name) == 0)
            return files;
    return NULL;
}

static bool kernel_told;

bool proc_knows(const char *name)
{
    return find(process_files, name) || strcmp(name, "exe") == 0 || strcmp(name, "cpuinfo") == 0 || strcmp(name, "arch") == 0;
}

/* --- other processes ------------------------------------------------------------------------------------ */

/* Under Landlock the translator executes a copy of itself. */
static bool is_copy(const char *exe)
{
    static const char name[] = "/memfd:" OPTIONS_MEMORY_NAME " (deleted)";
    char link[sizeof name];
    return readlink(exe, link, sizeof link) == sizeof name - 1 && memcmp(link, name, sizeof name - 1) == 0;
}

bool proc_translated(int pid)
{
    struct stat mine, other;
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return stat(path, &other) == 0 && stat("/proc/self/exe", &mine) == 0 &&
           ((mine.st_dev == other.st_dev && mine.st_ino == other.st_ino) || is_copy(path));
}

/* The value of `type` in the process's auxiliary vector, 0 if it can't be read. */
static uint64_t auxv_value(int pid, uint64_t type)
{
    uint64_t pair[2], value = 0;
    FILE *f = open_of(pid, "auxv");
    while (f && fread(pair, sizeof pair, 1, f) == 1 && pair[0] != AT_NULL)
        if (pair[0] == type)
            value = pair[1];
    if (f)
        fclose(f);
    return value;
}

/* The file that is mapped at `addr` in a process. */
static bool mapped_file(int pid, uint64_t addr, char out[PATH_MAX])
{
    FILE *f = open_of(pid, "maps");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (f && !found && getline(&line, &size, f) > 0) {
        unsigned long long start, end;
        int path = 0;
        if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &start, &end, &path) != 2 || addr < start || addr >= end || !path)
            continue;
        line[strcspn(line, "\n")] = 0;
        found = line[path] == '/' && snprintf(out, PATH_MAX, "%s", line + path) < PATH_MAX;
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

bool proc_exe(int pid, char out[PATH_MAX])
{
    if (!pid)
        return snprintf(out, PATH_MAX, "%s", linux_state.exe) < PATH_MAX;
    if (!proc_translated(pid))
        return false;
    for (int tries = 0; tries < 20; tries++) {   /* execve has just returned: its program is not there yet */
        uint64_t phdr = auxv_value(pid, AT_PHDR);
        if (!phdr)
            return false;
        if (phdr < linux_state.task_size)
            return mapped_file(pid, phdr, out);
        usleep(1000);
    }
    return false;
}

/* --- what the kernel is told ---------------------------------------------------------------------------- */

/* The break stays ours, since libc's heap is there. */
void proc_tell_kernel(const struct exec_info *info)
{
    uint64_t brk = (uint64_t)host_raw1(__NR_brk, 0);
    struct prctl_mm_map map = {
        .start_code = info->start_code, .end_code = info->end_code, .start_data = info->start_data, .end_data = info->end_data,
        .start_brk = brk, .brk = brk, .start_stack = info->sp, .arg_start = info->arg_start, .arg_end = info->arg_end,
        .env_start = info->env_start, .env_end = info->env_end, .auxv = host(info->auxv), .auxv_size = info->auxv_size,
        .exe_fd = (uint32_t)-1,
    };
    kernel_told = prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
}

bool proc_hidden(const struct proc_path *p)
{
    return !p->pid && strncmp(p->name, "fd/", 3) == 0 && sys_fd_hidden(strtoul(p->name + 3, NULL, 10));
}

/* --- opening -------------------------------------------------------------------------------------------- */

/* The file open as `fd` again, as the guest may have it. */
static int64_t read_only(int fd, uint64_t flags)
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int again = open(link, O_RDONLY | (int)(flags & (O_CLOEXEC | O_NONBLOCK)));
    return again < 0 ? -errno : again;
}

static int64_t make(const struct proc_file *file, const struct asked *asked, uint64_t flags)
{
    char *text = NULL;
    size_t size = 0;
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EACCES;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return -ENOMEM;
    file->print(f, asked);
    fclose(f);
    int fd = memfd_create(file->name, MFD_CLOEXEC);
    int64_t result = fd < 0 ? -errno : -ENOMEM;
    if (fd >= 0 && pwrite(fd, text, size, 0) == (ssize_t)size)
        result = read_only(fd, flags);
    if (fd >= 0)
        close(fd);
    free(text);
    return result;
}

/* Whether the kernel's file of process `pid` (0: this one) does. */
static bool kernels_will_do(const struct proc_file *file, int pid)
{
    if (file->whose == EVERY)
        return pid && !proc_translated(pid);
    return pid || (file->whose == UNTOLD && kernel_told);
}

int64_t proc_open(const struct thread *t, const char *path, uint64_t flags)
{
    if (flags & O_PATH)
        return PROC_NOT_OURS;
    struct proc_path p;
    const struct proc_file *file;
    if (!path_proc(path, &p)) {
        file = find(system_files, path);
        return file ? make(file, &(struct asked){ 0, path, t }, flags) : PROC_NOT_OURS;
    }
    if (proc_hidden(&p))
        return -ENOENT;
    file = find(process_files, p.name);
    return !file || kernels_will_do(file, p.pid) ? PROC_NOT_OURS : make(file, &(struct asked){ p.pid, path, t }, flags);
}
