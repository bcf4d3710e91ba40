/* SPDX-License-Identifier: MIT */
/*
 * Opening: options, inheritance, references, json: names, what a driver finds
 * when it is called, and what is undone when opening fails.
 */
#include "qemu/osdep.h"
#include "fmt-driver.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "qemu/module.h"

/* A filter over an image of any format. */
static int over_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "image", bs, &child_format,
                               false, errp);
    return bs->file ? 0 : -EINVAL;
}

static BlockDriver bdrv_over = {
    .format_name = "over",
    .is_filter = true,
    .bdrv_open = over_open,
    .bdrv_child_perm = bdrv_filter_default_perms,
};

/* ---- what the driver finds ---------------------------------------------- */

static void test_before_open(void)
{
    MemFile *f = setup();
    BlockDriverState *bs = open_ok("mem:x", "{'driver': 'fmt'}", BDRV_O_RDWR);

    g_assert_cmpint(seen.opens, ==, 1);
    g_assert_true(seen.opaque_was_zero);
    g_assert_true(seen.drv == &bdrv_fmt);
    g_assert_cmpint(seen.node_name[0], ==, '#');
    g_assert_cmpstr(seen.node_name, ==, bs->node_name);
    g_assert_false(seen.read_only);
    g_assert_false(seen.probed);
    g_assert_true(seen.flags & BDRV_O_RDWR);
    g_assert_false(seen.flags & BDRV_O_PROTOCOL);
    /* The protocol node was opened first; the driver is told its name. */
    g_assert_cmpstr(seen.file_ref, ==, bs->file->bs->node_name);
    g_assert_cmpint(f->opened, ==, 1);
    g_assert_cmpint(bs->file->bs->refcnt, ==, 1);
    g_assert_cmpstr(bs->filename, ==, "x");
    g_assert_cmpint(bdrv_getlength(bs), ==, 4096);
    close_all(bs);
    g_assert_cmpint(seen.closes, ==, 1);
    g_assert_cmpint(f->open_count, ==, 0);
}

static void test_total_sectors(void)
{
    BlockDriverState *bs;

    setup();
    seen.getlength = 1025;
    bs = open_ok("mem:x", "{'driver': 'fmt'}", 0);
    g_assert_cmpint(bs->total_sectors, ==, 3);
    close_all(bs);
}

static void test_protocol_names(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_ok("mem:x", NULL, BDRV_O_PROTOCOL);
    g_assert_true(bs->drv == &bdrv_mem);
    g_assert_cmpint(seen.opens, ==, 0);
    close_all(bs);

    bs = open_ok(NULL, "{'driver': 'mem', 'filename': 'x'}", 0);
    g_assert_true(bs->drv == &bdrv_mem);
    close_all(bs);

    /* A colon after a slash is part of a path. */
    assert_open_fails("./mem:x", NULL, BDRV_O_PROTOCOL,
                      "Unknown protocol 'file'");
    assert_open_fails("foo:x", NULL, 0, "Unknown protocol 'foo'");
    assert_open_fails("mem:", NULL, 0, "mem: needs a name");
    assert_open_fails("mem:y", NULL, 0,
                      "Could not open 'y': No such file or directory");
    assert_open_fails(NULL, "{'driver': 'mem'}", 0,
                      "The 'mem' block driver requires a file name");
    assert_open_fails("mem:x", "{'driver': 'mem', 'filename': 'x'}", 0,
                      "Can't specify 'file' and 'filename' options at the "
                      "same time");
}

static void test_bad_options(void)
{
    setup();
    assert_open_fails(NULL, NULL, 0, "Must specify either driver or file");
    assert_open_fails(NULL, "{'driver': 1}", 0,
                      "Must specify either driver or file");
    assert_open_fails("mem:x", "{'driver': 'foo'}", 0, "Unknown driver 'foo'");
    assert_open_fails(NULL, "{'driver': 'fmt'}", 0,
                      "A block device must be specified for \"file\"");
    assert_open_fails("mem:x", "{'driver': 'fmt', 'read-only': 'maybe'}", 0,
                      "Parameter 'read-only' expects 'on' or 'off'");
    assert_open_fails("mem:x", "{'driver': 'fmt', 'discard': 'maybe'}", 0,
                      "Invalid discard option");
    assert_open_fails("mem:x", "{'driver': 'fmt', 'force-share': true}",
                      BDRV_O_RDWR, "force-share=on can only be used with "
                      "read-only images");
    reset_seen();
    assert_open_fails("mem:x", "{'driver': 'fmt', 'a': {'b': 1}}", 0,
                      "Block format 'fmt' does not support the option 'a.b'");
    g_assert_cmpint(seen.opens, ==, 1);
    g_assert_cmpint(seen.closes, ==, 1);
    assert_open_fails("mem:x", "{'driver': 'fmt', 'file': {'z': 1}}", 0,
                      "Block protocol 'mem' doesn't support the option 'z'");
    g_assert_cmpint(seen.opens, ==, 1);
    g_assert_cmpint(mem_find("x")->open_count, ==, 0);
}

