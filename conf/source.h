/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include "lib/err.h"

/* The text of a configuration as libconfig gets it, and where each of its lines came from. */
struct source;

struct place {
	const char *file; /* of the source */
	unsigned int line;
};

/* Reads @path and, in their places, the files that it includes. On success *@out is owned by the
 * caller; on failure -errno, @err "FILE:LINE: message" or "FILE: message". Any thread. */
int source_load(const char *path, struct source **out, struct error *err)
	__attribute__((warn_unused_result));

/* The same from memory, where no other file can be included. @name stands for the file. */
int source_parse(const char *text, const char *name, struct source **out, struct error *err)
	__attribute__((warn_unused_result));

void source_free(struct source *source);

const char *source_text(const struct source *source);

/* Where line @line (from 1) of the text came from; of the nearest line if there is no such. */
struct place source_place(const struct source *source, unsigned int line);

#endif
