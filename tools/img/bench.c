/* SPDX-License-Identifier: MIT */
/*
 * bench: measures how long a run of requests takes.
 *
 * Invariants:
 *   - Each of the requests in parallel is a coroutine, made before the clock
 *     starts.  They share one buffer, as those of qemu-img do: what is measured
 *     is the way to the image, not the memory behind it, and what is read is
 *     not looked at.
 *   - Requests begin in ascending order of their number; behind the end of the
 *     image they go on at its beginning.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qemu/cutils.h"
#include "qemu/timer.h"

#define BENCH_COUNT 75000
#define BENCH_DEPTH 64
#define BENCH_SIZE 4096

typedef struct BenchArgs {
    ImgOpen how;
    const char *cache;          /* NULL: the default */
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
    CoQueue queue;              /* of those who wait for a flush to be done */
    int running;
    int ret;                    /* the first error */
} Bench;

typedef struct BenchWorker {
    Bench *bench;
    QEMUIOVector qiov;
} BenchWorker;

static const char bench_help[] =
    "Sends requests of one size, one behind the other, and takes the time.\n"
    "\n"
    "  -c COUNT    number of requests (default: 75000)\n"
    "  -d DEPTH    requests in parallel (default: 64)\n"
    "  -w          write (default: read)\n"
    "  -s SIZE     bytes of a request (default: 4k)\n"
    "  -o OFFSET   where the first one begins (default: 0)\n"
    "  -S STEP     from one to the next (default: SIZE)\n"
    "  --pattern=N            the byte that is written (default: 0)\n"
    "  --flush-interval=N     flush after each N writes, with none in flight\n"
    "  --no-drain             flush while others are in flight\n"
    "  -f FMT      format of the image\n"
    "  -i AIO      threads, native or io_uring\n"
    "  -n          the same as -i native\n"
    "  -t CACHE    cache mode\n"
    "  -q          print nothing but errors and the result\n"
    "  -U          open the image although somebody writes to it\n"
    "  --image-opts  FILE is a list of options\n";

/* ---- requests ----------------------------------------------------------- */

static void fail(Bench *b, int ret)
{
    if (ret < 0 && b->ret == 0) {
        b->ret = ret;
    }
}

static int64_t next_offset(Bench *b)
{
    int64_t offset = b->offset;

    b->offset += b->args->step;
    if (b->length > 0) {
        b->offset %= b->length;
    }
    return offset;
}

static bool flush_is_due(const Bench *b)
{
    return b->args->flush_interval > 0 && b->left < b->flushed &&
           b->left % b->args->flush_interval == 0;
}

/* Flushes when nothing is in flight; else waits, and all is to be asked anew. */
static void coroutine_fn flush(Bench *b)
{
    int left = b->left;

    if (b->args->no_drain) {
        b->flushed = left;
        fail(b, blk_co_flush(b->blk));
        return;
    }
    if (b->in_flight > 0 || b->flushing) {
        qemu_co_queue_wait(&b->queue, NULL);
        return;
    }
    b->flushing = true;
    fail(b, blk_co_flush(b->blk));
    b->flushing = false;
    b->flushed = left;
    qemu_co_queue_restart_all(&b->queue);
}

/* Waits until a request may begin.  False: there is none, or an error. */
static bool coroutine_fn may_begin(Bench *b)
{
    while (b->left > 0 && b->ret == 0 && flush_is_due(b)) {
        flush(b);
    }
    return b->left > 0 && b->ret == 0;
}

static void coroutine_fn request(BenchWorker *w)
{
    Bench *b = w->bench;
    int64_t offset = next_offset(b);

    b->left--;
    b->in_flight++;
    fail(b, b->args->write
                ? blk_co_pwritev(b->blk, offset, b->args->size, &w->qiov, 0)
                : blk_co_preadv(b->blk, offset, b->args->size, &w->qiov, 0));
    b->in_flight--;
    if (b->in_flight == 0) {
        qemu_co_queue_restart_all(&b->queue);
    }
}

