/* Leaves with a code above 127, after atexit handlers and buffered output.
 * build: -O2 dynamic; -O2 static
 */
#include <stdio.h>
#include <stdlib.h>

static void first(void)
{
    puts("registered first, runs last");
}

static void second(void)
{
    puts("registered second, runs first");
}

int main(void)
{
    atexit(first);
    atexit(second);
    printf("buffered");
    exit(0x1c8);
}
