/* SPDX-License-Identifier: MIT */
/*
 * The turns suite: an image is used by one process after another, and by
 * another program that reads it (--reader).
 *
 * Invariants:
 *   - The image is a file without a name between two sessions; each session
 *     has a process of its own, so all that is left of it is in the file.
 *   - A list is cut into sessions where it closes and opens the image.
 *   - The case itself never opens an image: it keeps the model, where each
 *     request of a session that ended well has succeeded, one after another.
 *   - What --reader reads is compared with the model alone, not with what the
 *     driver reads: a driver that reads what is not valid makes it valid for
 *     everybody with a write, which only another reader can see.
 */
#include "keep.h"
#include "run.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MAX_BYTES  (256 << 10)

/* Operations of a list, of a session, and lists. */
#define LIST_OPS    32
#define SESSION_OPS 6
#define LISTS       3

typedef struct Turns {
    Run run;                    /* the list of its session is a part */
    const ListCase *list;
    const char *path;           /* of the image to be copied, or NULL */
    int64_t length;             /* as the driver has it; 0: unknown */
    int image;                  /* file descriptors: the image, ... */
    int content;                /* ... what it reads as */
    bool reader;                /* that says what is right, not the driver */
} Turns;

/* What a new image is like; if it is all zero there is no content. */
typedef struct Beginning {
    int64_t length;
    bool zero;
    bool dirty_growth;
} Beginning;

/* ---- files in memory ---------------------------------------------------- */

static int new_file(Case *c, const char *name)
{
    int fd = memfd_create(name, 0);

    if (fd < 0) {
        case_fail(c, "no file in memory: %s", strerror(errno));
    }
    return fd;
}

/* Makes the file @fd what the disk is. */
static void save_disk(Case *c, const MemDisk *disk, int fd)
{
    if (ftruncate(fd, 0) < 0 || !stack_save(disk, fd)) {
        case_fail(c, "a file in memory cannot be written: %s",
                  strerror(errno));
    }
}

/* All of the file @fd; skips what is too long. */
static GMappedFile *map_file(Case *c, int fd)
{
    GMappedFile *file = g_mapped_file_new_from_fd(fd, FALSE, NULL);

    if (!file) {
        case_fail(c, "a file in memory cannot be read");
    }
    if (g_mapped_file_get_length(file) > MAX_LENGTH) {
        case_skip(c, "the image is %zu bytes long",
                  g_mapped_file_get_length(file));
    }
    return file;
}

/* ---- sessions ----------------------------------------------------------- */

/*
 * Runs @fn in a process of its own, which ends when this one does; what fails
 * there has failed here.  Whether it ended well, or with @name the case fails.
 */
static bool in_process(Turns *t, void (*fn)(Turns *t), const char *name)
{
    Case *c = t->run.c;
    int status = 0;
    pid_t pid;

    /* What is in a buffer would be printed twice. */
    fflush(NULL);
    pid = fork();
    if (pid < 0) {
        case_fail(c, "no process: %s", strerror(errno));
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        c->where = name;
        fn(t);
        _exit(0);
    }
    keep_session(pid);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    keep_session(0);
    if (*c->result->message) {
        _exit(0);
    }
    if (status && name) {
        case_fail(c, "%s: the process died: %s", name, WIFSIGNALED(status)
                  ? strsignal(WTERMSIG(status)) : "it exited by itself");
    }
    return status == 0;
}

static void load_image(Turns *t)
{
    g_autofree char *path = g_strdup_printf("/dev/fd/%d", t->image);
    Error *err = NULL;

    if (!stack_load(t->run.how.disk, path, &err)) {
        case_fail_err(t->run.c, err, "no copy");
    }
}

/* The first process makes the image, and says what it reads as. */
static void first_session(Turns *t)
{
    Run *run = &t->run;
    Case *c = run->c;

    case_image(c, run->how.disk, t->path,
               t->list ? t->list->facts.size : 0);
    if (!t->reader) {
        Beginning b = { 0 };

        run_open(run);
        run_adopt(run);
        b.length = model_length(run->model);
        b.zero = !c->h->from && bdrv_has_zero_init(blk_bs(run->blk));
        b.dirty_growth = !bdrv_has_zero_init_truncate(blk_bs(run->blk));
        if (!b.zero) {
            g_autofree uint8_t *buf = run_read_all(run);

            if (pwrite(t->content, buf, b.length, 0) != b.length) {
                case_fail(c, "a file in memory cannot be written: %s",
                          strerror(errno));
            }
        }
        run_close(run);
        case_send(c, &b, sizeof(b));
    }
    save_disk(c, mem_disk_find(run->how.disk), t->image);
}

