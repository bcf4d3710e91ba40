/* SPDX-License-Identifier: MIT */
/*
 * Backing nodes: by options, by what an image names, and throw-away overlays.
 */
#include "qemu/osdep.h"
#include "fmt-driver.h"
#include "qemu/module.h"

/* ---- by options, by the image ------------------------------------------- */

static void test_backing_options(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_ok("mem:x", "{'driver': 'fmt', 'backing': {'driver': 'mem', "
                 "'filename': 'x'}}", BDRV_O_RDWR);
    g_assert_true(bs->backing->bs->drv == &bdrv_mem);
    g_assert_true(bs->backing->bs->read_only);
    g_assert_cmpstr(bs->backing->name, ==, "backing");
    close_all(bs);
    bs = open_ok("mem:x", "{'driver': 'fmt', 'backing': null}", 0);
    g_assert_null(bs->backing);
    close_all(bs);
    bs = open_ok("mem:x", "{'driver': 'fmt', 'backing': ''}", 0);
    g_assert_null(bs->backing);
    close_all(bs);
    /* A format that cannot have one accepts to have none. */
    close_all(open_ok("mem:x", "{'driver': 'mem', 'backing': null}", 0));
    assert_open_fails("mem:x", "{'driver': 'mem', 'backing': 'x'}", 0,
                      "Block protocol 'mem' doesn't support the option "
                      "'backing'");
}

static bool permit(BlockDriverState *parent, const char *filename,
                   void *opaque, Error **errp)
{
    g_assert_cmpstr(parent->filename, ==, "x");
    *(char **)opaque = g_strdup(filename);
    return true;
}

static void test_implicit_policy(void)
{
    Error *err = NULL;
    char *asked = NULL;
    BlockDriverState *bs;

    setup();
    bs = open_ok("mem:x", "{'driver': 'fmt'}", 0);
    g_assert_null(bdrv_open_implicit(bs, "/secret", NULL, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Image 'x' refers to '/secret', "
                    "and opening what an image refers to is not permitted");
    error_free_or_abort(&err);

    /* Permitted, it is a path of the host's and nothing else. */
    bdrv_set_implicit_open_policy(permit, &asked);
    g_assert_null(bdrv_open_implicit(bs, "mem:x", NULL, 0, &err));
    g_assert_cmpstr(asked, ==, "mem:x");
    g_assert_cmpstr(error_get_pretty(err), ==, "Unknown driver 'file'");
    error_free_or_abort(&err);
    bdrv_set_implicit_open_policy(NULL, NULL);
    g_free(asked);
    close_all(bs);
}

/* The policy sees the path as it is seen from the image that names it. */
static bool permit_base(BlockDriverState *parent, const char *filename,
                        void *opaque, Error **errp)
{
    g_assert_cmpstr(parent->filename, ==, "dir/x");
    if (strcmp(filename, "dir/base")) {
        error_setg(errp, "'%s' is not the base", filename);
        return false;
    }
    return true;
}

static void test_image_names_backing(void)
{
    static BlockDriver fake_file;
    BlockDriverState *bs;
    MemFile *f;

    fake_file = bdrv_mem;
    fake_file.format_name = "file";
    fake_file.protocol_name = "file";
    bdrv_register(&fake_file);

    setup();
    memcpy(mem_file("dir/x", 4096)->data, "FMT!", 4);
    f = mem_file("dir/base", 4096);
    memcpy(f->data, "FMT!", 4);
    seen.names_backing = "base";
    assert_open_fails("dir/x", "{'driver': 'fmt'}", 0,
                      "Could not open backing file: Image 'dir/x' refers to "
                      "'dir/base', and opening what an image refers to is not "
                      "permitted");
    g_assert_cmpint(f->opened, ==, 0);

    bdrv_set_implicit_open_policy(permit_base, NULL);
    seen.names_backing = "/etc/passwd";
    assert_open_fails("dir/x", "{'driver': 'fmt'}", 0,
                      "Could not open backing file: '/etc/passwd' is not the "
                      "base");
    seen.names_backing = "base";
    bs = open_ok("dir/x", "{'driver': 'fmt'}", BDRV_O_RDWR);
    g_assert_true(bs->backing->bs->drv == &bdrv_fmt); /* probed */
    g_assert_true(bs->backing->bs->read_only);
    g_assert_cmpint(f->open_count, ==, 1);
    g_assert_cmpstr(bdrv_get_filename(bs), ==, "dir/x");
    close_all(bs);

    seen.names_backing = "base";
    bs = open_ok("dir/x", "{'driver': 'fmt'}", BDRV_O_NO_BACKING);
    g_assert_null(bs->backing);
    g_assert_cmpstr(bdrv_get_filename(bs), ==, "dir/x");
    close_all(bs);
    seen.names_backing = "base";
    bs = open_ok("dir/x", "{'driver': 'fmt', 'backing': null}", 0);
    g_assert_null(bs->backing);
    g_assert_cmpstr(bdrv_get_filename(bs), ==,
                    "json:{\"driver\": \"fmt\", \"file\": {\"driver\": "
                    "\"file\", \"filename\": \"dir/x\"}, \"backing\": "
                    "null}");
    close_all(bs);
    bdrv_set_implicit_open_policy(NULL, NULL);
}

static void test_snapshot(void)
{
    BlockDriverState *bs;

    setup();
    bs = open_ok("mem:x", "{'driver': 'fmt'}", BDRV_O_RDWR | BDRV_O_SNAPSHOT);
    g_assert_false(bs->read_only);
    g_assert_true(bdrv_backing_bs(bs)->drv == &bdrv_fmt);
    g_assert_true(bdrv_backing_bs(bs)->read_only);
    g_assert_true(mem_find("x")->last_read_only);
    close_all(bs);
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_fmt);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/backing/options", test_backing_options);
    g_test_add_func("/backing/snapshot", test_snapshot);
    g_test_add_func("/backing/implicit-policy", test_implicit_policy);
    /* The last, since it adds a driver named file. */
    g_test_add_func("/backing/image-names-it", test_image_names_backing);
    return g_test_run();
}
