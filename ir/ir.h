/* The intermediate representation.
 *
 * A unit of translation (struct ir_unit) is a small control-flow graph. It is entered at block 0 and left
 * through exit ops. Blocks hold insns in a doubly linked list and take parameters (SSA without phis: each
 * edge passes one value a parameter). A first translation is one long block, left sideways by `exit_if`
 * guards ("superblock"); when it ends with a jump to its own start it is two: an entry and a loop body
 * that takes the guest registers it changes as parameters. A region is the same with more blocks.
 *
 * A value is named by the index (ir_ref) of the insn that makes it. Index 0 is "none". Constants are
 * interned and stand in no block; any insn may name them. Every other operand must be defined earlier in
 * the same block or in a block that dominates it.
 *
 * Guest state. The frontend reads and writes guest registers with `get`/`put`. Pass `regs` removes them:
 * afterwards a `get` stands only in block 0 and means the value at entry, `put`s are gone, and each insn
 * that can leave or fault (flags F, X) names a snapshot: the guest pc and, for every guest register
 * that differs from its value at unit entry, the value it has there. Nothing is written back on the hot path. A
 * `put` of a guest insn must come after its last faulting op, unless the architecture lets the guest see
 * the partial result.
 *
 * Guest pc. An `insn` marker starts each guest instruction; what follows belongs to it up to the next marker of the
 * block. The pc of a snapshot is the marker's, except: exit, exit_if, poll: the insn's imm (the state is the one to
 * have at the target); exit_ind: irrelevant, the target is arg0; trap and trap_if of IR_TRAP_SYSCALL, SYNC_CODE and
 * MODE: the marker's pc plus its length (ir_leave_pc()).
 *
 * Helpers. A call with GUEST_HELPER_MEM may fault and carries a snapshot. A helper with GUEST_HELPER_STATE reads and
 * writes guest registers in cpu->regs; its call is the last thing of a unit, followed only by `get`s, `put`s, pure
 * insns and `exit`, `exit_ind` or `trap`; values made before it are not put or jumped to after it. Pass `regs` leaves a `put` before it for every register that differs from
 * its value at entry: such a put stores to the slot now. The backend stores, before the call, the registers that
 * are at home in host registers; after it, `get` reads the slot, `put` writes it, the snapshots of the leaving ops are empty, and all
 * homes are loaded from the slots at the exit.
 *
 * Types are i1, i8..i64, f32, f64, v128. A v128 has no lane type of its own: each vector op names one in aux. Its
 * constants: `const` (the low 64 bits, zeros above) and vpair or vdup of constants. Integer registers of the guest are i64 slots, FP ones f64 (an f32
 * in them is NaN-boxed by `nanbox`).
 *
 * Memory order. The host is x86-TSO: stronger than Arm's and RISC-V's model except for store-load order.
 * Passes must keep all guest loads, stores, amo, cas, fence in program order and number (no merging,
 * no forwarding, no removal): then loads are acquire and stores are release for free, and only `fence` and
 * seq-cst stores (IR_MEM_SC) cost anything.
 *
 * Example. `lw a0, 8(a1); bne a0, zero, 0x10010` at 0x10000 is, as the frontend builds it,
 *
 *     unit 0x10000
 *     block 0:
 *       insn 0x10000, 4
 *       %2 = get.i64 x11
 *       %3 = load.i64 [%2 + 8] i32 sx
 *       put x10, %3
 *       insn 0x10004, 4
 *       %6 = get.i64 x10
 *       %8 = cmpne.i1 %6, 0
 *       exit_if %8, 0x10010
 *       exit 0x10008
 *
 * and after pass `regs`
 *
 *     block 0:
 *       %2 = get.i64 x11
 *       insn 0x10000, 4
 *       %3 = load.i64 [%2 + 8] i32 sx      {pc 0x10000}
 *       insn 0x10004, 4
 *       %8 = cmpne.i1 %3, 0
 *       exit_if %8, 0x10010                {pc 0x10010, x10=%3}
 *       exit 0x10008                       {pc 0x10008, x10=%3}
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "loader/gaddr.h"

struct guest;

typedef uint32_t ir_ref;
#define IR_NONE 0u

enum ir_type { IR_VOID, IR_I1, IR_I8, IR_I16, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128, IR_NTYPES };
#define IR_F16 IR_NTYPES /* only as a lane type */

