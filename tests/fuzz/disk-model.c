/* SPDX-License-Identifier: MIT */
/*
 * What a disk must read as; see disk-model.h.
 */
#include "qemu/osdep.h"
#include "disk-model.h"

/* So much of a long write is looked at, from its beginning and its end. */
#define LOOK_AT 4096

DiskModel *disk_model_new(BlockBackend *before)
{
    DiskModel *model = g_new0(DiskModel, 1);

    model->before = before;
    model->writes = g_array_new(false, false, sizeof(ModelWrite));
    return model;
}

void disk_model_free(DiskModel *model)
{
    g_array_free(model->writes, true);
    g_free(model);
}

void disk_model_fill(uint8_t pattern, int64_t offset, uint8_t *buf,
                     size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, offset++) {
        buf[i] = pattern + offset + (offset >> 9) * 7;
    }
}

void disk_model_add(DiskModel *model, const ModelWrite *write)
{
    g_array_append_val(model->writes, *write);
}

/* Lets @w cover its part of the @bytes at @offset. */
static void cover(const ModelWrite *w, int64_t offset, size_t bytes,
                  uint8_t *expected, uint8_t *known)
{
    int64_t start = MAX(offset, w->offset);
    int64_t end = MIN(offset + (int64_t)bytes, w->offset + w->bytes);
    size_t skip = start - offset;

    if (start >= end) {
        return;
    }
    memset(known + skip, w->kind != MODEL_UNKNOWN, end - start);
    if (w->kind == MODEL_PATTERN) {
        disk_model_fill(w->pattern, start, expected + skip, end - start);
    } else {
        memset(expected + skip, 0, end - start);
    }
}

void disk_model_check(const DiskModel *model, BlockBackend *blk,
                      int64_t offset, size_t bytes)
{
    g_autofree uint8_t *expected = g_malloc(MAX(bytes, 1));
    g_autofree uint8_t *known = g_malloc(MAX(bytes, 1));
    g_autofree uint8_t *buf = g_malloc(MAX(bytes, 1));
    int ret = blk_pread(model->before, offset, expected, bytes);

    g_assert_cmpint(blk_pread(blk, offset, buf, bytes), ==, ret);
    if (ret < 0) {
        return;
    }
    memset(known, 1, bytes);
    for (unsigned i = 0; i < model->writes->len; i++) {
        cover(&g_array_index(model->writes, ModelWrite, i), offset, bytes,
              expected, known);
    }
    for (size_t i = 0; i < bytes; i++) {
        g_assert_true(!known[i] || buf[i] == expected[i]);
    }
}

void disk_model_check_all(const DiskModel *model, BlockBackend *blk)
{
    int64_t length = blk_getlength(blk);

    for (unsigned i = 0; i < model->writes->len; i++) {
        ModelWrite *w = &g_array_index(model->writes, ModelWrite, i);
        int64_t ends[] = { w->offset, w->offset + w->bytes };

        for (unsigned n = 0; n < G_N_ELEMENTS(ends); n++) {
            int64_t start = MAX(ends[n] - LOOK_AT, 0);
            int64_t end = MIN(ends[n] + LOOK_AT, length);

            disk_model_check(model, blk, start, end - start);
        }
    }
}
