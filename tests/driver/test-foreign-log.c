/* SPDX-License-Identifier: MIT */
/*
 * Foreign drivers with callbacks in sectors at work: foreign-vhdx.c with its
 * log, foreign-parallels.c with its mark of use.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qobject-input-visitor.h"
#include "qemu/crc32c.h"
#include "qemu/uuid.h"
#include "sysemu/block-backend.h"

static QDict *opts_of(const char *json)
{
    QDict *d = qobject_to(QDict, qobject_from_json(json, &error_abort));

    qdict_flatten(d);
    return d;
}

static BlockBackend *open_blk(const char *json, int flags, Error **errp)
{
    return blk_new_open(NULL, NULL, opts_of(json), flags, errp);
}

static void assert_open_fails(const char *json, int flags, const char *msg,
                              const char *hint)
{
    Error *err = NULL;

    g_assert_null(open_blk(json, flags, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, msg);
    g_assert_cmpstr(error_get_hint(err), ==, hint);
    error_free(err);
    g_assert_null(bdrv_next_node(NULL));
}

/* By the schema, on a disk in memory that is called d. */
static int create(const char *json, Error **errp)
{
    g_autoptr(QDict) dict = opts_of(json);
    Visitor *v = qobject_input_visitor_new_flat_confused(dict, &error_abort);
    BlockdevCreateOptions *options = NULL;
    int ret;

    visit_type_BlockdevCreateOptions(v, NULL, &options, &error_abort);
    visit_free(v);
    mem_disk_new("d");
    ret = bdrv_create_qapi(options, errp);
    qapi_free_BlockdevCreateOptions(options);
    return ret;
}

static void free_disk(void)
{
    mem_disk_free(mem_disk_find("d"));
}

#define FILE_D "'file': {'driver': 'mem', 'disk': 'd'}"

/* ---- both: requests against a model -------------------------------------- */

static void random_requests(const char *open_json, int64_t size)
{
    g_autofree uint8_t *model = g_malloc0(size);
    g_autofree uint8_t *buf = g_malloc(size);
    BlockBackend *blk = open_blk(open_json, BDRV_O_RDWR, &error_abort);

    g_assert_cmpint(blk_bs(blk)->bl.request_alignment, ==, 512);
    for (int i = 0; i < 300; i++) {
        int64_t offset = g_test_rand_int_range(0, size);
        int bytes = g_test_rand_int_range(1, MIN(size - offset, 20000) + 1);

        memset(buf, i % 255 + 1, bytes);
        memcpy(model + offset, buf, bytes);
        g_assert_cmpint(blk_pwrite(blk, offset, buf, bytes, 0), ==, bytes);
        offset = g_test_rand_int_range(0, size);
        bytes = MIN(size - offset, 30000);
        g_assert_cmpint(blk_pread(blk, offset, buf, bytes), ==, bytes);
        g_assert_cmpmem(buf, bytes, model + offset, bytes);
    }
    blk_unref(blk);
    blk = open_blk(open_json, 0, &error_abort);
    g_assert_cmpint(blk_pread(blk, 0, buf, size), ==, size);
    g_assert_cmpmem(buf, size, model, size);
    blk_unref(blk);
}

/* ---- vhdx ---------------------------------------------------------------- */

static void test_vhdx_requests(void)
{
    create("{'driver': 'vhdx', " FILE_D ", 'size': '400K', 'block-size': 4096}",
           &error_abort);
    random_requests("{'driver': 'vhdx', " FILE_D "}", 400 * 1024);
    free_disk();
    create("{'driver': 'vhdx', " FILE_D ", 'size': '100352', "
           "'subformat': 'fixed', 'log-size': '8k', 'block-state-zero': true}",
           &error_abort);
    random_requests("{'driver': 'vhdx', " FILE_D "}", 100352);
    free_disk();
}

static void test_vhdx_create(void)
{
    Error *err = NULL;

    g_assert_cmpint(create("{'driver': 'vhdx', " FILE_D ", 'size': '1M', "
                           "'block-size': 5000}", &err), ==, -EINVAL);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "A block must be a power of two, from 4096 to 268435456 "
                    "bytes");
    error_free(err);
    free_disk();
}

