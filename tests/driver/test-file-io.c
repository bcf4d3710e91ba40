/* SPDX-License-Identifier: MIT */
/*
 * The file driver's requests, alone and under raw: bytes at any alignment,
 * buffered and direct, on the usual file system and on one with sectors of
 * 4 KiB, by both engines; against a model in memory.
 *
 * Invariant: after each request the file is looked at through a descriptor of
 * the test's own: contents and exact length.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "block/aio.h"
#include "../image-files.h"
#include "loop-device.h"
#include "qemu/iov.h"
#include "vector-request.h"

/* ---- one file and what it should be ------------------------------------- */

enum { MODEL_MAX = 256 * KiB };

typedef struct Disk {
    char *path;
    BlockBackend *blk;
    uint8_t *model;             /* MODEL_MAX bytes; zero behind `length` */
    int64_t length;             /* of the file, bytes */
} Disk;

/* How a disk is opened. */
typedef struct Way {
    const char *format;
    const char *aio;
    int flags;
} Way;

static const Way ways[] = {
    { "file", "threads", 0 },
    { "file", "io_uring", 0 },
    { "raw", "threads", BDRV_O_NOCACHE },
    { "raw", "io_uring", BDRV_O_NOCACHE },
    { "file", "threads", BDRV_O_NOCACHE },
};

