/* What the floating-point vector ops compute: softfp, lane by lane. */
#include "ir/eval.h"
#include "ir/softfp.h"
#include "ir/vec.h"

/* An op under way: the FP environment, lane type and width. */
struct fp_op { struct softfp f; enum ir_op op; unsigned aux; int64_t imm; enum ir_type t; unsigned w; };

static unsigned width_of(enum ir_type t)
{
    return (unsigned)t == IR_F16 ? 16 : ir_type_bits[t];
}

static uint64_t ones_if(bool b)
{
    return b ? UINT64_MAX : 0;
}

static uint64_t flip(const struct fp_op *o, uint64_t v)
{
    return v ^ (uint64_t)1 << (o->w - 1);
}

static uint64_t lane_fma(struct fp_op *o, uint64_t a, uint64_t b, uint64_t c)
{
    return softfp_fma(&o->f, o->t, o->imm & 1 ? flip(o, a) : a, b, o->imm & 2 ? flip(o, c) : c);
}

static uint64_t one_lane(struct fp_op *o, const uint64_t v[3])
{
    struct softfp *f = &o->f;
    enum ir_type t = o->t;
    bool from_int = o->op == IR_vfcvt_is || o->op == IR_vfcvt_iu;
    uint64_t a = from_int ? v[0] : softfp_flush(f, t, v[0]), b = ir_ops[o->op].nargs > 1 ? softfp_flush(f, t, v[1]) : 0;

    switch (o->op) {
    case IR_vfadd: return softfp_add(f, t, a, b);
    case IR_vfsub: return softfp_sub(f, t, a, b);
    case IR_vfmul: return softfp_mul(f, t, a, b);
    case IR_vfmulx: return softfp_mulx(f, t, a, b);
    case IR_vfdiv: return softfp_div(f, t, a, b);
    case IR_vfsqrt: return softfp_sqrt(f, t, a);
    case IR_vfma: return lane_fma(o, a, b, softfp_flush(f, t, v[2]));
    case IR_vfmin: return softfp_min_max(f, t, a, b, true, false);
    case IR_vfmax: return softfp_min_max(f, t, a, b, false, false);
    case IR_vfminnm: return softfp_min_max(f, t, a, b, true, true);
    case IR_vfmaxnm: return softfp_min_max(f, t, a, b, false, true);
    case IR_vfcmpeq: return ones_if(softfp_eq(f, t, a, b));
    case IR_vfcmpgt: return ones_if(softfp_lt(f, t, b, a));
    case IR_vfcmpge: return ones_if(softfp_le(f, t, b, a));
    case IR_vfrint: return softfp_round_int(f, t, a, o->aux & IR_V_EXACT || o->imm, (unsigned)o->imm);
    case IR_vfcvt_si: return softfp_to_fixed(f, t, a, o->w, true, false, (unsigned)o->imm);
    case IR_vfcvt_ui: return softfp_to_fixed(f, t, a, o->w, false, false, (unsigned)o->imm);
    case IR_vfcvt_is: return softfp_from_fixed(f, t, a, o->w, true, (unsigned)o->imm);
    case IR_vfcvt_iu: return softfp_from_fixed(f, t, a, o->w, false, (unsigned)o->imm);
    case IR_vfrecpe: return softfp_recpe(f, t, a);
    case IR_vfrsqrte: return softfp_rsqrte(f, t, a);
    case IR_vfrecpx: return softfp_recpx(f, t, a);
    case IR_vfrecps: return softfp_step(f, t, a, b, false);
    case IR_vfrsqrts: return softfp_step(f, t, a, b, true);
    default: return 0;
    }
}

static struct vec widen(struct fp_op *o, struct vec in)
{
    struct vec r = { { 0, 0 } };
    enum ir_type to = o->t == IR_F32 ? IR_F64 : IR_F32;
    unsigned first = o->aux & IR_V_HI ? 64 / o->w : 0;

    for (unsigned k = 0; k < vec_part_lanes(o->aux, 2 * o->w); k++) {
        uint64_t x = vec_lane(in, o->w, first + k);
        if (o->t == IR_F32) /* Arm flushes no half precision operands here (FPUnpackCV) */
            x = softfp_flush(&o->f, o->t, x);
        vec_lane_set(&r, 2 * o->w, k, softfp_cvt_from(&o->f, to, o->t, x));
    }
    return r;
}

static struct vec narrow(struct fp_op *o, struct vec in)
{
    struct vec r = { { 0, 0 } };
    enum ir_type to = o->t == IR_F32 || o->imm ? (enum ir_type)IR_F16 : IR_F32;
    unsigned lanes = o->aux & IR_V_ONE ? 1 : 128 / o->w;
    bool fz = o->f.fz;

    for (unsigned k = 0; k < lanes; k++) {
        uint64_t x = softfp_flush(&o->f, o->t, vec_lane(in, o->w, k));
        o->f.fz = fz && to == IR_F32; /* nor does it flush half precision results */
        vec_lane_set(&r, width_of(to), k, softfp_cvt_from(&o->f, to, o->t, x));
        o->f.fz = fz;
    }
    return r;
}

struct vec vec_eval_fp(enum ir_op op, unsigned aux, int64_t imm, const struct vec in[3], enum ir_rm rm, unsigned *fpx)
{
    enum ir_type t = IR_V_LANE(aux);
    struct fp_op o = { softfp_of_aux(IR_V_FP_AUX(aux), rm), op, aux, imm, t, width_of(t) };
    struct vec r = { { 0, 0 } };

    if (op == IR_vfcvtl || op == IR_vfcvtn) {
        r = op == IR_vfcvtl ? widen(&o, in[0]) : narrow(&o, in[0]);
    } else {
        for (unsigned k = 0; k < vec_part_lanes(aux, o.w); k++) {
            uint64_t v[3] = { vec_lane(in[0], o.w, k), vec_lane(in[1], o.w, k), vec_lane(in[2], o.w, k) };
            vec_lane_set(&r, o.w, k, t == IR_I32 ? softfp_fixed_estimate((uint32_t)v[0], op == IR_vfrsqrte)
                                                 : one_lane(&o, v));
        }
    }
    *fpx |= o.f.flags;
    return r;
}
