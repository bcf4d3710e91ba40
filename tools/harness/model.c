/* SPDX-License-Identifier: MIT */
/*
 * The model; see model.h.
 *
 * Invariants: segments lie next to each other, sorted, and cover the image at
 * its longest; all bytes of a segment have seen the same operations, the first
 * of which is the content that the model began with.
 */
#include "model.h"

#define NEVER UINT64_MAX

/* An operation, or (the first one) the content at the beginning. */
typedef struct Record {
    Op op;
    unsigned number;
    uint64_t start;
    uint64_t end;               /* NEVER: in flight */
    uint64_t durable;           /* the moment since when it is, or NEVER */
    bool certain;               /* it has happened */
    bool any;                   /* it may have put anything there */
} Record;

typedef struct Segment {
    int64_t start;
    int64_t end;
    GArray *records;            /* unsigned: indices, in order of start */
} Segment;

struct Model {
    GArray *records;
    GArray *segments;
    GArray *lengths;            /* indices of truncations and the beginning */
    uint8_t *content;           /* at the beginning, or NULL */
    int64_t first_length;
    int64_t length;
    uint64_t now;
    bool dirty_growth;
};

struct ModelCut {
    const Model *model;
    uint64_t moment;
    GArray *segments;           /* with the records that count, only */
    GArray *lengths;
};

static Record *get_record(const Model *model, unsigned i)
{
    return &g_array_index(model->records, Record, i);
}

/* The record that the @i-th of @indices names. */
static const Record *record_at(const Model *model, const GArray *indices,
                               guint i)
{
    return get_record(model, g_array_index(indices, unsigned, i));
}

static Segment *get_segment(const GArray *segments, guint i)
{
    return &g_array_index(segments, Segment, i);
}

/* A segment that has seen the first @count of @records. */
static Segment new_segment(int64_t start, int64_t end, const GArray *records,
                           guint count)
{
    GArray *copy = g_array_new(FALSE, FALSE, sizeof(unsigned));

    g_array_append_vals(copy, records->data, count);
    return (Segment) { start, end, copy };
}

/* ---- segments ----------------------------------------------------------- */

/*
 * The segment that holds @offset, or the number of segments.  By halves, since
 * each operation of a long list may have split two of them.
 */
