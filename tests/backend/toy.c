#include "tests/backend/toy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/first.h"
#include "backend/snapshot.h"
#include "backend/x86/enc.h"
#include "backend/x86/homes.h"
#include "debug/log.h"
#include "debug/perfmap.h"
#include "frontend/region.h"
#include "ir/passes/pass.h"
#include "loader/space.h"
#include "syscall/host.h"
#include "syscall/linux.h"

/* --- the guest -----------------------------------------------------------------------------------
 * */

#define X(n, rank) { "x" #n, IR_I64, rank, 8 * n }
static const struct guest_reg toy_regs[] = {
    X(0, 1), X(1, 2), X(2, 3), X(3, 4), X(4, 5), X(5, 6), X(6, 7), X(7, 8),
    X(8, 9), X(9, 10), X(10, 11), X(11, 12), X(12, 0), X(13, 0), X(14, 0), X(15, 0),
    { "f0", IR_F64, 1, 128 }, { "f1", IR_V128, 2, 144 },
};

/* Spoils the registers that C has to preserve, as C may at any time, and reads memory. */
static uint64_t helper(struct cpu *cpu, uint64_t address)
{
    uint64_t v;

    __asm__ volatile("xor %%ebx, %%ebx\n xor %%r12d, %%r12d\n xor %%r13d, %%r13d\n"
                     "xor %%r14d, %%r14d\n xor %%r15d, %%r15d\n mov (%1), %0"
                     : "=a"(v) : "c"(address) : "rbx", "r12", "r13", "r14", "r15", "memory");
    return v;
}

static const struct guest_helper toy_helpers[] = {
    { "read", (const void *)helper, IR_I64, 1, { IR_I64 }, GUEST_HELPER_MEM },
};

const struct guest toy_guest = {
    .name = "toy", .insn_align_log2 = 2, .regs = toy_regs, .nregs = TOY_NREGS,
    .helpers = toy_helpers, .nhelpers = 1,
};

unsigned toy_longest = UINT32_MAX;
unsigned toy_pad, toy_bulk;

static const struct toy_insn *insn_at(gaddr pc)
{
    return host(pc);
}

static bool always_leaves(uint8_t op)
{
    return op == TOY_JMP || op == TOY_JR || op == TOY_SYS || op == TOY_SYNC || op == TOY_ILL;
}

/* --- frontend ------------------------------------------------------------------------------------
 * */

struct ir_unit *ir_new(void)
{
    return calloc(1, sizeof(struct ir_unit));
}

void translate_unit(struct ir_unit *u, const struct guest *guest, gaddr pc, uint32_t mode, bool loop_head)
{
    gaddr at = pc;
    uint8_t op;

    memset(u, 0, sizeof *u);
    u->guest = guest;
    u->pc = pc;
    u->mode = mode;
    do {
        uint32_t bits;

        op = insn_at(at)->op;
        memcpy(&bits, host(at), 4);
        u->src_hash = ir_src_hash(u->src_hash, bits, 4);
        u->guest_insns++;
        at += 4;
    } while (!always_leaves(op) && u->guest_insns < translate_limit);
    u->guest_bytes = (uint32_t)(at - pc);
    u->extents[0] = (struct ir_extent){ pc, u->guest_bytes };
    u->nextents = 1;
}

unsigned translate_limit = 128, translate_side_exits = 3;
bool translate_once;

bool translate_region(struct ir_unit *u, const struct guest *guest, gaddr head, uint32_t mode)
{
    translate_unit(u, guest, head, mode, true);
    return true;
}

unsigned pass_mask_first(const struct ir_unit *u)
{
    return 0;
}

void pass_run_all(struct ir_unit *u, unsigned disabled_mask)
{
    u->regs_done = true;
}

/* --- backend -------------------------------------------------------------------------------------
 * */

enum { MAX_EXITS = 256 };
static struct code_exit exits[MAX_EXITS];
static struct code_fault faults[MAX_EXITS];
static gaddr fault_pcs[MAX_EXITS];
static uint32_t nexits, nfaults;
static const struct code_buf *cur;

#define FIELD(f) x86_mem_b(RSP, (int32_t)offsetof(struct cpu, f))

static struct x86_mem slot(unsigned r)
{
    return x86_mem_b(RSP, (int32_t)(offsetof(struct cpu, regs) + toy_regs[r].off));
}

static void get(struct x86_buf *b, enum x86_reg to, unsigned r)
{
    if (homes_of(r) != HOME_NONE)
        x86_mov_rr(b, 8, to, homes_of(r));
    else
        x86_mov_rm(b, 8, to, slot(r));
}

static void put(struct x86_buf *b, unsigned r, enum x86_reg from)
{
    if (homes_of(r) != HOME_NONE)
        x86_mov_rr(b, 8, homes_of(r), from);
    else
        x86_mov_mr(b, 8, slot(r), from);
}

static int32_t thunk(const struct x86_buf *b, enum thunk t)
{
    return (int32_t)(cur->thunks[t] - (b->base + cur->exec_delta));
}

