/* Random units: the emitted code does what the interpreter says, and at every memory access the snapshot gives the
 * registers that the interpreter has there.
 *
 * Arguments: first seed, number of units; then, to look into a failure, the variant's number and a file that the host
 * code goes to (objdump -D -b binary -mi386:x86-64). Each unit goes through all passes, is compiled, and runs from several random
 * states twice:
 *   - straight through; exit kind, pc, registers, memory and accumulated FP exceptions must be the interpreter's;
 *   - with its memory inaccessible: each access faults, the state that snapshot_restore() finds is noted, the
 *     access is let through by a single step. The interpreter is run once an access, failing at that one.
 * All of it for several variants: which guest registers have homes, and which CPU features the emitter may use. A
 * variant is a process of its own, since homes are fixed for a process.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/snapshot.h"
#include "backend/x86/fz.h"
#include "backend/x86/homes.h"
#include "backend/x86/operand.h"
#include "backend/x86/rt.h"
#include "ir/passes/pass.h"
#include "tests/ir/random.h"
#include "tests/ir/testguest.h"

enum { STATES = 3, STACK = 256 << 10, CODE_BYTES = 4 << 20, MAX_ACCESSES = 64, EFLAGS_TF = 0x100,
       MX_SEEN = 0x603d /* what a guest sees of MXCSR: rounding, flags */ };

/* How an execution ended, or what it was at an access; comparable bit by bit. */
struct outcome {
    enum interp_how how;
    gaddr pc;
    uint64_t addr;                  /* of a fault */
    uint32_t trap;
    int64_t info;
    uint32_t mxcsr, fpx_more;
    uint8_t regs[CPU_REG_BYTES];
};

/* Ranks for homes, of x0..x7, w0, w1, f0..f3, v0, v1; features that the emitter must do without. */
static const struct variant { const char *name; uint8_t home[TG_NREGS]; uint32_t no_features; } variants[] = {
    { "homes", { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6 }, 0 },
    { "homes, plain CPU", { 8, 7, 6, 5, 4, 3, 2, 1, 0, 9, 4, 3, 2, 1, 0, 5 }, ~0u },
    { "few homes", { 0, 1, 0, 2, 0, 0, 3, 0, 0, 4, 0, 1, 0, 0, 2, 0 }, 0 },
    { "no homes", { 0 }, 0 },
    { "no homes, plain CPU", { 0 }, ~0u },
};

static struct guest guest_of_test;
static struct cpu *cpu;             /* what generated code runs on, at the end of its stack */
static struct code_buf buf;
static struct compiled unit;
static gaddr unit_pc;
static uint8_t *const memory = (uint8_t *)RANDOM_MEM_BASE;

/* What the signal handler works with. */
static bool stepping;               /* the second kind of run */
static uint32_t last_snap, last_off;
static struct outcome seen[MAX_ACCESSES];
static unsigned nseen;
static const struct ir_unit *unit_now;
static uint64_t seed_now;
static const char *code_file;

/* ------------------------------------------------------------------ running */

static void note(struct outcome *o, enum interp_how how, const struct cpu *c)
{
    memset(o, 0, sizeof *o);
    o->how = how;
    o->pc = c->pc;
    o->mxcsr = c->mxcsr & MX_SEEN;
    o->fpx_more = c->fpx_more;
    memcpy(o->regs, c->regs, sizeof o->regs);
    /* The emitter leaves anything in the upper half of a 32-bit register. No guest has such registers yet. */
    for (unsigned r = 0; r < TG_NREGS; r++)
        if (testguest.regs[r].type == IR_I32)
            memset(o->regs + testguest.regs[r].off + 4, 0, 4);
}

/* The record of the faulting instruction at `off`, or NULL. */
static const struct code_fault *record_at(uint32_t off)
{
    for (uint32_t k = 0; k < unit.nfaults; k++)
        if (unit.faults[k].off == off)
            return &unit.faults[k];
    return NULL;
}

/* An access in a stepping run: notes the state there and lets it through. An op of several instructions, one after
 * the other in memory, is one access. */
