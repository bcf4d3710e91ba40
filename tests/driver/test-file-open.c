/* SPDX-License-Identifier: MIT */
/*
 * Opening, reopening and locking of files: what is refused and in which words,
 * and which bytes are locked, as other processes see it.
 *
 * The other process is this program, started with --hold, or qemu-io, where it
 * is installed.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "block/aio.h"
#include "../image-files.h"

/* ---- helpers ------------------------------------------------------------ */

static char *self_path;

/* An image file of 64 KiB with a pattern in it. */
static char *new_file(const char *name)
{
    char *path = image_path(name);
    g_autofree char *data = g_malloc(64 * KiB);

    memset(data, 0x5a, 64 * KiB);
    g_assert_true(g_file_set_contents(path, data, 64 * KiB, NULL));
    g_assert_cmpint(chmod(path, 0644), ==, 0);
    return path;
}

/* A new image of 1 MiB. */
static char *new_image(const char *format, const char *name)
{
    char *path = image_path(name);

    g_assert_cmpint(image_create(format, path, "size=1M", &error_abort), ==, 0);
    return path;
}

static void assert_unchanged(const char *path)
{
    g_autofree char *data = NULL;
    size_t length;

    g_assert_true(g_file_get_contents(path, &data, &length, NULL));
    g_assert_cmpint(length, ==, 64 * KiB);
    for (size_t i = 0; i < length; i++) {
        g_assert_cmpint(data[i], ==, 0x5a);
    }
}

/* Opening with @options fails with the message @format. */
static void G_GNUC_PRINTF(3, 4)
assert_refused(QDict *options, int flags, const char *format, ...)
{
    g_autofree char *message = NULL;
    Error *err = NULL;
    va_list ap;

    va_start(ap, format);
    message = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_assert(bdrv_open(NULL, NULL, options, flags, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

/*
 * The bytes of @path that somebody holds a lock on, as "100 103/201 203": the
 * permissions held and those not shared.
 */
static char *locked_bytes(const char *path)
{
    g_autoptr(GString) out = g_string_new(NULL);
    int fd = open(path, O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    for (int base = 100; base <= 200; base += 100) {
        for (int i = 0; i < 5; i++) {
            struct flock fl = {
                .l_type = F_WRLCK,
                .l_whence = SEEK_SET,
                .l_start = base + i,
                .l_len = 1,
            };

            g_assert_cmpint(fcntl(fd, F_OFD_GETLK, &fl), ==, 0);
            if (fl.l_type != F_UNLCK) {
                g_string_append_printf(out, "%d ", base + i);
            }
        }
        g_string_append(out, base == 100 ? "/ " : "");
    }
    close(fd);
    return g_strdup(g_strchomp(out->str));
}

static void assert_locked(const char *path, const char *bytes)
{
    g_autofree char *locked = locked_bytes(path);

    g_assert_cmpstr(locked, ==, bytes);
}

/* A raw image's user, and a format that relies on its file. */
#define READER "100 /"
#define WRITER "100 101 / 201 203"
#define VPC_READER "100 / 201 203"
#define VPC_WRITER "100 101 103 / 201 203"

/* ---- what is refused ---------------------------------------------------- */

static void test_errors(void)
{
    g_autofree char *missing = image_path("missing");
    g_autofree char *fifo = image_path("fifo");
    g_autofree char *path = new_file("disk");
    QDict *options;

    assert_refused(image_options("file", missing, NULL), 0,
                   "Could not open '%s': No such file or directory", missing);
    assert_refused(image_options("file", missing, NULL), BDRV_O_RDWR,
                   "Could not open '%s': No such file or directory", missing);
    assert_refused(image_options("file", image_folder, NULL), 0,
                   "Could not open '%s': Is a directory", image_folder);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_refused(image_options("file", fifo, NULL), 0,
                   "'file' driver requires '%s' to be a regular file", fifo);
    assert_refused(image_options("file", "/dev/null", NULL), BDRV_O_RDWR,
                   "'file' driver requires '/dev/null' to be a regular file");
    assert_refused(image_options("file", path, "fast"), 0,
                   "invalid parameter value: fast");
    options = image_options("file", path, NULL);
    qdict_put_str(options, "locking", "maybe");
    assert_refused(options, 0, "invalid parameter value: maybe");
    options = image_options("file", path, NULL);
    qdict_put_str(options, "colour", "red");
    assert_refused(options, 0,
                   "Block protocol 'file' doesn't support the option 'colour'");
    options = qdict_new();
    qdict_put_str(options, "driver", "file");
    assert_refused(options, 0, "The 'file' block driver requires a file name");
    assert_unchanged(path);
}

/* Runs as nobody until the end of @body. */
static bool become_nobody(void)
{
    if (geteuid() != 0) {
        g_test_skip("not root");
        return false;
    }
    g_assert_cmpint(chmod(image_folder, 0777), ==, 0);
    g_assert_cmpint(seteuid(65534), ==, 0);
    return true;
}

static void test_permissions(void)
{
    g_autofree char *path = new_file("disk");
    BlockDriverState *bs;
    QDict *options;

    if (!become_nobody()) {
        return;
    }
    assert_refused(image_options("file", path, NULL), BDRV_O_RDWR,
                   "Could not open '%s': Permission denied", path);
    assert_refused(image_options("raw", path, NULL), BDRV_O_RDWR,
                   "Could not open '%s': Permission denied", path);

    /* Read-only will do if it is said so. */
    options = image_options("file", path, NULL);
    qdict_put_str(options, "auto-read-only", "on");
    bs = bdrv_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    g_assert_true(bdrv_is_read_only(bs));
    bdrv_unref(bs);

    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(chmod(path, 0), ==, 0);
    g_assert_cmpint(seteuid(65534), ==, 0);
    assert_refused(image_options("file", path, NULL), 0,
                   "Could not open '%s': Permission denied", path);
    options = image_options("file", path, NULL);
    qdict_put_str(options, "auto-read-only", "on");
    assert_refused(options, BDRV_O_RDWR,
                   "Could not open '%s': Permission denied", path);
    g_assert_cmpint(seteuid(0), ==, 0);
}

static void test_read_only(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, NULL, BDRV_O_UNMAP,
                                   &error_abort);
    Error *err = NULL;
    char buf[512] = { 0 };

    g_assert_true(blk_is_read_only(blk));
    g_assert_cmpint(blk_pread(blk, 0, buf, 512), ==, 512);
    g_assert_cmpint(buf[511], ==, 0x5a);
    g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, -EPERM);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 512, 0), ==, -EPERM);
    g_assert_cmpint(blk_pdiscard(blk, 0, 512), ==, -EPERM);
    g_assert_cmpint(blk_truncate(blk, 512, true, PREALLOC_MODE_OFF, &err), ==,
                    -EACCES);
    g_assert_cmpstr(error_get_pretty(err), ==, "Image is read-only");
    error_free(err);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    blk_unref(blk);
    assert_unchanged(path);
}

