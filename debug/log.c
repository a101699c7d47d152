#include "debug/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader/hostfd.h"

static const struct { const char *name, *doc; } items[] = {
#define LOG(token, name, doc) { name, doc },
#include "debug/log.def"
#undef LOG
};

uint32_t log_items;
static FILE *stream;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool log_parse(const char *list, uint32_t *mask, const char **bad)
{
    for (const char *p = list; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        uint32_t found = len == 3 && !memcmp(p, "all", 3) ? (1u << LOG_COUNT) - 1 : 0;
        for (int i = 0; i < LOG_COUNT; i++)
            if (strlen(items[i].name) == len && !memcmp(items[i].name, p, len))
                found |= 1u << i;
        if (!found && len) {
            *bad = p;
            return false;
        }
        *mask |= found;
        p += len;
    }
    return true;
}

void log_help(FILE *f)
{
    fprintf(f, "Log items, separated by commas (\"all\" for all of them):\n");
    for (int i = 0; i < LOG_COUNT; i++)
        fprintf(f, "  %-10s %s\n", items[i].name, items[i].doc);
}

/* "a%db" -> "a1234b"; the caller frees it. */
static char *expand_pid(const char *path)
{
    const char *mark = strstr(path, "%d");
    char *out = NULL;
    if (!mark)
        return strdup(path);
    if (asprintf(&out, "%.*s%d%s", (int)(mark - path), path, (int)getpid(), mark + 2) < 0)
        return NULL;
    return out;
}

/* Path of dragoman-hostdis beside our executable, if it is there. */
static bool find_hostdis(char *path, size_t size)
{
    static const char name[] = "dragoman-hostdis";
    ssize_t n = readlink("/proc/self/exe", path, size - sizeof name);
    if (n <= 0)
        return false;
    path[n] = 0;
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    memcpy(slash + 1, name, sizeof name);
    return access(path, X_OK) == 0;
}

/* Starts the program in a process that is nobody's child (the guest's wait must not see it) and returns the
 * pipe to its stdin; its stdout is `out`. -1 if that fails: then the log stays as it is. */
static int start_filter(const char *program, int out)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    long child = syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);   /* no signal when it ends */
    if (child == 0) {
        if (syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL) == 0) {
            dup2(out, 1);
            dup2(ends[0], 0);
            execl(program, program, (char *)NULL);
        }
        _exit(0);
    }
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        return -1;
    }
    waitpid((pid_t)child, NULL, __WALL);
    close(out);
    return ends[1];
}

bool log_init(uint32_t mask, const char *path, bool append)
{
    int fd;
    if (path) {
        char *name = expand_pid(path);
        fd = name ? open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (append ? 0 : O_TRUNC), 0666) : -1;
        free(name);
    } else {
        fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
    }
    if (fd < 0)
        return false;
    char program[4096];
    if ((mask & 1u << LOG_OUT_ASM) && find_hostdis(program, sizeof program)) {
        int filter = start_filter(program, fd);
        if (filter >= 0)
            fd = filter;
    }
    fd = hostfd_keep(fd);
    stream = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (!stream)
        return false;
    __fsetlocking(stream, FSETLOCKING_BYCALLER);
    log_items = mask;
    return true;
}

FILE *log_begin(void)
{
    pthread_mutex_lock(&lock);
    return stream ? stream : stderr;
}

void log_end(FILE *f)
{
    fflush(f);
    pthread_mutex_unlock(&lock);
}

void log_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    FILE *f = log_begin();
    vfprintf(f, format, args);
    log_end(f);
    va_end(args);
}

void log_fork_child(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    if (stream)
        __fpurge(stream);
}

void log_host_code(FILE *f, const void *code, size_t len)
{
    const uint8_t *bytes = code;
    fprintf(f, "host %p: ", code);
    for (size_t i = 0; i < len; i++)
        fprintf(f, "%02x", bytes[i]);
    fputc('\n', f);
}
