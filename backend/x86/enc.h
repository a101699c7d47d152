#pragma once
/*
 * x86-64 instruction encoder: one typed inline function for each instruction and operand form.
 *
 * Model. An x86_buf is a window of writable bytes with a cursor. x86_<mnemonic>_<form>() appends
 * one instruction in its shortest encoding for the given operands. The form lists the operands,
 * destination first, as in Intel's syntax:
 *
 *   r  general register (enum x86_reg)      x, y  xmm, ymm register (enum x86_xmm)
 *   m  memory (struct x86_mem)              i     immediate
 *   c  the count in cl
 *
 * Arguments are the buffer, then the operand size in bytes (1, 2, 4 or 8) where the instruction
 * comes in sizes, then the condition where it has one, then the operands. VEX forms start with v
 * and have three or four operands; their names tell xmm (VEX.128) from ymm (VEX.256).
 * enc.def has a row for every instruction, with the forms of each family of rows.
 *
 * Worked example: if (rdi < 8) eax = table[rdi], else eax = -1.
 *
 *     struct x86_buf b = x86_buf_init(mem, size);
 *     x86_cmp_ri(&b, 8, RDI, 8);
 *     uint32_t far = x86_jcc_rel32_fwd(&b, X86_AE);                    // patched below
 *     x86_mov_rm(&b, 4, RAX, x86_mem_bi(RSI, RDI, 4, 0x10));           // [rsi + rdi*4 + 0x10]
 *     x86_ret(&b);
 *     x86_patch_rel32(&b, far, x86_pos(&b));
 *     x86_mov_ri(&b, 4, RAX, -1);
 *     x86_ret(&b);
 *     if (b.overflow)
 *         ...                                                          // start over with more room
 *
 * Invariants.
 * - Nothing is ever written at or past end. An instruction needs X86_ROOM free bytes, however
 *   short it is; without them it is dropped whole and overflow is set. Since the cursor stays,
 *   all later ones are dropped too: check overflow once, at the end.
 * - Positions and branch targets are byte offsets from base. Targets may lie outside the window
 *   (negative, or beyond end) as long as they are within 2 GiB. The bytes contain differences
 *   only, so a finished buffer may be moved as a whole, but not apart from its outside targets.
 * - Operands are the caller's duty: sizes the form knows, no rsp as an index (see x86_mem_bi).
 *   AH, CH, DH and BH don't exist here; byte registers 4 to 7 are spl, bpl, sil, dil.
 * - No CPU feature is checked; the emitter knows which rows the host has.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum x86_reg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
};

enum x86_xmm {
    XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
    XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14, XMM15,
};

/** Condition codes, numbered as in the opcodes; cc ^ 1 is the negation. */
enum x86_cc {
    X86_O, X86_NO, X86_B, X86_AE, X86_E, X86_NE, X86_BE, X86_A,
    X86_S, X86_NS, X86_P, X86_NP, X86_L, X86_GE, X86_LE, X86_G,
};

/** The condition that holds exactly when cc does not. */
static inline enum x86_cc x86_cc_not(enum x86_cc cc)
{
    return (enum x86_cc)(cc ^ 1);
}

/* ---- The buffer ---- */

/** Free bytes that an instruction needs; the longest possible one has 15. */
#define X86_ROOM 16

struct x86_buf {
    uint8_t *p;      /* cursor: the next instruction goes here */
    uint8_t *end;    /* first byte that may not be written */
    uint8_t *base;   /* what positions and targets count from */
    bool overflow;   /* an instruction was dropped for lack of room */
};

/** An empty buffer over size bytes at mem; the caller keeps mem. */
static inline struct x86_buf x86_buf_init(void *mem, size_t size)
{
    uint8_t *m = mem;
    return (struct x86_buf){.p = m, .end = m + size, .base = m};
}

/** Offset of the next instruction from the base. */
static inline uint32_t x86_pos(const struct x86_buf *b)
{
    return (uint32_t)(b->p - b->base);
}

/** True if one more instruction fits; else flags the overflow. */
static inline bool x86_room(struct x86_buf *b)
{
    if (__builtin_expect(b->end - b->p < X86_ROOM, 0)) {
        b->overflow = true;
        return false;
    }
    return true;
}

/* ---- Memory operands ---- */

enum x86_seg { X86_SEG_NONE, X86_SEG_FS, X86_SEG_GS };

/** seg:[base + index*scale + disp]; eight bytes, passed by value. Use the constructors. */
struct x86_mem {
    int8_t base;        /* enum x86_reg, or -1 */
    int8_t index;       /* enum x86_reg but RSP, or -1 */
    uint8_t scale;      /* 1, 2, 4, 8 */
    uint8_t seg : 2;    /* enum x86_seg */
    uint8_t addr32 : 1; /* the address is computed modulo 2^32 */
    uint8_t rip : 1;    /* disp is a position in the buffer; no base, no index */
    int32_t disp;
};

