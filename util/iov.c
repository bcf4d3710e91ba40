/* SPDX-License-Identifier: MIT */
/*
 * Bytes of vectors: counted, copied in, copied out, filled.
 *
 * Functions that touch bytes walk the vector with struct IovWalk, which yields
 * the runs of contiguous bytes of a range; no run is empty, none leaves its
 * element, so that no caller looks at an element's length.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"

typedef struct IovWalk {
    const struct iovec *iov; /* the elements still to come */
    const struct iovec *end;
    size_t offset; /* in the first of them */
    size_t left;   /* bytes of the range still to come */
    char *run;     /* what iov_walk_next() found */
    size_t len;
} IovWalk;

static IovWalk iov_walk(const QEMUIOVector *qiov, size_t offset, size_t bytes)
{
    IovWalk walk = {
        .iov = qiov->iov,
        /* Nothing may be added to the NULL of a vector without elements. */
        .end = qiov->niov ? qiov->iov + qiov->niov : qiov->iov,
        .left = bytes,
    };

    while (walk.iov < walk.end && offset >= walk.iov->iov_len) {
        offset -= walk.iov->iov_len;
        walk.iov++;
    }
    assert(walk.iov < walk.end || offset == 0);
    walk.offset = offset;
    return walk;
}

/* False at the end of the range or of the vector. */
static bool iov_walk_next(IovWalk *walk)
{
    while (walk->left > 0 && walk->iov < walk->end) {
        const struct iovec *iov = walk->iov++;

        walk->len = MIN(walk->left, iov->iov_len - walk->offset);
        if (walk->len > 0) {
            walk->run = (char *)iov->iov_base + walk->offset;
            walk->offset = 0;
            walk->left -= walk->len;
            return true;
        }
    }
    return false;
}

size_t iov_size(const struct iovec *iov, unsigned int iov_cnt)
{
    size_t size = 0;
    unsigned int i;

    for (i = 0; i < iov_cnt; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

size_t qemu_iovec_from_buf(QEMUIOVector *qiov, size_t offset, const void *buf,
                           size_t bytes)
{
    IovWalk walk = iov_walk(qiov, offset, bytes);
    const char *from = buf;

    while (iov_walk_next(&walk)) {
        memcpy(walk.run, from, walk.len);
        from += walk.len;
    }
    return bytes - walk.left;
}

size_t qemu_iovec_to_buf(QEMUIOVector *qiov, size_t offset, void *buf,
                         size_t bytes)
{
    IovWalk walk = iov_walk(qiov, offset, bytes);
    char *to = buf;

    while (iov_walk_next(&walk)) {
        memcpy(to, walk.run, walk.len);
        to += walk.len;
    }
    return bytes - walk.left;
}

size_t qemu_iovec_memset(QEMUIOVector *qiov, size_t offset, int fillc,
                         size_t bytes)
{
    IovWalk walk = iov_walk(qiov, offset, bytes);

    while (iov_walk_next(&walk)) {
        memset(walk.run, fillc, walk.len);
    }
    return bytes - walk.left;
}
