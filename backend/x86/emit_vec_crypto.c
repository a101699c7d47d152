/* AES-NI and SHA-NI in the pieces that Arm's instructions cut the algorithms into. */
#include "backend/x86/emit_vec.h"

#define AESENC X86_OP(66, 0F38, DC)
#define AESENCLAST X86_OP(66, 0F38, DD)
#define AESDEC X86_OP(66, 0F38, DE)
#define AESDECLAST X86_OP(66, 0F38, DF)
#define AESIMC X86_OP(66, 0F38, DB)

static bool inverse(const struct vec_op *v)
{
    return v->i->aux & IR_V_NEG;
}

/* A round with key 0. MixColumns alone: a whole round after the inverse of its first half. */
bool vec_aes(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned zero;

    if (!host_features.aes)
        return false;
    if (v->i->op == IR_vaesmix && inverse(v)) {
        v2(e, AESIMC, v->d, v->a);
        return true;
    }
    zero = vtemp(e);
    vzero(e, zero);
    switch (v->i->op) {
    case IR_vaessub:
        v3(e, inverse(v) ? AESDECLAST : AESENCLAST, v->d, v->a, zero);
        break;
    case IR_vaesmix:
        v3(e, AESDECLAST, v->d, v->a, zero);
        v3(e, AESENC, v->d, v->d, zero);
        break;
    default:
        v3(e, inverse(v) ? AESDEC : AESENC, v->d, v->a, zero);
    }
    return true;
}

static void reverse_words(struct x86_emit *e, unsigned d, unsigned a)
{
    v2i(e, X86_OP(66, 0F, 70), d, a, 0x1b);
}

/* sha1rnds4 has A in the highest word, adds the round's constant itself, and takes e added to the first word. Its
 * functions are choose, parity, majority, parity: the constants differ, so the one it will add is taken away. */
bool vec_sha1(struct vec_op *v)
{
    static const uint32_t constants[3] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc };
    struct x86_emit *e = v->e;
    uint64_t k = vsplat(2, constants[v->i->imm]);
    unsigned t, s;

    if (!host_features.sha)
        return false;
    t = vtemp(e);
    s = vtemp(e);
    v3i(e, X86_OP(66, 0F3A, 21), s, v->b, v->b, 0x0e); /* e alone */
    v3(e, V_PADD(2), t, v->c, s);
    v3k(e, V_PSUB(2), t, t, k, k);
    reverse_words(e, t, t);
    reverse_words(e, v->d, v->a);
    x86_sha1rnds4_xxi(&e->b, xmm(v->d), xmm(t), (uint8_t)v->i->imm);
    reverse_words(e, v->d, v->d);
    return true;
}

/* sha1msg2's first operand has w16..19 without their w13..15 and w16 terms, in reverse; the second has w13..15 above. */
bool vec_sha1su1(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t;

    if (!host_features.sha)
        return false;
    t = vtemp(e);
    reverse_words(e, t, v->b);
    reverse_words(e, v->d, v->a);
    x86_sha1msg2_xx(&e->b, xmm(v->d), xmm(t));
    reverse_words(e, v->d, v->d);
    return true;
}

/* sha256rnds2 makes two rounds of dst = CDGH, src = ABEF (A, C in the highest words) and the sums in the low half of xmm0,
 * which the driver has emptied: dst becomes the new ABEF, the old ABEF is the new CDGH. */
bool vec_sha256h(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned abef, cdgh;

    if (!host_features.sha)
        return false;
    abef = vtemp(e);
    cdgh = vtemp(e);
    v3i(e, X86_OP(NP, 0F, C6), abef, v->b, v->a, 0x44); /* shufps, from low to high: e f a b */
    v2i(e, X86_OP(66, 0F, 70), abef, abef, 0xb1);       /* f e b a */
    v3i(e, X86_OP(NP, 0F, C6), cdgh, v->b, v->a, 0xee);
    v2i(e, X86_OP(66, 0F, 70), cdgh, cdgh, 0xb1);
    emit_move(e, RA_XMM0, v->c);
    x86_sha256rnds2_xx(&e->b, xmm(cdgh), xmm(abef));
    v2i(e, X86_OP(66, 0F, 70), RA_XMM0, v->c, 0x0e);
    x86_sha256rnds2_xx(&e->b, xmm(abef), xmm(cdgh));
    v3i(e, X86_OP(NP, 0F, C6), v->d, abef, cdgh, v->i->imm ? 0x11 : 0xbb);
    return true;
}

