/* SPDX-License-Identifier: MIT */
/*
 * blkdebug: its rules from a configuration file and from options.
 *
 * A file has sections `[inject-error]` and `[set-state]`, with an identifier
 * if wanted (`[set-state "first"]`), and lines `key = "value"` below them, a
 * rule each section.  Options have an array of each name, or one rule without
 * an index.
 *
 * Invariants:
 *   - All sections are read and their values found to be of the right types
 *     before the first rule is made.
 *   - The rules of the file come before those of the options.
 */
#include "qemu/osdep.h"
#include "blkdebug.h"
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/util.h"
#include "qemu/option.h"

static QemuOptsList inject_error_opts = {
    .name = "inject-error",
    .head = QTAILQ_HEAD_INITIALIZER(inject_error_opts.head),
    .desc = {
        { .name = "event", .type = QEMU_OPT_STRING },
        { .name = "state", .type = QEMU_OPT_NUMBER },
        { .name = "iotype", .type = QEMU_OPT_STRING },
        { .name = "errno", .type = QEMU_OPT_NUMBER },
        { .name = "sector", .type = QEMU_OPT_NUMBER },
        { .name = "once", .type = QEMU_OPT_BOOL },
        { .name = "immediately", .type = QEMU_OPT_BOOL },
        { .name = "skip", .type = QEMU_OPT_NUMBER },
        { /* end of list */ }
    },
};

static QemuOptsList set_state_opts = {
    .name = "set-state",
    .head = QTAILQ_HEAD_INITIALIZER(set_state_opts.head),
    .desc = {
        { .name = "event", .type = QEMU_OPT_STRING },
        { .name = "state", .type = QEMU_OPT_NUMBER },
        { .name = "new_state", .type = QEMU_OPT_NUMBER },
        { /* end of list */ }
    },
};

/* The sections of one kind, in the order in which they came. */
typedef struct Sections {
    QemuOptsList *list;
    int (*fill)(BlkdebugRule *rule, QemuOpts *opts, Error **errp);
    GPtrArray *sets;        /* of QemuOpts */
} Sections;

enum { KIND_INJECT_ERROR, KIND_SET_STATE, KIND__MAX };

static void delete_section(void *opts)
{
    qemu_opts_del(opts);
}

/* An identifier that is used twice is an error of qemu_opts_create(). */
static QemuOpts *add_section(Sections *sections, const char *id, Error **errp)
{
    QemuOpts *opts = qemu_opts_create(sections->list, id, true, errp);

    if (opts) {
        g_ptr_array_add(sections->sets, opts);
    }
    return opts;
}

/* ---- sections of a file ------------------------------------------------- */

/* `[name]` or `[name "id"]`.  NULL with @errp set. */
static QemuOpts *read_heading(Sections *kinds, const char *line, Error **errp)
{
    g_autofree char *name = g_strndup(line + 1, strcspn(line + 1, "]\r\n"));
    g_autofree char *id = NULL;
    char *quote = strstr(name, " \"");

    if (quote) {
        id = g_strndup(quote + 2, strcspn(quote + 2, "\""));
        *quote = '\0';
    }
    for (int i = 0; i < KIND__MAX; i++) {
        if (!strcmp(name, kinds[i].list->name)) {
            return add_section(&kinds[i], id, errp);
        }
    }
    error_setg(errp, "There is no option group '%s'", name);
    return NULL;
}

/* `key = "value"`; what is not quoted is no value.  0 or -EINVAL. */
static int read_setting(QemuOpts *opts, const char *line, Error **errp)
{
    static const char blank[] = " \t\r\n\v\f";
    const char *word = line + strspn(line, blank);
    size_t length = strcspn(word, blank);
    g_autofree char *key = g_strndup(word, length);
    g_autofree char *value = NULL;
    const char *rest = word + length;

    if (length == 0) {
        error_setg(errp, "parse error");
        return -EINVAL;
    }
    if (!opts) {
        error_setg(errp, "no group defined");
        return -EINVAL;
    }
    rest += strspn(rest, blank);
    rest += *rest == '=';
    rest += strspn(rest, blank);
    if (rest > word + length && *rest == '"') {
        value = g_strndup(rest + 1, strcspn(rest + 1, "\"\n"));
    }
    return qemu_opt_set(opts, key, value ?: "", errp) ? 0 : -EINVAL;
}

