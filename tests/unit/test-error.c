/* SPDX-License-Identifier: MIT */
/*
 * Tests of qapi/error.h and qemu/error-report.h: where an error goes for each
 * kind of destination, its words, and what is printed.
 *
 * What ends the process, and what standard error gets, is seen in subprocesses.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"

static void test_set(void)
{
    Error *err = NULL;

    error_setg(&err, "cannot open '%s'", "x");
    g_assert_nonnull(err);
    g_assert_cmpstr(error_get_pretty(err), ==, "cannot open 'x'");
    g_assert_null(error_get_hint(err));
    error_free_or_abort(&err);
    g_assert_null(err);
    error_setg(NULL, "nobody wants to know");
    error_free(NULL);
}

static void test_errno(void)
{
    Error *err = NULL;

    errno = EBUSY;
    error_setg_errno(&err, ENOENT, "cannot open '%s'", "x");
    g_assert_cmpint(errno, ==, EBUSY);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "cannot open 'x': No such file or directory");
    error_free_or_abort(&err);
    error_setg_errno(&err, 0, "no reason");
    g_assert_cmpstr(error_get_pretty(err), ==, "no reason");
    error_free_or_abort(&err);
    error_setg_errno(NULL, EIO, "nobody wants to know");
    errno = EBUSY;
    error_setg(&err, "x");
    g_assert_cmpint(errno, ==, EBUSY);
    error_free(err);
}

static void test_propagate(void)
{
    Error *err = NULL, *local = NULL, *kept;

    error_propagate(&err, NULL);
    g_assert_null(err);
    error_setg(&local, "one");
    kept = local;
    error_propagate(&err, local);
    g_assert_true(err == kept);
    local = NULL;
    error_setg(&local, "two");
    error_propagate(&err, local);
    g_assert_cmpstr(error_get_pretty(err), ==, "one");
    local = NULL;
    error_setg(&local, "three");
    error_propagate(NULL, local);
    error_free_or_abort(&err);
}

static void test_words(void)
{
    Error *err = NULL;

    error_setg(&err, "middle");
    error_prepend(&err, "%s: ", "left");
    error_prepend(NULL, "nothing");
    errno = EBUSY;
    error_append_hint(&err, "Try %d.\n", 1);
    error_append_hint(&err, "Or two.\n");
    error_append_hint(NULL, "Nothing.\n");
    g_assert_cmpint(errno, ==, EBUSY);
    g_assert_cmpstr(error_get_pretty(err), ==, "left: middle");
    g_assert_cmpstr(error_get_hint(err), ==, "Try 1.\nOr two.\n");
    error_free(err);
}

static void test_autoptr(void)
{
    g_autoptr(Error) err = NULL;

    error_setg(&err, "freed at the end of the block");
    g_assert_nonnull(err);
}

/* Fails when asked to; always wants to read *errp and to add words. */
static bool guarded(bool fail, Error **errp)
{
    ERRP_GUARD();

    if (fail) {
        error_setg(errp, "it failed");
    }
    if (*errp) {
        error_prepend(errp, "guarded: ");
        error_append_hint(errp, "Do not ask it to.\n");
        return false;
    }
    return true;
}

static void test_guard(void)
{
    Error *err = NULL;

    g_assert_true(guarded(false, NULL));
    g_assert_false(guarded(true, NULL));
    g_assert_true(guarded(false, &err));
    g_assert_null(err);
    g_assert_false(guarded(true, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "guarded: it failed");
    g_assert_cmpstr(error_get_hint(err), ==, "Do not ask it to.\n");
    error_free(err);
    g_assert_true(guarded(false, &error_fatal));
    g_assert_true(guarded(false, &error_abort));
}

/*
 * What only a subprocess can show.
 */

static void fatal(void)
{
    error_setg(&error_fatal, "the end");
}

static void fatal_guarded(void)
{
    guarded(true, &error_fatal);
}

static void fatal_propagated(void)
{
    Error *local = NULL;

    error_setg(&local, "moved to the end");
    error_propagate(&error_fatal, local);
}

static void aborts(void)
{
    error_setg(&error_abort, "a bug");
}

static void set_twice(void)
{
    Error *err = NULL;

    error_setg(&err, "one");
    error_setg(&err, "two");
}

static void hint_on_fatal(void)
{
    error_append_hint(&error_fatal, "no\n");
}

static void hint_on_nothing(void)
{
    Error *err = NULL;

    error_append_hint(&err, "no\n");
}

static void free_nothing(void)
{
    Error *err = NULL;

    error_free_or_abort(&err);
}

static void reports(void)
{
    Error *err = NULL;

    errno = EBUSY;
    error_report("one %d", 1);
    warn_report("two %d", 2);
    info_report("three %d", 3);
    error_printf("four");
    error_printf("\n");
    g_assert_cmpint(errno, ==, EBUSY);
    error_setg(&err, "five");
    error_append_hint(&err, "Hint.\n");
    error_reportf_err(err, "at %d: ", 5);
    err = NULL;
    error_setg(&err, "six");
    error_append_hint(&err, "Hint without an end");
    warn_report_err(err);
    exit(0);
}

typedef struct ProcessCase {
    const char *path;
    void (*fn)(void);
    bool passes;
    const char *output;
} ProcessCase;

static const ProcessCase process_cases[] = {
    { "/error/fatal", fatal, false, "p r: the end\n" },
    { "/error/fatal-guarded", fatal_guarded, false,
      "p r: guarded: it failed\nDo not ask it to.\n" },
    { "/error/fatal-propagated", fatal_propagated, false,
      "p r: moved to the end\n" },
    { "/error/abort", aborts, false,
      "Unexpected error in aborts() at *test-error.c:*:\np r: a bug\n*" },
    { "/error/bug/set-twice", set_twice, false, "*ssertion*" },
    { "/error/bug/hint-on-fatal", hint_on_fatal, false, "*ssertion*" },
    { "/error/bug/hint-on-nothing", hint_on_nothing, false, "*ssertion*" },
    { "/error/bug/free-nothing", free_nothing, false, "*was expected*" },
    { "/error/reports", reports, true,
      "p r: one 1\n"
      "p r: warning: two 2\n"
      "p r: info: three 3\n"
      "four\n"
      "p r: at 5: five\nHint.\n"
      "p r: warning: six\nHint without an end\n" },
};

static void test_process(gconstpointer data)
{
    const ProcessCase *c = data;

    if (g_test_subprocess()) {
        error_init("/some/where/p r");
        c->fn();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    if (c->passes) {
        g_test_trap_assert_passed();
    } else {
        g_test_trap_assert_failed();
    }
    g_test_trap_assert_stderr(c->output);
}

static void test_progname(void)
{
    g_assert_cmpstr(error_get_progname(), ==, "test-error");
    error_init("plain");
    g_assert_cmpstr(error_get_progname(), ==, "plain");
    error_init("/");
    g_assert_cmpstr(error_get_progname(), ==, "");
    error_init("./a/b");
    g_assert_cmpstr(error_get_progname(), ==, "b");
}

int main(int argc, char **argv)
{
    size_t i;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/set", test_set);
    g_test_add_func("/error/errno", test_errno);
    g_test_add_func("/error/propagate", test_propagate);
    g_test_add_func("/error/words", test_words);
    g_test_add_func("/error/autoptr", test_autoptr);
    g_test_add_func("/error/guard", test_guard);
    for (i = 0; i < ARRAY_SIZE(process_cases); i++) {
        g_test_add_data_func(process_cases[i].path, &process_cases[i],
                             test_process);
    }
    g_test_add_func("/error/progname", test_progname);
    return g_test_run();
}
