/* What printer and parser share: which shape the text of an op has, and the words in it.
 *
 * A line is `[%result = ]op[.type] operands`. The type stands there when the op has a result. Operands in the shapes
 * below; `v` is a value:
 *
 *     %12          the value of insn 12
 *     -5  0x1234   a constant of the type that the place implies: the letter of the op's signature (t: the insn's
 *                  type, b, w, l, A), the type of arg0 for the second `s`, i64 everywhere else
 *     7:i32        a constant of another type
 *     @0x10000     a constant that is a guest address
 *
 * `pc` and other numbers are C literals. The flags after an operand are words of the tables below, each only where
 * set. A snapshot stands at the end of its line: `{pc 0x10000, x10=%3}`. A comment goes from `;` to the line's end.
 */
#pragma once

#include "ir/ir.h"

enum ir_shape {
    SHAPE_PLAIN,  /* add.i64 v, v */
    SHAPE_PARAM,  /* param.i64: number from its place */
    SHAPE_MARK,   /* insn pc, length */
    SHAPE_GET,    /* get.i64 reg */
    SHAPE_PUT,    /* put reg, v */
    SHAPE_LOAD,   /* load.i64 [v + v<<2 + 8] i32 sx */
    SHAPE_STORE,  /* store [v + 8] i32 sc, v */
    SHAPE_AMO,    /* amo.i64 [v] i32 sx add, v; cas without the kind, with v, v */
    SHAPE_FENCE,  /* fence rr rw */
    SHAPE_FP,     /* fadd.f64 v, v, rtz canon; fma: negp, nega too; conversions: imm, if not 0 */
    SHAPE_VEC,    /* vadd.v128 v, v, i8 uns sat low; vfadd.v128 v, v, f32 dyn arm one; imm, if not 0, last */
    SHAPE_CRC,    /* crc32.i32 v, v, ieee; or: c */
    SHAPE_AUX,    /* fpflags.i32 all; fpflags_set v all */
    SHAPE_CALL,   /* call.i64 helper(v, v) imm */
    SHAPE_TRAP,   /* trap kind imm; trap_if v, kind imm */
    SHAPE_EXIT,   /* exit pc hint; poll pc; exit_if v, pc */
    SHAPE_IND,    /* exit_ind v hint */
    SHAPE_JMP,    /* jmp 1(v, v) */
    SHAPE_BR,     /* br v, 1(v, v), 2(v) */
};

/** The shape of each op's text. */
extern const uint8_t ir_shapes[IR_NOPS];

/* Words, indexed by the enums of ir.h; a NULL ends each table. */
extern const char *const ir_amo_names[];
extern const char *const ir_trap_names[];
extern const char *const ir_jump_names[];
extern const char *const ir_rm_names[];

/* A word for a bit. */
struct ir_word { const char *name; uint16_t bit; };
extern const struct ir_word ir_mem_words[], ir_fence_words[], ir_fp_words[], ir_fma_words[], ir_vec_words[],
    ir_vec_part_words[];
/** Names of lane types, IR_F16 among them; a NULL ends the table. */
extern const char *const ir_lane_names[];

/** The type that a bare constant at operand `k` of insn `i` has. */
enum ir_type ir_implied_type(const struct ir_unit *u, const struct ir_insn *i, unsigned k);
