/* dragoman: from the command line to the run loop.
 *
 * The order is the kernel's in execve: find out what the file is (scripts lead to their interpreter), map the
 * program, the stack, the program's interpreter and the vdso, fill the stack, start the first thread.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/first.h"
#include "backend/keep.h"
#include "backend/run.h"
#include "binfmt/binfmt.h"
#include "chroot/chroot.h"
#include "chroot/rootfs.h"
#include "debug/log.h"
#include "debug/perfmap.h"
#include "frontend/guest.h"
#include "frontend/translate.h"
#include "ir/passes/pass.h"
#include "loader/elf.h"
#include "loader/exec_info.h"
#include "loader/options.h"
#include "loader/probe.h"
#include "loader/space.h"
#include "loader/stack.h"
#include "syscall/limits.h"
#include "syscall/seccomp.h"

#define DEFAULT_CACHE ((uint64_t)64 << 20)
#define DEFAULT_DISK_CACHE ((uint64_t)1 << 30)

/* What is to be started. */
struct program {
    int fd;
    const char *file;            /* the ELF file's path: of scripts, their interpreter's */
    char **argv;
    size_t argc;
};

_Noreturn static void die(const struct elf_error *error)
{
    fprintf(stderr, "dragoman: %s: %s\n", error->file, error->reason);
    exit(elf_exit_code(error));
}

__attribute__((noreturn))
static void die_of(int number, const char *file, const char *reason)
{
    struct elf_error error;
    elf_fail(&error, number, file, "%s", reason);
    die(&error);
}

static void *must(void *p)
{
    if (!p)
        die_of(ENOMEM, "dragoman", "out of memory");
    return p;
}

/* --- what to start */

static void open_program(struct program *p, const char *path)
{
    p->file = path;
    p->fd = probe_open(options.prefix, path);
    if (p->fd < 0)
        die_of(-p->fd, path, strerror(-p->fd));
}

/* Puts the words of the script's first line and the script's name before its arguments. */
static void script_argv(struct program *p, const char *script, const struct probe *probe)
{
    char **argv = must(malloc((p->argc + 4) * sizeof *argv));
    size_t n = 0;
    argv[n++] = must(strdup(probe->interpreter));
    if (probe->has_argument)
        argv[n++] = must(strdup(probe->argument));
    argv[n++] = (char *)script;
    for (size_t i = 1; i < p->argc; i++)
        argv[n++] = p->argv[i];
    argv[n] = NULL;
    p->argv = argv;
    p->argc = n;
}

/* Follows scripts to an ELF file; elf_load() says what is wrong with anything else. */
static void resolve_scripts(struct program *p)
{
    struct probe probe;
    for (int depth = 0;; depth++) {
        int error = probe_fd(p->fd, &probe);
        if (error == -EISDIR)
            die_of(EACCES, p->file, "is a directory");
        if (error)
            die_of(-error, p->file, strerror(-error));
        if (probe.kind != PROBE_SCRIPT)
            return;
        if (depth == PROBE_DEPTH)
            die_of(ELOOP, p->file, "too many scripts that interpret scripts");
        script_argv(p, p->file, &probe);
        close(p->fd);
        open_program(p, p->argv[0]);
    }
}

/* --- environment: -U, then -E */

static bool names_same(const char *setting, const char *name, size_t len)
{
    return strncmp(setting, name, len) == 0 && setting[len] == '=';
}

static size_t env_remove(char **env, size_t n, const char *name, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!names_same(env[i], name, len))
            env[kept++] = env[i];
    return kept;
}

static char **guest_environment(void)
{
    size_t n = 0;
    if (!options.set_env.count && !options.unset_env.count)
        return environ;
    while (environ[n])
        n++;
    char **env = must(malloc((n + options.set_env.count + 1) * sizeof *env));
    memcpy(env, environ, n * sizeof *env);
    for (size_t i = 0; i < options.unset_env.count; i++)
        n = env_remove(env, n, options.unset_env.items[i], strlen(options.unset_env.items[i]));
    for (size_t i = 0; i < options.set_env.count; i++) {
        const char *setting = options.set_env.items[i];
        n = env_remove(env, n, setting, strcspn(setting, "="));
        env[n++] = (char *)setting;
    }
    env[n] = NULL;
    return env;
}

