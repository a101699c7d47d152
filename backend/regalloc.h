/* Register allocation: one pass forward over a unit, together with emission.
 *
 * A unit in a superblock's shape has one long block, so the classical trade-off of linear scan holds: the
 * allocator walks the insns in order, keeps for each host register the value it holds, gives operands and
 * results registers as the target's constraint rows ask (backend/x86/ops.def), and evicts the value
 * whose next use is farthest when it runs out. It emits moves, spills and reloads through struct ra_target
 * and knows nothing else of the host.
 *
 * Before that, live.c walks the unit forward to number it and to see which values are others' registers (truncations,
 * copies), and back to find each value's last position and which insns make no code of their own (comparisons that fuse with
 * their only user, extensions that only snapshots name). Liveness is
 * conservative as in linear scan: a value is live from its definition to its last use in layout order, and
 * one that a loop uses but does not define stays live to the loop's end.
 *
 * Where a value can be: in a host register, in memory (its `slot`: a displacement from struct cpu), both, or nowhere
 * yet (constants are made when a register is asked for; a `get` of a register without home is loaded then).
 * Values are immutable, so a memory copy, once stored, stays valid along the path. Slots are shared by values whose
 * lives, from definition to last position, don't overlap. The best slot is that of the guest register that the
 * value is to become, once the register's value at entry is needed no more: then an exit has nothing to do for it.
 *
 * Guest registers at unit entry are values too: that of a register with a home starts in that host register. If the unit
 * has no `get` of it, a ghost value (ninsns + index in ra.homed) stands in, so that the allocator can
 * displace it and exits can bring it home. Its memory copy is the register's own slot.
 *
 * Blocks. The first edge into a block fixes where its live values and parameters are (struct ra_entry); every
 * later edge moves them there. So a loop's values stay in registers across the back edge.
 *
 * Exits. ra_exit_list() lists where each guest register is that is not at home; ra_exit_moves() turns such a list into code, at
 * once for a unit's last exit, later in a stub for a side exit.
 *
 * Example. With a0 at home in rsi: `addi a0, a0, 8; beqz a1, L` makes %2 = add %1, 8 whose hint is rsi,
 * because the exit's snapshot puts %2 into a0; %1 dies there, so %2 gets rsi and the code is `add rsi, 8`.
 */
#pragma once

#include "backend/snapshot.h"
#include "frontend/guest.h"

enum { RA_NREGS = 32, RA_NONE = 0xff, RA_XMM0 = 16 };
enum ra_class { RA_GPR, RA_XMM };

/* The host's side: how to move things. Registers are 0..15 general, 16..31 vector. `bytes` is 8 or 16. */
struct ra_target {
    void (*move)(void *ctx, unsigned dst, unsigned src);
    void (*swap)(void *ctx, unsigned a, unsigned b);
    void (*load)(void *ctx, unsigned dst, int32_t off, unsigned bytes);
    void (*store)(void *ctx, int32_t off, unsigned src, unsigned bytes);
    void (*constant)(void *ctx, unsigned dst, const struct ir_insn *k);       /* flags may be lost */
    void (*store_const)(void *ctx, int32_t off, const struct ir_insn *k, unsigned bytes);
    void (*push)(void *ctx, int32_t off, unsigned bytes);                     /* memory to stack */
    void (*pop)(void *ctx, unsigned dst, int32_t off, unsigned bytes);        /* dst RA_NONE: to memory at off */
    /* What is in `dst` (RA_NONE: in memory at off) becomes extended, by enum snap_ext. At exits only, when all has been
     * moved: it may use registers that are no homes. */
    void (*extend)(void *ctx, unsigned dst, int32_t off, unsigned ext);
    uint32_t allocatable;      /* bit a register */
    const uint8_t *prefer[2];  /* by class: allocatable registers, those that are no homes first; RA_NONE ends */
    const uint8_t *home;       /* guest register row -> host register, or RA_NONE */
};

struct ra_val {
    uint32_t end;     /* last position where the value is needed; 0: never */
    int32_t slot;     /* displacement of its memory copy from cpu, RA_NO_SLOT if it has none yet */
    uint8_t reg;      /* host register or RA_NONE */
    uint8_t hint;     /* host register it would best be in, or RA_NONE */
    uint8_t cls;      /* enum ra_class */
    uint8_t bytes;    /* 8 or 16 */
    uint8_t guest;    /* guest register that a snapshot names it for, whose slot would best be its memory, or RA_NONE */
    bool in_mem;      /* slot holds the value */
    bool fused;       /* emitted by its only user */
    bool named;       /* an operand or an edge's argument, of a dead insn even */
    uint8_t lazy;     /* only snapshots name it: they name what it is made of, to be extended so (enum snap_ext) */
    bool needed;      /* an operand of some insn, not only of snapshots */
    bool clean;       /* f32, f64: what its register has above the value is zeros */
    uint32_t nuses;   /* how often insns name it */
    uint32_t loop;    /* == ra.loop_stamp: named in the loop that is being entered */
    ir_ref user;      /* the last insn that names it */
};
#define RA_NO_SLOT INT32_MIN

