/* The state blocks of guest threads, and the list of them.
 *
 * A block is one mapping: guard page, the stack that helpers run on, struct cpu, the probe table.
 * Blocks are never unmapped but kept for the next thread, so a late kick of a dead thread's cpu
 * hits valid memory. A zeroed probe table is an empty one but for entry 0: a zero pc can only be
 * looked for there.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/cache.h"
#include "backend/run.h"
#include "backend/x86/rt.h"
#include "frontend/guest.h"
#include "loader/space.h"

enum {
    CPU_GUARD = 4096,
    CPU_STACK = 256 << 10,
    PROBE_BYTES = CPU_PROBE_ENTRIES * sizeof(struct cpu_probe),
    CPU_BYTES = (sizeof(struct cpu) + 4095) & ~4095,
    BLOCK_BYTES = CPU_GUARD + CPU_STACK + CPU_BYTES + PROBE_BYTES,
    KEEP_WARM = 16,       /* free blocks that keep the memory of their stack and probe table */
    MXCSR_RESET = 0x1f80, /* all exceptions masked, round to nearest */
};

/* probe_epoch of a free block. */
enum { PROBE_STALE, PROBE_EMPTY };

static struct lock cpus_lock;
static struct cpu *cpus;      /* alive */
static struct cpu *cpus_free; /* blocks for reuse */
static unsigned ncpus_free;
static struct cpu_probe all_miss[CPU_PROBE_ENTRIES] = { { .pc = CPU_PROBE_NONE } };
static _Thread_local struct cpu *self;

/* --- life ----------------------------------------------------------------------------------------
 * */

static struct cpu *block_new(void)
{
    uint8_t *m = host_alloc(BLOCK_BYTES);

    if (!m)
        return NULL;
    mprotect(m, CPU_GUARD, PROT_NONE);
    struct cpu *cpu = (struct cpu *)(m + CPU_GUARD + CPU_STACK);

    cpu->probe_own = (struct cpu_probe *)((uint8_t *)cpu + CPU_BYTES);
    cpu->probe_epoch = PROBE_EMPTY;
    return cpu;
}

/* Gives the memory of a free block back; what stays is the page of the struct cpu. */
static bool block_trim(struct cpu *cpu)
{
    madvise((uint8_t *)cpu - CPU_STACK, CPU_STACK, MADV_DONTNEED);
    return madvise(cpu->probe_own, PROBE_BYTES, MADV_DONTNEED) == 0;
}

/* How many entries of the table are used. */
static void probe_use(struct cpu *cpu, uint32_t entries)
{
    __atomic_store_n(&cpu->probe_mask, (entries - 1) << cpu->guest->insn_align_log2, __ATOMIC_SEQ_CST);
}

static struct cpu *block_reuse(void)
{
    lock_take(&cpus_lock);
    struct cpu *cpu = cpus_free;

    if (cpu) {
        cpus_free = cpu->next;
        ncpus_free--;
    }
    lock_give(&cpus_lock);
    return cpu;
}

struct cpu *cpu_new(const struct guest *guest)
{
    struct cpu *cpu = block_reuse();

    if (!cpu)
        cpu = block_new();
    if (!cpu)
        return NULL;
    struct cpu_probe *probe = cpu->probe_own;
    bool empty = cpu->probe_epoch == PROBE_EMPTY;

    memset(cpu, 0, sizeof *cpu);
    cpu->probe_own = probe;
    if (empty) {
        /* Good for the present epoch; a drop from now on finds this cpu in the list or counts the
         * epoch up. */
        probe[0].pc = CPU_PROBE_NONE;
        cpu->probe_epoch = __atomic_load_n(&cache.epoch, __ATOMIC_ACQUIRE);
    } else {
        cpu->probe_fills = UINT32_MAX; /* unknown: whoever had it before */
    }
    cpu->probe = cpu->probe_own;
    cpu->guest = guest;
    probe_use(cpu, CPU_PROBE_FEW);
    cpu->helpers = cache.helpers;
    cpu->tick = unit_ticks();
    cpu->mxcsr = cpu->mxcsr_host = MXCSR_RESET;
    rt_init_cpu(cpu);

    lock_take(&cpus_lock);
    cpu->next = cpus;
    cpu->pprev = &cpus;
    if (cpus)
        cpus->pprev = &cpu->next;
    cpus = cpu;
    lock_give(&cpus_lock);
    return cpu;
}

