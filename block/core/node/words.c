/* SPDX-License-Identifier: MIT */
/*
 * Words of command lines that stand for open flags.
 *
 * Invariant: an unknown word changes nothing.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"

int bdrv_parse_cache_mode(const char *mode, int *flags, bool *writethrough)
{
    static const struct {
        const char *word;
        int flags;
        bool writethrough;
    } modes[] = {
        { "none", BDRV_O_NOCACHE, false },
        { "off", BDRV_O_NOCACHE, false },
        { "directsync", BDRV_O_NOCACHE, true },
        { "writeback", 0, false },
        { "writethrough", 0, true },
        { "unsafe", BDRV_O_NO_FLUSH, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (!strcmp(mode, modes[i].word)) {
            *flags = (*flags & ~BDRV_O_CACHE_MASK) | modes[i].flags;
            *writethrough = modes[i].writethrough;
            return 0;
        }
    }
    return -1;
}

int bdrv_parse_discard_flags(const char *mode, int *flags)
{
    if (!strcmp(mode, "off") || !strcmp(mode, "ignore")) {
        *flags &= ~BDRV_O_UNMAP;
    } else if (!strcmp(mode, "on") || !strcmp(mode, "unmap")) {
        *flags |= BDRV_O_UNMAP;
    } else {
        return -1;
    }
    return 0;
}

int bdrv_parse_aio(const char *mode, int *flags)
{
    int engine;

    if (!strcmp(mode, "threads")) {
        engine = BDRV_O_THREADS;
    } else if (!strcmp(mode, "native")) {
        engine = BDRV_O_NATIVE_AIO;
    } else if (!strcmp(mode, "io_uring")) {
        engine = BDRV_O_IO_URING;
    } else {
        return -1;
    }
    *flags &= ~(BDRV_O_NATIVE_AIO | BDRV_O_IO_URING | BDRV_O_THREADS);
    *flags |= engine;
    return 0;
}
