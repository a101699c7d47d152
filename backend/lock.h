/* A lock of one word: works in every host thread, costs no memory, and a fork's child may simply
 * reset it. */
#pragma once

#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 0: free, 1: held, 2: held and waited for (Drepper, "Futexes are tricky"). */
struct lock { uint32_t v; };

static inline bool lock_try(struct lock *l)
{
    uint32_t zero = 0;

    return __atomic_compare_exchange_n(&l->v, &zero, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void lock_take(struct lock *l)
{
    if (lock_try(l))
        return;
    while (__atomic_exchange_n(&l->v, 2, __ATOMIC_ACQUIRE) != 0)
        syscall(SYS_futex, &l->v, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static inline void lock_give(struct lock *l)
{
    if (__atomic_exchange_n(&l->v, 0, __ATOMIC_RELEASE) == 2)
        syscall(SYS_futex, &l->v, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void lock_reset(struct lock *l)
{
    __atomic_store_n(&l->v, 0, __ATOMIC_RELEASE);
}
