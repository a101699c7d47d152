/* What the rest of the translator knows of a guest architecture: one const struct of facts and functions.
 *
 * A guest lives in frontend/<name>/: its registers (regs.def), its decode tables, the meaning of its
 * instructions in IR, its helpers, its signal frame and syscall convention. Nothing outside that folder names a guest
 * except the list in frontend/guests.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/ir.h"
#include "loader/gaddr.h"

struct cpu;
struct tr;
struct thread;

enum { GUEST_MAX_REGS = 128 };  /* rows of a regs.def, at most */

/* A guest register as IR and backend see it; a row of regs.def. */
struct guest_reg {
    const char *name;
    uint8_t type;      /* IR_I64, IR_I32 (held zero-extended in 64 bits), IR_F64 or IR_V128 */
    uint8_t home;      /* rank for a home in a host register: 1 = hottest, 0 = lives in its slot. Ranks
                          count separately for integer and for FP/vector registers */
    uint16_t off;      /* byte offset in cpu->regs; 8-aligned, vectors 16-aligned relative to struct cpu */
};

/* A C function that generated code may call. Arguments and results travel as uint64_t, float, double as the
 * SysV ABI has it; the first C argument is always struct cpu *. A row of the guest's helpers.def. */
enum {
    GUEST_HELPER_PURE = 1,   /* result depends on arguments only */
    GUEST_HELPER_FPENV = 2,  /* reads the rounding mode, accumulates exceptions (in MXCSR) */
    GUEST_HELPER_MEM = 4,    /* reads or writes guest memory: may fault */
    GUEST_HELPER_STATE = 8,  /* reads and writes guest registers in cpu->regs: all are put home before */
    GUEST_HELPER_IMM = 16,   /* the insn's imm is passed as the last argument (uint64_t) */
};
struct guest_helper {
    const char *name;
    const void *fn;
    uint8_t ret;             /* enum ir_type, IR_VOID for none */
    uint8_t nargs;           /* 0..3, without cpu and imm */
    uint8_t args[3];         /* enum ir_type */
    uint8_t flags;
};

/* The guest's vdso: an ELF image that is mapped into every process (frontend/<guest>/vdso.py makes it). */
struct guest_vdso {
    const uint8_t *image;
    uint32_t size;
    uint32_t sigreturn;          /* offset of the code that a signal handler returns to */
    uint32_t clock_insn;         /* an undefined instruction that reads a clock inside of the image (frontend/vdso.h) */
};

struct guest {
    const char *name;            /* as uname -m says: "riscv64" */
    uint16_t elf_machine;        /* EM_* */
    uint8_t elf_class;           /* ELFCLASS32 or 64 */
    uint8_t insn_align_log2;     /* 1: pcs are multiples of 2 */
    const struct guest_reg *regs;
    uint32_t nregs;
    const uint8_t *context;      /* rows whose constant value decides what code means (what kind of operation set the */
    uint8_t ncontext;            /*   flags): regions have a copy of a block for each such value (frontend/region.h) */
    const struct guest_helper *helpers;
    uint32_t nhelpers;

    /** Fetches (tr_fetch()) and decodes the instruction at tr->pc and appends its IR; ends the unit through tr_*()
     * where control leaves (frontend/translate.h). tr->pc stays: the driver advances it. */
    void (*translate_insn)(struct tr *tr);
    /** Prints the instruction at `code` (at least `avail` bytes readable), address `pc`, into buf. Returns
     * its length in bytes, 0 if `avail` is too short. */
    int (*disas)(const uint8_t *code, size_t avail, gaddr pc, char *buf, size_t len);

    /** Sets up registers for a fresh program: pc, stack pointer, reset values. */
    void (*start)(struct cpu *cpu, gaddr entry, gaddr sp);
    /** The mode of translation that the registers ask for (IR_MODE_ASK); NULL for guests whose units never ask. */
    uint32_t (*mode)(struct cpu *cpu);
    /** Prints the registers (for -d cpu and crash reports). */
    void (*dump)(const struct cpu *cpu, FILE *f);

    /* --- Linux ABI: used by loader/ and syscall/ */
    uint64_t hwcap, hwcap2;
    const char *platform;        /* AT_PLATFORM or NULL */
    const char *debian_arch;     /* Debian's name of the architecture, and */
    const char *debian_suite;    /*   its release to take unless told otherwise (dragoman rootfs) */
    uint32_t min_sigstack;       /* AT_MINSIGSTKSZ, 0 for none */
    const struct guest_vdso *vdso; /* or NULL */
    const struct guest_linux *linux_abi; /* syscall numbers, registers, signal frames: syscall/abi.h */
};

/** The guests one by one, from 0 on; NULL after the last. */
const struct guest *guest_by_index(unsigned index);
/** The guest for an ELF machine and class, or NULL. */
const struct guest *guest_by_elf(uint16_t machine, uint8_t elf_class);
