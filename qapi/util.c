/* SPDX-License-Identifier: MIT */
/*
 * Enumerations by name.
 *
 * Invariants: no state; tables are generated from the schema.
 */
#include "qemu/osdep.h"
#include "qapi/util.h"
#include "minblk/suggest.h"
#include "qapi/error.h"

const char *qapi_enum_lookup(const QEnumLookup *lookup, int val)
{
    assert(val >= 0 && val < lookup->size);
    return lookup->array[val];
}

int qapi_enum_parse(const QEnumLookup *lookup, const char *buf, int def,
                    Error **errp)
{
    ERRP_GUARD();
    g_autofree char *hint = NULL;
    int i;

    if (!buf) {
        return def;
    }
    for (i = 0; i < lookup->size; i++) {
        if (strcmp(buf, lookup->array[i]) == 0) {
            return i;
        }
    }
    hint = suggest_values(buf, lookup->array, lookup->size);
    error_setg(errp, "invalid parameter value: %s", buf);
    error_append_hint(errp, "%s", hint);
    return def;
}
