#include "debug/perfmap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "loader/hostfd.h"

bool perfmap_on;
static int file = -1;

bool perfmap_init(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    /* O_NOFOLLOW: the name is guessable and /tmp is everybody's. */
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0)
        fd = hostfd_keep(fd);
    file = fd;
    perfmap_on = fd >= 0;
    return perfmap_on;
}

void perfmap_unit(const void *code, size_t len, gaddr pc)
{
    char line[80];
    int n = snprintf(line, sizeof line, "%" PRIxPTR " %zx guest_%#" PRIx64 "\n", (uintptr_t)code, len, pc);
    if (write(file, line, (size_t)n) < 0)
        perfmap_on = false;
}

void perfmap_fork_child(void)
{
    if (!perfmap_on)
        return;
    int old = file;
    if (perfmap_init()) {
        char block[4096];
        ssize_t n;
        for (off_t at = 0; (n = pread(old, block, sizeof block, at)) > 0; at += n)
            if (write(file, block, (size_t)n) < 0)
                break;
    }
    hostfd_close(old);
}
