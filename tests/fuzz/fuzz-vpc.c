/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the vpc driver: opens what it is given, reads, writes and checks it.
 *
 * Input: a list of operations, each a letter and its operands; other bytes are
 * skipped.  Those of vpc-image.h make the image, these use it:
 *
 *   R rule:8                          the rule for the size of the disk
 *   O flags:8                         open (again); bit 0: for writing
 *   r sector:32 odd:8 length:16       read
 *   w sector:32 odd:8 length:16 pattern:8
 *   z sector:32 odd:8 length:16 flags:8   write zeroes
 *   d sector:32 odd:8 length:16       discard
 *   f                                 flush
 *   p                                 the requests up to the next operation of
 *                                     another kind are in flight together
 *   s sector:32 length:16             block status
 *   c fix:8                           check
 *   i                                 what the driver says of the image
 *   k fix:8                           check of the closed image, opened for
 *                                     that; see vpc-repair.h
 *
 * Invariants, of any input:
 *   - An image that is refused, or that is not opened for writing, keeps each
 *     of its bytes.
 *   - What was written reads back, at once and from a new opening; the rest of
 *     the disk reads as before.
 *   - Block status is true: what is zero reads as zeroes, an offset points at
 *     the data.
 *   - An image that was opened for writing has no more corruptions afterwards
 *     than before, which is none but in a batmap or in blocks behind the end of
 *     the disk, and opens for writing again.
 */
#include "qemu/osdep.h"
#include "disk-model.h"
#include "fuzz.h"
#include "qapi/qmp/qdict.h"
#include "qemu/units.h"
#include "vpc-image.h"
#include "vpc-repair.h"

#define MAX_IN_FLIGHT 16
#define MAX_REQUESTS 64
#define MAX_CHECKED_BLOCKS (256 * 1024)
#define IMAGE_BUDGET (1 * MiB)
#define WRITE_BUDGET (4 * MiB)

typedef struct VpcFuzz {
    FuzzInput in;
    VpcImage image;
    const char *size_rule;      /* NULL: the driver's */
    int64_t budget;             /* bytes that may yet be written */
    unsigned requests;

    /* The image as it was made last; NULL: it has not been opened since. */
    MemDisk *origin;
    BlockBackend *before;
    DiskModel *model;
    bool written;               /* has been open for writing since */
    int corruptions;            /* that it had */

    BlockBackend *blk;          /* NULL: not open */
    bool writable;
    unsigned changes;           /* of the disk, when it was opened */
    int64_t length;

    bool parallel;
    GQueue in_flight;           /* VpcRequest */
} VpcFuzz;

typedef struct VpcRequest {
    VpcFuzz *f;
    char op;
    ModelWrite what;
    BdrvRequestFlags flags;
    int ret;
    bool done;
} VpcRequest;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_be_quiet();
    bdrv_init();
    return 0;
}

/* ---- requests ----------------------------------------------------------- */

static int coroutine_fn write_pattern(VpcRequest *r)
{
    g_autofree uint8_t *buf = g_malloc(MAX(r->what.bytes, 1));
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, r->what.bytes);

    disk_model_fill(r->what.pattern, r->what.offset, buf, r->what.bytes);
    return blk_co_pwritev(r->f->blk, r->what.offset, r->what.bytes, &qiov,
                          r->flags);
}

static void coroutine_fn request_entry(void *opaque)
{
    VpcRequest *r = opaque;

    switch (r->op) {
    case 'w':
        r->ret = write_pattern(r);
        break;
    case 'z':
        r->ret = blk_co_pwrite_zeroes(r->f->blk, r->what.offset,
                                      r->what.bytes, r->flags);
        break;
    case 'd':
        r->ret = blk_co_pdiscard(r->f->blk, r->what.offset, r->what.bytes);
        break;
    default:
        r->ret = blk_co_flush(r->f->blk);
        break;
    }
    r->done = true;
}