static bool direct_works(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "direct", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Opens a new file of @length bytes; false: the test is skipped. */
static bool disk_begin(Disk *d, const char *folder, const Way *way,
                       int64_t length)
{
    g_autofree uint8_t *data = g_malloc(MAX(length, 1));

    if (!image_engine_available(way->aio)) {
        return false;
    }
    if ((way->flags & BDRV_O_NOCACHE) && !direct_works(folder)) {
        g_test_skip("no O_DIRECT here");
        return false;
    }
    d->path = g_build_filename(folder, "disk", NULL);
    d->model = g_malloc0(MODEL_MAX);
    d->length = length;
    for (int64_t i = 0; i < length; i++) {
        data[i] = d->model[i] = i % 251 + 1;
    }
    g_assert_true(g_file_set_contents(d->path, (char *)data, length, NULL));
    d->blk = image_open(way->format, d->path, way->aio,
                        way->flags | BDRV_O_RDWR | BDRV_O_RESIZE |
                        BDRV_O_UNMAP, &error_abort);
    blk_set_allow_write_beyond_eof(d->blk, true);
    return true;
}

static void disk_check(const Disk *d)
{
    g_autofree char *data = NULL;
    size_t length;

    g_assert_true(g_file_get_contents(d->path, &data, &length, NULL));
    g_assert_cmpint(length, ==, d->length);
    g_assert_true(!memcmp(data, d->model, length));
}

static void disk_end(Disk *d)
{
    blk_unref(d->blk);
    disk_check(d);
    unlink(d->path);
    g_free(d->path);
    g_free(d->model);
}

/* ---- requests with vectors ---------------------------------------------- */

/* A vector over @buf in pieces of random lengths, most of them odd. */
static void random_vector(QEMUIOVector *qiov, uint8_t *buf, size_t bytes,
                          GRand *rand)
{
    size_t longest = g_rand_boolean(rand) ? bytes : 1 + bytes / 5;

    qemu_iovec_init(qiov, 4);
    while (bytes) {
        size_t n = g_rand_int_range(rand, 1, longest + 2);

        n = MIN(n, bytes);
        qemu_iovec_add(qiov, buf, n);
        buf += n;
        bytes -= n;
    }
}

/* ---- anything, anywhere ------------------------------------------------- */

static void step_write(Disk *d, int64_t offset, size_t bytes, GRand *rand)
{
    g_autofree uint8_t *buf = g_malloc(bytes + 1);
    QEMUIOVector qiov;

    for (size_t i = 0; i < bytes; i++) {
        buf[i + 1] = d->model[offset + i] = 1 + g_rand_int_range(rand, 0, 255);
    }
    random_vector(&qiov, buf + 1, bytes, rand);
    g_assert_cmpint(vector_request(d->blk, true, offset, &qiov), ==, 0);
    qemu_iovec_destroy(&qiov);
    d->length = MAX(d->length, offset + (int64_t)bytes);
}

static void step_read(Disk *d, int64_t offset, size_t bytes, GRand *rand)
{
    g_autofree uint8_t *buf = g_malloc(bytes + 1);
    QEMUIOVector qiov;

    memset(buf, 0xee, bytes + 1);
    random_vector(&qiov, buf + 1, bytes, rand);
    g_assert_cmpint(vector_request(d->blk, false, offset, &qiov), ==, 0);
    qemu_iovec_destroy(&qiov);
    g_assert_true(!memcmp(buf + 1, d->model + offset, bytes));
}

static void step_zero(Disk *d, int64_t offset, size_t bytes, GRand *rand)
{
    BdrvRequestFlags flags = g_rand_boolean(rand) ? BDRV_REQ_MAY_UNMAP : 0;

    g_assert_cmpint(blk_pwrite_zeroes(d->blk, offset, bytes, flags), ==, 0);
    memset(d->model + offset, 0, bytes);
    d->length = MAX(d->length, offset + (int64_t)bytes);
}

static void step_discard(Disk *d, int64_t offset, size_t bytes)
{
    g_assert_cmpint(blk_pdiscard(d->blk, offset, bytes), ==, 0);
    memset(d->model + offset, 0, bytes);
}

static void step_truncate(Disk *d, int64_t length)
{
    g_assert_cmpint(blk_truncate(d->blk, length, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    memset(d->model + length, 0, MODEL_MAX - length);
    d->length = length;
}

static void random_step(Disk *d, GRand *rand)
{
    /* Around the end more often than not. */
    int64_t offset = g_rand_boolean(rand)
        ? g_rand_int_range(rand, 0, MODEL_MAX)
        : d->length + g_rand_int_range(rand, -9000, 9000);
    size_t bytes = g_rand_int_range(rand, 1, g_rand_boolean(rand) ? 70000 : 900);

    offset = CLAMP(offset, 0, MODEL_MAX - 1);
    if (g_rand_int_range(rand, 0, 4) == 0) {
        offset = QEMU_ALIGN_DOWN(offset, 512);
        bytes = ROUND_UP(bytes, 512);
    }
    bytes = MIN(bytes, (size_t)(MODEL_MAX - offset));
    switch (g_rand_int_range(rand, 0, 10)) {
    case 0 ... 3:
        step_write(d, offset, bytes, rand);
        break;
    case 4 ... 6:
        step_read(d, offset, bytes, rand);
        break;
    case 7:
        step_zero(d, offset, bytes, rand);
        break;
    case 8:
        step_discard(d, offset, bytes);
        break;
    default:
        step_truncate(d, offset / 2);
        break;
    }
}

static void run_random(const char *folder, const Way *way)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    static const int64_t lengths[] = { 0, 1, 100, 512, 4095, 4096, 100000 };

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        Disk d;

        if (!disk_begin(&d, folder, way, lengths[i])) {
            return;
        }
        for (int step = 0; step < 40; step++) {
            random_step(&d, rand);
            disk_check(&d);
        }
        disk_end(&d);
    }
}

static void test_random(gconstpointer way)
{
    run_random(image_folder, way);
}

static void test_random_4k(gconstpointer way)
{
    LoopFs fs;

    if (loop_fs_begin(&fs, 4096, 32 * MiB)) {
        run_random(fs.folder, way);
        loop_fs_end(&fs);
    }
}

/* ---- many at the end of a file ------------------------------------------ */

typedef struct Writer {
    Disk *d;
    int64_t offset;
    size_t bytes;
    uint8_t *buf;
    bool zero;
    BdrvRequestFlags flags;
    int *running;
    int ret;
} Writer;

static void coroutine_fn writer_entry(void *opaque)
{
    Writer *w = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, w->buf, w->bytes);

    if (w->zero) {
        w->ret = blk_co_pwrite_zeroes(w->d->blk, w->offset, w->bytes, w->flags);
    } else {
        w->ret = blk_co_pwritev(w->d->blk, w->offset, w->bytes, &qiov, 0);
    }
    (*w->running)--;
}

/*
 * Writers of ranges that do not overlap, in any order, all of which make the
 * file longer: it ends where the furthest ends, and nobody's bytes are lost.
 */
