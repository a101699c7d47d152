#include "frontend/exclusive.h"

enum { BETWEEN = 24 };   /* insns from the load to the store; a loop of more is not of the usual kind */

/* The sequence, and its insns that depend on what was loaded. */
struct sequence {
    struct tr *tr;
    struct ir_unit *u;
    ir_ref loaded;
    unsigned bits;       /* that are loaded and stored */
    unsigned n;
    ir_ref old[BETWEEN + 1], late[BETWEEN + 1];   /* old[0] is `loaded`; late[]: the same computed from the atomic's result */
    enum ir_amo kind;    /* what makes the stored value of the loaded one, with which operand */
    ir_ref operand;
    bool subtracts;      /* the operand is to be negated */
};

static bool depends(const struct sequence *s, ir_ref r)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->old[i] == r)
            return true;
    return false;
}

static bool insn_depends(const struct sequence *s, const struct ir_insn *i)
{
    return depends(s, i->arg[0]) || depends(s, i->arg[1]) || depends(s, i->arg[2]);
}

/* Fills old[]; false unless all insns from the load to the block's end are arithmetic and `put`. */
static bool only_arithmetic(struct sequence *s)
{
    const struct ir_unit *u = s->u;
    ir_ref chain[BETWEEN];
    unsigned n = 0;

    for (ir_ref r = u->blocks[u->cur].last; r != s->loaded; r = ir_at(u, r)->prev) {
        const struct ir_insn *i = r ? ir_at(u, r) : NULL;

        if (!r || n == BETWEEN ||
            (!(ir_ops[i->op].flags & IR_PURE) && i->op != IR_put && i->op != IR_get && i->op != IR_insn))
            return false;
        chain[n++] = r;
    }
    s->old[0] = s->loaded;
    s->n = 1;
    while (n-- > 0)
        if (ir_at(u, chain[n])->type != IR_VOID && insn_depends(s, ir_at(u, chain[n])))
            s->old[s->n++] = chain[n];
    return true;
}

/* The value whose low `bits` are those of `r`, behind extensions and truncations. */
static ir_ref strip(const struct sequence *s, ir_ref r)
{
    for (;;) {
        const struct ir_insn *i = ir_at(s->u, r);
        bool wide = i->op == IR_trunc ? ir_type_bits[i->type] >= s->bits
                  : (i->op == IR_zext || i->op == IR_sext) && ir_type_bits[ir_at(s->u, i->arg[0])->type] >= s->bits;

        if (!wide)
            return r;
        r = i->arg[0];
    }
}

static ir_ref widened(struct sequence *s, ir_ref r)
{
    const struct ir_insn *i = ir_at(s->u, r);

    if (i->type == IR_I64)
        return r;
    return i->op == IR_const ? ir_const_val(s->u, IR_I64, (uint64_t)i->imm) : ir_op1(s->u, IR_zext, IR_I64, r);
}

static ir_ref negated(struct sequence *s, ir_ref r)
{
    ir_ref zero = ir_const_val(s->u, IR_I64, 0);

    r = widened(s, r);
    return ir_is_const(s->u, r) ? ir_const_val(s->u, IR_I64, -(uint64_t)ir_at(s->u, r)->imm)
                                : ir_op2(s->u, IR_sub, IR_I64, zero, r);
}

/* Finds the atomic operation that makes `new` of what was loaded. */
static bool find_operation(struct sequence *s, ir_ref new)
{
    const struct ir_insn *i = ir_at(s->u, new = strip(s, new));

    s->kind = IR_AMO_SWAP;
    s->operand = new;
    if (!depends(s, new))
        return true;
    switch (i->op) {
    case IR_add:  s->kind = IR_AMO_ADD; break;
    case IR_sub:  s->kind = IR_AMO_ADD; s->subtracts = true; break;
    case IR_and:  s->kind = IR_AMO_AND; break;
    case IR_andn: s->kind = IR_AMO_ANDN; break;
    case IR_or:   s->kind = IR_AMO_OR; break;
    case IR_xor:  s->kind = IR_AMO_XOR; break;
    default:      return false;
    }

    bool first = strip(s, i->arg[0]) == s->loaded;
    bool second = strip(s, i->arg[1]) == s->loaded && (ir_ops[i->op].flags & IR_COMM);

    s->operand = first ? i->arg[1] : i->arg[0];
    return (first || second) && !depends(s, s->operand);
}

static ir_ref late(const struct sequence *s, ir_ref r)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->old[i] == r)
            return s->late[i];
    return r;
}

/* Computes old[] from `result` and puts it where guest registers have it. */
static void recompute(struct sequence *s, ir_ref result)
{
    s->late[0] = result;
    for (unsigned k = 1; k < s->n; k++) {
        struct ir_insn i = *ir_at(s->u, s->old[k]);

        s->late[k] = ir_emit(s->u, i.op, i.type, i.aux, late(s, i.arg[0]), late(s, i.arg[1]), late(s, i.arg[2]), i.imm);
    }
    for (unsigned reg = 0; reg < s->tr->guest->nregs; reg++)
        if (s->tr->known[reg] != IR_NONE && depends(s, s->tr->known[reg]))
            tr_put(s->tr, reg, late(s, s->tr->known[reg]));
}

bool tr_fuse_exclusive(struct tr *tr, ir_ref loaded, ir_ref addr, unsigned aux, ir_ref new)
{
    struct sequence s = { .tr = tr, .u = tr->u, .loaded = loaded, .bits = ir_type_bits[IR_MEM_TYPE(aux)] };
    const struct ir_insn *load = ir_at(tr->u, loaded);

    if (load->op != IR_load || load->arg[0] != addr || load->arg[1] != IR_NONE || load->aux != aux || load->imm != 0 ||
        !only_arithmetic(&s) || !find_operation(&s, new))
        return false;

    ir_ref operand = s.subtracts ? negated(&s, s.operand) : widened(&s, s.operand);

    recompute(&s, ir_emit(tr->u, IR_amo, IR_I64, (uint16_t)(aux | s.kind << IR_AMO_SHIFT), addr, operand, IR_NONE, 0));
    return true;
}
