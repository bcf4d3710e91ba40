/* SPDX-License-Identifier: MIT */
/*
 * The copier, over operations in memory that are slow, fail, or count.
 *
 * Invariants: a run is checked byte by byte against what it was copied from.
 */
#include "qemu/osdep.h"
#include "copier.h"
#include "qemu/timer.h"

#define MIB (1024 * 1024)

/* A source and a target in memory. */
typedef struct Fake {
    uint8_t *from, *to;
    int64_t size;
    int64_t hole_start, hole_end;   /* told as zero by status ... */
    bool hole_lost;                 /* ... or as lost */
    int64_t status_fails;           /* the sector at it; -1: none */
    int64_t read_fails, read_fails2;
    int64_t read_fails_bytes;       /* from read_fails on */
    int64_t write_fails;
    int64_t delay_ns;               /* of the first read */
    bool no_copy_range;

    int reads, writes, zeroes, copies;
    int writing, max_writing;
    int64_t last_write;
    bool unordered;
    int64_t cluster;                /* which writes must be whole, or 0 */
    int64_t longest;
    GString *warnings;
} Fake;

static bool covers(int64_t offset, int64_t bytes, int64_t at)
{
    return at >= offset && at < offset + bytes;
}

static int coroutine_fn fake_status(void *opaque, int64_t offset,
                                    int64_t bytes, int64_t *pnum,
                                    CopyKind *kind)
{
    Fake *f = opaque;
    int64_t end = offset + bytes;
    bool hole = covers(f->hole_start, f->hole_end - f->hole_start, offset);

    *kind = !hole ? COPY_DATA : f->hole_lost ? COPY_LOST : COPY_ZERO;
    if (hole) {
        end = MIN(end, f->hole_end);
    } else if (offset < f->hole_start) {
        end = MIN(end, f->hole_start);
    }
    if (f->status_fails >= 0 && covers(offset, end - offset, f->status_fails)) {
        return -EIO;
    }
    *pnum = end - offset;
    return 0;
}

static int coroutine_fn fake_read(void *opaque, int64_t offset, int bytes,
                                  void *buf)
{
    Fake *f = opaque;

    g_assert(offset >= 0 && bytes > 0 && offset + bytes <= f->size);
    f->reads++;
    f->longest = MAX(f->longest, bytes);
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, offset == 0 ? f->delay_ns : 0);
    if ((f->read_fails >= 0 && offset < f->read_fails + f->read_fails_bytes &&
         f->read_fails < offset + bytes) ||
        (f->hole_lost && offset < f->hole_end &&
         f->hole_start < offset + bytes) ||
        (f->read_fails2 >= 0 && covers(offset, bytes, f->read_fails2))) {
        return -EIO;
    }
    memcpy(buf, f->from + offset, bytes);
    return 0;
}

static void note_write(Fake *f, int64_t offset)
{
    f->unordered |= offset < f->last_write;
    f->last_write = offset;
    f->writing++;
    f->max_writing = MAX(f->max_writing, f->writing);
}

static int coroutine_fn fake_write(void *opaque, int64_t offset, int bytes,
                                   void *buf)
{
    Fake *f = opaque;

    g_assert(offset >= 0 && bytes > 0 && offset + bytes <= f->size);
    if (f->cluster) {
        g_assert_cmpint(offset % f->cluster, ==, 0);
        g_assert_cmpint(bytes, ==, MIN(f->cluster, f->size - offset));
    }
    f->writes++;
    note_write(f, offset);
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 0);
    f->writing--;
    if (f->write_fails >= 0 && covers(offset, bytes, f->write_fails)) {
        return -ENOSPC;
    }
    memcpy(f->to + offset, buf, bytes);
    return 0;
}

static int coroutine_fn fake_write_zeroes(void *opaque, int64_t offset,
                                          int64_t bytes)
{
    Fake *f = opaque;

    f->zeroes++;
    note_write(f, offset);
    f->writing--;
    memset(f->to + offset, 0, bytes);
    return 0;
}

