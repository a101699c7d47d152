/* flags.def and prctl.def as an array, in a file of its own: some of the kernel's headers don't go with libc's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sys_flag {
    const char *set, *name;
    uint32_t value;
    bool bit;            /* a bit or group of bits; else one value of an enumeration */
};
extern const struct sys_flag sys_flags[];
extern const size_t sys_nflags;
