/* CRC-32C by the CPU's instruction, as a chain and as three chains side by side, by word and by byte; on Arm CRC-32 by instruction,
 * on x86, which has none for it, by carry-less multiplication: a reduction of 64 bits at a time.
 * class: crypto
 * native: -msse4.2 -mpclmul
 * aarch64: -march=armv8-a+crc */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined __aarch64__
#include <arm_acle.h>
static inline uint32_t crc32c(uint32_t crc, uint64_t v) { return __crc32cd(crc, v); }
static inline uint32_t crc32c_byte(uint32_t crc, uint8_t v) { return __crc32cb(crc, v); }
static inline uint32_t crc32(uint32_t crc, uint64_t v) { return __crc32d(crc, v); }
#else
#include <immintrin.h>
static inline uint32_t crc32c(uint32_t crc, uint64_t v) { return (uint32_t)_mm_crc32_u64(crc, v); }
static inline uint32_t crc32c_byte(uint32_t crc, uint8_t v) { return _mm_crc32_u8(crc, v); }

/* Barrett's reduction, bits reflected: the quotient's 64 bits, then what 33 bits of polynomial times them leave above. */
static inline uint32_t crc32(uint32_t crc, uint64_t v)
{
    const __m128i k = _mm_set_epi64x(0x1db710641, (long long)0xb4e5b025f7011641);
    __m128i t = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)(v ^ crc)), k, 0x00);

    return (uint32_t)_mm_extract_epi32(_mm_clmulepi64_si128(t, k, 0x10), 2);
}
#endif

enum { WORDS = 3 * 2048 };

static uint32_t by_bit(uint32_t crc, const uint8_t *p, size_t n, uint32_t poly)
{
    while (n--) {
        crc ^= *p++;
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? poly : 0);
    }
    return crc;
}

static uint32_t chain(uint32_t crc, const uint64_t *p)
{
    for (unsigned k = 0; k < WORDS; k++)
        crc = crc32c(crc, p[k]);
    return crc;
}

static uint32_t three(uint32_t crc, const uint64_t *p)
{
    uint32_t a = crc, b = ~crc, c = crc + 1;

    for (unsigned k = 0; k < WORDS / 3; k++) {
        a = crc32c(a, p[k]);
        b = crc32c(b, p[k + WORDS / 3]);
        c = crc32c(c, p[k + WORDS / 3 * 2]);
    }
    return a ^ (b << 1 | b >> 31) ^ (c << 2 | c >> 30);
}

static uint32_t bytes(uint32_t crc, const uint8_t *p)
{
    for (unsigned k = 0; k < WORDS; k++)
        crc = crc32c_byte(crc, p[k]);
    return crc;
}

static uint32_t other(uint32_t crc, const uint64_t *p)
{
    for (unsigned k = 0; k < WORDS; k++)
        crc = crc32(crc, p[k]);
    return crc;
}

int main(void)
{
    static uint64_t data[WORDS];
    uint64_t seed = 88172645463325252u;
    uint32_t crc = ~0u;

    for (unsigned k = 0; k < WORDS; k++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        data[k] = seed;
    }
    printf("%d %d\n", chain(crc, data) == by_bit(crc, (const uint8_t *)data, sizeof data, 0x82f63b78),
           other(crc, data) == by_bit(crc, (const uint8_t *)data, sizeof data, 0xedb88320));
    for (unsigned round = 0; round < 3000; round++) {
        crc = chain(crc, data);
        crc = three(crc, data);
        crc = bytes(crc, (const uint8_t *)data);
        crc = other(crc, data);
    }
    printf("%08x\n", crc);
    return 0;
}