static guint find_segment(const GArray *segments, int64_t offset)
{
    guint low = 0, high = segments->len;

    while (low < high) {
        guint mid = (low + high) / 2;

        if (get_segment(segments, mid)->end <= offset) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/*
 * Lets a segment begin at @offset, so that an operation which begins or ends
 * there is on all of a segment or on none; returns which one.
 */
static guint split_at(Model *model, int64_t offset)
{
    guint i = find_segment(model->segments, offset);
    Segment *s, second;

    if (i == model->segments->len) {
        return i;
    }
    s = get_segment(model->segments, i);
    if (s->start >= offset) {
        return i;
    }
    second = new_segment(offset, s->end, s->records, s->records->len);
    s->end = offset;
    g_array_insert_val(model->segments, i + 1, second);
    return i + 1;
}

static void add_to_range(Model *model, unsigned record, int64_t start,
                         int64_t end)
{
    guint i, last;

    if (start >= end) {
        return;
    }
    /* In this order, because a segment that is split moves those after it. */
    i = split_at(model, start);
    last = split_at(model, end);
    for (; i < last; i++) {
        g_array_append_val(get_segment(model->segments, i)->records, record);
    }
}

static void free_segments(GArray *segments)
{
    for (guint i = 0; i < segments->len; i++) {
        g_array_unref(get_segment(segments, i)->records);
    }
    g_array_unref(segments);
}

/* ---- life, operations --------------------------------------------------- */

Model *model_new(int64_t length, const uint8_t *content, bool dirty_growth)
{
    Model *model = g_new0(Model, 1);
    Record first = { .op.kind = OP__MAX, .op.offset = length,
                     .certain = true };
    unsigned index = 0;
    Segment all;

    model->records = g_array_new(FALSE, FALSE, sizeof(Record));
    g_array_append_val(model->records, first);
    model->lengths = g_array_new(FALSE, FALSE, sizeof(unsigned));
    g_array_append_val(model->lengths, index);
    model->segments = g_array_new(FALSE, FALSE, sizeof(Segment));
    all = new_segment(0, length, model->lengths, 1);
    g_array_append_val(model->segments, all);
    model->first_length = model->length = length;
    model->dirty_growth = dirty_growth;
    if (content) {
        model->content = g_malloc(length);
        memcpy(model->content, content, length);
    }
    return model;
}

void model_free(Model *model)
{
    g_array_unref(model->records);
    free_segments(model->segments);
    g_array_unref(model->lengths);
    g_free(model->content);
    g_free(model);
}

uint64_t model_now(const Model *model)
{
    return model->now;
}

int64_t model_length(const Model *model)
{
    return model->length;
}

/*
 * From now on what lies between the two lengths may be as it was or zero.  What
 * is new has seen the first record, as all segments have, because that one is
 * zero past the first length.
 */
static void begin_truncate(Model *model, unsigned handle, int64_t length)
{
    int64_t end = get_segment(model->segments, model->segments->len - 1)->end;

    if (length > end) {
        Segment more = new_segment(end, length, model->lengths, 1);

        g_array_append_val(model->segments, more);
    }
    add_to_range(model, handle, MIN(length, model->length),
                 MAX(length, model->length));
    g_array_append_val(model->lengths, handle);
}

unsigned model_begin(Model *model, const Op *op, unsigned number)
{
    unsigned handle = model->records->len;
    Record record = {
        .op = *op,
        .number = number,
        .start = ++model->now,
        .end = NEVER,
        .durable = NEVER,
        .any = op->kind == OP_TRUNCATE && model->dirty_growth,
    };

    g_array_append_val(model->records, record);
    if (op->kind == OP_TRUNCATE) {
        begin_truncate(model, handle, op->offset);
    } else if (op_writes(op)) {
        add_to_range(model, handle, op->offset, op->offset + op->bytes);
    }
    return handle;
}

void model_end(Model *model, unsigned handle, int ret)
{
    Record *r = get_record(model, handle);

    r->end = ++model->now;
    /* One that failed may have happened in part, but is never certain. */
    if (ret < 0) {
        return;
    }
    /* A discard is free to do nothing. */
    r->certain = r->op.kind != OP_DISCARD;
    if (r->op.fua) {
        r->durable = r->end;
    }
    if (r->op.kind == OP_TRUNCATE) {
        model->length = r->op.offset;
    }
    /* All that was over when a flush began has arrived, and nothing else. */
    for (guint i = 0; r->op.kind == OP_FLUSH && i < model->records->len; i++) {
        Record *other = get_record(model, i);

        if (other->end < r->start && other->durable == NEVER) {
            other->durable = r->end;
        }
    }
}

/* ---- which values count ------------------------------------------------- */

/*
 * Of @records those that count for a reader between @since and @until; with
 * @durable only what was durable then has happened for certain.  `last` is the
 * begin of the newest one that had happened by then: what was over before that
 * is overwritten, what was not may have come after it.
 */
static GArray *select_records(const Model *model, const GArray *records,
                              uint64_t since, uint64_t until, bool durable)
{
    GArray *counting = g_array_new(FALSE, FALSE, sizeof(unsigned));
    uint64_t last = 0;

    for (guint i = 0; i < records->len; i++) {
        const Record *r = record_at(model, records, i);
        uint64_t happened = durable ? r->durable : r->end;

        if (r->certain && happened <= since) {
            last = MAX(last, r->start);
        }
    }
    for (guint i = 0; i < records->len; i++) {
        const Record *r = record_at(model, records, i);

        if (r->start <= until && r->end >= last) {
            g_array_append_vals(counting, &g_array_index(records, unsigned, i),
                                1);
        }
    }
    return counting;
}

/* What @r made of the byte at @offset; meaningless if it may be anything. */
static uint8_t record_byte(const Model *model, const Record *r, int64_t offset)
{
    switch (r->op.kind) {
    case OP_WRITE:
        return op_byte(&r->op, offset);
    case OP__MAX:
        return model->content && offset < model->first_length
               ? model->content[offset] : 0;
    default:
        return 0;
    }
}

/* Appends what the byte at @offset might have been, the newest first. */
static void explain(const Model *model, const GArray *records, int64_t offset,
                    uint8_t value, GString *why)
{
    const unsigned most = 6;

    g_string_append_printf(why, "byte %" PRId64 " is 0x%02x, not", offset,
                           value);
    for (guint i = 0; i < records->len; i++) {
        const Record *r = record_at(model, records, records->len - 1 - i);

        if (i == most) {
            g_string_append(why, " or ...");
            break;
        }
        g_string_append_printf(why, "%s 0x%02x", i ? " or" : "",
                               record_byte(model, r, offset));
        if (r->op.kind == OP__MAX) {
            g_string_append(why, " (at first)");
        } else {
            g_string_append_printf(why, " (operation %u)", r->number + 1);
        }
    }
}

/*
 * Whole buffers of zeroes or of one pattern are the usual case, and images are
 * read wholly for each state that a power cut leaves.
 */
static bool quick_match(const Model *model, const GArray *records,
                        int64_t bytes, const uint8_t *buf)
{
    const Record *r;
    uint8_t value;

    if (records->len != 1) {
        return false;
    }
    r = record_at(model, records, 0);
    if (r->any) {
        return true;
    }
    if (r->op.salted || (r->op.kind == OP__MAX && model->content)) {
        return false;
    }
    value = record_byte(model, r, 0);
    return buf[0] == value && memcmp(buf, buf + 1, bytes - 1) == 0;
}

static bool check_bytes(const Model *model, const GArray *records,
                        int64_t offset, int64_t bytes, const uint8_t *buf,
                        GString *why)
{
    if (quick_match(model, records, bytes, buf)) {
        return true;
    }
    for (int64_t i = 0; i < bytes; i++) {
        bool allowed = false;

        for (guint n = 0; n < records->len && !allowed; n++) {
            const Record *r = record_at(model, records, n);

            allowed = r->any || record_byte(model, r, offset + i) == buf[i];
        }
        if (!allowed) {
            explain(model, records, offset + i, buf[i], why);
            return false;
        }
    }
    return true;
}

/*
 * @buf is what @segments allow; those of a power cut (@cut) have only records
 * that count, of the others these are selected for a reader from @since on.
 */
static bool check_range(const Model *model, const GArray *segments, bool cut,
                        uint64_t since, int64_t offset, int64_t bytes,
                        const uint8_t *buf, GString *why)
{
    int64_t end = offset + bytes;

    for (guint i = find_segment(segments, offset); i < segments->len; i++) {
        const Segment *s = get_segment(segments, i);
        int64_t from = MAX(offset, s->start), to = MIN(end, s->end);
        g_autoptr(GArray) records = NULL;

        if (from >= to) {
            break;
        }
        records = cut ? g_array_ref(s->records)
                      : select_records(model, s->records, since, model->now,
                                       false);
        if (!check_bytes(model, records, from, to - from, buf + from - offset,
                         why)) {
            return false;
        }
    }
    return true;
}

bool model_check_read(const Model *model, uint64_t since, int64_t offset,
                      int64_t bytes, const uint8_t *buf, GString *why)
{
    return check_range(model, model->segments, false, since, offset, bytes,
                       buf, why);
}

/* ---- power cuts --------------------------------------------------------- */

/* Once for all segments, because many states of one moment are looked at. */
ModelCut *model_cut_new(const Model *model, uint64_t moment)
{
    ModelCut *cut = g_new0(ModelCut, 1);

    cut->model = model;
    cut->moment = moment;
    cut->segments = g_array_new(FALSE, FALSE, sizeof(Segment));
    for (guint i = 0; i < model->segments->len; i++) {
        Segment s = *get_segment(model->segments, i);

        s.records = select_records(model, s.records, moment, moment, true);
        g_array_append_val(cut->segments, s);
    }
    cut->lengths = select_records(model, model->lengths, moment, moment, true);
    return cut;
}

void model_cut_free(ModelCut *cut)
{
    free_segments(cut->segments);
    g_array_unref(cut->lengths);
    g_free(cut);
}

bool model_cut_check_length(const ModelCut *cut, int64_t length, GString *why)
{
    int64_t low = INT64_MAX, high = 0;

    for (guint i = 0; i < cut->lengths->len; i++) {
        int64_t one = record_at(cut->model, cut->lengths, i)->op.offset;

        low = MIN(low, one);
        high = MAX(high, one);
    }
    if (length >= low && length <= high) {
        return true;
    }
    g_string_append_printf(why, "the image is %" PRId64 " bytes long, not %"
                           PRId64 " to %" PRId64, length, low, high);
    return false;
}

bool model_cut_check(const ModelCut *cut, int64_t offset, int64_t bytes,
                     const uint8_t *buf, GString *why)
{
    return check_range(cut->model, cut->segments, true, cut->moment, offset,
                       bytes, buf, why);
}
