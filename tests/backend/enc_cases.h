/*
 * What test_enc.c expects of every family of enc.def: its operand forms.
 *
 * FORM(fn, mnemonic, operands, sizes, m, arguments...) makes a case of one function. The operands
 * string has a letter for each operand of the disassembly; register operand k is drawn from R(k)
 * or X(k), which the arguments must place where the form takes it:
 *
 *   r  register of the case's size    b w d q  register of 1, 2, 4, 8 bytes
 *   D  q if the size is 8, else d     R  as r, but d for mov r64, imm >= 0
 *   x y  vector register              m  memory of m bytes (0: of the size)   l  lea's memory
 *   i  signed 32-bit immediate, shown at the size    u  unsigned byte    n  bit count    c  cl
 *
 * sizes is the set (a sum) of operand sizes to run, or 0.
 */

#define R(k) a->r[k]
#define X(k) ((enum x86_xmm)a->r[k])
#define M a->m
#define I ((int32_t)a->imm)
#define U ((uint8_t)a->imm)
#define SZ a->size

#define ALL_SIZES (1 + 2 + 4 + 8)
#define WIDE (2 + 4 + 8)
#define GPR (4 + 8)

#define X86_ALU_CMP(name, digit, doc)                                                              \
    FORM(name##_rr, #name, "rr", ALL_SIZES, 0, SZ, R(0), R(1))                                     \
    FORM(name##_rm, #name, "rm", ALL_SIZES, 0, SZ, R(0), M)                                        \
    FORM(name##_mr, #name, "mr", ALL_SIZES, 0, SZ, M, R(1))                                        \
    FORM(name##_ri, #name, "ri", ALL_SIZES, 0, SZ, R(0), I)                                        \
    FORM(name##_mi, #name, "mi", ALL_SIZES, 0, SZ, M, I)
#define X86_ALU(name, digit, doc)                                                                  \
    X86_ALU_CMP(name, digit, doc)                                                                  \
    FORM(lock_##name##_mr, "lock " #name, "mr", ALL_SIZES, 0, SZ, M, R(1))                         \
    FORM(lock_##name##_mi, "lock " #name, "mi", ALL_SIZES, 0, SZ, M, I)
#define X86_TEST(name, op, iop, digit, doc)                                                        \
    FORM(name##_rr, #name, "rr", ALL_SIZES, 0, SZ, R(0), R(1))                                     \
    FORM(name##_mr, #name, "mr", ALL_SIZES, 0, SZ, M, R(1))                                        \
    FORM(name##_ri, #name, "ri", ALL_SIZES, 0, SZ, R(0), I)                                        \
    FORM(name##_mi, #name, "mi", ALL_SIZES, 0, SZ, M, I)
#define X86_MULDIV(name, op, digit, doc)                                                           \
    FORM(name##_r, #name, "r", ALL_SIZES, 0, SZ, R(0))                                             \
    FORM(name##_m, #name, "m", ALL_SIZES, 0, SZ, M)
#define X86_RMW(name, op, digit, doc)                                                              \
    X86_MULDIV(name, op, digit, doc)                                                               \
    FORM(lock_##name##_m, "lock " #name, "m", ALL_SIZES, 0, SZ, M)
#define X86_IMUL3(name, op, doc)                                                                   \
    FORM(name##_rri, #name, "rri", WIDE, 0, SZ, R(0), R(1), I)                                     \
    FORM(name##_rmi, #name, "rmi", WIDE, 0, SZ, R(0), M, I)
#define X86_SHIFT(name, digit, doc)                                                                \
    FORM(name##_ri, #name, "rn", ALL_SIZES, 0, SZ, R(0), U)                                        \
    FORM(name##_mi, #name, "mn", ALL_SIZES, 0, SZ, M, U)                                           \
    FORM(name##_rc, #name, "rc", ALL_SIZES, 0, SZ, R(0))                                           \
    FORM(name##_mc, #name, "mc", ALL_SIZES, 0, SZ, M)
#define X86_SHIFTD(name, op, doc)                                                                  \
    FORM(name##_rri, #name, "rrn", WIDE, 0, SZ, R(0), R(1), U)                                     \
    FORM(name##_mri, #name, "mrn", WIDE, 0, SZ, M, R(1), U)                                        \
    FORM(name##_rrc, #name, "rrc", WIDE, 0, SZ, R(0), R(1))                                        \
    FORM(name##_mrc, #name, "mrc", WIDE, 0, SZ, M, R(1))
#define X86_BT_TEST(name, op, digit, doc)                                                          \
    FORM(name##_rr, #name, "rr", WIDE, 0, SZ, R(0), R(1))                                          \
    FORM(name##_ri, #name, "rn", WIDE, 0, SZ, R(0), U)                                             \
    FORM(name##_mi, #name, "mn", WIDE, 0, SZ, M, U)
#define X86_BT(name, op, digit, doc)                                                               \
    X86_BT_TEST(name, op, digit, doc)                                                              \
    FORM(lock_##name##_mi, "lock " #name, "mn", WIDE, 0, SZ, M, U)

#define X86_MOV(name, op, iop, doc)                                                                \
    FORM(name##_rr, #name, "rr", ALL_SIZES, 0, SZ, R(0), R(1))                                     \
    FORM(name##_rm, #name, "rm", ALL_SIZES, 0, SZ, R(0), M)                                        \
    FORM(name##_mr, #name, "mr", ALL_SIZES, 0, SZ, M, R(1))                                        \
    FORM(name##_ri, #name, "Ri", ALL_SIZES, 0, SZ, R(0), I)                                        \
    FORM(name##_mi, #name, "mi", ALL_SIZES, 0, SZ, M, I)
#define X86_MOVABS(name, op, doc)                                                                  \
    FORM(name##_ri, #name, "ri", 8, 0, R(0), (uint64_t)(int64_t)I)
#define EXT_SOURCE_1 "b"
#define EXT_SOURCE_2 "w"
#define EXT_SOURCE_4 "d"
#define EXT_SIZES_1 WIDE
#define EXT_SIZES_2 GPR
#define EXT_SIZES_4 8
#define X86_EXT(name, mnemonic, map, op, m, doc)                                                   \
    FORM(name##_rr, #mnemonic, "r" EXT_SOURCE_##m, EXT_SIZES_##m, 0, SZ, R(0), R(1))               \
    FORM(name##_rm, #mnemonic, "rm", EXT_SIZES_##m, m, SZ, R(0), M)
#define X86_LEA(name, op, doc) FORM(name##_rm, #name, "rl", GPR, 0, SZ, R(0), M)
#define X86_EXCHANGE(name, map, op, doc)                                                           \
    FORM(name##_rr, #name, "rr", ALL_SIZES, 0, SZ, R(0), R(1))                                     \
    FORM(name##_mr, #name, "mr", ALL_SIZES, 0, SZ, M, R(1))                                        \
    FORM(lock_##name##_mr, "lock " #name, "mr", ALL_SIZES, 0, SZ, M, R(1))
#define X86_BSWAP(name, op, doc) FORM(name##_r, #name, "r", GPR, 0, SZ, R(0))
#define X86_MOVBE(name, op, sop, doc)                                                              \
    FORM(name##_rm, #name, "rm", WIDE, 0, SZ, R(0), M)                                             \
    FORM(name##_mr, #name, "mr", WIDE, 0, SZ, M, R(1))
#define X86_CMOVCC(name, op, doc)                                                                  \
    FORM(name##_rr, #name, "rr", WIDE, 0, SZ, a->cc, R(0), R(1))                                   \
    FORM(name##_rm, #name, "rm", WIDE, 0, SZ, a->cc, R(0), M)
#define X86_SETCC(name, op, doc)                                                                   \
    FORM(name##_r, #name, "b", 0, 0, a->cc, R(0))                                                  \
    FORM(name##_m, #name, "m", 0, 1, a->cc, M)

#define X86_RM(name, pp, map, op, doc)                                                             \
    FORM(name##_rr, #name, "rr", WIDE, 0, SZ, R(0), R(1))                                          \
    FORM(name##_rm, #name, "rm", WIDE, 0, SZ, R(0), M)
#define X86_CRC32(name, pp, op, doc)                                                               \
    FORM(name##_rr, #name, "Dr", ALL_SIZES, 0, SZ, R(0), R(1))                                     \
    FORM(name##_rm, #name, "Dm", ALL_SIZES, 0, SZ, R(0), M)
#define X86_BMI_RVM(name, pp, map, op, doc)                                                        \
    FORM(name##_rrr, #name, "rrr", GPR, 0, SZ, R(0), R(1), R(2))                                   \
    FORM(name##_rrm, #name, "rrm", GPR, 0, SZ, R(0), R(1), M)
#define X86_BMI_RMV(name, pp, map, op, doc)                                                        \
    FORM(name##_rrr, #name, "rrr", GPR, 0, SZ, R(0), R(1), R(2))                                   \
    FORM(name##_rmr, #name, "rmr", GPR, 0, SZ, R(0), M, R(2))
#define X86_BMI_VM(name, pp, map, op, digit, doc)                                                  \
    FORM(name##_rr, #name, "rr", GPR, 0, SZ, R(0), R(1))                                           \
    FORM(name##_rm, #name, "rm", GPR, 0, SZ, R(0), M)
#define X86_RORX(name, pp, map, op, doc)                                                           \
    FORM(name##_rri, #name, "rrn", GPR, 0, SZ, R(0), R(1), U)                                      \
    FORM(name##_rmi, #name, "rmn", GPR, 0, SZ, R(0), M, U)

#define X86_CTL_RM(name, op, digit, doc)                                                           \
    FORM(name##_r, #name, "q", 0, 0, R(0))                                                         \
    FORM(name##_m, #name, "m", 0, 8, M)
#define X86_STACK(name, rop, op, digit, doc) X86_CTL_RM(name, op, digit, doc)
#define X86_PUSH_I(name, op, doc) FORM(name##_i, #name, "i", 0, 0, I)
#define X86_FIXED(name, len, b0, b1, b2, doc) FORM0(name, #name)
#define X86_M(name, pp, map, op, digit, w, m, doc) FORM(name##_m, #name, "m", 0, m, M)
#define X86_M_LOCK(name, pp, map, op, digit, w, m, doc)                                            \
    X86_M(name, pp, map, op, digit, w, m, doc)                                                     \
    FORM(lock_##name##_m, "lock " #name, "m", 0, m, M)

/* ---- Vectors ---- */

#define IF_X_NOVEX(...)
#define IF_X_V128(...) __VA_ARGS__
#define IF_X_V256(...) __VA_ARGS__
#define IF_Y_NOVEX(...)
#define IF_Y_V128(...)
#define IF_Y_V256(...) __VA_ARGS__

#define X86_SSE_RM(name, pp, map, op, m, vex, doc)                                                 \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    IF_X_##vex(FORM(v##name##_xx, "v" #name, "xx", 0, 0, X(0), X(1)))                              \
    IF_X_##vex(FORM(v##name##_xm, "v" #name, "xm", 0, m, X(0), M))                                 \
    IF_Y_##vex(FORM(v##name##_yy, "v" #name, "yy", 0, 0, X(0), X(1)))                              \
    IF_Y_##vex(FORM(v##name##_ym, "v" #name, "ym", 0, 2 * m, X(0), M))
#define X86_SSE_RMI(name, pp, map, op, m, vex, doc)                                                \
    FORM(name##_xxi, #name, "xxu", 0, 0, X(0), X(1), U)                                            \
    FORM(name##_xmi, #name, "xmu", 0, m, X(0), M, U)                                               \
    IF_X_##vex(FORM(v##name##_xxi, "v" #name, "xxu", 0, 0, X(0), X(1), U))                         \
    IF_X_##vex(FORM(v##name##_xmi, "v" #name, "xmu", 0, m, X(0), M, U))                            \
    IF_Y_##vex(FORM(v##name##_yyi, "v" #name, "yyu", 0, 0, X(0), X(1), U))                         \
    IF_Y_##vex(FORM(v##name##_ymi, "v" #name, "ymu", 0, 2 * m, X(0), M, U))
#define X86_SSE_RVM(name, pp, map, op, m, vex, doc)                                                \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    IF_X_##vex(FORM(v##name##_xxx, "v" #name, "xxx", 0, 0, X(0), X(1), X(2)))                      \
    IF_X_##vex(FORM(v##name##_xxm, "v" #name, "xxm", 0, m, X(0), X(1), M))                         \
    IF_Y_##vex(FORM(v##name##_yyy, "v" #name, "yyy", 0, 0, X(0), X(1), X(2)))                      \
    IF_Y_##vex(FORM(v##name##_yym, "v" #name, "yym", 0, 2 * m, X(0), X(1), M))
#define X86_SSE_RVMI(name, pp, map, op, m, vex, doc)                                               \
    FORM(name##_xxi, #name, "xxu", 0, 0, X(0), X(1), U)                                            \
    FORM(name##_xmi, #name, "xmu", 0, m, X(0), M, U)                                               \
    IF_X_##vex(FORM(v##name##_xxxi, "v" #name, "xxxu", 0, 0, X(0), X(1), X(2), U))                 \
    IF_X_##vex(FORM(v##name##_xxmi, "v" #name, "xxmu", 0, m, X(0), X(1), M, U))                    \
    IF_Y_##vex(FORM(v##name##_yyyi, "v" #name, "yyyu", 0, 0, X(0), X(1), X(2), U))                 \
    IF_Y_##vex(FORM(v##name##_yymi, "v" #name, "yymu", 0, 2 * m, X(0), X(1), M, U))
#define X86_SSE_MR(name, pp, map, op, m, vex, doc)                                                 \
    FORM(name##_mx, #name, "mx", 0, m, M, X(1))                                                    \
    IF_X_##vex(FORM(v##name##_mx, "v" #name, "mx", 0, m, M, X(1)))                                 \
    IF_Y_##vex(FORM(v##name##_my, "v" #name, "my", 0, 2 * m, M, X(1)))
#define X86_SSE_LOAD(name, pp, map, op, m, vex, doc)                                               \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    IF_X_##vex(FORM(v##name##_xm, "v" #name, "xm", 0, m, X(0), M))                                 \
    IF_Y_##vex(FORM(v##name##_ym, "v" #name, "ym", 0, 2 * m, X(0), M))
#define X86_SSE_MOVS(name, pp, map, op, m, doc)                                                    \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    FORM(v##name##_xxx, "v" #name, "xxx", 0, 0, X(0), X(1), X(2))                                  \
    FORM(v##name##_xm, "v" #name, "xm", 0, m, X(0), M)
#define X86_SSE_RVM_M(name, pp, map, op, m, doc)                                                   \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    FORM(v##name##_xxm, "v" #name, "xxm", 0, m, X(0), X(1), M)
#define X86_SSE_RVM_R(name, pp, map, op, doc)                                                      \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(v##name##_xxx, "v" #name, "xxx", 0, 0, X(0), X(1), X(2))

#define GPR_0 "d"
#define GPR_1 "q"
#define X86_SSE_GPR(name, w, m, doc)                                                               \
    FORM(name##_xr, #name, "x" GPR_##w, 0, 0, X(0), R(1))                                          \
    FORM(name##_rx, #name, GPR_##w "x", 0, 0, R(0), X(1))                                          \
    FORM(v##name##_xr, "v" #name, "x" GPR_##w, 0, 0, X(0), R(1))                                   \
    FORM(v##name##_rx, "v" #name, GPR_##w "x", 0, 0, R(0), X(1))
#define X86_SSE_GPR_M(name, m, doc)                                                                \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    FORM(name##_mx, #name, "mx", 0, m, M, X(1))                                                    \
    FORM(v##name##_xm, "v" #name, "xm", 0, m, X(0), M)                                             \
    FORM(v##name##_mx, "v" #name, "mx", 0, m, M, X(1))
#define X86_SSE_MASK(name, pp, op, doc)                                                            \
    FORM(name##_rx, #name, "dx", 0, 0, R(0), X(1))                                                 \
    FORM(v##name##_rx, "v" #name, "dx", 0, 0, R(0), X(1))                                          \
    FORM(v##name##_ry, "v" #name, "dy", 0, 0, R(0), X(1))
#define X86_SSE_PINSR(name, map, op, w, m, doc)                                                    \
    FORM(name##_xri, #name, "x" GPR_##w "u", 0, 0, X(0), R(1), U)                                  \
    FORM(name##_xmi, #name, "xmu", 0, m, X(0), M, U)                                               \
    FORM(v##name##_xxri, "v" #name, "xx" GPR_##w "u", 0, 0, X(0), X(1), R(2), U)                   \
    FORM(v##name##_xxmi, "v" #name, "xxmu", 0, m, X(0), X(1), M, U)
#define X86_SSE_PEXTR(name, op, w, m, doc)                                                         \
    FORM(name##_rxi, #name, GPR_##w "xu", 0, 0, R(0), X(1), U)                                     \
    FORM(name##_mxi, #name, "mxu", 0, m, M, X(1), U)                                               \
    FORM(v##name##_rxi, "v" #name, GPR_##w "xu", 0, 0, R(0), X(1), U)                              \
    FORM(v##name##_mxi, "v" #name, "mxu", 0, m, M, X(1), U)
#define X86_SSE_PEXTRW(name, rop, op, doc) X86_SSE_PEXTR(name, op, 0, 2, doc)
#define X86_SSE_FROM_INT(name, pp, op, doc)                                                        \
    FORM(name##_xr, #name, "xr", GPR, 0, SZ, X(0), R(1))                                           \
    FORM(name##_xm, #name, "xm", GPR, 0, SZ, X(0), M)                                              \
    FORM(v##name##_xxr, "v" #name, "xxr", GPR, 0, SZ, X(0), X(1), R(2))                            \
    FORM(v##name##_xxm, "v" #name, "xxm", GPR, 0, SZ, X(0), X(1), M)
#define X86_SSE_TO_INT(name, pp, op, m, doc)                                                       \
    FORM(name##_rx, #name, "rx", GPR, 0, SZ, R(0), X(1))                                           \
    FORM(name##_rm, #name, "rm", GPR, m, SZ, R(0), M)                                              \
    FORM(v##name##_rx, "v" #name, "rx", GPR, 0, SZ, R(0), X(1))                                    \
    FORM(v##name##_rm, "v" #name, "rm", GPR, m, SZ, R(0), M)
#define X86_SSE_BLENDV(name, op, vop, doc)                                                         \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_xm, #name, "xm", 0, 16, X(0), M)                                                   \
    FORM(v##name##_xxxx, "v" #name, "xxxx", 0, 0, X(0), X(1), X(2), X(3))                          \
    FORM(v##name##_xxmx, "v" #name, "xxmx", 0, 16, X(0), X(1), M, X(3))                            \
    FORM(v##name##_yyyy, "v" #name, "yyyy", 0, 0, X(0), X(1), X(2), X(3))                          \
    FORM(v##name##_yymy, "v" #name, "yymy", 0, 32, X(0), X(1), M, X(3))
#define X86_SSE_SHIFTI(name, op, digit, doc)                                                       \
    FORM(name##_xi, #name, "xu", 0, 0, X(0), U)                                                    \
    FORM(v##name##_xxi, "v" #name, "xxu", 0, 0, X(0), X(1), U)                                     \
    FORM(v##name##_yyi, "v" #name, "yyu", 0, 0, X(0), X(1), U)

#define X86_AVX_RVM(name, pp, map, op, w, m, vex, doc)                                             \
    FORM(name##_xxx, #name, "xxx", 0, 0, X(0), X(1), X(2))                                         \
    FORM(name##_xxm, #name, "xxm", 0, m, X(0), X(1), M)                                            \
    IF_Y_##vex(FORM(name##_yyy, #name, "yyy", 0, 0, X(0), X(1), X(2)))                             \
    IF_Y_##vex(FORM(name##_yym, #name, "yym", 0, 2 * m, X(0), X(1), M))
#define X86_AVX_RVMI(name, pp, map, op, m, vex, doc)                                               \
    FORM(name##_xxxi, #name, "xxxu", 0, 0, X(0), X(1), X(2), U)                                    \
    FORM(name##_xxmi, #name, "xxmu", 0, m, X(0), X(1), M, U)                                       \
    IF_Y_##vex(FORM(name##_yyyi, #name, "yyyu", 0, 0, X(0), X(1), X(2), U))                        \
    IF_Y_##vex(FORM(name##_yymi, #name, "yymu", 0, 2 * m, X(0), X(1), M, U))
#define X86_AVX_BCAST(name, op, m, doc)                                                            \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_xm, #name, "xm", 0, m, X(0), M)                                                    \
    FORM(name##_yx, #name, "yx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_ym, #name, "ym", 0, m, X(0), M)
#define X86_AVX_CVTPH(name, op, doc)                                                               \
    FORM(name##_xx, #name, "xx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_xm, #name, "xm", 0, 8, X(0), M)                                                    \
    FORM(name##_yx, #name, "yx", 0, 0, X(0), X(1))                                                 \
    FORM(name##_ym, #name, "ym", 0, 16, X(0), M)
#define X86_AVX_CVT2PH(name, op, doc)                                                              \
    FORM(name##_xxi, #name, "xxu", 0, 0, X(0), X(1), U)                                            \
    FORM(name##_mxi, #name, "mxu", 0, 8, M, X(1), U)                                               \
    FORM(name##_xyi, #name, "xyu", 0, 0, X(0), X(1), U)                                            \
    FORM(name##_myi, #name, "myu", 0, 16, M, X(1), U)

#include "backend/x86/enc.def"
