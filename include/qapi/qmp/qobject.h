/* SPDX-License-Identifier: MIT */
/*
 * QObject: the reference-counted base of the values that options and JSON are
 * made of.
 *
 * Invariants:
 *  - Every subtype (QNull, QNum, QString, QDict, QList, QBool) begins with the
 *    member `base`, so that a pointer to it is a pointer to its QObject.
 *  - An object is born with one reference, which its creator owns.  The last
 *    qobject_unref() destroys it and drops the references that it holds.
 *  - Reference counts are not atomic: an object belongs to one thread.
 *  - No cycles: an object must not come to contain itself.
 *
 * All functions here are plain: they never yield and may be called inside and
 * outside coroutines.  Memory exhaustion aborts, as in GLib.
 */
#ifndef QAPI_QMP_QOBJECT_H
#define QAPI_QMP_QOBJECT_H

#include "qemu/typedefs.h"

typedef enum QType {
    QTYPE_NONE,
    QTYPE_QNULL,
    QTYPE_QNUM,
    QTYPE_QSTRING,
    QTYPE_QDICT,
    QTYPE_QLIST,
    QTYPE_QBOOL,
    QTYPE__MAX,
} QType;

/*
 * How deep objects may be nested when they come from text (JSON, dotted
 * keys).  It bounds the stack that walking and destroying them takes.
 */
#define QOBJECT_MAX_DEPTH 256

/* The first member of every subtype.  Private to the QObject family. */
typedef struct QObjectBase {
    QType type;
    size_t refcnt;
} QObjectBase;

struct QObject {
    QObjectBase base;
};

/*
 * The QObject of @obj, a pointer to any subtype, without a new reference;
 * NULL for a null pointer.  Evaluates @obj once.
 */
#define QOBJECT(obj) _Generic((obj)->base, QObjectBase: (QObject *)(obj))

/* The QType of a subtype's name, for qobject_to(). */
#define QTYPE_CAST_TO_QNull   QTYPE_QNULL
#define QTYPE_CAST_TO_QNum    QTYPE_QNUM
#define QTYPE_CAST_TO_QString QTYPE_QSTRING
#define QTYPE_CAST_TO_QDict   QTYPE_QDICT
#define QTYPE_CAST_TO_QList   QTYPE_QLIST
#define QTYPE_CAST_TO_QBool   QTYPE_QBOOL

/*
 * @obj (QObject *) as a pointer to subtype @type, without a new reference;
 * NULL when it is NULL or of another type.
 */
#define qobject_to(type, obj) \
    ((type *)qobject_check_type(obj, QTYPE_CAST_TO_##type))

/* One more reference to @obj (any subtype, NULL ok); returns @obj. */
#define qobject_ref(obj) ((__typeof__(obj))qobject_ref_impl(QOBJECT(obj)))

/* Drops one reference to @obj (any subtype); NULL is ignored. */
#define qobject_unref(obj) qobject_unref_impl(QOBJECT(obj))

/* Bodies of the macros above; use the macros. */
QObject *qobject_check_type(const QObject *obj, QType type);
QObject *qobject_ref_impl(QObject *obj);
void qobject_unref_impl(QObject *obj);

/*
 * For the subtypes' constructors: @size zeroed bytes that begin with a QObject
 * of @type, whose one reference is the caller's.
 */
void *qobject_alloc(QType type, size_t size);

/* The type of @obj, which must not be NULL. */
QType qobject_type(const QObject *obj);

/*
 * Whether @x and @y are the same value: of one type, numbers by value whatever
 * their representation, lists item by item, dicts key by key in any order.
 * Two NULL pointers are equal.
 */
bool qobject_is_equal(const QObject *x, const QObject *y);

/*
 * A scalar as a user would write it in an option, in a new string; NULL for
 * dicts, lists and null, which are no values of options.
 */
char *qobject_scalar_text(const QObject *obj);

/* The same as qobject_unref(), as a function (for g_autoptr and callbacks). */
static inline void qobject_destroy_ref(void *obj)
{
    qobject_unref_impl((QObject *)obj);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QObject, qobject_destroy_ref)

#endif
