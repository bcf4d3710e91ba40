/* SPDX-License-Identifier: MIT */
/*
 * The block layer as its users see it: nodes, opening, information, resizing.
 *
 * Classes of functions, named in each comment:
 *   co-only  may be called only inside a coroutine of the node's AioContext;
 *   mixed    inside a coroutine it yields, outside it starts one and polls the
 *            AioContext until that is done;
 *   plain    never yields and never polls.
 *
 * Invariants:
 *   - A node, its coroutines and its users belong to the one thread that runs
 *     its AioContext.
 *   - Offsets and sizes are bytes, results are 0 or positive on success and
 *     -errno on failure, unless a comment says otherwise.
 *   - The event loop is never polled inside a coroutine.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "qemu/typedefs.h"
#include "block/aio.h"
#include "qapi/qapi-types-block-core.h"
#include "qemu/coroutine.h"
#include "qemu/iov.h"
#include "qemu/option.h"
#include "qapi/qmp/qdict.h"

#define BDRV_SECTOR_BITS 9
#define BDRV_SECTOR_SIZE (1ULL << BDRV_SECTOR_BITS)

/* The largest request that the layer passes on in one piece. */
#define BDRV_REQUEST_MAX_SECTORS (INT_MAX >> BDRV_SECTOR_BITS)
#define BDRV_REQUEST_MAX_BYTES   (BDRV_REQUEST_MAX_SECTORS << BDRV_SECTOR_BITS)

/* Flags of one request. */
typedef enum {
    BDRV_REQ_COPY_ON_READ     = 0x1,   /* keep what comes from the backing */
    BDRV_REQ_ZERO_WRITE       = 0x2,   /* write zeroes; there is no buffer */
    BDRV_REQ_MAY_UNMAP        = 0x4,   /* with ZERO_WRITE: may deallocate */
    BDRV_REQ_FUA              = 0x10,  /* done only when it is on the disk */
    BDRV_REQ_WRITE_COMPRESSED = 0x20,  /* or -ENOTSUP */
    BDRV_REQ_WRITE_UNCHANGED  = 0x40,  /* writes what reads there anyway */
    BDRV_REQ_SERIALISING      = 0x80,  /* wait for all overlapping requests */
    BDRV_REQ_NO_FALLBACK      = 0x100, /* with ZERO_WRITE: fast or -ENOTSUP */
    BDRV_REQ_PREFETCH         = 0x200, /* copy on read alone, no data */
    BDRV_REQ_MASK             = 0x3ff,
} BdrvRequestFlags;

/* Flags of bdrv_open(). */
#define BDRV_O_RDWR        0x0002
#define BDRV_O_RESIZE      0x0004  /* the user may change the size */
#define BDRV_O_SNAPSHOT    0x0008  /* put a throw-away overlay on top */
#define BDRV_O_TEMPORARY   0x0010
#define BDRV_O_NOCACHE     0x0020  /* cache.direct=on */
#define BDRV_O_NATIVE_AIO  0x0080
#define BDRV_O_NO_BACKING  0x0100
#define BDRV_O_NO_FLUSH    0x0200  /* cache.no-flush=on */
#define BDRV_O_COPY_ON_READ 0x0400
#define BDRV_O_INACTIVE    0x0800
#define BDRV_O_CHECK       0x1000  /* opened to check, repair or salvage it */
#define BDRV_O_ALLOW_RDWR  0x2000  /* may become writable by reopening */
#define BDRV_O_UNMAP       0x4000  /* discard=unmap */
#define BDRV_O_PROTOCOL    0x8000  /* no probing: a protocol node is wanted */
#define BDRV_O_NO_IO       0x10000
#define BDRV_O_AUTO_RDONLY 0x20000 /* auto-read-only=on */
#define BDRV_O_IO_URING    0x40000
#define BDRV_O_THREADS     0x80000 /* aio=threads; minblk's own */

#define BDRV_O_CACHE_MASK (BDRV_O_NOCACHE | BDRV_O_NO_FLUSH)

