/* What a program finds when it starts: the initial stack read back word by word, and what execve takes a file for. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "backend/keep.h"
#include "backend/run.h"
#include "frontend/guest.h"
#include "loader/probe.h"
#include "loader/space.h"
#include "loader/stack.h"

void keep_mapped(gaddr start, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
}

void fault_absent(gaddr addr)
{
}

void cache_invalidate(gaddr start, uint64_t len)
{
}

static const struct guest toy = { .name = "toy", .elf_machine = EM_RISCV, .elf_class = ELFCLASS64,
                                  .hwcap = 0x112d, .hwcap2 = 7, .platform = "toyplatform",
                                  .min_sigstack = 2048 };

const struct guest *guest_by_elf(uint16_t machine, uint8_t elf_class)
{
    return machine == EM_RISCV && elf_class == ELFCLASS64 ? &toy : NULL;
}

static uint64_t word(gaddr at)
{
    uint64_t value;
    memcpy(&value, host(at), sizeof value);
    return value;
}

static uint64_t aux_value(const struct exec_info *info, uint64_t type)
{
    for (gaddr at = info->auxv; at < info->auxv + info->auxv_size; at += 16)
        if (word(at) == type)
            return word(at + 8);
    return UINT64_MAX;
}

static void strings_follow(gaddr *pointers, char *const *want, gaddr start, gaddr end)
{
    gaddr next = start;
    for (; *want; want++, *pointers += 8) {
        assert_int_equal(word(*pointers), next);
        assert_string_equal(host(next), *want);
        next += strlen(*want) + 1;
    }
    assert_int_equal(next, end);
    assert_int_equal(word(*pointers), 0);
    *pointers += 8;
}

static void a_stack_is_as_the_kernel_makes_it(void **state)
{
    char *argv[] = { "prog", "", "third argument", NULL }, *envp[] = { "HOME=/", "X=", NULL };
    struct elf_image program = { .guest = &toy, .entry = 0x10144, .phdr = 0x10040, .phnum = 9, .phentsize = 56 };
    struct elf_image interpreter = { .bias = 0x4000000000 };
    struct stack_args args = { argv, envp, 1 << 20, &program, &interpreter };
    struct exec_info info = { .guest = &toy, .path = "./prog", .vdso = 0x77000 };
    struct elf_error error;
    assert_true(stack_map(&args, &info, &error));
    stack_fill(&args, &info);

    assert_int_equal(info.sp % 16, 0);
    assert_int_equal(word(info.sp), 3);
    gaddr at = info.sp + 8;
    strings_follow(&at, argv, info.arg_start, info.arg_end);
    strings_follow(&at, envp, info.env_start, info.env_end);
    assert_int_equal(at, info.auxv);
    assert_int_equal(info.arg_end, info.env_start);

    assert_int_equal(aux_value(&info, AT_PHDR), 0x10040);
    assert_int_equal(aux_value(&info, AT_PHNUM), 9);
    assert_int_equal(aux_value(&info, AT_ENTRY), 0x10144);
    assert_int_equal(aux_value(&info, AT_BASE), 0x4000000000);
    assert_int_equal(aux_value(&info, AT_PAGESZ), 4096);
    assert_int_equal(aux_value(&info, AT_HWCAP), 0x112d);
    assert_int_equal(aux_value(&info, AT_HWCAP2), 7);
    assert_int_equal(aux_value(&info, AT_SYSINFO_EHDR), 0x77000);
    assert_int_equal(aux_value(&info, AT_MINSIGSTKSZ), 2048);
    assert_string_equal(host(aux_value(&info, AT_EXECFN)), "./prog");
    assert_string_equal(host(aux_value(&info, AT_PLATFORM)), "toyplatform");
    assert_int_equal(word(info.auxv + info.auxv_size - 16), AT_NULL);
    gaddr random = aux_value(&info, AT_RANDOM);
    assert_true(random > info.sp && random + 16 <= info.arg_start);
    assert_true(word(random) && word(random + 8));
    assert_true(space_accessible(info.stack_top - (1 << 20), 1 << 20, PROT_READ | PROT_WRITE));
}

static void long_arguments_are_refused(void **state)
{
    static char text[100001];
    char *argv[64] = { 0 }, *envp[] = { NULL };
    struct elf_image program = { .guest = &toy };
    struct stack_args args = { argv, envp, 8 << 20, &program, NULL };
    struct exec_info info = { .guest = &toy, .path = "prog" };
    struct elf_error error;
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 63; i++)
        argv[i] = text;
    assert_false(stack_map(&args, &info, &error));
    assert_int_equal(error.number, E2BIG);
    assert_int_equal(elf_exit_code(&error), 126);
}

/* fs/binfmt_script.c and the ELF identification. */
static const struct {
    const char *bytes;
    size_t len;
    enum probe_kind kind;
    const char *interpreter, *argument;
} files[] = {
    { "#!/bin/sh\n", 10, PROBE_SCRIPT, "/bin/sh", "" },
    { "#! /bin/sh", 10, PROBE_SCRIPT, "/bin/sh", "" },
    { "#!\t/usr/bin/env\tpython3 -E  \nx", 31, PROBE_SCRIPT, "/usr/bin/env", "python3 -E" },
    { "#!sh -x\n", 8, PROBE_SCRIPT, "sh", "-x" },
    { "#!\n", 3, PROBE_OTHER, "", "" },
    { "#!  \n", 5, PROBE_OTHER, "", "" },
    { "#!/bin/sh\0junk\n", 15, PROBE_SCRIPT, "/bin/sh", "" },
    { "", 0, PROBE_OTHER, "", "" },
    { "echo\n", 5, PROBE_OTHER, "", "" },
    { "\177ELF", 4, PROBE_OTHER, "", "" },
    { "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\363\0", 20, PROBE_GUEST, "", "" },
    { "\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\363\0", 20, PROBE_OTHER, "", "" },
    { "\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\363", 20, PROBE_OTHER, "", "" },
    { "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0", 20, PROBE_NATIVE, "", "" },
};

static void files_are_known_by_their_first_bytes(void **state)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct probe probe;
        probe_bytes(files[i].bytes, files[i].len, &probe);
        if (probe.kind != files[i].kind)
            print_error("row %zu\n", i);
        assert_int_equal(probe.kind, files[i].kind);
        assert_string_equal(probe.interpreter, files[i].interpreter);
        assert_string_equal(probe.argument, files[i].argument);
        assert_int_equal(probe.has_argument, *files[i].argument != 0);
    }
}

static void an_interpreter_that_the_buffer_cuts_is_refused(void **state)
{
    char text[300];
    struct probe probe;
    memset(text, 'a', sizeof text);
    memcpy(text, "#!/", 3);
    probe_bytes(text, sizeof text, &probe);
    assert_int_equal(probe.kind, PROBE_OTHER);
    text[100] = ' ';
    probe_bytes(text, sizeof text, &probe);
    assert_int_equal(probe.kind, PROBE_SCRIPT);
    assert_int_equal(strlen(probe.interpreter), 98);
}

static int start(void **state)
{
    space_init(GUEST_TOP, NULL, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_is_as_the_kernel_makes_it),
        cmocka_unit_test(long_arguments_are_refused),
        cmocka_unit_test(files_are_known_by_their_first_bytes),
        cmocka_unit_test(an_interpreter_that_the_buffer_cuts_is_refused),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
