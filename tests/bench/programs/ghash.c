/* GHASH (NIST SP 800-38D, 6.4) of a key times x, four blocks a reduction, by carry-less multiplications of 64 bits.
 * class: crypto
 * native: -mpclmul -mssse3
 * aarch64: -march=armv8-a+crypto */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined __aarch64__
#include <arm_neon.h>
typedef uint64x2_t block;
static inline block load(const uint64_t *p) { return vld1q_u64(p); }
static inline void store(uint64_t *p, block v) { vst1q_u64(p, v); }
static inline block mix(block a, block b) { return veorq_u64(a, b); }
static inline block swap(block a) { return vextq_u64(a, a, 1); }
static inline block low(block a, block b)
{
    return (block)vmull_p64((poly64_t)vgetq_lane_u64(a, 0), (poly64_t)vgetq_lane_u64(b, 0));
}
static inline block high(block a, block b) { return (block)vmull_high_p64((poly64x2_t)a, (poly64x2_t)b); }
static inline block zero_low(block a) { return vextq_u64(vdupq_n_u64(0), a, 1); }   /* a's low half above zeros */
static inline block zero_high(block a) { return vextq_u64(a, vdupq_n_u64(0), 1); }  /* a's high half below zeros */
static inline block reversed(block a)
{
    return vreinterpretq_u64_u8(vrev64q_u8(vreinterpretq_u8_u64(swap(a))));
}
#else
#include <immintrin.h>
typedef __m128i block;
static inline block load(const uint64_t *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void store(uint64_t *p, block v) { _mm_storeu_si128((__m128i *)p, v); }
static inline block mix(block a, block b) { return _mm_xor_si128(a, b); }
static inline block swap(block a) { return _mm_shuffle_epi32(a, 0x4e); }
static inline block low(block a, block b) { return _mm_clmulepi64_si128(a, b, 0x00); }
static inline block high(block a, block b) { return _mm_clmulepi64_si128(a, b, 0x11); }
static inline block zero_low(block a) { return _mm_slli_si128(a, 8); }
static inline block zero_high(block a) { return _mm_srli_si128(a, 8); }
static inline block reversed(block a)
{
    return _mm_shuffle_epi8(a, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
#endif

enum { BLOCKS = 4096 };

struct wide { block lo, mid, hi; };

/* Karatsuba's three products, summed up. */
static inline void add_product(struct wide *w, block a, block b)
{
    w->lo = mix(w->lo, low(a, b));
    w->hi = mix(w->hi, high(a, b));
    w->mid = mix(w->mid, low(mix(a, swap(a)), mix(b, swap(b))));
}

/* Modulo x^128 + x^127 + x^126 + x^121 + 1, bits reflected: two multiplications by its upper half. */
static inline block reduce(const struct wide *w, block poly)
{
    block mid = mix(w->mid, mix(w->lo, w->hi)), lo = mix(w->lo, zero_low(mid)), hi = mix(w->hi, zero_high(mid));

    lo = mix(swap(lo), low(lo, poly));
    lo = mix(swap(lo), low(lo, poly));
    return mix(hi, lo);
}

static block product(block a, block b, block poly)
{
    struct wide w = { mix(a, a), mix(a, a), mix(a, a) };

    add_product(&w, a, b);
    return reduce(&w, poly);
}

static void ghash(const uint64_t *data, const block power[4], block poly, uint64_t state[2])
{
    block y = load(state);

    for (unsigned at = 0; at < BLOCKS; at += 4, data += 8) {
        struct wide w = { mix(y, y), mix(y, y), mix(y, y) };

        add_product(&w, mix(y, reversed(load(data))), power[3]);
        for (unsigned k = 1; k < 4; k++)
            add_product(&w, reversed(load(data + 2 * k)), power[3 - k]);
        y = reduce(&w, poly);
    }
    store(state, y);
}

int main(void)
{
    static uint64_t data[2 * BLOCKS];
    uint64_t seed = 88172645463325252u, state[2] = { 0, 0 };
    const uint64_t key[2] = { 0xb83b533708bf535d, 0xcd2fcf5d2bbd2d2a }, polynomial[2] = { 0xc200000000000000, 0 };
    block poly = load(polynomial), power[4];

    for (unsigned k = 0; k < 2 * BLOCKS; k++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        data[k] = seed;
    }
    power[0] = load(key);
    for (unsigned k = 1; k < 4; k++)
        power[k] = product(power[k - 1], power[0], poly);
    for (unsigned round = 0; round < 20000; round++)
        ghash(data, power, poly, state);
    printf("%016llx%016llx\n", (unsigned long long)state[1], (unsigned long long)state[0]);
    return 0;
}
