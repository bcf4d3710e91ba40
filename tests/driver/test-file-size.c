/* SPDX-License-Identifier: MIT */
/*
 * Lengths, holes, copies and devices under the file driver; and that what the
 * kernel refuses reaches the user as it is, with nothing left half done.
 *
 * Faults come from this program's own versions of some system calls, which
 * fail as told; the engine of threads calls them.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "block/aio.h"
#include "block/block_int.h"
#include "../image-files.h"
#include "loop-device.h"

/* ---- faults ------------------------------------------------------------- */

typedef enum Call {
    CALL_NONE,
    CALL_PREADV,
    CALL_PWRITEV,
    CALL_FDATASYNC,
    CALL_FALLOCATE,
    CALL_FTRUNCATE,
    CALL_COPY,
    CALL_LSEEK,
    CALL_FSTAT,
} Call;

static int fail_call;           /* CALL_*, atomic */
static int fail_errno;          /* atomic */
static int held_call;           /* CALL_*, atomic: does not return meanwhile */
static int held_calls;          /* atomic: that have been */

static bool fails(Call call)
{
    if (__atomic_load_n(&held_call, __ATOMIC_ACQUIRE) == (int)call) {
        __atomic_fetch_add(&held_calls, 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&held_call, __ATOMIC_ACQUIRE) == (int)call) {
            g_usleep(1000);
        }
    }
    if (__atomic_load_n(&fail_call, __ATOMIC_ACQUIRE) != (int)call) {
        return false;
    }
    errno = __atomic_load_n(&fail_errno, __ATOMIC_RELAXED);
    return true;
}

static void fail(Call call, int error)
{
    __atomic_store_n(&fail_errno, error, __ATOMIC_RELAXED);
    __atomic_store_n(&fail_call, (int)call, __ATOMIC_RELEASE);
}

ssize_t preadv(int fd, const struct iovec *iov, int niov, off_t offset)
{
    return fails(CALL_PREADV) ? -1
                              : syscall(SYS_preadv, fd, iov, niov, offset, 0);
}

ssize_t pwritev(int fd, const struct iovec *iov, int niov, off_t offset)
{
    return fails(CALL_PWRITEV) ? -1
                               : syscall(SYS_pwritev, fd, iov, niov, offset, 0);
}

/* The inline attempts: so that all goes through the calls above. */
ssize_t preadv2(int fd, const struct iovec *iov, int niov, off_t offset,
                int flags)
{
    errno = EOPNOTSUPP;
    return -1;
}

ssize_t pwritev2(int fd, const struct iovec *iov, int niov, off_t offset,
                 int flags)
{
    errno = EOPNOTSUPP;
    return -1;
}

int fdatasync(int fd)
{
    return fails(CALL_FDATASYNC) ? -1 : syscall(SYS_fdatasync, fd);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    return fails(CALL_FALLOCATE)
               ? -1 : syscall(SYS_fallocate, fd, mode, offset, bytes);
}

int ftruncate(int fd, off_t length)
{
    return fails(CALL_FTRUNCATE) ? -1 : syscall(SYS_ftruncate, fd, length);
}

ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset,
                        size_t bytes, unsigned int flags)
{
    return fails(CALL_COPY) ? -1
                            : syscall(SYS_copy_file_range, in, in_offset, out,
                                      out_offset, bytes, flags);
}

off_t lseek(int fd, off_t offset, int whence)
{
    if ((whence == SEEK_DATA || whence == SEEK_HOLE) && fails(CALL_LSEEK)) {
        return -1;
    }
    return syscall(SYS_lseek, fd, offset, whence);
}

int fstat(int fd, struct stat *st)
{
    return fails(CALL_FSTAT) ? -1 : fstatat(fd, "", st, AT_EMPTY_PATH);
}

/* ---- helpers ------------------------------------------------------------ */

#define RDWR (BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP)

static int64_t length_of(const char *path)
{
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return st.st_size;
}

static int64_t space_of(const char *path)
{
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return (int64_t)st.st_blocks * 512;
}

