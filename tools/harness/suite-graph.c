/* SPDX-License-Identifier: MIT */
/*
 * The graph suite: what a driver does to the graph around it.
 *
 * Invariants:
 *   - A property that counts (memory, mappings, nodes, descriptors) does the
 *     same thing often; what the first rounds take (pools, caches) is not
 *     counted.
 *   - What was in flight ends, with success, before close, reopen and the
 *     beginning of a drained section return.
 */
#include "harness.h"

#include "block/aio.h"
#include "qemu/cutils.h"

#define IMAGE_SIZE ((4 << 20) + 1536)

/* Requests in flight, and what each writes. */
#define REQUESTS 16
#define BYTES    5000           /* not aligned, so that requests are padded */

/* The opaque of the cases is the path of an image of --image, or NULL. */

/* For properties that need to write; skipped for images that are read-only. */
static BlockBackend *open_to_write(Case *c, const char *path,
                                   StackOptions *how)
{
    BlockDriverInfo bdi = { 0 };
    Error *err = NULL;
    BlockBackend *blk;

    case_image(c, how->disk, path, IMAGE_SIZE);
    how->flags = STACK_RDWR;
    blk = stack_open(c->h, how, &err);
    if (!blk && path) {
        case_skip(c, "the image is not writable: %s", error_get_pretty(err));
    } else if (!blk) {
        case_fail_err(c, err, NOT_OPENED);
    }
    if (bdrv_is_read_only(blk_bs(blk))) {
        case_skip(c, "the image is read-only");
    }
    if (blk_getlength(blk) < REQUESTS * BYTES) {
        case_skip(c, "the image is too short");
    }
    bdrv_get_info(blk_bs(blk), &bdi);
    if (bdi.needs_compressed_writes) {
        case_skip(c, COMPRESSED_ONLY);
    }
    return blk;
}

/* Nothing is open, so there must be no node. */
static void check_no_node(Case *c, const char *when)
{
    if (bdrv_next_node(NULL)) {
        case_fail(c, "the node '%s' is left%s",
                  bdrv_get_node_name(bdrv_next_node(NULL)), when);
    }
}

/* ---- requests in flight ------------------------------------------------- */

typedef struct Flight {
    BlockBackend *blk;
    unsigned begun;
    unsigned left;
    int ret;                    /* the first failure, or 0 */
    uint8_t buf[BYTES];
} Flight;

static void coroutine_fn flight_entry(void *opaque)
{
    Flight *f = opaque;
    int64_t offset = (int64_t)f->begun++ * BYTES;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, f->buf, BYTES);
    int ret = blk_co_pwritev(f->blk, offset, BYTES, &qiov, 0);

    if (ret < 0 && !f->ret) {
        f->ret = ret;
    }
    f->left--;
}

/* Writes @pattern to the first REQUESTS * BYTES bytes, not waiting. */
static void flight_start(Flight *f, BlockBackend *blk, uint8_t pattern)
{
    *f = (Flight) { .blk = blk, .left = REQUESTS };
    memset(f->buf, pattern, BYTES);
    for (unsigned i = 0; i < REQUESTS; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(flight_entry, f));
    }
}

/* All have ended, with success. */
static void flight_check(Case *c, const Flight *f, const char *when)
{
    if (f->left) {
        case_fail(c, "%u of %u requests were still in flight %s", f->left,
                  REQUESTS, when);
    }
    if (f->ret < 0) {
        case_fail(c, "a request in flight failed %s: %s", when,
                  strerror(-f->ret));
    }
}

/*
 * Checks that the data of flight_start() is there; the message of a failure has
 * @when.
 */
static void check_pattern(Case *c, BlockBackend *blk, uint8_t pattern,
                          const char *when)
{
    g_autofree uint8_t *buf = g_malloc0(REQUESTS * BYTES);
    int ret = blk_pread(blk, 0, buf, REQUESTS * BYTES);

    if (ret < 0) {
        case_fail(c, "the image could not be read %s: %s", when,
                  strerror(-ret));
    }
    for (int i = 0; i < REQUESTS * BYTES; i++) {
        if (buf[i] != pattern) {
            case_fail(c, "byte %d is 0x%02x %s, 0x%02x was written", i, buf[i],
                      when, pattern);
        }
    }
}

/* ---- close, drain, reopen ----------------------------------------------- */

static void test_close(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph", .delay_seed = 1 };
    BlockBackend *blk = open_to_write(c, opaque, &how);
    Flight f;

    for (int round = 1; round <= 5; round++) {
        /* The last reference goes with requests in flight, which must end. */
        flight_start(&f, blk, round);
        blk_unref(blk);
        flight_check(c, &f, "after the image was closed");
        check_no_node(c, " after closing");
        blk = case_open(c, &how, NOT_OPENED);
        check_pattern(c, blk, round, "after closing with requests in flight");
    }
    blk_unref(blk);
}

