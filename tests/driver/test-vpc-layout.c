/* SPDX-License-Identifier: MIT */
/*
 * Where minblk puts blocks and footers, by the bytes of the file: the one
 * layout of docs/vhd.md, in images that it made and in those of other programs.
 *
 * The places are computed here a second time, from the header and the table
 * alone.
 */
#include "qemu/osdep.h"
#include "new-image.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "vpc-findings.h"

#define PAGE 4096
#define SECTOR 512

static const VhdSpec windows = { .size = 10 * BLOCK, .windows = true };
static const VhdSpec virtualpc = {
    .size = 10 * BLOCK, .creator = "vpc ", .geometry = { 40, 4, 8 },
    .spare_sectors = 1,
};
static const VhdSpec xenserver = { .size = 10 * BLOCK, .batmap = true };

/* ---- what the file says ------------------------------------------------- */

/* A dynamic image; offsets in bytes. */
typedef struct Parts {
    uint64_t table;
    uint32_t entries;
    uint32_t block, bitmap;     /* bytes of a block's data and bitmap */
    uint64_t structures;        /* where they end */
    uint64_t end;               /* and all else; 0 blocks: the structures */
} Parts;

static uint64_t get(const MemDisk *disk, uint64_t offset, unsigned bytes)
{
    uint8_t buf[8] = { 0 };

    mem_disk_read(disk, offset, buf + 8 - bytes, bytes);
    return ldq_be_p(buf);
}

/* The offset of the bitmap of @block; 0: it has no space. */
static uint64_t place(Fixture *f, const Parts *p, uint32_t block)
{
    uint32_t entry = get(f->disk, p->table + 4 * block, 4);

    return entry == 0xffffffff ? 0 : (uint64_t)entry * SECTOR;
}

static Parts parts(Fixture *f)
{
    Parts p = {
        .table = get(f->disk, 512 + 16, 8),
        .entries = get(f->disk, 512 + 28, 4),
        .block = get(f->disk, 512 + 32, 4),
    };
    uint8_t cookie[8];

    p.bitmap = DIV_ROUND_UP(p.block, SECTOR * 8 * SECTOR) * SECTOR;
    p.structures = ROUND_UP(p.table + p.entries * 4, SECTOR);
    mem_disk_read(f->disk, p.structures, cookie, 8);
    if (memcmp(cookie, "tdbatmap", 8) == 0) {
        p.structures = get(f->disk, p.structures + 8, 8) +
                       get(f->disk, p.structures + 16, 4) * SECTOR;
    }
    p.end = p.structures;
    for (uint32_t i = 0; i < p.entries; i++) {
        if (place(f, &p, i)) {
            p.end = MAX(p.end, place(f, &p, i) + p.bitmap + p.block);
        }
    }
    return p;
}

/* A footer like the copy at the start. */
static bool is_footer(Fixture *f, int64_t offset)
{
    VpcFooter head, footer;

    mem_disk_read(f->disk, 0, &head, sizeof(head));
    mem_disk_read(f->disk, offset, &footer, sizeof(footer));
    return offset + SECTOR <= mem_disk_length(f->disk) &&
           memcmp(footer.cookie, "conectix", 8) == 0 &&
           memcmp(&footer, &head, sizeof(head)) == 0;
}

/* A footer directly after the last block, and the end of the file. */
static void assert_ends(Fixture *f)
{
    Parts p = parts(f);

    g_assert_true(is_footer(f, p.end));
    g_assert_cmpint(mem_disk_length(f->disk), ==, p.end + SECTOR);
}

/* The same, where the file may go on: then its last sector has one, too. */
static void assert_footers(Fixture *f)
{
    g_assert_true(is_footer(f, parts(f).end));
    g_assert_true(is_footer(f, mem_disk_length(f->disk) - SECTOR));
}

/*
 * @block lies after a footer at @footer, and has one of its own, whose offset
 * this is.
 */
static uint64_t assert_placed(Fixture *f, uint32_t block, uint64_t footer)
{
    Parts p = parts(f);
    uint64_t data = footer + SECTOR + p.bitmap;

    if (p.block >= PAGE) {
        data = ROUND_UP(data, PAGE);
    }
    g_assert_cmpint(place(f, &p, block) + p.bitmap, ==, data);
    g_assert_true(is_footer(f, data + p.block));
    return data + p.block;
}

