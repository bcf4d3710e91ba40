/* SPDX-License-Identifier: MIT */
/*
 * Lists of options as one string: key=value,key=value,...
 *
 * Two commas in a value stand for one.  All values are strings.  When a key
 * occurs twice, the last value counts.  The empty string is the empty list,
 * and one comma at the end is ignored.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef MINBLK_KEYVAL_H
#define MINBLK_KEYVAL_H

#include "qapi/qmp/qdict.h"

/*
 * The flat dict of @params: keys with their dots, as bdrv_open() takes them,
 * any bytes but '=' and ','.  With @implied_key, a first item without '=' is
 * that key's value; any other one is a switch, whose value is "on".
 *
 * The caller owns the result.  NULL and an error for an empty key.
 */
QDict *keyval_parse_flat(const char *params, const char *implied_key,
                         Error **errp);

#endif