/* A line of the file; *@opts is the section that it is in, NULL for none. */
static int read_line(Sections *kinds, const char *line, QemuOpts **opts,
                     Error **errp)
{
    if (*line == '#' || *line == '\r' || *line == '\n') {
        return 0;
    }
    if (*line == '[') {
        *opts = read_heading(kinds, line, errp);
        return *opts ? 0 : -EINVAL;
    }
    return read_setting(*opts, line, errp);
}

/*
 * Read whole before any rule is made, so that a mistake at the end leaves none.
 */
static int read_file(Sections *kinds, const char *config, Error **errp)
{
    FILE *file = fopen(config, "re");
    QemuOpts *opts = NULL;
    char *line = NULL;
    size_t size = 0;
    int ret = 0;

    if (!file) {
        ret = -errno;
        error_setg_errno(errp, -ret, "Could not read blkdebug config file");
        return ret;
    }
    while (ret >= 0 && getline(&line, &size, file) >= 0) {
        ret = read_line(kinds, line, &opts, errp);
    }
    if (ret >= 0 && ferror(file)) {
        ret = -errno;
        error_setg_errno(errp, -ret, "Cannot read config file");
    }
    free(line);
    fclose(file);
    return ret;
}

/* ---- sections of options ------------------------------------------------ */

static int refuse_rest(const QDict *rest, const char *what,
                       const char *section, Error **errp)
{
    const QDictEntry *e = qdict_first(rest);

    if (e) {
        error_setg(errp, "%s option '%s' for [%s]", what,
                   qdict_entry_key(e), section);
        return -EINVAL;
    }
    return 0;
}

/* An element of an array. */
static int read_element(Sections *sections, QObject *value, int index,
                        Error **errp)
{
    const char *name = sections->list->name;
    QDict *element = qobject_to(QDict, value);
    Error *local_err = NULL;
    QemuOpts *opts;

    if (!element) {
        error_setg(errp, "[%s] section (index %d) does not consist of keys",
                   name, index);
        return -EINVAL;
    }
    opts = add_section(sections, NULL, errp);
    qemu_opts_absorb_qdict(opts, element, &local_err);
    if (!local_err && qdict_size(element)) {
        error_setg(&local_err, "[%s] section doesn't support the option '%s'",
                   name, qdict_entry_key(qdict_first(element)));
    }
    error_propagate(errp, local_err);
    return local_err ? -EINVAL : 0;
}

/* Takes those of the list's name out of @options.  0 or -EINVAL. */
static int read_options(Sections *sections, QDict *options, Error **errp)
{
    const char *name = sections->list->name;
    g_autofree char *prefix = g_strdup_printf("%s.", name);
    g_autoptr(QDict) members = NULL;
    g_autoptr(QList) array = NULL;
    const QListEntry *e;
    QemuOpts *opts;
    size_t count;
    int index = 0;

    qdict_extract_subqdict(options, &members, prefix);
    count = qdict_size(members);
    if (count == 0) {
        return 0;
    }
    opts = bdrv_absorb_options(sections->list, members, errp);
    if (!opts) {
        return -EINVAL;
    }
    if (qdict_size(members) < count) {
        g_ptr_array_add(sections->sets, opts);
        return refuse_rest(members, "Unknown", name, errp);
    }
    qemu_opts_del(opts);
    qdict_array_split(members, &array);
    if (qlist_empty(array)) {
        return refuse_rest(members, "Unused", name, errp);
    }
    QLIST_FOREACH_ENTRY(array, e) {
        if (read_element(sections, qlist_entry_obj(e), index++, errp) < 0) {
            return -EINVAL;
        }
    }
    return refuse_rest(members, "Unknown", name, errp);
}

/* ---- rules -------------------------------------------------------------- */

/*
 * Without iotype all requests that QEMU's blkdebug knows are meant; the types
 * that came later have to be named.
 */
