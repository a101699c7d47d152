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

/* MixColumns alone: a whole round with key 0 after the inverse of its first half. */
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
    switch (v->i->op) {
    case IR_vaessub:
        v3(e, inverse(v) ? AESDECLAST : AESENCLAST, v->d, v->a, v->b);
        break;
    case IR_vaesmix:
        zero = vtemp(e);
        vzero(e, zero);
        v3(e, AESDECLAST, v->d, v->a, zero);
        v3(e, AESENC, v->d, v->d, zero);
        break;
    default:
        v3(e, inverse(v) ? AESDEC : AESENC, v->d, v->a, v->b);
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

/* The sums are an operand in xmm0, which the driver has emptied. */
bool vec_sha256rnds(struct vec_op *v)
{
    struct x86_emit *e = v->e;

    if (!host_features.sha)
        return false;
    emit_move(e, RA_XMM0, v->c);
    emit_move(e, v->d, v->a);
    x86_sha256rnds2_xx(&e->b, xmm(v->d), xmm(v->b));
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

/* CRC-32 of the old CRC and data: Barrett's reduction, bits reflected (Gopal et al., Intel, 2009), of 64 bits at once. The quotient is
 * the number times 1 / P modulo x^64; what the quotient times P has above 64 bits is the remainder. Fewer bits than 64 are moved
 * to the top, and what they leave of the old CRC moves down. */
static void crc32_clmul(struct x86_emit *e, unsigned d, unsigned crc, unsigned data, unsigned bytes)
{
    unsigned k = vtemp(e), t = vtemp(e), r = ra_temp(&e->ra, RA_GPR, 0);

    vk(e, k, 0xb4e5b025f7011641, 0x1db710641);
    x86_mov_rr(&e->b, 4, r, crc);
    x86_xor_rr(&e->b, bytes == 8 ? 8 : 4, r, data);
    if (bytes < 8)
        x86_shl_ri(&e->b, 8, r, (uint8_t)(64 - 8 * bytes));
    x86_movq_xr(&e->b, xmm(t), r);
    v3i(e, X86_OP(66, 0F3A, 44), t, t, k, 0x00);
    v3i(e, X86_OP(66, 0F3A, 44), t, t, k, 0x10);
    if (bytes < 4) {
        emit_move(e, d, crc);
        x86_shr_ri(&e->b, 4, d, (uint8_t)(8 * bytes));
        x86_pextrd_rxi(&e->b, r, xmm(t), 2);
        x86_xor_rr(&e->b, 4, d, r);
    } else {
        x86_pextrd_rxi(&e->b, d, xmm(t), 2);
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
