/* Which variants vector ops have, and what the integer ones compute. */
#include "ir/vec.h"

#include <string.h>

#include "ir/eval.h"

struct row { const char *lanes, *bits; char imm; };

static const struct row rows[IR_NOPS] = {
#define VEC(op, lanes, bits, imm) [IR_##op] = { lanes, bits, imm },
#include "ir/vec.def"
};

static const struct { char letter; uint16_t bits; } letters[] = {
    { 'u', IR_V_UNS }, { 'r', IR_V_RND }, { 's', IR_V_SAT }, { 'x', IR_V_SU }, { 'n', IR_V_NEG }, { 'e', IR_V_EXACT },
    { 'h', IR_V_HI }, { 'l', IR_V_LOW | IR_V_ONE }, { 'L', IR_V_LOW },
};

static uint16_t bits_of(const char *s)
{
    uint16_t bits = 0;

    for (unsigned k = 0; k < sizeof letters / sizeof letters[0]; k++)
        if (strchr(s, letters[k].letter))
            bits |= letters[k].bits;
    return bits;
}

static uint16_t lanes_of(const char *s)
{
    static const char names[] = "bhwdHSD";
    static const uint8_t types[] = { IR_I8, IR_I16, IR_I32, IR_I64, IR_F16, IR_F32, IR_F64 };
    uint16_t lanes = *s ? 0 : 1 << IR_VOID;

    for (; *s; s++)
        lanes |= (uint16_t)(1u << types[strchr(names, *s) - names]);
    return lanes;
}

const struct vec_info *vec_info(enum ir_op op)
{
    static struct vec_info infos[IR_VEC_LAST - IR_VEC_FIRST + 1];
    struct vec_info *info = &infos[op - IR_VEC_FIRST];

    if (!info->lanes)
        *info = (struct vec_info){ lanes_of(rows[op].lanes), bits_of(rows[op].bits), rows[op].imm };
    return info;
}

static unsigned lane_bits(enum ir_type lane)
{
    return lane == IR_F16 ? 16 : lane == IR_VOID ? 8 : ir_type_bits[lane];
}

static bool imm_valid(char kind, enum ir_op op, unsigned aux, int64_t imm)
{
    enum ir_type lane = IR_V_LANE(aux);
    int64_t w = lane_bits(lane);

    switch (kind) {
    case 'w': return imm >= 0 && imm <= w - !!(aux & IR_V_SAT);
    case 'l': return imm >= 0 && imm < 128 / w;
    case 'm': return imm >= 0 && (imm & 255) < 128 / w && imm >> 8 < 128 / w;
    case 'b': return imm >= 0 && imm < (aux & IR_V_LOW ? 8 : 16);
    case 'g': return (imm == 16 || imm == 32 || imm == 64) && imm > w;
    case 'f': return imm >= 0 && imm <= 64;
    case 'n': return imm >= 0 && imm <= 3;
    case '3': return imm >= 0 && imm <= 2;
    case 'r': return imm == 0 || imm == 32 || imm == 64;
    case 'c': return imm == 0 || (imm == 16 && lane == IR_F64);
    default:  return imm == 0;
    }
}

bool vec_valid(enum ir_op op, unsigned aux, int64_t imm)
{
    const struct vec_info *info = vec_info(op);
    enum ir_type lane = IR_V_LANE(aux);
    unsigned fp = ir_ops[op].flags & IR_FPENV ? IR_V_FP(0xffu) : 0;
    bool permute = op >= IR_vzip1 && op <= IR_vtrn2, su = !fp && aux & IR_V_SU && info->bits & IR_V_SAT;

    return info->lanes >> lane & 1 && !(aux & ~(0xfu | info->bits | fp)) && (aux & 0xc000) != 0xc000 &&
           !(permute && lane == IR_I64 && aux & IR_V_LOW) &&
           (!su || (aux & (IR_V_SAT | IR_V_UNS)) == IR_V_SAT) && imm_valid(info->imm, op, aux, imm);
}

/* --- lane by lane -------------------------------------------------------------------------------------- */

typedef __int128 i128;

/* One lane of an op: operands zero-extended. */
struct lane { uint64_t a, b, c; unsigned w, aux; int64_t imm; };

#define ON(bit) ((o->aux & (bit)) != 0)
/* An operand as a number: unsigned with UNS. */
#define NUM(x) (ON(IR_V_UNS) ? (i128)(x) : (i128)ir_sign_extend(x, o->w))
#define SNUM(x) ((i128)ir_sign_extend(x, o->w))
#define A NUM(o->a)
#define B NUM(o->b)

