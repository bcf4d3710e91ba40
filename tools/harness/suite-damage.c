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
 *   - Nothing is known of the format: a word is an entry of its table if it
 *     changed as one cluster was allocated, and the word beside it, which was
 *     like it, as the next cluster was.
 *   - Sectors are written at the places that the first and the last sector of
 *     the file have in the disk, too, where a driver might lose the image.
 */
#include "ops.h"
#include "qemu/bswap.h"

/* Clusters of a new image, and how much they may be in all. */
#define CLUSTERS   8
#define MAX_LENGTH (256 << 20)
#define DEFAULT_CLUSTER (64 << 10)

/*
 * Clusters looked at, at the begin and the end of an image; and tried in turn
 * until an allocation shows where their entries are.
 */
#define SOME_CLUSTERS 8

/* So much of a file is searched for entries, and so many pairs are taken. */
#define SEARCH_BYTES (16 << 20)
#define MAX_PAIRS    4

typedef enum Group {
    GROUP_NONE,                 /* the image as it is */
    GROUP_LOST,                 /* sectors are zeroed */
    GROUP_SHORT,                /* the file ends early, or lacks a part */
    GROUP_ENTRIES,              /* the table names other places */
    GROUP__MAX,
} Group;

typedef struct DamageCase {
    const char *path;           /* of an image of --image, or NULL */
    Group group;
} DamageCase;

/* The entries of two clusters, one beside the other. */
typedef struct Pair {
    int64_t at[2];              /* in the file */
    uint32_t value[2];
    bool little;                /* little-endian */
    int64_t header;             /* the value that names the file's begin */
} Pair;

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
    MemDisk *sound;
    int64_t cluster;
    GArray *pairs;              /* Pair */
    GArray *sectors;            /* Sector */
} Damager;

static uint8_t pattern_at(int64_t offset)
{
    return 1 + (offset >> 9) % 251;
}

/* ---- the sound image ---------------------------------------------------- */

/*
 * Writes near both ends of the cluster @index, but not at them, where the words
 * of two clusters might lie beside each other.
 */
static int write_cluster(BlockBackend *blk, int64_t cluster, int64_t index)
{
    int64_t start = index * cluster + 512;
    int64_t end = MIN((index + 1) * cluster, blk_getlength(blk)) - 512;
    uint8_t buf[1536];
    int64_t bytes = MIN((int64_t)sizeof(buf), end - start);
    int ret;

    memset(buf, 0x40 + index % 64, sizeof(buf));
    ret = blk_pwrite(blk, start, buf, bytes, 0);
    return ret < 0 ? ret : blk_pwrite(blk, end - bytes, buf, bytes, 0);
}

/* Opens the sound image, writes to @count clusters from @index on; or not. */
static bool write_sound(Damager *d, int64_t index, unsigned count)
{
    StackOptions how = { .disk = "sound", .flags = STACK_RDWR };
    BlockBackend *blk = stack_open(d->c->h, &how, NULL);
    bool good = blk;

    for (unsigned i = 0; good && i < count; i++) {
        good = (index + i) * d->cluster < blk_getlength(blk) &&
               write_cluster(blk, d->cluster, index + i) >= 0;
    }
    if (blk) {
        blk_unref(blk);
    }
    return good;
}

static int64_t cluster_of(BlockBackend *blk)
{
    BlockDriverInfo bdi = { 0 };

    bdrv_get_info(blk_bs(blk), &bdi);
    return bdi.cluster_size >= 4096 ? bdi.cluster_size : DEFAULT_CLUSTER;
}

