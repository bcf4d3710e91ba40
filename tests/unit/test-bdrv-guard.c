/* SPDX-License-Identifier: MIT */
/*
 * The guard of probed raw images: no kind of change may leave a head or a tail
 * that probing would take for another format.
 *
 * A format for tests, `magic`, is recognised by eight bytes at the start of the
 * file, or at the start of its last 512 or 511 bytes.
 */
#include "qemu/osdep.h"
#include "magics.h"
#include "mem-driver.h"
#include "qemu/error-report.h"
#include "sysemu/block-backend.h"

#define MAGIC "imposter"
#define MAGIC_LEN 8
#define LENGTH 8192

static int magic_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= MAGIC_LEN && !memcmp(buf, MAGIC, MAGIC_LEN) ? 100 : 0;
}

static int magic_probe_tail(const uint8_t *tail, int size, int64_t file_size)
{
    for (int footer = 511; footer <= 512; footer++) {
        if (size >= footer &&
            !memcmp(tail + size - footer, MAGIC, MAGIC_LEN)) {
            return 100;
        }
    }
    return 0;
}

static BlockDriver bdrv_magic = {
    .format_name = "magic",
    .bdrv_probe = magic_probe,
    .bdrv_probe_tail = magic_probe_tail,
};

static int coroutine_fn mem_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                          int bytes, BdrvRequestFlags flags)
{
    MemState *s = bs->opaque;

    if (offset + bytes > s->file->size) {
        mem_set_size(s->file, offset + bytes);
    }
    memset(s->file->data + offset, 0, bytes);
    return 0;
}

/* As a file's: no further than to the end. */
static int coroutine_fn mem_pdiscard(BlockDriverState *bs, int64_t offset,
                                     int bytes)
{
    MemState *s = bs->opaque;

    return mem_pwrite_zeroes(bs, offset,
                             MAX(0, MIN(bytes, s->file->size - offset)), 0);
}

static int coroutine_fn mem_copy_from(BlockDriverState *bs, BdrvChild *src,
                                      uint64_t offset, BdrvChild *dst,
                                      uint64_t dst_offset, uint64_t bytes,
                                      BdrvRequestFlags read_flags,
                                      BdrvRequestFlags write_flags)
{
    return bdrv_co_copy_range_to(src, offset, dst, dst_offset, bytes,
                                 read_flags, write_flags);
}

static int coroutine_fn mem_copy_to(BlockDriverState *bs, BdrvChild *src,
                                    uint64_t src_offset, BdrvChild *dst,
                                    uint64_t dst_offset, uint64_t bytes,
                                    BdrvRequestFlags read_flags,
                                    BdrvRequestFlags write_flags)
{
    MemState *from = src->bs->opaque, *to = bs->opaque;

    memcpy(to->file->data + dst_offset, from->file->data + src_offset, bytes);
    return 0;
}

/* ---- an image of @size bytes of 0xee, probed or not --------------------- */

typedef struct Image {
    MemFile *file;
    BlockBackend *blk;
} Image;

static Image image_open(int64_t size, const char *driver)
{
    Image image = { .file = mem_file("disk", size) };
    QDict *options = qdict_new();

    memset(image.file->data, 0xee, size);
    if (driver) {
        qdict_put_str(options, "driver", driver);
    }
    image.blk = blk_new_open("mem:disk", NULL, options,
                             BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP,
                             &error_abort);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(image.blk)), ==, "raw");
    return image;
}

static void image_close(Image *image)
{
    blk_unref(image->blk);
}

/* The format that opening by probing would find now. */
static bool is_raw(Image *image)
{
    MemFile *f = image->file;
    uint8_t head[512] = { 0 };
    int size = MIN(f->size, 512);

    memcpy(head, f->data, size);
    return f->size == 0 ||
           (!magic_probe(head, 512, NULL) &&
            !magic_probe_tail(f->data + f->size - size, size, f->size));
}

static void put_magic(uint8_t *buf, int at)
{
    memcpy(buf + at, MAGIC, MAGIC_LEN);
}