static void run_growth(const char *folder, const Way *way)
{
    enum { WRITERS = 24 };
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());

    for (int round = 0; round < 12; round++) {
        Writer writers[WRITERS];
        int running = WRITERS;
        int64_t at;
        Disk d;

        if (!disk_begin(&d, folder, way, g_rand_int_range(rand, 0, 3) * 50)) {
            return;
        }
        at = d.length;
        for (int i = 0; i < WRITERS; i++) {
            size_t bytes = g_rand_int_range(rand, 1, 6000);
            bool aligned = g_rand_int_range(rand, 0, 3) == 0;

            if (aligned) {
                at = ROUND_UP(at, 4096);
                bytes = ROUND_UP(bytes, 4096);
            }
            writers[i] = (Writer) {
                .d = &d,
                .offset = at,
                .bytes = bytes,
                .buf = g_malloc(bytes),
                .zero = g_rand_int_range(rand, 0, 3) == 0,
                .flags = g_rand_boolean(rand) ? BDRV_REQ_MAY_UNMAP : 0,
                .running = &running,
            };
            memset(writers[i].buf, i + 1, bytes);
            if (!writers[i].zero) {
                memset(d.model + at, i + 1, bytes);
            }
            at += bytes + (g_rand_boolean(rand) ? 0 : 300);
            d.length = writers[i].offset + bytes;
        }
        for (int i = WRITERS - 1; i > 0; i--) {
            int other = g_rand_int_range(rand, 0, i + 1);
            Writer swap = writers[i];

            writers[i] = writers[other];
            writers[other] = swap;
        }
        for (int i = 0; i < WRITERS; i++) {
            qemu_coroutine_enter(qemu_coroutine_create(writer_entry,
                                                       &writers[i]));
            if (g_rand_boolean(rand)) {
                aio_poll(blk_get_aio_context(d.blk), false);
            }
        }
        AIO_WAIT_WHILE(blk_get_aio_context(d.blk), running);
        for (int i = 0; i < WRITERS; i++) {
            g_assert_cmpint(writers[i].ret, ==, 0);
            g_free(writers[i].buf);
        }
        disk_check(&d);
        disk_end(&d);
    }
}

static void test_growth(gconstpointer way)
{
    run_growth(image_folder, way);
}

static void test_growth_4k(gconstpointer way)
{
    LoopFs fs;

    if (loop_fs_begin(&fs, 4096, 32 * MiB)) {
        run_growth(fs.folder, way);
        loop_fs_end(&fs);
    }
}

static unsigned truncate_delay;     /* microseconds */

int ftruncate(int fd, off_t length)
{
    unsigned delay = __atomic_load_n(&truncate_delay, __ATOMIC_RELAXED);

    if (delay) {
        g_usleep(delay);
    }
    return syscall(SYS_ftruncate, fd, length);
}

/*
 * While the padding of one write lies behind the end of the file, a write into
 * the same block and one behind it begin: neither cuts the other off.
 */
static void test_padding_4k(gconstpointer way)
{
    static const struct {
        int64_t offset;
        size_t bytes;
    } ranges[] = { { 100, 100 }, { 1000, 100 }, { 4096, 4096 }, { 300, 7 } };
    LoopFs fs;

    if (!loop_fs_begin(&fs, 4096, 32 * MiB)) {
        return;
    }
    for (int round = 0; round < 5; round++) {
        Writer writers[G_N_ELEMENTS(ranges)];
        int running = G_N_ELEMENTS(ranges);
        struct stat st = { 0 };
        Disk d;

        if (!disk_begin(&d, fs.folder, way, 50)) {
            break;
        }
        __atomic_store_n(&truncate_delay, 5000, __ATOMIC_RELAXED);
        for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
            writers[i] = (Writer) {
                .d = &d,
                .offset = ranges[i].offset,
                .bytes = ranges[i].bytes,
                .buf = g_malloc(ranges[i].bytes),
                .running = &running,
            };
            memset(writers[i].buf, i + 1, ranges[i].bytes);
            memset(d.model + ranges[i].offset, i + 1, ranges[i].bytes);
            qemu_coroutine_enter(qemu_coroutine_create(writer_entry,
                                                       &writers[i]));
            while (i == 0 && running == G_N_ELEMENTS(ranges) &&
                   st.st_size < 4096) {
                aio_poll(blk_get_aio_context(d.blk), false);
                g_assert_cmpint(stat(d.path, &st), ==, 0);
            }
        }
        AIO_WAIT_WHILE(blk_get_aio_context(d.blk), running);
        for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
            g_assert_cmpint(writers[i].ret, ==, 0);
            g_free(writers[i].buf);
        }
        __atomic_store_n(&truncate_delay, 0, __ATOMIC_RELAXED);
        d.length = 8192;
        disk_check(&d);
        disk_end(&d);
    }
    loop_fs_end(&fs);
}

