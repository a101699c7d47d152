#include <stdio.h>

int main(void)
{
    return puts("hello from inside") < 0;
}