/* A file of @length bytes of 0x5a. */
static char *new_file(const char *name, size_t length)
{
    char *path = image_path(name);
    g_autofree char *data = g_malloc(length + 1);

    memset(data, 0x5a, length);
    g_assert_true(g_file_set_contents(path, data, length, NULL));
    return path;
}

/* @length bytes of 0x5a, then zeroes. */
static void assert_contents(const char *path, size_t data_length)
{
    g_autofree char *data = NULL;
    size_t length;

    g_assert_true(g_file_get_contents(path, &data, &length, NULL));
    for (size_t i = 0; i < length; i++) {
        g_assert_cmpint(data[i], ==, i < data_length ? 0x5a : 0);
    }
}

static void assert_truncate(BlockBackend *blk, int64_t size,
                            PreallocMode prealloc, int result,
                            const char *message)
{
    Error *err = NULL;

    g_assert_cmpint(blk_truncate(blk, size, true, prealloc, &err), ==, result);
    g_assert_cmpstr(err ? error_get_pretty(err) : NULL, ==, message);
    error_free(err);
}

/* ---- truncate ----------------------------------------------------------- */

static void check_truncate(int flags)
{
    g_autofree char *path = new_file("disk", 1000);
    BlockBackend *blk = image_open("file", path, NULL, RDWR | flags,
                                   &error_abort);

    assert_truncate(blk, 1300, PREALLOC_MODE_FULL, 0, NULL);
    g_assert_cmpint(length_of(path), ==, 1300);
    assert_truncate(blk, 5000, PREALLOC_MODE_FALLOC, 0, NULL);
    g_assert_cmpint(length_of(path), ==, 5000);
    g_assert_cmpint(space_of(path), >=, 8192);
    assert_truncate(blk, 300001, PREALLOC_MODE_FULL, 0, NULL);
    g_assert_cmpint(length_of(path), ==, 300001);
    g_assert_cmpint(space_of(path), >=, 300001);
    assert_truncate(blk, 600001, PREALLOC_MODE_OFF, 0, NULL);
    g_assert_cmpint(length_of(path), ==, 600001);
    g_assert_cmpint(space_of(path), <, 400000);
    assert_contents(path, 1000);

    assert_truncate(blk, 500, PREALLOC_MODE_FALLOC, -ENOTSUP,
                    "Cannot use preallocation for shrinking files");
    assert_truncate(blk, 500, PREALLOC_MODE_FULL, -ENOTSUP,
                    "Cannot use preallocation for shrinking files");
    assert_truncate(blk, 1 * MiB, PREALLOC_MODE_METADATA, -ENOTSUP,
                    "Unsupported preallocation mode: metadata");
    g_assert_cmpint(length_of(path), ==, 600001);
    assert_truncate(blk, 500, PREALLOC_MODE_OFF, 0, NULL);
    assert_truncate(blk, 2000, PREALLOC_MODE_OFF, 0, NULL);
    assert_contents(path, 500);

    /* From nothing: the first block is written. */
    assert_truncate(blk, 0, PREALLOC_MODE_OFF, 0, NULL);
    g_assert_cmpint(space_of(path), ==, 0);
    assert_truncate(blk, 1 * MiB, PREALLOC_MODE_OFF, 0, NULL);
    g_assert_cmpint(space_of(path), ==, 4096);
    assert_truncate(blk, 0, PREALLOC_MODE_OFF, 0, NULL);
    assert_truncate(blk, 700, PREALLOC_MODE_OFF, 0, NULL);
    g_assert_cmpint(length_of(path), ==, 700);
    g_assert_cmpint(space_of(path), ==, 4096);
    blk_unref(blk);
}

static void test_truncate(void)
{
    check_truncate(0);
}

static void test_truncate_direct(void)
{
    check_truncate(BDRV_O_NOCACHE);
}

