/* SPDX-License-Identifier: MIT */
/*
 * Creation, the way a format driver does it: in a coroutine, through the
 * options of format and protocol, the protocol's file, a node by its generated
 * name, the schema's description, and a BlockBackend to write with.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "mem-driver.h"
#include "block/qdict.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/visitor.h"
#include "qemu/module.h"
#include "sysemu/block-backend.h"

/* ---- a format named vpc, which the schema can describe ------------------ */

static struct {
    bool in_coroutine;
    bool file_was_read_only;
    int fail;             /* -errno of co_create, with a hint, or ... */
    bool silent;          /* ... without an error */
    bool stray_error;     /* sets one and succeeds */
    uint64_t size;
    bool has_subformat, fixed;
    int nodes_left;
} seen;

static int coroutine_fn write_header(BlockBackend *blk, uint64_t size,
                                     Error **errp)
{
    char header[512] = "HEAD";
    int ret = blk_truncate(blk, 4096, false, PREALLOC_MODE_OFF, errp);

    if (ret < 0) {
        return ret;
    }
    memcpy(header + 8, &size, sizeof(size));
    ret = blk_pwrite(blk, 0, header, sizeof(header), 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the header");
        return ret;
    }
    g_assert_cmpint(ret, ==, sizeof(header));
    return 0;
}

static int coroutine_fn fmt_co_create(BlockdevCreateOptions *opts,
                                      Error **errp)
{
    BlockdevCreateOptionsVpc *vpc = &opts->u.vpc;
    BlockDriverState *bs;
    BlockBackend *blk;
    int ret;

    g_assert_nonnull(errp);
    seen.in_coroutine = qemu_in_coroutine();
    seen.size = vpc->size;
    seen.has_subformat = vpc->has_subformat;
    seen.fixed = vpc->subformat == BLOCKDEV_VPC_SUBFORMAT_FIXED;
    if (seen.fail) {
        if (!seen.silent) {
            error_setg(errp, "cannot be");
            error_append_hint(errp, "Try another size\n");
        }
        return seen.fail;
    }
    bs = bdrv_open_blockdev_ref(vpc->file, errp);
    if (!bs) {
        return -EIO;
    }
    seen.file_was_read_only = bdrv_is_read_only(bs);
    blk = blk_new(bdrv_get_aio_context(bs), BLK_PERM_WRITE | BLK_PERM_RESIZE,
                  BLK_PERM_ALL);
    ret = blk_insert_bs(blk, bs, errp);
    if (ret == 0) {
        blk_set_allow_write_beyond_eof(blk, true);
        ret = write_header(blk, vpc->size, errp);
    }
    blk_unref(blk);
    bdrv_unref(bs);
    if (seen.stray_error) {
        error_setg(errp, "no error at all");
    }
    return ret;
}

static QemuOptsList fmt_create_list = {
    .name = "fmt-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(fmt_create_list.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "The format's words",
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "Type of the image",
        },
        {
            .name = "force_size",
            .type = QEMU_OPT_BOOL,
            .help = "Exactly that size",
        },
        { /* end of list */ }
    },
};

static int coroutine_fn fmt_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    static const QDictRenames renames[] = {
        { "force_size", "force-size" },
        { NULL, NULL },
    };
    BlockdevCreateOptions *create = NULL;
    BlockDriverState *bs = NULL;
    Error *local_err = NULL;
    QDict *qdict;
    Visitor *v;
    int ret = -EINVAL;

    qdict = qemu_opts_to_qdict_filtered(opts, NULL, &fmt_create_list, true);
    if (!qdict_rename_keys(qdict, renames, errp)) {
        goto out;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        goto out;
    }
    bs = bdrv_open(filename, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!bs) {
        ret = -EIO;
        goto out;
    }
    qdict_put_str(qdict, "driver", "vpc");
    qdict_put_str(qdict, "file", bs->node_name);
    ret = -EINVAL;
    v = qobject_input_visitor_new_flat_confused(qdict, errp);
    if (!v) {
        goto out;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &create, &local_err);
    visit_free(v);
    if (local_err) {
        error_propagate(errp, local_err);
        goto out;
    }
    ret = fmt_co_create(create, errp);
