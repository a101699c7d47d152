/* The C library's string and memory functions at every alignment, and number formatting.
 * build: -O2 dynamic; -O0 -fno-builtin static
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static unsigned long sum(const void *data, size_t length)
{
    unsigned long h = 5381;
    for (size_t i = 0; i < length; i++) {
        h = h * 33 + ((const unsigned char *)data)[i];
    }
    return h;
}

int main(void)
{
    static char a[512], b[512];
    unsigned long h = 0;
    for (int from = 0; from < 9; from++) {
        for (int to = 0; to < 9; to++) {
            for (int n = 0; n < 70; n += 3) {
                memset(a, from + n, sizeof a);
                memset(b, to, sizeof b);
                memcpy(b + to, a + from, (size_t)n);
                memmove(b + to + 3, b + to, (size_t)n);
                a[from + n] = 0;
                b[to + n] = 0;
                h = h * 7 + sum(b, sizeof b) + strlen(a + from) + (memcmp(a + from, b + to, (size_t)n) > 0)
                    + (strcmp(a + from, b + to) < 0);
            }
        }
    }
    printf("%lx\n", h);
    strcpy(a, "The quick brown fox jumps over the lazy dog");
    printf("%s|%s|%s\n", strchr(a, 'q'), strrchr(a, 'o'), strstr(a, "lazy"));
    printf("%zu %zu %s\n", strspn(a, "The "), strcspn(a, "x"), strpbrk(a, "zyx"));
    strncat(strncpy(b, a, 9), " end", 3);
    b[12] = 0;
    puts(b);
    char *rest = NULL;
    for (char *word = strtok_r(a, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        printf("<%s>", word);
    }
    printf("\n%d %d %d\n", strcasecmp("HELLO", "hellp"), strncmp("abc", "abd", 2), memcmp("a\0b", "a\0c", 3) < 0);
    printf("%ld %lu %lld %.10g\n", strtol("-0x7fzz", NULL, 0), strtoul("18446744073709551615", NULL, 10),
           strtoll("777", NULL, 8), strtod("1.7976931348623157e308", NULL));
    printf("%d %5.2f|%-8s|%08x|%+d|%e|%g|%a|%c|%%|%hhd|%zu\n", -1, 3.14159, "ab", 0xbeef, 5, 12345.678, 1e-5,
           1.0 / 3, 'z', (char)1, sizeof a);
    int x, n;
    char word[16];
    float f;
    n = sscanf("42 apples 2.5", "%d %15s %f", &x, word, &f);
    printf("%d %d %s %.3f\n", n, x, word, (double)f);
    for (int c = 0; c < 128; c++) {
        h = h * 3 + (isalpha(c) != 0) + 2 * (isdigit(c) != 0) + 4 * (ispunct(c) != 0) + (unsigned)toupper(c);
    }
    wchar_t wide[32];
    swprintf(wide, 32, L"%ls-%d", L"wide", 7);
    printf("%lx %ls %zu %p\n", h, wide, wcslen(wide), memchr("hello", 'z', 5));
    return 0;
}
