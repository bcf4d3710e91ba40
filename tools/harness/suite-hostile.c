/* SPDX-License-Identifier: MIT */
/*
 * The hostile suite: damaged images.  Whatever is in a file, the driver refuses
 * it with a reason or works with it; it neither crashes nor hangs, nor takes
 * memory beyond what the file is worth.
 *
 * Invariants:
 *   - Each word of the first and last sectors takes each of a set of values
 *     that are worth trying, in both byte orders (words that repeat the one
 *     before them, a few only); each of these sectors is lost; other damage is
 *     random.
 *   - Damage is a number: the same number, the same damage.
 *   - A case does many; the one that kills it is reported, since each is
 *     announced before it is tried.
 *   - Opening to read changes no byte of the file.
 */
#include "harness.h"

#include <sys/resource.h>

#include "keep.h"
#include "ops.h"
#include "qemu/bswap.h"

#define IMAGE_SIZE ((1 << 20) + 1536)

/*
 * Memory that a case may take, beyond what it had and four times the file: a
 * header may make a driver allocate what the file is worth, but not gigabytes.
 */
#define MAX_MEMORY (64u << 20)

/* Words are damaged in so many bytes of the file's head and tail. */
#define HEAD_BYTES 2048
#define TAIL_BYTES 1024
#define WORDS      ((HEAD_BYTES + TAIL_BYTES) / 4)

/*
 * How many random damages, and how many damages a case tries: a process for
 * each would cost more than the damage, but one that kills a case ends it.
 */
#define RANDOM 600
#define BATCH  256

static const uint32_t values[] = {
    0, 1, 2, 3, 4, 5, 7, 8, 0x7f, 0x200, 0xffff, 0x10000, 1u << 20, 1u << 24,
    1u << 26, 1u << 28, 0x1d000000, 1u << 30, 0x7fffffff, 0x80000000,
    0xfffffffe, 0xffffffff,
};

/* For words that are like the one before them. */
#define IS_FEW(value) ((value) == 1 || (value) == 1u << 28 || !~(value))

#define WORD_DAMAGES (WORDS * G_N_ELEMENTS(values) * 2)

/* Sectors that are lost in each way. */
#define HEAD_SECTORS   16
#define TAIL_SECTORS   4
#define WAYS           3
#define SECTOR_DAMAGES ((HEAD_SECTORS + TAIL_SECTORS) * WAYS)

/* What a case sends before it tries it. */
typedef struct Announced {
    unsigned number;
    char what[512];
} Announced;

typedef struct HostileCase {
    const char *path;           /* of an image of --image, or NULL */
    unsigned first;             /* damages */
    unsigned count;
} HostileCase;

/* ---- damage ------------------------------------------------------------- */

/* Its number has the word, then the value, then the byte order. */
static bool damage_word(MemDisk *disk, unsigned n, GString *what)
{
    unsigned word = n / (G_N_ELEMENTS(values) * 2);
    uint32_t value = values[n / 2 % G_N_ELEMENTS(values)];
    int64_t length = mem_disk_length(disk);
    int64_t offset = word * 4;
    uint8_t bytes[4], old[8] = { 0 };

    if (offset >= HEAD_BYTES) {
        offset = length - TAIL_BYTES + offset - HEAD_BYTES;
    }
    /* In a short file head and tail overlap or do not exist. */
    if (offset < 4 || offset + 4 > length) {
        return false;
    }
    mem_disk_read(disk, offset - 4, old, 8);
    /* Tables and padding repeat words; a few values are enough for those. */
    if (memcmp(old, old + 4, 4) == 0 && (n % 2 || !IS_FEW(value))) {
        return false;
    }
    if (n % 2) {
        stl_le_p(bytes, value);
    } else {
        stl_be_p(bytes, value);
    }
    g_string_printf(what, "the word at %" PRId64 " is 0x%x (%s-endian)",
                    offset, value, n % 2 ? "little" : "big");
    mem_disk_write(disk, offset, bytes, 4);
    /* It may be what was there. */
    return memcmp(bytes, old + 4, 4) != 0;
}

