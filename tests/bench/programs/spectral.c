/* Spectral norm of an infinite matrix: divisions and sums in double precision.
 * class: floating point */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 700 };
static double u[N], v[N], t[N];

static double a(int i, int j)
{
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

static void times(const double *from, double *to, int transposed)
{
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++) {
            sum += (transposed ? a(j, i) : a(i, j)) * from[j];
        }
        to[i] = sum;
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 60;
    for (int i = 0; i < N; i++) {
        u[i] = 1;
    }
    for (int r = 0; r < rounds; r++) {
        times(u, t, 0), times(t, v, 1);
        times(v, t, 0), times(t, u, 1);
    }
    double vbv = 0, vv = 0;
    for (int i = 0; i < N; i++) {
        vbv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    printf("%.8f\n", sqrt(vbv / vv));
    return 0;
}
