#include "loader/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debug/log.h"
#include "frontend/guest.h"
#include "ir/passes/pass.h"
#include "loader/hostfd.h"
#include "loader/probe.h"
#include "loader/space.h"
#include "syscall/coverage.h"
#include "syscall/limits.h"

enum kind { FLAG, STRING, NUMBER, SIZE, LIST, SHOW };

struct row {
    const char *field, *name_short, *name_long, *env, *argument, *doc;
    void (*check)(const char *value);
    uint16_t offset;
    uint8_t kind, inherit;
};

struct options options;

__attribute__((noreturn, format(printf, 1, 2)))
static void usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("dragoman: ", stderr);
    vfprintf(stderr, format, args);
    fputs("; try 'dragoman -help'\n", stderr);
    va_end(args);
    exit(OPTIONS_EXIT);
}

/* --- numbers */

static bool parse_size(const char *text, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    uint64_t n = strtoull(text, &end, 0);
    unsigned shift = 0;
    if (*end) {
        const char *units = "kMGT", *unit = strchr(units, *end == 'K' ? 'k' : *end);
        if (!unit || end[1])
            return false;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    *value = n << shift;
    return errno == 0 && *value >> shift == n && *value != OPTION_UNSET;
}

static uint64_t size_or_zero(const char *text)
{
    uint64_t n;
    return parse_size(text, &n) ? n : 0;
}

/* --- checks: rows name them */

static void check_setting(const char *value)
{
    if (!strchr(value, '=') || *value == '=')
        usage_error("-E '%s' is not VAR=VALUE", value);
}

static void check_stack(const char *value)
{
    if (size_or_zero(value) < 4 * SPACE_PAGE)
        usage_error("a stack of %s is too small", value);
}

/* Models by which scripts for QEMU ask for what is there anyway. */
static const char *const cpu_models[] = { "max", "rv64", "any" };

static void check_cpu(const char *value)
{
    size_t n = sizeof cpu_models / sizeof *cpu_models;
    bool help = strcmp(value, "help") == 0 || strcmp(value, "?") == 0;
    for (size_t i = 0; i < n; i++) {
        if (help)
            puts(cpu_models[i]);
        else if (strcmp(value, cpu_models[i]) == 0)
            return;
    }
    if (help)
        exit(0);
    usage_error("unknown CPU '%s' (-cpu help lists them)", value);
}

static void check_page(const char *value)
{
    if (size_or_zero(value) != SPACE_PAGE)
        usage_error("a page size of %s is not possible, only 4096", value);
}

static void check_base(const char *value)
{
    uint64_t n;
    if (!parse_size(value, &n) || n != 0)
        usage_error("guest addresses are host addresses: -B %s is not possible", value);
}

static void check_gdb(const char *value)
{
    usage_error("-g %s: debugging with gdb is not available yet", value);
}

static void check_log(const char *value)
{
    const char *bad;
    uint32_t mask = 0;
    if (strcmp(value, "help") == 0 || strcmp(value, "?") == 0) {
        log_help(stdout);
        exit(0);
    }
    if (!log_parse(value, &mask, &bad))
        usage_error("unknown log item '%.*s' (-d help lists them)", (int)strcspn(bad, ","), bad);
}

static void check_pass(const char *value)
{
    if (strcmp(value, "help") == 0 || strcmp(value, "?") == 0) {
        for (int i = 0; i < NPASSES; i++)
            printf("  %-10s %s\n", passes[i].name, passes[i].doc);
        exit(0);
    }
    if (pass_by_name(value) == NPASSES)
        usage_error("unknown pass '%s' (--disable-pass help lists them)", value);
}

static void check_limit(const char *value)
{
    if (size_or_zero(value) == 0 || size_or_zero(value) > 4096)
        usage_error("a unit limit of %s is not possible (1 to 4096)", value);
}

static void check_limits(const char *value)
{
    if (!limits_valid(value))
        usage_error("%s says nothing of limits", value);
}

static void check_hot(const char *value)
{
    if (strcmp(value, "0") != 0 && (size_or_zero(value) == 0 || size_or_zero(value) > 1000000000))
        usage_error("%s jumps back are not possible (0 to 1000000000)", value);
}

static void check_first(const char *value)
{
    if (strcmp(value, "interpret") != 0 && strcmp(value, "translate") != 0)
        usage_error("a first run is 'interpret' or 'translate', not '%s'", value);
}

static void check_cache(const char *value)
{
    if (size_or_zero(value) < (uint64_t)1 << 20 || size_or_zero(value) > (uint64_t)1 << 30)
        usage_error("a cache size of %s is not possible (1M to 1G)", value);
}

static void show_version(const char *value)
{
    puts("dragoman " DRAGOMAN_VERSION);
}

static void show_syscalls(const char *value)
{
    coverage_print(stdout);
}

static void show_help(const char *value);

/* --- the table */

static const struct row rows[] = {
#define OPT(field, kind, name_short, name_long, env, inherit, check, argument, doc) \
    { #field, name_short, name_long, env, argument, doc, check, offsetof(struct options, field), \
      kind, inherit },
#include "loader/options.def"
#undef OPT
};
enum { ROWS = sizeof rows / sizeof *rows };

static void *member(const struct row *row)
{
    return (char *)&options + row->offset;
}

static void show_help(const char *value)
{
    puts("Usage: dragoman [OPTIONS] PROGRAM [ARGUMENTS]\n"
         "Runs a Linux program for another architecture.\n");
    for (int i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        char names[80];
        int n = snprintf(names, sizeof names, "%s%s%s%s%s", row->name_short ? "-" : "",
                         row->name_short ? row->name_short : "",
                         row->name_short && row->name_long ? ", " : "", row->name_long ? "--" : "",
                         row->name_long ? row->name_long : "");
        if (row->argument)
            snprintf(names + n, sizeof names - (size_t)n, " %s", row->argument);
        printf("  %-38s %s\n", names, row->doc);
        if (row->env)
            printf("  %-38s   [%s]\n", "", row->env);
    }
    puts("\nNames with one dash may have two and the other way round; --NAME=VALUE works too.\n"
         "Variables in brackets mean the same; the command line wins. QEMU_LD_PREFIX is\n"
         "read where DRAGOMAN_PREFIX is not set.\n"
         "Exit code: the program's; 128 + N in shells if signal N ends it; 127 if PROGRAM\n"
         "(or its interpreter) is not found, 126 if it cannot be run, 125 for a wrong option.");
}

static void list_add(struct option_list *list, const char *item)
{
    list->items = realloc(list->items, (list->count + 1) * sizeof *list->items);
    if (!list->items)
        usage_error("out of memory");
    list->items[list->count++] = item;
}

/* `name` is what the user called it, for messages. */
static void set(const struct row *row, const char *name, int name_len, const char *value)
{
    uint64_t number = 0;
    bool numeric = row->kind == NUMBER || row->kind == SIZE;
    if (numeric && !parse_size(value, &number))
        usage_error("%.*s: '%s' is not a number", name_len, name, value);
    if (row->check)
        row->check(value);
    if (row->kind == SHOW)
        exit(0);
    if (row->kind == FLAG)
        *(bool *)member(row) = true;
    else if (row->kind == STRING)
        *(const char **)member(row) = value;
    else if (row->kind == LIST)
        list_add(member(row), value);
    else
        *(uint64_t *)member(row) = number;
}

static bool name_is(const char *name, const char *word, size_t len)
{
    return name && strlen(name) == len && memcmp(name, word, len) == 0;
}

static const struct row *find_row(const char *word, size_t len)
{
    for (int i = 0; i < ROWS; i++)
        if (name_is(rows[i].name_short, word, len) || name_is(rows[i].name_long, word, len))
            return &rows[i];
    return NULL;
}

/* Parses the option at argv[i]; returns the index of the next word. */
static int parse_one(int argc, char **argv, int i)
{
    const char *name = argv[i], *word = name + 1;
    word += *word == '-';
    size_t len = strcspn(word, "=");
    const struct row *row = find_row(word, len);
    if (!row)
        usage_error("unknown option '%s'", name);
    int name_len = (int)(word - name + (ptrdiff_t)len);
    bool takes_value = row->kind != FLAG && row->kind != SHOW;
    const char *value = word[len] ? word + len + 1 : NULL;
    if (!takes_value && value)
        usage_error("option '%.*s' takes no value", name_len, name);
    if (takes_value && !value) {
        if (++i >= argc)
            usage_error("option '%s' needs a value: %s", name, row->argument);
        value = argv[i];
    }
    set(row, name, name_len, value);
    return i + 1;
}

static void read_environment(void)
{
    for (int i = 0; i < ROWS; i++) {
        const char *value = rows[i].env ? getenv(rows[i].env) : NULL;
        if (value && *value && !(rows[i].kind == FLAG && strcmp(value, "0") == 0))
            set(&rows[i], rows[i].env, (int)strlen(rows[i].env), value);
    }
    if (!options.prefix)
        options.prefix = getenv("QEMU_LD_PREFIX");
}

/* Children get these options, and may start in another directory. */
static const char *absolute(const char *path)
{
    char here[4096], *out;
    if (!path || path[0] == '/' || !getcwd(here, sizeof here) || asprintf(&out, "%s/%s", here, path) < 0)
        return path;
    return out;
}

static void set_defaults(void)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[i].kind == NUMBER || rows[i].kind == SIZE)
            *(uint64_t *)member(&rows[i]) = OPTION_UNSET;
}

