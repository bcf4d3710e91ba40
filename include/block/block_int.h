/* SPDX-License-Identifier: MIT */
/*
 * The block layer as drivers see it: the table of callbacks, nodes and edges.
 *
 * A driver is a static BlockDriver handed to bdrv_register() by a function
 * named with block_init().  All callbacks are optional unless said otherwise.
 *
 * Contexts:
 *   - "co" callbacks run in a coroutine of the node's AioContext and may yield;
 *     several of them, of one node, at a time.  The layer holds no lock of the
 *     driver's: what must not be seen half done needs a CoMutex.
 *   - aio callbacks are called from a coroutine and never yield; they return
 *     at once and complete later from a bottom half or timer.
 *   - all others ("plain") are called inside or outside a coroutine and must
 *     not assume either; open and reopen_prepare may do I/O by mixed functions.
 *
 * Invariants that the layer keeps for drivers:
 *   - opaque is a zeroed block of instance_size bytes from before open until
 *     the node is gone; node_name, drv, open_flags, read_only and probed are
 *     set before open.
 *   - bdrv_close is called exactly once if open returned >= 0, never otherwise.
 *   - A request handed to a driver lies inside the node (protocols and drivers
 *     with has_variable_length excepted: writes may extend them), is aligned to
 *     bl.request_alignment, and bytes == qiov->size <= INT_MAX.
 *   - A driver sees only the request flags that it declared in
 *     supported_write_flags or supported_zero_flags.
 */
#ifndef BLOCK_BLOCK_INT_H
#define BLOCK_BLOCK_INT_H

#include "block/block.h"
#include "block/aio.h"
#include "qemu/coroutine.h"
#include "qemu/timer.h"
#include "qemu/iov.h"
#include "qemu/queue.h"
#include "qemu/option.h"
#include "qapi/qapi-types-block-core.h"
#include "qapi/qmp/qlist.h"

#define BLOCK_OPT_SIZE             "size"
#define BLOCK_OPT_SUBFMT           "subformat"
#define BLOCK_OPT_BACKING_FILE     "backing_file"
#define BLOCK_OPT_BACKING_FMT      "backing_fmt"
#define BLOCK_OPT_PREALLOC         "preallocation"
#define BLOCK_OPT_EXTENT_SIZE_HINT "extent_size_hint"
#define BLOCK_OPT_CLUSTER_SIZE     "cluster_size"
#define BLOCK_OPT_STATIC           "static"
#define BLOCK_OPT_OBJECT_SIZE      "object_size"
#define BLOCK_OPT_ADAPTER_TYPE     "adapter_type"
#define BLOCK_OPT_COMPAT6          "compat6"
#define BLOCK_OPT_HWVERSION        "hwversion"

#define BLOCK_PROBE_BUF_SIZE 512

/* The first field that QEMU 5.0's BlockDriver lacks is defined below. */
#define MINBLK_BLOCK_DRIVER_EXT 1

struct BlockDriver {
    const char *format_name;       /* required; unique among formats */
    int instance_size;             /* bytes of bs->opaque */

    bool is_filter;                /* passes its file child on unchanged */
    bool bdrv_needs_filename;      /* keep "filename" after parse_filename */
    bool supports_backing;         /* may have a backing child */
    bool has_variable_length;      /* bdrv_getlength is asked each time */

    /* ---- finding and opening ---- */

    /*
     * How surely (0: not, 100: it has a magic) is the image whose first
     * @buf_size bytes are @buf of this format?  Plain, must only look at @buf:
     * a shorter file was filled up with zeroes to 512 bytes.  @filename may be
     * NULL.  raw answers 1; the highest score wins.  Without it the format has
     * to be named.
     */
    int (*bdrv_probe)(const uint8_t *buf, int buf_size, const char *filename);

    /* Protocols: the prefix before ":" in file names. */
    const char *protocol_name;
    /*
     * Protocols: puts what @filename says (with its prefix) into @options.
     * Plain, before there is a node.  Sets @errp on failure, and only then.
     * Afterwards "filename" is removed, unless bdrv_needs_filename.
     */
    void (*bdrv_parse_filename)(const char *filename, QDict *options,
                                Error **errp);