static i128 clamp(i128 v, unsigned w, bool uns)
{
    i128 max = ((i128)1 << (w - !uns)) - 1, min = uns ? 0 : -max - 1;

    return v > max ? max : v < min ? min : v;
}

/** `v` clamped with SAT, else as it is (the caller cuts it). */
static i128 saturated(const struct lane *o, i128 v)
{
    return ON(IR_V_SAT) ? clamp(v, o->w, ON(IR_V_UNS) || ON(IR_V_SU)) : v;
}

static i128 magnitude(i128 v)
{
    return v < 0 ? -v : v;
}

static i128 shifted_right(const struct lane *o, i128 v, unsigned n)
{
    if (n > 100)
        n = 100; /* more than any lane, with the rounding bit */
    if (ON(IR_V_RND) && n)
        v += (i128)1 << (n - 1);
    return v >> n;
}

static i128 shifted_by_lane(const struct lane *o)
{
    int n = (int8_t)o->b;

    if (n < 0)
        return shifted_right(o, A, (unsigned)-n);
    if (n < (int)o->w)
        return saturated(o, ON(IR_V_UNS) ? (i128)((unsigned __int128)o->a << n) : A << n);
    if (!ON(IR_V_SAT) || !o->a)
        return 0;
    return clamp(A < 0 ? -((i128)1 << 65) : (i128)1 << 65, o->w, ON(IR_V_UNS));
}

static i128 doubled_high(const struct lane *o)
{
    i128 p = 2 * SNUM(o->a) * SNUM(o->b) + (ON(IR_V_RND) ? (i128)1 << (o->w - 1) : 0);

    return clamp(p >> o->w, o->w, false);
}

static i128 doubled_high_sum(const struct lane *o)
{
    i128 p = 2 * SNUM(o->b) * SNUM(o->c), acc = SNUM(o->a) * ((i128)1 << o->w);

    acc += (ON(IR_V_NEG) ? -p : p) + ((i128)1 << (o->w - 1));
    return clamp(acc >> o->w, o->w, false);
}

static unsigned leading_zeros(uint64_t v, unsigned w)
{
    return v ? (unsigned)__builtin_clzll(v) - (64 - w) : w;
}

static uint64_t reversed(uint64_t v)
{
    uint64_t r = 0;

    for (unsigned k = 0; k < 8; k++)
        r |= (v >> k & 1) << (7 - k);
    return r;
}

#define LANE(op, expr) static uint64_t lane_##op(const struct lane *o) { return (uint64_t)(expr); }
#define LANES                                                                                      \
    LANE(vlow, o->a)                                                                               \
    LANE(vand, o->a & o->b)                                                                        \
    LANE(vor, o->a | o->b)                                                                         \
    LANE(vxor, o->a ^ o->b)                                                                        \
    LANE(vandn, o->a & ~o->b)                                                                      \
    LANE(vorn, o->a | ~o->b)                                                                       \
    LANE(vnot, ~o->a)                                                                              \
    LANE(vbsel, (o->a & o->b) | (~o->a & o->c))                                                    \
    LANE(vadd, saturated(o, A + B))                                                                \
    LANE(vsub, saturated(o, A - B))                                                                \
    LANE(vqaddx, ON(IR_V_UNS) ? clamp((i128)o->a + SNUM(o->b), o->w, true)                         \
                              : clamp(SNUM(o->a) + (i128)o->b, o->w, false))                       \
    LANE(vhadd, (A + B + ON(IR_V_RND)) >> 1)                                                       \
    LANE(vhsub, (A - B) >> 1)                                                                      \
    LANE(vmul, o->a * o->b)                                                                        \
    LANE(vqdmulh, doubled_high(o))                                                                 \
    LANE(vqrdmlah, doubled_high_sum(o))                                                            \
    LANE(vmin, A < B ? A : B)                                                                      \
    LANE(vmax, A > B ? A : B)                                                                      \
    LANE(vabd, magnitude(A - B))                                                                   \
    LANE(vabs, saturated(o, magnitude(A)))                                                         \
    LANE(vneg, saturated(o, -A))                                                                   \
    LANE(vcmpeq, -(i128)(o->a == o->b))                                                            \
    LANE(vcmpgt, -(i128)(A > B))                                                                   \
    LANE(vcmpge, -(i128)(A >= B))                                                                  \
    LANE(vtst, -(i128)((o->a & o->b) != 0))                                                        \
    LANE(vshli, o->imm >= o->w ? 0 : saturated(o, A * ((i128)1 << o->imm)))                        \
    LANE(vshri, shifted_right(o, A, (unsigned)o->imm))                                             \
    LANE(vshlv, shifted_by_lane(o))                                                                \
    LANE(vclz, leading_zeros(o->a, o->w))                                                          \
    LANE(vcls, leading_zeros(ir_low_bits((uint64_t)(SNUM(o->a) ^ (SNUM(o->a) >> 1)), o->w), o->w) - 1) \
    LANE(vpopcnt, __builtin_popcountll(o->a))                                                      \
    LANE(vrbit, reversed(o->a))                                                                    \
    LANE(vfneg, o->a ^ (uint64_t)1 << (o->w - 1))                                                  \
    LANE(vfabs, o->a & ~((uint64_t)1 << (o->w - 1)))
