/* Lanes moved about: interleaving, tables, narrowing, sums and minima across a vector. */
#include "backend/x86/emit_vec.h"

#include <string.h>

/* Places of lanes for pshufb: lane k of the result's `n` is lane of[k]; the others are 0. */
static void shuffle_lanes(struct x86_emit *e, unsigned size, unsigned d, unsigned a, const uint8_t *of, unsigned n)
{
    uint8_t k[16];
    uint64_t half[2];
    unsigned bytes = 1u << size;

    memset(k, 0x80, sizeof k);
    for (unsigned lane = 0; lane < n; lane++)
        for (unsigned b = 0; b < bytes; b++)
            k[lane * bytes + b] = (uint8_t)(of[lane] * bytes + b);
    memcpy(half, k, sizeof half);
    v3k(e, V_PSHUFB, d, a, half[0], half[1]);
}

static bool low(const struct vec_op *v)
{
    return v->i->aux & IR_V_LOW;
}

static void unpack(struct x86_emit *e, bool high, unsigned size, unsigned d, unsigned a, unsigned b)
{
    uint32_t op = size == 3 ? (high ? V_PUNPCKHQDQ : V_PUNPCKLQDQ) : (high ? X86_OP(66, 0F, 68) : X86_OP(66, 0F, 60)) + size;

    v3(e, op, d, a, b);
}

/* 64-bit vectors interleave into one whole one: its halves are zip1 and zip2. */
bool vec_zip(struct vec_op *v)
{
    bool second = v->i->op == IR_vzip2;

    unpack(v->e, second && !low(v), v->size, v->d, v->a, v->b);
    if (low(v) && second)
        vbytes_right(v->e, v->d, v->d, 8);
    else if (low(v))
        x86_movq_xx(&v->e->b, xmm(v->d), xmm(v->d));
    return true;
}

/* d = even lanes of a in its low half, odd ones in its high half. */
static void split(struct x86_emit *e, unsigned size, unsigned d, unsigned a)
{
    static const uint8_t by_size[2][16] = { { 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15 },
                                            { 0, 2, 4, 6, 1, 3, 5, 7 } };

    if (size == 2)
        v2i(e, X86_OP(66, 0F, 70), d, a, 0xd8);
    else
        shuffle_lanes(e, size, d, a, by_size[size], 16u >> size);
}

bool vec_uzp(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool odd = v->i->op == IR_vuzp2;
    unsigned t;

    if (low(v)) { /* both in one register, then its even or odd lanes */
        v3(e, V_PUNPCKLQDQ, v->d, v->a, v->b);
        split(e, v->size, v->d, v->d);
        odd ? vbytes_right(e, v->d, v->d, 8) : x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    } else if (v->size == 3) {
        v3(e, odd ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, v->d, v->a, v->b);
    } else if (v->size == 2) {
        v3i(e, X86_OP(NP, 0F, C6), v->d, v->a, v->b, odd ? 0xdd : 0x88); /* shufps */
    } else {
        t = vtemp(e);
        split(e, v->size, v->d, v->a);
        split(e, v->size, t, v->b);
        v3(e, odd ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, v->d, v->d, t);
    }
    return true;
}

/* One of the operands moves by a lane, then every other lane is taken from it. */
bool vec_trn(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    bool second = v->i->op == IR_vtrn2;
    unsigned t;

    if (v->size == 3) {
        v3(e, second ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, v->d, v->a, v->b);
        return true;
    }
    t = vtemp(e);
    if (v->size == 0) {
        uint64_t keep = vsplat(1, second ? 0xff00 : 0x00ff);

        second ? vshift(e, VEC_SHR, 1, v->d, v->a, 8) : vshift(e, VEC_SHL, 1, v->d, v->b, 8);
        v3k(e, V_PAND, t, second ? v->b : v->a, keep, keep);
        v3(e, V_POR, v->d, v->d, t);
    } else {
        unsigned odd = v->size == 1 ? 0xaa : 0xcc;

        second ? vshift(e, VEC_SHR, v->size + 1, t, v->a, v->w) : vshift(e, VEC_SHL, v->size + 1, t, v->b, v->w);
        v3i(e, X86_OP(66, 0F3A, 0E), v->d, second ? t : v->a, second ? v->b : t, odd); /* pblendw */
    }
    if (low(v))
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    return true;
}

