/* absent LIBRARY: calls its function and prints where that was. absent jump ADDRESS: calls what is there. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int (*answer)(void) = NULL;

    if (argc == 3) {
        answer = (int (*)(void))(uintptr_t)strtoull(argv[2], NULL, 16);
        return answer();
    }
    void *lib = dlopen(argv[1], RTLD_NOW);

    if (lib)
        answer = (int (*)(void))dlsym(lib, "answer");
    if (!answer || answer() != 1)
        return 1;
    printf("%lx\n", (unsigned long)(uintptr_t)answer);
    return 0;
}