/* An image with some data, which is to be damaged. */
static void make_sound(Damager *d, const char *path)
{
    StackOptions how = { .disk = "sound" };
    BlockBackend *blk;
    Error *err = NULL;
    int64_t length;

    d->sound = case_image(d->c, how.disk, path, 1 << 20);
    blk = stack_open(d->c->h, &how, &err);
    if (!blk && path) {
        case_skip(d->c, "it cannot be opened: %s", error_get_pretty(err));
    } else if (!blk) {
        case_fail_err(d->c, err, NOT_OPENED);
    }
    d->cluster = cluster_of(blk);
    length = blk_getlength(blk);
    blk_unref(blk);
    if (path || d->c->h->from) {
        return;
    }
    mem_disk_free(d->sound);
    length = MIN(CLUSTERS * d->cluster, MAX_LENGTH);
    d->sound = case_image(d->c, how.disk, NULL, length);
    if (!write_sound(d, 0, 1) ||
        !write_sound(d, length / d->cluster - 1, 1)) {
        case_fail(d->c, "a new image cannot be written to");
    }
}

/* ---- entries of the table ----------------------------------------------- */

/* Of both byte orders the one in which the two values are nearer. */
static void add_pair(Damager *d, int64_t at, int64_t stride, const uint8_t *one,
                     const uint8_t *two, int64_t before, int64_t after)
{
    int64_t big = (int64_t)ldl_be_p(two) - ldl_be_p(one);
    int64_t little = (int64_t)ldl_le_p(two) - ldl_le_p(one);
    Pair p = { .at = { at, at + stride }, .little = ABS(little) < ABS(big) };
    int64_t step = p.little ? little : big, unit;

    p.value[0] = p.little ? ldl_le_p(one) : ldl_be_p(one);
    p.value[1] = p.little ? ldl_le_p(two) : ldl_be_p(two);
    /* The cluster made the file so much longer. */
    unit = step > 0 ? (after - before) / step : 0;
    if (unit > 0) {
        p.header = MAX(0, p.value[0] - before / unit);
    }
    g_array_append_val(d->pairs, p);
}

/*
 * The words that one allocation made of those of @a those of @b, and the next
 * one those of @c.
 */
static void compare_files(Damager *d, const MemDisk *a, const MemDisk *b,
                          const MemDisk *c)
{
    enum { STEP = 65536, MORE = 8 };
    g_autofree uint8_t *x = g_malloc0(STEP + MORE), *y = g_malloc0(STEP + MORE);
    g_autofree uint8_t *z = g_malloc0(STEP + MORE);
    int64_t length = MIN(mem_disk_length(a), SEARCH_BYTES);

    for (int64_t at = 0; at < length; at += STEP) {
        mem_disk_read(a, at, x, STEP + MORE);
        mem_disk_read(b, at, y, STEP + MORE);
        mem_disk_read(c, at, z, STEP + MORE);
        if (memcmp(x, y, STEP) == 0) {
            continue;
        }
        for (int i = 0; i < STEP && d->pairs->len < MAX_PAIRS; i += 4) {
            if (memcmp(x + i, y + i, 4) == 0 || memcmp(y + i, z + i, 4)) {
                continue;
            }
            for (int j = i + 4; j <= i + MORE; j += 4) {
                if (memcmp(x + i, x + j, 4) == 0 &&
                    memcmp(x + j, y + j, 4) == 0 && memcmp(y + j, z + j, 4) &&
                    memcmp(y + i, z + j, 4)) {
                    add_pair(d, at + i, j - i, y + i, z + j,
                             mem_disk_length(a), mem_disk_length(b));
                    break;
                }
            }
        }
    }
}

/* Allocates two clusters side by side, and leaves them in the sound image. */
static void find_entries(Damager *d)
{
    for (int64_t i = 1; i < SOME_CLUSTERS && !d->pairs->len; i++) {
        MemDisk *a = mem_disk_copy(d->sound, "a"), *b;
        bool good = write_sound(d, i, 1);

        b = mem_disk_copy(d->sound, "b");
        if (good && write_sound(d, i + 1, 1)) {
            compare_files(d, a, b, d->sound);
        }
        mem_disk_free(b);
        if (!d->pairs->len) {
            mem_disk_free(d->sound);
            d->sound = mem_disk_copy(a, "sound");
        }
        mem_disk_free(a);
    }
}