static void direct_exit(struct x86_buf *b, gaddr target)
{
    while ((x86_pos(b) & 7) > 3 && !b->overflow)
        x86_nop(b, 1);
    exits[nexits++] = (struct code_exit){ .off = x86_pos(b), .target = target };
    x86_call_rel32(b, thunk(b, THUNK_EXIT_DIRECT));
}

static void set_pc(struct x86_buf *b, gaddr pc)
{
    x86_movabs_ri(b, RAX, (int64_t)pc);
    x86_mov_mr(b, 8, FIELD(pc), RAX);
}

static void trap(struct x86_buf *b, enum ir_trap kind, gaddr pc, int32_t info)
{
    set_pc(b, pc);
    x86_mov_mi(b, 4, FIELD(trap), (int32_t)kind);
    x86_mov_mi(b, 8, FIELD(trap_info), info);
    x86_jmp(b, thunk(b, THUNK_EXIT_TRAP));
}

static void add_fault(uint32_t off, gaddr pc)
{
    fault_pcs[nfaults] = pc;
    faults[nfaults] = (struct code_fault){ .off = off, .snap = nfaults * (uint32_t)sizeof(gaddr) };
    nfaults++;
}

static void indirect(struct x86_buf *b, unsigned r)
{
    get(b, RCX, r);
    x86_mov_rr(b, 4, RAX, RCX);
    x86_and_rm(b, 4, RAX, FIELD(probe_mask));
    x86_shl_ri(b, 4, RAX, 2);
    x86_add_rm(b, 8, RAX, FIELD(probe));
    x86_cmp_rm(b, 8, RCX, x86_mem_b(RAX, 0));
    uint32_t miss = x86_jcc_rel32_fwd(b, X86_NE);
    x86_jmp_m(b, x86_mem_b(RAX, 8));
    x86_patch_rel32(b, miss, (int32_t)x86_pos(b));
    x86_mov_mr(b, 8, FIELD(pc), RCX);
    x86_jmp(b, thunk(b, THUNK_EXIT_PC));
}

static void call_helper(struct x86_buf *b, unsigned r, gaddr pc)
{
    get(b, RCX, r);
    x86_mov_mr(b, 8, FIELD(rt_int), RCX);
    x86_mov_mi(b, 4, FIELD(rt_index), CPU_RT_HELPER);
    add_fault(x86_pos(b), pc);
    x86_call_m(b, FIELD(rt_thunk));
    x86_mov_rm(b, 8, RCX, FIELD(rt_int));
    put(b, 0, RCX);
}

static void emit_insn(struct x86_buf *b, gaddr pc)
{
    const struct toy_insn *i = insn_at(pc);
    gaddr target = pc + (gaddr)(4 * (int64_t)i->imm);
    uint32_t skip;

    switch (i->op) {
    case TOY_ADD:
        if (homes_of(i->reg) != HOME_NONE)
            x86_add_ri(b, 8, homes_of(i->reg), i->imm);
        else
            x86_add_mi(b, 8, slot(i->reg), i->imm);
        break;
    case TOY_JMP:
        direct_exit(b, target);
        break;
    case TOY_DECNZ:
        get(b, RCX, i->reg);
        x86_sub_ri(b, 8, RCX, 1);
        put(b, i->reg, RCX);
        skip = x86_jcc_rel32_fwd(b, X86_E);
        direct_exit(b, target);
        x86_patch_rel32(b, skip, (int32_t)x86_pos(b));
        break;
    case TOY_JR:
        indirect(b, i->reg);
        break;
    case TOY_SYS:
        trap(b, IR_TRAP_SYSCALL, pc + 4, i->imm);
        break;
    case TOY_POLL:
        x86_cmp_mi(b, 4, FIELD(poll), 0);
        skip = x86_jcc_rel32_fwd(b, X86_E);
        set_pc(b, pc);
        x86_jmp(b, thunk(b, THUNK_EXIT_POLL));
        x86_patch_rel32(b, skip, (int32_t)x86_pos(b));
        break;
    case TOY_LOAD:
        get(b, RCX, i->reg);
        add_fault(x86_pos(b), pc);
        x86_mov_rm(b, 8, homes_of(0), x86_mem_b(RCX, 0));
        break;
    case TOY_HELP:
        call_helper(b, i->reg, pc);
        break;
    case TOY_SYNC:
        trap(b, IR_TRAP_SYNC_CODE, pc + 4, 0);
        break;
    case TOY_FADD:
        x86_addsd_xx(b, homes_of(TOY_F0), homes_of(TOY_F1));
        break;
    default:
        trap(b, IR_TRAP_ILLEGAL, pc, 0);
    }
}

