/* dragoman --syscalls: every system call of every guest, and how it is answered. */
#include "syscall/coverage.h"

#include <string.h>

#include "frontend/guest.h"
#include "syscall/sys.h"

static const char *const how_words[] = {
    [SYS_PASS] = "passed on", [SYS_CONV] = "converted", [SYS_CALL] = "emulated", [SYS_DENY] = "refused",
};

static enum call call_of(const struct guest *guest, uint32_t nr)
{
    const struct guest_linux *abi = guest->linux_abi;
    return nr < abi->nnumbers ? abi->numbers[nr] : CALL_none;
}

/* The guests of which number `nr` is call `id`, as "riscv64,aarch64"; "all" where it is everybody's. */
static const char *whose(uint32_t nr, enum call id, char *text, size_t size)
{
    const struct guest *guest;
    unsigned all = 0, some = 0;
    size_t len = 0;
    text[0] = 0;
    for (; (guest = guest_by_index(all)); all++) {
        if (call_of(guest, nr) != id)
            continue;
        len += snprintf(text + len, len < size ? size - len : 0, "%s%s", some++ ? "," : "", guest->name);
    }
    return some == all ? "all" : text;
}

static void print_row(FILE *f, uint32_t nr, enum call id)
{
    const struct sys_row *row = &sys_rows[id];
    char guests[128];
    fprintf(f, "%4u  %-24s %-8s %s", nr, row->name, whose(nr, id, guests, sizeof guests), how_words[row->how]);
    if (row->how == SYS_DENY)
        fprintf(f, " with %s: %s", strerrorname_np(row->denied), row->why);
    fputc('\n', f);
}

void coverage_print(FILE *f)
{
    const struct guest *guest;
    uint32_t end = 0;
    for (unsigned i = 0; (guest = guest_by_index(i)); i++)
        end = guest->linux_abi->nnumbers > end ? guest->linux_abi->nnumbers : end;
    for (uint32_t nr = 0; nr < end; nr++) {
        for (unsigned i = 0; (guest = guest_by_index(i)); i++) {
            enum call id = call_of(guest, nr);
            bool seen = !id;
            for (unsigned j = 0; j < i && !seen; j++)
                seen = call_of(guest_by_index(j), nr) == id;
            if (!seen)
                print_row(f, nr, id);
        }
    }
}
