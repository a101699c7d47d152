/* The guest's Linux, as the run loop sees it: what happens when generated code cannot go on by itself.
 *
 * All functions are called with every guest register in cpu->regs and cpu->pc exact, and leave them so. They
 * may change any of it (a signal frame is set up, sigreturn, execve never returns). They may end the thread:
 * then they do not return.
 */
#pragma once

#include "backend/cpu.h"

/** Executes the guest system call that cpu's registers describe (number and arguments as the guest's ABI
 * has them) and writes its result. cpu->pc is already the following instruction. */
void linux_syscall(struct cpu *cpu);

/** cpu->poll was seen: clears it, delivers pending guest signals (frames), answers requests of other
 * threads (code cache flush, exit). */
void linux_poll(struct cpu *cpu);

/** Whether linux_poll() would enter a signal handler, as things stand. */
bool linux_signal_waits(const struct cpu *cpu);

/** Makes another thread leave generated code, even one that waits there for a page. May disturb a system call, which is then as if
 * a signal had come that has no handler: for the exceptional case. Under the lock of cpus_each(). */
void linux_interrupt(const struct cpu *cpu);

/** cpu->step, and one instruction was executed. */
void linux_stepped(struct cpu *cpu);

/** A synchronous exception of the guest at cpu->pc: forces guest signal `signo` with `code` (si_code) and
 * `addr` (si_addr) as the kernel's force_sig_fault() does: blocked or ignored means death by that signal. */
void linux_fault(struct cpu *cpu, int signo, int code, gaddr addr);