/** [base + disp] */
static inline struct x86_mem x86_mem_b(enum x86_reg base, int32_t disp)
{
    return (struct x86_mem){.base = (int8_t)base, .index = -1, .scale = 1, .disp = disp};
}

/** [base + index*scale + disp]. RSP is no index; with scale 1 it is swapped with the base. */
static inline struct x86_mem x86_mem_bi(enum x86_reg base, enum x86_reg index, unsigned scale,
                                        int32_t disp)
{
    if (index == RSP && scale == 1) {
        index = base;
        base = RSP;
    }
    return (struct x86_mem){
        .base = (int8_t)base, .index = (int8_t)index, .scale = (uint8_t)scale, .disp = disp};
}

/** [index*scale + disp], always with a 4-byte displacement. */
static inline struct x86_mem x86_mem_i(enum x86_reg index, unsigned scale, int32_t disp)
{
    return (struct x86_mem){
        .base = -1, .index = (int8_t)index, .scale = (uint8_t)scale, .disp = disp};
}

/** [disp]: an absolute address, sign-extended from 32 bits. */
static inline struct x86_mem x86_mem_abs(int32_t disp)
{
    return (struct x86_mem){.base = -1, .index = -1, .scale = 1, .disp = disp};
}

/**
 * [rip + ...] such that the operand is at position target of the buffer, which may be patched
 * later: after an instruction without immediate, the rel32 is at x86_pos() - 4.
 */
static inline struct x86_mem x86_mem_rip(int32_t target)
{
    return (struct x86_mem){.base = -1, .index = -1, .scale = 1, .rip = 1, .disp = target};
}

/** The same operand, gs-relative. */
static inline struct x86_mem x86_mem_gs(struct x86_mem m)
{
    m.seg = X86_SEG_GS;
    return m;
}

/** The same operand, its offset cut to 32 bits (before the segment's base is added). */
static inline struct x86_mem x86_mem_addr32(struct x86_mem m)
{
    m.addr32 = 1;
    return m;
}

/* ---- The encoding core; use the functions made from enc.def instead ---- */

/*
 * An opcode descriptor is a constant that says all but the operands:
 * bits 7:0 opcode, 9:8 map, 11:10 mandatory prefix, then flags, and the immediate's length.
 */
#define X86_PP_NP 0u
#define X86_PP_66 1u
#define X86_PP_F3 2u
#define X86_PP_F2 3u
#define X86_MAP_00 0u
#define X86_MAP_0F 1u
#define X86_MAP_0F38 2u
#define X86_MAP_0F3A 3u
#define X86_OP(pp, map, op) (X86_PP_##pp << 10 | X86_MAP_##map << 8 | 0x##op##u)
#define X86_F_W (1u << 12)     /* REX.W, VEX.W */
#define X86_F_16 (1u << 13)    /* 66 as operand size, besides a mandatory prefix */
#define X86_F_LOCK (1u << 14)
#define X86_F_BYTE_REG (1u << 15) /* ModRM.reg is a byte register */
#define X86_F_BYTE_RM (1u << 16)  /* ModRM.rm is a byte register, if it is a register */
#define X86_F_L (1u << 17)        /* VEX.256 */
#define X86_F_IMM(n) ((uint32_t)(n) << 18) /* bytes of immediate: 0, 1, 2, 4 */
#define X86_IMM_LEN(op) ((op) >> 18 & 7)

/** Appends a legacy instruction with a memory operand, whatever op says. */
void x86_enc_mem(struct x86_buf *b, uint32_t op, unsigned reg, struct x86_mem m, int32_t imm);

/** Appends a VEX instruction with a memory operand; vvvv is 0 where unused. */
void x86_enc_vex_mem(struct x86_buf *b, uint32_t op, unsigned reg, unsigned vvvv, struct x86_mem m,
                     int32_t imm);

/** Operand size in an opcode without a byte form. */
static inline uint32_t x86_wide(uint32_t op, unsigned size)
{
    return op | (size == 8 ? X86_F_W : 0) | (size == 2 ? X86_F_16 : 0);
}

/** Operand size in an opcode whose bit 0 tells bytes from the rest. */
static inline uint32_t x86_sized(uint32_t op, unsigned size)
{
    return size == 1 ? op | X86_F_BYTE_REG | X86_F_BYTE_RM : x86_wide(op | 1, size);
}

/** The same where ModRM.reg is an opcode extension. */
static inline uint32_t x86_sized_rm(uint32_t op, unsigned size)
{
    return size == 1 ? op | X86_F_BYTE_RM : x86_wide(op | 1, size);
}

