/* Programs that write code: in memory that is writable and executable, W^X by mprotect, two mappings of
 * one file, code that is rewritten many times, and a small compiler of sums.
 * The native build computes what the code should.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __x86_64__
typedef long function(long);

#ifdef __riscv
static uint32_t *emit_add(uint32_t *at, int value)      /* addi a0, a0, value */
{
    *at++ = (uint32_t)value << 20 | 10 << 15 | 10 << 7 | 0x13;
    return at;
}

static uint32_t *emit_shift(uint32_t *at, int by)       /* slli a0, a0, by */
{
    *at++ = (uint32_t)by << 20 | 10 << 15 | 1 << 12 | 10 << 7 | 0x13;
    return at;
}

static void emit_return(uint32_t *at)
{
    *at = 0x00008067;
}
#else
static uint32_t *emit_add(uint32_t *at, int value)      /* add or sub x0, x0, #|value| */
{
    *at++ = (value < 0 ? 0xd1000000 : 0x91000000) | (uint32_t)(value < 0 ? -value : value) << 10;
    return at;
}

static uint32_t *emit_shift(uint32_t *at, int by)       /* lsl x0, x0, #by */
{
    *at++ = 0xd3400000 | (64 - (uint32_t)by) % 64 << 16 | (63 - (uint32_t)by) << 10;
    return at;
}

static void emit_return(uint32_t *at)
{
    *at = 0xd65f03c0;
}
#endif

/* The flush names the address that is written: it means the memory, so other addresses of it as well. */
static long run(char *write, char *execute, int a, int b, int c, long argument)
{
    uint32_t *at = (uint32_t *)(void *)write;
    at = emit_add(at, a);
    at = emit_shift(at, b);
    at = emit_add(at, c);
    emit_return(at);
    if (argument % 2)
        __builtin___clear_cache(write, write + 16);
    else
        __builtin___clear_cache(execute, execute + 16);
    return ((function *)(void *)execute)(argument);
}
#else
static long run(char *write, char *execute, int a, int b, int c, long argument)
{
    (void)write, (void)execute;
    return (long)((unsigned long)(argument + a) << b) + c;
}
#endif

static long many(char *write, char *execute, int rounds)
{
    long sum = 0;
    for (int i = 0; i < rounds; i++) {
        sum = sum * 3 + run(write, execute, i % 2000 - 1000, i % 7, i * 13 % 2000, i);
    }
    return sum;
}

int main(void)
{
    const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
    char *both = mmap(NULL, 8192, rwx, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("rwx %ld\n", many(both, both, 3000));
    printf("across a page %ld\n", many(both + 4096 - 8, both + 4096 - 8, 300));

    int fd = memfd_create("code", 0);
    if (ftruncate(fd, 4096)) {
        return 1;
    }
    char *writer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *runner = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    printf("dual %ld\n", many(writer + 128, runner + 128, 3000));

    long sum = 0;
    for (int i = 0; i < 300; i++) {
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#ifndef __x86_64__
        uint32_t *at = (uint32_t *)(void *)page;
        at = emit_add(at, i);
        emit_return(emit_shift(at, 2));
        mprotect(page, 4096, PROT_READ | PROT_EXEC);
        __builtin___clear_cache(page, page + 12);
        sum += ((function *)(void *)page)(1);
#else
        sum += (1 + i) << 2;
#endif
        munmap(page, 4096);
    }
    printf("new page each time %ld\n", sum);
    return 0;
}
