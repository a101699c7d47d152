/* Random units over all ops, and random states to run them in. */
#pragma once

#include "backend/cpu.h"
#include "ir/interp.h"

enum { RANDOM_MEM_BASE = 0x10000, RANDOM_MEM_BYTES = 4096 };

struct machine {
    struct cpu cpu;
    uint8_t mem[RANDOM_MEM_BYTES]; /* at guest address RANDOM_MEM_BASE; all else faults */
};

/** A random number generator's next value (state must not be 0). */
uint64_t random_next(uint64_t *state);
/** Builds a random unit of the test guest into `u`. Of the vector ops that come up, RANDOM_VECTORS percent (in the
 * environment; 10 if it is not there) are taken. With RANDOM_INTEGERS there nothing of floating point, atomics and calls comes up. All loops end because each turn uses up some of x7. Mode 1: its ops flush denormals. */
void random_unit(struct ir_unit *u, uint64_t *state);
/** A vector of numbers that are often edges of some lane type. */
void random_vector(uint64_t *state, uint64_t half[2]);
/** MXCSR with any rounding mode and flags but the denormals', all masked; and cpu.fpx_more. */
uint32_t random_mxcsr(uint64_t *state, uint32_t *fpx_more);
/** A variant of vector op `op`. */
void random_vec_variant(uint64_t *state, enum ir_op op, unsigned *aux, int64_t *imm);
/** Fills registers and memory; x7 is small. */
void random_machine(struct machine *m, uint64_t *state);
/** Runs `u` on `m` against its memory. */
struct interp_result random_run(const struct ir_unit *u, struct machine *m);
