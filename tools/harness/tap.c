/* SPDX-License-Identifier: MIT */
/*
 * The report: TAP on standard output.
 *
 * Invariants:
 *   - A failure has a block of YAML for programs, then comments for people.
 *     Of YAML only that is used which the readers of TAP know, too: those of
 *     Perl take no empty line within a block, Meson ends it at three dots.
 *   - Each line is written out before anything is forked, because a child would
 *     write what is left in the buffer a second time.
 *   - A name has no "#" and no newline in it, so nothing that a driver says can
 *     pass for a directive.
 */
#include "byhand.h"
#include "keep.h"

#include "qemu/error-report.h"

char *shell_quote(const char *text)
{
    /* Where nothing is special to a shell, quotes would only be in the way. */
    return *text && !text[strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
                                 "%+,-./:=@_")]
           ? g_strdup(text) : g_shell_quote(text);
}

static void GCC_FMT_ATTR(3, 4) add_option(GString *line, const char *option,
                                          const char *fmt, ...)
{
    g_autofree char *value = NULL, *quoted = NULL;
    va_list ap;

    va_start(ap, fmt);
    value = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    quoted = shell_quote(value);
    g_string_append_printf(line, " %s %s", option, quoted);
}

/*
 * The command line that makes the suite that runs now do the same, in whatever
 * folder; g_free().
 */
static char *print_again(const Harness *h)
{
    g_autofree char *from = h->from ? g_canonicalize_filename(h->from, NULL)
                                    : NULL;
    g_autofree char *images =
        h->image_dir ? g_canonicalize_filename(h->image_dir, NULL) : NULL;
    GString *line = g_string_new(error_get_progname());
    const struct {
        const char *option, *value;
    } words[] = {
        { "--driver", h->driver }, { "-o", h->create }, { "--from", from },
        { "--image", images }, { "--reader", h->reader },
        { "--only", h->suite },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (words[i].value) {
            add_option(line, words[i].option, "%s", words[i].value);
        }
    }
    add_option(line, "--seed", "%" PRIu64, h->seed);
    if (h->ops) {
        add_option(line, "--ops", "%" PRIu64, h->ops);
    }
    if (h->timeout != DEFAULT_TIMEOUT) {
        add_option(line, "--timeout", "%" PRIu64, h->timeout);
    }
    return g_string_free(line, FALSE);
}

/* Prints the lines of @text as comments. */
static void print_comments(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        /* Text may end with a newline; what comes after it is no line. */
        if (line[1] || **line) {
            printf("# %s\n", *line);
        }
    }
}

/* ---- YAML --------------------------------------------------------------- */

/* May @text, whole lines, stand in a block as it is? */
static bool is_literal(const char *text)
{
    for (const char *p = text; *p; p++) {
        bool begins = p == text || p[-1] == '\n';

        if (!g_ascii_isprint(*p) && *p != '\n') {
            return false;
        }
        if (begins && (*p == '\n' || *p == ' ' || *p == '.')) {
            return false;
        }
    }
    return g_str_has_suffix(text, "\n");
}

static void print_quoted(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    putchar('"');
    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (g_unichar_isprint(c)) {
            printf("%.*s", (int)(g_utf8_next_char(p) - p), p);
        } else if (c == '\n') {
            printf("\\n");
        } else {
            printf("\\U%08x", c);
        }
    }
    printf("\"\n");
}

/* As the value of a key of the block; several lines stand as they are. */
static void print_text(const char *text)
{
    bool ends = g_str_has_suffix(text, "\n") || !strchr(text, '\n');
    g_autofree char *whole = g_strconcat(text, ends ? NULL : "\n", NULL);
    g_auto(GStrv) lines = g_strsplit(whole, "\n", -1);

    if (!is_literal(whole)) {
        print_quoted(text);
        return;
    }
    printf("|\n");
    for (char **line = lines; line[1]; line++) {
        printf("    %s\n", *line);
    }
}

static void print_yaml(const Harness *h, const char *message)
{
    const HarnessDetail *d = &h->detail;
    g_autofree char *again = print_again(h);
    g_autofree char *commands = g_strconcat(d->commands ? d->commands : "",
                                            again, "\n", NULL);

    printf("  ---\n  message: ");
    print_text(message);
    printf("  seed: %" PRIu64 "\n  depth: %u\n", h->seed, MAX(1, d->depth));
    if (d->what) {
        printf("  case: ");
        print_quoted(d->what);
    }
    printf("  operations:%s\n", d->operations && *d->operations ? "" : " []");
    for (char **op = d->operations; op && *op; op++) {
        printf("    - ");
        print_quoted(*op);
    }
    if (d->image) {
        printf("  image: ");
        print_quoted(d->image);
    }
    printf("  commands: ");
    print_text(commands);
    printf("  ...\n");
}

/* ---- properties --------------------------------------------------------- */