enum ir_op {
#define IR_OP(name, sig, types, flags, doc) IR_##name,
#include "ir/ir.def"
    IR_NOPS
};
/* The vector ops: those whose aux is of IR_V_*. */
#define IR_VEC_FIRST IR_vpair
#define IR_VEC_LAST IR_vsha256su1

/* Facts of an op, from its row. */
enum {
    IR_PURE = 1 << 0,   /* P */
    IR_COMM = 1 << 1,   /* C */
    IR_READS = 1 << 2,  /* R */
    IR_WRITES = 1 << 3, /* W */
    IR_FAULTS = 1 << 4, /* F */
    IR_LEAVES = 1 << 5, /* X */
    IR_ENDS = 1 << 6,   /* T */
    IR_FPENV = 1 << 7,  /* E */
    IR_SIDE = 1 << 8,   /* S */
};

struct ir_op_info {
    const char *name, *sig, *types, *doc;
    uint16_t flags;
    uint8_t nargs;
    char result;
    char arg[3];
};

extern const struct ir_op_info ir_ops[IR_NOPS];
extern const uint8_t ir_type_bits[IR_NTYPES]; /* width in bits */
extern const char *const ir_type_names[IR_NTYPES];

/* aux of load, store, amo, cas. */
#define IR_MEM_TYPE(aux) ((enum ir_type)((aux) & 0xf))
#define IR_MEM_SX (1 << 4)                       /* sign-extend what is loaded */
#define IR_MEM_SCALE(aux) (((aux) >> 5) & 3)     /* log2 of the factor of arg1 */
#define IR_MEM_SCALE_SHIFT 5
#define IR_MEM_SC (1 << 7)                       /* sequentially consistent store */
#define IR_MEM_ALIGNED (1 << 8)                  /* misaligned address is the guest's SIGBUS */
#define IR_AMO_KIND(aux) ((enum ir_amo)((aux) >> 12))
#define IR_AMO_SHIFT 12

enum ir_amo {
    IR_AMO_SWAP, IR_AMO_ADD, IR_AMO_AND, IR_AMO_OR, IR_AMO_XOR,
    IR_AMO_MINS, IR_AMO_MAXS, IR_AMO_MINU, IR_AMO_MAXU, IR_AMO_ANDN
};

/* aux of fence: what before is ordered against what after. Only "writes before reads" costs on TSO. */
enum { IR_FENCE_RR = 1, IR_FENCE_RW = 2, IR_FENCE_WR = 4, IR_FENCE_WW = 8 };

/* aux of floating-point ops: bits 0..2 rounding mode, 3.. NaN rule. */
enum ir_rm { IR_RM_RNE, IR_RM_RTZ, IR_RM_RDN, IR_RM_RUP, IR_RM_RMM, IR_RM_ODD, IR_RM_DYN = 7 };
#define IR_FP_RM(aux) ((enum ir_rm)((aux) & 7))
enum {
    IR_FP_CANON = 1 << 3,  /* every NaN result is the positive quiet NaN with zero payload */
    IR_FP_NANMAX = 1 << 4, /* fcvt_si/fcvt_ui: NaN converts to the type's maximum, else to 0 */
    IR_FP_ARM = 1 << 5,    /* Arm's propagation: the first signalling NaN of arg0, arg1 (fma: arg2, arg0, arg1), else the
                            * first quiet one, quieted; what no operand brings is the positive default NaN. fma's
                            * negations flip NaNs too, and inf*0 + quiet NaN is the default NaN. With IR_FP_CANON
                            * (Arm's FPCR.DN) all are the default NaN. Underflow is detected before rounding */
    IR_FP_FZ = 1 << 6,     /* Arm's FPCR.FZ (F16 lanes: FZ16): denormal operands are zeros (IR_FPX_ID raised, not for F16),
                            * results that are denormal before rounding zeros (underflow raised, not inexact). Only with
                            * IR_FP_ARM (comparisons: alone), and in a unit all ops on F32 and F64 have it or none has: cpu.fz */
    IR_FP_AHP = 1 << 7,    /* vfcvtl, vfcvtn: the F16 side is Arm's alternative half precision */
    IR_FP_QUIET = 1 << 8,  /* fcmplt, fcmple: only signalling NaNs raise invalid */
    IR_FP_WRAP = 1 << 9,   /* fcvt_si to i32: what does not fit is taken modulo 2^32 instead of saturated, invalid raised; infinities, NaNs: 0 */
};
/* IR_FP_DN: Arm's default NaN mode is the canonical NaN. */
#define IR_FP_DN IR_FP_CANON