/* Options of the layer that every node takes. */
#define BDRV_OPT_CACHE_WB       "cache.writeback"
#define BDRV_OPT_CACHE_DIRECT   "cache.direct"
#define BDRV_OPT_CACHE_NO_FLUSH "cache.no-flush"
#define BDRV_OPT_READ_ONLY      "read-only"
#define BDRV_OPT_AUTO_READ_ONLY "auto-read-only"
#define BDRV_OPT_DISCARD        "discard"
#define BDRV_OPT_FORCE_SHARE    "force-share"

/* The bits of bdrv_block_status(). */
#define BDRV_BLOCK_DATA         0x01 /* not known to be zero: must be read */
#define BDRV_BLOCK_ZERO         0x02 /* reads as zeroes */
#define BDRV_BLOCK_OFFSET_VALID 0x04 /* it is in file at map */
#define BDRV_BLOCK_RAW          0x08 /* drivers only: ask *file at *map */
#define BDRV_BLOCK_ALLOCATED    0x10 /* layer only: this node answers for it */
#define BDRV_BLOCK_EOF          0x20 /* layer only: ends where the node ends */
#define BDRV_BLOCK_RECURSE      0x40 /* drivers only: the file may know holes */

/* Permissions of an edge: what a parent does, and what it lets others do. */
enum {
    BLK_PERM_CONSISTENT_READ = 0x01,
    BLK_PERM_WRITE           = 0x02,
    BLK_PERM_WRITE_UNCHANGED = 0x04,
    BLK_PERM_RESIZE          = 0x08,
    BLK_PERM_GRAPH_MOD       = 0x10,
    BLK_PERM_ALL             = 0x1f,
};

struct BlockDriverInfo {
    int cluster_size;          /* bytes; 0: unknown */
    int64_t vm_state_offset;
    bool is_dirty;
    bool unallocated_blocks_are_zero;
    bool needs_compressed_writes;
};

typedef struct BlockFragInfo {
    uint64_t allocated_clusters;
    uint64_t total_clusters;
    uint64_t fragmented_clusters;
    uint64_t compressed_clusters;
} BlockFragInfo;

/* BdrvCheckResult has what QEMU 5.0 lacks: findings one by one. */
#define MINBLK_CHECK_FINDINGS 1

typedef enum BdrvFindingGrade {
    BDRV_FINDING_CORRUPTION,   /* wrong, or wrong after further writes */
    BDRV_FINDING_LEAK,         /* space that nothing uses */
    BDRV_FINDING_WARNING,      /* odd, but harmless; it is not counted */
} BdrvFindingGrade;

/*
 * All strings are the driver's and live as long as the call.  Offsets and
 * lengths are bytes; a length of 0 says that there is no such range.
 */
typedef struct BdrvCheckFinding {
    BdrvFindingGrade grade;
    ImageCheckFault fault;
    int64_t offset;            /* in the file */
    int64_t bytes;             /* of the file from there on */
    const char *field;         /* what is there, in words */
    const char *value;
    const char *expected;
    const char *effect;        /* on the disk, in words, now or with the repair;
                                  NULL: none */
    bool fixed;                /* repaired by this check */
    bool planned;              /* BDRV_FIX_DRY_RUN: it would be repaired */
    int64_t block;             /* the first one; -1: it is about none */
    int64_t count;             /* of blocks; 0: it is about none */
    int64_t last_block;        /* others may lie between it and the first */
    int64_t entry;             /* theirs in the table, the lowest; -1: none */
    int64_t last_entry;        /* the highest */
    int64_t guest_offset;      /* of the disk: the range that is affected */
    int64_t guest_bytes;
    int64_t other_offset;      /* that whose data it may hold, or which may */
    int64_t other_bytes;       /* hold its data */
    int64_t data_bytes;        /* of the file's range, those that are not 0 */
} BdrvCheckFinding;

/*
 * May be called in a coroutine, must not yield.  The counts of the result are
 * complete when it is called first.
 */
typedef void BdrvCheckListener(const BdrvCheckFinding *finding, void *opaque);

