#include "backend/x86/operand.h"

#include <string.h>

/* Host registers by number, as indices of the signal context. */
static const uint8_t context[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* Reads prefixes and opcode; returns where ModRM is, and the REX bits (W R X B from bit 3 down) and the opcode's map. */
static const uint8_t *skip_opcode(const uint8_t *p, unsigned *rex, unsigned *map)
{
    *rex = *map = 0;
    while (*p == 0x66 || *p == 0xf2 || *p == 0xf3 || *p == 0xf0)
        p++;
    if (*p == 0xc5) { /* VEX, 2 bytes: R only (inverted), map 0F */
        *rex = (unsigned)~p[1] >> 5 & 4;
        *map = 1;
        return p + 3;
    }
    if (*p == 0xc4) { /* VEX, 3 bytes: R X B inverted, map */
        *rex = (unsigned)~p[1] >> 5 & 7;
        *map = p[1] & 31;
        return p + 4;
    }
    if ((*p & 0xf0) == 0x40)
        *rex = *p++ & 15;
    if (*p == 0x0f) {
        *map = 1;
        p++;
        if (*p == 0x38 || *p == 0x3a)
            *map = *p++ == 0x38 ? 2 : 3;
    }
    return p + 1;
}

/* Intel SDM vol. 2, 2.1.5, tables 2-2 and 2-3. */
bool operand_address(const uint8_t *code, const greg_t *g, uint64_t *address)
{
    unsigned rex, map;
    const uint8_t *p = skip_opcode(code, &rex, &map);
    unsigned mod = *p >> 6, rm = *p & 7;
    uint64_t a = 0;
    int32_t disp = 0;

    p++;
    if (mod == 3 || (mod == 0 && rm == 5))
        return false; /* a register; rip-relative: ours, not the guest's */
    unsigned base = rm;
    bool has_base = true;

    if (rm == 4) {
        unsigned index = (*p >> 3 & 7) | (rex & 2) << 2;

        if (index != 4)
            a += (uint64_t)g[context[index]] << (*p >> 6);
        base = *p++ & 7;
        has_base = base != 5 || mod != 0;
    }
    if (has_base)
        a += (uint64_t)g[context[base | (rex & 1) << 3]];
    if (mod == 1)
        disp = (int8_t)*p;
    else if (mod == 2 || !has_base)
        memcpy(&disp, p, sizeof disp);
    *address = a + (uint64_t)(int64_t)disp;
    return true;
}

void operand_decode(const uint8_t *code, struct operand_insn *i)
{
    unsigned rex, map;
    const uint8_t *p = skip_opcode(code, &rex, &map);
    unsigned mod = *p >> 6, rm = *p & 7;

    i->map = (uint8_t)map;
    i->opcode = p[-1];
    i->reg = (uint8_t)((*p >> 3 & 7) | (rex & 4) << 1);
    i->rm = (uint8_t)(rm | (rex & 1) << 3);
    p++;
    if (mod != 3 && rm == 4)
        rm = *p++ & 7;                  /* SIB: its base */
    if (mod == 1)
        p++;
    else if (mod == 2 || (mod == 0 && rm == 5))
        p += 4;
    if (map == 3 || (map == 1 && (i->opcode == 0xc2 || i->opcode == 0xc6)))
        p++;
    i->bytes = (uint8_t)(p - code);
}
