/* SPDX-License-Identifier: MIT */
/*
 * The callbacks that a visitor implements.
 *
 * Invariants: the functions in qapi/visitor.h do what is the same for all
 * visitors (allocation, ranges, enumerations) and call these for the rest.
 * Rules for names, results and errors are as there.  A function that may be
 * NULL says so.
 */
#ifndef QAPI_VISITOR_IMPL_H
#define QAPI_VISITOR_IMPL_H

#include "qapi/visitor.h"

typedef struct VisitorOps {
    /* Whether the visitor fills objects. */
    bool is_input;

    bool (*start_struct)(Visitor *v, const char *name, Error **errp);
    /* NULL: there is nothing to check. */
    bool (*check_struct)(Visitor *v, Error **errp);
    void (*end_struct)(Visitor *v);

    bool (*start_list)(Visitor *v, const char *name, Error **errp);
    /* Input: steps on; false at the end.  NULL for output. */
    bool (*next_list)(Visitor *v);
    void (*end_list)(Visitor *v);

    /* Input: finds the kind of the value.  NULL for output. */
    bool (*start_alternate)(Visitor *v, const char *name, QType *type,
                            Error **errp);
    /* Input: whether there is such a key.  NULL for output. */
    bool (*has_member)(Visitor *v, const char *name);
    /* Input: the path to a name, for errors; to be freed.  NULL for output. */
    char *(*path)(Visitor *v, const char *name);

    bool (*type_int64)(Visitor *v, const char *name, int64_t *obj,
                       Error **errp);
    bool (*type_uint64)(Visitor *v, const char *name, uint64_t *obj,
                        Error **errp);
    bool (*type_size)(Visitor *v, const char *name, uint64_t *obj,
                      Error **errp);
    bool (*type_bool)(Visitor *v, const char *name, bool *obj, Error **errp);
    /* Input: *obj is a copy that the caller owns. */
    bool (*type_str)(Visitor *v, const char *name, char **obj, Error **errp);
    bool (*type_null)(Visitor *v, const char *name, QNull **obj,
                      Error **errp);

    /* NULL: there is nothing to hand over. */
    void (*complete)(Visitor *v, void *opaque);
    void (*free)(Visitor *v);
} VisitorOps;

/* First member of every visitor. */
struct Visitor {
    const VisitorOps *ops;
};

#endif
