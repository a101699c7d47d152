/* AES-128 in counter mode, eight blocks at a time, and decryption of blocks in a chain, by the CPU's AES instructions.
 * class: crypto
 * native: -maes -msse4.1
 * aarch64: -march=armv8-a+crypto */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined __aarch64__
#include <arm_neon.h>
typedef uint8x16_t block;
static inline block load(const uint8_t *p) { return vld1q_u8(p); }
static inline void store(uint8_t *p, block v) { vst1q_u8(p, v); }
static inline block mix(block a, block b) { return veorq_u8(a, b); }
#else
#include <immintrin.h>
typedef __m128i block;
static inline block load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void store(uint8_t *p, block v) { _mm_storeu_si128((__m128i *)p, v); }
static inline block mix(block a, block b) { return _mm_xor_si128(a, b); }
#endif

enum { ROUNDS = 10, SIZE = 1 << 16, WIDE = 8 };

static uint8_t round_keys[ROUNDS + 1][16], sbox[256];

static uint8_t doubled(uint8_t v)
{
    return (uint8_t)(v << 1 ^ (v & 0x80 ? 0x1b : 0));
}

/* FIPS 197, 5.1.1: powers of 3 and of its inverse meet. */
static void make_sbox(void)
{
    uint8_t p = 1, q = 1;

    do {
        p = (uint8_t)(p ^ doubled(p));
        q ^= (uint8_t)(q << 1);
        q ^= (uint8_t)(q << 2);
        q ^= (uint8_t)(q << 4);
        if (q & 0x80)
            q ^= 0x09;
        sbox[p] = (uint8_t)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4) ^ 0x63);
    } while (p != 1);
    sbox[0] = 0x63;
}

static void expand(const uint8_t key[16])
{
    uint8_t *w = round_keys[0], constant = 1;

    memcpy(w, key, 16);
    for (unsigned at = 16; at < sizeof round_keys; at += 4) {
        uint8_t t[4];

        memcpy(t, w + at - 4, 4);
        if (at % 16 == 0) {
            uint8_t first = t[0];

            t[0] = (uint8_t)(sbox[t[1]] ^ constant);
            t[1] = sbox[t[2]];
            t[2] = sbox[t[3]];
            t[3] = sbox[first];
            constant = doubled(constant);
        }
        for (unsigned k = 0; k < 4; k++)
            w[at + k] = w[at + k - 16] ^ t[k];
    }
}

static inline void encrypt(block b[WIDE], const block key[ROUNDS + 1])
{
#if defined __aarch64__
    for (unsigned r = 0; r < ROUNDS - 1; r++)
#pragma GCC unroll 8
        for (unsigned k = 0; k < WIDE; k++)
            b[k] = vaesmcq_u8(vaeseq_u8(b[k], key[r]));
#pragma GCC unroll 8
    for (unsigned k = 0; k < WIDE; k++)
        b[k] = veorq_u8(vaeseq_u8(b[k], key[ROUNDS - 1]), key[ROUNDS]);
#else
#pragma GCC unroll 8
    for (unsigned k = 0; k < WIDE; k++)
        b[k] = _mm_xor_si128(b[k], key[0]);
    for (unsigned r = 1; r < ROUNDS; r++)
#pragma GCC unroll 8
        for (unsigned k = 0; k < WIDE; k++)
            b[k] = _mm_aesenc_si128(b[k], key[r]);
#pragma GCC unroll 8
    for (unsigned k = 0; k < WIDE; k++)
        b[k] = _mm_aesenclast_si128(b[k], key[ROUNDS]);
#endif
}

/* The inverse cipher with keys through the inverse MixColumns, 5.3.5. */
static inline block decrypt(block b, const block key[ROUNDS + 1])
{
#if defined __aarch64__
    for (unsigned r = 0; r < ROUNDS - 1; r++)
        b = vaesimcq_u8(vaesdq_u8(b, key[r]));
    return veorq_u8(vaesdq_u8(b, key[ROUNDS - 1]), key[ROUNDS]);
#else
    b = _mm_xor_si128(b, key[0]);
    for (unsigned r = 1; r < ROUNDS; r++)
        b = _mm_aesdec_si128(b, key[r]);
    return _mm_aesdeclast_si128(b, key[ROUNDS]);
#endif
}

static inline block inverse_columns(block b)
{
#if defined __aarch64__
    return vaesimcq_u8(b);
#else
    return _mm_aesimc_si128(b);
#endif
}

static void counter_mode(uint8_t *data, size_t size, uint64_t nonce)
{
    block key[ROUNDS + 1], b[WIDE];

    for (unsigned r = 0; r <= ROUNDS; r++)
        key[r] = load(round_keys[r]);
    for (size_t at = 0; at < size; at += 16 * WIDE) {
#pragma GCC unroll 8
        for (unsigned k = 0; k < WIDE; k++) {
            uint64_t counter[2] = { nonce, at / 16 + k };

            b[k] = load((const uint8_t *)counter);
        }
        encrypt(b, key);
#pragma GCC unroll 8
        for (unsigned k = 0; k < WIDE; k++)
            store(data + at + 16 * k, mix(b[k], load(data + at + 16 * k)));
    }
}

/* Each block depends on the one before, so that one round's latency counts. */
static void chain(uint8_t *data, size_t size)
{
    block key[ROUNDS + 1], before = load(data);

    key[0] = load(round_keys[ROUNDS]);
    for (unsigned r = 1; r < ROUNDS; r++)
        key[r] = inverse_columns(load(round_keys[ROUNDS - r]));
    key[ROUNDS] = load(round_keys[0]);
    for (size_t at = 0; at < size; at += 16) {
        before = decrypt(mix(before, load(data + at)), key);
        store(data + at, before);
    }
}

static void print(const char *what, const uint8_t *p)
{
    printf("%s ", what);
    for (unsigned k = 0; k < 16; k++)
        printf("%02x", p[k]);
    putchar('\n');
}

int main(void)
{
    static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    static uint8_t data[SIZE];
    block b[WIDE], k[ROUNDS + 1];
    uint8_t known[16];

    make_sbox();
    expand(key);
    for (unsigned r = 0; r <= ROUNDS; r++)
        k[r] = load(round_keys[r]);
    for (unsigned i = 0; i < 16; i++)
        known[i] = (uint8_t)(i * 0x11);
    for (unsigned i = 0; i < WIDE; i++)
        b[i] = load(known);
    encrypt(b, k);
    store(known, b[0]);
    print("FIPS 197 C.1", known); /* 69c4e0d86a7b0430d8cdb78070b4c55a */
    for (unsigned round = 0; round < 5000; round++)
        counter_mode(data, SIZE, round);
    print("counter", data + SIZE - 16);
    for (unsigned round = 0; round < 500; round++)
        chain(data, SIZE);
    print("chain", data + SIZE - 16);
    return 0;
}
