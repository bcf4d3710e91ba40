/* SPDX-License-Identifier: MIT */
/*
 * The create suite: each size at a boundary and each option, by options and by
 * QAPI.
 *
 * Invariants:
 *   - What is created opens, is at least as long as was asked for, reads as
 *     zeroes where the driver says so, and takes writes up to its last byte.
 *   - What is refused is refused with a reason.
 *   - QAPI creates exactly the sizes that the options do not round; a driver
 *     that the schema does not know is created through its options alone.
 */
#include "run.h"

#include "byhand.h"
#include "create-options.h"
#include "qemu/option.h"
#include "qemu/units.h"

/*
 * A comment for the report.  A case that goes on to fail keeps it, too, and a
 * property has each only once.
 */
static void GCC_FMT_ATTR(2, 3) note(Case *c, const char *fmt, ...)
{
    char text[sizeof(c->result->data)] = { 0 };
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    case_send(c, text, sizeof(text));
}

/* ---- the image that came of it ------------------------------------------ */

/* How much of each end, and of the middle, is looked at. */
#define PROBE 4096

/* It can be read there, and is zero if the driver promises that. */
static void probe(Case *c, BlockBackend *blk, int64_t offset, int64_t length)
{
    int bytes = MIN(PROBE, length - offset);
    uint8_t buf[PROBE];
    int ret;

    /* So that bytes which the driver leaves out do not pass for zeroes. */
    memset(buf, 0x5e, PROBE);
    ret = blk_pread(blk, offset, buf, bytes);
    if (ret < 0) {
        case_fail(c, "%d bytes at %" PRId64 " could not be read: %s", bytes,
                  offset, strerror(-ret));
    }
    if (bdrv_has_zero_init(blk_bs(blk))) {
        case_check_zero(c, offset, buf, bytes);
    }
}

/*
 * The last bytes take a write and have it after reopening, because a size that
 * was rounded down loses them.  @blk is another one then.
 */
static void check_last_bytes(Case *c, const StackOptions *how,
                             BlockBackend **blk, int64_t length)
{
    int bytes = MIN(700, length);
    uint8_t out[700], in[700] = { 0 };
    int ret;

    memset(out, 0xc3, sizeof(out));
    ret = blk_pwrite(*blk, length - bytes, out, bytes, 0);
    if (ret < 0) {
        case_fail(c, "the last %d bytes could not be written: %s", bytes,
                  strerror(-ret));
    }
    if (blk_pwrite(*blk, length - 1, out, 2, 0) >= 0) {
        case_fail(c, "a write past the end succeeded");
    }
    blk_unref(*blk);
    *blk = case_open(c, how, NOT_OPENED " again");
    ret = blk_pread(*blk, length - bytes, in, bytes);
    if (ret < 0 || memcmp(in, out, bytes) != 0) {
        case_fail(c, "the last %d bytes are lost after reopening", bytes);
    }
}

/* Its length. */
static int64_t check_created(Case *c, const char *disk)
{
    StackOptions how = { .disk = disk, .flags = STACK_RDWR };
    BlockBackend *blk = case_open(c, &how,
                                  "the new image could not be opened");
    int64_t length = blk_getlength(blk);
    BlockDriverInfo bdi = { 0 };

    if (length < 0) {
        case_fail(c, "the new image has no length: %s", strerror(-length));
    }
    bdrv_get_info(blk_bs(blk), &bdi);
    if (length > 0) {
        probe(c, blk, 0, length);
        probe(c, blk, length / 2, length);
        probe(c, blk, MAX(0, length - PROBE), length);
    }
    if (bdi.needs_compressed_writes) {
        /* They take whole clusters in turn, until the image is finished. */
        note(c, "an image that takes compressed writes only is not written to");
    } else if (length > 0) {
        check_last_bytes(c, &how, &blk, length);
    }
    blk_unref(blk);
    return length;
}

/* ---- sizes by options --------------------------------------------------- */

/*
 * Where formats change: nothing, sectors, pages, MiB; 504 MiB and 136899993600
 * bytes are the most that two geometries address, 2040 GiB the most that VHD
 * takes; and around two to the power of 31, 32 and 63.
 */
