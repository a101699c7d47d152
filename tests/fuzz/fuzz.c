#include "fuzz.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* splitmix64 */
uint64_t fuzz_next(struct fuzz *f)
{
    uint64_t z = f->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t fuzz_below(struct fuzz *f, uint64_t n)
{
    return fuzz_next(f) % n;
}

static pid_t child;

/* The child may have blocked its own alarm. */
static void kill_child(int signo)
{
    kill(child, SIGKILL);
}

static void run_group(const struct fuzz_target *target, uint64_t first, uint64_t count, volatile uint64_t *at)
{
    signal(SIGALRM, SIG_DFL);
    alarm(target->seconds);
    if (target->start)
        target->start();
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct fuzz f = { .seed = seed, .state = seed * 0x2545f4914f6cdd1du };
        *at = seed;
        target->one(&f);
    }
    exit(0);
}

/* What happened to the child, in words; NULL if all is well. */
static const char *verdict(const struct fuzz_target *target, int status)
{
    static char text[64];
    if (status == 0 || (target->death_is_fine && target->death_is_fine(status)))
        return NULL;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGKILL ? "does not end" : "dies of signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "exits with %d", WEXITSTATUS(status));
    return text;
}

int fuzz_main(const struct fuzz_target *target, int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
    volatile uint64_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned crashes = 0;
    signal(SIGALRM, kill_child);
    for (uint64_t done = 0; done < count; done += target->group) {
        uint64_t n = count - done < target->group ? count - done : target->group;
        int status;
        fflush(stdout);
        child = fork();
        if (child == 0)
            run_group(target, first + done, n, at);
        alarm(target->seconds + 5);
        waitpid(child, &status, 0);
        alarm(0);
        const char *text = verdict(target, status);
        if (text) {
            printf("%s: %s at seed %" PRIu64 "\n", target->name, text, *at);
            crashes++;
        }
    }
    printf("%s: %" PRIu64 " inputs, %u crashes\n", target->name, count, crashes);
    return crashes != 0;
}