bool options_by_kernel(void)
{
    return getauxval(AT_FLAGS) & 1;   /* AT_FLAGS_PRESERVE_ARGV0, linux/binfmts.h */
}

/* binfmt_misc's flag O: the program is open already. */
static void take_exec_fd(void)
{
    errno = 0;
    unsigned long fd = getauxval(AT_EXECFD);
    if (errno == 0)
        options.program_fd = fd;
}

/* The words that the kernel made: dragoman, PROGRAM, ARGV0, ARGUMENTS. PROGRAM takes ARGV0's place. */
static int kernel_words(int argc, char **argv)
{
    if (argc < 3)
        usage_error("no program given");
    options.argv0 = argv[2];
    argv[2] = argv[1];
    return 2;
}

/* --- for children */

struct words { const char **words; size_t count; };

static void word_add(struct words *w, const char *word)
{
    struct option_list list = { w->words, w->count };
    list_add(&list, word);
    w->words = list.items;
    w->count = list.count;
}

static void word_add_number(struct words *w, uint64_t number)
{
    char *text;
    if (asprintf(&text, "%llu", (unsigned long long)number) >= 0)
        word_add(w, text);
}

static void add_inherited(struct words *w, const struct row *row)
{
    char *name;
    const char *value = NULL;
    uint64_t number = OPTION_UNSET;
    const struct option_list *list = row->kind == LIST ? member(row) : NULL;
    if (row->kind == STRING)
        value = *(const char **)member(row);
    if (row->kind == NUMBER || row->kind == SIZE)
        number = *(uint64_t *)member(row);
    bool given = value || number != OPTION_UNSET || (list && list->count) ||
                 (row->kind == FLAG && *(bool *)member(row));
    if (!given ||
        asprintf(&name, "-%s%s", row->name_short ? "" : "-",
                 row->name_short ? row->name_short : row->name_long) < 0)
        return;
    for (size_t i = 0; list && i < list->count; i++) {
        word_add(w, name);
        word_add(w, list->items[i]);
    }
    if (list)
        return;
    word_add(w, name);
    if (value)
        word_add(w, value);
    if (number != OPTION_UNSET)
        word_add_number(w, number);
}

