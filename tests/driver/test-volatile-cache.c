/* SPDX-License-Identifier: MIT */
/*
 * The volatile cache against a list of operations: what reads see, and every
 * state that a power cut may leave.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/mem.h"
#include "minblk/volatile-cache.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

#define DISK_BYTES (32 * KiB)
#define MAX_OPS 10

typedef enum OpKind { OP_WRITE, OP_ZERO, OP_TRUNCATE } OpKind;

typedef struct Op {
    OpKind kind;
    int64_t offset, bytes;      /* TRUNCATE: the length, 0 */
    uint8_t value;
} Op;

typedef struct State {
    uint8_t bytes[DISK_BYTES];
    int64_t length;
    bool stale;
} State;

/* What is durable, and the operations since. */
typedef struct Model {
    State base, now;
    Op ops[MAX_OPS];
    unsigned count;
} Model;

static void state_apply(State *s, const Op *op)
{
    if (op->offset > s->length) {
        memset(s->bytes + s->length,
               s->stale && op->kind != OP_TRUNCATE ? MEM_STALE_BYTE : 0,
               op->offset - s->length);
        s->length = op->offset;
    }
    if (op->kind == OP_TRUNCATE) {
        s->length = op->offset;
        return;
    }
    memset(s->bytes + op->offset, op->value, op->bytes);
    s->length = MAX(s->length, op->offset + op->bytes);
}

/* The length of the file is @length, whatever became of the operations. */
static void state_set_length(State *s, int64_t length)
{
    if (length > s->length) {
        memset(s->bytes + s->length, s->stale ? MEM_STALE_BYTE : 0,
               length - s->length);
    }
    s->length = length;
}

/* ---- nodes -------------------------------------------------------------- */

static BlockBackend *open_list(const char *list, Error **errp)
{
    QDict *options = qdict_new();
    g_auto(GStrv) pairs = g_strsplit(list, ",", -1);
    BlockBackend *blk;

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

static BlockBackend *open_cache(void)
{
    return open_list("driver=volatile-cache,file.driver=mem,file.disk=child",
                     &error_abort);
}

static unsigned entries(BlockBackend *blk)
{
    VolatileLog *log = volatile_cache_log(blk_bs(blk));
    unsigned n = volatile_log_entries(log);

    volatile_log_free(log);
    return n;
}

/* ---- what is there ------------------------------------------------------ */

static void check_disk(const MemDisk *disk, const State *s)
{
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);

    g_assert_cmpint(ROUND_UP(mem_disk_length(disk), 512), ==,
                    ROUND_UP(s->length, 512));
    mem_disk_read(disk, 0, buf, s->length);
    g_assert_cmpmem(buf, s->length, s->bytes, s->length);
}

/* Through the cache; holes are zeroes, and what is in the child is there. */
static void check_cache(BlockBackend *blk, const State *s, const State *base)
{
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);
    int64_t offset, pnum;

    g_assert_cmpint(blk_getlength(blk), ==, ROUND_UP(s->length, 512));
    if (s->length) {
        g_assert_cmpint(blk_pread(blk, 0, buf, s->length), ==, s->length);
    }
    g_assert_cmpmem(buf, s->length, s->bytes, s->length);
    for (offset = 0; offset < s->length; offset += pnum) {
        int64_t map;
        BlockDriverState *file;
        int ret = bdrv_block_status(blk_bs(blk), offset, s->length - offset,
                                    &pnum, &map, &file);

        g_assert_cmpint(ret, >=, 0);
        g_assert_cmpint(pnum, >, 0);
        for (int64_t i = offset; i < offset + pnum; i++) {
            if (ret & BDRV_BLOCK_ZERO) {
                g_assert_cmpint(s->bytes[i], ==, 0);
            }
            if ((ret & BDRV_BLOCK_OFFSET_VALID) && i < base->length) {
                g_assert_cmpint(map, ==, offset);
                g_assert_cmpint(s->bytes[i], ==, base->bytes[i]);
            }
        }
    }
}

/* ---- power cuts --------------------------------------------------------- */

/* Which entries @cut keeps. */
static bool survives(const PowerCut *cut, unsigned i)
{
    return cut->kind == POWER_CUT_PREFIX ? i < cut->count
                                         : cut->seed >> i & 1;
}

static void expected_state(const Model *m, const PowerCut *cut, State *s)
{
    *s = m->base;
    for (unsigned i = 0; i < m->count; i++) {
        Op op = m->ops[i];

        if (!survives(cut, i)) {
            continue;
        }
        if (cut->length == POWER_CUT_LENGTH_OLD) {
            op.bytes = MIN(op.bytes, m->base.length - op.offset);
            if (op.kind == OP_TRUNCATE || op.bytes <= 0) {
                continue;
            }
        }
        state_apply(s, &op);
    }
    if (cut->length == POWER_CUT_LENGTH_NEW) {
        state_set_length(s, m->now.length);
    }
}

