/* SPDX-License-Identifier: MIT */
/*
 * The structures of foreign-vhdx.h, from and to little-endian, and checksums.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "foreign-vhdx.h"

void flog_head_to_cpu(FLogHead *h)
{
    le32_to_cpus(&h->checksum);
    le32_to_cpus(&h->block_size);
    le64_to_cpus(&h->size);
    le32_to_cpus(&h->log_size);
    le32_to_cpus(&h->entries);
    le32_to_cpus(&h->fixed);
    h->uuid = qemu_uuid_bswap(h->uuid);
}

void flog_head_to_file(const FLogHead *h, FLogHead *to)
{
    *to = *h;
    to->block_size = cpu_to_le32(h->block_size);
    to->size = cpu_to_le64(h->size);
    cpu_to_le32s(&to->log_size);
    cpu_to_le32s(&to->entries);
    cpu_to_le32s(&to->fixed);
    to->uuid = qemu_uuid_bswap(h->uuid);
    to->checksum = cpu_to_le32(
        flog_checksum(to, sizeof(*to), offsetof(FLogHead, checksum)));
}

void flog_entry_to_cpu(FLogEntry *e)
{
    le32_to_cpus(&e->checksum);
    le64_to_cpus(&e->target);
    le64_to_cpus(&e->file_size);
}

void flog_entry_to_file(FLogEntry *e)
{
    cpu_to_le64s(&e->target);
    cpu_to_le64s(&e->file_size);
    stl_le_p(&e->checksum, flog_checksum(e, sizeof(*e), 4));
}

/* With the 32 bits at @field taken as 0. */
uint32_t flog_checksum(const void *buf, size_t size, size_t field)
{
    g_autofree uint8_t *copy = g_memdup2(buf, size);

    memset(copy + field, 0, 4);
    return crc32c(0xffffffff, copy, size);
}
