/* SPDX-License-Identifier: MIT */
/*
 * Nodes and edges: references, closing, moving edges, and the lists of nodes.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "mem-driver.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "sysemu/block-backend.h"

/* ---- a filter that records the order of its end ------------------------- */

static int closes;
static int flushes_at_close;
static bool closed_in_coroutine;

static int par_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    return bs->file ? 0 : -EINVAL;
}

static void par_close(BlockDriverState *bs)
{
    g_assert_nonnull(bs->file);
    g_assert_cmpint(bs->quiesce_counter, >, 0);
    g_assert_cmpint(bs->in_flight, ==, 0);
    closes++;
    closed_in_coroutine = qemu_in_coroutine();
    flushes_at_close = mem_find("x")->flushes;
}

static int64_t par_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

static int coroutine_fn par_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags)
{
    return bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn par_pwritev(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    return bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
}

static BlockDriver bdrv_par = {
    .format_name = "par",
    .is_filter = true,
    .bdrv_open = par_open,
    .bdrv_close = par_close,
    .bdrv_getlength = par_getlength,
    .bdrv_co_preadv = par_preadv,
    .bdrv_co_pwritev = par_pwritev,
    .bdrv_child_perm = bdrv_format_default_perms,
};

static BlockDriverState *open_mem(const char *node_name)
{
    QDict *d = qdict_new();

    qdict_put_str(d, "driver", "mem");
    qdict_put_str(d, "filename", "x");
    if (node_name) {
        qdict_put_str(d, "node-name", node_name);
    }
    return bdrv_open(NULL, NULL, d, BDRV_O_RDWR, &error_abort);
}

static BlockDriverState *open_par(const char *file, const char *node_name)
{
    QDict *d = qdict_new();

    qdict_put_str(d, "driver", "par");
    qdict_put_str(d, "file", file);
    qdict_put_str(d, "node-name", node_name);
    return bdrv_open(NULL, NULL, d, BDRV_O_RDWR, &error_abort);
}

static MemFile *setup(void)
{
    closes = flushes_at_close = 0;
    mem_reset();
    return mem_file("x", 4096);
}

/* ---- references --------------------------------------------------------- */

static void test_references(void)
{
    MemFile *f = setup();
    BlockDriverState *bs = open_mem("m");

    bdrv_ref(bs);
    bdrv_unref(bs);
    g_assert_true(bdrv_find_node("m") == bs);
    g_assert_cmpint(f->open_count, ==, 1);
    bdrv_unref(bs);
    g_assert_cmpint(f->open_count, ==, 0);
    g_assert_null(bdrv_find_node("m"));
    bdrv_unref(NULL);
}

static void test_close_order(void)
{
    MemFile *f = setup();
    BlockDriverState *bs = open_mem("m");
    BlockDriverState *top = open_par("m", "top");
    BlockBackend *blk = blk_new(qemu_get_current_aio_context(), BLK_PERM_ALL,
                                BLK_PERM_ALL);

    bdrv_unref(bs);
    g_assert_cmpint(blk_insert_bs(blk, top, &error_abort), ==, 0);
    bdrv_unref(top);
    g_assert_cmpint(blk_pwrite(blk, 0, "abc", 3, 0), ==, 3);
    g_assert_cmpint(f->flushes, ==, 0);
    blk_unref(blk);
    /* Flushed first, then closed, then the child goes. */
    g_assert_cmpint(closes, ==, 1);
    g_assert_cmpint(flushes_at_close, ==, 1);
    g_assert_cmpint(f->open_count, ==, 0);
    g_assert_cmpmem(f->data, 3, "abc", 3);
    g_assert_null(bdrv_next_node(NULL));
}

static void coroutine_fn unref_entry(void *opaque)
{
    BlockDriverState **bs = opaque;

    bdrv_unref(*bs);
    /* Closed when the call is back, but not by this coroutine. */
    g_assert_cmpint(closes, ==, 1);
    g_assert_false(closed_in_coroutine);
    *bs = NULL;
}

static void test_unref_in_coroutine(void)
{
    MemFile *f = setup();
    BlockDriverState *bs = open_mem("m");
    BlockDriverState *top = open_par("m", "top");

    bdrv_unref(bs);
    qemu_coroutine_enter(qemu_coroutine_create(unref_entry, &top));
    /* It waits for a bottom half; meanwhile the node is not found. */
    g_assert_nonnull(top);
    g_assert_null(bdrv_find_node("top"));
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), top);
    g_assert_cmpint(f->open_count, ==, 0);
    g_assert_null(bdrv_next_node(NULL));
}

/* ---- edges -------------------------------------------------------------- */