static void soft_fault(const struct code_fault *f, ucontext_t *uc)
{
    static uint8_t regs[CPU_REG_BYTES];
    struct outcome *o = &seen[nseen];

    if (!(nseen && f->snap == last_snap && f->off > last_off) && nseen < MAX_ACCESSES) {
        memcpy(regs, cpu->regs, sizeof regs);
        snapshot_restore(cpu, unit.snap_data, f->snap, unit_pc, uc);
        cpu->mxcsr = uc->uc_mcontext.fpregs->mxcsr;
        note(o, INTERP_FAULT, cpu);
        memcpy(cpu->regs, regs, sizeof regs);
        nseen++;
    }
    last_snap = f->snap;
    last_off = f->off;
    mprotect(memory, RANDOM_MEM_BYTES, PROT_READ | PROT_WRITE);
    uc->uc_mcontext.gregs[REG_EFL] |= EFLAGS_TF;
}

static void on_fault(int signo, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;
    greg_t *r = uc->uc_mcontext.gregs;
    uint64_t addr = (uint64_t)(uintptr_t)si->si_addr;
    const struct code_fault *f = record_at((uint32_t)((uint8_t *)(uintptr_t)r[REG_RIP] - unit.code));

    if (!f) { /* all is lost: no need to be async-signal-safe */
        printf("seed %" PRIu64 ": signal %d outside of all records, at %#llx of the code, address %#" PRIx64 "\n", seed_now,
               signo, r[REG_RIP] - (greg_t)(uintptr_t)unit.code, addr);
        ir_print(unit_now, stdout);
        exit(1);
    }
    if (stepping && addr - RANDOM_MEM_BASE < RANDOM_MEM_BYTES && !(r[REG_EFL] & EFLAGS_TF)) {
        soft_fault(f, uc);
        return;
    }
    if (stepping && nseen && f->snap == last_snap && f->off == last_off && (r[REG_EFL] & EFLAGS_TF))
        nseen--;    /* an access across the end of the memory: only its first part was noted */
    if (si->si_code == SI_KERNEL)
        operand_address((const uint8_t *)(uintptr_t)r[REG_RIP], r, &addr);
    snapshot_restore(cpu, unit.snap_data, f->snap, unit_pc, uc);
    cpu->mxcsr = uc->uc_mcontext.fpregs->mxcsr;
    cpu->fault_addr = addr;
    cpu->exit_kind = CPU_EXIT_FAULT;
    r[REG_RIP] = (greg_t)(uintptr_t)buf.thunks[THUNK_FAULT];
    r[REG_RSP] = (greg_t)(uintptr_t)cpu;
    r[REG_EFL] &= ~(greg_t)EFLAGS_TF;
}

static void on_fp(int signo, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;

    if ((uint64_t)uc->uc_mcontext.gregs[REG_RIP] - (uint64_t)(uintptr_t)unit.code >= unit.size || !fz_trap(cpu, uc))
        on_fault(signo, si, ctx);
}

static void on_step(int signo, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;

    (void)signo, (void)si;
    uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)EFLAGS_TF;
    mprotect(memory, RANDOM_MEM_BYTES, PROT_NONE);
}

static void enter(const uint8_t *code)
{
    union { const uint8_t *data; void (*fn)(struct cpu *, const void *); } thunk = { buf.thunks[THUNK_ENTER] };

    thunk.fn(cpu, code);
}

/* Where the unit's direct exit leads that left. */
static gaddr exit_target(void)
{
    for (uint32_t k = 0; k < unit.nexits; k++)
        if (unit.code + unit.exits[k].off + 5 == (const uint8_t *)cpu->exit_site)
            return unit.exits[k].target;
    return 1;
}

/* Runs the compiled unit from state `m`, and leaves the memory's contents there. */
static struct outcome run_code(struct machine *m, bool step)
{
    struct outcome o;

    mprotect(memory, RANDOM_MEM_BYTES, PROT_READ | PROT_WRITE);
    memcpy(memory, m->mem, RANDOM_MEM_BYTES);
    memcpy(cpu->regs, m->cpu.regs, sizeof cpu->regs);
    memset(cpu->spill, 0xa5, sizeof cpu->spill);
    cpu->fpx_more = m->cpu.fpx_more;
    cpu->fz = unit_now->mode & 1;
    cpu->mxcsr = fz_mxcsr(cpu, m->cpu.mxcsr);
    cpu->mxcsr_host = 0x1f80;
    cpu->poll = m->cpu.poll;
    cpu->tick = INT32_MAX;
    cpu->pc = 3;
    cpu->exit_site = NULL;
    nseen = 0;
    stepping = step;
    if (step)
        mprotect(memory, RANDOM_MEM_BYTES, PROT_NONE);
    enter(unit.code);
    mprotect(memory, RANDOM_MEM_BYTES, PROT_READ | PROT_WRITE);
    memcpy(m->mem, memory, RANDOM_MEM_BYTES);

