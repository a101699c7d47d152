/* Some of libc, a little different for each argument. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

int main(int argc, char **argv)
{
    char text[] = "the quick brown fox jumps over the lazy dog";

    qsort(text, strlen(text), 1, compare);
    printf("%s %ld\n", strchr(text, argc > 1 ? argv[1][0] : 'z'), strtol("-1234", NULL, 10));
    return 0;
}