/* ---- bounds and long vectors -------------------------------------------- */

static void test_end(gconstpointer way)
{
    uint8_t buf[2048];
    Disk d;

    if (!disk_begin(&d, image_folder, way, 1000)) {
        return;
    }
    blk_set_allow_write_beyond_eof(d.blk, false);
    g_assert_cmpint(blk_getlength(d.blk), ==, 1024);
    memset(buf, 0xee, sizeof(buf));
    g_assert_cmpint(blk_pread(d.blk, 990, buf, 34), ==, 34);
    g_assert_cmpmem(buf, 34, d.model + 990, 34);
    g_assert_cmpint(buf[34], ==, 0xee);
    g_assert_cmpint(blk_pread(d.blk, 1000, buf, 24), ==, 24);
    g_assert_cmpint(blk_pread(d.blk, 990, buf, 35), ==, -EIO);
    g_assert_cmpint(blk_pread(d.blk, 1024, buf, 1), ==, -EIO);
    g_assert_cmpint(blk_pwrite(d.blk, 1000, buf, 25, 0), ==, -EIO);
    g_assert_cmpint(blk_pwrite_zeroes(d.blk, 1000, 25, 0), ==, -EIO);
    g_assert_cmpint(blk_pdiscard(d.blk, 1000, 25), ==, -EIO);

    blk_set_allow_write_beyond_eof(d.blk, true);
    memset(buf, 0xee, sizeof(buf));
    g_assert_cmpint(blk_pread(d.blk, 999, buf, 2000), ==, 2000);
    g_assert_cmpmem(buf, 2000, d.model + 999, 2000);
    g_assert_cmpint(blk_pread(d.blk, INT64_MAX - 512, buf, 1024), ==, -EIO);
    g_assert_cmpint(blk_pread(d.blk, -1, buf, 1), ==, -EIO);
    disk_end(&d);
}

static bool short_read;

/* Once the kernel finds the end of the file where it is not any more. */
ssize_t preadv(int fd, const struct iovec *iov, int niov, off_t offset)
{
    if (__atomic_exchange_n(&short_read, false, __ATOMIC_RELAXED)) {
        return 512;
    }
    return syscall(SYS_preadv, fd, iov, niov, offset, 0);
}

static void test_short_read(void)
{
    static const Way way = { "file", "threads", BDRV_O_NOCACHE };
    uint8_t *buf;
    LoopFs fs;
    Disk d;

    if (!loop_fs_begin(&fs, 4096, 32 * MiB)) {
        return;
    }
    if (disk_begin(&d, fs.folder, &way, 16 * KiB)) {
        buf = blk_try_blockalign(d.blk, 8 * KiB);
        __atomic_store_n(&short_read, true, __ATOMIC_RELAXED);
        g_assert_cmpint(blk_pread(d.blk, 4096, buf, 8 * KiB), ==, 8 * KiB);
        g_assert_false(__atomic_load_n(&short_read, __ATOMIC_RELAXED));
        g_assert_cmpmem(buf, 8 * KiB, d.model + 4096, 8 * KiB);
        qemu_vfree(buf);
        disk_end(&d);
    }
    loop_fs_end(&fs);
}

static void test_long_vector(gconstpointer way)
{
    enum { ELEMENTS = 3 * IOV_MAX + 7 };
    g_autofree uint8_t *buf = g_malloc(ELEMENTS * 7);
    QEMUIOVector qiov;
    size_t at = 0;
    Disk d;

    if (!disk_begin(&d, image_folder, way, 100)) {
        return;
    }
    qemu_iovec_init(&qiov, ELEMENTS);
    for (int i = 0; i < ELEMENTS; i++) {
        qemu_iovec_add(&qiov, buf + at, 1 + i % 7);
        at += 1 + i % 7;
    }
    for (size_t i = 0; i < at; i++) {
        buf[i] = d.model[33 + i] = 1 + i % 253;
    }
    g_assert_cmpint(vector_request(d.blk, true, 33, &qiov), ==, 0);
    d.length = 33 + at;
    disk_check(&d);
    memset(buf, 0, at);
    g_assert_cmpint(vector_request(d.blk, false, 33, &qiov), ==, 0);
    g_assert_cmpmem(buf, at, d.model + 33, at);
    qemu_iovec_destroy(&qiov);
    disk_end(&d);
}

