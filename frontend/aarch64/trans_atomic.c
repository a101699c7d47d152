/* Exclusive, ordered and atomic memory accesses.
 *
 * A load-exclusive remembers the address, with log2 of the size in its top byte, and what it read; the store is a
 * compare-and-swap with that value if address and size are the same. A value that went and came back (ABA) is not noticed. With
 * only arithmetic between the two they become one atomic operation (frontend/exclusive.h).
 *
 * Order. On x86 every load is an acquire and every store a release, locked operations order everything. Arm's stlr
 * must also not be passed by a later ldar: a store that is sequentially consistent (IR_MEM_SC). All of these
 * fault on misaligned addresses (Armv8.0 without LSE2).
 */
#include "frontend/aarch64/trans.h"
#include "frontend/exclusive.h"

static const uint8_t types[4] = { IR_I8, IR_I16, IR_I32, IR_I64 };

static unsigned aligned(int sz)
{
    return types[sz] | (sz ? IR_MEM_ALIGNED : 0);
}

static ir_ref load_at(struct aarch64_ctx *ctx, ir_ref addr, unsigned aux, int64_t imm)
{
    return ir_emit(ctx->u, IR_load, IR_I64, (uint16_t)aux, addr, IR_NONE, IR_NONE, imm);
}

/* --- ordered */

bool a64_ldar(struct aarch64_ctx *ctx, const struct arg_lda *a)
{
    unsigned aux = aligned(a->sz) | (a->sx ? IR_MEM_SX : 0);
    ir_ref addr = xget_sp(ctx, a->rn);

    if (a->sx && !a->sf)
        xput(ctx, a->rt, zext64(ctx, ir_emit(ctx->u, IR_load, IR_I32, (uint16_t)aux, addr, IR_NONE, IR_NONE, a->imm)));
    else
        xput(ctx, a->rt, load_at(ctx, addr, aux, a->imm));
    return true;
}

bool a64_stlr(struct aarch64_ctx *ctx, const struct arg_stl *a)
{
    ir_ref addr = xget_sp(ctx, a->rn);

    ir_emit(ctx->u, IR_store, IR_VOID, (uint16_t)(aligned(a->sz) | IR_MEM_SC), addr, IR_NONE, xget(ctx, a->rt), a->imm);
    return true;
}

/* --- exclusive */

static ir_ref monitor_key(struct aarch64_ctx *ctx, ir_ref addr, int sz)
{
    return op64(ctx, IR_or, addr, const64(ctx, (uint64_t)sz << 56));
}

bool a64_ldxr(struct aarch64_ctx *ctx, const struct arg_ldx *a)
{
    ir_ref addr = xget_sp(ctx, a->rn), v = load_at(ctx, addr, aligned(a->sz), 0);

    tr_put(ctx->tr, A64_REG_ex_key, monitor_key(ctx, addr, a->sz));
    tr_put(ctx->tr, A64_REG_ex_lo, v);
    xput(ctx, a->rt, v);
    return true;
}

/* True if the monitor is known to be for `addr` and `sz`, because the load is in this unit. */
static bool same_key(struct aarch64_ctx *ctx, ir_ref key, ir_ref addr, int sz)
{
    const struct ir_insn *k = ir_at(ctx->u, key);

    return k->op == IR_or && k->arg[0] == addr && k->arg[1] == const64(ctx, (uint64_t)sz << 56);
}

/* Stores `new` if the monitor is for addr and sz and memory has what was read, `want` (zero-extended); rs: 0 if it did, else
 * 1. Without the monitor nothing must be stored: then the swap compares with what it would store. */
static void store_exclusive(struct aarch64_ctx *ctx, int sz, ir_ref addr, ir_ref want, ir_ref new, int rs)
{
    ir_ref key = tr_get(ctx->tr, A64_REG_ex_key), held = IR_NONE, expect = want;
    unsigned aux = aligned(sz);

    if (same_key(ctx, key, addr, sz) && tr_fuse_exclusive(ctx->tr, want, addr, aux, new)) {
        tr_put(ctx->tr, A64_REG_ex_key, const64(ctx, A64_NO_MONITOR));
        wput(ctx, rs, const32(ctx, 0));
        return;
    }
    if (!same_key(ctx, key, addr, sz)) {
        held = cmp(ctx, IR_cmpeq, key, monitor_key(ctx, addr, sz));
        expect = select_of(ctx, IR_I64, held, want, new);
    }

    ir_ref old = ir_emit(ctx->u, IR_cas, IR_I64, (uint16_t)aux, addr, expect, new, 0);
    ir_ref failed = cmp(ctx, IR_cmpne, old, want);

    if (held)
        failed = op1(ctx, IR_or, failed, not1(ctx, held));
    tr_put(ctx->tr, A64_REG_ex_key, const64(ctx, A64_NO_MONITOR));
    wput(ctx, rs, ir_op1(ctx->u, IR_zext, IR_I32, failed));
}

bool a64_stxr(struct aarch64_ctx *ctx, const struct arg_stx *a)
{
    ir_ref addr = xget_sp(ctx, a->rn);

    store_exclusive(ctx, a->sz, addr, tr_get(ctx->tr, A64_REG_ex_lo), xget(ctx, a->rt), a->rs);
    return true;
}

/* --- pairs: of words a doubleword; of doublewords, helpers */

