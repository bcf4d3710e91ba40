/* SPDX-License-Identifier: MIT */
/*
 * Reopening: all or nothing, each driver called exactly once, options
 * inherited, permissions part of the transaction.
 *
 * The driver `tape` counts its calls and fails on demand; `box` is a
 * format over it.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "qapi/error.h"
#include "sysemu/block-backend.h"

typedef struct TapeState {
    int speed;                  /* the option that may change */
    int prepares, commits, aborts, flushes;
    bool pending;               /* between prepare and its end */
    bool drained;               /* as prepare found it */
    bool flushed;
    int fail;                   /* -errno of the next prepare */
    bool stray;                 /* the next prepare sets an error, returns 0 */
    bool limits_refreshed;
    bool limits_fail;           /* the next refresh of the limits */
} TapeState;

static TapeState *tape_of(BlockDriverState *bs)
{
    return bs->opaque;
}

static QemuOptsList tape_opts = {
    .name = "tape",
    .head = QTAILQ_HEAD_INITIALIZER(tape_opts.head),
    .desc = {
        { .name = "speed", .type = QEMU_OPT_NUMBER },
        { /* end of list */ }
    },
};

static int take_speed(QDict *options, int *speed, Error **errp)
{
    Error *local_err = NULL;
    QemuOpts *opts = qemu_opts_create(&tape_opts, NULL, 0, &error_abort);

    qemu_opts_absorb_qdict(opts, options, &local_err);
    *speed = qemu_opt_get_number(opts, "speed", 1);
    qemu_opts_del(opts);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    return 0;
}

static int tape_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    qdict_del(options, "label");
    return take_speed(options, &tape_of(bs)->speed, errp);
}

static int box_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    return bs->file ? tape_open(bs, options, flags, errp) : -EINVAL;
}

static int tape_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp)
{
    TapeState *s = tape_of(state->bs);
    int speed, ret;

    s->prepares++;
    s->drained = state->bs->quiesce_counter > 0 &&
                 state->bs->in_flight == 0;
    s->flushed = state->bs->flushed_gen == state->bs->write_gen;
    if (s->fail) {
        ret = s->fail;
        s->fail = 0;
        return ret;
    }
    if (s->stray) {
        s->stray = false;
        error_setg(errp, "stray");
    }
    ret = take_speed(state->options, &speed, errp);
    if (ret == 0) {
        g_assert(!s->pending);
        s->pending = true;
        state->opaque = GINT_TO_POINTER(speed);
    }
    return ret;
}

static void tape_reopen_commit(BDRVReopenState *state)
{
    TapeState *s = tape_of(state->bs);

    g_assert(s->pending);
    s->pending = false;
    s->commits++;
    s->limits_refreshed = false;
    s->speed = GPOINTER_TO_INT(state->opaque);
}

static void tape_reopen_abort(BDRVReopenState *state)
{
    TapeState *s = tape_of(state->bs);

    g_assert(s->pending);
    s->pending = false;
    s->aborts++;
}

static void tape_refresh_limits(BlockDriverState *bs, Error **errp)
{
    TapeState *s = tape_of(bs);

    s->limits_refreshed = true;
    /* So that what comes from below can be seen. */
    bs->bl.max_transfer = s->speed * 4096;
    if (s->limits_fail) {
        s->limits_fail = false;
        error_setg(errp, "no limits");
    }
}

static int64_t tape_getlength(BlockDriverState *bs)
{
    return 4096;
}

static int coroutine_fn tape_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    return 0;
}

static int coroutine_fn tape_flush(BlockDriverState *bs)
{
    tape_of(bs)->flushes++;
    return 0;
}

static const char *const tape_mutable_opts[] = { "speed", NULL };

static BlockDriver bdrv_tape = {
    .format_name = "tape",
    .protocol_name = "tape",
    .instance_size = sizeof(TapeState),
    .bdrv_file_open = tape_open,
    .bdrv_reopen_prepare = tape_reopen_prepare,
    .bdrv_reopen_commit = tape_reopen_commit,
    .bdrv_reopen_abort = tape_reopen_abort,
    .bdrv_refresh_limits = tape_refresh_limits,
    .bdrv_getlength = tape_getlength,
    .bdrv_co_pwritev = tape_pwritev,
    .bdrv_co_flush_to_disk = tape_flush,
    .mutable_opts = tape_mutable_opts,
};

