/* SPDX-License-Identifier: MIT */
/*
 * The read suite: images that others have made, from the folder of --image.
 *
 * Invariants:
 *   - The images themselves are never opened by a driver: each case works on a
 *     copy in memory.
 *   - NAME.content, if there is one, is what the image NAME reads as.
 *   - An image that cannot be opened to be written to is only read.
 */
#include "run.h"
#include "shrink.h"

/* Longer images are not read wholly. */
#define MAX_LENGTH (256 << 20)

#define LIST_OPS   150
#define MAX_BYTES  (256 << 10)
#define SOME_READS 200

/* What is known of one image. */
typedef struct Image {
    const Harness *h;
    const char *path;
} Image;

static Run open_copy(Case *c, const Harness *h, const char *path, int flags)
{
    Run run = { .h = h, .c = c, .how = { .disk = "image", .flags = flags } };
    Error *err = NULL;

    if (!stack_load(run.how.disk, path, &err)) {
        case_fail_err(c, err, "no copy");
    }
    run_open(&run);
    if (blk_getlength(run.blk) < 0) {
        case_fail(c, "the length of the image is %" PRId64,
                  blk_getlength(run.blk));
    }
    return run;
}

static void close_copy(Run *run)
{
    run_close(run);
    run_finish(run);
}

static uint8_t *read_whole(Run *run)
{
    int64_t length = blk_getlength(run->blk);
    uint8_t *buf;
    int ret;

    if (length > MAX_LENGTH) {
        case_skip(run->c, "the image is %" PRId64 " bytes long", length);
    }
    buf = g_malloc(MAX(length, 1));
    ret = run_read(run->blk, 0, buf, length);
    if (ret < 0) {
        case_fail(run->c, "the image could not be read: %s", strerror(-ret));
    }
    return buf;
}

/* ---- what it holds ------------------------------------------------------ */

static void test_content(Case *c, void *opaque)
{
    const Image *image = opaque;
    g_autofree char *path = g_strconcat(image->path, ".content", NULL);
    g_autofree char *expected = NULL;
    g_autofree uint8_t *buf = NULL;
    gsize bytes;
    Run run;

    if (!g_file_get_contents(path, &expected, &bytes, NULL)) {
        case_skip(c, "there is no file that says what it holds");
    }
    run = open_copy(c, image->h, image->path, 0);
    buf = read_whole(&run);
    if (blk_getlength(run.blk) != (int64_t)bytes) {
        case_fail(c, "the image is %" PRId64 " bytes long, not %zu",
                  blk_getlength(run.blk), bytes);
    }
    for (gsize i = 0; i < bytes; i++) {
        if (buf[i] != (uint8_t)expected[i]) {
            case_fail(c, "byte %zu is 0x%02x, not 0x%02x", i, buf[i],
                      (uint8_t)expected[i]);
        }
    }
    close_copy(&run);
}

static void test_status(Case *c, void *opaque)
{
    const Image *image = opaque;
    Run run = open_copy(c, image->h, image->path, 0);

    if (blk_getlength(run.blk) > MAX_LENGTH) {
        case_skip(c, "the image is %" PRId64 " bytes long",
                  blk_getlength(run.blk));
    }
    run_verify_status(&run);
    close_copy(&run);
}

/* Any part reads as it does in the whole. */
static void test_reads(Case *c, void *opaque)
{
    const Image *image = opaque;
    Run run = open_copy(c, image->h, image->path, 0);
    int64_t length = blk_getlength(run.blk);
    g_autofree uint8_t *whole = read_whole(&run);
    Rng rng = { harness_seed(image->h, "read", 0) };

    for (unsigned i = 0; length && i < SOME_READS; i++) {
        int64_t at = rng_below(&rng, length);
        int64_t bytes = 1 + rng_below(&rng, MIN(length - at, MAX_BYTES));
        g_autofree uint8_t *buf = g_malloc(bytes);

        if (run_read(run.blk, at, buf, bytes) < 0) {
            case_fail(c, "%" PRId64 " bytes at %" PRId64 " cannot be read",
                      bytes, at);
        }
        if (memcmp(buf, whole + at, bytes)) {
            case_fail(c, "%" PRId64 " bytes at %" PRId64 " read otherwise than "
                      "in the whole", bytes, at);
        }
    }
    close_copy(&run);
}