/* Writes the magic at @offset by a request of [@offset - @before, +@bytes). */
static int write_magic(Image *image, int64_t offset, int before, int bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    memset(buf, 0xee, bytes);
    put_magic(buf, before);
    return blk_pwrite(image->blk, offset - before, buf, bytes, 0);
}

static void refused(Image *image, int ret)
{
    g_assert_cmpint(ret, ==, -EPERM);
    g_assert(is_raw(image));
}

static void test_head(void)
{
    Image image = image_open(LENGTH, NULL);

    refused(&image, write_magic(&image, 0, 0, 512));
    refused(&image, write_magic(&image, 0, 0, 4096));
    refused(&image, write_magic(&image, 0, 0, LENGTH));
    refused(&image, write_magic(&image, 0, 0, MAGIC_LEN)); /* partial */
    g_assert_cmpint(write_magic(&image, 1, 1, 512), ==, 512);
    g_assert_cmpint(write_magic(&image, 512, 0, 512), ==, 512);
    g_assert_cmpint(write_magic(&image, 512, 512, 2048), ==, 2048);
    image_close(&image);
}

/* Said with -f raw, all of it is permitted. */
static void test_not_probed(void)
{
    Image image = image_open(LENGTH, "raw");

    g_assert_cmpint(write_magic(&image, 0, 0, 512), ==, 512);
    g_assert(!is_raw(&image));
    g_assert_cmpint(write_magic(&image, LENGTH - 512, 0, 512), ==, 512);
    image_close(&image);
}

static void test_tail(void)
{
    Image image = image_open(LENGTH, NULL);

    refused(&image, write_magic(&image, LENGTH - 512, 0, 512));
    refused(&image, write_magic(&image, LENGTH - 512, 512, 1024));
    refused(&image, write_magic(&image, LENGTH - 511, 0, MAGIC_LEN));
    refused(&image, write_magic(&image, LENGTH - 511, 1, 512));
    g_assert_cmpint(write_magic(&image, LENGTH - 1024, 0, 512), ==, 512);
    g_assert_cmpint(write_magic(&image, LENGTH - 510, 0, MAGIC_LEN), ==,
                    MAGIC_LEN);
    image_close(&image);
}

/*
 * Opening refuses other formats' magics, so a guest that wrote one could not
 * start again: neither at once, nor all but its first byte and then that.
 */
static void test_other_formats(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        const Magic *m = &magics[i];
        int64_t at = magic_offset(m, LENGTH);
        Image image = image_open(LENGTH, NULL);

        g_assert_cmpint(blk_pwrite(image.blk, at, m->bytes, m->size, 0), ==,
                        -EPERM);
        g_assert_cmpint(image.file->data[at], ==, 0xee);
        g_assert_cmpint(
            blk_pwrite(image.blk, at + 1, m->bytes + 1, m->size - 1, 0), ==,
            m->size - 1);
        g_assert_cmpint(blk_pwrite(image.blk, at, m->bytes, 1, 0), ==, -EPERM);
        g_assert_cmpint(image.file->data[at], ==, 0xee);
        image_close(&image);

        image = image_open(LENGTH, "raw");
        g_assert_cmpint(blk_pwrite(image.blk, at, m->bytes, m->size, 0), ==,
                        m->size);
        image_close(&image);
    }
}

/* Two harmless requests make no header together, one after the other ... */
static void test_halves(void)
{
    Image image = image_open(LENGTH, NULL);
    uint8_t magic[MAGIC_LEN + 1] = MAGIC;

    g_assert_cmpint(blk_pwrite(image.blk, 0, magic, 4, 0), ==, 4);
    refused(&image, blk_pwrite(image.blk, 4, magic + 4, 4, 0));
    g_assert_cmpint(blk_pwrite(image.blk, LENGTH - 508, magic + 4, 4, 0), ==,
                    4);
    refused(&image, blk_pwrite(image.blk, LENGTH - 512, magic, 4, 0));
    image_close(&image);
}