static BlockDriver bdrv_box = {
    .format_name = "box",
    .instance_size = sizeof(TapeState),
    .bdrv_open = box_open,
    .bdrv_reopen_prepare = tape_reopen_prepare,
    .bdrv_reopen_commit = tape_reopen_commit,
    .bdrv_reopen_abort = tape_reopen_abort,
    .bdrv_getlength = tape_getlength,
    .bdrv_co_pwritev = tape_pwritev,
    .mutable_opts = tape_mutable_opts,
};

/* ---- a box over a tape -------------------------------------------------- */

typedef struct Fixture {
    BlockBackend *blk;
    BlockDriverState *box, *tape;
} Fixture;

/* Pairs of key and value up to NULL. */
static QDict *dict(const char *key, ...)
{
    QDict *options = qdict_new();
    va_list ap;

    va_start(ap, key);
    for (; key; key = va_arg(ap, const char *)) {
        qdict_put_str(options, key, va_arg(ap, const char *));
    }
    va_end(ap);
    return options;
}

static Fixture fixture_with(int flags, const char *key, const char *value)
{
    Fixture f;

    f.blk = blk_new_open(NULL, NULL,
                         dict("driver", "box", "label", "a", "speed", "2",
                              "file.driver", "tape", "file.label", "b", key,
                              value, NULL),
                         flags, &error_abort);
    f.box = blk_bs(f.blk);
    f.tape = bdrv_file_bs(f.box);
    return f;
}

static Fixture fixture_new(int flags)
{
    return fixture_with(flags, NULL, NULL);
}

static void fixture_free(Fixture *f)
{
    g_assert(!tape_of(f->box)->pending && !tape_of(f->tape)->pending);
    g_assert_cmpint(f->box->quiesce_counter, ==, 0);
    g_assert_cmpint(f->tape->quiesce_counter, ==, 0);
    blk_unref(f->blk);
    g_assert(bdrv_next_node(NULL) == NULL);
}

static int reopen(Fixture *f, QDict *options, bool keep, Error **errp)
{
    return bdrv_reopen_multiple(bdrv_reopen_queue(NULL, f->box, options, keep),
                                errp);
}

static void assert_fails(Fixture *f, QDict *options, bool keep,
                         const char *message)
{
    int before = tape_of(f->box)->commits + tape_of(f->tape)->commits;
    Error *err = NULL;

    g_assert_cmpint(reopen(f, options, keep, &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
    g_assert_cmpint(tape_of(f->box)->commits + tape_of(f->tape)->commits, ==,
                    before);
}

static void test_change(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);

    g_assert_cmpint(tape_of(f.box)->speed, ==, 2);
    g_assert_cmpint(reopen(&f, dict("speed", "5", NULL), true, &error_abort),
                    ==, 0);
    g_assert_cmpint(tape_of(f.box)->speed, ==, 5);
    g_assert_cmpint(tape_of(f.tape)->speed, ==, 1);
    g_assert_cmpstr(qdict_get_str(f.box->options, "speed"), ==, "5");
    g_assert_cmpint(reopen(&f, dict("file.speed", "7", NULL), true,
                           &error_abort), ==, 0);
    g_assert_cmpint(tape_of(f.box)->speed, ==, 5);
    g_assert_cmpint(tape_of(f.tape)->speed, ==, 7);
    g_assert_cmpint(tape_of(f.tape)->commits, ==, 2);
    g_assert(tape_of(f.tape)->limits_refreshed);
    fixture_free(&f);
}

/* Drained, and flushed, when the driver is asked. */
static void test_drained_and_flushed(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);
    uint8_t buf[512] = { 0 };

    g_assert_cmpint(blk_pwrite(f.blk, 0, buf, 512, 0), ==, 512);
    g_assert_cmpint(bdrv_pwrite(f.box->file, 0, buf, 512), ==, 512);
    g_assert(f.tape->flushed_gen != f.tape->write_gen);
    g_assert_cmpint(reopen(&f, NULL, true, &error_abort), ==, 0);
    g_assert(tape_of(f.box)->drained && tape_of(f.tape)->drained);
    g_assert(tape_of(f.box)->flushed && tape_of(f.tape)->flushed);
    g_assert_cmpint(tape_of(f.tape)->flushes, ==, 1);
    g_assert(blk_bs(f.blk) == f.box);
    fixture_free(&f);
}

