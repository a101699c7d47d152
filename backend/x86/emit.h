/* From IR to x86-64: the emitter's state and what its files share.
 *
 * emit.c drives: for each insn it looks up the row in ops.def, gets the operands into the places the row's
 * constraints name, takes the snapshot if the insn can fault, gives the result a register and calls emit_<op>.
 * emit_int.c, emit_mem.c, emit_fp.c and emit_exit.c hold those functions; snaplog.c the snapshot log.
 *
 * Whatever is unlikely is emitted after the unit's main code as a stub: side exits, NaN fix-ups, saturation.
 *
 * rsp is struct cpu; cpu_mem() makes operands of its fields. Integer values narrower than 64 bits have anything in
 * their upper bits, except i1: 0 or 1 in all of the register.
 */
#pragma once

#include "backend/backend.h"
#include "backend/regalloc.h"
#include "backend/x86/enc.h"
#include "backend/x86/homes.h"
#include "backend/x86/rt.h"
#include "ir/grow.h"

struct host_features { bool avx, avx2, fma, bmi1, bmi2, lzcnt, f16c, aes, sha, clmul; };
extern struct host_features host_features;

/* Where an operand is. */
enum opnd_kind { OPND_NONE, OPND_REG, OPND_MEM, OPND_IMM };
struct opnd {
    uint8_t kind;        /* enum opnd_kind */
    uint8_t reg;         /* 0..15 general, 16..31 xmm */
    int32_t off;         /* OPND_MEM: displacement from cpu */
    int32_t imm;         /* OPND_IMM */
    ir_ref val;          /* the value */
};

enum stub_kind { STUB_EXIT, STUB_TRAP, STUB_POLL, STUB_CODE };

struct x86_emit;

/* Out-of-line code. */
struct stub {
    uint8_t kind;                /* enum stub_kind */
    uint8_t hint, poll;          /* STUB_EXIT: enum ir_jump; poll before leaving */
    uint8_t nfrom;
    uint32_t from[2];            /* rel32 fields that lead here */
    uint32_t first, n;           /* ra.wheres */
    gaddr pc;                    /* where the guest goes on */
    uint32_t trap;               /* STUB_TRAP */
    uint8_t info_reg;            /* STUB_TRAP: the register with its payload, or RA_NONE: the payload is info */
    uint64_t info;
    /* STUB_CODE: calls `code`, then jumps back to `back` */
    void (*code)(struct x86_emit *e, const struct stub *s);
    uint32_t back;
    const struct ir_insn *insn;
    uint8_t d, a[3];             /* registers for `code` */
};

/* A constant in memory after the unit's code. */
struct pool_const { uint64_t lo, hi; };
struct pool_use { uint32_t rel32, index, imm; };

/* A forward jump to a block that has no code yet. */
struct block_jump { uint32_t rel32, to; };

struct x86_emit {
    struct x86_buf b;
    struct code_buf *cb;
    struct ir_unit *u;
    struct ra ra;
    int32_t bias;                /* bytes pushed: rsp = cpu - bias */
    struct opnd o[3];            /* operands of the current insn */
    unsigned d;                  /* its result's register */
    uint32_t snap_rec;           /* snapshot record of the current insn */
    uint32_t *block_at;          uint32_t cap_blocks; /* where each block's code starts */
    struct stub *stubs;          uint32_t nstubs, cap_stubs;
    struct code_exit *exits;     uint32_t nexits, cap_exits;
    struct code_fault *faults;   uint32_t nfaults, cap_faults;
    struct code_reloc *relocs;   uint32_t nrelocs, cap_relocs;
    uint8_t *snap_data;          uint32_t snap_size, cap_snap;
    struct pool_const *pool;     uint32_t npool, cap_pool;
    struct pool_use *pool_uses;  uint32_t npool_uses, cap_pool_uses;
    struct block_jump *jumps;    uint32_t njumps, cap_jumps;
    uint64_t last[GUEST_MAX_REGS];          /* what the log says so far, see snaplog.c */
    int64_t last_wide[GUEST_MAX_REGS];      /* of constants of 64 bits, else 0 */
    uint32_t in_c;               /* see struct compiled */
    uint8_t moved[GUEST_MAX_REGS]; uint32_t nmoved; /* registers the log has away from their entry place */
};

/* --- registers and operands */

static inline enum x86_xmm xmm(unsigned reg)
{
    return (enum x86_xmm)(reg & 15);
}

/** A field of struct cpu at displacement `off`. */
static inline struct x86_mem cpu_mem(const struct x86_emit *e, int32_t off)
{
    return x86_mem_b(RSP, off + e->bias);
}

#define CPU_MEM(e, field) cpu_mem(e, (int32_t)offsetof(struct cpu, field))

static inline unsigned type_bytes(unsigned type)
{
    return ir_type_bits[type] < 8 ? 1 : ir_type_bits[type] / 8u;
}

/** Operand size of integer instructions for a value of `type`: 8 for i64, else 4. */
static inline unsigned op_size(unsigned type)
{
    return type == IR_I64 ? 8 : 4;
}

