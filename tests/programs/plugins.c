/* dlopen of a system library while running, calls through it, symbols by name, errors.
 * build: -O2 dynamic
 * libs: -ldl
 */
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
    void *library = dlopen("libm.so.6", RTLD_NOW);
    double (*cosine)(double) = (double (*)(double))dlsym(library, "cos");
    printf("%.6f %.6f\n", cosine(0.0), cosine(1.0));
    printf("%d\n", dlsym(library, "no_such_function") == NULL);
    printf("%d\n", dlopen("libnothere.so.9", RTLD_LAZY) == NULL && dlerror() != NULL);
    return dlclose(library);
}
