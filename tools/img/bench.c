/* SPDX-License-Identifier: MIT */
/*
 * bench: measures how long a run of requests takes.
 *
 * Invariants:
 *   - Each of the requests in parallel is a coroutine.  They share one buffer,
 *     as those of qemu-img do, because what is measured is the way to the
 *     image, not memory; what is read is not looked at.
 *   - Requests begin in ascending order of their number; after the end of the
 *     image they go on at its beginning.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qemu/cutils.h"
#include "qemu/timer.h"
#include "workers.h"

#define BENCH_COUNT 75000
#define BENCH_DEPTH 64
#define BENCH_SIZE 4096

typedef struct BenchArgs {
    ImgOpen how;
    int count;
    int depth;
    int flush_interval;         /* requests; 0: never */
    int pattern;
    int64_t offset;             /* of the first request, bytes */
    int64_t size;               /* of a request, bytes */
    int64_t step;               /* between requests, bytes; 0: the size */
    bool write;
    bool no_drain;
} BenchArgs;

typedef struct Bench {
    const BenchArgs *args;
    BlockBackend *blk;
    int64_t length;             /* of the image, bytes */
    int64_t offset;             /* of the next request */
    int left;                   /* requests not begun yet */
    int in_flight;
    int flushed;                /* requests left at the last flush */
    bool flushing;
    CoQueue queue;              /* of requests that wait for a flush */
    int ret;                    /* the first error */
} Bench;

typedef struct BenchWorker {
    Bench *bench;
    QEMUIOVector qiov;
} BenchWorker;

/* ---- requests ----------------------------------------------------------- */

static void bench_fail(Bench *b, int ret)
{
    if (ret < 0 && b->ret == 0) {
        b->ret = ret;
    }
}

/*
 * Flushes when nothing is in flight; else waits, after which all is to be
 * checked anew, because another worker may have flushed or failed meanwhile.
 */
static void coroutine_fn bench_flush(Bench *b)
{
    int left = b->left;

    if (b->args->no_drain) {
        /* Before the flush, so that no other worker takes it for due. */
        b->flushed = left;
        bench_fail(b, blk_co_flush(b->blk));
        return;
    }
    if (b->in_flight > 0 || b->flushing) {
        qemu_co_queue_wait(&b->queue, NULL);
        return;
    }
    /* Meanwhile no other worker may flush, or begin a request. */
    b->flushing = true;
    bench_fail(b, blk_co_flush(b->blk));
    b->flushing = false;
    b->flushed = left;
    qemu_co_queue_restart_all(&b->queue);
}

static void coroutine_fn bench_work(void *opaque)
{
    BenchWorker *w = opaque;
    Bench *b = w->bench;
    const BenchArgs *args = b->args;

    while (b->left > 0 && b->ret == 0) {
        int64_t offset = b->offset;

        if (args->flush_interval > 0 && b->left < b->flushed &&
            b->left % args->flush_interval == 0) {
            bench_flush(b);
            continue;
        }
        b->offset += args->step;
        if (b->length > 0) {
            b->offset %= b->length;
        }
        b->left--;
        b->in_flight++;
        bench_fail(b, args->write
                   ? blk_co_pwritev(b->blk, offset, args->size, &w->qiov, 0)
                   : blk_co_preadv(b->blk, offset, args->size, &w->qiov, 0));
        b->in_flight--;
        if (b->in_flight == 0) {
            qemu_co_queue_restart_all(&b->queue);
        }
    }
}

/* ---- the run ------------------------------------------------------------ */

/* The image is open.  Reports. */
static bool bench_image(Bench *b)
{
    const BenchArgs *args = b->args;
    int n = MIN(args->depth, args->count);
    g_autofree BenchWorker *workers = g_new0(BenchWorker, n);
    void *buf = blk_try_blockalign(b->blk, args->size);
    int64_t start, ns;

    if (!buf) {
        error_report("Could not allocate the buffer");
        return false;
    }
    memset(buf, args->pattern, args->size);
    for (int i = 0; i < n; i++) {
        workers[i].bench = b;
        qemu_iovec_init_buf(&workers[i].qiov, buf, args->size);
    }
    start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    img_run_workers(bench_work, workers, sizeof(*workers), n);
    /* The time is that of the requests, as qemu-img's is: no flush is in it. */
    ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
    qemu_vfree(buf);
    if (b->ret < 0) {
        error_report("Failed request: %s", strerror(-b->ret));
        img_hint_file(bdrv_get_filename(blk_bs(b->blk)));
        return false;
    }
    if (bdrv_flush_report(blk_bs(b->blk)) < 0) {
        return false;
    }
    printf("Run completed in %.3f seconds.\n", ns / 1e9);
    return true;
}