static int coroutine_fn fake_copy_range(void *opaque, int64_t offset,
                                        int bytes)
{
    Fake *f = opaque;

    if (f->no_copy_range) {
        return -ENOTSUP;
    }
    f->copies++;
    memcpy(f->to + offset, f->from + offset, bytes);
    return 0;
}

static void fake_warn(void *opaque, const CopyLoss *loss)
{
    Fake *f = opaque;

    g_string_append_printf(f->warnings, "%s %" PRId64 "+%" PRId64 "%s%s\n",
                           loss->step == COPY_STATUS ? "status" : "read",
                           loss->offset, loss->bytes,
                           loss->known ? " known" : "",
                           loss->ret == -EIO ? "" : "?");
}

static const CopyOps fake_ops = {
    .status = fake_status,
    .read = fake_read,
    .write = fake_write,
    .write_zeroes = fake_write_zeroes,
    .copy_range = fake_copy_range,
    .warn = fake_warn,
};

/* A source of random bytes; a target of 0xaa, or of zeroes. */
static Fake *fake_new(int64_t size, bool target_zero)
{
    Fake *f = g_new0(Fake, 1);
    uint32_t seed = g_test_rand_int();
    int64_t i;

    /* g_malloc() of nothing is NULL. */
    f->from = g_malloc(size + 1);
    f->to = g_malloc(size + 1);
    f->size = size;
    for (i = 0; i < size; i++) {
        /* g_test_rand_int() for each byte was most of the test's time. */
        seed = seed * 1664525 + 1013904223;
        f->from[i] = seed >> 24 | 1;
    }
    memset(f->to, target_zero ? 0 : 0xaa, size);
    f->read_fails_bytes = 1;
    f->status_fails = f->read_fails = f->read_fails2 = f->write_fails = -1;
    f->warnings = g_string_new("");
    return f;
}

static void fake_free(Fake *f)
{
    g_free(f->from);
    g_free(f->to);
    g_string_free(f->warnings, true);
    g_free(f);
}

static void make_hole(Fake *f, int64_t start, int64_t end)
{
    f->hole_start = start;
    f->hole_end = end;
    memset(f->from + start, 0, end - start);
}

static CopyJob job_of(Fake *f)
{
    return (CopyJob) {
        .ops = &fake_ops,
        .opaque = f,
        .size = f->size,
        .coroutines = COPY_COROUTINES_DEFAULT,
        .sparse = COPY_SPARSE_DEFAULT,
        .target_zero = true,
        .alignment = 4096,
    };
}

static void copy_all(Fake *f, const CopyJob *job)
{
    CopyResult result;

    g_assert_true(copy_run(job, &result));
    g_assert_cmpint(result.step, ==, COPY_NOTHING);
    g_assert_cmpmem(f->from, f->size, f->to, f->size);
}

/* ---- whole runs --------------------------------------------------------- */

static void test_sizes(void)
{
    static const int64_t sizes[] = { 1, 511, 512, 4097, 2 * MIB, 5 * MIB + 3 };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(sizes); i++) {
        Fake *f = fake_new(sizes[i], true);
        CopyJob job = job_of(f);

        copy_all(f, &job);
        g_assert_cmpint(f->longest, <=, COPY_REQUEST_MAX);
        fake_free(f);
    }
}

static void test_empty(void)
{
    Fake *f = fake_new(0, true);
    CopyJob job = job_of(f);

    copy_all(f, &job);
    g_assert_cmpint(f->reads + f->writes, ==, 0);
    fake_free(f);
}

static void test_coroutines(void)
{
    int n;

    for (n = 1; n <= COPY_COROUTINES_MAX; n++) {
        Fake *f = fake_new(3 * MIB, true);
        CopyJob job = job_of(f);

        job.coroutines = n;
        copy_all(f, &job);
        fake_free(f);
    }
}

