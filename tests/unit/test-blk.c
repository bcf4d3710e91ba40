/* SPDX-License-Identifier: MIT */
/*
 * BlockBackend: bounds, media, permissions, cache mode, mixed forms, and that
 * a request allocates nothing.
 */
#include "qemu/osdep.h"
#include "gate-driver.h"
#include "minblk/block-extra.h"

/* ---- counting allocations ----------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNT_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNT_ALLOCATIONS 0
#endif
#endif
#ifndef COUNT_ALLOCATIONS
#define COUNT_ALLOCATIONS 1
#endif

static unsigned allocations;

#if COUNT_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    allocations++;
    return __libc_realloc(p, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
    allocations++;
    *p = __libc_memalign(alignment, size);
    return *p ? 0 : ENOMEM;
}
#endif

/* ---- one node and one backend ------------------------------------------- */

typedef struct Fixture {
    BlockDriverState *bs;
    BlockBackend *blk;
    GateState *s;
} Fixture;

static Fixture fixture_new(void)
{
    Fixture f = { .bs = gate_node("n") };

    f.blk = backend_of(f.bs);
    f.s = gate_of(f.bs);
    return f;
}

static void fixture_free(Fixture *f)
{
    blk_unref(f->blk);
    bdrv_unref(f->bs);
    settle();
    g_assert(bdrv_next_node(NULL) == NULL);
}

static void test_bounds(void)
{
    Fixture f = fixture_new();
    uint8_t buf[1024] = { 0 };

    g_assert_cmpint(blk_getlength(f.blk), ==, GATE_LENGTH);
    g_assert_cmpint(blk_pread(f.blk, GATE_LENGTH - 512, buf, 512), ==, 512);
    g_assert_cmpint(blk_pread(f.blk, GATE_LENGTH, buf, 0), ==, 0);
    g_assert_cmpint(blk_pread(f.blk, 0, NULL, 0), ==, 0);
    g_assert_cmpint(blk_pread(f.blk, GATE_LENGTH - 511, buf, 512), ==, -EIO);
    g_assert_cmpint(blk_pread(f.blk, GATE_LENGTH + 1, buf, 0), ==, -EIO);
    g_assert_cmpint(blk_pread(f.blk, -1, buf, 1), ==, -EIO);
    g_assert_cmpint(blk_pread(f.blk, 0, buf, -1), ==, -EIO);
    g_assert_cmpint(blk_pread(f.blk, INT64_MAX, buf, 512), ==, -EIO);
    g_assert_cmpint(blk_pwrite(f.blk, GATE_LENGTH, buf, 1, 0), ==, -EIO);
    g_assert_cmpint(blk_pwrite_zeroes(f.blk, GATE_LENGTH - 1, 2, 0), ==, -EIO);
    g_assert_cmpint(blk_pdiscard(f.blk, 0, GATE_LENGTH + 1), ==, -EIO);
    g_assert_cmpint(blk_pdiscard(f.blk, 0, -1), ==, -EIO);
    g_assert_cmpuint(f.s->writes, ==, 0);
    fixture_free(&f);
}