bool vec_ext(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned n = (unsigned)v->i->imm;

    if (low(v)) {
        v3(e, V_PUNPCKLQDQ, v->d, v->a, v->b);
        if (n)
            vbytes_right(e, v->d, v->d, n);
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    } else {
        v3i(e, X86_OP(66, 0F3A, 0F), v->d, v->b, v->a, n); /* palignr */
    }
    return true;
}

/* pshufb looks at bits 3..0 and 7: an index over 15 gets bit 7 by a saturating sum. */
bool vec_tbl(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    v3k(e, X86_OP(66, 0F, DC), t, v->b, vsplat(0, 0x70), vsplat(0, 0x70)); /* paddusb */
    v3(e, V_PSHUFB, v->d, v->a, t);
    if (low(v))
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    return true;
}

bool vec_rev(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned n = (unsigned)v->i->imm / v->w;
    uint8_t of[16];

    if (v->size == 2) {
        v2i(e, X86_OP(66, 0F, 70), v->d, v->a, 0xb1);
        return true;
    }
    for (unsigned k = 0; k < 16u >> v->size; k++)
        of[k] = (uint8_t)(k / n * n + n - 1 - k % n);
    shuffle_lanes(e, v->size, v->d, v->a, of, 16u >> v->size);
    return true;
}

bool vec_movl(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned to = v->i->imm & 255, from = (unsigned)(v->i->imm >> 8), t;

    if (v->size == 2) {
        v3i(e, X86_OP(66, 0F3A, 21), v->d, v->a, v->b, from << 6 | to << 4); /* insertps */
        return true;
    }
    if (v->size == 3) { /* shufpd, its halves in order */
        if (to)
            v3i(e, X86_OP(66, 0F, C6), v->d, v->a, v->b, from << 1);
        else
            v3i(e, X86_OP(66, 0F, C6), v->d, v->b, v->a, from | 2);
        return true;
    }
    t = ra_temp(&e->ra, RA_GPR, 0);
    if (v->size == 0)
        x86_pextrb_rxi(&e->b, t, xmm(v->b), (uint8_t)from);
    else
        x86_pextrw_rxi(&e->b, t, xmm(v->b), (uint8_t)from);
    emit_move(e, v->d, v->a);
    if (v->size == 0)
        x86_pinsrb_xri(&e->b, xmm(v->d), t, (uint8_t)to);
    else
        x86_pinsrw_xri(&e->b, xmm(v->d), t, (uint8_t)to);
    return true;
}

/* ------------------------------------------------------------------ narrowing */

/* d = a clamped to lanes of half the width, which still are lanes of the full one: what packs can't do by themselves. */
static void clamp_unsigned(struct x86_emit *e, unsigned size, unsigned d, unsigned a)
{
    if (size < 3) {
        uint64_t max = vsplat(size, (1ull << (4u << size)) - 1);

        v3k(e, size == 1 ? X86_OP(66, 0F38, 3A) : X86_OP(66, 0F38, 3B), d, a, max, max); /* pminu */
    } else { /* ones where the upper dword is not 0 */
        unsigned t = vtemp(e);

        vshift(e, VEC_SHR, 3, d, a, 32);
        vzero(e, t);
        v3(e, V_PCMPEQ(2), d, d, t);         /* low dword: ones if it fits */
        vones(e, t);
        v3(e, V_PXOR, d, d, t);
        v3(e, V_POR, d, d, a);
    }
}

/* Signed qwords to dwords; su: to unsigned ones. */
static void clamp_qwords(struct x86_emit *e, bool su, unsigned d, unsigned a)
{
    uint64_t max = su ? 0xffffffff : 0x7fffffff, min = su ? 0 : 0xffffffff80000000;
    unsigned t = vtemp(e), k = vtemp(e), s = vtemp(e);

    vk(e, k, max, max);
    v3(e, V_PCMPGT(3), t, a, k); /* too large */
    v3(e, V_PAND, k, k, t);
    v3(e, V_PANDN, t, t, a);
    v3(e, V_POR, t, t, k);
    vk(e, k, min, min);
    v3(e, V_PCMPGT(3), s, k, a); /* too small */
    v3(e, V_PAND, k, k, s);
    v3(e, V_PANDN, s, s, t);
    v3(e, V_POR, d, s, k);
}

