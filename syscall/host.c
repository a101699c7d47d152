/* The few places where the exact host instruction matters (host.h). */
#include "syscall/host.h"

#include <ucontext.h>

extern const char host_call_begin[], host_call_end[], host_call_out[];
extern const char host_copy_begin[], host_copy_end[], host_copy_fail[];
extern const char host_cmpxchg_begin[], host_cmpxchg_end[], host_cmpxchg_fail[];

/* host_call: rdi pending, rsi nr, rdx a, rcx b, r8 c, r9 d, 8(rsp) e, 16(rsp) f. From host_call_begin up to and including the
 * syscall instruction the handler may divert to host_call_out; what lies between has no side effects. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl host_call\n"
        ".type host_call, @function\n"
        "host_call:\n"
        "    mov %rdi, %r11\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %rdi\n"
        "    mov %rcx, %rsi\n"
        "    mov %r8, %rdx\n"
        "    mov %r9, %r10\n"
        "    mov 8(%rsp), %r8\n"
        "    mov 16(%rsp), %r9\n"
        "host_call_begin:\n"
        "    cmpl $0, (%r11)\n"
        "    jne host_call_out\n"
        "    syscall\n"
        "host_call_end:\n"
        "    ret\n"
        "host_call_out:\n"
        "    mov $-4200, %rax\n"
        "    ret\n"
        ".size host_call, . - host_call\n"
        "\n"
        ".globl host_copy\n"
        ".type host_copy, @function\n"
        "host_copy:\n"
        "    mov %rdx, %rcx\n"
        "host_copy_begin:\n"
        "    rep movsb\n"
        "host_copy_end:\n"
        "host_copy_fail:\n"
        "    mov %rcx, %rax\n"
        "    ret\n"
        ".size host_copy, . - host_copy\n"
        "\n"
        ".globl host_cmpxchg\n"
        ".type host_cmpxchg, @function\n"
        "host_cmpxchg:\n"
        "    mov %esi, %eax\n"
        "    mov %rcx, %rsi\n"
        "host_cmpxchg_begin:\n"
        "    lock cmpxchg %edx, (%rdi)\n"
        "host_cmpxchg_end:\n"
        "    mov %eax, (%rsi)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "host_cmpxchg_fail:\n"
        "    mov $1, %eax\n"
        "    ret\n"
        ".size host_cmpxchg, . - host_cmpxchg\n"
        "\n"
        ".globl host_sigreturn\n"
        ".type host_sigreturn, @function\n"
        "host_sigreturn:\n"
        "    mov $15, %eax\n"
        "    syscall\n"
        "    hlt\n"
        ".size host_sigreturn, . - host_sigreturn\n"
        "\n"
        ".globl host_clone3\n"
        ".type host_clone3, @function\n"
        "host_clone3:\n"
        "    mov %rdx, %r8\n"
        "    mov %rcx, %r9\n"
        "    mov $435, %eax\n"
        "    syscall\n"
        "    test %rax, %rax\n"
        "    jz 1f\n"
        "    ret\n"
        "1:  xor %ebp, %ebp\n"
        "    and $-16, %rsp\n"
        "    mov %r9, %rdi\n"
        "    call *%r8\n"
        "    hlt\n"
        ".size host_clone3, . - host_clone3\n");

_Static_assert(SYS_RESTART == 4200, "host_call_out returns it as a literal");

void host_call_abort(void *context)
{
    ucontext_t *uc = context;
    uintptr_t pc = uc->uc_mcontext.gregs[REG_RIP];
    if (pc >= (uintptr_t)host_call_begin && pc < (uintptr_t)host_call_end)
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)host_call_out;
}

/* Instructions that may fault on guest memory, and where to go on then. */
static const struct { const char *begin, *end, *fail; } fixups[] = {
    { host_copy_begin, host_copy_end, host_copy_fail },
    { host_cmpxchg_begin, host_cmpxchg_end, host_cmpxchg_fail },
};

bool host_copy_fault(void *context)
{
    ucontext_t *uc = context;
    uintptr_t pc = uc->uc_mcontext.gregs[REG_RIP];
    for (size_t i = 0; i < sizeof fixups / sizeof *fixups; i++) {
        if (pc >= (uintptr_t)fixups[i].begin && pc < (uintptr_t)fixups[i].end) {
            uc->uc_mcontext.gregs[REG_RIP] = (greg_t)fixups[i].fail;
            return true;
        }
    }
    return false;
}
