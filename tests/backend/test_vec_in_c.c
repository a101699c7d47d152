/* Which forms of the vector ops are calls of C on a CPU with everything: exactly those that docs/vector-ops.md lists, with reasons.
 *
 * A form is an op, a lane type and a variant. The document's rows name ops, lane types, and the word of a variant whose forms are
 * all in C, or "always". Argument: the document.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/backend.h"
#include "backend/x86/emit.h"
#include "backend/x86/homes.h"
#include "ir/passes/pass.h"
#include "ir/vec.h"
#include "tests/ir/testguest.h"

enum { CODE_BYTES = 1 << 20, MAX_FORMS = 4096, MAX_ROWS = 1024 };

/* Words of variants; FP: IR_FP_* of it, shifted. */
static const struct word { const char *name; unsigned aux; bool fp; } words[] = {
    { "uns", IR_V_UNS, false }, { "rnd", IR_V_RND, false }, { "sat", IR_V_SAT, false }, { "su", IR_V_SU, false },
    { "neg", IR_V_NEG, false }, { "hi", IR_V_HI, false }, { "exact", IR_V_EXACT, false },
    { "static", IR_RM_RUP, true }, { "away", IR_RM_RMM, true }, { "odd", IR_RM_ODD, true }, { "default NaN", IR_FP_CANON, true },
    { "flushing", IR_FP_FZ, true }, { "alternative", IR_FP_AHP, true }, { "scaled", 0, false },
};
enum { NWORDS = sizeof words / sizeof *words, SCALED = NWORDS - 1, FIRST_RM = 7, LAST_RM = 9, AHP = 12 };

struct row { char op[24], lane[8], word[24]; bool seen; };

static struct code_buf buf;
static struct ir_unit *u;
static struct row listed[MAX_ROWS];
static unsigned nlisted, wrong;

static const char *lane_name(unsigned lane)
{
    return lane == IR_F16 ? "f16" : lane == IR_VOID ? "-" : ir_type_names[lane];
}

/* --- the document */

static void add_rows(char *ops, char *lanes, const char *word)
{
    char *next_op, *next_lane;

    for (char *op = strtok_r(ops, " `", &next_op); op; op = strtok_r(NULL, " `", &next_op)) {
        char copy[64];

        snprintf(copy, sizeof copy, "%s", lanes);
        for (char *lane = strtok_r(copy, " ", &next_lane); lane && nlisted < MAX_ROWS; lane = strtok_r(NULL, " ", &next_lane)) {
            struct row *r = &listed[nlisted++];

            snprintf(r->op, sizeof r->op, "%s", op);
            snprintf(r->lane, sizeof r->lane, "%s", lane);
            snprintf(r->word, sizeof r->word, "%s", word);
        }
    }
}

/* Rows `| \`op op\` | lanes | word | reason |`. */
static bool read_document(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[1024], ops[256], lanes[64], word[24], reason[512];

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "| `%255[^|]| %63[^|]| %23[^|]| %511[^|]|", ops, lanes, word, reason) == 4) {
            for (size_t n = strlen(word); n && word[n - 1] == ' '; )
                word[--n] = 0;
            add_rows(ops, lanes, word);
        }
    if (f)
        fclose(f);
    return nlisted > 0;
}

/* --- what the emitter does */

static ir_ref get(unsigned reg)
{
    return ir_emit(u, IR_get, testguest.regs[reg].type, (uint16_t)reg, 0, 0, 0, 0);
}

static bool in_c(enum ir_op op, unsigned aux, int64_t imm, bool flushes)
{
    struct compiled code;
    uint8_t *p = buf.p;
    ir_ref r;

    ir_reset(u, &testguest, 0x1000, flushes);
    ir_emit(u, IR_insn, IR_VOID, 4, 0, 0, 0, 0x1000);
    ir_ref v[3] = { get(TG_V0), get(TG_V1), ir_op2(u, IR_vpair, IR_V128, get(0), get(1)) };
    for (unsigned k = ir_ops[op].nargs; k < 3; k++)
        v[k] = IR_NONE;
    r = ir_emit(u, op, IR_V128, (uint16_t)aux, v[0], v[1], v[2], imm);
    ir_emit(u, IR_put, IR_VOID, TG_V0, r, 0, 0, 0);
    ir_emit(u, IR_exit, IR_VOID, 0, 0, 0, 0, 0x1004);
    pass_run_all(u, 0);
    if (!compile_unit(u, &buf, &code))
        exit(2);
    buf.p = p;
    return code.in_c != 0;
}

struct form { unsigned words; bool in_c; };

