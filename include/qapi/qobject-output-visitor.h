/* SPDX-License-Identifier: MIT */
/*
 * A visitor that describes an object as a QObject.
 *
 * Invariants: members stand in the order of the schema; optional members that
 * the object lacks are left out.  All functions are plain.
 */
#ifndef QAPI_QOBJECT_OUTPUT_VISITOR_H
#define QAPI_QOBJECT_OUTPUT_VISITOR_H

#include "qapi/visitor.h"

/*
 * A new visitor.  visit_complete(v, result) stores the description in *result,
 * a reference that the caller owns; what was not handed over is freed with the
 * visitor.
 */
Visitor *qobject_output_visitor_new(QObject **result);

#endif
