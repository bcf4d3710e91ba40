/* SPDX-License-Identifier: MIT */
/*
 * Images for the damage suite, and damage to them; see damage.h.
 *
 * Invariants: nothing is known of the format.  A word is an entry of its table
 * if it changed as one cluster was allocated, and the word beside it, which was
 * like it, as the next cluster was.
 */
#include "damage.h"

#include "qemu/bswap.h"

/* Clusters of a new image. */
#define CLUSTERS 8
#define DEFAULT_CLUSTER (64 << 10)

/* So much of a file is searched for entries, and so many pairs are taken. */
#define SEARCH_BYTES (16 << 20)
#define MAX_PAIRS    4

/* The entries of two clusters, one beside the other. */
typedef struct Pair {
    int64_t at[2];              /* in the file */
    uint32_t value[2];
    bool little;                /* little-endian */
    int64_t header;             /* the value that names the file's begin */
} Pair;

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

/* Opens the sound image and writes to the cluster @index; or not. */
static bool write_sound(const SoundImage *d, int64_t index)
{
    StackOptions how = { .disk = "sound", .flags = STACK_RDWR };
    BlockBackend *blk = stack_open(d->c->h, &how, NULL);
    bool good = blk && index * d->cluster < blk_getlength(blk) &&
                write_cluster(blk, d->cluster, index) >= 0;

    if (blk) {
        blk_unref(blk);
    }
    return good;
}

/* What the driver allocates in; it may not say. */
static int64_t learn_cluster(Case *c)
{
    StackOptions how = { .disk = "sound" };
    BlockDriverInfo bdi = { 0 };
    BlockBackend *blk = case_open_to_read(c, &how, false);

    if (stack_has_more_files()) {
        case_skip(c, SEVERAL_FILES);
    }
    bdrv_get_info(blk_bs(blk), &bdi);
    blk_unref(blk);
    return bdi.cluster_size >= 4096 ? bdi.cluster_size : DEFAULT_CLUSTER;
}

SoundImage sound_new(Case *c, const char *path)
{
    SoundImage d = {
        .c = c, .pairs = g_array_new(FALSE, FALSE, sizeof(Pair)),
    };
    bool is_new = !path && !c->h->from;
    int64_t size = 1 << 20;

    d.disk = case_image(c, "sound", path, size);
    d.cluster = learn_cluster(c);
    if (is_new) {
        size = MIN(CLUSTERS * d.cluster, MAX_LENGTH);
        mem_disk_free(d.disk);
        d.disk = case_image(c, "sound", NULL, size);
        /* Of a longer image they may be larger. */
        d.cluster = learn_cluster(c);
    }
    if (is_new && (!write_sound(&d, 0) ||
                   !write_sound(&d, (size - 1) / d.cluster))) {
        case_skip(c, "a new image cannot be written to");
    }
    return d;
}

void sound_free(SoundImage *sound)
{
    mem_disk_free(sound->disk);
    g_array_unref(sound->pairs);
}

/* ---- entries of the table ----------------------------------------------- */

/* Of both byte orders the one in which the two values are nearer. */
static void add_pair(SoundImage *d, int64_t at, int64_t stride,
                     const uint8_t *one, const uint8_t *two, int64_t before,
                     int64_t after)
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
static void compare_files(SoundImage *d, const MemDisk *a, const MemDisk *b,
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

/* Clusters side by side are allocated in turn until that shows entries. */
void sound_find_entries(SoundImage *d)
{
    for (int64_t i = 1; i < SOME_CLUSTERS && !d->pairs->len; i++) {
        MemDisk *a = mem_disk_copy(d->disk, "a"), *b;
        bool good = write_sound(d, i);

        b = mem_disk_copy(d->disk, "b");
        if (good && write_sound(d, i + 1)) {
            compare_files(d, a, b, d->disk);
        }
        mem_disk_free(b);
        if (!d->pairs->len) {
            mem_disk_free(d->disk);
            d->disk = mem_disk_copy(a, "sound");
        }
        mem_disk_free(a);
    }
    if (!d->pairs->len) {
        case_skip(d->c, "no entries of a table were found");
    }
}

/* Number @n, or false if there is none. */
static bool damage_entry(const SoundImage *d, MemDisk *disk, unsigned n,
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
static bool damage_length(const SoundImage *d, MemDisk *disk, unsigned n,
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

bool sound_damage(const SoundImage *d, DamageGroup group, MemDisk *disk,
                  unsigned n, GString *what)
{
    switch (group) {
    case DAMAGE_LOST:
        return damage_sectors(disk, n, what);
    case DAMAGE_SHORT:
        return damage_length(d, disk, n, what);
    case DAMAGE_ENTRIES:
        return damage_entry(d, disk, n, what);
    default:
        g_string_assign(what, "as it is");
        return n == 0;
    }
}
