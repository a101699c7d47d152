/* Random units as a frontend makes them: a first run does what the reference interpreter says, up to the instruction that it
 * stops before; faults come with the state and the address that the interpreter has there.
 *
 *     test_first SEED COUNT
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/first.h"
#include "backend/cpu.h"
#include "ir/text.h"
#include "tests/ir/random.h"
#include "tests/ir/testguest.h"

enum { STATES = 3 };

static struct cpu cpu;
static uint8_t *const memory = (uint8_t *)RANDOM_MEM_BASE;
static uint64_t exits, traps, faults, stops, refused, loops;

static sigjmp_buf landing;
static struct guest_fault found;

static void on_fault(int signo, siginfo_t *si, void *ctx)
{
    (void)ctx;
    found = (struct guest_fault){ signo, si->si_code, (gaddr)(uintptr_t)si->si_addr };
    siglongjmp(landing, 1);
}

/* False if it can't be run. */
static bool guarded_run(struct ir_unit *u, bool *back)
{
    if (sigsetjmp(landing, 1) == 0)
        return first_run(&cpu, u, back);
    first_fault(&cpu, &found);
    return true;
}

/* Insns before the marker of the instruction at `pc`; all of them if there is none. */
static uint64_t insns_before(const struct ir_unit *u, gaddr pc)
{
    uint64_t n = 0;

    for (ir_ref r = u->blocks[0].first; r; r = ir_at(u, r)->next, n++)
        if (ir_at(u, r)->op == IR_insn && (gaddr)ir_at(u, r)->imm == pc)
            break;
    return n;
}

static bool access_machine(void *ctx, gaddr a, unsigned size, bool write, void *mem)
{
    struct machine *m = ctx;

    if (a < RANDOM_MEM_BASE || a - RANDOM_MEM_BASE > RANDOM_MEM_BYTES - size)
        return false;
    if (write)
        memcpy(m->mem + (a - RANDOM_MEM_BASE), mem, size);
    else
        memcpy(mem, m->mem + (a - RANDOM_MEM_BASE), size);
    return true;
}

static struct interp_result reference(const struct ir_unit *u, struct machine *m, uint64_t max)
{
    struct interp_env env = { .access = access_machine, .ctx = m, .max_steps = max };
    struct interp_result r = interp_run(u, &m->cpu, &env);

    m->cpu.pc = r.pc;
    return r;
}

/* Did it end as `want` says? The interpreter finds a fault at an access's first byte, the processor at its first byte that is not there. */
static bool same_end(const struct interp_result *want)
{
    switch (want->how) {
    case INTERP_EXIT:
        exits++;
        return cpu.exit_kind == CPU_EXIT_MISS;
    case INTERP_TRAP:
        traps++;
        return cpu.exit_kind == CPU_EXIT_TRAP && cpu.trap == want->trap && cpu.trap_info == (uint64_t)want->info;
    case INTERP_MISALIGN:
        traps++;
        return cpu.exit_kind == CPU_EXIT_TRAP && cpu.trap == IR_TRAP_MISALIGN && cpu.trap_info == want->addr;
    case INTERP_FAULT:
        faults++;
        return cpu.exit_kind == CPU_EXIT_FAULT && cpu.fault_signo == SIGSEGV && cpu.fault_addr - want->addr < 16;
    default:
        return false;
    }
}

static bool complain(const struct ir_unit *u, uint64_t seed, const char *what, const struct cpu *want)
{
    printf("seed %" PRIu64 ": %s; pc %" PRIx64 ", not %" PRIx64 "; exit %u\n", seed, what, cpu.pc, want->pc, cpu.exit_kind);
    for (unsigned r = 0; r < TG_NREGS; r++)
        printf(" %s=%" PRIx64 "/%" PRIx64, testguest.regs[r].name, *(uint64_t *)(cpu.regs + testguest.regs[r].off),
               *(const uint64_t *)(want->regs + testguest.regs[r].off));
    printf("\n");
    ir_print(u, stdout);
    return false;
}

