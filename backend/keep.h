/* Translations kept on disk: the second run of a program starts with the code of the first.
 *
 * What is kept. One file a program: an image of the code cache's first segment, its code and records and
 * the tables that find them. Loading it is a handful of mmap calls, private and on demand: no unit
 * is touched before it runs. That works because the cache's area lies at one address in all
 * processes (CACHE_AREA), records point nowhere else, and code holds no host address (DESIGN 3.11).
 *
 * When a kept unit is good. It was made from bytes of a file that was mapped at some guest address.
 * So it may be used exactly while the same file is mapped there again, privately, not writable, and
 * unchanged. A `group` is such a mapping: the file's identity (device, inode, size, times of the last
 * change of contents and of status, to the nanosecond), offset and guest address. Groups of an image
 * wait; when the guest maps a matching file (keep_mapped()), a group comes alive and its units may be
 * entered. When code is unmapped or made writable, cache_invalidate() drops the units like any
 * other. Units made from anything else (anonymous memory, the vdso, files that were changed less
 * than two seconds before) are in the image too, but in group 0, which never lives.
 * Jumps from one unit to another stay linked if both are of one group.
 *
 * Addresses. Programs find their code at other addresses each time (address space randomisation). An
 * image stores the seed that decided where code was mapped (space_random_layout()); who loads it lays
 * its code out by that seed. So the layout is random for each image, not for each run. Stack, break
 * and AT_RANDOM are random for each run.
 *
 * When an image is good. Its key is equal: the build of the translator, the CPU's features, what the
 * command line changes about code, and the program's file identity. It belongs to the effective user and
 * nobody else may write it or its directory. Since a crash of the system may leave a file whose contents
 * never reached the disk, a file that is older than the system's start is read and compared with its
 * checksum before it is first used. Privileged (AT_SECURE) programs neither read nor write images.
 *
 * Saving. At exit and execve, if enough new units were made: a new file, renamed over the old one. The
 * process that loaded the image writes it, not its forks (a shell's children would all write the
 * shell's). A program with more code than the first segment holds keeps what it translated first; its image stays as it is then.
 * The directory is kept below a size by removing what was not used for longest.
 *
 * Example. `ls` runs for the first time: 1,900 units, written to ~/.cache/dragoman/2b7e….dtc. The second
 * run reads that file's header, maps the program and its libraries by its seed; the mappings match the groups
 * of ls, ld.so, libc, libselinux; the run loop finds the unit of the entry point in the table, and nothing is
 * translated.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "loader/gaddr.h"

struct unit;

/* How translations are kept; the loader fills it from the command line. */
struct keep_how {
    const char *dir;         /* where; NULL for the usual place */
    int dir_fd;              /* the same as an open directory that is the translator's (hostfd.h), or -1 */
    uint64_t max_bytes;      /* what all images together may take */
    uint64_t salt;           /* differs when code differs for reasons that are not the CPU's or the build's */
};

/** Opens the directory of images that `dir` names (NULL: the usual one; "off": none), for whoever changes the root before
 * keep_open(). Makes it where that is harmless. -1 if there is none. The caller owns the descriptor. */
int keep_dir_find(const char *dir);
/** Looks for the image of the program that is open as `fd`. Before space_init(): the image's seed decides the
 * layout. Never fails: where nothing can be kept nothing is. */
void keep_open(int fd, const struct keep_how *how);
/** The seed for space_init(): the image's; NULL if there is none. */
const uint64_t *keep_layout(void);
/** Puts the image into the empty code cache. After cache_init(), before the first unit. */
void keep_load(void);
/** The guest mapped a file with PROT_EXEC (mmap's arguments, `len` in whole pages). Space's write lock held. */
void keep_mapped(gaddr start, uint64_t len, int prot, int flags, int fd, uint64_t off);
/** Code in [start, last] is no longer what was mapped there. Under cache.lock. */
void keep_forget(gaddr start, gaddr last);
/** True if unit `u` may be entered: its group lives, or it was made by this process. */
bool keep_usable(const struct unit *u);
/** The first segment was emptied: what is there from now on is this process's own. Under cache.lock. */
void keep_recycled(void);
/** True if this process may write an image when it ends. */
bool keep_will_save(void);
/** Writes the image if that is worth it. Any thread, no lock held, before exit or execve. */
void keep_save(void);
/** In the child of a fork: it is another process's image. */
void keep_after_fork(void);
/** The open directory of images for a child that execve makes, or -1. */
int keep_dir_fd(void);
/** A line about what was loaded, for --stats. */
void keep_stats(FILE *f);