/* ---- images ------------------------------------------------------------- */

static void begin_new(Fixture *f, const char *options)
{
    f->disk = mem_disk_new("disk");
    memset(&f->image, 0, sizeof(f->image));
    new_image_on_disk("disk", options, &error_abort);
}

/* The first @count blocks in order, block N filled with N + 1. */
static void begin_used(Fixture *f, const VhdSpec *spec, unsigned count)
{
    begin(f, spec);
    for (unsigned i = 0; i < count; i++) {
        vhd_add_block(f->disk, &f->image, i, 0,
                      f->image.spec.block_size / SECTOR, i + 1);
    }
    vhd_finish(f->disk, &f->image);
}

static BlockBackend *open_device(void)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "raw");
    qdict_put_int(options, "file.size",
                  mem_disk_length(mem_disk_find("disk")));
    qdict_put_str(options, "file.file.driver", "mem");
    qdict_put_str(options, "file.file.disk", "disk");
    return blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_UNMAP, NULL);
}

static uint8_t *contents(Fixture *f, int64_t *length)
{
    *length = mem_disk_length(f->disk);
    return disk_copy(f->disk, 0, *length);
}

/* The first @length bytes are @before. */
static void assert_unchanged(Fixture *f, const uint8_t *before, int64_t length)
{
    g_autofree uint8_t *now = disk_copy(f->disk, 0, length);

    g_assert_true(memcmp(before, now, length) == 0);
}

static unsigned writes(Fixture *f)
{
    return mem_disk_count(f->disk, MEM_WRITE) +
           mem_disk_count(f->disk, MEM_ZERO) +
           mem_disk_count(f->disk, MEM_TRUNCATE);
}

static void give_back(BlockBackend *blk, uint32_t first, uint32_t count,
                      int64_t unit)
{
    g_assert_cmpint(blk_pdiscard(blk, first * unit, count * unit), ==, 0);
}

/* ---- new images --------------------------------------------------------- */

static void test_new(gconstpointer options)
{
    Fixture f;
    Parts p;

    begin_new(&f, options);
    p = parts(&f);
    g_assert_cmpint(p.table, ==, 1536);
    g_assert_cmpint(p.end, ==, p.structures);
    assert_ends(&f);
    assert_sound(&f);
    end(&f);
}

/* Blocks get their places in the order of their first writes. */
static void write_blocks(Fixture *f, bool sessions)
{
    static const uint32_t order[] = { 3, 0, 4, 1 };
    Parts p = parts(f);
    uint64_t footer = mem_disk_length(f->disk) - SECTOR;
    BlockBackend *blk = open_rw(f);

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        write_value(blk, (int64_t)order[i] * p.block + SECTOR % p.block,
                    SECTOR, 0x40 + i);
        if (sessions) {
            blk_unref(blk);
            blk = open_rw(f);
        }
    }
    blk_unref(blk);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        /* The old one stays where it is. */
        g_assert_true(is_footer(f, footer));
        footer = assert_placed(f, order[i], footer);
    }
    assert_ends(f);
    assert_sound(f);
}

static void test_blocks(gconstpointer options)
{
    for (int sessions = 0; sessions < 2; sessions++) {
        Fixture f;

        begin_new(&f, options);
        write_blocks(&f, sessions);
        end(&f);
    }
}

/* Preallocation lays out what writing every block would lead to. */
static void test_metadata(void)
{
    Fixture f;
    uint64_t footer;
    Parts p;

    begin_new(&f, "size=640k,block-size=64k,force-size=on,"
              "preallocation=metadata");
    p = parts(&f);
    footer = p.structures;
    for (uint32_t i = 0; i < 10; i++) {
        g_assert_cmpint(place(&f, &p, i) + p.bitmap, ==,
                        ROUND_UP(footer + SECTOR + p.bitmap, PAGE));
        footer = place(&f, &p, i) + p.bitmap + p.block;
    }
    assert_ends(&f);
    assert_sound(&f);
    end(&f);
}

/* ---- images of other programs ------------------------------------------- */

typedef struct Foreign {
    const char *name;
    const VhdSpec *spec;
    VhdSpec small;              /* else */
} Foreign;