typedef enum {
    BDRV_FIX_LEAKS = 1,
    BDRV_FIX_ERRORS = 2,

    /* ---- those that QEMU 5.0 lacks: a driver may ignore them ---- */
    BDRV_FIX_FORCE = 4,        /* with ERRORS: though data is given up */
    BDRV_FIX_DRY_RUN = 8,      /* findings say what would be repaired */
} BdrvCheckMode;

typedef struct BdrvCheckResult {
    int corruptions;
    int leaks;
    int check_errors;          /* what kept the check from being complete */
    int corruptions_fixed;
    int leaks_fixed;
    int64_t image_end_offset;  /* bytes; 0: unknown */
    BlockFragInfo bfi;

    /* ---- fields that QEMU 5.0 lacks: use them under #ifdef only ---- */

    /* MINBLK_CHECK_FINDINGS: called for each finding; may be NULL. */
    BdrvCheckListener *listener;
    void *listener_opaque;

    int orphans;               /* of the leaks: blocks that no entry names */
    int64_t orphaned_data;     /* bytes of them that are not zero */
    int fixable;               /* BdrvCheckMode: those that would repair more */
    /* Bytes of the disk. */
    int64_t unreadable;
    int64_t zeroed;            /* by the repair; they may have held data */
    int64_t doubtful;          /* since a repair they hold their own data or
                                  that of another range */
} BdrvCheckResult;

/*
 * A thing that a product would refuse, with the options that mend it.  All
 * strings are the driver's and live as long as the call.
 */
typedef struct BdrvRefusal {
    const char *problem;
    const char *amend;         /* of amend; NULL: amend cannot */
    const char *convert;       /* then those of a copy in the same format; it
                                  mends all that there is; NULL: nothing does */
} BdrvRefusal;

typedef void BdrvRefusalListener(const BdrvRefusal *refusal, void *opaque);

typedef struct BlockSizes {
    uint32_t phys;
    uint32_t log;
} BlockSizes;

typedef struct HDGeometry {
    uint32_t heads;
    uint32_t sectors;
    uint32_t cylinders;
} HDGeometry;

struct BDRVReopenState {
    BlockDriverState *bs;
    int flags;                 /* the open flags to be */
    bool read_only;
    uint64_t perm, shared_perm;
    QDict *options;            /* all options to be; prepare consumes them */
    QDict *explicit_options;   /* those that the user gave */
    void *opaque;              /* the driver's, between prepare and commit */
};

/* ---- start-up, registry ------------------------------------------------ */

/* Registers all drivers; later calls do nothing.  Any thread; plain. */
void bdrv_init(void);

/*
 * Links @drv in; it is not copied and must stay.  Ends the program, with an
 * error on standard error, if there is a driver of its name.  Plain.
 */
void bdrv_register(BlockDriver *drv);

/*
 * The driver whose format_name is @name ("vhd" is another name of "vpc"), or
 * NULL.  Plain.
 */
BlockDriver *bdrv_find_format(const char *name);

/*
 * The protocol driver for @filename: by its "PREFIX:" (when
 * @allow_protocol_prefix), else the one for plain files.  NULL sets @errp.
 * Plain.
 */
BlockDriver *bdrv_find_protocol(const char *filename,
                                bool allow_protocol_prefix, Error **errp);

/* Calls @it once with each distinct format_name, sorted.  Plain. */
void bdrv_iterate_format(void (*it)(void *opaque, const char *name),
                         void *opaque);

/* Accessors of a driver for those who do not include block_int.h.  Plain. */
const char *bdrv_driver_name(const BlockDriver *drv);
QemuOptsList *bdrv_driver_create_opts(const BlockDriver *drv); /* or NULL */
QemuOptsList *bdrv_driver_amend_opts(const BlockDriver *drv);  /* or NULL */
bool bdrv_driver_can_create(const BlockDriver *drv);
bool bdrv_driver_can_amend(const BlockDriver *drv);
bool bdrv_driver_can_check(const BlockDriver *drv);
bool bdrv_driver_can_compress(const BlockDriver *drv);

/* ---- opening and closing ------------------------------------------------ */

