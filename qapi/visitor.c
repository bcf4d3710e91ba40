/* SPDX-License-Identifier: MIT */
/*
 * Visitors: what is the same for all of them.
 *
 * Invariants: memory is allocated here and nowhere else, zeroed, and only when
 * the visitor has accepted the value; integers narrower than 64 bits are
 * checked here, because no visitor knows of any.
 */
#include "qemu/osdep.h"
#include "minblk/suggest.h"
#include "qapi/error.h"
#include "qapi/visitor-impl.h"

void visit_free(Visitor *v)
{
    if (v) {
        v->ops->free(v);
    }
}

void visit_complete(Visitor *v, void *opaque)
{
    if (v->ops->complete) {
        v->ops->complete(v, opaque);
    }
}

bool visit_is_input(const Visitor *v)
{
    return v->ops->is_input;
}

bool visit_start_struct(Visitor *v, const char *name, void **obj, size_t size,
                        Error **errp)
{
    bool alloc = obj && visit_is_input(v);

    /* Set in any case, so that the caller may free it whatever happens. */
    if (alloc) {
        *obj = NULL;
    }
    /* An output visitor describes an object that is there. */
    assert(!obj || alloc || *obj);
    if (!v->ops->start_struct(v, name, errp)) {
        return false;
    }
    if (alloc) {
        *obj = g_malloc0(size);
    }
    return true;
}

bool visit_check_struct(Visitor *v, Error **errp)
{
    return !v->ops->check_struct || v->ops->check_struct(v, errp);
}

void visit_end_struct(Visitor *v)
{
    v->ops->end_struct(v);
}

bool visit_start_list(Visitor *v, const char *name, void **list, Error **errp)
{
    if (visit_is_input(v)) {
        *list = NULL;
    }
    return v->ops->start_list(v, name, errp);
}

bool visit_next_list(Visitor *v, void **tail, size_t size)
{
    /* For output *tail is the next element already, or the end. */
    if (visit_is_input(v) && v->ops->next_list(v)) {
        *tail = g_malloc0(size);
    }
    return *tail;
}

void visit_end_list(Visitor *v)
{
    v->ops->end_list(v);
}

bool visit_start_alternate(Visitor *v, const char *name, void **obj,
                           size_t size, QType *type, Error **errp)
{
    /*
     * Nothing to begin: what is described is the branch, under the same name.
     */
    if (!visit_is_input(v)) {
        assert(*obj);
        return true;
    }
    *obj = NULL;
    if (!v->ops->start_alternate(v, name, type, errp)) {
        return false;
    }
    *obj = g_malloc0(size);
    return true;
}

void visit_wrong_type(Visitor *v, const char *name, const char *expected,
                      Error **errp)
{
    g_autofree char *path = NULL;

    assert(visit_is_input(v));
    path = v->ops->path(v, name);
    error_setg(errp, "Invalid parameter type for '%s', expected: %s", path,
               expected);
}

bool visit_optional(Visitor *v, const char *name, bool *present)
{
    if (visit_is_input(v)) {
        *present = v->ops->has_member(v, name);
    }
    return *present;
}

bool visit_nullable(Visitor *v, const char *name, const void *value,
                    bool *present)
{
    return visit_is_input(v) ? visit_optional(v, name, present) : value != NULL;
}

bool visit_type_enum(Visitor *v, const char *name, int *obj,
                     const QEnumLookup *lookup, Error **errp)
{
    ERRP_GUARD();
    g_autofree char *hint = NULL;
    g_autofree char *text = NULL;
    g_autofree char *path = NULL;
    int value;

    if (!visit_is_input(v)) {
        text = g_strdup(qapi_enum_lookup(lookup, *obj));
        return v->ops->type_str(v, name, &text, errp);
    }
    if (!v->ops->type_str(v, name, &text, errp)) {
        return false;
    }
    /* Its own error would not say which parameter it is about. */
    value = qapi_enum_parse(lookup, text, -1, NULL);
    if (value < 0) {
        path = v->ops->path(v, name);
        hint = suggest_values(text, lookup->array, lookup->size);
        error_setg(errp, "Parameter '%s' does not accept value '%s'", path,
                   text);
        error_append_hint(errp, "%s", hint);
        return false;
    }
    *obj = value;
    return true;
}

bool visit_type_int(Visitor *v, const char *name, int64_t *obj, Error **errp)
{
    return v->ops->type_int64(v, name, obj, errp);
}

bool visit_type_uint32(Visitor *v, const char *name, uint32_t *obj,
                       Error **errp)
{
    uint64_t value = *obj;
    g_autofree char *path = NULL;

    if (!v->ops->type_uint64(v, name, &value, errp)) {
        return false;
    }
    if (value > UINT32_MAX) {
        path = v->ops->path(v, name);
        error_setg(errp, "Parameter '%s' expects uint32_t", path);
        return false;
    }
    *obj = value;
    return true;
}

bool visit_type_uint64(Visitor *v, const char *name, uint64_t *obj,
                       Error **errp)
{
    return v->ops->type_uint64(v, name, obj, errp);
}

bool visit_type_size(Visitor *v, const char *name, uint64_t *obj,
                     Error **errp)
{
    return v->ops->type_size(v, name, obj, errp);
}

bool visit_type_bool(Visitor *v, const char *name, bool *obj, Error **errp)
{
    return v->ops->type_bool(v, name, obj, errp);
}

bool visit_type_str(Visitor *v, const char *name, char **obj, Error **errp)
{
    if (visit_is_input(v)) {
        *obj = NULL;
    }
    return v->ops->type_str(v, name, obj, errp);
}

bool visit_type_null(Visitor *v, const char *name, QNull **obj, Error **errp)
{
    if (visit_is_input(v)) {
        *obj = NULL;
    }
    return v->ops->type_null(v, name, obj, errp);
}
