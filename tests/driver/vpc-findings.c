/* SPDX-License-Identifier: MIT */
/*
 * What checks of images find; see vpc-findings.h.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vpc-findings.h"

static void note(const BdrvCheckFinding *found, void *opaque)
{
    g_string_append_printf(opaque, "%c@%" PRId64 " %s is %s, expected %s%s",
                           "CLW"[found->grade], found->offset, found->field,
                           found->value, found->expected,
                           found->fixed ? " !" : found->planned ? " ?" : "");
    if (found->guest_bytes) {
        g_string_append_printf(opaque, " %" PRId64 "+%" PRId64,
                               found->guest_offset, found->guest_bytes);
    }
    g_string_append_c(opaque, '\n');
}

char *check_lines(Fixture *f, BdrvCheckMode fix, BdrvCheckResult *result,
                  int *ret)
{
    bool writes = fix && !(fix & BDRV_FIX_DRY_RUN);
    BlockBackend *blk = open_flags(f, BDRV_O_CHECK |
                                   (writes ? BDRV_O_RDWR : 0), &error_abort);
    GString *lines = g_string_new("");
    BdrvCheckResult mine;
    int r;

    result = result ?: &mine;
    r = bdrv_check_listening(blk_bs(blk), result, fix, note, lines);
    blk_unref(blk);
    if (ret) {
        *ret = r;
    }
    if (r < 0) {
        g_string_free(lines, true);
        return NULL;
    }
    return g_string_free(lines, false);
}

void assert_sound(Fixture *f)
{
    assert_findings(f, 0, "");
}

void assert_findings(Fixture *f, BdrvCheckMode fix, const char *expected)
{
    BdrvCheckResult result;
    g_autofree char *text = check_lines(f, fix, &result, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_auto(GStrv) wanted = g_strsplit(expected, "\n", -1);

    g_assert_cmpint(result.check_errors, ==, 0);
    for (unsigned i = 0; lines[i] || wanted[i]; i++) {
        if (!lines[i] || !wanted[i] || (!*lines[i]) != (!*wanted[i]) ||
            !g_str_has_prefix(lines[i], wanted[i])) {
            g_error("found:\n%sexpected:\n%s", text, expected);
        }
    }
}
