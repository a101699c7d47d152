/* Tables of ops and types. */
#include "ir/ir.h"

/* Facts of the ops, computed from their rows by the compiler. */
#define HAS(flags, c) \
    ((flags "....")[0] == c || (flags "....")[1] == c || (flags "....")[2] == c || (flags "....")[3] == c)
#define FLAG(flags, c, bit) (HAS(flags, c) ? (bit) : 0)
#define SIG(sig, i) ((sig "\0\0\0")[i])

const struct ir_op_info ir_ops[IR_NOPS] = {
#define IR_OP(n, s, t, f, d) \
    [IR_##n] = { .name = #n, .sig = s, .types = #t, .doc = d, \
                 .flags = FLAG(f, 'P', IR_PURE) | FLAG(f, 'C', IR_COMM) | FLAG(f, 'R', IR_READS) | \
                          FLAG(f, 'W', IR_WRITES) | FLAG(f, 'F', IR_FAULTS) | FLAG(f, 'X', IR_LEAVES) | \
                          FLAG(f, 'T', IR_ENDS) | FLAG(f, 'E', IR_FPENV) | FLAG(f, 'S', IR_SIDE), \
                 .nargs = sizeof(s) - 3, .result = SIG(s, 0), \
                 .arg = { SIG(s, 2), sizeof(s) > 4 ? SIG(s, 3) : 0, sizeof(s) > 5 ? SIG(s, 4) : 0 } },
#include "ir/ir.def"
};

const uint8_t ir_type_bits[IR_NTYPES] = {
    [IR_VOID] = 0, [IR_I1] = 1, [IR_I8] = 8, [IR_I16] = 16, [IR_I32] = 32, [IR_I64] = 64,
    [IR_F32] = 32, [IR_F64] = 64, [IR_V128] = 128,
};

const char *const ir_type_names[IR_NTYPES] = {
    [IR_VOID] = "void", [IR_I1] = "i1", [IR_I8] = "i8", [IR_I16] = "i16", [IR_I32] = "i32",
    [IR_I64] = "i64", [IR_F32] = "f32", [IR_F64] = "f64", [IR_V128] = "v128",
};