static void test_holes_are_skipped(void)
{
    Fake *f = fake_new(8 * MIB, true);
    CopyJob job = job_of(f);

    make_hole(f, MIB, 8 * MIB);
    copy_all(f, &job);
    g_assert_cmpint(f->zeroes, ==, 0);
    g_assert_cmpint(f->reads, <=, MIB / (512 * 1024));
    fake_free(f);
}

static void test_holes_are_zeroed(void)
{
    Fake *f = fake_new(8 * MIB, false);
    CopyJob job = job_of(f);

    job.target_zero = false;
    make_hole(f, MIB, 8 * MIB);
    copy_all(f, &job);
    g_assert_cmpint(f->zeroes, ==, 1);
    fake_free(f);
}

static void test_zeroes_in_data(void)
{
    Fake *f = fake_new(MIB, true);
    CopyJob job = job_of(f);

    memset(f->from + 8192, 0, 4096);
    memset(f->from + 100000, 0, 4000);
    copy_all(f, &job);
    /* One granule is left out; the other zeroes fill no granule. */
    g_assert_cmpint(f->writes, ==, 3);
    fake_free(f);
}

static void test_no_sparseness(void)
{
    Fake *f = fake_new(4 * MIB, false);
    CopyJob job = job_of(f);

    job.sparse = 0;
    make_hole(f, 0, 4 * MIB);
    copy_all(f, &job);
    g_assert_cmpint(f->writes, ==, 4 * MIB / (512 * 1024));
    g_assert_cmpint(f->zeroes, ==, 0);
    fake_free(f);
}

static void test_in_order(void)
{
    Fake *f = fake_new(16 * MIB, true);
    CopyJob job = job_of(f);

    f->delay_ns = 20 * 1000 * 1000;
    copy_all(f, &job);
    g_assert_false(f->unordered);
    g_assert_cmpint(f->max_writing, ==, 1);
    fake_free(f);
}

static void test_out_of_order(void)
{
    Fake *f = fake_new(16 * MIB, true);
    CopyJob job = job_of(f);

    f->delay_ns = 20 * 1000 * 1000;
    job.out_of_order = true;
    copy_all(f, &job);
    g_assert_true(f->unordered);
    g_assert_cmpint(f->max_writing, >, 1);
    fake_free(f);
}

static void test_copy_range(void)
{
    Fake *f = fake_new(5 * MIB, true);
    CopyJob job = job_of(f);

    job.use_copy_range = true;
    copy_all(f, &job);
    g_assert_cmpint(f->copies, ==, 3);
    g_assert_cmpint(f->reads, ==, 0);
    fake_free(f);
}

static void test_copy_range_refused(void)
{
    Fake *f = fake_new(5 * MIB, true);
    CopyJob job = job_of(f);

    job.use_copy_range = true;
    f->no_copy_range = true;
    copy_all(f, &job);
    g_assert_cmpint(f->reads, >, 0);
    fake_free(f);
}

static void test_rate(void)
{
    Fake *f = fake_new(2 * MIB, true);
    CopyJob job = job_of(f);
    int64_t start = g_get_monotonic_time();

    /* The last half MiB begins when the first three are paid for. */
    job.rate = 10 * MIB;
    copy_all(f, &job);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 140 * 1000);
    fake_free(f);
}

/* ---- errors ------------------------------------------------------------- */

static void expect_failure(const CopyJob *job, CopyStep step, int64_t offset,
                           int ret)
{
    CopyResult result;

    g_assert_false(copy_run(job, &result));
    g_assert_cmpint(result.step, ==, step);
    g_assert_cmpint(result.offset, ==, offset);
    g_assert_cmpint(result.ret, ==, ret);
}