static int bench(const BenchArgs *args, BlockBackend *blk, const char *filename)
{
    Bench b = {
        .args = args,
        .blk = blk,
        .length = blk_getlength(blk),
        .offset = args->offset,
        .left = args->count,
        .flushed = args->count,
    };

    if (b.length < 0) {
        error_report("Could not get the size of '%s': %s", filename,
                     strerror(-b.length));
        return 1;
    }
    qemu_co_queue_init(&b.queue);
    printf("Sending %d %s requests, %" PRId64 " bytes each, %d in parallel "
           "(starting at offset %" PRId64 ", step size %" PRId64 ")\n",
           args->count, args->write ? "write" : "read", args->size,
           args->depth, args->offset, args->step);
    if (args->flush_interval) {
        printf("Sending flush every %d requests\n", args->flush_interval);
    }
    fflush(stdout);
    return bench_image(&b) ? 0 : 1;
}

/* ---- the command line --------------------------------------------------- */

/* A number of min to max; bad usage when it is none. */
static bool bench_set_number(void *member, const CmdOption *option,
                             const char *text)
{
    int *n = member;

    if (qemu_strtoi(text, NULL, 0, n) < 0 || *n < option->min ||
        *n > option->max) {
        g_autofree char *hint =
            g_strdup_printf("Accepted values: %" PRId64 " to %" PRId64 "\n",
                            option->min, option->max);

        cmd_refuse(hint, "Invalid %s specified", option->what);
    }
    return true;
}

static const CmdOption bench_options[] = {
    { 'c', NULL, "COUNT", "number of requests (default: 75000)",
      bench_set_number, offsetof(BenchArgs, count), "request count",
      0, INT_MAX },
    { 'd', NULL, "DEPTH", "requests in parallel (default: 64)",
      bench_set_number, offsetof(BenchArgs, depth), "queue depth",
      1, INT_MAX },
    { 'w', NULL, NULL, "write (default: read)",
      cmd_set_true, offsetof(BenchArgs, write) },
    { 's', NULL, "SIZE", "bytes of a request (default: 4k)",
      img_set_size, offsetof(BenchArgs, size), "buffer size", 0, INT_MAX },
    { 'o', NULL, "OFFSET", "where the first one begins (default: 0)",
      img_set_size, offsetof(BenchArgs, offset), "offset" },
    { 'S', NULL, "STEP", "from one to the next (default: SIZE)",
      img_set_size, offsetof(BenchArgs, step), "step_size", 0, INT_MAX },
    { 0, "pattern", "N", "the byte that is written (default: 0)",
      bench_set_number, offsetof(BenchArgs, pattern), "pattern byte",
      0, 0xff },
    { 0, "flush-interval", "N",
      "flush after each N writes, with none in flight", bench_set_number,
      offsetof(BenchArgs, flush_interval), "flush interval", 0, INT_MAX },
    { 0, "no-drain", NULL, "flush while others are in flight",
      cmd_set_true, offsetof(BenchArgs, no_drain) },
    IMG_FORMAT(BenchArgs, how.format),
    { 'i', NULL, "AIO", "threads, native or io_uring",
      cmd_set_aio, offsetof(BenchArgs, how.flags) },
    { 'n', NULL, NULL, "the same as -i native", cmd_set_bits,
      offsetof(BenchArgs, how.flags), .max = BDRV_O_NATIVE_AIO },
    IMG_CACHE('t', BenchArgs, how),
    { 'q', NULL, NULL, "print nothing but errors and the result" },
    IMG_IMAGE_OPTS(BenchArgs, how.image_opts),
    IMG_FORCE_SHARE(BenchArgs, how.force_share),
    IMG_END
};

static int bench_command(int argc, char **argv)
{
    BenchArgs args = {
        .count = BENCH_COUNT, .depth = BENCH_DEPTH, .size = BENCH_SIZE,
    };
    g_autoptr(BlockBackend) blk = NULL;

    img_read_options(&args, argc, argv);
    /* First, so that its message comes before those about options. */
    img_read_image(argc, argv);
    img_fail_if(args.flush_interval && !args.write,
                "--flush-interval is only available in write tests");
    img_fail_if(args.flush_interval && args.flush_interval < args.depth,
                "Flush interval can't be smaller than depth");
    if (args.how.cache &&
        bdrv_parse_cache_mode(args.how.cache, &args.how.flags,
                              &args.how.writethrough) < 0) {
        cmdline_error(bdrv_hint_mode(BDRV_O_NOCACHE, args.how.cache),
                      "Invalid cache mode");
    }
    args.how.flags |= args.write ? BDRV_O_RDWR : 0;
    args.step = args.step ? args.step : args.size;
    blk = img_open_operand(&args.how, argc, argv);
    return bench(&args, blk, argv[optind]);
}

const ImgCommand img_bench = {
    .name = "bench",
    .operands = "FILE",
    .help =
        "Sends requests of one size one after the other, and takes the time.\n",
    .example = "-f raw -c 1000 disk.raw",
    .options = bench_options,
    .run = bench_command,
};