/* All requests are over, and the model knows of them. */
static void wait_for_all(VpcFuzz *f)
{
    VpcRequest *r;

    while ((r = g_queue_pop_head(&f->in_flight))) {
        AIO_WAIT_WHILE(qemu_get_current_aio_context(), !r->done);
        if (r->ret < 0) {
            r->what.kind = MODEL_UNKNOWN;
        }
        disk_model_add(f->model, &r->what);
        if (r->what.kind != MODEL_UNKNOWN) {
            disk_model_check(f->model, f->blk, r->what.offset,
                             MIN(r->what.bytes, 64 * KiB));
        }
        g_free(r);
    }
}

static bool overlaps(const ModelWrite *a, const ModelWrite *b)
{
    return a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static bool must_wait(VpcFuzz *f, const ModelWrite *what)
{
    if (!f->parallel || g_queue_get_length(&f->in_flight) >= MAX_IN_FLIGHT) {
        return true;
    }
    for (GList *item = f->in_flight.head; item; item = item->next) {
        if (overlaps(what, &((VpcRequest *)item->data)->what)) {
            return true;
        }
    }
    return false;
}

static void start_request(VpcFuzz *f, char op, const ModelWrite *what,
                          BdrvRequestFlags flags)
{
    VpcRequest *r;

    if (f->requests >= MAX_REQUESTS) {
        return;
    }
    f->requests++;
    if (must_wait(f, what)) {
        wait_for_all(f);
    }
    r = g_new0(VpcRequest, 1);
    *r = (VpcRequest) { .f = f, .op = op, .what = *what, .flags = flags };
    g_queue_push_tail(&f->in_flight, r);
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, r));
    if (!f->parallel) {
        wait_for_all(f);
    }
}

/* ---- opening and closing ------------------------------------------------ */

/* How often nodes have asked for a change of the disk. */
static unsigned changes(const MemDisk *disk)
{
    return mem_disk_count(disk, MEM_WRITE) + mem_disk_count(disk, MEM_ZERO) +
           mem_disk_count(disk, MEM_DISCARD) +
           mem_disk_count(disk, MEM_TRUNCATE);
}

static BlockBackend *open_disk(VpcFuzz *f, const char *disk, int flags,
                               Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "mem");
    qdict_put_str(options, "file.disk", disk);
    if (f->size_rule) {
        qdict_put_str(options, "force_size_calc", f->size_rule);
    }
    return blk_new_open(NULL, NULL, options, flags | BDRV_O_UNMAP, errp);
}

/* NULL when it is refused, which is nothing that changes it. */
static BlockBackend *try_open(VpcFuzz *f, const char *name, int flags)
{
    MemDisk *disk = mem_disk_find(name);
    int64_t length = mem_disk_length(disk);
    unsigned before = changes(disk);
    Error *err = NULL;
    BlockBackend *blk = open_disk(f, name, flags, &err);

    fuzz_check_outcome(blk, err);
    if (!blk) {
        g_assert_cmpuint(changes(disk), ==, before);
        g_assert_cmpint(mem_disk_length(disk), ==, length);
    }
    return blk;
}

/* A check looks at each block; those of a sparse table may take minutes. */
static bool is_checked_soon(BlockBackend *blk)
{
    BlockDriverInfo bdi = { 0 };

    bdrv_get_info(blk_bs(blk), &bdi);
    return !bdi.cluster_size ||
           blk_getlength(blk) / bdi.cluster_size < MAX_CHECKED_BLOCKS;
}

static void check_no_corruption(VpcFuzz *f, BdrvCheckMode fix)
{
    BdrvCheckResult result;
    int ret;

    if (!is_checked_soon(f->blk)) {
        return;
    }
    ret = bdrv_check(blk_bs(f->blk), &result, fix);
    if (f->writable) {
        g_assert_cmpint(ret, ==, 0);
        g_assert_cmpint(result.corruptions, <=, f->corruptions);
        g_assert_cmpint(result.check_errors, ==, 0);
    }
}

static void close_image(VpcFuzz *f)
{
    if (!f->blk) {
        return;
    }
    wait_for_all(f);
    if (f->writable) {
        disk_model_check_all(f->model, f->blk);
        check_no_corruption(f, 0);
    }
    blk_unref(f->blk);
    f->blk = NULL;
    if (!f->writable) {
        g_assert_cmpuint(changes(f->image.disk), ==, f->changes);
        g_assert_cmpint(mem_disk_length(f->image.disk), ==, f->length);
    }
}