/* Lost in one of three ways: all zeroes, all ones, the file cut there. */
static bool damage_sector(MemDisk *disk, unsigned n, GString *what)
{
    int64_t length = mem_disk_length(disk), sector = n / WAYS;
    uint8_t buf[512];

    if (sector >= HEAD_SECTORS) {
        sector = length / 512 - TAIL_SECTORS + sector - HEAD_SECTORS;
    }
    if (sector < 0 || sector >= length / 512) {
        return false;
    }
    if (n % WAYS == 2) {
        g_string_printf(what, "cut to %" PRId64 " bytes", sector * 512);
        mem_disk_set_length(disk, sector * 512);
    } else {
        g_string_printf(what, "sector %" PRId64 " is all 0x%02x", sector,
                        n % WAYS ? 0xff : 0);
        memset(buf, n % WAYS ? 0xff : 0, 512);
        mem_disk_write(disk, sector * 512, buf, 512);
    }
    return true;
}

static int64_t some_sector(Rng *rng, const MemDisk *disk)
{
    int64_t sectors = MAX(1, mem_disk_length(disk) / 512);

    /* Half of the time at one of the ends, where most formats say most. */
    switch (rng_below(rng, 4)) {
    case 0:
        return rng_below(rng, MIN(sectors, 8));
    case 1:
        return sectors - 1 - rng_below(rng, MIN(sectors, 4));
    default:
        return rng_below(rng, sectors);
    }
}

/*
 * The order of throws is fixed: a number has to stay the same damage, because
 * it is what a report names with its seed.
 */
static void damage_at_random(MemDisk *disk, Rng *rng, GString *what)
{
    int64_t sector = some_sector(rng, disk), other = some_sector(rng, disk);
    int64_t length = mem_disk_length(disk);
    uint8_t buf[512];
    unsigned kind;

    mem_disk_read(disk, sector * 512, buf, 512);
    kind = rng_below(rng, 6);
    switch (kind) {
    case 0:
        length = sector * 512 + rng_below(rng, 2) * rng_below(rng, 512);
        g_string_append_printf(what, "cut to %" PRId64 " bytes", length);
        mem_disk_set_length(disk, length);
        return;
    case 1:
        g_string_append_printf(what, "sector %" PRId64 " is zero", sector);
        memset(buf, 0, 512);
        break;
    case 2:
        g_string_append_printf(what, "sector %" PRId64 " is a copy of %" PRId64,
                               sector, other);
        mem_disk_read(disk, other * 512, buf, 512);
        break;
    case 3:
    case 4:
        if (kind == 3) {
            g_string_append(what, "rubbish behind the end");
            sector = length / 512 + rng_below(rng, 16);
        } else {
            g_string_append_printf(what, "sector %" PRId64 " is rubbish",
                                   sector);
        }
        for (int i = 0; i < 512; i++) {
            buf[i] = rng_next(rng) >> 32;
        }
        break;
    default:
        g_string_append_printf(what, "bits of sector %" PRId64 " are flipped",
                               sector);
        for (int i = 0; i < 3; i++) {
            buf[rng_below(rng, 512)] ^= 1 << rng_below(rng, 8);
        }
        break;
    }
    mem_disk_write(disk, sector * 512, buf, 512);
}

/*
 * Does damage number @n to @disk and says in @what (empty) what it is; false if
 * it is not worth trying.
 */
static bool damage(const Harness *h, MemDisk *disk, unsigned n, GString *what)
{
    Rng rng;

    if (n < WORD_DAMAGES) {
        return damage_word(disk, n, what);
    }
    if (n < WORD_DAMAGES + SECTOR_DAMAGES) {
        return damage_sector(disk, n - WORD_DAMAGES, what);
    }
    rng.state = harness_seed(h, "hostile", n);
    /* Once or twice. */
    for (unsigned left = 1 + rng_below(&rng, 2); left; left--) {
        damage_at_random(disk, &rng, what);
        g_string_append(what, left > 1 ? "; " : "");
    }
    return true;
}

/* ---- what is tried with it ---------------------------------------------- */

/* At most so many ranges are asked for. */
#define MAX_RANGES 2000

