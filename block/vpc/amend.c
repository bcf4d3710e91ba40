/* SPDX-License-Identifier: MIT */
/*
 * Fields of the footer: telling them, changing them.
 *
 * Invariant: all values are judged before the first write; the footer in memory
 * changes when both copies on the disk have.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "vpc.h"

QemuOptsList vpc_amend_opts = {
    .name = "vpc-amend-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vpc_amend_opts.head),
    .desc = {
        {
            .name = "creator",
            .type = QEMU_OPT_STRING,
            .help = "Program that made the image: four characters",
        },
        {
            .name = "creator_os",
            .type = QEMU_OPT_STRING,
            .help = "System that it ran on: four characters",
        },
        {
            .name = "creator_version",
            .type = QEMU_OPT_STRING,
            .help = "Its version: major.minor",
        },
        {
            .name = "uuid",
            .type = QEMU_OPT_STRING,
            .help = "Unique id, stored in the order of its text",
        },
        {
            .name = "timestamp",
            .type = QEMU_OPT_NUMBER,
            .help = "Time of creation, in seconds since 1970",
        },
        { /* end of list */ }
    },
};

/* ---- parsing ---------------------------------------------------------------------- */

static bool parse_chars(QemuOpts *opts, const char *name, char *field,
                        Error **errp)
{
    const char *value = qemu_opt_get(opts, name);

    if (!value) {
        return true;
    }
    if (strlen(value) != 4) {
        error_setg(errp, "Parameter '%s' expects four characters", name);
        return false;
    }
    memcpy(field, value, 4);
    return true;
}

static bool parse_version(QemuOpts *opts, VpcFooter *footer, Error **errp)
{
    const char *value = qemu_opt_get(opts, "creator_version");
    const char *end;
    unsigned int major, minor;

    if (!value) {
        return true;
    }
    if (qemu_strtoui(value, &end, 10, &major) < 0 || *end != '.' ||
        qemu_strtoui(end + 1, NULL, 10, &minor) < 0 || major > UINT16_MAX ||
        minor > UINT16_MAX) {
        error_setg(errp, "Parameter 'creator_version' expects major.minor, "
                   "each below 65536");
        return false;
    }
    footer->creator_major = cpu_to_be16(major);
    footer->creator_minor = cpu_to_be16(minor);
    return true;
}

static bool parse_uuid(QemuOpts *opts, VpcFooter *footer, Error **errp)
{
    const char *value = qemu_opt_get(opts, "uuid");
    QemuUUID uuid;

    if (!value) {
        return true;
    }
    if (qemu_uuid_parse(value, &uuid) < 0) {
        error_setg(errp, "Parameter 'uuid' expects a UUID");
        return false;
    }
    footer->uuid = uuid;
    return true;
}

static bool parse_timestamp(QemuOpts *opts, VpcFooter *footer, Error **errp)
{
    uint64_t time;

    if (!qemu_opt_get(opts, "timestamp")) {
        return true;
    }
    time = qemu_opt_get_number(opts, "timestamp", 0);
    if (time < VPC_EPOCH || time - VPC_EPOCH > UINT32_MAX) {
        error_setg(errp, "Parameter 'timestamp' expects a time between 2000 "
                   "and 2136, in seconds since 1970");
        return false;
    }
    footer->timestamp = cpu_to_be32(time - VPC_EPOCH);
    return true;
}

/* ---- writing ------------------------------------------------------------------------ */

/* The tail first: it is the one that counts. */
static int write_footers(BlockDriverState *bs, const VpcFooter *footer)
{
    VpcState *s = bs->opaque;
    uint64_t tail = s->footer_offset;
    int ret = bdrv_pwrite_sync(bs->file, tail, footer, sizeof(*footer));

    if (ret >= 0 && s->type != VPC_TYPE_FIXED) {
        ret = bdrv_pwrite_sync(bs->file, 0, footer, sizeof(*footer));
    }
    return ret;
}

int vpc_amend(BlockDriverState *bs, QemuOpts *opts, bool force, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcFooter footer = s->footer;
    int ret;

    if (!parse_chars(opts, "creator", footer.creator_app, errp) ||
        !parse_chars(opts, "creator_os", footer.creator_os, errp) ||
        !parse_version(opts, &footer, errp) ||
        !parse_uuid(opts, &footer, errp) ||
        !parse_timestamp(opts, &footer, errp)) {
        return -EINVAL;
    }
    if (!force && vpc_disk_size(&footer, VPC_SIZE_AUTO) !=
                  vpc_disk_size(&s->footer, VPC_SIZE_AUTO)) {
        error_setg(errp, "Creator '%.4s' would change the disk's size from %"
                   PRIu64 " to %" PRIu64 " bytes; --force does it",
                   footer.creator_app,
                   vpc_disk_size(&s->footer, VPC_SIZE_AUTO),
                   vpc_disk_size(&footer, VPC_SIZE_AUTO));
        return -EINVAL;
    }
    vpc_footer_seal(&footer);
    ret = write_footers(bs, &footer);
    if (ret < 0) {
        /* As it was, as far as that can be written. */
        write_footers(bs, &s->footer);
        error_setg_errno(errp, -ret, "Could not write the footer");
        return ret;
    }
    s->footer = footer;
    return 0;
}

/* ---- information -------------------------------------------------------------------- */

/* Four characters, those that cannot be printed as \xNN. */
static char *printable(const char *chars)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < 4; i++) {
        if (g_ascii_isprint(chars[i])) {
            g_string_append_c(text, chars[i]);
        } else {
            g_string_append_printf(text, "\\x%02x", (uint8_t)chars[i]);
        }
    }
    return g_string_free(text, false);
}

/*
 * There is something to tell when two rules give two sizes: a geometry that
 * could be one, but does not count, or the other way round.
 */
ImageInfoSpecific *vpc_get_specific_info(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t chs = vpc_disk_size(&s->footer, VPC_SIZE_CHS);
    uint64_t current = vpc_disk_size(&s->footer, VPC_SIZE_CURRENT);
    char uuid_text[UUID_FMT_LEN + 1];
    QemuUUID uuid = s->footer.uuid;
    ImageInfoSpecificVpc *vpc;
    ImageInfoSpecific *info;

    if (chs == current) {
        return NULL;
    }
    qemu_uuid_unparse(&uuid, uuid_text);
    vpc = g_new0(ImageInfoSpecificVpc, 1);
    vpc->subformat = s->type == VPC_TYPE_FIXED ? BLOCKDEV_VPC_SUBFORMAT_FIXED
                                               : BLOCKDEV_VPC_SUBFORMAT_DYNAMIC;
    vpc->creator_application = printable(s->footer.creator_app);
    vpc->has_current_size = true;
    vpc->current_size = current;
    vpc->has_chs_size = true;
    vpc->chs_size = chs;
    vpc->has_block_size = s->type != VPC_TYPE_FIXED;
    vpc->block_size = s->block_size;
    vpc->unique_id = g_strdup(uuid_text);

    info = g_new0(ImageInfoSpecific, 1);
    info->type = IMAGE_INFO_SPECIFIC_KIND_VPC;
    info->u.vpc.data = vpc;
    return info;
}
