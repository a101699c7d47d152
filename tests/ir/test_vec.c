/* Vector ops against recorded results of the Arm instructions they stand for: the lines of the file that is the argument. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ir/vec.h"

/* Arm's FPSR bits, ARM DDI 0487, C5.2.10. */
static const struct { uint8_t fpsr, fpx; } flags[] = {
    { 1, IR_FPX_NV }, { 2, IR_FPX_DZ }, { 4, IR_FPX_OF }, { 8, IR_FPX_UF }, { 16, IR_FPX_NX }, { 128, IR_FPX_ID },
};

static enum ir_op op_named(const char *name)
{
    enum ir_op op = IR_VEC_FIRST;

    while (op <= IR_VEC_LAST && strcmp(ir_ops[op].name, name))
        op++;
    return op;
}

static bool parse(const char *s, struct vec *v)
{
    return sscanf(s, "%16" SCNx64 "%16" SCNx64, &v->q[1], &v->q[0]) == 2;
}

static bool check(const char *line)
{
    char name[32], text[4][40];
    unsigned aux, fpsr, got = 0, fpx = 0;
    int imm;
    struct vec want, in[3];

    if (sscanf(line, "%31s %x %d %x %39s %39s %39s %39s", name, &aux, &imm, &fpsr, text[0], text[1], text[2],
               text[3]) != 8 || !parse(text[0], &want) || !parse(text[1], &in[0]) || !parse(text[2], &in[1]) ||
        !parse(text[3], &in[2]) || op_named(name) > IR_VEC_LAST || !vec_valid(op_named(name), aux, imm)) {
        printf("not a case: %s", line);
        return false;
    }
    struct vec r = vec_eval(op_named(name), aux, imm, IR_V128, in, IR_RM_RNE, &fpx);
    for (unsigned k = 0; k < sizeof flags / sizeof *flags; k++)
        got |= fpx & flags[k].fpx ? flags[k].fpsr : 0u;
    if (r.q[0] == want.q[0] && r.q[1] == want.q[1] && got == fpsr)
        return true;
    printf("%016" PRIx64 "%016" PRIx64 " FPSR %x for %s", r.q[1], r.q[0], got, line);
    return false;
}

int main(int argc, char **argv)
{
    FILE *f = fopen(argc > 1 ? argv[1] : "vec_arm.txt", "r");
    char line[512];
    unsigned cases = 0, bad = 0;

    while (f && fgets(line, sizeof line, f))
        if (line[0] != '#') {
            cases++;
            bad += !check(line);
        }
    if (f)
        fclose(f);
    printf("%u cases, %u failed\n", cases, bad);
    return bad || cases < 500;
}
