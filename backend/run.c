#include "backend/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backend/cache.h"
#include "backend/keep.h"
#include "debug/log.h"
#include "frontend/guest.h"
#include "loader/space.h"
#include "syscall/abi.h"
#include "syscall/linux.h"

/* --- traps ---------------------------------------------------------------------------------------
 * */

static void trap_syscall(struct cpu *cpu)
{
    linux_syscall(cpu);
}

static void trap_illegal(struct cpu *cpu)
{
    linux_fault(cpu, SIGILL, ILL_ILLOPC, cpu->pc);
}

static void trap_break(struct cpu *cpu)
{
    linux_fault(cpu, SIGTRAP, TRAP_BRKPT, cpu->pc);
}

/* A fetch that failed when it was translated may have become possible: new mappings drop code, not faults. */
static bool fetch_is_stale(gaddr pc, gaddr addr)
{
    bool stale = space_accessible(pc, 1, 4 /* PROT_EXEC */) && space_accessible(addr, 1, 4);

    if (stale)
        cache_invalidate(pc, addr - pc + 1);
    return stale;
}

static void trap_fetch(struct cpu *cpu)
{
    /* The payload is the first byte that can't be fetched when that is not pc (an instruction
     * across pages). */
    gaddr addr = cpu->trap_info ? cpu->trap_info : cpu->pc;

    if (addr >= cpu->pc && fetch_is_stale(cpu->pc, addr))
        return;
    linux_fault(cpu, SIGSEGV, space_fault_kind(addr), addr);
}

static void trap_misalign(struct cpu *cpu)
{
    linux_fault(cpu, SIGBUS, BUS_ADRALN, cpu->guest->linux_abi->misaligned_pc ? cpu->pc : (gaddr)cpu->trap_info);
}

static void trap_sync_code(struct cpu *cpu)
{
    cache_sync_announced(cpu);
}

static void trap_mode(struct cpu *cpu)
{
    /* the next look-up goes by it */
    cpu->mode = (int64_t)cpu->trap_info == IR_MODE_ASK ? cpu->guest->mode(cpu) : (uint32_t)cpu->trap_info;
}

static void (*const traps[IR_NTRAPS])(struct cpu *) = {
    [IR_TRAP_SYSCALL] = trap_syscall,
    [IR_TRAP_ILLEGAL] = trap_illegal,
    [IR_TRAP_BREAK] = trap_break,
    [IR_TRAP_FETCH] = trap_fetch,
    [IR_TRAP_MISALIGN] = trap_misalign,
    [IR_TRAP_SYNC_CODE] = trap_sync_code,
    [IR_TRAP_MODE] = trap_mode,
};

static const char *const trap_names[IR_NTRAPS] = {
    "syscall", "illegal", "break", "fetch", "misalign", "sync_code", "mode",
};

static void serve_trap(struct cpu *cpu)
{
    if (log_on(LOG_INT) && cpu->trap != IR_TRAP_SYSCALL && cpu->trap < IR_NTRAPS)
        log_printf("trap %s at %#" PRIx64 ", info %#" PRIx64 "\n", trap_names[cpu->trap], cpu->pc,
                   cpu->trap_info);
    traps[cpu->trap](cpu);
}

static void serve_fault(struct cpu *cpu)
{
    gaddr addr = guest((const void *)(uintptr_t)cpu->fault_addr);

    if (log_on(LOG_INT))
        log_printf("signal %d code %d at %#" PRIx64 ", address %#" PRIx64 "\n", cpu->fault_signo,
                   cpu->fault_code, cpu->pc, addr);
    linux_fault(cpu, cpu->fault_signo, cpu->fault_code, addr);
}

/* --- the loop ------------------------------------------------------------------------------------
 * */

static void log_entry(const struct cpu *cpu)
{
    FILE *f = log_begin();

    if (log_on(LOG_EXEC))
        fprintf(f, "exec %#" PRIx64 "\n", cpu->pc);
    if (log_on(LOG_CPU))
        cpu->guest->dump(cpu, f);
    log_end(f);
}

/* A miss: where to go on, and which exit may be linked once that is known. Inside. */
static void resolve_miss(struct cpu *cpu, struct pending_link *l)
{
    if (!cpu->exit_site) {
        cache_count(&cache.stats.miss_indirect);
        return;
    }
    struct unit_exit *e = exit_at(cpu->exit_site);

    if (!e) {
        fprintf(stderr, "dragoman: internal error: no exit at host address %p\n", cpu->exit_site);
        _exit(127);
    }
    cache_count(&cache.stats.miss_direct);
    cpu->pc = e->target;
    struct segment *seg = &cache.seg[e->from->seg];

    *l = (struct pending_link){ e, seg, seg->gen };
}

