/* Locks that work in every host thread, cost no memory, and that a fork's child may simply reset: one of a word, and one for
 * readers and writers. */
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

/* Many readers or one writer. All come through one gate, which a writer keeps: so neither kind can keep the other out, as readers
 * that overlap do with pthread's (threads that translate all the time let none change a mapping). A reader must not read-lock it
 * again. */
struct rw_lock {
    struct lock gate;
    uint32_t readers;   /* that are inside; RW_WRITER: a writer has the gate and waits for them */
};

#define RW_WRITER 0x80000000u

static inline void rw_lock_read(struct rw_lock *l)
{
    lock_take(&l->gate);
    __atomic_fetch_add(&l->readers, 1, __ATOMIC_ACQUIRE);
    lock_give(&l->gate);
}

static inline void rw_unlock_read(struct rw_lock *l)
{
    if (__atomic_fetch_sub(&l->readers, 1, __ATOMIC_RELEASE) == (RW_WRITER | 1))
        syscall(SYS_futex, &l->readers, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void rw_lock_write(struct rw_lock *l)
{
    uint32_t n;

    lock_take(&l->gate);
    if (__atomic_load_n(&l->readers, __ATOMIC_ACQUIRE) == 0)
        return;
    __atomic_fetch_or(&l->readers, RW_WRITER, __ATOMIC_RELAXED);
    while ((n = __atomic_load_n(&l->readers, __ATOMIC_ACQUIRE)) != RW_WRITER)
        syscall(SYS_futex, &l->readers, FUTEX_WAIT_PRIVATE, n, NULL, NULL, 0);
    __atomic_store_n(&l->readers, 0, __ATOMIC_RELAXED);
}

static inline void rw_unlock_write(struct rw_lock *l)
{
    lock_give(&l->gate);
}

static inline void rw_lock_reset(struct rw_lock *l)
{
    lock_reset(&l->gate);
    __atomic_store_n(&l->readers, 0, __ATOMIC_RELEASE);
}
