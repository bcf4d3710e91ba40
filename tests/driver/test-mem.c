/* SPDX-License-Identifier: MIT */
/*
 * Disks in memory: names, creation, and random requests against plain bytes.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

#define MODEL_BYTES (64 * KiB)

/* A backend on what the options "KEY=VALUE,..." say, or NULL. */
static BlockBackend *open_mem(const char *list, Error **errp)
{
    QDict *options = qdict_new();
    g_auto(GStrv) pairs = g_strsplit(list, ",", -1);
    BlockBackend *blk;

    qdict_put_str(options, "driver", "mem");
    for (int i = 0; pairs[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);

        qdict_put_str(options, pair[0], pair[1]);
    }
    blk = blk_new_open(NULL, NULL, options,
                       BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP, errp);
    if (blk) {
        blk_set_allow_write_beyond_eof(blk, true);
    }
    return blk;
}

static void assert_refused(const char *list, const char *message)
{
    Error *err = NULL;

    g_assert_null(open_mem(list, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

/* ---- names -------------------------------------------------------------- */

static void test_names(void)
{
    MemDisk *disk = mem_disk_new("a:b");
    BlockBackend *blk;

    g_assert(mem_disk_find("a:b") == disk);
    g_assert_null(mem_disk_find("a"));
    mem_disk_write(disk, 507, "hello", 5);
    blk = blk_new_open("mem:a:b", NULL, NULL, BDRV_O_RDWR | BDRV_O_PROTOCOL,
                       &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 512);
    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==, "mem:a:b");
    blk_unref(blk);

    blk = open_mem("disk=a:b,size=1M", &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 512);
    blk_unref(blk);
    mem_disk_free(disk);
    g_assert_null(mem_disk_find("a:b"));

    blk = open_mem("disk=new,size=1M", &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, MiB);
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(mem_disk_find("new")), ==, MiB);
    mem_disk_free(mem_disk_find("new"));

    blk = open_mem("size=3k", &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 3 * KiB);
    g_assert_cmpint(bdrv_has_zero_init(blk_bs(blk)), ==, 1);
    blk_unref(blk);
}

static void test_refused(void)
{
    Error *err = NULL;

    assert_refused("disk=none", "There is no disk 'none' in memory");
    assert_refused("disk=big,size=17T", "size is invalid");
    assert_refused("stale=maybe",
                   "Parameter 'stale' expects 'on' or 'off'");
    assert_refused("speed=1",
                   "Block protocol 'mem' doesn't support the option 'speed'");
    g_assert_null(mem_disk_find("big"));
    g_assert_null(blk_new_open("mem:", NULL, NULL, BDRV_O_PROTOCOL, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "The name of a disk in memory is 'mem:NAME'");
    error_free(err);
}

/* ---- creation ----------------------------------------------------------- */

static int create(const char *name, const char *size, const char *prealloc,
                  Error **errp)
{
    BlockDriver *drv = bdrv_find_format("mem");
    QemuOpts *opts = qemu_opts_create(drv->create_opts, NULL, 0, &error_abort);
    int ret;

    qemu_opt_set(opts, BLOCK_OPT_SIZE, size, &error_abort);
    if (prealloc) {
        qemu_opt_set(opts, BLOCK_OPT_PREALLOC, prealloc, &error_abort);
    }
    ret = bdrv_create(drv, name, opts, errp);
    qemu_opts_del(opts);
    return ret;
}

static void assert_not_created(const char *name, const char *size,
                               const char *prealloc, int error,
                               const char *message)
{
    Error *err = NULL;

    g_assert_cmpint(create(name, size, prealloc, &err), ==, error);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

static void test_create(void)
{
    BlockBackend *blk;
    uint8_t buf[16];

    g_assert_cmpint(create("mem:c", "1000", NULL, &error_abort), ==, 0);
    g_assert_cmpint(mem_disk_length(mem_disk_find("c")), ==, 1024);
    mem_disk_write(mem_disk_find("c"), 0, "old", 4);
    g_assert_cmpint(create("mem:c", "2000", "full", &error_abort), ==, 0);
    g_assert_cmpint(mem_disk_length(mem_disk_find("c")), ==, 2048);
    mem_disk_read(mem_disk_find("c"), 0, buf, 16);
    g_assert_cmpint(buf[0], ==, 0);

    assert_not_created("mem:c", "1k", "metadata", -EINVAL,
                       "Unsupported preallocation mode: metadata");
    assert_not_created("mem:c", "1k", "half", -EINVAL,
                       "invalid parameter value: half");
    assert_not_created("mem:c", "16T", NULL, -EFBIG,
                       "size 17592186044416 is too large");
    assert_not_created("mem:", "1k", NULL, -EINVAL,
                       "The name of a disk in memory is 'mem:NAME'");
    blk = open_mem("disk=c", &error_abort);
    assert_not_created("mem:c", "1k", NULL, -EBUSY,
                       "The disk 'c' is in use");
    blk_unref(blk);
    mem_disk_free(mem_disk_find("c"));
}

/* ---- content ------------------------------------------------------------ */

typedef struct Model {
    uint8_t bytes[MODEL_BYTES];
    int64_t length;
    bool stale;
} Model;

/* What lies past the end is old, and a truncation clears what it adds. */
static void model_cut(Model *m, int64_t length)
{
    if (length < m->length) {
        memset(m->bytes + length, m->stale ? MEM_STALE_BYTE : 0,
               MODEL_BYTES - length);
    }
    m->length = length;
}

static void model_put(Model *m, int64_t offset, int64_t bytes, int value)
{
    memset(m->bytes + offset, value, bytes);
    m->length = MAX(m->length, offset + bytes);
}

static void check_bytes(BlockBackend *blk, const Model *m)
{
    g_autofree uint8_t *buf = g_malloc(MODEL_BYTES);

    /* The layer counts in sectors. */
    g_assert_cmpint(blk_getlength(blk), ==, ROUND_UP(m->length, 512));
    memset(buf, 0x77, MODEL_BYTES);
    if (m->length) {
        g_assert_cmpint(blk_pread(blk, 0, buf, m->length), ==, m->length);
    }
    g_assert_cmpmem(buf, m->length, m->bytes, m->length);
}

/* Holes are zeroes, and data are where they are said to be. */
static void check_status(BlockBackend *blk, const Model *m)
{
    int64_t offset, pnum, map;
    BlockDriverState *file;

    for (offset = 0; offset < m->length; offset += pnum) {
        int ret = bdrv_block_status(blk_bs(blk), offset, m->length - offset,
                                    &pnum, &map, &file);

        g_assert_cmpint(ret, >=, 0);
        g_assert_cmpint(pnum, >, 0);
        g_assert_cmpint(map, ==, offset);
        g_assert(file == blk_bs(blk));
        g_assert_true(!(ret & BDRV_BLOCK_ZERO) != !(ret & BDRV_BLOCK_DATA));
        for (int64_t i = 0; i < pnum && (ret & BDRV_BLOCK_ZERO); i++) {
            g_assert_cmpint(m->bytes[offset + i], ==, 0);
        }
    }
}

static void random_request(BlockBackend *blk, Model *m, GRand *rand)
{
    g_autofree uint8_t *buf = g_malloc(MODEL_BYTES);
    bool pages = g_rand_boolean(rand);
    /* A device that was used before is made of sectors. */
    int64_t unit = pages ? 4096 : m->stale ? 512 : 1;
    int64_t offset = g_rand_int_range(rand, 0, MODEL_BYTES / unit) * unit;
    int64_t bytes = g_rand_int_range(rand, 1, MODEL_BYTES / 4 / unit) * unit;
    int64_t old = m->length;
    int value = g_rand_int_range(rand, 1, 256);

    bytes = MIN(bytes, MODEL_BYTES - offset);
    switch (g_rand_int_range(rand, 0, 6)) {
    case 0:
        g_assert_cmpint(blk_pwrite_zeroes(blk, offset, bytes, 0), ==, 0);
        model_put(m, offset, bytes, 0);
        break;
    case 1:
        bytes = MIN(bytes, m->length - offset);
        if (bytes > 0) {
            g_assert_cmpint(blk_pdiscard(blk, offset, bytes), ==, 0);
            model_put(m, offset, bytes, 0);
        }
        break;
    case 2:
        g_assert_cmpint(blk_truncate(blk, offset, true, PREALLOC_MODE_OFF,
                                     &error_abort), ==, 0);
        model_cut(m, offset);
        if (offset > old) {
            model_put(m, old, offset - old, 0);
        }
        break;
    default:
        memset(buf, value, bytes);
        g_assert_cmpint(blk_pwrite(blk, offset, buf, bytes, 0), ==, bytes);
        model_put(m, offset, bytes, value);
        break;
    }
}

static void test_random(gconstpointer stale)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    g_autofree Model *m = g_new0(Model, 1);
    g_autofree Model *before = g_new0(Model, 1);
    MemDisk *disk = mem_disk_new("random");
    BlockBackend *blk = open_mem(stale ? "disk=random,stale=on"
                                       : "disk=random", &error_abort);

    m->stale = stale;
    memset(m->bytes, stale ? MEM_STALE_BYTE : 0, MODEL_BYTES);
    g_assert_cmpint(bdrv_has_zero_init(blk_bs(blk)), ==, !stale);
    g_assert_cmpint(bdrv_has_zero_init_truncate(blk_bs(blk)), ==, !stale);
    for (int i = 0; i < 1000; i++) {
        MemDisk *copy = NULL;
        BlockBackend *other;

        if (i % 10 == 0) {
            copy = mem_disk_copy(disk, "copy");
            *before = *m;
        }
        random_request(blk, m, rand);
        check_bytes(blk, m);
        check_status(blk, m);
        if (copy) {
            other = open_mem("disk=copy", &error_abort);
            check_bytes(other, before);
            random_request(other, before, rand);
            check_bytes(other, before);
            check_bytes(blk, m);
            blk_unref(other);
            mem_disk_free(copy);
        }
    }
    blk_unref(blk);
    mem_disk_free(disk);
}

/* A disk that becomes stale, or fresh, where it ends in a page. */
static void test_stale_turns(void)
{
    MemDisk *disk = mem_disk_new("turns");
    uint8_t buf[4];

    mem_disk_write(disk, 0, "ab", 2);
    mem_disk_set_stale(disk, true);
    mem_disk_set_length(disk, 100000);
    mem_disk_read(disk, 1, buf, 4);
    g_assert_cmpmem(buf, 4, "b\xa5\xa5\xa5", 4);
    mem_disk_read(disk, 99998, buf, 4);
    g_assert_cmpmem(buf, 4, "\xa5\xa5\0\0", 4);
    mem_disk_set_length(disk, 1);
    mem_disk_set_stale(disk, false);
    mem_disk_set_length(disk, 100000);
    mem_disk_read(disk, 0, buf, 4);
    g_assert_cmpmem(buf, 4, "a\0\0\0", 4);
    mem_disk_free(disk);
}

/* Far away, where all between is a hole that takes no memory. */
static void test_sparse(void)
{
    MemDisk *disk = mem_disk_new("sparse");
    BlockBackend *blk = open_mem("disk=sparse", &error_abort);
    BlockDriverState *bs = blk_bs(blk);
    int64_t pnum, end = MEM_MAX_LENGTH;
    Error *err = NULL;

    g_assert_cmpint(blk_pwrite(blk, end - 3, "end", 3, 0), ==, 3);
    g_assert_cmpint(blk_getlength(blk), ==, end);
    g_assert_cmpint(bdrv_get_allocated_file_size(bs), ==, 4096);
    g_assert_cmpint(bdrv_block_status(bs, 0, end, &pnum, NULL, NULL) &
                    BDRV_BLOCK_ZERO, !=, 0);
    g_assert_cmpint(pnum, ==, end - 4096);
    g_assert_cmpint(blk_pwrite(blk, end - 2, "end", 3, 0), ==, -EFBIG);
    g_assert_cmpint(blk_pwrite_zeroes(blk, end, 1, 0), ==, -EFBIG);
    g_assert_cmpint(blk_truncate(blk, end + 1, true, PREALLOC_MODE_OFF, &err),
                    ==, -EFBIG);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "size 17592186044417 is too large");
    error_free(err);
    err = NULL;
    g_assert_cmpint(blk_truncate(blk, 0, true, PREALLOC_MODE_METADATA, &err),
                    ==, -ENOTSUP);
    error_free(err);
    g_assert_cmpint(blk_getlength(blk), ==, end);
    g_assert_cmpint(blk_pwrite_zeroes(blk, end - 4096, 4096, 0), ==, 0);
    g_assert_cmpint(bdrv_get_allocated_file_size(bs), ==, 0);
    blk_unref(blk);
    mem_disk_free(disk);
}

/* ---- requests in flight ------------------------------------------------- */

typedef struct Write {
    BlockBackend *blk;
    uint8_t value;
    int ret;
} Write;

static void coroutine_fn write_entry(void *opaque)
{
    Write *w = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, &w->value, 1);

    w->ret = blk_co_pwritev(w->blk, w->value, 1, &qiov, 0);
}

