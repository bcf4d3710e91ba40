/* SPDX-License-Identifier: MIT */
/*
 * Space that cannot be had: a write that fails leaves the file as it was, and
 * a disk that cannot grow goes on with the space that blocks gave back.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "vpc-fixture.h"

static const VhdSpec windows = { .size = 20 * BLOCK, .windows = true };

/* ---- a write that fails ------------------------------------------------- */

typedef struct FailCase {
    const VhdSpec *spec;
    bool gap;                   /* the space is that of a block given up */
    unsigned offset;            /* of the write, in its block */
} FailCase;

static uint8_t *all_bytes(Fixture *f, int64_t *length)
{
    *length = mem_disk_length(f->disk);
    return disk_copy(f->disk, 0, *length);
}

static bool write_fails(BlockBackend *blk, unsigned offset)
{
    uint8_t buf[4096];

    memset(buf, 0x77, sizeof(buf));
    return blk_pwrite(blk, 9 * BLOCK + offset, buf, sizeof(buf), 0) < 0;
}

/*
 * The @nth write of the file, and with @forever all later ones, fails when a
 * block is written.  Returns whether that made the guest's write fail; then
 * another try gets the same space, or else the file is as it was.
 */
static bool fail_once(const FailCase *c, unsigned nth, bool forever)
{
    DiskFault fault = { .iotype = "write", .nth = nth, .forever = forever };
    g_autofree uint8_t *before = NULL, *after = NULL;
    int64_t old_length, length;
    BlockBackend *blk;
    bool failed;
    Fixture f;

    begin_full(&f, c->spec, 3);
    blk = open_rw(&f);
    if (c->gap) {
        write_zeroes(blk, BLOCK, BLOCK);
    }
    blk_unref(blk);
    before = all_bytes(&f, &old_length);

    blk = open_faulty(&f, &fault);
    disk_arm(blk);
    failed = write_fails(blk, c->offset);
    if (failed) {
        g_assert_cmpint(mem_disk_length(f.disk), ==, old_length);
    }
    if (failed && !forever) {
        g_assert_false(write_fails(blk, c->offset));
        blk_unref(blk);
        length = mem_disk_length(f.disk);
        g_assert_cmpint(length, <=, old_length + BLOCK + 8192);
        blk = open_rw(&f);
        assert_reads(blk, 9 * BLOCK + c->offset, 4096, 0x77);
    }
    blk_unref(blk);
    if (failed && forever) {
        after = all_bytes(&f, &length);
        g_assert_cmpmem(after, length, before, old_length);
    }
    end(&f);
    return failed;
}

static void test_failed_write(gconstpointer data)
{
    unsigned failed[2] = { 0, 0 };

    /* More writes than there are; the first one of a gap has another way. */
    for (unsigned nth = 1; nth < 8; nth++) {
        failed[0] += fail_once(data, nth, false);
        failed[1] += fail_once(data, nth, true);
    }
    g_assert_cmpuint(failed[0], >=, 1);
    g_assert_cmpuint(failed[1], >=, failed[0]);
}

/* ---- a disk that cannot grow -------------------------------------------- */

/* Space that waits for a flush is not refused but flushed for. */
static void test_in_turn(void)
{
    Fixture f;
    BlockBackend *blk;
    BdrvCheckResult result;

    begin_full(&f, &windows, 1);
    mem_disk_set_length(f.disk, 12 * BLOCK);
    mem_disk_write(f.disk, 12 * BLOCK - 512, &f.image.footer, 512);
    blk = open_window(12 * BLOCK);
    for (unsigned i = 0; i < 100; i++) {
        unsigned at = (1 + i % 3) * BLOCK;

        write_value(blk, at, BLOCK, i);
        assert_reads(blk, at, BLOCK, i);
        g_assert_cmpint(blk_pdiscard(blk, at, BLOCK), ==, 0);
        assert_reads(blk, at, BLOCK, 0);
        assert_reads(blk, 0, BLOCK, 1);
    }
    write_value(blk, 15 * BLOCK, BLOCK, 0xee);
    blk_unref(blk);

    blk = open_window(12 * BLOCK);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions + result.leaks, ==, 0);
    assert_reads(blk, 0, BLOCK, 1);
    assert_reads(blk, BLOCK, 3 * BLOCK, 0);
    assert_reads(blk, 15 * BLOCK, BLOCK, 0xee);
    blk_unref(blk);
    end(&f);
}

/* Requests at once: each gets what all of them gave up before. */
typedef struct Writer {
    BlockBackend *blk;
    unsigned block;
    int ret;
    unsigned *running;
} Writer;

static void coroutine_fn writer_entry(void *opaque)
{
    Writer *w = opaque;
    g_autofree uint8_t *buf = g_malloc(BLOCK);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, BLOCK);

    memset(buf, w->block + 1, BLOCK);
    w->ret = blk_co_pwritev(w->blk, w->block * BLOCK, BLOCK, &qiov, 0);
    (*w->running)--;
}

static void test_all_at_once(void)
{
    enum { BLOCKS = 4 };
    Writer writers[BLOCKS];
    unsigned running = BLOCKS;
    Fixture f;
    BlockBackend *blk;
    int64_t length;

    begin_full(&f, &windows, BLOCKS);
    length = mem_disk_length(f.disk);
    blk = open_window(length);
    g_assert_cmpint(blk_pdiscard(blk, 0, BLOCKS * BLOCK), ==, 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        writers[i] = (Writer) { blk, 8 + i, 0, &running };
        qemu_coroutine_enter(qemu_coroutine_create(writer_entry, &writers[i]));
    }
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), running > 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        g_assert_cmpint(writers[i].ret, ==, 0);
    }
    blk_unref(blk);
    blk = open_window(length);
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_reads(blk, (8 + i) * BLOCK, BLOCK, 9 + i);
    }
    assert_reads(blk, 0, 8 * BLOCK, 0);
    blk_unref(blk);
    end(&f);
}

int main(int argc, char **argv)
{
    static const FailCase cases[] = {
        { &virtualbox, false, 0 },
        { &virtualbox, false, 8192 },
        { &windows, false, 0 },
        { &windows, false, 8192 },
        { &virtualbox, true, 0 },
        { &virtualbox, true, 8192 },
    };

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Of flushes that fail at closing, which are not tested here. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/full/failed-write/%zu",
                                                i);

        g_test_add_data_func(name, &cases[i], test_failed_write);
    }
    g_test_add_func("/vpc/full/in-turn", test_in_turn);
    g_test_add_func("/vpc/full/all-at-once", test_all_at_once);
    return g_test_run();
}