struct ra_loop { uint32_t first, last; }; /* positions */

struct ra_entry {     /* a block's state at entry */
    bool fixed;
    ir_ref in[RA_NREGS];       /* which value each register must hold */
    uint8_t in_mem[RA_NREGS];  /* and whether its memory copy must be valid */
};

/* Positions in which a slot holds one value; the next such of the same slot. */
struct ra_span { uint32_t first, last, next; };

/* Where a guest register's value is, at an exit. */
struct ra_where {
    uint16_t guest;   /* register row */
    uint8_t reg;      /* host register, or RA_NONE: */
    uint8_t ext;      /* to be extended: enum snap_ext */
    bool is_const;    /*   constant `val` (an IR const insn's ref), or */
    int32_t off;      /*   memory at this displacement */
    ir_ref val;
};

/* One of a set of simultaneous moves. */
struct ra_move {
    uint8_t dst, src;          /* registers; RA_NONE: memory at dst_off, src_off */
    uint8_t bytes;
    bool pushed;
    ir_ref konst;              /* the source is this constant */
    int32_t dst_off, src_off;
};

struct ra {
    struct ir_unit *u;
    const struct ra_target *target;
    void *ctx;
    uint32_t pos;                    /* of the insn being emitted */
    ir_ref cur;                      /* that insn */
    uint32_t block;
    uint32_t pinned;                 /* registers this insn uses: not to be taken */
    uint32_t temps;                  /* those of them that hold no value: not for a result either */
    ir_ref in[RA_NREGS];             /* value each register holds, 0 = none */
    struct ra_val *v;                uint32_t cap_v;
    ir_ref *alias;                   uint32_t cap_alias; /* value that stands for another (truncations, copies, lanes) */
    struct ra_loop *loops;           uint32_t nloops, cap_loops; /* in the order of their ends */
    uint16_t (*deaths)[2];           uint32_t cap_deaths; /* scratch: values that end at a position, by class */
    uint32_t loop_stamp;
    ir_ref *loop_uses;               uint32_t nloop_uses, cap_loop_uses; /* values named in the loop that is being entered */
    uint32_t *block_pos;             uint32_t cap_block_pos; /* first position of each block; one more for the end */
    struct ra_entry *entries;        uint32_t cap_entries;
    uint8_t guest_of[RA_NREGS];      /* home host register -> guest register row */
    struct ra_val ghosts[RA_NREGS];  /* entry values of homed[] as units start with them */
    bool ghosts_made;
    uint8_t homed[RA_NREGS];         /* guest registers with a home */
    uint8_t unhomed[GUEST_MAX_REGS]; /* guest registers without that this unit gets */
    uint32_t nhomes, nunhomed;
    uint32_t homes;                  /* bit a host register that is a home */
    uint32_t displaced;              /* those of them that do not hold their register's entry value */
    ir_ref entry_val[GUEST_MAX_REGS];/* value at unit entry of registers with a home (their get or ghost) or a get */
    bool slots_ready;                /* what follows has been made for this unit, see slots.c */
    struct ra_span *spans;           uint32_t nspans, cap_spans; /* [0] is none */
    uint32_t guest_spans[GUEST_MAX_REGS], spill_spans[CPU_SPILL_BYTES / 8]; /* first of each slot's */
    uint8_t spill_words[CPU_SPILL_BYTES / 8]; /* how large a slot begins here in this unit, 0: none yet */
    bool slots_written;              /* by the unit itself, before a helper: they hold nothing else */
    struct ra_where *wheres;         uint32_t nwheres, cap_wheres;
    struct ra_move *moves;           uint32_t nmoves, cap_moves;
    uint32_t stamp, listed[GUEST_MAX_REGS]; /* listed[r] == stamp: r is in the list being made */
    bool failed;                     /* out of spill slots: the unit must be made shorter */
};

/* --- live.c --------------------------------------------------------------------------------------- */

/** Numbers the unit and fills v[], alias[], loops: call after pass pipeline, before ra_start(). */
void ra_analyse(struct ra *ra);
/** Up to where a value made at position `def` is needed that is needed at `pos`: a value made before a loop is needed at its head
 * again, so up to its end. */
