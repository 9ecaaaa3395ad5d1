// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The key that somebody meant who wrote another word: the one with the fewest letters that differ.
 * Any thread.
 */
#include "conf/keys.h"

#include <string.h>

#define NAME_MAX_LEN 28u /* longer than every key */

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters to insert, delete, replace or swap with their neighbour to make @b of @a. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
	unsigned int a_len = (unsigned int)strlen(a), b_len = (unsigned int)strlen(b);

	for (unsigned int i = 0; i <= a_len; i++)
		d[i][0] = i;
	for (unsigned int j = 0; j <= b_len; j++)
		d[0][j] = j;
	for (unsigned int i = 1; i <= a_len; i++) {
		for (unsigned int j = 1; j <= b_len; j++) {
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
					d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1, d[i][j]);
		}
	}
	return d[a_len][b_len];
}

const struct key *key_nearest(enum key_group group, const char *name)
{
	/* More than a third of the letters wrong is another word. */
	unsigned int len = (unsigned int)strlen(name), best = (len < 4 ? 4 : len) / 3 + 1, far;
	const struct key *nearest = NULL;

	if (len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < keys_len; i++) {
		if (keys[i].group != group)
			continue;
		far = distance(name, keys[i].name);
		if (far < best) {
			best = far;
			nearest = &keys[i];
		}
	}
	return nearest;
}
