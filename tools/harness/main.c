/* SPDX-License-Identifier: MIT */
/*
 * minblk-harness: says of one format driver whether it can be trusted.
 *
 * Invariants:
 *   - Bad usage is reported before anything is run: a line that names the
 *     option and one about how to get help; status 2.
 *   - The suites run in the order of their table.
 *   - A driver that creates no images gets only the suites that can work on
 *     those of --image; the others are skipped by name.
 */
#include "harness.h"

#include <getopt.h>

#include "../cmdline.h"
#include "minblk/block-extra.h"
#include "minblk/suggest.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/option.h"

#define EXIT_USAGE 2
#define usage_error(...) cmdline_error(NULL, __VA_ARGS__)

static const HarnessSuite *const suites[] = {
    &suite_model,
    &suite_read,
    &suite_failure,
    &suite_crash,
    &suite_graph,
    &suite_create,
    &suite_create_crash,
    &suite_hostile,
    &suite_damage,
    &suite_turns,
};

typedef struct Cmdline {
    Harness h;
    GPtrArray *only;            /* HarnessSuite; empty: all */
} Cmdline;

/* A number of min to max, or with max 0 any; a uint64_t. */
static bool main_set_number(void *member, const CmdOption *option,
                            const char *text)
{
    uint64_t min = option->min;
    uint64_t max = option->max ? (uint64_t)option->max : UINT64_MAX;
    uint64_t value;

    /* A minus sign is refused, because conversion would wrap it around. */
    if (qemu_strtou64(text, NULL, 0, &value) < 0 || value < min ||
        value > max || strchr(text, '-')) {
        usage_error("option '--%s' wants a number from %" PRIu64 " to %" PRIu64
                    ", not '%s'", option->name, min, max, text);
    }
    *(uint64_t *)member = value;
    return true;
}

static bool main_add_suite(void *member, const CmdOption *option,
                           const char *name)
{
    Suggestion similar;

    for (size_t i = 0; i < G_N_ELEMENTS(suites); i++) {
        if (strcmp(suites[i]->name, name) == 0) {
            g_ptr_array_add(*(GPtrArray **)member, (void *)suites[i]);
            return true;
        }
    }
    suggest_begin(&similar, name);
    for (size_t i = 0; i < G_N_ELEMENTS(suites); i++) {
        suggest_offer(&similar, suites[i]->name);
    }
    cmdline_error(suggest_end(&similar, "Accepted values"),
                  "option '--only' names no suite: '%s'", name);
}

/* Adds to the options of creation; of one given twice the last counts. */
static bool main_add_list(void *member, const CmdOption *option,
                          const char *list)
{
    char **create = member;
    char *old = *create;

    *create = old ? g_strdup_printf("%s,%s", old, list) : g_strdup(list);
    g_free(old);
    return true;
}

static bool print_version(void *member, const CmdOption *option,
                          const char *value)
{
    cmdline_print_version();
    exit(cmdline_finish_output(0, true));
}

static bool print_help(void *member, const CmdOption *option,
                       const char *value);

#define MEMBER(m) offsetof(Cmdline, m)

static const CmdOption main_options[] = {
    { 0, "driver", "NAME", "the format driver to be tested; vhd is another\n"
      "name of vpc",
      cmd_set_string, MEMBER(h.driver) },
    { 'o', NULL, "LIST", "options of creation, as of minblk-img create -o",
      main_add_list, MEMBER(h.create) },
    { 0, "from", "FILE", "copies of this image are worked on, not new images",
      cmd_set_string, MEMBER(h.from) },
    { 0, "seed", "N", "another choice of operations (default 1)",
      main_set_number, MEMBER(h.seed) },
    { 0, "ops", "N", "so many operations in a list (default: what fits into\n"
      "two minutes)", main_set_number, MEMBER(h.ops), NULL, 1, 1000000 },
    { 0, "only", "SUITE", "this suite; may be repeated",
      main_add_suite, MEMBER(only) },
    { 0, "image", "DIR", "images to be tested; DIR/NAME.content, if there is "
      "one, is\nwhat the image DIR/NAME must read as",
      cmd_set_string, MEMBER(h.image_dir) },
    { 0, "reader", "COMMAND", "another program that reads such images, given "
      "two paths:\nthat of an image, and that of a file to write its content "
      "to,\nas 'minblk-img convert -f vpc -O raw'",
      cmd_set_string, MEMBER(h.reader) },
    { 0, "keep", "FOLDER", "the image of each failure is kept there, as "
      "SUITE-NUMBER.img", cmd_set_string, MEMBER(h.keep) },
    { 0, "timeout", "SEC", "seconds of CPU time that a case may use (default "
      "30);\none that waits for 20 seconds and uses none hangs",
      main_set_number, MEMBER(h.timeout), NULL, 1, 86400 },
    { 'h', "help", NULL, "print this and exit", print_help },
    { 'V', "version", NULL, "print the version and exit", print_version },
    CMD_END
};