    if (cpu->exit_kind == CPU_EXIT_MISS && cpu->exit_site)
        cpu->pc = exit_target();
    note(&o, INTERP_EXIT, cpu);
    switch (cpu->exit_kind) {
    case CPU_EXIT_POLL:
        o.how = INTERP_POLL;
        break;
    case CPU_EXIT_TRAP:
        o.how = INTERP_TRAP;
        o.trap = cpu->trap;
        o.info = (int64_t)cpu->trap_info;
        break;
    case CPU_EXIT_FAULT:
        o.how = INTERP_FAULT;
        o.addr = cpu->fault_addr;
        break;
    }
    return o;
}

/* ------------------------------------------------------------------ the interpreter */

struct counted { struct machine *m; unsigned left, made; bool write; };

/* The machine's memory, but the access number `left` fails. */
static bool counted_access(void *ctx, gaddr a, unsigned size, bool write, void *mem)
{
    struct counted *c = ctx;

    if (a < RANDOM_MEM_BASE || a - RANDOM_MEM_BASE > RANDOM_MEM_BYTES - size)
        return false;
    c->write = write;
    c->made++;
    if (c->left-- == 0)
        return false;
    if (write)
        memcpy(c->m->mem + (a - RANDOM_MEM_BASE), mem, size);
    else
        memcpy(mem, c->m->mem + (a - RANDOM_MEM_BASE), size);
    return true;
}

/* Interprets `u` on `m`; access number `fail` fails. c->made tells how many there were. */
static struct outcome run_interp(const struct ir_unit *u, struct machine *m, unsigned fail, struct counted *c,
                                 ir_ref *at)
{
    struct interp_env env = { .access = counted_access, .ctx = c, .max_steps = 20000 };
    struct outcome o;

    *c = (struct counted){ .m = m, .left = fail };
    struct interp_result r = interp_run(u, &m->cpu, &env);

    m->cpu.pc = r.pc;
    note(&o, r.how, &m->cpu);
    *at = r.at;
    if (r.how == INTERP_FAULT)
        o.addr = r.addr;
    if (r.how == INTERP_TRAP) {
        o.trap = r.trap;
        o.info = r.info;
    }
    if (r.how == INTERP_MISALIGN) {
        o.how = INTERP_TRAP;
        o.trap = IR_TRAP_MISALIGN;
        o.info = (int64_t)r.addr;
    }
    return o;
}

/* ------------------------------------------------------------------ comparing */

static void show(const char *who, const struct outcome *o)
{
    printf("%-12s how %d pc %" PRIx64 " addr %" PRIx64 " trap %u info %" PRIx64 " mxcsr %x\n", who, o->how, o->pc,
           o->addr, o->trap, (uint64_t)o->info, o->mxcsr);
    for (unsigned r = 0; r < TG_NREGS; r++) {
        const uint64_t *v = (const uint64_t *)(o->regs + testguest.regs[r].off);

        printf(" %s=%" PRIx64, testguest.regs[r].name, v[0]);
        if (testguest.regs[r].type == IR_V128)
            printf(":%" PRIx64, v[1]);
    }
    printf("\n");
}

/* A fault's address is that of the access, or of the page in its middle. */
static bool same(const struct outcome *want, const struct outcome *got, bool address)
{
    bool middle = got->addr > want->addr && got->addr - want->addr < 16 && got->addr % 4096 == 0;

    return want->how == got->how && want->pc == got->pc && want->mxcsr == got->mxcsr &&
           want->fpx_more == got->fpx_more &&
           (want->how != INTERP_TRAP || (want->trap == got->trap && want->info == got->info)) &&
           (want->how != INTERP_FAULT || !address || want->addr == got->addr || middle) &&
           !memcmp(want->regs, got->regs, sizeof want->regs);
}

static bool complain(const struct ir_unit *u, uint64_t seed, const char *what, const struct outcome *want,
                     const struct outcome *got)
{
    printf("seed %" PRIu64 ": %s\n", seed, what);
    show("interpreter", want);
    show("code", got);
    ir_print(u, stdout);
    return false;
}

static uint64_t accesses_checked, ended[INTERP_BAD + 1];

