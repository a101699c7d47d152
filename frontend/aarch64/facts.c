/* What the guest may learn about its CPU: features.def, and the ID registers as the kernel shows them to user mode (DDI 0487,
 * chapter D19; Documentation/arch/arm64/cpu-feature-registers.rst). FPCR, FPSR and NZCV for C code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/aarch64/aarch64.h"

enum { NONE, PFR0, PFR1, ISAR0, ISAR1 };

static const struct { uint8_t word, bit; char name[12]; uint8_t reg, field, value; } features[] = {
#define A64_FEATURE(word, bit, name, reg, field, value) { word, bit, name, reg, field, value },
#include "frontend/aarch64/features.def"
};

enum { NFEATURES = sizeof features / sizeof features[0] };

#define SYSREG(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

enum {
    MIDR_EL1 = SYSREG(3, 0, 0, 0, 0), MPIDR_EL1 = SYSREG(3, 0, 0, 0, 5), REVIDR_EL1 = SYSREG(3, 0, 0, 0, 6),
    ID_AA64PFR0_EL1 = SYSREG(3, 0, 0, 4, 0), ID_AA64PFR1_EL1 = SYSREG(3, 0, 0, 4, 1), ID_AA64ISAR0_EL1 = SYSREG(3, 0, 0, 6, 0),
    ID_AA64ISAR1_EL1 = SYSREG(3, 0, 0, 6, 1), ID_AA64DFR0_EL1 = SYSREG(3, 0, 0, 5, 0),
    ID_AA64MMFR0_EL1 = SYSREG(3, 0, 0, 7, 0),
    CTR_EL0 = SYSREG(3, 3, 0, 0, 1), DCZID_EL0 = SYSREG(3, 3, 0, 0, 7),
    TPIDRRO_EL0 = SYSREG(3, 3, 13, 0, 3), CNTFRQ_EL0 = SYSREG(3, 3, 14, 0, 0),
};

/* Log2 of words. */
enum { LINE = __builtin_ctz(A64_LINE_BYTES / 4), ZVA = __builtin_ctz(A64_ZVA_BYTES / 4) };

static uint64_t id_value(unsigned reg, uint64_t v)
{
    for (unsigned i = 0; i < NFEATURES; i++)
        if (features[i].reg == reg)
            v = (v & ~(15ull << features[i].field)) | (uint64_t)features[i].value << features[i].field;
    return v;
}

bool a64_id_register(unsigned sysreg, uint64_t *value)
{
    switch (sysreg) {
    case MIDR_EL1: /* no implementer that anybody works around */
        *value = 0xf0000;
        return true;
    case MPIDR_EL1:
        *value = 1ull << 31;
        return true;
    case REVIDR_EL1: case TPIDRRO_EL0:
        *value = 0;
        return true;
    case ID_AA64PFR0_EL1: /* EL0, EL1 in AArch64 */
        *value = id_value(PFR0, 0x11);
        return true;
    case ID_AA64PFR1_EL1:
        *value = id_value(PFR1, 0);
        return true;
    case ID_AA64ISAR0_EL1:
        *value = id_value(ISAR0, 0);
        return true;
    case ID_AA64ISAR1_EL1:
        *value = id_value(ISAR1, 0);
        return true;
    case ID_AA64DFR0_EL1: /* what is hidden from user mode has its safe value: cpufeature.c, ftr_id_aa64dfr0 */
        *value = 6;
        return true;
    case ID_AA64MMFR0_EL1: /* ftr_id_aa64mmfr0: no granules of 4K and 64K */
        *value = 0xff000000;
        return true;
    case CTR_EL0: /* IDC: data caches need no cleaning; DIC not: ic ivau is wanted; PIPT */
        *value = 1ull << 31 | 1 << 28 | LINE << 24 | LINE << 20 | LINE << 16 | 3 << 14 | LINE;
        return true;
    case DCZID_EL0:
        *value = ZVA;
        return true;
    case CNTFRQ_EL0:
        *value = A64_COUNTER_HZ;
        return true;
    default: /* the rest of the ID space that Linux emulates (is_emulated()) reads as zero */
        *value = 0;
        return sysreg >> 7 == SYSREG(3, 0, 0, 0, 0) >> 7 && (sysreg >> 3 & 15) >= 2 && (sysreg >> 3 & 15) < 8;
    }
}

