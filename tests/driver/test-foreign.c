/* SPDX-License-Identifier: MIT */
/*
 * Foreign drivers at work: the small drivers beside this file, built as those
 * of the option extra_drivers are, over files in memory.
 */
#include "qemu/osdep.h"
#include "../unit/mem-driver.h"
#include "block/block.h"
#include "block/qdict.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "sysemu/block-backend.h"

#ifdef TEST_WITH_ZLIB
#include <zlib.h>
#endif

static QDict *opts_of(const char *json)
{
    QDict *d = qobject_to(QDict, qobject_from_json(json, &error_abort));

    qdict_flatten(d);
    return d;
}

static BlockBackend *open_blk(const char *filename, const char *json, int flags)
{
    return blk_new_open(filename, NULL, json ? opts_of(json) : NULL, flags,
                        &error_abort);
}

static void assert_open_fails(const char *filename, const char *json, int flags,
                              const char *msg)
{
    Error *err = NULL;

    g_assert_null(blk_new_open(filename, NULL, json ? opts_of(json) : NULL,
                               flags, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, msg);
    error_free(err);
    g_assert_null(bdrv_next_node(NULL));
}

static void put_be32(uint8_t *p, uint32_t v)
{
    v = cpu_to_be32(v);
    memcpy(p, &v, sizeof(v));
}

static void put_be64(uint8_t *p, uint64_t v)
{
    v = cpu_to_be64(v);
    memcpy(p, &v, sizeof(v));
}

static int create(const char *format, const char *filename,
                  const char *params, Error **errp)
{
    BlockDriver *drv = bdrv_find_format(format);
    QemuOptsList *list =
        qemu_opts_append(qemu_opts_append(NULL, bdrv_driver_create_opts(drv)),
                         bdrv_mem.create_opts);
    QemuOpts *opts = qemu_opts_create(list, NULL, 0, &error_abort);
    int ret;

    g_assert_true(qemu_opts_do_parse(opts, params, NULL, &error_abort));
    ret = bdrv_create(drv, filename, opts, errp);
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return ret;
}

/* ---- ftable ------------------------------------------------------------- */

static int create_ftable(const char *filename, const char *params,
                         Error **errp)
{
    return create("ftable", filename, params, errp);
}

static void test_ftable(void)
{
    const int64_t size = 300 * 512;
    g_autofree uint8_t *model = g_malloc0(size);
    g_autofree uint8_t *buf = g_malloc(size);
    BlockBackend *blk;
    BlockDriverInfo bdi = { 0 };

    mem_reset();
    g_assert_cmpint(create_ftable("mem:t", "size=150K,subformat=dynamic,"
                                  "exact=on", &error_abort), ==, 0);
    blk = open_blk("mem:t", NULL, BDRV_O_RDWR); /* probed */
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "ftable");
    g_assert_cmpint(blk_getlength(blk), ==, size);
    g_assert_cmpint(bdrv_get_info(blk_bs(blk), &bdi), ==, 0);
    g_assert_cmpint(bdi.cluster_size, ==, 4096);

    for (int i = 0; i < 200; i++) {
        int64_t offset = g_test_rand_int_range(0, size - 1);
        int bytes = g_test_rand_int_range(1, MIN(size - offset, 9000) + 1);

        memset(buf, i + 1, bytes);
        memcpy(model + offset, buf, bytes);
        g_assert_cmpint(blk_pwrite(blk, offset, buf, bytes, 0), ==, bytes);
    }
    g_assert_cmpint(blk_pread(blk, 0, buf, size), ==, size);
    g_assert_cmpmem(buf, size, model, size);
    blk_unref(blk);

    blk = open_blk("mem:t", "{'driver': 'ftable'}", 0);
    g_assert_cmpint(blk_pread(blk, 0, buf, size), ==, size);
    g_assert_cmpmem(buf, size, model, size);
    blk_unref(blk);
}

