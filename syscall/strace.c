/* -strace: a line a call, arguments printed by their kinds in syscall.def. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "debug/log.h"
#include "syscall/access.h"
#include "syscall/flags.h"
#include "syscall/sys.h"

enum { SHOWN = 48, LINE = 2048 };   /* bytes of a buffer or string, of a line */

struct line { char text[LINE]; size_t len; };

static void put(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->len, LINE - l->len, format, args);
    va_end(args);
    if (n > 0)
        l->len = l->len + n < LINE ? l->len + n : LINE - 1;
}

/* --- flags ------------------------------------------------------------------------------------------ */

static void put_flags(struct line *l, const char *set, uint64_t value)
{
    const char *sep = "";
    uint64_t rest = (uint32_t)value, low = rest;
    for (size_t i = 0; i < sys_nflags; i++) {
        const struct sys_flag *f = &sys_flags[i];
        if (strcmp(f->set, set) != 0)
            continue;
        if (f->bit ? (f->value && (low & f->value) == f->value && (rest & f->value))
                   : rest == f->value) {
            put(l, "%s%s", sep, f->name);
            sep = "|";
            rest &= ~f->value;
            if (!f->bit)
                return;
        }
    }
    if (rest || !*sep)
        put(l, "%s%#" PRIx64, sep, rest);
}

/* --- memory ----------------------------------------------------------------------------------------- */

static void put_bytes(struct line *l, gaddr addr, uint64_t len)
{
    unsigned char bytes[SHOWN];
    size_t n = len < SHOWN ? len : SHOWN;
    if (!addr || !copy_from_guest(bytes, addr, n)) {
        put(l, "%#" PRIx64, addr);
        return;
    }
    put(l, "\"");
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            put(l, "\\n");
        else if (bytes[i] == '"' || bytes[i] == '\\')
            put(l, "\\%c", bytes[i]);
        else if (bytes[i] >= ' ' && bytes[i] < 127)
            put(l, "%c", bytes[i]);
        else
            put(l, "\\%03o", bytes[i]);
    }
    put(l, "\"%s", len > n ? "..." : "");
}

static void put_string(struct line *l, gaddr addr)
{
    char text[PATH_MAX];
    if (!addr || copy_str_from_guest(text, addr, sizeof text) < 0)
        put(l, addr ? "%#" PRIx64 : "NULL", addr);
    else
        put(l, "\"%s\"", text);
}

static void put_strings(struct line *l, gaddr addr)
{
    put(l, "[");
    for (int i = 0; i < 16; i++) {
        gaddr str;
        if (!copy_from_guest(&str, addr + 8 * i, 8) || !str)
            break;
        put(l, i ? ", " : "");
        put_string(l, str);
    }
    put(l, "]");
}

static void put_iov(struct line *l, gaddr addr, int64_t count, int64_t bytes)
{
    put(l, "[");
    for (int64_t i = 0; i < count && i < 8; i++) {
        struct iovec v;
        if (!copy_from_guest(&v, addr + i * sizeof v, sizeof v))
            break;
        uint64_t n = bytes < 0 || (uint64_t)bytes > v.iov_len ? v.iov_len : (uint64_t)bytes;
        put(l, i ? ", {" : "{");
        put_bytes(l, (gaddr)(uintptr_t)v.iov_base, n);
        put(l, ", %zu}", v.iov_len);
        if (bytes >= 0)
            bytes -= n;
    }
    put(l, "]");
}

static void put_sigset(struct line *l, uint64_t mask)
{
    put(l, "[");
    for (int i = 1, n = 0; i <= NSIG_GUEST; i++) {
        if (!(mask >> (i - 1) & 1))
            continue;
        const char *name = sigabbrev_np(i);
        if (name)
            put(l, "%s%s", n++ ? " " : "", name);
        else
            put(l, "%s%d", n++ ? " " : "", i);
    }
    put(l, "]");
}

static void put_signo(struct line *l, int signo)
{
    const char *name = sigabbrev_np(signo);
    if (name)
        put(l, "SIG%s", name);
    else
        put(l, "%d", signo);
}

/* --- structs: rows of structs.def ------------------------------------------------------------------- */

static void print_timespec(struct line *l, const void *p)
{
    const struct timespec *ts = p;
    put(l, "{%ld, %ld}", (long)ts->tv_sec, ts->tv_nsec);
}

static void print_timespec2(struct line *l, const void *p)
{
    put(l, "{");
    print_timespec(l, p);
    put(l, ", ");
    print_timespec(l, (const struct timespec *)p + 1);
    put(l, "}");
}

static void print_stat(struct line *l, const void *p)
{
    uint32_t mode;
    int64_t size;
    memcpy(&mode, (const char *)p + 16, 4);
    memcpy(&size, (const char *)p + 48, 8);
    put(l, "{mode=%#o, size=%" PRId64 "}", mode, size);
}

