/* A sweep through the mathematics library, to eleven digits: both libraries may differ in the last bit.
 * build: -O2 dynamic; -O2 static
 */
#include <complex.h>
#include <math.h>
#include <stdio.h>

#define ROW(f) { #f, f }
static const struct { const char *name; double (*f)(double); } table[] = {
    ROW(sin), ROW(cos), ROW(tan), ROW(atan), ROW(sinh), ROW(cosh), ROW(tanh), ROW(asinh), ROW(exp), ROW(exp2),
    ROW(expm1), ROW(cbrt), ROW(erf), ROW(erfc), ROW(floor), ROW(ceil), ROW(trunc), ROW(round), ROW(rint),
    ROW(nearbyint), ROW(fabs), ROW(logb), ROW(j0),
};
static const struct { const char *name; double (*f)(double); } positive[] = {
    ROW(log), ROW(log2), ROW(log10), ROW(log1p), ROW(sqrt), ROW(lgamma), ROW(acosh), ROW(y1),
};

int main(void)
{
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        for (double x = -9.7; x < 10; x += 1.37) {
            printf("%s(%.2f) = %.10e\n", table[i].name, x, table[i].f(x));
        }
    }
    for (unsigned i = 0; i < sizeof positive / sizeof *positive; i++) {
        for (double x = 1.1; x < 1e6; x *= 3.3) {
            printf("%s(%.2f) = %.10e\n", positive[i].name, x, positive[i].f(x));
        }
    }
    for (double x = 0.3; x < 20; x += 2.9) {
        int exponent;
        double whole, mantissa = frexp(x * 1e10, &exponent), part = modf(x, &whole);
        printf("%.10e %.10e %.10e %.10e\n", pow(x, 2.5), atan2(x, -x), hypot(x, 3), fmod(100, x));
        printf("%.10e %d %.10e %.0f %ld %d %.10e\n", mantissa, exponent, part, whole, lround(x), ilogb(x),
               remainder(10, x));
        printf("%.6e %.6e %.6e %.6e\n", (double)sinf((float)x), (double)expf((float)x), (double)logf((float)x),
               (double)powf((float)x, 1.5f));
    }
    double complex z = cexp(0.5 + 1.5 * I) * csqrt(-2 + I) / (3 - 4 * I);
    printf("%.10e %.10e %.10e\n", creal(z), cimag(z), cabs(z));
    return 0;
}
