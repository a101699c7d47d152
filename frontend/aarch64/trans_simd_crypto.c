/* Cryptographic instructions. AES, SHA-1 and SHA-256 have IR ops; SHA-512 is 64-bit arithmetic, SHA-3 bitwise. */
#include "frontend/aarch64/trans_simd.h"

/* --- AES, SHA-1, SHA-256 */

static bool aes_round(struct aarch64_ctx *ctx, const struct arg_rd_rn *a, unsigned inverse)
{
    ir_ref state = simd_xor(ctx, vget(ctx, a->rd), vget(ctx, a->rn));

    vput(ctx, a->rd, simd_op2(ctx, IR_vaessub, inverse, state, simd_const(ctx, 0, 0)));
    return true;
}

static bool aes_mix(struct aarch64_ctx *ctx, const struct arg_rd_rn *a, unsigned inverse)
{
    vput(ctx, a->rd, simd_op1(ctx, IR_vaesmix, inverse, vget(ctx, a->rn), 0));
    return true;
}

bool a64_aese(struct aarch64_ctx *ctx, const struct arg_rd_rn *a) { return aes_round(ctx, a, 0); }
bool a64_aesd(struct aarch64_ctx *ctx, const struct arg_rd_rn *a) { return aes_round(ctx, a, IR_V_NEG); }
bool a64_aesmc(struct aarch64_ctx *ctx, const struct arg_rd_rn *a) { return aes_mix(ctx, a, 0); }
bool a64_aesimc(struct aarch64_ctx *ctx, const struct arg_rd_rn *a) { return aes_mix(ctx, a, IR_V_NEG); }

static bool hash(struct aarch64_ctx *ctx, int rd, enum ir_op op, int abcd, int efgh, int rm, int imm)
{
    vput(ctx, rd, ir_emit(ctx->u, op, IR_V128, 0, vget(ctx, abcd), vget(ctx, efgh), vget(ctx, rm), imm));
    return true;
}

/* The second operand of SHA-1 is a word, e. */
bool a64_sha1c(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return hash(ctx, a->rd, IR_vsha1, a->rd, a->rn, a->rm, 0);
}

bool a64_sha1p(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return hash(ctx, a->rd, IR_vsha1, a->rd, a->rn, a->rm, 1);
}

bool a64_sha1m(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return hash(ctx, a->rd, IR_vsha1, a->rd, a->rn, a->rm, 2);
}

bool a64_sha1h(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    vput_low(ctx, a->rd, op32(ctx, IR_rotr, vget_low(ctx, a->rn, IR_I32), const32(ctx, 2)));
    return true;
}

bool a64_sha1su0(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    ir_ref d = vget(ctx, a->rd), v = ir_emit(ctx->u, IR_vext, IR_V128, 0, d, vget(ctx, a->rn), IR_NONE, 8);

    vput(ctx, a->rd, simd_xor(ctx, simd_xor(ctx, v, d), vget(ctx, a->rm)));
    return true;
}

bool a64_sha1su1(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    vput(ctx, a->rd, simd_op2(ctx, IR_vsha1su1, 0, vget(ctx, a->rd), vget(ctx, a->rn)));
    return true;
}

/* SHA256H and SHA256H2 make the same four rounds, and keep half of the state each. The IR makes two rounds at a time, of a state that is
 * laid out otherwise: SHA256H2 finds what SHA256H has computed, and what comes next the state as it was before it was put into
 * Arm's order. */

/* A vector op as simd_op3() makes it, or the same one of shortly before. */
static ir_ref once(struct aarch64_ctx *ctx, enum ir_op op, unsigned aux, ir_ref a, ir_ref b, ir_ref c, int64_t imm)
{
    ir_ref r = ctx->u->blocks[ctx->u->cur].last;

    for (unsigned far = 0; r && far < 40; far++, r = ir_at(ctx->u, r)->prev) {
        const struct ir_insn *i = ir_at(ctx->u, r);

        if (i->op == op && i->aux == aux && i->arg[0] == a && i->arg[1] == b && i->arg[2] == c && i->imm == imm)
            return r;
    }
    return ir_emit(ctx->u, op, IR_V128, (uint16_t)aux, a, b, c, imm);
}

static ir_ref swap_words(struct aarch64_ctx *ctx, ir_ref v)
{
    return once(ctx, IR_vrev, IR_I32, v, IR_NONE, IR_NONE, 64);
}

