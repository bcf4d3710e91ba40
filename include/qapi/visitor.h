/* SPDX-License-Identifier: MIT */
/*
 * Visitors: walk an object of a schema's type, member by member, to fill it
 * (input) or to describe it (output).
 *
 * Users make a visitor (qapi/qobject-input-visitor.h, -output-visitor.h,
 * block/qdict.h), call one generated visit_type_T() and visit_free() it.  The
 * functions below are for the generated code and for types that no schema
 * describes.
 *
 * Invariants:
 *  - name is the key in the surrounding object; NULL for an element of a list
 *    and for the root.  It has to live as long as what was started with it.
 *  - Every visit_start_struct() and visit_start_list() that succeeded is
 *    matched by its visit_end; nothing is ended that failed to start.
 *  - Functions that return bool return false exactly when they fail and set
 *    errp.  Only input visitors fail.  Their errors name the key by its path
 *    from the root: file.filename, rules[0].policy.
 *  - An input visitor writes the result only when it succeeds, except that
 *    pointers become NULL.  An output visitor changes nothing.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_VISITOR_H
#define QAPI_VISITOR_H

#include "qapi/util.h"
#include "qapi/qmp/qobject.h"

/* Ends a visitor and frees it; NULL is let pass. */
void visit_free(Visitor *v);

/*
 * Hands over what an output visitor has made; to be called once, after the
 * visit.  opaque is what the visitor was made with.  Does nothing for an input
 * visitor.
 */
void visit_complete(Visitor *v, void *opaque);

/* Whether the visitor fills objects; else it describes them. */
bool visit_is_input(const Visitor *v);

/*
 * Begins an object.  An input visitor allocates size bytes, zeroed, and stores
 * them in *obj; with obj NULL the caller has the memory already.
 */
bool visit_start_struct(Visitor *v, const char *name, void **obj, size_t size,
                        Error **errp);

/* Fails if the input has keys that were not visited; before the end. */
bool visit_check_struct(Visitor *v, Error **errp);

/* Ends the object that was begun last, also when its members failed. */
void visit_end_struct(Visitor *v);

/* Begins a list.  An input visitor sets *list, its head, to NULL. */
bool visit_start_list(Visitor *v, const char *name, void **list,
                      Error **errp);

/*
 * Steps to the next element, which *tail is or will be: an input visitor
 * allocates size bytes there.  False at the end of the list.
 */
bool visit_next_list(Visitor *v, void **tail, size_t size);

/* Ends the list that was begun last, also before its last element. */
void visit_end_list(Visitor *v);

/*
 * Begins an alternate.  An input visitor allocates size bytes, zeroed, in *obj
 * and sets *type to the kind of value that stands there; the caller then
 * visits a branch under the same name, or gives up by visit_wrong_type().
 */
bool visit_start_alternate(Visitor *v, const char *name, void **obj,
                           size_t size, QType *type, Error **errp);

/* Sets an error: the value is of a kind that @expected (a noun) is not. */
void visit_wrong_type(Visitor *v, const char *name, const char *expected,
                      Error **errp);

/*
 * Asks for an optional member.  An input visitor sets *present.  Returns
 * *present: whether to visit the member.
 */
bool visit_optional(Visitor *v, const char *name, bool *present);

/*
 * The same for a member that is a pointer, now @value: an output visitor visits
 * it if it is not NULL, whatever *present says, as its owner may have set
 * either.
 */
bool visit_nullable(Visitor *v, const char *name, const void *value,
                    bool *present);

/* Visit an enumeration's value by its name in the table. */
bool visit_type_enum(Visitor *v, const char *name, int *obj,
                     const QEnumLookup *lookup, Error **errp);

/* Visit an integer; input that does not fit is an error. */
bool visit_type_int(Visitor *v, const char *name, int64_t *obj, Error **errp);
bool visit_type_uint32(Visitor *v, const char *name, uint32_t *obj,
                       Error **errp);
bool visit_type_uint64(Visitor *v, const char *name, uint64_t *obj,
                       Error **errp);

/* Visit a number of bytes; where strings count as numbers, 64M is one. */
bool visit_type_size(Visitor *v, const char *name, uint64_t *obj,
                     Error **errp);

/* Visit true or false; where strings count, on and off are such. */
bool visit_type_bool(Visitor *v, const char *name, bool *obj, Error **errp);

/* Visit a string; input makes a copy, which belongs to the object. */
bool visit_type_str(Visitor *v, const char *name, char **obj, Error **errp);

/* Visit JSON's null; input makes a new one. */
bool visit_type_null(Visitor *v, const char *name, QNull **obj, Error **errp);

#endif
