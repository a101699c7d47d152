#include "loader/ranges.h"

#include <stdlib.h>
#include <sys/mman.h>

struct range_node {
    struct range_node *left, *right;
    gaddr start, end;
    gaddr low, high;         /* bounds of the subtree; `low` counts a stack's guard gap */
    uint64_t hole;           /* widest hole between two intervals of the subtree */
    uint32_t priority;
    uint8_t prot, kind;
};

/* A put splits twice, may cut both neighbours out (no new nodes: they are whole), and inserts one. */
enum { RESERVE = 4, POOL_BYTES = 16384 };

enum { FIRST_STACK = 132 << 10 };   /* fs/exec.c, setup_arg_pages(): 128 KiB beyond what the arguments take */

bool ranges_reserve(struct ranges *set)
{
    if (set->free_count >= RESERVE)
        return true;
    struct range_node *pool = host_alloc(POOL_BYTES);
    if (!pool)
        return false;
    for (size_t i = 0; i < POOL_BYTES / sizeof *pool; i++) {
        pool[i].left = set->free;
        set->free = &pool[i];
        set->free_count++;
    }
    return true;
}

bool ranges_is_data(uint8_t prot, uint8_t kind)
{
    return (prot & PROT_WRITE) && !(kind & (SPACE_SHARED | SPACE_GROWSDOWN | SPACE_HOST));
}

/* What an interval counts. The main stack is mapped all at once; it counts as much as the kernel maps at first. */
static uint64_t counted(const struct range_node *n)
{
    uint64_t len = n->kind & SPACE_HOST ? 0 : n->end - n->start;
    return (n->kind & SPACE_STACK) && len > FIRST_STACK ? FIRST_STACK : len;
}

static void count(struct ranges *set, const struct range_node *n)
{
    set->total += counted(n);
    set->data += ranges_is_data(n->prot, n->kind) ? counted(n) : 0;
    set->unsure += ranges_is_unsure(n->prot, n->kind) ? n->end - n->start : 0;
}

static void uncount(struct ranges *set, const struct range_node *n)
{
    set->total -= counted(n);
    set->data -= ranges_is_data(n->prot, n->kind) ? counted(n) : 0;
    set->unsure -= ranges_is_unsure(n->prot, n->kind) ? n->end - n->start : 0;
}

static struct range_node *node_new(struct ranges *set, gaddr start, gaddr end, uint8_t prot,
                                   uint8_t kind)
{
    struct range_node *n = set->free;
    set->free = n->left;
    set->free_count--;
    set->random ^= set->random << 13;
    set->random ^= set->random >> 17;
    set->random ^= set->random << 5;
    *n = (struct range_node){ .start = start, .end = end, .prot = prot, .kind = kind,
                              .priority = set->random };
    count(set, n);
    return n;
}

static void tree_free(struct ranges *set, struct range_node *t)
{
    if (!t)
        return;
    tree_free(set, t->left);
    tree_free(set, t->right);
    uncount(set, t);
    t->left = set->free;
    set->free = t;
    set->free_count++;
}

/* Where free space below this interval must end. */
static gaddr guarded_start(const struct range_node *n)
{
    if (!(n->kind & SPACE_GROWSDOWN))
        return n->start;
    return n->start > RANGES_GUARD ? n->start - RANGES_GUARD : 0;
}

static uint64_t distance(gaddr from, gaddr to)
{
    return to > from ? to - from : 0;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void update(struct range_node *t)
{
    t->low = guarded_start(t);
    t->high = t->end;
    t->hole = 0;
    if (t->left) {
        t->hole = max64(t->left->hole, distance(t->left->high, t->low));
        t->low = t->left->low;
    }
    if (t->right) {
        t->hole = max64(t->hole, max64(t->right->hole, distance(t->end, t->right->low)));
        t->high = t->right->high;
    }
}

static struct range_node *merge(struct range_node *a, struct range_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->priority > b->priority) {
        a->right = merge(a->right, b);
        update(a);
        return a;
    }
    b->left = merge(a, b->left);
    update(b);
    return b;
}

/* Everything below `at` goes to *lo, the rest to *hi. */
static void split(struct ranges *set, struct range_node *t, gaddr at, struct range_node **lo,
                  struct range_node **hi)
{
    if (!t) {
        *lo = *hi = NULL;
    } else if (t->end <= at) {
        split(set, t->right, at, &t->right, hi);
        update(t);
        *lo = t;
    } else if (t->start >= at) {
        split(set, t->left, at, lo, &t->left);
        update(t);
        *hi = t;
    } else {
        struct range_node *upper = node_new(set, at, t->end, t->prot, t->kind);
        update(upper);
        *hi = merge(upper, t->right);
        uncount(set, t);
        t->end = at;
        count(set, t);
        t->right = NULL;
        update(t);
        *lo = t;
    }
}