/*
 * Opens an image and returns a strong reference to its top node, or NULL with
 * @errp set.  @filename: a path, "PROTOCOL:...", "json:{...}" or NULL;
 * @reference: the name of a node that is open already, instead of all else;
 * @options: flat, consumed also on failure, NULL is empty; @flags: BDRV_O_*,
 * which the options override.  Without driver= the format is probed.  Mixed.
 */
BlockDriverState *bdrv_open(const char *filename, const char *reference,
                            QDict *options, int flags, Error **errp);

/*
 * Opens what @ref defines, or takes the node that it names.  @ref stays the
 * caller's.  Returns a strong reference or NULL with @errp set.  Mixed.
 */
BlockDriverState *bdrv_open_blockdev_ref(BlockdevRef *ref, Error **errp);

/*
 * Opens the child of @parent described by options["@bdref_key"] (a node name)
 * or options["@bdref_key.*"], or by @filename, removes these options, attaches
 * the child with the permissions that the parent's bdrv_child_perm computes,
 * and returns the edge, which the layer detaches when the parent is closed or
 * when its opening fails.  A format may take @filename from the image: json:
 * and protocols with a bdrv_child_perm, which have children, are then refused.
 * NULL: @errp is set, or nothing was described and @allow_none.  Mixed.
 */
BdrvChild *bdrv_open_child(const char *filename, QDict *options,
                           const char *bdref_key, BlockDriverState *parent,
                           const BdrvChildRole *child_role, bool allow_none,
                           Error **errp);

/* One more strong reference.  Plain. */
void bdrv_ref(BlockDriverState *bs);

/*
 * Drops a strong reference; the last one drains, flushes and closes the node.
 * NULL is allowed.  Mixed; inside a coroutine the closing is done by a bottom
 * half while the caller yields.
 */
void bdrv_unref(BlockDriverState *bs);

/* The open node of that name in this thread's AioContext, or NULL.  Plain. */
BlockDriverState *bdrv_find_node(const char *node_name);

/* The nodes of this thread's AioContext: NULL gives the first.  Plain. */
BlockDriverState *bdrv_next_node(BlockDriverState *bs);

/*
 * May an image's own bytes (a backing file name, a parent locator) cause
 * another image to be opened?  Asked for each; returns true to permit it, or
 * false with @errp set.  @parent is the node that asks, @filename what it
 * wants.
 */
typedef bool BdrvImplicitOpenPolicy(BlockDriverState *parent,
                                    const char *filename, void *opaque,
                                    Error **errp);

/* Sets the policy of this thread; NULL is the default: refuse.  Plain. */
void bdrv_set_implicit_open_policy(BdrvImplicitOpenPolicy *policy,
                                   void *opaque);

/* ---- reopening ---------------------------------------------------------- */

/*
 * Adds @bs and, with inherited options, its children to @queue (NULL: a new
 * one) to be reopened with @options (consumed; flat, "read-only" and cache.*
 * among them).  @keep_old_opts: options not given stay as they are.  The node
 * is drained until the queue is done.  Outside coroutines; mixed otherwise
 * not needed.
 */
BlockReopenQueue *bdrv_reopen_queue(BlockReopenQueue *queue,
                                    BlockDriverState *bs, QDict *options,
                                    bool keep_old_opts);

/*
 * Reopens all or nothing, and frees @queue.  0 or -errno with @errp set.
 * Outside coroutines.
 */
int bdrv_reopen_multiple(BlockReopenQueue *queue, Error **errp);

/* Makes @bs read-only or writable by reopening.  Outside coroutines. */
int bdrv_reopen_set_read_only(BlockDriverState *bs, bool read_only,
                              Error **errp);

/* ---- creation ----------------------------------------------------------- */

/*
 * Creates @filename as an image of @drv from the options @opts (a list made of
 * the driver's and its protocol's create_opts).  0 or -errno with @errp set.
 * Mixed.
 */
int bdrv_create(BlockDriver *drv, const char *filename, QemuOpts *opts,
                Error **errp);

/* The same for the protocol driver that @filename belongs to.  Mixed. */
int bdrv_create_file(const char *filename, QemuOpts *opts, Error **errp);

