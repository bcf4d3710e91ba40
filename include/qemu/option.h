/* SPDX-License-Identifier: MIT */
/*
 * Option lists: what options there are (QemuOptsList, a static table), and sets
 * of options that were given (QemuOpts), with typed access.
 *
 * A list with no descriptions accepts every name, as strings.  Any other list
 * accepts only what it describes, and a value is checked against its type when
 * it is set.  Of repeated settings the last counts.  A getter answers what was
 * set, else the description's default, else its own argument.  Values are kept
 * as strings.
 *
 * A set is linked on its list until qemu_opts_del().  The list and its strings
 * must outlive the set.  All functions are plain; a list and its sets belong
 * to one thread at a time.
 */
#ifndef QEMU_OPTION_H
#define QEMU_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/queue.h"
#include "qemu/typedefs.h"

enum QemuOptType {
    QEMU_OPT_STRING = 0,    /* anything */
    QEMU_OPT_BOOL,          /* on or off */
    QEMU_OPT_NUMBER,        /* a 64-bit number, decimal, 0x or 0 */
    QEMU_OPT_SIZE,          /* bytes, with a suffix K M G T P E */
};

/* A description; an array of them ends with a NULL name. */
typedef struct QemuOptDesc {
    const char *name;
    enum QemuOptType type;
    const char *help;
    const char *def_value_str;
} QemuOptDesc;

struct QemuOptsList {
    const char *name;
    /* The name of a first value that is given without one. */
    const char *implied_opt_name;
    /* All sets without an id are one. */
    bool merge_lists;
    QTAILQ_HEAD(, QemuOpts) head;
    QemuOptDesc desc[];
};

/* True for `help` and `?`. */
bool is_help_option(const char *s);

/* True when one of the names in a list such as `a=b,help` asks for help. */
bool has_help_option(const char *params);

/* False for texts that begin or end with a comma, but for an escaped one. */
bool is_valid_option_list(const char *params);

/*
 * Copy a value up to the first single comma into a new string *@value, `,,` as
 * `,`.  Returns where it stopped.
 */
const char *get_opt_value(const char *p, char **value);

/* The value that counts; borrowed until the option changes.  May be NULL. */
const char *qemu_opt_get(QemuOpts *opts, const char *name);

/* The same as the caller's own string (g_free()), and the option removed. */
char *qemu_opt_get_del(QemuOpts *opts, const char *name);

/* The setting that counts, NULL if there is none; knows no defaults. */
QemuOpt *qemu_opt_find(QemuOpts *opts, const char *name);

/*
 * Typed values.  An option that the list describes must be described with
 * that type; one of a list without descriptions is parsed here, and @defval is
 * returned when it is malformed.  @opts may be NULL.
 */
bool qemu_opt_get_bool(QemuOpts *opts, const char *name, bool defval);
uint64_t qemu_opt_get_number(QemuOpts *opts, const char *name,
                             uint64_t defval);
uint64_t qemu_opt_get_size(QemuOpts *opts, const char *name,
                           uint64_t defval);

/* The same, and the option removed. */
bool qemu_opt_get_bool_del(QemuOpts *opts, const char *name, bool defval);
uint64_t qemu_opt_get_size_del(QemuOpts *opts, const char *name,
                               uint64_t defval);

/*
 * Set an option; the strings are copied.  False and an error when the list
 * does not know the name or the value is not of its type.
 */
bool qemu_opt_set(QemuOpts *opts, const char *name, const char *value,
                  Error **errp);
bool qemu_opt_set_number(QemuOpts *opts, const char *name, int64_t val,
                         Error **errp);

/* Remove all settings of @name, so that its default counts. */
void qemu_opt_unset(QemuOpts *opts, const char *name);

/*
 * A new, empty set on @list.  @id NULL: anonymous, and always new unless the
 * list merges them.  Else, when there is a set of that id, that one is
 * returned or, with @fail_if_exists, NULL and an error.
 */
QemuOpts *qemu_opts_create(QemuOptsList *list, const char *id,
                           int fail_if_exists, Error **errp);

/* Unlink and free; NULL is allowed. */
void qemu_opts_del(QemuOpts *opts);

/*
 * Set what `a=b,c=d` says: `,,` stands for a comma in a value, a bare word
 * means on, with "no" before it off.  A first value without a name is that of
 * @firstname, if that is not NULL.  Stops at the first error; what stood before
 * it has been set.
 */
bool qemu_opts_do_parse(QemuOpts *opts, const char *params,
                        const char *firstname, Error **errp);

/*
 * Move what the list of @opts describes from @qdict, as strings.  Other keys
 * stay.  Stops at the first error; what was moved before has been moved.
 */
void qemu_opts_absorb_qdict(QemuOpts *opts, QDict *qdict, Error **errp);

/*
 * Copy what was set (no defaults) as strings into @qdict, NULL: a new one;
 * returns it, a new one being the caller's.  Only what @list describes, NULL:
 * everything.  With @del, what was copied is removed from @opts.
 */
QDict *qemu_opts_to_qdict_filtered(QemuOpts *opts, QDict *qdict,
                                   QemuOptsList *list, bool del);
QDict *qemu_opts_to_qdict(QemuOpts *opts, QDict *qdict);

/*
 * Print ` name=value` on standard output for each option that was set, in the
 * order of the list's descriptions; @separator stands in place of the blank,
 * and before each but the first.  Numbers and sizes are printed in decimal.
 */
void qemu_opts_print(QemuOpts *opts, const char *separator);

/*
 * Print one line for each description on standard output, sorted by name; with
 * @print_caption under the list's name.
 */
void qemu_opts_print_help(QemuOptsList *list, bool print_caption);

/*
 * Append the descriptions of @list to @dst and return it; it may have moved.
 * NULL as @dst makes a new one, NULL as @list adds nothing.  A name that is
 * there already keeps its description.  @dst must have no sets.  Free the
 * result with qemu_opts_free(), after its sets.
 */
QemuOptsList *qemu_opts_append(QemuOptsList *dst, QemuOptsList *list);
void qemu_opts_free(QemuOptsList *list);

#endif
