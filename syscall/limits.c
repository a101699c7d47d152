#include "syscall/limits.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/sys.h"

static const int resources[NLIMITS] = { RLIMIT_AS, RLIMIT_DATA };
static const char *const names[NLIMITS] = { "Max address space", "Max data size" };

struct limits limits_process;

static int64_t host_limit(int resource, const struct rlimit *set, struct rlimit *get)
{
    return host_raw4(__NR_prlimit64, 0, resource, set, get);
}

static bool same(const struct rlimit *a, const struct rlimit *b)
{
    return a->rlim_cur == b->rlim_cur && a->rlim_max == b->rlim_max;
}

/* --- the host's limits ---------------------------------------------------------------------------------- */

static void raise_host(struct limits *l, int i)
{
    struct rlimit most = { RLIM_INFINITY, RLIM_INFINITY };
    if (l->host[i].rlim_cur == RLIM_INFINITY)
        return;
    if (host_limit(resources[i], &most, NULL) < 0) {
        most.rlim_cur = most.rlim_max = l->host[i].rlim_max;
        if (host_limit(resources[i], &most, NULL) < 0)
            return;
    }
    l->host[i] = most;
}

static void tell_space(const struct limits *l)
{
    if (l == &limits_process)
        space_set_limits(l->guest[0].rlim_cur, l->guest[1].rlim_cur, l->guest[1].rlim_max);
}

/* Takes over what another process has made of our limits: it is meant for the guest, and the translator needs memory of its own.
 * Space's write lock held. */
static void look(struct limits *l, int i)
{
    struct rlimit now;
    if (host_limit(resources[i], NULL, &now) < 0 || same(&now, &l->host[i]))
        return;
    l->host[i] = l->guest[i] = now;
    raise_host(l, i);
    tell_space(l);
}

/* --- from one program to the next ----------------------------------------------------------------------- */

static bool parse(const char *text, struct rlimit out[NLIMITS])
{
    unsigned long long v[2 * NLIMITS];
    int n = 0;
    if (sscanf(text, "%llu:%llu:%llu:%llu%n", &v[0], &v[1], &v[2], &v[3], &n) != 2 * NLIMITS || text[n])
        return false;
    for (int i = 0; i < NLIMITS; i++)
        out[i] = (struct rlimit){ v[2 * i], v[2 * i + 1] };
    return true;
}

bool limits_valid(const char *handed)
{
    struct rlimit ignored[NLIMITS];
    return parse(handed, ignored);
}

void limits_start(const char *handed)
{
    for (int i = 0; i < NLIMITS; i++) {
        limits_process.host[i] = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
        host_limit(resources[i], NULL, &limits_process.host[i]);
        limits_process.guest[i] = limits_process.host[i];
    }
    if (handed)
        parse(handed, limits_process.guest);
    for (int i = 0; i < NLIMITS; i++)
        raise_host(&limits_process, i);
    space_write_lock();
    tell_space(&limits_process);
    space_write_unlock();
}

const char *limits_word(const struct thread *t, char out[LIMITS_WORD])
{
    const struct limits *l = t->limits;
    bool differ = false;
    for (int i = 0; i < NLIMITS; i++)
        differ |= !same(&l->guest[i], &l->host[i]);
    if (!differ)
        return NULL;
    snprintf(out, LIMITS_WORD, "%llu:%llu:%llu:%llu", (unsigned long long)l->guest[0].rlim_cur,
             (unsigned long long)l->guest[0].rlim_max, (unsigned long long)l->guest[1].rlim_cur,
             (unsigned long long)l->guest[1].rlim_max);
    return out;
}

void limits_before_native(struct thread *t)
{
    struct limits *l = t->limits;
    for (int i = 0; i < NLIMITS; i++)
        if (!same(&l->guest[i], &l->host[i]) && host_limit(resources[i], &l->guest[i], NULL) == 0)
            l->host[i] = l->guest[i];
}

void limits_native_failed(struct thread *t)
{
    for (int i = 0; i < NLIMITS; i++)
        raise_host(t->limits, i);
}

void limits_after_fork(struct thread *t)
{
    if (t->limits == &limits_process)
        return;
    space_write_lock();
    limits_process = *t->limits;
    t->limits = &limits_process;
    tell_space(&limits_process);
    space_write_unlock();
}

