/* SPDX-License-Identifier: MIT */
/*
 * Random overlapping requests through whole stacks on a real file: each byte is
 * afterwards what one of its last writers put there, and nothing else changed.
 */
#include "qemu/osdep.h"

#include <glib/gstdio.h>

#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/option.h"
#include "sysemu/block-backend.h"

#define WRITERS 20
#define SPAN    (6 << 20)
#define ROUNDS  12

typedef struct Stack {
    const char *name;
    const char *driver;
    const char *create;            /* options of vpc, or NULL: a plain file */
    const char *aio;
    int flags;
} Stack;

typedef enum Kind { WRITE, WRITE_FUA, ZERO, UNMAP, DISCARD, READ, KINDS } Kind;

typedef struct Job {
    BlockBackend *blk;
    Kind kind;
    int64_t offset;
    int bytes;
    uint8_t fill;
    int *left;
} Job;

static int coroutine_fn run_job(const Job *j, uint8_t *data)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, j->bytes);

    switch (j->kind) {
    case WRITE:
    case WRITE_FUA:
        return blk_co_pwritev(j->blk, j->offset, j->bytes, &qiov,
                              j->kind == WRITE ? 0 : BDRV_REQ_FUA);
    case ZERO:
    case UNMAP:
        return blk_co_pwrite_zeroes(j->blk, j->offset, j->bytes,
                                    j->kind == ZERO ? 0 : BDRV_REQ_MAY_UNMAP);
    case DISCARD:
        return blk_co_pdiscard(j->blk, j->offset, j->bytes);
    default:
        return blk_co_preadv(j->blk, j->offset, j->bytes, &qiov, 0);
    }
}

static void coroutine_fn job_entry(void *opaque)
{
    Job *j = opaque;
    g_autofree uint8_t *data = g_malloc(j->bytes);

    memset(data, j->fill, j->bytes);
    g_assert_cmpint(run_job(j, data), ==, 0);
    if (j->kind == WRITE_FUA) {
        g_assert_cmpint(blk_co_flush(j->blk), ==, 0);
    }
    (*j->left)--;
}

static void start_jobs(BlockBackend *blk, Job *jobs, int64_t length)
{
    int left = WRITERS, i;

    for (i = 0; i < WRITERS; i++) {
        int64_t at = g_random_int_range(0, length);
        int64_t bytes = g_random_int_range(1, i % 4 ? 6000 : 300000);

        jobs[i] = (Job) {
            .blk = blk, .kind = g_random_int_range(0, KINDS), .left = &left,
            /* Often near the same places, and near the end. */
            .offset = i % 3 == 0 ? at % 20000 : i % 3 == 1 ? at
                                 : length - 1 - at % 9000,
        };
        jobs[i].bytes = MIN(bytes, length - jobs[i].offset);
        jobs[i].fill = jobs[i].kind <= WRITE_FUA ? i + 1 : 0;
        qemu_coroutine_enter(qemu_coroutine_create(job_entry, &jobs[i]));
    }
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
}

/* A discard may leave what was there before it, too: its old value counts. */
static void check_jobs(const uint8_t *before, const uint8_t *now,
                       const Job *jobs, int64_t length)
{
    g_autofree uint32_t *allowed = g_new0(uint32_t, length);
    int64_t i;
    int n;

    for (n = 0; n < WRITERS; n++) {
        uint32_t bit = jobs[n].kind == DISCARD ? 1u << 31 : 1u << jobs[n].fill;

        for (i = 0; jobs[n].kind != READ && i < jobs[n].bytes; i++) {
            allowed[jobs[n].offset + i] |= bit;
        }
    }
    for (i = 0; i < length; i++) {
        uint32_t others = allowed[i] & ~(1u << 31);
        bool discarded = allowed[i] >> 31;
        bool right = (!others && now[i] == before[i]) ||
                     (discarded && (now[i] == 0 || now[i] == before[i])) ||
                     (others && (others & (1u << now[i])));

        if (!right) {
            g_test_message("byte %" PRId64 ": %d was %d", i, now[i],
                           before[i]);
            g_assert_not_reached();
        }
    }
}

