/* SPDX-License-Identifier: MIT */
/*
 * Tests of alignment: read-modify-write, its debug events, concurrent requests
 * that share blocks, and files whose length padding must not change.
 */
#include "qemu/osdep.h"

#include "qapi/error.h"
#include "tests/unit/fake-driver.h"

static uint8_t buf[FAKE_CAPACITY];

static FakeDisk *open_aligned(int64_t size, uint32_t align)
{
    FakeDisk *d = fake_file_new(size);

    d->limits.request_alignment = align;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    return d;
}

static int write_fill(FakeDisk *d, int64_t offset, int bytes, int fill)
{
    int ret;

    memset(buf, fill, bytes);
    ret = bdrv_pwrite(d->child, offset, buf, bytes);
    return MIN(ret, 0);
}

/* ---- one request ------------------------------------------------------- */

static void test_read(void)
{
    FakeDisk *d = open_aligned(65536, 4096);

    g_assert_cmpint(bdrv_pread(d->child, 5000, buf, 10), ==, 10);
    g_assert_cmpmem(buf, 10, d->data + 5000, 10);
    g_assert_cmpint(fake_call(d, FAKE_READ, 0)->offset, ==, 4096);
    g_assert_cmpint(fake_call(d, FAKE_READ, 0)->bytes, ==, 4096);
    g_assert_cmpint(bdrv_pread(d->child, 5000, buf, 20000), ==, 20000);
    g_assert_cmpmem(buf, 20000, d->data + 5000, 20000);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 2);
    g_assert_cmpint(fake_count(d, FAKE_EVENT), ==, 0);
    d->error[FAKE_READ] = -EIO;
    g_assert_cmpint(bdrv_pread(d->child, 5000, buf, 10), ==, -EIO);
    fake_close(d);
}

/* The events and calls of a write, as a word of letters. */
static char *trace(FakeDisk *d)
{
    static const char names[BLKDBG__MAX] = {
        [BLKDBG_PWRITEV_RMW_HEAD] = 'h',
        [BLKDBG_PWRITEV_RMW_AFTER_HEAD] = 'H',
        [BLKDBG_PWRITEV_RMW_TAIL] = 't',
        [BLKDBG_PWRITEV_RMW_AFTER_TAIL] = 'T',
        [BLKDBG_PWRITEV] = 'w',
        [BLKDBG_PWRITEV_ZERO] = 'z',
        [BLKDBG_PWRITEV_DONE] = 'd',
    };
    static const char ops[FAKE_OP__MAX] = {
        [FAKE_READ] = 'r', [FAKE_WRITE] = '!', [FAKE_ZERO] = '0',
        [FAKE_TRUNCATE] = 'x', [FAKE_TAIL] = '_', [FAKE_FLUSH_DISK] = 'f',
    };
    GString *s = g_string_new("");
    int i;

    for (i = 0; i < d->n_calls; i++) {
        FakeCall *c = &d->calls[i];

        g_string_append_c(s, c->op == FAKE_EVENT ? names[c->flags]
                                                 : ops[c->op]);
    }
    fake_reset(d);
    return g_string_free(s, false);
}

static void check_write(FakeDisk *d, int64_t offset, int bytes,
                        const char *expected)
{
    g_autofree uint8_t *model = g_memdup2(d->data, 65536);
    g_autofree char *seen = NULL;

    g_assert_cmpint(write_fill(d, offset, bytes, 0x77), ==, 0);
    memset(model + offset, 0x77, bytes);
    seen = trace(d);
    g_assert_cmpstr(seen, ==, expected);
    g_assert_cmpmem(model, 65536, d->data, 65536);
}

static void test_rmw(void)
{
    FakeDisk *d = open_aligned(65536, 512);

    check_write(d, 512, 1024, "w!d");
    check_write(d, 100, 412, "hrHw!d");
    check_write(d, 1024, 100, "trTw!d");
    check_write(d, 1034, 100, "htrHTw!d");          /* in one block */
    check_write(d, 1000, 100, "htrHTw!d");          /* in two adjacent ones */
    check_write(d, 1000, 1000, "hrHtrTw!d");
    check_write(d, 1000, 1048, "hrHw!d");
    check_write(d, 1024, 1048, "trTw!d");
    fake_close(d);
}

