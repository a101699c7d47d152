/* Prints a unit. */
#include "ir/text.h"

#include <inttypes.h>

#include "frontend/guest.h"

const uint8_t ir_shapes[IR_NOPS] = {
#define IR_OP(n, s, t, f, d) \
    [IR_##n] = IR_##n >= IR_VEC_FIRST && IR_##n <= IR_VEC_LAST ? SHAPE_VEC \
             : sizeof(f) == 2 && (f)[0] == 'E' ? SHAPE_FP : SHAPE_PLAIN,
#include "ir/ir.def"
    [IR_crc32] = SHAPE_CRC,
    [IR_fpflags] = SHAPE_AUX, [IR_fpflags_set] = SHAPE_AUX,
    [IR_param] = SHAPE_PARAM, [IR_insn] = SHAPE_MARK, [IR_get] = SHAPE_GET, [IR_put] = SHAPE_PUT,
    [IR_load] = SHAPE_LOAD, [IR_store] = SHAPE_STORE, [IR_amo] = SHAPE_AMO, [IR_cas] = SHAPE_AMO,
    [IR_fence] = SHAPE_FENCE, [IR_call] = SHAPE_CALL, [IR_callv] = SHAPE_CALL,
    [IR_trap] = SHAPE_TRAP, [IR_trap_if] = SHAPE_TRAP, [IR_exit] = SHAPE_EXIT,
    [IR_exit_if] = SHAPE_EXIT, [IR_poll] = SHAPE_EXIT, [IR_exit_ind] = SHAPE_IND,
    [IR_jmp] = SHAPE_JMP, [IR_br] = SHAPE_BR,
};

const char *const ir_amo_names[] = {
    [IR_AMO_SWAP] = "swap", [IR_AMO_ADD] = "add", [IR_AMO_AND] = "and", [IR_AMO_OR] = "or",
    [IR_AMO_XOR] = "xor", [IR_AMO_MINS] = "mins", [IR_AMO_MAXS] = "maxs", [IR_AMO_MINU] = "minu",
    [IR_AMO_MAXU] = "maxu", [IR_AMO_ANDN] = "andn", NULL
};
const char *const ir_trap_names[] = {
    [IR_TRAP_SYSCALL] = "syscall", [IR_TRAP_ILLEGAL] = "illegal", [IR_TRAP_BREAK] = "break",
    [IR_TRAP_FETCH] = "fetch", [IR_TRAP_MISALIGN] = "misalign", [IR_TRAP_SYNC_CODE] = "sync_code",
    [IR_TRAP_MODE] = "mode", [IR_NTRAPS] = NULL
};
const char *const ir_jump_names[] = {
    [IR_JUMP_PLAIN] = "plain", [IR_JUMP_CALL] = "call", [IR_JUMP_RET] = "ret", NULL
};
const char *const ir_rm_names[] = {
    [IR_RM_RNE] = "rne", [IR_RM_RTZ] = "rtz", [IR_RM_RDN] = "rdn", [IR_RM_RUP] = "rup",
    [IR_RM_RMM] = "rmm", [IR_RM_ODD] = "odd", "rm6", [IR_RM_DYN] = "dyn", NULL
};
const struct ir_word ir_mem_words[] = {
    { "sx", IR_MEM_SX }, { "sc", IR_MEM_SC }, { "aligned", IR_MEM_ALIGNED }, { 0 }
};
const struct ir_word ir_fence_words[] = {
    { "rr", IR_FENCE_RR }, { "rw", IR_FENCE_RW }, { "wr", IR_FENCE_WR }, { "ww", IR_FENCE_WW }, { 0 }
};
const struct ir_word ir_fp_words[] = {
    { "canon", IR_FP_CANON }, { "nanmax", IR_FP_NANMAX }, { "arm", IR_FP_ARM }, { "fz", IR_FP_FZ },
    { "ahp", IR_FP_AHP }, { "quiet", IR_FP_QUIET }, { "wrap", IR_FP_WRAP }, { 0 }
};
const char *const ir_lane_names[] = {
    "void", "i1", "i8", "i16", "i32", "i64", "f32", "f64", "v128", [IR_F16] = "f16", NULL
};
const struct ir_word ir_vec_words[] = {
    { "uns", IR_V_UNS }, { "rnd", IR_V_RND }, { "sat", IR_V_SAT }, { "su", IR_V_SU }, { "neg", IR_V_NEG }, { 0 }
};
const struct ir_word ir_vec_part_words[] = {
    { "exact", IR_V_EXACT }, { "hi", IR_V_HI }, { "one", IR_V_ONE }, { "low", IR_V_LOW }, { 0 }
};
const struct ir_word ir_fma_words[] = { { "negp", 1 }, { "nega", 2 }, { 0 } };

enum ir_type ir_implied_type(const struct ir_unit *u, const struct ir_insn *i, unsigned k)
{
    switch (ir_ops[i->op].arg[k]) {
    case 't': return i->type;
    case 'b': return IR_I1;
    case 'w': return IR_I32;
    case 's': return k ? ir_at(u, i->arg[0])->type : IR_I64;
    default:  return IR_I64;
    }
}

/** An integer that reads well: small ones signed, others in hexadecimal. */
static void print_num(FILE *f, int64_t v)
{
    if (v > -65536 && v < 65536)
        fprintf(f, "%" PRId64, v);
    else
        fprintf(f, "0x%" PRIx64, (uint64_t)v);
}

static void print_val(const struct ir_unit *u, FILE *f, ir_ref r, enum ir_type implied)
{
    const struct ir_insn *i = ir_at(u, r);

    if (i->op != IR_const) {
        fprintf(f, "%%%u", r);
        return;
    }
    if (i->aux) {
        fprintf(f, "@0x%" PRIx64, (uint64_t)i->imm);
        return;
    }
    unsigned up = i->type == IR_I8 || i->type == IR_I16 || i->type == IR_I32 ? 64 - ir_type_bits[i->type] : 0;
    print_num(f, (int64_t)((uint64_t)i->imm << up) >> up);
    if (i->type != implied)
        fprintf(f, ":%s", ir_type_names[i->type]);
}

static void print_words(FILE *f, const struct ir_word *w, unsigned bits)
{
    for (; w->name; w++)
        if (bits & w->bit)
            fprintf(f, " %s", w->name);
}

static void print_reg(const struct ir_unit *u, FILE *f, unsigned reg)
{
    if (u->guest && reg < u->guest->nregs)
        fputs(u->guest->regs[reg].name, f);
    else
        fprintf(f, "r%u", reg);
}

/** Operands from `first` on, with commas between. */
static void print_args(const struct ir_unit *u, FILE *f, const struct ir_insn *i, unsigned first)
{
    const char *sep = "";

    for (unsigned k = first; k < 3 && i->arg[k]; k++, sep = ", ") {
        fputs(sep, f);
        print_val(u, f, i->arg[k], ir_implied_type(u, i, k));
    }
}

static void print_addr(const struct ir_unit *u, FILE *f, const struct ir_insn *i)
{
    fputc('[', f);
    print_val(u, f, i->arg[0], IR_I64);
    if (ir_ops[i->op].arg[1] == '?' && i->arg[1]) {
        fputs(" + ", f);
        print_val(u, f, i->arg[1], IR_I64);
        fprintf(f, "<<%u", IR_MEM_SCALE(i->aux));
    }
    if (i->imm) {
        fprintf(f, i->imm < 0 ? " - " : " + ");
        print_num(f, i->imm < 0 ? -i->imm : i->imm);
    }
    fprintf(f, "] %s", ir_type_names[IR_MEM_TYPE(i->aux) < IR_NTYPES ? IR_MEM_TYPE(i->aux) : IR_VOID]);
    print_words(f, ir_mem_words, i->aux);
}

static void print_vec(const struct ir_unit *u, FILE *f, const struct ir_insn *i)
{
    enum ir_type lane = IR_V_LANE(i->aux);

    print_args(u, f, i, 0);
    fprintf(f, ", %s", lane <= IR_F16 ? ir_lane_names[lane] : "?");
    if (ir_ops[i->op].flags & IR_FPENV) {
        fprintf(f, " %s", ir_rm_names[IR_FP_RM(IR_V_FP_AUX(i->aux))]);
        print_words(f, ir_fp_words, IR_V_FP_AUX(i->aux));
    } else {
        print_words(f, ir_vec_words, i->aux);
    }
    print_words(f, ir_vec_part_words, i->aux);
    if (i->imm) {
        fputc(' ', f);
        print_num(f, i->imm);
    }
}

static void print_edge(const struct ir_unit *u, FILE *f, uint32_t block, uint32_t edge)
{
    fprintf(f, "%u(", block);
    for (uint32_t n = 0; edge < u->nedges && n < u->edges[edge].n; n++) {
        fputs(n ? ", " : "", f);
        print_val(u, f, u->edge_args[u->edges[edge].first + n], IR_I64);
    }
    fputc(')', f);
}

static void print_call(const struct ir_unit *u, FILE *f, const struct ir_insn *i)
{
    if (u->guest && i->aux < u->guest->nhelpers)
        fprintf(f, "%s(", u->guest->helpers[i->aux].name);
    else
        fprintf(f, "h%u(", i->aux);
    print_args(u, f, i, 0);
    fputc(')', f);
    if (i->imm) {
        fputc(' ', f);
        print_num(f, i->imm);
    }
}

static void print_operands(const struct ir_unit *u, FILE *f, const struct ir_insn *i)
{
    switch ((enum ir_shape)ir_shapes[i->op]) {
    case SHAPE_PLAIN:
        print_args(u, f, i, 0);
        break;
    case SHAPE_PARAM:
        break;
    case SHAPE_MARK:
        fprintf(f, "0x%" PRIx64 ", %u", (uint64_t)i->imm, i->aux);
        break;
    case SHAPE_GET:
        print_reg(u, f, i->aux);
        break;
    case SHAPE_PUT:
        print_reg(u, f, i->aux);
        fputs(", ", f);
        print_args(u, f, i, 0);
        break;
    case SHAPE_LOAD:
        print_addr(u, f, i);
        break;
    case SHAPE_STORE:
        print_addr(u, f, i);
        fputs(", ", f);
        print_args(u, f, i, 2);
        break;
    case SHAPE_AMO:
        print_addr(u, f, i);
        if (i->op == IR_amo)
            fprintf(f, " %s", IR_AMO_KIND(i->aux) <= IR_AMO_ANDN ? ir_amo_names[IR_AMO_KIND(i->aux)] : "?");
        fputs(", ", f);
        print_args(u, f, i, 1);
        break;
    case SHAPE_FENCE:
        print_words(f, ir_fence_words, i->aux);
        break;
    case SHAPE_FP:
        print_args(u, f, i, 0);
        fprintf(f, ", %s", ir_rm_names[IR_FP_RM(i->aux)]);
        print_words(f, ir_fp_words, i->aux);
        if (i->imm && i->op != IR_fma)
            fprintf(f, " %" PRId64, i->imm);
        if (i->op == IR_fma)
            print_words(f, ir_fma_words, i->imm);
        break;
    case SHAPE_VEC:
        print_vec(u, f, i);
        break;
    case SHAPE_CRC:
        print_args(u, f, i, 0);
        fprintf(f, ", %s", i->imm ? "c" : "ieee");
        break;
    case SHAPE_AUX:
        print_args(u, f, i, 0);
        fputs(i->aux & IR_FPFLAGS_ID ? " all" : "", f);
        fputs(i->aux & IR_FPFLAGS_FZ ? " fz" : "", f);
        break;
    case SHAPE_CALL:
        print_call(u, f, i);
        break;
    case SHAPE_TRAP:
        print_args(u, f, i, 0);
        fprintf(f, "%s%s ", i->arg[0] ? ", " : "", i->aux < IR_NTRAPS ? ir_trap_names[i->aux] : "?");
        print_num(f, i->imm);
        break;
    case SHAPE_EXIT:
        print_args(u, f, i, 0);
        fprintf(f, "%s0x%" PRIx64, i->arg[0] ? ", " : "", (uint64_t)i->imm);
        if (IR_EXIT_JUMP(i->aux) && IR_EXIT_JUMP(i->aux) <= IR_JUMP_RET)
            fprintf(f, " %s", ir_jump_names[IR_EXIT_JUMP(i->aux)]);
        if (i->aux & IR_EXIT_POLL)
            fputs(" poll", f);
        break;
    case SHAPE_IND:
        print_args(u, f, i, 0);
        if (i->aux && i->aux <= IR_JUMP_RET)
            fprintf(f, " %s", ir_jump_names[i->aux]);
        break;
    case SHAPE_JMP:
        print_edge(u, f, i->imm, i->aux);
        break;
    case SHAPE_BR:
        print_args(u, f, i, 0);
        fputs(", ", f);
        print_edge(u, f, i->imm & 0xffff, i->aux);
        fputs(", ", f);
        print_edge(u, f, i->imm >> 16, i->aux + 1);
        break;
    }
}

static void print_snap(const struct ir_unit *u, FILE *f, const struct ir_snap *s)
{
    fprintf(f, "  {pc 0x%" PRIx64, s->pc);
    for (uint32_t n = 0; n < s->n; n++) {
        const struct ir_snap_val *v = &u->snap_vals[s->first + n];
        fputs(", ", f);
        print_reg(u, f, v->reg);
        fputc('=', f);
        print_val(u, f, v->val, IR_I64);
    }
    fputc('}', f);
}

static void print_insn(const struct ir_unit *u, FILE *f, ir_ref r)
{
    const struct ir_insn *i = ir_at(u, r);

    fputs("  ", f);
    if (i->type != IR_VOID)
        fprintf(f, "%%%u = %s.%s", r, ir_ops[i->op].name, ir_type_names[i->type]);
    else
        fputs(ir_ops[i->op].name, f);
    if (ir_shapes[i->op] != SHAPE_PARAM && ir_shapes[i->op] != SHAPE_FENCE &&
        ((ir_shapes[i->op] != SHAPE_PLAIN && ir_shapes[i->op] != SHAPE_AUX) || i->arg[0]))
        fputc(' ', f);
    print_operands(u, f, i);
    if (i->snap)
        print_snap(u, f, &u->snaps[i->snap]);
    fputc('\n', f);
}

void ir_print(const struct ir_unit *u, FILE *f)
{
    fprintf(f, "unit 0x%" PRIx64, u->pc);
    if (u->mode)
        fprintf(f, " mode %u", u->mode);
    fputs(u->regs_done ? " regs\n" : "\n", f);
    for (uint32_t b = 0; b < u->nblocks; b++) {
        fprintf(f, "block %u:%s\n", b, u->blocks[b].loop_head ? " loop" : "");
        for (ir_ref r = u->blocks[b].first; r; r = ir_at(u, r)->next)
            print_insn(u, f, r);
    }
}
