/* SPDX-License-Identifier: MIT */
/*
 * Enumerations by name.
 *
 * Invariants: a table has an entry for each value from 0 to size - 1, without
 * gaps; the strings are constants of the program.
 */
#ifndef QAPI_UTIL_H
#define QAPI_UTIL_H

#include "qemu/typedefs.h"

/* The names of an enumeration: value v is called array[v]. */
struct QEnumLookup {
    const char *const *array;
    int size;
};

/* The name of @val, which must be in range (asserted).  Plain. */
const char *qapi_enum_lookup(const QEnumLookup *lookup, int val);

/*
 * The value called @buf; @def if @buf is NULL.  For an unknown name sets @errp
 * and returns @def.  Plain.
 */
int qapi_enum_parse(const QEnumLookup *lookup, const char *buf, int def,
                    Error **errp);

#endif