static const int64_t sizes[] = {
    0, 1, 511, 512, 513, 4096, 65535, 65536, MiB - 512, MiB, MiB + 512,
    2 * MiB - 1, 2 * MiB, 10 * MiB, 504 * MiB, 2 * GiB - 512, 2 * GiB,
    4 * GiB - 512, 4 * GiB + 512, INT64_C(136899993600), INT64_C(136899994112),
    2040 * GiB - 512, 2040 * GiB, 2040 * GiB + 512, 64 * TiB,
    INT64_C(0x7ffffffffffffe00), INT64_MAX,
};

/* A disk in memory is real memory; formats that fill it are not asked to. */
#define LARGE_ENOUGH (4 * TiB)

/* The image that was asked for. */
typedef struct SizeCase {
    int64_t size;
    const char *more;           /* options, or NULL */
    char *name;                 /* begins what is said of it */
    enum QemuOptType type;      /* of the option in @more */
} SizeCase;

/* The text of @err (g_free()), which creation was refused with; frees it. */
static char *take_reason(Case *c, Error *err)
{
    char *why;

    if (!err) {
        case_fail(c, "creation failed without a reason");
    }
    why = g_strdup(error_get_pretty(err));
    error_free(err);
    return why;
}

/*
 * Creates an image on the disk @name; its length, or -1 with @why (g_free())
 * if that was refused.
 */
static int64_t create_by_options(Case *c, const char *name, int64_t size,
                                 const char *more, char **why)
{
    Error *err = NULL;
    int64_t length;

    if (!stack_create(c->h, name, size, more, &err)) {
        *why = take_reason(c, err);
        if (!**why) {
            case_fail(c, "creation was refused with an empty reason");
        }
        return -1;
    }
    length = check_created(c, name);
    if (length < size) {
        case_fail(c, "the image is %" PRId64 " bytes long, asked for were %"
                  PRId64, length, size);
    }
    return length;
}

/* ---- sizes by QAPI ------------------------------------------------------ */

/* A protocol node over the disk @name, which is made. */
static BlockDriverState *new_disk_node(Case *c, const char *name)
{
    QDict *options = qdict_new();
    BlockDriverState *bs;
    Error *err = NULL;

    mem_disk_new(name);
    qdict_put_str(options, "driver", "mem");
    qdict_put_str(options, "disk", name);
    qdict_put_str(options, "node-name", name);
    bs = bdrv_open(NULL, NULL, options, STACK_RDWR | BDRV_O_PROTOCOL, &err);
    if (!bs) {
        case_fail_err(c, err, "the disk could not be opened");
    }
    return bs;
}

/*
 * Before anything else is tried: that the schema does not know the driver or
 * take the user's options is no finding.
 */
static void need_schema(Case *c)
{
    g_autoptr(GString) omitted = g_string_new(NULL);
    Error *err = NULL;
    BlockdevCreateOptions *opts = create_qapi_options(c->h, "qapi", 0, NULL,
                                                      true, omitted, &err);

    if (!opts) {
        case_skip(c, "the schema has no such images: %s",
                  error_get_pretty(err));
    }
    qapi_free_BlockdevCreateOptions(opts);
}

/*
 * As create_by_options(), on a protocol node over the disk "qapi".  With
 * @words the options took @more, whatever capitals its words have.  Options
 * that the schema does not have are appended to @omitted.
 */
static int64_t create_by_qapi(Case *c, int64_t size, const char *more,
                              bool words, GString *omitted, char **why)
{
    BlockDriverState *bs = new_disk_node(c, "qapi");
    BlockdevCreateOptions *opts;
    Error *err = NULL;
    int64_t length = -1;
    int ret = -EINVAL;

    opts = create_qapi_options(c->h, "qapi", size, more, words, omitted, &err);
    if (opts) {
        ret = bdrv_create_qapi(opts, &err);
        qapi_free_BlockdevCreateOptions(opts);
    }
    bdrv_unref(bs);
    if (ret >= 0 && err) {
        case_fail_err(c, err, "creation succeeded with an error");
    } else if (ret == -ENOTSUP) {
        case_skip(c, "%s", error_get_pretty(err));
    } else if (ret < 0) {
        *why = take_reason(c, err);
    } else {
        length = check_created(c, "qapi");
    }
    mem_disk_free(mem_disk_find("qapi"));
    return length;
}