static void test_read_error(void)
{
    Fake *f = fake_new(16 * MIB, true);
    CopyJob job = job_of(f);

    f->read_fails = 3 * MIB + 5000;
    f->read_fails2 = 4 * MIB;
    expect_failure(&job, COPY_READ, 3 * MIB, -EIO);
    g_assert_cmpint(f->last_write, <, 3 * MIB);
    fake_free(f);
}

static void test_write_error(void)
{
    Fake *f = fake_new(16 * MIB, true);
    CopyJob job = job_of(f);

    f->write_fails = MIB;
    expect_failure(&job, COPY_WRITE, MIB, -ENOSPC);
    g_assert_cmpint(f->writes, ==, 3);
    fake_free(f);
}

static void test_write_error_out_of_order(void)
{
    Fake *f = fake_new(16 * MIB, true);
    CopyJob job = job_of(f);

    job.out_of_order = true;
    f->write_fails = 0;
    expect_failure(&job, COPY_WRITE, 0, -ENOSPC);
    g_assert_cmpint(f->writes, <, 32);
    fake_free(f);
}

static void test_status_error(void)
{
    Fake *f = fake_new(4 * MIB, true);
    CopyJob job = job_of(f);

    f->status_fails = MIB;
    expect_failure(&job, COPY_STATUS, 0, -EIO);
    g_assert_cmpint(f->writes, ==, 0);
    fake_free(f);
}

/* Holes are read, in the requests that data has. */
static void test_all_data(void)
{
    Fake *f = fake_new(4 * MIB, true);
    CopyJob job = job_of(f);
    CopyResult result;

    make_hole(f, 512, 1024);
    f->status_fails = 0;
    job.all_data = true;
    job.sparse = 0;
    g_assert_true(copy_run(&job, &result));
    g_assert_cmpmem(f->from, f->size, f->to, f->size);
    g_assert_cmpint(f->reads, ==, 8);
    fake_free(f);
}

static void check_salvage(bool out_of_order)
{
    Fake *f = fake_new(8 * MIB, true);
    CopyJob job = job_of(f);
    CopyResult result;

    job.salvage = true;
    job.out_of_order = out_of_order;
    f->delay_ns = 20 * 1000 * 1000;
    f->read_fails = 512;
    f->read_fails2 = 5 * MIB + 700;
    f->status_fails = 2 * MIB;
    g_assert_true(copy_run(&job, &result));
    g_assert_cmpstr(f->warnings->str, ==,
                    "read 512+512\nstatus 2097152+512\nread 5243392+512\n");
    memset(f->from + 512, 0, 512);
    memset(f->from + 5 * MIB + 512, 0, 512);
    g_assert_cmpmem(f->from, f->size, f->to, f->size);
    fake_free(f);
}

/* A run is one loss, in whatever chunks it lies, and whoever reads them. */
static void test_salvage_runs(void)
{
    for (int n = 1; n <= COPY_COROUTINES_MAX; n *= 4) {
        Fake *f = fake_new(8 * MIB + 100, true);
        CopyJob job = job_of(f);
        CopyResult result;

        job.salvage = true;
        job.out_of_order = true;
        job.coroutines = n;
        f->read_fails = MIB + 512;
        f->read_fails_bytes = 3 * MIB;
        f->read_fails2 = 8 * MIB + 50;
        f->delay_ns = 1000 * 1000;
        g_assert_true(copy_run(&job, &result));
        g_assert_cmpstr(f->warnings->str, ==,
                        "read 1049088+3145728\nread 8388608+100\n");
        memset(f->from + MIB + 512, 0, 3 * MIB);
        memset(f->from + 8 * MIB, 0, 100);
        g_assert_cmpmem(f->from, f->size, f->to, f->size);
        fake_free(f);
    }
}

