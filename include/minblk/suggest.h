/* SPDX-License-Identifier: MIT */
/*
 * What a user may have meant by a word that was refused.
 *
 * Suggestion s;
 * suggest_begin(&s, word), then suggest_offer() for each word that would have
 * been accepted, in the order in which they are to be listed, then
 * suggest_end(), which is never to be left out.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef MINBLK_SUGGEST_H
#define MINBLK_SUGGEST_H

#include <glib.h>

typedef struct Suggestion {
    const char *word;
    const char *best;       /* an offer, borrowed; NULL: none is close */
    int distance;           /* of the best one, in edits */
    GString *offers;        /* separated by commas */
} Suggestion;

/* @word must stay until the end. */
void suggest_begin(Suggestion *s, const char *word);

/* @candidate must stay until the end. */
void suggest_offer(Suggestion *s, const char *candidate);

/*
 * Whole lines, for error_append_hint() or error_printf(), to be freed with
 * g_free(): with @heading not NULL all offers after it, then the closest one,
 * if it is close enough to be what was meant.  May be empty.
 */
char *suggest_end(Suggestion *s, const char *heading);

/* All this for the @n words of an enumeration, under "Accepted values". */
char *suggest_values(const char *word, const char *const *values, size_t n);

/*
 * Whole lines that say what is wrong with a text that begins as a size does but
 * is none; "" for another one.  g_free() them.
 */
char *suggest_size(const char *text);

#endif