/* A name with a colon, a name with the prefix, a link. */
static void test_names(void)
{
    g_autofree char *path = new_file("a:b");
    g_autofree char *prefixed = g_strdup_printf("file:%s", path);
    g_autofree char *link = image_path("link");
    BlockDriverState *bs;

    bs = bdrv_open(prefixed, NULL, NULL, BDRV_O_PROTOCOL, &error_abort);
    g_assert_cmpstr(bdrv_get_filename(bs), ==, path);
    bdrv_unref(bs);
    g_assert_cmpint(symlink("a:b", link), ==, 0);
    bs = bdrv_open(NULL, NULL, image_options("file", link, NULL), 0,
                   &error_abort);
    g_assert_cmpint(bdrv_getlength(bs), ==, 64 * KiB);
    bdrv_unref(bs);
}

static bool have_vpc(void)
{
    if (!bdrv_find_format("vpc")) {
        g_test_skip("needs the driver vpc");
        return false;
    }
    return true;
}

/* Opening @format over @path with @flags fails for the lock @lock (no quote). */
static void assert_refused_by_lock(const char *format, const char *path,
                                   int flags, const char *lock)
{
    g_autofree char *message =
        g_strdup_printf(strchr(lock, '"') ? "Failed to get %s\" lock"
                                          : "Failed to get \"%s\" lock", lock);
    Error *err = NULL;

    g_assert(image_open(format, path, NULL, flags, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

/* A descriptor of this process for @path with all of @flags, or -1. */
static int find_descriptor(const char *path, int flags)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    struct stat want, st;
    const char *name;
    int found = -1;

    g_assert_cmpint(stat(path, &want), ==, 0);
    while ((name = g_dir_read_name(dir))) {
        int fd = atoi(name);

        if (fstat(fd, &st) == 0 && st.st_ino == want.st_ino &&
            st.st_dev == want.st_dev && (fcntl(fd, F_GETFL) & flags) == flags) {
            found = fd;
        }
    }
    g_dir_close(dir);
    return found;
}

static bool has_descriptor(const char *path, int flag)
{
    return find_descriptor(path, flag) >= 0;
}

/* ---- locks inside one process ------------------------------------------- */

static void test_locks(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *reader, *writer;
    QDict *options;

    reader = image_open("raw", path, NULL, 0, &error_abort);
    assert_locked(path, READER);
    blk_unref(image_open("raw", path, NULL, 0, &error_abort));
    assert_locked(path, READER);
    blk_unref(reader);
    assert_locked(path, "/");

    writer = image_open("raw", path, NULL, BDRV_O_RDWR, &error_abort);
    assert_locked(path, WRITER);
    assert_refused_by_lock("raw", path, BDRV_O_RDWR, "write");
    assert_locked(path, WRITER);

    /* Who shares everything, and who does not lock. */
    options = image_options("raw", path, NULL);
    qdict_put_str(options, "force-share", "on");
    blk_unref(blk_new_open(NULL, NULL, options, 0, &error_abort));
    options = image_options("raw", path, NULL);
    qdict_put_str(options, "force-share", "on");
    assert_refused(options, BDRV_O_RDWR, "force-share=on can only be used with "
                   "read-only images");
    options = image_options("raw", path, NULL);
    qdict_put_str(options, "file.locking", "off");
    blk_unref(blk_new_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort));
    assert_locked(path, WRITER);
    blk_unref(writer);
    assert_locked(path, "/");
}

/* A format has its file for itself: no writer beside a reader. */
static void test_format_locks(void)
{
    g_autofree char *path = NULL;
    BlockBackend *blk;

    if (!have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    blk = image_open("vpc", path, NULL, 0, &error_abort);
    assert_locked(path, VPC_READER);
    assert_refused_by_lock("vpc", path, BDRV_O_RDWR, "write");
    blk_unref(image_open("vpc", path, NULL, 0, &error_abort));
    assert_locked(path, VPC_READER);
    blk_unref(blk);
    blk = image_open("vpc", path, NULL, BDRV_O_RDWR, &error_abort);
    assert_locked(path, VPC_WRITER);
    assert_refused_by_lock("vpc", path, BDRV_O_RDWR, "write");
    assert_refused_by_lock("vpc", path, 0, "shared \"write");
    assert_locked(path, VPC_WRITER);
    blk_unref(blk);
    assert_locked(path, "/");
}

/* Creating @format over @path, which is in use, changes nothing. */
static void assert_create_refused(const char *format, const char *path)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    size_t length, new_length;
    Error *err = NULL;

    g_assert_true(g_file_get_contents(path, &before, &length, NULL));
    g_assert_cmpint(image_create(format, path, "size=2M", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "Failed to get \"write\" lock");
    error_free(err);
    g_assert_true(g_file_get_contents(path, &after, &new_length, NULL));
    g_assert_cmpmem(before, length, after, new_length);
}

static void test_create_in_use(void)
{
    g_autofree char *path = NULL;

    if (!have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    for (int flags = 0; flags <= BDRV_O_RDWR; flags += BDRV_O_RDWR) {
        BlockBackend *blk = image_open("vpc", path, NULL, flags, &error_abort);

        assert_create_refused("raw", path);
        assert_create_refused("vpc", path);
        assert_locked(path, flags ? VPC_WRITER : VPC_READER);
        blk_unref(blk);
    }
    g_assert_cmpint(image_create("raw", path, "size=1M", &error_abort), ==, 0);
    assert_locked(path, "/");
}

/* ---- locks that are waited for ------------------------------------------ */

/* A description of @path with a lock of @type on @byte. */
static int lock_byte(const char *path, int64_t byte, short type)
{
    struct flock fl = {
        .l_type = type,
        .l_whence = SEEK_SET,
        .l_start = byte,
        .l_len = 1,
    };
    int fd = open(path, O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &fl), ==, 0);
    return fd;
}

/* A lock that ends soon, and all that is locked until then. */
typedef struct BriefLock {
    const char *path;
    const char *locked; /* or NULL */
    int fd;
    GThread *thread;
    int64_t begin;
} BriefLock;

#define BRIEF_US (200 * 1000)

static gpointer end_lock(gpointer opaque)
{
    BriefLock *b = opaque;

    g_usleep(BRIEF_US);
    if (b->locked) {
        assert_locked(b->path, b->locked);
    }
    close(b->fd);
    return NULL;
}

static BriefLock brief_begin(const char *path, int64_t byte, short type,
                             const char *locked)
{
    return (BriefLock){ .path = path,
                        .locked = locked,
                        .fd = lock_byte(path, byte, type),
                        .begin = g_get_monotonic_time() };
}

/* Waits for what @b asked to end. */
static void brief_end(BriefLock *b)
{
    g_assert_cmpint(g_get_monotonic_time() - b->begin, >=, BRIEF_US);
    g_thread_join(b->thread);
}

/* A waiter gets what it asks for, keeps what it holds, locks nothing new. */
static void test_wait(void)
{
    static const struct {
        int byte;
        short type;
        const char *locked;
    } locks[] = {
        { 201, F_RDLCK, "100 / 201" },
        { 101, F_RDLCK, "100 101 /" },
        { 103, F_WRLCK, "100 103 /" },
        { 203, F_WRLCK, NULL }, /* found only by the attempt to lock it */
    };
    const uint64_t others = BLK_PERM_ALL & ~(BLK_PERM_WRITE | BLK_PERM_RESIZE);
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);

    bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
    for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
        BriefLock b =
            brief_begin(path, locks[i].byte, locks[i].type, locks[i].locked);

        b.thread = g_thread_new("lock", end_lock, &b);
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, others,
                     &error_abort);
        brief_end(&b);
        assert_locked(path, WRITER);
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, &error_abort);
        assert_locked(path, READER);
    }
    blk_unref(blk);
}

