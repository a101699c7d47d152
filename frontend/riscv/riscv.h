/* RISC-V 64 (RV64GC with Zba, Zbb, Zbs, Zicond): what its files share, and what the loader and the syscall layer may ask.
 *
 * An instruction's way: riscv.c fetches its bits and hands them to the generated decoder (rv64.decode, rvc.decode),
 * which calls trans_<insn>() with the fields; that appends the meaning in IR. The trans_ functions are cut
 * along the chapters of the manual (The RISC-V Instruction Set Manual, Volume I, 20240411): trans_i.c, trans_m.c,
 * trans_a.c, trans_f.c (F and D), trans_zicsr.c, trans_b.c. A trans_ function that returns false has
 * emitted nothing: the encoding is not an instruction, SIGILL.
 *
 * Modes (cpu->mode, unit.mode). The dynamic rounding mode frm lives in a slot, as written; the host's MXCSR
 * holds what SSE can do of it. What it can't do is a mode of translation:
 *
 *   RISCV_MODE_NORMAL  frm is 0..3: instructions with rm = dyn use MXCSR as it is
 *   RISCV_MODE_RMM     frm is 4 (nearest, ties away): rm = dyn is translated as static rmm
 *   RISCV_MODE_BAD     frm is 5..7: instructions with rm = dyn are illegal
 *
 * The exception flags (fflags) are MXCSR's, always. riscv_fcsr() and riscv_set_fcsr() are the way for C code.
 *
 * Example: `fadd.s fa0,fa1,fa2` with rm = dyn in RISCV_MODE_NORMAL is
 *
 *     %2 = get.f64 fa1
 *     %3 = nanunbox.f32 %2
 *     %4 = get.f64 fa2
 *     %5 = nanunbox.f32 %4
 *     %6 = fadd.f32 %3, %5           rm 7, canonical NaN
 *     %7 = nanbox.f64 %6
 *     put fa0, %7
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/cpu.h"
#include "frontend/guest.h"

/* Rows of regs.def. */
enum riscv_reg {
#define RISCV_REG(name, class, number, home, doc) RISCV_REG_##name,
#include "frontend/riscv/regs.def"
    RISCV_NREGS
};

enum riscv_mode { RISCV_MODE_NORMAL, RISCV_MODE_RMM, RISCV_MODE_BAD };

/* The value of res_key without a reservation: no aligned address, with or without 1 added. The syscall layer
 * stores it when it sets up a signal frame and when it returns from one (Linux clears the reservation). */
#define RISCV_NO_RESERVATION UINT64_MAX

/* Frequency of the time CSR: it counts nanoseconds of CLOCK_MONOTONIC. */
#define RISCV_TIMEBASE_HZ 1000000000u

extern const struct guest riscv64_guest;

/** Row of x1..x31; riscv_xreg[0] is RISCV_NREGS. */
extern const uint8_t riscv_xreg[32];
/** Row of f0..f31. */
extern const uint8_t riscv_freg[32];

/** The slot of a row. All registers are in their slots while C code runs. */
static inline uint64_t *riscv_slot(struct cpu *cpu, enum riscv_reg row)
{
    return cpu_slot(cpu, row * 8u);
}

/** x`n`, n in 0..31. */
static inline uint64_t riscv_x(struct cpu *cpu, unsigned n)
{
    return n ? *riscv_slot(cpu, riscv_xreg[n]) : 0;
}

/** Writes x`n`; nothing for n = 0. */
static inline void riscv_set_x(struct cpu *cpu, unsigned n, uint64_t v)
{
    if (n)
        *riscv_slot(cpu, riscv_xreg[n]) = v;
}

/** The slot of f`n`: 64 bits as the guest sees them. */
static inline uint64_t *riscv_f(struct cpu *cpu, unsigned n)
{
    return riscv_slot(cpu, riscv_freg[n]);
}

/** The fcsr: frm in bits 5..7, fflags in bits 0..4. From cpu's slots and cpu->mxcsr. */
uint32_t riscv_fcsr(struct cpu *cpu);
/** Writes the fcsr (bits above 7 are ignored); sets cpu->mxcsr and cpu->mode accordingly. */
void riscv_set_fcsr(struct cpu *cpu, uint32_t v);

/** The mode that goes with a value of frm (0..7). */
static inline enum riscv_mode riscv_mode_of_frm(uint64_t frm)
{
    return frm <= 3 ? RISCV_MODE_NORMAL : frm == 4 ? RISCV_MODE_RMM : RISCV_MODE_BAD;
}

/** riscv_hwprobe(2): the value for `key` as a hart that runs under this translator has it. Returns false for a key
 * that is not known (the caller then sets key to -1 and value to 0, as the kernel does). */
bool riscv_hwprobe_value(int64_t key, uint64_t *value);

/** The "isa" line of /proc/cpuinfo. */
extern const char riscv_isa_string[];

/* --- helpers.def */

enum riscv_helper {
#define RISCV_HELPER(name, ret, nargs, arg, flags, doc) RISCV_HELPER_##name,
#include "frontend/riscv/helpers.def"
    RISCV_NHELPERS
};

extern const struct guest_helper riscv_helpers[RISCV_NHELPERS];