struct sha256 { ir_ref abef, cdgh; };

/* The IR's order of a state in Arm's. */
static struct sha256 state_of(struct aarch64_ctx *ctx, ir_ref abcd, ir_ref efgh)
{
    const struct ir_insn *hi = ir_at(ctx->u, abcd), *lo = ir_at(ctx->u, efgh);

    if (hi->op == IR_vzip2 && lo->op == IR_vzip1 && hi->aux == IR_I64 && lo->aux == IR_I64 && hi->arg[0] == lo->arg[0] &&
        hi->arg[1] == lo->arg[1]) {
        const struct ir_insn *x = ir_at(ctx->u, hi->arg[0]), *y = ir_at(ctx->u, hi->arg[1]);

        if (x->op == IR_vrev && y->op == IR_vrev && x->aux == IR_I32 && y->aux == IR_I32 && x->imm == 64 && y->imm == 64)
            return (struct sha256){ x->arg[0], y->arg[0] };
    }

    ir_ref abef = once(ctx, IR_vzip1, IR_I64, efgh, abcd, IR_NONE, 0), cdgh = once(ctx, IR_vzip2, IR_I64, efgh, abcd, IR_NONE, 0);

    abef = swap_words(ctx, abef);
    return (struct sha256){ abef, swap_words(ctx, cdgh) };
}

/* rd: four rounds' new efgh (zip: IR_vzip1) or abcd (IR_vzip2). */
static bool four_rounds(struct aarch64_ctx *ctx, int rd, int abcd, int efgh, int rm, enum ir_op zip)
{
    struct sha256 s = state_of(ctx, vget(ctx, abcd), vget(ctx, efgh));
    ir_ref sums = vget(ctx, rm), middle, last;

    middle = once(ctx, IR_vsha256rnds, 0, s.cdgh, s.abef, sums, 0);
    last = once(ctx, IR_vsha256rnds, 0, s.abef, middle, once(ctx, IR_vdupl, IR_I64, sums, IR_NONE, IR_NONE, 1), 0);
    last = swap_words(ctx, last);
    middle = swap_words(ctx, middle);
    vput(ctx, rd, once(ctx, zip, IR_I64, last, middle, IR_NONE, 0));
    return true;
}

bool a64_sha256h(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return four_rounds(ctx, a->rd, a->rd, a->rn, a->rm, IR_vzip2);
}

bool a64_sha256h2(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return four_rounds(ctx, a->rd, a->rn, a->rd, a->rm, IR_vzip1);
}

bool a64_sha256su0(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    vput(ctx, a->rd, simd_op2(ctx, IR_vsha256su0, 0, vget(ctx, a->rd), vget(ctx, a->rn)));
    return true;
}

bool a64_sha256su1(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    return hash(ctx, a->rd, IR_vsha256su1, a->rd, a->rn, a->rm, 0);
}

/* --- SHA-512, with the names of the manual's pseudocode */

struct halves { ir_ref lo, hi; };

static struct halves halves(struct aarch64_ctx *ctx, int n)
{
    ir_ref v = vget(ctx, n);

    return (struct halves){ ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, v, IR_NONE, IR_NONE, 0),
                            ir_emit(ctx->u, IR_vget, IR_I64, IR_I64, v, IR_NONE, IR_NONE, 1) };
}

static bool put_halves(struct aarch64_ctx *ctx, int n, ir_ref lo, ir_ref hi)
{
    vput(ctx, n, simd_op2(ctx, IR_vpair, 0, lo, hi));
    return true;
}

static ir_ref add3(struct aarch64_ctx *ctx, ir_ref a, ir_ref b, ir_ref c)
{
    return op64(ctx, IR_add, op64(ctx, IR_add, a, b), c);
}

/** v rotated right by a and by b, and by c rotated (last IR_rotr) or shifted (IR_shr): exclusive or. */
static ir_ref sigma(struct aarch64_ctx *ctx, ir_ref v, unsigned a, unsigned b, enum ir_op last, unsigned c)
{
    ir_ref x = op64(ctx, IR_xor, op64(ctx, IR_rotr, v, const64(ctx, a)), op64(ctx, IR_rotr, v, const64(ctx, b)));

    return op64(ctx, IR_xor, x, op64(ctx, last, v, const64(ctx, c)));
}

