/* SPDX-License-Identifier: MIT */
/*
 * The damage suite: an image that was damaged, or that others have made, is
 * refused for writing, with a reason; or else writes to it keep what it holds
 * elsewhere, and the image.
 *
 * Invariants:
 *   - Looked at are sectors at both ends of some clusters.  What they hold is
 *     what the driver itself reads before it writes, whatever the damage made
 *     of that.
 *   - Sectors are written at the places that the first and the last sector of
 *     the file have in the disk, too, where a driver might lose the image.
 */
#include "damage.h"
#include "keep.h"

typedef struct DamageCase {
    const char *path;           /* of an image of --image, or NULL */
    DamageGroup group;
} DamageCase;

/* A sector of the disk that is looked at. */
typedef struct Sector {
    int64_t offset;
    bool write;                 /* it is written to */
    bool readable;              /* it could be read before that */
    int ret;                    /* of the write */
    uint8_t before[512];
} Sector;

/* The objects of a case. */
typedef struct Damager {
    Case *c;
    int64_t cluster;
    int64_t length;             /* of the sound image; or -1: may be another */
    GArray *sectors;            /* Sector */
    GString *writes;            /* a line each, for the message */
} Damager;

static uint8_t pattern_at(int64_t offset)
{
    return 1 + (offset >> 9) % 251;
}

/* ---- what is looked at -------------------------------------------------- */

static void add_sector(Damager *d, int64_t offset, bool write)
{
    Sector one = { .offset = offset, .write = write };

    for (guint i = 0; i < d->sectors->len; i++) {
        Sector *s = &g_array_index(d->sectors, Sector, i);

        if (s->offset == offset) {
            s->write |= write;
            return;
        }
    }
    g_array_append_val(d->sectors, one);
}

/* Where the first and the last sector of the file are in the disk. */
static void add_mapped(Damager *d, BlockBackend *blk, const MemDisk *disk,
                       int64_t length)
{
    const int64_t hosts[] = { 0, (mem_disk_length(disk) - 1) & -512 };
    int64_t at = 0, bytes, map;
    BlockDriverState *file;

    for (int i = 0; i < 2000 && at < length; i++, at += bytes) {
        int ret = bdrv_block_status(blk_bs(blk), at, length - at, &bytes, &map,
                                    &file);

        if (ret < 0 || bytes <= 0) {
            return;
        }
        for (int j = 0; j < 2 && ret & BDRV_BLOCK_OFFSET_VALID; j++) {
            int64_t offset = at + hosts[j] - map;

            if (offset >= at && offset < at + bytes && offset % 512 == 0 &&
                offset + 512 <= length) {
                add_sector(d, offset, true);
            }
        }
    }
}

static void choose_sectors(Damager *d, BlockBackend *blk, const MemDisk *disk)
{
    int64_t length = blk_getlength(blk) & -512, start;
    int64_t count = DIV_ROUND_UP(length, d->cluster);

    g_array_set_size(d->sectors, 0);
    g_string_truncate(d->writes, 0);
    for (int64_t i = 0; i < count; i++) {
        int64_t end;

        if (i == SOME_CLUSTERS && i + SOME_CLUSTERS < count) {
            i = count - SOME_CLUSTERS;
        }
        start = i * d->cluster;
        end = MIN(start + d->cluster, length);
        for (int64_t at = 0; at < 2048 && at < end - start; at += 512) {
            add_sector(d, start + at, at == 512);
            add_sector(d, end - 512 - at, at == 0);
        }
    }
    add_mapped(d, blk, disk, length);
}

/* ---- trying ------------------------------------------------------------- */

/* Reads, then writes and flushes; whether the flush succeeded. */
static bool use_damaged(Damager *d, BlockBackend *blk)
{
    uint8_t buf[512];

    for (guint i = 0; i < d->sectors->len; i++) {
        Sector *s = &g_array_index(d->sectors, Sector, i);

        s->readable = blk_pread(blk, s->offset, s->before, 512) >= 0;
    }
    for (guint i = 0; i < d->sectors->len; i++) {
        Sector *s = &g_array_index(d->sectors, Sector, i);

        if (s->write) {
            memset(buf, pattern_at(s->offset), 512);
            s->ret = blk_pwrite(blk, s->offset, buf, 512, 0);
            g_string_append_printf(d->writes, "\nwrite -P 0x%02x %" PRId64
                                   " 512", buf[0], s->offset);
        }
    }
    return blk_flush(blk) >= 0;
}