static void test_ftable_status(void)
{
    BdrvCheckResult res;
    BlockBackend *blk;
    int64_t pnum, map;
    BlockDriverState *file;
    int ret;

    mem_reset();
    create_ftable("mem:t", "size=64K", &error_abort);
    blk = open_blk("mem:t", NULL, BDRV_O_RDWR);
    g_assert_cmpint(blk_pwrite(blk, 8192, "x", 1, 0), ==, 1);
    ret = bdrv_block_status(blk_bs(blk), 0, 65536, &pnum, &map, &file);
    g_assert_true(ret & BDRV_BLOCK_ZERO);
    g_assert_false(ret & BDRV_BLOCK_DATA);
    ret = bdrv_block_status(blk_bs(blk), 8192, 65536 - 8192, &pnum, &map,
                            &file);
    g_assert_true(ret & BDRV_BLOCK_DATA);
    g_assert_true(ret & BDRV_BLOCK_OFFSET_VALID);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmpint(map, ==, 1024);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &res, 0), ==, 0);
    g_assert_cmpint(res.corruptions, ==, 0);
    g_assert_cmpint(res.bfi.allocated_clusters, ==, 1);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &res, BDRV_FIX_LEAKS), ==,
                    -ENOTSUP);
    blk_unref(blk);
}

static void test_ftable_errors(void)
{
    Error *err = NULL;
    MemFile *f;

    mem_reset();
    g_assert_cmpint(create_ftable("mem:t", "size=2T", &err), ==, -EINVAL);
    g_assert_cmpstr(error_get_pretty(err), ==, "Image is too large");
    g_assert_nonnull(error_get_hint(err));
    error_free_or_abort(&err);
    g_assert_cmpint(create_ftable("mem:t", "size=2T", NULL), ==, -EINVAL);

    create_ftable("mem:t", "size=64K", &error_abort);
    f = mem_find("t");
    f->data[100] ^= 1; /* in the padding */
    g_assert_null(blk_new_open("mem:t", NULL, NULL, 0, &err));
    g_assert_true(g_str_has_prefix(error_get_pretty(err),
                                   "The checksum is not "));
    error_free_or_abort(&err);
    blk_unref(open_blk("mem:t", "{'driver': 'ftable', "
                       "'ignore_checksum': true}", 0));
    assert_open_fails("mem:t", "{'driver': 'ftable', 'ignore_checksum': 7}", 0,
                      "Parameter 'ignore_checksum' expects 'on' or 'off'");

    /* A size past what it can do fails without a message of its own. */
    put_be64(f->data + 8, 1ULL << 50);
    assert_open_fails("mem:t", "{'driver': 'ftable', 'ignore_checksum': 'on'}",
                      0, "Could not open 't': File too large");
    g_assert_cmpint(f->open_count, ==, 0);
}

/* Writers of one new block at a time: only one of them allocates it. */
typedef struct Writer {
    BlockBackend *blk;
    int index;
    int *left;
} Writer;

static void coroutine_fn writer_entry(void *opaque)
{
    Writer *w = opaque;
    uint8_t buf[512];
    QEMUIOVector qiov;
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    memset(buf, w->index + 1, sizeof(buf));
    qemu_iovec_init_external(&qiov, &iov, 1);
    g_assert_cmpint(blk_co_pwritev(w->blk, w->index * 512, 512, &qiov, 0), ==,
                    0);
    --*w->left;
}

static void test_ftable_parallel(void)
{
    Writer w[16];
    int left = ARRAY_SIZE(w);
    BlockBackend *blk;
    uint8_t buf[8192];

    mem_reset();
    create_ftable("mem:t", "size=64K", &error_abort);
    blk = open_blk("mem:t", NULL, BDRV_O_RDWR);
    for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
        w[i] = (Writer){ blk, i, &left };
        qemu_coroutine_enter(qemu_coroutine_create(writer_entry, &w[i]));
    }
    AIO_WAIT_WHILE(blk_get_aio_context(blk), left > 0);
    g_assert_cmpint(blk_pread(blk, 0, buf, sizeof(buf)), ==, sizeof(buf));
    for (size_t i = 0; i < sizeof(buf); i++) {
        g_assert_cmpint(buf[i], ==, i / 512 + 1);
    }
    blk_unref(blk);
    g_assert_cmpint(mem_find("t")->size, ==, 1024 + 2 * 4096);
}

/* ---- finflate ----------------------------------------------------------- */

