/* The emitter's driver: operands by constraint, results, the unit as a whole. See emit.h. */
#include "backend/x86/emit_vec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/platform/x86.h>

struct host_features host_features;

/* The C library asked the CPU at its start; asking again costs: cpuid traps in virtual machines. */
bool host_features_init(uint32_t mask)
{
    host_features = (struct host_features){ 0 };
    if (!(mask & 1)) {
        host_features.avx = CPU_FEATURE_ACTIVE(AVX);
        host_features.avx2 = CPU_FEATURE_ACTIVE(AVX2);
        host_features.f16c = CPU_FEATURE_ACTIVE(F16C);
        host_features.aes = CPU_FEATURE_ACTIVE(AES);
        host_features.sha = CPU_FEATURE_ACTIVE(SHA);
        host_features.clmul = CPU_FEATURE_ACTIVE(PCLMULQDQ);
        host_features.fma = CPU_FEATURE_ACTIVE(FMA);
        host_features.bmi1 = CPU_FEATURE_ACTIVE(BMI1);
        host_features.bmi2 = CPU_FEATURE_ACTIVE(BMI2);
        host_features.lzcnt = CPU_FEATURE_ACTIVE(LZCNT);
    }
    return CPU_FEATURE_ACTIVE(SSE4_2) && CPU_FEATURE_ACTIVE(POPCNT) && CPU_FEATURE_ACTIVE(SSSE3) &&
           CPU_FEATURE_ACTIVE(CMPXCHG16B);
}

uint64_t host_features_bits(void)
{
    const bool *switches = (const bool *)&host_features;
    uint64_t bits = 0;

    for (unsigned i = 0; i < sizeof host_features / sizeof *switches; i++)
        bits |= (uint64_t)switches[i] << i;
    return bits;
}

/* ------------------------------------------------------------------ what the allocator asks of the host */

void emit_move(struct x86_emit *e, unsigned dst, unsigned src)
{
    if (dst == src)
        return;
    if (dst >= RA_XMM0)
        x86_movaps_xx(&e->b, xmm(dst), xmm(src));
    else
        x86_mov_rr(&e->b, 8, dst, src);
}

static void t_move(void *ctx, unsigned dst, unsigned src)
{
    emit_move(ctx, dst, src);
}

static void t_swap(void *ctx, unsigned x, unsigned y)
{
    struct x86_emit *e = ctx;

    if (x < RA_XMM0) {
        x86_xchg_rr(&e->b, 8, x, y);
        return;
    }
    x86_xorps_xx(&e->b, xmm(x), xmm(y));
    x86_xorps_xx(&e->b, xmm(y), xmm(x));
    x86_xorps_xx(&e->b, xmm(x), xmm(y));
}

static void t_load(void *ctx, unsigned dst, int32_t off, unsigned bytes)
{
    struct x86_emit *e = ctx;

    if (dst < RA_XMM0)
        x86_mov_rm(&e->b, 8, dst, cpu_mem(e, off));
    else if (bytes == 16)
        x86_movups_xm(&e->b, xmm(dst), cpu_mem(e, off));
    else
        x86_movq_xm(&e->b, xmm(dst), cpu_mem(e, off));
}

static void t_store(void *ctx, int32_t off, unsigned src, unsigned bytes)
{
    struct x86_emit *e = ctx;

    if (src < RA_XMM0)
        x86_mov_mr(&e->b, 8, cpu_mem(e, off), src);
    else if (bytes == 16)
        x86_movups_mx(&e->b, cpu_mem(e, off), xmm(src));
    else
        x86_movq_mx(&e->b, cpu_mem(e, off), xmm(src));
}

static void reloc_add(struct x86_emit *e, uint32_t off, gaddr value)
{
    GROW(e, relocs);
    e->relocs[e->nrelocs++] = (struct code_reloc){ off, value };
}

void emit_gaddr(struct x86_emit *e, enum x86_reg reg, gaddr a)
{
    /* Programs linked below 4 GiB are at fixed addresses: nothing to relocate. */
    if (a >> 32 == 0) {
        x86_mov_ri(&e->b, 4, reg, (int64_t)a);
        return;
    }
    x86_movabs_ri(&e->b, reg, (int64_t)a);
    reloc_add(e, x86_pos(&e->b) - 8, a);
}

