/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_ARRAY_H
#define LIB_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/* Room for one more item of @size bytes in the malloc'd array that @array points to, which holds
 * @len of at most *@max. False without memory; the array is then as before. Any thread. */
bool array_grow(void *array, size_t len, size_t *max, size_t size);

#endif
