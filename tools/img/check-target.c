/* SPDX-License-Identifier: MIT */
/*
 * check --target: what a product would refuse in an image.
 *
 * Invariant: a command works as it is printed, in the folder of this one.
 */
#include "qemu/osdep.h"
#include "check-target.h"
#include "qemu/cutils.h"

typedef struct TargetCheck {
    BlockDriverState *bs;
    const CheckTarget *target;
    ImageCheckRefusalList **next;
} TargetCheck;

/* @word for a shell, and no option, for which a name may be taken; g_free(). */
static char *check_target_quote(const char *word)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789._-/=,";
    g_autofree char *path = g_strconcat(*word == '-' ? "./" : "", word, NULL);

    return path[strspn(path, plain)] ? g_shell_quote(path)
                                     : g_steal_pointer(&path);
}

/* Is there a file of the name, which a conversion would write over? */
static bool check_target_is_taken(const char *name)
{
    struct stat st;

    strstart(name, "file:", &name);
    return lstat(name, &st) == 0;
}

/*
 * The name of the copy, which no file has; g_free().  It is beside the image
 * where that has a file name, but of a device in this folder, because devices
 * are where it is.
 */
static char *check_target_copy_name(const CheckTarget *target)
{
    const char *file = target->filename, *path = file;
    bool plain = strstart(file, "file:", &path) || !path_has_protocol(file);
    bool named = !target->image_opts && plain;
    struct stat st;
    bool device = named && stat(path, &st) == 0 && S_ISBLK(st.st_mode);
    g_autofree char *base = g_path_get_basename(path);
    /* So that a colon, as in /dev/disk/by-path, stays a part of the name. */
    g_autofree char *here = g_strconcat("./", base, NULL);
    const char *name = device ? here : named ? file : "image";
    size_t stem = strlen(name) - (g_str_has_suffix(name, ".vhd") ? 4 : 0);
    char *copy = g_strdup_printf("%.*s-%s.vhd", (int)stem, name,
                                 target->product);

    for (int i = 2; check_target_is_taken(copy); i++) {
        g_free(copy);
        copy = g_strdup_printf("%.*s-%s-%d.vhd", (int)stem, name,
                               target->product, i);
    }
    return copy;
}

static char *check_target_command(const TargetCheck *c,
                                  const BdrvRefusal *refusal)
{
    const char *format = bdrv_get_format_name(c->bs);
    g_autofree char *from =
        c->target->image_opts ? g_strdup("--image-opts")
                              : g_strdup_printf("-f %s", format);
    g_autofree char *name = check_target_quote(c->target->filename);
    g_autofree char *options = check_target_quote(refusal->amend
                                                  ?: refusal->convert ?: "");
    g_autofree char *copy = check_target_copy_name(c->target);
    g_autofree char *quoted = check_target_quote(copy);

    if (refusal->amend) {
        return g_strdup_printf("%s amend %s -o %s %s", error_get_progname(),
                               from, options, name);
    }
    return refusal->convert
           ? g_strdup_printf("%s convert %s -O %s -o %s %s %s",
                             error_get_progname(), from, format, options, name,
                             quoted)
           : NULL;
}

static void check_target_note(const BdrvRefusal *refusal, void *opaque)
{
    TargetCheck *c = opaque;
    ImageCheckRefusalList *item = g_new0(ImageCheckRefusalList, 1);

    item->value = g_new0(ImageCheckRefusal, 1);
    item->value->problem = g_strdup(refusal->problem);
    item->value->command = check_target_command(c, refusal);
    *c->next = item;
    c->next = &item->next;
}

bool check_target(BlockDriverState *bs, CheckTarget *target)
{
    TargetCheck c = {
        .bs = bs,
        .target = target,
        .next = &target->refusals,
    };
    Error *err = NULL;
    int ret = bdrv_check_target(bs, target->product, check_target_note, &c,
                                &err);

    if (ret < 0 && ret != -ENOTSUP) {
        error_report_err(err);
        return false;
    }
    error_free(err);
    return true;
}

void check_target_drop_commands(const CheckTarget *target)
{
    for (ImageCheckRefusalList *item = target->refusals; item;
         item = item->next) {
        g_clear_pointer(&item->value->command, g_free);
    }
}

void check_target_print(const CheckTarget *target)
{
    for (const ImageCheckRefusalList *item = target->refusals; item;
         item = item->next) {
        printf("Refused by %s: %s\n", target->product, item->value->problem);
        if (item->value->command) {
            printf("    %s\n", item->value->command);
        }
    }
}
