/* SPDX-License-Identifier: MIT */
/*
 * Magics: is this an image of another program's format, which no driver here
 * reads?  As raw its metadata would pass for the contents of a disk, and a
 * write would destroy it; so probing, and the guard of guessed raw images, ask
 * here before they take anything for raw.
 *
 * Invariants:
 *   - A format whose driver is built in is not named: that driver's own probe
 *     has decided already.
 *   - The first row that matches decides, so the longer of two magics that
 *     begin alike stands first.
 *   - Nothing is allocated and no lock is taken, because a guarded write asks
 *     too.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"

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

static const char *find_format(const uint8_t *buf, bool at_tail)
{
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        const Magic *m = &magics[i];

        if (m->at_tail == at_tail &&
            !memcmp(buf + m->offset, m->bytes, m->size)) {
            return bdrv_has_format(m->format) ? NULL : m->format;
        }
    }
    return NULL;
}

const char *bdrv_magic_of_head(const uint8_t *head)
{
    return find_format(head, false);
}

const char *bdrv_magic_of_tail(const uint8_t *tail, int size)
{
    return size == BLOCK_PROBE_BUF_SIZE ? find_format(tail, true) : NULL;
}
