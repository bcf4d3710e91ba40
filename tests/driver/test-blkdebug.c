/* SPDX-License-Identifier: MIT */
/*
 * blkdebug: which request fails under which rules, the limits that it
 * pretends, its names, and what is wrong with options and files.  Breakpoints
 * are tested in test-blkdebug-break.c.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

#define DISK_SIZE (64 * KiB)

/* A raw image over blkdebug with the options @more over mem:disk. */
static BlockBackend *open_debug(const char *more, Error **errp)
{
    g_autofree char *name = g_strdup_printf(
        "json:{'driver': 'raw', 'file': {'driver': 'blkdebug', 'image': "
        "{'driver': 'mem', 'disk': 'disk'}%s%s}}", *more ? ", " : "",
        more);

    return blk_new_open(name, NULL, NULL, BDRV_O_RDWR | BDRV_O_RESIZE |
                        BDRV_O_UNMAP, errp);
}

/* The disk anew: zeroes. */
static void make_disk(void)
{
    MemDisk *disk = mem_disk_find("disk");

    if (disk) {
        mem_disk_free(disk);
    }
    mem_disk_set_length(mem_disk_new("disk"), DISK_SIZE);
}

static uint8_t disk_byte(int64_t offset)
{
    uint8_t byte;

    mem_disk_read(mem_disk_find("disk"), offset, &byte, 1);
    return byte;
}

static BlockBackend *debug(const char *more)
{
    make_disk();
    return open_debug(more, &error_abort);
}

static BlockBackend *inject(const char *rules)
{
    g_autofree char *more = g_strdup_printf("'inject-error': [%s]", rules);

    return debug(more);
}

/* A count of bytes is a success. */
static int result(int ret)
{
    return ret < 0 ? ret : 0;
}

/* ---- operations --------------------------------------------------------- */

static int do_read_at(BlockBackend *blk, int64_t offset, int bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    return result(blk_pread(blk, offset, buf, bytes));
}

static int do_read(BlockBackend *blk)
{
    return do_read_at(blk, 0, 512);
}

static int do_write(BlockBackend *blk)
{
    uint8_t buf[512] = { 1 };

    return result(blk_pwrite(blk, 0, buf, sizeof(buf), 0));
}

static int do_zeroes(BlockBackend *blk)
{
    return blk_pwrite_zeroes(blk, 0, 4096, 0);
}

static int do_discard(BlockBackend *blk)
{
    return blk_pdiscard(blk, 0, 4096);
}

/* A flush that has something to flush is told of by the write before. */
static int do_flush(BlockBackend *blk)
{
    uint8_t buf[512] = { 1 };
    int ret = blk_pwrite(blk, 8192, buf, sizeof(buf), 0);

    return ret < 0 ? ret : blk_flush(blk);
}

static int do_status(BlockBackend *blk)
{
    int64_t pnum, map;
    BlockDriverState *file;

    return result(bdrv_block_status(blk_bs(blk), 0, 512, &pnum, &map, &file));
}

static int do_truncate(BlockBackend *blk)
{
    Error *err = NULL;
    int ret = blk_truncate(blk, DISK_SIZE, true, PREALLOC_MODE_OFF, &err);

    g_assert_cmpint(!err, ==, ret >= 0);
    error_free(err);
    return ret;
}

static const struct {
    const char *iotype;
    int (*run)(BlockBackend *blk);
    bool by_default;
} ops[] = {
    { "read", do_read, true },
    { "write", do_write, true },
    { "write-zeroes", do_zeroes, true },
    { "discard", do_discard, true },
    { "flush", do_flush, true },
    { "block-status", do_status, false },
    { "truncate", do_truncate, false },
};

/* ---- which requests ----------------------------------------------------- */