static struct words child_words;

/* Made at start: the first children may be several threads' at once. */
static void make_child_words(void)
{
    word_add(&child_words, "dragoman");
    for (int i = 0; i < ROWS; i++)
        if (rows[i].inherit)
            add_inherited(&child_words, &rows[i]);
    word_add(&child_words, "--child");
}

const char *const *options_child_argv(size_t *count)
{
    *count = child_words.count;
    return child_words.words;
}

/* --- parsing */

int options_parse(int argc, char **argv)
{
    int i = 1;
    set_defaults();
    take_exec_fd();
    /* A privileged program's user must not choose how it is run (binfmt_misc with flag C). */
    if (!getauxval(AT_SECURE))
        read_environment();
    if (options_by_kernel())
        i = kernel_words(argc, argv);
    while (!options_by_kernel() && i < argc && argv[i][0] == '-' && argv[i][1]) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        i = parse_one(argc, argv, i);
    }
    if (i >= argc)
        usage_error("no program given");
    options.prefix = absolute(options.prefix);
    options.log_file = absolute(options.log_file);
    if (options.disk_cache && strcmp(options.disk_cache, "off") != 0)
        options.disk_cache = absolute(options.disk_cache);
    const char *bad;
    if (options.log)
        log_parse(options.log, &options.log_items, &bad);
    if (options.strace)
        options.log_items |= 1u << LOG_STRACE;
    make_child_words();
    return i;
}

static int kept = -1;   /* options_self_fd() */

int options_self_fd(void)
{
    if (kept >= 0)
        return kept;
    int fd = options.self_fd != OPTION_UNSET ? (int)options.self_fd
                                             : open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fd = open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
    struct probe probe;
    if (fd >= 0 && (probe_fd(fd, &probe) < 0 || probe.kind != PROBE_NATIVE)) {
        close(fd);      /* started by binfmt_misc, AT_EXECFN is the guest's program */
        fd = -1;
    }
    return kept = fd < 0 ? -1 : hostfd_keep(fd);
}

bool options_self_in_memory(void)
{
    static bool done;
    struct stat st;
    int fd = done || options_self_fd() < 0 ? -1 : memfd_create(OPTIONS_MEMORY_NAME, MFD_CLOEXEC);
    if (fd < 0)
        return done;
    off_t at = 0;
    done = fstat(kept, &st) == 0;
    while (done && at < st.st_size)
        done = sendfile(fd, kept, &at, (size_t)(st.st_size - at)) > 0;
    done = done && fchmod(fd, 0555) == 0 && dup3(fd, kept, O_CLOEXEC) == kept;
    close(fd);
    return done;
}