static void test_wait_create(void)
{
    g_autofree char *path = new_file("disk");
    BriefLock b = brief_begin(path, 203, F_RDLCK, "/ 203");

    b.thread = g_thread_new("lock", end_lock, &b);
    g_assert_cmpint(image_create("file", path, "size=1M", &error_abort), ==, 0);
    brief_end(&b);
    assert_locked(path, "/");
}

/* A lock that stays is an error after a second. */
static void test_wait_in_vain(void)
{
    g_autofree char *path = new_file("disk");
    int fd = lock_byte(path, 201, F_RDLCK);
    int64_t begin = g_get_monotonic_time();

    assert_refused_by_lock("raw", path, BDRV_O_RDWR, "write");
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, G_USEC_PER_SEC);
    assert_locked(path, "/ 201");
    close(fd);
}

/*
 * The kernel may keep a description after its descriptor is closed; here
 * another descriptor does.  Its locks are given up all the same.
 */
static void test_kept(void)
{
    g_autofree char *path = NULL;
    BlockBackend *blk;
    int reader, writer;

    if (!have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    blk = image_open("vpc", path, NULL, 0, &error_abort);
    reader = dup(find_descriptor(path, 0));
    g_assert_cmpint(reader, >=, 0);
    bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
    writer = dup(find_descriptor(path, O_RDWR));
    g_assert_cmpint(writer, >=, 0);
    assert_locked(path, VPC_WRITER);
    blk_unref(blk);
    assert_locked(path, "/");
    close(reader);
    close(writer);
}

/* ---- reopening ---------------------------------------------------------- */

static int reopen(BlockBackend *blk, const char *key, const char *value,
                  Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, key, value);
    return bdrv_reopen_multiple(bdrv_reopen_queue(NULL, blk_bs(blk), options,
                                                  true), errp);
}

