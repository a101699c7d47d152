/* Reads the text form. Values keep the numbers that the text gives them: %7 becomes insn 7; insns without a
 * result and constants come after the highest of these. The first error stops everything and is reported with its line. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/guest.h"
#include "ir/text.h"

enum { MAX_LIST = GUEST_MAX_REGS, MAX_NUMBER = 1 << 20 /* of a value: the unit is that large */ };

struct parse {
    struct ir_unit *u;
    const char *p;        /* where we are */
    unsigned line;
    bool failed;
    char *err;
    size_t err_len;
};

static void fail(struct parse *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct parse *s, const char *fmt, ...)
{
    char what[160];
    va_list ap;

    if (s->failed)
        return;
    s->failed = true;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (s->err_len)
        snprintf(s->err, s->err_len, "line %u: %s", s->line, what);
}

/* --- words --------------------------------------------------------------------------------------------- */

static void skip_space(struct parse *s)
{
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\r')
        s->p++;
    if (*s->p == ';')
        s->p += strcspn(s->p, "\n");
}

static bool at_end(struct parse *s)
{
    skip_space(s);
    return *s->p == '\n' || *s->p == '\0' || s->failed;
}

/** Goes past the end of this line and of empty ones; false at the end of the text. */
static bool next_line(struct parse *s)
{
    while (!s->failed) {
        if (!at_end(s))
            return true;
        if (*s->p == '\0')
            return false;
        s->p++;
        s->line++;
    }
    return false;
}

static bool accept(struct parse *s, char c)
{
    skip_space(s);
    if (*s->p != c || s->failed)
        return false;
    s->p++;
    return true;
}

static void expect(struct parse *s, char c)
{
    if (!accept(s, c))
        fail(s, "'%c' expected at \"%.20s\"", c, s->p);
}

/** Length of the word (letters, digits, _) here, 0 if there is none. */
static size_t word_len(struct parse *s)
{
    size_t n = 0;

    skip_space(s);
    if (isalpha((unsigned char)*s->p))
        while (isalnum((unsigned char)s->p[n]) || s->p[n] == '_')
            n++;
    return n;
}

/** Takes the word `w` if it stands here. */
static bool accept_word(struct parse *s, const char *w)
{
    size_t n = word_len(s);

    if (!n || strlen(w) != n || strncmp(s->p, w, n) != 0 || s->failed)
        return false;
    s->p += n;
    return true;
}

/** Takes one of `names` (NULL entries are skipped, `n` in all); returns its index, or -1 if none is here. */
static int accept_name(struct parse *s, const char *const *names, int n)
{
    for (int k = 0; k < n; k++)
        if (names[k] && accept_word(s, names[k]))
            return k;
    return -1;
}

static int table_len(const char *const *names)
{
    int n = 0;

    while (names[n])
        n++;
    return n;
}

static int name(struct parse *s, const char *const *names, int n, const char *what)
{
    int k = accept_name(s, names, n);

    if (k < 0)
        fail(s, "%s expected at \"%.20s\"", what, s->p);
    return k < 0 ? 0 : k;
}

static uint16_t words(struct parse *s, const struct ir_word *table)
{
    uint16_t bits = 0;

    for (const struct ir_word *w = table; w->name; )
        if (accept_word(s, w->name)) {
            bits |= w->bit;
            w = table;
        } else {
            w++;
        }
    return bits;
}

static int64_t number(struct parse *s)
{
    bool neg = accept(s, '-');
    char *end;

    skip_space(s);
    uint64_t v = strtoull(s->p, &end, 0);
    if (end == s->p || *s->p == '-')
        fail(s, "number expected at \"%.20s\"", s->p);
    s->p = end;
    return (int64_t)(neg ? (uint64_t)0 - v : v);
}

static enum ir_type type(struct parse *s)
{
    return (enum ir_type)name(s, ir_type_names, IR_NTYPES, "type");
}

static ir_ref value_number(struct parse *s)
{
    int64_t n = number(s);

    if (n <= 0 || n >= s->u->ninsns)
        fail(s, "no value %%%lld", (long long)n);
    return s->failed ? IR_NONE : (ir_ref)n;
}