/* ---- the properties of a size ------------------------------------------- */

static void size_by_options(Case *c, const void *opaque)
{
    const SizeCase *s = opaque;
    g_autofree char *why = NULL;

    create_by_options(c, "created", s->size, s->more, &why);
    /* A refusal may come before or after the driver has made the file. */
    if (mem_disk_find("created")) {
        mem_disk_free(mem_disk_find("created"));
    }
}

/*
 * Options may round a size; QAPI makes that one exactly, rounds it in the same
 * way, or refuses it.
 */
static void size_by_both(Case *c, const void *opaque)
{
    const SizeCase *s = opaque;
    g_autofree char *why_options = NULL, *why_qapi = NULL;
    g_autoptr(GString) omitted = g_string_new(NULL);
    int64_t qapi, options;
    bool rounded;

    need_schema(c);
    qapi = create_by_qapi(c, s->size, NULL, true, omitted, &why_qapi);
    options = create_by_options(c, "options", s->size, NULL, &why_options);
    rounded = options >= 0 && options != s->size;
    if (omitted->len) {
        note(c, "by QAPI without what the schema does not have: %s",
             omitted->str);
    }
    if (qapi == options || (rounded && (qapi < 0 || qapi == s->size))) {
        return;
    }
    /* What is left out may be what decides on the length. */
    if (omitted->len) {
        case_skip(c, "QAPI does not have %s", omitted->str);
    }
    case_fail(c, "QAPI made an image of %" PRId64 " bytes (%s); by options it "
              "is %" PRId64 " (%s)", qapi, why_qapi ? why_qapi : "made",
              options, why_options ? why_options
                                   : rounded ? "rounded" : "made");
}

/* A new image of @size; a refusal fails the case with @what and the reason. */
static int64_t must_create(Case *c, const char *name, int64_t size,
                           const char *what)
{
    g_autofree char *why = NULL;
    int64_t length = create_by_options(c, name, size, NULL, &why);

    if (length < 0) {
        case_fail(c, "%s%s", what, why);
    }
    return length;
}

/*
 * A value that one way takes the other does too.  QAPI gets the size that the
 * options made of it, with the value or, where that is refused, without it.
 * Options may round numbers that QAPI then refuses, and QAPI may want more than
 * options do (the nodes of further files); so a refusal is a finding only of a
 * switch.
 */
static void value_by_both(Case *c, const void *opaque)
{
    const SizeCase *s = opaque;
    g_autofree char *why_options = NULL, *why_qapi = NULL;
    g_autoptr(GString) omitted = g_string_new(NULL);
    int64_t options, size, qapi;

    need_schema(c);
    options = create_by_options(c, "options", s->size, s->more, &why_options);
    size = options;
    if (options < 0) {
        size = must_create(c, "plain", s->size, "creation was refused: ");
    }
    qapi = create_by_qapi(c, size, s->more, options >= 0, omitted, &why_qapi);
    if (omitted->len) {
        note(c, "QAPI does not have %s", omitted->str);
        case_skip(c, "QAPI does not have %s", omitted->str);
    }
    if (qapi < 0 && options >= 0 && s->type != QEMU_OPT_BOOL) {
        note(c, "%s: by options, but not by QAPI: %s", s->name, why_qapi);
        return;
    }
    if (qapi != options) {
        case_fail(c, "by options the image has %" PRId64 " bytes (%s), by QAPI "
                  "%" PRId64 " (%s)", options,
                  why_options ? why_options : "made", qapi,
                  why_qapi ? why_qapi : "made");
    }
}

/* A new image over an old one has nothing of it. */
static void create_over(Case *c, const void *opaque)
{
    const int64_t *size = opaque;

    must_create(c, "created", *size, "creation was refused: ");
    must_create(c, "created", *size, "creation was refused: ");
}

