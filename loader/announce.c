/* Where the guest announces that it has changed code. Processors do not promise to notice, but many do mostly, and
 * there are programs that only ever ran on such. Code where nothing is announced looks after itself (frontend/translate.c). */
#include "loader/space_private.h"

static bool covered(gaddr start, gaddr end)
{
    struct space_range r;
    return ranges_next(&space.announced, start, &r) && r.start <= start && r.end >= end;
}

/* The first part of [*start, end) with code that can change unannounced; *start becomes its end. */
static bool next_silent(gaddr *start, gaddr end, struct space_range *part)
{
    while (*start < end && ranges_next(&space.set, *start, part) && part->start < end) {
        if (part->start < *start)
            part->start = *start;
        if (part->end > end)
            part->end = end;
        *start = part->end;
        if (ranges_is_unsure(part->prot, part->kind) && !covered(part->start, part->end))
            return true;
    }
    return false;
}

bool space_unannounced(gaddr start, uint64_t len)
{
    struct space_range part;
    return space.set.unsure && next_silent(&start, start + len, &part);
}

void space_announce(gaddr start, uint64_t len)
{
    gaddr end = start + len < start || start + len > space.task_size ? space.task_size : page_up(start + len);
    struct space_range part;
    start &= ~(gaddr)(SPACE_PAGE - 1);
    space_read_lock();
    gaddr at = start;
    bool news = space.set.unsure && next_silent(&at, end, &part);
    space_read_unlock();
    if (!news)
        return;
    space_write_lock();
    while (next_silent(&start, end, &part) && ranges_reserve(&space.announced))
        ranges_put(&space.announced, part.start, part.end, 0, 0);
    space_write_unlock();
}
