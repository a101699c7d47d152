/* Disassembles a file of a guest's instructions, for comparisons with objdump: one line an instruction,
 * "<offset in hex>\t<text>". The first instruction is at address 0. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "frontend/aarch64/disas.h"
#include "frontend/riscv/disas.h"

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: disas_blob riscv64|aarch64 FILE\n");
        return 2;
    }
    int (*disas)(const uint8_t *, size_t, gaddr, char *, size_t) =
        strcmp(argv[1], "aarch64") ? riscv_disas : aarch64_disas;
    FILE *f = fopen(argv[2], "rb");
    if (!f || fseek(f, 0, SEEK_END)) {
        perror(argv[2]);
        return 1;
    }
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *code = malloc(size + 1);
    if (!code || fread(code, 1, size, f) != size) {
        fprintf(stderr, "%s: short read\n", argv[2]);
        return 1;
    }
    char text[96];
    for (size_t at = 0; at < size;) {
        int n = disas(code + at, size - at, at, text, sizeof(text));
        if (n == 0)
            break;
        printf("%zx\t%s\n", at, text);
        at += (size_t)n;
    }
    free(code);
    fclose(f);
    return 0;
}