static int fill_inject_error(BlkdebugRule *rule, QemuOpts *opts, Error **errp)
{
    const char *iotype = qemu_opt_get(opts, "iotype");
    uint64_t error = qemu_opt_get_number(opts, "errno", EIO);
    int64_t sector = qemu_opt_get_number(opts, "sector", -1);
    const int64_t size = BDRV_SECTOR_SIZE;

    rule->action = BLKDEBUG_INJECT_ERROR;
    rule->iotypes = 1u << BLKDEBUG_IO_TYPE_READ |
                    1u << BLKDEBUG_IO_TYPE_WRITE |
                    1u << BLKDEBUG_IO_TYPE_WRITE_ZEROES |
                    1u << BLKDEBUG_IO_TYPE_DISCARD |
                    1u << BLKDEBUG_IO_TYPE_FLUSH;
    if (iotype) {
        int type = qapi_enum_parse(&BlkdebugIOType_lookup, iotype, -1, errp);

        if (type < 0) {
            return -EINVAL;
        }
        rule->iotypes = 1u << type;
    }
    if (error > INT_MAX) {
        error_setg(errp, "errno must be between 0 and %d", INT_MAX);
        return -EINVAL;
    }
    rule->error = error;
    rule->anywhere = sector == -1;
    /* A sector that cannot be is in no request. */
    rule->offset = sector >= 0 && sector <= INT64_MAX / size ? sector * size
                                                             : -1;
    rule->once = qemu_opt_get_bool(opts, "once", false);
    rule->immediately = qemu_opt_get_bool(opts, "immediately", false);
    rule->skip = qemu_opt_get_number(opts, "skip", 0);
    return 0;
}

static int fill_set_state(BlkdebugRule *rule, QemuOpts *opts, Error **errp)
{
    rule->action = BLKDEBUG_SET_STATE;
    rule->new_state = qemu_opt_get_number(opts, "new_state", 0);
    return 0;
}

static int fill_rule(BlkdebugRule *rule, QemuOpts *opts, Error **errp)
{
    const char *name = qemu_opt_get(opts, "event");
    int event;

    if (!name) {
        error_setg(errp, "Missing event name for rule");
        return -EINVAL;
    }
    event = qapi_enum_parse(&BlkdebugEvent_lookup, name, -1, errp);
    if (event < 0) {
        return -EINVAL;
    }
    rule->event = event;
    rule->state = qemu_opt_get_number(opts, "state", 0);
    return 0;
}

static int add_rules(BlkdebugRules *rules, const Sections *sections,
                     Error **errp)
{
    for (guint i = 0; i < sections->sets->len; i++) {
        g_autofree BlkdebugRule *rule = g_new0(BlkdebugRule, 1);
        QemuOpts *opts = g_ptr_array_index(sections->sets, i);

        if (fill_rule(rule, opts, errp) < 0 ||
            sections->fill(rule, opts, errp) < 0) {
            return -EINVAL;
        }
        blkdebug_rules_add(rules, g_steal_pointer(&rule));
    }
    return 0;
}

int blkdebug_read_rules(BlkdebugRules *rules, const char *config,
                        QDict *options, Error **errp)
{
    Sections kinds[KIND__MAX] = {
        [KIND_INJECT_ERROR] = { &inject_error_opts, fill_inject_error },
        [KIND_SET_STATE] = { &set_state_opts, fill_set_state },
    };
    int ret;

    for (int i = 0; i < KIND__MAX; i++) {
        kinds[i].sets = g_ptr_array_new_with_free_func(delete_section);
    }
    ret = config ? read_file(kinds, config, errp) : 0;
    for (int i = 0; ret >= 0 && i < KIND__MAX; i++) {
        ret = read_options(&kinds[i], options, errp);
    }
    for (int i = 0; ret >= 0 && i < KIND__MAX; i++) {
        ret = add_rules(rules, &kinds[i], errp);
    }
    for (int i = 0; i < KIND__MAX; i++) {
        g_ptr_array_unref(kinds[i].sets);
    }
    return ret;
}
