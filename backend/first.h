/* First runs: code that may run only once is not worth a translation.
 *
 * Of the instructions that a program executes while it starts, three in five are executed once. To make a unit of them
 * costs what a hundred executions do. So the first time that the run loop comes to a pc, the frontend's IR is executed as it is, without passes,
 * register allocation and host code; after a few times the pc gets its unit. A process has first runs for its first
 * thousands of pcs only: what comes later in a long run is not a start.
 *
 * This interpreter is for straight integer code. It stops before an instruction with an op that it does not know
 * (floating point, most vectors, calls of C with effects), which then begins a unit of its own. Ops are executed in the order in
 * which the frontend emitted them, registers are read and written in cpu->regs: by the rules of ir.h for `put` the state is
 * precise wherever an access faults.
 *
 * Only the only thread of a process has first runs: they read and write memory while no lock is held, but build their IR in the place
 * where all translations do. Nor are there any once pages may come late (space_lazy()): nobody could end the wait.
 * A process that is to write an image of its translations has none either (keep.h), nor one that is watched by a log
 * of code.
 */
#pragma once

#include <stdbool.h>

#include "backend/fault.h"
#include "ir/ir.h"

struct cpu;

/* How it is decided; the loader sets it before the first cpu runs. */
enum first_how { FIRST_AUTO, FIRST_NEVER, FIRST_ALWAYS };
extern enum first_how first_how;

/** Executes and uses up `u`, the unit at cpu->pc as the frontend made it, as far as it can be. True: at least an instruction was executed;
 * cpu->regs, pc and exit_kind (MISS, TRAP) with what belongs to it are as generated code leaves them, and *back tells
 * whether it was left by a jump back. False: nothing was done, the unit has to be translated. To be called under
 * fault_try_all() and without locks; an access that faults cuts it short. */
bool first_run(struct cpu *cpu, struct ir_unit *u, bool *back);
/** Leaves the first run that was cut short by `f`: exit_kind is FAULT. */
void first_fault(struct cpu *cpu, const struct guest_fault *f);
