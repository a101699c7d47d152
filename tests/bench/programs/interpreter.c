/* Two bytecode interpreters, one with a switch and one with computed goto: indirect jumps.
 * class: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, SHR, LESS, JNZ, JMP, DUP, DROP, HALT };

/* for (i = 0; i < n; i++) { s = (s * 31 + i) ^ (s >> 7); if (s & 1) t += i; } */
static const int32_t code[] = {
    PUSH, 0, STORE, 0, PUSH, 1, STORE, 1, PUSH, 0, STORE, 3,
    LOAD, 1, DUP, PUSH, 31, MUL, LOAD, 0, ADD, LOAD, 1, PUSH, 7, SHR, XOR, STORE, 1, DROP,
    LOAD, 1, LOAD, 1, PUSH, 1, SHR, PUSH, 2, MUL, SUB, JNZ, 46, JMP, 53, HALT,
    LOAD, 3, LOAD, 0, ADD, STORE, 3,
    LOAD, 0, PUSH, 1, ADD, STORE, 0, LOAD, 0, LOAD, 2, LESS, JNZ, 12, HALT,
};
enum { CODE = sizeof code / sizeof *code };

static uint32_t by_switch(const int32_t *program, uint32_t n)
{
    uint32_t stack[32], *sp = stack, slot[4] = { 0, 0, n, 0 };
    for (const int32_t *pc = program;;) {
        switch (*pc++) {
        case PUSH: *sp++ = (uint32_t)*pc++; break;
        case LOAD: *sp++ = slot[*pc++]; break;
        case STORE: slot[*pc++] = *--sp; break;
        case ADD: sp--; sp[-1] += *sp; break;
        case SUB: sp--; sp[-1] -= *sp; break;
        case MUL: sp--; sp[-1] *= *sp; break;
        case XOR: sp--; sp[-1] ^= *sp; break;
        case SHR: sp--; sp[-1] >>= *sp & 31; break;
        case LESS: sp--; sp[-1] = sp[-1] < *sp; break;
        case JNZ: pc = *--sp ? program + *pc : pc + 1; break;
        case JMP: pc = program + *pc; break;
        case DUP: *sp = sp[-1]; sp++; break;
        case DROP: sp--; break;
        default: return slot[1] ^ slot[3];
        }
    }
}

static uint32_t by_goto(const int32_t *program, uint32_t n)
{
    static const void *const label[] = { &&push, &&load, &&store, &&add, &&sub, &&mul, &&xor, &&shr, &&less, &&jnz,
                                         &&jmp, &&dup, &&drop, &&halt };
    uint32_t stack[32], *sp = stack, slot[4] = { 0, 0, n, 0 };
    const int32_t *pc = program;
#define NEXT goto *label[*pc++]
    NEXT;
push: *sp++ = (uint32_t)*pc++; NEXT;
load: *sp++ = slot[*pc++]; NEXT;
store: slot[*pc++] = *--sp; NEXT;
add: sp--; sp[-1] += *sp; NEXT;
sub: sp--; sp[-1] -= *sp; NEXT;
mul: sp--; sp[-1] *= *sp; NEXT;
xor: sp--; sp[-1] ^= *sp; NEXT;
shr: sp--; sp[-1] >>= *sp & 31; NEXT;
less: sp--; sp[-1] = sp[-1] < *sp; NEXT;
jnz: pc = *--sp ? program + *pc : pc + 1; NEXT;
jmp: pc = program + *pc; NEXT;
dup: *sp = sp[-1]; sp++; NEXT;
drop: sp--; NEXT;
halt: return slot[1] ^ slot[3];
}

int main(int argc, char **argv)
{
    uint32_t n = (argc > 1 ? (uint32_t)atoi(argv[1]) : 30) * 100000;
    printf("%u %u %d\n", by_switch(code, n), by_goto(code, n / 2 * 3), (int)CODE);
    return 0;
}
