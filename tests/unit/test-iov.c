/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/iov.h: vectors cut at random from one buffer, compared with
 * the same operation on the buffer; ownership; slices that do not allocate.
 */
#include "qemu/osdep.h"
#include "minblk/iov-space.h"
#include "qemu/iov.h"

enum { MEMORY = 4096, ELEMENTS = 24, ROUNDS = 3000 };

/* A vector and the flat bytes that it stands for. */
typedef struct Case {
    uint8_t memory[MEMORY];
    uint8_t flat[MEMORY];
    QEMUIOVector qiov;
} Case;

/* Random elements in order, some empty, with gaps between them. */
static void case_init(Case *c)
{
    int i, n = g_test_rand_int_range(0, ELEMENTS);
    size_t at = 0;

    for (i = 0; i < MEMORY; i++) {
        c->memory[i] = g_test_rand_int();
    }
    qemu_iovec_init(&c->qiov, g_test_rand_int_range(0, 3));
    for (i = 0; i < n; i++) {
        size_t len =
            g_test_rand_int_range(0, 4) ? g_test_rand_int_range(1, 100) : 0;

        qemu_iovec_add(&c->qiov, len ? c->memory + at : NULL, len);
        at += len + g_test_rand_int_range(0, 10);
    }
    g_assert_cmpint(c->qiov.niov, ==, n);
    g_assert_cmpuint(c->qiov.size, ==, iov_size(c->qiov.iov, n));
    g_assert_cmpuint(qemu_iovec_to_buf(&c->qiov, 0, c->flat, MEMORY), ==,
                     c->qiov.size);
}

/* A range within [0, size]. */
static void random_range(size_t size, size_t *offset, size_t *len)
{
    *offset = g_test_rand_int_range(0, size + 1);
    *len = g_test_rand_int_range(0, size - *offset + 1);
}

/* @qiov stands for exactly @len bytes equal to those at @flat. */
static void check_content(QEMUIOVector *qiov, const uint8_t *flat, size_t len)
{
    uint8_t buf[MEMORY];

    g_assert_cmpuint(qiov->size, ==, len);
    g_assert_cmpuint(iov_size(qiov->iov, qiov->niov), ==, len);
    g_assert_cmpuint(qemu_iovec_to_buf(qiov, 0, buf, MEMORY), ==, len);
    g_assert_cmpint(memcmp(buf, flat, len), ==, 0);
}

static void test_copy(void)
{
    uint8_t in[MEMORY], out[MEMORY];
    size_t offset, len, i;
    Case c;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        case_init(&c);
        random_range(c.qiov.size, &offset, &len);
        for (i = 0; i < len; i++) {
            in[i] = g_test_rand_int();
        }
        g_assert_cmpuint(qemu_iovec_from_buf(&c.qiov, offset, in, len), ==,
                         len);
        memcpy(c.flat + offset, in, len);
        check_content(&c.qiov, c.flat, c.qiov.size);
        g_assert_cmpuint(qemu_iovec_to_buf(&c.qiov, offset, out, len), ==, len);
        g_assert_cmpint(memcmp(in, out, len), ==, 0);

        random_range(c.qiov.size, &offset, &len);
        g_assert_cmpuint(qemu_iovec_memset(&c.qiov, offset, round, len), ==,
                         len);
        memset(c.flat + offset, round, len);
        check_content(&c.qiov, c.flat, c.qiov.size);
        /* More than there is: as much as there is. */
        g_assert_cmpuint(qemu_iovec_memset(&c.qiov, offset, 7, SIZE_MAX), ==,
                         c.qiov.size - offset);
        qemu_iovec_destroy(&c.qiov);
    }
}

/* Writing through a vector must not touch what lies between its elements. */
static void test_gaps(void)
{
    uint8_t memory[32] = { 0 };
    QEMUIOVector qiov;
    size_t i;

    qemu_iovec_init(&qiov, 2);
    qemu_iovec_add(&qiov, memory + 4, 8);
    qemu_iovec_add(&qiov, memory + 20, 8);
    qemu_iovec_memset(&qiov, 3, 1, 10);
    for (i = 0; i < sizeof(memory); i++) {
        g_assert_cmpint(memory[i], ==,
                        (i >= 7 && i < 12) || (i >= 20 && i < 25));
    }
    qemu_iovec_destroy(&qiov);
}