/* A write whose table update fails leaves the log, as a cut would. */
static void leave_log(void)
{
    BlockBackend *blk;

    create("{'driver': 'vhdx', " FILE_D ", 'size': '1M', 'block-size': 4096}",
           &error_abort);
    blk = open_blk("{'driver': 'vhdx', 'file': {'driver': 'blkdebug', 'image': "
                   "{'driver': 'mem', 'disk': 'd'}, 'inject-error': "
                   "[{'event': 'l2_update', 'errno': 5, 'once': true, "
                   "'iotype': 'write'}]}}", BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(blk_pwrite(blk, 8192, "x", 1, 0), ==, -EIO);
    blk_unref(blk);
}

static void test_vhdx_log(void)
{
    BlockBackend *blk;
    BdrvCheckResult res;
    uint8_t c = 1;

    leave_log();
    assert_open_fails("{'driver': 'vhdx', " FILE_D "}", 0,
                      "'mem:d' has a log to be replayed, and was opened "
                      "read-only",
                      "A check that may write replays it:\n"
                      "minblk-img check -r all 'mem:d'\n");
    /* The block that the log names may be cut off; opening makes room for it. */
    mem_disk_set_length(mem_disk_find("d"),
                        mem_disk_length(mem_disk_find("d")) - 4096);
    blk = open_blk("{'driver': 'vhdx', " FILE_D "}", BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &res, BDRV_FIX_ERRORS), ==, 0);
    g_assert_cmpint(res.corruptions_fixed, ==, 1);
    g_assert_cmpint(res.bfi.allocated_clusters, ==, 1);
    g_assert_cmpint(blk_pread(blk, 8192, &c, 1), ==, 1);
    g_assert_cmpint(c, ==, 0);
    blk_unref(blk);

    blk = open_blk("{'driver': 'vhdx', " FILE_D "}", 0, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &res, 0), ==, 0);
    g_assert_cmpint(res.corruptions_fixed, ==, 0);
    blk_unref(blk);
    free_disk();
}

/* One whose checksum is wrong was never finished. */
static void test_vhdx_torn_log(void)
{
    BlockBackend *blk;
    BdrvCheckResult res;

    leave_log();
    mem_disk_write(mem_disk_find("d"), 4096 + 700, "\xff", 1);
    blk = open_blk("{'driver': 'vhdx', " FILE_D "}", BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &res, 0), ==, 0);
    g_assert_cmpint(res.corruptions_fixed, ==, 0);
    g_assert_cmpint(res.bfi.allocated_clusters, ==, 0);
    blk_unref(blk);
    free_disk();
}

/* Number, order and checksum on the disk are those of the format. */
static void test_vhdx_header(void)
{
    uint8_t header[4096];
    uint32_t sum;

    create("{'driver': 'vhdx', " FILE_D ", 'size': '3M', "
           "'block-size': 65536}", &error_abort);
    mem_disk_read(mem_disk_find("d"), 0, header, sizeof(header));
    g_assert_cmpmem(header + 12, 4, "\0\0\1\0", 4);
    g_assert_cmpmem(header + 16, 8, "\0\0\x30\0\0\0\0\0", 8);
    g_assert_cmpint(header[32 + 7] >> 4, ==, 4); /* a UUID of little-endian */
    sum = ldl_le_p(header + 8);
    memset(header + 8, 0, 4);
    g_assert_cmphex(crc32c(0xffffffff, header, sizeof(header)), ==, sum);
    free_disk();
}

/* ---- parallels ----------------------------------------------------------- */

static void test_parallels_requests(void)
{
    int64_t length;

    create("{'driver': 'parallels', " FILE_D ", 'size': '400K', "
           "'cluster-size': 4096}", &error_abort);
    random_requests("{'driver': 'parallels', " FILE_D ", "
                    "'grow-by': '64k'}", 400 * 1024);
    free_disk();
    create("{'driver': 'parallels', " FILE_D ", 'size': '400K', "
           "'cluster-size': 65536}", &error_abort);
    random_requests("{'driver': 'parallels', " FILE_D ", "
                    "'grow-with': 'length'}", 400 * 1024);
    /* Closing gave back what was more than it needed. */
    length = mem_disk_length(mem_disk_find("d"));
    g_assert_cmpint(length, <=, 8 * 65536);
    free_disk();
}

