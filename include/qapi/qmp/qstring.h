/* SPDX-License-Identifier: MIT */
/*
 * QString: an immutable, NUL-terminated string; usually UTF-8, but file names
 * may be any bytes.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QSTRING_H
#define QAPI_QMP_QSTRING_H

#include "qapi/qmp/qobject.h"

struct QString {
    QObjectBase base;
    char *string;
};

/* A new string with a copy of @str; the caller owns the reference. */
QString *qstring_from_str(const char *str);

/* As qstring_from_str(), but takes over @str, which came from g_malloc(). */
QString *qstring_take_str(char *str);

/* The characters; they live as long as @qs. */
const char *qstring_get_str(const QString *qs);

/* The characters when @obj is a QString, else NULL; @obj may be NULL. */
const char *qobject_get_try_str(const QObject *obj);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QString, qobject_destroy_ref)

#endif