static const Foreign foreign[] = {
    { "virtualbox", &virtualbox },
    { "windows", &windows },
    { "virtualpc", &virtualpc },
    { "xenserver", &xenserver },
    { "512", .small = { .size = 16 * KiB, .creator = "vbox",
                        .block_size = 512 } },
    { "1k", .small = { .size = 16 * KiB, .creator = "vbox",
                       .block_size = 1024 } },
    { "2k", .small = { .size = 32 * KiB, .creator = "vbox",
                       .block_size = 2048 } },
    { "4k", .small = { .size = 64 * KiB, .creator = "vbox",
                       .block_size = 4096 } },
    { "4m", .small = { .size = 24 * MiB, .creator = "vbox",
                       .block_size = 4 * MiB } },
};

/* They keep their places, as new blocks follow their footer. */
static void test_foreign_blocks(gconstpointer opaque)
{
    const Foreign *other = opaque;
    const VhdSpec *spec = other->spec ?: &other->small;

    for (int used = 0; used < 2; used++) {
        Fixture f;
        Parts before, after;

        begin(&f, spec);
        if (used) {
            vhd_add_block(f.disk, &f.image, 2, 0,
                          f.image.spec.block_size / SECTOR, 0x11);
        }
        vhd_finish(f.disk, &f.image);
        /* Zeroes before the footers of Windows and Virtual PC are nothing. */
        assert_sound(&f);
        before = parts(&f);
        if (used) {
            uint64_t at = place(&f, &before, 2);

            write_blocks(&f, true);
            after = parts(&f);
            g_assert_cmpint(place(&f, &after, 2), ==, at);
        } else {
            write_blocks(&f, false);
        }
        end(&f);
    }
}

/* ---- space that is given back ------------------------------------------- */

static void test_give_back_last(void)
{
    Fixture f;
    BlockBackend *blk;
    uint64_t footer[4];
    int64_t new_length, length;
    g_autofree uint8_t *new_file = NULL;

    begin_new(&f, "size=640k,block-size=64k,force-size=on");
    new_file = contents(&f, &new_length);
    blk = open_rw(&f);
    for (int i = 0; i < 4; i++) {
        write_value(blk, i * BLOCK, BLOCK, i + 1);
    }
    blk_unref(blk);
    footer[0] = assert_placed(&f, 0, new_length - SECTOR);
    for (int i = 1; i < 4; i++) {
        footer[i] = assert_placed(&f, i, footer[i - 1]);
    }

    /* One in between changes nothing at the end. */
    blk = open_rw(&f);
    give_back(blk, 1, 1, BLOCK);
    blk_unref(blk);
    assert_ends(&f);
    g_assert_cmpint(parts(&f).end, ==, footer[3]);

    /* The last one: what is then the last one has its footer. */
    blk = open_rw(&f);
    give_back(blk, 3, 1, BLOCK);
    blk_unref(blk);
    assert_ends(&f);
    g_assert_cmpint(parts(&f).end, ==, footer[2]);
    assert_sound(&f);

    /* With the gap before it, too. */
    blk = open_rw(&f);
    give_back(blk, 2, 1, BLOCK);
    assert_reads(blk, 0, BLOCK, 1);
    assert_reads(blk, BLOCK, 9 * BLOCK, 0);
    blk_unref(blk);
    assert_ends(&f);
    g_assert_cmpint(parts(&f).end, ==, footer[0]);
    assert_sound(&f);

    /* All: the file is as new. */
    blk = open_rw(&f);
    give_back(blk, 0, 10, BLOCK);
    blk_unref(blk);
    assert_ends(&f);
    length = mem_disk_length(f.disk);
    g_assert_cmpint(length, ==, new_length);
    assert_unchanged(&f, new_file, length);
    assert_sound(&f);
    end(&f);
}

/* Of other programs' images, all of it in one session. */
static void test_give_back_foreign(gconstpointer opaque)
{
    const Foreign *other = opaque;
    const VhdSpec *spec = other->spec ?: &other->small;
    Fixture f;
    BlockBackend *blk;
    int64_t unit;

    begin_used(&f, spec, 4);
    unit = f.image.spec.block_size;
    blk = open_rw(&f);
    give_back(blk, 3, 1, unit);
    blk_unref(blk);
    assert_ends(&f);
    assert_sound(&f);
    blk = open_rw(&f);
    assert_reads(blk, 2 * unit, unit, 3);
    write_value(blk, 5 * unit, unit, 0x55);
    give_back(blk, 5, 1, unit);
    give_back(blk, 0, 3, unit);
    blk_unref(blk);
    assert_ends(&f);
    g_assert_cmpint(parts(&f).end, ==, parts(&f).structures);
    assert_sound(&f);
    end(&f);
}

