#include "syscall/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/cache.h"
#include "syscall/seccomp.h"
#include "syscall/sys.h"

/* What is known of one thread; taken while it can't end. */
struct facts {
    uint32_t tid;
    bool found;
    uint64_t blocked, pending;
    unsigned seccomp_mode, filters;
};

static void take(const struct thread *t, struct facts *facts)
{
    facts->found = true;
    facts->blocked = t->blocked;
    facts->pending = signal_held(t);
    facts->seccomp_mode = seccomp_mode(t);
    facts->filters = seccomp_filters(t);
}

static void take_if_it(struct cpu *cpu, void *arg)
{
    struct facts *facts = arg;
    if (cpu->thread && cpu->thread->tid == facts->tid)
        take(cpu->thread, facts);
}

/* The thread that a path means: task/TID names it, /proc/self is the process's first one. */
static uint32_t named(const char *path, const struct thread *asker)
{
    const char *task = strstr(path, "/task/");
    if (task)
        return (uint32_t)strtoul(task + strlen("/task/"), NULL, 10);
    return strncmp(path, "/proc/thread-self/", 18) == 0 ? asker->tid : (uint32_t)getpid();
}

void status_print(FILE *f, const char *path, const struct thread *asker)
{
    struct facts facts = { .tid = named(path, asker) };
    uint64_t ignored, caught;
    char line[512];
    cpus_each(take_if_it, &facts);
    if (!facts.found)                    /* the first thread has ended */
        take(asker, &facts);
    signal_dispositions(asker, &ignored, &caught);
    const struct { const char *name; uint64_t value, with; /* with: the kernel's, of these */ } masks[] = {
        { "SigPnd:", facts.pending, ~0ull }, { "SigBlk:", facts.blocked, 0 }, { "SigIgn:", ignored, 0 }, { "SigCgt:", caught, 0 },
    };
    enum { NMASKS = sizeof masks / sizeof *masks };
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in)) {
        int i = 0;
        while (i < NMASKS && strncmp(line, masks[i].name, strlen(masks[i].name)) != 0)
            i++;
        if (i < NMASKS)                  /* fs/proc/array.c, render_sigset_t() */
            fprintf(f, "%s\t%016llx\n", masks[i].name,
                    (unsigned long long)masks[i].value | (masks[i].with & strtoull(line + strlen(masks[i].name), NULL, 16)));
        else if (strncmp(line, "Seccomp:", 8) == 0)
            fprintf(f, "Seccomp:\t%u\n", facts.seccomp_mode);
        else if (strncmp(line, "Seccomp_filters:", 16) == 0)
            fprintf(f, "Seccomp_filters:\t%u\n", facts.filters);
        else
            fputs(line, f);
    }
    if (in)
        fclose(in);
}
