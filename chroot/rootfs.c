#include "chroot/rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/chroot.h"
#include "frontend/guest.h"

enum { FAILURE = 125, MAX_WORDS = 4096, MAX_MIRRORS = 16 };

struct request {
    const struct guest *guest;
    const char *suite;
    const struct variant *variant;
    const char *mirrors[MAX_MIRRORS];
    int nmirrors;
    const char *dir;
    char **packages;            /* with a null pointer at the end */
};

/* Packages besides the essential ones, as words of apt-get install. */
static const struct variant {
    const char *name;
    const char *packages[3];
    bool second_stage;
} variants[] = {
    { "minbase", { "apt", "?priority(required)" }, true },
    { "buildd", { "apt", "build-essential" }, true },
    { "extract", { NULL }, false },
};

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("dragoman rootfs: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(FAILURE);
}

static void *must(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

static int usage(FILE *f)
{
    fputs("usage: dragoman rootfs --arch ARCH [OPTIONS] DIR [PACKAGE...]\n"
          "Makes a foreign Debian in DIR, with mmdebstrap; its packages' scripts run under dragoman.\n"
          "  --arch ARCH        of Debian:", f);
    for (unsigned i = 0; guest_by_index(i); i++)
        fprintf(f, " %s (default suite %s)", guest_by_index(i)->debian_arch, guest_by_index(i)->debian_suite);
    fputs("\n  --suite SUITE      Debian's release\n"
          "  --variant VARIANT  minbase (default): essential and required packages, apt; buildd: essential packages, apt,\n"
          "                     build-essential; extract: PACKAGEs and what they need, unpacked, nothing inside is run\n"
          "  --mirror MIRROR    address or sources.list line, instead of the mirror that apt uses here; may be given again\n", f);
    return FAILURE;
}

/* --- the command line ------------------------------------------------------------------------------------------- */

static const struct guest *guest_called(const char *name)
{
    for (unsigned i = 0; guest_by_index(i); i++)
        if (strcmp(guest_by_index(i)->debian_arch, name) == 0 || strcmp(guest_by_index(i)->name, name) == 0)
            return guest_by_index(i);
    die("no translation of architecture '%s' (--help lists what there is)", name);
}

static const struct variant *variant_called(const char *name)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (strcmp(variants[i].name, name) == 0)
            return &variants[i];
    die("unknown variant '%s' (--help lists what there is)", name);
}

/* A word with a dash in front is an option in the wrong place. */
static void check_package(const char *word)
{
    if (word[0] == '-' || word[0] == 0)
        die("'%s' is no package (options come before DIR)", word);
}

static void set_option(struct request *q, const char *name, const char *value)
{
    if (strcmp(name, "--arch") == 0)
        q->guest = guest_called(value);
    else if (strcmp(name, "--suite") == 0)
        q->suite = value;
    else if (strcmp(name, "--variant") == 0)
        q->variant = variant_called(value);
    else if (strcmp(name, "--mirror") != 0 || q->nmirrors == MAX_MIRRORS)
        exit(usage(stderr));
    else
        q->mirrors[q->nmirrors++] = value;
}

static void parse(int argc, char **argv, struct request *q)
{
    int i = 1;
    q->variant = &variants[0];
    for (; i < argc && argv[i][0] == '-'; i++) {
        char *equals = strchr(argv[i], '=');
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (equals)
            *equals = 0;
        else if (i + 1 == argc)
            exit(usage(stderr));
        set_option(q, argv[i], equals ? equals + 1 : argv[i + 1]);
        i += !equals;
    }
    if (i == argc || !q->guest)
        exit(usage(stderr));
    if (!q->suite)
        q->suite = q->guest->debian_suite;
    q->dir = argv[i];
    q->packages = argv + i + 1;
    for (char **word = q->packages; *word; word++)
        check_package(*word);
}

/* --- what must be there ------------------------------------------------------------------------------------------ */

static void check_tool(void)
{
    char path[PATH_MAX];
    for (const char *p = getenv("PATH"); p; p = strchr(p, ':')) {
        p += *p == ':';
        snprintf(path, sizeof path, "%.*s/mmdebstrap", (int)strcspn(p, ":"), p);
        if (access(path, X_OK) == 0)
            return;
    }
    die("mmdebstrap is not installed (Debian: apt-get install mmdebstrap)");
}

/* DIR is empty, or not there yet. */
static void check_dir(const struct request *q)
{
    DIR *d = opendir(q->dir);
    if (!d && errno != ENOENT)
        die("%s: %s", q->dir, strerror(errno));
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            die("%s is not empty", q->dir);
    if (d)
        closedir(d);
}

/* The mirror of Debian's archive that apt uses on this system; without one, mmdebstrap knows Debian's own. */
static void find_mirror(struct request *q)
{
    char line[1024];
    FILE *f = popen("apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null", "r");
    const char *wanted = "Debian main ";
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (!q->nmirrors && strncmp(line, wanted, strlen(wanted)) == 0)
            q->mirrors[q->nmirrors++] = must(strdup(line + strlen(wanted)));
    }
    if (f)
        pclose(f);
}

/* --- first stage: mmdebstrap ----------------------------------------------------------------------------------------- */

