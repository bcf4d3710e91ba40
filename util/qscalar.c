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
    QNull *qn = g_new0(QNull, 1);

    qobject_init(&qn->base, QTYPE_QNULL);
    return qn;
}

QBool *qbool_from_bool(bool value)
{
    QBool *qb = g_new0(QBool, 1);

    qobject_init(&qb->base, QTYPE_QBOOL);
    qb->value = value;
    return qb;
}

bool qbool_get_bool(const QBool *qb)
{
    return qb->value;
}

QString *qstring_take_str(char *str)
{
    QString *qs = g_new0(QString, 1);

    assert(str);
    qobject_init(&qs->base, QTYPE_QSTRING);
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
