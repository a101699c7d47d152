/* Fast Fourier transforms there and back, with sine and cosine from the library.
 * class: floating point */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BITS = 14, N = 1 << BITS };
static double re[N], im[N], wr[N / 2], wi[N / 2];

static void fft(int sign)
{
    for (int i = 1, j = 0; i < N; i++) {
        int bit = N >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        if (i < j) {
            double t = re[i];
            re[i] = re[j], re[j] = t;
            t = im[i];
            im[i] = im[j], im[j] = t;
        }
    }
    for (int length = 2; length <= N; length <<= 1) {
        int half = length / 2, step = N / length;
        for (int i = 0; i < N; i += length) {
            for (int k = 0; k < half; k++) {
                double c = wr[k * step], s = sign * wi[k * step];
                double r = re[i + k + half] * c - im[i + k + half] * s;
                double m = re[i + k + half] * s + im[i + k + half] * c;
                re[i + k + half] = re[i + k] - r, im[i + k + half] = im[i + k] - m;
                re[i + k] += r, im[i + k] += m;
            }
        }
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 260;
    double peak = 0;
    for (int i = 0; i < N / 2; i++) {
        wr[i] = cos(2 * 3.14159265358979323846 * i / N);
        wi[i] = sin(2 * 3.14159265358979323846 * i / N);
    }
    for (int i = 0; i < N; i++) {
        re[i] = sin(i * 0.05) + 0.5 * cos(i * 0.31);
    }
    for (int r = 0; r < rounds; r++) {
        fft(1);
        double size = hypot(re[130 + r % 3], im[130 + r % 3]);
        peak = size > peak ? size : peak;
        fft(-1);
        for (int i = 0; i < N; i++) {
            re[i] /= N, im[i] /= N;
        }
    }
    printf("%.5g %.6f\n", peak, re[777]);
    return 0;
}