static void test_rmw_errors(void)
{
    static const char *const expected[] = {
        "hr", "hrHtr", "hrHtrTw!d",
    };
    FakeDisk *d = open_aligned(65536, 512);
    uint64_t gen;
    int step;

    for (step = 0; step < 3; step++) {
        g_autofree char *seen = NULL;

        gen = d->bs->write_gen;
        d->error[step < 2 ? FAKE_READ : FAKE_WRITE] = -EIO;
        d->skip[FAKE_READ] = step;
        g_assert_cmpint(write_fill(d, 1000, 1000, 1), ==, -EIO);
        seen = trace(d);
        g_assert_cmpstr(seen, ==, expected[step]);
        g_assert_cmpint(d->bs->write_gen, >, gen);
    }
    d->error[FAKE_READ] = -EIO;
    g_assert_cmpint(write_fill(d, 1034, 100, 1), ==, -EIO);
    fake_close(d);
}

/* ---- the end of a file ------------------------------------------------- */

static void test_length(gconstpointer opaque)
{
    bool tail = GPOINTER_TO_INT(opaque);
    FakeDisk *d = fake_file_new(1000);
    g_autofree uint8_t *model = g_memdup2(d->data, FAKE_CAPACITY);

    if (tail) {
        fake_use_tail(d);
    }
    d->limits.request_alignment = 4096;
    fake_open(d, BDRV_O_RDWR);

    /* In the last block, past the end, across it, far past it. */
    g_assert_cmpint(write_fill(d, 10, 20, 1), ==, 0);
    memset(model + 10, 1, 20);
    g_assert_cmpint(d->size, ==, 1000);
    g_assert_cmpint(write_fill(d, 1000, 10, 2), ==, 0);
    memset(model + 1000, 2, 10);
    g_assert_cmpint(d->size, ==, 1010);
    g_assert_cmpint(write_fill(d, 900, 5000, 3), ==, 0);
    memset(model + 900, 3, 5000);
    g_assert_cmpint(d->size, ==, 5900);
    g_assert_cmpint(d->bs->total_sectors, ==, 12);
    g_assert_cmpint(write_fill(d, 20001, 2, 4), ==, 0);
    memset(model + 20001, 4, 2);
    g_assert_cmpint(d->size, ==, 20003);
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, 20000, 6000, 0), ==, 0);
    memset(model + 20000, 0, 6000);
    g_assert_cmpint(d->size, ==, 26000);
    g_assert_cmpint(fake_count(d, FAKE_TRUNCATE), ==, tail ? 0 : 5);
    g_assert_cmpint(fake_count(d, FAKE_TAIL), ==, tail ? 5 : 0);
    /* Before the last block nothing special happens. */
    g_assert_cmpint(write_fill(d, 4097, 9, 5), ==, 0);
    memset(model + 4097, 5, 9);
    g_assert_cmpint(d->size, ==, 26000);
    g_assert_cmpint(fake_count(d, FAKE_TRUNCATE), ==, tail ? 0 : 5);

    g_assert_cmpmem(model, FAKE_CAPACITY, d->data, FAKE_CAPACITY);
    fake_close(d);
}

static void test_length_errors(void)
{
    FakeDisk *d = open_aligned(1000, 512);

    /* The write fails after the file has grown: it is cut back all the same. */
    d->error[FAKE_TRUNCATE] = -EFBIG;
    g_assert_cmpint(write_fill(d, 1000, 1, 9), ==, -EFBIG);
    fake_reset(d);
    d->size = 1000;
    d->error[FAKE_WRITE] = -EIO;
    g_assert_cmpint(write_fill(d, 1000, 1, 9), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_TRUNCATE), ==, 0);
    g_assert_cmpint(d->size, ==, 1000);
    fake_close(d);

    d = fake_file_new(1000);
    fake_use_tail(d);
    d->limits.request_alignment = 512;
    fake_open(d, BDRV_O_RDWR);
    d->error[FAKE_TAIL] = -ENOSPC;
    g_assert_cmpint(write_fill(d, 1000, 1, 9), ==, -ENOSPC);
    g_assert_cmpint(d->size, ==, 1000);
    /* It cannot at this time: the other way is taken. */
    d->error[FAKE_TAIL] = -ENOTSUP;
    g_assert_cmpint(write_fill(d, 1000, 1, 9), ==, 0);
    g_assert_cmpint(d->size, ==, 1001);
    g_assert_cmpint(d->data[1000], ==, 9);
    g_assert_cmpint(fake_count(d, FAKE_TRUNCATE), ==, 1);
    fake_close(d);
}