static void check_io(BlockBackend *blk)
{
    char buf[700];

    g_assert_cmpint(blk_pread(blk, 1001, buf, 700), ==, 700);
    g_assert_cmpint(buf[699], ==, 0x5a);
    if (!blk_is_read_only(blk)) {
        g_assert_cmpint(blk_pwrite(blk, 1001, buf, 700, 0), ==, 700);
        g_assert_cmpint(blk_flush(blk), ==, 0);
    }
}

static void test_reopen_access(void)
{
    g_autofree char *path = new_file("disk");
    const uint64_t all = BLK_PERM_ALL;
    const uint64_t others = all & ~(BLK_PERM_WRITE | BLK_PERM_RESIZE);
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);

    assert_locked(path, READER);
    for (int i = 0; i < 3; i++) {
        bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
        g_assert_true(has_descriptor(path, O_RDWR));
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, others,
                     &error_abort);
        assert_locked(path, WRITER);
        assert_refused_by_lock("raw", path, BDRV_O_RDWR, "write");
        check_io(blk);
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ, all, &error_abort);
        bdrv_reopen_set_read_only(blk_bs(blk), true, &error_abort);
        g_assert_false(has_descriptor(path, O_RDWR));
        assert_locked(path, READER);
        check_io(blk);
    }
    blk_unref(blk);
    assert_unchanged(path);
}

