/* SPDX-License-Identifier: MIT */
/*
 * Probing: heads, tails, what is raw, and what a guess may be used for.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "magics.h"
#include "mem-driver.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "sysemu/block-backend.h"

/* ---- drivers ------------------------------------------------------------ */

static int tails_asked;
static int last_tail_size;
static int64_t last_file_size;
static const char *last_filename;

static int any_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    return bs->file ? 0 : -EINVAL;
}

static int64_t any_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

static int raw_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return 1;
}

static int weak_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf[0] == 'H' ? 50 : 0;
}

/* Also reads the last byte that it is promised. */
static int strong_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    g_assert_cmpint(buf_size, ==, BLOCK_PROBE_BUF_SIZE);
    last_filename = filename;
    return buf[0] == 'H' && buf[511] == 'H' ? 100 : 0;
}

/* The end of a file is "TAIL" in its last 4 bytes, or 1 byte before. */
static int strong_probe_tail(const uint8_t *tail, int size, int64_t file_size)
{
    tails_asked++;
    last_tail_size = size;
    last_file_size = file_size;
    return size >= 4 && !memcmp(tail + size - 4, "TAIL", 4) ? 100 : 0;
}

/* What the rest of the file says: as bdrv_probe_confirm. */
static int confirmation = 1;

static int strong_confirm(BdrvChild *file, const uint8_t *tail, int size,
                          int64_t file_size, Error **errp)
{
    g_assert_cmpint(size, ==, MIN(512, file_size));
    g_assert_true(strong_probe_tail(tail, size, file_size));
    if (confirmation < 0) {
        error_setg(errp, "%s is cut", file->bs->filename);
    }
    return confirmation;
}

static int coroutine_fn any_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags)
{
    return bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
}

#define ANY_DRIVER                                                             \
    .bdrv_open = any_open, .bdrv_getlength = any_getlength,                    \
    .bdrv_co_preadv = any_preadv, .bdrv_child_perm = bdrv_filter_default_perms

static BlockDriver bdrv_fake_raw = {
    .format_name = "raw",
    .bdrv_probe = raw_probe,
    ANY_DRIVER,
};

static BlockDriver bdrv_weak = {
    .format_name = "weak",
    .bdrv_probe = weak_probe,
    ANY_DRIVER,
};

static BlockDriver bdrv_strong = {
    .format_name = "strong",
    .bdrv_probe = strong_probe,
    .bdrv_probe_tail = strong_probe_tail,
    .bdrv_probe_confirm = strong_confirm,
    ANY_DRIVER,
};

/* Bears the name of a format with a magic only in the test that says so. */
static BlockDriver bdrv_stand_in = {
    .format_name = "stand-in",
    ANY_DRIVER,
};

static MemFile *setup(int64_t size)
{
    tails_asked = 0;
    mem_reset();
    return mem_file("x", size);
}

/* The format that "x" is opened as by probing. */
static const char *probed_format(void)
{
    BlockDriverState *bs = bdrv_open("mem:x", NULL, NULL, 0, &error_abort);
    const char *name = bdrv_get_format_name(bs);

    g_assert_true(bs->probed);
    g_assert_cmpstr(qdict_get_str(bs->options, "driver"), ==, name);
    g_assert_false(qdict_haskey(bs->explicit_options, "driver"));
    bdrv_unref(bs);
    return name;
}

/* ---- scores ------------------------------------------------------------- */

static void test_scores(void)
{
    uint8_t buf[512] = { 0 };

    g_assert_true(bdrv_probe_all(buf, 512, NULL) == &bdrv_fake_raw);
    buf[0] = 'H';
    g_assert_true(bdrv_probe_all(buf, 512, NULL) == &bdrv_weak);
    buf[511] = 'H';
    g_assert_true(bdrv_probe_all(buf, 512, NULL) == &bdrv_strong);
    g_assert_null(last_filename);
    g_assert_true(bdrv_probe_all(buf, 512, "name") == &bdrv_strong);
    g_assert_cmpstr(last_filename, ==, "name");
}

