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
    case 'w': return imm >= 0 && imm <= w;
    case 'l': return imm >= 0 && imm < 128 / w;
    case 'm': return imm >= 0 && (imm & 255) < 128 / w && imm >> 8 < 128 / w;
    case 'b': return imm >= 0 && imm < (aux & IR_V_LOW ? 8 : 16);
    case 'g': return (imm == 16 || imm == 32 || imm == 64) && imm > w;
    case 'f': return imm >= 0 && imm <= 64;
    case 'n': return imm >= 0 && imm <= 3;
    case '3': return imm >= 0 && imm <= 2;
    case '2': return imm >= 0 && imm <= 1;
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
    bool su = !fp && aux & IR_V_SU && info->bits & IR_V_SAT;

    return info->lanes >> lane & 1 && !(aux & ~(0xfu | info->bits | fp)) && (aux & 0xc000) != 0xc000 &&
           (!su || (aux & (IR_V_SAT | IR_V_UNS)) == IR_V_SAT) && imm_valid(info->imm, op, aux, imm);
}
