/* SPDX-License-Identifier: MIT */
/*
 * Threads share nothing: several of them, each with a context and a graph of
 * its own, open, write, read, flush and close images at the same time.  And a
 * process may fork before a context's first use.
 *
 * Run under ThreadSanitizer, this is the proof that no floor keeps state that
 * is the process's without a lock.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/wait.h>
#include "block/aio.h"
#include "../image-files.h"
#include "qemu/iov.h"

enum {
    IMAGE = 6 * MiB,
    SLOTS = 8,              /* coroutines of a thread */
    SLICE = IMAGE / SLOTS,  /* each has its own part of the image */
    LONGEST = 160 * KiB,
    ROUNDS = 24,            /* writes and reads of a coroutine */
};

/* ---- one coroutine's part of an image ----------------------------------- */

typedef struct Slot {
    BlockBackend *blk;
    int64_t start;
    uint8_t *model;         /* SLICE bytes */
    uint8_t *buf;           /* LONGEST bytes */
    uint32_t seed;
    int *running;
    bool failed;
} Slot;

static uint32_t next_random(Slot *slot)
{
    slot->seed = slot->seed * 1103515245 + 12345;
    return slot->seed >> 8;
}

static bool coroutine_fn write_and_read(Slot *slot, int round)
{
    unsigned int bytes = 1 + next_random(slot) % LONGEST;
    int64_t offset = next_random(slot) % (SLICE - bytes);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, slot->buf, bytes);

    memset(slot->buf, next_random(slot), bytes);
    memcpy(slot->model + offset, slot->buf, bytes);
    if (blk_co_pwritev(slot->blk, slot->start + offset, bytes, &qiov, 0)) {
        return false;
    }
    if (round % 8 == 7 && blk_co_flush(slot->blk)) {
        return false;
    }
    offset = next_random(slot) % (SLICE - bytes);
    return blk_co_preadv(slot->blk, slot->start + offset, bytes, &qiov,
                         0) == 0 &&
           !memcmp(slot->buf, slot->model + offset, bytes);
}

static void coroutine_fn slot_entry(void *opaque)
{
    Slot *slot = opaque;

    for (int i = 0; i < ROUNDS && !slot->failed; i++) {
        slot->failed = !write_and_read(slot, i);
    }
    (*slot->running)--;
}

/* ---- one thread's image ------------------------------------------------- */

typedef struct Job {
    const char *format;
    const char *options;
    const char *aio;
    char *path;
    uint32_t seed;
} Job;

static void run_slots(BlockBackend *blk, Slot *slots)
{
    int running = SLOTS;

    for (int i = 0; i < SLOTS; i++) {
        slots[i].blk = blk;
        slots[i].running = &running;
        qemu_coroutine_enter(qemu_coroutine_create(slot_entry, &slots[i]));
    }
    AIO_WAIT_WHILE(blk_get_aio_context(blk), running);
}

static void check_whole(BlockBackend *blk, const Slot *slots)
{
    g_autofree uint8_t *buf = g_malloc(SLICE);

    for (int i = 0; i < SLOTS; i++) {
        g_assert_false(slots[i].failed);
        g_assert_cmpint(blk_pread(blk, slots[i].start, buf, SLICE), ==, SLICE);
        g_assert_cmpmem(buf, SLICE, slots[i].model, SLICE);
    }
}

/* Creates an image and, twice, opens, changes, checks and closes it. */
static gpointer job_main(gpointer opaque)
{
    const Job *job = opaque;
    Slot slots[SLOTS] = { { 0 } };

    g_assert_cmpint(image_create(job->format, job->path, job->options,
                                 &error_abort), ==, 0);
    for (int i = 0; i < SLOTS; i++) {
        slots[i].start = i * SLICE;
        slots[i].model = g_malloc0(SLICE);
        slots[i].buf = g_malloc(LONGEST);
        slots[i].seed = job->seed + i;
    }
    for (int i = 0; i < 2; i++) {
        BlockBackend *blk = image_open(job->format, job->path, job->aio,
                                       BDRV_O_RDWR, &error_abort);

        run_slots(blk, slots);
        check_whole(blk, slots);
        blk_unref(blk);
    }
    for (int i = 0; i < SLOTS; i++) {
        g_free(slots[i].model);
        g_free(slots[i].buf);
    }
    /* The engines end in the thread that has run them. */
    qemu_set_current_aio_context(NULL);
    return NULL;
}

