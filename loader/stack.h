/* The initial stack: what a program finds at sp when it starts (fs/binfmt_elf.c, create_elf_tables()).
 *
 *   stack_top   8 zero bytes
 *               the program's path (AT_EXECFN)
 *               environment strings, then argument strings below them, each in order upwards
 *               (up to 8 KiB of random distance)
 *               AT_PLATFORM's string, AT_RANDOM's 16 bytes
 *               auxv: pairs (type, value) up to AT_NULL
 *               envp: pointers, NULL
 *               argv: pointers, NULL
 *   sp ->       argc                                         sp is a multiple of 16
 *
 * Words are the guest's: 8 bytes for a 64-bit guest, 4 for a 32-bit one.
 */
#pragma once

#include "loader/elf.h"
#include "loader/exec_info.h"

struct stack_args {
    char *const *argv;           /* at least one */
    char *const *envp;
    uint64_t limit;              /* stack size in bytes, UINT64_MAX for RLIMIT_STACK's */
    const struct elf_image *program, *interpreter;   /* interpreter: NULL if none */
};

/** Maps the stack, between the program (whose PT_GNU_STACK counts) and everything that goes below the mmap base. Sets
 * info->stack_top. False with *error filled: E2BIG if the strings take more than a quarter of the limit, ENOMEM. */
bool stack_map(const struct stack_args *args, struct exec_info *info, struct elf_error *error);
/** Fills it; sets info's sp, arg_*, env_*, auxv*. Uses info->guest, path and vdso. */
void stack_fill(const struct stack_args *args, struct exec_info *info);
