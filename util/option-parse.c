/* SPDX-License-Identifier: MIT */
/*
 * Option texts: `a=b,c=d` taken apart, and single values parsed by type.
 *
 * A comma ends an item, but for `,,` in a value, which is a comma.  Names hold
 * no commas: after a name a comma ends the item however many follow.
 */
#include "qemu/osdep.h"
#include "option-internal.h"
#include "qapi/error.h"
#include "minblk/suggest.h"
#include "qemu/cutils.h"

static bool opt_parse_size(const char *name, const char *str, uint64_t *value,
                           Error **errp)
{
    ERRP_GUARD();
    g_autofree char *hint = suggest_size(str);

    switch (qemu_strtosz(str, NULL, value)) {
    case 0:
        return true;
    case -ERANGE:
        error_setg(errp, "Value '%s' is out of range for parameter '%s'", str,
                   name);
        error_append_hint(errp, "The limit is %" PRIu64 " bytes\n", UINT64_MAX);
        return false;
    default:
        error_setg(errp,
                   "Parameter '%s' expects a non-negative number below "
                   "2^64",
                   name);
        error_append_hint(errp, "Optional suffix k, M, G, T, P or E means "
                                "kilo-, mega-, giga-, tera-, peta-\n"
                                "and exabytes, respectively.\n%s", hint);
        return false;
    }
}

bool opt_parse_value(const char *name, enum QemuOptType type, const char *str,
                     QemuOptValue *value, Error **errp)
{
    int ret;

    switch (type) {
    case QEMU_OPT_STRING:
        return true;
    case QEMU_OPT_BOOL:
        ret = qemu_strtobool(str, &value->boolean);
        if (ret < 0) {
            error_setg(errp, "Parameter '%s' expects 'on' or 'off'", name);
        }
        return ret == 0;
    case QEMU_OPT_NUMBER:
        ret = qemu_strtou64(str, NULL, 0, &value->uint);
        if (ret == -ERANGE) {
            error_setg(errp, "Value '%s' is too large for parameter '%s'", str,
                       name);
        } else if (ret < 0) {
            error_setg(errp, "Parameter '%s' expects a number", name);
        }
        return ret == 0;
    case QEMU_OPT_SIZE:
        return opt_parse_size(name, str, &value->uint, errp);
    }
    g_assert_not_reached();
}

const char *get_opt_value(const char *p, char **value)
{
    GString *text = g_string_new(NULL);

    for (; *p && (*p != ',' || p[1] == ','); p++) {
        g_string_append_c(text, *p);
        if (*p == ',') {
            p++;
        }
    }
    *value = g_string_free(text, FALSE);
    return p;
}

bool is_help_option(const char *s)
{
    return strcmp(s, "help") == 0 || strcmp(s, "?") == 0;
}

bool has_help_option(const char *params)
{
    bool found = false;

    /* Item by item, because in `a=b,,help` the word is part of a value. */
    while (!found && *params) {
        g_autofree char *item = NULL;

        params = get_opt_value(params, &item);
        found = is_help_option(item);
        params += *params == ',';
    }
    return found;
}

bool is_valid_option_list(const char *params)
{
    size_t len = strlen(params);
    size_t commas = 0;

    /* Two at the end are one comma of a value; an odd one ends an item. */
    while (commas < len && params[len - 1 - commas] == ',') {
        commas++;
    }
    return len > 0 && params[0] != ',' && commas % 2 == 0;
}

const char *opt_next_item(const char *p, const char *implied, char **name,
                          char **value)
{
    size_t len = strcspn(p, "=,");

    if (p[len] == '=') {
        *name = g_strndup(p, len);
        p = get_opt_value(p + len + 1, value);
    } else if (implied) {
        *name = g_strdup(implied);
        p = get_opt_value(p, value);
    } else {
        *name = g_strndup(p, len);
        *value = NULL;
        p += len;
    }
    return *p == ',' ? p + 1 : p;
}

bool qemu_opts_do_parse(QemuOpts *opts, const char *params,
                        const char *firstname, Error **errp)
{
    while (*params) {
        g_autofree char *name = NULL;
        g_autofree char *value = NULL;
        const char *set;

        params = opt_next_item(params, firstname, &name, &value);
        /* Only the first value may come without its name. */
        firstname = NULL;
        set = name;
        if (!value) {
            bool off = g_str_has_prefix(name, "no");

            set = off ? name + 2 : name;
            value = g_strdup(off ? "off" : "on");
        }
        if (!qemu_opt_set(opts, set, value, errp)) {
            return false;
        }
    }
    return true;
}
