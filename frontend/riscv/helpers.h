/* Prototypes of the functions in helpers.def. The first argument is the running thread's state; a result of less than
 * 64 bits is zero-extended. */
#pragma once

#include <stdint.h>

struct cpu;

/** fclass.s: the f32 is in the low 32 bits. Bits of the result: manual, table "Format of result of FCLASS". */
uint64_t riscv_helper_fclass_s(struct cpu *cpu, uint64_t bits);
/** fclass.d. */
uint64_t riscv_helper_fclass_d(struct cpu *cpu, uint64_t bits);
/** rdtime: ticks of RISCV_TIMEBASE_HZ since some moment in the past. */
uint64_t riscv_helper_time(struct cpu *cpu);
/** vdso_clock(). */
uint64_t riscv_helper_clock(struct cpu *cpu, uint64_t id);
/** rdcycle, rdinstret: the host's cycle counter, which only ever grows. */
uint64_t riscv_helper_cycle(struct cpu *cpu);
