/* SHA-256, CRC-32 by table and by bit, SipHash: rotations, logic, table look-ups.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t k[64], crc_table[256];
static uint8_t data[1 << 16];

static uint32_t rotr(uint32_t v, int n)
{
    return v >> n | v << (32 - n);
}

static uint64_t rotl(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

static void sha256_block(uint32_t state[8], const uint8_t *p)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rotr(x, 7) ^ rotr(x, 18) ^ x >> 3) + w[i - 7] + (rotr(y, 17) ^ rotr(y, 19) ^ y >> 10);
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t t1 = s[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        s[7] = s[6], s[6] = s[5], s[5] = e, s[4] = s[3] + t1, s[3] = s[2], s[2] = s[1], s[1] = a, s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

static uint64_t siphash(const uint8_t *p, size_t n, uint64_t key)
{
    uint64_t v0 = key ^ 0x736f6d6570736575, v1 = ~key ^ 0x646f72616e646f6d, v2 = key ^ 0x6c7967656e657261,
             v3 = ~key ^ 0x7465646279746573;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t m;
        memcpy(&m, p + i, 8);
        v3 ^= m;
        for (int r = 0; r < 2; r++) {
            v0 += v1, v1 = rotl(v1, 13) ^ v0, v0 = rotl(v0, 32), v2 += v3, v3 = rotl(v3, 16) ^ v2;
            v0 += v3, v3 = rotl(v3, 21) ^ v0, v2 += v1, v1 = rotl(v1, 17) ^ v2, v2 = rotl(v2, 32);
        }
        v0 ^= m;
    }
    return v0 ^ v1 ^ v2 ^ v3;
}

static uint32_t crc(const uint8_t *p, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        c = crc_table[(c ^ p[i]) & 255] ^ c >> 8;
    }
    return c;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 900;
    uint32_t state[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, check = 0;
    uint64_t sip = 1, x = 88172645463325252;
    for (size_t i = 0; i < sizeof data; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        data[i] = (uint8_t)x;
        k[i & 63] = (uint32_t)(x >> 17);
    }
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) {
            c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
        }
        crc_table[i] = c;
    }
    for (int r = 0; r < rounds; r++) {
        for (size_t i = 0; i < sizeof data / 2; i += 64) {
            sha256_block(state, data + i);
        }
        check = crc(data, sizeof data / 2, check);
        sip = siphash(data, sizeof data, sip);
        data[r] ^= (uint8_t)sip;
    }
    printf("%08x %08x %016llx\n", state[0], check, (unsigned long long)sip);
    return 0;
}