static void test_iotypes(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        g_autofree char *rule = g_strdup_printf(
            "{'event': 'none', 'iotype': '%s', 'errno': 28}", ops[i].iotype);

        for (size_t j = 0; j < ARRAY_SIZE(ops); j++) {
            /* The flush is preceded by a write. */
            bool fails = i == j || (ops[j].run == do_flush &&
                                    ops[i].run == do_write);
            BlockBackend *blk = inject(rule);

            blk_set_enable_write_cache(blk, true);
            g_assert_cmpint(ops[j].run(blk), ==, fails ? -ENOSPC : 0);
            g_assert_cmpint(ops[j].run(blk), ==, fails ? -ENOSPC : 0);
            blk_unref(blk);
        }
    }
}

static void test_default_iotypes(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        BlockBackend *blk = inject("{'event': 'none'}");

        g_assert_cmpint(ops[i].run(blk), ==, ops[i].by_default ? -EIO : 0);
        blk_unref(blk);
    }
}

/* What fails does not reach the child. */
static void test_not_done(void)
{
    BlockBackend *blk = inject("{'event': 'none', 'iotype': 'write', "
                               "'once': true}");

    g_assert_cmpint(do_write(blk), ==, -EIO);
    g_assert_cmpint(disk_byte(0), ==, 0);
    g_assert_cmpint(do_write(blk), ==, 0);
    g_assert_cmpint(disk_byte(0), ==, 1);
    blk_unref(blk);
}

static void test_sector(void)
{
    BlockBackend *blk = inject("{'event': 'none', 'sector': 1}");

    g_assert_cmpint(do_read_at(blk, 0, 512), ==, 0);
    g_assert_cmpint(do_read_at(blk, 512, 512), ==, -EIO);
    g_assert_cmpint(do_read_at(blk, 0, 1024), ==, -EIO);
    g_assert_cmpint(do_read_at(blk, 0, 513), ==, -EIO);
    g_assert_cmpint(do_read_at(blk, 1024, 1024), ==, 0);
    /* It is the sector's first byte that has to be in the request. */
    g_assert_cmpint(do_read_at(blk, 513, 511), ==, 0);
    blk_unref(blk);

    blk = inject("{'event': 'none', 'sector': -1}");
    g_assert_cmpint(do_read_at(blk, 4096, 1), ==, -EIO);
    blk_unref(blk);
    blk = inject("{'event': 'none', 'sector': 36028797018963968}, "
                 "{'event': 'none', 'sector': -2}");
    g_assert_cmpint(do_read(blk), ==, 0);
    blk_unref(blk);
}

static void test_once(void)
{
    BlockBackend *blk = inject("{'event': 'none', 'errno': 28, 'once': true}, "
                               "{'event': 'none', 'errno': 1, 'once': true}, "
                               "{'event': 'none', 'errno': 2, 'once': true}");

    g_assert_cmpint(do_read(blk), ==, -ENOSPC);
    g_assert_cmpint(do_write(blk), ==, -EPERM);
    g_assert_cmpint(do_read(blk), ==, -ENOENT);
    g_assert_cmpint(do_read(blk), ==, 0);
    blk_unref(blk);

    /* A rule without an error has the say, and is never used up. */
    blk = inject("{'event': 'none', 'errno': 0, 'once': true}, "
                 "{'event': 'none', 'errno': 1}");
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(do_read(blk), ==, 0);
    }
    blk_unref(blk);
}

