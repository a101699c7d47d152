/* The log: what -d ITEMS asks for, written to stderr or to -D FILE.
 *
 * Items are rows of log.def. A place that can log asks log_on() first, which costs a load and a test, and then
 * writes whole lines between log_begin() and log_end(), so that threads don't mix their lines:
 *
 *     if (log_on(LOG_IN_ASM)) {
 *         FILE *f = log_begin();
 *         fprintf(f, "%#" PRIx64 ": %s\n", pc, text);
 *         log_end(f);
 *     }
 *
 * Not for signal handlers. The log's descriptor is the translator's own (loader/hostfd.h): what the guest does
 * to its descriptor 2 does not touch it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_item {
#define LOG(token, name, doc) LOG_##token,
#include "debug/log.def"
#undef LOG
    LOG_COUNT
};

/** Bit 1 << item is set for each item that is on. Set by log_init(). */
extern uint32_t log_items;

static inline bool log_on(enum log_item item)
{
    return __builtin_expect(log_items >> item & 1, 0);
}

/** Reads a list "in_asm,op" (or "all") into a mask. On an unknown name returns false and points *bad at it
 * (up to the next comma or the end). */
bool log_parse(const char *list, uint32_t *mask, const char **bad);
/** Prints the names and what they log. */
void log_help(FILE *f);

/** Opens the log: `path` NULL for stderr; "%d" in it becomes the process id. An existing file is truncated unless
 * `append`. Returns false with errno if the file can't be opened. Once, before the guest's first thread. */
bool log_init(uint32_t items, const char *path, bool append);
/** Locks the log and returns the stream to write to; log_end() flushes and unlocks. Never NULL. */
FILE *log_begin(void);
void log_end(FILE *f);
/** One line (or part) in one call. */
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** In the child of a fork. */
void log_fork_child(void);

/** Writes host code as one line "host 0xADDR: HEX". With out_asm on, the log passes through dragoman-hostdis
 * (debug/hostdis.c), which replaces such lines by a disassembly, if it is found beside the executable. */
void log_host_code(FILE *f, const void *code, size_t len);
