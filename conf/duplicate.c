// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is something there twice: a service, a server? The one idea: an index is sorted, so that
 * thousands cost no more than sorting, and the two are named by their places. Any thread.
 */
#include "conf/duplicate.h"

#include <errno.h>
#include <stdlib.h>

/* Pointers into the array by what they point to, then by place. */
static int compare_pointers(const void *a, const void *b, void *compare)
{
	const void *x = *(const void *const *)a, *y = *(const void *const *)b;
	int (*items)(const void *, const void *) = *(int (**)(const void *, const void *))compare;
	int ret = items(x, y);

	return ret ? ret : (x > y) - (x < y);
}

int duplicate_find(const void *items, size_t len, size_t size,
		   int (*compare)(const void *, const void *), size_t *first, size_t *second)
{
	const char **index = calloc(len + 1, sizeof(*index)), *base = items;
	size_t at;
	int found = 0;

	if (!index)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++)
		index[i] = base + i * size;
	qsort_r(index, len, sizeof(*index), compare_pointers, &compare);
	for (size_t i = 1; i < len; i++) {
		at = (size_t)(index[i] - base) / size;
		if (compare(index[i - 1], index[i]) || (found && at > *second))
			continue;
		found = 1;
		*first = (size_t)(index[i - 1] - base) / size;
		*second = at;
	}
	free(index);
	return found;
}
