/* SPDX-License-Identifier: MIT */
/* What the tests of the I/O engines share. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "engine-bench.h"

bool bench_begin(Bench *b, gconstpointer type)
{
    g_autoptr(Error) err = NULL;
    int fd;

    *b = (Bench){ .ctx = aio_context_new() };
    qemu_set_current_aio_context(b->ctx);
    b->engine = aio_get_io_engine(b->ctx, GPOINTER_TO_INT(type), &err);
    if (!b->engine) {
        g_assert_nonnull(err);
        g_test_skip(error_get_pretty(err));
        qemu_set_current_aio_context(NULL);
        aio_context_unref(b->ctx);
        return false;
    }
    g_assert_null(err);
    b->path = g_strdup("test-io-engine.XXXXXX");
    fd = g_mkstemp(b->path);
    g_assert_cmpint(fd, >=, 0);
    io_file_init(&b->file, fd);
    return true;
}

void bench_end(Bench *b)
{
    close(b->file.fd);
    unlink(b->path);
    g_free(b->path);
    qemu_set_current_aio_context(NULL);
    aio_context_unref(b->ctx);
}

void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    IoEngine *e = r->b->engine;
    IoFile *f = &r->b->file;

    switch (r->op) {
    case READ:
        r->ret = io_engine_preadv(e, f, r->iov, r->niov, r->bytes, r->offset);
        break;
    case WRITE:
        r->ret = io_engine_pwritev(e, f, r->iov, r->niov, r->bytes, r->offset);
        break;
    case SYNC:
        r->ret = io_engine_fdatasync(e, f);
        break;
    case FALLOCATE:
        r->ret = io_engine_fallocate(e, f, r->mode, r->offset, r->bytes);
        break;
    case FTRUNCATE:
        r->ret = io_engine_ftruncate(e, f, r->offset);
        break;
    case RUN:
        r->ret = io_engine_run(e, r->func, r->opaque);
        break;
    }
    r->done = true;
}

int64_t run(Bench *b, Request r)
{
    r.b = b;
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r));
    AIO_WAIT_WHILE(b->ctx, !r.done);
    return r.ret;
}

int64_t do_read(Bench *b, void *buf, size_t bytes, int64_t offset)
{
    struct iovec iov = { buf, bytes };

    return run(b, (Request){ .op = READ,
                             .iov = &iov,
                             .niov = 1,
                             .bytes = bytes,
                             .offset = offset });
}

int64_t do_write(Bench *b, const void *buf, size_t bytes, int64_t offset)
{
    struct iovec iov = { (void *)buf, bytes };

    return run(b, (Request){ .op = WRITE,
                             .iov = &iov,
                             .niov = 1,
                             .bytes = bytes,
                             .offset = offset });
}

void fill(uint8_t *buf, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++) {
        buf[i] = (i * 7 + (i >> 8) * 13 + seed) & 0xff;
    }
}

void add(const char *name, GTestDataFunc func)
{
    g_autofree char *a = g_strdup_printf("/io-engine/threads/%s", name);
    g_autofree char *b = g_strdup_printf("/io-engine/io_uring/%s", name);

    g_test_add_data_func(a, GINT_TO_POINTER(IO_ENGINE_THREADS), func);
    g_test_add_data_func(b, GINT_TO_POINTER(IO_ENGINE_IO_URING), func);
}
