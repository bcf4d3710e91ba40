/* SPDX-License-Identifier: MIT */
/*
 * Where the zeroes in a buffer of data are that can become a hole.
 *
 * Invariant: kinds change at granules of the run, not of the buffer, so that
 * holes do not depend on how a run was divided.
 */
#include "qemu/osdep.h"
#include "copier.h"
#include "qemu/cutils.h"

/*
 * How many bytes from @at on stand in granules of one kind; the search ends
 * when it has found @enough.  Granules begin at multiples of their size in the
 * run, so the first and the last one of the buffer may be shorter.
 */
static int64_t piece_run_of(const uint8_t *buf, int64_t offset, int64_t at,
                            int64_t bytes, int64_t granule, bool zero,
                            int64_t enough)
{
    int64_t pos = at;

    while (pos < bytes && pos - at < enough) {
        int64_t end = QEMU_ALIGN_DOWN(offset + pos, granule) + granule - offset;

        end = MIN(end, bytes);
        if (buffer_is_zero(buf + pos, end - pos) != zero) {
            break;
        }
        pos = end;
    }
    return pos - at;
}

int64_t copy_piece(const uint8_t *buf, int64_t offset, int64_t bytes,
                   int64_t sparse, bool *zero)
{
    int64_t granule = pow2floor(sparse);
    int64_t length;

    assert(granule > 0);
    length = piece_run_of(buf, offset, 0, bytes, granule, true, bytes);
    *zero = length == bytes || length >= sparse;
    while (!*zero && length < bytes) {
        int64_t zeroes;

        length += piece_run_of(buf, offset, length, bytes, granule, false,
                               bytes);
        zeroes = piece_run_of(buf, offset, length, bytes, granule, true,
                               sparse);
        if (zeroes >= sparse) {
            break;
        }
        length += zeroes;
    }
    return length;
}