static void t_constant(void *ctx, unsigned dst, const struct ir_insn *k)
{
    struct x86_emit *e = ctx;

    if (dst >= RA_XMM0) {
        if (k->imm == 0) {
            x86_xorps_xx(&e->b, xmm(dst), xmm(dst));
            return;
        }
        x86_movaps_xm(&e->b, xmm(dst), pool_mem(e, (uint64_t)k->imm, 0));
        pool_fix(e);
    } else if (k->aux & 1) {
        emit_gaddr(e, dst, (gaddr)k->imm);
    } else if (k->imm == 0) {
        x86_xor_rr(&e->b, 4, dst, dst);
    } else {
        x86_mov_ri(&e->b, 8, dst, k->imm);
    }
}

static void t_store_const(void *ctx, int32_t off, const struct ir_insn *k, unsigned bytes)
{
    struct x86_emit *e = ctx;

    if (bytes == 16)
        x86_mov_mi(&e->b, 8, cpu_mem(e, off + 8), 0);
    if (k->imm == (int32_t)k->imm && !((k->aux & 1) && k->imm >> 32)) {
        x86_mov_mi(&e->b, 8, cpu_mem(e, off), (int32_t)k->imm);
        return;
    }
    /* Two halves through the stack would stall the next load: build it below the state and move it whole. */
    x86_push_r(&e->b, RAX);
    e->bias += 8;
    if (k->aux & 1)
        emit_gaddr(e, RAX, (gaddr)k->imm);
    else
        x86_mov_ri(&e->b, 8, RAX, k->imm);
    x86_mov_mr(&e->b, 8, cpu_mem(e, off), RAX);
    x86_pop_r(&e->b, RAX);
    e->bias -= 8;
}

static void t_push(void *ctx, int32_t off, unsigned bytes)
{
    struct x86_emit *e = ctx;

    for (unsigned k = bytes; k > 0; k -= 8) {
        x86_push_m(&e->b, cpu_mem(e, off + (int32_t)k - 8));
        e->bias += 8;
    }
}

static void t_pop(void *ctx, unsigned dst, int32_t off, unsigned bytes)
{
    struct x86_emit *e = ctx;

    if (dst != RA_NONE && dst >= RA_XMM0) {
        if (bytes == 16)
            x86_movups_xm(&e->b, xmm(dst), x86_mem_b(RSP, 0));
        else
            x86_movq_xm(&e->b, xmm(dst), x86_mem_b(RSP, 0));
        x86_lea_rm(&e->b, 8, RSP, x86_mem_b(RSP, (int32_t)bytes));
        e->bias -= (int32_t)bytes;
        return;
    }
    for (unsigned k = 0; k < bytes; k += 8) {
        e->bias -= 8; /* pop computes its address with the new rsp (SDM vol. 2, POP) */
        if (dst != RA_NONE)
            x86_pop_r(&e->b, dst);
        else
            x86_pop_m(&e->b, cpu_mem(e, off + (int32_t)k));
    }
}

/* rcx and xmm0 are no homes. */
static void t_extend(void *ctx, unsigned dst, int32_t off, unsigned ext)
{
    struct x86_emit *e = ctx;
    unsigned reg = dst != RA_NONE ? dst : ext == SNAP_SX32 || ext == SNAP_BITS32 ? RCX : RA_XMM0;

    if (ext == SNAP_BITS)
        return;
    if (dst == RA_NONE)
        t_load(e, reg, off, 8);
    switch (ext) {
    case SNAP_SX32:
        x86_movsxd_rr(&e->b, 8, reg, reg);
        break;
    case SNAP_BITS32:
        x86_mov_rr(&e->b, 4, reg, reg);
        break;
    case SNAP_BOX32:
        x86_orps_xm(&e->b, xmm(reg), pool_mem(e, BOX32, 0));
        pool_fix(e);
        break;
    case SNAP_ZX32:
        v3i(e, X86_OP(66, 0F3A, 21), reg, reg, reg, 0x0e); /* insertps: zero lanes 1 to 3 */
        break;
    default:
        x86_movq_xx(&e->b, xmm(reg), xmm(reg));
    }
    if (dst == RA_NONE)
        t_store(e, off, reg, ext == SNAP_ZX32 || ext == SNAP_ZX64 ? 16 : 8);
}