/* Whatever fails: the errno, the words, the old length. */
static void test_truncate_faults(void)
{
    static const struct {
        PreallocMode prealloc;
        Call call;
        int error;
        const char *message;
    } cases[] = {
        { PREALLOC_MODE_OFF, CALL_FTRUNCATE, EIO,
          "Could not resize file: Input/output error" },
        { PREALLOC_MODE_OFF, CALL_FTRUNCATE, EPERM,
          "Could not resize file: Operation not permitted" },
        { PREALLOC_MODE_FALLOC, CALL_FALLOCATE, ENOSPC,
          "Could not preallocate new data: No space left on device" },
        { PREALLOC_MODE_FALLOC, CALL_FALLOCATE, EDQUOT,
          "Could not preallocate new data: Disk quota exceeded" },
        { PREALLOC_MODE_FULL, CALL_PWRITEV, ENOSPC,
          "Could not write zeros for preallocation: "
          "No space left on device" },
        { PREALLOC_MODE_FULL, CALL_FDATASYNC, EIO,
          "Could not write zeros for preallocation: Input/output error" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = new_file("disk", 1000);
        BlockBackend *blk = image_open("file", path, "threads", RDWR,
                                       &error_abort);

        fail(cases[i].call, cases[i].error);
        assert_truncate(blk, 1 * MiB, cases[i].prealloc, -cases[i].error,
                        cases[i].message);
        fail(CALL_NONE, 0);
        g_assert_cmpint(length_of(path), ==, 1000);
        g_assert_cmpint(blk_getlength(blk), ==, 1024);
        blk_unref(blk);
        assert_contents(path, 1000);
    }
}

/* A file system without fallocate: the space is written. */
static void test_falloc_written(void)
{
    g_autofree char *path = new_file("disk", 1000);
    BlockBackend *blk = image_open("file", path, "threads", RDWR,
                                   &error_abort);

    fail(CALL_FALLOCATE, EOPNOTSUPP);
    assert_truncate(blk, 3 * MiB + 1, PREALLOC_MODE_FALLOC, 0, NULL);
    fail(CALL_NONE, 0);
    g_assert_cmpint(length_of(path), ==, 3 * MiB + 1);
    g_assert_cmpint(space_of(path), >=, 3 * MiB);
    blk_unref(blk);
    assert_contents(path, 1000);
}

/* The process's limit of file sizes, and a full disk. */
static void test_limit(void)
{
    g_autofree char *path = new_file("disk", 1000);
    BlockBackend *blk = image_open("file", path, NULL, RDWR, &error_abort);
    struct rlimit old, limit;

    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    limit = old;
    limit.rlim_cur = 1 * MiB;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    assert_truncate(blk, 2 * MiB, PREALLOC_MODE_OFF, -EFBIG,
                    "Could not resize file: File too large");
    assert_truncate(blk, 2 * MiB, PREALLOC_MODE_FALLOC, -EFBIG,
                    "Could not preallocate new data: File too large");
    assert_truncate(blk, 2 * MiB, PREALLOC_MODE_FULL, -EFBIG,
                    "Could not write zeros for preallocation: File too large");
    g_assert_cmpint(length_of(path), ==, 1000);
    blk_set_allow_write_beyond_eof(blk, true);
    g_assert_cmpint(blk_pwrite(blk, 2 * MiB, "x", 1, 0), ==, -EFBIG);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
    g_assert_cmpint(length_of(path), ==, 1000);
    blk_unref(blk);
    assert_contents(path, 1000);
}

static void test_full_disk(void)
{
    g_autofree char *path = NULL;
    g_autofree char *buf = g_malloc0(2 * MiB);
    BlockBackend *blk;
    Error *err = NULL;
    LoopFs fs;

    if (!loop_tmpfs_begin(&fs, 1 * MiB)) {
        return;
    }
    path = g_build_filename(fs.folder, "disk", NULL);
    for (const char *const *mode = (const char *const[]) { "falloc", "full",
                                                           NULL };
         *mode; mode++) {
        g_autofree char *options = g_strdup_printf("size=2M,preallocation=%s",
                                                   *mode);

        g_assert_cmpint(image_create("file", path, options, &err), ==,
                        -ENOSPC);
        g_assert_nonnull(strstr(error_get_pretty(err),
                                "No space left on device"));
        error_free(err);
        err = NULL;
        g_assert_cmpint(length_of(path), ==, 0);
    }
    g_assert_cmpint(image_create("file", path, "size=2M", &error_abort), ==, 0);
    blk = image_open("file", path, NULL, RDWR, &error_abort);
    g_assert_cmpint(blk_pwrite(blk, 0, buf, 2 * MiB, 0), ==, -ENOSPC);
    assert_truncate(blk, 3 * MiB, PREALLOC_MODE_FULL, -ENOSPC, "Could not "
                    "write zeros for preallocation: No space left on device");
    g_assert_cmpint(length_of(path), ==, 2 * MiB);
    blk_unref(blk);
    loop_fs_end(&fs);
}

/* ---- creation ----------------------------------------------------------- */

static void test_create(void)
{
    static const struct {
        const char *options;
        int64_t length, least, most;    /* bytes of the file, of its space */
    } cases[] = {
        { "size=1M", 1 * MiB, 4096, 4096 },
        { "size=1M,preallocation=off", 1 * MiB, 4096, 4096 },
        { "size=1M,preallocation=falloc", 1 * MiB, 1 * MiB, 1 * MiB + 8192 },
        { "size=1M,preallocation=full", 1 * MiB, 1 * MiB, 1 * MiB + 8192 },
        { "size=1000", 1024, 4096, 4096 },
        { "size=0", 0, 0, 0 },
        { "size=64K,extent_size_hint=1M", 64 * KiB, 4096, 4096 },
    };
    g_autofree char *path = image_path("new");
    Error *err = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(image_create("file", path, cases[i].options,
                                     &error_abort), ==, 0);
        g_assert_cmpint(length_of(path), ==, cases[i].length);
        g_assert_cmpint(space_of(path), >=, cases[i].least);
        g_assert_cmpint(space_of(path), <=, cases[i].most);
        assert_contents(path, 0);
    }
    g_assert_cmpint(image_create("file", path, "size=1M,preallocation=some",
                                 &err), ==, -EINVAL);
    g_assert_cmpstr(error_get_pretty(err), ==, "invalid parameter value: some");
    error_free(err);
    err = NULL;
    g_assert_cmpint(image_create("file", path, "size=1M,preallocation=metadata",
                                 &err), ==, -EINVAL);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Unsupported preallocation mode: metadata");
    error_free(err);
    err = NULL;
    g_assert_cmpint(image_create("file", image_folder, "size=1M", &err), ==,
                    -EISDIR);
    g_assert_true(g_str_has_suffix(error_get_pretty(err), "Is a directory"));
    error_free(err);
    err = NULL;
    g_assert_cmpint(image_create("file", "/dev/null", "size=1M", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "Cannot grow device files");
    error_free(err);
}

/* ---- requests that fail ------------------------------------------------- */

static void test_request_faults(void)
{
    static const int errors[] = { EIO, ENOSPC, EDQUOT, EROFS, ENOMEM, EBADF };
    g_autofree char *path = new_file("disk", 64 * KiB);
    g_autofree char *other_path = new_file("other", 64 * KiB);
    BlockBackend *blk = image_open("file", path, "threads", RDWR, &error_abort);
    BlockBackend *other = image_open("file", other_path, "threads", RDWR,
                                     &error_abort);
    char buf[512];

    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        int e = errors[i];

        fail(CALL_PREADV, e);
        g_assert_cmpint(blk_pread(blk, 0, buf, 512), ==, -e);
        fail(CALL_PWRITEV, e);
        g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, -e);
        fail(CALL_FALLOCATE, e);
        g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 512, 0), ==, -e);
        g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 512, BDRV_REQ_MAY_UNMAP), ==,
                        -e);
        g_assert_cmpint(blk_pdiscard(blk, 0, 512), ==, -e);
    }
    /* A file system that cannot: zeroes are written, discarding is no error. */
    fail(CALL_FALLOCATE, EOPNOTSUPP);
    g_assert_cmpint(blk_pdiscard(blk, 0, 512), ==, 0);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 1, 3, BDRV_REQ_NO_FALLBACK), ==,
                    -ENOTSUP);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 32 * KiB, 32 * KiB,
                                      BDRV_REQ_MAY_UNMAP), ==, 0);
    fail(CALL_NONE, 0);
    assert_contents(path, 32 * KiB);
    blk_unref(blk);
    blk_unref(other);
}

