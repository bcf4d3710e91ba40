/* SPDX-License-Identifier: MIT */
/*
 * Changing fields of the footer.
 *
 * Invariant: all values are checked before the first write; the footer in
 * memory changes when all on the disk have, so that an error leaves both as
 * they were.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "fields.h"
#include "vpc.h"

QemuOptsList vpc_amend_opts = {
    .name = "vpc-amend-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vpc_amend_opts.head),
    .desc = {
        VPC_FIELD_OPTS,
        { /* end of list */ }
    },
};

/* The last one first, because opening believes it rather than the copy at 0. */
static int amend_write(BlockDriverState *bs, const uint64_t *offsets, int count,
                       const VpcFooter *footer)
{
    int ret = 0;

    for (int i = count - 1; i >= 0 && ret >= 0; i--) {
        ret = bdrv_pwrite_sync(bs->file, offsets[i], footer, sizeof(*footer));
    }
    return ret;
}

int vpc_amend(BlockDriverState *bs, QemuOpts *opts, bool force, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcFooter footer = s->footer;
    VpcFields fields = {
        .creator = qemu_opt_get(opts, "creator"),
        .creator_os = qemu_opt_get(opts, "creator_os"),
        .creator_version = qemu_opt_get(opts, "creator_version"),
        .uuid = qemu_opt_get(opts, "uuid"),
        .geometry = qemu_opt_get(opts, "geometry"),
        .has_timestamp = qemu_opt_get(opts, "timestamp") != NULL,
        .timestamp = qemu_opt_get_number(opts, "timestamp", 0),
    };
    /* All of them, because programs differ in which one they believe. */
    uint64_t offsets[VPC_MAX_FOOTERS];
    int count = vpc_footer_offsets(bs, offsets);
    uint64_t size = vpc_disk_size(&s->footer, VPC_SIZE_AUTO);
    int ret;

    if (count < 0) {
        error_setg_errno(errp, -count, "Could not read the footers");
        return count;
    }
    if (!vpc_fields_apply(&fields, &footer, errp)) {
        return -EINVAL;
    }
    /* A guest would find another disk than the one that it wrote. */
    if (!force && (fields.creator || fields.geometry) &&
        vpc_creator_size(&footer) != size) {
        g_autofree char *creator = vpc_field_text(footer.creator_app);

        error_setg(errp, "Creator '%s' would change the disk's size from %"
                   PRIu64 " to %" PRIu64 " bytes; --force does it", creator,
                   size, vpc_creator_size(&footer));
        return -EINVAL;
    }
    vpc_footer_seal(&footer);
    ret = amend_write(bs, offsets, count, &footer);
    if (ret < 0) {
        /* As it was, as far as that can be written. */
        amend_write(bs, offsets, count, &s->footer);
        error_setg_errno(errp, -ret, "Could not write the footer");
        return ret;
    }
    s->footer = footer;
    return 0;
}
