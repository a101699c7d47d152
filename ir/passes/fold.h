/* Inside pass `fold`: what its rules (fold_*.c) share.
 *
 * A rule looks at insn f->r, whose operands have been looked through copies, and returns
 *
 *     FOLD_NO       it does not apply
 *     FOLD_CHANGED  the insn was changed in place; start over with it
 *     a value       that the insn is replaced by
 *
 * It may make insns before f->r with fold_new() and change f->r with fold_become(); the driver
 * has made room, so that pointers to insns stay valid.
 * Rules must not lengthen the code: what they make in excess of what dies is a `trunc` or a `zext` from i32, which
 * cost nothing or next to it.
 */
#pragma once

#include "ir/eval.h"
#include "ir/passes/pass.h"

struct fold {
    struct ir_unit *u;
    uint32_t b;          /* block of r */
    ir_ref r;            /* insn being folded */
    ir_ref first_new;    /* first insn that the rule made */
    bool cut;            /* the block ends at r now */
    bool forwarded;      /* copies have been left behind, that operands may name */
};

#define FOLD_NO IR_NONE
#define FOLD_CHANGED UINT32_MAX

typedef ir_ref fold_rule(struct fold *f);

static inline struct ir_insn *fold_at(const struct fold *f, ir_ref r)
{
    return &f->u->insns[r];
}

/** The insn being folded. */
static inline struct ir_insn *fold_this(const struct fold *f)
{
    return &f->u->insns[f->r];
}

/** Operand `k` of insn `r`, looked through copies. */
static inline ir_ref fold_arg(const struct fold *f, ir_ref r, unsigned k)
{
    return ir_val(f->u, f->u->insns[r].arg[k]);
}

/** True if `r` is a constant that is not a guest address; its bits in *v. */
static inline bool fold_const(const struct fold *f, ir_ref r, uint64_t *v)
{
    const struct ir_insn *i = &f->u->insns[r];

    *v = (uint64_t)i->imm;
    return i->op == IR_const && !i->aux && ir_type_bits[i->type] <= 64;
}

/** True if `r` is the constant `v` (bits of its type). */
static inline bool fold_is(const struct fold *f, ir_ref r, uint64_t v)
{
    uint64_t c;

    return fold_const(f, r, &c) && c == ir_low_bits(v, ir_type_bits[f->u->insns[r].type]);
}

/** True if `r` is insn `op` with a plain constant as operand 1; that in *v. */
static inline bool fold_op_const(const struct fold *f, ir_ref r, enum ir_op op, uint64_t *v)
{
    return f->u->insns[r].op == op && fold_const(f, fold_arg(f, r, 1), v);
}

static inline unsigned fold_bits(const struct fold *f, ir_ref r)
{
    return ir_type_bits[f->u->insns[r].type];
}

/** Makes an insn before f->r. */
ir_ref fold_new(struct fold *f, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b);
/** Turns f->r into another op of the same type; returns FOLD_CHANGED. */
ir_ref fold_become(struct fold *f, enum ir_op op, ir_ref a, ir_ref b, ir_ref c);
/** How many low bits of `r` can be ones: the others are known to be zeros. */
unsigned fold_value_bits(const struct fold *f, ir_ref r);
/** The width that `r` is known to be sign-extended from; its own if nothing is known. */
unsigned fold_signed_bits(const struct fold *f, ir_ref r);
/** The low bits of `r` as type `t`, narrower: without a new insn if `r` is an extension or a constant. */
ir_ref fold_narrowed(struct fold *f, ir_ref r, enum ir_type t);
/** The integer type of `bits` width, IR_VOID if there is none. */
enum ir_type fold_int_type(unsigned bits);
/** The i1 that is true when `c` is false, IR_NONE if that would take more than replacing a compare. */
ir_ref fold_inverse(struct fold *f, ir_ref c);
/** 1 if conditions `a` and `b` are the same, -1 if one is the opposite of the other, 0 if that is not known. */
int fold_relation(const struct fold *f, ir_ref a, ir_ref b);

#define RIGHT(op, c, result)
#define LEFT(op, c, result)
#define SAME(op, result)
#define RULE_DECL(name) fold_rule fold_##name;
#define RULE_DECLS_1(a) RULE_DECL(a)
#define RULE_DECLS_2(a, ...) RULE_DECL(a) RULE_DECLS_1(__VA_ARGS__)
#define RULE_DECLS_3(a, ...) RULE_DECL(a) RULE_DECLS_2(__VA_ARGS__)
#define RULE_DECLS_4(a, ...) RULE_DECL(a) RULE_DECLS_3(__VA_ARGS__)
#define RULE_DECLS_5(a, ...) RULE_DECL(a) RULE_DECLS_4(__VA_ARGS__)
#define RULE_DECLS_6(a, ...) RULE_DECL(a) RULE_DECLS_5(__VA_ARGS__)
#define RULE_PICK(a, b, c, d, e, g, name, ...) name
#define RULE_EACH(each, ...) \
    RULE_PICK(__VA_ARGS__, each##_6, each##_5, each##_4, each##_3, each##_2, each##_1)(__VA_ARGS__)
#define RULES(op, ...) RULE_EACH(RULE_DECLS, __VA_ARGS__)
#include "ir/passes/fold.def"
