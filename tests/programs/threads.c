/* Threads: mutex, condition variable, barrier, rwlock, atomics, once, keys, cancellation, TLS.
 * build: -O2 dynamic; -O0 static
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 20000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static pthread_key_t key;
static sem_t semaphore;
static atomic_long total, swaps, maximum;
static _Atomic uint8_t bytes;
static _Atomic uint16_t halves;
static atomic_uint mask;
static long guarded, turn, ones, freed;
static __thread long mine = 5;
static __thread char buffer[100] = "thread local";

static void only_once(void)
{
    ones++;
}

static void *again(void *arg)
{
    ones++;
    return arg;
}

static void release(void *value)
{
    atomic_fetch_add(&total, (long)(uintptr_t)value);
    pthread_mutex_lock(&lock);
    freed++;
    pthread_mutex_unlock(&lock);
}

static void *work(void *arg)
{
    long id = (long)(uintptr_t)arg;
    pthread_once(&once, only_once);
    pthread_setspecific(key, (void *)(uintptr_t)(id + 1));
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
        atomic_fetch_add(&bytes, 3);
        atomic_fetch_sub(&halves, 5);
        atomic_fetch_xor(&mask, 1u << (i & 31));
        long old = atomic_load(&swaps);
        while (!atomic_compare_exchange_weak(&swaps, &old, old + 2)) {
        }
        long seen = atomic_load(&maximum);
        while (seen < i * 10 + id && !atomic_compare_exchange_strong(&maximum, &seen, i * 10 + id)) {
        }
        pthread_mutex_lock(&lock);
        guarded += ++mine & 1;
        pthread_mutex_unlock(&lock);
    }
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != id) {
            pthread_cond_wait(&turned, &lock);
        }
        turn++;
        pthread_cond_broadcast(&turned);
        pthread_mutex_unlock(&lock);
    }
    buffer[0] = (char)('A' + id);
    sem_post(&semaphore);
    return (void *)(uintptr_t)(mine + buffer[0]);
}

static void *sleeper(void *arg)
{
    for (;;) {
        pause();
    }
    return arg;
}

int main(void)
{
    pthread_t thread[THREADS];
    void *result;
    sem_init(&semaphore, 0, 0);
    pthread_key_create(&key, release);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i);
    }
    for (int i = 0; i < THREADS; i++) {
        sem_wait(&semaphore);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], &result);
        printf("thread %ld\n", (long)(uintptr_t)result);
    }
    printf("%ld %ld %ld %ld\n", total, swaps, maximum, guarded);
    printf("%d %d %x %ld %ld %ld %ld %s\n", bytes, halves, mask, turn, ones, freed, mine, buffer);
    pthread_create(&thread[0], NULL, sleeper, NULL);
    pthread_cancel(thread[0]);
    pthread_join(thread[0], &result);
    printf("cancelled %d\n", result == PTHREAD_CANCELED);
    for (int i = 0; i < 500; i++) {
        pthread_create(&thread[0], NULL, again, NULL);
        pthread_join(thread[0], NULL);
    }
    printf("%ld\n", ones);
    return 0;
}