/* aux of vector ops: bits 0..3 the lane type, then variants. Integer ops use IR_V_UNS .. IR_V_NEG, FP ops the
 * fields of IR_FP_* (without IR_FP_QUIET) shifted by IR_V_FP_SHIFT: IR_V_FP(IR_FP_ARM | IR_RM_DYN) | IR_F32. */
#define IR_V_LANE(aux) ((enum ir_type)((aux) & 0xf))
enum {
    IR_V_UNS = 1 << 4,   /* unsigned, else signed */
    IR_V_SX = 1 << 4,    /* vget: sign-extended */
    IR_V_RND = 1 << 5,   /* rounding */
    IR_V_SAT = 1 << 6,   /* saturating */
    IR_V_SU = 1 << 7,    /* signed and unsigned mixed, see the row */
    IR_V_NEG = 1 << 8,   /* negated or inverse, see the row */
    IR_V_EXACT = 1 << 12,/* vfrint: raises inexact */
    IR_V_HI = 1 << 13,   /* the upper half's lanes */
    IR_V_ONE = 1 << 14,  /* lane 0 only, of the result's lanes; zeros above */
    IR_V_LOW = 1 << 15,  /* the result's low 64 bits only; zeros above */
};
#define IR_V_FP_SHIFT 4
#define IR_V_FP(fp) ((fp) << IR_V_FP_SHIFT)
#define IR_V_FP_AUX(aux) ((aux) >> IR_V_FP_SHIFT & 0xff)

/* Accumulated exception bits. ID: a denormal operand was flushed (Arm's IDC). */
enum { IR_FPX_NX = 1, IR_FPX_UF = 2, IR_FPX_OF = 4, IR_FPX_DZ = 8, IR_FPX_NV = 16, IR_FPX_ID = 32 };

/* aux of fpflags_set: IR_FPX_ID, too; (with ID) in a unit whose ops have IR_FP_FZ. */
enum { IR_FPFLAGS_ID = 1, IR_FPFLAGS_FZ = 2 };

/* Hints of exits (aux). */
enum ir_jump { IR_JUMP_PLAIN, IR_JUMP_CALL, IR_JUMP_RET };
#define IR_EXIT_JUMP(aux) ((enum ir_jump)((aux) & 0xff))
/* aux of exit and exit_if: the target is backward; when taken, act as `poll` with the same imm first. */
#define IR_EXIT_POLL (1 << 8)

/* Why a unit leaves for the run loop (aux of trap). pc: the snapshot's. */
enum ir_trap {
    IR_TRAP_SYSCALL,  /* snapshot pc: the instruction after */
    IR_TRAP_ILLEGAL,  /* undefined instruction at pc; imm: its bits */
    IR_TRAP_BREAK,    /* breakpoint instruction at pc */
    IR_TRAP_FETCH,    /* fetch of the instruction at pc faults; imm: the address of the first byte that can't be had, 0: pc. If it can be
                       * had now, or the unit found that its code has changed (imm 0), it is translated anew */
    IR_TRAP_MISALIGN, /* misaligned access or jump; imm: the address */
    IR_TRAP_SYNC_CODE,/* instruction cache flush: imm unused; pc: the instruction after */
    IR_TRAP_MODE,     /* cpu.mode becomes imm, or for IR_MODE_ASK what the guest's mode() says: look the unit up anew at pc, the
                       * instruction after */
    IR_NTRAPS
};
#define IR_MODE_ASK (-1)

struct ir_insn {
    uint8_t op;        /* enum ir_op */
    uint8_t type;      /* enum ir_type of the result */
    uint16_t aux;      /* see the op's row */
    ir_ref arg[3];     /* operands, IR_NONE where absent */
    int64_t imm;       /* see the op's row */
    ir_ref prev, next; /* neighbours in the block, IR_NONE at its ends */
    uint32_t snap;     /* index into unit.snaps, 0 = none yet */
    uint32_t tmp;      /* scratch of the running pass; 0 between passes */
};

/* An edge's values, one a parameter of the target block: unit.edge_args[first .. first+n). Each list belongs to one
 * edge; a br's two lists follow each other. Block 0 has no parameters and no edge leads to it. */