/* ---- zeroes and holes --------------------------------------------------- */

static int64_t blocks_of(const char *path)
{
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return (int64_t)st.st_blocks * 512;
}

static void test_holes(gconstpointer way)
{
    Disk d;

    if (!disk_begin(&d, image_folder, way, MODEL_MAX)) {
        return;
    }
    g_assert_cmpint(blk_flush(d.blk), ==, 0);
    g_assert_cmpint(blocks_of(d.path), ==, MODEL_MAX);

    step_discard(&d, 5, 2);
    step_discard(&d, 4095, 2);
    disk_check(&d);
    g_assert_cmpint(blocks_of(d.path), ==, MODEL_MAX);
    step_discard(&d, 4097, 2 * 4096);
    g_assert_cmpint(blocks_of(d.path), ==, MODEL_MAX - 4096);
    step_discard(&d, 64 * KiB, 64 * KiB);
    g_assert_cmpint(blocks_of(d.path), ==, MODEL_MAX - 68 * KiB);

    /* Zeroes that keep their space, then such that need not. */
    g_assert_cmpint(blk_pwrite_zeroes(d.blk, 128 * KiB, 64 * KiB, 0), ==, 0);
    memset(d.model + 128 * KiB, 0, 64 * KiB);
    g_assert_cmpint(blocks_of(d.path), ==, MODEL_MAX - 68 * KiB);
    g_assert_cmpint(blk_pwrite_zeroes(d.blk, 128 * KiB, 64 * KiB,
                                      BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(blocks_of(d.path), ==, MODEL_MAX - 132 * KiB);
    disk_end(&d);
}

/* Zeroes behind the end: as far as they reach, and space at their ends only. */
static void test_zero_growth(gconstpointer way)
{
    Disk d;

    if (!disk_begin(&d, image_folder, way, 4096)) {
        return;
    }
    for (int64_t offset = 8192; offset < 128 * KiB; offset += 16 * KiB + 1) {
        g_assert_cmpint(blk_pwrite_zeroes(d.blk, offset, 16 * KiB,
                                          BDRV_REQ_MAY_UNMAP), ==, 0);
        d.length = offset + 16 * KiB;
        disk_check(&d);
    }
    g_assert_cmpint(blocks_of(d.path), <=, 20 * 4096);
    disk_end(&d);
}

/* Without discard=unmap nothing is given back. */
static void test_no_unmap(void)
{
    g_autofree char *path = image_path("disk");
    g_autofree char *data = g_malloc(64 * KiB);
    g_autofree char *now = NULL;
    BlockBackend *blk;

    memset(data, 7, 64 * KiB);
    g_assert_true(g_file_set_contents(path, data, 64 * KiB, NULL));
    blk = image_open("raw", path, NULL, BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(blk_pdiscard(blk, 0, 64 * KiB), ==, 0);
    g_assert_true(g_file_get_contents(path, &now, NULL, NULL));
    g_assert_cmpmem(now, 64 * KiB, data, 64 * KiB);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 64 * KiB, BDRV_REQ_MAY_UNMAP),
                    ==, 0);
    g_assert_cmpint(blocks_of(path), ==, 64 * KiB);
    blk_unref(blk);
}

/* ---- main --------------------------------------------------------------- */

static void add(const char *name, GTestDataFunc func)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *path =
            g_strdup_printf("/file/%s/%s-%s-%s", name, ways[i].format,
                            ways[i].aio,
                            ways[i].flags ? "direct" : "buffered");

        g_test_add_data_func(path, &ways[i], func);
    }
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    image_folder_begin();
    add("random", test_random);
    add("random-4k", test_random_4k);
    add("growth", test_growth);
    add("growth-4k", test_growth_4k);
    add("padding-4k", test_padding_4k);
    add("end", test_end);
    add("long-vector", test_long_vector);
    add("holes", test_holes);
    add("zero-growth", test_zero_growth);
    g_test_add_func("/file/short-read", test_short_read);
    g_test_add_func("/file/no-unmap", test_no_unmap);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
