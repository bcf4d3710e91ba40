/* SPDX-License-Identifier: MIT */
/*
 * Options of creation; see create-options.h.
 *
 * Invariants: which members a structure has is asked of the visitor, since
 * nothing else knows the schema at run time.
 */
#include "create-options.h"

#include "block/qdict.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-input-visitor.h"
#include "qemu/option.h"

/* What separates the words of an option's help. */
#define HELP_SEPARATORS " ,;:|{}()[]<>'\""

GPtrArray *create_option_values(const QemuOptDesc *desc)
{
    static const char *const bools[] = { "on", "off", NULL };
    static const char *const numbers[] = {
        "0", "1", "511", "512", "4096", "65536", "524288", "2097152",
        "3000000", "268435456", "4294967296", "9223372036854775807", NULL
    };
    static const char *const strings[] = { "", "nosuch", "0", "1.5", NULL };
    const char *const *fixed = desc->type == QEMU_OPT_BOOL     ? bools
                               : desc->type == QEMU_OPT_STRING ? strings
                                                               : numbers;
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);

    for (; *fixed; fixed++) {
        g_ptr_array_add(values, g_strdup(*fixed));
    }
    if (desc->type == QEMU_OPT_STRING && desc->help) {
        /* The words of its help text are likely to be values. */
        g_auto(GStrv) words = g_strsplit_set(desc->help, HELP_SEPARATORS, -1);

        for (char **word = words; *word; word++) {
            if (**word) {
                g_ptr_array_add(values, g_strdup(*word));
            }
        }
    }
    return values;
}

/* ---- by QAPI ------------------------------------------------------------ */

static BlockdevCreateOptions *visit_options(QDict *dict, Error **errp)
{
    Visitor *v = qobject_input_visitor_new_flat_confused(dict, errp);
    BlockdevCreateOptions *opts = NULL;

    if (v) {
        visit_type_BlockdevCreateOptions(v, NULL, &opts, errp);
        visit_free(v);
    }
    return opts;
}

/* Why the schema refuses @dict with this, too; g_free(); NULL: it does not. */
static char *why_refused(const QDict *dict, const char *member,
                         const char *value)
{
    QDict *more = qdict_clone_shallow(dict);
    Error *err = NULL;
    char *why = NULL;

    qdict_put_str(more, member, value);
    qapi_free_BlockdevCreateOptions(visit_options(more, &err));
    if (err) {
        why = g_strdup(error_get_pretty(err));
        error_free(err);
    }
    qobject_unref(more);
    return why;
}

static bool has_member(const QDict *dict, const char *member)
{
    /* A value that it does not take is another error. */
    g_autofree char *why = why_refused(dict, member, "0");

    return !why || !strstr(why, "is unexpected");
}

/* The member for the option @name, g_free(); or NULL. */
static char *find_member(const QDict *dict, const char *name)
{
    static const char *const others[][2] = {
        { "cluster-size", "block-size" }, { "block-size", "cluster-size" },
    };
    g_autofree char *member = g_strdelimit(g_strdup(name), "_", '-');

    if (has_member(dict, member)) {
        return g_steal_pointer(&member);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        if (!strcmp(member, others[i][0]) && has_member(dict, others[i][1])) {
            return g_strdup(others[i][1]);
        }
    }
    return NULL;
}

/*
 * @value of @member, which is the option @name, in the capitals that the schema
 * takes: those of the option's help, or none; g_free().
 */
static char *find_word(const Harness *h, const QDict *dict, const char *name,
                       const char *member, const char *value)
{
    const QemuOptDesc *desc = bdrv_driver_create_opts(h->drv)->desc;
    g_autofree char *lower = g_ascii_strdown(value, -1);
    g_autofree char *why = why_refused(dict, member, value);
    g_auto(GStrv) words = NULL;

    if (!why) {
        return g_strdup(value);
    }
    while (desc->name && strcmp(desc->name, name)) {
        desc++;
    }
    words = g_strsplit_set(desc->name && desc->help ? desc->help : "",
                           HELP_SEPARATORS, -1);
    for (char **word = words; *word; word++) {
        g_autofree char *other = why_refused(dict, member, *word);

        if (!other && g_ascii_strcasecmp(*word, value) == 0) {
            return g_strdup(*word);
        }
    }
    return g_steal_pointer(&lower);
}

BlockdevCreateOptions *create_qapi_options(const Harness *h, const char *node,
                                           int64_t size, const char *more,
                                           bool words, GString *omitted,
                                           Error **errp)
{
    g_autofree char *all = g_strconcat(more ? more : "", ",", h->create, NULL);
    g_autofree char *bytes = g_strdup_printf("%" PRId64, size);
    g_auto(GStrv) options = g_strsplit(all, ",", -1);
    QDict *base = qdict_new(), *dict;
    BlockdevCreateOptions *opts;
    char on[] = "on";

    /* The schema does not know the other name that one of ours has. */
    qdict_put_str(base, "driver", bdrv_driver_name(h->drv));
    qdict_put_str(base, "file", node);
    qdict_put_str(base, "size", bytes);
    dict = qdict_clone_shallow(base);
    for (char **option = options; *option; option++) {
        char *value = strchr(*option, '=');
        g_autofree char *member = NULL, *word = NULL;

        if (value) {
            *value++ = '\0';
        }
        if (!**option || !strcmp(*option, "size")) {
            continue;
        }
        member = find_member(base, *option);
        value = value ? value : on;
        if (member) {
            word = words ? find_word(h, base, *option, member, value)
                         : g_strdup(value);
            qdict_put_str(dict, member, word);
        } else {
            g_string_append_printf(omitted, "%s%s", omitted->len ? ", " : "",
                                   *option);
        }
    }
    opts = visit_options(dict, errp);
    qobject_unref(dict);
    qobject_unref(base);
    return opts;
}
