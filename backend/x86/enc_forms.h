#pragma once
/*
 * The functions of enc.h, one macro for each family of enc.def; the columns and the forms are
 * explained there. Include enc.h instead of this.
 */

/* Parameter lists, so that a family reads as a list of forms. */
#define X86_FN(name) static inline void x86_##name
#define X86_BUF struct x86_buf *b

/* ---- Integer ALU ---- */

#define X86_ALU_CMP(name, digit, doc)                                                              \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_reg(b, x86_sized((digit) << 3, size), src, dst, 0);                                \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized((digit) << 3 | 2, size), dst, m, 0);                              \
    }                                                                                              \
    X86_FN(name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized((digit) << 3, size), src, m, 0);                                  \
    }                                                                                              \
    X86_FN(name##_ri)(X86_BUF, unsigned size, enum x86_reg dst, int32_t imm)                       \
    {                                                                                              \
        x86_enc_alu_ri(b, digit, size, dst, imm);                                                  \
    }                                                                                              \
    X86_FN(name##_mi)(X86_BUF, unsigned size, struct x86_mem m, int32_t imm)                       \
    {                                                                                              \
        x86_enc_alu_mi(b, 0, digit, size, m, imm);                                                 \
    }

#define X86_ALU(name, digit, doc)                                                                  \
    X86_ALU_CMP(name, digit, doc)                                                                  \
    X86_FN(lock_##name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)           \
    {                                                                                              \
        x86_enc_mem(b, x86_sized((digit) << 3, size) | X86_F_LOCK, src, m, 0);                     \
    }                                                                                              \
    X86_FN(lock_##name##_mi)(X86_BUF, unsigned size, struct x86_mem m, int32_t imm)                \
    {                                                                                              \
        x86_enc_alu_mi(b, X86_F_LOCK, digit, size, m, imm);                                        \
    }

#define X86_TEST(name, op, iop, digit, doc)                                                        \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg a, enum x86_reg src)                    \
    {                                                                                              \
        x86_enc_reg(b, x86_sized(0x##op, size), src, a, 0);                                        \
    }                                                                                              \
    X86_FN(name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized(0x##op, size), src, m, 0);                                        \
    }                                                                                              \
    X86_FN(name##_ri)(X86_BUF, unsigned size, enum x86_reg a, int32_t imm)                         \
    {                                                                                              \
        if (a == RAX)                                                                              \
            x86_enc_short(b, x86_sized(0xA8, size) | x86_imm_sized(size), 0, imm);                 \
        else                                                                                       \
            x86_enc_reg(b, x86_sized_rm(0x##iop, size) | x86_imm_sized(size), digit, a, imm);      \
    }                                                                                              \
    X86_FN(name##_mi)(X86_BUF, unsigned size, struct x86_mem m, int32_t imm)                       \
    {                                                                                              \
        x86_enc_mem(b, x86_sized_rm(0x##iop, size) | x86_imm_sized(size), digit, m, imm);          \
    }

#define X86_MULDIV(name, op, digit, doc)                                                           \
    X86_FN(name##_r)(X86_BUF, unsigned size, enum x86_reg r)                                       \
    {                                                                                              \
        x86_enc_reg(b, x86_sized_rm(0x##op, size), digit, r, 0);                                   \
    }                                                                                              \
    X86_FN(name##_m)(X86_BUF, unsigned size, struct x86_mem m)                                     \
    {                                                                                              \
        x86_enc_mem(b, x86_sized_rm(0x##op, size), digit, m, 0);                                   \
    }

#define X86_RMW(name, op, digit, doc)                                                              \
    X86_MULDIV(name, op, digit, doc)                                                               \
    X86_FN(lock_##name##_m)(X86_BUF, unsigned size, struct x86_mem m)                              \
    {                                                                                              \
        x86_enc_mem(b, x86_sized_rm(0x##op, size) | X86_F_LOCK, digit, m, 0);                      \
    }

static inline uint32_t x86_imul_op(uint32_t op, unsigned size, int32_t imm)
{
    bool small = size == 2 ? (int16_t)imm == (int8_t)imm : imm == (int8_t)imm;
    return x86_wide(op, size) | (small ? 2 | X86_F_IMM(1) : x86_imm_sized(size));
}

#define X86_IMUL3(name, op, doc)                                                                   \
    X86_FN(name##_rri)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src, int32_t imm)    \
    {                                                                                              \
        x86_enc_reg(b, x86_imul_op(0x##op, size, imm), dst, src, imm);                             \
    }                                                                                              \
    X86_FN(name##_rmi)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m, int32_t imm)    \
    {                                                                                              \
        x86_enc_mem(b, x86_imul_op(0x##op, size, imm), dst, m, imm);                               \
    }

#define X86_SHIFT(name, digit, doc)                                                                \
    X86_FN(name##_ri)(X86_BUF, unsigned size, enum x86_reg r, unsigned n)                          \
    {                                                                                              \
        x86_enc_reg(b, x86_shift_op(size, n), digit, r, (int32_t)n);                               \
    }                                                                                              \
    X86_FN(name##_mi)(X86_BUF, unsigned size, struct x86_mem m, unsigned n)                        \
    {                                                                                              \
        x86_enc_mem(b, x86_shift_op(size, n), digit, m, (int32_t)n);                               \
    }                                                                                              \
    X86_FN(name##_rc)(X86_BUF, unsigned size, enum x86_reg r)                                      \
    {                                                                                              \
        x86_enc_reg(b, x86_sized_rm(0xD2, size), digit, r, 0);                                     \
    }                                                                                              \
    X86_FN(name##_mc)(X86_BUF, unsigned size, struct x86_mem m)                                    \
    {                                                                                              \
        x86_enc_mem(b, x86_sized_rm(0xD2, size), digit, m, 0);                                     \
    }

#define X86_SHIFTD(name, op, doc)                                                                  \
    X86_FN(name##_rri)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src, unsigned n)     \
    {                                                                                              \
        x86_enc_reg(b, x86_wide(X86_OP(NP, 0F, op), size) | X86_F_IMM(1), src, dst, (int32_t)n);   \
    }                                                                                              \
    X86_FN(name##_mri)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src, unsigned n)     \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(NP, 0F, op), size) | X86_F_IMM(1), src, m, (int32_t)n);     \
    }                                                                                              \
    X86_FN(name##_rrc)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                 \
    {                                                                                              \
        x86_enc_reg(b, x86_wide(X86_OP(NP, 0F, op) + 1, size), src, dst, 0);                       \
    }                                                                                              \
    X86_FN(name##_mrc)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)                 \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(NP, 0F, op) + 1, size), src, m, 0);                         \
    }

#define X86_BT_TEST(name, op, digit, doc)                                                          \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg r, enum x86_reg bit)                    \
    {                                                                                              \
        x86_enc_reg(b, x86_wide(X86_OP(NP, 0F, op), size), bit, r, 0);                             \
    }                                                                                              \
    X86_FN(name##_ri)(X86_BUF, unsigned size, enum x86_reg r, unsigned bit)                        \
    {                                                                                              \
        uint32_t d = x86_wide(X86_OP(NP, 0F, BA), size) | X86_F_IMM(1);                            \
        x86_enc_reg(b, d, digit, r, (int32_t)bit);                                                 \
    }                                                                                              \
    X86_FN(name##_mi)(X86_BUF, unsigned size, struct x86_mem m, unsigned bit)                      \
    {                                                                                              \
        uint32_t d = x86_wide(X86_OP(NP, 0F, BA), size) | X86_F_IMM(1);                            \
        x86_enc_mem(b, d, digit, m, (int32_t)bit);                                                 \
    }

#define X86_BT(name, op, digit, doc)                                                               \
    X86_BT_TEST(name, op, digit, doc)                                                              \
    X86_FN(lock_##name##_mi)(X86_BUF, unsigned size, struct x86_mem m, unsigned bit)               \
    {                                                                                              \
        uint32_t d = x86_wide(X86_OP(NP, 0F, BA), size) | X86_F_IMM(1) | X86_F_LOCK;               \
        x86_enc_mem(b, d, digit, m, (int32_t)bit);                                                 \
    }

/* ---- Moves and extensions ---- */

#define X86_MOV(name, op, iop, doc)                                                                \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_reg(b, x86_sized(0x##op, size), src, dst, 0);                                      \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized(0x##op + 2, size), dst, m, 0);                                    \
    }                                                                                              \
    X86_FN(name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized(0x##op, size), src, m, 0);                                        \
    }                                                                                              \
    X86_FN(name##_ri)(X86_BUF, unsigned size, enum x86_reg dst, int64_t imm)                       \
    {                                                                                              \
        x86_enc_mov_ri(b, size, dst, imm);                                                         \
    }                                                                                              \
    X86_FN(name##_mi)(X86_BUF, unsigned size, struct x86_mem m, int32_t imm)                       \
    {                                                                                              \
        x86_enc_mem(b, x86_sized_rm(0x##iop, size) | x86_imm_sized(size), 0, m, imm);              \
    }

#define X86_MOVABS(name, op, doc)                                                                  \
    X86_FN(name##_ri)(X86_BUF, enum x86_reg dst, uint64_t imm)                                     \
    {                                                                                              \
        if (!x86_room(b))                                                                          \
            return;                                                                                \
        uint8_t *p = x86_put_op(b->p, 0x##op | X86_F_W | (dst & 7), dst >> 3, false);              \
        memcpy(p, &imm, 8);                                                                        \
        b->p = p + 8;                                                                              \
    }

#define X86_EXT(name, mnemonic, map, op, bytes, doc)                                               \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        uint32_t d = X86_OP(NP, map, op) | ((bytes) == 1 ? X86_F_BYTE_RM : 0);                     \
        x86_enc_reg(b, x86_wide(d, size), dst, src, 0);                                            \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(NP, map, op), size), dst, m, 0);                            \
    }

#define X86_LEA(name, op, doc)                                                                     \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(0x##op, size), dst, m, 0);                                         \
    }

#define X86_EXCHANGE(name, map, op, doc)                                                           \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_reg(b, x86_sized(X86_OP(NP, map, op), size), src, dst, 0);                         \
    }                                                                                              \
    X86_FN(name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized(X86_OP(NP, map, op), size), src, m, 0);                           \
    }                                                                                              \
    X86_FN(lock_##name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)           \
    {                                                                                              \
        x86_enc_mem(b, x86_sized(X86_OP(NP, map, op), size) | X86_F_LOCK, src, m, 0);              \
    }

#define X86_BSWAP(name, op, doc)                                                                   \
    X86_FN(name##_r)(X86_BUF, unsigned size, enum x86_reg r)                                       \
    {                                                                                              \
        x86_enc_short(b, x86_wide(X86_OP(NP, 0F, op), size), r, 0);                                \
    }

#define X86_MOVBE(name, op, sop, doc)                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(NP, 0F38, op), size), dst, m, 0);                           \
    }                                                                                              \
    X86_FN(name##_mr)(X86_BUF, unsigned size, struct x86_mem m, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(NP, 0F38, sop), size), src, m, 0);                          \
    }

#define X86_CMOVCC(name, op, doc)                                                                  \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_cc cc, enum x86_reg dst, enum x86_reg src)  \
    {                                                                                              \
        x86_enc_reg(b, x86_wide(X86_OP(NP, 0F, op) | cc, size), dst, src, 0);                      \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_cc cc, enum x86_reg dst, struct x86_mem m)  \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(NP, 0F, op) | cc, size), dst, m, 0);                        \
    }

#define X86_SETCC(name, op, doc)                                                                   \
    X86_FN(name##_r)(X86_BUF, enum x86_cc cc, enum x86_reg r)                                      \
    {                                                                                              \
        x86_enc_reg(b, X86_OP(NP, 0F, op) | cc | X86_F_BYTE_RM, 0, r, 0);                          \
    }                                                                                              \
    X86_FN(name##_m)(X86_BUF, enum x86_cc cc, struct x86_mem m)                                    \
    {                                                                                              \
        x86_enc_mem(b, X86_OP(NP, 0F, op) | cc, 0, m, 0);                                          \
    }

/* ---- Bits ---- */

#define X86_RM(name, pp, map, op, doc)                                                             \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_reg(b, x86_wide(X86_OP(pp, map, op), size), dst, src, 0);                          \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_wide(X86_OP(pp, map, op), size), dst, m, 0);                            \
    }

#define X86_CRC32(name, pp, op, doc)                                                               \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_reg(b, x86_sized_rm(X86_OP(pp, 0F38, op), size), dst, src, 0);                     \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_mem(b, x86_sized_rm(X86_OP(pp, 0F38, op), size), dst, m, 0);                       \
    }

#define X86_BMI_RVM(name, pp, map, op, doc)                                                        \
    X86_FN(name##_rrr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg a, enum x86_reg c)   \
    {                                                                                              \
        x86_enc_vex(b, x86_wide(X86_OP(pp, map, op), size), dst, a, c, 0);                         \
    }                                                                                              \
    X86_FN(name##_rrm)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg a, struct x86_mem m) \
    {                                                                                              \
        x86_enc_vex_mem(b, x86_wide(X86_OP(pp, map, op), size), dst, a, m, 0);                     \
    }

#define X86_BMI_RMV(name, pp, map, op, doc)                                                        \
    X86_FN(name##_rrr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src, enum x86_reg n) \
    {                                                                                              \
        x86_enc_vex(b, x86_wide(X86_OP(pp, map, op), size), dst, n, src, 0);                       \
    }                                                                                              \
    X86_FN(name##_rmr)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m, enum x86_reg n) \
    {                                                                                              \
        x86_enc_vex_mem(b, x86_wide(X86_OP(pp, map, op), size), dst, n, m, 0);                     \
    }

#define X86_BMI_VM(name, pp, map, op, digit, doc)                                                  \
    X86_FN(name##_rr)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src)                  \
    {                                                                                              \
        x86_enc_vex(b, x86_wide(X86_OP(pp, map, op), size), digit, dst, src, 0);                   \
    }                                                                                              \
    X86_FN(name##_rm)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m)                  \
    {                                                                                              \
        x86_enc_vex_mem(b, x86_wide(X86_OP(pp, map, op), size), digit, dst, m, 0);                 \
    }

#define X86_RORX(name, pp, map, op, doc)                                                           \
    X86_FN(name##_rri)(X86_BUF, unsigned size, enum x86_reg dst, enum x86_reg src, unsigned n)     \
    {                                                                                              \
        uint32_t d = x86_wide(X86_OP(pp, map, op), size) | X86_F_IMM(1);                           \
        x86_enc_vex(b, d, dst, 0, src, (int32_t)n);                                                \
    }                                                                                              \
    X86_FN(name##_rmi)(X86_BUF, unsigned size, enum x86_reg dst, struct x86_mem m, unsigned n)     \
    {                                                                                              \
        uint32_t d = x86_wide(X86_OP(pp, map, op), size) | X86_F_IMM(1);                           \
        x86_enc_vex_mem(b, d, dst, 0, m, (int32_t)n);                                              \
    }

/* ---- Control ---- */

#define X86_CTL_RM(name, op, digit, doc)                                                           \
    X86_FN(name##_r)(X86_BUF, enum x86_reg r)                                                      \
    {                                                                                              \
        x86_enc_reg(b, 0x##op, digit, r, 0);                                                       \
    }                                                                                              \
    X86_FN(name##_m)(X86_BUF, struct x86_mem m)                                                    \
    {                                                                                              \
        x86_enc_mem(b, 0x##op, digit, m, 0);                                                       \
    }

#define X86_STACK(name, rop, op, digit, doc)                                                       \
    X86_FN(name##_r)(X86_BUF, enum x86_reg r)                                                      \
    {                                                                                              \
        x86_enc_short(b, 0x##rop, r, 0);                                                           \
    }                                                                                              \
    X86_FN(name##_m)(X86_BUF, struct x86_mem m)                                                    \
    {                                                                                              \
        x86_enc_mem(b, 0x##op, digit, m, 0);                                                       \
    }

#define X86_PUSH_I(name, op, doc)                                                                  \
    X86_FN(name##_i)(X86_BUF, int32_t imm)                                                         \
    {                                                                                              \
        bool small = imm == (int8_t)imm;                                                           \
        x86_enc_short(b, 0x##op | (small ? 2 | X86_F_IMM(1) : X86_F_IMM(4)), 0, imm);              \
    }

#define X86_FIXED(name, len, b0, b1, b2, doc)                                                      \
    X86_FN(name)(X86_BUF)                                                                          \
    {                                                                                              \
        if (!x86_room(b))                                                                          \
            return;                                                                                \
        const uint8_t bytes[3] = {0x##b0, 0x##b1, 0x##b2};                                         \
        memcpy(b->p, bytes, 3);                                                                    \
        b->p += len;                                                                               \
    }

#define X86_M(name, pp, map, op, digit, w, bytes, doc)                                             \
    X86_FN(name##_m)(X86_BUF, struct x86_mem m)                                                    \
    {                                                                                              \
        x86_enc_mem(b, X86_OP(pp, map, op) | ((w) ? X86_F_W : 0), digit, m, 0);                    \
    }

#define X86_M_LOCK(name, pp, map, op, digit, w, bytes, doc)                                        \
    X86_M(name, pp, map, op, digit, w, bytes, doc)                                                 \
    X86_FN(lock_##name##_m)(X86_BUF, struct x86_mem m)                                             \
    {                                                                                              \
        x86_enc_mem(b, X86_OP(pp, map, op) | ((w) ? X86_F_W : 0) | X86_F_LOCK, digit, m, 0);       \
    }

#include "backend/x86/enc_vec_forms.h"

#include "backend/x86/enc.def"

#undef X86_FN
#undef X86_BUF
