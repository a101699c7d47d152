/* Heat flowing through a plate, single precision: neighbours, sums, a maximum of differences.
 * class: floating point */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 512 };
static float plate[2][N][N];

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 500;
    for (int i = 0; i < N; i++) {
        plate[0][0][i] = plate[1][0][i] = 100;
        plate[0][i][0] = plate[1][i][0] = (float)i / N * 50;
    }
    for (int r = 0; r < rounds; r++) {
        float (*from)[N] = plate[r & 1], (*to)[N] = plate[~r & 1];
        for (int i = 1; i < N - 1; i++) {
            for (int j = 1; j < N - 1; j++) {
                to[i][j] = 0.25f * (from[i - 1][j] + from[i + 1][j] + from[i][j - 1] + from[i][j + 1]);
            }
        }
    }
    double sum = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            sum += (double)plate[0][i][j];
        }
    }
    printf("%.5g\n", sum);
    return 0;
}