/* A request that may not wait would fail where it has to. */
static void test_blocking(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk;

    for (int i = 0; i < 4; i++) {
        blk = image_open("raw", path, NULL,
                         (i & 1 ? BDRV_O_RDWR : 0) |
                             (i & 2 ? BDRV_O_NOCACHE : 0),
                         &error_abort);
        g_assert_cmpint(has_descriptor(path, O_RDWR), ==, i & 1);
        g_assert_cmpint(has_descriptor(path, O_DIRECT), ==, i / 2);
        g_assert_false(has_descriptor(path, O_NONBLOCK));
        blk_unref(blk);
    }
    blk = image_open("raw", path, NULL, 0, &error_abort);
    bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
    g_assert_true(has_descriptor(path, O_RDWR));
    g_assert_false(has_descriptor(path, O_NONBLOCK));
    blk_unref(blk);
}

/* What a format does to its file changes while it is reopened. */
static void test_reopen_format(void)
{
    g_autofree char *path = NULL;
    BlockBackend *blk;

    if (!have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    blk = image_open("vpc", path, NULL, 0, &error_abort);
    for (int i = 0; i < 3; i++) {
        assert_locked(path, VPC_READER);
        bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
        assert_locked(path, VPC_WRITER);
        bdrv_reopen_set_read_only(blk_bs(blk), true, &error_abort);
    }
    assert_locked(path, VPC_READER);
    blk_unref(blk);
}

static void test_reopen_options(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, "threads", BDRV_O_RDWR,
                                   &error_abort);
    Error *err = NULL;

    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(reopen(blk, "file.cache.direct", "on", &err), ==, 0);
        g_assert_true(has_descriptor(path, O_DIRECT));
        assert_locked(path, WRITER);
        check_io(blk);
        g_assert_cmpint(reopen(blk, "file.cache.direct", "off", &err), ==, 0);
        g_assert_false(has_descriptor(path, O_DIRECT));
        assert_locked(path, WRITER);
        check_io(blk);
        g_assert_cmpint(reopen(blk, "file.locking", "off", &err), ==, 0);
        assert_locked(path, "/");
        g_assert_cmpint(reopen(blk, "file.locking", "on", &err), ==, 0);
        assert_locked(path, WRITER);
        g_assert_cmpint(reopen(blk, "file.aio", "native", &err), ==, 0);
        check_io(blk);
    }
    g_assert_cmpint(reopen(blk, "file.aio", "slow", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "invalid parameter value: slow");
    error_free(err);
    err = NULL;
    g_assert_cmpint(reopen(blk, "file.filename", "other", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot change the option 'filename'");
    error_free(err);
    assert_locked(path, WRITER);
    check_io(blk);
    blk_unref(blk);
    assert_unchanged(path);
}

/* Locks that another has taken meanwhile are not taken by turning them on. */
static void test_reopen_locked(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *writer = image_open("raw", path, NULL, BDRV_O_RDWR,
                                      &error_abort);
    QDict *options = image_options("raw", path, NULL);
    BlockBackend *blk;
    Error *err = NULL;

    qdict_put_str(options, "file.locking", "off");
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(reopen(blk, "file.locking", "on", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "Failed to get \"write\" lock");
    error_free(err);
    assert_locked(path, WRITER);
    check_io(blk);
    blk_unref(writer);
    assert_locked(path, "/");
    g_assert_cmpint(reopen(blk, "file.locking", "on", &error_abort), ==, 0);
    assert_locked(path, WRITER);
    blk_unref(blk);
}

/* Has this process a thread besides the one that runs the tests? */
static bool has_worker(void)
{
    GDir *dir = g_dir_open("/proc/self/task", 0, NULL);
    int count = 0;

    while (g_dir_read_name(dir)) {
        count++;
    }
    g_dir_close(dir);
    return count > 1;
}

/* The engine that a flag asks for does the work: only one has threads. */
static void test_engine_flags(void)
{
    static const int flags[] = { BDRV_O_THREADS, BDRV_O_IO_URING };
    g_autofree char *path = new_file("disk");
    BlockBackend *blk;
    char *buf;

    if (!image_engine_available("io_uring")) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        /* A context of its own, so that there are no threads so far. */
        qemu_set_current_aio_context(NULL);
        blk = image_open("raw", path, NULL, BDRV_O_NOCACHE | flags[i],
                         &error_abort);
        buf = blk_blockalign(blk, 4096);
        g_assert_false(has_worker());
        g_assert_cmpint(blk_pread(blk, 4096, buf, 4096), ==, 4096);
        g_assert_cmpint(has_worker(), ==, flags[i] == BDRV_O_THREADS);
        qemu_vfree(buf);
        blk_unref(blk);
    }
    qemu_set_current_aio_context(NULL);
}

static void test_reopen_refused(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);
    Error *err = NULL;

    if (become_nobody()) {
        g_assert_cmpint(bdrv_reopen_set_read_only(blk_bs(blk), false, &err), <,
                        0);
        g_assert_cmpint(seteuid(0), ==, 0);
        g_assert_cmpstr(error_get_pretty(err), ==,
                        "Could not reopen file: Permission denied");
        error_free(err);
        g_assert_true(blk_is_read_only(blk));
        assert_locked(path, READER);
        check_io(blk);
    }
    blk_unref(blk);
}

/* The name belongs to another file by now: the one that was opened is meant. */
static void test_reopen_renamed(void)
{
    g_autofree char *path = new_file("disk");
    g_autofree char *moved = image_path("moved");
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);

    g_assert_cmpint(rename(path, moved), ==, 0);
    g_assert_true(g_file_set_contents(path, "short", 5, NULL));
    bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 64 * KiB);
    assert_locked(path, "/");
    blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, BLK_PERM_ALL,
                 &error_abort);
    check_io(blk);
    blk_unref(blk);
}

