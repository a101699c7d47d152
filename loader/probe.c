#include "loader/probe.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frontend/guest.h"

static void probe_elf(const uint8_t *bytes, size_t len, struct probe *out)
{
    /* The fields up to e_machine are the same in both classes. */
    Elf64_Ehdr header;
    size_t needed = offsetof(Elf64_Ehdr, e_version);
    if (len < needed)
        return;
    memcpy(&header, bytes, needed);
    if (header.e_ident[EI_DATA] != ELFDATA2LSB)
        return;
    if (header.e_machine == EM_X86_64 || header.e_machine == EM_386) {
        out->kind = PROBE_NATIVE;
        return;
    }
    out->guest = guest_by_elf(header.e_machine, header.e_ident[EI_CLASS]);
    if (out->guest)
        out->kind = PROBE_GUEST;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* fs/binfmt_script.c: one word, then the rest of the line as one argument. */
static void probe_script(const char *bytes, size_t len, struct probe *out)
{
    const char *p = bytes + 2, *end = memchr(bytes, '\n', len);
    if (!end) {
        end = bytes + len;
        /* A line that the buffer cuts must at least hold the whole interpreter. */
        const char *q = p;
        while (q < end && is_blank(*q))
            q++;
        while (q < end && !is_blank(*q) && *q)
            q++;
        if (q == end && len == PROBE_BYTES)
            return;
    }
    const char *nul = memchr(bytes, 0, (size_t)(end - bytes));
    if (nul)
        end = nul;
    while (end > p && is_blank(end[-1]))
        end--;
    while (p < end && is_blank(*p))
        p++;
    const char *word = p;
    while (p < end && !is_blank(*p))
        p++;
    if (p == word)
        return;
    memcpy(out->interpreter, word, (size_t)(p - word));
    out->interpreter[p - word] = 0;
    while (p < end && is_blank(*p))
        p++;
    memcpy(out->argument, p, (size_t)(end - p));
    out->argument[end - p] = 0;
    out->has_argument = p < end;
    out->kind = PROBE_SCRIPT;
}

void probe_bytes(const void *bytes, size_t len, struct probe *out)
{
    out->kind = PROBE_OTHER;
    out->guest = NULL;
    out->has_argument = 0;
    out->interpreter[0] = out->argument[0] = 0;
    if (len > PROBE_BYTES)
        len = PROBE_BYTES;
    if (len >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
        probe_elf(bytes, len, out);
    else if (len > 2 && memcmp(bytes, "#!", 2) == 0)
        probe_script(bytes, len, out);
}

int probe_fd(int fd, struct probe *out)
{
    char bytes[PROBE_BYTES];
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    if (n < 0)
        return -errno;
    probe_bytes(bytes, (size_t)n, out);
    return 0;
}

/* As if the prefix were the root: absolute symbolic links stay inside. */
static int open_in_root(const char *root, const char *path)
{
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    close(dir);
    return fd;
}

int probe_open(const char *prefix, const char *path)
{
    int fd = -1;
    char inside[4096];
    if (prefix && path[0] == '/' &&
        (size_t)snprintf(inside, sizeof inside, "%s%s", prefix, path) < sizeof inside) {
        fd = open(inside, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            fd = open_in_root(prefix, path);
    }
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
