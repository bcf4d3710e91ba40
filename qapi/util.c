/* SPDX-License-Identifier: MIT */
/*
 * Enumerations by name.
 *
 * Invariants: no state; tables are generated from the schema.
 */
#include "qemu/osdep.h"
#include "qapi/util.h"
#include "qapi/error.h"

const char *qapi_enum_lookup(const QEnumLookup *lookup, int val)
{
    assert(val >= 0 && val < lookup->size);
    return lookup->array[val];
}

int qapi_enum_parse(const QEnumLookup *lookup, const char *buf, int def,
                    Error **errp)
{
    int i;

    if (!buf) {
        return def;
    }
    for (i = 0; i < lookup->size; i++) {
        if (strcmp(buf, lookup->array[i]) == 0) {
            return i;
        }
    }
    error_setg(errp, "invalid parameter value: %s", buf);
    return def;
}