#ifdef TEST_WITH_ZLIB
static void make_finflate(const char *name, uint32_t blocks)
{
    uint8_t plain[4096], packed[8192];
    MemFile *f = mem_file(name, 12 + 8 * (blocks + 1) + blocks * 8192);
    uint64_t pos = 12 + 8 * (blocks + 1);

    memcpy(f->data, "finflate", 8);
    put_be32(f->data + 8, blocks);
    for (uint32_t i = 0; i < blocks; i++) {
        uLongf len = sizeof(packed);

        memset(plain, 'a' + i, sizeof(plain));
        g_assert_cmpint(compress(packed, &len, plain, sizeof(plain)), ==,
                        Z_OK);
        put_be64(f->data + 12 + 8 * i, pos);
        memcpy(f->data + pos, packed, len);
        pos += len;
    }
    put_be64(f->data + 12 + 8 * blocks, pos);
}

static void test_finflate(void)
{
    uint8_t buf[12288];
    BlockBackend *blk;

    mem_reset();
    make_finflate("z", 3);
    assert_open_fails("mem:z", NULL, BDRV_O_RDWR, "Image is read-only");
    blk = open_blk("mem:z", NULL, 0);
    g_assert_cmpint(blk_getlength(blk), ==, sizeof(buf));
    g_assert_cmpint(blk_bs(blk)->bl.request_alignment, ==, 512);
    /* Unaligned, over two blocks: the layer rounds for the driver. */
    g_assert_cmpint(blk_pread(blk, 4000, buf, 200), ==, 200);
    g_assert_cmpint(buf[0], ==, 'a');
    g_assert_cmpint(buf[95], ==, 'a');
    g_assert_cmpint(buf[96], ==, 'b');
    g_assert_cmpint(blk_pread(blk, 0, buf, sizeof(buf)), ==, sizeof(buf));
    g_assert_cmpint(buf[12287], ==, 'c');
    blk_unref(blk);

    memset(mem_find("z")->data + 44, 0xee, 10);
    blk = open_blk("mem:z", NULL, 0);
    g_assert_cmpint(blk_pread(blk, 0, buf, 10), ==, -EIO);
    blk_unref(blk);
}
#endif

/* ---- fpass -------------------------------------------------------------- */

static void test_fpass(void)
{
    MemFile *f;
    BlockBackend *blk;
    uint8_t buf[1024];
    int64_t pnum, map;
    BlockDriverState *file;
    BlockSizes sizes;
    HDGeometry geo;
    BlockDriverInfo bdi = { 0 };

    mem_reset();
    f = mem_file("p", 4096);
    blk = open_blk("mem:p", "{'driver': 'fpass', 'shift': '1K'}",
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP);
    g_assert_cmpint(blk_getlength(blk), ==, 3072);
    g_assert_cmpint(blk_pwrite(blk, 10, "abc", 3, BDRV_REQ_FUA), ==, 3);
    g_assert_cmpmem(f->data + 1034, 3, "abc", 3);
    g_assert_cmpint(f->flushes, ==, 1);
    g_assert_cmpint(blk_pread(blk, 10, buf, 3), ==, 3);
    g_assert_cmpmem(buf, 3, "abc", 3);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 10, 2, 0), ==, 0);
    g_assert_cmpmem(f->data + 1034, 3, "\0\0c", 3);
    g_assert_cmpint(blk_pdiscard(blk, 0, 512), ==, 0);
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), 512, 512, &pnum, &map,
                                      &file) & BDRV_BLOCK_OFFSET_VALID, !=, 0);
    g_assert_cmpint(map, ==, 1536);
    g_assert_true(file == bdrv_file_bs(blk_bs(blk)));
    g_assert_cmpint(blk_truncate(blk, 8192, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(f->size, ==, 8192 + 1024);
    g_assert_cmpint(blk_getlength(blk), ==, 8192);
    g_assert_cmpint(bdrv_has_zero_init(blk_bs(blk)), ==, 0);
    g_assert_cmpint(bdrv_has_zero_init_truncate(blk_bs(blk)), ==, 0);
    g_assert_cmpint(bdrv_get_info(blk_bs(blk), &bdi), ==, -ENOTSUP);
    g_assert_cmpint(bdrv_probe_blocksizes(blk_bs(blk), &sizes), ==, -ENOTSUP);
    g_assert_cmpint(bdrv_probe_geometry(blk_bs(blk), &geo), ==, -ENOTSUP);
    bdrv_eject(blk_bs(blk), true);
    bdrv_lock_medium(blk_bs(blk), true);
    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==,
                    "json:{\"driver\": \"fpass\", \"shift\": \"1K\", \"file\": "
                    "{\"driver\": \"mem\", \"filename\": \"p\"}}");
    blk_unref(blk);
    assert_open_fails("mem:p", "{'driver': 'fpass', 'shift': '1M'}", 0,
                      "The shift leads out of the file");
}

