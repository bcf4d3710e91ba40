/* SPDX-License-Identifier: MIT */
/*
 * QNum: a number, kept exactly as it was given: int64_t, uint64_t or double.
 *
 * Integers convert to the other integer kind where the value fits; a double
 * never converts to an integer.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QNUM_H
#define QAPI_QMP_QNUM_H

#include "qapi/qmp/qobject.h"

typedef enum QNumKind {
    QNUM_I64,
    QNUM_U64,
    QNUM_DOUBLE,
} QNumKind;

struct QNum {
    QObjectBase base;
    QNumKind kind;
    union {
        int64_t i64;
        uint64_t u64;
        double dbl;
    } u;
};

/* A new number; the caller owns the reference. */
QNum *qnum_from_int(int64_t value);
QNum *qnum_from_uint(uint64_t value);
QNum *qnum_from_double(double value);

/* True and *val set when @qn is an integer that fits; else *val is kept. */
bool qnum_get_try_int(const QNum *qn, int64_t *val);
bool qnum_get_try_uint(const QNum *qn, uint64_t *val);

/*
 * The number in decimal, locale-independent: integers exactly, doubles with
 * the digits it takes to read them back unchanged.  The caller frees it.
 */
char *qnum_to_string(const QNum *qn);

/* Whether two numbers are the same value; an integer never equals a double. */
bool qnum_is_equal(const QNum *x, const QNum *y);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QNum, qobject_destroy_ref)

#endif
