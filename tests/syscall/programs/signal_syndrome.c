/* The esr_context of a fault's frame: was it a read, a write or a fetch, was the page there. None for a sent signal.
 * build: -O2 dynamic; -O1 static
 * guest: aarch64
 * expect: below
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf out;
static volatile uint64_t esr, address;

static void on_fault(int number, siginfo_t *info, void *data)
{
    ucontext_t *context = data;
    struct _aarch64_ctx *record = (void *)context->uc_mcontext.__reserved;
    (void)info;
    esr = 0;
    address = context->uc_mcontext.fault_address;
    for (; record->magic; record = (void *)((char *)record + record->size))
        if (record->magic == ESR_MAGIC)
            esr = ((struct esr_context *)(void *)record)->esr;
    if (number != SIGUSR1)
        siglongjmp(out, 1);
}

static void show(const char *what, const void *at)
{
    printf("%s: class %x, write %d, status %x, address %d\n", what, (unsigned)(esr >> 26), (int)(esr >> 6 & 1), (unsigned)(esr & 63),
           address == (uint64_t)at);
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
    char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *volatile there = page, *volatile gone = page + 4096;
    munmap(page + 4096, 4096);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    if (sigsetjmp(out, 1) == 0)
        *(volatile char *)gone;
    show("read", gone);
    if (sigsetjmp(out, 1) == 0)
        *(volatile char *)(gone + 8) = 1;
    show("write", gone + 8);
    if (sigsetjmp(out, 1) == 0)
        *(volatile char *)(there + 16) = 1;
    show("write to what is read-only", there + 16);
    if (sigsetjmp(out, 1) == 0)
        __atomic_fetch_add((volatile int *)(there + 32), 1, __ATOMIC_SEQ_CST);
    show("atomic", there + 32);
    if (sigsetjmp(out, 1) == 0)
        ((void (*)(void))(gone + 64))();
    show("fetch", gone + 64);
    if (sigsetjmp(out, 1) == 0)
        ((void (*)(void))(there + 64))();
    show("fetch of what is not executable", there + 64);
    raise(SIGUSR1);
    printf("sent: %d\n", (int)esr);
    return 0;
}

/* output:
read: class 24, write 0, status 7, address 1
write: class 24, write 1, status 7, address 1
write to what is read-only: class 24, write 1, status f, address 1
atomic: class 24, write 1, status f, address 1
fetch: class 20, write 0, status 7, address 1
fetch of what is not executable: class 20, write 0, status f, address 1
sent: 0
*/
