/* SPDX-License-Identifier: MIT */
/*
 * Visitors that fill objects from QObjects.
 *
 * Invariants: the QObject is not changed; the visitor holds a reference to it
 * until visit_free().  Objects that are nested deeper than VISITOR_MAX_DEPTH
 * are an error, since each level takes stack.  All functions are plain.
 */
#ifndef QAPI_QOBJECT_INPUT_VISITOR_H
#define QAPI_QOBJECT_INPUT_VISITOR_H

#include "qapi/visitor.h"

/* Most objects and lists inside each other. */
#define VISITOR_MAX_DEPTH 100

/* A visitor for typed values, as JSON has them: no string is a number. */
Visitor *qobject_input_visitor_new(QObject *obj);

/*
 * A visitor that takes a scalar in any form: the string 64M as a size, on as
 * true, the number 7 as a string.  Objects and lists have to be nested.
 */
Visitor *qobject_input_visitor_new_keyval(QObject *obj);

#endif
