/* SPDX-License-Identifier: MIT */
/*
 * Option sets: making them, setting and getting values.
 *
 * Values are checked when they are set, so that getters cannot fail.  A getter
 * looks from the last setting to the first, then at the description.
 */
#include "qemu/osdep.h"
#include "option-internal.h"
#include "minblk/suggest.h"
#include "qapi/error.h"

const QemuOptDesc *opt_desc_find(const QemuOptDesc *desc, const char *name)
{
    for (; desc->name; desc++) {
        if (strcmp(desc->name, name) == 0) {
            return desc;
        }
    }
    return NULL;
}

bool opts_accepts_any(const QemuOptsList *list)
{
    return !list->desc[0].name;
}

/*
 * Sets.
 */

/* Letters, digits and -._ after a letter. */
static bool id_is_wellformed(const char *id)
{
    if (!g_ascii_isalpha(id[0])) {
        return false;
    }
    while (g_ascii_isalnum(*id) || (*id && strchr("-._", *id))) {
        id++;
    }
    return *id == '\0';
}

QemuOpts *qemu_opts_create(QemuOptsList *list, const char *id,
                           int fail_if_exists, Error **errp)
{
    QemuOpts *opts;

    /* A list that was only zeroed has no usable head yet. */
    if (!list->head.tqh_circ.tql_prev) {
        QTAILQ_INIT(&list->head);
    }
    if (id && !id_is_wellformed(id)) {
        error_setg(errp, "Parameter 'id' expects an identifier");
        error_append_hint(errp, "Identifiers consist of letters, digits, '-', "
                          "'.', '_', starting with a letter.\n");
        return NULL;
    }
    QTAILQ_FOREACH(opts, &list->head, next) {
        /* Anonymous sets are different ones, unless the list merges them. */
        if (g_strcmp0(opts->id, id) != 0 || (!id && !list->merge_lists)) {
            continue;
        }
        if (fail_if_exists && !list->merge_lists) {
            error_setg(errp, "Duplicate ID '%s' for %s", id, list->name);
            return NULL;
        }
        return opts;
    }
    opts = g_new0(QemuOpts, 1);
    opts->id = g_strdup(id);
    opts->list = list;
    QTAILQ_INIT(&opts->head);
    QTAILQ_INSERT_TAIL(&list->head, opts, next);
    return opts;
}

void opt_remove(QemuOpts *opts, QemuOpt *opt)
{
    QTAILQ_REMOVE(&opts->head, opt, next);
    g_free(opt->name);
    g_free(opt->str);
    g_free(opt);
}

void qemu_opts_del(QemuOpts *opts)
{
    QemuOpt *opt, *next;

    if (!opts) {
        return;
    }
    QTAILQ_FOREACH_SAFE(opt, &opts->head, next, next) {
        opt_remove(opts, opt);
    }
    QTAILQ_REMOVE(&opts->list->head, opts, next);
    g_free(opts->id);
    g_free(opts);
}

/*
 * Setting.
 */

/* The option of @list that @name may have been meant to be; g_free() it. */
static char *opt_suggest(const QemuOptsList *list, const char *name)
{
    Suggestion s;

    suggest_begin(&s, name);
    for (const QemuOptDesc *desc = list->desc; desc->name; desc++) {
        suggest_offer(&s, desc->name);
    }
    return suggest_end(&s, NULL);
}

bool qemu_opt_set(QemuOpts *opts, const char *name, const char *value,
                  Error **errp)
{
    ERRP_GUARD();
    const QemuOptDesc *desc = opt_desc_find(opts->list->desc, name);
    g_autofree char *hint = NULL;
    QemuOptValue parsed = { 0 };
    QemuOpt *opt;

    if (!desc && !opts_accepts_any(opts->list)) {
        hint = opt_suggest(opts->list, name);
        error_setg(errp, "Invalid parameter '%s'", name);
        error_append_hint(errp, "%s", hint);
        return false;
    }
    if (desc && !opt_parse_value(name, desc->type, value, &parsed, errp)) {
        return false;
    }
    opt = g_new0(QemuOpt, 1);
    opt->name = g_strdup(name);
    opt->str = g_strdup(value);
    opt->desc = desc;
    opt->value = parsed;
    QTAILQ_INSERT_TAIL(&opts->head, opt, next);
    return true;
}

