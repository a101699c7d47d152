/* Integer lanes: sums, comparisons, shifts, bits. */
#include "backend/x86/emit_vec.h"

/* ------------------------------------------------------------------ logic */

bool vec_logic(struct vec_op *v)
{
    struct x86_emit *e = v->e;

    switch (v->i->op) {
    case IR_vand: v3(e, V_PAND, v->d, v->a, v->b); break;
    case IR_vor: v3(e, V_POR, v->d, v->a, v->b); break;
    default: v3(e, V_PXOR, v->d, v->a, v->b); break;
    }
    return true;
}

bool vec_lowbits(struct vec_op *v)
{
    emit_move(v->e, v->d, v->a);
    return true;
}

bool vec_andn(struct vec_op *v)
{
    v3(v->e, V_PANDN, v->d, v->b, v->a);
    return true;
}

bool vec_not(struct vec_op *v)
{
    vones(v->e, v->d);
    v3(v->e, V_PXOR, v->d, v->d, v->a);
    return true;
}

bool vec_orn(struct vec_op *v)
{
    vones(v->e, v->d);
    v3(v->e, V_PXOR, v->d, v->d, v->b);
    v3(v->e, V_POR, v->d, v->d, v->a);
    return true;
}

bool vec_bsel(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    v3(e, V_PANDN, t, v->a, v->c);
    v3(e, V_PAND, v->d, v->a, v->b);
    v3(e, V_POR, v->d, v->d, t);
    return true;
}

/* ------------------------------------------------------------------ comparisons */

/* d = mask of a > b; d is neither. */
static void greater(struct x86_emit *e, bool u, unsigned size, unsigned d, unsigned a, unsigned b)
{
    if (u) {
        unsigned t = vtemp(e);

        v3k(e, V_PXOR, d, a, vsign(size), vsign(size));
        v3k(e, V_PXOR, t, b, vsign(size), vsign(size));
        v3(e, V_PCMPGT(size), d, d, t);
    } else {
        v3(e, V_PCMPGT(size), d, a, b);
    }
}

static void invert(struct x86_emit *e, unsigned d)
{
    unsigned t = vtemp(e);

    vones(e, t);
    v3(e, V_PXOR, d, d, t);
}

/* 0: there is no such instruction. Rows: signed, unsigned. */
static const uint32_t min_ops[2][4] = {
    { X86_OP(66, 0F38, 38), X86_OP(66, 0F, EA), X86_OP(66, 0F38, 39), 0 },
    { X86_OP(66, 0F, DA), X86_OP(66, 0F38, 3A), X86_OP(66, 0F38, 3B), 0 },
};
static const uint32_t max_ops[2][4] = {
    { X86_OP(66, 0F38, 3C), X86_OP(66, 0F, EE), X86_OP(66, 0F38, 3D), 0 },
    { X86_OP(66, 0F, DE), X86_OP(66, 0F38, 3E), X86_OP(66, 0F38, 3F), 0 },
};

bool vec_cmpeq(struct vec_op *v)
{
    v3(v->e, V_PCMPEQ(v->size), v->d, v->a, v->b);
    return true;
}

bool vec_cmpgt(struct vec_op *v)
{
    greater(v->e, vec_uns(v), v->size, v->d, v->a, v->b);
    return true;
}

bool vec_cmpge(struct vec_op *v)
{
    struct x86_emit *e = v->e;

    if (v->size < 3) { /* a is the maximum */
        v3(e, max_ops[vec_uns(v)][v->size], v->d, v->a, v->b);
        v3(e, V_PCMPEQ(v->size), v->d, v->d, v->a);
    } else {
        greater(e, vec_uns(v), 3, v->d, v->b, v->a);
        invert(e, v->d);
    }
    return true;
}

bool vec_tst(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    v3(e, V_PAND, v->d, v->a, v->b);
    vzero(e, t);
    v3(e, V_PCMPEQ(v->size), v->d, v->d, t);
    vones(e, t);
    v3(e, V_PXOR, v->d, v->d, t);
    return true;
}

/* d = mask ? x : y by bits; mask is a whole lane's. d may be the mask. */
static void choose(struct x86_emit *e, unsigned d, unsigned mask, unsigned x, unsigned y)
{
    unsigned t = vtemp(e);

    v3(e, V_PANDN, t, mask, y);
    v3(e, V_PAND, d, mask, x);
    v3(e, V_POR, d, d, t);
}

static void minimum(struct x86_emit *e, bool max, bool u, unsigned size, unsigned d, unsigned a, unsigned b)
{
    uint32_t op = (max ? max_ops : min_ops)[u][size];

    if (op) {
        v3(e, op, d, a, b);
        return;
    }
    greater(e, u, size, d, a, b);
    max ? choose(e, d, d, a, b) : choose(e, d, d, b, a);
}

