/* AArch64: what its files share, and what the loader and the syscall layer may ask.
 *
 * An instruction's way: aarch64.c fetches its word and hands it to the generated decoder (a64_*.decode), which calls
 * a64_<insn>() with the fields; that appends the meaning in IR. The functions are cut along the chapters of the
 * manual (Arm Architecture Reference Manual for A-profile, DDI 0487, C4.1): trans_dpi.c, trans_dpr.c, trans_branch.c,
 * trans_system.c, trans_ldst.c, trans_atomic.c, trans_fp.c. A trans function that returns false has emitted
 * nothing: the encoding is not an instruction, SIGILL.
 *
 * Flags. Few of the flags that instructions set are ever read, and those by a branch that wants one comparison. So
 * an instruction that sets NZCV puts its operands in cc_a and cc_b and what to do with them (enum a64_cc) in cc_op, a
 * constant. What reads a condition (trans_cond.c) sees that constant in the unit being built and emits the comparison that
 * the condition means. Where a unit begins between the two, cc_op is not known and a helper computes the flags.
 *
 * Example: `subs w0, w0, #1; b.ne 0x10000` is
 *
 *     %2 = get.i64 x0
 *     %3 = trunc.i32 %2
 *     %5 = sub.i32 %3, 1
 *     %6 = zext.i64 %5
 *     put cc_op, 3            A64_CC_SUBR32
 *     put cc_a, %6
 *     put cc_b, 1
 *     put x0, %6
 *     %12 = cmpne.i1 %5, 0
 *     exit_if %12, 0x10000
 *
 * Modes (cpu->mode, unit.mode): the bits of FPCR that change what instructions mean, A64_MODE_*. The rounding mode is
 * none of them: it is in MXCSR. The cumulative exception flags of FPSR are MXCSR's and the backend's (IR_FPX_*).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/cpu.h"
#include "frontend/guest.h"

/* Rows of regs.def. */
enum a64_reg {
#define A64_REG(name, class, number, home, doc) A64_REG_##name,
#include "frontend/aarch64/regs.def"
    A64_NREGS,
    A64_FIRST_V = A64_REG_v0,        /* the rows from here on have 16 bytes */
};

/* How NZCV follows from cc_a and cc_b. In the 32-bit forms only the low halves count. */
enum a64_cc {
    A64_CC_NZCV,                     /* cc_a has it: N in bit 3 ... V in bit 0 */
    A64_CC_SUB64, A64_CC_SUB32,      /* cc_a - cc_b */
    A64_CC_SUBR64, A64_CC_SUBR32,    /* the same, cc_a being the difference: the minuend was overwritten */
    A64_CC_ADD64, A64_CC_ADD32,      /* cc_a + cc_b */
    A64_CC_ADDR64, A64_CC_ADDR32,    /* the same, cc_a being the sum */
    A64_CC_LOGIC64, A64_CC_LOGIC32,  /* N and Z of cc_a, C and V 0 */
    A64_CC_CV64, A64_CC_CV32,        /* N and Z of cc_a, C and V in bits 1 and 0 of cc_b */
    A64_CC_FCMP64, A64_CC_FCMP32,    /* the floats whose bits are in cc_a and cc_b compared (fcmp) */
    A64_CC_FCMPE64, A64_CC_FCMPE32,  /* the same for fcmpe: exceptions have been raised for quiet NaNs, too */
    A64_NCC
};

enum { A64_N = 8, A64_Z = 4, A64_C = 2, A64_V = 1 };

/* Bits of cpu->mode. */
enum { A64_MODE_DN = 1, A64_MODE_FZ = 2, A64_MODE_AHP = 4, A64_MODE_FZ16 = 8 };

/* Bits of FPCR and FPSR. */
enum {
    A64_FPCR_FZ16 = 1 << 19, A64_FPCR_RMODE_SHIFT = 22, A64_FPCR_FZ = 1 << 24, A64_FPCR_DN = 1 << 25,
    A64_FPCR_AHP = 1 << 26,
    A64_FPCR_MODES = A64_FPCR_FZ16 | A64_FPCR_FZ | A64_FPCR_DN | A64_FPCR_AHP, /* in cpu->mode */
    A64_FPCR_MASK = A64_FPCR_MODES | 3 << A64_FPCR_RMODE_SHIFT,
    A64_FPSR_QC = 1 << 27,
    A64_FPSR_MASK = A64_FPSR_QC | 0x9f,
};

