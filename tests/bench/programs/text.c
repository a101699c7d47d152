/* Text: words counted in a hash table, substring search, case, splitting, formatting.
 * class: integer */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 400000, BUCKETS = 4096 };
struct word { struct word *next; unsigned count; char text[]; };
static char text[SIZE + 1];
static struct word *table[BUCKETS];

static struct word *lookup(const char *from, size_t length)
{
    unsigned h = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        h = (h ^ (unsigned char)tolower((unsigned char)from[i])) * 16777619u;
    }
    struct word **at = &table[h % BUCKETS];
    for (; *at; at = &(*at)->next) {
        if (strncasecmp((*at)->text, from, length) == 0 && (*at)->text[length] == 0) {
            return *at;
        }
    }
    struct word *w = calloc(1, sizeof *w + length + 1);
    memcpy(w->text, from, length);
    return *at = w;
}

int main(int argc, char **argv)
{
    static const char syllables[16][5] = { "dra", "go", "man", "tra", "ns", "la", "tor", "in", "ter", "pre", "t", "Ri",
                                           "sc", "V", "ab", "ou" };
    int rounds = argc > 1 ? atoi(argv[1]) : 50;
    unsigned x = 1, unique = 0, best = 0;
    unsigned long found = 0, formatted = 0;
    for (size_t at = 0; at < SIZE - 8;) {
        x = x * 1103515245 + 12345;
        const char *s = syllables[x >> 20 & 15];
        at = (size_t)(stpcpy(text + at, s) - text);
        if ((x >> 16 & 3) == 0) {
            text[at++] = (x >> 13 & 15) == 0 ? '\n' : ' ';
        }
    }
    for (int r = 0; r < rounds; r++) {
        for (const char *p = text; *p;) {
            size_t space = strspn(p, " \n"), length = strcspn(p + space, " \n");
            if (length) {
                lookup(p + space, length)->count++;
            }
            p += space + length;
        }
        for (const char *p = text; (p = strstr(p, "translator")); p++) {
            found++;
        }
        char line[128];
        for (int i = 0; i < 8000; i++) {
            formatted += (unsigned long)snprintf(line, sizeof line, "%d:%.20s:%08x|%5d", i, text + i, i * r, -i) + strlen(line);
        }
    }
    for (int i = 0; i < BUCKETS; i++) {
        for (struct word *w = table[i]; w; w = w->next) {
            unique++;
            best = w->count > best ? w->count : best;
        }
    }
    printf("%u %u %lu %lu\n", unique, best, found, formatted);
    return 0;
}
