/* Planets attracting each other: scalar double arithmetic, division, square roots.
 * class: floating point */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 5 };
static double x[N][3] = { { 0, 0, 0 }, { 4.84, -1.16, -0.10 }, { 8.34, 4.12, -0.4 }, { 12.89, -15.11, -0.22 },
                          { 15.37, -25.9, 0.179 } };
static double v[N][3] = { { 0, 0, 0 }, { 0.6, 2.81, -0.02 }, { -1.01, 1.82, 0.008 }, { 1.08, 0.86, -0.01 },
                          { 0.97, 0.59, -0.034 } };
static const double mass[N] = { 39.47, 0.037, 0.011, 0.0017, 0.002 };

static double energy(void)
{
    double e = 0;
    for (int i = 0; i < N; i++) {
        e += 0.5 * mass[i] * (v[i][0] * v[i][0] + v[i][1] * v[i][1] + v[i][2] * v[i][2]);
        for (int j = i + 1; j < N; j++) {
            double dx = x[i][0] - x[j][0], dy = x[i][1] - x[j][1], dz = x[i][2] - x[j][2];
            e -= mass[i] * mass[j] / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return e;
}

int main(int argc, char **argv)
{
    int steps = (argc > 1 ? atoi(argv[1]) : 20) * 100000;
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < N; i++) {
            for (int j = i + 1; j < N; j++) {
                double d[3], square = 0;
                for (int k = 0; k < 3; k++) {
                    d[k] = x[i][k] - x[j][k];
                    square += d[k] * d[k];
                }
                double pull = 0.001 / (square * sqrt(square));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * mass[j] * pull;
                    v[j][k] += d[k] * mass[i] * pull;
                }
            }
        }
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < 3; k++) {
                x[i][k] += 0.001 * v[i][k];
            }
        }
    }
    printf("%.4f\n", energy());
    return 0;
}
