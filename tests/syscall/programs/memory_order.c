/* Litmus tests of the memory model through C's atomics (LDAR, STLR, DMB; .aq, .rl, fences): outcomes that the guest's model and
 * C's forbid are seen 0 times. Store buffering needs the full fence or sequentially consistent accesses; message passing, load
 * buffering, and coherence of one location need release and acquire.
 * build: -O2 dynamic; -O1 static
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 20000, BATCH = 64 };
struct cell { _Alignas(64) atomic_int x, pad[15], y, pad2[15]; };
static struct cell cells[BATCH];
static int results[2][BATCH][2];
static atomic_int turn, done[2];

typedef void half(struct cell *c, int *r);
#define SC memory_order_seq_cst
#define REL memory_order_release
#define ACQ memory_order_acquire
#define RLX memory_order_relaxed
#define PUT(v, o) atomic_store_explicit(&c->v, 1, o)
#define GET(v, o) atomic_load_explicit(&c->v, o)

static void sb_sc0(struct cell *c, int *r) { PUT(x, SC); r[0] = GET(y, SC); }
static void sb_sc1(struct cell *c, int *r) { PUT(y, SC); r[0] = GET(x, SC); }
static void sb_fence0(struct cell *c, int *r) { PUT(x, RLX); atomic_thread_fence(SC); r[0] = GET(y, RLX); }
static void sb_fence1(struct cell *c, int *r) { PUT(y, RLX); atomic_thread_fence(SC); r[0] = GET(x, RLX); }
static void sb_rmw0(struct cell *c, int *r) { atomic_exchange_explicit(&c->x, 1, SC); r[0] = GET(y, SC); }
static void sb_rmw1(struct cell *c, int *r) { atomic_exchange_explicit(&c->y, 1, SC); r[0] = GET(x, SC); }
static void mp0(struct cell *c, int *r) { r[0] = 0; PUT(x, RLX); PUT(y, REL); }
static void mp1(struct cell *c, int *r) { r[0] = GET(y, ACQ); r[1] = GET(x, RLX); }
static void mp_fence0(struct cell *c, int *r) { r[0] = 0; PUT(x, RLX); atomic_thread_fence(REL); PUT(y, RLX); }
static void mp_fence1(struct cell *c, int *r) { r[0] = GET(y, RLX); atomic_thread_fence(ACQ); r[1] = GET(x, RLX); }
static void lb0(struct cell *c, int *r) { r[0] = GET(x, ACQ); PUT(y, REL); }
static void lb1(struct cell *c, int *r) { r[0] = GET(y, ACQ); PUT(x, REL); }
static void rr0(struct cell *c, int *r) { r[0] = 0; PUT(x, RLX); atomic_store_explicit(&c->x, 2, RLX); }
static void rr1(struct cell *c, int *r) { r[0] = GET(x, RLX); r[1] = GET(x, RLX); }

/* Which outcome must not be: a of the first half, b of the second. */
static int both_zero(const int *a, const int *b) { return !a[0] && !b[0]; }
static int both_one(const int *a, const int *b) { return a[0] == 1 && b[0] == 1; }
static int flag_without_data(const int *a, const int *b) { (void)a; return b[0] == 1 && b[1] == 0; }
static int backwards(const int *a, const int *b) { (void)a; return b[0] > b[1]; }

static const struct litmus { const char *name; half *half[2]; int (*forbidden)(const int *, const int *); } tests[] = {
    { "store buffering, sequentially consistent", { sb_sc0, sb_sc1 }, both_zero },
    { "store buffering, full fence", { sb_fence0, sb_fence1 }, both_zero },
    { "store buffering, exchange", { sb_rmw0, sb_rmw1 }, both_zero },
    { "message passing, release and acquire", { mp0, mp1 }, flag_without_data },
    { "message passing, fences", { mp_fence0, mp_fence1 }, flag_without_data },
    { "load buffering", { lb0, lb1 }, both_one },
    { "coherence", { rr0, rr1 }, backwards },
};

static const struct litmus *now;

static void wait_turn(int n)
{
    for (int spin = 0; atomic_load(&turn) != n; spin++)
        if (spin > 1000)
            sched_yield();
}

static void *side(void *arg)
{
    int me = (int)(long)arg;
    for (int n = 1; n <= ROUNDS / BATCH; n++) {
        wait_turn(n);
        for (int i = 0; i < BATCH; i++)
            now->half[me](&cells[i], results[me][i]);
        atomic_store(&done[me], n);
    }
    return NULL;
}

int main(void)
{
    for (unsigned t = 0; t < sizeof tests / sizeof *tests; t++) {
        pthread_t threads[2];
        int bad = 0;
        now = &tests[t];
        atomic_store(&turn, 0);
        atomic_store(&done[0], 0);
        atomic_store(&done[1], 0);
        for (long i = 0; i < 2; i++)
            pthread_create(&threads[i], NULL, side, (void *)i);
        for (int n = 1; n <= ROUNDS / BATCH; n++) {
            memset(cells, 0, sizeof cells);
            atomic_store(&turn, n);
            for (int i = 0; i < 2; i++)
                while (atomic_load(&done[i]) != n)
                    sched_yield();
            for (int i = 0; i < BATCH; i++)
                bad += now->forbidden(results[0][i], results[1][i]);
        }
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        printf("%s: %d\n", now->name, bad);
    }
    return 0;
}