bool vec_minmax(struct vec_op *v)
{
    minimum(v->e, v->i->op == IR_vmax, vec_uns(v), v->size, v->d, v->a, v->b);
    return true;
}

/* ------------------------------------------------------------------ sums */

/* Saturating, by [subtract][unsigned][size 0, 1]. */
static const uint32_t sat_ops[2][2][2] = {
    { { X86_OP(66, 0F, EC), X86_OP(66, 0F, ED) }, { X86_OP(66, 0F, DC), X86_OP(66, 0F, DD) } },
    { { X86_OP(66, 0F, E8), X86_OP(66, 0F, E9) }, { X86_OP(66, 0F, D8), X86_OP(66, 0F, D9) } },
};

/* d = sign mask of a's 32- or 64-bit lanes; d may be a. */
static void signs(struct x86_emit *e, unsigned size, unsigned d, unsigned a)
{
    if (size == 1 || size == 2) {
        vshift(e, VEC_SAR, size, d, a, 31);
    } else {
        unsigned t = vtemp(e);

        vzero(e, t);
        v3(e, V_PCMPGT(size), t, t, a);
        emit_move(e, d, t);
    }
}

/* Unsigned sums wrap if the sum is less than an operand, differences if b > a. */
static void saturate_unsigned(struct vec_op *v, bool sub)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    if (sub) {
        minimum(e, true, true, v->size, t, v->a, v->b);
        v3(e, V_PSUB(v->size), v->d, t, v->b);
        return;
    }
    v3(e, V_PADD(v->size), v->d, v->a, v->b);
    greater(e, true, v->size, t, v->a, v->d);
    v3(e, V_POR, v->d, v->d, t);
}

/* Signed: overflow has the sign bit of (a ^ r) & (b ^ r), or of (a ^ b) & (a ^ r); the bound is MAX with a's sign. */
static void saturate_signed(struct vec_op *v, bool sub)
{
    struct x86_emit *e = v->e;
    unsigned r = vtemp(e), t = vtemp(e), over = vtemp(e);
    uint64_t max = ~vsign(v->size);

    v3(e, sub ? V_PSUB(v->size) : V_PADD(v->size), r, v->a, v->b);
    v3(e, V_PXOR, over, v->a, r);
    v3(e, V_PXOR, t, sub ? v->a : r, v->b);
    v3(e, V_PAND, over, over, t);
    signs(e, v->size, over, over);
    signs(e, v->size, t, v->a);
    v3k(e, V_PXOR, t, t, max, max);
    v3(e, V_PAND, t, t, over);
    v3(e, V_PANDN, over, over, r);
    v3(e, V_POR, v->d, over, t);
}

bool vec_addsub(struct vec_op *v)
{
    bool sub = v->i->op == IR_vsub;

    if (!vec_has(v, IR_V_SAT))
        v3(v->e, sub ? V_PSUB(v->size) : V_PADD(v->size), v->d, v->a, v->b);
    else if (v->size < 2)
        v3(v->e, sat_ops[sub][vec_uns(v)][v->size], v->d, v->a, v->b);
    else if (vec_uns(v))
        saturate_unsigned(v, sub);
    else
        saturate_signed(v, sub);
    return true;
}

/* Floor of the average: (a & b) + ((a ^ b) >> 1); rounded up: (a | b) - ((a ^ b) >> 1). */
static bool has_shift(unsigned size, bool sign)
{
    return size == 1 || size == 2 || (size == 3 && !sign);
}

/* d = a >> n in lanes of any size; d may be a. */
void vshift_right(struct x86_emit *e, bool sign, unsigned size, unsigned d, unsigned a, unsigned n)
{
    unsigned w = 8u << size, t;
    uint64_t mask;

    if (has_shift(size, sign)) {
        vshift(e, sign ? VEC_SAR : VEC_SHR, size, d, a, n);
        return;
    }
    if (sign && n >= w)
        n = w - 1;
    if (size == 3) { /* (a >> n) with the sign mask's high bits */
        t = vtemp(e);
        vzero(e, t);
        v3(e, V_PCMPGT(3), t, t, a);
        vshift(e, VEC_SHR, 3, d, a, n);
        if (n) {
            vshift(e, VEC_SHL, 3, t, t, 64 - n);
            v3(e, V_POR, d, d, t);
        }
        return;
    }
    if (n >= 8) {
        vzero(e, d);
        return;
    }
    vshift(e, VEC_SHR, 1, d, a, n);
    mask = vsplat(0, 0xffu >> n);
    v3k(e, V_PAND, d, d, mask, mask);
    if (sign && n) { /* extend: (x ^ m) - m with m the sign's place */
        t = vtemp(e);
        mask = vsplat(0, 0x80u >> n);
        vk(e, t, mask, mask);
        v3(e, V_PXOR, d, d, t);
        v3(e, V_PSUB(0), d, d, t);
    }
}