/* Number @n, or false if there is none. */
static bool damage_entry(const Damager *d, MemDisk *disk, unsigned n,
                         GString *what)
{
    enum { VALUES = 9 };
    const Pair *p;
    unsigned which = n / VALUES % 2;
    int64_t step, value;
    uint8_t buf[4];

    if (n / VALUES / 2 >= d->pairs->len) {
        return false;
    }
    p = &g_array_index(d->pairs, Pair, n / VALUES / 2);
    step = (int64_t)p->value[1] - p->value[0];
    value = (const int64_t[VALUES]) {
        0, 1, p->header, p->header + 1, p->value[!which],
        (int64_t)p->value[which] - 1, (int64_t)p->value[which] + 1,
        p->value[1] + step, p->value[1] + 1000 * step,
    }[n % VALUES];
    if (p->little) {
        stl_le_p(buf, value);
    } else {
        stl_be_p(buf, value);
    }
    g_string_printf(what, "the entry at %" PRId64 " is 0x%x, not 0x%x",
                    p->at[which], (uint32_t)value, p->value[which]);
    mem_disk_write(disk, p->at[which], buf, 4);
    return true;
}

/* ---- other damage ------------------------------------------------------- */

static bool damage_sectors(MemDisk *disk, unsigned n, GString *what)
{
    /* From the begin, or with minus from the end of the file. */
    static const int lost[][2] = {
        { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 0, 1 }, { 0, 2 },
        { -1, -1 }, { -2, -2 }, { 0, -1 },
    };
    static const uint8_t zeroes[512];
    int64_t sectors = mem_disk_length(disk) / 512;

    if (n >= G_N_ELEMENTS(lost)) {
        return false;
    }
    for (int i = lost[n][0] == lost[n][1]; i < 2; i++) {
        int64_t at = lost[n][i] + (lost[n][i] < 0 ? sectors : 0);

        if (at >= 0 && at < sectors) {
            mem_disk_write(disk, at * 512, zeroes, 512);
            g_string_append_printf(what, "%ssector %" PRId64 " is zero",
                                   *what->str ? ", " : "", at);
        }
    }
    return true;
}

/* Cut at its end; or a part before its last sector is missing. */
static bool damage_length(const Damager *d, MemDisk *disk, unsigned n,
                          GString *what)
{
    int64_t length = mem_disk_length(disk);
    int64_t half = d->cluster / 2 & -512;
    const int64_t less[] = {
        1, 512, 1024, half, d->cluster, length / 4 & -512, length / 2 & -512,
    };
    int64_t rest;
    uint8_t last[512];

    if (n >= 2 * G_N_ELEMENTS(less)) {
        return false;
    }
    rest = length - less[n / 2];
    if (rest < 1024) {
        return true;
    }
    g_string_printf(what, "%" PRId64 " bytes are missing %s", less[n / 2],
                    n % 2 ? "before the last sector" : "at the end");
    mem_disk_read(disk, length - 512, last, 512);
    mem_disk_set_length(disk, rest);
    if (n % 2) {
        mem_disk_write(disk, rest - 512, last, 512);
    }
    return true;
}

/* Damage number @n of the group; false if there are no more. */
static bool damage(const Damager *d, Group group, MemDisk *disk, unsigned n,
                   GString *what)
{
    switch (group) {
    case GROUP_LOST:
        return damage_sectors(disk, n, what);
    case GROUP_SHORT:
        return damage_length(d, disk, n, what);
    case GROUP_ENTRIES:
        return damage_entry(d, disk, n, what);
    default:
        g_string_assign(what, "as it is");
        return n == 0;
    }
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

/* Opens it; NULL if that was refused with a reason. */
static BlockBackend *open_damaged(Damager *d)
{
    StackOptions how = { .disk = "damaged", .flags = STACK_RDWR };
    Error *err = NULL;
    BlockBackend *blk = stack_open(d->c->h, &how, &err);

    if (!blk && (!err || !*error_get_pretty(err))) {
        case_fail(d->c, "it was refused without a reason");
    }
    error_free(err);
    return blk;
}

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
                  " cannot be read any more: %s", s->offset, strerror(-ret));
    }
    memcpy(expected, s->before, 512);
    if (s->write) {
        memset(expected, pattern_at(s->offset), 512);
    }
    for (int i = 0; i < 512; i++) {
        if (buf[i] != expected[i]) {
            case_fail(d->c, "it was written to, and byte %" PRId64 ", which "
                      "%s, is 0x%02x, not 0x%02x", s->offset + i,
                      s->write ? "was written" : "was not", buf[i],
                      expected[i]);
        }
    }
}

