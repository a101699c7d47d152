/* RLIMIT_AS and RLIMIT_DATA: about the guest's memory, not the translator's.
 *
 * The host's soft limits are raised as far as they go (to infinity with CAP_SYS_RESOURCE, else to the hard limit), and the guest's limits
 * are kept here: loader/space.c holds guest mappings to them, getrlimit, prlimit and /proc/self/limits show them. Programs that the guest
 * executes get them: translated ones as words of --limits, native ones as the host's limits, right before execve. Where
 * the host's hard limit is finite, and nobody may raise it, the translator's memory counts against that one still.
 *
 * Example: after setrlimit(RLIMIT_AS, {256 MiB, 256 MiB}) the host's limit is still unlimited; mmap of 300 MiB gets ENOMEM from
 * space_mmap(); execve of a guest's program adds "--limits 268435456:268435456:18446744073709551615:18446744073709551615".
 *
 * A child in its parent's memory (vfork) has limits of its own, which count for what it executes; mappings that it makes are its
 * parent's and held to the parent's limits. If somebody else sets the host's limits (prlimit of another process), they are taken over when
 * the guest next asks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

struct thread;

enum { NLIMITS = 2 };   /* RLIMIT_AS, RLIMIT_DATA */

/** A process's limits: what the guest is told, and what the host had when we last looked. */
struct limits { struct rlimit guest[NLIMITS], host[NLIMITS]; };
extern struct limits limits_process;

/** Raises the host's limits and tells loader/space.c the guest's: before the first guest mapping. `handed`: the argument of --limits, NULL
 * for the host's own. */
void limits_start(const char *handed);
/** Whether `handed` is such an argument. */
bool limits_valid(const char *handed);

enum { LIMITS_WORD = 4 * 21 };
/** Writes the argument of --limits for the next program; NULL if the host's limits say it all. */
const char *limits_word(const struct thread *t, char out[LIMITS_WORD]);
/** The guest's limits as the host's, right before a native program is executed, and back if that failed. Back as far as the kernel
 * allows: a hard limit that came down stays. */
void limits_before_native(struct thread *t);
void limits_native_failed(struct thread *t);

/** In the child of a fork: a vfork's child that forked had limits of its own, which are the new process's. */
void limits_after_fork(struct thread *t);

/** Whether the process has the capability in the first user namespace, where limits are looked after. */
bool limits_capable(int capability);

/** /proc/self/limits. */
void limits_print(FILE *f, const struct thread *t);
