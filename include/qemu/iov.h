/* SPDX-License-Identifier: MIT */
/*
 * Scatter-gather vectors: plain arrays of struct iovec, and QEMUIOVector, which
 * knows its size and may grow.
 *
 * A QEMUIOVector refers to memory and never owns it.  `size` is always the sum
 * of the elements' lengths.  `nalloc` says who owns the array: -1, not the
 * vector (it is the caller's or `local_iov`), and then nothing can be added;
 * else the vector does, with room for so many elements, until
 * qemu_iovec_destroy().  A vector whose `iov` is its own `local_iov` must not
 * be copied by assignment.
 *
 * Offsets and lengths are in bytes.  All functions are plain and may be called
 * from any context.
 */
#ifndef QEMU_IOV_H
#define QEMU_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "qemu/compiler.h"

/* The sum of the lengths. */
size_t iov_size(const struct iovec *iov, unsigned int iov_cnt);

typedef struct QEMUIOVector {
    struct iovec *iov;
    int niov;
    /* `size` is also the length of `local_iov`. */
    union {
        struct {
            int nalloc;
            struct iovec local_iov;
        };
        struct {
            char pad_[offsetof(struct { int n; struct iovec v; }, v.iov_len)];
            size_t size;
        };
    };
} QEMUIOVector;

QEMU_BUILD_BUG_ON(offsetof(QEMUIOVector, size) !=
                  offsetof(QEMUIOVector, local_iov.iov_len));

/*
 * An initialiser for a vector of one element that needs no allocation and no
 * qemu_iovec_destroy(): `QEMUIOVector q = QEMU_IOVEC_INIT_BUF(q, buf, len);`
 */
#define QEMU_IOVEC_INIT_BUF(self, buf, len)                               \
{                                                                         \
    .iov = &(self).local_iov,                                             \
    .niov = 1,                                                            \
    .nalloc = -1,                                                         \
    .local_iov = { .iov_base = (void *)(buf), .iov_len = (len) },         \
}

/* The same at run time. */
static inline void qemu_iovec_init_buf(QEMUIOVector *qiov, void *buf,
                                       size_t len)
{
    qiov->iov = &qiov->local_iov;
    qiov->niov = 1;
    qiov->nalloc = -1;
    qiov->local_iov.iov_base = buf;
    qiov->local_iov.iov_len = len;
}

/*
 * An empty vector with room for @alloc_hint elements; it grows by itself.  To
 * be destroyed.
 */
void qemu_iovec_init(QEMUIOVector *qiov, int alloc_hint);

/*
 * A view of the caller's array, which must outlive it.  Destroying it is
 * allowed and does nothing to the array.
 */
void qemu_iovec_init_external(QEMUIOVector *qiov, struct iovec *iov, int niov);

/*
 * A vector of @len bytes of @source from @offset on; the range must lie within
 * @source, whose memory it refers to and whose array it may refer to.  Nothing
 * is allocated when the range lies within one element or begins and ends
 * between two.  To be destroyed, before @source.
 */
void qemu_iovec_init_slice(QEMUIOVector *qiov, const QEMUIOVector *source,
                           size_t offset, size_t len);

/*
 * The same with room for @nspace elements given by the caller, which is used
 * where the above would allocate; only a range of more elements than that
 * allocates.  @space must outlive the vector.  To be destroyed.
 */
void qemu_iovec_init_slice_space(QEMUIOVector *qiov,
                                 const QEMUIOVector *source,
                                 size_t offset, size_t len,
                                 struct iovec *space, int nspace);

/*
 * A vector of @head_len bytes at @head, @mid_len bytes of @mid from @mid_offset
 * on and @tail_len bytes at @tail; parts of length 0 are left out.  Returns 0,
 * or -EINVAL when the sum overflows or there were more than IOV_MAX elements;
 * then @qiov is empty.  To be destroyed.
 */
int qemu_iovec_init_extended(QEMUIOVector *qiov, void *head, size_t head_len,
                             const QEMUIOVector *mid, size_t mid_offset,
                             size_t mid_len, void *tail, size_t tail_len);

/* Append an element; not to an external vector. */
void qemu_iovec_add(QEMUIOVector *qiov, void *base, size_t len);

/*
 * Append references to @sbytes of @src from @soffset on, which must not lie
 * past its end; stops where @src ends.  Not to an external vector.
 */
void qemu_iovec_concat(QEMUIOVector *dst, QEMUIOVector *src,
                       size_t soffset, size_t sbytes);

/* Make it empty and keep the array; not for external vectors. */
void qemu_iovec_reset(QEMUIOVector *qiov);

/* Free the array if it is the vector's own; it may be initialised again. */
void qemu_iovec_destroy(QEMUIOVector *qiov);

/*
 * Copy up to @bytes between @buf and the vector's bytes from @offset on, which
 * must not lie past the vector's end.  Return the number of bytes copied,
 * less than @bytes when the vector ends before.
 */
size_t qemu_iovec_from_buf(QEMUIOVector *qiov, size_t offset,
                           const void *buf, size_t bytes);
size_t qemu_iovec_to_buf(QEMUIOVector *qiov, size_t offset,
                         void *buf, size_t bytes);

/* Set bytes to @fillc; offset and result as above. */
size_t qemu_iovec_memset(QEMUIOVector *qiov, size_t offset,
                         int fillc, size_t bytes);

#endif