static void test_attach_detach(void)
{
    BlockDriverState *bs, *top;
    BdrvChild *c;

    setup();
    bs = open_mem("m");
    top = open_par("m", "top");
    bdrv_ref(bs);
    bs->inherits_from = top;
    c = bdrv_attach_child(top, bs, "extra", &child_backing, &error_abort);
    g_assert_true(c->bs == bs);
    g_assert_true(c->opaque == top);
    g_assert_cmpstr(c->name, ==, "extra");
    g_assert_cmpint(bs->refcnt, ==, 3);
    bdrv_unref_child(top, c);
    g_assert_cmpint(bs->refcnt, ==, 2);
    g_assert_true(bs->inherits_from == top); /* by its other edge */
    bdrv_unref_child(top, NULL);
    bdrv_unref_child(top, top->file);
    g_assert_null(top->file);
    g_assert_cmpint(bs->refcnt, ==, 1);
    g_assert_null(bs->inherits_from);

    /* par's own close wants its child: give it back. */
    bdrv_ref(bs);
    top->file = bdrv_attach_child(top, bs, "file", &child_file, &error_abort);
    bdrv_unref(bs);
    bdrv_unref(top);
    g_assert_null(bdrv_next_node(NULL));
}

static void test_no_cycles(void)
{
    BlockDriverState *bs, *mid, *top;
    Error *err = NULL;

    setup();
    bs = open_mem("m");
    mid = open_par("m", "mid");
    top = open_par("mid", "top");
    bdrv_ref(top);
    g_assert_null(bdrv_attach_child(mid, top, "extra", &child_file, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Making 'top' a child of 'mid' would create a cycle");
    error_free_or_abort(&err);
    g_assert_cmpint(top->refcnt, ==, 1);
    bdrv_ref(mid);
    g_assert_null(bdrv_attach_child(mid, mid, "extra", &child_file, &err));
    error_free_or_abort(&err);
    bdrv_unref(bs);
    bdrv_unref(mid);
    bdrv_unref(top);
    g_assert_null(bdrv_next_node(NULL));
}

/* ---- lists -------------------------------------------------------------- */

static gpointer thread_looks(gpointer opaque)
{
    BlockDriverState *bs = opaque;
    BlockDriverState *own;

    g_assert_null(bdrv_find_node("m"));
    g_assert_null(bdrv_next_node(NULL));
    /* The name is free here. */
    own = bdrv_new();
    g_assert_cmpint(bdrv_assign_node_name(own, "m", &error_abort), ==, 0);
    g_assert_true(own->aio_context != bs->aio_context);
    bdrv_unref(own);
    return NULL;
}

static void test_list_per_thread(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_mem("m");
    g_thread_join(g_thread_new("looks", thread_looks, bs));
    g_assert_true(bdrv_next_node(NULL) == bs);
    g_assert_null(bdrv_next_node(bs));
    bdrv_unref(bs);
}

/* ---- drivers ------------------------------------------------------------ */

static void count_name(void *opaque, const char *name)
{
    GString *s = opaque;

    g_string_append_printf(s, "%s ", name);
}

static void test_registry(void)
{
    static BlockDriver zz = { .format_name = "zz" };
    static BlockDriver vpc = { .format_name = "vpc" };
    g_autoptr(GString) s = g_string_new("");
    Error *err = NULL;

    g_assert_null(bdrv_find_format("vhd"));
    bdrv_register(&zz);
    bdrv_register(&vpc);
    bdrv_iterate_format(count_name, s);
    g_assert_cmpstr(s->str, ==, "mem par vpc zz ");
    g_assert_true(bdrv_find_format("vhd") == &vpc);
    g_assert_true(bdrv_find_format("vpc") == &vpc);
    g_assert_true(bdrv_find_format("par") == &bdrv_par);
    g_assert_null(bdrv_find_format("nope"));
    g_assert_true(bdrv_find_protocol("mem:a", true, &err) == &bdrv_mem);
    g_assert_null(bdrv_find_protocol("mem:a", false, &err));
    error_free_or_abort(&err);
    g_assert_cmpstr(bdrv_driver_name(&zz), ==, "zz");
    g_assert_null(bdrv_driver_create_opts(&zz));
    g_assert_null(bdrv_driver_amend_opts(&zz));
    g_assert_false(bdrv_driver_can_amend(&zz));
    g_assert_false(bdrv_driver_can_check(&zz));
    g_assert_false(bdrv_driver_can_create(&zz));
    g_assert_true(bdrv_driver_can_create(&bdrv_mem));
    bdrv_init(); /* runs the constructors' functions no second time */
    g_assert_true(bdrv_find_format("par") == &bdrv_par);
}

static void test_registry_name_twice(void)
{
    static BlockDriver par = { .format_name = "par" };

    if (g_test_subprocess()) {
        bdrv_register(&par);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*Two drivers of this build are named 'par'*");
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_par);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/graph/references", test_references);
    g_test_add_func("/graph/close-order", test_close_order);
    g_test_add_func("/graph/unref-in-coroutine", test_unref_in_coroutine);
    g_test_add_func("/graph/attach-detach", test_attach_detach);
    g_test_add_func("/graph/no-cycles", test_no_cycles);
    g_test_add_func("/graph/list-per-thread", test_list_per_thread);
    g_test_add_func("/graph/registry", test_registry);
    g_test_add_func("/graph/registry/twice", test_registry_name_twice);
    return g_test_run();
}
