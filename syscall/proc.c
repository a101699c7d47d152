#include "syscall/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/path.h"
#include "syscall/sys.h"

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

static void print_maps(FILE *f, const char *path)
{
    space_print_maps(f);
}

static void print_cmdline(FILE *f, const char *path)
{
    print_memory(f, linux_state.arg_start, linux_state.arg_end);
}

static void print_environ(FILE *f, const char *path)
{
    print_memory(f, linux_state.env_start, linux_state.env_end);
}

static void print_auxv(FILE *f, const char *path)
{
    print_memory(f, linux_state.auxv_start, linux_state.auxv_end);
}

/* The process's or a thread's: the kernel's line with the guest's addresses where it has the translator's (fields of proc(5), from 1). */
static void print_stat(FILE *f, const char *path)
{
    char line[2048];
    gaddr stack, brk_start, brk_end;
    FILE *in = fopen(path, "re");
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

static void print_cpuinfo(FILE *f, const char *path)
{
    char *text = linux_state.abi->cpuinfo((int)sysconf(_SC_NPROCESSORS_ONLN));
    if (text)
        fputs(text, f);
    free(text);
}

/* Files of /proc/self, and of /proc itself; `path` is as the guest said it. */
struct proc_file { const char *name; void (*print)(FILE *f, const char *path); };

static const struct proc_file self_files[] = {
    { "maps", print_maps },
    { "cmdline", print_cmdline },
    { "environ", print_environ },
    { "auxv", print_auxv },
    { "stat", print_stat },
    { NULL, NULL },
};

static const struct proc_file system_files[] = {
    { "/proc/cpuinfo", print_cpuinfo },
    { NULL, NULL },
};

static const struct proc_file *find(const struct proc_file *files, const char *name)
{
    for (; name && files->name; files++)
        if (strcmp(files->name, name) == 0)
            return files;
    return NULL;
}

static int64_t make(const struct proc_file *file, const char *path, uint64_t flags)
{
    char *text = NULL;
    size_t size = 0;
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EACCES;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return -ENOMEM;
    file->print(f, path);
    fclose(f);
    int fd = memfd_create(file->name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    int64_t result = fd < 0 ? -errno : fd;
    if (fd >= 0 && pwrite(fd, text, size, 0) != (ssize_t)size) {
        close(fd);
        result = -ENOMEM;
    }
    free(text);
    return result;
}

int64_t proc_open(const char *path, uint64_t flags)
{
    if (flags & O_PATH)
        return PROC_NOT_OURS;
    const struct proc_file *file = find(self_files, path_proc_self(path));
    if (!file)
        file = find(system_files, path);
    return file ? make(file, path, flags) : PROC_NOT_OURS;
}
