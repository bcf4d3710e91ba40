/* SPDX-License-Identifier: MIT */
/*
 * In the steady state a request allocates no memory on any floor: raw and vpc
 * over a file, both engines, reads and writes, whole sectors, odd bytes and
 * vectors that cross blocks.
 *
 * Each of the requests that are counted is a coroutine of its own, 32 of them
 * at a time.  Stacks, buffers and worker threads come into being as they are
 * needed at a time, which depends on how fast the engine is: so the same thousand
 * requests run until they have twice in a row allocated nothing, which one
 * allocation for any kind of request would never let happen.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include "../../tools/harness/memory.h"
#include "block/aio.h"
#include "../image-files.h"
#include "minblk/io-engine.h"
#include "qemu/iov.h"

/* ---- counting ----------------------------------------------------------- */

static void test_counting(void)
{
    /* Through pointers that the compiler cannot see through. */
    void *(*volatile do_malloc)(size_t) = malloc;
    void *(*volatile do_calloc)(size_t, size_t) = calloc;
    void *(*volatile do_realloc)(void *, size_t) = realloc;
    void *(*volatile do_aligned)(size_t, size_t) = aligned_alloc;
    int (*volatile do_posix)(void **, size_t, size_t) = posix_memalign;
    void *aligned = NULL;
    int before;

    if (!memory_counts()) {
        g_test_skip("the sanitizer has the allocator");
        return;
    }
    before = memory_allocations();
    free(do_malloc(1));
    free(do_calloc(1, 1));
    free(do_realloc(NULL, 1));
    free(do_aligned(4096, 4096));
    g_assert_cmpint(do_posix(&aligned, 4096, 1), ==, 0);
    free(aligned);
    g_assert_cmpint(memory_allocations(), ==, before + 5);
}

/* ---- all worker threads of the context ---------------------------------- */

#define WORKERS 16

static pthread_barrier_t barrier;
static int waiters;

static int64_t meet_others(void *opaque)
{
    pthread_barrier_wait(&barrier);
    return 0;
}

static void coroutine_fn worker_entry(void *opaque)
{
    io_engine_run(opaque, meet_others, NULL);
    waiters--;
}

static void start_workers(AioContext *ctx)
{
    IoEngine *engine = aio_get_io_engine(ctx, IO_ENGINE_THREADS, &error_abort);

    pthread_barrier_init(&barrier, NULL, WORKERS);
    waiters = WORKERS;
    for (int i = 0; i < WORKERS; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(worker_entry, engine));
    }
    AIO_WAIT_WHILE(ctx, waiters);
    pthread_barrier_destroy(&barrier);
}

/* ---- the requests ------------------------------------------------------- */

enum {
    DEPTH = 32,
    REQUESTS = 1000,
    ROUNDS = 20,
    IMAGE = 8 * MiB,
    LONGEST = 192 * KiB,
    ELEMENTS = 6,
};

typedef struct Kind {
    const char *format;
    const char *options;        /* of the creation */
    const char *aio;
    bool write;
} Kind;

typedef struct Run {
    const Kind *kind;
    BlockBackend *blk;
    int started;
    int finished;
    int errors;
    uint32_t seed;
    bool saturate;              /* all take a buffer and the engine */
} Run;

typedef struct Slot {
    Run *run;
    uint8_t *memory;
    bool busy;
} Slot;

static uint32_t next_random(Run *run)
{
    run->seed = run->seed * 1103515245 + 12345;
    return run->seed >> 8;
}

/* Whole sectors, odd bytes, one element or several, across blocks or not. */
static void choose_range(Run *run, int64_t *offset, unsigned int *bytes)
{
    static const unsigned int lengths[] = {
        512, 4096, 65536, LONGEST, 100, 4096 + 17, 1, 65536 + 511,
    };
    uint32_t n = next_random(run);
    int64_t limit;

    *bytes = run->saturate ? 65536 + 511 : lengths[n % G_N_ELEMENTS(lengths)];
    limit = IMAGE - *bytes;
    *offset = (int64_t)next_random(run) % limit;
    if (*bytes % 512 == 0 && (n & 0x100)) {
        *offset = QEMU_ALIGN_DOWN(*offset, 512);
    }
    if (n & 0x200) {
        /* The end of a VHD's block, four times in the image. */
        *offset = MIN((int64_t)(1 + (n >> 10) % 3) * 2 * MiB - *bytes / 2,
                      limit);
    }
}

static int set_vector(Run *run, Slot *slot, unsigned int bytes,
                      struct iovec *iov)
{
    unsigned int part = bytes / ELEMENTS;