/* ---- writing to it ------------------------------------------------------ */

/* Can it be written to, and how long is it?  Sends the length. */
static void learn_length(Case *c, void *opaque)
{
    const Image *image = opaque;
    StackOptions how = { .disk = "image", .flags = STACK_RDWR };
    Error *err = NULL;
    BlockBackend *blk;
    int64_t length;

    if (!stack_load(how.disk, image->path, &err)) {
        case_fail_err(c, err, "no copy");
    }
    blk = stack_open(image->h, &how, &err);
    if (!blk) {
        case_skip(c, "it cannot be written to: %s", error_get_pretty(err));
    }
    length = blk_getlength(blk);
    if (length < 512 || length > MAX_LENGTH) {
        case_skip(c, "the image is %" PRId64 " bytes long", length);
    }
    blk_unref(blk);
    mem_disk_free(mem_disk_find(how.disk));
    case_send(c, &length, sizeof(length));
}

/* What NAME.content says, where there is one of the right length. */
static uint8_t *known_content(Run *run, const char *image)
{
    g_autofree char *path = g_strconcat(image, ".content", NULL);
    g_autofree char *expected = NULL;
    uint8_t *whole = read_whole(run);
    gsize bytes;

    if (g_file_get_contents(path, &expected, &bytes, NULL) &&
        (int64_t)bytes == blk_getlength(run->blk)) {
        memcpy(whole, expected, bytes);
    }
    return whole;
}

static void test_writes(Case *c, void *opaque)
{
    const ListCase *list = opaque;
    Run run = open_copy(c, list->h, list->extra, STACK_RDWR);
    int64_t length = blk_getlength(run.blk);
    g_autofree uint8_t *whole = known_content(&run, list->extra);

    run.ops = list->ops;
    run.depth = list->depth;
    run.model = model_new(length, whole);
    run_ops(&run);
    run_verify(&run);
    run_verify_status(&run);
    run_close(&run);
    run.how.flags = 0;
    run_open(&run);
    run_verify(&run);
    close_copy(&run);
}

static void check_writes(Harness *h, const Image *image, const char *name)
{
    CaseJob job = { .fn = learn_length, .opaque = (void *)image };
    OpsPlan plan = {
        .seed = harness_seed(h, name, 1),
        .count = h->ops ? h->ops : LIST_OPS,
        .max_bytes = MAX_BYTES,
    };

    cases_run(h, &job, 1);
    if (job.status == CASE_PASS && job.data) {
        ListCase list = {
            .h = h, .depth = 4, .seed = plan.seed, .extra = image->path,
        };

        memcpy(&plan.length, job.data->data, sizeof(plan.length));
        list.length = plan.length;
        list.ops = ops_new(&plan);
        lists_check(h, test_writes, &list, 1, "%s keeps what is not written",
                    name);
        list_cases_clear(&list, 1);
    } else {
        harness_report(h, job.status, job.message,
                       "%s keeps what is not written", name);
    }
    case_job_clear(&job);
}

static void run_images(Harness *h)
{
    if (h->images->len == 0) {
        harness_report(h, CASE_SKIP, "there is no --image",
                       "images that others have made");
    }
    for (guint i = 0; i < h->images->len; i++) {
        Image image = { h, h->images->pdata[i] };
        g_autofree char *name = g_path_get_basename(image.path);

        harness_check(h, test_content, &image, "%s holds what it should",
                      name);
        harness_check(h, test_reads, &image, "%s reads the same in parts",
                      name);
        harness_check(h, test_status, &image, "%s has a true block status",
                      name);
        check_writes(h, &image, name);
    }
}

const HarnessSuite suite_read = {
    .name = "read",
    .what = "the images of --image, and writes to copies of them",
    .on_images = true,
    .run = run_images,
};
