/* SPDX-License-Identifier: MIT */
/*
 * Permissions: the defaults of filters and formats, conflicts and their words,
 * and that a refused change leaves everything as it was.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "mem-driver.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"

#define CR BLK_PERM_CONSISTENT_READ
#define WR BLK_PERM_WRITE
#define WU BLK_PERM_WRITE_UNCHANGED
#define RS BLK_PERM_RESIZE
#define GM BLK_PERM_GRAPH_MOD
#define ALL BLK_PERM_ALL

/* ---- parents ------------------------------------------------------------ */

static int null_child_calls;  /* child_perm with c == NULL */
static int order;             /* of the driver's callbacks */
static int set_order, check_order;

static int par_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    bs->total_sectors = 1;
    return bs->file ? 0 : -EINVAL;
}

static void par_child_perm(BlockDriverState *bs, BdrvChild *c,
                           const BdrvChildRole *role, BlockReopenQueue *q,
                           uint64_t perm, uint64_t shared, uint64_t *nperm,
                           uint64_t *nshared)
{
    null_child_calls += c == NULL;
    g_assert_true(role == &child_file);
    bdrv_filter_default_perms(bs, c, role, q, perm, shared, nperm, nshared);
}

static int par_check_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared,
                          Error **errp)
{
    check_order = ++order;
    return 0;
}

static void par_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    set_order = ++order;
}

static BlockDriver bdrv_par = {
    .format_name = "par",
    .is_filter = true,
    .bdrv_open = par_open,
    .bdrv_child_perm = par_child_perm,
    .bdrv_check_perm = par_check_perm,
    .bdrv_set_perm = par_set_perm,
};

/* No bdrv_child_perm: a format. */
static BlockDriver bdrv_fmt = {
    .format_name = "fmt",
    .supports_backing = true,
    .bdrv_open = par_open,
};

static const BdrvChildRole child_user = {
    .parent_desc = "a user",
};

static BdrvChild *attach(BlockDriverState *bs, const char *who, uint64_t perm,
                         uint64_t shared, Error **errp)
{
    bdrv_ref(bs);
    return bdrv_root_attach_child(bs, who, &child_user, perm, shared, NULL,
                                  errp);
}

static BlockDriverState *open_node(const char *driver, const char *node_name,
                                   const char *file, int flags)
{
    QDict *d = qdict_new();

    qdict_put_str(d, "driver", driver);
    qdict_put_str(d, "node-name", node_name);
    qdict_put_str(d, strcmp(driver, "mem") ? "file" : "filename", file);
    return bdrv_open(NULL, NULL, d, flags, &error_abort);
}

static MemFile *setup(void)
{
    mem_reset();
    null_child_calls = order = set_order = check_order = 0;
    return mem_file("x", 512);
}

static void assert_perms(BdrvChild *c, uint64_t perm, uint64_t shared)
{
    g_assert_cmphex(c->perm, ==, perm);
    g_assert_cmphex(c->shared_perm, ==, shared);
    g_assert_false(c->has_backup_perm);
}

/* ---- defaults ----------------------------------------------------------- */

static void test_filter_defaults(void)
{
    uint64_t p, s;

    bdrv_filter_default_perms(NULL, NULL, &child_file, NULL, ALL, 0, &p, &s);
    g_assert_cmphex(p, ==, CR | WR | WU | RS);
    g_assert_cmphex(s, ==, GM);
    bdrv_filter_default_perms(NULL, NULL, &child_file, NULL, 0, ALL, &p, &s);
    g_assert_cmphex(p, ==, 0);
    g_assert_cmphex(s, ==, ALL);
    bdrv_filter_default_perms(NULL, NULL, &child_file, NULL, CR | GM, WR, &p,
                              &s);
    g_assert_cmphex(p, ==, CR);
    g_assert_cmphex(s, ==, WR | GM);
}

static void test_format_defaults(void)
{
    BlockDriverState *bs = bdrv_new();
    uint64_t p, s;

    bs->read_only = false;
    bdrv_format_default_perms(bs, NULL, &child_file, NULL, 0, ALL, &p, &s);
    g_assert_cmphex(p, ==, CR | WR | RS);
    g_assert_cmphex(s, ==, CR | WU | GM);
    bdrv_format_default_perms(bs, NULL, &child_backing, NULL, WR, ALL, &p, &s);
    g_assert_cmphex(p, ==, 0);
    g_assert_cmphex(s, ==, CR | WR | WU | RS | GM);
    bdrv_format_default_perms(bs, NULL, &child_backing, NULL, CR | WR, CR, &p,
                              &s);
    g_assert_cmphex(p, ==, CR);
    g_assert_cmphex(s, ==, CR | WU | GM);

    bs->read_only = true;
    bdrv_format_default_perms(bs, NULL, &child_file, NULL, 0, ALL, &p, &s);
    g_assert_cmphex(p, ==, CR);
    g_assert_cmphex(s, ==, CR | WU | GM);
    bdrv_unref(bs);
}

