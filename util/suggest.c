/* SPDX-License-Identifier: MIT */
/*
 * Suggestions: which known word is the closest to one that is not known?
 *
 * Close is measured in edits: a character put in, left out, changed, or swapped
 * with its neighbour; a word may have one for each three characters.
 *
 * Invariants: hyphens in front, what comes after an equals sign, and case are
 * no part of the comparison; words longer than WORD_MAX are never close, so
 * that time and memory have a bound.
 */
#include "qemu/osdep.h"
#include "minblk/suggest.h"
#include "qemu/cutils.h"

#define WORD_MAX 64
/*
 * A beginning of so many characters is as good as one edit, and so is any after
 * two hyphens, because it may be that of a long option.
 */
#define PREFIX_MIN 3

/* What is compared of @word; *@len is its length. */
static const char *suggest_stem(const char *word, int *len)
{
    word += strspn(word, "-");
    *len = MIN(strcspn(word, "="), WORD_MAX + 1);
    return word;
}

/* Edits between two words of at most WORD_MAX characters. */
static int suggest_distance(const char *a, int a_len, const char *b, int b_len)
{
    /* The rows for the last two characters of @a, and for this one. */
    int rows[3][WORD_MAX + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];

    for (int j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (int i = 1; i <= a_len; i++) {
        int *free_row = before;

        before = last;
        last = row;
        row = free_row;
        row[0] = i;
        for (int j = 1; j <= b_len; j++) {
            char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);

            row[j] = MIN(MIN(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) &&
                y == g_ascii_tolower(a[i - 2])) {
                row[j] = MIN(row[j], before[j - 2] + 1);
            }
        }
    }
    return row[b_len];
}

void suggest_begin(Suggestion *s, const char *word)
{
    *s = (Suggestion) {
        .word = word, .distance = INT_MAX, .offers = g_string_new(NULL),
    };
}

void suggest_offer(Suggestion *s, const char *candidate)
{
    int a_len, b_len, distance;
    const char *a = suggest_stem(s->word, &a_len);
    const char *b = suggest_stem(candidate, &b_len);

    g_string_append_printf(s->offers, "%s%s", s->offers->len ? ", " : "",
                           candidate);
    if (a_len == 0 || MAX(a_len, b_len) > WORD_MAX) {
        return;
    }
    distance = suggest_distance(a, a_len, b, b_len);
    if ((a_len >= PREFIX_MIN || a == s->word + 2) &&
        g_ascii_strncasecmp(a, b, a_len) == 0) {
        distance = MIN(distance, 1);
    }
    if (distance < s->distance && distance <= MAX(a_len, b_len) / 3) {
        s->distance = distance;
        s->best = candidate;
    }
}

char *suggest_end(Suggestion *s, const char *heading)
{
    GString *text = g_string_new(NULL);

    if (heading && s->offers->len) {
        g_string_append_printf(text, "%s: %s\n", heading, s->offers->str);
    }
    /* Not the word itself, which may be known but out of place. */
    if (s->best && strcmp(s->best, s->word) != 0) {
        g_string_append_printf(text, "Did you mean '%s'?\n", s->best);
    }
    g_string_free(s->offers, TRUE);
    return g_string_free(text, FALSE);
}

char *suggest_values(const char *word, const char *const *values, size_t n)
{
    Suggestion s;

    suggest_begin(&s, word);
    for (size_t i = 0; i < n; i++) {
        suggest_offer(&s, values[i]);
    }
    return suggest_end(&s, "Accepted values");
}

char *suggest_size(const char *text)
{
    static const char *const bytes[] = { "B", "iB", "byte", "bytes" };
    const char *rest;
    uint64_t value;
    int len;

    if (!g_ascii_isdigit(*text)) {
        return g_strdup("");
    }
    if (qemu_strtosz(text, &rest, &value) == -EINVAL) {
        return g_strdup_printf("'%s' is no whole number of bytes\n", text);
    }
    len = rest - text;
    for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
        if (g_ascii_strcasecmp(rest, bytes[i]) == 0) {
            return g_strdup_printf("The '%s' after '%.*s' is wrong: write "
                                   "'%.*s'\n", rest, len, text, len, text);
        }
    }
    return *rest ? g_strdup_printf("The '%s' after '%.*s' is wrong: the units "
                                   "are k, M, G, T, P and E\n", rest, len,
                                   text)
                 : g_strdup("");
}