/* What the cases note, each only once where they note the same. */
static void print_notes(const CaseResult *results, unsigned count)
{
    const char *last = "";

    for (unsigned i = 0; i < count; i++) {
        const char *text = (const char *)results[i].data;

        if (*text && strcmp(text, last) != 0) {
            harness_note("%s", text);
            last = text;
        }
    }
}

/* Of many cases one property; each that fails is reported. */
static void check_all(Harness *h, CaseFn *fn, const SizeCase *cases,
                      unsigned count, const char *property)
{
    CaseResult *results = cases_run(h, fn, cases, sizeof(*cases), count, 0);
    g_autoptr(GString) wrong = g_string_new(NULL);
    CaseStatus status = CASE_SKIP;
    unsigned failed = 0;
    const char *text = "";

    for (unsigned i = 0; i < count; i++) {
        if (results[i].status == CASE_FAIL) {
            g_string_append_printf(wrong, "%s: %s\n", cases[i].name,
                                   results[i].message);
            harness_keep_one(h, fn, &cases[i], ++failed, results[i].message,
                             byhand_create(h, cases[i].size, cases[i].more));
        } else if (results[i].status == CASE_PASS) {
            status = CASE_PASS;
        } else {
            text = results[i].message;
        }
    }
    harness_report(h, wrong->len ? CASE_FAIL : status,
                   wrong->len ? wrong->str : text, "%s", property);
    print_notes(results, count);
    cases_free(results, count);
}

static void check_sizes(Harness *h, int64_t most)
{
    SizeCase cases[G_N_ELEMENTS(sizes)];
    unsigned count = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (sizes[i] <= most || sizes[i] > LARGE_ENOUGH) {
            cases[count++] = (SizeCase) {
                .size = sizes[i],
                .name = g_strdup_printf("size %" PRId64, sizes[i]),
            };
        }
    }
    check_all(h, size_by_options, cases, count,
              "sizes at boundaries, by options");
    check_all(h, size_by_both, cases, count,
              "options and QAPI accept the same sizes");
    for (unsigned i = 0; i < count; i++) {
        g_free(cases[i].name);
    }
}

/* ---- options ------------------------------------------------------------ */

static void check_option(Harness *h, const QemuOptDesc *desc, int64_t size)
{
    g_autoptr(GPtrArray) values = create_option_values(desc);
    g_autofree SizeCase *cases = g_new(SizeCase, values->len);
    g_autofree char *property = g_strdup_printf("the option %s", desc->name);
    g_autofree char *both = g_strconcat(property, ", by QAPI, too", NULL);

    for (guint i = 0; i < values->len; i++) {
        char *name = g_strdup_printf("%s=%s", desc->name,
                                     (char *)values->pdata[i]);

        cases[i] = (SizeCase) {
            .size = size, .more = name, .name = name, .type = desc->type,
        };
    }
    check_all(h, size_by_options, cases, values->len, property);
    check_all(h, value_by_both, cases, values->len, both);
    for (guint i = 0; i < values->len; i++) {
        g_free(cases[i].name);
    }
}

/* ---- the suite ---------------------------------------------------------- */

/* Does an image of a large size fit into memory? */
static void create_large(Case *c, const void *opaque)
{
    must_create(c, "created", 2040 * GiB, "");
}

static void check_creation(Harness *h)
{
    const QemuOptDesc *desc = bdrv_driver_create_opts(h->drv)->desc;
    const int64_t small = 10 * MiB;
    g_autofree char *message = NULL;
    int64_t most = LARGE_ENOUGH;

    harness_check(h, create_over, &small, "a new image over an old one");
    if (cases_run_one(h, create_large, NULL, NULL, 0, &message) != CASE_PASS) {
        most = 4 * GiB + 512;
        harness_note("images larger than 4 GiB are left out: %s", message);
    }
    check_sizes(h, most);
    for (; desc->name; desc++) {
        if (strcmp(desc->name, "size") != 0) {
            check_option(h, desc, small);
        }
    }
}

const HarnessSuite suite_create = {
    .name = "create",
    .what = "each option and each boundary of the size, by options and by QAPI",
    .creates = true,
    .run = check_creation,
};