/* All of the unit's accesses, as the code met them in a stepping run, against the interpreter failing there. */
static bool check_accesses(const struct ir_unit *u, uint64_t seed, const struct machine *start, unsigned total)
{
    static struct machine m;
    unsigned k = 0;

    for (unsigned fail = 0; fail < total && k < MAX_ACCESSES; fail++) {
        struct counted c;
        ir_ref at;

        m = *start;
        struct outcome want = run_interp(u, &m, fail, &c, &at);
        enum ir_op op = ir_at(u, at)->op;

        if ((op == IR_amo || op == IR_cas) && c.write)
            continue; /* the second half of one access */
        if (k >= nseen)
            return complain(u, seed, "the code makes fewer accesses", &want, &want);
        if (!same(&want, &seen[k], false))
            return complain(u, seed, "snapshot", &want, &seen[k]);
        k++;
        accesses_checked++;
    }
    if (k != nseen && nseen < MAX_ACCESSES)
        return complain(u, seed, "the code makes more accesses", &seen[k], &seen[k]);
    return true;
}

static bool check_state(const struct ir_unit *u, uint64_t seed, const struct machine *start)
{
    static struct machine want_m, got_m;
    struct counted c;
    ir_ref at;

    want_m = *start;
    struct outcome want = run_interp(u, &want_m, UINT32_MAX, &c, &at);

    ended[want.how]++;
    if (want.how == INTERP_LIMIT)
        return true;
    for (int step = 0; step < 2; step++) {
        got_m = *start;
        struct outcome got = run_code(&got_m, step);

        if (!same(&want, &got, true))
            return complain(u, seed, step ? "stepping run" : "run", &want, &got);
        if (memcmp(want_m.mem, got_m.mem, sizeof want_m.mem))
            return complain(u, seed, "memory", &want, &got);
    }
    return check_accesses(u, seed, start, c.made);
}

/* What the emitter does not do right, and no frontend makes: helpers that change guest registers; i1, of which 1 is -1,
 * compared as signed numbers. */
static bool beyond_emitter(const struct ir_unit *u)
{
    for (uint32_t r = 1; r < u->ninsns; r++) {
        const struct ir_insn *i = ir_at(u, r);

        if (i->op == IR_call && testguest.helpers[i->aux].flags & GUEST_HELPER_STATE)
            return true;
        if ((i->op == IR_cmplts || i->op == IR_cmples) && ir_at(u, i->arg[0])->type == IR_I1)
            return true;
    }
    return false;
}

/* The emitter goes through the blocks in their order and wants to know a block's entry when it gets there: an edge from
 * an earlier block must lead to it. The frontend's units are like that, the generator's not always. */
static bool entered_from_below(const struct ir_unit *u)
{
    uint64_t entered = 1, late = 0;

    for (uint32_t b = 0; b < u->nblocks; b++) {
        const struct ir_insn *i = ir_at(u, u->blocks[b].last);
        uint64_t to = i->op == IR_jmp ? 1ull << i->imm : 0;

        if (i->op == IR_br)
            to = 1ull << (i->imm & 0xffff) | 1ull << (i->imm >> 16);
        late |= to & ~entered & ((2ull << b) - 1);
        entered |= to;
    }
    return late;
}

static void write_code(void)
{
    FILE *f = code_file ? fopen(code_file, "w") : NULL;

    if (!f)
        return;
    fwrite(unit.code, 1, unit.size, f);
    fclose(f);
}

/* Has each call of a helper that may fault on guest memory a record of its own, at the call instruction? */
static bool calls_recorded(const struct ir_unit *u)
{
    unsigned calls = 0;

    for (uint32_t b = 0; b < u->nblocks; b++)
        for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next)
            if (ir_at(u, r)->op == IR_callv || ir_at(u, r)->op == IR_call)
                calls += (testguest.helpers[ir_at(u, r)->aux].flags & GUEST_HELPER_MEM) != 0;
    for (uint32_t k = 0; k < unit.nfaults; k++)
        calls -= unit.code[unit.faults[k].off] == 0xff;
    return calls == 0;
}

static bool check_unit(struct ir_unit *u, uint64_t seed, const struct machine *start)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;
    uint8_t *code = buf.p;
    char err[256];

    random_unit(u, &state);
    u->guest = &guest_of_test;
    unit_now = u;
    seed_now = seed;
    unit_pc = u->pc;
    pass_run_all(u, 0);
    if (!ir_verify(u, err, sizeof err)) {
        printf("seed %" PRIu64 ": %s\n", seed, err);
        return false;
    }
    if (beyond_emitter(u) || entered_from_below(u))
        return true;
    if (!compile_unit(u, &buf, &unit)) {
        printf("seed %" PRIu64 ": does not compile\n", seed);
        return false;
    }
    if (!calls_recorded(u)) {
        printf("seed %" PRIu64 ": calls without a fault record\n", seed);
        return false;
    }
    buf.p = code;
    write_code();
    for (unsigned k = 0; k < STATES; k++)
        if (!check_state(u, seed, &start[k]))
            return false;
    return true;
}

