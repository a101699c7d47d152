/* A static position-independent program without a C library: it relocates itself, reads its own stack.
 * expect: below
 * build: -O2 -nostdlib -ffreestanding -fno-stack-protector static-pie; -O0 -nostdlib -ffreestanding static-pie
 * args: one "two words"
 * libs:
 */
#include <elf.h>
#include <link.h>
#include <stddef.h>

#ifdef __riscv
#define CALL "ecall"
#define NUMBER "a7"
#define ARGUMENT(n) "a" #n
__asm__(".globl _start\n"
        "_start: mv a0, sp\n"
        "    lla a1, __ehdr_start\n"
        "    lla a2, _DYNAMIC\n"
        "    andi sp, sp, -16\n"
        "    call begin\n");
#else
#define CALL "svc 0"
#define NUMBER "x8"
#define ARGUMENT(n) "x" #n
__asm__(".globl _start\n"
        "_start: mov x0, sp\n"
        "    adrp x1, __ehdr_start\n"
        "    add x1, x1, :lo12:__ehdr_start\n"
        "    adrp x2, _DYNAMIC\n"
        "    add x2, x2, :lo12:_DYNAMIC\n"
        "    bl begin\n");
#endif

static long call(long number, long a, long b, long c)
{
    register long first __asm__(ARGUMENT(0)) = a;
    register long second __asm__(ARGUMENT(1)) = b;
    register long third __asm__(ARGUMENT(2)) = c;
    register long which __asm__(NUMBER) = number;
    __asm__ volatile(CALL : "+r"(first) : "r"(second), "r"(third), "r"(which) : "memory");
    return first;
}

static void put(const char *text)
{
    size_t length = 0;
    while (text[length]) {
        length++;
    }
    call(64, 1, (long)text, (long)length);
}

static const char *const names[] = { "relocated", "pointers", NULL };
static const char *const *volatile table = names;
static char zeroes[20000];

void begin(const long *stack, char *base, const Elf64_Dyn *dynamic);
void begin(const long *stack, char *base, const Elf64_Dyn *dynamic)
{
    const Elf64_Rela *rela = NULL;
    size_t size = 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_RELA) {
            rela = (const Elf64_Rela *)(base + dynamic->d_un.d_ptr);
        } else if (dynamic->d_tag == DT_RELASZ) {
            size = dynamic->d_un.d_val;
        }
    }
    for (size_t i = 0; i < size / sizeof *rela; i++) {
        *(char **)(base + rela[i].r_offset) = base + rela[i].r_addend;
    }
    for (const char *const *name = table; *name; name++) {
        put(*name);
        put(" ");
    }
    int clear = 1;
    for (size_t i = 0; i < sizeof zeroes; i++) {
        clear &= zeroes[i] == 0;
    }
    put(clear && ((unsigned long)stack & 15) == 0 ? "clear\n" : "dirty\n");
    for (long i = 1; i < stack[0]; i++) {
        put((const char *)stack[i + 1]);
        put("\n");
    }
    call(93, 0, 0, 0);
}
/* output:
relocated pointers clear
one
two words
*/