enum { SZ_WORDS = 2 };

/* Both doublewords at addr; misaligned is a fault. */
static ir_ref load_pair(struct aarch64_ctx *ctx, ir_ref addr)
{
    return ir_emit(ctx->u, IR_load, IR_V128, IR_V128 | IR_MEM_ALIGNED, addr, IR_NONE, IR_NONE, 0);
}

static ir_ref half_of(struct aarch64_ctx *ctx, ir_ref pair, int n)
{
    return ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, pair, IR_NONE, IR_NONE, n);
}

static ir_ref high_word(struct aarch64_ctx *ctx, ir_ref v)
{
    return op64(ctx, IR_shr, v, const64(ctx, 32));
}

static ir_ref low_word(struct aarch64_ctx *ctx, ir_ref v)
{
    return zext64(ctx, low32(ctx, v));
}

static ir_ref joined(struct aarch64_ctx *ctx, int lo, int hi)
{
    ir_ref high = op64(ctx, IR_shl, xget(ctx, hi), const64(ctx, 32));

    return op64(ctx, IR_or, high, zext64(ctx, wget(ctx, lo)));
}

/* The store compares both doublewords: it finds out if what was read here doesn't belong together. */
bool a64_ldxp(struct aarch64_ctx *ctx, const struct arg_ldxp *a)
{
    ir_ref addr = xget_sp(ctx, a->rn), x, y;

    if (a->sz == SZ_WORDS) {
        ir_ref both = load_at(ctx, addr, IR_I64 | IR_MEM_ALIGNED, 0);

        tr_put(ctx->tr, A64_REG_ex_lo, both);
        x = low_word(ctx, both);
        y = high_word(ctx, both);
    } else {
        ir_ref both = load_pair(ctx, addr);

        x = half_of(ctx, both, 0);
        y = half_of(ctx, both, 1);
        tr_put(ctx->tr, A64_REG_ex_lo, x);
        tr_put(ctx->tr, A64_REG_ex_hi, y);
    }
    tr_put(ctx->tr, A64_REG_ex_key, monitor_key(ctx, addr, a->sz + 1));
    xput(ctx, a->rt, x);
    xput(ctx, a->rt2, y);
    return true;
}

/* A helper that reads and writes registers itself. */
static void call_on_state(struct aarch64_ctx *ctx, enum a64_helper h)
{
    ir_emit(ctx->u, IR_callv, IR_VOID, (uint16_t)h, IR_NONE, IR_NONE, IR_NONE, (int64_t)ctx->tr->bits);
    tr_forget(ctx->tr);
    tr_end(ctx->tr);
}

bool a64_stxp(struct aarch64_ctx *ctx, const struct arg_stxp *a)
{
    ir_ref addr = xget_sp(ctx, a->rn);

    if (a->sz == SZ_WORDS) {
        store_exclusive(ctx, 3, addr, tr_get(ctx->tr, A64_REG_ex_lo), joined(ctx, a->rt, a->rt2), a->rs);
        return true;
    }
    load_pair(ctx, addr); /* for the fault, of which the helper couldn't tell the address */
    call_on_state(ctx, A64_HELPER_stxp);
    return true;
}

bool a64_casp(struct aarch64_ctx *ctx, const struct arg_amo *a)
{
    ir_ref addr = xget_sp(ctx, a->rn);

    if (a->sz == SZ_WORDS) {
        ir_ref old = ir_emit(ctx->u, IR_cas, IR_I64, IR_I64 | IR_MEM_ALIGNED, addr, joined(ctx, a->rs, a->rs + 1),
                             joined(ctx, a->rt, a->rt + 1), 0);

        xput(ctx, a->rs, low_word(ctx, old));
        xput(ctx, a->rs + 1, high_word(ctx, old));
        return true;
    }
    load_pair(ctx, addr); /* as in stxp */
    call_on_state(ctx, A64_HELPER_casp);
    return true;
}

/* --- atomic */

bool a64_cas(struct aarch64_ctx *ctx, const struct arg_amo *a)
{
    ir_ref addr = xget_sp(ctx, a->rn), expect = xget(ctx, a->rs), new = xget(ctx, a->rt);

    xput(ctx, a->rs, ir_emit(ctx->u, IR_cas, IR_I64, (uint16_t)aligned(a->sz), addr, expect, new, 0));
    return true;
}

static bool amo(struct aarch64_ctx *ctx, const struct arg_amo *a, enum ir_amo kind)
{
    ir_ref addr = xget_sp(ctx, a->rn), v = xget(ctx, a->rs);

    xput(ctx, a->rt, ir_emit(ctx->u, IR_amo, IR_I64, (uint16_t)(aligned(a->sz) | kind << IR_AMO_SHIFT), addr, v,
                             IR_NONE, 0));
    return true;
}

bool a64_ldadd(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_ADD); }
bool a64_ldclr(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_ANDN); }
bool a64_ldeor(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_XOR); }
bool a64_ldset(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_OR); }
bool a64_ldsmax(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_MAXS); }
bool a64_ldsmin(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_MINS); }
bool a64_ldumax(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_MAXU); }
bool a64_ldumin(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_MINU); }
bool a64_swp(struct aarch64_ctx *ctx, const struct arg_amo *a) { return amo(ctx, a, IR_AMO_SWAP); }