/* ---- what stands after the last block ----------------------------------- */

/* Bytes of nobody's: a new block comes after all of them. */
static void test_leftovers(void)
{
    for (int size = 1; size < 20000; size += 4999) {
        g_autofree uint8_t *rest = g_malloc(size), *before = NULL;
        int64_t length;
        Fixture f;
        BlockBackend *blk;
        Parts p;

        begin_used(&f, &virtualbox, 3);
        memset(rest, 0x5e, size);
        mem_disk_write(f.disk, mem_disk_length(f.disk), rest, size);
        before = contents(&f, &length);
        blk = open_rw(&f);
        write_value(blk, 7 * BLOCK + 1024, 512, 0x77);
        blk_unref(blk);
        p = parts(&f);
        g_assert_cmpint(place(&f, &p, 7), >=, length);
        g_assert_cmpint((place(&f, &p, 7) + p.bitmap) % PAGE, ==, 0);
        g_assert_true(is_footer(&f, p.end));
        g_assert_true(is_footer(&f, mem_disk_length(f.disk) - SECTOR));
        mem_disk_write(f.disk, p.table + 4 * 7, "\xff\xff\xff\xff", 4);
        assert_unchanged(&f, before, length);
        end(&f);
    }
}

/* A block that has lost its entry, before the footer that ends the file. */
static void test_orphan(void)
{
    const VhdSpec *const specs[] = { &virtualbox, &windows, &xenserver };

    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        g_autofree uint8_t *before = NULL, *now = NULL;
        int64_t length;
        Fixture f;
        BlockBackend *blk;
        BdrvCheckResult result = { 0 };
        Parts p;

        begin_used(&f, specs[i], 3);
        vhd_set_entry(f.disk, &f.image, 2, VPC_UNALLOCATED);
        g_free(check_lines(&f, 0, &result, NULL));
        g_assert_cmpint(result.corruptions, ==, 0);
        g_assert_cmpint(result.leaks, >, 0);
        before = contents(&f, &length);
        blk = open_rw(&f);
        write_value(blk, 7 * BLOCK + 1024, 512, 0x77);
        assert_reads(blk, 7 * BLOCK, 1024, 0);
        assert_reads(blk, 7 * BLOCK + 1536, BLOCK - 1536, 0);
        blk_unref(blk);
        assert_placed(&f, 7, length - SECTOR);
        assert_ends(&f);
        /* All but the table, and the batmap. */
        p = parts(&f);
        now = disk_copy(f.disk, 0, length);
        g_assert_cmpmem(now, p.table, before, p.table);
        g_assert_cmpmem(now + p.structures, length - p.structures,
                        before + p.structures, length - p.structures);
        end(&f);
    }
}

/* What a session that was killed has left, with a footer at the end. */
static void test_killed(void)
{
    Fixture f;
    BlockBackend *blk;
    BdrvCheckResult result = { 0 };
    uint64_t footer;

    begin_new(&f, "size=640k,block-size=64k,force-size=on");
    blk = open_rw(&f);
    write_value(blk, 0, BLOCK, 1);
    write_value(blk, BLOCK, BLOCK, 2);
    blk_unref(blk);
    /* The table was not written. */
    footer = parts(&f).end;
    mem_disk_write(f.disk, 1536 + 4, "\xff\xff\xff\xff", 4);
    g_free(check_lines(&f, 0, &result, NULL));
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(result.leaks, >, 0);
    blk = open_rw(&f);
    write_value(blk, 2 * BLOCK + 512, 512, 3);
    assert_reads(blk, 2 * BLOCK, 512, 0);
    assert_reads(blk, 2 * BLOCK + 1024, BLOCK - 1024, 0);
    blk_unref(blk);
    assert_placed(&f, 2, footer);
    assert_ends(&f);
    g_assert_cmpint(disk_byte(f.disk, footer - 1), ==, 2);
    end(&f);
}