static void test_concat(void)
{
    size_t offset, len, before;
    QEMUIOVector dst, src;
    uint8_t flat[2 * MEMORY];
    Case c;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        case_init(&c);
        qemu_iovec_init(&dst, 1);
        random_range(c.qiov.size, &offset, &len);
        qemu_iovec_concat(&dst, &c.qiov, offset, len);
        memcpy(flat, c.flat + offset, len);
        check_content(&dst, flat, len);

        before = len;
        random_range(c.qiov.size, &offset, &len);
        qemu_iovec_init_external(&src, c.qiov.iov, c.qiov.niov);
        qemu_iovec_concat(&dst, &src, offset, len);
        memcpy(flat + before, c.flat + offset, len);
        check_content(&dst, flat, before + len);

        qemu_iovec_reset(&dst);
        check_content(&dst, flat, 0);
        /* Past the end: what there is. */
        qemu_iovec_concat(&dst, &c.qiov, 0, SIZE_MAX);
        check_content(&dst, c.flat, c.qiov.size);
        qemu_iovec_destroy(&dst);
        qemu_iovec_destroy(&c.qiov);
    }
}

/* The elements that a slice needs, found one byte at a time. */
static int touched(const QEMUIOVector *qiov, size_t offset, size_t len,
                   bool *whole)
{
    size_t start = 0;
    int i, n = 0;

    *whole = true;
    for (i = 0; i < qiov->niov; i++) {
        size_t end = start + qiov->iov[i].iov_len;

        if (len > 0 && start < end && start < offset + len && offset < end) {
            n++;
            *whole = *whole && offset <= start && end <= offset + len;
        }
        start = end;
    }
    return n;
}

static void test_slice(void)
{
    struct iovec space[8];
    size_t offset, len;
    QEMUIOVector slice;
    bool whole;
    Case c;
    int round, n;

    for (round = 0; round < ROUNDS; round++) {
        case_init(&c);
        random_range(c.qiov.size, &offset, &len);
        n = touched(&c.qiov, offset, len, &whole);
        qemu_iovec_init_slice(&slice, &c.qiov, offset, len);
        check_content(&slice, c.flat + offset, len);
        g_assert_cmpint(slice.nalloc < 0, ==, n <= 1 || whole);
        qemu_iovec_destroy(&slice);
        g_assert_cmpint(slice.niov, ==, 0);

        qemu_iovec_init_slice_space(&slice, &c.qiov, offset, len, space,
                                    ARRAY_SIZE(space));
        check_content(&slice, c.flat + offset, len);
        /* Empty elements in between count, too. */
        g_assert_cmpint(slice.niov, >=, n);
        g_assert_cmpint(slice.nalloc < 0, ==,
                        n <= 1 || whole ||
                            slice.niov <= (int)ARRAY_SIZE(space));
        /* Making it left the source as it was. */
        check_content(&c.qiov, c.flat, c.qiov.size);
        qemu_iovec_destroy(&slice);
        qemu_iovec_destroy(&c.qiov);
    }
}

static void test_extended(void)
{
    uint8_t head[32], tail[32], flat[MEMORY];
    size_t offset, len, nhead, ntail;
    QEMUIOVector ext;
    IovSpace vec;
    Case c;
    int round;

    memset(head, 'h', sizeof(head));
    memset(tail, 't', sizeof(tail));
    for (round = 0; round < ROUNDS; round++) {
        case_init(&c);
        random_range(c.qiov.size, &offset, &len);
        nhead = g_test_rand_int_range(0, 33);
        ntail = g_test_rand_int_range(0, 33);
        g_assert_cmpint(qemu_iovec_init_extended(&ext, head, nhead, &c.qiov,
                                                 offset, len, tail, ntail),
                        ==, 0);
        memcpy(flat, head, nhead);
        memcpy(flat + nhead, c.flat + offset, len);
        memcpy(flat + nhead + len, tail, ntail);
        check_content(&ext, flat, nhead + len + ntail);
        qemu_iovec_destroy(&ext);

        g_assert_cmpint(
            qemu_iovec_init_extended_space(&vec.qiov, head, nhead, &c.qiov,
                                           offset, len, tail, ntail,
                                           vec.space, IOV_SPACE),
            ==, 0);
        check_content(&vec.qiov, flat, nhead + len + ntail);
        g_assert_cmpint(vec.qiov.nalloc < 0, ==, vec.qiov.niov <= IOV_SPACE);
        iov_space_destroy(&vec);
        iov_space_init_slice(&vec, &c.qiov, offset, len);
        check_content(&vec.qiov, c.flat + offset, len);
        iov_space_destroy(&vec);
        qemu_iovec_destroy(&c.qiov);
    }
}

