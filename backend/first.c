#include "backend/first.h"

#include <signal.h>
#include <string.h>

#include "backend/cpu.h"
#include "frontend/guest.h"
#include "ir/eval.h"

/* --- what can be run ------------------------------------------------------------------------------
 * */

struct val { uint64_t lo, hi; };    /* scalars in lo, zero-extended */
enum { VALS = 1024 };               /* of a unit's first so many insns: longer ones are left early */

struct first {
    const struct ir_unit *u;
    struct cpu *cpu;
    ir_ref marker, stop;            /* `insn` that is being executed; the one to stop before */
    gaddr addr;                     /* of the access */
    bool write, back;
    struct val v[VALS];
};

static struct first run;

/* Ops with a value of their own row of eval.def. */
static const bool evaluated[IR_NOPS] = {
#define EVAL(op, expr) [IR_##op] = true,
#include "ir/eval.def"
};

/* The others. Vectors are only moved. */
static const bool known[IR_NOPS] = {
    [IR_nop] = true, [IR_insn] = true, [IR_get] = true, [IR_put] = true, [IR_load] = true, [IR_store] = true,
    [IR_fence] = true, [IR_exit] = true, [IR_exit_if] = true, [IR_exit_ind] = true, [IR_trap] = true, [IR_trap_if] = true,
    [IR_poll] = true, [IR_jmp] = true,
    [IR_vpair] = true, [IR_vzext] = true,
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

static bool can_run(const struct ir_unit *u, const struct ir_insn *i)
{
    if (known[i->op])
        return true;
    if (evaluated[i->op])
        return i->type != IR_V128;
    return (i->op == IR_call || i->op == IR_callv) && can_call(u, i);
}

/* A unit that closes its loop has the loop's body in block 1, and nothing before it. */
static ir_ref first_insn(const struct ir_unit *u)
{
    return u->blocks[u->nblocks - 1].first;
}

/* The marker of the first instruction that can't be run; IR_NONE: all can. */
static ir_ref find_stop(const struct ir_unit *u)
{
    ir_ref marker = IR_NONE;

    for (ir_ref r = first_insn(u); r; r = u->insns[r].next) {
        const struct ir_insn *i = ir_at(u, r);

        if (i->op == IR_insn)
            marker = r;
        if (r >= VALS || !can_run(u, i))
            return marker;
    }
    return IR_NONE;
}

static void set_constants(const struct ir_unit *u)
{
    uint32_t n = u->ninsns < VALS ? u->ninsns : VALS;

    for (ir_ref r = 1; r < n; r++)
        if (u->insns[r].op == IR_const)
            run.v[r] = (struct val){ (uint64_t)u->insns[r].imm, 0 };
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

/* The access to run.addr faulted. #GP comes without an address. */
static void leave_fault(struct cpu *cpu, const struct guest_fault *f)
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

static inline uint64_t val(const struct ir_insn *i, unsigned k)
{
    return run.v[i->arg[k]].lo;
}

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

static inline bool do_load(const struct ir_insn *i, struct val *to)
{
    unsigned bits = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (!begin_access(i, bits, false))
        return false;
    *to = mem_read(host(run.addr), bits);
    if (i->aux & IR_MEM_SX)
        to->lo = ir_low_bits((uint64_t)ir_sign_extend(to->lo, bits), ir_type_bits[i->type]);
    return true;
}

static inline bool do_store(const struct ir_insn *i)
{
    unsigned bits = ir_type_bits[IR_MEM_TYPE(i->aux)];

    if (!begin_access(i, bits, true))
        return false;
    mem_write(host(run.addr), bits, run.v[i->arg[2]]);
    if (i->aux & IR_MEM_SC)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

static inline struct val do_get(const struct ir_insn *i)
{
    const uint8_t *slot = run.cpu->regs + run.u->guest->regs[i->aux].off;
    struct val v = { 0, 0 };

    memcpy(&v.lo, slot, 8);
    if (i->type == IR_V128)
        memcpy(&v.hi, slot + 8, 8);
    else
        v.lo = ir_low_bits(v.lo, ir_type_bits[i->type]);
    return v;
}

static inline void do_put(const struct ir_insn *i)
{
    const struct guest_reg *r = &run.u->guest->regs[i->aux];
    const struct val *v = &run.v[i->arg[0]];
    uint8_t *slot = run.cpu->regs + r->off;

    memcpy(slot, &v->lo, 8);
    if (r->type == IR_V128)
        memcpy(slot + 8, &v->hi, 8);
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
static void execute(void *unit)
{
    const struct ir_unit *u = unit;
    struct val *v = run.v;

    for (ir_ref r = first_insn(u); r; r = u->insns[r].next) {
        const struct ir_insn *i = ir_at(u, r);
        unsigned w = ir_type_bits[i->type];

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
        case IR_get:   v[r] = do_get(i); break;
        case IR_put:   do_put(i); break;
        case IR_add:   v[r].lo = ir_low_bits(val(i, 0) + val(i, 1), w); break;
        case IR_sub:   v[r].lo = ir_low_bits(val(i, 0) - val(i, 1), w); break;
        case IR_and:   v[r].lo = val(i, 0) & val(i, 1); break;
        case IR_or:    v[r].lo = val(i, 0) | val(i, 1); break;
        case IR_xor:   v[r].lo = val(i, 0) ^ val(i, 1); break;
        case IR_shl:   v[r].lo = ir_low_bits(val(i, 0) << (val(i, 1) & (w - 1)), w); break;
        case IR_shr:   v[r].lo = val(i, 0) >> (val(i, 1) & (w - 1)); break;
        case IR_zext:  v[r].lo = val(i, 0); break;
        case IR_trunc: v[r].lo = ir_low_bits(val(i, 0), w); break;
        case IR_cmpeq: v[r].lo = val(i, 0) == val(i, 1); break;
        case IR_cmpne: v[r].lo = val(i, 0) != val(i, 1); break;
        case IR_vpair: v[r] = (struct val){ val(i, 0), val(i, 1) }; break;
        case IR_vzext: v[r] = (struct val){ val(i, 0), 0 }; break;
        case IR_load:
            if (!do_load(i, &v[r]))
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
            v[r].lo = ir_low_bits(do_call(i), w);
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
            v[r].lo = evaluate(i);
            break;
        }
    }
}

bool first_run(struct cpu *cpu, const struct ir_unit *u, bool *back)
{
    struct guest_fault fault;

    *back = false;
    run.stop = find_stop(u);
    if (run.stop && run.stop == first_insn(u))
        return false;
    run.u = u;
    run.cpu = cpu;
    run.marker = IR_NONE;
    run.back = false;
    set_constants(u);
    if (!fault_try_all(execute, (void *)(uintptr_t)u, &fault))
        leave_fault(cpu, &fault);
    *back = run.back;
    return true;
}