/* --- the calls ------------------------------------------------------------------------------------------ */

static int index_of(uint64_t resource)
{
    for (int i = 0; i < NLIMITS; i++)
        if ((uint32_t)resource == (uint32_t)resources[i])
            return i;
    return -1;
}

/* The first user namespace has the inode number PROC_USER_INIT_INO (linux/proc_ns.h). */
bool limits_capable(int capability)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct caps[2] = { { 0 } };
    struct stat st;
    return host_raw2(__NR_capget, &head, caps) == 0 && (caps[capability / 32].effective >> capability % 32 & 1) &&
           (stat("/proc/self/ns/user", &st) < 0 || st.st_ino == 0xeffffffd);
}

static int64_t set_limit(struct limits *l, int i, const struct rlimit *new)
{
    if (new->rlim_cur > new->rlim_max)
        return -EINVAL;
    if (new->rlim_max > l->guest[i].rlim_max && !limits_capable(CAP_SYS_RESOURCE))
        return -EPERM;
    l->guest[i] = *new;
    raise_host(l, i);
    tell_space(l);
    return 0;
}

/* kernel/sys.c, do_prlimit(), for one that is kept here; new_at or old_at may be 0. */
static int64_t limit_call(struct sys *s, int i, gaddr new_at, gaddr old_at)
{
    struct limits *l = s->t->limits;
    struct rlimit new, old;
    if (new_at && !copy_from_guest(&new, new_at, sizeof new))
        return -EFAULT;
    space_write_lock();
    look(l, i);
    old = l->guest[i];
    int64_t r = new_at ? set_limit(l, i, &new) : 0;
    space_write_unlock();
    return r == 0 && old_at && !copy_to_guest(old_at, &old, sizeof old) ? -EFAULT : r;
}

/* RLIMIT_CORE decides who takes the default action of some signals. */
static int64_t limit_was_set(struct sys *s, uint64_t resource, int64_t r)
{
    if (r == 0 && (uint32_t)resource == RLIMIT_CORE)
        signal_core_limit(s->t);
    return r;
}

int64_t sys_getrlimit(struct sys *s)
{
    int i = index_of(s->a[0]);
    if (i < 0)
        return sys_host(s, __NR_getrlimit);
    return s->a[1] ? limit_call(s, i, 0, s->a[1]) : -EFAULT;
}

int64_t sys_setrlimit(struct sys *s)
{
    int i = index_of(s->a[0]);
    if (i < 0)
        return limit_was_set(s, s->a[0], sys_host(s, __NR_setrlimit));
    return s->a[1] ? limit_call(s, i, s->a[1], 0) : -EFAULT;
}

int64_t sys_prlimit64(struct sys *s)
{
    uint32_t pid = (uint32_t)s->a[0];
    int i = index_of(s->a[1]);
    bool own = !pid || pid == s->t->tid || pid == (uint32_t)getpid();
    if (i >= 0 && own)
        return limit_call(s, i, s->a[2], s->a[3]);
    int64_t r = sys_host(s, __NR_prlimit64);
    return s->a[2] && own ? limit_was_set(s, s->a[1], r) : r;
}

/* --- /proc/self/limits ---------------------------------------------------------------------------------- */

static void print_value(FILE *f, rlim_t value)
{
    if (value == RLIM_INFINITY)
        fprintf(f, "%-20s ", "unlimited");
    else
        fprintf(f, "%-20llu ", (unsigned long long)value);
}

void limits_print(FILE *f, const struct thread *t)
{
    char line[256];
    FILE *in = fopen("/proc/self/limits", "re");
    space_write_lock();
    for (int i = 0; i < NLIMITS; i++)
        look(t->limits, i);
    space_write_unlock();
    while (in && fgets(line, sizeof line, in)) {
        int i = 0;
        while (i < NLIMITS && strncmp(line, names[i], strlen(names[i])) != 0)
            i++;
        if (i == NLIMITS) {
            fputs(line, f);
            continue;
        }
        fprintf(f, "%-25s ", names[i]);   /* fs/proc/base.c, proc_pid_limits() */
        print_value(f, t->limits->guest[i].rlim_cur);
        print_value(f, t->limits->guest[i].rlim_max);
        fprintf(f, "%-10s\n", "bytes");
    }
    if (in)
        fclose(in);
}