out:
    qobject_unref(qdict);
    bdrv_unref(bs);
    qapi_free_BlockdevCreateOptions(create);
    return ret;
}

static BlockDriver bdrv_fmt = {
    .format_name = "vpc",
    .create_opts = &fmt_create_list,
    .bdrv_co_create = fmt_co_create,
    .bdrv_co_create_opts = fmt_co_create_opts,
};

static BlockDriver bdrv_nocreate = {
    .format_name = "nocreate",
    .protocol_name = "nocreate",
};

/* ---- helpers ------------------------------------------------------------ */

static void setup(void)
{
    memset(&seen, 0, sizeof(seen));
    mem_reset();
}

static int create(const char *filename, const char *params, Error **errp)
{
    QemuOptsList *list = qemu_opts_append(NULL, bdrv_fmt.create_opts);
    QemuOpts *opts;
    int ret;

    list = qemu_opts_append(list, bdrv_mem.create_opts);
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    g_assert_true(qemu_opts_do_parse(opts, params, NULL, &error_abort));
    ret = bdrv_create(&bdrv_fmt, filename, opts, errp);
    qemu_opts_del(opts);
    qemu_opts_free(list);
    g_assert_null(bdrv_next_node(NULL));
    return ret;
}

/* ---- tests -------------------------------------------------------------- */

static void test_by_options(void)
{
    uint64_t size;
    MemFile *f;

    setup();
    g_assert_cmpint(create("mem:new", "size=3M,subformat=fixed,force_size=on",
                           &error_abort), ==, 0);
    f = mem_find("new");
    g_assert_nonnull(f);
    g_assert_true(seen.in_coroutine);
    g_assert_false(seen.file_was_read_only);
    g_assert_cmpuint(seen.size, ==, 3 << 20);
    g_assert_true(seen.has_subformat);
    g_assert_true(seen.fixed);
    g_assert_cmpint(f->size, ==, 4096);
    g_assert_cmpint(f->open_count, ==, 0);
    g_assert_cmpmem(f->data, 4, "HEAD", 4);
    memcpy(&size, f->data + 8, 8);
    g_assert_cmpuint(size, ==, 3 << 20);

    /* The result counts, whatever else the driver has set. */
    seen.stray_error = true;
    g_assert_cmpint(create("mem:new", "size=1M", &error_abort), ==, 0);
}