/* Remembers the way to `u`, so that the next time this way does not lead through the run loop.
 * Inside. */
static void remember(struct cpu *cpu, struct unit *u, const struct pending_link *l, bool indirect)
{
    if (log_on(LOG_NOCHAIN))
        return;
    if (indirect)
        cpu_probe_fill(cpu, u);
    /* Whoever holds the lock is translating: come again rather than wait. */
    if (l->exit && lock_try(&cache.lock)) {
        link_pending(l, u);
        lock_give(&cache.lock);
    }
}

static void enter(struct cpu *cpu, const struct unit *u)
{
    void (*thunk)(struct cpu *, const void *) =
        (void (*)(struct cpu *, const void *))(uintptr_t)cache.thunks[THUNK_ENTER];

    cpu->in_code = 1;
    thunk(cpu, u->code);
    cpu->in_code = 0;
}

/* Runs from cpu->pc until the thread leaves for something other than a miss. The order of the first
 * steps is what run_kick() relies on: its stores are poll, probe; here probe is restored, then
 * (behind the fence in cpu_enter_epoch()) poll is read. So a kick is either seen here or leaves its
 * probe table in place. */
static enum cpu_exit run_inside(struct cpu *cpu)
{
    struct pending_link link = { 0 };
    bool indirect = false, back = false;

    for (;;) {
        __atomic_store_n(&cpu->probe, cpu->probe_own, __ATOMIC_RELAXED);

        uint64_t epoch = cpu_enter_epoch(cpu);

        if (__atomic_load_n(&cpu->poll, __ATOMIC_RELAXED)) {
            cpu_leave_epoch(cpu);
            return CPU_EXIT_POLL;
        }
        cpu_refresh_probe(cpu, epoch);

        struct unit *u = cache_find(cpu->pc, cpu->mode);

        if (!u) {
            cpu_leave_epoch(cpu);
            if (!unit_first_run(cpu, &back)) {
                unit_build(cpu, &link, back);
                back = false;
            } else if (cpu->exit_kind != CPU_EXIT_MISS) {
                return (enum cpu_exit)cpu->exit_kind;
            } else {
                indirect = false;
            }
            link.exit = NULL;
            continue;
        }
        back = false;
        remember(cpu, u, &link, indirect);
        link.exit = NULL;
        if (log_on(LOG_EXEC) || log_on(LOG_CPU))
            log_entry(cpu);
        enter(cpu, u);
        if (cpu->exit_kind != CPU_EXIT_MISS) {
            cpu_leave_epoch(cpu);
            return (enum cpu_exit)cpu->exit_kind;
        }
        indirect = !cpu->exit_site;
        resolve_miss(cpu, &link);
    }
}

/* Executes at most `limit` instructions: in a unit of their own that leaves through the run loop, kicked in case that it
 * jumps to itself or somewhere that the probe table knows. CPU_EXIT_MISS: not yet, try again. */
static enum cpu_exit run_short(struct cpu *cpu, unsigned limit)
{
    struct pending_link link = { 0 };

    cpu_enter_epoch(cpu);

    struct unit *u = unit_build_short(cpu, limit);

    if (!u)
        return CPU_EXIT_MISS;
    run_kick(cpu);
    enter(cpu, u);
    if (cpu->exit_kind == CPU_EXIT_MISS)
        resolve_miss(cpu, &link);
    cpu_leave_epoch(cpu);
    return cpu->exit_kind == CPU_EXIT_MISS || cpu->exit_kind == CPU_EXIT_POLL ? CPU_EXIT_STEP
                                                                              : (enum cpu_exit)cpu->exit_kind;
}

/* For a tracer: one instruction. */
static enum cpu_exit run_one(struct cpu *cpu)
{
    return __atomic_load_n(&cpu->poll, __ATOMIC_RELAXED) ? CPU_EXIT_POLL : run_short(cpu, 1);
}

/* --- straying ------------------------------------------------------------------------------------
 *
 * Signals reach a loop where it polls: at its head, each time. A processor interrupts anywhere, and programs count on that: Go
 * preempts a thread only if the signal finds it at a safe point, which a loop's head need not be, and sends another
 * signal if not. So a thread that a signal finds where the one before did first executes a few more instructions, nobody knows how many.
 * Each unit that it takes costs memory of the cache, so there is a limit in the long run: a profiler's signals may come in one loop
 * for hours.
 */

enum { STRAY_MOST = 16, STRAY_INSNS = 8, STRAY_NS = 4000000, STRAY_SAVED = 64 };

static unsigned stray_random(struct cpu *cpu, unsigned below)
{
    cpu->stray_seed = cpu->stray_seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(cpu->stray_seed >> 40) % below;
}