/* FUA of an exact write is a flush after it. */
static void coroutine_fn fua_entry(void *opaque)
{
    FakeDisk *d = opaque;

    g_assert_cmpint(bdrv_co_pwrite(d->child, 1000, 3, "abc", BDRV_REQ_FUA),
                    ==, 0);
}

static void test_length_fua(void)
{
    FakeDisk *d = fake_file_new(1000);

    fake_use_tail(d);
    d->limits.request_alignment = 512;
    d->write_flags = BDRV_REQ_FUA;
    fake_open(d, BDRV_O_RDWR);
    fake_run(fua_entry, d);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    g_assert_cmpint(d->calls[d->n_calls - 1].op, ==, FAKE_FLUSH_DISK);
    fake_close(d);
}

/* ---- many at once ------------------------------------------------------ */

#define WRITERS 24
#define SPAN    40000

typedef struct Writer {
    FakeDisk *d;
    int64_t offset;
    int bytes;
    int kind;                      /* 0..5: see writer_entry() */
    uint8_t fill;
    int *left;
} Writer;

static void coroutine_fn writer_entry(void *opaque)
{
    Writer *w = opaque;
    g_autofree uint8_t *data = g_malloc(w->bytes);
    BdrvRequestFlags flags = w->kind == 1 ? BDRV_REQ_FUA : 0;
    struct iovec iov[3];
    QEMUIOVector qiov;
    int ret;

    memset(data, w->fill, w->bytes);
    iov[0] = (struct iovec) { data, w->bytes / 3 };
    iov[1] = (struct iovec) { data + w->bytes / 3, 0 };
    iov[2] = (struct iovec) { data + w->bytes / 3,
                              w->bytes - w->bytes / 3 };
    qemu_iovec_init_external(&qiov, iov, 3);
    switch (w->kind) {
    case 2:
        ret = bdrv_co_pwrite_zeroes(w->d->child, w->offset, w->bytes, 0);
        break;
    case 3:
        ret = bdrv_co_pdiscard(w->d->child, w->offset, w->bytes);
        break;
    case 4:
        ret = bdrv_co_preadv(w->d->child, w->offset, w->bytes, &qiov, 0);
        break;
    default:
        ret = bdrv_co_pwritev(w->d->child, w->offset, w->bytes, &qiov, flags);
        break;
    }
    g_assert_cmpint(ret, ==, 0);
    (*w->left)--;
}

/* Each byte is what it was or what one of its writers wrote, none is lost. */
static void check_round(FakeDisk *d, const uint8_t *before, const Writer *w,
                        int64_t size)
{
    int64_t end = size;
    int i, n;

    for (n = 0; n < WRITERS; n++) {
        if (w[n].kind != 4 && w[n].kind != 3) {
            end = MAX(end, w[n].offset + w[n].bytes);
        }
    }
    g_assert_cmpint(d->size, ==, end);
    for (i = 0; i < SPAN; i++) {
        bool written = false, right = false;

        for (n = 0; n < WRITERS; n++) {
            if (w[n].kind != 4 && i >= w[n].offset &&
                i < w[n].offset + w[n].bytes) {
                written = true;
                right |= d->data[i] == w[n].fill;
            }
        }
        if (!written) {
            g_assert_cmpint(d->data[i], ==, before[i]);
        } else if (!right) {
            g_test_message("byte %d is %d", i, d->data[i]);
            g_assert_not_reached();
        }
    }
}

static void one_round(FakeDisk *d, int round)
{
    g_autofree uint8_t *before = g_memdup2(d->data, SPAN);
    int64_t size = d->size;
    Writer w[WRITERS];
    int left = WRITERS, n;

    for (n = 0; n < WRITERS; n++) {
        int kind = g_random_int_range(0, 6);
        bool data = kind == 0 || kind == 1 || kind == 5;

        w[n] = (Writer) {
            .d = d, .kind = kind, .fill = data ? 1 + n : 0, .left = &left,
            .offset = g_random_int_range(0, 20000 + round),
            .bytes = g_random_int_range(1, n % 3 ? 1500 : 15000),
        };
    }
    for (n = 0; n < WRITERS; n++) {
        qemu_coroutine_enter(qemu_coroutine_create(writer_entry, &w[n]));
    }
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    check_round(d, before, w, size);
    d->n_calls = 0;
}