/* A file that goes on in zeroes, or a device: the place is in it. */
static void test_longer(gconstpointer opaque)
{
    bool device = opaque;
    Fixture f;
    BlockBackend *blk;
    int64_t length;
    uint64_t footer;

    begin_used(&f, &virtualbox, 3);
    footer = mem_disk_length(f.disk) - SECTOR;
    length = mem_disk_length(f.disk) + 300 * KiB;
    mem_disk_set_length(f.disk, length);
    blk = device ? open_device() : open_silently(&f);
    g_assert_nonnull(blk);
    write_value(blk, 7 * BLOCK + 1024, 512, 0x77);
    assert_reads(blk, 7 * BLOCK, 1024, 0);
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    assert_placed(&f, 7, footer);
    assert_footers(&f);
    assert_sound(&f);

    blk = device ? open_device() : open_silently(&f);
    write_value(blk, 8 * BLOCK + 1024, 512, 0x78);
    assert_reads(blk, 7 * BLOCK + 1024, 512, 0x77);
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    assert_footers(&f);
    blk = device ? open_device() : open_silently(&f);
    assert_reads(blk, 8 * BLOCK + 1024, 512, 0x78);
    give_back(blk, 7, 2, BLOCK);
    blk_unref(blk);
    g_assert_cmpint(parts(&f).end, ==, footer);
    /* A file may be cut there; a device keeps its last sector. */
    assert_footers(&f);
    end(&f);
}

/* A footer where the data end counts, whatever the last sector is. */
static void test_footer_at_end_of_data(void)
{
    for (int dirty = 0; dirty < 2; dirty++) {
        uint8_t rest[8192] = { 0 };
        g_autofree uint8_t *before = NULL;
        Fixture f;
        BlockBackend *blk;
        int64_t length;
        unsigned count;

        begin_used(&f, &virtualbox, 3);
        memset(rest, dirty ? 0x5e : 0, sizeof(rest));
        mem_disk_write(f.disk, mem_disk_length(f.disk), rest, sizeof(rest));
        before = contents(&f, &length);
        count = writes(&f);
        blk = open_silently(&f);
        assert_reads(blk, 2 * BLOCK, BLOCK, 3);
        blk_unref(blk);
        g_assert_cmpuint(writes(&f), ==, count);
        g_assert_cmpint(mem_disk_length(f.disk), ==, length);
        assert_unchanged(&f, before, length);
        end(&f);
    }
}

/* ---- a footer that is missing ------------------------------------------- */

static int said = -1;

/* Opens it for writing, which says one line. */
static BlockBackend *open_warned(Fixture *f)
{
    off_t before = lseek(said, 0, SEEK_END);
    Error *err = NULL;
    BlockBackend *blk = open_flags(f, BDRV_O_RDWR, &err);
    char text[1000] = "";

    if (!blk) {
        /* Standard error is a file here. */
        g_error("%s", error_get_pretty(err));
    }
    g_assert_cmpint(pread(said, text, sizeof(text) - 1, before), >, 0);
    g_assert_nonnull(strstr(text, "warning: "));
    g_assert_true(strchr(text, '\n') == text + strlen(text) - 1);
    return blk;
}

static const VhdSpec *const missing_specs[] = {
    &virtualbox, &windows, &virtualpc, &xenserver, NULL,
};

/* @lost bytes are gone; 0: it is zeroes. */
static void try_missing(const VhdSpec *spec, int lost)
{
    const uint8_t zeroes[SECTOR] = { 0 };
    g_autofree uint8_t *before = NULL;
    Fixture f;
    BlockBackend *blk;
    int64_t length;
    unsigned count;

    if (spec) {
        begin_used(&f, spec, 3);
    } else {
        begin_new(&f, "size=640k,block-size=64k,force-size=on");
        blk = open_rw(&f);
        for (int i = 0; i < 3; i++) {
            write_value(blk, i * BLOCK, BLOCK, i + 1);
        }
        blk_unref(blk);
    }
    if (lost) {
        disk_shorten(f.disk, lost);
    } else {
        mem_disk_write(f.disk, mem_disk_length(f.disk) - SECTOR, zeroes,
                       SECTOR);
    }
    before = contents(&f, &length);
    count = writes(&f);
    blk = open_ro(&f);
    assert_reads(blk, 2 * BLOCK, BLOCK, 3);
    blk_unref(blk);
    g_assert_cmpuint(writes(&f), ==, count);

    /* But for its last byte a footer is one. */
    blk_unref(lost == 1 ? open_rw(&f) : open_warned(&f));
    length = MIN(length, mem_disk_length(f.disk));
    assert_unchanged(&f, before, MIN((uint64_t)length, parts(&f).end));
    if (lost != 1) {
        g_assert_cmpint(mem_disk_length(f.disk) % SECTOR, ==, 0);
        g_assert_true(is_footer(&f, mem_disk_length(f.disk) - SECTOR) ||
                      is_footer(&f, parts(&f).end));
    }
    blk = open_silently(&f);
    for (int i = 0; i < 3; i++) {
        assert_reads(blk, i * BLOCK, BLOCK, i + 1);
    }
    write_value(blk, 7 * BLOCK + 512, 512, 0x77);
    assert_reads(blk, 7 * BLOCK, 512, 0);
    assert_reads(blk, 7 * BLOCK + 1024, BLOCK - 1024, 0);
    blk_unref(blk);
    assert_footers(&f);
    end(&f);
}