static MemDisk *cut_power(const VolatileLog *log, const PowerCut *cut)
{
    MemDisk *after = mem_disk_copy(mem_disk_find("child"), "after");
    BlockBackend *blk = open_list("driver=mem,disk=after", &error_abort);

    g_assert_cmpint(volatile_log_apply(log, cut, blk), ==, 0);
    blk_unref(blk);
    return after;
}

static void check_cut(const VolatileLog *log, const Model *m,
                      const PowerCut *cut)
{
    g_autofree State *s = g_new(State, 1);
    MemDisk *after = cut_power(log, cut);

    expected_state(m, cut, s);
    check_disk(after, s);
    mem_disk_free(after);
}

/* Each byte is an old one, or one that an operation made of it. */
static void check_torn(const VolatileLog *log, const Model *m,
                       const PowerCut *cut)
{
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);
    MemDisk *after = cut_power(log, cut);
    int64_t length = mem_disk_length(after);

    g_assert_cmpint(length, <=, DISK_BYTES);
    if (cut->length != POWER_CUT_LENGTH_WRITTEN) {
        g_assert_cmpint(ROUND_UP(length, 512), ==,
                        ROUND_UP(cut->length == POWER_CUT_LENGTH_OLD
                                     ? m->base.length : m->now.length, 512));
    }
    mem_disk_read(after, 0, buf, length);
    for (int64_t i = 0; i < length; i++) {
        bool ok = i < m->base.length && buf[i] == m->base.bytes[i];

        ok |= buf[i] == 0 || (m->base.stale && buf[i] == MEM_STALE_BYTE);
        for (unsigned n = 0; n < m->count && !ok; n++) {
            const Op *op = &m->ops[n];

            ok = i >= op->offset && i < op->offset + op->bytes &&
                 buf[i] == op->value;
        }
        g_assert_true(ok);
    }
    mem_disk_free(after);
}

static void check_cuts(BlockBackend *blk, const Model *m, GRand *rand)
{
    VolatileLog *log = volatile_cache_log(blk_bs(blk));
    PowerCut cut;

    g_assert_cmpuint(volatile_log_entries(log), ==, m->count);
    for (cut.length = 0; cut.length < POWER_CUT_LENGTH__MAX; cut.length++) {
        cut.kind = POWER_CUT_PREFIX;
        for (cut.count = 0; cut.count <= m->count; cut.count++) {
            check_cut(log, m, &cut);
        }
        cut.kind = POWER_CUT_SUBSET;
        for (int i = 0; i < 8; i++) {
            cut.seed = g_rand_int(rand);
            check_cut(log, m, &cut);
        }
        cut.kind = POWER_CUT_TORN;
        for (cut.seed = 0; cut.seed < 4; cut.seed++) {
            check_torn(log, m, &cut);
        }
    }
    volatile_log_free(log);
}

/* ---- operations --------------------------------------------------------- */

static void random_op(Op *op, const State *s, GRand *rand)
{
    int unit = s->stale ? 512 : 1;

    op->kind = g_rand_int_range(rand, 0, 5);
    op->kind = op->kind > OP_TRUNCATE ? OP_WRITE : op->kind;
    op->offset = g_rand_int_range(rand, 0, DISK_BYTES / unit) * unit;
    op->bytes = g_rand_int_range(rand, 1, DISK_BYTES / 6 / unit) * unit;
    op->bytes = MIN(op->bytes, DISK_BYTES - op->offset);
    op->value = op->kind == OP_WRITE ? g_rand_int_range(rand, 1, 256) : 0;
    if (op->kind == OP_TRUNCATE) {
        op->bytes = 0;
    }
}

static void run_op(BlockBackend *blk, Op *op, GRand *rand)
{
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);

    switch (op->kind) {
    case OP_TRUNCATE:
        g_assert_cmpint(blk_truncate(blk, op->offset, true, PREALLOC_MODE_OFF,
                                     &error_abort), ==, 0);
        break;
    case OP_ZERO:
        g_assert_cmpint(blk_pwrite_zeroes(blk, op->offset, op->bytes,
                                          g_rand_boolean(rand)
                                              ? BDRV_REQ_MAY_UNMAP : 0),
                        ==, 0);
        break;
    default:
        memset(buf, op->value, op->bytes);
        g_assert_cmpint(blk_pwrite(blk, op->offset, buf, op->bytes, 0), ==,
                        op->bytes);
    }
}