typedef struct Half {
    Image *image;
    int64_t offset;
    const char *text;
    int *running;
    int ret;
} Half;

static void coroutine_fn half_entry(void *opaque)
{
    Half *h = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, h->text, 4);

    h->ret = blk_co_pwritev(h->image->blk, h->offset, 4, &qiov, 0);
    (*h->running)--;
}

/* ... nor at once. */
static void test_halves_at_once(void)
{
    Image image = image_open(LENGTH, NULL);
    int running = 2;
    Half a = { &image, 0, "impo", &running, 1 };
    Half b = { &image, 4, "ster", &running, 1 };

    qemu_coroutine_enter(qemu_coroutine_create(half_entry, &a));
    qemu_coroutine_enter(qemu_coroutine_create(half_entry, &b));
    while (running) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(MIN(a.ret, b.ret), ==, -EPERM);
    g_assert_cmpint(MAX(a.ret, b.ret), ==, 0);
    g_assert(is_raw(&image));
    image_close(&image);
}

static void coroutine_fn vector_entry(void *opaque)
{
    Half *h = opaque;
    uint8_t a[3] = "imp", b[5] = "oster", c[504];
    struct iovec iov[] = {
        { a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) },
    };
    QEMUIOVector qiov;

    memset(c, 1, sizeof(c));
    qemu_iovec_init_external(&qiov, iov, 3);
    h->ret = blk_co_pwritev(h->image->blk, h->offset, 512, &qiov, 0);
    (*h->running)--;
}

static void test_vectors(void)
{
    Image image = image_open(LENGTH, NULL);
    int running = 1;
    Half h = { .image = &image, .running = &running };

    qemu_coroutine_enter(qemu_coroutine_create(vector_entry, &h));
    while (running) {
        aio_poll(qemu_get_aio_context(), true);
    }
    refused(&image, h.ret);
    image_close(&image);
}

/* Zeroes can uncover a header too: here, the one of a format of zeroes. */
static int zero_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf[0] == 'z' && buf[1] == 0 ? 100 : 0;
}

static BlockDriver bdrv_zero_format = {
    .format_name = "zero-format",
    .bdrv_probe = zero_probe,
};

static void test_zeroes(void)
{
    Image image = image_open(LENGTH, NULL);

    g_assert_cmpint(blk_pwrite(image.blk, 0, "zz", 2, 0), ==, 2);
    g_assert_cmpint(blk_pwrite_zeroes(image.blk, 1, 1, 0), ==, -EPERM);
    g_assert_cmpint(image.file->data[1], ==, 'z');
    g_assert_cmpint(blk_pwrite_zeroes(image.blk, 1, 1000, 0), ==, -EPERM);
    g_assert_cmpint(blk_pdiscard(image.blk, 1, 511), ==, -EPERM);
    g_assert_cmpint(image.file->data[1], ==, 'z');
    g_assert_cmpint(blk_pwrite_zeroes(image.blk, 0, 512, 0), ==, 0);
    g_assert_cmpint(image.file->data[1], ==, 0);
    image_close(&image);
}

static int truncate_to(Image *image, int64_t size)
{
    return blk_truncate(image->blk, size, true, PREALLOC_MODE_OFF, NULL);
}

/* A new end exposes another sector as the last one. */
static void test_truncate(void)
{
    Image image = image_open(LENGTH, NULL);

    g_assert_cmpint(write_magic(&image, 1024, 0, 512), ==, 512);
    refused(&image, truncate_to(&image, 1536));
    refused(&image, truncate_to(&image, 1535));
    g_assert_cmpint(image.file->size, ==, LENGTH);
    g_assert_cmpint(truncate_to(&image, 2048), ==, 0);
    g_assert_cmpint(truncate_to(&image, 1 << 20), ==, 0);
    g_assert_cmpint(truncate_to(&image, 0), ==, 0);
    g_assert(is_raw(&image));
    image_close(&image);
}