static void job_init(Job *job, int index, const char *aio)
{
    g_autofree char *name = g_strdup_printf("disk%d", index);
    bool vpc = index % 2 && bdrv_find_format("vpc");

    *job = (Job) {
        .format = vpc ? "vpc" : "raw",
        .options = vpc ? "size=6M,force_size=on" : "size=6M",
        .aio = aio,
        .path = image_path(name),
        .seed = index * 1000,
    };
}

static void test_threads(gconstpointer aio)
{
    enum { THREADS = 4 };
    Job jobs[THREADS];
    GThread *threads[THREADS];

    if (!image_engine_available(aio)) {
        return;
    }
    for (int i = 0; i < THREADS; i++) {
        job_init(&jobs[i], i, aio);
        threads[i] = g_thread_new("graph", job_main, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
        g_free(jobs[i].path);
    }
}

/* Opening and closing, which take the process's one lock, and nothing else. */
static gpointer open_and_close(gpointer opaque)
{
    const Job *job = opaque;

    for (int i = 0; i < 40; i++) {
        BlockBackend *blk = image_open(job->format, job->path, job->aio, 0,
                                       &error_abort);

        g_assert_cmpint(blk_getlength(blk), ==, IMAGE);
        g_assert_null(bdrv_find_node("of another thread"));
        blk_unref(blk);
    }
    qemu_set_current_aio_context(NULL);
    return NULL;
}

static void test_opening(void)
{
    enum { THREADS = 4 };
    Job jobs[2];
    GThread *threads[THREADS];

    for (int i = 0; i < 2; i++) {
        job_init(&jobs[i], i, "threads");
        g_assert_cmpint(image_create(jobs[i].format, jobs[i].path,
                                     jobs[i].options, &error_abort), ==, 0);
    }
    for (int i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("open", open_and_close, &jobs[i % 2]);
    }
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    g_free(jobs[0].path);
    g_free(jobs[1].path);
}

/* Two threads may give the same name to nodes of their own. */
static gpointer open_named(gpointer opaque)
{
    const Job *job = opaque;

    for (int i = 0; i < 20; i++) {
        QDict *options = image_options(job->format, job->path, NULL);
        BlockBackend *blk;

        qdict_put_str(options, "node-name", "disk");
        blk = blk_new_open(NULL, NULL, options, 0, &error_abort);
        g_assert(bdrv_find_node("disk") == blk_bs(blk));
        blk_unref(blk);
        g_assert_null(bdrv_find_node("disk"));
    }
    qemu_set_current_aio_context(NULL);
    return NULL;
}

static void test_names(void)
{
    GThread *other;
    Job job;

    job_init(&job, 0, NULL);
    g_assert_cmpint(image_create(job.format, job.path, job.options,
                                 &error_abort), ==, 0);
    other = g_thread_new("names", open_named, &job);
    open_named(&job);
    g_thread_join(other);
    g_free(job.path);
}

/* ---- forking ------------------------------------------------------------ */

/* The entries of a folder of /proc/self. */
static int count_entries(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    int count = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        count++;
    }
    g_dir_close(dir);
    return count;
}

/* In the child: does a graph work?  The exit status. */
static int use_images(int index)
{
    Job job;

    job_init(&job, index, NULL);
    job_main(&job);
    g_free(job.path);
    return 0;
}

static void test_fork(void)
{
    int descriptors = count_entries("/proc/self/fd");
    int tasks = count_entries("/proc/self/task");
    AioContext *ctx = qemu_get_current_aio_context();
    pid_t children[2];

    g_assert_nonnull(bdrv_find_format("raw"));
    g_assert_cmpint(count_entries("/proc/self/fd"), ==, descriptors);
    g_assert_cmpint(count_entries("/proc/self/task"), ==, tasks);
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        g_assert_cmpint(children[i], >=, 0);
        if (children[i] == 0) {
            _exit(use_images(i));
        }
    }
    /* The parent works beside its children with the context that they share. */
    g_assert(ctx == qemu_get_current_aio_context());
    use_images(2);
    for (int i = 0; i < 2; i++) {
        int status;

        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    image_folder_begin();
    /* First, since the others use this thread's context. */
    g_test_add_func("/threads/fork", test_fork);
    g_test_add_data_func("/threads/graphs/threads", "threads", test_threads);
    g_test_add_data_func("/threads/graphs/io_uring", "io_uring", test_threads);
    g_test_add_func("/threads/opening", test_opening);
    g_test_add_func("/threads/names", test_names);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