/* Not the protocols and filters, which --driver refuses. */
static void print_driver(void *opaque, const char *name)
{
    if (bdrv_driver_is_format(bdrv_find_format(name))) {
        printf(" %s", name);
    }
}

static bool print_help(void *member, const CmdOption *option,
                       const char *value)
{
    printf("Usage: %s --driver NAME [OPTIONS]...\n"
           "Tests a format driver and prints TAP, a line a property; the "
           "status is 0 when\nall hold, 1 when one does not, 2 for options "
           "that are wrong.\n\n", error_get_progname());
    cmdline_print_options(main_options);
    printf("\nSuites:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(suites); i++) {
        printf("  %-12s %s\n", suites[i]->name, suites[i]->what);
    }
    printf("\nExample:\n  %s --driver raw --only model --ops 100\n\nDrivers:",
           error_get_progname());
    bdrv_iterate_format(print_driver, NULL);
    printf("\n");
    exit(cmdline_finish_output(0, true));
}

/* ---- what the options mean ---------------------------------------------- */

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, because the order that a folder is read in may differ each time. */
static void find_images(Harness *h, const char *folder)
{
    g_autoptr(GError) gerr = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &gerr);
    const char *name;

    if (!dir) {
        usage_error("option '--image': %s", gerr->message);
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_REGULAR) &&
            !g_str_has_suffix(name, ".content")) {
            g_ptr_array_add(h->images, g_steal_pointer(&path));
        }
    }
    if (h->images->len == 0) {
        usage_error("option '--image': there is no image in '%s'", folder);
    }
    g_ptr_array_sort(h->images, compare_paths);
}

/*
 * Are the options of -o such as the driver has?  Otherwise each case would fail
 * to create its image, which would look like findings.
 */
static void check_create_options(const Harness *h)
{
    QemuOptsList *list;
    QemuOpts *opts;
    Error *err = NULL;
    char *reason;

    if (!h->create) {
        return;
    }
    if (h->from) {
        usage_error("option '-o' makes no sense with '--from'");
    }
    if (!h->can_create) {
        usage_error("option '-o': driver '%s' does not support image creation",
                    h->driver);
    }
    list = qemu_opts_append(NULL, bdrv_driver_create_opts(h->drv));
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    if (!qemu_opts_do_parse(opts, h->create, NULL, &err)) {
        cmdline_error(error_get_hint(err), "option '-o': %s",
                      error_get_pretty(err));
    }
    qemu_opts_del(opts);
    qemu_opts_free(list);
    reason = harness_refused_options(h);
    if (reason) {
        usage_error("option '-o': %s", reason);
    }
}

/* The shell is asked, because it runs the command. */
static void check_reader(const char *command)
{
    g_autofree char *script = g_strdup_printf("set -- %s\n"
                                              "command -v -- \"$1\" >/dev/null",
                                              command);

    if (system(script) != 0) {
        usage_error("option '--reader': there is no program for '%s'",
                    command);
    }
}

/* Made if it is not there; that images can be written to it is tried now. */
static void check_keep(const char *folder)
{
    if (g_mkdir_with_parents(folder, 0777) < 0 || access(folder, W_OK) < 0) {
        usage_error("option '--keep': images cannot be kept in '%s': %s",
                    folder, strerror(errno));
    }
}