bool compile_unit(struct ir_unit *u, struct code_buf *buf, struct compiled *out)
{
    uint8_t *start = (uint8_t *)(((uintptr_t)buf->p + 15) & ~(uintptr_t)15);

    out->too_long = u->guest_insns > toy_longest;
    if (out->too_long || start + X86_ROOM >= buf->end)
        return false;
    struct x86_buf b = x86_buf_init(start, (size_t)(buf->end - start));

    cur = buf;
    nexits = nfaults = 0;
    for (unsigned n = 0; n < toy_pad; n += 8)
        x86_nop(&b, 8);
    for (gaddr pc = u->pc; pc < u->pc + u->guest_bytes; pc += 4) {
        for (unsigned n = 0; n < toy_bulk; n += 8)
            x86_nop(&b, 8);
        emit_insn(&b, pc);
    }
    if (!always_leaves(insn_at(u->pc + u->guest_bytes - 4)->op))
        direct_exit(&b, u->pc + u->guest_bytes);
    if (b.overflow)
        return false;
    *out = (struct compiled){
        .code = start, .size = x86_pos(&b), .exits = exits, .nexits = nexits, .faults = faults,
        .nfaults = nfaults, .snap_data = (const uint8_t *)fault_pcs,
        .snap_size = nfaults * (uint32_t)sizeof(gaddr),
    };
    buf->p = b.p;
    return true;
}

/* Host registers by number, as REG_* of the signal context. */
static const uint8_t context_reg[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* Registers never leave their homes. */
void snapshot_restore(struct cpu *cpu, const uint8_t *data, uint32_t rec, gaddr unit_pc,
                      const ucontext_t *uc)
{
    memcpy(&cpu->pc, data + rec, sizeof cpu->pc);
    for (unsigned r = 0; r < TOY_NREGS; r++) {
        uint8_t h = homes_of(r);

        if (h == HOME_NONE)
            continue;
        if (r >= TOY_F0)
            memcpy(cpu->regs + toy_regs[r].off, &uc->uc_mcontext.fpregs->_xmm[h], 16);
        else
            *toy_reg(cpu, r) = (uint64_t)uc->uc_mcontext.gregs[context_reg[h]];
    }
}

/* --- Linux ---------------------------------------------------------------------------------------
 * */

void (*toy_syscall)(struct cpu *cpu, unsigned number);
void (*toy_fault)(struct cpu *cpu, int signo, int code, gaddr addr);
void (*toy_poll)(struct cpu *cpu);

void linux_syscall(struct cpu *cpu)
{
    toy_syscall(cpu, (unsigned)cpu->trap_info);
}

void linux_fault(struct cpu *cpu, int signo, int code, gaddr addr)
{
    toy_fault(cpu, signo, code, addr);
}

void linux_stepped(struct cpu *cpu)
{
}

bool linux_signal_waits(const struct cpu *cpu)
{
    return false;
}

void linux_interrupt(const struct cpu *cpu)
{
}

void linux_poll(struct cpu *cpu)
{
    __atomic_store_n(&cpu->poll, 0, __ATOMIC_SEQ_CST);
    if (toy_poll)
        toy_poll(cpu);
}

static _Thread_local jmp_buf stop;

void toy_run(struct cpu *cpu, const struct toy_insn *start)
{
    cpu->pc = toy_pc(start);
    if (setjmp(stop) == 0)
        run_loop(cpu);
}

_Noreturn void toy_stop(void)
{
    longjmp(stop, 1);
}

static void on_fault(int signo, siginfo_t *si, void *uc)
{
    if (!fault_in_code(signo, si, uc))
        _exit(99);
}

void toy_catch_faults(void)
{
    static _Thread_local char stack[64 << 10];
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
}

/* --- first runs: none */

bool first_run(struct cpu *cpu, struct ir_unit *u, bool *back)
{
    return false;
}

void first_fault(struct cpu *cpu, const struct guest_fault *f)
{
}

/* --- address space and logs: nothing
 * ---------------------------------------------------------------- */

uintptr_t gaddr_base;
uint32_t log_items;
bool perfmap_on;

void space_read_lock(void)
{
}

void space_read_unlock(void)
{
}

bool space_lookup(gaddr addr, struct space_range *out)
{
    return false;
}

bool toy_shared;

bool space_next(gaddr addr, struct space_range *out)
{
    const gaddr end = 1ull << 48;

    *out = (struct space_range){ .end = end, .prot = PROT_EXEC, .kind = toy_shared ? SPACE_SHARED : 0 };
    return addr < end;
}

bool space_unannounced(gaddr start, uint64_t len)
{
    return false;
}

void space_announce(gaddr start, uint64_t len)
{
}

const uint8_t *space_fetch(gaddr pc, size_t *avail)
{
    *avail = 1 << 20;
    return host(pc);
}

bool space_accessible(gaddr addr, uint64_t len, int prot)
{
    return true;
}

size_t host_copy(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
    return 0;
}

int space_fault_kind(gaddr addr)
{
    return SEGV_MAPERR;
}

bool space_is_lazy(void)
{
    return true;
}

uint64_t space_layout(void)
{
    return 0;
}

void *host_alloc(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void host_free(void *p, size_t size)
{
    munmap(p, size);
}

FILE *log_begin(void)
{
    return stderr;
}

void log_end(FILE *f)
{
}

void log_printf(const char *format, ...)
{
}

void log_host_code(FILE *f, const void *code, size_t len)
{
}

void perfmap_unit(const void *code, size_t len, gaddr pc)
{
}

void ir_print(const struct ir_unit *u, FILE *f)
{
}

void pass_stats_print(const struct pass_stats *s, FILE *f)
{
}
