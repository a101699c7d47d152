/* Filters standard input to standard output: line by line, upper case, with counts at the end.
 * build: -O2 dynamic; -O0 static
 * stdin: first line\nsecond line, longer\n\nlast without newline
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *line = NULL;
    size_t room = 0, lines = 0, letters = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            letters += isalpha((unsigned char)line[i]) != 0;
            putchar(toupper((unsigned char)line[i]));
        }
        lines++;
    }
    printf("\n%zu lines, %zu letters, eof %d\n", lines, letters, feof(stdin) != 0);
    free(line);
    return ferror(stdin);
}