static void test_fpass_reopen(void)
{
    BlockReopenQueue *queue;
    BlockBackend *blk;
    MemFile *f;
    Error *err = NULL;

    mem_reset();
    f = mem_file("p", 4096);
    f->data[0] = 'a';
    f->data[512] = 'b';
    blk = open_blk("mem:p", "{'driver': 'fpass', 'shift': 512}", 0);
    queue = bdrv_reopen_queue(NULL, blk_bs(blk),
                              opts_of("{'shift': 8192}"), true);
    g_assert_cmpint(bdrv_reopen_multiple(queue, &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "The shift leads out of the file");
    error_free_or_abort(&err);
    {
        char c;

        g_assert_cmpint(blk_pread(blk, 0, &c, 1), ==, 1);
        g_assert_cmpint(c, ==, 'b');
        queue = bdrv_reopen_queue(NULL, blk_bs(blk), opts_of("{'shift': 0}"),
                                  true);
        g_assert_cmpint(bdrv_reopen_multiple(queue, &error_abort), ==, 0);
        g_assert_cmpint(blk_pread(blk, 0, &c, 1), ==, 1);
        g_assert_cmpint(c, ==, 'a');
    }
    blk_unref(blk);
}

static void test_fpass_measure(void)
{
    BlockDriver *drv = bdrv_find_format("fpass");
    QemuOpts *opts = qemu_opts_create(bdrv_driver_create_opts(drv), NULL, 0,
                                      &error_abort);
    BlockMeasureInfo *info;

    qemu_opt_set(opts, BLOCK_OPT_SIZE, "1000", &error_abort);
    info = bdrv_measure(drv, opts, NULL, &error_abort);
    g_assert_cmpint(info->required, ==, 1024);
    g_assert_cmpint(info->fully_allocated, ==, 1024);
    qapi_free_BlockMeasureInfo(info);
    qemu_opts_del(opts);
}

typedef struct CopyCo {
    BlockBackend *blk;
    int ret;
} CopyCo;

static void coroutine_fn copy_entry(void *opaque)
{
    CopyCo *c = opaque;

    c->ret = blk_co_copy_range(c->blk, 0, c->blk, 1024, 512, 0, 0);
}

/* The walk ends at a protocol without the callbacks. */
static void test_fpass_copy_range(void)
{
    CopyCo c = { .ret = 1 };

    mem_reset();
    mem_file("p", 4096);
    c.blk = open_blk("mem:p", "{'driver': 'fpass'}", BDRV_O_RDWR);
    qemu_coroutine_enter(qemu_coroutine_create(copy_entry, &c));
    AIO_WAIT_WHILE(blk_get_aio_context(c.blk), c.ret == 1);
    g_assert_cmpint(c.ret, ==, -ENOTSUP);
    blk_unref(c.blk);
}

/* ---- faio --------------------------------------------------------------- */

static void use_faio(const char *json)
{
    BlockBackend *blk = open_blk(NULL, json, BDRV_O_RDWR);
    char buf[8];

    g_assert_cmpint(blk_pwrite(blk, 600, "12345678", 8, 0), ==, 8);
    g_assert_cmpint(blk_pread(blk, 600, buf, 8), ==, 8);
    g_assert_cmpmem(buf, 8, "12345678", 8);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    blk_unref(blk);
}

static void test_faio(void)
{
    BlockBackend *blk;
    int64_t pnum;

    use_faio("{'driver': 'faio', 'size': 4096}");
    use_faio("{'driver': 'faio', 'size': '4K', 'latency-ns': 1000000}");

    blk = open_blk("faio://", "{'driver': 'faio'}", BDRV_O_RDWR);
    g_assert_cmpint(blk_getlength(blk), ==, 65536);
    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==, "faio://");
    /* OFFSET_VALID alone is an answer. */
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), 0, 512, &pnum, NULL, NULL)
                    & BDRV_BLOCK_OFFSET_VALID, !=, 0);
    blk_unref(blk);
    assert_open_fails("faio://x", "{'driver': 'faio'}", 0,
                      "The only name of this driver is 'faio://'");
    /* NULL instead of a request. */
    blk = open_blk(NULL, "{'driver': 'faio', 'size': 512}",
                   BDRV_O_RDWR | BDRV_O_RESIZE);
    blk_set_allow_write_beyond_eof(blk, true);
    g_assert_cmpint(blk_pwrite(blk, 4096, "x", 1, 0), ==, -EIO);
    blk_unref(blk);
}

