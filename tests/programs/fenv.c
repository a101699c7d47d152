/* Rounding modes and exception flags, alone and kept across calls.
 * build: -O2 -frounding-math dynamic; -O0 -frounding-math static
 */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *name; int mode; } modes[] = {
    { "nearest", FE_TONEAREST }, { "zero", FE_TOWARDZERO }, { "down", FE_DOWNWARD }, { "up", FE_UPWARD },
};

static const double values[] = {
    0.0, 1.0, -1.0, 3.0, 0.5, 2.5, -2.5, 1e300, -1e-300, 5e-324, 1.7976931348623157e308, 1e-308, 7.1,
};

static unsigned flags(void)
{
    int f = fetestexcept(FE_ALL_EXCEPT);
    feclearexcept(FE_ALL_EXCEPT);
    return !!(f & FE_INVALID) << 4 | !!(f & FE_DIVBYZERO) << 3 | !!(f & FE_OVERFLOW) << 2
           | !!(f & FE_UNDERFLOW) << 1 | !!(f & FE_INEXACT);
}

static void show(const char *name, volatile double d)
{
    unsigned f = flags();
    double copy = d;
    uint64_t bits;
    memcpy(&bits, &copy, sizeof bits);
    printf("%s %016llx %02x\n", name, isnan(copy) ? 0x7ff8000000000000ull : (unsigned long long)bits, f);
}

int main(void)
{
    const int n = sizeof values / sizeof *values;
    for (int m = 0; m < 4; m++) {
        fesetround(modes[m].mode);
        printf("%s %d\n", modes[m].name, fegetround() == modes[m].mode);
        feclearexcept(FE_ALL_EXCEPT);
        for (volatile int i = 0; i < n; i++) {
            volatile double a = values[i];
            for (volatile int j = 0; j < n; j++) {
                volatile double b = values[j];
                volatile float x = (float)a, y = (float)b, r;
                flags();
                r = x / y, show("divf", (double)r);
                r = x * y, show("mulf", (double)r);
                show("add", a + b), show("sub", a - b), show("mul", a * b), show("div", a / b);
            }
            volatile float narrow = (float)a;
            show("narrow", (double)narrow);
            show("sqrt", sqrt(a));
            show("rint", rint(a));
            if (fabs(a) < 1e9) {
                show("lrint", (double)lrint(a));
                volatile int truncated = (int)a;
                show("int", truncated);
            }
        }
        volatile int64_t big = 0x7ffffffffffffdff;
        show("i64", (double)big);
    }
    fesetround(FE_TONEAREST);
    fenv_t saved;
    feraiseexcept(FE_DIVBYZERO);
    feholdexcept(&saved);
    printf("held %02x\n", flags());
    feraiseexcept(FE_INVALID);
    feupdateenv(&saved);
    printf("updated %02x\n", flags());
    return 0;
}
