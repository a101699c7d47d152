/* Integer lanes: products, and what widens and adds neighbours for them. */
#include "backend/x86/emit_vec.h"

static void mul64(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e), s = vtemp(e);

    vshift(e, VEC_SHR, 3, t, v->a, 32);
    v3(e, X86_OP(66, 0F, F4), t, t, v->b);
    vshift(e, VEC_SHR, 3, s, v->b, 32);
    v3(e, X86_OP(66, 0F, F4), s, s, v->a);
    v3(e, V_PADD(3), t, t, s);
    vshift(e, VEC_SHL, 3, t, t, 32);
    v3(e, X86_OP(66, 0F, F4), v->d, v->a, v->b);
    v3(e, V_PADD(3), v->d, v->d, t);
}

static void mul8(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    v3(e, X86_OP(66, 0F, D5), v->d, v->a, v->b); /* even bytes */
    v3k(e, V_PAND, v->d, v->d, vsplat(1, 0xff), vsplat(1, 0xff));
    vshift(e, VEC_SHR, 1, t, v->b, 8);
    unsigned s = vtemp(e);
    v3k(e, V_PAND, s, v->a, vsplat(1, 0xff00), vsplat(1, 0xff00));
    v3(e, X86_OP(66, 0F, D5), t, t, s); /* odd bytes, in place */
    v3(e, V_POR, v->d, v->d, t);
}

bool vec_mul(struct vec_op *v)
{
    switch (v->size) {
    case 0: mul8(v); break;
    case 1: v3(v->e, X86_OP(66, 0F, D5), v->d, v->a, v->b); break;
    case 2: v3(v->e, X86_OP(66, 0F38, 40), v->d, v->a, v->b); break;
    default: mul64(v);
    }
    return true;
}

/* 2*a*b of 32-bit lanes: even and odd 64-bit products, doubled, their high halves; only MIN*MIN overflows. */
static void mulh32(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned even = vtemp(e), odd = vtemp(e), t = vtemp(e);

    vshift(e, VEC_SHR, 3, odd, v->a, 32);
    vshift(e, VEC_SHR, 3, t, v->b, 32);
    v3(e, X86_OP(66, 0F38, 28), odd, odd, t);
    v3(e, X86_OP(66, 0F38, 28), even, v->a, v->b);
    v3(e, V_PADD(3), odd, odd, odd);
    v3(e, V_PADD(3), even, even, even);
    if (vec_has(v, IR_V_RND)) {
        vk(e, t, 1ull << 31, 1ull << 31);
        v3(e, V_PADD(3), odd, odd, t);
        v3(e, V_PADD(3), even, even, t);
    }
    vshift(e, VEC_SHR, 3, even, even, 32);
    v3i(e, X86_OP(66, 0F3A, 0E), v->d, even, odd, 0xcc); /* pblendw */
}

bool vec_qdmulh(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    if (v->size == 2) {
        mulh32(v);
    } else if (vec_has(v, IR_V_RND)) {
        v3(e, X86_OP(66, 0F38, 0B), v->d, v->a, v->b); /* pmulhrsw */
    } else {
        v3(e, X86_OP(66, 0F, E5), v->d, v->a, v->b);
        v3(e, V_PADD(1), v->d, v->d, v->d);
        v3(e, X86_OP(66, 0F, D5), t, v->a, v->b);
        vshift(e, VEC_SHR, 1, t, t, 15);
        v3(e, V_POR, v->d, v->d, t);
    }
    /* MIN * MIN gives MIN instead of MAX, and nothing else gives MIN. */
    vk(e, t, vsign(v->size), vsign(v->size));
    v3(e, V_PCMPEQ(v->size), t, t, v->d);
    v3(e, V_PXOR, v->d, v->d, t);
    return true;
}

