/* Immediates of A64 that are no plain bit strings: what the decode tables call as !fn=. Values are raw
 * fields of the instruction; the names in brackets are those of the manual's shared pseudocode
 * (DDI 0487, appendix J1).
 */
#include <stdint.h>
#include "frontend/a64_decode.h"

static uint64_t replicate(uint64_t value, int bits)
{
    for (; bits < 64; bits *= 2)
        value |= value << bits;
    return value;
}

/* N:immr:imms to 64 bits (DecodeBitMasks): a run of ones, rotated within an element, repeated. The run
 * may not fill the element. 0, which is no mask, if the field is reserved. */
int64_t aarch64_field_bitmask(int64_t value)
{
    unsigned n = value >> 12 & 1, immr = value >> 6 & 63, imms = value & 63;
    unsigned levels = n << 6 | (~imms & 63);
    if (levels < 2)
        return 0;
    unsigned bits = 1u << (31 - __builtin_clz(levels));
    unsigned run = (imms & (bits - 1)) + 1, turn = immr & (bits - 1);
    if (run == bits)
        return 0;
    uint64_t all = bits == 64 ? ~0ull : (1ull << bits) - 1;
    uint64_t element = (1ull << run) - 1;
    if (turn)
        element = (element >> turn | element << (bits - turn)) & all;
    return (int64_t)replicate(element, (int)bits);
}

/* abcdefgh to a floating-point number of 2 + e bits of exponent: a NOT(b) bbb…cd efgh0… (VFPExpandImm). */
static uint64_t fp8(int64_t value, int e, int fraction)
{
    uint64_t sign = value >> 7 & 1, b = value >> 6 & 1, cd = value >> 4 & 3, efgh = value & 15;
    uint64_t exponent = (b ? (1ull << (e - 1)) - 4 : 1ull << (e - 1)) | cd;
    return sign << (e + fraction) | exponent << fraction | efgh << (fraction - 4);
}

int64_t aarch64_field_fp8_half(int64_t value)
{
    return (int64_t)fp8(value, 5, 10);
}

int64_t aarch64_field_fp8_single(int64_t value)
{
    return (int64_t)fp8(value, 8, 23);
}

int64_t aarch64_field_fp8_double(int64_t value)
{
    return (int64_t)fp8(value, 11, 52);
}

/* scale to the number of fraction bits. */
int64_t aarch64_field_fbits(int64_t value)
{
    return 64 - value;
}

/* Each bit to a byte of ones or zeros. */
static uint64_t spread(unsigned imm8)
{
    uint64_t bytes = 0;
    for (int i = 0; i < 8; i++)
        bytes |= (uint64_t)(imm8 >> i & 1 ? 0xff : 0) << (8 * i);
    return bytes;
}

/* op:cmode:o2:imm8 to 64 bits (AdvSIMDExpandImm), inverted where the instruction is mvni. */
int64_t aarch64_field_simd_imm(int64_t value)
{
    unsigned op = value >> 13 & 1, cmode = value >> 9 & 15, o2 = value >> 8 & 1;
    uint64_t imm8 = value & 255, result;
    if (cmode < 8)
        result = replicate(imm8 << (cmode >> 1) * 8, 32);
    else if (cmode < 12)
        result = replicate(imm8 << (cmode >> 1 & 1) * 8, 16);
    else if (cmode < 14)
        result = replicate(cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff, 32);
    else if (cmode == 14)
        result = op ? spread((unsigned)imm8) : replicate(imm8, 8);
    else if (op)
        result = fp8((int64_t)imm8, 11, 52);
    else
        result = o2 ? replicate(fp8((int64_t)imm8, 5, 10), 16) : replicate(fp8((int64_t)imm8, 8, 23), 32);
    int mvni = op && cmode < 14 && (cmode >= 12 || !(cmode & 1));
    return (int64_t)(mvni ? ~result : result);
}

/* immh to the log2 of the element's bytes: its highest bit's number. */
int64_t aarch64_field_immh_esz(int64_t value)
{
    return 31 - __builtin_clz((unsigned)value | 1);
}

/* immh:immb to a right shift of 1 … the element's bits. */
int64_t aarch64_field_shr_imm(int64_t value)
{
    return (16 << aarch64_field_immh_esz(value >> 3)) - value;
}

/* immh:immb to a left shift of 0 … the element's bits - 1. */
int64_t aarch64_field_shl_imm(int64_t value)
{
    return value - (8 << aarch64_field_immh_esz(value >> 3));
}
