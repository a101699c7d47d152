/* enter ROOT PROGRAM: runs PROGRAM inside ROOT; 77 if that is not allowed. */
#include <unistd.h>

int main(int argc, char **argv)
{
    char *args[] = { argv[2], NULL };

    if (argc != 3 || chroot(argv[1]) < 0 || chdir("/") < 0)
        return 77;
    execv(args[0], args);
    return 1;
}
