/* SPDX-License-Identifier: MIT */
/*
 * Whole lists: joining them, and printing descriptions and settings.
 *
 * A joined list owns its array of descriptions and nothing else: the strings
 * are those of the lists that it was made of.
 */
#include "qemu/osdep.h"
#include "option-internal.h"

static size_t opt_desc_count(const QemuOptsList *list)
{
    size_t n = 0;

    while (list && list->desc[n].name) {
        n++;
    }
    return n;
}

QemuOptsList *qemu_opts_append(QemuOptsList *dst, QemuOptsList *list)
{
    size_t n = opt_desc_count(dst);
    size_t room = n + opt_desc_count(list) + 1;
    const QemuOptDesc *desc;
    bool fresh = !dst;

    assert(!dst || QTAILQ_EMPTY(&dst->head));
    dst = g_realloc(dst, sizeof(*dst) + room * sizeof(dst->desc[0]));
    if (fresh) {
        *dst = (QemuOptsList){ .name = list ? list->name : NULL };
        dst->desc[0] = (QemuOptDesc){ NULL };
    }
    /* An empty head points to itself, and so to where @dst was before. */
    QTAILQ_INIT(&dst->head);
    for (desc = list ? list->desc : NULL; desc && desc->name; desc++) {
        if (!opt_desc_find(dst->desc, desc->name)) {
            dst->desc[n++] = *desc;
            dst->desc[n] = (QemuOptDesc){ NULL };
        }
    }
    return dst;
}

void qemu_opts_free(QemuOptsList *list)
{
    assert(!list || QTAILQ_EMPTY(&list->head));
    g_free(list);
}

static int opt_desc_compare(const void *a, const void *b)
{
    const QemuOptDesc *const *da = a, *const *db = b;

    return strcmp((*da)->name, (*db)->name);
}

void qemu_opts_print_help(QemuOptsList *list, bool print_caption)
{
    static const char *const types[] = {
        [QEMU_OPT_STRING] = "str",
        [QEMU_OPT_BOOL] = "bool (on/off)",
        [QEMU_OPT_NUMBER] = "num",
        [QEMU_OPT_SIZE] = "size",
    };
    size_t i, n = opt_desc_count(list);
    g_autofree const QemuOptDesc **sorted = g_new(const QemuOptDesc *, n);

    for (i = 0; i < n; i++) {
        sorted[i] = &list->desc[i];
    }
    /*
     * A joined list is in the order of joining, which means nothing to users.
     */
    if (n) {
        qsort(sorted, n, sizeof(*sorted), opt_desc_compare);
    }
    if (print_caption) {
        printf("%s options:\n", list->name);
    }
    for (i = 0; i < n; i++) {
        const QemuOptDesc *desc = sorted[i];
        g_autofree char *head =
            g_strdup_printf("%s=<%s>", desc->name, types[desc->type]);

        if (desc->help) {
            printf("  %-22s - %s\n", head, desc->help);
        } else {
            printf("  %s\n", head);
        }
    }
}

/*
 * `name=value`, a separator before all but the first; commas are doubled,
 * numbers and sizes are in decimal, whatever unit they were given in.
 */
static void print_setting(const QemuOpt *opt, const char *separator,
                          bool *first)
{
    const char *p;

    printf("%s%s=", *first ? "" : separator, opt->name);
    *first = false;
    if (opt->desc && (opt->desc->type == QEMU_OPT_NUMBER ||
                      opt->desc->type == QEMU_OPT_SIZE)) {
        printf("%" PRIu64, opt->value.uint);
        return;
    }
    for (p = opt->str; *p; p++) {
        printf(*p == ',' ? ",," : "%c", *p);
    }
}

void qemu_opts_print(QemuOpts *opts, const char *separator)
{
    const QemuOptDesc *desc;
    bool first = true;
    QemuOpt *opt;

    if (opts_accepts_any(opts->list)) {
        QTAILQ_FOREACH(opt, &opts->head, next) {
            /* Only the last setting of a name counts. */
            if (opt == qemu_opt_find(opts, opt->name)) {
                print_setting(opt, separator, &first);
            }
        }
        return;
    }
    for (desc = opts->list->desc; desc->name; desc++) {
        opt = qemu_opt_find(opts, desc->name);
        if (opt) {
            print_setting(opt, separator, &first);
        }
    }
}