/* The image as it is now is what later writes are compared with. */
static void remember(VpcFuzz *f)
{
    if (!f->origin) {
        f->origin = mem_disk_copy(f->image.disk, "origin");
        f->before = try_open(f, "origin", 0);
        f->model = disk_model_new(f->before);
        f->written = false;
        f->corruptions = 0;
        if (f->before && is_checked_soon(f->before)) {
            BdrvCheckResult result;

            bdrv_check(blk_bs(f->before), &result, 0);
            f->corruptions = result.corruptions;
        }
    }
}

static void forget(VpcFuzz *f)
{
    close_image(f);
    if (f->origin) {
        disk_model_free(f->model);
        blk_unref(f->before);
        mem_disk_free(f->origin);
        f->origin = NULL;
    }
}

static void open_image(VpcFuzz *f, bool for_writing)
{
    close_image(f);
    remember(f);
    f->changes = changes(f->image.disk);
    f->length = mem_disk_length(f->image.disk);
    f->writable = false;
    if (for_writing) {
        f->blk = try_open(f, "disk", BDRV_O_RDWR);
        f->writable = f->blk;
        g_assert_true(f->writable || !f->written);
        f->written = f->writable;
    }
    if (!f->blk) {
        f->blk = try_open(f, "disk", 0);
    }
    g_assert_true(!f->blk == !f->before);
    if (f->blk) {
        g_assert_cmpint(blk_getlength(f->blk), ==, blk_getlength(f->before));
        check_no_corruption(f, 0);
    }
}

/* ---- operations --------------------------------------------------------- */

/* Positions up to a little past the end of the disk. */
static void get_range(VpcFuzz *f, ModelWrite *what)
{
    int64_t sectors = blk_getlength(f->blk) / BDRV_SECTOR_SIZE;
    uint8_t odd;

    what->offset = input_32(&f->in) % (sectors + 2) * BDRV_SECTOR_SIZE;
    odd = input_8(&f->in);
    what->offset += odd * 2;
    what->bytes = input_16(&f->in) * 8 + odd % 8;
}

static bool is_inside(VpcFuzz *f, const ModelWrite *what)
{
    return what->offset + what->bytes <= blk_getlength(f->blk);
}

static void do_read(VpcFuzz *f)
{
    ModelWrite what;

    get_range(f, &what);
    if (is_inside(f, &what)) {
        disk_model_check(f->model, f->blk, what.offset, what.bytes);
    } else {
        uint8_t byte;

        g_assert_cmpint(blk_pread(f->blk, blk_getlength(f->blk), &byte, 1),
                        ==, -EIO);
    }
}

static void do_request(VpcFuzz *f, char op)
{
    static const BdrvRequestFlags zero_flags[] = {
        0, BDRV_REQ_MAY_UNMAP, BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK,
        BDRV_REQ_FUA,
    };
    ModelWrite what = { .kind = MODEL_UNKNOWN };
    BdrvRequestFlags flags = 0;

    if (op != 'f') {
        get_range(f, &what);
    }
    if (op == 'w') {
        what.kind = MODEL_PATTERN;
        what.pattern = input_8(&f->in);
    } else if (op == 'z') {
        what.kind = MODEL_ZERO;
        flags = zero_flags[input_8(&f->in) % G_N_ELEMENTS(zero_flags)];
    }
    if (f->writable && is_inside(f, &what) && what.bytes <= f->budget) {
        f->budget -= what.bytes;
        start_request(f, op, &what, flags);
    }
}

