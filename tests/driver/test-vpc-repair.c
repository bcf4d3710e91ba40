/* SPDX-License-Identifier: MIT */
/*
 * Repair of VHDs: each kind of damage is repaired, by check and by repair=on; a
 * repair that fails, or that a power cut ends, has lost nothing, and another one
 * completes it.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/cutils.h"
#include "four-blocks.h"
#include "vpc-findings.h"

/* ---- damage, and what can be read after the repair ---------------------- */

static void put_junk(Fixture *f, int64_t offset)
{
    uint8_t junk[512];

    memset(junk, 0x5e, sizeof(junk));
    mem_disk_write(f->disk, offset, junk, sizeof(junk));
}

static void head_junk(Fixture *f)
{
    put_junk(f, 0);
}

static void head_differs(Fixture *f)
{
    VpcFooter head = f->image.footer;

    head.timestamp = 0;
    vpc_footer_seal(&head);
    mem_disk_write(f->disk, 0, &head, sizeof(head));
}

static void tail_cut(Fixture *f)
{
    disk_shorten(f->disk, 512);
}

static void tail_junk(Fixture *f)
{
    put_junk(f, f->image.end);
}

static void all_checksums(Fixture *f)
{
    both_checksums(f);
    disk_flip(f->disk, 512 + 36, 1);
}

static void entry_over_header(Fixture *f)
{
    vhd_set_entry(f->disk, &f->image, 0, 0);
    vhd_set_entry(f->disk, &f->image, 3, 1);
}

/* The blocks that there are have no entry any more. */
static void wrong_entries(Fixture *f)
{
    vhd_set_entry(f->disk, &f->image, 1, 0);
    vhd_set_entry(f->disk, &f->image, 2, 0x7fffffff);
}

/* ... and the file ends with what the last one held. */
static void wrong_entries_no_tail(Fixture *f)
{
    mem_disk_set_length(f->disk, block_at(f, 2) + 512 + BLOCK);
    wrong_entries(f);
}

static void chain_of_overlaps(Fixture *f)
{
    vhd_set_entry(f->disk, &f->image, 0, block_at(f, 1) / 512 + 100);
    vhd_set_entry(f->disk, &f->image, 3, block_at(f, 2) / 512 + 100);
}

static void bitmap_cut(Fixture *f)
{
    mem_disk_set_length(f->disk, block_at(f, 2) + 100);
}

/* A footer where the last block has half of its data. */
static void tail_in_last_block(Fixture *f)
{
    last_block_cut(f);
    f->image.end = block_at(f, 2) + 512 + 32 * KiB;
    vhd_rewrite(f->disk, &f->image);
}

static void tail_in_last_block_no_head(Fixture *f)
{
    tail_in_last_block(f);
    head_junk(f);
}

static void everything(Fixture *f)
{
    head_junk(f);
    disk_flip(f->disk, 512 + 36, 1);
    vhd_set_entry(f->disk, &f->image, 0, 5000);
    vhd_set_entry(f->disk, &f->image, 3, block_at(f, 2) / 512 + 10);
}

static void reads_all(BlockBackend *blk)
{
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0);
}

static void reads_block_3(BlockBackend *blk)
{
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0x33);
}

static void reads_copies(BlockBackend *blk)
{
    assert_reads(blk, 0, 2 * BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0x11);
}

static void reads_1_and_2(BlockBackend *blk)
{
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
}

static void reads_half(BlockBackend *blk)
{
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, 32 * KiB, 0x22);
    assert_reads(blk, 2 * BLOCK + 32 * KiB, BLOCK - 32 * KiB, 0);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0);
}

static void reads_block_1(BlockBackend *blk)
{
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, 2 * BLOCK, 0);
}

static void reads_around_locator(BlockBackend *blk)
{
    assert_reads(blk, BLOCK, 4096, 0x11);
    assert_reads(blk, BLOCK + 4096, 512, 0);
    assert_reads(blk, BLOCK + 4608, BLOCK - 4608, 0x11);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
}

static void reads_zeroes(BlockBackend *blk)
{
    assert_reads(blk, 0, 4 * BLOCK, 0);
}

typedef struct RepairCase {
    const char *name;
    const VhdSpec *spec;
    void (*damage)(Fixture *f);
    void (*verify)(BlockBackend *blk);
    int corruptions;            /* that are repaired; 0: of leaks */
    int zeroed;                 /* bytes of the disk; the repair is forced */
    bool keeps;                 /* space that is lost stays in the file */
} RepairCase;

