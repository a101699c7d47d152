/* Dies of abort(), which raises SIGABRT past a handler that returns.
 * build: -O2 dynamic; -O2 static
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void handler(int signal)
{
    if (write(1, "handler\n", 8) != 8) {
        _exit(signal);
    }
}

int main(void)
{
    signal(SIGABRT, handler);
    abort();
}
