/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/uuid.h: the version and variant of generated identifiers, the
 * text in both directions, and every way in which a text can be wrong.
 */
#include "qemu/osdep.h"
#include "qemu/uuid.h"

static const char text[] = "01234567-89ab-cdef-8123-456789abcdef";
static const QemuUUID uuid = {
    .data = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x81, 0x23, 0x45,
              0x67, 0x89, 0xab, 0xcd, 0xef },
};

static void test_generate(void)
{
    QemuUUID seen[64];
    uint8_t any[16] = { 0 }, all[16];
    size_t i, j;

    memset(all, 0xff, sizeof(all));
    for (i = 0; i < ARRAY_SIZE(seen); i++) {
        qemu_uuid_generate(&seen[i]);
        g_assert_cmphex(seen[i].data[6] >> 4, ==, 4);
        g_assert_cmphex(seen[i].data[8] >> 6, ==, 2);
        g_assert_false(qemu_uuid_is_null(&seen[i]));
        for (j = 0; j < i; j++) {
            g_assert_false(qemu_uuid_is_equal(&seen[i], &seen[j]));
        }
        for (j = 0; j < 16; j++) {
            any[j] |= seen[i].data[j];
            all[j] &= seen[i].data[j];
        }
    }
    /* Each bit that is not fixed took both values. */
    for (j = 0; j < 16; j++) {
        g_assert_cmphex(any[j], ==, j == 6 ? 0x4f : j == 8 ? 0xbf : 0xff);
        g_assert_cmphex(all[j], ==, j == 6 ? 0x40 : j == 8 ? 0x80 : 0);
    }
}

static void test_null(void)
{
    QemuUUID u = { 0 };
    size_t i;

    g_assert_true(qemu_uuid_is_null(&u));
    for (i = 0; i < 16; i++) {
        u.data[i] = 1;
        g_assert_false(qemu_uuid_is_null(&u));
        u.data[i] = 0;
    }
}

static void test_text(void)
{
    g_autofree char *copy = qemu_uuid_unparse_strdup(&uuid);
    char out[UUID_FMT_LEN + 2] = "......................................";
    QemuUUID parsed = { 0 };

    qemu_uuid_unparse(&uuid, out);
    g_assert_cmpstr(out, ==, text);
    g_assert_cmpstr(copy, ==, text);
    g_assert_cmpint(qemu_uuid_parse(out, &parsed), ==, 0);
    g_assert_true(qemu_uuid_is_equal(&parsed, &uuid));
    parsed = (QemuUUID){ 0 };
    g_assert_cmpint(
        qemu_uuid_parse("01234567-89AB-CDEF-8123-456789ABCDEF", &parsed), ==,
        0);
    g_assert_true(qemu_uuid_is_equal(&parsed, &uuid));
}

/* Each character changed, each prefix, and something behind. */
static void test_bad_text(void)
{
    static const char bad[] = "gG-x /:@`{\n\xff";
    char work[UUID_FMT_LEN + 2];
    QemuUUID u = uuid;
    size_t i, j;

    for (i = 0; i < UUID_FMT_LEN; i++) {
        for (j = 0; bad[j]; j++) {
            strcpy(work, text);
            if (work[i] == bad[j]) {
                continue;
            }
            work[i] = bad[j];
            g_assert_cmpint(qemu_uuid_parse(work, &u), ==, -EINVAL);
        }
        strcpy(work, text);
        work[i] = '\0';
        g_assert_cmpint(qemu_uuid_parse(work, &u), ==, -EINVAL);
    }
    strcpy(work, text);
    strcat(work, "0");
    g_assert_cmpint(qemu_uuid_parse(work, &u), ==, -EINVAL);
    g_assert_true(qemu_uuid_is_equal(&u, &uuid));
}

static void test_bswap(void)
{
    QemuUUID swapped = qemu_uuid_bswap(uuid);
    g_autofree char *out = qemu_uuid_unparse_strdup(&swapped);
    QemuUUID back = qemu_uuid_bswap(swapped);

    g_assert_cmpstr(out, ==, "67452301-ab89-efcd-8123-456789abcdef");
    g_assert_true(qemu_uuid_is_equal(&back, &uuid));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uuid/generate", test_generate);
    g_test_add_func("/uuid/null", test_null);
    g_test_add_func("/uuid/text", test_text);
    g_test_add_func("/uuid/bad-text", test_bad_text);
    g_test_add_func("/uuid/bswap", test_bswap);
    return g_test_run();
}