static void verify_sector(Damager *d, BlockBackend *blk, const Sector *s)
{
    uint8_t buf[512], expected[512];
    int ret;

    /* A write that failed may have happened in part. */
    if (s->write ? s->ret < 0 : !s->readable) {
        return;
    }
    ret = blk_pread(blk, s->offset, buf, 512);
    if (ret < 0) {
        case_fail(d->c, "it was written to, and the sector at %" PRId64
                  " cannot be read any more: %s%s", s->offset, strerror(-ret),
                  d->writes->str);
    }
    memcpy(expected, s->before, 512);
    if (s->write) {
        memset(expected, pattern_at(s->offset), 512);
    }
    for (int i = 0; i < 512; i++) {
        if (buf[i] != expected[i]) {
            case_fail(d->c, "it was written to, and byte %" PRId64 " is 0x%02x"
                      ", not 0x%02x, and was %swritten%s", s->offset + i,
                      buf[i], expected[i], s->write ? "" : "not ",
                      d->writes->str);
        }
    }
}

static void try_damaged(Damager *d, const MemDisk *disk)
{
    StackOptions how = { .disk = "damaged", .flags = STACK_RDWR };
    BlockBackend *blk = case_try_open(d->c, &how);
    int64_t length;
    bool flushed;

    if (!blk) {
        return;
    }
    length = blk_getlength(blk);
    if (d->length >= 0 && length != d->length) {
        case_fail(d->c, "it is opened for writing, %" PRId64 " bytes long, not "
                  "%" PRId64, length, d->length);
    }
    choose_sectors(d, blk, disk);
    flushed = use_damaged(d, blk);
    blk_unref(blk);
    if (!flushed) {
        return;
    }
    blk = case_try_open(d->c, &how);
    if (!blk) {
        case_fail(d->c, "it was opened and written to, and does not open any "
                  "more%s", d->writes->str);
    }
    if (blk_getlength(blk) != length) {
        case_fail(d->c, "it was written to, and is %" PRId64 " bytes long, not "
                  "%" PRId64 "%s", blk_getlength(blk), length, d->writes->str);
    }
    for (guint i = 0; i < d->sectors->len; i++) {
        verify_sector(d, blk, &g_array_index(d->sectors, Sector, i));
    }
    blk_unref(blk);
}

static void test_damage(Case *c, const void *opaque)
{
    const DamageCase *dc = opaque;
    SoundImage sound = sound_new(c, dc->path);
    StackOptions how = { .disk = "sound" };
    BlockBackend *blk = case_open_to_read(c, &how, false);
    Damager d = { .c = c, .cluster = sound.cluster, .length = -1 };
    g_autoptr(GString) what = g_string_new(NULL);
    MemDisk *disk;

    /* Lost sectors make no file, and so no disk, longer or shorter. */
    if (dc->group == DAMAGE_LOST) {
        d.length = blk_getlength(blk);
    }
    blk_unref(blk);
    if (dc->group == DAMAGE_ENTRIES) {
        sound_find_entries(&sound);
    }
    /* Warnings of drivers are not what is looked for. */
    if (!freopen("/dev/null", "w", stderr)) {
        case_fail(c, "there is no /dev/null");
    }
    d.sectors = g_array_new(FALSE, TRUE, sizeof(Sector));
    d.writes = g_string_new(NULL);
    disk = mem_disk_copy(sound.disk, "damaged");
    for (int n = 0; sound_damage(&sound, dc->group, disk, n, what); n++) {
        /* Before it is tried, because that may end the case. */
        case_send(c, what->str, what->len + 1);
        keep_state("damaged");
        try_damaged(&d, disk);
        mem_disk_free(disk);
        disk = mem_disk_copy(sound.disk, "damaged");
        g_string_truncate(what, 0);
    }
    mem_disk_free(disk);
    g_array_unref(d.sectors);
    g_string_free(d.writes, TRUE);
    sound_free(&sound);
}

static void run_damage(Harness *h, const char *path, const char *suffix)
{
    static const char *const groups[DAMAGE__MAX] = {
        [DAMAGE_NONE] = "an image that others have made",
        [DAMAGE_LOST] = "sectors of its head or tail are lost",
        [DAMAGE_SHORT] = "a part of the file is missing",
        [DAMAGE_ENTRIES] = "the table names wrong places",
    };

    for (DamageGroup i = path ? DAMAGE_NONE : DAMAGE_LOST; i < DAMAGE__MAX;
         i++) {
        DamageCase one = { path, i };

        harness_check_told(h, test_damage, &one, sizeof(one), "%s%s",
                           groups[i], suffix);
    }
}

const HarnessSuite suite_damage = {
    .name = "damage",
    .what = "writing to damaged or foreign images loses nothing else",
    .on_images = true,
    .run_image = run_damage,
};
