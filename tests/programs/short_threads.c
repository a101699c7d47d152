/* Many short threads in sequence and at once, robust and recursive mutexes, fork from threads.
 * build: -O2 dynamic; -O2 static
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int count;
static pthread_mutex_t robust;

static void *touch(void *arg)
{
    static _Thread_local int mine[50];
    for (int i = 0; i < 50; i++) {
        count += mine[i] + 1;
    }
    return arg;
}

static void *abandon(void *arg)
{
    pthread_mutex_lock(&robust);
    return arg;
}

static void *forker(void *arg)
{
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(i);
        }
        int status;
        waitpid(child, &status, 0);
        count += WEXITSTATUS(status);
    }
    return arg;
}

int main(void)
{
    pthread_t thread[100];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < 2000; i++) {
        pthread_create(&thread[0], NULL, touch, NULL);
        pthread_join(thread[0], NULL);
    }
    printf("%d\n", count);
    for (int i = 0; i < 100; i++) {
        pthread_create(&thread[i], &small, touch, NULL);
    }
    for (int i = 0; i < 100; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("%d\n", count);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    pthread_create(&thread[0], NULL, abandon, NULL);
    pthread_join(thread[0], NULL);
    printf("owner dead %d\n", pthread_mutex_lock(&robust) == EOWNERDEAD);
    printf("consistent %d\n", pthread_mutex_consistent(&robust));
    pthread_mutex_unlock(&robust);
    count = 0;
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread[i], NULL, forker, NULL);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("forks %d\n", count);
    return 0;
}
