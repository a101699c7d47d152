/* SM3 and SM4: the ops of their rounds are 32-bit arithmetic; SM4's S-box is a helper's. */
#include "frontend/aarch64/trans_simd.h"

struct words { ir_ref w[4]; };

static ir_ref word(struct aarch64_ctx *ctx, ir_ref v, int n)
{
    return ir_emit(ctx->u, IR_vget, IR_I32, IR_I32, v, IR_NONE, IR_NONE, n);
}

static struct words words_of(struct aarch64_ctx *ctx, ir_ref v)
{
    struct words s;

    for (int n = 0; n < 4; n++)
        s.w[n] = word(ctx, v, n);
    return s;
}

static void put_words(struct aarch64_ctx *ctx, int rd, const struct words *s)
{
    ir_ref half[2];

    for (int n = 0; n < 2; n++)
        half[n] = op64(ctx, IR_or, zext64(ctx, s->w[2 * n]), op64(ctx, IR_shl, zext64(ctx, s->w[2 * n + 1]), const64(ctx, 32)));
    vput(ctx, rd, simd_op2(ctx, IR_vpair, 0, half[0], half[1]));
}

static ir_ref rol(struct aarch64_ctx *ctx, ir_ref x, unsigned n)
{
    return op32(ctx, IR_rotr, x, const32(ctx, 32 - n));
}

static ir_ref xor3(struct aarch64_ctx *ctx, ir_ref a, ir_ref b, ir_ref c)
{
    return op32(ctx, IR_xor, op32(ctx, IR_xor, a, b), c);
}

static ir_ref add4(struct aarch64_ctx *ctx, ir_ref a, ir_ref b, ir_ref c, ir_ref d)
{
    return op32(ctx, IR_add, op32(ctx, IR_add, a, b), op32(ctx, IR_add, c, d));
}

/* --- SM3 */

/* P1 of the standard's message expansion; P0 is the same by 9 and 17. */
static ir_ref mixed(struct aarch64_ctx *ctx, ir_ref x, unsigned by, unsigned and)
{
    return xor3(ctx, x, rol(ctx, x, by), rol(ctx, x, and));
}

bool a64_sm3partw1(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    struct words s = words_of(ctx, simd_xor(ctx, vget(ctx, a->rd), vget(ctx, a->rn)));
    struct words m = words_of(ctx, vget(ctx, a->rm));

    for (int n = 0; n < 4; n++) {
        ir_ref next = n < 3 ? m.w[n + 1] : s.w[0];

        s.w[n] = mixed(ctx, op32(ctx, IR_xor, s.w[n], rol(ctx, next, 15)), 15, 23);
    }
    put_words(ctx, a->rd, &s);
    return true;
}

bool a64_sm3partw2(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    struct words s = words_of(ctx, vget(ctx, a->rd)), m = words_of(ctx, vget(ctx, a->rm));
    struct words t = words_of(ctx, vget(ctx, a->rn));

    for (int n = 0; n < 4; n++) {
        t.w[n] = op32(ctx, IR_xor, t.w[n], rol(ctx, m.w[n], 7));
        s.w[n] = op32(ctx, IR_xor, s.w[n], t.w[n]);
    }
    s.w[3] = op32(ctx, IR_xor, s.w[3], mixed(ctx, rol(ctx, t.w[0], 15), 15, 23));
    put_words(ctx, a->rd, &s);
    return true;
}

bool a64_sm3ss1(struct aarch64_ctx *ctx, const struct arg_c4 *a)
{
    ir_ref n = rol(ctx, word(ctx, vget(ctx, a->rn), 3), 12), sum;
    struct words s = { { const32(ctx, 0), const32(ctx, 0), const32(ctx, 0) } };

    sum = add4(ctx, n, word(ctx, vget(ctx, a->rm), 3), word(ctx, vget(ctx, a->ra), 3), const32(ctx, 0));
    s.w[3] = rol(ctx, sum, 7);
    put_words(ctx, a->rd, &s);
    return true;
}