/* What the status knows to be lost is not tried sector by sector. */
static void check_known(bool target_zero, int64_t sparse)
{
    Fake *f = fake_new(68 * MIB, target_zero);
    CopyJob job = job_of(f);
    CopyResult result;

    job.salvage = true;
    job.target_zero = target_zero;
    job.sparse = sparse;
    make_hole(f, MIB + 512, 67 * MIB);
    f->hole_lost = true;
    /* What was tried just before it belongs to the same run. */
    f->read_fails = MIB;
    g_assert_true(copy_run(&job, &result));
    g_assert_cmpstr(f->warnings->str, ==, "read 1048576+69206016\n");
    g_assert_cmpint(f->reads, <, 3000);
    memset(f->from + MIB, 0, 512);
    g_assert_cmpmem(f->from, f->size, f->to, f->size);
    fake_free(f);
}

static void test_salvage_known(void)
{
    check_known(true, COPY_SPARSE_DEFAULT);
    check_known(false, COPY_SPARSE_DEFAULT);
    check_known(false, 0);
}

/* Without salvage it is an error as any other. */
static void test_lost(void)
{
    Fake *f = fake_new(4 * MIB, true);
    CopyJob job = job_of(f);

    make_hole(f, MIB, 2 * MIB);
    f->hole_lost = true;
    expect_failure(&job, COPY_READ, MIB, -EIO);
    fake_free(f);
}

static void test_salvage(void)
{
    check_salvage(false);
}

static void test_salvage_out_of_order(void)
{
    check_salvage(true);
}

/* ---- interrupts --------------------------------------------------------- */

static int looks;

static bool interrupt_soon(void)
{
    return ++looks > 20;
}

static void test_interrupt(void)
{
    Fake *f = fake_new(64 * MIB, true);
    CopyJob job = job_of(f);
    CopyResult result;
    int64_t written;

    looks = 0;
    job.interrupted = interrupt_soon;
    g_assert_false(copy_run(&job, &result));
    g_assert_true(result.interrupted);
    g_assert_cmpint(result.step, ==, COPY_NOTHING);
    /* What had begun was completed, and nothing began after that. */
    g_assert_cmpint(f->reads, ==, f->writes);
    g_assert_cmpint(f->writes, <, 64);
    written = f->writes * (512 * 1024);
    g_assert_cmpmem(f->from, written, f->to, written);
    fake_free(f);
}

static void test_interrupt_while_throttled(void)
{
    Fake *f = fake_new(8 * MIB, true);
    CopyJob job = job_of(f);
    CopyResult result;

    looks = 15;
    job.rate = 1;
    job.interrupted = interrupt_soon;
    g_assert_false(copy_run(&job, &result));
    g_assert_true(result.interrupted);
    fake_free(f);
}

/* ---- clusters ----------------------------------------------------------- */

static void test_cluster(void)
{
    Fake *f = fake_new(6 * MIB, true);
    CopyJob job = job_of(f);

    /* Data begin at 1 MiB; requests end at multiples of 2 MiB: 1, 2, 2. */
    make_hole(f, 0, MIB);
    job.cluster = 2 * MIB;
    job.use_copy_range = true;
    copy_all(f, &job);
    g_assert_cmpint(f->copies, ==, 3);
    fake_free(f);
}

/* ---- pieces ------------------------------------------------------------- */

static void check_piece(const char *kinds, int64_t offset, int64_t sparse,
                        int64_t length, bool zero)
{
    /* A letter stands for 512 bytes: z zero, d data. */
    int64_t bytes = strlen(kinds) * 512;
    g_autofree uint8_t *buf = g_malloc0(bytes);
    bool is_zero;
    int64_t i;

    for (i = 0; i < bytes; i += 512) {
        buf[i + 511] = kinds[i / 512] == 'd';
    }
    g_assert_cmpint(copy_piece(buf, offset, bytes, sparse, &is_zero), ==,
                    length * 512);
    g_assert_cmpint(is_zero, ==, zero);
}

