/* SPDX-License-Identifier: MIT */
/*
 * Reads 4 KiB pieces of blocks whose bitmaps are cached, for a count of the
 * instructions that a read takes; see check-read-cost.py.
 *
 *   vpc-read-cost full|partial|deep|status READS
 *
 * `full`: all bits of the blocks are set; `partial`: the last one is clear;
 * `deep`: full, with 32 requests in flight; `status`: asks for the status of a
 * disk of 16384 blocks without space instead.
 *
 * The blocks' data comes from a driver that waits until all requests are in
 * flight and copies nothing, so that the count is neither that of a disk nor of
 * memcpy(), which depends on the processor.
 */
#include "qemu/osdep.h"
#include "disk-stack.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "vhd-writer.h"

#define BLOCK_SIZE (2 * MiB)
#define SECTORS (BLOCK_SIZE / VPC_SECTOR)
#define PIECE (4 * KiB)
#define EMPTY_SIZE (16384LL * BLOCK_SIZE)
#define DEPTH 32                /* requests in flight, each in its block */

/* ---- the driver under the image ----------------------------------------- */

static unsigned gate_depth;     /* 0: reads go to the file */
static unsigned gate_waiting;
static CoQueue gate_queue;

static int gate_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    return bs->file ? 0 : -EINVAL;
}

static int64_t gate_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

static int coroutine_fn gate_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    if (!gate_depth) {
        return bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
    }
    if (++gate_waiting < gate_depth) {
        qemu_co_queue_wait(&gate_queue, NULL);
    } else {
        gate_waiting = 0;
        qemu_co_queue_restart_all(&gate_queue);
    }
    return 0;
}

static BlockDriver bdrv_gate = {
    .format_name = "gate",
    .bdrv_open = gate_open,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_getlength = gate_getlength,
    .bdrv_co_preadv = gate_co_preadv,
};

static void gate_init(void)
{
    bdrv_register(&bdrv_gate);
}

block_init(gate_init);

/* ---- the reads ---------------------------------------------------------- */

typedef struct Reader {
    BlockBackend *blk;
    uint64_t offset;            /* of its block */
    unsigned reads;
    unsigned *running;
} Reader;

static void coroutine_fn read_pieces(void *opaque)
{
    Reader *r = opaque;
    g_autofree uint8_t *buf = g_malloc(PIECE);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, PIECE);

    for (unsigned i = 0; i < r->reads; i++) {
        uint64_t offset = r->offset + i * PIECE % (BLOCK_SIZE / 2);
        int ret = blk_co_preadv(r->blk, offset, PIECE, &qiov, 0);

        g_assert_cmpint(ret, ==, 0);
    }
    --*r->running;
}

static void run(BlockBackend *blk, unsigned depth, unsigned reads)
{
    Reader readers[DEPTH];
    unsigned running = depth;

    for (unsigned i = 0; i < depth; i++) {
        readers[i] = (Reader) { blk, i * BLOCK_SIZE, reads / depth, &running };
        qemu_coroutine_enter(qemu_coroutine_create(read_pieces, &readers[i]));
    }
    while (running) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
}

static void ask_status(BlockBackend *blk, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        int64_t pnum;
        int ret = bdrv_block_status(blk_bs(blk), 0, EMPTY_SIZE, &pnum, NULL,
                                    NULL);

        g_assert_cmpint(ret & BDRV_BLOCK_ZERO, !=, 0);
        g_assert_cmpint(pnum, ==, EMPTY_SIZE);
    }
}

static void make_image(MemDisk *disk, bool full, bool empty)
{
    VhdImage image;
    VhdSpec spec = {
        .size = empty ? EMPTY_SIZE : DEPTH * BLOCK_SIZE,
        .block_size = BLOCK_SIZE,
    };

    vhd_begin(disk, &image, &spec);
    for (unsigned i = 0; i < DEPTH && !empty; i++) {
        vhd_add_block(disk, &image, i, 0, SECTORS - !full, 1);
    }
    vhd_finish(disk, &image);
}

static BlockBackend *open_image(void)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "gate");
    qdict_put_str(options, "file.file.driver", "mem");
    qdict_put_str(options, "file.file.disk", "disk");
    return blk_new_open(NULL, NULL, options, 0, &error_abort);
}

int main(int argc, char **argv)
{
    bool deep = argc > 1 && strcmp(argv[1], "deep") == 0;
    bool status = argc > 1 && strcmp(argv[1], "status") == 0;
    unsigned reads = argc > 2 ? atoi(argv[2]) : 0;
    unsigned depth = deep ? DEPTH : 1;
    MemDisk *disk;
    BlockBackend *blk;

    bdrv_init();
    disk = mem_disk_new("disk");
    make_image(disk, argc > 1 && strcmp(argv[1], "partial") != 0,
               status);
    blk = open_image();
    qemu_co_queue_init(&gate_queue);
    /* The bitmaps are read. */
    run(blk, depth, depth);
    gate_depth = depth;
    if (status) {
        ask_status(blk, reads);
    } else {
        run(blk, depth, reads);
    }
    blk_unref(blk);
    mem_disk_free(disk);
    return 0;
}
