/* What gdb looks at. */
#include <stdio.h>

int factor = 5;

int sum(int n)
{
    int s = 0;

    for (int i = 1; i <= n; i++)
        s += i * factor;
    return s;
}

int main(void)
{
    int r = sum(10);

    printf("sum %d\n", r);
    r = sum(3);
    printf("sum %d\n", r);
    fflush(stdout);
    if (r == 6)
        *(volatile int *volatile)16 = 1;
    return 0;
}