/* The standard's Boolean functions of the first and the last 48 rounds. */
static ir_ref parity(struct aarch64_ctx *ctx, const struct words *d)
{
    return xor3(ctx, d->w[1], d->w[3], d->w[2]);
}

static ir_ref majority(struct aarch64_ctx *ctx, const struct words *d)
{
    ir_ref both = op32(ctx, IR_and, d->w[3], op32(ctx, IR_or, d->w[1], d->w[2]));

    return op32(ctx, IR_or, both, op32(ctx, IR_and, d->w[1], d->w[2]));
}

static ir_ref choice(struct aarch64_ctx *ctx, const struct words *d)
{
    return op32(ctx, IR_or, op32(ctx, IR_and, d->w[3], d->w[2]), op32(ctx, IR_andn, d->w[1], d->w[3]));
}

static bool next_state(struct aarch64_ctx *ctx, int rd, const struct words *d, unsigned by, ir_ref newest)
{
    const struct words s = { { d->w[1], rol(ctx, d->w[2], by), d->w[3], newest } };

    put_words(ctx, rd, &s);
    return true;
}

static bool tt1(struct aarch64_ctx *ctx, const struct arg_sm3tt *a, ir_ref (*f)(struct aarch64_ctx *, const struct words *))
{
    struct words d = words_of(ctx, vget(ctx, a->rd));
    ir_ref ss2 = op32(ctx, IR_xor, word(ctx, vget(ctx, a->rn), 3), rol(ctx, d.w[3], 12));

    return next_state(ctx, a->rd, &d, 9, add4(ctx, f(ctx, &d), d.w[0], ss2, word(ctx, vget(ctx, a->rm), a->index)));
}

static bool tt2(struct aarch64_ctx *ctx, const struct arg_sm3tt *a, ir_ref (*f)(struct aarch64_ctx *, const struct words *))
{
    struct words d = words_of(ctx, vget(ctx, a->rd));
    ir_ref sum = add4(ctx, f(ctx, &d), d.w[0], word(ctx, vget(ctx, a->rn), 3), word(ctx, vget(ctx, a->rm), a->index));

    return next_state(ctx, a->rd, &d, 19, mixed(ctx, sum, 9, 17));
}

bool a64_sm3tt1a(struct aarch64_ctx *ctx, const struct arg_sm3tt *a) { return tt1(ctx, a, parity); }
bool a64_sm3tt1b(struct aarch64_ctx *ctx, const struct arg_sm3tt *a) { return tt1(ctx, a, majority); }
bool a64_sm3tt2a(struct aarch64_ctx *ctx, const struct arg_sm3tt *a) { return tt2(ctx, a, parity); }
bool a64_sm3tt2b(struct aarch64_ctx *ctx, const struct arg_sm3tt *a) { return tt2(ctx, a, choice); }

/* --- SM4: four rounds. `key`: those of the key schedule, whose linear part is another. */

static bool rounds(struct aarch64_ctx *ctx, int rd, ir_ref state, ir_ref keys, bool key)
{
    struct words s = words_of(ctx, state), k = words_of(ctx, keys);

    for (int n = 0; n < 4; n++) {
        ir_ref in = op32(ctx, IR_xor, xor3(ctx, s.w[3], s.w[2], s.w[1]), k.w[n]), out;

        out = low32(ctx, call_helper(ctx, A64_HELPER_sm4_sub, IR_I64, zext64(ctx, in), IR_NONE, IR_NONE));
        in = key ? mixed(ctx, out, 13, 23)
                 : op32(ctx, IR_xor, mixed(ctx, out, 2, 10), op32(ctx, IR_xor, rol(ctx, out, 18), rol(ctx, out, 24)));
        in = op32(ctx, IR_xor, in, s.w[0]);
        s = (struct words){ { s.w[1], s.w[2], s.w[3], in } };
    }
    put_words(ctx, rd, &s);
    return true;
}

bool a64_sm4e(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    return rounds(ctx, a->rd, vget(ctx, a->rd), vget(ctx, a->rn), false);
}

bool a64_sm4ekey(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return rounds(ctx, a->rd, vget(ctx, a->rn), vget(ctx, a->rm), true);
}