    /*
     * Opens.  Plain, once per node, before it can be found by name or have
     * users; may do I/O by mixed functions.
     *   Given: bs->opaque zeroed; bs->open_flags, read_only, probed, node_name;
     *   @flags are bs->open_flags without SNAPSHOT, NO_BACKING and PROTOCOL;
     *   @options, a private dict without the options of the layer, in which
     *   "file" names the node that the layer has opened.
     *   Does: takes its keys out of @options (what is left is refused); opens
     *   children by bdrv_open_child(), usually bs->file; believes no number of
     *   the image unchecked; sets bs->total_sectors (or has bdrv_getlength),
     *   supported_write_flags, supported_zero_flags; bs->read_only only by
     *   bdrv_apply_auto_read_only(), before the children.
     *   Returns 0 or -errno; without @errp set the layer words a message.  On
     *   failure it frees what it allocated; children and opaque are the
     *   layer's, and bdrv_close is not called.
     *   May write to its file unless bs->read_only is set (then: -EPERM).  With
     *   BDRV_O_CHECK it opens what it could not trust otherwise, as long as
     *   bdrv_co_check or reading can make something of it.
     */
    int (*bdrv_open)(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp);
    /* The same for protocols, instead of bdrv_open; "filename" may be there. */
    int (*bdrv_file_open)(BlockDriverState *bs, QDict *options, int flags,
                          Error **errp);
    /*
     * Frees what open made.  Plain, once if open returned >= 0, even if a later
     * step of opening failed.  The node is drained and was flushed.  If that
     * flush failed, that was reported, and the driver may call mixed functions
     * to write what it still has in memory.  The children are still there, and
     * are the layer's to close.
     */
    void (*bdrv_close)(BlockDriverState *bs);

    /*
     * Is the change to state->flags and state->options possible?  Plain, the
     * node drained and flushed; may do I/O by mixed functions, must not change
     * what the node does.  Takes what it knows out of state->options (all, not
     * only new ones); what is left must equal the present options.  Keeps what
     * it prepared in state->opaque.  0: exactly one of commit and abort
     * follows, before any request.  -errno: neither does, so it frees its own.
     * A format without it cannot be reopened.
     */
    int (*bdrv_reopen_prepare)(BDRVReopenState *reopen_state,
                               BlockReopenQueue *queue, Error **errp);
    /* Plain; cannot fail.  bs->open_flags and read_only change after it. */
    void (*bdrv_reopen_commit)(BDRVReopenState *reopen_state);
    /* Plain; frees what prepare made, the node stays as it is. */
    void (*bdrv_reopen_abort)(BDRVReopenState *reopen_state);

    /* Options that reopen resets when they are missing; NULL-terminated. */
    const char *const *mutable_opts;
    /* Options that change what the guest sees; NULL-terminated. */
    const char *const *strong_runtime_opts;

    /* ---- creating ---- */

    /* The options of bdrv_co_create_opts; static storage. */
    QemuOptsList *create_opts;
    /*
     * Creates the image that the schema's @opts (the caller's) describe, in the
     * node opts->u.*.file.  In a coroutine that the layer starts; may call
     * mixed functions.  Refuses what it cannot do exactly.  @errp is never
     * NULL.  0, or -errno with @errp set.
     */
    int coroutine_fn (*bdrv_co_create)(BlockdevCreateOptions *opts,
                                       Error **errp);
    /*
     * Creates @filename, its protocol file first (bdrv_create_file()), by
     * options: @opts has what was given for this driver and for the protocol
     * (for the rest the getters answer the defaults of create_opts); takes its
     * own out of them before it passes them on.  May round the size, any number
     * of bytes, up.  Context and result as bdrv_co_create.
     */
    int coroutine_fn (*bdrv_co_create_opts)(BlockDriver *drv,
                                            const char *filename,
                                            QemuOpts *opts, Error **errp);

    /* ---- descriptions: after opening, and when they may have changed ---- */

