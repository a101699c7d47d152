/* /proc/self/status: the kernel's file with the guest's signal sets and seccomp in it. */
#pragma once

#include <stdio.h>

struct thread;

/** Prints the file that thread `asker` named `path`: of its process, of itself (thread-self), or of one thread (task/TID). */
void status_print(FILE *f, const char *path, const struct thread *asker);