/*
 * Creates an image by its QAPI description; @opts stays the caller's.  0 or
 * -errno with @errp set.  Mixed.
 */
int bdrv_create_qapi(BlockdevCreateOptions *opts, Error **errp);

/*
 * Changes @bs's header fields as @opts says; @force: also what may break
 * guests.  0 or -errno with @errp set.  Mixed.
 */
int bdrv_amend_options(BlockDriverState *bs, QemuOpts *opts, bool force,
                       Error **errp);

/*
 * The space that creating an image of @drv with @opts needs, for the contents
 * of @in_bs if not NULL.  NULL sets @errp.  Free with
 * qapi_free_BlockMeasureInfo().  Mixed.
 */
BlockMeasureInfo *bdrv_measure(BlockDriver *drv, QemuOpts *opts,
                               BlockDriverState *in_bs, Error **errp);

/* ---- draining ----------------------------------------------------------- */

/*
 * From begin to the matching end no request is in flight on @bs or on its way
 * to it: BlockBackends queue new ones, parents stop.  begin returns when all
 * that was in flight is done.  They nest.  Mixed: inside a coroutine a bottom
 * half waits while the caller yields (the caller itself must not be in a
 * request of @bs).
 */
void bdrv_drained_begin(BlockDriverState *bs);
void bdrv_drained_end(BlockDriverState *bs);

/* drained_begin, drained_end. */
void bdrv_drain(BlockDriverState *bs);

/* ---- I/O on a child, for drivers ---------------------------------------- */

/*
 * Reads @bytes (0..INT_MAX) at @offset of @child into @buf.  Returns @bytes;
 * past the end of the file zeroes are read.  Negative @offset, or @bytes < 0
 * or above INT_MAX rounded down to 512: -EIO; 0 bytes: 0 (@buf may be NULL).
 * Mixed.
 */
int bdrv_pread(BdrvChild *child, int64_t offset, void *buf, int bytes);

/* Writes; returns @bytes.  Limits as bdrv_pread().  Mixed. */
int bdrv_pwrite(BdrvChild *child, int64_t offset, const void *buf, int bytes);

/* Writes, then flushes the child's node.  Returns 0.  Mixed. */
int bdrv_pwrite_sync(BdrvChild *child, int64_t offset, const void *buf,
                     int count);

/* Writes zeroes.  Returns 0.  Mixed. */
int bdrv_pwrite_zeroes(BdrvChild *child, int64_t offset, int bytes,
                       BdrvRequestFlags flags);

/* co-only; 0 or -errno; @flags are BDRV_REQ_ZERO_WRITE's companions. */
int coroutine_fn bdrv_co_pwrite_zeroes(BdrvChild *child, int64_t offset,
                                       int bytes, BdrvRequestFlags flags);

/*
 * The range is not needed any more; how it reads afterwards is not defined by
 * this layer.  0 without the UNMAP open flag.  co-only.
 */
int coroutine_fn bdrv_co_pdiscard(BdrvChild *child, int64_t offset,
                                  int64_t bytes);

/*
 * Sets the length to @offset bytes; new space reads as zeroes and is
 * preallocated as @prealloc says.  @exact false allows a longer result
 * (devices).  0, or -errno with @errp set.  co-only.
 */
int coroutine_fn bdrv_co_truncate(BdrvChild *child, int64_t offset, bool exact,
                                  PreallocMode prealloc, Error **errp);
/* Mixed. */
int bdrv_truncate(BdrvChild *child, int64_t offset, bool exact,
                  PreallocMode prealloc, Error **errp);

/* Makes all completed writes of @bs durable.  0 or -errno.  Mixed / co-only. */
int bdrv_flush(BlockDriverState *bs);
int coroutine_fn bdrv_co_flush(BlockDriverState *bs);
/*
 * The same for users who drop @bs afterwards: an error is reported, with the
 * file name and the node, unless a flush has returned it to its caller and
 * nothing was written since.  Mixed.
 */
int bdrv_flush_report(BlockDriverState *bs);

