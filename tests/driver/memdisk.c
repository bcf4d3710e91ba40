/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory with faults and power cuts; see memdisk.h.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/option.h"
#include "memdisk.h"

static GHashTable *disks;

typedef struct MemState {
    MemDisk *disk;
} MemState;

/* ---- contents ------------------------------------------------------------------- */

static void set_length(GByteArray *array, uint64_t length)
{
    guint old = array->len;

    g_assert_cmpuint(length, <, 1u << 30);
    g_byte_array_set_size(array, length);
    if (length > old) {
        memset(array->data + old, 0, length - old);
    }
}

static void put(GByteArray *array, uint64_t offset, uint64_t bytes,
                const uint8_t *data)
{
    if (bytes == 0) {
        return;
    }
    if (offset + bytes > array->len) {
        set_length(array, offset + bytes);
    }
    memcpy(array->data + offset, data, bytes);
}

static void apply(GByteArray *array, const MemLogEntry *entry)
{
    if (entry->data) {
        put(array, entry->offset, entry->bytes, entry->data);
    } else {
        set_length(array, entry->offset);
    }
}

static void clear_log(MemDisk *disk)
{
    for (guint i = 0; i < disk->log->len; i++) {
        g_free(g_array_index(disk->log, MemLogEntry, i).data);
    }
    g_array_set_size(disk->log, 0);
}

void test_disk_settle(MemDisk *disk)
{
    clear_log(disk);
    g_byte_array_set_size(disk->stable, disk->data->len);
    if (disk->data->len) {
        memcpy(disk->stable->data, disk->data->data, disk->data->len);
    }
}

static void append(MemDisk *disk, uint64_t offset, uint64_t bytes,
                   uint8_t *data)
{
    MemLogEntry entry = { offset, bytes, data };

    g_array_append_val(disk->log, entry);
    apply(disk->data, &entry);
}

/* ---- life ------------------------------------------------------------------------ */

MemDisk *test_disk_new(const char *name)
{
    MemDisk *disk = g_new0(MemDisk, 1);

    disk->name = g_strdup(name);
    disk->data = g_byte_array_new();
    disk->stable = g_byte_array_new();
    disk->log = g_array_new(false, false, sizeof(MemLogEntry));
    g_assert_true(g_hash_table_insert(disks, disk->name, disk));
    return disk;
}

void test_disk_free(MemDisk *disk)
{
    g_hash_table_remove(disks, disk->name);
    clear_log(disk);
    g_array_free(disk->log, true);
    g_byte_array_unref(disk->data);
    g_byte_array_unref(disk->stable);
    g_free(disk->name);
    g_free(disk);
}

void test_disk_fail(MemDisk *disk, MemOp op, unsigned nth, bool forever)
{
    disk->fail_op = op;
    disk->fail_nth = nth;
    disk->fail_forever = forever;
}

/* Some sectors of @entry arrive. */
static void apply_torn(GByteArray *array, const MemLogEntry *entry,
                       GRand *rand)
{
    uint64_t done = 0;

    if (!entry->data) {
        if (g_rand_boolean(rand)) {
            apply(array, entry);
        }
        return;
    }
    while (done < entry->bytes) {
        uint64_t at = entry->offset + done;
        uint64_t n = MIN(entry->bytes - done, 512 - at % 512);

        if (g_rand_boolean(rand)) {
            put(array, at, n, entry->data + done);
        }
        done += n;
    }
}

MemDisk *test_disk_crash(const MemDisk *disk, const char *name, MemCrash kind,
                        GRand *rand)
{
    MemDisk *after = test_disk_new(name);
    guint count = disk->log->len;

    put(after->data, 0, disk->stable->len, disk->stable->data);
    if (kind == MEM_CRASH_NONE) {
        count = 0;
    } else if (kind == MEM_CRASH_PREFIX && count) {
        count = g_rand_int_range(rand, 0, count + 1);
    }
    for (guint i = 0; i < count; i++) {
        const MemLogEntry *entry = &g_array_index(disk->log, MemLogEntry, i);

        if (kind == MEM_CRASH_TORN) {
            apply_torn(after->data, entry, rand);
        } else if (kind == MEM_CRASH_PREFIX || g_rand_boolean(rand)) {
            apply(after->data, entry);
        }
    }
    test_disk_settle(after);
    return after;
}

/* ---- the driver --------------------------------------------------------------------- */

/* Counts an operation; -EIO if it is its turn to fail. */
static int begin(MemDisk *disk, MemOp op)
{
    disk->ops[op]++;
    if (disk->fail_nth && op == disk->fail_op) {
        if (disk->fail_nth == 1) {
            disk->fail_nth = disk->fail_forever;
            return -EIO;
        }
        disk->fail_nth--;
    }
    return 0;
}

/* Requests do not complete at once, so that others come between. */
static void coroutine_fn pause_request(BlockDriverState *bs)
{
    aio_co_schedule(bdrv_get_aio_context(bs), qemu_coroutine_self());
    qemu_coroutine_yield();
}

