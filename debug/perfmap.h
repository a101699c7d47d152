/* --perf-map: tells perf(1) which guest code a piece of host code is.
 *
 * perf reads /tmp/perf-PID.map, lines "START SIZE NAME" in hex, for samples in memory without a file
 * (tools/perf/Documentation/jit-interface.txt). Each published unit appends one line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loader/gaddr.h"

extern bool perfmap_on;

/** Opens the file. False with errno. */
bool perfmap_init(void);
/** Records a unit: its host code and the guest pc that it translates. Only if perfmap_on. */
void perfmap_unit(const void *code, size_t len, gaddr pc);
/** In the child of a fork: goes on in a file of its own that starts as a copy. */
void perfmap_fork_child(void);