static const RepairCase cases[] = {
    { "head-junk", &small, head_junk, reads_all, 1 },
    { "head-checksum", &small, head_checksum, reads_all, 1 },
    { "head-differs", &small, head_differs, reads_all, 1 },
    { "tail-cut", &small, tail_cut, reads_all, 1 },
    { "tail-cut-windows", &windows, tail_cut, reads_all, 1 },
    { "tail-junk", &small, tail_junk, reads_all, 1, 0, true },
    { "tail-checksum", &small, tail_checksum, reads_all, 1 },
    { "both-checksums", &small, both_checksums, reads_all, 2 },
    { "all-checksums", &windows, all_checksums, reads_all, 3 },
    { "fixed-checksum", &small_fixed, tail_checksum, reads_zeroes, 1 },
    { "S21-outside", &small, entry_outside, reads_all, 2, 2 * BLOCK },
    { "S21-over-header", &windows, entry_over_header, reads_all, 2,
      2 * BLOCK },
    { "S21-wrong-entries", &small, wrong_entries, reads_zeroes, 2,
      2 * BLOCK, true },
    { "S21-wrong-entries-no-tail", &windows, wrong_entries_no_tail,
      reads_zeroes, 3, 2 * BLOCK, true },
    { "S21-same-entry", &small, same_entry, reads_copies, 3 },
    { "S21-overlaps", &small, chain_of_overlaps, reads_1_and_2, 5,
      100 * 512 },
    { "S22-cut", &small, last_block_cut, reads_half, 2, 32 * KiB },
    { "S22-bitmap-cut", &small, bitmap_cut, reads_block_1, 2, BLOCK,
      true },
    { "tail-in-block", &small, tail_in_last_block, reads_half, 1, 32 * KiB },
    { "tail-in-block-no-head", &windows, tail_in_last_block_no_head,
      reads_half, 2, 32 * KiB },
    { "A4-locator", &small, locator_in_block, reads_around_locator, 1, 512,
      true },
    { "lost-inside", &small, lost_inside, reads_block_3, 0 },
    { "lost-at-end", &small, lost_at_end, reads_all, 0 },
    { "everything", &small, everything, reads_1_and_2, 5,
      BLOCK + 10 * 512 },
};

/* ---- repairs ------------------------------------------------------------ */

/*
 * No finding but lost space that was kept; copies of what was no bitmap may be
 * warned of.
 */
static void assert_clean(Fixture *f, bool keeps)
{
    BdrvCheckResult result;
    g_autofree char *lines = check_lines(f, 0, &result, NULL);

    if (result.corruptions || (result.leaks && !keeps) ||
        result.check_errors) {
        g_error("found:\n%s", lines);
    }
}

/* An image like any other now, with lost space if the repair @keeps it. */
static void assert_repaired(Fixture *f, const RepairCase *c, bool keeps)
{
    BlockBackend *blk;

    assert_clean(f, keeps);
    blk = open_rw(f);
    c->verify(blk);
    write_value(blk, BLOCK + 512, 512, 0x55);
    write_value(blk, 3 * BLOCK, BLOCK, 0x66);
    blk_unref(blk);
    assert_clean(f, keeps);
    assert_sound_ends(f);
    blk = open_rw(f);
    assert_reads(blk, BLOCK, 512, c->verify == reads_zeroes ? 0 : 0x11);
    assert_reads(blk, BLOCK + 512, 512, 0x55);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0x66);
    blk_unref(blk);
}

/*
 * No sector of a block that the file held before is gone, whichever entry named
 * it: only footers and what is no data at all are written over.
 */
static void assert_nothing_gone(Fixture *f, const uint8_t *before,
                                int64_t length)
{
    int64_t length_after = MIN(length, mem_disk_length(f->disk));
    g_autofree uint8_t *after = g_malloc0(length);

    mem_disk_read(f->disk, 0, after, length_after);
    for (int64_t at = 4096; at + 512 <= length; at += 512) {
        if (!buffer_is_zero(before + at, 512) &&
            !vpc_has_footer_cookie(before + at)) {
            g_assert_cmpmem(after + at, 512, before + at, 512);
        }
    }
}

static BdrvCheckMode mode_of(const RepairCase *c)
{
    return c->zeroed ? REPAIR_ALL | BDRV_FIX_FORCE
           : c->corruptions ? REPAIR_ALL : BDRV_FIX_LEAKS;
}

/* Repairs twice with @fix: once does it all.  Corruptions that it repaired. */
static int repair_twice(Fixture *f, BdrvCheckMode fix, BdrvCheckResult *result)
{
    BdrvCheckResult second;

    g_free(check_lines(f, fix, result, NULL));
    g_free(check_lines(f, fix, &second, NULL));
    g_assert_cmpint(second.corruptions_fixed + second.leaks_fixed, ==, 0);
    g_assert_cmpint(second.corruptions, ==, result->corruptions);
    return result->corruptions_fixed;
}