static void test_skip(void)
{
    BlockBackend *blk = inject("{'event': 'none', 'iotype': 'read', "
                               "'skip': 2}");

    for (int i = 0; i < 5; i++) {
        g_assert_cmpint(do_read(blk), ==, i < 2 ? 0 : -EIO);
        g_assert_cmpint(do_write(blk), ==, 0);
    }
    blk_unref(blk);

    blk = inject("{'event': 'none', 'skip': 1, 'once': true}");
    for (int i = 0; i < 4; i++) {
        g_assert_cmpint(do_read(blk), ==, i == 1 ? -EIO : 0);
    }
    blk_unref(blk);

    /* A request that a rule lets pass is asked of the rules after it. */
    blk = inject("{'event': 'none', 'skip': 1, 'errno': 28}, "
                 "{'event': 'none', 'skip': 1, 'errno': 1}, "
                 "{'event': 'none', 'sector': 9, 'errno': 2}");
    g_assert_cmpint(do_read_at(blk, 9 * 512, 512), ==, -ENOENT);
    g_assert_cmpint(do_read(blk), ==, -ENOSPC);
    blk_unref(blk);

    /* Requests are counted over all times that the rule was active. */
    blk = inject("{'event': 'read_aio', 'iotype': 'read', 'skip': 2}");
    for (int i = 0; i < 4; i++) {
        g_assert_cmpint(do_read(blk), ==, i < 2 ? 0 : -EIO);
    }
    blk_unref(blk);
}

static void coroutine_fn read_entry(void *opaque)
{
    BlockBackend *blk = opaque;
    uint8_t buf[512];
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    g_assert_cmpint(blk_co_preadv(blk, 0, sizeof(buf), &qiov, 0), ==, -EIO);
}

static void test_immediately(void)
{
    for (int now = 0; now < 2; now++) {
        BlockBackend *blk = inject(now ? "{'event': 'none', 'immediately': "
                                         "true}" : "{'event': 'none'}");
        unsigned before = qemu_coroutine_live_count();

        qemu_coroutine_enter(qemu_coroutine_create(read_entry, blk));
        g_assert_cmpint(qemu_coroutine_live_count() - before, ==, !now);
        blk_drain(blk);
        g_assert_cmpint(qemu_coroutine_live_count(), ==, before);
        blk_unref(blk);
    }
}

/* ---- events and states -------------------------------------------------- */

