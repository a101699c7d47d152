/* The guest's address space: every guest mapping, and Linux's memory calls over them.
 *
 * Guest memory is host memory (loader/gaddr.h), so each operation here ends in the host's own call. What the
 * host can't know is kept here as a sorted set of intervals:
 *
 *   - the protection that the guest asked for. The host's is the guest's without PROT_EXEC, plus PROT_READ
 *     where the guest has PROT_EXEC (the decoder reads code);
 *   - where the guest may map: below GUEST_TOP, top-down from a base below the stack, as Linux does it.
 *     The translator's own mappings are above. Where the kernel put some below (legacy layout), they
 *     are recorded too, and no guest mapping replaces them: ENOMEM;
 *   - what the kernel would call [heap], [stack] and [vdso].
 *
 * Invariants: intervals are page-aligned, disjoint, below GUEST_TOP; neighbours that agree in protection and
 * kind are one interval. Every operation is O(log n) in the number of intervals plus the host's call.
 *
 * Example: after
 *     space_mmap(0, 1 << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) -> base
 *     space_mprotect(base, 4096, PROT_READ | PROT_EXEC)
 * the set holds [base, base+4096) r-x and [base+4096, base+1 TiB) ---; the host's first page is r--.
 *
 * Locks. One reader-writer lock. The operations take it themselves (writing). A thread that decodes guest code holds
 * it for reading from space_fetch() until it has published the translation, so that no mapping changes in
 * between. Order: the space lock first, the code cache's lock second: cache_invalidate() is called with the
 * space lock held for writing.
 *
 * Results are the kernel's: an address or 0, or a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "loader/gaddr.h"

enum { SPACE_PAGE = 4096 };

/** What an interval is, beside its protection. */
enum space_kind {
    SPACE_FILE = 1,        /* backed by a file or a device */
    SPACE_SHARED = 2,      /* MAP_SHARED */
    SPACE_GROWSDOWN = 4,   /* MAP_GROWSDOWN; the kernel may have extended it below `start` */
    SPACE_STACK = 8,       /* the main thread's stack */
    SPACE_HEAP = 16,       /* brk */
    SPACE_VDSO = 32,
    SPACE_HOST = 64,       /* the translator's, not the guest's */
    SPACE_SHM = 128,       /* System V shared memory */
};

/** One interval [start, end). */
struct space_range {
    gaddr start, end;
    uint8_t prot;          /* PROT_*, as the guest asked */
    uint8_t kind;          /* enum space_kind */
};

/** Prepares the address space. `task_size` is the first address the guest may not map (GUEST_TOP for 64-bit
 * guests). Randomises the bases a little unless the personality says ADDR_NO_RANDOMIZE; `seed` makes that and
 * space_secret() repeatable, NULL for none. `layout`: the seed of what decides where code is mapped, so that
 * another process of the same program can have its code at the same place; NULL to draw it as all else. Once. */
void space_init(gaddr task_size, const uint64_t *seed, const uint64_t *layout);

void space_read_lock(void);
void space_read_unlock(void);
void space_write_lock(void);
void space_write_unlock(void);

/** Around fork: the parent calls space_fork_prepare() before and space_fork_parent() after, the child
 * space_fork_child(). */
void space_fork_prepare(void);
void space_fork_parent(void);
void space_fork_child(void);

/* --- Linux's calls. Flags are the kernel's generic ones (equal on x86-64, RISC-V and Arm). */

/** mmap(2). `off` is in bytes. Returns the address or -errno: EINVAL, ENOMEM, EEXIST (MAP_FIXED_NOREPLACE), EBADF,
 * EACCES, EPERM, ENODEV, EOVERFLOW as Linux. */
int64_t space_mmap(gaddr addr, uint64_t len, int prot, int flags, int fd, uint64_t off);
/** munmap(2): 0, -EINVAL, -ENOMEM. */
int64_t space_munmap(gaddr addr, uint64_t len);
/** mprotect(2), PROT_GROWSDOWN included: 0, -EINVAL, -ENOMEM (a hole; what lies before it is changed), -EACCES. */
int64_t space_mprotect(gaddr addr, uint64_t len, int prot);
/** mremap(2): the new address, -EINVAL, -EFAULT (not mapped as one interval), -ENOMEM, -EAGAIN. */
int64_t space_mremap(gaddr addr, uint64_t old_len, uint64_t new_len, int flags, gaddr new_addr);
/** brk(2) as the system call: the break after it; unchanged if it can't be moved or `addr` is below its start. */
gaddr space_brk(gaddr addr);
/** madvise(2): 0 or -errno. Drops translations where the contents may change. */
int64_t space_madvise(gaddr addr, uint64_t len, int advice);
/** shmat(2): the address or -errno. shmdt(2): 0 or -errno. */
int64_t space_shmat(int shmid, gaddr addr, int flags);
int64_t space_shmdt(gaddr addr);