static void print_statx(struct line *l, const void *p)
{
    const struct statx *st = p;
    put(l, "{mode=%#o, size=%" PRIu64 "}", st->stx_mode, (uint64_t)st->stx_size);
}

static void print_int(struct line *l, const void *p)
{
    put(l, "[%d]", *(const int *)p);
}

static void print_pair(struct line *l, const void *p)
{
    put(l, "[%d, %d]", ((const int *)p)[0], ((const int *)p)[1]);
}

static void print_long(struct line *l, const void *p)
{
    put(l, "[%" PRId64 "]", *(const int64_t *)p);
}

static void print_rlimit(struct line *l, const void *p)
{
    const uint64_t *v = p;
    for (int i = 0; i < 2; i++) {
        put(l, i ? ", " : "{");
        if (v[i] == RLIM_INFINITY)
            put(l, "RLIM_INFINITY");
        else
            put(l, "%" PRIu64, v[i]);
    }
    put(l, "}");
}

static void print_sigaction(struct line *l, const void *p)
{
    const uint64_t *v = p;
    if (v[0] < 2)
        put(l, "{%s, ", v[0] ? "SIG_IGN" : "SIG_DFL");
    else
        put(l, "{%#" PRIx64 ", ", v[0]);
    put_flags(l, "sa", v[1]);
    put(l, ", ");
    put_sigset(l, v[linux_state.abi->sa_restorer ? 3 : 2]);
    put(l, "}");
}

static void print_siginfo(struct line *l, const void *p)
{
    const siginfo_t *si = p;
    put(l, "{");
    put_signo(l, si->si_signo);
    put(l, ", code=%d", si->si_code);
    if (si->si_code <= 0 || si->si_signo == SIGCHLD)
        put(l, ", pid=%d}", si->si_pid);
    else
        put(l, ", addr=%p}", si->si_addr);
}

static void print_sigaltstack(struct line *l, const void *p)
{
    const stack_t *ss = p;
    put(l, "{sp=%p, flags=%#x, size=%zu}", ss->ss_sp, ss->ss_flags, ss->ss_size);
}

static void print_sockaddr(struct line *l, const void *p)
{
    const struct sockaddr *sa = p;
    char text[64] = "";
    if (sa->sa_family == AF_UNIX) {
        const char *path = ((const struct sockaddr_un *)p)->sun_path;
        put(l, "{AF_UNIX, \"%s%.60s\"}", *path ? "" : "@", *path ? path : path + 1);
    } else if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = p;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        put(l, "{AF_INET, %s:%d}", text, ntohs(in->sin_port));
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = p;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        put(l, "{AF_INET6, [%s]:%d}", text, ntohs(in->sin6_port));
    } else {
        put(l, "{family=%d}", sa->sa_family);
    }
}

static void print_utsname(struct line *l, const void *p)
{
    const struct utsname *u = p;
    put(l, "{%s, %s, %s, %s}", u->sysname, u->nodename, u->release, u->machine);
}

static void print_clone3(struct line *l, const void *p)
{
    const uint64_t *v = p;
    put(l, "{flags=");
    put_flags(l, "clone", v[0]);
    put(l, ", exit_signal=%" PRIu64 ", stack=%#" PRIx64 ", stack_size=%#" PRIx64 ", tls=%#" PRIx64 "}",
        v[4], v[5], v[6], v[7]);
}

static void print_pollfd(struct line *l, const void *p)
{
    const struct pollfd *f = p;
    put(l, "[{fd=%d, events=%#x, revents=%#x}]", f->fd, f->events, f->revents);
}

struct printer { const char *name; size_t size; void (*print)(struct line *, const void *); };

static const struct printer printers[] = {
#define STRUCT(name, size, fn) { #name, size, fn },
#include "syscall/structs.def"
#undef STRUCT
};

enum { MAX_STRUCT = 512 };
#define STRUCT(name, size, fn) _Static_assert(size <= MAX_STRUCT, #name " is too large");
#include "syscall/structs.def"
#undef STRUCT

static void put_struct(struct line *l, const char *name, gaddr addr)
{
    uint64_t bytes[MAX_STRUCT / 8] = { 0 };
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
        const struct printer *p = &printers[i];
        if (strcmp(p->name, name) != 0 || !p->print || !addr)
            continue;
        bool whole = p->size && copy_from_guest(bytes, addr, p->size);
        if (!whole && (p->size || !copy_from_guest(bytes, addr, 16)))
            break;
        if (!p->size) /* of a size the caller gives: as much as there is */
            for (size_t n = 128; n > 16 && !copy_from_guest(bytes, addr, n); n -= 16)
                ;
        p->print(l, bytes);
        return;
    }
    put(l, addr ? "%#" PRIx64 : "NULL", addr);
}

