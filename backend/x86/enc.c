/* The out-of-line part of the encoder: memory operands, branches, padding. */
#include "backend/x86/enc.h"

/** Segment, address size and lock prefixes. */
static uint8_t *put_prefixes(uint8_t *p, uint32_t op, struct x86_mem m)
{
    if (op & X86_F_LOCK)
        *p++ = 0xF0;
    if (m.seg)
        *p++ = m.seg == X86_SEG_GS ? 0x65 : 0x64;
    if (m.addr32)
        *p++ = 0x67;
    return p;
}

static uint8_t *put32(uint8_t *p, int32_t v)
{
    memcpy(p, &v, 4);
    return p + 4;
}

/**
 * ModRM, SIB and displacement (Intel SDM vol. 2, 2.1.5). rsp and r12 as a base need a SIB byte;
 * rbp and r13 as a base need a displacement; no base at all is "rbp without displacement" in SIB.
 */
static uint8_t *put_modrm(const struct x86_buf *b, uint8_t *p, uint32_t op, unsigned reg,
                          struct x86_mem m)
{
    unsigned modrm = (reg & 7) << 3;

    if (m.rip) {
        *p++ = (uint8_t)(modrm | 5);
        int64_t next = p - b->base + 4 + X86_IMM_LEN(op);
        return put32(p, (int32_t)(m.disp - next));
    }
    unsigned index = m.index < 0 ? 4 : m.index & 7;
    unsigned scale = (unsigned)__builtin_ctz(m.scale);
    if (m.base < 0) {
        *p++ = (uint8_t)(modrm | 4);
        *p++ = (uint8_t)(scale << 6 | index << 3 | 5);
        return put32(p, m.disp);
    }
    unsigned base = m.base & 7;
    unsigned mod = m.disp == 0 && base != 5 ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;
    if (m.index < 0 && base != 4) {
        *p++ = (uint8_t)(mod << 6 | modrm | base);
    } else {
        *p++ = (uint8_t)(mod << 6 | modrm | 4);
        *p++ = (uint8_t)(scale << 6 | index << 3 | base);
    }
    if (mod == 1)
        *p++ = (uint8_t)m.disp;
    return mod == 2 ? put32(p, m.disp) : p;
}

static unsigned high_bit(int8_t reg)
{
    return reg < 0 ? 0 : (unsigned)reg >> 3;
}

/* What fields of the state, and most guest addresses, are: one-byte opcode, base and displacement. */
static bool is_plain(uint32_t op, struct x86_mem m)
{
    return !(op & ~(0xffu | X86_F_W | X86_F_BYTE_RM | X86_F_IMM(7))) && m.index < 0 && m.base >= 0 &&
           !(m.seg | m.addr32 | m.rip);
}

static uint8_t *put_plain(uint8_t *p, uint32_t op, unsigned reg, struct x86_mem m)
{
    unsigned rex = (reg >> 3) << 2 | (unsigned)m.base >> 3 | (op & X86_F_W ? 8 : 0), base = m.base & 7;
    unsigned mod = m.disp == 0 && base != 5 ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;

    *p = (uint8_t)(0x40 | rex);
    p += rex != 0;
    *p++ = (uint8_t)op;
    *p++ = (uint8_t)(mod << 6 | (reg & 7) << 3 | base);
    *p = 0x24; /* SIB: no index */
    p += base == 4;
    memcpy(p, &m.disp, 4);
    return p + (mod == 2 ? 4 : mod);
}

void x86_enc_mem(struct x86_buf *b, uint32_t op, unsigned reg, struct x86_mem m, int32_t imm)
{
    if (!x86_room(b))
        return;
    if (is_plain(op, m)) {
        b->p = x86_put_imm(put_plain(b->p, op, reg, m), op, imm);
        return;
    }
    uint8_t *p = put_prefixes(b->p, op, m);
    unsigned rex = (reg >> 3) << 2 | high_bit(m.index) << 1 | high_bit(m.base);
    p = x86_put_op(p, op, rex, (op & X86_F_BYTE_REG) && reg >= 4);
    p = put_modrm(b, p, op, reg, m);
    b->p = x86_put_imm(p, op, imm);
}