    /*
     * Plain, after the children's.  bs->full_open_options describes the node;
     * bs->exact_filename is "", and is set where a plain name does so wholly.
     */
    void (*bdrv_refresh_filename)(BlockDriverState *bs);
    /*
     * Puts the descriptions (full_open_options) of the children into @target,
     * for drivers whose options do not name each child by its own key: a list
     * of them, for instance.  @backing_overridden: an option and not the image
     * says what the backing is, so it is to be there, null for none.  Plain.
     * Without it: each child by its name.
     */
    void (*bdrv_gather_child_options)(BlockDriverState *bs, QDict *target,
                                      bool backing_overridden);
    /*
     * The folder that relative names in the image start from, as bdrv_dirname()
     * gives it; g_malloc() memory, or NULL with @errp set.  Plain.  Without it:
     * that of the file child, or of exact_filename.
     */
    char *(*bdrv_dirname)(BlockDriverState *bs, Error **errp);
    /*
     * Plain, after open, reopen and changes of children.  bs->bl holds defaults
     * merged with the children's limits; request_alignment is 1 and is not
     * merged.  An error keeps the old limits (while opening: fails it).
     */
    void (*bdrv_refresh_limits)(BlockDriverState *bs, Error **errp);

    /*
     * ---- requests ----
     *
     * In a coroutine of the node, from open to close but not while the node is
     * drained.  No lock is held: requests of a node run at the same time, also
     * overlapping ones, and each callback that yields lets others run.  What
     * the driver keeps in memory must be right across that.  (The layer alone
     * orders its read-modify-write, truncation, and SERIALISING requests.)
     *
     * Ranges are aligned to bl.request_alignment, hold at least one byte and at
     * most what bl allows.  Negative results are errors, all others success.
     * After an error the caller may try again.
     */

    /*
     * Reads into, or writes from, @qiov; bytes == qiov->size.  @qiov's memory
     * is the caller's and must not be changed by a write.  Reads are never
     * asked past the end rounded up to the alignment; writes past it only with
     * has_variable_length or of protocols.  @flags: those of
     * supported_write_flags; reads: 0.  A write need not be durable before a
     * flush, unless @flags has FUA.  After a failed write the range may hold
     * old or new bytes, all else is untouched.  A driver has the co or the aio
     * form; without either such requests are -ENOTSUP.
     */
    int coroutine_fn (*bdrv_co_preadv)(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags);
    int coroutine_fn (*bdrv_co_pwritev)(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags);
    /*
     * The same by callbacks: called from a coroutine, never yield, return at
     * once a request got by qemu_aio_get(), which calls @cb(@opaque, ret) once,
     * later, from the node's event loop (bottom half, timer, descriptor), never
     * before they return; then the driver drops its reference.  NULL: the
     * request fails with -EIO, and @cb is not called.  @qiov is valid until
     * @cb.
     */
    BlockAIOCB *(*bdrv_aio_preadv)(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags, BlockCompletionFunc *cb,
                                   void *opaque);
    BlockAIOCB *(*bdrv_aio_pwritev)(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags, BlockCompletionFunc *cb,
                                    void *opaque);
    /*
     * The same in sectors of 512 bytes, for drivers that have neither form
     * above: request_alignment is 512 at least.
     */
    int coroutine_fn (*bdrv_co_readv)(BlockDriverState *bs, int64_t sector_num,
                                      int nb_sectors, QEMUIOVector *qiov);
    int coroutine_fn (*bdrv_co_writev)(BlockDriverState *bs, int64_t sector_num,
                                       int nb_sectors, QEMUIOVector *qiov,
                                       int flags);
    /*
     * A write that is to be kept compressed (BDRV_REQ_WRITE_COMPRESSED), as
     * pwritev.  It comes in one piece as its user made it, whatever
     * max_transfer and max_iov say, because what is compressed at a time is a
     * cluster: the user asks for whole ones (bdrv_get_info()), the driver
     * refuses others.  No bytes at offset 0: the user has written all that it
     * wants to.  Without it, and without WRITE_COMPRESSED among
     * supported_write_flags, such writes are -ENOTSUP.
     */
    int coroutine_fn (*bdrv_co_pwritev_compressed)(BlockDriverState *bs,
                                                   uint64_t offset,
                                                   uint64_t bytes,
                                                   QEMUIOVector *qiov);
    /* Instead of bdrv_co_flush_to_disk. */
    BlockAIOCB *(*bdrv_aio_flush)(BlockDriverState *bs,
                                  BlockCompletionFunc *cb, void *opaque);

