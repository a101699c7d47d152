/* Operands of the cases in a64_simd.txt: both the AArch64 program that makes the table (a64_simd.py) and the test of the
 * translator (test_a64_simd.c) compute them from the instruction word and the case's number.
 *
 * A case's style is a letter: b h w d integer lanes of 8 ... 64 bits, H S D half, single and double precision, m an
 * access to memory. Half the lanes are edge cases, so that pairs of them meet.
 */
#pragma once

#include <stdint.h>
#include <string.h>

enum { CASE_MEM = 64, CASE_X2 = 24 };

struct simd_case {
    uint64_t v[5][2];   /* v0 ... v4 */
    uint64_t x0, x1;
    uint32_t fpcr;
    uint8_t mem[CASE_MEM];
};

static inline uint64_t case_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed ^ *seed >> 29;
}

/* n of a table's entries, one of them. */
#define CASE_PICK(r, ...)                                                                              \
    ((const uint64_t[]){ __VA_ARGS__ }[(r) % (sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)])

static inline uint64_t case_int(uint64_t *seed, unsigned bits)
{
    uint64_t r = case_random(seed) >> 8, min = 1ull << (bits - 1);

    switch (r >> 4 & 3) {
    case 0: return CASE_PICK(r >> 8, 0, 1, 2, min, min - 1, UINT64_MAX, min + 1, UINT64_MAX - 1);
    case 1: return (r >> 8) % (2 * bits + 6) - bits - 3;   /* what shifts by a register want */
    default: return case_random(seed) >> (r >> 8 & 1) * (r >> 10) % 17 ^ case_random(seed) << 32;
    }
}

static inline uint64_t case_float(uint64_t *seed, unsigned e, unsigned f)
{
    uint64_t r = case_random(seed) >> 8, sign = (r & 1) << (e + f), bias = (1ull << (e - 1)) - 1;
    uint64_t inf = ((1ull << e) - 1) << f, quiet = 1ull << (f - 1), one = bias << f, noise = case_random(seed);
    uint64_t fraction = (1ull << f) - 1, small = (noise >> 40) % 24;

    switch (r >> 4 & 3) {
    case 0: return sign | CASE_PICK(r >> 8, 0, 0, one, one + quiet, inf, inf, inf | quiet, inf | quiet | 5, inf | 9, inf | 1,
                                    1, fraction, fraction + 1, inf - 1, one - 1, one | 1);
    case 1: return sign | (bias + small - 4) << f | (noise & fraction & ~(fraction >> small % f));  /* few digits */
    case 2: return sign | (bias + (noise >> 20) % 9 - 4) << f | (noise & fraction);
    default: return noise;
    }
}

static inline void case_lanes(uint64_t v[2], char style, uint64_t *seed)
{
    unsigned bits = style == 'b' ? 8 : style == 'h' || style == 'H' ? 16 : style == 'w' || style == 'S' ? 32 : 64;
    uint64_t mask = UINT64_MAX >> (64 - bits);

    v[0] = v[1] = 0;
    for (unsigned at = 0; at < 128; at += bits) {
        uint64_t x = style == 'H' ? case_float(seed, 5, 10) : style == 'S' ? case_float(seed, 8, 23)
                   : style == 'D' ? case_float(seed, 11, 52) : case_int(seed, bits);

        v[at / 64] |= (x & mask) << at % 64;
    }
}

static inline struct simd_case case_of(uint32_t word, unsigned k, char style)
{
    struct simd_case c = { .x0 = 0x0123456789abcdef };
    uint64_t seed = word * 0x9e3779b97f4a7c15u + k;

    for (int i = 0; i < 4; i++)
        case_random(&seed);
    for (int i = 0; i < 5; i++)
        case_lanes(c.v[i], style == 'm' ? 'd' : style, &seed);
    c.x1 = case_random(&seed) << 20 ^ case_random(&seed);
    for (int i = 0; i < CASE_MEM; i++)
        c.mem[i] = (uint8_t)(case_random(&seed) >> 32);
    if (style != 'm') /* AHP, DN, FZ, RMode; most with none of the first three */
        c.fpcr = (k % 3 == 1 ? (uint32_t)(case_random(&seed) >> 32 & 7) << 24 : 0) | (k >> 1 & 3) << 22;
    return c;
}

static inline uint64_t case_hash(const void *p, unsigned n)
{
    const uint8_t *b = p;
    uint64_t h = 0xcbf29ce484222325;

    for (unsigned i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001b3;
    return h;
}