static void test_parallels_options(void)
{
    create("{'driver': 'parallels', " FILE_D ", 'size': '1M'}", &error_abort);
    assert_open_fails("{'driver': 'parallels', " FILE_D ", 'grow-with': "
                      "'zeros'}", BDRV_O_RDWR,
                      "invalid parameter value: zeros",
                      "Accepted values: zeroes, length\n"
                      "Did you mean 'zeroes'?\n");
    free_disk();
}

static unsigned marked(void)
{
    uint8_t mark[4];

    mem_disk_read(mem_disk_find("d"), 20, mark, 4);
    return ldl_be_p(mark);
}

/* While it is open for writing; a copy of it then is as after a cut. */
static void test_parallels_mark(void)
{
    BlockBackend *blk;
    BdrvCheckResult res;
    MemDisk *cut;
    uint8_t c = 1;

    create("{'driver': 'parallels', " FILE_D ", 'size': '1M', "
           "'cluster-size': 4096}", &error_abort);
    blk = open_blk("{'driver': 'parallels', " FILE_D ", "
                   "'grow-by': '1M'}", BDRV_O_RDWR, &error_abort);
    g_assert_cmphex(marked(), !=, 0);
    g_assert_cmpint(blk_pwrite(blk, 8192, "x", 1, 0), ==, 1);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    cut = mem_disk_copy(mem_disk_find("d"), "cut");
    blk_unref(blk);
    g_assert_cmphex(marked(), ==, 0);
    free_disk();

    assert_open_fails("{'driver': 'parallels', 'file': {'driver': 'mem', "
                      "'disk': 'cut'}}", BDRV_O_RDWR,
                      "The image is marked as in use; it cannot be written "
                      "before it is repaired", NULL);
    blk = open_blk("{'driver': 'parallels', 'file': {'driver': 'mem', "
                   "'disk': 'cut'}}", BDRV_O_RDWR | BDRV_O_CHECK, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &res,
                               BDRV_FIX_ERRORS | BDRV_FIX_LEAKS), ==, 0);
    g_assert_cmpint(res.corruptions_fixed, ==, 1);
    g_assert_cmpint(res.leaks_fixed, >, 0);
    g_assert_cmpint(res.bfi.allocated_clusters, ==, 1);
    blk_unref(blk);
    blk = open_blk("{'driver': 'parallels', 'file': {'driver': 'mem', "
                   "'disk': 'cut'}}", BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(blk_pread(blk, 8192, &c, 1), ==, 1);
    g_assert_cmpint(c, ==, 'x');
    blk_unref(blk);
    mem_disk_free(cut);
}

/* Only a flush writes the table: to_os comes before to_disk. */
static void test_parallels_flush(void)
{
    BlockBackend *blk;
    uint8_t entry[4];

    create("{'driver': 'parallels', " FILE_D ", 'size': '1M', "
           "'cluster-size': 4096}", &error_abort);
    blk = open_blk("{'driver': 'parallels', " FILE_D "}", BDRV_O_RDWR,
                   &error_abort);
    blk_set_enable_write_cache(blk, true);
    g_assert_cmpint(blk_pwrite(blk, 0, "x", 1, 0), ==, 1);
    mem_disk_read(mem_disk_find("d"), 512, entry, 4);
    g_assert_cmpint(ldl_be_p(entry), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    mem_disk_read(mem_disk_find("d"), 512, entry, 4);
    g_assert_cmpint(ldl_be_p(entry), ==, 1);
    blk_unref(blk);
    free_disk();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/foreign-log/vhdx/requests", test_vhdx_requests);
    g_test_add_func("/foreign-log/vhdx/create", test_vhdx_create);
    g_test_add_func("/foreign-log/vhdx/log", test_vhdx_log);
    g_test_add_func("/foreign-log/vhdx/torn-log", test_vhdx_torn_log);
    g_test_add_func("/foreign-log/vhdx/header", test_vhdx_header);
    g_test_add_func("/foreign-log/parallels/requests",
                    test_parallels_requests);
    g_test_add_func("/foreign-log/parallels/options", test_parallels_options);
    g_test_add_func("/foreign-log/parallels/mark", test_parallels_mark);
    g_test_add_func("/foreign-log/parallels/flush", test_parallels_flush);
    return g_test_run();
}
