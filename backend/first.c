#include "backend/first.h"

#include <signal.h>
#include <string.h>

#include "backend/cpu.h"
#include "frontend/guest.h"
#include "ir/eval.h"

/* --- what can be run ------------------------------------------------------------------------------
 * */

struct first {
    struct ir_unit *u;
    struct cpu *cpu;
    ir_ref marker, stop;            /* `insn` that is being executed; the one to stop before */
    gaddr addr;                     /* of the access */
    bool write, back;
};

static struct first run;

/* Which ops can be run: those with a row of eval.def (no vectors there but copy) and the ones that execute() knows. */
enum { CANNOT, CAN, PERHAPS };
static const uint8_t ability[IR_NOPS] = {
#define EVAL(op, expr) [IR_##op] = CAN,
#include "ir/eval.def"
    [IR_nop] = CAN, [IR_const] = CAN, [IR_insn] = CAN, [IR_get] = CAN, [IR_put] = CAN, [IR_load] = CAN, [IR_store] = CAN,
    [IR_fence] = CAN, [IR_exit] = CAN, [IR_exit_if] = CAN, [IR_exit_ind] = CAN, [IR_trap] = CAN, [IR_trap_if] = CAN,
    [IR_poll] = CAN, [IR_jmp] = CAN, [IR_vpair] = CAN, [IR_vzext] = CAN, [IR_call] = PERHAPS, [IR_callv] = PERHAPS,
};

static bool is_integer(unsigned type)
{
    return type >= IR_I1 && type <= IR_I64;
}

static bool all_integers(const struct guest_helper *h)
{
    bool ok = h->ret == IR_VOID || is_integer(h->ret);

    for (unsigned k = 0; k < h->nargs; k++)
        ok &= is_integer(h->args[k]);
    return ok;
}

/* Calls of C that look at their arguments only, and at clocks. */
static bool can_call(const struct ir_unit *u, const struct ir_insn *i)
{
    const struct guest_helper *h = &u->guest->helpers[i->aux];

    return !(h->flags & (GUEST_HELPER_FPENV | GUEST_HELPER_MEM | GUEST_HELPER_STATE)) && all_integers(h);
}

/* A unit that closes its loop has the loop's body in block 1, and nothing before it. */
static ir_ref first_insn(const struct ir_unit *u)
{
    return u->blocks[u->nblocks - 1].first;
}

/* The marker of the first instruction that can't be run; IR_NONE: all can. The frontend makes all of an instruction's insns
 * between its marker and the next, but for selects and gets that it puts into what is there. */
static ir_ref find_stop(const struct ir_unit *u)
{
    ir_ref marker = IR_NONE;

    for (ir_ref r = 1; r < u->ninsns; r++) {
        const struct ir_insn *i = ir_at(u, r);

        if (i->op == IR_insn)
            marker = r;
        else if (ability[i->op] != CAN && !(ability[i->op] == PERHAPS && can_call(u, i)))
            return marker;
    }
    return IR_NONE;
}

/* --- values ---------------------------------------------------------------------------------------
 *
 * An insn's value takes the place of its imm, which was read by then, as a constant's is there anyway; the upper half of a
 * vector that of snap and tmp, which the frontend does not use. Scalars are zero-extended. */

struct val { uint64_t lo, hi; };

static const uint64_t mask[IR_NTYPES] = {
    [IR_I1] = 1, [IR_I8] = 0xff, [IR_I16] = 0xffff, [IR_I32] = 0xffffffff, [IR_I64] = ~(uint64_t)0,
    [IR_F32] = 0xffffffff, [IR_F64] = ~(uint64_t)0, [IR_V128] = ~(uint64_t)0,
};

static inline uint64_t val(const struct ir_insn *i, unsigned k)
{
    return (uint64_t)run.u->insns[i->arg[k]].imm;
}

static inline struct val whole(const struct ir_insn *i, unsigned k)
{
    const struct ir_insn *x = &run.u->insns[i->arg[k]];

    return (struct val){ (uint64_t)x->imm, (uint64_t)x->tmp << 32 | x->snap };
}

static inline void set(struct ir_insn *i, uint64_t lo)
{
    i->imm = (int64_t)(lo & mask[i->type]);
}

static inline void set_whole(struct ir_insn *i, struct val v)
{
    i->imm = (int64_t)v.lo;
    i->snap = (uint32_t)v.hi;
    i->tmp = (uint32_t)(v.hi >> 32);
}

/* --- memory ---------------------------------------------------------------------------------------
 *
 * One access of the host each, as generated code has it. */