struct cpu *cpu_clone(const struct cpu *from)
{
    struct cpu *cpu = cpu_new(from->guest);

    if (!cpu)
        return NULL;
    memcpy(cpu->regs, from->regs, sizeof cpu->regs);
    cpu->pc = from->pc;
    cpu->mode = from->mode;
    cpu->mxcsr = from->mxcsr;
    cpu->fpx_more = from->fpx_more;
    cpu->fz = from->fz;
    cpu->fz_underflow = from->fz_underflow;
    return cpu;
}

static void list_remove(struct cpu *cpu)
{
    *cpu->pprev = cpu->next;
    if (cpu->next)
        cpu->next->pprev = cpu->pprev;
}

void cpu_free(struct cpu *cpu)
{
    if (self == cpu)
        self = NULL;
    __atomic_store_n(&cpu->epoch, 0, __ATOMIC_RELEASE);
    lock_take(&cpus_lock);
    list_remove(cpu);
    cpu->probe_epoch = ncpus_free++ >= KEEP_WARM && block_trim(cpu) ? PROBE_EMPTY : PROBE_STALE;
    cpu->next = cpus_free;
    cpus_free = cpu;
    lock_give(&cpus_lock);
}

struct cpu *cpu_self(void)
{
    return self;
}

void cpu_bind(struct cpu *cpu)
{
    self = cpu;
}

const uint8_t *cpu_stack_low(const struct cpu *cpu)
{
    return (const uint8_t *)cpu - CPU_STACK;
}

void cpus_each(void (*fn)(struct cpu *cpu, void *arg), void *arg)
{
    lock_take(&cpus_lock);
    for (struct cpu *c = cpus; c; c = c->next)
        fn(c, arg);
    lock_give(&cpus_lock);
}

bool cpus_only(const struct cpu *cpu)
{
    return __atomic_load_n(&cpus, __ATOMIC_ACQUIRE) == cpu && !__atomic_load_n(&cpu->next, __ATOMIC_RELAXED);
}

void cpus_fork_prepare(void)
{
    lock_take(&cpus_lock);
}

void cpus_fork_parent(void)
{
    lock_give(&cpus_lock);
}

void cpus_after_fork(struct cpu *only)
{
    lock_reset(&cpus_lock);
    for (struct cpu *c = cpus, *next; c; c = next) {
        next = c->next;
        if (c == only)
            continue;
        c->epoch = 0;
        c->probe_epoch = PROBE_STALE;
        c->next = cpus_free;
        cpus_free = c;
        ncpus_free++;
    }
    cpus = only;
    if (only) {
        only->next = NULL;
        only->pprev = &cpus;
    }
}

/* --- going in ------------------------------------------------------------------------------------
 * */

uint64_t cpu_enter_epoch(struct cpu *cpu)
{
    uint64_t e = __atomic_load_n(&cache.epoch, __ATOMIC_SEQ_CST), now;

    for (;; e = now) {
        __atomic_store_n(&cpu->epoch, e, __ATOMIC_SEQ_CST);
        now = __atomic_load_n(&cache.epoch, __ATOMIC_SEQ_CST);
        if (now == e)
            return e;
    }
}

/* Few entries are emptied one by one (a program that switches modes has few in each); of many, the memory goes back. */
static void probe_empty(struct cpu *cpu)
{
    if (cpu->probe_fills <= CPU_PROBE_LIST)
        for (uint32_t k = 0; k < cpu->probe_fills; k++)
            __atomic_store_n(&cpu->probe_own[cpu->probe_filled[k]].pc, 0, __ATOMIC_RELAXED);
    else if (madvise(cpu->probe_own, PROBE_BYTES, MADV_DONTNEED) != 0)
        memset(cpu->probe_own, 0, PROBE_BYTES);
    cpu->probe_fills = 0;
    cpu->probe_own[0].pc = CPU_PROBE_NONE;
    probe_use(cpu, CPU_PROBE_FEW);
}

void cpu_refresh_probe(struct cpu *cpu, uint64_t epoch)
{
    if (cpu->probe_epoch == epoch && cpu->probe_mode == cpu->mode)
        return;
    probe_empty(cpu);
    cpu->probe_epoch = epoch;
    cpu->probe_mode = cpu->mode;
}