/*
 * Reads at the same places of the same image, asks for the status and checks.
 * That a request fails is no finding; what a successful one answers may be.
 */
static void read_damaged(Case *c, BlockBackend *blk)
{
    int64_t length = blk_getlength(blk), at = 0;
    g_autofree uint8_t *buf = g_malloc(65536);
    BdrvCheckResult result = { 0 };
    Rng rng = { length };

    if (length <= 0) {
        return;
    }
    for (int i = 0; i < 8; i++) {
        int64_t offset = rng_below(&rng, length);

        blk_pread(blk, offset, buf, MIN(65536, length - offset));
    }
    for (int i = 0; i < MAX_RANGES && at < length; i++) {
        int64_t bytes = 0;

        if (bdrv_block_status(blk_bs(blk), at, length - at, &bytes, NULL,
                              NULL) < 0) {
            break;
        }
        if (bytes <= 0 || bytes > length - at) {
            case_fail(c, "the status at %" PRId64 " is of %" PRId64 " bytes",
                      at, bytes);
        }
        at += bytes;
    }
    bdrv_check(blk_bs(blk), &result, 0);
}

/*
 * Results do not matter: the image is broken.  What matters is that the process
 * lives and that memory stays within its bounds.
 */
static void write_damaged(BlockBackend *blk)
{
    int64_t length = blk_getlength(blk);
    uint8_t buf[3000];
    Rng rng = { length };

    memset(buf, 0x3c, sizeof(buf));
    for (int i = 0; length > 3000 && i < 6; i++) {
        blk_pwrite(blk, rng_below(&rng, length - 3000), buf, 3000, 0);
    }
    if (length > 70000) {
        blk_pwrite_zeroes(blk, 512, 65536, BDRV_REQ_MAY_UNMAP);
        blk_pdiscard(blk, 0, 4096);
    }
    blk_flush(blk);
}

/* Requests that may have changed the disk. */
static unsigned count_changes(const MemDisk *disk)
{
    return mem_disk_count(disk, MEM_WRITE) + mem_disk_count(disk, MEM_ZERO) +
           mem_disk_count(disk, MEM_DISCARD) +
           mem_disk_count(disk, MEM_TRUNCATE);
}

/* Piece by piece, so that comparing takes no memory a driver is blamed for. */
static bool same_content(const MemDisk *a, const MemDisk *b)
{
    g_autofree uint8_t *x = g_malloc(65536), *y = g_malloc(65536);
    int64_t length = mem_disk_length(a);

    if (length != mem_disk_length(b)) {
        return false;
    }
    for (int64_t at = 0, n; at < length; at += n) {
        int64_t rest = length - at;

        /* A file may be longer than what can be read in any time. */
        n = rest;
        if (mem_disk_hole(a, at, &n) && mem_disk_hole(b, at, &rest)) {
            n = MIN(n, rest);
            continue;
        }
        n = MIN(65536, length - at);
        mem_disk_read(a, at, x, n);
        mem_disk_read(b, at, y, n);
        if (memcmp(x, y, n) != 0) {
            return false;
        }
    }
    return true;
}

/*
 * First to read, which must not change the file: a damaged image may be the
 * last copy of something.
 */
static void try_damaged(Case *c, MemDisk *disk)
{
    StackOptions how = { .disk = "damaged" };
    MemDisk *before = mem_disk_copy(disk, "before");
    unsigned changes = count_changes(disk);
    BlockBackend *blk = case_try_open(c, &how);

    if (blk) {
        read_damaged(c, blk);
        blk_unref(blk);
    }
    /* Most files are not written to at all, and comparing takes time. */
    if (count_changes(disk) != changes && !same_content(before, disk)) {
        case_fail(c, "opening it to read changed the file");
    }
    mem_disk_free(before);
    how.flags = STACK_RDWR;
    blk = case_try_open(c, &how);
    if (blk) {
        write_damaged(blk);
        blk_unref(blk);
    }
}

/* ---- cases -------------------------------------------------------------- */

/* KiB; 0 under a sanitizer, which has its own need of it. */
static long peak_memory(void)
{
    struct rusage usage = { 0 };

#ifndef UNDER_SANITIZER
    getrusage(RUSAGE_SELF, &usage);
#endif
    return usage.ru_maxrss;
}