    /*
     * Makes the range read as zeroes, faster than by writing them.  Inside the
     * node as writes are; cut at bl.pwrite_zeroes_alignment (unaligned ends
     * come apart) and max_pwrite_zeroes.  @flags: those of
     * supported_zero_flags; MAY_UNMAP permits to give space up; NO_FALLBACK
     * promises to be fast or to return -ENOTSUP.  After -ENOTSUP, which has
     * changed nothing, the layer writes zeroes from a buffer, unless
     * NO_FALLBACK was set.
     */
    int coroutine_fn (*bdrv_co_pwrite_zeroes)(BlockDriverState *bs,
                                              int64_t offset, int bytes,
                                              BdrvRequestFlags flags);
    /*
     * The range is not needed: its content may become anything of a format's
     * choice.  Only with the UNMAP open flag; cut as write-zeroes is, by
     * pdiscard_alignment and max_pdiscard.  An end that is not aligned to
     * bl.request_alignment comes in a call of its own, and may be refused with
     * -ENOTSUP, which counts as done.
     */
    int coroutine_fn (*bdrv_co_pdiscard)(BlockDriverState *bs, int64_t offset,
                                         int bytes);
    /*
     * A copy that no buffer sees, or -ENOTSUP with nothing written.  _from
     * (@bs is @src's node) translates its offset and goes on down the source
     * with bdrv_co_copy_range_from(bs->file, ...); a protocol calls
     * bdrv_co_copy_range_to(), and _to (@bs is @dst's node) goes down the
     * target likewise.  Ranges are inside the nodes and aligned.
     */
    int coroutine_fn (*bdrv_co_copy_range_from)(
        BlockDriverState *bs, BdrvChild *src, uint64_t offset, BdrvChild *dst,
        uint64_t dst_offset, uint64_t bytes, BdrvRequestFlags read_flags,
        BdrvRequestFlags write_flags);
    int coroutine_fn (*bdrv_co_copy_range_to)(
        BlockDriverState *bs, BdrvChild *src, uint64_t src_offset,
        BdrvChild *dst, uint64_t dst_offset, uint64_t bytes,
        BdrvRequestFlags read_flags, BdrvRequestFlags write_flags);

    /*
     * The state of the range.  It lies inside the node (rounded up to the
     * alignment) and @bytes > 0.  Sets *@pnum > 0, aligned; more than asked is
     * cut.  Bits of the answer, true for all *@pnum bytes:
     *   DATA          has to be read; ZERO: reads as zeroes; neither: the image
     *                 has nothing here (its backing answers, or none)
     *   OFFSET_VALID  the same bytes are in *@file at *@map (0 and NULL before)
     *   RAW           with OFFSET_VALID: ask *@file instead
     *   RECURSE       with DATA, OFFSET_VALID: *@file may know of holes
     * @want_zero false: only allocation matters, ZERO need not be found out.
     * Without it: all is DATA.
     */
    int coroutine_fn (*bdrv_co_block_status)(BlockDriverState *bs,
                                             bool want_zero, int64_t offset,
                                             int64_t bytes, int64_t *pnum,
                                             int64_t *map,
                                             BlockDriverState **file);

    /*
     * Flush: what was acknowledged before it began becomes durable.  One at a
     * time per node, other requests go on meanwhile; never on a read-only node.
     * After an error nothing counts as flushed, and the next flush comes here
     * again.  In this order: _to_os writes the driver's caches to its file;
     * _to_disk (not with cache.no-flush, nor when nothing was written since the
     * last one) makes the driver's own medium durable; then the layer flushes
     * bs->file.  A driver that orders its writes calls
     * bdrv_co_flush(bs->file->bs) in between them itself.
     */
    int coroutine_fn (*bdrv_co_flush_to_os)(BlockDriverState *bs);
    int coroutine_fn (*bdrv_co_flush_to_disk)(BlockDriverState *bs);
    /* Instead of both, and the layer does not go on to bs->file. */
    int coroutine_fn (*bdrv_co_flush)(BlockDriverState *bs);

    /*
     * Makes the disk @offset bytes long: any number, not only multiples of 512;
     * a format that cannot keep it rounds up or refuses.  A request, but none
     * runs after the smaller of the two ends.  @exact false: may end up longer
     * (devices).  New space reads as zeroes if bdrv_has_zero_init_truncate says
     * so, else the layer clears it.  Refuses a @prealloc that it does not know,
     * and lengths that it does not do (a smaller one, for instance).  The layer
     * sets total_sectors afterwards: @offset rounded up, or what bdrv_getlength
     * says.  0 or -errno, with @errp set best.  Without it the format cannot be
     * resized.
     */
    int coroutine_fn (*bdrv_co_truncate)(BlockDriverState *bs, int64_t offset,
                                         bool exact, PreallocMode prealloc,
                                         Error **errp);
    /*
     * Checks the metadata, and repairs what @fix says (the file is writable
     * then).  `check` opens with BDRV_O_CHECK; what open refuses even so is not
     * checked.  As a request; others run only if the caller is in a coroutine
     * and lets them.  @result is zeroed before but for its listener, which, if
     * there is one, is called for each finding; counts what is wrong there, and
     * apart what was repaired.  -errno: the check could not be made at all.
     */
    int coroutine_fn (*bdrv_co_check)(BlockDriverState *bs,
                                      BdrvCheckResult *result,
                                      BdrvCheckMode fix);

