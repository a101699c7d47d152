/* Big numbers: digits of pi, factorials, modular powers with 64-bit limbs and 128-bit products.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMBS = 32, BASE = 10000, DIGITS = 1400 };
typedef unsigned __int128 u128;

static void multiply(uint64_t *to, const uint64_t *a, const uint64_t *b)
{
    uint64_t product[2 * LIMBS] = { 0 };
    for (int i = 0; i < LIMBS; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < LIMBS; j++) {
            u128 t = (u128)a[i] * b[j] + product[i + j] + carry;
            product[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        product[i + LIMBS] = carry;
    }
    /* Modulo 2^(64 LIMBS) - 189: fold the upper half twice. */
    for (int fold = 0; fold < 2; fold++) {
        uint64_t carry = 0;
        for (int i = 0; i < LIMBS; i++) {
            u128 t = (u128)product[i + LIMBS] * 189 + product[i] + carry;
            product[i] = (uint64_t)t;
            product[i + LIMBS] = 0;
            carry = (uint64_t)(t >> 64);
        }
        product[LIMBS] = carry;
    }
    memcpy(to, product, LIMBS * sizeof *to);
}

static uint32_t pi(void)
{
    static int32_t r[DIGITS * 14 / 4 + 1];
    uint32_t check = 0;
    int32_t carry = 0;
    for (int i = 0; i < DIGITS * 14 / 4; i++) {
        r[i] = BASE / 5;
    }
    for (int k = DIGITS * 14 / 4; k > 0; k -= 14) {
        int64_t d = 0;
        for (int i = k; i > 0; i--) {
            d = d * i + (int64_t)BASE * r[i];
            r[i] = (int32_t)(d % (2 * i - 1));
            d /= 2 * i - 1;
        }
        check = check * 31 + (uint32_t)(carry + d / BASE);
        carry = (int32_t)(d % BASE);
    }
    return check;
}

static uint32_t factorial(uint32_t n)
{
    static uint32_t digits[4000];
    size_t used = 1;
    memset(digits, 0, sizeof digits);
    digits[0] = 1;
    for (uint32_t k = 2; k <= n; k++) {
        uint64_t carry = 0;
        for (size_t i = 0; i < used; i++) {
            carry += (uint64_t)digits[i] * k;
            digits[i] = (uint32_t)(carry % 1000000000);
            carry /= 1000000000;
        }
        while (carry) {
            digits[used++] = (uint32_t)(carry % 1000000000);
            carry /= 1000000000;
        }
    }
    return digits[used - 1] ^ (uint32_t)used;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 8;
    uint64_t base[LIMBS], power[LIMBS];
    uint32_t check = 0;
    for (int i = 0; i < LIMBS; i++) {
        base[i] = 0x9E3779B97F4A7C15u * (uint64_t)(i + 1);
        power[i] = i == 0;
    }
    for (int r = 0; r < rounds; r++) {
        for (int bit = 0; bit < 9000; bit++) {
            multiply(power, power, power);
            if ((bit * 2654435761u) >> 31) {
                multiply(power, power, base);
            }
        }
        check = check * 31 + pi() + factorial(2200 + (uint32_t)r);
    }
    printf("%016llx %u\n", (unsigned long long)power[LIMBS - 1], check);
    return 0;
}
