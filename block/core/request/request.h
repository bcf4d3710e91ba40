/* SPDX-License-Identifier: MIT */
/*
 * The second floor of the layer: one request from its beginning to its end, the
 * way down to the driver's callbacks, padding and its buffers.
 *
 * Files: limits (limits, lengths, aligned memory), tracked (requests in flight,
 * serialising), buffers, pad (unaligned requests), driver-io (the drivers'
 * callbacks, splitting), read, copy-on-read, probe-guard (probed raw images),
 * flush, change (what all changes share), zeroes (write-zeroes, discard),
 * write, truncate, copy-range, status, sync (mixed forms).
 *
 * Invariants:
 *   - Everything between a begin and its end happens under an in-flight count
 *     of the node, so the node and the edge stay.
 *   - Nothing here allocates once a thread's buffers have been made.
 */
#ifndef BLOCK_CORE_REQUEST_H
#define BLOCK_CORE_REQUEST_H

#include "block/core/node/node.h"
#include "minblk/iov-space.h"

/* The largest buffer that stands in for a request's memory. */
#define BDRV_BOUNCE_MAX 65536

/*
 * The end of the largest node: rounding it up to any alignment that a driver
 * may ask for stays within int64_t.
 */
#define BDRV_MAX_ALIGNMENT (1U << 30)
#define BDRV_MAX_LENGTH    (INT64_MAX / BDRV_MAX_ALIGNMENT * BDRV_MAX_ALIGNMENT)

/* ---- limits ------------------------------------------------------------ */

/*
 * Recomputes bs->bl: after open, reopen and a change of children.  With an
 * error the limits are what they were.
 */
void bdrv_refresh_limits(BlockDriverState *bs, Error **errp);

/* The same for all nodes above @bs, which is drained; errors are ignored. */
void bdrv_refresh_parent_limits(BlockDriverState *bs);

/* Asks the driver for its length; @hint sectors without a callback. */
int bdrv_refresh_total_sectors(BlockDriverState *bs, int64_t hint);

/* bdrv_getlength() as the driver was last asked for it. */
int64_t bdrv_known_length(BlockDriverState *bs);

/* ---- requests ---------------------------------------------------------- */

enum BdrvTrackedRequestType {
    BDRV_TRACKED_READ,
    BDRV_TRACKED_WRITE,
    BDRV_TRACKED_DISCARD,
    BDRV_TRACKED_TRUNCATE,
};

/* One request in flight; it lives on the stack of its coroutine. */
struct BdrvTrackedRequest {
    BlockDriverState *bs;
    int64_t offset;
    int64_t bytes;
    enum BdrvTrackedRequestType type;
    bool serialising;
    int64_t overlap_offset; /* the range that others must not touch */
    int64_t overlap_bytes;
    unsigned waits;         /* since it began, or 0: it runs */
    Coroutine *co;
    CoQueue wait_queue; /* those who wait for its end */
    QLIST_ENTRY(BdrvTrackedRequest) list;
};

void bdrv_tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                int64_t offset, int64_t bytes,
                                enum BdrvTrackedRequestType type);
void bdrv_tracked_request_end(BdrvTrackedRequest *req);
/*
 * Requests that overlap @req, rounded out to @align and with @to_end reaching
 * to the end of the file, do not run beside it.  Only before it runs, without a
 * yield before it looks for conflicts.
 */
void bdrv_mark_request_serialising(BdrvTrackedRequest *req, uint64_t align,
                                   bool to_end);
/*
 * To what requests that write or move the file's end are rounded out, in bytes.
 * Plain.
 */
int64_t bdrv_end_align(BlockDriverState *bs);
/*
 * Waits until no request runs that overlaps @req where either is serialising;
 * those that wait themselves do not count, unless they have been overtaken too
 * often.  Then @req runs, until its end.
 */
void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *req);
/*
 * Waits for one of them.  True: others have run meanwhile, and may have moved
 * the end of the file; false: there was none, and @req runs.
 */
bool coroutine_fn bdrv_wait_for_conflict(BdrvTrackedRequest *req);

/* Is the range a possible one?  0 or -EIO. */
int bdrv_check_byte_request(BlockDriverState *bs, int64_t offset,
                            int64_t bytes);

/* Would @req have to wait for another one now?  Plain. */
bool bdrv_request_conflicts(BdrvTrackedRequest *req);

/*
 * Does a request run that is serialising to the end?  Then the length that
 * the driver reports may be greater than the one that such a request leaves.
 * Plain.
 */
bool bdrv_end_in_motion(BlockDriverState *bs);

