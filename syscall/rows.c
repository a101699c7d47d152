/* syscall.def and kinds.def as arrays. */
#include <errno.h>

#include "syscall/sys.h"

const struct sys_kind sys_kinds[NKINDS] = {
    { "none", 0 },
#define KIND(name, flags, doc) { #name, flags },
#include "syscall/kinds.def"
#undef KIND
};

/* Kinds as they are written in syscall.def. */
#define ARG(k) { KIND_##k, NULL }
#define ARGP(k, p) { KIND_##k, #p }
#define FD ARG(FD)
#define DIRFD ARG(DIRFD)
#define PATH ARG(PATH)
#define LPATH ARG(LPATH)
#define PATHAT(n) ARGP(PATHAT, n)
#define LPATHAT(n) ARGP(LPATHAT, n)
#define NEWPATH ARG(NEWPATH)
#define STR ARG(STR)
#define INBUF(n) ARGP(INBUF, n)
#define OUTBUF(n) ARGP(OUTBUF, n)
#define INSTRUCT(x) ARGP(INSTRUCT, x)
#define OUTSTRUCT(x) ARGP(OUTSTRUCT, x)
#define IOSTRUCT(x) ARGP(IOSTRUCT, x)
#define INIOV(n) ARGP(INIOV, n)
#define OUTIOV(n) ARGP(OUTIOV, n)
#define SIGSET ARG(SIGSET)
#define SIGSETO ARG(SIGSETO)
#define STRV ARG(STRV)
#define MEM ARG(MEM)
#define ADDR ARG(ADDR)
#define LEN ARG(LEN)
#define INT ARG(INT)
#define UINT ARG(UINT)
#define LONG ARG(LONG)
#define HEX ARG(HEX)
#define MODE ARG(MODE)
#define DEV ARG(DEV)
#define FLAGS(x) ARGP(FLAGS, x)
#define OPENF ARG(OPENF)
#define SIG ARG(SIG)

const struct sys_row sys_rows[NCALLS] = {
#define ROW(name, fn, nr, err, why, how, res, ...) \
    [CALL_##name] = { #name, fn, nr, err, why, SYS_##how, SYS_RES_##res, { __VA_ARGS__ } },
#define PASS(name, res, ...) ROW(name, sys_pass, __NR_##name, 0, NULL, PASS, res, __VA_ARGS__)
#define CONV(name, res, ...) ROW(name, sys_##name, -1, 0, NULL, CONV, res, __VA_ARGS__)
#define CALL(name, res, ...) ROW(name, sys_##name, -1, 0, NULL, CALL, res, __VA_ARGS__)
#define DENY(name, err, why, ...) ROW(name, sys_denied, -1, err, why, DENY, DEC, __VA_ARGS__)
#include "syscall/syscall.def"
};

struct sys_masks sys_masks[NCALLS];

void sys_rows_init(void)
{
    for (int id = 1; id < NCALLS; id++) {
        for (int i = 0; i < 6; i++) {
            unsigned flags = sys_kinds[sys_rows[id].args[i].kind].flags;
            if (flags & FDARG)
                sys_masks[id].fds |= 1u << i;
            if (flags & PTR)
                sys_masks[id].ptrs |= 1u << i;
            if (flags & PATHARG)
                sys_masks[id].paths |= 1u << i;
            if (flags & OPENARG)
                sys_masks[id].open |= 1u << i;
            sys_masks[id].any |= (flags != 0) << i;
        }
    }
}