    /* ---- questions: plain, at any time while the node is open ---- */

    /* Bytes, rounded up to 512 by the layer; without it: total_sectors. */
    int64_t (*bdrv_getlength)(BlockDriverState *bs);
    /* Bytes that it takes on its medium; without it: its children's sum. */
    int64_t (*bdrv_get_allocated_file_size)(BlockDriverState *bs);
    /*
     * The bytes that creation by @opts (owned by the caller; values may be
     * taken out) needs, for the content of @in_bs if not NULL.  NULL with @errp
     * set, else both members set, g_new() memory.  No node of this driver.
     */
    BlockMeasureInfo *(*bdrv_measure)(QemuOpts *opts, BlockDriverState *in_bs,
                                      Error **errp);
    /* Fills what it knows of the zeroed *@bdi.  0 or -errno. */
    int (*bdrv_get_info)(BlockDriverState *bs, BlockDriverInfo *bdi);
    /* For `info`; the caller frees it.  NULL: nothing, or @errp is set. */
    ImageInfoSpecific *(*bdrv_get_specific_info)(BlockDriverState *bs,
                                                 Error **errp);
    /* 1: an image just created reads as zeroes everywhere; without it: 0. */
    int (*bdrv_has_zero_init)(BlockDriverState *bs);
    /* 1: so does what bdrv_co_truncate adds. */
    int (*bdrv_has_zero_init_truncate)(BlockDriverState *bs);

    /* ---- changes: plain, may do I/O by mixed functions ---- */

    /* After a commit: lets the backing answer for everything.  0 or -errno. */
    int (*bdrv_make_empty)(BlockDriverState *bs);

    /* ---- removable media and devices; all plain but ioctl ---- */

    /* Without it: the children are asked. */
    bool (*bdrv_is_inserted)(BlockDriverState *bs);
    void (*bdrv_eject)(BlockDriverState *bs, bool eject_flag);
    void (*bdrv_lock_medium)(BlockDriverState *bs, bool locked);
    /* A request.  @buf is the caller's; -ENOTSUP for what it does not know. */
    int coroutine_fn (*bdrv_co_ioctl)(BlockDriverState *bs,
                                      unsigned long int req, void *buf);
    /* 0 with all members set, or -ENOTSUP. */
    int (*bdrv_probe_blocksizes)(BlockDriverState *bs, BlockSizes *bsz);
    int (*bdrv_probe_geometry)(BlockDriverState *bs, HDGeometry *geo);

    /* ---- debugging: for a driver that is put between others ---- */

    /* In a request of the node above; may yield.  Without it: nothing. */
    void (*bdrv_debug_event)(BlockDriverState *bs, BlkdebugEvent event);
    /* Plain; all or none.  The first request at @event stops as @tag. */
    int (*bdrv_debug_breakpoint)(BlockDriverState *bs, const char *event,
                                 const char *tag);
    int (*bdrv_debug_remove_breakpoint)(BlockDriverState *bs, const char *tag);
    int (*bdrv_debug_resume)(BlockDriverState *bs, const char *tag);
    bool (*bdrv_debug_is_suspended)(BlockDriverState *bs, const char *tag);

    /* ---- permissions ---- */