static void coroutine_fn work(void *opaque)
{
    BenchWorker *w = opaque;

    while (may_begin(w->bench)) {
        request(w);
    }
    w->bench->running--;
}

/* ---- the run ------------------------------------------------------------ */

/* Gives all workers one buffer, which the caller frees.  NULL: reported. */
static void *make_buffer(Bench *b, BenchWorker *workers, int n)
{
    const BenchArgs *args = b->args;
    void *buf = blk_try_blockalign(b->blk, args->size);
    int i;

    if (!buf) {
        error_report("Could not allocate the buffer");
        return NULL;
    }
    memset(buf, args->pattern, args->size);
    for (i = 0; i < n; i++) {
        workers[i].bench = b;
        qemu_iovec_init_buf(&workers[i].qiov, buf, args->size);
    }
    return buf;
}

/* Returns the time in nanoseconds. */
static int64_t run_workers(Bench *b, BenchWorker *workers, int n)
{
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    int i;

    b->running = n;
    for (i = 0; i < n; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(work, &workers[i]));
    }
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), b->running > 0);
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
}

static void print_plan(const BenchArgs *args)
{
    printf("Sending %d %s requests, %" PRId64 " bytes each, %d in parallel "
           "(starting at offset %" PRId64 ", step size %" PRId64 ")\n",
           args->count, args->write ? "write" : "read", args->size,
           args->depth, args->offset, args->step);
    if (args->flush_interval) {
        printf("Sending flush every %d requests\n", args->flush_interval);
    }
    fflush(stdout);
}

/* The image is open.  Reports. */
static bool bench_image(Bench *b)
{
    int n = MIN(b->args->depth, b->args->count);
    g_autofree BenchWorker *workers = g_new0(BenchWorker, n);
    void *buf;
    bool good;

    print_plan(b->args);
    buf = make_buffer(b, workers, n);
    good = buf != NULL;
    if (good) {
        int64_t ns = run_workers(b, workers, n);

        if (b->ret < 0) {
            error_report("Failed request: %s", strerror(-b->ret));
        }
        /* The time is that of the requests, as qemu-img's is. */
        good = b->ret == 0 && bdrv_flush_report(blk_bs(b->blk)) == 0;
        if (good) {
            printf("Run completed in %.3f seconds.\n", ns / 1e9);
        }
    }
    qemu_vfree(buf);
    return good;
}

static int bench(const BenchArgs *args, const char *filename)
{
    Bench b = {
        .args = args,
        .offset = args->offset,
        .left = args->count,
        .flushed = args->count,
    };
    bool good;

    b.blk = img_open(filename, &args->how);
    if (!b.blk) {
        return 1;
    }
    qemu_co_queue_init(&b.queue);
    b.length = blk_getlength(b.blk);
    good = b.length >= 0;
    if (good) {
        good = bench_image(&b);
    } else {
        error_report("Could not get the size of '%s': %s", filename,
                     strerror(-b.length));
    }
    blk_unref(b.blk);
    return good ? 0 : 1;
}

/* ---- the command line --------------------------------------------------- */

enum {
    OPT_FLUSH_INTERVAL = IMG_OPT_OWN,
    OPT_NO_DRAIN,
    OPT_PATTERN,
};

static const struct option long_options[] = {
    IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_FORCE_SHARE,
    { "flush-interval", required_argument, NULL, OPT_FLUSH_INTERVAL },
    { "no-drain", no_argument, NULL, OPT_NO_DRAIN },
    { "pattern", required_argument, NULL, OPT_PATTERN },
    IMG_LONG_END
};

/* A number of @min to @max, called @what in the message.  Reports. */
static bool read_number(const char *what, const char *text, int min, int max,
                        int *result)
{
    if (qemu_strtoi(text, NULL, 0, result) < 0 || *result < min ||
        *result > max) {
        error_report("Invalid %s specified", what);
        return false;
    }
    return true;
}