/** A value; a bare constant has type `implied`. */
static ir_ref value(struct parse *s, enum ir_type implied)
{
    if (accept(s, '%'))
        return value_number(s);
    if (accept(s, '@'))
        return ir_const_addr(s->u, (gaddr)number(s));
    int64_t v = number(s);
    enum ir_type t = accept(s, ':') ? type(s) : implied;
    return s->failed || t == IR_VOID ? IR_NONE : ir_const_val(s->u, t, (uint64_t)v);
}

/** A register or helper: its name in the guest's table, or the letter `c` and its number. */
static uint16_t row(struct parse *s, char c, uint32_t n, const char *(*name_of)(const struct guest *, uint32_t))
{
    for (uint32_t k = 0; s->u->guest && k < n; k++)
        if (accept_word(s, name_of(s->u->guest, k)))
            return (uint16_t)k;
    if (!s->u->guest && accept(s, c))
        return (uint16_t)number(s);
    fail(s, "no such register or helper: \"%.20s\"", s->p);
    return 0;
}

static const char *reg_name(const struct guest *g, uint32_t k)
{
    return g->regs[k].name;
}

static const char *helper_name(const struct guest *g, uint32_t k)
{
    return g->helpers[k].name;
}

static uint16_t reg(struct parse *s)
{
    return row(s, 'r', s->u->guest ? s->u->guest->nregs : 0, reg_name);
}

/* --- operands ------------------------------------------------------------------------------------------- */

static void args(struct parse *s, struct ir_insn *i, unsigned first, unsigned end)
{
    for (unsigned k = first; k < end; k++) {
        if (k > first)
            expect(s, ',');
        i->arg[k] = value(s, ir_implied_type(s->u, i, k));
    }
}

static void address(struct parse *s, struct ir_insn *i)
{
    expect(s, '[');
    i->arg[0] = value(s, IR_I64);
    while (!s->failed && !accept(s, ']')) {
        bool neg = accept(s, '-');
        if (!neg)
            expect(s, '+');
        skip_space(s);
        bool index = *s->p == '%' || *s->p == '@';
        const char *rest = s->p + strcspn(s->p, "<]\n");
        if (index || *rest == '<') {
            i->arg[1] = value(s, IR_I64);
            expect(s, '<');
            expect(s, '<');
            i->aux |= (uint16_t)((number(s) & 3) << IR_MEM_SCALE_SHIFT);
        } else {
            i->imm = neg ? -number(s) : number(s);
        }
    }
    i->aux |= type(s);
    i->aux |= words(s, ir_mem_words);
}

/** `block(values)`; makes an edge list. */
static uint32_t edge(struct parse *s, uint32_t *to)
{
    ir_ref vals[MAX_LIST];
    uint32_t n = 0;

    *to = (uint32_t)number(s);
    expect(s, '(');
    while (!s->failed && !accept(s, ')')) {
        if (n)
            expect(s, ',');
        if (n == MAX_LIST)
            fail(s, "too many values");
        else
            vals[n++] = value(s, IR_I64);
    }
    return ir_edge_new(s->u, vals, n);
}

static void call(struct parse *s, struct ir_insn *i)
{
    i->aux = row(s, 'h', s->u->guest ? s->u->guest->nhelpers : 0, helper_name);
    expect(s, '(');
    for (unsigned k = 0; !s->failed && !accept(s, ')'); k++) {
        if (k)
            expect(s, ',');
        if (k == 3)
            fail(s, "too many arguments");
        else
            i->arg[k] = value(s, IR_I64);
    }
    if (!at_end(s) && *s->p != '{')
        i->imm = number(s);
}

static void exit_words(struct parse *s, struct ir_insn *i)
{
    int hint = accept_name(s, ir_jump_names, table_len(ir_jump_names));

    if (hint > 0)
        i->aux |= (uint16_t)hint;
    if (accept_word(s, "poll"))
        i->aux |= IR_EXIT_POLL;
}

static void optional_imm(struct parse *s, struct ir_insn *i)
{
    if (!at_end(s) && *s->p != '{')
        i->imm = number(s);
}

static void fp_words(struct parse *s, struct ir_insn *i)
{
    expect(s, ',');
    i->aux = (uint16_t)name(s, ir_rm_names, table_len(ir_rm_names), "rounding mode");
    i->aux |= words(s, ir_fp_words);
    if (i->op == IR_fma)
        i->imm = words(s, ir_fma_words);
    else
        optional_imm(s, i);
}