LANES
#undef LANE

static uint64_t (*const lane_fns[IR_NOPS])(const struct lane *) = {
#define LANE(op, expr) [IR_##op] = lane_##op,
    LANES
#undef LANE
};
#undef A
#undef B

uint64_t vec_lane(struct vec v, unsigned w, unsigned k)
{
    unsigned bit = w * k;

    return ir_low_bits(v.q[bit >> 6 & 1] >> (bit & 63), w);
}

void vec_lane_set(struct vec *v, unsigned w, unsigned k, uint64_t x)
{
    unsigned bit = w * k;
    uint64_t mask = ir_low_bits(UINT64_MAX, w) << (bit & 63);

    v->q[bit >> 6] = (v->q[bit >> 6] & ~mask) | (x << (bit & 63) & mask);
}

unsigned vec_part_lanes(unsigned aux, unsigned w)
{
    return aux & IR_V_ONE ? 1 : aux & IR_V_LOW ? 64 / w : 128 / w;
}

/* --- whole vectors: in[], the lane width w ------------------------------------------------------------------ */

struct op { enum ir_op op; unsigned aux; int64_t imm; enum ir_type t; const struct vec *in; unsigned w; };

static struct vec lanewise(const struct op *o)
{
    struct vec r = { { 0, 0 } };

    for (unsigned k = 0; k < vec_part_lanes(o->aux, o->w); k++) {
        struct lane l = { vec_lane(o->in[0], o->w, k), vec_lane(o->in[1], o->w, k), vec_lane(o->in[2], o->w, k),
                          o->w, o->aux, o->imm };
        vec_lane_set(&r, o->w, k, lane_fns[o->op](&l));
    }
    return r;
}

static struct vec do_vpair(const struct op *o)
{
    return (struct vec){ { o->in[0].q[0], o->in[1].q[0] } };
}

static struct vec do_vzext(const struct op *o)
{
    return (struct vec){ { o->in[0].q[0], 0 } };
}

/* vdup, vdupl */
static struct vec do_dup(const struct op *o)
{
    struct vec r = { { 0, 0 } };

    for (unsigned k = 0; k < vec_part_lanes(o->aux, o->w); k++)
        vec_lane_set(&r, o->w, k, vec_lane(o->in[0], o->w, (unsigned)o->imm));
    return r;
}

static struct vec do_vget(const struct op *o)
{
    uint64_t x = vec_lane(o->in[0], o->w, (unsigned)o->imm);

    if (o->aux & IR_V_SX)
        x = ir_low_bits((uint64_t)ir_sign_extend(x, o->w), ir_type_bits[o->t]);
    return (struct vec){ { x, 0 } };
}

static struct vec do_vset(const struct op *o)
{
    struct vec r = o->in[0];

    vec_lane_set(&r, o->w, (unsigned)o->imm, o->in[1].q[0]);
    return r;
}

static struct vec do_vmovl(const struct op *o)
{
    struct vec r = o->in[0];

    vec_lane_set(&r, o->w, o->imm & 255, vec_lane(o->in[1], o->w, (unsigned)(o->imm >> 8)));
    return r;
}

static struct vec do_vrev(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    unsigned n = (unsigned)o->imm / o->w;

    for (unsigned k = 0; k < vec_part_lanes(o->aux, o->w); k++)
        vec_lane_set(&r, o->w, k, vec_lane(o->in[0], o->w, k / n * n + n - 1 - k % n));
    return r;
}

