/* Bit counting, byte swaps, rotations, min and max, with and without the guest's bit extensions.
 * build: -O2 dynamic; -O2 tuned static; -O0 tuned dynamic
 */
#include <stdint.h>
#include <stdio.h>

static uint64_t seed = 42;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static uint64_t rotl(uint64_t v, unsigned n)
{
    return v << (n & 63) | v >> (-n & 63);
}

static uint32_t rotr32(uint32_t v, unsigned n)
{
    return v >> (n & 31) | v << (-n & 31);
}

int main(void)
{
    static const uint64_t table[4] = { 11, 22, 33, 44 };
    uint64_t sum = 0;
    for (int i = 0; i < 50000; i++) {
        uint64_t v = next() >> (i & 63), w = next();
        uint32_t x = (uint32_t)v, y = (uint32_t)w;
        sum = rotl(sum, 5) + rotl(v, (unsigned)w) + rotr32(x, y) + rotl(w, 13);
        sum += (v ? (unsigned)__builtin_clzll(v) : 64) + (x ? (unsigned)__builtin_clz(x) : 32);
        sum ^= (uint64_t)((w ? __builtin_ctzll(w) : 64) + (y ? __builtin_ctz(y) : 32)) << 20;
        sum += (unsigned)__builtin_popcountll(v) * 3 + (unsigned)__builtin_popcount(y);
        sum ^= __builtin_bswap64(v) + __builtin_bswap32(x) + __builtin_bswap16((uint16_t)y);
        sum += (v & ~w) ^ (v | ~w) ^ ~(v ^ w);
        sum += (int64_t)v < (int64_t)w ? v : w;
        sum ^= v > w ? v : w;
        sum += (uint64_t)(int8_t)v + (uint64_t)(int16_t)w + (uint16_t)v;
        sum += table[x & 3] + (v << 1) + (w << 3) + ((uint64_t)x << 2);
        sum ^= v | 1ull << (w & 63);
        sum += v & ~(1ull << (y & 63));
        sum ^= (v >> (y & 63)) & 1;
        sum += (unsigned)__builtin_parityll(v) + (unsigned)__builtin_ffsll((long long)w);
    }
    printf("%016llx\n", (unsigned long long)sum);
    return 0;
}
