/* Loads and stores of structures: ld1 ... ld4, st1 ... st4, of whole registers, one lane, or one value for all lanes.
 *
 * Memory is accessed in whole registers, which are then taken apart. Of `ld2 {v0.4s, v1.4s}, [x0]` the registers
 * r0 = a0 b0 a1 b1 and r1 = a2 b2 a3 b3 are read; v0 is their even lanes (vuzp1), v1 the odd ones (vuzp2). Four elements
 * are two such steps; of three, each result gathers bytes of all that was read (vtbl).
 */
#include "frontend/aarch64/trans_simd.h"

static ir_ref load(struct aarch64_ctx *ctx, int q, ir_ref base, int offset)
{
    ir_ref v = ir_emit(ctx->u, IR_load, q ? IR_V128 : IR_I64, q ? IR_V128 : IR_I64, base, IR_NONE, IR_NONE, offset);

    return q ? v : ir_op1(ctx->u, IR_vzext, IR_V128, v);
}

static void store(struct aarch64_ctx *ctx, int q, ir_ref base, int offset, ir_ref v)
{
    if (!q)
        v = ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, v, IR_NONE, IR_NONE, 0);
    ir_emit(ctx->u, IR_store, IR_VOID, q ? IR_V128 : IR_I64, base, IR_NONE, v, offset);
}

/** The register after the access: the base plus its bytes or plus x`rm`. */
static void post_index(struct aarch64_ctx *ctx, int post, int rn, int rm, ir_ref base, int bytes)
{
    if (post)
        xput_sp(ctx, rn, rm == 31 ? add_imm(ctx, base, bytes) : op64(ctx, IR_add, base, xget(ctx, rm)));
}

/* --- whole registers */

/** Byte number `i` of `n` from[] registers of `bytes` each; `map` says which byte a result's byte `k` is. */
static ir_ref gather(struct aarch64_ctx *ctx, const ir_ref *from, int n, int bytes, const uint8_t *map)
{
    ir_ref v = IR_NONE;

    for (int r = 0; r < n; r++) {
        uint64_t index[2] = { UINT64_MAX, UINT64_MAX }; /* out of range: 0 */

        for (int k = 0; k < bytes; k++)
            if (map[k] / bytes == r)
                index[k / 8] ^= (uint64_t)(0xff ^ map[k] % bytes) << 8 * (k % 8);

        ir_ref part = simd_op2(ctx, IR_vtbl, IR_I8, from[r], simd_const(ctx, index[0], index[1]));

        v = v ? simd_op2(ctx, IR_vor, IR_I64, v, part) : part;
    }
    return v;
}

/* Byte k of register j of a structure of three is byte `at` of the three in memory; and the other way. */
static void thirds(struct aarch64_ctx *ctx, const struct arg_ldst_mult *a, const ir_ref *from, ir_ref *to, bool join)
{
    int bytes = a->q ? 16 : 8, size = 1 << a->esz;
    uint8_t map[3][16];

    for (int j = 0; j < 3; j++) {
        for (int k = 0; k < bytes; k++) {
            int at = (k / size * 3 + j) * size + k % size;

            if (join)
                map[at / bytes][at % bytes] = (uint8_t)(j * bytes + k);
            else
                map[j][k] = (uint8_t)at;
        }
    }
    for (int j = 0; j < 3; j++)
        to[j] = gather(ctx, from, 3, bytes, map[j]);
}

/** Even lanes, odd lanes (vuzp) or halves interleaved (vzip): two results of two operands. */
static void split(struct aarch64_ctx *ctx, enum ir_op first, enum ir_op second, unsigned lane, ir_ref a, ir_ref b,
                  ir_ref *x, ir_ref *y)
{
    *x = simd_op2(ctx, first, lane, a, b);
    *y = simd_op2(ctx, second, lane, a, b);
}

static void take_apart(struct aarch64_ctx *ctx, const struct arg_ldst_mult *a, const ir_ref *r, ir_ref *v)
{
    unsigned lane = simd_lane(a->esz) | (a->q ? 0 : IR_V_LOW);
    ir_ref even[2], odd[2];

    if (a->selem == 2) {
        split(ctx, IR_vuzp1, IR_vuzp2, lane, r[0], r[1], &v[0], &v[1]);
    } else if (a->selem == 3) {
        thirds(ctx, a, r, v, false);
    } else {
        split(ctx, IR_vuzp1, IR_vuzp2, lane, r[0], r[1], &even[0], &odd[0]);
        split(ctx, IR_vuzp1, IR_vuzp2, lane, r[2], r[3], &even[1], &odd[1]);
        split(ctx, IR_vuzp1, IR_vuzp2, lane, even[0], even[1], &v[0], &v[2]);
        split(ctx, IR_vuzp1, IR_vuzp2, lane, odd[0], odd[1], &v[1], &v[3]);
    }
}