/** Length of a full immediate of the operand size, as descriptor bits. */
static inline uint32_t x86_imm_sized(unsigned size)
{
    return X86_F_IMM(size == 8 ? 4 : size);
}

static inline uint8_t *x86_put_imm(uint8_t *p, uint32_t op, int32_t imm)
{
    switch (X86_IMM_LEN(op)) {
    case 1:
        *p = (uint8_t)imm;
        return p + 1;
    case 2:
        memcpy(p, &imm, 2);
        return p + 2;
    case 4:
        memcpy(p, &imm, 4);
        return p + 4;
    }
    return p;
}

/** Prefixes, REX and opcode; rex holds the R, X, B bits, need says that REX must be there. */
static inline uint8_t *x86_put_op(uint8_t *p, uint32_t op, unsigned rex, bool need)
{
    if (op & X86_F_16)
        *p++ = 0x66;
    if (op >> 10 & 3)
        *p++ = (uint8_t)(0xF2F36600u >> (op >> 10 & 3) * 8);
    rex |= op & X86_F_W ? 8 : 0;
    *p = (uint8_t)(0x40 | rex);
    p += rex != 0 || need;
    if (op >> 8 & 3) {
        *p++ = 0x0F;
        if (op >> 8 & 2)
            *p++ = op >> 8 & 1 ? 0x3A : 0x38;
    }
    *p++ = (uint8_t)op;
    return p;
}

/** Appends a legacy instruction whose ModRM names two registers, or a digit and a register. */
static inline void x86_enc_reg(struct x86_buf *b, uint32_t op, unsigned reg, unsigned rm,
                               int32_t imm)
{
    if (!x86_room(b))
        return;
    bool need = ((op & X86_F_BYTE_REG) && reg >= 4) || ((op & X86_F_BYTE_RM) && rm >= 4);
    uint8_t *p = x86_put_op(b->p, op, (reg >> 3) << 2 | rm >> 3, need);
    *p++ = (uint8_t)(0xC0 | (reg & 7) << 3 | (rm & 7));
    b->p = x86_put_imm(p, op, imm);
}

/** Appends an instruction that has its register in the opcode's low bits, or none (r = 0). */
static inline void x86_enc_short(struct x86_buf *b, uint32_t op, unsigned r, int32_t imm)
{
    if (!x86_room(b))
        return;
    bool need = (op & X86_F_BYTE_RM) && r >= 4;
    b->p = x86_put_imm(x86_put_op(b->p, op | (r & 7), r >> 3, need), op, imm);
}

/** VEX prefix and opcode: the 2-byte prefix if X, B and W are clear and the map is 0F. */
static inline uint8_t *x86_put_vex(uint8_t *p, uint32_t op, unsigned r, unsigned x, unsigned bb,
                                   unsigned vvvv)
{
    unsigned tail = (~vvvv & 15) << 3 | (op & X86_F_L ? 4 : 0) | (op >> 10 & 3);
    if ((x | bb) == 0 && !(op & X86_F_W) && (op >> 8 & 3) == X86_MAP_0F) {
        *p++ = 0xC5;
        *p++ = (uint8_t)((r ^ 1) << 7 | tail);
    } else {
        *p++ = 0xC4;
        *p++ = (uint8_t)((r ^ 1) << 7 | (x ^ 1) << 6 | (bb ^ 1) << 5 | (op >> 8 & 3));
        *p++ = (uint8_t)((op & X86_F_W ? 0x80 : 0) | tail);
    }
    *p++ = (uint8_t)op;
    return p;
}

/** Appends a VEX instruction on registers; vvvv is 0 where unused. */
static inline void x86_enc_vex(struct x86_buf *b, uint32_t op, unsigned reg, unsigned vvvv,
                               unsigned rm, int32_t imm)
{
    if (!x86_room(b))
        return;
    uint8_t *p = x86_put_vex(b->p, op, reg >> 3, 0, rm >> 3, vvvv);
    *p++ = (uint8_t)(0xC0 | (reg & 7) << 3 | (rm & 7));
    b->p = x86_put_imm(p, op, imm);
}

/* ---- Shortest-form choices that rows share ---- */

/** add ... cmp with an immediate, which is sign-extended from 32 bits for size 8. */
static inline void x86_enc_alu_ri(struct x86_buf *b, unsigned digit, unsigned size,
                                  enum x86_reg r, int32_t imm)
{
    if (size == 2)
        imm = (int16_t)imm;
    if (size != 1 && imm == (int8_t)imm)
        x86_enc_reg(b, x86_wide(0x83, size) | X86_F_IMM(1), digit, r, imm);
    else if (r == RAX)
        x86_enc_short(b, x86_sized(digit << 3 | 4, size) | x86_imm_sized(size), 0, imm);
    else
        x86_enc_reg(b, x86_sized_rm(0x80, size) | x86_imm_sized(size), digit, r, imm);
}