/* --- loading */

static const char *path_of_fd(int fd, const char *fallback)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n > 0) {
        path[n] = 0;
        return must(strdup(path));
    }
    char *real = realpath(fallback, NULL);
    return real ? real : fallback;
}

static void load_interpreter(const struct elf_image *program, const char *file, struct elf_image *interp)
{
    struct elf_error error;
    int fd = probe_open(options.prefix, program->interpreter);
    if (fd < 0) {
        elf_fail(&error, -fd, file, "its interpreter %.80s: %s (-L says where to look)",
                 program->interpreter, strerror(-fd));
        die(&error);
    }
    if (!elf_load(fd, program->interpreter, ELF_INTERPRETER, program->guest, interp, &error))
        die(&error);
    close(fd);
}

/* Where a process's break starts: arch_randomize_brk(). */
static void place_break(const struct elf_image *program)
{
    space_set_brk(program->end + space_random((uint64_t)1 << 30, SPACE_PAGE));
}

static void map_vdso(struct exec_info *info)
{
    const struct guest_vdso *vdso = info->guest->vdso;
    int64_t at = vdso ? space_map_vdso(vdso->image, vdso->size) : 0;
    if (at <= 0)
        return;
    info->vdso = (gaddr)at;
    info->sigreturn = info->vdso + vdso->sigreturn;
}

static void load(struct program *p, const char *name, struct exec_info *info)
{
    static struct elf_image program, interpreter;
    struct elf_error error;
    const uint64_t *seed = options.seed != OPTION_UNSET ? &options.seed : NULL;
    space_init(GUEST_TOP, seed, keep_layout());
    if (!elf_load(p->fd, p->file, ELF_PROGRAM, NULL, &program, &error))
        die(&error);
    bool dynamic = program.interpreter[0];
    struct stack_args args = { .argv = p->argv, .envp = guest_environment(), .limit = options.stack_size,
                               .program = &program, .interpreter = dynamic ? &interpreter : NULL };
    *info = (struct exec_info){
        .guest = program.guest, .path = name, .prefix = options.prefix,
        .exe = path_of_fd(p->fd, p->file),
        .start_code = program.start_code, .end_code = program.end_code,
        .start_data = program.start_data, .end_data = program.end_data,
    };
    close(p->fd);
    place_break(&program);
    if (!stack_map(&args, info, &error))
        die(&error);
    if (dynamic)
        load_interpreter(&program, p->file, &interpreter);
    run_start_low = interpreter.start_code;
    run_start_high = interpreter.end_code;
    info->entry = dynamic ? interpreter.entry : program.entry;
    map_vdso(info);
    stack_fill(&args, info);
}

/* Somebody looks at the code that is made. */
static bool code_is_watched(void)
{
    return options.perf_map || (options.log_items & ~(1u << LOG_STRACE));
}

/* Whoever looks at code wants to see all of it as units. */
static void choose_first_run(void)
{
    if (options.first_run)
        first_how = strcmp(options.first_run, "interpret") == 0 ? FIRST_ALWAYS : FIRST_NEVER;
    else if (code_is_watched() || translate_limit == 1)
        first_how = FIRST_NEVER;
}

/* Switches on what the command line asks for in the other folders. */
static void apply_options(void)
{
    if ((options.log_items || options.stats) && !log_init(options.log_items, options.log_file, options.child))
        die_of(errno, options.log_file ? options.log_file : "stderr", strerror(errno));
    if (options.perf_map && !perfmap_init())
        die_of(errno, "/tmp/perf-PID.map", strerror(errno));
    if (options.stats)
        run_stats_enable();
    for (size_t i = 0; i < options.disable_pass.count; i++)
        run_disabled_passes |= 1u << pass_by_name(options.disable_pass.items[i]);
    if (options.hot != OPTION_UNSET)
        run_hot = (unsigned)options.hot;
    if (options.one_insn || options.singlestep)
        translate_limit = 1, run_hot = 0;
    else if (options.unit_limit != OPTION_UNSET)
        translate_limit = (unsigned)options.unit_limit;
    choose_first_run();
}

