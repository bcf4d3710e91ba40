/* SPDX-License-Identifier: MIT */
/*
 * Tests of who waits for whom among the requests of a node.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"
#include "qapi/error.h"
#include "tests/unit/fake-driver.h"

#define SIZE  (64 << 10)
#define BLOCK 4096

/* A request that runs until it is told to end. */
typedef struct Job {
    FakeDisk *d;
    int64_t offset;
    int bytes;
    bool serialising;
    bool runs, end, ended;
    Coroutine *co;
} Job;

static void coroutine_fn job_entry(void *opaque)
{
    Job *j = opaque;
    BdrvTrackedRequest req;

    bdrv_tracked_request_begin(&req, j->d->bs, j->offset, j->bytes,
                               BDRV_TRACKED_WRITE);
    if (j->serialising) {
        bdrv_mark_request_serialising(&req, 512, false);
    }
    bdrv_wait_serialising_requests(&req);
    j->runs = true;
    while (!j->end) {
        qemu_coroutine_yield();
    }
    j->runs = false;
    bdrv_tracked_request_end(&req);
    j->ended = true;
}

static void job_start(Job *j)
{
    j->co = qemu_coroutine_create(job_entry, j);
    qemu_coroutine_enter(j->co);
}

/* Those that waited for it have looked again when it returns. */
static void job_end(Job *j)
{
    g_assert_true(j->runs);
    j->end = true;
    qemu_coroutine_enter(j->co);
    while (aio_poll(qemu_get_current_aio_context(), false)) {
    }
    g_assert_true(j->ended);
}

static FakeDisk *open_disk(void)
{
    FakeDisk *d = fake_file_new(SIZE);

    fake_open(d, BDRV_O_RDWR);
    return d;
}

/* ---- the rule ----------------------------------------------------------- */

/* A runs, B waits for A, C overlaps B alone: C runs, and B waits for C, too. */
static void test_overtake(void)
{
    FakeDisk *d = open_disk();
    Job a = { d, 0, BLOCK, true }, b = { d, 512, 3 * BLOCK, true };
    Job c = { d, 2 * BLOCK, 512, true }, read = { d, BLOCK, 512, false };

    job_start(&a);
    job_start(&b);
    job_start(&c);
    job_start(&read);
    g_assert_true(a.runs && !b.runs && c.runs && read.runs);
    job_end(&a);
    g_assert_false(b.runs);
    job_end(&c);
    g_assert_false(b.runs);
    job_end(&read);
    g_assert_true(b.runs);
    job_end(&b);
    fake_close(d);
}

/* Of two that wait for the same one, one runs; the other waits for that one. */
static void test_one_of_two(void)
{
    FakeDisk *d = open_disk();
    Job a = { d, 0, BLOCK, true };
    Job b = { d, 10, 5, true }, c = { d, 20, 5, true };

    job_start(&a);
    job_start(&b);
    job_start(&c);
    job_end(&a);
    g_assert_true(b.runs && !c.runs);
    job_end(&b);
    g_assert_true(c.runs);
    job_end(&c);
    fake_close(d);
}

/* Others always run when those before them end, but not for ever. */
static void test_no_starving(void)
{
    FakeDisk *d = open_disk();
    Job all = { d, 0, SIZE, true };
    Job small[50];
    int i = 0;

    small[0] = (Job) { d, 0, 512, false };
    job_start(&small[0]);
    job_start(&all);
    do {
        g_assert_cmpint(++i, <, 50);
        small[i] = (Job) { d, i % 8 * BLOCK, 512, false };
        job_start(&small[i]);
        job_end(&small[i - 1]);
    } while (small[i].runs);
    g_assert_cmpint(i, >, 10);
    g_assert_true(all.runs);
    job_end(&all);
    g_assert_true(small[i].runs);
    job_end(&small[i]);
    fake_close(d);
}

/* ---- many --------------------------------------------------------------- */

static bool jobs_clash(const Job *a, const Job *b)
{
    int64_t a_unit = a->serialising ? 512 : 1;
    int64_t b_unit = b->serialising ? 512 : 1;

    return a != b && a->runs && b->runs && (a->serialising || b->serialising) &&
           QEMU_ALIGN_DOWN(a->offset, a_unit) <
           QEMU_ALIGN_UP(b->offset + b->bytes, b_unit) &&
           QEMU_ALIGN_DOWN(b->offset, b_unit) <
           QEMU_ALIGN_UP(a->offset + a->bytes, a_unit);
}