static void settle(Model *m)
{
    m->base = m->now;
    m->count = 0;
}

static void test_random(gconstpointer stale)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    g_autofree Model *m = g_new0(Model, 1);
    MemDisk *disk = mem_disk_new("child");
    BlockBackend *blk;

    mem_disk_set_stale(disk, stale);
    m->base.stale = m->now.stale = stale;
    blk = open_cache();
    for (int i = 0; i < 150; i++) {
        random_op(&m->ops[m->count], &m->now, rand);
        run_op(blk, &m->ops[m->count], rand);
        state_apply(&m->now, &m->ops[m->count++]);
        check_cache(blk, &m->now, &m->base);
        if (i % 5 == 0) {
            check_cuts(blk, m, rand);
        }
        check_disk(disk, &m->base);
        if (m->count == MAX_OPS || g_rand_int_range(rand, 0, 8) == 0) {
            g_assert_cmpint(blk_flush(blk), ==, 0);
            settle(m);
            check_disk(disk, &m->base);
            check_cache(blk, &m->now, &m->base);
        }
    }
    /* Closing is a flush. */
    blk_unref(blk);
    check_disk(disk, &m->now);
    mem_disk_free(disk);
}

/* ---- cases -------------------------------------------------------------- */

/* Every sector is there or not as a whole, and some seed has both. */
static void test_torn_sectors(void)
{
    MemDisk *disk = mem_disk_new("child");
    BlockBackend *blk = open_cache();
    g_autofree uint8_t *buf = g_malloc(64 * 512);
    PowerCut cut = { .kind = POWER_CUT_TORN, .length = POWER_CUT_LENGTH_NEW };
    VolatileLog *log;
    bool mixed = false;

    memset(buf, 7, 64 * 512);
    g_assert_cmpint(blk_pwrite(blk, 0, buf, 64 * 512, 0), ==, 64 * 512);
    log = volatile_cache_log(blk_bs(blk));
    for (cut.seed = 0; cut.seed < 8; cut.seed++) {
        MemDisk *after = cut_power(log, &cut);
        unsigned there = 0;

        g_assert_cmpint(mem_disk_length(after), ==, 64 * 512);
        mem_disk_read(after, 0, buf, 64 * 512);
        for (int i = 0; i < 64; i++) {
            g_assert_true(buf[i * 512] == 0 || buf[i * 512] == 7);
            g_assert_cmpmem(buf + i * 512, 511, buf + i * 512 + 1, 511);
            there += buf[i * 512] == 7;
        }
        mixed |= there > 0 && there < 64;
        mem_disk_free(after);
    }
    g_assert_true(mixed);
    volatile_log_free(log);
    blk_unref(blk);
    mem_disk_free(disk);
}

/* A flush that fails while it writes, or at its end, keeps all. */
static void test_failed_flush(gconstpointer iotype)
{
    MemDisk *disk = mem_disk_new("child");
    g_autofree char *list = g_strdup_printf(
        "driver=volatile-cache,file.driver=blkdebug,file.image.driver=mem,"
        "file.image.disk=child,file.inject-error.0.event=none,"
        "file.inject-error.0.iotype=%s,file.inject-error.0.once=on",
        (const char *)iotype);
    BlockBackend *blk = open_list(list, &error_abort);
    uint8_t buf[3];

    g_assert_cmpint(blk_pwrite(blk, 0, "abc", 3, 0), ==, 3);
    g_assert_cmpint(blk_pwrite(blk, 1, "x", 1, 0), ==, 1);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmpuint(entries(blk), ==, 2);
    g_assert_cmpint(blk_pread(blk, 0, buf, 3), ==, 3);
    g_assert_cmpmem(buf, 3, "axc", 3);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(entries(blk), ==, 0);
    mem_disk_read(disk, 0, buf, 3);
    g_assert_cmpmem(buf, 3, "axc", 3);
    blk_unref(blk);
    mem_disk_free(disk);
}

static void test_discard_and_preallocation(void)
{
    MemDisk *disk = mem_disk_new("child");
    BlockBackend *blk = open_cache();
    Error *err = NULL;
    uint8_t buf[8];

    g_assert_cmpint(blk_pwrite(blk, 0, "12345678", 8, 0), ==, 8);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(blk_pdiscard(blk, 2, 3), ==, 0);
    g_assert_cmpuint(entries(blk), ==, 1);
    g_assert_cmpint(blk_pread(blk, 0, buf, 8), ==, 8);
    g_assert_cmpmem(buf, 8, "12\0\0\0" "678", 8);
    g_assert_cmpint(blk_truncate(blk, MiB, true, PREALLOC_MODE_FULL,
                                 &error_abort), ==, 0);
    g_assert_cmpuint(entries(blk), ==, 3);
    g_assert_cmpint(blk_truncate(blk, 2 * MiB, true, PREALLOC_MODE_METADATA,
                                 &err), ==, -ENOTSUP);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Unsupported preallocation mode: metadata");
    error_free(err);
    g_assert_cmpuint(entries(blk), ==, 3);
    g_assert_cmpint(mem_disk_length(disk), ==, 8);
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(disk), ==, MiB);
    mem_disk_read(disk, 0, buf, 8);
    g_assert_cmpmem(buf, 8, "12\0\0\0" "678", 8);
    mem_disk_free(disk);
}