static void make_image(const Stack *s, const char *path)
{
    BlockDriver *drv = bdrv_find_format(s->driver);
    QemuOptsList *list;
    QemuOpts *opts;

    if (!s->create) {
        g_assert_cmpint(truncate(path, SPAN - 100), ==, 0);
        return;
    }
    list = qemu_opts_append(NULL, bdrv_driver_create_opts(drv));
    list = qemu_opts_append(
        list, bdrv_driver_create_opts(bdrv_find_format("file")));
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    g_assert_true(qemu_opts_do_parse(opts, s->create, NULL, &error_abort));
    g_assert_cmpint(bdrv_create(drv, path, opts, &error_abort), ==, 0);
    qemu_opts_del(opts);
    qemu_opts_free(list);
}

static BlockBackend *open_image(const Stack *s, const char *path, Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", s->driver);
    qdict_put_str(options, "file.driver", "file");
    qdict_put_str(options, "file.filename", path);
    qdict_put_str(options, "file.aio", s->aio);
    return blk_new_open(NULL, NULL, options,
                        BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP | s->flags,
                        errp);
}

static void read_all(BlockBackend *blk, uint8_t *buf, int64_t length)
{
    g_assert_cmpint(blk_pread(blk, 0, buf, length), ==, length);
}

static void test_stack(gconstpointer opaque)
{
    const Stack *s = opaque;
    g_autofree char *path = g_strdup("/var/tmp/test-blk-stress.XXXXXX");
    g_autofree uint8_t *before = NULL;
    g_autofree uint8_t *now = NULL;
    Error *err = NULL;
    BlockBackend *blk;
    Job jobs[WRITERS];
    int64_t length;
    int round;

    close(g_mkstemp(path));
    make_image(s, path);
    blk = open_image(s, path, &err);
    if (!blk) {
        g_test_skip(error_get_pretty(err));
        error_free(err);
        unlink(path);
        return;
    }
    length = blk_getlength(blk);
    before = g_malloc0(length);
    now = g_malloc(length);
    for (round = 0; round < ROUNDS; round++) {
        start_jobs(blk, jobs, length);
        read_all(blk, now, length);
        check_jobs(before, now, jobs, length);
        memcpy(before, now, length);
        if (round % 4 == 3) {
            /* The file has it, too. */
            blk_unref(blk);
            blk = open_image(s, path, &error_abort);
            read_all(blk, now, length);
            g_assert_cmpmem(now, length, before, length);
        }
    }
    blk_unref(blk);
    unlink(path);
}

static const Stack stacks[] = {
    { "raw-uring", "raw", NULL, "io_uring", 0 },
    { "raw-threads", "raw", NULL, "threads", 0 },
    { "raw-uring-direct", "raw", NULL, "io_uring", BDRV_O_NOCACHE },
    { "raw-threads-direct", "raw", NULL, "threads", BDRV_O_NOCACHE },
    { "vpc-dynamic", "vpc", "size=6M,force_size=on", "io_uring", 0 },
    { "vpc-dynamic-direct", "vpc", "size=6M,force_size=on", "threads",
      BDRV_O_NOCACHE },
    { "vpc-fixed-direct", "vpc", "size=6M,subformat=fixed,force_size=on",
      "io_uring", BDRV_O_NOCACHE },
};

int main(int argc, char **argv)
{
    size_t i;

    g_test_init(&argc, &argv, NULL);
    g_random_set_seed(g_test_rand_int());
    bdrv_init();
    for (i = 0; i < G_N_ELEMENTS(stacks); i++) {
        if (bdrv_find_format("file") && bdrv_find_format(stacks[i].driver)) {
            g_autofree char *name = g_strdup_printf("/blk-stress/%s",
                                                    stacks[i].name);

            g_test_add_data_func(name, &stacks[i], test_stack);
        }
    }
    return g_test_run();
}