    /*
     * A change of what all users together do (@perm) and share: check, 0 or
     * -errno with @errp set; after a 0 exactly one of set and abort, which
     * cannot fail.  Plain.
     */
    int (*bdrv_check_perm)(BlockDriverState *bs, uint64_t perm,
                           uint64_t shared, Error **errp);
    void (*bdrv_set_perm)(BlockDriverState *bs, uint64_t perm,
                          uint64_t shared);
    void (*bdrv_abort_perm_update)(BlockDriverState *bs);
    /*
     * The permissions that this node needs of the child @c with @role (@c is
     * NULL while the edge is being made), and lets others do to it, when its
     * own users need @parent_perm and share @parent_shared.  Plain, often,
     * changes nothing.
     * Default: bdrv_format_default_perms.
     */
    void (*bdrv_child_perm)(BlockDriverState *bs, BdrvChild *c,
                            const BdrvChildRole *role,
                            BlockReopenQueue *reopen_queue,
                            uint64_t parent_perm, uint64_t parent_shared,
                            uint64_t *nperm, uint64_t *nshared);

    QLIST_ENTRY(BlockDriver) list; /* the registry's */

    /* ---- fields that QEMU 5.0 lacks: set them under #ifdef only --------- */

    /*
     * MINBLK_BLOCK_DRIVER_EXT: a score as bdrv_probe's for the last @size
     * (512) bytes of a file of @file_size bytes, asked when no score for the
     * first bytes beat raw's.  It may say yes to more than is one: a guest must
     * not write such an end where the format raw was only guessed.
     */
    int (*bdrv_probe_tail)(const uint8_t *tail, int size, int64_t file_size);
    /*
     * Asked about a file whose tail got the best score: 1: the rest of @file
     * agrees, 0: it does not, and the file is of another format, -errno with
     * @errp set: neither may be believed.  Mixed.  Without it: 1.
     */
    int (*bdrv_probe_confirm)(BdrvChild *file, const uint8_t *tail, int size,
                              int64_t file_size, Error **errp);
    /* Options of `amend`; NULL: the format does not support it. */
    QemuOptsList *amend_opts;
    /*
     * Changes what @opts (of amend_opts) says; @force: also what may break.
     * Plain, may do I/O by mixed functions; 0, or -errno with @errp set and
     * nothing changed.
     */
    int (*bdrv_amend)(BlockDriverState *bs, QemuOpts *opts, bool force,
                      Error **errp);
    /*
     * Reports to @listener what the product @target would refuse in the
     * image.  0, or -EINVAL with @errp set: there is no such product.  Plain.
     */
    int (*bdrv_check_target)(BlockDriverState *bs, const char *target,
                             BdrvRefusalListener *listener, void *opaque,
                             Error **errp);
    /*
     * Protocols whose request_alignment is above 1 only because of direct I/O:
     * writes @bytes at @offset, aligned or not, so that the file ends after
     * them exactly where the request or the file ended, whichever is further.
     * The layer calls it for unaligned writes at the end of a file, alone.
     * Without it, or with -ENOTSUP, the layer writes a whole block and
     * truncates the file.
     */
    int coroutine_fn (*bdrv_co_pwritev_tail)(BlockDriverState *bs,
                                             uint64_t offset, uint64_t bytes,
                                             QEMUIOVector *qiov);
    /* Only the layer opens it: no option and no list knows its name. */
    bool is_internal;
    /*
     * A drained section of the node, or of one above it, begins: what
     * bdrv_debug_event stopped is resumed from the event loop.  Plain.
     */
    void (*bdrv_debug_release)(BlockDriverState *bs);
};

typedef struct BlockLimits {
    uint32_t request_alignment;    /* power of two; default 1 */
    int32_t max_pdiscard;          /* bytes; 0 in all of these: no limit */
    uint32_t pdiscard_alignment;
    int32_t max_pwrite_zeroes;
    uint32_t pwrite_zeroes_alignment;
    uint32_t opt_transfer;
    uint32_t max_transfer;
    size_t min_mem_alignment;      /* of buffers, bytes */
    size_t opt_mem_alignment;
    int max_iov;
} BlockLimits;

/*
 * The role of an edge for its parent: one of the three below where that is a
 * node, whose drained sections the layer passes on itself, or a BlockBackend's.
 */
struct BdrvChildRole {
    bool parent_is_bds;
    /* The options and flags that a child of this role takes from its parent. */
    void (*inherit_options)(int *child_flags, QDict *child_options,
                            int parent_flags, QDict *parent_options);
    /* Who is it, for messages, if no node? */
    const char *parent_desc;
    /*
     * Of a parent that is no node: stop sending requests; may there be some on
     * their way (poll)?
     */
    void (*drained_begin)(BdrvChild *child);
    bool (*drained_poll)(BdrvChild *child);
    void (*drained_end)(BdrvChild *child);
};