/* ---- buffers (buffers.c) ------------------------------------------------ */

/*
 * Memory fit for direct I/O on @bs from the thread's store, to be given back
 * with the same @bs and @size.  Ends the process when there is none.  Plain.
 */
void *bdrv_bounce_get(BlockDriverState *bs, size_t size);
void bdrv_bounce_put(BlockDriverState *bs, void *buf, size_t size);

/*
 * A vector of @bytes zeroes that must only be read, from a buffer of
 * BDRV_ZERO_BUF bytes that is repeated: @space has room for the elements.
 * Plain.
 */
#define BDRV_ZERO_BUF 65536
void bdrv_zero_qiov(QEMUIOVector *qiov, struct iovec *space, size_t bytes);

/* ---- padding (pad.c) --------------------------------------------------- */

/*
 * A request rounded out to the alignment.  @buf holds the first block at its
 * beginning and the last one at its end; they are the same or adjacent when
 * @merged.  A request of up to BDRV_BOUNCE_MAX bytes lies in @buf as a whole,
 * so that its memory is aligned as well.
 */
typedef struct BdrvPad {
    int64_t offset; /* of the rounded request */
    int64_t bytes;
    size_t head; /* bytes before the request's own */
    size_t tail; /* and after them */
    bool merged;
    bool whole;
    uint8_t *buf;
    size_t buf_len;
    QEMUIOVector *user_qiov; /* where the request's own bytes are */
    size_t user_offset;
    QEMUIOVector qiov; /* the rounded request's memory */
    struct iovec space[IOV_SPACE];
    size_t space_len; /* bytes of a vector from the store, or 0 */
} BdrvPad;

/*
 * Rounds @bytes of @qiov from @qiov_offset on at @offset out.  @qiov must
 * outlive it.  To be ended.  Plain.
 */
void bdrv_pad_begin(BdrvPad *pad, BlockDriverState *bs, int64_t offset,
                    int64_t bytes, QEMUIOVector *qiov, size_t qiov_offset);
void bdrv_pad_end(BdrvPad *pad, BlockDriverState *bs);

/* Before a write, and after a read, of pad->qiov.  Plain. */
void bdrv_pad_put_data(BdrvPad *pad);
void bdrv_pad_get_data(BdrvPad *pad);

/* Reads what the padding covers.  0 or -errno. */
int coroutine_fn bdrv_pad_read(BdrvPad *pad, BlockDriverState *bs);

/* ---- down to the driver (driver-io.c) ---------------------------------- */

/*
 * Read or write an aligned range in as many calls of the driver's callback as
 * its limits ask for.  @qiov holds @bytes from @qiov_offset on.  Reads past the
 * end give zeroes; writes hand on those of @flags that the driver supports.  0
 * or -errno.
 */
int coroutine_fn bdrv_driver_read(BlockDriverState *bs, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset);
int coroutine_fn bdrv_driver_write(BlockDriverState *bs, int64_t offset,
                                   int64_t bytes, QEMUIOVector *qiov,
                                   size_t qiov_offset, BdrvRequestFlags flags);

/*
 * Those of @flags that the driver cares for itself: none where it gets the data
 * to compress them.  Plain.
 */
static inline BdrvRequestFlags bdrv_driver_write_flags(
    const BlockDriverState *bs, BdrvRequestFlags flags)
{
    return flags & BDRV_REQ_WRITE_COMPRESSED
               ? 0
               : flags & bs->supported_write_flags;
}

/*
 * Starts a callback-style request by @start and waits for it: -EIO when it
 * returns NULL.
 */
typedef struct BdrvAioWait {
    Coroutine *co;
    int ret;
} BdrvAioWait;
void bdrv_aio_wait_cb(void *opaque, int ret);
int coroutine_fn bdrv_aio_wait(BdrvAioWait *wait, BlockAIOCB *acb);

/* ---- changes (change.c) ------------------------------------------------- */

static inline bool bdrv_is_aligned(const BlockDriverState *bs, int64_t offset,
                                   int64_t bytes)
{
    return ((offset | bytes) & (bs->bl.request_alignment - 1)) == 0;
}

/* A change of a node's contents, from begin to end. */
typedef struct BdrvChange {
    BdrvTrackedRequest req;
    BdrvChild *child;
    BlockDriverState *bs;
    bool guarded; /* bdrv_guard_end() is owed */
    bool flush;   /* FUA that the driver did not take */
} BdrvChange;

/* May @child's parent write @flags' way at all?  0 or -errno.  Plain. */
int bdrv_change_check(BdrvChild *child, int64_t offset, int64_t bytes,
                      BdrvRequestFlags flags);

