#include "frontend/aarch64/aarch64.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "frontend/aarch64/disas.h"
#include "frontend/aarch64/linux.h"
#include "frontend/aarch64/trans.h"
#include "frontend/aarch64/vdso.h"
#include "frontend/vdso.h"

/* Columns of regs.def: type, row by x and by v number. */
#define TYPE_X IR_I64
#define TYPE_S IR_I64
#define TYPE_V IR_V128
#define TYPE_W IR_V128

static const struct guest_reg regs[A64_NREGS] = {
#define A64_REG(name, class, number, home, doc) { #name, TYPE_##class, home, A64_SLOT(A64_REG_##name) },
#include "frontend/aarch64/regs.def"
};

#define IF_X_X(...) __VA_ARGS__
#define IF_X_S(...)
#define IF_X_V(...)
#define IF_X_W(...)
#define IF_V_X(...)
#define IF_V_S(...)
#define IF_V_V(...) __VA_ARGS__
#define IF_V_W(...)

const uint8_t a64_xreg[32] = {
#define A64_REG(name, class, number, home, doc) IF_X_##class([number] = A64_REG_##name,)
#include "frontend/aarch64/regs.def"
};

const uint8_t a64_vreg[32] = {
#define A64_REG(name, class, number, home, doc) IF_V_##class([number] = A64_REG_##name,)
#include "frontend/aarch64/regs.def"
};

_Static_assert((int)A64_NREGS <= (int)GUEST_MAX_REGS && A64_SLOT(A64_NREGS) <= CPU_REG_BYTES, "room for all rows");
_Static_assert((A64_SLOT(A64_FIRST_V) + offsetof(struct cpu, regs)) % 16 == 0, "vectors are aligned");

/* --- decoding */

/* The vdso's instruction: x2 = clock x0. */
static bool translate_clock(struct aarch64_ctx *ctx)
{
    if (!vdso_insn(ctx->tr, aarch64_vdso.clock_insn))
        return false;
    xput(ctx, 2, call_helper(ctx, A64_HELPER_clock, IR_I64, xget(ctx, 0), IR_NONE, IR_NONE));
    return true;
}

static void translate_insn(struct tr *tr)
{
    struct aarch64_ctx ctx = { .tr = tr, .u = tr->u };

    if (tr->pc & 3) {
        tr_trap(tr, IR_TRAP_MISALIGN, tr->pc);
        return;
    }
    if (tr_fetch(tr, 4) && !a64_decode(&ctx, (uint32_t)tr->bits) && !translate_clock(&ctx))
        tr_trap(tr, IR_TRAP_ILLEGAL, tr->bits);
}

/* --- state */

static void start(struct cpu *cpu, gaddr entry, gaddr sp)
{
    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu->mxcsr = 0x1f80; /* all exceptions masked, round to nearest */
    a64_set_fpcr(cpu, 0);
    a64_set_fpsr(cpu, 0);
    a64_set_nzcv(cpu, 0);
    *a64_slot(cpu, A64_REG_ex_key) = A64_NO_MONITOR;
    *a64_x(cpu, SP) = sp;
    cpu->pc = entry;
}

static void dump(const struct cpu *cpu, FILE *f)
{
    struct cpu *c = (struct cpu *)cpu;
    unsigned nzcv = a64_nzcv(c);

    fprintf(f, " pc  %016" PRIx64 "  %c%c%c%c  fpcr %08x  fpsr %08x\n", cpu->pc, nzcv & A64_N ? 'N' : '-',
            nzcv & A64_Z ? 'Z' : '-', nzcv & A64_C ? 'C' : '-', nzcv & A64_V ? 'V' : '-', a64_fpcr(c), a64_fpsr(c));
    for (unsigned i = 0; i < 32; i++)
        fprintf(f, " %-3s %016" PRIx64 "%s", regs[a64_xreg[i]].name, *a64_x(c, i), i % 4 == 3 ? "\n" : " ");
    for (unsigned i = 0; i < 32; i++)
        fprintf(f, " %-3s %016" PRIx64 "%016" PRIx64 "%s", regs[a64_vreg[i]].name, a64_v(c, i)[1], a64_v(c, i)[0],
                i % 2 ? "\n" : " ");
}

/* What kind of operation set the flags: conditions are told from it (trans_cond.c). */
static const uint8_t context[] = { A64_REG_cc_op };

const struct guest aarch64_guest = {
    .name = "aarch64",
    .elf_machine = EM_AARCH64,
    .elf_class = ELFCLASS64,
    .insn_align_log2 = 2,
    .regs = regs,
    .nregs = A64_NREGS,
    .context = context,
    .ncontext = sizeof context,
    .helpers = a64_helpers,
    .nhelpers = A64_NHELPERS,
    .translate_insn = translate_insn,
    .disas = aarch64_disas,
    .start = start,
    .mode = a64_set_mode,
    .dump = dump,
    .hwcap = 0
#define A64_FEATURE(word, bit, name, reg, field, value) | (word == 1 ? 1ull << bit : 0)
#include "frontend/aarch64/features.def"
    ,
    .hwcap2 = 0
#define A64_FEATURE(word, bit, name, reg, field, value) | (word == 2 ? 1ull << bit : 0)
#include "frontend/aarch64/features.def"
    ,
    .platform = "aarch64",
    .debian_arch = "arm64",
    .debian_suite = "bookworm",
    .min_sigstack = 4720,        /* the frame with its FP record, as the kernel says without SVE */
    .vdso = &aarch64_vdso,
    .linux_abi = &aarch64_linux,
};
