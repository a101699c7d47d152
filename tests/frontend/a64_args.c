/* Decodes a file of AArch64 instructions: one line an instruction, "<row> <instruction> <arg>=<value>...",
 * or "undefined". The trans_ functions here accept all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "frontend/a64_decode.h"

#define PRINT(arg) printf(" " #arg "=%lld", (long long)a->arg);
#define STUB(name, NAME, set)                                      \
    bool a64_##name(A64_CTX *ctx, const struct arg_##set *a)       \
    {                                                              \
        printf(" " #name);                                         \
        A64_ARGS_##set(PRINT)                                      \
        return true;                                               \
    }
A64_INSNS(STUB)

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!f) {
        fprintf(stderr, "usage: a64_args FILE\n");
        return 2;
    }
    uint32_t word;
    while (fread(&word, sizeof(word), 1, f) == 1) {
        int row = a64_row(word);
        printf("%s", row < 0 ? "undefined" : a64_rows[row].name);
        bool ok = a64_decode(NULL, word);
        printf("\n");
        if (ok != (row >= 0)) {
            fprintf(stderr, "%#" PRIx32 ": decoder and disassembler disagree\n", word);
            return 1;
        }
    }
    fclose(f);
    return 0;
}
