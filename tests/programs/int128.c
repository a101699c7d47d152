/* 64-bit and 128-bit arithmetic, carries, and overflow checks.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

typedef unsigned __int128 u128;

static uint64_t seed = 1;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void show(const char *name, u128 v)
{
    printf("%-8s %016" PRIx64 "%016" PRIx64 "\n", name, (uint64_t)(v >> 64), (uint64_t)v);
}

int main(void)
{
    u128 sum = 0;
    for (int i = 0; i < 2000; i++) {
        u128 a = (u128)next() << 64 | next(), b = (u128)(next() >> (i & 63)) << (i & 31) | next();
        unsigned shift = next() & 127;
        sum += a * b;
        sum ^= a / (b | 1);
        sum -= a % (b | 1);
        sum += a << shift | b >> (127 - shift);
        sum ^= (u128)((__int128)a >> shift);
        sum += (__int128)a < (__int128)b ? a : -b;
        int64_t signed_result;
        uint64_t unsigned_result;
        sum += __builtin_add_overflow((int64_t)a, (int64_t)b, &signed_result);
        sum += (uint64_t)signed_result;
        sum ^= __builtin_mul_overflow((int64_t)a, (int64_t)(b >> 50), &signed_result);
        sum ^= (uint64_t)signed_result;
        sum += __builtin_sub_overflow((uint64_t)a, (uint64_t)b, &unsigned_result);
        sum += unsigned_result;
        if (i % 500 == 0) {
            show("sum", sum);
        }
    }
    show("end", sum);
    printf("%d %d\n", (int)((double)sum > 1e30), (int)((float)(__int128)sum < 0));
    show("back", (u128)((double)(sum >> 20)));
    return 0;
}
