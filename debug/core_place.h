/* Where core files go: the guest's, and the kernel's own, which nobody is to see. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The core file's name by /proc/sys/kernel/core_pattern (core(5)). False if the pattern is a pipe or makes no name. */
bool core_name(char *out, size_t size, int signo, uint32_t tid);
/** Creates it, with do_coredump()'s precautions; -1 with errno if it must not be. */
int core_open(const char *name);
/** Makes the kernel's own dump harmless. `name`: it shall happen where nobody sees it, under this name of core_name()'s, so that
 * the parent is told of a core; NULL, or if there is no such place: it does not happen. An absolute name needs
 * CAP_SYS_CHROOT. `own_memory`: no other process shares the memory map, whose coredump_filter may be changed. */
void core_divert(const char *name, bool own_memory);