/** Lane `k` of operand `arg`, of the half that HI names, extended as UNS says. */
static i128 half_lane(const struct op *o, unsigned arg, unsigned k)
{
    uint64_t x = vec_lane(o->in[arg], o->w, k + (o->aux & IR_V_HI ? 64 / o->w : 0));

    return o->aux & IR_V_UNS ? (i128)x : (i128)ir_sign_extend(x, o->w);
}

static struct vec do_vwiden(const struct op *o)
{
    struct vec r = { { 0, 0 } };

    for (unsigned k = 0; k < vec_part_lanes(o->aux, 2 * o->w); k++)
        vec_lane_set(&r, 2 * o->w, k, (uint64_t)half_lane(o, 0, k));
    return r;
}

static struct vec do_vmull(const struct op *o)
{
    struct vec r = { { 0, 0 } };

    for (unsigned k = 0; k < vec_part_lanes(o->aux, 2 * o->w); k++)
        vec_lane_set(&r, 2 * o->w, k, (uint64_t)(half_lane(o, 0, k) * half_lane(o, 1, k)));
    return r;
}

static struct vec do_vnarrow(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    unsigned half = o->w / 2;
    bool uns = o->aux & IR_V_UNS;

    for (unsigned k = 0; k < vec_part_lanes(o->aux | (o->aux & IR_V_ONE ? 0 : IR_V_LOW), half); k++) {
        uint64_t x = vec_lane(o->in[0], o->w, k);
        i128 v = uns ? (i128)x : (i128)ir_sign_extend(x, o->w);
        vec_lane_set(&r, half, k, (uint64_t)(o->aux & IR_V_SAT ? clamp(v, half, o->aux & (IR_V_UNS | IR_V_SU)) : v));
    }
    return r;
}

static unsigned __int128 carryless(uint64_t a, uint64_t b)
{
    unsigned __int128 r = 0;

    for (unsigned k = 0; k < 64; k++)
        if (b >> k & 1)
            r ^= (unsigned __int128)a << k;
    return r;
}

static struct vec do_vpmull(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    bool hi = o->aux & IR_V_HI;

    if (o->w == 64) {
        unsigned __int128 p = carryless(o->in[0].q[hi], o->in[1].q[hi]);
        r = (struct vec){ { (uint64_t)p, o->aux & (IR_V_LOW | IR_V_ONE) ? 0 : (uint64_t)(p >> 64) } };
        return r;
    }
    for (unsigned k = 0; k < vec_part_lanes(o->aux, 16); k++)
        vec_lane_set(&r, 16, k, (uint64_t)carryless(vec_lane(o->in[0], 8, k + 8 * hi), vec_lane(o->in[1], 8, k + 8 * hi)));
    return r;
}

static struct vec do_vpaddl(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    bool uns = o->aux & IR_V_UNS;

    for (unsigned k = 0; k < vec_part_lanes(o->aux, 2 * o->w); k++) {
        uint64_t x = vec_lane(o->in[0], o->w, 2 * k), y = vec_lane(o->in[0], o->w, 2 * k + 1);
        vec_lane_set(&r, 2 * o->w, k,
                     uns ? x + y : (uint64_t)(ir_sign_extend(x, o->w) + ir_sign_extend(y, o->w)));
    }
    return r;
}

static struct vec do_vdot(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    bool ua = o->aux & (IR_V_UNS | IR_V_SU), ub = o->aux & IR_V_UNS;

    for (unsigned k = 0; k < vec_part_lanes(o->aux, 32); k++) {
        uint64_t sum = vec_lane(o->in[0], 32, k);
        for (unsigned n = 0; n < 4; n++) {
            uint64_t x = vec_lane(o->in[1], 8, 4 * k + n), y = vec_lane(o->in[2], 8, 4 * k + n);
            sum += (uint64_t)((ua ? (int64_t)x : (int8_t)x) * (ub ? (int64_t)y : (int8_t)y));
        }
        vec_lane_set(&r, 32, k, sum);
    }
    return r;
}

/* vaddv, vminv, vmaxv */
static struct vec do_across(const struct op *o)
{
    bool uns = o->aux & IR_V_UNS;
    i128 acc = 0;