static void test_heads(void)
{
    MemFile *f = setup(4096);

    g_assert_cmpstr(probed_format(), ==, "raw");
    f->data[0] = 'H';
    g_assert_cmpstr(probed_format(), ==, "weak");
    f->data[511] = 'H';
    g_assert_cmpstr(probed_format(), ==, "strong");
}

static void test_small_files(void)
{
    MemFile *f = setup(0);

    g_assert_cmpstr(probed_format(), ==, "raw");
    g_assert_cmpint(tails_asked, ==, 0);

    f = setup(3);
    g_assert_cmpstr(probed_format(), ==, "raw");
    g_assert_cmpint(tails_asked, ==, 1);
    g_assert_cmpint(last_tail_size, ==, 3);
    memcpy(f->data, "HHH", 3);
    g_assert_cmpstr(probed_format(), ==, "weak");
}

/* ---- tails -------------------------------------------------------------- */

static void test_tails(void)
{
    MemFile *f = setup(1536);

    memcpy(f->data + 1532, "TAIL", 4);
    g_assert_cmpstr(probed_format(), ==, "strong");
    g_assert_cmpint(last_tail_size, ==, 512);
    g_assert_cmpint(last_file_size, ==, 1536);

    /* A head that is surer than raw is not doubted. */
    tails_asked = 0;
    f->data[0] = 'H';
    g_assert_cmpstr(probed_format(), ==, "weak");
    g_assert_cmpint(tails_asked, ==, 0);

    /* The exact end of a file of odd length. */
    f = setup(1535);
    memcpy(f->data + 1531, "TAIL", 4);
    g_assert_cmpstr(probed_format(), ==, "strong");
    g_assert_cmpint(last_file_size, ==, 1535);
    g_assert_cmpint(last_tail_size, ==, 512);
}

static void test_tail_is_read_only(void)
{
    MemFile *f = setup(1024);
    Error *err = NULL;
    BlockDriverState *bs;
    QDict *d;

    memcpy(f->data + 1020, "TAIL", 4);
    g_assert_null(bdrv_open("mem:x", NULL, NULL, BDRV_O_RDWR, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Image format 'strong' was "
                    "recognised by the last sector only; specify the format "
                    "explicitly to open the image for writing");
    error_free_or_abort(&err);
    g_assert_cmpint(f->open_count, ==, 0);

    bs = bdrv_open("mem:x", NULL, NULL, BDRV_O_RDWR | BDRV_O_AUTO_RDONLY,
                   &error_abort);
    g_assert_true(bdrv_is_read_only(bs));
    bdrv_unref(bs);

    d = qdict_new();
    qdict_put_str(d, "driver", "strong");
    bs = bdrv_open("mem:x", NULL, d, BDRV_O_RDWR, &error_abort);
    g_assert_false(bdrv_is_read_only(bs));
    g_assert_false(bs->probed);
    bdrv_unref(bs);
}

/* The tail alone is not believed where the rest of the file contradicts it. */
static void test_tail_is_confirmed(void)
{
    MemFile *f = setup(1024);
    Error *err = NULL;

    memcpy(f->data + 1020, "TAIL", 4);
    confirmation = 0;
    g_assert_cmpstr(probed_format(), ==, "raw");
    confirmation = -EINVAL;
    g_assert_null(bdrv_open("mem:x", NULL, NULL, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "x is cut");
    error_free_or_abort(&err);
    confirmation = 1;
    g_assert_cmpstr(probed_format(), ==, "strong");
}

/* ---- images of formats without a driver --------------------------------- */

static MemFile *setup_magic(const Magic *m, int64_t size)
{
    MemFile *f = setup(size);

    memcpy(f->data + magic_offset(m, size), m->bytes, m->size);
    return f;
}

static void assert_refused(const char *format, int flags)
{
    g_autofree char *msg = g_strdup_printf(
        "'x' is a %s image; minblk handles raw, strong and weak; give -f raw to "
        "treat it as raw", format);
    Error *err = NULL;

    g_assert_null(bdrv_open("mem:x", NULL, NULL, flags, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, msg);
    error_free_or_abort(&err);
    g_assert_null(bdrv_next_node(NULL));
}

static void test_magics(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        MemFile *f = setup_magic(&magics[i], 4096);
        QDict *d = qdict_new();
        BlockDriverState *bs;

        assert_refused(magics[i].format, 0);
        assert_refused(magics[i].format, BDRV_O_RDWR);
        assert_refused(magics[i].format, BDRV_O_RDWR | BDRV_O_AUTO_RDONLY);
        g_assert_cmpint(f->open_count, ==, 0);
        qdict_put_str(d, "driver", "raw");
        bs = bdrv_open("mem:x", NULL, d, BDRV_O_RDWR, &error_abort);
        g_assert_false(bs->has_guard);
        bdrv_unref(bs);
    }
}

/* One byte off, or not all of it. */
static void test_no_magic(void)
{
    static const char *const texts[] = {
        "#", "version=4\n", "version=10\n", "version=1", " version=1\n",
        "\nversion=1\n", "# a\nb\nversion=1\n",
    };
    MemFile *f;

    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        f = setup(4096);
        memcpy(f->data + magic_offset(&magics[i], 4096) + 1, magics[i].bytes,
               magics[i].size);
        g_assert_cmpstr(probed_format(), ==, "raw");
    }
    f = setup(4096);
    memcpy(f->data, "koly", 4);
    g_assert_cmpstr(probed_format(), ==, "raw");
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        f = setup(4096);
        memset(f->data, '#', 512);
        memcpy(f->data, texts[i], strlen(texts[i]));
        g_assert_cmpstr(probed_format(), ==, "raw");
    }
}