static void test_drain(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph", .delay_seed = 2 };
    BlockBackend *blk = open_to_write(c, opaque, &how);
    AioContext *ctx = blk_get_aio_context(blk);
    Flight before, during;

    for (int round = 0; round < 5; round++) {
        flight_start(&before, blk, 0x11 + round);
        bdrv_drained_begin(blk_bs(blk));
        flight_check(c, &before, "in the drained section");
        bdrv_drained_begin(blk_bs(blk));
        flight_start(&during, blk, 0x22 + round);
        /* Time for those that do not wait as they should. */
        for (int i = 0; i < 20; i++) {
            aio_poll(ctx, false);
        }
        if (during.left != REQUESTS) {
            case_fail(c, "%u requests ran in a drained section",
                      REQUESTS - during.left);
        }
        bdrv_drained_end(blk_bs(blk));
        bdrv_drained_end(blk_bs(blk));
        blk_drain(blk);
        flight_check(c, &during, "after the drained section");
        check_pattern(c, blk, 0x22 + round, "after the drained section");
    }
    blk_unref(blk);
}

/*
 * A failure fails the case with @what.  With @may_skip it is skipped instead,
 * because a driver need not support reopening; one that has done it once does.
 */
static void reopen(Case *c, BlockBackend *blk, bool read_only, bool may_skip,
                   const char *what)
{
    Error *err = NULL;

    if (bdrv_reopen_set_read_only(blk_bs(blk), read_only, &err) >= 0) {
        return;
    }
    if (may_skip) {
        case_skip(c, "%s", error_get_pretty(err));
    }
    case_fail_err(c, err, what);
}

static void test_reopen(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph", .delay_seed = 3 };
    BlockBackend *blk = open_to_write(c, opaque, &how);
    uint8_t byte = 0x77;
    Error *err = NULL;
    Flight f;

    for (int round = 1; round <= 3; round++) {
        flight_start(&f, blk, round);
        blk_drain(blk);
        flight_check(c, &f, "after draining");
        /* A user that writes keeps the node from becoming read-only. */
        if (blk_set_perm(blk, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL,
                         &err) < 0) {
            case_fail_err(c, err, "the permission to write could not be given "
                          "back");
        }
        reopen(c, blk, true, round == 1, "reopening read-only failed");
        if (blk_pwrite(blk, 0, &byte, 1, 0) >= 0) {
            case_fail(c, "a read-only image took a write");
        }
        check_pattern(c, blk, round, "when it is read-only");
        reopen(c, blk, false, false, "reopening read-write failed");
        if (blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE |
                         BLK_PERM_RESIZE, BLK_PERM_ALL & ~(BLK_PERM_WRITE |
                         BLK_PERM_RESIZE), &err) < 0) {
            case_fail_err(c, err, "the permission to write did not come back");
        }
        check_pattern(c, blk, round, "when it is read-write again");
    }
    blk_unref(blk);
}

/*
 * Reopening with requests in flight: options that change nothing, because a
 * user that writes would keep others from being taken.
 */
static void test_reopen_busy(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph", .delay_seed = 4 };
    BlockBackend *blk = open_to_write(c, opaque, &how);
    Flight f;

    for (int round = 1; round <= 3; round++) {
        flight_start(&f, blk, round);
        reopen(c, blk, false, round == 1, "reopening failed");
        blk_drain(blk);
        flight_check(c, &f, "after reopening");
        check_pattern(c, blk, round, "after reopening");
    }
    blk_unref(blk);
}

/* ---- permissions -------------------------------------------------------- */

/*
 * Another node of the driver over the same file.  Both would allocate the same
 * place in it, so the permissions of the child have to keep it out.
 */
static void test_two_writers(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph" };
    BlockBackend *blk = open_to_write(c, opaque, &how), *other;
    g_autofree char *disk = g_strdup_printf("%s-%s", STACK_DISK, how.disk);
    QDict *options = qdict_new();
    Error *err = NULL;

    qdict_put_str(options, "driver", c->h->driver);
    qdict_put_str(options, "file", disk);
    other = blk_new_open(NULL, NULL, options, STACK_RDWR, &err);
    if (other) {
        case_fail(c, "a second writer of the same file was let in");
    }
    if (!err) {
        case_fail(c, "a second writer was refused without a reason");
    }
    error_free(err);
    if (blk_pwrite(blk, 0, "x", 1, 0) < 0) {
        case_fail(c, "the first writer lost its permission");
    }
    blk_unref(blk);
}

/* The driver's child is the node that it was given, and goes with it. */
static void test_children(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph" };
    BlockBackend *blk;

    case_image(c, how.disk, opaque, IMAGE_SIZE);
    blk = case_open_to_read(c, &how, false);
    if (stack_node(&how, STACK_FORMAT) != blk_bs(blk)) {
        case_fail(c, "the node is not found by its name");
    }
    if (!stack_node(&how, STACK_DISK)) {
        case_fail(c, "the driver has let go of its file");
    }
    blk_unref(blk);
    check_no_node(c, " after closing");
}

/* ---- leaks -------------------------------------------------------------- */

typedef struct Resources {
    int64_t blocks;             /* of memory; these two are 0 where the */
    unsigned mappings;          /* allocator is not glibc's */
    unsigned descriptors;
} Resources;

