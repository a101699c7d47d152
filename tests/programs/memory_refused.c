/* Memory that is refused ends nothing but what asked for it: limits on the address space and on data, and code that runs for
 * the first time when nothing is left. A limit that the parent sets from outside is the translator's, too; the child of a fork that
 * has to map a code cache anew can't go on then, so not with a dual one.
 *
 * build: -O2 dynamic; -O2 static
 * dual: no
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Much code that nothing has run before. */
#define STEP(n) __attribute__((noinline)) static unsigned step##n(unsigned x) { return (x ^ n) * 2654435761u + (x >> (n % 31)); }
#define TEN(n) STEP(n##0) STEP(n##1) STEP(n##2) STEP(n##3) STEP(n##4) STEP(n##5) STEP(n##6) STEP(n##7) STEP(n##8) STEP(n##9)
TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9)
#define RUN(n) x = step##n(x);
#define RUN10(n) RUN(n##0) RUN(n##1) RUN(n##2) RUN(n##3) RUN(n##4) RUN(n##5) RUN(n##6) RUN(n##7) RUN(n##8) RUN(n##9)

static unsigned fresh_code(void)
{
    unsigned x = 1;

    RUN10(1) RUN10(2) RUN10(3) RUN10(4) RUN10(5) RUN10(6) RUN10(7) RUN10(8) RUN10(9)
    return x;
}

static void *thread(void *arg)
{
    return arg;
}

/* Takes all that there is, big pieces first. */
static int use_up(void)
{
    int got = 0;

    for (size_t size = (size_t)1 << 30; size >= 4096; size /= 2)
        while (got < 100000 && mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
            got++;
    return errno == ENOMEM;
}

static int with_limit(void)
{
    pthread_t t;

    printf("used up %d\n", use_up());
    void *m = malloc((size_t)1 << 26);
    printf("malloc %d, errno %d\n", m != NULL, errno);
    printf("thread %d\n", pthread_create(&t, NULL, thread, NULL));
    printf("code %u\n", fresh_code());
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(fresh_code() & 1);
    int status = -1;
    if (pid > 0)
        waitpid(pid, &status, 0);
    printf("fork %d %d\n", pid > 0, status);
    fflush(stdout);
    return 0;
}

static int child(int resource, int by_parent, int go)
{
    struct rlimit limit = { 1, 1 };
    char c;

    if (by_parent)
        printf("go %zd\n", read(go, &c, 1));
    else
        printf("set %d\n", setrlimit(resource, &limit));
    return with_limit();
}

int main(void)
{
    for (int k = 0; k < 4; k++) {
        int status, go[2], resource = k & 1 ? RLIMIT_DATA : RLIMIT_AS;
        struct rlimit limit = { 1, 1 };

        if (pipe(go) < 0)
            return 1;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            exit(child(resource, k / 2, go[0]));
        if (k / 2)
            printf("set by parent %d\n", prlimit(pid, resource, &limit, NULL));
        fflush(stdout);
        if (write(go[1], "", 1) != 1)
            return 1;
        waitpid(pid, &status, 0);
        printf("limit %d: %d\n", k, status);
        close(go[0]);
        close(go[1]);
    }
    return 0;
}
