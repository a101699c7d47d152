/* Cases as text: what a pass makes of a unit, and what parser and verifier refuse. Arguments: files, each
 * a list of cases
 *
 *     == name: pass pass ...
 *     unit 0x1000 ...       input
 *     --
 *     unit 0x1000 ...       what the passes, in that order, make of it
 *
 * `== name: refused` instead: a part of the error message follows the `--`. Values are numbered in order of appearance
 * before texts are compared. A line that starts with # is a comment. With -p the results are printed instead. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/passes/pass.h"
#include "tests/ir/testguest.h"

struct test {
    const char *file, *name, *passes, *input, *expected;
};

static bool print_only;

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    size_t len = 0, n;
    char *text = calloc(1, 1), chunk[4096];

    if (!f) {
        perror(path);
        exit(2);
    }
    while ((n = fread(chunk, 1, sizeof chunk, f))) {
        text = realloc(text, len + n + 1);
        memcpy(text + len, chunk, n);
        text[len += n] = '\0';
    }
    fclose(f);
    return text;
}

/** A copy of `text` without blank lines, comments and space at the ends of lines, its values renumbered. */
static char *normal(const char *text)
{
    static uint32_t number[1 << 16];
    char *out = malloc(2 * strlen(text) + 64), *q = out;
    uint32_t count = 0;

    memset(number, 0, sizeof number);
    for (const char *p = text; *p; p++) {
        bool line_start = q == out || q[-1] == '\n';
        if (*p == '\n') {
            while (q > out && q[-1] == ' ')
                q--;
            if (q == out || q[-1] != '\n')
                *q++ = '\n';
        } else if (line_start && *p == '#') {
            while (p[1] && p[1] != '\n')
                p++;
        } else if (line_start && *p == ' ') {
            continue;
        } else if (*p == '%') {
            char *end;
            uint32_t *n = &number[strtoul(p + 1, &end, 10) & 0xffff];
            if (!*n)
                *n = ++count;
            q += sprintf(q, "%%%u", *n);
            p = end - 1;
        } else {
            *q++ = *p;
        }
    }
    *q = '\0';
    return out;
}

static char *printed(const struct ir_unit *u)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    ir_print(u, f);
    fclose(f);
    return text;
}

static bool complain(const struct test *t, const char *what, const char *detail)
{
    printf("%s: %s: %s\n%s\n", t->file, t->name, what, detail);
    return false;
}

static bool check_refused(const struct test *t, struct ir_unit *u)
{
    char err[256] = "accepted", *want = normal(t->expected);
    bool ok = !ir_parse(u, &testguest, t->input, err, sizeof err) || !ir_verify(u, err, sizeof err);

    want[strcspn(want, "\n")] = '\0';
    ok = ok && strstr(err, want);
    free(want);
    return ok || complain(t, "the message is", err);
}

/** Printing and parsing lose nothing. */
static bool check_round_trip(const struct test *t, const struct ir_unit *u)
{
    struct ir_unit *again = ir_new();
    char err[256] = "", *a = printed(u), *b = NULL;
    bool ok = ir_parse(again, u->guest, a, err, sizeof err);

    if (ok) {
        b = printed(again);
        ok = !strcmp(a, b);
    }
    if (!ok) {
        complain(t, "does not survive printing and parsing", err);
        printf("%s--\n%s", a, b ? b : "");
    }
    free(a);
    free(b);
    ir_free(again);
    return ok;
}

static bool run_passes(const struct test *t, struct ir_unit *u)
{
    char names[256], err[256];

    snprintf(names, sizeof names, "%s", t->passes);
    for (char *save, *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save)) {
        enum pass p = pass_by_name(n);
        if (p == NPASSES)
            return complain(t, "no such pass", n);
        passes[p].run(u);
        if (!ir_verify(u, err, sizeof err))
            return complain(t, n, err);
    }
    return true;
}

static bool check(const struct test *t, struct ir_unit *u)
{
    char err[256];

    if (!strcmp(t->passes, "refused"))
        return check_refused(t, u);
    if (!ir_parse(u, &testguest, t->input, err, sizeof err))
        return complain(t, "input", err);
    if (!ir_verify(u, err, sizeof err))
        return complain(t, "input", err);
    if (!check_round_trip(t, u) || !run_passes(t, u) || !check_round_trip(t, u))
        return false;
    char *text = printed(u), *got = normal(text), *want = normal(t->expected);
    bool ok = !strcmp(got, want);
    if (print_only)
        printf("== %s: %s\n%s--\n%s\n", t->name, t->passes, t->input, text);
    else if (!ok)
        complain(t, "is", got), complain(t, "should be", want);
    free(text);
    free(got);
    free(want);
    return ok || print_only;
}

/** Cuts the text at the next line that starts with `mark`; returns what follows that line's start, NULL at the end. */
static char *cut(char *text, const char *mark)
{
    for (char *p = text; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (!strncmp(p, mark, strlen(mark))) {
            *p = '\0';
            return p + strlen(mark);
        }
    }
    return NULL;
}

static char *cut_line(char *text)
{
    char *end = strchr(text, '\n');

    if (!end)
        return text + strlen(text);
    *end = '\0';
    return end + 1;
}

int main(int argc, char **argv)
{
    struct ir_unit *u = ir_new();
    unsigned n = 0, bad = 0;

    for (int k = 1; k < argc; k++) {
        if (!strcmp(argv[k], "-p")) {
            print_only = true;
            continue;
        }
        char *text = read_file(argv[k]), *next = cut(text, "== "), *here;
        while ((here = next)) {
            next = cut(here, "== ");
            struct test t = { .file = argv[k], .name = here, .input = cut_line(here) };
            char *colon = strchr(t.name, ':');
            char *expected = cut((char *)t.input, "--\n");
            if (!colon || !expected) {
                printf("%s: case without passes or result: %s\n", t.file, t.name);
                return 2;
            }
            *colon = '\0';
            t.passes = colon + 1 + strspn(colon + 1, " ");
            t.expected = expected;
            n++;
            bad += !check(&t, u);
        }
        free(text);
    }
    ir_free(u);
    if (!print_only)
        printf("%u cases, %u failed\n", n, bad);
    return bad || !n;
}
