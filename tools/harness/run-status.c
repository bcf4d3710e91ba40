/* SPDX-License-Identifier: MIT */
/*
 * Is the block status of an image true?
 *
 * Invariants: what it states is compared with what is read: zeroes are zeroes,
 * and where an offset is given, the same bytes are there in that node.  It is
 * asked at the beginning of each extent and from a place within it on.  Of what
 * would take too long a sample is read.
 */
#include "run.h"

/* Pieces of a sample: bytes of one, and how many of a very long extent. */
#define SAMPLE_BYTES  (64 << 10)
#define SAMPLE_PIECES 16

typedef struct Extent {
    int64_t offset;
    int64_t bytes;
    int64_t map;
    BlockDriverState *file;
    int status;
} Extent;

static void fail_extent(Run *run, const Extent *e, const char *what)
    QEMU_NORETURN;

static void fail_extent(Run *run, const Extent *e, const char *what)
{
    case_fail(run->c, "block status, %s: 0x%x of %" PRId64 " bytes at %" PRId64,
              what, e->status, e->bytes, e->offset);
}

/*
 * The node that the extent names has the bytes @buf there.  It is read through
 * a user of its own, since the format driver's edge is not for others.
 */
static void compare_with_file(Run *run, const Extent *e, const uint8_t *buf)
{
    BlockBackend *blk = blk_new(qemu_get_current_aio_context(),
                                BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL);
    g_autofree uint8_t *there = g_malloc(e->bytes);
    int64_t length, known;
    int ret = blk_insert_bs(blk, e->file, NULL);

    if (ret < 0) {
        fail_extent(run, e, "the node that it names cannot be read");
    }
    length = blk_getlength(blk);
    if (e->map < 0 || e->map > length) {
        fail_extent(run, e, "its offset lies past the end of the file");
    }
    /* A file is zero past its end, which may lie within the extent. */
    known = MIN(e->bytes, length - e->map);
    memset(there, 0, e->bytes);
    ret = run_read(blk, e->map, there, known);
    if (ret < 0) {
        fail_extent(run, e, "the file cannot be read there");
    }
    if (memcmp(there, buf, e->bytes)) {
        fail_extent(run, e, "the file holds other bytes at its offset");
    }
    blk_unref(blk);
}

/* What the status says is true of the @bytes at @from of the extent. */
static void verify_piece(Run *run, const Extent *e, int64_t from, int64_t bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);
    Extent piece = *e;

    piece.offset += from;
    piece.map += from;
    piece.bytes = bytes;
    if (run_read_part(run, piece.offset, buf, bytes) < 0) {
        fail_extent(run, &piece, "it cannot be read");
    }
    if (e->status & BDRV_BLOCK_ZERO &&
        (buf[0] || memcmp(buf, buf + 1, bytes - 1))) {
        fail_extent(run, &piece, "it is not zero");
    }
    /* A zero extent need not look so in the file, which is not read there. */
    if (e->status & BDRV_BLOCK_OFFSET_VALID && e->file &&
        e->status & BDRV_BLOCK_DATA) {
        compare_with_file(run, &piece, buf);
    }
}

/*
 * Asks for the status from @offset on; how much it is of.  Checks it with all
 * of the extent; with a sample of one that is too long, or has no data in a
 * long image, where there may be as many as the image has clusters.
 */
static int64_t verify_from(Run *run, int64_t offset, int64_t length)
{
    Extent e = { .offset = offset };
    int64_t piece = MAX_PART, step = MAX_PART;

    e.status = bdrv_block_status(blk_bs(run->blk), offset, length - offset,
                                 &e.bytes, &e.map, &e.file);
    if (e.status < 0) {
        case_fail(run->c, "no block status at %" PRId64 ": %s", offset,
                  strerror(-e.status));
    }
    if (e.bytes <= 0 || e.bytes > length - offset) {
        fail_extent(run, &e, "it does not lie within what was asked for");
    }
    if (e.bytes > MAX_LENGTH) {
        piece = SAMPLE_BYTES;
        step = e.bytes / SAMPLE_PIECES;
    } else if (length > MAX_LENGTH && !(e.status & BDRV_BLOCK_DATA)) {
        piece = SAMPLE_BYTES;
        step = MAX(e.bytes / 2, SAMPLE_BYTES);
    }
    for (int64_t at = 0; at < e.bytes; at += step) {
        verify_piece(run, &e, at, MIN(piece, e.bytes - at));
    }
    piece = MIN(piece, e.bytes);
    verify_piece(run, &e, e.bytes - piece, piece);
    return e.bytes;
}

void run_verify_status(Run *run)
{
    int64_t length = blk_getlength(run->blk), at = 0;

    while (at < length) {
        int64_t bytes = verify_from(run, at, length);

        /* An offset that is right for the begin may be wrong further on. */
        if (bytes > 1) {
            verify_from(run, at + bytes / 3, length);
        }
        at += bytes;
    }
}
