/* SPDX-License-Identifier: MIT */
/*
 * The products that take VHD images: their defaults, and what they refuse, of
 * an image that is to be created and of one that is there.
 *
 * Invariants:
 *   - One function a product has all of its demands.
 *   - What a creation makes of the defaults meets all of them.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "fields.h"
#include "plan.h"

/* The traits that are checked, and where to report what is refused. */
typedef struct Demands {
    const VpcTraits *t;
    VpcRefuse *refuse;
    void *opaque;
} Demands;

typedef struct Product {
    const char *name;
    VpcDefaults defaults;
    void (*demands)(const Demands *d);
} Product;

/*
 * Unless it is @met: reports a problem, whose format is @fmt, and that @option
 * of creation, or if @amend of amend, would meet it; NULL: none.
 */
static void GCC_FMT_ATTR(5, 6)
target_demand(const Demands *d, bool met, const char *option, bool amend,
              const char *fmt, ...)
{
    g_autofree char *problem = NULL;
    va_list ap;

    if (!met) {
        va_start(ap, fmt);
        problem = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        d->refuse(d->opaque, problem, option, amend);
    }
}

static bool target_is_fixed(const VpcTraits *t)
{
    return be32_to_cpu(t->footer.type) == VPC_TYPE_FIXED;
}

/* Blocks as Windows makes them; a fixed disk has none. */
static void target_demand_windows_blocks(const Demands *d)
{
    uint32_t size = d->t->block_size;

    target_demand(d, target_is_fixed(d->t) || size == 512 * KiB ||
                  size == 2 * MiB, "block_size=2M", false,
                  "block size %" PRIu32 " is neither 512 KiB nor 2 MiB", size);
}

static void azure_demands(const Demands *d)
{
    const VpcTraits *t = d->t;
    uint64_t size = t->size;
    g_autofree char *option = g_strdup_printf(
        "size=%" PRIu64, MAX(20 * MiB, (uint64_t)ROUND_UP(size, MiB)));
    g_autofree char *os = vpc_field_text(t->footer.creator_os);

    target_demand(d, target_is_fixed(t), "subformat=fixed", false,
                  "type is %s, not fixed",
                  be32_to_cpu(t->footer.type) == VPC_TYPE_DYNAMIC
                  ? "dynamic" : "differencing");
    target_demand(d, size % MiB == 0, option, false,
                  "size %" PRIu64 " is not a multiple of 1 MiB", size);
    target_demand(d, size >= 20 * MiB, option, false,
                  "size %" PRIu64 " is less than 20 MiB", size);
    target_demand(d, !target_is_fixed(t) ||
                  t->file_length == size + VPC_SECTOR, "subformat=fixed", false,
                  "file length %" PRIu64 " is not that of the disk and a "
                  "footer, %" PRIu64, t->file_length, size + VPC_SECTOR);
    target_demand(d, memcmp(t->footer.creator_os, "Wi2k", 4) == 0,
                  "creator_os=Wi2k", true, "creator OS '%s' is not 'Wi2k'", os);
}

static void hyperv_demands(const Demands *d)
{
    target_demand_windows_blocks(d);
    /* Windows refuses a file that the file system calls sparse. */
    target_demand(d, !d->t->sparse, "preallocation=falloc", false,
                  "the file is sparse");
    target_demand(d, d->t->aligned, "block_size=2M", false,
                  "the data of blocks is not aligned to 4 KiB");
}

/* As XenServer's own check of images does. */
static void xenserver_demands(const Demands *d)
{
    const VpcTraits *t = d->t;
    const VpcFooter *f = &t->footer;
    g_autofree char *creator = vpc_field_text(f->creator_app);
    VpcGeometry have = vpc_footer_geometry(f);
    VpcGeometry true_one = vpc_geometry(t->size / VPC_SECTOR);
    g_autofree char *geometry =
        g_strdup_printf("geometry=%d/%d/%d", true_one.cylinders,
                        true_one.heads, true_one.sectors);
    uint32_t features = be32_to_cpu(f->features);
    QemuUUID uuid = f->uuid, other;
    g_autofree char *id = NULL, *new_id = NULL;
    bool tap = vpc_tap_version(f) == (1 << 16 | 3);
    /* Of a dynamic disk this creator has a batmap, which amend cannot make. */
    bool amend = tap || (target_is_fixed(t) &&
                         vpc_disk_size(f, VPC_SIZE_AUTO) == t->size);

    qemu_uuid_generate(&other);
    id = qemu_uuid_unparse_strdup(&other);
    new_id = g_strdup_printf("uuid=%s", id);
    target_demand(d, target_is_fixed(t) || t->block_size == 2 * MiB,
                  "block_size=2M", false, "block size %" PRIu32 " is not 2 MiB",
                  t->block_size);
    target_demand(d, tap, "creator=tap\\x00,creator_version=1.3", amend,
                  "creator '%s', version %d.%d, is not 'tap\\x00', version "
                  "1.3", creator, be16_to_cpu(f->creator_major),
                  be16_to_cpu(f->creator_minor));
    target_demand(d, vpc_geometry_sectors(have) <= t->size / VPC_SECTOR,
                  geometry, amend, "geometry %d/%d/%d is larger than the disk",
                  have.cylinders, have.heads, have.sectors);
    target_demand(d, !qemu_uuid_is_null(&uuid), new_id, true,
                  "unique id is all zeroes");
    target_demand(d, (features & ~1) == 2, "target=xenserver", false,
                  "features 0x%08" PRIx32 " are neither 2 nor 3", features);
    target_demand(d, t->unused_offset == UINT64_MAX, "target=xenserver", false,
                  "unused data offset is 0x%" PRIx64 ", not all ones",
                  t->unused_offset);
    target_demand(d, target_is_fixed(t) || t->batmap, "target=xenserver", false,
                  "there is no batmap");
}