struct ir_edge { uint32_t first, n; };

struct ir_block {
    ir_ref first, last;      /* insn list */
    uint32_t nparams;        /* the first nparams insns are `param` */
    bool loop_head;          /* an edge from a later block (or itself) enters here */
};

/* A guest register's value where it differs from the one at unit entry. */
struct ir_snap_val { uint16_t reg; ir_ref val; };
struct ir_snap { gaddr pc; uint32_t first, n; }; /* unit.snap_vals[first .. first+n) */

/* A stretch of guest code that was translated into the unit: [pc, pc+len). A superblock that follows jumps has
 * several. The driver keeps them disjoint enough to be few and ends the unit when there is no room for another. */
struct ir_extent { gaddr pc; uint32_t len; };
enum { IR_MAX_EXTENTS = 32 };

struct ir_cfg;
struct pass_stats;

/* All arrays live in the unit's arena; index 0 of insns and snaps is the "none" entry. */
struct ir_unit {
    const struct guest *guest;
    gaddr pc;                 /* entry */
    uint32_t mode;            /* cpu.mode this unit is for */
    uint32_t guest_insns;     /* how many were translated */
    uint32_t guest_bytes;
    struct ir_extent extents[IR_MAX_EXTENTS]; uint32_t nextents; /* source, in the order of translation */
    uint64_t src_hash;        /* ir_src_hash() over the extents' bytes in that order, as they were decoded */
    bool regs_done;           /* pass `regs` has run */
    bool bare;                /* pass `regs` takes the markers out: afterwards they are for who prints the unit */
    struct ir_insn *insns;    uint32_t ninsns, cap_insns;
    struct ir_block *blocks;  uint32_t nblocks, cap_blocks;
    struct ir_edge *edges;    uint32_t nedges, cap_edges;
    ir_ref *edge_args;        uint32_t nedge_args, cap_edge_args;
    struct ir_snap *snaps;    uint32_t nsnaps, cap_snaps;
    struct ir_snap_val *snap_vals; uint32_t nsnap_vals, cap_snap_vals;
    ir_ref *const_hash;       uint32_t const_hash_mask, nconsts; /* open-addressed intern table */
    void *scratch;            size_t cap_scratch; /* ir_scratch() */
    struct ir_cfg *cfg;       /* shape of the graph, see ir/cfg.h; made by ir_cfg_build() */
    struct pass_stats *stats; /* where passes count and time themselves, NULL: nowhere (ir/passes/pass.h) */
    uint32_t cur;             /* block that the builder appends to */
};

/** Adds instruction bits to a hash of source bytes: `bytes` (even) low-order bytes of `bits`. The driver
 * hashes what it hands to the decoder, so that code changed between decode and publication is noticed by the next
 * instruction-cache flush. Depends on the byte stream only, not on how it is cut. Starts from 0. */
