/* /proc shows the guest, for this process and for another one: exe, cmdline, comm, environ, auxv, maps, smaps, stat, status, fd, task,
 * through every kind of path; and the translator's descriptors and mappings can be neither seen nor closed.
 * build: -O2 dynamic; -O1 static
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[200000];
static char program[4096];

static ssize_t read_file(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDONLY);
    ssize_t n = 0, got;
    while (fd >= 0 && (got = read(fd, text + n, sizeof text - 1 - (size_t)n)) > 0)
        n += got;
    text[n] = 0;
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : n;
}

static int count_entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

static int same_link(int dir, const char *path)
{
    char link[4096];
    ssize_t n = readlinkat(dir, path, link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    return strcmp(link, program) == 0;
}

/* Lines of maps: are they in order, does one hold `addr` with these permissions, does any name another executable? */
static void look_at_maps(const char *name, const void *data, const void *code, int executable)
{
    unsigned long start, end, last = 0;
    char perms[5];
    int in_order = 1, has_data = 0, has_code = 0, has_program = 0, foreign = strstr(text, "dragoman") != NULL;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (sscanf(line, "%lx-%lx %4s", &start, &end, perms) != 3)
            continue;
        in_order &= start >= last;
        last = end;
        has_data |= (unsigned long)data >= start && (unsigned long)data < end && perms[1] == 'w';
        has_code |= (unsigned long)code >= start && (unsigned long)code < end && (!executable || perms[2] == 'x');
        has_program |= strstr(line, program) != NULL;
    }
    printf("%s: in order %d, data %d, code %d, program %d, others %d\n", name, in_order, has_data, has_code, has_program, foreign);
}

static int field_is(const char *key, const char *value)
{
    char *at = strstr(text, key);
    return at && strncmp(at + strlen(key), value, strlen(value)) == 0;
}

static void *wait_for_ever(void *arg)
{
    prctl(PR_SET_NAME, "second");
    pause();
    return arg;
}

/* `dir` is a folder of /proc: of this process, or of a child that does nothing. */
static void look(const char *what, const char *folder, int own, int argc, char **argv)
{
    char path[128], expected[4096];
    size_t n = 0;
    int dir = open(folder, O_RDONLY | O_DIRECTORY);
    printf("%s: exe %d", what, same_link(dir, "exe"));
    snprintf(path, sizeof path, "%s/exe", folder);
    printf(" %d", same_link(AT_FDCWD, path));
    struct stat a, b;
    printf(" stat %d", stat(path, &a) == 0 && stat(program, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    int fd = open(path, O_RDONLY);
    char magic[4] = "";
    printf(" open %d\n", read(fd, magic, 4) == 4 && memcmp(magic, ELFMAG, 4) == 0 && fstat(fd, &a) == 0 && a.st_ino == b.st_ino);
    close(fd);
    for (int i = 0; i < argc; i++)
        n += (size_t)sprintf(expected + n, "%s", argv[i]) + 1;
    ssize_t got = read_file(dir, "cmdline");
    printf("cmdline %d\n", got == (ssize_t)n && memcmp(text, expected, n) == 0);
    read_file(dir, "comm");
    printf("comm %s", text);
    read_file(dir, "environ");
    printf("environ %d\n", strstr(text, "LC_ALL=C.UTF-8") != NULL || !getenv("LC_ALL"));
    got = read_file(dir, "auxv");
    unsigned long phdr = 0, *pair = (unsigned long *)text;
    for (; (char *)pair < text + got && *pair; pair += 2)
        if (*pair == AT_PHDR)
            phdr = pair[1];
    printf("auxv %d\n", phdr == getauxval(AT_PHDR));
    read_file(dir, "maps");
    look_at_maps("maps", text, (const void *)(uintptr_t)look, own);
    read_file(dir, "smaps");
    printf("smaps has sizes %d\n", strstr(text, "Rss:") != NULL);
    look_at_maps("smaps", text, (const void *)(uintptr_t)look, 0);
    read_file(dir, "status");
    printf("status: name %d threads %d\n", field_is("Name:\t", own ? "identity" : "child"), field_is("Threads:\t", own ? "2" : "1"));
    read_file(dir, "stat");
    printf("stat: %d\n", strstr(text, own ? "(identity)" : "(child)") != NULL);
    snprintf(path, sizeof path, "%s/task", folder);
    printf("tasks %d\n", count_entries(path));
    close(dir);
}

static void own_descriptors(void)
{
    int listed = count_entries("/proc/self/fd"), open_ones = 0;
    char path[40], link[64];
    for (int fd = 0; fd < 4096; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int there = fcntl(fd, F_GETFD) >= 0, linked = readlink(path, link, sizeof link) >= 0;
        open_ones += there;
        if (there != linked)
            printf("descriptor %d: there %d, linked %d\n", fd, there, linked);
    }
    printf("as many descriptors listed as open: %d\n", listed - 1 == open_ones);
    printf("close_range %d\n", close_range(3, ~0u, 0));
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = { program, "exit", NULL };
        execv(program, argv);
        _exit(1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    printf("exec afterwards %d\n", WEXITSTATUS(status));
}

/* Unmapping all that is not in our own maps must not hurt. */
static void own_mappings(void)
{
    read_file(AT_FDCWD, "/proc/self/maps");
    unsigned long last = 0, start, end;
    int refused = 0;
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (sscanf(line, "%lx-%lx", &start, &end) == 2)
            last = end > last && end < 1ul << 47 ? end : last;
    /* What is left above the last of them: not ours. */
    for (unsigned long at = last + (1ul << 30); at < (1ul << 47) - 4096; at += 1ul << 36)
        refused += munmap((void *)at, 1ul << 36) != 0;
    printf("still here\n");
    (void)refused;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1)
        return 12;
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return 1;
    printf("program %d\n", strcmp(program, argv[0]) == 0);
    char folder[64];
    pthread_t t;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, "child");
        for (;;)
            pause();
    }
    usleep(50000);
    prctl(PR_SET_NAME, "identity");
    pthread_create(&t, NULL, wait_for_ever, NULL);
    usleep(50000);
    look("self", "/proc/self", 1, argc, argv);
    snprintf(folder, sizeof folder, "/proc/%d", (int)getpid());
    look("own number", folder, 1, argc, argv);
    look("thread-self", "/proc/thread-self", 1, argc, argv);
    snprintf(folder, sizeof folder, "/proc/%d", (int)pid);
    look("another", folder, 0, argc, argv);
    if (chdir("/proc/self") == 0)
        printf("relative %d %d\n", same_link(AT_FDCWD, "exe"), read_file(AT_FDCWD, "maps") > 0 && !strstr(text, "dragoman"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    own_descriptors();
    own_mappings();
    return 0;
}
