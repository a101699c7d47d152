/* Advanced SIMD copies between lanes and registers, tables, permutations. */
#include "frontend/aarch64/trans_simd.h"

/* --- copies */

bool a64_dup_elt(struct aarch64_ctx *ctx, const struct arg_dup *a)
{
    unsigned part = a->sc ? IR_V_ONE : a->q ? 0 : IR_V_LOW;

    vput(ctx, a->rd, simd_op1(ctx, IR_vdupl, simd_lane(a->esz) | part, vget(ctx, a->rn), a->index));
    return true;
}

bool a64_dup_gen(struct aarch64_ctx *ctx, const struct arg_dup_gen *a)
{
    ir_ref v = a->esz == 3 ? xget(ctx, a->rn) : wget(ctx, a->rn);

    vput(ctx, a->rd, simd_op1(ctx, IR_vdup, simd_lane(a->esz) | (a->q ? 0 : IR_V_LOW), v, 0));
    return true;
}

static ir_ref lane(struct aarch64_ctx *ctx, const struct arg_mov_gen *a, enum ir_type t, unsigned sx)
{
    return ir_emit(ctx->u, IR_vget, t, (uint16_t)(simd_lane(a->esz) | sx), vget(ctx, a->rn), IR_NONE, IR_NONE,
                   a->index);
}

bool a64_umov(struct aarch64_ctx *ctx, const struct arg_mov_gen *a)
{
    rput(ctx, a->sf, a->rd, lane(ctx, a, rtype(a->sf), 0));
    return true;
}

bool a64_smov(struct aarch64_ctx *ctx, const struct arg_mov_gen *a)
{
    rput(ctx, a->sf, a->rd, lane(ctx, a, rtype(a->sf), IR_V_SX));
    return true;
}

bool a64_ins_gen(struct aarch64_ctx *ctx, const struct arg_ins_gen *a)
{
    ir_ref v = a->esz == 3 ? xget(ctx, a->rn) : wget(ctx, a->rn);

    vput(ctx, a->rd, ir_emit(ctx->u, IR_vset, IR_V128, (uint16_t)simd_lane(a->esz), vget(ctx, a->rd), v, IR_NONE,
                             a->index));
    return true;
}

bool a64_ins_elt(struct aarch64_ctx *ctx, const struct arg_ins_elt *a)
{
    vput(ctx, a->rd, ir_emit(ctx->u, IR_vmovl, IR_V128, (uint16_t)simd_lane(a->esz), vget(ctx, a->rd), vget(ctx, a->rn),
                             IR_NONE, a->dst | a->index << 8));
    return true;
}

/* --- tables of 1 to 4 registers: an index beyond a register's bytes gives 0 there */

static ir_ref lookup(struct aarch64_ctx *ctx, const struct arg_tbl *a)
{
    unsigned aux = IR_I8 | (a->q ? 0 : IR_V_LOW);
    ir_ref index = vget(ctx, a->rm), v = simd_op2(ctx, IR_vtbl, aux, vget(ctx, a->rn), index);

    for (int k = 1; k < a->len; k++) {
        ir_ref at = simd_op2(ctx, IR_vsub, aux, index, simd_splat(ctx, 0, (uint64_t)(16 * k)));

        v = simd_op2(ctx, IR_vor, aux, v, simd_op2(ctx, IR_vtbl, aux, vget(ctx, (a->rn + k) & 31), at));
    }
    return v;
}

bool a64_tbl(struct aarch64_ctx *ctx, const struct arg_tbl *a)
{
    vput(ctx, a->rd, lookup(ctx, a));
    return true;
}

bool a64_tbx(struct aarch64_ctx *ctx, const struct arg_tbl *a)
{
    unsigned aux = IR_I8 | (a->q ? 0 : IR_V_LOW);
    ir_ref end = simd_splat(ctx, 0, (uint64_t)(16 * a->len));
    ir_ref inside = simd_op2(ctx, IR_vcmpgt, aux | IR_V_UNS, end, vget(ctx, a->rm));

    vput(ctx, a->rd, simd_op3(ctx, IR_vbsel, aux, inside, lookup(ctx, a), vget(ctx, a->rd)));
    return true;
}

/* --- permutations */

static bool permute(struct aarch64_ctx *ctx, const struct arg_perm *a, enum ir_op first, enum ir_op second)
{
    vput(ctx, a->rd, simd_op2(ctx, a->part ? second : first, simd_lane(a->esz) | (a->q ? 0 : IR_V_LOW),
                              vget(ctx, a->rn), vget(ctx, a->rm)));
    return true;
}

bool a64_zip(struct aarch64_ctx *ctx, const struct arg_perm *a) { return permute(ctx, a, IR_vzip1, IR_vzip2); }
bool a64_uzp(struct aarch64_ctx *ctx, const struct arg_perm *a) { return permute(ctx, a, IR_vuzp1, IR_vuzp2); }
bool a64_trn(struct aarch64_ctx *ctx, const struct arg_perm *a) { return permute(ctx, a, IR_vtrn1, IR_vtrn2); }

bool a64_ext(struct aarch64_ctx *ctx, const struct arg_ext *a)
{
    vput(ctx, a->rd, ir_emit(ctx->u, IR_vext, IR_V128, a->q ? 0 : IR_V_LOW, vget(ctx, a->rn), vget(ctx, a->rm),
                             IR_NONE, a->pos));
    return true;
}
