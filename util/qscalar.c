/* SPDX-License-Identifier: MIT */
/*
 * The small QObjects: null, booleans and strings.
 *
 * Invariant: none of them changes after it was made.
 */
#include "qemu/osdep.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qstring.h"

QNull *qnull(void)
{
    return qobject_alloc(QTYPE_QNULL, sizeof(QNull));
}

QBool *qbool_from_bool(bool value)
{
    QBool *qb = qobject_alloc(QTYPE_QBOOL, sizeof(*qb));

    qb->value = value;
    return qb;
}

bool qbool_get_bool(const QBool *qb)
{
    return qb->value;
}

QString *qstring_take_str(char *str)
{
    QString *qs = qobject_alloc(QTYPE_QSTRING, sizeof(*qs));

    assert(str);
    qs->string = str;
    return qs;
}

QString *qstring_from_str(const char *str)
{
    return qstring_take_str(g_strdup(str));
}

const char *qstring_get_str(const QString *qs)
{
    return qs->string;
}

const char *qobject_get_try_str(const QObject *obj)
{
    QString *qs = qobject_to(QString, obj);

    return qs ? qs->string : NULL;
}
