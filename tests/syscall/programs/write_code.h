/* Machine code that the programs here write and run. */
#pragma once

#include <stdint.h>
#include <string.h>

/* "return value", in 8 bytes at most; values up to 2047. No instruction cache is flushed. */
static void write_return(void *at, int value)
{
#ifdef __riscv
    uint32_t code[2] = { 0x513 | (uint32_t)value << 20, 0x8067 };
#elif defined __aarch64__
    uint32_t code[2] = { 0x52800000 | (uint32_t)value << 5, 0xd65f03c0 };
#else
    uint8_t code[8] = { 0xb8, (uint8_t)value, (uint8_t)(value >> 8), 0, 0, 0xc3, 0x90, 0x90 };
#endif
    memcpy(at, code, 8);
}