/* ---- failures ----------------------------------------------------------- */

static void test_driver_fails(void)
{
    MemFile *f = setup();

    seen.ret = -EINVAL;
    assert_open_fails("mem:x", "{'driver': 'fmt'}", 0, "fmt does not like it");
    g_assert_cmpint(seen.opens, ==, 1);
    g_assert_cmpint(seen.closes, ==, 0);
    g_assert_cmpint(f->opened, ==, 1);
    g_assert_cmpint(f->open_count, ==, 0);

    seen.ret = -EFBIG;
    seen.silent = true;
    assert_open_fails("mem:x", "{'driver': 'fmt'}", 0,
                      "Could not open 'x': File too large");
    g_assert_cmpint(seen.closes, ==, 0);
    g_assert_cmpint(f->open_count, ==, 0);

    seen.ret = 1; /* positive is success, whatever else it has set */
    seen.stray_error = true;
    close_all(open_ok("mem:x", "{'driver': 'fmt'}", 0));
    g_assert_cmpint(seen.closes, ==, 1);
}

static void test_later_step_fails(void)
{
    MemFile *f = setup();

    seen.fail_length = true;
    assert_open_fails("mem:x", "{'driver': 'fmt'}", 0,
                      "Could not refresh total sector count: No medium found");
    g_assert_cmpint(seen.opens, ==, 1);
    g_assert_cmpint(seen.closes, ==, 1);
    g_assert_cmpint(f->open_count, ==, 0);

    seen.fail_length = false;
    seen.fail_limits = true;
    assert_open_fails("mem:x", "{'driver': 'fmt'}", 0,
                      "Limits cannot be told");
    g_assert_cmpint(seen.opens, ==, 2);
    g_assert_cmpint(seen.closes, ==, 2);
    g_assert_cmpint(f->open_count, ==, 0);
}

/* A NULL errp is no obstacle. */
static void test_fails_without_errp(void)
{
    setup();
    seen.ret = -EIO;
    g_assert_null(bdrv_open("mem:x", NULL, opts_of("{'driver': 'fmt'}"), 0,
                            NULL));
    g_assert_null(bdrv_open("mem:x", NULL, opts_of("{'driver': 'no'}"), 0,
                            NULL));
    g_assert_null(bdrv_next_node(NULL));
}

/* ---- references --------------------------------------------------------- */

