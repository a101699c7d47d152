#pragma once
/*
 * The functions of the vector families of enc.def. Included by enc_forms.h alone.
 *
 * First come the operand forms, each a macro that makes one function of an opcode descriptor;
 * then the families, each a list of forms.
 */

/* ---- Forms ---- */

#define X86_FORM(fn, p1, p2, body)                                                                 \
    static inline void x86_##fn(struct x86_buf *b, p1, p2)                                         \
    {                                                                                              \
        body;                                                                                      \
    }

#define X86_FORM3(fn, p1, p2, p3, body)                                                            \
    static inline void x86_##fn(struct x86_buf *b, p1, p2, p3)                                     \
    {                                                                                              \
        body;                                                                                      \
    }

#define X86_FORM4(fn, p1, p2, p3, p4, body)                                                        \
    static inline void x86_##fn(struct x86_buf *b, p1, p2, p3, p4)                                 \
    {                                                                                              \
        body;                                                                                      \
    }

/* Legacy forms: d is the opcode's descriptor. */
#define X86_FORM_XX(fn, d)                                                                         \
    X86_FORM(fn, enum x86_xmm dst, enum x86_xmm src, x86_enc_reg(b, d, dst, src, 0))
#define X86_FORM_XM(fn, d)                                                                         \
    X86_FORM(fn, enum x86_xmm dst, struct x86_mem src, x86_enc_mem(b, d, dst, src, 0))
#define X86_FORM_MX(fn, d)                                                                         \
    X86_FORM(fn, struct x86_mem dst, enum x86_xmm src, x86_enc_mem(b, d, src, dst, 0))
#define X86_FORM_XXI(fn, d)                                                                        \
    X86_FORM3(fn, enum x86_xmm dst, enum x86_xmm src, uint8_t imm,                                 \
              x86_enc_reg(b, (d) | X86_F_IMM(1), dst, src, imm))
#define X86_FORM_XMI(fn, d)                                                                        \
    X86_FORM3(fn, enum x86_xmm dst, struct x86_mem src, uint8_t imm,                               \
              x86_enc_mem(b, (d) | X86_F_IMM(1), dst, src, imm))

/* VEX forms, for xmm and ymm alike. */
#define X86_FORM_VXX(fn, d)                                                                        \
    X86_FORM(fn, enum x86_xmm dst, enum x86_xmm src, x86_enc_vex(b, d, dst, 0, src, 0))
#define X86_FORM_VXM(fn, d)                                                                        \
    X86_FORM(fn, enum x86_xmm dst, struct x86_mem src, x86_enc_vex_mem(b, d, dst, 0, src, 0))
#define X86_FORM_VMX(fn, d)                                                                        \
    X86_FORM(fn, struct x86_mem dst, enum x86_xmm src, x86_enc_vex_mem(b, d, src, 0, dst, 0))
#define X86_FORM_VXXI(fn, d)                                                                       \
    X86_FORM3(fn, enum x86_xmm dst, enum x86_xmm src, uint8_t imm,                                 \
              x86_enc_vex(b, (d) | X86_F_IMM(1), dst, 0, src, imm))
#define X86_FORM_VXMI(fn, d)                                                                       \
    X86_FORM3(fn, enum x86_xmm dst, struct x86_mem src, uint8_t imm,                               \
              x86_enc_vex_mem(b, (d) | X86_F_IMM(1), dst, 0, src, imm))
#define X86_FORM_VXXX(fn, d)                                                                       \
    X86_FORM3(fn, enum x86_xmm dst, enum x86_xmm a, enum x86_xmm src,                              \
              x86_enc_vex(b, d, dst, a, src, 0))
#define X86_FORM_VXXM(fn, d)                                                                       \
    X86_FORM3(fn, enum x86_xmm dst, enum x86_xmm a, struct x86_mem src,                            \
              x86_enc_vex_mem(b, d, dst, a, src, 0))
#define X86_FORM_VXXXI(fn, d)                                                                      \
    X86_FORM4(fn, enum x86_xmm dst, enum x86_xmm a, enum x86_xmm src, uint8_t imm,                 \
              x86_enc_vex(b, (d) | X86_F_IMM(1), dst, a, src, imm))
#define X86_FORM_VXXMI(fn, d)                                                                      \
    X86_FORM4(fn, enum x86_xmm dst, enum x86_xmm a, struct x86_mem src, uint8_t imm,               \
              x86_enc_vex_mem(b, (d) | X86_F_IMM(1), dst, a, src, imm))