static inline void x86_enc_alu_mi(struct x86_buf *b, uint32_t flags, unsigned digit, unsigned size,
                                  struct x86_mem m, int32_t imm)
{
    if (size == 2)
        imm = (int16_t)imm;
    if (size != 1 && imm == (int8_t)imm)
        x86_enc_mem(b, x86_wide(0x83, size) | X86_F_IMM(1) | flags, digit, m, imm);
    else
        x86_enc_mem(b, x86_sized_rm(0x80, size) | x86_imm_sized(size) | flags, digit, m, imm);
}

/** mov r, imm: the low size bytes of imm; size 8 takes the 32-bit forms where they do. */
static inline void x86_enc_mov_ri(struct x86_buf *b, unsigned size, enum x86_reg r, int64_t imm)
{
    if (size == 1)
        x86_enc_short(b, 0xB0 | X86_F_BYTE_RM | X86_F_IMM(1), r, (int32_t)imm);
    else if (size != 8 || imm == (int64_t)(uint32_t)imm)
        x86_enc_short(b, x86_wide(0xB8, size & 7) | X86_F_IMM(size == 2 ? 2 : 4), r, (int32_t)imm);
    else if (imm == (int32_t)imm)
        x86_enc_reg(b, 0xC7 | X86_F_W | X86_F_IMM(4), 0, r, (int32_t)imm);
    else if (x86_room(b)) {
        uint8_t *p = x86_put_op(b->p, 0xB8 | X86_F_W | (r & 7), r >> 3, false);
        memcpy(p, &imm, 8);
        b->p = p + 8;
    }
}

/** Shift or rotate by a constant; a count of 1 has an opcode of its own. */
static inline uint32_t x86_shift_op(unsigned size, unsigned n)
{
    return n == 1 ? x86_sized_rm(0xD0, size) : x86_sized_rm(0xC0, size) | X86_F_IMM(1);
}

/* ---- Branches ---- */

/** jcc to a known target: rel8 if it reaches, else rel32. */
void x86_jcc(struct x86_buf *b, enum x86_cc cc, int32_t target);
/** jmp to a known target: rel8 if it reaches, else rel32. */
void x86_jmp(struct x86_buf *b, int32_t target);
/** call to a known target. */
void x86_call(struct x86_buf *b, int32_t target);

/** jcc, always with a rel32, so that it can be patched; returns the position of the rel32. */
uint32_t x86_jcc_rel32(struct x86_buf *b, enum x86_cc cc, int32_t target);
/** jmp, always with a rel32, so that it can be patched; returns the position of the rel32. */
uint32_t x86_jmp_rel32(struct x86_buf *b, int32_t target);
/** call with a rel32; returns the position of the rel32. */
uint32_t x86_call_rel32(struct x86_buf *b, int32_t target);

/** Forward branches whose target isn't known yet: return the position for x86_patch_rel32(). */
static inline uint32_t x86_jcc_rel32_fwd(struct x86_buf *b, enum x86_cc cc)
{
    return x86_jcc_rel32(b, cc, 0);
}
static inline uint32_t x86_jmp_rel32_fwd(struct x86_buf *b)
{
    return x86_jmp_rel32(b, 0);
}
static inline uint32_t x86_call_rel32_fwd(struct x86_buf *b)
{
    return x86_call_rel32(b, 0);
}

/** Short forward branches: return the position for x86_patch_rel8(). */
uint32_t x86_jcc_rel8_fwd(struct x86_buf *b, enum x86_cc cc);
uint32_t x86_jmp_rel8_fwd(struct x86_buf *b);

/**
 * Lets the rel32 at pos, the last 4 bytes of its instruction, lead to target. One plain 4-byte
 * store: atomic for other threads if the field is aligned (see x86_align). Does nothing after an
 * overflow, when pos may mean nothing.
 */
void x86_patch_rel32(struct x86_buf *b, uint32_t pos, int32_t target);

/** The same for a rel8; false, with nothing changed, if the target is out of reach. */
bool x86_patch_rel8(struct x86_buf *b, uint32_t pos, int32_t target);

/** Appends n bytes of nops, as few instructions as possible (9 bytes each). */
void x86_nop(struct x86_buf *b, unsigned n);

/**
 * Appends nops until the position plus ahead is a multiple of boundary (a power of two). Ahead 1
 * before a jmp or call, 2 before a jcc aligns their rel32. Positions count from base, so base
 * must be aligned for this to mean addresses.
 */
void x86_align(struct x86_buf *b, unsigned boundary, unsigned ahead);

/* ---- The instructions ---- */

#include "backend/x86/enc_forms.h"
