/* SPDX-License-Identifier: MIT */
/*
 * Is a file a VHD?  By its first bytes, or by the footer in its last ones.
 *
 * Invariants:
 *   - What the tail's probe refuses to call raw is a footer, whether a VHD
 *     belongs to it or not: a guest may write the one first and the rest later.
 *   - What is found by its tail is what vpc_open() opens, or refuses.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "vpc.h"

int vpc_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 8 && vpc_has_footer_cookie(buf) ? 100 : 0;
}

/*
 * The footer that ends a file, in *@footer: its length in bytes, or 0.  Old
 * ones lack the last of 512 bytes, which counts as zero.
 */
static int probe_footer(const uint8_t *tail, int size, VpcFooter *footer)
{
    for (int bytes = VPC_SECTOR; bytes >= VPC_SECTOR - 1; bytes--) {
        memset(footer, 0, sizeof(*footer));
        memcpy(footer, tail + size - MIN(bytes, size), MIN(bytes, size));
        if (size >= bytes && vpc_footer_valid(footer, NULL)) {
            return bytes;
        }
    }
    return 0;
}

int vpc_probe_tail(const uint8_t *tail, int size, int64_t file_size)
{
    VpcFooter footer;

    return probe_footer(tail, size, &footer) ? 100 : 0;
}

/*
 * A dynamic disk's footer has to lead to a header, which one that a guest wrote
 * to the end of its disk hardly does.
 */
static int probe_confirm_dynamic(BdrvChild *file, const VpcFooter *footer)
{
    uint64_t offset = be64_to_cpu(footer->data_offset);
    VpcDynHeader header;

    if (offset > INT64_MAX / 2) {
        return 0;
    }
    /* Opening reports the error. */
    return bdrv_pread(file, offset, &header, sizeof(header)) < 0 ||
           vpc_header_valid(&header, NULL);
}

/*
 * A fixed disk has no copy of its footer, and its last sector may be a guest's:
 * so it must fit the file exactly.  Where the file is shorter, bytes were lost
 * before it, and as raw the footer would be at the end of a disk.  Opening
 * finds the footer only where whole sectors are missing.
 */
int vpc_probe_confirm(BdrvChild *file, const uint8_t *tail, int size,
                      int64_t file_size, Error **errp)
{
    VpcFooter footer;
    uint64_t disk = file_size - probe_footer(tail, size, &footer);
    uint64_t current = be64_to_cpu(footer.current_size);

    if (be32_to_cpu(footer.type) != VPC_TYPE_FIXED) {
        return probe_confirm_dynamic(file, &footer);
    }
    if (current > disk) {
        /* check-arithmetic: off, the difference is not negative */
        error_setg(errp, "%s looks like a fixed VHD, %" PRIu64 " bytes short; "
                   "give -f raw%s", file->bs->filename, current - disk,
                   disk % VPC_SECTOR ? "" : " or -f vpc");
        return -EINVAL;
    }
    return current == disk;
}