static void put_together(struct aarch64_ctx *ctx, const struct arg_ldst_mult *a, const ir_ref *v, ir_ref *r)
{
    unsigned lane = simd_lane(a->esz) | (a->q ? 0 : IR_V_LOW);
    ir_ref even[2], odd[2];

    if (a->selem == 2) {
        split(ctx, IR_vzip1, IR_vzip2, lane, v[0], v[1], &r[0], &r[1]);
    } else if (a->selem == 3) {
        thirds(ctx, a, v, r, true);
    } else {
        split(ctx, IR_vzip1, IR_vzip2, lane, v[0], v[2], &even[0], &even[1]);
        split(ctx, IR_vzip1, IR_vzip2, lane, v[1], v[3], &odd[0], &odd[1]);
        split(ctx, IR_vzip1, IR_vzip2, lane, even[0], odd[0], &r[0], &r[1]);
        split(ctx, IR_vzip1, IR_vzip2, lane, even[1], odd[1], &r[2], &r[3]);
    }
}

bool a64_ld_mult(struct aarch64_ctx *ctx, const struct arg_ldst_mult *a)
{
    int n = a->rpt * a->selem, bytes = a->q ? 16 : 8;
    ir_ref base = xget_sp(ctx, a->rn), r[4], v[4];

    for (int k = 0; k < n; k++)
        r[k] = load(ctx, a->q, base, k * bytes);
    if (a->selem > 1)
        take_apart(ctx, a, r, v);
    for (int k = 0; k < n; k++)
        vput(ctx, (a->rt + k) & 31, a->selem > 1 ? v[k] : r[k]);
    post_index(ctx, a->post, a->rn, a->rm, base, n * bytes);
    return true;
}

bool a64_st_mult(struct aarch64_ctx *ctx, const struct arg_ldst_mult *a)
{
    int n = a->rpt * a->selem, bytes = a->q ? 16 : 8;
    ir_ref base = xget_sp(ctx, a->rn), r[4], v[4];

    for (int k = 0; k < n; k++)
        v[k] = vget(ctx, (a->rt + k) & 31);
    if (a->selem > 1)
        put_together(ctx, a, v, r);
    for (int k = 0; k < n; k++)
        store(ctx, a->q, base, k * bytes, a->selem > 1 ? r[k] : v[k]);
    post_index(ctx, a->post, a->rn, a->rm, base, n * bytes);
    return true;
}

/* --- one structure */

/** The element at base + offset, as i64 or a wide enough i32. */
static ir_ref load_element(struct aarch64_ctx *ctx, int esz, ir_ref base, int offset)
{
    return ir_emit(ctx->u, IR_load, esz == 3 ? IR_I64 : IR_I32, (uint16_t)(IR_I8 + esz), base, IR_NONE, IR_NONE, offset);
}

bool a64_ld_one(struct aarch64_ctx *ctx, const struct arg_ldst_one *a)
{
    ir_ref base = xget_sp(ctx, a->rn), x[4];

    for (int k = 0; k < a->selem; k++)
        x[k] = load_element(ctx, a->esz, base, k << a->esz);
    for (int k = 0; k < a->selem; k++) {
        int rt = (a->rt + k) & 31;

        vput(ctx, rt, ir_emit(ctx->u, IR_vset, IR_V128, (uint16_t)simd_lane(a->esz), vget(ctx, rt), x[k], IR_NONE,
                              a->index));
    }
    post_index(ctx, a->post, a->rn, a->rm, base, a->selem << a->esz);
    return true;
}

bool a64_st_one(struct aarch64_ctx *ctx, const struct arg_ldst_one *a)
{
    ir_ref base = xget_sp(ctx, a->rn);

    for (int k = 0; k < a->selem; k++) {
        ir_ref x = ir_emit(ctx->u, IR_vget, a->esz == 3 ? IR_I64 : IR_I32, (uint16_t)simd_lane(a->esz),
                           vget(ctx, (a->rt + k) & 31), IR_NONE, IR_NONE, a->index);

        ir_emit(ctx->u, IR_store, IR_VOID, (uint16_t)(IR_I8 + a->esz), base, IR_NONE, x, k << a->esz);
    }
    post_index(ctx, a->post, a->rn, a->rm, base, a->selem << a->esz);
    return true;
}

bool a64_ld_rep(struct aarch64_ctx *ctx, const struct arg_ld_rep *a)
{
    ir_ref base = xget_sp(ctx, a->rn), x[4];

    for (int k = 0; k < a->selem; k++)
        x[k] = load_element(ctx, a->esz, base, k << a->esz);
    for (int k = 0; k < a->selem; k++)
        vput(ctx, (a->rt + k) & 31, simd_op1(ctx, IR_vdup, simd_lane(a->esz) | (a->q ? 0 : IR_V_LOW), x[k], 0));
    post_index(ctx, a->post, a->rn, a->rm, base, a->selem << a->esz);
    return true;
}