static void test_failures(void)
{
    Error *err = NULL;

    setup();
    g_assert_cmpint(create("mem:new", "subformat=odd,size=1M", &err), <, 0);
    g_assert_nonnull(strstr(error_get_pretty(err), "subformat"));
    error_free_or_abort(&err);

    seen.fail = -ENOSPC;
    g_assert_cmpint(create("mem:new", "size=1M", &err), ==, -ENOSPC);
    g_assert_cmpstr(error_get_pretty(err), ==, "cannot be");
    g_assert_cmpstr(error_get_hint(err), ==, "Try another size\n");
    error_free_or_abort(&err);

    /* Drivers append hints whatever the caller passes. */
    g_assert_cmpint(create("mem:new", "size=1M", NULL), ==, -ENOSPC);

    seen.silent = true;
    g_assert_cmpint(create("mem:new", "size=1M", &err), ==, -ENOSPC);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Could not create image: No space left on device");
    error_free_or_abort(&err);

    g_assert_cmpint(create("what:new", "size=1M", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "Unknown protocol 'what'");
    error_free_or_abort(&err);
    g_assert_cmpint(create("nocreate:new", "size=1M", &err), ==, -ENOTSUP);
    g_assert_cmpstr(error_get_pretty(err), ==, "Protocol driver 'nocreate' "
                    "does not support image creation");
    error_free_or_abort(&err);

    g_assert_cmpint(bdrv_create(&bdrv_nocreate, "x", NULL, &err), ==,
                    -ENOTSUP);
    g_assert_cmpstr(error_get_pretty(err), ==, "Format driver 'nocreate' does "
                    "not support image creation");
    error_free_or_abort(&err);
}

static BlockdevCreateOptions *describe(QDict *d)
{
    BlockdevCreateOptions *opts = NULL;
    Visitor *v = qobject_input_visitor_new_flat_confused(d, &error_abort);

    visit_type_BlockdevCreateOptions(v, NULL, &opts, &error_abort);
    visit_free(v);
    qobject_unref(d);
    return opts;
}

static void test_by_description(void)
{
    BlockdevCreateOptions *opts;
    BlockDriverState *bs;
    Error *err = NULL;
    QDict *d = qdict_new();

    setup();
    mem_file("m", 0);
    qdict_put_str(d, "driver", "mem");
    qdict_put_str(d, "filename", "m");
    qdict_put_str(d, "node-name", "target");
    bs = bdrv_open(NULL, NULL, d, BDRV_O_RDWR, &error_abort);

    d = qdict_new();
    qdict_put_str(d, "driver", "vpc");
    qdict_put_str(d, "size", "1M");
    qdict_put_str(d, "file", "target");
    opts = describe(d);
    g_assert_cmpint(bdrv_create_qapi(opts, &error_abort), ==, 0);
    g_assert_true(seen.in_coroutine);
    g_assert_false(seen.has_subformat);
    g_assert_cmpint(mem_find("m")->size, ==, 4096);
    g_assert_cmpint(bs->refcnt, ==, 1);
    bdrv_unref(bs);

    /* The node is gone now. */
    g_assert_cmpint(bdrv_create_qapi(opts, &err), ==, -EIO);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot find device='target' nor node-name='target'");
    error_free_or_abort(&err);
    qapi_free_BlockdevCreateOptions(opts);

    opts = g_new0(BlockdevCreateOptions, 1);
    opts->driver = BLOCKDEV_DRIVER_VDI;
    g_assert_cmpint(bdrv_create_qapi(opts, &err), ==, -ENOENT);
    g_assert_cmpstr(error_get_pretty(err), ==, "Unknown driver 'vdi'");
    error_free_or_abort(&err);
    qapi_free_BlockdevCreateOptions(opts);
}

/* A reference may define the node, too; what it opens is writable. */
static void test_blockdev_ref(void)
{
    BlockdevRef *ref = g_new0(BlockdevRef, 1);
    BlockDriverState *bs;
    Error *err = NULL;

    setup();
    ref->type = QTYPE_QDICT;
    ref->u.definition.driver = BLOCKDEV_DRIVER_FILE;
    ref->u.definition.u.file.filename = g_strdup("m");
    ref->u.definition.node_name = g_strdup("defined");
    g_assert_null(bdrv_open_blockdev_ref(ref, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Unknown driver 'file'");
    error_free_or_abort(&err);

    {
        static BlockDriver fake_file;

        fake_file = bdrv_mem;
        fake_file.format_name = "file";
        bdrv_register(&fake_file);
    }
    mem_file("m", 512);
    bs = bdrv_open_blockdev_ref(ref, &error_abort);
    g_assert_cmpstr(bs->node_name, ==, "defined");
    g_assert_false(bs->read_only);
    bdrv_unref(bs);
    qapi_free_BlockdevRef(ref);
}

typedef struct CreateCo {
    bool done;
} CreateCo;

static void coroutine_fn create_entry(void *opaque)
{
    CreateCo *c = opaque;

    g_assert_cmpint(create("mem:in-co", "size=1M", &error_abort), ==, 0);
    c->done = true;
}

static void test_in_coroutine(void)
{
    CreateCo c = { false };

    setup();
    qemu_coroutine_enter(qemu_coroutine_create(create_entry, &c));
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), !c.done);
    g_assert_cmpint(mem_find("in-co")->size, ==, 4096);
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_fmt);
    bdrv_register(&bdrv_nocreate);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/create/by-options", test_by_options);
    g_test_add_func("/create/failures", test_failures);
    g_test_add_func("/create/by-description", test_by_description);
    g_test_add_func("/create/blockdev-ref", test_blockdev_ref);
    g_test_add_func("/create/in-coroutine", test_in_coroutine);
    return g_test_run();
}