bool vec_sha256su0(struct vec_op *v)
{
    if (!host_features.sha)
        return false;
    emit_move(v->e, v->d, v->a);
    x86_sha256msg1_xx(&v->e->b, xmm(v->d), xmm(v->b));
    return true;
}

bool vec_sha256su1(struct vec_op *v)
{
    struct x86_emit *e = v->e;

    if (!host_features.sha)
        return false;
    v3i(e, X86_OP(66, 0F3A, 0F), v->d, v->c, v->b, 4); /* palignr: w9 to w12 */
    v3(e, V_PADD(2), v->d, v->d, v->a);
    x86_sha256msg2_xx(&e->b, xmm(v->d), xmm(v->c));
    return true;
}

/* ------------------------------------------------------------------ CRC-32 */

/* r = CRC of the 32 bits in r from 0: Barrett's reduction, bits reflected (Gopal et al., Intel, 2009). k has
 * floor(x^64 / P) and P. */
static void reduce(struct x86_emit *e, enum x86_reg r, unsigned k, unsigned t)
{
    x86_movd_xr(&e->b, xmm(t), r);
    v3i(e, X86_OP(66, 0F3A, 44), t, t, k, 0x00);
    v3k(e, V_PAND, t, t, 0xffffffff, 0);
    v3i(e, X86_OP(66, 0F3A, 44), t, t, k, 0x10);
    x86_pextrd_rxi(&e->b, r, xmm(t), 1);
}

static void crc32_clmul(struct x86_emit *e, unsigned d, unsigned crc, unsigned data, unsigned bytes)
{
    unsigned k = vtemp(e), t = vtemp(e), r = ra_temp(&e->ra, RA_GPR, 0);

    vk(e, k, 0x1f7011641, 0x1db710641);
    emit_move(e, d, crc);
    x86_xor_rr(&e->b, 4, d, data);
    if (bytes < 4) { /* the rest of the old CRC moves down */
        x86_mov_rr(&e->b, 4, r, crc);
        x86_shr_ri(&e->b, 4, r, (uint8_t)(8 * bytes));
        x86_shl_ri(&e->b, 4, d, (uint8_t)(32 - 8 * bytes));
        reduce(e, d, k, t);
        x86_xor_rr(&e->b, 4, d, r);
        return;
    }
    reduce(e, d, k, t);
    if (bytes == 8) {
        x86_mov_rr(&e->b, 8, r, data);
        x86_shr_ri(&e->b, 8, r, 32);
        x86_xor_rr(&e->b, 4, d, r);
        reduce(e, d, k, t);
    }
}

void emit_crc32(struct x86_emit *e, struct ir_insn *i)
{
    unsigned a = e->o[0].reg, b = e->o[1].reg, bytes = type_bytes(arg_type(e, i, 1));

    e->d = ra_def(&e->ra, e->ra.cur, RA_NONE, 1u << a | 1u << b);
    if (i->imm) {
        emit_move(e, e->d, a);
        x86_crc32_rr(&e->b, bytes, e->d, b);
    } else if (host_features.clmul) {
        crc32_clmul(e, e->d, a, b, bytes);
    } else {
        rt_arg_int(e, 0, a);
        rt_arg_int(e, 1, b);
        rt_arg_imm(e, 2, bytes);
        rt_arg_imm(e, 3, 0);
        rt_call(e, RT_crc32);
        rt_result(e, e->d, IR_I32);
    }
}