/* Behind the end, if the user may, the protocol decides. */
static void test_beyond_eof(void)
{
    Fixture f = fixture_new();
    uint8_t buf[512] = { 7 };

    g_assert_cmpint(blk_truncate(f.blk, 4096, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(blk_pwrite(f.blk, 4096, buf, 512, 0), ==, -EIO);
    blk_set_allow_write_beyond_eof(f.blk, true);
    g_assert_cmpint(blk_pwrite(f.blk, 4096, buf, 512, 0), ==, 512);
    g_assert_cmpint(f.s->data[4096], ==, 7);
    g_assert_cmpint(blk_pwrite(f.blk, GATE_LENGTH, buf, 512, 0), ==, -ENOSPC);
    fixture_free(&f);
}

static void test_no_medium(void)
{
    BlockBackend *blk = blk_new(qemu_get_aio_context(), BLK_PERM_ALL,
                                BLK_PERM_ALL);
    Error *err = NULL;
    uint8_t buf[1];

    g_assert(!blk_is_available(blk));
    g_assert(blk_bs(blk) == NULL);
    g_assert_cmpint(blk_getlength(blk), ==, -ENOMEDIUM);
    g_assert_cmpint(blk_pread(blk, 0, buf, 1), ==, -ENOMEDIUM);
    g_assert_cmpint(blk_pwrite(blk, 0, buf, 1, 0), ==, -ENOMEDIUM);
    g_assert_cmpint(blk_flush(blk), ==, -ENOMEDIUM);
    g_assert_cmpint(blk_truncate(blk, 0, true, PREALLOC_MODE_OFF, &err), ==,
                    -ENOMEDIUM);
    g_assert_cmpstr(error_get_pretty(err), ==, "No medium inserted");
    error_free(err);
    blk_remove_bs(blk);
    blk_drain(blk);
    blk_unref(blk);
    blk_unref(NULL);
}

static void test_cache_mode(void)
{
    Fixture f = fixture_new();
    uint8_t buf[512] = { 0 };

    blk_pwrite(f.blk, 0, buf, 512, 0);
    g_assert_cmpint(f.s->write_flags, ==, 0);
    blk_pwrite(f.blk, 0, buf, 512, BDRV_REQ_FUA);
    g_assert_cmpint(f.s->write_flags, ==, BDRV_REQ_FUA);

    blk_set_enable_write_cache(f.blk, false);
    blk_pwrite(f.blk, 0, buf, 512, 0);
    g_assert_cmpint(f.s->write_flags, ==, BDRV_REQ_FUA);
    blk_pwrite_zeroes(f.blk, 0, 512, 0);
    g_assert_cmpint(f.s->zero_flags, ==, BDRV_REQ_FUA);
    g_assert_cmpuint(f.s->flushes, ==, 0);
    fixture_free(&f);
}

static void test_permissions(void)
{
    Fixture f = fixture_new();
    Error *err = NULL;
    BlockBackend *other;
    uint64_t perm, shared;

    g_assert_cmpint(blk_set_perm(f.blk, BLK_PERM_WRITE,
                                 BLK_PERM_CONSISTENT_READ, &error_abort), ==,
                    0);
    other = blk_new(qemu_get_aio_context(), BLK_PERM_WRITE, BLK_PERM_ALL);
    g_assert_cmpint(blk_insert_bs(other, f.bs, &err), ==, -EPERM);
    g_assert(err && blk_bs(other) == NULL);
    error_free(err);
    err = NULL;

    g_assert_cmpint(blk_set_perm(other, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL,
                                 &error_abort), ==, 0);
    g_assert_cmpint(blk_insert_bs(other, f.bs, &error_abort), ==, 0);
    g_assert_cmpint(blk_set_perm(other, BLK_PERM_WRITE, BLK_PERM_ALL, &err),
                    <, 0);
    error_free(err);
    blk_get_perm(other, &perm, &shared);
    g_assert_cmpuint(perm, ==, BLK_PERM_CONSISTENT_READ);
    g_assert_cmpuint(shared, ==, BLK_PERM_ALL);
    blk_unref(other);
    fixture_free(&f);
}

static void test_zero_range(void)
{
    Fixture f = fixture_new();

    memset(f.s->data, 1, GATE_LENGTH);
    g_assert_cmpint(blk_zero_range(f.blk, 1, GATE_LENGTH, 0), ==, -EIO);
    g_assert_cmpint(blk_zero_range(f.blk, -1, 1, 0), ==, -EIO);
    g_assert_cmpint(f.s->data[1], ==, 1);
    g_assert_cmpint(blk_zero_range(f.blk, 1, GATE_LENGTH - 1, 0), ==, 0);
    for (int i = 0; i < GATE_LENGTH; i++) {
        g_assert_cmpint(f.s->data[i], ==, i == 0);
    }
    fixture_free(&f);
}

static void test_limits(void)
{
    Fixture f = fixture_new();
    void *buf;

    g_assert_cmpuint(blk_bs(f.blk)->bl.request_alignment, ==, 1);
    f.bs->bl.request_alignment = 512;
    g_assert_cmpuint(blk_bs(f.blk)->bl.request_alignment, ==, 512);
    buf = blk_try_blockalign(f.blk, 0);
    g_assert(buf && QEMU_PTR_IS_ALIGNED(buf, 512));
    qemu_vfree(buf);
    fixture_free(&f);
}

/* ---- copies ------------------------------------------------------------- */

typedef struct Copy {
    BlockBackend *in, *out;
    int ret;
} Copy;

static void coroutine_fn copy_entry(void *opaque)
{
    Copy *c = opaque;

    c->ret = blk_co_copy_range(c->in, 0, c->out, 0, 512, 0, 0);
}

/* It waits for both sides, and holds neither while it waits for the other. */
static void test_copy_waits(void)
{
    BlockDriverState *a = gate_node("a"), *b = gate_node("b");
    Copy c = { .in = backend_of(a), .out = backend_of(b), .ret = BG_PENDING };

    bdrv_drained_begin(b);
    qemu_coroutine_enter(qemu_coroutine_create(copy_entry, &c));
    settle();
    g_assert_cmpint(c.ret, ==, BG_PENDING);
    bdrv_drained_begin(a);
    bdrv_drained_end(b);
    settle();
    g_assert_cmpint(c.ret, ==, BG_PENDING);
    bdrv_drained_end(a);
    settle();
    g_assert_cmpint(c.ret, ==, -ENOTSUP); /* what the driver says */
    blk_unref(c.in);
    blk_unref(c.out);
    bdrv_unref(a);
    bdrv_unref(b);
}

/* ---- words -------------------------------------------------------------- */

static void test_words(void)
{
    static const struct {
        const char *word;
        int flags;
        bool writethrough;
    } modes[] = {
        { "none", BDRV_O_NOCACHE, false },
        { "off", BDRV_O_NOCACHE, false },
        { "directsync", BDRV_O_NOCACHE, true },
        { "writeback", 0, false },
        { "writethrough", 0, true },
        { "unsafe", BDRV_O_NO_FLUSH, false },
    };
    bool writethrough;
    int flags;

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        flags = BDRV_O_CACHE_MASK | BDRV_O_RDWR;
        writethrough = !modes[i].writethrough;
        g_assert_cmpint(bdrv_parse_cache_mode(modes[i].word, &flags,
                                              &writethrough), ==, 0);
        g_assert_cmpint(flags, ==, modes[i].flags | BDRV_O_RDWR);
        g_assert(writethrough == modes[i].writethrough);
    }
    flags = BDRV_O_RDWR;
    g_assert_cmpint(bdrv_parse_cache_mode("foo", &flags, &writethrough), ==,
                    -1);
    g_assert_cmpint(bdrv_parse_discard_flags("unmap", &flags), ==, 0);
    g_assert_cmpint(flags, ==, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(bdrv_parse_discard_flags("off", &flags), ==, 0);
    g_assert_cmpint(flags, ==, BDRV_O_RDWR);
    g_assert_cmpint(bdrv_parse_discard_flags("", &flags), ==, -1);
    g_assert_cmpint(bdrv_parse_aio("native", &flags), ==, 0);
    g_assert_cmpint(bdrv_parse_aio("io_uring", &flags), ==, 0);
    g_assert_cmpint(flags, ==, BDRV_O_RDWR | BDRV_O_IO_URING);
    g_assert_cmpint(bdrv_parse_aio("threads", &flags), ==, 0);
    g_assert_cmpint(flags, ==, BDRV_O_RDWR | BDRV_O_THREADS);
    g_assert_cmpint(bdrv_parse_aio("x", &flags), ==, -1);
}

/* ---- allocations -------------------------------------------------------- */

static void do_requests(Fixture *f, int count)
{
    uint8_t buf[1024];

    for (int i = 0; i < count; i++) {
        memset(buf, i, sizeof(buf));
        g_assert_cmpint(blk_pwrite(f->blk, 512, buf, 1024, 0), ==, 1024);
        g_assert_cmpint(blk_pread(f->blk, 1000, buf, 100), ==, 100);
        g_assert_cmpint(blk_pwrite(f->blk, 1000, buf, 100, BDRV_REQ_FUA), ==,
                        100);
        g_assert_cmpint(blk_pwrite_zeroes(f->blk, 8192, 512, 0), ==, 0);
        g_assert_cmpint(blk_flush(f->blk), ==, 0);
    }
}

static void test_no_allocations(void)
{
    Fixture f = fixture_new();
    unsigned before;

    if (!COUNT_ALLOCATIONS || allocations == 0) {
        g_test_skip("a sanitizer or valgrind replaces malloc");
        fixture_free(&f);
        return;
    }
    for (int align = 1; align <= 512; align *= 512) {
        f.bs->bl.request_alignment = align;
        do_requests(&f, 10);
        before = allocations;
        do_requests(&f, 100);
        g_assert_cmpuint(allocations - before, ==, 0);
    }
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/blk/bounds", test_bounds);
    g_test_add_func("/blk/beyond-eof", test_beyond_eof);
    g_test_add_func("/blk/no-medium", test_no_medium);
    g_test_add_func("/blk/cache-mode", test_cache_mode);
    g_test_add_func("/blk/permissions", test_permissions);
    g_test_add_func("/blk/zero-range", test_zero_range);
    g_test_add_func("/blk/limits", test_limits);
    g_test_add_func("/blk/copy-waits", test_copy_waits);
    g_test_add_func("/blk/words", test_words);
    g_test_add_func("/blk/no-allocations", test_no_allocations);
    return g_test_run();
}