/* Takes [start, end) out; what lies on either side goes to *lo and *hi. */
static void cut(struct ranges *set, gaddr start, gaddr end, struct range_node **lo,
                struct range_node **hi)
{
    struct range_node *rest, *middle;
    split(set, set->root, start, lo, &rest);
    split(set, rest, end, &middle, hi);
    tree_free(set, middle);
}

void ranges_clear(struct ranges *set, gaddr start, gaddr end)
{
    struct range_node *lo, *hi;
    cut(set, start, end, &lo, &hi);
    set->root = merge(lo, hi);
}

/* The interval that ends above addr and starts lowest. */
static const struct range_node *find(const struct ranges *set, gaddr addr)
{
    const struct range_node *best = NULL;
    for (const struct range_node *t = set->root; t;) {
        if (t->end > addr) {
            best = t;
            t = t->left;
        } else {
            t = t->right;
        }
    }
    return best;
}

void ranges_put(struct ranges *set, gaddr start, gaddr end, uint8_t prot, uint8_t kind)
{
    gaddr from = start, to = end;
    const struct range_node *before = start ? find(set, start - 1) : NULL;
    if (before && before->start < start && before->prot == prot && before->kind == kind)
        from = before->start;
    const struct range_node *after = find(set, end);
    if (after && after->start <= end && after->prot == prot && after->kind == kind)
        to = after->end;

    struct range_node *lo, *hi;
    cut(set, from, to, &lo, &hi);
    struct range_node *n = node_new(set, from, to, prot, kind);
    update(n);
    set->root = merge(merge(lo, n), hi);
}

bool ranges_next(const struct ranges *set, gaddr addr, struct space_range *out)
{
    const struct range_node *n = find(set, addr);
    if (!n)
        return false;
    *out = (struct space_range){ .start = n->start, .end = n->end, .prot = n->prot,
                                 .kind = n->kind };
    return true;
}

bool ranges_is_free(const struct ranges *set, gaddr start, gaddr end)
{
    const struct range_node *n = find(set, start);
    return !n || guarded_start(n) >= end;
}

static gaddr find_down(const struct range_node *t, gaddr lo, gaddr hi, uint64_t len, uint64_t align)
{
    if (distance(lo, hi) < len)
        return 0;
    if (!t) {
        gaddr at = (hi - len) & ~(align - 1);
        return at >= lo ? at : 0;
    }
    if (max64(t->hole, max64(distance(lo, t->low), distance(t->high, hi))) < len)
        return 0;
    gaddr at = find_down(t->right, max64(lo, t->end), hi, len, align);
    if (at)
        return at;
    gaddr limit = guarded_start(t);
    return find_down(t->left, lo, limit < hi ? limit : hi, len, align);
}

gaddr ranges_find_down(const struct ranges *set, gaddr lo, gaddr hi, uint64_t len, uint64_t align)
{
    return find_down(set->root, lo, hi, len, align);
}

/* --- lists --------------------------------------------------------------------------------------------- */

enum { DEEPEST = 256 };   /* a treap of that depth is none: it was read while it changed */

static bool append(struct ranges_list *list, const struct range_node *n)
{
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct space_range *r = realloc(list->r, room * sizeof *r);
        if (!r)
            return false;
        list->r = r;
        list->room = room;
    }
    list->r[list->n++] = (struct space_range){ .start = n->start, .end = n->end, .prot = n->prot, .kind = n->kind };
    return n->start < n->end && (list->n < 2 || list->r[list->n - 2].end <= n->start);
}

static bool list_tree(struct ranges_list *list, const struct range_node *at, int depth, ranges_peek *peek, void *arg)
{
    struct range_node n;
    if (!at)
        return true;
    return depth < DEEPEST && peek(arg, &n, at, sizeof n) && list_tree(list, n.left, depth + 1, peek, arg) && append(list, &n) &&
           list_tree(list, n.right, depth + 1, peek, arg);
}

bool ranges_list(struct ranges_list *list, const struct ranges *set, ranges_peek *peek, void *arg)
{
    *list = (struct ranges_list){ .n = 0 };
    if (list_tree(list, set->root, 0, peek, arg))
        return true;
    free(list->r);
    return false;
}