char *a64_features(void)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    for (unsigned i = 0; i < NFEATURES; i++)
        fprintf(f, "%s%s", i ? " " : "", features[i].name);
    fclose(f);
    return text;
}

/* --- FPCR, FPSR and the host's MXCSR: exceptions are bits 0..5 (invalid, denormal, divide, overflow, underflow,
 * precision), the rounding mode is bits 13..14. IDC is not the host's denormal flag but in cpu->fpx_more. */

static const uint8_t fpsr_of_mxcsr[6] = { 1 << 0, 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4 };
static const uint8_t rc_of_rmode[4] = { 0, 2, 1, 3 };

enum { MXCSR_FLAGS = 0x3f, MXCSR_RC_SHIFT = 13, FPSR_IDC = 1 << 7 };

uint32_t a64_fpcr(struct cpu *cpu)
{
    return (uint32_t)*a64_slot(cpu, A64_REG_fpcr);
}

void a64_set_fpcr(struct cpu *cpu, uint32_t v)
{
    v &= A64_FPCR_MASK;
    *a64_slot(cpu, A64_REG_fpcr) = v;
    cpu->mxcsr = (cpu->mxcsr & ~(3u << MXCSR_RC_SHIFT)) |
                 (uint32_t)rc_of_rmode[v >> A64_FPCR_RMODE_SHIFT & 3] << MXCSR_RC_SHIFT;
    a64_set_mode(cpu);
}

uint32_t a64_set_mode(struct cpu *cpu)
{
    cpu->mode = a64_mode_of(a64_fpcr(cpu));
    cpu->fz = cpu->mode & A64_MODE_FZ ? 1 : 0;
    cpu->mxcsr = fz_mxcsr(cpu, cpu->mxcsr);
    return cpu->mode;
}

uint32_t a64_fpsr(struct cpu *cpu)
{
    const uint64_t *qc = a64_slot(cpu, A64_REG_qc);
    uint32_t v = (qc[0] | qc[1] ? A64_FPSR_QC : 0) | (cpu->fpx_more & IR_FPX_ID ? FPSR_IDC : 0);

    for (unsigned i = 0; i < 6; i++)
        if (cpu->mxcsr >> i & 1)
            v |= fpsr_of_mxcsr[i];
    return v;
}

void a64_set_fpsr(struct cpu *cpu, uint32_t v)
{
    uint64_t *qc = a64_slot(cpu, A64_REG_qc);

    qc[0] = v & A64_FPSR_QC;
    qc[1] = 0;
    cpu->fpx_more = v & FPSR_IDC ? IR_FPX_ID : 0;
    cpu->mxcsr &= ~(uint32_t)MXCSR_FLAGS;
    for (unsigned i = 0; i < 6; i++)
        if (v & fpsr_of_mxcsr[i])
            cpu->mxcsr |= 1u << i;
    cpu->mxcsr = fz_mxcsr(cpu, cpu->mxcsr);
}

unsigned a64_nzcv(struct cpu *cpu)
{
    return a64_nzcv_of(cpu->mode, *a64_slot(cpu, A64_REG_cc_op), *a64_slot(cpu, A64_REG_cc_a), *a64_slot(cpu, A64_REG_cc_b));
}

void a64_set_nzcv(struct cpu *cpu, unsigned nzcv)
{
    *a64_slot(cpu, A64_REG_cc_op) = A64_CC_NZCV;
    *a64_slot(cpu, A64_REG_cc_a) = nzcv & 15;
    *a64_slot(cpu, A64_REG_cc_b) = 0;
}