/*
 * Begins a write of @qiov from @qiov_offset on (NULL: zeroes) or a discard:
 * asks the guard, tracks it as @type, waits for those before it and checks the
 * range against the node's length.  0, or -errno and there is nothing to end.
 */
int coroutine_fn bdrv_change_begin(BdrvChange *w, BdrvChild *child,
                                   int64_t offset, int64_t bytes,
                                   QEMUIOVector *qiov, size_t qiov_offset,
                                   BdrvRequestFlags flags,
                                   enum BdrvTrackedRequestType type);

/* May the node of @w end at @end?  0 or -errno.  Plain. */
int bdrv_change_check_end(BdrvChange *w, int64_t end);

/*
 * Writes a part of it, aligned or not, with its debug events; never more than
 * the part changes, the file's length included.
 */
int coroutine_fn bdrv_change_part(BdrvChange *w, int64_t offset, int64_t bytes,
                                  QEMUIOVector *qiov, size_t qiov_offset,
                                  BdrvRequestFlags flags);

/*
 * Ends it with the result @ret: raises the write generation, records a greater
 * length, flushes where FUA asks for it.  Returns 0 or -errno.
 */
int coroutine_fn bdrv_change_end(BdrvChange *w, int ret);

/* ---- write-zeroes (zeroes.c) ------------------------------------------- */

/* A part of a begun write becomes zero; 0 or -errno. */
int coroutine_fn bdrv_change_to_zeroes(BdrvChange *w, int64_t offset,
                                       int64_t bytes, BdrvRequestFlags flags);

/* ---- copy on read (copy-on-read.c) --------------------------------------- */

/*
 * Writes to @child's node what it has from its backing in the range, which was
 * checked and may go on past the end.  0 or -errno; -EPERM without WRITE or
 * WRITE_UNCHANGED.
 */
int coroutine_fn bdrv_copy_up(BdrvChild *child, int64_t offset, int64_t bytes);

/* ---- requests as data (sync.c) ------------------------------------------ */

typedef enum BdrvCallKind {
    BDRV_CALL_READ,
    BDRV_CALL_WRITE,
    BDRV_CALL_ZERO_RANGE,
    BDRV_CALL_DISCARD,
    BDRV_CALL_FLUSH,
    BDRV_CALL_TRUNCATE,
} BdrvCallKind;

/* A request to be handed on; which members count depends on @kind. */
typedef struct BdrvCall {
    BdrvCallKind kind;
    int64_t offset; /* TRUNCATE: the length to be */
    int64_t bytes;
    QEMUIOVector *qiov; /* READ, WRITE */
    BdrvRequestFlags flags;
    bool exact; /* TRUNCATE: all from here on */
    PreallocMode prealloc;
    Error **errp;
} BdrvCall;

/*
 * Sends @c to @bs through its edge @child (FLUSH: may be NULL).  0 or -errno.
 */
int coroutine_fn bdrv_co_call(BlockDriverState *bs, BdrvChild *child,
                              const BdrvCall *c);

/* ---- status (status.c) ------------------------------------------------- */

int coroutine_fn bdrv_co_block_status_above(
    BlockDriverState *bs, BlockDriverState *base, bool want_zero,
    int64_t offset, int64_t bytes, int64_t *pnum, int64_t *map,
    BlockDriverState **file, int *depth);

/* ---- guard of probed raw images ---------------------------------------- */

/*
 * When the format raw was found by probing, the raw node has has_guard set, and
 * its file edge is guarded: no change through that edge may leave a head or a
 * tail that would be probed as another format.  Each kind of request asks here
 * about the edge that it was called with, guarded or not, before it is tracked,
 * because the guard may read through the edge.
 */

/*
 * Before a write of @qiov from @qiov_offset on (NULL: zeroes, or a @discard) at
 * @offset: 0, or -EPERM (with one message a node).  When *@held is set, which
 * it is only on success, the caller calls bdrv_guard_end() when the write is
 * done: until then other changes of the head and tail wait.
 */
int coroutine_fn bdrv_guard_write(BdrvChild *child, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset, bool discard, bool *held);
/* The same for a change of the length to @new_size bytes. */
int coroutine_fn bdrv_guard_truncate(BdrvChild *child, int64_t new_size,
                                     bool *held);
/*
 * For the target of a copy whose data the layer does not see: 0, or -ENOTSUP
 * where it would touch head or tail.  Plain.
 */
int bdrv_guard_copy(BdrvChild *child, int64_t offset, int64_t bytes);
void coroutine_fn bdrv_guard_end(BdrvChild *child);

#endif