/* Also of a size that is no power of two, and longer than a piece. */
static void test_whole_clusters(void)
{
    static const int64_t clusters[] = { 1024, 65536, 98304, MIB, 2 * MIB };

    for (size_t i = 0; i < ARRAY_SIZE(clusters) * 2; i++) {
        int64_t cluster = clusters[i / 2];
        Fake *f = fake_new(7 * MIB + 1536, true);
        CopyJob job = job_of(f);

        f->cluster = job.cluster = cluster;
        job.whole_clusters = true;
        job.sparse = i % 2 ? 0 : COPY_SPARSE_DEFAULT;
        /* One hole that ends in clusters, and one cluster of zeroes. */
        make_hole(f, cluster - 512, 2 * cluster + 512);
        memset(f->from + 2 * cluster, 0, cluster);
        copy_all(f, &job);
        g_assert_false(f->unordered);
        g_assert_cmpint(f->writes, ==, (f->size + cluster - 1) / cluster -
                                       (i % 2 ? 0 : 2));
        g_assert_cmpint(f->zeroes, ==, 0);
        fake_free(f);
    }
}

static void test_pieces(void)
{
    check_piece("d", 0, 512, 1, false);
    check_piece("z", 0, 512, 1, true);
    check_piece("z", 0, 4096, 1, true);
    check_piece("ddzd", 0, 512, 2, false);
    check_piece("zzdd", 0, 512, 2, true);
    check_piece("zzdd", 0, 1024, 2, true);
    /* Fewer zeroes than the limit are data, at the end, too. */
    check_piece("zddd", 0, 1024, 4, false);
    check_piece("dddz", 0, 1024, 4, false);
    check_piece("ddz", 0, 1024, 3, false);
    /* Kinds change at multiples of the granule in the run. */
    check_piece("dzzd", 0, 1024, 4, false);
    check_piece("dzzd", 512, 1024, 1, false);
    /* A limit that is no power of two. */
    check_piece("ddddzzzzdddd", 0, 3072, 12, false);
    check_piece("ddddzzzzzzzz", 0, 3072, 4, false);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/copier/sizes", test_sizes);
    g_test_add_func("/copier/empty", test_empty);
    g_test_add_func("/copier/coroutines", test_coroutines);
    g_test_add_func("/copier/holes-skipped", test_holes_are_skipped);
    g_test_add_func("/copier/holes-zeroed", test_holes_are_zeroed);
    g_test_add_func("/copier/zeroes-in-data", test_zeroes_in_data);
    g_test_add_func("/copier/no-sparseness", test_no_sparseness);
    g_test_add_func("/copier/in-order", test_in_order);
    g_test_add_func("/copier/out-of-order", test_out_of_order);
    g_test_add_func("/copier/copy-range", test_copy_range);
    g_test_add_func("/copier/copy-range-refused", test_copy_range_refused);
    g_test_add_func("/copier/rate", test_rate);
    g_test_add_func("/copier/error/read", test_read_error);
    g_test_add_func("/copier/error/write", test_write_error);
    g_test_add_func("/copier/error/write-out-of-order",
                    test_write_error_out_of_order);
    g_test_add_func("/copier/error/status", test_status_error);
    g_test_add_func("/copier/all-data", test_all_data);
    g_test_add_func("/copier/salvage", test_salvage);
    g_test_add_func("/copier/salvage-runs", test_salvage_runs);
    g_test_add_func("/copier/salvage-known", test_salvage_known);
    g_test_add_func("/copier/lost", test_lost);
    g_test_add_func("/copier/salvage-out-of-order", test_salvage_out_of_order);
    g_test_add_func("/copier/interrupt", test_interrupt);
    g_test_add_func("/copier/interrupt-throttled",
                    test_interrupt_while_throttled);
    g_test_add_func("/copier/cluster", test_cluster);
    g_test_add_func("/copier/whole-clusters", test_whole_clusters);
    g_test_add_func("/copier/pieces", test_pieces);
    return g_test_run();
}
