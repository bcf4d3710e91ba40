/* SPDX-License-Identifier: MIT */
/*
 * Suggestions for a word that was refused.
 */
#include "qemu/osdep.h"
#include "minblk/suggest.h"

/* What is suggested for @word among @words, "" for nothing. */
static void check(const char *word, const char *words, const char *expected)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    g_autofree char *text = NULL;
    g_autofree char *line =
        *expected ? g_strdup_printf("Did you mean '%s'?\n", expected)
                  : g_strdup("");
    Suggestion s;

    suggest_begin(&s, word);
    for (char **w = list; *w; w++) {
        suggest_offer(&s, *w);
    }
    text = suggest_end(&s, NULL);
    g_assert_cmpstr(text, ==, line);
}

static void test_edits(void)
{
    check("vdh", "raw vpc vhd", "vhd");         /* swapped */
    check("rw", "raw vpc vhd", "raw");          /* left out */
    check("raww", "raw vpc vhd", "raw");        /* too many */
    check("rav", "raw vpc vhd", "raw");         /* another one */
    check("fixd", "dynamic fixed", "fixed");
    check("dinammic", "dynamic fixed", "dynamic");
    check("subformatt", "size subformat", "subformat");
}

/* A word that has little in common with all others is no misspelling. */
static void test_far(void)
{
    check("qcow2", "raw vpc vhd", "");
    check("vdi", "raw vpc vhd", "");
    check("x", "a b c", "");
    check("ab", "ac bb", "");
    check("", "a b", "");
    /* Itself is no other word. */
    check("raw", "raw rew", "");
    check("word", "", "");
}

static void test_nearest(void)
{
    check("compaer", "commit compact compare", "compare");
    /* Of several the first. */
    check("abd", "abc abe", "abc");
}

static void test_beginning(void)
{
    check("conv", "create convert", "convert");
    check("co", "create convert", "");
    /* An abbreviation, as long options may have them. */
    check("--o=json", "-f --output", "--output");
    check("-o", "-f --output", "");
}

static void test_case(void)
{
    check("RAW", "raw vpc", "raw");
    check("-F", "-a -f", "-f");
}

static void test_options(void)
{
    check("-output", "--output", "--output");
    check("--outptu=json", "-f --output", "--output");
    check("--image-optsx", "-f --image-opts", "--image-opts");
}

/* Neither a table of that size is made, nor is time spent on it. */
static void test_long(void)
{
    g_autofree char *word = g_strnfill(1 << 20, 'a');
    g_autofree char *other = g_strnfill((1 << 20) + 1, 'a');
    g_autofree char *just = g_strnfill(64, 'a');
    g_autofree char *near = g_strnfill(63, 'a');

    check(word, other, "");
    check(just, near, near);
    check(near, just, just);
}

static void test_list(void)
{
    static const char *const values[] = { "off", "falloc", "full" };
    g_autofree char *near = suggest_values("fulll", values, 3);
    g_autofree char *far = suggest_values("x", values, 3);
    g_autofree char *none = suggest_values("x", values, 0);

    g_assert_cmpstr(near, ==, "Accepted values: off, falloc, full\n"
                              "Did you mean 'full'?\n");
    g_assert_cmpstr(far, ==, "Accepted values: off, falloc, full\n");
    g_assert_cmpstr(none, ==, "");
}

static void check_size(const char *text, const char *expected)
{
    g_autofree char *hint = suggest_size(text);

    g_assert_cmpstr(hint, ==, expected);
}

static void test_size(void)
{
    check_size("10GB", "The 'B' after '10G' is wrong: write '10G'\n");
    check_size("10mib", "The 'ib' after '10m' is wrong: write '10m'\n");
    check_size("1.5 G", "'1.5 G' is no whole number of bytes\n");
    check_size("10 G", "The ' G' after '10' is wrong: the units are k, M, G, T, "
               "P and E\n");
    check_size("10Z", "The 'Z' after '10' is wrong: the units are k, M, G, T, "
               "P and E\n");
    check_size("1.5", "'1.5' is no whole number of bytes\n");
    check_size("", "");
    check_size("-1", "");
    check_size("nosuch", "");
    check_size("1G", "");
    check_size("99E", "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/suggest/edits", test_edits);
    g_test_add_func("/suggest/far", test_far);
    g_test_add_func("/suggest/nearest", test_nearest);
    g_test_add_func("/suggest/beginning", test_beginning);
    g_test_add_func("/suggest/case", test_case);
    g_test_add_func("/suggest/options", test_options);
    g_test_add_func("/suggest/long", test_long);
    g_test_add_func("/suggest/list", test_list);
    g_test_add_func("/suggest/size", test_size);
    return g_test_run();
}
