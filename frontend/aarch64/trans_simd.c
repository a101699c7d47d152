/* Advanced SIMD: constants, results, and the shapes of integer instructions that don't saturate. */
#include "frontend/aarch64/trans_simd.h"

ir_ref simd_const(struct aarch64_ctx *ctx, uint64_t lo, uint64_t hi)
{
    if (hi == 0)
        return ir_const_val(ctx->u, IR_V128, lo);
    return simd_op2(ctx, IR_vpair, 0, const64(ctx, lo), const64(ctx, hi));
}

ir_ref simd_splat(struct aarch64_ctx *ctx, int esz, uint64_t v)
{
    if (esz < 3)
        v &= (1ull << (8 << esz)) - 1;
    for (int bits = 8 << esz; bits < 64; bits *= 2)
        v |= v << bits;
    return simd_const(ctx, v, v);
}

ir_ref simd_element(struct aarch64_ctx *ctx, int n, int esz, int index)
{
    return simd_op1(ctx, IR_vdupl, simd_lane(esz), vget(ctx, n), index);
}

void simd_qc(struct aarch64_ctx *ctx, ir_ref diff)
{
    tr_put(ctx->tr, A64_REG_qc, simd_op2(ctx, IR_vor, IR_I64, tr_get(ctx->tr, A64_REG_qc), diff));
}

void simd_put_narrow(struct aarch64_ctx *ctx, const struct simd *s, ir_ref v)
{
    if (s->q && !s->sc) /* the other half stays */
        v = ir_emit(ctx->u, IR_vmovl, IR_V128, IR_I64, vget(ctx, s->rd), v, IR_NONE, 1);
    vput(ctx, s->rd, v);
}

void simd_join(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r, unsigned lane_aux, ir_ref v)
{
    if (r->then)
        v = simd_op2(ctx, r->then, lane_aux, vget(ctx, s->rd), v);
    vput(ctx, s->rd, v);
}

void simd_map(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s);
    ir_ref n = r->how & SWAP ? s->m : s->n, m = r->how & SWAP ? s->n : s->m;

    if (r->how & PAIRS) {
        ir_ref even = simd_op2(ctx, IR_vuzp1, lane, n, m);

        m = simd_op2(ctx, IR_vuzp2, lane, n, m);
        n = even;
    }
    simd_join(ctx, s, r, lane, simd_op2(ctx, r->op, lane | simd_variant(s, r), n, m));
}

void simd_map1(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned lane = simd_lane(s->esz) | simd_part(s);

    simd_join(ctx, s, r, lane, simd_op1(ctx, r->op, lane | simd_variant(s, r), s->n, s->imm));
}

void simd_long(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    ir_ref v = simd_op2(ctx, r->op, simd_lane(s->esz) | simd_half(s) | simd_variant(s, r), s->n, s->m);

    simd_join(ctx, s, r, simd_lane(s->esz + 1), v);
}

void simd_widened(struct aarch64_ctx *ctx, const struct simd *s, const struct simd_row *r)
{
    unsigned narrow = simd_lane(s->esz) | simd_half(s) | (s->u ? IR_V_UNS : 0);
    ir_ref n = simd_op1(ctx, IR_vwiden, narrow, s->n, 0), m = simd_op1(ctx, IR_vwiden, narrow, s->m, 0);

    vput(ctx, s->rd, simd_op2(ctx, r->op, simd_lane(s->esz + 1), n, m));
}