/* Bits of PSTATE that user mode may write and signal frames show, beside NZCV. */
enum { A64_PSTATE_SSBS = 1 << 12, A64_PSTATE_DIT = 1 << 24, A64_PSTATE_MASK = A64_PSTATE_SSBS | A64_PSTATE_DIT };

/* ex_key without an exclusive access under way. The syscall layer's frames store it: an exception clears the monitor. */
#define A64_NO_MONITOR UINT64_MAX

/* CNTVCT_EL0 counts nanoseconds of CLOCK_MONOTONIC. */
#define A64_COUNTER_HZ 1000000000u
/* DC ZVA zeroes this many bytes (DCZID_EL0). */
enum { A64_ZVA_BYTES = 64, A64_LINE_BYTES = 64 };

extern const struct guest aarch64_guest;

/** Row of x0..x30, sp as number 31. */
extern const uint8_t a64_xreg[32];
/** Row of v0..v31. */
extern const uint8_t a64_vreg[32];

/** Byte offset of a row's slot in cpu->regs: those of 16 bytes are aligned relative to struct cpu. */
#define A64_ALIGN_V ((A64_FIRST_V * 8 + offsetof(struct cpu, regs)) % 16)
#define A64_SLOT(row) \
    ((row) < A64_FIRST_V ? (row) * 8u : A64_FIRST_V * 8u + A64_ALIGN_V + ((row) - A64_FIRST_V) * 16u)

/** The slot of a row; of a vector the low half, the high one follows. All registers are in their slots while C code runs. */
static inline uint64_t *a64_slot(struct cpu *cpu, unsigned row)
{
    return cpu_slot(cpu, (unsigned)A64_SLOT(row));
}

/** x`n`, or sp for n = 31. */
static inline uint64_t *a64_x(struct cpu *cpu, unsigned n)
{
    return a64_slot(cpu, a64_xreg[n]);
}

/** v`n`: two halves, the low one first. */
static inline uint64_t *a64_v(struct cpu *cpu, unsigned n)
{
    return a64_slot(cpu, a64_vreg[n]);
}

/** NZCV as A64_N | ... from what cc_op, cc_a and cc_b hold; denormals compare as zeros in a mode with A64_MODE_FZ. */
unsigned a64_nzcv_of(uint32_t mode, uint64_t op, uint64_t a, uint64_t b);
/** The thread's NZCV. */
unsigned a64_nzcv(struct cpu *cpu);
void a64_set_nzcv(struct cpu *cpu, unsigned nzcv);

/** FPCR and FPSR in the manual's layout; setting them sets cpu->mxcsr and cpu->mode. Bits that don't exist are ignored. */
uint32_t a64_fpcr(struct cpu *cpu);
void a64_set_fpcr(struct cpu *cpu, uint32_t v);
uint32_t a64_fpsr(struct cpu *cpu);
void a64_set_fpsr(struct cpu *cpu, uint32_t v);

/** The mode, and what follows from it, as FPCR says; returns cpu->mode. */
uint32_t a64_set_mode(struct cpu *cpu);

/** The mode that goes with a value of FPCR. */
static inline unsigned a64_mode_of(uint32_t fpcr)
{
    return (fpcr & A64_FPCR_DN ? A64_MODE_DN : 0) | (fpcr & A64_FPCR_FZ ? A64_MODE_FZ : 0) |
           (fpcr & A64_FPCR_AHP ? A64_MODE_AHP : 0) | (fpcr & A64_FPCR_FZ16 ? A64_MODE_FZ16 : 0);
}

/* --- facts.c */

/** The value of a system register that user mode reads as a constant: 16 bits op0:op1:CRn:CRm:op2. False if it is none. */
bool a64_id_register(unsigned sysreg, uint64_t *value);
/** The "Features" line of /proc/cpuinfo, from the HWCAP bits; to be freed. */
char *a64_features(void);

/* --- helpers.def */

enum a64_helper {
#define A64_HELPER(name, ret, nargs, a, b, c, flags, doc) A64_HELPER_##name,
#include "frontend/aarch64/helpers.def"
    A64_NHELPERS
};

extern const struct guest_helper a64_helpers[A64_NHELPERS];