static void test_references(void)
{
    Error *err = NULL;
    BlockDriverState *file, *bs, *again;

    setup();
    file = open_ok(NULL, "{'driver': 'mem', 'filename': 'x', "
                   "'node-name': 'f0'}", BDRV_O_RDWR);
    bs = open_ok(NULL, "{'driver': 'fmt', 'file': 'f0', 'node-name': 'top'}",
                 BDRV_O_RDWR);
    g_assert_true(bs->file->bs == file);
    g_assert_cmpint(file->refcnt, ==, 2);
    g_assert_cmpstr(seen.node_name, ==, "top");

    again = bdrv_open(NULL, "top", NULL, 0, &error_abort);
    g_assert_true(again == bs);
    bdrv_unref(again);

    g_assert_null(bdrv_open("mem:x", "top", NULL, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Cannot reference an existing "
                    "block device with additional options or a new filename");
    error_free_or_abort(&err);
    g_assert_null(bdrv_open(NULL, "top", opts_of("{'a': 1}"), 0, &err));
    error_free_or_abort(&err);
    g_assert_null(bdrv_open(NULL, "nope", NULL, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot find device='nope' nor node-name='nope'");
    error_free_or_abort(&err);

    /* A node cannot stand on itself: it has no name before it is open. */
    g_assert_null(bdrv_open(NULL, NULL, opts_of("{'driver': 'fmt', "
                            "'file': 'self', 'node-name': 'self'}"), 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot find device='self' nor node-name='self'");
    error_free_or_abort(&err);

    bdrv_unref(file);
    close_all(bs);
}

static void test_node_names(void)
{
    BlockDriverState *a, *b;

    setup();
    a = open_ok("mem:x", "{'driver': 'fmt'}", 0);
    b = open_ok("mem:x", "{'driver': 'mem', 'node-name': 'n.1_-'}", 0);
    g_assert_true(bdrv_find_node(a->node_name) == a);
    g_assert_true(bdrv_find_node("n.1_-") == b);
    g_assert_cmpstr(a->node_name, !=, a->file->bs->node_name);
    bdrv_unref(a);
    close_all(b);

    assert_open_fails("mem:x", "{'driver': 'fmt', 'node-name': '#a'}", 0,
                      "Invalid node-name: '#a'");
    assert_open_fails("mem:x", "{'driver': 'fmt', 'node-name': '1a'}", 0,
                      "Invalid node-name: '1a'");
    assert_open_fails("mem:x", "{'driver': 'fmt', 'node-name': ''}", 0,
                      "Invalid node-name: ''");
    assert_open_fails("mem:x", "{'driver': 'fmt', 'node-name': 'b', "
                      "'file.node-name': 'b'}", 0,
                      "Duplicate nodes with node-name='b'");
    assert_open_fails("mem:x", "{'driver': 'fmt', "
                      "'node-name': 'abcdefghijklmnopqrstuvwxyz123456'}", 0,
                      "Node name too long");
}

/* ---- json: -------------------------------------------------------------- */

static void test_json_names(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_ok("json:{\"driver\": \"fmt\",\n \"file\": {\"driver\": \"mem\","
                 " \"filename\": \"x\"}, \"read-only\": true}", NULL,
                 BDRV_O_RDWR);
    g_assert_true(bs->drv == &bdrv_fmt);
    g_assert_true(bs->read_only);
    close_all(bs);

    bs = open_ok("json:{'driver': 'fmt', 'file.driver': 'mem', "
                 "'file.filename': 'x', 'read-only': 'off'}", NULL, 0);
    g_assert_false(bs->read_only);
    close_all(bs);

    /* Options besides the name override it. */
    bs = open_ok("json:{'driver': 'nonsense', 'file.driver': 'mem', "
                 "'file.filename': 'x'}", "{'driver': 'fmt'}", 0);
    g_assert_true(bs->drv == &bdrv_fmt);
    close_all(bs);

    assert_open_fails("json:[]", NULL, 0, "Invalid JSON object given");
    assert_open_fails("json:{'driver': 'fmt', 'file': 'nonode'}", NULL, 0,
                      "Cannot find device='nonode' nor node-name='nonode'");
    {
        Error *err = NULL;

        g_assert_null(bdrv_open("json:{", NULL, NULL, 0, &err));
        g_assert_true(g_str_has_prefix(error_get_pretty(err),
                                       "Could not parse the JSON options: "));
        error_free(err);
    }
}

static void assert_filename(const char *json, const char *expect)
{
    BlockDriverState *bs = open_ok(NULL, json, 0);

    g_assert_cmpstr(bdrv_get_filename(bs), ==, expect);
    close_all(bs);
}

static void test_refresh_filename(void)
{
    setup();
    assert_filename("{'driver': 'mem', 'filename': 'x'}", "x");
    assert_filename("{'driver': 'fmt', 'file.driver': 'mem', "
                    "'file.filename': 'x', 'node-name': 'n', "
                    "'cache.direct': 'on'}", "x");
    assert_filename("{'driver': 'fmt', 'file.driver': 'mem', "
                    "'file.filename': 'x', 'take': 1}",
                    "json:{\"driver\": \"fmt\", \"take\": 1, \"file\": "
                    "{\"driver\": \"mem\", \"filename\": \"x\"}}");
    assert_filename("{'driver': 'fmt', 'file.driver': 'mem', "
                    "'file.filename': 'x', 'take': 1, 'offset': '2'}",
                    "json:{\"offset\": \"2\", \"driver\": \"fmt\", "
                    "\"take\": 1, \"file\": {\"driver\": \"mem\", "
                    "\"filename\": \"x\"}}");
    assert_filename("{'driver': 'fmt', 'file.driver': 'fmt', "
                    "'file.file.driver': 'mem', 'file.file.filename': 'x'}",
                    "json:{\"driver\": \"fmt\", \"file\": {\"driver\": \"fmt\","
                    " \"file\": {\"driver\": \"mem\", \"filename\": \"x\"}}}");
}

/* ---- inheritance -------------------------------------------------------- */

static void test_inherit(void)
{
    MemFile *f = setup();
    BlockDriverState *bs, *file;

    bs = open_ok("mem:x", "{'driver': 'fmt', 'cache.direct': true, "
                 "'cache.no-flush': 'on', 'auto-read-only': 'on'}",
                 BDRV_O_RDWR);
    file = bs->file->bs;
    g_assert_true(f->last_flags & BDRV_O_NOCACHE);
    g_assert_true(f->last_flags & BDRV_O_NO_FLUSH);
    g_assert_true(f->last_flags & BDRV_O_RDWR);
    g_assert_true(f->last_flags & BDRV_O_UNMAP);
    g_assert_true(f->last_flags & BDRV_O_AUTO_RDONLY);
    g_assert_true(file->open_flags & BDRV_O_PROTOCOL);
    g_assert_true(file->inherits_from == bs);
    g_assert_false(bs->open_flags & BDRV_O_UNMAP);
    close_all(bs);

    bs = open_ok("mem:x", "{'driver': 'fmt', 'force-share': 'on', "
                 "'file.cache.direct': 'off'}", BDRV_O_NOCACHE);
    g_assert_true(bs->open_flags & BDRV_O_NOCACHE);
    g_assert_false(f->last_flags & BDRV_O_NOCACHE);
    g_assert_true(f->last_read_only);
    g_assert_true(f->last_force_share);
    close_all(bs);

    /* Options override flags. */
    bs = open_ok("mem:x", "{'driver': 'fmt', 'read-only': 'on'}", BDRV_O_RDWR);
    g_assert_true(seen.read_only);
    g_assert_false(bs->open_flags & BDRV_O_RDWR);
    close_all(bs);
    bs = open_ok("mem:x", "{'driver': 'fmt', 'discard': 'unmap'}", 0);
    g_assert_true(bs->open_flags & BDRV_O_UNMAP);
    close_all(bs);
}

static void test_auto_read_only(void)
{
    BlockDriverState *bs;

    setup();
    seen.wants_write = true;
    assert_open_fails("mem:x", "{'driver': 'fmt'}", BDRV_O_RDWR,
                      "Image is read-only");
    bs = open_ok("mem:x", "{'driver': 'fmt'}", 0);
    close_all(bs);
    /* Opened by its options, the file comes after the decision. */
    bs = open_ok("mem:x", "{'driver': 'fmt', 'auto-read-only': 'on'}",
                 BDRV_O_RDWR);
    g_assert_true(bdrv_is_read_only(bs));
    g_assert_false(bs->open_flags & BDRV_O_RDWR);
    g_assert_cmpstr(qdict_get_str(bs->options, "read-only"), ==, "on");
    close_all(bs);
}

static void test_own_options(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_ok("mem:x", "{'driver': 'fmt', 'take': 7, "
                 "'file.cache.direct': 'off'}", 0);
    g_assert_true(qdict_haskey(bs->options, "read-only"));
    g_assert_false(qdict_haskey(bs->options, "file.cache.direct"));
    g_assert_false(qdict_haskey(bs->explicit_options, "file.cache.direct"));
    g_assert_false(qdict_haskey(bs->explicit_options, "read-only"));
    g_assert_true(qdict_haskey(bs->explicit_options, "take"));
    g_assert_true(qdict_haskey(bs->file->bs->explicit_options,
                               "cache.direct"));
    close_all(bs);
}

/* The options handed in are consumed: the caller's other reference remains. */
static void test_consumes_options(void)
{
    QDict *d, *copy;

    setup();
    d = opts_of("{'driver': 'fmt', 'file': {'driver': 'mem', "
                "'filename': 'x'}}");
    qobject_ref(d);
    copy = qdict_clone_shallow(d);
    close_all(bdrv_open(NULL, NULL, d, 0, &error_abort));
    g_assert_cmpint(d->base.refcnt, ==, 1);
    qobject_unref(d);

    qobject_ref(copy);
    qdict_put_str(copy, "driver", "none");
    g_assert_null(bdrv_open(NULL, NULL, copy, 0, NULL));
    g_assert_cmpint(copy->base.refcnt, ==, 1);
    qobject_unref(copy);
}

/* ---- other kinds of names ----------------------------------------------- */

static void test_child_format(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_ok(NULL, "{'driver': 'over', 'image': {'file': {"
                 "'driver': 'mem', 'filename': 'x'}}}", BDRV_O_RDWR);
    g_assert_true(bs->file->bs->drv == &bdrv_fmt);
    g_assert_true(bs->file->bs->probed);
    g_assert_false(bs->file->bs->read_only);
    close_all(bs);
}

static void assert_combined(const char *base, const char *name,
                            const char *expect)
{
    g_autofree char *path = path_combine(base, name);

    g_assert_cmpstr(path, ==, expect);
}

static void test_paths(void)
{
    g_assert_true(path_has_protocol("mem:x"));
    g_assert_false(path_has_protocol("./mem:x"));
    g_assert_false(path_has_protocol("x"));
    assert_combined("a/b/c", "d", "a/b/d");
    assert_combined("c", "d", "d");
    assert_combined("/c", "e/d", "/e/d");
    assert_combined("a/c", "/d", "/d");
    assert_combined("a/c", "mem:d", "mem:d");
    assert_combined("mem:a/c", "d", "mem:a/d");
    assert_combined("mem:c", "d", "mem:d");
}

static void assert_backing(const char *backed, const char *backing,
                           const char *expect)
{
    g_autofree char *path = bdrv_get_full_backing_filename_from_filename(
        backed, backing, &error_abort);

    g_assert_cmpstr(path, ==, expect);
}

static void test_backing_names(void)
{
    Error *err = NULL;

    assert_backing("a/b", "c", "a/c");
    assert_backing("b", "c", "c");
    assert_backing("b", "/c", "/c");
    assert_backing("b", "", NULL);
    assert_backing("mem:a/b", "c", "mem:a/c");
    assert_backing("json:{}", "/c", "/c");
    assert_backing("json:{}", "mem:c", "mem:c");
    g_assert_null(bdrv_get_full_backing_filename_from_filename("json:{}", "c",
                                                               &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot use relative backing file names for 'json:{}'");
    error_free_or_abort(&err);
    g_assert_null(bdrv_get_full_backing_filename_from_filename("", "c", NULL));
}

static void assert_dirname(const char *json, const char *expect)
{
    BlockDriverState *bs = open_ok(NULL, json, 0);
    g_autofree char *dirname = bdrv_dirname(bs, &error_abort);

    g_assert_cmpstr(dirname, ==, expect);
    close_all(bs);
}

static char *dirname_of_driver(BlockDriverState *bs, Error **errp)
{
    if (bs->read_only) {
        error_setg(errp, "No folder");
        return NULL;
    }
    return g_strdup("/else/");
}

static void test_dirname(void)
{
    BlockDriverState *bs;
    Error *err = NULL;
    char *dirname;

    setup();
    mem_file("/a/b/x", 4096);
    assert_dirname("{'driver': 'mem', 'filename': '/a/b/x'}", "/a/b/");
    assert_dirname("{'driver': 'mem', 'filename': 'x'}", "");
    /* Of a format it is that of its file, whatever else was given. */
    assert_dirname("{'driver': 'fmt', 'take': 1, 'file.driver': 'fmt', "
                   "'file.file.driver': 'mem', "
                   "'file.file.filename': '/a/b/x'}", "/a/b/");

    bdrv_fmt.bdrv_dirname = dirname_of_driver;
    bs = open_ok("mem:x", "{'driver': 'fmt'}", BDRV_O_RDWR);
    dirname = bdrv_dirname(bs, &error_abort);
    g_assert_cmpstr(dirname, ==, "/else/");
    g_free(dirname);
    close_all(bs);
    bs = open_ok("mem:x", "{'driver': 'fmt'}", 0);
    g_assert_null(bdrv_dirname(bs, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "No folder");
    error_free_or_abort(&err);
    close_all(bs);
    bdrv_fmt.bdrv_dirname = NULL;
}

/* A list of children, and whether the backing has to be among them. */
static void gather_list(BlockDriverState *bs, QDict *target,
                        bool backing_overridden)
{
    QList *list = qlist_new();

    qlist_append(list, qobject_ref(bs->file->bs->full_open_options));
    qdict_put(target, "extents", list);
    qdict_put_bool(target, "overridden", backing_overridden);
}

static void test_gather(void)
{
    BlockDriverState *bs;
    g_autoptr(QString) json = NULL;

    setup();
    bdrv_fmt.bdrv_gather_child_options = gather_list;
    assert_filename("{'driver': 'fmt', 'file.driver': 'mem', "
                    "'file.filename': 'x'}", "x");
    bs = open_ok("mem:x", "{'driver': 'fmt'}", 0);
    json = qobject_to_json(QOBJECT(bs->full_open_options));
    g_assert_cmpstr(qstring_get_str(json), ==,
                    "{\"driver\": \"fmt\", \"extents\": [{\"driver\": "
                    "\"mem\", \"filename\": \"x\"}], "
                    "\"overridden\": false}");
    close_all(bs);
    assert_filename("{'driver': 'fmt', 'file.driver': 'mem', "
                    "'file.filename': 'x', 'backing': {'driver': 'mem', "
                    "'filename': 'x'}}",
                    "json:{\"driver\": \"fmt\", \"extents\": [{\"driver\": "
                    "\"mem\", \"filename\": \"x\"}], "
                    "\"overridden\": true}");
    bdrv_fmt.bdrv_gather_child_options = NULL;
}

/* ---- contexts ----------------------------------------------------------- */

static void coroutine_fn open_in_co(void *opaque)
{
    bool *done = opaque;
    BlockDriverState *bs;

    g_assert_true(qemu_in_coroutine());
    bs = bdrv_open("mem:x", NULL, opts_of("{'driver': 'fmt'}"), BDRV_O_RDWR,
                   &error_abort);
    g_assert_nonnull(bs);
    g_assert_null(bdrv_open("mem:no", NULL, NULL, 0, NULL));
    bdrv_unref(bs);
    g_assert_null(bdrv_next_node(NULL));
    *done = true;
}

static void test_in_coroutine(void)
{
    bool a = false, b = false;

    setup();
    qemu_coroutine_enter(qemu_coroutine_create(open_in_co, &a));
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), !a);
    qemu_coroutine_enter(qemu_coroutine_create(open_in_co, &b));
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), !b);
    g_assert_cmpint(seen.closes, ==, 2);
}

static gpointer thread_opens(gpointer opaque)
{
    const char *name = opaque;

    for (int i = 0; i < 200; i++) {
        QDict *d = qdict_new();
        BlockDriverState *bs;

        qdict_put_str(d, "driver", "mem");
        qdict_put_str(d, "filename", name);
        qdict_put_str(d, "node-name", "same");
        bs = bdrv_open(NULL, NULL, d, BDRV_O_RDWR, &error_abort);
        g_assert_true(bdrv_find_node("same") == bs);
        g_assert_true(bdrv_next_node(NULL) == bs);
        g_assert_null(bdrv_next_node(bs));
        bdrv_unref(bs);
        g_assert_null(bdrv_find_node("same"));
    }
    return NULL;
}

static void test_two_threads(void)
{
    GThread *a, *b;

    setup();
    mem_file("t1", 512);
    mem_file("t2", 512);
    a = g_thread_new("a", thread_opens, (gpointer) "t1");
    b = g_thread_new("b", thread_opens, (gpointer) "t2");
    g_thread_join(a);
    g_thread_join(b);
    g_assert_cmpint(mem_find("t1")->opened, ==, 200);
    g_assert_cmpint(mem_find("t2")->opened, ==, 200);
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_fmt);
    bdrv_register(&bdrv_over);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/open/before-open", test_before_open);
    g_test_add_func("/open/total-sectors", test_total_sectors);
    g_test_add_func("/open/protocol-names", test_protocol_names);
    g_test_add_func("/open/bad-options", test_bad_options);
    g_test_add_func("/open/driver-fails", test_driver_fails);
    g_test_add_func("/open/later-step-fails", test_later_step_fails);
    g_test_add_func("/open/without-errp", test_fails_without_errp);
    g_test_add_func("/open/references", test_references);
    g_test_add_func("/open/node-names", test_node_names);
    g_test_add_func("/open/json", test_json_names);
    g_test_add_func("/open/refresh-filename", test_refresh_filename);
    g_test_add_func("/open/backing-names", test_backing_names);
    g_test_add_func("/open/dirname", test_dirname);
    g_test_add_func("/open/gather-children", test_gather);
    g_test_add_func("/open/inherit", test_inherit);
    g_test_add_func("/open/auto-read-only", test_auto_read_only);
    g_test_add_func("/open/own-options", test_own_options);
    g_test_add_func("/open/consumes-options", test_consumes_options);
    g_test_add_func("/open/child-format", test_child_format);
    g_test_add_func("/open/paths", test_paths);
    g_test_add_func("/open/in-coroutine", test_in_coroutine);
    g_test_add_func("/open/two-threads", test_two_threads);
    return g_test_run();
}