/* A rule stays active until an event activates others. */
static void test_event(void)
{
    BlockBackend *blk = inject("{'event': 'read_aio', 'iotype': 'write', "
                               "'errno': 28}, "
                               "{'event': 'none', 'iotype': 'write', "
                               "'errno': 1}, "
                               "{'event': 'flush_to_disk', 'iotype': 'read', "
                               "'errno': 2}");

    blk_set_enable_write_cache(blk, true);
    g_assert_cmpint(do_write(blk), ==, -EPERM);
    g_assert_cmpint(do_read(blk), ==, 0);
    g_assert_cmpint(do_write(blk), ==, -ENOSPC);
    g_assert_cmpint(do_write(blk), ==, -ENOSPC);
    g_assert_cmpint(do_zeroes(blk), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(do_write(blk), ==, 0);
    g_assert_cmpint(do_read(blk), ==, 0);
    g_assert_cmpint(do_write(blk), ==, -ENOSPC);
    blk_unref(blk);
}

static void test_state(void)
{
    BlockBackend *blk = debug(
        "'inject-error': [{'event': 'read_aio', 'state': 2, 'errno': 1}, "
        "{'event': 'read_aio', 'state': 3, 'errno': 28}], "
        "'set-state': [{'event': 'read_aio', 'state': 1, 'new_state': 2}, "
        "{'event': 'read_aio', 'state': 2, 'new_state': 3}]");

    g_assert_cmpint(do_read(blk), ==, 0);
    g_assert_cmpint(do_read(blk), ==, -EPERM);
    g_assert_cmpint(do_read(blk), ==, -ENOSPC);
    g_assert_cmpint(do_read(blk), ==, -ENOSPC);
    blk_unref(blk);

    /* Of two changes by one event the first one counts. */
    blk = debug(
        "'inject-error': [{'event': 'read_aio', 'state': 2, 'errno': 1}, "
        "{'event': 'read_aio', 'state': 3, 'errno': 28}], "
        "'set-state': [{'event': 'read_aio', 'state': 1, 'new_state': 3}, "
        "{'event': 'read_aio', 'state': 1, 'new_state': 2}]");
    g_assert_cmpint(do_read(blk), ==, 0);
    g_assert_cmpint(do_read(blk), ==, -ENOSPC);
    blk_unref(blk);

    /* 'none' happens once, in state 1, before all requests. */
    blk = debug("'inject-error': [{'event': 'none', 'state': 2}, "
                "{'event': 'write_aio', 'state': 7}], "
                "'set-state': [{'event': 'none', 'new_state': 7}]");
    g_assert_cmpint(do_read(blk), ==, 0);
    g_assert_cmpint(do_write(blk), ==, -EIO);
    blk_unref(blk);
}

static int do_unaligned_write(BlockBackend *blk)
{
    uint8_t buf[512] = { 1 };

    return result(blk_pwrite(blk, 4095, buf, sizeof(buf), 0));
}

static int do_unaligned_far(BlockBackend *blk)
{
    uint8_t buf[16384] = { 1 };

    return result(blk_pwrite(blk, 100, buf, sizeof(buf), 0));
}

/*
 * Does @op raise @event?  Only that activates a rule for discards, which raise
 * no events themselves.
 */
static bool raises(int (*op)(BlockBackend *blk), const char *event)
{
    g_autofree char *more = g_strdup_printf(
        "'align': 4096, 'inject-error': [{'event': '%s', 'iotype': 'discard', "
        "'errno': 28}]", event);
    BlockBackend *blk = debug(more);
    int ret;

    blk_set_enable_write_cache(blk, true);
    g_assert_cmpint(op(blk), ==, 0);
    ret = do_discard(blk);
    blk_unref(blk);
    g_assert(ret == 0 || ret == -ENOSPC);
    return ret < 0;
}

static void assert_raised(int (*op)(BlockBackend *blk), const char *expected)
{
    g_autoptr(GString) raised = g_string_new(NULL);

    for (int i = 0; i < BLKDBG__MAX; i++) {
        const char *event = BlkdebugEvent_str(i);

        if (i != BLKDBG_NONE && raises(op, event)) {
            g_string_append_printf(raised, " %s", event);
        }
    }
    g_assert_cmpstr(raised->str, ==, expected);
}

static int do_aligned_write(BlockBackend *blk)
{
    g_autofree uint8_t *buf = g_malloc0(4096);

    return result(blk_pwrite(blk, 4096, buf, 4096, 0));
}

static int do_nothing(BlockBackend *blk)
{
    return 0;
}

static void test_raised(void)
{
    assert_raised(do_nothing, "");
    assert_raised(do_read, " read_aio");
    assert_raised(do_status, "");
    assert_raised(do_truncate, "");
    assert_raised(do_zeroes, " pwritev_zero pwritev_done");
    assert_raised(do_aligned_write, " write_aio pwritev pwritev_done");
    assert_raised(do_unaligned_write, " write_aio pwritev_rmw_head "
                  "pwritev_rmw_after_head pwritev_rmw_tail "
                  "pwritev_rmw_after_tail pwritev pwritev_done");
    assert_raised(do_unaligned_far, " write_aio pwritev_rmw_head "
                  "pwritev_rmw_after_head pwritev_rmw_tail "
                  "pwritev_rmw_after_tail pwritev pwritev_done");
    assert_raised(do_write, " write_aio pwritev_rmw_tail "
                  "pwritev_rmw_after_tail pwritev pwritev_done");
    assert_raised(do_flush, " write_aio flush_to_os flush_to_disk "
                  "pwritev_rmw_tail pwritev_rmw_after_tail pwritev "
                  "pwritev_done");
}

/* ---- options ------------------------------------------------------------ */

static void assert_refused(const char *more, const char *message)
{
    Error *err = NULL;

    make_disk();
    g_assert_null(open_debug(more, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

static const char *const bad_options[][2] = {
    { "'inject-error': [{'event': 'foo'}]", "invalid parameter value: foo" },
    { "'inject-error': [{'event': 'none', 'iotype': 'foo'}]",
      "invalid parameter value: foo" },
    { "'inject-error': [{'event': 'none', 'bar': 1}]",
      "[inject-error] section doesn't support the option 'bar'" },
    { "'inject-error': [{'iotype': 'write'}]",
      "Missing event name for rule" },
    { "'inject-error': [{'event': 'none', 'errno': -5}]",
      "errno must be between 0 and 2147483647" },
    { "'inject-error': [{'event': 'none', 'errno': 4294967301}]",
      "errno must be between 0 and 2147483647" },
    { "'inject-error': [{'event': 'none', 'errno': 'x'}]",
      "Parameter 'errno' expects a number" },
    { "'inject-error': [{'event': 'none', 'skip': 'x'}]",
      "Parameter 'skip' expects a number" },
    { "'inject-error': [{'event': 'none', 'once': 5}]",
      "Parameter 'once' expects 'on' or 'off'" },
    { "'inject-error': [5]",
      "[inject-error] section (index 0) does not consist of keys" },
    { "'inject-error': [{'event': 'none'}, 'x']",
      "[inject-error] section (index 1) does not consist of keys" },
    { "'inject-error': 5",
      "Block protocol 'blkdebug' doesn't support the option 'inject-error'" },
    { "'inject-error.foo': 1", "Unused option 'foo' for [inject-error]" },
    { "'inject-error.event': 'none', 'inject-error.foo': 1",
      "Unknown option 'foo' for [inject-error]" },
    { "'inject-error.1.event': 'none'",
      "Unused option '1.event' for [inject-error]" },
    { "'inject-error.0.event': 'none', 'inject-error.2.event': 'none'",
      "Unknown option '2.event' for [inject-error]" },
    { "'set-state': [{'event': 'none', 'iotype': 'write'}]",
      "[set-state] section doesn't support the option 'iotype'" },
    { "'set-state': [{'new_state': 2}]", "Missing event name for rule" },
    { "'set-state': [{'event': 'z'}]", "invalid parameter value: z" },
    { "'suspend': [{'event': 'none'}]",
      "Block protocol 'blkdebug' doesn't support the option "
      "'suspend.0.event'" },
    { "'align': 3", "Cannot meet constraints with align 3" },
    { "'align': 2147483648", "Cannot meet constraints with align 2147483648" },
    { "'align': 4096, 'max-transfer': 5000",
      "Cannot meet constraints with max-transfer 5000" },
    { "'max-transfer': 2147483647",
      "Cannot meet constraints with max-transfer 2147483647" },
    { "'align': 512, 'opt-write-zero': 256",
      "Cannot meet constraints with opt-write-zero 256" },
    { "'opt-write-zero': 4096, 'max-write-zero': 2048",
      "Cannot meet constraints with max-write-zero 2048" },
    { "'align': 4096, 'opt-discard': 5000",
      "Cannot meet constraints with opt-discard 5000" },
    { "'opt-discard': 8192, 'max-discard': 12288",
      "Cannot meet constraints with max-discard 12288" },
    { "'config': 'no such file'",
      "Could not read blkdebug config file: No such file or directory" },
    { "'config': '/'", "Cannot read config file: Is a directory" },
};

static void test_bad_options(void)
{
    BlockBackend *blk;

    for (size_t i = 0; i < ARRAY_SIZE(bad_options); i++) {
        assert_refused(bad_options[i][0], bad_options[i][1]);
    }
    /* One rule needs no index. */
    blk = debug("'inject-error': {'event': 'none', 'once': true}");
    g_assert_cmpint(do_read(blk), ==, -EIO);
    g_assert_cmpint(do_read(blk), ==, 0);
    blk_unref(blk);
}

static void test_limits(void)
{
    BlockBackend *blk = debug(
        "'align': '4k', 'max-transfer': '64k', 'opt-write-zero': '8k', "
        "'max-write-zero': '16k', 'opt-discard': '32k', 'max-discard': '64k'");
    BlockDriverState *bs = bdrv_file_bs(blk_bs(blk));

    g_assert_cmpint(bs->bl.request_alignment, ==, 4096);
    g_assert_cmpint(bs->bl.max_transfer, ==, 65536);
    g_assert_cmpint(bs->bl.pwrite_zeroes_alignment, ==, 8192);
    g_assert_cmpint(bs->bl.max_pwrite_zeroes, ==, 16384);
    g_assert_cmpint(bs->bl.pdiscard_alignment, ==, 32768);
    g_assert_cmpint(bs->bl.max_pdiscard, ==, 65536);
    g_assert_cmpint(do_unaligned_far(blk), ==, 0);
    g_assert_cmpint(disk_byte(100), ==, 1);
    blk_unref(blk);

    /* Requests are cut: the second part of a long one can fail. */
    blk = debug("'max-transfer': 512, 'inject-error': [{'event': 'none', "
                "'iotype': 'read', 'skip': 2, 'once': true}]");
    g_assert_cmpint(do_read_at(blk, 0, 1024), ==, 0);
    g_assert_cmpint(do_read_at(blk, 0, 1024), ==, -EIO);
    g_assert_cmpint(do_read_at(blk, 0, 1024), ==, 0);
    blk_unref(blk);

    /* Zeroes of less than the unit are written as data. */
    blk = debug("'opt-write-zero': 8192, 'inject-error': [{'event': 'none', "
                "'iotype': 'write-zeroes'}]");
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 4096, 0), ==, 0);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 8192, 0), ==, -EIO);
    blk_unref(blk);
}