static void test_concurrent(void)
{
    MemDisk *disk = mem_disk_new("many");
    BlockBackend *blk = open_mem("disk=many", &error_abort);
    Write writes[8];
    uint8_t buf[8];

    for (int i = 0; i < 8; i++) {
        writes[i] = (Write) { .blk = blk, .value = i, .ret = 1 };
        qemu_coroutine_enter(qemu_coroutine_create(write_entry, &writes[i]));
        g_assert_cmpint(writes[i].ret, ==, 1);
        g_assert_cmpuint(mem_disk_count(disk, MEM_WRITE), ==, i + 1);
        g_assert_cmpint(mem_disk_length(disk), ==, 0);
    }
    blk_drain(blk);
    mem_disk_read(disk, 0, buf, 8);
    g_assert_cmpmem(buf, 8, "\0\1\2\3\4\5\6\7", 8);
    for (int i = 0; i < 8; i++) {
        g_assert_cmpint(writes[i].ret, ==, 0);
    }
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(mem_disk_count(disk, MEM_FLUSH), ==, 1);
    g_assert_cmpuint(mem_disk_count(disk, MEM_READ), ==, 0);
    blk_unref(blk);
    mem_disk_free(disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/mem/names", test_names);
    g_test_add_func("/mem/refused", test_refused);
    g_test_add_func("/mem/create", test_create);
    g_test_add_data_func("/mem/random/fresh", NULL, test_random);
    g_test_add_data_func("/mem/random/stale", "stale", test_random);
    g_test_add_func("/mem/stale-turns", test_stale_turns);
    g_test_add_func("/mem/sparse", test_sparse);
    g_test_add_func("/mem/concurrent", test_concurrent);
    return g_test_run();
}