/* What points nowhere is as it was; a dry run says so, and writes nothing. */
static int repair_unforced(Fixture *f)
{
    int64_t length = mem_disk_length(f->disk);
    g_autofree uint8_t *before = disk_copy(f->disk, 0, length);
    g_autofree uint8_t *after = NULL;
    BdrvCheckResult result, dry;
    int fixed;

    g_free(check_lines(f, REPAIR_ALL | BDRV_FIX_DRY_RUN, &dry, NULL));
    after = disk_copy(f->disk, 0, length);
    g_assert_cmpmem(after, length, before, length);
    g_assert_cmpint(dry.corruptions_fixed + dry.leaks_fixed, ==, 0);
    fixed = repair_twice(f, REPAIR_ALL, &result);
    g_assert_cmpint(result.corruptions, >, 0);
    g_assert_cmpint(result.unreadable, >, 0);
    g_assert_cmpint(result.zeroed, ==, 0);
    g_assert_cmpint(result.fixable & BDRV_FIX_FORCE, !=, 0);
    g_assert_cmpint(dry.corruptions, ==, result.corruptions + fixed);
    return fixed;
}

static void test_repair(gconstpointer data)
{
    const RepairCase *c = data;
    g_autofree uint8_t *before = NULL;
    BdrvCheckResult result;
    int64_t length;
    int fixed = 0;
    Fixture f;

    begin_image(&f, c->spec);
    c->damage(&f);
    length = mem_disk_length(f.disk);
    before = disk_copy(f.disk, 0, length);
    if (c->zeroed || !c->corruptions) {
        fixed = c->zeroed ? repair_unforced(&f)
                          : repair_twice(&f, REPAIR_ALL, &result);
        assert_nothing_gone(&f, before, length);
    }
    fixed += repair_twice(&f, mode_of(c), &result);
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(fixed, ==, c->corruptions);
    g_assert_cmpint(result.zeroed, ==, c->zeroed);
    if (c->corruptions) {
        assert_nothing_gone(&f, before, length);
    } else {
        g_assert_cmpint(result.leaks_fixed, >=, 1);
    }
    g_free(check_lines(&f, 0, &result, NULL));
    g_assert_cmpint(result.leaks > 0, ==, c->keeps);
    assert_repaired(&f, c, c->keeps);
    end(&f);
}

/* The same node, without closing it. */
static void test_repair_and_use(gconstpointer data)
{
    const RepairCase *c = data;
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin_image(&f, c->spec);
    c->damage(&f);
    blk = open_flags(&f, BDRV_O_RDWR | BDRV_O_CHECK, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, mode_of(c)), ==, 0);
    c->verify(blk);
    write_value(blk, 0, BLOCK, 0x77);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_true(result.leaks == 0 || c->keeps);
    blk_unref(blk);
    blk = open_rw(&f);
    assert_reads(blk, 0, BLOCK, 0x77);
    blk_unref(blk);
    assert_clean(&f, c->keeps);
    end(&f);
}

/* What only force repairs is not written to. */
static void test_repair_on(gconstpointer data)
{
    const RepairCase *c = data;
    BlockBackend *blk;
    Fixture f;

    begin_image(&f, c->spec);
    c->damage(&f);
    g_assert_null(open_option(&f, 0, "repair", "on", NULL));
    blk = open_option(&f, BDRV_O_RDWR, "repair", "on",
                      c->zeroed ? NULL : &error_abort);
    g_assert_cmpint(!blk, ==, c->zeroed > 0);
    if (blk) {
        c->verify(blk);
        blk_unref(blk);
        /* It never gives lost space up. */
        assert_repaired(&f, c, c->keeps || !c->corruptions);
    }
    end(&f);
}

/* ---- repairs that fail -------------------------------------------------- */

static const char *const fault_types[] = {
    "read", "write", "write-zeroes", "flush", "truncate",
};

static void repair_with_fault(const RepairCase *c, const DiskFault *fault)
{
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;
    int ret;

    begin_image(&f, c->spec);
    c->damage(&f);
    blk = disk_open("disk", "vpc", BDRV_O_RDWR | BDRV_O_CHECK, fault, false,
                    &error_abort);
    disk_arm(blk);
    ret = bdrv_check(blk_bs(blk), &result, mode_of(c));
    disk_disarm(blk);
    blk_unref(blk);
    g_free(check_lines(&f, mode_of(c), &result, &ret));
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    /* The repair that failed may have left copies of blocks. */
    assert_repaired(&f, c, true);
    end(&f);
}

