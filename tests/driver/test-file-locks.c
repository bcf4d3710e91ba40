/* SPDX-License-Identifier: MIT */
/*
 * Locks of files: which bytes are locked, as other processes see it, who is
 * refused, and who waits.
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
#include "block/file-posix.h"
#include "file-fixture.h"

/* A conflict that stays takes no longer, but where the wait is what is tested. */
#define SHORT_WAIT_US (20 * 1000)

/* One that ends is waited for however busy the machine is. */
#define LONG_WAIT_US ((int64_t)1000 * G_USEC_PER_SEC)

static char *self_path;
static int64_t default_wait;

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
    assert_refused_here("raw", path, BDRV_O_RDWR, NULL);
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
    assert_refused_here("vpc", path, BDRV_O_RDWR, NULL);
    blk_unref(image_open("vpc", path, NULL, 0, &error_abort));
    assert_locked(path, VPC_READER);
    blk_unref(blk);
    blk = image_open("vpc", path, NULL, BDRV_O_RDWR, &error_abort);
    assert_locked(path, VPC_WRITER);
    assert_refused_here("vpc", path, BDRV_O_RDWR, NULL);
    assert_refused_here("vpc", path, 0, NULL);
    assert_locked(path, VPC_WRITER);
    blk_unref(blk);
    assert_locked(path, "/");
}

/*
 * Creating @format over @path, which is in use, changes nothing; the reason is
 * @message, or without one that this process has the file open.
 */
static void assert_create_refused(const char *format, const char *path,
                                  const char *message)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    size_t length, new_length;
    Error *err = NULL;

    g_assert_true(g_file_get_contents(path, &before, &length, NULL));
    g_assert_cmpint(image_create(format, path, "size=2M", &err), <, 0);
    if (message) {
        g_assert_cmpstr(error_get_pretty(err), ==, message);
    } else {
        g_assert_nonnull(strstr(error_get_pretty(err), "is the same file as"));
    }
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

        assert_create_refused("raw", path, NULL);
        assert_create_refused("vpc", path, NULL);
        assert_locked(path, flags ? VPC_WRITER : VPC_READER);
        blk_unref(blk);
    }
    g_assert_cmpint(image_create("raw", path, "size=1M", &error_abort), ==, 0);
    assert_locked(path, "/");
}

/* A file has many names; whoever shares all is in the way of a writer, too. */
static void test_same_file(void)
{
    g_autofree char *path = new_file("disk");
    g_autofree char *soft = image_path("soft");
    g_autofree char *hard = image_path("hard");
    QDict *options = image_options("raw", path, NULL);
    int64_t begin = g_get_monotonic_time();
    BlockBackend *blk;

    g_assert_cmpint(symlink("disk", soft), ==, 0);
    g_assert_cmpint(link(path, hard), ==, 0);
    file_lock_wait_us = LONG_WAIT_US;
    blk = image_open("raw", path, NULL, BDRV_O_RDWR, &error_abort);
    assert_refused_here("raw", soft, BDRV_O_RDWR, path);
    assert_refused_here("raw", hard, BDRV_O_RDWR, path);
    assert_create_refused("raw", hard, NULL);
    assert_locked(path, WRITER);
    blk_unref(blk);

    qdict_put_str(options, "force-share", "on");
    blk = blk_new_open(NULL, NULL, options, 0, &error_abort);
    assert_refused_here("raw", soft, BDRV_O_RDWR, path);
    assert_create_refused("raw", path, NULL);
    blk_unref(blk);
    blk_unref(image_open("raw", soft, NULL, BDRV_O_RDWR, &error_abort));
    g_assert_cmpint(g_get_monotonic_time() - begin, <, LONG_WAIT_US);
    file_lock_wait_us = SHORT_WAIT_US;
    unlink(soft);
    unlink(hard);
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

/* Waits until these bytes are locked, for a minute and more. */
static void await_locked(const char *path, const char *bytes)
{
    for (int i = 0; i < 30000; i++) {
        g_autofree char *locked = locked_bytes(path);

        if (!strcmp(locked, bytes)) {
            return;
        }
        g_usleep(2000);
    }
    assert_locked(path, bytes);
}

static gpointer end_lock(gpointer opaque)
{
    BriefLock *b = opaque;

    g_usleep(BRIEF_US);
    if (b->locked) {
        /* A busy machine may not have come to the waiting yet. */
        await_locked(b->path, b->locked);
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

    file_lock_wait_us = LONG_WAIT_US;
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
    file_lock_wait_us = SHORT_WAIT_US;
}

static void test_wait_create(void)
{
    g_autofree char *path = new_file("disk");
    BriefLock b = brief_begin(path, 203, F_RDLCK, "/ 203");

    file_lock_wait_us = LONG_WAIT_US;
    b.thread = g_thread_new("lock", end_lock, &b);
    g_assert_cmpint(image_create("file", path, "size=1M", &error_abort), ==, 0);
    brief_end(&b);
    assert_locked(path, "/");
    file_lock_wait_us = SHORT_WAIT_US;
}

/* A lock that stays is an error after a second, the time that is the default. */
static void test_wait_in_vain(void)
{
    g_autofree char *path = new_file("disk");
    int fd = lock_byte(path, 201, F_RDLCK);
    int64_t begin = g_get_monotonic_time();

    file_lock_wait_us = default_wait;
    assert_refused_by_lock("raw", path, BDRV_O_RDWR, "write");
    file_lock_wait_us = SHORT_WAIT_US;
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
    for (int i = 0; i < 30000; i++) {
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
    static const char lock[] = "Failed to get \"write\" lock";
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
    assert_create_refused("raw", path, lock);
    assert_create_refused("vpc", path, lock);
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
    default_wait = file_lock_wait_us;
    file_lock_wait_us = SHORT_WAIT_US;
    image_folder_begin();
    g_test_add_func("/file/locks/one-process", test_locks);
    g_test_add_func("/file/locks/format", test_format_locks);
    g_test_add_func("/file/locks/create", test_create_in_use);
    g_test_add_func("/file/locks/same-file", test_same_file);
    g_test_add_func("/file/locks/kept", test_kept);
    g_test_add_func("/file/locks/wait", test_wait);
    g_test_add_func("/file/locks/wait-create", test_wait_create);
    g_test_add_func("/file/locks/wait-in-vain", test_wait_in_vain);
    g_test_add_func("/file/locks/two-processes", test_two_processes);
    g_test_add_func("/file/locks/qemu-holds", test_qemu_holds);
    g_test_add_func("/file/locks/qemu-is-refused", test_qemu_is_refused);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
