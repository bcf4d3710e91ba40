/* SPDX-License-Identifier: MIT */
/*
 * Vectors whose elements have room on the stack, so that a request for a part
 * of another one's vector allocates nothing.
 *
 * For a read or write of a part alone bdrv_co_preadv_part() and
 * bdrv_co_pwritev_part() need no vector at all; these are for what is put
 * before or after it, and for callbacks that take a whole vector.
 *
 * Invariants:
 *   - vec.qiov refers to the IovSpace itself, which must not be moved or copied
 *     between init and destroy.
 *   - A vector of more than IOV_SPACE elements works as well, but allocates.
 */
#ifndef MINBLK_IOV_SPACE_H
#define MINBLK_IOV_SPACE_H

#include "qemu/iov.h"

/* Most guests send fewer elements, and 256 bytes fit any stack. */
#define IOV_SPACE 16

typedef struct IovSpace {
    QEMUIOVector qiov;
    struct iovec space[IOV_SPACE];
} IovSpace;

/*
 * qemu_iovec_init_extended() with room for @nspace elements given by the
 * caller, as qemu_iovec_init_slice_space() has it, and without its limit of
 * IOV_MAX elements, because the layer splits what is longer.  0, or -EINVAL
 * when the sum overflows, and then @qiov is empty.  To be destroyed.  Plain.
 */
int qemu_iovec_init_extended_space(QEMUIOVector *qiov,
                                   void *head, size_t head_len,
                                   const QEMUIOVector *mid, size_t mid_offset,
                                   size_t mid_len,
                                   void *tail, size_t tail_len,
                                   struct iovec *space, int nspace);

/* @len bytes of @source from @offset on, which must be there. */
static inline void iov_space_init_slice(IovSpace *vec,
                                        const QEMUIOVector *source,
                                        size_t offset, size_t len)
{
    qemu_iovec_init_slice_space(&vec->qiov, source, offset, len, vec->space,
                                IOV_SPACE);
}

static inline void iov_space_destroy(IovSpace *vec)
{
    qemu_iovec_destroy(&vec->qiov);
}

#endif