static Resources count_resources(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    g_autofree char *maps = NULL;
    Resources r = { .blocks = memory_blocks() };

    /* Sanitizers and valgrind put off what is freed, and map more meanwhile. */
    if (memory_counts()) {
        g_file_get_contents("/proc/self/maps", &maps, NULL, NULL);
    }
    for (const char *p = maps; p && *p; p++) {
        r.mappings += *p == '\n';
    }
    while (dir && g_dir_read_name(dir)) {
        r.descriptors++;
    }
    return r;
}

/* Opens, reads a little, writes what is there already, closes. */
static void cycle_use(Case *c, const StackOptions *how)
{
    BlockBackend *blk = case_open(c, how, NOT_OPENED);
    int64_t length = blk_getlength(blk);
    uint8_t buf[BYTES];
    int bytes = MIN(BYTES, length);
    int64_t offset = MAX(0, length - BYTES);

    if (bytes > 0 && blk_pread(blk, offset, buf, bytes) >= 0 &&
        !bdrv_is_read_only(blk_bs(blk))) {
        blk_pwrite(blk, offset, buf, bytes, 0);
        blk_flush(blk);
    }
    if (c->h->can_check) {
        BdrvCheckResult result = { 0 };

        bdrv_check(blk_bs(blk), &result, 0);
    }
    blk_unref(blk);
}

/* Opens a file that was cut short, which most drivers refuse. */
static void cycle_refused(Case *c, const StackOptions *how)
{
    blk_unref(stack_open(c->h, how, NULL));
}

typedef void Cycle(Case *c, const StackOptions *how);

/* So many times, after so many that fill pools and are not counted. */
#define WARM_UP 16
#define ROUNDS  64

static void check_leaks(Case *c, const StackOptions *how, Cycle *cycle)
{
    MemDisk *first = mem_disk_copy(mem_disk_find(how->disk), "first");
    Resources before = { 0 }, after;

    for (int i = 0; i < WARM_UP + ROUNDS; i++) {
        /* Before anything of this round is allocated. */
        if (i == WARM_UP) {
            before = count_resources();
        }
        cycle(c, how);
        /* What was appended to the file, which is in memory, is not lost. */
        mem_disk_free(mem_disk_find(how->disk));
        mem_disk_copy(first, how->disk);
    }
    after = count_resources();
    mem_disk_free(first);
    check_no_node(c, "");
    /* A leak is one in each round; a pool may still grow by a few. */
    if (after.blocks > before.blocks + ROUNDS / 2) {
        case_fail(c, "%" PRId64 " blocks of memory were lost in %d rounds",
                  after.blocks - before.blocks, ROUNDS);
    }
    if (memory_lost()) {
        case_fail(c, "AddressSanitizer found a leak");
    }
    if (after.mappings > before.mappings + ROUNDS / 2) {
        case_fail(c, "%u mappings more after %d rounds: coroutines or large "
                  "memory were lost", after.mappings - before.mappings, ROUNDS);
    }
    if (after.descriptors > before.descriptors) {
        case_fail(c, "%u descriptors were lost in %d rounds",
                  after.descriptors - before.descriptors, ROUNDS);
    }
}

static void test_leaks(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph", .flags = STACK_RDWR };
    BlockBackend *blk;

    case_image(c, how.disk, opaque, IMAGE_SIZE);
    blk = stack_open(c->h, &how, NULL);
    /* A driver that cannot write can still lose something as it reads. */
    if (!blk) {
        how.flags = 0;
    }
    blk_unref(blk);
    check_leaks(c, &how, cycle_use);
}

static void test_leaks_refused(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "graph" };

    case_image(c, how.disk, opaque, IMAGE_SIZE);
    /* Each length lets another step of opening be the one that fails. */
    for (int sectors = 5; sectors >= 0; sectors--) {
        /* Another one each time: check_leaks() puts a copy in its place. */
        mem_disk_set_length(mem_disk_find(how.disk), sectors * 512);
        check_leaks(c, &how, cycle_refused);
    }
}

/* ---- the suite ---------------------------------------------------------- */

static const struct {
    CaseFn *fn;
    const char *what;
    unsigned depth;             /* 0: one */
} properties[] = {
    { test_children, "the children of an open image" },
    { test_two_writers, "a second writer is refused" },
    { test_drain, "a drained section with requests in flight", REQUESTS },
    { test_reopen, "read-only and back", REQUESTS },
    { test_reopen_busy, "reopening with requests in flight", REQUESTS },
    { test_close, "closing with requests in flight", REQUESTS },
    { test_leaks, "open, use and close lose nothing" },
    { test_leaks_refused, "opening what is cut short loses nothing" },
};

static void run_graph(Harness *h, const char *path, const char *suffix)
{
    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        harness_detail(h, (HarnessDetail) { .depth = properties[i].depth });
        harness_check(h, properties[i].fn, path, "%s%s", properties[i].what,
                      suffix);
    }
}

const HarnessSuite suite_graph = {
    .name = "graph",
    .what = "children, permissions, drain, reopen, close, leaks",
    .on_images = true,
    .run_image = run_graph,
};
