/* SPDX-License-Identifier: MIT */
/*
 * Option sets from and into dictionaries.
 *
 * Values become strings on the way in, the ones a user would write; they stay
 * strings on the way out.  Dictionaries, lists and null are no option values.
 */
#include "qemu/osdep.h"
#include "option-internal.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"

void qemu_opts_absorb_qdict(QemuOpts *opts, QDict *qdict, Error **errp)
{
    bool any = opts_accepts_any(opts->list);
    const QDictEntry *entry, *next;

    for (entry = qdict_first(qdict); entry; entry = next) {
        const char *name = qdict_entry_key(entry);
        g_autofree char *value = NULL;

        /* Taken before the entry may go. */
        next = qdict_next(qdict, entry);
        if (!any && !opt_desc_find(opts->list->desc, name)) {
            continue;
        }
        value = qobject_scalar_text(qdict_entry_value(entry));
        if (!value) {
            error_setg(errp, "Parameter '%s' expects a single value", name);
            return;
        }
        if (!qemu_opt_set(opts, name, value, errp)) {
            return;
        }
        qdict_del(qdict, name);
    }
}

QDict *qemu_opts_to_qdict_filtered(QemuOpts *opts, QDict *qdict,
                                   QemuOptsList *list, bool del)
{
    QemuOpt *opt, *next;

    if (!qdict) {
        qdict = qdict_new();
    }
    if (opts->id) {
        qdict_put_str(qdict, "id", opts->id);
    }
    QTAILQ_FOREACH_SAFE(opt, &opts->head, next, next) {
        if (list && !opt_desc_find(list->desc, opt->name)) {
            continue;
        }
        qdict_put_str(qdict, opt->name, opt->str);
        if (del) {
            opt_remove(opts, opt);
        }
    }
    return qdict;
}

QDict *qemu_opts_to_qdict(QemuOpts *opts, QDict *qdict)
{
    return qemu_opts_to_qdict_filtered(opts, qdict, NULL, false);
}