/* The fourth register sits in the immediate's high half ("is4"). */
#define X86_FORM_VIS4(fn, fn_m, d)                                                                 \
    X86_FORM4(fn, enum x86_xmm dst, enum x86_xmm a, enum x86_xmm src, enum x86_xmm mask,           \
              x86_enc_vex(b, (d) | X86_F_IMM(1), dst, a, src, mask << 4))                          \
    X86_FORM4(fn_m, enum x86_xmm dst, enum x86_xmm a, struct x86_mem src, enum x86_xmm mask,       \
              x86_enc_vex_mem(b, (d) | X86_F_IMM(1), dst, a, src, mask << 4))

/* What the vex column lets through. */
#define X86_IF_X_NOVEX(...)
#define X86_IF_X_V128(...) __VA_ARGS__
#define X86_IF_X_V256(...) __VA_ARGS__
#define X86_IF_Y_NOVEX(...)
#define X86_IF_Y_V128(...)
#define X86_IF_Y_V256(...) __VA_ARGS__

#define X86_OPW(pp, map, op, w) (X86_OP(pp, map, op) | ((w) ? X86_F_W : 0))

/* ---- Families ---- */

#define X86_SSE_RM(name, pp, map, op, m, vex, doc)                                                 \
    X86_FORM_XX(name##_xx, X86_OP(pp, map, op))                                                    \
    X86_FORM_XM(name##_xm, X86_OP(pp, map, op))                                                    \
    X86_IF_X_##vex(X86_FORM_VXX(v##name##_xx, X86_OP(pp, map, op)))                                \
    X86_IF_X_##vex(X86_FORM_VXM(v##name##_xm, X86_OP(pp, map, op)))                                \
    X86_IF_Y_##vex(X86_FORM_VXX(v##name##_yy, X86_OP(pp, map, op) | X86_F_L))                      \
    X86_IF_Y_##vex(X86_FORM_VXM(v##name##_ym, X86_OP(pp, map, op) | X86_F_L))

#define X86_SSE_RMI(name, pp, map, op, m, vex, doc)                                                \
    X86_FORM_XXI(name##_xxi, X86_OP(pp, map, op))                                                  \
    X86_FORM_XMI(name##_xmi, X86_OP(pp, map, op))                                                  \
    X86_IF_X_##vex(X86_FORM_VXXI(v##name##_xxi, X86_OP(pp, map, op)))                              \
    X86_IF_X_##vex(X86_FORM_VXMI(v##name##_xmi, X86_OP(pp, map, op)))                              \
    X86_IF_Y_##vex(X86_FORM_VXXI(v##name##_yyi, X86_OP(pp, map, op) | X86_F_L))                    \
    X86_IF_Y_##vex(X86_FORM_VXMI(v##name##_ymi, X86_OP(pp, map, op) | X86_F_L))

#define X86_SSE_RVM(name, pp, map, op, m, vex, doc)                                                \
    X86_FORM_XX(name##_xx, X86_OP(pp, map, op))                                                    \
    X86_FORM_XM(name##_xm, X86_OP(pp, map, op))                                                    \
    X86_IF_X_##vex(X86_FORM_VXXX(v##name##_xxx, X86_OP(pp, map, op)))                              \
    X86_IF_X_##vex(X86_FORM_VXXM(v##name##_xxm, X86_OP(pp, map, op)))                              \
    X86_IF_Y_##vex(X86_FORM_VXXX(v##name##_yyy, X86_OP(pp, map, op) | X86_F_L))                    \
    X86_IF_Y_##vex(X86_FORM_VXXM(v##name##_yym, X86_OP(pp, map, op) | X86_F_L))

#define X86_SSE_RVMI(name, pp, map, op, m, vex, doc)                                               \
    X86_FORM_XXI(name##_xxi, X86_OP(pp, map, op))                                                  \
    X86_FORM_XMI(name##_xmi, X86_OP(pp, map, op))                                                  \
    X86_IF_X_##vex(X86_FORM_VXXXI(v##name##_xxxi, X86_OP(pp, map, op)))                            \
    X86_IF_X_##vex(X86_FORM_VXXMI(v##name##_xxmi, X86_OP(pp, map, op)))                            \
    X86_IF_Y_##vex(X86_FORM_VXXXI(v##name##_yyyi, X86_OP(pp, map, op) | X86_F_L))                  \
    X86_IF_Y_##vex(X86_FORM_VXXMI(v##name##_yymi, X86_OP(pp, map, op) | X86_F_L))

#define X86_SSE_MR(name, pp, map, op, m, vex, doc)                                                 \
    X86_FORM_MX(name##_mx, X86_OP(pp, map, op))                                                    \
    X86_IF_X_##vex(X86_FORM_VMX(v##name##_mx, X86_OP(pp, map, op)))                                \
    X86_IF_Y_##vex(X86_FORM_VMX(v##name##_my, X86_OP(pp, map, op) | X86_F_L))

#define X86_SSE_LOAD(name, pp, map, op, m, vex, doc)                                               \
    X86_FORM_XM(name##_xm, X86_OP(pp, map, op))                                                    \
    X86_IF_X_##vex(X86_FORM_VXM(v##name##_xm, X86_OP(pp, map, op)))                                \
    X86_IF_Y_##vex(X86_FORM_VXM(v##name##_ym, X86_OP(pp, map, op) | X86_F_L))

#define X86_SSE_MOVS(name, pp, map, op, m, doc)                                                    \
    X86_FORM_XX(name##_xx, X86_OP(pp, map, op))                                                    \
    X86_FORM_XM(name##_xm, X86_OP(pp, map, op))                                                    \
    X86_FORM_VXXX(v##name##_xxx, X86_OP(pp, map, op))                                              \
    X86_FORM_VXM(v##name##_xm, X86_OP(pp, map, op))

#define X86_SSE_RVM_M(name, pp, map, op, m, doc)                                                   \
    X86_FORM_XM(name##_xm, X86_OP(pp, map, op))                                                    \
    X86_FORM_VXXM(v##name##_xxm, X86_OP(pp, map, op))

#define X86_SSE_RVM_R(name, pp, map, op, doc)                                                      \
    X86_FORM_XX(name##_xx, X86_OP(pp, map, op))                                                    \
    X86_FORM_VXXX(v##name##_xxx, X86_OP(pp, map, op))

/* ---- General registers on one side ---- */

#define X86_SSE_GPR(name, w, m, doc)                                                               \
    X86_FORM(name##_xr, enum x86_xmm dst, enum x86_reg src,                                        \
             x86_enc_reg(b, X86_OPW(66, 0F, 6E, w), dst, src, 0))                                  \
    X86_FORM(name##_rx, enum x86_reg dst, enum x86_xmm src,                                        \
             x86_enc_reg(b, X86_OPW(66, 0F, 7E, w), src, dst, 0))                                  \
    X86_FORM(v##name##_xr, enum x86_xmm dst, enum x86_reg src,                                     \
             x86_enc_vex(b, X86_OPW(66, 0F, 6E, w), dst, 0, src, 0))                               \
    X86_FORM(v##name##_rx, enum x86_reg dst, enum x86_xmm src,                                     \
             x86_enc_vex(b, X86_OPW(66, 0F, 7E, w), src, 0, dst, 0))

#define X86_SSE_GPR_M(name, m, doc)                                                                \
    X86_FORM_XM(name##_xm, X86_OP(66, 0F, 6E))                                                     \
    X86_FORM_MX(name##_mx, X86_OP(66, 0F, 7E))                                                     \
    X86_FORM_VXM(v##name##_xm, X86_OP(66, 0F, 6E))                                                 \
    X86_FORM_VMX(v##name##_mx, X86_OP(66, 0F, 7E))

#define X86_SSE_MASK(name, pp, op, doc)                                                            \
    X86_FORM(name##_rx, enum x86_reg dst, enum x86_xmm src,                                        \
             x86_enc_reg(b, X86_OP(pp, 0F, op), dst, src, 0))                                      \
    X86_FORM(v##name##_rx, enum x86_reg dst, enum x86_xmm src,                                     \
             x86_enc_vex(b, X86_OP(pp, 0F, op), dst, 0, src, 0))                                   \
    X86_FORM(v##name##_ry, enum x86_reg dst, enum x86_xmm src,                                     \
             x86_enc_vex(b, X86_OP(pp, 0F, op) | X86_F_L, dst, 0, src, 0))

#define X86_SSE_PINSR(name, map, op, w, m, doc)                                                    \
    X86_FORM3(name##_xri, enum x86_xmm dst, enum x86_reg src, uint8_t imm,                         \
              x86_enc_reg(b, X86_OPW(66, map, op, w) | X86_F_IMM(1), dst, src, imm))               \
    X86_FORM3(name##_xmi, enum x86_xmm dst, struct x86_mem src, uint8_t imm,                       \
              x86_enc_mem(b, X86_OPW(66, map, op, w) | X86_F_IMM(1), dst, src, imm))               \
    X86_FORM4(v##name##_xxri, enum x86_xmm dst, enum x86_xmm a, enum x86_reg src, uint8_t imm,     \
              x86_enc_vex(b, X86_OPW(66, map, op, w) | X86_F_IMM(1), dst, a, src, imm))            \
    X86_FORM4(v##name##_xxmi, enum x86_xmm dst, enum x86_xmm a, struct x86_mem src, uint8_t imm,   \
              x86_enc_vex_mem(b, X86_OPW(66, map, op, w) | X86_F_IMM(1), dst, a, src, imm))

#define X86_SSE_PEXTR(name, op, w, m, doc)                                                         \
    X86_FORM3(name##_rxi, enum x86_reg dst, enum x86_xmm src, uint8_t imm,                         \
              x86_enc_reg(b, X86_OPW(66, 0F3A, op, w) | X86_F_IMM(1), src, dst, imm))              \
    X86_FORM3(name##_mxi, struct x86_mem dst, enum x86_xmm src, uint8_t imm,                       \
              x86_enc_mem(b, X86_OPW(66, 0F3A, op, w) | X86_F_IMM(1), src, dst, imm))              \
    X86_FORM3(v##name##_rxi, enum x86_reg dst, enum x86_xmm src, uint8_t imm,                      \
              x86_enc_vex(b, X86_OPW(66, 0F3A, op, w) | X86_F_IMM(1), src, 0, dst, imm))           \
    X86_FORM3(v##name##_mxi, struct x86_mem dst, enum x86_xmm src, uint8_t imm,                    \
              x86_enc_vex_mem(b, X86_OPW(66, 0F3A, op, w) | X86_F_IMM(1), src, 0, dst, imm))

#define X86_SSE_PEXTRW(name, rop, op, doc)                                                         \
    X86_FORM3(name##_rxi, enum x86_reg dst, enum x86_xmm src, uint8_t imm,                         \
              x86_enc_reg(b, X86_OP(66, 0F, rop) | X86_F_IMM(1), dst, src, imm))                   \
    X86_FORM3(name##_mxi, struct x86_mem dst, enum x86_xmm src, uint8_t imm,                       \
              x86_enc_mem(b, X86_OP(66, 0F3A, op) | X86_F_IMM(1), src, dst, imm))                  \
    X86_FORM3(v##name##_rxi, enum x86_reg dst, enum x86_xmm src, uint8_t imm,                      \
              x86_enc_vex(b, X86_OP(66, 0F, rop) | X86_F_IMM(1), dst, 0, src, imm))                \
    X86_FORM3(v##name##_mxi, struct x86_mem dst, enum x86_xmm src, uint8_t imm,                    \
              x86_enc_vex_mem(b, X86_OP(66, 0F3A, op) | X86_F_IMM(1), src, 0, dst, imm))

#define X86_SSE_FROM_INT(name, pp, op, doc)                                                        \
    X86_FORM3(name##_xr, unsigned size, enum x86_xmm dst, enum x86_reg src,                        \
              x86_enc_reg(b, x86_wide(X86_OP(pp, 0F, op), size), dst, src, 0))                     \
    X86_FORM3(name##_xm, unsigned size, enum x86_xmm dst, struct x86_mem src,                      \
              x86_enc_mem(b, x86_wide(X86_OP(pp, 0F, op), size), dst, src, 0))                     \
    X86_FORM4(v##name##_xxr, unsigned size, enum x86_xmm dst, enum x86_xmm a, enum x86_reg src,    \
              x86_enc_vex(b, x86_wide(X86_OP(pp, 0F, op), size), dst, a, src, 0))                  \
    X86_FORM4(v##name##_xxm, unsigned size, enum x86_xmm dst, enum x86_xmm a, struct x86_mem src,  \
              x86_enc_vex_mem(b, x86_wide(X86_OP(pp, 0F, op), size), dst, a, src, 0))

#define X86_SSE_TO_INT(name, pp, op, m, doc)                                                       \
    X86_FORM3(name##_rx, unsigned size, enum x86_reg dst, enum x86_xmm src,                        \
              x86_enc_reg(b, x86_wide(X86_OP(pp, 0F, op), size), dst, src, 0))                     \
    X86_FORM3(name##_rm, unsigned size, enum x86_reg dst, struct x86_mem src,                      \
              x86_enc_mem(b, x86_wide(X86_OP(pp, 0F, op), size), dst, src, 0))                     \
    X86_FORM3(v##name##_rx, unsigned size, enum x86_reg dst, enum x86_xmm src,                     \
              x86_enc_vex(b, x86_wide(X86_OP(pp, 0F, op), size), dst, 0, src, 0))                  \
    X86_FORM3(v##name##_rm, unsigned size, enum x86_reg dst, struct x86_mem src,                   \
              x86_enc_vex_mem(b, x86_wide(X86_OP(pp, 0F, op), size), dst, 0, src, 0))

/* ---- The rest ---- */

#define X86_SSE_BLENDV(name, op, vop, doc)                                                         \
    X86_FORM_XX(name##_xx, X86_OP(66, 0F38, op))                                                   \
    X86_FORM_XM(name##_xm, X86_OP(66, 0F38, op))                                                   \
    X86_FORM_VIS4(v##name##_xxxx, v##name##_xxmx, X86_OP(66, 0F3A, vop))                           \
    X86_FORM_VIS4(v##name##_yyyy, v##name##_yymy, X86_OP(66, 0F3A, vop) | X86_F_L)

#define X86_SSE_SHIFTI(name, op, digit, doc)                                                       \
    X86_FORM(name##_xi, enum x86_xmm dst, uint8_t imm,                                             \
             x86_enc_reg(b, X86_OP(66, 0F, op) | X86_F_IMM(1), digit, dst, imm))                   \
    X86_FORM3(v##name##_xxi, enum x86_xmm dst, enum x86_xmm src, uint8_t imm,                      \
              x86_enc_vex(b, X86_OP(66, 0F, op) | X86_F_IMM(1), digit, dst, src, imm))             \
    X86_FORM3(v##name##_yyi, enum x86_xmm dst, enum x86_xmm src, uint8_t imm,                      \
              x86_enc_vex(b, X86_OP(66, 0F, op) | X86_F_IMM(1) | X86_F_L, digit, dst, src, imm))

#define X86_AVX_RVM(name, pp, map, op, w, m, vex, doc)                                             \
    X86_FORM_VXXX(name##_xxx, X86_OPW(pp, map, op, w))                                             \
    X86_FORM_VXXM(name##_xxm, X86_OPW(pp, map, op, w))                                             \
    X86_IF_Y_##vex(X86_FORM_VXXX(name##_yyy, X86_OPW(pp, map, op, w) | X86_F_L))                   \
    X86_IF_Y_##vex(X86_FORM_VXXM(name##_yym, X86_OPW(pp, map, op, w) | X86_F_L))

#define X86_AVX_RVMI(name, pp, map, op, m, vex, doc)                                               \
    X86_FORM_VXXXI(name##_xxxi, X86_OP(pp, map, op))                                               \
    X86_FORM_VXXMI(name##_xxmi, X86_OP(pp, map, op))                                               \
    X86_IF_Y_##vex(X86_FORM_VXXXI(name##_yyyi, X86_OP(pp, map, op) | X86_F_L))                     \
    X86_IF_Y_##vex(X86_FORM_VXXMI(name##_yymi, X86_OP(pp, map, op) | X86_F_L))

#define X86_AVX_BCAST(name, op, m, doc)                                                            \
    X86_FORM_VXX(name##_xx, X86_OP(66, 0F38, op))                                                  \
    X86_FORM_VXM(name##_xm, X86_OP(66, 0F38, op))                                                  \
    X86_FORM_VXX(name##_yx, X86_OP(66, 0F38, op) | X86_F_L)                                        \
    X86_FORM_VXM(name##_ym, X86_OP(66, 0F38, op) | X86_F_L)

#define X86_AVX_CVTPH(name, op, doc)                                                               \
    X86_AVX_BCAST(name, op, 8, doc)

#define X86_AVX_CVT2PH(name, op, doc)                                                              \
    X86_FORM3(name##_xxi, enum x86_xmm dst, enum x86_xmm src, uint8_t imm,                         \
              x86_enc_vex(b, X86_OP(66, 0F3A, op) | X86_F_IMM(1), src, 0, dst, imm))               \
    X86_FORM3(name##_mxi, struct x86_mem dst, enum x86_xmm src, uint8_t imm,                       \
              x86_enc_vex_mem(b, X86_OP(66, 0F3A, op) | X86_F_IMM(1), src, 0, dst, imm))           \
    X86_FORM3(name##_xyi, enum x86_xmm dst, enum x86_xmm src, uint8_t imm,                         \
              x86_enc_vex(b, X86_OP(66, 0F3A, op) | X86_F_IMM(1) | X86_F_L, src, 0, dst, imm))     \
    X86_FORM3(name##_myi, struct x86_mem dst, enum x86_xmm src, uint8_t imm,                       \
              x86_enc_vex_mem(b, X86_OP(66, 0F3A, op) | X86_F_IMM(1) | X86_F_L, src, 0, dst, imm))