/* A device's own request, as ioctl(2); -ENOTSUP without a callback. */
int coroutine_fn bdrv_co_ioctl(BlockDriverState *bs, int req, void *buf);

/* ---- block status ------------------------------------------------------- */

/*
 * The BDRV_BLOCK_* bits of [@offset, @offset + @bytes) of @bs, or -errno.
 * *@pnum > 0 is how far from @offset the answer holds (0 only at or past the
 * end).  With OFFSET_VALID, it is in *@file (borrowed) at *@map.  @map and
 * @file may be NULL.  Mixed.
 */
int bdrv_block_status(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      int64_t *pnum, int64_t *map, BlockDriverState **file);

/*
 * The same through the backing chain down to, but not into, @base (NULL: to
 * its end).  Mixed.
 */
int bdrv_block_status_above(BlockDriverState *bs, BlockDriverState *base,
                            int64_t offset, int64_t bytes, int64_t *pnum,
                            int64_t *map, BlockDriverState **file);

/* 1 if this node answers for the range, 0 if its backing does.  Mixed. */
int bdrv_is_allocated(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      int64_t *pnum);

/* ---- information -------------------------------------------------------- */

/* Bytes, a file's length rounded up to 512; -ENOMEDIUM, -EFBIG.  Plain. */
int64_t bdrv_getlength(BlockDriverState *bs);
/* The same in sectors of 512 bytes.  Plain. */
int64_t bdrv_nb_sectors(BlockDriverState *bs);
/* Bytes that the image's file takes on the disk.  Mixed. */
int64_t bdrv_get_allocated_file_size(BlockDriverState *bs);
/* Fills the zeroed *@bdi; -ENOTSUP without a callback.  Plain. */
int bdrv_get_info(BlockDriverState *bs, BlockDriverInfo *bdi);
/* A format's own information, or NULL (@errp set on an error).  Plain. */
ImageInfoSpecific *bdrv_get_specific_info(BlockDriverState *bs, Error **errp);
/* Does a just created image read as zeroes?  Plain. */
int bdrv_has_zero_init(BlockDriverState *bs);
/* Does space added by truncate read as zeroes?  Plain. */
int bdrv_has_zero_init_truncate(BlockDriverState *bs);
/*
 * Checks, and repairs what @fix says; *@res is zeroed before.  Outside
 * coroutines the node is drained meanwhile; in one the caller sees to it that
 * no request is in flight.  Mixed.
 */
int bdrv_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix);
/* The same; @listener is called for each finding that the driver reports. */
int bdrv_check_listening(BlockDriverState *bs, BdrvCheckResult *res,
                         BdrvCheckMode fix, BdrvCheckListener *listener,
                         void *opaque);
/*
 * Reports to @listener what the product @target would refuse in the image.  0,
 * or with @errp set -EINVAL (no such product) or -ENOTSUP (the format knows
 * none).  Plain.
 */
int bdrv_check_target(BlockDriverState *bs, const char *target,
                      BdrvRefusalListener *listener, void *opaque,
                      Error **errp);
/* Lets the backing answer for everything; -ENOTSUP: not of this format. */
int bdrv_make_empty(BlockDriverState *bs);

/* Of the node as it is now.  Plain. */
bool bdrv_is_read_only(BlockDriverState *bs);
bool bdrv_is_inserted(BlockDriverState *bs);

/*
 * 0 if the node is read-only, or if auto-read-only is set: then it is so from
 * now on.  Else -EACCES with @errmsg ("Image is read-only" when NULL).  For
 * drivers, before they open their file child.  Plain.
 */
int bdrv_apply_auto_read_only(BlockDriverState *bs, const char *errmsg,
                              Error **errp);

/* Recomputes filename, exact_filename and full_open_options.  Plain. */
void bdrv_refresh_filename(BlockDriverState *bs);

/* Borrowed strings.  Plain. */
const char *bdrv_get_node_name(const BlockDriverState *bs);
const char *bdrv_get_device_or_node_name(const BlockDriverState *bs);
const char *bdrv_get_format_name(const BlockDriverState *bs);
const char *bdrv_get_filename(BlockDriverState *bs); /* refreshed */
AioContext *bdrv_get_aio_context(BlockDriverState *bs);