/* Before it is tried, because that may end the case. */
static void announce(Case *c, unsigned number, const char *what)
{
    Announced now = { .number = number };

    g_strlcpy(now.what, what, sizeof(now.what));
    case_send(c, &now, sizeof(now));
    keep_state("damaged");
    keep_write();
}

static void test_damage(Case *c, const void *opaque)
{
    const HostileCase *hc = opaque;
    StackOptions how = { .disk = "sound", .flags = STACK_RDWR };
    MemDisk *sound = case_image(c, how.disk, hc->path, IMAGE_SIZE);
    g_autoptr(GString) what = g_string_new(NULL);
    int64_t worth;
    long start;

    if (!hc->path) {
        /* So that there is something to be damaged. */
        BlockBackend *blk = case_open(c, &how, NOT_OPENED);

        write_damaged(blk);
        blk_unref(blk);
    }
    worth = 4 * mem_disk_length(sound);
    start = peak_memory();
    /* Warnings of drivers are not what is looked for. */
    if (!freopen("/dev/null", "w", stderr)) {
        case_fail(c, "there is no /dev/null");
    }
    for (unsigned i = 0; i < hc->count; i++) {
        MemDisk *disk = mem_disk_copy(sound, "damaged");

        g_string_truncate(what, 0);
        if (damage(c->h, disk, hc->first + i, what)) {
            announce(c, hc->first + i, what->str);
            try_damaged(c, disk);
        }
        mem_disk_free(disk);
        if ((peak_memory() - start) * INT64_C(1024) > MAX_MEMORY + worth) {
            case_fail(c, "it took %ld KiB of memory", peak_memory() - start);
        }
    }
}

/* Adds it to @text, as the @number-th of the property. */
static void report_damage(Harness *h, const char *path, const CaseResult *r,
                          unsigned number, GString *text)
{
    const Announced *last = (const Announced *)r->data;
    HostileCase one = { .path = path, .first = last->number, .count = 1 };

    g_string_append_printf(text, "%s: %s\n",
                           *last->what ? last->what : "before any damage",
                           r->message);
    /* The words by which it is looked at. */
    harness_keep_one(h, test_damage, &one, number, "damage, status, check",
                     NULL);
}

/* At most so many findings of one property are reported. */
#define MAX_REPORTED 8

static void check_damages(Harness *h, const char *path, const char *suffix,
                          unsigned first, unsigned count, const char *property)
{
    unsigned batches = DIV_ROUND_UP(count, BATCH), wrong = 0;
    g_autofree HostileCase *cases = g_new0(HostileCase, batches);
    g_autoptr(GString) text = g_string_new(NULL);
    CaseResult *results;

    for (unsigned i = 0; i < batches; i++) {
        cases[i] = (HostileCase) { path, first + i * BATCH,
                                   MIN(BATCH, count - i * BATCH) };
    }
    results = cases_run(h, test_damage, cases, sizeof(cases[0]), batches, 0);
    for (unsigned i = 0; i < batches; i++) {
        if (results[i].status == CASE_FAIL && wrong++ < MAX_REPORTED) {
            report_damage(h, path, &results[i], wrong, text);
        }
    }
    if (wrong > MAX_REPORTED) {
        g_string_append_printf(text, "and %u more\n", wrong - MAX_REPORTED);
    }
    harness_report(h, wrong ? CASE_FAIL : CASE_PASS, text->str, "%s%s",
                   property, suffix);
    cases_free(results, batches);
}

static void run_hostile(Harness *h, const char *path, const char *suffix)
{
    check_damages(h, path, suffix, 0, WORD_DAMAGES,
                  "words of the head and the tail");
    check_damages(h, path, suffix, WORD_DAMAGES,
                  SECTOR_DAMAGES + (h->ops ? h->ops : RANDOM),
                  "sectors lost, copied, overwritten, cut off");
}

const HarnessSuite suite_hostile = {
    .name = "hostile",
    .what = "damaged images: no crash, no hang, no memory beyond the file's",
    .on_images = true,
    .run_image = run_hostile,
};