/* d = the half of a, extended to lanes of twice the width. */
void vextend(struct x86_emit *e, bool u, bool hi, unsigned size, unsigned d, unsigned a)
{
    static const uint32_t ops[2][3] = {
        { X86_OP(66, 0F38, 20), X86_OP(66, 0F38, 23), X86_OP(66, 0F38, 25) },
        { X86_OP(66, 0F38, 30), X86_OP(66, 0F38, 33), X86_OP(66, 0F38, 35) },
    };

    if (hi) {
        v2i(e, X86_OP(66, 0F, 70), d, a, 0xee);
        a = d;
    }
    v2(e, ops[u][size], d, a);
}

bool vec_widen(struct vec_op *v)
{
    vextend(v->e, vec_uns(v), vec_has(v, IR_V_HI), v->size, v->d, v->a);
    return true;
}

bool vec_mull(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool hi = vec_has(v, IR_V_HI);
    unsigned t = vtemp(e);

    if (v->size == 2) { /* the dwords go to the even places */
        unsigned order = hi ? 0xfa : 0x50;

        v2i(e, X86_OP(66, 0F, 70), v->d, v->a, order);
        v2i(e, X86_OP(66, 0F, 70), t, v->b, order);
        v3(e, vec_uns(v) ? X86_OP(66, 0F, F4) : X86_OP(66, 0F38, 28), v->d, v->d, t);
        return true;
    }
    vextend(e, vec_uns(v), hi, v->size, v->d, v->a);
    vextend(e, vec_uns(v), hi, v->size, t, v->b);
    v3(e, v->size == 0 ? X86_OP(66, 0F, D5) : X86_OP(66, 0F38, 40), v->d, v->d, t);
    return true;
}

bool vec_pmull(struct vec_op *v)
{
    if (v->size != 3 || !host_features.clmul)
        return false;
    v3i(v->e, X86_OP(66, 0F3A, 44), v->d, v->a, v->b, vec_has(v, IR_V_HI) ? 0x11 : 0);
    return true;
}

/* Bytes as words: pmaddwd sums pairs, phaddd the pairs of pairs. */
bool vec_dot(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool ub = vec_uns(v), ua = ub || vec_has(v, IR_V_SU);
    unsigned t = vtemp(e), s = vtemp(e);

    vextend(e, ua, false, 0, v->d, v->b);
    vextend(e, ub, false, 0, t, v->c);
    v3(e, X86_OP(66, 0F, F5), v->d, v->d, t);
    vextend(e, ua, true, 0, t, v->b);
    vextend(e, ub, true, 0, s, v->c);
    v3(e, X86_OP(66, 0F, F5), t, t, s);
    v3(e, X86_OP(66, 0F38, 02), v->d, v->d, t);
    v3(e, V_PADD(2), v->d, v->d, v->a);
    return true;
}

bool vec_paddl(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    if (v->size == 0) { /* pmaddubsw: unsigned by signed */
        vk(e, t, vsplat(0, 1), vsplat(0, 1));
        vec_uns(v) ? v3(e, X86_OP(66, 0F38, 04), v->d, v->a, t) : v3(e, X86_OP(66, 0F38, 04), v->d, t, v->a);
        return true;
    }
    if (v->size == 1 && !vec_uns(v)) {
        v3k(e, X86_OP(66, 0F, F5), v->d, v->a, vsplat(1, 1), vsplat(1, 1));
        return true;
    }
    if (vec_uns(v)) {
        vshift_right(e, false, v->size + 1, t, v->a, v->w);
        vshift(e, VEC_SHL, v->size + 1, v->d, v->a, v->w);
        vshift(e, VEC_SHR, v->size + 1, v->d, v->d, v->w);
    } else {
        vshift_right(e, true, v->size + 1, t, v->a, v->w);
        vshift(e, VEC_SHL, v->size + 1, v->d, v->a, v->w);
        vshift_right(e, true, v->size + 1, v->d, v->d, v->w);
    }
    v3(e, V_PADD(v->size + 1), v->d, v->d, t);
    return true;
}
