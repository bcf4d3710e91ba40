/* SPDX-License-Identifier: MIT */
/*
 * Options of creation: values that are worth trying, and what QAPI makes of
 * them.
 */
#ifndef HARNESS_CREATE_OPTIONS_H
#define HARNESS_CREATE_OPTIONS_H

#include "harness.h"
#include "qapi/qapi-types-block-core.h"
#include "qemu/option.h"

/*
 * Values of an option: those that may mean something, and some that do not;
 * strings, g_ptr_array_unref().
 */
GPtrArray *create_option_values(const QemuOptDesc *desc);

/*
 * An image of @size bytes on the node @node: the user's options and, where
 * these do not say otherwise, those of @more (or NULL), under the schema's
 * names.  Names that its structure has under no name are appended to @omitted.
 * With @words, a word is taken in other capitals if the schema does not have it
 * in these.  NULL with @errp set if the schema refuses one of them;
 * qapi_free_BlockdevCreateOptions().
 */
BlockdevCreateOptions *create_qapi_options(const Harness *h, const char *node,
                                           int64_t size, const char *more,
                                           bool words, GString *omitted,
                                           Error **errp);

#endif
