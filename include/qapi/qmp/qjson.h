/* SPDX-License-Identifier: MIT */
/*
 * JSON text from and to QObjects.
 *
 * Read: RFC 8259, UTF-8, and strings in single quotes besides.  Integers are
 * exact in the range of int64_t and refused beyond it; numbers with a fraction
 * or exponent are doubles.  Refused: a key that occurs twice in an object,
 * nesting deeper than QOBJECT_MAX_DEPTH, the character U+0000.
 *
 * Written: ASCII only (\uXXXX for the rest), members in the dict's order.
 * Bytes that are not UTF-8 become U+FFFD; a double that is not finite, null.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QJSON_H
#define QAPI_QMP_QJSON_H

#include "qapi/qmp/qobject.h"

/*
 * The one JSON value that @string holds, blanks around it allowed.  Returns a
 * new reference, or NULL with @errp set.
 */
QObject *qobject_from_json(const char *string, Error **errp);

/*
 * @obj as JSON on one line, ", " between members and ": " after keys.  The
 * caller owns the new string.
 */
QString *qobject_to_json(const QObject *obj);

/*
 * @obj as JSON, one member a line, indented by four spaces a level, without a
 * newline at the end.  The caller owns the new string.
 */
QString *qobject_to_json_pretty(const QObject *obj);

#endif
