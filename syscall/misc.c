/* Identity of system and process: uname, prctl, what the CPU can do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "syscall/access.h"
#include "syscall/seccomp.h"
#include "syscall/sys.h"

int64_t sys_uname(struct sys *s)
{
    struct utsname u;
    int64_t r = host_raw1(__NR_uname, &u);
    if (r < 0)
        return r;
    snprintf(u.machine, sizeof u.machine, "%s", linux_state.abi->machine);
    if (linux_state.uname_release)
        snprintf(u.release, sizeof u.release, "%s", linux_state.uname_release);
    return copy_to_guest(s->a[0], &u, sizeof u) ? 0 : -EFAULT;
}

/* --- prctl ------------------------------------------------------------------------------------------ */

static int64_t prctl_pass(struct sys *s)
{
    return sys_host(s, __NR_prctl);
}

static int64_t prctl_addr(struct sys *s)
{
    return s->a[1] >= linux_state.task_size ? -EFAULT : prctl_pass(s);
}

static int64_t prctl_tid_address(struct sys *s)
{
    return copy_to_guest(s->a[1], &s->t->clear_tid, 8) ? 0 : -EFAULT;
}

/* kernel/sys.c, prctl_get_auxv(): as much as there is room for; the result is the whole size. */
static int64_t prctl_auxv(struct sys *s)
{
    uint64_t size = linux_state.auxv_end - linux_state.auxv_start;
    char bytes[1024];
    if (s->a[3] || s->a[4])
        return -EINVAL;
    uint64_t n = size < s->a[2] ? size : s->a[2];
    if (n > sizeof bytes || !copy_from_guest(bytes, linux_state.auxv_start, n) || !copy_to_guest(s->a[1], bytes, n))
        return -EFAULT;
    return (int64_t)size;
}

static const struct { int option, denied; sys_fn *fn; } prctl_rows[] = {
#define PASS 0, prctl_pass
#define ADDR 0, prctl_addr
#define CALL(fn) 0, fn
#define DENY(err) err, NULL
#define PRCTL(option, number, what) { number, what },
#include "syscall/prctl.def"
#undef PRCTL
#undef PASS
#undef ADDR
#undef CALL
#undef DENY
};

int64_t sys_prctl(struct sys *s)
{
    for (size_t i = 0; i < sizeof prctl_rows / sizeof *prctl_rows; i++)
        if (prctl_rows[i].option == (int)s->a[0])
            return prctl_rows[i].fn ? prctl_rows[i].fn(s) : -prctl_rows[i].denied;
    return -EINVAL;
}

/* --- riscv_hwprobe (Documentation/arch/riscv/hwprobe.rst) --------------------------------------------- */

static bool hwprobe_value(int64_t key, uint64_t *value)
{
    *value = 0;
    return linux_state.abi->hwprobe && linux_state.abi->hwprobe(key, value);
}

enum { HWPROBE_WHICH_CPUS = 1, CPU_SET_BYTES = 1024 };

/* RISCV_HWPROBE_WHICH_CPUS: of the CPUs in the set (all, if it is empty) those with these values stay in it. All are
 * alike here. */
static int64_t hwprobe_which_cpus(struct sys *s)
{
    static const char empty[CPU_SET_BYTES];
    char set[CPU_SET_BYTES] = { 0 };
    uint64_t size = s->a[2] < sizeof set ? s->a[2] : sizeof set;
    bool all = true;
    if (!s->a[2] || !s->a[3])
        return -EINVAL;
    if (!copy_from_guest(set, s->a[3], size))
        return -EFAULT;
    if (memcmp(set, empty, sizeof set) == 0)
        host_raw3(__NR_sched_getaffinity, 0, sizeof set, set);
    for (uint64_t i = 0; i < s->a[1]; i++) {
        struct { int64_t key; uint64_t value; } pair;
        uint64_t value;
        if (!copy_from_guest(&pair, s->a[0] + i * sizeof pair, sizeof pair))
            return -EFAULT;
        if (!hwprobe_value(pair.key, &value)) {
            pair.key = -1;
            pair.value = 0;
            if (!copy_to_guest(s->a[0] + i * sizeof pair, &pair, sizeof pair))
                return -EFAULT;
            all = false;
        } else if (value != pair.value) {
            all = false;
        }
    }
    return copy_to_guest(s->a[3], all ? set : empty, size) ? 0 : -EFAULT;
}

int64_t sys_riscv_hwprobe(struct sys *s)
{
    if (s->a[4] == HWPROBE_WHICH_CPUS)
        return hwprobe_which_cpus(s);
    if (s->a[4] || (s->a[2] && !s->a[3]))   /* with a CPU set, all of its CPUs are alike */
        return -EINVAL;
    for (uint64_t i = 0; i < s->a[1]; i++) {
        struct { int64_t key; uint64_t value; } pair;
        gaddr at = s->a[0] + i * sizeof pair;
        if (!copy_from_guest(&pair.key, at, 8))
            return -EFAULT;
        if (!hwprobe_value(pair.key, &pair.value))
            pair.key = -1;
        if (!copy_to_guest(at, &pair, sizeof pair))
            return -EFAULT;
    }
    return 0;
}
