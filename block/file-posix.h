/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the file driver: its state, locks and allocation.
 *
 * Invariants:
 *   - locked_perm and locked_unshared are what the descriptor holds locks for,
 *     and so are checked_perm and checked_unshared between the check of new
 *     permissions and their being set or given up.
 *   - Once an fdatasync has lost pages (IoFile remembers it), be it that of a
 *     preallocation, every later flush of the node fails too, also after a
 *     reopening.
 */
#ifndef BLOCK_FILE_POSIX_H
#define BLOCK_FILE_POSIX_H

#include <sys/stat.h>
#include "block/block_int.h"
#include "minblk/io-engine.h"

typedef struct FileState {
    BlockDriverState *bs;      /* the node */
    QLIST_ENTRY(FileState) next; /* of the open files of this process */
    dev_t dev;                 /* st_rdev of a device, else st_dev ... */
    ino_t ino;                 /* ... and st_ino, which identify the file */
    IoFile file;               /* file.fd is the descriptor */
    IoEngine *engine;          /* borrowed from the context */
    bool is_device;            /* else a regular file */

    bool use_locks;
    bool locks_required;       /* locking=on: a file without locks is refused */
    uint64_t locked_perm;      /* BLK_PERM_* that are held */
    uint64_t locked_unshared;  /* BLK_PERM_* that others must not have */
    uint64_t checked_perm;     /* the same for permissions not yet set */
    uint64_t checked_unshared;
    int reopen_fd;             /* -1: no descriptor waits for a commit */
    bool reopen_locks;         /* a reopening that waits will use locks */

    bool no_punch;             /* the file system refused to make holes */
    bool no_zero_range;        /* ... or to zero a range */
} FileState;

/* The other name of the driver `file`, under which it opens only devices. */
#define FILE_DEVICE_DRIVER "host_device"

/* ---- file-posix-open.c: plain ------------------------------------------- */

extern const char *const file_mutable_opts[];
extern const char *const file_strong_opts[];

/*
 * Opens @filename with @oflags (O_RDWR, O_CREAT ...); never waits, not even for
 * the other end of a FIFO.  The descriptor, which blocks, or -errno.
 */
int file_open_fd(const char *filename, int oflags);

/* Past the prefix of the protocol, if @filename has one. */
const char *file_strip_prefix(const char *filename);

/* Does @drv open what @st is?  0, or -errno with @errp set. */
int file_check_type(const BlockDriver *drv, const char *filename,
                    const struct stat *st, Error **errp);

void file_parse_filename(const char *filename, QDict *options, Error **errp);
int file_open(BlockDriverState *bs, QDict *options, int flags, Error **errp);
void file_close(BlockDriverState *bs);
void file_refresh_filename(BlockDriverState *bs);
int file_check_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared,
                    Error **errp);
void file_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared);
void file_abort_perm_update(BlockDriverState *bs);
int file_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                        Error **errp);
void file_reopen_commit(BDRVReopenState *state);
void file_reopen_abort(BDRVReopenState *state);

/* ---- file-posix-lock.c: plain ------------------------------------------- */

/* How long a conflict is waited for, in microseconds; tests change it. */
extern int64_t file_lock_wait_us;

/* Does the file of @fd take open file description locks? */
bool file_lock_supported(int fd);

/* Enters @s, which is open, in the list of this process's files, or removes. */
void file_lock_enlist(FileState *s);
void file_lock_delist(FileState *s);

/* @s holds the locks for @perm and for all not in @shared, no others. */
void file_lock_note(FileState *s, uint64_t perm, uint64_t shared);

/*
 * Takes the locks for @perm and for all that is not in @shared on @fd, for the
 * node @s, which keeps what it holds; NULL: for one that creates the file,
 * which no node of this process may have open.  @name is for messages.  Waits a
 * second for contradicting locks to go, but not for those of this process.  0,
 * or -errno (-EAGAIN: another process, -EBUSY: this one) with @errp set, and
 * nothing new is locked.
 */
int file_lock_take(int fd, const FileState *s, const char *name, uint64_t perm,
                   uint64_t shared, Error **errp);

/*
 * Locks the bytes for @perm and for all that is not in @shared on @fd, without
 * a look at who else does.  0, or -errno with @errp set.
 */
int file_lock_acquire(int fd, uint64_t perm, uint64_t shared, Error **errp);

/* Unlocks all bytes but those for @perm and for what is not in @shared. */
void file_lock_release(int fd, uint64_t perm, uint64_t shared);

/* Unlocks all bytes, then closes @fd; what close(2) returns. */
int file_lock_close(int fd);

/* ---- file-posix-size.c -------------------------------------------------- */

/* The length of what @fd is, in bytes, or -errno.  Plain. */
int64_t file_fd_length(int fd);

/*
 * A second description of the regular file @file for writing, without O_DIRECT:
 * the page cache knows bytes.  The kernel keeps the two in step; a flush of
 * either is one of the file.  0 and cached->fd is to be closed, or -errno.
 * Plain.
 */
int file_open_cached(IoFile *cached, IoFile *file);

/*
 * Sets the length of the regular file @file from what it is to @size bytes,
 * preallocating new space.  On failure the old length is back.  0, or -errno
 * with @errp set.  co-only.
 */
int coroutine_fn file_resize(IoEngine *engine, IoFile *file, int64_t size,
                             PreallocMode prealloc, Error **errp);

/* ---- file-posix-create.c ------------------------------------------------ */

extern QemuOptsList file_create_opts;
int coroutine_fn file_co_create(BlockdevCreateOptions *options, Error **errp);
int coroutine_fn file_co_create_opts(BlockDriver *drv, const char *filename,
                                     QemuOpts *opts, Error **errp);

/* ---- file-posix-zero.c: write-zeroes, discard, copying, holes ----------- */

int coroutine_fn file_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                       int bytes, BdrvRequestFlags flags);
int coroutine_fn file_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                  int bytes);
int coroutine_fn file_co_block_status(BlockDriverState *bs, bool want_zero,
                                      int64_t offset, int64_t bytes,
                                      int64_t *pnum, int64_t *map,
                                      BlockDriverState **file);
int coroutine_fn file_co_copy_range_from(BlockDriverState *bs, BdrvChild *src,
                                         uint64_t offset, BdrvChild *dst,
                                         uint64_t dst_offset, uint64_t bytes,
                                         BdrvRequestFlags read_flags,
                                         BdrvRequestFlags write_flags);
int coroutine_fn file_co_copy_range_to(BlockDriverState *bs, BdrvChild *src,
                                       uint64_t offset, BdrvChild *dst,
                                       uint64_t dst_offset, uint64_t bytes,
                                       BdrvRequestFlags read_flags,
                                       BdrvRequestFlags write_flags);

#endif