/* The node that @bs falls back to for what it does not have, or NULL. */
BlockDriverState *bdrv_backing_bs(BlockDriverState *bs);
/* The image's file node (bs->file's node), or NULL. */
BlockDriverState *bdrv_file_bs(BlockDriverState *bs);
/* The driver of a node. */
BlockDriver *bdrv_get_driver(const BlockDriverState *bs);

/*
 * The driver's callbacks of these names; without one eject and lock_medium do
 * nothing, the others are -ENOTSUP.  Plain.
 */
void bdrv_eject(BlockDriverState *bs, bool eject_flag);
void bdrv_lock_medium(BlockDriverState *bs, bool locked);
int bdrv_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz);
int bdrv_probe_geometry(BlockDriverState *bs, HDGeometry *geo);

/* ---- memory ------------------------------------------------------------- */

/* Of memory for direct I/O on @bs (NULL: on any), in bytes.  Plain. */
size_t bdrv_opt_mem_align(BlockDriverState *bs);

/*
 * Memory fit for direct I/O on @bs, to be freed with qemu_vfree(); never NULL
 * for size 0.  blockalign aborts when there is none, try_ returns NULL.
 * Plain.
 */
void *qemu_blockalign(BlockDriverState *bs, size_t size);
void *qemu_try_blockalign(BlockDriverState *bs, size_t size);

/* ---- command-line words ------------------------------------------------- */

/*
 * "none", "writeback", "writethrough", "directsync", "unsafe": sets
 * BDRV_O_CACHE_MASK bits of *@flags and *@writethrough.  -1 for another word.
 * Plain.
 */
int bdrv_parse_cache_mode(const char *mode, int *flags, bool *writethrough);
/* "unmap"/"on", "ignore"/"off": sets BDRV_O_UNMAP.  -1 for another word. */
int bdrv_parse_discard_flags(const char *mode, int *flags);
/* "threads", "native", "io_uring".  -1 for another word. */
int bdrv_parse_aio(const char *mode, int *flags);

/* Does @path begin with "PROTOCOL:" (a colon before any slash)?  Plain. */
bool path_has_protocol(const char *path);
bool path_is_absolute(const char *path);
/* @filename as seen from the folder of @base; free with g_free().  Plain. */
char *path_combine(const char *base, const char *filename);

/*
 * The folder that relative names in the image of @bs start from: ends in '/',
 * or is empty where that is the current one; g_free() it.  NULL with @errp set:
 * the node has none.  Plain.
 */
char *bdrv_dirname(BlockDriverState *bs, Error **errp);

/*
 * @backing as seen from here, when the image @backed names it; g_free() it.
 * Names that are absolute or have a protocol stand for themselves.  NULL: it is
 * empty, or @errp is set, as a relative one needs @backed to be a plain name.
 * Plain.
 */
char *bdrv_get_full_backing_filename_from_filename(const char *backed,
                                                   const char *backing,
                                                   Error **errp);

/* "read", "write", "write unchanged" ... joined by ", "; g_free().  Plain. */
char *bdrv_perm_names(uint64_t perm);

/* ---- debug events ------------------------------------------------------- */

/* Reports @event to @bs's driver; co-only, may yield at a breakpoint. */
void bdrv_debug_event(BlockDriverState *bs, BlkdebugEvent event);

#define BLKDBG_EVENT(child, evt)                                               \
    do {                                                                       \
        if (child) {                                                           \
            bdrv_debug_event((child)->bs, evt);                                \
        }                                                                      \
    } while (0)

/* -ENOTSUP where no node from @bs down its file children has the callback. */
int bdrv_debug_breakpoint(BlockDriverState *bs, const char *event,
                          const char *tag);
int bdrv_debug_remove_breakpoint(BlockDriverState *bs, const char *tag);
int bdrv_debug_resume(BlockDriverState *bs, const char *tag);
bool bdrv_debug_is_suspended(BlockDriverState *bs, const char *tag);

#endif