static void test_refused_options(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);

    assert_fails(&f, dict("label", "x", NULL), true,
                 "Cannot change the option 'label'");
    assert_fails(&f, dict("file.label", "x", NULL), true,
                 "Cannot change the option 'label'");
    assert_fails(&f, dict("foo", "x", NULL), true,
                 "Cannot change the option 'foo'");
    assert_fails(&f, dict("driver", "tape", NULL), true,
                 "Cannot change the option 'driver'");
    assert_fails(&f, dict("node-name", "x", NULL), true,
                 "Cannot change the option 'node-name'");
    assert_fails(&f, dict("force-share", "on", NULL), true,
                 "Cannot change the option 'force-share'");
    assert_fails(&f, dict("file", "x", NULL), true,
                 "Cannot change the option 'file'");
    assert_fails(&f, dict("discard", "x", NULL), true,
                 "Invalid discard option");
    /* Each prepare that worked was undone. */
    g_assert_cmpint(tape_of(f.box)->aborts, ==, tape_of(f.box)->prepares);
    g_assert_cmpint(tape_of(f.tape)->aborts, ==, tape_of(f.tape)->prepares);
    fixture_free(&f);
}

/* The present value may be given again, typed or not. */
static void test_same_again(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);

    g_assert_cmpint(reopen(&f, dict("driver", "box", "label", "a", "node-name",
                                    f.box->node_name, "file",
                                    f.tape->node_name, "file.label", "b",
                                    "file.driver", "tape", NULL), true,
                           &error_abort), ==, 0);
    fixture_free(&f);
}

/* Without the old options, what is missing falls back, if it may. */
static void test_defaults(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);

    assert_fails(&f, dict("speed", "3", NULL), false,
                 "Option 'label' cannot be reset to its default value");
    g_assert_cmpint(reopen(&f, dict("label", "a", NULL), false, &error_abort),
                    ==, 0);
    g_assert_cmpint(tape_of(f.box)->speed, ==, 1);
    g_assert(!qdict_haskey(f.box->options, "speed"));
    g_assert(!f.box->read_only && !f.tape->read_only);
    fixture_free(&f);
}

static void test_failing_prepare(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);
    Error *err = NULL;

    tape_of(f.tape)->fail = -ENXIO;
    g_assert_cmpint(reopen(&f, dict("speed", "9", NULL), true, &err), ==,
                    -ENXIO);
    g_assert(err); /* the driver gave none */
    error_free(err);
    g_assert_cmpint(tape_of(f.box)->prepares, ==, 1);
    g_assert_cmpint(tape_of(f.box)->aborts, ==, 1);
    g_assert_cmpint(tape_of(f.tape)->prepares, ==, 1);
    g_assert_cmpint(tape_of(f.tape)->aborts, ==, 0);
    g_assert_cmpint(tape_of(f.box)->speed, ==, 2);
    g_assert_cmpstr(qdict_get_str(f.box->options, "speed"), ==, "2");
    fixture_free(&f);
}

/* A driver that works and sets an error all the same has worked. */
static void test_stray_error(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);
    Error *err = NULL;

    tape_of(f.box)->stray = true;
    g_assert_cmpint(reopen(&f, dict("speed", "5", NULL), true, &err), ==, 0);
    g_assert(err == NULL);
    g_assert_cmpint(tape_of(f.box)->speed, ==, 5);

    /* Nor does it stand in the way of a later one's. */
    tape_of(f.box)->stray = true;
    tape_of(f.tape)->fail = -ENXIO;
    g_assert_cmpint(reopen(&f, NULL, true, &err), ==, -ENXIO);
    g_assert(strstr(error_get_pretty(err), "Could not reopen"));
    error_free(err);
    fixture_free(&f);
}

