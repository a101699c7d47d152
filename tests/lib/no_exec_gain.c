/* no_exec_gain PROGRAM ARGUMENT...: runs a program that the kernel refuses memory both writable and executable
 * (PR_SET_MDWE, Linux 6.3), as SELinux's execmem and systemd's MemoryDenyWriteExecute do. Exit status 77: not possible here. */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

int main(int argc, char **argv)
{
    if (argc < 2 || prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
        return 77;
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