extern const BdrvChildRole child_file;     /* holds a format's data */
extern const BdrvChildRole child_format;   /* a format under a filter */
extern const BdrvChildRole child_backing;  /* what a format falls back to */

/* An edge of the graph; the parent owns it. */
struct BdrvChild {
    BlockDriverState *bs;          /* the child; a strong reference */
    char *name;                    /* "file", "backing" ... */
    const BdrvChildRole *role;
    void *opaque;                  /* the parent */

    uint64_t perm;                 /* what the parent may do */
    uint64_t shared_perm;          /* what others may do meanwhile */
    bool has_backup_perm;          /* a permission update is being checked */
    uint64_t backup_perm;
    uint64_t backup_shared_perm;

    int parent_quiesce_counter;    /* drained_begin calls not yet ended */

    QLIST_ENTRY(BdrvChild) next;        /* among the parent's children */
    QLIST_ENTRY(BdrvChild) next_parent; /* among the child's parents */
};

/* A node. */
struct BlockDriverState {
    BlockDriver *drv;              /* NULL: closed */
    void *opaque;                  /* the driver's, zeroed before open */
    BdrvChild *file;
    BdrvChild *backing;

    int64_t total_sectors;         /* the length in units of 512 bytes */
    int open_flags;                /* BDRV_O_* */
    bool read_only;
    bool probed;                   /* the format was found by probing */
    bool force_share;              /* -U: no locks, others may write */
    bool sg;
    bool opening;                  /* not open yet: not found by name */
    bool closing;                  /* the last reference is gone */

    BlockLimits bl;
    unsigned int supported_write_flags; /* BDRV_REQ_* of pwritev */
    unsigned int supported_zero_flags;  /* BDRV_REQ_* of pwrite_zeroes */

    char node_name[32];
    char filename[4096];           /* for messages */
    char exact_filename[4096];     /* describes the node wholly, or "" */
    char backing_file[4096];       /* as the image names it, or "" */
    char auto_backing_file[4096];
    char backing_format[16];
    QDict *full_open_options;      /* describes the node wholly */
    QDict *options;                /* all, inherited ones included */
    QDict *explicit_options;       /* those given by the user */
    BlockDriverState *inherits_from;

    AioContext *aio_context;
    int refcnt;
    QLIST_HEAD(, BdrvChild) children;
    QLIST_HEAD(, BdrvChild) parents;
    QTAILQ_ENTRY(BlockDriverState) node_list;

    /* ---- requests: block/core/ only ---- */
    unsigned int in_flight;        /* requests, and other work that counts */
    unsigned int serialising_in_flight;
    QLIST_HEAD(, BdrvTrackedRequest) tracked_requests;
    int quiesce_counter;           /* drained sections that hold it */
    CoQueue flush_queue;           /* those who wait for the active flush */
    bool active_flush;
    uint64_t write_gen;            /* raised by each change */
    uint64_t flushed_gen;          /* the write_gen that was last flushed */
    bool flush_failed;             /* the last flush did, and returned it: */
    uint64_t failed_gen;           /* that of this write_gen */
    bool has_guard;                /* a probed raw image: see probe-guard.c */

    bool perm_check_pending;       /* perm.c: checked, not set */
    bool guard_refused;            /* a refused write was reported */
    CoMutex guard_lock;            /* while an end of the disk changes */
};

/* ---- nodes and edges ---------------------------------------------------- */

/*
 * A node of @drv, which need not be registered, without a file name and
 * options.  Strong reference or NULL with @errp set.  Mixed.
 */
BlockDriverState *bdrv_new_open_driver(BlockDriver *drv, const char *node_name,
                                       int flags, Error **errp);

/*
 * Makes an edge from @parent to @child (whose reference it takes, also on
 * failure) and checks its permissions.  NULL sets @errp.  Plain.
 */
BdrvChild *bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child,
                             const char *name, const BdrvChildRole *role,
                             Error **errp);

/* Removes an edge of @parent and drops the child's reference.  Mixed. */
void bdrv_unref_child(BlockDriverState *parent, BdrvChild *child);

/*
 * Opens the backing file that an image's own bytes name, a path of the host, if
 * the policy permits (bdrv_set_implicit_open_policy()).  @format NULL: probe.
 * Strong reference or NULL with @errp set.  Mixed.
 */
