/* The Mandelbrot set in double and in single precision: multiply, add, compare.
 * class: floating point */
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 320, LIMIT = 250 };

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 6;
    unsigned long inside = 0, inside_float = 0;
    for (int r = 0; r < rounds; r++) {
        for (int py = 0; py < SIZE; py++) {
            for (int px = 0; px < SIZE; px++) {
                double cx = px * 3.0 / SIZE - 2, cy = py * 3.0 / SIZE - 1.5 + r * 0.001, x = 0, y = 0;
                int n = 0;
                while (n < LIMIT && x * x + y * y < 4) {
                    double next = x * x - y * y + cx;
                    y = 2 * x * y + cy;
                    x = next;
                    n++;
                }
                inside += n == LIMIT;
                float fcx = (float)cx, fcy = (float)cy, fx = 0, fy = 0;
                for (n = 0; n < LIMIT && fx * fx + fy * fy < 4; n++) {
                    float next = fx * fx - fy * fy + fcx;
                    fy = 2 * fx * fy + fcy;
                    fx = next;
                }
                inside_float += n == LIMIT;
            }
        }
    }
    /* Pixels on the border may fall either way with and without fused multiply-add. */
    printf("%lu %lu\n", (inside + 500) / 5000, (inside_float + 500) / 5000);
    return 0;
}
