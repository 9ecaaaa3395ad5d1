// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arrays that grow while they are filled, by doubling. Any thread.
 */
#include "lib/array.h"

#include <stdlib.h>

bool array_grow(void *array, size_t len, size_t *max, size_t size)
{
	void **items = array, *more;

	if (len < *max)
		return true;
	more = reallocarray(*items, *max ? *max * 2 : 64, size);
	if (!more)
		return false;
	*items = more;
	*max = *max ? *max * 2 : 64;
	return true;
}