bool qemu_opt_set_number(QemuOpts *opts, const char *name, int64_t val,
                         Error **errp)
{
    g_autofree char *text = g_strdup_printf("%" PRId64, val);

    return qemu_opt_set(opts, name, text, errp);
}

void qemu_opt_unset(QemuOpts *opts, const char *name)
{
    QemuOpt *opt, *next;

    if (!opts) {
        return;
    }
    QTAILQ_FOREACH_SAFE(opt, &opts->head, next, next) {
        if (strcmp(opt->name, name) == 0) {
            opt_remove(opts, opt);
        }
    }
}

/*
 * Getting.
 */

QemuOpt *qemu_opt_find(QemuOpts *opts, const char *name)
{
    QemuOpt *opt;

    /* From the end, because the last setting counts. */
    QTAILQ_FOREACH_REVERSE(opt, &opts->head, next) {
        if (strcmp(opt->name, name) == 0) {
            return opt;
        }
    }
    return NULL;
}

/* The default of the description of @name, or NULL. */
static const char *opt_default(QemuOpts *opts, const char *name)
{
    const QemuOptDesc *desc = opt_desc_find(opts->list->desc, name);

    return desc ? desc->def_value_str : NULL;
}

const char *qemu_opt_get(QemuOpts *opts, const char *name)
{
    QemuOpt *opt;

    if (!opts) {
        return NULL;
    }
    opt = qemu_opt_find(opts, name);
    return opt ? opt->str : opt_default(opts, name);
}

char *qemu_opt_get_del(QemuOpts *opts, const char *name)
{
    char *str = g_strdup(qemu_opt_get(opts, name));

    qemu_opt_unset(opts, name);
    return str;
}

/* What @name means as @type, @defval when nothing says anything. */
static QemuOptValue opt_get_value(QemuOpts *opts, const char *name,
                                  enum QemuOptType type, QemuOptValue defval)
{
    QemuOptValue value;
    const char *str;
    QemuOpt *opt;

    if (!opts) {
        return defval;
    }
    opt = qemu_opt_find(opts, name);
    if (opt && opt->desc) {
        /* A driver that asks for another type than it described is wrong. */
        assert(opt->desc->type == type);
        return opt->value;
    }
    /* Without descriptions the type is known only now, and may not fit. */
    if (opt) {
        return opt_parse_value(name, type, opt->str, &value, NULL) ? value
                                                                   : defval;
    }
    str = opt_default(opts, name);
    if (!str) {
        return defval;
    }
    /* The default is the program's own, so a bad one is a bug. */
    opt_parse_value(name, type, str, &value, &error_abort);
    return value;
}

bool qemu_opt_get_bool(QemuOpts *opts, const char *name, bool defval)
{
    QemuOptValue value = { .boolean = defval };

    return opt_get_value(opts, name, QEMU_OPT_BOOL, value).boolean;
}

uint64_t qemu_opt_get_number(QemuOpts *opts, const char *name, uint64_t defval)
{
    QemuOptValue value = { .uint = defval };

    return opt_get_value(opts, name, QEMU_OPT_NUMBER, value).uint;
}

uint64_t qemu_opt_get_size(QemuOpts *opts, const char *name, uint64_t defval)
{
    QemuOptValue value = { .uint = defval };

    return opt_get_value(opts, name, QEMU_OPT_SIZE, value).uint;
}

bool qemu_opt_get_bool_del(QemuOpts *opts, const char *name, bool defval)
{
    bool value = qemu_opt_get_bool(opts, name, defval);

    qemu_opt_unset(opts, name);
    return value;
}

uint64_t qemu_opt_get_size_del(QemuOpts *opts, const char *name,
                               uint64_t defval)
{
    uint64_t value = qemu_opt_get_size(opts, name, defval);

    qemu_opt_unset(opts, name);
    return value;
}