/* --- one argument, one line -------------------------------------------------------------------------- */

static void put_arg(struct line *l, const struct sys *s, int i, int64_t r)
{
    const struct sys_arg *arg = &s->row->args[i];
    uint64_t v = s->a[i];
    uint64_t n = arg->param && arg->param[0] >= '0' && arg->param[0] <= '9' ? s->a[arg->param[0] - '0'] : 0;
    switch (arg->kind) {
    case KIND_DIRFD:
        if ((int)v == AT_FDCWD) {
            put(l, "AT_FDCWD");
            break;
        }
        /* fall through */
    case KIND_FD: case KIND_INT:
        put(l, "%d", (int)v);
        break;
    case KIND_UINT:
        put(l, "%u", (unsigned)v);
        break;
    case KIND_LEN: case KIND_LONG:
        put(l, "%" PRId64, v);
        break;
    case KIND_HEX:
        put(l, "%#" PRIx64, v);
        break;
    case KIND_MODE:
        put(l, "%#o", (unsigned)v);
        break;
    case KIND_PATH: case KIND_LPATH: case KIND_PATHAT: case KIND_LPATHAT: case KIND_NEWPATH: case KIND_STR:
        put_string(l, v);
        break;
    case KIND_STRV:
        put_strings(l, v);
        break;
    case KIND_INBUF:
        put_bytes(l, v, n);
        break;
    case KIND_OUTBUF:
        r < 0 ? put(l, "%#" PRIx64, v) : put_bytes(l, v, r);
        break;
    case KIND_INIOV:
        put_iov(l, v, n, -1);
        break;
    case KIND_OUTIOV:
        r < 0 ? put(l, "%#" PRIx64, v) : put_iov(l, v, n, r);
        break;
    case KIND_OUTSTRUCT:
        r < 0 ? put(l, "%#" PRIx64, v) : put_struct(l, arg->param, v);
        break;
    case KIND_INSTRUCT: case KIND_IOSTRUCT:
        put_struct(l, arg->param, v);
        break;
    case KIND_SIGSET: case KIND_SIGSETO: {
        uint64_t mask;
        if (v && copy_from_guest(&mask, v, 8))
            put_sigset(l, mask);
        else
            put(l, v ? "%#" PRIx64 : "NULL", v);
        break;
    }
    case KIND_FLAGS:
        put_flags(l, arg->param, v);
        break;
    case KIND_OPENF:
        put_flags(l, "open", sys_open_to_host(v));
        break;
    case KIND_SIG:
        put_signo(l, (int)v);
        break;
    default:
        put(l, v ? "%#" PRIx64 : "NULL", v);
    }
}

static void put_call(struct line *l, const struct sys *s, int64_t r)
{
    put(l, "%d %s(", (int)host_raw1(__NR_gettid, 0), s->row->name);
    for (int i = 0; i < 6 && s->row->args[i].kind; i++) {
        put(l, i ? ", " : "");
        put_arg(l, s, i, r);
    }
    put(l, ")");
}

static void write_line(const struct line *l)
{
    FILE *f = log_begin();
    fputs(l->text, f);
    log_end(f);
}

/* Calls whose return nobody sees, or that start another thread or process that logs too. */
static bool logged_before(const struct sys *s)
{
    sys_fn *fn = s->row->fn;
    return fn == sys_exit || fn == sys_exit_group || fn == sys_execve || fn == sys_execveat ||
           fn == sys_rt_sigreturn;
}

void strace_enter(const struct sys *s)
{
    if (!logged_before(s))
        return;
    struct line l = { .len = 0 };
    put_call(&l, s, -1);
    put(&l, " = ?\n");
    write_line(&l);
}

static void put_result(struct line *l, const struct sys *s, int64_t r)
{
    const char *name = r < 0 && r > -4096 ? strerrorname_np(-r) : NULL;
    if (name)
        put(l, " = -1 %s (%s)\n", name, strerror(-r));
    else if (s->row->result == SYS_RES_HEXA)
        put(l, " = %#" PRIx64 "\n", r);
    else if (s->row->result == SYS_RES_OCT)
        put(l, " = %#" PRIo64 "\n", r);
    else
        put(l, " = %" PRId64 "\n", r);
}

void strace_leave(const struct sys *s, int64_t r)
{
    if (r == -SYS_NO_RESULT)
        return;
    struct line l = { .len = 0 };
    put_call(&l, s, r);
    put_result(&l, s, r);
    write_line(&l);
}

void strace_signal(int signo, const siginfo_t *info)
{
    struct line l = { .len = 0 };
    put(&l, "%d --- ", (int)host_raw1(__NR_gettid, 0));
    put_signo(&l, signo);
    put(&l, " ");
    print_siginfo(&l, info);
    put(&l, " ---\n");
    write_line(&l);
}