    for (unsigned k = 0; k < vec_part_lanes(o->aux, o->w); k++) {
        uint64_t x = vec_lane(o->in[0], o->w, k);
        i128 v = uns ? (i128)x : (i128)ir_sign_extend(x, o->w);
        if (o->op == IR_vaddv)
            acc += v;
        else if (k == 0 || (o->op == IR_vminv ? v < acc : v > acc))
            acc = v;
    }
    return (struct vec){ { ir_low_bits((uint64_t)acc, o->w), 0 } };
}

/* zip, uzp, trn: result lane k is a lane of one of the two operands. */
static struct vec do_permute(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    unsigned n = vec_part_lanes(o->aux, o->w);

    for (unsigned k = 0; k < n; k++) {
        unsigned from = k & 1, lane = 0;

        switch (o->op) {
        case IR_vzip1: lane = k / 2; break;
        case IR_vzip2: lane = n / 2 + k / 2; break;
        case IR_vtrn1: lane = k & ~1u; break;
        case IR_vtrn2: lane = k | 1; break;
        default: /* uzp */
            from = k >= n / 2;
            lane = 2 * (k % (n / 2)) + (o->op == IR_vuzp2);
        }
        vec_lane_set(&r, o->w, k, vec_lane(o->in[from], o->w, lane));
    }
    return r;
}

static struct vec do_vext(const struct op *o)
{
    struct vec r = { { 0, 0 } };
    unsigned n = vec_part_lanes(o->aux, 8);

    for (unsigned k = 0; k < n; k++) {
        unsigned at = k + (unsigned)o->imm;
        vec_lane_set(&r, 8, k, vec_lane(o->in[at >= n], 8, at % n));
    }
    return r;
}

static struct vec do_vtbl(const struct op *o)
{
    struct vec r = { { 0, 0 } };

    for (unsigned k = 0; k < vec_part_lanes(o->aux, 8); k++) {
        uint64_t at = vec_lane(o->in[1], 8, k);
        vec_lane_set(&r, 8, k, at < 16 ? vec_lane(o->in[0], 8, (unsigned)at) : 0);
    }
    return r;
}

static struct vec do_crypto(const struct op *o)
{
    return vec_eval_crypto(o->op, o->aux, o->imm, o->in);
}

static struct vec (*const whole_fns[IR_NOPS])(const struct op *) = {
    [IR_vpair] = do_vpair, [IR_vzext] = do_vzext, [IR_vdup] = do_dup, [IR_vdupl] = do_dup, [IR_vget] = do_vget,
    [IR_vset] = do_vset, [IR_vmovl] = do_vmovl, [IR_vrev] = do_vrev, [IR_vwiden] = do_vwiden, [IR_vmull] = do_vmull,
    [IR_vnarrow] = do_vnarrow, [IR_vpmull] = do_vpmull, [IR_vpaddl] = do_vpaddl, [IR_vdot] = do_vdot,
    [IR_vaddv] = do_across, [IR_vminv] = do_across, [IR_vmaxv] = do_across,
    [IR_vzip1] = do_permute, [IR_vzip2] = do_permute, [IR_vuzp1] = do_permute, [IR_vuzp2] = do_permute,
    [IR_vtrn1] = do_permute, [IR_vtrn2] = do_permute, [IR_vext] = do_vext, [IR_vtbl] = do_vtbl,
    [IR_vaessub] = do_crypto, [IR_vaesmix] = do_crypto, [IR_vaesround] = do_crypto, [IR_vsha1] = do_crypto,
    [IR_vsha1su1] = do_crypto, [IR_vsha256rnds] = do_crypto, [IR_vsha256su0] = do_crypto, [IR_vsha256su1] = do_crypto,
};

struct vec vec_eval(enum ir_op op, unsigned aux, int64_t imm, enum ir_type t, const struct vec in[3], enum ir_rm rm,
                    unsigned *fpx)
{
    struct op o = { op, aux, imm, t, in, lane_bits(IR_V_LANE(aux)) };

    if (lane_fns[op])
        return lanewise(&o);
    return whole_fns[op] ? whole_fns[op](&o) : vec_eval_fp(op, aux, imm, in, rm, fpx);
}

uint32_t vec_crc32(uint32_t crc, uint64_t v, unsigned bytes, bool castagnoli)
{
    uint32_t poly = castagnoli ? 0x82f63b78 : 0xedb88320;

    for (unsigned k = 0; k < bytes; k++) {
        crc ^= v >> 8 * k & 0xff;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? poly : 0);
    }
    return crc;
}