/* A child that is reopened alone changes what its parents can do. */
static void test_parent_limits(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);

    g_assert_cmpuint(f.box->bl.max_transfer, ==, 4096);
    g_assert_cmpint(bdrv_reopen_multiple(
        bdrv_reopen_queue(NULL, f.tape, dict("speed", "3", NULL), true),
        &error_abort), ==, 0);
    g_assert_cmpuint(f.tape->bl.max_transfer, ==, 3 * 4096);
    g_assert_cmpuint(f.box->bl.max_transfer, ==, 3 * 4096);

    /* Limits that cannot be had leave those that there were. */
    tape_of(f.tape)->limits_fail = true;
    g_assert_cmpint(bdrv_reopen_multiple(
        bdrv_reopen_queue(NULL, f.tape, dict("speed", "5", NULL), true),
        &error_abort), ==, 0);
    g_assert_cmpuint(f.tape->bl.max_transfer, ==, 3 * 4096);
    g_assert_cmpuint(f.tape->bl.max_iov, >, 0);
    g_assert_cmpuint(f.box->bl.max_transfer, ==, 3 * 4096);
    fixture_free(&f);
}

static void test_no_callback(void)
{
    Fixture f;
    Error *err = NULL;

    bdrv_tape.bdrv_reopen_prepare = NULL;
    f = fixture_new(BDRV_O_RDWR);
    g_assert_cmpint(reopen(&f, NULL, true, &err), ==, -ENOTSUP);
    g_assert(strstr(error_get_pretty(err), "does not support reopening"));
    error_free(err);
    g_assert_cmpint(tape_of(f.box)->aborts, ==, 1);
    fixture_free(&f);
    bdrv_tape.bdrv_reopen_prepare = tape_reopen_prepare;
}

/* ---- read-only and permissions ------------------------------------------ */

static void test_read_only(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);
    uint64_t perm, shared;
    Error *err = NULL;

    /* A user who writes keeps it writable, in all nodes. */
    g_assert_cmpint(bdrv_reopen_set_read_only(f.box, true, &err), <, 0);
    error_free(err);
    err = NULL;
    g_assert(!f.box->read_only && !f.tape->read_only);
    g_assert_cmpint(tape_of(f.box)->aborts, ==, 1);
    g_assert_cmpint(tape_of(f.tape)->aborts, ==, 1);
    g_assert(f.box->file->perm & BLK_PERM_WRITE);

    blk_get_perm(f.blk, &perm, &shared);
    blk_set_perm(f.blk, BLK_PERM_CONSISTENT_READ, shared, &error_abort);
    g_assert(f.box->file->perm & BLK_PERM_WRITE);
    g_assert_cmpint(bdrv_reopen_set_read_only(f.box, true, &error_abort), ==,
                    0);
    g_assert(f.box->read_only && f.tape->read_only);
    g_assert(!(f.box->open_flags & BDRV_O_RDWR));
    g_assert(!(f.box->file->perm & BLK_PERM_WRITE));
    g_assert_cmpint(blk_set_perm(f.blk, perm, shared, &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "Block node is read-only");
    error_free(err);

    g_assert_cmpint(bdrv_reopen_set_read_only(f.box, false, &error_abort), ==,
                    0);
    g_assert(!f.box->read_only && !f.tape->read_only);
    g_assert(f.box->file->perm & BLK_PERM_WRITE);
    g_assert_cmpint(blk_set_perm(f.blk, perm, shared, &error_abort), ==, 0);
    fixture_free(&f);
}

/* A node that shares with writers is none itself, as when it is opened. */
static void test_force_share(void)
{
    static const char *const keys[] = { "force-share", "file.force-share" };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        Fixture f = fixture_with(0, keys[i], "on");

        g_assert(f.box->force_share == (i == 0) && f.tape->force_share);
        assert_fails(&f, dict("read-only", "off", NULL), true,
                     "force-share=on can only be used with read-only images");
        g_assert(f.box->read_only && f.tape->read_only);
        g_assert(!((f.box->open_flags | f.tape->open_flags) & BDRV_O_RDWR));
        g_assert_cmpint(reopen(&f, dict("speed", "5", NULL), true,
                               &error_abort), ==, 0);
        fixture_free(&f);
    }
}