static void try_damaged(Damager *d, const MemDisk *disk)
{
    BlockBackend *blk = open_damaged(d);
    int64_t length;
    bool flushed;

    if (!blk) {
        return;
    }
    length = blk_getlength(blk);
    choose_sectors(d, blk, disk);
    flushed = use_damaged(d, blk);
    blk_unref(blk);
    if (!flushed) {
        return;
    }
    blk = open_damaged(d);
    if (!blk) {
        case_fail(d->c, "it was opened and written to, and does not open any "
                  "more");
    }
    if (blk_getlength(blk) != length) {
        case_fail(d->c, "it was written to, and is %" PRId64 " bytes long, not "
                  "%" PRId64, blk_getlength(blk), length);
    }
    for (guint i = 0; i < d->sectors->len; i++) {
        verify_sector(d, blk, &g_array_index(d->sectors, Sector, i));
    }
    blk_unref(blk);
}

static void test_damage(Case *c, const void *opaque)
{
    const DamageCase *dc = opaque;
    Damager d = {
        .c = c,
        .pairs = g_array_new(FALSE, FALSE, sizeof(Pair)),
        .sectors = g_array_new(FALSE, TRUE, sizeof(Sector)),
    };
    g_autoptr(GString) what = g_string_new(NULL);

    make_sound(&d, dc->path);
    if (dc->group == GROUP_ENTRIES) {
        find_entries(&d);
        if (!d.pairs->len) {
            case_skip(c, "no entries of a table were found");
        }
    }
    /* Warnings of drivers are not what is looked for. */
    if (!freopen("/dev/null", "w", stderr)) {
        case_fail(c, "there is no /dev/null");
    }
    for (unsigned n = 0;; n++) {
        MemDisk *disk = mem_disk_copy(d.sound, "damaged");

        g_string_truncate(what, 0);
        if (!damage(&d, dc->group, disk, n, what)) {
            break;
        }
        /* Before it is tried, because that may end the case. */
        case_send(c, what->str, what->len + 1);
        try_damaged(&d, disk);
        mem_disk_free(disk);
    }
    mem_disk_free(mem_disk_find("damaged"));
    mem_disk_free(d.sound);
    g_array_unref(d.pairs);
    g_array_unref(d.sectors);
}

static void run_damage(Harness *h, const char *path, const char *suffix)
{
    static const char *const groups[GROUP__MAX] = {
        [GROUP_NONE] = "an image that others have made",
        [GROUP_LOST] = "sectors of its head or tail are lost",
        [GROUP_SHORT] = "a part of the file is missing",
        [GROUP_ENTRIES] = "the table names wrong places",
    };

    for (Group i = path ? GROUP_NONE : GROUP_LOST; i < GROUP__MAX; i++) {
        DamageCase one = { path, i };
        CaseResult *r = cases_run(h, test_damage, &one, sizeof(one), 1, 0);
        g_autofree char *text = g_strdup_printf(
            "%s%s%s", r->status == CASE_FAIL ? (const char *)r->data : "",
            r->status == CASE_FAIL && *r->data ? ": " : "", r->message);

        harness_report(h, r->status, text, "%s%s", groups[i], suffix);
        cases_free(r, 1);
    }
}

const HarnessSuite suite_damage = {
    .name = "damage",
    .what = "writing to damaged or foreign images loses nothing else",
    .on_images = true,
    .run_image = run_damage,
};