void x86_enc_vex_mem(struct x86_buf *b, uint32_t op, unsigned reg, unsigned vvvv, struct x86_mem m,
                     int32_t imm)
{
    if (!x86_room(b))
        return;
    uint8_t *p = put_prefixes(b->p, op, m);
    p = x86_put_vex(p, op, reg >> 3, high_bit(m.index), high_bit(m.base), vvvv);
    p = put_modrm(b, p, op, reg, m);
    b->p = x86_put_imm(p, op, imm);
}

/* ---- Branches ---- */

/** Appends an opcode with a rel32; returns the rel32's position, or 0 without room. */
static uint32_t branch_rel32(struct x86_buf *b, uint32_t op, int32_t target)
{
    if (!x86_room(b))
        return 0;
    uint8_t *p = x86_put_op(b->p, op, 0, false);
    uint32_t pos = (uint32_t)(p - b->base);
    b->p = put32(p, (int32_t)(target - (int64_t)pos - 4));
    return pos;
}

/** Appends an opcode with a rel8 if the target is in its reach. */
static bool branch_rel8(struct x86_buf *b, uint8_t op, int32_t target)
{
    int64_t rel = target - (int64_t)x86_pos(b) - 2;
    if (rel != (int8_t)rel)
        return false;
    x86_enc_short(b, op | X86_F_IMM(1), 0, (int32_t)rel);
    return true;
}

void x86_jcc(struct x86_buf *b, enum x86_cc cc, int32_t target)
{
    if (!branch_rel8(b, (uint8_t)(0x70 | cc), target))
        x86_jcc_rel32(b, cc, target);
}

void x86_jmp(struct x86_buf *b, int32_t target)
{
    if (!branch_rel8(b, 0xEB, target))
        x86_jmp_rel32(b, target);
}

void x86_call(struct x86_buf *b, int32_t target)
{
    x86_call_rel32(b, target);
}

uint32_t x86_jcc_rel32(struct x86_buf *b, enum x86_cc cc, int32_t target)
{
    return branch_rel32(b, X86_OP(NP, 0F, 80) | cc, target);
}

uint32_t x86_jmp_rel32(struct x86_buf *b, int32_t target)
{
    return branch_rel32(b, 0xE9, target);
}

uint32_t x86_call_rel32(struct x86_buf *b, int32_t target)
{
    return branch_rel32(b, 0xE8, target);
}

uint32_t x86_jcc_rel8_fwd(struct x86_buf *b, enum x86_cc cc)
{
    x86_enc_short(b, 0x70 | cc | X86_F_IMM(1), 0, 0);
    return x86_pos(b) - 1;
}

uint32_t x86_jmp_rel8_fwd(struct x86_buf *b)
{
    x86_enc_short(b, 0xEB | X86_F_IMM(1), 0, 0);
    return x86_pos(b) - 1;
}

void x86_patch_rel32(struct x86_buf *b, uint32_t pos, int32_t target)
{
    if (b->overflow)
        return;
    int32_t rel = (int32_t)(target - (int64_t)pos - 4);
    memcpy(b->base + pos, &rel, 4);
}

bool x86_patch_rel8(struct x86_buf *b, uint32_t pos, int32_t target)
{
    int64_t rel = target - (int64_t)pos - 1;
    if (rel != (int8_t)rel)
        return false;
    if (!b->overflow)
        b->base[pos] = (uint8_t)rel;
    return true;
}

/* ---- Padding ---- */

/* The recommended nops of 1 to 9 bytes (Intel SDM vol. 2, NOP, table 4-12). */
static const uint8_t nops[9][9] = {
    {0x90},
    {0x66, 0x90},
    {0x0F, 0x1F, 0x00},
    {0x0F, 0x1F, 0x40, 0x00},
    {0x0F, 0x1F, 0x44, 0x00, 0x00},
    {0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00},
    {0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00},
    {0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    {0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
};

void x86_nop(struct x86_buf *b, unsigned n)
{
    while (n && x86_room(b)) {
        unsigned k = n < 9 ? n : 9;
        memcpy(b->p, nops[k - 1], 9);
        b->p += k;
        n -= k;
    }
}

void x86_align(struct x86_buf *b, unsigned boundary, unsigned ahead)
{
    x86_nop(b, -(x86_pos(b) + ahead) & (boundary - 1));
}