static void test_missing(void)
{
    static const int lost[] = { 512, 1, 100, 511, 0 };

    for (size_t i = 0; i < ARRAY_SIZE(missing_specs); i++) {
        for (size_t n = 0; n < ARRAY_SIZE(lost); n++) {
            try_missing(missing_specs[i], lost[n]);
        }
    }
}

/* A device has one place for it, and only if nothing is there. */
static void test_missing_device(gconstpointer opaque)
{
    bool taken = opaque;
    const uint8_t zeroes[SECTOR] = { 0 };
    g_autofree uint8_t *before = NULL;
    Fixture f;
    BlockBackend *blk;
    int64_t length;
    unsigned count;

    begin_used(&f, &virtualbox, 3);
    mem_disk_write(f.disk, mem_disk_length(f.disk) - SECTOR, zeroes, SECTOR);
    length = mem_disk_length(f.disk) + 300 * KiB;
    mem_disk_set_length(f.disk, length);
    if (taken) {
        mem_disk_write(f.disk, length - 1, "x", 1);
    }
    before = contents(&f, &length);
    count = writes(&f);
    blk = open_device();
    if (taken) {
        g_assert_null(blk);
        g_assert_cmpuint(writes(&f), ==, count);
    } else {
        g_assert_nonnull(blk);
        blk_unref(blk);
        g_assert_true(is_footer(&f, length - SECTOR));
    }
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    assert_unchanged(&f, before, length - SECTOR);
    end(&f);
}

static const char *const images[] = {
    "size=640k,block-size=64k,force-size=on",
    "size=160k,block-size=4k,force-size=on",
    "size=5M,block-size=512k,force-size=on",
    "size=20M,force-size=on",
    "size=20M,block-size=4M,force-size=on",
    "size=12M,target=xenserver",
    "size=12M,target=hyperv",
    "size=20M,block-size=64k,force-size=on",
};

static void add(const char *path, const char *name, gconstpointer data,
                GTestDataFunc test)
{
    g_autofree char *full = g_strconcat("/vpc/layout/", path, "/", name, NULL);

    g_test_add_data_func(full, data, test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();
    said = STDERR_FILENO;

    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        add("new", images[i], images[i], test_new);
        add("blocks", images[i], images[i], test_blocks);
    }
    g_test_add_func("/vpc/layout/metadata", test_metadata);
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        add("blocks", foreign[i].name, &foreign[i], test_foreign_blocks);
        add("give-back", foreign[i].name, &foreign[i], test_give_back_foreign);
    }
    g_test_add_func("/vpc/layout/give-back/last", test_give_back_last);
    g_test_add_func("/vpc/layout/leftovers", test_leftovers);
    g_test_add_func("/vpc/layout/orphan", test_orphan);
    g_test_add_func("/vpc/layout/killed", test_killed);
    add("longer", "file", NULL, test_longer);
    add("longer", "device", "device", test_longer);
    g_test_add_func("/vpc/layout/footer-at-end-of-data",
                    test_footer_at_end_of_data);
    g_test_add_func("/vpc/layout/missing/file", test_missing);
    add("missing", "device", NULL, test_missing_device);
    add("missing", "device-taken", "taken", test_missing_device);
    return g_test_run();
}
