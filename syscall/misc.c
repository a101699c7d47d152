/* Identity of system and process: uname, prctl, what the CPU can do. */
#include <errno.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "syscall/access.h"
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

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

enum { PASS = -1, ADDR = -2 };

static const struct { int option, what; } prctl_rows[] = {
#define PRCTL(option, what) { option, what },
#include "syscall/prctl.def"
#undef PRCTL
};

int64_t sys_prctl(struct sys *s)
{
    for (size_t i = 0; i < sizeof prctl_rows / sizeof *prctl_rows; i++) {
        if (prctl_rows[i].option != (int)s->a[0])
            continue;
        if (prctl_rows[i].what > 0)
            return -prctl_rows[i].what;
        if (prctl_rows[i].what == ADDR && s->a[1] >= linux_state.task_size)
            return -EFAULT;
        return sys_host(s, __NR_prctl);
    }
    return -EINVAL;
}

/* --- riscv_hwprobe (Documentation/arch/riscv/hwprobe.rst) --------------------------------------------- */

int64_t sys_riscv_hwprobe(struct sys *s)
{
    if (s->a[4] || (s->a[2] && !s->a[3]))   /* no flags; with a CPU set, all of its CPUs are alike */
        return -EINVAL;
    for (uint64_t i = 0; i < s->a[1]; i++) {
        struct { int64_t key; uint64_t value; } pair;
        gaddr at = s->a[0] + i * sizeof pair;
        if (!copy_from_guest(&pair.key, at, 8))
            return -EFAULT;
        pair.value = 0;
        if (!linux_state.abi->hwprobe || !linux_state.abi->hwprobe(pair.key, &pair.value))
            pair.key = -1;
        if (!copy_to_guest(at, &pair, sizeof pair))
            return -EFAULT;
    }
    return 0;
}