static void test_flush_fault(void)
{
    g_autofree char *path = new_file("disk", 4096);
    BlockBackend *blk = image_open("file", path, "threads", RDWR, &error_abort);

    g_assert_cmpint(blk_pwrite(blk, 0, "a", 1, 0), ==, 1);
    fail(CALL_FDATASYNC, EIO);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    fail(CALL_NONE, 0);
    /* What was lost is lost: no later flush makes it good. */
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmpint(blk_pwrite(blk, 0, "b", 1, 0), ==, 1);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmpint(blk_pwrite(blk, 0, "c", 1, BDRV_REQ_FUA), ==, -EIO);
    blk_unref(blk);
}

/* The fdatasync that failed was not the layer's flush. */
static void test_preallocation_sync(void)
{
    g_autofree char *path = new_file("disk", 4096);
    BlockBackend *blk = image_open("file", path, "threads", RDWR, &error_abort);

    fail(CALL_FDATASYNC, EIO);
    g_assert_cmpint(blk_truncate(blk, 8192, true, PREALLOC_MODE_FULL, NULL),
                    ==, -EIO);
    fail(CALL_NONE, 0);
    g_assert_cmpint(blk_pwrite(blk, 0, "a", 1, 0), ==, 1);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    blk_unref(blk);
}

/* By another descriptor, whose own fdatasync succeeds. */
static void test_flush_fault_reopened(void)
{
    g_autofree char *path = new_file("disk", 4096);
    /* Without flushes: a reopening flushes first, and fails if that does. */
    BlockBackend *blk = image_open("file", path, "threads",
                                   RDWR | BDRV_O_NO_FLUSH, &error_abort);
    QDict *options = qdict_new();
    BlockReopenQueue *queue;

    fail(CALL_FDATASYNC, EIO);
    g_assert_cmpint(blk_truncate(blk, 8192, true, PREALLOC_MODE_FULL, NULL),
                    ==, -EIO);
    fail(CALL_NONE, 0);
    qdict_put_bool(options, BDRV_OPT_CACHE_NO_FLUSH, false);
    qdict_put_bool(options, BDRV_OPT_CACHE_DIRECT, true);
    queue = bdrv_reopen_queue(NULL, blk_bs(blk), options, true);
    g_assert_cmpint(bdrv_reopen_multiple(queue, &error_abort), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    blk_unref(blk);
}

/*
 * With O_DIRECT no page waits: a flush that failed may succeed later.  But the
 * end of a file that is no whole block is written through the page cache, and
 * what zeroes a range or cuts the file may zero a part of a page.
 */
static void test_flush_fault_direct(void)
{
    g_autofree char *data = g_malloc0(4096);

    for (int change = 0; change < 4; change++) {
        g_autofree char *path = new_file("disk", 8192);
        BlockBackend *blk = image_open("file", path, "threads",
                                       RDWR | BDRV_O_NOCACHE,
                                       NULL);
        int ret;

        if (!blk) {
            g_test_skip("no O_DIRECT here");
            return;
        }
        blk_set_allow_write_beyond_eof(blk, true);
        switch (change) {
        case 0:
            ret = blk_pwrite(blk, 0, data, 4096, 0);
            break;
        case 1:
            ret = blk_pwrite(blk, 8192, data, 4095, 0);
            break;
        case 2:
            ret = blk_pdiscard(blk, 0, 4096);
            break;
        default:
            ret = blk_truncate(blk, 4608, true, PREALLOC_MODE_OFF, NULL);
        }
        g_assert_cmpint(ret, >=, 0);
        fail(CALL_FDATASYNC, EIO);
        g_assert_cmpint(blk_flush(blk), ==, -EIO);
        fail(CALL_NONE, 0);
        g_assert_cmpint(blk_flush(blk), ==, change ? -EIO : 0);
        blk_unref(blk);
    }
}

static int discarded;           /* 1: not yet; else what came of it */

static void coroutine_fn discard_entry(void *blk)
{
    discarded = 1;
    discarded = blk_co_pdiscard(blk, 0, 4096);
}

/* A flush that ends before such a change does not make up for it. */
static void test_flush_during_change(void)
{
    g_autofree char *path = new_file("disk", 8192);
    g_autofree char *data = g_malloc0(4096);
    BlockBackend *blk = image_open("file", path, "threads",
                                   RDWR | BDRV_O_NOCACHE, NULL);

    if (!blk) {
        g_test_skip("no O_DIRECT here");
        return;
    }
    g_assert_cmpint(blk_pwrite(blk, 4096, data, 4096, 0), ==, 4096);
    __atomic_store_n(&held_call, CALL_FALLOCATE, __ATOMIC_RELEASE);
    qemu_coroutine_enter(qemu_coroutine_create(discard_entry, blk));
    while (!__atomic_load_n(&held_calls, __ATOMIC_ACQUIRE)) {
        aio_poll(blk_get_aio_context(blk), false);
    }
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(discarded, ==, 1);
    __atomic_store_n(&held_call, CALL_NONE, __ATOMIC_RELEASE);
    AIO_WAIT_WHILE(blk_get_aio_context(blk), discarded == 1);
    g_assert_cmpint(discarded, ==, 0);

    fail(CALL_FDATASYNC, EIO);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    fail(CALL_NONE, 0);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    blk_unref(blk);
}

/* ---- copying ------------------------------------------------------------ */

typedef struct Copy {
    BlockBackend *in, *out;
    int64_t from, to;
    int bytes;
    int ret;
    bool done;
} Copy;

static void coroutine_fn copy_entry(void *opaque)
{
    Copy *c = opaque;

    c->ret = blk_co_copy_range(c->in, c->from, c->out, c->to, c->bytes, 0, 0);
    c->done = true;
}

static int copy_range(BlockBackend *in, int64_t from, BlockBackend *out,
                      int64_t to, int bytes)
{
    Copy c = { in, out, from, to, bytes, 0, false };

    qemu_coroutine_enter(qemu_coroutine_create(copy_entry, &c));
    AIO_WAIT_WHILE(blk_get_aio_context(in), !c.done);
    return c.ret;
}

static void test_copy(void)
{
    g_autofree char *in_path = new_file("in", 100001);
    g_autofree char *out_path = new_file("out", 0);
    BlockBackend *in = image_open("raw", in_path, "threads", 0, &error_abort);
    BlockBackend *out = image_open("file", out_path, "threads", RDWR,
                                   &error_abort);

    blk_set_allow_write_beyond_eof(out, true);
    g_assert_cmpint(copy_range(in, 1, out, 0, 100000), ==, 0);
    g_assert_cmpint(length_of(out_path), ==, 100000);
    assert_contents(out_path, 100000);
    /* Behind the end of the source there is nothing to copy. */
    g_assert_cmpint(copy_range(in, 0, out, 0, 100352), ==, -ENOTSUP);
    g_assert_cmpint(copy_range(in, 0, out, 0, 100353), ==, -EIO);

    fail(CALL_COPY, EIO);
    g_assert_cmpint(copy_range(in, 0, out, 0, 512), ==, -EIO);
    fail(CALL_COPY, ENOSPC);
    g_assert_cmpint(copy_range(in, 0, out, 0, 512), ==, -ENOSPC);
    fail(CALL_COPY, EXDEV);
    g_assert_cmpint(copy_range(in, 0, out, 0, 512), ==, -ENOTSUP);
    fail(CALL_NONE, 0);
    blk_unref(in);
    blk_unref(out);
}

/* ---- block status ------------------------------------------------------- */

/* Compares the node's answers with SEEK_DATA and SEEK_HOLE, byte by byte. */
static void check_status(const char *path, int flags)
{
    BlockBackend *blk = image_open("file", path, NULL, flags, &error_abort);
    int64_t align = blk_bs(blk)->bl.request_alignment;
    int64_t length = length_of(path), end = blk_getlength(blk), pnum, map;
    g_autofree uint8_t *data = g_malloc0(end + align + 4096);
    int fd = open(path, O_RDONLY);
    off_t start = 0, hole;
    BlockDriverState *file;

    while ((start = lseek(fd, start, SEEK_DATA)) >= 0) {
        hole = lseek(fd, start, SEEK_HOLE);
        start = QEMU_ALIGN_DOWN(start, align);
        memset(data + start, 1, ROUND_UP(hole, align) - start);
        start = hole;
    }
    close(fd);
    g_assert_cmpint(end, ==, ROUND_UP(length, 512));
    for (int64_t at = 0; at < end; at += pnum) {
        int ret = bdrv_block_status(blk_bs(blk), at, end - at, &pnum, &map,
                                    &file);

        g_assert_cmpint(pnum, >, 0);
        g_assert_cmpint(map, ==, at);
        g_assert(file == blk_bs(blk));
        g_assert_cmpint(ret & ~BDRV_BLOCK_EOF, ==,
                        (data[at] ? BDRV_BLOCK_DATA : BDRV_BLOCK_ZERO) |
                        BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_ALLOCATED);
        g_assert_cmpint(!!(ret & BDRV_BLOCK_EOF), ==, at + pnum == end);
        for (int64_t i = at; i < at + pnum; i++) {
            g_assert_cmpint(data[i], ==, data[at]);
        }
        /* Neighbours differ: an extent is told as a whole. */
        g_assert_true(at + pnum == end || data[at + pnum] != data[at]);
    }
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), end, 512, &pnum, NULL,
                                      NULL), ==, BDRV_BLOCK_EOF);
    g_assert_cmpint(pnum, ==, 0);
    blk_unref(blk);
}

