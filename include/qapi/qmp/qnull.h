/* SPDX-License-Identifier: MIT */
/*
 * QNull: JSON's null.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QNULL_H
#define QAPI_QMP_QNULL_H

#include "qapi/qmp/qobject.h"

struct QNull {
    QObjectBase base;
};

/* A new null; the caller owns the reference. */
QNull *qnull(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QNull, qobject_destroy_ref)

#endif
