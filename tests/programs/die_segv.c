/* Dies of a wild store after some output: the one who started it must see SIGSEGV.
 * build: -O2 dynamic; -O0 static
 */
#include <stdio.h>

int main(void)
{
    puts("about to die");
    fflush(stdout);
    *(volatile int *)16 = 1;
    return 0;
}
