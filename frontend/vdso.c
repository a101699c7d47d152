#include "frontend/vdso.h"

#include <time.h>

#include "frontend/translate.h"
#include "loader/space.h"

bool vdso_insn(const struct tr *tr, uint32_t word)
{
    struct space_range r;

    return (uint32_t)tr->bits == word && space_lookup(tr->pc, &r) && (r.kind & SPACE_VDSO);
}

int64_t vdso_clock(uint64_t id)
{
    const uint32_t known = 1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW |
                           1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME |
                           1u << CLOCK_TAI;
    struct timespec t;

    if ((uint32_t)id >= 32 || !(known >> (uint32_t)id & 1) || clock_gettime((clockid_t)id, &t) < 0)
        return -1;
    return t.tv_sec * 1000000000 + t.tv_nsec;
}
