/* SPDX-License-Identifier: MIT */
/*
 * Test that requests allocate nothing in the steady state, over 400 requests
 * at a depth of 32.
 *
 * Until as many buffers, coroutines and threads exist as are in use at a time
 * some are allocated, and how many that is differs from run to run: which
 * requests meet depends on the kernel.  So one run of a few has to do without;
 * what allocates for each request or each flush does so in all of them.
 *
 * Skipped where a sanitizer has taken malloc() for itself.
 */
#include "qemu/osdep.h"

#include <glib/gstdio.h>

#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/option.h"
#include "sysemu/block-backend.h"
#include "../../tools/harness/memory.h"

#define DEPTH    32
#define REQUESTS 400
#define RUNS     20
#define SIZE     (8 << 20)

typedef enum Kind { KIND_READ, KIND_WRITE, KIND_ZERO, KIND_DISCARD } Kind;

typedef struct Load {
    BlockBackend *blk;
    Kind kind;
    int bytes;
    int shift;                     /* bytes from alignment */
    int todo;
    int running;
    int errors;
    uint8_t *buf;
} Load;

static int coroutine_fn one_request(Load *l, int n)
{
    int64_t offset = (int64_t)n % 1024 * 8192 % (SIZE - 65536) + l->shift;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, l->buf, l->bytes);

    switch (l->kind) {
    case KIND_READ:
        return blk_co_preadv(l->blk, offset, l->bytes, &qiov, 0);
    case KIND_WRITE:
        return blk_co_pwritev(l->blk, offset, l->bytes, &qiov, 0);
    case KIND_ZERO:
        return blk_co_pwrite_zeroes(l->blk, offset, l->bytes, 0);
    default:
        return blk_co_pdiscard(l->blk, offset, l->bytes);
    }
}

static void coroutine_fn load_entry(void *opaque)
{
    Load *l = opaque;

    while (l->todo > 0) {
        l->errors += one_request(l, l->todo--) < 0;
        if (l->todo % 200 == 0) {
            l->errors += blk_co_flush(l->blk) < 0;
        }
    }
    l->running--;
}

/* The number of allocations while @requests of them ran. */
static int run_load(Load *l, int requests)
{
    AioContext *ctx = qemu_get_current_aio_context();
    int before = memory_allocations();
    int i;

    l->todo = requests;
    l->running = DEPTH;
    for (i = 0; i < DEPTH; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(load_entry, l));
    }
    while (l->running) {
        aio_poll(ctx, true);
    }
    g_assert_cmpint(l->errors, ==, 0);
    return memory_allocations() - before;
}

static void check_load(BlockBackend *blk, Kind kind, int bytes, int shift)
{
    Load l = { .blk = blk, .kind = kind, .bytes = bytes, .shift = shift };
    int n = 1;

    l.buf = blk_try_blockalign(blk, bytes);
    memset(l.buf, 0x5a, bytes);
    for (int i = 0; i < RUNS && n; i++) {
        n = run_load(&l, REQUESTS);
    }
    qemu_vfree(l.buf);
    if (n) {
        g_test_message("kind %d, %d bytes, shift %d: %d", kind, bytes, shift,
                       n);
    }
    g_assert_cmpint(n, ==, 0);
}

static BlockBackend *open_disk(const char *driver, const char *path, int flags)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", driver);
    return blk_new_open(path, NULL, options,
                        BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP | flags,
                        &error_abort);
}

static char *make_file(void)
{
    char *path = g_strdup("/var/tmp/test-bdrv-alloc.XXXXXX");
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, SIZE), ==, 0);
    close(fd);
    return path;
}

static void check_all(BlockBackend *blk)
{
    check_load(blk, KIND_READ, 4096, 0);
    check_load(blk, KIND_READ, 1000, 3);
    check_load(blk, KIND_WRITE, 4096, 0);
    check_load(blk, KIND_WRITE, 1000, 3);
    check_load(blk, KIND_WRITE, 20000, 513);
    check_load(blk, KIND_ZERO, 4096, 0);
    check_load(blk, KIND_ZERO, 1000, 3);
    check_load(blk, KIND_DISCARD, 4096, 0);
}

static void test_raw(gconstpointer opaque)
{
    g_autofree char *path = make_file();
    BlockBackend *blk;

    if (!memory_counts()) {
        g_test_skip("malloc() is the sanitizer's");
        unlink(path);
        return;
    }
    blk = open_disk("raw", path, GPOINTER_TO_INT(opaque));
    check_all(blk);
    blk_unref(blk);
    unlink(path);
}

/* The blocks are allocated by a first pass over the disk. */
static void test_vpc(gconstpointer opaque)
{
    const char *params = opaque;
    g_autofree char *path = make_file();
    BlockDriver *drv = bdrv_find_format("vpc");
    QemuOptsList *list;
    QemuOpts *opts;
    BlockBackend *blk;

    if (!memory_counts()) {
        g_test_skip("malloc() is the sanitizer's");
        unlink(path);
        return;
    }
    list = qemu_opts_append(NULL, bdrv_driver_create_opts(drv));
    list = qemu_opts_append(
        list, bdrv_driver_create_opts(bdrv_find_format("file")));
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    g_assert_true(qemu_opts_do_parse(opts, params, NULL, &error_abort));
    g_assert_cmpint(bdrv_create(drv, path, opts, &error_abort), ==, 0);
    qemu_opts_del(opts);
    qemu_opts_free(list);

    blk = open_disk("vpc", path, 0);
    check_all(blk);
    blk_unref(blk);
    unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    if (bdrv_find_format("raw") && bdrv_find_format("file")) {
        g_test_add_data_func("/bdrv-alloc/raw-cached", GINT_TO_POINTER(0),
                             test_raw);
        g_test_add_data_func("/bdrv-alloc/raw-direct",
                             GINT_TO_POINTER(BDRV_O_NOCACHE), test_raw);
    }
    if (bdrv_find_format("vpc") && bdrv_find_format("file")) {
        g_test_add_data_func("/bdrv-alloc/vpc-fixed",
                             "subformat=fixed,force_size=on,size=8M",
                             test_vpc);
        g_test_add_data_func("/bdrv-alloc/vpc-dynamic",
                             "subformat=dynamic,force_size=on,size=8M",
                             test_vpc);
    }
    return g_test_run();
}
