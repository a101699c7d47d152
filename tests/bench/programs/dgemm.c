/* Dense double matrices: multiplication by rows, and a Cholesky decomposition.
 * class: floating point */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 200 };
static double a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 55;
    double trace = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = 1.0 / (i + j + 1);
            b[i][j] = (i * 7 + j * 3) % 11 - 5;
        }
    }
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                c[i][j] = i == j ? N + r : 0;
            }
            for (int k = 0; k < N; k++) {
                double s = a[i][k];
                for (int j = 0; j < N; j++) {
                    c[i][j] += s * b[k][j];
                }
            }
        }
        for (int i = 0; i < N; i++) {
            for (int j = 0; j <= i; j++) {
                double s = i == j ? c[i][j] + 50 : (c[i][j] + c[j][i]) * 0.1;
                for (int k = 0; k < j; k++) {
                    s -= c[i][k] * c[j][k];
                }
                c[i][j] = i == j ? sqrt(fabs(s)) : s / c[j][j];
            }
        }
        for (int i = 0; i < N; i++) {
            trace += c[i][i];
        }
    }
    printf("%.5g\n", trace);
    return 0;
}