/* ------------------------------------------------------------------ setting up */

static void make_guest(const struct variant *v)
{
    static struct guest_reg regs[TG_NREGS];

    for (unsigned r = 0; r < TG_NREGS; r++) {
        regs[r] = testguest.regs[r];
        regs[r].home = v->home[r];
    }
    guest_of_test = testguest;
    guest_of_test.regs = regs;
}

static void make_cpu(void)
{
    static const void *helpers[TG_NHELPERS];
    static struct cpu_probe none[CPU_PROBE_ENTRIES];
    uint8_t *m = mmap(NULL, STACK + sizeof *cpu, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (unsigned k = 0; k < CPU_PROBE_ENTRIES; k++)
        none[k].pc = 0x123456789abcdef1; /* CPU_PROBE_NONE, too, is a pc that random units go to */
    for (unsigned k = 0; k < TG_NHELPERS; k++)
        helpers[k] = testguest.helpers[k].fn;
    cpu = (struct cpu *)(m + STACK);
    cpu->guest = &guest_of_test;
    cpu->helpers = helpers;
    cpu->probe = cpu->probe_own = none;
    rt_init_cpu(cpu);
}

static bool make_memory(void)
{
    uint8_t *code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mmap(memory, RANDOM_MEM_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != memory || code == MAP_FAILED)
        return false;
    buf.p = code;
    buf.end = code + CODE_BYTES;
    return thunks_emit(&guest_of_test, &buf);
}

static void catch(int signo, void (*fn)(int, siginfo_t *, void *))
{
    struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

    sigaction(signo, &sa, NULL);
}

static int run_variant(const struct variant *v, uint64_t first, uint64_t n)
{
    static struct machine start[STATES];
    static uint8_t signal_stack[64 << 10];
    uint64_t state = 88172645463325252u;
    struct ir_unit *u = ir_new();

    make_guest(v);
    homes_init(&guest_of_test);
    host_features_init(v->no_features);
    make_cpu();
    if (!make_memory()) {
        printf("no memory at %p\n", (void *)memory);
        return 77;
    }
    sigaltstack(&(stack_t){ .ss_sp = signal_stack, .ss_size = sizeof signal_stack }, NULL);
    catch(SIGSEGV, on_fault);
    catch(SIGBUS, on_fault);
    catch(SIGFPE, on_fp);
    catch(SIGILL, on_fault);
    catch(SIGTRAP, on_step);
    for (unsigned k = 0; k < STATES; k++) {
        random_machine(&start[k], &state);
        start[k].cpu.poll = k == 0;
    }
    for (uint64_t seed = first; seed < first + n; seed++)
        if (!check_unit(u, seed, start)) {
            printf("variant: %s\n", v->name);
            return 1;
        }
    printf("%s: %" PRIu64 " units, %" PRIu64 " exits, %" PRIu64 " polls, %" PRIu64 " traps, %" PRIu64 " faults; %"
           PRIu64 " snapshots\n", v->name, n, ended[INTERP_EXIT], ended[INTERP_POLL], ended[INTERP_TRAP],
           ended[INTERP_FAULT], accesses_checked);
    ir_free(u);
    return !accesses_checked || !ended[INTERP_EXIT] || !ended[INTERP_POLL] || !ended[INTERP_TRAP] ||
           !ended[INTERP_FAULT];
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, n = argc > 2 ? strtoull(argv[2], NULL, 0) : 2000;
    unsigned only = argc > 3 ? (unsigned)atoi(argv[3]) : UINT32_MAX;
    int result = 0;

    code_file = argc > 4 ? argv[4] : NULL;
    for (unsigned k = 0; k < sizeof variants / sizeof variants[0]; k++) {
        int status = 0;

        if (only != UINT32_MAX && k != only)
            continue;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            exit(run_variant(&variants[k], first, n));
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status))
            printf("variant %s died of signal %d\n", variants[k].name, WTERMSIG(status));
        if (status)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    return result;
}