bool vec_hadd(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool rnd = vec_has(v, IR_V_RND);
    unsigned t;

    if (vec_uns(v) && rnd && v->size < 2) {
        v3(e, v->size ? X86_OP(66, 0F, E3) : X86_OP(66, 0F, E0), v->d, v->a, v->b);
        return true;
    }
    t = vtemp(e);
    v3(e, V_PXOR, t, v->a, v->b);
    vshift_right(e, !vec_uns(v), v->size, t, t, 1);
    v3(e, rnd ? V_POR : V_PAND, v->d, v->a, v->b);
    v3(e, rnd ? V_PSUB(v->size) : V_PADD(v->size), v->d, v->d, t);
    return true;
}

/* (a - b) >> 1 = ((a ^ b) >> 1) - (~a & b). */
bool vec_hsub(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    v3(e, V_PXOR, v->d, v->a, v->b);
    vshift_right(e, !vec_uns(v), v->size, v->d, v->d, 1);
    v3(e, V_PANDN, t, v->a, v->b);
    v3(e, V_PSUB(v->size), v->d, v->d, t);
    return true;
}

bool vec_abd(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    minimum(e, true, vec_uns(v), v->size, v->d, v->a, v->b);
    minimum(e, false, vec_uns(v), v->size, t, v->a, v->b);
    v3(e, V_PSUB(v->size), v->d, v->d, t);
    return true;
}

static void negate(struct x86_emit *e, unsigned size, unsigned d, unsigned a)
{
    vzero(e, d);
    v3(e, V_PSUB(size), d, d, a);
}

/* With SAT: MIN, which negates to itself, becomes MAX: MIN + all ones. */
static void fix_min(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    vk(e, t, vsign(v->size), vsign(v->size));
    v3(e, V_PCMPEQ(v->size), t, t, v->d);
    if (v->i->op == IR_vneg) { /* only where it was MIN before */
        unsigned s = vtemp(e);

        v3(e, V_PCMPEQ(v->size), s, v->d, v->a);
        v3(e, V_PAND, t, t, s);
    }
    v3(e, V_PADD(v->size), v->d, v->d, t);
}

bool vec_negabs(struct vec_op *v)
{
    struct x86_emit *e = v->e;

    if (v->i->op == IR_vneg) {
        negate(e, v->size, v->d, v->a);
    } else if (v->size < 3) {
        v2(e, X86_OP(66, 0F38, 1C) + v->size, v->d, v->a);
    } else {
        unsigned t = vtemp(e);

        signs(e, 3, t, v->a);
        v3(e, V_PXOR, v->d, v->a, t);
        v3(e, V_PSUB(3), v->d, v->d, t);
    }
    if (vec_has(v, IR_V_SAT))
        fix_min(v);
    return true;
}

/* ------------------------------------------------------------------ shifts */

static void left(struct x86_emit *e, unsigned size, unsigned d, unsigned a, unsigned n)
{
    uint64_t mask;

    if (size) {
        vshift(e, VEC_SHL, size, d, a, n);
        return;
    }
    if (n >= 8) {
        vzero(e, d);
        return;
    }
    vshift(e, VEC_SHL, 1, d, a, n);
    mask = vsplat(0, 0xff << n & 0xff);
    if (n)
        v3k(e, V_PAND, d, d, mask, mask);
}

/* Saturated: shifted back it is not what it was. */
static void saturate_shift(struct vec_op *v, unsigned n)
{
    struct x86_emit *e = v->e;
    bool su = vec_has(v, IR_V_SU), u = vec_uns(v) || su;
    unsigned back = vtemp(e), t = vtemp(e);
    uint64_t max = ~vsign(v->size);

    vshift_right(e, !u, v->size, back, v->d, n);
    v3(e, V_PCMPEQ(v->size), back, back, v->a); /* ones: it fits */
    if (u) { /* else ones */
        vones(e, t);
        v3(e, V_PXOR, back, back, t);
        v3(e, V_POR, v->d, v->d, back);
    } else {
        vzero(e, t);
        v3(e, V_PCMPGT(v->size), t, t, v->a);
        v3k(e, V_PXOR, t, t, max, max);
        choose(e, v->d, back, v->d, t);
    }
    if (su) { /* negative: 0 */
        vzero(e, t);
        v3(e, V_PCMPGT(v->size), t, t, v->a);
        v3(e, V_PANDN, v->d, t, v->d);
    }
}

