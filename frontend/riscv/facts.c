/* What the guest may learn about its CPU. It has to agree with what the decode tables know: an extension is claimed
 * here exactly if its instructions don't raise SIGILL. */
#include "frontend/riscv/riscv.h"

const char riscv_isa_string[] =
    "rv64imafdc_zicntr_zicond_zicsr_zifencei_zihintntl_zihintpause_zba_zbb_zbs";

/* Keys and bits: Linux, arch/riscv/include/uapi/asm/hwprobe.h. */
enum {
    KEY_MVENDORID, KEY_MARCHID, KEY_MIMPID, KEY_BASE_BEHAVIOR, KEY_IMA_EXT_0, KEY_CPUPERF_0,
    KEY_ZICBOZ_BLOCK_SIZE, KEY_HIGHEST_VIRT_ADDRESS, KEY_TIME_CSR_FREQ, KEY_MISALIGNED_SCALAR_PERF,
    KEY_MISALIGNED_VECTOR_PERF,
};

#define BASE_BEHAVIOR_IMA (1ull << 0)
#define IMA_FD            (1ull << 0)
#define IMA_C             (1ull << 1)
#define EXT_ZBA           (1ull << 3)
#define EXT_ZBB           (1ull << 4)
#define EXT_ZBS           (1ull << 5)
#define EXT_ZIHINTNTL     (1ull << 29)
#define EXT_ZICOND        (1ull << 35)
#define EXT_ZIHINTPAUSE   (1ull << 36)
#define MISALIGNED_FAST   3
#define VECTOR_MISALIGNED_UNSUPPORTED 4

bool riscv_hwprobe_value(int64_t key, uint64_t *value)
{
    switch (key) {
    case KEY_MVENDORID:
    case KEY_MARCHID:
    case KEY_MIMPID:
        *value = 0;
        return true;
    case KEY_BASE_BEHAVIOR:
        *value = BASE_BEHAVIOR_IMA;
        return true;
    case KEY_IMA_EXT_0:
        *value = IMA_FD | IMA_C | EXT_ZBA | EXT_ZBB | EXT_ZBS | EXT_ZIHINTNTL | EXT_ZICOND |
                 EXT_ZIHINTPAUSE;
        return true;
    case KEY_CPUPERF_0:
    case KEY_MISALIGNED_SCALAR_PERF:
        *value = MISALIGNED_FAST;
        return true;
    case KEY_ZICBOZ_BLOCK_SIZE:
        *value = 0;
        return true;
    case KEY_HIGHEST_VIRT_ADDRESS:
        *value = GUEST_TOP - 1;
        return true;
    case KEY_TIME_CSR_FREQ:
        *value = RISCV_TIMEBASE_HZ;
        return true;
    case KEY_MISALIGNED_VECTOR_PERF:
        *value = VECTOR_MISALIGNED_UNSUPPORTED;
        return true;
    default:
        return false;
    }
}

/* --- fcsr and the host's MXCSR: exceptions are bits 0..5 (invalid, denormal, divide, overflow, underflow,
 * precision), the rounding mode is bits 13..14 */

static const uint8_t flag_of_mxcsr[6] = { IR_FPX_NV, 0, IR_FPX_DZ, IR_FPX_OF, IR_FPX_UF, IR_FPX_NX };
static const uint8_t rc_of_frm[8] = { 0, 3, 1, 2, 0, 0, 0, 0 };

enum { MXCSR_FLAGS = 0x3f, MXCSR_RC_SHIFT = 13, FCSR_FRM_SHIFT = 5 };

uint32_t riscv_fcsr(struct cpu *cpu)
{
    uint32_t v = (uint32_t)(*riscv_slot(cpu, RISCV_REG_frm) & 7) << FCSR_FRM_SHIFT;

    for (unsigned i = 0; i < 6; i++)
        if (cpu->mxcsr >> i & 1)
            v |= flag_of_mxcsr[i];
    return v;
}

void riscv_set_fcsr(struct cpu *cpu, uint32_t v)
{
    uint32_t frm = v >> FCSR_FRM_SHIFT & 7;
    uint32_t m = cpu->mxcsr & ~(MXCSR_FLAGS | 3u << MXCSR_RC_SHIFT);

    for (unsigned i = 0; i < 6; i++)
        if (v & flag_of_mxcsr[i])
            m |= 1u << i;
    cpu->mxcsr = m | (uint32_t)rc_of_frm[frm] << MXCSR_RC_SHIFT;
    *riscv_slot(cpu, RISCV_REG_frm) = frm;
    cpu->mode = riscv_mode_of_frm(frm);
}