static const uint8_t prefer_gpr[] = { RCX, RDX, R11, RAX, RBX, RSI, RDI, R8, R9, R10, R14, R15, RBP, R13, R12,
                                      RA_NONE };
static const uint8_t prefer_xmm[] = { 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, RA_NONE };
static uint8_t home_of[GUEST_MAX_REGS];

static struct ra_target target = {
    .move = t_move, .swap = t_swap, .load = t_load, .store = t_store, .constant = t_constant,
    .store_const = t_store_const, .push = t_push, .pop = t_pop, .extend = t_extend,
    .prefer = { prefer_gpr, prefer_xmm }, .home = home_of,
};

/* ------------------------------------------------------------------ constants in memory */

struct x86_mem pool_mem(struct x86_emit *e, uint64_t lo, uint64_t hi)
{
    uint32_t k = 0;

    while (k < e->npool && (e->pool[k].lo != lo || e->pool[k].hi != hi))
        k++;
    if (k == e->npool) {
        GROW(e, pool);
        e->pool[e->npool++] = (struct pool_const){ lo, hi };
    }
    GROW(e, pool_uses);
    e->pool_uses[e->npool_uses].index = k;
    return x86_mem_rip(0);
}

void pool_fix_imm(struct x86_emit *e, unsigned imm)
{
    struct pool_use *use = &e->pool_uses[e->npool_uses++];

    use->rel32 = x86_pos(&e->b) - 4 - imm;
    use->imm = imm;
}

static void pool_emit(struct x86_emit *e)
{
    if (!e->npool)
        return;
    x86_align(&e->b, 16, 0);

    uint32_t at = x86_pos(&e->b);
    size_t size = e->npool * sizeof *e->pool;

    if ((size_t)(e->b.end - e->b.p) < size) {
        e->b.overflow = true;
        return;
    }
    memcpy(e->b.p, e->pool, size);
    e->b.p += size;
    for (uint32_t k = 0; k < e->npool_uses; k++) {
        const struct pool_use *use = &e->pool_uses[k];

        x86_patch_rel32(&e->b, use->rel32, (int32_t)(at + use->index * 16 - use->imm));
    }
}

/* ------------------------------------------------------------------ operands */

struct opnd opnd_get(struct x86_emit *e, ir_ref v, bool mem, bool imm, unsigned size)
{
    const struct ir_insn *k = ir_at(e->u, v);
    struct opnd o = { .kind = OPND_REG, .val = v };

    if (imm && v < e->u->ninsns && k->op == IR_const && e->ra.v[v].reg == RA_NONE && !(k->aux & 1) &&
        (size < 8 || k->imm == (int32_t)k->imm)) {
        o.kind = OPND_IMM;
        o.imm = (int32_t)k->imm;
    } else if (mem && ra_use_mem(&e->ra, v, &o.off)) {
        o.kind = OPND_MEM;
    } else {
        o.reg = (uint8_t)ra_use(&e->ra, v);
    }
    return o;
}

struct rule {
    char arg[3], dst;
    bool fixed; /* an operand must be in a certain register */
    void (*fn)(struct x86_emit *, struct ir_insn *);
};

