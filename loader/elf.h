/* ELF files of a guest into memory, as the kernel's fs/binfmt_elf.c does it.
 *
 * A program is one image, or two: the executable and the interpreter that its PT_INTERP names (the dynamic loader).
 * Fixed-address executables (ET_EXEC) go where they say; position-independent ones (ET_DYN) to two thirds of the address
 * space if they are the program, below the mmap base if they are the interpreter.
 *
 * A segment is mapped from its file page by page; the rest of its last file page is cleared and the pages beyond are
 * anonymous (bss). Example: vaddr 0x11e10, filesz 0x200, memsz 0x3000 maps [0x11000, 0x13000) from the file, clears
 * from 0x12010, and maps [0x13000, 0x15000) anonymous.
 *
 * Nothing in a file is trusted: sizes, offsets and addresses are checked before anything is mapped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loader/gaddr.h"

struct guest;

struct elf_image {
    const struct guest *guest;
    gaddr bias;                  /* what was added to the file's addresses; AT_BASE of an interpreter */
    gaddr entry;
    gaddr phdr;                  /* program headers in memory, 0 if no segment holds them */
    uint16_t phnum, phentsize;
    gaddr end;                   /* end of the highest segment: the break starts after it */
    gaddr start_code, end_code, start_data, end_data;
    bool position_independent;
    bool exec_stack;
    char interpreter[4096];      /* PT_INTERP, "" if there is none */
};

/** Why a program cannot be started. */
struct elf_error {
    int number;                  /* errno as execve would give it; 0 if there is no error */
    char file[512];              /* the file that is to blame */
    char reason[160];            /* what is wrong with it, in words, no newline */
};

enum elf_role { ELF_PROGRAM, ELF_INTERPRETER };

/** Maps the file open as `fd`, called `path` in messages. For ELF_INTERPRETER it must be of *guest. Returns false
 * with *error filled; some segments may be mapped then. */
bool elf_load(int fd, const char *path, enum elf_role role, const struct guest *guest,
              struct elf_image *image, struct elf_error *error);

/** Fills *error. Returns false. */
bool elf_fail(struct elf_error *error, int number, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** The exit code a shell gives for it: 127 if a file is missing, else 126. */
int elf_exit_code(const struct elf_error *error);
