/* The kernel's list of our mappings (/proc/self/maps): read to find what is not the guest's, and printed as the guest
 * should see it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

/* Prints the parts of the kernel's line that are the guest's. */
static void print_guest_parts(FILE *f, const struct maps_line *line)
{
    struct space_range r;
    for (gaddr at = line->start; at < line->end && space_next(at, &r) && r.start < line->end;
         at = r.end) {
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
static bool print_smaps_head(FILE *f, const struct maps_line *line)
{
    struct space_range r;
    if (line->start >= space.task_size || !space_next(line->start, &r) || r.start >= line->end || (r.kind & SPACE_HOST))
        return false;
    r.start = line->start;
    r.end = line->end;
    print_part(f, &r, line);
    return true;
}

void space_print_smaps(FILE *f)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char *text = NULL;
    size_t size = 0;
    bool shown = false;
    space_read_lock();
    while (smaps && getline(&text, &size, smaps) > 0) {
        struct maps_line line;
        bool head = text[strcspn(text, " -:")] == '-' && parse_line(text, &line);
        if (head)
            shown = print_smaps_head(f, &line);
        else if (shown)
            fputs(text, f);
    }
    space_read_unlock();
    free(text);
    if (smaps)
        fclose(smaps);
}

/* Without /proc: the set alone. */
static void print_set(FILE *f)
{
    struct space_range r;
    for (gaddr at = 0; space_next(at, &r); at = r.end) {
        struct maps_line line = { .start = r.start, .end = r.end, .dev = "00:00", .path = "" };
        line.perms[3] = r.kind & SPACE_SHARED ? 's' : 'p';
        print_part(f, &r, &line);
    }
}

void space_print_maps(FILE *f)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    space_read_lock();
    if (!maps) {
        print_set(f);
    } else {
        char *text = NULL;
        size_t size = 0;
        struct maps_line line;
        while (getline(&text, &size, maps) > 0)
            if (parse_line(text, &line) && line.start < space.task_size)
                print_guest_parts(f, &line);
        free(text);
        fclose(maps);
    }
    space_read_unlock();
}