/** mlockall(2) of the guest's mappings: 0, -EINVAL, -EPERM, -ENOMEM. munlockall(2): 0. */
int64_t space_mlockall(int flags);
int64_t space_munlockall(void);

/** True if [addr, addr+len) lies below the guest's top: calls that name a range of memory (mlock, msync,
 * mincore, mbind, …) go to the host only then. */
bool space_inside(gaddr addr, uint64_t len);

/** Sets where the break starts (rounded up to a page): after the executable is loaded. */
void space_set_brk(gaddr start);

/** Maps the main stack: `size` bytes, all of it at once (untouched pages cost nothing), readable and writable, executable
 * if `exec`. Returns its top (highest address + 1, page-aligned) or -errno. Once. */
int64_t space_map_stack(uint64_t size, bool exec);
/** Maps the vdso image read-only and executable; returns its address or -errno. */
int64_t space_map_vdso(const void *image, size_t size);
/** The guest's limits on its mappings in bytes, UINT64_MAX for none: RLIMIT_AS, RLIMIT_DATA and the latter's hard limit. None at first.
 * Lock held for writing. */
void space_set_limits(uint64_t as, uint64_t data, uint64_t data_max);
/** A random multiple of `align` (power of 2) below `span`, 0 without randomisation. */
uint64_t space_random(uint64_t span, uint64_t align);
/** The same from the layout's seed: for what decides where code is mapped. */
uint64_t space_random_layout(uint64_t span, uint64_t align);
/** The layout's seed. */
uint64_t space_layout(void);
/** 16 random bytes for the guest's AT_RANDOM; from the kernel unless there is a seed. */
void space_secret(uint8_t bytes[16]);
/** An address where `len` bytes at `align` (a power of 2) are free, nothing mapped yet; 0 if none. For placing an
 * executable or its interpreter. `hint`: at or below this address, 0 for mmap's usual place. */
gaddr space_find(uint64_t len, uint64_t align, gaddr hint);

/* --- questions; the caller holds the lock (read suffices) where said */

/** The interval that holds `addr`. False if none. Lock held. */
bool space_lookup(gaddr addr, struct space_range *out);
/** The first interval that ends above `addr` (for walks: go on with out->end). False if none. Lock held. */
bool space_next(gaddr addr, struct space_range *out);
/** Host pointer to the code at `pc`, *avail set to the number of contiguous executable bytes from there, or, of many, some. NULL
 * if pc is not in executable guest memory. Reading may still raise SIGBUS (a file shorter than its mapping).
 * Lock held. */
const uint8_t *space_fetch(gaddr pc, size_t *avail);
/** The guest says that code in [start, start+len) may have changed: an instruction cache flush. Takes the lock. */
void space_announce(gaddr start, uint64_t len);
/** May code in [start, start+len) change without a word? True if some of it is writable and no flush ever named its page: who
 * writes code and flushes has done so before it runs for the first time. Lock held. */
bool space_unannounced(gaddr start, uint64_t len);
/** From now on a page that is not in memory may come only once another thread of the guest has supplied it (userfaultfd).
 * Nobody may wait for that with a lock held. So space_fetch() looks first: *avail ends with the page, and if the page
 * at `pc` is not there, fault_absent() ends the translation, or the result is NULL outside of one. */
void space_lazy(void);
/** Whether that was said. */
bool space_is_lazy(void);
/** The si_code of a SIGSEGV at `addr`: SEGV_MAPERR if nothing is mapped there, else SEGV_ACCERR. Takes the
 * lock. Not for signal handlers. */
int space_fault_kind(gaddr addr);
/** Whether all of [addr, addr+len) is guest memory with at least protection `prot`. Takes the lock. */
bool space_accessible(gaddr addr, uint64_t len, int prot);

/** Prints /proc/self/maps as the guest should see it: names, offsets and devices from the kernel's, protections
 * and [heap], [stack], [vdso] from the set; the translator's mappings left out. Takes the lock. */
void space_print_maps(FILE *f);
/** The same for /proc/self/smaps. Takes the lock. */
void space_print_smaps(FILE *f);
/** What another process's space_print_other() finds this process's set by. */
const void *space_exported(void);
/** Prints process `pid`'s maps or smaps (`smaps`), which is translated by this very executable, and whose space_exported() is at
 * `exported`; NULL, or memory that can't be read (ptrace(2) says who may): then only the translator's mappings are left out. */
void space_print_other(FILE *f, int pid, const void *exported, bool smaps);
/** The main stack's and the heap's bounds for /proc/self/stat: start_stack, start_brk, brk. */
void space_bounds(gaddr *stack_top, gaddr *brk_start, gaddr *brk_end);

/* --- for the translator itself */

/** Memory of the translator: `size` bytes (rounded up to pages), zeroed, readable and writable, never where
 * the guest may map. NULL with errno if there is none. Lock-free. */
void *host_alloc(size_t size);
/** Gives it back. */
void host_free(void *p, size_t size);
