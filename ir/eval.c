/* Values of pure ops, from the rows of eval.def. */
#include "ir/eval.h"

struct operands {
    const uint64_t *v;
    unsigned width, from;
};

#define A (o->v[0])
#define B (o->v[1])
#define C (o->v[2])
#define SA (ir_sign_extend(A, o->from))
#define SB (ir_sign_extend(B, o->from))
#define W (o->width)
#define FW (o->from)
#define N (B & (W - 1))

#define EVAL(op, expr) static uint64_t eval_##op(const struct operands *o) { return expr; }
#include "ir/eval.def"

static uint64_t (*const evals[IR_NOPS])(const struct operands *) = {
#define EVAL(op, expr) [IR_##op] = eval_##op,
#include "ir/eval.def"
};

bool ir_eval(enum ir_op op, enum ir_type t, enum ir_type from, const uint64_t v[3], uint64_t *out)
{
    struct operands o = { v, ir_type_bits[t], ir_type_bits[from] };

    if (!evals[op] || o.width - 1 > 63 || o.from - 1 > 63)
        return false;
    *out = ir_low_bits(evals[op](&o), o.width);
    return true;
}
