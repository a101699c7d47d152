#include "loader/stack.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include "frontend/guest.h"
#include "loader/space.h"

enum { MAX_AUXV = 32 };
#define UNLIMITED ((uint64_t)64 << 20)
#define MAX_STACK ((uint64_t)1 << 40)
#define ARGS_MAX ((uint64_t)6 << 20)       /* three quarters of _STK_LIM, fs/exec.c */
#define ARGS_MIN ((uint64_t)128 << 10)

struct builder {
    gaddr top;                             /* everything from here up is in use */
    bool wide;                             /* 64-bit words */
    uint64_t auxv[2 * MAX_AUXV];
    size_t nauxv;
};

static void aux(struct builder *b, uint64_t type, uint64_t value)
{
    b->auxv[b->nauxv++] = type;
    b->auxv[b->nauxv++] = value;
}

static gaddr push_bytes(struct builder *b, const void *bytes, size_t len)
{
    b->top -= len;
    memcpy(host(b->top), bytes, len);
    return b->top;
}

static gaddr push_string(struct builder *b, const char *s)
{
    return push_bytes(b, s, strlen(s) + 1);
}

/* Pushes the strings so that the first lies lowest; returns how many. */
static size_t push_strings(struct builder *b, char *const *strings)
{
    size_t n = 0;
    while (strings[n])
        n++;
    for (size_t i = n; i-- > 0;)
        push_string(b, strings[i]);
    return n;
}

static gaddr put_word(struct builder *b, gaddr at, uint64_t value)
{
    if (b->wide) {
        memcpy(host(at), &value, 8);
        return at + 8;
    }
    uint32_t narrow = (uint32_t)value;
    memcpy(host(at), &narrow, 4);
    return at + 4;
}

/* Pointers to n strings that lie one after the other from `string` up, and NULL. */
static gaddr put_pointers(struct builder *b, gaddr at, size_t n, gaddr string)
{
    for (size_t i = 0; i < n; i++) {
        at = put_word(b, at, string);
        string += strlen(host(string)) + 1;
    }
    return put_word(b, at, 0);
}

static void fill_auxv(struct builder *b, const struct stack_args *args, const struct exec_info *info,
                      gaddr execfn, gaddr platform, gaddr random)
{
    const struct elf_image *program = args->program;
    if (info->vdso)
        aux(b, AT_SYSINFO_EHDR, info->vdso);
    if (info->guest->min_sigstack)
        aux(b, AT_MINSIGSTKSZ, info->guest->min_sigstack);
    aux(b, AT_HWCAP, info->guest->hwcap);
    aux(b, AT_PAGESZ, SPACE_PAGE);
    aux(b, AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK));
    aux(b, AT_PHDR, program->phdr);
    aux(b, AT_PHENT, program->phentsize);
    aux(b, AT_PHNUM, program->phnum);
    aux(b, AT_BASE, args->interpreter ? args->interpreter->bias : 0);
    aux(b, AT_FLAGS, 0);
    aux(b, AT_ENTRY, program->entry);
    aux(b, AT_UID, getauxval(AT_UID));
    aux(b, AT_EUID, getauxval(AT_EUID));
    aux(b, AT_GID, getauxval(AT_GID));
    aux(b, AT_EGID, getauxval(AT_EGID));
    aux(b, AT_SECURE, getauxval(AT_SECURE));
    aux(b, AT_RANDOM, random);
    aux(b, AT_HWCAP2, info->guest->hwcap2);
    aux(b, AT_EXECFN, execfn);
    if (platform)
        aux(b, AT_PLATFORM, platform);
    aux(b, AT_NULL, 0);
}

static uint64_t stack_limit(uint64_t wanted)
{
    struct rlimit limit;
    if (wanted == UINT64_MAX) {
        wanted = UNLIMITED;
        if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
            wanted = limit.rlim_cur;
    }
    if (wanted < ARGS_MIN)
        wanted = ARGS_MIN;
    return wanted < MAX_STACK ? wanted : MAX_STACK;
}

static uint64_t total_length(char *const *strings)
{
    uint64_t total = 8;
    for (size_t i = 0; strings[i]; i++)
        total += strlen(strings[i]) + 1 + 8;
    return total;
}

/* The room for strings and pointers: bprm_stack_limits(). */
static bool args_fit(uint64_t limit, uint64_t total)
{
    uint64_t most = limit / 4 < ARGS_MAX ? limit / 4 : ARGS_MAX;
    return total <= (most > ARGS_MIN ? most : ARGS_MIN);
}

bool stack_map(const struct stack_args *args, struct exec_info *info, struct elf_error *error)
{
    uint64_t limit = stack_limit(args->limit);
    uint64_t total = total_length(args->argv) + total_length(args->envp);
    if (!args_fit(limit, total))
        return elf_fail(error, E2BIG, info->path, "arguments and environment are too long (%llu bytes)",
                        (unsigned long long)total);
    if (limit < 2 * ARGS_MIN)                   /* as much for strings, as the kernel allows it */
        limit += ARGS_MIN;
    int64_t top = space_map_stack(limit, args->program->exec_stack);
    if (top < 0)
        top = space_map_stack(UNLIMITED / 8, args->program->exec_stack);
    if (top < 0)
        return elf_fail(error, ENOMEM, info->path, "no memory for a stack of %llu bytes",
                        (unsigned long long)limit);
    info->stack_top = (gaddr)top;
    return true;
}

void stack_fill(const struct stack_args *args, struct exec_info *info)
{
    struct builder b = { .wide = info->guest->elf_class == ELFCLASS64 };
    uint64_t word = b.wide ? 8 : 4;
    b.top = info->stack_top - 8;
    gaddr execfn = push_string(&b, info->path);
    info->env_end = b.top;
    size_t envc = push_strings(&b, args->envp);
    info->env_start = info->arg_end = b.top;
    size_t argc = push_strings(&b, args->argv);
    info->arg_start = b.top;

    b.top = (b.top - space_random(8192, 16)) & ~(gaddr)15;
    gaddr platform = info->guest->platform ? push_string(&b, info->guest->platform) : 0;
    uint8_t bytes[16];
    space_secret(bytes);
    gaddr random = push_bytes(&b, bytes, sizeof bytes);
    fill_auxv(&b, args, info, execfn, platform, random);

    uint64_t words = 1 + argc + 1 + envc + 1 + b.nauxv;
    info->sp = (b.top - words * word) & ~(gaddr)15;
    gaddr at = put_word(&b, info->sp, argc);
    at = put_pointers(&b, at, argc, info->arg_start);
    at = put_pointers(&b, at, envc, info->env_start);
    info->auxv = at;
    info->auxv_size = (uint32_t)(b.nauxv * word);
    for (size_t i = 0; i < b.nauxv; i++)
        at = put_word(&b, at, b.auxv[i]);
}
