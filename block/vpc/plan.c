/* SPDX-License-Identifier: MIT */
/*
 * The plan of a new image: its size, its footer and header, its layout.
 *
 * Invariants:
 *   - The size that the footer gives, by the rule of its creator, is the size
 *     of the disk.
 *   - When the time of creation is given, by option or by SOURCE_DATE_EPOCH,
 *     the plan follows from the options alone.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "fields.h"
#include "plan.h"

#define EPOCH_VARIABLE "SOURCE_DATE_EPOCH"

/* ---- size --------------------------------------------------------------- */

/*
 * Sets *@size to that of the disk, bytes: whole sectors if @exact, else the
 * specification's geometry, because guests of a creator that means the geometry
 * see no other size.
 */
static int plan_size(const BlockdevCreateOptionsVpc *opts, bool exact,
                     bool round, uint64_t *size, Error **errp)
{
    uint64_t sectors = DIV_ROUND_UP(opts->size, VPC_SECTOR);
    uint64_t rounded = exact ? sectors : vpc_round_to_geometry(sectors);

    if (opts->size > VPC_MAX_SIZE) {
        error_setg(errp, "Disk size is too large, max size is 2040 GiB");
        return -EFBIG;
    }
    *size = rounded * VPC_SECTOR;
    if (round || *size == opts->size) {
        return 0;
    }
    if (opts->size % VPC_SECTOR) {
        error_setg(errp, "The image size must be a multiple of %d bytes",
                   VPC_SECTOR);
        return -EINVAL;
    }
    error_setg(errp, "The requested image size cannot be represented in CHS "
               "geometry");
    error_append_hint(errp, "Try size=%" PRIu64 " or force-size=on (the latter "
                      "makes the image incompatible with Virtual PC)\n", *size);
    return -EINVAL;
}

/* ---- the footer's fields ------------------------------------------------ */

/*
 * A UUID by name (RFC 4122, version 5) of everything else, because a random one
 * would be all that differs between two files of equal options.
 */
static void plan_derive_uuid(VpcPlan *plan)
{
    /* Of minblk's own, so that no other program derives the same UUIDs. */
    static const QemuUUID space = { .data = {
        0x6d, 0x69, 0x6e, 0x62, 0x6c, 0x6b, 0x52, 0x56,
        0x9d, 0x48, 0x44, 0x2d, 0x6e, 0x61, 0x6d, 0x65
    } };
    g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA1);
    VpcFooter footer = plan->footer;
    uint8_t digest[20];
    gsize length = sizeof(digest);
    QemuUUID uuid;

    memset(&footer.uuid, 0, sizeof(footer.uuid));
    footer.checksum = 0;
    g_checksum_update(hash, space.data, sizeof(space.data));
    g_checksum_update(hash, (uint8_t *)&footer, sizeof(footer));
    g_checksum_update(hash, (uint8_t *)&plan->header, sizeof(plan->header));
    g_checksum_get_digest(hash, digest, &length);

    memcpy(uuid.data, digest, sizeof(uuid.data));
    uuid.data[6] = (uuid.data[6] & 0x0f) | 0x50;
    uuid.data[8] = (uuid.data[8] & 0x3f) | 0x80;
    plan->footer.uuid = uuid;
}

/* The footer, but for its checksum and a UUID that follows from the rest. */
static int plan_footer(const BlockdevCreateOptionsVpc *opts, VpcPlan *plan,
                       bool *time_given, Error **errp)
{
    const VpcDefaults *defaults = vpc_target_defaults(opts);
    const char *epoch = g_getenv(EPOCH_VARIABLE);
    uint64_t time = 0, sectors = plan->size / VPC_SECTOR;
    VpcNewDisk disk = {
        .size = plan->size,
        .type = plan->type,
        .creator_app = defaults->creator,
        .geometry = defaults->exact ? vpc_geometry(sectors)
                                    : vpc_geometry_above(sectors),
    };
    VpcFields fields = {
        .creator = opts->creator,
        .creator_os = opts->creator_os,
        .creator_version = opts->creator_version,
        .uuid = opts->uuid,
        .geometry = opts->geometry,
        .has_timestamp = opts->has_timestamp,
        .timestamp = opts->timestamp,
    };

    if (epoch && qemu_strtou64(epoch, NULL, 10, &time) < 0) {
        error_setg(errp, "The environment variable " EPOCH_VARIABLE " expects "
                   "seconds since 1970, not '%s'", epoch);
        return -EINVAL;
    }
    /* The user's fields come last, because they override the target's. */
    vpc_new_footer(&plan->footer, &disk);
    plan->footer.creator_major = cpu_to_be16(defaults->creator_major);
    plan->footer.creator_minor = cpu_to_be16(defaults->creator_minor);
    memcpy(plan->footer.creator_os, defaults->creator_os, 4);
    if (epoch) {
        /* The nearest one that a footer can have. */
        plan->footer.timestamp = cpu_to_be32(
            MIN(time - MIN(time, VPC_EPOCH), UINT32_MAX));
    }
    *time_given = epoch || opts->has_timestamp;
    return vpc_fields_apply(&fields, &plan->footer, errp) ? 0 : -EINVAL;
}

