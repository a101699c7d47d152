/* dragoman-hostdis: a filter that disassembles host code in a log.
 *
 * Lines "host 0xADDR: HEX" (log_host_code()) become a disassembly, others pass unchanged. A program of its own, so
 * that capstone's tables and their relocations are no part of the translator. `dragoman -d out_asm` starts it; it
 * can also read a saved log.
 */
#include <capstone/capstone.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the hex digits in place; returns the number of bytes. */
static size_t unhex(char *text)
{
    size_t n = 0;
    while (hex_digit(text[2 * n]) >= 0 && hex_digit(text[2 * n + 1]) >= 0) {
        text[n] = (char)(hex_digit(text[2 * n]) << 4 | hex_digit(text[2 * n + 1]));
        n++;
    }
    return n;
}

static void print_bytes(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
}

static void disassemble(csh engine, const uint8_t *code, size_t len, uint64_t address)
{
    cs_insn *insn = cs_malloc(engine);
    while (insn && len) {
        printf("  %#" PRIx64 "  ", address);
        if (cs_disasm_iter(engine, &code, &len, &address, insn)) {
            print_bytes(insn->bytes, insn->size);
            printf("%*s %s %s\n", 24 - 2 * (int)insn->size, "", insn->mnemonic, insn->op_str);
        } else {
            print_bytes(code, 1);
            printf("%*s .byte %#x\n", 22, "", *code);
            code++;
            len--;
            address++;
        }
    }
    if (insn)
        cs_free(insn, 1);
}

int main(void)
{
    csh engine;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &engine) != CS_ERR_OK)
        return 1;
    signal(SIGINT, SIG_IGN);      /* the terminal's ^C ends the guest; we drain its log */
    char *line = NULL;
    size_t size = 0;
    uint64_t address;
    int at;
    while (getline(&line, &size, stdin) > 0) {
        at = 0;
        if (sscanf(line, "host 0x%" SCNx64 ": %n", &address, &at) == 1 && at) {
            size_t len = unhex(line + at);
            disassemble(engine, (const uint8_t *)line + at, len, address);
            fputc('\n', stdout);
        } else {
            fputs(line, stdout);
        }
        fflush(stdout);
    }
    free(line);
    cs_close(&engine);
    return 0;
}