static void test_names(void)
{
    g_autofree char *none = bdrv_perm_names(0);
    g_autofree char *one = bdrv_perm_names(WR);
    g_autofree char *all = bdrv_perm_names(ALL);

    g_assert_cmpstr(none, ==, "");
    g_assert_cmpstr(one, ==, "write");
    g_assert_cmpstr(all, ==, "consistent read, write, write unchanged, "
                    "resize, change children");
}

/* ---- conflicts ---------------------------------------------------------- */

static void test_conflict(void)
{
    MemFile *f = setup();
    BlockDriverState *bs = open_node("mem", "m", "x", BDRV_O_RDWR);
    Error *err = NULL;
    BdrvChild *a, *b;

    a = attach(bs, "A", CR | WR, CR, &error_abort);
    g_assert_cmphex(f->perm, ==, CR | WR);
    g_assert_cmphex(f->shared, ==, CR);

    g_assert_null(attach(bs, "B", CR | WR, ALL, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Permission conflict on node 'm': permissions 'write' are "
                    "both required by a user (uses node 'm' as 'B' child) "
                    "and unshared by a user (uses node 'm' as 'A' child)");
    error_free_or_abort(&err);
    g_assert_null(attach(bs, "B", CR, CR, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Permission conflict on node 'm': permissions 'write' are "
                    "both required by a user (uses node 'm' as 'A' child) "
                    "and unshared by a user (uses node 'm' as 'B' child)");
    error_free_or_abort(&err);
    assert_perms(a, CR | WR, CR);
    g_assert_cmpint(bs->refcnt, ==, 2);
    g_assert_cmphex(f->perm, ==, CR | WR);

    b = attach(bs, "B", CR, ALL, &error_abort);
    g_assert_cmphex(f->shared, ==, CR);
    bdrv_root_unref_child(a);
    /* The one who is left decides alone. */
    g_assert_cmphex(f->perm, ==, CR);
    g_assert_cmphex(f->shared, ==, ALL);
    bdrv_root_unref_child(b);
    bdrv_unref(bs);
}

static void test_read_only(void)
{
    BlockDriverState *bs;
    Error *err = NULL;
    BdrvChild *c;

    setup();
    bs = open_node("mem", "m", "x", 0);
    g_assert_null(attach(bs, "A", WR, ALL, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Block node is read-only");
    error_free_or_abort(&err);
    g_assert_null(attach(bs, "A", WU, ALL, &err));
    error_free_or_abort(&err);
    c = attach(bs, "A", CR | RS | GM, ALL, &error_abort);
    g_assert_cmpint(bdrv_child_try_set_perm(c, CR | WR, ALL, &err), ==, -EPERM);
    error_free_or_abort(&err);
    assert_perms(c, CR | RS | GM, ALL);
    bdrv_root_unref_child(c);
    bdrv_unref(bs);
}

static void test_passed_down(void)
{
    MemFile *f = setup();
    BlockDriverState *bs, *top;
    BdrvChild *root;

    bs = open_node("mem", "m", "x", BDRV_O_RDWR);
    top = open_node("par", "top", "m", BDRV_O_RDWR);
    bdrv_unref(bs);
    /* While the edge was made; the parent has no user yet. */
    g_assert_cmpint(null_child_calls, ==, 1);
    assert_perms(top->file, 0, ALL);
    root = attach(top, "A", CR | WR, CR | GM, &error_abort);
    assert_perms(top->file, CR | WR, CR | GM);
    g_assert_cmphex(f->perm, ==, CR | WR);
    g_assert_cmpint(check_order, <, set_order);

    g_assert_cmpint(bdrv_child_try_set_perm(root, CR, ALL, &error_abort), ==,
                    0);
    assert_perms(top->file, CR, ALL);
    g_assert_cmphex(f->perm, ==, CR);
    bdrv_root_unref_child(root);
    g_assert_cmphex(f->perm, ==, 0);
    bdrv_unref(top);
}

/* A driver far below refuses: nothing has changed on the way. */
static void test_rollback(void)
{
    MemFile *f = setup();
    BlockDriverState *bs, *mid, *top;
    Error *err = NULL;
    BdrvChild *root;
    int sets, aborts;

    bs = open_node("mem", "m", "x", BDRV_O_RDWR);
    mid = open_node("par", "mid", "m", BDRV_O_RDWR);
    top = open_node("par", "top", "mid", BDRV_O_RDWR);
    bdrv_unref(bs);
    bdrv_unref(mid);
    root = attach(top, "A", CR, ALL, &error_abort);
    f->refuse_perm = WR;
    sets = f->perm_sets;
    aborts = f->perm_aborts;
    set_order = 0;
    g_assert_cmpint(bdrv_child_try_set_perm(root, CR | WR, CR, &err), ==,
                    -EAGAIN);
    g_assert_cmpstr(error_get_pretty(err), ==, "Failed to get a lock");
    error_free_or_abort(&err);
    assert_perms(root, CR, ALL);
    assert_perms(top->file, CR, ALL);
    assert_perms(mid->file, CR, ALL);
    g_assert_cmpint(f->perm_sets, ==, sets);
    g_assert_cmpint(set_order, ==, 0);
    /* Its own check failed, so there is nothing for it to abort. */
    g_assert_cmpint(f->perm_aborts, ==, aborts);

    f->refuse_perm = 0;
    g_assert_cmpint(bdrv_child_try_set_perm(root, CR | WR, CR, &error_abort),
                    ==, 0);
    assert_perms(mid->file, CR | WR, CR | GM);
    bdrv_root_unref_child(root);
    bdrv_unref(top);
}

/* Two ways down to one node: what its users need is added up first. */
static void test_diamond(void)
{
    MemFile *f = setup();
    BlockDriverState *bs, *a, *b;
    BdrvChild *ra, *rb;
    Error *err = NULL;

    bs = open_node("mem", "m", "x", BDRV_O_RDWR);
    a = open_node("par", "a", "m", BDRV_O_RDWR);
    b = open_node("par", "b", "m", BDRV_O_RDWR);
    bdrv_unref(bs);
    ra = attach(a, "A", CR | WR, ALL, &error_abort);
    rb = attach(b, "B", CR, ALL & ~WR, &err);
    g_assert_null(rb);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Permission conflict on node 'm': permissions 'write' are "
                    "both required by node 'a' (uses node 'm' as 'file' child) "
                    "and unshared by node 'b' (uses node 'm' as 'file' child)");
    error_free_or_abort(&err);
    rb = attach(b, "B", CR, ALL, &error_abort);
    g_assert_cmphex(f->perm, ==, CR | WR);
    bdrv_root_unref_child(ra);
    g_assert_cmphex(f->perm, ==, CR);
    bdrv_root_unref_child(rb);
    bdrv_unref(a);
    bdrv_unref(b);
    g_assert_cmpint(f->perm_checks, ==, f->perm_sets + f->perm_aborts);
}

/* Two formats on one file: each would write its metadata. */
static void test_two_formats(void)
{
    BlockDriverState *bs, *a;
    QDict *d = qdict_new();
    Error *err = NULL;

    setup();
    bs = open_node("mem", "m", "x", BDRV_O_RDWR);
    a = open_node("fmt", "a", "m", BDRV_O_RDWR);
    assert_perms(a->file, CR | WR | RS, CR | WU | GM);
    qdict_put_str(d, "driver", "fmt");
    qdict_put_str(d, "node-name", "b");
    qdict_put_str(d, "file", "m");
    g_assert_null(bdrv_open(NULL, NULL, d, BDRV_O_RDWR, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Permission conflict on node 'm': permissions 'write, "
                    "resize' are both required by node 'b' (uses node 'm' as "
                    "'file' child) and unshared by node 'a' (uses node 'm' as "
                    "'file' child)");
    error_free_or_abort(&err);
    bdrv_unref(a);
    bdrv_unref(bs);
    g_assert_null(bdrv_next_node(NULL));
}

static void test_force_share(void)
{
    MemFile *f = setup();
    QDict *d = qdict_new();
    BlockDriverState *bs;

    qdict_put_str(d, "driver", "fmt");
    qdict_put_str(d, "file.driver", "mem");
    qdict_put_str(d, "file.filename", "x");
    qdict_put_str(d, "force-share", "on");
    bs = bdrv_open(NULL, NULL, d, 0, &error_abort);
    assert_perms(bs->file, CR, ALL);
    g_assert_cmphex(f->shared, ==, ALL);
    bdrv_unref(bs);
}

/* Several checks before one decision: the backups are those of the first. */
static void test_two_checks(void)
{
    MemFile *f = setup();
    BlockDriverState *bs = open_node("mem", "m", "x", BDRV_O_RDWR);
    BlockDriverState *par = open_node("par", "p", "m", BDRV_O_RDWR);
    BdrvChild *a = attach(par, "A", CR, ALL, &error_abort);
    uint64_t perm = par->file->perm, shared = par->file->shared_perm;

    g_assert_cmpint(bdrv_check_perm(par, NULL, CR | WR, ALL, &error_abort), ==,
                    0);
    g_assert_cmphex(par->file->perm, !=, perm);
    g_assert_cmpint(bdrv_check_perm(par, NULL, CR | RS, ALL, &error_abort), ==,
                    0);
    bdrv_abort_perm_update(par);
    assert_perms(par->file, perm, shared);
    g_assert_cmpint(f->perm_checks, ==, f->perm_sets + f->perm_aborts);
    bdrv_root_unref_child(a);
    bdrv_unref(par);
    bdrv_unref(bs);
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_par);
    bdrv_register(&bdrv_fmt);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/perm/filter-defaults", test_filter_defaults);
    g_test_add_func("/perm/format-defaults", test_format_defaults);
    g_test_add_func("/perm/names", test_names);
    g_test_add_func("/perm/conflict", test_conflict);
    g_test_add_func("/perm/read-only", test_read_only);
    g_test_add_func("/perm/passed-down", test_passed_down);
    g_test_add_func("/perm/rollback", test_rollback);
    g_test_add_func("/perm/diamond", test_diamond);
    g_test_add_func("/perm/two-formats", test_two_formats);
    g_test_add_func("/perm/force-share", test_force_share);
    g_test_add_func("/perm/two-checks", test_two_checks);
    return g_test_run();
}