/* ---- while a flush is under way ----------------------------------------- */

typedef struct Request {
    BlockBackend *blk;
    bool read;
    char byte;
    int ret;
} Request;

static void coroutine_fn flush_entry(void *opaque)
{
    Request *r = opaque;

    r->ret = blk_co_flush(r->blk);
}

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, &r->byte, 1);

    r->ret = r->read ? blk_co_preadv(r->blk, 0, 1, &qiov, 0)
                     : blk_co_pwritev(r->blk, 1, 1, &qiov, 0);
}

static void count_hook(BlockDriverState *bs, void *opaque)
{
    VolatileLog *log = volatile_cache_log(bs);
    unsigned *seen = opaque;

    seen[0]++;
    seen[1] = volatile_log_entries(log);
    volatile_log_free(log);
}

static void test_concurrent_flush(void)
{
    MemDisk *disk = mem_disk_new("child");
    BlockBackend *blk = open_cache();
    Request flush = { .blk = blk, .ret = 1 };
    Request write = { .blk = blk, .byte = 'w', .ret = 1 };
    Request reads[6];
    unsigned seen[2] = { 0 };
    uint8_t byte;

    volatile_cache_set_hook(blk_bs(blk), count_hook, seen);
    g_assert_cmpint(blk_pwrite(blk, 0, "ab", 2, 0), ==, 2);
    g_assert_cmpint(blk_pwrite(blk, 0, "c", 1, 0), ==, 1);
    qemu_coroutine_enter(qemu_coroutine_create(flush_entry, &flush));
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, &write));
    for (int i = 0; i < 6; i++) {
        reads[i] = (Request) { .blk = blk, .read = true, .ret = 1 };
        qemu_coroutine_enter(qemu_coroutine_create(request_entry, &reads[i]));
        aio_poll(qemu_get_aio_context(), false);
    }
    blk_drain(blk);
    g_assert_cmpint(flush.ret, ==, 0);
    g_assert_cmpint(write.ret, ==, 0);
    for (int i = 0; i < 6; i++) {
        g_assert_cmpint(reads[i].ret, ==, 0);
        g_assert_cmpint(reads[i].byte, ==, 'c');
    }
    /* The write is for the next flush. */
    g_assert_cmpuint(seen[0], ==, 1);
    g_assert_cmpuint(seen[1], ==, 2);
    g_assert_cmpuint(entries(blk), ==, 1);
    mem_disk_read(disk, 1, &byte, 1);
    g_assert_cmpint(byte, ==, 'b');
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(seen[0], ==, 2);
    mem_disk_read(disk, 1, &byte, 1);
    g_assert_cmpint(byte, ==, 'w');
    volatile_cache_set_hook(blk_bs(blk), NULL, NULL);
    blk_unref(blk);
    mem_disk_free(disk);
}

static void test_names(void)
{
    MemDisk *disk = mem_disk_new("child");
    BlockBackend *blk = open_cache();
    Error *err = NULL;

    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==,
                    "json:{\"driver\": \"volatile-cache\", \"file\": "
                    "{\"driver\": \"mem\", \"disk\": \"child\"}}");
    blk_unref(blk);
    g_assert_null(open_list("driver=volatile-cache", &err));
    g_assert_nonnull(err);
    error_free(err);
    mem_disk_free(disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_data_func("/volatile-cache/random/file", NULL, test_random);
    g_test_add_data_func("/volatile-cache/random/stale", "stale", test_random);
    g_test_add_func("/volatile-cache/torn-sectors", test_torn_sectors);
    g_test_add_data_func("/volatile-cache/failed-flush/write", "write",
                         test_failed_flush);
    g_test_add_data_func("/volatile-cache/failed-flush/flush", "flush",
                         test_failed_flush);
    g_test_add_func("/volatile-cache/discard-and-preallocation",
                    test_discard_and_preallocation);
    g_test_add_func("/volatile-cache/concurrent-flush", test_concurrent_flush);
    g_test_add_func("/volatile-cache/names", test_names);
    return g_test_run();
}
