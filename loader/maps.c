/* The kernel's list of a process's mappings (/proc/PID/maps): read to find what is not the guest's, and printed as the guest
 * should see it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loader/space_private.h"

struct maps_line {
    uint64_t start, end, offset;
    char perms[5];
    char dev[16];
    uint64_t inode;
    const char *path;        /* "" if none */
};

/* "7f00-7f08 r--p 00001000 fe:01 1234    /lib/libc.so.6" */
static bool parse_line(char *text, struct maps_line *line)
{
    int path = 0;
    text[strcspn(text, "\n")] = 0;
    if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %15s %" SCNu64 " %n", &line->start,
               &line->end, line->perms, &line->offset, line->dev, &line->inode, &path) < 6)
        return false;
    line->path = text + path;
    return true;
}

static void note(uint64_t start, uint64_t end)
{
    struct space_range r;
    while (start < end) {
        bool any = ranges_next(&space.set, start, &r) && r.start < end;
        gaddr hole_end = any ? r.start : end;
        if (hole_end > start && ranges_reserve(&space.set))
            ranges_put(&space.set, start, hole_end, PROT_NONE, SPACE_HOST);
        start = any ? r.end : end;
    }
}

bool maps_note_host(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    if (!f)
        return false;
    char *text = NULL;
    size_t size = 0;
    struct maps_line line;
    while (getline(&text, &size, f) > 0)
        if (parse_line(text, &line) && line.start < space.task_size)
            note(line.start, line.end < space.task_size ? line.end : space.task_size);
    free(text);
    fclose(f);
    return true;
}

static const char *name_of(const struct space_range *r, const char *path)
{
    if (r->kind & SPACE_STACK)
        return "[stack]";
    if (r->kind & SPACE_HEAP)
        return "[heap]";
    if (r->kind & SPACE_VDSO)
        return "[vdso]";
    return path;
}

/* fs/proc/task_mmu.c, show_map_vma(): the name starts in column 73. */
static void print_part(FILE *f, const struct space_range *r, const struct maps_line *line)
{
    uint64_t offset = line->inode ? line->offset + (r->start - line->start) : line->offset;
    int width = fprintf(f, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %s %" PRIu64 " ",
                        r->start, r->end, r->prot & PROT_READ ? 'r' : '-',
                        r->prot & PROT_WRITE ? 'w' : '-', r->prot & PROT_EXEC ? 'x' : '-',
                        line->perms[3], offset, line->dev, line->inode);
    const char *name = name_of(r, line->path);
    if (*name)
        fprintf(f, "%*s%s", width < 73 ? 73 - width : 0, "", name);
    fputc('\n', f);
}

/* The first interval that ends above `addr`. */
static const struct space_range *next(const struct ranges_list *list, gaddr addr)
{
    size_t lo = 0, hi = list->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (list->r[mid].end > addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    while (lo < list->n && (list->r[lo].kind & SPACE_HOST))
        lo++;
    return lo < list->n ? &list->r[lo] : NULL;
}

/* Prints the parts of the kernel's line that are the guest's. */
static void print_guest_parts(FILE *f, const struct maps_line *line, const struct ranges_list *list)
{
    const struct space_range *in;
    for (gaddr at = line->start; at < line->end && (in = next(list, at)) && in->start < line->end; at = in->end) {
        struct space_range r = *in;
        if (r.start < line->start) {
            r.start = line->start;
        } else if (at == line->start && r.start > line->start && (r.kind & SPACE_GROWSDOWN)) {
            r.start = line->start;              /* the kernel extended the stack */
        }
        if (r.end > line->end)
            r.end = line->end;
        print_part(f, &r, line);
    }
}

/* The head of a record of smaps: one line even where the guest has several intervals, since the kernel counts them as one. */
static bool print_smaps_head(FILE *f, const struct maps_line *line, const struct ranges_list *list)
{
    const struct space_range *in = line->start < space.task_size ? next(list, line->start) : NULL;
    if (!in || in->start >= line->end)
        return false;
    struct space_range r = *in;
    r.start = line->start;
    r.end = line->end;
    print_part(f, &r, line);
    return true;
}

/* The kernel's list as the guest should see it. */
static void print_maps(FILE *f, FILE *maps, const struct ranges_list *list)
{
    char *text = NULL;
    size_t size = 0;
    struct maps_line line;
    while (getline(&text, &size, maps) > 0)
        if (parse_line(text, &line) && line.start < space.task_size)
            print_guest_parts(f, &line, list);
    free(text);
}

static void print_smaps(FILE *f, FILE *smaps, const struct ranges_list *list)
{
    char *text = NULL;
    size_t size = 0;
    bool shown = false;
    while (getline(&text, &size, smaps) > 0) {
        struct maps_line line;
        bool head = text[strcspn(text, " -:")] == '-' && parse_line(text, &line);
        if (head)
            shown = print_smaps_head(f, &line, list);
        else if (shown)
            fputs(text, f);
    }
    free(text);
}

/* Without /proc: the set alone. */
static void print_set(FILE *f, const struct ranges_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct space_range *r = &list->r[i];
        struct maps_line line = { .start = r->start, .end = r->end, .dev = "00:00", .path = "" };
        line.perms[3] = r->kind & SPACE_SHARED ? 's' : 'p';
        if (!(r->kind & SPACE_HOST))
            print_part(f, r, &line);
    }
}