static ir_ref choice(struct aarch64_ctx *ctx, ir_ref by, ir_ref ones, ir_ref zeros)
{
    return op64(ctx, IR_xor, op64(ctx, IR_and, by, op64(ctx, IR_xor, ones, zeros)), zeros);
}

static ir_ref majority(struct aarch64_ctx *ctx, ir_ref a, ir_ref b, ir_ref c)
{
    return op64(ctx, IR_or, op64(ctx, IR_and, a, b), op64(ctx, IR_and, c, op64(ctx, IR_or, a, b)));
}

bool a64_sha512h(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    struct halves x = halves(ctx, a->rn), y = halves(ctx, a->rm), w = halves(ctx, a->rd);
    ir_ref hi = add3(ctx, choice(ctx, y.hi, x.lo, x.hi), sigma(ctx, y.hi, 14, 18, IR_rotr, 41), w.hi);
    ir_ref tmp = op64(ctx, IR_add, hi, y.lo);
    ir_ref lo = add3(ctx, choice(ctx, tmp, y.hi, x.lo), sigma(ctx, tmp, 14, 18, IR_rotr, 41), w.lo);

    return put_halves(ctx, a->rd, lo, hi);
}

bool a64_sha512h2(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    struct halves x = halves(ctx, a->rn), y = halves(ctx, a->rm), w = halves(ctx, a->rd);
    ir_ref hi = add3(ctx, majority(ctx, y.hi, y.lo, x.lo), sigma(ctx, y.lo, 28, 34, IR_rotr, 39), w.hi);
    ir_ref lo = add3(ctx, majority(ctx, y.hi, y.lo, hi), sigma(ctx, hi, 28, 34, IR_rotr, 39), w.lo);

    return put_halves(ctx, a->rd, lo, hi);
}

bool a64_sha512su0(struct aarch64_ctx *ctx, const struct arg_rd_rn *a)
{
    struct halves w = halves(ctx, a->rd), x = halves(ctx, a->rn);

    return put_halves(ctx, a->rd, op64(ctx, IR_add, w.lo, sigma(ctx, w.hi, 1, 8, IR_shr, 7)),
                      op64(ctx, IR_add, w.hi, sigma(ctx, x.lo, 1, 8, IR_shr, 7)));
}

bool a64_sha512su1(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    struct halves x = halves(ctx, a->rn), y = halves(ctx, a->rm), w = halves(ctx, a->rd);

    return put_halves(ctx, a->rd, add3(ctx, w.lo, sigma(ctx, x.lo, 19, 61, IR_shr, 6), y.lo),
                      add3(ctx, w.hi, sigma(ctx, x.hi, 19, 61, IR_shr, 6), y.hi));
}

/* --- SHA-3 */

/** Halves rotated right by n. */
static ir_ref rotate(struct aarch64_ctx *ctx, ir_ref v, int n)
{
    if (n == 0)
        return v;
    return simd_op2(ctx, IR_vor, IR_I64, simd_op1(ctx, IR_vshri, IR_I64 | IR_V_UNS, v, n),
                    simd_op1(ctx, IR_vshli, IR_I64, v, 64 - n));
}

bool a64_eor3(struct aarch64_ctx *ctx, const struct arg_c4 *a)
{
    vput(ctx, a->rd, simd_xor(ctx, simd_xor(ctx, vget(ctx, a->rn), vget(ctx, a->rm)), vget(ctx, a->ra)));
    return true;
}

bool a64_bcax(struct aarch64_ctx *ctx, const struct arg_c4 *a)
{
    ir_ref v = simd_op2(ctx, IR_vandn, IR_I64, vget(ctx, a->rm), vget(ctx, a->ra));

    vput(ctx, a->rd, simd_xor(ctx, vget(ctx, a->rn), v));
    return true;
}

bool a64_rax1(struct aarch64_ctx *ctx, const struct arg_c3 *a)
{
    vput(ctx, a->rd, simd_xor(ctx, vget(ctx, a->rn), rotate(ctx, vget(ctx, a->rm), 63)));
    return true;
}

bool a64_xar(struct aarch64_ctx *ctx, const struct arg_xar *a)
{
    vput(ctx, a->rd, rotate(ctx, simd_xor(ctx, vget(ctx, a->rn), vget(ctx, a->rm)), a->imm));
    return true;
}
