#include "binfmt/binfmt.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/guest.h"

enum { HEADER = 20, USAGE = 125 };   /* bytes of an ELF header up to e_machine's end */
#define DIRECTORY "/proc/sys/fs/binfmt_misc"

struct request {
    const char *directory, *interpreter, *format;
    bool credentials, by_path;
    char **guests;
    int nguests;
};

/* --- what an entry says --------------------------------------------------------------------------------- */

struct pattern { uint8_t magic[HEADER], mask[HEADER]; };

static struct pattern pattern_of(const struct guest *g)
{
    struct pattern p = { .magic = { 0x7f, 'E', 'L', 'F', g->elf_class, ELFDATA2LSB, EV_CURRENT } };
    memset(p.mask, 0xff, HEADER);
    p.mask[EI_OSABI] = 0;
    p.magic[16] = ET_EXEC;
    p.mask[16] = (uint8_t)~(ET_EXEC ^ ET_DYN);
    p.magic[18] = (uint8_t)g->elf_machine;
    p.magic[19] = (uint8_t)(g->elf_machine >> 8);
    return p;
}

static void print_bytes(FILE *f, const uint8_t *bytes)
{
    for (int i = 0; i < HEADER; i++)
        fprintf(f, "\\x%02x", bytes[i]);
}

static const char *flags_of(const struct request *q)
{
    static char flags[8];
    snprintf(flags, sizeof flags, "%sP%s", q->by_path ? "" : "F", q->credentials ? "C" : "");
    return flags;
}

/* The line that /register takes, which is also systemd's format. */
static void print_line(FILE *f, const struct guest *g, const struct request *q)
{
    struct pattern p = pattern_of(g);
    fprintf(f, ":dragoman-%s:M::", g->name);
    print_bytes(f, p.magic);
    fputc(':', f);
    print_bytes(f, p.mask);
    fprintf(f, ":%s:%s", q->interpreter, flags_of(q));
}

/* Debian's update-binfmts --import. */
static void print_debian(const struct guest *g, const struct request *q)
{
    struct pattern p = pattern_of(g);
    printf("# /usr/share/binfmts/dragoman-%s\npackage dragoman\ninterpreter %s\nmagic ", g->name, q->interpreter);
    print_bytes(stdout, p.magic);
    printf("\noffset 0\nmask ");
    print_bytes(stdout, p.mask);
    printf("\ncredentials %s\npreserve yes\nfix_binary %s\n", q->credentials ? "yes" : "no", q->by_path ? "no" : "yes");
}

/* --- the kernel's files ------------------------------------------------------------------------------------ */

static bool write_file(const char *path, const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, size) == (ssize_t)size;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return ok;
}

static void entry_path(char path[PATH_MAX], const struct request *q, const struct guest *g)
{
    snprintf(path, PATH_MAX, "%s/dragoman-%s", q->directory, g->name);
}

static bool is_mounted(const struct request *q)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/register", q->directory);
    if (access(path, F_OK) == 0)
        return true;
    fprintf(stderr, "dragoman binfmt: no binfmt_misc at %s. As root:\n    mount -t binfmt_misc binfmt_misc %s\n", q->directory,
            q->directory);
    return false;
}

static int failed(const char *what, const struct guest *g)
{
    fprintf(stderr, "dragoman binfmt: cannot %s dragoman-%s: %s%s\n", what, g->name, strerror(errno),
            errno == EACCES || errno == EPERM ? " (root's business)" : "");
    return 1;
}

static int remove_one(const struct guest *g, const struct request *q)
{
    char path[PATH_MAX];
    entry_path(path, q, g);
    if (access(path, F_OK) < 0)
        return 0;
    return write_file(path, "-1", 2) ? 0 : failed("remove", g);
}

static int install_one(const struct guest *g, const struct request *q)
{
    char path[PATH_MAX], *line = NULL;
    size_t size;
    FILE *f = open_memstream(&line, &size);
    if (!f)
        return failed("install", g);
    print_line(f, g, q);
    fclose(f);
    int status = remove_one(g, q);
    snprintf(path, sizeof path, "%s/register", q->directory);
    if (status == 0 && !write_file(path, line, size))
        status = failed("install", g);
    free(line);
    return status;
}