/* It is a user's mistake, and nothing of the driver's, if it is not there. */
static void check_from(const char *path)
{
    if (access(path, R_OK) < 0) {
        usage_error("option '--from': Could not open '%s': %s", path,
                    strerror(errno));
    }
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        usage_error("option '--from': '%s' is a folder, not a file", path);
    }
    if (!stack_can_hold(path)) {
        usage_error("option '--from': " TOO_MUCH_DATA);
    }
}

static void read_arguments(Cmdline *line, int argc, char **argv)
{
    Harness *h = &line->h;

    cmdline_read(":", main_options, line, argc, argv);
    if (optind < argc) {
        usage_error("unexpected argument '%s'", argv[optind]);
    }
    if (!h->driver) {
        usage_error("option '--driver' is missing");
    }
    h->drv = bdrv_find_format(h->driver);
    if (!h->drv) {
        cmdline_error(bdrv_hint_format(h->driver),
                      "option '--driver' names no driver: '%s'", h->driver);
    }
    if (!bdrv_driver_is_format(h->drv)) {
        usage_error("option '--driver' names no format: '%s' is a filter or a "
                    "protocol, which has no images of its own", h->driver);
    }
    h->can_create = h->from || bdrv_driver_can_create(h->drv);
    h->can_check = bdrv_driver_can_check(h->drv);
    check_create_options(h);
    if (h->from) {
        check_from(h->from);
    }
    if (h->keep) {
        check_keep(h->keep);
    }
    if (h->reader) {
        check_reader(h->reader);
    }
    if (h->image_dir) {
        find_images(h, h->image_dir);
    }
}

/* ---- the suites --------------------------------------------------------- */

static void run_suite(Harness *h, const HarnessSuite *suite)
{
    const char *reason = NULL;

    if (h->from && suite->creates) {
        reason = "images are not created with --from";
    } else if (!h->can_create && !suite->on_images) {
        reason = "the driver creates no images";
    } else if (!h->can_create && h->images->len == 0) {
        reason = "the driver creates no images, and " NO_IMAGES;
    }
    h->suite = suite->name;
    if (reason) {
        harness_report(h, CASE_SKIP, reason, "%s", suite->what);
        return;
    }
    if (suite->run) {
        suite->run(h);
        return;
    }
    if (h->can_create) {
        suite->run_image(h, NULL, "");
    }
    for (guint i = 0; i < h->images->len; i++) {
        const char *path = h->images->pdata[i];
        g_autofree char *name = g_path_get_basename(path);
        g_autofree char *suffix = g_strconcat(": ", name, NULL);

        suite->run_image(h, path, suffix);
    }
}

uint64_t harness_seed(const Harness *h, const char *what, unsigned index)
{
    uint64_t x = h->seed * UINT64_C(0x9e3779b97f4a7c15) + index;

    for (const char *p = what; *p; p++) {
        x = (x ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    }
    x ^= x >> 31;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 29;
}

int main(int argc, char **argv)
{
    Cmdline line = {
        .h.seed = DEFAULT_SEED,
        .h.timeout = DEFAULT_TIMEOUT,
        .h.images = g_ptr_array_new_with_free_func(g_free),
        .only = g_ptr_array_new(),
    };
    Harness *h = &line.h;
    int status;

    /* So that a leak of GLib's slices is one of memory. */
    g_setenv("G_SLICE", "always-malloc", TRUE);
    cmdline_init(argv[0], EXIT_USAGE);
    bdrv_init();
    read_arguments(&line, argc, argv);
    harness_begin(h);
    harness_open_images(h);
    for (size_t i = 0; i < G_N_ELEMENTS(suites); i++) {
        if (line.only->len == 0 ||
            g_ptr_array_find(line.only, suites[i], NULL)) {
            run_suite(h, suites[i]);
        }
    }
    status = harness_finish(h);
    g_ptr_array_free(line.only, TRUE);
    g_ptr_array_free(h->images, TRUE);
    g_free(h->create);
    return cmdline_finish_output(status, false);
}
