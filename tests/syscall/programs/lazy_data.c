/* userfaultfd: a thread waits for a page of data that another one supplies only after it has run much new code, more than a code cache
 * of the smallest size holds: so that must go round although somebody is in the middle of what is in it.
 * build: -O2 dynamic; -O1 static
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "write_code.h"

enum { PAGE = 4096, FUNCTIONS = 64, ROUNDS = 300 };
static int fd;
static volatile char *lazy;
static char source[PAGE];

static void put(char *at, int value)
{
    write_return(at, value);
    __builtin___clear_cache(at, at + 8);
}

static int much_code(void)
{
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int wrong = 0;
    for (int n = 0; n < ROUNDS; n++) {
        for (int i = 0; i < FUNCTIONS; i++)
            put(page + 8 * i, n + i);
        for (int i = 0; i < FUNCTIONS; i++)
            wrong += ((int (*)(void))(void *)(page + 8 * i))() != n + i;
    }
    return wrong;
}

static void *touch(void *arg)
{
    long sum = 0;
    for (int i = 0; i < 10; i++)
        sum += lazy[i];
    lazy[10] = (char)sum;
    return arg;
}

static int watch(void)
{
    struct uffdio_api api = { .api = UFFD_API };
    struct uffdio_register r = { .range = { (uintptr_t)lazy, PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
    fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    return fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &r) == 0;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    struct uffd_msg m;
    if (argc == 1) {
        setenv("DRAGOMAN_CACHE_SIZE", "1M", 1);
        execl(argv[0], argv[0], "again", NULL);
        return 1;
    }
    lazy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!watch()) {
        puts("no userfaultfd");
        return 0;
    }
    pthread_create(&thread, NULL, touch, NULL);
    if (read(fd, &m, sizeof m) != (ssize_t)sizeof m)
        return 2;
    printf("wrong code: %d\n", much_code());
    memset(source, 4, sizeof source);
    struct uffdio_copy c = { .dst = (uintptr_t)lazy, .src = (uintptr_t)source, .len = PAGE };
    printf("supplied: %d\n", ioctl(fd, UFFDIO_COPY, &c));
    pthread_join(thread, NULL);
    printf("sum %d\n", lazy[10]);
    return 0;
}
