/* Prints its words; with a path as the only argument, executes that. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%s%c", argv[i], i + 1 < argc ? '|' : '\n');
    fflush(stdout);
    if (argc == 2 && argv[1][0] == '/')
        execl(argv[1], "renamed", "x", "y", NULL);
    return argc;
}