    if (!part || (next_random(run) & 1)) {
        iov[0] = (struct iovec) { slot->memory, bytes };
        return 1;
    }
    for (int i = 0; i < ELEMENTS; i++) {
        iov[i].iov_base = slot->memory + i * part;
        iov[i].iov_len = i < ELEMENTS - 1 ? part : bytes - i * part;
    }
    return ELEMENTS;
}

static void coroutine_fn request_entry(void *opaque)
{
    Slot *slot = opaque;
    Run *run = slot->run;
    struct iovec iov[ELEMENTS];
    QEMUIOVector qiov;
    unsigned int bytes;
    int64_t offset;
    int ret;

    choose_range(run, &offset, &bytes);
    qemu_iovec_init_external(&qiov, iov, set_vector(run, slot, bytes, iov));
    if (run->kind->write) {
        ret = blk_co_pwritev(run->blk, offset, bytes, &qiov, 0);
    } else {
        ret = blk_co_preadv(run->blk, offset, bytes, &qiov, 0);
    }
    run->errors += ret != 0;
    run->finished++;
    slot->busy = false;
}

static void start_next(Run *run, Slot *slots)
{
    Slot *slot = slots;

    while (slot->busy) {
        slot++;
    }
    slot->busy = true;
    run->started++;
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, slot));
}

/* Runs all requests; returns how often memory was allocated meanwhile. */
static int run_requests(Run *run, Slot *slots)
{
    AioContext *ctx = blk_get_aio_context(run->blk);
    int before = memory_allocations();

    run->started = run->finished = 0;
    run->seed = 42;
    while (run->finished < REQUESTS) {
        int in_flight = run->started - run->finished;

        if (in_flight < DEPTH && run->started < REQUESTS) {
            start_next(run, slots);
        } else {
            aio_poll(ctx, true);
        }
    }
    return memory_allocations() - before;
}

/* Gives every block of the image data. */
static void fill_image(BlockBackend *blk)
{
    g_autofree uint8_t *buf = g_malloc(MiB);

    for (int i = 0; i < IMAGE / MiB; i++) {
        memset(buf, i + 1, MiB);
        g_assert_cmpint(blk_pwrite(blk, i * MiB, buf, MiB, 0), ==, MiB);
    }
    g_assert_cmpint(blk_flush(blk), ==, 0);
}

static void test_requests(gconstpointer opaque)
{
    const Kind *kind = opaque;
    g_autofree char *path = image_path("disk");
    Run run = { .kind = kind };
    Slot slots[DEPTH];
    int count = 0, free_rounds = 0;

    if (!image_engine_available(kind->aio)) {
        return;
    }
    g_assert_cmpint(image_create(kind->format, path, kind->options,
                                 &error_abort), ==, 0);
    run.blk = image_open(kind->format, path, kind->aio, BDRV_O_RDWR,
                         &error_abort);
    fill_image(run.blk);
    for (int i = 0; i < DEPTH; i++) {
        slots[i] = (Slot) { &run, g_malloc0(LONGEST), false };
    }

    start_workers(blk_get_aio_context(run.blk));
    run.saturate = true;
    run_requests(&run, slots);
    run.saturate = false;
    for (int i = 0; i < ROUNDS && free_rounds < 2; i++) {
        count = run_requests(&run, slots);
        free_rounds = count ? 0 : free_rounds + 1;
    }
    g_assert_cmpint(run.errors, ==, 0);
    g_assert_cmpint(count, ==, 0);
    g_assert_cmpint(free_rounds, ==, 2);

    for (int i = 0; i < DEPTH; i++) {
        g_free(slots[i].memory);
    }
    blk_unref(run.blk);
}

static void add_tests(const char *format, const char *name,
                      const char *options)
{
    static const char *const engines[] = { "threads", "io_uring" };

    if (!bdrv_find_format(format)) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        Kind *kind = g_new(Kind, 1);
        g_autofree char *path = NULL;

        *kind = (Kind) { format, options, engines[i / 2], i % 2 };
        path = g_strdup_printf("/alloc/%s/%s/%s", name, kind->aio,
                               kind->write ? "write" : "read");
        g_test_add_data_func_full(path, kind, test_requests, g_free);
    }
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    image_folder_begin();
    g_test_add_func("/alloc/counting", test_counting);
    add_tests("raw", "raw", "size=8M");
    add_tests("vpc", "vpc-dynamic", "size=8M,subformat=dynamic,force_size=on");
    add_tests("vpc", "vpc-fixed", "size=8M,subformat=fixed,force_size=on");
    ret = g_test_run();
    image_folder_end();
    return ret;
}
