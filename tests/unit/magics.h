/* SPDX-License-Identifier: MIT */
/*
 * The least that makes a file an image of a format for which there is no
 * driver: some bytes in its first or last 512.
 */
#ifndef TESTS_UNIT_MAGICS_H
#define TESTS_UNIT_MAGICS_H

typedef struct Magic {
    const char *format;
    int offset; /* negative: before the end of the file */
    int size;
    const char *bytes;
} Magic;

#define MAGIC_AT(format, offset, bytes)                                        \
    {                                                                          \
        format, offset, sizeof(bytes) - 1, bytes                               \
    }

static const Magic magics[] = {
    MAGIC_AT("qcow", 0, "QFI\xfb\0\0\0\1"),
    MAGIC_AT("qcow2", 0, "QFI\xfb\0\0\0\2"),
    MAGIC_AT("qcow2", 0, "QFI\xfb\0\0\0\3"),
    MAGIC_AT("qcow2", 0, "QFI\xfb\0\0\0\4"),
    MAGIC_AT("vhdx", 0, "vhdxfile"),
    MAGIC_AT("vmdk", 0, "KDMV"),
    MAGIC_AT("vmdk", 0, "COWD"),
    MAGIC_AT("vmdk", 0, "# Disk DescriptorFile\nversion=1\n"),
    MAGIC_AT("vmdk", 0, "version=1\n"),
    MAGIC_AT("vmdk", 0, "# a\r\n#b\nversion=3\r\n"),
    MAGIC_AT("vdi", 64, "\x7f\x10\xda\xbe"),
    MAGIC_AT("qed", 0, "QED\0"),
    MAGIC_AT("parallels", 0, "WithoutFreeSpace"),
    MAGIC_AT("parallels", 0, "WithouFreSpacExt"),
    MAGIC_AT("luks", 0, "LUKS\xba\xbe\0\1"),
    MAGIC_AT("luks", 0, "LUKS\xba\xbe\0\2"),
    MAGIC_AT("bochs", 0, "Bochs Virtual HD Image"),
    MAGIC_AT("cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0"),
    MAGIC_AT("vpc", 0, "conectix"),
    MAGIC_AT("vpc", -512, "conectix"),
    MAGIC_AT("dmg", -512, "koly"),
};

/* Where the bytes of @m are in a file of @size bytes. */
static int64_t magic_offset(const Magic *m, int64_t size)
{
    return m->offset < 0 ? size + m->offset : m->offset;
}

#endif
