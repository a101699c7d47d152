/* The process's first moments as Linux sees it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "frontend/guest.h"
#include "loader/exec_info.h"
#include "loader/options.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/limits.h"
#include "syscall/path.h"
#include "syscall/proc.h"
#include "syscall/seccomp.h"
#include "syscall/sys.h"

struct linux_state linux_state;

/* Where handlers return to if the guest has no vdso: a page of its own. */
static gaddr map_sigreturn(const struct guest_linux *abi)
{
    int64_t page = space_mmap(0, SPACE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page < 0)
        return 0;
    memcpy(host((gaddr)page), abi->sigreturn_code, abi->sigreturn_code_size);
    space_mprotect((gaddr)page, SPACE_PAGE, PROT_READ | PROT_EXEC);
    return (gaddr)page;
}

/* -L as an absolute path without links, so that it can be compared with what the guest names. */
static const char *absolute_root(const char *prefix)
{
    return prefix && strcmp(prefix, "/") != 0 ? realpath(prefix, NULL) : NULL;
}

static void set_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

void linux_init(struct cpu *cpu, const struct exec_info *info)
{
    static struct sighand sighand = { .lock = PTHREAD_MUTEX_INITIALIZER };
    static struct thread *t;
    linux_state = (struct linux_state){
        .guest = info->guest, .abi = info->guest->linux_abi, .task_size = GUEST_TOP,
        .exe = info->exe, .root = absolute_root(info->prefix), .root_fd = -1,
        .arg_start = info->arg_start, .arg_end = info->arg_end,
        .env_start = info->env_start, .env_end = info->env_end,
        .auxv_start = info->auxv, .auxv_end = info->auxv + info->auxv_size,
    };
    linux_state.sigreturn = info->sigreturn ? info->sigreturn : map_sigreturn(linux_state.abi);
    sys_rows_init();
    path_init();
    options_self_fd();
    set_name(info->path);
    proc_tell_kernel(info);
    t = thread_new(cpu);
    if (!t) {
        fprintf(stderr, "dragoman: out of memory\n");
        exit(127);
    }
    t->main = true;
    t->sighand = &sighand;
    t->limits = &limits_process;
    if (options.seccomp_fd != OPTION_UNSET && !seccomp_restore(t, (int)options.seccomp_fd)) {
        fprintf(stderr, "dragoman: descriptor %d holds no seccomp filters\n", (int)options.seccomp_fd);
        exit(OPTIONS_EXIT);
    }
    thread_enter(t);
    signal_init(t);
    trace_init(t, options.traced == OPTION_UNSET ? 0 : options.traced);
    trace_exec_stop(t);
}