/* ---- files -------------------------------------------------------------- */

static char *config_path;

static BlockBackend *open_config(const char *text, Error **errp)
{
    g_autofree char *more = g_strdup_printf("'config': '%s'", config_path);

    make_disk();
    g_assert_true(g_file_set_contents(config_path, text, -1, NULL));
    return open_debug(more, errp);
}

static void test_config(void)
{
    static const char text[] =
        "# rules\n"
        "\n"
        "[inject-error]\r\n"
        "  event = \"read_aio\"  # a word\r\n"
        "errno =\"28\"\n"
        "once = \"on\"\n"
        "[set-state \"next\"]\n"
        "event = \"read_aio\"\n"
        "state = \"1\"\n"
        "new_state = \"2\"\n"
        "[inject-error]\n"
        "event = \"read_aio\"\n"
        "state = \"2\"\n"
        "errno = \"1\"";
    BlockBackend *blk = open_config(text, &error_abort);

    g_assert_cmpint(do_read(blk), ==, -ENOSPC);
    g_assert_cmpint(do_read(blk), ==, -EPERM);
    blk_unref(blk);
}

static const char *const bad_files[][2] = {
    { "[inject-error]\nevent = \"read_aio\"\nerrno = 28\n",
      "Parameter 'errno' expects a number" },
    { "[inject-error]\nevent = read_aio\n", "invalid parameter value: " },
    { "[inject-error]\nevent\n", "invalid parameter value: " },
    { "[inject-error]\nevent=\"read_aio\"\n",
      "Invalid parameter 'event=\"read_aio\"'" },
    { "[inject-error]\n", "Missing event name for rule" },
    { "[inject-error]\nfoo = \"1\"\n", "Invalid parameter 'foo'" },
    { "[inject-error \"x\"]\nevent = \"none\"\n[inject-error \"x\"]\n",
      "Duplicate ID 'x' for inject-error" },
    { "[foo]\n", "There is no option group 'foo'" },
    { "[inject-error\n", "Missing event name for rule" },
    { "event = \"none\"\n", "no group defined" },
    { " [inject-error]\n", "no group defined" },
    { "[inject-error]\n  \n", "parse error" },
};