/* A trailer in the middle does not become the end. */
static void test_truncate_to_trailer(void)
{
    const Magic *dmg = &magics[ARRAY_SIZE(magics) - 1];
    Image image = image_open(LENGTH, NULL);

    g_assert_cmpint(blk_pwrite(image.blk, 1024, dmg->bytes, dmg->size, 0), ==,
                    dmg->size);
    g_assert_cmpint(truncate_to(&image, 1536), ==, -EPERM);
    g_assert_cmpint(image.file->size, ==, LENGTH);
    g_assert_cmpint(truncate_to(&image, 1535), ==, 0);
    g_assert_cmpint(truncate_to(&image, 1536), ==, -EPERM);
    g_assert_cmpint(truncate_to(&image, 2048), ==, 0);
    image_close(&image);
}

/* Growing by writing, and a write far past the end. */
static void test_grow(void)
{
    Image image = image_open(LENGTH, NULL);

    blk_set_allow_write_beyond_eof(image.blk, true);
    refused(&image, write_magic(&image, LENGTH, 0, 512));
    refused(&image, write_magic(&image, 4 * LENGTH, 0, 512));
    g_assert_cmpint(image.file->size, ==, LENGTH);
    g_assert_cmpint(write_magic(&image, LENGTH, 0, 1024), ==, 1024);
    image_close(&image);
}

/* The end of a file that is not a multiple of a sector. */
static void test_odd_length(void)
{
    Image image = image_open(3 * 512 + 511, NULL);

    refused(&image, write_magic(&image, 3 * 512, 0, 511));
    refused(&image, write_magic(&image, 3 * 512, 0, MAGIC_LEN));
    g_assert_cmpint(write_magic(&image, 3 * 512 + 2, 0, MAGIC_LEN), ==,
                    MAGIC_LEN);
    g_assert(is_raw(&image));
    image_close(&image);
}

/* The bytes before the magic, and zeroes after it, so that it is at the end. */
static int zero_tail_probe(const uint8_t *tail, int size, int64_t file_size)
{
    return size == 512 && !memcmp(tail, MAGIC, MAGIC_LEN) &&
                   tail[511] == 0
               ? 100
               : 0;
}

/*
 * A discard over the end leaves it where it is; zeroes there move it to theirs.
 * Both may uncover a tail, here one that ends with a zero.
 */
static void test_odd_end(void)
{
    Image image = image_open(LENGTH + 100, NULL);
    uint8_t *end = image.file->data + LENGTH + 100 - 512;

    bdrv_zero_format.bdrv_probe_tail = zero_tail_probe;
    bdrv_magic.bdrv_probe_tail = NULL;
    g_assert_cmpint(write_magic(&image, LENGTH + 100 - 512, 0, 512), ==, 512);
    g_assert_cmpint(blk_pdiscard(image.blk, LENGTH, 512), ==, -EPERM);
    g_assert_cmpint(blk_pdiscard(image.blk, LENGTH, 100), ==, -EPERM);
    g_assert_cmpint(end[511], ==, 0xee);
    g_assert_cmpint(blk_pwrite_zeroes(image.blk, LENGTH + 99, 1, 0), ==,
                    -EPERM);
    /* This one lets the file grow, and the tail is in its middle then. */
    g_assert_cmpint(blk_pwrite_zeroes(image.blk, LENGTH, 512, 0), ==, 0);
    g_assert_cmpint(image.file->size, ==, LENGTH + 512);
    bdrv_magic.bdrv_probe_tail = magic_probe_tail;
    bdrv_zero_format.bdrv_probe_tail = NULL;
    image_close(&image);
}

/* The middle is not looked at: the protocol is asked for nothing. */
static void test_middle(void)
{
    Image image = image_open(1 << 20, NULL);

    for (int64_t offset = 1024; offset < 64 * 1024; offset += 512) {
        g_assert_cmpint(write_magic(&image, offset, 0, 512), ==, 512);
    }
    image_close(&image);
}