static unsigned count_operations(const RepairCase *c)
{
    BdrvCheckResult result;
    unsigned before = 0, after = 0;
    Fixture f;

    begin_image(&f, c->spec);
    c->damage(&f);
    for (int op = 0; op < MEM_OP__MAX; op++) {
        before = MAX(before, mem_disk_count(f.disk, op));
    }
    g_free(check_lines(&f, mode_of(c), &result, NULL));
    for (int op = 0; op < MEM_OP__MAX; op++) {
        after = MAX(after, mem_disk_count(f.disk, op));
    }
    end(&f);
    return after - before;
}

static void test_failure(gconstpointer data)
{
    const RepairCase *c = data;
    unsigned count = count_operations(c);

    g_assert_cmpuint(count, >, 0);
    for (size_t i = 0; i < ARRAY_SIZE(fault_types); i++) {
        for (unsigned nth = 1; nth <= MIN(count, 40); nth++) {
            DiskFault fault = { .iotype = fault_types[i], .nth = nth };

            repair_with_fault(c, &fault);
            fault.forever = true;
            repair_with_fault(c, &fault);
        }
    }
}

/* ---- power cuts --------------------------------------------------------- */

typedef struct Crash {
    const RepairCase *c;
    Fixture *f;
    GPtrArray *disks;           /* of each flush, what was durable before */
    GPtrArray *logs;            /* and what was not */
} Crash;

static void take_log(BlockDriverState *bs, void *opaque)
{
    Crash *crash = opaque;
    g_autofree char *name = g_strdup_printf("state%u", crash->disks->len);

    g_ptr_array_add(crash->disks, mem_disk_copy(crash->f->disk, name));
    g_ptr_array_add(crash->logs, volatile_cache_log(bs));
}

static BlockBackend *open_raw_disk(const char *name)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "mem");
    qdict_put_str(options, "disk", name);
    return blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE,
                        &error_abort);
}

/* The disk as @cut leaves it can be repaired, and nothing is lost then. */
static void look_after(Crash *crash, unsigned i, const PowerCut *cut)
{
    const RepairCase *c = crash->c;
    BdrvCheckResult result;
    Fixture f = *crash->f;
    BlockBackend *blk;
    int ret;

    /* It takes the name that the fixture opens. */
    f.disk = mem_disk_copy(g_ptr_array_index(crash->disks, i), "disk");
    blk = open_raw_disk("disk");
    g_assert_cmpint(volatile_log_apply(g_ptr_array_index(crash->logs, i), cut,
                                       blk), ==, 0);
    blk_unref(blk);
    g_free(check_lines(&f, mode_of(c), &result, &ret));
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    assert_repaired(&f, c, true);
    mem_disk_free(f.disk);
}

static void look_after_all(Crash *crash, unsigned i)
{
    unsigned entries = volatile_log_entries(g_ptr_array_index(crash->logs, i));

    for (int length = 0; length < POWER_CUT_LENGTH__MAX; length++) {
        PowerCut cut = { .kind = POWER_CUT_PREFIX, .length = length };

        for (cut.count = 0; cut.count <= entries; cut.count++) {
            look_after(crash, i, &cut);
        }
        cut.kind = POWER_CUT_SUBSET;
        for (cut.seed = 0; cut.seed < 1u << MIN(entries, 5); cut.seed++) {
            look_after(crash, i, &cut);
        }
        cut.kind = POWER_CUT_TORN;
        for (cut.seed = 0; cut.seed < 8; cut.seed++) {
            look_after(crash, i, &cut);
        }
    }
}

static void test_power_cut(gconstpointer data)
{
    const RepairCase *c = data;
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;
    Crash crash = {
        c, &f, g_ptr_array_new(),
        g_ptr_array_new_with_free_func((GDestroyNotify)volatile_log_free),
    };

    begin_image(&f, c->spec);
    c->damage(&f);
    blk = disk_open("disk", "vpc", BDRV_O_RDWR | BDRV_O_CHECK, NULL, true,
                    &error_abort);
    volatile_cache_set_hook(bdrv_find_node("cache"), take_log, &crash);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, mode_of(c)), ==, 0);
    blk_unref(blk);
    mem_disk_free(f.disk);
    g_assert_cmpuint(crash.logs->len, >, 0);
    for (unsigned i = 0; i < crash.logs->len; i++) {
        look_after_all(&crash, i);
        mem_disk_free(g_ptr_array_index(crash.disks, i));
    }
    g_ptr_array_free(crash.logs, true);
    g_ptr_array_free(crash.disks, true);
}

static void add_cases(const char *group, GTestDataFunc fn)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/repair/%s/%s", group,
                                                cases[i].name);

        g_test_add_data_func(name, &cases[i], fn);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    add_cases("check", test_repair);
    add_cases("in-use", test_repair_and_use);
    add_cases("option", test_repair_on);
    add_cases("failure", test_failure);
    add_cases("power-cut", test_power_cut);
    return g_test_run();
}