static int status_one(const struct guest *g, const struct request *q)
{
    char path[PATH_MAX], line[PATH_MAX];
    entry_path(path, q, g);
    FILE *f = fopen(path, "re");
    if (!f) {
        printf("%s: not installed\n", g->name);
        return 0;
    }
    printf("%s:", g->name);
    while (fgets(line, sizeof line, f)) {   /* enabled, interpreter PATH, flags: FLAGS, then the pattern */
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "offset", 6) == 0)
            break;
        printf(" %s", line);
    }
    printf("\n");
    fclose(f);
    return 0;
}

static int print_one(const struct guest *g, const struct request *q)
{
    if (strcmp(q->format, "debian") == 0) {
        print_debian(g, q);
        return 0;
    }
    print_line(stdout, g, q);
    printf("\n");
    return 0;
}

/* --- the command line ---------------------------------------------------------------------------------------- */

static const struct action {
    const char *name;
    int (*one)(const struct guest *g, const struct request *q);
    bool mounted;            /* needs binfmt_misc */
} actions[] = {
    { "install", install_one, true }, { "remove", remove_one, true }, { "status", status_one, true },
    { "print", print_one, false },
};

static int usage(FILE *f, int status)
{
    fputs("usage: dragoman binfmt install|remove|status|print [OPTIONS] [GUEST...]\n"
          "  --directory DIR      where binfmt_misc is mounted (default: " DIRECTORY ")\n"
          "  --interpreter PATH   the translator to register (default: this one)\n"
          "  --credentials        flag C: setuid programs get their rights\n"
          "  --by-path            no flag F: the translator is looked up by path at each start\n"
          "  --format FORMAT      of print: register, systemd or debian (default: register)\n"
          "guests:", f);
    for (unsigned i = 0; guest_by_index(i); i++)
        fprintf(f, " %s", guest_by_index(i)->name);
    fputs(" (default: all)\n", f);
    return status;
}

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "dragoman binfmt: %s '%s'\n", what, word);
    return usage(stderr, USAGE);
}

static const char *self(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? path : "/usr/bin/dragoman";
}

static bool wanted(const struct guest *g, const struct request *q)
{
    for (int i = 0; i < q->nguests; i++)
        if (strcmp(q->guests[i], g->name) == 0)
            return true;
    return q->nguests == 0;
}

static bool is_guest(const char *name)
{
    for (unsigned i = 0; guest_by_index(i); i++)
        if (strcmp(guest_by_index(i)->name, name) == 0)
            return true;
    return false;
}

/* Takes the options out of argv[2..); the guests stay. */
static int parse(int argc, char **argv, struct request *q)
{
    const struct { const char *name; const char **value; bool *flag; } options[] = {
        { "--directory", &q->directory, NULL }, { "--interpreter", &q->interpreter, NULL },
        { "--format", &q->format, NULL }, { "--credentials", NULL, &q->credentials }, { "--by-path", NULL, &q->by_path },
    };
    q->guests = argv + 2;
    for (int i = 2; i < argc; i++) {
        size_t k = 0;
        while (k < sizeof options / sizeof *options && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (argv[i][0] != '-') {
            if (!is_guest(argv[i]))
                return wrong("unknown guest", argv[i]);
            q->guests[q->nguests++] = argv[i];
        } else if (k == sizeof options / sizeof *options) {
            return wrong("unknown option", argv[i]);
        } else if (options[k].flag) {
            *options[k].flag = true;
        } else if (i + 1 == argc) {
            return wrong("a value is missing after", argv[i]);
        } else {
            *options[k].value = argv[++i];
        }
    }
    if (strcmp(q->format, "register") != 0 && strcmp(q->format, "systemd") != 0 && strcmp(q->format, "debian") != 0)
        return wrong("unknown format", q->format);
    return 0;
}

int binfmt_main(int argc, char **argv)
{
    struct request q = { .directory = DIRECTORY, .interpreter = self(), .format = "register" };
    const struct action *action = NULL;
    int status = 0;
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof *actions; i++)
        if (strcmp(argv[1], actions[i].name) == 0)
            action = &actions[i];
    if (!action)
        return argc > 1 ? wrong("unknown action", argv[1]) : usage(stderr, USAGE);
    status = parse(argc, argv, &q);
    if (status)
        return status;
    if (action->mounted && !is_mounted(&q))
        return 1;
    for (unsigned i = 0; guest_by_index(i); i++)
        if (wanted(guest_by_index(i), &q))
            status |= action->one(guest_by_index(i), &q);
    return status;
}