/* --- this process ------------------------------------------------------------------------------------- */

static bool peek_here(void *arg, void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return true;
}

void space_print_smaps(FILE *f)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    struct ranges_list list;
    space_read_lock();
    if (smaps && ranges_list(&list, &space.set, peek_here, NULL)) {
        print_smaps(f, smaps, &list);
        free(list.r);
    }
    space_read_unlock();
    if (smaps)
        fclose(smaps);
}

void space_print_maps(FILE *f)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    struct ranges_list list;
    space_read_lock();
    if (ranges_list(&list, &space.set, peek_here, NULL)) {
        if (maps)
            print_maps(f, maps, &list);
        else
            print_set(f, &list);
        free(list.r);
    }
    space_read_unlock();
    if (maps)
        fclose(maps);
}

/* --- another process: its set is read where it lies, since both run the same executable ------------------- */

const void *space_exported(void)
{
    return &space;
}

enum { WINDOWS = 8, TRIES = 1000, IMPATIENT = 50, DISTURBED = 32 };

/* Pages of the other's memory, so that its intervals are read by a few system calls: the fewer, the less changes meanwhile. */
struct window { int pid; unsigned n; uintptr_t page[WINDOWS]; char bytes[WINDOWS][SPACE_PAGE]; };

static bool read_there(int pid, void *to, uintptr_t from, size_t size)
{
    struct iovec here = { to, size }, there = { (void *)from, size };
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

static const char *page_there(struct window *w, uintptr_t page)
{
    for (unsigned i = 0; i < w->n && i < WINDOWS; i++)
        if (w->page[i] == page)
            return w->bytes[i];
    unsigned at = w->n++ % WINDOWS;
    w->page[at] = page;
    if (read_there(w->pid, w->bytes[at], page, SPACE_PAGE))
        return w->bytes[at];
    w->page[at] = 0;
    return NULL;
}

static bool peek_there(void *arg, void *to, const void *from, size_t size)
{
    uintptr_t at = (uintptr_t)from;
    char *out = to;
    while (size) {
        uintptr_t page = at & ~(uintptr_t)(SPACE_PAGE - 1);
        size_t n = page + SPACE_PAGE - at < size ? page + SPACE_PAGE - at : size;
        const char *bytes = page_there(arg, page);
        if (!bytes)
            return false;
        memcpy(out, bytes + (at - page), n);
        at += n;
        out += n;
        size -= n;
    }
    return true;
}

static bool read_set(struct window *w, struct space *to, const struct space *exported)
{
    w->n = 0;
    return read_there(w->pid, to, (uintptr_t)exported, sizeof *to);
}

/* Lists the set if nothing changes while it is read. */
static bool list_undisturbed(struct ranges_list *list, struct window *w, const struct space *before, const struct space *exported)
{
    uint32_t after;
    if ((before->changes & 1) || !ranges_list(list, &before->set, peek_there, w))
        return false;
    if (read_there(w->pid, &after, (uintptr_t)&exported->changes, sizeof after) && after == before->changes)
        return true;
    free(list->r);
    return false;
}

static uint64_t length(const struct ranges_list *list)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < list->n; i++)
        sum += list->r[i].end - list->r[i].start;
    return sum;
}

/* Of several lists that were read in any case the one that misses least: intervals may be between two places of the tree. */
static bool list_disturbed(struct ranges_list *list, struct window *w, const struct space *exported)
{
    struct space now;
    *list = (struct ranges_list){ .n = 0 };
    for (int tries = 0; tries < DISTURBED && read_set(w, &now, exported); tries++) {
        struct ranges_list more;
        if (!ranges_list(&more, &now.set, peek_there, w))
            continue;
        if (length(&more) > length(list)) {
            free(list->r);
            *list = more;
        } else {
            free(more.r);
        }
    }
    return list->n != 0;
}

/* Lists the set of a process that goes on meanwhile: until nothing has changed while it was read, or as well as can be if it never stops
 * mapping and unmapping. */
static bool list_other(struct ranges_list *list, int pid, const struct space *exported)
{
    struct space before;
    bool done = false, readable = true;
    struct window *w = malloc(sizeof *w);
    if (!w)
        return false;
    w->pid = pid;
    for (int tries = 0; !done && readable && tries < TRIES; tries++) {
        readable = read_set(w, &before, exported);
        done = readable && list_undisturbed(list, w, &before, exported);
        if (!done && tries > IMPATIENT)
            usleep(100);
    }
    if (!done && readable)
        done = list_disturbed(list, w, exported);
    free(w);
    return done;
}

/* What the guest may map. Which of it the guest may execute is not to be seen. */
static void print_below_top(FILE *f, FILE *in)
{
    char *text = NULL;
    size_t size = 0;
    bool shown = false;
    while (getline(&text, &size, in) > 0) {
        uint64_t start, end;
        if (sscanf(text, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
            shown = start < space.task_size;
        if (shown)
            fputs(text, f);
    }
    free(text);
}

void space_print_other(FILE *f, int pid, const void *exported, bool smaps)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, smaps ? "smaps" : "maps");
    FILE *in = fopen(path, "re");
    struct ranges_list list;
    if (!in)
        return;
    if (exported && list_other(&list, pid, exported)) {
        (smaps ? print_smaps : print_maps)(f, in, &list);
        free(list.r);
    } else {
        print_below_top(f, in);
    }
    fclose(in);
}