/* ---- layout ------------------------------------------------------------- */

static int plan_layout(const BlockdevCreateOptionsVpc *opts, VpcPlan *plan,
                       Error **errp)
{
    uint64_t block_size = opts->has_block_size ? opts->block_size
                                               : VPC_DEFAULT_BLOCK_SIZE;
    uint32_t last_entry;

    if (plan->type == VPC_TYPE_FIXED) {
        if (opts->has_block_size) {
            error_setg(errp, "A fixed disk has no blocks whose size could be "
                       "given");
            return -EINVAL;
        }
        return 0;
    }
    if (!is_power_of_2(block_size) || block_size < VPC_MIN_NEW_BLOCK_SIZE ||
        block_size > VPC_MAX_NEW_BLOCK_SIZE) {
        error_setg(errp, "Invalid block size %" PRIu64 ", expected a power of "
                   "two from 4 KiB to 256 MiB", block_size);
        return -EINVAL;
    }
    vpc_layout_init(&plan->layout, plan->size, block_size,
                    vpc_tap_version(&plan->footer) >= VPC_TAP_HAS_BATMAP);
    vpc_new_header(&plan->header, VPC_BAT_OFFSET, plan->layout.blocks,
                   plan->layout.block_size);
    if (vpc_plan_has_all_blocks(plan) && plan->layout.blocks &&
        !vpc_layout_entry(block_size,
                          vpc_layout_nth_block(&plan->layout,
                                               plan->layout.blocks - 1),
                          &last_entry)) {
        error_setg(errp, "With all blocks the file would be %" PRIu64 " bytes "
                   "long, more than its sector numbers can express",
                   vpc_plan_length(plan, plan->layout.blocks));
        return -EINVAL;
    }
    return 0;
}

/* ---- all of it ---------------------------------------------------------- */

int vpc_plan(const BlockdevCreateOptionsVpc *opts, bool round, VpcPlan *plan,
             Error **errp)
{
    const VpcDefaults *defaults = vpc_target_defaults(opts);
    bool time_given = false;
    int ret;

    memset(plan, 0, sizeof(*plan));
    plan->type = defaults->type;
    if (opts->has_subformat) {
        plan->type = opts->subformat == BLOCKDEV_VPC_SUBFORMAT_FIXED
                     ? VPC_TYPE_FIXED : VPC_TYPE_DYNAMIC;
    }
    plan->prealloc = opts->has_preallocation ? opts->preallocation
                     : plan->type == VPC_TYPE_FIXED ? defaults->fixed_prealloc
                     : PREALLOC_MODE_OFF;
    ret = plan_size(opts, defaults->exact || opts->geometry, round,
                    &plan->size, errp);
    if (ret == 0) {
        ret = plan_footer(opts, plan, &time_given, errp);
    }
    if (ret == 0) {
        ret = plan_layout(opts, plan, errp);
    }
    if (ret == 0 && !vpc_target_takes(opts, plan, errp)) {
        ret = -EINVAL;
    }
    /* Last, because it is computed from all the other fields. */
    if (ret == 0 && time_given && !opts->uuid) {
        plan_derive_uuid(plan);
    }
    vpc_footer_seal(&plan->footer);
    return ret;
}

uint64_t vpc_plan_length(const VpcPlan *plan, uint64_t blocks)
{
    uint64_t footer = plan->type == VPC_TYPE_FIXED
                      ? plan->size
                      : vpc_layout_nth_footer(&plan->layout, blocks);

    return footer + sizeof(plan->footer);
}

bool vpc_plan_has_all_blocks(const VpcPlan *plan)
{
    return plan->type != VPC_TYPE_FIXED &&
           plan->prealloc != PREALLOC_MODE_OFF;
}
