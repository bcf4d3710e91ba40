/* SPDX-License-Identifier: MIT */
/*
 * QBool: JSON's true and false.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QBOOL_H
#define QAPI_QMP_QBOOL_H

#include "qapi/qmp/qobject.h"

struct QBool {
    QObjectBase base;
    bool value;
};

/* A new QBool; the caller owns the reference. */
QBool *qbool_from_bool(bool value);

/* The value that it was made with. */
bool qbool_get_bool(const QBool *qb);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QBool, qobject_destroy_ref)

#endif