/* Each other one reads all that those before it have written, then writes. */
static void later_session(Turns *t)
{
    Run *run = &t->run;

    load_image(t);
    run_open(run);
    if (!t->reader) {
        run_verify(run);
    }
    run_ops(run);
    if (!t->reader) {
        run_verify(run);
    }
    /* In the last one, because it would hide what a later one finds. */
    if (!t->reader && !run->parts) {
        run_verify_check(run);
    }
    run_close(run);
    save_disk(run->c, mem_disk_find(run->how.disk), t->image);
}

/* ---- the other reader --------------------------------------------------- */

/* Becomes the program of --reader. */
static void exec_reader(Turns *t)
{
    g_autofree char *command =
        g_strdup_printf("exec %s /dev/fd/%d /dev/fd/%d", t->run.c->h->reader,
                        t->image, t->content);

    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
}

/*
 * What --reader reads in the image, or NULL if it fails; what it prints follows
 * the message of a failure.
 */
static GMappedFile *read_by_other(Turns *t)
{
    if (ftruncate(t->content, 0) < 0) {
        case_fail(t->run.c, "a file in memory: %s", strerror(errno));
    }
    return in_process(t, exec_reader, NULL) ? map_file(t->run.c, t->content)
                                            : NULL;
}

static int64_t check_length(Case *c, GMappedFile *content, int64_t wanted)
{
    int64_t length = g_mapped_file_get_length(content);

    if (length != wanted) {
        case_fail(c, "the other reader: the image is %" PRId64 " bytes long, "
                  "not %" PRId64, length, wanted);
    }
    return length;
}

static void verify_by_other(Turns *t)
{
    const Model *model = t->run.model;
    Case *c = t->run.c;
    g_autoptr(GString) why = g_string_new("the other reader: ");
    g_autoptr(GMappedFile) content = read_by_other(t);
    int64_t length;

    if (c->h->keeping) {
        load_image(t);
        keep_state(t->run.how.disk);
        mem_disk_free(mem_disk_find(t->run.how.disk));
    }
    if (!content) {
        case_fail(c, "the other reader fails");
    }
    length = check_length(c, content, model_length(model));
    if (!model_check_read(model, model_now(model), 0, length,
                          (uint8_t *)g_mapped_file_get_contents(content),
                          why)) {
        case_fail(c, "%s", why->str);
    }
}

/* ---- the list ----------------------------------------------------------- */

/* The model begins with what the driver, or the other reader, reads. */
static void begin(Turns *t)
{
    static const ListTrace none;
    Case *c = t->run.c;
    Beginning b = { 0 };
    g_autoptr(GMappedFile) content = NULL;

    t->image = new_file(c, "image");
    t->content = new_file(c, "content");
    in_process(t, first_session, "the first session");
    memcpy(&b, c->result->data, sizeof(b));
    /* That is what others take it for. */
    case_send(c, &none, sizeof(none));
    if (t->reader) {
        content = read_by_other(t);
        if (!content && t->path) {
            case_skip(c, "the other reader does not read it");
        } else if (!content) {
            case_fail(c, "the other reader fails with a new image");
        }
        b.length = t->length ? check_length(c, content, t->length)
                             : (int64_t)g_mapped_file_get_length(content);
    } else if (!b.zero) {
        content = map_file(c, t->content);
    }
    t->run.model = model_new(
        b.length, content ? (uint8_t *)g_mapped_file_get_contents(content)
                          : NULL, b.dirty_growth);
}

/* A session with the operations from @first to before @end. */
static void run_session(Turns *t, guint first, guint end, unsigned number)
{
    g_autofree char *name = g_strdup_printf("session %u", number);
    g_autoptr(GArray) part = g_array_new(FALSE, FALSE, sizeof(Op));

    for (guint i = first; i < end; i++) {
        Op op = g_array_index(t->list->ops, Op, i);

        /* What the driver reads is no matter here; operations are numbered. */
        if (t->reader && op.kind == OP_READ) {
            op.kind = OP_STATUS;
        }
        g_array_append_val(part, op);
    }
    t->run.ops = part;
    t->run.first = first;
    in_process(t, later_session, name);
    for (guint i = first; i < end; i++) {
        const Op *op = &g_array_index(t->list->ops, Op, i);

        if (op->kind != OP_READ) {
            model_end(t->run.model, model_begin(t->run.model, op, i), 0);
        }
    }
    if (t->reader) {
        verify_by_other(t);
    }
}

