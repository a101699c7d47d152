/* What a file is to execve: looked at as the kernel's binary formats do, by its first 256 bytes.
 *
 * main() uses it for the program on the command line, the system call execve for everything that a guest starts:
 *   PROBE_GUEST   an ELF file of a guest: run it with dragoman
 *   PROBE_NATIVE  an ELF file that this host's kernel runs by itself
 *   PROBE_SCRIPT  "#!INTERPRETER [ARGUMENT]": run argv = INTERPRETER, ARGUMENT, FILE, the rest of the old argv
 *   PROBE_OTHER   anything else: ENOEXEC (the host may know better through binfmt_misc)
 */
#pragma once

#include <stddef.h>

struct guest;

enum probe_kind { PROBE_GUEST, PROBE_NATIVE, PROBE_SCRIPT, PROBE_OTHER };

enum { PROBE_BYTES = 256, PROBE_DEPTH = 5 };   /* BINPRM_BUF_SIZE; scripts of scripts: exec_binprm() */

struct probe {
    enum probe_kind kind;
    const struct guest *guest;          /* PROBE_GUEST */
    char interpreter[PROBE_BYTES];      /* PROBE_SCRIPT */
    char argument[PROBE_BYTES];         /* PROBE_SCRIPT: "" with has_argument 0 if there is none */
    int has_argument;
};

/** Classifies the file open as `fd` (its offset is untouched). Returns 0 or -errno (of the read). */
int probe_fd(int fd, struct probe *out);
/** The same for bytes in memory: the first `len` of a file. */
void probe_bytes(const void *bytes, size_t len, struct probe *out);

/** Opens `path` for reading as a guest with prefix `prefix` (NULL: none) sees it: PREFIX/path if that exists, with absolute
 * symbolic links inside the prefix followed inside it, else path. For absolute paths only; others are
 * opened as they are. Returns a close-on-exec descriptor or -errno. */
int probe_open(const char *prefix, const char *path);
