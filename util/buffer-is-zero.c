/* SPDX-License-Identifier: MIT */
/*
 * The search for zeros, made so that it costs what reading the memory costs.
 *
 * The buffer's ends and its middle are looked at first: data seldom begins and
 * ends with zeros, and then little was read.  Blocks are read as vectors,
 * which the compiler maps to whatever the machine has.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

/* May be read at any address; its alias rules are those of char. */
typedef uint64_t ZeroVector
    __attribute__((vector_size(16), aligned(1), may_alias));

enum {
    VECTORS = 16,
    BLOCK = VECTORS * sizeof(ZeroVector),
};

/* True when the BLOCK bytes at @p are zero. */
static inline bool block_is_zero(const unsigned char *p)
{
    const ZeroVector *v = (const ZeroVector *)p;
    ZeroVector a = v[0], b = v[1], c = v[2], d = v[3];
    int i;

    for (i = 4; i < VECTORS; i += 4) {
        a |= v[i];
        b |= v[i + 1];
        c |= v[i + 2];
        d |= v[i + 3];
    }
    a |= b | c | d;
    return (a[0] | a[1]) == 0;
}

static bool bytes_are_zero(const unsigned char *p, size_t len)
{
    unsigned char bits = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        bits |= p[i];
    }
    return bits == 0;
}

bool buffer_is_zero(const void *buf, size_t len)
{
    const unsigned char *p = buf;
    size_t i;

    if (len < BLOCK) {
        return bytes_are_zero(p, len);
    }
    if (p[0] | p[len - 1] | p[len / 2]) {
        return false;
    }
    for (i = 0; i + BLOCK <= len; i += BLOCK) {
        if (!block_is_zero(p + i)) {
            return false;
        }
    }
    /* The rest, with some bytes that have been seen before it. */
    return block_is_zero(p + len - BLOCK);
}