typedef uint16_t any16 __attribute__((aligned(1), may_alias));
typedef uint32_t any32 __attribute__((aligned(1), may_alias));
typedef uint64_t any64 __attribute__((aligned(1), may_alias));
typedef uint64_t any128 __attribute__((vector_size(16), aligned(1), may_alias));

static struct val mem_read(const void *p, unsigned bits)
{
    switch (bits) {
    case 8:  return (struct val){ *(const volatile uint8_t *)p, 0 };
    case 16: return (struct val){ *(const volatile any16 *)p, 0 };
    case 32: return (struct val){ *(const volatile any32 *)p, 0 };
    case 64: return (struct val){ *(const volatile any64 *)p, 0 };
    default: {
        any128 x = *(const volatile any128 *)p;
        return (struct val){ x[0], x[1] };
    }
    }
}

static void mem_write(void *p, unsigned bits, struct val v)
{
    switch (bits) {
    case 8:  *(volatile uint8_t *)p = (uint8_t)v.lo; break;
    case 16: *(volatile any16 *)p = (uint16_t)v.lo; break;
    case 32: *(volatile any32 *)p = (uint32_t)v.lo; break;
    case 64: *(volatile any64 *)p = v.lo; break;
    default: *(volatile any128 *)p = (any128){ v.lo, v.hi }; break;
    }
}

/* --- leaving --------------------------------------------------------------------------------------
 * */

static void leave(struct cpu *cpu, enum cpu_exit kind, gaddr pc)
{
    cpu->exit_kind = kind;
    cpu->exit_site = NULL;
    cpu->pc = pc;
}

static void leave_trap(struct cpu *cpu, enum ir_trap trap, uint64_t info, gaddr pc)
{
    cpu->trap = trap;
    cpu->trap_info = info;
    leave(cpu, CPU_EXIT_TRAP, pc);
}

static gaddr marker_pc(void)
{
    return run.marker ? (gaddr)ir_at(run.u, run.marker)->imm : run.u->pc;
}

/* It was the access to run.addr. #GP comes without an address. */
void first_fault(struct cpu *cpu, const struct guest_fault *f)
{
    bool gp = f->signo == SIGSEGV && f->code == SI_KERNEL;

    cpu->fault_signo = f->signo;
    cpu->fault_code = gp ? SEGV_MAPERR : f->code;
    cpu->fault_addr = (uint64_t)(uintptr_t)host(gp ? run.addr : f->addr);
    cpu->fault_write = run.write;
    leave(cpu, CPU_EXIT_FAULT, marker_pc());
}

/* --- ops ------------------------------------------------------------------------------------------
 * */

static inline gaddr address(const struct ir_insn *i)
{
    gaddr a = val(i, 0) + (uint64_t)i->imm;

    if (i->arg[1])
        a += val(i, 1) << IR_MEM_SCALE(i->aux);
    return ir_at(run.u, i->arg[0])->type == IR_I32 ? (uint32_t)a : a;
}

/* False: the access is misaligned and must not be. */
static inline bool begin_access(const struct ir_insn *i, unsigned bits, bool write)
{
    run.addr = address(i);
    run.write = write;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (!(i->aux & IR_MEM_ALIGNED) || run.addr % (bits / 8) == 0)
        return true;
    leave_trap(run.cpu, IR_TRAP_MISALIGN, run.addr, marker_pc());
    return false;
}

static inline bool do_load(struct ir_insn *i)
{
    unsigned bits = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (!begin_access(i, bits, false))
        return false;

    struct val v = mem_read(host(run.addr), bits);

    if (i->type == IR_V128)
        set_whole(i, v);
    else
        set(i, i->aux & IR_MEM_SX ? (uint64_t)ir_sign_extend(v.lo, bits) : v.lo);
    return true;
}