/* The aux of words `set`; false if the op has no such variant, or if several of them exclude each other. */
static bool aux_of(enum ir_op op, unsigned lane, unsigned set, unsigned *aux, int64_t *imm)
{
    const struct vec_info *info = vec_info(op);
    bool fp = ir_ops[op].flags & IR_FPENV;
    unsigned f = IR_FP_ARM | IR_RM_DYN, rms = 0;

    *aux = lane;
    *imm = set >> SCALED & 1 ? (info->imm == 'c' ? 16 : info->imm == 'r' ? 32 : 3) : info->imm == 'g' ? 64 : 0;
    for (unsigned k = 0; k < SCALED; k++) {
        if (!(set >> k & 1))
            continue;
        if (words[k].fp ? !fp : !(info->bits & words[k].aux))
            return false;
        if (k >= FIRST_RM && k <= LAST_RM) {
            f = (f & ~7u) | words[k].aux;
            rms++;
        } else if (words[k].fp) {
            f |= words[k].aux;
        } else {
            *aux |= words[k].aux;
        }
    }
    if (fp)
        *aux |= (unsigned)IR_V_FP(f);
    if ((set >> SCALED & 1 && !strchr("frc", info->imm)) || rms > 1)
        return false;
    if ((set >> AHP & 1 && op != IR_vfcvtl && op != IR_vfcvtn) || (set >> LAST_RM & 1 && op != IR_vfcvtn))
        return false;
    return vec_valid(op, *aux, *imm);
}

static void report(enum ir_op op, unsigned lane, const char *word)
{
    for (unsigned k = 0; k < nlisted; k++)
        if (!strcmp(listed[k].op, ir_ops[op].name) && !strcmp(listed[k].lane, lane_name(lane)) && !strcmp(listed[k].word, word)) {
            listed[k].seen = true;
            return;
        }
    printf("in C, but not listed: %s %s %s\n", ir_ops[op].name, lane_name(lane), word);
    wrong++;
}

/* Bits of the words whose forms are all in C; ~0: all forms are. */
static unsigned words_in_c(const struct form *forms, unsigned n)
{
    unsigned all = 0, some = 0, not_all = 0;

    for (unsigned k = 0; k < n; k++) {
        all += forms[k].in_c;
        some |= forms[k].words;
        if (!forms[k].in_c)
            not_all |= forms[k].words;
    }
    return all == n ? ~0u : some & ~not_all;
}

static void check_op(enum ir_op op, unsigned lane)
{
    static struct form forms[MAX_FORMS];
    unsigned n = 0, bad;
    int64_t imm;
    unsigned aux;

    for (unsigned set = 0; set < 1u << NWORDS && n < MAX_FORMS; set++)
        if (__builtin_popcount(set) <= 3 && aux_of(op, lane, set, &aux, &imm))
            forms[n++] = (struct form){ set, in_c(op, aux, imm, IR_V_FP_AUX(aux) & IR_FP_FZ && lane != IR_F16) };
    bad = words_in_c(forms, n);
    if (n && bad == ~0u) {
        report(op, lane, "always");
        return;
    }
    for (unsigned k = 0; k < NWORDS; k++)
        if (bad >> k & 1)
            report(op, lane, words[k].name);
    for (unsigned k = 0; k < n; k++)
        if (forms[k].in_c && !(forms[k].words & bad)) {
            printf("no word for a form in C: %s %s, words %#x\n", ir_ops[op].name, lane_name(lane), forms[k].words);
            wrong++;
        }
}

int main(int argc, char **argv)
{
    if (argc < 2 || !read_document(argv[1])) {
        printf("no rows in the document\n");
        return 1;
    }
    host_features_init(0);
    if (!host_features.avx2 || !host_features.fma || !host_features.f16c || !host_features.clmul || !host_features.aes ||
        !host_features.sha) {
        printf("this CPU does not have everything\n");
        return 77;
    }
    buf.p = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buf.end = buf.p + CODE_BYTES;
    homes_init(&testguest);
    if (!thunks_emit(&testguest, &buf))
        return 2;
    u = ir_new();
    for (enum ir_op op = IR_VEC_FIRST; op <= IR_VEC_LAST; op++)
        for (unsigned lane = 0; lane <= IR_F16; lane++)
            if (vec_info(op)->lanes >> lane & 1 && op != IR_vpair && op != IR_vzext && op != IR_vdup && op != IR_vget && op != IR_vset)
                check_op(op, lane);
    for (unsigned k = 0; k < nlisted; k++)
        if (!listed[k].seen) {
            printf("listed, but not in C: %s %s %s\n", listed[k].op, listed[k].lane, listed[k].word);
            wrong++;
        }
    printf("%u rows, %u wrong\n", nlisted, wrong);
    return wrong != 0;
}
