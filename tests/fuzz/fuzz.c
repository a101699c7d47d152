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

/* Shared with the child. */
struct progress {
    volatile uint64_t at;                /* the seed in progress; then the one to go on with */
    unsigned crashes, ended;             /* ended: as death_is_fine() allows */
};

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
        target->start(first);
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

/* Runs the seeds from `first` on in a child until one of them ends it; false if it can't be done on this system. */
static bool run_child(const struct fuzz_target *target, uint64_t first, uint64_t count, struct progress *p)
{
    int status;
    fflush(stdout);
    p->at = first;
    child = fork();
    if (child == 0)
        run_group(target, first, count, &p->at);
    alarm(target->seconds + 5);
    waitpid(child, &status, 0);
    alarm(0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == FUZZ_SKIP)
        return false;
    const char *text = verdict(target, status);
    if (text) {
        printf("%s: %s at seed %" PRIu64 "\n", target->name, text, p->at);
        p->crashes++;
    }
    p->ended += status != 0 && !text;
    p->at = status ? p->at + 1 : first + count;
    return true;
}

int fuzz_main(const struct fuzz_target *target, int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
    struct progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGALRM, kill_child);
    for (uint64_t seed = first; seed < first + count; seed = p->at) {
        uint64_t left = first + count - seed, group = target->group - seed % target->group;
        if (!run_child(target, seed, left < group ? left : group, p)) {
            printf("%s: not on this system\n", target->name);
            return FUZZ_SKIP;
        }
    }
    printf("%s: %" PRIu64 " inputs, %u crashes, %u ended as they may\n", target->name, count, p->crashes, p->ended);
    return p->crashes != 0;
}
