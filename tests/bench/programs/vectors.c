/* Loops that a compiler vectorises: scaled addition, dot products, minima, conversions, polynomials.
 * class: floating point */
#include <stdio.h>
#include <stdlib.h>

enum { N = 4096 };
static double x[N], y[N], z[N];
static float f[N], g[N];
static int counts[N];

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 36000;
    for (int i = 0; i < N; i++) {
        x[i] = i * 0.001;
        y[i] = 1.0 / (i + 1);
        f[i] = (float)(i % 17) * 0.25f;
    }
    double sum = 0;
    for (int r = 0; r < rounds; r++) {
        double scale = 0.5 + r * 1e-6;
        for (int i = 0; i < N; i++) {
            z[i] = scale * x[i] + y[i];
        }
        for (int i = 0; i < N; i++) {
            g[i] = f[i] * 0.75f + g[i] * 0.25f;
        }
        for (int i = 0; i < N; i++) {
            y[i] = z[i] < 2.0 ? z[i] * 0.5 : y[i];
        }
        for (int i = 0; i < N; i++) {
            counts[i] += (int)f[i];
        }
        sum += z[r & (N - 1)] + (double)g[r & (N - 1)];
    }
    double dot = 0;
    for (int i = 0; i < N; i++) {
        dot += x[i] * y[i] + (double)counts[i] * 1e-6;
    }
    printf("%.5g %.5g\n", sum, dot);
    return 0;
}