static void test_extended_too_much(void)
{
    static struct iovec many[IOV_MAX];
    uint8_t byte = 0;
    QEMUIOVector source, ext;
    int i;

    for (i = 0; i < IOV_MAX; i++) {
        many[i] = (struct iovec){ &byte, 1 };
    }
    qemu_iovec_init_external(&source, many, IOV_MAX);
    g_assert_cmpint(
        qemu_iovec_init_extended(&ext, NULL, 0, &source, 0, IOV_MAX, NULL, 0),
        ==, 0);
    g_assert_cmpint(ext.niov, ==, IOV_MAX);
    qemu_iovec_destroy(&ext);
    g_assert_cmpint(
        qemu_iovec_init_extended(&ext, &byte, 1, &source, 0, IOV_MAX, NULL, 0),
        ==, -EINVAL);
    g_assert_cmpint(ext.niov, ==, 0);
    qemu_iovec_destroy(&ext);
    g_assert_cmpint(
        qemu_iovec_init_extended(&ext, &byte, SIZE_MAX, &source, 0, 1, NULL, 0),
        ==, -EINVAL);
    qemu_iovec_destroy(&ext);
    g_assert_cmpint(
        qemu_iovec_init_extended(&ext, &byte, SIZE_MAX, NULL, 0, 0, &byte, 1),
        ==, -EINVAL);
    qemu_iovec_destroy(&ext);
}

static void test_local(void)
{
    char buf[] = "abcdef";
    QEMUIOVector a = QEMU_IOVEC_INIT_BUF(a, buf, 6);
    QEMUIOVector b;

    qemu_iovec_init_buf(&b, buf + 1, 3);
    g_assert_true(a.iov == &a.local_iov);
    g_assert_true(a.local_iov.iov_base == buf);
    check_content(&a, (uint8_t *)"abcdef", 6);
    check_content(&b, (uint8_t *)"bcd", 3);
    b.size = 2;
    g_assert_cmpuint(b.local_iov.iov_len, ==, 2);
    qemu_iovec_destroy(&a);
    qemu_iovec_destroy(&b);
}

static void test_external(void)
{
    char buf[] = "abcdef";
    struct iovec iov[2] = { { buf, 2 }, { buf + 3, 3 } };
    QEMUIOVector qiov;

    qemu_iovec_init_external(&qiov, iov, 2);
    g_assert_true(qiov.iov == iov);
    check_content(&qiov, (uint8_t *)"abdef", 5);
    qemu_iovec_destroy(&qiov);
    g_assert_cmpuint(iov[1].iov_len, ==, 3);
}

/* Run the function at @data in a process of its own; it must assert. */
static void must_assert(gconstpointer data)
{
    void (*const *fn)(void) = data;

    if (g_test_subprocess()) {
        (*fn)();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*ssertion*");
}

static void concat_past(void)
{
    char buf[4] = "";
    QEMUIOVector src = QEMU_IOVEC_INIT_BUF(src, buf, 4), dst;

    qemu_iovec_init(&dst, 1);
    qemu_iovec_concat(&dst, &src, 5, 0);
}

static void add_to_external(void)
{
    char buf[4] = "";
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, 4);

    qemu_iovec_add(&qiov, buf, 1);
}

static void reset_external(void)
{
    char buf[4] = "";
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, 4);

    qemu_iovec_reset(&qiov);
}

static void copy_past(void)
{
    char buf[4] = "";
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, 4);

    qemu_iovec_from_buf(&qiov, 5, buf, 0);
}

static void (*const bugs[])(void) = {
    concat_past,
    add_to_external,
    reset_external,
    copy_past,
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iov/copy", test_copy);
    g_test_add_func("/iov/gaps", test_gaps);
    g_test_add_func("/iov/concat", test_concat);
    g_test_add_func("/iov/slice", test_slice);
    g_test_add_func("/iov/extended", test_extended);
    g_test_add_func("/iov/extended-too-much", test_extended_too_much);
    g_test_add_func("/iov/local", test_local);
    g_test_add_func("/iov/external", test_external);
    g_test_add_data_func("/iov/bug/concat-past", &bugs[0], must_assert);
    g_test_add_data_func("/iov/bug/add-to-external", &bugs[1], must_assert);
    g_test_add_data_func("/iov/bug/reset-external", &bugs[2], must_assert);
    g_test_add_data_func("/iov/bug/copy-past", &bugs[3], must_assert);
    return g_test_run();
}