/* A number that differs when the same guest code becomes other host code. */
static uint64_t code_salt(void)
{
    uint64_t salt = host_features_bits();
    salt = salt * 31 + run_disabled_passes;
    salt = salt * 4099 + translate_limit;
    for (const char *p = options.cpu ? options.cpu : ""; *p; p++)
        salt = salt * 257 + (uint8_t)*p;
    return salt;
}

/* Translations that somebody wants to look at are made anew; a privileged program takes none from the user's files. */
static void open_kept(int fd)
{
    struct keep_how how = { .dir = options.disk_cache, .dir_fd = -1, .salt = code_salt(),
                            .max_bytes = options.disk_cache_size != OPTION_UNSET ? options.disk_cache_size
                                                                                 : DEFAULT_DISK_CACHE };
    if (options.disk_cache_fd != OPTION_UNSET)
        how.dir_fd = (int)options.disk_cache_fd;
    if (code_is_watched() || getauxval(AT_SECURE) || options.seed != OPTION_UNSET ||
        (how.dir_fd < 0 && how.dir && strcmp(how.dir, "off") == 0))
        return;
    keep_open(fd, &how);
}

static void log_start(const struct exec_info *info)
{
    FILE *f = log_begin();
    fprintf(f, "program %s, entry %#llx, sp %#llx\n", info->exe, (unsigned long long)info->entry,
            (unsigned long long)info->sp);
    space_print_maps(f);
    log_end(f);
}

/* Another process may limit our address space while we run (syscall/limits.h): some memory that nobody touches is always at hand. */
static void spare_memory(void)
{
    enum { SPARE = 1 << 20, MORE_THAN_LIBC_BEGAN_WITH = 100000 };
    mallopt(M_TOP_PAD, SPARE);
    mallopt(M_TRIM_THRESHOLD, 4 * SPARE);
    void *volatile a = malloc(MORE_THAN_LIBC_BEGAN_WITH), *volatile b = malloc(MORE_THAN_LIBC_BEGAN_WITH);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    static struct exec_info info;
    spare_memory();
    /* A word without a slash: a program of that name is ./binfmt. */
    if (argc > 1 && !options_by_kernel() && strcmp(argv[1], "binfmt") == 0)
        return binfmt_main(argc - 1, argv + 1);
    if (argc > 1 && !options_by_kernel() && strcmp(argv[1], "chroot") == 0)
        argc = chroot_enter(argc - 1, argv + 1, &argv);
    else if (argc > 1 && !options_by_kernel() && strcmp(argv[1], "rootfs") == 0)
        argc = rootfs_make(argc - 1, argv + 1, &argv);
    int first = options_parse(argc, argv);
    const char *name = argv[first];
    struct program p = { .argv = argv + first, .argc = (size_t)(argc - first) };
    if (options.argv0)
        p.argv[0] = (char *)options.argv0;
    if (options.native)
        seccomp_exec_native((int)options.seccomp_fd, options.program_fd == OPTION_UNSET ? -1 : (int)options.program_fd, name, p.argv);
    if (options.program_fd == OPTION_UNSET) {
        open_program(&p, name);
    } else {
        p.fd = (int)options.program_fd;
        p.file = name;
    }
    resolve_scripts(&p);
    apply_options();
    if (!host_features_init(options.plain_cpu))
        die_of(ENOEXEC, "this CPU", "lacks what dragoman needs (x86-64-v2: SSE4.2, POPCNT, CMPXCHG16B)");
    open_kept(p.fd);
    limits_start(options.limits);
    load(&p, name, &info);
    if (log_on(LOG_PAGE))
        log_start(&info);

    uint64_t cache_size = options.cache_size != OPTION_UNSET ? options.cache_size : DEFAULT_CACHE;
    if (!cache_init(info.guest, cache_size))
        die_of(errno, "code cache", strerror(errno));
    keep_load();
    struct cpu *cpu = must(cpu_new(info.guest));
    info.guest->start(cpu, info.entry, info.sp);
    linux_init(cpu, &info);
    run_loop(cpu);
}
