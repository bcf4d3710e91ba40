/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the option lists.
 *
 * Invariants: `head` of a set holds the settings in the order in which they
 * were made; `desc` is the description that counts, NULL only where the list
 * has none at all; `str` is the value as it was given, `value` what it means
 * for the described type.
 */
#ifndef UTIL_OPTION_INTERNAL_H
#define UTIL_OPTION_INTERNAL_H

#include "qemu/option.h"

typedef union QemuOptValue {
    bool boolean;
    uint64_t uint;
} QemuOptValue;

struct QemuOpt {
    char *name;
    char *str;
    const QemuOptDesc *desc;
    QemuOptValue value;
    QTAILQ_ENTRY(QemuOpt) next;
};

struct QemuOpts {
    char *id;
    QemuOptsList *list;
    QTAILQ_HEAD(, QemuOpt) head;
    QTAILQ_ENTRY(QemuOpts) next;
};

/* The description of @name, or NULL. */
const QemuOptDesc *opt_desc_find(const QemuOptDesc *desc, const char *name);

/* True for a list without descriptions. */
bool opts_accepts_any(const QemuOptsList *list);

/* Remove one setting. */
void opt_remove(QemuOpts *opts, QemuOpt *opt);

/*
 * Parse @str as @type into @value.  False and an error that names @name when
 * it is not of that type.
 */
bool opt_parse_value(const char *name, enum QemuOptType type, const char *str,
                     QemuOptValue *value, Error **errp);

/*
 * Take the first item of @p, which is not empty, apart into two new strings.
 * A bare word is the value of @implied or, when that is NULL, a name whose
 * *@value is NULL.  Returns the next item.
 */
const char *opt_next_item(const char *p, const char *implied, char **name,
                          char **value);

#endif
