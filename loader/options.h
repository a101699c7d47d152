/* The command line and its equivalents in the environment: one row of options.def each.
 *
 *     dragoman [OPTIONS] PROGRAM [ARGUMENTS]
 *
 * Options end at the first word that is none, or after "--". Every option is a member of struct options; -help is
 * made from the table. Programs that a guest starts are run by a dragoman of their own with the options that say
 * "inherit": options_child_argv() writes them down again, so nothing travels in the guest's environment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Value of a NUMBER or SIZE that was not given. */
#define OPTION_UNSET UINT64_MAX

struct option_list {
    const char **items;
    size_t count;
};

#define OPTION_TYPE_FLAG bool
#define OPTION_TYPE_STRING const char *
#define OPTION_TYPE_NUMBER uint64_t
#define OPTION_TYPE_SIZE uint64_t
#define OPTION_TYPE_LIST struct option_list
#define OPTION_TYPE_SHOW bool

struct options {
#define OPT(field, kind, ...) OPTION_TYPE_##kind field;
#include "loader/options.def"
#undef OPT
    uint32_t log_items;          /* `log` and `strace` as a mask for log_init() */
};

/** Written once by options_parse(), read by all. */
extern struct options options;

/** Exit code for a command line that makes no sense, as env(1) and timeout(1) have it. */
enum { OPTIONS_EXIT = 125 };

/** Whether the kernel's binfmt_misc started us with flag P (AT_FLAGS says so): the words are ours, the program, its argv[0], its
 * arguments, and there are no options. */
bool options_by_kernel(void);

/** Parses argv and the environment; exits after -help and the like, and with OPTIONS_EXIT after a message if
 * something is wrong. Returns the index of PROGRAM in argv. */
int options_parse(int argc, char **argv);

/** The words that start a child's dragoman: "dragoman", the inherited options, "-child", up to where the caller
 * appends e.g. "--program-fd", "3", "-0", ARGV0, "--", PROGRAM, ARGUMENTS. The array and its strings live as long
 * as the process; *count is their number. Made by options_parse(). */
const char *const *options_child_argv(size_t *count);

/** A descriptor of the dragoman executable (hostfd_keep()), opened at the first call: to be called before anything that
 * changes the root or unmounts /proc, and for execveat(fd, "", …, AT_EMPTY_PATH). -1 with errno. A child finds it by
 * "--self-fd N" if the caller clears close-on-exec. */
int options_self_fd(void);
/** The name of the translator in memory: /proc/PID/exe of what it executes is "/memfd:NAME (deleted)". */
#define OPTIONS_MEMORY_NAME "dragoman"
/** Makes that descriptor a copy in memory, which may be executed where rules about paths (Landlock) forbid the file. False if
 * it can't be had; the file stays then. */
bool options_self_in_memory(void);