static int refuse_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared,
                       Error **errp)
{
    error_setg(errp, "locked");
    return -EBUSY;
}

/* Masks that were lowered before the failure are what they were again. */
static void test_permissions_restored(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);
    Error *err = NULL;
    uint64_t before;

    blk_set_perm(f.blk, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, &error_abort);
    before = f.box->file->perm;
    g_assert(before & BLK_PERM_WRITE);
    bdrv_tape.bdrv_check_perm = refuse_perm;
    g_assert_cmpint(bdrv_reopen_set_read_only(f.box, true, &err), ==, -EBUSY);
    bdrv_tape.bdrv_check_perm = NULL;
    error_free(err);
    g_assert_cmpuint(f.box->file->perm, ==, before);
    g_assert(!f.box->file->has_backup_perm);
    g_assert(!f.box->read_only && !f.tape->read_only);
    fixture_free(&f);
}

/* The cache mode goes down to a child that has none of its own. */
static void test_inherited_cache(void)
{
    Fixture f = fixture_new(BDRV_O_RDWR);

    g_assert_cmpint(reopen(&f, dict("cache.no-flush", "on", NULL), true,
                           &error_abort), ==, 0);
    g_assert(f.box->open_flags & BDRV_O_NO_FLUSH);
    g_assert(f.tape->open_flags & BDRV_O_NO_FLUSH);
    g_assert_cmpint(reopen(&f, dict("cache.no-flush", "off",
                                    "file.cache.no-flush", "on", NULL), true,
                           &error_abort), ==, 0);
    g_assert(!(f.box->open_flags & BDRV_O_NO_FLUSH));
    g_assert(f.tape->open_flags & BDRV_O_NO_FLUSH);
    /* Given once, it stays. */
    g_assert_cmpint(reopen(&f, dict("speed", "4", NULL), true, &error_abort),
                    ==, 0);
    g_assert(f.tape->open_flags & BDRV_O_NO_FLUSH);
    fixture_free(&f);
}

/* Two graphs in one queue: the failure of the second undoes the first. */
static void test_two_images(void)
{
    Fixture a = fixture_new(BDRV_O_RDWR), b = fixture_new(BDRV_O_RDWR);
    BlockReopenQueue *queue;
    Error *err = NULL;

    queue = bdrv_reopen_queue(NULL, a.box, dict("speed", "3", NULL), true);
    queue = bdrv_reopen_queue(queue, b.box, dict("label", "x", NULL), true);
    g_assert_cmpint(bdrv_reopen_multiple(queue, &err), ==, -EINVAL);
    error_free(err);
    g_assert_cmpint(tape_of(a.box)->speed, ==, 2);
    g_assert_cmpint(tape_of(a.box)->aborts, ==, 1);
    blk_unref(a.blk);
    fixture_free(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    bdrv_register(&bdrv_tape);
    bdrv_register(&bdrv_box);
    g_test_add_func("/reopen/change", test_change);
    g_test_add_func("/reopen/drained-and-flushed", test_drained_and_flushed);
    g_test_add_func("/reopen/refused-options", test_refused_options);
    g_test_add_func("/reopen/same-again", test_same_again);
    g_test_add_func("/reopen/defaults", test_defaults);
    g_test_add_func("/reopen/failing-prepare", test_failing_prepare);
    g_test_add_func("/reopen/stray-error", test_stray_error);
    g_test_add_func("/reopen/parent-limits", test_parent_limits);
    g_test_add_func("/reopen/no-callback", test_no_callback);
    g_test_add_func("/reopen/read-only", test_read_only);
    g_test_add_func("/reopen/force-share", test_force_share);
    g_test_add_func("/reopen/permissions-restored",
                    test_permissions_restored);
    g_test_add_func("/reopen/inherited-cache", test_inherited_cache);
    g_test_add_func("/reopen/two-images", test_two_images);
    return g_test_run();
}
