/* SPDX-License-Identifier: MIT */
/*
 * Which format do the first and the last 512 bytes of a file belong to?  The
 * drivers' probes give scores; the magics below name formats of other programs
 * that mostly no driver here reads.  As raw, their metadata would pass for the
 * contents of a disk, and a write would destroy it; so opening, and the guard
 * of guessed raw images, ask both before they take anything for raw.
 *
 * Invariants:
 *   - Every probe is asked; the highest score wins.
 *   - A driver that bears the name of a magic's format gets the image, whatever
 *     its own probe said, because its error names what is wrong with it.  But a
 *     probe of tails has seen more of the end than a magic.
 *   - The first row that matches decides, so the longer of two magics that
 *     begin alike stands first.
 *   - Nothing is allocated and no lock is taken, because a guarded write asks
 *     too.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"

/* ---- the drivers' probes ------------------------------------------------ */

BlockDriver *bdrv_probe_heads(const uint8_t *buf, int buf_size,
                              const char *filename, int *best_score)
{
    BlockDriver *best = NULL, *drv;

    *best_score = 0;
    for (drv = bdrv_first_driver(); drv; drv = QLIST_NEXT(drv, list)) {
        int score =
            drv->bdrv_probe ? drv->bdrv_probe(buf, buf_size, filename) : 0;

        if (score > *best_score) {
            *best_score = score;
            best = drv;
        }
    }
    return best;
}

BlockDriver *bdrv_probe_all(const uint8_t *buf, int buf_size,
                            const char *filename)
{
    int score;

    return bdrv_probe_heads(buf, buf_size, filename, &score);
}

BlockDriver *bdrv_probe_tails(const uint8_t *tail, int size, int64_t file_size)
{
    BlockDriver *best = NULL, *drv;
    int best_score = BDRV_RAW_SCORE;

    for (drv = bdrv_first_driver(); drv; drv = QLIST_NEXT(drv, list)) {
        int score = drv->bdrv_probe_tail
                        ? drv->bdrv_probe_tail(tail, size, file_size)
                        : 0;

        if (score > best_score) {
            best_score = score;
            best = drv;
        }
    }
    return best;
}

/* ---- magics ------------------------------------------------------------- */

typedef struct Magic {
    const char *format;
    bool at_tail; /* @offset counts from the last 512 bytes */
    int offset;
    int size;
    const char *bytes;
} Magic;

#define HEAD(format, offset, bytes)                                            \
    {                                                                          \
        format, false, offset, sizeof(bytes) - 1, bytes                        \
    }
#define TAIL(format, offset, bytes)                                            \
    {                                                                          \
        format, true, offset, sizeof(bytes) - 1, bytes                         \
    }

static const Magic magics[] = {
    HEAD("qcow", 0, "QFI\xfb\0\0\0\1"),
    HEAD("qcow2", 0, "QFI\xfb"), /* version 2, 3, or a later one */
    HEAD("vhdx", 0, "vhdxfile"),
    HEAD("vmdk", 0, "KDMV"),
    HEAD("vmdk", 0, "COWD"),
    HEAD("vmdk", 0, "# Disk DescriptorFile"),
    HEAD("vdi", 64, "\x7f\x10\xda\xbe"),
    HEAD("qed", 0, "QED\0"),
    HEAD("parallels", 0, "WithoutFreeSpace"),
    HEAD("parallels", 0, "WithouFreSpacExt"),
    HEAD("luks", 0, "LUKS\xba\xbe"),
    HEAD("bochs", 0, "Bochs Virtual HD Image"),
    HEAD("cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
    HEAD("vpc", 0, "conectix"),
    TAIL("vpc", 0, "conectix"),
    TAIL("dmg", 0, "koly"),
};

/* A descriptor of VMDK in words: comments, and then the version. */
static bool detect_vmdk_text(const uint8_t *head)
{
    const char *p = (const char *)head;
    const char *end = p + BLOCK_PROBE_BUF_SIZE;

    while (p < end && *p == '#') {
        const char *line = memchr(p, '\n', end - p);

        p = line ? line + 1 : end;
    }
    return end - p >= 10 && !memcmp(p, "version=", 8) && p[8] >= '1' &&
           p[8] <= '3' && (p[9] == '\n' || p[9] == '\r');
}

static const char *find_format(const uint8_t *buf, bool at_tail)
{
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        const Magic *m = &magics[i];

        if (m->at_tail == at_tail &&
            !memcmp(buf + m->offset, m->bytes, m->size)) {
            BlockDriver *drv = at_tail ? bdrv_find_format(m->format) : NULL;

            return drv && drv->bdrv_probe_tail ? NULL : m->format;
        }
    }
    return NULL;
}

const char *bdrv_magic_of_head(const uint8_t *head)
{
    return detect_vmdk_text(head) ? "vmdk" : find_format(head, false);
}

const char *bdrv_magic_of_tail(const uint8_t *tail, int size)
{
    return size == BLOCK_PROBE_BUF_SIZE ? find_format(tail, true) : NULL;
}