static int mem_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    MemState *s = bs->opaque;
    const char *name = qdict_get_try_str(options, "disk");

    s->disk = name ? g_hash_table_lookup(disks, name) : NULL;
    qdict_del(options, "disk");
    qdict_del(options, "filename");
    if (!s->disk) {
        error_setg(errp, "No such test disk");
        return -ENOENT;
    }
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    return 0;
}

static int64_t mem_getlength(BlockDriverState *bs)
{
    return ((MemState *)bs->opaque)->disk->data->len;
}

static int coroutine_fn mem_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    MemDisk *disk = ((MemState *)bs->opaque)->disk;
    uint64_t n = 0;
    int ret;

    pause_request(bs);
    ret = begin(disk, MEM_READ);
    if (ret < 0) {
        return ret;
    }
    if (offset < disk->data->len) {
        n = MIN(bytes, disk->data->len - offset);
        qemu_iovec_from_buf(qiov, 0, disk->data->data + offset, n);
    }
    qemu_iovec_memset(qiov, n, 0, bytes - n);
    return 0;
}

static int coroutine_fn mem_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    MemDisk *disk = ((MemState *)bs->opaque)->disk;
    uint8_t *data;
    int ret;

    pause_request(bs);
    ret = begin(disk, MEM_WRITE);
    if (ret < 0) {
        return ret;
    }
    if (disk->stale_growth && offset + bytes > disk->data->len) {
        /* What was skipped holds old bytes, not zeroes. */
        uint64_t old = disk->data->len;

        set_length(disk->data, offset + bytes);
        memset(disk->data->data + old, 0xdb, offset + bytes - old);
    }
    data = g_malloc(MAX(bytes, 1));
    qemu_iovec_to_buf(qiov, 0, data, bytes);
    append(disk, offset, bytes, data);
    return 0;
}

static int coroutine_fn mem_co_pwrite_zeroes(BlockDriverState *bs,
                                             int64_t offset, int bytes,
                                             BdrvRequestFlags flags)
{
    MemDisk *disk = ((MemState *)bs->opaque)->disk;
    int ret;

    pause_request(bs);
    ret = begin(disk, MEM_ZERO);
    if (ret < 0) {
        return ret;
    }
    append(disk, offset, bytes, g_malloc0(MAX(bytes, 1)));
    return 0;
}

static int coroutine_fn mem_co_flush_to_disk(BlockDriverState *bs)
{
    MemDisk *disk = ((MemState *)bs->opaque)->disk;
    int ret;

    pause_request(bs);
    ret = begin(disk, MEM_FLUSH);
    if (ret == 0) {
        test_disk_settle(disk);
    }
    return ret;
}

static int coroutine_fn mem_co_truncate(BlockDriverState *bs, int64_t offset,
                                        bool exact, PreallocMode prealloc,
                                        Error **errp)
{
    MemDisk *disk = ((MemState *)bs->opaque)->disk;
    int ret;

    pause_request(bs);
    ret = begin(disk, MEM_TRUNCATE);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not resize the test disk");
        return ret;
    }
    append(disk, offset, 0, NULL);
    return 0;
}

static int mem_has_zero_init(BlockDriverState *bs)
{
    return !((MemState *)bs->opaque)->disk->stale_growth;
}

static BlockDriver bdrv_test_mem = {
    .format_name = "test-mem",
    .protocol_name = "test-mem",
    .instance_size = sizeof(MemState),
    .has_variable_length = true,
    .bdrv_file_open = mem_open,
    .bdrv_getlength = mem_getlength,
    .bdrv_co_preadv = mem_co_preadv,
    .bdrv_co_pwritev = mem_co_pwritev,
    .bdrv_co_pwrite_zeroes = mem_co_pwrite_zeroes,
    .bdrv_co_flush_to_disk = mem_co_flush_to_disk,
    .bdrv_co_truncate = mem_co_truncate,
    .bdrv_has_zero_init = mem_has_zero_init,
    .bdrv_has_zero_init_truncate = mem_has_zero_init,
};

void test_disk_init(void)
{
    disks = g_hash_table_new(g_str_hash, g_str_equal);
    bdrv_register(&bdrv_test_mem);
}

BlockDriverState *test_disk_open(MemDisk *disk)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "test-mem");
    qdict_put_str(options, "disk", disk->name);
    qdict_put_str(options, "node-name", disk->name);
    return bdrv_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_UNMAP,
                     &error_abort);
}

BlockDriverState *test_disk_open_format(MemDisk *disk, const char *driver,
                                       int flags, Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", driver);
    qdict_put_str(options, "file.driver", "test-mem");
    qdict_put_str(options, "file.disk", disk->name);
    return bdrv_open(NULL, NULL, options, flags | BDRV_O_UNMAP, errp);
}