/* `used` is the same unit as `u`, for the first run. */
static bool check(const struct ir_unit *u, struct ir_unit *used, uint64_t seed, const struct machine *start)
{
    static struct machine m, whole;
    bool back = true;

    m = whole = *start;
    cpu = start->cpu;
    cpu.guest = &testguest;
    cpu.exit_kind = 99;
    memcpy(memory, m.mem, RANDOM_MEM_BYTES);
    if (!guarded_run(used, &back)) {
        refused++;
        return !memcmp(cpu.regs, start->cpu.regs, sizeof cpu.regs);
    }
    struct interp_result want = reference(u, &whole, 0);

    if (cpu.exit_kind == CPU_EXIT_MISS && insns_before(u, cpu.pc) && (want.how != INTERP_EXIT || want.pc != cpu.pc)) {
        want = reference(u, &m, insns_before(u, cpu.pc));
        if (want.how != INTERP_LIMIT)
            return complain(u, seed, "goes further than it can", &m.cpu);
        m.cpu.pc = cpu.pc;
        stops++;
    } else {
        m = whole;
        if (!same_end(&want))
            return complain(u, seed, "ends differently", &m.cpu);
    }
    if (cpu.pc != m.cpu.pc || memcmp(cpu.regs, m.cpu.regs, sizeof cpu.regs))
        return complain(u, seed, "registers differ", &m.cpu);
    if (memcmp(memory, m.mem, RANDOM_MEM_BYTES))
        return complain(u, seed, "memory differs", &m.cpu);
    return true;
}

/* The loop `x0 += 1` as translate_unit() closes it: a first run goes round once. */
static bool loop_goes_round_once(void)
{
    static const char text[] = "unit 0x1000\nblock 0:\n  jmp 1()\nblock 1:\n  insn 0x1000, 4\n  %2 = get.i64 x0\n"
                               "  %3 = add.i64 %2, 1\n  put x0, %3\n  poll 0x1000\n  jmp 1()\n";
    struct ir_unit *u = ir_new();
    char err[200] = "";
    bool back = false;

    memset(&cpu, 0, sizeof cpu);
    cpu.guest = &testguest;
    bool ok = ir_parse(u, &testguest, text, err, sizeof err) && guarded_run(u, &back) && back &&
              cpu.exit_kind == CPU_EXIT_MISS && cpu.pc == 0x1000 && *cpu_slot(&cpu, testguest.regs[0].off) == 1;
    if (!ok)
        printf("a loop: %s, x0 %" PRIu64 "\n", err, *cpu_slot(&cpu, testguest.regs[0].off));
    loops += ok;
    ir_free(u);
    return ok;
}

static void make(struct ir_unit *u, uint64_t seed)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15u | 1;

    random_unit(u, &s);
}

int main(int argc, char **argv)
{
    static struct machine start[STATES];
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, n = argc > 2 ? strtoull(argv[2], NULL, 0) : 2000;
    uint64_t state = 88172645463325252u;
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
    struct ir_unit *u = ir_new(), *used = ir_new();

    if (mmap(memory, RANDOM_MEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != memory)
        return 77;
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    for (unsigned k = 0; k < STATES; k++) {
        random_machine(&start[k], &state);
        start[k].cpu.poll = 0;
    }
    for (uint64_t seed = first; seed < first + n; seed++) {
        make(u, seed);
        for (unsigned k = 0; k < STATES && u->nblocks == 1; k++) {
            make(used, seed);
            if (!check(u, used, seed, &start[k]))
                return 1;
        }
    }
    if (!loop_goes_round_once())
        return 1;
    printf("%" PRIu64 " exits, %" PRIu64 " traps, %" PRIu64 " faults, %" PRIu64 " stops, %" PRIu64 " refused\n", exits, traps,
           faults, stops, refused);
    ir_free(u);
    ir_free(used);
    return !exits || !traps || !faults || !stops || !refused;
}
