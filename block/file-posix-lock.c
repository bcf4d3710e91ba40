/* SPDX-License-Identifier: MIT */
/*
 * Locks by which processes agree on who may do what to a file.
 *
 * The scheme is QEMU's, so that each sees the other: for a permission bit i
 * that a process has, it holds a shared lock on byte 100 + i; for a bit i that
 * it does not let others have, one on byte 200 + i.  No lock is ever exclusive:
 * to see whether a byte is taken, ask whether an exclusive lock would be
 * possible.
 *
 * The locks belong to the open file description.  The kernel may keep that for
 * a while after its descriptor is closed, even after the process has gone,
 * because the requests of an io_uring refer to it until they are cleaned up.
 *
 * Invariants:
 *   - Locks are given up before their descriptor is closed.
 *   - A conflict is an error only after file_lock_wait_us, because a killed
 *     process cannot give its locks up.
 *   - A waiter locks nothing new meanwhile, so that of two that want the same
 *     one gets it.
 *   - What contradicts a node of this process is not waited for, as it would
 *     stay: source and target are one file.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <pthread.h>
#include "qapi/error.h"
#include "file-posix.h"

enum {
    PERM_BASE = 100,
    UNSHARED_BASE = 200,
    PERM_BITS = 5,
};

int64_t file_lock_wait_us = G_USEC_PER_SEC;

/* Between two attempts; it varies, so that two who wait do not keep in step. */
#define LOCK_PAUSE_MIN_US 1000
#define LOCK_PAUSE_MAX_US 20000

static int file_lock_set(int fd, int64_t start, short type)
{
    struct flock fl = {
        .l_type = type,
        .l_whence = SEEK_SET,
        .l_start = start,
        .l_len = 1,
    };
    int ret;

    do {
        ret = fcntl(fd, F_OFD_SETLK, &fl);
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? -errno : 0;
}

/* Is there a lock of another description on the byte?  1, 0 or -errno. */
static int file_lock_taken(int fd, int64_t start)
{
    struct flock fl = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = start,
        .l_len = 1,
    };

    if (fcntl(fd, F_OFD_GETLK, &fl) < 0) {
        return -errno;
    }
    return fl.l_type != F_UNLCK;
}

/* Asking fails on a file system that has no locks. */
bool file_lock_supported(int fd)
{
    return file_lock_taken(fd, PERM_BASE) >= 0;
}

/*
 * The locks for @perm and for all that is not in @shared, as one set: first the
 * permissions, then those that others must not have.
 */
static uint64_t lock_set(uint64_t perm, uint64_t shared)
{
    return (perm & BLK_PERM_ALL) | (~shared & BLK_PERM_ALL) << PERM_BITS;
}

/* The byte of bit @i of such a set. */
static int64_t lock_byte(int i)
{
    return i < PERM_BITS ? PERM_BASE + i : UNSHARED_BASE + i - PERM_BITS;
}

/* Bytes that are held already are locked again, which changes nothing. */
int file_lock_acquire(int fd, uint64_t perm, uint64_t shared, Error **errp)
{
    uint64_t set = lock_set(perm, shared);

    for (int i = 0; i < 2 * PERM_BITS; i++) {
        int ret = set >> i & 1 ? file_lock_set(fd, lock_byte(i), F_RDLCK) : 0;

        if (ret < 0) {
            error_setg_errno(errp, -ret, "Failed to lock byte %" PRId64,
                             lock_byte(i));
            return ret;
        }
    }
    return 0;
}

/*
 * Errors are ignored: a lock that cannot be given up goes with its descriptor.
 */
void file_lock_release(int fd, uint64_t perm, uint64_t shared)
{
    uint64_t set = lock_set(perm, shared);

    for (int i = 0; i < 2 * PERM_BITS; i++) {
        if (!(set >> i & 1)) {
            file_lock_set(fd, lock_byte(i), F_UNLCK);
        }
    }
}

/*
 * Does another description hold what contradicts @perm and @shared?  For a
 * permission that is its byte among the unshared ones, and the reverse.
 */
static int file_lock_test(int fd, uint64_t perm, uint64_t shared, Error **errp)
{
    uint64_t set = lock_set(perm, shared);

    for (int i = 0; i < 2 * PERM_BITS; i++) {
        int64_t opposite = lock_byte((i + PERM_BITS) % (2 * PERM_BITS));

        if ((set >> i & 1) && file_lock_taken(fd, opposite) > 0) {
            g_autofree char *name = bdrv_perm_names(1 << i % PERM_BITS);

            error_setg(errp, "Failed to get %s\"%s\" lock",
                       i < PERM_BITS ? "" : "shared ", name);
            return -EAGAIN;
        }
    }
    return 0;
}