static void test_status(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    g_autofree char *path = image_path("sparse");

    for (int round = 0; round < 30; round++) {
        int64_t length = g_rand_int_range(rand, 0, 400000);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

        for (int i = g_rand_int_range(rand, 0, 8); i > 0; i--) {
            char buf[9000];
            int bytes = g_rand_int_range(rand, 1, sizeof(buf));
            int64_t offset = g_rand_int_range(rand, 0, 400000);

            memset(buf, 1, bytes);
            g_assert_cmpint(pwrite(fd, buf, bytes, offset), ==, bytes);
        }
        g_assert_cmpint(ftruncate(fd, length), ==, 0);
        close(fd);
        check_status(path, 0);
        check_status(path, BDRV_O_NOCACHE);
    }
}

/* A file system that knows no holes, or fails to tell: all is data. */
static void test_status_unknown(void)
{
    g_autofree char *path = new_file("disk", 8192);
    BlockBackend *blk = image_open("file", path, NULL, 0, &error_abort);
    int64_t pnum;

    fail(CALL_LSEEK, EINVAL);
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), 0, 8192, &pnum, NULL, NULL),
                    ==, BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID |
                    BDRV_BLOCK_ALLOCATED | BDRV_BLOCK_EOF);
    fail(CALL_NONE, 0);
    g_assert_cmpint(pnum, ==, 8192);
    blk_unref(blk);
}

