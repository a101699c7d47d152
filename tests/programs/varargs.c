/* Variable arguments of all kinds, structures by value, function pointers, many parameters.
 * build: -O2 dynamic; -O0 static; -O3 dynamic
 */
#include <stdarg.h>
#include <stdio.h>

struct small { int a; float b; };
struct pair { double x, y; };
struct large { long v[5]; };

static double total(const char *kinds, ...)
{
    va_list args, copy;
    va_start(args, kinds);
    va_copy(copy, args);
    double sum = 0;
    for (const char *k = kinds; *k; k++) {
        switch (*k) {
        case 'i': sum += va_arg(args, int); break;
        case 'l': sum += (double)va_arg(args, long); break;
        case 'd': sum += va_arg(args, double); break;
        case 's': { struct small s = va_arg(args, struct small); sum += s.a + (double)s.b; break; }
        case 'p': { struct pair p = va_arg(args, struct pair); sum += p.x * p.y; break; }
        case 'L': { struct large l = va_arg(args, struct large); sum += (double)(l.v[0] + l.v[4]); break; }
        }
    }
    va_end(args);
    sum += *kinds == 'i' ? va_arg(copy, int) : 0;
    va_end(copy);
    return sum;
}

static struct pair mixed(int a, double b, long c, float d, char e, short f, double g, int h, long i, int j,
                         float k, struct small l, struct pair m, unsigned char n)
{
    struct pair r = { a + b + (double)c + (double)d + e + f, g + h + (double)i + j + (double)k };
    r.x += l.a * m.x;
    r.y += (double)l.b * m.y + n;
    return r;
}

static struct large fill(struct large from, int by)
{
    for (int i = 0; i < 5; i++) {
        from.v[i] += by * i;
    }
    return from;
}

static void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

int main(void)
{
    struct small s = { 3, 0.5f };
    struct pair p = { 1.5, -2.0 };
    struct large l = { { 1, 2, 3, 4, 5 } };
    struct pair (*volatile call)(int, double, long, float, char, short, double, int, long, int, float,
                                 struct small, struct pair, unsigned char) = mixed;
    printf("%.3f\n", total("ildspLiiiiiiilldd", 1, 2L, 3.5, s, p, l, 4, 5, 6, 7, 8, 9, 10, 11L, 12L, 13.0, 14.25));
    struct pair r = call(-1, 2.5, 3, 4.5f, 'e', -6, 7.75, 8, 9, 10, 11.5f, s, p, 255);
    printf("%.4f %.4f\n", r.x, r.y);
    struct large f = fill(l, 7);
    printf("%ld %ld %ld\n", f.v[0], f.v[2], f.v[4]);
    print("%d %s %ld %c %.2f %x %lld %p\n", -5, "text", 1L << 40, 'c', 2.25, 255u, -1LL, (void *)0);
    return 0;
}
