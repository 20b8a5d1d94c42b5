// SPDX-License-Identifier: BSD-3-Clause
// Which word was meant: Damerau-Levenshtein distance (optimal string alignment), cheap for case and for dash or
// underscore.
#include <ctype.h>
#include <string.h>

#include "schema.h"

#define WORD_MAX 48 // longer words get no suggestion

static bool alike(char a, char b)
{
	a = a == '_' ? '-' : (char)tolower((unsigned char)a);
	b = b == '_' ? '-' : (char)tolower((unsigned char)b);
	return a == b;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned row[3][WORD_MAX + 1];
	unsigned *before = row[0], *last = row[1], *now = row[2];
	for (unsigned j = 0; j <= b_length; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			now[j] = min3(now[j - 1] + 1, last[j] + 1, last[j - 1] + (alike(a[i - 1], b[j - 1]) ? 0 : 1));
			bool swapped = i > 1 && j > 1 && alike(a[i - 1], b[j - 2]) && alike(a[i - 2], b[j - 1]);
			if (swapped && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

const char *cat_suggest(const char *found, const char *const *words)
{
	size_t length = strlen(found);
	if (!length || length > WORD_MAX)
		return NULL;
	// About one slip in three letters; in very short words only case.
	unsigned limit = length < 3 ? 0 : length < 6 ? 1 : length < 9 ? 2 : 3;
	const char *best = NULL;
	for (; *words; words++) {
		size_t word_length = strlen(*words);
		if (word_length > WORD_MAX || !word_length)
			continue;
		unsigned d = distance(found, length, *words, word_length);
		// Plural and singular, abbreviation and full word: "port" for "ports", "addr" for "address".
		if (d > limit && length >= 3 && word_length > length && strncmp(found, *words, length) == 0)
			d = limit;
		if (d > limit && word_length >= 3 && length > word_length && strncmp(found, *words, word_length) == 0)
			d = limit;
		// "wf" for "fw": in two letters nothing else counts as a slip.
		if (length == 2 && word_length == 2 && alike(found[0], (*words)[1]) && alike(found[1], (*words)[0]))
			d = limit;
		if (d <= limit && (!best || d < limit)) {
			best = *words;
			limit = d;
		}
	}
	return best;
}

void write_choices(FILE *out, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
}