/* Is [@offset, +@bytes) as @status says, whose @map is that of @offset? */
static void check_status(VpcFuzz *f, int status, int64_t offset, int64_t map,
                         int64_t bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);
    g_autofree uint8_t *below = g_malloc(bytes);
    int ret = blk_pread(f->blk, offset, buf, bytes);

    if (ret < 0) {
        /* A bad block is data that are nowhere. */
        g_assert_cmpint(ret, ==, -EIO);
        g_assert_false(f->writable);
        g_assert_true(status & BDRV_BLOCK_DATA);
        g_assert_false(status & (BDRV_BLOCK_ZERO | BDRV_BLOCK_OFFSET_VALID));
        return;
    }
    g_assert_cmpint(ret, ==, bytes);
    if (status & BDRV_BLOCK_ZERO) {
        memset(below, 0, bytes);
        g_assert_cmpmem(buf, bytes, below, bytes);
    }
    if ((status & BDRV_BLOCK_DATA) && (status & BDRV_BLOCK_OFFSET_VALID)) {
        mem_disk_read(f->image.disk, map, below, bytes);
        g_assert_cmpmem(buf, bytes, below, bytes);
    }
}

static void do_status(VpcFuzz *f)
{
    int64_t length = blk_getlength(f->blk);
    int64_t offset = input_32(&f->in) % (length / BDRV_SECTOR_SIZE + 1) *
                     BDRV_SECTOR_SIZE;
    int64_t wanted = (input_16(&f->in) * 16 + 1) * BDRV_SECTOR_SIZE;
    int64_t bytes = MIN(wanted, length - offset);
    int64_t pnum, map = 0, look;
    int ret = bdrv_block_status(blk_bs(f->blk), offset, bytes, &pnum, &map,
                                NULL);

    if (ret < 0) {
        g_assert_false(f->writable);
        return;
    }
    g_assert_true(pnum <= bytes && (pnum > 0 || offset == length));
    look = MIN(pnum, 4 * KiB);
    check_status(f, ret, offset, map, look);
    check_status(f, ret, offset + pnum - look, map + pnum - look, look);
}

static void do_info(VpcFuzz *f)
{
    BlockDriverInfo bdi = { 0 };
    Error *err = NULL;

    qapi_free_ImageInfoSpecific(bdrv_get_specific_info(blk_bs(f->blk), &err));
    error_free(err);
    bdrv_get_info(blk_bs(f->blk), &bdi);
    g_assert_nonnull(bdrv_get_filename(blk_bs(f->blk)));
    bdrv_get_allocated_file_size(blk_bs(f->blk));
}

static void use_image(VpcFuzz *f, char op)
{
    switch (op) {
    case 'w':
    case 'z':
    case 'd':
    case 'f':
        do_request(f, op);
        return;
    case 'p':
        f->parallel = true;
        return;
    }

    wait_for_all(f);
    f->parallel = false;
    switch (op) {
    case 'r':
        do_read(f);
        break;
    case 's':
        do_status(f);
        break;
    case 'c':
        check_no_corruption(f, input_8(&f->in) &
                               (BDRV_FIX_LEAKS | BDRV_FIX_ERRORS));
        break;
    case 'i':
        do_info(f);
        break;
    }
}

static void run_operation(VpcFuzz *f, char op)
{
    static const char *const rules[] = { NULL, "chs", "current_size" };

    if (vpc_image_knows(op)) {
        forget(f);
        vpc_image_edit(&f->image, op, &f->in);
    } else if (op == 'R') {
        forget(f);
        f->size_rule = rules[input_8(&f->in) % G_N_ELEMENTS(rules)];
    } else if (op == 'O') {
        open_image(f, input_8(&f->in) & 1);
    } else if (op == 'k') {
        forget(f);
        vpc_repair_any(f->size_rule, input_8(&f->in) &
                       (BDRV_FIX_LEAKS | BDRV_FIX_ERRORS | BDRV_FIX_FORCE |
                        BDRV_FIX_DRY_RUN));
    } else if (f->blk) {
        use_image(f, op);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VpcFuzz f = {
        .in = { data, size },
        .image = { mem_disk_new("disk"), 0, IMAGE_BUDGET },
        .budget = WRITE_BUDGET,
    };

    while (f.in.left) {
        run_operation(&f, input_8(&f.in));
    }
    if (f.blk && f.writable) {
        open_image(&f, true);
        disk_model_check_all(f.model, f.blk);
    }
    forget(&f);
    mem_disk_free(f.image.disk);
    return 0;
}
