#include "backend/x86/fz.h"

#include <string.h>

#include "backend/x86/operand.h"
#include "ir/ir.h"

/* MXCSR: flags in bits 0..5, then DAZ, then masks in the order of the flags (SDM vol. 1, 10.2.3). */
enum {
    FLAG_DE = 1 << 1, FLAG_UE = 1 << 4, FLAG_PE = 1 << 5, FLAGS = 0x3f, MASK_SHIFT = 7,
    DAZ = 1 << 6, FTZ = 1 << 15, MASKS = FLAGS << MASK_SHIFT,
    MASK_DE = FLAG_DE << MASK_SHIFT, MASK_UE = FLAG_UE << MASK_SHIFT, MASK_PE = FLAG_PE << MASK_SHIFT,
};

uint32_t fz_mxcsr(struct cpu *cpu, uint32_t mxcsr)
{
    mxcsr = (mxcsr | MASKS) & ~(uint32_t)(DAZ | FTZ);
    if (!cpu->fz)
        return mxcsr;
    mxcsr &= ~(uint32_t)FLAG_DE;
    if (cpu->fpx_more & IR_FPX_ID)
        mxcsr |= DAZ;
    else
        mxcsr &= ~(uint32_t)MASK_DE;
    if (mxcsr & FLAG_PE) {
        mxcsr |= FTZ;
    } else {
        mxcsr &= ~(uint32_t)(MASK_UE | MASK_PE);
        cpu->fz_underflow = mxcsr & FLAG_UE;
    }
    return mxcsr;
}

/* Instructions whose ops look for NaNs: arithmetic (0F 51, 58, 59, 5A, 5C, 5E), fused multiply-add (0F38 96 to BF), vcvtps2ph
 * (0F3A 1D). The others that can be inexact are conversions from and to integers and roundps: they raise what Arm raises. */
static bool is_checked(const struct operand_insn *i)
{
    switch (i->map) {
    case 1: return i->opcode == 0x51 || i->opcode == 0x5c || i->opcode == 0x5e || (i->opcode >= 0x58 && i->opcode <= 0x5a);
    case 2: return i->opcode >= 0x96 && i->opcode <= 0xbf;
    default: return i->opcode == 0x1d;
    }
}

bool fz_trap(struct cpu *cpu, ucontext_t *uc)
{
    greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];
    uint32_t *mxcsr = &uc->uc_mcontext.fpregs->mxcsr;
    uint32_t raised = *mxcsr & FLAGS & ~(*mxcsr >> MASK_SHIFT);
    struct operand_insn i;

    if (!cpu->fz || !raised)
        return false;
    if (raised & FLAG_DE) { /* found before anything is computed: nothing else was raised by what is tried again */
        cpu->fpx_more |= IR_FPX_ID;
        *mxcsr = (*mxcsr & ~(uint32_t)FLAG_DE) | DAZ | MASK_DE;
        return true;
    }
    operand_decode((const uint8_t *)(uintptr_t)*rip, &i);
    if (is_checked(&i)) {
        *mxcsr = (*mxcsr & ~(uint32_t)(FLAG_PE | FLAG_UE)) | cpu->fz_underflow;
        memset(&uc->uc_mcontext.fpregs->_xmm[i.map == 3 ? i.rm : i.reg], 0xff, 16);
        *rip += i.bytes;
    } else {
        *mxcsr |= FTZ | MASK_UE | MASK_PE;
    }
    return true;
}