/* ---- fle, fco ----------------------------------------------------------- */

static void test_fle(void)
{
    BlockBackend *blk;
    MemFile *f;
    char buf[3];
    Error *err = NULL;

    mem_reset();
    g_assert_cmpint(create("fle", "mem:l", "size=1000,static=on,label=a",
                           &error_abort), ==, 0);
    f = mem_find("l");
    g_assert_cmpint(f->size, ==, 512 + 1024);
    blk = open_blk("mem:l", NULL, BDRV_O_RDWR);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "fle");
    g_assert_cmpint(blk_getlength(blk), ==, 1024);
    g_assert_cmpint(blk_pwrite(blk, 1000, "abc", 3, 0), ==, 3);
    g_assert_cmpint(blk_pread(blk, 1000, buf, 3), ==, 3);
    g_assert_cmpmem(buf, 3, "abc", 3);
    g_assert_cmpmem(f->data + 1512, 3, "abc", 3);
    g_assert_cmpint(bdrv_make_empty(blk_bs(blk)), ==, 0);
    blk_unref(blk);

    f->data[30 + 3] = 1; /* in the UUID of an older image */
    assert_open_fails("mem:l", NULL, 0,
                      "Not this image: it builds on an older one");
    f->data[0] ^= 1;
    g_assert_null(blk_new_open("mem:l", NULL, opts_of("{'driver': 'fle'}"), 0,
                               &err));
    g_assert_true(g_str_has_prefix(error_get_pretty(err),
                                   "The magic number is 0x0045006d"));
    error_free(err);

    g_assert_cmpint(create("fle", "mem:l", "size=1000", &error_abort), ==, 0);
    g_assert_cmpint(mem_find("l")->size, <, 512);
}

static void test_fco(void)
{
    BlockBackend *blk = open_blk(NULL, "{'driver': 'fco'}", BDRV_O_RDWR);
    char c = 1;

    g_assert_cmpint(blk_pread(blk, 5, &c, 1), ==, 1);
    g_assert_cmpint(c, ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(blk_pwrite(blk, 0, &c, 1, 0), ==, -ENOTSUP);
    blk_unref(blk);
}

/* ---- null-co, null-aio, raw: names of ours ------------------------------ */

static void use_null(const char *json, bool zeroes)
{
    BlockBackend *blk = open_blk(NULL, json, BDRV_O_RDWR);
    char buf[] = "1234";
    BlockDriverState *file;
    int64_t pnum, map;
    int ret;

    g_assert_cmpint(blk_pwrite(blk, 600, buf, 4, BDRV_REQ_FUA), ==, 4);
    g_assert_cmpint(blk_pread(blk, 600, buf, 4), ==, 4);
    g_assert_cmpmem(buf, 4, zeroes ? "\0\0\0\0" : "1234", 4);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    ret = bdrv_block_status(blk_bs(blk), 512, 512, &pnum, &map, &file);
    g_assert_cmpint(!!(ret & BDRV_BLOCK_ZERO), ==, zeroes);
    g_assert_cmpint(map, ==, 512);
    g_assert_true(file == blk_bs(blk));
    blk_unref(blk);
}

static void test_null(void)
{
    static const char *const names[] = { "null-co", "null-aio" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        g_autofree char *name = g_strdup_printf("%s://", names[i]);
        g_autofree char *plain = g_strdup_printf("{'driver': '%s'}", names[i]);
        g_autofree char *slow = g_strdup_printf(
            "{'driver': '%s', 'size': '64K', 'read-zeroes': true, "
            "'latency-ns': 1000000}", names[i]);
        g_autofree char *bad = g_strdup_printf(
            "{'driver': '%s', 'latency-ns': -1}", names[i]);
        BlockBackend *blk;
        Error *err = NULL;

        blk = open_blk(name, NULL, BDRV_O_RDWR); /* raw over null */
        g_assert_cmpint(blk_getlength(blk), ==, 1 << 30);
        g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "raw");
        g_assert_cmpstr(bdrv_get_filename(bdrv_file_bs(blk_bs(blk))), ==,
                        name);
        blk_unref(blk);
        use_null(plain, false);
        use_null(slow, true);
        g_assert_null(blk_new_open(NULL, NULL, opts_of(bad), 0, &err));
        error_free_or_abort(&err);
    }
}

