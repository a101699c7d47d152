/* From a guest pc to a published unit: the stages of a translation, one after the other, with what
 * is logged and counted between them. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>

#include "backend/cache.h"
#include "backend/fault.h"
#include "backend/first.h"
#include "backend/keep.h"
#include "backend/run.h"
#include "debug/log.h"
#include "debug/perfmap.h"
#include "frontend/region.h"
#include "ir/grow.h"
#include "ir/passes/pass.h"
#include "loader/space.h"
#include "syscall/host.h"
#include "syscall/linux.h"

unsigned run_disabled_passes;

unsigned run_hot = 3 * 3343; /* ticks are a prime apart, so that no loop nest beats with them */

/* Ticks that fall on jumps back to a head until it is hot; how often a region may be made anew at one, each time after
 * twice as many: ways that were cold may have become hot. */
enum { HOT = 3, REGION_TRIES = 4 };
gaddr run_start_low, run_start_high;

/* So many guest instructions are a program's start, too. What runs once is translated up to the first branch, which is as
 * likely to leave as not; elsewhere longer units make better code (docs/design.md, "Limits of a first translation"). */
enum { START_INSNS = 2500, START_EXITS = 1, LATER_EXITS = 3 };
/* How often a loop must go round in one go, and how far behind its head it or loops in it may have theirs. */
enum { ROUNDS = 10, REACH = 1 << 14 };