static void clear_detail(Harness *h)
{
    g_free(h->detail.what);
    g_strfreev(h->detail.operations);
    g_free(h->detail.image);
    g_free(h->detail.commands);
    h->detail = (HarnessDetail) { 0 };
}

void harness_detail(Harness *h, HarnessDetail detail)
{
    clear_detail(h);
    h->detail = detail;
}

static void print_failure(const Harness *h, const char *message)
{
    const HarnessDetail *d = &h->detail;
    unsigned count = d->operations ? g_strv_length(d->operations) : 0;
    g_autofree char *again = print_again(h);

    print_yaml(h, message);
    print_comments(message);
    printf("# seed %" PRIu64 ", depth %u%s%s", h->seed, MAX(1, d->depth),
           d->what ? ", " : "", d->what ? d->what : "");
    if (d->operations) {
        printf(", %u operations of %u:", count, d->whole);
    }
    printf("\n");
    for (unsigned i = 0; i < count; i++) {
        printf("# %3u  %s\n", i + 1, d->operations[i]);
    }
    if (h->keep) {
        harness_note("image: %s", d->image ? d->image : "none was kept");
    }
    harness_note("again: %s", again);
}

void harness_vreport(Harness *h, CaseStatus status, const char *text,
                     const char *fmt, va_list ap)
{
    g_autofree char *what = g_strdup_vprintf(fmt, ap);
    g_autofree char *line = g_strdup_printf("%s: %s", h->suite, what);

    h->properties++;
    h->failed += status == CASE_FAIL;
    printf("%sok %u - %s", status == CASE_FAIL ? "not " : "", h->properties,
           g_strdelimit(line, "#\n\r", ' '));
    if (status == CASE_SKIP) {
        /* The directive ends with the line. */
        g_autofree char *reason = g_strdelimit(g_strdup(text), "\n\r", ' ');

        printf(" # SKIP %s\n", reason);
    } else {
        printf("\n");
        if (status == CASE_FAIL) {
            print_failure(h, text ? text : "");
        }
    }
    clear_detail(h);
    fflush(stdout);
}

void harness_report(Harness *h, CaseStatus status, const char *text,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    harness_vreport(h, status, text, fmt, ap);
    va_end(ap);
}

void harness_begin(const Harness *h)
{
    /* The version must be the first line; those before have no YAML. */
    printf("TAP version 13\n");
    harness_note("driver %s%s%s, seed %" PRIu64, h->driver,
                 h->create ? ", " : "", h->create ? h->create : "", h->seed);
}

void harness_note(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    print_comments(text);
    fflush(stdout);
}

int harness_finish(const Harness *h)
{
    /* At the end, because what properties there are depends on the driver. */
    printf("1..%u\n", h->properties);
    if (h->failed) {
        harness_note("%u of %u properties do not hold; --seed %" PRIu64
                     " brings it about again", h->failed, h->properties,
                     h->seed);
    }
    fflush(stdout);
    return h->failed ? 1 : 0;
}

void harness_keep_one(Harness *h, CaseFn *fn, const void *opaque,
                      unsigned number, const char *message, char *create)
{
    g_autofree char *kept = keep_image(h, fn, opaque, number);
    g_autofree char *lines = byhand_image(h, message, create, kept);
    char *before = h->detail.commands;

    h->detail.commands = g_strconcat(before ? before : "", lines, NULL);
    g_free(before);
    g_free(create);
    /* The first stands for all. */
    if (!h->detail.image) {
        h->detail.image = g_steal_pointer(&kept);
    }
}

void harness_keep(Harness *h, CaseFn *fn, const void *opaque,
                  const char *message)
{
    harness_keep_one(h, fn, opaque, 0, message, NULL);
}

void harness_check(Harness *h, CaseFn *fn, const void *opaque,
                   const char *fmt, ...)
{
    g_autofree char *message = NULL;
    CaseStatus status = cases_run_one(h, fn, opaque, NULL, 0, &message);
    va_list ap;

    if (status == CASE_FAIL) {
        harness_keep(h, fn, opaque, message);
    }
    va_start(ap, fmt);
    harness_vreport(h, status, message, fmt, ap);
    va_end(ap);
}

void harness_check_told(Harness *h, CaseFn *fn, const void *opaque,
                        size_t size, const char *fmt, ...)
{
    CaseResult *r = cases_run(h, fn, opaque, size, 1, 0);
    const char *told = r->status == CASE_FAIL ? (const char *)r->data : "";
    g_autofree char *text = g_strconcat(told, *told ? ": " : "", r->message,
                                        NULL);
    va_list ap;

    if (r->status == CASE_FAIL) {
        harness_keep(h, fn, opaque, text);
    }
    va_start(ap, fmt);
    harness_vreport(h, r->status, text, fmt, ap);
    va_end(ap);
    cases_free(r, 1);
}