static void test_magic_of_small_file(void)
{
    MemFile *f = setup(4);

    memcpy(f->data, "KDMV", 4);
    assert_refused("vmdk", 0);
    f = setup(511);
    memcpy(f->data, "koly", 4);
    g_assert_cmpstr(probed_format(), ==, "raw");
    f = setup(512);
    memcpy(f->data, "koly", 4);
    assert_refused("dmg", 0);
}

/* A driver opens the image that it finds: by the head, or by the tail. */
static void test_driver_before_magic(void)
{
    MemFile *f;

    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        f = setup_magic(&magics[i], 4096);
        memcpy(f->data + 4092, "TAIL", 4);
        g_assert_cmpstr(probed_format(), ==, "strong");
    }
    f = setup(4096);
    memcpy(f->data + 64, "\x7f\x10\xda\xbe", 4);
    f->data[0] = 'H';
    g_assert_cmpstr(probed_format(), ==, "weak");
}

static int stand_in_probe(const uint8_t *buf, int buf_size,
                          const char *filename)
{
    return buf[7] == 3 ? 100 : 0;
}

/* A driver of that name gets the image, whatever its probe says, if any. */
static void test_driver_of_that_name(void)
{
    MemFile *f = setup_magic(&magics[2], 4096);

    assert_refused("qcow2", 0);
    bdrv_stand_in.format_name = "qcow2";
    g_assert_cmpstr(probed_format(), ==, "qcow2");
    bdrv_stand_in.bdrv_probe = stand_in_probe;
    g_assert_cmpstr(probed_format(), ==, "qcow2");
    f->data[7] = 2;
    g_assert_cmpstr(probed_format(), ==, "qcow2");
    f->data[7] = 1;
    bdrv_stand_in.bdrv_probe = NULL;
    assert_refused("qcow", 0);
    /* A version 1 is not taken for the other format of that magic. */
    bdrv_stand_in.format_name = "qcow";
    g_assert_cmpstr(probed_format(), ==, "qcow");
    f->data[7] = 2;
    assert_refused("qcow2", 0);
    bdrv_stand_in.format_name = "stand-in";
}

