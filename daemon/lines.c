// SPDX-License-Identifier: GPL-2.0-or-later
/* Text for the control socket: JSON goes straight into the buffer that will be written, without a
 * string of its own in between. Control thread. */
#include "daemon/lines.h"

#include <stdlib.h>
#include <string.h>

static int append(const char *text, size_t len, void *data)
{
	struct lines *lines = data;
	size_t max = lines->max ? lines->max : 1024;
	char *more;

	while (max - lines->len < len)
		max *= 2;
	if (max != lines->max) {
		more = realloc(lines->data, max);
		if (!more)
			return -1;
		lines->data = more;
		lines->max = max;
	}
	memcpy(lines->data + lines->len, text, len);
	lines->len += len;
	return 0;
}

void lines_add(struct lines *lines, json_t *json)
{
	size_t len = lines->len;

	if (!json || json_dump_callback(json, append, lines, JSON_COMPACT) ||
	    append("\n", 1, lines)) {
		lines->len = len;
		lines->failed = true;
	}
	json_decref(json);
}

void lines_clear(struct lines *lines)
{
	free(lines->data);
	*lines = (struct lines){0};
}