/* ---- other processes ---------------------------------------------------- */

typedef struct Holder {
    GPid pid;
    int in;                     /* its standard input: closed, it ends */
} Holder;

static void holder_begin(Holder *h, const char *path, bool writer, char **argv)
{
    g_autofree char *locked = NULL;

    g_assert_true(g_spawn_async_with_pipes(
        NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
        G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
        &h->pid, &h->in, NULL, NULL, NULL));
    for (int i = 0; i < 5000; i++) {
        g_free(locked);
        locked = locked_bytes(path);
        if (strstr(locked, "/ 201 203") && !strstr(locked, "101") == !writer) {
            return;
        }
        g_usleep(2000);
    }
    g_error("the image was not opened: %s", locked);
}

static void holder_end(Holder *h)
{
    int status;

    close(h->in);
    g_assert_cmpint(waitpid(h->pid, &status, 0), ==, h->pid);
    g_assert_cmpint(status, ==, 0);
}

/* --hold PATH rw|ro: opens, then waits for the end of the input. */
static int hold(const char *path, const char *mode)
{
    BlockBackend *blk;
    char byte;

    bdrv_init();
    blk = image_open("vpc", path, NULL,
                     strcmp(mode, "rw") ? 0 : BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(read(0, &byte, 1), ==, 0);
    blk_unref(blk);
    return 0;
}

/* @writer: the one who holds it may write; readers are refused, too. */
static void check_held(const char *path, bool writer)
{
    QDict *options;
    BlockBackend *blk;

    assert_refused_by_lock("vpc", path, BDRV_O_RDWR, "write");
    if (writer) {
        assert_refused_by_lock("vpc", path, 0, "shared \"write");
    } else {
        blk_unref(image_open("vpc", path, NULL, 0, &error_abort));
    }
    options = image_options("vpc", path, NULL);
    qdict_put_str(options, "force-share", "on");
    blk = blk_new_open(NULL, NULL, options, 0, &error_abort);
    blk_unref(blk);
    assert_create_refused("raw", path);
    assert_create_refused("vpc", path);
}

/* Once with a reader and once with a writer, whose words precede the name. */
static void check_holders(char *program, char *first, char *reader,
                          char *writer)
{
    g_autofree char *path = NULL;

    if (!have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    for (int rw = 0; rw < 2; rw++) {
        bool own = program == self_path;
        char *last = rw ? writer : reader;
        char *argv[] = { program, first, own ? path : last, own ? last : path,
                         NULL };
        Holder h;

        holder_begin(&h, path, rw, argv);
        check_held(path, rw);
        holder_end(&h);
        blk_unref(image_open("vpc", path, NULL, BDRV_O_RDWR, &error_abort));
    }
}

static void test_two_processes(void)
{
    check_holders(self_path, (char *)"--hold", (char *)"ro", (char *)"rw");
}

static bool have_qemu_io(void)
{
    g_autofree char *found = g_find_program_in_path("qemu-io");

    if (!found) {
        g_test_skip("qemu-io is not installed");
    }
    return found;
}

static void test_qemu_holds(void)
{
    if (have_qemu_io()) {
        check_holders((char *)"qemu-io", (char *)"-fvpc", (char *)"-r",
                      (char *)"-twriteback");
    }
}

/* What qemu-io says when it opens @path with @option. */
static char *qemu_io_says(const char *path, const char *option, int *status)
{
    const char *argv[] = { "qemu-io", option, "-f", "vpc", "-c", "read 0 512",
                           path, NULL };
    char *err = NULL;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL,
                               G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
                               NULL, NULL, NULL, &err, status, NULL));
    return err;
}