/* A size up to @max, called @what in the message.  Reports. */
static bool read_size(const char *what, const char *text, int64_t max,
                      int64_t *result)
{
    *result = img_parse_size_range(what, text, 0, max);
    return *result >= 0;
}

/* Reports. */
static bool read_aio(BenchArgs *args, const char *word)
{
    if (bdrv_parse_aio(word, &args->how.flags) < 0) {
        error_report("Invalid aio option: %s", word);
        return false;
    }
    return true;
}

/* Options without an argument. */
static void read_flag(BenchArgs *args, int c)
{
    switch (c) {
    case 'n':
        args->how.flags |= BDRV_O_NATIVE_AIO;
        break;
    case 'w':
        args->write = true;
        args->how.flags |= BDRV_O_RDWR;
        break;
    case 'U':
        args->how.force_share = true;
        break;
    case OPT_NO_DRAIN:
        args->no_drain = true;
        break;
    case IMG_OPT_IMAGE_OPTS:
        args->how.image_opts = true;
        break;
    }
}

/* Any option; reports. */
static bool read_option(BenchArgs *args, int c)
{
    switch (c) {
    case 'c':
        return read_number("request count", optarg, 0, INT_MAX, &args->count);
    case 'd':
        return read_number("queue depth", optarg, 1, INT_MAX, &args->depth);
    case 'f':
        args->how.format = optarg;
        return true;
    case 'i':
        return read_aio(args, optarg);
    case 'o':
        return read_size("offset", optarg, INT64_MAX, &args->offset);
    case 's':
        return read_size("buffer size", optarg, INT_MAX, &args->size);
    case 'S':
        return read_size("step_size", optarg, INT_MAX, &args->step);
    case 't':
        args->cache = optarg;
        return true;
    case OPT_FLUSH_INTERVAL:
        return read_number("flush interval", optarg, 0, INT_MAX,
                           &args->flush_interval);
    case OPT_PATTERN:
        return read_number("pattern byte", optarg, 0, 0xff, &args->pattern);
    default:
        read_flag(args, c);
        return true;
    }
}

/* Judges the options together; reports. */
static bool check_args(BenchArgs *args)
{
    if (!args->write && args->flush_interval) {
        error_report("--flush-interval is only available in write tests");
        return false;
    }
    if (args->flush_interval && args->flush_interval < args->depth) {
        error_report("Flush interval can't be smaller than depth");
        return false;
    }
    if (args->cache && bdrv_parse_cache_mode(args->cache, &args->how.flags,
                                             &args->how.writethrough) < 0) {
        error_report("Invalid cache mode");
        return false;
    }
    img_check_image_opts(&args->how);
    args->step = args->step ? args->step : args->size;
    return true;
}

static int bench_command(int argc, char **argv)
{
    BenchArgs args = {
        .count = BENCH_COUNT, .depth = BENCH_DEPTH, .size = BENCH_SIZE,
    };
    int c;

    while ((c = img_getopt(argc, argv, "c:d:f:i:no:qs:S:t:wU",
                           long_options)) != -1) {
        if (!read_option(&args, c)) {
            return 1;
        }
    }
    if (argc - optind != 1) {
        img_usage_error("Expecting one image file name");
    }
    return check_args(&args) ? bench(&args, argv[optind]) : 1;
}

const ImgCommand img_bench = {
    .name = "bench",
    .synopsis = "[-c COUNT] [-d DEPTH] [-f FMT] [-i AIO] [-n] [-o OFFSET] "
                "[-q] [-s SIZE] [-S STEP] [-t CACHE] [-w] [-U] [--image-opts] "
                "[--pattern=N] [--flush-interval=N] [--no-drain] FILE",
    .help = bench_help,
    .run = bench_command,
};