static int stand_in_probe_tail(const uint8_t *tail, int size,
                               int64_t file_size)
{
    return 0;
}

/* At the end too, unless it has looked there itself; and it is a guess. */
static void test_driver_of_that_name_by_tail(void)
{
    MemFile *f = setup(4096);
    Error *err = NULL;

    memcpy(f->data + 4096 - 512, "koly", 4);
    bdrv_stand_in.format_name = "dmg";
    g_assert_cmpstr(probed_format(), ==, "dmg");
    g_assert_null(bdrv_open("mem:x", NULL, NULL, BDRV_O_RDWR, &err));
    error_free_or_abort(&err);
    bdrv_stand_in.bdrv_probe_tail = stand_in_probe_tail;
    g_assert_cmpstr(probed_format(), ==, "raw");
    bdrv_stand_in.bdrv_probe_tail = NULL;
    bdrv_stand_in.format_name = "stand-in";
}

/* ---- the guard ---------------------------------------------------------- */

static void test_guard_is_set(void)
{
    MemFile *f = setup(1024);
    BlockDriverState *bs;
    QDict *d = qdict_new();

    bs = bdrv_open("mem:x", NULL, NULL, 0, &error_abort);
    g_assert_true(bs->has_guard);
    bdrv_unref(bs);
    qdict_put_str(d, "driver", "raw");
    bs = bdrv_open("mem:x", NULL, d, 0, &error_abort);
    g_assert_false(bs->has_guard);
    bdrv_unref(bs);
    f->data[0] = 'H';
    bs = bdrv_open("mem:x", NULL, NULL, 0, &error_abort);
    g_assert_false(bs->has_guard);
    bdrv_unref(bs);
}

/* ---- failures ----------------------------------------------------------- */

static int coroutine_fn bad_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags)
{
    return -EIO;
}

static int bad_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    return 0;
}

static int64_t bad_getlength(BlockDriverState *bs)
{
    return 1024;
}

static BlockDriver bdrv_bad = {
    .format_name = "bad",
    .protocol_name = "bad",
    .bdrv_file_open = bad_open,
    .bdrv_getlength = bad_getlength,
    .bdrv_co_preadv = bad_preadv,
};

static void test_unreadable(void)
{
    QDict *d = qdict_new();
    Error *err = NULL;

    qdict_put_str(d, "file.driver", "bad");
    g_assert_null(bdrv_open(NULL, NULL, d, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Could not read image for "
                    "determining its format: Input/output error");
    error_free_or_abort(&err);
    g_assert_null(bdrv_next_node(NULL));
}

static void register_drivers(void)
{
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_bad);
    bdrv_register(&bdrv_fake_raw);
    bdrv_register(&bdrv_weak);
    bdrv_register(&bdrv_strong);
    bdrv_register(&bdrv_stand_in);
}
block_init(register_drivers)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/probe/scores", test_scores);
    g_test_add_func("/probe/heads", test_heads);
    g_test_add_func("/probe/small-files", test_small_files);
    g_test_add_func("/probe/tails", test_tails);
    g_test_add_func("/probe/tail-is-read-only", test_tail_is_read_only);
    g_test_add_func("/probe/tail-is-confirmed", test_tail_is_confirmed);
    g_test_add_func("/probe/magics", test_magics);
    g_test_add_func("/probe/no-magic", test_no_magic);
    g_test_add_func("/probe/magic-of-small-file", test_magic_of_small_file);
    g_test_add_func("/probe/driver-before-magic", test_driver_before_magic);
    g_test_add_func("/probe/driver-of-that-name", test_driver_of_that_name);
    g_test_add_func("/probe/driver-of-that-name-by-tail",
                    test_driver_of_that_name_by_tail);
    g_test_add_func("/probe/guard-is-set", test_guard_is_set);
    g_test_add_func("/probe/unreadable", test_unreadable);
    return g_test_run();
}
