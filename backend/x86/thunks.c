/* The code that leads from C into units and back: see enum thunk.
 *
 * Inside, rsp is the struct cpu and guest registers with homes are in them; outside, rsp is C's
 * stack and every guest register is in its slot. rax, rcx, rdx and r11 are no homes and free at
 * every exit.
 *
 * MXCSR. Loading another value costs some 50 ns when a read of it is near (measured on a Xeon), so
 * it is loaded only if it must be: C gets its own (cpu.mxcsr_host) only if the guest's rounding
 * mode or masks aren't the usual ones, the guest gets its own only if the register holds something
 * else. C does not mind accumulated flags, and what it may add to them is not stored anywhere.
 */
#include "backend/backend.h"
#include "backend/x86/enc.h"
#include "backend/x86/homes.h"

static const enum x86_reg callee_saved[] = { RBX, RBP, R12, R13, R14, R15 };
enum {
    NSAVED = sizeof callee_saved / sizeof callee_saved[0],
    MXCSR_CONTROL = 0xffc0, /* flush to zero, rounding, masks, denormals are zero; below: flags */
};

#define FIELD(f) x86_mem_b(RSP, (int32_t)offsetof(struct cpu, f))

static struct x86_mem slot_of(const struct guest *guest, unsigned reg)
{
    return x86_mem_b(RSP, (int32_t)(offsetof(struct cpu, regs) + guest->regs[reg].off));
}

static void load_homes(struct x86_buf *b, const struct guest *guest)
{
    for (unsigned i = 0; i < HOMES_GPR; i++) {
        unsigned h = homes_gpr_list[i], r = homes.gpr_guest[h];

        if (r != HOME_NONE)
            x86_mov_rm(b, 8, h, slot_of(guest, r));
    }
    for (unsigned i = 0; i < HOMES_XMM; i++) {
        unsigned h = homes_xmm_list[i], r = homes.xmm_guest[h];

        if (r == HOME_NONE)
            continue;
        if (guest->regs[r].type == IR_V128)
            x86_movups_xm(b, h, slot_of(guest, r));
        else
            x86_movq_xm(b, h, slot_of(guest, r));
    }
}

static void store_homes(struct x86_buf *b, const struct guest *guest)
{
    for (unsigned i = 0; i < HOMES_GPR; i++) {
        unsigned h = homes_gpr_list[i], r = homes.gpr_guest[h];

        if (r != HOME_NONE)
            x86_mov_mr(b, 8, slot_of(guest, r), h);
    }
    for (unsigned i = 0; i < HOMES_XMM; i++) {
        unsigned h = homes_xmm_list[i], r = homes.xmm_guest[h];

        if (r == HOME_NONE)
            continue;
        if (guest->regs[r].type == IR_V128)
            x86_movups_mx(b, slot_of(guest, r), h);
        else
            x86_movq_mx(b, slot_of(guest, r), h);
    }
}

/* rdi: cpu, rsi: code. The stack pointer below host_rsp holds the callee-saved registers, then the
 * return address. */
static void emit_enter(struct x86_buf *b, const struct guest *guest)
{
    for (unsigned i = 0; i < NSAVED; i++)
        x86_push_r(b, callee_saved[i]);
    x86_mov_mr(b, 8, x86_mem_b(RDI, (int32_t)offsetof(struct cpu, host_rsp)), RSP);
    x86_stmxcsr_m(b, x86_mem_b(RSP, -8)); /* red zone */
    x86_mov_rm(b, 4, RAX, x86_mem_b(RSP, -8));
    x86_mov_rr(b, 8, RSP, RDI);
    x86_cmp_rm(b, 4, RAX, FIELD(mxcsr));
    x86_mov_rr(b, 8, RAX, RSI);

    uint32_t same = x86_jcc_rel8_fwd(b, X86_E);

    x86_ldmxcsr_m(b, FIELD(mxcsr));
    x86_patch_rel8(b, same, (int32_t)x86_pos(b));
    load_homes(b, guest);
    x86_jmp_r(b, RAX);
}

/* Returns the position of the part that only switches back to C (THUNK_FAULT). */
static uint32_t emit_leave(struct x86_buf *b, const struct guest *guest)
{
    store_homes(b, guest);
    x86_stmxcsr_m(b, FIELD(mxcsr));

    uint32_t back = x86_pos(b);

    x86_mov_rm(b, 4, RAX, FIELD(mxcsr));
    x86_xor_rm(b, 4, RAX, FIELD(mxcsr_host));
    x86_test_ri(b, 4, RAX, MXCSR_CONTROL);

    uint32_t usual = x86_jcc_rel8_fwd(b, X86_E);

    x86_ldmxcsr_m(b, FIELD(mxcsr_host));
    x86_patch_rel8(b, usual, (int32_t)x86_pos(b));
    x86_mov_rm(b, 8, RSP, FIELD(host_rsp));
    for (unsigned i = NSAVED; i-- > 0;)
        x86_pop_r(b, callee_saved[i]);
    x86_ret(b);
    return back;
}

bool thunks_emit(const struct guest *guest, struct code_buf *buf)
{
    struct x86_buf b = x86_buf_init(buf->p, (size_t)(buf->end - buf->p));
    uint32_t at[NTHUNKS];
    static const struct { enum thunk thunk; enum cpu_exit kind; } exits[] = {
        { THUNK_EXIT_POLL, CPU_EXIT_POLL },
        { THUNK_EXIT_TRAP, CPU_EXIT_TRAP },
    };

    at[THUNK_ENTER] = x86_pos(&b);
    emit_enter(&b, guest);

    x86_align(&b, 16, 0);

    uint32_t leave = x86_pos(&b);

    at[THUNK_FAULT] = emit_leave(&b, guest);

    x86_align(&b, 16, 0);
    at[THUNK_EXIT_DIRECT] = x86_pos(&b);
    x86_pop_r(&b, RAX);
    x86_mov_mr(&b, 8, FIELD(exit_site), RAX);
    x86_mov_mi(&b, 4, FIELD(exit_kind), CPU_EXIT_MISS);
    x86_jmp(&b, (int32_t)leave);

    x86_align(&b, 16, 0);
    at[THUNK_EXIT_PC] = x86_pos(&b);
    x86_mov_mi(&b, 8, FIELD(exit_site), 0);
    x86_mov_mi(&b, 4, FIELD(exit_kind), CPU_EXIT_MISS);
    x86_jmp(&b, (int32_t)leave);

    for (unsigned i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        x86_align(&b, 16, 0);
        at[exits[i].thunk] = x86_pos(&b);
        x86_mov_mi(&b, 4, FIELD(exit_kind), (int32_t)exits[i].kind);
        x86_jmp(&b, (int32_t)leave);
    }
    if (b.overflow)
        return false;
    for (unsigned i = 0; i < NTHUNKS; i++)
        buf->thunks[i] = b.base + at[i] + buf->exec_delta;
    buf->p = b.p;
    return true;
}