static void vec_words(struct parse *s, struct ir_insn *i)
{
    expect(s, ',');
    i->aux = (uint16_t)name(s, ir_lane_names, table_len(ir_lane_names), "lane type");
    if (ir_ops[i->op].flags & IR_FPENV) {
        i->aux |= (uint16_t)IR_V_FP(name(s, ir_rm_names, table_len(ir_rm_names), "rounding mode"));
        i->aux |= (uint16_t)IR_V_FP(words(s, ir_fp_words) & 0xff);
    } else {
        i->aux |= words(s, ir_vec_words);
    }
    i->aux |= words(s, ir_vec_part_words);
    optional_imm(s, i);
}

static void mark(struct parse *s, struct ir_insn *i)
{
    i->imm = number(s);
    expect(s, ',');
    i->aux = (uint16_t)number(s);
}

static void amo(struct parse *s, struct ir_insn *i)
{
    address(s, i);
    if (i->op == IR_amo)
        i->aux |= (uint16_t)(name(s, ir_amo_names, table_len(ir_amo_names), "operation") << IR_AMO_SHIFT);
    expect(s, ',');
    for (unsigned k = 1; k < ir_ops[i->op].nargs; k++) {
        if (k > 1)
            expect(s, ',');
        i->arg[k] = value(s, IR_I64);
    }
}

static void operands(struct parse *s, struct ir_insn *i)
{
    uint32_t to[2];

    switch ((enum ir_shape)ir_shapes[i->op]) {
    case SHAPE_PLAIN:
        args(s, i, 0, ir_ops[i->op].nargs);
        break;
    case SHAPE_PARAM:
        break;
    case SHAPE_MARK:
        mark(s, i);
        break;
    case SHAPE_GET:
        i->aux = reg(s);
        break;
    case SHAPE_PUT:
        i->aux = reg(s);
        expect(s, ',');
        args(s, i, 0, 1);
        break;
    case SHAPE_LOAD:
        address(s, i);
        break;
    case SHAPE_STORE:
        address(s, i);
        expect(s, ',');
        args(s, i, 2, 3);
        break;
    case SHAPE_AMO:
        amo(s, i);
        break;
    case SHAPE_FENCE:
        i->aux = words(s, ir_fence_words);
        break;
    case SHAPE_FP:
        args(s, i, 0, ir_ops[i->op].nargs);
        fp_words(s, i);
        break;
    case SHAPE_VEC:
        args(s, i, 0, ir_ops[i->op].nargs);
        vec_words(s, i);
        break;
    case SHAPE_CRC:
        args(s, i, 0, 2);
        expect(s, ',');
        i->imm = accept_word(s, "c");
        if (!i->imm && !accept_word(s, "ieee"))
            fail(s, "polynomial expected");
        break;
    case SHAPE_AUX:
        args(s, i, 0, ir_ops[i->op].nargs);
        i->aux = accept_word(s, "all") ? IR_FPFLAGS_ID : 0;
        i->aux |= accept_word(s, "fz") ? IR_FPFLAGS_FZ : 0;
        break;
    case SHAPE_CALL:
        call(s, i);
        break;
    case SHAPE_TRAP:
        args(s, i, 0, ir_ops[i->op].nargs);
        if (i->arg[0])
            expect(s, ',');
        i->aux = (uint16_t)name(s, ir_trap_names, table_len(ir_trap_names), "trap");
        i->imm = number(s);
        break;
    case SHAPE_EXIT:
        args(s, i, 0, ir_ops[i->op].nargs);
        if (i->arg[0])
            expect(s, ',');
        i->imm = number(s);
        exit_words(s, i);
        break;
    case SHAPE_IND:
        args(s, i, 0, 1);
        exit_words(s, i);
        break;
    case SHAPE_JMP:
        i->aux = (uint16_t)edge(s, &to[0]);
        i->imm = to[0];
        break;
    case SHAPE_BR:
        args(s, i, 0, 1);
        expect(s, ',');
        i->aux = (uint16_t)edge(s, &to[0]);
        expect(s, ',');
        edge(s, &to[1]);
        i->imm = (int64_t)to[0] | (int64_t)to[1] << 16;
        break;
    }
}

/* --- lines --------------------------------------------------------------------------------------------------- */

