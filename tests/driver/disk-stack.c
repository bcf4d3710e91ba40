/* SPDX-License-Identifier: MIT */
/*
 * Images on disks in memory; see disk-stack.h.
 *
 * Invariant: rules of blkdebug become active by an event that no driver sends
 * of itself, so nothing fails while an image is opened.
 */
#include "qemu/osdep.h"
#include "disk-stack.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"

static void put(QDict *options, const char *prefix, const char *key,
                const char *value)
{
    g_autofree char *name = g_strconcat(prefix, key, NULL);

    qdict_put_str(options, name, value);
}

static void put_rule(QDict *options, unsigned i, const DiskFault *fault,
                     unsigned skip, bool once)
{
    g_autofree char *prefix = g_strdup_printf("file.inject-error.%u.", i);
    g_autofree char *number = g_strdup_printf("%u", skip);

    put(options, prefix, "event", "cor_write");
    put(options, prefix, "iotype", fault->iotype);
    put(options, prefix, "skip", number);
    put(options, prefix, "once", once ? "on" : "off");
}

static void put_faults(QDict *options, const DiskFault *fault)
{
    qdict_put_str(options, "file.driver", "blkdebug");
    /* Another rule that is active ends those; this one fails nothing. */
    qdict_put_str(options, "file.inject-error.0.event", "read_backing_aio");
    qdict_put_str(options, "file.inject-error.0.errno", "0");
    put_rule(options, 1, fault, fault->nth - 1, !fault->forever);
    if (fault->again) {
        put_rule(options, 2, fault, fault->nth + fault->again - 2, true);
    }
}

BlockBackend *disk_open(const char *name, const char *driver, int flags,
                        const DiskFault *fault, bool cache, Error **errp)
{
    QDict *options = qdict_new();
    g_autofree char *disk = NULL;
    const char *upper = fault ? "file.image." : "file.";
    BlockDriverState *bs;
    BlockBackend *blk;

    qdict_put_str(options, "driver", driver);
    if (fault) {
        put_faults(options, fault);
    }
    if (cache) {
        put(options, upper, "driver", "volatile-cache");
        put(options, upper, "node-name", "cache");
    }
    disk = g_strconcat(upper, cache ? "file." : "", NULL);
    put(options, disk, "driver", "mem");
    put(options, disk, "disk", name);
    bs = bdrv_open(NULL, NULL, options, flags | BDRV_O_UNMAP, errp);
    if (!bs) {
        return NULL;
    }
    blk = blk_new(qemu_get_current_aio_context(), BLK_PERM_CONSISTENT_READ |
                  (flags & BDRV_O_RDWR ? BLK_PERM_WRITE : 0), BLK_PERM_ALL);
    blk_insert_bs(blk, bs, &error_abort);
    bdrv_unref(bs);
    return blk;
}

void disk_arm(BlockBackend *blk)
{
    bdrv_debug_event(blk_bs(blk)->file->bs, BLKDBG_COR_WRITE);
}

void disk_disarm(BlockBackend *blk)
{
    bdrv_debug_event(blk_bs(blk)->file->bs, BLKDBG_READ_BACKING_AIO);
}

uint8_t *disk_copy(const MemDisk *disk, int64_t offset, size_t bytes)
{
    uint8_t *buf = g_malloc(MAX(bytes, 1));

    mem_disk_read(disk, offset, buf, bytes);
    return buf;
}

uint8_t disk_byte(const MemDisk *disk, int64_t offset)
{
    uint8_t byte;

    mem_disk_read(disk, offset, &byte, 1);
    return byte;
}

void disk_flip(MemDisk *disk, int64_t offset, uint8_t mask)
{
    uint8_t byte = disk_byte(disk, offset) ^ mask;

    mem_disk_write(disk, offset, &byte, 1);
}

void disk_shorten(MemDisk *disk, int64_t bytes)
{
    mem_disk_set_length(disk, mem_disk_length(disk) - bytes);
}
