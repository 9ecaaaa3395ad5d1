/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_LINES_H
#define DAEMON_LINES_H

#include <jansson.h>
#include <stdbool.h>

/* Lines of JSON that are to be sent, as one growing piece of text. All zero at first; owned by
 * whoever has it. Control thread. */
struct lines {
	char *data;
	size_t len, max;
	bool failed; /* no memory: something is missing */
};

/* Adds a line; takes @json over (NULL counts as no memory). */
void lines_add(struct lines *lines, json_t *json);

/* Frees the text. */
void lines_clear(struct lines *lines);

#endif