static inline bool do_store(const struct ir_insn *i)
{
    unsigned bits = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (!begin_access(i, bits, true))
        return false;
    mem_write(host(run.addr), bits, whole(i, 2));
    if (i->aux & IR_MEM_SC)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

static inline void do_get(struct ir_insn *i)
{
    struct val v;

    memcpy(&v, run.cpu->regs + run.u->guest->regs[i->aux].off, sizeof v); /* the last one has others behind it */
    if (i->type == IR_V128)
        set_whole(i, v);
    else
        set(i, v.lo);
}

static inline void do_put(const struct ir_insn *i)
{
    const struct guest_reg *r = &run.u->guest->regs[i->aux];
    struct val v = whole(i, 0);

    memcpy(run.cpu->regs + r->off, &v, r->type == IR_V128 ? 16 : 8);
}

static uint64_t do_call(const struct ir_insn *i)
{
    const struct guest_helper *h = &run.u->guest->helpers[i->aux];
    union { const void *data; uint64_t (*fn)(struct cpu *, uint64_t, uint64_t, uint64_t, uint64_t); } f = { h->fn };
    uint64_t a[4] = { 0 };

    for (unsigned k = 0; k < h->nargs; k++)
        a[k] = val(i, k);
    if (h->flags & GUEST_HELPER_IMM)
        a[h->nargs] = (uint64_t)i->imm;
    return f.fn(run.cpu, a[0], a[1], a[2], a[3]);
}

/* A pure op. */
static uint64_t evaluate(const struct ir_insn *i)
{
    uint64_t in[3] = { val(i, 0), val(i, 1), val(i, 2) }, out = 0;

    ir_eval(i->op, i->type, ir_at(run.u, i->arg[0])->type, in, &out);
    return out;
}

static void leave_jump(const struct ir_insn *i, gaddr to)
{
    run.back = i->op == IR_poll || i->op == IR_jmp || (i->op != IR_exit_ind && i->aux & IR_EXIT_POLL);
    leave(run.cpu, CPU_EXIT_MISS, to);
}

/* Executes insns until one leaves. */
static void execute(struct ir_unit *u)
{
    for (ir_ref r = first_insn(u); r; r = u->insns[r].next) {
        struct ir_insn *i = ir_at(u, r);

        switch (i->op) {
        case IR_nop:
            break;
        case IR_insn:
            if (r == run.stop) {
                leave(run.cpu, CPU_EXIT_MISS, (gaddr)i->imm);
                return;
            }
            run.marker = r;
            break;
        case IR_get:   do_get(i); break;
        case IR_put:   do_put(i); break;
        case IR_add:   set(i, val(i, 0) + val(i, 1)); break;
        case IR_sub:   set(i, val(i, 0) - val(i, 1)); break;
        case IR_and:   set(i, val(i, 0) & val(i, 1)); break;
        case IR_or:    set(i, val(i, 0) | val(i, 1)); break;
        case IR_xor:   set(i, val(i, 0) ^ val(i, 1)); break;
        case IR_shl:   set(i, val(i, 0) << (val(i, 1) & (ir_type_bits[i->type] - 1))); break;
        case IR_shr:   set(i, val(i, 0) >> (val(i, 1) & (ir_type_bits[i->type] - 1))); break;
        case IR_zext:  set(i, val(i, 0)); break;
        case IR_trunc: set(i, val(i, 0)); break;
        case IR_cmpeq: set(i, val(i, 0) == val(i, 1)); break;
        case IR_cmpne: set(i, val(i, 0) != val(i, 1)); break;
        case IR_copy:  set_whole(i, whole(i, 0)); break;
        case IR_vpair: set_whole(i, (struct val){ val(i, 0), val(i, 1) }); break;
        case IR_vzext: set_whole(i, (struct val){ val(i, 0), 0 }); break;
        case IR_load:
            if (!do_load(i))
                return;
            break;
        case IR_store:
            if (!do_store(i))
                return;
            break;
        case IR_fence:
            if (!i->aux || i->aux & IR_FENCE_WR)
                __atomic_thread_fence(__ATOMIC_SEQ_CST);
            break;
        case IR_call:
            set(i, do_call(i));
            break;
        case IR_callv:
            do_call(i);
            break;
        case IR_exit_if:
            if (!val(i, 0))
                break;
            /* fall through */
        case IR_exit:
            leave_jump(i, (gaddr)i->imm);
            return;
        case IR_poll:   /* the run loop looks again */
            if (!__atomic_load_n(&run.cpu->poll, __ATOMIC_RELAXED))
                break;
            leave_jump(i, (gaddr)i->imm);
            return;
        case IR_jmp:    /* to the loop's head, which is the unit's */
            leave_jump(i, u->pc);
            return;
        case IR_exit_ind:
            leave_jump(i, val(i, 0));
            return;
        case IR_trap_if:
            if (!val(i, 0))
                break;
            /* fall through */
        case IR_trap:
            leave_trap(run.cpu, i->aux, (uint64_t)i->imm, ir_leave_pc(u, r, run.marker));
            return;
        default:
            set(i, evaluate(i));
            break;
        }
    }
}

bool first_run(struct cpu *cpu, struct ir_unit *u, bool *back)
{
    run.stop = find_stop(u);
    if (run.stop && run.stop == first_insn(u))
        return false;
    run.u = u;
    run.cpu = cpu;
    run.marker = IR_NONE;
    run.back = false;
    execute(u);
    *back = run.back;
    return true;
}
