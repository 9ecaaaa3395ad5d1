/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_DUPLICATE_H
#define CONF_DUPLICATE_H

#include <stddef.h>

/*
 * Looks for two equal items in an array, by @compare. Returns false if there are none; else the
 * earliest item that repeats an earlier one. -ENOMEM. @second, @first: their indexes.
 */
int duplicate_find(const void *items, size_t len, size_t size,
		   int (*compare)(const void *, const void *), size_t *first, size_t *second);

#endif
