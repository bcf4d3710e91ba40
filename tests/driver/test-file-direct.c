/* SPDX-License-Identifier: MIT */
/*
 * What O_DIRECT asks of offsets, lengths and memory, on devices as others have
 * them: the alignments that statx(2) reports are the test's, and so is the
 * engine, which refuses what older kernels refuse there.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/stat.h>
#include "block/aio.h"
#include "../image-files.h"
#include "util/loop/io-engine-int.h"
#include "vector-request.h"

/* ---- the device --------------------------------------------------------- */

static unsigned told_memory, told_offset;
static const IoEngineOps *real_ops;
static int refused, taken;
static int cached_fd;

#ifdef STATX_DIOALIGN
int statx(int fd, const char *path, int flags, unsigned mask, struct statx *out)
{
    memset(out, 0, sizeof(*out));
    out->stx_mask = STATX_DIOALIGN;
    out->stx_dio_mem_align = told_memory;
    out->stx_dio_offset_align = told_offset;
    return 0;
}
#endif

/*
 * As kernels before 6.18: each element is whole logical blocks.  What is right
 * is done through the page cache, since this machine may want more.
 */
static int64_t coroutine_fn strict_run(IoEngine *engine, IoOp *op)
{
    bool bad = op->offset % told_offset != 0;
    ssize_t ret;

    if (!op->file->direct ||
        (op->type != IO_OP_READ && op->type != IO_OP_WRITE)) {
        return real_ops->run(engine, op);
    }
    for (int i = 0; i < op->niov; i++) {
        bad |= (uintptr_t)op->iov[i].iov_base % told_memory != 0 ||
               op->iov[i].iov_len % told_offset != 0;
    }
    refused += bad;
    taken += !bad;
    if (bad) {
        return -EINVAL;
    }
    if (op->type == IO_OP_READ) {
        /* check-coroutines: off, an engine for tests */
        ret = preadv(cached_fd, op->iov, op->niov, op->offset);
    } else {
        /* check-coroutines: off, an engine for tests */
        ret = pwritev(cached_fd, op->iov, op->niov, op->offset);
    }
    return ret < 0 ? -errno : ret;
}

/* ---- vectors ------------------------------------------------------------ */

enum { LENGTH = 64 * KiB };

/* Elements of @buf that begin and end at multiples of @unit. */
static void split(QEMUIOVector *qiov, uint8_t *buf, int bytes, int unit)
{
    qemu_iovec_init(qiov, 8);
    while (bytes > 0) {
        int n = g_test_rand_int_range(1, 3 * 4096 / unit) * unit;

        n = MIN(n, bytes);
        qemu_iovec_add(qiov, buf, n);
        buf += n;
        bytes -= n;
    }
}

static void do_request(BlockBackend *blk, bool write, int64_t offset,
                       uint8_t *buf, int bytes, int unit)
{
    QEMUIOVector qiov;

    split(&qiov, buf, bytes, unit);
    g_assert_cmpint(vector_request(blk, write, offset, &qiov), ==, 0);
    qemu_iovec_destroy(&qiov);
}

static void test_vectors(gconstpointer aio)
{
    static const unsigned devices[][2] = {
        { 4, 512 }, { 512, 512 }, { 4, 4096 }, { 512, 4096 }, { 4096, 4096 },
    };
    g_autofree char *path = image_path("disk");
    g_autofree uint8_t *model = g_malloc0(LENGTH);
    uint8_t *buf = qemu_memalign(4096, LENGTH + 4096);

#ifndef STATX_DIOALIGN
    g_test_skip("no STATX_DIOALIGN here");
    return;
#endif
    if (!image_engine_available(aio)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        IoEngineOps ops = { .run = strict_run };
        BlockBackend *blk;
        IoEngine *engine;

        told_memory = devices[i][0];
        told_offset = devices[i][1];
        refused = taken = 0;
        g_assert_true(g_file_set_contents(path, (char *)model, LENGTH, NULL));
        blk = image_open("raw", path, aio, BDRV_O_RDWR | BDRV_O_NOCACHE, NULL);
        if (!blk) {
            g_test_skip("no O_DIRECT here");
            break;
        }
        cached_fd = open(path, O_RDWR);
        g_assert_cmpint(cached_fd, >=, 0);
        engine = aio_get_io_engine(blk_get_aio_context(blk),
                                   !strcmp(aio, "threads") ? IO_ENGINE_THREADS
                                                           : IO_ENGINE_IO_URING,
                                   &error_abort);
        real_ops = engine->ops;
        engine->ops = &ops;
        for (int round = 0; round < 300; round++) {
            int unit = 1 << g_test_rand_int_range(0, 13);
            int length = g_test_rand_int_range(1, LENGTH / unit) * unit;
            int64_t offset =
                g_test_rand_int_range(0, (LENGTH - length) / unit + 1) * unit;
            uint8_t *at = buf + g_test_rand_int_range(0, 4096 / unit) * unit;

            if (round % 2) {
                memset(at, round, length);
                memcpy(model + offset, at, length);
            }
            do_request(blk, round % 2, offset, at, length, unit);
            g_assert_cmpmem(at, length, model + offset, length);
        }
        engine->ops = real_ops;
        blk_unref(blk);
        close(cached_fd);
        g_assert_cmpint(refused, ==, 0);
        g_assert_cmpint(taken, >, 0);
    }
    qemu_vfree(buf);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    image_folder_begin();
    g_test_add_data_func("/file/direct/threads", "threads", test_vectors);
    g_test_add_data_func("/file/direct/io_uring", "io_uring", test_vectors);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
