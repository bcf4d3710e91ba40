/* SPDX-License-Identifier: MIT */
/*
 * The bits of a sector bitmap against an array of bools: ranges at random, in
 * blocks that do and do not end with a word.
 */
#include "qemu/osdep.h"
#include "block/vpc/vpc.h"

#define MOST_SECTORS 256

typedef struct Fixture {
    VpcState s;
    VpcBatPage *page;           /* absent */
    VpcBitmap bitmap;
    uint64_t words[MOST_SECTORS / 64];
    bool model[MOST_SECTORS];
} Fixture;

static void init_fixture(Fixture *f, uint32_t sectors)
{
    memset(f, 0, sizeof(*f));
    f->s.bat.pages = &f->page;
    vpc_bitmap_open(&f->s);
    f->bitmap.words = f->words;
    f->bitmap.sectors = sectors;
    f->bitmap.pins = 1;
}

static void compare_run(Fixture *f, uint32_t first, uint32_t max)
{
    uint32_t expected = 1;
    bool set;

    while (expected < max && f->model[first + expected] == f->model[first]) {
        expected++;
    }
    g_assert_cmpuint(vpc_bitmap_run(&f->bitmap, first, max, &set), ==,
                     expected);
    g_assert_cmpint(set, ==, f->model[first]);
}

static void compare(Fixture *f)
{
    const uint8_t *bytes = (const uint8_t *)f->words;
    uint32_t set = 0, first_clear = f->bitmap.sectors;

    for (uint32_t i = MOST_SECTORS; i-- > 0;) {
        g_assert_cmpint(vpc_bit(bytes, i), ==, f->model[i]);
        set += f->model[i];
        if (i < f->bitmap.sectors && !f->model[i]) {
            first_clear = i;
        }
    }
    g_assert_cmpuint(f->bitmap.set, ==, set);
    g_assert_cmpuint(f->bitmap.first_clear, ==, first_clear);
    g_assert_cmpint(vpc_bitmap_is_empty(&f->bitmap), ==, set == 0);
}

static void change(Fixture *f, uint32_t first, uint32_t count, bool value)
{
    bool changes = false;

    for (uint32_t i = first; i < first + count; i++) {
        changes |= f->model[i] != value;
        f->model[i] = value;
    }
    if (f->bitmap.dirty) {
        QTAILQ_REMOVE(&f->s.bitmaps.dirty, &f->bitmap, link);
        f->bitmap.dirty = false;
    }
    if (value) {
        vpc_bitmap_set(&f->s, &f->bitmap, first, count);
    } else {
        vpc_bitmap_clear(&f->s, &f->bitmap, first, count);
    }
    g_assert_cmpint(vpc_bitmap_is_dirty(&f->s), ==, changes);
}

static void test_ranges(const void *data)
{
    uint32_t sectors = GPOINTER_TO_UINT(data);
    Fixture f;

    init_fixture(&f, sectors);
    compare(&f);
    change(&f, 0, sectors, true);
    compare(&f);
    for (int i = 0; i < 20000; i++) {
        uint32_t first = g_test_rand_int_range(0, sectors);
        uint32_t count = g_test_rand_int_range(1, sectors - first + 1);

        change(&f, first, count, g_test_rand_int_range(0, 2));
        compare(&f);
        first = g_test_rand_int_range(0, sectors);
        compare_run(&f, first, g_test_rand_int_range(1, sectors - first + 1));
    }
    g_hash_table_destroy(f.s.bitmaps.by_block);
}

int main(int argc, char **argv)
{
    static const unsigned sectors[] = { 1, 8, 63, 64, 65, 200, 256 };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
        g_autofree char *path = g_strdup_printf("/vpc-bitmap/%u-sectors",
                                                sectors[i]);

        g_test_add_data_func(path, GUINT_TO_POINTER(sectors[i]), test_ranges);
    }
    return g_test_run();
}
