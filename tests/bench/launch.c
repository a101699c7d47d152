/* Starts a program N times, one after the other, and reports what that took.
 *
 *     launch REPORT N PROGRAM ARGUMENT...
 *
 * writes "wall_ns user_us sys_us max_rss_kb status" to the file REPORT: sums over the N runs, the largest
 * resident size of one, and the last wait status.  It is small itself, so that the resident size, which a
 * child inherits from who started it until it execs, is the program's. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: launch REPORT N PROGRAM ARGUMENT...\n");
        return 2;
    }
    long user = 0, sys = 0, rss = 0;
    int status = 0;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = atoi(argv[2]); i > 0; i--) {
        pid_t child;
        struct rusage usage;
        if (posix_spawnp(&child, argv[3], NULL, NULL, argv + 3, environ) || wait4(child, &status, 0, &usage) < 0) {
            perror(argv[3]);
            return 1;
        }
        user += usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
        sys += usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
        rss = usage.ru_maxrss > rss ? usage.ru_maxrss : rss;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *report = fopen(argv[1], "w");
    if (!report) {
        perror(argv[1]);
        return 1;
    }
    fprintf(report, "%lld %ld %ld %ld %d\n",
            (end.tv_sec - start.tv_sec) * 1000000000ll + end.tv_nsec - start.tv_nsec, user, sys, rss, status);
    return fclose(report) != 0;
}