static uint32_t snapshot(struct parse *s)
{
    struct ir_snap_val vals[MAX_LIST];
    uint32_t n = 0;

    if (!accept_word(s, "pc"))
        fail(s, "snapshot without pc");
    gaddr pc = (gaddr)number(s);
    while (!s->failed && !accept(s, '}')) {
        expect(s, ',');
        if (n == MAX_LIST) {
            fail(s, "too many registers");
            break;
        }
        vals[n].reg = reg(s);
        expect(s, '=');
        vals[n++].val = value(s, IR_I64);
    }
    return ir_snap_new(s->u, pc, vals, n);
}

static enum ir_op op_name(struct parse *s)
{
    for (enum ir_op op = 0; op < IR_NOPS; op++)
        if (accept_word(s, ir_ops[op].name))
            return op;
    fail(s, "no such op: \"%.20s\"", s->p);
    return IR_nop;
}

static void insn_line(struct parse *s, uint32_t block)
{
    struct ir_unit *u = s->u;
    struct ir_insn i = { 0 };
    ir_ref r = IR_NONE;

    if (accept(s, '%')) {
        r = value_number(s);
        expect(s, '=');
    }
    i.op = op_name(s);
    if (r) {
        expect(s, '.');
        i.type = type(s);
    }
    if ((ir_ops[i.op].result != '.') != (r != IR_NONE) || i.op == IR_const)
        fail(s, "%s makes %s", ir_ops[i.op].name, r ? "no value" : "a value");
    operands(s, &i);
    if (accept(s, '{'))
        i.snap = snapshot(s);
    if (!at_end(s))
        fail(s, "unexpected \"%.20s\"", s->p);
    if (s->failed)
        return;
    if (i.op == IR_param)
        i.imm = u->blocks[block].nparams++;
    if (!r) {
        ir_reserve(u, 1);
        r = u->ninsns++;
    } else if (ir_at(u, r)->op != IR_nop) {
        fail(s, "%%%u is made twice", r);
        return;
    }
    *ir_at(u, r) = i;
    ir_link_before(u, block, IR_NONE, r);
}

/** The highest number of a value in `text`. */
static uint64_t highest_value(const char *text)
{
    uint64_t max = 0;

    for (const char *p = text; (p = strchr(p, '%')); ) {
        uint64_t n = strtoull(++p, NULL, 10);
        max = n > max ? n : max;
    }
    return max;
}

static void unit_line(struct parse *s, const struct guest *guest, const char *text)
{
    uint64_t max = highest_value(text);
    gaddr pc;

    if (!next_line(s) || !accept_word(s, "unit"))
        fail(s, "a unit begins with `unit pc`");
    pc = (gaddr)number(s);
    uint32_t mode = accept_word(s, "mode") ? (uint32_t)number(s) : 0;
    ir_reset(s->u, guest, pc, mode);
    s->u->regs_done = accept_word(s, "regs");
    if (!at_end(s))
        fail(s, "unexpected \"%.20s\"", s->p);
    if (max >= MAX_NUMBER) {
        fail(s, "values are numbered up to %u", MAX_NUMBER - 1);
        return;
    }
    ir_reserve(s->u, (uint32_t)max);
    memset(s->u->insns + 1, 0, max * sizeof *s->u->insns);
    s->u->ninsns = 1 + (uint32_t)max;
}

static uint32_t block_line(struct parse *s, bool first)
{
    uint32_t b = (uint32_t)number(s);

    expect(s, ':');
    if (!first)
        ir_block_new(s->u);
    if (b != s->u->nblocks - 1)
        fail(s, "block %u out of order", b);
    s->u->blocks[s->u->nblocks - 1].loop_head = accept_word(s, "loop");
    if (!at_end(s))
        fail(s, "unexpected \"%.20s\"", s->p);
    return s->u->nblocks - 1;
}

bool ir_parse(struct ir_unit *u, const struct guest *guest, const char *text, char *err, size_t err_len)
{
    struct parse s = { .u = u, .p = text, .line = 1, .err = err, .err_len = err_len };
    uint32_t block = 0;
    bool any = false;

    unit_line(&s, guest, text);
    while (next_line(&s)) {
        if (accept_word(&s, "block")) {
            block = block_line(&s, !any);
            any = true;
        } else if (any) {
            insn_line(&s, block);
        } else {
            fail(&s, "a block begins with `block 0:`");
        }
    }
    if (!any)
        fail(&s, "no block");
    ir_block_use(u, block);
    return !s.failed;
}
