/* Files of kept translations: which file it is, whether it can be trusted, where it lies (keep.h). */
#pragma once

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backend/keep.h"

/* A file's identity. While it stays the same, so do the contents. */
struct keep_file {
    uint64_t dev, ino, size;
    int64_t mtime, ctime;               /* seconds */
    uint32_t mtime_ns, ctime_ns;
};

/* All that must be equal for an image to be of use. No padding: it is compared as bytes. */
struct keep_key {
    uint8_t build[20];                  /* the translator's build id */
    uint8_t unused[4];
    uint64_t salt;                      /* struct keep_how's */
    struct keep_file program;
};

/** Fills *file from the open file `fd`. False if it is no regular file, or was changed so recently that another
 * change may leave its times as they are. */
bool keep_file_identity(int fd, struct keep_file *file);
/** Fills everything in *key but the program; false if the translator has no build id. */
bool keep_key_init(struct keep_key *key, uint64_t salt);

/** Opens (makes, where that is harmless) the directory of images; -1 if there is none that is the user's alone. The
 * result is a hostfd. */
int keep_dir_open(const struct keep_how *how);
/** The name of the image for `key`. */
void keep_name(char name[40], const struct keep_key *key);
/** Opens image `name` for reading: it is the user's, and regular. -1 otherwise. *sure: it was written since the system
 * started. Marks it as used. */
int keep_image_open(int dir, const char *name, bool *sure);
/** Begins a new image: a descriptor and its provisional name, -1 if `size` bytes can't be written. */
int keep_image_create(int dir, char temp[40], uint64_t size);
/** Ends it: complete (renamed to `name`) or not (removed). */
void keep_image_done(int dir, int fd, const char *temp, const char *name, bool complete);
/** Removes the images that were not used for longest until all take at most `max_bytes`, and what others began an hour ago and never
 * ended. */
void keep_dir_trim(int dir, uint64_t max_bytes);

/** Adds `size` bytes (a multiple of 8) to a checksum, which starts from 0. */
uint64_t keep_sum(uint64_t sum, const void *data, size_t size);
