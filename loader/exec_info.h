/* What the loader tells the Linux layer about the program that it has put into memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "loader/gaddr.h"

struct cpu;
struct guest;

struct exec_info {
    const struct guest *guest;
    const char *path;            /* the program as it was named */
    const char *exe;             /* its absolute path: /proc/self/exe */
    const char *prefix;          /* -L: where the guest's libraries are looked up first; NULL for none */

    gaddr entry;                 /* first instruction: the interpreter's if there is one */
    gaddr start_code, end_code, start_data, end_data;    /* as /proc/self/stat has them */
    gaddr stack_top;             /* highest address of the stack, and where sp starts */
    gaddr sp;
    gaddr arg_start, arg_end, env_start, env_end;        /* the strings: /proc/self/cmdline, environ */
    gaddr auxv;                  /* the vector in guest memory: /proc/self/auxv */
    uint32_t auxv_size;          /* in bytes, AT_NULL included */
    gaddr vdso;                  /* where it is mapped; 0 if the guest has none */
    gaddr sigreturn;             /* the code in it that ends a signal handler */
};

/** Starts the Linux layer for `cpu`, the process's first thread; `info` lives as long as the process. In syscall/. */
void linux_init(struct cpu *cpu, const struct exec_info *info);
