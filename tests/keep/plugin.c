/* Loads each library that is named, asks it, and unloads it, so that the next one takes its place. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *lib = dlopen(argv[i], RTLD_NOW);
        int (*answer)(void) = lib ? (int (*)(void))dlsym(lib, "answer") : NULL;

        if (!answer)
            return fprintf(stderr, "%s\n", dlerror()) > 0;
        printf("%d\n", answer());
        dlclose(lib);
    }
    return 0;
}