static void test_raw(void)
{
    BlockReopenQueue *queue;
    BlockBackend *blk;
    char buf[512] = "";
    MemFile *f;

    mem_reset();
    f = mem_file("r", 4096);
    blk = open_blk("mem:r", "{'driver': 'raw', 'offset': 1024, 'size': 2048}",
                   BDRV_O_RDWR);
    g_assert_cmpint(blk_getlength(blk), ==, 2048);
    g_assert_cmpint(blk_pwrite(blk, 2047, "abc", 1, 0), ==, 1);
    g_assert_cmpint(f->data[3071], ==, 'a');
    g_assert_cmpint(blk_pwrite(blk, 2047, "abc", 2, 0), ==, -EIO);
    queue = bdrv_reopen_queue(NULL, blk_bs(blk),
                              opts_of("{'offset': 3071, 'size': 0}"), true);
    g_assert_cmpint(bdrv_reopen_multiple(queue, &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(blk), ==, 0);
    queue = bdrv_reopen_queue(NULL, blk_bs(blk), opts_of("{'offset': 3071}"),
                              false);
    g_assert_cmpint(bdrv_reopen_multiple(queue, &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(blk), ==, 1536); /* 1025, rounded up */
    g_assert_cmpint(blk_pread(blk, 0, buf, 1), ==, 1);
    g_assert_cmpint(buf[0], ==, 'a');
    blk_unref(blk);
}

/* Guessed: works in sectors, and never becomes another format. */
static void test_raw_guessed(void)
{
    char head[512] = "ftable 1";
    BlockBackend *blk;
    MemFile *f;

    mem_reset();
    f = mem_file("r", 4096);
    blk = open_blk("mem:r", NULL, BDRV_O_RDWR);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "raw");
    g_assert_cmpint(blk_bs(blk)->bl.request_alignment, ==, 512);
    g_assert_cmpint(blk_pwrite(blk, 1, "harmless", 8, 0), ==, 8);
    g_assert_cmpint(blk_pwrite(blk, 0, head, sizeof(head), 0), ==, -EPERM);
    g_assert_cmpmem(f->data, 9, "\0harmless", 9);
    g_assert_cmpint(blk_pwrite(blk, 0, "ftable 1", 8, 0), ==, -EPERM);
    g_assert_cmpint(blk_pwrite(blk, 512, head, sizeof(head), 0), ==, 512);
    blk_unref(blk);

    f = mem_file("empty", 0);
    blk = open_blk("mem:empty", NULL, BDRV_O_RDWR | BDRV_O_RESIZE);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "raw");
    g_assert_cmpint(blk_truncate(blk, 1024, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(f->size, ==, 1024);
    blk_unref(blk);
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/foreign/ftable/data", test_ftable);
    g_test_add_func("/foreign/ftable/status", test_ftable_status);
    g_test_add_func("/foreign/ftable/errors", test_ftable_errors);
    g_test_add_func("/foreign/ftable/parallel", test_ftable_parallel);
#ifdef TEST_WITH_ZLIB
    g_test_add_func("/foreign/finflate", test_finflate);
#endif
    g_test_add_func("/foreign/fpass", test_fpass);
    g_test_add_func("/foreign/fpass-reopen", test_fpass_reopen);
    g_test_add_func("/foreign/fpass-measure", test_fpass_measure);
    g_test_add_func("/foreign/fpass-copy-range", test_fpass_copy_range);
    g_test_add_func("/foreign/faio", test_faio);
    g_test_add_func("/foreign/fle", test_fle);
    g_test_add_func("/foreign/fco", test_fco);
    g_test_add_func("/foreign/null", test_null);
    g_test_add_func("/foreign/raw", test_raw);
    g_test_add_func("/foreign/raw-guessed", test_raw_guessed);
    return g_test_run();
}