/* Before trixie, packages have files in /bin and /lib, which are links into /usr on every installed system. */
#define MERGED_USR "--setup-hook=for d in bin sbin lib; do mkdir -p \"$1/usr/$d\" && ln -s \"usr/$d\" \"$1/$d\"; done"
/* Keeps the names of the essential packages, and downloads the others with apt of this system, which has all keys and methods. */
#define LATER "--extract-hook=set -e; cd \"$1/var/cache/apt/archives\"; ls *.deb >../essential\n" \
              "APT_CONFIG=${MMDEBSTRAP_APT_CONFIG:?} apt-get -q --yes --download-only install --"

/* `text` with ` 'word'` behind it, as the shell reads it. */
static char *with_word(char *text, const char *word)
{
    size_t n = strlen(text);
    char *out = must(realloc(text, n + 4 * strlen(word) + 4));
    out[n++] = ' ';
    out[n++] = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(out + n, "'\\'", 3);
            n += 3;
        }
        out[n++] = *word;
    }
    strcpy(out + n, "'");
    return out;
}

static char *joined(const char *first, const char *second)
{
    char *out = must(malloc(strlen(first) + strlen(second) + 1));
    return strcat(strcpy(out, first), second);
}

/* Appends what is to be unpacked at once; returns the new count. */
static int add_packages(const struct request *q, char **words, int n)
{
    bool all = !q->variant->second_stage;
    if (!all) {
        char *later = must(strdup(LATER));
        for (const char *const *p = q->variant->packages; *p; p++)
            later = with_word(later, *p);
        for (char **p = q->packages; *p; p++)
            later = with_word(later, *p);
        words[n++] = later;
        words[n++] = (char *)"--include=apt";
    }
    if (!all || !*q->packages)
        words[n++] = (char *)"--include=?essential";
    for (char **p = q->packages; all && *p && n < MAX_WORDS; p++)
        words[n++] = joined("--include=", *p);
    return n;
}

static void unpack(const struct request *q, bool is_root)
{
    static char *words[MAX_WORDS + MAX_MIRRORS + 16];
    int n = 0, status;
    words[n++] = (char *)"mmdebstrap";
    words[n++] = (char *)"--variant=extract";
    words[n++] = (char *)MERGED_USR;
    words[n++] = joined("--arch=", q->guest->debian_arch);
    if (is_root) {
        words[n++] = (char *)"--mode=root";
        words[n++] = (char *)"--skip=chroot/mount";
    }
    if (q->variant->second_stage)
        words[n++] = (char *)"--skip=cleanup/apt";
    n = add_packages(q, words, n);
    words[n++] = (char *)q->suite;
    words[n++] = (char *)q->dir;
    for (int i = 0; i < q->nmirrors; i++)
        words[n++] = (char *)q->mirrors[i];
    pid_t child = fork();
    if (child == 0) {
        execvp(words[0], words);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        die("cannot start mmdebstrap: %s", strerror(errno));
    if (status != 0)
        die("mmdebstrap failed. Is there a suite '%s' for %s at the mirror? %s holds what came so far", q->suite,
            q->guest->debian_arch, q->dir);
}

/* --- second stage ------------------------------------------------------------------------------------------------------- */

/* As mmdebstrap does it, which would call chroot(8): dpkg first, for apt's order of the essential packages comes too late for
 * base-passwd; no services are started. A power failure may leave a half-made root, so no fsync. */
static char second_stage[] =
    "set -e\n"
    "trap 's=$?; [ $s = 0 ] || echo \"dragoman rootfs: the packages could not be configured\" >&2; exit $s' EXIT\n"
    "export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8\n"
    "unset LANG LANGUAGE TMPDIR APT_CONFIG\n"
    "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d\n"
    "chmod 755 /usr/sbin/policy-rc.d\n"
    "cd /var/cache/apt/archives\n"
    "dpkg --force-unsafe-io --force-depends --install $(cat ../essential) </dev/null\n"
    "cd /\n"
    "apt-get -q --yes --no-download -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Dpkg::Use-Pty=false\\\n"
    "  -o DPkg::Options::=--force-unsafe-io install -- \"$@\" </dev/null\n"
    "rm -f /usr/sbin/policy-rc.d /var/cache/apt/essential\n"
    "apt-get clean\n"
    "rm -rf /var/lib/apt/lists/*\n"
    "mkdir -p /var/cache/dragoman\n"   /* where the kernel starts dragoman inside, root's translations are kept */
    "echo \"dragoman rootfs: $(uname -m) is ready\"\n";

static int configure(const struct request *q, char ***out)
{
    static char *words[MAX_WORDS + 16];
    int n = 0;
    char *start[] = { (char *)"chroot", (char *)q->dir, (char *)"sh", (char *)"-c", second_stage, (char *)"rootfs" };
    for (size_t i = 0; i < sizeof start / sizeof *start; i++)
        words[n++] = start[i];
    for (const char *const *p = q->variant->packages; *p; p++)
        words[n++] = (char *)*p;
    for (char **p = q->packages; *p && n < MAX_WORDS; p++)
        words[n++] = *p;
    return chroot_enter(n, words, out);
}

int rootfs_make(int argc, char **argv, char ***out)
{
    struct request q = { .guest = NULL };
    parse(argc, argv, &q);
    if (argc > MAX_WORDS)
        die("too many packages");
    check_tool();
    check_dir(&q);
    if (!q.nmirrors)
        find_mirror(&q);
    bool ids = chroot_has_ids();
    if (!ids && q.variant->second_stage)
        die("an ordinary user needs newuidmap (Debian: package uidmap) and ids of his own in /etc/subuid and /etc/subgid");
    if (ids)
        chroot_become_root();
    unpack(&q, ids);
    if (!q.variant->second_stage)
        exit(0);
    return configure(&q, out);
}