static inline uint64_t ir_src_hash(uint64_t h, uint64_t bits, unsigned bytes)
{
    for (; bytes >= 2; bytes -= 2, bits >>= 16) {
        h = (h ^ (bits & 0xffff)) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

static inline struct ir_insn *ir_at(const struct ir_unit *u, ir_ref r)
{
    return &u->insns[r];
}

static inline bool ir_is_const(const struct ir_unit *u, ir_ref r)
{
    return u->insns[r].op == IR_const;
}

/* --- building (ir.c) ---------------------------------------------------------------------------- */

/** Makes an empty unit with block 0 current. A unit keeps its memory across ir_reset(): one a thread
 * that translates, no allocation per op. Owned by the caller, freed by ir_free(). */
struct ir_unit *ir_new(void);
void ir_reset(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode);
void ir_free(struct ir_unit *u);

/** Appends a new block and returns its number; does not make it current. */
uint32_t ir_block_new(struct ir_unit *u);
/** Makes block `b` the one appended to. */
void ir_block_use(struct ir_unit *u, uint32_t b);
/** Adds a parameter of type `t` to block `b`; returns its value. */
ir_ref ir_param(struct ir_unit *u, uint32_t b, enum ir_type t);
/** Adds an edge list of `n` values; returns its number (aux of jmp, br). */
uint32_t ir_edge_new(struct ir_unit *u, const ir_ref *vals, uint32_t n);

/** Adds a value to the edge list made last. */
void ir_edge_arg(struct ir_unit *u, ir_ref val);

/** Makes room for `n` more insns and constants: until they are used up, pointers to insns stay valid. */
void ir_reserve(struct ir_unit *u, uint32_t n);
/** Appends an insn to the current block and returns its ref. The general form; wrappers below. */
ir_ref ir_emit(struct ir_unit *u, enum ir_op op, enum ir_type t, uint16_t aux, ir_ref a, ir_ref b,
               ir_ref c, int64_t imm);
/** Inserts an insn before `at` (same meaning otherwise); for passes. */
ir_ref ir_insert_before(struct ir_unit *u, ir_ref at, enum ir_op op, enum ir_type t, uint16_t aux,
                        ir_ref a, ir_ref b, ir_ref c, int64_t imm);
/** Unlinks insn `r` from block `b` and makes it a nop. */
void ir_remove(struct ir_unit *u, uint32_t b, ir_ref r);
/** Links insn `r`, which stands in no block, into block `b` before `at` (IR_NONE: at its end). */
void ir_link_before(struct ir_unit *u, uint32_t b, ir_ref at, ir_ref r);
/** Unlinks insn `r` from block `b`; it keeps its op and operands. */
static inline void ir_unlink(struct ir_unit *u, uint32_t b, ir_ref r)
{
    struct ir_insn *insns = u->insns, *i = &insns[r];
    ir_ref prev = i->prev, next = i->next;

    *(prev ? &insns[prev].next : &u->blocks[b].first) = next;
    *(next ? &insns[next].prev : &u->blocks[b].last) = prev;
    i->prev = i->next = IR_NONE;
}
/** Unlinks insn `r` from block `b` and leaves a `copy` of `val` in its place, which stands in no block: ir_val()
 * leads from it to `val`. A pass that does so must see to it that no operand, edge or snapshot names `r` when it
 * ends. */
void ir_forward(struct ir_unit *u, uint32_t b, ir_ref r, ir_ref val);
/** The interned constant of type `t` with bits `v` (masked to the type's width). */
ir_ref ir_const_val(struct ir_unit *u, enum ir_type t, uint64_t v);
/** A constant that is a guest address (relocatable; i64). */
ir_ref ir_const_addr(struct ir_unit *u, gaddr a);
/** Adds a snapshot with `n` values; returns its index (>= 1). */
uint32_t ir_snap_new(struct ir_unit *u, gaddr pc, const struct ir_snap_val *vals, uint32_t n);

/** Another snapshot with the values snap_vals[first .. first+n) that an earlier one has already. */
uint32_t ir_snap_share(struct ir_unit *u, gaddr pc, uint32_t first, uint32_t n);
/** The guest pc that the run loop or the signal handler sees when the unit is left at insn `r`, the `insn` marker
 * before it being `marker` (IR_NONE: none yet, the unit's entry). See "Guest pc" above. */
gaddr ir_leave_pc(const struct ir_unit *u, ir_ref r, ir_ref marker);
/** Memory for the running pass, at least `bytes`, contents undefined; valid until the next call. */
void *ir_scratch(struct ir_unit *u, size_t bytes);

/** The value behind any number of copies. */
static inline ir_ref ir_val(const struct ir_unit *u, ir_ref r)
{
    while (u->insns[r].op == IR_copy)
        r = u->insns[r].arg[0];
    return r;
}

static inline ir_ref ir_op2(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b)
{
    return ir_emit(u, op, t, 0, a, b, IR_NONE, 0);
}

static inline ir_ref ir_op1(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_ref a)
{
    return ir_emit(u, op, t, 0, a, IR_NONE, IR_NONE, 0);
}

/* --- text (text.c, parse.c) ------------------------------------------------------------------------- */

/** Prints the unit in the form shown above; ir_parse() reads it back to an equal unit. */
void ir_print(const struct ir_unit *u, FILE *f);
/** Parses a unit's text. Returns false and fills `err` (line and reason) when it is not one. */
bool ir_parse(struct ir_unit *u, const struct guest *guest, const char *text, char *err,
              size_t err_len);

/* --- checking (verify.c) --------------------------------------------------------------------------- */

/** Checks all invariants of this header: types, dominance, block ends, edge arity, snapshots. Returns
 * false and says why in `err`. For debug builds and tests; not run in release builds. */
bool ir_verify(const struct ir_unit *u, char *err, size_t err_len);
