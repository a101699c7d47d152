/* mmap, mprotect, munmap, mremap, madvise, brk: patterns, errors, contents.
 * build: -O2 dynamic; -O0 static
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *map(void *at, size_t size, int protection, int flags)
{
    return mmap(at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void show(const char *name, int failed)
{
    printf("%s %d %d\n", name, failed, failed ? errno : 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const size_t page = 4096;
    const int rw = PROT_READ | PROT_WRITE;
    char *p = map(NULL, 16 * page, rw, 0);
    memset(p, 'a', 16 * page);
    munmap(p + 4 * page, 4 * page);
    char *q = map(p + 5 * page, page, rw, MAP_FIXED);
    printf("fixed %d zero %d kept %c%c\n", q == p + 5 * page, q[0], p[4 * page - 1], p[8 * page]);
    q = map(p + 5 * page, page, rw, MAP_FIXED_NOREPLACE);
    show("noreplace", q == MAP_FAILED);
    show("munmap odd", munmap(p + 1, page));
    show("mprotect hole", mprotect(p, 16 * page, PROT_READ));
    mprotect(p, 4 * page, rw);
    q = mremap(p, 4 * page, 64 * page, MREMAP_MAYMOVE);
    printf("mremap %d %c %d\n", q != MAP_FAILED, q[4 * page - 1], q[4 * page]);
    char *gone = map(NULL, page, rw, 0);
    munmap(gone, page);
    show("mremap unmapped", mremap(gone, page, 2 * page, MREMAP_MAYMOVE) == MAP_FAILED);
    memset(q, 'b', page);
    show("madvise", madvise(q, page, MADV_DONTNEED));
    printf("zero again %d\n", q[0]);
    char *huge = map(NULL, (size_t)1 << 40, PROT_NONE, MAP_NORESERVE);
    printf("terabyte %d\n", huge != MAP_FAILED);
    char *hole = huge + ((size_t)1 << 39);
    show("commit", mprotect(hole, 8 * page, rw));
    hole[7 * page] = 9;
    munmap(huge, (size_t)1 << 40);
    show("too large", map(NULL, (size_t)1 << 60, rw, 0) == MAP_FAILED);
    show("empty", map(NULL, 0, rw, 0) == MAP_FAILED);

    int fd = open("./data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 3000; i++) {
        dprintf(fd, "%07d\n", i);
    }
    char *file = mmap(NULL, 24000, rw, MAP_SHARED, fd, 0);
    char *copy = mmap(NULL, 8192, rw, MAP_PRIVATE, fd, 8192);
    memcpy(file + 8192, "SHARED!", 7);
    memcpy(copy + 100, "PRIVATE", 7);
    char line[16] = { 0 };
    if (pread(fd, line, 8, 8192) != 8) {
        return 1;
    }
    printf("%.7s %.7s %.7s %d\n", line, copy, copy + 100, memcmp(file + 8292, "PRIVATE", 7) != 0);
    printf("msync %d\n", msync(file, 24000, MS_SYNC));
    char *low = map((void *)0x10000000, page, rw, 0);
    printf("hint %d\n", low == (void *)0x10000000);
    char *old = sbrk(0), *grown = sbrk(300000);
    memset(grown, 1, 300000);
    printf("sbrk %d %d", old == grown, (char *)sbrk(0) - old == 300000);
    sbrk(-300000);
    printf(" %d\n", sbrk(0) == old);
    unsigned char resident[4];
    printf("mincore %d\n", mincore(q, 4 * page, resident));
    for (int i = 0; i < 2000; i++) {
        char *m = map(NULL, (size_t)(i % 17 + 1) * page, rw, 0);
        m[0] = 1;
        munmap(m, (size_t)(i % 17 + 1) * page);
    }
    puts("done");
    return 0;
}