/* The number of units to execute before a signal is delivered at cpu->pc. */
static uint8_t stray_units(struct cpu *cpu)
{
    uint8_t n = 1;

    if (cpu->pc != cpu->stray_pc) {
        cpu->stray_pc = cpu->pc;
        return 0;
    }
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;

    if (cpu->stray_paid > now)
        return 0;
    while (n < STRAY_MOST && stray_random(cpu, 4))
        n++;
    if (now - cpu->stray_paid > STRAY_SAVED * (uint64_t)STRAY_NS)
        cpu->stray_paid = now - STRAY_SAVED * (uint64_t)STRAY_NS;
    cpu->stray_paid += n * (uint64_t)STRAY_NS;
    return n;
}

/* True if the thread is to go on for a while before it is asked what it was kicked for. */
static bool strays(struct cpu *cpu)
{
    if (cpu->step || !linux_signal_waits(cpu))
        return false;
    cpu->stray = stray_units(cpu);
    return cpu->stray != 0;
}

/* One unit of the way; after the last one the poll that began it. */
static enum cpu_exit run_astray(struct cpu *cpu)
{
    enum cpu_exit e = run_short(cpu, 1 + stray_random(cpu, STRAY_INSNS));

    if (e != CPU_EXIT_STEP) {   /* a system call, a fault: they look for signals */
        cpu->stray = 0;
        return e;
    }
    return --cpu->stray ? CPU_EXIT_MISS : CPU_EXIT_STEP;
}

static void serve_poll(struct cpu *cpu)
{
    if (cpu->tick < 0)
        unit_heat(cpu);
    cpus_halt_here();
    if (__atomic_load_n(&cpu->poll, __ATOMIC_RELAXED) && !strays(cpu))
        linux_poll(cpu);
}

_Noreturn void run_loop(struct cpu *cpu)
{
    cpu_bind(cpu);
    for (;;) {
        switch (cpu->step ? run_one(cpu) : cpu->stray ? run_astray(cpu) : run_inside(cpu)) {
        case CPU_EXIT_MISS:
            break;
        case CPU_EXIT_STEP:
            if (cpu->step)
                linux_stepped(cpu);
            else
                linux_poll(cpu);
            break;
        case CPU_EXIT_POLL:
            serve_poll(cpu);
            break;
        case CPU_EXIT_TRAP:
            serve_trap(cpu);
            break;
        case CPU_EXIT_FAULT:
            serve_fault(cpu);
            break;
        }
    }
}

/* --- statistics ----------------------------------------------------------------------------------
 * */

void run_stats_enable(void)
{
    cache.stats_on = true;
}

void run_stats_print(void)
{
    const struct cache_stats *s = &cache.stats;
    double insns = s->guest_insns ? (double)s->guest_insns : 1;
    double bytes = s->guest_bytes ? (double)s->guest_bytes : 1;
    uint64_t ns = s->ns_translate + s->ns_passes + s->ns_emit;

    FILE *f = log_begin();     /* the guest may have closed its stderr */
    fprintf(f,
            "units            %10" PRIu64 "\n"
            "guest insns      %10" PRIu64 "  (%.1f a unit)\n"
            "guest bytes      %10" PRIu64 "\n"
            "host bytes       %10" PRIu64 "  (%.2f per guest byte)\n"
            "exits            %10" PRIu64 "\n"
            "fault records    %10" PRIu64 "  (%" PRIu64 " bytes of snapshots)\n"
            "translation      %10" PRIu64 " us (%.0f ns per guest insn: frontend %.0f, passes %.0f, "
            "backend %.0f)\n"
            "misses           %10" PRIu64 " direct, %" PRIu64 " indirect\n"
            "links            %10" PRIu64 "\n"
            "regions          %10" PRIu64 "  (%" PRIu64 " guest insns, %" PRIu64 " us; none found at %" PRIu64 " heads)\n"
            "first runs       %10" PRIu64 "  (%" PRIu64 " guest insns, %" PRIu64 " us; %" PRIu64 " not possible)\n"
            "dropped units    %10" PRIu64 "\n"
            "segments retired %10" PRIu64 ", waits for memory %" PRIu64 "\n",
            s->units, s->guest_insns, insns / (s->units ? (double)s->units : 1), s->guest_bytes,
            s->host_bytes, (double)s->host_bytes / bytes, s->exits, s->faults, s->snap_bytes,
            ns / 1000, (double)ns / insns, (double)s->ns_translate / insns,
            (double)s->ns_passes / insns, (double)s->ns_emit / insns, s->miss_direct,
            s->miss_indirect, s->links, s->regions, s->region_insns, s->ns_regions / 1000, s->regions_none,
            s->first_runs, s->first_insns, s->ns_first / 1000, s->first_none, s->dropped,
            s->retired, s->waits);
    keep_stats(f);
    unit_build_stats(f);
    log_end(f);
}