static void test_qemu_is_refused(void)
{
    g_autofree char *path = NULL;
    int status;

    if (!have_qemu_io() || !have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    for (int rw = 0; rw < 2; rw++) {
        BlockBackend *blk = image_open("vpc", path, NULL, rw ? BDRV_O_RDWR : 0,
                                       &error_abort);
        g_autofree char *writer = qemu_io_says(path, "-twriteback", &status);
        g_autofree char *reader = NULL;
        g_autofree char *sharer = NULL;

        g_assert_nonnull(strstr(writer, "Failed to get \"write\" lock"));
        g_assert_cmpint(status, !=, 0);
        reader = qemu_io_says(path, "-r", &status);
        g_assert_cmpint(status != 0, ==, rw);
        if (rw) {
            g_assert_nonnull(strstr(reader,
                                    "Failed to get shared \"write\" lock"));
        }
        sharer = qemu_io_says(path, "-rU", &status);
        g_assert_cmpint(status, ==, 0);
        blk_unref(blk);
    }
}

int main(int argc, char **argv)
{
    int ret;

    if (argc == 4 && !strcmp(argv[1], "--hold")) {
        return hold(argv[2], argv[3]);
    }
    g_test_init(&argc, &argv, NULL);
    self_path = argv[0];
    bdrv_init();
    image_folder_begin();
    g_test_add_func("/file/open/errors", test_errors);
    g_test_add_func("/file/open/permissions", test_permissions);
    g_test_add_func("/file/open/read-only", test_read_only);
    g_test_add_func("/file/open/names", test_names);
    g_test_add_func("/file/locks/one-process", test_locks);
    g_test_add_func("/file/locks/format", test_format_locks);
    g_test_add_func("/file/locks/create", test_create_in_use);
    g_test_add_func("/file/locks/kept", test_kept);
    g_test_add_func("/file/locks/wait", test_wait);
    g_test_add_func("/file/locks/wait-create", test_wait_create);
    g_test_add_func("/file/locks/wait-in-vain", test_wait_in_vain);
    g_test_add_func("/file/locks/two-processes", test_two_processes);
    g_test_add_func("/file/locks/qemu-holds", test_qemu_holds);
    g_test_add_func("/file/locks/qemu-is-refused", test_qemu_is_refused);
    g_test_add_func("/file/open/engine-flags", test_engine_flags);
    g_test_add_func("/file/open/blocking", test_blocking);
    g_test_add_func("/file/reopen/access", test_reopen_access);
    g_test_add_func("/file/reopen/format", test_reopen_format);
    g_test_add_func("/file/reopen/options", test_reopen_options);
    g_test_add_func("/file/reopen/locked", test_reopen_locked);
    g_test_add_func("/file/reopen/refused", test_reopen_refused);
    g_test_add_func("/file/reopen/renamed", test_reopen_renamed);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