/* None runs beside one that it clashes with, and all end. */
static void test_many(void)
{
    for (int round = 0; round < 200; round++) {
        FakeDisk *d = open_disk();
        Job jobs[30];
        unsigned started = 0, ended = 0;

        while (ended < G_N_ELEMENTS(jobs)) {
            unsigned n = g_random_int_range(0, started + 1);

            if (started < G_N_ELEMENTS(jobs) && g_random_boolean()) {
                jobs[started] = (Job) {
                    d, g_random_int_range(0, SIZE / 2),
                    g_random_int_range(1, SIZE / 4), g_random_boolean(),
                };
                job_start(&jobs[started++]);
            } else {
                /* One always runs, or all wait for each other. */
                for (unsigned i = 0; i < started && !jobs[n % started].runs;
                     i++) {
                    n++;
                }
                if (started > ended) {
                    job_end(&jobs[n % started]);
                    ended++;
                }
            }
            for (unsigned i = 0; i < started * started; i++) {
                g_assert_false(jobs_clash(&jobs[i / started],
                                          &jobs[i % started]));
            }
        }
        fake_close(d);
    }
}

/* ---- the end moves meanwhile -------------------------------------------- */

typedef struct Change {
    FakeDisk *d;
    int64_t offset;             /* a truncate's new size */
    int bytes;                  /* 0: a truncate */
    int fill;
    int *left;
} Change;

static void coroutine_fn change_entry(void *opaque)
{
    Change *c = opaque;
    uint8_t data[BLOCK];

    memset(data, c->fill, sizeof(data));
    g_assert_cmpint(c->bytes ? bdrv_co_pwrite(c->d->child, c->offset, c->bytes,
                                              data, 0)
                             : bdrv_co_truncate(c->d->child, c->offset, true,
                                                PREALLOC_MODE_OFF,
                                                &error_abort), ==, 0);
    (*c->left)--;
}

static void change_start(Change *c)
{
    qemu_coroutine_enter(qemu_coroutine_create(change_entry, c));
}

/*
 * A write inside the file waits for another one; meanwhile the file becomes
 * shorter, so that the write is past its end when it runs, and is cut back.
 * What is appended beside it must not be cut off.
 */
static void test_end_moves(void)
{
    for (int round = 0; round < 400; round++) {
        FakeDisk *d = fake_file_new(8192);
        int left = 3;
        Job first = { d, 512, 512, true };
        Change waits = { d, 900, 2100, 2, &left };
        Change shrink = { d, 2000, 0, 0, &left };
        Change append = { d, 3072, 512, 4, &left };

        d->limits.request_alignment = 512;
        d->slow = true;
        fake_open(d, BDRV_O_RDWR);
        job_start(&first);
        change_start(&waits);
        change_start(&shrink);
        while (left == 3) {
            aio_poll(qemu_get_current_aio_context(), true);
        }
        first.end = true;
        qemu_coroutine_enter(first.co);
        for (int i = 0; i < round % 20; i++) {
            aio_poll(qemu_get_current_aio_context(), false);
        }
        change_start(&append);
        while (left) {
            aio_poll(qemu_get_current_aio_context(), true);
        }
        g_assert_cmpint(d->size, ==, 3584);
        g_assert_cmpint(d->data[3072], ==, 4);
        g_assert_cmpint(d->data[3583], ==, 4);
        g_assert_cmpint(d->data[2999], ==, 2);
        g_assert_cmpint(d->data[3000], ==, 0);
        fake_close(d);
    }
}

/*
 * With direct I/O the end is written through the page cache: not while others
 * write beside it, and none of them while it is written.
 */
static void test_end_alone(void)
{
    unsigned beside = 0;

    for (int round = 0; round < 200; round++) {
        bool truncate = round % 2;
        FakeDisk *d = fake_file_new(5000);
        int left = 1;
        Job before = { d, 0, 512, false }, after = { d, 1024, 512, false };
        Change end = { d, 4900, truncate ? 0 : 200, 1, &left };
        FakeOp op = truncate ? FAKE_TRUNCATE : FAKE_TAIL;

        d->limits.request_alignment = 512;
        d->slow = true;
        fake_use_tail(d);
        fake_open(d, BDRV_O_RDWR);
        job_start(&before);
        change_start(&end);
        g_assert_cmpint(fake_count(d, op), ==, 0);
        before.end = true;
        qemu_coroutine_enter(before.co);
        while (!fake_count(d, op)) {
            aio_poll(qemu_get_current_aio_context(), true);
        }
        job_start(&after);
        /* Unless that was quick. */
        beside += left;
        g_assert_true(!left || !after.runs);
        while (left || !after.runs) {
            aio_poll(qemu_get_current_aio_context(), true);
        }
        job_end(&after);
        fake_close(d);
    }
    g_assert_cmpuint(beside, >, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_random_set_seed(g_test_rand_int());
    bdrv_init();
    g_test_add_func("/bdrv-tracked/overtake", test_overtake);
    g_test_add_func("/bdrv-tracked/one-of-two", test_one_of_two);
    g_test_add_func("/bdrv-tracked/no-starving", test_no_starving);
    g_test_add_func("/bdrv-tracked/many", test_many);
    g_test_add_func("/bdrv-tracked/end-moves", test_end_moves);
    g_test_add_func("/bdrv-tracked/end-alone", test_end_alone);
    return g_test_run();
}