/* ---- the files of this process ------------------------------------------ */

static pthread_mutex_t open_files_lock = PTHREAD_MUTEX_INITIALIZER;
static QLIST_HEAD(, FileState) open_files =
    QLIST_HEAD_INITIALIZER(open_files);

void file_lock_enlist(FileState *s)
{
    pthread_mutex_lock(&open_files_lock);
    QLIST_INSERT_HEAD(&open_files, s, next);
    pthread_mutex_unlock(&open_files_lock);
}

void file_lock_delist(FileState *s)
{
    pthread_mutex_lock(&open_files_lock);
    QLIST_REMOVE(s, next);
    pthread_mutex_unlock(&open_files_lock);
}

void file_lock_note(FileState *s, uint64_t perm, uint64_t shared)
{
    pthread_mutex_lock(&open_files_lock);
    s->locked_perm = perm & BLK_PERM_ALL;
    s->locked_unshared = ~shared & BLK_PERM_ALL;
    pthread_mutex_unlock(&open_files_lock);
}

/* Does @s contradict the request?  One that creates shares with no other. */
static bool file_lock_contradicts(const FileState *s, bool creates,
                                  uint64_t perm, uint64_t shared)
{
    return creates || (perm & s->locked_unshared) ||
           (s->locked_perm & ~shared) ||
           (s->bs->force_share && (perm & BLK_PERM_WRITE));
}

/* By numbers, because a file has many names, and a device many nodes. */
static bool file_lock_is_same(const FileState *s, const struct stat *st)
{
    return S_ISBLK(st->st_mode)
               ? s->is_device && s->dev == st->st_rdev
               : s->dev == st->st_dev && s->ino == st->st_ino;
}

static int file_lock_test_own(int fd, const FileState *self, const char *name,
                              uint64_t perm, uint64_t shared, Error **errp)
{
    const FileState *s;
    struct stat st;
    int ret = fstat(fd, &st) < 0 ? -errno : 0;

    pthread_mutex_lock(&open_files_lock);
    QLIST_FOREACH(s, &open_files, next) {
        if (ret == 0 && s != self && file_lock_is_same(s, &st) &&
            file_lock_contradicts(s, !self, perm, shared)) {
            error_setg(errp, "'%s' is the same file as '%s', which this "
                       "program has open", name, s->bs->filename);
            ret = -EBUSY;
        }
    }
    pthread_mutex_unlock(&open_files_lock);
    return ret;
}

/* ---- taking and giving up ----------------------------------------------- */

int file_lock_take(int fd, const FileState *s, const char *name, uint64_t perm,
                   uint64_t shared, Error **errp)
{
    const uint64_t held_perm = s ? s->locked_perm : 0;
    const uint64_t held_unshared = s ? s->locked_unshared : 0;
    int64_t deadline = g_get_monotonic_time() + file_lock_wait_us;
    Error *local_err = NULL;
    int ret;

    /* The held ones were tested when they were taken. */
    perm &= ~held_perm;
    shared |= held_unshared;
    ret = file_lock_test_own(fd, s, name, perm, shared, errp);
    if (ret < 0 || (!s && !file_lock_supported(fd))) {
        return ret;
    }
    for (;;) {
        /*
         * Tested twice: before, so that an attempt in vain does not disturb
         * others; after, because another may have asked at the same time.
         */
        ret = file_lock_test(fd, perm, shared, &local_err);
        if (ret == 0) {
            ret = file_lock_acquire(fd, perm, shared, &local_err);
        }
        if (ret == 0) {
            ret = file_lock_test(fd, perm, shared, &local_err);
        }
        if (ret == 0) {
            return 0;
        }
        file_lock_release(fd, held_perm, BLK_PERM_ALL & ~held_unshared);
        if (ret != -EAGAIN || g_get_monotonic_time() >= deadline) {
            error_append_hint(&local_err, "Is another process using the image "
                              "[%s]?\n", name);
            error_propagate(errp, local_err);
            return ret;
        }
        error_free(local_err);
        local_err = NULL;
        /* Permissions are changed by plain code, which cannot yield. */
        g_usleep(g_random_int_range(LOCK_PAUSE_MIN_US, LOCK_PAUSE_MAX_US));
    }
}

int file_lock_close(int fd)
{
    file_lock_release(fd, 0, BLK_PERM_ALL);
    return close(fd);
}
