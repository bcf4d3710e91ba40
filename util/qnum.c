/* SPDX-License-Identifier: MIT */
/*
 * Numbers: int64_t, uint64_t or double, as they were given.
 *
 * Invariant: `kind` says which member of `u` is valid; neither ever changes.
 */
#include "qemu/osdep.h"
#include "qapi/qmp/qnum.h"

static QNum *qnum_new(QNumKind kind)
{
    QNum *qn = qobject_alloc(QTYPE_QNUM, sizeof(*qn));

    qn->kind = kind;
    return qn;
}

QNum *qnum_from_int(int64_t value)
{
    QNum *qn = qnum_new(QNUM_I64);

    qn->u.i64 = value;
    return qn;
}

QNum *qnum_from_uint(uint64_t value)
{
    QNum *qn = qnum_new(QNUM_U64);

    qn->u.u64 = value;
    return qn;
}

QNum *qnum_from_double(double value)
{
    QNum *qn = qnum_new(QNUM_DOUBLE);

    qn->u.dbl = value;
    return qn;
}

bool qnum_get_try_int(const QNum *qn, int64_t *val)
{
    if (qn->kind == QNUM_I64) {
        *val = qn->u.i64;
        return true;
    }
    if (qn->kind == QNUM_U64 && qn->u.u64 <= INT64_MAX) {
        *val = qn->u.u64;
        return true;
    }
    return false;
}

bool qnum_get_try_uint(const QNum *qn, uint64_t *val)
{
    if (qn->kind == QNUM_U64) {
        *val = qn->u.u64;
        return true;
    }
    if (qn->kind == QNUM_I64 && qn->u.i64 >= 0) {
        *val = qn->u.i64;
        return true;
    }
    return false;
}

char *qnum_to_string(const QNum *qn)
{
    char buf[G_ASCII_DTOSTR_BUF_SIZE];
    bool integer;

    if (qn->kind == QNUM_I64) {
        return g_strdup_printf("%" PRId64, qn->u.i64);
    }
    if (qn->kind == QNUM_U64) {
        return g_strdup_printf("%" PRIu64, qn->u.u64);
    }
    /* 17 significant digits suffice for every double, 15 for most. */
    g_ascii_formatd(buf, sizeof(buf), "%.15g", qn->u.dbl);
    if (g_ascii_strtod(buf, NULL) != qn->u.dbl) {
        g_ascii_formatd(buf, sizeof(buf), "%.17g", qn->u.dbl);
    }
    /* With a point, so that a double reads back as one. */
    integer = buf[strspn(buf, "-0123456789")] == '\0';
    return g_strconcat(buf, integer ? ".0" : "", NULL);
}

bool qnum_is_equal(const QNum *x, const QNum *y)
{
    int64_t x_int, y_int;

    if (x->kind == QNUM_DOUBLE || y->kind == QNUM_DOUBLE) {
        return x->kind == y->kind && x->u.dbl == y->u.dbl;
    }
    if (qnum_get_try_int(x, &x_int)) {
        return qnum_get_try_int(y, &y_int) && x_int == y_int;
    }
    /* Only a uint64_t beyond int64_t comes here. */
    return y->kind == QNUM_U64 && x->u.u64 == y->u.u64;
}