/* Of the many extents that a file may have, only the last asks its length. */
static void test_status_without_length(void)
{
    g_autofree char *path = new_file("disk", 4096);
    BlockBackend *blk;
    int64_t pnum;
    int fd = open(path, O_RDWR);

    g_assert_cmpint(pwrite(fd, "x", 1, 65536), ==, 1);
    g_assert_cmpint(ftruncate(fd, 1 * MiB), ==, 0);
    close(fd);
    blk = image_open("raw", path, NULL, 0, &error_abort);
    fail(CALL_FSTAT, EIO);
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), 0, 1 * MiB, &pnum, NULL,
                                      NULL) & BDRV_BLOCK_DATA, >, 0);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), 4096, 1 * MiB, &pnum, NULL,
                                      NULL) & BDRV_BLOCK_ZERO, >, 0);
    g_assert_cmpint(pnum, ==, 65536 - 4096);
    g_assert_cmpint(bdrv_block_status(blk_bs(blk), 131072, 1 * MiB, &pnum,
                                      NULL, NULL), ==, -EIO);
    fail(CALL_NONE, 0);
    blk_unref(blk);
}

/* ---- devices ------------------------------------------------------------ */

static void check_device(const LoopDevice *dev, int flags)
{
    BlockBackend *blk = image_open("raw", dev->path, NULL, RDWR | flags,
                                   &error_abort);
    BlockDriverState *file = bdrv_file_bs(blk_bs(blk));
    g_autofree char *buf = g_malloc(100000);
    g_autofree char *back = g_malloc(100000);
    BlockSizes sizes;
    int64_t pnum;

    g_assert_cmpint(blk_getlength(blk), ==, 8 * MiB);
    g_assert_cmpint(bdrv_probe_blocksizes(file, &sizes), ==, 0);
    g_assert_cmpint(sizes.log, ==, 4096);
    g_assert_cmpint(file->bl.request_alignment, ==, flags ? 4096 : 1);
    g_assert_cmpint(bdrv_has_zero_init(file), ==, 0);

    memset(buf, 7, 100000);
    g_assert_cmpint(blk_pwrite(blk, 1001, buf, 100000, 0), ==, 100000);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 3001, 50000, 0), ==, 0);
    memset(buf + 2000, 0, 50000);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 60001, 20000, BDRV_REQ_MAY_UNMAP),
                    ==, 0);
    memset(buf + 59000, 0, 20000);
    g_assert_cmpint(blk_pread(blk, 1001, back, 100000), ==, 100000);
    g_assert_cmpmem(buf, 100000, back, 100000);
    g_assert_cmpint(blk_pwrite(blk, 8 * MiB - 1, buf, 2, 0), ==, -EIO);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(bdrv_block_status(file, 0, 8 * MiB, &pnum, NULL, NULL) &
                    (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO), ==, BDRV_BLOCK_DATA);
    g_assert_cmpint(pnum, ==, 8 * MiB);

    assert_truncate(blk, 9 * MiB, PREALLOC_MODE_OFF, -EINVAL,
                    "Cannot grow device files");
    assert_truncate(blk, 4 * MiB, PREALLOC_MODE_OFF, -ENOTSUP,
                    "Cannot resize device files");
    g_assert_cmpint(blk_truncate(blk, 4 * MiB, false, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    assert_truncate(blk, 8 * MiB, PREALLOC_MODE_FALLOC, -ENOTSUP,
                    "Preallocation mode 'falloc' unsupported for this node");
    g_assert_cmpint(blk_getlength(blk), ==, 8 * MiB);
    blk_unref(blk);
}

static void test_device(void)
{
    Error *err = NULL;
    LoopDevice dev;

    if (!loop_device_begin(&dev, 4096, 8 * MiB)) {
        return;
    }
    check_device(&dev, 0);
    check_device(&dev, BDRV_O_NOCACHE);
    g_assert_cmpint(image_create("raw", dev.path, "size=8M", &error_abort), ==,
                    0);
    g_assert_cmpint(image_create("raw", dev.path, "size=9M", &err), <, 0);
    g_assert_nonnull(strstr(error_get_pretty(err), "Device is too small"));
    error_free(err);
    loop_device_end(&dev);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    image_folder_begin();
    g_test_add_func("/file/truncate/buffered", test_truncate);
    g_test_add_func("/file/truncate/direct", test_truncate_direct);
    g_test_add_func("/file/truncate/faults", test_truncate_faults);
    g_test_add_func("/file/truncate/falloc-written", test_falloc_written);
    g_test_add_func("/file/truncate/limit", test_limit);
    g_test_add_func("/file/truncate/full-disk", test_full_disk);
    g_test_add_func("/file/create", test_create);
    g_test_add_func("/file/faults/requests", test_request_faults);
    g_test_add_func("/file/faults/flush", test_flush_fault);
    g_test_add_func("/file/faults/preallocation", test_preallocation_sync);
    g_test_add_func("/file/faults/reopened", test_flush_fault_reopened);
    g_test_add_func("/file/faults/direct", test_flush_fault_direct);
    g_test_add_func("/file/faults/flush-during-change",
                    test_flush_during_change);
    g_test_add_func("/file/copy", test_copy);
    g_test_add_func("/file/status/sparse", test_status);
    g_test_add_func("/file/status/unknown", test_status_unknown);
    g_test_add_func("/file/status/without-length", test_status_without_length);
    g_test_add_func("/file/device", test_device);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
