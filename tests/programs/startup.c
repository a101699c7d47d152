/* Constructors and destructors in order, initialised thread-local and large static data, indirect functions.
 * build: -O2 dynamic; -O2 static; -O0 fixed
 */
#include <stdio.h>
#include <stdlib.h>

static int table[1 << 18] = { [0] = 7, [1000] = 8, [(1 << 18) - 1] = 9 };
static const char *const names[] = { "zero", "one", "two" };
static double empty[1 << 16];
static _Thread_local int local = 11;

__attribute__((constructor(101))) static void early(void)
{
    puts("constructor 101");
}

__attribute__((constructor(202))) static void late(void)
{
    puts("constructor 202");
}

__attribute__((destructor(101))) static void last(void)
{
    puts("destructor 101");
}

__attribute__((destructor(202))) static void before_last(void)
{
    puts("destructor 202");
}

int main(int argc, char **argv)
{
    long sum = 0;
    for (int i = 0; i < 1 << 18; i++) {
        sum += table[i];
    }
    printf("%ld %s %.1f %d\n", sum, names[argc], empty[argc * 50], local);
    return argv[argc] != NULL;
}
