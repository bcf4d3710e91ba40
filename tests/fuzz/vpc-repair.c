/* SPDX-License-Identifier: MIT */
/*
 * Repairs of any image; see vpc-repair.h.
 */
#include "qemu/osdep.h"
#include "minblk/mem.h"
#include "fuzz.h"
#include "qapi/qmp/qdict.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "vpc-repair.h"

/* What is looked at, so that an input takes no minutes. */
#define MAX_BLOCKS (256 * 1024)
#define MAX_BLOCK_SIZE (1 * MiB)
#define MAX_LENGTH (64 * MiB)
#define LOOK_AT (1 * MiB)

static BlockBackend *open_disk(const char *disk, const char *size_rule,
                               int flags, Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "mem");
    qdict_put_str(options, "file.disk", disk);
    if (size_rule) {
        qdict_put_str(options, "force_size_calc", size_rule);
    }
    return blk_new_open(NULL, NULL, options, flags | BDRV_O_UNMAP, errp);
}

static bool is_small(BlockBackend *blk)
{
    BlockDriverInfo bdi = { 0 };

    bdrv_get_info(blk_bs(blk), &bdi);
    return bdi.cluster_size >= 0 && bdi.cluster_size <= MAX_BLOCK_SIZE &&
           (!bdi.cluster_size ||
            blk_getlength(blk) / bdi.cluster_size < MAX_BLOCKS) &&
           mem_disk_length(mem_disk_find("disk")) < MAX_LENGTH;
}

/* Notes whether anything but lost space was repaired. */
static void look_at(const BdrvCheckFinding *found, void *opaque)
{
    bool *repaired = opaque;

    *repaired |= found->fixed && found->grade != BDRV_FINDING_LEAK;
    g_assert_cmpuint(strlen(found->field), >, 0);
    g_assert_cmpuint(strlen(found->value), >, 0);
    g_assert_cmpuint(strlen(found->expected), >, 0);
    g_assert_true(found->guest_bytes >= 0 && found->other_bytes >= 0);
    g_assert_true(found->bytes >= 0 && found->offset >= 0);
}

static BdrvCheckResult check(const char *size_rule, BdrvCheckMode fix,
                             bool *repaired, int *ret)
{
    BlockBackend *blk = open_disk("disk", size_rule,
                                  BDRV_O_CHECK | BDRV_O_RDWR, &error_abort);
    BdrvCheckResult result;

    *repaired = false;
    *ret = bdrv_check_listening(blk_bs(blk), &result, fix, look_at, repaired);
    blk_unref(blk);
    return result;
}

static void compare(const char *size_rule, BlockBackend *before)
{
    Error *err = NULL;
    BlockBackend *after = open_disk("disk", size_rule, 0, &err);
    int64_t length = blk_getlength(before);

    fuzz_check_outcome(after, err);
    g_assert_nonnull(after);
    g_assert_cmpint(blk_getlength(after), ==, length);
    for (int64_t at = 0; at < MIN(length, LOOK_AT); at += 512) {
        uint8_t x[512], y[512];

        if (blk_pread(before, at, x, 512) == 512) {
            g_assert_cmpint(blk_pread(after, at, y, 512), ==, 512);
            g_assert_cmpmem(x, 512, y, 512);
        }
    }
    blk_unref(after);
}

/* An image without corruptions is one like any other. */
static void use_repaired(const char *size_rule)
{
    Error *err = NULL;
    BlockBackend *blk = open_disk("disk", size_rule, BDRV_O_RDWR, &err);

    g_assert_true(blk || strstr(error_get_pretty(err), "saved state") ||
                  strstr(error_get_pretty(err), "type 4"));
    fuzz_check_outcome(blk, err);
    blk_unref(blk);
}

/*
 * One run does all; but space that is known to be zero goes only when nothing
 * else is to be repaired.
 */
static void repair_again(const char *size_rule, BdrvCheckMode fix,
                         const BdrvCheckResult *first, bool first_repaired)
{
    bool repaired;
    int ret;
    BdrvCheckResult result = check(size_rule, fix, &repaired, &ret);

    g_assert_cmpint(ret, ==, 0);
    /* Not the same: a batmap's header that was cut off is whole by now. */
    g_assert_cmpint(result.corruptions, <=, first->corruptions);
    g_assert_cmpint(result.corruptions_fixed, ==, 0);
    g_assert_false(repaired);
    g_assert_true(first_repaired || !result.leaks_fixed);
    if (!result.corruptions && !result.check_errors) {
        use_repaired(size_rule);
    }
}

void vpc_repair_any(const char *size_rule, BdrvCheckMode fix)
{
    MemDisk *disk = mem_disk_find("disk");
    unsigned writes = mem_disk_count(disk, MEM_WRITE);
    MemDisk *copy = mem_disk_copy(disk, "before repair");
    BlockBackend *before = open_disk("before repair", size_rule, 0, NULL);
    BlockBackend *blk = open_disk("disk", size_rule,
                                  BDRV_O_CHECK | BDRV_O_RDWR, NULL);
    bool small = blk && is_small(blk);
    BdrvCheckResult result;
    bool repaired;
    int ret;

    g_assert_true(blk || !before);
    blk_unref(blk);
    if (small) {
        result = check(size_rule, fix, &repaired, &ret);
        if (!fix || (fix & BDRV_FIX_DRY_RUN)) {
            g_assert_cmpuint(mem_disk_count(disk, MEM_WRITE), ==, writes);
        }
        if (before && !(fix & BDRV_FIX_FORCE)) {
            compare(size_rule, before);
        }
        if (ret == 0 && (fix & BDRV_FIX_ERRORS) && !result.check_errors) {
            repair_again(size_rule, fix, &result, repaired);
        }
    }
    blk_unref(before);
    mem_disk_free(copy);
}
