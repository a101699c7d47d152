/* What the files that make up the address space share: space.c (state, Linux's calls), maps.c (/proc/self/maps). */
#pragma once

#include "loader/ranges.h"

struct space {
    struct ranges set;
    gaddr task_size;         /* first address above the guest's */
    gaddr mmap_base;         /* mappings without a wish go below this */
    gaddr stack_top;
    gaddr brk_start, brk;
    bool randomise, seeded;
    bool lazy;               /* pages may have to wait for the guest (space_lazy()) */
    bool host_below;         /* the kernel placed mappings of ours below task_size */
};
extern struct space space;

/** Reads the kernel's list of our mappings and records those below the guest's top that the guest did not make
 * as SPACE_HOST. False if the list can't be read. Write lock held. */
bool maps_note_host(void);
