#include "frontend/riscv/riscv.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "frontend/riscv/disas.h"
#include "frontend/riscv/linux.h"
#include "frontend/riscv/trans.h"
#include "frontend/riscv/vdso.h"
#include "frontend/vdso.h"

/* Columns of regs.def: type, row by x and by f number. */
#define TYPE_X IR_I64
#define TYPE_F IR_F64
#define TYPE_S IR_I64

static const struct guest_reg regs[RISCV_NREGS] = {
#define RISCV_REG(name, class, number, home, doc) { #name, TYPE_##class, home, RISCV_REG_##name * 8 },
#include "frontend/riscv/regs.def"
};

#define IF_X_X(...) __VA_ARGS__
#define IF_X_F(...)
#define IF_X_S(...)
#define IF_F_X(...)
#define IF_F_F(...) __VA_ARGS__
#define IF_F_S(...)

const uint8_t riscv_xreg[32] = {
    [0] = RISCV_NREGS,
#define RISCV_REG(name, class, number, home, doc) IF_X_##class([number] = RISCV_REG_##name,)
#include "frontend/riscv/regs.def"
};

const uint8_t riscv_freg[32] = {
#define RISCV_REG(name, class, number, home, doc) IF_F_##class([number] = RISCV_REG_##name,)
#include "frontend/riscv/regs.def"
};

_Static_assert((int)RISCV_NREGS <= (int)GUEST_MAX_REGS && (int)RISCV_NREGS * 8 <= (int)CPU_REG_BYTES,
               "room for all rows");

/* --- decoding */

/* The vdso's instruction: a2 = clock a0. */
static bool translate_clock(struct riscv_ctx *ctx)
{
    if (!vdso_insn(ctx->tr, riscv_vdso.clock_insn))
        return false;
    xput(ctx, 12, ir_emit(ctx->u, IR_call, IR_I64, RISCV_HELPER_clock, xget(ctx, 10), IR_NONE, IR_NONE, 0));
    return true;
}

/* The length of an instruction is in its lowest bits; longer ones than 32 bits are not defined yet. */
static void translate_insn(struct tr *tr)
{
    struct riscv_ctx ctx = { .tr = tr, .u = tr->u };
    bool known;

    if (!tr_fetch(tr, 2))
        return;
    if ((tr->bits & 3) == 3) {
        if (!tr_fetch(tr, 4))
            return;
        known = rv64_decode(&ctx, (uint32_t)tr->bits) || translate_clock(&ctx);
    } else {
        known = rvc_decode(&ctx, (uint32_t)tr->bits);
    }
    if (!known)
        tr_trap(tr, IR_TRAP_ILLEGAL, tr->bits);
}

/* --- state */

static void start(struct cpu *cpu, gaddr entry, gaddr sp)
{
    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu->mxcsr = 0x1f80; /* all exceptions masked, round to nearest */
    riscv_set_fcsr(cpu, 0);
    *riscv_slot(cpu, RISCV_REG_res_key) = RISCV_NO_RESERVATION;
    riscv_set_x(cpu, 2, sp);
    cpu->pc = entry;
}

static void dump(const struct cpu *cpu, FILE *f)
{
    struct cpu *c = (struct cpu *)cpu;

    fprintf(f, " pc   %016" PRIx64 "  fcsr %02x\n", cpu->pc, riscv_fcsr(c));
    for (unsigned i = 1; i < 32; i++)
        fprintf(f, " %-4s %016" PRIx64 "%s", regs[riscv_xreg[i]].name, riscv_x(c, i),
                i % 4 == 3 ? "\n" : " ");
    for (unsigned i = 0; i < 32; i++)
        fprintf(f, " %-4s %016" PRIx64 "%s", regs[riscv_freg[i]].name, *riscv_f(c, i),
                i % 4 == 3 ? "\n" : " ");
}

/* Bits of AT_HWCAP are the letters of the single-letter extensions. */
#define HWCAP(letter) (1ull << ((letter) - 'A'))

const struct guest riscv64_guest = {
    .name = "riscv64",
    .elf_machine = EM_RISCV,
    .elf_class = ELFCLASS64,
    .insn_align_log2 = 1,
    .regs = regs,
    .nregs = RISCV_NREGS,
    .helpers = riscv_helpers,
    .nhelpers = RISCV_NHELPERS,
    .translate_insn = translate_insn,
    .disas = riscv_disas,
    .start = start,
    .dump = dump,
    .hwcap = HWCAP('I') | HWCAP('M') | HWCAP('A') | HWCAP('F') | HWCAP('D') | HWCAP('C'),
    .min_sigstack = 2048,        /* MINSIGSTKSZ; the frame without vectors is smaller */
    .vdso = &riscv_vdso,
    .debian_arch = "riscv64",
    .debian_suite = "trixie",    /* the first release that has it */
    .linux_abi = &riscv64_linux,
};