static void run_turns(Turns *t)
{
    const GArray *ops = t->list->ops;
    unsigned sessions = 1;
    guint first = 0;

    begin(t);
    t->run.parts = parts_new(t->list);
    for (guint i = 0; i < ops->len; i++) {
        if (g_array_index(ops, Op, i).kind == OP_REOPEN) {
            run_session(t, first, i, ++sessions);
            first = i + 1;
        }
    }
    run_session(t, first, ops->len, ++sessions);
    if (!t->reader) {
        /* Which only reads, but all. */
        g_clear_pointer(&t->run.parts, g_free);
        run_session(t, 0, 0, ++sessions);
    }
    g_free(t->run.parts);
    model_free(t->run.model);
}

static void test_turns(Case *c, const void *opaque)
{
    const ListCase *list = opaque;
    Turns t = {
        .run = run_new(c, list, "turns"),
        .list = list,
        .path = list->image,
        .length = list->facts.length,
        .reader = list->extra,
    };

    run_turns(&t);
}

/* ---- properties --------------------------------------------------------- */

/* Does the driver read the image as --reader does? */
static void compare_readers(Case *c, const void *opaque)
{
    ListCase none = { .depth = 1 };
    Turns t = { .run = run_new(c, &none, "turns"), .path = opaque,
                .reader = true };

    begin(&t);
    load_image(&t);
    t.run.blk = case_open_to_read(c, &t.run.how, false);
    run_verify(&t.run);
    run_close(&t.run);
    run_finish(&t.run);
}

/* One at a time: then the order of the requests is known to another process. */
static void check_lists(Harness *h, const ImageFacts *facts,
                        const char *reader, const char *path,
                        const char *property)
{
    ListCase lists[LISTS];
    unsigned count = facts_cases(facts, LISTS);

    for (unsigned i = 0; i < count; i++) {
        OpsPlan plan = {
            .facts = *facts,
            .seed = harness_seed(h, "turns", i),
            .count = LIST_OPS,
            .max_bytes = MAX_BYTES,
        };
        GArray *ops;

        lists[i] = list_case_new(h, plan, 1);
        lists[i].image = path;
        lists[i].extra = reader;
        ops = lists[i].ops;
        for (guint at = SESSION_OPS; at < ops->len; at += SESSION_OPS) {
            g_array_index(ops, Op, at) = (Op) { .kind = OP_REOPEN };
        }
        ops_clip(ops, facts->length);
    }
    lists_check(h, test_turns, lists, count, "%s", property);
}

static void check_image(Harness *h, const char *path, const char *suffix)
{
    g_autofree char *property = g_strconcat("another reader sees what is "
                                            "written, and nothing else",
                                            suffix, NULL);
    g_autofree char *message = NULL;
    ImageFacts facts = { 0 };
    CaseStatus status;

    harness_check(h, compare_readers, path, "another reader reads the same%s",
                  suffix);
    status = cases_run_one(h, image_learn_length, path, &facts.length,
                           sizeof(facts.length), &message);
    if (status == CASE_PASS) {
        check_lists(h, &facts, h->reader, path, property);
    } else {
        harness_report(h, status, message, "%s", property);
    }
}

static void check_turns(Harness *h, const char *path, const char *suffix)
{
    ImageFacts facts;

    if (!path) {
        if (!harness_learn_file(h, &facts)) {
            return;
        }
        check_lists(h, &facts, NULL, NULL,
                    "sessions of processes in turn");
    }
    if (!h->reader) {
        harness_report(h, CASE_SKIP, "there is no --reader",
                       "another reader reads the same%s", suffix);
    } else if (path) {
        check_image(h, path, suffix);
    } else {
        check_lists(h, &facts, h->reader, NULL,
                    "another reader sees what sessions write");
    }
}

const HarnessSuite suite_turns = {
    .name = "turns",
    .what = "one process after another, and the program of --reader",
    .on_images = true,
    .run_image = check_turns,
};
