/* SPDX-License-Identifier: MIT */
/*
 * Drained sections: nesting, edges, waiting outside and inside coroutines,
 * closing while requests are under way.
 *
 * Invariant of each test: when it ends no node is left and every request that
 * was started has ended exactly once.
 */
#include "qemu/osdep.h"
#include "gate-driver.h"

static void assert_clean(void)
{
    settle();
    g_assert(bdrv_next_node(NULL) == NULL);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, 0);
}

static void test_nesting(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockBackend *blk = backend_of(bs);
    BgWrite w;

    bdrv_drained_begin(bs);
    bdrv_drained_begin(bs);
    bg_write(&w, blk, 0, 1);
    settle();
    g_assert_cmpint(w.ret, ==, BG_PENDING);
    g_assert_cmpuint(gate_of(bs)->writes, ==, 0);

    bdrv_drained_end(bs);
    settle();
    g_assert_cmpint(w.ret, ==, BG_PENDING);

    bdrv_drained_end(bs);
    g_assert_cmpint(w.ret, ==, BG_PENDING); /* never from inside the end */
    settle();
    g_assert_cmpint(w.ret, ==, 0);
    g_assert_cmpint(gate_of(bs)->data[511], ==, 1);

    blk_unref(blk);
    bdrv_unref(bs);
    assert_clean();
}

/* Nothing is in flight when begin returns; parents of parents stop. */
static void test_in_flight(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockDriverState *top = pass_node("top", bs);
    BlockBackend *blk = backend_of(top);
    BgWrite first, second;

    gate_of(bs)->closed = true;
    bg_write(&first, blk, 0, 1);
    g_assert_cmpuint(gate_of(bs)->in_driver, ==, 1);
    gate_open_later(bs);

    bdrv_drained_begin(bs);
    g_assert_cmpint(first.ret, ==, 0);
    g_assert_cmpint(top->quiesce_counter, ==, 1);
    bg_write(&second, blk, 512, 2);
    settle();
    g_assert_cmpint(second.ret, ==, BG_PENDING);
    bdrv_drained_end(bs);
    g_assert_cmpint(top->quiesce_counter, ==, 0);
    settle();
    g_assert_cmpint(second.ret, ==, 0);

    blk_unref(blk);
    bdrv_unref(top);
    bdrv_unref(bs);
    assert_clean();
}

typedef struct Work {
    BlockDriverState *bs;
    int rounds;          /* of the loop until it is done */
} Work;

static void do_work(void *opaque)
{
    Work *work = opaque;

    if (work->rounds-- > 0) {
        aio_bh_schedule_oneshot(work->bs->aio_context, do_work, work);
    } else {
        bdrv_dec_in_flight(work->bs);
    }
}

/* Work above that may still send a request down is waited for. */
static void test_work_above(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockDriverState *top = pass_node("top", bs);
    Work work = { top, 10 };

    bdrv_inc_in_flight(top);
    do_work(&work);
    bdrv_drained_begin(bs);
    g_assert_cmpuint(top->in_flight, ==, 0);
    bdrv_drained_end(bs);
    bdrv_unref(top);
    bdrv_unref(bs);
    assert_clean();
}

/* Draining the top leaves other users of the bottom alone. */
static void test_below(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockDriverState *top = pass_node("top", bs);
    BlockBackend *blk = backend_of(bs);
    BgWrite w;

    bdrv_drained_begin(top);
    bg_write(&w, blk, 0, 1);
    settle();
    g_assert_cmpint(w.ret, ==, 0);
    bdrv_drained_end(top);

    blk_unref(blk);
    bdrv_unref(top);
    bdrv_unref(bs);
    assert_clean();
}

/* An edge to a drained node stops its parent; without it, that goes on. */
static void test_edges(void)
{
    BlockDriverState *a = gate_node("a");
    BlockDriverState *b = gate_node("b");
    BlockDriverState *top = pass_node("top", a);
    BdrvChild *second;

    bdrv_drained_begin(b);
    bdrv_ref(b);
    second = bdrv_attach_child(top, b, "second", &child_file, &error_abort);
    g_assert_cmpint(top->quiesce_counter, ==, 1);
    bdrv_unref_child(top, top->file);
    g_assert_cmpint(top->quiesce_counter, ==, 1);
    bdrv_unref_child(top, second);
    g_assert_cmpint(top->quiesce_counter, ==, 0);
    bdrv_drained_end(b);

    bdrv_unref(top);
    bdrv_unref(b);
    bdrv_unref(a);
    assert_clean();
}

typedef struct CoDrain {
    BlockDriverState *bs;
    BgWrite *other;      /* must be done when the section begins */
    BlockBackend *mine;  /* has a request of the caller in flight, or NULL */
    bool entered, done;
} CoDrain;

