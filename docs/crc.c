/* The program that docs/tour.md follows: a CRC-32 by table. With an argument, the table becomes unreadable first, and a
 * handler prints what the kernel tells of the registers at the fault. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

_Alignas(4096) static uint32_t table[1024];

uint32_t crc32(const uint8_t *p, const uint8_t *end);

__attribute__((noipa)) uint32_t crc32(const uint8_t *p, const uint8_t *end)
{
    uint32_t c = 0xffffffff;

    while (p != end)
        c = table[(c ^ *p++) & 0xff] ^ c >> 8;
    return ~c;
}

static void handler(int signo, siginfo_t *si, void *context)
{
    const ucontext_t *uc = context;
    const unsigned long *x = uc->uc_mcontext.__gregs;

    printf("signal %d, address %p, table + %#lx\n", signo, si->si_addr,
           (unsigned long)((char *)si->si_addr - (char *)table));
    printf("pc %#lx  a5 %#lx  a4 %#lx  a3 %#lx\n", x[0], x[15], x[14], x[13]);
    exit(0);
}

int main(int argc, char **)
{
    static const uint8_t text[] = "123456789";

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    if (argc > 1) {
        sigaction(SIGSEGV, &(struct sigaction){ .sa_sigaction = handler, .sa_flags = SA_SIGINFO }, NULL);
        mprotect(table, sizeof table, PROT_NONE);
    }
    printf("%08x\n", crc32(text, text + 9));
    return 0;
}
