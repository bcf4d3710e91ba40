/* SPDX-License-Identifier: MIT */
/*
 * QEMUIOVector: building and slicing.
 *
 * After every function `size` is the sum of the elements and `nalloc` says who
 * owns the array (see the header).  Slices come from struct Slice, which
 * describes a range of another vector without touching it.
 */
#include "qemu/osdep.h"
#include "minblk/checked.h"
#include "minblk/iov-space.h"
#include "qemu/iov.h"

/* A range: @niov elements from @iov on, without @head and @tail bytes. */
typedef struct Slice {
    const struct iovec *iov;
    int niov;
    size_t head;
    size_t tail;
} Slice;

/* The range must lie within @qiov.  An empty one has no elements. */
static Slice slice_of(const QEMUIOVector *qiov, size_t offset, size_t len)
{
    Slice slice = { .iov = qiov->iov };
    size_t rest;

    assert(offset <= qiov->size && len <= qiov->size - offset);
    if (len == 0) {
        return slice;
    }
    while (offset >= slice.iov->iov_len) {
        offset -= slice.iov->iov_len;
        slice.iov++;
    }
    slice.head = offset;
    for (rest = offset + len; rest > slice.iov[slice.niov].iov_len;
         slice.niov++) {
        rest -= slice.iov[slice.niov].iov_len;
    }
    slice.tail = slice.iov[slice.niov].iov_len - rest;
    slice.niov++;
    return slice;
}

/* Write the elements of @slice to @iov, which has room for them. */
static void slice_copy(const Slice *slice, struct iovec *iov)
{
    if (slice->niov == 0) {
        return;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): has elements */
    memcpy(iov, slice->iov, slice->niov * sizeof(*iov));
    iov[slice->niov - 1].iov_len -= slice->tail;
    iov[0].iov_base = (char *)iov[0].iov_base + slice->head;
    iov[0].iov_len -= slice->head;
}

/* Make room for @more elements. */
static void qemu_iovec_grow(QEMUIOVector *qiov, int more)
{
    assert(qiov->nalloc >= 0);
    /* Doubled, so that adding n elements copies fewer than 2n. */
    if (more > qiov->nalloc - qiov->niov) {
        qiov->nalloc = MAX(qiov->niov + more, 2 * qiov->niov);
        qiov->iov = g_renew(struct iovec, qiov->iov, qiov->nalloc);
    }
}

/* Append @slice, whose elements have @len bytes. */
static void qemu_iovec_add_slice(QEMUIOVector *qiov, const Slice *slice,
                                 size_t len)
{
    qemu_iovec_grow(qiov, slice->niov);
    slice_copy(slice, qiov->iov + qiov->niov);
    qiov->niov += slice->niov;
    qiov->size += len;
}

void qemu_iovec_init(QEMUIOVector *qiov, int alloc_hint)
{
    qiov->iov = g_new(struct iovec, alloc_hint);
    qiov->niov = 0;
    qiov->nalloc = alloc_hint;
    qiov->size = 0;
}

void qemu_iovec_init_external(QEMUIOVector *qiov, struct iovec *iov, int niov)
{
    qiov->iov = iov;
    qiov->niov = niov;
    qiov->nalloc = -1;
    qiov->size = iov_size(iov, niov);
}

void qemu_iovec_init_slice_space(QEMUIOVector *qiov, const QEMUIOVector *source,
                                 size_t offset, size_t len, struct iovec *space,
                                 int nspace)
{
    Slice slice = slice_of(source, offset, len);

    if (slice.niov == 1) {
        qemu_iovec_init_buf(qiov, (char *)slice.iov->iov_base + slice.head,
                            len);
        return;
    }
    if (slice.head == 0 && slice.tail == 0) {
        /* Whole elements can be shared: a view never changes its array. */
        qiov->iov = (struct iovec *)slice.iov;
        qiov->nalloc = -1;
    } else if (slice.niov <= nspace) {
        qiov->iov = space;
        qiov->nalloc = -1;
        slice_copy(&slice, space);
    } else {
        qiov->iov = g_new(struct iovec, slice.niov);
        qiov->nalloc = slice.niov;
        slice_copy(&slice, qiov->iov);
    }
    qiov->niov = slice.niov;
    qiov->size = len;
}

void qemu_iovec_init_slice(QEMUIOVector *qiov, const QEMUIOVector *source,
                           size_t offset, size_t len)
{
    qemu_iovec_init_slice_space(qiov, source, offset, len, NULL, 0);
}

int qemu_iovec_init_extended_space(QEMUIOVector *qiov,
                                   void *head, size_t head_len,
                                   const QEMUIOVector *mid, size_t mid_offset,
                                   size_t mid_len,
                                   void *tail, size_t tail_len,
                                   struct iovec *space, int nspace)
{
    Slice slice = mid_len ? slice_of(mid, mid_offset, mid_len) : (Slice){};
    bool fits;
    uint64_t sum;
    int niov;

    if (!checked_add_u64(head_len, mid_len, &sum) ||
        !checked_add_u64(sum, tail_len, &sum) || sum > SIZE_MAX) {
        qemu_iovec_init(qiov, 0);
        return -EINVAL;
    }
    niov = slice.niov + (head_len > 0) + (tail_len > 0);
    fits = space && niov <= nspace;
    qemu_iovec_init(qiov, fits ? 0 : niov);
    if (fits) {
        /* As if it were the vector's own, so that elements can be added. */
        qiov->iov = space;
        qiov->nalloc = niov;
    }
    if (head_len) {
        qemu_iovec_add(qiov, head, head_len);
    }
    qemu_iovec_add_slice(qiov, &slice, mid_len);
    if (tail_len) {
        qemu_iovec_add(qiov, tail, tail_len);
    }
    if (fits) {
        qiov->nalloc = -1; /* the array is the caller's */
    }
    return 0;
}

int qemu_iovec_init_extended(QEMUIOVector *qiov, void *head, size_t head_len,
                             const QEMUIOVector *mid, size_t mid_offset,
                             size_t mid_len, void *tail, size_t tail_len)
{
    int ret = qemu_iovec_init_extended_space(qiov, head, head_len, mid,
                                             mid_offset, mid_len, tail,
                                             tail_len, NULL, 0);

    if (ret == 0 && qiov->niov > IOV_MAX) {
        qemu_iovec_destroy(qiov);
        return -EINVAL;
    }
    return ret;
}

void qemu_iovec_add(QEMUIOVector *qiov, void *base, size_t len)
{
    qemu_iovec_grow(qiov, 1);
    qiov->iov[qiov->niov].iov_base = base;
    qiov->iov[qiov->niov].iov_len = len;
    qiov->niov++;
    qiov->size += len;
}

void qemu_iovec_concat(QEMUIOVector *dst, QEMUIOVector *src, size_t soffset,
                       size_t sbytes)
{
    Slice slice;

    assert(soffset <= src->size);
    sbytes = MIN(sbytes, src->size - soffset);
    slice = slice_of(src, soffset, sbytes);
    qemu_iovec_add_slice(dst, &slice, sbytes);
}

void qemu_iovec_reset(QEMUIOVector *qiov)
{
    assert(qiov->nalloc >= 0);
    qiov->niov = 0;
    qiov->size = 0;
}

void qemu_iovec_destroy(QEMUIOVector *qiov)
{
    if (qiov->nalloc >= 0) {
        g_free(qiov->iov);
    }
    qiov->iov = NULL;
    qiov->niov = 0;
    qiov->nalloc = 0;
    qiov->size = 0;
}