/* Under cache.lock. The clock is read only for --stats. */
static uint64_t now(void)
{
    struct timespec t;

    if (!cache.stats_on)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- logs ----------------------------------------------------------------------------------------
 * */

static void log_guest_code(const struct ir_unit *u)
{
    FILE *f = log_begin();
    char text[128];

    fprintf(f, "IN: unit %#" PRIx64 ", %u instructions\n", u->pc, u->guest_insns);
    for (ir_ref r = 1; r < u->ninsns; r++) {
        const struct ir_insn *i = ir_at(u, r);

        if (i->op != IR_insn || !i->aux) /* aux 0: its fetch failed */
            continue;
        if (!u->guest->disas(host((gaddr)i->imm), i->aux, (gaddr)i->imm, text, sizeof text))
            text[0] = 0;
        fprintf(f, "%#" PRIx64 ":  %s\n", (uint64_t)i->imm, text);
    }
    log_end(f);
}

static void log_ir(const struct ir_unit *u, const char *title)
{
    FILE *f = log_begin();

    fprintf(f, "%s:\n", title);
    ir_print(u, f);
    log_end(f);
}

static void log_host(const struct ir_unit *ir, const struct compiled *out)
{
    FILE *f = log_begin();

    fprintf(f, "OUT: unit %#" PRIx64 ", %u bytes\n", ir->pc, out->size);
    log_host_code(f, out->code + (cache.rx - cache.rw), out->size);
    log_end(f);
}

/* --- stages --------------------------------------------------------------------------------------
 * */

/* One translation at a time: cache.lock. */
static struct ir_unit *scratch;
static struct pass_stats pass_counts;
static bool loop_head; /* what is translated was reached by a jump back */

void unit_build_stats(FILE *f)
{
    pass_stats_print(&pass_counts, f);
}

static void translate_cpu_pc(void *arg)
{
    struct cpu *cpu = arg;

    bool start = translate_once || cpu->pc - run_start_low < run_start_high - run_start_low || cache.stats.guest_insns < START_INSNS;

    translate_side_exits = start ? START_EXITS : LATER_EXITS;
    translate_unit(scratch, cpu->guest, cpu->pc, cpu->mode, loop_head);
}

/* The unit of at most `limit` guest instructions. */
static bool translate_up_to(struct cpu *cpu, unsigned limit, struct guest_fault *fault)
{
    unsigned usual = translate_limit;

    translate_limit = limit;

    bool ok = fault_try(translate_cpu_pc, cpu, fault);

    translate_limit = usual;
    return ok;
}

/* Where a fault cuts the translation short (a file shorter than its mapping), the unit ends before
 * that instruction; if that is its first one, the guest gets the fault. */
static bool translate(struct cpu *cpu, unsigned limit, struct guest_fault *fault)
{
    return translate_up_to(cpu, limit, fault) ||
           (scratch->guest_insns && translate_up_to(cpu, scratch->guest_insns, fault));
}

static void optimise(unsigned disabled)
{
    if (log_on(LOG_IN_ASM))
        log_guest_code(scratch);
    if (log_on(LOG_OP))
        log_ir(scratch, "OP");
    scratch->stats = cache.stats_on ? &pass_counts : NULL;
    scratch->bare = !log_on(LOG_OP_OPT);
    pass_run_all(scratch, run_disabled_passes | disabled);
    if (log_on(LOG_OP_OPT))
        log_ir(scratch, "OP after passes");
}

/* Compiles into the active segment, the next one if that is full; NULL if the next one has not
 * drained, or if the unit is too long: also for an empty segment. */
static struct unit *emit(struct compiled *out)
{
    for (;;) {
        struct code_buf buf = cache_buf();
        bool compiled = compile_unit(scratch, &buf, out);
        struct unit *u = compiled ? cache_publish(scratch, out) : NULL;

        if (!compiled && cache.seg[cache.active].nunits == 0)
            out->too_long = true;
        if (u || out->too_long || !cache_rotate())
            return u;
    }
}

static void count(const struct ir_unit *ir, const struct compiled *out, const uint64_t t[4])
{
    struct cache_stats *s = &cache.stats;

    s->units++;
    s->guest_insns += ir->guest_insns;
    s->guest_bytes += ir->guest_bytes;
    s->host_bytes += out->size;
    s->exits += out->nexits;
    s->faults += out->nfaults;
    s->snap_bytes += out->snap_size;
    s->ns_translate += t[1] - t[0];
    s->ns_passes += t[2] - t[1];
    s->ns_emit += t[3] - t[2];
}

/* Tells those who want to know. */
static void built(const struct unit *u, const struct compiled *out)
{
    if (log_on(LOG_OUT_ASM))
        log_host(scratch, out);
    if (perfmap_on)
        perfmap_unit(u->code, u->size, u->pc);
}

/* Where a translation goes on whose memory was refused (ir/grow.h). */
static jmp_buf refused;

static void give_up(void)
{
    fault_untry();
    longjmp(refused, 1);
}

/* Makes sure that there is a scratch unit. */
static bool have_scratch(void)
{
    grow_refused = give_up;
    if (!scratch)
        scratch = ir_new();
    return scratch;
}

enum built { BUILT, BUILT_FULL, BUILT_FAULT, BUILT_ABSENT, BUILT_LONG };

/* One try. BUILT_LONG: it has to be shorter. */
static enum built build_up_to(struct cpu *cpu, unsigned limit, struct guest_fault *fault, struct unit **unit)
{
    struct compiled out = { 0 };
    uint64_t t[4];

    if (!have_scratch())
        return BUILT_LONG;
    t[0] = now();
    if (!translate(cpu, limit, fault))
        return fault->signo ? BUILT_FAULT : BUILT_ABSENT;
    t[1] = now();
    optimise(pass_mask_first(scratch));
    t[2] = now();
    *unit = emit(&out);
    if (!*unit)
        return out.too_long && scratch->guest_insns > 1 ? BUILT_LONG : BUILT_FULL;
    t[3] = now();
    count(scratch, &out, t);
    built(*unit, &out);
    return BUILT;
}

/* The unit at cpu->pc, of at most `most` guest instructions. Where memory for translating is refused even to a unit of one instruction, the guest gets the
 * signal that the kernel gives for a stack that can't grow. */
static enum built build_locked(struct cpu *cpu, unsigned most, struct guest_fault *fault, struct unit **unit)
{
    const unsigned usual = translate_limit;
    volatile unsigned limit = most;

    for (;;) {
        enum built b = setjmp(refused) == 0 ? build_up_to(cpu, limit, fault, unit) : BUILT_LONG;

        translate_limit = usual;    /* the refusal may have come while it was another */
        if (b != BUILT_LONG)
            return b;
        if (limit <= 1)
            break;
        if (scratch && scratch->guest_insns < limit)
            limit = scratch->guest_insns;
        limit = limit > 1 ? limit / 2 : 1;
    }
    *fault = (struct guest_fault){ SIGSEGV, SI_KERNEL, 0 };
    return BUILT_FAULT;
}

/* Makes a unit of at most `limit` instructions at cpu->pc, for one use: nobody finds it, nobody links to it. */
static enum built build_short(struct cpu *cpu, unsigned limit, struct guest_fault *fault, struct unit **unit)
{
    struct unit *drop = NULL;

    loop_head = false;

    enum built b = build_locked(cpu, limit, fault, unit);

    if (b == BUILT)
        unit_unpublish(*unit, &drop);
    return b;
}

/* Waits for a page of code, or for a signal. Where nobody supplies pages the fault is the guest's (UFFD_FEATURE_SIGBUS). */
static void await_page(struct cpu *cpu, gaddr addr)
{
    char byte;

    cpu->awaits_page = true;
    bool there = __atomic_load_n(&cpu->poll, __ATOMIC_SEQ_CST) || host_copy(&byte, host(addr), 1) == 0;
    cpu->awaits_page = false;
    if (!there && !__atomic_load_n(&cpu->poll, __ATOMIC_SEQ_CST) && space_accessible(addr, 1, 4 /* PROT_EXEC */))
        linux_fault(cpu, SIGBUS, BUS_ADRERR, addr);
}

/* What is to be done after a build that made no unit, without locks. */
static void not_built(struct cpu *cpu, enum built b, const struct guest_fault *fault)
{
    if (b == BUILT_FAULT)
        linux_fault(cpu, fault->signo, fault->code, fault->addr);
    else if (b == BUILT_FULL)
        cache_wait();
    else
        await_page(cpu, fault->addr);
}

struct unit *unit_build_short(struct cpu *cpu, unsigned limit)
{
    struct guest_fault fault;
    struct unit *u = NULL;

    space_read_lock();
    lock_take(&cache.lock);

    enum built b = build_short(cpu, limit, &fault, &u);

    lock_give(&cache.lock);
    space_read_unlock();
    if (b == BUILT)
        return u;
    cpu_leave_epoch(cpu);
    not_built(cpu, b, &fault);
    return NULL;
}

/* --- first runs ----------------------------------------------------------------------------------
 * */

enum first_how first_how;

/* How often code is run without a unit: the first pcs of a process, some more, and none after that; bits of the hash
 * (docs/design.md, "First runs"). */
enum { FIRST_PCS = 2000, FIRST_TIMES = 6, MORE_PCS = 6000, MORE_TIMES = 2, SEEN_LOG = 14 };

/* Whether (pc, mode) was asked for often enough to be worth a unit. */
static bool seen_enough(gaddr pc, uint32_t mode)
{
    static uint8_t seen[1 << SEEN_LOG];
    static uint32_t pcs;

    if (pcs >= MORE_PCS)
        return true;
    uint8_t *n = &seen[(pc ^ (uint64_t)mode << 32) * 0x9e3779b97f4a7c15u >> (64 - SEEN_LOG)];
    uint8_t was = *n;

    pcs += was == 0;
    *n += was < FIRST_TIMES;
    return was >= (pcs < FIRST_PCS ? FIRST_TIMES : MORE_TIMES);
}

/* Whether cpu->pc, for which there is no unit, is to be run without one. */
static bool first_wanted(struct cpu *cpu)
{
    if (first_how == FIRST_NEVER || (first_how == FIRST_AUTO && keep_will_save()))
        return false;
    return cpus_only(cpu) && !space_is_lazy() && !seen_enough(cpu->pc, cpu->mode);
}

struct first_try { struct cpu *cpu; bool running, done, back; };

/* The IR of what is at cpu->pc, and what it does. */
static void try_first(void *arg)
{
    struct first_try *t = arg;

    translate_cpu_pc(t->cpu);
    t->running = true;
    t->done = first_run(t->cpu, scratch, &t->back);
}

/* One first run; false if it can't be one. */
static bool first_one(struct first_try *t)
{
    struct guest_fault fault;

    t->running = t->done = false;
    if (!fault_try_all(try_first, t, &fault)) {
        if (t->running)
            first_fault(t->cpu, &fault);
        t->done = t->running;
    }
    cache.stats.first_runs += t->done;
    cache.stats.first_none += !t->done;
    cache.stats.first_insns += t->done ? scratch->guest_insns : 0;
    return t->done;
}

/* One after the other, as long as that is what comes next. False if there was none. */
static bool first_chain(struct first_try *t)
{
    struct cpu *cpu = t->cpu;
    bool any = false;

    do {
        if (!first_one(t))
            return any;
        any = true;
    } while (cpu->exit_kind == CPU_EXIT_MISS && !__atomic_load_n(&cpu->poll, __ATOMIC_RELAXED) &&
             !cache_find(cpu->pc, cpu->mode) && first_wanted(cpu));
    return true;
}

/* The only thread needs no locks, and no epoch to look for units. */
bool unit_first_run(struct cpu *cpu, bool *back)
{
    struct first_try t = { .cpu = cpu };

    if (!first_wanted(cpu))
        return false;

    uint64_t start = now();

    loop_head = false;
    translate_once = true;

    bool ok = setjmp(refused) == 0 && have_scratch() && first_chain(&t);

    translate_once = false;
    if (ok)
        *back = t.back;
    cache.stats.ns_first += now() - start;
    return ok;
}

void unit_build(struct cpu *cpu, const struct pending_link *l, bool back)
{
    for (;;) {
        struct guest_fault fault;
        struct unit *u;
        enum built b = BUILT;

        space_read_lock();
        lock_take(&cache.lock);
        u = cache_find(cpu->pc, cpu->mode);
        loop_head = back || link_is_loop(l);
        if (!u)
            b = build_locked(cpu, translate_limit, &fault, &u);
        if (b == BUILT && !log_on(LOG_NOCHAIN))
            link_pending(l, u);
        lock_give(&cache.lock);
        space_read_unlock();

        if (b == BUILT)
            return;
        not_built(cpu, b, &fault);
        if (b == BUILT_FAULT)
            return;
        if (__atomic_load_n(&cpu->poll, __ATOMIC_RELAXED))
            return;
    }
}

/* --- regions -------------------------------------------------------------------------------------
 * */

struct region_job { const struct cpu *cpu; gaddr head; bool found; };

static void translate_region_of(void *arg)
{
    struct region_job *job = arg;

    job->found = translate_region(scratch, job->cpu->guest, job->head, job->cpu->mode);
}

/* Others with the same pc and mode as `u` are superseded: who jumps to them comes to `u` from now on. */
static void supersede(const struct unit *u)
{
    struct unit *drop = NULL;

    for (struct unit *old = u->hash_next, *next; old; old = next) {
        next = old->hash_next;
        if (old->pc == u->pc && old->mode == u->mode && keep_usable(old))
            unit_unpublish(old, &drop);
    }
    units_dropped(drop, false);
}

static struct unit *try_region(const struct cpu *cpu, gaddr head)
{
    struct region_job job = { .cpu = cpu, .head = head };
    struct guest_fault fault;
    struct compiled out = { 0 };
    uint64_t start = now();
    struct unit *u = NULL;

    if (fault_try(translate_region_of, &job, &fault) && job.found) {
        optimise(0);
        u = emit(&out);
    }
    if (u) {
        supersede(u);
        built(u, &out);
    }
    cache.stats.regions += u != NULL;
    cache.stats.regions_none += !u;
    cache.stats.region_insns += u ? u->guest_insns : 0;
    cache.stats.ns_regions += now() - start;
    return u;
}

/* The region at `head` in place of what is there. NULL if none can be made. Lock held. */
static struct unit *build_region(const struct cpu *cpu, gaddr head)
{
    return setjmp(refused) == 0 && have_scratch() ? try_region(cpu, head) : NULL;
}

int32_t unit_ticks(void)
{
    return run_hot == 0 ? INT32_MAX : run_hot < HOT ? 1 : (int32_t)(run_hot / HOT);
}

/* Is the thread in a loop that goes round often? After a tick the next jumps back are looked at one by one: of the loop itself
 * or of one inside it they lead to its head or not far behind. True when that is known; *head then is the loop's. */
static bool goes_round(struct cpu *cpu, gaddr *head)
{
    if (!cpu->hot_head) {
        cpu->hot_head = cpu->pc;
        cpu->hot_left = ROUNDS;
    } else if (cpu->pc - cpu->hot_head > REACH) {
        cpu->hot_head = 0;
    } else if (--cpu->hot_left == 0) {
        *head = cpu->hot_head;
        cpu->hot_head = 0;
        cpu->tick = unit_ticks();
        return true;
    }
    cpu->tick = cpu->hot_head ? 0 : unit_ticks();
    return false;
}

void unit_heat(struct cpu *cpu)
{
    gaddr head;

    cpu->tick = unit_ticks();
    if (run_hot == 0 || log_on(LOG_NOCHAIN) || !goes_round(cpu, &head))
        return;
    space_read_lock();
    lock_take(&cache.lock);

    struct unit *u = cache_find(head, cpu->mode);

    if (u && u->tries < REGION_TRIES && ++u->heat >= HOT << u->tries) {
        uint8_t tries = u->tries + 1;
        struct unit *region = build_region(cpu, head);

        u = region ? region : cache_find(head, cpu->mode); /* what was there may have gone with its segment */
        if (u) {
            u->tries = region ? tries : REGION_TRIES;
            u->heat = 0;
        }
    }
    lock_give(&cache.lock);
    space_read_unlock();
}