static void test_concurrent(gconstpointer opaque)
{
    unsigned align = GPOINTER_TO_UINT(opaque);
    int round;

    for (round = 0; round < 100; round++) {
        FakeDisk *d = fake_file_new(g_random_int_range(1, 30000));

        d->limits = (BlockLimits) {
            .request_alignment = align,
            .max_transfer = round % 3 ? 5000 + round : 0,
            .max_iov = round % 4,
            .pwrite_zeroes_alignment = round % 5 ? 0 : 4096,
            .max_pwrite_zeroes = round % 2 ? 7000 : 0,
            .max_pdiscard = round % 2 ? 0 : 3333,
        };
        d->zero_flags = round % 2 ? BDRV_REQ_FUA : 0;
        d->slow = true;
        if (round % 6 == 5) {
            d->drv.bdrv_co_pwrite_zeroes = NULL;
        }
        fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
        if (round % 6 == 4) {
            d->error[FAKE_ZERO] = -ENOTSUP;
        }
        one_round(d, 0);
        one_round(d, 15000);
        fake_close(d);
    }
}

/* A read beside an unaligned write sees all of it or nothing. */
static void coroutine_fn reader_entry(void *opaque)
{
    Writer *w = opaque;
    uint8_t data[700];
    int i;

    for (i = 0; i < 20; i++) {
        g_assert_cmpint(bdrv_co_pread(w->d->child, 10, sizeof(data), data, 0),
                        ==, 0);
        g_assert_cmpint(data[0], ==, data[699]);
        g_assert_cmpint(data[0], ==, data[400]);
    }
    (*w->left)--;
}

static void coroutine_fn rewriter_entry(void *opaque)
{
    Writer *w = opaque;
    uint8_t data[700];
    int i;

    for (i = 0; i < 20; i++) {
        memset(data, i, sizeof(data));
        g_assert_cmpint(bdrv_co_pwrite(w->d->child, 10, sizeof(data), data, 0),
                        ==, 0);
    }
    (*w->left)--;
}

static void test_read_waits(void)
{
    FakeDisk *d = open_aligned(4096, 512);
    int left = 4, i;
    Writer w = { .d = d, .left = &left };

    d->slow = true;
    memset(d->data, 0, 4096);
    for (i = 0; i < 4; i++) {
        qemu_coroutine_enter(
            qemu_coroutine_create(i % 2 ? reader_entry : rewriter_entry, &w));
    }
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    fake_close(d);
}

/* A request that waits its turn is not overtaken for ever. */
typedef struct Turn {
    FakeDisk *d;
    int n;
    int *order;
    int *done;
} Turn;

static void coroutine_fn turn_entry(void *opaque)
{
    Turn *t = opaque;

    g_assert_cmpint(bdrv_co_pwrite(t->d->child, 10, 10, buf, 0), ==, 0);
    t->order[(*t->done)++] = t->n;
}

static void test_order(void)
{
    FakeDisk *d = open_aligned(4096, 512);
    int order[20], done = 0, i;
    Turn t[20];

    d->slow = true;
    for (i = 0; i < 20; i++) {
        t[i] = (Turn) { d, i, order, &done };
        qemu_coroutine_enter(qemu_coroutine_create(turn_entry, &t[i]));
    }
    while (done < 20) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    for (i = 0; i < 20; i++) {
        g_assert_cmpint(order[i], ==, i);
    }
    fake_close(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_random_set_seed(g_test_rand_int());
    bdrv_init();
    g_test_add_func("/bdrv-align/read", test_read);
    g_test_add_func("/bdrv-align/rmw", test_rmw);
    g_test_add_func("/bdrv-align/rmw-errors", test_rmw_errors);
    g_test_add_data_func("/bdrv-align/length-cut-back", GINT_TO_POINTER(0),
                         test_length);
    g_test_add_data_func("/bdrv-align/length-tail", GINT_TO_POINTER(1),
                         test_length);
    g_test_add_func("/bdrv-align/length-errors", test_length_errors);
    g_test_add_func("/bdrv-align/length-fua", test_length_fua);
    g_test_add_data_func("/bdrv-align/concurrent-1", GUINT_TO_POINTER(1),
                         test_concurrent);
    g_test_add_data_func("/bdrv-align/concurrent-512", GUINT_TO_POINTER(512),
                         test_concurrent);
    g_test_add_data_func("/bdrv-align/concurrent-4096",
                         GUINT_TO_POINTER(4096), test_concurrent);
    g_test_add_func("/bdrv-align/read-waits", test_read_waits);
    g_test_add_func("/bdrv-align/order", test_order);
    return g_test_run();
}
