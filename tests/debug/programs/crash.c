/* Dies as it is told, with two more threads: one computes, one waits. Prints where its marks are first. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char mark[] = "this is the mark";
static volatile int *volatile null;
static volatile int running;

__attribute__((noinline)) static int die_here(int x)
{
    if (x == 7)
        *null = 3;
    return x + 1;
}

static void *compute(void *arg)
{
    volatile long n = 0;
    running = 1;
    for (;;)
        n++;
    return arg;
}

static void *wait_for_ever(void *arg)
{
    pause();
    return arg;
}

/* The second of three pages, which is not for core files. */
static char *secret(void)
{
    char *pages = mmap(NULL, 3 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        exit(1);
    memset(pages, 's', 3 << 12);
    madvise(pages + 4096, 4096, MADV_DONTDUMP);
    return pages + 4096;
}

int main(int argc, char **argv)
{
    pthread_t t;
    const char *how = argc > 1 ? argv[1] : "";
    pthread_create(&t, NULL, compute, NULL);
    pthread_create(&t, NULL, wait_for_ever, NULL);
    while (!running)
        usleep(100);
    usleep(1000);
    printf("%p %p %p\n", (void *)mark, (void *)die_here, (void *)secret());
    fflush(stdout);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "quit") == 0)
        for (;;)
            kill(getpid(), SIGQUIT);
    if (strcmp(how, "term") == 0)
        raise(SIGTERM);
    return die_here(7);
}