bool vec_shli(struct vec_op *v)
{
    left(v->e, v->size, v->d, v->a, (unsigned)v->i->imm);
    if (vec_has(v, IR_V_SAT))
        saturate_shift(v, (unsigned)v->i->imm);
    return true;
}

/* Rounding adds the last bit that is shifted out. */
bool vec_shri(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned n = (unsigned)v->i->imm, t;

    vshift_right(e, !vec_uns(v), v->size, v->d, v->a, n);
    if (!vec_has(v, IR_V_RND) || !n)
        return true;
    t = vtemp(e);
    vshift_right(e, false, v->size, t, v->a, n - 1);
    v3k(e, V_PAND, t, t, vsplat(v->size, 1), vsplat(v->size, 1));
    if (!vec_uns(v) && n == v->w) /* of -1 and less the sum is 0 */
        vzero(e, v->d);
    else
        v3(e, V_PADD(v->size), v->d, v->d, t);
    return true;
}

/* d = lanes of a (32 or 64 bits) shifted by the counts in n, numbers of the lane's width: AVX2's instructions give 0 for counts
 * beyond the width. A right shift with sign is one of a ^ sign mask. Rounding adds the last bit shifted out. d, a, n
 * differ; t are temporaries. */
static void shift_by_lane(struct x86_emit *e, const struct ir_insn *i, unsigned size, unsigned d, unsigned a, unsigned n,
                          const unsigned t[4])
{
    uint32_t w = size == 3 ? X86_F_W : 0, sllv = X86_OP(66, 0F38, 47) | w, srlv = X86_OP(66, 0F38, 45) | w;
    bool sar = !(i->aux & IR_V_UNS);
    unsigned count = t[0], sign = t[1], r = t[2], bit = t[3];

    vzero(e, count);
    v3(e, V_PSUB(size), count, count, n);
    vzero(e, sign);
    if (sar)
        v3(e, V_PCMPGT(size), sign, sign, a);
    v3(e, V_PXOR, bit, a, sign);
    v3(e, srlv, r, bit, count);
    v3(e, V_PXOR, r, r, sign);
    if (i->aux & IR_V_RND) {
        vones(e, d);
        v3(e, V_PADD(size), count, count, d);
        v3(e, srlv, bit, bit, count);
        v3(e, V_PXOR, bit, bit, sign);
        v3k(e, V_PAND, bit, bit, vsplat(size, 1), vsplat(size, 1));
        v3(e, V_PADD(size), r, r, bit);
    }
    vzero(e, count);
    v3(e, V_PCMPGT(size), count, count, n); /* ones: right */
    v3(e, sllv, d, a, n);
    v3(e, V_PAND, r, r, count);
    v3(e, V_PANDN, count, count, d);
    v3(e, V_POR, d, r, count);
}

/* Words as dwords: the lower half, then the upper one, together again. */
static void shift_words(struct vec_op *v, unsigned n, const unsigned t[4])
{
    struct x86_emit *e = v->e;
    unsigned a = vtemp(e), half = vtemp(e), counts = vtemp(e);
    uint64_t low = vsplat(2, 0xffff);

    vshift(e, VEC_SHL, 1, n, v->b, 8);
    vshift(e, VEC_SAR, 1, n, n, 8);
    for (unsigned hi = 0; hi < 2; hi++) {
        vextend(e, vec_uns(v), hi, 1, a, v->a);
        vextend(e, false, hi, 1, counts, n);
        shift_by_lane(e, v->i, 2, hi ? v->d : half, a, counts, t);
    }
    v3k(e, V_PAND, half, half, low, low);
    v3k(e, V_PAND, v->d, v->d, low, low);
    v3(e, X86_OP(66, 0F38, 2B), v->d, half, v->d); /* packusdw */
}

bool vec_shlv(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t[4], n;

    if (!host_features.avx2 || v->size == 0 || vec_has(v, IR_V_SAT))
        return false;
    for (unsigned k = 0; k < 4; k++)
        t[k] = vtemp(e);
    n = vtemp(e);
    if (v->size == 1) {
        shift_words(v, n, t);
        return true;
    }
    vshift(e, VEC_SHL, v->size, n, v->b, v->w - 8);
    vshift_right(e, true, v->size, n, n, v->w - 8);
    shift_by_lane(e, v->i, v->size, v->d, v->a, n, t);
    return true;
}