uint32_t ra_reach(const struct ra *ra, uint32_t def, uint32_t pos);
/** The value that stands for `r`: through copies and truncations. */
static inline ir_ref ra_rep(const struct ra *ra, ir_ref r)
{
    return ra->alias[r];
}
/** The value that a snapshot's `r` is found in, and how it is to be extended. */
static inline ir_ref ra_source(const struct ra *ra, ir_ref r, uint8_t *ext)
{
    ir_ref x = ra->alias[r];

    *ext = ra->v[x].lazy;
    return ra->v[x].lazy ? ra->alias[ra->u->insns[x].arg[0]] : x;
}
/** Is operand `r`, an f32 or f64, known to have zeros above it in the register? */
static inline bool ra_clean(const struct ra *ra, ir_ref r)
{
    return ra->v[ra->alias[r]].clean && ra->u->insns[ra->alias[r]].type == ra->u->insns[r].type;
}
/** The registers-to-be operands of insn `r`: its arguments, with fused ones replaced by theirs. Returns
 * how many (at most 6). */
unsigned ra_operands(const struct ra *ra, ir_ref r, ir_ref out[6]);

/* --- slots.c -------------------------------------------------------------------------------------- */

/** Gives value `x` a slot for all its life, from its definition to its end: v[x].slot. Sets failed if none is left. */
void ra_new_slot(struct ra *ra, ir_ref x);

/** Displacement of a guest register's slot from cpu. */
static inline int32_t ra_guest_slot(const struct ra *ra, unsigned reg)
{
    return (int32_t)(offsetof(struct cpu, regs) + ra->u->guest->regs[reg].off);
}
static inline uint8_t ra_guest_bytes(const struct ra *ra, unsigned reg)
{
    return ra->u->guest->regs[reg].type == IR_V128 ? 16 : 8;
}

/* --- regalloc.c ----------------------------------------------------------------------------------- */

/** Makes `ra` ready for units; it keeps its memory from one to the next. */
void ra_init(struct ra *ra, const struct ra_target *target, void *ctx);
/** State at unit entry. */
void ra_start(struct ra *ra, struct ir_unit *u);

/** Value `v` (not fused) in a register, made or loaded if need be, and pinned. */
unsigned ra_use(struct ra *ra, ir_ref v);
/** The same in register `reg`, as a private copy if the value lives on (its register will be overwritten). */
void ra_use_in(struct ra *ra, ir_ref v, unsigned reg);
/** True if `v` is best taken from memory: *off is its displacement from cpu. */
bool ra_use_mem(struct ra *ra, ir_ref v, int32_t *off);
/** True if value `v` dies at the insn being emitted. */
static inline bool ra_dies(const struct ra *ra, ir_ref v)
{
    return ra->v[v].end <= ra->pos;
}
/** A free register of class `cls` for the time of this insn, pinned. `avoid`: registers not to take. */
unsigned ra_temp(struct ra *ra, enum ra_class cls, uint32_t avoid);
/** Empties register `reg` (what it holds moves or is stored) and pins it. */
void ra_take(struct ra *ra, unsigned reg);
/** A register for result `v`: its hint, else `tie` (a dying operand's register, RA_NONE for none), else any free one;
 * never one of `avoid`. Operands that die at this insn give up theirs, except those in `avoid`. */
unsigned ra_def(struct ra *ra, ir_ref v, unsigned tie, uint32_t avoid);
/** Result `v` is in `reg`, which ra_take() gave. */
void ra_def_in(struct ra *ra, ir_ref v, unsigned reg);
/** Ends the insn: unpins. */
static inline void ra_done(struct ra *ra)
{
    ra->pinned = ra->temps = 0;
}

/** Is value `v` a constant? */
static inline bool ra_is_const(const struct ra *ra, ir_ref v)
{
    return v < ra->u->ninsns && ra->u->insns[v].op == IR_const;
}

/** Emits the moves of edge `edge` into block `to`: fixes its entry state if this is the first edge. */
void ra_edge(struct ra *ra, uint32_t edge, uint32_t to);
/** Makes block `b`'s entry state the current one. */
void ra_block_begin(struct ra *ra, uint32_t b);

/* The state at a branch, for its second edge. */
struct ra_save { ir_ref in[RA_NREGS]; bool in_mem[RA_NREGS]; };
void ra_save(const struct ra *ra, struct ra_save *s);
void ra_restore(struct ra *ra, const struct ra_save *s);
/** Every guest register is at home now, with values no insn has a name for (after a call that may have changed them). */
void ra_all_home(struct ra *ra);

/* --- moves.c -------------------------------------------------------------------------------------- */

/** Adds a move to the set ra->moves. */
void ra_move_add(struct ra *ra, struct ra_move m);
/** Makes all moves of ra->moves as if at once; the set is empty then. */
void ra_moves_emit(struct ra *ra);
/** Lists where snapshot `snap`'s registers are (those not at home): wheres[returned .. nwheres). */
uint32_t ra_exit_list(struct ra *ra, uint32_t snap);
/** Emits what brings wheres[first..first+n) home: registers to their homes, others to their slots. `keep`:
 * value that must end up in register `keep_reg` too (an indirect target), or IR_NONE; `keep_from`: where it is. */
void ra_exit_moves(struct ra *ra, uint32_t first, uint32_t n, unsigned keep_from, unsigned keep_reg);