/** Type of operand `k` as the IR has it (before aliasing). */
static inline unsigned arg_type(const struct x86_emit *e, const struct ir_insn *i, unsigned k)
{
    return e->u->insns[i->arg[k]].type;
}

/** Makes operand `v` available: in a register, or if allowed in memory or as an immediate of `size` bytes. */
struct opnd opnd_get(struct x86_emit *e, ir_ref v, bool mem, bool imm, unsigned size);
/** Register of an operand of kind OPND_REG. */
static inline enum x86_reg gpr(struct opnd o)
{
    return (enum x86_reg)o.reg;
}

/** Emits dst = src if they differ. Any two registers of the same class. */
void emit_move(struct x86_emit *e, unsigned dst, unsigned src);

/** Operand of a 16-byte constant in the unit's pool: call pool_fix() right after emitting the instruction, or
 * pool_fix_imm() if an immediate of `imm` bytes follows its disp32. */
struct x86_mem pool_mem(struct x86_emit *e, uint64_t lo, uint64_t hi);
void pool_fix_imm(struct x86_emit *e, unsigned imm);
static inline void pool_fix(struct x86_emit *e)
{
    pool_fix_imm(e, 0);
}

/* The bits above a NaN-boxed f32. */
#define BOX32 0xffffffff00000000u

/** Loads guest address `a` into `reg`, recorded for relocation. */
void emit_gaddr(struct x86_emit *e, enum x86_reg reg, gaddr a);

/* --- comparisons (emit_int.c) */

/* A comparison whose operands are ready; cond_emit() makes the flags. */
struct cond {
    const struct ir_insn *i;  /* the comparison, or NULL: test of an i1 value */
    struct opnd a, b;
};
/** Gets the operands of condition `c` (a possibly fused i1 value) ready and pinned. */
struct cond cond_prepare(struct x86_emit *e, ir_ref c);
/** Emits the comparison; returns the condition code. *parity: X86_NP if the flag PF must be clear as well (equal
 * floats), else 0xff. */
enum x86_cc cond_emit(struct x86_emit *e, const struct cond *c, unsigned *parity);

/** Jumps to `s` if the condition holds. */
void jump_if(struct x86_emit *e, const struct cond *c, struct stub *s);

/** Flags: equal if the f64 (wide) or f32 in `d` is a NaN or, of either sign, the smallest normal number (emit_fp.c). */
void fp_test_smallest(struct x86_emit *e, bool wide, unsigned d, unsigned t);

/* --- faults, exits, stubs */

/** The next host instruction can fault with the current insn's snapshot. */
void emit_mark_fault(struct x86_emit *e);
/** The alignment check of a load that wants one; before the result has its register. */
void emit_load_check(struct x86_emit *e, const struct ir_insn *i);
/** Writes the snapshot record for snapshot `snap` with values where they are now; returns its offset. */
uint32_t snaplog_add(struct x86_emit *e, uint32_t snap);
/** The same where all registers have been brought to their entry places. */
uint32_t snaplog_add_home(struct x86_emit *e, uint32_t snap);
/** The log of a new emitter; of a new unit. */
void snaplog_init(struct x86_emit *e);
void snaplog_reset(struct x86_emit *e);

struct stub *stub_new(struct x86_emit *e, enum stub_kind kind);
/** A conditional jump to stub `s`. */
void stub_jcc(struct x86_emit *e, struct stub *s, enum x86_cc cc);
/** A stub that runs `code` out of line and comes back to where stub_back() is called. */
struct stub *stub_code(struct x86_emit *e, void (*code)(struct x86_emit *, const struct stub *));
static inline void stub_back(struct x86_emit *e, struct stub *s)
{
    s->back = x86_pos(&e->b);
}
void stubs_emit(struct x86_emit *e);

/** A jump to the later block `to`; block_jumps_patch() fills all of them in at the end. */
void block_jump(struct x86_emit *e, uint32_t to);
void block_jumps_patch(struct x86_emit *e);

/** An instruction that does nothing with register `a` (f64 if `wide`, else f32) but raise the denormal-operand exception (fz.h). */
void fp_touch(struct x86_emit *e, bool wide, unsigned a);

/* --- calls of C: arguments are stored one by one, then the call; nothing is clobbered */

void rt_arg_int(struct x86_emit *e, unsigned k, enum x86_reg reg);
void rt_arg_imm(struct x86_emit *e, unsigned k, int64_t imm);
void rt_arg_fp(struct x86_emit *e, unsigned k, unsigned reg, unsigned type);
void rt_call(struct x86_emit *e, uint32_t index);
void rt_result(struct x86_emit *e, unsigned reg, unsigned type);

/* --- emit_<op>, by rows of ops.def */

#define X86_RULE(op, a0, a1, a2, dst, fn) void emit_##fn(struct x86_emit *e, struct ir_insn *i);
#include "backend/x86/ops.def"

/** Makes sure vector `v` has room for one more element. */
#define GROW(e, v) grow(&(e)->v, &(e)->cap_##v, (e)->n##v + 1, sizeof *(e)->v)