/* A window that begins after the head cannot touch it, but its end can. */
static void test_window(void)
{
    Image image = { .file = mem_file("disk", LENGTH) };
    QDict *options = qdict_new();

    memset(image.file->data, 0xee, LENGTH);
    qdict_put_str(options, "offset", "1024");
    image.blk = blk_new_open("mem:disk", NULL, options, BDRV_O_RDWR,
                             &error_abort);
    g_assert_cmpint(write_magic(&image, 0, 0, 512), ==, 512);
    refused(&image, write_magic(&image, LENGTH - 1024 - 512, 0, 512));
    image_close(&image);
}

typedef struct Copy {
    Image *image;
    BlockBackend *src;
    int64_t to;
    int ret;
    bool done;
} Copy;

static void coroutine_fn copy_entry(void *opaque)
{
    Copy *c = opaque;

    c->ret = blk_co_copy_range(c->src, 0, c->image->blk, c->to, 512, 0, 0);
    c->done = true;
}

static int copy_to(Image *image, BlockBackend *src, int64_t to)
{
    Copy c = { .image = image, .src = src, .to = to };

    qemu_coroutine_enter(qemu_coroutine_create(copy_entry, &c));
    while (!c.done) {
        aio_poll(qemu_get_aio_context(), true);
    }
    return c.ret;
}

/* Another disk with the magic at its start, named as raw. */
static BlockBackend *backend_of_magic(void)
{
    QDict *options = qdict_new();

    put_magic(mem_file("magic", LENGTH)->data, 0);
    qdict_put_str(options, "driver", "raw");
    return blk_new_open("mem:magic", NULL, options, 0, &error_abort);
}

/*
 * The layer does not see the data of a copy, so the caller has to read and
 * write.
 */
static void test_copy(void)
{
    Image image = image_open(LENGTH, NULL);
    BlockBackend *src = backend_of_magic();

    g_assert_cmpint(copy_to(&image, src, 4096), ==, 0);
    g_assert(!memcmp(image.file->data + 4096, MAGIC, MAGIC_LEN));
    g_assert_cmpint(copy_to(&image, src, 0), ==, -ENOTSUP);
    g_assert_cmpint(copy_to(&image, src, LENGTH - 512), ==, -ENOTSUP);
    g_assert_cmpint(copy_to(&image, src, 511), ==, -ENOTSUP);
    g_assert_cmpint(copy_to(&image, src, LENGTH - 1023), ==, -ENOTSUP);
    g_assert(is_raw(&image));
    blk_unref(src);
    image_close(&image);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_mem.bdrv_co_pwrite_zeroes = mem_pwrite_zeroes;
    bdrv_mem.bdrv_co_pdiscard = mem_pdiscard;
    bdrv_mem.bdrv_co_copy_range_from = mem_copy_from;
    bdrv_mem.bdrv_co_copy_range_to = mem_copy_to;
    bdrv_init();
    bdrv_register(&bdrv_mem);
    bdrv_register(&bdrv_magic);
    bdrv_register(&bdrv_zero_format);
    g_test_add_func("/guard/head", test_head);
    g_test_add_func("/guard/not-probed", test_not_probed);
    g_test_add_func("/guard/tail", test_tail);
    g_test_add_func("/guard/other-formats", test_other_formats);
    g_test_add_func("/guard/halves", test_halves);
    g_test_add_func("/guard/halves-at-once", test_halves_at_once);
    g_test_add_func("/guard/vectors", test_vectors);
    g_test_add_func("/guard/zeroes", test_zeroes);
    g_test_add_func("/guard/truncate", test_truncate);
    g_test_add_func("/guard/truncate-to-trailer", test_truncate_to_trailer);
    g_test_add_func("/guard/grow", test_grow);
    g_test_add_func("/guard/odd-length", test_odd_length);
    g_test_add_func("/guard/odd-end", test_odd_end);
    g_test_add_func("/guard/middle", test_middle);
    g_test_add_func("/guard/window", test_window);
    g_test_add_func("/guard/copy", test_copy);
    ret = g_test_run();
    mem_reset();
    return ret;
}
