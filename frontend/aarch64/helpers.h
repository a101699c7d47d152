/* Prototypes of the functions in helpers.def. The first argument is the running thread's state. */
#pragma once

#include <stdint.h>

struct cpu;

/** NZCV as A64_N | ... of the kind and operands that cc_op, cc_a, cc_b hold. */
uint64_t a64_helper_nzcv(struct cpu *cpu, uint64_t op, uint64_t a, uint64_t b);
/** IR_FPX_* bits as FPSR has them (IOC 0, DZC 1, OFC 2, UFC 3, IXC 4, IDC 7), and the other way. */
uint64_t a64_helper_fpsr_of_fpx(struct cpu *cpu, uint64_t fpx);
uint64_t a64_helper_fpx_of_fpsr(struct cpu *cpu, uint64_t fpsr);
/** Ticks of A64_COUNTER_HZ since some moment in the past. */
uint64_t a64_helper_counter(struct cpu *cpu);
/** vdso_clock(). */
uint64_t a64_helper_clock(struct cpu *cpu, uint64_t id);
void a64_helper_ic_ivau(struct cpu *cpu, uint64_t address);
/** FJCVTZS: the integer part modulo 2^32 in the low half; bit 32 if nothing was lost. Raises Invalid, Inexact. */
/** The half nearest to v * 2^-fraction, as MXCSR rounds; `how`: see helpers.def. Raises exceptions. */
uint64_t a64_helper_half_of_fixed(struct cpu *cpu, uint64_t v, uint64_t how);
/** The S-box of SM4 (GB/T 32907-2016) applied to each byte of the low 32 bits. */
uint64_t a64_helper_sm4_sub(struct cpu *cpu, uint64_t v);
/** CASP, 64-bit: `insn` names the registers. cmpxchg16b: a misaligned address faults as on Arm, but with SIGSEGV. */
void a64_helper_casp(struct cpu *cpu, uint64_t insn);
/** STXP, 64-bit. */
void a64_helper_stxp(struct cpu *cpu, uint64_t insn);
/** BFDOT of two lanes: `d` two singles, `n` and `m` two pairs of BFloat16 each (helpers_bf16.c). */
uint64_t a64_helper_bfdot(struct cpu *cpu, uint64_t d, uint64_t n, uint64_t m);
/** Two singles to BFloat16 in bits 31..0, rounded as MXCSR says; `fp`: IR_FP_*. Bits 32 up: IR_FPX_* of exceptions. */
uint64_t a64_helper_bfcvt(struct cpu *cpu, uint64_t v, uint64_t fp);
