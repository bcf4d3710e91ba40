/* SPDX-License-Identifier: MIT */
/*
 * The values that sectors may have; see cut-model.h.
 *
 * Invariant: a sector's value is its first eight bytes, of which the others
 * are copies.  The number of the sector is in it, so that data in the wrong
 * place is seen.
 */
#include "qemu/osdep.h"
#include "cut-model.h"
#include "qemu/bswap.h"
#include "qemu/units.h"

#define SECTOR 512

/* Requests whose end no flush has followed yet, in their order. */
typedef struct Request {
    uint32_t first, count;
    uint32_t id;                /* 0: zeroes */
    bool maybe;
} Request;

struct CutModel {
    uint32_t sectors;
    uint32_t next_id;
    uint64_t *flushed;          /* the value of each sector */
    GArray *requests;
};

uint32_t cut_model_size(const CutModel *m)
{
    return m->sectors;
}

CutModel *cut_model_copy(const CutModel *m)
{
    CutModel *copy = g_new0(CutModel, 1);

    copy->sectors = m->sectors;
    copy->next_id = m->next_id;
    copy->flushed = g_memdup2(m->flushed, m->sectors * sizeof(uint64_t));
    copy->requests = g_array_new(false, false, sizeof(Request));
    g_array_append_vals(copy->requests, m->requests->data, m->requests->len);
    return copy;
}

void cut_model_free(CutModel *m)
{
    g_array_free(m->requests, true);
    g_free(m->flushed);
    g_free(m);
}

static uint64_t value_of(uint32_t id, uint32_t sector)
{
    return id ? (uint64_t)id << 32 | sector : 0;
}

unsigned cut_model_begin(CutModel *m, uint32_t first, uint32_t count,
                         uint8_t *buf)
{
    Request r = { first, count, buf ? m->next_id++ : 0, false };

    for (size_t i = 0; buf && i < (size_t)count * SECTOR; i += 8) {
        stq_be_p(buf + i, value_of(r.id, first + i / SECTOR));
    }
    g_array_append_val(m->requests, r);
    return m->requests->len - 1;
}

void cut_model_maybe(CutModel *m, unsigned request)
{
    g_array_index(m->requests, Request, request).maybe = true;
}

/* ---- reading ------------------------------------------------------------ */

static bool may_read(const CutModel *m, uint32_t sector, uint64_t value,
                     bool cut)
{
    for (unsigned i = m->requests->len; i-- > 0;) {
        const Request *r = &g_array_index(m->requests, Request, i);

        if (sector < r->first || sector - r->first >= r->count) {
            continue;
        }
        if (value == value_of(r->id, sector)) {
            return true;
        }
        if (!cut && !r->maybe) {
            return false;
        }
    }
    return value == m->flushed[sector];
}

/* What a wrong value may tell of where it comes from. */
static void explain(const CutModel *m, uint32_t sector, const uint8_t *buf,
                    GString *why)
{
    g_string_append_printf(why, "sector %u reads %016" PRIx64 " (%.8s); "
                           "flushed %016" PRIx64, sector, ldq_be_p(buf),
                           g_ascii_isalpha(*buf) ? (const char *)buf : "",
                           m->flushed[sector]);
    for (unsigned i = 0; i < m->requests->len; i++) {
        const Request *r = &g_array_index(m->requests, Request, i);

        if (sector >= r->first && sector - r->first < r->count) {
            g_string_append_printf(why, ", then %016" PRIx64 "%s",
                                   value_of(r->id, sector),
                                   r->maybe ? " or not" : "");
        }
    }
}

static bool repeats(const uint8_t *buf)
{
    return memcmp(buf, buf + 8, SECTOR - 8) == 0;
}

typedef enum Reading { READ_NEW, READ_PLAIN, READ_CUT } Reading;

/* @count sectors, at most 128: they are as they must be; kept where asked. */
static bool read_some(CutModel *m, BlockBackend *blk, uint32_t first,
                      uint32_t count, Reading how, uint64_t *keep,
                      GString *why)
{
    uint8_t buf[64 * KiB];
    int ret = blk_pread(blk, (int64_t)first * SECTOR, buf, count * SECTOR);

    if (ret < 0) {
        g_string_append_printf(why, "cannot read sector %u: %s", first,
                               strerror(-ret));
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *at = buf + i * SECTOR;

        if (!repeats(at) ||
            (how != READ_NEW &&
             !may_read(m, first + i, ldq_be_p(at), how == READ_CUT))) {
            explain(m, first + i, at, why);
            return false;
        }
        if (keep) {
            keep[first + i] = ldq_be_p(at);
        }
    }
    return true;
}

static bool read_range(CutModel *m, BlockBackend *blk, uint32_t first,
                       uint32_t count, Reading how, uint64_t *keep,
                       GString *why)
{
    bool good = true;

    for (uint32_t n; good && count; first += n, count -= n) {
        n = MIN(count, 64 * KiB / SECTOR);
        good = read_some(m, blk, first, n, how, keep, why);
    }
    return good;
}

CutModel *cut_model_new(BlockBackend *blk)
{
    g_autoptr(GString) why = g_string_new("");
    CutModel *m = g_new0(CutModel, 1);

    m->sectors = blk_getlength(blk) / SECTOR;
    m->next_id = 1;
    m->flushed = g_new0(uint64_t, m->sectors);
    m->requests = g_array_new(false, false, sizeof(Request));
    if (!read_range(m, blk, 0, m->sectors, READ_NEW, m->flushed, why)) {
        g_error("%s", why->str);
    }
    return m;
}

bool cut_model_flushed(CutModel *m, BlockBackend *blk, GString *why)
{
    for (unsigned i = 0; i < m->requests->len; i++) {
        const Request *r = &g_array_index(m->requests, Request, i);

        if (!read_range(m, blk, r->first, r->count, READ_PLAIN, NULL, why)) {
            return false;
        }
    }
    for (unsigned i = 0; i < m->requests->len; i++) {
        const Request *r = &g_array_index(m->requests, Request, i);

        read_range(m, blk, r->first, r->count, READ_NEW, m->flushed, why);
    }
    g_array_set_size(m->requests, 0);
    return true;
}

bool cut_model_verify(CutModel *m, BlockBackend *blk, bool cut, GString *why)
{
    if (!read_range(m, blk, 0, m->sectors, cut ? READ_CUT : READ_PLAIN,
                    cut ? m->flushed : NULL, why)) {
        return false;
    }
    if (cut) {
        g_array_set_size(m->requests, 0);
    }
    return true;
}