/* d = the lower halves of a's lanes in its low half, zeros above. */
static void truncate(struct x86_emit *e, unsigned size, unsigned d, unsigned a)
{
    static const uint8_t even[8] = { 0, 2, 4, 6, 8, 10, 12, 14 };

    shuffle_lanes(e, size - 1, d, a, even, 8u >> (size - 1));
}

bool vec_narrow(struct vec_op *v)
{
    static const uint32_t packs[2][3] = { { 0, X86_OP(66, 0F, 63), X86_OP(66, 0F, 6B) },
                                          { 0, X86_OP(66, 0F, 67), X86_OP(66, 0F38, 2B) } };
    struct x86_emit *e = v->e;
    unsigned aux = v->i->aux;
    bool su = aux & IR_V_SU;

    if (!(aux & IR_V_SAT)) {
        truncate(e, v->size, v->d, v->a);
    } else if (aux & IR_V_UNS) {
        clamp_unsigned(e, v->size, v->d, v->a);
        truncate(e, v->size, v->d, v->d);
    } else if (v->size == 3) {
        clamp_qwords(e, su, v->d, v->a);
        truncate(e, 3, v->d, v->d);
    } else {
        vzero(e, v->d);
        v3(e, packs[su][v->size], v->d, v->a, v->d);
    }
    return true;
}

/* ------------------------------------------------------------------ across lanes */

/* d = a op b, lane by lane. False if it takes more than an instruction. */
static uint32_t across_op(const struct vec_op *v)
{
    static const uint32_t ops[2][2][3] = {
        { { X86_OP(66, 0F38, 38), X86_OP(66, 0F, EA), X86_OP(66, 0F38, 39) },
          { X86_OP(66, 0F, DA), X86_OP(66, 0F38, 3A), X86_OP(66, 0F38, 3B) } },
        { { X86_OP(66, 0F38, 3C), X86_OP(66, 0F, EE), X86_OP(66, 0F38, 3D) },
          { X86_OP(66, 0F, DE), X86_OP(66, 0F38, 3E), X86_OP(66, 0F38, 3F) } },
    };

    if (v->i->op == IR_vaddv)
        return V_PADD(v->size);
    return v->size == 3 ? 0 : ops[v->i->op == IR_vmaxv][(v->i->aux & IR_V_UNS) != 0][v->size];
}

/* Sum of bytes: of absolute differences to 0. */
static void sum_bytes(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    unsigned t = vtemp(e);

    vzero(e, t);
    v3(e, X86_OP(66, 0F, F6), v->d, v->a, t);
    if (!low(v)) {
        v2i(e, X86_OP(66, 0F, 70), t, v->d, 0xee);
        v3(e, V_PADD(2), v->d, v->d, t);
    }
    v3k(e, V_PAND, v->d, v->d, 0xff, 0);
}

/* The upper half onto the lower one, until one lane is left. */
bool vec_across(struct vec_op *v)
{
    struct x86_emit *e = v->e;
    uint32_t op = across_op(v);
    unsigned t, bytes = low(v) ? 8 : 16, from = v->a;

    if (!op)
        return false;
    if (v->i->op == IR_vaddv && v->size == 0) {
        sum_bytes(v);
        return true;
    }
    t = vtemp(e);
    if (bytes == v->w / 8)
        emit_move(e, v->d, v->a);
    for (; bytes > v->w / 8; bytes /= 2, from = v->d) {
        bytes == 16 ? v2i(e, X86_OP(66, 0F, 70), t, from, 0xee) : vbytes_right(e, t, from, bytes / 2);
        v3(e, op, v->d, from, t);
    }
    if (v->size == 3)
        x86_movq_xx(&e->b, xmm(v->d), xmm(v->d));
    else if (v->size == 2)
        v3i(e, X86_OP(66, 0F3A, 21), v->d, v->d, v->d, 0x0e);
    else
        v3k(e, V_PAND, v->d, v->d, v->size ? 0xffff : 0xff, 0);
    return true;
}
