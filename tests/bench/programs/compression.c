/* A dictionary compressor with hash chains and Huffman coding, and its decompressor.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 300000, HASH = 1 << 15, SYMBOLS = 512 };
static uint8_t text[SIZE + 16], unpacked[SIZE + 300];
static int32_t head[HASH], chain[SIZE];
static uint16_t tokens[2 * SIZE];
static uint8_t bits[2 * SIZE];
static unsigned length_of[SYMBOLS], code_of[SYMBOLS];

/* Tokens: a literal below 256, or 256 + length followed by a distance. */
static size_t find_matches(void)
{
    size_t out = 0;
    memset(head, -1, sizeof head);
    for (int32_t at = 0; at < SIZE;) {
        uint32_t three = text[at] | (uint32_t)text[at + 1] << 8 | (uint32_t)text[at + 2] << 16;
        uint32_t h = three * 2654435761u >> 17;
        int best = 0, best_at = 0, depth = 0;
        for (int32_t c = head[h]; c >= 0 && depth < 24 && at - c < 32768; c = chain[c], depth++) {
            int n = 0;
            while (n < 250 && at + n < SIZE && text[c + n] == text[at + n]) {
                n++;
            }
            if (n > best) {
                best = n;
                best_at = c;
            }
        }
        chain[at] = head[h];
        head[h] = at;
        if (best < 4) {
            tokens[out++] = text[at++];
        } else {
            tokens[out++] = (uint16_t)(256 + best);
            tokens[out++] = (uint16_t)(at - best_at);
            at += best;
        }
    }
    return out;
}

static void lengths(const unsigned *count)
{
    struct { unsigned weight; int left, right; } node[2 * SYMBOLS];
    int n = 0, alive[SYMBOLS], living = 0;
    for (int i = 0; i < SYMBOLS; i++) {
        node[n].weight = count[i] + 1;
        node[n].left = -1;
        alive[living++] = n++;
    }
    while (living > 1) {
        int low[2];
        for (int k = 0; k < 2; k++) {
            int best = 0;
            for (int i = 1; i < living; i++) {
                best = node[alive[i]].weight < node[alive[best]].weight ? i : best;
            }
            low[k] = alive[best];
            alive[best] = alive[--living];
        }
        node[n].weight = node[low[0]].weight + node[low[1]].weight;
        node[n].left = low[0];
        node[n].right = low[1];
        alive[living++] = n++;
    }
    int stack[SYMBOLS], depth[SYMBOLS], sp = 0;
    unsigned code[SYMBOLS];
    stack[0] = n - 1, depth[0] = 0, code[0] = 0, sp = 1;
    while (sp) {
        int at = stack[--sp], d = depth[sp];
        unsigned c = code[sp];
        if (node[at].left < 0) {
            length_of[at] = (unsigned)d;
            code_of[at] = c;
        } else {
            stack[sp] = node[at].left, depth[sp] = d + 1, code[sp++] = c << 1;
            stack[sp] = node[at].right, depth[sp] = d + 1, code[sp++] = c << 1 | 1;
        }
    }
}

static size_t pack(size_t n)
{
    uint64_t buffer = 0;
    unsigned held = 0;
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned symbol = tokens[i];
        buffer = buffer << length_of[symbol] | code_of[symbol];
        held += length_of[symbol];
        if (symbol > 255) {
            buffer = buffer << 15 | (tokens[++i] & 32767);
            held += 15;
        }
        while (held >= 8) {
            held -= 8;
            bits[out++] = (uint8_t)(buffer >> held);
        }
    }
    bits[out++] = (uint8_t)(buffer << (8 - held));
    return out;
}

static size_t unpack(size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned symbol = tokens[i];
        if (symbol < 256) {
            unpacked[out++] = (uint8_t)symbol;
        } else {
            unsigned distance = tokens[++i];
            for (unsigned k = 256; k < symbol; k++, out++) {
                unpacked[out] = unpacked[out - distance];
            }
        }
    }
    return out;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    unsigned x = 7;
    size_t total = 0;
    uint32_t check = 0;
    for (int r = 0; r < rounds; r++) {
        for (size_t i = 0; i < SIZE; i++) {
            x = x * 1664525 + 1013904223;
            text[i] = i > 500 && (x >> 28) > 1 ? text[i - 400 - (x >> 27 & 3) * 25] : (uint8_t)("etaoin shrdlu\n"[x >> 24 & 7]);
        }
        size_t n = find_matches();
        unsigned count[SYMBOLS] = { 0 };
        for (size_t i = 0; i < n; i++) {
            count[tokens[i]]++;
            i += tokens[i] > 255;
        }
        lengths(count);
        size_t packed = pack(n);
        total += packed;
        for (size_t i = 0; i < packed; i++) {
            check = check * 33 + bits[i];
        }
        if (unpack(n) != SIZE || memcmp(text, unpacked, SIZE) != 0) {
            puts("round trip failed");
            return 1;
        }
    }
    printf("%zu %08x\n", total, check);
    return 0;
}