static void test_bad_config(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
        Error *err = NULL;

        g_assert_null(open_config(bad_files[i][0], &err));
        g_assert_cmpstr(error_get_pretty(err), ==, bad_files[i][1]);
        error_free(err);
    }
}

/* ---- names -------------------------------------------------------------- */

static void assert_bad_name(const char *name, const char *message)
{
    Error *err = NULL;

    g_assert_null(blk_new_open(name, NULL, NULL, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

static void test_names(void)
{
    g_autofree char *name = g_strdup_printf("blkdebug:%s:mem:disk",
                                            config_path);
    BlockBackend *blk;

    make_disk();
    g_assert_true(g_file_set_contents(config_path, "[inject-error]\n"
                                      "event = \"read_aio\"\n", -1, NULL));
    blk = blk_new_open(name, NULL, NULL, 0, &error_abort);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "raw");
    g_assert_cmpint(blk_getlength(blk), ==, DISK_SIZE);
    g_assert_cmpint(do_read(blk), ==, -EIO);
    g_assert_cmpint(bdrv_get_allocated_file_size(
                        bdrv_file_bs(blk_bs(blk))), ==, -ENOTSUP);
    blk_unref(blk);

    assert_bad_name("blkdebug:x", "blkdebug requires both config file and "
                    "image path");
    assert_bad_name("json:{'driver': 'blkdebug'}", "A block device must be "
                    "specified for \"image\"");
}

/* The name of blkdebug with @more over mem:disk is @expected. */
static void assert_described(const char *more, const char *expected)
{
    BlockBackend *blk = debug(more);
    BlockDriverState *bs = bdrv_file_bs(blk_bs(blk));

    g_assert_cmpstr(bdrv_get_filename(bs), ==, expected);
    blk_unref(blk);
}

static void test_describe(void)
{
    assert_described("'align': 512, 'inject-error': [{'event': 'read_aio', "
                     "'once': true, 'skip': 3}]",
                     "json:{\"driver\": \"blkdebug\", \"align\": 512, "
                     "\"inject-error.0.event\": \"read_aio\", "
                     "\"inject-error.0.once\": true, "
                     "\"inject-error.0.skip\": 3, "
                     "\"image\": {\"driver\": \"mem\", \"disk\": "
                     "\"disk\"}}");
    assert_described("", "blkdebug::mem:disk");
    assert_described("'inject-error.event': 'none'",
                     "json:{\"driver\": \"blkdebug\", "
                     "\"inject-error.event\": \"none\", "
                     "\"image\": {\"driver\": \"mem\", \"disk\": "
                     "\"disk\"}}");
}

int main(int argc, char **argv)
{
    int fd, ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    fd = g_file_open_tmp("blkdebug.XXXXXX", &config_path, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);

    g_test_add_func("/blkdebug/iotypes", test_iotypes);
    g_test_add_func("/blkdebug/default-iotypes", test_default_iotypes);
    g_test_add_func("/blkdebug/not-done", test_not_done);
    g_test_add_func("/blkdebug/sector", test_sector);
    g_test_add_func("/blkdebug/once", test_once);
    g_test_add_func("/blkdebug/skip", test_skip);
    g_test_add_func("/blkdebug/immediately", test_immediately);
    g_test_add_func("/blkdebug/event", test_event);
    g_test_add_func("/blkdebug/state", test_state);
    g_test_add_func("/blkdebug/raised", test_raised);
    g_test_add_func("/blkdebug/bad-options", test_bad_options);
    g_test_add_func("/blkdebug/limits", test_limits);
    g_test_add_func("/blkdebug/config", test_config);
    g_test_add_func("/blkdebug/bad-config", test_bad_config);
    g_test_add_func("/blkdebug/names", test_names);
    g_test_add_func("/blkdebug/describe", test_describe);
    ret = g_test_run();
    mem_disk_free(mem_disk_find("disk"));
    unlink(config_path);
    g_free(config_path);
    return ret;
}