BlockDriverState *bdrv_open_implicit(BlockDriverState *parent,
                                     const char *filename, const char *format,
                                     int flags, Error **errp);

/*
 * The driver with the best score for @buf (@buf_size bytes, 512); raw answers
 * 1, so it is never NULL while raw is built in.  @filename may be NULL.  Plain.
 */
BlockDriver *bdrv_probe_all(const uint8_t *buf, int buf_size,
                            const char *filename);

/*
 * Is the node, or one that may have requests on it, in a drained section?  Then
 * nothing may be stopped that is on its way.  Plain.
 */
bool bdrv_is_draining(BlockDriverState *bs);

/* ---- permissions -------------------------------------------------------- */

/* For bdrv_child_perm of filters: passes on what the parents want.  Plain. */
void bdrv_filter_default_perms(BlockDriverState *bs, BdrvChild *c,
                               const BdrvChildRole *role,
                               BlockReopenQueue *reopen_queue, uint64_t perm,
                               uint64_t shared, uint64_t *nperm,
                               uint64_t *nshared);
/* For bdrv_child_perm of formats; the default.  Plain. */
void bdrv_format_default_perms(BlockDriverState *bs, BdrvChild *c,
                               const BdrvChildRole *role,
                               BlockReopenQueue *reopen_queue, uint64_t perm,
                               uint64_t shared, uint64_t *nperm,
                               uint64_t *nshared);

/* ---- requests on a child ------------------------------------------------ */

/*
 * Read @bytes at @offset of @child into @qiov, or write.  0 or -errno.
 * bytes == qiov->size.  Past the end of a file: reads are zeroes, writes
 * extend it.  co-only.
 *
 * A read with BDRV_REQ_COPY_ON_READ, which needs WRITE_UNCHANGED of the edge,
 * first writes to the node what it has from its backing in the range; with
 * BDRV_REQ_PREFETCH it ends there, and @qiov may be NULL.
 */
int coroutine_fn bdrv_co_preadv(BdrvChild *child, int64_t offset,
                                unsigned int bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwritev(BdrvChild *child, int64_t offset,
                                 unsigned int bytes, QEMUIOVector *qiov,
                                 BdrvRequestFlags flags);

/* The same with the @bytes from @qiov_offset on of a longer @qiov.  co-only. */
int coroutine_fn bdrv_co_preadv_part(BdrvChild *child, int64_t offset,
                                     unsigned int bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset,
                                     BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwritev_part(BdrvChild *child, int64_t offset,
                                      unsigned int bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset,
                                      BdrvRequestFlags flags);

/* The same with a plain buffer; no vector is needed.  co-only. */
int coroutine_fn bdrv_co_pread(BdrvChild *child, int64_t offset,
                               unsigned int bytes, void *buf,
                               BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwrite(BdrvChild *child, int64_t offset,
                                unsigned int bytes, const void *buf,
                                BdrvRequestFlags flags);

/*
 * A bdrv_co_block_status for filters: all of the range is the file child's, at
 * the same offset.
 */
int coroutine_fn bdrv_co_block_status_from_file(BlockDriverState *bs,
                                                bool want_zero, int64_t offset,
                                                int64_t bytes, int64_t *pnum,
                                                int64_t *map,
                                                BlockDriverState **file);

/* A bdrv_has_zero_init for those that always have it: 1. */
int bdrv_has_zero_init_1(BlockDriverState *bs);

/*
 * Copies without a buffer where the drivers can: the callbacks of the source,
 * then of the target.  -ENOTSUP: a callback is missing.  co-only.
 */
int coroutine_fn bdrv_co_copy_range_from(BdrvChild *src, uint64_t src_offset,
                                         BdrvChild *dst, uint64_t dst_offset,
                                         uint64_t bytes,
                                         BdrvRequestFlags read_flags,
                                         BdrvRequestFlags write_flags);
int coroutine_fn bdrv_co_copy_range_to(BdrvChild *src, uint64_t src_offset,
                                       BdrvChild *dst, uint64_t dst_offset,
                                       uint64_t bytes,
                                       BdrvRequestFlags read_flags,
                                       BdrvRequestFlags write_flags);

/*
 * Work that is not a request but must end before the node is drained or
 * closed.  Plain.
 */
void bdrv_inc_in_flight(BlockDriverState *bs);
void bdrv_dec_in_flight(BlockDriverState *bs);

#endif
