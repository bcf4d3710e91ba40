/* SPDX-License-Identifier: MIT */
/*
 * What a product would refuse in an image that is there, and how it is mended.
 *
 * Invariants:
 *   - The demands are those of creation: target.c has them.
 *   - An amendment is named only where it can be made, and a conversion makes
 *     an image that the product takes, with all of the disk.
 */
#include "qemu/osdep.h"
#include "minblk/suggest.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "plan.h"
#include "vpc.h"

/* ---- the traits --------------------------------------------------------- */

/*
 * Is a fixed disk's file one that the file system calls sparse?  Of dynamic
 * ones a hole says little: they are copied without, and writes leave some.
 */
static bool check_target_sparse(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int64_t allocated = bdrv_get_allocated_file_size(bs->file->bs);

    return s->type == VPC_TYPE_FIXED && allocated >= 0 &&
           (uint64_t)allocated < s->exact_length;
}

static VpcTraits check_target_traits(BlockDriverState *bs, bool exact)
{
    VpcState *s = bs->opaque;
    bool fixed = s->type == VPC_TYPE_FIXED;

    return (VpcTraits) {
        .footer = s->footer,
        .size = vpc_disk_size(&s->footer,
                              exact ? VPC_SIZE_CURRENT : VPC_SIZE_AUTO),
        .block_size = s->block_size,
        .file_length = s->exact_length,
        .unused_offset = be64_to_cpu(fixed ? s->footer.data_offset
                                           : s->header.data_offset),
        .sparse = check_target_sparse(bs),
        .aligned = fixed || s->census.aligned,
        .batmap = s->batmap.header_offset != 0,
    };
}

/* ---- what mends --------------------------------------------------------- */

typedef struct Refused {
    char *problem;
    char *amend;                /* options; NULL: a conversion mends it */
} Refused;

typedef struct Refusals {
    GArray *refused;            /* Refused */
    bool alone;                 /* the image can be read, and changed */
    char *size;                 /* an option of the conversion, or NULL */
    bool stays;                 /* one of them nothing mends */
} Refusals;

static void refused_clear(gpointer data)
{
    Refused *r = data;

    g_free(r->problem);
    g_free(r->amend);
}

static void check_target_note(void *opaque, const char *problem,
                              const char *option, bool amend)
{
    Refusals *all = opaque;
    Refused r = {
        .problem = g_strdup(problem),
        .amend = amend && all->alone ? g_strdup(option) : NULL,
    };

    g_array_append_val(all->refused, r);
    all->stays |= !option;
    if (option && g_str_has_prefix(option, "size=")) {
        g_free(all->size);
        all->size = g_strdup(option);
    }
}

/*
 * The options of a conversion that mends everything, because one that mends
 * less would be refused; NULL: there is none.  g_free().
 */
static char *check_target_conversion(const VpcState *s, const char *target,
                                     const Refusals *all)
{
    if (all->stays || !all->alone) {
        return NULL;
    }
    return g_strdup_printf("target=%s%s%s%s", target,
                           s->type == VPC_TYPE_FIXED ? ",subformat=fixed" : "",
                           all->size ? "," : "", all->size ?: "");
}

int vpc_check_target(BlockDriverState *bs, const char *target,
                     BdrvRefusalListener *listener, void *opaque, Error **errp)
{
    int product = qapi_enum_parse(&BlockdevVpcTarget_lookup, target, -1, NULL);
    g_autofree char *conversion = NULL;
    VpcState *s = bs->opaque;
    Refusals all = { .alone = s->type != VPC_TYPE_DIFFERENCING };
    VpcTraits traits;

    if (product < 0) {
        g_autofree char *values =
            suggest_values(target, BlockdevVpcTarget_lookup.array,
                           BlockdevVpcTarget_lookup.size);

        error_setg(errp, "Unknown target '%s'", target);
        error_append_hint(errp, "%s", values);
        return -EINVAL;
    }
    all.refused = g_array_new(false, false, sizeof(Refused));
    g_array_set_clear_func(all.refused, refused_clear);
    traits = check_target_traits(bs, vpc_target_is_exact(product));
    if (traits.size != s->size) {
        /* A copy has what we see of the disk, the product sees more. */
        all.size = g_strdup_printf("size=%" PRIu64, traits.size);
    }
    vpc_target_demands(product, &traits, check_target_note, &all);
    conversion = check_target_conversion(s, target, &all);
    for (guint i = 0; i < all.refused->len; i++) {
        const Refused *r = &g_array_index(all.refused, Refused, i);
        BdrvRefusal refusal = {
            .problem = r->problem,
            .amend = r->amend,
            .convert = r->amend ? NULL : conversion,
        };

        listener(&refusal, opaque);
    }
    g_array_free(all.refused, true);
    g_free(all.size);
    return 0;
}