static void coroutine_fn co_drain_entry(void *opaque)
{
    CoDrain *d = opaque;

    d->entered = true;
    bdrv_drained_begin(d->bs);
    g_assert_cmpint(d->other->ret, ==, 0);
    bdrv_drained_end(d->bs);
    d->done = true;
}

static void test_in_coroutine(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockBackend *blk = backend_of(bs);
    BgWrite w;
    CoDrain d = { .bs = bs, .other = &w };

    gate_of(bs)->closed = true;
    bg_write(&w, blk, 0, 1);
    qemu_coroutine_enter(qemu_coroutine_create(co_drain_entry, &d));
    g_assert(d.entered && !d.done);
    settle();
    g_assert(!d.done);
    gate_open(gate_of(bs));
    settle();
    g_assert(d.done);

    blk_unref(blk);
    bdrv_unref(bs);
    assert_clean();
}

typedef struct Crossed {
    BlockDriverState *own;     /* counts as in flight while ... */
    BlockDriverState *other;   /* ... this one is being drained */
    bool done;
} Crossed;

static void coroutine_fn crossed_entry(void *opaque)
{
    Crossed *c = opaque;

    bdrv_inc_in_flight(c->own);
    bdrv_drained_begin(c->other);
    bdrv_drained_end(c->other);
    bdrv_dec_in_flight(c->own);
    c->done = true;
}

/* The first waits for the gate, the second for the first: nothing nests. */
static void test_two_in_coroutines(void)
{
    BlockDriverState *a = gate_node("a");
    BlockDriverState *b = gate_node("b");
    BlockBackend *blk = backend_of(a);
    BgWrite w;
    Crossed first = { .own = b, .other = a };
    Crossed second = { .own = b, .other = a };
    CoDrain third = { .bs = b, .other = &w };

    gate_of(a)->closed = true;
    bg_write(&w, blk, 0, 1);
    qemu_coroutine_enter(qemu_coroutine_create(crossed_entry, &first));
    qemu_coroutine_enter(qemu_coroutine_create(crossed_entry, &second));
    qemu_coroutine_enter(qemu_coroutine_create(co_drain_entry, &third));
    settle();
    g_assert(!first.done && !second.done && !third.done);
    gate_open(gate_of(a));
    settle();
    g_assert(first.done && second.done && third.done);

    blk_unref(blk);
    bdrv_unref(a);
    bdrv_unref(b);
    assert_clean();
}

/* The last reference to the backend goes while a request is in the driver. */
static void test_close_in_flight(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockBackend *blk = backend_of(bs);
    BgWrite w;

    gate_of(bs)->closed = true;
    bg_write(&w, blk, 0, 1);
    gate_open_later(bs);
    bdrv_unref(bs);
    blk_unref(blk);
    g_assert_cmpint(w.ret, ==, 0);
    assert_clean();
}

static void coroutine_fn co_unref_entry(void *opaque)
{
    BgWrite *w = opaque;

    blk_unref(w->blk);
    g_assert_cmpint(w->ret, ==, 0);
    w->blk = NULL;
}

static void test_close_in_coroutine(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockBackend *blk = backend_of(bs);
    BgWrite w;

    gate_of(bs)->closed = true;
    bg_write(&w, blk, 0, 1);
    gate_open_later(bs);
    bdrv_unref(bs);
    qemu_coroutine_enter(qemu_coroutine_create(co_unref_entry, &w));
    settle();
    g_assert(w.blk == NULL);
    assert_clean();
}

/* A request that waits when its backend goes ends without a medium. */
static void test_close_queued(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockBackend *blk = backend_of(bs);
    BgWrite w;

    bdrv_drained_begin(bs);
    bg_write(&w, blk, 0, 1);
    blk_unref(blk);
    g_assert_cmpint(w.ret, ==, -ENOMEDIUM);
    bdrv_drained_end(bs);
    bdrv_unref(bs);
    assert_clean();
}

/* One that a section held back which is over is waited for, like any other. */
static void test_close_resuming(void)
{
    BlockDriverState *bs = gate_node("n");
    BlockBackend *blk = backend_of(bs);
    BgWrite w;

    bdrv_drained_begin(bs);
    bg_write(&w, blk, 0, 1);
    bdrv_drained_end(bs);
    blk_drain(blk);
    g_assert_cmpint(w.ret, ==, 0);

    bdrv_drained_begin(bs);
    bg_write(&w, blk, 0, 2);
    bdrv_drained_end(bs);
    blk_unref(blk);
    g_assert_cmpint(w.ret, ==, 0);
    g_assert_cmpint(gate_of(bs)->data[511], ==, 2);
    bdrv_unref(bs);
    assert_clean();
}

/* ---- requests all the time, sections at random -------------------------- */

#define STRESS_WRITERS 16
#define STRESS_STEPS   2000

typedef struct Stress {
    BlockDriverState *gate[2], *top;
    BlockBackend *blk[3];
    bool stop;
    int running;
    unsigned writes;
} Stress;

