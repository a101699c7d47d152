#include "backend/snapshot.h"

#include <string.h>

#include "backend/x86/homes.h"

/* Position of rax, rcx, ... r15 in a signal context's gregs (asm/sigcontext.h's order differs). */
static const uint8_t greg_of[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

struct value { uint64_t lo, hi; };

static struct value read_xmm(const ucontext_t *uc, unsigned n)
{
    struct value v;

    memcpy(&v, &uc->uc_mcontext.fpregs->_xmm[n], 16);
    return v;
}

static struct value read_cpu(const struct cpu *cpu, int32_t off, bool wide)
{
    struct value v = { 0, 0 };

    memcpy(&v, (const char *)cpu + off, wide ? 16 : 8);
    return v;
}

static struct value read_home(const struct cpu *cpu, const ucontext_t *uc, unsigned reg)
{
    const struct guest *g = cpu->guest;
    uint8_t h = homes_of(reg);

    if (h == HOME_NONE)
        return read_cpu(cpu, (int32_t)offsetof(struct cpu, regs) + g->regs[reg].off,
                        g->regs[reg].type == IR_V128);
    if (homes_is_fp(g, reg))
        return read_xmm(uc, h);
    return (struct value){ (uint64_t)uc->uc_mcontext.gregs[greg_of[h]], 0 };
}

static struct value read_loc(const struct cpu *cpu, const ucontext_t *uc, const struct snap_loc *loc,
                             gaddr unit_pc)
{
    struct value v = { 0, 0 };

    switch (loc->where) {
    case SNAP_GPR:
        v.lo = (uint64_t)uc->uc_mcontext.gregs[greg_of[loc->n]];
        break;
    case SNAP_XMM:
        v = read_xmm(uc, loc->n);
        break;
    case SNAP_SPILL:
        v = read_cpu(cpu, loc->val, cpu->guest->regs[loc->reg].type == IR_V128);
        break;
    case SNAP_CONST:
        v.lo = (uint64_t)(int64_t)loc->val;
        break;
    case SNAP_CONST64:
        memcpy(&v.lo, loc + 1, 8);
        break;
    case SNAP_PCREL:
        v.lo = unit_pc + (uint64_t)(int64_t)loc->val;
        break;
    }
    return v;
}

static struct value extended(struct value v, unsigned ext)
{
    switch (ext) {
    case SNAP_SX32:  return (struct value){ (uint64_t)(int64_t)(int32_t)v.lo, 0 };
    case SNAP_BOX32: return (struct value){ v.lo | ~(uint64_t)UINT32_MAX, 0 };
    case SNAP_BITS32: case SNAP_ZX32: return (struct value){ (uint32_t)v.lo, 0 };
    case SNAP_ZX64:  return (struct value){ v.lo, 0 };
    default:         return v;
    }
}

static void write_slot(struct cpu *cpu, unsigned reg, struct value v)
{
    const struct guest_reg *r = &cpu->guest->regs[reg];

    if (r->type == IR_I32)
        v.lo = (uint32_t)v.lo;
    memcpy(cpu->regs + r->off, &v, r->type == IR_V128 ? 16 : 8);
}

void snapshot_restore(struct cpu *cpu, const uint8_t *data, uint32_t rec, gaddr unit_pc,
                      const ucontext_t *uc)
{
    const struct snap_loc *loc_of[GUEST_MAX_REGS] = { NULL };
    struct value value[GUEST_MAX_REGS];
    struct snap_head head;
    uint32_t at = 0;

    for (;;) {
        const uint8_t *p = data + at + sizeof head;

        memcpy(&head, data + at, sizeof head);
        for (unsigned k = 0; k < head.n; k++, p += sizeof(struct snap_loc)) {
            const struct snap_loc *loc = (const struct snap_loc *)p;

            loc_of[loc->reg] = loc;
            if (loc->where == SNAP_CONST64) {
                k++;
                p += sizeof(struct snap_loc);
            }
        }
        if (at == rec)
            break;
        at = (uint32_t)(p - data);
    }
    for (unsigned r = 0; r < cpu->guest->nregs; r++)
        value[r] = loc_of[r] ? extended(read_loc(cpu, uc, loc_of[r], unit_pc), loc_of[r]->ext) : read_home(cpu, uc, r);
    for (unsigned r = 0; r < cpu->guest->nregs; r++)
        write_slot(cpu, r, value[r]);
    cpu->pc = unit_pc + (uint64_t)(int64_t)head.pc;
}
