/* SPDX-License-Identifier: MIT */
/*
 * The products that take VHD images: their defaults, and what they refuse.
 *
 * Invariant: a refusal is one sentence that says what the product takes.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "fields.h"
#include "plan.h"

typedef struct Product {
    VpcDefaults defaults;
    bool (*takes)(const VpcPlan *plan, Error **errp);
} Product;

/* Passes @met on; if it is false, @errp states the demand. */
static bool target_demands(bool met, const char *demand, Error **errp)
{
    if (!met) {
        error_setg(errp, "%s", demand);
    }
    return met;
}

/* Blocks as Windows makes them; a fixed disk has none. */
static bool target_has_windows_blocks(const VpcPlan *plan)
{
    return plan->type == VPC_TYPE_FIXED ||
           plan->layout.block_size == 512 * KiB ||
           plan->layout.block_size == 2 * MiB;
}

static bool azure_takes(const VpcPlan *plan, Error **errp)
{
    if (plan->type == VPC_TYPE_FIXED && plan->size % MiB) {
        error_setg(errp, "Azure takes disks of whole MiB only, not of %" PRIu64
                   " bytes", plan->size);
        error_append_hint(errp, "Try size=%" PRIu64 "\n",
                          (uint64_t)ROUND_UP(plan->size, MiB));
        return false;
    }
    return target_demands(plan->type == VPC_TYPE_FIXED,
                          "Azure takes fixed disks only", errp) &&
           target_demands(plan->size >= 20 * MiB,
                          "Azure takes disks of 20 MiB and more only", errp) &&
           target_demands(memcmp(plan->footer.creator_os, "Wi2k", 4) == 0,
                          "Azure takes disks of creator OS 'Wi2k' only", errp);
}

/* Windows refuses a file that the file system calls sparse. */
static bool hyperv_takes(const VpcPlan *plan, Error **errp)
{
    return target_demands(target_has_windows_blocks(plan),
                          "Hyper-V takes blocks of 512 KiB or 2 MiB only",
                          errp) &&
           target_demands(plan->type != VPC_TYPE_FIXED ||
                          plan->prealloc >= PREALLOC_MODE_FALLOC,
                          "Hyper-V takes no sparse files: a fixed disk needs "
                          "preallocation=falloc or full", errp) &&
           target_demands(plan->prealloc != PREALLOC_MODE_METADATA,
                          "Hyper-V takes no sparse files: "
                          "preallocation=metadata makes one", errp);
}

static bool xenserver_takes(const VpcPlan *plan, Error **errp)
{
    const VpcFooter *footer = &plan->footer;
    QemuUUID uuid = footer->uuid;

    return target_demands(plan->type == VPC_TYPE_FIXED ||
                          plan->layout.block_size == 2 * MiB,
                          "XenServer takes blocks of 2 MiB only", errp) &&
           target_demands(vpc_tap_version(footer) == (1 << 16 | 3),
                          "XenServer takes images of creator 'tap\\x00', "
                          "version 1.3, only", errp) &&
           target_demands(!qemu_uuid_is_null(&uuid),
                          "XenServer takes no UUID of zeroes", errp);
}

static bool virtualbox_takes(const VpcPlan *plan, Error **errp)
{
    /* It opens smaller ones, and damages them when it compacts or resizes. */
    return target_demands(plan->type == VPC_TYPE_FIXED ||
                          plan->layout.block_size >= 2 * MiB,
                          "VirtualBox takes blocks of 2 MiB and more only",
                          errp);
}

static bool virtualpc_takes(const VpcPlan *plan, Error **errp)
{
    uint64_t size =
        vpc_geometry_sectors(vpc_footer_geometry(&plan->footer)) * VPC_SECTOR;

    if (size != plan->size) {
        error_setg(errp, "Virtual PC takes disks of the size of their geometry "
                   "only, which is %" PRIu64 " bytes", size);
        return false;
    }
    return target_demands(target_has_windows_blocks(plan),
                          "Virtual PC takes blocks of 512 KiB or 2 MiB only",
                          errp);
}

static const Product products[BLOCKDEV_VPC_TARGET__MAX] = {
    [BLOCKDEV_VPC_TARGET_AZURE] = {
        .defaults = { "qem2", 5, 3, "Wi2k", VPC_TYPE_FIXED, true },
        .takes = azure_takes,
    },
    [BLOCKDEV_VPC_TARGET_HYPERV] = {
        .defaults = { "win ", 10, 0, "Wi2k", VPC_TYPE_DYNAMIC, true,
                      PREALLOC_MODE_FALLOC },
        .takes = hyperv_takes,
    },
    [BLOCKDEV_VPC_TARGET_XENSERVER] = {
        .defaults = { "tap", 1, 3, "", VPC_TYPE_DYNAMIC, true },
        .takes = xenserver_takes,
    },
    [BLOCKDEV_VPC_TARGET_VIRTUALBOX] = {
        .defaults = { "vbox", 7, 0, "Wi2k", VPC_TYPE_DYNAMIC, true },
        .takes = virtualbox_takes,
    },
    [BLOCKDEV_VPC_TARGET_VIRTUALPC] = {
        .defaults = { "vpc ", 1, 0, "Wi2k", VPC_TYPE_DYNAMIC, false },
        .takes = virtualpc_takes,
    },
};

const VpcDefaults *vpc_target_defaults(const BlockdevCreateOptionsVpc *opts)
{
    static const VpcDefaults rounded = { "qemu", 5, 3, "Wi2k",
                                         VPC_TYPE_DYNAMIC, false };
    static const VpcDefaults forced = { "qem2", 5, 3, "Wi2k",
                                        VPC_TYPE_DYNAMIC, true };

    if (opts->has_target) {
        return &products[opts->target].defaults;
    }
    return opts->has_force_size && opts->force_size ? &forced : &rounded;
}

bool vpc_target_takes(const BlockdevCreateOptionsVpc *opts,
                      const VpcPlan *plan, Error **errp)
{
    const Product *product = opts->has_target ? &products[opts->target] : NULL;
    uint64_t size = vpc_creator_size(&plan->footer);

    if (product && opts->has_force_size &&
        opts->force_size != product->defaults.exact) {
        error_setg(errp, "With target=%s the size is always %s",
                   BlockdevVpcTarget_str(opts->target),
                   product->defaults.exact ? "exact" : "that of a geometry");
        return false;
    }
    if (product && !product->takes(plan, errp)) {
        return false;
    }
    /* The creator may be the user's; a guest would find its data cut off. */
    if (size != plan->size) {
        g_autofree char *creator = vpc_field_text(plan->footer.creator_app);

        error_setg(errp, "Creator '%s' takes the size from the geometry, which "
                   "gives %" PRIu64 " bytes instead of %" PRIu64, creator,
                   size, plan->size);
        return false;
    }
    return true;
}