/* Mixed signs, bytes and words. Unsigned a + signed b: b's positive part added, its negative part taken away, each
 * saturating. Signed a + unsigned b: as unsigned numbers from MIN up, saturating. */
bool vec_qaddx(struct vec_op *v)
{
    static const uint32_t addus[2] = { X86_OP(66, 0F, DC), X86_OP(66, 0F, DD) };
    static const uint32_t subus[2] = { X86_OP(66, 0F, D8), X86_OP(66, 0F, D9) };
    struct x86_emit *e = v->e;
    unsigned t, m;

    if (v->size > 1)
        return false;
    if (!vec_uns(v)) {
        v3k(e, V_PXOR, v->d, v->a, vsign(v->size), vsign(v->size));
        v3(e, addus[v->size], v->d, v->d, v->b);
        v3k(e, V_PXOR, v->d, v->d, vsign(v->size), vsign(v->size));
        return true;
    }
    t = vtemp(e);
    m = vtemp(e);
    vzero(e, m);
    v3(e, V_PCMPGT(v->size), m, m, v->b);
    v3(e, V_PANDN, t, m, v->b);
    v3(e, addus[v->size], v->d, v->a, t);
    vzero(e, t);
    v3(e, V_PSUB(v->size), t, t, v->b);
    v3(e, V_PAND, t, t, m);
    v3(e, subus[v->size], v->d, v->d, t);
    return true;
}

/* ------------------------------------------------------------------ bits */

/* Looks both nibbles of each byte up and combines them; d, t: the low and the high nibbles' values. */
static void nibbles(struct vec_op *v, unsigned t, const uint64_t low[2], const uint64_t high[2])
{
    struct x86_emit *e = v->e;
    unsigned n = vtemp(e), k = vtemp(e);
    uint64_t mask = vsplat(0, 15);

    v3k(e, V_PAND, n, v->a, mask, mask);
    vk(e, v->d, low[0], low[1]);
    v3(e, V_PSHUFB, v->d, v->d, n);
    vshift(e, VEC_SHR, 1, n, v->a, 4);
    v3k(e, V_PAND, n, n, mask, mask);
    vk(e, k, high[0], high[1]);
    v3(e, V_PSHUFB, t, k, n);
}

bool vec_popcnt(struct vec_op *v)
{
    static const uint64_t ones[2] = { 0x0302020102010100, 0x0403030203020201 };
    unsigned t = vtemp(v->e);

    nibbles(v, t, ones, ones);
    v3(v->e, V_PADD(0), v->d, v->d, t);
    return true;
}

bool vec_rbit(struct vec_op *v)
{
    static const uint64_t low[2] = { 0xe060a020c0408000, 0xf070b030d0509010 };
    static const uint64_t high[2] = { 0x0e060a020c040800, 0x0f070b030d050901 };
    unsigned t = vtemp(v->e);

    nibbles(v, t, low, high);
    v3(v->e, V_POR, v->d, v->d, t);
    return true;
}

/* Leading zeros of bytes from those of nibbles: the high one's, plus the low one's if the high one is 0 (4 zeros). Wider
 * lanes from their halves in the same way. */
static void clz(struct vec_op *v)
{
    static const uint64_t low[2] = { 0x0101010102020304, 0 };
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e), z = vtemp(e);

    nibbles(v, t, low, low);
    vk(e, z, vsplat(0, 4), vsplat(0, 4));
    v3(e, V_PCMPEQ(0), z, z, t);
    v3(e, V_PAND, v->d, v->d, z);
    v3(e, V_PADD(0), v->d, v->d, t);
    for (unsigned size = 1; size <= v->size; size++) {
        unsigned half = 4u << size;

        vk(e, z, vsplat(size - 1, half), vsplat(size - 1, half));
        v3(e, V_PCMPEQ(size - 1), z, z, v->d); /* halves that are 0 */
        vshift(e, VEC_SHR, size, z, z, half);  /* the upper one's mask, at the lower one */
        v3(e, V_PAND, z, z, v->d);             /* the lower one's zeros, if they count */
        vshift(e, VEC_SHR, size, v->d, v->d, half);
        v3(e, V_PADD(size), v->d, v->d, z);
    }
}

bool vec_clz(struct vec_op *v)
{
    clz(v);
    return true;
}

/* Leading zeros of a ^ (a >> 1, sign in), less one. */
bool vec_cls(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned x = vtemp(e), a = v->a;

    vshift_right(e, true, v->size, x, a, 1);
    v3(e, V_PXOR, x, x, a);
    v->a = x;
    clz(v);
    vones(e, x);
    v3(e, V_PADD(v->size), v->d, v->d, x);
    return true;
}
