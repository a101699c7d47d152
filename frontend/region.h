/* Regions: a hot loop as one unit, with its inner loops, both ways of its branches, and all guest registers in SSA.
 *
 * A region has one entry, its head: where a jump back led often (backend/build.c counts). Making one takes two steps.
 *
 * The map (region_scan.c). From the head on, guest code is decoded along direct jumps and both ways of branches, nearest
 * first; never to before the head, where loops around this one begin. What a way leads to is a leader: a straight stretch of code starts there, which ends at a jump or
 * before the next leader. Members of the region are the leaders from which the head can be reached again. A branch that
 * was never taken (nothing was ever translated where it leads) is not followed: what is cold stays out. Calls and
 * indirect jumps end a way: a loop whose every way round has one is none for us.
 *
 * The IR (region.c). Each member becomes a block of the unit. Jumps between members are edges, others are exits. A leader
 * with one predecessor continues that one's block. Registers in guest->context, whose constant value decides what code
 * means (what kind of operation set the flags), are part of a block's identity where they are live: a
 * loop that reads flags set at its end gets a first pass of its own, for which they are not known.
 *
 * Every block that an edge leads back to polls at its start, and so does the entry: each cycle that is not within the region
 * leads through entries.
 *
 * Code that may change without a word (space_unannounced()) is compared at the entry, and only small regions are made of it.
 *
 * Example. The inner loop reads flags that its last compare has set, and is entered with others:
 *
 *     1: csel x3, x3, x1, cs          block 0:  jmp 1
 *        ldr x1, [x3]                 block 1:  poll; the loop's code, flags from cc_op; br 2 or exit
 *        cmp w5, w1                   block 2:  poll; the same code, csel as cmpleu.i32 w1, w5; br 2 or exit
 *        b.ne 1b
 */
#pragma once

#include "frontend/translate.h"

enum {
    REGION_LEADERS = 128,      /* that are looked at */
    REGION_INSNS = 600,        /* guest instructions looked at, and translated */
    REGION_BLOCKS = 128,
    REGION_CONTEXT = 2,        /* registers of guest->context at most */
    REGION_HASH = 512,         /* a power of two above 2 * REGION_LEADERS */
    REGION_CHECKED = 256,      /* bytes of code that may change without a word, at most */
    REGION_NO_LEADER = -1,
};

/* A stretch of guest code. */
struct leader {
    gaddr pc, end;             /* [pc, end) */
    int16_t succ[2];           /* leaders it leads to */
    uint8_t nsucc;
    bool member;               /* the head can be reached again */
    uint8_t npreds;            /* ways from members here */
    uint8_t reads, writes;     /* context registers: read before written, written; bit its place in guest->context */
    uint8_t live;              /* read here or later, in members */
};

struct region_map {
    const struct guest *guest;
    uint32_t mode;
    struct leader leaders[REGION_LEADERS];   /* [0] is the head */
    unsigned n, insns;
    int16_t hash[REGION_HASH];
};

/** Fills `map` with the loop at `head`; `u` is scratch. False if there is none. May fault on fetching, as translate_unit(). */
bool region_scan(struct region_map *map, struct ir_unit *u, const struct guest *guest, gaddr head, uint32_t mode);
/** The leader at `pc`, REGION_NO_LEADER if none is. */
int region_leader(const struct region_map *map, gaddr pc);

/** Builds the region at `head` into `u` (reset here). The caller holds space's read lock and the cache's lock. False if
 * there is no loop, or one that is too large or too scattered: `u` is of no use then. */
bool translate_region(struct ir_unit *u, const struct guest *guest, gaddr head, uint32_t mode);