typedef struct Writer {
    Stress *stress;
    int n;
} Writer;

static void coroutine_fn stress_writer(void *opaque)
{
    Writer *w = opaque;
    Stress *s = w->stress;
    uint8_t buf[512] = { 0 };
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    while (!s->stop) {
        g_assert_cmpint(blk_co_pwritev(s->blk[w->n % 3], w->n * 100, 512,
                                       &qiov, 0), ==, 0);
        s->writes++;
        aio_co_schedule(qemu_get_aio_context(), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
    s->running--;
}

static void stress_gates(Stress *s, GRand *rand)
{
    for (int i = 0; i < 2; i++) {
        if (g_rand_int_range(rand, 0, 3)) {
            gate_open(gate_of(s->gate[i]));
        } else {
            gate_of(s->gate[i])->closed = true;
        }
    }
}

/* Requests that a section waits for must be let through. */
static void stress_open_later(Stress *s)
{
    gate_open_later(s->gate[0]);
    gate_open_later(s->gate[1]);
}

static void stress_step(Stress *s, GRand *rand)
{
    BlockDriverState *nodes[] = { s->gate[0], s->gate[1], s->top };
    BlockDriverState *bs = nodes[g_rand_int_range(rand, 0, 3)];

    stress_gates(s, rand);
    stress_open_later(s);
    bdrv_drained_begin(bs);
    g_assert_cmpuint(bs->in_flight, ==, 0);
    if (g_rand_int_range(rand, 0, 4) == 0) {
        stress_open_later(s);
        blk_drain(s->blk[g_rand_int_range(rand, 0, 3)]);
    }
    aio_poll(qemu_get_aio_context(), false);
    g_assert_cmpuint(bs->in_flight, ==, 0);
    bdrv_drained_end(bs);
    aio_poll(qemu_get_aio_context(), false);
}

/* @top lies over gate 0; each node has a user of its own. */
static void test_stress(void)
{
    GRand *rand = g_rand_new_with_seed(42);
    Stress s = { .gate = { gate_node("a"), gate_node("b") } };
    Writer writers[STRESS_WRITERS];

    s.top = pass_node("top", s.gate[0]);
    s.blk[0] = backend_of(s.gate[0]);
    s.blk[1] = backend_of(s.gate[1]);
    s.blk[2] = backend_of(s.top);
    for (int i = 0; i < STRESS_WRITERS; i++) {
        writers[i] = (Writer) { &s, i };
        s.running++;
        qemu_coroutine_enter(qemu_coroutine_create(stress_writer,
                                                   &writers[i]));
    }
    for (int i = 0; i < STRESS_STEPS; i++) {
        stress_step(&s, rand);
    }
    s.stop = true;
    stress_open_later(&s);
    while (s.running) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpuint(s.writes, >, STRESS_STEPS);
    for (int i = 0; i < 3; i++) {
        blk_unref(s.blk[i]);
    }
    bdrv_unref(s.top);
    bdrv_unref(s.gate[0]);
    bdrv_unref(s.gate[1]);
    g_rand_free(rand);
    assert_clean();
}

/* Each thread has a loop and a graph; nothing is shared. */
static gpointer thread_body(gpointer opaque)
{
    for (int i = 0; i < 50; i++) {
        BlockDriverState *bs = gate_node(NULL);
        BlockBackend *blk = backend_of(bs);
        BgWrite w;

        gate_of(bs)->closed = true;
        bg_write(&w, blk, 0, i);
        gate_open_later(bs);
        blk_drain(blk);
        g_assert_cmpint(w.ret, ==, 0);
        blk_unref(blk);
        bdrv_unref(bs);
        settle();
        g_assert(bdrv_next_node(NULL) == NULL);
    }
    return NULL;
}

static void test_two_threads(void)
{
    GThread *other = g_thread_new("other", thread_body, NULL);

    thread_body(NULL);
    g_thread_join(other);
    assert_clean();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/drain/nesting", test_nesting);
    g_test_add_func("/drain/in-flight", test_in_flight);
    g_test_add_func("/drain/work-above", test_work_above);
    g_test_add_func("/drain/below", test_below);
    g_test_add_func("/drain/edges", test_edges);
    g_test_add_func("/drain/in-coroutine", test_in_coroutine);
    g_test_add_func("/drain/two-in-coroutines", test_two_in_coroutines);
    g_test_add_func("/drain/close-in-flight", test_close_in_flight);
    g_test_add_func("/drain/close-in-coroutine", test_close_in_coroutine);
    g_test_add_func("/drain/close-queued", test_close_queued);
    g_test_add_func("/drain/close-resuming", test_close_resuming);
    g_test_add_func("/drain/stress", test_stress);
    g_test_add_func("/drain/two-threads", test_two_threads);
    return g_test_run();
}