static const struct rule rules[IR_NOPS] = {
#define FIXED(a) ((a) == 'a' || (a) == 's')
#define X86_RULE(op, a0, a1, a2, dst, fn)                                                          \
    [IR_##op] = { { a0, a1, a2 }, dst, FIXED(a0) || FIXED(a1) || FIXED(a2), emit_##fn },
#include "backend/x86/ops.def"
};

static void get_shift_count(struct x86_emit *e, struct ir_insn *i, ir_ref v)
{
    const struct ir_insn *k = ir_at(e->u, v);

    if (k->op == IR_const) {
        e->o[1] = (struct opnd){ .kind = OPND_IMM, .imm = (int32_t)(k->imm & 63), .val = v };
    } else if (host_features.bmi2 && i->op != IR_rotr && i->type >= IR_I32) {
        e->o[1] = opnd_get(e, v, false, false, 8);
    } else {
        ra_use_in(&e->ra, v, RCX);
        e->o[1] = (struct opnd){ .kind = OPND_REG, .reg = RCX, .val = v };
    }
}

static void get_operand(struct x86_emit *e, struct ir_insn *i, unsigned k, char kind)
{
    ir_ref v = ra_rep(&e->ra, i->arg[k]);
    unsigned size = op_size(arg_type(e, i, k));

    switch (kind) {
    case 'a':
        ra_use_in(&e->ra, v, RAX);
        e->o[k] = (struct opnd){ .kind = OPND_REG, .reg = RAX, .val = v };
        break;
    case 's':
        get_shift_count(e, i, v);
        break;
    default:
        e->o[k] = opnd_get(e, v, kind == 'm' || kind == 'o', kind == 'i' || kind == 'o', size);
    }
}

static uint32_t opnd_mask(struct opnd o)
{
    return o.kind == OPND_REG ? 1u << o.reg : 0;
}

/* Of a commutative op's operands the one that dies, or is where the result should be, had better come first. */
static void maybe_swap(struct x86_emit *e, struct ir_insn *i, ir_ref r)
{
    ir_ref a = ra_rep(&e->ra, i->arg[0]), b = ra_rep(&e->ra, i->arg[1]);
    const struct ra_val *va = &e->ra.v[a], *vb = &e->ra.v[b];
    bool better = (ra_dies(&e->ra, b) && vb->reg != RA_NONE && !ra_dies(&e->ra, a)) ||
                  (vb->reg != RA_NONE && vb->reg == e->ra.v[r].hint) || va->reg == RA_NONE;

    if (better && vb->reg != RA_NONE && va->reg != e->ra.v[r].hint) {
        ir_ref t = i->arg[0];

        i->arg[0] = i->arg[1];
        i->arg[1] = t;
    }
}

static void get_result(struct x86_emit *e, ir_ref r, char kind)
{
    unsigned tie = e->o[0].kind == OPND_REG && !(e->ra.temps >> e->o[0].reg & 1) ? e->o[0].reg : RA_NONE;
    uint32_t others = opnd_mask(e->o[1]) | opnd_mask(e->o[2]);

    switch (kind) {
    case 'r':
        e->d = ra_def(&e->ra, r, tie, 0);
        break;
    case 't':
        if (e->o[0].kind == OPND_REG)
            others &= ~(1u << e->o[0].reg);
        e->d = ra_def(&e->ra, r, tie, others);
        break;
    case 'e':
        e->d = ra_def(&e->ra, r, RA_NONE, others | opnd_mask(e->o[0]));
        break;
    case 'A':
        e->d = RAX;
        break;
    case 'D':
        e->d = RDX;
        break;
    }
}

/* Is a choice that nobody reads there for the comparison that it makes, which may raise an exception? */
static bool raises(const struct x86_emit *e, const struct ir_insn *i)
{
    ir_ref c = ra_rep(&e->ra, i->arg[0]);

    return i->op == IR_select && e->ra.v[c].fused && (ir_ops[ir_at(e->u, c)->op].flags & IR_FPENV);
}

static void emit_insn(struct x86_emit *e, ir_ref r)
{
    struct ir_insn *i = ir_at(e->u, r);
    const struct rule *rule = &rules[i->op];
    const struct ir_op_info *info = &ir_ops[i->op];

    e->ra.cur = r;
    e->ra.pos = i->tmp;
    if (!rule->fn || e->ra.alias[r] != r || e->ra.v[r].fused ||
        ((info->flags & IR_PURE) && e->ra.v[r].end == 0 && !raises(e, i)))
        return;
    if ((info->flags & IR_COMM) && rule->dst == 't')
        maybe_swap(e, i, r);
    if (rule->dst == 'A' || rule->dst == 'D')
        ra_take(&e->ra, RDX);
    /* Those in a fixed register first: taking it may move another. */
    for (unsigned k = 0; rule->fixed && k < 3; k++)
        if (FIXED(rule->arg[k]) && i->arg[k])
            get_operand(e, i, k, rule->arg[k]);
    for (unsigned k = 0; k < 3; k++) {
        if (rule->arg[k] == '-' || !i->arg[k])
            e->o[k].kind = OPND_NONE;
        else if (!FIXED(rule->arg[k]))
            get_operand(e, i, k, rule->arg[k]);
    }
    if (i->op == IR_load) { /* the result may take the register of something that the snapshot names */
        emit_load_check(e, i);
        e->snap_rec = snaplog_add(e, i->snap);
    }
    if (rule->dst != '-')
        get_result(e, r, rule->dst);
    rule->fn(e, i);
    if (rule->dst == 'A' || rule->dst == 'D')
        ra_def_in(&e->ra, r, e->d);
    ra_done(&e->ra);
}

/* ------------------------------------------------------------------ units */

/* The only one: units are compiled one at a time, under cache.lock. */
static struct x86_emit *emitter(const struct guest *guest)
{
    static struct x86_emit the_one, *self;

    if (self)
        return self;
    self = &the_one;
    for (unsigned r = 0; r < GUEST_MAX_REGS; r++)
        home_of[r] = r >= guest->nregs || homes_of(r) == HOME_NONE ? RA_NONE
                     : (uint8_t)(homes_of(r) + (homes_is_fp(guest, r) ? RA_XMM0 : 0));
    ra_init(&self->ra, &target, self);
    snaplog_init(self);
    return self;
}

static void emit_blocks(struct x86_emit *e)
{
    const struct ir_unit *u = e->u;

    for (uint32_t b = 0; b < u->nblocks; b++) {
        if (b > 0) {
            if (!e->ra.entries[b].fixed)
                continue; /* no edge leads here */
            ra_block_begin(&e->ra, b);
            if (u->blocks[b].loop_head)
                x86_align(&e->b, 16, 0);
        }
        e->block_at[b] = x86_pos(&e->b);
        for (ir_ref r = u->blocks[b].first; r; r = u->insns[r].next)
            emit_insn(e, r);
    }
}

static void begin(struct x86_emit *e, struct ir_unit *u, struct code_buf *buf, uint8_t *start)
{
    e->b = x86_buf_init(start, (size_t)(buf->end - start));
    e->cb = buf;
    e->u = u;
    e->bias = 0;
    e->nstubs = e->nexits = e->nfaults = e->nrelocs = 0;
    e->npool = e->npool_uses = e->njumps = 0;
    e->snap_size = e->in_c = 0;
    grow(&e->block_at, &e->cap_blocks, u->nblocks, sizeof *e->block_at);
    snaplog_reset(e);
}

bool compile_unit(struct ir_unit *u, struct code_buf *buf, struct compiled *out)
{
    struct x86_emit *e = emitter(u->guest);
    uint8_t *start = (uint8_t *)(((uintptr_t)buf->p + 15) & ~(uintptr_t)15);

    out->too_long = false;
    if (start >= buf->end)
        return false;
    begin(e, u, buf, start);
    ra_start(&e->ra, u);
    emit_blocks(e);
    block_jumps_patch(e);
    stubs_emit(e);
    pool_emit(e);
    if (e->b.overflow || e->ra.failed) {
        out->too_long = e->ra.failed;
        return false;
    }
    buf->p = e->b.p;
    *out = (struct compiled){
        .code = start, .size = x86_pos(&e->b),
        .exits = e->exits, .nexits = e->nexits,
        .faults = e->faults, .nfaults = e->nfaults,
        .relocs = e->relocs, .nrelocs = e->nrelocs,
        .snap_data = e->snap_data, .snap_size = e->snap_size,
        .in_c = e->in_c,
    };
    return true;
}
