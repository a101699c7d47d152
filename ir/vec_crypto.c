/* AES (FIPS 197) and SHA (FIPS 180-4) steps as Arm's instructions cut them. */
#include "ir/vec.h"

static uint8_t byte(struct vec v, unsigned k)
{
    return (uint8_t)vec_lane(v, 8, k);
}

static uint32_t word(struct vec v, unsigned k)
{
    return (uint32_t)vec_lane(v, 32, k);
}

static struct vec words(const uint32_t w[4])
{
    return (struct vec){ { w[0] | (uint64_t)w[1] << 32, w[2] | (uint64_t)w[3] << 32 } };
}

/* --- AES ----------------------------------------------------------------------------------------------- */

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
static uint8_t gf_mul(uint8_t a, uint8_t b)
{
    uint8_t r = 0;

    for (; b; b >>= 1) {
        if (b & 1)
            r ^= a;
        a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1b : 0));
    }
    return r;
}

static uint8_t rotl8(uint8_t v, unsigned n)
{
    return (uint8_t)(v << n | v >> (8 - n));
}

static uint8_t gf_inverse(uint8_t v)
{
    uint8_t r = 1;

    for (unsigned k = 0; k < 254; k++) /* v^254 */
        r = gf_mul(r, v);
    return r;
}

static uint8_t sbox(uint8_t v, bool inverse)
{
    if (inverse)
        return gf_inverse(rotl8(v, 1) ^ rotl8(v, 3) ^ rotl8(v, 6) ^ 5);
    v = gf_inverse(v);
    return (uint8_t)(v ^ rotl8(v, 1) ^ rotl8(v, 2) ^ rotl8(v, 3) ^ rotl8(v, 4) ^ 0x63);
}

/** SubBytes and ShiftRows: byte r + 4c comes from column c + r (inverse: c - r). */
static struct vec aes_sub(struct vec v, bool inverse)
{
    static uint8_t tables[2][256];
    struct vec r = { { 0, 0 } };

    if (!tables[inverse][1]) /* idempotent, whoever comes first */
        for (unsigned k = 256; k--; )
            tables[inverse][k] = sbox((uint8_t)k, inverse);
    for (unsigned k = 0; k < 16; k++) {
        unsigned row = k & 3, col = k >> 2, from = inverse ? col - row : col + row;
        vec_lane_set(&r, 8, k, tables[inverse][byte(v, row + 4 * (from & 3))]);
    }
    return r;
}

static struct vec add_key(struct vec v, struct vec key)
{
    return (struct vec){ { v.q[0] ^ key.q[0], v.q[1] ^ key.q[1] } };
}

static struct vec aes_mix(struct vec v, bool inverse)
{
    static const uint8_t factors[2][4] = { { 2, 3, 1, 1 }, { 14, 11, 13, 9 } };
    struct vec r = { { 0, 0 } };

    for (unsigned k = 0; k < 16; k++) {
        uint8_t x = 0;
        for (unsigned n = 0; n < 4; n++)
            x ^= gf_mul(byte(v, (k & ~3u) + ((k + n) & 3)), factors[inverse][n]);
        vec_lane_set(&r, 8, k, x);
    }
    return r;
}

/* --- SHA ----------------------------------------------------------------------------------------------- */

static uint32_t rotl(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static uint32_t rotr(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | (~x & z);
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | (x & z) | (y & z);
}

static struct vec sha1_rounds(int64_t kind, struct vec abcd, struct vec e0, struct vec wk)
{
    uint32_t s[4] = { word(abcd, 0), word(abcd, 1), word(abcd, 2), word(abcd, 3) }, e = word(e0, 0);

    for (unsigned k = 0; k < 4; k++) {
        uint32_t f = kind == 0 ? choose(s[1], s[2], s[3]) : kind == 1 ? s[1] ^ s[2] ^ s[3] : majority(s[1], s[2], s[3]);
        uint32_t t = rotl(s[0], 5) + f + e + word(wk, k);
        e = s[3];
        s[3] = s[2];
        s[2] = rotl(s[1], 30);
        s[1] = s[0];
        s[0] = t;
    }
    return words(s);
}

static struct vec sha1_su1(struct vec tw, struct vec w12)
{
    uint32_t r[4];

    for (unsigned k = 0; k < 3; k++)
        r[k] = rotl(word(tw, k) ^ word(w12, k + 1), 1);
    r[3] = rotl(word(tw, 3), 1) ^ rotl(r[0], 1);
    return words(r);
}

static struct vec sha256_rounds(struct vec cdgh, struct vec abef, struct vec wk)
{
    uint32_t s[8] = { word(abef, 3), word(abef, 2), word(cdgh, 3), word(cdgh, 2),
                      word(abef, 1), word(abef, 0), word(cdgh, 1), word(cdgh, 0) };

    for (unsigned k = 0; k < 2; k++) {
        uint32_t s1 = rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25);
        uint32_t s0 = rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22);
        uint32_t t1 = s[7] + s1 + choose(s[4], s[5], s[6]) + word(wk, k), t2 = s0 + majority(s[0], s[1], s[2]);
        for (unsigned n = 7; n; n--)
            s[n] = s[n - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    return words((uint32_t[]){ s[5], s[4], s[1], s[0] });
}

static struct vec sha256_su0(struct vec w0, struct vec w4)
{
    uint32_t r[4];

    for (unsigned k = 0; k < 4; k++) {
        uint32_t x = k < 3 ? word(w0, k + 1) : word(w4, 0);
        r[k] = word(w0, k) + (rotr(x, 7) ^ rotr(x, 18) ^ x >> 3);
    }
    return words(r);
}

static struct vec sha256_su1(struct vec tw, struct vec w8, struct vec w12)
{
    uint32_t r[4];

    for (unsigned k = 0; k < 4; k++) {
        uint32_t x = k < 2 ? word(w12, k + 2) : r[k - 2];
        r[k] = word(tw, k) + (k < 3 ? word(w8, k + 1) : word(w12, 0)) + (rotr(x, 17) ^ rotr(x, 19) ^ x >> 10);
    }
    return words(r);
}

struct vec vec_eval_crypto(enum ir_op op, unsigned aux, int64_t imm, const struct vec in[3])
{
    bool inverse = aux & IR_V_NEG;

    switch (op) {
    case IR_vaessub: return add_key(aes_sub(in[0], inverse), in[1]);
    case IR_vaesmix: return aes_mix(in[0], inverse);
    case IR_vaesround: return add_key(aes_mix(aes_sub(in[0], inverse), inverse), in[1]);
    case IR_vsha1: return sha1_rounds(imm, in[0], in[1], in[2]);
    case IR_vsha1su1: return sha1_su1(in[0], in[1]);
    case IR_vsha256rnds: return sha256_rounds(in[0], in[1], in[2]);
    case IR_vsha256su0: return sha256_su0(in[0], in[1]);
    default: return sha256_su1(in[0], in[1], in[2]);
    }
}