static struct cpu_probe *probe_entry(struct cpu *cpu, gaddr pc)
{
    return &cpu->probe_own[(pc & __atomic_load_n(&cpu->probe_mask, __ATOMIC_SEQ_CST)) >> cpu->guest->insn_align_log2];
}

/* From now on all of the table is used. What was filled before is either where it is looked for now too, or not found
 * any more. Who wipes the entry of a unit has marked it dead before and looks at the mask then: with the old mask it can't
 * miss an entry that is filled behind the new one without that being noticed (cpu_probe_fill()). */
static struct cpu_probe *probe_grow(struct cpu *cpu, gaddr pc)
{
    probe_use(cpu, CPU_PROBE_ENTRIES);
    return probe_entry(cpu, pc);
}

void cpu_probe_fill(struct cpu *cpu, struct unit *u)
{
    struct cpu_probe *e = probe_entry(cpu, u->pc);

    if (cpu->probe_fills < CPU_PROBE_LIST)
        cpu->probe_filled[cpu->probe_fills] = (uint32_t)(e - cpu->probe_own);
    else if (cpu->probe_fills == CPU_PROBE_LIST)
        e = probe_grow(cpu, u->pc);
    cpu->probe_fills += cpu->probe_fills <= CPU_PROBE_LIST;
    __atomic_store_n(&e->pc, CPU_PROBE_NONE, __ATOMIC_RELAXED);
    __atomic_store_n(&e->code, u->code, __ATOMIC_RELEASE);
    __atomic_store_n(&e->pc, u->pc, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&u->dead, __ATOMIC_SEQ_CST))
        __atomic_store_n(&e->pc, CPU_PROBE_NONE, __ATOMIC_SEQ_CST);
}

/* --- all threads ---------------------------------------------------------------------------------
 * */

static void probe_wipe(struct cpu *cpu, const struct unit *u)
{
    struct cpu_probe *e = probe_entry(cpu, u->pc);

    if (__atomic_load_n(&e->pc, __ATOMIC_SEQ_CST) == u->pc)
        __atomic_store_n(&e->pc, CPU_PROBE_NONE, __ATOMIC_SEQ_CST);
}

void cpus_probe_wipe(const struct unit *drop)
{
    lock_take(&cpus_lock);
    for (struct cpu *c = cpus; c; c = c->next)
        for (const struct unit *u = drop; u; u = u->drop_next)
            probe_wipe(c, u);
    lock_give(&cpus_lock);
}

void run_kick(struct cpu *cpu)
{
    __atomic_store_n(&cpu->poll, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->probe, all_miss, __ATOMIC_SEQ_CST);
}

/* The process whose threads are to halt: the child of a fork, and one that shares this memory, have this word too and go on. */
static pid_t halted;

void cpus_halt_here(void)
{
    pid_t pid = __atomic_load_n(&halted, __ATOMIC_ACQUIRE);

    while (pid && pid == getpid())
        pause();
}

struct halt { const struct cpu *by; bool running; };

static void kick_other(struct cpu *cpu, void *halt)
{
    struct halt *h = halt;

    if (cpu == h->by)
        return;
    run_kick(cpu);
    h->running |= __atomic_load_n(&cpu->in_code, __ATOMIC_SEQ_CST) != 0;
}

void cpus_halt(struct cpu *self_cpu)
{
    struct halt h = { self_cpu, true };
    pid_t me = getpid();

    if (__atomic_exchange_n(&halted, me, __ATOMIC_SEQ_CST) == me)
        cpus_halt_here();
    for (int ms = 0; h.running && ms < 1000; ms++) {
        h.running = false;
        cpus_each(kick_other, &h);
        if (h.running)
            usleep(1000);
    }
}

void cpus_kick_inside(void)
{
    lock_take(&cpus_lock);
    for (struct cpu *c = cpus; c; c = c->next)
        if (__atomic_load_n(&c->epoch, __ATOMIC_SEQ_CST) != 0)
            run_kick(c);
    lock_give(&cpus_lock);
}

bool cpus_drained(uint64_t epoch)
{
    bool drained = true;

    lock_take(&cpus_lock);
    for (struct cpu *c = cpus; c && drained; c = c->next) {
        uint64_t e = __atomic_load_n(&c->epoch, __ATOMIC_SEQ_CST);

        drained = e == 0 || e >= epoch;
    }
    lock_give(&cpus_lock);
    return drained;
}
