/* SPDX-License-Identifier: MIT */
/*
 * Option lists in one string, made flat dicts of strings.
 *
 * Invariant: no key is empty.  Items are taken apart as those of QemuOpts are,
 * so that both kinds of text escape their commas in the same way.
 */
#include "qemu/osdep.h"
#include "minblk/keyval.h"
#include "option-internal.h"
#include "qapi/error.h"

QDict *keyval_parse_flat(const char *params, const char *implied_key,
                         Error **errp)
{
    g_autoptr(QDict) dict = qdict_new();
    const char *pos = params;

    while (*pos) {
        g_autofree char *key = NULL;
        g_autofree char *value = NULL;

        if (*pos == '=' || *pos == ',') {
            error_setg(errp, "Option without a name at '%.32s'", pos);
            return NULL;
        }
        pos = opt_next_item(pos, implied_key, &key, &value);
        qdict_put_str(dict, key, value ? value : "on");
        implied_key = NULL;
    }
    return g_steal_pointer(&dict);
}