static void virtualbox_demands(const Demands *d)
{
    const VpcTraits *t = d->t;

    /* It opens smaller ones, and damages them when it compacts or resizes. */
    target_demand(d, target_is_fixed(t) || t->block_size >= 2 * MiB,
                  "block_size=2M", false,
                  "block size %" PRIu32 " is less than 2 MiB", t->block_size);
    target_demand(d, t->file_length % VPC_SECTOR != VPC_SECTOR - 1,
                  "target=virtualbox", false, "the footer has 511 bytes");
}

static void virtualpc_demands(const Demands *d)
{
    const VpcTraits *t = d->t;
    uint64_t chs =
        vpc_geometry_sectors(vpc_footer_geometry(&t->footer)) * VPC_SECTOR;
    uint64_t sectors = DIV_ROUND_UP(t->size, VPC_SECTOR);
    g_autofree char *option =
        sectors > VPC_CHS_MAX_SECTORS ? NULL
        : g_strdup_printf("size=%" PRIu64,
                          vpc_round_to_geometry(sectors) * VPC_SECTOR);

    target_demand(d, chs == t->size, option, false,
                  "size %" PRIu64 " is not that of the geometry, %" PRIu64,
                  t->size, chs);
    target_demand_windows_blocks(d);
}

static const Product products[BLOCKDEV_VPC_TARGET__MAX] = {
    [BLOCKDEV_VPC_TARGET_AZURE] = {
        .name = "Azure",
        .defaults = { "qem2", 5, 3, "Wi2k", VPC_TYPE_FIXED, true },
        .demands = azure_demands,
    },
    [BLOCKDEV_VPC_TARGET_HYPERV] = {
        .name = "Hyper-V",
        .defaults = { "win ", 10, 0, "Wi2k", VPC_TYPE_DYNAMIC, true,
                      PREALLOC_MODE_FALLOC },
        .demands = hyperv_demands,
    },
    [BLOCKDEV_VPC_TARGET_XENSERVER] = {
        .name = "XenServer",
        .defaults = { "tap", 1, 3, "", VPC_TYPE_DYNAMIC, true },
        .demands = xenserver_demands,
    },
    [BLOCKDEV_VPC_TARGET_VIRTUALBOX] = {
        .name = "VirtualBox",
        .defaults = { "vbox", 7, 0, "Wi2k", VPC_TYPE_DYNAMIC, true },
        .demands = virtualbox_demands,
    },
    [BLOCKDEV_VPC_TARGET_VIRTUALPC] = {
        .name = "Virtual PC",
        .defaults = { "vpc ", 1, 0, "Wi2k", VPC_TYPE_DYNAMIC, false },
        .demands = virtualpc_demands,
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

void vpc_target_demands(BlockdevVpcTarget target, const VpcTraits *traits,
                        VpcRefuse *refuse, void *opaque)
{
    Demands d = { .t = traits, .refuse = refuse, .opaque = opaque };

    products[target].demands(&d);
}

bool vpc_target_is_exact(BlockdevVpcTarget target)
{
    return products[target].defaults.exact;
}

/* ---- creation ----------------------------------------------------------- */

typedef struct Refusal {
    const Product *product;
    Error *error;
} Refusal;

/* An option can be given at once, so it is named; the first one counts. */
static void target_refuse_plan(void *opaque, const char *problem,
                               const char *option, bool amend)
{
    Refusal *r = opaque;

    if (r->error) {
        return;
    }
    error_setg(&r->error, "%s refuses it: %s", r->product->name, problem);
    if (option) {
        error_append_hint(&r->error, "Try %s\n", option);
    }
}

/* Only blocks that have a place can be holes of the file. */
static VpcTraits target_plan_traits(const VpcPlan *plan)
{
    bool fixed = plan->type == VPC_TYPE_FIXED;

    return (VpcTraits) {
        .footer = plan->footer,
        .size = plan->size,
        .block_size = plan->layout.block_size,
        .file_length = plan->size + VPC_SECTOR,
        .unused_offset = UINT64_MAX,
        .sparse = plan->prealloc == PREALLOC_MODE_METADATA ||
                  (fixed && plan->prealloc == PREALLOC_MODE_OFF),
        .aligned = true,
        .batmap = plan->layout.batmap_header != 0,
    };
}

bool vpc_target_takes(const BlockdevCreateOptionsVpc *opts,
                      const VpcPlan *plan, Error **errp)
{
    Refusal r = { .product = opts->has_target ? &products[opts->target]
                                              : NULL };
    VpcTraits traits = target_plan_traits(plan);
    uint64_t size = vpc_creator_size(&plan->footer);

    if (r.product && opts->has_force_size &&
        opts->force_size != r.product->defaults.exact) {
        error_setg(errp, "With target=%s the size is always %s",
                   BlockdevVpcTarget_str(opts->target),
                   r.product->defaults.exact ? "exact" : "that of a geometry");
        return false;
    }
    if (r.product) {
        vpc_target_demands(opts->target, &traits, target_refuse_plan, &r);
    }
    if (r.error) {
        error_propagate(errp, r.error);
        return false;
    }
    /* The creator may be the user's; a guest would find its data cut off. */
    if (size != plan->size) {
        g_autofree char *creator = vpc_field_text(plan->footer.creator_app);

        error_setg(errp, "Creator '%s' takes the size from the geometry, which "
                   "gives %" PRIu64 " bytes instead of %" PRIu64, creator,
                   size, plan->size);
        if (!r.product && !opts->force_size && !opts->creator) {
            error_append_hint(errp, "Try force_size\n");
        }
        return false;
    }
    return true;
}
