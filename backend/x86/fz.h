/* Flush-to-zero as Arm has it (FPCR.FZ), on what SSE has: FTZ and DAZ of MXCSR, and exceptions that are not masked.
 *
 * With DAZ, denormal operands are zeros of their sign, as under FZ. With FTZ, a tiny result is a zero of its sign, as under FZ.
 * What differs is what is raised, and once it has been raised it makes no difference any more:
 *
 *   - Arm sets IDC for a denormal operand. With DAZ, SSE notes nothing. So DAZ is set only while IDC is; before, the
 *     denormal-operand exception is unmasked, and a denormal operand is a SIGFPE that sets both and tries again.
 *   - Arm sets UFC alone for a flushed result; SSE's FTZ sets the inexact flag as well. And a result that was rounded up to the
 *     smallest normal number is flushed by Arm, which looks before rounding: it is not inexact there. So FTZ is set only while the
 *     inexact flag is; before, underflow and inexact are unmasked, and what would raise them is a SIGFPE: the
 *     op is then done in C, by softfp.
 *
 * A program pays for one signal or two after it has cleared FPSR, and runs at full speed from there on. The smallest normal
 * number is looked for after multiplications, divisions, fused sums and conversions, as without FZ (vec_emit.def).
 *
 * How the op gets into C: the handler puts ones into the instruction's destination, a NaN in every format, and goes on after
 * it. The code there looks for NaNs, and does the op again in C if there is one. So each op that may be tiny, or be rounded up to
 * the smallest normal number, must look for NaNs and must still have its operands then, if IR_FP_FZ is set.
 *
 * SSE does not look for denormals where it has found a NaN, a division by 0 or the root of a negative number, nor in conversions to
 * integers and in roundps. NaN results of IR_FP_FZ ops go to C; the others compare the operand with itself before
 * (ucomis, cmpunordps), which raises the exception for it.
 *
 * FZ is a state of the thread (cpu->fz), not of the op: in a unit all ops on F32 and F64 have IR_FP_FZ or none has. Helpers in C run
 * with a plain MXCSR (rt_dispatch()).
 */
#pragma once

#include <ucontext.h>

#include "backend/cpu.h"

/** For the SIGFPE handler, the interrupted instruction being generated code of `cpu`: puts things right in `uc`. False if it was
 * no exception of flushing. Async-signal-safe. */
bool fz_trap(struct cpu *cpu, ucontext_t *uc);
