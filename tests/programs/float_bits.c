/* Exact results of float and double arithmetic and conversions over special values.
 * NaNs print as one word: which NaN comes out differs between machines.
 * build: -O2 dynamic; -O0 static; -O3 fixed
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void show(const char *name, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    if (isnan(d)) {
        printf("%s nan\n", name);
    } else {
        printf("%s %016llx\n", name, (unsigned long long)bits);
    }
}

static void show_float(const char *name, float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (isnan(f)) {
        printf("%s nan\n", name);
    } else {
        printf("%s %08x\n", name, bits);
    }
}

static const double values[] = {
    0.0, -0.0, 1.0, -1.5, 1.0 / 3, 1e308, -1e308, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-310,
    INFINITY, -INFINITY, NAN, 3.4028235677973366e38, 1e-45, 16777217.0, 4503599627370497.5, 0.1,
};

int main(void)
{
    const int n = sizeof values / sizeof *values;
    for (volatile int i = 0; i < n; i++) {
        for (volatile int j = 0; j < n; j++) {
            double a = values[i], b = values[j];
            float x = (float)a, y = (float)b;
            show("add", a + b), show("sub", a - b), show("mul", a * b), show("div", a / b);
            show("fma", fma(a, b, -a)), show("copysign", copysign(a, b));
            show_float("addf", x + y), show_float("subf", x - y), show_float("mulf", x * y);
            show_float("divf", x / y), show_float("fmaf", fmaf(x, y, x));
            if (!isnan(a) && !isnan(b) && (a != 0 || b != 0)) {
                show("min", fmin(a, b)), show("max", fmax(a, b));
            }
            printf("%d%d%d%d%d%d\n", a < b, a <= b, a > b, a == b, a != b, isunordered(a, b));
        }
        double a = values[i];
        show("sqrt", sqrt(a)), show_float("sqrtf", sqrtf((float)a)), show("neg", -a), show("abs", fabs(a));
        show("rint", rint(a)), show("floor", floor(a)), show("trunc", trunc(a)), show("round", round(a));
        if (fabs(a) < 1e9) {
            printf("int %d %u %ld %d\n", (int)a, (unsigned)fabs(a), (long)a, (int)(float)a);
        }
        show("mod", fmod(a, 0.7)), show("ldexp", ldexp(a, -3));
    }
    for (volatile int64_t v = 1; v > 0 && v < INT64_MAX / 7; v = v * 7 + 3) {
        show("i64", (double)v), show("u64", (double)((uint64_t)v << 1 | 1)), show("i32", (int32_t)v);
        show_float("i64f", (float)-v), show_float("u64f", (float)((uint64_t)v * 5)), show_float("u32f", (float)(uint32_t)v);
    }
    return 0;
}
